/**
 * check: best's laws, tried one after the other.
 *
 * The walk over the blocks collects every free one and every one that looks cached; lists and trees then take out what
 * they hold. A block met twice, or one that was not collected, is the end of a list that went astray, so every loop ends
 * and nothing outside the segments is read.
 */

import type { Cell } from '../../src/contract/addr.ts'
import type { Segment, Store } from '../../src/contract/store.ts'
import { corrupted } from '../../src/ground/fault.ts'
import {
  BIN,
  BUSY,
  binOf,
  CACHE_LENGTH,
  CACHES,
  CACHING,
  CHILD,
  CLEAN,
  DIRTY,
  END,
  endAround,
  endOf,
  firstOf,
  HEAD,
  isFreeBefore,
  KEY,
  LEFT_FREE,
  LISTS,
  LOW,
  type Memory,
  MISSES,
  minOf,
  NEWEST,
  NEXT,
  PARENT,
  PREV,
  QUICK,
  REMAINDER,
  ROOT,
  SEAL,
  SLOT_MOST,
  SLOTS,
  SMALL,
  SMALL_MAP,
  shiftOf,
  slotOf,
  spanOf,
  TOP,
  TREE_MAP,
  TREES,
} from './layout.ts'

/** Blocks by cell, with their spans. */
type Blocks = Map<Cell, number>

export function checkBlock(store: Store, cell: Cell, level: number): void {
  const m = store.words.i32
  const end = endAround(store, cell)
  const name = `${store.name}: best`
  const min = minOf(store)
  const span = spanOf(m, cell)
  const next = cell + span
  if (end === 0) corrupted(`${name} L1`, cell * 4, 'outside every segment', 'a block')
  if ((m[cell + HEAD]! & BUSY) !== BUSY || span < min || next > end) {
    corrupted(
      `${name} L1`,
      cell * 4,
      `head 0x${(m[cell + HEAD]! >>> 0).toString(16)}`,
      `a size that ends by ${end * 4}`,
    )
  }
  if (level < 2) return
  const head = m[next + HEAD]!
  const after = next + ((head >>> 3) << 1)
  if ((head & BUSY) !== BUSY || after > end || (next < end && after === next)) {
    corrupted(`${name} L1`, next * 4, `head 0x${(head >>> 0).toString(16)}`, `a block after ${cell * 4}`)
  }
  if ((m[cell + HEAD]! & LEFT_FREE) === 0) return
  const left = (m[cell - 2]! >>> 3) << 1
  const first = firstOf(store, store.find(cell * 4))
  if (left < min || left > cell - first || (m[cell - left + HEAD]! >>> 3) << 1 !== left) {
    corrupted(`${name} L2`, cell * 4, `a free left neighbour of ${left * 4} bytes`, 'its head to say the same')
  }
}

export function checkAll(store: Store): void {
  const m = store.words.i32
  const s = store.state >>> 2
  const name = `${store.name}: best`
  const free = new Map<Cell, number>() // every free block and its span; taken out as it is found filed
  const keyed = new Map<Cell, number>() // every block that may be cached
  for (let segment = store.first; segment !== 0; segment = store.next(segment)) {
    checkTiles(store, segment, name, free, keyed)
  }
  const newest = store.last
  const top = m[s + TOP]!
  const end = endOf(store, newest)
  if (m[s + NEWEST]! >>> 0 !== newest) corrupted(`${name} newest`, store.state, m[s + NEWEST], newest)
  if (m[s + LOW] !== firstOf(store, newest)) corrupted(`${name} low`, store.state, m[s + LOW], firstOf(store, newest))
  if (m[s + END] !== end) corrupted(`${name} end`, store.state, m[s + END], end)
  if (top !== end && !free.delete(top)) corrupted(`${name} top`, store.state, top, 'the free block at the end')
  const seal = m[s + CLEAN]! ^ m[s + DIRTY]! ^ m[s + MISSES]! ^ KEY
  if (m[s + SEAL] !== seal) corrupted(`${name} seal`, store.state, m[s + SEAL], seal)
  const remainder = m[s + REMAINDER]!
  if (remainder !== 0 && !free.delete(remainder))
    corrupted(`${name} L4 remainder`, store.state, remainder, 'a free block')
  for (let i = 0; i < 32; i++) {
    checkList(m, s, i, name, free)
    checkTree(m, s, i, name, free)
  }
  for (const [cell] of free) corrupted(`${name} L4`, cell * 4, 'a free block that is on no list', 'one')
  const caching = m[s + CACHING]!
  if (caching !== 0 && caching !== 1) corrupted(`${name} caching`, store.state, caching, '0 or 1')
  for (let span = 0; span <= QUICK; span += 2) checkCache(m, s, span, name, keyed)
  for (let i = 0; i < 16; i++) checkSlot(m, s, i, name, keyed)
}

function checkTiles(store: Store, segment: Segment, name: string, free: Blocks, keyed: Blocks): void {
  const m = store.words.i32
  const s = store.state >>> 2
  const min = minOf(store)
  const top = m[s + TOP]!
  const newest = segment === store.last
  const end = endOf(store, segment)
  let cell = firstOf(store, segment)
  let leftFree = false
  while (cell < end) {
    const head = m[cell + HEAD]!
    const span = (head >>> 3) << 1
    const next = cell + span
    const sliver = span > 0 && span < min && next === end
    if ((head & BUSY) !== BUSY || (span < min && !sliver) || next > end || (span << 2) % store.align !== 0) {
      corrupted(`${name} L1`, cell * 4, `head 0x${(head >>> 0).toString(16)}`, `a size that ends by ${end * 4}`)
    }
    if (((head & LEFT_FREE) !== 0) !== leftFree) {
      corrupted(
        `${name} L2`,
        cell * 4,
        leftFree ? 'left neighbour busy' : 'left neighbour free',
        leftFree ? 'free' : 'busy',
      )
    }
    const isFree = isFreeBefore(m, next)
    if (isFree) {
      if (leftFree) corrupted(`${name} L3`, cell * 4, 'two free neighbours', 'one block')
      const isTop = newest && cell === top
      if (!isTop && m[next - 2] !== span << 2) corrupted(`${name} L2`, cell * 4, `tail ${m[next - 2]}`, span << 2)
      if (isTop && next !== end) corrupted(`${name} top`, cell * 4, `ends at ${next * 4}`, end * 4)
      free.set(cell, span)
    } else if (m[cell + PREV] === (KEY ^ cell)) keyed.set(cell, span)
    leftFree = isFree
    cell = next
  }
  const fence = m[end + HEAD]!
  if ((fence & ~LEFT_FREE) !== BUSY)
    corrupted(`${name} fence`, end * 4, `head 0x${(fence >>> 0).toString(16)}`, 'size 0')
}

function checkList(m: Memory, s: number, i: number, name: string, free: Blocks): void {
  const list = s + LISTS + i
  if ((m[list] !== 0) !== (((m[s + SMALL_MAP]! >>> i) & 1) === 1)) {
    corrupted(`${name} L4 map`, list * 4, `list ${m[list]}`, 'its bit to say so')
  }
  let before = 0
  for (let c = m[list]!; c !== 0; c = m[c + NEXT]!) {
    if (free.get(c) !== i * 2) corrupted(`${name} L4`, list * 4, c, `a free block of ${i * 8} bytes`)
    if (m[c + PREV] !== before) corrupted(`${name} L4 links`, c * 4, m[c + PREV], before)
    free.delete(c)
    before = c
  }
}

function checkTree(m: Memory, s: number, bin: number, name: string, free: Blocks): void {
  const tree = s + TREES + bin
  const root = m[tree]!
  if ((root !== 0) !== (((m[s + TREE_MAP]! >>> bin) & 1) === 1)) {
    corrupted(`${name} L4 map`, tree * 4, `tree ${root}`, 'its bit to say so')
  }
  if (root === 0) return
  const shift = shiftOf(bin)
  // a node, its parent, how many bits lead to it, and which
  const nodes: [Cell, Cell, number, number][] = [[root, ROOT, 0, 0]]
  for (let node = nodes.pop(); node !== undefined; node = nodes.pop()) {
    const [cell, parent, depth, path] = node
    const span = free.get(cell) ?? 0
    const bits = depth === 0 ? 0 : (span << shift) >>> (32 - depth)
    if (span < SMALL || binOf(span) !== bin || bits !== path || depth > 31) {
      corrupted(`${name} L4 tree ${bin}`, parent * 4, cell, 'a free block of that range')
    }
    if (m[cell + PARENT] !== parent) corrupted(`${name} L4 parent`, cell * 4, m[cell + PARENT], parent)
    if (m[cell + BIN] !== bin) corrupted(`${name} L4 bin`, cell * 4, m[cell + BIN], bin)
    free.delete(cell)
    let before = cell
    for (let c = m[cell + NEXT]!; c !== cell; c = m[c + NEXT]!) {
      if (free.get(c) !== span || m[c + PREV] !== before || m[c + PARENT] !== 0 || m[c + BIN] !== bin) {
        corrupted(`${name} L4 ring`, before * 4, c, `another free block of ${span * 4} bytes`)
      }
      free.delete(c)
      before = c
    }
    if (m[cell + PREV] !== before) corrupted(`${name} L4 ring`, cell * 4, m[cell + PREV], before)
    for (let k = 0; k < 2; k++) {
      const child = m[cell + CHILD + k]!
      if (child !== 0) nodes.push([child, cell, depth + 1, ((path << 1) | k) >>> 0])
    }
  }
}

function checkCache(m: Memory, s: number, span: number, name: string, keyed: Blocks): void {
  const list = s + CACHES + span
  let count = 0
  for (let c = m[list]!; c !== 0; c = m[c + NEXT]!) {
    if (keyed.get(c) !== span) corrupted(`${name} L5`, list * 4, c, `a cached block of ${span * 4} bytes`)
    keyed.delete(c)
    count++
  }
  if (m[list + 1] !== count) corrupted(`${name} L5 count`, list * 4, m[list + 1], count)
  if (count > CACHE_LENGTH * m[s + CACHING]!) {
    corrupted(`${name} L5 length`, list * 4, count, `at most ${CACHE_LENGTH * m[s + CACHING]!}`)
  }
}

function checkSlot(m: Memory, s: number, i: number, name: string, keyed: Blocks): void {
  const cell = m[s + SLOTS + i]!
  if (cell === 0) return
  const span = keyed.get(cell) ?? 0
  if (m[s + CACHING] !== 1 || span <= QUICK || span > SLOT_MOST || slotOf(s, span) !== s + SLOTS + i) {
    corrupted(`${name} L5 slot`, (s + SLOTS + i) * 4, cell, 'a cached block of a size that goes there')
  }
}
