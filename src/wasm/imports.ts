/**
 * imports: the functions that a WebAssembly module imports to have memory, served by a region.
 *
 *   module   (import "env" "malloc" (func (param i32) (result i32)))
 *   here     { malloc: (size) => region.alloc(size >>> 0), ... }
 *
 * The region lies in the module's own memory (discipline `wasm`), so a pointer of the program is an address of the region.
 * Numbers come as i32, signed, and go as they are: the engine takes the low 32 bits. What comes back is C's:
 *
 *   malloc calloc memalign aligned_alloc   a block, or 0
 *   realloc            0 at first: malloc; size 0: free, and 0; no memory: 0, and the block is as it was
 *   free               nothing for 0
 *   posix_memalign     0 and the block's address in *out; EINVAL for an alignment that is no power of two or less than a
 *                      pointer's, or an `out` outside the memory; ENOMEM. The numbers are those of the C libraries for
 *                      WebAssembly (wasi-libc, Emscripten), so programs may compare
 *   malloc_usable_size what the block can hold; 0 for what is none
 *
 * A mistake, such as freeing twice, is told to who listens to the region (`badaddr`, and debug's report) and answered 0.
 * It is never thrown, since an exception would leave the program's functions half done; so is no memory, for the region
 * itself as well. Thrown is only what somebody asked for: by a check level, by `abort`, by a listener.
 *
 * Where the memory is known only once there is an instance, `imports` is given a function, which is asked at the first
 * call that wants memory.
 */
import type { Region } from '../contract/region.ts'
import { isPowerOfTwo } from '../ground/bits.ts'
import { VmallocError } from '../ground/fault.ts'
import { EINVAL, ENOMEM, MOVES, POINTER } from './originals.ts'

/** What a module can import. Sizes, alignments and addresses are i32, signed or not. */
export type MallocImports = {
  malloc(size: number): number
  free(at: number): void
  calloc(count: number, size: number): number
  realloc(at: number, size: number): number
  memalign(alignment: number, size: number): number
  aligned_alloc(alignment: number, size: number): number
  posix_memalign(out: number, alignment: number, size: number): number
  malloc_usable_size(at: number): number
}

/**
 * The family of malloc over a region in a module's memory, for an import object: `{ env: { ...imports(region) } }`. Throws
 * VmallocError `argument` for what is neither a region nor a function.
 */
export function imports(source: Region | (() => Region)): MallocImports {
  if (typeof source === 'function') return serve(() => opened(source))
  mustBeRegion(source)
  return serve(() => source)
}

/** The functions; `open` is asked until it has a region. */
function serve(open: () => Region | undefined): MallocImports {
  let region: Region | undefined
  const memalign = (alignment: number, size: number): number =>
    (region ??= open()) === undefined ? 0 : region.align(size >>> 0, alignment >>> 0)
  return {
    malloc: (size) => ((region ??= open()) === undefined ? 0 : region.alloc(size >>> 0)),
    free: (at) => {
      if (at !== 0) (region ??= open())?.free(at >>> 0)
    },
    calloc: (count, size) =>
      // a product that no i32 holds is a size that the region refuses
      (region ??= open()) === undefined ? 0 : region.allocZeroed((count >>> 0) * (size >>> 0)),
    realloc: (at, size) => {
      if ((region ??= open()) === undefined) return 0
      if (at === 0) return region.alloc(size >>> 0)
      if (size !== 0) return region.resize(at >>> 0, size >>> 0, MOVES)
      region.free(at >>> 0)
      return 0
    },
    memalign,
    aligned_alloc: memalign,
    posix_memalign: (out, alignment, size) => {
      if ((region ??= open()) === undefined) return ENOMEM
      if (!isPowerOfTwo(alignment >>> 0) || alignment >>> 0 < POINTER) return EINVAL
      const at = region.align(size >>> 0, alignment >>> 0)
      if (at === 0) return ENOMEM
      if ((out >>> 0) + POINTER > region.buffer.byteLength) {
        region.free(at)
        return EINVAL
      }
      new DataView(region.buffer).setUint32(out >>> 0, at, true)
      return 0
    },
    malloc_usable_size: (at) => (at === 0 ? 0 : Math.max(0, (region ??= open())?.sizeOf(at >>> 0) ?? 0)),
  }
}

/** The region of a function; none where there is no memory for it. */
function opened(source: () => Region): Region | undefined {
  try {
    const region = source()
    mustBeRegion(region)
    return region
  } catch (error) {
    if (error instanceof VmallocError && error.code === 'no-memory') return undefined
    throw error
  }
}

function mustBeRegion(given: unknown): asserts given is Region {
  if (typeof given === 'object' && given !== null && 'alloc' in given && 'regionOf' in given) return
  const what = typeof given === 'object' && given !== null ? (given.constructor?.name ?? 'an object') : String(given)
  throw new VmallocError('argument', `imports: ${what}, expected a region, or a function that answers one`)
}
