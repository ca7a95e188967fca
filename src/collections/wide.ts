/**
 * wide: numbers of 64 bits in two words that are compared as they are.
 *
 *   +0     +4
 *   | HIGH | LOW |     of two numbers the lesser has the lesser HIGH or, where those are the same, the lesser LOW, as
 *                      signed words
 *
 * What is to be compared becomes such a pair once, so that no loop meets a BigInt: that is, unsigned words with the sign
 * bit turned; of doubles, all bits of negative ones turned, which orders them as numbers.
 *
 * `wide` is one pair for the whole thread: good until the next number.
 */
import { VmallocError } from '../ground/fault.ts'
import { told } from './codec.ts'

/** Turned, an unsigned word is ordered as a signed one. */
export const SIGN = 0x80000000 | 0

/** The high word of a NaN, without a sign. */
const QUIET = 0x7ff80000

/** The pair that was made last. */
export const wide = { high: 0, low: 0 }

const halves = new Int32Array(2)
const whole = new BigInt64Array(halves.buffer)
const double = new Float64Array(halves.buffer)

/** Makes a pair of a number from 0 to 2^64 - 1: a bigint, or a number up to 2^53 - 1. Throws VmallocError `argument`. */
export function setEnd(value: bigint | number, what: string): void {
  if (typeof value === 'number' && value >= 0 && Number.isSafeInteger(value)) {
    wide.high = (value / 2 ** 32) ^ SIGN
    wide.low = value ^ SIGN
    return
  }
  if (typeof value !== 'bigint' || value < 0n || value > 0xffff_ffff_ffff_ffffn) {
    throw new VmallocError(
      'argument',
      `${what}: ${told(value)}, expected a bigint from 0 to 2^64 - 1, or a whole number up to 2^53 - 1`,
    )
  }
  setU64(value)
}

/** Makes a pair of a bigint from 0 to 2^64 - 1. */
export function setU64(value: bigint): void {
  whole[0] = value
  wide.high = halves[1]! ^ SIGN
  wide.low = halves[0]! ^ SIGN
}

/** Makes a pair of a bigint from -2^63 to 2^63 - 1. */
export function setI64(value: bigint): void {
  whole[0] = value
  wide.high = halves[1]!
  wide.low = halves[0]! ^ SIGN
}

/** Makes a pair of a number. -0 is 0, and NaN is above all others. */
export function setF64(value: number): void {
  double[0] = value + 0 //  -0 + 0 is 0
  if (Number.isNaN(value)) {
    halves[1] = QUIET
    halves[0] = 0
  }
  const turn = halves[1]! >> 31
  wide.high = halves[1]! ^ (turn & ~SIGN)
  wide.low = halves[0]! ^ turn ^ SIGN
}

export function getU64(high: number, low: number): bigint {
  halves[1] = high ^ SIGN
  halves[0] = low ^ SIGN
  return BigInt.asUintN(64, whole[0]!)
}

export function getI64(high: number, low: number): bigint {
  halves[1] = high
  halves[0] = low ^ SIGN
  return whole[0]!
}

export function getF64(high: number, low: number): number {
  const turn = high >> 31
  halves[1] = high ^ (turn & ~SIGN)
  halves[0] = low ^ turn ^ SIGN
  return double[0]!
}
