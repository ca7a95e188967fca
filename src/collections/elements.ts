/**
 * elements: one element of a typed array of whatever kind, quickly.
 *
 *   kind  0 Float64  1 Int32  2 Uint8  3 Float32  4 Uint32  5 Uint16  6 Int16  7 Int8  8 Uint8Clamped  9 BigInt64  10 BigUint64
 *
 * The engine learns at each place of the program which kinds of array come there, and gives up at five: then an access
 * takes 20 ns instead of 2. So each kind has a place of its own.
 */
import type { ArrayType, NumericArray } from '../contract/region.ts'
import { VmallocError } from '../ground/fault.ts'

const names = [
  'Float64Array',
  'Int32Array',
  'Uint8Array',
  'Float32Array',
  'Uint32Array',
  'Uint16Array',
  'Int16Array',
  'Int8Array',
  'Uint8ClampedArray',
  'BigInt64Array',
  'BigUint64Array',
]
const BIGINTS = 9

/** The numbers or bigints of a typed array. */
export type ElementOf<T extends NumericArray> = T extends BigInt64Array | BigUint64Array ? bigint : number

/** The kind of a typed-array class; throws `argument` for what is none. */
export function kindOf(type: ArrayType<NumericArray>, what: string): number {
  const kind = typeof type === 'function' ? names.indexOf(type.name) : -1
  if (kind >= 0) return kind
  throw new VmallocError(
    'argument',
    `${what}: ${typeof type === 'function' ? type.name : String(type)}, expected a typed-array class, such as Float64Array`,
  )
}

/** Whether the elements of a kind are bigints. */
export const isBig = (kind: number): boolean => kind >= BIGINTS

/** Element `i`, undefined where there is none. */
export function load(kind: number, array: NumericArray, i: number): number | bigint {
  switch (kind) {
    case 0:
      return array[i]!
    case 1:
      return array[i]!
    case 2:
      return array[i]!
    case 3:
      return array[i]!
    case 4:
      return array[i]!
    case 5:
      return array[i]!
    case 6:
      return array[i]!
    case 7:
      return array[i]!
    case 8:
      return array[i]!
    case 9:
      return array[i]!
    default:
      return array[i]!
  }
}

/** Puts a number, or for the kinds of bigints a bigint, at `i`. */
export function store(kind: number, array: NumericArray, i: number, value: number | bigint): void {
  const to = array as { [i: number]: number | bigint }
  switch (kind) {
    case 0:
      to[i] = value
      break
    case 1:
      to[i] = value
      break
    case 2:
      to[i] = value
      break
    case 3:
      to[i] = value
      break
    case 4:
      to[i] = value
      break
    case 5:
      to[i] = value
      break
    case 6:
      to[i] = value
      break
    case 7:
      to[i] = value
      break
    case 8:
      to[i] = value
      break
    case 9:
      to[i] = value
      break
    default:
      to[i] = value
  }
}
