/**
 * errors: what several functions threw, as one error, after all of them were called.
 */
import { VmallocError } from '../ground/fault.ts'

/** Calls `what`; what it throws joins the others. */
export function collect(errors: unknown[], what: () => void): void {
  try {
    what()
  } catch (error) {
    errors.push(error)
  }
}

/** Throws VmallocError `destructor` when there are any; its cause is an AggregateError with all, those inside others too. */
export function throwAll(errors: readonly unknown[], what: string): void {
  if (errors.length === 0) return
  const all = errors.flatMap((error) => partsOf(error))
  const many = all.length === 1 ? 'a function' : `${all.length} functions`
  const first = all[0] instanceof Error ? all[0].message : String(all[0])
  throw new VmallocError('destructor', `${what}: ${many} threw: ${first}`, {
    cause: new AggregateError(all, `${many} threw`),
  })
}

function partsOf(error: unknown): unknown[] {
  const isMany = error instanceof VmallocError && error.code === 'destructor' && error.cause instanceof AggregateError
  return isMany ? (error.cause as AggregateError).errors : [error]
}
