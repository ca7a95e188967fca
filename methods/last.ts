/**
 * last: hand out memory in order; only the newest block can be freed or resized.
 *
 *   extent   base                              TOP                 limit
 *            | H | block | H | block | ... | H | .... wilderness .... |
 *
 *   state    +0      +4       +8   +12     +16     +20
 *            | TOP   | NEWEST | AT | EPOCH | EDGE  | 0 |   AT is the segment of TOP; those before it are full, those after
 *                                                          it empty; EDGE is where it ends
 *
 *   block    -8      -4       0
 *            | SIZE  | PREV   | payload, SIZE bytes ... |
 *
 *   SIZE  payload bytes, a multiple of 8; bit 0 set when the block is dead: a gap before an aligned block, the rest of a
 *         full segment, one that was copied elsewhere, or one that was freed
 *   PREV  the block before, NIL for the first, mixed with EPOCH, a number that each clear changes: what was a block
 *         before is none afterwards
 *
 *   L1  blocks tile every segment before AT, and AT up to TOP
 *   L2  PREV names the block before, which may be the last of an earlier segment; NEWEST is not dead and ends at TOP
 *
 *   alloc O(1)   free O(1), and the dead before it go too   resize O(1) in place   overhead 8 bytes a block
 *
 * How sure a refusal is: an address is a block when it is the first of a segment that has any, or when the block its
 * PREV names ends where it begins. Freed blocks are dead and those cleared are of another epoch, so only client data
 * inside a block could imitate one.
 */

import { type Addr, LIMIT, NIL } from '../src/contract/addr.ts'
import type { Method, MethodDef, Visit } from '../src/contract/method.ts'
import { type Segment, type Store, tookInto } from '../src/contract/store.ts'
import { roundUp } from '../src/ground/bits.ts'
import { corrupted } from '../src/ground/fault.ts'
import type { Words } from '../src/ground/words.ts'

// the state in words
const TOP = 0
const NEWEST = 1
const AT = 2
const EPOCH = 3
const EDGE = 4
const SPARE = 5 //    always 0
const STATE = 24

const HEADER = 8
const SIZE = -8
const PREV = -4
const DEAD = 1
const SHORT = 2 ** 30 // larger ones take the long way, where sums are looked at
const EPOCH_STEP = 0x9e3779b8 // a multiple of 8, as PREV is

/** The bytes of a block, dead or not. */
const wholeOf = (size: number): number => size - (size & DEAD)

class Last implements Method {
  private readonly words: Words
  private readonly store: Store
  private readonly s: number //      first word of the state
  private readonly tally: number //  word of busy bytes
  private readonly most: number //   the largest size that the short way takes

  constructor(store: Store) {
    this.words = store.words
    this.store = store
    this.s = store.state >>> 2
    this.tally = store.tally >>> 2
    this.most = store.align === HEADER ? SHORT : 0
  }

  start(): void {
    this.clear()
  }

  alloc(size: number): Addr {
    if (size <= this.most && size > 0 && size >>> 0 === size) {
      const m = this.words.i32
      const s = this.s
      const bytes = (size + 7) & -8
      const at = (m[s + TOP]! >>> 0) + HEADER
      const top = at + bytes
      if (top <= m[s + EDGE]! >>> 0) {
        const i = at >>> 2
        m[i - 2] = bytes
        m[i - 1] = m[s + NEWEST]! ^ m[s + EPOCH]!
        m[s + TOP] = top
        m[s + NEWEST] = at
        tookInto(m, this.tally, bytes)
        return at
      }
    }
    return this.place(size, this.store.align)
  }

  align(size: number, alignment: number): Addr {
    return this.place(size, Math.max(alignment, this.store.align))
  }

  free(at: Addr): boolean {
    const m = this.words.i32
    const s = this.s
    if (at === NIL || at !== m[s + NEWEST]! >>> 0) return false
    const i = at >>> 2
    const size = m[i - 2]!
    m[this.tally] = m[this.tally]! - size
    const before = (m[i - 1]! ^ m[s + EPOCH]!) >>> 0
    const end = before === NIL ? this.store.base(this.store.first) : before + m[(before >>> 2) - 2]!
    if (end === at - HEADER) {
      m[i - 2] = size | DEAD
      m[s + TOP] = at - HEADER
      m[s + NEWEST] = before
      return true
    }
    this.put(at, SIZE, size | DEAD)
    this.settle(at)
    return true
  }

  resize(at: Addr, size: number): boolean {
    if (size >>> 0 !== size || size > LIMIT || at === NIL || at !== this.state(NEWEST)) return false
    const store = this.store
    const rounded = roundUp(Math.max(size, 1), store.align)
    const over = at + rounded - store.limit(this.state(AT))
    if (over > 0 && (this.state(AT) !== store.last || !store.grow(over, 0))) return false
    this.setState(EDGE, store.limit(this.state(AT)))
    const had = this.get(at, SIZE)
    if (rounded >= had) store.took(rounded - had)
    else store.gave(had - rounded)
    this.put(at, SIZE, rounded)
    this.setState(TOP, at + rounded)
    return true
  }

  moved(at: Addr): void {
    const size = this.sizeOf(at)
    if (size < 0) return
    this.store.gave(size)
    this.put(at, SIZE, size | DEAD)
    if (at === this.state(NEWEST)) this.settle(at)
  }

  sizeOf(at: Addr): number {
    if (!this.isBlock(at)) return -1
    const size = this.get(at, SIZE)
    return (size & DEAD) !== 0 ? -1 : size
  }

  serves(size: number): boolean {
    return size <= LIMIT
  }

  clear(): void {
    const first = this.store.first
    this.setState(EPOCH, this.state(EPOCH) + EPOCH_STEP)
    this.setState(AT, first)
    this.setState(EDGE, this.store.limit(first))
    this.setState(NEWEST, NIL)
    this.setState(TOP, this.store.base(first))
  }

  compact(): void {
    const at = this.state(AT)
    for (let last = this.store.last; last !== at; last = this.store.last) {
      if (!this.store.release(last)) break
    }
    this.store.trim(at, this.state(TOP))
    this.setState(EDGE, this.store.limit(at))
  }

  walk(visit: Visit): void {
    for (let segment = this.store.first; segment !== 0; segment = this.store.next(segment)) {
      const limit = Math.min(this.store.limit(segment), this.words.length)
      const end = Math.min(this.endOf(segment), limit)
      let block = this.store.base(segment) + HEADER
      while (block <= end) {
        const size = this.get(block, SIZE)
        const after = block + wholeOf(size)
        if (after > end) return
        if ((size & DEAD) === 0 && visit(block, size, 'busy') === false) return
        block = after + HEADER
      }
      if (limit > end + HEADER && visit(end + HEADER, limit - end - HEADER, 'free') === false) return
    }
  }

  check(level: number, at: Addr = NIL): void {
    const name = `${this.store.name}: last`
    if (level >= 3) {
      this.checkAll(name)
      return
    }
    if (at === NIL) return
    if (!this.isBlock(at)) corrupted(`${name} L1`, at, 'no block', 'a block')
    const previous = level >= 2 ? this.previous(at) : NIL
    if (previous !== NIL && !this.isBlock(previous)) corrupted(`${name} L2`, at, `follows ${previous}`, 'a block')
  }

  /** A block whose payload is a multiple of `alignment`; what must lie before it is a dead block. */
  private place(size: number, alignment: number): Addr {
    if (size >>> 0 !== size || size > LIMIT) return NIL
    const store = this.store
    const rounded = roundUp(Math.max(size, 1), store.align)
    for (let left = this.words.length / HEADER; left > 0; left--) {
      const segment = this.state(AT)
      const top = this.state(TOP)
      const limit = store.limit(segment)
      this.setState(EDGE, limit)
      const at = this.payload(top, alignment)
      if (at + rounded <= limit) {
        if (at - HEADER > top) this.push(top + HEADER, (at - HEADER - top - HEADER) | DEAD)
        this.push(at, rounded)
        store.took(rounded)
        return at
      }
      if (segment !== store.last) this.enter(store.next(segment), limit)
      else if (!store.grow(at + rounded - limit, rounded + 2 * HEADER + alignment)) {
        this.settle(this.state(NEWEST))
        return NIL
      }
    }
    return NIL // the segments go in a ring
  }

  private payload(top: number, alignment: number): Addr {
    const bias = this.store.bias
    return alignment === HEADER ? top + HEADER : roundUp(top + HEADER + bias, alignment) - bias
  }

  private push(at: Addr, size: number): void {
    this.put(at, SIZE, size)
    this.put(at, PREV, this.state(NEWEST) ^ this.state(EPOCH))
    this.setState(NEWEST, at)
    this.setState(TOP, at + wholeOf(size))
  }

  /** Allocation goes on in the next segment, which is empty; the rest of this one is a dead block. */
  private enter(segment: Segment, limit: number): void {
    const top = this.state(TOP)
    if (top < limit) this.push(top + HEADER, (limit - top - HEADER) | DEAD)
    this.setState(AT, segment)
    this.setState(EDGE, this.store.limit(segment))
    this.setState(TOP, this.store.base(segment))
  }

  /** The newest block from `at` back that is not dead is the newest one. */
  private settle(at: Addr): void {
    let left = this.words.length / HEADER // no chain has more blocks, unless it goes in a ring
    while (at !== NIL && left-- > 0 && (this.get(at, SIZE) & DEAD) !== 0) at = this.previous(at)
    if (at === NIL || left < 0) {
      this.clear()
      return
    }
    const segment = this.state(AT)
    if (at < this.store.base(segment) || at > this.store.limit(segment)) {
      const other = this.store.find(at - HEADER)
      this.setState(AT, other)
      this.setState(EDGE, this.store.limit(other))
    }
    this.setState(NEWEST, at)
    this.setState(TOP, at + this.get(at, SIZE))
  }

  /** Where the blocks of a segment end. */
  private endOf(segment: Segment): number {
    const at = this.state(AT)
    if (segment === at) return this.state(TOP)
    for (let s = this.store.next(at); s !== 0; s = this.store.next(s)) if (s === segment) return this.store.base(s)
    return this.store.limit(segment)
  }

  private isBlock(at: Addr): boolean {
    if (at >>> 0 !== at || at % 8 !== 0) return false
    const store = this.store
    const here = this.state(AT)
    const segment = at >= store.base(here) && at <= this.state(TOP) ? here : store.find(at - HEADER)
    if (segment === 0 || at + wholeOf(this.get(at, SIZE)) > this.endOf(segment)) return false
    if (at - HEADER === store.base(segment)) return true
    const previous = this.previous(at)
    const after = previous + wholeOf(this.get(previous, SIZE))
    return previous % 8 === 0 && previous > store.base(segment) && previous < at && after === at - HEADER
  }

  private checkAll(name: string): void {
    const store = this.store
    const at = this.state(AT)
    let previous = NIL
    let found = false
    for (let segment = store.first; segment !== 0 && !found; segment = store.next(segment)) {
      found = segment === at
      const end = found ? this.state(TOP) : store.limit(segment)
      let block = store.base(segment) + HEADER
      if (end < block - HEADER || end > store.limit(segment) || end % 8 !== 0) {
        corrupted(`${name} L1`, store.state, `top ${end}`, `inside segment ${segment}`)
      }
      while (block - HEADER < end) {
        const size = this.get(block, SIZE)
        const after = block + wholeOf(size)
        if (after > end || (size & 6) !== 0)
          corrupted(`${name} L1`, block, `size ${size}`, `a multiple of 8 that ends by ${end}`)
        const before = this.previous(block)
        if (before !== previous) corrupted(`${name} L2`, block, `follows ${before}`, previous)
        previous = block
        block = after + HEADER
      }
    }
    if (!found) corrupted(`${name} L1`, store.state, `segment ${at}`, 'a segment of this region')
    const limit = this.state(EDGE)
    if (limit !== store.limit(at)) corrupted(`${name} limit`, store.state, limit, store.limit(at))
    if (this.state(SPARE) !== 0) corrupted(`${name} spare`, store.state, this.state(SPARE), 0)
    if (this.state(NEWEST) !== previous) corrupted(`${name} L2`, store.state, `newest ${this.state(NEWEST)}`, previous)
    if (previous !== NIL && (this.get(previous, SIZE) & DEAD) !== 0)
      corrupted(`${name} L2`, previous, 'newest is dead', 'a live block')
  }

  /** The block before. */
  private previous(at: Addr): Addr {
    return (this.get(at, PREV) ^ this.state(EPOCH)) >>> 0
  }

  private get(at: Addr, field: number): number {
    return this.words.i32[(at + field) >>> 2]! >>> 0
  }

  private put(at: Addr, field: number, value: number): void {
    this.words.i32[(at + field) >>> 2] = value
  }

  private state(field: number): number {
    return this.words.i32[this.s + field]! >>> 0
  }

  private setState(field: number, value: number): void {
    this.words.i32[this.s + field] = value
  }
}

export const last: MethodDef = {
  name: 'last',
  about: 'in order of address; only the newest block can be freed',
  state: STATE,
  frees: 'newest',
  sizes: 'any',
  coalesces: true,
  overhead: 8,
  create: (store: Store) => new Last(store),
}
