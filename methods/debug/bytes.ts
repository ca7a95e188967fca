/**
 * bytes: filling memory with a pattern, and finding what is not the pattern any more.
 *
 * Places may be any byte. Whole words go through the words, the few bytes before and behind them one at a time; a long
 * fill is the engine's.
 */
import type { Words } from '../../src/ground/words.ts'

const LONG = 256
const ROW = 16

/** A byte four times. */
export const wordOf = (byte: number): number => Math.imul(byte, 0x01010101)

/** Fills [from, to) with a byte. */
export function fill(words: Words, from: number, limit: number, byte: number): void {
  const to = Math.min(limit, words.length)
  if (to - from > LONG) {
    words.u8.fill(byte, from, to)
    return
  }
  const { i32: m, u8 } = words
  let at = from
  for (; (at & 3) !== 0 && at < to; at++) u8[at] = byte
  const word = wordOf(byte)
  const end = at + ((to - at) & ~3)
  for (let i = at >>> 2; i < end >>> 2; i++) m[i] = word
  for (at = Math.max(at, end); at < to; at++) u8[at] = byte
}

/** The first place in [from, to) that does not hold the byte, or -1. */
export function firstOther(words: Words, from: number, limit: number, byte: number): number {
  const to = Math.min(limit, words.length)
  const { i32: m, u8 } = words
  let at = from
  for (; (at & 3) !== 0 && at < to; at++) if (u8[at] !== byte) return at
  const word = wordOf(byte)
  const end = at + ((to - at) & ~3)
  for (let i = at >>> 2; i < end >>> 2; i++) {
    if (m[i] !== word) return firstByte(u8, (i << 2) >>> 0, byte)
  }
  for (at = Math.max(at, end); at < to; at++) if (u8[at] !== byte) return at
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
