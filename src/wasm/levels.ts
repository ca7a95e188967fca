/**
 * levels: what may be done with a module, and in one short sentence why not.
 *
 *   observe   calls are watched, the module's allocator serves    malloc and free are known
 *   replace   blocks are ours                                     every function that takes or makes blocks is known, or
 *                                                                 runs on our blocks as on its own
 *   debug     blocks have words of ours behind the payload        and none of them runs on our blocks by itself
 */
import type { Module } from './binary.ts'
import type { Family, Found, Levels, Role, Stranger } from './roles.ts'

const FUNCREF = 0x70

export interface Evident {
  readonly family: Family
  readonly functions: readonly Found[]
  readonly strangers: readonly Stranger[]
  /** Callers with code of realloc or memalign in them. */
  readonly inlined: readonly Stranger[]
  /** Functions that take sizes out of heads. */
  readonly readers: readonly number[]
  /** The allocator's state is known, and who touches it. */
  readonly isProven: boolean
}

/** The same reason for every level. */
export function noLevels(reason: string): Levels {
  return { observe: reason, replace: reason, debug: reason }
}

/** Why a module is left as it is, whatever it has; '' where there is no reason. */
export function reasonToLeave(module: Module): string {
  const { memories, tables, imports } = module
  if (memories.length === 0) return 'it has no memory'
  if (memories.length > 1) return `it has ${memories.length} memories`
  if (memories[0]!.long) return 'its memory has addresses of 64 bits'
  if (memories[0]!.shared) return 'its memory is shared'
  if (tables.length > 0 && tables[0]!.type !== FUNCREF) return 'its first table is not one of functions'
  if (tables.length > 0 && tables[0]!.long) return 'its first table has indices of 64 bits'
  const linked = imports.some(({ kind, name }) => kind === 'function' && (name === 'malloc' || name === 'free'))
  return linked ? 'it imports malloc: it is served where its main module is' : ''
}

export function levelsOf(facts: Evident): Levels {
  const observe = whyNotObserve(facts)
  const replace = observe === '' ? whyNotReplace(facts) : observe
  return { observe, replace, debug: replace === '' ? whyNotDebug(facts) : replace }
}

function whyNotObserve({ functions }: Evident): string {
  for (const role of ['malloc', 'free'] as Role[]) if (!has(functions, role)) return `no ${role} is found in it`
  return ''
}

function whyNotReplace({ family, functions, strangers, inlined, isProven }: Evident): string {
  if (family === 'dlmalloc-rs') return "Rust's allocator can only be watched"
  if (family === 'other') return 'its allocator is none that this program knows'
  if (!isProven) return 'where its allocator keeps its state is not known'
  const [stranger] = strangers
  if (stranger !== undefined) return `function ${stranger.index} ${stranger.why}`
  const [unhooked] = inlined
  if (unhooked !== undefined && !has(functions, 'dispose_chunk')) return `function ${unhooked.index}: ${unhooked.why}`
  return ''
}

function whyNotDebug({ inlined, readers }: Evident): string {
  const [first] = inlined
  if (first !== undefined) return `function ${first.index}: ${first.why}`
  const [reader] = readers
  return reader === undefined ? '' : `function ${reader} reads the sizes of blocks`
}

function has(functions: readonly Found[], role: Role): boolean {
  return functions.some((found) => found.role === role)
}
