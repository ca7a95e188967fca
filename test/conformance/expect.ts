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
  if (seen === expected || Object.is(seen, expected) || isAlike(seen, expected)) return
  const [is, should] = [textOf(seen), textOf(expected)]
  if (typeof seen !== 'object' || is !== should) fail(`${what}: ${is}, expected ${should}`)
}

/** Two arrays or objects with the same keys and the very same values: seen at a glance, most are; others as text. */
function isAlike(one: unknown, other: unknown): boolean {
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) return false
  if (Array.isArray(one) !== Array.isArray(other)) return false
  const keys = Object.keys(one)
  if (keys.length !== Object.keys(other).length) return false
  const [these, those] = [one, other] as Record<string, unknown>[]
  return keys.every((key) => Object.hasOwn(those!, key) && Object.is(these![key], those![key]))
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
