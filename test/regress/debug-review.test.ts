/**
 * What a reviewer found in debug and profile, each in as few calls as it takes.
 */
import { expect } from 'chai'
import { injectOptions, open, type Region } from '../../src/index.ts'

/** Kinds of what is found from now on in regions. */
function listened(...regions: Region[]): string[] {
  const kinds: string[] = []
  for (const region of regions) region.on('report', ({ finding }) => kinds.push(`${region.name} ${finding.kind}`))
  return kinds
}

describe('debug, as reviewed', () => {
  let were: string
  before(() => void (were = injectOptions('format=none,profile=none')))
  after(() => injectOptions(were))

  it('a block of a region nested in it is refused, where both are under debug', () => {
    for (const inner of ['debug(best)', 'debug(last)']) {
      const parent = open({ name: 'parent', method: 'debug', discipline: 'memory', leaks: false })
      const child = open({ name: 'child', method: inner, discipline: parent, leaks: false })
      const kinds = listened(parent, child)
      const blocks = [30, 9, 30].map((size) => child.alloc(size))
      expect(parent.free(blocks[1]!)).to.equal(false)
      expect(parent.resize(blocks[1]!, 50)).to.equal(0)
      expect(kinds.splice(0)).to.deep.equal(['parent bad-free', 'parent bad-resize'])
      for (const at of blocks.reverse()) expect(child.free(at)).to.equal(true)
      parent.check()
      child.check()
      expect(kinds).to.deep.equal([])
      parent.close()
    }
  })

  it('a plain block in the place of a guarded one is a plain one', () => {
    for (let size = 16; size < 5000; size += 56) {
      for (const more of [40, 56, 60]) {
        const region = open({ method: 'debug', discipline: 'memory', every: 2, quarantine: 0, leaks: false })
        const kinds = listened(region)
        const first = [8, 8, size, size, 8, 8].map((bytes) => region.alloc(bytes)).slice(2, 4)
        for (const at of first) expect(region.free(at)).to.equal(true)
        const second = [size + more, size + more].map((bytes) => region.alloc(bytes))
        for (const at of second) region.bytes(at).fill(7)
        for (const at of second) expect(region.free(at), `${size} and ${more}`).to.equal(true)
        region.check()
        expect(kinds, `${size} and ${more}`).to.deep.equal([])
        region.close()
      }
    }
  })

  it('a region whose header was overwritten still ends', () => {
    for (const method of ['best', 'pool', 'last', 'debug(best)', 'debug(pool)', 'debug(last)']) {
      for (let from = 76; from < 128; from += 4) {
        const region = open({ method, name: 'hit', discipline: 'memory', leaks: false, element: 40 })
        const at = region.alloc(40)
        for (let i = 0; i < 30; i++) region.alloc(40)
        new Uint8Array(region.buffer).fill(1, from, from + 4)
        const calls: (() => unknown)[] = [
          () => region.compact(),
          () => region.alloc(40),
          () => region.free(at),
          () => region.clear(),
          () => region.close(),
        ]
        for (const call of calls) {
          try {
            call()
          } catch (error) {
            expect(error, `${method}, ${from}`).to.have.property('name', 'VmallocError')
          }
        }
      }
    }
  })

  it('a chain of children that was overwritten is told, and holds no close up', () => {
    const region = open({ method: 'debug', name: 'family', discipline: 'memory', leaks: false })
    const child = open({ discipline: region, name: 'lost' })
    const kinds = listened(region)
    new Uint8Array(region.buffer).fill(0x41, child.header, child.header + 32)
    expect(region.close()).to.equal(true)
    expect(kinds).to.include('family corrupted')
    expect(kinds.filter((kind) => kind === 'family corrupted')).to.have.length(1)
  })

  it('nth counts allocations and frees apart', () => {
    for (const nth of [2, 10, 100]) {
      const region = open({ method: 'debug', discipline: 'memory', nth, leaks: false })
      const has = { allocated: 0, freed: 0 }
      region.on('report', ({ finding }) => {
        if (finding.allocated !== undefined) has.allocated++
        if (finding.freed !== undefined) has.freed++
      })
      for (let i = 0; i < 1000; i++) {
        const at = region.alloc(20)
        region.bytes(at, 21)[20] = 1
        region.free(at)
        region.free(at)
      }
      expect(has.allocated).to.be.within(1000 / nth, (2 * 1000) / nth + 2)
      expect(has.freed).to.be.within(1000 / nth - 1, 1000 / nth + 1)
      region.close()
    }
  })

  it('profile: what samples say was live at the peak is right in the mean', () => {
    const SEEDS = 100
    let peaks = 0
    for (let seed = 1; seed <= SEEDS; seed++) {
      const region = open({ method: 'profile', sample: 16384, seed, discipline: 'memory', depth: 0 })
      const live: number[] = []
      for (let i = 0; i < 4000; i++) {
        live.push(region.alloc(1000))
        if (live.length > 500) region.free(live.shift()!)
      }
      peaks += region.profile()!.total.peakBytes
      region.close()
    }
    expect(peaks / SEEDS / 501_000).to.be.within(0.9, 1.1)
  })
})
