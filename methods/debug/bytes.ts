/**
 * bytes: filling memory with a pattern, and finding what is not the pattern any more.
 *
 * Places may be any byte. Eight bytes at a time go as doubles, four of them a round, the few before and behind them as words or bytes; a long
 * fill is the engine's. A pattern is one byte again and again, none of those that make a double no number (7f, ff).
 */
import type { Words } from '../../src/ground/words.ts'

const LONG = 512
const ROW = 16

const bytes = Uint8Array.from({ length: 256 * 8 }, (_, i) => i >>> 3)
/** Each byte eight times, as a double. */
const doubles = new Float64Array(bytes.buffer)

/** A byte four times. */
export const wordOf = (byte: number): number => Math.imul(byte, 0x01010101)

/** Fills [from, to) with a byte. */
export function fill(words: Words, from: number, limit: number, byte: number): void {
  const to = limit < words.length ? limit : words.length
  if (to - from > LONG) {
    words.u8.fill(byte, from, to)
    return
  }
  const { u8, f64 } = words
  let at = from
  for (; (at & 7) !== 0 && at < to; at++) u8[at] = byte
  const double = doubles[byte]!
  let i = at >>> 3
  const end = to >>> 3
  for (; i + 4 <= end; i += 4) {
    f64[i] = double
    f64[i + 1] = double
    f64[i + 2] = double
    f64[i + 3] = double
  }
  for (; i < end; i++) f64[i] = double
  for (at = at < end * 8 ? end * 8 : at; at < to; at++) u8[at] = byte
}

/** The first place in [from, to) that does not hold the byte, or -1. */
export function firstOther(words: Words, from: number, limit: number, byte: number): number {
  const to = limit < words.length ? limit : words.length
  const { u8, f64 } = words
  let at = from
  for (; (at & 7) !== 0 && at < to; at++) if (u8[at] !== byte) return at
  const double = doubles[byte]!
  let i = at >>> 3
  const end = to >>> 3
  for (; i + 4 <= end; i += 4) {
    if (f64[i] !== double || f64[i + 1] !== double || f64[i + 2] !== double || f64[i + 3] !== double) break
  }
  for (; i < end; i++) if (f64[i] !== double) return firstByte(u8, i * 8, byte)
  for (at = at < end * 8 ? end * 8 : at; at < to; at++) if (u8[at] !== byte) return at
  return -1
}

/** How many bytes in [from, to) do not hold the byte. */
export function countOther({ u8, length }: Words, from: number, limit: number, byte: number): number {
  const to = Math.min(limit, length)
  let count = 0
  for (let at = from; at < to; at++) if (u8[at] !== byte) count++
  return count
}

/** Up to 48 bytes around a place, in rows of 16, as they are now. */
export function excerpt({ u8, length }: Words, place: number): { at: number; data: Uint8Array } {
  const row = place - (place % ROW)
  const at = Math.max(0, row - ROW)
  return { at, data: u8.slice(at, Math.min(length, row + 2 * ROW)) }
}

/** The first byte of the word at `at` that differs from a word, or -1. */
export function differsAt(u8: Uint8Array<ArrayBufferLike>, at: number, word: number): number {
  for (let i = 0; i < 4; i++) if (u8[at + i] !== ((word >>> (8 * i)) & 0xff)) return at + i
  return -1
}

function firstByte(u8: Uint8Array<ArrayBufferLike>, at: number, byte: number): number {
  while (u8[at] === byte) at++
  return at
}
