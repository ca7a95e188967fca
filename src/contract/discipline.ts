/**
 * discipline: where a region's raw memory comes from, and who hears about its life.
 *
 * A discipline owes a name, the space in which its addresses count, and one function that answers four requests:
 *
 *   memory(region, at, had, want)
 *     had = 0                new: `want` bytes anywhere in the space        -> their address
 *     want > had > 0         grow: the piece at `at`, in place, to `want`   -> at
 *     0 < want < had         shrink: drop the piece's end                   -> at
 *     want = 0               give back the whole piece                      -> at
 *
 * The answer 0 refuses, and a refusal has changed nothing. Pieces need not be adjacent or aligned; a region aligns
 * inside them. `want` is a multiple of `round` where there is one. `buffer()` is read again after every request that
 * was granted, so memory may grow by becoming another buffer, as a WebAssembly.Memory does.
 *
 * `exception` hears of events; what its answer means depends on the event:
 *
 *   event        data                        < 0         0 or nothing             > 0
 *   open         { at: 0 }                   veto        open                     re-attach to the header at data.at
 *   endopen      address of the header       -           -                        -
 *   nomem        bytes asked for             fail        search free space again  ask for raw memory again
 *   badaddr      what the client passed      -           -                        -
 *   discipline   the new discipline          veto        change it                veto
 *   close        nothing                     veto        give all memory back     keep it: attach can reopen the region
 *   endclose     nothing                     -           -                        -
 *   alloc free resize   a BlockEvent         -           -                        -      (where `events` asks for them)
 *
 * A handler runs without the region's lock and may use the region. For one request that runs out of memory it is asked at
 * most 64 times; once it answers 0 the free space is searched again, and then the request fails.
 */
import type { OptionRow, OptionValue } from './option.ts'
import type { Discipline } from './region.ts'

export type { Discipline, DisciplineEvent } from './region.ts'

/** A discipline that can be asked for by name. */
export interface DisciplineDef {
  readonly name: string
  /** One line for tables and help. */
  readonly about: string
  readonly options?: readonly OptionRow[]
  /** Makes the discipline of one region. `settings` holds the value of each row of `options`, where it has one. */
  create(settings: Readonly<Record<string, OptionValue>>): Discipline
  /** Makes the discipline over memory of the caller's, where it understands that kind. */
  over?(memory: unknown): Discipline | undefined
}
