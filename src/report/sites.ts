/**
 * sites: a trace with stacks as a profile: what each call site allocated, and what of it was live at the peak and at the
 * end.
 *
 * A block belongs to the site that allocated it. A resize counts the bytes that came or went there, and is no allocation
 * of its own.
 */
import type { Histogram, Profile, SiteTally, Tally } from '../contract/profile.ts'
import type { Frame } from '../ground/stacks.ts'
import { OP_CLEAR, OP_COMPACT, OP_FREE, OP_RESIZE, type Trace } from '../trace/trace.ts'
import { addTo } from './summary.ts'

/** Figures of a site under way. */
class Count {
  allocs = 0
  frees = 0
  allocBytes = 0
  freeBytes = 0
  peakBlocks = 0
  peakBytes = 0
  largest = 0
  lifeMs = 0
  readonly sizes: number[] = []
  readonly lifetimes: number[] = []
  readonly frames: readonly Frame[]

  constructor(frames: readonly Frame[]) {
    this.frames = frames
  }

  keepPeak(): void {
    this.peakBlocks = this.allocs - this.frees
    this.peakBytes = this.allocBytes - this.freeBytes
  }

  tally(): Tally {
    const { allocs, frees, allocBytes, freeBytes, peakBlocks, peakBytes, largest, lifeMs, sizes, lifetimes } = this
    const [liveBlocks, liveBytes] = [allocs - frees, allocBytes - freeBytes]
    const lifetime = frees > 0 ? lifeMs / frees : 0
    const ends = { allocs, frees, allocBytes, freeBytes, liveBlocks, liveBytes, peakBlocks, peakBytes }
    return { ...ends, largest, lifetime, sizes: sizes as Histogram, lifetimes }
  }
}

/** The profile of a trace, and the site of each event as its index in `profile.sites`; -1 where it allocates nothing. */
export interface SiteProfile {
  readonly profile: Profile
  readonly siteOf: Int32Array
}

export function hasStacks({ stacks, stackTable }: Trace): boolean {
  return stacks !== undefined && stackTable !== undefined && stacks.some((stack) => stack !== 0)
}

/** `method` and `extent` are those of the replay that stands beside it. */
export function profileOf(trace: Trace, method: string, extent: number): SiteProfile {
  const { events, ops, ids, sizes, times, stacks, stackTable = [] } = trace
  const total = new Count([])
  const counts: Count[] = []
  /** By number of a stack, which is not its site: stacks that say the same are one. */
  const sites = new Map<number, number>()
  const keys = new Map<string, number>()
  const siteOf = new Int32Array(events).fill(-1)
  const home = new Int32Array(trace.blocks).fill(-1)
  const born = new Int32Array(trace.blocks)
  const now = new Float64Array(trace.blocks)
  const living: number[] = []

  const siteAt = (event: number): number => {
    const stack = stacks?.[event] ?? 0
    let site = sites.get(stack)
    if (site === undefined) {
      const frames = stackTable[stack] ?? []
      const key = JSON.stringify(frames)
      site = keys.get(key)
      if (site === undefined) {
        keys.set(key, (site = counts.length))
        counts.push(new Count(frames))
      }
      sites.set(stack, site)
    }
    return site
  }
  const weigh = (id: number, size: number) => {
    const more = size - now[id]!
    for (const count of [total, counts[home[id]!]!]) {
      if (more > 0) count.allocBytes += more
      else count.freeBytes -= more
      if (size > count.largest) count.largest = size
    }
    now[id] = size
  }
  const die = (id: number, event: number) => {
    const ms = times === undefined ? 0 : times[event]! - times[born[id]!]!
    for (const count of [total, counts[home[id]!]!]) {
      count.frees++
      count.freeBytes += now[id]!
      count.lifeMs += ms
      if (times !== undefined) addTo(count.lifetimes, ms * 1000)
    }
    home[id] = -1
  }

  for (let event = 0; event < events; event++) {
    const op = ops[event]!
    const id = ids[event]!
    if (op === OP_FREE) {
      die(id, event)
    } else if (op === OP_CLEAR) {
      for (const id of living.splice(0)) if (home[id]! >= 0) die(id, event)
    } else if (op === OP_RESIZE) {
      siteOf[event] = home[id]!
      weigh(id, sizes[event]!)
    } else if (op !== OP_COMPACT) {
      const site = (siteOf[event] = home[id] = siteAt(event))
      living.push(id)
      born[id] = event
      now[id] = 0
      for (const count of [total, counts[site]!]) {
        count.allocs++
        addTo(count.sizes, sizes[event]!)
      }
      weigh(id, sizes[event]!)
    }
    if (event === trace.peakAt) for (const count of [total, ...counts]) count.keepPeak()
  }

  const order = counts.map((_, site) => site).sort((a, b) => counts[b]!.allocBytes - counts[a]!.allocBytes)
  const rank = new Int32Array(order.length)
  for (const [at, site] of order.entries()) rank[site] = at
  for (let event = 0; event < events; event++) if (siteOf[event]! >= 0) siteOf[event] = rank[siteOf[event]!]!
  const since = times?.[0] ?? 0
  return {
    siteOf,
    profile: {
      region: trace.name,
      method,
      mode: 'exact',
      interval: 0,
      since,
      taken: times?.[events - 1] ?? since,
      extent,
      total: total.tally(),
      sites: order.map((site): SiteTally => {
        const count = counts[site]!
        return { ...count.tally(), frames: count.frames, samples: count.allocs }
      }),
    },
  }
}
