/**
 * linear: an instance of a rewritten module, as those see it who serve its malloc.
 */
import type { Originals } from './originals.ts'

export interface Linear {
  /** What its region is called. */
  readonly name: string
  readonly memory: WebAssembly.Memory
  /** The module's own functions, which call each other and none of those that serve in their place. */
  readonly originals: Originals
  /** What its allocator aligns blocks to. */
  readonly alignment: number
  readonly figures: Figures
}

/** What the program asked for, in calls. Kept when the instance is gone. */
export interface Figures {
  allocs: number
  frees: number
  resizes: number
  /** Requests that got no memory. */
  failures: number
  /** Blocks that were freed or resized and are not the region's: from before it began, or by ways nobody watches. */
  foreign: number
}

export function newFigures(): Figures {
  return { allocs: 0, frees: 0, resizes: 0, failures: 0, foreign: 0 }
}
