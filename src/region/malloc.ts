/**
 * malloc: the family that programs know from C, over one region that VMALLOC_OPTIONS shapes.
 *
 * The region is named `malloc`, opened at the first call, a root of its own unless options say otherwise. The rules are
 * C's: malloc(0) is a block, free(0) does nothing, realloc(0, n) allocates, realloc(p, 0) frees and answers 0, a failed
 * realloc leaves the block as it was, and a calloc whose product no block can have answers 0.
 */
import { type Addr, LIMIT, NIL } from '../contract/addr.ts'
import type { Region } from '../contract/region.ts'
import { isWhole } from '../ground/bits.ts'
import { openRoot } from './open.ts'

let region: Region | undefined

/** The region that the family allocates in: for its buffer, views, figures. Opened anew after a close. */
export function mallocRegion(): Region {
  if (region === undefined || region.closed) region = openRoot('malloc')
  return region
}

/** A block of at least `size` bytes, or 0. */
export function malloc(size: number): Addr {
  return mallocRegion().alloc(size)
}

/** A block of `count` elements of `size` bytes, cleared, or 0. */
export function calloc(count: number, size: number): Addr {
  const whole =
    isWhole(count, Number.MAX_SAFE_INTEGER) && isWhole(size, Number.MAX_SAFE_INTEGER) && count * size <= LIMIT
  return whole ? mallocRegion().allocZeroed(count * size) : NIL
}

/** The block at `at` with its content in at least `size` bytes, perhaps elsewhere; 0 when there is no memory. */
export function realloc(at: Addr, size: number): Addr {
  const memory = mallocRegion()
  if (at === NIL) return memory.alloc(size)
  if (size !== 0) return memory.resize(at, size, { move: true, copy: true })
  memory.free(at)
  return NIL
}

/** A block of at least `size` bytes at a multiple of `alignment`, a power of two; or 0. */
export function memalign(alignment: number, size: number): Addr {
  return mallocRegion().align(size, alignment)
}

/** True when `at` was a block, or 0. */
export function free(at: Addr): boolean {
  return mallocRegion().free(at)
}

/** Bytes that the block at `at` can hold; 0 for what is no block. */
export function mallocUsableSize(at: Addr): number {
  return Math.max(0, mallocRegion().sizeOf(at))
}

/** A copy of a text as NUL-ended UTF-8, or 0. */
export function strdup(text: string): Addr {
  return mallocRegion().string(text)
}
