/**
 * merge: several profiles of regions that have the same name and method, as one: a server opens one region a request, and
 * its report is to have one entry for all of them.
 *
 * Counts and live figures are added. What was live at the peak is that of the region whose peak was highest, since those
 * peaks were not at the same time. Sites are the same when their frames are.
 */
import type { Histogram, Profile, SiteTally, Tally } from '../contract/profile.ts'
import { frameText } from '../ground/stacks.ts'

/** One profile for each name, method and way of counting, in the order in which they come first. */
export function mergeProfiles(profiles: readonly Profile[]): Profile[] {
  const merged = new Map<string, Profile>()
  for (const profile of profiles) {
    const key = JSON.stringify([profile.region, profile.method, profile.interval])
    const before = merged.get(key)
    merged.set(key, before === undefined ? profile : joined(before, profile))
  }
  return [...merged.values()]
}

function joined(a: Profile, b: Profile): Profile {
  const isFirst = a.total.peakBytes >= b.total.peakBytes
  const sites = new Map(a.sites.map((site) => [keyOf(site), isFirst ? site : withoutPeak(site)]))
  for (const site of b.sites) {
    const other = isFirst ? withoutPeak(site) : site
    const before = sites.get(keyOf(site))
    sites.set(
      keyOf(site),
      before === undefined ? other : { ...site, ...sum(before, other), samples: before.samples + site.samples },
    )
  }
  return {
    ...a,
    since: Math.min(a.since, b.since),
    taken: Math.max(a.taken, b.taken),
    extent: Math.max(a.extent, b.extent),
    total: isFirst ? sum(a.total, withoutPeak(b.total)) : sum(withoutPeak(a.total), b.total),
    sites: [...sites.values()].sort((one, two) => two.allocBytes - one.allocBytes),
  }
}

const keyOf = (site: SiteTally): string => site.frames.map(frameText).join('\n')

const withoutPeak = <T extends Tally>(tally: T): T => ({ ...tally, peakBlocks: 0, peakBytes: 0 })

function sum(a: Tally, b: Tally): Tally {
  const frees = a.frees + b.frees
  return {
    allocs: a.allocs + b.allocs,
    frees,
    allocBytes: a.allocBytes + b.allocBytes,
    freeBytes: a.freeBytes + b.freeBytes,
    liveBlocks: a.liveBlocks + b.liveBlocks,
    liveBytes: a.liveBytes + b.liveBytes,
    peakBlocks: a.peakBlocks + b.peakBlocks,
    peakBytes: a.peakBytes + b.peakBytes,
    largest: Math.max(a.largest, b.largest),
    lifetime: frees > 0 ? (a.lifetime * a.frees + b.lifetime * b.frees) / frees : 0,
    sizes: added(a.sizes, b.sizes),
    lifetimes: added(a.lifetimes, b.lifetimes),
  }
}

const added = (a: Histogram, b: Histogram): Histogram =>
  Array.from({ length: Math.max(a.length, b.length) }, (_, i) => (a[i] ?? 0) + (b[i] ?? 0))
