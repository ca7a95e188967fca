/**
 * region: one method over one discipline; everything that is the same whatever the two are.
 *
 *   client -> Handle -> method -> store -> discipline
 *             |  lock, arguments, moving a block, events, checks, no memory
 *             `- the short way, when nothing of that is needed: straight to the method, in shared memory under the lock
 *
 * The handle holds nothing that the bytes do not (but listeners and views), so there may be several over the same bytes.
 * Addresses of clients count from the first byte of the buffer, those of methods from the first byte of the space; the
 * difference, `bias`, is added and taken away here and in the store alone.
 */

import { type Addr, type Cell, LIMIT, NIL } from '../contract/addr.ts'
import type { Found } from '../contract/finding.ts'
import type { Late, Method, MethodDef } from '../contract/method.ts'
import type { Profile } from '../contract/profile.ts'
import type {
  ArrayType,
  Discipline,
  DisciplineEvent,
  Ear,
  Inspection,
  MapOptions,
  Mistake,
  NumericArray,
  Region,
  RegionEvent,
  RegionEvents,
  RegionMap,
  Request,
  ResizeOptions,
  Settings,
  Values,
  View,
} from '../contract/region.ts'
import type { BlockView, SegmentView, Stat } from '../contract/stat.ts'
import { isPowerOfTwo, isWhole } from '../ground/bits.ts'
import { corrupted, VmallocError } from '../ground/fault.ts'
import { decode, encode } from '../ground/text.ts'
import type { Words } from '../ground/words.ts'
import { Charges } from './charges.ts'
import { findingOf } from './finding.ts'
import * as H from './header.ts'
import { tellClosing, tellFound } from './hooks.ts'
import { type Counts, Ledger } from './ledger.ts'
import { emptyMap, mapOf } from './map.ts'
import { drawn, inspectionOf, type ShowOptions, shown, shownBy } from './picture.ts'
import { delist, enlist, type Held, rootOf } from './regions.ts'
import { Segments } from './segments.ts'
import type { Space } from './space.ts'
import { RegionValues } from './values.ts'
import { arrayAt, BlockArray, type Life } from './view.ts'

/** How often a handler is asked for one request. */
const TRIES = 64

/** What `junk` fills memory with. */
const JUNK_NEW = 0x55
const JUNK_GROWN = 0x66
const JUNK_FREED = 0xa5

// the ways through a handle
const SLOW = 0 //     something must be done beside the method's work
const SHORT = 1 //    nothing
const WATCHED = 2 //  nothing, but somebody else may have grown the memory
const LOCKED = 3 //   nothing but the lock, and a look at what other threads did

const nobody: readonly Ear[] = []
const none: readonly number[] = []

/** What is the same for all regions that are opened alike. */
export interface Kind {
  readonly name: string
  readonly definition: MethodDef
  /** The method's full name. */
  readonly method: string
  /** A region that cannot be closed. */
  readonly permanent: boolean
  /** Makes a handle of the child whose header lies at an address. */
  readonly childAt: (parent: Handle, header: number) => Region
}

export class Handle implements Held {
  readonly name: string
  readonly method: string
  /** The store, also for those who open regions. */
  readonly store: Segments

  // for the list of the regions of this thread
  older: Held | undefined = undefined
  newer: Held | undefined = undefined
  ticket: WeakRef<Held> | undefined = undefined

  private readonly kind: Kind
  private readonly space: Space
  private readonly words: Words
  private readonly bias: number
  private policy: Method
  /** What the method is wrapped in where accounts are kept; undefined elsewhere. */
  charges: Charges | undefined = undefined
  /** What was counted of the region as a whole where somebody else counts, and no accounts are kept. */
  tallied: (() => Counts) | undefined = undefined
  /** LEDGER of the header, as this handle knows it. */
  private ledger = 0
  private place = 0
  /** The header's checksum: another one means that another region lies there now. */
  private sum = 0
  private ended = false
  private damage = ''
  private way: number = SLOW
  private ears: readonly Ear[] = nobody
  private views: Map<Addr, Life> | undefined = undefined
  private table: RegionValues | undefined = undefined
  /** Whether somebody is being asked what to do about the limit of an account. */
  private isRelieved = false
  /** Why blocks are neither had nor freed here for now. */
  private barred: (() => VmallocError) | undefined = undefined
  /** Hears of calls after the end. */
  private late: Late = undefined
  private heirs: readonly Ear[] = nobody

  constructor(space: Space, discipline: Discipline, kind: Kind) {
    this.name = kind.name
    this.method = kind.method
    this.kind = kind
    this.space = space
    this.words = space.words
    this.bias = space.base
    this.store = new Segments(space, this, discipline, kind.name)
    this.policy = closedMethod
  }

  /** Says where the header is that the store is bound to. */
  lieAt(header: number): void {
    this.place = header
    this.sum = this.words.i32[(header + H.SUM) >>> 2]!
  }

  /** Takes up the method that goes with the header. */
  bind(policy: Method): void {
    this.policy = policy
    this.takeUpLedger()
    enlist(this)
    if ((this.bits & H.EVENTS) !== 0) this.space.listen(1)
    this.tune()
  }

  // what it is

  get header(): Addr {
    return this.place + this.bias
  }

  get values(): Values {
    return this.valueTable
  }

  private get valueTable(): RegionValues {
    return (this.table ??= new RegionValues(this.store, { within: (what) => this.within(what) }))
  }

  get alignment(): number {
    return this.store.align
  }

  get closed(): boolean {
    return this.ended
  }

  get parent(): Region | undefined {
    return this.store.discipline.parent
  }

  get buffer(): ArrayBufferLike {
    this.mustBeOpen('buffer')
    if (this.words.gone || this.space.shared) this.space.renew()
    return this.words.u8.buffer
  }

  get unit(): number {
    return this.policy.unit?.() ?? 0
  }

  get discipline(): Discipline {
    return this.store.discipline
  }

  set discipline(next: Discipline) {
    this.mustBeOpen('discipline')
    const now = this.store.discipline
    if ((next.base ?? 0) !== this.bias || next.parent !== now.parent || next.buffer() !== this.buffer) {
      throw new VmallocError(
        'argument',
        `region ${this.name}: discipline ${next.name} has another space than ${now.name}: expected the same buffer, base and parent`,
      )
    }
    const answer = now.exception?.(this, 'discipline', next)
    if (answer)
      throw new VmallocError('vetoed', `region ${this.name}: discipline ${now.name} does not give way to ${next.name}`)
    if (this.space.source === now) this.space.source = next
    this.store.discipline = next
  }

  get busyBytes(): number {
    return this.ended ? 0 : this.store.get(this.place, H.BUSY)
  }

  get extent(): number {
    return this.ended ? 0 : this.store.get(this.place, H.EXTENT)
  }

  get highTide(): number {
    return this.ended ? 0 : this.store.get(this.place, H.TIDE)
  }

  /** Whether other threads can reach its memory. */
  get isShared(): boolean {
    return this.space.shared
  }

  // a block's life

  alloc(size: number): Addr {
    if (this.way === SHORT || (this.way === WATCHED && !this.words.gone)) {
      const at = this.policy.alloc(size)
      if (at !== NIL) return at
    } else if (this.way === LOCKED) {
      const at = this.allocLocked(size)
      if (at !== NIL) return at
    }
    return this.obtain('alloc', size, 0, false)
  }

  allocZeroed(size: number): Addr {
    if (this.way === SHORT || (this.way === WATCHED && !this.words.gone)) {
      const at = this.policy.alloc(size)
      if (at !== NIL) {
        this.words.zero(at, this.policy.sizeOf(at))
        return at
      }
    }
    return this.obtain('alloc', size, 0, true)
  }

  align(size: number, alignment: number): Addr {
    if (!isPowerOfTwo(alignment)) {
      return this.mistake('align', alignment, 'alignment is no power of two')
    }
    if (this.way === SHORT || (this.way === WATCHED && !this.words.gone)) {
      const policy = this.policy
      if (policy.align !== undefined) {
        const at = policy.align(size, alignment)
        if (at !== NIL) return at
      }
    }
    return this.obtain('align', size, alignment, false)
  }

  free(at: Addr): boolean {
    if (this.way === SHORT || (this.way === WATCHED && !this.words.gone)) {
      if (this.policy.free(at)) return true
    } else if (this.way === LOCKED && this.freeLocked(at)) return true
    return this.freeSlowly(at)
  }

  resize(at: Addr, size: number, options?: ResizeOptions): Addr {
    if (this.way === SHORT || (this.way === WATCHED && !this.words.gone)) {
      const to = this.resizeShortly(at, size, options)
      if (to !== NIL) return to
    } else if (this.way === LOCKED) {
      const to = this.resizeLocked(at, size, options)
      if (to !== NIL) return to
    }
    if (this.barred !== undefined) throw this.barred()
    if (this.ended) return this.tooLate('resize', at)
    if (at === NIL) return options?.zero === true ? this.allocZeroed(size) : this.alloc(size)
    if (!isWhole(size, LIMIT)) return this.mistake('resize', size, sizeReason)
    const move = options !== undefined && (options.move === true || options.copy === true)
    let to = this.reshape(at - this.bias, size, move, options)
    if (to === NIL && move && !this.ended) {
      if (this.policy.serves?.(size) === false) return this.mistake('resize', size, this.jobReason(size))
      const account = this.charges === undefined ? 0 : this.within(() => this.charges!.accountOf(at - this.bias))
      to = this.helped({ op: 'resize', at, size, alignment: 0 }, account, () =>
        this.reshape(at - this.bias, size, move, options),
      )
    }
    if (to < 0) return this.wrongAddress('resize', at)
    if (to === NIL) return NIL
    to += this.bias
    if (to !== at) this.endViews(at)
    if (this.ears.length > 0 || (this.bits & H.EVENTS) !== 0) this.tellBlock('resize', to, size, at)
    return to
  }

  // asking

  sizeOf(at: Addr): number {
    if (this.ended) return -1
    const held = this.enter()
    try {
      return this.policy.sizeOf(at - this.bias)
    } finally {
      this.leave(held)
    }
  }

  offsetOf(at: Addr): number {
    if (this.ended || !isWhole(at, 2 ** 32)) return -1
    const held = this.enter()
    try {
      const rel = at - this.bias
      if (this.policy.offsetOf !== undefined) return this.policy.offsetOf(rel)
      let offset = -1
      this.policy.walk((block, size, state) => {
        if (rel < block || rel >= block + size) return true
        if (state === 'busy') offset = rel - block
        return false
      })
      return offset
    } finally {
      this.leave(held)
    }
  }

  regionOf(at: Addr): Region | undefined {
    if (this.segmentOf(at) === undefined) return undefined
    for (const child of this.children()) {
      const owner = child.regionOf(at)
      if (owner !== undefined) return owner
    }
    return this
  }

  segmentOf(at: Addr): SegmentView | undefined {
    return this.segments().find((s) => at >= s.at && at < s.at + s.size)
  }

  segments(): SegmentView[] {
    return this.ended ? [] : this.within(() => this.store.views())
  }

  walk(visit: (block: BlockView) => boolean | void): void {
    if (this.ended) return
    const blocks: BlockView[] = []
    this.within(() =>
      this.policy.walk((at, size, state) => {
        blocks.push({ at: at + this.bias, size, state })
      }),
    )
    for (const block of blocks) if (visit(block) === false) return
  }

  stat(): Stat {
    const stat: Stat = {
      busyBlocks: 0,
      busyBytes: 0,
      freeBlocks: 0,
      freeBytes: 0,
      largestBusy: 0,
      largestFree: 0,
      cachedBlocks: 0,
      cachedBytes: 0,
      segments: 0,
      extent: 0,
      highTide: 0,
      overhead: 0,
    }
    if (this.ended) return stat
    return this.within(() => {
      this.policy.walk((_at, size, state) => {
        if (state === 'busy') {
          stat.busyBlocks++
          stat.busyBytes += size
          if (size > stat.largestBusy) stat.largestBusy = size
        } else if (state === 'free') {
          stat.freeBlocks++
          stat.freeBytes += size
          if (size > stat.largestFree) stat.largestFree = size
        } else {
          stat.cachedBlocks++
          stat.cachedBytes += size
        }
      })
      stat.segments = this.store.views().length
      stat.extent = this.store.get(this.place, H.EXTENT)
      stat.highTide = this.store.get(this.place, H.TIDE)
      stat.overhead = stat.extent - stat.busyBytes - stat.cachedBytes - stat.freeBytes
      return stat
    })
  }

  check(): void {
    if (this.ended) return
    this.within(() => this.checkAll())
  }

  inspect(): Inspection {
    return inspectionOf(this, H.unpackSettings(this.bits))
  }

  map(options: MapOptions & { as: 'data' }): RegionMap
  map(options?: MapOptions & { as?: 'text' | 'svg' }): string
  map(options: MapOptions): string | RegionMap
  map(options: MapOptions = {}): string | RegionMap {
    return drawn(options, () => (this.ended ? emptyMap(this) : this.within(() => mapOf(this, this.store))))
  }

  [shownBy](depth: number | null, options?: ShowOptions): string {
    return shown(this, depth, options)
  }

  profile({ fresh = false }: { fresh?: boolean } = {}): Profile | undefined {
    const { policy } = this
    if (this.ended || policy.profile === undefined) return undefined
    const counted = this.within(() => policy.profile!(fresh))
    return { region: this.name, method: this.method, extent: this.store.get(this.place, H.EXTENT), ...counted }
  }

  /** Says which blocks were never freed, where the method knows. */
  leaks(): void {
    const lent = this.lent()
    if (lent !== undefined) this.within(() => this.policy.leaks!(lent))
  }

  /**
   * The blocks that children live in, which are no leaks; undefined where the method does not look for any, where `keep`
   * keeps it from knowing what was freed, and where the children cannot be found any more, which is told.
   */
  private lent(): Set<Addr> | undefined {
    if (this.ended || this.policy.leaks === undefined || (this.bits & H.KEEP) !== 0) return undefined
    try {
      return new Set(this.children().flatMap((child) => child.segments().map(({ at }) => at - this.bias)))
    } catch (error) {
      if (!(error instanceof VmallocError) || error.code !== 'corrupted') throw error
      this.tellDamage(error)
      return undefined
    }
  }

  // the whole region

  clear(): boolean {
    if (
      this.way === SHORT &&
      this.store.get(this.place, H.CHILD) === 0 &&
      this.store.get(this.place, H.CHILDREN) === 0
    ) {
      this.policy.clear()
      this.store.put(this.place, H.BUSY, 0)
      this.store.put(this.place, H.ERA, H.nextEra(this.store.get(this.place, H.ERA)))
      return true
    }
    if (this.ended || !this.closeChildren()) return false
    this.within(() => {
      this.bury(this.place)
      this.policy.clear()
      this.store.put(this.place, H.BUSY, 0)
      this.store.put(this.place, H.ERA, H.nextEra(this.store.get(this.place, H.ERA)))
      this.afterwards(NIL)
    })
    this.endViews()
    for (const ear of this.ears) this.space.tell(() => ear.clear?.(this))
    return true
  }

  compact(): number {
    if (this.ended) return 0
    const given = this.within(() => {
      const before = this.store.get(this.place, H.EXTENT)
      this.policy.compact?.()
      this.afterwards(NIL)
      return before - this.store.get(this.place, H.EXTENT)
    })
    for (const ear of this.ears) this.space.tell(() => ear.compact?.(this, given))
    return given
  }

  close(): boolean {
    if (this.ended || this.kind.permanent === true) return false
    const { discipline } = this.store
    const answer = discipline.exception?.(this, 'close', undefined) ?? 0
    if (answer < 0) return false
    const keep = answer > 0
    if (!keep && !this.closeChildren()) return false
    for (const ear of this.ears) this.space.tell(() => ear.close?.(this))
    tellClosing(this)
    const lent = keep ? undefined : this.lent()
    const held = this.enter()
    try {
      if (!keep && !this.ended) {
        if (lent !== undefined) this.policy.leaks?.(lent)
        this.bury(this.place)
        this.unlink()
        this.store.put(this.place, H.MAGIC, 0)
        this.store.put(this.place, H.ERA, 0)
        this.store.giveAll()
      }
    } finally {
      this.leave(held)
      this.end()
    }
    discipline.exception?.(this, 'endclose', undefined)
    return true
  }

  set(settings: Partial<Settings>): Settings {
    const before = H.unpackSettings(this.bits)
    const next = { ...before, ...settings }
    for (const key of Object.keys(settings)) {
      if (!(key in before)) {
        throw new VmallocError('argument', `set: ${key}, expected one of ${Object.keys(before).join(', ')}`)
      }
    }
    for (const flag of ['keep', 'junk', 'events'] as const) {
      if (typeof next[flag] === 'boolean') continue
      throw new VmallocError('argument', `set: ${flag} ${String(next[flag])}, expected true or false`)
    }
    if (!isWhole(next.check, 3)) {
      throw new VmallocError('argument', `set: check ${String(next.check)}, expected 0, 1, 2 or 3`)
    }
    if (this.ended) return before
    this.within(() => this.store.put(this.place, H.SETTINGS, H.packSettings(next)))
    if (next.events !== before.events) this.space.listen(next.events ? 1 : -1)
    this.tune()
    return before
  }

  [Symbol.dispose](): void {
    this.close()
  }

  // memory as arrays and text

  bytes(at: Addr, length: number = this.sizeAt(at, 'bytes')): Uint8Array<ArrayBufferLike> {
    return arrayAt(this.buffer, Uint8Array, at, length)
  }

  array<T extends NumericArray>(type: ArrayType<T>, at: Addr, length?: number): T {
    return arrayAt(this.buffer, type, at, length ?? Math.floor(this.sizeAt(at, 'array') / type.BYTES_PER_ELEMENT))
  }

  view<T extends NumericArray>(type: ArrayType<T>, at: Addr, length?: number): View<T> {
    const size = this.sizeAt(at, 'view')
    const count = length ?? Math.floor(size / type.BYTES_PER_ELEMENT)
    arrayAt(this.buffer, type, at, count)
    if (count * type.BYTES_PER_ELEMENT > size) {
      throw new VmallocError('argument', `view: ${count} ${type.name} elements at ${at}, whose block has ${size} bytes`)
    }
    this.views ??= new Map()
    let life = this.views.get(at)
    if (life === undefined) this.views.set(at, (life = { alive: true }))
    this.tune()
    return new BlockArray(this, type, at, count, life)
  }

  string(text: string): Addr {
    const bytes = encode(text)
    const at = this.alloc(bytes.length + 1)
    if (at === NIL) return NIL
    const place = this.bytes(at, bytes.length + 1)
    place.set(bytes)
    place[bytes.length] = 0
    return at
  }

  readString(at: Addr): string {
    const size = this.sizeOf(at)
    const whole = this.bytes(at, size >= 0 ? size : Math.max(0, this.buffer.byteLength - at))
    const end = whole.indexOf(0)
    return decode(end < 0 ? whole : whole.subarray(0, end))
  }

  // children and listeners

  children(): Region[] {
    if (this.ended) return []
    return this.within(() =>
      this.childHeaders().map((header) => this.space.handleAt(header) ?? this.kind.childAt(this, header)),
    )
  }

  child(name: string): Region | undefined {
    return this.children().find((child) => child.name === name)
  }

  on<E extends RegionEvent>(event: E, listener: (data: RegionEvents[E]) => void): () => void {
    return this.listen(earFor(event, listener as (data: unknown) => void))
  }

  listen(ear: Ear): () => void {
    this.ears = [...this.ears, ear]
    this.space.listen(1)
    return () => {
      if (!this.ears.includes(ear)) return
      this.ears = this.ears.filter((other) => other !== ear)
      this.space.listen(-1)
    }
  }

  share(): unknown {
    this.mustBeOpen('share')
    this.space.open()
    return this.space.source.share?.() ?? this.buffer
  }

  /**
   * Until it is called without `why`, calls that would have, change or free blocks by this handle throw what it makes.
   * For those who keep a region for later.
   */
  bar(why?: () => VmallocError): void {
    this.barred = why
    this.tune()
  }

  /** Whether an address that could be one of this region's blocks is not one of a region nested in it. */
  owns(at: Addr): boolean {
    const hasChildren = !this.ended && this.store.get(this.place, H.CHILDREN) !== 0
    return !hasChildren || this.regionOf(at) === this
  }

  /** What clients have put on it beside blocks, as a text to compare: settings, how many listen, whether it has values, accounts. */
  get marks(): string {
    return `${this.bits} ${this.ears.length} ${this.ended || this.valueTable.isEmpty} ${this.ledger}`
  }

  // accounts

  /**
   * Keeps accounts from now on; what is busy is the region's own. Throws VmallocError: `no-memory`, and `unsupported`
   * where the method serves blocks of one size, which have no room for the name of an account.
   */
  keepAccounts(ordinals: boolean): Charges {
    return this.within(() => {
      if (this.charges === undefined) {
        this.mustHaveRoom()
        this.beginAccounts(ordinals ? 8 : 4)
      }
      return this.charges!
    })
  }

  private mustHaveRoom(): void {
    const { unit } = this
    if (unit === 0) return
    throw new VmallocError(
      'unsupported',
      `accounts: the blocks of region ${this.name}, method ${this.method}, have ${unit} bytes and no room for the name of an account: open it with { accounts: true }`,
    )
  }

  private beginAccounts(tail: number): void {
    const old: Addr[] = []
    this.policy.walk((at, _size, state) => void (state === 'busy' && old.push(at)))
    old.sort((a, b) => a - b)
    let isBegun = Ledger.begin(this.store, tail, old)
    if (!isBegun) {
      this.policy.compact?.() // what blocks do not need is the discipline's again
      isBegun = Ledger.begin(this.store, tail, old)
    }
    if (!isBegun) throw new VmallocError('no-memory', `accounts: region ${this.name} has no memory to keep them in`)
    this.takeUpLedger()
    const { charges } = this
    for (const at of old) charges!.found(at)
  }

  /** Wraps the method, where the bytes say that accounts are kept. */
  private takeUpLedger(): void {
    this.ledger = this.words.i32[(this.place + H.LEDGER) >>> 2]!
    if (this.ledger === 0) return
    this.charges = new Charges(this.store, new Ledger(this.store), this.policy)
    this.policy = this.charges
    this.charges.tune(this.way === SHORT)
  }

  /** A block that an account pays for, whose slot in the ledger that is, with the token that the slot must have. */
  allocFor(account: Cell, token: number, size: number): Addr {
    const at = this.way === LOCKED ? this.allocLocked(size, account, token) : NIL
    return at !== NIL ? at : this.obtain('alloc', size, 0, false, account)
  }

  /** The same as `allocZeroed`. */
  allocZeroedFor(account: Cell, size: number): Addr {
    if (this.isDirect) {
      const at = this.charges!.allocFor(size, account)
      if (at !== NIL) {
        this.words.zero(at, this.policy.sizeOf(at))
        return at
      }
    }
    return this.obtain('alloc', size, 0, true, account)
  }

  /** The same as `align`. */
  alignFor(account: Cell, size: number, alignment: number): Addr {
    if (!isPowerOfTwo(alignment)) return this.mistake('align', alignment, 'alignment is no power of two')
    if (this.isDirect && this.policy.align !== undefined) {
      const at = this.charges!.alignFor(size, alignment, account)
      if (at !== NIL) return at
    }
    return this.obtain('align', size, alignment, false, account)
  }

  /** What is to be said of a request that got no block. */
  lackOf(size: number): string {
    const { limitThatRefused: limit } = this
    return `region ${this.name} has no block of ${size} bytes${limit === '' ? '' : `: ${limit}`}`
  }

  /** Whose limit refused the last request, as a part of a sentence; empty where it was none. */
  get limitThatRefused(): string {
    const { charges } = this
    if (charges === undefined || this.ended) return ''
    return this.within(() => {
      const { ledger, refuser } = charges
      if (refuser === 0 || !ledger.isAccount(refuser)) return ''
      const who = refuser === ledger.first ? `region ${this.name}` : `account ${ledger.path(refuser).join('/')}`
      return `${who} has ${charges.total(refuser).bytes} bytes live and may have ${ledger.limits(refuser).hard}`
    })
  }

  /** Whether the short way is open, so that what charges may be asked itself. */
  get isDirect(): boolean {
    return this.way === SHORT || (this.way === WATCHED && !this.words.gone)
  }

  /** The slot of the account that pays for the busy block at `at`; 0 where there is none. */
  accountOf(at: Addr): Cell {
    if (this.isDirect) return this.charges!.accountOf(at)
    return this.ended ? 0 : this.within(() => this.charges?.accountOf(at - this.bias) ?? 0)
  }

  /** Frees a block of an account, whose slot in the ledger that is; false where it is not that account's. */
  freeFor(account: Cell, at: Addr): boolean {
    if (this.way === LOCKED) {
      const lock = this.space.lock!
      if (lock.take()) {
        try {
          if (this.isPlain) return this.charges!.freeOf(at, account)
        } finally {
          this.leave(true)
        }
      }
    }
    return this.accountOf(at) === account && this.free(at)
  }

  allocBeside(at: Addr, size: number, of: Region = this): Addr {
    if (this.charges === undefined && !this.space.shared) return this.alloc(size)
    const from = of as Handle
    const way = from.ended ? undefined : from.within(() => from.charges?.wayOf(at - from.bias))
    const account = way === undefined || this.ended ? 0 : this.within(() => this.charges?.accountAt({ way }) ?? 0)
    return account === 0 ? this.alloc(size) : this.obtain('alloc', size, 0, false, account)
  }

  /** Gives up a header that turned out to be damaged. */
  abandon(): void {
    this.end()
  }

  /** Chains a child's header into this region's list; for those who open regions. */
  adopt(child: number): void {
    const store = this.store
    const first = store.get(this.place, H.CHILD)
    store.put(child, H.NEXT_SIBLING, first)
    store.put(child, H.PREV_SIBLING, 0)
    if (first !== 0) store.put(first, H.PREV_SIBLING, child)
    store.put(this.place, H.CHILD, child)
    store.put(this.place, H.CHILDREN, store.get(this.place, H.CHILDREN) + 1)
  }

  // for those whose blocks a program's own code serves or cuts

  /** Whether its header lies where it was: a program may put its memory back to what it was before. */
  get isInPlace(): boolean {
    if (this.words.gone) this.space.renew()
    return !this.ended && this.isHere()
  }

  /** The same, asked often: false where it is not certain. */
  get isHereNow(): boolean {
    return this.words.i32[(this.place + H.SUM) >>> 2] === this.sum && !this.ended
  }

  /** Code that knows the shape of blocks has made two of one: the second begins at `at`. */
  part(at: Addr): void {
    this.within(() => this.policy.part?.(at - this.bias))
  }

  /** Whether anybody listens: then who had, freed or resized a block by other ways than this handle's tells it. */
  get isHeard(): boolean {
    return this.ears.length > 0
  }

  heardAlloc(at: Addr, size: number, alignment: number, zeroed: boolean): void {
    for (const ear of this.ears) ear.alloc?.(this, at, size, alignment, zeroed)
  }

  heard(event: 'free' | 'resize', at: Addr, size: number, old: Addr): void {
    this.tellBlock(event, at, size, old)
  }

  heardFailure(request: Request): void {
    for (const ear of this.ears) ear.nomem?.(this, request)
  }

  // the lock

  private enter(): boolean {
    const { lock } = this.space
    if (lock === undefined) {
      if (this.words.gone) this.space.renew()
      return false
    }
    const taken = lock.take()
    if (taken) {
      this.space.freshen()
      if (!this.isHere()) this.end()
      else if (this.words.i32[(this.place + H.LEDGER) >>> 2] !== this.ledger) this.takeUpLedger()
    }
    return taken
  }

  private isHere(): boolean {
    const m = this.words.i32
    return m[(this.place + H.MAGIC) >>> 2] === H.IS_REGION && m[(this.place + H.SUM) >>> 2] === this.sum
  }

  private leave(taken: boolean): void {
    if (taken) this.space.lock?.give()
    if (this.space.inside === 0) this.space.flush()
  }

  /** Runs what must not be disturbed by another thread. */
  within<T>(what: () => T): T {
    this.mustBeOpen('use')
    const held = this.enter()
    try {
      this.mustBeOpen('use')
      return what()
    } finally {
      this.leave(held)
    }
  }

  // the short ways under a lock: answers that are nothing let the slow way ask why

  private allocLocked(size: number, account: Cell = 0, token = 0): Addr {
    const lock = this.space.lock!
    if (!lock.take()) return NIL
    try {
      if (!this.isPlain) return NIL
      if (account === 0) return this.policy.alloc(size)
      return this.charges!.isOf(account, token) ? this.charges!.allocFor(size, account) : NIL
    } finally {
      this.leave(true)
    }
  }

  private freeLocked(at: Addr): boolean {
    const lock = this.space.lock!
    if (!lock.take()) return false
    try {
      return this.isPlain && this.policy.free(at)
    } finally {
      this.leave(true)
    }
  }

  private resizeLocked(at: Addr, size: number, options: ResizeOptions | undefined): Addr {
    const lock = this.space.lock!
    if (!lock.take()) return NIL
    try {
      return this.isPlain ? this.resizeShortly(at, size, options) : NIL
    } finally {
      this.leave(true)
    }
  }

  /** Whether the memory, the region and its settings are as this thread knows them; asked under the lock. */
  private get isPlain(): boolean {
    const m = this.words.i32
    return (
      this.isHere() &&
      m[(this.place + H.SETTINGS) >>> 2] === 0 &&
      m[(this.place + H.LEDGER) >>> 2] === this.ledger &&
      !this.space.outgrown
    )
  }

  // the slow ways

  private obtain(op: 'alloc' | 'align', size: number, alignment: number, zeroed: boolean, account: Cell = 0): Addr {
    if (this.barred !== undefined) throw this.barred()
    if (this.ended) return this.tooLate(op, size)
    if (!isWhole(size, LIMIT)) return this.mistake(op, size, sizeReason)
    const policy = this.policy
    if (alignment > this.store.align && policy.align === undefined) {
      return this.mistake('align', alignment, `method ${this.method} does not align`)
    }
    let at = this.take(size, alignment, zeroed, account)
    if (at === NIL && !this.ended) {
      if (policy.serves?.(size) === false) return this.mistake(op, size, this.jobReason(size))
      const token = account === 0 ? 0 : this.charges!.ledger.token(account)
      const isThere = (): boolean => account === 0 || this.charges!.isOf(account, token)
      const request = { op, at: NIL, size, alignment }
      at = this.helped(request, account, () => (isThere() ? this.take(size, alignment, zeroed, account) : NIL))
    }
    if (at === NIL) return NIL
    at += this.bias
    for (const ear of this.ears) {
      if (this.space.inside === 0) ear.alloc?.(this, at, size, alignment, zeroed)
      else this.space.tell(() => ear.alloc?.(this, at, size, alignment, zeroed))
    }
    if ((this.bits & H.EVENTS) !== 0) this.tellHandler('alloc', { region: this, at, size, old: at })
    return at
  }

  /** One attempt. */
  private take(size: number, alignment: number, zeroed: boolean, account: Cell): Addr {
    const held = this.enter()
    try {
      if (this.ended) return NIL
      const policy = this.policy
      if (this.charges !== undefined) this.charges.refuser = 0
      const special = alignment > this.store.align ? alignment : 0
      const at =
        account !== 0
          ? special === 0
            ? this.charges!.allocFor(size, account)
            : this.charges!.alignFor(size, special, account)
          : special === 0
            ? policy.alloc(size)
            : policy.align!(size, special)
      if (at === NIL) return NIL
      const junk = (this.bits & H.JUNK) !== 0
      if (zeroed || junk) this.words.u8.fill(zeroed ? 0 : JUNK_NEW, at, at + policy.sizeOf(at))
      this.afterwards(at)
      return at
    } finally {
      this.leave(held)
    }
  }

  private freeSlowly(at: Addr): boolean {
    if (this.barred !== undefined) throw this.barred()
    if (this.ended) {
      this.tooLate('free', at)
      return false
    }
    if (at === NIL) return true
    const rel = at - this.bias
    const held = this.enter()
    let done = false
    let kept = false
    try {
      if (this.ended) return false
      const keep = (this.bits & H.KEEP) !== 0
      const junk = (this.bits & H.JUNK) !== 0
      const size = keep || junk ? this.policy.sizeOf(rel) : 0
      kept = keep && size >= 0
      const { frees, fillsFreed } = this.kind.definition
      const fill = junk && !kept && size > 0 && fillsFreed !== true
      const links = frees === 'any' // of free blocks, written over the fill
      if (fill && links) this.words.u8.fill(JUNK_FREED, rel, rel + size)
      done = kept || this.policy.free(rel)
      if (fill && done && !links) this.words.u8.fill(JUNK_FREED, rel, rel + size)
      if (done) this.afterwards(NIL)
    } finally {
      this.leave(held)
    }
    if (!done) {
      this.wrongAddress('free', at)
      return false
    }
    if (kept) return true
    this.endViews(at)
    if (this.ears.length > 0 || (this.bits & H.EVENTS) !== 0) this.tellBlock('free', at, 0, at)
    return true
  }

  retire(at: Addr): boolean {
    if (this.isDirect && this.policy.free(at)) return true
    if (this.ended || this.barred !== undefined || at === NIL) return this.free(at)
    const rel = at - this.bias
    const isDone = this.within(() => {
      const size = this.policy.sizeOf(rel)
      if (size < 0) return false
      this.discard(rel, size)
      this.afterwards(NIL)
      return true
    })
    if (!isDone) return this.free(at)
    this.endViews(at)
    if (this.ears.length > 0 || (this.bits & H.EVENTS) !== 0) this.tellBlock('free', at, 0, at)
    return true
  }

  /** A resize that needs nothing but the method, or NIL. */
  private resizeShortly(at: Addr, size: number, options: ResizeOptions | undefined): Addr {
    if (at === NIL || !isWhole(size, LIMIT) || options?.zero === true) return NIL
    const { charges, policy } = this
    if (charges !== undefined) {
      const to = charges.resizeDirectly(at, size, 0, options)
      if (to !== NIL) return to
    }
    if (policy.resize?.(at, size)) return at
    if (options === undefined || (options.move !== true && options.copy !== true)) return NIL
    const had = policy.sizeOf(at)
    const to = had < 0 ? NIL : charges === undefined ? policy.alloc(size) : charges.allocAgain(at, size)
    if (to === NIL) return NIL
    if (options.copy === true) this.words.copy(to, at, had < size ? had : size)
    if (!policy.free(at)) policy.moved?.(at)
    charges?.hasMoved(to)
    return to
  }

  /** One attempt to resize: where the block is now, NIL for no memory, -1 for no block. */
  private reshape(at: Addr, size: number, move: boolean, options: ResizeOptions | undefined): number {
    const held = this.enter()
    try {
      if (this.ended) return NIL
      const policy = this.policy
      const had = policy.sizeOf(at)
      if (had < 0) return -1
      let to = at
      if (policy.resize?.(at, size) !== true) {
        if (this.charges?.isOverwritten(at) === true) return -1
        to = !move ? NIL : this.charges === undefined ? policy.alloc(size) : this.charges.allocAgain(at, size)
        if (to === NIL) return NIL
        if (options?.copy === true) this.words.u8.copyWithin(to, at, at + Math.min(had, size))
      }
      const has = policy.sizeOf(to)
      if (has > had) {
        const junk = (this.bits & H.JUNK) !== 0
        if (options?.zero === true || junk)
          this.words.u8.fill(options?.zero === true ? 0 : JUNK_GROWN, to + had, to + has)
      }
      if (to !== at) {
        this.discard(at, had)
        this.charges?.hasMoved(to)
      }
      this.afterwards(to)
      return to
    } finally {
      this.leave(held)
    }
  }

  /** A block that was copied elsewhere goes; for a moment both were busy, which high tide counts. */
  private discard(at: Addr, size: number): void {
    if ((this.bits & H.KEEP) !== 0) return
    if ((this.bits & H.JUNK) !== 0) this.words.u8.fill(JUNK_FREED, at, at + size)
    if (!this.policy.free(at)) this.policy.moved?.(at)
  }

  /** Asks the discipline's handler what to do about a request that failed. */
  private helped(request: Request, account: Cell, attempt: () => number): number {
    if (this.space.inside > 0) return NIL
    let at = NIL
    try {
      at = this.relieved(request, attempt) || this.handled(request, attempt)
    } finally {
      if (at === NIL) this.countFailure(account)
    }
    if (at === NIL) for (const ear of this.ears) this.space.tell(() => ear.nomem?.(this, request))
    return at
  }

  private handled(request: Request, attempt: () => number): number {
    const isWatched = this.charges !== undefined && this.charges.refuser !== 0 && this.charges.onHard !== undefined
    for (let tries = 0; tries < TRIES && !isWatched && !this.ended; tries++) {
      const { discipline } = this.store
      if (discipline.exception === undefined) break
      const answer = discipline.exception(this, 'nomem', request.size) ?? 0
      if (answer < 0) break
      this.store.frozen = answer === 0
      try {
        const at = attempt()
        if (at !== NIL) return at
      } finally {
        this.store.frozen = false
      }
      if (answer === 0) break
    }
    return NIL
  }

  private countFailure(account: Cell): void {
    const { charges } = this
    if (charges !== undefined && !this.ended) this.within(() => charges.failed(account || charges.paying()))
  }

  /** Where it was an account's limit that refused: asks whoever watches it, as long as that helps. */
  private relieved(request: Request, attempt: () => number): number {
    const { charges } = this
    if (charges === undefined || this.isRelieved) return NIL // what a handler itself asks for gets no handler
    this.isRelieved = true
    try {
      for (let tries = 0; tries < TRIES && charges.refuser !== 0 && !this.ended; tries++) {
        if (charges.onHard?.(charges.refuser, request) !== true) break
        charges.refuser = 0
        const at = attempt()
        if (at !== NIL) return at
      }
    } finally {
      this.isRelieved = false
    }
    return NIL
  }

  /** What the check level asks for after an operation on the block at `at`. */
  private afterwards(at: Addr): void {
    const check = this.bits & H.CHECK
    if (check === 0) return
    if (check >= 3) this.checkAll()
    else this.policy.check(check, at)
  }

  private checkAll(): void {
    const store = this.store
    const why = H.flaw(this.words, this.place)
    if (why !== '') corrupted(`${this.name}: header`, this.place, why, 'an intact header')
    store.check()
    this.policy.check(3)
    let busy = 0
    this.policy.walk((_at, size, state) => {
      if (state === 'busy') busy += size
    })
    if (busy !== store.get(this.place, H.BUSY)) {
      corrupted(`${this.name}: busy bytes`, this.place, store.get(this.place, H.BUSY), busy)
    }
    this.childHeaders()
    const siblings = store.get(this.place, H.NEXT_SIBLING) + store.get(this.place, H.PREV_SIBLING)
    if (store.get(this.place, H.PARENT) === 0 && siblings !== 0) {
      corrupted(`${this.name}: siblings`, this.place, siblings, 'none, since it has no parent')
    }
    this.valueTable.check()
  }

  /** Headers of the children; throws where the list is broken. */
  private childHeaders(): readonly number[] {
    const store = this.store
    if (store.get(this.place, H.CHILD) === 0 && store.get(this.place, H.CHILDREN) === 0) return none
    const found: number[] = []
    let before = 0
    for (let h = store.get(this.place, H.CHILD); h !== 0; h = store.get(h, H.NEXT_SIBLING)) {
      const why = H.flaw(this.words, h)
      if (why !== '') corrupted(`${this.name}: children`, this.place, why, 'a child')
      if (store.get(h, H.PARENT) !== this.place || store.get(h, H.PREV_SIBLING) !== before) {
        corrupted(
          `${this.name}: children`,
          h,
          `parent ${store.get(h, H.PARENT)}, sibling ${store.get(h, H.PREV_SIBLING)}`,
          `${this.place}, ${before}`,
        )
      }
      found.push(h)
      before = h
    }
    if (found.length !== store.get(this.place, H.CHILDREN)) {
      corrupted(`${this.name}: children`, this.place, found.length, store.get(this.place, H.CHILDREN))
    }
    return found
  }

  /** Closes the children that somebody holds, who may say no; the others end with the memory they lie in. */
  private closeChildren(): boolean {
    const headers = this.within(() => this.childrenToClose())
    if (headers.length === 0) return true
    const held = headers.flatMap((header) => this.space.handleAt(header) ?? [])
    return held.every((child) => child.close())
  }

  /** Those that can be found. Where a method debugs, damage to their chain is told, and holds nothing up. */
  private childrenToClose(): readonly number[] {
    try {
      return this.childHeaders()
    } catch (error) {
      if (this.policy.leaks === undefined || !(error instanceof VmallocError) || error.code !== 'corrupted') throw error
      this.tellDamage(error)
      return []
    }
  }

  /** Once, as long as it is the same. */
  private tellDamage({ message, place = this.place }: VmallocError): void {
    if (message === this.damage) return
    this.damage = message
    const none = { size: 0, offset: 0, allocated: 0, freed: 0, detected: 0 }
    this.reported({ kind: 'corrupted', what: message, at: place, ...none })
  }

  /** No header in this region is a region any more, whoever still has a handle to it. */
  private bury(header: number): void {
    const store = this.store
    for (let h = store.get(header, H.CHILD); h !== 0 && store.get(h, H.MAGIC) === H.IS_REGION; ) {
      store.put(h, H.MAGIC, 0)
      store.put(h, H.ERA, 0)
      this.bury(h)
      h = store.get(h, H.NEXT_SIBLING)
    }
    store.put(header, H.CHILD, 0)
    store.put(header, H.CHILDREN, 0)
  }

  /** Takes this region out of its parent's list. */
  private unlink(): void {
    const store = this.store
    const parent = store.get(this.place, H.PARENT)
    if (parent === 0) return
    const next = store.get(this.place, H.NEXT_SIBLING)
    const prev = store.get(this.place, H.PREV_SIBLING)
    if (prev === 0) store.put(parent, H.CHILD, next)
    else store.put(prev, H.NEXT_SIBLING, next)
    if (next !== 0) store.put(next, H.PREV_SIBLING, prev)
    store.put(parent, H.CHILDREN, store.get(parent, H.CHILDREN) - 1)
  }

  /** The handle is of no use any more. */
  private end(): void {
    if (this.ended) return
    if ((this.bits & H.EVENTS) !== 0) this.space.listen(-1)
    this.ended = true
    this.way = SLOW
    this.charges?.tune(false)
    this.late = this.policy.closing?.()
    this.policy = closedMethod
    this.endViews()
    delist(this)
    if (this.ticket !== undefined) this.space.dropHandle(this.place, this.ticket)
    for (let i = 0; i < this.ears.length; i++) this.space.listen(-1)
    this.heirs = this.ears
    this.ears = nobody
  }

  private endViews(at?: Addr): void {
    if (this.views === undefined) return
    for (const [place, life] of this.views) {
      if (at !== undefined && place !== at) continue
      life.alive = false
      this.views.delete(place)
    }
    if (this.views.size === 0) {
      this.views = undefined
      this.tune()
    }
  }

  settled(ticket: WeakRef<Held>): void {
    this.space.keepHandle(this.place, ticket)
  }

  tune(): void {
    const isOpen =
      !this.ended &&
      !this.space.listened &&
      this.barred === undefined &&
      this.bias === 0 &&
      this.views === undefined &&
      (this.space.shared || this.store.get(this.place, H.SETTINGS) === 0)
    this.way = !isOpen ? SLOW : this.space.shared ? LOCKED : this.space.isSole ? SHORT : WATCHED
    this.charges?.tune(this.way === SHORT)
  }

  /** The settings in force, packed; they lie in the bytes, so every thread sees the same. */
  private get bits(): number {
    return this.ended ? 0 : this.store.get(this.place, H.SETTINGS)
  }

  // telling

  /** Tells what the method found out, outside the lock; then throws, where that was asked for. */
  reported(found: Found): void {
    const finding = findingOf(this, found, this.bias)
    const tell = (): void => {
      tellFound(finding)
      for (const ear of this.ended ? this.heirs : this.ears) ear.report?.(this, finding)
    }
    if (this.space.lock === undefined) this.space.tell(tell)
    else this.space.defer(tell)
    if (found.abort === true) throw new VmallocError('reported', String(finding), { cause: finding })
  }

  private wrongAddress(op: 'free' | 'resize', at: Addr): Addr {
    if (!this.ended && this.policy.mistaken !== undefined) {
      const owner = this.ownerOf(at)
      this.within(() => this.policy.mistaken!(op, at - this.bias, owner))
    }
    return this.mistake(op, at, this.addressReason(at))
  }

  /** The name of another region that has an address. */
  private ownerOf(at: Addr): string | undefined {
    try {
      const owner = rootOf(this).regionOf(at)
      return owner === undefined || owner.header === this.header ? undefined : owner.name
    } catch (error) {
      if (error instanceof VmallocError && error.code === 'corrupted') return undefined // damage is told by `check`
      throw error
    }
  }

  private tooLate(op: Mistake['op'], value: number): Addr {
    this.late?.(op, value)
    if (this.space.inside === 0) this.space.flush()
    return NIL
  }

  private mistake(op: Mistake['op'], value: number, reason: string): Addr {
    if (this.ended || this.space.inside > 0) return NIL
    this.space.tell(() => {
      this.store.discipline.exception?.(this, 'badaddr', value)
      for (const ear of this.ears) ear.badaddr?.(this, { op, value, reason })
    })
    return NIL
  }

  private tellBlock(event: 'free' | 'resize', at: Addr, size: number, old: Addr): void {
    for (const ear of this.ears) {
      if (this.space.inside > 0) {
        this.space.tell(() => (event === 'free' ? ear.free?.(this, at) : ear.resize?.(this, old, at, size)))
      } else if (event === 'free') ear.free?.(this, at)
      else ear.resize?.(this, old, at, size)
    }
    if ((this.bits & H.EVENTS) !== 0) this.tellHandler(event, { region: this, at, size, old })
  }

  private tellHandler(event: DisciplineEvent, data: unknown): void {
    this.space.tell(() => this.store.discipline.exception?.(this, event, data))
  }

  private addressReason(at: Addr): string {
    if (!this.ended && this.charges !== undefined && this.within(() => this.charges!.isOverwritten(at - this.bias)))
      return `the word behind the block at ${at} of region ${this.name}, which names its account, was overwritten`
    const { frees } = this.kind.definition
    const only = frees === 'any' ? 'a busy block' : frees === 'newest' ? 'the newest block' : 'nothing'
    return `not the address of a busy block of region ${this.name}; method ${this.method} frees ${only}`
  }

  private jobReason(size: number): string {
    const unit = this.unit
    return `method ${this.method} ${unit === 0 ? `does not serve ${size} bytes` : `serves ${unit} bytes, asked for ${size}`}`
  }

  private sizeAt(at: Addr, what: string): number {
    this.mustBeOpen(what)
    const size = this.sizeOf(at)
    if (size < 0) {
      throw new VmallocError(
        'argument',
        at === NIL
          ? `${what}: address 0 (NIL), the answer of an allocation that failed`
          : `${what}: ${String(at)} is not the address of a busy block of region ${this.name}`,
      )
    }
    return size
  }

  private mustBeOpen(what: string): void {
    if (this.ended) throw new VmallocError('closed', `${what}: region ${this.name} is closed`)
  }
}

const sizeReason = `size is not a whole number from 0 to ${LIMIT}`

/** The method of a region that is closed. */
const closedMethod: Method = {
  start() {},
  alloc: () => NIL,
  free: () => false,
  sizeOf: () => -1,
  walk() {},
  check() {},
  clear() {},
}

/** An ear that hears one event, as an object. */
function earFor(event: RegionEvent, listener: (data: unknown) => void): Ear {
  switch (event) {
    case 'alloc':
      return { alloc: (region, at, size) => listener({ region, at, size, old: at }) }
    case 'free':
      return { free: (region, at) => listener({ region, at, size: 0, old: at }) }
    case 'resize':
      return { resize: (region, old, at, size) => listener({ region, at, size, old }) }
    case 'clear':
      return { clear: (region) => listener({ region }) }
    case 'compact':
      return { compact: (region, bytes) => listener({ region, bytes }) }
    case 'close':
      return { close: (region) => listener({ region }) }
    case 'nomem':
      return { nomem: (region, request) => listener({ region, ...request }) }
    case 'badaddr':
      return { badaddr: (region, mistake) => listener({ region, ...mistake }) }
    case 'report':
      return { report: (region, finding) => listener({ region, finding }) }
    default:
      throw new VmallocError(
        'argument',
        `on: event ${String(event)}, expected alloc, free, resize, clear, compact, close, nomem, badaddr or report`,
      )
  }
}
