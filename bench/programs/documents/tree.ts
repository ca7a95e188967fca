/**
 * tree: a JSON value as nodes of 24 bytes; texts are blocks of their own, keys are names that all documents share.
 *
 *   node     +0     +4    +8     +12           +16
 *            | KIND | KEY | NEXT | CONTENT     | VALUE as a double |
 *                                 first member or element, or text
 *   text     +0     +4
 *            | SIZE | bytes ... |
 *
 *   KEY   the name of a member; 0 elsewhere         NEXT  the member or element after this one; 0 for the last
 *
 * Fields are words: the index of a node's word is (node >>> 2) + field.
 */
import type { Place } from './space.ts'

export const NODE = 24
export const KIND = 0
export const KEY = 1
export const NEXT = 2
export const CONTENT = 3
export const VALUE = 2 // in doubles

export const NULL = 0
export const FALSE = 1
export const TRUE = 2
export const NUMBER = 3
export const TEXT = 4
export const ARRAY = 5
export const OBJECT = 6

/** Frees what a node holds, but not the node. */
export function empty(place: Place, node: number): void {
  if (!place.singly) return
  const m = place.space.i32
  const kind = m[node >>> 2]!
  const content = m[(node >>> 2) + CONTENT]!
  if (kind === TEXT) place.give(content)
  else if (kind >= ARRAY) {
    for (let child = content; child !== 0; ) {
      const next = m[(child >>> 2) + NEXT]!
      drop(place, child)
      child = next
    }
  }
}

/** Frees a value. */
export function drop(place: Place, node: number): void {
  if (!place.singly) return
  empty(place, node)
  place.give(node)
}

/** Makes `to`, which is empty, a copy of the value `from`; key and place in the list stay. */
export function assign(place: Place, to: number, from: number): void {
  const { space } = place
  let m = space.i32
  const kind = m[from >>> 2]!
  m[to >>> 2] = kind
  if (kind === NUMBER) space.f64[(to >>> 3) + VALUE] = space.f64[(from >>> 3) + VALUE]!
  else if (kind === TEXT) {
    const text = m[(from >>> 2) + CONTENT]!
    const size = m[text >>> 2]!
    const copy = place.take(4 + size)
    move(space.u8, copy, text, 4 + size)
    space.i32[(to >>> 2) + CONTENT] = copy
  } else if (kind >= ARRAY) {
    m[(to >>> 2) + CONTENT] = 0
    let last = (to >>> 2) + CONTENT
    for (let child = m[(from >>> 2) + CONTENT]!; child !== 0; ) {
      const fresh = place.take(NODE)
      m = space.i32
      m[(fresh >>> 2) + KEY] = m[(child >>> 2) + KEY]!
      m[(fresh >>> 2) + NEXT] = 0
      m[last] = fresh
      last = (fresh >>> 2) + NEXT
      assign(place, fresh, child)
      m = space.i32
      child = m[(child >>> 2) + NEXT]!
    }
  }
}

/** A copy of a value that belongs to no list. */
export function copyOf(place: Place, from: number): number {
  const node = place.take(NODE)
  const m = place.space.i32
  m[(node >>> 2) + KEY] = 0
  m[(node >>> 2) + NEXT] = 0
  assign(place, node, from)
  return node
}

/** The member of an object that has this name, or 0. */
export function member(m: Int32Array<ArrayBufferLike>, object: number, name: number): number {
  if (m[object >>> 2] !== OBJECT) return 0
  let node = m[(object >>> 2) + CONTENT]!
  while (node !== 0 && m[(node >>> 2) + KEY] !== name) node = m[(node >>> 2) + NEXT]!
  return node
}

/** Changes a value as RFC 7396 has it: members of the patch are merged, those that are null go. */
export function merge(place: Place, target: number, patch: number): void {
  const { space } = place
  let m = space.i32
  if (m[patch >>> 2] !== OBJECT) {
    empty(place, target)
    assign(place, target, patch)
    return
  }
  if (m[target >>> 2] !== OBJECT) {
    empty(place, target)
    m[target >>> 2] = OBJECT
    m[(target >>> 2) + CONTENT] = 0
  }
  for (let change = m[(patch >>> 2) + CONTENT]!; change !== 0; change = m[(change >>> 2) + NEXT]!) {
    mergeMember(place, target, change)
    m = space.i32
  }
}

function mergeMember(place: Place, target: number, change: number): void {
  const m = place.space.i32
  const name = m[(change >>> 2) + KEY]!
  let link = (target >>> 2) + CONTENT
  while (m[link] !== 0 && m[(m[link]! >>> 2) + KEY] !== name) link = (m[link]! >>> 2) + NEXT
  const node = m[link]!
  if (m[change >>> 2] !== NULL) merge(place, node === 0 ? append(place, link, name) : node, change)
  else if (node !== 0) {
    m[link] = m[(node >>> 2) + NEXT]!
    drop(place, node)
  }
}

/** A new member that is null, linked from a word. */
function append(place: Place, link: number, name: number): number {
  const node = place.take(NODE)
  const m = place.space.i32
  m[node >>> 2] = NULL
  m[(node >>> 2) + KEY] = name
  m[(node >>> 2) + NEXT] = 0
  m[link] = node
  return node
}

/** Copies bytes; a loop serves short texts better than a call does. */
export function move(u8: Uint8Array<ArrayBufferLike>, to: number, from: number, size: number): void {
  if (size > 64) u8.copyWithin(to, from, from + size)
  else for (let i = 0; i < size; i++) u8[to + i] = u8[from + i]!
}
