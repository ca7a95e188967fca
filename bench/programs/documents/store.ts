/**
 * store: documents by number, answered for in JSON.
 *
 *   put      a text becomes the document of that number; the one before is dropped
 *   patch    a text of changes is merged into a document (RFC 7396)
 *   get      a document as text
 *   query    the documents that two words occur in, those where they occur most first
 *   sum      through all documents: what the items of each customer cost
 *
 *   record   +0     +4         +8        +12    +16     +20
 *            | ROOT | POSTINGS | VERSION | BORN | STAMP | TIMES |      one for each number, in a table that grows
 *
 *   BORN   bytes taken for the document when it was made       STAMP, TIMES   serve queries
 *
 * What is taken is given back in every variant: where a place frees all at once, `give` and `drop` return at once.
 */
import { Names } from './names.ts'
import { Parser } from './parse.ts'
import type { Plan } from './plan.ts'
import type { Place, Space } from './space.ts'
import { Sums } from './sums.ts'
import { ARRAY, CONTENT, copyOf, drop, KEY, member, merge, NEXT, NUMBER, OBJECT, TEXT, VALUE } from './tree.ts'
import * as W from './words.ts'
import { Writer } from './write.ts'

const RECORD = 24
const POSTINGS = 1
const VERSION = 2
const BORN = 3
const STAMP = 4
const TIMES = 5

const HIT = 8
const FIRST_HITS = 16
const SHOWN = 10

export class Store {
  readonly #plan: Plan
  readonly #space: Space
  readonly #lasting: Place
  readonly #request: Place
  readonly #names: Names
  readonly #words: W.Words
  readonly #parser: Parser
  readonly #out: Writer
  readonly #sums: Sums
  /** Where each document's tree lies. */
  readonly #places: (Place | undefined)[] = []
  #table = 0
  #room = 0
  #stamp = 0

  readonly #title: number
  readonly #text: number
  readonly #customer: number
  readonly #items: number
  readonly #price: number
  readonly #count: number

  constructor(plan: Plan) {
    this.#plan = plan
    this.#lasting = plan.lasting
    this.#request = plan.request
    this.#space = plan.lasting.space
    this.#names = new Names(plan.lasting)
    this.#words = new W.Words(plan.lasting, plan.postings)
    this.#parser = new Parser(plan.lasting, this.#names)
    this.#out = new Writer(plan.request, this.#names)
    this.#sums = new Sums(plan.request)
    this.#title = this.#names.named('title')
    this.#text = this.#names.named('text')
    this.#customer = this.#names.named('customer')
    this.#items = this.#names.named('items')
    this.#price = this.#names.named('price')
    this.#count = this.#names.named('count')
  }

  // requests: each leaves a text in the writer, which `answered` ends

  put(number: number, bytes: Uint8Array): void {
    const text = this.#receive(bytes)
    const place = this.#plan.document()
    const root = this.#parser.parse(place, text, bytes.length)
    this.#request.give(text)
    this.#makeRoom(number)
    const record = this.#record(number)
    this.#words.remove(this.#space.i32[record + POSTINGS]!)
    this.#drop(number)
    this.#keep(number, place, root)
    this.#enter(number)
    this.#out.begin()
    this.#out.ascii('{"number":')
    this.#out.number(number)
    this.#out.ascii(',"values":')
    this.#out.number(this.#parser.values)
    this.#tellVersion(number)
  }

  patch(number: number, bytes: Uint8Array): void {
    const text = this.#receive(bytes)
    const change = this.#parser.parse(this.#request, text, bytes.length)
    this.#request.give(text)
    const place = this.#places[number]!
    const record = this.#record(number)
    this.#words.remove(this.#space.i32[record + POSTINGS]!)
    merge(place, this.#space.i32[record]!, change)
    drop(this.#request, change)
    if (!place.singly && place.taken > 2 * 2 * this.#space.i32[record + BORN]!) this.#copy(number)
    this.#enter(number)
    this.#out.begin()
    this.#out.ascii('{"number":')
    this.#out.number(number)
    this.#tellVersion(number)
  }

  get(number: number): void {
    this.#out.begin()
    this.#out.value(this.#space.i32[this.#record(number)]!)
  }

  query(one: Uint8Array, other: Uint8Array): void {
    const stamp = ++this.#stamp
    const { space } = this.#plan.postings
    let posting = this.#postingsOf(one)
    for (; posting !== 0; posting = space.i32[(posting >>> 2) + W.NEXT]!) {
      const record = this.#record(space.i32[(posting >>> 2) + W.DOCUMENT]!)
      this.#space.i32[record + STAMP] = stamp
      this.#space.i32[record + TIMES] = space.i32[(posting >>> 2) + W.TIMES]!
    }
    let room = FIRST_HITS
    let count = 0
    let hits = this.#request.take(HIT * room)
    posting = this.#postingsOf(other)
    for (; posting !== 0; posting = space.i32[(posting >>> 2) + W.NEXT]!) {
      const number = space.i32[(posting >>> 2) + W.DOCUMENT]!
      const record = this.#record(number)
      if (this.#space.i32[record + STAMP] !== stamp) continue
      if (count === room) {
        room *= 2
        hits = this.#request.widen(hits, HIT * room)
      }
      const m = this.#space.i32
      const hit = (hits >>> 2) + 2 * count++
      m[hit] = number
      m[hit + 1] = space.i32[(posting >>> 2) + W.TIMES]! + m[record + TIMES]!
    }
    sortHits(this.#space.i32, hits >>> 2, count)
    this.#tellHits(hits >>> 2, count)
    this.#request.give(hits)
  }

  sum(): void {
    this.#sums.begin()
    for (let number = 0; number < this.#places.length; number++) {
      if (this.#places[number] !== undefined) this.#sumOf(this.#space.i32[this.#record(number)]!)
    }
    this.#out.begin()
    this.#out.ascii('{')
    for (let row = 0; row < this.#sums.count; row++) {
      if (row > 0) this.#out.ascii(',')
      this.#out.text(this.#sums.textOf(row))
      this.#out.ascii(':')
      this.#out.number(Math.round(this.#sums.sumOf(row) * 100) / 100)
    }
    this.#out.ascii('}')
    this.#sums.end()
  }

  /** Ends a request; the checksum goes on over the bytes of its answer. */
  answered(checksum: number): number {
    const { u8 } = this.#space
    const { at, size } = this.#out
    for (let i = at; i < at + size; i++) checksum = Math.imul(checksum ^ u8[i]!, 0x01000193)
    this.#out.end()
    this.#request.end()
    return checksum
  }

  /** Gives back everything. */
  close(): void {
    for (let number = 0; number < this.#room; number++) {
      this.#words.remove(this.#space.i32[this.#record(number) + POSTINGS]!)
      this.#drop(number)
    }
    this.#names.close()
    this.#words.close()
    this.#lasting.give(this.#table)
  }

  // documents

  /** The index of a record's first word. */
  #record(number: number): number {
    return (this.#table + RECORD * number) >>> 2
  }

  #makeRoom(number: number): void {
    if (number < this.#room) return
    const room = Math.max(16, 2 * this.#room, number + 1)
    this.#table = this.#room === 0 ? this.#lasting.take(RECORD * room) : this.#lasting.widen(this.#table, RECORD * room)
    this.#space.i32.fill(0, this.#record(this.#room), this.#record(room))
    this.#room = room
  }

  /** A text as it comes from outside, in a block. */
  #receive(bytes: Uint8Array): number {
    const at = this.#request.take(bytes.length)
    this.#space.u8.set(bytes, at)
    return at
  }

  #keep(number: number, place: Place, root: number): void {
    const record = this.#record(number)
    this.#places[number] = place
    this.#space.i32[record] = root
    this.#space.i32[record + POSTINGS] = 0
    this.#space.i32[record + BORN] = place.singly ? 0 : place.taken
  }

  #drop(number: number): void {
    const place = this.#places[number]
    if (place === undefined) return
    drop(place, this.#space.i32[this.#record(number)]!)
    this.#plan.drop(place)
  }

  /** A document whose place is half garbage moves to a fresh one. */
  #copy(number: number): void {
    const place = this.#plan.document()
    const root = copyOf(place, this.#space.i32[this.#record(number)]!)
    this.#drop(number)
    this.#keep(number, place, root)
  }

  #tellVersion(number: number): void {
    this.#out.ascii(',"version":')
    this.#out.number(++this.#space.i32[this.#record(number) + VERSION]!)
    this.#out.ascii('}')
  }

  // words

  /** Enters the words of a document. */
  #enter(number: number): void {
    const root = this.#space.i32[this.#record(number)]!
    const postings = this.#enterValue(number, 0, root)
    this.#space.i32[this.#record(number) + POSTINGS] = postings
  }

  #enterValue(number: number, postings: number, node: number): number {
    const m = this.#space.i32
    const kind = m[node >>> 2]!
    const content = m[(node >>> 2) + CONTENT]!
    if (kind === TEXT) {
      const key = m[(node >>> 2) + KEY]
      if (key !== this.#title && key !== this.#text) return postings
      return this.#words.enter(number, postings, content + 4, m[content >>> 2]!)
    }
    if (kind !== OBJECT && kind !== ARRAY) return postings
    for (let child = content; child !== 0; child = this.#space.i32[(child >>> 2) + NEXT]!) {
      postings = this.#enterValue(number, postings, child)
    }
    return postings
  }

  /** The newest posting of a word as it comes from outside. */
  #postingsOf(word: Uint8Array): number {
    const at = this.#receive(word)
    const posting = this.#words.first(at, word.length)
    this.#request.give(at)
    return posting
  }

  #tellHits(hits: number, count: number): void {
    this.#out.begin()
    this.#out.ascii('{"found":')
    this.#out.number(count)
    this.#out.ascii(',"first":[')
    for (let i = 0; i < count && i < SHOWN; i++) {
      const number = this.#space.i32[hits + 2 * i]!
      this.#out.ascii(i > 0 ? ',{"number":' : '{"number":')
      this.#out.number(number)
      this.#out.ascii(',"times":')
      this.#out.number(this.#space.i32[hits + 2 * i + 1]!)
      this.#out.ascii(',"title":')
      this.#out.value(member(this.#space.i32, this.#space.i32[this.#record(number)]!, this.#title))
      this.#out.ascii('}')
    }
    this.#out.ascii(']}')
  }

  // sums

  #sumOf(root: number): void {
    const m = this.#space.i32
    const customer = member(m, root, this.#customer)
    const items = member(m, root, this.#items)
    if (customer === 0 || items === 0) return
    const row = this.#sums.row(m[(customer >>> 2) + CONTENT]!)
    const { i32 } = this.#space
    for (let item = i32[(items >>> 2) + CONTENT]!; item !== 0; item = i32[(item >>> 2) + NEXT]!) {
      const price = member(i32, item, this.#price)
      const count = member(i32, item, this.#count)
      if (price === 0 || count === 0 || i32[price >>> 2] !== NUMBER || i32[count >>> 2] !== NUMBER) continue
      this.#sums.add(row, this.#space.f64[(price >>> 3) + VALUE]! * this.#space.f64[(count >>> 3) + VALUE]!)
    }
  }
}

/** Sorts hits, pairs of number and times, by times downwards, then by number: a heap whose top goes to the end. */
function sortHits(m: Int32Array<ArrayBufferLike>, hits: number, count: number): void {
  for (let i = (count >>> 1) - 1; i >= 0; i--) sink(m, hits, i, count)
  for (let end = count - 1; end > 0; end--) {
    swap(m, hits, hits + 2 * end)
    sink(m, hits, 0, end)
  }
}

function sink(m: Int32Array<ArrayBufferLike>, hits: number, i: number, count: number): void {
  for (let child = 2 * i + 1; child < count; child = 2 * i + 1) {
    if (child + 1 < count && isAfter(m, hits + 2 * child + 2, hits + 2 * child)) child++
    if (!isAfter(m, hits + 2 * child, hits + 2 * i)) return
    swap(m, hits + 2 * i, hits + 2 * child)
    i = child
  }
}

const isAfter = (m: Int32Array<ArrayBufferLike>, a: number, b: number): boolean =>
  m[a + 1]! < m[b + 1]! || (m[a + 1] === m[b + 1] && m[a]! > m[b]!)

function swap(m: Int32Array<ArrayBufferLike>, a: number, b: number): void {
  const number = m[a]!
  const times = m[a + 1]!
  m[a] = m[b]!
  m[a + 1] = m[b + 1]!
  m[b] = number
  m[b + 1] = times
}
