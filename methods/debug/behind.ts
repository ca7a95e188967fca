/**
 * behind: blocks whose word before the payload is the wrapped method's, for compiled code looks at it.
 *
 *   at - 4   at            at + SIZE                 h + 1                                        h + 11 = at + SPAN
 *   | HEAD   | payload ... | guard .................. | NEXT SPAN guards SIZE SITE FREED SEAL TAIL |
 *
 *   HEAD    the left guard. Its size leads to the words: no other way is as quick
 *   guard   8 bytes, or a page at level 4, and what rounding leaves
 *
 * Everything of `Blocks` that reads or writes these words. Where HEAD leads nowhere there is no block, as far as calls
 * with any number are concerned; `heads` looks for the words then, and writes HEAD anew.
 *
 * So what a program writes before a block is seen in HEAD, up to 4 bytes; what it writes before that hits the words of the
 * left neighbour, and is told as that one's overrun.
 */
import type { Addr } from '../../src/contract/addr.ts'
import type { Method, MethodDef } from '../../src/contract/method.ts'
import type { Store } from '../../src/contract/store.ts'
import type { Site } from '../../src/ground/stacks.ts'
import { type Block, believed, type Damage, FEW, SAMPLE } from './block.ts'
import { Blocks } from './blocks.ts'
import { countOther, differsAt, firstOther, wordOf } from './bytes.ts'
import * as L from './layout.ts'
import type { Settings } from './settings.ts'

/** No word of any space: what is read there is 0, and nothing is written. */
const NOWHERE = 0x3fff_ff00

/** Guard bytes behind a payload, at least. */
export const guardOf = (level: number): number => (level > 3 ? L.PAGE : L.GUARD)

export class BlocksBehind extends Blocks {
  private readonly word: number

  constructor(store: Store, inner: Method, claims: Pick<MethodDef, 'frees'> | undefined, settings: Settings) {
    const guardBytes = guardOf(settings.level)
    super(store, inner, claims, settings, 0, guardBytes + L.BEHIND)
    this.word = wordOf(this.guard)
  }

  override headerOf(at: Addr): number {
    const m = this.words.i32
    const c = at >>> 2
    const bytes = m[c - 1]! & -8
    const h = c + (bytes >>> 2) - 2 - (L.BEHIND >>> 2)
    return m[h + L.SPAN] === ((bytes - 4) | 0) ? h : NOWHERE
  }

  override leadAt(_h: number): number {
    return 0
  }

  override headerIn({ p, span }: Block): number {
    return L.behindOf(p, span)
  }

  override conditionIn({ p, span }: Block): L.Condition | undefined {
    return this.sealedAt(p, L.behindOf(p, span))
  }

  override isLive(at: Addr): boolean {
    if (at >>> 0 !== at || (at & 3) !== 0) return false
    const m = this.words.i32
    const h = this.headerOf(at)
    return m[h + L.SEAL] === this.liveSeal(at, h) && (m[h + L.LAST] !== 0 || !this.isMixed)
  }

  override isSound(at: Addr): boolean {
    if (!this.isLive(at)) return false
    return !this.hasGuards || this.isWhole(at)
  }

  override isFreed(at: Addr): boolean {
    if ((at & 3) !== 0) return false
    const m = this.words.i32
    const h = this.headerOf(at)
    return m[h + L.SEAL] === L.freedSeal(m, h, at, this.key, 'freed')
  }

  override isGuarded(at: Addr): boolean {
    return !this.hasGuards || this.isWhole(at)
  }

  override isUntouched(at: Addr): boolean {
    if (!this.isWhole(at)) return false
    const from = at >>> 0
    const size = this.words.i32[this.headerOf(at) + L.SIZE]! >>> 0
    return firstOther(this.words, from, from + this.filled(size), this.freed) < 0
  }

  /**
   * Whether HEAD is what the wrapped method wrote before a block of so many bytes. Where plain blocks are about, the bit of
   * its own is not looked at: their content may be anything, that of a free block, too.
   */
  isHeadWhole(p: Addr, span: number): boolean {
    const head = this.words.i32[(p >>> 2) - 1]!
    const expected = this.inner.headOf?.(p, span) ?? head
    return head === expected || (this.isMixed && (head ^ expected) === 4)
  }

  /** How long the guarded block at p is, as its words say, which end by `limit`; -1 where none are in order. */
  spanFrom(p: Addr, limit: Addr): number {
    const m = this.words.i32
    const first = p >>> 2
    const last = Math.min(limit >>> 2, m.length) - (L.BEHIND >>> 2) - 1
    for (let h = first + (L.GUARD >>> 2) - 1; h <= last; h++) {
      const span = (h + 1 - first) * 4 + L.BEHIND
      if (m[h + L.SPAN] === (span | 0) && this.isOwn(p, span)) return span
    }
    return -1
  }

  /** Whether the words behind a payload at p that belong to so many bytes are its own, and in order. */
  isOwn(p: Addr, span: number): boolean {
    const m = this.words.i32
    const h = L.behindOf(p, span)
    if (m[h + L.SPAN] !== (span | 0) || m[h + L.LAST] !== L.tailOf(p, m[h + L.SIZE]!)) return false
    const condition = this.sealedAt(p, h)
    return condition === 'live' || condition === 'freed'
  }

  /** The guarded block in a wrapped one that is busy; undefined where that is a plain one. */
  override inside(p: Addr, usable: number): Block | undefined {
    const span = usable - (usable & 3)
    if (span < this.after || this.wentBack(p, span)) return undefined
    const m = this.words.i32
    const h = L.behindOf(p, span)
    if (this.isMixed && m[h + L.LAST] === 0) return undefined // what a guarded one left there
    const condition = m[h + L.SPAN] === (span | 0) ? this.sealedAt(p, h) : undefined
    const size = m[h + L.SIZE]! >>> 0
    if (condition !== undefined && size + this.after <= span) {
      return {
        p,
        span,
        at: p,
        size,
        site: m[h + L.SITE]! >>> 0,
        freed: m[h + L.FREED]! >>> 0,
        condition,
        isMisfit: false,
      }
    }
    const guess = this.recover(p, span)
    return this.isMixed && !this.wasGuarded(guess) ? undefined : guess
  }

  override at(at: Addr): Block {
    const m = this.words.i32
    const h = this.headerOf(at)
    return {
      p: at,
      span: m[h + L.SPAN]! >>> 0,
      at,
      size: m[h + L.SIZE]! >>> 0,
      site: m[h + L.SITE]! >>> 0,
      freed: m[h + L.FREED]! >>> 0,
      condition: this.sealedAt(at, h) ?? 'live',
      isMisfit: false,
    }
  }

  override damagedAt(at: Addr): Block | undefined {
    if (at >>> 0 !== at || (at & 3) !== 0 || !this.hasGuards) return undefined
    const span = this.inner.sizeOf(at)
    if (span < 0) return undefined
    const block = this.around(at)
    const isGuarded = block !== undefined && block.at === at && this.inside(at, span) !== undefined
    return isGuarded && block.condition === 'live' ? block : undefined
  }

  override forget(p: Addr): void {
    const span = this.spanOf(p, 0)
    if (span < 4) return
    this.words.i32[L.tailWord(p, span)] = 0
    if (span >= this.after) this.words.i32[L.behindOf(p, span) + L.SEAL] = 0
  }

  /** Its words are looked for where HEAD leads no more. */
  override remainsAt(at: Addr): Block | undefined {
    if ((at & 3) !== 0) return undefined
    const m = this.words.i32
    const first = at >>> 2
    const { store } = this
    const segment = store.find(at)
    const last = segment === 0 ? 0 : (store.limit(segment) >>> 2) - (L.BEHIND >>> 2) - 1
    for (let h = first + (L.GUARD >>> 2) - 1; h <= last; h++) {
      const span = (h + 1 - first) * 4 + L.BEHIND
      if (m[h + L.SPAN] !== (span | 0)) continue
      const condition = this.sealedAt(at, h)
      if (condition !== 'freed' && condition !== 'cleared') continue
      const size = m[h + L.SIZE]! >>> 0
      const [site, freed] = [m[h + L.SITE]! >>> 0, m[h + L.FREED]! >>> 0]
      return { p: at, span, at, size, site, freed, condition, isMisfit: false }
    }
    return undefined
  }

  /** The first damage behind a block; that before it is `heads`' matter. */
  override damageOf(block: Block, next: number): Damage | undefined {
    const { words } = this
    const { p, span, at, size, condition } = block
    const h = L.behindOf(p, span)
    const from = (h + L.NEXT) * 4
    const expected = this.wordsOf(block, next)
    const inGuard = firstOther(words, at + size, from, this.guard)
    let place = inGuard
    let count = inGuard < 0 ? 0 : countOther(words, at + size, from, this.guard)
    for (const [i, value] of expected.entries()) {
      const first = differsAt(words.u8, from + 4 * i, value)
      if (first < 0) continue
      if (place < 0) place = first
      count += differing(words.i32[h + L.NEXT + i]!, value)
    }
    if (place < 0) return undefined
    return { kind: condition === 'live' ? 'overflow' : 'write-after-free', place, count }
  }

  override dress(p: Addr, span: number, at: Addr, size: number, next: number, site: Site): void {
    const m = this.words.i32
    const { word } = this
    const h = L.behindOf(p, span)
    let i = (at >>> 2) + (size >>> 2)
    const odd = size & 3
    if (odd !== 0) {
      const payload = (1 << (odd << 3)) - 1
      m[i] = (m[i]! & payload) | (word & ~payload)
      i++
    }
    if (h - i > FEW) m.fill(word, i, h + L.NEXT)
    else for (; i <= h; i++) m[i] = word
    m[h + L.NEXT] = next
    m[h + L.SPAN] = span
    m[h + L.FAR_GUARD] = word
    m[h + L.FAR_GUARD + 1] = word
    m[h + L.FAR_GUARD + 2] = word
    m[h + L.SIZE] = size
    m[h + L.SITE] = site
    m[h + L.FREED] = 0
    m[h + L.SEAL] = this.liveSeal(at, h)
    m[h + L.LAST] = L.tailOf(p, size)
  }

  /** The size of a block whose words were lost is a guess: busy bytes are what all say then. */
  override restore(block: Block, next: number): void {
    const isSealed = this.conditionIn(block) === block.condition
    super.restore(block, next)
    if (!isSealed && block.condition === 'live') this.recount()
  }

  private recount(): void {
    let busy = 0
    this.inner.walk((p, span, state) => {
      if (state !== 'busy') return
      const block = this.inside(p, span)
      if (block === undefined) busy += span
      else if (block.condition === 'live') busy += block.size
    })
    const m = this.words.i32
    const tally = this.store.tally >>> 2
    m[tally] = busy
    if (busy > m[tally + 1]! >>> 0) m[tally + 1] = busy
  }

  protected override wentBack(p: Addr, span: number): boolean {
    const m = this.words.i32
    const h = L.behindOf(p, span)
    return m[h + L.LAST] === 0 && m[h + L.SPAN] === (span | 0) && this.sealedAt(p, h) === 'freed'
  }

  /** Where plain blocks are about: whether there was a guarded one, so that what its words say cannot be chance. */
  protected override wasGuarded({ p, span, size }: Block): boolean {
    const m = this.words.i32
    const h = L.behindOf(p, span)
    if (m[h + L.LAST] === L.tailOf(p, size)) return true
    for (let i = 0; i < 3; i++) if (m[h + L.FAR_GUARD + i] !== this.word) return false
    return m[h + L.SPAN] === (span | 0)
  }

  /** What the block was, as far as what is left of its words says. */
  private recover(p: Addr, span: number): Block {
    const { words } = this
    const m = words.i32
    const h = L.behindOf(p, span)
    const size = this.sizeOf(p, span)
    const live = this.conditionAs(p, span, size, 'live')
    const isFreed = !live && (this.conditionAs(p, span, size, 'freed') || this.looksFreed(p, h, size))
    return {
      p,
      span,
      at: p,
      size,
      site: believed(m[h + L.SITE]!),
      freed: isFreed ? believed(m[h + L.FREED]!) : 0,
      condition: isFreed ? 'freed' : 'live',
      isMisfit: false,
    }
  }

  /** SIZE, or what TAIL makes of it: what the seal or else the guards agree with. */
  private sizeOf(p: Addr, span: number): number {
    const m = this.words.i32
    const h = L.behindOf(p, span)
    const room = span - this.after
    const told = [(m[h + L.LAST]! ^ L.tailOf(p, 0)) >>> 0, m[h + L.SIZE]! >>> 0].filter((size) => size <= room)
    const sealed = told.find(
      (size) => this.conditionAs(p, span, size, 'live') || this.conditionAs(p, span, size, 'freed'),
    )
    if (sealed !== undefined) return sealed
    const wrong = (size: number): number => countOther(this.words, p + size, (h + L.NEXT) * 4, this.guard)
    return [...told, room].sort((a, b) => wrong(a) - wrong(b))[0]!
  }

  /** Whether SEAL is that of a block of that size and condition. */
  private conditionAs(p: Addr, span: number, size: number, condition: 'live' | 'freed'): boolean {
    const m = this.words.i32
    const h = L.behindOf(p, span)
    const site = m[h + L.SITE]!
    const seal = m[h + L.SEAL]!
    if (condition === 'freed') return seal === L.freedSealOf(this.key, p, size, site, m[h + L.FREED]!, 'freed')
    const next = this.isStack ? m[h + L.NEXT]! : 0
    return seal === L.liveSealOf(this.key, p, 0, next, span, size, site)
  }

  /** Whether a block without a seal was freed: its payload says so, or, where none was filled, the link to another. */
  private looksFreed(p: Addr, h: number, size: number): boolean {
    const sample = Math.min(this.filled(size), SAMPLE)
    if (sample > 0) return 2 * countOther(this.words, p, p + sample, this.freed) < sample
    return !this.isStack && this.words.i32[h + L.NEXT] !== 0
  }

  /** Whether HEAD, guards and TAIL of a block are in order whose seal is. */
  private isWhole(at: Addr): boolean {
    const m = this.words.i32
    const { word } = this
    const h = this.headerOf(at)
    const far = (m[h + L.FAR_GUARD]! ^ word) | (m[h + L.FAR_GUARD + 1]! ^ word) | (m[h + L.FAR_GUARD + 2]! ^ word)
    const size = m[h + L.SIZE]!
    const p = at >>> 0
    if (far !== 0 || m[h + L.LAST] !== L.tailOf(p, size) || !this.isHeadWhole(p, m[h + L.SPAN]! >>> 0)) return false
    let i = (at >>> 2) + (size >>> 2)
    const odd = size & 3
    if (odd !== 0 && (m[i++]! ^ word) >>> (odd << 3) !== 0) return false
    for (; i <= h; i++) if (m[i] !== word) return false
    return true
  }

  /** What the words of a block must be, from NEXT to TAIL. */
  private wordsOf({ p, span, at, size, site, freed, condition }: Block, next: number): number[] {
    const { key, word } = this
    const isLive = condition === 'live'
    const seal = isLive
      ? L.liveSealOf(key, at, 0, next, span, size, site)
      : L.freedSealOf(key, at, size, site, freed, condition)
    return [next, span, word, word, word, size, site, isLive ? 0 : freed, seal, L.tailOf(p, size)]
  }

  private sealedAt(at: Addr, h: number): L.Condition | undefined {
    const m = this.words.i32
    const seal = m[h + L.SEAL]
    if (seal === this.liveSeal(at, h)) return 'live'
    if (seal === L.freedSeal(m, h, at, this.key, 'freed')) return 'freed'
    return seal === L.freedSeal(m, h, at, this.key, 'cleared') ? 'cleared' : undefined
  }

  private liveSeal(at: Addr, h: number): number {
    const m = this.words.i32
    const seal = L.liveSealOf(this.key, at, 0, m[h + L.NEXT]!, m[h + L.SPAN]!, m[h + L.SIZE]!, m[h + L.SITE]!)
    return seal ^ Math.imul(m[h + L.FREED]!, 0xcc9e2d51)
  }
}

/** How many bytes of two words differ. */
export function differing(a: number, b: number): number {
  let count = 0
  for (let bits = a ^ b; bits !== 0; bits >>>= 8) if ((bits & 0xff) !== 0) count++
  return count
}
