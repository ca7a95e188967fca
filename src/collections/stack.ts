/**
 * stack: last in, first out.
 *
 *   head   FIRST (the top) | COUNT | GONE        nodes and laws: see chain
 *
 *   push, pop, peek O(1)
 *
 * Source: wmem's stack.
 */
import type { Home } from '../region/ground.ts'
import { Chain, COUNT, FIRST, NEXT } from './chain.ts'
import type { Codec } from './codec.ts'
import type { CollectionOptions } from './collection.ts'

export class Stack<T> extends Chain<T> {
  /** A stack of what `codec` reads and writes. Throws VmallocError `no-memory`. */
  constructor(home: Home, codec: Codec<T>, options: CollectionOptions = {}) {
    super('stack', 'STAK', 0, false, home, codec, options)
  }

  /** Puts a value on top. Throws `no-memory`, or `argument` for one that the codec cannot keep. */
  push(value: T): void {
    this.codec.check(value)
    const held = this.enter()
    try {
      const node = this.nodeFor(value)
      const m = this.words.i32
      const { head } = this
      m[node + NEXT] = m[head + FIRST]!
      m[head + FIRST] = node
      m[head + COUNT]!++
    } finally {
      this.leave(held)
    }
  }
}
