/**
 * thunks: functions that only hand their parameters on to another one of the same type, as `malloc` to `dlmalloc`.
 *
 *   local.get 0 ... local.get n - 1  call X  end          or  return_call X
 *
 * Optimisers let most callers call X itself, so only there all of them come by.
 */
import { bodyOf, type Module, typeOf } from './binary.ts'
import { CALL, Code, END, LOCAL_GET, RETURN, RETURN_CALL } from './code.ts'

const LONGEST_CHAIN = 8
const LARGEST_THUNK = 64

/** Where a call of a function ends up; itself when it is no thunk. */
export function behind(module: Module, index: number): number {
  let at = index
  for (let i = 0; i < LONGEST_CHAIN; i++) {
    const next = nextOf(module, at)
    if (next === at || next === index) return at
    at = next
  }
  return at
}

/** All thunks that end up at any of these functions. O(functions). */
export function thunksTo(module: Module, indices: ReadonlySet<number>): Map<number, number[]> {
  const found = new Map<number, number[]>()
  for (let index = module.imported; index < module.functions.length; index++) {
    if (nextOf(module, index) === index) continue
    const target = behind(module, index)
    if (target !== index && indices.has(target)) found.set(target, [...(found.get(target) ?? []), index])
  }
  return found
}

function nextOf(module: Module, index: number): number {
  const body = bodyOf(module, index)
  if (body === undefined || body.end - body.locals > LARGEST_THUNK) return index
  const type = typeOf(module, index)
  const code = new Code(module.bytes, body)
  for (let param = 0; param < type.params.length; param++) {
    if (!code.next() || code.op !== LOCAL_GET || code.a !== param) return index
  }
  if (!code.next() || (code.op !== CALL && code.op !== RETURN_CALL)) return index
  const target = code.a
  if (target >= module.functions.length || !isEqual(type, typeOf(module, target))) return index
  return endsHere(code) ? target : index
}

function endsHere(code: Code): boolean {
  while (code.next()) if (code.op !== END && code.op !== RETURN) return false
  return true
}

function isEqual(one: ReturnType<typeof typeOf>, other: ReturnType<typeof typeOf>): boolean {
  return `${one.params}:${one.results}` === `${other.params}:${other.results}`
}
