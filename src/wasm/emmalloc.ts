/**
 * emmalloc: Emscripten's small allocator, recognised behind its names, and all functions that touch its state.
 *
 *   state   +0              ...          +1024          +1032
 *           | 64 buckets of 16 bytes     | first region | which buckets have blocks, 64 bits |
 *
 * Sizes lie at both ends of a block, so heads are others than dlmalloc's; but its code is small and keeps together. Where
 * it is replaced, nothing of it may run on blocks that are not its own: every function that touches the state must have
 * a role, or be reached only from such, or only prepare the buckets when the program starts.
 */
import { type Flow, flow } from './flow.ts'
import type { Role, Stranger } from './roles.ts'
import { IS_71, IS_110, type Survey } from './survey.ts'

const BUCKETS = 1024
const STATE_BYTES = BUCKETS + 16
/** Whoever takes or files blocks needs these; what only prepares the buckets does not. */
const USED = [BUCKETS + 8, BUCKETS + 12]

export interface Emmalloc {
  /** Of its state; undefined where it was not found. */
  readonly state: number | undefined
  readonly strangers: readonly Stranger[]
}

/** What is known of the emmalloc whose free this is; undefined where it is another allocator's. Throws Unreadable. */
export function findEmmalloc(survey: Survey, free: number, roles: ReadonlyMap<number, Role>): Emmalloc | undefined {
  const marks = survey.marks(free)
  if ((marks & IS_71) === 0 || (marks & IS_110) === 0) return undefined
  const state = stateIn(flow(survey.module, free))
  if (state === undefined) return { state, strangers: [] }
  const touching = new Set<number>()
  const preparing = new Set<number>()
  for (let index = survey.imported; index < survey.count; index++) {
    if (!survey.mentions(index, state, state + STATE_BYTES)) continue
    const seen = flow(survey.module, index, { from: state, to: state + STATE_BYTES })
    if ([...seen.loads, ...seen.stores, ...seen.passed].some((at) => at >= state && at < state + STATE_BYTES)) {
      const isUsing = USED.some((word) => seen.loads.has(state + word) || seen.stores.has(state + word))
      ;(isUsing || survey.shape(index) !== ':' ? touching : preparing).add(index)
    }
  }
  const inside = insideOf(survey, touching, roles, preparing)
  const strangers = [...touching].filter((index) => !roles.has(index) && !inside.has(index))
  return { state, strangers: strangers.map((index) => ({ index, why: 'uses the state of the allocator' })) }
}

/** free puts a block behind the last one of a bucket, whose link to it is at 8, and sets a bit behind the buckets. */
function stateIn(seen: Flow): number | undefined {
  const changed = (at: number) => seen.loads.has(at) && seen.stores.has(at)
  const states = [...seen.stores].map((bits) => bits - BUCKETS - 8)
  return states.find((state) => changed(state + 8) && changed(state + BUCKETS + 8))
}

/** Functions that only those with a role, or such functions, call: the largest such set. */
export function insideOf(
  survey: Survey,
  of: Iterable<number>,
  roles: ReadonlyMap<number, Role>,
  preparing: ReadonlySet<number> = new Set(),
): Set<number> {
  const isAllowed = (caller: number) => roles.has(caller) || inside.has(caller) || preparing.has(caller)
  const inside = new Set<number>()
  for (const index of of) if (!roles.has(index) && !survey.isOpen(index)) inside.add(index)
  const doubtful = [...inside]
  for (let index = doubtful.pop(); index !== undefined; index = doubtful.pop()) {
    const callers = survey.callers(index)
    if (!inside.has(index) || (callers.length > 0 && callers.every(isAllowed))) continue
    inside.delete(index)
    for (const callee of survey.callees(index)) if (inside.has(callee)) doubtful.push(callee)
  }
  return inside
}
