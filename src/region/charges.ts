/**
 * charges: who pays for a block, round the method of a region that keeps accounts.
 *
 *   what the method gave    | usable bytes of the client ... | ordinal | account |
 *                           ^ the same address                -8        -4       ^ size that the method says
 *
 *   account   the cell of the account's slot in the ledger: 4 bytes a block are all that it costs
 *   ordinal   which allocation of that account it was, from 1, modulo 2^30, times 4: so no method takes it for
 *             the head of a block; only where it was asked for
 *
 * A method that knows how (best: `allocFor`, `alignFor`, `freeOf`) signs and counts blocks itself, where there are no
 * limits, no ordinals and no old blocks; while that is so, whoever holds an account may ask it with nothing between
 * (`lease`). Any other counts into the region's tally, and is put right: what a block has more there than its client has is
 * its tail. So busy bytes, high tide and the sums of the accounts are the same numbers.
 *
 *   alloc     to who pays: the account that asked, else the current one, else the region's own
 *   free      to the account that the block names
 *   resize    in place the block is signed anew at its new end; what moves stays with its account
 *   clear     nobody owes anything
 *
 * A block that was busy before the ledger began has no tail; the ledger lists those. A tail that was overwritten names no
 * account (one word in some hundred million would): such a block is refused, as one whose head was overwritten. Over a
 * method that debugs it is put right, since an account then has a block more than name it, and told as the overrun it is.
 *
 *   A4  every busy block names an account, or is an old one
 *   A5  of each account, PEAK - GAP is the sum of its blocks, and ALLOCS - FREES their number
 *
 * Cost: two words written for a block and two more for each account up to the top; where limits stand these are looked at
 * first. O(depth of the account).
 */
import { type Addr, type Cell, LIMIT, NIL } from '../contract/addr.ts'
import {
  ALLOCS,
  charge,
  countAt,
  DEEPEST,
  discharge,
  FAILURES,
  FREES,
  grow,
  HARD,
  isCounted,
  isLimited,
  isOpen,
  liveIn,
  SOFT,
  shrink,
  TOLD,
  UP,
} from '../contract/charge.ts'
import type { Late, Method, Profiled, Visit } from '../contract/method.ts'
import type { Request, ResizeOptions } from '../contract/region.ts'
import { corrupted } from '../ground/fault.ts'
import type { Words } from '../ground/words.ts'
import { TIDE } from './header.ts'
import type { Counts, Ledger, Limits } from './ledger.ts'
import { type Payer, payer } from './payer.ts'
import type { Segments } from './segments.ts'

/** A block in place may come out larger than was asked for by so much; a limit that is nearer makes it move. */
const SLACK = 64

/** Asked what to do about a request that the limit of an account refused: true to try again. */
export type HardListener = (account: Cell, request: Request) => boolean
/** Hears that an account has passed its soft limit. */
export type SoftListener = (account: Cell, live: number, limit: number) => void

/** A method that charges blocks itself. */
type Charging = Method & Required<Pick<Method, 'allocFor' | 'alignFor' | 'freeOf' | 'resize'>>

/** A busy block that names no account, as the method knows it. */
interface Damaged {
  readonly at: Addr
  readonly size: number
}

export class Charges implements Method {
  readonly ledger: Ledger
  /** Where the account stands whose limit refused the last request, or 0. */
  refuser: Cell = 0
  /** Whether limits were ever set here, by this thread. */
  wasLimited = false
  onHard: HardListener | undefined = undefined
  onSoft: SoftListener | undefined = undefined
  /** The method, where it charges blocks itself and all of them have tails of 4 bytes. */
  direct: Charging | undefined
  /** Another number whenever the handle may not be passed by any more, as `leaseOf` said. */
  lease = 1
  /** Whether somebody in this thread listens to the soft limit of an account. */
  isHeard: (account: Cell) => boolean = () => false

  private readonly inner: Method
  private readonly store: Segments
  private readonly words: Words
  private readonly tally: number //  word of busy bytes
  private readonly tail: number //   bytes of it
  private readonly first: Cell
  private readonly old: number //    word that counts old blocks
  private readonly isShort: boolean // tails are 4 bytes
  private readonly able: Charging | undefined // the method, if it can charge blocks with tails of this length
  private isNear = false //             nothing is to be done beside the method's work
  private isMoving = false //           a block and its copy are both busy for the moment
  // the slot of who paid last
  private lastPayer: Payer | undefined = undefined
  private lastSlot: Cell = 0
  private lastToken = 0

  // what the method inside can do
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
  readonly profile: Method['profile']

  constructor(store: Segments, ledger: Ledger, inner: Method) {
    this.store = store
    this.ledger = ledger
    this.inner = inner
    this.words = store.words
    this.tally = store.tally >>> 2
    this.tail = ledger.tail
    this.first = ledger.first
    this.old = ledger.oldWord
    this.isShort = this.tail === 4
    const { allocFor, alignFor, freeOf, resize } = inner
    const isAble = [allocFor, alignFor, freeOf, resize].every((part) => part !== undefined)
    this.able = isAble && this.isShort ? (inner as Charging) : undefined
    this.direct = this.charging
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
    this.profile = inner.profile && this.profileInner
    ledger.makeRoom = () => inner.compact?.()
    store.tails = this
  }

  start(): void {
    this.inner.start()
  }

  /** Whether nothing is to be done beside the method's work. */
  tune(isNear: boolean): void {
    this.isNear = isNear
    this.direct = this.charging
    this.lease++
  }

  /** `lease` while whoever knows an account may ask `direct` itself for it, as long as its TOKEN is what it is now; else 0. */
  leaseOf(slot: Cell): number {
    return this.isNear && this.direct !== undefined && this.isCharged(slot) ? this.lease : 0
  }

  alloc(size: number): Addr {
    return this.allocFor(size, payer === undefined ? this.first : this.paying())
  }

  /** A block that an account pays for. */
  allocFor(size: number, slot: Cell): Addr {
    const { direct } = this
    if (direct === undefined) return this.allocAround(size, slot)
    const m = this.words.i32
    if (isOpen(m, slot)) return direct.allocFor(size, slot, false)
    return isCounted(m, slot) ? direct.allocFor(size, slot, true) : this.placeFor(size, 0, slot)
  }

  /** The same of a method that knows of no accounts. */
  private allocAround(size: number, slot: Cell): Addr {
    const { inner, tally, words } = this
    const before = words.i32
    const busy = before[tally]!
    if (!this.isCharged(slot) || size === 0 || size >>> 0 !== size || !this.isShort || busy >>> 0 < 4)
      return this.placeFor(size, 0, slot)
    before[tally] = (busy - 4) | 0 // so that what the method adds makes it right, and with it high tide
    let at: Addr
    try {
      at = inner.alloc(size + 4)
    } catch (error) {
      this.putBack()
      throw error
    }
    if (at === NIL) return this.putBack()
    const m = words.i32
    const net = (m[tally]! - busy) | 0
    charge(m, slot, net)
    this.write(m, at + (net >>> 0), slot)
    return at
  }

  /** There was no block after all. */
  private putBack(): Addr {
    const m = this.words.i32
    m[this.tally] = (m[this.tally]! + 4) | 0
    return NIL
  }

  /** The same at a multiple of `alignment`. */
  alignFor(size: number, alignment: number, slot: Cell): Addr {
    const { direct } = this
    return direct !== undefined && this.isCharged(slot)
      ? direct.alignFor(size, alignment, slot, true)
      : this.placeFor(size, alignment, slot)
  }

  /** The same of a method that knows of no accounts, at any place if that is 0; and for special sizes, and under limits. */
  private placeFor(size: number, alignment: number, slot: Cell): Addr {
    const { inner, tally, tail } = this
    if (size >>> 0 !== size || !this.ledger.isAccount(slot)) return NIL // it was removed by another thread, or a handler
    let m = this.words.i32
    const limited = isLimited(m, slot)
    if (limited && !this.admits(slot, size)) return NIL
    const busy = m[tally]!
    const tide = m[tally + 1]!
    const asked = size === 0 && this.unit !== undefined ? this.unitOr(this.store.align + tail) : size + tail
    const at = alignment === 0 ? inner.alloc(asked) : inner.align!(asked, alignment)
    if (at === NIL) return NIL
    m = this.words.i32
    const now = (m[tally]! - tail) | 0
    const net = (now - busy) | 0
    m[tally] = now
    if (m[tally + 1] !== tide) m[tally + 1] = now >>> 0 > tide >>> 0 ? now : tide
    if (limited && !this.admits(slot, net >>> 0) && this.takesBack(at, tide)) return NIL
    charge(m, slot, net)
    this.sign(m, at + (net >>> 0), slot)
    if (limited) this.tellSoft(slot)
    return at
  }

  /**
   * A resize of a block of an account, or with 0 of whichever, that needs no more than this: where it is then, or NIL, with
   * no change, where others must look closer.
   */
  resizeDirectly(at: Addr, size: number, account: Cell, options: ResizeOptions | undefined): Addr {
    const { direct, tally, words } = this
    if (direct === undefined || size >>> 0 !== size || size > LIMIT - 4) return NIL
    const had = direct.sizeOf(at)
    if (had < 0) return NIL
    let m = words.i32
    const tail = (at + had - 4) >>> 2
    const slot = m[tail]!
    if ((account !== 0 && slot !== account) || !this.isCharged(slot)) return NIL
    const before = m[tally]! >>> 0
    if (direct.resize(at, size + 4)) {
      m = words.i32
      const net = (m[tally]! >>> 0) - before
      if (net === 0) return at
      m[tail + net / 4] = slot
      this.change(m, slot, net)
      return at
    }
    if (options === undefined || (options.move !== true && options.copy !== true)) return NIL
    const to = direct.allocFor(size, slot, true)
    if (to === NIL) return NIL
    if (options.copy === true) words.copy(to, at, had - 4 < size ? had - 4 : size)
    if (!direct.freeOf(at, slot, true, false)) this.freeSlowly(at, slot)
    return to
  }

  /** A block for the content of the one at `at`, which the same account pays for. */
  allocAgain(at: Addr, size: number): Addr {
    this.refuser = 0
    const slot = this.accountOf(at)
    this.isMoving = true
    try {
      return slot === 0 ? NIL : this.allocFor(size, slot)
    } finally {
      this.isMoving = false
    }
  }

  /** The block at `at` has come from elsewhere, where it is busy no more. */
  hasMoved(at: Addr): void {
    const slot = this.accountOf(at)
    if (slot !== 0 && isLimited(this.words.i32, slot)) this.tellSoft(slot)
  }

  free(at: Addr): boolean {
    // the processor goes on with who is likely to pay before the block has said so
    const likely = payer === undefined ? this.first : this.lastSlot
    if (this.direct?.freeOf(at, likely, false, true) === true) return true
    return this.freeSlowly(at, 0)
  }

  /** Frees a block if that account pays for it. */
  freeOf(at: Addr, account: Cell): boolean {
    return this.freeDirectly(at, account) || this.freeSlowly(at, account)
  }

  /** The same where the method charges blocks itself; false with no change where others must look closer. */
  private freeDirectly(at: Addr, account: Cell): boolean {
    const { direct } = this
    return direct !== undefined && this.isCharged(account) && direct.freeOf(at, account, true, false)
  }

  /** The same of a method that knows of no accounts; for old blocks, damaged ones, and under limits. */
  private freeSlowly(at: Addr, account: Cell): boolean {
    const size = this.inner.sizeOf(at)
    if (size < 0) return this.inner.free(at)
    if (this.isOld(at)) return this.freeOld(account, at, size)
    this.direct = this.charging
    let slot = this.read(this.words.i32, at + size - 4)
    if (!this.ledger.isAccount(slot)) slot = this.healed(at, size)
    if ((account !== 0 && slot !== account) || slot === 0) return false
    if (account === 0 && this.freeDirectly(at, slot)) return true
    if (!this.inner.free(at)) return false
    const m = this.words.i32
    m[this.tally] = (m[this.tally]! + this.tail) | 0
    this.discharge(m, slot, size - this.tail)
    return true
  }

  sizeOf(at: Addr): number {
    const size = this.inner.sizeOf(at)
    return size < 0 || this.isOld(at) ? size : size - this.tail
  }

  walk(visit: Visit): void {
    this.inner.walk((at, size, state) => visit(at, state === 'busy' ? size - this.tailOf(at) : size, state))
  }

  clear(): void {
    this.inner.clear()
    this.ledger.clear()
  }

  check(level: number, at: Addr = NIL): void {
    if (level >= 3) {
      this.ledger.check()
      this.checkBlocks()
      this.asInside(() => this.inner.check(3))
    } else if (at !== NIL) {
      if (this.accountOf(at) === 0) this.fail('A4', at, 'no account', 'a busy block that names one')
      this.inner.check(level, at)
    }
  }

  // asking

  /** The slot of the account that pays for the busy block at `at`; 0 for no block, and where its tail was overwritten. */
  accountOf(at: Addr): Cell {
    const m = this.words.i32
    const size = this.inner.sizeOf(at)
    if (size < 0) return 0
    if (this.isOld(at)) return this.first
    const slot = this.read(m, at + size - 4)
    return this.ledger.isAccount(slot) ? slot : 0
  }

  /** Which allocation of its account a busy block was, from 1; 0 where that is not known, -1 for no block. */
  ordinalOf(at: Addr): number {
    const size = this.inner.sizeOf(at)
    if (size < 0) return -1
    if (this.tail === 4 || this.isOld(at)) return 0
    return this.read(this.words.i32, at + size - 8) >>> 2
  }

  /** Bytes at the end of a block that are not the client's. */
  tailOf(at: Addr): number {
    return this.isOld(at) ? 0 : this.tail
  }

  /** Whether a block was busy before the ledger began. */
  isOld(at: Addr): boolean {
    return this.words.i32[this.old] !== 0 && this.ledger.oldAt(at) >= 0
  }

  get hasOrdinals(): boolean {
    return this.tail === 8
  }

  /** Whether the block at `at` is busy, and its tail was overwritten. */
  isOverwritten(at: Addr): boolean {
    return this.inner.sizeOf(at) >= 0 && this.accountOf(at) === 0
  }

  /** The slot of an account by the way to it, made where it is not there; 0 where there is no memory for that. */
  accountAt({ way }: Payer): Cell {
    let slot = this.first
    for (const name of way) {
      slot = this.ledger.child(slot, name) || this.ledger.make(slot, name)
      if (slot === 0) return 0
    }
    return slot
  }

  /** What the accounts below one have, and its own; of the region's own, what the region has. */
  total(slot: Cell): Counts {
    const counts = this.ledger.total(slot)
    return slot === this.first ? { ...counts, ...this.region } : counts
  }

  limit(slot: Cell, limits: Limits): boolean {
    this.wasLimited = true
    return this.ledger.limit(slot, limits, this.region)
  }

  remove(slot: Cell): boolean {
    return this.ledger.remove(slot, this.region)
  }

  /** Another account pays for a block from now on; false where there is no block, or a limit does not allow it. */
  adopt(at: Addr, slot: Cell): boolean {
    const from = this.accountOf(at)
    if (from === 0) return false
    if (from === slot) return true
    const size = this.inner.sizeOf(at)
    if (this.isOld(at)) return false
    const net = size - this.tail
    const m = this.words.i32
    const common = this.ledger.common(from, slot)
    if (!this.admits(slot, net, common)) return false
    this.discharge(m, from, net, common)
    charge(m, slot, net, common)
    pass(m, common)
    this.sign(m, at + net, slot)
    if (isLimited(m, slot)) this.tellSoft(slot)
    return true
  }

  /** A block that was busy before the ledger began. */
  found(at: Addr): void {
    charge(this.words.i32, this.first, this.inner.sizeOf(at))
  }

  /** The way to the account that pays for the busy block at `at`; undefined for no block. */
  wayOf(at: Addr): readonly Uint8Array[] | undefined {
    const slot = this.accountOf(at)
    return slot === 0 ? undefined : this.ledger.wayTo(slot)
  }

  /** A request that an account would have paid for had no memory. */
  failed(slot: Cell): void {
    const m = this.words.i32
    let left = DEEPEST
    for (let s = slot; s > 0 && left-- > 0; s = m[s + UP]!) countAt(m, s + FAILURES)
  }

  /** Whether a slot is still that of the account that was given this token. */
  isOf(slot: Cell, token: number): boolean {
    return this.ledger.token(slot) === token
  }

  /** The slot of who pays now. */
  paying(): Cell {
    const who = payer?.()
    if (who === undefined) return this.first
    if (who === this.lastPayer && this.isOf(this.lastSlot, this.lastToken)) return this.lastSlot
    const slot = this.accountAt(who)
    if (slot === 0) return this.first
    this.lastPayer = who
    this.lastSlot = slot
    this.lastToken = this.ledger.token(slot)
    return slot
  }

  // what the method inside may be able to do, too

  private allocAligned(size: number, alignment: number): Addr {
    return this.alignFor(size, alignment, payer === undefined ? this.first : this.paying())
  }

  private resizeBlock(at: Addr, size: number): boolean {
    const { inner, tail, tally } = this
    if (size >>> 0 !== size || size > LIMIT - tail) return false
    const had = inner.sizeOf(at)
    if (had < 0) return false
    let m = this.words.i32
    if (this.isOld(at)) return this.resizeOld(at, size, had)
    let slot = this.read(m, at + had - 4)
    if (!this.ledger.isAccount(slot)) slot = this.healed(at, had)
    if (slot === 0) return false
    const more = size + tail - had
    const limited = isLimited(m, slot)
    if (limited && more > 0 && !this.admits(slot, more + SLACK + 2 * this.store.align)) return false
    const ordinal = tail === 8 ? this.read(m, at + had - 8) : 0
    const before = m[tally]!
    if (!inner.resize!(at, size + tail)) return false
    m = this.words.i32
    const net = (m[tally]! >>> 0) - (before >>> 0)
    const end = at + had + net
    this.write(m, end - 4, slot)
    if (tail === 8) this.write(m, end - 8, ordinal)
    this.change(m, slot, net)
    if (limited) {
      if (net > 0) this.tellSoft(slot)
      else this.rearm(m, slot)
    }
    return true
  }

  private compactInner(): void {
    this.inner.compact!()
  }

  private offsetInBlock(at: number): number {
    const offset = this.inner.offsetOf!(at)
    return offset < 0 || offset < this.sizeOf(at - offset) ? offset : -1
  }

  private movedBlock(at: Addr): void {
    const { inner, tail, tally } = this
    const slot = this.accountOf(at)
    const size = inner.sizeOf(at)
    const place = this.words.i32[this.old] === 0 ? -1 : this.ledger.oldAt(at)
    inner.moved!(at)
    const m = this.words.i32
    if (slot === 0 || inner.sizeOf(at) >= 0) return
    if (place >= 0) {
      this.ledger.forget(place)
      this.discharge(m, slot, size)
      return
    }
    m[tally] = (m[tally]! + tail) | 0
    this.discharge(m, slot, size - tail)
  }

  private unitInside(): number {
    const unit = this.inner.unit!()
    return unit > this.tail ? unit - this.tail : 0
  }

  private servesSize(size: number): boolean {
    return this.inner.serves!(size === 0 && this.unit !== undefined ? this.unitOr(0) : size + this.tail)
  }

  private mistakenInner(op: 'free' | 'resize', at: Addr, owner?: string): void {
    this.inner.mistaken!(op, at, owner)
  }

  private closingInner(): Late {
    return this.inner.closing!()
  }

  private leaksInner(held: ReadonlySet<Addr>): void {
    if (this.inner.overrun !== undefined) this.healAll()
    this.inner.leaks!(held)
  }

  private profileInner(fresh: boolean): Profiled {
    return this.inner.profile!(fresh)
  }

  // inside

  private get charging(): Charging | undefined {
    return this.words.i32[this.old] === 0 ? this.able : undefined
  }

  /** Whether an account stands at a word, whatever that word is, over which there is no limit. */
  private isCharged(slot: Cell): boolean {
    const m = this.words.i32
    return isOpen(m, slot) || isCounted(m, slot)
  }

  private get region(): { bytes: number; peak: number } {
    const m = this.words.i32
    return { bytes: m[this.tally]! >>> 0, peak: this.store.get(this.store.header, TIDE) }
  }

  /** The size that the method inside serves, where it serves but one and knows it. */
  private unitOr(otherwise: number): number {
    return this.inner.unit?.() || otherwise
  }

  /** A block is gone; where there are limits, more may be had again before it is told. */
  private discharge(m: Int32Array<ArrayBufferLike>, slot: Cell, bytes: number, end: Cell = 0): void {
    discharge(m, slot, bytes, end)
    if (isLimited(m, slot)) this.rearm(m, slot)
  }

  /** A block has become larger or smaller. */
  private change(m: Int32Array<ArrayBufferLike>, slot: Cell, bytes: number): void {
    let left = DEEPEST
    for (let s = slot; s > 0 && left-- > 0; s = m[s + UP]!) {
      if (bytes < 0) shrink(m, s, -bytes)
      else grow(m, s, bytes)
    }
  }

  /** Whether no limit up to the top forbids so many bytes more. */
  private admits(slot: Cell, bytes: number, end: Cell = 0): boolean {
    const m = this.words.i32
    let left = DEEPEST
    for (let s = slot; s > 0 && s !== end && left-- > 0; s = m[s + UP]!) {
      if (liveIn(m, s) + bytes <= m[s + HARD]! >>> 0) continue
      this.refuser = this.ledger.accountOf(s)
      return false
    }
    return true
  }

  /** A block that came out larger than its account may have goes back; high tide is what it was. False where it cannot. */
  private takesBack(at: Addr, tide: number): boolean {
    const m = this.words.i32
    m[this.tally] = (m[this.tally]! + this.tail) | 0
    if (this.inner.free(at)) {
      this.words.i32[this.tally + 1] = tide
      return true
    }
    m[this.tally] = (m[this.tally]! - this.tail) | 0
    return false
  }

  /** Notes all that are passed before it says so: whoever hears it may ask anything. */
  private tellSoft(slot: Cell): void {
    if (this.isMoving) return
    const m = this.words.i32
    const passed: [account: Cell, live: number, soft: number][] = []
    let left = DEEPEST
    for (let s = slot; s > 0 && left-- > 0; s = m[s + UP]!) {
      const [live, soft] = [liveIn(m, s), m[s + SOFT]! >>> 0]
      if (live <= soft || m[s + TOLD] !== 0) continue
      const account = this.ledger.accountOf(s)
      if (!this.isHeard(account)) continue
      m[s + TOLD] = 1
      passed.push([account, live, soft])
    }
    for (const [account, live, soft] of passed) this.sayLater(account, live, soft)
  }

  /** Listeners are called without the lock. */
  private sayLater(account: Cell, live: number, limit: number): void {
    const { onSoft } = this
    if (onSoft === undefined) return
    const { space } = this.store
    const tell = (): void => onSoft(account, live, limit)
    if (space.lock === undefined) space.tell(tell)
    else space.defer(tell)
  }

  private rearm(m: Int32Array<ArrayBufferLike>, slot: Cell): void {
    let left = DEEPEST
    for (let s = slot; s > 0 && left-- > 0; s = m[s + UP]!) if (liveIn(m, s) <= m[s + SOFT]! >>> 0) m[s + TOLD] = 0
  }

  private freeOld(account: Cell, at: Addr, size: number): boolean {
    const place = this.ledger.oldAt(at)
    if ((account !== 0 && account !== this.first) || !this.inner.free(at)) return false
    this.ledger.forget(place)
    this.discharge(this.words.i32, this.first, size)
    return true
  }

  private resizeOld(at: Addr, size: number, had: number): boolean {
    const { first } = this
    const limited = isLimited(this.words.i32, first)
    if (limited && size > had && !this.admits(first, size - had + SLACK + 2 * this.store.align)) return false
    if (!this.inner.resize!(at, size)) return false
    const net = this.inner.sizeOf(at) - had
    this.change(this.words.i32, first, net)
    if (limited) {
      if (net > 0) this.tellSoft(first)
      else this.rearm(this.words.i32, first)
    }
    return true
  }

  // tails

  /** Signs a block whose client's bytes end at `end`. */
  private sign(m: Int32Array<ArrayBufferLike>, end: number, slot: Cell): void {
    if (this.tail === 4) {
      if ((end & 3) === 0) m[end >>> 2] = slot
      else this.write(m, end, slot)
      return
    }
    this.write(m, end, m[slot + ALLOCS]! << 2)
    this.write(m, end + 4, slot)
  }

  private write(m: Int32Array<ArrayBufferLike>, at: number, word: number): void {
    if ((at & 3) === 0) m[at >>> 2] = word
    else for (let i = 0; i < 4; i++) this.words.u8[at + i] = word >>> (8 * i)
  }

  private read(m: Int32Array<ArrayBufferLike>, at: number): number {
    if ((at & 3) === 0) return m[at >>> 2]!
    const { u8 } = this.words
    return u8[at]! | (u8[at + 1]! << 8) | (u8[at + 2]! << 16) | (u8[at + 3]! << 24)
  }

  // laws

  /** Lets the method inside see in the tally what it put there. */
  private asInside(task: () => void): void {
    const { words, tally } = this
    const tails = this.ledger.tailed * this.tail
    words.i32[tally] = (words.i32[tally]! + tails) | 0
    try {
      task()
    } finally {
      words.i32[tally] = (words.i32[tally]! - tails) | 0
    }
  }

  private checkBlocks(): void {
    const { ledger } = this
    if (this.inner.overrun !== undefined) this.healAll()
    const { found, damaged, old } = this.counted()
    if (damaged.length > 0) this.fail('A4', damaged[0]!.at, 'no account', 'a busy block that names one')
    if (old !== this.words.i32[this.old]) this.fail('A4', this.old * 4, `${this.words.i32[this.old]} old blocks`, old)
    for (const slot of ledger.accounts()) {
      const { bytes, blocks } = ledger.own(slot)
      const seen = found.get(slot) ?? { bytes: 0, blocks: 0 }
      if (bytes !== seen.bytes) this.fail('A5', slot * 4, `${bytes} bytes`, seen.bytes)
      if (blocks !== seen.blocks) this.fail('A5', slot * 4, `${blocks} blocks`, seen.blocks)
    }
  }

  /** What the busy blocks say: of each account they name, those that name none, and how many are old. */
  private counted(): { found: Map<Cell, Pick<Counts, 'bytes' | 'blocks'>>; damaged: Damaged[]; old: number } {
    const { ledger, tail } = this
    const m = this.words.i32
    const found = new Map<Cell, Pick<Counts, 'bytes' | 'blocks'>>()
    const damaged: Damaged[] = []
    let old = 0
    this.inner.walk((at, size, state) => {
      if (state !== 'busy') return
      const isOld = this.isOld(at)
      const slot = isOld ? this.first : this.read(m, at + size - 4)
      if (isOld) old++
      if (ledger.isAccount(slot)) {
        const { bytes, blocks } = found.get(slot) ?? { bytes: 0, blocks: 0 }
        found.set(slot, { bytes: bytes + (isOld ? size : size - tail), blocks: blocks + 1 })
      } else damaged.push({ at, size })
    })
    return { found, damaged, old }
  }

  // what a debugging method is told of, and put right

  /** The account of a block whose tail was overwritten, found out where a debugging method is inside; else 0. */
  private healed(at: Addr, size: number): Cell {
    const { inner, tail, words } = this
    if (inner.overrun === undefined) return 0
    const net = size - tail
    const slot = this.missing(net)
    if (slot === 0) return 0
    const was = words.u8.slice(at + net, at + size)
    this.write(words.i32, at + size - 4, slot)
    const isOther = (_byte: number, i: number): boolean => i >= tail - 4 && was[i] !== words.u8[at + net + i]
    const first = was.findIndex(isOther)
    inner.overrun(at, at + net + first, was.filter(isOther).length)
    return slot
  }

  private healAll(): void {
    for (const { at, size } of this.counted().damaged) this.healed(at, size)
  }

  /** The account that has a block of so many bytes more than name it; 0 where there is none. */
  private missing(net: number): Cell {
    const { found } = this.counted()
    let likely = 0
    for (const slot of this.ledger.accounts()) {
      const { bytes, blocks } = this.ledger.own(slot)
      const seen = found.get(slot) ?? { bytes: 0, blocks: 0 }
      if (blocks === seen.blocks || bytes - seen.bytes < net) continue
      if (blocks - seen.blocks === 1 && bytes - seen.bytes === net) return slot
      likely ||= slot
    }
    return likely
  }

  private fail(law: string, place: number, seen: unknown, expected: unknown): never {
    corrupted(`${this.store.name}: account ${law}`, place, seen, expected)
  }
}

/** A block has gone from one account to another, both of which are counted here and further up. */
function pass(m: Int32Array<ArrayBufferLike>, common: Cell): void {
  let left = DEEPEST
  for (let s = common; s > 0 && left-- > 0; s = m[s + UP]!) {
    countAt(m, s + ALLOCS)
    countAt(m, s + FREES)
  }
}
