/**
 * root: what all disciplines over one buffer have in common: one piece, which begins at START and grows and shrinks at
 * its end.
 *
 *   0        base     base + 8                       base + room()
 *   | others | unused | the piece ................... | not yet .... |
 *                     ^ START, so that address 0 is nobody's
 *
 * `reach(end)` makes the buffer so large that the piece can end at `end`, or refuses; `leave(end)` says that nothing
 * beyond `end` is needed.
 */

import type { Discipline } from '../src/contract/discipline.ts'
import { roundUp } from '../src/ground/bits.ts'

/** Where the piece begins, counted from the base: the smallest address that is not NIL. */
export const START = 8

export interface Reach {
  readonly name: string
  readonly base?: number
  /** Whether a region is there already. */
  readonly used?: boolean
  buffer(): ArrayBufferLike
  /** Makes the space reach to byte `end` of the buffer; false when it cannot. */
  reach(end: number): boolean
  /** The piece ends at `end` now; false when a shorter one is of no use. */
  leave?(end: number): boolean
  share?(): unknown
}

/** A discipline that serves one region with one piece. */
export function rootDiscipline(of: Reach): Discipline {
  const base = roundUp(of.base ?? 0, 8)
  const start = base + START
  let used = of.used === true
  return {
    name: of.name,
    round: 8,
    base,
    memory(_region, at, had, want) {
      if (had === 0) {
        if (used || !of.reach(start + want)) return 0
        used = true
        return start
      }
      if (want > had) return of.reach(at + want) ? at : 0
      if (want > 0) return of.leave?.(at + want) === true ? at : 0
      of.leave?.(base)
      used = false
      return at
    },
    buffer: () => of.buffer(),
    ...(of.share === undefined ? {} : { share: () => of.share?.() }),
  }
}
