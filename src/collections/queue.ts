/**
 * queue: first in, first out.
 *
 *   head   FIRST (the oldest) | COUNT | GONE | LAST        nodes and laws: see chain
 *
 *   Q1  LAST is the node that C1 comes to last; in an empty queue it means nothing
 *
 *   push, pop, peek O(1)
 *
 * Source: wmem's queue.
 */
import type { Cell } from '../contract/addr.ts'
import { corrupted } from '../ground/fault.ts'
import type { Home } from '../region/ground.ts'
import { Chain, COUNT, FIRST, MORE, NEXT } from './chain.ts'
import type { Codec } from './codec.ts'
import type { CollectionOptions } from './collection.ts'

const LAST = MORE

export class Queue<T> extends Chain<T> {
  /** A queue of what `codec` reads and writes. Throws VmallocError `no-memory`. */
  constructor(home: Home, codec: Codec<T>, options: CollectionOptions = {}) {
    super('queue', 'QUEU', 1, true, home, codec, options)
  }

  /** Puts a value at the end. Throws `no-memory`, or `argument` for one that the codec cannot keep. */
  push(value: T): void {
    this.codec.check(value)
    const held = this.enter()
    try {
      const node = this.nodeFor(value)
      const m = this.words.i32
      const { head } = this
      m[node + NEXT] = 0
      if (m[head + FIRST] === 0) m[head + FIRST] = node
      else m[m[head + LAST]! + NEXT] = node
      m[head + LAST] = node
      m[head + COUNT]!++
    } finally {
      this.leave(held)
    }
  }

  protected override checkLast(last: Cell): void {
    const has = this.words.i32[this.head + LAST]!
    if (last !== 0 && has !== last) {
      corrupted('queue Q1', this.at, `LAST ${this.data.addressOf(has)}`, this.data.addressOf(last))
    }
  }
}
