/**
 * heap-state: what lies in each cell of the heap at any moment of a trace, fast enough to follow a slider.
 *
 *   cells       |   0   |   1   |   2   |   3   |   4   |        UNIT bytes each, from `low` on
 *   a piece          [======================)                    from the middle of cell 0 to the middle of cell 3
 *   edges       |  +30  |       |       |  +20  |       |        its bytes in the first and the last cell
 *   covers      |       |  +1   |       |  -1   |       |        the cells between begin here and end there
 *
 * So a piece costs four additions, however large it is, and a piece that ends costs four subtractions: their order does
 * not matter. The bytes of a cell are its edge plus UNIT times the sum of all covers up to it.
 *
 *   time        |---K---------K---------K---------K----|         K: a key, a copy of the sums at that moment
 *                             ^  ->  ^                           a moment is reached from the nearest key, or from
 *                            key   wanted                        where one was before, whichever is less work
 */
import type { ColumnName } from '../report/data.ts'
import type { Columns } from './read.ts'

const KEYS = 64
const STEPS_A_KEY = 2000

/** Pieces by the moments when they start, which is their order, and by those when they end. */
export class PieceTable {
  readonly count: number
  readonly starts: Uint32Array
  readonly ends: Uint32Array
  readonly ats: Uint32Array
  readonly sizes: Uint32Array
  /** Pieces in the order of their ends. */
  readonly byEnd: Uint32Array

  constructor(columns: Columns, kind: 'blocks' | 'held', events: number) {
    const column = (name: string) => columns.get(`${kind}.${name}` as ColumnName)!
    this.starts = column('starts')
    this.ends = column('ends')
    this.ats = column('ats')
    this.sizes = column('sizes')
    this.count = this.starts.length
    this.byEnd = orderOf(this.ends, events)
  }
}

/** The order of numbers up to `most`; larger ones are left out. */
function orderOf(values: Uint32Array, most: number): Uint32Array {
  const begins = new Uint32Array(most + 2)
  for (const value of values) if (value <= most) begins[value + 1]!++
  for (let i = 1; i < begins.length; i++) begins[i]! += begins[i - 1]!
  const order = new Uint32Array(begins[most + 1]!)
  for (let i = 0; i < values.length; i++) if (values[i]! <= most) order[begins[values[i]!]!++] = i
  return order
}

/** Sums over the pieces of a table at one moment. */
class Sums {
  started = 0
  ended = 0
  bytes = 0
  readonly edges: Float64Array
  readonly covers: Int32Array

  constructor(cells: number) {
    this.edges = new Float64Array(cells)
    this.covers = new Int32Array(cells + 1)
  }

  copyFrom(other: Sums): void {
    this.started = other.started
    this.ended = other.ended
    this.bytes = other.bytes
    this.edges.set(other.edges)
    this.covers.set(other.covers)
  }
}

export class Layer {
  readonly table: PieceTable
  readonly #low: number
  readonly #unit: number
  readonly #now: Sums
  readonly #keys: Sums[] = []
  /** Moments between two keys. */
  readonly #stride: number

  constructor(table: PieceTable, low: number, unit: number, cells: number, events: number) {
    this.table = table
    this.#low = low
    this.#unit = unit
    this.#now = new Sums(cells)
    const keys = Math.max(1, Math.min(KEYS, Math.ceil(table.count / STEPS_A_KEY)))
    this.#stride = Math.max(1, Math.ceil(events / keys))
    for (let moment = 0; moment <= events; moment += this.#stride) {
      this.#run(moment)
      const key = new Sums(cells)
      key.copyFrom(this.#now)
      this.#keys.push(key)
    }
  }

  get bytes(): number {
    return this.#now.bytes
  }

  get pieces(): number {
    return this.#now.started - this.#now.ended
  }

  /** Goes to the moment after so many events. */
  seek(moment: number): void {
    const key = this.#keys[Math.round(moment / this.#stride)] ?? this.#keys.at(-1)!
    if (this.#work(key, moment) < this.#work(this.#now, moment)) this.#now.copyFrom(key)
    this.#run(moment)
  }

  /** Writes the bytes of each cell. */
  fill(bytes: Float64Array): void {
    const { edges, covers } = this.#now
    let whole = 0
    for (let cell = 0; cell < edges.length; cell++) {
      whole += covers[cell]!
      bytes[cell] = edges[cell]! + whole * this.#unit
    }
  }

  /** About how many pieces lie between a state and a moment. */
  #work(from: Sums, moment: number): number {
    const { starts, count } = this.table
    const reached = from.started < count ? starts[from.started]! : Infinity
    return Math.abs(Math.min(reached, 0xffffffff) - moment)
  }

  #run(moment: number): void {
    const { starts, ends, byEnd, count } = this.table
    const now = this.#now
    while (now.started < count && starts[now.started]! <= moment) this.#add(now.started++, 1)
    while (now.started > 0 && starts[now.started - 1]! > moment) this.#add(--now.started, -1)
    while (now.ended < byEnd.length && ends[byEnd[now.ended]!]! <= moment) this.#add(byEnd[now.ended++]!, -1)
    while (now.ended > 0 && ends[byEnd[now.ended - 1]!]! > moment) this.#add(byEnd[--now.ended]!, 1)
  }

  #add(piece: number, sign: number): void {
    const size = this.table.sizes[piece]!
    if (size === 0) return
    const unit = this.#unit
    const from = this.table.ats[piece]! - this.#low
    const to = from + size
    const first = Math.floor(from / unit)
    const last = Math.floor((to - 1) / unit)
    const { edges, covers } = this.#now
    this.#now.bytes += sign * size
    if (first === last) {
      edges[first]! += sign * size
      return
    }
    edges[first]! += sign * ((first + 1) * unit - from)
    edges[last]! += sign * (to - last * unit)
    covers[first + 1]! += sign
    covers[last]! -= sign
  }
}

/** Where the heap lies, and what a cell is. */
export interface Grid {
  readonly low: number
  readonly unit: number
  readonly columns: number
  readonly rows: number
}

/** The smallest unit 2^k or 3 * 2^(k-1) by which all that was ever held fits into so many cells. */
export function gridOf(held: PieceTable, columns: number, mostRows: number): Grid {
  let low = Infinity
  let high = 0
  for (let piece = 0; piece < held.count; piece++) {
    low = Math.min(low, held.ats[piece]!)
    high = Math.max(high, held.ats[piece]! + held.sizes[piece]!)
  }
  if (!(low < high)) return { low: 0, unit: 8, columns, rows: 1 }
  const cells = columns * mostRows
  let unit = 8
  while (unit * cells < high - low) unit = (unit & (unit - 1)) === 0 ? unit * 1.5 : (unit / 3) * 4
  return { low, unit, columns, rows: Math.ceil((high - low) / unit / columns) }
}

export class HeapState {
  readonly grid: Grid
  readonly blocks: Layer
  readonly held: Layer
  readonly busyBytes: Float64Array
  readonly heldBytes: Float64Array
  moment = 0

  constructor(columns: Columns, events: number, cellColumns: number, mostRows: number) {
    const held = new PieceTable(columns, 'held', events)
    const { low, unit, rows } = (this.grid = gridOf(held, cellColumns, mostRows))
    const cells = rows * cellColumns
    this.blocks = new Layer(new PieceTable(columns, 'blocks', events), low, unit, cells, events)
    this.held = new Layer(held, low, unit, cells, events)
    this.busyBytes = new Float64Array(cells)
    this.heldBytes = new Float64Array(cells)
  }

  seek(moment: number): void {
    this.moment = moment
    this.blocks.seek(moment)
    this.held.seek(moment)
    this.blocks.fill(this.busyBytes)
    this.held.fill(this.heldBytes)
  }

  /** The blocks that lie in a cell now, at most so many. */
  blocksIn(cell: number, most: number): number[] {
    const { low, unit } = this.grid
    const { starts, ends, ats, sizes, count } = this.blocks.table
    const from = low + cell * unit
    const found: number[] = []
    for (let piece = 0; piece < count && starts[piece]! <= this.moment; piece++) {
      if (ends[piece]! <= this.moment || ats[piece]! >= from + unit || ats[piece]! + sizes[piece]! <= from) continue
      if (found.push(piece) === most) break
    }
    return found.sort((a, b) => ats[a]! - ats[b]!)
  }
}
