/**
 * strings: the cases of wmem's tests `utils/misc` and `utils/strings`, and of the functions that were beside them (concat,
 * join, split, lower), written anew. Each runs over a region whose guards are looked at after every step.
 */
import { expect } from 'chai'
import * as strings from '../../src/collections/strings.ts'
import { injectOptions, open, type Region } from '../../src/index.ts'
import { expectFault } from '../fixtures/faults.ts'

describe('wmem: strings', () => {
  let were: string
  let region: Region
  before(() => void (were = injectOptions('format=none')))
  after(() => injectOptions(were))
  beforeEach(() => void (region = open({ method: 'debug(best)', discipline: 'memory', check: 3, leaks: false })))
  afterEach(() => {
    region.check()
    region.close()
  })

  const text = (at: number) => region.readString(at)
  /** Frees what was made; afterwards nothing may be left. */
  function free(...made: number[]): void {
    for (const at of made) expect(region.free(at), `free ${at}`).to.equal(true)
    expect(region.stat().busyBlocks).to.equal(0)
  }

  describe('misc', () => {
    it('memdup of nothing is nothing', () => {
      expect(strings.memdup(region, 0, 0)).to.equal(0)
      expect(strings.memdup(region, new Uint8Array(0))).to.equal(0)
      const at = region.alloc(8)
      expect(strings.memdup(region, at, 0)).to.equal(0)
      free(at, 0)
      expectFault('argument', ['memdup: 0'], () => strings.memdup(region, 0, 1))
    })

    for (const length of [5, 1, 10]) {
      it(`memdup of ${length} bytes`, () => {
        const bytes = Uint8Array.from({ length }, (_, i) => (i * 37) & 0xff) // a NUL among them
        const one = strings.memdup(region, bytes)
        const other = strings.memdup(region, one, length)
        expect(region.sizeOf(one)).to.equal(length)
        bytes[0]!++
        expect([...region.bytes(other, length)]).to.deep.equal([...region.bytes(one, length)])
        expect(region.bytes(one)[0]).to.equal(0)
        region.bytes(one)[0] = 99
        expect(region.bytes(other)[0]).to.equal(0)
        free(one, other)
      })
    }
  })

  describe('strings', () => {
    it('a copy is another string', () => {
      const one = strings.dup(region, 'TEST')
      const other = strings.dup(region, one)
      expect(text(other)).to.equal('TEST')
      region.bytes(one)[0] = 'X'.charCodeAt(0)
      expect([text(one), text(other)]).to.deep.equal(['XEST', 'TEST'])
      expect(region.sizeOf(other)).to.equal(5)
      free(one, other)
    })

    it('ndup cuts', () => {
      const one = strings.dup(region, 'TEST')
      const cut = [0, 3, 4, 10].map((bytes) => strings.ndup(region, one, bytes))
      expect(cut.map(text)).to.deep.equal(['', 'TES', 'TEST', 'TEST'])
      const fromScript = [0, 3, 4, 10].map((bytes) => strings.ndup(region, 'TEST', bytes))
      expect(fromScript.map(text)).to.deep.equal(['', 'TES', 'TEST', 'TEST'])
      free(one, ...cut, ...fromScript)
    })

    it('ndup leaves no half characters', () => {
      const whole = 'aä€😀'
      const expected = ['', 'a', 'a', 'aä', 'aä', 'aä', 'aä€', 'aä€', 'aä€', 'aä€', whole]
      const one = strings.dup(region, whole)
      const made = expected.flatMap((_, bytes) => [
        strings.ndup(region, whole, bytes),
        strings.ndup(region, one, bytes),
      ])
      expect(made.map(text)).to.deep.equal(expected.flatMap((part) => [part, part]))
      free(one, ...made)
    })

    for (const length of [8, 80, 255, 256, 257, 5000]) {
      it(`a template of ${length} signs`, () => {
        const filling = 'ä'.repeat(length - 6)
        const at = strings.format(region)`${1}-${filling}-${-2n}!`
        expect(text(at)).to.equal(`1-${filling}--2!`)
        expect(region.sizeOf(at)).to.equal(Buffer.byteLength(filling) + 7)
        free(at)
      })
    }

    it('a template of every kind of value', () => {
      const at = strings.dup(region, 'wörd')
      const made = strings.format(
        region,
      )`${'s'}|${-0.5}|${1e21}|${12345678901234567890n}|${true}|${strings.textAt(at)}|${at}`
      expect(text(made)).to.equal(`s|-0.5|1e+21|12345678901234567890|true|wörd|${at}`)
      free(at, made)
    })
  })

  describe('more strings', () => {
    it('concat', () => {
      const middle = strings.dup(region, 'bc')
      const made = [
        strings.concat(region, 'a', middle, 'd'),
        strings.concat(region, middle, middle),
        strings.concat(region, '', 'ABC', ''),
        strings.concat(region),
      ]
      expect(made.map(text)).to.deep.equal(['abcd', 'bcbc', 'ABC', ''])
      free(middle, ...made)
    })

    it('join', () => {
      const [comma, word] = [strings.dup(region, ', '), strings.dup(region, 'word')]
      const made = [
        strings.join(region, comma, 'a', word, 'c'),
        strings.join(region, '', 'a', 'b'),
        strings.join(region, '--', 'alone'),
        strings.join(region, '-', '', '', ''),
        strings.join(region, '-'),
      ]
      expect(made.map(text)).to.deep.equal(['a, word, c', 'ab', 'alone', '--', ''])
      free(comma, word, ...made)
    })

    // biome-ignore format: a table
    const splits: [whole: string, separator: string, max: number | undefined, parts: string[]][] = [
      ['A-C', '-', 2, ['A', 'C']],
      ['A-C', '-', undefined, ['A', 'C']],
      ['A-', '-', 2, ['A', '']],
      ['-C', '-', 2, ['', 'C']],
      ['-A-C-', '-', undefined, ['', 'A', 'C', '']],
      ['A-B-C', '-', 1, ['A-B-C']],
      ['A-B-C', '-', 2, ['A', 'B-C']],
      ['A-B-C', '-', 3, ['A', 'B', 'C']],
      ['A-B-C', '-', 4, ['A', 'B', 'C']],
      ['A--B', '-', undefined, ['A', '', 'B']],
      ['A---B', '--', undefined, ['A', '-B']],
      ['A-slap-C', '-slap-', 2, ['A', 'C']],
      ['-slap--slap-', '-slap-', undefined, ['', '', '']],
      ['A', '-', 3, ['A']],
      ['-', '-', undefined, ['', '']],
      ['A', 'ABC', undefined, ['A']],
      ['', '-', undefined, []],
      ['ä€ä', '€', undefined, ['ä', 'ä']],
    ]
    for (const [whole, separator, max, parts] of splits) {
      it(`split ${JSON.stringify(whole)} at ${JSON.stringify(separator)}, ${max ?? 'any'}`, () => {
        const source = strings.dup(region, whole)
        const made = strings.split(region, source, separator, max)
        expect(made.map((at) => strings.read(region, at))).to.deep.equal(parts)
        expect(text(source)).to.equal(whole)
        expect(region.stat().busyBlocks).to.equal(parts.length === 0 ? 1 : 2)
        free(source, made[0] ?? 0)
      })
    }

    it('split takes no empty separator and no part of a part', () => {
      expectFault('argument', ['empty separator'], () => strings.split(region, 'abc', ''))
      for (const max of [0, -1, 1.5, Number.NaN]) {
        expectFault('argument', [`split: ${max}`], () => strings.split(region, 'abc', 'b', max))
      }
      free()
    })

    it('lower', () => {
      const every = String.fromCharCode(...Array.from({ length: 127 }, (_, i) => i + 1))
      const source = strings.dup(region, `${every}ÄÖÉΣ`)
      const made = strings.lower(region, source)
      expect(text(made)).to.equal(`${every.replace(/[A-Z]/g, (sign) => sign.toLowerCase())}ÄÖÉΣ`)
      expect(text(source)).to.equal(`${every}ÄÖÉΣ`)
      free(source, made)
    })

    it('indexOf finds bytes in bytes', () => {
      const at = strings.memdup(region, Uint8Array.of(1, 0, 2, 0, 3, 0, 2, 0, 0))
      const span = { at, length: 9 }
      const find = (part: number[], from?: number) => strings.indexOf(region, span, Uint8Array.from(part), from)
      expect(find([0, 2, 0])).to.equal(1)
      expect(find([0, 2, 0], 2)).to.equal(5)
      expect(find([0, 0])).to.equal(7)
      expect(find([3, 0, 2, 0, 0])).to.equal(4)
      expect(find([2, 0, 0, 0])).to.equal(-1)
      expect(find([])).to.equal(0)
      expect(find([], 9)).to.equal(9)
      expect(find([], 10)).to.equal(-1)
      free(at)
    })
  })
})
