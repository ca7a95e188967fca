/**
 * names: every key of a document is kept once and known by its address; a table finds it.
 *
 *   name     +0     +4     +8     +12
 *            | LINK | HASH | SIZE | bytes ... |         LINK  the next name in the same bucket
 *
 * Names are of any size and stay; the table of buckets doubles when there are as many names as buckets.
 */
import type { Place } from './space.ts'
import { move } from './tree.ts'

const LINK = 0
const HASH = 1
const SIZE = 2
const HEADER = 12

const FIRST_BUCKETS = 64

export class Names {
  readonly #place: Place
  #buckets: number
  #mask = FIRST_BUCKETS - 1
  #count = 0

  constructor(place: Place) {
    this.#place = place
    this.#buckets = place.take(4 * FIRST_BUCKETS)
    place.space.i32.fill(0, this.#buckets >>> 2, (this.#buckets >>> 2) + FIRST_BUCKETS)
  }

  /** The name that consists of these bytes, a new one where there is none yet. */
  intern(from: number, size: number): number {
    const { i32: m, u8 } = this.#place.space
    const hash = hashOf(u8, from, size)
    let name = m[(this.#buckets >>> 2) + (hash & this.#mask)]!
    while (name !== 0 && !(m[(name >>> 2) + HASH] === hash && this.#isSame(name, from, size))) name = m[name >>> 2]!
    return name !== 0 ? name : this.#add(hash, from, size)
  }

  /** The name that a string spells. */
  named(text: string): number {
    const at = this.#place.take(text.length)
    for (let i = 0; i < text.length; i++) this.#place.space.u8[at + i] = text.charCodeAt(i)
    const name = this.intern(at, text.length)
    this.#place.give(at)
    return name
  }

  sizeOf(name: number): number {
    return this.#place.space.i32[(name >>> 2) + SIZE]!
  }

  bytesOf(name: number): number {
    return name + HEADER
  }

  close(): void {
    const m = this.#place.space.i32
    for (let b = 0; b <= this.#mask; b++) {
      for (let name = m[(this.#buckets >>> 2) + b]!; name !== 0; ) {
        const next = m[name >>> 2]!
        this.#place.give(name)
        name = next
      }
    }
    this.#place.give(this.#buckets)
  }

  #isSame(name: number, from: number, size: number): boolean {
    const { u8 } = this.#place.space
    if (this.sizeOf(name) !== size) return false
    for (let i = 0; i < size; i++) if (u8[name + HEADER + i] !== u8[from + i]) return false
    return true
  }

  #add(hash: number, from: number, size: number): number {
    if (++this.#count > this.#mask) this.#double()
    const name = this.#place.take(HEADER + size)
    const { i32: m, u8 } = this.#place.space
    const bucket = (this.#buckets >>> 2) + (hash & this.#mask)
    m[(name >>> 2) + LINK] = m[bucket]!
    m[(name >>> 2) + HASH] = hash
    m[(name >>> 2) + SIZE] = size
    move(u8, name + HEADER, from, size)
    m[bucket] = name
    return name
  }

  #double(): void {
    this.#buckets = doubled(this.#place, this.#buckets, this.#mask + 1, LINK, HASH)
    this.#mask = this.#mask * 2 + 1
  }
}

export function hashOf(u8: Uint8Array<ArrayBufferLike>, from: number, size: number): number {
  let hash = 0x811c9dc5 | 0
  for (let i = from; i < from + size; i++) hash = Math.imul(hash ^ u8[i]!, 0x01000193)
  return hash ^ (hash >>> 15)
}

/** A table of twice as many buckets that holds what the old one held; entries are chained by the word `link`. */
export function doubled(place: Place, old: number, count: number, link: number, hash: number): number {
  const table = place.take(8 * count)
  const m = place.space.i32
  m.fill(0, table >>> 2, (table >>> 2) + 2 * count)
  for (let b = 0; b < count; b++) {
    for (let entry = m[(old >>> 2) + b]!; entry !== 0; ) {
      const next = m[(entry >>> 2) + link]!
      const bucket = (table >>> 2) + (m[(entry >>> 2) + hash]! & (2 * count - 1))
      m[(entry >>> 2) + link] = m[bucket]!
      m[bucket] = entry
      entry = next
    }
  }
  place.give(old)
  return table
}
