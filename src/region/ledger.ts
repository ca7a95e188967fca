/**
 * ledger: the accounts of a region, in its bytes.
 *
 *   piece    | record | TAIL | SLOTS | OLD | OLDS | TOKEN | 0 .. | slot | slot | ... | old | old | ... |
 *            +0       +16    +20     +24   +28    +32            +48                  only in the first piece
 *
 *   slot     word  0     1     2       3      4        6       8          10     11     12        13    14     15     16
 *            | MARK | UP  | GAP   | PEAK | ALLOCS | FREES | FAILURES | HARD | SOFT | 0       | TOLD | PARENT | PAIR | TOKEN | NAME ... |
 *
 *   TAIL     bytes at the end of a block: 4 for the cell of its account's slot, before them 4 for the ordinal if asked for
 *   MARK     says what the slot is, and where; 0 when it is free. An account that no limit stands over and no sum counts
 *            in has another one, so that one look tells that it needs no more
 *   UP       the sum that counts this one in, 0 at the top
 *   PEAK     the highest that usable bytes live were; GAP how many fewer they are now; 32 bits
 *   ALLOCS, FREES, FAILURES    64 bits, the low word first. Blocks that are live are ALLOCS - FREES
 *   HARD     the most bytes that may be live; SOFT the most of which nothing is said. NONE where there is no limit
 *   TOLD     1 once somebody heard that SOFT is passed
 *   PARENT   the slot of the account above, 0 for the region's own
 *   PAIR     of an account its sum, and of a sum its account; 0 where an account has none
 *   TOKEN    another one for each account ever made (2^30 of them), so that a slot is known for another's; its two highest
 *            bits say whether a limit stands over the account and whether a sum counts it in, so that one look at it tells
 *            whoever knows the account that nothing has changed
 *   NAME     its length, then UTF-8
 *
 * An account has one slot for its own blocks. One below which there are others has a second, its sum, in which all of
 * them and its own are counted; limits stand there. So charging a block is a walk up a chain that is one slot long for
 * most accounts. The first slot is the region's own, for blocks that no account asked for: the region itself keeps its
 * sum, busy bytes and high tide, unless a limit wants one here.
 *
 *   old      address / 8 of a block that was there before the ledger, in order of address; the highest bit once it is
 *            freed. OLDS of them, of which OLD are busy. They have no tail, and are charged to the first slot
 *
 * Sources: the owner at each block, and counts by component after INxalloc; sums of subtrees after talloc.
 */
import type { Addr, Cell } from '../contract/addr.ts'
import {
  ALLOCS,
  BOUND,
  DEEPEST,
  FAILURES,
  FREES,
  GAP,
  HARD,
  IS_COUNTED,
  IS_LIMITED,
  liveIn,
  MARK,
  OWN,
  PEAK,
  SOFT,
  TOKEN,
  TOLD,
  UP,
} from '../contract/charge.ts'
import type { Segment } from '../contract/store.ts'
import { isWhole } from '../ground/bits.ts'
import { corrupted } from '../ground/fault.ts'
import { decode } from '../ground/text.ts'
import { LEDGER, RAW, RECORD, SIZE } from './header.ts'
import type { Segments } from './segments.ts'

// of a piece, in bytes
const TAIL = 16
const SLOTS = 20
const OLD = 24
const OLDS = 28
const LAST_TOKEN = 32
const FIRST_SLOT = 48

// of a slot, in words, after those in src/contract/charge.ts
const SPARE = 12
const PARENT = 14
const PAIR = 15
const NAME = 17
const SLOT = 128

/** What MARK of a sum is, xor its cell. */
const SUM = 0x53554d53

/** The limit that is none. */
export const NONE = 0xffffffff
/** The longest name, in bytes of UTF-8. */
export const LONGEST_NAME = SLOT - NAME * 4 - 1

const FEW = 8
const MORE = 32
const GONE = 0x80000000

/** What was counted; bytes are usable bytes of blocks. `allocs - frees` is `blocks`. */
export interface Counts {
  /** Live bytes and blocks. */
  readonly bytes: number
  readonly blocks: number
  /** The highest that `bytes` was. */
  readonly peak: number
  /** A resize that moves a block is one of each; `clear` frees all that is live. */
  readonly allocs: number
  readonly frees: number
  /** Requests for which there was no memory, or which a limit did not allow. */
  readonly failures: number
}

/** Bytes that may be live in an account and all below it. */
export interface Limits {
  /** Never more than this; Infinity for no limit. */
  readonly hard: number
  /** More than this is told, once until it was less again; Infinity for never. */
  readonly soft: number
}

export class Ledger {
  /** Gives memory that blocks do not need back to the discipline. */
  makeRoom: () => void = () => {}

  private readonly store: Segments
  private readonly head: Segment

  /** Over the one that the region's header names. */
  constructor(store: Segments) {
    this.store = store
    this.head = store.firstExtra(LEDGER)
  }

  /** Begins one in a region that has none; `old` are the blocks that are busy now. False where there is no memory. */
  static begin(store: Segments, tail: number, old: readonly Addr[]): boolean {
    const piece = store.extra(FIRST_SLOT - RECORD + FEW * SLOT + 4 * old.length, LEDGER)
    if (piece === 0) return false
    const { words } = store
    const end = store.get(piece, RAW) + store.get(piece, SIZE)
    words.u8.fill(0, piece + RECORD, end)
    const room = end - (piece + FIRST_SLOT) - 4 * old.length
    const slots = Math.floor(room / SLOT)
    store.put(piece, TAIL, tail)
    store.put(piece, SLOTS, slots)
    store.put(piece, OLD, old.length)
    store.put(piece, OLDS, old.length)
    const list = (piece + FIRST_SLOT + slots * SLOT) >>> 2
    for (const [i, at] of old.entries()) words.i32[list + i] = at / 8
    new Ledger(store).make(0, new Uint8Array(0))
    return true
  }

  /** Bytes at the end of each block. */
  get tail(): number {
    return this.store.get(this.head, TAIL)
  }

  /** Index of the word that counts blocks without a tail. */
  get oldWord(): number {
    return (this.head + OLD) >>> 2
  }

  /** The slot of the region's own account. */
  get first(): Cell {
    return (this.head + FIRST_SLOT) >>> 2
  }

  // accounts

  isAccount(slot: Cell): boolean {
    const mark = this.m[slot + MARK]
    return mark === (slot ^ OWN) || mark === (slot ^ BOUND)
  }

  /** The slots of all accounts, the region's own first. */
  *accounts(): Generator<Cell> {
    for (const slot of this.slots()) if (this.isAccount(slot)) yield slot
  }

  child(parent: Cell, name: Uint8Array): Cell {
    for (const slot of this.accounts()) if (this.m[slot + PARENT] === parent && this.isNamed(slot, name)) return slot
    return 0
  }

  /** The accounts right below one, in the order in which they were made. */
  below(parent: Cell): Cell[] {
    const isBelow = (slot: Cell): boolean => slot !== this.first && slot !== parent && this.parent(slot) === parent
    return [...this.accounts()].filter(isBelow).sort((a, b) => this.token(a) - this.token(b))
  }

  /** Whether an account is another one, or lies below it. */
  isWithin(slot: Cell, above: Cell): boolean {
    let left = DEEPEST
    for (let s = slot; s > 0 && left-- > 0; s = this.parent(s)) if (s === above) return true
    return false
  }

  /** The lowest sum in which two accounts are counted, or 0. */
  common(one: Cell, other: Cell): Cell {
    const { m } = this
    const sums = new Set<Cell>()
    for (let s = one; s > 0 && !sums.has(s); s = m[s + UP]!) sums.add(s)
    let left = DEEPEST
    for (let s = other; s > 0 && left-- > 0; s = m[s + UP]!) if (sums.has(s)) return s
    return 0
  }

  parent(slot: Cell): Cell {
    return this.m[slot + PARENT]!
  }

  token(slot: Cell): number {
    return this.m[slot + TOKEN]! & ~(IS_LIMITED | IS_COUNTED)
  }

  name(slot: Cell): string {
    return decode(this.nameBytes(slot))
  }

  /** Names from below the region's own account down to this one. */
  path(slot: Cell): string[] {
    return this.wayTo(slot).map(decode)
  }

  /** The same as UTF-8. */
  wayTo(slot: Cell): Uint8Array[] {
    const way: Uint8Array[] = []
    for (let s = slot; s !== 0 && s !== this.first && way.length <= DEEPEST; s = this.parent(s))
      way.push(this.nameBytes(s))
    return way.reverse()
  }

  /** A new account, or 0 where there is no memory for one. The words may be others afterwards. */
  make(parent: Cell, name: Uint8Array): Cell {
    const isFirst = parent === 0
    if (!isFirst && parent !== this.first && this.m[parent + PAIR] === 0 && !this.addSum(parent)) return 0
    const slot = this.unused()
    if (slot === 0) return 0
    const { m, store } = this
    const token = store.get(this.head, LAST_TOKEN) + 1
    if (token >= IS_COUNTED) return 0
    store.put(this.head, LAST_TOKEN, token)
    m.fill(0, slot, slot + SLOT / 4)
    m[slot + PARENT] = parent
    m[slot + UP] = isFirst ? 0 : m[parent + PAIR]!
    m[slot + TOKEN] = token
    m[slot + HARD] = m[slot + SOFT] = NONE
    const at = (slot + NAME) * 4
    store.words.u8[at] = name.length
    store.words.u8.set(name, at + 1)
    m[slot + MARK] = slot ^ OWN
    this.look()
    return slot
  }

  /** Takes an account away that has no blocks and none below it; its counts stay in the sums above. */
  remove(slot: Cell, region: { bytes: number; peak: number }): boolean {
    if (slot === this.first || this.blocks(slot) !== 0) return false
    for (const other of this.accounts()) if (this.m[other + PARENT] === slot) return false
    const { first } = this
    if (this.m[slot + PARENT] === first && this.m[first + PAIR] === 0 && !this.addSum(first, region)) return false
    const { m } = this
    const pair = m[slot + PAIR]!
    if (pair !== 0) m[pair + MARK] = m[pair + TOKEN] = 0
    m[slot + MARK] = m[slot + TOKEN] = 0
    return true
  }

  // figures

  /** Of an account's own blocks. */
  own(slot: Cell): Counts {
    const { m } = this
    return {
      bytes: liveIn(m, slot),
      blocks: this.blocks(slot),
      peak: m[slot + PEAK]! >>> 0,
      allocs: this.count(slot + ALLOCS),
      frees: this.count(slot + FREES),
      failures: this.count(slot + FAILURES),
    }
  }

  /** Of an account and all below it. `bytes` and `peak` of the region's own are for the region to say. */
  total(slot: Cell): Counts {
    const sum = this.top(slot)
    if (sum !== slot || slot !== this.first) return this.own(sum)
    const all = [...this.slots()].filter((s) => this.m[s + MARK] !== 0 && this.m[s + UP] === 0).map((s) => this.own(s))
    const add = (field: keyof Counts): number => all.reduce((total, counts) => total + counts[field], 0)
    return {
      bytes: add('bytes'),
      blocks: add('blocks'),
      peak: 0,
      allocs: add('allocs'),
      frees: add('frees'),
      failures: add('failures'),
    }
  }

  /** The slot where the limits of an account stand. */
  top(slot: Cell): Cell {
    return this.m[slot + PAIR] || slot
  }

  /** The account that a slot is of, if it is a sum; itself otherwise. */
  accountOf(slot: Cell): Cell {
    return this.isAccount(slot) ? slot : this.m[slot + PAIR]!
  }

  limits(slot: Cell): Limits {
    const top = this.top(slot)
    return { hard: limitOf(this.m[top + HARD]!), soft: limitOf(this.m[top + SOFT]!) }
  }

  /** Sets limits; `region` is what the region says of all its blocks, for a sum of them. False where there is no memory. */
  limit(slot: Cell, { hard, soft }: Limits, region: { bytes: number; peak: number }): boolean {
    if (slot === this.first && this.m[slot + PAIR] === 0 && !this.addSum(slot, region)) return false
    const { m } = this
    const top = this.top(slot)
    m[top + HARD] = hard >= NONE ? NONE : hard
    m[top + SOFT] = soft >= NONE ? NONE : soft
    m[top + TOLD] = 0
    this.look()
    return true
  }

  /** All blocks are gone. */
  clear(): void {
    const { m } = this
    for (const slot of this.slots()) {
      if (m[slot + MARK] === 0) continue
      m[slot + GAP] = m[slot + PEAK]!
      m[slot + TOLD] = 0
      m.copyWithin(slot + FREES, slot + ALLOCS, slot + ALLOCS + 2)
    }
    this.store.put(this.head, OLD, 0)
    const { list } = this
    const end = Math.min(list + this.store.get(this.head, OLDS), this.endOf(this.head) >>> 2)
    for (let i = list; i < end; i++) m[i] = m[i]! | GONE
  }

  // blocks that were there before

  /** Where a block stands on the list of old ones, or -1. */
  oldAt(at: Addr): number {
    const { m, list } = this
    let [low, high] = [0, this.store.get(this.head, OLDS)]
    const key = at / 8
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((m[list + middle]! & ~GONE) < key) low = middle + 1
      else high = middle
    }
    return low < this.store.get(this.head, OLDS) && m[list + low] === key ? low : -1
  }

  /** One of them is not busy any more. */
  forget(place: number): void {
    const { m, list } = this
    m[list + place] = m[list + place]! | GONE
    this.store.put(this.head, OLD, this.store.get(this.head, OLD) - 1)
  }

  /** How many blocks have a tail. */
  get tailed(): number {
    let blocks = 0
    for (const slot of this.accounts()) blocks += this.blocks(slot)
    return blocks - this.store.get(this.head, OLD)
  }

  // laws

  /**
   * A1  marks, parents, sums and names are what the picture says
   * A2  every sum is what is in the accounts below it, and its own
   * A3  limits are spread to all below; a peak is no less than what is live
   */
  check(): void {
    const { m, store } = this
    const { name } = store
    const fail = (law: string, slot: Cell, seen: unknown, expected: unknown): never =>
      corrupted(`${name}: account ${law}`, slot * 4, seen, expected)
    if (this.head === 0)
      corrupted(`${name}: account A1`, store.header, store.get(store.header, LEDGER), 'a piece of accounts')
    if (this.tail !== 4 && this.tail !== 8)
      corrupted(`${name}: account A1`, this.head, this.tail, 'a tail of 4 or 8 bytes')
    this.checkPieces()
    if (!this.isAccount(this.first)) fail('A1', this.first, m[this.first], 'the mark of the first account')
    const known = new Set(this.accounts())
    const sums = new Map<Cell, { bytes: number; allocs: number; frees: number }>()
    for (const slot of this.slots()) {
      const mark = m[slot + MARK]!
      if (mark === 0 && m[slot + TOKEN] !== 0) fail('A1', slot, `no mark, and token ${m[slot + TOKEN]}`, 'a free slot')
      if (mark === 0) continue
      const isAccount = this.isAccount(slot)
      if (!isAccount && mark !== (slot ^ SUM)) fail('A1', slot, mark, 'the mark of an account or of a sum')
      const account = isAccount ? slot : m[slot + PAIR]!
      if (!known.has(account)) fail('A1', slot, account, 'the slot of an account')
      if (!isAccount && m[account + PAIR] !== slot) fail('A1', slot, m[account + PAIR], slot)
      const pair = m[slot + PAIR]!
      if (isAccount && pair !== 0 && m[pair + MARK] !== (pair ^ SUM)) fail('A1', slot, pair, 'a sum, or 0')
      const parent = m[account + PARENT]!
      if (account === this.first ? parent !== 0 : !known.has(parent))
        fail('A1', account, parent, 'the slot of its parent')
      if (isAccount && store.words.u8[(slot + NAME) * 4]! > LONGEST_NAME)
        fail('A1', slot, `a name of ${store.words.u8[(slot + NAME) * 4]} bytes`, `at most ${LONGEST_NAME}`)
      const up = isAccount && pair !== 0 ? pair : parent === 0 ? 0 : m[parent + PAIR]!
      if (m[slot + UP] !== up) fail('A1', slot, m[slot + UP], up)
      const counts = this.own(slot)
      for (const [field, value] of Object.entries(counts))
        if (!isWhole(value, Number.MAX_SAFE_INTEGER)) fail('A1', slot, value, `a number of ${field}`)
      if (isAccount && (this.token(slot) <= 0 || this.token(slot) > store.get(this.head, LAST_TOKEN)))
        fail('A1', slot, `token ${this.token(slot)}`, `1 to ${store.get(this.head, LAST_TOKEN)}`)
      const mayBeTold = counts.bytes > m[slot + SOFT]! >>> 0
      if (m[slot + TOLD] !== 0 && (m[slot + TOLD] !== 1 || !mayBeTold)) fail('A3', slot, `told ${m[slot + TOLD]}`, 0)
      if (isAccount && pair !== 0 && (m[slot + HARD] !== (NONE | 0) || m[slot + SOFT] !== (NONE | 0)))
        fail('A3', slot, this.limits(slot), 'limits at the sum alone')
      if (counts.peak < counts.bytes) fail('A3', slot, counts.peak, `a peak of at least ${counts.bytes}`)
      const state = this.stateOf(slot)
      if (isAccount && mark !== (slot ^ kindOf(state)))
        fail('A3', slot, mark, 'the mark that goes with its limits and sums')
      if (isAccount && m[slot + TOKEN] !== (this.token(slot) | state))
        fail('A3', slot, `token ${m[slot + TOKEN]}`, 'the bits that go with its limits and sums')
      if (m[slot + SPARE] !== 0) fail('A1', slot, m[slot + SPARE], 'a spare word of 0')
      if (!isAccount) sums.set(slot, sums.get(slot) ?? { bytes: 0, allocs: 0, frees: 0 })
      if (up === 0) continue
      const sum = sums.get(up) ?? { bytes: 0, allocs: 0, frees: 0 }
      sums.set(up, { bytes: sum.bytes + counts.bytes, allocs: sum.allocs + counts.blocks, frees: 0 })
    }
    for (const slot of known) this.checkDepth(slot, fail)
    for (const [slot, { bytes, allocs }] of sums) {
      if (liveIn(m, slot) !== bytes) fail('A2', slot, liveIn(m, slot), `${bytes} bytes`)
      if (this.blocks(slot) !== allocs) fail('A2', slot, this.blocks(slot), `${allocs} blocks`)
    }
  }

  private checkDepth(slot: Cell, fail: (law: string, slot: Cell, seen: unknown, expected: unknown) => never): void {
    let depth = 0
    for (let s = slot; s !== 0; s = this.parent(s))
      if (++depth > DEEPEST) fail('A1', slot, 'parents in a ring', 'the first account')
  }

  private checkPieces(): void {
    const { store } = this
    for (let piece: Segment = this.head; piece !== 0; piece = store.next(piece)) {
      const end = store.get(piece, RAW) + store.get(piece, SIZE)
      const most = Math.floor((end - piece - FIRST_SLOT - 4 * store.get(piece, OLDS)) / SLOT)
      if (store.get(piece, SLOTS) !== most)
        corrupted(`${store.name}: account A1`, piece, `${store.get(piece, SLOTS)} slots`, most)
    }
    const [old, olds] = [store.get(this.head, OLD), store.get(this.head, OLDS)]
    const { m, list } = this
    let busy = 0
    for (let i = 0; i < olds; i++) {
      if (m[list + i]! >= 0) busy++
      if (i > 0 && (m[list + i]! & ~GONE) <= (m[list + i - 1]! & ~GONE))
        corrupted(`${store.name}: account A1`, (list + i) * 4, m[list + i], 'old blocks in order of address')
    }
    if (busy !== old) corrupted(`${store.name}: account A1`, this.head, `${old} old blocks`, busy)
  }

  // inside

  private get m(): Int32Array<ArrayBufferLike> {
    return this.store.words.i32
  }

  /** Index of the word where old blocks begin. */
  private get list(): number {
    return (this.head + FIRST_SLOT + this.store.get(this.head, SLOTS) * SLOT) >>> 2
  }

  private blocks(slot: Cell): number {
    return this.count(slot + ALLOCS) - this.count(slot + FREES)
  }

  /** Every slot there is, free ones too. */
  private *slots(): Generator<Cell> {
    const { store } = this
    for (let piece: Segment = this.head; piece !== 0; piece = store.next(piece)) {
      const end = Math.min(piece + FIRST_SLOT + store.get(piece, SLOTS) * SLOT, this.endOf(piece) - SLOT + 1)
      for (let at = piece + FIRST_SLOT; at < end; at += SLOT) yield at >>> 2
    }
  }

  private endOf(piece: Segment): number {
    const { store } = this
    return Math.min(store.get(piece, RAW) + store.get(piece, SIZE), store.words.length)
  }

  private nameBytes(slot: Cell): Uint8Array {
    const { u8 } = this.store.words
    const at = (slot + NAME) * 4
    return u8.slice(at + 1, at + 1 + u8[at]!)
  }

  private isNamed(slot: Cell, name: Uint8Array): boolean {
    const { u8 } = this.store.words
    const at = (slot + NAME) * 4
    if (u8[at] !== name.length) return false
    for (let i = 0; i < name.length; i++) if (u8[at + 1 + i] !== name[i]) return false
    return true
  }

  /** A slot that is free, in a new piece if need be; 0 where there is no memory. */
  private unused(): Cell {
    for (const slot of this.slots()) if (this.m[slot + MARK] === 0) return slot
    const { store } = this
    let piece = store.extra(FIRST_SLOT - RECORD + MORE * SLOT, LEDGER)
    if (piece === 0) {
      this.makeRoom()
      piece = store.extra(FIRST_SLOT - RECORD + MORE * SLOT, LEDGER)
    }
    if (piece === 0) return 0
    const end = store.get(piece, RAW) + store.get(piece, SIZE)
    store.words.u8.fill(0, piece + RECORD, end)
    store.put(piece, SLOTS, Math.floor((end - piece - FIRST_SLOT) / SLOT))
    return (piece + FIRST_SLOT) >>> 2
  }

  /** Gives an account a sum, which begins with what it counted itself; that of the first with all there is. */
  private addSum(account: Cell, region?: { bytes: number; peak: number }): boolean {
    const sum = this.unused()
    if (sum === 0) return false
    const { m } = this
    const total = this.total(account)
    m.copyWithin(sum, account, account + NAME)
    m[sum + MARK] = sum ^ SUM
    m[sum + PAIR] = account
    m[account + PAIR] = sum
    m[account + HARD] = m[account + SOFT] = NONE
    m[account + TOLD] = 0
    if (region !== undefined) {
      m[sum + GAP] = region.peak - region.bytes
      m[sum + PEAK] = region.peak
      this.putCount(sum + ALLOCS, total.allocs)
      this.putCount(sum + FREES, total.frees)
      this.putCount(sum + FAILURES, total.failures)
      for (const slot of this.slots())
        if (m[slot + MARK] !== 0 && slot !== sum && m[slot + UP] === 0) m[slot + UP] = sum
    }
    m[account + UP] = sum
    this.look()
    return true
  }

  private isLimited(slot: Cell): boolean {
    const { m } = this
    let depth = 0
    for (let s = slot; s !== 0 && s !== undefined && depth++ <= DEEPEST; s = m[s + UP]!) {
      if (m[s + HARD] !== (NONE | 0) || m[s + SOFT] !== (NONE | 0)) return true
    }
    return false
  }

  /** Writes down of each slot what stands above it. */
  private look(): void {
    const { m } = this
    for (const slot of this.slots()) {
      if (!this.isAccount(slot)) continue
      const state = this.stateOf(slot)
      m[slot + MARK] = slot ^ kindOf(state)
      m[slot + TOKEN] = this.token(slot) | state
    }
  }

  /** What stands over an account, as TOKEN says it. */
  private stateOf(slot: Cell): number {
    return (this.isLimited(slot) ? IS_LIMITED : 0) | (this.m[slot + UP] === 0 ? 0 : IS_COUNTED)
  }

  private count(word: number): number {
    const { m } = this
    return (m[word]! >>> 0) + (m[word + 1]! >>> 0) * 2 ** 32
  }

  private putCount(word: number, count: number): void {
    this.m[word] = count
    this.m[word + 1] = count / 2 ** 32
  }
}

function limitOf(word: number): number {
  return word >>> 0 === NONE ? Infinity : word >>> 0
}

/** What MARK of an account is, xor its cell, by what stands over it. */
function kindOf(state: number): number {
  return state === 0 ? OWN : BOUND
}
