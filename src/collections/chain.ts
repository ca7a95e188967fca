/**
 * chain: values one behind the other, taken off at one end; what a stack and a queue have in common.
 *
 *   head   +20     +24     +28
 *          | FIRST | COUNT | GONE | what the kind adds ...      GONE counts, modulo 2^32, the values that were taken off
 *
 *   node   +0     +4, or +8 where a value must lie at a multiple of 8
 *          | NEXT | value ... |                  a block of its own; a cell, 0 behind the last one
 *
 *   C1  COUNT nodes hang on FIRST, each a busy block, and the last one's NEXT is 0
 *
 *   pop, peek, count O(1)   clear, destroy, check O(n)   4 or 8 bytes a value, and what the region needs for a block
 *
 * Changes during a `for..of`: it goes over the values that were there when it began, and none twice; those that were
 * taken off before their turn it leaves out, those that came since too (a stack: unless they lie where others were).
 * After values were taken off, the next step counts from the front, O(n).
 */
import type { Cell } from '../contract/addr.ts'
import { corrupted } from '../ground/fault.ts'
import type { Home } from '../region/ground.ts'
import { type Codec, mustBeCodec } from './codec.ts'
import { Collection, type CollectionOptions, FIELDS } from './collection.ts'

export const FIRST = FIELDS
export const COUNT = FIELDS + 1
const GONE = FIELDS + 2
/** The first field that a kind adds. */
export const MORE = FIELDS + 3

export const NEXT = 0

export abstract class Chain<T> extends Collection implements Iterable<T> {
  protected readonly codec: Codec<T>
  /** Where in a node its value is, in bytes. */
  protected readonly value: number
  /** Whether values are added at the end, behind those that an iteration has to go to. */
  private readonly addsBehind: boolean

  protected constructor(
    title: string,
    letters: string,
    more: number,
    addsBehind: boolean,
    home: Home,
    codec: Codec<T>,
    options: CollectionOptions,
  ) {
    super(title, letters, mustBeCodec(codec, title).name, MORE - FIELDS + more, home, options)
    this.codec = codec
    this.value = codec.align > 4 ? 8 : 4
    this.addsBehind = addsBehind
    this.start(options)
  }

  /** How many values there are. */
  get count(): number {
    const held = this.enter()
    try {
      return this.words.i32[this.head + COUNT]!
    } finally {
      this.leave(held)
    }
  }

  /** Takes the first value off, undefined when there is none. */
  pop(): T | undefined {
    const held = this.enter()
    try {
      const m = this.words.i32
      const { head } = this
      const node = m[head + FIRST]!
      if (node === 0) return undefined
      const value = this.codec.read(this.words, node * 4 + this.value)
      m[head + FIRST] = m[node + NEXT]!
      m[head + COUNT]!--
      m[head + GONE]!++
      this.drop(node)
      return value
    } finally {
      this.leave(held)
    }
  }

  /** The first value, undefined when there is none. */
  peek(): T | undefined {
    const held = this.enter()
    try {
      const node = this.words.i32[this.head + FIRST]!
      return node === 0 ? undefined : this.codec.read(this.words, node * 4 + this.value)
    } finally {
      this.leave(held)
    }
  }

  /** The values in the order in which `pop` would give them; what changes meanwhile do, see above. */
  *[Symbol.iterator](): Generator<T, void, undefined> {
    const run: Run = { node: 0, left: -1, total: 0, since: 0, gone: 0 }
    for (;;) {
      let value: T
      const held = this.enter()
      try {
        const node = this.step(run)
        if (node === 0) return
        value = this.codec.read(this.words, node * 4 + this.value)
      } finally {
        this.leave(held)
      }
      yield value
    }
  }

  /** A node that is not linked yet, with a value in it. */
  protected nodeFor(value: T): Cell {
    const node = this.take(this.value + this.codec.bytes)
    this.fillNew(this.codec, node, this.value, value)
    return node
  }

  protected begin(): void {
    const m = this.words.i32
    const { head } = this
    m[head + GONE] = m[head + GONE]! + m[head + COUNT]!
    m[head + FIRST] = 0
    m[head + COUNT] = 0
  }

  protected release(): void {
    const m = this.words.i32
    const first = m[this.head + FIRST]!
    const count = m[this.head + COUNT]!
    this.begin()
    this.dropChain(first, count)
  }

  protected checkAll(): void {
    const m = this.words.i32
    const count = m[this.head + COUNT]!
    const bytes = this.value + this.codec.bytes
    this.mustHaveRoom(count, bytes, 'C1')
    let seen = 0
    let last = 0
    for (let node = m[this.head + FIRST]!; node !== 0 && seen <= count; seen++) {
      this.mustHold(node, bytes, 'C1')
      last = node
      node = m[node + NEXT]!
    }
    if (seen !== count)
      corrupted(`${this.title} C1`, this.at, seen > count ? `more nodes` : `${seen} nodes`, `${count}`)
    this.checkLast(last)
  }

  /** Looks at the last node, 0 where there is none. */
  protected checkLast(_last: Cell): void {}

  /** The node whose turn it is, 0 at the end. */
  private step(run: Run): Cell {
    const m = this.words.i32
    const count = m[this.head + COUNT]!
    const gone = m[this.head + GONE]!
    if (run.left < 0) {
      run.node = m[this.head + FIRST]!
      run.left = run.total = count
      run.since = run.gone = gone
    } else if (gone !== run.gone) {
      run.gone = gone
      this.resume(run, this.addsBehind ? count - run.total + ((gone - run.since) | 0) : 0)
    }
    if (run.left <= 0 || run.node === 0) {
      run.left = 0
      run.node = 0
      return 0
    }
    const { node } = run
    run.left--
    run.node = m[node + NEXT]!
    return node
  }

  /** Finds the place in the chain anew; the last `added` values are none of the iteration's. */
  private resume(run: Run, added: number): void {
    const m = this.words.i32
    const count = m[this.head + COUNT]! - added
    if (count < run.left) run.left = Math.max(count, 0)
    run.node = m[this.head + FIRST]!
    for (let skip = count - run.left; skip > 0 && run.node !== 0; skip--) run.node = m[run.node + NEXT]!
  }
}

/** Where an iteration is. */
interface Run {
  /** The next node. */
  node: Cell
  /** How many values are to come; -1 before it begins. */
  left: number
  /** How many there were when it began, and what GONE was. */
  total: number
  since: number
  /** What GONE was at the last look. */
  gone: number
}
