/**
 * values: numbers by key, in the region's bytes.
 *
 *   table    in the header: SLOTS entries; more in pieces of their own, chained from MORE_VALUES
 *   entry    | length of key, 1 byte | key, up to 31 bytes of UTF-8 | double |      40 bytes; length 0: not used
 */

import type { Values } from '../contract/region.ts'
import { corrupted, VmallocError } from '../ground/fault.ts'
import { encode } from '../ground/text.ts'
import { MORE_VALUES, RAW, RECORD, SIZE, VALUES } from './header.ts'
import type { Segments } from './segments.ts'

const KEY_ROOM = 32
const ENTRY = KEY_ROOM + 8
const MORE = 32 * ENTRY

/** Entries in the header itself. */
const SLOTS = 4
/** Bytes of the table in the header. */
export const TABLE = SLOTS * ENTRY

export interface Gate {
  /** Runs `what` inside the region's lock; throws VmallocError `closed` when the region is. */
  within<T>(what: () => T): T
}

export class RegionValues implements Values {
  readonly #store: Segments
  readonly #gate: Gate

  constructor(store: Segments, gate: Gate) {
    this.#store = store
    this.#gate = gate
  }

  get(key: string): number | undefined {
    const name = keyBytes(key)
    return this.#gate.within(() => {
      const entry = this.#find(name)
      return entry === 0 ? undefined : this.#number(entry)
    })
  }

  set(key: string, value: number): boolean {
    return this.#put(key, () => value) !== undefined
  }

  add(key: string, value: number): number | undefined {
    return this.#put(key, (old) => old + value)
  }

  /** Whether no number was ever set: keys stay, and the first one lies in the first entry. */
  get isEmpty(): boolean {
    return this.#store.words.u8[this.#store.get(this.#store.header, VALUES)] === 0
  }

  /** Holds the entries against their law: keys are text of at most 31 bytes. */
  check(): void {
    for (const entry of this.#entries()) {
      const length = this.#store.words.u8[entry]!
      if (length >= KEY_ROOM)
        corrupted(`${this.#store.name}: values`, entry, `key of ${length} bytes`, `at most ${KEY_ROOM - 1}`)
    }
  }

  #put(key: string, change: (old: number) => number): number | undefined {
    const name = keyBytes(key)
    return this.#gate.within(() => {
      const entry = this.#find(name) || this.#make(name)
      if (entry === 0) return undefined
      const value = change(this.#number(entry))
      this.#store.words.f64[(entry + KEY_ROOM) >>> 3] = value
      return value
    })
  }

  #number(entry: number): number {
    return this.#store.words.f64[(entry + KEY_ROOM) >>> 3]!
  }

  *#entries(): Generator<number> {
    const { words, header } = this.#store
    const table = this.#store.get(header, VALUES)
    for (let i = 0; i < SLOTS; i++) yield table + i * ENTRY
    for (let piece = this.#store.firstExtra(MORE_VALUES); piece !== 0; piece = this.#store.next(piece)) {
      const end = Math.min(this.#store.get(piece, RAW) + this.#store.get(piece, SIZE), words.length)
      for (let entry = piece + RECORD; entry + ENTRY <= end; entry += ENTRY) yield entry
    }
  }

  #find(name: Uint8Array): number {
    const { u8 } = this.#store.words
    for (const entry of this.#entries()) {
      if (u8[entry] !== name.length) continue
      let i = 0
      while (i < name.length && u8[entry + 1 + i] === name[i]) i++
      if (i === name.length) return entry
    }
    return 0
  }

  #make(name: Uint8Array): number {
    let free = 0
    for (const entry of this.#entries()) {
      if (this.#store.words.u8[entry] !== 0) continue
      free = entry
      break
    }
    if (free === 0) {
      const piece = this.#store.extra(MORE, MORE_VALUES)
      if (piece === 0) return 0
      free = piece + RECORD
      const end = this.#store.get(piece, RAW) + this.#store.get(piece, SIZE)
      this.#store.words.u8.fill(0, free, end)
    }
    const { words } = this.#store
    words.u8[free] = name.length
    words.u8.set(name, free + 1)
    words.f64[(free + KEY_ROOM) >>> 3] = 0
    return free
  }
}

function keyBytes(key: string): Uint8Array {
  const bytes = encode(String(key))
  if (bytes.length === 0 || bytes.length >= KEY_ROOM) {
    throw new VmallocError('argument', `values: key of ${bytes.length} bytes, expected 1 to ${KEY_ROOM - 1}: ${key}`)
  }
  return bytes
}
