/**
 * best: the smallest free block that serves, freed small blocks kept warm for a while: the general-purpose method.
 *
 *   extent   base     first                        TOP              END    limit
 *            | pad | H | block | H | block | ... | H | wilderness .... | F |
 *
 *   block    -4       0                                  (addresses from the payload; sizes in bytes)
 *            | HEAD   | payload, SIZE - 4 usable bytes ... |     the next block's HEAD follows
 *
 *   HEAD     SIZE, a multiple of the alignment, | 3 always | 4 when the block to the left is free
 *   free     | HEAD | next | prev | ... | SIZE |                  of fewer than 256 bytes: in a list of its size
 *            | HEAD | next | prev | child0 | child1 | parent | bin | ... | SIZE |       larger: in a tree of its range
 *   cached   | HEAD | next | KEY ^ place | ...                    looks busy; waits for a request of its size
 *   F        the fence: a HEAD of size 0, so that nothing merges past the end
 *
 *   L1  blocks tile [first, END): each ends where the next begins
 *   L2  bit 4 of a HEAD says what the left neighbour is; a free block ends with its size (the wilderness needs no such tail)
 *   L3  no two neighbours are free
 *   L4  each free block is on the list or in the tree of its size, or is the remainder, or the wilderness; nothing else is
 *   L5  each cached block is on the list of its size, which is as long as its count says, or in the slot of its size
 *
 *   alloc    a cached block of that size - else a free one that leaves nothing - else a piece of the remainder - else of the
 *            smallest free block that is large enough - else of the wilderness - else of a larger cached block - else merge
 *            all that is cached - else grow
 *   free     up to 1 KiB: onto the list of its size, if that has fewer than 16 - up to 8 KiB: into the slot of its size,
 *            out of which another one goes - else, and for what goes: merge with free neighbours
 *   O(1) for cached sizes, O(log size) otherwise.    overhead 4 bytes a block, smallest block 16
 *
 *   allocFor, alignFor, freeOf   for regions that keep accounts: the last word of the payload is the cell of who pays,
 *            whose counts are kept on the way
 *
 * The remainder is what the last split for a small request left: those that miss are carved from it one after the other,
 * so that blocks allocated together lie together. Once many requests missed, one of 8 KiB or more merges all that is
 * cached before it takes a place, or small blocks would lie scattered in the room of large ones.
 * Shape of a block, remainder and trees follow Doug Lea's malloc (public domain), whose compiled pieces can therefore run
 * on this heap (they only look at HEAD); deferred merging follows Vmalloc, merging before large requests glibc.
 *
 * How sure a refusal is: `free` believes an address below TOP whose HEAD and right neighbour's HEAD agree. Client data
 * inside a block can imitate that; an address inside a block whose data does not is refused. No old HEAD is left inside a
 * free block, and a cached block's key is confirmed on its list, so a second free is always refused as long as the
 * memory has not been handed out again.
 */

import { type Addr, type Cell, LIMIT, NIL } from '../src/contract/addr.ts'
import { chargeOne, dischargeOne, isOpen, UP } from '../src/contract/charge.ts'
import type { Method, MethodDef, Visit } from '../src/contract/method.ts'
import type { OptionValue } from '../src/contract/option.ts'
import { type Segment, type Store, tookInto } from '../src/contract/store.ts'
import { roundUp } from '../src/ground/bits.ts'
import type { Words } from '../src/ground/words.ts'
import { file, pop, smallest, unlink, unlinkLarge } from './best/bins.ts'
import { checkAll, checkBlock } from './best/check.ts'
import { headOf, mendHead } from './best/heads.ts'
import {
  BUSY,
  CACHE_LENGTH,
  CACHES,
  CACHING,
  CLEAN,
  CONSOLIDATES,
  DIRTY,
  END,
  endAround,
  endOf,
  firstOf,
  HEAD,
  isCached,
  isFreeBefore,
  isKeyed,
  KEY,
  LEFT_FREE,
  LISTS,
  LOW,
  lowestBit,
  MANY,
  MISSES,
  minOf,
  NEWEST,
  NEXT,
  PREV,
  QUICK,
  REMAINDER,
  SEAL,
  SLOT_MOST,
  SLOTS,
  SMALL,
  SMALL_MAP,
  STATE,
  setFree,
  setHead,
  slotOf,
  spanOf,
  TOP,
  TREE_MAP,
} from './best/layout.ts'

/** Words of the wilderness that are freed of old heads at a time. */
const SCRUB = 1024

class Best implements Method {
  private readonly words: Words
  private readonly store: Store
  private readonly s: number //      first word of the state
  private readonly caches: number // first word of the cached lists
  private readonly tally: number //  word of busy bytes
  private readonly low: number //    alignment - 1
  private readonly odd: number //    what addresses in the space have in those bits
  private readonly bias: number
  private readonly mask: number
  private readonly pad: number
  private readonly min: number //    the smallest span
  private readonly quick: number //  the largest size that is cached in lists
  private readonly most: number //   the largest size whose span does not wrap
  private readonly caching: boolean
  private depth: number //           how many blocks a list may hold

  constructor(store: Store, caching: boolean) {
    this.words = store.words
    this.store = store
    this.s = store.state >>> 2
    this.caches = this.s + CACHES
    this.tally = store.tally >>> 2
    this.low = store.align - 1
    this.odd = -store.bias & this.low
    this.bias = store.bias
    this.mask = -store.align
    this.pad = store.align + 3
    this.min = minOf(store)
    this.quick = ((QUICK * 4) & this.mask) - 4
    this.most = Math.min(LIMIT, 2 ** 32 - 2 * store.align)
    this.caching = caching
    this.depth = CACHE_LENGTH * (this.words.i32[this.s + CACHING] ?? 0) // what is attached has it in its bytes
  }

  start(): void {
    this.words.i32[this.s + CACHING] = this.caching ? 1 : 0
    this.depth = this.caching ? CACHE_LENGTH : 0
    this.clear()
  }

  alloc(size: number): Addr {
    if (size > this.quick || size >>> 0 !== size) return this.allocLarge(size)
    const m = this.words.i32
    const span = this.spanFor(size)
    const list = this.caches + span
    const cell = m[list]!
    if (cell === 0 || m[cell + PREV] !== (KEY ^ cell)) return this.obtain(span)
    m[list] = m[cell + NEXT]!
    m[list + 1] = m[list + 1]! - 1
    m[cell + PREV] = 0
    tookInto(m, this.tally, (span << 2) - 4)
    return (cell << 2) >>> 0
  }

  align(size: number, alignment: number): Addr {
    if (alignment <= this.low + 1) return this.alloc(size)
    const cell = this.aligned(size, alignment)
    if (cell === 0) return NIL
    const m = this.words.i32
    tookInto(m, this.tally, (m[cell + HEAD]! & -8) - 4)
    return (cell << 2) >>> 0
  }

  free(at: Addr): boolean {
    // what busySpan asks, in one piece: a way that joins another one loads all it knows again
    const m = this.words.i32
    const s = this.s
    const cell = at >>> 2
    if (at >>> 0 !== at || (at & this.low) !== this.odd) return false
    const top = m[s + TOP]!
    if (cell < m[s + LOW]! || cell >= top) return this.freeSlowly(at)
    const head = m[cell + HEAD]!
    const span = (head >>> 3) << 1
    const right = cell + span
    if ((head & BUSY) !== BUSY || span < this.min || right > top) return false
    if ((m[right + HEAD]! & 7) !== BUSY) return false
    if (m[cell + PREV] === (KEY ^ cell)) return this.freeSlowly(at)
    if (span <= QUICK) {
      const list = this.caches + span
      const count = m[list + 1]!
      if (count < this.depth) {
        m[list + 1] = count + 1
        m[cell + NEXT] = m[list]!
        m[cell + PREV] = KEY ^ cell
        m[list] = cell
        m[this.tally] = m[this.tally]! - ((span << 2) - 4)
        return true
      }
    }
    m[this.tally] = m[this.tally]! - ((span << 2) - 4)
    this.giveBack(cell, span)
    return true
  }

  // the same for accounts: the last word of a block says who pays for it, and is not counted. They repeat what alloc and
  // free do, since a call between a block and its count costs as much as the count; whoever names the account has looked
  // whether it is there

  allocFor(size: number, slot: Cell, counted: boolean): Addr {
    if (size > this.quick - 4 || size >>> 0 !== size) return this.obtainFor(size, slot)
    const m = this.words.i32
    const span = this.spanFor(size + 4)
    const list = this.caches + span
    const cell = m[list]!
    if (cell === 0 || m[cell + PREV] !== (KEY ^ cell)) return this.obtainFor(size, slot)
    m[list] = m[cell + NEXT]!
    m[list + 1] = m[list + 1]! - 1
    m[cell + PREV] = 0
    m[cell + span - 2] = slot
    const bytes = (span << 2) - 8
    tookInto(m, this.tally, bytes)
    chargeOne(m, slot, counted ? m[slot + UP]! : 0, bytes)
    return (cell << 2) >>> 0
  }

  alignFor(size: number, alignment: number, slot: Cell, counted: boolean): Addr {
    if (alignment <= this.low + 1) return this.allocFor(size, slot, counted)
    const cell = size >>> 0 === size ? this.aligned(size + 4, alignment) : 0
    return cell === 0 ? NIL : this.sign(cell, slot)
  }

  freeOf(at: Addr, account: Cell, counted: boolean, any: boolean): boolean {
    const m = this.words.i32
    const s = this.s
    const cell = at >>> 2
    if (at >>> 0 !== at || (at & this.low) !== this.odd) return false
    const top = m[s + TOP]!
    if (cell < m[s + LOW]! || cell >= top) return false
    const head = m[cell + HEAD]!
    const span = (head >>> 3) << 1
    const right = cell + span
    if ((head & BUSY) !== BUSY || span < this.min || right > top) return false
    if ((m[right + HEAD]! & 7) !== BUSY || m[cell + PREV] === (KEY ^ cell)) return false
    let slot = account // where that is who pays, counting need not wait for the block's last word
    if (m[right - 2]! !== slot) {
      if (!any) return false
      slot = m[right - 2]!
    }
    if (any && !isOpen(m, slot)) return false
    const bytes = (span << 2) - 8
    m[this.tally] = m[this.tally]! - bytes
    dischargeOne(m, slot, counted ? m[slot + UP]! : 0, bytes)
    if (span <= QUICK) {
      const list = this.caches + span
      const count = m[list + 1]!
      if (count < this.depth) {
        m[list + 1] = count + 1
        m[cell + NEXT] = m[list]!
        m[cell + PREV] = KEY ^ cell
        m[list] = cell
        return true
      }
    }
    this.giveBack(cell, span)
    return true
  }

  resize(at: Addr, size: number): boolean {
    if (size >>> 0 !== size || size > this.most) return false
    const span = this.spanFor(size)
    const has = this.busySpan(at)
    if (has === 0) return false
    const cell = at >>> 2
    if (span <= has) {
      this.store.gave(this.cut(cell, span) << 2)
      return true
    }
    const right = cell + has
    this.uncache(right, span - has)
    let m = this.words.i32
    if (right === m[this.s + TOP]!) {
      const lacks = span - has - (m[this.s + END]! - right)
      if (lacks > 0) {
        if (!this.grow(lacks, 0)) return false
        m = this.words.i32
      }
      this.carve(span - has)
    } else {
      const beside = spanOf(m, right)
      if (beside === 0 || !isFreeBefore(m, right + beside) || has + beside < span) return false
      this.withdraw(right, beside)
      this.keep(right, beside, span - has)
    }
    const grown = spanOf(m, right)
    m[right + HEAD] = 0
    m[cell + HEAD] = ((has + grown) << 2) | (m[cell + HEAD]! & 7)
    this.store.took(grown << 2)
    return true
  }

  sizeOf(at: Addr): number {
    const span = this.busySpan(at)
    return span === 0 ? -1 : ((span << 2) >>> 0) - 4
  }

  headOf(at: Addr, size: number): number {
    return headOf(this.words.i32, at >>> 2, size)
  }

  mendHead(at: Addr, size: number, left: Addr): void {
    mendHead(this.words.i32, this.s, at >>> 2, size, left >>> 2)
  }

  part(at: Addr): void {
    const { store } = this
    const m = this.words.i32
    const cell = at >>> 2
    const segment = store.find(at)
    if (segment === 0) return
    let before = 0
    let left = 0
    let next = firstOf(store, segment)
    while (next < cell) {
      before = left
      left = next
      next += spanOf(m, next)
      if (next === left) return
    }
    if (next !== cell) return
    // the code that cut it kept no bit of ours
    if (left !== 0) mendHead(m, this.s, left, (spanOf(m, left) << 2) - 4, before)
    mendHead(m, this.s, cell, (spanOf(m, cell) << 2) - 4, left)
    store.gave(4)
  }

  serves(size: number): boolean {
    return size <= this.most
  }

  clear(): void {
    const store = this.store
    const m = this.words.i32
    const s = this.s
    m.fill(0, s + SMALL_MAP, s + SMALL_MAP + 2)
    m.fill(0, s + LISTS, s + (STATE >>> 2))
    m[s + REMAINDER] = 0
    m[s + MISSES] = 0
    this.soil(firstOf(store, store.last), Math.max(m[s + DIRTY]!, m[s + TOP]!))
    for (let segment = store.first; segment !== 0; segment = store.next(segment)) {
      const first = firstOf(this.store, segment)
      const end = endOf(this.store, segment)
      if (store.next(segment) !== 0) this.forget(first, end)
      this.enclose(segment, first, end)
      if (store.next(segment) !== 0) this.retire(first, end)
    }
  }

  compact(): void {
    this.flushAll()
    this.shelve()
    const store = this.store
    while (this.isEmpty(store.last) && store.last !== store.first) {
      const last = store.last
      if (!store.release(last)) break
      this.reopen(store.last)
    }
    this.trimTop()
    for (let segment = store.first; segment !== store.last && segment !== 0; ) {
      const next = store.next(segment)
      this.trimOlder(segment)
      segment = next
    }
  }

  walk(visit: Visit): void {
    const store = this.store
    for (let segment = store.first; segment !== 0; segment = store.next(segment)) {
      const end = endOf(this.store, segment)
      let cell = firstOf(this.store, segment)
      while (cell < end) {
        const m = this.words.i32
        const span = spanOf(m, cell)
        const next = cell + span
        if (span === 0 || next > end) break
        if (span >= this.min) {
          const state = isFreeBefore(m, next) ? 'free' : isCached(m, this.s, cell) ? 'cached' : 'busy'
          if (visit((cell << 2) >>> 0, ((span << 2) >>> 0) - 4, state) === false) return
        }
        cell = next
      }
    }
  }

  check(level: number, at: Addr = NIL): void {
    if (level >= 3) checkAll(this.store)
    else if (level >= 1 && at !== NIL) checkBlock(this.store, at >>> 2, level)
  }

  /** A size that no list serves, if it is one. */
  private allocLarge(size: number): Addr {
    if (size >>> 0 !== size || size > this.most) return NIL
    const span = this.spanFor(size)
    const cell = this.waiting(span)
    if (cell === 0) return this.obtain(span)
    tookInto(this.words.i32, this.tally, (span << 2) - 4)
    return (cell << 2) >>> 0
  }

  /** The block that waits in the slot of its size, busy again; 0 where there is none. */
  private waiting(span: number): Cell {
    if (span > SLOT_MOST) return 0
    const m = this.words.i32
    const slot = slotOf(this.s, span)
    const cell = m[slot]!
    if (cell === 0 || spanOf(m, cell) !== span || !isKeyed(m, cell)) return 0
    m[slot] = 0
    m[cell + PREV] = 0
    return cell
  }

  /** A block of an older segment, or something that may be cached. */
  private freeSlowly(at: number): boolean {
    const span = this.busySpan(at)
    if (span === 0) return false
    const m = this.words.i32
    m[this.tally] = m[this.tally]! - ((span << 2) - 4)
    this.giveBack(at >>> 2, span)
    return true
  }

  /** A block that is busy no more, and that no list has room for. */
  private giveBack(cell: Cell, span: number): void {
    const m = this.words.i32
    if (span > QUICK && span <= SLOT_MOST && this.depth !== 0) {
      const slot = slotOf(this.s, span)
      const other = m[slot]!
      m[cell + PREV] = KEY ^ cell
      m[slot] = cell
      if (other === 0 || !isKeyed(m, other)) return
      m[other + PREV] = 0
      cell = other
      span = spanOf(m, other)
    }
    this.release(cell, span)
  }

  // sizes and places

  private spanFor(size: number): number {
    const span = ((size + this.pad) & this.mask) >>> 2
    return span < this.min ? this.min : span
  }

  /** The span of the busy block that starts at `at`, or 0. */
  private busySpan(at: number): number {
    const m = this.words.i32
    const s = this.s
    const cell = at >>> 2
    if (at >>> 0 !== at || (at & this.low) !== this.odd) return 0
    let end = m[s + TOP]!
    if (cell < m[s + LOW]! || cell >= end) {
      end = this.endOfOlder(cell)
      if (end === 0) return 0
    }
    const head = m[cell + HEAD]!
    const span = (head >>> 3) << 1
    const right = cell + span
    if ((head & BUSY) !== BUSY || span < this.min || right > end) return 0
    if ((m[right + HEAD]! & 7) !== BUSY) return 0
    if (m[cell + PREV] === (KEY ^ cell) && isCached(m, this.s, cell)) return 0
    return span
  }

  /** The end of the segment before the newest one that holds a block at `cell`, or 0. */
  private endOfOlder(cell: Cell): Cell {
    const newest = this.store.last
    if (cell * 4 >= newest && cell * 4 < this.store.limit(newest)) return 0
    return endAround(this.store, cell)
  }

  // the ways to a block

  /** The address of a new block of `span` words or a little more; NIL when there is no memory. */
  private obtain(span: number): Addr {
    const cell = this.seek(span)
    if (cell === 0) return NIL
    const m = this.words.i32
    tookInto(m, this.tally, (m[cell + HEAD]! & -8) - 4)
    return (cell << 2) >>> 0
  }

  /** The same for an account, of any size. */
  private obtainFor(size: number, slot: Cell): Addr {
    if (size >>> 0 !== size || size > this.most - 4) return NIL
    const span = this.spanFor(size + 4)
    const cell = (span > QUICK && this.waiting(span)) || this.seek(span)
    return cell === 0 ? NIL : this.sign(cell, slot)
  }

  /** A block that has become busy is an account's, which sums may count in by now: memory may have grown meanwhile. */
  private sign(cell: Cell, slot: Cell): Addr {
    const m = this.words.i32
    const bytes = (m[cell + HEAD]! & -8) - 8
    m[cell + (bytes >>> 2)] = slot
    tookInto(m, this.tally, bytes)
    chargeOne(m, slot, m[slot + UP]!, bytes)
    return (cell << 2) >>> 0
  }

  /** A busy block for `size` bytes at a multiple of `alignment`, which is more than all have; 0 when there is no memory. */
  private aligned(size: number, alignment: number): Cell {
    if (size >>> 0 !== size || size + alignment > this.most) return 0
    let m = this.words.i32
    const span = this.spanFor(size)
    const min = this.min
    const bias = this.bias
    if (span <= QUICK) {
      const list = this.caches + span
      const cached = m[list]!
      if (cached !== 0 && ((cached * 4 + bias) & (alignment - 1)) === 0 && isKeyed(m, cached)) {
        this.unlist(list, cached)
        return cached
      }
    }
    const room = span + (alignment >>> 2) + min
    let cell = this.find(room)
    if (cell === 0 && (cell = this.makeRoom(room)) === 0) return 0
    m = this.words.i32
    const at = cell * 4
    let place = roundUp(at + bias, alignment) - bias
    if (place !== at && place - at < min * 4) place += alignment
    const gap = (place - at) / 4
    if (gap > 0) {
      const whole = spanOf(m, cell)
      setHead(m, cell, gap)
      m[cell + gap + HEAD] = ((whole - gap) << 2) | BUSY
      this.release(cell, gap)
      cell += gap
    }
    this.cut(cell, span)
    return cell
  }

  /** A busy block of `span` words or a little more that no list has; 0 when there is no memory. */
  private seek(span: number): Cell {
    const misses = this.words.i32[this.s + MISSES]!
    if (misses < MANY) this.setMisses(misses, misses + 1)
    else if (span >= CONSOLIDATES) this.flushAll()
    return this.find(span) || this.makeRoom(span)
  }

  private setMisses(had: number, has: number): void {
    const m = this.words.i32
    m[this.s + MISSES] = has
    m[this.s + SEAL] = m[this.s + SEAL]! ^ had ^ has
  }

  /** A busy block, once there was none: out of a larger cached one, or of all cached ones merged, or memory grows. */
  private makeRoom(span: number): Cell {
    if (this.split(span) || this.flushAll()) {
      const cell = this.find(span)
      if (cell !== 0) return cell
    }
    const m = this.words.i32
    const lacks = span - (m[this.s + END]! - m[this.s + TOP]!)
    return this.grow(lacks, span) ? this.find(span) : 0
  }

  /** The smallest cached block of at least `span` words is cached no more; false when there is none. */
  private split(span: number): boolean {
    const m = this.words.i32
    for (let size = span; size <= QUICK; size += 2) {
      const list = this.caches + size
      const cell = m[list]!
      if (cell === 0 || !isKeyed(m, cell)) continue
      this.unlist(list, cell)
      this.release(cell, size)
      return true
    }
    for (let i = 0; i < 16; i++) {
      const cell = m[this.s + SLOTS + i]!
      if (cell !== 0 && spanOf(m, cell) >= span) return this.empty(this.s + SLOTS + i)
    }
    return false
  }

  /** The first block of a cached list waits no longer. */
  private unlist(list: number, cell: Cell): void {
    const m = this.words.i32
    m[list] = m[cell + NEXT]!
    m[list + 1] = m[list + 1]! - 1
    m[cell + PREV] = 0
  }

  /** A busy block of `span` words or a little more out of what is free; 0 when nothing is large enough. */
  private find(span: number): Cell {
    const m = this.words.i32
    const s = this.s
    const remainder = m[s + REMAINDER]!
    const left = remainder === 0 ? 0 : spanOf(m, remainder)
    if (span < SMALL) {
      const map = m[s + SMALL_MAP]! >>> (span >>> 1)
      if ((map & 3) !== 0) return pop(m, s, (map & 1) !== 0 ? span : span + 2)
      if (left >= span + this.min) {
        const part = remainder + span
        const rest = left - span
        m[remainder + HEAD] = (span << 2) | BUSY
        m[part + HEAD] = (rest << 2) | BUSY
        m[part + rest - 2] = rest << 2
        m[s + REMAINDER] = part
        return remainder
      }
      if (left >= span) return this.keepRemainder(remainder, left, span)
      if (map !== 0) {
        const size = span + (lowestBit(map) << 1)
        const cell = pop(m, s, size)
        if (cell === 0) return 0
        return this.keep(cell, size, span)
      }
    }
    if (m[s + TREE_MAP] !== 0) {
      const cell = smallest(m, s, span)
      if (cell !== 0) {
        const size = spanOf(m, cell)
        if (left >= span && left < size) return this.keepRemainder(remainder, left, span)
        unlinkLarge(m, s, cell)
        if (span < SMALL) return this.keep(cell, size, span)
        const part = this.take(cell, size, span)
        if (part !== 0) file(m, s, part, size - span)
        return cell
      }
    }
    if (left >= span) return this.keepRemainder(remainder, left, span)
    return m[s + END]! - m[s + TOP]! >= span ? this.carve(span) : 0
  }

  /** Makes busy the first `span` words of a free block that is on no list; where what remains free begins, or 0. */
  private take(cell: Cell, size: number, span: number): Cell {
    const m = this.words.i32
    const rest = size - span
    if (rest < this.min) {
      m[cell + size + HEAD] = m[cell + size + HEAD]! & ~LEFT_FREE
      setHead(m, cell, size)
      return 0
    }
    setHead(m, cell, span)
    const part = cell + span
    m[part + HEAD] = (rest << 2) | BUSY
    setFree(m, part, rest)
    return part
  }

  /** The same; what remains becomes the remainder. */
  private keep(cell: Cell, size: number, span: number): Cell {
    const part = this.take(cell, size, span)
    if (part === 0) return cell
    this.shelve()
    this.words.i32[this.s + REMAINDER] = part
    return cell
  }

  private keepRemainder(cell: Cell, size: number, span: number): Cell {
    this.words.i32[this.s + REMAINDER] = 0
    return this.keep(cell, size, span)
  }

  /** Makes busy the first `span` words of the wilderness, which has them. */
  private carve(span: number): Cell {
    const m = this.words.i32
    const s = this.s
    const cell = m[s + TOP]!
    const end = m[s + END]!
    const rest = end - cell - span
    if (m[s + DIRTY] !== 0) this.scrub(cell, span + this.min)
    if (rest < this.min) {
      setHead(m, cell, end - cell)
      m[s + TOP] = end
      m[end + HEAD] = BUSY
      return cell
    }
    const top = cell + span
    m[s + TOP] = top
    m[cell + HEAD] = (span << 2) | BUSY
    m[top + HEAD] = (rest << 2) | BUSY
    return cell
  }

  /** Old heads go from the wilderness before it is handed out: as much as is asked for, a few KiB at a time. */
  private scrub(cell: Cell, size: number): void {
    const m = this.words.i32
    const s = this.s
    const dirty = m[s + DIRTY]!
    const from = Math.max(m[s + CLEAN]!, cell)
    if (cell + size <= from) return
    const end = m[s + END]!
    const to = Math.min(dirty, end, Math.max(cell + size, from + SCRUB))
    if (to > from) m.fill(0, from, to === end ? end + HEAD : to) // the fence stays
    if (to < dirty && to < end) this.soil(to, dirty)
    else this.soil(0, 0)
  }

  /** Old heads may lie in the wilderness from one cell to another. */
  private soil(from: Cell, to: Cell): void {
    const m = this.words.i32
    m[this.s + CLEAN] = from
    m[this.s + DIRTY] = to
    m[this.s + SEAL] = from ^ to ^ m[this.s + MISSES]! ^ KEY
  }

  /** Frees what a busy block has beyond `span` words; how many these were. */
  private cut(cell: Cell, span: number): number {
    const m = this.words.i32
    const rest = spanOf(m, cell) - span
    if (rest < this.min) return 0
    setHead(m, cell, span)
    m[cell + span + HEAD] = (rest << 2) | BUSY
    this.release(cell + span, rest)
    return rest
  }

  // the way back

  /** A block that was busy merges with its free neighbours and is filed; no head is left inside the whole. */
  private release(cell: Cell, span: number): void {
    const m = this.words.i32
    const s = this.s
    const top = m[s + TOP]!
    const remainder = m[s + REMAINDER]!
    let isRemainder = false
    let right = cell + span
    if ((m[cell + HEAD]! & LEFT_FREE) !== 0) {
      const left = (m[cell - 2]! >>> 3) << 1
      m[cell + HEAD] = 0
      cell -= left
      if (cell === remainder) isRemainder = true
      else unlink(m, s, cell, left)
    }
    if (right !== top) {
      const beside = this.freeSpan(right)
      if (beside > 0) {
        if (right === remainder) isRemainder = true
        else if (beside >= this.min) unlink(m, s, right, beside)
        m[right + HEAD] = 0
        right += beside
      }
    }
    if (isRemainder) m[s + REMAINDER] = 0
    if (right === top) {
      m[right + HEAD] = 0
      this.lower(cell)
      return
    }
    span = right - cell
    m[cell + HEAD] = (span << 2) | BUSY
    m[right - 2] = span << 2
    m[right + HEAD] = m[right + HEAD]! | LEFT_FREE
    if (isRemainder) m[s + REMAINDER] = cell
    else file(m, s, cell, span)
  }

  /** The span of the block at `right` if that is free, or a sliver; else 0. */
  private freeSpan(right: Cell): number {
    const m = this.words.i32
    const span = spanOf(m, right)
    if (span < this.min) return span
    return isFreeBefore(m, right + span) ? span : 0
  }

  /** Takes a free block from where it waits. */
  private withdraw(cell: Cell, span: number): void {
    const m = this.words.i32
    if (cell === m[this.s + REMAINDER]!) m[this.s + REMAINDER] = 0
    else unlink(m, this.s, cell, span)
  }

  /** The wilderness begins at `cell` now, which is free and lies before it. */
  private lower(cell: Cell): void {
    const m = this.words.i32
    const end = m[this.s + END]!
    m[this.s + TOP] = cell
    m[cell + HEAD] = ((end - cell) << 2) | BUSY
    m[end + HEAD] = BUSY | LEFT_FREE
  }

  /** The remainder goes where other free blocks are. */
  private shelve(): void {
    const m = this.words.i32
    const cell = m[this.s + REMAINDER]!
    if (cell === 0) return
    m[this.s + REMAINDER] = 0
    file(m, this.s, cell, spanOf(m, cell))
  }

  /** The cached blocks of one size are merged. */
  private flush(span: number): void {
    const m = this.words.i32
    const list = this.s + CACHES + span
    let cell = m[list]!
    m[list] = 0
    m[list + 1] = 0
    for (let left = CACHE_LENGTH; cell !== 0 && left > 0 && isKeyed(m, cell); left--) {
      const next = m[cell + NEXT]!
      m[cell + PREV] = 0
      this.release(cell, span)
      cell = next
    }
  }

  /** Merges cached blocks from `right` on until there is a free one of `span` words or something busy. */
  private uncache(right: Cell, span: number): void {
    const m = this.words.i32
    while (right !== m[this.s + TOP]!) {
      const beside = spanOf(m, right)
      const isFree = beside !== 0 && isFreeBefore(m, right + beside)
      if (isFree && beside >= span) return
      const next = isFree ? right + beside : right
      if (!isCached(m, this.s, next)) return
      const size = spanOf(m, next)
      if (size <= QUICK) this.flush(size)
      else this.empty(slotOf(this.s, size))
    }
  }

  /** The block of a slot is merged. */
  private empty(slot: number): boolean {
    const m = this.words.i32
    const cell = m[slot]!
    m[slot] = 0
    if (cell === 0 || !isKeyed(m, cell)) return false
    m[cell + PREV] = 0
    this.release(cell, spanOf(m, cell))
    return true
  }

  /** All cached blocks are merged; false when there were none. */
  private flushAll(): boolean {
    const m = this.words.i32
    this.setMisses(m[this.s + MISSES]!, 0)
    let any = false
    for (let i = 0; i < 16; i++) if (this.empty(this.s + SLOTS + i)) any = true
    for (let span = this.min; span <= QUICK; span += 2) {
      if (m[this.s + CACHES + span] === 0) continue
      this.flush(span)
      any = true
    }
    return any
  }

  // segments

  /** At least `lacks` more words of wilderness, or a new segment where a block of `fresh` words fits (not if 0). */
  private grow(lacks: number, fresh: number): boolean {
    const { align } = this.store
    if (lacks <= 0) return false // a word of the state was overwritten
    if (!this.store.grow(lacks * 4 + align, fresh === 0 ? 0 : fresh * 4 + 2 * align)) return false
    this.adopt()
    return true
  }

  /** Takes in what the store has more than the state knows. */
  private adopt(): void {
    const store = this.store
    const m = this.words.i32
    const s = this.s
    const last = store.last
    const top = m[s + TOP]!
    if (last === m[s + NEWEST]! >>> 0) {
      const end = endOf(this.store, last)
      m[s + END] = end
      if (end > top) this.lower(top)
      return
    }
    m.fill(0, top, m[s + END]! + HEAD) // whatever lay there before must not look like a head
    this.soil(0, 0)
    this.retire(top, m[s + END]!)
    this.enclose(last, firstOf(this.store, last), endOf(this.store, last))
  }

  /** No head is left in an older segment that is cleared; from the newest they go when it is handed out again. */
  private forget(first: Cell, end: Cell): void {
    const m = this.words.i32
    for (let cell = first; cell < end; ) {
      const span = spanOf(m, cell)
      m[cell + HEAD] = 0
      if (span === 0) break
      cell += span
    }
  }

  /** A segment becomes the newest, all of it wilderness. */
  private enclose(segment: Segment, first: Cell, end: Cell): void {
    const m = this.words.i32
    const s = this.s
    m[s + NEWEST] = segment
    m[s + LOW] = first
    m[s + END] = end
    m[s + TOP] = first
    if (end > first) this.lower(first)
    else m[end + HEAD] = BUSY
  }

  /**
   * The wilderness of a segment that is no longer the newest becomes a free block. What is too small for one, a sliver,
   * looks busy until the block before it is freed.
   */
  private retire(top: Cell, end: Cell): void {
    const m = this.words.i32
    if (top === end) return
    setHead(m, top, end - top)
    if (end - top < this.min) {
      m[end + HEAD] = BUSY
      return
    }
    setFree(m, top, end - top)
    file(m, this.s, top, end - top)
  }

  /** A segment becomes the newest again: the free block or the sliver at its end, if there is one, is the wilderness. */
  private reopen(segment: Segment): void {
    const m = this.words.i32
    const s = this.s
    const first = firstOf(this.store, segment)
    const end = endOf(this.store, segment)
    m[s + NEWEST] = segment
    m[s + LOW] = first
    m[s + END] = end
    m[s + TOP] = end
    this.soil(0, 0)
    if (isFreeBefore(m, end)) {
      const span = (m[end - 2]! >>> 3) << 1
      unlink(m, s, end - span, span)
      this.lower(end - span)
      return
    }
    let last = end
    for (let cell = first; cell < end && cell !== last; cell += spanOf(m, cell)) last = cell
    if (end - last < this.min && last < end) this.lower(last)
  }

  private isEmpty(segment: Segment): boolean {
    const first = firstOf(this.store, segment)
    const end = endOf(this.store, segment)
    const m = this.words.i32
    if (segment === m[this.s + NEWEST]! >>> 0) return m[this.s + TOP] === first
    return end > first && isFreeBefore(m, end) && (m[end - 2]! >>> 3) << 1 === end - first
  }

  private trimTop(): void {
    const newest = this.store.last
    const top = this.words.i32[this.s + TOP]!
    if (!this.store.trim(newest, top * 4)) return
    const end = endOf(this.store, newest)
    const m = this.words.i32
    m[this.s + END] = end
    if (end > top) this.lower(top)
    else m[end + HEAD] = BUSY
  }

  private trimOlder(segment: Segment): void {
    const store = this.store
    const end = endOf(store, segment)
    const m = this.words.i32
    if (end === firstOf(store, segment) || !isFreeBefore(m, end)) return
    const span = (m[end - 2]! >>> 3) << 1
    const cell = end - span
    const whole = segment !== store.first && this.isEmpty(segment)
    unlink(m, this.s, cell, span)
    let gone = false
    try {
      gone = whole && store.release(segment)
      if (!gone) store.trim(segment, cell * 4)
    } finally {
      if (!gone) this.refile(segment, cell)
    }
  }

  /** The last free block of an older segment, which may be shorter now, is filed again. */
  private refile(segment: Segment, cell: Cell): void {
    const end = endOf(this.store, segment)
    this.words.i32[end + HEAD] = end - cell >= this.min ? BUSY | LEFT_FREE : BUSY
    this.retire(cell, end)
  }
}

export const best: MethodDef = {
  name: 'best',
  about: 'best fit with deferred merging: any size, any order',
  state: STATE,
  frees: 'any',
  sizes: 'any',
  coalesces: true,
  heads: true,
  overhead: 4,
  options: [
    {
      name: 'free',
      kind: 'flag',
      scope: 'region',
      otherwise: 'small freed blocks wait for a request of their size',
      about: 'freed blocks are merged at once instead of waiting on a list of their size',
      example: 'free',
    },
  ],
  create: (store: Store, settings: Readonly<Record<string, OptionValue>>) => new Best(store, settings.free !== true),
}
