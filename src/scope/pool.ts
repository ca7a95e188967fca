/**
 * pool: blocks that are freed together.
 *
 *   alloc alloc ... freeAll      callbacks, newest first; then every block at once; then the pool is used again
 *   destroy                      callbacks; then the memory goes
 *
 * A pool is a region with callbacks, and is handed wherever a region is: `new List(pool, u32)`. What it is asked for and
 * cannot do it throws. Freeing everything does not depend on how many blocks there are,
 * but under methods that look at each: debug and profile.
 *
 * Source: wmem's pools, whose allocators are methods here: block, block_fast, simple, strict.
 */
import { type Addr, NIL } from '../contract/addr.ts'
import type { Region } from '../contract/region.ts'
import { VmallocError } from '../ground/fault.ts'
import { encode } from '../ground/text.ts'
import { type OpenOptions, open } from '../region/open.ts'
import { shownBy } from '../region/picture.ts'
import type { Handle } from '../region/region.ts'
import { rootOf } from '../region/regions.ts'
import { type EndEvent, Endings } from './endings.ts'
import { collect, throwAll } from './errors.ts'

export type PoolState = 'idle' | 'active' | 'leaving' | 'ended'

export class Pool {
  readonly name: string
  protected readonly options: OpenOptions
  protected standing: PoolState
  /** The region, once there is one. */
  protected own: Handle | undefined
  private readonly endings = new Endings()

  /** Use `openPool`. One that is idle has no region yet. */
  constructor(name: string, options: OpenOptions, state: 'idle' | 'active' = 'active') {
    this.name = name
    this.options = options
    this.standing = state
    this.own = state === 'active' ? (open(options) as Handle) : undefined
  }

  get state(): PoolState {
    return this.standing
  }

  /** The region that the blocks lie in. Throws VmallocError `scope` when the pool cannot be used. */
  get region(): Region {
    return this.usable('region')
  }

  /** Usable bytes of all blocks. */
  get bytesLive(): number {
    return this.own?.busyBytes ?? 0
  }

  /** A block of at least `size` bytes. Throws VmallocError `scope`, `no-memory`, `argument`. */
  alloc(size: number): Addr {
    const at = this.standing === 'active' ? this.own!.alloc(size) : this.usable('alloc').alloc(size)
    return at === NIL ? this.refused(size) : at
  }

  /** The same, all usable bytes 0. */
  allocZeroed(size: number): Addr {
    const at = this.usable('alloc').allocZeroed(size)
    return at === NIL ? this.refused(size) : at
  }

  /** Address of NUL-ended UTF-8. */
  string(text: string): Addr {
    const at = this.usable('string').string(text)
    return at === NIL ? this.refused(encode(text).length + 1) : at
  }

  /** A block gets another size, and keeps its content; answers where it is now. `resize(0, size)` allocates. */
  resize(at: Addr, size: number): Addr {
    const region = this.usable('resize')
    if (at !== NIL) this.mustOwn('resize', at, region)
    const to = region.resize(at, size, { copy: true })
    if (to !== NIL) return to
    if (region.sizeOf(at) < 0 && at !== NIL) throw this.foreign('resize', at)
    return this.refused(size)
  }

  /** Frees one block; `free(0)` does nothing. Throws VmallocError `argument` for what is no block of this pool. */
  free(at: Addr): void {
    const region = this.usable('free')
    if (at !== NIL) this.mustOwn('free', at, region)
    if (!region.retire(at)) throw this.foreign('free', at)
  }

  /**
   * Calls `run` before all blocks are freed, with what is about to happen: once, or each time until the pool is
   * destroyed. The returned function takes it out, also from inside `run`. Newest first; `run` may allocate in the pool:
   * it goes with the rest.
   */
  onFree(run: (event: EndEvent) => void, { once = false }: { once?: boolean } = {}): () => void {
    if (typeof run !== 'function') throw new VmallocError('argument', `onFree: ${String(run)}, expected a function`)
    if (this.standing === 'ended') this.usable('onFree')
    return this.endings.add(run, once)
  }

  /**
   * Calls the callbacks, then frees every block; the memory stays with the pool. Throws VmallocError `destructor` when
   * callbacks threw, after all of them ran and the blocks are freed, or when the region does not let them go.
   */
  freeAll(): void {
    this.usable('freeAll')
    this.standing = 'leaving'
    const errors = this.rinse()
    collect(errors, () => this.empty())
    this.standing = 'active'
    throwAll(errors, `${this}: freeAll`)
  }

  /** Gives free memory back to the discipline; returns bytes. */
  compact(): number {
    return this.usable('compact').compact()
  }

  /** Calls the callbacks, then gives all memory back. Errors as `freeAll`. A second time does nothing. */
  destroy(): void {
    if (this.standing === 'ended') return
    if (this.standing === 'leaving') throw this.wrong('destroy')
    const errors = this.wind()
    collect(errors, () => {
      this.empty()
      this.shut()
    })
    this.standing = 'ended'
    throwAll(errors, `${this}: destroy`)
  }

  [Symbol.dispose](): void {
    this.destroy()
  }

  [shownBy](): string {
    return `${this}: ${this.standing}, ${this.bytesLive} bytes`
  }

  /** How the pool is called in messages. */
  toString(): string {
    return `pool ${this.name}`
  }

  /** The callbacks hear that it is the end. */
  protected wind(): unknown[] {
    this.standing = 'leaving'
    return this.endings.run('destroy')
  }

  /** They hear that the blocks go. */
  protected rinse(): unknown[] {
    return this.endings.run('free')
  }

  /** Frees all blocks. */
  protected empty(): void {
    if (this.own === undefined || this.own.closed || this.own.clear()) return
    throw new VmallocError('vetoed', `${this}: a region nested in it does not close`)
  }

  /** Gives the region up. */
  protected shut(): void {
    if (this.own === undefined || this.own.closed || this.own.close()) return
    throw new VmallocError(
      'vetoed',
      `${this}: region ${this.own.name} does not close: its discipline, or a region nested in it, says no`,
    )
  }

  /** The region, where the pool can be used. */
  protected usable(what: string): Handle {
    if ((this.standing === 'active' || this.standing === 'leaving') && this.own?.closed === false) {
      if (this.standing === 'active' || what !== 'freeAll') return this.own
    }
    throw this.wrong(what)
  }

  /** What to say when `what` cannot be done now. */
  protected wrong(what: string): VmallocError {
    const why =
      this.standing === 'ended'
        ? 'it was destroyed'
        : this.standing === 'leaving'
          ? 'it is being freed: expected after the callbacks'
          : 'its region was closed'
    return new VmallocError('scope', `${this}: ${what}: ${why}`)
  }

  private refused(size: number): never {
    const { unit, method } = this.usable('alloc')
    if (!Number.isInteger(size) || size < 0 || size >= 2 ** 32) {
      throw new VmallocError(
        'argument',
        `${this}: alloc of ${String(size)} bytes, expected a whole number of bytes below 4 GiB`,
      )
    }
    if (unit !== 0 && size > unit) {
      throw new VmallocError('argument', `${this}: alloc of ${size} bytes: method ${method} serves ${unit}`)
    }
    throw new VmallocError('no-memory', `${this}: ${(this.region as Handle).lackOf(size)}`)
  }

  /** A block of a region that is nested in this one looks like one of this one's. */
  private mustOwn(what: string, at: Addr, region: Handle): void {
    if (!region.owns(at)) throw this.foreign(what, at)
  }

  private foreign(what: string, at: Addr): VmallocError {
    const owner = rootOf(this.region).regionOf(at)
    const isTheirs = owner !== undefined && owner !== this.own && owner.sizeOf(at) >= 0
    const whose = isTheirs ? `a block of region ${owner.name}` : 'no busy block'
    return new VmallocError(
      'argument',
      `${this}: ${what} of ${String(at)}: ${whose}, expected a busy block of this pool`,
    )
  }
}

/** A pool over a region of its own, opened with these options (`open`): method best and the default heap unless said. */
export function openPool(options: OpenOptions = {}): Pool {
  const { name = 'pool' } = options
  return new Pool(name, { ...options, name })
}
