/**
 * bits: rounding and tests on whole numbers up to 2^53, without bit operations where 32 bits would not do.
 */

/** The smallest multiple of `step` that is at least `n`. */
export function roundUp(n: number, step: number): number {
  return Math.ceil(n / step) * step
}

/** The largest multiple of `step` that is at most `n`. */
export function roundDown(n: number, step: number): number {
  return Math.floor(n / step) * step
}

/** Whether `n` is 1, 2, 4, ... up to 2^31. */
export function isPowerOfTwo(n: number): boolean {
  return n >= 1 && n <= 0x80000000 && Number.isInteger(n) && (n & (n - 1)) === 0
}

/** A whole number from 0 to `limit`. NaN, fractions, infinities and other types are not. */
export function isWhole(n: unknown, limit: number): n is number {
  return typeof n === 'number' && n >= 0 && n <= limit && Math.floor(n) === n
}
