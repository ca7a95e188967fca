/**
 * charge: what is counted of an account at each block, for the region and for methods that do it on the way.
 *
 *   slot     word  0     1     2       3      4        6       8          10     11     12        13         16
 *            | MARK | UP  | BYTES | PEAK | ALLOCS | FREES | FAILURES | HARD | SOFT | LIMITED | TOLD | ... | TOKEN | ...
 *
 * src/region/ledger.ts says what each is. A slot is named by its cell. MARK tells the slot of an account under no limit
 * from any other word; UP is the slot of the sum that counts this one in, 0 at the top. In a damaged ledger a walk up ends
 * after as many steps as there may be.
 */
import type { Cell } from './addr.ts'

type Memory = Int32Array<ArrayBufferLike>

// of a slot, in words
export const MARK = 0
export const UP = 1
export const BYTES = 2
export const PEAK = 3
export const ALLOCS = 4
export const FREES = 6
export const FAILURES = 8
export const HARD = 10
export const SOFT = 11
export const LIMITED = 12
export const TOLD = 13
export const TOKEN = 16

/** What MARK of an account under no limit is, xor its cell. */
export const OWN = 0x41434354
/** The deepest that accounts may lie in one another, and the most steps of a walk up. */
export const DEEPEST = 1024

/** Whether an account under no limit stands at a word, whatever that word is. */
export const isOpen = (m: Memory, slot: Cell): boolean => m[slot] === (slot ^ OWN)

/** Adds one to a count of 64 bits at a word. */
export function countAt(m: Memory, word: number): void {
  const low = (m[word]! + 1) | 0
  m[word] = low
  if (low === 0) m[word + 1] = m[word + 1]! + 1
}

/** What is live grows by a new block, in an account and in the sums above, up to `end`. */
export function charge(m: Memory, slot: Cell, bytes: number, end: Cell = 0): void {
  let left = DEEPEST
  for (let s = slot; s > 0 && s !== end && left-- > 0; s = m[s + UP]!) {
    change(m, s, bytes)
    countAt(m, s + ALLOCS)
  }
}

/** The same backwards. */
export function discharge(m: Memory, slot: Cell, bytes: number, end: Cell = 0): void {
  let left = DEEPEST
  for (let s = slot; s > 0 && s !== end && left-- > 0; s = m[s + UP]!) {
    m[s + BYTES] = (m[s + BYTES]! - bytes) | 0
    countAt(m, s + FREES)
  }
}

/** What is live changes in one slot, and with it perhaps its peak. */
export function change(m: Memory, slot: Cell, bytes: number): void {
  const live = (m[slot + BYTES]! + bytes) | 0
  m[slot + BYTES] = live
  if (live >>> 0 > m[slot + PEAK]! >>> 0) m[slot + PEAK] = live
}

/** `charge` where each nanosecond counts: most accounts have nothing above them. */
export function chargeOne(m: Memory, slot: Cell, bytes: number): void {
  change(m, slot, bytes)
  countAt(m, slot + ALLOCS)
  const up = m[slot + UP]!
  if (up !== 0) charge(m, up, bytes)
}

/** The same backwards. */
export function dischargeOne(m: Memory, slot: Cell, bytes: number): void {
  m[slot + BYTES] = (m[slot + BYTES]! - bytes) | 0
  countAt(m, slot + FREES)
  const up = m[slot + UP]!
  if (up !== 0) discharge(m, up, bytes)
}
