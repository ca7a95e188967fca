/**
 * tree-keys: the kinds of keys that trees are ordered by.
 *
 *   u32 u16 u8      4 bytes            whole numbers
 *   i32 i16 i8      4
 *   u64 i64         8                  bigints
 *   f64             8                  numbers; -0 is 0, and NaN comes after all others
 *   text            4 and its UTF-8    in order of code points; with `ignoreCase`, a to z come where A to Z do
 *   bytes           4 and they         in order of the first byte that differs
 *   vector          4 and 4 a number   whole numbers as u32, any number of them, in order of the first that differs
 *
 * A kind is the codec of that name, or one of `text` and `bytes`, which are keys of hash maps too, or `vector`.
 *
 * Of two texts, byte strings or vectors of which one is the beginning of the other, that one comes first.
 *
 * A key of fixed size lies at the first word of a node that is free; the others behind the value:
 *
 *   +12            +16 ...             +12          ...
 *   | KEY, a pair of words for 64 bits |  value | LENGTH | bytes or words
 *
 * A key that is looked up is not copied into the region: `want` keeps it in this thread, and what follows compares with it.
 * It is good until something else is wanted, so whoever called foreign code in between wants it again.
 */
import type { Cell } from '../contract/addr.ts'
import { VmallocError } from '../ground/fault.ts'
import type { Words } from '../ground/words.ts'
import { bytesKey, compareKey, type Key, readBytes, readText, textKey, writeKey } from './bytes.ts'
import { told } from './codec.ts'
import type { KeyKind } from './map-keys.ts'
import { DEEPEST, KEY, LEFT, near32, RIGHT, tooDeep } from './red-black.ts'
import { getF64, getI64, getU64, SIGN, setF64, setI64, setU64, wide } from './wide.ts'

/** Arrays of whole numbers from 0 to 2^32 - 1 as keys, each as long as it likes. */
export const vector: KeyKind<readonly number[]> = {
  name: 'vector',
  check(key) {
    if (!Array.isArray(key)) misfit(key)
    for (const value of key) if (typeof value !== 'number' || value >>> 0 !== value) misfit(key, value)
  },
}

function misfit(key: unknown, value?: unknown): never {
  const came = value === undefined ? told(key) : `an array with ${told(value)} in it`
  throw new VmallocError('argument', `vector: ${came}, expected an array of whole numbers from 0 to 4294967295`)
}

export interface KeyOptions {
  /** Texts: ASCII letters are the same in both cases. A tree keeps what was first set. */
  ignoreCase?: boolean | undefined
}

/** How a tree orders its nodes. `place` is the word of a node at which its key lies. */
export abstract class Order<K> {
  protected readonly place: number

  constructor(place: number) {
    this.place = place
  }

  /** Keeps a key for what follows. Throws VmallocError `argument` for one that is none. */
  abstract want(key: K): void
  /** The node with the wanted key, or the one that it would hang under; 0 when there are no nodes. */
  abstract near(words: Words, root: Cell): Cell
  /** Less than 0 where the wanted key comes before that of the node, 0 where they are the same. */
  abstract compare(words: Words, node: Cell): number
  /** Bytes that the wanted key takes in a node behind the value. */
  abstract get extra(): number
  /** Writes the wanted key. */
  abstract write(words: Words, node: Cell): void
  abstract read(words: Words, node: Cell): K
  /** A key that nobody else changes. */
  abstract own(key: K): K
  /** Bytes behind the value that the key in a node says it has; less than 0 when that cannot be. */
  abstract extraOf(words: Words, node: Cell): number
  /** Whether the key of one node comes before that of another. */
  abstract isBefore(words: Words, one: Cell, other: Cell): boolean
}

interface Kind {
  /** Bytes that keys take at the first free word of a node; 0 where they lie behind the value. */
  readonly bytes: number
  order(key: KeyKind<unknown>, place: number): Order<unknown>
}

const word = (turn: number): Kind => ({ bytes: 4, order: (key) => new WordOrder(key, turn) })
const pair = (set: (key: never) => void, get: (high: number, low: number) => unknown): Kind => ({
  bytes: 8,
  order: (key) => new PairOrder(key, set as (key: unknown) => void, get),
})
const behind = (order: (place: number) => Order<unknown>): Kind => ({ bytes: 0, order: (_, place) => order(place) })

const kinds = new Map<string, Kind>([
  ['u32', word(0)],
  ['u16', word(0)],
  ['u8', word(0)],
  ['i32', word(SIGN)],
  ['i16', word(SIGN)],
  ['i8', word(SIGN)],
  ['u64', pair(setU64, getU64)],
  ['i64', pair(setI64, getI64)],
  ['f64', pair(setF64, getF64)],
  ['text', behind((place) => new TextOrder(place))],
  ['bytes', behind((place) => new BytesOrder(place))],
  ['vector', behind((place) => new VectorOrder(place))],
])
const caseless = behind((place) => new CaselessOrder(place))

/** Bytes that keys of a kind take at the first free word of a node; 0 where they lie behind the value. */
export function keyBytes<K>({ name }: KeyKind<K>): number {
  return kinds.get(name)!.bytes
}

/** What a kind and its options are called in the shape of a tree. Throws VmallocError `argument` for what is no kind. */
export function orderName<K>(key: KeyKind<K>, { ignoreCase = false }: KeyOptions): string {
  const name = key?.name
  if (!kinds.has(name)) {
    throw new VmallocError(
      'argument',
      `tree: keys ${told(name ?? key)}, expected one of ${[...kinds.keys()].join(', ')}`,
    )
  }
  if (ignoreCase && name !== 'text') {
    throw new VmallocError('argument', `tree: ignoreCase with keys ${name}, expected keys text`)
  }
  return ignoreCase ? 'text,ignoreCase' : name
}

/** How a tree orders keys of a kind that `orderName` let pass. */
export function makeOrder<K>(key: KeyKind<K>, place: number, { ignoreCase }: KeyOptions): Order<K> {
  const kind = ignoreCase ? caseless : kinds.get(key.name)!
  return kind.order(key as KeyKind<unknown>, place) as Order<K>
}

class WordOrder extends Order<number> {
  private wanted = 0
  private readonly key: KeyKind<unknown>
  private readonly turn: number

  constructor(key: KeyKind<unknown>, turn: number) {
    super(KEY)
    this.key = key
    this.turn = turn
  }

  want(key: number): void {
    this.key.check(key)
    this.wanted = key ^ this.turn
  }

  near(words: Words, root: Cell): Cell {
    return near32(words.i32, root, this.wanted)
  }

  compare(words: Words, node: Cell): number {
    const has = words.i32[node + KEY]!
    return has === this.wanted ? 0 : (this.wanted ^ SIGN) < (has ^ SIGN) ? -1 : 1
  }

  get extra(): number {
    return 0
  }

  write(words: Words, node: Cell): void {
    words.i32[node + KEY] = this.wanted
  }

  read(words: Words, node: Cell): number {
    const key = words.i32[node + KEY]!
    return this.turn === 0 ? key >>> 0 : key ^ this.turn
  }

  own(key: number): number {
    return key
  }

  extraOf(): number {
    return 0
  }

  isBefore(words: Words, one: Cell, other: Cell): boolean {
    return words.i32[one + KEY]! >>> 0 < words.i32[other + KEY]! >>> 0
  }
}

class PairOrder extends Order<unknown> {
  private high = 0
  private low = 0
  private readonly key: KeyKind<unknown>
  private readonly set: (key: unknown) => void
  private readonly get: (high: number, low: number) => unknown

  constructor(key: KeyKind<unknown>, set: (key: unknown) => void, get: (high: number, low: number) => unknown) {
    super(KEY)
    this.key = key
    this.set = set
    this.get = get
  }

  want(key: unknown): void {
    this.key.check(key)
    this.set(key)
    this.high = wide.high
    this.low = wide.low
  }

  near(words: Words, root: Cell): Cell {
    const m = words.i32
    const { high, low } = this
    let near = 0
    let left = DEEPEST
    for (let node = m[root]!; node > 0; ) {
      if (--left < 0) tooDeep(m, root)
      near = node
      const above = m[node + KEY]!
      const below = m[node + KEY + 1]!
      if (above === high && below === low) break
      node = m[node + (above < high || (above === high && below < low) ? RIGHT : LEFT)]!
    }
    return near
  }

  compare(words: Words, node: Cell): number {
    const m = words.i32
    const by = this.high - m[node + KEY]!
    return by !== 0 ? by : this.low - m[node + KEY + 1]!
  }

  get extra(): number {
    return 0
  }

  write(words: Words, node: Cell): void {
    words.i32[node + KEY] = this.high
    words.i32[node + KEY + 1] = this.low
  }

  read(words: Words, node: Cell): unknown {
    return this.get(words.i32[node + KEY]!, words.i32[node + KEY + 1]!)
  }

  own(key: unknown): unknown {
    return key
  }

  extraOf(): number {
    return 0
  }

  isBefore(words: Words, one: Cell, other: Cell): boolean {
    const m = words.i32
    const by = m[one + KEY]! - m[other + KEY]!
    return by !== 0 ? by < 0 : m[one + KEY + 1]! < m[other + KEY + 1]!
  }
}

/** What texts and byte strings have in common. */
abstract class StringOrder<K> extends Order<K> {
  protected wanted!: Key

  near(words: Words, root: Cell): Cell {
    const m = words.i32
    const { place, wanted } = this
    let near = 0
    let left = DEEPEST
    for (let node = m[root]!; node > 0; ) {
      if (--left < 0) tooDeep(m, root)
      near = node
      const by = compareKey(wanted, words, node + place)
      if (by === 0) break
      node = m[node + (by > 0 ? RIGHT : LEFT)]!
    }
    return near
  }

  compare(words: Words, node: Cell): number {
    return compareKey(this.wanted, words, node + this.place)
  }

  get extra(): number {
    return this.wanted.length
  }

  write(words: Words, node: Cell): void {
    writeKey(words, node + this.place, this.wanted)
  }

  extraOf(words: Words, node: Cell): number {
    return words.i32[node + this.place]!
  }

  isBefore(words: Words, one: Cell, other: Cell): boolean {
    const { u8, i32: m } = words
    const a = (one + this.place) * 4 + 4
    const b = (other + this.place) * 4 + 4
    const length = m[one + this.place]!
    const otherLength = m[other + this.place]!
    for (let i = 0; i < length && i < otherLength; i++) {
      const by = this.fold(u8[a + i]!) - this.fold(u8[b + i]!)
      if (by !== 0) return by < 0
    }
    return length < otherLength
  }

  protected fold(byte: number): number {
    return byte
  }
}

class TextOrder extends StringOrder<string> {
  want(key: string): void {
    this.wanted = textKey(key, 'tree: key')
  }

  read(words: Words, node: Cell): string {
    return readText(words, node + this.place)
  }

  own(key: string): string {
    return key
  }
}

class BytesOrder extends StringOrder<Uint8Array> {
  want(key: Uint8Array): void {
    this.wanted = bytesKey(key, 'tree: key')
  }

  read(words: Words, node: Cell): Uint8Array {
    return readBytes(words, node + this.place)
  }

  own(key: Uint8Array): Uint8Array {
    return key.slice()
  }
}

/** a to z as A to Z, all other bytes as they are. */
const FOLDED = Uint8Array.from({ length: 256 }, (_, byte) => (byte >= 0x61 && byte <= 0x7a ? byte - 32 : byte))

class CaselessOrder extends TextOrder {
  override near(words: Words, root: Cell): Cell {
    const m = words.i32
    let near = 0
    let left = DEEPEST
    for (let node = m[root]!; node > 0; ) {
      if (--left < 0) tooDeep(m, root)
      near = node
      const by = this.compare(words, node)
      if (by === 0) break
      node = m[node + (by > 0 ? RIGHT : LEFT)]!
    }
    return near
  }

  override compare(words: Words, node: Cell): number {
    const { bytes, length } = this.wanted
    const has = words.i32[node + this.place]!
    const { u8 } = words
    const at = (node + this.place) * 4 + 4
    const end = length < has ? length : has
    for (let i = 0; i < end; i++) {
      const by = FOLDED[bytes[i]!]! - FOLDED[u8[at + i]!]!
      if (by !== 0) return by
    }
    return length - has
  }

  protected override fold(byte: number): number {
    return FOLDED[byte]!
  }
}

class VectorOrder extends Order<readonly number[]> {
  private wanted = new Int32Array(16)
  private length = 0

  want(key: readonly number[]): void {
    vector.check(key)
    const { length } = key
    if (this.wanted.length < length) this.wanted = new Int32Array(length * 2)
    for (let i = 0; i < length; i++) this.wanted[i] = key[i]!
    this.length = length
  }

  near(words: Words, root: Cell): Cell {
    const m = words.i32
    let near = 0
    let left = DEEPEST
    for (let node = m[root]!; node > 0; ) {
      if (--left < 0) tooDeep(m, root)
      near = node
      const by = this.compare(words, node)
      if (by === 0) break
      node = m[node + (by > 0 ? RIGHT : LEFT)]!
    }
    return near
  }

  compare(words: Words, node: Cell): number {
    const m = words.i32
    const { wanted, length } = this
    const at = node + this.place
    const has = m[at]!
    const end = length < has ? length : has
    for (let i = 0; i < end; i++) {
      const one = wanted[i]!
      const other = m[at + 1 + i]!
      if (one !== other) return (one ^ SIGN) < (other ^ SIGN) ? -1 : 1
    }
    return length - has
  }

  get extra(): number {
    return this.length * 4
  }

  write(words: Words, node: Cell): void {
    const m = words.i32
    const at = node + this.place
    m[at] = this.length
    for (let i = 0; i < this.length; i++) m[at + 1 + i] = this.wanted[i]!
  }

  read(words: Words, node: Cell): readonly number[] {
    const m = words.i32
    const at = node + this.place
    return Array.from({ length: Math.min(m[at]!, m.length - at) }, (_, i) => m[at + 1 + i]! >>> 0)
  }

  own(key: readonly number[]): readonly number[] {
    return [...key]
  }

  extraOf(words: Words, node: Cell): number {
    return words.i32[node + this.place]! * 4
  }

  isBefore(words: Words, one: Cell, other: Cell): boolean {
    const m = words.i32
    const a = one + this.place
    const b = other + this.place
    for (let i = 1; i <= m[a]! && i <= m[b]!; i++) {
      if (m[a + i] !== m[b + i]) return m[a + i]! >>> 0 < m[b + i]! >>> 0
    }
    return m[a]! < m[b]!
  }
}
