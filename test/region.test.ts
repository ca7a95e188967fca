/**
 * region: settings, memory as arrays and text, events, reports, the end. What blocks do is the business of
 * test/conformance; values, views, nesting and opening have files of their own in test/region.
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect } from 'chai'
import sinon from 'sinon'
import {
  ALIGN,
  attach,
  type BlockEvent,
  type Discipline,
  heap,
  LIMIT,
  open,
  type Region,
  type RegionEvent,
  regions,
} from '../src/index.ts'
import { expectFault } from './fixtures/faults.ts'
import { pieces } from './fixtures/pieces.ts'

const isFilled = (region: Region, at: number, from: number, to: number, value: number) =>
  region
    .bytes(at, to)
    .subarray(from)
    .every((byte) => byte === value)

describe('region: settings', () => {
  it('set returns the settings before, and changes only what it is given', () => {
    const region = open({ check: 1 })
    const off = { check: 0, keep: false, junk: false, events: false }
    expect(region.set({ check: 2, keep: true })).to.deep.equal({ ...off, check: 1 })
    expect(region.set({ junk: true })).to.deep.equal({ ...off, check: 2, keep: true })
    expect(region.set({ keep: false, events: true })).to.deep.equal({ ...off, check: 2, keep: true, junk: true })
    expect(region.set({})).to.deep.equal({ check: 2, keep: false, junk: true, events: true })
    expect(region.inspect().settings).to.deep.equal(region.set({}))
  })

  it('are kept in the bytes', () => {
    const region = open({ discipline: 'memory', keep: true })
    region.set({ check: 3 })
    const copy = attach((region.buffer as ArrayBuffer).slice(0))
    expect(copy.set({})).to.include({ check: 3, keep: true })
    const at = copy.alloc(10)
    expect(copy.free(at)).to.equal(true)
    expect(copy.sizeOf(at), 'kept').to.be.at.least(10)
  })

  it('refuse what is no setting, and then stay as they are', () => {
    const region = open({ check: 1 })
    expectFault('argument', ['kep', 'keep'], () => region.set({ kep: true } as never))
    for (const check of [-1, 4, 1.5, Number.NaN, '2', null]) {
      expectFault('argument', [String(check), '0, 1, 2 or 3'], () => region.set({ check: check as never }))
    }
    for (const keep of ['yes', 1, null]) {
      expectFault('argument', ['keep', String(keep), 'true or false'], () => region.set({ keep: keep as never }))
    }
    expect(region.set({})).to.deep.equal({ check: 1, keep: false, junk: false, events: false })
  })

  it('keep: a free answers true and does nothing; a mistake is still one', () => {
    const region = open({ keep: true, check: 3 })
    const at = region.alloc(40)
    expect(region.free(at)).to.equal(true)
    expect(region.free(at)).to.equal(true)
    expect(region.sizeOf(at)).to.be.at.least(40)
    expect(region.free(at + ALIGN)).to.equal(false)
    const moved = region.resize(at, 4000, { copy: true })
    expect(region.stat().busyBlocks, 'the old place is kept too').to.equal(moved === at ? 1 : 2)
    region.set({ keep: false })
    expect(region.free(moved)).to.equal(true)
  })

  it('junk: fills what is new, what has grown and what was freed', () => {
    const region = open({ discipline: 'memory', junk: true, check: 3 })
    const at = region.alloc(600)
    const size = region.sizeOf(at)
    expect(isFilled(region, at, 0, size, 0x55)).to.equal(true)
    region.bytes(at, size).fill(1)
    expect(region.resize(at, 900)).to.equal(at)
    expect(isFilled(region, at, 0, size, 1)).to.equal(true)
    expect(isFilled(region, at, size, region.sizeOf(at), 0x66)).to.equal(true)
    const fence = region.alloc(8)
    const moved = region.resize(at, 5000, { copy: true })
    expect(moved).to.be.greaterThan(fence)
    expect(isFilled(region, at, 64, 800, 0xa5), 'what it left').to.equal(true)
    expect(isFilled(region, moved, 0, size, 1)).to.equal(true)
    expect(isFilled(region, moved, 1000, region.sizeOf(moved), 0x66)).to.equal(true)
    region.alloc(8)
    expect(region.free(moved)).to.equal(true)
    expect(isFilled(region, moved, 64, 4900, 0xa5), 'what was freed').to.equal(true)
  })

  it('junk: fills what was freed in a region that frees the newest block only, and nothing that was not', () => {
    const region = open({ discipline: 'memory', method: 'last', junk: true })
    const [old, newest] = [region.alloc(100), region.alloc(100)]
    expect(region.free(old)).to.equal(false)
    expect(isFilled(region, old, 0, 100, 0x55)).to.equal(true)
    expect(region.free(newest)).to.equal(true)
    expect(isFilled(region, newest, 0, 100, 0xa5)).to.equal(true)
  })

  it('junk: gives way to zeros that were asked for', () => {
    const region = open({ junk: true })
    const at = region.allocZeroed(100)
    expect(isFilled(region, at, 0, region.sizeOf(at), 0)).to.equal(true)
    const had = region.sizeOf(at)
    const grown = region.resize(at, 3000, { copy: true, zero: true })
    expect(isFilled(region, grown, had, region.sizeOf(grown), 0)).to.equal(true)
  })

  it('events: the discipline hears of blocks as long as it is on', () => {
    const heard: [string, Omit<BlockEvent, 'region'>][] = []
    const discipline: Discipline = {
      ...pieces(),
      exception(_region, event, data) {
        if (event !== 'alloc' && event !== 'free' && event !== 'resize') return
        const { at, size, old } = data as BlockEvent
        heard.push([event, { at, size, old }])
      },
    }
    const region = open({ discipline, events: true })
    const at = region.alloc(100)
    const fence = region.alloc(16)
    const moved = region.resize(at, 3000, { move: true })
    region.free(moved)
    region.set({ events: false })
    region.free(fence)
    expect(heard).to.deep.equal([
      ['alloc', { at, size: 100, old: at }],
      ['alloc', { at: fence, size: 16, old: fence }],
      ['resize', { at: moved, size: 3000, old: at }],
      ['free', { at: moved, size: 0, old: moved }],
    ])
  })
})

describe('region: memory as arrays', () => {
  const region = open({ discipline: 'memory' })
  const at = region.alloc(100)
  const size = region.sizeOf(at)
  after(() => region.close())

  it('bytes and array are as long as the block unless told otherwise', () => {
    expect(region.bytes(at)).to.have.length(size)
    expect(region.array(Int32Array, at)).to.have.length(Math.floor(size / 4))
    expect(region.array(Float64Array, at)).to.have.length(Math.floor(size / 8))
    expect(region.array(BigInt64Array, at, 3)).to.have.length(3)
    expect(region.bytes(at, 0)).to.have.length(0)
  })

  it('show the same memory, from any address inside the space', () => {
    region.bytes(at, 8).set([1, 0, 0, 0, 2, 0, 0, 0])
    expect([...region.array(Uint32Array, at, 2)]).to.deep.equal([1, 2])
    expect([...region.array(Uint16Array, at + 4, 1)]).to.deep.equal([2])
    expect(region.bytes(at + 3, 2).byteOffset).to.equal(at + 3)
    expect(region.bytes(at).buffer).to.equal(region.buffer)
  })

  it('refuse addresses that are none, lengths that leave the space, and odd places', () => {
    const { byteLength } = region.buffer
    expectFault('argument', ['bytes', 'NIL'], () => region.bytes(0))
    expectFault('argument', ['NIL'], () => region.bytes(0, 8))
    expectFault('argument', ['array', `${at + 8}`, 'busy block'], () => region.array(Int32Array, at + 8))
    expectFault('argument', ['bytes', '-8'], () => region.bytes(-8))
    for (const [place, length] of [
      [at, byteLength],
      [at, -1],
      [at, 1.5],
      [at, Number.NaN],
      [-8, 4],
      [at + 0.5, 4],
      [byteLength + 8, 0],
      [2 ** 40, 8],
      [Number.NaN, 1],
    ] as const) {
      expectFault('argument', ['Uint8Array', String(place), String(length), `${byteLength}`], () =>
        region.bytes(place, length),
      )
    }
    expectFault('argument', ['Float64Array', `${at + 4}`, '8'], () => region.array(Float64Array, at + 4, 1))
    expectFault('argument', ['Uint16Array', `${at + 1}`, '2'], () => region.array(Uint16Array, at + 1, 1))
  })
})

describe('region: text', () => {
  for (const discipline of ['memory', 'shared']) {
    it(`is NUL-ended UTF-8, and read back (${discipline})`, () => {
      const region = open({ discipline })
      for (const text of ['', 'plain', 'Grüße aus Köln', '日本語', '🧠 zwei Ebenen 🧠', 'x'.repeat(5000)]) {
        const bytes = new TextEncoder().encode(text)
        const at = region.string(text)
        expect([...region.bytes(at, bytes.length + 1)]).to.deep.equal([...bytes, 0])
        expect(region.readString(at)).to.equal(text)
        expect(region.free(at)).to.equal(true)
      }
      const nested = open({ discipline: region, name: 'nested' })
      expect(nested.readString(nested.string('né dans un nid'))).to.equal('né dans un nid')
      region.close()
    })
  }

  it('ends at its first NUL, or with its block', () => {
    const region = open()
    expect(region.readString(region.string('a\0b'))).to.equal('a')
    const at = region.alloc(5)
    const size = region.sizeOf(at)
    region.bytes(at, size).fill(0x61)
    expect(region.readString(at)).to.equal('a'.repeat(size))
  })

  it('may begin inside a block', () => {
    const region = open()
    const at = region.string('grandmother')
    expect(region.readString(at + 5)).to.equal('mother')
    expect(region.readString(at + 11)).to.equal('')
  })

  it('that is no text in UTF-16 or UTF-8 becomes one', () => {
    const region = open()
    expect(region.readString(region.string('\ud800!'))).to.equal('\ufffd!')
    const at = region.string('xyz')
    region.bytes(at, 1).fill(0xff)
    expect(region.readString(at)).to.equal('\ufffdyz')
  })

  it('is 0 when there is no memory, and cannot be read at 0', () => {
    const region = open({ discipline: new ArrayBuffer(8192) })
    expect(region.string('x'.repeat(10_000))).to.equal(0)
    expectFault('argument', ['NIL'], () => region.readString(0))
    expectFault('argument', ['9000'], () => region.readString(9000))
  })
})

describe('region: events', () => {
  let region: Region
  beforeEach(() => void (region = open({ discipline: new ArrayBuffer(32 * 1024), name: 'heard' })))

  const all: RegionEvent[] = ['alloc', 'free', 'resize', 'clear', 'compact', 'close', 'nomem', 'badaddr']

  it('are told as objects, each to those who asked for it', () => {
    const heard: [string, object][] = []
    for (const event of all)
      region.on(event, ({ region: of, ...data }) => heard.push([event, { ...data, of: of.name }]))
    const of = 'heard'
    const at = region.alloc(100)
    const wide = region.align(50, 256)
    const zeroed = region.allocZeroed(10)
    const moved = region.resize(at, 2000, { copy: true })
    region.resize(moved, 1000)
    region.free(zeroed)
    region.free(7)
    region.alloc(LIMIT)
    region.align(40_000, 64)
    region.resize(wide, 50_000, { move: true })
    const given = region.compact()
    region.clear()
    region.close()
    expect(heard.map(([event, data]) => [event, { ...data, reason: undefined }])).to.deep.equal(
      [
        ['alloc', { at, size: 100, old: at }],
        ['alloc', { at: wide, size: 50, old: wide }],
        ['alloc', { at: zeroed, size: 10, old: zeroed }],
        ['resize', { at: moved, size: 2000, old: at }],
        ['resize', { at: moved, size: 1000, old: moved }],
        ['free', { at: zeroed, size: 0, old: zeroed }],
        ['badaddr', { op: 'free', value: 7 }],
        ['nomem', { op: 'alloc', at: 0, size: LIMIT, alignment: 0 }],
        ['nomem', { op: 'align', at: 0, size: 40_000, alignment: 64 }],
        ['nomem', { op: 'resize', at: wide, size: 50_000, alignment: 0 }],
        ['compact', { bytes: given }],
        ['clear', {}],
        ['close', {}],
      ].map(([event, data]) => [event, { ...(data as object), of, reason: undefined }]),
    )
  })

  it('of mistakes say what came and why it is wrong', () => {
    const listener = sinon.spy()
    region.on('badaddr', listener)
    region.free(1234)
    region.alloc(-5)
    region.align(8, 12)
    expect(listener.args.map(([{ reason }]) => reason)).to.satisfy(
      ([free, alloc, align]: string[]) =>
        /busy block of region heard/.test(free!) && /whole number from 0/.test(alloc!) && /power of two/.test(align!),
    )
  })

  it('are told to all listeners in the order in which they came, until each is taken away', () => {
    const [first, second] = [sinon.spy(), sinon.spy()]
    const stopFirst = region.on('alloc', first)
    const stopSecond = region.on('alloc', second)
    region.alloc(8)
    sinon.assert.callOrder(first, second)
    stopFirst()
    stopFirst()
    region.alloc(8)
    expect([first.callCount, second.callCount]).to.deep.equal([1, 2])
    stopSecond()
    region.alloc(8)
    expect([first.callCount, second.callCount]).to.deep.equal([1, 2])
  })

  it('of one listener may be heard twice, and end one at a time', () => {
    const listener = sinon.spy()
    const stop = region.on('alloc', listener)
    region.on('alloc', listener)
    region.alloc(8)
    expect(listener.callCount).to.equal(2)
    stop()
    region.alloc(8)
    expect(listener.callCount).to.equal(3)
  })

  it('may end while they are told', () => {
    const after = sinon.spy()
    const stop = region.on('alloc', () => stop())
    region.on('alloc', after)
    region.alloc(8)
    region.alloc(8)
    expect(after.callCount).to.equal(2)
  })

  it('go to an ear with plain arguments; what it lacks is not called', () => {
    const ear = { alloc: sinon.spy(), resize: sinon.spy() }
    const stop = region.listen(ear)
    const at = region.align(30, 64)
    const zeroed = region.allocZeroed(8)
    region.resize(at, 20)
    region.free(at)
    region.clear()
    expect(ear.alloc.args).to.deep.equal([
      [region, at, 30, 64, false],
      [region, zeroed, 8, 0, true],
    ])
    expect(ear.resize.args).to.deep.equal([[region, at, at, 20]])
    stop()
    region.alloc(8)
    expect(ear.alloc.callCount).to.equal(2)
  })

  it('let a listener use the region', () => {
    let depth = 0
    const copies: number[] = []
    region.on('alloc', ({ size }) => {
      if (depth++ === 0) copies.push(region.alloc(size))
      depth--
    })
    const at = region.alloc(64)
    expect(copies).to.have.length(1)
    expect(copies[0]).to.not.equal(at)
    expect(region.stat().busyBlocks).to.equal(2)
    region.check()
  })

  it('close: is told while the memory is still there, and nothing after it', () => {
    const at = region.string('last words')
    let words = ''
    region.on('close', () => void (words = region.readString(at)))
    const after = sinon.spy()
    for (const event of all) if (event !== 'close') region.on(event, after)
    expect(region.close()).to.equal(true)
    expect(words).to.equal('last words')
    region.free(at)
    region.alloc(-1)
    region.clear()
    expect(after.callCount).to.equal(0)
  })

  it('refuse a name that is none', () => {
    expectFault('argument', ['allocate', 'alloc, free, resize, clear, compact, close, nomem'], () =>
      region.on('allocate' as RegionEvent, () => {}),
    )
  })
})

describe('region: reports', () => {
  it('inspect gives a region and those nested in it as data and as text', () => {
    const region = open({ discipline: 'memory', name: 'packets', align: 16, check: 1 })
    const child = open({ discipline: region, name: 'frames', method: 'pool' })
    open({ discipline: child, name: 'bits', method: 'last' })
    region.alloc(3000)
    const report = region.inspect()
    expect(report).to.include({
      name: 'packets',
      method: 'best',
      discipline: 'memory',
      at: region.header,
      alignment: 16,
    })
    expect(report.stat).to.deep.equal(region.stat())
    expect(report.children).to.have.length(1)
    expect(report.children[0]).to.include({ name: 'frames', method: 'pool', discipline: 'region', at: child.header })
    expect(report.children[0]!.children[0]).to.include({ name: 'bits', method: 'last' })
    expect(JSON.parse(JSON.stringify(report))).to.deep.include({ name: 'packets', stat: region.stat() })

    const lines = String(report).split('\n')
    const [packets, frames, bits] = ['packets', 'frames', 'bits'].map((name) =>
      lines.findIndex((line) => line.includes(name)),
    )
    expect(packets).to.equal(0)
    expect(frames).to.be.greaterThan(0)
    expect(bits).to.be.greaterThan(frames!)
    const indent = (line: number) => lines[line]!.search(/\S/)
    expect(indent(bits!)).to.be.greaterThan(indent(frames!))
    expect(indent(frames!)).to.be.greaterThan(0)
    expect(String(report)).to.include('best over memory').and.include('1 segment')
  })

  it('map draws tables, busy, cached and free bytes', () => {
    const region = open({ discipline: pieces({ room: 64 * 1024, round: 32 * 1024 }) })
    const [a, b, c] = [region.alloc(8000), region.alloc(9000), region.alloc(8000)]
    region.free(b)
    const lines = region.map({ width: 32, lines: 8 }).split('\n')
    expect(lines[0]).to.match(/^8 32 KiB, .* a sign$/)
    const signs = lines.slice(1).join('')
    expect(lines.slice(1, -1).every((line) => line.length === 32)).to.equal(true)
    const [{ at, size }] = region.segments() as [{ at: number; size: number }]
    const unit = Math.max(8, Math.ceil(size / (32 * 8)))
    expect(signs).to.have.length(Math.ceil(size / unit))
    const sign = (place: number) => signs[Math.floor((place - at) / unit)]
    expect([region.header + 64, a + 4000, b + 2000, c + 4000, at + size - 2000].map(sign)).to.deep.equal([
      '-',
      '#',
      '.',
      '#',
      '.',
    ])

    const small = Array.from({ length: 10 }, () => region.alloc(500))
    for (const block of small) region.free(block)
    expect(region.map({ width: 64, lines: 8 })).to.include('+')
  })

  it('map draws each segment under a line of its own', () => {
    const region = open({ discipline: pieces({ gap: 100 }) })
    while (region.stat().segments < 3) region.alloc(5000)
    const heads = region
      .map()
      .split('\n')
      .filter((line) => /a sign$/.test(line))
    expect(heads.map((line) => Number.parseInt(line, 10))).to.deep.equal(region.segments().map(({ at }) => at))
  })
})

describe('region: the end', () => {
  const closed = () => {
    const region = open({ discipline: 'memory', name: 'gone' })
    const at = region.alloc(100)
    const child = open({ discipline: region, name: 'child' })
    expect(region.close()).to.equal(true)
    return { region, at, child }
  }

  it('a closed region answers 0, false, -1 or nothing', () => {
    for (const { region, at } of [closed(), { ...closed(), region: closed().child }]) {
      expect(region.closed).to.equal(true)
      expect([region.alloc(8), region.allocZeroed(8), region.align(8, 64), region.string('x')]).to.deep.equal([
        0, 0, 0, 0,
      ])
      expect([region.resize(at, 8), region.resize(0, 8), region.resize(at, 8, { copy: true })]).to.deep.equal([0, 0, 0])
      expect([region.free(at), region.free(0), region.clear(), region.close()]).to.deep.equal([
        false,
        false,
        false,
        false,
      ])
      expect([region.sizeOf(at), region.offsetOf(at)]).to.deep.equal([-1, -1])
      expect([region.regionOf(at), region.segmentOf(at), region.child('child')]).to.deep.equal([
        undefined,
        undefined,
        undefined,
      ])
      expect([region.segments(), region.children()]).to.deep.equal([[], []])
      expect([region.compact(), region.unit]).to.deep.equal([0, 0])
      expect(Object.values(region.stat()).every((n) => n === 0)).to.equal(true)
      region.walk(() => expect.fail('a block'))
      region.check()
      region.set({ check: 3 })
      expect(region.inspect().children).to.deep.equal([])
      expect(region.map()).to.equal('')
    }
  })

  it('what would hand out memory throws', () => {
    const { region, at } = closed()
    const name = 'gone'
    expectFault('closed', [name], () => region.buffer)
    expectFault('closed', [name], () => region.bytes(at))
    expectFault('closed', [name], () => region.bytes(at, 8))
    expectFault('closed', [name], () => region.array(Int32Array, at, 1))
    expectFault('closed', [name], () => region.view(Int32Array, at))
    expectFault('closed', [name], () => region.readString(at))
    expectFault('closed', [name], () => region.share())
    expectFault('closed', [name], () => void (region.discipline = pieces()))
    expectFault('closed', [name], () => open({ discipline: region }))
  })

  it('Symbol.dispose closes', () => {
    const region = open()
    region[Symbol.dispose]()
    expect(region.closed).to.equal(true)
    region[Symbol.dispose]()
  })

  it('regions() are those that are open', () => {
    const before = regions()
    const [a, b] = [open({ name: 'a' }), open({ name: 'b' })]
    expect(regions().filter((region) => !before.includes(region))).to.deep.equal([a, b])
    a.close()
    expect(regions()).to.include(b).and.not.include(a)
    b.close()
    expect(regions()).to.include(heap())
  })

  it('regions() are not those that nobody holds; their parent finds them in its bytes', async () => {
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    const root = open({ discipline: 'memory', name: 'holder' })
    const at = (() => {
      const lost = open({ discipline: root, name: 'lost' })
      lost.values.set('count', 5)
      return lost.header
    })()
    const lost = () => regions().filter(({ name }) => name === 'lost').length
    for (let tries = 0; tries < 20; tries++) {
      await new Promise((done) => setTimeout(done, 5))
      collect()
      if (tries > 0 && lost() === 0) break
    }
    expect(lost()).to.equal(0)
    expect(root.children()[0]).to.include({ name: 'lost', header: at })
    expect(root.child('lost')!.values.get('count')).to.equal(5)
    expect(root.child('lost')).to.equal(root.children()[0])
    expect(root.close()).to.equal(true)
    expect(lost()).to.equal(0)
  })

  it('the discipline may refuse it, and hears that it came', () => {
    let answer = -1
    const exception = sinon.spy((_region: Region, event: string) => (event === 'close' ? answer : 0))
    const region = open({ discipline: { ...pieces(), exception } })
    const at = region.alloc(10)
    exception.resetHistory()
    expect(region.close()).to.equal(false)
    expect(region.closed).to.equal(false)
    expect(region.free(at)).to.equal(true)
    answer = 0
    expect(region.close()).to.equal(true)
    expect(exception.args.map(([, event]) => event)).to.deep.equal(['close', 'close', 'endclose'])
  })

  it('does not come to the default heap', () => {
    expect(heap().close()).to.equal(false)
    expect(heap().closed).to.equal(false)
  })

  it('gives all memory back, the piece with the header last', () => {
    const discipline = pieces({ gap: 8 })
    const back: number[] = []
    const region = open({
      discipline: {
        ...discipline,
        memory(of, at, had, want) {
          if (want === 0) back.push(at)
          return discipline.memory(of, at, had, want)
        },
      },
    })
    while (region.stat().segments < 4) region.alloc(9000)
    for (let i = 0; i < 100; i++) region.values.set(`key ${i}`, i)
    const all = region.segments().map(({ at }) => at)
    expect(region.close()).to.equal(true)
    expect(discipline.held).to.deep.equal([])
    expect(back.toSorted((a, b) => a - b)).to.deep.equal(all.toSorted((a, b) => a - b))
    expect(back.at(-1)).to.equal(all[0])
  })
})

describe('region: its discipline', () => {
  it('can be replaced by one over the same space, unless it says no', () => {
    const first = pieces()
    let asked: unknown
    let veto = 1
    const region = open({
      discipline: {
        ...first,
        exception(_region, event, data) {
          if (event !== 'discipline') return 0
          asked = data
          return veto
        },
      },
    })
    const before = region.discipline
    const next = { ...first, name: 'next' }
    for (veto of [1, -1]) {
      expectFault('vetoed', ['pieces', 'next'], () => void (region.discipline = next))
      expect(region.discipline).to.equal(before)
    }
    expect(asked).to.equal(next)
    veto = 0
    region.discipline = next
    expect(region.discipline).to.equal(next)
    const requests = first.requests.length
    region.alloc(50_000)
    expect(first.requests.length, 'asked through the new one').to.be.greaterThan(requests)
  })

  it('cannot be replaced by one over another space', () => {
    const region = open({ discipline: pieces() })
    const before = region.discipline
    for (const other of [pieces(), { ...before, base: 8 }, { ...before, parent: heap() }]) {
      expectFault('argument', ['another space', 'the same buffer'], () => void (region.discipline = other))
    }
    expect(region.discipline).to.equal(before)
  })
})
