/**
 * book: what a profile counts, in one account for each call site of a region and in the region's own sums.
 *
 *   took     a block became busy      |  each with the site that allocated it, its size, and how many blocks it stands for:
 *   gave     it is busy no more       |  1 when every block is looked at, 1/p when it was looked at with probability p
 *
 * What was live at the peak costs nothing to keep. The book numbers its peaks; an account knows the number of the peak for
 * which it last wrote down what it had live, and before its live figures change for the first time after another peak it
 * writes them down anew. So an account whose number is old has not changed since the peak, and had live then what it has
 * live now.
 */
import type { Profiled } from '../../src/contract/method.ts'
import type { Histogram, SiteTally, Tally } from '../../src/contract/profile.ts'
import { type Frame, framesOf, isForeign, type Site } from '../../src/ground/stacks.ts'

/** What stands for the calls of other threads and of earlier runs, whose stacks only they can read. */
const ELSEWHERE: readonly Frame[] = [{ name: '(another thread or an earlier run)', file: '', line: 0, column: 0 }]
const FOREIGN = -1

const SIZES = 34 //       powers of two that a size may reach, and 0
const LIFETIMES = 54

const clock = typeof performance === 'undefined' ? undefined : performance
const origin = clock?.timeOrigin ?? 0

/** Milliseconds since 1970, as finely as the platform tells: the same clock in every thread, and in later runs. */
export function now(): number {
  return clock === undefined ? Date.now() : origin + clock.now()
}

/** The element of a histogram that counts a value. */
export function powerOf(value: number): number {
  if (!(value >= 1)) return 0
  return value < 2 ** 32 ? 32 - Math.clz32(value) : 1 + Math.floor(Math.log2(value))
}

interface Account {
  readonly site: Site
  allocs: number
  frees: number
  allocBytes: number
  freeBytes: number
  liveBlocks: number
  liveBytes: number
  peakBlocks: number
  peakBytes: number
  /** The peak for which that was written down. */
  peak: number
  largest: number
  /** Lives of freed blocks, added up. */
  life: number
  samples: number
  sizes: Float64Array
  lifetimes: Float64Array
}

function accountOf(site: Site, peak: number): Account {
  return {
    site,
    allocs: 0,
    frees: 0,
    allocBytes: 0,
    freeBytes: 0,
    liveBlocks: 0,
    liveBytes: 0,
    peakBlocks: 0,
    peakBytes: 0,
    peak,
    largest: 0,
    life: 0,
    samples: 0,
    sizes: new Float64Array(SIZES),
    lifetimes: new Float64Array(LIFETIMES),
  }
}

export class Book {
  private accounts = new Map<Site, Account>()
  private since = now()
  /** Bytes of all that was taken or found and not given back. */
  live = 0
  private busy = 0
  private peakBusy = 0
  /** The number of the peak. */
  private peak = 0

  /** `busy` is what is live in truth, where the figures here are estimates: the highest of many estimates would be too high. */
  took(site: Site, size: number, weight: number, busy: number): void {
    const account = this.found(site, size, weight)
    this.reached(busy)
    account.allocs += weight
    account.allocBytes += weight * size
    account.samples++
    if (size > account.largest) account.largest = size
    const power = powerOf(size)
    account.sizes[power] = account.sizes[power]! + weight
  }

  /** A block that was busy before counting began. */
  found(site: Site, size: number, weight: number): Account {
    const account = this.at(site)
    account.liveBlocks += weight
    account.liveBytes += weight * size
    this.live += weight * size
    return account
  }

  /** So many bytes are live in truth, all that was taken counted. */
  reached(busy: number): void {
    this.busy = busy
    if (busy <= this.peakBusy) return
    this.peakBusy = busy
    this.peak++
  }

  /** `life` in milliseconds. */
  gave(site: Site, size: number, weight: number, life: number): void {
    const account = this.at(site)
    account.frees += weight
    account.freeBytes += weight * size
    account.liveBlocks -= weight
    account.liveBytes -= weight * size
    this.live -= weight * size
    const lived = life > 0 ? life : 0 // clocks may be set back between runs
    account.life += weight * lived
    const power = Math.min(powerOf(lived * 1000), LIFETIMES - 1)
    account.lifetimes[power] = account.lifetimes[power]! + weight
  }

  /** All figures, rounded to whole blocks and bytes; with `fresh` counting begins anew, with what is live. */
  profiled(interval: number, fresh: boolean): Profiled {
    const accounts = [...this.accounts.values()]
    const sites = accounts.map((account) => this.tallied(account)).sort((a, b) => b.allocBytes - a.allocBytes)
    const life = accounts.reduce((sum, account) => sum + account.life, 0)
    const profiled: Profiled = {
      mode: interval === 0 ? 'exact' : 'sampled',
      interval,
      since: this.since,
      taken: now(),
      total: totalOf(sites, life),
      sites,
    }
    if (fresh) this.renew()
    return profiled
  }

  private renew(): void {
    this.since = now()
    this.peakBusy = this.busy
    this.peak++
    const before = this.accounts
    this.accounts = new Map()
    for (const { site, liveBlocks, liveBytes } of before.values()) {
      if (liveBlocks === 0) continue
      this.accounts.set(site, { ...accountOf(site, this.peak - 1), liveBlocks, liveBytes })
    }
  }

  /** The account of a site, whose live figures may now change. */
  private at(site: Site): Account {
    const key = isForeign(site) ? FOREIGN : site
    let account = this.accounts.get(key)
    if (account === undefined) this.accounts.set(key, (account = accountOf(key, this.peak)))
    else if (account.peak !== this.peak) {
      account.peakBlocks = account.liveBlocks
      account.peakBytes = account.liveBytes
      account.peak = this.peak
    }
    return account
  }

  private tallied(account: Account): SiteTally {
    const { site, largest, frees } = account
    const isOld = account.peak !== this.peak
    return {
      frames: site === FOREIGN ? ELSEWHERE : (framesOf(site) ?? []),
      samples: account.samples,
      allocs: whole(account.allocs),
      frees: whole(frees),
      allocBytes: whole(account.allocBytes),
      freeBytes: whole(account.freeBytes),
      liveBlocks: whole(account.liveBlocks),
      liveBytes: whole(account.liveBytes),
      peakBlocks: whole(isOld ? account.liveBlocks : account.peakBlocks),
      peakBytes: whole(isOld ? account.liveBytes : account.peakBytes),
      largest,
      lifetime: frees > 0 ? account.life / frees : 0,
      sizes: trimmed(account.sizes),
      lifetimes: trimmed(account.lifetimes),
    }
  }
}

/** Rounded; estimates that fall back to 0 may end a little below, and are no -0. */
function whole(count: number): number {
  return Math.round(count) + 0
}

/** Whole counts, up to the last that is not 0. */
function trimmed(counts: Float64Array): Histogram {
  return counts
    .slice(0, counts.findLastIndex((count) => Math.round(count) !== 0) + 1)
    .reduce<number[]>((all, count) => {
      all.push(Math.round(count))
      return all
    }, [])
}

function totalOf(sites: readonly SiteTally[], life: number): Tally {
  const sum = (field: keyof Tally & keyof SiteTally) => sites.reduce((all, site) => all + (site[field] as number), 0)
  const frees = sum('frees')
  return {
    allocs: sum('allocs'),
    frees,
    allocBytes: sum('allocBytes'),
    freeBytes: sum('freeBytes'),
    liveBlocks: sum('liveBlocks'),
    liveBytes: sum('liveBytes'),
    peakBlocks: sum('peakBlocks'),
    peakBytes: sum('peakBytes'),
    largest: sites.reduce((most, { largest }) => Math.max(most, largest), 0),
    lifetime: frees > 0 ? life / frees : 0,
    sizes: added(sites.map(({ sizes }) => sizes)),
    lifetimes: added(sites.map(({ lifetimes }) => lifetimes)),
  }
}

function added(histograms: readonly Histogram[]): Histogram {
  const all: number[] = []
  for (const histogram of histograms) for (const [i, count] of histogram.entries()) all[i] = (all[i] ?? 0) + count
  return all
}
