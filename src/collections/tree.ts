/**
 * tree: values by key, in order of the keys.
 *
 *   head   ROOT | COUNT | CHANGES
 *
 *   node   +0     +4      +8   +12
 *          | LEFT | RIGHT | UP | KEY | value ...                      keys of fixed size
 *          | LEFT | RIGHT | UP | value ... | LENGTH | the key ...     texts, bytes, vectors
 *
 *   LEFT RIGHT UP  as red-black.ts has them, which balances it
 *   CHANGES        how many times nodes came or went
 *
 *   R1 R2 R3 of red-black.ts hold, for COUNT nodes at ROOT
 *   T1  keys ascend, and no two are the same
 *   T2  a key lies within its block
 *
 *   get, set, delete, le, ge O(log n)   first, last, a step of an iteration O(log n), n of them O(n)   count O(1)
 *   a block for each entry: 16 bytes and the value for keys of a word, 20 for those of two (24 where a value needs 8),
 *   otherwise 16 and the key; the block's own
 *
 * An iteration goes on from the last key that it gave, whatever happened meanwhile: what was removed before it came there
 * is not given, what was added behind that key is, and nothing is given twice. After `clear` it ends, after `destroy` it
 * throws `closed`. In shared memory each step is a turn of its own.
 *
 * Source: wmem's tree, where keys of texts and vectors were not removed, vectors had to be of one length, and the count
 * was found by a walk.
 */
import type { Cell } from '../contract/addr.ts'
import { roundUp } from '../ground/bits.ts'
import { corrupted, VmallocError } from '../ground/fault.ts'
import type { Home } from '../region/ground.ts'
import { type Codec, mustBeCodec, settled } from './codec.ts'
import { type CollectionOptions, FIELDS, mustKnow } from './collection.ts'
import type { KeyKind } from './map-keys.ts'
import { CHANGES, COUNT, MORE, Ordered, ROOT } from './ordered.ts'
import { checkTree, first, hang, KEY, LEFT, last, next, previous, RIGHT, step } from './red-black.ts'
import { type KeyOptions, keyBytes, makeOrder, type Order, orderName } from './tree-keys.ts'

export { vector } from './tree-keys.ts'

const RANGE = ['from', 'reverse']

export interface TreeOptions extends CollectionOptions, KeyOptions {}

export interface TreeEntry<K, V> {
  key: K
  value: V
}

export interface TreeRange<K> {
  /** Where to begin: at this key or, where it is none, the next one that way. */
  from?: K
  /** From the greatest key down. */
  reverse?: boolean
}

/** Where an iteration is. */
interface Cursor<K> {
  readonly way: typeof LEFT | typeof RIGHT
  node: Cell
  /** CHANGES when it came to `node`, and how many nodes there may be behind it. */
  changes: number
  left: number
  /** The key of `node`; at first the one to begin at, if any. */
  key: K | undefined
  begun: boolean
}

export class Tree<K, V> extends Ordered implements Iterable<[K, V]> {
  private readonly codec: Codec<V>
  private readonly order: Order<K>
  /** Where in a node its value is, in bytes. */
  private readonly value: number
  /** Bytes of a node but for what its key takes behind the value. */
  private readonly nodeBytes: number

  /**
   * A tree of what `codec` reads and writes, by keys of a kind: `vector`, `text`, `bytes`, or the codecs `u32`, `u64`, `f64`
   * and so on, as tree-keys.ts lists them. Whether a tree of texts ignores case is decided for good when it is made, and said again with `at`. Throws `no-memory`.
   */
  constructor(home: Home, keys: KeyKind<K>, codec: Codec<V>, options: TreeOptions = {}) {
    super(
      'tree',
      'TREE',
      `${orderName(keys, options)}:${mustBeCodec(codec, 'tree').name}`,
      MORE - FIELDS,
      home,
      options,
      {
        ignoreCase: false,
      },
    )
    const fixed = keyBytes(keys)
    this.codec = codec
    this.value = roundUp(KEY * 4 + fixed, codec.align > 4 ? 8 : 4)
    const end = this.value + codec.bytes
    const place = roundUp(end, 4)
    this.nodeBytes = fixed > 0 ? end : place + 4
    this.order = makeOrder(keys, place >>> 2, options)
    this.start(options)
  }

  /**
   * Sets the value of a key, and answers the one that it had, undefined when it had none. Throws `no-memory`, or `argument`
   * for a key that is none or a value that the codec cannot keep.
   */
  set(key: K, given: V): V | undefined {
    const { codec, order } = this
    const value = settled(codec, given)
    codec.check(value)
    const held = this.enter()
    try {
      order.want(key)
      const near = order.near(this.words, this.head + ROOT)
      const node = near !== 0 && order.compare(this.words, near) === 0 ? near : this.add(near, key, value)
      if (node === 0) return undefined
      const at = node * 4 + this.value
      const had = codec.read(this.words, at)
      this.rewrite(codec, at, value)
      return had
    } finally {
      this.leave(held)
    }
  }

  /** The value of a key, undefined when there is none. */
  get(key: K): V | undefined {
    const held = this.enter()
    try {
      return this.valueAt(this.find(key))
    } finally {
      this.leave(held)
    }
  }

  /** Whether there is an entry with this key. */
  has(key: K): boolean {
    const held = this.enter()
    try {
      return this.find(key) !== 0
    } finally {
      this.leave(held)
    }
  }

  /** Removes a key; false when there is none. */
  delete(key: K): boolean {
    const held = this.enter()
    try {
      const node = this.find(key)
      if (node === 0) return false
      this.cut(node)
      return true
    } finally {
      this.leave(held)
    }
  }

  /** The value of the greatest key that is this one or less, undefined when there is none. */
  le(key: K): V | undefined {
    const held = this.enter()
    try {
      return this.valueAt(this.beside(key, LEFT))
    } finally {
      this.leave(held)
    }
  }

  /** The value of the least key that is this one or greater, undefined when there is none. */
  ge(key: K): V | undefined {
    const held = this.enter()
    try {
      return this.valueAt(this.beside(key, RIGHT))
    } finally {
      this.leave(held)
    }
  }

  /** As `le`, with the key that was found. */
  leEntry(key: K): TreeEntry<K, V> | undefined {
    const held = this.enter()
    try {
      return this.entryAt(this.beside(key, LEFT))
    } finally {
      this.leave(held)
    }
  }

  /** As `ge`, with the key that was found. */
  geEntry(key: K): TreeEntry<K, V> | undefined {
    const held = this.enter()
    try {
      return this.entryAt(this.beside(key, RIGHT))
    } finally {
      this.leave(held)
    }
  }

  /** The entry with the least key, undefined when there is none. */
  first(): TreeEntry<K, V> | undefined {
    const held = this.enter()
    try {
      return this.entryAt(first(this.words.i32, this.head + ROOT))
    } finally {
      this.leave(held)
    }
  }

  /** The entry with the greatest key, undefined when there is none. */
  last(): TreeEntry<K, V> | undefined {
    const held = this.enter()
    try {
      return this.entryAt(last(this.words.i32, this.head + ROOT))
    } finally {
      this.leave(held)
    }
  }

  /** The keys in order. */
  keys(range?: TreeRange<K>): IterableIterator<K> {
    return this.walk(this.cursor(range), ({ key }) => this.order.own(key!))
  }

  /** The values in order of their keys. */
  values(range?: TreeRange<K>): IterableIterator<V> {
    return this.walk(this.cursor(range), ({ node }) => this.valueAt(node)!)
  }

  /** Key and value of each entry, in order of the keys. */
  entries(range?: TreeRange<K>): IterableIterator<[K, V]> {
    return this.walk(this.cursor(range), ({ node, key }) => [this.order.own(key!), this.valueAt(node)!])
  }

  [Symbol.iterator](): IterableIterator<[K, V]> {
    return this.entries()
  }

  /** Calls `visit` for each entry in order, until it answers `false`; then the answer is false, else true. */
  forEach(visit: (value: V, key: K) => unknown, range?: TreeRange<K>): boolean {
    for (const [key, value] of this.entries(range)) if (visit(value, key) === false) return false
    return true
  }

  protected checkAll(): void {
    const { order, words, at, nodeBytes, title } = this
    const mustBeNode = (node: Cell): void => {
      this.mustHold(node, nodeBytes, 'R1')
      const extra = order.extraOf(words, node)
      if (extra < 0) corrupted('tree T2', at, `a key of ${extra} bytes`, 'some')
      this.mustHold(node, nodeBytes + extra, 'T2')
    }
    const look = (node: Cell, before: Cell): void => {
      if (before === 0 || order.isBefore(words, before, node)) return
      corrupted('tree T1', at, `the key of node ${before} before that of ${node}`, 'a lesser one')
    }
    checkTree(words.i32, this.head + ROOT, words.i32[this.head + COUNT]!, { title, at, mustBeNode, look })
  }

  /**
   * Hangs up a node with the wanted key under `near`, and answers 0; or the node that has the key, when one that heard of
   * the allocation set it meanwhile.
   */
  private add(near: Cell, key: K, value: V): Cell {
    const { order, words, head } = this
    const changes = words.i32[head + CHANGES]!
    const { extra } = order
    const node = this.take(this.nodeBytes + extra)
    this.fillNew(this.codec, node, this.value, value)
    this.wantAgain(node, key, extra)
    const parent = words.i32[head + CHANGES] === changes ? near : order.near(words, head + ROOT)
    const by = parent === 0 ? 0 : order.compare(words, parent)
    if (parent !== 0 && by === 0) {
      this.drop(node)
      return parent
    }
    order.write(words, node)
    const m = words.i32
    hang(m, head + ROOT, node, parent, by > 0 ? RIGHT : LEFT)
    m[head + COUNT]!++
    m[head + CHANGES]!++
    return 0
  }

  /** Wants the key for which a node was made, and which may have been changed since; it must have as many bytes. */
  private wantAgain(node: Cell, key: K, extra: number): void {
    const { order } = this
    let isSame = false
    try {
      order.want(key)
      isSame = order.extra === extra
    } finally {
      if (!isSame) this.drop(node)
    }
    if (isSame) return
    throw new VmallocError('argument', `${this.name}: a key of ${order.extra} bytes, expected ${extra} as at first`)
  }

  /** The node with this key, 0 for none. */
  private find(key: K): Cell {
    const { order, words } = this
    order.want(key)
    const near = order.near(words, this.head + ROOT)
    return near !== 0 && order.compare(words, near) === 0 ? near : 0
  }

  /** The node with this key, or the nearest on this side of it; 0 for none. */
  private beside(key: K, way: typeof LEFT | typeof RIGHT): Cell {
    const { order, words } = this
    order.want(key)
    const near = order.near(words, this.head + ROOT)
    if (near === 0) return 0
    const by = order.compare(words, near)
    if (way === LEFT) return by >= 0 ? near : previous(words.i32, near)
    return by <= 0 ? near : next(words.i32, near)
  }

  private valueAt(node: Cell): V | undefined {
    return node === 0 ? undefined : this.codec.read(this.words, node * 4 + this.value)
  }

  private entryAt(node: Cell): TreeEntry<K, V> | undefined {
    if (node === 0) return undefined
    return { key: this.order.read(this.words, node), value: this.valueAt(node)! }
  }

  private cursor(range: TreeRange<K> = {}): Cursor<K> {
    mustKnow('tree: range', range, RANGE)
    const { from, reverse = false } = range
    if (from !== undefined) this.order.want(from)
    const key = from === undefined ? undefined : this.order.own(from)
    return { way: reverse ? LEFT : RIGHT, node: 0, changes: 0, left: 0, key, begun: false }
  }

  private *walk<T>(cursor: Cursor<K>, read: (cursor: Cursor<K>) => T): Generator<T, void, undefined> {
    for (;;) {
      const held = this.enter()
      let given: T
      try {
        if (!this.advance(cursor)) return
        given = read(cursor)
      } finally {
        this.leave(held)
      }
      yield given
    }
  }

  /** Moves to the next node that way; false when there is none. */
  private advance(cursor: Cursor<K>): boolean {
    const { words, head } = this
    const m = words.i32
    const isSame = cursor.begun && m[head + CHANGES] === cursor.changes
    cursor.left = isSame ? cursor.left - 1 : m[head + COUNT]!
    cursor.node = cursor.begun ? this.after(cursor) : this.begins(cursor)
    if (cursor.node === 0) return false
    if (cursor.left <= 0) corrupted('tree R1', this.at, 'more nodes', `${m[head + COUNT]}`)
    cursor.begun = true
    cursor.changes = m[head + CHANGES]!
    cursor.key = this.order.read(words, cursor.node)
    return true
  }

  private begins({ key, way }: Cursor<K>): Cell {
    if (key !== undefined) return this.beside(key, way)
    return way === RIGHT ? first(this.words.i32, this.head + ROOT) : last(this.words.i32, this.head + ROOT)
  }

  private after({ node, changes, key, way }: Cursor<K>): Cell {
    const m = this.words.i32
    if (m[this.head + CHANGES] === changes) return step(m, node, way)
    const found = this.beside(key!, way)
    return found !== 0 && this.order.compare(this.words, found) === 0 ? step(m, found, way) : found
  }
}
