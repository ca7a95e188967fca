/**
 * counts: so many numbers that go up, in one block of a scope.
 */
import type { Addr } from 'vmalloc'
import type { Scope } from 'vmalloc/scope'
import type { Memory } from './memory.ts'

export class Counts {
  private readonly memory: Memory
  private readonly at: Addr

  constructor(scope: Scope, memory: Memory, count: number) {
    this.memory = memory
    this.at = scope.allocZeroed(count * 8)
  }

  add(which: number, by = 1): void {
    this.memory.f64[this.at / 8 + which]! += by
  }

  get(which: number): number {
    return this.memory.f64[this.at / 8 + which]!
  }
}
