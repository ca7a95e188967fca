/**
 * quarantine: freed blocks, in the order in which they were freed, until they go back to the wrapped method.
 *
 *   state   OLDEST -> block -> block -> NEWEST      links in the blocks, mixed with their places
 *           HELD                                    the sum of their spans
 *
 * A method that frees the newest block only takes back those that nothing busy lies above, from the top down. As long as
 * freed blocks go back before the next allocation, the order in which they were freed is that order; where addresses are
 * not used again, busy blocks lie between them, and the blocks themselves have to be asked.
 */
import { type Addr, NIL } from '../../src/contract/addr.ts'
import type { Method } from '../../src/contract/method.ts'
import type { Words } from '../../src/ground/words.ts'
import type { Block } from './block.ts'
import type { Blocks } from './blocks.ts'
import type { Heads } from './heads.ts'
import type { Inspector } from './inspector.ts'
import * as L from './layout.ts'
import type { Notes } from './notes.ts'
import type { State } from './state.ts'

export class Quarantine {
  private readonly s: number
  private readonly words: Words
  private readonly blocks: Blocks
  private readonly notes: Notes
  private readonly inspector: Inspector
  private readonly state: State
  private readonly inner: Method
  /** Busy blocks may lie between those of the list, over a method that frees the newest only. */
  private readonly isMingled: boolean
  private readonly heads: Heads | undefined

  /** `s` is the first word of debug's state. */
  constructor(
    s: number,
    blocks: Blocks,
    notes: Notes,
    inspector: Inspector,
    state: State,
    inner: Method,
    isMingled: boolean,
    heads: Heads | undefined,
  ) {
    this.s = s
    this.blocks = blocks
    this.words = blocks.words
    this.notes = notes
    this.inspector = inspector
    this.state = state
    this.inner = inner
    this.isMingled = isMingled
    this.heads = heads
  }

  /** Bytes in it. */
  get held(): number {
    return this.words.i32[this.s + L.HELD]! >>> 0
  }

  add(at: Addr, span: number): void {
    const m = this.words.i32
    const { s } = this
    const newest = m[s + L.NEWEST]! >>> 0
    m[this.blocks.headerOf(at) + L.NEXT] = L.linked(at, NIL)
    if (newest === NIL) m[s + L.OLDEST] = at
    else m[this.blocks.headerOf(newest) + L.NEXT] = L.linked(newest, at)
    m[s + L.NEWEST] = at
    m[s + L.HELD] = m[s + L.HELD]! + span
  }

  /** Gives the oldest back until it holds no more than `limit` bytes; each is looked at before. */
  release(limit: number): void {
    if (this.isMingled) {
      if (this.held > limit) this.pop()
      return
    }
    const { words, s } = this
    let left = this.held >>> 5 // no list has more blocks, unless its links go in a circle
    for (; words.i32[s + L.HELD]! >>> 0 > limit && left > 0; left--) {
      const at = words.i32[s + L.OLDEST]!
      if (!this.blocks.isFreed(at)) this.rebuild(true)
      else if (!this.leave(at)) return
    }
    if (this.held > limit) this.rebuild(true)
  }

  empty(): void {
    const m = this.words.i32
    m[this.s + L.OLDEST] = NIL
    m[this.s + L.NEWEST] = NIL
    m[this.s + L.HELD] = 0
  }

  /** Whether its links and its bytes are those of the freed blocks that there are. */
  isWhole(): boolean {
    const freed = this.blocks.all().filter(({ condition }) => condition === 'freed')
    return this.held === freed.reduce((sum, { span }) => sum + span, 0) && this.held === this.chained()
  }

  /**
   * Chains all freed blocks anew, as they lie in memory. It is told where `isNews`, unless what was told already explains
   * it: damage to one of the blocks, or to the wrapped method.
   */
  rebuild(isNews: boolean): void {
    const { count } = this.notes
    this.heads?.mend(this.rebuild)
    const freed = this.blocks.all().filter(({ condition }) => condition === 'freed')
    if (this.blocks.isStack) freed.reverse()
    for (const block of freed) this.inspector.mend(block, this.rebuild)
    this.chain(freed)
    if (!isNews || this.notes.count > count || !this.state.isSoundBelow(this.rebuild)) return
    this.notes.corrupted('the list of freed blocks was overwritten', this.s * 4 + L.OLDEST * 4, this.rebuild)
  }

  /** The oldest block leaves, whose address may come as a signed number; false when the wrapped method does not take it. */
  private leave(at: Addr): boolean {
    const { s, blocks } = this
    const m = this.words.i32
    if (!blocks.isUntouched(at)) this.inspector.lookInside(blocks.at(at >>> 0), this.release)
    const h = blocks.headerOf(at)
    const span = m[h + L.SPAN]!
    const next = L.linked(at, m[h + L.NEXT]!)
    m[s + L.OLDEST] = next
    if (next === NIL) {
      m[s + L.NEWEST] = NIL
      m[s + L.HELD] = 0
    } else m[s + L.HELD] = m[s + L.HELD]! - span
    if (this.giveBack((at - blocks.leadAt(h)) >>> 0, span >>> 0)) return true
    this.refused(blocks.at(at >>> 0))
    if (!blocks.isStack) return true
    this.pop()
    return false
  }

  /** Over a method that frees the newest only: what is freed and lies on top goes back; the rest stays. */
  private pop(): void {
    const blocks = this.blocks.all()
    for (let block = blocks.pop(); block !== undefined; block = blocks.pop()) {
      if (block.condition === 'freed') this.inspector.lookInside(block, this.release)
      if (block.condition === 'freed' && this.giveBack(block.p, block.span)) continue
      blocks.push(block)
      break
    }
    this.chain(blocks.filter(({ condition }) => condition === 'freed').reverse())
  }

  private chain(freed: readonly Block[]): void {
    this.empty()
    for (const { at, span } of freed) if (this.blocks.isFreed(at)) this.add(at, span)
  }

  private giveBack(p: Addr, span: number): boolean {
    if (this.heads !== undefined && !this.heads.isInOrder(p, span)) this.heads.mend(this.giveBack)
    if (!this.blocks.isKnownBelow(p, span)) return false
    const m = this.words.i32
    const tail = L.tailWord(p, span)
    const kept = m[tail]!
    m[tail] = 0
    if (this.inner.free(p)) return true
    m[tail] = kept
    return false
  }

  /** What the wrapped method keeps must be damaged; when it sees nothing itself, the block tells. */
  private refused(block: Block): void {
    if (this.state.isBroken || !this.state.isSoundBelow(this.refused)) return
    const what = `the wrapped method does not take back the block of ${block.size} bytes: what it keeps beside it was overwritten`
    this.notes.damage('corrupted', what, block, block.p - 4, this.refused)
  }

  /** Bytes in it by its links; -1 where they do not end at NEWEST. */
  private chained(): number {
    const m = this.words.i32
    let bytes = 0
    let last = NIL
    for (let at = m[this.s + L.OLDEST]! >>> 0; at !== NIL; at = L.linkFrom(at, m[this.blocks.headerOf(at) + L.NEXT]!)) {
      if (!this.blocks.isFreed(at) || bytes > this.held) return -1
      bytes += Math.max(L.HEADER, m[this.blocks.headerOf(at) + L.SPAN]! >>> 0)
      last = at
    }
    return last === m[this.s + L.NEWEST]! >>> 0 ? bytes : -1
  }
}
