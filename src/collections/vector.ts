/**
 * vector: numbers side by side, as in a typed array that grows.
 *
 *   head     +20      +24      +28        +32
 *            | BUFFER | LENGTH | CAPACITY | ENDED |      ENDED is 1 where a zero element is kept behind the last
 *
 *   buffer   | element 0 | element 1 | ... | room ... |  one block, aligned to 8; BUFFER is its cell, 0 while CAPACITY is 0
 *
 *   V1  BUFFER is a busy block of at least CAPACITY elements, and CAPACITY at least LENGTH + ENDED; or all but ENDED are 0
 *   V2  where ENDED is 1 and there is a buffer, element LENGTH is 0
 *
 *   get, set O(1)   push O(1) on the average, as room is doubled: in place where the region can, else by a copy
 *   insert, remove O(n) of the elements behind   an element takes its bytes, twice at most, and three while it is copied
 *
 * Elements are converted as typed arrays convert: 300 is 44 in a Uint8Array. What is no number, or for the 64-bit kinds no
 * bigint, is refused.
 *
 * A handle keeps a typed array from the buffer to the end of the space. It is good as long as the words of the space are
 * the same object and BUFFER is the same cell, and made anew otherwise, so nothing is kept that growth took away.
 *
 * Changes during a `for..of`: it goes by index, as that of an array does, but no further than the vector was long when it
 * began.
 *
 * Source: wmem's array.
 */
import { type Addr, type Cell, LIMIT, NIL } from '../contract/addr.ts'
import type { ArrayType, NumericArray } from '../contract/region.ts'
import { corrupted, VmallocError } from '../ground/fault.ts'
import type { Home } from '../region/ground.ts'
import { BUFFER, Buffered, CAPACITY, LENGTH, MORE } from './buffered.ts'
import { type CollectionOptions, FIELDS } from './collection.ts'
import { type ElementOf, isBig, kindOf, load, store } from './elements.ts'

const ENDED = MORE

const LEAST = 8 //  elements that the first growth makes room for

/** What all typed arrays have, said of one kind. */
type Numbers = Float64Array<ArrayBufferLike>

export interface VectorOptions extends CollectionOptions {
  /** How many elements a new one has room for: none unless said. */
  capacity?: number
}

export class Vector<T extends NumericArray> extends Buffered implements Iterable<ElementOf<T>> {
  /** The typed-array class that its elements are of. */
  readonly type: ArrayType<T>
  private readonly elements: number //    their kind
  protected readonly unit: number //        their bytes
  private readonly element: 'number' | 'bigint'
  // the array that this handle keeps, and what it was made from
  private kept: T
  private keptWords: Int32Array<ArrayBufferLike>
  private keptBuffer: Cell

  /** A vector of elements as `type`, a typed-array class, has them. Throws `no-memory`. */
  constructor(home: Home, type: ArrayType<T>, options: VectorOptions = {}) {
    const kind = kindOf(type, 'vector')
    super('vector', 'VECT', type.name, MORE + 1 - FIELDS, home, options, { capacity: true })
    this.type = type
    this.elements = kind
    this.unit = type.BYTES_PER_ELEMENT
    this.element = isBig(kind) ? 'bigint' : 'number'
    this.keptWords = new Int32Array(0)
    this.keptBuffer = 0
    this.kept = new type(this.keptWords.buffer, 0, 0)
    this.start(options)
    if (options.at !== undefined || options.capacity === undefined) return
    const { capacity } = options
    this.orDestroy(() => this.reserve(capacity))
  }

  // what it is

  /** How many elements there are. */
  get length(): number {
    const held = this.enter()
    try {
      return this.words.i32[this.head + LENGTH]! >>> 0
    } finally {
      this.leave(held)
    }
  }

  /** How many there can be before it grows; the zero element of `nullTerminate` takes one. */
  get capacity(): number {
    const held = this.enter()
    try {
      return this.words.i32[this.head + CAPACITY]! >>> 0
    } finally {
      this.leave(held)
    }
  }

  /** The address of the first element, good until the next growth; 0 while there is no room for any. */
  get address(): Addr {
    const held = this.enter()
    try {
      return this.data.addressOf(this.words.i32[this.head + BUFFER]!)
    } finally {
      this.leave(held)
    }
  }

  /** A typed array over the elements, good until memory or this vector grows. */
  get array(): T {
    const held = this.enter()
    try {
      return this.part(0, this.words.i32[this.head + LENGTH]! >>> 0)
    } finally {
      this.leave(held)
    }
  }

  // single elements

  /** Element `index`. Throws `argument` outside 0 to length - 1. */
  get(index: number): ElementOf<T> {
    const held = this.enter()
    try {
      const length = this.words.i32[this.head + LENGTH]! >>> 0
      if (!(index < length) || index >>> 0 !== index) throw this.outside(index, length)
      return load(this.elements, this.content(), index) as ElementOf<T>
    } finally {
      this.leave(held)
    }
  }

  /** Element `index`, or for a negative index so many from the end on; undefined where there is none. */
  tryGet(index: number): ElementOf<T> | undefined {
    const held = this.enter()
    try {
      const length = this.words.i32[this.head + LENGTH]! >>> 0
      const i = index < 0 ? length + index : index
      if (!(i < length) || i >>> 0 !== i) return undefined
      return load(this.elements, this.content(), i) as ElementOf<T>
    } finally {
      this.leave(held)
    }
  }

  /** Puts a value at `index`. Throws `argument` outside 0 to length - 1. */
  set(index: number, value: ElementOf<T>): void {
    this.mustBeElement(value)
    const held = this.enter()
    try {
      const length = this.words.i32[this.head + LENGTH]! >>> 0
      if (!(index < length) || index >>> 0 !== index) throw this.outside(index, length)
      store(this.elements, this.content(), index, value)
    } finally {
      this.leave(held)
    }
  }

  // longer and shorter

  /** Adds a value behind the last. Throws `no-memory`. */
  push(value: ElementOf<T>): void {
    this.mustBeElement(value)
    const held = this.enter()
    try {
      const m = this.words.i32
      const { head } = this
      const length = m[head + LENGTH]! >>> 0
      if (m[head + ENDED] === 0 && length < m[head + CAPACITY]! >>> 0) {
        store(this.elements, this.content(), length, value)
        m[head + LENGTH] = length + 1
      } else {
        const at = this.widen(1)
        store(this.elements, this.content(), at, value)
      }
    } finally {
      this.leave(held)
    }
  }

  /** Adds values behind the last: an array or a typed array, which may be one over this vector. Throws `no-memory`. */
  append(values: ArrayLike<ElementOf<T>>): void {
    const length = this.mustBeElements(values)
    if (length === 0) return
    const held = this.enter()
    try {
      const source: unknown = this.isOfSpace(values) ? values.slice() : values
      const at = this.widen(length)
      this.part(at, length).set(source as Numbers)
    } finally {
      this.leave(held)
    }
  }

  /** Takes the last element off, undefined when there is none. */
  pop(): ElementOf<T> | undefined {
    const held = this.enter()
    try {
      const length = this.words.i32[this.head + LENGTH]! >>> 0
      if (length === 0) return undefined
      const value = load(this.elements, this.content(), length - 1) as ElementOf<T>
      this.shorten(length - 1)
      return value
    } finally {
      this.leave(held)
    }
  }

  /** Puts a value before element `index`; with the length, behind the last. Throws `no-memory`, or `argument` outside that. */
  insert(index: number, value: ElementOf<T>): void {
    this.mustBeElement(value)
    const held = this.enter()
    try {
      const length = this.words.i32[this.head + LENGTH]! >>> 0
      if (!(index <= length) || index >>> 0 !== index) throw this.outside(index, length + 1)
      const end = this.widen(1)
      const all = this.part(0, end + 1)
      const at = Math.min(index, end)
      all.copyWithin(at + 1, at, end)
      store(this.elements, all, at, value)
    } finally {
      this.leave(held)
    }
  }

  /** Removes element `index`, and answers it. Throws `argument` outside 0 to length - 1. */
  remove(index: number): ElementOf<T> {
    const held = this.enter()
    try {
      const length = this.words.i32[this.head + LENGTH]! >>> 0
      if (!(index < length) || index >>> 0 !== index) throw this.outside(index, length)
      const all = this.part(0, length)
      const value = load(this.elements, all, index) as ElementOf<T>
      all.copyWithin(index, index + 1)
      this.shorten(length - 1)
      return value
    } finally {
      this.leave(held)
    }
  }

  /** Cuts off what is behind the first `length` elements; room stays. Throws `argument` where there are not so many. */
  truncate(length: number): void {
    const held = this.enter()
    try {
      const has = this.words.i32[this.head + LENGTH]! >>> 0
      if (!(length <= has) || length >>> 0 !== length) {
        throw new VmallocError('argument', `${this.name}: truncate(${String(length)}), expected 0 to ${has}`)
      }
      this.shorten(length)
    } finally {
      this.leave(held)
    }
  }

  /** Makes room for so many elements in all, so that it need not grow up to there. Throws `no-memory`. */
  reserve(length: number): void {
    const held = this.enter()
    try {
      if (!(length >= 0) || !Number.isInteger(length)) {
        throw new VmallocError('argument', `${this.name}: room for ${String(length)}, expected a number of elements`)
      }
      const count = length + this.words.i32[this.head + ENDED]!
      if (count > this.words.i32[this.head + CAPACITY]! >>> 0 && !this.grow(count)) throw this.noMemory(count)
    } finally {
      this.leave(held)
    }
  }

  /**
   * From now on a zero element is kept behind the last, which counts as room and not as length: what C code takes for
   * the end. After `clear` there is none until there is an element again, or `finalize`. Throws `no-memory`.
   */
  nullTerminate(): void {
    const held = this.enter()
    try {
      this.keepEnd()
    } finally {
      this.leave(held)
    }
  }

  // all elements

  /** Puts a value at `from` and everywhere up to `to`, which is not one of them: everywhere unless said. */
  fill(value: ElementOf<T>, from = 0, to?: number): void {
    this.mustBeElement(value)
    const held = this.enter()
    try {
      const length = this.words.i32[this.head + LENGTH]! >>> 0
      const end = to ?? length
      if (!(from >= 0 && from <= end && end <= length && Number.isInteger(from) && Number.isInteger(end))) {
        throw new VmallocError('argument', `${this.name}: fill from ${from} to ${end}, expected within 0 to ${length}`)
      }
      this.part(from, end - from).fill(value as number)
    } finally {
      this.leave(held)
    }
  }

  /** Makes all elements 0. */
  zero(): void {
    this.fill((this.element === 'bigint' ? 0n : 0) as ElementOf<T>)
  }

  /** Sorts the elements: as typed arrays do, by size, or by `compare`, which sorts a copy, and must not change the length. */
  sort(compare?: (a: ElementOf<T>, b: ElementOf<T>) => number): void {
    const held = this.enter()
    try {
      const length = this.words.i32[this.head + LENGTH]! >>> 0
      if (compare === undefined) {
        this.part(0, length).sort()
        return
      }
      const copy = this.part(0, length).slice()
      copy.sort(compare as (a: unknown, b: unknown) => number)
      this.enter()
      const now = this.words.i32[this.head + LENGTH]! >>> 0
      if (now !== length) {
        throw new VmallocError('argument', `${this.name}: sort: compare changed the length from ${length} to ${now}`)
      }
      this.part(0, length).set(copy)
    } finally {
      this.leave(held)
    }
  }

  /** The elements by index; what changes meanwhile do, see above. */
  *[Symbol.iterator](): Generator<ElementOf<T>, void, undefined> {
    const end = this.length
    for (let i = 0; i < end; i++) {
      const value = this.tryGet(i)
      if (value === undefined) return
      yield value
    }
  }

  /**
   * Ends the vector and leaves its elements: their address, in a block that is no larger than they need where the region
   * can make it smaller in place. The block is the caller's to free. 0 where there are none.
   */
  finalize(): Addr {
    const held = this.enter()
    try {
      if (this.words.i32[this.head + ENDED] === 1) this.keepEnd()
      const m = this.words.i32
      const { head } = this
      const count = (m[head + LENGTH]! >>> 0) + m[head + ENDED]!
      if (count > 0) {
        const at = this.data.addressOf(m[head + BUFFER]!)
        if (count < m[head + CAPACITY]! >>> 0) this.data.region.resize(at, count * this.unit)
        this.begin()
        this.destroy()
        return at
      }
      this.destroy()
      return NIL
    } finally {
      this.leave(held)
    }
  }

  /** No buffer, no elements; whether a zero element is to be kept stays. */
  protected begin(): void {
    this.words.i32.fill(0, this.head + BUFFER, this.head + CAPACITY + 1)
  }

  protected checkAll(): void {
    this.checkBuffer()
    const m = this.words.i32
    const { head } = this
    if (m[head + ENDED] === 0 || m[head + BUFFER] === 0) return
    const last = load(this.elements, this.content(), m[head + LENGTH]! >>> 0)
    if (Number(last) !== 0) corrupted('vector V2', this.at, `${last} behind the last`, '0')
  }

  /** V1. */
  private checkBuffer(): void {
    const m = this.words.i32
    const { head } = this
    const length = m[head + LENGTH]! >>> 0
    const capacity = m[head + CAPACITY]! >>> 0
    const ended = m[head + ENDED]!
    if (ended !== 0 && ended !== 1) corrupted('vector V1', this.at, `ENDED ${ended}`, '0 or 1')
    if (capacity === 0 && length === 0) {
      if (m[head + BUFFER] === 0) return
      corrupted('vector V1', this.at, `BUFFER ${this.data.addressOf(m[head + BUFFER]!)}`, '0, as there is no room')
    }
    if (capacity < length + ended) corrupted('vector V1', this.at, `room for ${capacity}`, `at least ${length + ended}`)
    this.mustHold(m[head + BUFFER]!, capacity * this.unit, 'V1')
  }

  // the buffer

  /** The array that this handle keeps: from the first element to the end of the space. */
  private content(): T {
    const m = this.words.i32
    if (m === this.keptWords && m[this.head + BUFFER] === this.keptBuffer) return this.kept
    return this.renewed()
  }

  /** Made anew: the moment to see that nobody else's bytes are taken for elements. */
  private renewed(): T {
    this.checkBuffer()
    const m = this.words.i32
    const buffer = m[this.head + BUFFER]!
    const length = buffer === 0 ? 0 : Math.floor((this.words.length - buffer * 4) / this.unit)
    this.keptWords = m
    this.keptBuffer = buffer
    this.kept = new this.type(m.buffer, length === 0 ? 0 : m.byteOffset + buffer * 4, length)
    return this.kept
  }

  /** A typed array over `count` elements from the one at `from` on. */
  private part(from: number, count: number): T & Numbers {
    return this.content().subarray(from, from + count) as T & Numbers
  }

  /** Whether values lie where growth may take them away. */
  private isOfSpace(values: ArrayLike<unknown>): values is T {
    return ArrayBuffer.isView(values) && values.buffer === this.words.i32.buffer
  }

  private shorten(length: number): void {
    const m = this.words.i32
    m[this.head + LENGTH] = length
    this.end()
  }

  protected get ends(): number {
    return this.words.i32[this.head + ENDED]!
  }

  /** The zero element, where one is kept. */
  protected end(): void {
    const m = this.words.i32
    if (m[this.head + ENDED] !== 1) return
    store(this.elements, this.content(), m[this.head + LENGTH]! >>> 0, this.element === 'bigint' ? 0n : 0)
  }

  protected get needsNothing(): boolean {
    return this.words.i32[this.head + LENGTH] === 0 && this.ends === 0
  }

  /** Sees to it that there is a zero element behind the last. */
  private keepEnd(): void {
    this.makeRoom(0, 1)
    this.words.i32[this.head + ENDED] = 1
    this.end()
  }

  /** Makes it longer by `count` elements, whose content is not defined; answers where the first of them is. */
  private widen(count: number): number {
    const { head } = this
    this.makeRoom(count, 0)
    const m = this.words.i32
    const length = m[head + LENGTH]! >>> 0
    m[head + LENGTH] = length + count
    this.end()
    return length
  }

  /**
   * Room for `count` more elements, and for the zero one where that is kept or `end` is 1: where there is too little, for
   * twice as many in all, or else for what is needed.
   */
  private makeRoom(count: number, end: number): void {
    for (;;) {
      const m = this.words.i32
      const has = m[this.head + CAPACITY]! >>> 0
      const need = (m[this.head + LENGTH]! >>> 0) + count + (m[this.head + ENDED]! | end)
      if (need <= has) return
      if (!this.grow(Math.max(need, has * 2, LEAST)) && !this.grow(need)) throw this.noMemory(need)
    }
  }

  private grow(capacity: number): boolean {
    return capacity * this.unit <= LIMIT && this.resizeTo(capacity)
  }

  private mustBeElement(value: ElementOf<T>): void {
    if (typeof value === this.element) return
    throw new VmallocError(
      'argument',
      `${this.title} of ${this.type.name}: ${typeof value} ${String(value)}, expected a ${this.element}`,
    )
  }

  /** How many values there are. */
  private mustBeElements(values: ArrayLike<ElementOf<T>>): number {
    const length: unknown = values?.length
    if (typeof length !== 'number') {
      throw new VmallocError('argument', `${this.title}: append ${String(values)}, expected an array`)
    }
    const some = ArrayBuffer.isView(values) ? Math.min(length, 1) : length
    for (let i = 0; i < some; i++) this.mustBeElement(values[i]!)
    return length
  }

  private outside(index: number, length: number): VmallocError {
    return new VmallocError(
      'argument',
      `${this.name}: index ${String(index)}, expected ${length === 0 ? 'none, as it is empty' : `0 to ${length - 1}`}`,
    )
  }

  private noMemory(count: number): VmallocError {
    return new VmallocError(
      'no-memory',
      `${this.name}: region ${this.data.region.name} has no block of ${count * this.unit} bytes`,
    )
  }
}
