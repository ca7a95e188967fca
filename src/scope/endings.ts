/**
 * endings: functions that are called before memory goes.
 *
 *   registered   a b c d        a round calls d c b a: newest first
 *
 * One that is taken out while a round runs is not called any more in it, itself included; one that comes while a round
 * runs waits for the next. What a function throws holds up no other.
 */

/** What happens to the memory: it is freed and used again, or it goes for good. */
export type EndEvent = 'free' | 'destroy'

interface Ending {
  readonly run: (event: EndEvent) => void
  readonly once: boolean
  isGone: boolean
}

const MOST_ROUNDS = 100

export class Endings {
  private list: Ending[] = []

  /** Adds a function; the returned one takes it out, and may be called at any time, more than once. */
  add(run: (event: EndEvent) => void, once: boolean): () => void {
    const ending = { run, once, isGone: false }
    this.list.push(ending)
    return () => this.remove(ending)
  }

  /** Calls all, and returns what they threw. Destroying calls also those that come meanwhile, and leaves none. */
  run(event: EndEvent): unknown[] {
    const errors: unknown[] = []
    if (this.list.length === 0) return errors
    this.round(event, errors)
    for (let rounds = 1; event === 'destroy' && this.list.length > 0; rounds++) {
      if (rounds === MOST_ROUNDS) {
        errors.push(new Error(`${MOST_ROUNDS} rounds of callbacks, and each registered another one`))
        this.list = []
      } else this.round(event, errors)
    }
    return errors
  }

  private round(event: EndEvent, errors: unknown[]): void {
    for (const ending of this.list.slice().reverse()) {
      if (ending.isGone) continue
      if (ending.once || event === 'destroy') this.remove(ending)
      try {
        ending.run(event)
      } catch (error) {
        errors.push(error)
      }
    }
  }

  private remove(ending: Ending): void {
    if (ending.isGone) return
    ending.isGone = true
    this.list = this.list.filter((other) => other !== ending)
  }
}
