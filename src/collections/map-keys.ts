/**
 * map-keys: what can be a key of a hash map or multimap, and how it lies in an entry.
 *
 *   in the entry      | a word          |                u32 i32 u16 i16 u8 i8 address
 *                     | low    | high   |                u64 i64 f64
 *                     | HASH   | cell of a block |       text bytes, as `bytes.ts` has them
 *
 * The kinds of the first two lines are the codecs of those names. As in JavaScript's Map, NaN equals NaN and -0 equals 0
 * (and is kept as 0). A text must be well formed; texts are in the order of their code points, and bytes in the order
 * of the bytes, a beginning before what it begins.
 *
 * A kind is known by a small number, `form`, and what depends on it is a `switch`: functions of the kinds themselves
 * would be calls that the engine cannot see through once a program uses several kinds.
 */
import type { Cell } from '../contract/addr.ts'
import { VmallocError } from '../ground/fault.ts'
import type { Words } from '../ground/words.ts'
import { bytesKey, type Key, readBytes, readText, textKey } from './bytes.ts'
import { address, distanceOf, f64, i8, i16, i32, i64, u8, u16, u32, u64 } from './codec.ts'

/** A kind of keys: one of `keys`. `K` is what a key is in JavaScript. */
export interface KeyKind<K> {
  readonly name: string
  /** Throws VmallocError `argument` for what is no key of this kind. */
  check(key: K): void
}

/** Texts as keys. */
export const text: KeyKind<string> = { name: 'text', check: (key) => void textKey(key, 'text') }

/** Strings of bytes as keys. */
export const bytes: KeyKind<Uint8Array> = { name: 'bytes', check: (key) => void bytesKey(key, 'bytes') }

/** All kinds of keys. */
export const keys = { u32, i32, u16, i16, u8, i8, address, u64, i64, f64, text, bytes }

// forms: up to ADDRESS a word, up to F64 two, then blocks
export const U32 = 0
export const I32 = 1
export const SMALL = 2
export const ADDRESS = 3
export const U64 = 4
export const I64 = 5
export const F64 = 6
export const TEXT = 7
export const BYTES = 8

const forms = new Map<KeyKind<never>, number>([
  [u32, U32],
  [i32, I32],
  [u16, SMALL],
  [i16, SMALL],
  [u8, SMALL],
  [i8, SMALL],
  [address, ADDRESS],
  [u64, U64],
  [i64, I64],
  [f64, F64],
  [text, TEXT],
  [bytes, BYTES],
])

/** The form of a kind. Throws `argument` for what is none. */
export function formOf(kind: KeyKind<never>, what: string): number {
  const form = forms.get(kind)
  if (form !== undefined) return form
  const name = (kind as { name?: unknown } | undefined)?.name
  throw new VmallocError(
    'argument',
    `${what}: keys of kind ${String(name ?? kind)}, expected one of ${Object.keys(keys).join(', ')}`,
  )
}

const pairF = new Float64Array(1)
const pairU = new BigUint64Array(pairF.buffer)
const pairI = new BigInt64Array(pairF.buffer)

/** The two words that `split` made, the low one first. One array for the whole thread: good until the next key. */
export const pair = new Int32Array(pairF.buffer)

/** A key of one word. */
export function wordOf(form: number, kind: KeyKind<never>, key: unknown, m: Int32Array): number {
  if (typeof key !== 'number') kind.check(key as never)
  const word = (key as number) | 0
  if (form === I32 ? word === key : form === U32 && word >>> 0 === key) return word
  kind.check(key as never)
  return form === ADDRESS && key !== 0 ? distanceOf(key as number, m) : word
}

/** The key that a word is. */
export function keyOfWord(form: number, word: number, m: Int32Array): number {
  if (form === U32) return word >>> 0
  return form === ADDRESS && word !== 0 ? ((word >>> 0) + m.byteOffset) >>> 0 : word
}

/** Puts a key of two words into `pair`. */
export function split(form: number, kind: KeyKind<never>, key: unknown): void {
  if (form === F64) {
    if (typeof key !== 'number') kind.check(key as never)
    pairF[0] = (key as number) + 0
    if (Number.isNaN(key)) {
      pair[0] = 0
      pair[1] = 0x7ff80000
    }
    return
  }
  if (typeof key !== 'bigint') kind.check(key as never)
  pairU[0] = key as bigint
  if ((form === U64 ? pairU[0] : pairI[0]) !== key) kind.check(key as never)
}

/** The key that two words are. */
export function keyOfPair(form: number, low: number, high: number): number | bigint {
  pair[0] = low
  pair[1] = high
  return form === F64 ? pairF[0]! : form === U64 ? pairU[0]! : pairI[0]!
}

/** A key of bytes, in the scratch array of this thread. */
export function blockKey(form: number, key: unknown): Key {
  return form === TEXT ? textKey(key as string, 'key') : bytesKey(key as Uint8Array, 'key')
}

/** The key in a block of its own. */
export function keyOfBlock(form: number, words: Words, cell: Cell): string | Uint8Array {
  return form === TEXT ? readText(words, cell) : readBytes(words, cell)
}

/** Which of two keys of a kind comes first: less than 0, 0, or more. NaN comes last. */
export function orderOf(form: number): (a: never, b: never) => number {
  if (form === TEXT) return compareTexts
  return form === BYTES ? compareBytes : compareNumbers
}

function compareNumbers(a: number | bigint, b: number | bigint): number {
  if (a < b) return -1
  if (a > b) return 1
  return Number(Number.isNaN(a)) - Number(Number.isNaN(b))
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const end = Math.min(a.length, b.length)
  for (let i = 0; i < end; i++) if (a[i] !== b[i]) return a[i]! - b[i]!
  return a.length - b.length
}

/** By code points: the halves of a surrogate pair come after all other units. */
function compareTexts(a: string, b: string): number {
  const end = Math.min(a.length, b.length)
  for (let i = 0; i < end; i++) {
    const one = a.charCodeAt(i)
    const other = b.charCodeAt(i)
    if (one === other) continue
    const isPaired = one >= 0xd800 && one < 0xe000
    return isPaired === (other >= 0xd800 && other < 0xe000) ? one - other : isPaired ? 1 : -1
  }
  return a.length - b.length
}
