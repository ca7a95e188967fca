/**
 * notes: what debug found out and has not told yet, and the stacks that go with it.
 *
 * Findings are noted where they are seen, in the middle of an operation, and told at its end, when all is in order: who
 * hears of them may use the region.
 */
import type { Addr } from '../../src/contract/addr.ts'
import type { FindingKind, Found } from '../../src/contract/finding.ts'
import type { Store } from '../../src/contract/store.ts'
import { capture, type Site } from '../../src/ground/stacks.ts'
import type { Block, Damage } from './block.ts'
import { excerpt } from './bytes.ts'
import type { Settings } from './settings.ts'

const DETECTED_DEPTH = 8
const MOST_TOLD = 4096
const ALLOC = 0
const FREE = 1

/** The block that a finding is about. */
export interface Subject {
  readonly at: Addr
  readonly size: number
  readonly site: Site
  readonly freed: Site
}

export class Notes {
  private readonly store: Store
  private readonly settings: Settings
  private found: Found[] = []
  /** Calls since a stack was recorded, of either kind. */
  private readonly turns: [number, number] = [0, 0]
  private readonly depth: number
  private readonly nth: number
  /** Calls of which a mistake was told, until their address is handed out again. */
  private readonly told = new Set<string>()

  constructor(store: Store, settings: Settings) {
    this.store = store
    this.settings = settings
    this.depth = settings.depth
    this.nth = settings.nth
  }

  /** How many are noted. */
  get count(): number {
    return this.found.length
  }

  get first(): Found | undefined {
    return this.found[0]
  }

  /** Notes bytes of a block that were written: `place` is the first one, `above` a function of debug that is being called. */
  damage(kind: FindingKind, what: string, subject: Subject, place: Addr, above: unknown): void {
    this.add(kind, what, subject, place - subject.at, above, excerpt(this.store.words, place))
  }

  /** Notes damage around a block, in the words that go with it. */
  harm(damage: Damage, block: Block, above: unknown): void {
    this.damage(damage.kind, sentence(damage, block.at), block, damage.place, above)
  }

  /** Notes that words were overwritten that belong to no block of the client; what they say now is shown. */
  corrupted(what: string, at: Addr, above: unknown): void {
    const nobody = { at, size: 0, site: 0, freed: 0 }
    if (at < this.store.words.length) this.damage('corrupted', what, nobody, at, above)
    else this.add('corrupted', what, nobody, 0, above)
  }

  add(
    kind: FindingKind,
    what: string,
    { at, size, site, freed }: Subject,
    offset: number,
    above: unknown,
    shown?: NonNullable<Found['bytes']>,
  ): void {
    const found = { kind, what, at, size, offset, allocated: site, freed, detected: this.detected(above) }
    this.found.push(shown === undefined ? found : { ...found, bytes: shown })
  }

  push(found: Found): void {
    this.found.push(found)
  }

  /** Tells what is noted. */
  tell(): void {
    while (this.found.length > 0) this.report(this.found.shift()!)
  }

  report(found: Found): void {
    // biome-ignore lint/suspicious/noDebugger: that is what the option asks for
    if (this.settings.debugger !== 0) debugger
    this.store.report(this.settings.abort === 0 ? found : { ...found, abort: true })
  }

  /** Whether something is said for the first time. */
  isNews(what: string): boolean {
    if (this.told.has(what)) return false
    if (this.told.size >= MOST_TOLD) this.told.clear()
    this.told.add(what)
    return true
  }

  /** An address is handed out: mistakes with it are news again. */
  renew(at: Addr): void {
    if (this.told.size === 0) return
    this.told.delete(`free ${at}`)
    this.told.delete(`resize ${at}`)
  }

  /** The stack of a client that allocates, of one call in `nth`. */
  site(above: unknown): Site {
    return this.inTurn(ALLOC, above)
  }

  /** That of one that frees, counted apart: in a program that does both in turn one of them would never be the n-th. */
  freed(above: unknown): Site {
    return this.inTurn(FREE, above)
  }

  private inTurn(kind: typeof ALLOC | typeof FREE, above: unknown): Site {
    const { depth, nth, turns } = this
    if (depth === 0) return 0
    if (nth > 1) {
      if (++turns[kind] < nth) return 0
      turns[kind] = 0
    }
    return capture(depth, above)
  }

  /** The stack of the client at whose call something was noticed: always recorded. */
  detected(above: unknown): Site {
    return capture(this.settings.depth > 0 ? this.settings.depth : DETECTED_DEPTH, above)
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

export const bytes = (count: number): string => (count === 1 ? '1 byte' : `${count} bytes`)
export const were = (count: number): string => (count === 1 ? 'was' : 'were')
