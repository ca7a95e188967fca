/**
 * subject: what is measured: an allocator, and how it is called.
 *
 *   Subject   a row of the table in subjects.ts
 *     ready     loads its code, in the child process that measures it, and returns
 *     open      which makes a fresh one, with room for `need` bytes where it cannot grow: a
 *   Session   that the loops of player.ts use:
 *     heap      called as `heap.alloc(size)`, so it is the subject's own object wherever that has the shape; where it
 *               has not, its functions are put under these names without anything around them
 *     buffer    where payloads lie, for loops that read and write them; another one after growth
 *     extent    bytes held so far, where the subject knows; else the end of the highest block is taken
 *     fills     with what a client fills payloads in every pass, as debug does: the bare touching
 *
 * A native subject is no object but a program: see native/.
 */
import type { Keeps } from './collections.ts'

export interface Heap {
  /** A block, or 0. */
  alloc(size: number): number
  free(at: number): unknown
  /** Where the block is now, with its content; or 0. Peers take no third argument. */
  resize(at: number, size: number, how: typeof REALLOC): number
  allocZeroed(size: number): number
  align(size: number, alignment: number): number
  /** Frees all. Where it is absent, every block is freed. */
  clear?(): unknown
}

export const REALLOC = { move: true, copy: true }

export interface Session {
  readonly heap: Heap
  buffer(): ArrayBufferLike
  extent?(): number
  close(): void
  readonly fills?: Fills
  /** Heaps of other kinds that the same loops call before this one. */
  readonly others?: readonly Other[]
  /** Opens a nested region, allocates so many small blocks in it, closes it. */
  nest?(blocks: number): void
  readonly stretches?: Stretches
  /** What it has in the place of a heap: see collections.ts. */
  readonly keeps?: Keeps
}

/** What a program does whose blocks go together, so many times over. */
export interface Stretches {
  /** So many small blocks, which then go. */
  together?(blocks: number, times: number): void
  /** They go to the heap around them, which ends after every ten times. */
  transaction?(blocks: number, times: number): void
  /** The last one goes to the heap around, is freed there. */
  escape?(blocks: number, times: number): void
  /** Ends so many heaps that the code for it is compiled, for of those with many blocks few end in a pass. */
  warm?(): void
  /** Heaps of so many blocks end; the ns of the ends alone. */
  leave?(blocks: number, times: number): number
  /** Awaits, in a heap. */
  await?(times: number): Promise<void>
}

/** Bytes for memory that is new, and for memory that goes back. */
export interface Fills {
  readonly fresh: number
  readonly freed: number
}

export interface Other {
  readonly heap: Heap
  /** It serves this size alone; 0: any. */
  readonly size: number
  /** It frees the newest block alone. */
  readonly newest: boolean
}

export type Open = (need: number) => Session

/** A tool is one of ours that looks at what a program does, or what that is held against: only the time of it is asked. */
export type Kind = 'ours' | 'tool' | 'js' | 'wasm' | 'native' | 'bare'

/** What a load asks of a subject: see loads.ts. */
export type Need =
  | 'replay'
  | 'replay short'
  | 'stacks'
  | 'any size'
  | 'one size'
  | 'resize'
  | 'align'
  | 'fill'
  | 'nest'
  | 'enter'
  | 'together'
  | 'transaction'
  | 'escape'
  | 'leave'
  | 'await'
  | 'map'
  | 'map without peers'
  | 'map in order'
  | 'tree'
  | 'list'
  | 'spans'
  | 'blocks'
  | 'turns'
  | 'program'
  | 'script'

export interface Subject {
  readonly name: string
  readonly kind: Kind
  readonly about: string
  readonly does: readonly Need[]
  /** Why it is not here, if it is not. */
  missing?(): string | undefined
  ready?(): Promise<Open>
  /** Environment of its process. */
  readonly env?: Readonly<Record<string, string>>
}

export const EVERYTHING: readonly Need[] = ['replay', 'any size', 'one size', 'resize', 'align', 'fill']
