/**
 * samples: how blocks are drawn that are looked at, and what each stands for; profile.ts tells why.
 *
 *   random   a state of the xorshift generator of Marsaglia, 32 bits and never 0
 *   gap      bytes to the next sample: exponential, with the interval as its mean
 *   weight   of a block of s bytes 1/p, as it is drawn with probability p = 1 - exp(-s / interval)
 *
 * With the interval 0 every block is looked at, and stands for itself.
 */

/** What is usual where no option says otherwise. */
export const DEFAULT_INTERVAL = 512 * 1024

/** A state to begin with: the same number, the same samples; without one by chance. */
export function firstRandom(seed: number | undefined): number {
  if (seed === undefined) return (Math.random() * 2 ** 32) | 1
  const h = Math.imul(seed ^ (seed >>> 16), 0x85ebca6b)
  return (h ^ (h >>> 13)) | 1
}

export function nextRandom(random: number): number {
  let x = random
  x ^= x << 13
  x ^= x >>> 17
  x ^= x << 5
  return x
}

/** At least 1 where samples are drawn. */
export function gapOf(random: number, interval: number): number {
  return Math.max(1, Math.ceil(-Math.log((random >>> 0) / 2 ** 32) * interval))
}

export function weightOf(bytes: number, interval: number): number {
  return interval === 0 ? 1 : -1 / Math.expm1(-bytes / interval)
}
