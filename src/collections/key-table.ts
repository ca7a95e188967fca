/**
 * key-table: entries in the order in which their keys came, found by hash; what HashMap and MultiMap have in common.
 *
 *   head     INDEX | ENTRIES | BITS | ROOM | USED | COUNT | LOW | HIGH | SALT | EPOCH | BASE | STAMPS | STAMPED | WALKS |
 *            FIRST | OWN
 *
 *   index    | slot | slot | ...                   2^BITS words
 *   slot     | hash, 32 - BITS bits | NUMBER, BITS bits |
 *            0 empty; NUMBER 0 with all bits above set: an entry was here and was removed; else the entry's number, from 1
 *
 *   entries  | entry 1 | ... | entry ROOM | GONE ... |
 *   entry    | key: 4 or 8 bytes | value, at a multiple of its alignment |         as map-keys.ts says
 *   GONE     a bit for each entry: 1 where it was removed
 *
 *   LOW, HIGH, SALT   the seed (hash.ts)        OWN   HashMap's is not used, MultiMap's is its SIZE
 *
 *   K1  USED of ROOM entries are used, and ROOM is at most 11/16 of the slots, so some slot is always empty
 *   K2  COUNT of them are not removed, the first of them at position FIRST; no bit of GONE is set beyond USED
 *   K3  each of these has exactly one slot, with bits of its hash, and no empty slot between that one and the one that
 *       the hash names; all other slots are empty or removed
 *   K4  no two have one key; a key of bytes lies in a block of its own, next to its hash
 *   K5  STAMPS holds STAMPED increasing stamps below BASE + STAMPED, of entries that are used
 *
 * A look-up reads the slots from the one that the lower bits of the hash name, and looks at an entry only where the upper
 * bits agree as well: a miss hardly ever touches an entry. There is no memory before the first entry. When ROOM is used
 * up, entries that were removed are squeezed out where they are, if they are a quarter; otherwise entries, and every other
 * time the index, move to larger blocks. A removal asks for no memory and moves nothing, and no table becomes smaller by
 * itself: that is what `compact` and `clear` are for.
 *
 * Iteration is in the order in which keys came, and like that of JavaScript's Map under changes, whoever makes them: what
 * is added is met, what was removed is not, and a walk ends when no more is added. A walk knows its place by the place's
 * stamp. An entry's stamp is its position plus BASE; only while walks are open (WALKS) does squeezing keep the stamps that
 * entries had, in STAMPS. A walk that is given up without `return` costs these 4 bytes an entry, no more. After 2^31
 * additions in one walk stamps begin anew, and that walk may meet entries twice.
 *
 *   look-up, insertion, removal O(1) on the average, insertion amortised, whoever chose the keys (hash.ts)
 *   a step of a walk amortised O(1)   bytes: 4 a slot, 1.46 to 2.91 slots an entry; entries up to 1.5 times as large
 *
 * Source: entries apart from the index, and in order, after Raymond Hettinger, More compact dictionaries with faster
 * iteration, 2012.
 */
import type { Cell } from '../contract/addr.ts'
import { isWhole } from '../ground/bits.ts'
import { corrupted, VmallocError } from '../ground/fault.ts'
import type { Home } from '../region/ground.ts'
import { isKey, type Key, keySize, readBytes, writeKey } from './bytes.ts'
import { Collection, type CollectionOptions, FIELDS, mustBeOptions } from './collection.ts'
import { hashBytes, hashPair, hashWord, seedFor, tablesOf } from './hash.ts'
import {
  ADDRESS,
  blockKey,
  F64,
  formOf,
  type KeyKind,
  keyOfBlock,
  keyOfPair,
  keyOfWord,
  orderOf,
  pair,
  split,
  wordOf,
} from './map-keys.ts'

export interface KeyTableOptions extends CollectionOptions {
  /** Seed of the hash, a whole number of 64 bits at most: for runs that shall repeat. Who knows it can choose keys that meet. */
  seed?: number | bigint
}

/** What `inspect` tells. */
export interface KeyTableFigures {
  /** Slots of the index, and entries that there is room for. */
  slots: number
  room: number
  /** Entries that were removed and not yet squeezed out. */
  removed: number
  /** Bytes of index, entries and stamps, without blocks of keys. */
  bytes: number
  /** Slots that are read to find every key once, and the most for any of them. */
  probes: number
  longest: number
}

const OPTIONS = { seed: true }

const INDEX = FIELDS
const ENTRIES = FIELDS + 1
const BITS = FIELDS + 2
const ROOM = FIELDS + 3
const USED = FIELDS + 4
const COUNT = FIELDS + 5
const LOW = FIELDS + 6
const HIGH = FIELDS + 7
const SALT = FIELDS + 8
const EPOCH = FIELDS + 9
const BASE = FIELDS + 10
const STAMPS = FIELDS + 11
const STAMPED = FIELDS + 12
const WALKS = FIELDS + 13
const FIRST = FIELDS + 14
const HEAD = 15
/** A field for subclasses. */
export const OWN = FIELDS + HEAD

const LEAST_BITS = 3
const MOST_BITS = 28
/** Up to so many bits entries and index grow together. */
const SMALL_BITS = 6
const MOST_STAMPS = 2 ** 31
const EPOCHS = 0x3fffffff
/** How often room is made while others change the table. */
const MOST_TURNS = 100
/** The epoch of a walk before its first step and after its last. */
const UNBEGUN = -1
/** Where an entry of a block has that block. */
const BLOCK = 1

/** Entries that an index of so many bits can serve. */
const capacityOf = (bits: number): number => ((1 << bits) * 11) >>> 4

/** The least bits that serve so many entries. */
function bitsFor(entries: number): number {
  let bits = LEAST_BITS
  while (capacityOf(bits) < entries) bits++
  return bits
}

/** Words of the bits in GONE. */
const goneWords = (room: number): number => (room + 31) >>> 5

export abstract class KeyTable<K> extends Collection {
  protected readonly keyKind: KeyKind<K>
  /** What the kind of keys is, as a number (map-keys.ts). */
  protected readonly form: number
  /** Words of an entry, and at which of them its value begins. */
  protected readonly stride: number
  protected readonly valueAt: number
  private readonly tables: Int32Array
  private readonly salt: number

  /** `shape` names the layout of the value, of so many `bytes` and this alignment. */
  constructor(
    title: string,
    letters: string,
    keyKind: KeyKind<K>,
    value: { readonly name: string; readonly bytes: number; readonly align: number },
    home: Home,
    options: KeyTableOptions,
  ) {
    const form = formOf(keyKind as KeyKind<never>, title)
    mustBeOptions(title, options, OPTIONS)
    const seed = seedFor(options.seed)
    super(title, letters, `${keyKind.name} to ${value.name}`, HEAD + 1, home, options, OPTIONS)
    this.keyKind = keyKind
    this.form = form
    this.valueAt = form > ADDRESS || value.align > 4 ? 2 : 1
    const words = this.valueAt + ((value.bytes + 3) >>> 2)
    this.stride = value.align > 4 ? (words + 1) & ~1 : words
    const { head } = this
    const m = this.words.i32
    if (options.at === undefined) {
      m[head + LOW] = seed.low
      m[head + HIGH] = seed.high
      m[head + SALT] = seed.salt
    }
    this.tables = tablesOf(m[head + LOW]!, m[head + HIGH]!)
    this.salt = m[head + SALT]!
  }

  /** Whether there is this key. */
  has(key: K): boolean {
    const held = this.enter()
    try {
      return this.locate(key) !== 0
    } finally {
      this.leave(held)
    }
  }

  /** Makes room for `count` keys in all: up to there nothing is asked for but blocks of keys. Throws `no-memory`. */
  reserve(count: number): void {
    if (!isWhole(count, capacityOf(MOST_BITS))) {
      throw new VmallocError(
        'argument',
        `${this.title}: reserve ${String(count)}, expected a whole number up to ${capacityOf(MOST_BITS)}`,
      )
    }
    const held = this.enter()
    try {
      const { head } = this
      for (let turn = 0; ; turn++) {
        this.mustRest(turn)
        const m = this.words.i32
        if (m[head + ROOM]! - m[head + USED]! + m[head + COUNT]! >= count) break
        this.rebuild(bitsFor(count), count)
      }
      const m = this.words.i32
      if (m[head + ROOM]! - m[head + USED]! < count - m[head + COUNT]!) this.squeeze()
    } finally {
      this.leave(held)
    }
  }

  /** Gives back what the keys that there are do not need; answers bytes. Throws `no-memory`: it moves them to smaller blocks. */
  compact(): number {
    const held = this.enter()
    try {
      this.checkSizes()
      const { head } = this
      const { region } = this.data
      const before = region.busyBytes
      const m = this.words.i32
      const count = m[head + COUNT]!
      if (count === 0) this.release()
      else if (m[head + ROOM] !== count || m[head + BITS] !== bitsFor(count)) this.rebuild(bitsFor(count), count)
      return Math.max(0, before - region.busyBytes)
    } finally {
      this.leave(held)
    }
  }

  /** The keys, in the order in which they came. */
  keys(): Walk<K> {
    return this.walk((entry) => this.keyAt(entry))
  }

  /** How full it is and how long its searches are: what keys that meet would show in. O(n). */
  inspect(): KeyTableFigures {
    const held = this.enter()
    try {
      return this.figures()
    } finally {
      this.leave(held)
    }
  }

  /** A walk through all entries, in order. */
  protected walk<T>(read: (entry: Cell) => T): Walk<T> {
    const place: Place<T> = { epoch: UNBEGUN, position: 0, stamp: 0, value: undefined }
    return new Walk(
      place,
      () => this.step(place, read),
      () => this.stop(place),
    )
  }

  protected countKeys(): number {
    const held = this.enter()
    try {
      return this.words.i32[this.head + COUNT]!
    } finally {
      this.leave(held)
    }
  }

  /** All keys of this moment, in their own order. */
  protected sortedKeys(): K[] {
    const held = this.enter()
    try {
      const found: K[] = []
      this.visit((entry) => void found.push(this.keyAt(entry)))
      return found.sort(orderOf(this.form) as (a: K, b: K) => number)
    } finally {
      this.leave(held)
    }
  }

  // entries

  /** The entry of a key, 0 where there is none. */
  protected locate(key: K): Cell {
    const { form } = this
    if (form > ADDRESS) return this.locateLong(key)
    const word = wordOf(form, this.keyKind, key, this.words.i32)
    return this.seekWord(word, hashWord(this.tables, word ^ this.salt))
  }

  /** The entry of a key; less than 0, its negative, where it was made for this. Its value is then to be written. */
  protected settle(key: K): number {
    const { form } = this
    if (form > ADDRESS) return this.settleLong(key)
    const word = wordOf(form, this.keyKind, key, this.words.i32)
    return this.settleWord(word, hashWord(this.tables, word ^ this.salt))
  }

  /** Removes an entry, and the block of its key. */
  protected unsettle(entry: Cell): void {
    const { head } = this
    const m = this.words.i32
    const entries = m[head + ENTRIES]!
    const position = (entry - entries) / this.stride
    this.clearSlot(this.hashAt(entry), position + 1)
    m[entries + m[head + ROOM]! * this.stride + (position >>> 5)]! |= 1 << position
    m[head + COUNT] = m[head + COUNT]! - 1
    if (position === m[head + FIRST]) m[head + FIRST] = this.nextFrom(position)
    if (this.form > F64) this.drop(m[entry + BLOCK]!)
  }

  /** The oldest entry, 0 where there is none. */
  protected get oldest(): Cell {
    const { head } = this
    const m = this.words.i32
    return m[head + COUNT] === 0 ? 0 : m[head + ENTRIES]! + m[head + FIRST]! * this.stride
  }

  protected keyAt(entry: Cell): K {
    const { form } = this
    const m = this.words.i32
    if (form <= ADDRESS) return keyOfWord(form, m[entry]!, m) as K
    if (form <= F64) return keyOfPair(form, m[entry]!, m[entry + 1]!) as K
    return keyOfBlock(form, this.words, m[entry + BLOCK]!) as K
  }

  /** Calls `what` with each entry, in order. Nothing may be allocated, added or removed meanwhile. */
  protected visit(what: (entry: Cell) => void): void {
    this.checkSizes()
    const { head, stride, words } = this
    const used = words.i32[head + USED]!
    for (let i = 0; i < used; i++) if (!this.isGone(i)) what(words.i32[head + ENTRIES]! + i * stride)
  }

  /** For subclasses: frees what the value of an entry has outside it. */
  protected dropValue?(entry: Cell): void

  private locateLong(key: K): Cell {
    const { form } = this
    if (form > F64) {
      const found = blockKey(form, key)
      return this.seekBlock(found, this.hashOfKey(found))
    }
    split(form, this.keyKind, key)
    return this.seekPair(pair[0]!, pair[1]!, this.hashOfPair(pair[0]!, pair[1]!))
  }

  private seekWord(word: number, hash: number): Cell {
    const { head, stride } = this
    const m = this.words.i32
    const index = m[head + INDEX]!
    if (index === 0) return 0
    const mask = (1 << m[head + BITS]!) - 1
    const entries = m[head + ENTRIES]! - stride
    let left = mask
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const has = m[index + slot]!
      if (!has) return 0
      if (--left < 0) this.endless()
      if (((has ^ hash) & ~mask) !== 0 || (has & mask) === 0) continue
      const entry = entries + (has & mask) * stride
      if (m[entry] === word) return entry
    }
  }

  private seekPair(low: number, high: number, hash: number): Cell {
    const { head, stride } = this
    const m = this.words.i32
    const index = m[head + INDEX]!
    if (index === 0) return 0
    const mask = (1 << m[head + BITS]!) - 1
    const entries = m[head + ENTRIES]! - stride
    let left = mask
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const has = m[index + slot]!
      if (!has) return 0
      if (--left < 0) this.endless()
      if (((has ^ hash) & ~mask) !== 0 || (has & mask) === 0) continue
      const entry = entries + (has & mask) * stride
      if (m[entry] === low && m[entry + 1] === high) return entry
    }
  }

  private seekBlock(key: Key, hash: number): Cell {
    const { head, stride } = this
    const m = this.words.i32
    const index = m[head + INDEX]!
    if (index === 0) return 0
    const mask = (1 << m[head + BITS]!) - 1
    const entries = m[head + ENTRIES]! - stride
    let left = mask
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const has = m[index + slot]!
      if (!has) return 0
      if (--left < 0) this.endless()
      if (((has ^ hash) & ~mask) !== 0 || (has & mask) === 0) continue
      const entry = entries + (has & mask) * stride
      if (m[entry] === hash && isKey(this.words, m[entry + BLOCK]!, key)) return entry
    }
  }

  /** `seekWord` and `claim` in one, since this is what programs do most. */
  private settleWord(word: number, hash: number): number {
    const { head, stride } = this
    const m = this.words.i32
    const index = m[head + INDEX]!
    if (index === 0) return this.settleGrown(word, hash)
    const mask = (1 << m[head + BITS]!) - 1
    const entries = m[head + ENTRIES]! - stride
    let slot = hash & mask
    let left = mask
    for (let has = m[index + slot]!; has; has = m[index + slot]!) {
      if (--left < 0) this.endless()
      if (((has ^ hash) & ~mask) === 0 && (has & mask) !== 0) {
        const entry = entries + (has & mask) * stride
        if (m[entry] === word) return entry
      }
      slot = (slot + 1) & mask
    }
    const number = m[head + USED]! + 1
    if (number > m[head + ROOM]!) return this.settleGrown(word, hash)
    m[index + slot] = (hash & ~mask) | number
    m[head + USED] = number
    m[head + COUNT] = m[head + COUNT]! + 1
    const entry = entries + number * stride
    m[entry] = word
    return -entry
  }

  /** Who listens to allocations may use the table: after one the key is looked for again. */
  private settleGrown(word: number, hash: number): number {
    const { head } = this
    for (let turn = 0; ; turn++) {
      const found = this.seekWord(word, hash)
      if (found !== 0) return found
      if (this.words.i32[head + INDEX] !== 0 && this.hasRoom) return this.settleWord(word, hash)
      this.grow(turn)
    }
  }

  private settleLong(key: K): number {
    const { form } = this
    if (form > F64) return this.settleBlock(key)
    split(form, this.keyKind, key)
    return this.settlePair(pair[0]!, pair[1]!)
  }

  private settlePair(low: number, high: number): number {
    const hash = this.hashOfPair(low, high)
    for (let turn = 0; ; turn++) {
      const found = this.seekPair(low, high, hash)
      if (found !== 0) return found
      if (!this.hasRoom) {
        this.grow(turn)
        continue
      }
      const entry = this.claim(hash)
      const m = this.words.i32
      m[entry] = low
      m[entry + 1] = high
      return -entry
    }
  }

  /** Who listens to allocations may use the table, and the scratch that the key is in: after one all is asked anew. */
  private settleBlock(key: K): number {
    const { form } = this
    const wanted = blockKey(form, key)
    const hash = this.hashOfKey(wanted)
    const found = this.seekBlock(wanted, hash)
    if (found !== 0) return found
    const { head } = this
    const m = this.words.i32
    const [epoch, used] = [m[head + EPOCH]!, m[head + USED]!]
    const block = this.take(keySize(wanted.length))
    writeKey(this.words, block, blockKey(form, key))
    const now = this.words.i32
    if (now[head + EPOCH] === epoch && now[head + USED] === used && this.hasRoom) return this.addBlock(block, hash)
    return this.settleIn(block, key, hash)
  }

  /** Adds a key whose block there is. When the contents go meanwhile, that goes with them, and another one is made. */
  private settleIn(first: Cell, key: K, hash: number): number {
    let block = first
    let era = this.contentsEra
    let entry = 0
    try {
      for (let turn = 0; entry === 0; turn++) {
        if (this.contentsEra !== era) {
          const wanted = blockKey(this.form, key)
          block = this.take(keySize(wanted.length))
          era = this.contentsEra
          writeKey(this.words, block, blockKey(this.form, key))
        }
        entry = this.seekBlock(blockKey(this.form, key), hash)
        if (entry !== 0) break
        if (this.hasRoom) entry = this.addBlock(block, hash)
        else this.grow(turn)
      }
    } finally {
      if (entry >= 0 && this.contentsEra === era) this.drop(block)
    }
    return entry
  }

  private addBlock(block: Cell, hash: number): number {
    const entry = this.claim(hash)
    const m = this.words.i32
    m[entry] = hash
    m[entry + BLOCK] = block
    return -entry
  }

  private endless(): never {
    this.broken('K1', 'no empty slot', 'one at least')
  }

  private get hasRoom(): boolean {
    const m = this.words.i32
    return m[this.head + USED]! < m[this.head + ROOM]!
  }

  /** The next entry, which there is room for, with its slot. */
  private claim(hash: number): Cell {
    const { head } = this
    const m = this.words.i32
    const number = m[head + USED]! + 1
    const mask = (1 << m[head + BITS]!) - 1
    const index = m[head + INDEX]!
    let slot = hash & mask
    let left = mask
    while (m[index + slot]) {
      if (--left < 0) this.endless()
      slot = (slot + 1) & mask
    }
    m[index + slot] = (hash & ~mask) | number
    m[head + USED] = number
    m[head + COUNT] = m[head + COUNT]! + 1
    return m[head + ENTRIES]! + (number - 1) * this.stride
  }

  /** Takes an entry's slot away. Slots before an empty one need not say that they were used. */
  private clearSlot(hash: number, number: number): void {
    const { head } = this
    const m = this.words.i32
    const mask = (1 << m[head + BITS]!) - 1
    const index = m[head + INDEX]!
    let slot = hash & mask
    let left = mask
    while ((m[index + slot]! & mask) !== number) {
      if (!m[index + slot] || --left < 0) this.broken('K3', `no slot names entry ${number}`, 'one')
      slot = (slot + 1) & mask
    }
    if (m[index + ((slot + 1) & mask)] !== 0) {
      m[index + slot] = ~mask
      return
    }
    do {
      m[index + slot] = 0
      slot = (slot - 1) & mask
    } while (m[index + slot] === ~mask)
  }

  /** The first position from this one on whose entry is not removed; USED where there is none. */
  private nextFrom(position: number): number {
    const used = this.words.i32[this.head + USED]!
    let next = position
    while (next < used && this.isGone(next)) next++
    return next
  }

  private isGone(position: number): boolean {
    const { head } = this
    const m = this.words.i32
    const gone = m[head + ENTRIES]! + m[head + ROOM]! * this.stride
    return ((m[gone + (position >>> 5)]! >>> (position & 31)) & 1) !== 0
  }

  // hashes

  private hashOfWord(word: number): number {
    return hashWord(this.tables, word ^ this.salt)
  }

  private hashOfPair(low: number, high: number): number {
    return hashPair(this.tables, low ^ this.salt, high)
  }

  private hashOfKey({ bytes, length }: Key): number {
    const m = this.words.i32
    const { head } = this
    return hashBytes(bytes, length, m[head + LOW]! ^ this.salt, m[head + HIGH]!)
  }

  private hashAt(entry: Cell): number {
    const m = this.words.i32
    if (this.form <= ADDRESS) return this.hashOfWord(m[entry]!)
    return this.form <= F64 ? this.hashOfPair(m[entry]!, m[entry + 1]!) : m[entry]!
  }

  // growing and shrinking

  /**
   * Makes room for one entry at least, unless the table changed meanwhile. Whoever calls must look for the key again, and
   * tells how often it did: a handler that clears the contents each time there is no memory would keep it at that for ever.
   */
  private grow(turn: number): void {
    const { head } = this
    this.mustRest(turn)
    const m = this.words.i32
    const bits = m[head + BITS]!
    const used = m[head + USED]!
    const count = m[head + COUNT]!
    if (m[head + INDEX] === 0) {
      this.rebuild(LEAST_BITS, capacityOf(LEAST_BITS))
    } else if ((used - count) * 4 >= used) {
      this.squeeze()
    } else if (m[head + ROOM]! < capacityOf(bits)) {
      this.rebuild(bits, capacityOf(bits))
    } else {
      const room = capacityOf(bits + 1)
      this.rebuild(bits + 1, bits < SMALL_BITS ? room : Math.ceil(room * 0.75))
    }
  }

  private mustRest(turn: number): void {
    if (turn < MOST_TURNS) return
    const { name } = this.data.region
    throw new VmallocError(
      'no-memory',
      `${this.title}: region ${name} was changed ${turn} times while room was made in it`,
    )
  }

  /** Moves to blocks of these sizes, without the removed entries; does nothing when the table changes meanwhile. */
  private rebuild(bits: number, room: number): void {
    const { head, stride } = this
    this.checkSizes()
    const before = this.image()
    const [used, count] = [before[USED - INDEX]!, before[COUNT - INDEX]!]
    const isSqueezed = count < used
    const isSame = bits === before[BITS - INDEX] && !isSqueezed
    const taken: Cell[] = []
    let isLike = false
    let era = this.contentsEra
    const note = (cell: Cell): void => {
      if (this.contentsEra !== era) taken.fill(0)
      era = this.contentsEra
      taken.push(cell)
    }
    try {
      note(this.take((room * stride + goneWords(room)) * 4))
      note(isSame ? 0 : this.take(4 << bits))
      note(isSqueezed ? this.takeStamps() : 0)
      isLike = this.isLike(before)
    } finally {
      if (this.contentsEra !== era) taken.fill(0)
      if (!isLike) this.giveUp(taken)
    }
    if (!isLike) return
    const [entries, index, stamps] = taken as [Cell, Cell, Cell]
    const m = this.words.i32
    const old = [m[head + ENTRIES]!, isSame ? 0 : m[head + INDEX]!, isSqueezed ? m[head + STAMPS]! : 0]
    if (isSqueezed) {
      this.restamp(stamps)
      this.copyLive(entries)
    } else if (used > 0) {
      this.words.copy(entries * 4, old[0]! * 4, used * stride * 4)
    }
    this.words.zero((entries + room * stride) * 4, goneWords(room) * 4)
    m[head + ENTRIES] = entries
    m[head + ROOM] = room
    m[head + USED] = count
    if (isSqueezed) m[head + FIRST] = 0
    if (!isSame) {
      m[head + INDEX] = index
      m[head + BITS] = bits
      this.fillIndex()
    }
    this.giveUp(old)
  }

  /** Moves entries together where they are. Asks for memory only while walks are open. */
  private squeeze(): void {
    const { head, stride } = this
    this.checkSizes()
    const before = this.image()
    const stamps = this.takeStamps()
    if (!this.isLike(before)) {
      this.giveUp([stamps])
      return
    }
    const m = this.words.i32
    const old = m[head + STAMPS]!
    this.restamp(stamps)
    this.copyLive(m[head + ENTRIES]!)
    const room = m[head + ROOM]!
    this.words.zero((m[head + ENTRIES]! + room * stride) * 4, goneWords(room) * 4)
    m[head + USED] = m[head + COUNT]!
    m[head + FIRST] = 0
    this.fillIndex()
    this.giveUp([old])
  }

  /** All fields: who listens to allocations may have changed them meanwhile. */
  private image(): Int32Array {
    return this.words.i32.slice(this.head + INDEX, this.head + INDEX + HEAD)
  }

  private isLike(image: Int32Array): boolean {
    const m = this.words.i32
    for (let i = 0; i < HEAD; i++) if (m[this.head + INDEX + i] !== image[i]) return false
    return true
  }

  /** A block for the stamps of all entries, 0 when no walk needs them. */
  private takeStamps(): Cell {
    const { head } = this
    const m = this.words.i32
    const count = m[head + COUNT]!
    const isOld = m[head + BASE]! + m[head + USED]! >= MOST_STAMPS
    return m[head + WALKS] === 0 || isOld || count === 0 ? 0 : this.take(count * 4)
  }

  private giveUp(cells: readonly Cell[]): void {
    for (const cell of cells) if (cell !== 0) this.drop(cell)
  }

  /** Before entries are moved together: notes the stamps that they have, or begins anew where no walk is open. */
  private restamp(stamps: Cell): void {
    const { head } = this
    const m = this.words.i32
    const next = m[head + BASE]! + m[head + USED]!
    const count = m[head + COUNT]!
    if (stamps !== 0) {
      let at = stamps
      for (let i = 0; i < m[head + USED]!; i++) {
        if (!this.isGone(i) && at < stamps + count) m[at++] = this.stampOf(i)
      }
    }
    const isKept = m[head + WALKS] !== 0 && next < MOST_STAMPS
    m[head + STAMPS] = stamps
    m[head + STAMPED] = stamps === 0 ? 0 : count
    m[head + BASE] = isKept ? next - count : 0
    m[head + EPOCH] = (m[head + EPOCH]! + 1) & EPOCHS
  }

  /** Copies the entries that are not removed one after another to `to`, which may be where they are. */
  private copyLive(to: Cell): void {
    const { head, stride } = this
    const m = this.words.i32
    const entries = m[head + ENTRIES]!
    const used = m[head + USED]!
    const end = to + m[head + COUNT]! * stride
    let target = to
    for (let i = 0; i < used; i++) {
      if (this.isGone(i)) continue
      if (target === end) this.broken('K2', 'more entries', `${m[head + COUNT]}`)
      const entry = entries + i * stride
      if (target !== entry) for (let j = 0; j < stride; j++) m[target + j] = m[entry + j]!
      target += stride
    }
  }

  /** Fills the index anew; no entry is removed. */
  private fillIndex(): void {
    const { form, head, stride, tables, salt } = this
    const m = this.words.i32
    const bits = m[head + BITS]!
    const mask = (1 << bits) - 1
    const index = m[head + INDEX]!
    this.words.zero(index * 4, 4 << bits)
    const used = m[head + USED]!
    let entry = m[head + ENTRIES]!
    for (let number = 1; number <= used; number++, entry += stride) {
      const word = m[entry]!
      const hash =
        form > F64 ? word : form > ADDRESS ? this.hashOfPair(word, m[entry + 1]!) : hashWord(tables, word ^ salt)
      let slot = hash & mask
      while (m[index + slot] !== 0) slot = (slot + 1) & mask
      m[index + slot] = (hash & ~mask) | number
    }
  }

  protected begin(): void {
    const { head } = this
    const m = this.words.i32
    const next = m[head + BASE]! + m[head + USED]!
    m[head + BASE] = m[head + WALKS] !== 0 && next < MOST_STAMPS ? next : 0
    m[head + EPOCH] = (m[head + EPOCH]! + 1) & EPOCHS
    m.fill(0, head + INDEX, head + COUNT + 1)
    m[head + STAMPS] = 0
    m[head + STAMPED] = 0
    m[head + FIRST] = 0
  }

  protected release(): void {
    const { head } = this
    this.checkSizes()
    if (this.form > F64 || this.dropValue !== undefined) {
      this.visit((entry) => {
        this.dropValue?.(entry)
        if (this.form > F64) this.drop(this.words.i32[entry + BLOCK]!)
      })
    }
    const m = this.words.i32
    this.giveUp([m[head + ENTRIES]!, m[head + INDEX]!, m[head + STAMPS]!])
    this.begin()
  }

  // walks

  /** The stamp of the entry at a position. */
  private stampOf(position: number): number {
    const { head } = this
    const m = this.words.i32
    return position < m[head + STAMPED]! ? m[m[head + STAMPS]! + position]! : m[head + BASE]! + position
  }

  /** Goes on to the next entry and reads it; false after the last. */
  private step<T>(place: Place<T>, read: (entry: Cell) => T): boolean {
    const held = this.enter()
    try {
      const { head } = this
      const m = this.words.i32
      if (place.epoch !== m[head + EPOCH]) this.resume(place)
      const used = m[head + USED]!
      if (used > m[head + ROOM]!) this.checkSizes()
      const from = Math.max(place.position, m[head + FIRST]!)
      const position = m[head + COUNT] === used ? from : this.nextFrom(from)
      if (position >= used) {
        this.end(place)
        return false
      }
      place.position = position + 1
      place.stamp = this.stampOf(position) + 1
      place.value = read(m[head + ENTRIES]! + position * this.stride)
      return true
    } finally {
      this.leave(held)
    }
  }

  /** For a walk that is given up, even if the contents are gone. */
  private stop(place: Place<unknown>): void {
    const held = this.home.lock()
    try {
      if (this.alive) this.end(place)
    } finally {
      this.leave(held)
    }
  }

  /** Finds the position of a walk that has just begun, or that was overtaken by a change of positions. */
  private resume(place: Place<unknown>): void {
    const { head } = this
    const m = this.words.i32
    if (place.epoch === UNBEGUN) {
      m[head + WALKS]!++
      place.position = 0
    } else {
      let low = 0
      let high = m[head + USED]!
      while (low < high) {
        const middle = (low + high) >>> 1
        if (this.stampOf(middle) < place.stamp) low = middle + 1
        else high = middle
      }
      place.position = low
    }
    place.epoch = m[head + EPOCH]!
  }

  private end(place: Place<unknown>): void {
    const { head } = this
    const m = this.words.i32
    if (place.epoch === UNBEGUN) return
    place.epoch = UNBEGUN
    if (m[head + WALKS]! > 0) m[head + WALKS]!--
  }

  // laws

  protected checkAll(): void {
    const { head } = this
    const m = this.words.i32
    this.checkBlocks()
    this.checkSlots()
    if (m[head + INDEX] !== 0) this.checkKeys()
    this.checkStamps()
  }

  /** Looks at an entry's value, once everything else about it is known to be right. */
  protected checkValue?(entry: Cell): void

  protected broken(law: string, seen: string, expected: string): never {
    corrupted(`${this.title} ${law}`, this.at, seen, expected)
  }

  /** K1, and what else loops rest on: asked also before all entries move or go. */
  private checkSizes(): void {
    const { head, stride } = this
    const m = this.words.i32
    const [index, entries, bits, room, used, count] = m.subarray(head + INDEX, head + COUNT + 1) as unknown as number[]
    if (index === 0) {
      if (entries! | bits! | room! | used! | count!) this.broken('K1', 'entries', 'none where there is no index')
      return
    }
    if (bits! < LEAST_BITS || bits! > MOST_BITS) this.broken('K1', `${bits} bits`, `${LEAST_BITS} to ${MOST_BITS}`)
    if (!(0 <= used! && used! <= room! && room! <= capacityOf(bits!))) {
      this.broken('K1', `${used} of ${room} entries used`, `${capacityOf(bits!)} at most`)
    }
    if (!(0 <= count! && count! <= used!)) this.broken('K2', `${count} entries`, `${used} at most`)
    this.mustHold(index!, 4 << bits!, 'K1')
    this.mustHold(entries!, (room! * stride + goneWords(room!)) * 4, 'K1')
  }

  /** K1, K2, and that there are blocks where K4 wants them. */
  private checkBlocks(): void {
    this.checkSizes()
    const { head, stride } = this
    const m = this.words.i32
    const [index, entries, , room, used, count] = m.subarray(head + INDEX, head + COUNT + 1) as unknown as number[]
    if (index === 0) return
    const first = m[head + FIRST]!
    if (first < 0 || first > used!) this.broken('K2', `first at ${first}`, `no more than ${used}`)
    let live = 0
    for (let i = 0; i < goneWords(room!) * 32; i++) {
      const isGone = this.isGone(i)
      if (i >= used! && isGone) this.broken('K2', `entry ${i + 1} removed`, `no more than ${used} used`)
      if (i < first && !isGone) this.broken('K2', `entry ${i + 1} before the first`, 'removed')
      if (i === first && i < used! && isGone) this.broken('K2', 'the first entry removed', 'one that is there')
      if (i >= used! || isGone) continue
      live++
      if (this.form <= F64) continue
      const block = m[entries! + i * stride + BLOCK]!
      this.mustHold(block, 4, 'K4')
      const length = m[block]!
      if (length < 0) this.broken('K4', `a key of ${length} bytes`, '0 or more')
      this.mustHold(block, keySize(length), 'K4')
    }
    if (live !== count) this.broken('K2', `${live} entries`, `${count}`)
  }

  /** K3: begins behind an empty slot, so that it knows of every slot where the last empty one before it was. */
  private checkSlots(): void {
    const { head, stride } = this
    const m = this.words.i32
    const index = m[head + INDEX]!
    if (index === 0) return
    const mask = (1 << m[head + BITS]!) - 1
    let start = 0
    while (start <= mask && m[index + start] !== 0) start++
    if (start > mask) this.broken('K1', 'no empty slot', 'one at least')
    let empty = start
    let filled = 0
    for (let i = start + 1; i <= start + mask; i++) {
      const has = m[index + (i & mask)]!
      const number = has & mask
      if (has === 0) empty = i
      else if (number === 0 && has !== ~mask) this.broken('K3', `slot ${i & mask} is ${has}`, `${~mask} where removed`)
      if (number === 0) continue
      filled++
      if (number > m[head + USED]! || this.isGone(number - 1)) {
        this.broken('K3', `slot ${i & mask} names entry ${number}`, 'one that is there')
      }
      const hash = this.hashAt(m[head + ENTRIES]! + (number - 1) * stride)
      if (((hash ^ has) & ~mask) !== 0) this.broken('K3', `slot ${i & mask} has another hash`, 'that of its entry')
      if (((i - hash) & mask) >= i - empty) this.broken('K3', `slot ${i & mask} is behind an empty one`, 'no gap')
    }
    if (filled !== m[head + COUNT]) this.broken('K3', `${filled} slots`, `${m[head + COUNT]}`)
  }

  /** K4. That each is found under its key says also that no other has its slot or its key. */
  private checkKeys(): void {
    const { form } = this
    this.visit((entry) => {
      const m = this.words.i32
      if (form > F64) {
        const key = readBytes(this.words, m[entry + BLOCK]!)
        const hash = this.hashOfKey({ bytes: key, length: key.length })
        if (hash !== m[entry]) this.broken('K4', `hash ${m[entry]}`, `${hash}`)
        if (this.seekBlock({ bytes: key, length: key.length }, hash) !== entry) this.broken('K4', 'a key twice', 'once')
      } else {
        const hash = this.hashAt(entry)
        const found = form <= ADDRESS ? this.seekWord(m[entry]!, hash) : this.seekPair(m[entry]!, m[entry + 1]!, hash)
        if (found !== entry) this.broken('K4', 'a key twice', 'once')
      }
      this.checkValue?.(entry)
    })
  }

  /** K5. */
  private checkStamps(): void {
    const { head } = this
    const m = this.words.i32
    const [stamps, stamped] = [m[head + STAMPS]!, m[head + STAMPED]!]
    if (stamps === 0 && stamped === 0) return
    if (stamped < 1 || stamped > m[head + USED]!) this.broken('K5', `${stamped} stamps`, 'as many as entries at most')
    this.mustHold(stamps, stamped * 4, 'K5')
    let before = -1
    for (let i = 0; i < stamped; i++) {
      const stamp = m[stamps + i]!
      if (stamp <= before || stamp >= m[head + BASE]! + stamped) this.broken('K5', `stamp ${stamp}`, 'in order')
      before = stamp
    }
  }

  private figures(): KeyTableFigures {
    this.checkSizes()
    const { head, stride } = this
    const m = this.words.i32
    const room = m[head + ROOM]!
    const slots = m[head + INDEX] === 0 ? 0 : 1 << m[head + BITS]!
    let probes = 0
    let longest = 0
    for (let slot = 0; slot < slots; slot++) {
      const number = m[m[head + INDEX]! + slot]! & (slots - 1)
      if (number === 0) continue
      const hash = this.hashAt(m[head + ENTRIES]! + (number - 1) * stride)
      const steps = ((slot - hash) & (slots - 1)) + 1
      probes += steps
      longest = Math.max(longest, steps)
    }
    const words = slots + room * stride + goneWords(room) + m[head + STAMPED]!
    return { slots, room, removed: m[head + USED]! - m[head + COUNT]!, bytes: words * 4, probes, longest }
  }
}

/** Where a walk is. */
interface Place<T> {
  /** That of the positions; UNBEGUN before the first step and after the last. */
  epoch: number
  /** The next entry's position, and a stamp that it is not below. */
  position: number
  stamp: number
  /** What was read last. */
  value: T | undefined
}

/** A walk through a map, which ends when there are no more entries. */
export class Walk<T> implements IterableIterator<T> {
  private readonly place: Place<T>
  private readonly step: () => boolean
  private readonly stop: () => void
  private isOver = false

  constructor(place: Place<T>, step: () => boolean, stop: () => void) {
    this.place = place
    this.step = step
    this.stop = stop
  }

  next(): IteratorResult<T, undefined> {
    if (!this.isOver && this.step()) return { value: this.place.value as T, done: false }
    this.isOver = true
    return { value: undefined, done: true }
  }

  return(): IteratorResult<T, undefined> {
    if (!this.isOver) this.stop()
    this.isOver = true
    return { value: undefined, done: true }
  }

  [Symbol.iterator](): this {
    return this
  }
}
