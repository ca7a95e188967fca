/**
 * blocks: which blocks there are, and which of them an address belongs to.
 *
 *   block of the wrapped method     in it
 *   busy                            a guarded block: live, or freed and in the quarantine
 *                                   a plain block, where only some are guarded
 *   free, cached                    nothing; perhaps the remains of a guarded block
 */
import { type Addr, NIL } from '../../src/contract/addr.ts'
import type { Method, MethodDef } from '../../src/contract/method.ts'
import type { Store } from '../../src/contract/store.ts'
import { roundUp } from '../../src/ground/bits.ts'
import type { Site } from '../../src/ground/stacks.ts'
import type { Words } from '../../src/ground/words.ts'
import {
  agreement,
  type Block,
  type Damage,
  damageOf,
  dress,
  isSound,
  isUntouched,
  isWhole,
  read,
  recall,
  recover,
} from './block.ts'
import * as L from './layout.ts'
import { isSelective, type Patterns, patternsOf, type Settings } from './settings.ts'

export class Blocks {
  readonly words: Words
  readonly patterns: Patterns
  /** Tells this region's blocks from those of others. */
  readonly key: L.Key
  /** From a wrapped block to the payload in it, where nobody asked for another alignment. */
  readonly lead: number
  /** Bytes behind a payload, at least. */
  readonly after: number
  /** The wrapped method serves one size. */
  readonly isUniform: boolean
  /** It frees the newest block only. */
  readonly isStack: boolean
  /** Plain blocks are about. */
  readonly isMixed: boolean

  protected readonly store: Store
  protected readonly inner: Method
  protected readonly fills: number
  protected readonly hasGuards: boolean
  protected readonly guard: number
  protected readonly freed: number

  constructor(
    store: Store,
    inner: Method,
    claims: Pick<MethodDef, 'frees'> | undefined,
    settings: Settings,
    lead = roundUp(L.HEADER, store.align),
    after = L.GUARD + L.TAIL,
  ) {
    this.store = store
    this.words = store.words
    this.inner = inner
    this.patterns = patternsOf(settings)
    this.key = L.keyOf(store.state)
    this.guard = this.patterns.guard
    this.freed = this.patterns.freed
    this.fills = settings.fill
    this.hasGuards = settings.level > 1
    this.lead = lead
    this.after = after
    this.isUniform = inner.unit !== undefined
    this.isStack = claims?.frees === 'newest'
    this.isMixed = isSelective(settings) && !this.isUniform && !this.isStack
  }

  /** Bytes of a wrapped block that has `lead` bytes before a payload of `size`. */
  spanFor(lead: number, size: number): number {
    return lead + roundUp(size, 4) + this.after
  }

  /** The words of the block whose payload starts at `at`, as an index. */
  headerOf(at: Addr): number {
    return L.headerOf(at)
  }

  /** From a wrapped block to the payload in it, which has its words at `h`. */
  leadAt(h: number): number {
    return this.words.i32[h + L.LEAD]!
  }

  /** The words of a block of which it is known where it lies, whatever they say. */
  headerIn({ at }: Block): number {
    return L.headerOf(at)
  }

  /** What the words of a block say of it, or undefined where they are damaged. */
  conditionIn({ at }: Block): L.Condition | undefined {
    return L.conditionOf(this.words.i32, at, this.key)
  }

  /** A block whose seal is broken, with its stacks as far as they are known. */
  recalled(block: Block, next: number): Block {
    return recall(this.words, this.key, block, this.headerIn(block), next)
  }

  /** The first damage around a block. */
  damageOf(block: Block, next: number): Damage | undefined {
    return damageOf(this.words, this.key, block, this.guard, next)
  }

  /** Writes everything around the payload of a busy block. */
  dress(p: Addr, span: number, at: Addr, size: number, next: number, site: Site): void {
    dress(this.words, this.key, p, span, at, size, next, site, this.guard)
  }

  /** Writes all of it anew around a block of whatever condition. */
  restore(block: Block, next: number): void {
    const { p, span, at, size, site, freed, condition } = block
    this.dress(p, span, at, size, next, site)
    if (condition === 'live') return
    const m = this.words.i32
    const h = this.headerIn(block)
    m[h + L.FREED] = freed
    m[h + L.SEAL] = L.freedSeal(m, h, at, this.key, condition)
  }

  /** Whether the payload of a live block starts at `at`: any number may come. */
  isLive(at: Addr): boolean {
    if (at >>> 0 !== at || (at & 3) !== 0 || at < L.HEADER) return false
    const m = this.words.i32
    const h = L.headerOf(at)
    return m[h + L.SEAL] === L.liveSeal(m, h, at, this.key)
  }

  /** Whether the payload of a live block starts at `at`, and its guards are whole, where there are any. */
  isSound(at: Addr): boolean {
    return this.hasGuards ? isSound(this.words, this.key, at, this.guard) : this.isLive(at)
  }

  /** Whether that of a freed one does. */
  isFreed(at: Addr): boolean {
    if ((at & 3) !== 0 || at >>> 2 < L.HEADER >>> 2) return false
    const m = this.words.i32
    const h = L.headerOf(at)
    return m[h + L.SEAL] === L.freedSeal(m, h, at, this.key, 'freed')
  }

  /** Whether the guards of a block are whole, where there are any. */
  isGuarded(at: Addr): boolean {
    return !this.hasGuards || isWhole(this.words, at, this.patterns.guard)
  }

  /** Whether a freed block is as it was when it was freed. */
  isUntouched(at: Addr): boolean {
    return isUntouched(this.words, at, this.guard, this.freed, this.fills)
  }

  /** Whether a plain block starts at `at`. */
  isPlain(at: Addr): boolean {
    const span = this.inner.sizeOf(at)
    return span >= 0 && this.inside(at, span) === undefined
  }

  /** Whether the wrapped method still knows the block that it gave. */
  isKnownBelow(p: Addr, span: number): boolean {
    return this.spanOf(p, -1) === span
  }

  /** Bytes of a payload of `size` that are filled. */
  filled(size: number): number {
    return size < this.fills ? size : this.fills
  }

  /** Usable bytes of a wrapped block, as far as they are whole words; `otherwise` where the wrapped method is damaged. */
  spanOf(p: Addr, otherwise: number): number {
    const span = this.inner.sizeOf(p)
    return span < 0 ? otherwise : span - (span & 3)
  }

  /** The guarded block in a wrapped one that is busy; undefined where that is a plain one. */
  inside(p: Addr, usable: number): Block | undefined {
    const span = usable - (usable & 3)
    const block = read(this.words, this.key, p, span)
    if (block !== undefined) return block
    if (span < this.lead + L.TAIL || this.wentBack(p, span)) return undefined
    const guess = recover(this.words, p, span, this.lead, this.patterns)
    return this.isMixed && !this.wasGuarded(guess) ? undefined : guess
  }

  /** The block whose payload starts at `at`, and whose seal is in order. */
  at(at: Addr): Block {
    const m = this.words.i32
    const h = L.headerOf(at)
    return {
      p: at - (m[h + L.LEAD]! >>> 0),
      span: m[h + L.SPAN]! >>> 0,
      at,
      size: m[h + L.SIZE]! >>> 0,
      site: m[h + L.SITE]! >>> 0,
      freed: m[h + L.FREED]! >>> 0,
      condition: L.conditionOf(m, at, this.key) ?? 'live',
      isMisfit: false,
    }
  }

  /** A live block at `at` whose seal was damaged, as far as can be told. */
  damagedAt(at: Addr): Block | undefined {
    if (at >>> 0 !== at || (at & 3) !== 0 || at < L.HEADER || !this.hasGuards) return undefined
    if (this.isMixed && !this.mayHaveBeen(at)) return undefined
    const block = this.around(at)
    const isGuarded = block !== undefined && block.at > block.p
    return isGuarded && block.at === at && block.condition === 'live' ? block : undefined
  }

  /**
   * Where plain blocks are about, before a walk is made for it: whether the wrapped method has a block where that of `at`
   * would begin. That alone proves nothing: in a region nested in a block there are such heads, too.
   */
  private mayHaveBeen(at: Addr): boolean {
    const told = this.words.i32[L.headerOf(at) + L.LEAD]! >>> 0
    return [this.lead, told].some((lead) => lead <= at && lead % 4 === 0 && this.inner.sizeOf(at - lead) >= 0)
  }

  /** The end of a block may come to lie in a payload, or be cut off: it is none any more; what TAIL was. */
  disown(p: Addr, span: number): number {
    const tail = L.tailWord(p, span)
    const kept = this.words.i32[tail]!
    this.words.i32[tail] = 0
    return kept
  }

  /** A plain block begins at p: what a guarded one left there is nothing any more. */
  forget(p: Addr): void {
    const m = this.words.i32
    m[p >>> 2] = 0
    if (this.inner.sizeOf(p) >= this.lead) m[L.headerOf(p + this.lead) + L.SEAL] = 0
  }

  /** The block, guarded or plain, in whose wrapped block an address lies. */
  around(at: Addr): Block | undefined {
    let found: Block | undefined
    this.inner.walk((p, span, state) => {
      if (at < p || at >= p + span) return true
      if (state === 'busy') {
        const plain: Block = { p, span, at: p, size: span, site: 0, freed: 0, condition: 'live', isMisfit: false }
        found = this.inside(p, span) ?? plain
      }
      return false
    })
    return found
  }

  /** Over a method that frees the newest only: the newest live block of those before `at`, or of all. */
  newestBefore(at: Addr = NIL): Addr {
    let newest = NIL
    for (const block of this.all()) {
      if (block.at === at) break
      if (block.condition === 'live') newest = block.at
    }
    return newest
  }

  /** What was a guarded block at `at`, where a freed or cleared one has not been used again yet. */
  remainsAt(at: Addr): Block | undefined {
    const condition = (at & 3) === 0 && at >= L.HEADER ? L.conditionOf(this.words.i32, at, this.key) : undefined
    return condition === 'freed' || condition === 'cleared' ? this.at(at) : undefined
  }

  /** Every guarded block, live or freed, as it is before anything is done. */
  all(): Block[] {
    const blocks: Block[] = []
    this.inner.walk((p, span, state) => {
      const block = state === 'busy' ? this.inside(p, span) : undefined
      if (block !== undefined) blocks.push(block)
    })
    return blocks
  }

  /** Whether a block that is busy no more looks so, as the wrapped method has lost it from its lists. */
  protected wentBack(p: Addr, span: number): boolean {
    const m = this.words.i32
    return m[L.tailWord(p, span)] === 0 && m[p >>> 2] !== this.lead && this.isFreed(p + this.lead)
  }

  /** Where plain blocks are about: whether there was a guarded one, so that both ends cannot be chance. */
  protected wasGuarded({ p, span, at, size }: Block): boolean {
    const m = this.words.i32
    const isEnd = m[L.tailWord(p, span)] === L.tailOf(p, size) && size < span
    return isEnd && agreement(m, p, at - p, size, span, this.guard) >= 3
  }
}
