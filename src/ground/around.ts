/**
 * around: what is done when a function has ended, whichever way, or the promise that it answered is settled.
 */
import { VmallocError } from './fault.ts'

/** What is done with a subject at the end: made once, so that a call makes no functions. */
export interface Ends<S> {
  /** After a success. What it throws is thrown. */
  done(subject: S): void
  /** After a failure. What it throws comes in one error with what was thrown before. */
  failed(subject: S): void
  /** Who ends, for that error. */
  who(subject: S): string
}

/** Calls `fn` with `subject`, by `run` where it is given; answers what `fn` answers, or a promise of it. */
export function around<S, R>(
  subject: S,
  fn: (subject: S) => R,
  ends: Ends<S>,
  run?: (subject: S, fn: (subject: S) => R) => R,
): R {
  let result: R
  let isLater: boolean
  try {
    result = run === undefined ? fn(subject) : run(subject, fn)
    isLater = isThenable(result)
  } catch (error) {
    fail(error, subject, ends)
  }
  if (isLater) return later(result as PromiseLike<unknown>, subject, ends) as R
  ends.done(subject)
  return result
}

function later<S>(promise: PromiseLike<unknown>, subject: S, ends: Ends<S>): PromiseLike<unknown> {
  return Promise.resolve(promise).then(
    (value) => {
      ends.done(subject)
      return value
    },
    (error: unknown) => fail(error, subject, ends),
  )
}

function fail<S>(error: unknown, subject: S, ends: Ends<S>): never {
  try {
    ends.failed(subject)
  } catch (other) {
    const { cause } = other as { cause?: unknown }
    const errors = [error, ...(cause instanceof AggregateError ? cause.errors : [other])]
    const said = error instanceof Error ? error.message : String(error)
    throw new VmallocError('destructor', `${ends.who(subject)}: ${said}; and at the end: ${(other as Error).message}`, {
      cause: new AggregateError(errors, 'what was called threw, and so did what was to end it'),
    })
  }
  throw error
}

export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
}
