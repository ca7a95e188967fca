/**
 * piece: a region that a heap draws from, and that comes back when the heap ends.
 *
 *   Kind     what regions are opened with; those that wait for the next heap of the kind
 *
 *            take ---> Piece, one region of one heap ---> give: cleared, waits
 *                        LENT   blocks in it that belong to other heaps by now: the region stays until they are gone
 *
 * A region that is cleared costs a tenth of one that is opened, and keeps its first segment. Those of a kind are
 * siblings in the space of one root, so a block can change its heap where it lies. Where options or definitions changed
 * since they were opened, the regions that wait are closed.
 *
 * A heap inside one that keeps accounts keeps them too, unless its options say otherwise: of each kind there is one with
 * accounts and one with ordinals, made when they are first needed, whose regions wait apart.
 */
import type { Addr } from '../contract/addr.ts'
import type { Region } from '../contract/region.ts'
import { VmallocError } from '../ground/fault.ts'
import { heap as defaultHeap, type OpenOptions, open } from '../region/open.ts'
import { currentOptions, type Options } from '../region/options.ts'
import type { Handle } from '../region/region.ts'
import { rootOf } from '../region/regions.ts'
import { registry } from '../region/registry.ts'
import { Places } from './places.ts'

/** How a heap is opened: its name, how its memory is managed, and when it is told that it grows. */
export interface HeapOptions extends OpenOptions {
  /** Bytes live from which `highWater` is told, and told again at each doubling; 64 MiB unless said. */
  highWater?: number
}

/** Bytes at the end of a block that accounts take: for none, for its account, and for an ordinal besides. */
export type Tail = 0 | 4 | 8

const MOST_KINDS = 256
const MOST_WAITING = 64
/** The regions of a kind that wait keep no more than so many bytes together. */
const MOST_KEPT = 16 * 1024 * 1024
/** The region of a heap that has ended is cut to what is lent from here on: below, odd ends cost more than they give. */
const MOST_HELD = 8 * 1024
const HIGH_WATER = 64 * 1024 * 1024

/** By root. */
const places = new WeakMap<Region, Places<Piece<unknown>>>()

/** A region and whose blocks are in it; `H` are the heaps, of which it needs nothing but who they are. */
export class Piece<H> {
  readonly region: Region
  readonly kind: Kind<H>
  /** Who has all blocks that are not lent; undefined once that heap has ended. */
  owner: H | undefined
  /** Blocks that belong to other heaps, and their bytes. */
  lent: Map<Addr, H> | undefined
  lentBytes = 0
  /** Blocks whose destructors run before they are freed. */
  going: Set<Addr> | undefined
  /** The options that the region was opened under. */
  readonly options = currentOptions()
  /** Bytes that it keeps while it waits. */
  kept = 0
  private readonly places: Places<Piece<unknown>>
  private isFixed = false

  constructor(region: Region, kind: Kind<H>) {
    this.region = region
    this.kind = kind
    this.places = placesOf(rootOf(region))
    this.places.add(this)
  }

  /** Bytes at the end of each block that its accounts take; 0 where it keeps none. */
  get tail(): Tail {
    const { charges } = this.region as Handle
    return charges === undefined ? 0 : charges.hasOrdinals ? 8 : 4
  }

  /** Whether limits were set to its accounts: they are its heap's, and not to be met by the next one. */
  get wasLimited(): boolean {
    return (this.region as Handle).charges?.wasLimited === true
  }

  /** Nothing more will be allocated in it. */
  fix(): void {
    this.isFixed = true
    this.places.fix(this)
  }

  /** It will wait for another heap. */
  reset(): void {
    this.owner = undefined
    this.lent = undefined
    this.lentBytes = 0
    this.going = undefined
    if (!this.isFixed) return
    this.isFixed = false
    this.places.add(this)
  }

  /** No other heap will have it. */
  close(): void {
    this.region.close()
    this.places.remove(this)
  }

  /** Who has the block at `at`. */
  holderOf(at: Addr): H | undefined {
    return this.lent?.get(at) ?? this.owner
  }

  /** Whether its owner has no block in it. */
  get isUnused(): boolean {
    if (this.region.busyBytes > this.lentBytes) return false
    const { lent } = this
    let isUnused = true
    this.region.walk(({ at, state }) => (isUnused = state !== 'busy' || lent?.has(at) === true))
    return isUnused
  }

  /** The heap is done with it: all that is not lent is freed. */
  leave(): void {
    this.owner = undefined
    const { lent, region } = this
    if (lent === undefined || lent.size === 0) {
      this.kind.give(this)
      return
    }
    this.fix()
    const gone: Addr[] = []
    region.walk(({ at, state }) => void (state === 'busy' && !lent.has(at) && gone.push(at)))
    for (const at of gone.reverse()) region.retire(at)
    if (region.extent > MOST_HELD) region.compact()
  }

  /** A lent block is gone, or comes back to its owner. */
  unlend(at: Addr, bytes: number): void {
    this.lent!.delete(at)
    this.lentBytes -= bytes
    if (this.owner === undefined && this.lent!.size === 0) this.kind.give(this)
  }
}

/** The piece in whose region there is a block at `at`, of those over the root of `region`. */
export function pieceAround<H>(region: Region, at: Addr): Piece<H> | undefined {
  return placesOf(rootOf(region)).find(at) as Piece<H> | undefined
}

function placesOf(root: Region): Places<Piece<unknown>> {
  let found = places.get(root)
  if (found === undefined) places.set(root, (found = new Places()))
  return found
}

export class Kind<H> {
  readonly name: string
  /** Unless options say otherwise. */
  readonly method: string
  readonly highWater: number
  private readonly options: OpenOptions
  /** The region that those of this kind are nested in. */
  private ground: Region | undefined
  /** Whether options put its regions elsewhere; unknown while there was none. */
  isApart: boolean | undefined = undefined
  private isDropped = false
  private waiting: Piece<H>[] = []
  private kept = 0
  private inForce: unknown
  private changes = -1
  // what options say of accounts
  private judged: Options | undefined
  private asked: Tail = 0
  private isRefusing = false
  private withAccounts: Kind<H> | undefined
  private withOrdinals: Kind<H> | undefined

  constructor({ highWater = HIGH_WATER, ...options }: HeapOptions, name: string, method: string) {
    if (!(highWater > 0)) {
      throw new VmallocError('argument', `heap: highWater ${String(highWater)}, expected a number of bytes above 0`)
    }
    this.name = options.name ?? name
    this.method = method
    this.highWater = highWater
    this.options = { method, ...options, name: this.name }
  }

  /** What its options say of accounts. */
  get tail(): Tail {
    const options = currentOptions()
    if (options !== this.judged) this.judge(options)
    return this.asked
  }

  /** The same kind for heaps inside one that keeps accounts; itself where its options do not allow these. */
  keeping(tail: Tail): Kind<H> {
    if (this.tail >= tail || this.isRefusing) return this
    if (tail === 8 && this.options.ordinals !== false) {
      this.withOrdinals ??= this.and({ accounts: true, ordinals: true })
      return this.withOrdinals
    }
    if (this.asked === 4) return this
    this.withAccounts ??= this.and({ accounts: true })
    return this.withAccounts
  }

  private and(more: HeapOptions): Kind<H> {
    return new Kind({ ...this.options, highWater: this.highWater, ...more }, this.name, this.method)
  }

  private judge(options: Options): void {
    const { accounts, ordinals } = this.options
    const keepsAccounts = options.resolve(this.name, 'accounts', accounts)
    const keepsOrdinals = options.resolve(this.name, 'ordinals', ordinals) === true
    this.asked = keepsOrdinals ? 8 : keepsAccounts === true ? 4 : 0
    this.isRefusing = keepsAccounts === false && !keepsOrdinals
    this.judged = options
  }

  /** A region without a block. */
  take(): Piece<H> {
    if (this.inForce !== currentOptions() || this.changes !== registry.changes) this.renew()
    for (let waiting = this.waiting.pop(); waiting !== undefined; waiting = this.waiting.pop()) {
      this.kept -= waiting.kept
      if (!waiting.region.closed) return waiting
      waiting.close()
    }
    const { space } = this
    const piece = new Piece<H>(open({ ...this.options, discipline: space }), this)
    this.isApart = rootOf(piece.region) !== rootOf(space)
    return piece
  }

  /** A region whose blocks nobody needs any more. It waits unless the next heap would find accounts or limits unasked. */
  give(piece: Piece<H>): void {
    const { region } = piece
    piece.reset()
    const isStale = this.isDropped || piece.options !== currentOptions() || this.changes !== registry.changes
    const isOdd = piece.tail > this.tail || piece.wasLimited
    if (!region.clear() || isStale || isOdd || this.waiting.length >= MOST_WAITING) {
      piece.close()
      return
    }
    if (this.kept + region.extent > MOST_KEPT) region.compact()
    piece.kept = region.extent
    this.kept += piece.kept
    this.waiting.push(piece)
  }

  /** Where the blocks of this kind lie, for heaps that have none yet. */
  get space(): Region {
    const { discipline } = this.options
    this.ground ??= discipline === undefined ? defaultHeap() : groundOver(discipline)
    return this.ground
  }

  /** No other heap will be of this kind: those that are go on, and their regions do not wait. */
  drop(): void {
    this.isDropped = true
    this.forget()
    this.withAccounts?.drop()
    this.withOrdinals?.drop()
  }

  /** Closes the regions that wait. */
  private forget(): void {
    for (const piece of this.waiting.splice(0)) piece.close()
    this.kept = 0
  }

  private renew(): void {
    this.forget()
    this.isApart = undefined
    this.inForce = currentOptions()
    this.changes = registry.changes
  }
}

/** The regions over raw memory that heaps are nested in: heaps that were given the same draw on the same root. */
const grounds = new Map<string, Region>()
const groundsOver = new WeakMap<object, Region>()

/** A region is one that others can nest in; raw memory gets one. */
function groundOver(discipline: NonNullable<OpenOptions['discipline']>): Region {
  if (typeof discipline === 'object' && 'alloc' in discipline) return discipline as Region
  const known = typeof discipline === 'string' ? grounds.get(discipline) : groundsOver.get(discipline)
  if (known?.closed === false) return known
  const ground = open({ discipline, method: 'best', name: 'heaps' })
  if (typeof discipline === 'string') grounds.set(discipline, ground)
  else groundsOver.set(discipline, ground)
  return ground
}

const kinds = new Map<string, Kind<unknown>>()
/** Those without options but a name: by method, which is one of a few, and name. */
const named = new Map<string, Map<string, Kind<unknown>>>()
/** Of these, the one that was asked for last: mostly it is again. */
let newest: Kind<unknown> | undefined
const numbers = new WeakMap<object, number>()
let objects = 0

/** The kind of what was asked for: the same for the same. */
export function kindOf<H>(options: HeapOptions | undefined, name: string, method: string): Kind<H> {
  if (options !== undefined && !hasNameOnly(options)) {
    const key = keyOf(options, name, method)
    return (kinds.get(key) ?? newKind(kinds, key, options, name, method)) as Kind<H>
  }
  const key = options?.name ?? name
  if (newest === undefined || newest.name !== key || newest.method !== method) {
    const known = namedOf(method)
    newest = known.get(key) ?? newKind(known, key, options ?? {}, name, method)
  }
  return newest as Kind<H>
}

function newKind(
  known: Map<string, Kind<unknown>>,
  key: string,
  options: HeapOptions,
  name: string,
  method: string,
): Kind<unknown> {
  if (known.size >= MOST_KINDS) {
    for (const kind of known.values()) kind.drop()
    known.clear()
  }
  const kind = new Kind(options, name, method)
  known.set(key, kind)
  return kind
}

function namedOf(method: string): Map<string, Kind<unknown>> {
  let known = named.get(method)
  if (known === undefined) named.set(method, (known = new Map()))
  return known
}

function hasNameOnly(options: HeapOptions): boolean {
  for (const option in options) if (option !== 'name') return false
  return typeof options.name === 'string'
}

function keyOf(options: HeapOptions, name: string, method: string): string {
  let key = `${name} ${method}`
  for (const option of Object.keys(options)) key += ` ${option}=${idOf(options[option])}`
  return key
}

function idOf(value: unknown): string {
  if (typeof value !== 'object' || value === null) return `${typeof value} ${String(value)}`
  let number = numbers.get(value)
  if (number === undefined) numbers.set(value, (number = ++objects))
  return `object ${number}`
}
