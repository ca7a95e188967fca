/**
 * json: a text of JSON becomes nodes in the memory of a heap. No JavaScript object is made of what it says.
 *
 *   node   +0     +4     +8    +12     +16
 *         | TYPE | NEXT | KEY | FIRST | NUMBER, 8 bytes |
 *
 *   NEXT   the next node of the same list or object; 0 after the last
 *   KEY    the name of a member, a text; 0 in a list
 *   FIRST  the first node of a list or object, or the text itself; 0 where there is none
 *
 *   text   +0       +4
 *         | LENGTH | UTF-8 ... |
 *
 * Every node and every text is a block of its own: any part of a tree can go to another heap or be freed. Addresses mean
 * the same in all heaps, so a tree that was parsed in one is read through the region of another.
 *
 * The grammar is that of RFC 8259, no more and no less, to a depth of 64. Names may come twice: the last one holds. Bytes
 * that are no UTF-8 are read as U+FFFD.
 */
import type { Region } from 'vmalloc'
import type { Heap } from 'vmalloc/heap'

/** What a node is. */
export const NULL = 0
export const FALSE = 1
export const TRUE = 2
export const NUMBER = 3
export const TEXT = 4
export const LIST = 5
export const OBJECT = 6

const NEXT = 4
const KEY = 8
const FIRST = 12
const VALUE = 16
const NODE = 24
const CHARS = 4
const MOST_DEPTH = 64

const decoder = new TextDecoder()

/** The text is no JSON. */
export class JsonError extends Error {
  override readonly name = 'JsonError'
}

/** Reads and writes words of a region's memory; what it looks through is another object once the memory has grown. */
export class Nodes {
  private readonly region: Region
  private seen: DataView
  private octets: Uint8Array

  constructor(region: Region) {
    this.region = region
    this.octets = new Uint8Array(region.buffer)
    this.seen = new DataView(region.buffer)
  }

  get bytes(): Uint8Array {
    this.look()
    return this.octets
  }

  get words(): DataView {
    this.look()
    return this.seen
  }

  type(node: number): number {
    return this.words.getUint32(node, true)
  }

  number(node: number): number {
    return this.words.getFloat64(node + VALUE, true)
  }

  /** The text of a node as a string. */
  text(node: number): string {
    return this.read(this.first(node))
  }

  /** The name of a member. */
  name(node: number): string {
    return this.read(this.words.getUint32(node + KEY, true))
  }

  /** The nodes of a list or an object. */
  *in(node: number): Generator<number> {
    for (let at = this.first(node); at !== 0; at = this.next(at)) yield at
  }

  /** The member of an object that has this name, or 0. */
  member(node: number, name: string): number {
    if (node === 0 || this.type(node) !== OBJECT) return 0
    let found = 0
    for (const at of this.in(node)) if (this.isNamed(at, name)) found = at
    return found
  }

  /** Whether two texts are the same, byte for byte. */
  isSame(node: number, other: number): boolean {
    const { words, bytes } = this
    const a = this.first(node)
    const b = this.first(other)
    const length = words.getUint32(a, true)
    if (words.getUint32(b, true) !== length) return false
    for (let i = CHARS; i < CHARS + length; i++) if (bytes[a + i] !== bytes[b + i]) return false
    return true
  }

  /** Every block of a tree. */
  blocks(node: number, into: number[] = []): number[] {
    const type = this.type(node)
    const key = this.words.getUint32(node + KEY, true)
    into.push(node)
    if (key !== 0) into.push(key)
    if (type === TEXT) into.push(this.first(node))
    if (type === LIST || type === OBJECT) for (const at of this.in(node)) this.blocks(at, into)
    return into
  }

  private first(node: number): number {
    return this.words.getUint32(node + FIRST, true)
  }

  private next(node: number): number {
    return this.words.getUint32(node + NEXT, true)
  }

  /** Names are compared as they lie; those of a program are ASCII. */
  private isNamed(node: number, name: string): boolean {
    const at = this.words.getUint32(node + KEY, true)
    const { bytes } = this
    if (at === 0 || this.endOf(at) - at - CHARS !== name.length) return false
    for (let i = 0; i < name.length; i++) if (bytes[at + CHARS + i] !== name.charCodeAt(i)) return false
    return true
  }

  private read(text: number): string {
    return decoder.decode(this.bytes.subarray(text + CHARS, this.endOf(text)))
  }

  private endOf(text: number): number {
    return text + CHARS + this.words.getUint32(text, true)
  }

  private look(): void {
    const { buffer } = this.region
    if (buffer === this.seen.buffer) return
    this.octets = new Uint8Array(buffer)
    this.seen = new DataView(buffer)
  }
}

/** Reads the `length` bytes at `at` as JSON into nodes of the heap; the node of the whole. Throws JsonError. */
export function parse(heap: Heap, at: number, length: number): number {
  return new Parser(heap, at, length).whole()
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const escapes = new Map([...'"\\/bfnrt'].map((sign, i) => [sign.charCodeAt(0), '"\\/\b\f\n\r\t'.charCodeAt(i)]))
const literals: readonly (readonly [text: string, type: number])[] = [
  ['null', NULL],
  ['false', FALSE],
  ['true', TRUE],
]
const codeOf = (sign: string) => sign.charCodeAt(0)
const isBlank = (code: number) => code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09
const isDigit = (code: number) => code >= 0x30 && code <= 0x39

class Parser {
  private readonly heap: Heap
  private readonly nodes: Nodes
  private readonly start: number
  private readonly end: number
  private at: number
  /** As it lies now: an allocation may move it. */
  private bytes: Uint8Array

  constructor(heap: Heap, at: number, length: number) {
    this.heap = heap
    this.nodes = new Nodes(heap.region)
    this.bytes = this.nodes.bytes
    this.start = this.at = at
    this.end = at + length
  }

  whole(): number {
    const node = this.value(0)
    if (this.skip() !== -1) this.fail('nothing more')
    return node
  }

  private value(depth: number): number {
    const code = this.skip()
    if (code === codeOf('{')) return this.many(OBJECT, '}', depth)
    if (code === codeOf('[')) return this.many(LIST, ']', depth)
    if (code === QUOTE) return this.node(TEXT, this.text(), 0)
    if (code === codeOf('-') || isDigit(code)) return this.node(NUMBER, 0, this.number())
    const literal = literals.find(([text]) => this.isAhead(text))
    if (literal === undefined) this.fail('a value')
    this.at += literal[0].length
    return this.node(literal[1], 0, 0)
  }

  /** A list or an object: each node is linked to the one before it. */
  private many(type: number, close: string, depth: number): number {
    if (depth === MOST_DEPTH) this.fail(`no more than ${MOST_DEPTH} lists and objects in each other`)
    const node = this.node(type, 0, 0)
    let link = node + FIRST
    this.at++
    if (this.skip() === codeOf(close)) {
      this.at++
      return node
    }
    for (;;) {
      const key = type === OBJECT ? this.key() : 0
      const value = this.value(depth + 1)
      this.nodes.words.setUint32(value + KEY, key, true)
      this.nodes.words.setUint32(link, value, true)
      link = value + NEXT
      const code = this.skip()
      if (code !== codeOf(',') && code !== codeOf(close)) this.fail(`, or ${close}`)
      this.at++
      if (code === codeOf(close)) return node
    }
  }

  private key(): number {
    if (this.skip() !== QUOTE) this.fail('a name in quotes')
    const key = this.text()
    if (this.skip() !== codeOf(':')) this.fail(':')
    this.at++
    return key
  }

  private node(type: number, first: number, number: number): number {
    const node = this.alloc(NODE)
    const { words } = this.nodes
    words.setUint32(node, type, true)
    words.setUint32(node + NEXT, 0, true)
    words.setUint32(node + KEY, 0, true)
    words.setUint32(node + FIRST, first, true)
    words.setFloat64(node + VALUE, number, true)
    return node
  }

  /** A text is never longer than what it was written as. */
  private text(): number {
    const from = ++this.at
    while (this.peek() !== QUOTE) {
      if (this.peek() < 0x20) this.fail(this.peek() === -1 ? 'the end of a text' : 'no control character in a text')
      this.at += this.peek() === BACKSLASH ? 2 : 1
    }
    const text = this.alloc(CHARS + this.at - from)
    const { bytes } = this
    const close = this.at
    let to = text + CHARS
    for (this.at = from; this.at < close; ) {
      const code = bytes[this.at]!
      if (code === BACKSLASH) to = put(bytes, to, this.escaped())
      else {
        bytes[to++] = code
        this.at++
      }
    }
    this.nodes.words.setUint32(text, to - text - CHARS, true)
    this.at++
    return text
  }

  /** The character that is written with a backslash; two \u of one character are taken together. */
  private escaped(): number {
    const code = this.bytes[this.at + 1]!
    if (code !== codeOf('u')) {
      const sign = escapes.get(code)
      if (sign === undefined) this.fail('one of "\\/bfnrtu behind a backslash')
      this.at += 2
      return sign
    }
    const high = this.unit()
    if (high < 0xd800 || high > 0xdfff) return high
    if (high > 0xdbff || !this.isAhead('\\u')) return 0xfffd
    const back = this.at
    const low = this.unit()
    if (low >= 0xdc00 && low <= 0xdfff) return 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00)
    this.at = back
    return 0xfffd
  }

  private unit(): number {
    const digits = this.ascii(this.at + 2, Math.min(this.at + 6, this.end))
    if (!/^[\da-f]{4}$/i.test(digits)) this.fail('four hexadecimal digits behind \\u')
    this.at += 6
    return Number.parseInt(digits, 16)
  }

  private number(): number {
    const from = this.at
    if (this.peek() === codeOf('-')) this.at++
    if (this.peek() === codeOf('0')) this.at++
    else this.digits()
    if (this.peek() === codeOf('.')) {
      this.at++
      this.digits()
    }
    if (this.peek() === codeOf('e') || this.peek() === codeOf('E')) {
      this.at++
      if (this.peek() === codeOf('-') || this.peek() === codeOf('+')) this.at++
      this.digits()
    }
    return Number(this.ascii(from, this.at))
  }

  private digits(): void {
    if (!isDigit(this.peek())) this.fail('a digit')
    while (isDigit(this.peek())) this.at++
  }

  private alloc(size: number): number {
    const at = this.heap.alloc(size)
    this.bytes = this.nodes.bytes
    return at
  }

  private ascii(from: number, to: number): string {
    return String.fromCharCode(...this.bytes.subarray(from, to))
  }

  private isAhead(text: string): boolean {
    const { bytes } = this
    if (this.at + text.length > this.end) return false
    for (let i = 0; i < text.length; i++) if (bytes[this.at + i] !== text.charCodeAt(i)) return false
    return true
  }

  /** The byte at hand, or -1 at the end. */
  private peek(): number {
    return this.at < this.end ? this.bytes[this.at]! : -1
  }

  /** The first byte that is no blank. */
  private skip(): number {
    while (isBlank(this.peek())) this.at++
    return this.peek()
  }

  private fail(expected: string): never {
    const code = this.peek()
    const came = code === -1 ? 'the end' : code < 0x21 || code > 0x7e ? `byte ${code}` : String.fromCharCode(code)
    throw new JsonError(`at ${this.at - this.start}: ${came}, expected ${expected}`)
  }
}

/** Writes a character as UTF-8; where the next one goes. */
function put(bytes: Uint8Array, to: number, code: number): number {
  if (code < 0x80) bytes[to++] = code
  else {
    if (code < 0x800) bytes[to++] = 0xc0 | (code >> 6)
    else {
      if (code < 0x10000) bytes[to++] = 0xe0 | (code >> 12)
      else {
        bytes[to++] = 0xf0 | (code >> 18)
        bytes[to++] = 0x80 | ((code >> 12) & 0x3f)
      }
      bytes[to++] = 0x80 | ((code >> 6) & 0x3f)
    }
    bytes[to++] = 0x80 | (code & 0x3f)
  }
  return to
}
