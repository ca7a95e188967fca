/**
 * profile: what a profile counts where accounts are kept are the client's bytes, without the tails that accounts have.
 */
import { expect } from 'chai'
import { account } from '../../src/account.ts'
import type { Tally } from '../../src/contract/profile.ts'
import { attach, injectOptions, type OpenOptions, open, type Region } from '../../src/index.ts'
import { Rng, seedFrom } from '../conformance/index.ts'

const seed = seedFrom(process.env.SEED)

const totalOf = (region: Region): Tally => region.profile()!.total

/** A region under profile, with all that must have been counted of it. */
class Counted {
  readonly region: Region
  private readonly rng: Rng
  private readonly live: number[] = []
  private allocs = 0
  private frees = 0
  private allocBytes = 0
  private freeBytes = 0
  private largest = 0

  constructor(inner: string, options: OpenOptions, rng: Rng) {
    const discipline = new ArrayBuffer(2 ** 20)
    this.region = open({ sample: 0, discipline, ...options, method: `profile(${inner})`, name: 'counted' })
    this.rng = rng
  }

  step(): void {
    const { live, region, rng } = this
    const draw = rng.below(20)
    const size = this.region.unit || rng.below(700)
    if (draw < 8) this.took(draw === 0 ? region.align(size, 32) : region.alloc(size))
    else if (live.length === 0) return
    else if (draw < 12) this.resize(rng.below(live.length), size, draw < 10)
    else this.free(rng.below(live.length))
    if (rng.chance(1 / 300)) this.clear()
  }

  verify(): void {
    const { allocs, frees, allocBytes, freeBytes, largest, live, region } = this
    const { busyBytes, busyBlocks, highTide } = region.stat()
    expect(totalOf(region)).include({ allocs, frees, allocBytes, freeBytes, largest })
    expect(totalOf(region)).include({ liveBlocks: busyBlocks, liveBytes: busyBytes, peakBytes: highTide })
    expect(live.length).equals(busyBlocks)
    region.check()
  }

  private took(at: number): void {
    if (at === 0) return
    const size = this.region.sizeOf(at)
    this.live.push(at)
    this.allocs++
    this.allocBytes += size
    this.largest = Math.max(this.largest, size)
  }

  private gave(i: number, size: number): void {
    this.frees++
    this.freeBytes += size
    this.live.splice(i, 1)
  }

  private free(i: number): void {
    const size = this.region.sizeOf(this.live[i]!)
    if (this.region.free(this.live[i]!)) this.gave(i, size)
  }

  private resize(i: number, size: number, stays: boolean): void {
    const at = this.live[i]!
    const had = this.region.sizeOf(at)
    const to = this.region.resize(at, size, stays ? {} : { copy: true })
    if (to === 0) return
    this.gave(i, had)
    this.took(to)
  }

  private clear(): void {
    const sizes = this.live.map((at) => this.region.sizeOf(at))
    this.region.clear()
    for (const size of sizes) this.gave(0, size)
  }
}

describe(`profile and accounts, SEED=${seed}`, () => {
  before(() => injectOptions('profile=/dev/null,format=none'))
  after(() => injectOptions(undefined))

  for (const options of [{ accounts: true }, { ordinals: true }]) {
    const keeping = Object.keys(options).join()

    it(`ten blocks of 96 bytes are 960: ${keeping}`, () => {
      const region = open({ method: 'profile(best)', sample: 0, discipline: new ArrayBuffer(2 ** 16), ...options })
      const blocks = Array.from({ length: 10 }, () => region.alloc(96))
      expect(region.busyBytes).equals(960)
      expect(totalOf(region)).include({ liveBytes: 960, allocBytes: 960, peakBytes: 960, largest: 96 })
      for (const at of blocks) region.free(at)
      expect(totalOf(region)).include({ liveBytes: 0, freeBytes: 960, peakBytes: 960 })
      region.close()
    })

    for (const inner of ['best', 'last', 'pool'])
      it(`is what the region counts, step by step: ${inner}, ${keeping}`, () => {
        const counted = new Counted(inner, inner === 'pool' ? { ...options, element: 48 } : options, new Rng(seed))
        for (let step = 1; step <= 1500; step++) {
          counted.step()
          if (step % 50 === 0) counted.verify()
        }
        counted.region.close()
      })

    it(`blocks that an attached copy begins with: ${keeping}`, () => {
      const memory = new ArrayBuffer(2 ** 16)
      const region = open({ method: 'profile(best)', sample: 0, discipline: memory, ...options })
      const blocks = [10, 20, 30].map((size) => region.alloc(size))
      const copies = Array.from({ length: 4 }, () => attach(memory.slice(0)))
      const [one, two, three, four] = copies as [Region, Region, Region, Region]
      const before = { liveBlocks: 3, liveBytes: 60, peakBytes: 60 }
      expect(totalOf(one)).include({ ...before, allocs: 0 })
      two.alloc(40)
      expect(totalOf(two)).include({ liveBlocks: 4, liveBytes: 100, peakBytes: 100, allocBytes: 40 })
      three.free(blocks[1]!)
      expect(totalOf(three)).include({ liveBlocks: 2, liveBytes: 40, peakBytes: 60, freeBytes: 20 })
      four.clear()
      expect(totalOf(four)).include({ liveBlocks: 0, liveBytes: 0, peakBytes: 60, freeBytes: 60 })
      for (const copy of [...copies, region]) copy.close()
    })

    it(`a sampled block counts as what its client has, for as many as its tail was drawn with: ${keeping}`, () => {
      const interval = 1000
      const discipline = new ArrayBuffer(2 ** 20)
      const region = open({ method: 'profile(best)', sample: interval, seed, discipline, ...options })
      const blocks = Array.from({ length: 2000 }, () => region.alloc(96))
      const tail = 'ordinals' in options ? 8 : 4
      const weight = -1 / Math.expm1(-(96 + tail) / interval)
      const [site] = region.profile()!.sites
      expect(site!.samples).within(100, 300)
      expect(totalOf(region).largest).equals(96)
      expect(totalOf(region).allocs).equals(Math.round(site!.samples * weight))
      expect(totalOf(region).liveBytes).equals(Math.round(site!.samples * weight * 96))
      for (const [i, at] of blocks.entries()) blocks[i] = region.resize(at, 48)
      for (const at of blocks) region.free(at)
      expect(totalOf(region)).include({ liveBlocks: 0, liveBytes: 0 })
      region.check()
      region.close()
    })
  }

  for (const ordinals of [false, true])
    it(`accounts that begin later: blocks from before have no tail, ordinals ${ordinals}`, () => {
      const counted = new Counted('best', {}, new Rng(seed))
      for (let step = 0; step < 300; step++) counted.step()
      counted.verify()
      account('part', counted.region, { ordinals })
      for (let step = 1; step <= 600; step++) {
        counted.step()
        if (step % 25 === 0) counted.verify()
      }
      counted.region.close()
    })

  it('a peak that a block with an ordinary size reaches after one of no bytes', () => {
    const region = open({ method: 'profile(best)', sample: 0, discipline: new ArrayBuffer(2 ** 16), accounts: true })
    region.alloc(100)
    const empty = region.alloc(0)
    region.free(empty)
    region.alloc(1)
    expect(totalOf(region).peakBytes).equals(region.stat().highTide)
    region.close()
  })
})
