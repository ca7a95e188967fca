/**
 * debug-heads: debug where compiled code looks at the word before a payload.
 *
 *   | HEAD | payload, SIZE bytes ... | guard | NEXT SPAN guards SIZE SITE FREED SEAL TAIL |
 *     '--- the wrapped method's
 *
 * After every operation of a random life all heads are what dlmalloc's inlined pieces expect. Every mistake is told with
 * the right block. Every byte from HEAD to TAIL is overwritten, one at a time, of live and of freed blocks: told once, and
 * everything goes on.
 */
import { expect } from 'chai'
import { profile } from '../methods/profile.ts'
import type { Finding } from '../src/contract/finding.ts'
import type { Discipline } from '../src/contract/region.ts'
import { attach, injectOptions, type OpenOptions, open, type Region } from '../src/index.ts'
import { seedFrom } from './conformance/index.ts'
import { isAt, marked, mayBeCorrupted } from './fixtures/debug.ts'
import { blamelessLife, patterns, setups } from './fixtures/debug-life.ts'

const SEED = seedFrom(process.env.SEED)
const line = marked(import.meta.filename)

const make = (region: Region, size: number): number => region.alloc(size) // @make
const drop = (region: Region, at: number): boolean => region.free(at) // @drop
const dropAgain = (region: Region, at: number): boolean => region.free(at) // @dropAgain

/** Bytes of a fixed length, in which compiled code would look at heads. */
function headed(length: number, buffer = new ArrayBuffer(length)): Discipline {
  let end = 8
  return {
    name: 'headed',
    heads: true,
    buffer: () => buffer,
    memory: (_region, at, had, want) => {
      const from = had === 0 ? end : at
      if (from + want > length || (had !== 0 && at + had !== end)) return 0
      end = from + want
      return from
    },
  }
}

class Place {
  readonly region: Region
  readonly told: Finding[] = []

  constructor(options: OpenOptions = {}) {
    this.region = open({ method: 'debug(best)', discipline: headed(40_000), leaks: false, name: 'headed', ...options })
    this.region.on('report', ({ finding }) => this.told.push(finding))
  }

  get bytes(): Uint8Array<ArrayBufferLike> {
    return new Uint8Array(this.region.buffer)
  }

  /** Kind, address and offset of what was told since the last time. */
  taken(): [string, number, number][] {
    return this.told.splice(0).map(({ kind, address, offset }) => [kind, address, offset])
  }

  expectHeads(): void {
    const words = new DataView(this.region.buffer)
    const { alignment } = this.region
    for (const { at } of blocksOf(this.region)) {
      const head = words.getUint32(at - 4, true)
      expect(head & 3, `head of ${at}`).to.equal(3)
      expect((head & ~7) % alignment, `head of ${at}`).to.equal(0)
      expect(head & ~7, `head of ${at}`).to.be.at.least(this.region.sizeOf(at) + 4 + 48)
    }
  }
}

function blocksOf(region: Region): { at: number; size: number }[] {
  const blocks: { at: number; size: number }[] = []
  region.walk(({ at, size, state }) => void (state === 'busy' && blocks.push({ at, size })))
  return blocks
}

describe(`debug where heads are looked at, SEED=${SEED}`, () => {
  let were: string
  before(() => void (were = injectOptions('format=none')))
  after(() => injectOptions(were))

  for (const level of [1, 2, 3, 4]) {
    it(`a random life without an error, level ${level}: nothing is told`, () => {
      for (const [i, setup] of setups.entries()) {
        const discipline = headed(level === 4 ? 2_000_000 : 100_000)
        const options = { level, depth: i % 2, patterns: patterns[i % 3], ...setup, discipline: discipline as never }
        blamelessLife({ method: 'debug(best)', options, steps: 150, seed: SEED + i })
      }
    })
  }

  it('a plain block that is resized to where a guarded one had its words stays plain', () => {
    const discipline = headed(100_000) as never
    const options = { level: 1, depth: 0, patterns: 'ast', every: 3, quarantine: 2000, discipline }
    blamelessLife({ method: 'debug(best)', options, steps: 150, seed: 1596033628 })
  })

  it('a block is where the wrapped method has it, and its head stays so, whatever is called', () => {
    const place = new Place({ check: 3, quarantine: 1000, align: 16 })
    const { region } = place
    const live: number[] = []
    let seed = SEED >>> 0
    const below = (n: number): number => {
      seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
      return Math.floor((seed / 2 ** 32) * n)
    }
    for (let step = 0; step < 200; step++) {
      const draw = below(10)
      if (draw < 4 || live.length === 0) live.push(region.alloc(below(300)))
      else if (draw < 5) live.push(region.align(below(100), 32 << below(4)))
      else if (draw < 8) expect(region.free(live.splice(below(live.length), 1)[0]!)).to.equal(true)
      else {
        const i = below(live.length)
        live[i] = region.resize(live[i]!, below(400), { copy: true })
      }
      expect(live.includes(0), 'no memory').to.equal(false)
      place.expectHeads()
    }
    expect(blocksOf(region).map(({ at }) => at)).to.have.members(live)
    expect(place.taken()).to.deep.equal([])
    for (const at of live) region.free(at)
    expect(region.stat().busyBytes).to.equal(0)
    region.close()
  })

  for (const [title, size, count] of [
    ['one byte behind', 24, 1],
    ['one byte behind a size that is odd', 37, 1],
    ['one byte behind nothing', 0, 1],
    ['all guards and words, and the next head', 44, 52],
  ] as const) {
    it(`an overrun: ${title}`, () => {
      const place = new Place()
      const { region } = place
      const at = make(region, size)
      const next = region.alloc(24)
      place.bytes.fill(0, at + size, at + size + count)
      expect(drop(region, at)).to.equal(true)
      const finding = place.told.find(({ kind }) => kind === 'overflow')
      expect([finding!.kind, finding!.address, finding!.size, finding!.offset]).to.deep.equal([
        'overflow',
        at,
        size,
        size,
      ])
      if (count === 1) {
        expect(isAt(finding!.allocated, line('make')), 'allocated').to.equal(true)
        expect(isAt(finding!.detected, line('drop')), 'detected').to.equal(true)
      }
      const others = place.told.filter((found) => found !== finding)
      expect(others.map(({ kind, address, offset }) => [kind, address, offset])).to.deep.equal(
        count === 1 ? [] : [['underflow', next, -4]],
      )
      region.check()
      place.expectHeads()
      expect(region.free(next)).to.equal(true)
      region.check()
      region.close()
    })
  }

  for (const count of [1, 2, 4, 5, 8, 12, 40]) {
    it(`an underrun of ${count} bytes: its head, and beyond that its neighbour`, () => {
      const place = new Place()
      const { region } = place
      const left = make(region, 24)
      const at = make(region, 40)
      region.alloc(8)
      place.bytes.fill(0xee, at - count, at)
      expect(drop(region, at)).to.equal(true)
      mayBeCorrupted(() => region.check())
      const told = place.taken()
      const underrun = ['underflow', at, -Math.min(count, 4)]
      const overrun = told.find(([kind]) => kind === 'overflow')
      expect(told).to.deep.include(underrun)
      if (count <= 4) expect(told).to.have.length(1)
      else expect([overrun?.[1], left + overrun![2]]).to.deep.equal([left, at - count])
      expect(told).to.have.length(count <= 4 ? 1 : 2)
      region.check()
      expect(region.free(left)).to.equal(true)
      region.compact()
      region.check()
      expect(place.taken()).to.deep.equal([])
      region.close()
    })
  }

  it('an underrun beside free memory', () => {
    const place = new Place({ quarantine: 0 })
    const { region } = place
    const free = region.alloc(3000)
    const at = region.alloc(40)
    region.free(free)
    region.compact()
    place.bytes.fill(0xee, at - 6, at)
    expect(region.free(at)).to.equal(true)
    expect(place.taken()).to.deep.equal([['underflow', at, -6]])
    region.compact()
    region.check()
    region.close()
  })

  it('every byte of head, guard and words, one at a time', function () {
    this.timeout(30_000)
    const size = 21
    for (const state of ['live', 'freed'] as const) {
      for (const beside of ['busy', 'free', 'nothing'] as const) {
        for (let offset = -4; offset < 24 + 52; offset = offset === -1 ? size : offset + 1) {
          const value = [0, 0xff, 0x81][(offset + 4) % 3]!
          const place = new Place({ depth: 0 })
          const { region } = place
          const before = beside === 'nothing' ? 0 : region.alloc(beside === 'free' ? 2000 : 24)
          const at = region.alloc(size)
          const right = region.alloc(24)
          if (beside === 'free') region.free(before)
          if (beside === 'free') region.compact()
          if (state === 'freed') region.free(at)
          if (at + offset >= right - 4) continue
          place.bytes[at + offset]! ^= value === 0 ? 4 : value
          const what = `${state}, ${beside} beside, offset ${offset}`
          mayBeCorrupted(() => region.check())
          const kind = state === 'freed' ? 'write-after-free' : offset < 0 ? 'underflow' : 'overflow'
          const isLink = state === 'freed' && offset >= 36 && offset < 40
          if (isLink) expect(place.taken(), what).to.have.length(1)
          else expect(place.taken(), what).to.deep.equal([[kind, at, offset]])
          region.check()
          place.expectHeads()
          expect(region.free(at), what).to.equal(state === 'live')
          expect(
            place.taken().map(([kind]) => kind),
            what,
          ).to.deep.equal(state === 'live' ? [] : ['double-free'])
          region.compact()
          region.check()
          expect(region.free(right), what).to.equal(true)
          region.close()
        }
      }
    }
  })

  it('each is told as well when nobody checked before: at the free of the block, or of its neighbour', () => {
    for (const first of ['left', 'own', 'right'] as const) {
      for (let offset = -4; offset < 0; offset++) {
        const place = new Place({ quarantine: 0 })
        const { region } = place
        const blocks = { left: region.alloc(24), own: region.alloc(40), right: region.alloc(24) }
        region.alloc(8)
        place.bytes[blocks.own + offset]! ^= 0x55
        expect(region.free(blocks[first])).to.equal(true)
        if (first !== 'right') expect(place.taken()).to.deep.equal([['underflow', blocks.own, offset]])
        for (const at of [blocks.left, blocks.own, blocks.right])
          if (at !== blocks[first]) expect(region.free(at)).to.equal(true)
        expect(place.taken().length).to.equal(first === 'right' ? 1 : 0)
        region.compact()
        region.check()
        region.close()
      }
    }
  })

  it('double free: at once, after its memory went back, after a merge', () => {
    for (const quarantine of [100_000, 0]) {
      for (const size of [24, 3000]) {
        const place = new Place({ quarantine })
        const { region } = place
        region.alloc(24)
        const at = make(region, size)
        region.alloc(24)
        drop(region, at)
        if (quarantine === 0) region.compact()
        expect(dropAgain(region, at)).to.equal(false)
        const [finding] = place.told
        expect([finding!.kind, finding!.address, finding!.size]).to.deep.equal(['double-free', at, size])
        expect(isAt(finding!.allocated, line('make')), 'allocated').to.equal(true)
        expect(isAt(finding!.freed, line('drop')), 'freed').to.equal(true)
        expect(isAt(finding!.detected, line('dropAgain')), 'detected').to.equal(true)
        region.check()
        region.close()
      }
    }
  })

  it('wrong addresses, and a block that was freed', () => {
    const place = new Place()
    const { region } = place
    const at = region.alloc(40)
    const gone = region.alloc(40)
    region.free(gone)
    for (const wrong of [at + 8, at + 1, at - 4, 12_345_678, -8, 0.5, Number.NaN])
      expect(region.free(wrong)).to.equal(false)
    expect(region.resize(gone, 100, { copy: true })).to.equal(0)
    expect(place.told.map(({ kind, offset }) => [kind, offset])).to.deep.equal([
      ['bad-free', 8],
      ['bad-free', 1],
      ['bad-free', 0],
      ['bad-free', 0],
      ['bad-free', 0],
      ['bad-free', 0],
      ['bad-free', 0],
      ['bad-resize', 0],
    ])
    expect([place.told[0]!.address, place.told[0]!.size]).to.deep.equal([at + 8, 40])
    expect([place.told[7]!.address, place.told[7]!.size]).to.deep.equal([gone, 40])
    region.close()
  })

  it('a write after free, when the block leaves the quarantine', () => {
    const place = new Place({ quarantine: 2000 })
    const { region } = place
    const at = make(region, 40)
    drop(region, at)
    place.bytes[at + 17] = 1
    for (let i = 0; i < 40; i++) region.free(region.alloc(100))
    expect(place.taken()).to.deep.equal([['write-after-free', at, 17]])
    region.close()
  })

  it('leaks', () => {
    const place = new Place({ leaks: true })
    const kept = make(place.region, 77)
    place.region.free(place.region.alloc(10))
    place.region.leaks()
    expect(place.told.map(({ kind, address, size }) => [kind, address, size])).to.deep.equal([['leak', kept, 77]])
    place.region.free(kept)
    place.region.close()
  })

  it('level 4: a page of guards', () => {
    const place = new Place({ level: 4, discipline: headed(200_000) })
    const at = place.region.alloc(100)
    place.expectHeads()
    place.bytes[at + 4095] = 1
    place.region.free(at)
    expect(place.taken()).to.deep.equal([['overflow', at, 4095]])
    place.region.close()
  })

  it('accounts keep their end of each payload', () => {
    const place = new Place({ accounts: true })
    const { region } = place
    const at = region.alloc(40)
    expect(region.sizeOf(at)).to.equal(40)
    place.bytes[at + 40]! ^= 0xff
    expect(region.free(at)).to.equal(true)
    expect(place.taken()).to.deep.equal([['overflow', at, 40]])
    mayBeCorrupted(() => region.check())
    region.close()
  })

  it('a copy of the bytes has the same layout, whatever the discipline says', () => {
    const place = new Place()
    const { region } = place
    const [at, damaged, gone] = [region.alloc(40), region.alloc(24), region.alloc(24)]
    region.free(gone)
    const copy = attach(region.buffer.slice(0))
    const told: Finding[] = []
    copy.on('report', ({ finding }) => told.push(finding))
    expect(copy.sizeOf(at)).to.equal(40)
    new Uint8Array(copy.buffer)[damaged - 1]! ^= 0x40
    expect(copy.free(at)).to.equal(true)
    expect(copy.free(damaged)).to.equal(true)
    expect(copy.free(gone)).to.equal(false)
    expect(told.map(({ kind, address }) => [kind, address])).to.deep.equal([
      ['underflow', damaged],
      ['double-free', gone],
    ])
    copy.check()
    copy.close()
    region.close()
  })

  it('round a method without heads the usual layout stays', () => {
    expect(profile.heads).to.equal(undefined)
    const place = new Place({ method: 'debug(profile(best))' })
    const at = place.region.alloc(40)
    place.bytes[at - 40] = 1
    place.region.free(at)
    expect(place.taken()).to.deep.equal([['underflow', at, -40]].map(([, a, o]) => ['corrupted', a, o]))
    place.region.close()
  })

  it('memory runs out: no block, nothing told, everything in order', () => {
    const place = new Place({ discipline: headed(8000) })
    const { region } = place
    const live: number[] = []
    for (let at = region.alloc(100); at !== 0; at = region.alloc(100)) live.push(at)
    expect(live.length).to.be.greaterThan(10)
    region.check()
    place.expectHeads()
    for (const at of live) expect(region.free(at)).to.equal(true)
    expect(region.alloc(3000), 'the quarantine gives way').to.not.equal(0)
    expect(place.taken()).to.deep.equal([])
    region.close()
  })
})
