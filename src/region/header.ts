/**
 * header: what a region keeps at the start of its first segment, so that its bytes alone are the region.
 *
 *   | segment record | fixed fields | variable fields | name, method, discipline | values | method's state | extent ...
 *   ^ header, a multiple of 8                                                                            ^ +LENGTH
 *
 *   segment record, before the extent of every segment
 *   | RAW   where the piece begins | SIZE  its bytes | NEXT  record of the next segment, 0; mixed | MARK  hash of place and RAW |
 *
 * All links count from the first byte of the root's space. The fixed fields and the texts (all up to VALUES) stand under the checksum SUM;
 * no two regions of a root have the same SERIAL, so the sum also tells whether a header is still the one that it was.
 * ERA is another number whenever all blocks went at once, and 0 when the region is closed: who keeps addresses can ask
 * it whether they are still good. LEDGER is where the accounts are kept (see ledger.ts), 0 where there are none. Of the variable fields nothing contradicts TIDE (but that it is at least BUSY),
 * SETTINGS (but its unused bits), the lock, SERIALS (the last one given, in the root), ERA and the values; all others are
 * held against the segments and blocks by `check`.
 */

import type { Settings } from '../contract/region.ts'
import { VmallocError } from '../ground/fault.ts'
import { decode, encode } from '../ground/text.ts'
import type { Words } from '../ground/words.ts'

export const RAW = 0
export const SIZE = 4
export const NEXT = 8
export const MARK = 12
export const RECORD = 16

export const MAGIC = 16
export const VERSION = 20
export const SUM = 24
export const LENGTH = 28
export const SELF = 32
export const ROOT = 36
export const PARENT = 40
// a power of two, and in its lowest bit whether compiled code looks at heads
export const ALIGNMENT = 44
export const STATE = 48
export const STATE_SIZE = 52
export const NAME = 56
export const METHOD = 60
export const DISCIPLINE = 64
export const VALUES = 68
export const SERIAL = 72
export const FIXED_END = 76

export const CHILDREN = 76
export const HOLDER = 80
export const WAITERS = 84
export const SETTINGS = 88
export const LAST = 92
export const CHILD = 96
export const NEXT_SIBLING = 100
export const PREV_SIBLING = 104
export const EXTENT = 108
export const BUSY = 112
export const TIDE = 116
export const MORE_VALUES = 120
export const SERIALS = 124
export const ERA = 128
export const LEDGER = 132
export const TEXTS = 136

/** 'VMAL' read as a little-endian word. */
export const IS_REGION = 0x4c414d56
export const THIS_VERSION = 1

/** Texts in a header are cut to this many bytes by refusing longer ones. */
export const LONGEST_TEXT = 255

/** The bit of ALIGNMENT that says `Discipline.heads`. */
export const HEADS = 1

/** Bits of SETTINGS. */
export const CHECK = 3
export const KEEP = 4
export const JUNK = 8
export const EVENTS = 16
const KNOWN_SETTINGS = CHECK | KEEP | JUNK | EVENTS

export function packSettings(s: Settings): number {
  return s.check | (s.keep ? KEEP : 0) | (s.junk ? JUNK : 0) | (s.events ? EVENTS : 0)
}

export function unpackSettings(bits: number): Settings {
  return { check: bits & CHECK, keep: (bits & KEEP) !== 0, junk: (bits & JUNK) !== 0, events: (bits & EVENTS) !== 0 }
}

export function knownSettings(bits: number): boolean {
  return (bits & ~KNOWN_SETTINGS) === 0
}

/** The ERA that a region begins with: hardly one that another region at the same place had. */
export function eraOf(serial: number, h: number): number {
  return Math.imul(serial ^ (h >>> 3), 0x9e3779b1) | 1
}

/** The ERA after one that ended; never 0. */
export function nextEra(era: number): number {
  return (era + 2) | 1
}

/** What MARK must be in the record at `segment` for a piece that begins at `raw`. */
export function markOf(segment: number, raw: number): number {
  return Math.imul((segment >>> 3) ^ 0x5e67, 0x9e3779b1) ^ raw
}

/**
 * What the link in NEXT is mixed with in the record at `segment`: a word that was overwritten hardly names a record, so
 * the chain ends there, and cannot become a ring.
 */
export function mixOf(segment: number): number {
  return Math.imul((segment >>> 3) ^ 0x1d3b, 0x85ebca6b)
}

/** The checksum over the fixed fields and the texts of the header at `h`. */
export function sumOf(words: Words, h: number): number {
  const m = words.i32
  let sum = 0x811c9dc5
  for (let i = (h + MAGIC) >>> 2; i < (h + FIXED_END) >>> 2; i++) {
    if (i !== (h + SUM) >>> 2) sum = Math.imul(sum ^ m[i]!, 0x01000193) ^ (sum >>> 15)
  }
  const end = m[(h + VALUES) >>> 2]! >>> 2
  for (let i = (h + TEXTS) >>> 2; i < end; i++) sum = Math.imul(sum ^ m[i]!, 0x01000193) ^ (sum >>> 15)
  return sum | 0
}

/** Bytes that a text takes in a header: its length, then UTF-8, filled up to a word. */
export function textSize(bytes: Uint8Array): number {
  return 4 + ((bytes.length + 3) & ~3)
}

/** UTF-8 of a text for a header; throws when it is too long. */
export function headerText(text: string, what: string): Uint8Array {
  const bytes = encode(text)
  if (bytes.length > LONGEST_TEXT) {
    throw new VmallocError(
      'argument',
      `open: ${what} of ${bytes.length} bytes, expected at most ${LONGEST_TEXT}: ${text}`,
    )
  }
  return bytes
}

/** Writes a text (at most LONGEST_TEXT bytes) where all is 0. */
export function writeText(into: Uint8Array, at: number, bytes: Uint8Array): void {
  into[at] = bytes.length
  into.set(bytes, at + 4)
}

export function readText(words: Words, at: number): string {
  const length = words.i32[at >>> 2]!
  return decode(words.u8.subarray(at + 4, at + 4 + length))
}

/**
 * Why the bytes at `h` are not the header of an open region, or '' when they are, as far as what never changes can say.
 * Reads nothing outside the space.
 */
export function fixedFlaw(words: Words, h: number): string {
  const m = words.i32
  const get = (field: number): number => m[(h + field) >>> 2]! >>> 0
  if (h % 8 !== 0 || h < 8) return `address ${h}, expected a multiple of 8 from 8 on`
  if (h + TEXTS > words.length) return `${words.length} bytes, too few for a header at ${h}`
  if (get(MAGIC) === 0) return `no region at ${h}: it was closed, or never opened`
  if (get(MAGIC) !== IS_REGION) {
    return `no region at ${h}: magic 0x${get(MAGIC).toString(16)}, expected 0x${IS_REGION.toString(16)}`
  }
  if (get(VERSION) !== THIS_VERSION) return `region at ${h}: version ${get(VERSION)}, expected ${THIS_VERSION}`
  if (get(VALUES) < h + TEXTS || get(VALUES) > words.length) return `region at ${h}: values at ${get(VALUES)}`
  if (m[(h + SUM) >>> 2] !== sumOf(words, h)) return `region at ${h}: checksum of its header does not match`
  if (get(SELF) !== h)
    return `region at ${h}: says it lies at ${get(SELF)}; give attach the bytes of the whole root space`
  return ''
}

/** The same for all that a header says, in a space that nobody else changes meanwhile. */
export function flaw(words: Words, h: number): string {
  const why = fixedFlaw(words, h)
  if (why !== '') return why
  const m = words.i32
  const get = (field: number): number => m[(h + field) >>> 2]! >>> 0
  const raw = get(RAW)
  const end = raw + get(SIZE)
  if (raw > h || end < h + get(LENGTH)) return `region at ${h}: first segment [${raw}, ${end}) does not hold the header`
  if (end > words.length) return `region at ${h}: first segment ends at ${end}, the bytes at ${words.length}: cut off`
  if (m[(h + MARK) >>> 2] !== markOf(h, raw)) return `region at ${h}: mark of the first segment does not match`
  if (!knownSettings(get(SETTINGS))) return `region at ${h}: settings 0x${get(SETTINGS).toString(16)}`
  return ''
}
