/**
 * dump: a trace as bytes that children need not parse: JavaScript reads typed arrays from them, C a struct.
 *
 *   +0    +4       +8       +12     +16        +24       +32
 *   | MAG | events | blocks | left  | peakLive | peakAt  |   MAG 'vmtr'; peakLive is a float of 8 bytes, peakAt one too
 *   +32       ids      events x 4
 *             sizes    events x 4         at least 1; a size that no peer could serve is cut to 2^31 - 1
 *             aligns   events x 4
 *             left     left x 4
 *             ops      events x 1
 *
 * All in the machine's order. A clear is written as the frees that it stands for, a compact is left out.
 */
import {
  OP_ALIGN,
  OP_ALLOC,
  OP_CLEAR,
  OP_COMPACT,
  OP_FREE,
  OP_RESIZE,
  OP_ZEROED,
  type Trace,
} from '../src/trace/trace.ts'

const MAGIC = 0x72746d76
const HEADER = 32

export interface Columns {
  readonly events: number
  readonly blocks: number
  readonly peakLive: number
  /** The event that reaches it. */
  readonly peakAt: number
  readonly ids: Int32Array
  readonly sizes: Int32Array
  readonly aligns: Int32Array
  readonly left: Int32Array
  readonly ops: Uint8Array
}

export function dumpOf(trace: Trace): Uint8Array {
  const { ops, ids, sizes, aligns, peakAt } = plain(trace)
  const events = ops.length
  const bytes = new Uint8Array(HEADER + 13 * events + 4 * trace.left.length)
  new Int32Array(bytes.buffer, 0, 4).set([MAGIC, events, trace.blocks, trace.left.length])
  new Float64Array(bytes.buffer, 16, 2).set([trace.peakLive, peakAt])
  const columns = columnsOf(bytes)
  columns.ids.set(ids)
  columns.sizes.set(sizes)
  columns.aligns.set(aligns)
  columns.left.set(trace.left)
  columns.ops.set(ops)
  return bytes
}

export function columnsOf(bytes: Uint8Array): Columns {
  const { buffer, byteOffset } = bytes
  const [magic, events = 0, blocks = 0, left = 0] = new Int32Array(buffer, byteOffset, 4)
  if (magic !== MAGIC) throw new Error('dump: these bytes are no trace')
  const [peakLive = 0, peakAt = 0] = new Float64Array(buffer, byteOffset + 16, 2)
  let at = byteOffset + HEADER
  const next = (length: number) => new Int32Array(buffer, (at += 4 * length) - 4 * length, length)
  return {
    events,
    blocks,
    peakLive,
    peakAt,
    ids: next(events),
    sizes: next(events),
    aligns: next(events),
    left: next(left),
    ops: new Uint8Array(buffer, at, events),
  }
}

interface Plain {
  readonly ops: number[]
  readonly ids: number[]
  readonly sizes: number[]
  readonly aligns: number[]
  readonly peakAt: number
}

/** The first events of a trace as a trace; what was not freed by then is left. */
export function firstOf(trace: Trace, events: number): Trace {
  if (trace.events <= events) return trace
  const ops = trace.ops.subarray(0, events)
  const ids = trace.ids.subarray(0, events)
  const live = new Set<number>()
  for (const [event, op] of ops.entries()) {
    if (op === OP_CLEAR) live.clear()
    else if (op === OP_FREE) live.delete(ids[event]!)
    else if (op !== OP_COMPACT) live.add(ids[event]!)
  }
  return { ...trace, events, ops, ids, left: Int32Array.from(live) }
}

/** Allocations, resizes and frees alone. */
function plain(trace: Trace): Plain {
  const to = { ops: [] as number[], ids: [] as number[], sizes: [] as number[], aligns: [] as number[], peakAt: 0 }
  const live = new Set<number>()
  const put = (op: number, id: number, size: number, align: number) => {
    to.ops.push(op)
    to.ids.push(id)
    to.sizes.push(op === OP_FREE ? 0 : Math.min(Math.max(size, 1), 2 ** 31 - 1))
    to.aligns.push(align)
  }
  const hasClears = trace.ops.includes(OP_CLEAR)
  for (let event = 0; event < trace.events; event++) {
    const op = trace.ops[event]!
    const id = trace.ids[event]!
    if (op === OP_CLEAR) {
      for (const id of live) put(OP_FREE, id, 0, 0)
      live.clear()
    } else if (op !== OP_COMPACT) {
      put(op, id, trace.sizes[event]!, trace.aligns[event]!)
      if (hasClears) op === OP_FREE ? live.delete(id) : live.add(id)
    }
    if (event === trace.peakAt) to.peakAt = to.ops.length - 1
  }
  return to
}

export { OP_ALIGN, OP_ALLOC, OP_FREE, OP_RESIZE, OP_ZEROED }
