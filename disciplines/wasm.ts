/**
 * wasm: the memory of a WebAssembly program, as raw memory for a region that serves the program's own `malloc`.
 *
 * Two kinds of program, two sources.
 *
 * A program that imports `malloc` leaves its heap to whoever serves it. From `base` on (the linker's `__heap_base`, or
 * the end of memory as it is now) all is ours, and memory.grow makes more. The program may grow its memory too, and
 * keeps what it gets, so what is ours need not be in one piece:
 *
 *   0            base                grown by us    by the program   grown by us
 *   | data stack | piece | piece ... : ............ | ///////////// | piece ..... |
 *                  run [from, end)                                    run
 *
 *   L1  runs are what was behind `base` in the beginning and what we grew; nobody else was ever given a byte of them
 *   L2  what a run has beside the region's segments is free: pieces are what the region records, and nothing of them is
 *       kept here, so bytes that the program puts back to what they were take the pieces along
 *
 * memory.grow says where the new pages begin, so two threads that grow a shared memory at once get different ones. Memory
 * never shrinks: what is given back can be had again, a piece keeps its length. A discipline that is made over a region
 * that is there already (`attach`) cannot know what else was ours, so it begins with the region's segments alone.
 *
 * A program that has `malloc` and `free` of its own serves raw memory by them, in chunks: new is malloc, giving back is
 * free, and a chunk keeps its length. Memory is then never grown from here: the program, and the JavaScript around it,
 * find out about growth by growing themselves. Any number of regions may ask.
 *
 *   new O(segments), growing the memory when no run has room; grow O(segments) in place; chunks cost what malloc costs
 */
import { LIMIT } from '../src/contract/addr.ts'
import type { Discipline, DisciplineDef } from '../src/contract/discipline.ts'
import type { Region } from '../src/contract/region.ts'
import type { SegmentView } from '../src/contract/stat.ts'
import { isWhole, roundUp } from '../src/ground/bits.ts'
import { VmallocError } from '../src/ground/fault.ts'

const PAGE = 65536
const GRANULE = 8
const CHUNK = 64 * 1024

/** What raw memory is drawn on. */
export interface WasmSource {
  readonly memory: WebAssembly.Memory
  /** First byte that is ours: `__heap_base` of the module; the end of the memory as it is now when absent. */
  readonly base?: number
  /** The program's own functions, where it has them: addresses may come signed, 0 is no memory. Both or none. */
  readonly malloc?: (bytes: number) => number
  readonly free?: (at: number) => void
  /** Raw memory is asked for in multiples of so many bytes, a multiple of 8: 64 KiB from `malloc` when absent, else 8. */
  readonly round?: number
}

/**
 * A discipline over the memory of a WebAssembly program. With `malloc` and `free` it serves any number of regions, without
 * them one at a time. Throws VmallocError `argument`.
 */
export function wasm(source: WasmSource): Discipline {
  mustBeSource(source)
  const { memory, base = memory.buffer.byteLength, malloc, free } = source
  if (malloc !== undefined && free !== undefined) return new Chunks(memory, malloc, free, source.round ?? CHUNK)
  return new Heap(memory, base, source.round ?? GRANULE)
}

/** Bytes [from, end) of the memory that are ours. */
interface Run {
  readonly from: number
  end: number
}

/** What lies behind the program's data, and what is grown. */
class Heap implements Discipline {
  readonly name = 'wasm'
  readonly heads = true
  readonly round: number
  private readonly linear: WebAssembly.Memory
  /** In order of address. */
  private runs: Run[]
  private client: Region | undefined = undefined

  constructor(memory: WebAssembly.Memory, base: number, round: number) {
    const from = Math.max(roundUp(base, GRANULE), GRANULE)
    const end = memory.buffer.byteLength
    this.linear = memory
    this.round = round
    this.runs = from < end ? [{ from, end }] : []
  }

  buffer(): ArrayBufferLike {
    return this.linear.buffer
  }

  share(): WebAssembly.Memory {
    return this.linear
  }

  memory(region: Region, at: number, had: number, want: number): number {
    const { client } = this
    if (client !== undefined && client !== region && !client.closed) return 0
    const held = region.segments().sort((a, b) => a.at - b.at)
    if (client === undefined && held.length > 0)
      this.runs = held.map((piece) => ({ from: piece.at, end: endOf(piece) }))
    this.client = region
    if (want === 0) return at
    if (want < had) return 0
    return had === 0 ? this.place(held, want) : this.extend(held, at, had, want)
  }

  /** A new piece: the first room that is large enough, or behind all runs. */
  private place(held: readonly SegmentView[], want: number): number {
    const at = this.room(held, want)
    if (at !== 0) return at
    const last = this.lastRun()
    const from = last === undefined ? this.end : behind(held, last)
    return this.reach(from + want) ? this.room(held, want) : 0
  }

  /** The piece at `at` in place: into what is free behind it, and into new pages where that ends with the memory. */
  private extend(held: readonly SegmentView[], at: number, had: number, want: number): number {
    const run = this.runs.find(({ from, end }) => at >= from && at + had <= end)
    if (run === undefined) return 0
    const next = held.find((piece) => piece.at > at)
    const isLast = next === undefined || next.at >= run.end
    if (at + want <= (isLast ? run.end : next.at)) return at
    return isLast && run === this.lastRun() && this.reach(at + want) && at + want <= run.end ? at : 0
  }

  /** Where a run has `want` bytes between the pieces; 0 where none has. */
  private room(held: readonly SegmentView[], want: number): number {
    for (const { from, end } of this.runs) {
      let free = from
      for (const piece of held) {
        if (piece.at < from || piece.at >= end) continue
        if (piece.at - free >= want) return free
        free = endOf(piece)
      }
      if (end - free >= want) return free
    }
    return 0
  }

  /** The run that ends with the memory, and so becomes longer when it grows. */
  private lastRun(): Run | undefined {
    const last = this.runs.at(-1)
    return last?.end === this.end ? last : undefined
  }

  private get end(): number {
    return this.linear.buffer.byteLength
  }

  /** Grows the memory by the pages that it lacks to end at `to`, as a run; false when it may not. */
  private reach(to: number): boolean {
    const pages = Math.max(1, Math.ceil((to - this.end) / PAGE))
    const from = grown(this.linear, pages)
    if (from < 0) return false
    const last = this.runs.at(-1)
    if (last?.end === from) last.end += pages * PAGE
    else this.runs.push({ from: Math.max(from, GRANULE), end: from + pages * PAGE })
    return true
  }
}

/** The program's own malloc. */
class Chunks implements Discipline {
  readonly name = 'wasm'
  readonly heads = true
  readonly round: number
  private readonly linear: WebAssembly.Memory
  private readonly malloc: (bytes: number) => number
  private readonly free: (at: number) => void

  constructor(
    memory: WebAssembly.Memory,
    malloc: (bytes: number) => number,
    free: (at: number) => void,
    round: number,
  ) {
    this.linear = memory
    this.malloc = malloc
    this.free = free
    this.round = round
  }

  buffer(): ArrayBufferLike {
    return this.linear.buffer
  }

  share(): WebAssembly.Memory {
    return this.linear
  }

  memory(_region: Region, at: number, had: number, want: number): number {
    if (had === 0) return want <= LIMIT ? this.malloc(want) >>> 0 : 0
    if (want !== 0) return 0
    this.free(at)
    return at
  }
}

const endOf = ({ at, size }: SegmentView) => at + size

/** Where the last piece of a run ends. */
function behind(held: readonly SegmentView[], { from, end }: Run): number {
  return held.reduce((most, piece) => (piece.at >= from && piece.at < end ? Math.max(most, endOf(piece)) : most), from)
}

/** Where new pages begin; -1 when there are none to be had. */
function grown(memory: WebAssembly.Memory, pages: number): number {
  try {
    return memory.grow(pages) * PAGE
  } catch (error) {
    if (error instanceof RangeError) return -1
    throw error
  }
}

// what came, and what was expected

function mustBeSource({ memory, base, malloc, free, round }: WasmSource): void {
  if (!(memory instanceof WebAssembly.Memory)) fault(`memory ${textOf(memory)}, expected a WebAssembly.Memory`)
  const length = memory.buffer.byteLength
  if (base !== undefined && !isWhole(base, length)) {
    fault(`base ${textOf(base)}, expected a whole number up to the length of the memory, ${length}`)
  }
  for (const [name, given] of Object.entries({ malloc, free })) {
    if (given !== undefined && typeof given !== 'function') fault(`${name} ${textOf(given)}, expected a function`)
  }
  if ((malloc === undefined) !== (free === undefined)) {
    fault(`${malloc === undefined ? 'free without malloc' : 'malloc without free'}, expected both or none`)
  }
  if (malloc !== undefined && base !== undefined) fault('base and malloc, expected one of them')
  if (round !== undefined && (!isWhole(round, LIMIT) || round === 0 || round % GRANULE !== 0)) {
    fault(`round ${textOf(round)}, expected a multiple of ${GRANULE}`)
  }
}

function fault(sentence: string): never {
  throw new VmallocError('argument', `discipline wasm: ${sentence}`)
}

function textOf(value: unknown): string {
  return typeof value === 'object' && value !== null ? (value.constructor?.name ?? 'an object') : String(value)
}

/** The memory that an instance exports, by the name `memory` or as its only one, from `__heap_base` on where it says that. */
function ofInstance({ exports }: WebAssembly.Instance): WasmSource {
  const memories = Object.values(exports).filter((one) => one instanceof WebAssembly.Memory)
  const memory = exports.memory instanceof WebAssembly.Memory ? exports.memory : memories[0]
  if (memory === undefined || (memories.length > 1 && memory !== exports.memory)) {
    fault(
      `an instance that exports ${memories.length} memories, expected one, or one named memory; or wasm({ memory })`,
    )
  }
  const { __heap_base: base } = exports
  if (!(base instanceof WebAssembly.Global)) return { memory }
  const { value } = base
  if (typeof value !== 'number')
    fault(`__heap_base ${String(value)}, expected an i32: memory with 64 bits is not served`)
  return { memory, base: value >>> 0 }
}

export const definition: DisciplineDef = {
  name: 'wasm',
  about: 'the memory of a WebAssembly program: behind its data, or by its own malloc',
  create: () => fault('a name says nothing of a program, expected a WebAssembly.Instance, or wasm({ memory })'),
  over: (given) => (given instanceof WebAssembly.Instance ? wasm(ofInstance(given)) : undefined),
}
