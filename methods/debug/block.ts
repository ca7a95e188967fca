/**
 * block: reading what debug wrote around a payload, when it is in order and when it is not.
 *
 *   read       an intact block, from the address of the wrapped method's block
 *   recover    the same when the words before the payload are lost: from TAIL, or as the room says
 *   damageOf   the first byte that is not what it must be
 *   dress      writes all of it
 */
import type { Addr } from '../../src/contract/addr.ts'
import { framesOf, type Site } from '../../src/ground/stacks.ts'
import type { Words } from '../../src/ground/words.ts'
import { countOther, differsAt, fill, firstOther, wordOf } from './bytes.ts'
import * as L from './layout.ts'

export interface Block {
  /** Where the wrapped method's block begins, and its usable bytes. */
  readonly p: Addr
  readonly span: number
  readonly at: Addr
  readonly size: number
  readonly site: Site
  readonly freed: Site
  readonly condition: L.Condition
}

/** So many bytes of a payload say whether it was freed. */
const SAMPLE = 64

/** The first damage to a block: at which byte, how many bytes are wrong on that side, what it is called. */
export interface Damage {
  readonly kind: 'overflow' | 'underflow' | 'write-after-free' | 'corrupted'
  readonly place: Addr
  readonly count: number
}

/** The block whose wrapped block is [p, p + span); undefined where what says so is damaged, or was never there. */
export function read({ i32: m }: Words, p: Addr, span: number): Block | undefined {
  const lead = m[p >>> 2]! >>> 0
  if (!isLead(lead, span)) return undefined
  const at = p + lead
  const h = L.headerOf(at)
  const condition = L.conditionOf(m, at)
  const size = m[h + L.SIZE]! >>> 0
  if (condition === undefined || m[h + L.LEAD] !== lead || m[h + L.SPAN] !== (span | 0) || !hasRoom(lead, size, span)) {
    return undefined
  }
  return { p, span, at, size, site: m[h + L.SITE]! >>> 0, freed: m[h + L.FREED]! >>> 0, condition }
}

/**
 * What the block was, as far as what is left of it says: `lead` is that of blocks that were not aligned, and one that is
 * full of the pattern `freed` was freed.
 */
export function recover(words: Words, p: Addr, span: number, lead: number, freed: number): Block {
  const { i32: m } = words
  const size = (m[L.tailWord(p, span)]! ^ L.tailOf(p, 0)) >>> 0
  const leads = [m[p >>> 2]! >>> 0, lead].filter((candidate) => isLead(candidate, span))
  const known = leads.find((candidate) => hasRoom(candidate, size, span))
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
  }
}

/** A stack that a damaged header names, if there is one of that number. */
const believed = (site: number): Site => (framesOf(site >>> 0) === undefined ? 0 : site >>> 0)

const isLead = (lead: number, span: number): boolean => lead >= L.HEADER && lead % 4 === 0 && lead + L.TAIL <= span
const hasRoom = (lead: number, size: number, span: number): boolean => lead + size + L.TAIL <= span

/** Whether all is in order around a block whose seal is; the payload is not looked at. */
export function isWhole({ i32: m, u8 }: Words, at: Addr, guard: number): boolean {
  const h = L.headerOf(at)
  const word = wordOf(guard)
  if (m[h + L.NEAR_GUARD] !== word || m[h + L.NEAR_GUARD + 1] !== word) return false
  if (m[h + L.FAR_GUARD] !== word || m[h + L.FAR_GUARD + 1] !== word || m[h + L.FAR_GUARD + 2] !== word) return false
  const lead = m[h + L.LEAD]! >>> 0
  const size = m[h + L.SIZE]! >>> 0
  const p = at - lead
  const last = L.tailWord(p, m[h + L.SPAN]! >>> 0)
  if (m[last] !== L.tailOf(p, size)) return false
  if (lead !== L.HEADER) {
    if (m[p >>> 2] !== lead) return false
    for (let i = (p >>> 2) + 1; i < h; i++) if (m[i] !== word) return false
  }
  let byte = at + size
  for (; (byte & 3) !== 0; byte++) if (u8[byte] !== guard) return false
  for (let i = byte >>> 2; i < last; i++) if (m[i] !== word) return false
  return true
}

/** The first damage around a block, read or recovered. */
export function damageOf(words: Words, block: Block, guard: number, isChained: boolean): Damage | undefined {
  const { p, span, at, size, condition } = block
  const end = p + span - L.TAIL
  const left = leftDamage(words, block, guard, isChained)
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
function leftDamage(words: Words, block: Block, guard: number, isChained: boolean): number {
  const { i32: m, u8 } = words
  const { p, at, span, size, condition } = block
  const h = L.headerOf(at)
  const start = at - L.HEADER
  const word = wordOf(guard)
  if (start > p) {
    const first = differsAt(u8, p, at - p)
    const between = first >= 0 ? first : firstOther(words, p + 4, start, guard)
    if (between >= 0) return between
  }
  const isLive = condition === 'live'
  const seal = L.conditionOf(m, at) === condition ? undefined : sealFor(m, h, block)
  const expected = [at - p, isLive && !isChained ? 0 : undefined, span, word, word, word]
  expected.push(size, undefined, isLive ? 0 : undefined, seal, word, word)
  for (const [i, value] of expected.entries()) {
    const place = value === undefined ? -1 : differsAt(u8, start + 4 * i, value)
    if (place >= 0) return place
  }
  return -1
}

/** What the seal must be, given what is known of a block. */
function sealFor(m: L.Memory, h: number, { at, condition }: Block): number {
  return condition === 'live' ? L.liveSeal(m, h, at) : L.freedSeal(m, h, at, condition)
}

/** Writes everything around the payload of a busy block, and its guards where they are wanted. */
export function dress(
  words: Words,
  p: Addr,
  span: number,
  at: Addr,
  size: number,
  next: number,
  site: Site,
  guard: number,
): void {
  const m = words.i32
  const h = L.headerOf(at)
  const word = wordOf(guard)
  const lead = at - p
  if (lead !== L.HEADER) {
    m[p >>> 2] = lead
    for (let i = (p >>> 2) + 1; i < h; i++) m[i] = word
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
  m[h + L.SEAL] = L.liveSeal(m, h, at)
  const last = L.tailWord(p, span)
  fill(words, at + size, (last << 2) >>> 0, guard)
  m[last] = L.tailOf(p, size)
}
