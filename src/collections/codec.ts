/**
 * codec: how a value lies in the bytes of a collection.
 *
 *   u32 i32 u16 i16 u8 i8     whole numbers within their bounds
 *   u64 i64                   bigints
 *   f64 f32                   numbers
 *   bool                      true and false
 *   address                   an address in the same space; stays right when the bytes are moved to another base
 *   struct({ x: f64, n: u8 }) an object with these fields, each where its alignment puts it
 *
 * A codec of one's own is an object with six members, and `own` where it needs that. Its name is kept, as a hash, with
 * what is stored, so that bytes are not taken for something else when a collection is taken up again.
 */
import { type Addr, LIMIT } from '../contract/addr.ts'
import { isWhole, roundUp } from '../ground/bits.ts'
import { VmallocError } from '../ground/fault.ts'
import type { Words } from '../ground/words.ts'

export interface Codec<T> {
  /** Says everything about the layout: two codecs of one name read the same bytes alike. */
  readonly name: string
  /** Bytes of a value. */
  readonly bytes: number
  /** 1, 2, 4 or 8: a value's place is a multiple of it. */
  readonly align: number
  /** Throws VmallocError `argument` for a value that `write` could not keep. */
  check(value: T): void
  /** The value at byte `at` of the space. */
  read(words: Words, at: number): T
  /** Writes a value that `check` let pass. */
  write(words: Words, at: number, value: T): void
  /** For values that run code when they are read, as getters do: what was read of one, once. */
  own?(value: T): T
}

/** The value as `codec` shall check and write it: no code of the caller's runs any more when it is written. */
export function settled<T>(codec: Codec<T>, value: T): T {
  return codec.own === undefined ? value : codec.own(value)
}

/** Answers `codec`. Throws VmallocError `argument`, in the name of `what`, for what is no codec. */
export function mustBeCodec<T>(codec: Codec<T>, what: string): Codec<T> {
  const expected = 'a codec, such as u32, f64 or struct({ ... })'
  if (typeof codec !== 'object' || codec === null) misfit(what, codec, expected)
  const { name, bytes, align } = codec
  if (typeof name !== 'string' || name === '') misfit(what, codec, `${expected}, with a name`)
  for (const member of ['check', 'read', 'write'] as const) {
    if (typeof codec[member] !== 'function') misfit(what, codec, `${expected}, with a function "${member}"`)
  }
  if (!isWhole(bytes, LIMIT) || bytes === 0) misfit(`${what}: bytes of codec ${name}`, bytes, `1 to ${LIMIT}`)
  if (![1, 2, 4, 8].includes(align)) misfit(`${what}: align of codec ${name}`, align, '1, 2, 4 or 8')
  return codec
}

/** Codecs whose values cannot change between `check` and `write`: what these write, they write. */
const plain = new Set<unknown>()

/** Whether `write` writes the whole value, once `check` let it pass. */
export function writesAtOnce(codec: unknown): boolean {
  return plain.has(codec)
}

/** What a codec reads. */
export type ValueOf<C> = C extends Codec<infer T> ? T : never

function misfit(name: string, value: unknown, expected: string): never {
  throw new VmallocError('argument', `${name}: ${told(value)}, expected ${expected}`)
}

/** A value for messages. */
export function told(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value)
  if (typeof value === 'bigint') return `${value}n`
  return typeof value === 'object' && value !== null ? 'an object' : String(value)
}

function whole(
  name: string,
  bytes: 1 | 2 | 4,
  min: number,
  max: number,
  read: (words: Words, at: number) => number,
  write: (words: Words, at: number, value: number) => void,
): Codec<number> {
  const check = (value: number): void => {
    if (!(value >= min && value <= max) || !Number.isInteger(value)) {
      misfit(name, value, `a whole number from ${min} to ${max}`)
    }
  }
  return { name, bytes, align: bytes, check, read, write }
}

function write16(words: Words, at: number, value: number): void {
  words.u8[at] = value
  words.u8[at + 1] = value >>> 8
}

const read16 = (words: Words, at: number): number => words.u8[at]! | (words.u8[at + 1]! << 8)

export const u8 = whole(
  'u8',
  1,
  0,
  255,
  (words, at) => words.u8[at]!,
  (words, at, value) => void (words.u8[at] = value),
)
export const i8 = whole(
  'i8',
  1,
  -128,
  127,
  (words, at) => (words.u8[at]! << 24) >> 24,
  (words, at, value) => void (words.u8[at] = value),
)
export const u16 = whole('u16', 2, 0, 2 ** 16 - 1, read16, write16)
export const i16 = whole('i16', 2, -(2 ** 15), 2 ** 15 - 1, (words, at) => (read16(words, at) << 16) >> 16, write16)
export const u32 = whole(
  'u32',
  4,
  0,
  2 ** 32 - 1,
  (words, at) => words.i32[at >>> 2]! >>> 0,
  (words, at, value) => void (words.i32[at >>> 2] = value),
)
export const i32 = whole(
  'i32',
  4,
  -(2 ** 31),
  2 ** 31 - 1,
  (words, at) => words.i32[at >>> 2]!,
  (words, at, value) => void (words.i32[at >>> 2] = value),
)

function mustBeNumber(name: string, value: unknown): void {
  if (typeof value !== 'number') misfit(name, value, 'a number')
}

const single = new Float32Array(1)
const singleBits = new Int32Array(single.buffer)

export const f32: Codec<number> = {
  name: 'f32',
  bytes: 4,
  align: 4,
  check: (value) => mustBeNumber('f32', value),
  read(words, at) {
    singleBits[0] = words.i32[at >>> 2]!
    return single[0]!
  },
  write(words, at, value) {
    single[0] = value
    words.i32[at >>> 2] = singleBits[0]!
  },
}

export const f64: Codec<number> = {
  name: 'f64',
  bytes: 8,
  align: 8,
  check: (value) => mustBeNumber('f64', value),
  read: (words, at) => words.f64[at >>> 3]!,
  write: (words, at, value) => void (words.f64[at >>> 3] = value),
}

function big(name: string, min: bigint, max: bigint, read: Codec<bigint>['read']): Codec<bigint> {
  return {
    name,
    bytes: 8,
    align: 8,
    check(value) {
      if (typeof value !== 'bigint' || value < min || value > max) misfit(name, value, `a bigint from ${min} to ${max}`)
    },
    read,
    write(words, at, value) {
      words.i32[at >>> 2] = Number(BigInt.asIntN(32, value))
      words.i32[(at >>> 2) + 1] = Number(BigInt.asIntN(32, value >> 32n))
    },
  }
}

const low = (words: Words, at: number): bigint => BigInt(words.i32[at >>> 2]! >>> 0)

export const u64 = big(
  'u64',
  0n,
  2n ** 64n - 1n,
  (words, at) => (BigInt(words.i32[(at >>> 2) + 1]! >>> 0) << 32n) | low(words, at),
)
export const i64 = big(
  'i64',
  -(2n ** 63n),
  2n ** 63n - 1n,
  (words, at) => (BigInt(words.i32[(at >>> 2) + 1]!) << 32n) | low(words, at),
)

export const bool: Codec<boolean> = {
  name: 'bool',
  bytes: 1,
  align: 1,
  check(value) {
    if (typeof value !== 'boolean') misfit('bool', value, 'true or false')
  },
  read: (words, at) => words.u8[at] !== 0,
  write: (words, at, value) => void (words.u8[at] = value ? 1 : 0),
}

/**
 * What stands for an address that is not 0: its distance from where the space begins, modulo 2^32. Throws `argument` for
 * the very first byte, where no block begins: 0 stands for NIL.
 */
export function distanceOf(value: Addr, { byteOffset }: Int32Array<ArrayBufferLike>): number {
  if (value === byteOffset) misfit('address', value, 'another one, as here the space itself begins')
  return (value - byteOffset) | 0
}

/** Kept as the distance from where the space begins, so `write` refuses that very place; 0 is NIL. */
export const address: Codec<Addr> = {
  name: 'address',
  bytes: 4,
  align: 4,
  check(value) {
    if (!(value >= 0 && value < 2 ** 32) || !Number.isInteger(value)) misfit('address', value, 'an address, or 0')
  },
  read({ i32: m }, at) {
    const rel = m[at >>> 2]! >>> 0
    return rel === 0 ? 0 : (rel + m.byteOffset) >>> 0
  },
  write({ i32: m }, at, value) {
    m[at >>> 2] = value === 0 ? 0 : distanceOf(value, m)
  },
}

for (const codec of [u8, i8, u16, i16, u32, i32, u64, i64, f32, f64, bool]) plain.add(codec)

/** An object with these fields, in this order, each at a multiple of its alignment. */
export function struct<F extends Record<string, Codec<unknown>>>(fields: F): Codec<{ [K in keyof F]: ValueOf<F[K]> }> {
  type T = { [K in keyof F]: ValueOf<F[K]> }
  const parts: { key: keyof F & string; codec: Codec<unknown>; offset: number }[] = []
  let bytes = 0
  let align = 1
  if (typeof fields !== 'object' || fields === null) misfit('struct', fields, 'an object with a codec for each field')
  for (const [key, field] of Object.entries(fields)) {
    const codec = mustBeCodec(field as Codec<unknown>, `struct: field ${key}`)
    bytes = roundUp(bytes, codec.align)
    parts.push({ key, codec, offset: bytes })
    bytes += codec.bytes
    align = Math.max(align, codec.align)
  }
  if (parts.length === 0) throw new VmallocError('argument', 'struct: no fields, expected one at least')
  const name = `struct(${parts.map(({ key, codec }) => `${key}:${codec.name}`).join(',')})`
  return {
    name,
    bytes: roundUp(bytes, align),
    align,
    check(value) {
      if (typeof value !== 'object' || value === null) misfit(name, value, 'an object with these fields')
      for (const { key, codec } of parts) {
        try {
          codec.check(value[key])
        } catch (error) {
          if (error instanceof VmallocError) throw new VmallocError('argument', `field ${key}: ${error.message}`)
          throw error
        }
      }
    },
    read(words, at) {
      const value: Partial<Record<keyof F, unknown>> = {}
      for (const { key, codec, offset } of parts) value[key] = codec.read(words, at + offset)
      return value as T
    },
    write(words, at, value) {
      for (const { key, codec, offset } of parts) codec.write(words, at + offset, value[key])
    },
    own(value) {
      if (typeof value !== 'object' || value === null) return value
      const copy: Partial<Record<keyof F, unknown>> = {}
      for (const { key, codec } of parts) copy[key] = settled(codec, value[key])
      return copy as T
    },
  }
}
