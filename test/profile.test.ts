/**
 * profile: counts are exact, or right in the mean; every block is counted once, by the stack that allocated it.
 */
import { readFileSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import { expect } from 'chai'
import { powerOf } from '../methods/profile/book.ts'
import type { Profile, SiteTally } from '../src/contract/profile.ts'
import { attach, injectOptions, type OpenOptions, open, type Region } from '../src/index.ts'
import { Rng, seedFrom } from './conformance/index.ts'
import { grounds } from './fixtures/grounds.ts'

const seed = seedFrom(process.env.SEED)
const source = readFileSync(import.meta.filename, 'utf8').split('\n')
/** The line of this file that ends so. */
const lineOf = (comment: string) => source.findIndex((line) => line.endsWith(`// ${comment}`)) + 1

const profileOf = (region: Region): Profile => region.profile()!
const siteAt = (profile: Profile, line: number): SiteTally =>
  profile.sites.find(({ frames }) => frames[0]?.file === import.meta.filename && frames[0].line === line)!
const sumOf = (counts: readonly number[]) => counts.reduce((sum, count) => sum + count, 0)

/** A region under profile, and what must have been counted of it. */
class Counted {
  readonly region: Region
  readonly live: { at: number; size: number }[] = []
  allocs = 0
  frees = 0
  allocBytes = 0
  freeBytes = 0
  largest = 0
  readonly #rng: Rng
  readonly #inner: string

  constructor(inner: string, options: OpenOptions, rng: Rng) {
    this.region = open({ sample: 0, ...options, method: `profile(${inner})`, name: 'counted' })
    this.#inner = inner
    this.#rng = rng
  }

  step(): void {
    const rng = this.#rng
    const { region, live } = this
    const size = this.#inner === 'pool' ? 40 : rng.size(800)
    const draw = rng.below(20)
    if (draw === 0) for (const wrong of [NaN, -1, 0.5, 2 ** 33]) expect(region.alloc(wrong)).equals(0)
    else if (draw === 1) expect(region.free((live[0]?.at ?? 8) + 4)).equals(false)
    else if (draw < 9) this.#took(draw === 2 ? region.align(size, 32) : region.alloc(size), size)
    else if (draw < 12 && live.length > 0) this.#resize(this.#index(), size, draw === 9)
    else if (live.length > 0) this.#free(this.#index())
    if (rng.chance(1 / 400)) this.#clear()
    if (rng.chance(1 / 100)) region.compact()
  }

  verify(): void {
    const { total, sites, mode } = profileOf(this.region)
    const { busyBlocks, busyBytes, highTide } = this.region.stat()
    const { allocs, frees, allocBytes, freeBytes, largest } = this
    expect(mode).equals('exact')
    expect({ ...total, sizes: 0, lifetimes: 0, lifetime: 0 }).deep.equals({
      ...{ allocs, frees, allocBytes, freeBytes, largest, sizes: 0, lifetimes: 0, lifetime: 0 },
      ...{ liveBlocks: busyBlocks, liveBytes: busyBytes, peakBytes: highTide, peakBlocks: total.peakBlocks },
    })
    expect(busyBlocks).equals(this.live.length)
    expect(sumOf(total.sizes)).equals(allocs)
    expect(sumOf(total.lifetimes)).equals(frees)
    for (const field of ['allocs', 'liveBytes', 'peakBytes', 'peakBlocks'] as const)
      expect(sumOf(sites.map((site) => site[field])), field).equals(total[field])
    this.region.check()
  }

  #index(): number {
    const { length } = this.live
    return this.#inner === 'last' && this.#rng.chance(3 / 4) ? length - 1 : this.#rng.below(length)
  }

  #took(at: number, asked: number): void {
    if (at === 0) return
    const size = this.#inner === 'pool' ? 40 : Math.max(asked, 1)
    expect(this.region.sizeOf(at)).equals(size)
    this.live.push({ at, size })
    this.allocs++
    this.allocBytes += size
    this.largest = Math.max(this.largest, size)
  }

  #gave(i: number): void {
    this.frees++
    this.freeBytes += this.live[i]!.size
    this.live.splice(i, 1)
  }

  #free(i: number): void {
    if (this.region.free(this.live[i]!.at)) this.#gave(i)
    else expect(this.#inner).equals('last')
  }

  /** In place or elsewhere, one free and one allocation. */
  #resize(i: number, size: number, stays: boolean): void {
    const { at } = this.live[i]!
    const to = this.region.resize(at, size, stays ? {} : { copy: true })
    if (to === 0) return
    const newest = i === this.live.length - 1
    this.#gave(i)
    this.#took(to, size)
    if (to === at && !newest) this.live.splice(i, 0, this.live.pop()!)
  }

  #clear(): void {
    this.region.clear()
    while (this.live.length > 0) this.#gave(this.live.length - 1)
  }
}

describe(`profile, SEED=${seed}`, () => {
  before(() => injectOptions('profile=/dev/null,format=none'))
  after(() => injectOptions(undefined))

  for (const inner of ['best', 'last', 'pool'])
    for (const [name, ground] of Object.entries(grounds))
      it(`counts all of ${inner} over ${name}, exactly`, () => {
        const counted = new Counted(inner, { discipline: ground() }, new Rng(seed))
        for (let step = 1; step <= 1500; step++) {
          counted.step()
          if (step % 100 === 0) counted.verify()
        }
        counted.verify()
        expect(counted.region.close()).equals(true)
      })

  it('counts under another wrapper, and over one', () => {
    for (const method of ['debug(profile(best))', 'profile(debug(best))']) {
      const region = open({ method, sample: 0, discipline: 'memory' })
      const blocks = [10, 20, 30].map((size) => region.alloc(size))
      region.free(blocks[1]!)
      const { busyBlocks, busyBytes } = region.stat()
      expect([busyBlocks, busyBytes], method).deep.equals([2, 40])
      expect(region.profile()?.total.allocs, method).equals(3)
      region.check()
      region.clear()
      region.close()
    }
  })

  it('tells sites apart, with the lines of the sources', () => {
    const region = open({ method: 'profile', sample: 0, discipline: 'memory' })
    const small = () => region.alloc(24) // SMALL
    const large = () => region.alloc(3000) // LARGE
    for (let i = 0; i < 10; i++) small()
    const kept = large()
    region.resize(kept, 5000, { copy: true }) // RESIZED
    const profile = profileOf(region)
    const [one, two, three] = ['SMALL', 'LARGE', 'RESIZED'].map((comment) => siteAt(profile, lineOf(comment)))
    expect([one?.allocs, one?.liveBytes, one?.frames[0]?.name]).deep.equals([10, 240, 'small'])
    expect([two?.allocs, two?.frees, two?.largest]).deep.equals([1, 1, 3000])
    expect([three?.allocs, three?.liveBytes]).deep.equals([1, 5000])
    expect(profile.sites.map(({ allocBytes }) => allocBytes)).deep.equals([5000, 3000, 240])
    region.close()
  })

  it('records as many calls as `depth` says', () => {
    for (const depth of [0, 1, 3]) {
      const region = open({ method: 'profile', sample: 0, depth, discipline: 'memory' })
      region.alloc(8)
      expect(profileOf(region).sites[0]!.frames).lengthOf(depth)
      region.close()
    }
  })

  it('knows what was live at the peak, and begins anew when asked', () => {
    const region = open({ method: 'profile', sample: 0, discipline: 'memory' })
    const first = [1, 2, 3].map(() => region.alloc(100)) // FIRST
    const other = [1, 2].map(() => region.alloc(1000)) // OTHER
    for (const at of [...first, other[0]!]) region.free(at)
    region.alloc(100) // LATE
    const profile = profileOf(region)
    const peaks = ['FIRST', 'OTHER', 'LATE'].map((comment) => siteAt(profile, lineOf(comment)).peakBytes)
    expect(peaks).deep.equals([300, 2000, 0])
    expect(profile.total.peakBlocks).equals(5)
    region.profile({ fresh: true })
    const again = profileOf(region)
    expect(again.total).includes({ allocs: 0, frees: 0, liveBlocks: 2, liveBytes: 1100, peakBytes: 1100, largest: 0 })
    expect(again.sites).lengthOf(2)
    region.free(other[1]!)
    expect(profileOf(region).total).includes({ frees: 1, freeBytes: 1000, liveBytes: 100, peakBytes: 1100 })
    region.close()
  })

  it('measures how long blocks live', async () => {
    const region = open({ method: 'profile', sample: 0, discipline: 'memory' })
    const at = region.alloc(8)
    await new Promise((wake) => setTimeout(wake, 30))
    region.free(at)
    const { lifetime, lifetimes } = profileOf(region).total
    expect(lifetime).within(25, 3000)
    expect(lifetimes.indexOf(1)).equals(powerOf(lifetime * 1000))
    region.close()
  })

  it('counts by powers of two', () => {
    for (const [value, power] of [
      [0, 0],
      [0.5, 0],
      [1, 1],
      [2, 2],
      [3, 2],
      [4, 3],
      [1023, 10],
      [1024, 11],
      [2 ** 32, 33],
    ])
      expect(powerOf(value!), String(value)).equals(power)
  })

  it('goes on in a copy of the bytes with what is live there', () => {
    const region = open({ method: 'profile(best)', sample: 0, discipline: 'memory' })
    const blocks = [10, 20, 30].map((size) => region.alloc(size))
    const copy = attach(region.buffer.slice(0))
    expect(profileOf(copy).total).includes({ allocs: 0, liveBlocks: 3, liveBytes: 60, peakBytes: 60 })
    copy.free(blocks[0]!)
    copy.alloc(5)
    expect(profileOf(copy).total).includes({ allocs: 1, frees: 1, liveBlocks: 3, liveBytes: 55 })
    expect(profileOf(region).total).includes({ allocs: 3, frees: 0, liveBlocks: 3 })
    copy.check()
    copy.close()
    region.close()
  })

  it('adds up over threads that share a region', async () => {
    const region = open({ method: 'profile(best)', sample: 0, discipline: 'shared' })
    const blocks = [1, 2, 3, 4, 5].map(() => region.alloc(100))
    const worker = new Worker(new URL('fixtures/profile-hand.ts', import.meta.url), {
      workerData: { share: region.share(), blocks: blocks.slice(0, 3) },
    })
    const { freed, made, profile } = await new Promise<{ freed: number; made: number[]; profile: Profile }>(
      (hear, fail) => worker.on('message', hear).on('error', fail),
    )
    expect(freed).equals(3)
    expect(profile.total).includes({ allocs: 3, frees: 3, liveBlocks: 0 })
    expect(profile.sites.map(({ liveBlocks }) => liveBlocks).sort()).deep.equals([-3, 3])
    region.free(made[0]!)
    const mine = profileOf(region).total
    const { busyBlocks, busyBytes } = region.stat()
    expect(mine.liveBlocks + profile.total.liveBlocks).equals(busyBlocks)
    expect(mine.liveBytes + profile.total.liveBytes).equals(busyBytes)
    region.close()
  })

  it('estimates counts and bytes without bias', () => {
    const interval = 2000
    const rng = new Rng(7)
    const error = { allocs: 0, allocBytes: 0, liveBlocks: 0, liveBytes: 0 }
    const deviation = { ...error }
    const runs = 12
    for (let run = 0; run < runs; run++) {
      const region = open({ method: 'profile(best)', sample: interval, seed: run, depth: 0, discipline: 'memory' })
      const truth = { allocs: 0, allocBytes: 0, liveBlocks: 0, liveBytes: 0 }
      for (let i = 0; i < 4000; i++) {
        const size = 1 + rng.size(3000)
        const at = region.alloc(size)
        const spread = 1 / -Math.expm1(-size / interval) - 1
        truth.allocs++
        truth.allocBytes += size
        deviation.allocs += spread
        deviation.allocBytes += size * size * spread
        if (rng.chance(1 / 2)) region.free(at)
        else {
          truth.liveBlocks++
          truth.liveBytes += size
          deviation.liveBlocks += spread
          deviation.liveBytes += size * size * spread
        }
      }
      const { total, mode } = profileOf(region)
      expect(mode).equals('sampled')
      expect(region.stat().busyBlocks).equals(truth.liveBlocks)
      for (const field of Object.keys(error) as (keyof typeof error)[]) error[field] += total[field] - truth[field]
      region.close()
    }
    for (const field of Object.keys(error) as (keyof typeof error)[])
      expect(Math.abs(error[field]) / Math.sqrt(deviation[field]), `${field}: deviations from the truth`).below(3.5)
  })

  it('estimates what blocks become that are resized, in place and elsewhere', () => {
    const interval = 3000
    const rng = new Rng(11)
    let estimated = 0
    let true_ = 0
    for (let run = 0; run < 30; run++) {
      const region = open({ method: 'profile(best)', sample: interval, seed: run, depth: 0, discipline: 'memory' })
      const live: { at: number; size: number }[] = []
      for (let i = 0; i < 1500; i++) {
        const block = live[rng.below(live.length + 1)]
        const size = 64 + rng.size(2000)
        if (block === undefined || rng.chance(1 / 2)) live.push({ at: region.alloc(size), size })
        else {
          block.at = region.resize(block.at, size, { copy: true })
          block.size = size
        }
      }
      true_ += sumOf(live.map(({ size }) => size))
      estimated += profileOf(region).total.liveBytes
      region.check()
      region.close()
    }
    expect(estimated / true_).within(0.96, 1.04)
  })

  it('ends at 0 when all is freed, and at no -0', () => {
    const region = open({ method: 'profile(best)', sample: 500, seed: 3, depth: 0, discipline: 'memory' })
    for (let round = 0; round < 50; round++) {
      const blocks = Array.from({ length: 20 }, (_, i) => region.alloc(30 * i + round))
      for (const at of blocks) region.free(at)
      const { liveBlocks, liveBytes } = profileOf(region).total
      expect(Object.is(liveBlocks, 0) && Object.is(liveBytes, 0), `round ${round}: ${liveBlocks}`).equals(true)
    }
    region.close()
  })

  it('is where it was after a request that there is no memory for', () => {
    const picks = (tooMuch: number) => {
      const region = open({ method: 'profile(best)', sample: 2 ** 22, seed: 9, discipline: 'buffer', max: 2 ** 20 })
      let steps = 0
      for (let at = region.alloc(1000); region.sizeOf(at) !== 1000; at = region.alloc(1000), steps++) {
        for (let i = 0; i < 4; i++) expect(region.alloc(tooMuch)).equals(0)
        expect(region.free(at)).equals(true)
      }
      region.check()
      region.close()
      return steps
    }
    expect(picks(2 ** 20))
      .equals(picks(2 ** 21))
      .above(1000)
  })

  it('draws the same samples from the same seed', () => {
    const samples = (seed: number) => {
      const region = open({ method: 'profile', sample: 1000, seed, discipline: 'memory' })
      const picked: boolean[] = []
      for (let i = 0, seen = 0; i < 200; i++) {
        region.alloc(100)
        const now = sumOf(profileOf(region).sites.map((site) => site.samples))
        picked.push(now > seen)
        seen = now
      }
      region.close()
      return picked
    }
    expect(samples(1)).deep.equals(samples(1))
    expect(samples(1)).not.deep.equals(samples(2))
    expect(samples(3).filter((isPicked) => isPicked).length).within(5, 50)
  })

  it('adds no byte to a block that is not looked at', () => {
    const plain = open({ method: 'best', discipline: 'memory' })
    const sampled = open({ method: 'profile(best)', sample: 2 ** 26, seed: 1, discipline: 'memory' })
    const gaps = (region: Region) => {
      const blocks = [24, 100, 8, 400].map((size) => region.alloc(size))
      return blocks.map((at) => at - blocks[0]!)
    }
    expect(gaps(sampled)).deep.equals(gaps(plain))
    plain.close()
    sampled.close()
  })

  it('is not misled by what a client writes', () => {
    const region = open({ method: 'profile(best)', sample: 200, seed: 3, discipline: 'memory', check: 3 })
    const blocks = Array.from({ length: 60 }, () => region.alloc(64))
    const bytes = new Uint8Array(region.buffer)
    const looked = blocks.filter((at) => region.sizeOf(at) === 64) // others have a few bytes more
    expect(looked.length).within(5, 40)
    for (const [i, at] of blocks.entries()) {
      const other = looked[i % looked.length]!
      bytes.set(bytes.slice(other - 32, other + 16), at)
    }
    for (const at of blocks) expect(region.sizeOf(at)).within(64, 80)
    for (const at of blocks)
      for (const off of [-32, -28, 8, 32]) expect(region.free(at + off), `${at} ${off}`).equals(false)
    for (const at of blocks) expect(region.free(at)).equals(true)
    for (const at of blocks) expect(region.free(at)).equals(false)
    expect(profileOf(region).total.liveBlocks).equals(0)
    region.close()
  })

  it('takes up blocks that lie where others were looked at before a clear', () => {
    const region = open({ method: 'profile(best)', sample: 300, seed: 5, discipline: 'memory', check: 3 })
    for (let round = 0; round < 20; round++) {
      const blocks = Array.from({ length: 40 }, () => region.alloc(80))
      for (const at of blocks.slice(0, 20)) expect(region.free(at)).equals(true)
      expect(region.stat().busyBlocks).equals(20)
      region.clear()
      for (const at of blocks) expect(region.free(at)).equals(false)
      expect(profileOf(region).total.liveBlocks).equals(0)
    }
    region.close()
  })

  it('serves the element size of a pool to its clients', () => {
    const region = open({ method: 'profile(pool)', element: 48, sample: 0, discipline: 'memory' })
    expect(region.unit).equals(48)
    expect(region.sizeOf(region.alloc(48))).equals(48)
    expect(region.alloc(80)).equals(0)
    region.close()
  })

  it('tells of a header that was overwritten', () => {
    const region = open({ method: 'profile(best)', sample: 0, discipline: 'memory' })
    const at = region.alloc(40)
    new Uint8Array(region.buffer)[at - 3]! ^= 1
    expect(() => region.check()).throws(/profile P1: at \d+: a block without a header/)
  })

  it('is not there under other methods', () => {
    const region = open({ method: 'best', discipline: 'memory' })
    expect(region.profile()).equals(undefined)
    region.close()
  })
})
