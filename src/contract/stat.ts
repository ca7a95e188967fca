/**
 * stat: the figures of a region, exact at the moment they are asked for.
 *
 *   busyBytes + cachedBytes + freeBytes + overhead = extent
 *
 * Bytes of blocks are usable bytes (payload as the client may use it); headers, rounding and tables are overhead.
 */
export interface Stat {
  busyBlocks: number
  busyBytes: number
  freeBlocks: number
  freeBytes: number
  largestBusy: number
  largestFree: number
  /** Freed blocks that wait unmerged on a list of their own size: neither busy nor free. */
  cachedBlocks: number
  cachedBytes: number
  /** Pieces of raw memory held from the discipline. */
  segments: number
  /** Their bytes. */
  extent: number
  /** The highest busyBytes since the region was opened. */
  highTide: number
  overhead: number
}

export type State = 'busy' | 'free' | 'cached'

/** One block, as a walk shows it. */
export interface BlockView {
  readonly at: number
  /** Usable bytes. */
  readonly size: number
  readonly state: State
}

/** One piece of raw memory: its address and length as the discipline gave it. */
export interface SegmentView {
  readonly at: number
  readonly size: number
}
