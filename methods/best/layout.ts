/**
 * layout: the words of best's blocks and of its state, and what can be said of a block from them.
 *
 * The pictures are at the head of best.ts. A block is named by its cell, the index of its payload's first word; sizes in
 * words are called spans and are even.
 */

import type { Cell } from '../../src/contract/addr.ts'
import type { Segment, Store } from '../../src/contract/store.ts'
import { roundUp } from '../../src/ground/bits.ts'

export type Memory = Int32Array<ArrayBufferLike>

// a block in words: its cell is the index of its payload's first word
export const HEAD = -1
export const NEXT = 0
export const PREV = 1
export const CHILD = 2
export const PARENT = 4
export const BIN = 5
export const ROOT = -1 //           parent of the topmost block of a tree
export const KEY = 0x5ca1ab1e

export const BUSY = 3 //            set in every head
export const LEFT_FREE = 4

// spans: sizes in words, even
export const SMALL = 64 //          from 64 words (256 bytes) on, free blocks are in trees
export const QUICK = 264 //         up to 264 words (1 KiB and a little), freed blocks are cached in lists

// the state in words
export const TOP = 0 //             the wilderness, between TOP and END
export const END = 1 //             the fence of the newest segment
export const LOW = 2 //             the first block of the newest segment
export const REMAINDER = 3
export const SMALL_MAP = 4 //       one bit for each list that is not empty
export const TREE_MAP = 5
export const NEWEST = 6 //          the segment that holds TOP
export const CACHING = 7 //         1 when freed blocks wait, else 0
export const CLEAN = 8 //           where old heads may lie in the wilderness since a clear: from CLEAN
export const DIRTY = 9 //           to DIRTY
export const MISSES = 10 //         requests that no list served since all cached blocks were merged
export const SEAL = 11 //           CLEAN ^ DIRTY ^ MISSES ^ KEY
export const LISTS = 12 //          32 lists of free blocks, by span / 2
export const TREES = LISTS + 32 //  32 trees of larger ones
export const SLOTS = TREES + 32 //  16 places for one cached block each, of a larger size
export const CACHES = SLOTS + 16 // for each even span its cached list, and how many blocks that holds
export const STATE = (CACHES + QUICK + 2) * 4

/** Blocks that a list caches at most. */
export const CACHE_LENGTH = 16
/** After so many misses a request of so many words merges all cached blocks before it looks for a place. */
export const MANY = 500
export const CONSOLIDATES = 2048
/** The largest span that a slot caches. */
export const SLOT_MOST = 2048

export const binOf = (span: number): number => {
  const k = 25 - Math.clz32(span)
  return k > 15 ? 31 : (k << 1) | ((span >>> (k + 5)) & 1)
}
export const shiftOf = (bin: number): number => (bin === 31 ? 1 : 27 - (bin >>> 1))
export const lowestBit = (bits: number): number => 31 - Math.clz32(bits & -bits)

/** The span of the block at a cell. */
export const spanOf = (m: Memory, cell: Cell): number => (m[cell + HEAD]! >>> 3) << 1

/** Whether the block that ends where `next` begins is free. */
export const isFreeBefore = (m: Memory, next: Cell): boolean => (m[next + HEAD]! & LEFT_FREE) !== 0

/** Writes the size of a block; what its head says of the left neighbour stays. */
export function setHead(m: Memory, cell: Cell, span: number): void {
  m[cell + HEAD] = (span << 2) | BUSY | (m[cell + HEAD]! & LEFT_FREE)
}

/** Writes what says that a block is free: its tail, and the bit in its right neighbour. */
export function setFree(m: Memory, cell: Cell, span: number): void {
  m[cell + span - 2] = span << 2
  m[cell + span + HEAD] = m[cell + span + HEAD]! | LEFT_FREE
}

/** Where the first block of a segment lies: the first payload that is aligned in the buffer. */
export function firstOf(store: Store, segment: Segment): Cell {
  const { bias, align } = store
  return (roundUp(store.base(segment) + 4 + bias, align) - bias) / 4
}

/** Where the fence of a segment lies. */
export function endOf(store: Store, segment: Segment): Cell {
  const first = firstOf(store, segment)
  const room = store.limit(segment) - first * 4
  return room <= 0 ? first : first + (Math.floor(room / store.align) * store.align) / 4
}

/** The end of the segment that holds a block at `cell`, or 0. */
export function endAround(store: Store, cell: Cell): Cell {
  const segment = store.find(cell * 4)
  if (segment === 0 || cell < firstOf(store, segment)) return 0
  const end = endOf(store, segment)
  return cell < end ? end : 0
}

/** The smallest span of a block. */
export const minOf = (store: Store): number => Math.max(4, store.align >>> 2)

/** The slot for blocks of a span. */
export const slotOf = (s: number, span: number): number => s + SLOTS + ((span >>> 1) & 15)

/** Whether a block looks cached: what a list or a slot names and is not, was overwritten, and is let be. */
export const isKeyed = (m: Memory, cell: Cell): boolean => m[cell + PREV] === (KEY ^ cell)

/** Whether a block is cached: on the list of its size (at most as many steps as that has blocks) or in its slot. */
export function isCached(m: Memory, s: number, cell: Cell): boolean {
  if (!isKeyed(m, cell)) return false
  const span = spanOf(m, cell)
  if (span > QUICK) return span <= SLOT_MOST && m[slotOf(s, span)] === cell
  if (span < 4) return false
  let left = Math.min(m[s + CACHES + span + 1]!, CACHE_LENGTH)
  for (let c = m[s + CACHES + span]!; c !== 0 && left > 0; c = m[c + NEXT]!, left--) if (c === cell) return true
  return false
}
