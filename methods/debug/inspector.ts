/**
 * inspector: looks at blocks, notes what is damaged, and puts it right.
 */
import type { Addr } from '../../src/contract/addr.ts'
import type { Method } from '../../src/contract/method.ts'
import { VmallocError } from '../../src/ground/fault.ts'
import { type Block, type Damage, damageOf, dress } from './block.ts'
import type { Blocks } from './blocks.ts'
import { countOther, fill, firstOther } from './bytes.ts'
import * as L from './layout.ts'
import type { Notes } from './notes.ts'

const NOTHING = { size: 0, site: 0, freed: 0 }

export class Inspector {
  private readonly blocks: Blocks
  private readonly notes: Notes
  private readonly inner: Method
  private readonly hasGuards: boolean

  constructor(blocks: Blocks, notes: Notes, inner: Method, level: number) {
    this.blocks = blocks
    this.notes = notes
    this.inner = inner
    this.hasGuards = level > 1
  }

  /** What lies around a block; `above` is a function of debug that is being called. */
  mend(block: Block, above: unknown): void {
    const { words, patterns, isStack } = this.blocks
    const damage = this.hasGuards ? damageOf(words, block, patterns.guard, isStack) : undefined
    if (damage === undefined) return
    const { p, span, at, size, site, freed, condition } = block
    this.notes.damage(damage.kind, sentence(damage, at), block, damage.place, above)
    const m = words.i32
    const h = L.headerOf(at)
    const next = condition === 'live' && !isStack ? 0 : m[h + L.NEXT]!
    dress(words, p, span, at, size, next, site, patterns.guard)
    if (condition === 'live') return
    m[h + L.FREED] = freed
    m[h + L.SEAL] = L.freedSeal(m, h, at, condition)
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

  /** Every block, and what the wrapped method keeps. */
  sweep(): void {
    for (const block of this.blocks.all()) {
      if (block.condition === 'live') this.mend(block, this.sweep)
      else this.lookInside(block, this.sweep)
    }
    try {
      this.inner.check(3)
    } catch (error) {
      if (!(error instanceof VmallocError) || error.code !== 'corrupted') throw error
      const law = error.message.replaceAll(/\d+/g, '')
      if (this.notes.isNews(`${law} ${error.place}`)) this.broken(error, this.sweep)
    }
  }

  private broken({ message, place = 0 }: VmallocError, above: unknown): void {
    const at: Addr = place
    if (at < this.blocks.words.length) this.notes.damage('corrupted', message, { ...NOTHING, at }, at, above)
    else this.notes.add('corrupted', message, { ...NOTHING, at }, 0, above)
  }
}

function sentence({ kind, place, count }: Damage, at: Addr): string {
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
