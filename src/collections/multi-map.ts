/**
 * multi-map: many values by key, each with a number; the value at a number, or at the nearest one below or above it.
 *
 *   entry    | key | ROOT | COUNT |                      a table of keys (key-table.ts); SIZE is the sum of all COUNT
 *   node     +0     +4      +8   +12      +16
 *            | LEFT | RIGHT | UP | NUMBER | value ... |  a tree of them under each ROOT, as red-black.ts has it
 *
 * For what changes in the course of time: what was known of an address when frame 17 came is `le(address, 17)`.
 *
 *   M1  the trees are whole, their numbers ascend, none is empty, and SIZE is right
 *
 *   get, le, ge, set, delete O(1) on the average for the key, O(log n) for the number
 *   16 bytes and the value a number, and its block's own; 12 to 16 bytes and two or three index words a key
 *
 * Keys iterate as those of HashMap do. The numbers of a key iterate upwards: each step takes the next one above the last, so
 * whatever changes meanwhile nothing is met twice, nothing that is gone is met, and what is added above is.
 *
 * Source: wmem's multimap.
 */
import type { Cell } from '../contract/addr.ts'
import { VmallocError } from '../ground/fault.ts'
import type { Home } from '../region/ground.ts'
import { type Codec, mustBeCodec, settled, u32 } from './codec.ts'
import { KeyTable, type KeyTableOptions, OWN } from './key-table.ts'
import type { KeyKind } from './map-keys.ts'
import { checkTree, dropNodes, find32, ge32, hang, KEY, le32, near32, side32, takeDown } from './red-black.ts'

const SIZE = OWN
/** Of an entry's value. */
const COUNT = 1
/** Of a node, in words. */
const VALUE = KEY + 1
const MOST = 2 ** 32 - 1

/** A value and its number. */
export interface Numbered<V> {
  n: number
  value: V
}

export class MultiMap<K, V = number> extends KeyTable<K> implements Iterable<[K, number, V]> {
  private readonly codec: Codec<V>

  /**
   * A multimap from keys of a kind (one of `keys`) and numbers to what `codec` reads and writes: u32 unless said. Throws
   * VmallocError `no-memory`.
   */
  constructor(home: Home, keyKind: KeyKind<K>, codec?: Codec<V>, options: KeyTableOptions = {}) {
    const values = codec === undefined ? (u32 as unknown as Codec<V>) : mustBeCodec(codec, 'multimap')
    super('multimap', 'MMAP', keyKind, { name: `tree of ${values.name}`, bytes: 8, align: 4 }, home, options)
    this.codec = values
    this.start(options)
  }

  /** How many values there are, of all keys. */
  get size(): number {
    const held = this.enter()
    try {
      return this.words.i32[this.head + SIZE]!
    } finally {
      this.leave(held)
    }
  }

  /** How many keys there are. */
  get keyCount(): number {
    return this.countKeys()
  }

  /** How many values a key has. */
  count(key: K): number {
    const held = this.enter()
    try {
      const entry = this.locate(key)
      return entry === 0 ? 0 : this.words.i32[entry + this.valueAt + COUNT]!
    } finally {
      this.leave(held)
    }
  }

  /**
   * Gives a key a value at a number from 0 to 2^32 - 1, in place of one that it has there. Answers whether the key was there
   * before. Throws `no-memory`, and `argument` for what cannot be kept; then nothing has changed.
   */
  set(key: K, n: number, given: V): boolean {
    const { codec } = this
    const value = settled(codec, given)
    mustBeNumber(n)
    codec.check(value)
    const held = this.enter()
    try {
      const root = this.rootOf(key)
      const has = root === 0 ? 0 : find32(this.words.i32, root, n)
      if (has === 0) return this.add(key, n, value)
      this.rewrite(codec, (has + VALUE) * 4, value)
      return true
    } finally {
      this.leave(held)
    }
  }

  /** The value of a key at a number, undefined when there is none. */
  get(key: K, n: number): V | undefined {
    mustBeNumber(n)
    const held = this.enter()
    try {
      return this.valueIn(this.nodeOf(key, n, find32))
    } finally {
      this.leave(held)
    }
  }

  /** The value of a key at the greatest number that is `n` or less, undefined when there is none. */
  le(key: K, n: number): V | undefined {
    mustBeNumber(n)
    const held = this.enter()
    try {
      return this.valueIn(this.nodeOf(key, n, le32))
    } finally {
      this.leave(held)
    }
  }

  /** The value of a key at the least number that is `n` or greater, undefined when there is none. */
  ge(key: K, n: number): V | undefined {
    mustBeNumber(n)
    const held = this.enter()
    try {
      return this.valueIn(this.nodeOf(key, n, ge32))
    } finally {
      this.leave(held)
    }
  }

  /** As `le`, with the number that was found. */
  leEntry(key: K, n: number): Numbered<V> | undefined {
    mustBeNumber(n)
    const held = this.enter()
    try {
      return this.numbered(this.nodeOf(key, n, le32))
    } finally {
      this.leave(held)
    }
  }

  /** As `ge`, with the number that was found. */
  geEntry(key: K, n: number): Numbered<V> | undefined {
    mustBeNumber(n)
    const held = this.enter()
    try {
      return this.numbered(this.nodeOf(key, n, ge32))
    } finally {
      this.leave(held)
    }
  }

  /** Removes the value of a key at a number, and with its last value the key; false when there was none. */
  delete(key: K, n: number): boolean {
    mustBeNumber(n)
    const held = this.enter()
    try {
      const entry = this.locate(key)
      if (entry === 0) return false
      const root = entry + this.valueAt
      const m = this.words.i32
      const node = find32(m, root, n)
      if (node === 0) return false
      takeDown(m, root, node)
      m[this.head + SIZE]!--
      m[root + COUNT]!--
      if (m[root + COUNT] === 0) this.unsettle(entry)
      this.drop(node)
      return true
    } finally {
      this.leave(held)
    }
  }

  /** Removes a key with all its values. Answers how many it had. */
  deleteKey(key: K): number {
    const held = this.enter()
    try {
      const entry = this.locate(key)
      if (entry === 0) return 0
      const count = this.words.i32[entry + this.valueAt + COUNT]!
      this.words.i32[this.head + SIZE]! -= count
      this.dropValue(entry)
      this.unsettle(entry)
      return count
    } finally {
      this.leave(held)
    }
  }

  /** The numbers and values of a key, upwards. */
  *of(key: K): IterableIterator<[number, V]> {
    for (let from = 0; from <= MOST; ) {
      const next = this.geEntry(key, from)
      if (next === undefined) return
      if (next.n < from) this.broken('M1', `number ${next.n} at ${from} or above`, 'order')
      yield [next.n, next.value]
      from = next.n + 1
    }
  }

  /** Keys in the order in which they came, and of each the numbers and values, upwards. */
  *entries(): IterableIterator<[K, number, V]> {
    for (const key of this.keys()) for (const [n, value] of this.of(key)) yield [key, n, value]
  }

  [Symbol.iterator](): IterableIterator<[K, number, V]> {
    return this.entries()
  }

  /** As `entries`, in the order of the keys: of the keys of this moment those that are still there when it is their turn. */
  *sorted(): IterableIterator<[K, number, V]> {
    for (const key of this.sortedKeys()) for (const [n, value] of this.of(key)) yield [key, n, value]
  }

  protected override begin(): void {
    super.begin()
    this.words.i32[this.head + SIZE] = 0
  }

  protected override dropValue(entry: Cell): void {
    const lost = dropNodes(this.words, entry + this.valueAt, (node) => this.drop(node))
    if (lost !== 0) this.broken('M1', `a link to node ${lost}`, 'a busy block')
  }

  protected override checkAll(): void {
    super.checkAll()
    const m = this.words.i32
    let size = 0
    this.visit((entry) => void (size += m[entry + this.valueAt + COUNT]!))
    if (size !== m[this.head + SIZE]) this.broken('M1', `${size} values`, `${m[this.head + SIZE]}`)
  }

  protected override checkValue(entry: Cell): void {
    const { title, at } = this
    const m = this.words.i32
    const root = entry + this.valueAt
    const count = m[root + COUNT]!
    if (count < 1) this.broken('M1', `a key with ${count} values`, 'one at least')
    checkTree(m, root, count, {
      title,
      at,
      mustBeNode: (node) => this.mustHold(node, VALUE * 4 + this.codec.bytes, 'M1'),
      look: (node, before) => {
        const [n, last] = [m[node + KEY]! >>> 0, before === 0 ? -1 : m[before + KEY]! >>> 0]
        if (n <= last) this.broken('M1', `number ${n} after ${last}`, 'a greater one')
      },
    })
  }

  /** Adds a number that a key does not have. Who listens to allocations may add it first: then only the value is written. */
  private add(key: K, n: number, value: V): boolean {
    let node: Cell
    let era: number
    let entry = 0
    do {
      if (entry < 0) this.unsettle(-entry)
      node = this.take(VALUE * 4 + this.codec.bytes)
      era = this.contentsEra
      this.fillNew(this.codec, node, VALUE * 4, value)
      entry = 0
      try {
        entry = this.settle(key)
      } finally {
        if (entry === 0 && this.contentsEra === era) this.drop(node)
      }
    } while (this.contentsEra !== era)
    const m = this.words.i32
    const root = Math.abs(entry) + this.valueAt
    if (entry < 0) m.fill(0, root, root + COUNT + 1)
    const near = near32(m, root, n)
    const isThere = near !== 0 && m[near + KEY] === (n | 0)
    if (isThere) {
      this.words.copy((near + VALUE) * 4, (node + VALUE) * 4, this.codec.bytes)
      this.drop(node)
      return true
    }
    m[node + KEY] = n
    hang(m, root, node, near, near === 0 ? 0 : side32(m, near, n))
    m[root + COUNT]!++
    m[this.head + SIZE]!++
    return entry > 0
  }

  /** Where a key's tree hangs, 0 when the key is not there. */
  private rootOf(key: K): Cell {
    const entry = this.locate(key)
    return entry === 0 ? 0 : entry + this.valueAt
  }

  private nodeOf(key: K, n: number, search: typeof find32): Cell {
    const root = this.rootOf(key)
    return root === 0 ? 0 : search(this.words.i32, root, n)
  }

  private valueIn(node: Cell): V | undefined {
    return node === 0 ? undefined : this.codec.read(this.words, (node + VALUE) * 4)
  }

  private numbered(node: Cell): Numbered<V> | undefined {
    if (node === 0) return undefined
    return { n: this.words.i32[node + KEY]! >>> 0, value: this.codec.read(this.words, (node + VALUE) * 4) }
  }
}

function mustBeNumber(n: number): void {
  if (typeof n === 'number' && n >>> 0 === n) return
  throw new VmallocError('argument', `multimap: number ${String(n)}, expected a whole number from 0 to ${MOST}`)
}
