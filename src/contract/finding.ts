/**
 * finding: what a debugging method found out, as everybody is told who wants to know: standard error, a file, a listener.
 */
import type { Frame, Site } from '../ground/stacks.ts'
import type { Addr } from './addr.ts'

export type FindingKind =
  | 'overflow' //          bytes behind a block were written
  | 'underflow' //         bytes before a block were written
  | 'write-after-free' //  a freed block was written
  | 'double-free' //       free of a block that was freed before
  | 'bad-free' //          free of what is no block's address
  | 'bad-resize' //        resize of what is no block's address, or of a freed block
  | 'use-after-close' //   a call to a region that is closed
  | 'use-after-clear' //   free or resize of a block that a clear freed
  | 'corrupted' //         bookkeeping that was overwritten
  | 'watch' //             a block that holds the watched address was allocated, resized or freed
  | 'leak' //              a block that nobody freed, or a region that nobody closed

export const findingKinds: readonly FindingKind[] = [
  'overflow',
  'underflow',
  'write-after-free',
  'double-free',
  'bad-free',
  'bad-resize',
  'use-after-close',
  'use-after-clear',
  'corrupted',
  'watch',
  'leak',
]

/** Bytes around the first bad one. */
export interface Excerpt {
  /** Address of the first byte shown. */
  readonly at: Addr
  /** The bytes in hexadecimal, two digits each. */
  readonly hex: string
}

/** What a method tells its store: stacks as numbers, addresses as the method counts them. */
export interface Found {
  readonly kind: FindingKind
  /** One sentence: what was seen. */
  readonly what: string
  /** The block, or the address that came. */
  readonly at: Addr
  /** Bytes asked for; 0 where unknown. */
  readonly size: number
  /** Of the first bad byte, from the block's first one; 0 where there is none. */
  readonly offset: number
  /** Bytes around the first bad one, as they were found. */
  readonly bytes?: { readonly at: Addr; readonly data: Uint8Array }
  readonly allocated: Site
  readonly freed: Site
  readonly detected: Site
  /** Blocks that this stands for (a leak stands for all of one stack), and their bytes. */
  readonly blocks?: number
  readonly total?: number
  /** It is a region that leaked, not a block. */
  readonly isRegion?: boolean
  /** Throw once it was told. */
  readonly abort?: boolean
}

/** The same as it is told. `String(finding)` is a text to read, `JSON.stringify(finding)` one line of the format json. */
export interface Finding {
  readonly kind: FindingKind
  readonly what: string
  /** The region's name, and its method's full name. */
  readonly region: string
  readonly method: string
  readonly address: Addr
  readonly size: number
  readonly offset: number
  readonly bytes: Excerpt | undefined
  /** Stacks, innermost call first; undefined where none was recorded, or where another thread recorded it. */
  readonly allocated: readonly Frame[] | undefined
  readonly freed: readonly Frame[] | undefined
  readonly detected: readonly Frame[] | undefined
  readonly blocks: number
  readonly total: number
  toString(): string
  toJSON(): object
}
