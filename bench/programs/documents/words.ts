/**
 * words: which documents a word occurs in, and how often: an index that changes as documents come and go.
 *
 *   term      +0     +4     +8      +12      +16    +20
 *             | LINK | HASH | FIRST | COUNT  | SIZE | bytes ... |      COUNT documents have it, FIRST is the newest posting
 *
 *   posting   +0     +4         +8      +12    +16    +20
 *             | TERM | DOCUMENT | TIMES | NEXT | PREV | BESIDE |       24 bytes
 *
 *   NEXT, PREV  postings of the same term        BESIDE  the next posting of the same document
 *
 * A word is a run of three or more ASCII letters or digits; their case does not matter. A term is there as long as it
 * has a posting. Postings may lie in another space than terms, so each has its own words.
 */
import { doubled } from './names.ts'
import type { Place } from './space.ts'

const LINK = 0
const HASH = 1
const FIRST = 2
const COUNT = 3
const SIZE = 4
const HEADER = 20

const TERM = 0
export const DOCUMENT = 1
export const TIMES = 2
export const NEXT = 3
const PREV = 4
const BESIDE = 5
const POSTING = 24

const FIRST_BUCKETS = 64
const SHORTEST = 3

/** Letters and digits as they count in words, letters as small ones; 0 where a word ends. */
const LETTERS = new Uint8Array(256)
for (const letter of '0123456789abcdefghijklmnopqrstuvwxyz') {
  LETTERS[letter.charCodeAt(0)] = LETTERS[letter.toUpperCase().charCodeAt(0)] = letter.charCodeAt(0)
}

export class Words {
  readonly #terms: Place
  readonly #postings: Place
  #buckets: number
  #mask = FIRST_BUCKETS - 1
  #count = 0

  constructor(terms: Place, postings: Place) {
    this.#terms = terms
    this.#postings = postings
    this.#buckets = terms.take(4 * FIRST_BUCKETS)
    terms.space.i32.fill(0, this.#buckets >>> 2, (this.#buckets >>> 2) + FIRST_BUCKETS)
  }

  /** The newest posting of the term that consists of these bytes, or 0. */
  first(from: number, size: number): number {
    const term = this.#find(hashOf(this.#terms.space.u8, from, size), from, size)
    return term === 0 ? 0 : this.#terms.space.i32[(term >>> 2) + FIRST]!
  }

  /** Enters the words of some bytes for a document whose postings begin with `postings`; with which they begin now. */
  enter(document: number, postings: number, from: number, size: number): number {
    let { u8 } = this.#terms.space
    const end = from + size
    for (let at = from; at < end; ) {
      if (LETTERS[u8[at]!] === 0) {
        at++
        continue
      }
      const start = at
      let hash = 0x811c9dc5 | 0
      for (let letter = 0; at < end && (letter = LETTERS[u8[at]!]!) !== 0; at++) {
        hash = Math.imul(hash ^ letter, 0x01000193)
      }
      if (at - start < SHORTEST) continue
      hash ^= hash >>> 15
      postings = this.#occurs(document, postings, hash, start, at - start)
      u8 = this.#terms.space.u8
    }
    return postings
  }

  /** Takes a document's postings out, from this one on. */
  remove(postings: number): void {
    const p = this.#postings.space.i32
    for (let posting = postings; posting !== 0; ) {
      const i = posting >>> 2
      const m = this.#terms.space.i32
      const beside = p[i + BESIDE]!
      const term = p[i + TERM]!
      const next = p[i + NEXT]!
      const prev = p[i + PREV]!
      if (next !== 0) p[(next >>> 2) + PREV] = prev
      if (prev !== 0) p[(prev >>> 2) + NEXT] = next
      else m[(term >>> 2) + FIRST] = next
      this.#postings.give(posting)
      if (--m[(term >>> 2) + COUNT]! === 0) this.#forget(term)
      posting = beside
    }
  }

  close(): void {
    this.#terms.give(this.#buckets)
  }

  #occurs(document: number, postings: number, hash: number, from: number, size: number): number {
    let term = this.#find(hash, from, size)
    if (term === 0) term = this.#add(hash, from, size)
    const newest = this.#terms.space.i32[(term >>> 2) + FIRST]!
    if (newest !== 0) {
      const p = this.#postings.space.i32
      const i = newest >>> 2
      if (p[i + DOCUMENT] === document) {
        p[i + TIMES] = p[i + TIMES]! + 1
        return postings
      }
    }
    return this.#post(document, postings, term, newest)
  }

  #post(document: number, postings: number, term: number, newest: number): number {
    const posting = this.#postings.take(POSTING)
    const p = this.#postings.space.i32
    const m = this.#terms.space.i32
    const i = posting >>> 2
    p[i + TERM] = term
    p[i + DOCUMENT] = document
    p[i + TIMES] = 1
    p[i + NEXT] = newest
    p[i + PREV] = 0
    p[i + BESIDE] = postings
    if (newest !== 0) p[(newest >>> 2) + PREV] = posting
    m[(term >>> 2) + FIRST] = posting
    m[(term >>> 2) + COUNT] = m[(term >>> 2) + COUNT]! + 1
    return posting
  }

  #find(hash: number, from: number, size: number): number {
    const { i32: m, u8 } = this.#terms.space
    let term = m[(this.#buckets >>> 2) + (hash & this.#mask)]!
    while (term !== 0 && !(m[(term >>> 2) + HASH] === hash && this.#isSame(m, u8, term, from, size))) {
      term = m[term >>> 2]!
    }
    return term
  }

  #isSame(m: Int32Array<ArrayBufferLike>, u8: Uint8Array<ArrayBufferLike>, term: number, from: number, size: number) {
    if (m[(term >>> 2) + SIZE] !== size) return false
    for (let i = 0; i < size; i++) if (u8[term + HEADER + i] !== LETTERS[u8[from + i]!]) return false
    return true
  }

  #add(hash: number, from: number, size: number): number {
    if (++this.#count > this.#mask) {
      this.#buckets = doubled(this.#terms, this.#buckets, this.#mask + 1, LINK, HASH)
      this.#mask = this.#mask * 2 + 1
    }
    const term = this.#terms.take(HEADER + size)
    const { i32: m, u8 } = this.#terms.space
    const bucket = (this.#buckets >>> 2) + (hash & this.#mask)
    const i = term >>> 2
    m[i + LINK] = m[bucket]!
    m[i + HASH] = hash
    m[i + FIRST] = 0
    m[i + COUNT] = 0
    m[i + SIZE] = size
    for (let b = 0; b < size; b++) u8[term + HEADER + b] = LETTERS[u8[from + b]!]!
    m[bucket] = term
    return term
  }

  /** A term without postings goes. */
  #forget(term: number): void {
    const m = this.#terms.space.i32
    let link = (this.#buckets >>> 2) + (m[(term >>> 2) + HASH]! & this.#mask)
    while (m[link] !== term) link = (m[link]! >>> 2) + LINK
    m[link] = m[(term >>> 2) + LINK]!
    this.#count--
    this.#terms.give(term)
  }
}

function hashOf(u8: Uint8Array<ArrayBufferLike>, from: number, size: number): number {
  let hash = 0x811c9dc5 | 0
  for (let i = from; i < from + size; i++) hash = Math.imul(hash ^ LETTERS[u8[i]!]!, 0x01000193)
  return hash ^ (hash >>> 15)
}
