/**
 * region: memory under one discipline and one method. This is the whole public face of one; src/region makes it true.
 *
 * Three manners of trouble. No memory is an answer: 0 or false, after the discipline's handler had its chance. A
 * client's mistake is an answer too, and an event `badaddr`. A broken structure is thrown by `check`. After `close`
 * operations answer 0, false or -1, and what would hand out memory (`buffer`, `bytes`, `array`, `view`) throws.
 *
 * A region, its discipline and those who listen to it speak of each other, so their types stand in one file; what a
 * discipline owes is told in discipline.ts.
 */
import type { Addr } from './addr.ts'
import type { Finding } from './finding.ts'
import type { Profile } from './profile.ts'
import type { BlockView, SegmentView, Stat } from './stat.ts'

export type NumericArray =
  | Int8Array<ArrayBufferLike>
  | Uint8Array<ArrayBufferLike>
  | Uint8ClampedArray<ArrayBufferLike>
  | Int16Array<ArrayBufferLike>
  | Uint16Array<ArrayBufferLike>
  | Int32Array<ArrayBufferLike>
  | Uint32Array<ArrayBufferLike>
  | Float32Array<ArrayBufferLike>
  | Float64Array<ArrayBufferLike>
  | BigInt64Array<ArrayBufferLike>
  | BigUint64Array<ArrayBufferLike>

/** A typed-array class, such as Float64Array. */
export interface ArrayType<T extends NumericArray> {
  readonly BYTES_PER_ELEMENT: number
  readonly name: string
  new (buffer: ArrayBufferLike, byteOffset: number, length: number): T
}

export interface ResizeOptions {
  /** The block may move when it cannot change in place. */
  move?: boolean
  /** A block that moves takes its content along; implies `move`. */
  copy?: boolean
  /** Bytes from the old usable size on are cleared. */
  zero?: boolean
}

/** What can be changed while a region is open; `set` returns what was. */
export interface Settings {
  /** 0 none, 1 the block at hand, 2 its neighbours too, 3 the whole region, after each operation. */
  check: number
  /** `free` answers true and does nothing. */
  keep: boolean
  /** New memory is filled with 0x55, a grown part with 0x66, freed memory with 0xA5. */
  junk: boolean
  /** The discipline's handler hears of alloc, free and resize. */
  events: boolean
}

/** Numbers kept in the region's bytes, by key: at most 31 bytes of UTF-8. */
export interface Values {
  /** The number, or undefined where none was set. */
  get(key: string): number | undefined
  /** False when there is no memory for a new key. */
  set(key: string, value: number): boolean
  /** Adds to a number (0 where none was set) and returns the sum; undefined when there is no memory for a new key. */
  add(key: string, value: number): number | undefined
}

/** An array over a block that renews itself when memory grows, and throws once its block is gone. */
export interface View<T extends NumericArray> {
  readonly region: Region
  readonly at: Addr
  readonly length: number
  /** Whether the block is still there. */
  readonly alive: boolean
  /** A typed array good until the next call that may grow; throws VmallocError `closed` once the block is gone. */
  readonly array: T
}

export interface MapOptions {
  /** `text` for a terminal, which is usual, `svg` for a page or a file, `data` for a program. */
  as?: 'text' | 'svg' | 'data'
  /** Signs a line, 64 (SVG: cells, 128); at most 1000. */
  width?: number
  /** About how many lines in all, 8 (SVG: 16); at most 1000. */
  lines?: number
}

/** A block of a map. */
export interface MappedBlock extends BlockView {
  /** The name of the region nested in it, the first where there are several. */
  readonly child?: string
}

/** A segment of a map with its blocks in order of address; what no block has is headers, tables and gaps. */
export interface MappedSegment extends SegmentView {
  readonly blocks: readonly MappedBlock[]
}

/** Where the blocks of a region lie; no segments when it is closed. */
export interface RegionMap {
  readonly name: string
  readonly method: string
  readonly segments: readonly MappedSegment[]
}

/** A region and those nested in it, as data; `String(report)` is a text to read. */
export interface Inspection {
  readonly name: string
  readonly method: string
  readonly discipline: string
  readonly closed: boolean
  readonly at: Addr
  readonly alignment: number
  readonly settings: Settings
  readonly stat: Stat
  readonly children: readonly Inspection[]
  toString(): string
}

export interface Region {
  readonly name: string
  /** The method's full name, such as `best` or `debug(pool)`. */
  readonly method: string
  /** Setting it asks the old one's handler, which may veto: then VmallocError `vetoed`. */
  discipline: Discipline
  readonly parent: Region | undefined
  readonly closed: boolean
  /** Usable bytes of all busy blocks, and bytes held from the discipline: of `stat`, what needs no walk. */
  readonly busyBytes: number
  readonly extent: number
  /** The one size that can be allocated, where the method serves but one and knows it; else 0. */
  readonly unit: number
  /** Address of the region's header. */
  readonly header: Addr
  /** Every payload address is a multiple of this. */
  readonly alignment: number
  /** The space that addresses count in; another object after growth. */
  readonly buffer: ArrayBufferLike
  readonly values: Values

  alloc(size: number): Addr
  allocZeroed(size: number): Addr
  align(size: number, alignment: number): Addr
  resize(at: Addr, size: number, options?: ResizeOptions): Addr
  free(at: Addr): boolean
  /**
   * Gives a block up for good: frees it, or, where the method frees only its newest, marks it dead, so that its memory
   * comes back with what lies after it. False for what is no block.
   */
  retire(at: Addr): boolean

  /**
   * A block that the account pays for that pays for the block at `at`, of this region or of another; as `alloc` where no
   * accounts are kept, and where there is no such block.
   */
  allocBeside(at: Addr, size: number, of?: Region): Addr

  sizeOf(at: Addr): number
  offsetOf(at: Addr): number
  /** The region that owns an address: this one, one nested in it, or undefined. */
  regionOf(at: Addr): Region | undefined
  /** The segment that holds an address. */
  segmentOf(at: Addr): SegmentView | undefined
  walk(visit: (block: BlockView) => boolean | void): void
  segments(): SegmentView[]
  stat(): Stat
  check(): void

  clear(): boolean
  /** Gives free ends back to the discipline; returns bytes given back. */
  compact(): number
  /** False when vetoed, or for the default heap. */
  close(): boolean
  set(settings: Partial<Settings>): Settings

  bytes(at: Addr, length?: number): Uint8Array<ArrayBufferLike>
  array<T extends NumericArray>(type: ArrayType<T>, at: Addr, length?: number): T
  view<T extends NumericArray>(type: ArrayType<T>, at: Addr, length?: number): View<T>
  /** Address of NUL-ended UTF-8, or 0. */
  string(text: string): Addr
  readString(at: Addr): string

  children(): Region[]
  child(name: string): Region | undefined
  /** Calls `listener` at each event; the returned function ends it. */
  on<E extends RegionEvent>(event: E, listener: (data: RegionEvents[E]) => void): () => void
  /** Lets an ear hear this region's operations; the returned function ends it. */
  listen(ear: Ear): () => void
  /** What another thread is sent to `attach`. */
  share(): unknown
  inspect(): Inspection
  /** Under a debugging method: reports every block that was not freed yet. */
  leaks(): void
  /** What a profiling method counted, undefined under others; with `fresh` counting begins anew. */
  profile(options?: { fresh?: boolean }): Profile | undefined
  /**
   * A picture of the segments: for a terminal (`#` busy, `+` cached, `.` free, `@` a nested region, `-` tables and gaps),
   * as SVG, or the data of both. Of more than 32 segments the largest are drawn.
   */
  map(options: MapOptions & { as: 'data' }): RegionMap
  map(options?: MapOptions & { as?: 'text' | 'svg' }): string
  map(options: MapOptions): string | RegionMap
  [Symbol.dispose](): void
}

/** What a discipline's handler hears of. */
export type DisciplineEvent =
  | 'open'
  | 'endopen'
  | 'close'
  | 'endclose'
  | 'nomem'
  | 'badaddr'
  | 'discipline'
  | 'alloc'
  | 'free'
  | 'resize'

/** Where raw memory comes from: see discipline.ts. */
export interface Discipline {
  readonly name: string
  /** Raw memory comes in multiples of this many bytes; 8 when absent. */
  readonly round?: number
  memory(region: Region, at: number, had: number, want: number): number
  buffer(): ArrayBufferLike
  exception?(region: Region, event: DisciplineEvent, data: unknown): number | void

  /** The region out of whose blocks this discipline makes raw memory: its regions become children of that one. */
  readonly parent?: Region
  /** First byte of the root's space in `buffer()`, a multiple of 8; 0 when absent. */
  readonly base?: number
  /** Compiled code may look at the word before a payload, so that must stay the innermost method's. */
  readonly heads?: boolean
  /** Whether `buffer()` can become another only by a request of this discipline or after `share`; regions look less often then. */
  readonly sole?: boolean
  /** What another thread is sent so that it can attach: the buffer itself, unless something larger grows it. */
  share?(): unknown
}

/**
 * Hears operations as they succeed, in the order in which they happen, with plain arguments (a trace hears millions);
 * absent members are not called. `region.on` gives the same as objects.
 */
export interface Ear {
  /** A block was allocated: `alignment` 0 unless asked for, `zeroed` when its bytes were cleared. */
  alloc?(region: Region, at: Addr, size: number, alignment: number, zeroed: boolean): void
  free?(region: Region, at: Addr): void
  /** A block changed size; `at` differs from `old` when it moved. */
  resize?(region: Region, old: Addr, at: Addr, size: number): void
  clear?(region: Region): void
  compact?(region: Region, bytes: number): void
  /** Called before the memory goes. */
  close?(region: Region): void
  /** No memory, after every handler had its chance. */
  nomem?(region: Region, request: Request): void
  /** A client's mistake: the call answered 0 or false and did nothing. */
  badaddr?(region: Region, mistake: Mistake): void
  /** What a debugging method found out. */
  report?(region: Region, finding: Finding): void
}

/** A request that failed for want of memory. */
export interface Request {
  readonly op: 'alloc' | 'align' | 'resize'
  /** The block to be resized; 0 for a new one. */
  readonly at: Addr
  readonly size: number
  readonly alignment: number
}

/** A call that a client should not have made. */
export interface Mistake {
  readonly op: 'alloc' | 'align' | 'free' | 'resize'
  /** What came: an address for free and resize, a size or an alignment otherwise. */
  readonly value: number
  /** A sentence that says what is wrong with it. */
  readonly reason: string
}

/** What `region.on('alloc' | 'free' | 'resize', ...)` and a discipline's handler receive. */
export interface BlockEvent {
  readonly region: Region
  readonly at: Addr
  /** Bytes asked for; 0 for free. */
  readonly size: number
  /** The address before a resize; `at` otherwise. */
  readonly old: Addr
}

export interface RegionEvents {
  alloc: BlockEvent
  free: BlockEvent
  resize: BlockEvent
  clear: { readonly region: Region }
  compact: { readonly region: Region; readonly bytes: number }
  close: { readonly region: Region }
  nomem: { readonly region: Region } & Request
  badaddr: { readonly region: Region } & Mistake
  report: { readonly region: Region; readonly finding: Finding }
}

export type RegionEvent = keyof RegionEvents
