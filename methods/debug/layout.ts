/**
 * layout: the words that debug keeps around a payload and in its state, and what can be said of a block from them.
 *
 *   block of the   p                        at - 48                               at            at + SIZE      p + SPAN
 *   wrapped        | LEAD | guard ......... | LEAD NEXT SPAN guard guard guard      | payload ... | guard ... | TAIL |
 *   method                                  |   SIZE SITE FREED SEAL guard guard    |
 *
 *   LEAD    from p to the payload; again in the first word at p, where the two differ
 *   NEXT    busy: 0, or the block that was newest before (over a method that frees the newest only)
 *           freed: the block freed after this one, mixed with the place
 *   SPAN    usable bytes of the wrapped method's block, all of these included
 *   SIZE    bytes asked for
 *   SITE    the stack that allocated; FREED the one that freed, 0 while busy
 *   SEAL    a hash of the address and of the words above; another one for each state
 *   TAIL    SIZE mixed with p, in case all that lies before the payload is lost
 *
 * What a freed block needs to be recognised (SIZE SITE FREED SEAL) lies behind the words that the methods of this package
 * link free blocks with, so it is often there still when the block has gone back to them.
 */
import type { Addr } from '../../src/contract/addr.ts'

export type Memory = Int32Array<ArrayBufferLike>

/** Bytes right before a payload. */
export const HEADER = 48
/** Guard bytes behind a payload, at least; then TAIL. */
export const GUARD = 8
export const TAIL = 4
export const PAGE = 4096

// words of the header
export const LEAD = 0
export const NEXT = 1
export const SPAN = 2
export const FAR_GUARD = 3 //    three words
export const SIZE = 6
export const SITE = 7
export const FREED = 8
export const SEAL = 9
export const NEAR_GUARD = 10 //  two words

// words of the state
export const INNER = 0 //       busy bytes of the wrapped method, and their high tide
export const OLDEST = 2 //      the quarantine: first freed
export const NEWEST = 3 //      last freed
export const HELD = 4 //        bytes in it
export const TOP = 5 //         over a method that frees the newest only: the newest busy block
export const CALLS = 6
export const TURN = 7 //        allocations since one was guarded, where only some are
export const UNIT = 8 //        over a method of one size: the size of payloads, once it is known
export const SETTINGS = 9 //    see settings.ts
export const STATE = 104

const LIVE = 0x11ce5eed
const DEAD = 0x5ca1ed0f
const CLEARED = 0x0c1ea12d
const LINK = 0x9e3779b1

export type Condition = 'live' | 'freed' | 'cleared'

const mix = (hash: number, word: number): number => {
  const h = Math.imul(hash ^ word, 0x85ebca6b)
  return h ^ (h >>> 13)
}

/** The header of the payload at `at`, as an index of words. */
export const headerOf = (at: Addr): number => (at - HEADER) >>> 2

/** What SEAL is in the header at word `h` of a busy block. */
export function liveSeal(m: Memory, h: number, at: Addr): number {
  let hash = mix(LIVE, at)
  hash = mix(hash, m[h + LEAD]!)
  hash = mix(hash, m[h + NEXT]!)
  hash = mix(hash, m[h + SPAN]!)
  hash = mix(hash, m[h + SIZE]!)
  hash = mix(hash, m[h + SITE]!)
  return mix(hash, m[h + FREED]!)
}

/** What it is in that of a freed one. */
export function freedSeal(m: Memory, h: number, at: Addr, condition: 'freed' | 'cleared'): number {
  return mix(mix(mix(mix(condition === 'freed' ? DEAD : CLEARED, at), m[h + SIZE]!), m[h + SITE]!), m[h + FREED]!)
}

/** What the header before a payload says, or undefined when there is none, or a damaged one. */
export function conditionOf(m: Memory, at: Addr): Condition | undefined {
  const h = headerOf(at)
  const seal = m[h + SEAL]
  if (seal === undefined) return undefined
  if (seal === liveSeal(m, h, at)) return 'live'
  if (seal === freedSeal(m, h, at, 'freed')) return 'freed'
  return seal === freedSeal(m, h, at, 'cleared') ? 'cleared' : undefined
}

/** What TAIL is in a block of the wrapped method at `p` with a payload of `size`. */
export const tailOf = (p: Addr, size: number): number => (size ^ Math.imul(p ^ 0x2545f491, 0x9e3779b1)) | 0

/** A link of the quarantine as it is stored at a place: one that was overwritten hardly names a block. */
export const linked = (at: Addr, to: Addr): number => (to ^ Math.imul(at ^ 0x1b873593, LINK)) | 0
export const linkFrom = (at: Addr, word: number): Addr => linked(at, word) >>> 0

/** The word of TAIL in a block of the wrapped method. */
export const tailWord = (p: Addr, span: number): number => ((p + span) >>> 2) - 1
