/**
 * bins: where best keeps its free blocks, by size.
 *
 *   below 256 bytes   a list for each size, doubly linked; SMALL_MAP has a bit for each list that is not empty
 *   from 256 on       a tree for each half power of two; TREE_MAP likewise
 *
 *   tree     a trie on the bits of the span below those that its range has in common: a node's children differ from it in
 *            no bit tested above them, and any node may stand at the top. Blocks of one size form a ring, of which one is
 *            in the tree; the others have PARENT 0.
 *
 * The smallest block that serves is found on the path of the span's bits, or leftmost in the last tree passed by on its
 * right: O(bits). After the trees in Doug Lea's malloc (public domain).
 *
 * Free blocks are memory that a client may still write to, by mistake. So no walk takes more steps than a span has bits,
 * and nothing is written where a link leads that is not answered from there: such a list or tree is dropped, or the link
 * left as it is, and the blocks behind it are lost until a clear. `check` tells.
 */
import type { Cell } from '../../src/contract/addr.ts'
import {
  BIN,
  binOf,
  CHILD,
  HEAD,
  isFreeBefore,
  LEFT_FREE,
  LISTS,
  lowestBit,
  type Memory,
  NEXT,
  PARENT,
  PREV,
  ROOT,
  SMALL,
  SMALL_MAP,
  shiftOf,
  spanOf,
  TREE_MAP,
  TREES,
} from './layout.ts'

/** Steps down a tree, at most. */
const DEEPEST = 32

export function file(m: Memory, s: number, cell: Cell, span: number): void {
  if (span >= SMALL) {
    fileLarge(m, s, cell, span)
    return
  }
  const list = s + LISTS + (span >>> 1)
  let next = m[list]!
  if (next !== 0 && m[next + PREV] !== 0) next = 0
  m[cell + NEXT] = next
  m[cell + PREV] = 0
  if (next !== 0) m[next + PREV] = cell
  else m[s + SMALL_MAP] = m[s + SMALL_MAP]! | (1 << (span >>> 1))
  m[list] = cell
}

/** The first block of a list, busy; 0 where it is none. */
export function pop(m: Memory, s: number, span: number): Cell {
  const list = s + LISTS + (span >>> 1)
  const cell = m[list]!
  const right = cell + span + HEAD
  const head = m[right]!
  const isSound = (head & LEFT_FREE) !== 0 && spanOf(m, cell) === span
  const next = isSound ? m[cell + NEXT]! : 0
  m[list] = next
  if (next === 0) m[s + SMALL_MAP] = m[s + SMALL_MAP]! & ~(1 << (span >>> 1))
  else if (m[next + PREV] === cell) m[next + PREV] = 0
  if (!isSound) return 0
  m[right] = head & ~LEFT_FREE
  return cell
}

export function unlink(m: Memory, s: number, cell: Cell, span: number): void {
  if (span >= SMALL) {
    unlinkLarge(m, s, cell)
    return
  }
  const next = m[cell + NEXT]!
  const prev = m[cell + PREV]!
  if (next !== 0 && m[next + PREV] !== cell) return
  if (m[prev === 0 ? s + LISTS + (span >>> 1) : prev + NEXT] !== cell) return
  if (next !== 0) m[next + PREV] = prev
  if (prev !== 0) m[prev + NEXT] = next
  else {
    m[s + LISTS + (span >>> 1)] = next
    if (next === 0) m[s + SMALL_MAP] = m[s + SMALL_MAP]! & ~(1 << (span >>> 1))
  }
}

/** The smallest block of the trees with at least `span` words, still in its tree; 0 when there is none. */
export function smallest(m: Memory, s: number, span: number): Cell {
  const cell = nearest(m, s, span)
  if (cell === 0) return 0
  const size = spanOf(m, cell)
  if (size >= span && isFreeBefore(m, cell + size)) return cell
  m[s + TREE_MAP] = 0
  m.fill(0, s + TREES, s + TREES + 32)
  return 0
}

function nearest(m: Memory, s: number, span: number): Cell {
  const trees = s + TREES
  const map = m[s + TREE_MAP]!
  let found = 0
  let over = 0x7fffffff
  let left = 2 * DEEPEST
  let t = 0
  if (span >= SMALL) {
    const bin = binOf(span)
    t = m[trees + bin]!
    let larger = 0
    let bits = span << shiftOf(bin)
    while (t !== 0 && left-- > DEEPEST) {
      const rest = spanOf(m, t) - span
      if (rest >= 0 && rest < over) {
        found = t
        over = rest
        if (rest === 0) return m[t + NEXT]!
      }
      const high = m[t + CHILD + 1]!
      t = m[t + CHILD + (bits >>> 31)]!
      if (high !== 0 && high !== t) larger = high
      bits <<= 1
    }
    t = larger
    if (t === 0 && found === 0) {
      const above = map & -(2 << bin)
      if (bin !== 31 && above !== 0) t = m[trees + lowestBit(above)]!
    }
  } else if (map !== 0) t = m[trees + lowestBit(map)]!
  while (t !== 0 && left-- > 0) {
    const rest = spanOf(m, t) - span
    if (rest >= 0 && rest < over) {
      found = t
      over = rest
    }
    const low = m[t + CHILD]!
    t = low !== 0 ? low : m[t + CHILD + 1]!
  }
  return found === 0 ? 0 : m[found + NEXT]!
}

/** A tree is a trie on the bits of the size below those its range has in common; blocks of one size form a ring. */
export function fileLarge(m: Memory, s: number, cell: Cell, span: number): void {
  const bin = binOf(span)
  const tree = s + TREES + bin
  m[cell + NEXT] = cell
  m[cell + PREV] = cell
  m[cell + CHILD] = 0
  m[cell + CHILD + 1] = 0
  m[cell + BIN] = bin
  let t = m[tree]!
  if (t === 0) {
    m[tree] = cell
    m[cell + PARENT] = ROOT
    m[s + TREE_MAP] = m[s + TREE_MAP]! | (1 << bin)
    return
  }
  let bits = span << shiftOf(bin)
  for (let left = DEEPEST; spanOf(m, t) !== span && left > 0; left--) {
    if (m[t + BIN] !== bin) break
    const slot = t + CHILD + (bits >>> 31)
    bits <<= 1
    if (m[slot] === 0) {
      m[slot] = cell
      m[cell + PARENT] = t
      return
    }
    t = m[slot]!
  }
  const next = m[t + NEXT]!
  if (spanOf(m, t) !== span || m[t + BIN] !== bin || m[next + PREV] !== t) {
    m[tree] = cell
    m[cell + PARENT] = ROOT
    return
  }
  m[t + NEXT] = cell
  m[next + PREV] = cell
  m[cell + NEXT] = next
  m[cell + PREV] = t
  m[cell + PARENT] = 0
}

export function unlinkLarge(m: Memory, s: number, cell: Cell): void {
  if (!isLinked(m, s, cell)) return
  const next = m[cell + NEXT]!
  const parent = m[cell + PARENT]!
  let heir = 0
  if (next !== cell) {
    const prev = m[cell + PREV]!
    m[prev + NEXT] = next
    m[next + PREV] = prev
    heir = next
  } else {
    let slot = m[cell + CHILD + 1] !== 0 ? cell + CHILD + 1 : cell + CHILD
    heir = m[slot]!
    if (heir !== 0) {
      for (let left = DEEPEST; left > 0; left--) {
        const deeper = m[heir + CHILD + 1] !== 0 ? heir + CHILD + 1 : heir + CHILD
        if (m[deeper] === 0) break
        slot = deeper
        heir = m[slot]!
      }
      m[slot] = 0
    }
  }
  if (parent === 0) return
  if (parent === ROOT) {
    const bin = m[cell + BIN]!
    m[s + TREES + bin] = heir
    if (heir === 0) m[s + TREE_MAP] = m[s + TREE_MAP]! & ~(1 << bin)
  } else m[parent + CHILD + (m[parent + CHILD] === cell ? 0 : 1)] = heir
  if (heir === 0) return
  m[heir + PARENT] = parent
  for (let k = CHILD; k <= CHILD + 1; k++) {
    const child = m[cell + k]!
    m[heir + k] = child
    if (child !== 0) m[child + PARENT] = heir
  }
}

/** Whether all that a block of the trees names names it too. */
function isLinked(m: Memory, s: number, cell: Cell): boolean {
  if (m[m[cell + NEXT]! + PREV] !== cell || m[m[cell + PREV]! + NEXT] !== cell) return false
  const parent = m[cell + PARENT]!
  if (parent === 0) return true
  for (let k = CHILD; k <= CHILD + 1; k++) {
    const child = m[cell + k]!
    if (child !== 0 && m[child + PARENT] !== cell) return false
  }
  return parent === ROOT
    ? m[s + TREES + m[cell + BIN]!] === cell
    : m[parent + CHILD] === cell || m[parent + CHILD + 1] === cell
}
