/**
 * replace: a region serves the program's malloc; its raw memory comes from the malloc that the module was compiled with.
 *
 *   program -> malloc (dispatcher) -> region.alloc -> method -> discipline wasm -> the module's own malloc, in chunks
 *
 *   block    -4       0
 *            | HEAD   | payload ...                 HEAD as dlmalloc has it: size of the block | 3
 *
 * Compiled code may look at HEAD: pieces of realloc and calloc that an optimiser put into their callers. best keeps just
 * that head; over other methods a block is asked for with room before it, and HEAD is written here.
 *
 * What the region does not serve (a size that the method has not, memory that is out) the module's own malloc does. Blocks
 * that are not the region's are passed on to it: those from before the first call, and those.
 */
import { wasm } from '../../disciplines/wasm.ts'
import { NIL } from '../contract/addr.ts'
import { undebugRegion } from '../debug/open.ts'
import { isPowerOfTwo } from '../ground/bits.ts'
import { openDecided } from '../region/open.ts'
import type { Handle } from '../region/region.ts'
import type { Linear } from './linear.ts'
import { type Call, EINVAL, ENOMEM, type Hooks, MOVES, POINTER } from './originals.ts'
import { Server } from './server.ts'

const CHUNK = 256 * 1024
const BUSY = 3

export interface Serving {
  readonly method: string
  /** Whether its blocks have the head that compiled code expects. */
  readonly heads: boolean
  /** Whether any block may be freed, not only the newest. */
  readonly freesAny: boolean
  /** Whether no code of the program resizes blocks by itself, so that the region may keep something at their ends. */
  readonly tails: boolean
}

export class Replacer extends Server {
  readonly hooks: Hooks
  private readonly serving: Serving
  /** Bytes before a payload that are not the client's. */
  private readonly lead: number

  constructor(linear: Linear, serving: Serving) {
    super(linear)
    this.serving = serving
    this.lead = serving.heads ? 0 : linear.alignment
    this.hooks = this.make()
  }

  private make(): Hooks {
    const { originals } = this
    const hooks: Hooks = {
      malloc: (size) => (this.isInside ? originals.malloc(size) : this.alloc(size >>> 0, size)),
      free: (at) => this.free(at >>> 0),
    }
    const optional: Hooks = {
      calloc: (count, size = 0) => this.allocZeroed((count >>> 0) * (size >>> 0), count, size),
      realloc: (at, size = 0) => this.resize(at >>> 0, size >>> 0),
      memalign: (alignment, size = 0) => this.align(alignment >>> 0, size >>> 0, originals.memalign!),
      aligned_alloc: (alignment, size = 0) => this.align(alignment >>> 0, size >>> 0, originals.aligned_alloc!),
      posix_memalign: (out, alignment = 0, size = 0) => this.posixMemalign(out >>> 0, alignment >>> 0, size >>> 0),
      malloc_usable_size: (at) => this.usableSize(at >>> 0),
      dispose_chunk: (chunk, size = 0) => this.dispose(chunk >>> 0, size),
    }
    for (const role of Object.keys(optional) as (keyof Hooks)[]) {
      if (originals[role] !== undefined) hooks[role] = optional[role]
    }
    return hooks
  }

  private alloc(size: number, asked: number): number {
    const { figures } = this.linear
    figures.allocs++
    // what `had` does, without a function made at every call
    if (this.isThere()) {
      try {
        const at = this.handle!.alloc(size + this.lead)
        if (at !== NIL) return (this.lead === 0 ? at : this.headed(at, size)) | 0
      } catch (error) {
        this.told(error)
      }
    }
    return this.counted(this.originals.malloc(asked))
  }

  /** What the region answers that is asked for a block of `size` bytes and of `lead`, as the program has it; 0 where there is none. */
  private had(size: number, ask: (region: Handle) => number): number {
    if (!this.isThere()) return NIL
    try {
      const at = ask(this.handle!)
      return (this.lead === 0 ? at : this.headed(at, size)) | 0
    } catch (error) {
      this.told(error)
      return NIL
    }
  }

  private allocZeroed(size: number, count: number, each: number): number {
    const { figures } = this.linear
    figures.allocs++
    const at = size < 2 ** 32 ? this.had(size, (region) => region.allocZeroed(size + this.lead)) : NIL
    return at !== NIL ? at : this.counted(this.inside(() => this.originals.calloc!(count, each)))
  }

  private align(alignment: number, size: number, original: Call): number {
    const { figures, alignment: usual } = this.linear
    figures.allocs++
    const isServed = isPowerOfTwo(alignment) && (this.lead === 0 || alignment <= usual)
    const ask = (region: Handle) => (this.lead === 0 ? region.align(size, alignment) : region.alloc(size + this.lead))
    const at = isServed ? this.had(size, ask) : NIL
    return at !== NIL ? at : this.counted(this.inside(() => original(alignment, size)))
  }

  private posixMemalign(out: number, alignment: number, size: number): number {
    if (!isPowerOfTwo(alignment) || alignment < POINTER) return EINVAL
    const at = this.align(alignment, size, (by, bytes = 0) => {
      if (this.originals.posix_memalign!(out, by, bytes) !== 0) return NIL
      return new DataView(this.linear.memory.buffer).getInt32(out, true)
    })
    if (at === NIL) return ENOMEM
    new DataView(this.linear.memory.buffer).setInt32(out, at, true)
    return 0
  }

  private free(at: number): number {
    const { figures } = this.linear
    figures.frees++
    if (at === NIL) return 0
    if (!this.owns(at)) {
      figures.foreign++
      this.originals.free(at)
      return 0
    }
    const region = this.handle!
    try {
      if (this.serving.freesAny) region.free(at - this.lead)
      else region.retire(at - this.lead)
    } catch (error) {
      this.told(error)
    }
    return 0
  }

  private resize(at: number, size: number): number {
    const { figures } = this.linear
    figures.resizes++
    if (at !== NIL && !this.owns(at)) {
      figures.foreign++
      return this.counted(this.inside(() => this.originals.realloc!(at, size)))
    }
    if (at === NIL) {
      figures.allocs-- // that is counted as a resize
      return this.alloc(size, size)
    }
    const region = this.handle!
    try {
      const to = region.resize(at - this.lead, size + this.lead, MOVES)
      if (to !== NIL) return this.lead === 0 ? to | 0 : this.headed(to, size) | 0
      return this.carried(region, at, size)
    } catch (error) {
      this.told(error)
      return 0
    }
  }

  /** A block that the region cannot make so large goes where there is room. */
  private carried(region: Handle, at: number, size: number): number {
    const had = region.sizeOf(at - this.lead) - this.lead
    if (had < 0) return 0
    const to = this.counted(this.originals.malloc(size)) >>> 0
    if (to === NIL) return 0
    new Uint8Array(this.linear.memory.buffer).copyWithin(to, at, at + Math.min(had, size))
    if (this.serving.freesAny) region.free(at - this.lead)
    else region.retire(at - this.lead)
    return to | 0
  }

  private usableSize(at: number): number {
    if (at === NIL) return 0
    if (!this.owns(at)) return this.originals.malloc_usable_size!(at)
    return Math.max(0, this.handle!.sizeOf(at - this.lead) - this.lead)
  }

  /**
   * dlmalloc gives back a chunk that it has cut off one that is busy, in code that was put into its caller: of the
   * region's block there are two now, and this one goes.
   */
  private dispose(chunk: number, size: number): number {
    const at = chunk + 8
    if (!this.owns(at)) {
      this.originals.dispose_chunk!(chunk, size)
      return 0
    }
    try {
      this.handle!.part(at)
      this.handle!.free(at)
    } catch (error) {
      this.told(error)
    }
    return 0
  }

  private counted(at: number): number {
    if (at === 0) this.linear.figures.failures++
    return at
  }

  /** Writes the head of a block that the method gave without one. */
  private headed(at: number, size: number): number {
    if (at === NIL) return NIL
    const to = at + this.lead
    const words = this.handle!.store.words.i32
    words[(to >>> 2) - 1] = ((size + 4 + 7) & ~7) | BUSY
    return to
  }

  /** Whether a block that the program has is the region's. */
  private owns(at: number): boolean {
    return this.isThere() && this.handle!.store.find(at) !== 0
  }

  private isThere(): boolean {
    const { handle } = this
    return handle?.isHereNow === true || this.begin()
  }

  protected open(): Handle {
    const { memory, name, alignment } = this.linear
    const { malloc, free } = this.originals
    const { method, tails } = this.serving
    const raw = wasm({ memory, malloc, free, round: CHUNK })
    raw.exception = (region, event) => (event === 'nomem' && region.compact() > 0 ? 1 : 0)
    const accounts = tails ? {} : { accounts: false, ordinals: false }
    const handle = openDecided({ name, method, discipline: raw, align: alignment, ...accounts }) as Handle
    undebugRegion(handle)
    return handle
  }
}
