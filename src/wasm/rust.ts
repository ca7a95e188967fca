/**
 * rust: malloc and free of modules that Rust made with wasm-bindgen, for watching.
 *
 *   exported    __wbindgen_malloc(size, align)  __wbindgen_free(address, size, align)      or __wbindgen_export_0, _1, ...
 *   inside      dlmalloc's port: malloc i:i of 2.5 to 9 kB that grows memory, free i: that shares addresses with it
 *
 * The exports hand size and alignment on, through functions of the runtime, to the two inside, which all other code of the
 * module calls too. Blocks are resized in place by code that these two do not see.
 */
import { flow } from './flow.ts'
import type { Role } from './roles.ts'
import { GROWS, type Survey } from './survey.ts'

const BINDGEN = /^__wbindgen_(?:malloc|free|export)/
const DEPTH = 4
const SHARED = 3

/** malloc and free; undefined where they are not to be told. Throws Unreadable. */
export function findRust(survey: Survey): Map<number, Role> | undefined {
  const exported = survey.module.exports.filter(({ kind, name }) => kind === 'function' && BINDGEN.test(name))
  const reached = reachedFrom(
    survey,
    exported.map(({ index }) => index),
  )
  const mallocs = [...reached].filter((index) => {
    const size = survey.size(index)
    return survey.shape(index) === 'i:i' && size > 2500 && size < 9000 && (survey.marks(index) & GROWS) !== 0
  })
  if (mallocs.length !== 1) return undefined
  const malloc = mallocs[0]!
  const state = addressesOf(survey, malloc)
  const frees = [...reached].filter((index) => {
    const size = survey.size(index)
    if (survey.shape(index) !== 'i:' || size < 500 || size > 2600) return false
    return [...addressesOf(survey, index)].filter((at) => state.has(at)).length >= SHARED
  })
  if (frees.length !== 1) return undefined
  return new Map<number, Role>([
    [malloc, 'malloc'],
    [frees[0]!, 'free'],
  ])
}

function addressesOf(survey: Survey, index: number): Set<number> {
  const seen = flow(survey.module, index)
  return new Set([...seen.loads, ...seen.stores])
}

function reachedFrom(survey: Survey, from: readonly number[]): Set<number> {
  const reached = new Set(from)
  let edge = [...from]
  for (let depth = 0; depth < DEPTH; depth++) {
    const next: number[] = []
    for (const index of edge) {
      for (const callee of survey.callees(index)) {
        if (reached.has(callee)) continue
        reached.add(callee)
        next.push(callee)
      }
    }
    edge = next
  }
  return reached
}
