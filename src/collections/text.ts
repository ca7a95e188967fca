/**
 * text: what strings and builders take for text, and where it lies.
 *
 *   'abc'                 a JavaScript string; half a surrogate pair in it is taken as U+FFFD
 *   4711                  an address, in the same space, of UTF-8 that a NUL ends; it need not begin a block
 *   { at, length }        so many bytes from an address on, whatever they are
 *   Uint8Array            bytes outside, or over the same memory
 *
 * In a template a number is a number, so an address is marked there: `${textAt(4711)}`.
 */
import { type Addr, NIL } from '../contract/addr.ts'
import { isWhole } from '../ground/bits.ts'
import { VmallocError } from '../ground/fault.ts'
import type { Ground } from '../region/ground.ts'
import { type Draft, nulIn, type Range } from './utf8.ts'

/** A JavaScript string, or the address of NUL-ended UTF-8 in the same space. */
export type Text = string | Addr

/** So many bytes from an address on. */
export interface Span {
  readonly at: Addr
  readonly length: number
}

/** Whatever has bytes. */
export type Bytes = Text | Span | Uint8Array

/** An address that stands for its text. */
export class TextAt {
  readonly at: Addr

  constructor(at: Addr) {
    this.at = at
  }
}

/** What can be put into a template: texts, numbers and truth values as JavaScript writes them, and marked addresses. */
export type Value = string | number | bigint | boolean | TextAt

export function badText(what: string, value: unknown, expected = 'a string or an address'): never {
  const came = typeof value === 'object' && value !== null ? 'an object' : String(value)
  throw new VmallocError('argument', `${what}: ${came}, expected ${expected}`)
}

/** Where in the words `length` bytes at a client's address begin. Throws `argument` where the space has not so many. */
export function placeOf(ground: Ground, at: Addr, length: number, what: string): number {
  const place = at - ground.bias
  const end = ground.words.length
  if (at === NIL || !isWhole(at, 2 ** 32) || place < 0 || place >= end) {
    badText(what, at, `an address in the space of region ${ground.region.name}`)
  }
  if (!isWhole(length, 2 ** 32) || place + length > end) {
    badText(what, length, `a length, of at most the ${end - place} bytes that the space has from ${at} on`)
  }
  return place
}

/** Where the text that begins at a place of the words ends: at its NUL. */
export function endOfText(ground: Ground, place: number, what: string): number {
  const { u8, length } = ground.words
  const end = nulIn(u8, place, length)
  if (end < 0) badText(what, place + ground.bias, 'a text that a NUL ends')
  return end
}

/** Adds a text to a draft. */
export function addText(ground: Ground, draft: Draft, text: Text, what: string): void {
  if (typeof text === 'string') draft.addText(text)
  else if (typeof text === 'number') {
    const place = placeOf(ground, text, 0, what)
    draft.addBytes(ground.words.u8, place, endOfText(ground, place, what))
  } else badText(what, text)
}

/** The bytes of something, good until the next allocation; a JavaScript string is put into the draft, which must be empty. */
export function rangeOf(ground: Ground, draft: Draft, bytes: Bytes, what: string): Range {
  if (typeof bytes === 'string') {
    draft.addText(bytes)
    return { u8: draft.bytes, from: 0, to: draft.length }
  }
  if (bytes instanceof Uint8Array) return { u8: bytes, from: 0, to: bytes.length }
  const { u8 } = ground.words
  if (typeof bytes === 'number') {
    const from = placeOf(ground, bytes, 0, what)
    return { u8, from, to: endOfText(ground, from, what) }
  }
  if (typeof bytes !== 'object' || bytes === null) badText(what, bytes, 'a string, an address, { at, length } or bytes')
  const from = placeOf(ground, bytes.at, bytes.length, what)
  return { u8, from, to: from + bytes.length }
}

/** Adds a template, filled in, to a draft. */
export function addTemplate(
  ground: Ground,
  draft: Draft,
  parts: TemplateStringsArray,
  values: readonly Value[],
  what: string,
): void {
  for (let i = 0; i < parts.length; i++) {
    if (i > 0) addValue(ground, draft, values[i - 1]!, what)
    const part: string | undefined = parts[i]
    if (part === undefined) badText(what, parts.raw[i], 'a template whose escapes are right')
    draft.addText(part)
  }
}

function addValue(ground: Ground, draft: Draft, value: Value, what: string): void {
  if (value instanceof TextAt) addText(ground, draft, value.at, what)
  else if (typeof value === 'string') draft.addText(value)
  else if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean') {
    draft.addText(String(value))
  } else badText(what, value, 'a string, a number, a truth value, or an address in textAt()')
}
