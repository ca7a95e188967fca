/**
 * profile: counts what is allocated, by call site, round any method.
 *
 *   looked at     c                                                                        at
 *                 | MARK | LEAD | ... | LEAD | BORN   | SIZE | CHARGED | SITE | SEAL | payload, SIZE bytes ... |
 *                 +0     +4             -28    -24      -16    -12       -8     -4     0
 *   not looked at                                                                      | payload ............. |
 *
 *   c        the payload of a block that the wrapped method gave; at = c + LEAD
 *   MARK     says that this may be such a block: it is one if SEAL is right
 *   LEAD     32, or the alignment where that is more (both LEADs are the same word where it is 32)
 *   BORN     milliseconds since 1970, a double; 0 when the block is not looked at, though it has a header
 *   SIZE     bytes that were asked for
 *   CHARGED  bytes for which it was drawn: those asked for, and what it grew since
 *   SITE     the stack that allocated it, as a number
 *   SEAL     a hash of all that, of the place and of EPOCH
 *
 *   state    +0       +8      +12    +16   +20      +24      +28     +32        +36     +40
 *            | unused | EXTRA | LEFT | DUE | LOOKED | RANDOM | EPOCH | INTERVAL | DEPTH | SEAL | 0 |
 *
 * Exact: every block is looked at. Sampled: a point falls on every INTERVAL-th byte that is allocated in the mean, the gaps
 * drawn from an exponential distribution, and a block is looked at when a point falls on it. That happens to a block of s
 * bytes with probability p = 1 - exp(-s / INTERVAL), whatever came before, so it stands for 1/p blocks like it, and all
 * sums are right in the mean.
 *
 * A block that is not looked at is the wrapped method's own, without a byte more: it costs a subtraction and a comparison
 * to allocate, a look at its first word to free. Where the wrapped method has but one size all its blocks have a header.
 * The wrapped method counts into the tally of this one (`lends`), which is put right for the blocks that have a header.
 *
 *   resize   a block that is looked at stays so. In place that is one free and one allocation. Another one may grow by as
 *            many bytes as lie before the next point; past that it is refused, so the region moves the block, and the
 *            point falls on where it goes. That keeps p for what blocks become: growth is charged as allocation is
 *   0 bytes  are served, and counted, as 1; where blocks are sampled these never are
 *
 *   P1  a block that has a header is busy, and as long as LEAD and SIZE say; in exact mode every busy block has one
 *   P2  EXTRA and LOOKED are what the blocks say
 *   P3  LEFT is more than 0 while some blocks have no header, else 0; SEAL of the state is right
 *
 * Where the region keeps accounts the end of a payload is theirs (Store.tailOf). SIZE and CHARGED have it, as it was asked
 * for and drawn for; sizes in the figures are what the client has.
 *
 * How sure: c and at are told from other addresses by 30 bits of hash and by what the wrapped method says of c. A client's
 * first word that happens to be MARK costs a look at the seal.
 *
 * All that must be known of a block lies in its bytes; the counts lie in the object, so in each thread, and begin when a
 * region is opened or attached there. A region attached from a copy or a file begins with the blocks that are busy, under
 * a site of its own, since their stacks cannot be read any more. In shared memory each thread counts its own calls: what
 * it frees of another's blocks is counted at that site, whose live figures are then negative, so that the profiles of all
 * threads add up to the region.
 */

import { type Addr, LIMIT, NIL } from '../src/contract/addr.ts'
import type { Late, Method, MethodDef, Profiled, Visit } from '../src/contract/method.ts'
import type { OptionValue } from '../src/contract/option.ts'
import type { Store } from '../src/contract/store.ts'
import { corrupted } from '../src/ground/fault.ts'
import { capture, DEEPEST, type Site } from '../src/ground/stacks.ts'
import type { Words } from '../src/ground/words.ts'
import { Book, now } from './profile/book.ts'
import {
  BORN,
  CHARGED,
  DEPTH,
  DUE,
  EPOCH,
  EXTRA,
  HEADER,
  INTERVAL,
  LEAD,
  LEAD_BEHIND,
  LEFT,
  LOOKED,
  MARK,
  RANDOM,
  SEAL,
  SITE,
  SIZE,
  STATE,
  STATE_SEAL,
  sealOf,
  stateSealOf,
} from './profile/layout.ts'
import { DEFAULT_INTERVAL, firstRandom, gapOf, nextRandom, weightOf } from './profile/samples.ts'

const DEFAULT_DEPTH = 8
/** A gap is at most 22.2 intervals, which must be less than 2^31. */
const MOST_INTERVAL = 2 ** 26

class Profiler implements Method {
  private readonly words: Words
  private readonly store: Store
  private readonly inner: Method
  private readonly settings: Readonly<Record<string, OptionValue>>
  private readonly book: Book
  private readonly s: number //        first word of the state
  private readonly left: number //     word of LEFT
  private readonly tally: number //    word of busy bytes
  private readonly lead: number //     of blocks that are not aligned more than others
  private readonly oneSize: boolean
  private every: boolean //            whether every block has a header
  private interval: number
  private depth: number
  private next: number //              word of what counts down to the next sample
  private isAlone: boolean //          no other thread has blocks here, so the book has all
  private before: number //            bytes that were live when counting began, while they are not in the book; else -1

  // what the wrapped method can do
  readonly align: Method['align']
  readonly resize: Method['resize']
  readonly compact: Method['compact']
  readonly offsetOf: Method['offsetOf']
  readonly moved: Method['moved']
  readonly unit: Method['unit']
  readonly serves: Method['serves']
  readonly mistaken: Method['mistaken']
  readonly closing: Method['closing']
  readonly leaks: Method['leaks']

  constructor(store: Store, settings: Readonly<Record<string, OptionValue>>, inner: Method) {
    this.words = store.words
    this.store = store
    this.inner = inner
    this.settings = settings
    this.book = new Book()
    this.s = store.state >>> 2
    this.left = this.s + LEFT
    this.tally = store.tally >>> 2
    this.lead = leadOf(store.align)
    this.oneSize = inner.unit !== undefined
    this.every = true
    this.interval = 0
    this.depth = 0
    this.next = this.left
    this.isAlone = true
    this.before = -1
    this.align = inner.align && this.allocAligned
    this.resize = inner.resize && this.resizeBlock
    this.compact = inner.compact && this.compactInner
    this.offsetOf = inner.offsetOf && this.offsetInBlock
    this.moved = inner.moved && this.movedBlock
    this.unit = inner.unit && this.unitInside
    this.serves = inner.serves && this.servesSize
    this.mistaken = inner.mistaken && this.mistakenInner
    this.closing = inner.closing && this.closingInner
    this.leaks = inner.leaks && this.leaksInner
    this.takeUp()
  }

  start(): void {
    const { sample = DEFAULT_INTERVAL, depth = DEFAULT_DEPTH, seed } = this.settings
    const m = this.words.i32
    const s = this.s
    m[s + INTERVAL] = Number(sample)
    m[s + DEPTH] = Number(depth)
    m[s + RANDOM] = firstRandom(seed === undefined ? undefined : Number(seed))
    this.adopt()
    if (this.interval > 0) m[this.next] = this.gap()
    this.seal()
    this.inner.start()
  }

  alloc(size: number): Addr {
    // few bytecodes: what they come to decides whether the engine can put this and the wrapped method into its caller
    const m = this.words.i32
    const left = m[this.left]! - size
    if (!(left > 0)) return this.allocWithHeader(size, 0, Profiler.prototype.alloc)
    m[this.left] = left
    return this.inner.alloc(size) || this.refused(size)
  }

  free(at: Addr): boolean {
    if (this.every || this.words.i32[at >>> 2] === MARK || !this.inner.free(at)) return this.freeSlowly(at)
    return true
  }

  sizeOf(at: Addr): number {
    if (!this.every) {
      const size = this.inner.sizeOf(at)
      if (size >= 0) return this.words.i32[at >>> 2] === MARK && this.isCarrier(at) ? -1 : size
    }
    return this.leadAt(at) === 0 ? -1 : this.words.i32[(at >>> 2) + SIZE]! >>> 0
  }

  walk(visit: Visit): void {
    this.inner.walk((c, size, state) => {
      const m = this.words.i32
      if (state !== 'busy' || !this.isCarrier(c)) return visit(c, size, state)
      const at = c + m[(c >>> 2) + LEAD_BEHIND]!
      return visit(at, m[(at >>> 2) + SIZE]! >>> 0, state)
    })
  }

  clear(): void {
    const m = this.words.i32
    const s = this.s
    if (this.before >= 0) this.countBefore()
    if (m[s + LOOKED] !== 0) {
      const time = now()
      this.eachLookedAt((at) => this.countFree(at, time))
    }
    m[s + EPOCH] = m[s + EPOCH]! + 1
    m[s + EXTRA] = 0
    m[s + LOOKED] = 0
    this.seal()
    this.inner.clear()
  }

  check(level: number, at: Addr = NIL): void {
    if (level >= 3) {
      this.checkState()
      this.checkBlocks()
      this.innerChecked()
    } else if (at !== NIL) {
      const lead = this.leadAt(at)
      if (lead === 0 && this.every) corrupted(`${this.store.name}: profile P1`, at, 'no header', 'a sealed header')
      this.inner.check(level, at - lead)
    }
  }

  profile(fresh: boolean): Profiled {
    if (this.before >= 0) this.countBefore()
    return this.book.profiled(this.interval, fresh)
  }

  // what the wrapped method may be able to do, too

  private allocAligned(size: number, alignment: number): Addr {
    if (!(alignment > this.store.align)) return this.alloc(size)
    if (this.oneSize && this.lead % alignment !== 0) return NIL
    const m = this.words.i32
    const left = m[this.left]! - size
    if (!(left > 0)) return this.allocWithHeader(size, alignment, this.allocAligned)
    m[this.left] = left
    return this.inner.align!(size, alignment) || this.refused(size)
  }

  private resizeBlock(at: Addr, size: number): boolean {
    const m = this.words.i32
    const had = m[this.left]!
    if (this.every || !(had > size) || m[at >>> 2] === MARK) return this.resizeSlowly(at, size)
    const busy = m[this.tally]!
    if (!this.inner.resize!(at, size)) return this.resizeWithHeader(at, size)
    this.charge(had, (this.words.i32[this.tally]! - busy) | 0)
    return true
  }

  private compactInner(): void {
    this.inner.compact!()
  }

  private offsetInBlock(at: number): number {
    const offset = this.inner.offsetOf!(at)
    const c = at - offset
    if (offset < 0 || !this.isCarrier(c)) return offset
    const m = this.words.i32
    const lead = m[(c >>> 2) + LEAD_BEHIND]!
    return offset >= lead && offset - lead < m[((c + lead) >>> 2) + SIZE]! >>> 0 ? offset - lead : -1
  }

  private movedBlock(at: Addr): void {
    if (this.leadAt(at) !== 0) this.release(at, true)
    else if (!this.isCarrier(at)) this.inner.moved!(at)
  }

  private unitInside(): number {
    const unit = this.inner.unit!()
    return unit === 0 ? 0 : unit - this.lead
  }

  private servesSize(size: number): boolean {
    return this.inner.serves!(this.oneSize && size !== 0 ? size + this.lead : size)
  }

  private mistakenInner(op: 'free' | 'resize', at: Addr, owner?: string): void {
    this.inner.mistaken!(op, this.every ? at - this.lead : at, owner)
  }

  private closingInner(): Late {
    return this.inner.closing!()
  }

  private leaksInner(held: ReadonlySet<Addr>): void {
    this.inner.leaks!(new Set(Array.from(held, (at) => at - this.leadAt(at))))
  }

  // blocks with a header

  /** `above` is what was called from outside: frames from it on are not the client's. */
  private allocWithHeader(size: number, alignment: number, above: unknown): Addr {
    if (size >>> 0 !== size || size > LIMIT) return NIL
    const bytes = size > 0 ? size : this.oneSize ? this.unit!() || this.store.align : 1
    const lead = alignment > this.lead ? alignment : this.lead
    if (lead + bytes > LIMIT) return NIL
    if (this.before >= 0) this.countBefore()
    const { inner, tally } = this
    const before = this.words.i32
    const busy = before[tally]!
    const tide = before[tally + 1]!
    const isLooked = this.interval === 0 || before[this.next]! - bytes <= 0
    const c = alignment === 0 ? inner.alloc(lead + bytes) : inner.align!(lead + bytes, alignment)
    if (c === NIL) return NIL
    const at = c + lead
    const m = this.words.i32
    m[this.s + EXTRA] = m[this.s + EXTRA]! + inner.sizeOf(c) - bytes
    m[tally] = busy + bytes
    m[tally + 1] = Math.max((busy + bytes) >>> 0, tide >>> 0)
    if (this.interval > 0) this.pass(isLooked, bytes)
    m[c >>> 2] = MARK
    m[(c >>> 2) + LEAD_BEHIND] = lead
    m[(at >>> 2) + LEAD] = lead
    if (isLooked) this.look(at, bytes, bytes, above)
    else this.write(at, bytes, bytes, 0, 0)
    return at
  }

  /** Counts a block as allocated, and writes that into its header. */
  private look(at: Addr, size: number, charged: number, above: unknown): void {
    const site = capture(this.depth, above)
    this.words.i32[this.s + LOOKED] = this.words.i32[this.s + LOOKED]! + 1
    this.write(at, size, charged, site, now())
    const tail = this.store.tailOf(at)
    this.book.took(site, size - tail, this.weightOf(charged), this.busy(tail, size))
  }

  private write(at: Addr, size: number, charged: number, site: Site, born: number): void {
    const m = this.words.i32
    const i = at >>> 2
    m[i + SIZE] = size
    m[i + CHARGED] = charged
    m[i + SITE] = site
    this.words.f64[(i + BORN) >>> 1] = born
    m[i + SEAL] = sealOf(m, i, m[this.s + EPOCH]!)
  }

  /** What every block goes through, one whose first word is MARK, and what the wrapped method refused. */
  private freeSlowly(at: Addr): boolean {
    const isMarked = this.words.i32[at >>> 2] === MARK
    if (!this.every && isMarked && !this.isCarrier(at) && this.inner.free(at)) return true
    return this.leadAt(at) !== 0 && this.release(at, false)
  }

  /** The block whose payload is `at` goes back to the wrapped method, if that takes it. */
  private release(at: Addr, isMoved: boolean): boolean {
    if (this.before >= 0) this.countBefore()
    const { inner, tally } = this
    const before = this.words.i32
    const i = at >>> 2
    const lead = before[i + LEAD]!
    const c = at - lead
    const size = before[i + SIZE]!
    const extra = inner.sizeOf(c) - (size >>> 0)
    const busy = before[tally]!
    const seal = before[i + SEAL]!
    const { site, charged, born } = this.headerAt(at)
    const net = (size >>> 0) - this.store.tailOf(at)
    before[i + SEAL] = 0
    before[c >>> 2] = 0
    if (isMoved) inner.moved!(c)
    else if (!inner.free(c)) {
      before[i + SEAL] = seal
      before[c >>> 2] = MARK
      return false
    }
    const m = this.words.i32
    m[tally] = busy - size
    m[this.s + EXTRA] = m[this.s + EXTRA]! - extra
    if (born === 0) return true
    m[this.s + LOOKED] = m[this.s + LOOKED]! - 1
    this.book.gave(site, net, this.weightOf(charged), now() - born)
    return true
  }

  /** What the short way could not do; a block without a header may be refused because a sample is due. */
  private resizeSlowly(at: Addr, size: number): boolean {
    if (size >>> 0 !== size || size > LIMIT) return false
    if (this.every || this.isCarrier(at)) return this.resizeWithHeader(at, size)
    const had = this.inner.sizeOf(at)
    if (had < 0) return this.resizeWithHeader(at, size)
    const left = this.words.i32[this.left]!
    const busy = this.words.i32[this.tally]!
    if (size - had >= left || !this.inner.resize!(at, size)) return false
    this.charge(left, (this.words.i32[this.tally]! - busy) | 0)
    return true
  }

  /** Growth passes by as allocation does; rounding does not reach the next sample. */
  private charge(left: number, grown: number): void {
    if (grown > 0) this.words.i32[this.left] = left > grown ? left - grown : 1
  }

  private resizeWithHeader(at: Addr, asked: number): boolean {
    const lead = this.leadAt(at)
    if (lead === 0 || asked >>> 0 !== asked) return false
    const { inner, tally } = this
    if (this.before >= 0) this.countBefore()
    const size = asked > 0 || this.oneSize ? asked : 1
    const c = at - lead
    const had = inner.sizeOf(c)
    const { i32: before } = this.words
    const busy = before[tally]!
    const tide = before[tally + 1]!
    const old = before[(at >>> 2) + SIZE]! >>> 0
    if (lead + size > LIMIT || !inner.resize!(c, lead + size)) return false
    const m = this.words.i32
    const has = inner.sizeOf(c)
    m[this.s + EXTRA] = m[this.s + EXTRA]! + (has - had) - (size - old)
    m[tally] = busy + size - old
    m[tally + 1] = Math.max((busy + size - old) >>> 0, tide >>> 0)
    const { site, charged, born } = this.headerAt(at)
    if (born === 0) {
      this.write(at, size, charged, 0, 0)
      return true
    }
    this.book.gave(site, old - this.store.tailOf(at), this.weightOf(charged), now() - born)
    m[this.s + LOOKED] = m[this.s + LOOKED]! - 1
    this.look(at, size, this.interval === 0 ? size : charged + Math.max(0, has - had), this.resizeBlock)
    return true
  }

  private headerAt(at: Addr): { site: Site; charged: number; born: number } {
    const m = this.words.i32
    const i = at >>> 2
    return { site: m[i + SITE]! >>> 0, charged: m[i + CHARGED]! >>> 0, born: this.words.f64[(i + BORN) >>> 1]! }
  }

  /** LEAD of the busy block whose payload begins at `at`, or 0 when that has no header, or is none. */
  private leadAt(at: number): number {
    const m = this.words.i32
    if (at >>> 0 !== at || at % 8 !== 0 || at < HEADER || at > this.words.length) return 0
    const i = at >>> 2
    const lead = m[i + LEAD]!
    if (m[i + SEAL] !== sealOf(m, i, m[this.s + EPOCH]!)) return 0
    const c = at - lead
    if (lead < HEADER || c < 0 || m[c >>> 2] !== MARK || m[(c >>> 2) + LEAD_BEHIND] !== lead) return 0
    return this.inner.sizeOf(c) >= lead + (m[i + SIZE]! >>> 0) ? lead : 0
  }

  /** Whether the wrapped method's block at `c` is one with a header. */
  private isCarrier(c: number): boolean {
    const m = this.words.i32
    if (c >>> 0 !== c || m[c >>> 2] !== MARK) return false
    const lead = m[(c >>> 2) + LEAD_BEHIND]!
    return lead >= HEADER && this.leadAt(c + lead) === lead
  }

  private eachLookedAt(visit: (at: Addr) => void): void {
    this.inner.walk((c, _size, state) => {
      if (state !== 'busy' || !this.isCarrier(c)) return
      const at = c + this.words.i32[(c >>> 2) + LEAD_BEHIND]!
      if (this.headerAt(at).born !== 0) visit(at)
    })
  }

  private countFree(at: Addr, time: number): void {
    const { site, charged, born } = this.headerAt(at)
    this.book.gave(site, this.netAt(at), this.weightOf(charged), time - born)
  }

  /** The client's bytes of the block at `at`, which has a header. */
  private netAt(at: Addr): number {
    return (this.words.i32[(at >>> 2) + SIZE]! >>> 0) - this.store.tailOf(at)
  }

  // samples

  /**
   * Bytes that are live; of samples only the highest seven bits. For a block that is looked at counts a little less than
   * others do, and the very highest of many moments would be one in which few such blocks are live. The tally may have
   * the tail of a block that was just allocated, or not: then the book knows better, where it has all blocks.
   */
  private busy(tail = 0, size = 0): number {
    if (tail > 0 && this.interval === 0 && this.isAlone) return this.book.live + size - tail
    const busy = this.words.i32[this.tally]! >>> 0
    const low = this.interval === 0 ? 0 : Math.max(0, 25 - Math.clz32(busy))
    return ((busy >>> low) << low) >>> 0
  }

  /** How many blocks one stands for that is looked at and for which so many bytes were drawn. */
  private weightOf(charged: number): number {
    return weightOf(charged, this.interval)
  }

  /** The wrapped method had nothing of a size that was taken off LEFT already, or that is no size. */
  private refused(size: number): Addr {
    const m = this.words.i32
    if (size >>> 0 === size) m[this.left] = m[this.left]! + size
    else m[this.left] = this.every ? 0 : this.gap()
    this.seal()
    return NIL
  }

  /** Bytes were allocated: the next sample is nearer by as much, or was reached and another one is drawn. */
  private pass(isReached: boolean, bytes: number): void {
    const m = this.words.i32
    if (!isReached) m[this.next] = m[this.next]! - bytes
    else {
      m[this.next] = this.gap()
      this.seal()
    }
  }

  /** Bytes until the next sample. */
  private gap(): number {
    const m = this.words.i32
    const random = nextRandom(m[this.s + RANDOM]!)
    m[this.s + RANDOM] = random
    return gapOf(random, this.interval)
  }

  // the state

  /** A region that is there already says how its blocks are; those that are busy are counted, if no other thread does. */
  private takeUp(): void {
    const m = this.words.i32
    if (m[this.s + STATE_SEAL] !== stateSealOf(m, this.s)) return
    this.adopt()
    if (this.isAlone && m[this.s + LOOKED] !== 0) this.before = this.busy()
  }

  /**
   * Counts the blocks that a region began with: before the first of them changes, and not when it is taken up, when
   * nobody can say yet which of their bytes are the client's.
   */
  private countBefore(): void {
    const { before } = this
    this.before = -1
    this.eachLookedAt((at) => {
      const { site, charged } = this.headerAt(at)
      this.book.found(site, this.netAt(at), this.weightOf(charged))
    })
    this.book.reached(before)
  }

  private adopt(): void {
    const m = this.words.i32
    this.interval = m[this.s + INTERVAL]!
    this.depth = m[this.s + DEPTH]!
    this.isAlone = typeof SharedArrayBuffer === 'undefined' || !(m.buffer instanceof SharedArrayBuffer)
    this.every = this.interval === 0 || this.oneSize
    this.next = this.s + (this.every ? DUE : LEFT)
  }

  private seal(): void {
    const m = this.words.i32
    m[this.s + STATE_SEAL] = stateSealOf(m, this.s)
  }

  private checkState(): void {
    const { state, name } = this.store
    const m = this.words.i32
    const s = this.s
    const seal = stateSealOf(m, s)
    if (m[s + STATE_SEAL] !== seal) corrupted(`${name}: profile P3`, state, `seal ${m[s + STATE_SEAL]}`, seal)
    if (m[s] !== 0 || m[s + 1] !== 0 || m[s + STATE / 4 - 1] !== 0)
      corrupted(`${name}: profile P3`, state, 'unused words that are used', 0)
    const isCounting = this.interval > 0
    for (const [i, isUsed] of [
      [LEFT, isCounting && !this.every],
      [DUE, isCounting && this.every],
    ] as const) {
      const value = m[s + i]!
      if (isUsed ? value <= 0 : value !== 0)
        corrupted(`${name}: profile P3`, state, `${value} bytes to the next sample`, isUsed ? 'more than 0' : 0)
    }
  }

  private checkBlocks(): void {
    const { state, name } = this.store
    const m = this.words.i32
    let extra = 0
    let looked = 0
    this.inner.walk((c, size, kind) => {
      if (kind !== 'busy') return
      if (!this.isCarrier(c)) {
        if (this.every) corrupted(`${name}: profile P1`, c, 'a block without a header', 'a sealed header')
        return
      }
      const at = c + m[(c >>> 2) + LEAD_BEHIND]!
      extra += size - (m[(at >>> 2) + SIZE]! >>> 0)
      if (this.headerAt(at).born !== 0) looked++
    })
    if (m[this.s + EXTRA]! >>> 0 !== extra)
      corrupted(`${name}: profile P2`, state, `${m[this.s + EXTRA]! >>> 0} bytes more`, extra)
    if (m[this.s + LOOKED] !== looked)
      corrupted(`${name}: profile P2`, state, `${m[this.s + LOOKED]} blocks looked at`, looked)
  }

  /** Lets the wrapped method check itself; meanwhile the tally is what that one counted. */
  private innerChecked(): void {
    const m = this.words.i32
    const busy = m[this.tally]!
    m[this.tally] = busy + m[this.s + EXTRA]!
    try {
      this.inner.check(3)
    } finally {
      m[this.tally] = busy
    }
  }
}

/** Bytes before the payloads of a region: a multiple of its alignment, so that payloads are, too. */
function leadOf(align: number): number {
  return Math.max(HEADER, align)
}

export const profile: MethodDef = {
  name: 'profile',
  about: 'counts what another method allocates, by call site',
  state: STATE,
  frees: 'any',
  sizes: 'any',
  coalesces: true,
  overhead: HEADER,
  wraps: true,
  lends: true,
  options: [
    {
      name: 'sample',
      kind: 'size',
      scope: 'region',
      min: 0,
      max: MOST_INTERVAL,
      otherwise: '512k',
      about: 'profile looks at a block every so many bytes in the mean; at every one with 0, and is then exact',
      example: 'sample=0',
    },
    {
      name: 'depth',
      kind: 'number',
      scope: 'region',
      min: 0,
      max: DEEPEST,
      otherwise: '8',
      about: 'how many calls of a stack are recorded',
      example: 'depth=16',
    },
    {
      name: 'seed',
      kind: 'number',
      scope: 'region',
      min: 0,
      max: 2 ** 32 - 1,
      otherwise: 'by chance',
      about: 'where the choice of samples begins: the same number, the same samples',
      example: 'seed=1',
    },
    {
      name: 'profile',
      kind: 'file',
      scope: 'process',
      otherwise: 'standard error',
      about:
        'where the figures of all regions under the method profile go, at exit and on SIGUSR2: a table, or by its ending ' +
        '.pb.gz, .pb, .pprof, .heapprofile, .json, .html, .ast; none: nowhere',
      example: 'profile=app-%p.pb.gz',
    },
  ],
  gross: (size, _settings, align) => size + leadOf(align),
  create: (store, settings, inner) => new Profiler(store, settings, inner!),
}
