/**
 * trace: the calls that a program made to its allocator, as columns of numbers.
 *
 *   event      0        1        2        3        4
 *   ops     | ALLOC  | ZEROED | RESIZE | ALIGN  | FREE   | ...     what was called
 *   ids     | 0      | 1      | 0      | 2      | 1      | ...     on which block; 0 for CLEAR and COMPACT
 *   sizes   | 72     | 136    | 144    | 4096   | 0      | ...     bytes asked for; 0 where none were
 *   aligns  | 0      | 0      | 0      | 64     | 0      | ...     0 unless asked for
 *
 * and, where the trace tells of them,
 *
 *   times   | 0      | 0.004  | 0.005  | 1.2    | 1.204  | ...     when: milliseconds since the trace began
 *   stacks  | 1      | 2      | 1      | 0      | 2      | ...     from where: an index into stackTable, 0 is unknown
 *   regions | 1      | 1      | 1      | 2      | 1      | ...     in which region: an index into regionNames, 0 has none
 *
 *   T1  ids are below `blocks`; each is allocated at most once, resized and freed only while it lives
 *   T2  a CLEAR ends the life of every block
 *   T3  `left` are the blocks alive after the last event, in the order of their ids
 *   T4  `peakLive` is the largest sum of bytes asked for of living blocks, reached by event `peakAt`
 *
 *   T5  `times` never goes back; element 0 of stackTable is the empty stack, element 0 of regionNames ''
 *
 * A Builder takes the events one by one and keeps the laws; its callers ask `isLive` before they use an id. A time, a
 * stack or a region that it is told holds for all events that follow, until it is told another.
 */
import type { Frame } from '../ground/stacks.ts'

export const OP_ALLOC = 0
export const OP_ZEROED = 1
export const OP_ALIGN = 2
export const OP_RESIZE = 3
export const OP_FREE = 4
export const OP_CLEAR = 5
export const OP_COMPACT = 6

export interface Trace {
  readonly name: string
  readonly events: number
  readonly ops: Uint8Array
  readonly ids: Int32Array
  /** Doubles only where one does not fit into 32 bits: engines read whole numbers faster. */
  readonly sizes: Uint32Array | Float64Array
  readonly aligns: Uint32Array
  readonly blocks: number
  readonly left: Int32Array
  readonly peakLive: number
  /** The event that reached the peak; -1 when nothing was ever allocated. */
  readonly peakAt: number
  /** Failed calls that the trace tells of; they are no events. */
  readonly failures: number
  /** Frees of nothing, or of blocks that came from before the trace; they are no events. */
  readonly skipped: number
  /** Events that no line tells of: blocks that must have gone, because their address came again. */
  readonly inferred: number
  /** What the header said, where it knew. */
  readonly declared: { readonly blocks: number; readonly events: number } | undefined
  /** Milliseconds since the trace began, by event. */
  readonly times?: Float64Array
  /** By event: an index into `stackTable`; 0 where the stack is not known. */
  readonly stacks?: Int32Array
  /** Calls, the innermost first. */
  readonly stackTable?: readonly (readonly Frame[])[]
  /** By event: an index into `regionNames`; 0 where the region has no name. */
  readonly regions?: Uint16Array
  /** Two regions that were open at the same time have two entries, even under one name. */
  readonly regionNames?: readonly string[]
  /** What was wrong with the file, though the rest of it could be read. */
  readonly remark?: string
}

const UNBORN = 0
const GONE = -1

export class Builder {
  failures = 0
  skipped = 0
  inferred = 0
  declared: Trace['declared'] = undefined
  remark: string | undefined = undefined
  readonly #room: number
  readonly #ops: Uint8Array
  readonly #ids: Int32Array
  readonly #sizes: Float64Array
  readonly #aligns: Uint32Array
  #events = 0
  #blocks = 0
  /** By id: the number of the event that allocated it, from 1; else UNBORN or GONE. */
  #born = new Int32Array(1024)
  /** By id: bytes asked for. */
  #asked = new Float64Array(1024)
  #cleared = 0
  #live = 0
  #peak = 0
  #peakAt = -1
  /** Microseconds since the trace began: whole, so that the sum of many is exact. */
  #time = 0
  #times: Float64Array | undefined = undefined
  #stack = 0
  #stacks: Int32Array | undefined = undefined
  readonly #stackTable: (readonly Frame[])[] = [[]]
  #region = 0
  #regions: Uint16Array | undefined = undefined
  readonly #regionNames: string[] = ['']

  /** Room for so many events. */
  constructor(room: number) {
    this.#room = room
    this.#ops = new Uint8Array(room)
    this.#ids = new Int32Array(room)
    this.#sizes = new Float64Array(room)
    this.#aligns = new Uint32Array(room)
  }

  get events(): number {
    return this.#events
  }

  get blocks(): number {
    return this.#blocks
  }

  isLive(id: number): boolean {
    return id < this.#blocks && this.#born[id]! > this.#cleared
  }

  /** Whether `id` was ever allocated. */
  isKnown(id: number): boolean {
    return id < this.#blocks && this.#born[id] !== UNBORN
  }

  /** A new block: `op` is OP_ALLOC, OP_ZEROED or OP_ALIGN, `id` not known yet. */
  alloc(op: number, id: number, size: number, alignment: number): void {
    if (id >= this.#born.length) this.#widen(id)
    if (id >= this.#blocks) this.#blocks = id + 1
    this.#put(op, id, size, alignment)
    this.#born[id] = this.#events
    this.#asked[id] = size
    this.#weigh(size)
  }

  resize(id: number, size: number): void {
    this.#put(OP_RESIZE, id, size, 0)
    this.#weigh(size - this.#asked[id]!)
    this.#asked[id] = size
  }

  free(id: number): void {
    this.#put(OP_FREE, id, 0, 0)
    this.#live -= this.#asked[id]!
    this.#born[id] = GONE
  }

  clear(): void {
    this.#put(OP_CLEAR, 0, 0, 0)
    this.#cleared = this.#events
    this.#live = 0
  }

  compact(): void {
    this.#put(OP_COMPACT, 0, 0, 0)
  }

  /** What follows came so much later: a whole number of microseconds. */
  wait(microseconds: number): void {
    this.#times ??= new Float64Array(this.#room)
    this.#time += microseconds
  }

  /** A stack that events may have; returns its index. */
  addStack(frames: readonly Frame[]): number {
    return this.#stackTable.push(frames) - 1
  }

  /** What follows has this stack. */
  stand(stack: number): void {
    this.#stacks ??= new Int32Array(this.#room)
    this.#stack = stack
  }

  /** A region that events may be of, at most the 65535th; returns its index. */
  addRegion(name: string): number {
    return this.#regionNames.push(name) - 1
  }

  /** What follows is of this region. */
  enter(region: number): void {
    this.#regions ??= new Uint16Array(this.#room)
    this.#region = region
  }

  finish(name: string): Trace {
    const events = this.#events
    const left: number[] = []
    for (let id = 0; id < this.#blocks; id++) if (this.isLive(id)) left.push(id)
    return {
      name,
      events,
      ops: this.#ops.subarray(0, events),
      ids: this.#ids.subarray(0, events),
      sizes: narrow(this.#sizes.subarray(0, events)),
      aligns: this.#aligns.subarray(0, events),
      blocks: this.#blocks,
      left: Int32Array.from(left),
      peakLive: this.#peak,
      peakAt: this.#peakAt,
      failures: this.failures,
      skipped: this.skipped,
      inferred: this.inferred,
      declared: this.declared,
      ...(this.#times && { times: this.#times.subarray(0, events) }),
      ...(this.#stacks && { stacks: this.#stacks.subarray(0, events), stackTable: this.#stackTable }),
      ...(this.#regions && { regions: this.#regions.subarray(0, events), regionNames: this.#regionNames }),
      ...(this.remark !== undefined && { remark: this.remark }),
    }
  }

  #put(op: number, id: number, size: number, alignment: number): void {
    const event = this.#events++
    this.#ops[event] = op
    this.#ids[event] = id
    this.#sizes[event] = size
    this.#aligns[event] = alignment
    if (this.#times !== undefined) this.#times[event] = this.#time / 1000
    if (this.#stacks !== undefined) this.#stacks[event] = this.#stack
    if (this.#regions !== undefined) this.#regions[event] = this.#region
  }

  #weigh(more: number): void {
    this.#live += more
    if (this.#live <= this.#peak && this.#peakAt >= 0) return
    this.#peak = this.#live
    this.#peakAt = this.#events - 1
  }

  #widen(id: number): void {
    const length = Math.max(id + 1, 2 * this.#born.length)
    const born = new Int32Array(length)
    born.set(this.#born)
    this.#born = born
    const asked = new Float64Array(length)
    asked.set(this.#asked)
    this.#asked = asked
  }
}

/** The same numbers in 32 bits each, if they fit. */
function narrow(sizes: Float64Array): Uint32Array | Float64Array {
  return sizes.every((size) => size <= 0xffffffff) ? Uint32Array.from(sizes) : sizes
}
