/**
 * hash: where a key goes in a table, unforeseeable for whoever does not know the seed.
 *
 * Who may choose keys (names in requests, addresses in packets) and knows how they are hashed can choose them so that
 * all meet in one place, and then each look-up walks through all the others. So every map has a random seed, which lies in
 * its head: shared with other threads, and there again after a restart.
 *
 *   SECRET (two words)   drawn once a thread, for all maps that it makes: what is made from it is made once
 *   SALT (30 bits)       drawn for each map; so who gets to see the bytes of one knows the secret of others, not their salt
 *
 * Strings of bytes: HalfSipHash-1-3 under the key (SECRET ^ SALT). It was made for this: as far as is known, who does not
 * know the key learns nothing about one hash from all others, so collisions come as often as by chance, 1 in 2^32,
 * whatever the strings have in common.
 *
 * Whole numbers and doubles: simple tabulation. Each byte of the key, after SALT was put over it, picks a word from a
 * table of 256, and the words are put over one another. The tables are filled by HalfSipHash from SECRET, so for the one
 * who does not know it they are random; and then it is proved (not only hoped) that linear probing, at a load below
 * 0.7, takes a constant number of steps on the average, for every set of keys that was chosen without looking at the
 * tables. Sequences, multiples of powers of two and keys that met under another seed are nothing special.
 *
 * Against one who can measure the time of every single look-up and chooses the next keys by it only strings are safe.
 *
 *   a number 4 or 8 loads   a string of n bytes n/4 + 4 rounds   8 KB of tables a secret, filled in some 50 us
 *
 * Sources: Jean-Philippe Aumasson and Daniel J. Bernstein, SipHash: a fast short-input PRF, 2012, and HalfSipHash in its
 * reference code. Mihai Patrascu and Mikkel Thorup, The power of simple tabulation hashing, 2011.
 */
import { VmallocError } from '../ground/fault.ts'

/** What a table hashes with: three words. */
export interface Seed {
  readonly low: number
  readonly high: number
  readonly salt: number
}

const BYTE = 256
const TABLES = 8
/** Tables that are kept: those of the secrets that were asked for last. */
const KEPT = 16

const tables = new Map<string, Int32Array>()
const scratch = new Uint8Array(4)
let lens: DataView = new DataView(scratch.buffer)
let under: Uint8Array = scratch

const drawn = new Int32Array(64)
let left = 0
let secret: { low: number; high: number } | undefined

/** A seed for one more table: this thread's secret and a salt of its own; or the one that a caller names. */
export function seedFor(named: number | bigint | undefined): Seed {
  if (named !== undefined) return seedNamed(named)
  secret ??= { low: draw(), high: draw() }
  return { low: secret.low, high: secret.high, salt: draw() >>> 2 }
}

/** 2048 words for `hashWord` and `hashPair`: the same for the same secret, in every thread. */
export function tablesOf(low: number, high: number): Int32Array {
  const name = `${low},${high}`
  const known = tables.get(name)
  if (known !== undefined) return known
  const made = new Int32Array(TABLES * BYTE)
  const view = new DataView(scratch.buffer)
  for (let i = 0; i < made.length; i++) {
    view.setInt32(0, i, true)
    made[i] = hashBytes(scratch, 4, low, high)
  }
  if (tables.size >= KEPT) tables.delete(tables.keys().next().value!)
  tables.set(name, made)
  return made
}

/** Hash of one word. */
export function hashWord(t: Int32Array, word: number): number {
  return t[word & 255]! ^ t[256 + ((word >>> 8) & 255)]! ^ t[512 + ((word >>> 16) & 255)]! ^ t[768 + (word >>> 24)]!
}

/** Hash of two words. */
export function hashPair(t: Int32Array, low: number, high: number): number {
  return (
    hashWord(t, low) ^
    t[1024 + (high & 255)]! ^
    t[1280 + ((high >>> 8) & 255)]! ^
    t[1536 + ((high >>> 16) & 255)]! ^
    t[1792 + (high >>> 24)]!
  )
}

/** HalfSipHash-1-3, 32 bits, of the first `length` bytes under the key (`low`, `high`). */
export function hashBytes(bytes: Uint8Array, length: number, low: number, high: number): number {
  if (bytes !== under) {
    under = bytes
    lens = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }
  const whole = length >>> 2
  const end = whole + 3
  let v0 = low
  let v1 = high
  let v2 = low ^ 0x6c796765
  let v3 = high ^ 0x74656462
  for (let i = 0; i <= end; i++) {
    const word = i < whole ? lens.getInt32(i << 2, true) : i === whole ? lastWord(bytes, length) : 0
    if (i === whole + 1) v2 ^= 0xff
    v3 ^= word
    v0 = (v0 + v1) | 0
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0
    v0 = (v0 << 16) | (v0 >>> 16)
    v2 = (v2 + v3) | 0
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2
    v0 = (v0 + v3) | 0
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0
    v2 = (v2 + v1) | 0
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2
    v2 = (v2 << 16) | (v2 >>> 16)
    v0 ^= word
  }
  return v1 ^ v3
}

/** The bytes that fill no word, and the length above them. */
function lastWord(bytes: Uint8Array, length: number): number {
  const at = length & ~3
  let word = length << 24
  for (let i = at; i < length; i++) word |= bytes[i]! << ((i - at) << 3)
  return word
}

function seedNamed(named: number | bigint): Seed {
  const isWhole =
    typeof named === 'bigint' ? named >= 0n && named < 2n ** 64n : Number.isSafeInteger(named) && named >= 0
  if (!isWhole) {
    throw new VmallocError('argument', `seed: ${String(named)}, expected a whole number, 64 bits at most`)
  }
  const bits = BigInt(named)
  return { low: Number(BigInt.asIntN(32, bits)), high: Number(BigInt.asIntN(32, bits >> 32n)), salt: 0 }
}

/** A random word. */
function draw(): number {
  if (left === 0) {
    crypto.getRandomValues(drawn)
    left = drawn.length
  }
  return drawn[--left]!
}
