/**
 * routines: lists of functions that one registers and another calls.
 *
 * Those that begin something are called in the order in which they were registered, those that end something in the
 * reverse one. All are called, whatever some of them throw.
 */
import { isThenable } from '../ground/around.ts'
import { VmallocError } from '../ground/fault.ts'

export class Routines<C> {
  private list: ((context: C) => void)[] = []
  private readonly name: string
  private readonly order: 'forward' | 'backward'

  constructor(name: string, order: 'forward' | 'backward') {
    this.name = name
    this.order = order
  }

  /** Adds a routine; the returned function takes it out. */
  add(routine: (context: C) => void): () => void {
    if (typeof routine !== 'function') {
      throw new VmallocError('argument', `${this.name}: ${String(routine)}, expected a function`)
    }
    const entry = (context: C): void => routine(context)
    this.list = [...this.list, entry]
    return () => {
      this.list = this.list.filter((other) => other !== entry)
    }
  }

  /** Calls all that are registered by now and not taken out meanwhile; returns what they threw. */
  run(context: C): unknown[] {
    const errors: unknown[] = []
    const { list } = this
    for (const routine of this.order === 'forward' ? list : [...list].reverse()) {
      if (!this.list.includes(routine)) continue
      try {
        const answer: unknown = routine(context)
        if (isThenable(answer)) {
          throw new VmallocError(
            'argument',
            `${this.name}: a routine answered a promise, expected one that is done when it returns`,
          )
        }
      } catch (error) {
        errors.push(error)
      }
    }
    return errors
  }
}
