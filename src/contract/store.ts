/**
 * store: what a region gives to its method: words, state, extents, and the way to more.
 *
 *   segment   | record | ............ extent ............ |        the first one begins with the region's header
 *             ^ raw    ^ base                        limit^        all three are multiples of 8
 *
 * Segments are named by the address of their record and chained from `first` to `last` in the order in which they
 * came; only the last one grows.
 */
import type { Words } from '../ground/words.ts'
import type { Addr } from './addr.ts'
import type { Found } from './finding.ts'

/** The address of a segment's record; 0 is none. */
export type Segment = number

export interface Store {
  readonly words: Words
  /** Address of the method's own state: as many bytes as its definition asks, zero at `start`. */
  readonly state: Addr
  /** A power of two, at least 8: payload addresses are multiples of it. */
  readonly align: number
  /** Where the space begins in the buffer: `align` counts from the buffer's first byte. */
  readonly bias: number
  /** The region's name, for messages. */
  readonly name: string
  /**
   * Compiled code looks at the word before a payload, and what is wrapped here writes one that it understands: a wrapper
   * hands on its addresses and keeps its own words behind the payload.
   */
  readonly heads: boolean

  readonly first: Segment
  readonly last: Segment
  next(segment: Segment): Segment
  base(segment: Segment): Addr
  limit(segment: Segment): Addr
  /** The segment whose extent holds `at`, or 0. */
  find(at: number): Segment

  /**
   * More raw memory: at least `need` bytes past the limit of the last segment, or a new last segment with an extent of at
   * least `fresh` bytes (none when `fresh` is 0). True when there is. The method must be in order when it calls this, and
   * must read its state anew afterwards.
   */
  grow(need: number, fresh: number): boolean
  /** Gives back the end of a segment from `keep` on, as far as `round` allows. True when the limit moved. */
  trim(segment: Segment, keep: Addr): boolean
  /** Gives back a whole segment, not the first. False when the discipline keeps it where it is. */
  release(segment: Segment): boolean

  /** A block of so many usable bytes became busy. */
  took(bytes: number): void
  /** A block of so many usable bytes is busy no more. */
  gave(bytes: number): void
  /** Address of what `took` and `gave` keep: busy bytes, and behind it their high tide. For a method that counts by itself. */
  readonly tally: Addr

  /** Bytes at the end of the payload at `at` that the region keeps for itself and its client never had; for reports. */
  tailOf(at: Addr): number

  /** Tells everybody who listens what a method found out; called when the method is in order. Throws where `abort` says so. */
  report(found: Found): void
}

/** What `took` does, for a method that has the words at hand: `busy` is the index of the tally's first word. */
export const tookInto = (m: Int32Array<ArrayBufferLike>, busy: number, bytes: number): void => {
  const now = (m[busy]! + bytes) | 0
  m[busy] = now
  if (now >>> 0 > m[busy + 1]! >>> 0) m[busy + 1] = now
}
