/**
 * player: the loops whose time is taken, in JavaScript; native/replay.c has the same in C.
 *
 * Each goes from step `from` to `until`, so that a slow subject can be stopped between two stretches, and returns the
 * step that failed, or `until`. Nothing is made in them, and nothing stands between the loop and the heap.
 */
import { type Columns, OP_ALIGN, OP_ALLOC, OP_FREE, OP_RESIZE, OP_ZEROED } from './dump.ts'
import { type Fills, type Heap, REALLOC, type Session } from './subject.ts'

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
    this.lengths[id] = length
    this.fill(at, length, id & 255)
  }

  /** Reads each of the first bytes of a block; whether all are as they were written. */
  read(id: number, at: number, length: number): boolean {
    return this.holds(at, length, id & 255)
  }

  /** Writes a byte to so many places. */
  fill(at: number, length: number, byte: number): void {
    if (at + length > this.#u8.length) this.#renew()
    if (length > 256) {
      this.#u8.fill(byte, at, at + length)
      return
    }
    const words = (at + length) >>> 2
    const value = Math.imul(byte, 0x01010101)
    for (let word = at >>> 2; word < words; word++) this.#i32[word] = value
    for (let place = words << 2; place < at + length; place++) this.#u8[place] = byte
  }

  /** Whether so many places hold a byte. */
  holds(at: number, length: number, byte: number): boolean {
    if (at + length > this.#u8.length) this.#renew()
    const value = Math.imul(byte, 0x01010101)
    const i32 = this.#i32
    const words = (at + length) >>> 2
    let wrong = 0
    for (let word = at >>> 2; word < words; word++) wrong |= i32[word]! ^ value
    for (let place = words << 2; place < at + length; place++) wrong |= this.#u8[place]! ^ byte
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

/**
 * The same trace by a program that does to its payloads what debug must do, and nothing else: fills them when they are
 * new, fills them when they go, reads that once. What a resize moves is a new block and one that goes; as the old one is
 * gone by then, the new one is filled and read in its place.
 */
export function touchAsDebug(
  heap: Heap,
  trace: Columns,
  places: Uint32Array,
  contents: Contents,
  { fresh, freed }: Fills,
  from: number,
  until: number,
): number {
  const { ops, ids, sizes, aligns } = trace
  const { lengths } = contents
  for (let event = from; event < until; event++) {
    const id = ids[event]!
    const size = sizes[event]!
    const had = lengths[id]!
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
        const old = places[id]!
        at = heap.resize(old, size, REALLOC)
        if (at === 0) return event
        lengths[id] = size
        places[id] = at
        if (at === old) {
          if (size > had) contents.fill(at + had, size - had, fresh)
          continue
        }
        const both = had < size ? had : size
        contents.fill(at, both, freed)
        if (!contents.holds(at, both, freed)) return event
        contents.fill(at, size, fresh)
        continue
      }
      case OP_FREE:
        contents.fill(places[id]!, had, freed)
        if (!contents.holds(places[id]!, had, freed)) return event
        heap.free(places[id]!)
        continue
    }
    if (at === 0) return event
    places[id] = at
    lengths[id] = size
    contents.fill(at, size, fresh)
  }
  return until
}

/** The same calls as `replay` makes, from 64 places: three calls deeper, each from one of four. */
export function replayFromMany(heap: Heap, trace: Columns, places: Uint32Array, from: number, until: number): number {
  const { ids } = trace
  for (let event = from; event < until; event++) {
    const path = Math.imul(ids[event]!, 0x9e3779b1) >>> 26
    if (outer(path, heap, trace, places, event) === event) return event
  }
  return until
}

function outer(path: number, heap: Heap, trace: Columns, places: Uint32Array, event: number): number {
  switch (path & 3) {
    case 0:
      return middle(path >>> 2, heap, trace, places, event)
    case 1:
      return middle(path >>> 2, heap, trace, places, event)
    case 2:
      return middle(path >>> 2, heap, trace, places, event)
    default:
      return middle(path >>> 2, heap, trace, places, event)
  }
}

function middle(path: number, heap: Heap, trace: Columns, places: Uint32Array, event: number): number {
  switch (path & 3) {
    case 0:
      return inner(path >>> 2, heap, trace, places, event)
    case 1:
      return inner(path >>> 2, heap, trace, places, event)
    case 2:
      return inner(path >>> 2, heap, trace, places, event)
    default:
      return inner(path >>> 2, heap, trace, places, event)
  }
}

function inner(path: number, heap: Heap, trace: Columns, places: Uint32Array, event: number): number {
  switch (path & 3) {
    case 0:
      return replay(heap, trace, places, event, event + 1)
    case 1:
      return replay(heap, trace, places, event, event + 1)
    case 2:
      return replay(heap, trace, places, event, event + 1)
    default:
      return replay(heap, trace, places, event, event + 1)
  }
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
