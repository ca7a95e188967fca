/**
 * names: how the reports name a call site that has no frames.
 */
import type { Frame } from '../ground/stacks.ts'

/** Stands where no stack was recorded. */
export const NO_STACK: Frame = { name: '(no stack)', file: '', line: 0, column: 0 }

/** The frames of a site, innermost first; never empty. */
export const framesOrNone = (frames: readonly Frame[]): readonly Frame[] => (frames.length > 0 ? frames : [NO_STACK])
