/**
 * Lock: two words of shared memory that let one thread at a time into a root and its children.
 *
 *   +0       +4
 *   | HOLDER | WAITERS |       HOLDER is 0, or the agent that is inside; WAITERS counts threads asleep on HOLDER
 *
 * A thread that is inside may enter again. Waiting is bounded: after PATIENCE milliseconds the wait ends in an error
 * that names the holder. Where Atomics.wait is forbidden (the main thread of a browser) the wait spins.
 */
import { agent, agentName } from './agent.ts'
import { VmallocError } from './fault.ts'
import type { Words } from './words.ts'

const HOLDER = 0
const WAITERS = 1

/** How long a thread waits for a lock, in milliseconds. */
export const PATIENCE = 5000
const SPINS = 200
const NAP = 50

export class Lock {
  private readonly words: Words
  private readonly at: number
  private readonly what: string

  /** A lock at byte `at` of the space; `what` names it in messages. */
  constructor(words: Words, at: number, what: string) {
    this.words = words
    this.at = at >>> 2
    this.what = what
  }

  /** Enters; false when this thread was inside already, and then must not `give`. */
  take(): boolean {
    const seen = Atomics.compareExchange(this.words.i32, this.at + HOLDER, 0, agent)
    if (seen === 0) return true
    if (seen === agent) return false
    this.wait()
    return true
  }

  /** Leaves, and wakes one thread that waits; one that is overlooked, since a plain look is not ordered, naps no longer than NAP. */
  give(): void {
    const words = this.words.i32
    Atomics.store(words, this.at + HOLDER, 0)
    if (words[this.at + WAITERS] !== 0) Atomics.notify(words, this.at + HOLDER, 1)
  }

  private wait(): void {
    const words = this.words.i32
    const holder = this.at + HOLDER
    for (let i = 0; i < SPINS; i++) if (Atomics.compareExchange(words, holder, 0, agent) === 0) return
    const end = Date.now() + PATIENCE
    let sleeps = true
    for (;;) {
      const seen = Atomics.compareExchange(words, holder, 0, agent)
      if (seen === 0) return
      if (Date.now() >= end) {
        throw new VmallocError(
          'busy',
          `${this.what}: waited ${PATIENCE} ms for its lock, held by ${agentName(seen)}; is that thread still alive?`,
        )
      }
      if (!sleeps) continue
      Atomics.add(words, this.at + WAITERS, 1)
      try {
        Atomics.wait(words, holder, seen, NAP)
      } catch (error) {
        if (!(error instanceof TypeError)) throw error
        sleeps = false
      } finally {
        Atomics.sub(words, this.at + WAITERS, 1)
      }
    }
  }
}
