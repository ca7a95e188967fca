/**
 * pieces: a discipline for tests, over one ArrayBuffer. It can be as awkward as the contract allows: pieces that are
 * apart, that begin at odd addresses, that cannot grow in place; a buffer that becomes another whenever it can.
 *
 *   0        8 + skew
 *   | ///// | piece | ///// | piece .... | ///// | piece | /////////////////// |      / is HEDGE, nobody's byte
 *
 * A byte of the hedge that changed was written by somebody who had no right to it: `hurt` finds it. What is given back
 * becomes hedge again.
 */
import type { Discipline } from '../../src/contract/region.ts'
import { roundUp } from '../../src/ground/bits.ts'

const HEDGE = 0xe7
/** The least number of bytes between two pieces. */
const APART = 24

export interface PiecesOptions {
  /** Length of the buffer. */
  readonly bytes?: number
  readonly round?: number
  /** False: a piece never grows where it is. */
  readonly grows?: boolean
  /** How far from a multiple of 8 pieces begin. */
  readonly skew?: number
  /** With each request granted the buffer becomes another, and the old one is detached. */
  readonly moves?: boolean
  /** What is there already; a region in it must be held in `held`. */
  readonly over?: ArrayBuffer
  readonly held?: readonly Piece[]
}

export interface Piece {
  readonly at: number
  readonly size: number
}

export class Pieces implements Discipline {
  readonly name = 'pieces'
  readonly round: number
  readonly #options: PiecesOptions
  #buffer: ArrayBuffer
  /** In order of address. */
  #held: Piece[]

  constructor(options: PiecesOptions = {}) {
    this.round = options.round ?? 8
    this.#options = options
    this.#buffer = options.over ?? new ArrayBuffer(options.bytes ?? 2 ** 18)
    this.#held = [...(options.held ?? [])]
    this.#gaps((from, end) => new Uint8Array(this.#buffer).fill(HEDGE, from, end))
  }

  buffer(): ArrayBuffer {
    return this.#buffer
  }

  get held(): readonly Piece[] {
    return this.#held
  }

  memory(_region: unknown, at: number, had: number, want: number): number {
    const answer = had === 0 ? this.#place(want) : want > had ? this.#grow(at, want) : this.#cut(at, had, want)
    if (answer !== 0 && want > 0 && this.#options.moves === true) {
      this.#buffer = structuredClone(this.#buffer, { transfer: [this.#buffer] })
    }
    return answer
  }

  /** Address of a byte outside all pieces that was written to; -1 when there is none. */
  hurt(): number {
    const bytes = new Uint8Array(this.#buffer)
    let found = -1
    this.#gaps((from, end) => {
      for (let i = from; i < end && found < 0; i++) if (bytes[i] !== HEDGE) found = i
    })
    return found
  }

  #place(want: number): number {
    let at = 0
    let index = 0
    this.#gaps((from, end, before) => {
      const start = roundUp(from + (from === 0 ? 8 : APART), 8) + (this.#options.skew ?? 0)
      if (at === 0 && start + want + (end === this.#buffer.byteLength ? 0 : APART) <= end) [at, index] = [start, before]
    })
    if (at !== 0) this.#held.splice(index, 0, { at, size: want })
    return at
  }

  #grow(at: number, want: number): number {
    if (this.#options.grows === false) return 0
    const index = this.#held.findIndex((piece) => piece.at === at)
    const next = this.#held[index + 1]
    const room = next === undefined ? this.#buffer.byteLength : next.at - APART
    if (at + want > room) return 0
    this.#held[index] = { at, size: want }
    return at
  }

  #cut(at: number, had: number, want: number): number {
    const index = this.#held.findIndex((piece) => piece.at === at)
    this.#held.splice(index, 1, ...(want === 0 ? [] : [{ at, size: want }]))
    new Uint8Array(this.#buffer).fill(HEDGE, at + want, at + had)
    return at
  }

  /** Visits what lies between the pieces, with the number of pieces before it. */
  #gaps(visit: (from: number, end: number, before: number) => void): void {
    let from = 0
    for (const [before, { at, size }] of [...this.#held.entries()]) {
      visit(from, at, before)
      from = at + size
    }
    visit(from, this.#buffer.byteLength, this.#held.length)
  }
}
