/**
 * list: values in an order that changes; each has a place, which stays the same until the value is removed.
 *
 *   head   +20     +24    +28     +32   +36
 *          | FIRST | LAST | COUNT | KEY | GONE |
 *
 *   KEY    a random number, another one after each clear
 *   GONE   how many values were removed, modulo 2^32
 *
 *   node   +0     +4           +8
 *          | NEXT | PREV ^ KEY | value ... |     a block of its own, whose address is the place; links are cells, 0 none
 *
 *   L1  COUNT nodes hang on FIRST by NEXT, each a busy block; the last one is LAST
 *   L2  each node's PREV names the one that L1 comes to before it
 *
 *   append, prepend, insert, remove, next, previous, count O(1)   insertSorted, appendSorted, find O(n), from the head or
 *   from the tail   8 bytes a value, and what the region needs for a block
 *
 * How sure it is that a place is one of this list: both neighbours must name it. As PREV is mixed with KEY, those of
 * other lists, and those from before a clear, are refused, and any other bytes but for one in 2^32. A removed one is
 * refused too, until its memory is a node of this list again.
 *
 * Changes during a `for..of`: it goes on at the value that came next when it stopped, so the current one may be removed;
 * if that one is removed, behind the current one. If both are, it counts from the end, O(n), and none comes twice, but some
 * may be left out. It takes no more steps than there were values when it began, so it ends.
 *
 * Source: wmem's list.
 */
import type { Addr, Cell } from '../contract/addr.ts'
import { corrupted, VmallocError } from '../ground/fault.ts'
import type { Home } from '../region/ground.ts'
import { type Codec, mustBeCodec, settled } from './codec.ts'
import { Collection, type CollectionOptions, FIELDS } from './collection.ts'

const FIRST = FIELDS
const LAST = FIELDS + 1
const COUNT = FIELDS + 2
const KEY = FIELDS + 3
const GONE = FIELDS + 4

const NEXT = 0
const PREV = 1
const VALUE = 8 //  in bytes

export class List<T> extends Collection implements Iterable<T> {
  private readonly codec: Codec<T>

  /** A list of what `codec` reads and writes. Throws VmallocError `no-memory`. */
  constructor(home: Home, codec: Codec<T>, options: CollectionOptions = {}) {
    super('list', 'LIST', mustBeCodec(codec, 'list').name, 5, home, options)
    this.codec = codec
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

  // places

  /** The place of the first value, 0 when there is none. */
  get first(): Addr {
    const held = this.enter()
    try {
      return this.data.addressOf(this.words.i32[this.head + FIRST]!)
    } finally {
      this.leave(held)
    }
  }

  /** The place of the last value, 0 when there is none. */
  get last(): Addr {
    const held = this.enter()
    try {
      return this.data.addressOf(this.words.i32[this.head + LAST]!)
    } finally {
      this.leave(held)
    }
  }

  /** The place behind this one, 0 behind the last. Throws `argument` for what is no place of this list. */
  next(place: Addr): Addr {
    const held = this.enter()
    try {
      return this.data.addressOf(this.words.i32[this.cellAt(place) + NEXT]!)
    } finally {
      this.leave(held)
    }
  }

  /** The place before this one, 0 before the first. Throws `argument` for what is no place of this list. */
  previous(place: Addr): Addr {
    const held = this.enter()
    try {
      return this.data.addressOf(this.before(this.cellAt(place)))
    } finally {
      this.leave(held)
    }
  }

  /** Whether this is a place of this list; see above, how sure that is. */
  isPlace(place: Addr): boolean {
    const held = this.enter()
    try {
      return this.hasCell(place)
    } finally {
      this.leave(held)
    }
  }

  /** The value at a place. Throws `argument` for what is no place of this list. */
  valueAt(place: Addr): T {
    const held = this.enter()
    try {
      return this.read(this.cellAt(place))
    } finally {
      this.leave(held)
    }
  }

  /** Puts another value at a place. Throws `argument` for what is no place of this list, or what the codec cannot keep. */
  set(place: Addr, given: T): void {
    const value = settled(this.codec, given)
    this.codec.check(value)
    const held = this.enter()
    try {
      this.rewrite(this.codec, this.cellAt(place) * 4 + VALUE, value)
    } finally {
      this.leave(held)
    }
  }

  // values come: all answer the place, and throw `no-memory`, or `argument` for a value that the codec cannot keep

  /** Adds a value behind the last. */
  append(value: T): Addr {
    this.codec.check(value)
    const held = this.enter()
    try {
      const node = this.nodeFor(value, 0)
      return this.link(node, this.words.i32[this.head + LAST]!, 0)
    } finally {
      this.leave(held)
    }
  }

  /** Adds a value before the first. */
  prepend(value: T): Addr {
    this.codec.check(value)
    const held = this.enter()
    try {
      const node = this.nodeFor(value, 0)
      return this.link(node, 0, this.words.i32[this.head + FIRST]!)
    } finally {
      this.leave(held)
    }
  }

  /** Adds a value before the one at a place. Throws `argument` for what is no place of this list. */
  insertBefore(place: Addr, value: T): Addr {
    this.codec.check(value)
    const held = this.enter()
    try {
      return this.linkBefore(this.cellAt(place), value)
    } finally {
      this.leave(held)
    }
  }

  /** Adds a value behind the one at a place. Throws `argument` for what is no place of this list. */
  insertAfter(place: Addr, value: T): Addr {
    this.codec.check(value)
    const held = this.enter()
    try {
      return this.linkAfter(this.cellAt(place), value)
    } finally {
      this.leave(held)
    }
  }

  /**
   * Adds a value to a list that is in order, behind those that come before it or are equal: quick when it belongs near
   * the head. `compare` answers as for Array.sort.
   */
  insertSorted(value: T, compare: (a: T, b: T) => number): Addr {
    this.codec.check(value)
    const held = this.enter()
    try {
      const greater = this.search(NEXT, (other) => compare(other, value) > 0)
      if (greater !== 0) return this.linkBefore(greater, value)
      const node = this.nodeFor(value, 0)
      return this.link(node, this.words.i32[this.head + LAST]!, 0)
    } finally {
      this.leave(held)
    }
  }

  /** Adds a value where `insertSorted` would: quick when it belongs near the tail. */
  appendSorted(value: T, compare: (a: T, b: T) => number): Addr {
    this.codec.check(value)
    const held = this.enter()
    try {
      const before = this.search(PREV, (other) => compare(other, value) <= 0)
      if (before !== 0) return this.linkAfter(before, value)
      const node = this.nodeFor(value, 0)
      return this.link(node, 0, this.words.i32[this.head + FIRST]!)
    } finally {
      this.leave(held)
    }
  }

  // looking for one

  /** The place of the first value of which `is` says true, 0 when there is none. */
  find(is: (value: T, place: Addr) => boolean): Addr {
    const held = this.enter()
    try {
      return this.data.addressOf(this.search(NEXT, is))
    } finally {
      this.leave(held)
    }
  }

  /** The place of the last value of which `is` says true, 0 when there is none. */
  findLast(is: (value: T, place: Addr) => boolean): Addr {
    const held = this.enter()
    try {
      return this.data.addressOf(this.search(PREV, is))
    } finally {
      this.leave(held)
    }
  }

  /** The first place of a value, 0 when it is not there. Values are the same as for Array.includes, so no objects are. */
  placeOf(value: T): Addr {
    return this.find((other) => isSame(other, value))
  }

  /** Whether a value is there. */
  includes(value: T): boolean {
    return this.placeOf(value) !== 0
  }

  // values go

  /** Removes the value at a place, and answers it. Throws `argument` for what is no place of this list. */
  remove(place: Addr): T {
    const held = this.enter()
    try {
      return this.unlink(this.cellAt(place))
    } finally {
      this.leave(held)
    }
  }

  /** Removes a value where it is first; false when it is not there. */
  removeValue(value: T): boolean {
    const held = this.enter()
    try {
      const cell = this.search(NEXT, (other) => isSame(other, value))
      if (cell !== 0) this.unlink(cell)
      return cell !== 0
    } finally {
      this.leave(held)
    }
  }

  /** Removes the last value and answers it, undefined when there is none. */
  pop(): T | undefined {
    const held = this.enter()
    try {
      const cell = this.words.i32[this.head + LAST]!
      return cell === 0 ? undefined : this.unlink(cell)
    } finally {
      this.leave(held)
    }
  }

  /** Removes the first value and answers it, undefined when there is none. */
  shift(): T | undefined {
    const held = this.enter()
    try {
      const cell = this.words.i32[this.head + FIRST]!
      return cell === 0 ? undefined : this.unlink(cell)
    } finally {
      this.leave(held)
    }
  }

  // one after the other; what changes meanwhile do, see above

  /** The values from the first to the last. */
  [Symbol.iterator](): Generator<T, void, undefined> {
    return this.walk(NEXT, (cell) => this.read(cell))
  }

  /** The values from the last to the first. */
  reversed(): Generator<T, void, undefined> {
    return this.walk(PREV, (cell) => this.read(cell))
  }

  /** The places from the first to the last. The one that it is at may be removed. */
  places(): Generator<Addr, void, undefined> {
    return this.walk(NEXT, (cell) => this.data.addressOf(cell))
  }

  /** Calls `visit` with each value and its place, from the first to the last. */
  forEach(visit: (value: T, place: Addr) => void): void {
    const run = newRun()
    for (;;) {
      let value: T
      let cell: Cell
      const held = this.enter()
      try {
        cell = this.step(run, NEXT)
        if (cell === 0) return
        value = this.read(cell)
      } finally {
        this.leave(held)
      }
      visit(value, this.data.addressOf(cell))
    }
  }

  protected begin(): void {
    const m = this.words.i32
    const { head } = this
    m[head + GONE] = m[head + GONE]! + m[head + COUNT]!
    m.fill(0, head + FIRST, head + COUNT + 1)
    m[head + KEY] = Math.random() * 2 ** 32
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
    const { head } = this
    const count = m[head + COUNT]!
    const bytes = VALUE + this.codec.bytes
    this.mustHaveRoom(count, bytes, 'L1')
    let seen = 0
    let last = 0
    for (let node = m[head + FIRST]!; node !== 0 && seen <= count; seen++) {
      this.mustHold(node, bytes, 'L1')
      if (this.before(node) !== last) {
        corrupted(
          'list L2',
          this.data.addressOf(node),
          `PREV ${this.data.addressOf(this.before(node))}`,
          this.data.addressOf(last),
        )
      }
      last = node
      node = m[node + NEXT]!
    }
    if (seen !== count) corrupted('list L1', this.at, seen > count ? 'more nodes' : `${seen} nodes`, `${count}`)
    if (m[head + LAST] !== last) {
      corrupted('list L1', this.at, `LAST ${this.data.addressOf(m[head + LAST]!)}`, this.data.addressOf(last))
    }
  }

  // nodes; what may call others, as allocating may, enters again, for they may have cleared a region

  private read(cell: Cell): T {
    return this.codec.read(this.words, cell * 4 + VALUE)
  }

  private before(cell: Cell): Cell {
    const m = this.words.i32
    return m[cell + PREV]! ^ m[this.head + KEY]!
  }

  /** The neighbour on the side of NEXT or of PREV. */
  private beside(cell: Cell, side: number): Cell {
    return side === NEXT ? this.words.i32[cell + NEXT]! : this.before(cell)
  }

  /** Whether both neighbours, which may be the head, name this one. */
  private isNode(cell: Cell): boolean {
    const m = this.words.i32
    const { head } = this
    const key = m[head + KEY]!
    const next = m[cell + NEXT]!
    const prev = m[cell + PREV]! ^ key
    return (
      (next === 0 ? m[head + LAST] : m[next + PREV]! ^ key) === cell &&
      (prev === 0 ? m[head + FIRST] : m[prev + NEXT]) === cell
    )
  }

  private hasCell(place: Addr): boolean {
    const cell = this.data.cellOf(place)
    return cell !== 0 && this.data.addressOf(cell) === place && this.isNode(cell)
  }

  private cellAt(place: Addr): Cell {
    if (!this.hasCell(place)) throw this.noPlace(place)
    return this.data.cellOf(place)
  }

  private noPlace(place: Addr): VmallocError {
    return new VmallocError('argument', `${this.name}: ${String(place)}, expected a place of this list`)
  }

  /** A node that is not linked yet, with a value in it; `neighbour` is looked at again. */
  private nodeFor(value: T, neighbour: Cell): Cell {
    const node = this.take(VALUE + this.codec.bytes)
    this.fillNew(this.codec, node, VALUE, value)
    if (neighbour === 0 || this.isNode(neighbour)) return node
    this.drop(node)
    throw this.noPlace(this.data.addressOf(neighbour))
  }

  private linkBefore(next: Cell, value: T): Addr {
    const node = this.nodeFor(value, next)
    return this.link(node, this.before(next), next)
  }

  private linkAfter(prev: Cell, value: T): Addr {
    const node = this.nodeFor(value, prev)
    return this.link(node, prev, this.words.i32[prev + NEXT]!)
  }

  private link(node: Cell, prev: Cell, next: Cell): Addr {
    const m = this.words.i32
    const { head } = this
    const key = m[head + KEY]!
    m[node + NEXT] = next
    m[node + PREV] = prev ^ key
    if (prev === 0) m[head + FIRST] = node
    else m[prev + NEXT] = node
    if (next === 0) m[head + LAST] = node
    else m[next + PREV] = node ^ key
    m[head + COUNT]!++
    return this.data.addressOf(node)
  }

  private unlink(node: Cell): T {
    const m = this.words.i32
    const { head } = this
    const key = m[head + KEY]!
    const value = this.read(node)
    const next = m[node + NEXT]!
    const prev = m[node + PREV]! ^ key
    if (prev === 0) m[head + FIRST] = next
    else m[prev + NEXT] = next
    if (next === 0) m[head + LAST] = prev
    else m[next + PREV] = prev ^ key
    m[head + COUNT]!--
    m[head + GONE]!++
    this.drop(node)
    return value
  }

  // walking

  /** The first node on the way whose value is the one, 0 for none; `is` may change the list. */
  private search(side: number, is: (value: T, place: Addr) => boolean): Cell {
    const run = newRun()
    for (let cell = this.step(run, side); cell !== 0; cell = this.step(run, side)) {
      const isIt = is(this.read(cell), this.data.addressOf(cell))
      this.enter()
      if (isIt) {
        if (!this.isNode(cell)) throw this.noPlace(this.data.addressOf(cell))
        return cell
      }
    }
    return 0
  }

  private *walk<R>(side: number, read: (cell: Cell) => R): Generator<R, void, undefined> {
    const run = newRun()
    for (;;) {
      let result: R
      const held = this.enter()
      try {
        const cell = this.step(run, side)
        if (cell === 0) return
        result = read(cell)
      } finally {
        this.leave(held)
      }
      yield result
    }
  }

  /** The node whose turn it is, 0 at the end. */
  private step(run: Run, side: number): Cell {
    const m = this.words.i32
    const gone = m[this.head + GONE]!
    let cell = run.next
    if (run.left < 0) {
      run.left = m[this.head + COUNT]!
      cell = m[this.head + (side === NEXT ? FIRST : LAST)]!
    } else if (gone !== run.gone) cell = this.stepAfter((gone - run.gone) | 0, run, side)
    run.gone = gone
    if (run.left <= 0 || cell === 0) {
      run.left = 0
      run.next = 0
      return 0
    }
    run.left--
    run.at = cell
    run.next = this.beside(cell, side)
    return cell
  }

  /** The next node, after so many were removed. */
  private stepAfter(removed: number, run: Run, side: number): Cell {
    const isThere = this.isNode(run.at)
    run.others += isThere ? removed : removed - 1
    if (run.next === 0 || this.isNode(run.next)) return run.next
    return isThere ? this.beside(run.at, side) : this.resume(run, side)
  }

  /** A node behind all that were given: as if every other one that was removed had still been to come. */
  private resume(run: Run, side: number): Cell {
    const m = this.words.i32
    run.left = Math.min(run.left - run.others, m[this.head + COUNT]!)
    run.others = 0
    if (run.left <= 0) return 0
    let cell = m[this.head + (side === NEXT ? LAST : FIRST)]!
    for (let i = 1; i < run.left; i++) cell = this.beside(cell, NEXT + PREV - side)
    return cell
  }
}

/** Where an iteration is. */
interface Run {
  /** The last node that it gave, and the one behind it then. */
  at: Cell
  next: Cell
  /** How many may come; -1 before it begins. */
  left: number
  /** What GONE was at the last look, and how many were removed since the beginning that were not at `at`. */
  gone: number
  others: number
}

const newRun = (): Run => ({ at: 0, next: 0, left: -1, gone: 0, others: 0 })

function isSame(a: unknown, b: unknown): boolean {
  // biome-ignore lint/suspicious/noSelfCompare: NaN alone is unlike itself
  return a === b || (a !== a && b !== b)
}
