/**
 * ground: a region as those see it who keep structures in its bytes.
 *
 *   cell    a word index from the first byte of the space: what structures keep as links. Below 2^30, so never a
 *           number that the engine must box; 0 is none
 *   era     the region's, when the ground was made; another one in the bytes says that all blocks are gone
 *
 * Between `lock` and `unlock` no other thread changes the space, and the words are those of the memory as it is. Where
 * memory is not shared there is nothing to lock, and both do nothing.
 */
import { type Addr, type Cell, NIL } from '../contract/addr.ts'
import type { Region } from '../contract/region.ts'
import { VmallocError } from '../ground/fault.ts'
import type { Lock } from '../ground/lock.ts'
import type { Words } from '../ground/words.ts'
import { ERA, IS_REGION, MAGIC, SERIAL } from './header.ts'
import { Handle } from './region.ts'
import type { Space } from './space.ts'

/** Whatever has a region: the region itself, a heap, a pool, a scope. */
export type Home = Region | { readonly region: Region }

export class Ground {
  readonly region: Handle
  readonly words: Words
  /** What is added to an address in the space to make it a client's. */
  readonly bias: number
  /** Where the region's header is, and in it the number of its era. */
  readonly header: Cell
  readonly eraCell: Cell
  /** The era in which this ground is good. */
  readonly era: number
  readonly serial: number
  /** Undefined where memory is not shared. */
  readonly guard: Lock | undefined
  private readonly space: Space

  constructor(home: Home, what: string) {
    const region = handleOf(home, what)
    const { words, space, header } = region.store
    if (words.gone || space.shared) space.renew()
    const m = words.i32
    this.region = region
    this.words = words
    this.bias = space.base
    this.header = header >>> 2
    this.eraCell = (header + ERA) >>> 2
    this.era = m[this.eraCell]!
    this.serial = m[(header + SERIAL) >>> 2]!
    this.guard = space.lock
    this.space = space
  }

  /** Whether both lie in one space, so that one can keep links into the other. */
  isBeside(other: Ground): boolean {
    return this.space === other.space
  }

  /** Enters the lock of shared memory; false when this thread was inside, or there is no lock, and then must not `unlock`. */
  lock(): boolean {
    const { guard, space } = this
    if (guard === undefined || !guard.take()) return false
    space.freshen()
    return true
  }

  unlock(): void {
    this.guard?.give()
    if (this.space.inside === 0) this.space.flush()
  }

  /** Looks at the memory anew, after it went away under the words. */
  renew(): void {
    if (this.words.gone) this.space.renew()
  }

  /** Whether the region is still open, in whatever era. */
  get isOpen(): boolean {
    const m = this.words.i32
    return m[this.header + (MAGIC >>> 2)] === IS_REGION && m[this.header + (SERIAL >>> 2)] === this.serial
  }

  /** A block of at least so many bytes; throws `no-memory`. The words may be others afterwards. */
  take(bytes: number, what: string): Cell {
    const at = this.region.alloc(bytes)
    if (at === NIL) {
      throw new VmallocError('no-memory', `${what}: ${this.region.lackOf(bytes)}`)
    }
    return (at - this.bias) >>> 2
  }

  /** Gives up a block; false for what is none. */
  drop(cell: Cell): boolean {
    return this.region.retire(this.addressOf(cell))
  }

  /** Bytes of the busy block of this very region at a cell; -1 for none. */
  sizeOf(cell: Cell): number {
    const at = this.addressOf(cell)
    return cell !== 0 && this.region.owns(at) ? this.region.sizeOf(at) : -1
  }

  /** The client's address of a cell, 0 for none. */
  addressOf(cell: Cell): Addr {
    return cell === 0 ? NIL : cell * 4 + this.bias
  }

  /** The cell at a client's address. */
  cellOf(at: Addr): Cell {
    return at === NIL ? 0 : (at - this.bias) >>> 2
  }
}

/** The region of a home, which must be open; `what` begins the message of the error. */
export function handleOf(home: Home, what: string): Handle {
  const region = home instanceof Handle ? home : (home as { region?: unknown } | undefined)?.region
  if (!(region instanceof Handle)) {
    throw new VmallocError(
      'argument',
      `${what}: ${home === null || typeof home !== 'object' ? String(home) : 'an object without a region'}, expected a region, or what has one: a heap, a pool, a scope`,
    )
  }
  if (region.closed) throw new VmallocError('closed', `${what}: region ${region.name} is closed`)
  return region
}
