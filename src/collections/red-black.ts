/**
 * red-black: balanced search trees over nodes in region words.
 *
 *   node   +0     +4      +8   +12
 *          | LEFT | RIGHT | UP | KEY or whatever the owner keeps ...
 *
 *   LEFT, RIGHT  cells of the children, 0 where there is none
 *   UP           twice the cell of the parent (0 at the root), and 1 more where the node is red
 *   KEY          for the functions whose names end in 32: a key of 32 bits, in unsigned order
 *
 * A tree is one word somewhere in the space, its root; that word's cell is what the functions take as `root`. Blocks
 * are the owner's business: it allocates a node before it hangs it up, and frees it after it took it down.
 *
 *   R1  COUNT nodes hang on the root; each names its parent
 *   R2  the root is black, and so are the children of a red node
 *   R3  from the root down to any missing child there are as many black nodes
 *
 * So no node lies deeper than 2 log2(n + 1), and no way up or down has more than DEEPEST nodes: on damaged bytes each loop
 * ends, at the latest with `corrupted`. Of the balanced trees this is the one with the least to do for a change
 * (two rotations at most for an insertion, three for a removal, and amortised O(1) recolourings, so that few words are
 * written in shared memory), for one bit, which the parent's cell has to spare. Parents cost a word a node; with them,
 * a step in order needs no stack and no key, a node is taken down where it is, and nothing recurses.
 *
 * Two things make it short. LEFT and RIGHT are 0 and 1, so one text serves both sides. And a rotation always does the
 * same with the colours: what rises takes the colour of what it displaces, and that becomes red.
 *
 *   near, find, hang, take down O(log n)   a step in order O(log n), n of them O(n)   12 bytes a node
 *
 * `Refresh` is for trees whose nodes know something of all below them: it is called for each node below which something
 * changed, the lower first. Where none is given, nothing is called.
 *
 * Source: Leonidas Guibas and Robert Sedgewick, A dichromatic framework for balanced trees, 1978; colours that go with
 * the rotation: Sedgewick, Left-leaning red-black trees, 2008.
 */
import type { Cell } from '../contract/addr.ts'
import { corrupted } from '../ground/fault.ts'
import type { Words } from '../ground/words.ts'

export const LEFT = 0
export const RIGHT = 1
export const UP = 2
/** Where a key of 32 bits is, and the first word of a node that is the owner's. */
export const KEY = 3

export type Side = typeof LEFT | typeof RIGHT

type Memory = Int32Array<ArrayBufferLike>

/**
 * Writes anew what `node` keeps about itself and all below it, which its children say about themselves; false when that is
 * what was there, so that those above need not know.
 */
export type Refresh = (m: Memory, node: Cell) => boolean

const RED = 1
/** More nodes than a space has room for are no deeper. */
export const DEEPEST = 64
/** Added to, a word's signed order is its unsigned one. */
const SIGN = 0x80000000 | 0

/** Throws `corrupted`: for a way that does not end. */
export function tooDeep(m: Memory, root: Cell): never {
  corrupted('tree R3', root * 4 + m.byteOffset, `a way of more than ${DEEPEST} nodes`, 'a balanced tree')
}

// keys of 32 bits

/** The node with this key, or the one that it would hang under; 0 when there are no nodes. */
export function near32(m: Memory, root: Cell, key: number): Cell {
  const wanted = key ^ SIGN
  let near = 0
  let left = DEEPEST
  for (let node = m[root]!; node > 0; ) {
    if (--left < 0) tooDeep(m, root)
    near = node
    const has = m[node + KEY]! ^ SIGN
    if (has === wanted) break
    node = m[node + (has < wanted ? RIGHT : LEFT)]!
  }
  return near
}

/** On which side of `node` this key belongs, when it is not its key. */
export function side32(m: Memory, node: Cell, key: number): Side {
  return (m[node + KEY]! ^ SIGN) < (key ^ SIGN) ? RIGHT : LEFT
}

/** The node with this key, 0 for none. */
export function find32(m: Memory, root: Cell, key: number): Cell {
  const wanted = key ^ SIGN
  let left = DEEPEST
  for (let node = m[root]!; node > 0; ) {
    if (--left < 0) tooDeep(m, root)
    const has = m[node + KEY]! ^ SIGN
    if (has === wanted) return node
    node = m[node + (has < wanted ? RIGHT : LEFT)]!
  }
  return 0
}

/** The node with the greatest key that is this one or less, 0 for none. */
export function le32(m: Memory, root: Cell, key: number): Cell {
  const near = near32(m, root, key)
  return near === 0 || (m[near + KEY]! ^ SIGN) <= (key ^ SIGN) ? near : previous(m, near)
}

/** The node with the least key that is this one or greater, 0 for none. */
export function ge32(m: Memory, root: Cell, key: number): Cell {
  const near = near32(m, root, key)
  return near === 0 || (m[near + KEY]! ^ SIGN) >= (key ^ SIGN) ? near : next(m, near)
}

// order

/** The first node, 0 when there is none. */
export function first(m: Memory, root: Cell): Cell {
  return end(m, m[root]!, LEFT)
}

/** The last node, 0 when there is none. */
export function last(m: Memory, root: Cell): Cell {
  return end(m, m[root]!, RIGHT)
}

/** The node after this one, 0 when it is the last. */
export function next(m: Memory, node: Cell): Cell {
  return step(m, node, RIGHT)
}

/** The node before this one, 0 when it is the first. */
export function previous(m: Memory, node: Cell): Cell {
  return step(m, node, LEFT)
}

export function parentOf(m: Memory, node: Cell): Cell {
  return m[node + UP]! >>> 1
}

/** The neighbour of a node on this side, 0 when there is none. */
export function step(m: Memory, node: Cell, side: Side): Cell {
  const below = m[node + side]!
  if (below > 0) return end(m, below, side === LEFT ? RIGHT : LEFT)
  let left = DEEPEST
  let child = node
  let parent = m[node + UP]! >>> 1
  while (parent !== 0 && m[parent + side] === child) {
    if (--left < 0) tooDeep(m, node)
    child = parent
    parent = m[parent + UP]! >>> 1
  }
  return parent
}

function end(m: Memory, top: Cell, side: Side): Cell {
  let node = top
  let left = DEEPEST
  if (node === 0) return 0
  for (let below = m[node + side]!; below > 0; below = m[node + side]!) {
    if (--left < 0) tooDeep(m, top)
    node = below
  }
  return node
}

/**
 * Calls `drop` for all nodes, children before parents, without a stack; what it answers `false` for is no block, and is
 * answered at once, else 0.
 */
export function dropNodes(words: Words, root: Cell, drop: (node: Cell) => boolean): Cell {
  for (let node = leafBelow(words.i32, words.i32[root]!); node !== 0; ) {
    const after = afterwards(words.i32, node)
    if (!drop(node)) return node
    node = after
  }
  return 0
}

/** The node to free after this one, 0 after the root. */
function afterwards(m: Memory, node: Cell): Cell {
  const parent = m[node + UP]! >>> 1
  if (parent === 0) return 0
  const right = m[parent + RIGHT]!
  return right === 0 || right === node ? parent : leafBelow(m, right)
}

function leafBelow(m: Memory, top: Cell): Cell {
  let node = top
  let left = DEEPEST
  for (let below = top; below > 0; below = m[node + LEFT]! || m[node + RIGHT]!) {
    if (--left < 0) tooDeep(m, top)
    node = below
  }
  return node
}

// changes

/** Hangs a node on this side of `parent`, where nothing hangs; as the root when `parent` is 0. Its own words it writes. */
export function hang(m: Memory, root: Cell, node: Cell, parent: Cell, side: Side, refresh?: Refresh): void {
  m[node + LEFT] = 0
  m[node + RIGHT] = 0
  m[node + UP] = (parent << 1) | RED
  if (parent === 0) m[root] = node
  else m[parent + side] = node
  if (refresh !== undefined) {
    refresh(m, node)
    refreshUp(m, parent, refresh)
  }
  balanceGrown(m, root, node, refresh)
}

/** Takes a node down. No other node moves, so links of owners to them stay right. */
export function takeDown(m: Memory, root: Cell, node: Cell, refresh?: Refresh): void {
  const heir = m[node + LEFT] !== 0 && m[node + RIGHT] !== 0 ? changePlaces(m, root, node) : 0
  const child = m[node + LEFT]! || m[node + RIGHT]!
  const up = m[node + UP]!
  const parent = up >>> 1
  const side: Side = parent !== 0 && m[parent + RIGHT] === node ? RIGHT : LEFT
  if (parent === 0) m[root] = child
  else m[parent + side] = child
  if (child !== 0) m[child + UP] = parent << 1 //  it was red, and the node black: R3
  if (refresh !== undefined) {
    refreshUp(m, parent, refresh)
    if (heir !== 0) {
      refresh(m, heir)
      refreshUp(m, m[heir + UP]! >>> 1, refresh)
    }
  }
  if (child === 0 && parent !== 0 && (up & RED) === 0) balanceShrunk(m, root, parent, side, refresh)
}

/** Refreshes `from` and those above it, as far as something changes. */
function refreshUp(m: Memory, from: Cell, refresh: Refresh): void {
  let node = from
  let left = DEEPEST
  while (node !== 0 && refresh(m, node)) {
    if (--left < 0) tooDeep(m, from)
    node = m[node + UP]! >>> 1
  }
}

/** Mends R2 after `start` came, red. */
function balanceGrown(m: Memory, root: Cell, start: Cell, refresh: Refresh | undefined): void {
  let left = DEEPEST
  for (let node = start; ; ) {
    if (--left < 0) tooDeep(m, root)
    const parent = m[node + UP]! >>> 1
    if (parent === 0) {
      m[node + UP] = 0
      return
    }
    if (isBlack(m, parent)) return
    const grand = m[parent + UP]! >>> 1
    if (grand === 0) corrupted('tree R2', root * 4 + m.byteOffset, `a red root ${parent}`, 'a black one')
    const side: Side = m[grand + LEFT] === parent ? LEFT : RIGHT
    const other: Side = side === LEFT ? RIGHT : LEFT
    const uncle = m[grand + other]!
    if (isBlack(m, uncle)) {
      if (m[parent + other] === node) rotate(m, root, parent, side, refresh)
      rotate(m, root, grand, other, refresh)
      return
    }
    m[parent + UP]! &= ~RED
    m[uncle + UP]! &= ~RED
    m[grand + UP]! |= RED
    node = grand
  }
}

/** Mends R3 after the paths through this side of `above` became shorter by one black node. */
function balanceShrunk(m: Memory, root: Cell, above: Cell, from: Side, refresh: Refresh | undefined): void {
  let side = from
  let left = DEEPEST
  for (let parent = above; parent !== 0; ) {
    if (--left < 0) tooDeep(m, root)
    const other: Side = side === LEFT ? RIGHT : LEFT
    if (!isBlack(m, m[parent + other]!)) rotate(m, root, parent, side, refresh)
    const sibling = m[parent + other]!
    if (sibling === 0) corrupted('tree R3', root * 4 + m.byteOffset, `no node beside a black one`, 'one')
    if (!isBlack(m, m[sibling + LEFT]!) || !isBlack(m, m[sibling + RIGHT]!)) {
      if (isBlack(m, m[sibling + other]!)) rotate(m, root, sibling, other, refresh)
      rotate(m, root, parent, side, refresh)
      m[parent + UP]! &= ~RED
      m[m[(m[parent + UP]! >>> 1) + other]! + UP]! &= ~RED
      return
    }
    m[sibling + UP]! |= RED
    if (!isBlack(m, parent)) {
      m[parent + UP]! &= ~RED
      return
    }
    const grand = m[parent + UP]! >>> 1
    side = m[grand + LEFT] === parent ? LEFT : RIGHT
    parent = grand
  }
}

function isBlack(m: Memory, node: Cell): boolean {
  return node === 0 || (m[node + UP]! & RED) === 0
}

/** Moves `top` down to this side; its child on the other rises, and takes its colour, and `top` becomes red. */
function rotate(m: Memory, root: Cell, top: Cell, side: Side, refresh: Refresh | undefined): void {
  const other = side === LEFT ? RIGHT : LEFT
  const rising = m[top + other]!
  const between = m[rising + side]!
  replaceChild(m, root, top, rising)
  m[rising + UP] = m[top + UP]!
  m[rising + side] = top
  m[top + UP] = (rising << 1) | RED
  m[top + other] = between
  if (between !== 0) setParent(m, between, top)
  if (refresh === undefined) return
  refresh(m, top)
  refresh(m, rising)
}

/** A node with two children changes places, and colours, with the next one, its heir, which has no left child. */
function changePlaces(m: Memory, root: Cell, node: Cell): Cell {
  const left = m[node + LEFT]!
  const right = m[node + RIGHT]!
  const heir = end(m, right, LEFT)
  const below = m[heir + RIGHT]!
  const up = m[heir + UP]!
  replaceChild(m, root, node, heir)
  m[heir + UP] = m[node + UP]!
  m[heir + LEFT] = left
  setParent(m, left, heir)
  if (heir === right) {
    m[heir + RIGHT] = node
    m[node + UP] = (heir << 1) | (up & RED)
  } else {
    m[heir + RIGHT] = right
    setParent(m, right, heir)
    m[(up >>> 1) + LEFT] = node
    m[node + UP] = up
  }
  m[node + LEFT] = 0
  m[node + RIGHT] = below
  if (below !== 0) setParent(m, below, node)
  return heir
}

/** Where `node` hangs, `by` hangs from now on. */
function replaceChild(m: Memory, root: Cell, node: Cell, by: Cell): void {
  const parent = m[node + UP]! >>> 1
  if (parent === 0) m[root] = by
  else if (m[parent + LEFT] === node) m[parent + LEFT] = by
  else m[parent + RIGHT] = by
}

function setParent(m: Memory, node: Cell, parent: Cell): void {
  m[node + UP] = (parent << 1) | (m[node + UP]! & RED)
}

// laws

export interface TreeLaws {
  /** For messages: `tree`, and the address of the owner. */
  readonly title: string
  readonly at: number
  /** Throws unless this is a block that can be read as a node. Called before anything of it is read. */
  mustBeNode(node: Cell): void
  /** Throws when something about a node is wrong. Called in order; `before` is the node before it, 0 for the first. */
  look(node: Cell, before: Cell): void
}

/** Throws VmallocError `corrupted` at the first law that does not hold. Ends on any bytes: no node is come to twice. */
export function checkTree(m: Memory, root: Cell, count: number, laws: TreeLaws): void {
  const fail = (law: string, seen: string, expected: string) =>
    corrupted(`${laws.title} ${law}`, laws.at, seen, expected)
  let seen = 0
  let blacks = 0
  let everywhere = -1
  let before = 0

  const enter = (node: Cell, parent: Cell): void => {
    laws.mustBeNode(node)
    const up = m[node + UP]!
    if (++seen > count) fail('R1', 'more nodes', `${count}`)
    if (up >>> 1 !== parent) fail('R1', `node ${node} names parent ${up >>> 1}`, `${parent}`)
    if (up & RED && (parent === 0 || !isBlack(m, parent))) {
      fail('R2', `node ${node} is red`, parent === 0 ? 'a black root' : `black below red ${parent}`)
    }
    blacks += 1 - (up & RED)
  }
  const atGap = (node: Cell): void => {
    if (everywhere < 0) everywhere = blacks
    if (blacks !== everywhere) fail('R3', `${blacks} black nodes down to ${node}`, `${everywhere}`)
  }
  const look = (node: Cell): void => {
    laws.look(node, before)
    before = node
  }
  const down = (from: Cell, parent: Cell): Cell => {
    enter(from, parent)
    let node = from
    for (let left = m[node + LEFT]!; left !== 0; left = m[node + LEFT]!) {
      if (left === m[node + RIGHT]) fail('R1', `node ${node} has ${left} on both sides`, 'different nodes')
      enter(left, node)
      node = left
    }
    atGap(node)
    look(node)
    return node
  }

  const top = m[root]!
  for (let node = top === 0 ? 0 : down(top, 0); node !== 0; ) {
    const right = m[node + RIGHT]!
    if (right !== 0) {
      node = down(right, node)
      continue
    }
    atGap(node)
    let child = 0
    do {
      if (child !== 0 && m[node + RIGHT] !== child) break
      blacks -= 1 - (m[node + UP]! & RED)
      child = node
      node = m[node + UP]! >>> 1
    } while (node !== 0)
    if (node !== 0) look(node)
  }
  if (seen !== count) fail('R1', `${seen} nodes`, `${count}`)
}
