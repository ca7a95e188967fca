/**
 * inspector: looks at blocks, notes what is damaged, and puts it right.
 */
import type { Addr } from '../../src/contract/addr.ts'
import type { Block } from './block.ts'
import type { Blocks } from './blocks.ts'
import { countOther, fill, firstOther } from './bytes.ts'
import type { Heads } from './heads.ts'
import * as L from './layout.ts'
import { bytes, type Notes, were } from './notes.ts'

export class Inspector {
  private readonly blocks: Blocks
  private readonly notes: Notes
  private readonly hasGuards: boolean
  private readonly heads: Heads | undefined

  /** `heads` are there where the word before a payload is its guard. */
  constructor(blocks: Blocks, notes: Notes, level: number, heads: Heads | undefined) {
    this.blocks = blocks
    this.notes = notes
    this.hasGuards = level > 1
    this.heads = heads
  }

  /** What lies around a block; `above` is a function of debug that is being called. */
  mend(block: Block, above: unknown): void {
    if (!this.hasGuards) return
    const { blocks } = this
    this.heads?.mendAt(block, above)
    const m = blocks.words.i32
    const isLive = block.condition === 'live'
    const isSealed = blocks.conditionIn(block) === block.condition
    const kept = m[blocks.headerIn(block) + L.NEXT]!
    const next = !isLive || isSealed ? kept : blocks.isStack ? blocks.newestBefore(block.at) : 0
    const known = isSealed ? block : blocks.recalled(block, next)
    const damage = blocks.damageOf(known, next)
    if (damage === undefined) return
    this.notes.harm(damage, known, above)
    blocks.restore(known, next)
  }

  /** A live block whose end the region keeps for itself, and `count` bytes of that from `place` on were written. */
  overrun(block: Block, place: Addr, count: number, above: unknown): void {
    const { blocks } = this
    const next = blocks.words.i32[blocks.headerIn(block) + L.NEXT]!
    const damage = this.hasGuards ? blocks.damageOf(block, next) : undefined
    const all = damage?.kind === 'overflow' ? { ...damage, place, count: count + damage.count } : undefined
    this.notes.harm(all ?? { kind: 'overflow', place, count }, block, above)
    if (all !== undefined) blocks.restore(block, next)
  }

  /** A freed block: what lies around it, and its fill. */
  lookInside(block: Block, above: unknown): void {
    this.mend(block, above)
    const { words, patterns } = this.blocks
    const { at, size } = block
    const end = at + this.blocks.filled(size)
    const place = firstOther(words, at, end, patterns.freed)
    if (place < 0) return
    const count = countOther(words, at, end, patterns.freed)
    const what = `${bytes(count)} of a freed block ${were(count)} written, from offset ${place - at} on`
    this.notes.damage('write-after-free', what, block, place, above)
    fill(words, at, end, patterns.freed)
  }

  /** Every block; whether a freed one was damaged, and with it perhaps what links it to others. */
  sweep(above: unknown): boolean {
    let isFreedDamaged = this.heads?.mend(above) ?? false
    for (const block of this.blocks.all()) {
      if (block.condition === 'live') this.mend(block, above)
      else {
        const { count } = this.notes
        this.lookInside(block, above)
        if (this.notes.count > count) isFreedDamaged = true
      }
    }
    return isFreedDamaged
  }
}
