/**
 * originals: the functions of the malloc family, as JavaScript calls those of a module that were found and copied, and as
 * those are called that serve in their place.
 *
 * Numbers are i32, so they come signed: whoever takes an address or a size says `>>> 0`.
 */
import type { Role } from './roles.ts'

/** A function as it is called: arguments it does not have are left out. */
export type Call = (a: number, b?: number, c?: number) => number

/** Those of an instance; malloc and free are always there. */
export interface Originals extends Partial<Record<Role, Call>> {
  readonly malloc: Call
  readonly free: Call
}

// what posix_memalign answers, by the numbers of wasi-libc and Emscripten
export const EINVAL = 28
export const ENOMEM = 48
/** Bytes of an address; no alignment may be less. */
export const POINTER = 4

/** What realloc is, as a region has it. */
export const MOVES = { move: true, copy: true }

/** What is called in their place. */
export type Hooks = Partial<Record<Role, Call>>
