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
 *   SEAL    a hash of the address, of the words above and of the region's KEY; another one for each state
 *   TAIL    SIZE mixed with p, in case all that lies before the payload is lost
 *
 * Where compiled code looks at the word before a payload (Store.heads) that word is the wrapped method's HEAD, and all of
 * debug's words lie behind the payload, named in the same order:
 *
 *            at - 4   at            at + SIZE                at + SPAN - 40                                  at + SPAN
 *            | HEAD   | payload ... | guard, 8 at least ... | NEXT SPAN guard guard guard SIZE SITE FREED SEAL TAIL |
 *
 * They are found from HEAD, which says where the block ends. Where it says wrong they are looked for: SPAN says how far they
 * lie from the payload, SEAL and TAIL that they are its own; HEAD can be written anew then.
 *
 * What a freed block needs to be recognised (SIZE SITE FREED SEAL) lies behind the words that the methods of this package
 * link free blocks with, so it is often there still when the block has gone back to them.
 *
 * What is asked at every call counts in words, not in bytes: their number is below 2^30, and the engine keeps it an
 * integer, where an address beyond 2 GiB would make every sum a floating-point one.
 */
import type { Addr } from '../../src/contract/addr.ts'

export type Memory = Int32Array<ArrayBufferLike>

/** Bytes right before a payload. */
export const HEADER = 48
/** Guard bytes behind a payload, at least; then TAIL. */
export const GUARD = 8
export const TAIL = 4
export const PAGE = 4096
/** Bytes of the words behind a payload, where they lie there. */
export const BEHIND = 40

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
export const LAST = 10 //        where the words lie behind: TAIL

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

/** What tells the blocks of a region from those of others in the same space: made of where its state lies. */
export type Key = number

/** The key of a region whose state lies there. */
export const keyOf = (state: Addr): Key => Math.imul(state ^ 0x5bd1e995, 0x1b873593)

export type Condition = 'live' | 'freed' | 'cleared'

/** The header of the payload at `at`, as an index of words. */
export const headerOf = (at: Addr): number => (at >>> 2) - (HEADER >>> 2)

/**
 * What SEAL is of a busy block whose words are these: each times an odd number, so that no one of them can change
 * unnoticed, and side by side, so that it is quick.
 */
export function liveSealOf(
  key: Key,
  at: Addr,
  lead: number,
  next: number,
  span: number,
  size: number,
  site: number,
): number {
  return (
    Math.imul(at ^ LIVE, 0x85ebca6b) ^
    key ^
    Math.imul(lead, 0xc2b2ae35) ^
    Math.imul(next, 0x27d4eb2f) ^
    Math.imul(span, 0x165667b1) ^
    Math.imul(size, 0x9e3779b1) ^
    Math.imul(site, 0x6c8e9cf5)
  )
}

/** What it is of a freed one. */
export function freedSealOf(
  key: Key,
  at: Addr,
  size: number,
  site: number,
  freed: number,
  condition: 'freed' | 'cleared',
): number {
  const kind = condition === 'freed' ? DEAD : CLEARED
  return (
    Math.imul(at ^ kind, 0x85ebca6b) ^
    key ^
    Math.imul(size, 0x9e3779b1) ^
    Math.imul(site, 0x6c8e9cf5) ^
    Math.imul(freed, 0x27d4eb2f)
  )
}

/** What it is in the header at word `h` of a busy block. */
export function liveSeal(m: Memory, h: number, at: Addr, key: Key): number {
  const seal = liveSealOf(key, at, m[h + LEAD]!, m[h + NEXT]!, m[h + SPAN]!, m[h + SIZE]!, m[h + SITE]!)
  return seal ^ Math.imul(m[h + FREED]!, 0xcc9e2d51)
}

/** What it is in that of a freed one. */
export function freedSeal(m: Memory, h: number, at: Addr, key: Key, condition: 'freed' | 'cleared'): number {
  return freedSealOf(key, at, m[h + SIZE]!, m[h + SITE]!, m[h + FREED]!, condition)
}

/** What the header before a payload says, or undefined when there is none, or a damaged one. */
export function conditionOf(m: Memory, at: Addr, key: Key): Condition | undefined {
  const h = headerOf(at)
  const seal = m[h + SEAL]
  if (seal === undefined) return undefined
  if (seal === liveSeal(m, h, at, key)) return 'live'
  if (seal === freedSeal(m, h, at, key, 'freed')) return 'freed'
  return seal === freedSeal(m, h, at, key, 'cleared') ? 'cleared' : undefined
}

/** What TAIL is in a block of the wrapped method at `p` with a payload of `size`. */
export const tailOf = (p: Addr, size: number): number => (size ^ Math.imul(p ^ 0x2545f491, 0x9e3779b1)) | 0

/** A link of the quarantine as it is stored at a place: one that was overwritten hardly names a block. */
export const linked = (at: Addr, to: Addr): number => (to ^ Math.imul(at ^ 0x1b873593, LINK)) | 0
export const linkFrom = (at: Addr, word: number): Addr => linked(at, word) >>> 0

/** Where the words of a block with a payload at `p` lie behind it: like `headerOf`, but that LEAD is not there. */
export const behindOf = (p: Addr, span: number): number => (p >>> 2) + (span >>> 2) - (BEHIND >>> 2) - 1

/** The word of TAIL in a block of the wrapped method. */
export const tailWord = (p: Addr, span: number): number => (p >>> 2) + (span >>> 2) - 1
