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
 *   cached   | HEAD | next | KEY ^ place | ...                    looks busy; waits on the list of its size
 *   F        the fence: a HEAD of size 0, so that nothing merges past the end
 *
 *   L1  blocks tile [first, END): each ends where the next begins
 *   L2  bit 4 of a HEAD says what the left neighbour is; a free block ends with its size (the wilderness needs no such tail)
 *   L3  no two neighbours are free
 *   L4  each free block is on the list or in the tree of its size, or is the remainder, or the wilderness; nothing else is
 *   L5  each cached block is on the list of its size, which is as long as its count says
 *
 *   alloc    a cached block of that size - else a free one of just that size - else a piece of the remainder - else of the
 *            smallest free block that is large enough - else of the wilderness - else merge the cached - else grow
 *   free     small: onto the list of its size; a list that gets long goes back as a whole. Others merge at once.
 *   O(1) for cached sizes, O(log size) otherwise.    overhead 4 bytes a block, smallest block 16
 *
 * The remainder is what the last split left: requests that miss are carved from it one after the other, so that blocks
 * allocated together lie together. Shape of a block, remainder and trees follow Doug Lea's malloc (public domain),
 * whose compiled pieces can therefore run on this heap (they only look at HEAD); deferred merging follows Vmalloc.
 *
 * How sure a refusal is: `free` believes an address whose HEAD and right neighbour's HEAD agree. Client data inside a
 * block can imitate that; an address inside a block whose data does not is refused. A cached block's key is confirmed on
 * its list, so a second free is always refused as long as the block has not been handed out again.
 */
import { corrupted } from '../src/ground/fault.ts'
import { roundUp } from '../src/ground/bits.ts'
import type { Words } from '../src/ground/words.ts'
import { type Addr, type Cell, LIMIT, NIL } from '../src/contract/addr.ts'
import type { Method, MethodDef, Visit } from '../src/contract/method.ts'
import type { OptionValue } from '../src/contract/option.ts'
import type { Segment, Store } from '../src/contract/store.ts'

// a block in words: its cell is the index of its payload's first word
const HEAD = -1
const NEXT = 0
const PREV = 1
const CHILD = 2
const PARENT = 4
const BIN = 5
const ROOT = -1 //           parent of the topmost block of a tree
const KEY = 0x5ca1ab1e

const BUSY = 3 //            set in every head
const LEFT_FREE = 4

// spans: sizes in words, even
const SMALL = 64 //          from 64 words (256 bytes) on, free blocks are in trees
const QUICK = 128 //         up to 128 words (512 bytes), freed blocks are cached

// the state in words
const TOP = 0 //             the wilderness, between TOP and END
const END = 1 //             the fence of the newest segment
const LOW = 2 //             the first block of the newest segment
const REMAINDER = 3
const SMALL_MAP = 4 //       one bit for each list that is not empty
const TREE_MAP = 5
const NEWEST = 6 //          the segment that holds TOP
const CACHED = 7 //          how many blocks a list may cache; 0: none wait
const LISTS = 8 //           32 lists of free blocks, by span / 2
const TREES = LISTS + 32 //  32 trees of larger ones
const CACHES = TREES + 32 // for each even span its cached list and the list's length
const STATE = (CACHES + QUICK + 2) * 4

/** Blocks a list caches before they are merged. */
const CACHE_LENGTH = 16

const binOf = (span: number): number => {
  const k = 25 - Math.clz32(span)
  return k > 15 ? 31 : (k << 1) | ((span >>> (k + 5)) & 1)
}
const shiftOf = (bin: number): number => (bin === 31 ? 1 : 27 - (bin >>> 1))
const lowestBit = (bits: number): number => 31 - Math.clz32(bits & -bits)

class Best implements Method {
  readonly #words: Words
  readonly #store: Store
  readonly #s: number //     first word of the state
  readonly #low: number //   alignment - 1
  readonly #mask: number
  readonly #pad: number
  readonly #min: number //   the smallest span
  readonly #caching: boolean

  constructor(store: Store, caching: boolean) {
    this.#store = store
    this.#words = store.words
    this.#s = store.state >>> 2
    this.#low = store.align - 1
    this.#mask = -store.align
    this.#pad = store.align + 3
    this.#min = Math.max(4, store.align >>> 2)
    this.#caching = caching
  }

  start(): void {
    const m = this.#words.i32
    m[this.#s + CACHED] = this.#caching ? CACHE_LENGTH : 0
    this.clear()
  }

  alloc(size: number): Addr {
    if (size >>> 0 !== size || size > LIMIT) return NIL
    const span = this.#spanFor(size)
    if (span <= QUICK) {
      const m = this.#words.i32
      const list = this.#s + CACHES + span
      const cell = m[list]!
      if (cell !== 0) {
        m[list] = m[cell + NEXT]!
        m[list + 1] = m[list + 1]! - 1
        m[cell + PREV] = 0
        this.#store.took((span << 2) - 4)
        return (cell << 2) >>> 0
      }
    }
    const cell = this.#obtain(span)
    return (cell << 2) >>> 0
  }

  align(size: number, alignment: number): Addr {
    if (alignment <= this.#low + 1) return this.alloc(size)
    if (size >>> 0 !== size || size + alignment > LIMIT) return NIL
    const span = this.#spanFor(size)
    const min = this.#min
    const cached = span <= QUICK ? this.#words.i32[this.#s + CACHES + span]! : 0
    if (cached !== 0 && (cached * 4 + this.#store.bias) % alignment === 0) return this.alloc(size)
    let cell = this.#obtain(span + (alignment >>> 2) + min)
    if (cell === 0) return NIL
    const m = this.#words.i32
    const bias = this.#store.bias
    const at = cell * 4
    let place = roundUp(at + bias, alignment) - bias
    if (place !== at && place - at < min * 4) place += alignment
    const gap = (place - at) / 4
    if (gap > 0) {
      const whole = (m[cell + HEAD]! >>> 3) << 1
      this.#setHead(m, cell, gap)
      m[cell + gap + HEAD] = ((whole - gap) << 2) | BUSY
      this.#store.gave(gap << 2)
      this.#release(cell, gap)
      cell += gap
    }
    this.#cut(cell, span)
    return (cell << 2) >>> 0
  }

  free(at: Addr): boolean {
    const span = this.#busySpan(at)
    if (span === 0) return false
    const m = this.#words.i32
    const cell = at >>> 2
    this.#store.gave((span << 2) - 4)
    const most = m[this.#s + CACHED]!
    if (span > QUICK || most === 0) {
      this.#release(cell, span)
      return true
    }
    const list = this.#s + CACHES + span
    const count = m[list + 1]! + 1
    m[cell + NEXT] = m[list]!
    m[cell + PREV] = KEY ^ cell
    m[list] = cell
    m[list + 1] = count
    if (count > most) this.#flush(span)
    return true
  }

  resize(at: Addr, size: number): boolean {
    if (size >>> 0 !== size || size > LIMIT) return false
    const span = this.#spanFor(size)
    const has = this.#busySpan(at)
    if (has === 0) return false
    const cell = at >>> 2
    if (span <= has) {
      this.#cut(cell, span)
      return true
    }
    const right = cell + has
    let m = this.#words.i32
    if (right !== m[this.#s + TOP] && this.#isCached(right)) this.#flush((m[right + HEAD]! >>> 3) << 1)
    if (right === m[this.#s + TOP]!) {
      const lacks = span - has - (m[this.#s + END]! - right)
      if (lacks > 0) {
        if (!this.#grow(lacks, 0)) return false
        m = this.#words.i32
      }
      this.#carve(span - has)
    } else {
      const beside = (m[right + HEAD]! >>> 3) << 1
      if (beside === 0 || (m[right + beside + HEAD]! & LEFT_FREE) === 0 || has + beside < span) return false
      this.#unlink(right, beside)
      this.#keep(right, beside, span - has)
    }
    const grown = (m[right + HEAD]! >>> 3) << 1
    m[cell + HEAD] = ((has + grown) << 2) | (m[cell + HEAD]! & 7)
    this.#store.took(grown << 2)
    return true
  }

  sizeOf(at: Addr): number {
    const span = this.#busySpan(at)
    return span === 0 ? -1 : ((span << 2) >>> 0) - 4
  }

  serves(size: number): boolean {
    return size <= LIMIT
  }

  clear(): void {
    const store = this.#store
    const m = this.#words.i32
    const s = this.#s
    m.fill(0, s + SMALL_MAP, s + SMALL_MAP + 2)
    m.fill(0, s + LISTS, s + (STATE >>> 2))
    m[s + REMAINDER] = 0
    for (let segment = store.first; segment !== 0; segment = store.next(segment)) {
      const first = this.#firstOf(segment)
      const end = this.#endOf(segment)
      this.#enclose(segment, first, end)
      if (store.next(segment) !== 0) this.#retire(first, end)
    }
  }

  compact(): void {
    this.#flushAll()
    this.#shelve()
    const store = this.#store
    while (this.#isEmpty(store.last) && store.last !== store.first) {
      const last = store.last
      if (!store.release(last)) break
      this.#reopen(store.last)
    }
    this.#trimTop()
    for (let segment = store.first; segment !== store.last; ) {
      const next = store.next(segment)
      this.#trimOlder(segment)
      segment = next
    }
  }

  walk(visit: Visit): void {
    const store = this.#store
    for (let segment = store.first; segment !== 0; segment = store.next(segment)) {
      const end = this.#endOf(segment)
      let cell = this.#firstOf(segment)
      while (cell < end) {
        const m = this.#words.i32
        const span = (m[cell + HEAD]! >>> 3) << 1
        const next = cell + span
        if (span === 0 || next > end) break
        if (span >= this.#min) {
          const state =
            (m[next + HEAD]! & LEFT_FREE) !== 0 || cell === m[this.#s + TOP]! ? 'free' : this.#isCached(cell) ? 'cached' : 'busy'
          if (visit((cell << 2) >>> 0, ((span << 2) >>> 0) - 4, state) === false) return
        }
        cell = next
      }
    }
  }

  check(level: number, at: Addr = NIL): void {
    if (level >= 3) this.#checkAll()
    else if (level >= 1 && at !== NIL) this.#checkBlock(at >>> 2, level)
  }

  // sizes and places

  #spanFor(size: number): number {
    const span = ((size + this.#pad) & this.#mask) >>> 2
    return span < this.#min ? this.#min : span
  }

  #firstOf(segment: Segment): Cell {
    const { bias, align } = this.#store
    return (roundUp(this.#store.base(segment) + 4 + bias, align) - bias) / 4
  }

  #endOf(segment: Segment): Cell {
    const first = this.#firstOf(segment)
    const room = this.#store.limit(segment) - first * 4
    return room <= 0 ? first : first + ((Math.floor(room / this.#store.align) * this.#store.align) / 4)
  }

  /** The span of the busy block that starts at `at`, or 0. */
  #busySpan(at: number): number {
    const m = this.#words.i32
    const s = this.#s
    const cell = at >>> 2
    if ((at & this.#low) !== 0 || at >>> 0 !== at) return 0
    let end = m[s + END]!
    if (cell < m[s + LOW]! || cell >= end) {
      end = this.#endAround(cell)
      if (end === 0) return 0
    }
    const head = m[cell + HEAD]!
    const span = (head >>> 3) << 1
    const right = cell + span
    if ((head & BUSY) !== BUSY || span < this.#min || right > end) return 0
    if ((m[right + HEAD]! & 7) !== BUSY) return 0
    if (m[cell + PREV] === (KEY ^ cell) && this.#isCached(cell)) return 0
    return span
  }

  /** The end of the segment that holds a block at `cell`, or 0. */
  #endAround(cell: Cell): Cell {
    const segment = this.#store.find(cell * 4)
    if (segment === 0 || cell < this.#firstOf(segment)) return 0
    const end = this.#endOf(segment)
    return cell < end ? end : 0
  }

  #isCached(cell: Cell): boolean {
    const m = this.#words.i32
    if (m[cell + PREV] !== (KEY ^ cell)) return false
    const span = (m[cell + HEAD]! >>> 3) << 1
    if (span > QUICK || span < this.#min) return false
    const list = this.#s + CACHES + span
    let left = m[list + 1]!
    for (let c = m[list]!; c !== 0 && left > 0; c = m[c + NEXT]!, left--) if (c === cell) return true
    return false
  }

  // the ways to a block

  /** A busy block of `span` words or a little more; 0 when there is no memory. */
  #obtain(span: number): Cell {
    let cell = this.#find(span)
    if (cell === 0 && this.#flushAll()) cell = this.#find(span)
    if (cell === 0) {
      const m = this.#words.i32
      const lacks = span - (m[this.#s + END]! - m[this.#s + TOP]!)
      if (!this.#grow(lacks, span)) return 0
      cell = this.#find(span)
    }
    if (cell === 0) return 0
    this.#store.took(((this.#words.i32[cell + HEAD]! >>> 3) << 3) - 4)
    return cell
  }

  #find(span: number): Cell {
    const m = this.#words.i32
    const s = this.#s
    const remainder = m[s + REMAINDER]!
    const left = remainder === 0 ? 0 : (m[remainder + HEAD]! >>> 3) << 1
    if (span < SMALL) {
      const map = m[s + SMALL_MAP]! >>> (span >>> 1)
      if ((map & 1) !== 0) return this.#pop(span)
      if (left >= span) return this.#keepRemainder(remainder, left, span)
      if (map !== 0) {
        const size = span + (lowestBit(map) << 1)
        const cell = this.#pop(size)
        return this.#keep(cell, size, span)
      }
    }
    const cell = this.#fit(span)
    if (cell !== 0) {
      const size = (m[cell + HEAD]! >>> 3) << 1
      if (left >= span && left < size) return this.#keepRemainder(remainder, left, span)
      this.#unlinkLarge(cell)
      return this.#keep(cell, size, span)
    }
    if (left >= span) return this.#keepRemainder(remainder, left, span)
    return m[s + END]! - m[s + TOP]! >= span ? this.#carve(span) : 0
  }

  /** The first block of a list, busy. */
  #pop(span: number): Cell {
    const m = this.#words.i32
    const list = this.#s + LISTS + (span >>> 1)
    const cell = m[list]!
    const next = m[cell + NEXT]!
    m[list] = next
    if (next !== 0) m[next + PREV] = 0
    else m[this.#s + SMALL_MAP] = m[this.#s + SMALL_MAP]! & ~(1 << (span >>> 1))
    const right = cell + span + HEAD
    m[right] = m[right]! & ~LEFT_FREE
    return cell
  }

  /** The smallest block of the trees with at least `span` words, still in its tree; 0 when there is none. */
  #fit(span: number): Cell {
    const m = this.#words.i32
    const trees = this.#s + TREES
    const map = m[this.#s + TREE_MAP]!
    let found = 0
    let over = 0x7fffffff
    let t = 0
    if (span >= SMALL) {
      const bin = binOf(span)
      t = m[trees + bin]!
      let larger = 0
      let bits = span << shiftOf(bin)
      while (t !== 0) {
        const rest = ((m[t + HEAD]! >>> 3) << 1) - span
        if (rest >= 0 && rest < over) {
          found = t
          over = rest
          if (rest === 0) return this.#spare(t)
        }
        const high = m[t + CHILD + 1]!
        t = m[t + CHILD + (bits >>> 31)]!
        if (high !== 0 && high !== t) larger = high
        bits <<= 1
      }
      t = larger
      if (t === 0 && found === 0) {
        const above = map & -(2 << bin)
        if (bin !== 31 && above !== 0) t = m[trees + lowestBit(above)]!
      }
    } else if (map !== 0) t = m[trees + lowestBit(map)]!
    while (t !== 0) {
      const rest = ((m[t + HEAD]! >>> 3) << 1) - span
      if (rest >= 0 && rest < over) {
        found = t
        over = rest
      }
      const low = m[t + CHILD]!
      t = low !== 0 ? low : m[t + CHILD + 1]!
    }
    return found === 0 ? 0 : this.#spare(found)
  }

  /** Of blocks of one size, one that is easy to take out of the tree. */
  #spare(cell: Cell): Cell {
    return this.#words.i32[cell + NEXT]!
  }

  /** Makes busy the first `span` words of a free block that is on no list; what remains becomes the remainder. */
  #keep(cell: Cell, size: number, span: number): Cell {
    const m = this.#words.i32
    const rest = size - span
    if (rest < this.#min) {
      m[cell + size + HEAD] = m[cell + size + HEAD]! & ~LEFT_FREE
      this.#setHead(m, cell, size)
      return cell
    }
    this.#setHead(m, cell, span)
    this.#shelve()
    const part = cell + span
    m[part + HEAD] = (rest << 2) | BUSY
    this.#close(m, part, rest)
    m[this.#s + REMAINDER] = part
    return cell
  }

  #keepRemainder(cell: Cell, size: number, span: number): Cell {
    this.#words.i32[this.#s + REMAINDER] = 0
    return this.#keep(cell, size, span)
  }

  /** Makes busy the first `span` words of the wilderness, which has them. */
  #carve(span: number): Cell {
    const m = this.#words.i32
    const s = this.#s
    const cell = m[s + TOP]!
    const end = m[s + END]!
    const rest = end - cell - span
    const size = rest < this.#min ? end - cell : span
    this.#setHead(m, cell, size)
    const top = cell + size
    m[s + TOP] = top
    m[top + HEAD] = top === end ? BUSY : ((end - top) << 2) | BUSY
    m[end + HEAD] = top === end ? BUSY : BUSY | LEFT_FREE
    return cell
  }

  /** Gives back what a busy block has beyond `span` words. */
  #cut(cell: Cell, span: number): void {
    const m = this.#words.i32
    const rest = ((m[cell + HEAD]! >>> 3) << 1) - span
    if (rest < this.#min) return
    this.#setHead(m, cell, span)
    m[cell + span + HEAD] = (rest << 2) | BUSY
    this.#store.gave(rest << 2)
    this.#release(cell + span, rest)
  }

  // the way back

  /** A block that was busy merges with its free neighbours and is filed away. */
  #release(cell: Cell, span: number): void {
    const m = this.#words.i32
    const s = this.#s
    let carve = false
    if ((m[cell + HEAD]! & LEFT_FREE) !== 0) {
      const left = (m[cell - 2]! >>> 3) << 1
      cell -= left
      span += left
      if (cell === m[s + REMAINDER]!) {
        m[s + REMAINDER] = 0
        carve = true
      } else this.#unlink(cell, left)
    }
    const right = cell + span
    if (right === m[s + TOP]!) {
      this.#lower(cell)
      return
    }
    const beside = (m[right + HEAD]! >>> 3) << 1
    if (beside !== 0 && (m[right + beside + HEAD]! & LEFT_FREE) !== 0) {
      if (right === m[s + REMAINDER]!) {
        m[s + REMAINDER] = 0
        carve = true
      } else this.#unlink(right, beside)
      span += beside
    }
    this.#setHead(m, cell, span)
    this.#close(m, cell, span)
    if (carve) m[s + REMAINDER] = cell
    else this.#file(cell, span)
  }

  /** The wilderness begins at `cell` now, which is free and lies before it. */
  #lower(cell: Cell): void {
    const m = this.#words.i32
    const end = m[this.#s + END]!
    m[this.#s + TOP] = cell
    m[cell + HEAD] = ((end - cell) << 2) | BUSY
    m[end + HEAD] = BUSY | LEFT_FREE
  }

  /** The remainder goes where other free blocks are. */
  #shelve(): void {
    const m = this.#words.i32
    const cell = m[this.#s + REMAINDER]!
    if (cell === 0) return
    m[this.#s + REMAINDER] = 0
    this.#file(cell, (m[cell + HEAD]! >>> 3) << 1)
  }

  /** The cached blocks of one size are merged. */
  #flush(span: number): void {
    const m = this.#words.i32
    const list = this.#s + CACHES + span
    let cell = m[list]!
    m[list] = 0
    m[list + 1] = 0
    while (cell !== 0) {
      const next = m[cell + NEXT]!
      m[cell + PREV] = 0
      this.#release(cell, span)
      cell = next
    }
  }

  /** All cached blocks are merged; false when there were none. */
  #flushAll(): boolean {
    const m = this.#words.i32
    let any = false
    for (let span = this.#min; span <= QUICK; span += 2) {
      if (m[this.#s + CACHES + span] === 0) continue
      this.#flush(span)
      any = true
    }
    return any
  }

  // lists and trees

  #file(cell: Cell, span: number): void {
    if (span >= SMALL) {
      this.#fileLarge(cell, span)
      return
    }
    const m = this.#words.i32
    const list = this.#s + LISTS + (span >>> 1)
    const next = m[list]!
    m[cell + NEXT] = next
    m[cell + PREV] = 0
    if (next !== 0) m[next + PREV] = cell
    else m[this.#s + SMALL_MAP] = m[this.#s + SMALL_MAP]! | (1 << (span >>> 1))
    m[list] = cell
  }

  #unlink(cell: Cell, span: number): void {
    const m = this.#words.i32
    if (cell === m[this.#s + REMAINDER]!) {
      m[this.#s + REMAINDER] = 0
      return
    }
    if (span >= SMALL) {
      this.#unlinkLarge(cell)
      return
    }
    const next = m[cell + NEXT]!
    const prev = m[cell + PREV]!
    if (next !== 0) m[next + PREV] = prev
    if (prev !== 0) m[prev + NEXT] = next
    else {
      m[this.#s + LISTS + (span >>> 1)] = next
      if (next === 0) m[this.#s + SMALL_MAP] = m[this.#s + SMALL_MAP]! & ~(1 << (span >>> 1))
    }
  }

  /** A tree is a trie on the bits of the size below those its range has in common; blocks of one size form a ring. */
  #fileLarge(cell: Cell, span: number): void {
    const m = this.#words.i32
    const bin = binOf(span)
    const tree = this.#s + TREES + bin
    m[cell + NEXT] = cell
    m[cell + PREV] = cell
    m[cell + CHILD] = 0
    m[cell + CHILD + 1] = 0
    m[cell + BIN] = bin
    let t = m[tree]!
    if (t === 0) {
      m[tree] = cell
      m[cell + PARENT] = ROOT
      m[this.#s + TREE_MAP] = m[this.#s + TREE_MAP]! | (1 << bin)
      return
    }
    let bits = span << shiftOf(bin)
    while ((m[t + HEAD]! >>> 3) << 1 !== span) {
      const slot = t + CHILD + (bits >>> 31)
      bits <<= 1
      if (m[slot] === 0) {
        m[slot] = cell
        m[cell + PARENT] = t
        return
      }
      t = m[slot]!
    }
    const next = m[t + NEXT]!
    m[t + NEXT] = cell
    m[next + PREV] = cell
    m[cell + NEXT] = next
    m[cell + PREV] = t
    m[cell + PARENT] = 0
  }

  #unlinkLarge(cell: Cell): void {
    const m = this.#words.i32
    const next = m[cell + NEXT]!
    const parent = m[cell + PARENT]!
    let heir = 0
    if (next !== cell) {
      const prev = m[cell + PREV]!
      m[prev + NEXT] = next
      m[next + PREV] = prev
      heir = next
    } else {
      let slot = m[cell + CHILD + 1] !== 0 ? cell + CHILD + 1 : cell + CHILD
      heir = m[slot]!
      if (heir !== 0) {
        for (;;) {
          const deeper = m[heir + CHILD + 1] !== 0 ? heir + CHILD + 1 : heir + CHILD
          if (m[deeper] === 0) break
          slot = deeper
          heir = m[slot]!
        }
        m[slot] = 0
      }
    }
    if (parent === 0) return
    if (parent === ROOT) {
      const bin = m[cell + BIN]!
      m[this.#s + TREES + bin] = heir
      if (heir === 0) m[this.#s + TREE_MAP] = m[this.#s + TREE_MAP]! & ~(1 << bin)
    } else m[parent + CHILD + (m[parent + CHILD] === cell ? 0 : 1)] = heir
    if (heir === 0) return
    m[heir + PARENT] = parent
    for (let k = CHILD; k <= CHILD + 1; k++) {
      const child = m[cell + k]!
      m[heir + k] = child
      if (child !== 0) m[child + PARENT] = heir
    }
  }

  // segments

  /** At least `lacks` more words of wilderness, or a new segment where a block of `fresh` words fits (not if 0). */
  #grow(lacks: number, fresh: number): boolean {
    const { align } = this.#store
    if (!this.#store.grow(lacks * 4 + align, fresh === 0 ? 0 : fresh * 4 + 2 * align)) return false
    this.#adopt()
    return true
  }

  /** Takes in what the store has more than the state knows. */
  #adopt(): void {
    const store = this.#store
    const m = this.#words.i32
    const s = this.#s
    const last = store.last
    const top = m[s + TOP]!
    if (last === m[s + NEWEST]!) {
      const end = this.#endOf(last)
      m[s + END] = end
      if (end > top) this.#lower(top)
      return
    }
    this.#retire(top, m[s + END]!)
    this.#enclose(last, this.#firstOf(last), this.#endOf(last))
  }

  /** A segment becomes the newest, all of it wilderness. */
  #enclose(segment: Segment, first: Cell, end: Cell): void {
    const m = this.#words.i32
    const s = this.#s
    m[s + NEWEST] = segment
    m[s + LOW] = first
    m[s + END] = end
    m[s + TOP] = first
    if (end > first) this.#lower(first)
    else m[end + HEAD] = BUSY
  }

  /** The wilderness of a segment that is no longer the newest becomes a free block; too small a rest is lost. */
  #retire(top: Cell, end: Cell): void {
    const m = this.#words.i32
    if (top === end) return
    this.#setHead(m, top, end - top)
    if (end - top < this.#min) {
      m[end + HEAD] = BUSY
      return
    }
    this.#close(m, top, end - top)
    this.#file(top, end - top)
  }

  /** A segment becomes the newest again: the free block at its end, if there is one, is the wilderness. */
  #reopen(segment: Segment): void {
    const m = this.#words.i32
    const s = this.#s
    const end = this.#endOf(segment)
    m[s + NEWEST] = segment
    m[s + LOW] = this.#firstOf(segment)
    m[s + END] = end
    m[s + TOP] = end
    if ((m[end + HEAD]! & LEFT_FREE) === 0) return
    const span = (m[end - 2]! >>> 3) << 1
    this.#unlink(end - span, span)
    this.#lower(end - span)
  }

  #isEmpty(segment: Segment): boolean {
    const first = this.#firstOf(segment)
    const end = this.#endOf(segment)
    const m = this.#words.i32
    if (segment === m[this.#s + NEWEST]!) return m[this.#s + TOP] === first
    return end > first && (m[end + HEAD]! & LEFT_FREE) !== 0 && (m[end - 2]! >>> 3) << 1 === end - first
  }

  #trimTop(): void {
    const newest = this.#store.last
    const top = this.#words.i32[this.#s + TOP]!
    if (!this.#store.trim(newest, top * 4)) return
    const end = this.#endOf(newest)
    const m = this.#words.i32
    m[this.#s + END] = end
    if (end > top) this.#lower(top)
    else m[end + HEAD] = BUSY
  }

  #trimOlder(segment: Segment): void {
    const m = this.#words.i32
    let end = this.#endOf(segment)
    if (end === this.#firstOf(segment) || (m[end + HEAD]! & LEFT_FREE) === 0) return
    const span = (m[end - 2]! >>> 3) << 1
    const cell = end - span
    const whole = segment !== this.#store.first && this.#isEmpty(segment)
    this.#unlink(cell, span)
    if (whole && this.#store.release(segment)) return
    if (this.#store.trim(segment, cell * 4)) end = this.#endOf(segment)
    const words = this.#words.i32
    words[end + HEAD] = end - cell >= this.#min ? BUSY | LEFT_FREE : BUSY
    this.#retire(cell, end)
  }

  // checks

  #checkBlock(cell: Cell, level: number): void {
    const m = this.#words.i32
    const end = this.#endAround(cell)
    const name = `${this.#store.name}: best`
    const span = (m[cell + HEAD]! >>> 3) << 1
    const next = cell + span
    if (end === 0) corrupted(`${name} L1`, cell * 4, 'outside every segment', 'a block')
    if ((m[cell + HEAD]! & BUSY) !== BUSY || span < this.#min || next > end) {
      corrupted(`${name} L1`, cell * 4, `head 0x${(m[cell + HEAD]! >>> 0).toString(16)}`, `a size that ends by ${end * 4}`)
    }
    if (level < 2) return
    const head = m[next + HEAD]!
    const after = next + ((head >>> 3) << 1)
    if ((head & BUSY) !== BUSY || after > end || (next < end && after === next)) {
      corrupted(`${name} L1`, next * 4, `head 0x${(head >>> 0).toString(16)}`, `a block after ${cell * 4}`)
    }
    if ((m[cell + HEAD]! & LEFT_FREE) === 0) return
    const left = (m[cell - 2]! >>> 3) << 1
    const first = this.#firstOf(this.#store.find(cell * 4))
    if (left < this.#min || left > cell - first || (m[cell - left + HEAD]! >>> 3) << 1 !== left) {
      corrupted(`${name} L2`, cell * 4, `a free left neighbour of ${left * 4} bytes`, 'its head to say the same')
    }
  }

  #checkAll(): void {
    const store = this.#store
    const m = this.#words.i32
    const s = this.#s
    const name = `${store.name}: best`
    const free = new Map<Cell, number>() // every free block and its span; taken out as it is found filed
    const keyed = new Map<Cell, number>() // every block that may be cached
    for (let segment = store.first; segment !== 0; segment = store.next(segment)) {
      this.#checkTiles(segment, name, free, keyed)
    }
    const newest = store.last
    const top = m[s + TOP]!
    const end = this.#endOf(newest)
    if (m[s + NEWEST]! >>> 0 !== newest) corrupted(`${name} newest`, store.state, m[s + NEWEST], newest)
    if (m[s + LOW] !== this.#firstOf(newest)) corrupted(`${name} low`, store.state, m[s + LOW], this.#firstOf(newest))
    if (m[s + END] !== end) corrupted(`${name} end`, store.state, m[s + END], end)
    if (top !== end && !free.delete(top)) corrupted(`${name} top`, store.state, top, 'the free block at the end')
    const remainder = m[s + REMAINDER]!
    if (remainder !== 0 && !free.delete(remainder)) corrupted(`${name} L4 remainder`, store.state, remainder, 'a free block')
    for (let i = 0; i < 32; i++) {
      this.#checkList(i, name, free)
      this.#checkTree(i, name, free)
    }
    for (const [cell] of free) corrupted(`${name} L4`, cell * 4, 'a free block that is on no list', 'one')
    const most = m[s + CACHED]!
    if (most !== 0 && most !== CACHE_LENGTH) corrupted(`${name} cached`, store.state, most, `0 or ${CACHE_LENGTH}`)
    for (let span = 0; span <= QUICK; span += 2) this.#checkCache(span, name, keyed)
  }

  #checkTiles(segment: Segment, name: string, free: Map<Cell, number>, keyed: Map<Cell, number>): void {
    const m = this.#words.i32
    const top = m[this.#s + TOP]!
    const newest = segment === this.#store.last
    const end = this.#endOf(segment)
    let cell = this.#firstOf(segment)
    let leftFree = false
    while (cell < end) {
      const head = m[cell + HEAD]!
      const span = (head >>> 3) << 1
      const next = cell + span
      const sliver = span > 0 && span < this.#min && next === end
      if ((head & BUSY) !== BUSY || (span < this.#min && !sliver) || next > end || (span << 2) % this.#store.align !== 0) {
        corrupted(`${name} L1`, cell * 4, `head 0x${(head >>> 0).toString(16)}`, `a size that ends by ${end * 4}`)
      }
      if (((head & LEFT_FREE) !== 0) !== leftFree) {
        corrupted(`${name} L2`, cell * 4, leftFree ? 'left neighbour busy' : 'left neighbour free', leftFree ? 'free' : 'busy')
      }
      const isFree = (m[next + HEAD]! & LEFT_FREE) !== 0
      if (isFree) {
        if (leftFree) corrupted(`${name} L3`, cell * 4, 'two free neighbours', 'one block')
        const isTop = newest && cell === top
        if (!isTop && m[next - 2] !== span << 2) corrupted(`${name} L2`, cell * 4, `tail ${m[next - 2]}`, span << 2)
        if (isTop && next !== end) corrupted(`${name} top`, cell * 4, `ends at ${next * 4}`, end * 4)
        free.set(cell, span)
      } else if (m[cell + PREV] === (KEY ^ cell)) keyed.set(cell, span)
      leftFree = isFree
      cell = next
    }
    const fence = m[end + HEAD]!
    if ((fence & ~LEFT_FREE) !== BUSY) corrupted(`${name} fence`, end * 4, `head 0x${(fence >>> 0).toString(16)}`, 'size 0')
  }

  #checkList(i: number, name: string, free: Map<Cell, number>): void {
    const m = this.#words.i32
    const list = this.#s + LISTS + i
    if ((m[list] !== 0) !== (((m[this.#s + SMALL_MAP]! >>> i) & 1) === 1)) {
      corrupted(`${name} L4 map`, list * 4, `list ${m[list]}`, 'its bit to say so')
    }
    let before = 0
    for (let c = m[list]!; c !== 0; c = m[c + NEXT]!) {
      if (free.get(c) !== i * 2) corrupted(`${name} L4`, list * 4, c, `a free block of ${i * 8} bytes`)
      if (m[c + PREV] !== before) corrupted(`${name} L4 links`, c * 4, m[c + PREV], before)
      free.delete(c)
      before = c
    }
  }

  #checkTree(bin: number, name: string, free: Map<Cell, number>): void {
    const m = this.#words.i32
    const tree = this.#s + TREES + bin
    const root = m[tree]!
    if ((root !== 0) !== (((m[this.#s + TREE_MAP]! >>> bin) & 1) === 1)) {
      corrupted(`${name} L4 map`, tree * 4, `tree ${root}`, 'its bit to say so')
    }
    if (root === 0) return
    const shift = shiftOf(bin)
    // a node, its parent, how many bits lead to it, and which
    const nodes: [Cell, Cell, number, number][] = [[root, ROOT, 0, 0]]
    for (let node = nodes.pop(); node !== undefined; node = nodes.pop()) {
      const [cell, parent, depth, path] = node
      const span = free.get(cell) ?? 0
      const bits = depth === 0 ? 0 : (span << shift) >>> (32 - depth)
      if (span < SMALL || binOf(span) !== bin || bits !== path || depth > 31) {
        corrupted(`${name} L4 tree ${bin}`, parent * 4, cell, 'a free block of that range')
      }
      if (m[cell + PARENT] !== parent) corrupted(`${name} L4 parent`, cell * 4, m[cell + PARENT], parent)
      if (m[cell + BIN] !== bin) corrupted(`${name} L4 bin`, cell * 4, m[cell + BIN], bin)
      free.delete(cell)
      let before = cell
      for (let c = m[cell + NEXT]!; c !== cell; c = m[c + NEXT]!) {
        if (free.get(c) !== span || m[c + PREV] !== before || m[c + PARENT] !== 0 || m[c + BIN] !== bin) {
          corrupted(`${name} L4 ring`, before * 4, c, `another free block of ${span * 4} bytes`)
        }
        free.delete(c)
        before = c
      }
      if (m[cell + PREV] !== before) corrupted(`${name} L4 ring`, cell * 4, m[cell + PREV], before)
      for (let k = 0; k < 2; k++) {
        const child = m[cell + CHILD + k]!
        if (child !== 0) nodes.push([child, cell, depth + 1, ((path << 1) | k) >>> 0])
      }
    }
  }

  #checkCache(span: number, name: string, keyed: Map<Cell, number>): void {
    const m = this.#words.i32
    const list = this.#s + CACHES + span
    let count = 0
    for (let c = m[list]!; c !== 0; c = m[c + NEXT]!) {
      if (keyed.get(c) !== span) corrupted(`${name} L5`, list * 4, c, `a cached block of ${span * 4} bytes`)
      keyed.delete(c)
      count++
    }
    if (count !== m[list + 1]) corrupted(`${name} L5 count`, list * 4, m[list + 1], count)
    if (count > m[this.#s + CACHED]!) corrupted(`${name} L5 length`, list * 4, count, `at most ${m[this.#s + CACHED]}`)
  }

  // words

  #setHead(m: Int32Array<ArrayBufferLike>, cell: Cell, span: number): void {
    m[cell + HEAD] = (span << 2) | BUSY | (m[cell + HEAD]! & LEFT_FREE)
  }

  /** Writes what says that a block is free: its tail, and the bit in its right neighbour. */
  #close(m: Int32Array<ArrayBufferLike>, cell: Cell, span: number): void {
    m[cell + span - 2] = span << 2
    m[cell + span + HEAD] = m[cell + span + HEAD]! | LEFT_FREE
  }
}

export const best: MethodDef = {
  name: 'best',
  about: 'best fit with deferred merging: any size, any order',
  state: STATE,
  frees: 'any',
  sizes: 'any',
  coalesces: true,
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
