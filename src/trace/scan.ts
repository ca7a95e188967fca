/**
 * scan: a cursor over the bytes of a text in which lines hold words between blanks.
 *
 * Reading answers -1 where the wanted thing does not stand, and the cursor stays; `fail` then says in which file and
 * line that was, what stands there and what should. Nothing here makes a string unless it fails.
 */
import { VmallocError } from '../ground/fault.ts'
import { decode } from '../ground/text.ts'

const TAB = 9
export const NEWLINE = 10
const RETURN = 13
const SPACE = 32
export const COLON = 58
const ZERO = 48
const NINE = 57
const MAX_SHOWN = 40

export class Scanner {
  readonly bytes: Uint8Array
  at = 0
  line = 1
  readonly #name: string

  constructor(bytes: Uint8Array, name: string) {
    this.bytes = bytes
    this.#name = name
  }

  get done(): boolean {
    return this.at >= this.bytes.length
  }

  /** The byte at the cursor, 0 at the end. */
  get byte(): number {
    return this.at < this.bytes.length ? this.bytes[this.at]! : 0
  }

  /** Passes blanks inside the line. */
  blanks(): void {
    const bytes = this.bytes
    const end = bytes.length
    let at = this.at
    while (at < end && isBlank(bytes[at]!)) at++
    this.at = at
  }

  /** Passes the end of this line and blank lines, up to a word or the end. */
  nextLine(): void {
    for (;;) {
      this.blanks()
      if (this.byte !== NEWLINE) return
      this.at++
      this.line++
    }
  }

  /** Whether only blanks are left in this line. */
  isLineEnd(): boolean {
    this.blanks()
    return this.done || this.byte === NEWLINE
  }

  /** A word of decimal digits, at most 2^53 - 1; else -1. */
  whole(): number {
    this.blanks()
    const bytes = this.bytes
    const end = bytes.length
    let at = this.at
    let n = 0
    for (; at < end; at++) {
      const byte = bytes[at]!
      if (byte < ZERO || byte > NINE) break
      n = n * 10 + (byte - ZERO)
    }
    if (at === this.at || n > Number.MAX_SAFE_INTEGER || (at < end && !endsWord(bytes[at]!))) return -1
    this.at = at
    return n
  }

  /** A word of hexadecimal digits, 0x before them or not, at most 2^53 - 1; else -1. */
  hex(): number {
    const bytes = this.bytes
    const end = bytes.length
    let at = this.at
    if (bytes[at] === ZERO && at + 1 < end && (bytes[at + 1]! | 32) === 120) at += 2
    const first = at
    let n = 0
    for (; at < end; at++) {
      const digit = hexDigit(bytes[at]!)
      if (digit < 0) break
      n = n * 16 + digit
    }
    if (at === first || n > Number.MAX_SAFE_INTEGER || (at < end && !endsWord(bytes[at]!))) return -1
    this.at = at
    return n
  }

  /** The word at the cursor, as text; the cursor stays. */
  word(): string {
    this.blanks()
    let end = this.at
    while (end < this.bytes.length && !endsWord(this.bytes[end]!)) end++
    return decode(this.bytes.subarray(this.at, Math.min(end, this.at + MAX_SHOWN)))
  }

  /** What is left of the line behind one blank, as text; the cursor passes it. */
  rest(): string {
    const newline = this.bytes.indexOf(NEWLINE, this.at)
    const end = newline < 0 ? this.bytes.length : newline
    const start = this.at < end && isBlank(this.bytes[this.at]!) ? this.at + 1 : this.at
    this.at = end
    return decode(this.bytes.subarray(start, this.bytes[end - 1] === RETURN && end > start ? end - 1 : end))
  }

  /** Throws: what came is the word at the cursor unless told. */
  fail(expected: string, came?: string): never {
    const word = this.word()
    const seen = came ?? (word !== '' ? `'${word}'` : this.done ? 'the end of the file' : 'the end of the line')
    throw new VmallocError('argument', `${this.#name}, line ${this.line}: ${seen}, expected ${expected}`)
  }
}

/** How many lines there are at most. */
export function countLines(bytes: Uint8Array): number {
  let lines = 1
  for (let at = 0; at < bytes.length; at++) if (bytes[at] === NEWLINE) lines++
  return lines
}

function isBlank(byte: number): boolean {
  return byte === SPACE || byte === RETURN || byte === TAB
}

function endsWord(byte: number): boolean {
  return isBlank(byte) || byte === NEWLINE || byte === COLON
}

function hexDigit(byte: number): number {
  if (byte >= ZERO && byte <= NINE) return byte - ZERO
  const letter = byte | 32
  return letter >= 97 && letter <= 102 ? letter - 87 : -1
}
