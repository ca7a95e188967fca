/**
 * block: reading what debug wrote around a payload, when it is in order and when it is not.
 *
 *   read       an intact block, from the address of the wrapped method's block
 *   recover    the same when words before the payload are lost: from TAIL, and where most of the rest agrees
 *   damageOf   the first byte that is not what it must be
 *   dress      writes all of it
 */
import type { Addr } from '../../src/contract/addr.ts'
import { everySite, framesOf, type Site } from '../../src/ground/stacks.ts'
import type { Words } from '../../src/ground/words.ts'
import { countOther, differsAt, firstOther, wordOf } from './bytes.ts'
import * as L from './layout.ts'
import type { Patterns } from './settings.ts'

export interface Block {
  /** Where the wrapped method's block begins, and its usable bytes. */
  readonly p: Addr
  readonly span: number
  readonly at: Addr
  readonly size: number
  readonly site: Site
  readonly freed: Site
  readonly condition: L.Condition
  /** The wrapped method says otherwise how many bytes its block has. */
  readonly isMisfit: boolean
}

/** So many words are written one by one. */
export const FEW = 64

/** So many bytes of a payload say whether it was freed. */
export const SAMPLE = 64

/** The first damage to a block: at which byte, how many bytes are wrong on that side, what it is called. */
export interface Damage {
  readonly kind: 'overflow' | 'underflow' | 'write-after-free' | 'corrupted'
  readonly place: Addr
  readonly count: number
}

/**
 * The block in a wrapped one at p that has `usable` bytes; undefined where what says so is damaged, or was never there. A
 * block whose both ends agree is believed, even where the wrapped method says that its own has another length.
 */
export function read({ i32: m, length }: Words, key: L.Key, p: Addr, usable: number): Block | undefined {
  const lead = m[p >>> 2]! >>> 0
  if (lead < L.HEADER || lead % 4 !== 0 || p + lead > length) return undefined
  const at = p + lead
  const h = L.headerOf(at)
  const condition = L.conditionOf(m, at, key)
  if (condition === undefined || m[h + L.LEAD] !== (lead | 0)) return undefined
  const size = m[h + L.SIZE]! >>> 0
  const span = m[h + L.SPAN]! >>> 0
  const isMisfit = span !== usable
  if (span % 4 !== 0 || !hasRoom(lead, size, span) || (isMisfit && m[L.tailWord(p, span)] !== L.tailOf(p, size)))
    return undefined
  return { p, span, at, size, site: m[h + L.SITE]! >>> 0, freed: m[h + L.FREED]! >>> 0, condition, isMisfit }
}

/**
 * What the block was, as far as what is left of it says: `lead` is that of blocks that were not aligned, and one that is
 * full of the pattern of freed memory was freed.
 */
export function recover(words: Words, p: Addr, span: number, lead: number, { freed, guard }: Patterns): Block {
  const { i32: m } = words
  const size = (m[L.tailWord(p, span)]! ^ L.tailOf(p, 0)) >>> 0
  const told = m[p >>> 2]! >>> 0
  const isTold = isLead(told, span) && hasRoom(told, size, span)
  const isUsual = isLead(lead, span) && hasRoom(lead, size, span)
  const isOther =
    isTold && (!isUsual || agreement(m, p, told, size, span, guard) > agreement(m, p, lead, size, span, guard))
  const known = isOther ? told : isUsual ? lead : undefined
  const own = known ?? Math.min(lead, span - L.TAIL)
  const at = p + own
  const h = L.headerOf(at)
  const bytes = known === undefined ? Math.max(0, span - own - L.GUARD - L.TAIL) : size
  const sample = Math.min(bytes, SAMPLE)
  const isFreed = sample > 0 && 2 * countOther(words, at, at + sample, freed) < sample
  return {
    p,
    span,
    at,
    size: bytes,
    site: believed(m[h + L.SITE]!),
    freed: isFreed ? believed(m[h + L.FREED]!) : 0,
    condition: isFreed ? 'freed' : 'live',
    isMisfit: false,
  }
}

/**
 * A block whose seal is broken, with the stacks that the seal was made of, where one of all that there are is the one that
 * was overwritten; its words are at `h`, and `next` is what NEXT must be.
 */
export function recall({ i32: m }: Words, key: L.Key, block: Block, h: number, next: number): Block {
  const { p, span, at, size, site, freed, condition } = block
  const seal = m[h + L.SEAL]
  const isSealed = (site: Site, freed: Site): boolean =>
    condition === 'live'
      ? seal === L.liveSealOf(key, at, at - p, next, span, size, site)
      : seal === L.freedSealOf(key, at, size, site, freed, condition)
  if (isSealed(m[h + L.SITE]!, m[h + L.FREED]!)) return { ...block, site: m[h + L.SITE]! >>> 0 }
  for (const other of everySite()) {
    if (isSealed(other, m[h + L.FREED]!)) return { ...block, site: other }
    if (isSealed(m[h + L.SITE]!, other)) return { ...block, freed: other }
  }
  if (isSealed(0, m[h + L.FREED]!)) return { ...block, site: 0 }
  if (isSealed(m[h + L.SITE]!, 0)) return { ...block, freed: 0 }
  return { ...block, site: believed(site), freed: believed(freed) }
}

/** How many words, of eight, say that a payload of `size` begins `lead` bytes behind p. */
export function agreement(m: L.Memory, p: Addr, lead: number, size: number, span: number, guard: number): number {
  const h = L.headerOf(p + lead)
  const word = wordOf(guard)
  let words = 0
  if (m[h + L.LEAD] === lead) words++
  if (m[h + L.SPAN] === (span | 0)) words++
  if (m[h + L.SIZE] === (size | 0)) words++
  for (let i = 0; i < 3; i++) if (m[h + L.FAR_GUARD + i] === word) words++
  for (let i = 0; i < 2; i++) if (m[h + L.NEAR_GUARD + i] === word) words++
  return words
}

/** A stack that a damaged header names, if there is one of that number. */
export const believed = (site: number): Site => (framesOf(site >>> 0) === undefined ? 0 : site >>> 0)

const isLead = (lead: number, span: number): boolean => lead >= L.HEADER && lead % 4 === 0 && lead + L.TAIL <= span
const hasRoom = (lead: number, size: number, span: number): boolean => lead + size + L.TAIL <= span

/** Whether the payload of a live block starts at `at`, and all is in order around it; the payload is not looked at. */
export function isSound(words: Words, key: L.Key, at: Addr, guard: number): boolean {
  if (at >>> 0 !== at || (at & 3) !== 0 || at < L.HEADER) return false
  const m = words.i32
  const h = L.headerOf(at)
  return m[h + L.SEAL] === L.liveSeal(m, h, at, key) && isWhole(words, at, guard)
}

/** Whether a freed block is as it was when it was freed, its payload as far as `filled` says. */
export function isUntouched(words: Words, at: Addr, guard: number, freed: number, filled: number): boolean {
  if (!isWhole(words, at, guard)) return false
  const size = words.i32[L.headerOf(at) + L.SIZE]!
  const bytes = size >= 0 && size < filled ? size : Math.min(size >>> 0, filled)
  return firstOther(words, at, at + bytes, freed) < 0
}

/** Whether all is in order around a block whose seal is. */
export function isWhole(words: Words, at: Addr, guard: number): boolean {
  const m = words.i32
  const c = at >>> 2
  const h = L.headerOf(at)
  const word = wordOf(guard)
  const far = (m[h + L.FAR_GUARD]! ^ word) | (m[h + L.FAR_GUARD + 1]! ^ word) | (m[h + L.FAR_GUARD + 2]! ^ word)
  const near = (m[h + L.NEAR_GUARD]! ^ word) | (m[h + L.NEAR_GUARD + 1]! ^ word)
  if ((far | near) !== 0) return false
  const lead = m[h + L.LEAD]!
  const size = m[h + L.SIZE]!
  const first = c - (lead >>> 2)
  const last = first + (m[h + L.SPAN]! >>> 2) - 1
  if (m[last] !== L.tailOf(first << 2, size)) return false
  if (lead !== L.HEADER && !isLeadWhole(m, first, h, lead, word)) return false
  let i = c + (size >>> 2)
  const odd = size & 3 // bytes of the payload in the word where it ends
  if (odd !== 0 && (m[i++]! ^ word) >>> (odd << 3) !== 0) return false
  for (; i < last; i++) if (m[i] !== word) return false
  return true
}

/** The same of the words before the header of a block that was aligned. */
function isLeadWhole(m: L.Memory, first: number, h: number, lead: number, word: number): boolean {
  if (m[first] !== lead) return false
  for (let i = first + 1; i < h; i++) if (m[i] !== word) return false
  return true
}

/** The first damage around a block, read or recovered; `next` is what NEXT must be. */
export function damageOf(words: Words, key: L.Key, block: Block, guard: number, next: number): Damage | undefined {
  const { p, span, at, size, condition } = block
  const end = p + span - L.TAIL
  const left = leftDamage(words, key, block, guard, next)
  const behind = firstOther(words, at + size, end, guard)
  const tail = differsAt(words.u8, end, L.tailOf(p, size))
  const right = behind >= 0 ? behind : tail
  const isFreed = condition !== 'live'
  if (left >= 0) {
    const isNear = firstOther(words, at - 8, at, guard) >= 0
    const field = (left - at + L.HEADER) >> 2
    const isHeader = field >= 0 && field < L.NEAR_GUARD && (field < L.FAR_GUARD || field >= L.SIZE)
    const kind = isFreed && isNear ? 'write-after-free' : isNear || !isHeader ? 'underflow' : 'corrupted'
    return { kind, place: left, count: at - left }
  }
  if (right < 0) return undefined
  const count = countOther(words, at + size, end, guard) + (tail < 0 ? 0 : p + span - tail)
  return { kind: isFreed ? 'write-after-free' : 'overflow', place: right, count }
}

/** The lowest byte before the payload that is not what it must be, or -1. */
function leftDamage(words: Words, key: L.Key, block: Block, guard: number, next: number): number {
  const { u8 } = words
  const { p, at, span, size, site, freed, condition } = block
  const start = at - L.HEADER
  const word = wordOf(guard)
  if (start > p) {
    const first = differsAt(u8, p, at - p)
    const between = first >= 0 ? first : firstOther(words, p + 4, start, guard)
    if (between >= 0) return between
  }
  const isLive = condition === 'live'
  const lead = at - p
  const seal = isLive
    ? L.liveSealOf(key, at, lead, next, span, size, site)
    : L.freedSealOf(key, at, size, site, freed, condition)
  const expected = [lead, next, span, word, word, word, size, site, isLive ? 0 : freed, seal, word, word]
  for (const [i, value] of expected.entries()) {
    const place = differsAt(u8, start + 4 * i, value)
    if (place >= 0) return place
  }
  return -1
}

/** Writes everything around the payload of a busy block, and its guards where they are wanted. */
export function dress(
  words: Words,
  key: L.Key,
  p: Addr,
  span: number,
  at: Addr,
  size: number,
  next: number,
  site: Site,
  guard: number,
): void {
  const m = words.i32
  const c = at >>> 2
  const h = L.headerOf(at)
  const word = wordOf(guard)
  const first = p >>> 2
  const lead = (c - first) << 2
  if (lead !== L.HEADER) {
    m[first] = lead
    for (let i = first + 1; i < h; i++) m[i] = word
  }
  m[h + L.LEAD] = lead
  m[h + L.NEXT] = next
  m[h + L.SPAN] = span
  m[h + L.SIZE] = size
  m[h + L.FAR_GUARD] = word
  m[h + L.FAR_GUARD + 1] = word
  m[h + L.FAR_GUARD + 2] = word
  m[h + L.SITE] = site
  m[h + L.FREED] = 0
  m[h + L.NEAR_GUARD] = word
  m[h + L.NEAR_GUARD + 1] = word
  m[h + L.SEAL] = L.liveSeal(m, h, at, key)
  const last = first + (span >>> 2) - 1
  let i = c + (size >>> 2)
  const odd = size & 3
  if (odd !== 0) {
    const payload = (1 << (odd << 3)) - 1
    m[i] = (m[i]! & payload) | (word & ~payload)
    i++
  }
  if (last - i > FEW) m.fill(word, i, last)
  else for (; i < last; i++) m[i] = word
  m[last] = L.tailOf(p, size)
}
