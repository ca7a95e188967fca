/**
 * method: how memory is parcelled out.
 *
 * A method lives inside a region. It is given a Store: the words of the space, a few bytes for its own state, and the
 * extents (usable parts) of the region's segments; it asks the store for more. Everything it must remember lies in the
 * bytes, because its object is made anew whenever the region is attached elsewhere.
 *
 * Addresses here count from the first byte of the root's space (the region adds where that space begins in the
 * buffer), and payload addresses are never 0. All arguments are checked by the method: any number may come.
 *
 *   alloc(size)        address of a block of at least `size` usable bytes, a multiple of store.align; 0 when there is
 *                      none, or when `size` is not a whole number from 0 to LIMIT. alloc(0) is a block of its own.
 *   free(at)           true when `at` was a busy block of this method and is not any more; otherwise false, no change.
 *   sizeOf(at)         usable bytes of the busy block that starts at `at`, else -1. Costs O(1).
 *   walk(visit)        every block in address order within each segment, busy, free or cached; false stops. Ends on
 *                      damaged memory too.
 *   check(level, at)   throws VmallocError `corrupted` at the first law that does not hold. Level 1 looks at the block
 *                      `at`, 2 at its neighbours too, 3 at everything. Never loops or reads outside, whatever the bytes.
 *   clear()            every block is free; segments stay.
 *   start()            the first extent is there and the state is zero: lay it out.
 *
 * What a method cannot do is absent:
 *
 *   resize(at, size)   in place: true when the block now has at least `size` usable bytes, with its content; else no change
 *   align(size, a)     as alloc, at a multiple of `a`, a power of two; counts from where the buffer begins (store.bias)
 *   compact()          merges what waits and gives free ends back to the discipline
 *   offsetOf(at)       offset in the busy block that holds `at`, else -1; the region walks where it is absent
 *   allocFor(size, slot, counted)   as alloc(size + 4), for an account that stands under no limit: the block's last word
 *                      becomes the cell of the account's slot; the tally, the slot and, if it is `counted`, the sums from
 *                      its UP on (see charge.ts) count the bytes before it. alignFor(size, alignment, slot, counted) is to
 *                      align as this is to alloc
 *   freeOf(at, slot, counted, any)   frees such a block if that account pays for it, or with `any` whoever does whom no sum
 *                      counts in and no limit stands over; and counts the same backwards. False with no change where that
 *                      is not plain at once: others look closer then
 *   moved(at)          the busy block `at` was copied elsewhere and will not be used again, though `free` refused it
 *   unit()             the one size it serves, once that is known; else 0
 *   serves(size)       whether a block of that size could ever be had; no memory is not asked for where it says no
 *   mistaken(op, at, owner)   a client was just told that `at` cannot be freed or resized: a wrapper may say why; `owner`
 *                      is the name of another region that has that address
 *   closing()          the region is about to close; what comes back is called at each call that comes too late
 *   leaks(held)        says which blocks were never freed, but for those at `held`, which are the region's own
 *   overrun(at, place, count)  so many of the bytes that the region keeps at the end of the payload at `at` (see
 *                      Store.tailOf) were found overwritten, the first at `place`; they are right again
 *   part(at)           compiled code that knows the shape of blocks (MethodDef.heads) has cut a busy block in two, of which
 *                      the second begins at `at`: from now on both are blocks
 *   profile(fresh)     what was counted so far; with `fresh` counting begins anew
 *   headOf(at, size)   what the word before the busy block at `at`, of `size` usable bytes, must be, as an Int32Array has
 *                      it; of methods with `heads`. Costs O(1)
 *   mendHead(at, size, left)  that word was overwritten and is right again, and what says in the block `left` that this one
 *                      is free, if it is; `left` ends where that word begins, and is 0 where no free block can do so
 *
 * A method tells the store of every block that becomes busy (`took`) or stops being so (`gave`): busy bytes and high
 * tide are kept there.
 *
 * A wrapper is a method that is given another one, `inner`, which it starts and clears. Both have a store with a state of
 * their own. One that hands on the blocks of `inner` as they are has nothing to count. One that asks `inner` for larger
 * blocks than it hands out says so by `gross`; it tells its own store what its clients hold, and what `inner` takes and
 * gives is counted in the first 8 bytes of its state, or where it counts itself if it says `lends`. An option of `inner` that is the size of a payload (see
 * `OptionRow`) comes to `inner` as what the wrappers make of it.
 */
import type { Addr, Cell } from './addr.ts'
import type { OptionRow, OptionValue } from './option.ts'
import type { Profile } from './profile.ts'
import type { Mistake } from './region.ts'
import type { State } from './stat.ts'
import type { Store } from './store.ts'

export type Visit = (at: Addr, size: number, state: State) => boolean | void

export interface Method {
  alloc(size: number): Addr
  free(at: Addr): boolean
  sizeOf(at: Addr): number
  walk(visit: Visit): void
  check(level: number, at?: Addr): void
  clear(): void
  start(): void

  resize?(at: Addr, size: number): boolean
  align?(size: number, alignment: number): Addr
  compact?(): void
  offsetOf?(at: Addr): number
  allocFor?(size: number, slot: Cell, counted: boolean): Addr
  alignFor?(size: number, alignment: number, slot: Cell, counted: boolean): Addr
  freeOf?(at: Addr, slot: Cell, counted: boolean, any: boolean): boolean
  moved?(at: Addr): void
  unit?(): number
  serves?(size: number): boolean
  mistaken?(op: 'free' | 'resize', at: Addr, owner?: string): void
  closing?(): Late
  leaks?(held: ReadonlySet<Addr>): void
  part?(at: Addr): void
  overrun?(at: Addr, place: Addr, count: number): void
  profile?(fresh: boolean): Profiled
  headOf?(at: Addr, size: number): number
  mendHead?(at: Addr, size: number, left: Addr): void
}

/** Hears of a call to a region that is closed; `value` is the address or the size that came. */
export type Late = ((op: Mistake['op'], value: number) => void) | undefined

/** A profile as a method knows it: without the name of the region and what only the region knows. */
export type Profiled = Omit<Profile, 'region' | 'method' | 'extent'>

/** A method that can be asked for by name. */
export interface MethodDef {
  readonly name: string
  /** One line for tables and help. */
  readonly about: string
  /** Bytes of state in the region's header, a multiple of 8. */
  readonly state: number
  /** Which blocks can be freed one at a time. */
  readonly frees: 'any' | 'newest' | 'none'
  /** Which sizes can be live at once. */
  readonly sizes: 'any' | 'one' | 'none'
  /** Whether freeing everything and compacting leaves one free piece a segment. */
  readonly coalesces: boolean
  /** Bytes of bookkeeping for a busy block, before rounding. */
  readonly overhead: number
  readonly options?: readonly OptionRow[]
  /** A wrapper is given the method that it wraps. */
  readonly wraps?: boolean
  /** What a wrapper wraps counts into the wrapper's own tally; the wrapper puts right what its blocks have more. */
  readonly lends?: boolean
  /**
   * The word before each payload is the one that compiled C expects: bytes from there to the next such word, a multiple of
   * 8, with the two lowest bits set and the third as the method likes. A wrapper leaves it alone where `Store.heads` says so.
   */
  readonly heads?: boolean
  /** It fills freed memory, and looks at it later: nobody else writes there, not even `junk`. */
  readonly fillsFreed?: boolean
  /** Bytes that a wrapper asks of what it wraps for a payload of `size`, with the settings of its region; see above and Store.heads. */
  gross?(size: number, settings: Readonly<Record<string, OptionValue>>, align: number, heads: boolean): number
  /** `inner` and what it claims are given to wrappers. */
  create(
    store: Store,
    settings: Readonly<Record<string, OptionValue>>,
    inner?: Method,
    claims?: Pick<MethodDef, 'frees' | 'sizes'>,
  ): Method
}
