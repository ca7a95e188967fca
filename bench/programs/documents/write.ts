/**
 * write: a tree to JSON text, in a block that grows as it is needed.
 */
import type { Names } from './names.ts'
import type { Place, Space } from './space.ts'
import { ARRAY, CONTENT, FALSE, KEY, NEXT, NUMBER, OBJECT, TEXT, TRUE, VALUE } from './tree.ts'

const FIRST_ROOM = 1024

/** What stands for bytes that a string may not have: a letter behind a backslash, 1 for \u00XX, 0 for themselves. */
const ESCAPES = new Uint8Array(256).fill(1, 0, 0x20)
for (const [byte, letter] of ['\bb', '\tt', '\nn', '\ff', '\rr', '""', '\\\\'].map((pair) => [...pair])) {
  ESCAPES[byte!.charCodeAt(0)] = letter!.charCodeAt(0)
}
const HEX = Uint8Array.from('0123456789abcdef', (digit) => digit.charCodeAt(0))

export class Writer {
  at = 0
  size = 0

  readonly #place: Place
  readonly #space: Space
  readonly #names: Names
  #room = 0

  constructor(place: Place, names: Names) {
    this.#place = place
    this.#space = place.space
    this.#names = names
  }

  begin(): void {
    this.at = this.#place.take(FIRST_ROOM)
    this.#room = FIRST_ROOM
    this.size = 0
  }

  end(): void {
    this.#place.give(this.at)
  }

  /** Text as it is, of characters below 128. */
  ascii(text: string): void {
    this.#reserve(text.length)
    const { u8 } = this.#space
    const to = this.at + this.size
    for (let i = 0; i < text.length; i++) u8[to + i] = text.charCodeAt(i)
    this.size += text.length
  }

  number(value: number): void {
    this.#reserve(32)
    const whole = Math.trunc(value)
    if (whole === value && Math.abs(whole) < 1e15) this.#digits(whole, false)
    else {
      const cents = Math.round(value * 100)
      if (cents / 100 !== value || Math.abs(cents) >= 1e15) this.ascii(String(value))
      else this.#cents(cents)
    }
  }

  /** A text of a tree, with quotes. */
  text(text: number): void {
    this.#quoted(text + 4, this.#space.i32[text >>> 2]!)
  }

  value(node: number): void {
    const m = this.#space.i32
    const content = m[(node >>> 2) + CONTENT]!
    const kind = m[node >>> 2]!
    if (kind === TEXT) this.text(content)
    else if (kind === NUMBER) this.number(this.#space.f64[(node >>> 3) + VALUE]!)
    else if (kind === OBJECT) this.#list(content, '{', '}')
    else if (kind === ARRAY) this.#list(content, '[', ']')
    else this.ascii(kind === TRUE ? 'true' : kind === FALSE ? 'false' : 'null')
  }

  #list(first: number, opening: string, closing: string): void {
    this.ascii(opening)
    for (let node = first; node !== 0; node = this.#space.i32[(node >>> 2) + NEXT]!) {
      if (node !== first) this.ascii(',')
      const key = this.#space.i32[(node >>> 2) + KEY]!
      if (key !== 0) {
        this.#quoted(this.#names.bytesOf(key), this.#names.sizeOf(key))
        this.ascii(':')
      }
      this.value(node)
    }
    this.ascii(closing)
  }

  #quoted(from: number, size: number): void {
    this.#reserve(2 + 6 * size)
    const { u8 } = this.#space
    let to = this.at + this.size
    u8[to++] = 0x22
    for (let i = from; i < from + size; i++) {
      const byte = u8[i]!
      const letter = ESCAPES[byte]!
      if (letter === 0) u8[to++] = byte
      else {
        u8[to++] = 0x5c
        if (letter > 1) u8[to++] = letter
        else {
          u8[to++] = 0x75
          u8[to++] = 0x30
          u8[to++] = 0x30
          u8[to++] = HEX[byte >>> 4]!
          u8[to++] = HEX[byte & 15]!
        }
      }
    }
    u8[to++] = 0x22
    this.size = to - this.at
  }

  /** A number of hundredths, without zeros at the end. */
  #cents(cents: number): void {
    const whole = Math.trunc(cents / 100)
    const rest = Math.abs(cents % 100)
    this.#digits(whole, cents < 0)
    const { u8 } = this.#space
    u8[this.at + this.size++] = 0x2e
    u8[this.at + this.size++] = 0x30 + Math.floor(rest / 10)
    if (rest % 10 !== 0) u8[this.at + this.size++] = 0x30 + (rest % 10)
  }

  #digits(whole: number, isNegative: boolean): void {
    const { u8 } = this.#space
    if (isNegative || whole < 0) u8[this.at + this.size++] = 0x2d
    const from = this.at + this.size
    let left = Math.abs(whole)
    let count = 1
    for (let n = left; n >= 10; n = Math.floor(n / 10)) count++
    for (let i = from + count - 1; i >= from; i--) {
      const next = Math.floor(left / 10)
      u8[i] = 0x30 + (left - next * 10)
      left = next
    }
    this.size += count
  }

  /** Room for so many more bytes. */
  #reserve(more: number): void {
    if (this.size + more <= this.#room) return
    this.#room = Math.max(2 * this.#room, this.size + more)
    this.at = this.#place.widen(this.at, this.#room)
  }
}
