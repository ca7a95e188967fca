/**
 * program: what the bench asks of a real program that it runs whole.
 *
 * A trace replays the calls of a program and nothing else, so it cannot show where data lie and what that costs the code
 * that reads them. A program here does its whole work on data in regions. Its variants are the same code on the same
 * input and differ only in which regions those data are drawn from; their checksums must agree.
 */

/** The library, from wherever the caller takes it. */
export type Vmalloc = typeof import('vmalloc')

export interface Outcome {
  /** Time of the work, without making the input and without giving back what is left at the end. */
  readonly ms: number
  /** The same in pieces: the same piece does the same work in each run and each variant. */
  readonly laps: readonly number[]
  /** Of all that the program answers. */
  readonly checksum: number
  /** Bytes held from the system at most, all regions together. */
  readonly extent: number
  /** Calls to regions: alloc, resize, free, clear, compact, open, close. */
  readonly operations: number
}

export interface RunOptions {
  /** 1 is full size. */
  readonly scale?: number
  readonly seed?: number
}

export interface Variant {
  readonly name: string
  readonly about: string
  /** Throws when a block is left over at the end. */
  run(vmalloc: Vmalloc, options?: RunOptions): Outcome
}

export interface Program {
  readonly name: string
  readonly about: string
  /** The first one is what the others are compared with. */
  readonly variants: readonly Variant[]
  /** The checksum of the same input, worked out with plain objects. */
  expected(options?: RunOptions): number
}
