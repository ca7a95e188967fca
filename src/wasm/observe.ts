/**
 * observe: the program's malloc serves, and a region counts what it does.
 *
 *   program -> malloc (dispatcher) -> malloc here -> the module's own malloc -> took(address, size)
 *
 * Whatever goes wrong here, the program gets what its own function answered. The region opens at the first call: before
 * that the JavaScript around the module may not be ready for its memory to grow.
 */
import { NIL } from '../contract/addr.ts'
import type { MethodDef } from '../contract/method.ts'
import type { Discipline } from '../contract/region.ts'
import { openDecided } from '../region/open.ts'
import type { Handle } from '../region/region.ts'
import { ORIGINAL, registry } from '../region/registry.ts'
import type { Linear } from './linear.ts'
import type { Hooks } from './originals.ts'
import { Server } from './server.ts'
import { Watched } from './watched.ts'

/** Watches a program; `profiles` says whether by call site, too. */
export class Observer extends Server {
  readonly hooks: Hooks
  private readonly profiles: boolean
  private watched: Watched | undefined = undefined

  constructor(linear: Linear, profiles: boolean) {
    super(linear)
    this.profiles = profiles
    this.hooks = this.make()
  }

  private make(): Hooks {
    const { originals, linear } = this
    const { figures } = linear
    const { malloc, free } = originals
    const hooks: Hooks = {
      malloc: (size) => {
        const at = malloc(size)
        if (!this.isInside) this.took(at >>> 0, size >>> 0, 0, false, hooks.malloc)
        return at
      },
      free: (at) => {
        if (!this.isInside) this.gave(at >>> 0)
        free(at)
        return 0
      },
    }
    const { realloc, calloc, memalign, aligned_alloc, posix_memalign } = originals
    if (realloc !== undefined) {
      hooks.realloc = (at, size = 0) => {
        const to = this.inside(() => realloc(at, size))
        this.moved(at >>> 0, to >>> 0, size >>> 0, hooks.realloc)
        return to
      }
    }
    if (calloc !== undefined) {
      hooks.calloc = (count, size = 0) => {
        const at = this.inside(() => calloc(count, size))
        this.took(at >>> 0, (count >>> 0) * (size >>> 0), 0, true, hooks.calloc)
        return at
      }
    }
    if (memalign !== undefined) hooks.memalign = this.aligned(memalign)
    if (aligned_alloc !== undefined) hooks.aligned_alloc = this.aligned(aligned_alloc)
    if (posix_memalign !== undefined) {
      hooks.posix_memalign = (out, alignment = 0, size = 0) => {
        const answer = this.inside(() => posix_memalign(out, alignment, size))
        if (answer !== 0) figures.failures++
        else {
          const at = new DataView(linear.memory.buffer).getUint32(out >>> 0, true)
          this.took(at, size >>> 0, alignment >>> 0, false, hooks.posix_memalign)
        }
        return answer
      }
    }
    return hooks
  }

  private aligned(original: (alignment: number, size: number) => number): (alignment: number, size?: number) => number {
    const hook = (alignment: number, size = 0): number => {
      const at = this.inside(() => original(alignment, size))
      this.took(at >>> 0, size >>> 0, alignment >>> 0, false, hook)
      return at
    }
    return hook
  }

  private took(at: number, size: number, alignment: number, zeroed: boolean, above: unknown): void {
    const { figures } = this.linear
    figures.allocs++
    if (at === NIL) {
      figures.failures++
      const op = alignment === 0 ? 'alloc' : 'align'
      this.handle?.heardFailure({ op, at: 0, size, alignment })
      return
    }
    if (!this.isThere()) return
    this.watched!.took(at, size, above)
    const handle = this.handle!
    if (handle.isHeard) handle.heardAlloc(at, size, alignment, zeroed)
  }

  private gave(at: number): void {
    const { figures } = this.linear
    figures.frees++
    if (at === NIL || !this.isThere()) return
    if (this.watched!.gave(at) < 0) {
      figures.foreign++
      return
    }
    const handle = this.handle!
    if (handle.isHeard) handle.heard('free', at, 0, at)
  }

  private moved(at: number, to: number, size: number, above: unknown): void {
    const { figures } = this.linear
    figures.resizes++
    if (to === NIL && size !== 0) {
      figures.failures++
      this.handle?.heardFailure({ op: 'resize', at, size, alignment: 0 })
      return
    }
    if (!this.isThere()) return
    const watched = this.watched!
    const isKnown = at !== NIL && watched.gave(at) >= 0
    if (at !== NIL && !isKnown) figures.foreign++
    const handle = this.handle!
    if (to !== NIL) watched.took(to, size, above)
    if (!handle.isHeard) return
    if (to === NIL) handle.heard('free', at, 0, at)
    else if (isKnown) handle.heard('resize', to, size, at)
    else handle.heardAlloc(to, size, 0, false)
  }

  /** Whether there is a region that counts; one whose header is gone begins anew. */
  private isThere(): boolean {
    return this.watched?.isHere === true || this.begin()
  }

  protected override begin(): boolean {
    const was = this.handle
    if (!super.begin()) return false
    if (this.handle === was) this.watched!.reach()
    return true
  }

  protected open(): Handle {
    const { name, figures } = this.linear
    const asked = { name, method: this.definition(), discipline: this.discipline(), accounts: false, ordinals: false }
    const handle = openDecided(asked) as Handle
    const watched = this.watched!
    watched.lieAt(handle)
    handle.tallied = () => ({
      bytes: handle.busyBytes,
      peak: handle.highTide,
      ...watched.counts,
      failures: figures.failures,
    })
    return handle
  }

  private definition(): MethodDef {
    return {
      name: this.profiles ? `profile(${ORIGINAL})` : ORIGINAL,
      about: "the program's own malloc, watched",
      state: 8,
      frees: 'any',
      sizes: 'none',
      coalesces: false,
      overhead: 0,
      options: this.profiles
        ? (registry.methods.find('profile').options ?? []).filter(({ scope }) => scope === 'region')
        : [],
      create: (store, settings) => (this.watched = new Watched(store, settings, this.originals, this.profiles)),
    }
  }

  /** One piece out of the program's malloc; as long as the memory, as far as the region can tell. */
  private discipline(): Discipline {
    const { memory } = this.linear
    const { malloc, free } = this.originals
    let piece = 0
    return {
      name: 'wasm',
      buffer: () => memory.buffer,
      memory: (_region, at, had, want) => {
        if (had === 0) return piece === 0 ? (piece = malloc(want) >>> 0) : 0
        if (want > had) return at === piece && at + want <= memory.buffer.byteLength ? at : 0
        if (want === 0) free(at)
        return at
      },
    }
  }
}
