/**
 * fault: the one class of error, and what its codes mean.
 *
 *   argument    a call or an option string with something that cannot be meant: what came, what was expected
 *   unknown     a name that no registry knows, with the nearest one that it does
 *   vetoed      a discipline's handler said no
 *   no-memory   a region could not be opened for want of raw memory (an allocation answers 0 instead)
 *   damaged     bytes that are not a region, or not an intact one, at attach
 *   corrupted   a law of a structure that does not hold, found by check
 *   closed      use of what has been closed, freed or cut off
 *   busy        a lock that was not given back in time, with its holder
 *   reported    what a debugging method found, thrown because `abort` asks for it; `cause` is the finding
 *   destructor  functions that were to run at the end of a heap, a block or a scope threw; `cause` has all that they threw
 *   scope       use of a pool or a scope that is not in the state for it
 *   unsupported something that this platform or this method has not
 */
export type FaultCode =
  | 'argument'
  | 'unknown'
  | 'vetoed'
  | 'no-memory'
  | 'damaged'
  | 'corrupted'
  | 'closed'
  | 'busy'
  | 'reported'
  | 'destructor'
  | 'scope'
  | 'unsupported'

export class VmallocError extends Error {
  readonly code: FaultCode
  /** The address at which a structure is broken, where the code is `corrupted` and one is known. */
  readonly place: number | undefined

  constructor(code: FaultCode, message: string, options?: ErrorOptions & { place?: number }) {
    super(message, options)
    this.name = 'VmallocError'
    this.code = code
    this.place = options?.place
  }
}

/** Throws what a check found: tag of the law, place, what was seen, what was expected. */
export function corrupted(tag: string, place: number, seen: unknown, expected: unknown): never {
  throw new VmallocError('corrupted', `${tag}: at ${place}: ${String(seen)}, expected ${String(expected)}`, { place })
}
