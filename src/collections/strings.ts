/**
 * strings: UTF-8 that a NUL ends, in region memory.
 *
 *   string   at                                at + length
 *            | bytes, none of them 0 ........ | 0 |          a block of its own: `region.free(at)` frees it
 *
 *   split    parts[0]      parts[1]
 *            | bytes ... | 0 . | bytes ... | 0 . | ... | 0 |  one block for all parts: freeing the first frees them all
 *
 * The region, or what has one, comes first. Texts are JavaScript strings or addresses of strings in the same space, also
 * of other regions and of the middle of a string; what comes back are addresses, in blocks of the region. A function that
 * finds no memory throws VmallocError `no-memory` and leaves nothing behind.
 *
 * A JavaScript string with a NUL in it is refused, since it would end there (a StringBuilder keeps it); half a surrogate
 * pair becomes U+FFFD, as with `region.string`. Where bytes are counted, a character is never cut in two.
 *
 *   all O(bytes), length + 1 bytes a string      compare: the order of code points
 *
 * Source: the string functions of wmem and GLib; a template in place of printf.
 */
import { type Addr, NIL } from '../contract/addr.ts'
import { isWhole } from '../ground/bits.ts'
import { VmallocError } from '../ground/fault.ts'
import { Ground, type Home } from '../region/ground.ts'
import {
  addTemplate,
  addText,
  type Bytes,
  badText,
  endOfText,
  placeOf,
  rangeOf,
  type Span,
  type Text,
  TextAt,
  type Value,
} from './text.ts'
import {
  borrow,
  compareRanges,
  copyBytes,
  type Draft,
  equalRanges,
  giveBack,
  nulIn,
  search,
  textOf,
  wholeEnd,
} from './utf8.ts'

export type { Bytes, Span, Text, Value }

const A = 0x41
const Z = 0x5a
const SMALL = 0x20 // the bit that a has and A has not

/** A copy of a text. */
export function dup(home: Home, text: Text): Addr {
  return composed(home, 'dup', (ground, draft) => addText(ground, draft, text, 'dup'))
}

/**
 * A copy of at most so many bytes of a text, and of whole characters: of one that does not fit nothing is taken. At an
 * address no more than these bytes are looked at, so there a NUL may be missing.
 */
export function ndup(home: Home, text: Text, bytes: number): Addr {
  if (!isWhole(bytes, 2 ** 32)) badText('ndup', bytes, 'a number of bytes')
  return composed(home, 'ndup', (ground, draft) => {
    const isCut = typeof text === 'string' ? addBeginning(draft, text, bytes) : addSome(ground, draft, text, bytes)
    if (isCut) draft.length = wholeEnd(draft.bytes, 0, bytes)
  })
}

/** One text after the other. */
export function concat(home: Home, ...parts: Text[]): Addr {
  return composed(home, 'concat', (ground, draft) => {
    for (const part of parts) addText(ground, draft, part, 'concat')
  })
}

/** One text after the other with `separator` between them; of none, the empty string. */
export function join(home: Home, separator: Text, ...parts: Text[]): Addr {
  return composed(home, 'join', (ground, draft) => {
    for (let i = 0; i < parts.length; i++) {
      if (i > 0) addText(ground, draft, separator, 'join')
      addText(ground, draft, parts[i]!, 'join')
    }
  })
}

/**
 * What stands between the separators: at most `max` parts, of which the last has all the rest, separators and all. Two
 * separators in a row have an empty part between them. All parts lie in one block, which begins with the first:
 * `region.free(parts[0])` frees them all. An empty text has no parts, and needs no memory.
 */
export function split(home: Home, text: Text, separator: Text, max = Number.POSITIVE_INFINITY): Addr[] {
  if (!(max >= 1) || (max !== Number.POSITIVE_INFINITY && !Number.isInteger(max))) {
    badText('split', max, 'how many parts at most, a whole number from 1 on')
  }
  const ground = new Ground(home, 'split')
  const held = ground.lock()
  const between = borrow()
  const draft = borrow()
  try {
    addText(ground, between, separator, 'split')
    addText(ground, draft, text, 'split')
    if (between.length === 0) badText('split', 'an empty separator', 'one of at least one byte')
    mustHaveNoNul(between, 'split')
    mustHaveNoNul(draft, 'split')
    if (draft.length === 0) return []
    const starts = cutAt(draft, between, max)
    const at = stored(ground, draft, 'split')
    return starts.map((start) => at + start)
  } finally {
    giveBack(draft)
    giveBack(between)
    if (held) ground.unlock()
  }
}

/**
 * Makes the tag of a template: `format(region)` followed by a template is the address of the text, with its values filled
 * in: texts, numbers and truth values as JavaScript writes them, addresses of strings within `textAt`.
 */
export function format(home: Home): (parts: TemplateStringsArray, ...values: Value[]) => Addr {
  return (parts, ...values) =>
    composed(home, 'format', (ground, draft) => addTemplate(ground, draft, parts, values, 'format'))
}

/** In a template: the text at an address. */
export function textAt(at: Addr): TextAt {
  return new TextAt(at)
}

/** A copy with A to Z as a to z; all other characters as they are. */
export function lower(home: Home, text: Text): Addr {
  return composed(home, 'lower', (ground, draft) => {
    addText(ground, draft, text, 'lower')
    const { bytes, length } = draft
    for (let i = 0; i < length; i++) {
      const byte = bytes[i]!
      if (byte >= A && byte <= Z) bytes[i] = byte | SMALL
    }
  })
}

/**
 * A copy of bytes, NULs and all, without one behind them: of an array, or `length` from an address on. Of no bytes the
 * copy is 0 (NIL), which may be freed.
 */
export function memdup(home: Home, bytes: Uint8Array): Addr
export function memdup(home: Home, at: Addr, length: number): Addr
export function memdup(home: Home, source: Uint8Array | Addr, length = 0): Addr {
  const ground = new Ground(home, 'memdup')
  const held = ground.lock()
  const draft = borrow()
  try {
    if (source instanceof Uint8Array) draft.addBytes(source, 0, source.length)
    else if (source !== NIL || length !== 0) {
      const from = placeOf(ground, source, length, 'memdup')
      draft.addBytes(ground.words.u8, from, from + length)
    }
    return draft.length === 0 ? NIL : laid(ground, draft, draft.length, 'memdup')
  } finally {
    giveBack(draft)
    if (held) ground.unlock()
  }
}

/** The text at an address, as JavaScript has it; each malformed sequence is read as U+FFFD. */
export function read(home: Home, at: Addr): string {
  return looked(home, 'read', (ground) => {
    const from = placeOf(ground, at, 0, 'read')
    return textOf(ground.words.u8, from, endOfText(ground, from, 'read'))
  })
}

/** How many bytes a text has, without the NUL. */
export function length(home: Home, text: Text): number {
  return looked(home, 'length', (ground, draft) => {
    const { from, to } = rangeOf(ground, draft, text, 'length')
    return to - from
  })
}

export function equal(home: Home, one: Bytes, other: Bytes): boolean {
  return looked(home, 'equal', (ground, draft, second) =>
    equalRanges(rangeOf(ground, draft, one, 'equal'), rangeOf(ground, second, other, 'equal')),
  )
}

/** -1 where `one` comes before `other` in the order of code points, 1 where it comes after, 0 where they are the same. */
export function compare(home: Home, one: Bytes, other: Bytes): number {
  return looked(home, 'compare', (ground, draft, second) =>
    compareRanges(rangeOf(ground, draft, one, 'compare'), rangeOf(ground, second, other, 'compare')),
  )
}

/** How many bytes before `part` first stands in `whole`, from byte `from` on; -1 where it does not. */
export function indexOf(home: Home, whole: Bytes, part: Bytes, from = 0): number {
  if (!isWhole(from, 2 ** 32)) badText('indexOf', from, 'a number of bytes to pass over')
  return looked(home, 'indexOf', (ground, draft, second) => {
    const range = rangeOf(ground, draft, whole, 'indexOf')
    const at = search(range, range.from + from, rangeOf(ground, second, part, 'indexOf'))
    return at < 0 ? -1 : at - range.from
  })
}

/** Adds a text, and says whether it has more than so many bytes. */
function addBeginning(draft: Draft, text: string, bytes: number): boolean {
  draft.addText(text)
  return draft.length > bytes
}

/** Adds at most so many bytes of the text at an address, and says whether that took them all without a NUL. */
function addSome(ground: Ground, draft: Draft, at: Addr, bytes: number): boolean {
  const from = placeOf(ground, at, 0, 'ndup')
  const { u8, length } = ground.words
  const limit = Math.min(from + bytes, length)
  const end = nulIn(u8, from, limit)
  if (end < 0 && limit < from + bytes) badText('ndup', at, 'a text that a NUL ends')
  draft.addBytes(u8, from, end < 0 ? limit : end)
  return end < 0
}

// a turn: the lock, drafts, and what comes of them

/** The string that `fill` writes into a draft. */
function composed(home: Home, what: string, fill: (ground: Ground, draft: Draft) => void): Addr {
  const ground = new Ground(home, what)
  const held = ground.lock()
  const draft = borrow()
  try {
    fill(ground, draft)
    mustHaveNoNul(draft, what)
    return stored(ground, draft, what)
  } finally {
    giveBack(draft)
    if (held) ground.unlock()
  }
}

function looked<T>(home: Home, what: string, look: (ground: Ground, draft: Draft, second: Draft) => T): T {
  const ground = new Ground(home, what)
  const held = ground.lock()
  const draft = borrow()
  const second = borrow()
  try {
    return look(ground, draft, second)
  } finally {
    giveBack(second)
    giveBack(draft)
    if (held) ground.unlock()
  }
}

function mustHaveNoNul(draft: Draft, what: string): void {
  const at = nulIn(draft.bytes, 0, draft.length)
  if (at < 0) return
  throw new VmallocError(
    'argument',
    `${what}: a NUL at byte ${at}, where the string would end: expected a text without (a StringBuilder keeps them)`,
  )
}

/** A block with what a draft has and a NUL. */
function stored(ground: Ground, draft: Draft, what: string): Addr {
  const at = laid(ground, draft, draft.length + 1, what)
  ground.words.u8[at - ground.bias + draft.length] = 0
  return at
}

/** A block of so many bytes with what a draft has; of a method that serves one size, one of that, where it is enough. */
function laid(ground: Ground, { bytes, length }: Draft, size: number, what: string): Addr {
  const { unit } = ground.region
  const cell = ground.take(unit > size ? unit : size, what)
  copyBytes(ground.words.u8, cell * 4, bytes, 0, length)
  return ground.addressOf(cell)
}

/** Where the parts of a draft begin, after a 0 has been put on the first byte of every separator. */
function cutAt(draft: Draft, between: Draft, max: number): number[] {
  const whole = { u8: draft.bytes, from: 0, to: draft.length }
  const part = { u8: between.bytes, from: 0, to: between.length }
  const starts = [0]
  for (let from = 0; starts.length < max; ) {
    const at = search(whole, from, part)
    if (at < 0) break
    draft.bytes[at] = 0
    from = at + between.length
    starts.push(from)
  }
  return starts
}
