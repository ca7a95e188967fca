/**
 * sums: sums by text, in the order in which the texts came first: what a request that goes through all documents keeps.
 *
 *   row      +0     +4     +8
 *            | TEXT | HASH | SUM as a double |             slots   row numbers plus 1, by hash; 0 where there is none
 */
import { hashOf } from './names.ts'
import type { Place } from './space.ts'

const ROW = 16
const FIRST_ROWS = 16

export class Sums {
  count = 0

  readonly #place: Place
  #rows = 0
  #slots = 0
  #room = 0

  constructor(place: Place) {
    this.#place = place
  }

  begin(): void {
    this.count = 0
    this.#room = FIRST_ROWS
    this.#rows = this.#place.take(ROW * this.#room)
    this.#slots = this.#fresh()
  }

  end(): void {
    this.#place.give(this.#rows)
    this.#place.give(this.#slots)
  }

  /** The row of a text, a new one where there is none. */
  row(text: number): number {
    const { i32: m, u8 } = this.#place.space
    const size = m[text >>> 2]!
    const hash = hashOf(u8, text + 4, size)
    const mask = 2 * this.#room - 1
    let slot = hash & mask
    for (; m[(this.#slots >>> 2) + slot] !== 0; slot = (slot + 1) & mask) {
      const row = m[(this.#slots >>> 2) + slot]! - 1
      const i = (this.#rows + ROW * row) >>> 2
      if (m[i + 1] === hash && isSame(m, u8, m[i]!, text)) return row
    }
    if (this.count === this.#room) {
      this.#double()
      return this.row(text)
    }
    const row = this.count++
    m[(this.#slots >>> 2) + slot] = row + 1
    const at = this.#rows + ROW * row
    m[at >>> 2] = text
    m[(at >>> 2) + 1] = hash
    this.#place.space.f64[(at >>> 3) + 1] = 0
    return row
  }

  add(row: number, amount: number): void {
    const { f64 } = this.#place.space
    const i = ((this.#rows + ROW * row) >>> 3) + 1
    f64[i] = f64[i]! + amount
  }

  textOf(row: number): number {
    return this.#place.space.i32[(this.#rows + ROW * row) >>> 2]!
  }

  sumOf(row: number): number {
    return this.#place.space.f64[((this.#rows + ROW * row) >>> 3) + 1]!
  }

  #double(): void {
    this.#room *= 2
    this.#rows = this.#place.widen(this.#rows, ROW * this.#room)
    const old = this.#slots
    this.#slots = this.#fresh()
    this.#place.give(old)
    const m = this.#place.space.i32
    const mask = 2 * this.#room - 1
    for (let row = 0; row < this.count; row++) {
      let slot = m[((this.#rows + ROW * row) >>> 2) + 1]! & mask
      while (m[(this.#slots >>> 2) + slot] !== 0) slot = (slot + 1) & mask
      m[(this.#slots >>> 2) + slot] = row + 1
    }
  }

  /** Empty slots, two for a row. */
  #fresh(): number {
    const slots = this.#place.take(8 * this.#room)
    this.#place.space.i32.fill(0, slots >>> 2, (slots >>> 2) + 2 * this.#room)
    return slots
  }
}

function isSame(m: Int32Array<ArrayBufferLike>, u8: Uint8Array<ArrayBufferLike>, a: number, b: number): boolean {
  const size = m[a >>> 2]!
  if (m[b >>> 2] !== size) return false
  for (let i = 4; i < 4 + size; i++) if (u8[a + i] !== u8[b + i]) return false
  return true
}
