/**
 * ordered: what collections have in common whose values hang in one balanced tree, each in a node of its own.
 *
 *   head   ROOT | COUNT | CHANGES            CHANGES becomes another number with every change: a walk that finds it as it
 *                                            was goes on from its node, and one that does not looks for its place again
 */
import type { Cell } from '../contract/addr.ts'
import { corrupted } from '../ground/fault.ts'
import { Collection, FIELDS } from './collection.ts'
import { dropNodes, type Refresh, takeDown } from './red-black.ts'

export const ROOT = FIELDS
export const COUNT = FIELDS + 1
export const CHANGES = FIELDS + 2
/** The first field of a kind. */
export const MORE = FIELDS + 3

export abstract class Ordered extends Collection {
  /** How many there are. */
  get count(): number {
    const held = this.enter()
    try {
      return this.words.i32[this.head + COUNT]!
    } finally {
      this.leave(held)
    }
  }

  protected begin(): void {
    const m = this.words.i32
    m[this.head + ROOT] = 0
    m[this.head + COUNT] = 0
    m[this.head + CHANGES]!++
  }

  protected release(): void {
    const lost = dropNodes(this.words, this.head + ROOT, (node) => this.drop(node))
    if (lost !== 0) corrupted(`${this.title} R1`, this.at, `a link to node ${lost}`, 'a busy block')
    this.begin()
  }

  /** A node goes. */
  protected cut(node: Cell, refresh?: Refresh): void {
    const m = this.words.i32
    takeDown(m, this.head + ROOT, node, refresh)
    m[this.head + COUNT]!--
    m[this.head + CHANGES]!++
    this.drop(node)
  }
}
