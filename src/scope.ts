/**
 * vmalloc/scope: pools that are freed at once, scopes that are entered and left, and the life cycle of a program.
 */
import './index.ts'

export type { EndEvent } from './scope/endings.ts'
export {
  LifeCycle,
  type LifeCycleOptions,
  type ProgramContext,
  type Reason,
  Session,
  type SessionContext,
  type SessionState,
} from './scope/life-cycle.ts'
export { openPool, Pool, type PoolState } from './scope/pool.ts'
export { openScope, Scope } from './scope/scope.ts'
