/**
 * profile: what a profiling method counted, by call site; estimates where it samples.
 */
import type { Frame } from '../ground/stacks.ts'

/** Counts by powers of two: element k counts values from 2^(k-1) to 2^k - 1; element 0 counts 0. */
export type Histogram = readonly number[]

/** Figures of one call site, or of all. Bytes are those that were asked for. */
export interface Tally {
  readonly allocs: number
  readonly frees: number
  readonly allocBytes: number
  readonly freeBytes: number
  readonly liveBlocks: number
  readonly liveBytes: number
  /** What was live here when most bytes of the region were. */
  readonly peakBlocks: number
  readonly peakBytes: number
  /** Bytes of the largest block. */
  readonly largest: number
  /** Mean life of the blocks that were freed, in milliseconds. */
  readonly lifetime: number
  /** Of allocations, by size in bytes. */
  readonly sizes: Histogram
  /** Of freed blocks, by life in microseconds. */
  readonly lifetimes: Histogram
}

export interface SiteTally extends Tally {
  /** Innermost call first; empty where no stack was recorded. */
  readonly frames: readonly Frame[]
  /** Allocations that were looked at: all when exact, the samples otherwise. */
  readonly samples: number
}

export interface Profile {
  readonly region: string
  readonly method: string
  readonly mode: 'exact' | 'sampled'
  /** Mean bytes between two samples; 0 when exact. */
  readonly interval: number
  /** When counting began and when this was taken, in milliseconds since 1970. */
  readonly since: number
  readonly taken: number
  /** Bytes held from the discipline when this was taken. */
  readonly extent: number
  readonly total: Tally
  /** Most allocated bytes first. */
  readonly sites: readonly SiteTally[]
}
