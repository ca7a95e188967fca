/**
 * expect: the few words in which the suites state what must be. They throw plain errors, so any test runner will do.
 */
import { type FaultCode, VmallocError } from '../../src/ground/fault.ts'

/** What a suite needs of a test runner; mocha, vitest, node:test, bun:test and Deno's bdd have it. */
export interface Runner {
  describe(title: string, body: () => void): unknown
  it(title: string, body: () => void): unknown
}

export function fail(sentence: string): never {
  throw new Error(sentence)
}

export function must(holds: boolean, otherwise: string): asserts holds {
  if (!holds) fail(otherwise)
}

/** Two plain values, or two arrays or objects of such, compared by what they hold. */
export function equal<T>(what: string, seen: T, expected: T): void {
  if (seen === expected || Object.is(seen, expected)) return
  const [is, should] = [textOf(seen), textOf(expected)]
  if (typeof seen !== 'object' || is !== should) fail(`${what}: ${is}, expected ${should}`)
}

/** Runs what must throw a VmallocError of that code, and hands the error over. */
export function throws(what: string, code: FaultCode, call: () => unknown): VmallocError {
  try {
    call()
  } catch (error) {
    if (error instanceof VmallocError && error.code === code) return error
    fail(`${what}: threw ${String(error)}, expected VmallocError ${code}`)
  }
  fail(`${what}: threw nothing, expected VmallocError ${code}`)
}

/** JSON with its keys in order; what JSON cannot say is named. */
function textOf(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) => {
    if (part === undefined || (typeof part === 'number' && !Number.isFinite(part))) return String(part)
    if (typeof part !== 'object' || part === null || Array.isArray(part)) return part
    return Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
  })
}
