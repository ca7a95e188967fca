/**
 * quarantine: freed blocks, in the order in which they were freed, until they go back to the wrapped method.
 *
 *   state   OLDEST -> block -> block -> NEWEST      links in the blocks, mixed with their places
 *           HELD                                    the sum of their spans
 */
import { type Addr, NIL } from '../../src/contract/addr.ts'
import type { Method } from '../../src/contract/method.ts'
import type { Block } from './block.ts'
import type { Blocks } from './blocks.ts'
import type { Inspector } from './inspector.ts'
import * as L from './layout.ts'
import type { Notes } from './notes.ts'

export class Quarantine {
  private readonly s: number
  private readonly blocks: Blocks
  private readonly notes: Notes
  private readonly inspector: Inspector
  private readonly inner: Method

  /** `s` is the first word of debug's state. */
  constructor(s: number, blocks: Blocks, notes: Notes, inspector: Inspector, inner: Method) {
    this.s = s
    this.blocks = blocks
    this.notes = notes
    this.inspector = inspector
    this.inner = inner
  }

  /** Bytes in it. */
  get held(): number {
    return this.blocks.words.i32[this.s + L.HELD]! >>> 0
  }

  add(at: Addr, span: number): void {
    const m = this.blocks.words.i32
    const { s } = this
    const newest = m[s + L.NEWEST]! >>> 0
    m[L.headerOf(at) + L.NEXT] = L.linked(at, NIL)
    if (newest === NIL) m[s + L.OLDEST] = at
    else m[L.headerOf(newest) + L.NEXT] = L.linked(newest, at)
    m[s + L.NEWEST] = at
    m[s + L.HELD] = m[s + L.HELD]! + span
  }

  /** Gives the oldest back until it holds no more than `limit` bytes; each is looked at before. */
  release(limit: number): void {
    const { s, blocks } = this
    let left = Math.ceil(this.held / L.HEADER) // no list has more blocks, unless its links go in a circle
    while (this.held > limit) {
      if (left-- === 0) {
        this.rebuild()
        return
      }
      const m = blocks.words.i32
      const at = m[s + L.OLDEST]! >>> 0
      if (!blocks.isFreed(at)) {
        this.rebuild()
        continue
      }
      if (!blocks.isUntouched(at)) this.inspector.lookInside(blocks.at(at), this.release)
      const h = L.headerOf(at)
      const p = at - (m[h + L.LEAD]! >>> 0)
      const span = m[h + L.SPAN]! >>> 0
      const next = L.linkFrom(at, m[h + L.NEXT]!)
      m[s + L.OLDEST] = next
      if (next === NIL) m[s + L.NEWEST] = NIL
      m[s + L.HELD] = next === NIL ? 0 : Math.max(0, this.held - span)
      this.giveBack(at, p, span)
    }
  }

  empty(): void {
    const m = this.blocks.words.i32
    m[this.s + L.OLDEST] = NIL
    m[this.s + L.NEWEST] = NIL
    m[this.s + L.HELD] = 0
  }

  /** Whether its links and its bytes are those of the freed blocks that there are. */
  isWhole(): boolean {
    const freed = this.blocks.all().filter(({ condition }) => condition === 'freed')
    return this.held === freed.reduce((sum, { span }) => sum + span, 0) && this.held === this.chained()
  }

  /** Chains all freed blocks anew, as they lie in memory. */
  rebuild(): void {
    const at = this.blocks.words.i32[this.s + L.OLDEST]! >>> 0
    this.empty()
    for (const block of this.blocks.all()) {
      if (block.condition !== 'freed') continue
      this.inspector.mend(block, this.rebuild)
      if (this.blocks.isFreed(block.at)) this.add(block.at, block.span)
    }
    if (!this.notes.isNews('quarantine')) return
    this.notes.add(
      'corrupted',
      'the list of freed blocks was overwritten',
      { at, size: 0, site: 0, freed: 0 },
      0,
      this.rebuild,
    )
  }

  private giveBack(at: Addr, p: Addr, span: number): void {
    const m = this.blocks.words.i32
    const tail = L.tailWord(p, span)
    const kept = m[tail]!
    m[tail] = 0
    if (this.inner.free(p)) return
    m[tail] = kept
    if (this.blocks.isStack)
      this.empty() // it lies under a busy block, as all that were freed before
    else this.refused(this.blocks.at(at))
  }

  private refused(block: Block): void {
    if (!this.notes.isNews(`refused ${block.at}`)) return
    const what = `the wrapped method does not take back the block of ${block.size} bytes: what it keeps beside it was overwritten`
    this.notes.damage('corrupted', what, block, block.p - 4, this.refused)
  }

  /** Bytes in it by its links; -1 where they do not end at NEWEST. */
  private chained(): number {
    const m = this.blocks.words.i32
    let bytes = 0
    let last = NIL
    for (let at = m[this.s + L.OLDEST]! >>> 0; at !== NIL; at = L.linkFrom(at, m[L.headerOf(at) + L.NEXT]!)) {
      if (!this.blocks.isFreed(at) || bytes > this.held) return -1
      bytes += Math.max(L.HEADER, m[L.headerOf(at) + L.SPAN]! >>> 0)
      last = at
    }
    return last === m[this.s + L.NEWEST]! >>> 0 ? bytes : -1
  }
}
