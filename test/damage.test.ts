/**
 * damage: bytes of a region with one word overwritten. They are refused with `damaged`, or they are one of the few words
 * that nothing contradicts, and then the region is sound: operations end, answer, and stay inside the space.
 *
 * Every word outside the payloads of busy blocks is overwritten in turn with several values: the region's header, the
 * headers of blocks, and the links inside free blocks, where a word that nobody uses may be taken. The space stands
 * between two rows of guard bytes.
 */
import { expect } from 'chai'
import { attach, open, type Region, VmallocError } from '../src/index.ts'
import * as H from '../src/region/header.ts'

const SPACE = 24 * 1024
const GUARD = 256
const BASE = GUARD

/** A region with busy, free and cached blocks, a child and values; and its space's bytes. */
function specimen(
  method: string,
  name: string,
): { bytes: Uint8Array; header: number; payload: Uint8Array; heads: Set<number> } {
  const bytes = new Uint8Array(SPACE)
  const region = open({ method, name, discipline: bytes.subarray(0), ...(method === 'pool' ? { element: 600 } : {}) })
  const live: number[] = []
  for (let i = 0; i < 24; i++) {
    const at = region.alloc(method === 'pool' ? 600 : 8 + ((i * 97) % 500))
    if (at !== 0) live.push(at)
  }
  const child = open({ name: 'child', method: 'pool', discipline: region })
  for (let i = 0; i < 5; i++) child.alloc(40)
  for (let i = 0; i < live.length; i += 3) region.free(live[i]!)
  if (method === 'best') for (let i = 1; i < 9; i += 3) region.free(live[i]!)
  for (const key of ['one', 'two']) region.values.set(key, 1.5)
  region.check()
  const heads = new Set<number>()
  const words = { best: 1, last: 2 }[method] ?? 0
  region.walk(({ at, state }) => {
    if (method === 'last' && state === 'free') return // the wilderness has no header
    for (let i = 1; i <= words; i++) heads.add(at - 4 * i)
  })
  return { bytes, header: 8, payload: payloads(region), heads }
}

/** Per byte: whether it belongs to the payload of a busy block, which is the client's, or lies behind all blocks. */
function payloads(region: Region): Uint8Array {
  const mine = new Uint8Array(SPACE)
  const end = region.segments().reduce((most, s) => Math.max(most, s.at + s.size), 0)
  mine.fill(1, end)
  region.walk(({ at, size, state }) => {
    if (state === 'busy') mine.fill(1, at, at + size)
    // what lies in the middle of a free block is nobody's
    else mine.fill(1, at + 24, at + size - 4)
  })
  const unit = region.unit
  if (unit !== 0) region.walk(({ at, size, state }) => void (state === 'free' && mine.fill(1, at + 8, at + size)))
  return mine
}

/** The bytes between guards, as a program would hand them over. */
function guarded(bytes: Uint8Array): { space: Uint8Array; intact: () => boolean } {
  const whole = new Uint8Array(BASE + bytes.length + GUARD).fill(0xee)
  whole.set(bytes, BASE)
  const intact = (): boolean => {
    for (let i = 0; i < BASE; i++) if (whole[i] !== 0xee) return false
    for (let i = BASE + bytes.length; i < whole.length; i++) if (whole[i] !== 0xee) return false
    return true
  }
  return { space: whole.subarray(BASE, BASE + bytes.length), intact }
}

/** What a client may do with a region that was taken for sound. */
function live(region: Region): void {
  const size = region.unit || 60
  const blocks = Array.from({ length: 12 }, (_, i) => region.alloc(region.unit || size + i * 40)).filter(
    (at) => at !== 0,
  )
  for (const at of blocks) region.bytes(at).fill(0x77)
  if (blocks.length > 2) region.resize(blocks[1]!, size + 300, { copy: true, zero: true })
  for (const at of blocks) region.free(at)
  region.stat()
  region.compact()
  region.clear()
  region.check()
  region.alloc(size)
}

/** Attaches and lives; the message of the refusal, or '' when the region was taken. */
function verdict(bytes: Uint8Array, what: string): string {
  const { space, intact } = guarded(bytes)
  let region: Region
  try {
    region = attach(space)
  } catch (error) {
    if (!(error instanceof VmallocError)) throw new Error(`${what}: attach threw ${String(error)}`, { cause: error })
    expect(error.code, `${what}: ${error.message}`).equals('damaged')
    expect(intact(), `${what}: guards after a refusal`).equals(true)
    return error.message
  }
  const children = 'attach takes the root; its children are checked when they are reached'
  try {
    for (const child of region.children()) child.check()
  } catch (error) {
    if (!(error instanceof VmallocError)) throw new Error(`${what}: ${children}`, { cause: error })
    expect(intact(), `${what}: guards`).equals(true)
    return error.message
  }
  live(region)
  expect(intact(), `${what}: guards after a life`).equals(true)
  return ''
}

/** Words of a header that nothing contradicts. */
const FREE_WORDS = new Map([
  [H.HOLDER, 'the lock of memory that is not shared'],
  [H.WAITERS, 'the lock of memory that is not shared'],
  [H.SETTINGS, 'settings, within their bits'],
  [H.TIDE, 'high tide, from the busy bytes on'],
  [H.SERIALS, 'the last serial number given'],
  [H.ERA, 'how often all blocks went at once'],
])

describe('damage', () => {
  for (const method of ['best', 'last', 'pool']) {
    it(`one word of a ${method} region: refused, or nothing contradicts it`, function () {
      this.timeout(120_000)
      const { bytes, header, payload, heads } = specimen(method, `damaged-${method}`)
      expect(verdict(bytes, 'untouched')).equals('')
      const view = new DataView(bytes.buffer)
      const values = (was: number): number[] =>
        [0, 0xffffffff, was + 8, was ^ 1, was ^ 4, was ^ 0x10000, 0x12345678].map((v) => v >>> 0)
      const taken = new Map<number, string>()
      let tried = 0
      for (let at = header; at < SPACE; at += 4) {
        if (payload[at] === 1) continue
        const was = view.getUint32(at, true)
        for (const value of values(was)) {
          if (value === was) continue
          view.setUint32(at, value, true)
          tried++
          if (verdict(bytes, `word at ${at}: ${was} became ${value}`) === '') taken.set(at, `${was} became ${value}`)
        }
        view.setUint32(at, was, true)
      }
      expect(tried).greaterThan(600)
      const surprises = [...taken].filter(
        ([at]) => isHeader(view, header, heads, at) && !FREE_WORDS.has(at - header) && !isValue(view, header, at),
      )
      expect(surprises.map(([at, how]) => `${at} (header ${header}): ${how}`)).deep.equals([])
    })
  }

  it('bytes that are no region, cut off, or random', () => {
    const { bytes } = specimen('best', 'cut')
    const region = attach(bytes.slice())
    const end = region.segments().reduce((most, s) => Math.max(most, s.at + s.size), 0)
    for (let length = 0; length < end; length += 64) {
      expect(verdict(bytes.slice(0, length), `cut at ${length}`), `cut at ${length}`).not.equals('')
    }
    expect(() => attach(new Uint8Array(4096))).throws(VmallocError, /no region at 8/)
    expect(() => attach('bytes' as never)).throws(VmallocError, /attach: bytes, expected an ArrayBuffer/)
    expect(() => attach(bytes.slice(), { at: 12 })).throws(VmallocError, /multiple of 8/)
    let seed = 12345
    for (let i = 0; i < 200; i++) {
      const noise = bytes.slice()
      for (let k = 0; k < 40; k++) {
        seed = (Math.imul(seed, 1103515245) + 12345) >>> 0
        noise[8 + (seed % 4000)] = seed >>> 24
      }
      verdict(noise, `noise ${i}`)
    }
  })

  it('tells why', () => {
    const { bytes } = specimen('best', 'why')
    const view = new DataView(bytes.buffer)
    view.setUint32(8 + H.VERSION, 99, true)
    expect(() => attach(bytes.slice())).throws(VmallocError, /version 99, expected 1/)
    view.setUint32(8 + H.VERSION, 1, true)
    view.setUint32(8 + H.BUSY, 1, true)
    expect(() => attach(bytes.slice())).throws(VmallocError, /busy bytes.*expected \d+/)
  })
})

/** Whether a word belongs to the region's header or to the header of a block. */
function isHeader(view: DataView, header: number, heads: Set<number>, at: number): boolean {
  return at < header + view.getUint32(header + H.LENGTH, true) || heads.has(at)
}

/** Whether a word belongs to the table of values. */
function isValue(view: DataView, header: number, at: number): boolean {
  const from = view.getUint32(header + H.VALUES, true)
  const to = view.getUint32(header + H.STATE, true)
  return at >= from && at < to
}
