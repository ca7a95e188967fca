/**
 * inspector: looks at blocks, notes what is damaged, and puts it right.
 */
import type { Addr } from '../../src/contract/addr.ts'
import { type Block, type Damage, damageOf, dress, recall } from './block.ts'
import type { Blocks } from './blocks.ts'
import { countOther, fill, firstOther } from './bytes.ts'
import * as L from './layout.ts'
import type { Notes } from './notes.ts'

export class Inspector {
  private readonly blocks: Blocks
  private readonly notes: Notes
  private readonly hasGuards: boolean

  constructor(blocks: Blocks, notes: Notes, level: number) {
    this.blocks = blocks
    this.notes = notes
    this.hasGuards = level > 1
  }

  /** What lies around a block; `above` is a function of debug that is being called. */
  mend(block: Block, above: unknown): void {
    if (!this.hasGuards) return
    const { words, key, patterns, isStack } = this.blocks
    const m = words.i32
    const h = L.headerOf(block.at)
    const isLive = block.condition === 'live'
    const isSealed = L.conditionOf(m, block.at, key) === block.condition
    const next = !isLive || isSealed ? m[h + L.NEXT]! : isStack ? this.blocks.newestBefore(block.at) : 0
    const known = isSealed ? block : recall(words, key, block, next)
    const damage = damageOf(words, key, known, patterns.guard, next)
    if (damage === undefined) return
    const { p, span, at, size, site, freed, condition } = known
    this.notes.damage(damage.kind, sentence(damage, at), known, damage.place, above)
    dress(words, key, p, span, at, size, next, site, patterns.guard)
    if (condition === 'live') return
    m[h + L.FREED] = freed
    m[h + L.SEAL] = L.freedSeal(m, h, at, key, condition)
  }

  /** A live block whose end the region keeps for itself, and `count` bytes of that from `place` on were written. */
  overrun(block: Block, place: Addr, count: number, above: unknown): void {
    const { words, key, patterns } = this.blocks
    const { p, span, at, size, site } = block
    const next = words.i32[L.headerOf(at) + L.NEXT]!
    const damage = this.hasGuards ? damageOf(words, key, block, patterns.guard, next) : undefined
    const all = damage?.kind === 'overflow' ? { ...damage, place, count: count + damage.count } : undefined
    this.notes.damage('overflow', sentence(all ?? { kind: 'overflow', place, count }, at), block, place, above)
    if (all !== undefined) dress(words, key, p, span, at, size, next, site, patterns.guard)
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
    let isFreedDamaged = false
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

function sentence({ kind, place, count }: Damage, at: number): string {
  const written = `${were(count)} written, from offset ${place - at} on`
  switch (kind) {
    case 'overflow':
      return `${bytes(count)} behind the block ${written}`
    case 'underflow':
      return `${bytes(count)} before the block ${written}`
    case 'write-after-free':
      return `${bytes(count)} beside a freed block ${written}`
    case 'corrupted':
      return `what debug keeps before the block was overwritten, from offset ${place - at} on`
  }
}

const bytes = (count: number): string => (count === 1 ? '1 byte' : `${count} bytes`)
const were = (count: number): string => (count === 1 ? 'was' : 'were')
