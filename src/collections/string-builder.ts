/**
 * string-builder: text that grows.
 *
 *   head   BUFFER | LENGTH | CAPACITY
 *
 *   buffer                           LENGTH             CAPACITY
 *            | bytes, UTF-8 ........ | 0 | ............ |      a block of its own; none before it is needed
 *
 *   B1  there is no BUFFER, and LENGTH and CAPACITY are 0, or it is a block of at least CAPACITY bytes, and
 *       LENGTH < CAPACITY
 *   B2  a 0 stands behind LENGTH bytes, for those who read up to one; it is not counted, and there may be others before it
 *
 *   append O(bytes) on average: CAPACITY doubles, in place where the region can     validate, repair, indexOf O(bytes)
 *   between n + 1 and 2n + 2 bytes for n, 16 at least
 *
 * Text that comes from JavaScript is well-formed: half a surrogate pair becomes U+FFFD (halves in two calls are not put
 * together). Bytes are taken as they are; `validate` finds what is no UTF-8, and `repair` mends it. Lengths and places are
 * counted in bytes. When a region has no memory, a call throws `no-memory`, and nothing has changed.
 *
 * A builder may be appended to itself, as may any bytes of its own space. `for..of` gives characters, up to the length at
 * which it began, of the text as it is when each is asked for; what is truncated or cleared meanwhile ends it.
 *
 * Source: wmem's strbuf; the repair is that of the WHATWG's decoder.
 */
import { type Addr, LIMIT } from '../contract/addr.ts'
import { isWhole } from '../ground/bits.ts'
import { corrupted, VmallocError } from '../ground/fault.ts'
import type { Home } from '../region/ground.ts'
import { BUFFER, Buffered, CAPACITY, LENGTH, MORE } from './buffered.ts'
import { type CollectionOptions, FIELDS } from './collection.ts'
import { addTemplate, type Bytes, badText, endOfText, placeOf, rangeOf, type Text, type Value } from './text.ts'
import {
  borrow,
  codePointAt,
  compareRanges,
  copyBytes,
  type Draft,
  equalRanges,
  FEW,
  giveBack,
  isCodePoint,
  malformed,
  type Range,
  REPLACEMENT,
  REPLACEMENT_BYTES,
  search,
  sequence,
  textOf,
  wholeEnd,
  widthOf,
  writeCodePoint,
} from './utf8.ts'

export interface StringBuilderOptions extends CollectionOptions {
  /** Room for so many bytes of text from the beginning on. */
  size?: number
}

const LEAST = 16
const BACKSLASH = 0x5c
const [SHORT_ESCAPE, MIDDLE_ESCAPE, LONG_ESCAPE] = [0x78, 0x75, 0x55] // x u U
const HEX_BYTE = 4 // bytes of \x7f

export class StringBuilder extends Buffered implements Iterable<string> {
  protected readonly unit = 1

  /** An empty builder, or the one at `at`. Throws VmallocError `no-memory`. */
  constructor(home: Home, options: StringBuilderOptions = {}) {
    super('string builder', 'STRB', 'utf8', MORE - FIELDS, home, options, { size: true })
    this.start(options)
    if (options.at === undefined && options.size !== undefined) this.orDestroy(() => this.reserve(options.size!))
  }

  /** A builder with a copy of a text, of bytes, or of what another builder has. Throws `no-memory`. */
  static from(
    home: Home,
    source: Text | Uint8Array | StringBuilder,
    options: Omit<StringBuilderOptions, 'at'> = {},
  ): StringBuilder {
    const made = new StringBuilder(home, options)
    made.orDestroy(() => (source instanceof Uint8Array ? made.appendBytes(source) : made.append(source)))
    return made
  }

  /** How many bytes the text has, without the NUL behind it. */
  get length(): number {
    const held = this.enter()
    try {
      return this.words.i32[this.head + LENGTH]! >>> 0
    } finally {
      this.leave(held)
    }
  }

  /** Where the text begins, with a NUL behind it; good until the next change. May throw `no-memory` for an empty one. */
  get address(): Addr {
    const held = this.enter()
    try {
      this.room(0)
      return this.data.addressOf(this.words.i32[this.head + BUFFER]!)
    } finally {
      this.leave(held)
    }
  }

  // appending

  /** Adds a text: a JavaScript string, what stands at an address up to a NUL, or all that a builder has, this one too. */
  append(text: Text | StringBuilder): this {
    if (typeof text !== 'string') return this.appendPlaced(text)
    const held = this.enter()
    try {
      if (text.length > FEW || !this.putAscii(text)) this.putText(text)
    } finally {
      this.leave(held)
    }
    return this
  }

  /** Adds bytes as they are, NULs and all: of an array, which may lie over the same memory, or `length` from an address on. */
  appendBytes(bytes: Uint8Array): this
  appendBytes(at: Addr, length: number): this
  appendBytes(source: Uint8Array | Addr, length = 0): this {
    const held = this.enter()
    try {
      if (source instanceof Uint8Array) this.putArray(source)
      else this.putPlace(placeOf(this.home, source, length, 'appendBytes'), length)
    } finally {
      this.leave(held)
    }
    return this
  }

  /** Adds a character by its number. Throws `argument` for what is none: a surrogate, or above 0x10ffff. */
  appendCodePoint(code: number): this {
    if (!isCodePoint(code)) badText('appendCodePoint', code, 'a code point: from 0 to 0x10ffff, no surrogate')
    return this.appendCharacters(code, 1)
  }

  /** Adds a character by its number, U+FFFD where that is none. */
  appendCodePointRepaired(code: number): this {
    return this.appendCharacters(isCodePoint(code) ? code : REPLACEMENT, 1)
  }

  /** Adds one character `count` times. */
  appendChar(char: string, count = 1): this {
    const code = typeof char === 'string' ? char.codePointAt(0) : undefined
    if (code === undefined || char.length !== (code > 0xffff ? 2 : 1)) {
      badText('appendChar', typeof char === 'string' ? JSON.stringify(char) : char, 'a text of one character')
    }
    if (!isWhole(count, LIMIT)) badText('appendChar', count, 'how often, a whole number')
    return this.appendCharacters(isCodePoint(code) ? code : REPLACEMENT, count)
  }

  /** Adds each byte as an escape of four signs, such as \x7f. */
  appendHex(...bytes: readonly number[]): this {
    for (const byte of bytes) if (!isWhole(byte, 0xff)) badText('appendHex', byte, 'a byte, from 0 to 255')
    const held = this.enter()
    try {
      let at = this.room(bytes.length * HEX_BYTE)
      for (const byte of bytes) at = writeEscape(this.words.u8, at, SHORT_ESCAPE, byte, 2)
      this.endAt(at)
    } finally {
      this.leave(held)
    }
    return this
  }

  /**
   * Adds a number of up to 32 bits as the shortest escape that has room for it, \x7f, \u20ac or \U0001f600, and says how
   * many signs that took: 4, 6 or 10. It need not be that of a character.
   */
  appendHexCodePoint(code: number): number {
    if (!isWhole(code, 2 ** 32 - 1)) badText('appendHexCodePoint', code, 'a whole number below 2^32')
    const digits = code <= 0xff ? 2 : code <= 0xffff ? 4 : 8
    const letter = digits === 2 ? SHORT_ESCAPE : digits === 4 ? MIDDLE_ESCAPE : LONG_ESCAPE
    const held = this.enter()
    try {
      const at = this.room(digits + 2)
      this.endAt(writeEscape(this.words.u8, at, letter, code, digits))
    } finally {
      this.leave(held)
    }
    return digits + 2
  }

  /**
   * The tag of a template, which is added with its values filled in: texts, numbers and truth values as JavaScript writes
   * them, addresses of strings within `strings.textAt`.
   */
  format(parts: TemplateStringsArray, ...values: Value[]): this {
    const draft = borrow()
    try {
      const held = this.enter()
      try {
        addTemplate(this.home, draft, parts, values, 'format')
        this.putDraft(draft)
      } finally {
        this.leave(held)
      }
    } finally {
      giveBack(draft)
    }
    return this
  }

  /** Makes room for so many bytes of text in all. */
  reserve(bytes: number): void {
    if (!isWhole(bytes, LIMIT)) badText('reserve', bytes, 'a number of bytes')
    const held = this.enter()
    try {
      if (bytes >= this.words.i32[this.head + CAPACITY]! >>> 0) this.grow(bytes + 1, bytes + 1)
    } finally {
      this.leave(held)
    }
  }

  // taking away

  /**
   * Cuts the text down to so many bytes, or up to three less, so that no character is cut in two; a longer length changes
   * nothing. The answer is the length that is left. The buffer keeps its size.
   */
  truncate(length: number): number {
    if (!isWhole(length, 2 ** 32)) badText('truncate', length, 'a number of bytes')
    const held = this.enter()
    try {
      const { u8, from, to } = this.range()
      if (length >= to - from) return to - from
      const end = wholeEnd(u8, from, from + length)
      this.endAt(end)
      return end - from
    } finally {
      this.leave(held)
    }
  }

  /**
   * Ends the builder and leaves its text: the address of a block with the bytes and a NUL, in the region of the contents,
   * shrunk to fit where that can be done in place. May throw `no-memory` for an empty builder, which then stays.
   */
  finalize(): Addr {
    const held = this.enter()
    try {
      this.room(0)
      const { data, head } = this
      const m = this.words.i32
      const at = data.addressOf(m[head + BUFFER]!)
      const length = m[head + LENGTH]! >>> 0
      this.begin()
      data.region.resize(at, length + 1)
      this.destroy()
      return at
    } finally {
      this.leave(held)
    }
  }

  // reading

  /** The text; each malformed sequence is read as U+FFFD. */
  override toString(): string {
    const held = this.enter()
    try {
      const { u8, from, to } = this.range()
      return textOf(u8, from, to)
    } finally {
      this.leave(held)
    }
  }

  /** A copy of the bytes, without the NUL behind them. */
  toBytes(): Uint8Array<ArrayBuffer> {
    const held = this.enter()
    try {
      const { u8, from, to } = this.range()
      return new Uint8Array(u8.subarray(from, to))
    } finally {
      this.leave(held)
    }
  }

  /** Whether it has the same bytes as something. */
  equals(other: Bytes | StringBuilder): boolean {
    return this.against(other, 'equals', (range) => equalRanges(this.range(), range))
  }

  /** -1 where it comes before something in the order of code points, 1 where it comes after, 0 where they are the same. */
  compare(other: Bytes | StringBuilder): number {
    return this.against(other, 'compare', (range) => compareRanges(this.range(), range))
  }

  /** How many bytes before something first stands in it, from byte `from` on; -1 where it does not. */
  indexOf(part: Bytes | StringBuilder, from = 0): number {
    if (!isWhole(from, 2 ** 32)) badText('indexOf', from, 'a number of bytes to pass over')
    return this.against(part, 'indexOf', (range) => {
      const whole = this.range()
      const at = search(whole, whole.from + from, range)
      return at < 0 ? -1 : at - whole.from
    })
  }

  /** The characters, one by one; of a malformed sequence, U+FFFD. */
  *[Symbol.iterator](): Generator<string, void, undefined> {
    const end = this.length
    for (let at = 0; at < end; ) {
      const found = this.characterAt(at, end)
      if (found === 0) return
      at += found >>> 21
      yield String.fromCodePoint(found & 0x1fffff)
    }
  }

  // UTF-8

  /** The byte at which the first malformed sequence begins, or -1; a NUL is a character. */
  validate(): number {
    const held = this.enter()
    try {
      const { u8, from, to } = this.range()
      const at = malformed(u8, from, to)
      return at < 0 ? -1 : at - from
    } finally {
      this.leave(held)
    }
  }

  /** Puts U+FFFD for each malformed sequence, as a decoder would, and says for how many. */
  repair(): number {
    const held = this.enter()
    try {
      for (;;) {
        const { u8, from, to } = this.range()
        const first = malformed(u8, from, to)
        if (first < 0) return 0
        const more = growthOf(u8, first, to)
        if (to - from + more < this.words.i32[this.head + CAPACITY]! >>> 0) return this.mendFrom(first, to, more)
        this.room(more)
      }
    } finally {
      this.leave(held)
    }
  }

  /** The NUL. */
  protected get ends(): number {
    return 1
  }

  protected end(): void {
    const { to } = this.range()
    this.words.u8[to] = 0
  }

  protected get needsNothing(): boolean {
    return this.words.i32[this.head + LENGTH] === 0
  }

  protected begin(): void {
    this.words.i32.fill(0, this.head + BUFFER, this.head + CAPACITY + 1)
  }

  protected checkAll(): void {
    const m = this.words.i32
    const { head, title } = this
    const buffer = m[head + BUFFER]!
    const length = m[head + LENGTH]! >>> 0
    const size = m[head + CAPACITY]! >>> 0
    if (buffer === 0) {
      if (length !== 0 || size !== 0) corrupted(`${title} B1`, this.at, `${length} of ${size} bytes, no buffer`, 'none')
      return
    }
    this.mustHold(buffer, size, 'B1')
    if (length >= size)
      corrupted(`${title} B1`, this.at, `${length} bytes of text`, `less than the ${size} of its buffer`)
    const end = this.words.u8[buffer * 4 + length]
    if (end !== 0) corrupted(`${title} B2`, this.data.addressOf(buffer) + length, `byte ${end}`, 'a NUL')
  }

  // the buffer

  /** The bytes of the text, good until the next allocation. */
  private range(): Range {
    const m = this.words.i32
    const from = m[this.head + BUFFER]! * 4
    return { u8: this.words.u8, from, to: from + (m[this.head + LENGTH]! >>> 0) }
  }

  /** The same of a builder that may be gone, in a turn of another one of its space. */
  private rangeNow(): Range {
    this.leave(this.enter())
    return this.range()
  }

  /** Makes room for so many more bytes and says where they go; the words may be others afterwards. */
  private room(more: number): number {
    const { head } = this
    for (;;) {
      const m = this.words.i32
      const length = m[head + LENGTH]! >>> 0
      const size = m[head + CAPACITY]! >>> 0
      if (length + more < size) {
        const at = m[head + BUFFER]! * 4 + length
        if (at < 0 || at + more >= this.words.length) this.checkAll()
        return at
      }
      this.grow(length + more + 1, Math.max(LEAST, size * 2))
    }
  }

  /** A buffer of `want` bytes or the next doubling that is enough; where there is no memory for that, of just what is needed. */
  private grow(need: number, want: number): void {
    const { unit } = this.data.region
    let size = want
    while (size < need) size *= 2
    if (unit >= need) size = unit
    if (size > LIMIT) size = need
    if (this.resizeTo(size) || (size > need && unit === 0 && this.resizeTo(need))) return
    throw new VmallocError(
      'no-memory',
      `${this.title}: region ${this.data.region.name} has no block of ${need} bytes for a text that is to grow`,
    )
  }

  /** The text ends here now. */
  private endAt(end: number): void {
    const m = this.words.i32
    m[this.head + LENGTH] = end - m[this.head + BUFFER]! * 4
    this.words.u8[end] = 0
  }

  private putText(text: string): void {
    const draft = borrow()
    try {
      draft.addText(text)
      this.putDraft(draft)
    } finally {
      giveBack(draft)
    }
  }

  /** A short text, when it is ASCII. */
  private putAscii(text: string): boolean {
    const n = text.length
    const at = this.room(n)
    const { u8 } = this.words
    for (let i = 0; i < n; i++) {
      const code = text.charCodeAt(i)
      if (code > 0x7f) {
        u8[at] = 0
        return false
      }
      u8[at + i] = code
    }
    this.endAt(at + n)
    return true
  }

  private putDraft({ bytes, length }: Draft): void {
    const at = this.room(length)
    copyBytes(this.words.u8, at, bytes, 0, length)
    this.endAt(at + length)
  }

  /** Bytes that may lie over this memory go by a draft: to make room for them may take them away. */
  private putArray(bytes: Uint8Array): void {
    const draft = borrow()
    try {
      draft.addBytes(bytes, 0, bytes.length)
      this.putDraft(draft)
    } finally {
      giveBack(draft)
    }
  }

  /** Bytes of the words; those of the buffer itself move with it. */
  private putPlace(from: number, length: number): void {
    const m = this.words.i32
    const { head } = this
    const buffer = m[head + BUFFER]! * 4
    const isOwn = from >= buffer && from < buffer + (m[head + CAPACITY]! >>> 0)
    const at = this.room(length)
    const source = isOwn ? this.words.i32[head + BUFFER]! * 4 + from - buffer : from
    this.words.u8.copyWithin(at, source, source + length)
    this.endAt(at + length)
  }

  /** What is in this space already, or in another builder. */
  private appendPlaced(text: Addr | StringBuilder): this {
    if (text instanceof StringBuilder && text.words !== this.words) return this.appendForeign(text)
    const held = this.enter()
    try {
      if (typeof text === 'number') {
        const from = placeOf(this.home, text, 0, 'append')
        this.putPlace(from, endOfText(this.home, from, 'append') - from)
      } else if (text instanceof StringBuilder) {
        const { from, to } = text.rangeNow()
        this.putPlace(from, to - from)
      } else badText('append', text, 'a string, an address or a string builder')
    } finally {
      this.leave(held)
    }
    return this
  }

  private appendCharacters(code: number, count: number): this {
    const held = this.enter()
    try {
      const bytes = widthOf(code) * count
      let at = this.room(bytes)
      const { u8 } = this.words
      const end = at + bytes
      if (code < 0x80) u8.fill(code, at, end)
      else while (at < end) at = writeCodePoint(u8, at, code)
      this.endAt(end)
    } finally {
      this.leave(held)
    }
    return this
  }

  /** What a builder of another space has. */
  private appendForeign(other: StringBuilder): this {
    const draft = borrow()
    try {
      other.addTo(draft)
      const held = this.enter()
      try {
        this.putDraft(draft)
      } finally {
        this.leave(held)
      }
    } finally {
      giveBack(draft)
    }
    return this
  }

  private addTo(draft: Draft): void {
    const held = this.enter()
    try {
      const { u8, from, to } = this.range()
      draft.addBytes(u8, from, to)
    } finally {
      this.leave(held)
    }
  }

  /** Runs `use` with the bytes of something else, in one turn. */
  private against<T>(other: Bytes | StringBuilder, what: string, use: (range: Range) => T): T {
    const draft = borrow()
    try {
      const isForeign = other instanceof StringBuilder && other.words !== this.words
      if (isForeign) other.addTo(draft)
      const held = this.enter()
      try {
        if (isForeign) return use({ u8: draft.bytes, from: 0, to: draft.length })
        return use(other instanceof StringBuilder ? other.rangeNow() : rangeOf(this.home, draft, other, what))
      } finally {
        this.leave(held)
      }
    } finally {
      giveBack(draft)
    }
  }

  /** The code point at a byte and, shifted left by 21, how many bytes it takes; 0 where the text ended meanwhile. */
  private characterAt(offset: number, end: number): number {
    const held = this.enter()
    try {
      const { u8, from, to } = this.range()
      const limit = Math.min(to, from + end)
      if (from + offset >= limit) return 0
      const bytes = sequence(u8, from + offset, limit)
      return bytes < 0 ? (-bytes << 21) | REPLACEMENT : (bytes << 21) | codePointAt(u8, from + offset, bytes)
    } finally {
      this.leave(held)
    }
  }

  /** Moves what is from `at` to `to` up by `more` bytes, to the end of the room, and from there back again, mended. */
  private mendFrom(at: number, to: number, more: number): number {
    const { u8 } = this.words
    const end = to + more
    u8.copyWithin(at + more, at, to)
    let count = 0
    let put = at
    for (let from = at + more; from < end; ) {
      const bytes = sequence(u8, from, end)
      if (bytes < 0) {
        put = writeCodePoint(u8, put, REPLACEMENT)
        from -= bytes
        count++
      } else for (const after = from + bytes; from < after; from++) u8[put++] = u8[from]!
    }
    this.endAt(put)
    return count
  }
}

/** How many bytes more the text from `at` on has once it is repaired. */
function growthOf(u8: Uint8Array, at: number, to: number): number {
  let more = 0
  for (let from = at; from < to; ) {
    const bytes = sequence(u8, from, to)
    if (bytes < 0) more += REPLACEMENT_BYTES + bytes
    from += Math.abs(bytes)
  }
  return more
}

/** A backslash, a letter, and so many digits. */
function writeEscape(u8: Uint8Array, at: number, letter: number, value: number, digits: number): number {
  u8[at] = BACKSLASH
  u8[at + 1] = letter
  let rest = value
  for (let i = at + 1 + digits; i > at + 1; i--) {
    const digit = rest & 15
    u8[i] = digit < 10 ? 0x30 + digit : 0x57 + digit
    rest >>>= 4
  }
  return at + 2 + digits
}
