/**
 * state: what debug keeps in its state, and what the wrapped method keeps, held against what the blocks say.
 *
 *   the wrapped method     its own laws; that it is damaged is told once, until it was seen sound again or cleared
 *   settings               their hash; the object has them too
 *   busy bytes below       the sum of a walk
 *   newest block           the last live one of a walk, over a method that frees the newest only
 *   turn, size of payloads what they can be
 *
 * Each word that is wrong is told, and put right.
 */
import { type Addr, NIL } from '../../src/contract/addr.ts'
import type { Method } from '../../src/contract/method.ts'
import type { Store } from '../../src/contract/store.ts'
import { VmallocError } from '../../src/ground/fault.ts'
import type { Blocks } from './blocks.ts'
import * as L from './layout.ts'
import type { Notes } from './notes.ts'
import { keepSettings, keptSettings, type Settings } from './settings.ts'

export class State {
  /** Whether the wrapped method was found damaged. */
  isBroken = false

  private readonly store: Store
  private readonly s: number
  private readonly settings: Settings
  private readonly blocks: Blocks
  private readonly notes: Notes
  private readonly inner: Method
  /** Bytes to ask of the wrapped method for a payload. */
  private readonly grossOf: (size: number) => number

  constructor(
    store: Store,
    settings: Settings,
    blocks: Blocks,
    notes: Notes,
    inner: Method,
    grossOf: (size: number) => number,
  ) {
    this.store = store
    this.s = store.state >>> 2
    this.settings = settings
    this.blocks = blocks
    this.notes = notes
    this.inner = inner
    this.grossOf = grossOf
  }

  /** Whether the wrapped method keeps its laws; `above` is a function of debug that is being called. */
  isSoundBelow(above: unknown): boolean {
    const flaw = this.flawBelow()
    if (flaw === undefined || this.isCount(above)) {
      this.isBroken = false
      return true
    }
    if (!this.isBroken) flaw(above)
    this.isBroken = true
    return false
  }

  /** Holds every word of the state against what the blocks say, once the wrapped method is sound. */
  mend(above: unknown): void {
    const m = this.blocks.words.i32
    if (keptSettings(m, this.s) === undefined) {
      this.tell(L.SETTINGS, 'the settings of debug were overwritten', above)
      keepSettings(m, this.s, this.settings)
    }
    const busy = this.busyBelow()
    this.expect(L.INNER, 'busy bytes of the wrapped method', busy, above)
    if (this.get(L.INNER + 1) < busy) this.expect(L.INNER + 1, 'high tide of the wrapped method', busy, above)
    this.expect(L.TOP, 'newest block', this.blocks.isStack ? this.blocks.newestBefore() : NIL, above)
    if (this.get(L.TURN) >= this.settings.every) this.expect(L.TURN, 'turn', 0, above)
    const unit = this.get(L.UNIT)
    const below = this.inner.unit?.() ?? 0
    if ((unit === 0 ? 0 : this.grossOf(unit)) !== below) {
      this.expect(L.UNIT, 'size of payloads', below === 0 ? 0 : this.unitFor(below), above)
    }
  }

  /** Puts a word right. */
  private expect(field: number, what: string, value: number, above: unknown): void {
    const had = this.get(field)
    if (had === value) return
    this.tell(field, `debug: ${what}: ${had}, expected ${value}`, above)
    this.blocks.words.i32[this.s + field] = value
  }

  private tell(field: number, what: string, above: unknown): void {
    this.notes.corrupted(what, this.store.state + 4 * field, above)
  }

  /** What tells of the law of the wrapped method that is broken: one of its own, or that its blocks are as they were. */
  private flawBelow(): ((above: unknown) => void) | undefined {
    try {
      this.inner.check(3)
    } catch (error) {
      if (!(error instanceof VmallocError) || error.code !== 'corrupted') throw error
      return (above) => this.notes.corrupted(error.message, error.place ?? this.store.state, above)
    }
    const block = this.blocks.all().find(({ isMisfit }) => isMisfit)
    if (block === undefined) return undefined
    const { p, span } = block
    const what = `what the wrapped method keeps before the block was overwritten: it says ${this.inner.sizeOf(p)} bytes of ${span}`
    return (above) => this.notes.damage('corrupted', what, block, p - 4, above)
  }

  /** Whether nothing but the count of busy bytes, which debug keeps for the wrapped method, was wrong; it is right then. */
  private isCount(above: unknown): boolean {
    const had = this.get(L.INNER)
    const busy = this.busyBelow()
    this.blocks.words.i32[this.s + L.INNER] = busy
    const isSound = had !== busy && this.flawBelow() === undefined
    this.blocks.words.i32[this.s + L.INNER] = had
    if (isSound) this.expect(L.INNER, 'busy bytes of the wrapped method', busy, above)
    return isSound
  }

  private busyBelow(): number {
    let busy = 0
    this.inner.walk((_p, span, state) => {
      if (state === 'busy') busy += span
    })
    return busy
  }

  /** The size of payloads in wrapped blocks of one size. */
  private unitFor(below: number): number {
    const [block] = this.blocks.all()
    if (block !== undefined && this.grossOf(block.size) === below) return block.size
    return Math.max(0, below - this.grossOf(0))
  }

  private get(field: number): Addr {
    return this.blocks.words.i32[this.s + field]! >>> 0
  }
}
