/**
 * charge: what is counted of an account at each block, for the region and for methods that do it on the way.
 *
 *   slot     word  0     1     2       3      4        6       8          10     11     12        13         16
 *            | MARK | UP  | GAP   | PEAK | ALLOCS | FREES | FAILURES | HARD | SOFT | 0       | TOLD | ... | TOKEN | ...
 *
 * src/region/ledger.ts says what each is. A slot is named by its cell. MARK tells the slot of an account from any other
 * word, and whether anything above it counts or limits its blocks; UP is the slot of the sum that counts this one in, 0 at
 * the top. GAP is what is left to the peak, so that one word changes with each block, and PEAK only with one that is more
 * than is left. In a damaged ledger a walk up ends after as many steps as there may be.
 */
import type { Cell } from './addr.ts'

type Memory = Int32Array<ArrayBufferLike>

// of a slot, in words
export const MARK = 0
export const UP = 1
export const GAP = 2
export const PEAK = 3
export const ALLOCS = 4
export const FREES = 6
export const FAILURES = 8
export const HARD = 10
export const SOFT = 11
export const TOLD = 13
export const TOKEN = 16

/** What MARK of an account is, xor its cell: OWN where no limit stands over it and no sum counts it in, else BOUND. */
export const OWN = 0x41434354
export const BOUND = 0x4c434354
/** In the TOKEN of an account: a limit stands over it; a sum counts it in. */
export const IS_LIMITED = 0x80000000 | 0
export const IS_COUNTED = 0x40000000
/** The deepest that accounts may lie in one another, and the most steps of a walk up. */
export const DEEPEST = 1024

/** Whether an account stands at a word, whatever that word is, with nothing above it that counts or limits its blocks. */
export const isOpen = (m: Memory, slot: Cell): boolean => m[slot] === (slot ^ OWN)

/** Whether a limit stands over an account. */
export const isLimited = (m: Memory, slot: Cell): boolean => (m[slot + TOKEN]! & IS_LIMITED) !== 0

/** Whether one stands there that a sum counts in, and no limit is above it. */
export const isCounted = (m: Memory, slot: Cell): boolean => m[slot] === (slot ^ BOUND) && !isLimited(m, slot)

// arrow functions in constants: a function that is declared is a variable, which the engine looks at before each call

/** Adds one to a count of 64 bits at a word. */
export const countAt = (m: Memory, word: number): void => {
  const low = (m[word]! + 1) | 0
  m[word] = low
  if (low === 0) m[word + 1] = m[word + 1]! + 1
}

/** Bytes that are live in a slot. */
export const liveIn = (m: Memory, slot: Cell): number => (m[slot + PEAK]! - m[slot + GAP]!) >>> 0

/** What is live grows in one slot, and with it perhaps its peak. */
export const grow = (m: Memory, slot: Cell, bytes: number): void => {
  const left = m[slot + GAP]!
  if (bytes >>> 0 <= left >>> 0) m[slot + GAP] = (left - bytes) | 0
  else {
    m[slot + GAP] = 0
    m[slot + PEAK] = (m[slot + PEAK]! + bytes - left) | 0
  }
}

/** The same backwards. */
export const shrink = (m: Memory, slot: Cell, bytes: number): void => {
  m[slot + GAP] = (m[slot + GAP]! + bytes) | 0
}

/** A new block counts in a slot, and in the sums from `up` on, if that is not 0. */
export const chargeOne = (m: Memory, slot: Cell, up: Cell, bytes: number): void => {
  grow(m, slot, bytes)
  countAt(m, slot + ALLOCS)
  if (up !== 0) charge(m, up, bytes)
}

/** The same backwards. */
export const dischargeOne = (m: Memory, slot: Cell, up: Cell, bytes: number): void => {
  shrink(m, slot, bytes)
  countAt(m, slot + FREES)
  if (up !== 0) discharge(m, up, bytes)
}

/** A new block counts in a slot and in the sums above, up to `end`. */
export function charge(m: Memory, slot: Cell, bytes: number, end: Cell = 0): void {
  let left = DEEPEST
  for (let s = slot; s > 0 && s !== end && left-- > 0; s = m[s + UP]!) chargeOne(m, s, 0, bytes)
}

/** The same backwards. */
export function discharge(m: Memory, slot: Cell, bytes: number, end: Cell = 0): void {
  let left = DEEPEST
  for (let s = slot; s > 0 && s !== end && left-- > 0; s = m[s + UP]!) dischargeOne(m, s, 0, bytes)
}
