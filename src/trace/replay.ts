/**
 * replay: a trace over a region, and what that costs.
 *
 *   replay       one pass, nothing but the calls
 *   measure      time, space and failures of a method under a trace:
 *
 *                open | warm up | free | pass | free | pass | free | ... | close
 *                       meter on         timed         timed
 *
 *                one warm-up pass and several timed ones over one heap; what a pass leaves live is freed between them
 *   sampleLive   bytes live over time, for a picture
 *
 *   nsPerOp      median of the timed passes, divided by the events
 *   extent       the largest number of bytes held from the discipline. It is exact, whatever shrinks in between: in the
 *                warm-up pass a meter stands between the region and its discipline
 *   failed       calls of one pass that were not served: allocations and resizes that answered 0, and frees that were
 *                refused by a method that claims to free any block. A block that was never had is neither resized nor
 *                freed; one that could not be resized lives on as it was
 *   utilization  peakLive / extent: how much of what was held could have been needed
 */
import type { Region } from '../contract/region.ts'
import { parseMethod, registry } from '../region/registry.ts'
import { replayChecked } from './checked.ts'
import { tap } from './tap.ts'
import { OP_ALIGN, OP_ALLOC, OP_CLEAR, OP_COMPACT, OP_FREE, OP_RESIZE, OP_ZEROED, type Trace } from './trace.ts'

/** What a pass did. */
export interface Pass {
  /** By id: where the block lies or lay last; 0 where it was never had. */
  readonly addresses: Uint32Array
  /** Allocations and resizes that answered 0. */
  readonly failed: number
  /** Frees that answered false. */
  readonly refused: number
}

export interface PassOptions {
  /** Used for the addresses, so that passes need not allocate: an element for each block of the trace. */
  addresses?: Uint32Array
  /** The first event that is not replayed any more. */
  until?: number
}

export interface MeasureOptions {
  /** Timed passes; at least five when absent, more for a short trace, so that most of them run compiled code. */
  passes?: number
  /** The warm-up pass verifies every byte: see checked.ts. */
  check?: boolean
  /** Hears how many passes are done, of how many. */
  progress?: (done: number, of: number) => void
}

export interface Measurement {
  readonly trace: string
  readonly method: string
  readonly discipline: string
  readonly events: number
  readonly failed: number
  readonly nsPerOp: number
  readonly peakLive: number
  readonly extent: number
  readonly utilization: number
}

const REALLOC = { move: true, copy: true }

/** Makes the calls of a trace. */
export function replay(trace: Trace, region: Region, options: PassOptions = {}): Pass {
  const { addresses = new Uint32Array(trace.blocks), until = trace.events } = options
  const { ops, ids, sizes, aligns } = trace
  let failed = 0
  let refused = 0
  for (let event = 0; event < until; event++) {
    const id = ids[event]!
    switch (ops[event]) {
      case OP_ALLOC:
        if ((addresses[id] = region.alloc(sizes[event]!)) === 0) failed++
        break
      case OP_ZEROED:
        if ((addresses[id] = region.allocZeroed(sizes[event]!)) === 0) failed++
        break
      case OP_ALIGN:
        if ((addresses[id] = region.align(sizes[event]!, aligns[event]!)) === 0) failed++
        break
      case OP_RESIZE: {
        const old = addresses[id]!
        if (old === 0) break
        const at = region.resize(old, sizes[event]!, REALLOC)
        if (at === 0) failed++
        else addresses[id] = at
        break
      }
      case OP_FREE: {
        const at = addresses[id]!
        if (at !== 0 && !region.free(at)) refused++
        break
      }
      case OP_CLEAR:
        region.clear()
        break
      case OP_COMPACT:
        region.compact()
        break
    }
  }
  return { addresses, failed, refused }
}

/** Frees what a whole pass left live. */
export function freeLeft(trace: Trace, region: Region, { addresses }: Pass): void {
  for (const id of trace.left) {
    const at = addresses[id]!
    if (at !== 0) region.free(at)
  }
}

/** Measures a method: `openRegion` opens a fresh region, which is closed at the end. */
export function measure(trace: Trace, openRegion: () => Region, options: MeasureOptions = {}): Measurement {
  const { passes = passesFor(trace), check = false, progress } = options
  const region = openRegion()
  try {
    const { method, discipline } = region
    const freesAny = freesOf(method) === 'any'
    const tidy = (pass: Pass) => {
      if (freesAny) freeLeft(trace, region, pass)
      else region.clear()
    }

    const meter = new Meter(region)
    const warm = check ? replayChecked(trace, region) : replay(trace, region)
    const extent = Math.max(meter.stop(), region.stat().extent)
    tidy(warm)
    progress?.(1, passes + 1)

    const times: number[] = []
    for (let done = 0; done < passes; done++) {
      const start = performance.now()
      const pass = replay(trace, region, warm)
      times.push(performance.now() - start)
      tidy(pass)
      progress?.(done + 2, passes + 1)
    }
    return {
      trace: trace.name,
      method,
      discipline: discipline.name,
      events: trace.events,
      failed: warm.failed + (freesAny ? warm.refused : 0),
      nsPerOp: trace.events > 0 ? (median(times) * 1e6) / trace.events : 0,
      peakLive: trace.peakLive,
      extent,
      utilization: extent > 0 ? trace.peakLive / extent : 0,
    }
  } finally {
    region.close()
  }
}

const PASSES = { least: 5, most: 40, events: 2e6 }

/** How many passes are timed when nobody says. */
export function passesFor(trace: Trace): number {
  return Math.max(PASSES.least, Math.min(PASSES.most, Math.ceil(PASSES.events / (trace.events + 1))))
}

/** Bytes asked for that were live: for each of `n` equal parts of a trace the largest sum. */
export function sampleLive(trace: Trace, n: number): Float64Array {
  const samples = new Float64Array(n)
  const asked = new Float64Array(trace.blocks)
  let live = 0
  for (let event = 0; event < trace.events; event++) {
    const op = trace.ops[event]!
    const id = trace.ids[event]!
    if (op === OP_CLEAR) {
      live = 0
    } else if (op !== OP_COMPACT) {
      const size = trace.sizes[event]!
      live += op === OP_RESIZE || op === OP_FREE ? size - asked[id]! : size
      asked[id] = size
    }
    const part = Math.floor((event * n) / trace.events)
    if (live > samples[part]!) samples[part] = live
  }
  return samples
}

/** Which blocks a method can free; of a method made of methods, the innermost decides. */
function freesOf(method: string): string {
  const innermost = parseMethod(method).at(-1)!
  return registry.methods.get(innermost)?.frees ?? 'any'
}

function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** Stands between a region and its discipline, unless that one does not let it, and knows the most that was held. */
class Meter {
  readonly #end: () => void
  #held: number
  #most: number

  constructor(region: Region) {
    this.#held = this.#most = region.extent
    this.#end = tap(region, (_at, had, want) => {
      this.#held += want - had
      this.#most = Math.max(this.#most, this.#held)
    })
  }

  stop(): number {
    this.#end()
    return this.#most
  }
}
