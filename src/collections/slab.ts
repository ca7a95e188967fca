/**
 * slab: objects of one size, cut from chunks and used again, last freed first.
 *
 *   head    +20     +24    +28     +32     +36     +40       +44
 *           | FREE  | LIVE | TABLE | ROOM  | COUNT | OBJECTS | ALONE |
 *
 *   table   | cell of a chunk | ... |          COUNT of them in order of address, ROOM at most: a block beside the head
 *
 *   chunk   +0           +4*words, rounded up to 8
 *           | BITS ... | object 0 | object 1 | ... OBJECTS of them
 *
 *   free    +0     +4
 *   object  | NEXT | INDEX | ...               NEXT is the cell of another free object, INDEX its number in its chunk
 *
 *   FREE   the object freed last
 *   BITS   bit i is set while object i is in use
 *   ALONE  1 where each object is a block of its own: a chunk of one without BITS, which is there while it is in use
 *
 *   S1  the table is in order, and each chunk a busy block that holds OBJECTS
 *   S2  LIVE objects are in use
 *   S3  the list from FREE has every object that is not in use, each once
 *
 *   alloc O(1), and now and then a chunk   free O(log chunks)   (ALONE: both O(objects), of moving a table)
 *   an object takes its size, rounded up to 8; a chunk, 4 bytes in the table, its BITS, and what the region needs
 *
 * How sure a refusal is: the table and BITS know every object in use, so it is always right, and free objects that were
 * written to are noticed where their INDEX was hit.
 *
 * Under a debugging method, which sees blocks and not what lies in them, objects are blocks of their own.
 *
 * Changes during a `for..of`: it goes on at the next address in use; it ends after as many as there were when it began.
 *
 * Source: the slab that wmem had in its first year.
 */
import { type Addr, type Cell, LIMIT, NIL } from '../contract/addr.ts'
import { roundUp } from '../ground/bits.ts'
import { corrupted, VmallocError } from '../ground/fault.ts'
import type { Home } from '../region/ground.ts'
import { Collection, type CollectionOptions, FIELDS, mustBeOptions } from './collection.ts'

const FREE = FIELDS
const LIVE = FIELDS + 1
const TABLE = FIELDS + 2
const ROOM = FIELDS + 3
const COUNT = FIELDS + 4
const OBJECTS = FIELDS + 5
const ALONE = FIELDS + 6

/** What is there already has its own chunk, whatever is said. */
const OPTIONS = { size: false, chunk: false, passThrough: false }

const NEXT = 0
const INDEX = 1

const USUAL = 8 //       objects of a chunk
const MOST = 2 ** 20
const LEAST_ROOM = 16

export interface SlabOptions extends CollectionOptions {
  /** Bytes of an object. */
  size: number
  /** Objects of a chunk: 8 unless said, 1048576 at most. What is there already (`at`) has its own. */
  chunk?: number
  /** Whether each object is a block of its own: where the method of the region debugs, unless said. */
  passThrough?: boolean
}

export class Slab extends Collection implements Iterable<Addr> {
  /** Bytes of an object, as was asked for. */
  readonly size: number
  /** Words from an object to the next, and from a chunk to its first object. */
  private readonly stride: number
  private readonly before: number
  private readonly objects: number
  private readonly alone: boolean

  /** A slab of objects of `size` bytes, aligned to 8. Throws VmallocError `no-memory`. */
  constructor(home: Home, options: SlabOptions) {
    mustBeOptions('slab', options, OPTIONS)
    const { size, chunk = USUAL, passThrough } = options
    mustBeWithin('size', size, LIMIT)
    mustBeWithin('chunk', chunk, MOST)
    super('slab', 'SLAB', `objects of ${size} bytes`, 7, home, options, OPTIONS)
    const m = this.words.i32
    const { head } = this
    if (options.at === undefined) {
      const alone = passThrough ?? this.data.region.method.includes('debug')
      m[head + ALONE] = alone ? 1 : 0
      m[head + OBJECTS] = alone ? 1 : chunk
    }
    this.size = size
    this.alone = m[head + ALONE] === 1
    this.objects = m[head + OBJECTS]!
    if (!(this.objects >= 1 && this.objects <= MOST)) {
      corrupted('slab S1', this.at, `chunks of ${this.objects} objects`, `1 to ${MOST}`)
    }
    this.stride = roundUp(size, 8) / 4
    this.before = this.alone ? 0 : roundUp(Math.ceil(this.objects / 32), 2)
    this.start(options)
  }

  /** How many objects are in use. */
  get count(): number {
    const held = this.enter()
    try {
      return this.words.i32[this.head + LIVE]!
    } finally {
      this.leave(held)
    }
  }

  /** An object, whose content is not defined. Throws `no-memory`, or `corrupted` where a free object was written to. */
  alloc(): Addr {
    const held = this.enter()
    try {
      const object = this.alone ? this.addChunk() : this.takeFree()
      this.words.i32[this.head + LIVE]!++
      return this.data.addressOf(object)
    } finally {
      this.leave(held)
    }
  }

  /**
   * Takes an object back. Throws `argument` for what is none of this slab, or free already; where objects are blocks of
   * their own, the region's method hears of it before.
   */
  free(object: Addr): void {
    const held = this.enter()
    try {
      const place = this.placeOf(object)
      if (place < 0) {
        if (this.alone && this.data.region.sizeOf(object) < 0) this.data.region.free(object)
        throw this.noObject(object)
      }
      this.words.i32[this.head + LIVE]!--
      if (this.alone) this.removeChunk(place)
      else this.giveFree(this.chunkAt(place), this.data.cellOf(object))
    } finally {
      this.leave(held)
    }
  }

  /** Whether this is an object in use. */
  has(object: Addr): boolean {
    const held = this.enter()
    try {
      return this.placeOf(object) >= 0
    } finally {
      this.leave(held)
    }
  }

  /**
   * Gives back the chunks in which no object is in use; the table keeps its size. Answers the bytes that the region has
   * back. O(objects * log chunks), without asking for memory.
   */
  compact(): number {
    const held = this.enter()
    try {
      this.checkAll()
      const { data, words } = this
      const idle = this.takeOutIdle()
      const era = words.i32[data.eraCell]
      let bytes = 0
      for (const chunk of idle) {
        if (words.i32[data.eraCell] !== era) break // who heard of a free block cleared the others
        bytes += data.sizeOf(chunk)
        this.drop(chunk)
      }
      return bytes
    } finally {
      this.leave(held)
    }
  }

  /** The objects in use, in order of address; what changes meanwhile do, see above. */
  *[Symbol.iterator](): Generator<Addr, void, undefined> {
    let left = this.count
    for (let object: Addr = NIL; left > 0; left--) {
      const held = this.enter()
      try {
        if (object === NIL) this.mustHaveTable()
        object = this.data.addressOf(this.inUseAfter(this.data.cellOf(object)))
      } finally {
        this.leave(held)
      }
      if (object === NIL) return
      yield object
    }
  }

  override destroy(): void {
    const held = this.home.lock()
    try {
      const table = this.alive ? this.words.i32[this.head + TABLE]! : 0
      super.destroy()
      if (table !== 0) this.home.drop(table)
    } finally {
      this.leave(held)
    }
  }

  protected begin(): void {
    const m = this.words.i32
    const { head } = this
    m[head + FREE] = 0
    m[head + LIVE] = 0
    m[head + COUNT] = 0
  }

  protected release(): void {
    const m = this.words.i32
    const { head } = this
    this.mustHaveTable()
    const table = m[head + TABLE]!
    const chunks = m.slice(table, table + m[head + COUNT]!)
    this.begin()
    for (const chunk of chunks) this.drop(chunk)
  }

  protected checkAll(): void {
    this.checkTable()
    const m = this.words.i32
    const { head, objects } = this
    const chunks = m[head + COUNT]!
    let live = 0
    for (let i = 0; i < chunks; i++) live += this.liveIn(this.chunkAt(i))
    if (live !== m[head + LIVE]) corrupted('slab S2', this.at, `${m[head + LIVE]} in use`, live)
    this.checkFree(chunks * objects - live)
  }

  private checkTable(): void {
    const m = this.words.i32
    const { head, objects, alone } = this
    if (m[head + OBJECTS] !== objects || m[head + ALONE] !== (alone ? 1 : 0)) {
      corrupted(
        'slab S1',
        this.at,
        `OBJECTS ${m[head + OBJECTS]}, ALONE ${m[head + ALONE]}`,
        `${objects}, ${alone ? 1 : 0}`,
      )
    }
    this.mustHaveTable()
    const chunks = m[head + COUNT]!
    let before = 0
    for (let i = 0; i < chunks; i++) {
      const chunk = this.chunkAt(i)
      if (chunk <= before) corrupted('slab S1', this.at, `chunk ${chunk} behind ${before}`, 'order of address')
      this.mustHold(chunk, this.chunkBytes, 'S1')
      before = chunk
    }
  }

  /** The part of S1 that loops rest on: the table is a block with room for its chunks. */
  private mustHaveTable(): void {
    const m = this.words.i32
    const { head, home } = this
    const [chunks, room] = [m[head + COUNT]!, m[head + ROOM]!]
    const bytes = m[head + TABLE] === 0 ? 0 : home.region.sizeOf(home.addressOf(m[head + TABLE]!))
    if (chunks >= 0 && chunks <= room && bytes >= room * 4) return
    corrupted(
      'slab S1',
      this.at,
      `a table of ${bytes} bytes for ${chunks} chunks, room ${room}`,
      'a busy block with room',
    )
  }

  /** That the list from FREE has so many objects, none of them in use. */
  private checkFree(count: number): void {
    const m = this.words.i32
    let object = m[this.head + FREE]!
    for (let i = 0; i < count; i++) {
      const place = this.below(object)
      const chunk = place < 0 ? 0 : this.chunkAt(place)
      const index = place < 0 ? -1 : this.indexOf(chunk, object)
      if (index < 0 || m[object + INDEX] !== index || this.isInUse(chunk, index)) {
        corrupted(
          'slab S3',
          this.data.addressOf(object),
          `free object ${i} of ${count}`,
          'an object that is not in use',
        )
      }
      object = m[object + NEXT]!
    }
    if (object !== 0)
      corrupted('slab S3', this.data.addressOf(object), `more than ${count} free objects`, 'none behind them')
  }

  // objects

  private takeFree(): Cell {
    if (this.words.i32[this.head + FREE] === 0) this.refill()
    const m = this.words.i32
    const object = m[this.head + FREE]!
    const index = m[object + INDEX]!
    const chunk = object - this.before - index * this.stride
    if (!(index >= 0 && index < this.objects && chunk > 0) || this.isInUse(chunk, index)) {
      corrupted(
        'slab S3',
        this.data.addressOf(object),
        `free object ${index}`,
        'one that nobody wrote to after it was freed',
      )
    }
    m[chunk + (index >>> 5)] = m[chunk + (index >>> 5)]! | (1 << (index & 31))
    m[this.head + FREE] = m[object + NEXT]!
    return object
  }

  private giveFree(chunk: Cell, object: Cell): void {
    const m = this.words.i32
    const index = this.indexOf(chunk, object)
    m[chunk + (index >>> 5)] = m[chunk + (index >>> 5)]! & ~(1 << (index & 31))
    m[object + INDEX] = index
    m[object + NEXT] = m[this.head + FREE]!
    m[this.head + FREE] = object
  }

  /** Another chunk, whose objects are free, the one with the lowest address first. */
  private refill(): void {
    const chunk = this.addChunk()
    const m = this.words.i32
    const { before, stride } = this
    m.fill(0, chunk, chunk + before)
    for (let index = this.objects - 1; index >= 0; index--) {
      const object = chunk + before + index * stride
      m[object + INDEX] = index
      m[object + NEXT] = m[this.head + FREE]!
      m[this.head + FREE] = object
    }
  }

  /** The place in the table of the chunk that holds an object in use; -1 for what is none. */
  private placeOf(object: Addr): number {
    const cell = this.data.cellOf(object)
    if (cell === 0 || this.data.addressOf(cell) !== object) return -1
    const place = this.below(cell)
    if (place < 0) return -1
    const chunk = this.chunkAt(place)
    const index = this.indexOf(chunk, cell)
    return index >= 0 && this.isInUse(chunk, index) ? place : -1
  }

  /** The number of an object in its chunk; -1 where none begins. */
  private indexOf(chunk: Cell, cell: Cell): number {
    const index = (cell - chunk - this.before) / this.stride
    return index >= 0 && index < this.objects && Number.isInteger(index) ? index : -1
  }

  private isInUse(chunk: Cell, index: number): boolean {
    return this.alone || ((this.words.i32[chunk + (index >>> 5)]! >>> (index & 31)) & 1) === 1
  }

  private liveIn(chunk: Cell): number {
    let live = 0
    for (let index = 0; index < this.objects; index++) if (this.isInUse(chunk, index)) live++
    return live
  }

  /** The first object in use behind a cell, 0 for none. */
  private inUseAfter(cell: Cell): Cell {
    const chunks = this.words.i32[this.head + COUNT]!
    for (let place = Math.max(this.below(cell), 0); place < chunks; place++) {
      const chunk = this.chunkAt(place)
      const first = chunk + this.before
      const from = cell < first ? 0 : Math.floor((cell - first) / this.stride) + 1
      for (let index = from; index < this.objects; index++) {
        if (this.isInUse(chunk, index)) return first + index * this.stride
      }
    }
    return 0
  }

  private noObject(object: Addr): VmallocError {
    const cell = this.data.cellOf(object)
    const place = this.below(cell)
    const isFree = place >= 0 && this.data.addressOf(cell) === object && this.indexOf(this.chunkAt(place), cell) >= 0
    return new VmallocError(
      'argument',
      `${this.name}: ${String(object)} is ${isFree ? 'free already' : 'no object of it'}, expected one in use`,
    )
  }

  // chunks

  private get chunkBytes(): number {
    return this.alone ? this.size : (this.before + this.objects * this.stride) * 4
  }

  private chunkAt(place: number): Cell {
    const m = this.words.i32
    return m[m[this.head + TABLE]! + place]!
  }

  /** The place of the last chunk that does not begin behind a cell; -1 for none. */
  private below(cell: Cell): number {
    const m = this.words.i32
    const table = m[this.head + TABLE]!
    let low = 0
    let high = m[this.head + COUNT]!
    while (low < high) {
      const middle = (low + high) >>> 1
      if (m[table + middle]! <= cell) low = middle + 1
      else high = middle
    }
    return low - 1
  }

  /** A new chunk, with its place in the table; its bytes are not laid out. */
  private addChunk(): Cell {
    let chunk: Cell
    let era: number
    do {
      chunk = this.take(this.chunkBytes)
      era = this.contentsEra
      try {
        this.makeRoom()
      } catch (error) {
        if (this.contentsEra === era) this.drop(chunk)
        throw error
      }
    } while (this.contentsEra !== era)
    const m = this.words.i32
    const { head } = this
    const table = m[head + TABLE]!
    const place = this.below(chunk) + 1
    m.copyWithin(table + place + 1, table + place, table + m[head + COUNT]!)
    m[table + place] = chunk
    m[head + COUNT]!++
    return chunk
  }

  private removeChunk(place: number): void {
    const m = this.words.i32
    const { head } = this
    const table = m[head + TABLE]!
    const chunk = m[table + place]!
    m.copyWithin(table + place, table + place + 1, table + m[head + COUNT]!)
    m[head + COUNT]!--
    this.drop(chunk)
  }

  /** The chunks in which no object is in use, when neither the table nor the list from FREE has them any more. */
  private takeOutIdle(): Cell[] {
    const m = this.words.i32
    const { head } = this
    const table = m[head + TABLE]!
    const chunks = [...m.subarray(table, table + m[head + COUNT]!)]
    const idle = chunks.filter((chunk) => this.liveIn(chunk) === 0)
    if (idle.length === 0) return idle
    const gone = new Set(idle)
    let before = head + FREE // the cell that holds the link to the next one
    for (let object = m[before]!; object !== 0; object = m[object + NEXT]!) {
      if (gone.has(this.chunkAt(this.below(object)))) continue
      m[before] = object
      before = object + NEXT
    }
    m[before] = 0
    const kept = chunks.filter((chunk) => !gone.has(chunk))
    m.set(kept, table)
    m[head + COUNT] = kept.length
    return idle
  }

  /** Room in the table for one more. */
  private makeRoom(): void {
    const { head, home } = this
    this.mustHaveTable()
    while (this.words.i32[head + COUNT]! >= this.words.i32[head + ROOM]!) {
      const old = this.words.i32[head + TABLE]!
      const room = Math.max(this.words.i32[head + ROOM]! * 2, LEAST_ROOM)
      if (old !== 0 && home.region.resize(home.addressOf(old), room * 4) !== NIL) {
        const m = this.words.i32
        if (m[head + TABLE] === old && m[head + ROOM]! < room) m[head + ROOM] = room
        continue
      }
      let table: Cell
      try {
        table = home.take(room * 4, this.title)
      } finally {
        this.enter()
      }
      this.moveTable(table, room)
    }
  }

  /** The table is at another place from now on, unless it has grown otherwise meanwhile. */
  private moveTable(table: Cell, room: number): void {
    const m = this.words.i32
    const { head, home } = this
    const old = m[head + TABLE]!
    if (m[head + ROOM]! >= room) {
      home.drop(table)
      return
    }
    m.copyWithin(table, old, old + m[head + COUNT]!)
    m[head + TABLE] = table
    m[head + ROOM] = room
    if (old !== 0) home.drop(old)
  }
}

function mustBeWithin(what: string, value: number, most: number): void {
  if (value >= 1 && value <= most && Number.isInteger(value)) return
  throw new VmallocError('argument', `slab: ${what} ${String(value)}, expected a whole number from 1 to ${most}`)
}
