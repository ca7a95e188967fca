/**
 * watched: a region whose blocks are a program's own: its malloc serves, and what it does is counted.
 *
 *   linear memory   | data, stack | ... | header | block | free | block | block | ... |
 *                                       ^ piece: one block of the program's malloc               ^ end of the memory
 *                                       |<------------------- extent ----------------------->|
 *
 * The header lies in a block that was asked of the program's malloc, as any of the program's own; nothing else in the
 * memory is touched. The extent is what lies from there to the end of the memory, though not all of that is the
 * program's heap: what no block has is overhead here, whatever it is.
 *
 *   by address   the size of each block, as it was asked for
 *   sampled      of those on which a sample fell: site, weight, when
 *
 * A program may free and resize by ways that nobody watches (functions that were not found, code inlined). So a block that
 * is not known is the program's affair, and one that comes again was freed before. Sizes are those asked for.
 *
 * Where a program puts its memory back to what it was, the header may be gone: who counts looks whether it is there.
 */
import { Book, now } from '../../methods/profile/book.ts'
import { DEFAULT_INTERVAL, firstRandom, gapOf, nextRandom, weightOf } from '../../methods/profile/samples.ts'
import { type Addr, NIL } from '../contract/addr.ts'
import type { Method, Profiled, Visit } from '../contract/method.ts'
import type { OptionValue } from '../contract/option.ts'
import type { Region } from '../contract/region.ts'
import { type Store, tookInto } from '../contract/store.ts'
import { capture, type Site } from '../ground/stacks.ts'
import type { Words } from '../ground/words.ts'
import { SUM } from '../region/header.ts'
import type { Originals } from './originals.ts'
import { Sizes } from './sizes.ts'

const DEFAULT_DEPTH = 16
/** What a program asks for in one piece is less. */
const MOST = 2 ** 31 - 1

interface Sample {
  readonly site: Site
  readonly size: number
  readonly weight: number
  readonly born: number
}

export class Watched implements Method {
  private readonly store: Store
  private readonly words: Words
  private readonly tally: number
  private readonly originals: Originals
  private readonly sizes = new Sizes()
  private readonly book: Book | undefined
  private readonly interval: number
  private readonly depth: number
  private readonly samples = new Map<Addr, Sample>()
  /** Of `sizes`: what the header says of it may be what it was before. */
  private busy = 0
  private left: number //    bytes until the next sample
  private random: number
  private allocs = 0
  private frees = 0
  // where the header says that it is there
  private seal = -1 // nowhere yet
  private sum = 0

  constructor(store: Store, settings: Readonly<Record<string, OptionValue>>, originals: Originals, profiles: boolean) {
    this.store = store
    this.words = store.words
    this.tally = store.tally >>> 2
    this.originals = originals
    this.book = profiles ? new Book() : undefined
    this.interval = Number(settings.sample ?? DEFAULT_INTERVAL)
    this.depth = Number(settings.depth ?? DEFAULT_DEPTH)
    this.random = firstRandom(settings.seed === undefined ? undefined : Number(settings.seed))
    this.left = this.book === undefined ? Infinity : this.gap()
  }

  start(): void {
    this.reach()
  }

  /** Says where the region's header is. */
  lieAt(region: Pick<Region, 'header'>): void {
    this.seal = (region.header + SUM) >>> 2
    this.sum = this.words.i32[this.seal]!
  }

  /** Whether it is there still, and the memory is as long as it was. */
  get isHere(): boolean {
    return this.words.i32[this.seal] === this.sum
  }

  /** The extent goes to the end of the memory, as it is now. */
  reach(): void {
    const { last } = this.store
    const lacks = this.words.length - this.store.limit(last)
    if (lacks >= 8) this.store.grow(lacks & ~7, 0)
  }

  /** A block of the program's is busy from now on. `above` is what the program called. */
  took(at: Addr, size: number, above: unknown): void {
    const bytes = size < MOST ? size : MOST
    const old = this.sizes.set(at, bytes)
    if (old >= 0) this.forget(at, old)
    const m = this.words.i32
    m[this.tally] = this.busy
    tookInto(m, this.tally, bytes)
    this.busy += bytes
    this.allocs++
    this.left -= bytes
    if (this.left <= 0) this.look(at, bytes, above)
  }

  /** A block is busy no more; its size, or -1 where it was not known. */
  gave(at: Addr): number {
    const size = this.sizes.take(at)
    if (size >= 0) this.forget(at, size)
    return size
  }

  /** Blocks that came and went; one that is resized is one of each. */
  get counts(): { allocs: number; frees: number; blocks: number } {
    const { allocs, frees } = this
    return { allocs, frees, blocks: allocs - frees }
  }

  alloc(size: number): Addr {
    const at = this.originals.malloc(size) >>> 0
    if (at !== NIL) this.took(at, size, this.alloc)
    return at
  }

  free(at: Addr): boolean {
    if (this.gave(at) < 0) return false
    this.originals.free(at)
    return true
  }

  sizeOf(at: Addr): number {
    return at >>> 0 === at ? this.sizes.get(at) : -1
  }

  walk(visit: Visit): void {
    this.sizes.walk((at, size) => visit(at, size, 'busy'))
  }

  /** The program's heap has laws of its own. */
  check(): void {}

  /** What was counted is forgotten; the program's blocks stay. */
  clear(): void {
    this.sizes.clear()
    this.samples.clear()
    this.busy = 0
  }

  get profile(): ((fresh: boolean) => Profiled) | undefined {
    const { book } = this
    return book === undefined ? undefined : (fresh) => book.profiled(this.interval, fresh)
  }

  private forget(at: Addr, size: number): void {
    this.frees++
    this.busy -= size
    this.words.i32[this.tally] = this.busy
    if (this.samples.size === 0) return
    const sample = this.samples.get(at)
    if (sample === undefined) return
    this.samples.delete(at)
    this.book!.gave(sample.site, sample.size, sample.weight, now() - sample.born)
  }

  /** A sample falls on a block, or every block is looked at. */
  private look(at: Addr, size: number, above: unknown): void {
    const weight = weightOf(size, this.interval)
    this.left = this.gap()
    const site = capture(this.depth, above)
    this.samples.set(at, { site, size, weight, born: now() })
    this.book!.took(site, size, weight, this.busy)
  }

  /** Bytes until the next sample; 0 where every block is looked at. */
  private gap(): number {
    if (this.interval === 0) return 0
    this.random = nextRandom(this.random)
    return gapOf(this.random, this.interval)
  }
}
