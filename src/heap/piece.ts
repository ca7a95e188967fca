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
 */
import type { Addr } from '../contract/addr.ts'
import type { Region } from '../contract/region.ts'
import { VmallocError } from '../ground/fault.ts'
import { heap as defaultHeap, type OpenOptions, open } from '../region/open.ts'
import { currentOptions } from '../region/options.ts'
import { registry } from '../region/registry.ts'

/** How a heap is opened: its name, how its memory is managed, and when it is told that it grows. */
export interface HeapOptions extends OpenOptions {
  /** Bytes live from which `highWater` is told, and told again at each doubling; 64 MiB unless said. */
  highWater?: number
}

const MOST_KINDS = 256
const MOST_WAITING = 64
/** A region that waits keeps no more than so many bytes. */
const MOST_KEPT = 256 * 1024
const HIGH_WATER = 64 * 1024 * 1024

const pieces = new WeakMap<Region, Piece<unknown>>()

/** A region and whose blocks are in it; `H` are the heaps, of which it needs nothing but who they are. */
export class Piece<H> {
  readonly region: Region
  readonly kind: Kind<H>
  /** Who has all blocks that are not lent; undefined once that heap has ended. */
  owner: H | undefined
  /** Blocks that belong to other heaps, and their bytes. */
  lent: Map<Addr, H> | undefined
  lentBytes = 0

  constructor(region: Region, kind: Kind<H>) {
    this.region = region
    this.kind = kind
  }

  /** Who has the block at `at`. */
  holderOf(at: Addr): H | undefined {
    return this.lent?.get(at) ?? this.owner
  }

  /** The heap is done with it: all that is not lent is freed. */
  leave(): void {
    this.owner = undefined
    const { lent, region } = this
    if (lent === undefined || lent.size === 0) {
      this.kind.give(this)
      return
    }
    const gone: Addr[] = []
    region.walk(({ at, state }) => void (state === 'busy' && !lent.has(at) && gone.push(at)))
    for (const at of gone.reverse()) region.retire(at)
    region.compact()
  }

  /** A lent block is gone, or comes back to its owner. */
  unlend(at: Addr, bytes: number): void {
    this.lent!.delete(at)
    this.lentBytes -= bytes
    if (this.owner === undefined && this.lent!.size === 0) this.kind.give(this)
  }
}

/** The piece in whose region an address lies, of those over the root of `region`. */
export function pieceAround<H>(region: Region, at: Addr): Piece<H> | undefined {
  const around = rootOf(region).regionOf(at)
  return around === undefined ? undefined : (pieces.get(around) as Piece<H> | undefined)
}

/** The region that all others of a space lie in: addresses mean the same in all of them. */
export function rootOf(region: Region): Region {
  let root = region
  while (root.parent !== undefined) root = root.parent
  return root
}

export class Kind<H> {
  readonly name: string
  readonly highWater: number
  private readonly options: OpenOptions
  /** The region that those of this kind are nested in. */
  private ground: Region | undefined
  private waiting: Piece<H>[] = []
  private inForce: unknown
  private changes = -1

  constructor({ highWater = HIGH_WATER, ...options }: HeapOptions, name: string, method: string) {
    if (!(highWater > 0)) {
      throw new VmallocError('argument', `heap: highWater ${String(highWater)}, expected a number of bytes above 0`)
    }
    this.name = options.name ?? name
    this.highWater = highWater
    this.options = { method, ...options, name: this.name }
  }

  /** A region without a block. */
  take(): Piece<H> {
    if (this.inForce !== currentOptions() || this.changes !== registry.changes) this.renew()
    const waiting = this.waiting.pop()
    if (waiting !== undefined && !waiting.region.closed) return waiting
    const { discipline } = this.options
    this.ground ??= discipline === undefined ? defaultHeap() : groundOver(discipline)
    const piece = new Piece<H>(open({ ...this.options, discipline: this.ground }), this)
    pieces.set(piece.region, piece)
    return piece
  }

  /** A region whose blocks nobody needs any more. */
  give(piece: Piece<H>): void {
    const { region } = piece
    piece.lent = undefined
    piece.lentBytes = 0
    if (this.waiting.length >= MOST_WAITING || this.changes !== registry.changes || !region.clear()) {
      region.close()
      return
    }
    if (region.extent > MOST_KEPT) region.compact()
    this.waiting.push(piece)
  }

  /** Where the blocks of this kind lie, for heaps that have none yet. */
  get space(): Region {
    const { discipline } = this.options
    this.ground ??= discipline === undefined ? defaultHeap() : groundOver(discipline)
    return this.ground
  }

  /** Closes the regions that wait. */
  forget(): void {
    for (const { region } of this.waiting.splice(0)) region.close()
  }

  private renew(): void {
    this.forget()
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
const numbers = new WeakMap<object, number>()
let objects = 0

/** The kind of what was asked for: the same for the same. */
export function kindOf<H>(options: HeapOptions | undefined, name: string, method: string): Kind<H> {
  const key = options === undefined ? `${name} ${method}` : keyOf(options, name, method)
  let kind = kinds.get(key) as Kind<H> | undefined
  if (kind !== undefined) return kind
  if (kinds.size >= MOST_KINDS) {
    for (const known of kinds.values()) known.forget()
    kinds.clear()
  }
  kind = new Kind(options ?? {}, name, method)
  kinds.set(key, kind as Kind<unknown>)
  return kind
}

function keyOf(options: HeapOptions, name: string, method: string): string {
  const parts = Object.entries(options).sort(([a], [b]) => (a < b ? -1 : 1))
  return `${name} ${method} ${parts.map(([key, value]) => `${key}=${idOf(value)}`).join(' ')}`
}

function idOf(value: unknown): string {
  if (typeof value !== 'object' || value === null) return `${typeof value} ${String(value)}`
  let number = numbers.get(value)
  if (number === undefined) numbers.set(value, (number = ++objects))
  return `object ${number}`
}
