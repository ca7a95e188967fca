/**
 * Addresses: two kinds of number that must never be mixed up.
 *
 *   Addr   what clients hold: a byte offset into `region.buffer`, of a payload
 *   Cell   what methods compute with: a word index (byte offset / 4) into the root's space
 *
 * Both are plain numbers at run time; the brand exists for the compiler alone. Word indices stay below 2^30, so
 * arithmetic on them never meets the sign bit; byte offsets reach 2^32, so it is `>>>` and never `>>` for those.
 */
declare const kind: unique symbol

/** A byte offset in a root's space; 0 is NIL, "nothing", and never the start of a payload. */
export type Addr = number & { readonly [kind]?: 'addr' }

/** A word index in a root's space, used inside methods. */
export type Cell = number & { readonly [kind]?: 'cell' }

/** No address: the answer of an allocation that failed. */
export const NIL: Addr = 0

/** The alignment of every payload unless a region asks for more: no typed array needs more than 8 bytes. */
export const ALIGN = 8

/** The largest size that may be asked for, in bytes: a space of 32-bit offsets less a page for what surrounds a block. */
export const LIMIT = 2 ** 32 - 2 ** 16
