/**
 * damage-open: bytes of a region that is open are overwritten under its handle, one word at a time. `check` says so, or
 * the word is one of those that nothing contradicts; and whatever is only asked ends, with an answer or a VmallocError,
 * and writes nowhere. (What changes a damaged region may end anyhow: that is what check levels are for.)
 */
import { Script } from 'node:vm'
import { expect } from 'chai'
import { open, type Region, VmallocError } from '../src/index.ts'
import * as H from '../src/region/header.ts'

const SPACE = 24 * 1024
const GUARD = 256
const FILL = 0xee

// kinds of bytes
const HEADERS = 0 // of regions, segments and blocks
const CLIENTS = 1 // or nobody's
const LINKS = 2 //   around the start of a free block, where some words are used and some are not

/** Words of a header that nothing contradicts, and why. */
const UNCONTRADICTED = new Map([
  [H.HOLDER, 'the lock, in memory that is not shared'],
  [H.WAITERS, 'the lock, in memory that is not shared'],
  [H.SETTINGS, 'any settings, within their bits'],
  [H.TIDE, 'any high tide, from the busy bytes on'],
  [H.SERIALS, 'the last serial number that was given'],
  [H.ERA, 'how often all blocks went at once'],
])

/** What is written instead of a word. */
const valuesFor = (was: number): number[] =>
  [0, 0xffffffff, was + 8, was ^ 1, was ^ 4, was ^ 0x10000, 0x12345678, 8].map((value) => value >>> 0)

/** A region between guards, with blocks in every state, a child, and values in its header and beyond. */
class Specimen {
  readonly whole = new Uint8Array(GUARD + SPACE + GUARD).fill(FILL)
  readonly view = new DataView(this.whole.buffer)
  readonly region: Region
  readonly blocks: number[] = []
  /** What each byte is. */
  readonly #kinds = new Uint8Array(this.whole.length).fill(CLIENTS)

  constructor(method: string) {
    const space = this.whole.subarray(GUARD, GUARD + SPACE).fill(0)
    const element = method === 'pool' ? 600 : 0
    this.region = open({ method, name: `open-${method}`, discipline: space, ...(element === 0 ? {} : { element }) })
    const { region, blocks } = this
    for (let i = 0; i < 24; i++) blocks.push(region.alloc(element || 8 + ((i * 97) % 500)))
    const child = open({ name: 'child', method: 'pool', discipline: region })
    for (let i = 0; i < 5; i++) child.alloc(40)
    for (let i = 0; i < 24; i += 3) region.free(blocks[i]!)
    if (method === 'best') for (let i = 1; i < 9; i += 3) region.free(blocks[i]!)
    for (const key of ['a', 'b', 'c', 'd', 'e', 'f']) region.values.set(key, 1.5)
    region.check()
    this.#findBookkeeping()
  }

  /** Every word of bookkeeping. */
  *words(): Generator<number> {
    for (let at = GUARD; at < GUARD + SPACE; at += 4) if (this.#kinds[at] !== CLIENTS) yield at
  }

  get isIntact(): boolean {
    for (let i = 0; i < GUARD; i++) if (this.whole[i] !== FILL || this.whole.at(-1 - i) !== FILL) return false
    return true
  }

  /** Whether nothing can tell that this word is another than it was. */
  isFree(at: number): boolean {
    const { header } = this.region
    const from = GUARD + this.view.getUint32(header + H.VALUES, true)
    const to = GUARD + this.view.getUint32(header + H.STATE, true)
    const more = GUARD + this.view.getUint32(header + H.MORE_VALUES, true)
    const moreTo = more + this.view.getUint32(more + H.SIZE, true)
    const isValue = (at >= from && at < to) || (at >= more + H.RECORD && at < moreTo)
    return isValue || this.#kinds[at] === LINKS || UNCONTRADICTED.has(at - header)
  }

  #findBookkeeping(): void {
    const kinds = this.#kinds
    for (const { at, size } of this.region.segments()) kinds.fill(HEADERS, at, at + size)
    this.region.walk(({ at, size, state }) => {
      kinds.fill(CLIENTS, at, at + size)
      if (state === 'busy') return
      kinds.fill(LINKS, this.region.method === 'last' ? at - 8 : at, at + Math.min(size, 24))
    })
    if (this.region.method !== 'best') return
    const padding = this.region.header + this.view.getUint32(this.region.header + H.LENGTH, true)
    kinds.fill(CLIENTS, padding, padding + 4)
  }
}

const script = new Script('globalThis.__asked()')

/** Runs something that may never end, for a second at most. */
function bounded(ask: () => unknown): unknown {
  Object.assign(globalThis, { __asked: ask })
  return script.runInThisContext({ timeout: 1000 })
}

function questions({ region, blocks }: Specimen): Record<string, () => unknown> {
  return {
    walk: () => region.walk(() => {}),
    stat: () => region.stat(),
    sizeOf: () => blocks.map((at) => region.sizeOf(at)),
    offsetOf: () => blocks.map((at) => region.offsetOf(at + 1)),
    segments: () => region.segments(),
    regionOf: () => region.regionOf(blocks[1]!),
    children: () => region.children().map((child) => child.stat()),
    values: () => [region.values.get('a'), region.values.get('none')],
    inspect: () => String(region.inspect()),
    map: () => region.map(),
  }
}

describe('damage under an open handle', () => {
  for (const method of ['best', 'last', 'pool']) {
    it(`is seen by check, and what is asked ends: ${method}`, () => {
      const specimen = new Specimen(method)
      const { region, view } = specimen
      const unseen = new Set<string>()
      const endless = new Set<string>()
      const asked = Object.entries(questions(specimen))
      let turn = 0 // for each value four of the questions, in turn
      for (const at of specimen.words()) {
        const was = view.getUint32(at, true)
        const before = specimen.whole.slice()
        for (const value of valuesFor(was)) {
          if (value === was || endless.size > 8) continue
          const what = `${at - region.header}: ${was} became ${value}`
          view.setUint32(at, value, true)
          try {
            bounded(() => region.check())
            if (!specimen.isFree(at)) unseen.add(what)
          } catch (error) {
            expect(error, what).to.be.an.instanceOf(VmallocError)
            expect((error as VmallocError).code, what).to.equal('corrupted')
          }
          for (let i = 0; i < 4; i++) {
            const [name, ask] = asked[turn++ % asked.length]!
            try {
              bounded(ask)
            } catch (error) {
              if (!(error instanceof VmallocError)) endless.add(`${name}: ${String(error)}: ${what}`)
            }
          }
          expect(specimen.isIntact, `guards, ${what}`).to.equal(true)
          view.setUint32(at, was, true)
        }
        expect(
          specimen.whole.findIndex((byte, i) => byte !== before[i]),
          `first byte written to, ${at}`,
        ).to.equal(-1)
      }
      region.check()
      expect([...endless], 'what did not end').to.deep.equal([])
      expect([...unseen], 'words that check did not miss').to.deep.equal([])
    })
  }
})
