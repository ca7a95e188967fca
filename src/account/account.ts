/**
 * account: a component of a program, to which the memory that it allocates is charged.
 *
 *   region's own ''            what nobody asked for
 *     |- parser                account('parser', region)
 *     |    `- parser/strings   account('parser/strings', region), or parser.account('strings')
 *     `- cache
 *
 * All figures lie in the region's bytes (see ledger.ts), so whoever has the region has its accounts: handles here are made
 * again by name, in every thread. What is in JavaScript is who listens, and which account is current.
 *
 * An account is of one region; its path names a component, which may have an account in many. While `run` lasts, each
 * region that keeps accounts charges what is allocated to its own account of that path, made when it is needed.
 *
 * Sources: accounting by component, the owner at each block and a free that refuses what is another's after INxalloc; a
 * tree of them with the figures of each subtree, and memory limits by subtree after talloc.
 */
import { type Addr, LIMIT, NIL } from '../contract/addr.ts'
import { DEEPEST, IS_COUNTED, TOKEN } from '../contract/charge.ts'
import type { ArrayType, NumericArray, Region, ResizeOptions, View } from '../contract/region.ts'
import { isPowerOfTwo, isWhole } from '../ground/bits.ts'
import { VmallocError } from '../ground/fault.ts'
import { encode } from '../ground/text.ts'
import type { Words } from '../ground/words.ts'
import type { Charges } from '../region/charges.ts'
import { type Home, handleOf } from '../region/ground.ts'
import { type Counts, type Limits, LONGEST_NAME } from '../region/ledger.ts'
import { mallocRegion } from '../region/malloc.ts'
import type { Payer } from '../region/payer.ts'
import { shownBy } from '../region/picture.ts'
import type { Handle } from '../region/region.ts'
import { rootOf } from '../region/regions.ts'
import { currentPayer, run } from './context.ts'
import { type HardLimitOf, type SoftLimitOf, watch } from './watch.ts'

export type { Counts, Limits } from '../region/ledger.ts'
export type SoftLimit = SoftLimitOf<Account>
export type HardLimit = HardLimitOf<Account>

export interface AccountOptions {
  /** Keeps of each block which allocation of its account it was: 8 bytes a block instead of 4. For all of the region. */
  ordinals?: boolean
}

export class Account implements Payer {
  /** Names from the top, with `/` between; empty for the region's own account. */
  readonly path: string
  readonly name: string
  readonly region: Region
  readonly way: readonly Uint8Array[]
  private readonly handle: Handle
  private readonly charges: Charges
  private readonly words: Words
  private readonly slot: number
  private readonly token: number
  /**
   * While it is what `charges` has, and TOKEN of the slot is `state`, the method may be asked itself: the account is there,
   * under no limit, and nothing is to be done beside. What is in the bytes is looked at there, since another handle may have
   * changed it, or somebody put them back.
   */
  private lease = 0
  private state = 0
  /** Whether sums count it in, as `state` says. */
  private isCounted = false

  /** Use `account`. */
  constructor(handle: Handle, charges: Charges, slot: number) {
    const { ledger } = charges
    const names = ledger.path(slot)
    this.path = names.join('/')
    this.name = names.at(-1) ?? ''
    this.region = handle
    this.way = ledger.wayTo(slot)
    this.handle = handle
    this.charges = charges
    this.words = handle.store.words
    this.slot = slot
    this.token = ledger.token(slot)
  }

  // blocks

  /** A block of `size` bytes. Throws VmallocError: `argument`, `no-memory` also where a limit says no, `closed`. */
  alloc(size: number): Addr {
    const { charges } = this
    if (this.lease === charges.lease && this.words.i32[this.slot + TOKEN] === this.state) {
      const at = charges.direct!.allocFor(size, this.slot, this.isCounted)
      if (at !== NIL) return at
    }
    return this.allocSlowly(size)
  }

  private allocSlowly(size: number): Addr {
    const { charges, handle, slot } = this
    const wasAsked = this.isPlain
    this.renew('alloc')
    const at = (!wasAsked && handle.isDirect && charges.allocFor(size, slot)) || handle.allocFor(slot, this.token, size)
    return at !== NIL ? at : this.lacks('alloc', size)
  }

  /** The same, with all its bytes 0. */
  allocZeroed(size: number): Addr {
    const { charges } = this
    if (this.isPlain) {
      const at = charges.direct!.allocFor(size, this.slot, this.isCounted)
      if (at !== NIL) {
        this.words.zero(at, charges.sizeOf(at))
        return at
      }
    }
    this.renew('allocZeroed')
    const at = this.handle.allocZeroedFor(this.slot, size)
    return at !== NIL ? at : this.lacks('allocZeroed', size)
  }

  /** The same at a multiple of `alignment`, a power of two. Throws `argument` too where the method does not align. */
  align(size: number, alignment: number): Addr {
    if (this.isPlain && isPowerOfTwo(alignment)) {
      const at = this.charges.direct!.alignFor(size, alignment, this.slot, this.isCounted)
      if (at !== NIL) return at
    }
    this.renew('align')
    const at = this.handle.alignFor(this.slot, size, alignment)
    return at !== NIL ? at : this.lacks('align', size, alignment)
  }

  /** An array of `length` elements, all 0, that throws once its block is gone. */
  new<T extends NumericArray>(type: ArrayType<T>, length: number): View<T> {
    if (!isWhole(length, Number.MAX_SAFE_INTEGER)) {
      throw new VmallocError('argument', `new: ${String(length)} elements, expected a whole number from 0`)
    }
    return this.region.view(type, this.allocZeroed(length * type.BYTES_PER_ELEMENT), length)
  }

  /** A text as NUL-ended UTF-8. */
  string(text: string): Addr {
    const bytes = encode(text)
    const at = this.alloc(bytes.length + 1)
    const place = this.region.bytes(at, bytes.length + 1)
    place.set(bytes)
    place[bytes.length] = 0
    return at
  }

  /**
   * Changes the size of a block of this account, as `region.resize` does: it stays this account's where it moves, and 0 is
   * the answer where it cannot be done in place and must not move. Throws `argument` for what is not this account's, and
   * `no-memory`.
   */
  resize(at: Addr, size: number, options?: ResizeOptions): Addr {
    const { charges } = this
    if (this.isPlain && at !== NIL && options?.zero !== true) {
      const to = charges.resizeDirectly(at, size, this.slot, options)
      if (to !== NIL) return to
    }
    this.renew('resize')
    if (at === NIL) return options?.zero === true ? this.allocZeroed(size) : this.alloc(size)
    this.mustBeOwn('resize', at)
    const to = this.region.resize(at, size, options)
    const isAnswer = to !== NIL || (options?.move !== true && options?.copy !== true && isWhole(size, 2 ** 32))
    return isAnswer ? to : this.lacks('resize', size)
  }

  /**
   * Frees a block of this account; 0 is no block, and no mistake. Throws VmallocError `argument` for a block of another
   * account, naming it, and for what is no block. `region.free` frees a block whoever pays for it.
   */
  free(at: Addr): void {
    const { charges, slot } = this
    const isPlain = this.lease === charges.lease && this.words.i32[slot + TOKEN] === this.state
    if (!isPlain || !charges.direct!.freeOf(at, slot, this.isCounted, false)) this.freeSlowly(at)
  }

  private freeSlowly(at: Addr): void {
    const { charges, handle, slot } = this
    if (at === NIL) return
    this.renew('free')
    if ((handle.isDirect && charges.freeOf(at, slot)) || handle.freeFor(slot, at)) return
    this.mustBeOwn('free', at)
    const { method, name } = this.region
    throw new VmallocError('argument', `free: method ${method} of region ${name} does not free the block at ${at}`)
  }

  /** Whether this account pays for the block that starts at `at`. */
  owns(at: Addr): boolean {
    return this.isThere && this.handle.accountOf(at) === this.slot
  }

  /** Usable bytes of a block of this account, else -1. */
  sizeOf(at: Addr): number {
    return this.owns(at) ? this.region.sizeOf(at) : -1
  }

  /** Which allocation of this account a block of it was, from 1; 0 where that is not kept, else -1. Counts modulo 2^30. */
  ordinalOf(at: Addr): number {
    return this.owns(at) ? this.handle.within(() => this.charges.ordinalOf(at - this.bias)) : -1
  }

  /** Every block of this account, and with `all` those of the accounts below it; false stops. */
  walk(visit: (block: { at: Addr; size: number; account: string }) => boolean | void, { all = false } = {}): void {
    this.mustBeThere('walk')
    const paths = new Map<number, string>()
    this.region.walk(({ at, size, state }) => {
      if (state !== 'busy') return true
      const slot = this.handle.accountOf(at)
      if (slot === 0 || (slot !== this.slot && !(all && this.charges.ledger.isWithin(slot, this.slot)))) return true
      if (!paths.has(slot)) paths.set(slot, this.charges.ledger.path(slot).join('/'))
      return visit({ at, size, account: paths.get(slot)! })
    })
  }

  /**
   * Takes over a block that another account of the region pays for. Throws VmallocError: `argument` for no block,
   * `no-memory` where a limit does not allow it, `unsupported` for a block that is older than the region's accounts.
   */
  adopt(at: Addr): void {
    this.mustBeThere('adopt')
    const [isAdopted, isBlock] = this.handle.within(() => {
      const place = at - this.bias
      return [this.charges.adopt(place, this.slot), this.charges.accountOf(place) !== 0]
    })
    if (isAdopted) return
    if (!isBlock)
      throw new VmallocError(
        'argument',
        `adopt: ${String(at)} is ${this.whatIsAt(at)}, expected a busy block of region ${this.region.name}`,
      )
    if (this.handle.within(() => this.charges.isOld(at - this.bias))) {
      throw new VmallocError(
        'unsupported',
        `adopt: the block at ${at} was there before region ${this.region.name} kept accounts, and has no room for a name`,
      )
    }
    this.lacks('adopt', this.region.sizeOf(at))
  }

  // components

  /**
   * Calls `fn` with this account current: what is allocated in it, and in what it starts and awaits, is charged to this
   * component, in every region that keeps accounts. Returns what `fn` returns.
   */
  run<R>(fn: (account: Account) => R): R {
    return run(this, fn)
  }

  /** The account below this one by that name, or by a path of names; made where it is not there. */
  account(path: string): Account {
    this.mustBeThere('account')
    return accountIn(this.handle, this.charges, [...this.way, ...wayOf(path)])
  }

  /** The account above; undefined for the region's own. */
  get parent(): Account | undefined {
    this.mustBeThere('parent')
    const parent = this.charges.ledger.parent(this.slot)
    return parent === 0 ? undefined : new Account(this.handle, this.charges, parent)
  }

  /** The accounts right below this one, in the order in which they were made. */
  children(): Account[] {
    this.mustBeThere('children')
    const { ledger } = this.charges
    return this.handle.within(() => ledger.below(this.slot).map((slot) => new Account(this.handle, this.charges, slot)))
  }

  /** What this account itself has and did. */
  get own(): Counts {
    this.mustBeThere('own')
    return this.handle.within(() => this.charges.ledger.own(this.slot))
  }

  /** The same with all accounts below it; of the region's own account, what the whole region has and did. */
  get total(): Counts {
    this.mustBeThere('total')
    return this.handle.within(() => this.charges.total(this.slot))
  }

  // limits

  get limits(): Limits {
    this.mustBeThere('limits')
    return this.handle.within(() => this.charges.ledger.limits(this.slot))
  }

  /**
   * Sets limits to the bytes that this account and all below it may have live, in all threads; what is not named stays.
   * What is live stays live. Returns the limits before. Throws VmallocError: `argument`, `no-memory`.
   */
  limit(limits: Partial<Limits>): Limits {
    const before = this.limits
    for (const key of Object.keys(limits)) {
      const value = limits[key as keyof Limits]
      if (key !== 'hard' && key !== 'soft') throw new VmallocError('argument', `limit: ${key}, expected hard or soft`)
      if (value === undefined || value === Infinity || isWhole(value, 2 ** 32 - 2)) continue
      throw new VmallocError('argument', `limit: ${key} ${String(value)}, expected a whole number of bytes or Infinity`)
    }
    const { hard = before.hard, soft = before.soft } = limits
    if (!this.handle.within(() => this.charges.limit(this.slot, { hard, soft }))) {
      throw new VmallocError(
        'no-memory',
        `limit: region ${this.region.name} has no memory for the limits of an account`,
      )
    }
    return before
  }

  /**
   * Listens, in this thread, to limits of this account. `soft`: more is live than the soft limit. `hard`: a request went
   * past the hard one; when a listener answers true, having freed something, it is tried again, at most 64 times. The
   * returned function ends it.
   */
  on(event: 'soft', listener: (event: SoftLimit) => void): () => void
  on(event: 'hard', listener: (event: HardLimit) => boolean | void): () => void
  on(event: 'soft' | 'hard', listener: (event: SoftLimit & HardLimit) => boolean | void): () => void {
    this.mustBeThere('on')
    if (event !== 'soft' && event !== 'hard') {
      throw new VmallocError('argument', `on: event ${String(event)}, expected soft or hard`)
    }
    if (typeof listener !== 'function') {
      throw new VmallocError('argument', `on: listener ${String(listener)}, expected a function`)
    }
    return watch(this.charges, this.slot, this, event, listener as (event: object) => boolean | void)
  }

  /**
   * Takes the account away; its counts stay in those above. False where it has blocks or accounts below it, for the
   * region's own, and where there is no memory for the sum that keeps its counts. A handle to it can be used no more.
   */
  remove(): boolean {
    return this.isThere && this.handle.within(() => this.charges.remove(this.slot))
  }

  /** What `console.log` shows. */
  [shownBy](): string {
    if (!this.isThere) return `account ${this}, gone`
    const { bytes, blocks, peak } = this.total
    return `account ${this}: ${bytes} bytes in ${blocks} blocks, at most ${peak}`
  }

  toJSON(): object {
    const { path, own, total } = this
    return { path, region: this.region.name, own, total }
  }

  /** Its path, and the region that it is of. */
  toString(): string {
    return `${this.path === '' ? '(none)' : this.path} of ${this.region.name}`
  }

  // inside

  private get bias(): number {
    return this.handle.store.bias
  }

  /** Whether the method may be asked itself. `alloc` and `free` look in place, where a call costs as much as the look. */
  private get isPlain(): boolean {
    return this.lease === this.charges.lease && this.words.i32[this.slot + TOKEN] === this.state
  }

  private get isThere(): boolean {
    const { charges, handle, slot, token } = this
    return !handle.closed && (charges.isOf(slot, token) || handle.within(() => charges.isOf(slot, token)))
  }

  /** The account must be there; from now on the method is asked itself, if it may be. */
  private renew(op: string): void {
    this.mustBeThere(op)
    this.lease = this.charges.leaseOf(this.slot)
    this.state = this.words.i32[this.slot + TOKEN]!
    this.isCounted = (this.state & IS_COUNTED) !== 0
  }

  private mustBeThere(op: string): void {
    if (this.isThere) return
    const why = this.handle.closed ? `region ${this.region.name} is closed` : 'it was removed'
    throw new VmallocError('closed', `${op}: account ${this.path}: ${why}`)
  }

  private mustBeOwn(op: string, at: Addr): void {
    this.mustBeThere(op)
    const slot = this.handle.accountOf(at)
    if (slot === this.slot) return
    const expected = `expected a block of account ${this}`
    if (slot !== 0) {
      const owner = new Account(this.handle, this.charges, slot)
      throw new VmallocError('argument', `${op}: the block at ${at} is charged to account ${owner}, ${expected}`)
    }
    const region = rootOf(this.region).regionOf(at) as Handle | undefined
    const isOthers = region !== undefined && region.header !== this.handle.header
    const what = isOthers ? whatIsIn(region, at) : this.whatIsAt(at)
    if (!isOthers && !this.handle.isShared) {
      // so that whoever listens to mistakes hears of it; another thread could make it a block in the meantime
      if (op === 'free') this.region.free(at)
      else this.region.resize(at, 0)
    }
    throw new VmallocError('argument', `${op}: ${String(at)} is ${what}, ${expected}`)
  }

  /** An address of this region that is no block, or one that names no account. */
  private whatIsAt(at: Addr): string {
    const isDamaged = this.handle.within(() => this.charges.isOverwritten(at - this.bias))
    return isDamaged ? 'a block whose end was written over, so that it does not name its account' : 'no busy block'
  }

  private lacks(op: string, size: number, alignment = 0): never {
    this.mustBeThere(op)
    if (!isWhole(size, LIMIT)) {
      throw new VmallocError('argument', `${op}: ${String(size)} bytes, expected a whole number from 0 to ${LIMIT}`)
    }
    const { unit } = this.region
    if (unit !== 0 && size !== unit && op !== 'adopt') {
      throw new VmallocError(
        'argument',
        `${op}: ${size} bytes, but method ${this.region.method} of region ${this.region.name} serves ${unit} bytes only`,
      )
    }
    const where = alignment === 0 ? '' : ` at a multiple of ${alignment}`
    const why = this.handle.limitThatRefused || `region ${this.region.name}, method ${this.region.method}, has none`
    throw new VmallocError('no-memory', `${op}: no block of ${size} bytes${where} for account ${this}: ${why}`)
  }
}

/**
 * The account of a component by its path (`parser`, `parser/strings`), made where it is not there, in a region or what
 * has one: a heap, a pool, a scope; without one, in the region behind `malloc`. The region keeps accounts from then on.
 * An empty path is the region's own account. Throws VmallocError: `argument`, `no-memory`, `closed`, and `unsupported`
 * where the region's blocks have no room: see `accounts` of `open`.
 */
export function account(path: string, home: Home = mallocRegion(), options: AccountOptions = {}): Account {
  const { ordinals, ...others } = options
  for (const key of Object.keys(others)) {
    throw new VmallocError('unknown', `account: unknown option "${key}": expected ordinals`)
  }
  const handle = handleOf(home, 'account')
  const way = path === '' ? [] : wayOf(path)
  const charges = handle.keepAccounts(ordinals === true)
  if (ordinals !== undefined && charges.hasOrdinals !== ordinals) {
    throw new VmallocError(
      'argument',
      ordinals
        ? `account: region ${handle.name} keeps accounts without ordinals since its first one: open it with { ordinals: true }`
        : `account: region ${handle.name} keeps ordinals with its accounts, expected ordinals: true, or not named`,
    )
  }
  return accountIn(handle, charges, way)
}

/** The account whose `run` the code was started in; undefined outside of any. */
export function currentAccount(): Account | undefined {
  return currentPayer() as Account | undefined
}

/** All accounts of a region, its own first; none where it keeps no accounts. */
export function accounts(home: Home = mallocRegion()): Account[] {
  const handle = handleOf(home, 'accounts')
  return handle.within(() => {
    const { charges } = handle
    return charges === undefined ? [] : [...charges.ledger.accounts()].map((slot) => new Account(handle, charges, slot))
  })
}

/**
 * The account that pays for the block that starts at `at`, in whatever region of the same space; where that one keeps no
 * accounts, the one that pays for the memory that it lies in. Undefined for no block, and where no accounts are kept.
 */
export function ownerOf(at: Addr, home: Home = mallocRegion()): Account | undefined {
  let handle = rootOf(handleOf(home, 'ownerOf')).regionOf(at) as Handle | undefined
  let place = at
  if (handle === undefined || handle.sizeOf(at) < 0) return undefined
  while (handle.charges === undefined) {
    const { parent } = handle
    if (parent === undefined) return undefined
    place = handle.segmentOf(place)!.at
    handle = parent as Handle
  }
  const { charges } = handle
  const slot = handle.within(() => charges.accountOf(place - handle.store.bias))
  return slot === 0 ? undefined : new Account(handle, charges, slot)
}

/** Usable bytes of the block that starts at `at`, in whatever region of the same space; -1 for no block. */
export function sizeOf(at: Addr, home: Home = mallocRegion()): number {
  return rootOf(handleOf(home, 'sizeOf')).regionOf(at)?.sizeOf(at) ?? -1
}

/**
 * Which allocation of its account the block that starts at `at` was, from 1, modulo 2^30; 0 where that is not kept (see
 * `ordinals`), -1 for no block.
 */
export function ordinalOf(at: Addr, home: Home = mallocRegion()): number {
  const handle = rootOf(handleOf(home, 'ordinalOf')).regionOf(at) as Handle | undefined
  if (handle === undefined || handle.sizeOf(at) < 0) return -1
  const { charges } = handle
  return charges === undefined ? 0 : handle.within(() => charges.ordinalOf(at - handle.store.bias))
}

/** An address of another region. */
function whatIsIn(region: Handle, at: Addr): string {
  if (region.sizeOf(at) < 0) return `no busy block, an address of region ${region.name}`
  const owner = region.charges === undefined ? undefined : ownerOf(at, region)
  return `a block of region ${region.name}${owner === undefined ? '' : `, charged to account ${owner}`}`
}

function accountIn(handle: Handle, charges: Charges, way: readonly Uint8Array[]): Account {
  if (way.length >= DEEPEST) {
    throw new VmallocError('argument', `account: ${way.length} names, expected fewer than ${DEEPEST} in one another`)
  }
  const slot = handle.within(() => charges.accountAt({ way }))
  if (slot === 0) {
    throw new VmallocError('no-memory', `account: region ${handle.name} has no memory for another account`)
  }
  return new Account(handle, charges, slot)
}

function wayOf(path: string): Uint8Array[] {
  if (typeof path !== 'string') throw new VmallocError('argument', `account: path ${String(path)}, expected a text`)
  return path.split('/').map((name) => {
    const bytes = encode(name)
    if (bytes.length > 0 && bytes.length <= LONGEST_NAME) return bytes
    throw new VmallocError(
      'argument',
      `account: path "${path}": a name of ${bytes.length} bytes, expected names of 1 to ${LONGEST_NAME} with / between them`,
    )
  })
}
