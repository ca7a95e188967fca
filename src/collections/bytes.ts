/**
 * bytes: strings of bytes as keys, in blocks of their own.
 *
 *   block   +0       +4
 *           | LENGTH | bytes ...                 a text as UTF-8
 *
 * A key that is looked up is not copied into the region: it waits in a scratch array of this thread, and is compared
 * from there. Order is that of the bytes, which for texts is the order of code points.
 */
import type { Cell } from '../contract/addr.ts'
import { VmallocError } from '../ground/fault.ts'
import { decode, encodeInto } from '../ground/text.ts'
import type { Words } from '../ground/words.ts'

const FEW = 64

/** A key outside the region: the first `length` bytes of `bytes`. One object for the whole thread: good until the next key. */
export interface Key {
  bytes: Uint8Array<ArrayBuffer>
  length: number
}

const key: Key = { bytes: new Uint8Array(256), length: 0 }

/** A text as a key. Throws `argument` for what is no text, and for one with half a surrogate pair, which has no UTF-8. */
export function textKey(text: string, what: string): Key {
  if (typeof text !== 'string') throw new VmallocError('argument', `${what}: ${String(text)}, expected a text`)
  const most = text.length * 3
  if (key.bytes.length < most) key.bytes = new Uint8Array(most * 2)
  const { bytes } = key
  if (text.length <= FEW) {
    let i = 0
    for (; i < text.length; i++) {
      const code = text.charCodeAt(i)
      if (code > 127) break
      bytes[i] = code
    }
    if (i === text.length) {
      key.length = i
      return key
    }
  }
  if (!text.isWellFormed()) {
    throw new VmallocError(
      'argument',
      `${what}: ${JSON.stringify(text)} has half a surrogate pair, expected whole characters`,
    )
  }
  key.length = encodeInto(text, bytes)
  return key
}

/** Bytes as a key; they are copied, so that nobody changes them meanwhile. */
export function bytesKey(bytes: Uint8Array, what: string): Key {
  if (!(bytes instanceof Uint8Array)) {
    throw new VmallocError('argument', `${what}: ${String(bytes)}, expected a Uint8Array`)
  }
  if (key.bytes.length < bytes.length) key.bytes = new Uint8Array(bytes.length * 2)
  key.bytes.set(bytes)
  key.length = bytes.length
  return key
}

/** Bytes of the block that a key takes. */
export const keySize = (length: number): number => 4 + length

/** Writes a key into a block of `keySize` bytes. */
export function writeKey(words: Words, cell: Cell, { bytes, length }: Key): void {
  words.i32[cell] = length
  const { u8 } = words
  const at = cell * 4 + 4
  if (length > FEW) u8.set(bytes.subarray(0, length), at)
  else for (let i = 0; i < length; i++) u8[at + i] = bytes[i]!
}

/** Whether the key in a block is this one. */
export function isKey(words: Words, cell: Cell, { bytes, length }: Key): boolean {
  if (words.i32[cell] !== length) return false
  const { u8 } = words
  const at = cell * 4 + 4
  for (let i = 0; i < length; i++) if (u8[at + i] !== bytes[i]) return false
  return true
}

/** Less than 0 where this key comes before the one in the block, 0 where they are the same. */
export function compareKey({ bytes, length }: Key, words: Words, cell: Cell): number {
  const has = words.i32[cell]!
  const { u8 } = words
  const at = cell * 4 + 4
  const end = length < has ? length : has
  for (let i = 0; i < end; i++) {
    const by = bytes[i]! - u8[at + i]!
    if (by !== 0) return by
  }
  return length - has
}

/** A copy of the bytes of a key. */
export function readBytes(words: Words, cell: Cell): Uint8Array<ArrayBuffer> {
  const at = cell * 4 + 4
  return new Uint8Array(words.u8.subarray(at, at + words.i32[cell]!))
}

export function readText(words: Words, cell: Cell): string {
  const length = words.i32[cell]!
  const at = cell * 4 + 4
  if (length > FEW) return decode(words.u8.subarray(at, at + length))
  const { u8 } = words
  let text = ''
  for (let i = 0; i < length; i++) {
    const code = u8[at + i]!
    if (code > 127) return decode(u8.subarray(at, at + length))
    text += String.fromCharCode(code)
  }
  return text
}
