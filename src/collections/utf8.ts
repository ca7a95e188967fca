/**
 * utf8: the bytes of characters, wherever they lie.
 *
 *   first byte   00..7f   c2..df   e0..ef   f0..f4         anything else, and 80..bf, begins none
 *   bytes        1        2        3        4              those that follow are 80..bf
 *   second byte                    a0..bf after e0         shorter forms
 *                                  80..9f after ed         surrogates
 *                                           90..bf f0      shorter forms
 *                                           80..8f f4      above U+10FFFF
 *
 * A malformed sequence is as long as it could still have become a character, at least one byte: what a decoder turns into
 * one U+FFFD. Text that comes from JavaScript is made into bytes in a draft outside the region first, so that its size is
 * known before anything is allocated, and because the platform's coders refuse shared memory in browsers.
 *
 *   sequence O(1)   all else O(bytes), search too      one draft of up to 64 KiB is kept a thread
 *
 * Source: the table is the Unicode standard's (3.9, well-formed sequences), the extent of a malformed one too, which is
 * that of the WHATWG's decoder; search is Knuth, Morris and Pratt's, where the part is not short.
 */
import { decode, encode, encodeInto } from '../ground/text.ts'

/** What stands for a malformed sequence, or half a surrogate pair. */
export const REPLACEMENT = 0xfffd
export const REPLACEMENT_BYTES = 3

/** Up to so many bytes a loop is faster than a call. */
export const FEW = 48
const ROOM = 1024 //       bytes of a new draft
const KEPT = 1 << 16 //    larger drafts are not used again
const LONG = 1 << 14 //    UTF-16 units from which on the size of the bytes is not guessed
const BRIEF = 16 //        bytes of a part that is searched for without a table

// drafts

/** Bytes outside the region, `length` of them. */
export class Draft {
  bytes: Uint8Array<ArrayBuffer> = new Uint8Array(ROOM)
  length = 0

  /** Adds a text; half a surrogate pair becomes U+FFFD. */
  addText(text: string): void {
    const n = text.length
    if (n <= FEW && this.addAscii(text)) return
    if (n >= LONG) {
      const whole = encode(text)
      this.addBytes(whole, 0, whole.length)
      return
    }
    this.reserve(n * 3)
    const { bytes, length } = this
    this.length += encodeInto(text, length === 0 ? bytes : bytes.subarray(length))
  }

  addBytes(u8: Uint8Array, from: number, to: number): void {
    this.reserve(to - from)
    copyBytes(this.bytes, this.length, u8, from, to)
    this.length += to - from
  }

  private addAscii(text: string): boolean {
    const n = text.length
    this.reserve(n)
    const { bytes, length } = this
    for (let i = 0; i < n; i++) {
      const code = text.charCodeAt(i)
      if (code > 0x7f) return false
      bytes[length + i] = code
    }
    this.length = length + n
    return true
  }

  private reserve(more: number): void {
    const need = this.length + more
    if (need <= this.bytes.length) return
    const larger = new Uint8Array(Math.max(need, this.bytes.length * 2))
    larger.set(this.bytes.subarray(0, this.length))
    this.bytes = larger
  }
}

const spares: Draft[] = []

/** An empty draft, the borrower's own until `giveBack`: whoever is called meanwhile gets another. */
export function borrow(): Draft {
  const draft = spares.pop() ?? new Draft()
  draft.length = 0
  return draft
}

export function giveBack(draft: Draft): void {
  if (draft.bytes.length <= KEPT && spares.length < 2) spares.push(draft)
}

// characters

/** Bytes of the character at `at`, which ends by `end`; less than 0 for a malformed sequence of so many bytes. */
export function sequence(u8: Uint8Array, at: number, end: number): number {
  const lead = u8[at]!
  if (lead < 0x80) return 1
  if (lead < 0xc2 || lead > 0xf4) return -1
  const bytes = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4
  let low = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80
  let high = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf
  for (let i = 1; i < bytes; i++) {
    if (at + i >= end) return -i
    const byte = u8[at + i]!
    if (byte < low || byte > high) return -i
    low = 0x80
    high = 0xbf
  }
  return bytes
}

/** The code point of a character of so many bytes. */
export function codePointAt(u8: Uint8Array, at: number, bytes: number): number {
  const lead = u8[at]!
  if (bytes === 1) return lead
  let code = lead & (0xff >>> (bytes + 1))
  for (let i = 1; i < bytes; i++) code = (code << 6) | (u8[at + i]! & 0x3f)
  return code
}

/** Bytes that a code point takes. */
export const widthOf = (code: number): number => (code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4)

/** Writes a code point at `at` and says where it ends. */
export function writeCodePoint(u8: Uint8Array, at: number, code: number): number {
  const bytes = widthOf(code)
  if (bytes === 1) {
    u8[at] = code
    return at + 1
  }
  let rest = code
  for (let i = bytes - 1; i > 0; i--) {
    u8[at + i] = 0x80 | (rest & 0x3f)
    rest >>>= 6
  }
  u8[at] = (0xf00 >>> bytes) | rest
  return at + bytes
}

/** Whether a number is that of a character: whole, up to 0x10ffff, no surrogate. */
export const isCodePoint = (code: number): boolean =>
  code >= 0 && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff) && Number.isInteger(code)

// stretches of bytes

/** Where the first malformed sequence begins, or -1. */
export function malformed(u8: Uint8Array, from: number, to: number): number {
  for (let at = from; at < to; ) {
    const bytes = u8[at]! < 0x80 ? 1 : sequence(u8, at, to)
    if (bytes < 0) return at
    at += bytes
  }
  return -1
}

/** `to`, or, where bytes that end there are a character cut short, where that one begins. */
export function wholeEnd(u8: Uint8Array, from: number, to: number): number {
  for (let at = to - 1; at >= from && at >= to - 3; at--) {
    const byte = u8[at]!
    if (byte >= 0xc0) return byte >= 0xc2 && byte <= 0xf4 && sequence(u8, at, to) === at - to ? at : to
    if (byte < 0x80) return to
  }
  return to
}

/** Where the first NUL is, or -1. */
export function nulIn(u8: Uint8Array, from: number, to: number): number {
  const near = to - from > FEW ? from + FEW : to
  for (let at = from; at < near; at++) if (u8[at] === 0) return at
  if (near === to) return -1
  const at = u8.subarray(near, to).indexOf(0)
  return at < 0 ? -1 : near + at
}

/** The text of these bytes; each malformed sequence is read as U+FFFD. */
export function textOf(u8: Uint8Array, from: number, to: number): string {
  if (to - from > FEW) return decode(u8.subarray(from, to))
  let text = ''
  for (let at = from; at < to; at++) {
    const byte = u8[at]!
    if (byte > 0x7f) return decode(u8.subarray(from, to))
    text += String.fromCharCode(byte)
  }
  return text
}

/** Copies bytes `from` up to `to` between arrays that are not over the same memory. */
export function copyBytes(target: Uint8Array, at: number, u8: Uint8Array, from: number, to: number): void {
  const by = at - from
  if (to - from > FEW) target.set(u8.subarray(from, to), at)
  else for (let i = from; i < to; i++) target[i + by] = u8[i]!
}

/** Bytes `from` up to `to` of an array. */
export interface Range {
  readonly u8: Uint8Array
  readonly from: number
  readonly to: number
}

/** -1, 0 or 1: the order of bytes, which is that of code points. */
export function compareRanges(one: Range, other: Range): number {
  const length = one.to - one.from
  const otherLength = other.to - other.from
  const end = length < otherLength ? length : otherLength
  for (let i = 0; i < end; i++) {
    const by = one.u8[one.from + i]! - other.u8[other.from + i]!
    if (by !== 0) return by < 0 ? -1 : 1
  }
  return Math.sign(length - otherLength)
}

export function equalRanges(one: Range, other: Range): boolean {
  return one.to - one.from === other.to - other.from && compareRanges(one, other) === 0
}

/** Where `part` begins in `u8` at or after `from`, or -1; nothing is found at once. */
export function search(whole: Range, from: number, part: Range): number {
  const n = part.to - part.from
  const last = whole.to - n
  if (from > last) return -1
  if (n === 0) return from
  if (n > BRIEF) return searchLong(whole, from, part)
  const lead = part.u8[part.from]!
  const places = whole.u8.subarray(from, last + 1)
  for (let at = places.indexOf(lead); at >= 0; at = places.indexOf(lead, at + 1)) {
    let i = 1
    while (i < n && whole.u8[from + at + i] === part.u8[part.from + i]) i++
    if (i === n) return from + at
  }
  return -1
}

function searchLong({ u8, to }: Range, from: number, part: Range): number {
  const n = part.to - part.from
  const borders = bordersOf(part)
  for (let at = from, has = 0; at < to; at++) {
    while (has > 0 && u8[at] !== part.u8[part.from + has]) has = borders[has - 1]!
    if (u8[at] === part.u8[part.from + has]) has++
    if (has === n) return at - n + 1
  }
  return -1
}

/** For each beginning of `part`: how much of its end is a beginning too. */
function bordersOf({ u8, from, to }: Range): Int32Array {
  const borders = new Int32Array(to - from)
  for (let i = 1, has = 0; i < to - from; i++) {
    while (has > 0 && u8[from + i] !== u8[from + has]) has = borders[has - 1]!
    if (u8[from + i] === u8[from + has]) has++
    borders[i] = has
  }
  return borders
}
