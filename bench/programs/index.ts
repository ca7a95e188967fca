/**
 * programs: the table of real programs, run whole: see program.ts.
 */
import { documents } from './documents/index.ts'
import type { Program } from './program.ts'

export type { Outcome, Program, RunOptions, Variant, Vmalloc } from './program.ts'

export const programs: readonly Program[] = [documents]
