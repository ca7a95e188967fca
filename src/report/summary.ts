/**
 * summary: what a trace says of the program that made it, in figures.
 *
 *   sizes       of allocations, as asked for; resizes are counted apart
 *   lifetimes   from the allocation of a block to its free, or to the clear that took it, in operations; in microseconds
 *               too where the trace has times. What is live at the end has no lifetime yet
 *   lifo        frees of the newest block then living: what a stack would serve
 *   last        what method last would do: it gives memory back only while nothing refused lies above, so one old block
 *               that outlives the rest holds all that was allocated before it
 *
 *               | a | b | c |   free b: refused, for c is newer     free c: given back     free a: refused, b is still there
 *
 *   histograms  element k counts values from 2^(k-1) to 2^k - 1; element 0 counts 0
 */
import { OP_ALIGN, OP_ALLOC, OP_CLEAR, OP_COMPACT, OP_FREE, OP_RESIZE, OP_ZEROED, type Trace } from '../trace/trace.ts'

/** Where the values lie. All are 0 when there are none. */
export interface Distribution {
  readonly count: number
  readonly mean: number
  readonly least: number
  readonly median: number
  readonly p90: number
  readonly p99: number
  readonly most: number
  readonly histogram: readonly number[]
}

export interface Calls {
  readonly allocs: number
  readonly zeroed: number
  readonly aligned: number
  readonly resizes: number
  readonly frees: number
  readonly clears: number
  readonly compacts: number
}

/** Allocations of exactly one size. */
export interface SizeCount {
  readonly size: number
  readonly allocs: number
  /** Of these, blocks that were never resized: what a pool could serve. */
  readonly fixed: number
  readonly peakBlocks: number
}

export interface RegionCount {
  readonly name: string
  readonly events: number
  readonly allocs: number
  readonly bytes: number
  readonly peakBytes: number
  readonly sizes: number
}

export interface Summary {
  readonly trace: string
  readonly events: number
  readonly calls: Calls
  /** Not events: calls that failed, frees left out, frees that no line tells of. */
  readonly failures: number
  readonly skipped: number
  readonly inferred: number
  /** Blocks that were ever there, and the bytes first asked for them. */
  readonly blocks: number
  readonly bytes: number
  readonly sizes: Distribution
  /** Bytes by the size of the allocation. */
  readonly sizeBytes: readonly number[]
  /** Different sizes, and the commonest of them. */
  readonly distinct: number
  readonly common: readonly SizeCount[]
  readonly lifetimes: Distribution
  /** In microseconds, where the trace has times. */
  readonly lives: Distribution | undefined
  readonly peak: {
    readonly bytes: number
    readonly blocks: number
    readonly event: number
    readonly ms: number | undefined
  }
  readonly mostBlocks: number
  readonly left: { readonly bytes: number; readonly blocks: number }
  readonly lifo: { readonly frees: number; readonly of: number }
  readonly last: { readonly served: number; readonly of: number; readonly bytes: number }
  readonly ms: number | undefined
  readonly regions: readonly RegionCount[]
}

/** Running values, one for each event: what lives after it. */
export interface Running {
  readonly bytes: Float64Array
  readonly blocks: Float64Array
}

const COMMONEST = 8

/** The bucket of a histogram that counts a value. */
export const bucketOf = (value: number) => (value < 1 ? 0 : Math.floor(Math.log2(value)) + 1)

export function addTo(histogram: number[], value: number, more = 1): void {
  const bucket = bucketOf(value)
  while (histogram.length <= bucket) histogram.push(0)
  histogram[bucket]! += more
}

/** The figures of a trace, and what lived after each of its events. */
export function summarize(trace: Trace): { summary: Summary; running: Running } {
  const { events, ops, ids, sizes, times } = trace
  const running = { bytes: new Float64Array(events), blocks: new Float64Array(events) }
  const resized = resizedBlocks(trace)
  const counts = new Float64Array(OP_COMPACT + 1)
  const asked: number[] = []
  const first = new Float64Array(trace.blocks)
  const now = new Float64Array(trace.blocks)
  const born = new Int32Array(trace.blocks).fill(-1)
  const lifetimes: number[] = []
  const lives: number[] = []
  const sizeBytes: number[] = []
  const tallies = new SizeTallies()
  const pile = new Pile(trace.blocks)
  const regions = new RegionTallies(trace)
  let [live, blocks, mostBlocks, peakBlocks, lifo] = [0, 0, 0, 0, 0]

  const die = (id: number, event: number) => {
    lifetimes.push(event - born[id]!)
    if (times !== undefined) lives.push((times[event]! - times[born[id]!]!) * 1000)
    tallies.free(first[id]!)
    regions.change(born[id]!, -now[id]!)
    live -= now[id]!
    blocks--
    born[id] = -1
  }

  for (let event = 0; event < events; event++) {
    const op = ops[event]!
    const id = ids[event]!
    const size = sizes[event]!
    counts[op]!++
    regions.event(event)
    switch (op) {
      case OP_ALLOC:
      case OP_ZEROED:
      case OP_ALIGN:
        asked.push(size)
        addTo(sizeBytes, size, size)
        tallies.alloc(size, resized[id] === 0)
        regions.alloc(event, size)
        first[id] = now[id] = size
        born[id] = event
        live += size
        blocks++
        pile.put(id, size)
        break
      case OP_RESIZE:
        regions.change(born[id]!, size - now[id]!)
        live += size - now[id]!
        now[id] = size
        pile.resize(id, size)
        break
      case OP_FREE:
        if (pile.newestOf(born) === id) lifo++
        die(id, event)
        pile.free(id)
        break
      case OP_CLEAR:
        for (const id of pile.takeAll()) if (born[id]! >= 0) die(id, event)
        break
    }
    running.bytes[event] = live
    running.blocks[event] = blocks
    if (event === trace.peakAt) peakBlocks = blocks
    if (blocks > mostBlocks) mostBlocks = blocks
  }

  const frees = counts[OP_FREE]!
  const distribution = distributionOf(asked)
  const summary: Summary = {
    trace: trace.name,
    events,
    calls: {
      allocs: counts[OP_ALLOC]!,
      zeroed: counts[OP_ZEROED]!,
      aligned: counts[OP_ALIGN]!,
      resizes: counts[OP_RESIZE]!,
      frees,
      clears: counts[OP_CLEAR]!,
      compacts: counts[OP_COMPACT]!,
    },
    failures: trace.failures,
    skipped: trace.skipped,
    inferred: trace.inferred,
    blocks: asked.length,
    bytes: distribution.mean * distribution.count,
    sizes: distribution,
    sizeBytes,
    distinct: tallies.distinct,
    common: tallies.commonest(COMMONEST),
    lifetimes: distributionOf(lifetimes),
    lives: times === undefined ? undefined : distributionOf(lives),
    peak: { bytes: trace.peakLive, blocks: peakBlocks, event: trace.peakAt, ms: times?.[trace.peakAt] },
    mostBlocks,
    left: { bytes: live, blocks },
    lifo: { frees: lifo, of: frees },
    last: { served: pile.served, of: frees, bytes: pile.most },
    ms: times === undefined || events === 0 ? undefined : times[events - 1]! - times[0]!,
    regions: regions.all(),
  }
  return { summary, running }
}

/** By id: 1 for blocks that are resized at some time. */
export function resizedBlocks({ events, ops, ids, blocks }: Trace): Uint8Array {
  const resized = new Uint8Array(blocks)
  for (let event = 0; event < events; event++) if (ops[event] === OP_RESIZE) resized[ids[event]!] = 1
  return resized
}

function distributionOf(values: readonly number[]): Distribution {
  const sorted = Float64Array.from(values).sort()
  const count = sorted.length
  const at = (part: number) => (count === 0 ? 0 : sorted[Math.min(count - 1, Math.floor(part * count))]!)
  const histogram: number[] = []
  let sum = 0
  for (const value of sorted) {
    sum += value
    addTo(histogram, value)
  }
  const mean = count === 0 ? 0 : sum / count
  return { count, mean, least: at(0), median: at(0.5), p90: at(0.9), p99: at(0.99), most: at(1), histogram }
}

/** Allocations by exact size. */
class SizeTallies {
  readonly #tallies = new Map<number, { allocs: number; fixed: number; blocks: number; peakBlocks: number }>()

  get distinct(): number {
    return this.#tallies.size
  }

  alloc(size: number, isFixed: boolean): void {
    let tally = this.#tallies.get(size)
    if (tally === undefined) this.#tallies.set(size, (tally = { allocs: 0, fixed: 0, blocks: 0, peakBlocks: 0 }))
    tally.allocs++
    if (isFixed) tally.fixed++
    if (++tally.blocks > tally.peakBlocks) tally.peakBlocks = tally.blocks
  }

  free(size: number): void {
    this.#tallies.get(size)!.blocks--
  }

  commonest(most: number): SizeCount[] {
    return [...this.#tallies]
      .map(([size, { allocs, fixed, peakBlocks }]) => ({ size, allocs, fixed, peakBlocks }))
      .sort((a, b) => b.allocs - a.allocs || a.size - b.size)
      .slice(0, most)
  }
}

/**
 * Blocks in the order of their allocation, seen in two ways: the living ones, of which the newest is asked; and those of
 * method last, where a block whose free was refused stays.
 */
class Pile {
  served = 0
  most = 0
  readonly #living: number[] = []
  /** What lies in memory under method last; what was allocated since the last clear, in `#since`. */
  readonly #lying: number[] = []
  readonly #since: number[] = []
  readonly #bytes: Float64Array
  #held = 0

  constructor(blocks: number) {
    this.#bytes = new Float64Array(blocks)
  }

  put(id: number, size: number): void {
    this.#living.push(id)
    this.#lying.push(id)
    this.#since.push(id)
    this.#hold(id, size)
  }

  /** In place where it is the newest; else last takes new memory for it, and the old stays. */
  resize(id: number, size: number): void {
    if (this.#lying.at(-1) === id) {
      this.#held -= this.#bytes[id]!
    } else if (size > this.#bytes[id]!) {
      this.#lying.push(id)
    } else {
      return
    }
    this.#hold(id, size)
  }

  /** The newest block that lives: blocks whose `born` is negative are gone. */
  newestOf(born: Int32Array): number {
    while (this.#living.length > 0 && born[this.#living.at(-1)!]! < 0) this.#living.pop()
    return this.#living.at(-1) ?? -1
  }

  free(id: number): void {
    if (this.#lying.at(-1) !== id) return
    this.#lying.pop()
    this.#held -= this.#bytes[id]!
    this.served++
  }

  /** All blocks since the last clear, which end here. */
  takeAll(): number[] {
    this.#living.length = 0
    this.#lying.length = 0
    this.#held = 0
    return this.#since.splice(0)
  }

  #hold(id: number, size: number): void {
    this.#bytes[id] = size
    this.#held += size
    if (this.#held > this.most) this.most = this.#held
  }
}

/** Figures by region, where the trace tells them apart. */
class RegionTallies {
  readonly #of: Uint16Array | undefined
  /** By index: the first index of the same name; options speak of names, so regions of one name are one here. */
  readonly #first: readonly number[]
  readonly #names: readonly string[]
  readonly #tallies: {
    events: number
    allocs: number
    bytes: number
    live: number
    peakBytes: number
    sizes: Set<number>
  }[]

  constructor({ regions, regionNames = [] }: Trace) {
    this.#of = regions
    this.#names = regionNames
    this.#first = regionNames.map((name) => regionNames.indexOf(name))
    const none = () => ({ events: 0, allocs: 0, bytes: 0, live: 0, peakBytes: 0, sizes: new Set<number>() })
    this.#tallies = regions === undefined ? [] : regionNames.map(none)
  }

  event(event: number): void {
    const tally = this.#at(event)
    if (tally !== undefined) tally.events++
  }

  alloc(event: number, size: number): void {
    const tally = this.#at(event)
    if (tally === undefined) return
    tally.allocs++
    tally.bytes += size
    tally.sizes.add(size)
    this.change(event, size)
  }

  /** Of the region of the event that allocated the block, so many bytes more are live. */
  change(born: number, more: number): void {
    const tally = this.#at(born)
    if (tally === undefined) return
    tally.live += more
    if (tally.live > tally.peakBytes) tally.peakBytes = tally.live
  }

  all(): RegionCount[] {
    return this.#tallies
      .map(({ events, allocs, bytes, peakBytes, sizes }, i) => {
        return { name: this.#names[i]!, events, allocs, bytes, peakBytes, sizes: sizes.size }
      })
      .filter(({ events }) => events > 0)
      .sort((a, b) => b.bytes - a.bytes)
  }

  #at(event: number) {
    return this.#of === undefined ? undefined : this.#tallies[this.#first[this.#of[event]!]!]
  }
}
