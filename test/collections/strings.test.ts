/**
 * strings: random lives of StringBuilder against a Buffer, on every kind of ground, with a second handle; strings against
 * JavaScript's own; what happens without memory, after a clear, in another thread, over damaged and over moved bytes.
 * `SEED=... npx mocha test/collections/strings.test.ts` repeats the random ones.
 */
import { isUtf8 } from 'node:buffer'
import { Worker } from 'node:worker_threads'
import { expect } from 'chai'
import { FIELDS } from '../../src/collections/collection.ts'
import { StringBuilder } from '../../src/collections/string-builder.ts'
import * as strings from '../../src/collections/strings.ts'
import { attach, injectOptions, open, type Region, VmallocError } from '../../src/index.ts'
import { Rng, seedFrom } from '../conformance/index.ts'
import { expectFault } from '../fixtures/faults.ts'

const SEED = seedFrom(process.env.SEED)
const STEPS = 400
const MOST = 3000 // bytes of a model, beyond which it is cut

const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
const isRepeated = (text: string, part: string) => text.split(part).length - 1

/** What the first `length` bytes are without a character that they cut in two: asked of the platform's decoder. */
function cut(bytes: Buffer, length: number): Buffer {
  if (length >= bytes.length) return bytes
  const whole = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes.subarray(0, length), { stream: true })
  let end = length
  while (decoder.decode(bytes.subarray(0, end)) !== whole) end--
  return bytes.subarray(0, end)
}

/** Where the longest beginning ends that is UTF-8, or -1 where all is. */
function flawOf(bytes: Buffer): number {
  if (isUtf8(bytes)) return -1
  let end = bytes.length - 1
  while (!isUtf8(bytes.subarray(0, end))) end--
  return end
}

const units = ['a', 'Z', '\0', '\x7f', 'ä', '\u07ff', '€', '\ufeff', '\uffff', '😀', '\u{10ffff}', '\ud83d', '\ude00']
const randomText = (rng: Rng, most: number) =>
  Array.from({ length: rng.size(most) }, () => (rng.chance(3 / 4) ? 'x' : rng.pick(units))).join('')
/** Bytes that often begin characters and seldom end them. */
const randomBytes = (rng: Rng, most: number) =>
  Buffer.from(
    Array.from({ length: rng.size(most) }, () =>
      rng.pick([rng.below(256), 0x80 + rng.below(64), 0xc0 + rng.below(64)]),
    ),
  )

type Places = { home: Region; data?: Region; most?: number }
// biome-ignore format: a table
const grounds: Record<string, () => Places> = {
  'best': () => ({ home: open({ discipline: 'memory', check: 3 }) }),
  'last': () => ({ home: open({ discipline: 'memory', method: 'last', check: 3 }) }),
  'debug(best)': () => ({ home: open({ discipline: 'memory', method: 'debug(best)', check: 3, leaks: false }) }),
  'junk in a buffer': () => ({ home: open({ discipline: new ArrayBuffer(400_000), junk: true, check: 3 }) }),
  'part of a buffer': () => ({ home: open({ discipline: new Uint8Array(new ArrayBuffer(400_000), 8, 390_000), check: 3 }) }),
  'shared memory': () => ({ home: open({ discipline: 'shared', check: 3 }) }),
  'a nested region': () => ({ home: open({ discipline: open({ discipline: 'memory' }), check: 3 }) }),
  'data in a nested last': () => {
    const home = open({ discipline: 'memory', check: 3 })
    return { home, data: open({ discipline: home, method: 'last', check: 3 }) }
  },
  'data in a pool': () => {
    const home = open({ discipline: 'memory', check: 3 })
    return { home, data: open({ discipline: home, method: 'pool', element: 1000, check: 3 }), most: 999 }
  },
  'data in a pool of shared memory': () => {
    const home = open({ discipline: 'shared', check: 3 })
    return { home, data: open({ discipline: home, method: 'pool', element: 64, check: 3 }), most: 63 }
  },
  'a small buffer': () => ({ home: open({ discipline: new ArrayBuffer(3500), check: 3 }), most: 0 }),
}

/** A builder and its model: each step does the same to both, and both must be the same afterwards. */
class Life {
  readonly places: Places
  readonly builder: StringBuilder
  readonly rng: Rng
  model: Buffer = Buffer.alloc(0)
  refusals = 0
  private readonly handles: StringBuilder[]
  private readonly word: string
  private readonly wordAt: number

  constructor(places: Places, rng: Rng) {
    const { home, data } = places
    this.places = places
    this.rng = rng
    this.builder = new StringBuilder(home, data ? { data } : {})
    this.handles = [this.builder, new StringBuilder(home, { at: this.builder.at })]
    this.word = 'wörter and €'
    this.wordAt = strings.dup(home, this.word)
  }

  step(): void {
    const { rng } = this
    const handle = rng.pick(this.handles)
    const kind = rng.below(16)
    if (kind < 12) {
      const [added, act] = this.append(kind)
      this.tries(handle, Buffer.concat([this.model, Buffer.from(added as string)]), act)
    } else if (kind === 12) {
      const to = rng.below(this.model.length + 5)
      this.model = cut(this.model, to)
      expect(handle.truncate(to)).to.equal(this.model.length)
    } else if (kind === 13) this.repair(handle)
    else if (kind === 14 && rng.chance(1 / 8)) {
      handle.clear()
      this.model = Buffer.alloc(0)
    } else this.look(handle)
    if (this.model.length > MOST) {
      this.model = cut(this.model, 20)
      handle.truncate(20)
    }
    this.compare()
  }

  /** What to do to a builder, and what that adds to the model. */
  private append(kind: number): [added: Buffer | string, act: (builder: StringBuilder) => unknown] {
    const { rng, word, wordAt, model } = this
    const text = randomText(rng, 60)
    const bytes = randomBytes(rng, 40)
    const code = rng.pick([rng.below(0x80), rng.below(0x800), rng.below(0xd800), 0x10000 + rng.below(0x100000)])
    const char = String.fromCodePoint(code)
    const count = rng.below(5)
    const own = rng.below(model.length + 1)
    switch (kind) {
      case 0:
      case 1:
        return [text, (b) => b.append(text)]
      case 2:
        return [bytes, (b) => b.appendBytes(bytes)]
      case 3:
        return [word, (b) => b.append(wordAt)]
      case 4:
        return [Buffer.from(word).subarray(2, 2 + count), (b) => b.appendBytes(wordAt + 2, count)]
      case 5:
        return [model, (b) => b.append(b)]
      case 6:
        return [model.subarray(own), (b) => own < model.length && b.appendBytes(b.address + own, model.length - own)]
      case 7:
        return [char, (b) => b.appendCodePoint(code)]
      case 8:
        return [char.repeat(count), (b) => b.appendChar(char, count)]
      case 9:
        return [`\\x${(code & 0xff).toString(16).padStart(2, '0')}`, (b) => b.appendHex(code & 0xff)]
      case 10:
        return [`<${text}${code}${word}>`, (b) => b.format`<${text}${code}${strings.textAt(wordAt)}>`]
      default:
        return [
          code < 0x100
            ? `\\x${code.toString(16).padStart(2, '0')}`
            : code < 0x10000
              ? `\\u${code.toString(16).padStart(4, '0')}`
              : `\\U${code.toString(16).padStart(8, '0')}`,
          (b) => b.appendHexCodePoint(code),
        ]
    }
  }

  /** Where the ground is small, memory may be missing: then nothing changes. */
  private tries(handle: StringBuilder, grown: Buffer, act: (builder: StringBuilder) => unknown): void {
    const { most } = this.places
    try {
      act(handle)
      if (most) expect(grown.length).to.be.at.most(most)
      this.model = grown
    } catch (error) {
      if (!(error instanceof VmallocError) || error.code !== 'no-memory') throw error
      expect(most, `${grown.length} bytes, ${error.message}`).to.be.a('number')
      if (most) expect(grown.length).to.be.greaterThan(most)
      this.refusals++
      this.compare()
      if (this.rng.chance(1 / 2)) {
        handle.truncate(0)
        this.model = Buffer.alloc(0)
      }
    }
  }

  private repair(handle: StringBuilder): void {
    const { model } = this
    const text = decoder.decode(model)
    const replaced = isRepeated(text, '\ufffd') - isRepeated(model.toString('latin1'), '\xef\xbf\xbd')
    expect(handle.validate()).to.equal(flawOf(model))
    this.tries(handle, Buffer.from(text), (builder) => expect(builder.repair()).to.equal(replaced))
  }

  private look(handle: StringBuilder): void {
    const { rng, model } = this
    const [from, to] = [rng.below(model.length + 1), rng.below(model.length + 1)]
    const part = model.subarray(Math.min(from, to), Math.max(from, to))
    const start = rng.below(model.length + 1)
    expect(handle.indexOf(part, start)).to.equal(model.indexOf(part, start) < start ? -1 : model.indexOf(part, start))
    const other = rng.chance(1 / 2) ? randomBytes(rng, 8) : part
    expect(handle.compare(other)).to.equal(Buffer.compare(model, other))
    expect(handle.equals(other)).to.equal(model.equals(other))
    expect([...handle]).to.deep.equal([...decoder.decode(model)])
  }

  compare(): void {
    const { home, data = home } = this.places
    for (const handle of this.handles) {
      handle.check()
      expect(handle.length).to.equal(this.model.length)
      expect(this.model.equals(handle.toBytes()), 'bytes').to.equal(true)
    }
    expect(`${this.builder}`).to.equal(decoder.decode(this.model))
    home.check()
    data.check()
  }

  end(): void {
    const { home, data = home } = this.places
    expect(home.free(this.wordAt) || home.method === 'last').to.equal(true)
    home.retire(this.wordAt)
    if (this.rng.chance(1 / 2)) {
      const at = this.tryFinalize()
      if (at !== 0) data.retire(at)
    }
    this.builder.destroy()
    expect(this.handles.map(({ alive }) => alive)).to.deep.equal([false, false])
    expect(data.stat().busyBlocks, 'leaks in data').to.equal(0)
    if (data === home) expect(home.stat().busyBlocks, 'leaks').to.equal(0)
    data.close()
    expect(home.stat().busyBlocks, 'leaks at home').to.equal(0)
    home.close()
  }

  private tryFinalize(): number {
    const { model } = this
    const { home, data = home } = this.places
    const at = this.builder.finalize()
    expect(Buffer.from(data.bytes(at, model.length)).equals(model)).to.equal(true)
    expect(data.bytes(at, model.length + 1)[model.length]).to.equal(0)
    return at
  }
}

describe(`string builder, SEED=${SEED}`, () => {
  let were: string
  before(() => void (were = injectOptions('format=none')))
  after(() => injectOptions(were))

  for (const [name, ground] of Object.entries(grounds)) {
    it(`random life over ${name}`, () => {
      const places = ground()
      const life = new Life(places, new Rng(SEED))
      for (let i = 0; i < STEPS; i++) life.step()
      if (places.most !== undefined) expect(life.refusals).to.be.greaterThan(0)
      life.end()
    })
  }

  it('long texts', () => {
    const region = open({ discipline: 'memory' })
    const rng = new Rng(SEED)
    const builder = new StringBuilder(region)
    let expected = ''
    for (let i = 0; i < 12; i++) {
      const text = `${randomText(rng, 50)}\ud83d`.repeat(2 ** i)
      builder.append(text)
      expected += text.toWellFormed()
    }
    expect(builder.toString()).to.equal(expected)
    expect(builder.validate()).to.equal(-1)
    builder.append(builder).appendBytes(region.bytes(builder.address, 100))
    const twice = expected.repeat(2)
    expect(builder.toBytes().subarray(-100)).to.deep.equal(builder.toBytes().subarray(0, 100))
    expect(builder.toString().startsWith(twice)).to.equal(true)
    builder.check()
    builder.destroy()
    expect(region.stat().busyBlocks).to.equal(0)
    region.close()
  })

  it('bytes over memory that grows away under them', () => {
    const region = open({ discipline: 'memory' })
    const source = region.alloc(50_000)
    region.bytes(source, 50_000).fill(7)
    const builder = new StringBuilder(region)
    const before = region.buffer
    for (let i = 0; i < 40; i++) builder.appendBytes(region.bytes(source, 50_000))
    expect(region.buffer).to.not.equal(before)
    expect(builder.toBytes().every((byte) => byte === 7)).to.equal(true)
    expect(builder.length).to.equal(2_000_000)
    region.close()
  })

  it('grows seldom, and in place where nothing lies behind', () => {
    const region = open({ discipline: 'memory', method: 'last' })
    const builder = new StringBuilder(region)
    const { address } = builder
    expect(region.sizeOf(address)).to.equal(16)
    let resizes = 0
    region.on('resize', () => resizes++)
    for (let i = 0; i < 10_000; i++) builder.append('abcdefgh')
    expect(builder.address).to.equal(address)
    expect(region.sizeOf(address)).to.equal(2 ** 17)
    expect(resizes).to.equal(13)
    region.close()
  })

  it('moves with its NUL, and with bytes of its own that are appended', () => {
    const region = open({ discipline: 'memory', junk: true, check: 3 })
    const builder = new StringBuilder(region).append('0123456789abcde')
    const moves = (what: () => unknown) => {
      const { address } = builder
      region.alloc(64) // nothing can grow in place now
      what()
      builder.check()
      expect(builder.address).to.not.equal(address)
      region.alloc(2000) // nor is what was freed left as it was
    }
    moves(() => builder.append(builder))
    moves(() => builder.appendBytes(builder.address + 3, 27))
    expect(builder.toString()).to.equal('0123456789abcde0123456789abcde3456789abcde0123456789abcde')
    moves(() => builder.reserve(300))
    region.close()
  })

  it('truncate leaves what is no character anyway', () => {
    const region = open({ discipline: 'memory' })
    const builder = new StringBuilder(region)
    const bytes = Uint8Array.of(0x61, 0xed, 0xa0, 0x80, 0xc0, 0xf5, 0xe2, 0x82, 0x62)
    for (const [to, left] of [
      [8, 6],
      [7, 6],
      [6, 6],
      [5, 5],
      [4, 4],
      [3, 3],
      [2, 1],
    ] as const) {
      builder.truncate(0)
      expect(builder.appendBytes(bytes).truncate(to), `${to}`).to.equal(left)
    }
    region.close()
  })

  it('takes what is just enough where doubling is too much', () => {
    const region = open({ discipline: new ArrayBuffer(16_000), check: 3 })
    const builder = new StringBuilder(region, { size: 9000 }).append('x'.repeat(9000))
    expectFault('no-memory', ['string builder', '16001 bytes'], () => builder.append('y'.repeat(7000)))
    builder.append('y'.repeat(1000))
    expect(builder.toString()).to.equal('x'.repeat(9000) + 'y'.repeat(1000))
    builder.check()
    region.close()
  })

  it('leaves nothing behind when it cannot be made', () => {
    const region = open({ discipline: new ArrayBuffer(4000), check: 3 })
    expectFault('no-memory', ['no block of'], () => new StringBuilder(region, { size: 5000 }))
    expectFault('no-memory', ['no block of'], () => StringBuilder.from(region, 'x'.repeat(5000)))
    expectFault('argument', ['reserve: -1'], () => new StringBuilder(region, { size: -1 }))
    expectFault('argument', ['an address in the space'], () => StringBuilder.from(region, 1e9))
    expect(region.stat().busyBlocks).to.equal(0)
    let count = 0
    expectFault('no-memory', ['string builder'], () => {
      for (; ; count++) new StringBuilder(region)
    })
    expect(region.stat().busyBlocks).to.equal(count)
    region.close()
  })

  it('an empty one that has no memory to finalize stays', () => {
    const region = open({ discipline: new ArrayBuffer(3000), check: 3 })
    const builder = new StringBuilder(region)
    const taken: number[] = []
    for (let at = region.alloc(8); at !== 0; at = region.alloc(8)) taken.push(at)
    expectFault('no-memory', ['string builder'], () => builder.finalize())
    expectFault('no-memory', ['string builder'], () => builder.address)
    expectFault('no-memory', ['string builder'], () => builder.append('x'))
    builder.check()
    expect(builder.alive).to.equal(true)
    for (const at of taken) region.free(at)
    expect(region.readString(builder.finalize())).to.equal('')
    region.close()
  })

  it('is empty again when the region of its text was cleared', () => {
    for (const discipline of ['memory', 'shared']) {
      const home = open({ discipline, check: 3 })
      const data = open({ discipline: home, check: 3 })
      const builder = new StringBuilder(home, { data })
      const other = new StringBuilder(home, { at: builder.at })
      for (let i = 0; i < 5; i++) {
        builder.append(`packet ${i}`)
        expect(data.stat().busyBlocks).to.equal(1)
        data.clear()
        expect([`${other}`, other.length, [...other], other.validate()]).to.deep.equal(['', 0, [], -1])
        other.check()
        expect(data.stat().busyBlocks).to.equal(0)
      }
      builder.append('once more')
      data.close()
      expectFault('closed', ['where its contents lie'], () => builder.append('x'))
      builder.destroy()
      expect(home.stat().busyBlocks).to.equal(0)
      home.close()
      expectFault('closed', ['string builder'], () => builder.length)
    }
  })

  it('is there after a restart, at another place', () => {
    const source = new ArrayBuffer(8000)
    const region = open({ discipline: source })
    const builder = StringBuilder.from(region, 'written before, ä')
    const moved = new Uint8Array(new ArrayBuffer(9000), 512, 8000)
    moved.set(new Uint8Array(source))
    const again = attach(moved)
    const same = new StringBuilder(again, { at: builder.at + 512 })
    expect(`${same}`).to.equal('written before, ä')
    same.append(' and after'.repeat(20)).check()
    expect(again.readString(same.address)).to.equal(`written before, ä${' and after'.repeat(20)}`)
    expect(same.indexOf(same.address + 9)).to.equal(9)
    expect(`${builder}`, 'the old bytes are others').to.equal('written before, ä')
    same.append(builder)
    expect(same.toString().endsWith('afterwritten before, ä'), 'from another space').to.equal(true)
    expect([same.compare(builder), builder.compare(same)]).to.deep.equal([1, -1])
    again.close()
    region.close()
  })

  it('threads append lines of their own', async () => {
    const region = open({ discipline: 'shared' })
    const builder = new StringBuilder(region)
    const names = ['one', 'two']
    const lines = 500
    const crew = names.map(
      (name) =>
        new Worker(new URL('strings-hand.ts', import.meta.url), {
          workerData: { memory: region.share(), at: builder.at, name, lines },
        }),
    )
    const done = crew.map((hand) => new Promise((resolve, reject) => hand.on('message', resolve).on('error', reject)))
    expect(await Promise.all(done)).to.deep.equal([lines, lines])
    await Promise.all(crew.map((hand) => hand.terminate()))
    const seen = builder.toString().split('\n')
    expect(seen.pop()).to.equal('')
    for (const name of names) {
      expect(seen.filter((line) => line.startsWith(name))).to.deep.equal(
        Array.from({ length: lines }, (_, i) => `${name} ${i} ä`),
      )
    }
    expect(seen.length).to.equal(lines * names.length)
    builder.check()
    builder.destroy()
    expect(region.stat().busyBlocks).to.equal(0)
    region.close()
  })

  it('for..of over a text that changes', () => {
    const region = open({ discipline: 'memory', check: 3 })
    const builder = StringBuilder.from(region, 'abc')
    const seen: string[] = []
    for (const char of builder) {
      seen.push(char)
      builder.append('more'.repeat(20))
    }
    expect(seen.join('')).to.equal('abc')
    builder.truncate(10)
    seen.length = 0
    for (const char of builder) {
      seen.push(char)
      if (seen.length === 4) builder.truncate(5)
    }
    expect(seen.join('')).to.equal('abcmo')
    for (const _ of builder) builder.clear()
    expect(builder.length).to.equal(0)
    builder.appendBytes(Uint8Array.of(0x61, 0xc3))
    seen.length = 0
    for (const char of builder) {
      if (seen.push(char) === 1) builder.appendBytes(Uint8Array.of(0xa4))
    }
    expect(seen.join(''), 'what came later does not count').to.equal('a\ufffd')
    expectFault('closed', ['destroyed'], () => {
      for (const _ of builder) builder.destroy()
    })
    region.close()
  })

  it('a listener may use it while it grows', () => {
    const region = open({ discipline: 'memory' })
    const builder = new StringBuilder(region)
    let told = 0
    const off = region.on('alloc', () => {
      if (told++ < 3) builder.append(`[${told}]`)
    })
    builder.append('x'.repeat(100))
    builder.append('y'.repeat(1000))
    off()
    builder.check()
    const text = `${builder}`
    expect([isRepeated(text, 'x'), isRepeated(text, 'y')]).to.deep.equal([100, 1000])
    expect([1, 2, 3].map((n) => isRepeated(text, `[${n}]`))).to.deep.equal([1, 1, 1])
    builder.destroy()
    expect(region.stat().busyBlocks).to.equal(0)
    region.close()
  })

  describe('damage', () => {
    const HEAD = FIELDS // words of a head before its own
    let region: Region
    let builder: StringBuilder
    let words: Int32Array
    beforeEach(() => {
      region = open({ discipline: new ArrayBuffer(8000) })
      builder = StringBuilder.from(region, 'some text')
      words = new Int32Array(region.buffer)
    })

    for (const [what, field, value, law] of [
      ['no buffer', 0, 0, 'B1'],
      ['a buffer that is no block', 0, 77, 'B1'],
      ['a buffer below 0', 0, -8, 'B1'],
      ['a buffer far out', 0, 2 ** 29, 'B1'],
      ['a length as long as the buffer', 1, 16, 'B1'],
      ['a length below 0', 1, -1, 'B1'],
      ['a size larger than the block', 2, 4000, 'B1'],
      ['no size', 2, 0, 'B1'],
      ['a length that no NUL ends', 1, 8, 'B2'],
    ] as const) {
      it(what, () => {
        const at = (builder.at >>> 2) + HEAD + field
        const was = words[at]!
        words[at] = value
        const fault = expectFault('corrupted', [`string builder ${law}`], () => builder.check())
        expect(fault.place).to.be.a('number')
        words[at] = was
        builder.check()
      })
    }

    it('any bytes', () => {
      const rng = new Rng(SEED)
      const at = (builder.at >>> 2) + HEAD
      const was = words.slice(at, at + 3)
      let found = 0
      for (let i = 0; i < 300; i++) {
        words.set(was, at)
        words[at + rng.below(3)] = rng.word()
        try {
          builder.check()
        } catch (error) {
          expect((error as VmallocError).code, `${error}`).to.equal('corrupted')
          found++
        }
      }
      expect(found).to.be.greaterThan(290)
    })

    it('is taken up only at a builder', () => {
      const at = strings.dup(region, 'x'.repeat(100))
      expectFault('argument', ['string builder: at'], () => new StringBuilder(region, { at }))
      expectFault('argument', ['string builder: at'], () => new StringBuilder(region, { at: builder.at + 4 }))
    })
  })
})

describe(`strings, SEED=${SEED}`, () => {
  const kinds: Record<string, () => Region> = {
    best: () => open({ discipline: 'memory', check: 3 }),
    last: () => open({ discipline: 'memory', method: 'last', check: 3 }),
    pool: () => open({ discipline: 'memory', method: 'pool', element: 4096, check: 3 }),
    'debug(best)': () => open({ discipline: 'memory', method: 'debug(best)', check: 3, leaks: false }),
    'a nested region': () => open({ discipline: open({ discipline: 'memory' }), check: 3 }),
    'part of shared memory': () => open({ discipline: new Uint8Array(new SharedArrayBuffer(400_000), 16), check: 3 }),
  }
  const randomString = (rng: Rng, most: number) => randomText(rng, most).replaceAll('\0', '_')

  for (const [name, make] of Object.entries(kinds)) {
    it(`against JavaScript's own over ${name}`, () => {
      const region = make()
      const rng = new Rng(SEED)
      /** The same text as a JavaScript string or as an address. */
      const as = (text: string): string | number => (rng.chance(1 / 2) ? text : put(strings.dup(region, text)))
      let made: number[] = []
      const put = (at: number): number => {
        made.push(at)
        return at
      }
      const expectText = (at: number, text: string): void => {
        put(at)
        expect(strings.read(region, at)).to.equal(text.toWellFormed())
        expect(strings.length(region, at)).to.equal(Buffer.byteLength(text))
        expect(region.bytes(at, Buffer.byteLength(text) + 1).at(-1)).to.equal(0)
      }
      for (let i = 0; i < 60; i++) {
        const texts = Array.from({ length: rng.below(5) }, () => randomString(rng, 60))
        const separator = rng.pick(['x', 'xx', ', ', '€', 'ä😀'])
        const one = randomString(rng, 200)
        const count = rng.below(12)
        expectText(strings.dup(region, as(one)), one)
        expectText(strings.ndup(region, as(one), count), cut(Buffer.from(one), count).toString())
        expectText(strings.concat(region, ...texts.map(as)), texts.map((text) => text.toWellFormed()).join(''))
        expectText(
          strings.join(region, as(separator), ...texts.map(as)),
          texts.map((text) => text.toWellFormed()).join(separator),
        )
        expectText(
          strings.lower(region, as(one)),
          one.replace(/[A-Z]/g, (sign) => sign.toLowerCase()),
        )
        expectText(strings.format(region)`${i}${one}!`, `${i}${one}!`)

        const parts = one === '' ? [] : one.toWellFormed().split(separator)
        const max = rng.chance(1 / 2) ? undefined : 1 + rng.below(4)
        if (max !== undefined && parts.length > max) parts.push(parts.splice(max - 1).join(separator))
        const split = strings.split(region, as(one), as(separator), max)
        expect(split.map((at) => strings.read(region, at))).to.deep.equal(parts)
        if (split.length > 0) put(split[0]!)

        const [a, b] = [
          Buffer.from(one),
          Buffer.from(rng.chance(1 / 2) ? randomString(rng, 8) : one.toWellFormed().slice(0, 3)),
        ]
        expect(strings.compare(region, as(one), b)).to.equal(Buffer.compare(a, b))
        expect(strings.equal(region, b, as(b.toString()))).to.equal(true)
        expect(strings.equal(region, as(one), b)).to.equal(a.equals(b))
        const from = rng.below(a.length + 1)
        expect(strings.indexOf(region, as(one), b, from)).to.equal(b.length === 0 ? from : a.indexOf(b, from))

        for (const at of made.reverse()) expect(region.retire(at)).to.equal(true)
        made = []
        expect(region.stat().busyBlocks).to.equal(0)
      }
      region.close()
    })
  }

  it('finds as Buffer does, short parts and long ones that repeat themselves', () => {
    const region = open({ discipline: 'memory' })
    const rng = new Rng(SEED)
    for (let i = 0; i < 600; i++) {
      const words = Array.from({ length: 2 }, () => (rng.chance(1 / 2) ? 'a' : 'ab').repeat(1 + rng.below(3)))
      const whole = Buffer.from(Array.from({ length: rng.below(100) }, () => rng.pick(words)).join(''))
      const start = rng.below(whole.length + 1)
      const part = rng.chance(0.7)
        ? whole.subarray(start, start + rng.below(60))
        : Buffer.from('ab'.repeat(rng.below(20)))
      const from = rng.below(whole.length + 1)
      const expected = part.length === 0 ? from : whole.indexOf(part, from)
      expect(strings.indexOf(region, whole, part, from), `${whole} ${part} ${from}`).to.equal(expected)
    }
    region.close()
  })

  it('a long part that almost is everywhere is not searched for in quadratic time', () => {
    const region = open({ discipline: 'memory' })
    const whole = Buffer.alloc(2_000_000, 'a')
    const part = Buffer.concat([Buffer.alloc(500_000, 'a'), Buffer.from('b')])
    const began = performance.now()
    expect(strings.indexOf(region, whole, part)).to.equal(-1)
    expect(performance.now() - began).to.be.lessThan(3000)
    region.close()
  })

  it('strings of another region of the space, and of the middle of one', () => {
    const file = open({ discipline: 'memory' })
    const packet = open({ discipline: file })
    const at = strings.dup(packet, 'Host: example')
    const kept = strings.concat(file, at + 6, '!')
    packet.clear()
    expect(file.readString(kept)).to.equal('example!')
    file.close()
  })

  it('refuses what is no text', () => {
    const region = open({ discipline: new ArrayBuffer(4000) })
    const wrong: [unknown, string][] = [
      [0, 'dup: 0, expected an address'],
      [-4, 'dup: -4'],
      [1.5, 'dup: 1.5'],
      [Number.NaN, 'dup: NaN'],
      [4000, 'dup: 4000'],
      [null, 'dup: null, expected a string or an address'],
      [undefined, 'dup: undefined'],
      [{}, 'dup: an object'],
      ['a\0b', 'dup: a NUL at byte 1'],
    ]
    for (const [text, message] of wrong) expectFault('argument', [message], () => strings.dup(region, text as string))
    new Uint8Array(region.buffer).fill(1, 3000)
    expectFault('argument', ['dup: 3500, expected a text that a NUL ends'], () => strings.dup(region, 3500))
    expectFault('argument', ['ndup: 3990, expected a text that'], () => strings.ndup(region, 3990, 11))
    expect(strings.read(region, strings.ndup(region, 3990, 10))).to.equal('\x01'.repeat(10))
    for (const bytes of [-1, 0.5, Number.NaN, Infinity]) {
      expectFault('argument', [`ndup: ${bytes}`], () => strings.ndup(region, 'x', bytes))
    }
    expectFault('argument', ['format: null'], () => strings.format(region)`${null as never}`)
    expectFault('argument', ['format: an object'], () => strings.format(region)`${{} as never}`)
    expectFault('argument', ['memdup: 200, expected a length'], () => strings.memdup(region, 3900, 200))
    expectFault('argument', ['dup: 7, expected a region'], () => strings.dup(7 as never, 'x'))
    expectFault('argument', ['indexOf: null'], () => strings.indexOf(region, null as never, 'x'))
    region.close()
    expectFault('closed', ['dup'], () => strings.dup(region, 'x'))
  })

  it('no memory leaves nothing behind', () => {
    const region = open({ discipline: new ArrayBuffer(4000), check: 3 })
    const text = 'x'.repeat(5000)
    const calls: [name: string, call: () => unknown][] = [
      ['dup', () => strings.dup(region, text)],
      ['ndup', () => strings.ndup(region, text, 4500)],
      ['concat', () => strings.concat(region, text, 'y')],
      ['join', () => strings.join(region, ',', text, 'y')],
      ['split', () => strings.split(region, text, 'y')],
      ['format', () => strings.format(region)`${text}`],
      ['lower', () => strings.lower(region, text)],
      ['memdup', () => strings.memdup(region, Buffer.from(text))],
    ]
    for (const [name, call] of calls) {
      expectFault('no-memory', [`${name}: region`], call)
      expect(region.stat().busyBlocks).to.equal(0)
    }
    expect(strings.read(region, strings.dup(region, 'still here'))).to.equal('still here')
    region.close()
  })

  it('a listener may make strings while one is made', () => {
    const region = open({ discipline: 'memory' })
    const made: number[] = []
    const off = region.on('alloc', () => {
      if (made.length < 3) {
        made.push(0)
        made[made.lastIndexOf(0)] = strings.concat(region, 'inner ', 'text')
      }
    })
    const at = strings.concat(region, 'outer ', 'string')
    off()
    expect([at, ...made].map((place) => strings.read(region, place))).to.deep.equal([
      'outer string',
      ...made.map(() => 'inner text'),
    ])
    expect(made.length).to.equal(3)
    region.close()
  })
})
