/**
 * root: what all disciplines over one buffer have in common: pieces one after the other, the last of which grows and
 * shrinks.
 *
 *   0        base     base + 8
 *   | others | unused | piece ......... | piece ............ | not yet .... |
 *                     ^ START, so that address 0 is nobody's  ^ end
 *
 * Where the pieces end is what the region itself says, so nothing is kept here that an attached region would lack.
 * `reach(end)` makes the buffer so large that a piece can end at `end`, or refuses; `leave(end)` says that nothing beyond
 * `end` is needed.
 */
import type { Discipline, Region } from '../src/contract/region.ts'
import { roundUp } from '../src/ground/bits.ts'

/** Where the piece begins, counted from the base: the smallest address that is not NIL. */
export const START = 8

export interface Reach {
  readonly name: string
  readonly base?: number
  buffer(): ArrayBufferLike
  /** Makes the space reach to byte `end` of the buffer; false when it cannot. */
  reach(end: number): boolean
  /** The piece ends at `end` now; false when a shorter one is of no use. */
  leave?(end: number): boolean
  share?(): unknown
}

/** A discipline that serves one region at a time. */
export function rootDiscipline(of: Reach): Discipline {
  const base = roundUp(of.base ?? 0, 8)
  const start = base + START
  let client: Region | undefined
  const endOf = (region: Region): number =>
    region.segments().reduce((most, { at, size }) => Math.max(most, at + size), start)
  return {
    name: of.name,
    round: 8,
    base,
    memory(region, at, had, want) {
      if (client !== undefined && client !== region && !client.closed) return 0
      client = region
      const end = endOf(region)
      if (had === 0) return of.reach(end + want) ? end : 0
      if (want > had) return at + had === end && of.reach(at + want) ? at : 0
      if (want > 0) return at + had === end && of.leave?.(at + want) === true ? at : 0
      if (at === start) of.leave?.(base)
      else if (at + had === end) of.leave?.(at)
      return at
    },
    buffer: () => of.buffer(),
    ...(of.share === undefined ? {} : { share: () => of.share?.() }),
  }
}
