/**
 * around: what is done when a function has ended, whichever way, or the promise that it answered is settled.
 */
import { VmallocError } from './fault.ts'

export interface Ends {
  /** After a success. What it throws is thrown. */
  done(): void
  /** After a failure, before what was thrown is thrown on; what this throws too comes with it, in one error. */
  failed(): void
  /** Who ends, for that error. */
  who: () => string
}

/** Calls `fn`, then the one or the other of `ends`; answers what `fn` answers, or a promise of it. */
export function around<R>(fn: () => R, ends: Ends): R {
  let result: R
  try {
    result = fn()
  } catch (error) {
    fail(error, ends)
  }
  if (isThenable(result)) {
    const succeed = (value: unknown): unknown => {
      ends.done()
      return value
    }
    return result.then(succeed, (error: unknown) => fail(error, ends)) as R
  }
  ends.done()
  return result
}

function fail(error: unknown, ends: Ends): never {
  try {
    ends.failed()
  } catch (other) {
    const { cause } = other as { cause?: unknown }
    const errors = [error, ...(cause instanceof AggregateError ? cause.errors : [other])]
    const said = error instanceof Error ? error.message : String(error)
    throw new VmallocError('destructor', `${ends.who()}: ${said}; and at the end: ${(other as Error).message}`, {
      cause: new AggregateError(errors, 'what was called threw, and so did what was to end it'),
    })
  }
  throw error
}

export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
}
