/**
 * parse: JSON text to a tree. The text is in memory and is used up: escapes are decoded where they stand.
 *
 * Nodes and texts are taken from the place that the caller names, keys become names. Members of one object are
 * expected to differ. What is not JSON is thrown.
 */
import type { Names } from './names.ts'
import type { Place, Space } from './space.ts'
import { ARRAY, CONTENT, FALSE, KEY, KIND, move, NEXT, NODE, NULL, NUMBER, OBJECT, TEXT, TRUE, VALUE } from './tree.ts'

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c
const COLON = 0x3a
const MINUS = 0x2d
const PLUS = 0x2b
const POINT = 0x2e
const ZERO = 0x30
const LOWER_E = 0x65
const LOWER_U = 0x75

/** What follows a backslash, and what it stands for. */
const ESCAPES = new Uint8Array(128)
for (const [letter, meant] of ['""', '\\\\', '//', 'b\b', 'f\f', 'n\n', 'r\r', 't\t'].map((pair) => [...pair])) {
  ESCAPES[letter!.charCodeAt(0)] = meant!.charCodeAt(0)
}

const POWERS = Float64Array.from({ length: 23 }, (_, i) => 10 ** i)

export class Parser {
  /** How many values were read. */
  values = 0

  readonly #space: Space
  readonly #names: Names
  #place: Place
  #at = 0
  #end = 0

  constructor(place: Place, names: Names) {
    this.#space = place.space
    this.#place = place
    this.#names = names
  }

  /** The tree of a text of `size` bytes at `from`, drawn from `place`. */
  parse(place: Place, from: number, size: number): number {
    this.#place = place
    this.#at = from
    this.#end = from + size
    this.values = 0
    const root = this.#value(0)
    if (this.#peek() !== 0) this.#fail()
    return root
  }

  #value(key: number): number {
    this.values++
    const first = this.#peek()
    const node = this.#place.take(NODE)
    const i = node >>> 2
    const m = this.#space.i32
    m[i + KEY] = key
    m[i + NEXT] = 0
    switch (first) {
      case 0x7b:
        m[i + KIND] = OBJECT
        this.#members(node)
        return node
      case 0x5b:
        m[i + KIND] = ARRAY
        this.#elements(node)
        return node
      case QUOTE: {
        m[i + KIND] = TEXT
        const text = this.#text()
        this.#space.i32[i + CONTENT] = text
        return node
      }
      case 0x74:
        m[i + KIND] = TRUE
        this.#word(4)
        return node
      case 0x66:
        m[i + KIND] = FALSE
        this.#word(5)
        return node
      case 0x6e:
        m[i + KIND] = NULL
        this.#word(4)
        return node
      default:
        m[i + KIND] = NUMBER
        this.#space.f64[(node >>> 3) + VALUE] = this.#number()
        return node
    }
  }

  #members(object: number): void {
    let link = (object >>> 2) + CONTENT
    this.#space.i32[link] = 0
    this.#at++
    if (this.#peek() === 0x7d) {
      this.#at++
      return
    }
    for (;;) {
      if (this.#peek() !== QUOTE) this.#fail()
      const from = this.#at + 1
      const size = this.#decode() - from
      const key = this.#names.intern(from, size)
      if (this.#peek() !== COLON) this.#fail()
      this.#at++
      const node = this.#value(key)
      this.#space.i32[link] = node
      link = (node >>> 2) + NEXT
      const after = this.#peek()
      this.#at++
      if (after === 0x7d) return
      if (after !== COMMA) this.#fail()
    }
  }

  #elements(array: number): void {
    let link = (array >>> 2) + CONTENT
    this.#space.i32[link] = 0
    this.#at++
    if (this.#peek() === 0x5d) {
      this.#at++
      return
    }
    for (;;) {
      const node = this.#value(0)
      this.#space.i32[link] = node
      link = (node >>> 2) + NEXT
      const after = this.#peek()
      this.#at++
      if (after === 0x5d) return
      if (after !== COMMA) this.#fail()
    }
  }

  /** A text of its own. */
  #text(): number {
    const from = this.#at + 1
    const size = this.#decode() - from
    const text = this.#place.take(4 + size)
    const { i32, u8 } = this.#space
    i32[text >>> 2] = size
    move(u8, text + 4, from, size)
    return text
  }

  /** Passes a string, decoded from the byte behind its quote on; where the decoded bytes end. */
  #decode(): number {
    const { u8 } = this.#space
    const end = this.#end
    let at = this.#at + 1
    while (at < end && u8[at] !== QUOTE && u8[at] !== BACKSLASH) at++
    let to = at
    while (at < end && u8[at] !== QUOTE) {
      const byte = u8[at++]!
      if (byte !== BACKSLASH) u8[to++] = byte
      else if (u8[at] === LOWER_U) {
        let point = this.#hex(at + 1)
        at += 5
        if (point >>> 10 === 0x36 && u8[at] === BACKSLASH && u8[at + 1] === LOWER_U) {
          point = 0x10000 + ((point & 0x3ff) << 10) + (this.#hex(at + 2) & 0x3ff)
          at += 6
        }
        to = encode(u8, to, point)
      } else u8[to++] = ESCAPES[u8[at++]! & 127]!
    }
    if (at >= end) this.#fail()
    this.#at = at + 1
    return to
  }

  #hex(from: number): number {
    const { u8 } = this.#space
    let value = 0
    for (let i = from; i < from + 4; i++) {
      const byte = u8[i]!
      value = value * 16 + (byte < 0x3a ? byte - ZERO : (byte | 0x20) - 0x57)
    }
    return value
  }

  /** Exact where the digits and the power of ten are doubles themselves; else left to the platform. */
  #number(): number {
    const { u8 } = this.#space
    const from = this.#at
    let at = from
    const isNegative = u8[at] === MINUS
    if (isNegative) at++
    const digits = at
    let whole = 0
    let power = 0
    for (; isDigit(u8[at]!); at++) whole = whole * 10 + (u8[at]! - ZERO)
    if (at === digits) this.#fail()
    if (u8[at] === POINT) for (at++; isDigit(u8[at]!); at++, power--) whole = whole * 10 + (u8[at]! - ZERO)
    const long = at - digits > 16
    if ((u8[at]! | 0x20) === LOWER_E) {
      at++
      const sign = u8[at] === MINUS ? -1 : 1
      if (u8[at] === MINUS || u8[at] === PLUS) at++
      let exponent = 0
      for (; isDigit(u8[at]!); at++) exponent = exponent * 10 + (u8[at]! - ZERO)
      power += sign * exponent
    }
    this.#at = at
    if (long || power > 22 || power < -22) return Number(String.fromCharCode(...u8.subarray(from, at)))
    const value = power < 0 ? whole / POWERS[-power]! : power > 0 ? whole * POWERS[power]! : whole
    return isNegative ? -value : value
  }

  #word(size: number): void {
    this.#at += size
    if (this.#at > this.#end) this.#fail()
  }

  /** The next byte that is no white space; 0 at the end. */
  #peek(): number {
    const { u8 } = this.#space
    while (this.#at < this.#end) {
      const byte = u8[this.#at]!
      if (byte > 0x20) return byte
      this.#at++
    }
    return 0
  }

  #fail(): never {
    throw new SyntaxError(`no JSON: ${this.#end - this.#at} bytes before the end`)
  }
}

const isDigit = (byte: number): boolean => byte >= ZERO && byte <= 0x39

/** Writes a character as UTF-8; where it ends. */
function encode(u8: Uint8Array<ArrayBufferLike>, to: number, point: number): number {
  if (point < 0x80) {
    u8[to++] = point
    return to
  }
  if (point < 0x800) u8[to++] = 0xc0 | (point >>> 6)
  else {
    if (point < 0x10000) u8[to++] = 0xe0 | (point >>> 12)
    else {
      u8[to++] = 0xf0 | (point >>> 18)
      u8[to++] = 0x80 | ((point >>> 12) & 63)
    }
    u8[to++] = 0x80 | ((point >>> 6) & 63)
  }
  u8[to++] = 0x80 | (point & 63)
  return to
}
