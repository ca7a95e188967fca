/**
 * originals: the functions of the malloc family, as JavaScript calls those of a module that were found and copied.
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

/** What is called in their place. */
export type Hooks = Partial<Record<Role, Call>>
