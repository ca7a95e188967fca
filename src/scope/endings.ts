/**
 * endings: functions that are called before memory goes.
 *
 *   registered   a b c d        a round calls d c b a: newest first
 *
 * One that is taken out while a round runs is not called any more in it, itself included; one that comes while a round
 * runs waits for the next. What a function throws holds up no other. All are done when they return: the memory goes then,
 * so one that answers a promise is an error.
 */
import { isThenable } from '../ground/around.ts'
import { VmallocError } from '../ground/fault.ts'
import { collect } from './errors.ts'

/** What happens to the memory: it is freed and used again, or it goes for good. */
export type EndEvent = 'free' | 'destroy'

interface Ending {
  readonly run: (event: EndEvent) => void
  readonly once: boolean
}

const MOST_ROUNDS = 100

export class Endings {
  /** In order of registration. */
  private readonly all = new Set<Ending>()

  /** Adds a function; the returned one takes it out, and may be called at any time, more than once. */
  add(run: (event: EndEvent) => void, once: boolean): () => void {
    const ending = { run, once }
    this.all.add(ending)
    return () => void this.all.delete(ending)
  }

  /** Calls all, and returns what they threw. Destroying calls also those that come meanwhile, and leaves none. */
  run(event: EndEvent): unknown[] {
    const errors: unknown[] = []
    if (this.all.size === 0) return errors
    this.round(event, errors)
    for (let rounds = 1; event === 'destroy' && this.all.size > 0; rounds++) {
      if (rounds === MOST_ROUNDS) {
        errors.push(new Error(`${MOST_ROUNDS} rounds of callbacks, and each registered another one`))
        this.all.clear()
      } else this.round(event, errors)
    }
    return errors
  }

  private round(event: EndEvent, errors: unknown[]): void {
    for (const ending of [...this.all].reverse()) {
      if (!this.all.has(ending)) continue
      if (ending.once || event === 'destroy') this.all.delete(ending)
      collect(errors, () => mustBeDone(ending.run(event)))
    }
  }
}

function mustBeDone(answer: unknown): void {
  if (!isThenable(answer)) return
  throw new VmallocError(
    'argument',
    'onFree: a callback answered a promise, expected one that is done when it returns: the memory goes then',
  )
}
