/**
 * player: the loops whose time is taken, in JavaScript; native/replay.c has the same in C.
 *
 * Each goes from step `from` to `until`, so that a slow subject can be stopped between two stretches, and returns the
 * step that failed, or `until`. Nothing is made in them, and nothing stands between the loop and the heap.
 */
import { type Columns, OP_ALIGN, OP_ALLOC, OP_FREE, OP_RESIZE, OP_ZEROED } from './dump.ts'
import { type Heap, REALLOC, type Session } from './subject.ts'

/** Makes the calls of a trace; `places` holds where each block lies. */
export function replay(heap: Heap, trace: Columns, places: Uint32Array, from: number, until: number): number {
  const { ops, ids, sizes, aligns } = trace
  for (let event = from; event < until; event++) {
    const id = ids[event]!
    let at = 0
    switch (ops[event]) {
      case OP_ALLOC:
        at = heap.alloc(sizes[event]!)
        break
      case OP_ZEROED:
        at = heap.allocZeroed(sizes[event]!)
        break
      case OP_ALIGN:
        at = heap.align(sizes[event]!, aligns[event]!)
        break
      case OP_RESIZE:
        at = heap.resize(places[id]!, sizes[event]!, REALLOC)
        break
      case OP_FREE:
        heap.free(places[id]!)
        continue
    }
    if (at === 0) return event
    places[id] = at
  }
  return until
}

/** Frees what a whole trace leaves live. */
export function freeLeft(heap: Heap, trace: Columns, places: Uint32Array): void {
  for (const id of trace.left) heap.free(places[id]!)
}

/** The blocks of a trace as a program knows them that uses every byte. */
export class Contents {
  readonly #session: Session
  readonly lengths: Int32Array
  #u8: Uint8Array<ArrayBufferLike> = new Uint8Array(0)
  #i32: Int32Array<ArrayBufferLike> = new Int32Array(0)

  constructor(session: Session, blocks: number) {
    this.#session = session
    this.lengths = new Int32Array(blocks)
  }

  /** Writes each byte of a block. */
  write(id: number, at: number, length: number): void {
    if (at + length > this.#u8.length) this.#renew()
    this.lengths[id] = length
    if (length > 256) {
      this.#u8.fill(id, at, at + length)
      return
    }
    const words = (at + length) >>> 2
    const value = Math.imul(id & 255, 0x01010101)
    for (let word = at >>> 2; word < words; word++) this.#i32[word] = value
    for (let byte = words << 2; byte < at + length; byte++) this.#u8[byte] = id
  }

  /** Reads each of the first bytes of a block; whether all are as they were written. */
  read(id: number, at: number, length: number): boolean {
    if (at + length > this.#u8.length) this.#renew()
    const value = Math.imul(id & 255, 0x01010101)
    const i32 = this.#i32
    const words = (at + length) >>> 2
    let wrong = 0
    for (let word = at >>> 2; word < words; word++) wrong |= i32[word]! ^ value
    for (let byte = words << 2; byte < at + length; byte++) wrong |= this.#u8[byte]! ^ (id & 255)
    return wrong === 0
  }

  #renew(): void {
    const buffer = this.#session.buffer()
    this.#u8 = new Uint8Array(buffer)
    this.#i32 = new Int32Array(buffer, 0, buffer.byteLength >>> 2)
  }
}

/** The same trace by a program that writes each block when it has it and reads it before it goes. */
export function use(
  heap: Heap,
  trace: Columns,
  places: Uint32Array,
  contents: Contents,
  from: number,
  until: number,
): number {
  const { ops, ids, sizes, aligns } = trace
  const { lengths } = contents
  for (let event = from; event < until; event++) {
    const id = ids[event]!
    const size = sizes[event]!
    let at = 0
    switch (ops[event]) {
      case OP_ALLOC:
        at = heap.alloc(size)
        break
      case OP_ZEROED:
        at = heap.allocZeroed(size)
        break
      case OP_ALIGN:
        at = heap.align(size, aligns[event]!)
        break
      case OP_RESIZE: {
        const had = lengths[id]!
        at = heap.resize(places[id]!, size, REALLOC)
        if (at !== 0 && !contents.read(id, at, had < size ? had : size)) return event
        break
      }
      case OP_FREE:
        if (!contents.read(id, places[id]!, lengths[id]!)) return event
        heap.free(places[id]!)
        continue
    }
    if (at === 0) return event
    places[id] = at
    contents.write(id, at, size)
  }
  return until
}

export function pair(heap: Heap, size: number, from: number, until: number): number {
  for (let step = from; step < until; step++) {
    const at = heap.alloc(size)
    if (at === 0) return step
    heap.free(at)
  }
  return until
}

/** Random numbers made beforehand: which block is replaced, and by how many bytes. */
export interface Chances {
  readonly slots: Int32Array
  readonly sizes: Int32Array
}

const SEED = 0x9e3779b9 | 0

export function chancesOf(live: number, least: number, most: number, length: number): Chances {
  const slots = new Int32Array(length)
  const sizes = new Int32Array(length)
  let x = SEED
  const next = () => {
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    return x >>> 0
  }
  for (let i = 0; i < length; i++) {
    slots[i] = next() % live
    sizes[i] = least + (next() % (most - least + 1))
  }
  return { slots, sizes }
}

/** Replaces blocks. Where a heap serves nothing, the place is 0 and freeing it does nothing. */
export function churn(heap: Heap, places: Uint32Array, { slots, sizes }: Chances, from: number, until: number): number {
  const mask = slots.length - 1
  let fails = -1
  for (let step = from; step < until; step++) {
    const slot = slots[step & mask]!
    heap.free(places[slot]!)
    const at = heap.alloc(sizes[step & mask]!)
    if (at === 0) fails = step
    places[slot] = at
  }
  return fails < 0 ? until : fails
}

export function churnAligned(
  heap: Heap,
  places: Uint32Array,
  { slots, sizes }: Chances,
  alignment: number,
  from: number,
  until: number,
): number {
  const mask = slots.length - 1
  for (let step = from; step < until; step++) {
    const slot = slots[step & mask]!
    heap.free(places[slot]!)
    const at = heap.align(sizes[step & mask]!, alignment)
    if (at === 0) return step
    places[slot] = at
  }
  return until
}

/** Blocks grow in turn by a half; the number of resizes, or -1 - the one that failed. */
export function grow(heap: Heap, places: Uint32Array, least: number, most: number): number {
  let done = 0
  for (let slot = 0; slot < places.length; slot++) if ((places[slot] = heap.alloc(least)) === 0) return -1
  for (let size = least; size < most; ) {
    size += size >>> 1
    for (let slot = 0; slot < places.length; slot++) {
      const at = heap.resize(places[slot]!, size, REALLOC)
      if (at === 0) return -1 - done
      places[slot] = at
      done++
    }
  }
  for (let slot = 0; slot < places.length; slot++) heap.free(places[slot]!)
  return done
}

/** Allocates from a place on; those who can, clear: see `empty`. */
export function fill(heap: Heap, places: Uint32Array, size: number, from: number, until: number): number {
  for (let step = from; step < until; step++) {
    const at = heap.alloc(size)
    if (at === 0) return step
    places[step] = at
  }
  return until
}

export function empty(heap: Heap, places: Uint32Array): void {
  if (heap.clear !== undefined) heap.clear()
  else for (let slot = 0; slot < places.length; slot++) heap.free(places[slot]!)
}
