/**
 * interval-tree: values by closed intervals of numbers of 64 bits, found by what they overlap.
 *
 *   head   ROOT | COUNT | CHANGES | SERIAL
 *
 *   node   +0     +4      +8   +12   +20    +28      +32   +40
 *          | LEFT | RIGHT | UP | LOW | HIGH | NUMBER | MAX | value ...
 *
 *   LEFT RIGHT UP  as red-black.ts has them, which balances it
 *   LOW HIGH       the ends, each a pair of words (wide.ts); both belong to the interval
 *   NUMBER         SERIAL when it was inserted
 *   MAX            the greatest HIGH of the node and of all below it
 *   CHANGES        how many times nodes came or went
 *
 *   R1 R2 R3 of red-black.ts hold, for COUNT nodes at ROOT
 *   T1  nodes ascend by LOW, those with the same LOW by HIGH, those with the same ends by NUMBER
 *   T2  LOW is not above HIGH
 *   T3  MAX is what it should be
 *
 * Intervals may lie in one another, and the same one may be there many times: the older first, as long as fewer than 2^32
 * were inserted.
 *
 * A search goes through the tree in order and leaves out what lies below a MAX that is too small; it ends at the first LOW
 * that is too great.
 *
 *   insert, remove, has O(log n)   find O(log n) for the first, no more for each other   count O(1)
 *   40 bytes and the value, and the block's own
 *
 * A search, or an iteration, goes on behind the last interval that it gave, whatever happened meanwhile: what was removed
 * before it came there is not given, what was added behind that is, and nothing is given twice. After `clear` it ends, after
 * `destroy` it throws `closed`. In shared memory each step is a turn of its own.
 *
 * Source: wmem's interval tree, where an interval with a LOW that was there already replaced the value and kept the old
 * HIGH. The maximum kept in the nodes: Cormen, Leiserson, Rivest and Stein, Introduction to Algorithms, chapter 14.3.
 */
import type { Addr, Cell } from '../contract/addr.ts'
import { corrupted, VmallocError } from '../ground/fault.ts'
import type { Home } from '../region/ground.ts'
import { type Codec, mustBeCodec } from './codec.ts'
import { type CollectionOptions, FIELDS } from './collection.ts'
import { CHANGES, COUNT, MORE, Ordered, ROOT } from './ordered.ts'
import { checkTree, DEEPEST, hang, LEFT, RIGHT, tooDeep, UP } from './red-black.ts'
import { getU64, SIGN, setEnd, wide } from './wide.ts'

const SERIAL = MORE

const LOW = 3
const HIGH = 5
const NUMBER = 7
const MAX = 8
const VALUE = 40

/** LOW, HIGH and NUMBER, by which nodes are ordered. */
const RANK = 5

type Memory = Int32Array<ArrayBufferLike>

/** One end of an interval: from 0 to 2^64 - 1; as a number up to 2^53 - 1. */
export type End = bigint | number

export interface Interval<V> {
  low: bigint
  high: bigint
  value: V
  /** Names it to `remove`. */
  place: Addr
}

/** Two ends, each as a pair of words. */
interface Ends {
  readonly lowHigh: number
  readonly lowLow: number
  readonly highHigh: number
  readonly highLow: number
}

/** Where an iteration is. */
interface Cursor {
  node: Cell
  /** CHANGES when it came to `node`, and how many nodes there may be behind it. */
  changes: number
  left: number
  /** What ranks `node`, then its cell. */
  readonly rank: number[]
}

export class IntervalTree<V> extends Ordered implements Iterable<Interval<V>> {
  private readonly codec: Codec<V>

  /** A tree of what `codec` reads and writes. Throws VmallocError `no-memory`. */
  constructor(home: Home, codec: Codec<V>, options: CollectionOptions = {}) {
    super('interval tree', 'ITRE', mustBeCodec(codec, 'interval tree').name, MORE + 1 - FIELDS, home, options)
    this.codec = codec
    this.start(options)
  }

  /**
   * Adds an interval from `low` to `high`, both included, and answers its place: good until it is removed, an address like
   * any other. Throws `no-memory`, or `argument` for an end below 0 or above 2^64 - 1, for a number above 2^53 - 1, for
   * a `low` above `high`, and for a value that the codec cannot keep.
   */
  insert(low: End, high: End, value: V): Addr {
    this.codec.check(value)
    const { lowHigh, lowLow, highHigh, highLow } = this.ends(low, high)
    const held = this.enter()
    try {
      const node = this.take(VALUE + this.codec.bytes)
      this.fillNew(this.codec, node, VALUE, value)
      const m = this.words.i32
      const { head } = this
      m[node + LOW] = lowHigh
      m[node + LOW + 1] = lowLow
      m[node + HIGH] = highHigh
      m[node + HIGH + 1] = highLow
      m[node + NUMBER] = m[head + SERIAL]! ^ SIGN
      m[head + SERIAL]!++
      hangInOrder(m, head + ROOT, node)
      m[head + COUNT]!++
      m[head + CHANGES]!++
      return this.data.addressOf(node)
    } finally {
      this.leave(held)
    }
  }

  /**
   * Removes the interval at a place that `insert` or an iteration named; false when none is there (any more). The place of
   * one that was removed may become that of another.
   */
  remove(place: Addr): boolean {
    const held = this.enter()
    try {
      const node = this.nodeAt(place)
      if (node === 0) return false
      this.cut(node, refresh)
      return true
    } finally {
      this.leave(held)
    }
  }

  /**
   * Removes the oldest interval with exactly these ends and, where `matches` is given, a value for which that answers true;
   * false when there is none. Throws `argument` as `insert` does.
   */
  delete(low: End, high: End, matches?: (value: V) => boolean): boolean {
    const ends = this.ends(low, high)
    const { lowHigh, lowLow, highHigh, highLow } = ends
    const cursor: Cursor = { node: 0, changes: 0, left: 0, rank: [lowHigh, lowLow, highHigh, highLow, SIGN, 0] }
    const held = this.enter()
    try {
      for (this.seek(cursor); hasEnds(this.words.i32, cursor.node, ends); this.seek(cursor)) {
        const place = this.data.addressOf(cursor.node)
        if ((matches === undefined || matches(this.valueAt(cursor.node))) && this.remove(place)) return true
      }
      return false
    } finally {
      this.leave(held)
    }
  }

  /** The value at a place, undefined when no interval is there (any more). */
  get(place: Addr): V | undefined {
    const held = this.enter()
    try {
      const node = this.nodeAt(place)
      return node === 0 ? undefined : this.valueAt(node)
    } finally {
      this.leave(held)
    }
  }

  /** Whether any interval has a number in common with the one from `low` to `high`. Throws `argument` as `insert` does. */
  has(low: End, high: End): boolean {
    const ends = this.ends(low, high)
    const held = this.enter()
    try {
      return firstOverlap(this.words.i32, this.head + ROOT, ends) !== 0
    } finally {
      this.leave(held)
    }
  }

  /**
   * All intervals that have a number in common with the one from `low` to `high`, in order of their low ends. Throws
   * `argument` as `insert` does.
   */
  find(low: End, high: End): IterableIterator<Interval<V>> {
    return this.walk(this.ends(low, high))
  }

  /** All intervals in which `point` lies, in order of their low ends. */
  findAt(point: End): IterableIterator<Interval<V>> {
    return this.walk(this.ends(point, point))
  }

  /** All intervals, in order of their low ends, then of the high ones. */
  [Symbol.iterator](): IterableIterator<Interval<V>> {
    return this.walk(this.ends(0n, 2n ** 64n - 1n))
  }

  protected checkAll(): void {
    const { at, title, codec } = this
    const m = this.words.i32
    const mustBeNode = (node: Cell): void => this.mustHold(node, VALUE + codec.bytes, 'R1')
    const look = (node: Cell, before: Cell): void => {
      if (before !== 0 && order(m, before, node) >= 0) {
        corrupted(`${title} T1`, at, `node ${before} before ${node}`, 'a lesser one')
      }
      if (!isAtMost(m, node + LOW, m[node + HIGH]!, m[node + HIGH + 1]!)) {
        corrupted(`${title} T2`, at, intervalText(m, node), 'a low end that is not above the high one')
      }
      const right = m[node + RIGHT]!
      if (right !== 0) mustBeNode(right)
      const high = m[node + MAX]!
      const low = m[node + MAX + 1]!
      setMax(m, node)
      const is = high === wide.high && low === wide.low
      if (!is) corrupted(`${title} T3`, at, `a maximum of ${getU64(high, low)}`, `${getU64(wide.high, wide.low)}`)
    }
    checkTree(m, this.head + ROOT, m[this.head + COUNT]!, { title, at, mustBeNode, look })
  }

  /** The node at a place, 0 where none of this tree is: what lies there ranks it, and by that it must be found. */
  private nodeAt(place: Addr): Cell {
    const { data } = this
    if (data.region.sizeOf(place) < VALUE + this.codec.bytes) return 0
    const m = this.words.i32
    const wanted = data.cellOf(place)
    const root = this.head + ROOT
    let left = DEEPEST
    for (let node = m[root]!; node > 0; ) {
      if (node === wanted) return node
      if (--left < 0) tooDeep(m, root)
      node = m[node + (order(m, wanted, node) < 0 ? LEFT : RIGHT)]!
    }
    return 0
  }

  private valueAt(node: Cell): V {
    return this.codec.read(this.words, node * 4 + VALUE)
  }

  private ends(low: End, high: End): Ends {
    setEnd(low, 'interval tree: low end')
    const { high: lowHigh, low: lowLow } = wide
    setEnd(high, 'interval tree: high end')
    const { high: highHigh, low: highLow } = wide
    if (lowHigh < highHigh || (lowHigh === highHigh && lowLow <= highLow)) return { lowHigh, lowLow, highHigh, highLow }
    throw new VmallocError(
      'argument',
      `interval tree: from ${low} to ${high}, expected a low end that is not above the high one`,
    )
  }

  private *walk(ends: Ends): Generator<Interval<V>, void, undefined> {
    const cursor: Cursor = { node: 0, changes: 0, left: 0, rank: [0, 0, 0, 0, 0, 0] }
    for (;;) {
      const held = this.enter()
      let given: Interval<V>
      try {
        const m = this.words.i32
        const node = cursor.node === 0 ? firstOverlap(m, this.head + ROOT, ends) : this.overlapAfter(cursor, ends)
        if (node === 0) return
        this.settle(cursor, node)
        if (cursor.left < 0) corrupted(`${this.title} R1`, this.at, 'more nodes', `${m[this.head + COUNT]}`)
        given = {
          low: getU64(m[node + LOW]!, m[node + LOW + 1]!),
          high: getU64(m[node + HIGH]!, m[node + HIGH + 1]!),
          value: this.valueAt(node),
          place: this.data.addressOf(node),
        }
      } finally {
        this.leave(held)
      }
      yield given
    }
  }

  private settle(cursor: Cursor, node: Cell): void {
    const m = this.words.i32
    const { rank } = cursor
    const isSame = cursor.node !== 0 && m[this.head + CHANGES] === cursor.changes
    cursor.left = (isSame ? cursor.left : m[this.head + COUNT]!) - 1
    cursor.node = node
    cursor.changes = m[this.head + CHANGES]!
    for (let i = 0; i < RANK; i++) rank[i] = m[node + LOW + i]!
    rank[RANK] = node
  }

  private overlapAfter(cursor: Cursor, ends: Ends): Cell {
    const m = this.words.i32
    const same = m[this.head + CHANGES] === cursor.changes
    const node = same ? forward(m, cursor.node, ends) : firstAfter(m, this.head + ROOT, cursor.rank)
    return overlapFrom(m, this.head + ROOT, node, ends)
  }

  /** Moves to the first node behind its rank; to 0 when there is none. */
  private seek(cursor: Cursor): void {
    const node = firstAfter(this.words.i32, this.head + ROOT, cursor.rank)
    if (node !== 0) this.settle(cursor, node)
    else cursor.node = 0
  }
}

function hasEnds(m: Memory, node: Cell, { lowHigh, lowLow, highHigh, highLow }: Ends): boolean {
  return (
    node !== 0 &&
    m[node + LOW] === lowHigh &&
    m[node + LOW + 1] === lowLow &&
    m[node + HIGH] === highHigh &&
    m[node + HIGH + 1] === highLow
  )
}

function intervalText(m: Memory, node: Cell): string {
  return `${getU64(m[node + LOW]!, m[node + LOW + 1]!)} to ${getU64(m[node + HIGH]!, m[node + HIGH + 1]!)}`
}

// order

/** Less than 0 where one node comes before the other. Cells decide at last. */
function order(m: Memory, one: Cell, other: Cell): number {
  for (let i = LOW; i < LOW + RANK; i++) {
    const a = m[one + i]!
    const b = m[other + i]!
    if (a !== b) return a < b ? -1 : 1
  }
  return one - other
}

function hangInOrder(m: Memory, root: Cell, node: Cell): void {
  let parent = 0
  let side: typeof LEFT | typeof RIGHT = LEFT
  let left = DEEPEST
  for (let below = m[root]!; below > 0; below = m[below + side]!) {
    if (--left < 0) tooDeep(m, root)
    parent = below
    side = order(m, node, below) < 0 ? LEFT : RIGHT
  }
  hang(m, root, node, parent, side, refresh)
}

/** The first node behind a rank, 0 for none. */
function firstAfter(m: Memory, root: Cell, rank: readonly number[]): Cell {
  let found = 0
  let left = DEEPEST
  for (let node = m[root]!; node > 0; ) {
    if (--left < 0) tooDeep(m, root)
    if (isBehind(m, node, rank)) {
      found = node
      node = m[node + LEFT]!
    } else node = m[node + RIGHT]!
  }
  return found
}

function isBehind(m: Memory, node: Cell, rank: readonly number[]): boolean {
  for (let i = 0; i < RANK; i++) {
    const a = m[node + LOW + i]!
    const b = rank[i]!
    if (a !== b) return a > b
  }
  return node > rank[RANK]!
}

// the maximum

/** Writes MAX; false when it is what it was. */
function refresh(m: Memory, node: Cell): boolean {
  setMax(m, node)
  const { high, low } = wide
  if (m[node + MAX] === high && m[node + MAX + 1] === low) return false
  m[node + MAX] = high
  m[node + MAX + 1] = low
  return true
}

/** Makes `wide` the greatest high end of a node and of all below it, by what its children say. */
function setMax(m: Memory, node: Cell): void {
  wide.high = m[node + HIGH]!
  wide.low = m[node + HIGH + 1]!
  raise(m, m[node + LEFT]!)
  raise(m, m[node + RIGHT]!)
}

function raise(m: Memory, child: Cell): void {
  if (child === 0 || isAtMost(m, child + MAX, wide.high, wide.low)) return
  wide.high = m[child + MAX]!
  wide.low = m[child + MAX + 1]!
}

/** Whether the pair of words at a cell is not above this one. */
function isAtMost(m: Memory, cell: Cell, high: number, low: number): boolean {
  const above = m[cell]!
  return above < high || (above === high && m[cell + 1]! <= low)
}

// search

/** Whether anything at or below a node ends where the search begins, or later. */
function reaches(m: Memory, node: Cell, { lowHigh, lowLow }: Ends): boolean {
  const above = m[node + MAX]!
  return above > lowHigh || (above === lowHigh && m[node + MAX + 1]! >= lowLow)
}

function firstOverlap(m: Memory, root: Cell, ends: Ends): Cell {
  const top = m[root]!
  return top > 0 && reaches(m, top, ends) ? overlapFrom(m, root, leftmost(m, top, ends), ends) : 0
}

/** The first that overlaps, from `start` on; what comes before that does not matter any more. */
function overlapFrom(m: Memory, root: Cell, start: Cell, ends: Ends): Cell {
  const { lowHigh, lowLow, highHigh, highLow } = ends
  let left = m[root + COUNT - ROOT]!
  for (let node = start; node !== 0; node = forward(m, node, ends)) {
    if (--left < 0) tooDeep(m, root)
    if (!isAtMost(m, node + LOW, highHigh, highLow)) return 0
    const above = m[node + HIGH]!
    if (above > lowHigh || (above === lowHigh && m[node + HIGH + 1]! >= lowLow)) return node
  }
  return 0
}

/** The next node in order that is not below one which does not reach. */
function forward(m: Memory, node: Cell, ends: Ends): Cell {
  const right = m[node + RIGHT]!
  if (right > 0 && reaches(m, right, ends)) return leftmost(m, right, ends)
  let left = DEEPEST
  let child = node
  let parent = m[node + UP]! >>> 1
  while (parent !== 0 && m[parent + RIGHT] === child) {
    if (--left < 0) tooDeep(m, node)
    child = parent
    parent = m[parent + UP]! >>> 1
  }
  return parent
}

function leftmost(m: Memory, top: Cell, ends: Ends): Cell {
  let node = top
  let more = DEEPEST
  for (let left = m[node + LEFT]!; left > 0 && reaches(m, left, ends); left = m[node + LEFT]!) {
    if (--more < 0) tooDeep(m, top)
    node = left
  }
  return node
}
