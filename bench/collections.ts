/**
 * collections: loads of what keeps values: the keys, the loops whose time is taken, and what must come of them.
 *
 *   keyed      insert    so many keys with a number each, into new collections
 *              hit       look-ups of keys that are there, at random, or in order where keys were
 *              cut       the same with texts that were just cut out of a longer one, as a parser does
 *              miss      look-ups of keys that are not there
 *              le        look-ups of the nearest key below
 *   listed     append    so many numbers, to a new list
 *              walk      `for..of` over them;   forEach   the same by that
 *   spans      insert    so many intervals, into a new tree;   find   all that overlap another one, some five
 *   blocks     freeAll   of a pool of so many blocks, without the time of allocating them
 *   turns      turn      a scope is entered, two blocks are allocated, it is left
 *
 * Whole numbers are below 2^31 unless said: those an engine keeps without an object. Every answer is compared with what it must be, so
 * whoever is wrong has no figure.
 */
import type { Load } from './loads.ts'
import type { Need } from './subject.ts'

/** What a child is told of such a load. */
export interface Keep {
  readonly sort: 'keyed' | 'listed' | 'spans' | 'blocks' | 'turns'
  readonly keys: 'u32' | 'text'
  /** Keys ascend, as they are inserted and as they are looked up. */
  readonly inOrder: boolean
  /** Whole numbers up to 2^32, half of which an engine keeps as objects. */
  readonly wide: boolean
  /** Of entries, values, intervals or blocks. */
  readonly count: number
  readonly words: readonly string[]
  /** Whether the bytes of an entry are asked for, too. */
  readonly weighs: boolean
}

/** The ns of a pass, and what it is divided by. */
export interface Told {
  readonly ns: number
  readonly steps: number
}

/** A pass for each word; each throws when what came of it is wrong. */
export type Passes = Readonly<Record<string, () => Told>>

/** How a subject does one kind of loads. Its functions are under these names with nothing around them. */
export interface Keeps {
  keyed?(keys: Keep['keys']): Keyed
  listed?(): Listed
  spans?(): Spans
  blocks?(): Blocks
  turns?(): (times: number) => void
}

export interface Making {
  /** Drops all that `make` made so far. */
  clear(): void
  /** Bytes of what `fill` makes: of the heap of JavaScript, unless said. */
  bytesOf?(fill: () => unknown): number
}

export interface Keyed extends Making {
  make(): Table
}

export interface Table {
  set(key: Key, value: number): unknown
  get(key: Key): number | undefined
  le?(key: Key): number | undefined
  /** Called after the last `set`. */
  sort?(): void
}

/** One of two types in each process. */
// biome-ignore lint/suspicious/noExplicitAny: every subject has its own tables of numbers and of texts
export type Key = any

export interface Listed extends Making {
  make(): Values
}

export interface Values extends Iterable<number> {
  append(value: number): unknown
  forEach(visit: (value: number) => void): unknown
}

export interface Spans extends Making {
  make(): Intervals
}

export interface Intervals {
  insert(low: number, high: number, value: number): unknown
  /** How many overlap, and the sum of their values. */
  find(low: number, high: number, found: Found): void
}

export interface Found {
  count: number
  sum: number
}

export interface Blocks {
  /** Allocates so many blocks in the pool, the others of `AROUND` in another one. */
  fill(blocks: number): void
  freeAll(): void
  /** Empties the other one. */
  clear(): void
}

/** Blocks that are allocated before a pool is freed, in it or in another one, so that the caches are the same. */
export const AROUND = 1_000_000

const WORDS = ['insert', 'hit', 'miss']
const FEW_STEPS = 2 ** 16
const MOST_LOOKUPS = 2 ** 17
const FINDS = 2 ** 14
const LONGEST = 1_000_000
const TURNS = 2 ** 15
const SEED = 0x9e3779b9 | 0
const BITS_31 = 2 ** 31 - 1

/** The loads. */
export function collections(quick: boolean): Load[] {
  const sizes = quick ? [1e3, 1e5] : [1e3, 1e5, 1e6]
  const load = (name: string, need: Need, unit: string, keep: Partial<Keep>): Load => ({
    ...{ name, need, unit },
    keep: { sort: 'keyed', keys: 'u32', inOrder: false, wide: false, count: 0, words: [], weighs: false, ...keep },
  })
  const map = (count: number): Load[] => {
    const weighs = count === sizes.at(-1)
    const needOf = (isAskedOfPeers: boolean): Need => (isAskedOfPeers ? 'map' : 'map without peers')
    const of = `map of ${count.toLocaleString('en-US')}`
    return [
      load(`${of} u32`, needOf(count >= 1e5), 'entry', { count, words: WORDS, weighs }),
      load(`${of} u32 in order`, 'map in order', 'entry', { count, words: WORDS, inOrder: true }),
      load(`${of} texts`, needOf(count === 1e5), 'entry', {
        count,
        keys: 'text',
        words: ['insert', 'hit', 'cut', 'miss'],
        weighs,
      }),
    ]
  }
  const tree = (count: number, keys: Keep['keys']): Load =>
    load(`tree of ${count.toLocaleString('en-US')} ${keys === 'text' ? 'texts' : keys}`, 'tree', 'entry', {
      ...{ count, keys, words: ['insert', 'hit', 'le'] },
    })
  const pool = (count: number): Load =>
    load(`pool of ${count.toLocaleString('en-US')} blocks`, 'blocks', 'pool', {
      ...{ sort: 'blocks', count, words: ['freeAll'] },
    })
  return [
    ...sizes.flatMap(map),
    load('map of 100,000 u32 up to 2^32', 'map without peers', 'entry', { count: 1e5, words: WORDS, wide: true }),
    ...[1e3, 1e5].map((count) => tree(count, 'u32')),
    tree(1e5, 'text'),
    load('list of 100,000', 'list', 'value', { sort: 'listed', count: 1e5, words: ['append', 'walk', 'forEach'] }),
    load('20,000 intervals', 'spans', 'interval', { sort: 'spans', count: 2e4, words: ['insert', 'find'] }),
    ...[10, AROUND].map(pool),
    load('packet scope', 'turns', 'turn', { sort: 'turns', words: ['turn'] }),
  ]
}

/** The passes of a load, by a subject. */
export function passesOf(keep: Keep, keeps: Keeps): Passes {
  switch (keep.sort) {
    case 'keyed':
      return keyedPasses(keep, keeps.keyed!(keep.keys))
    case 'listed':
      return listedPasses(keep, keeps.listed!())
    case 'spans':
      return spanPasses(keep, keeps.spans!())
    case 'blocks':
      return blockPasses(keep, keeps.blocks!())
    case 'turns':
      return turnPasses(keeps.turns!())
  }
}

/** Bytes an entry of a map with all keys, which are made anew, so that texts are its own. */
export function bytesOf(keep: Keep, keeps: Keeps): number {
  const keyed = keeps.keyed!(keep.keys)
  const { keys } = keysOf(keep)
  const fill = () => {
    const table = keyed.make()
    for (let i = 0; i < keys.length; i++) table.set(copied(keys[i]), i)
    return table
  }
  return (keyed.bytesOf?.(fill) ?? heapBytesOf(fill)) / keys.length
}

// keyed

interface Keys {
  readonly keys: Key[]
  readonly hits: Key[]
  readonly misses: Key[]
  readonly nears: Key[]
  /** Sum of the values of `hits`, and of what `le` finds for `nears`. */
  readonly hitSum: number
  readonly nearSum: number
}

function keyedPasses(keep: Keep, keyed: Keyed): Passes {
  const { keys, hits, misses, nears, hitSum, nearSum } = keysOf(keep)
  const filled = () => {
    const table = keyed.make()
    for (let i = 0; i < keys.length; i++) table.set(keys[i], i)
    table.sort?.()
    return table
  }
  let kept: Table | undefined
  const table = () => (kept ??= filled())
  const { text, ends } = keep.keys === 'text' ? joined(hits) : { text: '', ends: [] }
  return {
    insert() {
      kept = undefined
      keyed.clear()
      const times = Math.max(1, Math.floor(FEW_STEPS / keys.length))
      const start = performance.now()
      let made = filled()
      for (let time = 1; time < times; time++) made = filled()
      const ns = (performance.now() - start) * 1e6
      kept = made
      must('insert', made.get(keys.at(-1)), keys.length - 1)
      return { ns, steps: times * keys.length }
    },
    hit: () => timed('hit', hits.length, hitSum, lookUp, table(), hits),
    cut() {
      const from = table()
      const start = performance.now()
      const sum = lookUpCut(from, text, ends)
      const ns = (performance.now() - start) * 1e6
      must('cut', sum, hitSum)
      return { ns, steps: hits.length }
    },
    miss: () => timed('miss', misses.length, 0, lookUp, table(), misses),
    le: () => timed('le', nears.length, nearSum, lookLe, table(), nears),
  }
}

function timed(
  what: string,
  steps: number,
  wanted: number,
  loop: (table: Table, keys: readonly Key[]) => number,
  table: Table,
  keys: readonly Key[],
): Told {
  const start = performance.now()
  const sum = loop(table, keys)
  const ns = (performance.now() - start) * 1e6
  must(what, sum, wanted)
  return { ns, steps }
}

function lookUp(table: Table, keys: readonly Key[]): number {
  let sum = 0
  for (let i = 0; i < keys.length; i++) sum += table.get(keys[i]) ?? 0
  return sum
}

function lookUpCut(table: Table, text: string, ends: readonly number[]): number {
  let sum = 0
  let from = 0
  for (let i = 0; i < ends.length; i++) {
    sum += table.get(text.slice(from, ends[i])) ?? 0
    from = ends[i]!
  }
  return sum
}

function lookLe(table: Table, keys: readonly Key[]): number {
  let sum = 0
  for (let i = 0; i < keys.length; i++) sum += table.le!(keys[i]) ?? 0
  return sum
}

function keysOf({ keys: kind, inOrder, wide, count, words }: Keep): Keys {
  const next = randomFrom(SEED)
  const lookups = Math.min(Math.max(count, FEW_STEPS), MOST_LOOKUPS)
  const missed = Math.min(count, lookups)
  const numbers = inOrder ? upTo(count + missed) : distinct(count + missed)
  const all: Key[] = kind === 'text' ? numbers.map(textOf) : wide ? numbers.map((n) => 2 * n) : numbers
  const keys = all.slice(0, count)
  const others = all.slice(count)
  const places = upTo(lookups).map((i) => (inOrder ? i % count : next() % count))
  const nears = words.includes('le') ? upTo(FEW_STEPS).map(() => others[next() % missed]) : []
  return {
    ...{ keys, nears },
    hits: places.map((at) => copied(keys[at])),
    misses: places.map((at) => copied(others[at % missed])),
    hitSum: places.reduce((sum, at) => sum + at, 0),
    nearSum: nears.length === 0 ? 0 : sumOfNears(keys, nears),
  }
}

function sumOfNears(keys: readonly Key[], nears: readonly Key[]): number {
  const order = upTo(keys.length).sort((a, b) => (keys[a] < keys[b] ? -1 : 1))
  const sorted = order.map((at) => keys[at])
  return nears.reduce<number>((sum, key) => sum + (order[lastUpTo(sorted, key)] ?? 0), 0)
}

/** The place of the last of sorted keys that is not above one; -1 for none. */
export function lastUpTo(sorted: readonly Key[], key: Key): number {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (sorted[middle] <= key) low = middle + 1
    else high = middle
  }
  return low - 1
}

/** Seven to nine signs. */
const textOf = (n: number): string => `k-${n.toString(36)}`

/** Another string of the same signs. */
const copied = (key: Key): Key => (typeof key === 'string' ? Buffer.from(key, 'latin1').toString('latin1') : key)

function joined(texts: readonly string[]): { text: string; ends: number[] } {
  let end = 0
  const ends = texts.map((text) => (end += text.length))
  return { text: Buffer.from(texts.join(''), 'latin1').toString('latin1'), ends }
}

// lists

function listedPasses({ count }: Keep, listed: Listed): Passes {
  const wanted = (count * (count - 1)) / 2
  const filled = () => {
    const list = listed.make()
    for (let i = 0; i < count; i++) list.append(i)
    return list
  }
  let kept: Values | undefined
  const list = () => (kept ??= filled())
  const walked = (what: string, loop: (list: Values) => number): Told => {
    const those = list()
    const start = performance.now()
    const sum = loop(those)
    const ns = (performance.now() - start) * 1e6
    must(what, sum, wanted)
    return { ns, steps: count }
  }
  return {
    append() {
      kept = undefined
      listed.clear()
      const start = performance.now()
      kept = filled()
      return { ns: (performance.now() - start) * 1e6, steps: count }
    },
    walk: () => walked('walk', walk),
    forEach: () => walked('forEach', forEach),
  }
}

function walk(list: Values): number {
  let sum = 0
  for (const value of list) sum += value
  return sum
}

function forEach(list: Values): number {
  let sum = 0
  list.forEach((value) => {
    sum += value
  })
  return sum
}

// intervals

function spanPasses({ count }: Keep, spans: Spans): Passes {
  const next = randomFrom(SEED)
  const lows = distinct(count)
  const highs = lows.map((low) => low + (next() % LONGEST))
  const asked = upTo(FINDS).map(() => next() >>> 1)
  const wanted = overlaps(lows, highs, asked)
  const filled = () => {
    const tree = spans.make()
    for (let i = 0; i < count; i++) tree.insert(lows[i]!, highs[i]!, i)
    return tree
  }
  let kept: Intervals | undefined
  return {
    insert() {
      kept = undefined
      spans.clear()
      const start = performance.now()
      kept = filled()
      return { ns: (performance.now() - start) * 1e6, steps: count }
    },
    find() {
      kept ??= filled()
      const found: Found = { count: 0, sum: 0 }
      const start = performance.now()
      for (let i = 0; i < asked.length; i++) kept.find(asked[i]!, asked[i]! + WIDTH, found)
      const ns = (performance.now() - start) * 1e6
      must('find', found.count, wanted.count)
      must('find', found.sum, wanted.sum)
      return { ns, steps: asked.length }
    },
  }
}

const WIDTH = 10

function overlaps(lows: readonly number[], highs: readonly number[], asked: readonly number[]): Found {
  const order = upTo(lows.length).sort((a, b) => lows[a]! - lows[b]!)
  const sorted = order.map((at) => lows[at]!)
  const found: Found = { count: 0, sum: 0 }
  for (const from of asked) {
    for (let i = lastUpTo(sorted, from + WIDTH); i >= 0 && sorted[i]! >= from - LONGEST; i--) {
      if (highs[order[i]!]! < from) continue
      found.count++
      found.sum += order[i]!
    }
  }
  return found
}

// pools and scopes

function blockPasses({ count }: Keep, blocks: Blocks): Passes {
  for (let n = 0; n < FEW_STEPS / 16; n++) {
    blocks.fill(0)
    blocks.freeAll()
  }
  return {
    freeAll() {
      blocks.fill(count)
      const start = performance.now()
      blocks.freeAll()
      const ns = (performance.now() - start) * 1e6
      blocks.clear()
      return { ns, steps: 1 }
    },
  }
}

function turnPasses(turn: (times: number) => void): Passes {
  return {
    turn() {
      const start = performance.now()
      turn(TURNS)
      return { ns: (performance.now() - start) * 1e6, steps: TURNS }
    },
  }
}

// numbers

const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i)

function randomFrom(seed: number): () => number {
  let x = seed
  return () => {
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    return x >>> 0
  }
}

/** Different numbers below 2^31, in no order: each step of the mixing can be undone, so no two become one. */
function distinct(count: number): number[] {
  return upTo(count).map((i) => {
    let x = Math.imul(i + 1, 0x2c1b3c6d) & BITS_31
    x ^= x >>> 15
    x = Math.imul(x, 0x297a2d39) & BITS_31
    return x ^ (x >>> 14)
  })
}

function must(what: string, is: number | undefined, wanted: number): void {
  if (is !== wanted) throw new Error(`${what} comes to ${is}, expected ${wanted}`)
}

function heapBytesOf(fill: () => unknown): number {
  const gc = (globalThis as { gc?: () => void }).gc
  if (gc === undefined) throw new Error('bytes are measured under --expose-gc')
  const bytes = () => {
    gc()
    gc()
    const { heapUsed, arrayBuffers } = process.memoryUsage()
    return heapUsed + arrayBuffers
  }
  const before = bytes()
  const held = [fill()]
  const after = bytes()
  held.pop()
  return after - before
}
