/**
 * layout: the words of a block that profile looks at, and of its state. The pictures are at the head of profile.ts.
 */

export type Memory = Int32Array<ArrayBufferLike>

/** Bytes before a payload. */
export const HEADER = 32

// from the first word of what the wrapped method gave
export const MARK = 0x70f11ed1 | 0
export const LEAD_BEHIND = 1 //     LEAD again

// from the first word of the payload
export const LEAD = -7
export const BORN = -6 //           two words
export const SIZE = -4
export const CHARGED = -3
export const SITE = -2
export const SEAL = -1

// the state in words
export const EXTRA = 2 //           bytes of busy blocks that the wrapped method counts and the client does not have
export const LEFT = 3 //            bytes until the next sample; 0 where every block has a header
export const DUE = 4 //             the same for methods of one size, whose blocks all have one
export const LOOKED = 5 //          busy blocks that are looked at
export const RANDOM = 6
export const EPOCH = 7 //           another one after each clear
export const INTERVAL = 8 //        mean bytes between samples; 0 when every block is looked at
export const DEPTH = 9
export const STATE_SEAL = 10 //     hash of RANDOM to DEPTH
export const STATE = 48

/**
 * The seal of the block whose payload begins at word `i`. Its lowest bits are 10, which no head of best has, nor any word
 * before a payload of last: both refuse this address.
 */
export function sealOf(m: Memory, i: number, epoch: number): number {
  let h = Math.imul(i ^ epoch, 0x9e3779b1)
  h = Math.imul((h ^ (h >>> 15)) + m[i + LEAD]!, 0x85ebca6b)
  h = Math.imul((h ^ (h >>> 13)) + m[i + SIZE]!, 0xc2b2ae35)
  h = Math.imul((h ^ (h >>> 16)) + m[i + CHARGED]!, 0x27d4eb2f)
  h = Math.imul((h ^ (h >>> 15)) + m[i + SITE]!, 0x165667b1)
  h = Math.imul((h ^ (h >>> 13)) + m[i + BORN]! + Math.imul(m[i + BORN + 1]!, 31), 0x9e3779b1)
  return ((h ^ (h >>> 16)) & ~3) | 2
}

/** The seal of a state at word `s`. */
export function stateSealOf(m: Memory, s: number): number {
  let h = 0x5ea1
  for (let i = s + RANDOM; i <= s + DEPTH; i++) h = Math.imul(h ^ m[i]!, 0x01000193) ^ (h >>> 15)
  return h | 1
}
