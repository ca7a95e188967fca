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
import type { Words } from '../../src/ground/words.ts'
import { agreement, type Block, isSound, isUntouched, isWhole, read, recover } from './block.ts'
import * as L from './layout.ts'
import { isSelective, type Patterns, patternsOf, type Settings } from './settings.ts'

export class Blocks {
  readonly words: Words
  readonly patterns: Patterns
  /** Tells this region's blocks from those of others. */
  readonly key: L.Key
  /** From a wrapped block to the payload in it, where nobody asked for another alignment. */
  readonly lead: number
  /** The wrapped method serves one size. */
  readonly isUniform: boolean
  /** It frees the newest block only. */
  readonly isStack: boolean
  /** Plain blocks are about. */
  readonly isMixed: boolean

  private readonly inner: Method
  private readonly fills: number
  private readonly hasGuards: boolean
  private readonly guard: number
  private readonly freed: number

  constructor(store: Store, inner: Method, claims: Pick<MethodDef, 'frees'> | undefined, settings: Settings) {
    this.words = store.words
    this.inner = inner
    this.patterns = patternsOf(settings)
    this.key = L.keyOf(store.state)
    this.guard = this.patterns.guard
    this.freed = this.patterns.freed
    this.fills = settings.fill
    this.hasGuards = settings.level > 1
    this.lead = roundUp(L.HEADER, store.align)
    this.isUniform = inner.unit !== undefined
    this.isStack = claims?.frees === 'newest'
    this.isMixed = isSelective(settings) && !this.isUniform && !this.isStack
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
  private wentBack(p: Addr, span: number): boolean {
    const m = this.words.i32
    return m[L.tailWord(p, span)] === 0 && m[p >>> 2] !== this.lead && this.isFreed(p + this.lead)
  }

  /** Where plain blocks are about: whether there was a guarded one, so that both ends cannot be chance. */
  private wasGuarded({ p, span, at, size }: Block): boolean {
    const m = this.words.i32
    const isEnd = m[L.tailWord(p, span)] === L.tailOf(p, size) && size < span
    return isEnd && agreement(m, p, at - p, size, span, this.guard) >= 3
  }
}
