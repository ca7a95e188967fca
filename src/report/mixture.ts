/**
 * mixture: a trace over two regions at once: a pool for the blocks of one size that are never resized, best for the rest.
 *
 *   rest   method best over memory      everything else
 *   pool   method pool over memory      the blocks of `size` bytes
 *
 * The extent is what both hold together at most. A compact is asked of the rest only. Which block goes where is looked up before, by id, as a program knows it from the place of the call.
 */
import type { Region } from '../contract/region.ts'
import { open } from '../region/open.ts'
import type { Measurement } from '../trace/replay.ts'
import { OP_ALIGN, OP_ALLOC, OP_CLEAR, OP_COMPACT, OP_FREE, OP_RESIZE, OP_ZEROED, type Trace } from '../trace/trace.ts'
import { resizedBlocks } from './summary.ts'

interface Pair {
  readonly rest: Region
  readonly pool: Region
}

const REALLOC = { move: true, copy: true }

export function measureMixture(trace: Trace, size: number, passes: number): Measurement {
  const isPooled = pooledBlocks(trace, size)
  const rest = open({ method: 'best', discipline: 'memory' })
  const pair: Pair = { rest, pool: open({ method: 'pool', discipline: 'memory', element: size }) }
  try {
    const addresses = new Uint32Array(trace.blocks)
    let extent = 0
    const look = () => {
      extent = Math.max(extent, heldBy(rest) + heldBy(pair.pool))
    }
    const failed = pass(trace, pair, isPooled, addresses, look)
    look()
    freeLeft(trace, pair, isPooled, addresses)
    const times: number[] = []
    for (let done = 0; done < passes; done++) {
      const start = performance.now()
      pass(trace, pair, isPooled, addresses, () => {})
      times.push(performance.now() - start)
      freeLeft(trace, pair, isPooled, addresses)
    }
    const median = times.sort((a, b) => a - b)[passes >> 1]!
    return {
      trace: trace.name,
      method: 'best+pool',
      discipline: rest.discipline.name,
      events: trace.events,
      failed,
      nsPerOp: trace.events > 0 ? (median * 1e6) / trace.events : 0,
      peakLive: trace.peakLive,
      extent,
      utilization: extent > 0 ? trace.peakLive / extent : 0,
    }
  } finally {
    pair.pool.close()
    rest.close()
  }
}

/** By id: 1 for a block of that size which is neither resized nor aligned. */
function pooledBlocks(trace: Trace, size: number): Uint8Array {
  const { events, ops, ids, sizes } = trace
  const resized = resizedBlocks(trace)
  const isPooled = new Uint8Array(trace.blocks)
  for (let event = 0; event < events; event++) {
    const id = ids[event]!
    const isPlain = ops[event] === OP_ALLOC || ops[event] === OP_ZEROED
    if (isPlain && sizes[event] === size && resized[id] === 0) isPooled[id] = 1
  }
  return isPooled
}

const heldBy = (region: Region) => region.segments().reduce((sum, { size }) => sum + size, 0)

/** Makes the calls of a trace; returns how many were not served. `look` hears when memory may go back. */
function pass(
  trace: Trace,
  { rest, pool }: Pair,
  isPooled: Uint8Array,
  addresses: Uint32Array,
  look: () => void,
): number {
  const { events, ops, ids, sizes, aligns } = trace
  let failed = 0
  for (let event = 0; event < events; event++) {
    const id = ids[event]!
    switch (ops[event]) {
      case OP_ALLOC:
        if ((addresses[id] = isPooled[id] === 1 ? pool.alloc(sizes[event]!) : rest.alloc(sizes[event]!)) === 0) failed++
        break
      case OP_ZEROED: {
        const size = sizes[event]!
        if ((addresses[id] = isPooled[id] === 1 ? pool.allocZeroed(size) : rest.allocZeroed(size)) === 0) failed++
        break
      }
      case OP_ALIGN:
        if ((addresses[id] = rest.align(sizes[event]!, aligns[event]!)) === 0) failed++
        break
      case OP_RESIZE: {
        const old = addresses[id]!
        if (old === 0) break
        const at = rest.resize(old, sizes[event]!, REALLOC)
        if (at === 0) failed++
        else addresses[id] = at
        break
      }
      case OP_FREE: {
        const at = addresses[id]!
        if (at !== 0 && !(isPooled[id] === 1 ? pool.free(at) : rest.free(at))) failed++
        break
      }
      case OP_CLEAR:
        look()
        rest.clear()
        pool.clear()
        break
      case OP_COMPACT:
        look()
        rest.compact()
        break
    }
  }
  return failed
}

function freeLeft(trace: Trace, { rest, pool }: Pair, isPooled: Uint8Array, addresses: Uint32Array): void {
  for (const id of trace.left) {
    const at = addresses[id]!
    if (at !== 0) isPooled[id] === 1 ? pool.free(at) : rest.free(at)
  }
}
