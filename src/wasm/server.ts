/**
 * server: what serves the malloc of an instance: hooks, and the region behind them.
 *
 * The region opens at the first call: before that the JavaScript around the module may not be ready for its memory to grow.
 * Where a program puts its memory back to what it was before that, the region is gone with its blocks, and another one
 * begins. A region that cannot open is tried a few times; the program goes on with its own malloc.
 */
import { VmallocError } from '../ground/fault.ts'
import { writeReport } from '../region/options.ts'
import type { Handle } from '../region/region.ts'
import type { Linear } from './linear.ts'
import type { Hooks, Originals } from './originals.ts'

/** How often opening is tried where the program has no memory for it. */
const TRIES = 8

export abstract class Server {
  abstract readonly hooks: Hooks
  protected readonly linear: Linear
  protected readonly originals: Originals
  protected handle: Handle | undefined = undefined
  /** Inside a function of the module's own, which may call another one of them by ways that lead back here. */
  protected isInside = false
  private left = TRIES
  private wasTold = false

  constructor(linear: Linear) {
    this.linear = linear
    this.originals = linear.originals
  }

  /** Once the program has asked for memory. */
  get region(): Handle | undefined {
    return this.handle
  }

  /** Opens a region over the program's memory. */
  protected abstract open(): Handle

  /** Calls a function of the module's own. */
  protected inside(call: () => number): number {
    const was = this.isInside
    this.isInside = true
    try {
      return call()
    } finally {
      this.isInside = was
    }
  }

  /** Whether there is a region, which begins if need be; asked where the quick look at its header said no. */
  protected begin(): boolean {
    if (this.handle !== undefined) {
      if (this.handle.isInPlace) return true
      if (!this.handle.closed) this.handle.abandon()
      this.handle = undefined
    }
    if (this.left === 0) return false
    this.left--
    try {
      this.handle = this.open()
      this.left = TRIES
      return true
    } catch (error) {
      if (error instanceof VmallocError && error.code === 'no-memory') return false
      this.left = 0
      this.told(error)
      return false
    }
  }

  /** Nothing is thrown through the program, but what somebody asked for. */
  protected told(error: unknown): void {
    if (error instanceof VmallocError && error.code === 'reported') throw error
    if (this.wasTold) return
    this.wasTold = true
    writeReport(`vmalloc: ${this.linear.name}: ${error instanceof Error ? error.message : String(error)}`)
  }
}
