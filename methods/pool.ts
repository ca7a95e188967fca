/**
 * pool: elements of one size, the last one freed handed out first.
 *
 *   extent   base                                          limit
 *            | element | element | ... | .... fresh ..... |       the fresh end of the newest segment was never used
 *
 *   state    +0     +4       +8     +12     +16     +20     +24      +28
 *            | SIZE | STRIDE | FREE | EDGE  | FRESH | FIXED | NEWEST | GRID |
 *
 *   FREE           first free element
 *   EDGE           where the newest segment ends
 *   NEWEST         the segment with the fresh end, which begins at FRESH; its elements begin at GRID
 *
 *   free     +0       +4
 *            | next   | KEY ^ place | ...
 *
 *   SIZE    bytes an element serves: an option, or the first request since open or clear. 0 while unknown
 *   STRIDE  SIZE rounded up to the alignment
 *
 *   L1  elements lie at multiples of STRIDE from the first multiple of the alignment in their segment
 *   L2  the list from FREE has every element that is not busy, each once, each with its key
 *
 *   alloc O(1)   free O(1)   no bytes of overhead but rounding
 *
 * How sure a refusal is: an address is an element when it lies on the grid below the fresh end, and free when its key
 * says so and, for a key might be client data, the list confirms it: always right.
 */

import { type Addr, LIMIT, NIL } from '../src/contract/addr.ts'
import type { Method, MethodDef, Visit } from '../src/contract/method.ts'
import type { OptionValue } from '../src/contract/option.ts'
import { type Segment, type Store, tookInto } from '../src/contract/store.ts'
import { isPowerOfTwo, roundUp } from '../src/ground/bits.ts'
import { corrupted } from '../src/ground/fault.ts'
import type { Words } from '../src/ground/words.ts'

// the state in words
const SIZE = 0
const STRIDE = 1
const FREE = 2
const EDGE = 3
const FRESH = 4
const FIXED = 5 //  the size that is an option and survives clear, or 0, mixed with KEY so that no other word will do
const NEWEST = 6
const GRID = 7
const STATE = 32

const KEY = 0x9e3779b1 | 0

class Pool implements Method {
  private readonly words: Words
  private readonly store: Store
  private readonly s: number
  private readonly element: number
  private readonly tally: number //  word of busy bytes
  // the size that the next three divide by: see isMultiple
  private size = 0
  private inverse = 0
  private shift = 0
  private most = -1

  constructor(store: Store, element: number) {
    this.words = store.words
    this.store = store
    this.s = store.state >>> 2
    this.element = element
    this.tally = store.tally >>> 2
  }

  start(): void {
    const m = this.words.i32
    m[this.s + FIXED] = KEY ^ this.element
    this.clear()
  }

  alloc(size: number): Addr {
    const m = this.words.i32
    const s = this.s
    const at = m[s + FREE]! >>> 0
    const unit = m[s + SIZE]!
    if (size !== unit || unit <= 0 || at === NIL) return this.allocSlowly(size)
    return this.pop(at, unit)
  }

  free(at: Addr): boolean {
    const m = this.words.i32
    const s = this.s
    const grid = m[s + GRID]! >>> 0
    const size = m[s + SIZE]!
    if (at >>> 0 !== at || at < grid || at >= m[s + FRESH]! >>> 0 || size !== this.size) {
      return this.isElement(at) && this.giveBack(at, m[s + SIZE]!)
    }
    return this.isMultiple(at - grid) && this.giveBack(at, size)
  }

  resize(at: Addr, size: number): boolean {
    return this.sizeOf(at) === size
  }

  align(size: number, alignment: number): Addr {
    if (alignment <= this.store.align) return this.alloc(size)
    const stride = this.strideOf(this.unit() || size)
    if (stride === 0 || stride % alignment !== 0 || !this.accepts(size)) return NIL
    if (this.words.i32[this.s + FREE] === NIL && !this.reach()) return NIL
    if (this.gridIsAligned(alignment)) return this.alloc(size)
    this.forget()
    return NIL
  }

  sizeOf(at: Addr): number {
    return this.isElement(at) && !this.isFree(at) ? this.unit() : -1
  }

  offsetOf(at: Addr): number {
    const segment = this.store.find(at)
    const stride = this.words.i32[this.s + STRIDE]! >>> 0
    if (segment === 0 || stride === 0 || at < this.gridOf(segment)) return -1
    const offset = Math.floor(at - this.gridOf(segment)) % stride
    return offset < this.unit() && this.sizeOf(at - offset) >= 0 ? offset : -1
  }

  unit(): number {
    return this.words.i32[this.s + SIZE]! >>> 0
  }

  serves(size: number): boolean {
    const unit = this.unit()
    return this.strideOf(size) <= LIMIT && (unit === 0 || size === unit || size === 0)
  }

  clear(): void {
    const m = this.words.i32
    const s = this.s
    const first = this.store.first
    m[s + FREE] = NIL
    this.enter(first, this.gridOf(first))
    m[s + SIZE] = 0
    m[s + STRIDE] = 0
    const fixed = (m[s + FIXED]! ^ KEY) >>> 0
    if (fixed !== 0) this.accepts(fixed)
  }

  /** Free elements at a segment's end become fresh again, and segments without busy elements go back. */
  compact(): void {
    const store = this.store
    const s = this.s
    const stride = this.words.i32[s + STRIDE]! >>> 0 || LIMIT
    const free = this.freeSet()
    const segments: Segment[] = []
    for (let g = store.first; g !== 0; g = store.next(g)) segments.push(g)
    try {
      for (const g of segments.reverse()) {
        const grid = this.gridOf(g)
        const end = this.endOf(g)
        let busyEnd = end
        while (busyEnd > grid && free.has(busyEnd - stride)) busyEnd -= stride
        if (busyEnd === grid && g !== store.first && this.dismiss(g)) {
          for (let at = grid; at < end; at += stride) free.delete(at)
        } else if (g === this.words.i32[s + NEWEST]! >>> 0) {
          for (let at = busyEnd; at < end; at += stride) free.delete(at)
          this.words.i32[s + FRESH] = busyEnd
          if (g === store.last) store.trim(g, busyEnd)
          this.words.i32[s + EDGE] = store.limit(g)
        }
      }
    } finally {
      this.relink(free)
    }
  }

  walk(visit: Visit): void {
    const m = this.words.i32
    const store = this.store
    const stride = m[this.s + STRIDE]! >>> 0
    const unit = Math.min(this.unit(), stride)
    const free = this.freeSet()
    for (let segment = store.first; segment !== 0; segment = store.next(segment)) {
      const limit = Math.min(store.limit(segment), this.words.length)
      const end = Math.min(this.endOf(segment), limit)
      if (stride !== 0) {
        for (let at = this.gridOf(segment); at + stride <= end; at += stride) {
          if (visit(at, unit, free.has(at) ? 'free' : 'busy') === false) return
        }
      }
      if (limit - end >= 8 && visit(end, limit - end, 'free') === false) return
    }
  }

  check(level: number, at: Addr = NIL): void {
    const name = `${this.store.name}: pool`
    if (level < 3) {
      if (at !== NIL && !this.isElement(at)) corrupted(`${name} L1`, at, 'no element', 'an element')
      return
    }
    const m = this.words.i32
    const s = this.s
    const store = this.store
    const size = this.unit()
    const stride = m[s + STRIDE]! >>> 0
    const fixed = (m[s + FIXED]! ^ KEY) >>> 0
    if (stride !== (size === 0 ? 0 : this.strideOf(size)))
      corrupted(`${name} stride`, store.state, stride, `what goes with ${size}`)
    if (fixed !== 0 && fixed !== size) corrupted(`${name} size`, store.state, size, fixed)
    const newest = m[s + NEWEST]! >>> 0
    const fresh = m[s + FRESH]! >>> 0
    if (!this.isSegment(newest)) corrupted(`${name} newest`, store.state, newest, 'a segment of this region')
    const grid = this.gridOf(newest)
    if (m[s + GRID]! >>> 0 !== grid) corrupted(`${name} grid`, store.state, m[s + GRID]! >>> 0, grid)
    if (
      fresh < grid ||
      fresh > Math.max(store.limit(newest), grid) ||
      (stride !== 0 && (fresh - grid) % stride !== 0) ||
      (stride === 0 && fresh !== grid)
    ) {
      corrupted(`${name} fresh`, store.state, fresh, `an element's place in segment ${newest}`)
    }
    const free = this.freeSet()
    const limit = m[s + EDGE]! >>> 0
    if (limit !== store.limit(newest)) corrupted(`${name} limit`, store.state, limit, store.limit(newest))
    const expected = size === 0 ? 0 : this.used() - (m[this.tally]! >>> 0) / size
    if (free.size !== expected)
      corrupted(`${name} L2`, store.state, `${free.size} sound elements on the list`, expected)
    let end = m[s + FREE]! >>> 0
    for (let n = 0; n < free.size; n++) end = m[end >>> 2]! >>> 0
    if (end !== NIL) corrupted(`${name} L2`, store.state, `the list goes on to ${end}`, 'its end')
    for (const at of free) {
      if (m[(at >>> 2) + 1] !== (KEY ^ (at >>> 2)))
        corrupted(`${name} L2`, at, 'a free element without its key', 'written to after free?')
    }
  }

  // sizes and places

  /** Takes a first request's size as the element size; serves size 0 with an element. */
  private accepts(size: number): boolean {
    const m = this.words.i32
    const s = this.s
    if (size >>> 0 !== size || size > LIMIT) return false
    if (m[s + SIZE] !== 0) return size === 0
    const unit = size === 0 ? this.store.align : size
    if (this.strideOf(unit) > LIMIT) return false
    m[s + SIZE] = unit
    m[s + STRIDE] = this.strideOf(unit)
    return true
  }

  private strideOf(size: number): number {
    return roundUp(size, this.store.align)
  }

  /** Where the elements of a segment begin. */
  private gridOf(segment: Segment): Addr {
    const { bias, align } = this.store
    return roundUp(this.store.base(segment) + bias, align) - bias
  }

  /** Where the elements of a segment that were ever used end: segments behind NEWEST are unused since a clear. */
  private endOf(segment: Segment): Addr {
    const m = this.words.i32
    const newest = m[this.s + NEWEST]! >>> 0
    if (segment === newest) return m[this.s + FRESH]! >>> 0
    for (let g = this.store.next(newest); g !== 0; g = this.store.next(g)) if (g === segment) return this.gridOf(g)
    return this.fullEnd(segment)
  }

  private fullEnd(segment: Segment): Addr {
    const stride = this.words.i32[this.s + STRIDE]! >>> 0
    const grid = this.gridOf(segment)
    const room = this.store.limit(segment) - grid
    return stride === 0 || room < stride ? grid : grid + Math.floor(room / stride) * stride
  }

  private isSegment(segment: Segment): boolean {
    for (let g = this.store.first; g !== 0; g = this.store.next(g)) if (g === segment) return true
    return false
  }

  private gridIsAligned(alignment: number): boolean {
    const { bias } = this.store
    for (let g = this.store.first; g !== 0; g = this.store.next(g))
      if ((this.gridOf(g) + bias) % alignment !== 0) return false
    return isPowerOfTwo(alignment)
  }

  private isElement(at: Addr): boolean {
    const m = this.words.i32
    const s = this.s
    if (at >>> 0 !== at) return false
    let grid = m[s + GRID]! >>> 0
    if (at < grid || at >= m[s + FRESH]! >>> 0) {
      const segment = this.store.find(at)
      if (segment === 0 || at >= this.endOf(segment)) return false
      grid = this.gridOf(segment)
    }
    if (m[s + SIZE] !== this.size) this.learn(m[s + SIZE]!)
    return this.isMultiple(at - grid)
  }

  /** Elements that were ever used since a clear. */
  private used(): number {
    const stride = this.words.i32[this.s + STRIDE]! >>> 0
    let bytes = 0
    for (let g = this.store.first; g !== 0; g = this.store.next(g)) bytes += this.endOf(g) - this.gridOf(g)
    return stride === 0 ? 0 : bytes / stride
  }

  /**
   * Whether an offset is a multiple of the stride, without a division: the inverse of the stride's odd part, modulo 2^32,
   * takes multiples of that part to small numbers and all others to large ones; the rotation does the same for the powers
   * of two (Warren, Hacker's Delight, 10-17).
   */
  private isMultiple(offset: number): boolean {
    const x = Math.imul(offset, this.inverse)
    return ((x >>> this.shift) | (x << (32 - this.shift))) >>> 0 <= this.most
  }

  /** What isMultiple needs for elements of a size. */
  private learn(size: number): void {
    const stride = this.strideOf(size >>> 0)
    this.size = size
    this.shift = stride === 0 ? 0 : 31 - Math.clz32(stride & -stride)
    this.most = stride === 0 ? -1 : Math.floor(0xffffffff / stride)
    const odd = stride >>> this.shift
    let inverse = odd // right in three bits; each step doubles them
    for (let bits = 3; bits < 32; bits *= 2) inverse = Math.imul(inverse, 2 - Math.imul(odd, inverse))
    this.inverse = inverse
  }

  /** An element, or what looks like one, goes onto the list; false when it is there already. */
  private giveBack(at: Addr, size: number): boolean {
    const m = this.words.i32
    const s = this.s
    const i = at >>> 2
    if (m[i + 1] === (KEY ^ i) && this.isFree(at)) return false
    m[i] = m[s + FREE]!
    m[i + 1] = KEY ^ i
    m[s + FREE] = at
    m[this.tally] = m[this.tally]! - size
    return true
  }

  private isFree(at: Addr): boolean {
    const m = this.words.i32
    if (m[(at >>> 2) + 1] !== (KEY ^ (at >>> 2))) return false
    let left = this.words.length / 8
    for (let a = m[this.s + FREE]! >>> 0; a !== NIL && left > 0; a = m[a >>> 2]! >>> 0, left--)
      if (a === at) return true
    return false
  }

  /** The elements of the list; ends at the first that is no element or comes again. */
  private freeSet(): Set<Addr> {
    const m = this.words.i32
    const free = new Set<Addr>()
    for (let a = m[this.s + FREE]! >>> 0; a !== NIL && !free.has(a) && this.isElement(a); a = m[a >>> 2]! >>> 0)
      free.add(a)
    return free
  }

  /** Gives back a segment; when it was the newest one, the one before is that again. */
  private dismiss(segment: Segment): boolean {
    const s = this.s
    const store = this.store
    const isNewest = segment === this.words.i32[s + NEWEST]! >>> 0
    let before = store.first
    while (store.next(before) !== segment) before = store.next(before)
    if (!store.release(segment)) return false
    if (isNewest) {
      this.enter(before, this.fullEnd(before))
    }
    return true
  }

  /** The fresh end is in that segment now, from `fresh` on. */
  private enter(segment: Segment, fresh: Addr): void {
    const m = this.words.i32
    m[this.s + NEWEST] = segment
    m[this.s + GRID] = this.gridOf(segment)
    m[this.s + FRESH] = fresh
    m[this.s + EDGE] = this.store.limit(segment)
  }

  /** Makes the list anew, in order of address. */
  private relink(free: Set<Addr>): void {
    const m = this.words.i32
    let head = NIL
    for (const at of [...free].sort((a, b) => b - a)) {
      m[at >>> 2] = head
      head = at
    }
    m[this.s + FREE] = head
  }

  /** A request that sets the size, is of another one, or finds no free element. */
  private allocSlowly(size: number): Addr {
    const m = this.words.i32
    const s = this.s
    if ((size !== m[s + SIZE]! >>> 0 || size === 0) && !this.accepts(size)) return NIL
    const at = m[s + FREE]! >>> 0
    if (at === NIL) return this.fresh()
    return this.pop(at, m[s + SIZE]!)
  }

  /** The first free element, which is there, goes to a client. */
  private pop(at: Addr, size: number): Addr {
    const m = this.words.i32
    const i = at >>> 2
    m[this.s + FREE] = m[i]!
    m[i + 1] = 0
    tookInto(m, this.tally, size)
    return at
  }

  /** An element that was never used. */
  private fresh(): Addr {
    const s = this.s
    let m = this.words.i32
    let at = m[s + FRESH]! >>> 0
    if (at + (m[s + STRIDE]! >>> 0) > m[s + EDGE]! >>> 0) {
      if (!this.reach()) return NIL
      m = this.words.i32
      at = m[s + FRESH]! >>> 0
    }
    m[s + FRESH] = at + m[s + STRIDE]!
    m[(at >>> 2) + 1] = 0
    tookInto(m, this.tally, m[s + SIZE]!)
    return at
  }

  /** Sees to it that an element fits at the fresh end: in its segment, in an unused one, or in a new one. */
  private reach(): boolean {
    const s = this.s
    const store = this.store
    for (let left = this.words.length / 8; left > 0; left--) {
      const m = this.words.i32
      const stride = m[s + STRIDE]! >>> 0
      const newest = m[s + NEWEST]! >>> 0
      const limit = store.limit(newest)
      const lacks = (m[s + FRESH]! >>> 0) + stride - limit
      m[s + EDGE] = limit
      if (lacks <= 0) return true
      const next = newest === store.last ? 0 : store.next(newest)
      if (next === 0 && !store.grow(lacks, stride + store.align)) {
        this.forget()
        return false
      }
      if (store.last !== newest) {
        const segment = next === 0 ? store.last : next
        this.enter(segment, this.gridOf(segment))
      }
    }
    return false // the segments go in a ring
  }

  /** A size that could not be served even once is not the element size. */
  private forget(): void {
    const store = this.store
    for (let g = store.first; g !== 0; g = store.next(g)) if (this.endOf(g) !== this.gridOf(g)) return
    this.clear()
  }
}

export const pool: MethodDef = {
  name: 'pool',
  about: 'elements of one size, reused last in first out',
  state: STATE,
  frees: 'any',
  sizes: 'one',
  coalesces: false,
  overhead: 0,
  options: [
    {
      name: 'element',
      kind: 'size',
      scope: 'region',
      min: 1,
      max: LIMIT,
      otherwise: 'the size of the first request',
      about: 'the element size of a pool, in bytes',
      isPayload: true,
      example: 'element=64',
    },
  ],
  create: (store: Store, settings: Readonly<Record<string, OptionValue>>) =>
    new Pool(store, Number(settings.element ?? 0)),
}
