/**
 * root: what all disciplines over one buffer have in common: pieces one after the other, the last of which grows and
 * shrinks.
 *
 *   0        base     base + 8
 *   | others | unused | piece ......... | piece ............ | not yet .... |
 *                     ^ START, so that address 0 is nobody's  ^ end
 *
 * Where the pieces end is what the region itself records, so nothing is kept here that an attached region would lack and
 * other threads may change it.
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
  readonly sole?: boolean
  share?(): unknown
}

/** A discipline that serves one region at a time. */
export function rootDiscipline(of: Reach): Discipline {
  const base = roundUp(of.base ?? 0, 8)
  const start = base + START
  let client: Region | undefined
  let recorded = 0
  let end = start
  /** Where the pieces end: as the region says, unless what was granted since has not reached its record. */
  const look = (region: Region): void => {
    const says = region.segments().reduce((most, { at, size }) => Math.max(most, at + size), start)
    if (says !== recorded) end = recorded = says
  }
  const grant = (at: number, to: number): number => {
    end = to
    return at
  }
  return {
    name: of.name,
    sole: of.sole,
    round: 8,
    base,
    memory(region, at, had, want) {
      if (client !== undefined && client !== region && !client.closed) return 0
      client = region
      look(region)
      const isLast = at + had === end
      if (had === 0) return of.reach(end + want) ? grant(end, end + want) : 0
      if (want > had) return isLast && of.reach(at + want) ? grant(at, at + want) : 0
      if (want > 0) return isLast && of.leave?.(at + want) === true ? grant(at, at + want) : 0
      if (isLast) of.leave?.(at === start ? base : at)
      return isLast ? grant(at, at) : at
    },
    buffer: () => of.buffer(),
    ...(of.share === undefined ? {} : { share: () => of.share?.() }),
  }
}
