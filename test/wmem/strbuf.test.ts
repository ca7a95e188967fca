/**
 * strbuf: the cases of wmem's tests `datastruct/strbuf` and `datastruct/strbuf/validate`, written anew with a
 * StringBuilder. Each runs over a region whose guards are looked at after every step.
 */
import { expect } from 'chai'
import { StringBuilder } from '../../src/collections/string-builder.ts'
import { injectOptions, open, type Region } from '../../src/index.ts'
import { Rng, seedFrom } from '../conformance/index.ts'
import { expectFault } from '../fixtures/faults.ts'

const SEED = seedFrom(process.env.SEED)
const APPENDS = 1024

describe('wmem: strbuf', () => {
  let were: string
  let region: Region
  let builder: StringBuilder
  before(() => void (were = injectOptions('format=none')))
  after(() => injectOptions(were))
  beforeEach(() => {
    region = open({ method: 'debug(best)', discipline: 'memory', check: 3, leaks: false })
    builder = new StringBuilder(region)
  })
  afterEach(() => {
    builder.destroy()
    region.check()
    expect(region.stat().busyBlocks).to.equal(0)
    region.close()
  })

  /** That this is the text, its length, and what one reads up to the NUL. */
  function expectText(text: string): void {
    builder.check()
    expect(`${builder}`).to.equal(text)
    expect(builder.length).to.equal(Buffer.byteLength(text))
    expect(region.readString(builder.address)).to.equal(text.split('\0')[0])
  }

  it('a new one is empty, with or without a size', () => {
    expectText('')
    const sized = new StringBuilder(region, { size: 1000 })
    expect(sized.length).to.equal(0)
    const { address } = sized
    expect(region.sizeOf(address)).to.equal(1001)
    sized.appendChar('x', 1000)
    expect(sized.address).to.equal(address)
    sized.destroy()
  })

  it('append, once and again', () => {
    builder.append('TEST')
    expectText('TEST')
    builder.append('FUZZ').append('')
    expectText('TESTFUZZ')
    const word = region.string('3a')
    builder.append(word)
    region.free(word)
    expectText('TESTFUZZ3a')
  })

  it('a template', () => {
    builder.append('TESTFUZZ').format`${(3).toString(10)}a`.format`\t${abc()} ${10n}${'%s'}`
    expectText('TESTFUZZ3a\tABC 10%s')
  })
  const abc = () => 'ABC'

  it('a sign, and a sign many times', () => {
    builder.append('ab').appendChar('q').appendChar('x', 20).appendChar('€', 3).appendChar('😀', 2).appendChar('y', 0)
    expectText(`abq${'x'.repeat(20)}€€€😀😀`)
    for (const char of ['', 'ab', '😀😀']) expectFault('argument', ['one character'], () => builder.appendChar(char))
    for (const count of [-1, 0.5, Number.NaN]) {
      expectFault('argument', ['how often'], () => builder.appendChar('x', count))
    }
  })

  it('characters of every width by their number', () => {
    let expected = ''
    for (const code of [0, 1, 0x7f, 0x80, 0xf4, 0x7ff, 0x800, 0xd7ff, 0xe000, 0xfeff, 0xffff, 0x10000, 0x10ffff]) {
      builder.appendCodePoint(code)
      builder.appendCodePointRepaired(code)
      expected += String.fromCodePoint(code, code)
      expectText(expected)
    }
    expect(builder.validate()).to.equal(-1)
  })

  it('numbers that are no characters', () => {
    builder.append('a')
    const wrong = [0xd800, 0xdbff, 0xdc00, 0xdfff, 0x110000, 2 ** 32 + 65, -1, 0.5, Number.NaN]
    for (const code of wrong) {
      expectFault('argument', [`appendCodePoint: ${code}`, '0x10ffff'], () => builder.appendCodePoint(code))
      expectText('a')
    }
    for (const code of wrong) builder.appendCodePointRepaired(code)
    expectText(`a${'\ufffd'.repeat(wrong.length)}`)
  })

  it('bytes as escapes', () => {
    builder.append('ab').appendHex(0x7f).appendHex(0, 0xff, 0x0a)
    expectText(String.raw`ab\x7f\x00\xff\x0a`)
    for (const byte of [-1, 256, 1.5]) expectFault('argument', ['a byte'], () => builder.appendHex(1, byte))
    expectText(String.raw`ab\x7f\x00\xff\x0a`)
  })

  it('numbers as escapes, and how long those are', () => {
    const codes: [number, string][] = [
      [0x1b, '\\x1b'],
      [0xff, '\\xff'],
      [0x100, '\\u0100'],
      [0x40a, '\\u040a'],
      [0xd800, '\\ud800'],
      [0xffff, '\\uffff'],
      [0x10000, '\\U00010000'],
      [0x1f600, '\\U0001f600'],
      [0xffffffff, '\\Uffffffff'],
    ]
    let expected = ''
    for (const [code, signs] of codes) {
      expect(builder.appendHexCodePoint(code)).to.equal(signs.length)
      expected += signs
      expectText(expected)
    }
    for (const code of [-1, 2 ** 32, 0.5])
      expectFault('argument', ['below 2^32'], () => builder.appendHexCodePoint(code))
  })

  it('truncate above, at, below the length, and to nothing', () => {
    builder.append('TESTFUZZ')
    for (const [to, left] of [
      [100, 'TESTFUZZ'],
      [8, 'TESTFUZZ'],
      [7, 'TESTFUZ'],
      [4, 'TEST'],
      [0, ''],
      [0, ''],
    ] as const) {
      expect(builder.truncate(to)).to.equal(left.length)
      expectText(left)
    }
    builder.append('again')
    expectText('again')
    for (const length of [-1, 0.5, Number.NaN]) expectFault('argument', ['truncate'], () => builder.truncate(length))
  })

  it('truncate cuts no character in two', () => {
    const [text, kept] = ['aä€😀', [0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10]]
    for (let to = 0; to <= 10; to++) {
      builder.truncate(0)
      expect(builder.append(text).truncate(to), `${to}`).to.equal(kept[to])
      expectText(Buffer.from(text).toString('utf8', 0, kept[to]))
    }
  })

  it('NULs inside', () => {
    builder
      .append('ab\0cd')
      .appendBytes(Uint8Array.of(0, 0x65, 0))
      .append('f')
    expectText('ab\0cd\0e\0f')
    const other = StringBuilder.from(region, builder)
    expect(other.equals(builder)).to.equal(true)
    other.truncate(2)
    expect(other.equals(builder), 'what stands behind a NUL counts').to.equal(false)
    expect([other.compare(builder), builder.compare(other)]).to.deep.equal([-1, 1])
    other.destroy()
  })

  it('compare and find', () => {
    const [one, other] = [StringBuilder.from(region, 'TESTFUZZ'), StringBuilder.from(region, 'TESTFUZZ')]
    expect(one.compare(other)).to.equal(0)
    other.append('a')
    expect([one.compare(other), other.compare(one)]).to.deep.equal([-1, 1])
    expect([one.compare('TESTFUZ'), one.compare('TESTG'), one.compare(one.address)]).to.deep.equal([1, -1, 0])
    expect([other.indexOf(one), one.indexOf(other), other.indexOf('FUZ'), other.indexOf('T', 1)]).to.deep.equal([
      0, -1, 4, 3,
    ])
    one.destroy()
    other.destroy()
  })

  it('duplicates go their own ways', () => {
    builder.append('one')
    const copies = [StringBuilder.from(region, builder), StringBuilder.from(region, 'one')]
    copies.push(StringBuilder.from(region, builder.address), StringBuilder.from(region, builder.toBytes()))
    builder.append('!')
    for (const copy of copies) {
      expect(`${copy}`).to.equal('one')
      copy.append('?')
    }
    expectText('one!')
    for (const copy of copies) copy.destroy()
  })

  it('finalize leaves a string of just its size, and no builder', () => {
    builder.append('TEST').appendChar('x', 100).truncate(8)
    const at = builder.finalize()
    expect(region.readString(at)).to.equal('TESTxxxx')
    expect(region.stat().busyBlocks, 'the head is gone').to.equal(1)
    expect(builder.alive).to.equal(false)
    expectFault('closed', ['destroyed'], () => builder.append('x'))
    expect(region.free(at)).to.equal(true)

    const best = open({ discipline: 'memory', check: 3 })
    const long = new StringBuilder(best).appendChar('y', 5000)
    long.truncate(20)
    const short = long.finalize()
    expect(best.sizeOf(short)).to.be.within(21, 40)
    expect(best.readString(short)).to.equal('y'.repeat(20))
    const empty = new StringBuilder(best).finalize()
    expect(best.readString(empty)).to.equal('')
    expect(best.stat().busyBlocks).to.equal(2)
    best.close()
  })

  it(`${APPENDS} random appends, SEED=${SEED}`, () => {
    const rng = new Rng(SEED)
    let expected = ''
    for (let i = 0; i < APPENDS; i++) {
      const before = expected.length
      const code = rng.pick([0x20 + rng.below(0x5f), 0xa0 + rng.below(0x700), 0x1f300 + rng.below(500)])
      const char = String.fromCodePoint(code)
      const word = char.repeat(rng.below(32))
      switch (rng.below(6)) {
        case 0:
          builder.append(word)
          expected += word
          break
        case 1:
          builder.format`${i}${word}${code}`
          expected += `${i}${word}${code}`
          break
        case 2:
          builder.appendChar(char)
          expected += char
          break
        case 3:
          builder.appendCodePoint(code)
          expected += char
          break
        case 4:
          builder.appendHex(code & 0xff)
          expected += `\\x${(code & 0xff).toString(16).padStart(2, '0')}`
          break
        default:
          builder.appendBytes(Buffer.from(word))
          expected += word
      }
      region.check()
      builder.check()
      if (rng.chance(1 / 16)) {
        const to = expected.length - Math.min(rng.below(100), expected.length - before)
        expected = expected
          .slice(0, to)
          .toWellFormed()
          .replace(/\ufffd$/, '')
        builder.truncate(Buffer.byteLength(expected))
      }
      if (`${builder}` !== expected) expectText(expected)
    }
    expectText(expected)
    expect(expected.length).to.be.greaterThan(5000)
  })

  describe('validate', () => {
    /** A text, and the byte at which it goes wrong. */
    function expectFlaw(bytes: Buffer, flaw: number): void {
      builder.truncate(0)
      builder.appendBytes(bytes)
      expect(builder.validate()).to.equal(flaw)
      expect(builder.length).to.equal(bytes.length)
    }

    it('a text, one with a NUL, one with a bad byte behind it, one with that alone', () => {
      expectFlaw(Buffer.from('ääkkösiä'), -1)
      expectFlaw(Buffer.from('ääk\0kösiä'), -1)
      expectFlaw(Buffer.concat([Buffer.from('ääk\0k'), Buffer.of(0xff), Buffer.from('ösiä')]), 7)
      expectFlaw(Buffer.of(0xff), 0)
      expectFlaw(Buffer.alloc(0), -1)
    })

    // biome-ignore format: a table
    const repairs: [what: string, bytes: number[], flaw: number, repaired: string, count: number][] = [
      ['nothing to repair', [0x61, 0, 0xc3, 0xa4], -1, 'a\0ä', 0],
      ['a byte that begins nothing', [0x61, 0xff, 0x62], 1, 'a\ufffdb', 1],
      ['bytes that follow nothing', [0x80, 0xbf], 0, '\ufffd\ufffd', 2],
      ['two bytes cut short', [0xc3, 0x28], 0, '\ufffd(', 1],
      ['three bytes cut short', [0xe2, 0x82, 0x28], 0, '\ufffd(', 1],
      ['four bytes cut short', [0xf0, 0x9f, 0x98, 0x28], 0, '\ufffd(', 1],
      ['the end cuts', [0x61, 0xf0, 0x9f, 0x98], 1, 'a\ufffd', 1],
      ['a longer form than need be', [0xc0, 0xaf, 0xe0, 0x80, 0xaf], 0, '\ufffd'.repeat(5), 5],
      ['half a surrogate pair', [0xed, 0xa0, 0x80], 0, '\ufffd'.repeat(3), 3],
      ['above the last character', [0xf4, 0x90, 0x80, 0x80, 0xf5], 0, '\ufffd'.repeat(5), 5],
      ['a NUL inside a character', [0xe2, 0, 0x82, 0xac], 0, '\ufffd\0\ufffd\ufffd', 3],
    ]
    for (const [what, bytes, flaw, repaired, count] of repairs) {
      it(`and repair: ${what}`, () => {
        builder.append('ä')
        builder.truncate(0)
        expectFlaw(Buffer.from(bytes), flaw)
        expect(builder.repair()).to.equal(count)
        expect(builder.validate()).to.equal(-1)
        expectText(repaired)
        expect(builder.repair()).to.equal(0)
      })
    }
  })
})
