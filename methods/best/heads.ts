/**
 * heads: what the head of a busy block must be, for a wrapper that has the head for its guard.
 *
 *   | left neighbour ... | tail | HEAD | payload, of a size that the wrapper knows ... |
 *
 *   HEAD    the size and the two bits that are always set; 4 more when the left neighbour is free
 *   headOf    believes the tail of the left neighbour and the head that it leads to
 *   mendHead  is told where the left neighbour begins, and believes the lists: so it rights a tail, too
 */
import type { Cell } from '../../src/contract/addr.ts'
import {
  BUSY,
  binOf,
  CHILD,
  HEAD,
  LEFT_FREE,
  LISTS,
  type Memory,
  NEXT,
  REMAINDER,
  SMALL,
  shiftOf,
  spanOf,
  TREES,
} from './layout.ts'

/** Steps down a tree, at most. */
const DEEPEST = 32

/** The head of a busy block of so many usable bytes. */
export function headOf(m: Memory, cell: Cell, size: number): number {
  const tail = m[cell - 2]!
  const isTail = tail !== 0 && (tail & 7) === 0
  const isFree = isTail && (m[cell - (tail >>> 2) + HEAD]! & ~LEFT_FREE) === (tail | BUSY)
  return headWith(size, isFree)
}

/** Writes it, and the tail of the block at `left` if that is free; `left` is 0 where none can be. */
export function mendHead(m: Memory, s: number, cell: Cell, size: number, left: Cell): void {
  const isFree = left !== 0 && isFiled(m, s, left)
  if (isFree) m[cell - 2] = spanOf(m, left) << 2
  m[cell + HEAD] = headWith(size, isFree)
}

const headWith = (size: number, isLeftFree: boolean): number => (size + 4) | BUSY | (isLeftFree ? LEFT_FREE : 0)

/** Whether a block is the remainder, or on the list or in the tree of its size: what it says itself may be anybody's. */
function isFiled(m: Memory, s: number, cell: Cell): boolean {
  if (cell === m[s + REMAINDER]) return true
  const span = spanOf(m, cell)
  return span >= SMALL ? isInTree(m, s, cell, span) : isInList(m, s, cell, span)
}

function isInList(m: Memory, s: number, cell: Cell, span: number): boolean {
  let left = m.length / span
  for (let c = m[s + LISTS + (span >>> 1)]!; c !== 0 && left > 0; c = m[c + NEXT] ?? 0, left--)
    if (c === cell) return true
  return false
}

function isInTree(m: Memory, s: number, cell: Cell, span: number): boolean {
  const bin = binOf(span)
  let bits = span << shiftOf(bin)
  let node = m[s + TREES + bin]!
  for (let left = DEEPEST; node !== 0 && left > 0 && spanOf(m, node) !== span; left--) {
    node = m[node + CHILD + (bits >>> 31)] ?? 0
    bits <<= 1
  }
  if (node === 0 || spanOf(m, node) !== span) return false
  let c = node
  for (let left = m.length / span; left > 0; left--) {
    if (c === cell) return true
    c = m[c + NEXT] ?? 0
    if (c === node) return false
  }
  return false
}
