/**
 * hash-map: values by key, in the order in which the keys came.
 *
 *   entry    | key | value |             a table of keys (key-table.ts), values as the codec has them
 *
 * JavaScript's Map, in region memory: the same names, the same order, the same under changes while somebody iterates.
 * Beyond it `set` answers what was there before, and there is `remove`, which answers what it removed. Values are copies:
 * what `get` answers does not change with the map.
 *
 *   get, set, delete O(1) on the average, whoever chose the keys   u32 to u32: 14 to 24 bytes an entry
 *
 * Source: wmem's map.
 */
import type { Cell } from '../contract/addr.ts'
import type { Home } from '../region/ground.ts'
import { type Codec, f64, i32, mustBeCodec, settled, u32 } from './codec.ts'
import { KeyTable, type KeyTableOptions, type Walk } from './key-table.ts'
import type { KeyKind } from './map-keys.ts'

// values that need no call of their codec
const OTHER = 0
const PLAIN_U32 = 1
const PLAIN_I32 = 2
const PLAIN_F64 = 3

export class HashMap<K, V> extends KeyTable<K> implements Iterable<[K, V]> {
  private readonly codec: Codec<V>
  private readonly plain: number

  /**
   * A map from keys of a kind (one of `keys`: a number's codec, `text` or `bytes`) to what `codec` reads and writes.
   * Throws VmallocError `no-memory`.
   */
  constructor(home: Home, keyKind: KeyKind<K>, codec: Codec<V>, options: KeyTableOptions = {}) {
    super('map', 'HMAP', keyKind, mustBeCodec(codec, 'map'), home, options)
    this.codec = codec
    this.plain = plainOf(codec)
    this.start(options)
  }

  /** How many keys there are. */
  get size(): number {
    return this.countKeys()
  }

  /** The value of a key, undefined when there is none. */
  get(key: K): V | undefined {
    const held = this.enter()
    try {
      const entry = this.locate(key)
      return entry === 0 ? undefined : this.valueIn(entry)
    } finally {
      this.leave(held)
    }
  }

  /** The key as it is kept, and its value; undefined when there is none. */
  getEntry(key: K): [K, V] | undefined {
    const held = this.enter()
    try {
      const entry = this.locate(key)
      return entry === 0 ? undefined : [this.keyAt(entry), this.valueIn(entry)]
    } finally {
      this.leave(held)
    }
  }

  /**
   * Gives a key a value. Answers the one that it had, undefined when it is new. Throws `no-memory`, and `argument` for a
   * key or a value that cannot be kept; then nothing has changed.
   */
  set(key: K, given: V): V | undefined {
    const value = this.plain === OTHER ? settled(this.codec, given) : given
    this.mustFit(value)
    const held = this.enter()
    try {
      const found = this.settle(key)
      if (found < 0) {
        this.writeNew(key, -found, value)
        return undefined
      }
      const old = this.valueIn(found)
      this.write(found, value)
      return old
    } finally {
      this.leave(held)
    }
  }

  /** Removes a key; false when there was none. Never asks for memory. */
  delete(key: K): boolean {
    const held = this.enter()
    try {
      const entry = this.locate(key)
      if (entry === 0) return false
      this.unsettle(entry)
      return true
    } finally {
      this.leave(held)
    }
  }

  /** Removes a key and answers its value, undefined when there was none. */
  remove(key: K): V | undefined {
    const held = this.enter()
    try {
      const entry = this.locate(key)
      if (entry === 0) return undefined
      const value = this.valueIn(entry)
      this.unsettle(entry)
      return value
    } finally {
      this.leave(held)
    }
  }

  /** The oldest key and its value, undefined when there is none: what a cache removes first. O(1). */
  first(): [K, V] | undefined {
    const held = this.enter()
    try {
      const entry = this.oldest
      return entry === 0 ? undefined : [this.keyAt(entry), this.valueIn(entry)]
    } finally {
      this.leave(held)
    }
  }

  /** The values, in the order in which their keys came. */
  values(): Walk<V> {
    return this.walk((entry) => this.valueIn(entry))
  }

  /** Keys and values, in the order in which the keys came. */
  entries(): Walk<[K, V]> {
    return this.walk((entry) => [this.keyAt(entry), this.valueIn(entry)])
  }

  [Symbol.iterator](): Walk<[K, V]> {
    return this.entries()
  }

  /** Keys and values in the order of the keys: of the keys of this moment those that are still there when it is their turn. */
  *sorted(): IterableIterator<[K, V]> {
    for (const key of this.sortedKeys()) {
      const entry = this.getEntry(key)
      if (entry !== undefined) yield entry
    }
  }

  /** Calls `what` with each value and its key. */
  forEach(what: (value: V, key: K, map: this) => void): void {
    for (const [key, value] of this) what(value, key, this)
  }

  /** The first value of which `isWanted` says true, undefined when it says so of none. */
  find(isWanted: (value: V, key: K) => boolean): V | undefined {
    for (const [key, value] of this) if (isWanted(value, key)) return value
    return undefined
  }

  /** Removes all of which `isUnwanted` says true. Answers how many. */
  deleteWhere(isUnwanted: (value: V, key: K) => boolean): number {
    let count = 0
    for (const [key, value] of this) if (isUnwanted(value, key) && this.delete(key)) count++
    return count
  }

  private valueIn(entry: Cell): V {
    const at = entry + this.valueAt
    switch (this.plain) {
      case PLAIN_U32:
        return (this.words.i32[at]! >>> 0) as V
      case PLAIN_I32:
        return this.words.i32[at] as V
      case PLAIN_F64:
        return this.words.f64[at >>> 1] as V
      default:
        return this.codec.read(this.words, at * 4)
    }
  }

  private write(entry: Cell, value: V): void {
    const at = entry + this.valueAt
    switch (this.plain) {
      case PLAIN_U32:
      case PLAIN_I32:
        this.words.i32[at] = value as number
        break
      case PLAIN_F64:
        this.words.f64[at >>> 1] = value as number
        break
      default:
        this.rewrite(this.codec, at * 4, value)
    }
  }

  /** Writes the value of a key that has just come; when its codec throws, the key goes again. */
  private writeNew(key: K, entry: Cell, value: V): void {
    if (this.plain !== OTHER) {
      this.write(entry, value)
      return
    }
    try {
      this.codec.write(this.words, (entry + this.valueAt) * 4, value)
    } catch (error) {
      this.enter()
      const left = this.locate(key)
      if (left !== 0) this.unsettle(left)
      throw error
    }
  }

  private mustFit(value: V): void {
    if (this.plain === PLAIN_U32 && typeof value === 'number' && value >>> 0 === value) return
    this.codec.check(value)
  }
}

function plainOf(codec: unknown): number {
  const plain: readonly unknown[] = [undefined, u32, i32, f64]
  return Math.max(OTHER, plain.indexOf(codec))
}
