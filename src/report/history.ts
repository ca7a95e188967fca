/**
 * history: where the blocks of a trace lie under a method, from the first event to the last.
 *
 *   piece      0      1      2      3            a piece of memory that was in use for a while
 *   starts  |  1   |  2   |  2   |  7   | ...    it is there after so many events
 *   ends    |  9   |  3   |  NEVER            after so many it is not
 *   ats     | 4096 | 4176 | 4240 | ...           its first byte
 *   sizes   |  72  |  56  | ...                  its bytes: usable ones of a block, held ones of memory
 *
 * A resize ends one piece and starts another. `blocks` are the pieces of busy blocks, `held` those of raw memory got from
 * the discipline: what shrinks ends as it was, and what is left starts. In both, starts ascend.
 *
 * What is live at the end is cleared before the region closes: for a debugging method it is no leak. A free that the
 * method refuses ends nothing: the block goes on to be busy, as it does in the region.
 */
import type { Region } from '../contract/region.ts'
import { tap } from '../trace/tap.ts'
import { OP_ALIGN, OP_ALLOC, OP_CLEAR, OP_COMPACT, OP_FREE, OP_RESIZE, OP_ZEROED, type Trace } from '../trace/trace.ts'

export const NEVER = 0xffffffff

export interface Pieces {
  readonly starts: Uint32Array
  readonly ends: Uint32Array
  readonly ats: Uint32Array
  readonly sizes: Uint32Array
}

export interface History {
  readonly method: string
  readonly discipline: string
  readonly failed: number
  readonly refused: number
  readonly blocks: Pieces
  readonly held: Pieces
  /** After each event: bytes held from the discipline. */
  readonly extent: Float64Array
}

const REALLOC = { move: true, copy: true }

/** Replays a trace over a fresh region, which is closed at the end, and writes down what lies where. */
export function historyOf(trace: Trace, openRegion: () => Region): History {
  const region = openRegion()
  try {
    return write(trace, region)
  } finally {
    region.close()
  }
}

function write(trace: Trace, region: Region): History {
  const { events, ops, ids, sizes, aligns } = trace
  const method = region.method
  const discipline = region.discipline.name
  const blocks = new PieceList(events)
  const held = new Held(region)
  const addresses = new Uint32Array(trace.blocks)
  /** By id: the piece where the block lies; -1 for none. */
  const pieces = new Int32Array(trace.blocks).fill(-1)
  const extent = new Float64Array(events)
  const living: number[] = []
  let [failed, refused] = [0, 0]

  const leave = (id: number, event: number) => {
    const piece = pieces[id]!
    if (piece < 0) return
    blocks.end(piece, event)
    pieces[id] = -1
  }
  const settle = (id: number, at: number, event: number) => {
    const usable = Math.max(0, region.sizeOf(at))
    addresses[id] = at
    pieces[id] = blocks.start(event, at, usable)
  }
  const allocate = (op: number, size: number, alignment: number) =>
    op === OP_ALLOC ? region.alloc(size) : op === OP_ZEROED ? region.allocZeroed(size) : region.align(size, alignment)

  for (let event = 0; event < events; event++) {
    const op = ops[event]!
    const id = ids[event]!
    const after = event + 1
    held.now = after
    switch (op) {
      case OP_ALLOC:
      case OP_ZEROED:
      case OP_ALIGN: {
        const at = allocate(op, sizes[event]!, aligns[event]!)
        living.push(id)
        if (at === 0) failed++
        else settle(id, at, after)
        break
      }
      case OP_RESIZE: {
        if (pieces[id]! < 0) break
        const at = region.resize(addresses[id]!, sizes[event]!, REALLOC)
        if (at === 0) failed++
        else if (at !== addresses[id] || region.sizeOf(at) !== blocks.sizes[pieces[id]!]) {
          leave(id, after)
          settle(id, at, after)
        }
        break
      }
      case OP_FREE:
        if (pieces[id]! < 0) break
        if (region.free(addresses[id]!)) leave(id, after)
        else refused++
        break
      case OP_CLEAR:
        region.clear()
        for (const id of living.splice(0)) leave(id, after)
        break
      case OP_COMPACT:
        region.compact()
        break
    }
    extent[event] = held.bytes
  }
  held.stop()
  region.clear()
  return { method, discipline, failed, refused, blocks: blocks.pieces(), held: held.pieces(), extent }
}

/** Columns that grow. */
class PieceList {
  #starts: Uint32Array
  #ends: Uint32Array
  #ats: Uint32Array
  #sizes: Uint32Array
  #count = 0

  constructor(room: number) {
    this.#starts = new Uint32Array(room)
    this.#ends = new Uint32Array(room)
    this.#ats = new Uint32Array(room)
    this.#sizes = new Uint32Array(room)
  }

  get sizes(): Uint32Array {
    return this.#sizes
  }

  start(event: number, at: number, size: number): number {
    const piece = this.#count++
    if (piece >= this.#starts.length) this.#widen()
    this.#starts[piece] = event
    this.#ends[piece] = NEVER
    this.#ats[piece] = at
    this.#sizes[piece] = size
    return piece
  }

  end(piece: number, event: number): void {
    this.#ends[piece] = event
  }

  pieces(): Pieces {
    const cut = (column: Uint32Array) => column.slice(0, this.#count)
    return { starts: cut(this.#starts), ends: cut(this.#ends), ats: cut(this.#ats), sizes: cut(this.#sizes) }
  }

  #widen(): void {
    const wide = (column: Uint32Array) => {
      const wider = new Uint32Array(2 * column.length + 64)
      wider.set(column)
      return wider
    }
    this.#starts = wide(this.#starts)
    this.#ends = wide(this.#ends)
    this.#ats = wide(this.#ats)
    this.#sizes = wide(this.#sizes)
  }
}

/** Stands between a region and its discipline and writes down what is held. */
class Held {
  /** How many events are done when the one under way is. */
  now = 0
  bytes = 0
  readonly #end: () => void
  readonly #list = new PieceList(64)
  /** By address: the piece there. */
  readonly #open = new Map<number, { piece: number; size: number }>()

  constructor(region: Region) {
    for (const { at, size } of region.segments()) this.#put(at, size)
    this.#end = tap(region, (at, had, want) => this.#note(at, had, want))
  }

  stop(): void {
    this.#end()
  }

  pieces(): Pieces {
    return this.#list.pieces()
  }

  #put(at: number, size: number): void {
    this.#open.set(at, { piece: this.#list.start(this.now, at, size), size })
    this.bytes += size
  }

  #take(at: number): void {
    const open = this.#open.get(at)
    if (open === undefined) return
    this.#list.end(open.piece, this.now)
    this.#open.delete(at)
    this.bytes -= open.size
  }

  #note(at: number, had: number, want: number): void {
    if (had > 0) this.#take(at)
    if (want > 0) this.#put(at, want)
  }
}
