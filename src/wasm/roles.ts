/**
 * roles: the functions of an allocator, how they are called, and what is known of those that a module has.
 *
 *   role                  parameters              result
 *   malloc                size                    address, or 0
 *   calloc                count, size             address, or 0
 *   realloc               address, size           address, or 0
 *   memalign              alignment, size         address, or 0     an alignment that is no power of two is rounded up
 *   aligned_alloc         alignment, size         address, or 0
 *   posix_memalign        where, alignment, size  0, or what is wrong; the address lies at `where`
 *   free                  address                 none
 *   malloc_usable_size    address                 bytes
 *   dispose_chunk         chunk, bytes            none              frees the block whose payload is at chunk + 8; inside dlmalloc
 *
 * All of them are i32. A function may have the name of a role and mean something else: it then has another type, as a
 * rule, and is not taken for it.
 */
import { type FuncType, I32 } from './binary.ts'

export const ROLES = [
  'malloc',
  'free',
  'realloc',
  'calloc',
  'memalign',
  'aligned_alloc',
  'posix_memalign',
  'malloc_usable_size',
  'dispose_chunk',
] as const
export type Role = (typeof ROLES)[number]

export type Evidence = 'map' | 'export' | 'name' | 'glue' | 'fingerprint'

export interface Found {
  readonly role: Role
  /** The function that all callers reach: those that only lead to it are followed. */
  readonly index: number
  /** Functions that only lead to it. */
  readonly entries: readonly number[]
  /** The best that speaks for it. */
  readonly evidence: Evidence
  /** Two different things speak for it, or it is what somebody said. */
  readonly sure: boolean
  /** In words. */
  readonly why: string
}

export type Family = 'dlmalloc' | 'emmalloc' | 'dlmalloc-rs' | 'other' | 'none'

/** What can be done with a module: '' when a level is possible, else why not, in one short sentence. */
export interface Levels {
  readonly observe: string
  readonly replace: string
  readonly debug: string
}

export interface Stranger {
  readonly index: number
  readonly why: string
}

export interface Finding {
  readonly family: Family
  /** Of the payloads that its malloc hands out. */
  readonly alignment: 8 | 16
  readonly functions: readonly Found[]
  /** Functions that touch the allocator's state, or heads of blocks, and have no role. */
  readonly strangers: readonly Stranger[]
  readonly levels: Levels
  /** '' or why the module is left alone. */
  readonly left: string
}

const shapes: Record<Role, string> = {
  malloc: 'i:i',
  free: 'i:',
  realloc: 'ii:i',
  calloc: 'ii:i',
  memalign: 'ii:i',
  aligned_alloc: 'ii:i',
  posix_memalign: 'iii:i',
  malloc_usable_size: 'i:i',
  dispose_chunk: 'ii:',
}

/** A type in letters: `ii:i` takes two i32 and gives one; what is no i32 is a `?`. */
export function shapeOf(type: FuncType): string {
  const letters = (types: readonly number[]) => types.map((type) => (type === I32 ? 'i' : '?')).join('')
  return `${letters(type.params)}:${letters(type.results)}`
}

export function shapeFor(role: Role): string {
  return shapes[role]
}

const PREFIXES = '(?:orig\\$)?_*(?:dl|emmalloc_|emscripten_builtin_|libc_)?'
const SPELLING = new RegExp(`^${PREFIXES}(${ROLES.slice(0, -1).join('|')})$`)
const INSIDE: Readonly<Record<string, Role>> = { internal_memalign: 'memalign', dispose_chunk: 'dispose_chunk' }

/** The role of which a function has the name, as compilers and C libraries spell it. */
export function roleOfName(name: string): Role | undefined {
  return (SPELLING.exec(name)?.[1] as Role | undefined) ?? (Object.hasOwn(INSIDE, name) ? INSIDE[name] : undefined)
}

export function isRole(word: string): word is Role {
  return (ROLES as readonly string[]).includes(word)
}
