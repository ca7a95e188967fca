/**
 * debug-options: levels, patterns, quarantine, stacks, which blocks are guarded, watch, abort; and debug where regions
 * are nested, copied, aligned, large, wrapped twice.
 */
import { expect } from 'chai'
import type { Finding } from '../src/contract/finding.ts'
import {
  attach,
  heap,
  injectOptions,
  type OpenOptions,
  open,
  type Region,
  registry,
  VmallocError,
} from '../src/index.ts'
import { HOLDER } from '../src/region/header.ts'
import { whenFound } from '../src/region/hooks.ts'
import { closeScenes, isAt, marked, mayBeCorrupted, Scene } from './fixtures/debug.ts'
import { expectFault } from './fixtures/faults.ts'

const line = marked(import.meta.filename)
const make = (region: Region, size: number): number => region.alloc(size) // @make

const everything: Finding[] = []
let isListening = false
whenFound((finding) => void (isListening && everything.push(finding)))

/** All that is found while something is done, in whatever region. */
function during(what: () => void): Finding[] {
  everything.length = 0
  isListening = true
  try {
    what()
  } finally {
    isListening = false
  }
  return everything.slice()
}

const filled = (bytes: Uint8Array, from: number, to: number, value: number) =>
  bytes.subarray(from, to).every((byte) => byte === value)

describe('debug options', () => {
  let were: string
  before(() => void (were = injectOptions('format=none')))
  after(() => {
    closeScenes()
    injectOptions(were)
  })

  // biome-ignore format: a table
  const patterns: [string, fresh: number, grown: number, freed: number, guard: number][] = [
    ['ast', 0x55, 0x66, 0xa5, 0xad],
    ['librcd', 0xa0, 0xa0, 0xfe, 0xad],
    ['wmem', 0xa1, 0xa1, 0x1a, 0x9e],
  ]
  for (const [name, fresh, grown, freed, guard] of patterns) {
    for (const level of [1, 2, 3, 4]) {
      it(`patterns=${name}, level=${level}: new, grown and freed memory, guards`, () => {
        for (const method of ['best', 'pool', 'last']) {
          const scene = new Scene({ method: `debug(${method})`, patterns: name, level })
          const { region } = scene
          const at = make(region, 50)
          expect(filled(scene.bytes, at, at + 50, fresh), `${method}: new`).to.equal(true)
          if (level > 1) {
            expect(filled(scene.bytes, at - 8, at, guard), `${method}: guards before`).to.equal(true)
            expect(filled(scene.bytes, at + 50, at + 58, guard), `${method}: guards behind`).to.equal(true)
          }
          if (method !== 'pool' && region.resize(at, 90) === at) {
            expect(filled(scene.bytes, at, at + 50, fresh), `${method}: kept`).to.equal(true)
            expect(filled(scene.bytes, at + 50, at + 90, grown), `${method}: grown`).to.equal(true)
            if (level > 1) expect(filled(scene.bytes, at + 90, at + 98, guard)).to.equal(true)
          } else expect(method === 'pool' || level === 4, `${method}: a block at the end can grow`).to.equal(true)
          region.free(at)
          if (level > 1) expect(filled(scene.bytes, at, at + 50, freed), `${method}: freed`).to.equal(true)
          region.check()
          expect(scene.told.map(String)).to.deep.equal([])
          region.close()
        }
      })
    }
  }

  it('fill: only so many bytes are filled, and only they are looked at', () => {
    const scene = new Scene({ method: 'debug(best)', fill: 16 })
    const { region } = scene
    const at = make(region, 100)
    expect(filled(scene.bytes, at, at + 16, 0x55)).to.equal(true)
    expect(filled(scene.bytes, at + 16, at + 100, 0)).to.equal(true)
    scene.bytes.fill(7, at, at + 100)
    region.free(at)
    expect(filled(scene.bytes, at, at + 16, 0xa5)).to.equal(true)
    expect(filled(scene.bytes, at + 16, at + 100, 7)).to.equal(true)
    scene.spoil(at + 16)
    region.check()
    scene.spoil(at + 15)
    expect(() => region.check()).to.throw('write-after-free')
    expect(scene.taken().map(({ offset }) => offset)).to.deep.equal([15])
    const none = new Scene({ method: 'debug(best)', fill: 0 })
    const other = make(none.region, 100)
    expect(filled(none.bytes, other, other + 100, 0)).to.equal(true)
    none.region.free(other)
    none.spoil(other)
    none.region.check()
    none.region.close()
    expect(none.told).to.deep.equal([])
    expect(region.close()).to.equal(true)
  })

  it('level 1 fills and tells of bad addresses, but does not look at guards', () => {
    for (const method of ['best', 'pool', 'last']) {
      const scene = new Scene({ method: `debug(${method})`, level: 1 })
      const at = make(scene.region, 40)
      scene.spoil(at + 40)
      scene.spoil(at - 1)
      mayBeCorrupted(() => scene.region.check())
      expect(scene.region.free(at)).to.equal(true)
      expect(scene.told.map(String)).to.deep.equal([])
      expect(scene.region.free(at)).to.equal(false)
      expect(scene.told.map(({ kind }) => kind)).to.deep.equal(['double-free'])
      scene.region.close()
    }
  })

  for (const method of ['best', 'pool']) {
    it(`${method}, level 2: a freed block waits until the quarantine is full, then is used again`, () => {
      const scene = new Scene({ method: `debug(${method})`, quarantine: 2000 })
      const { region } = scene
      const first = make(region, 100)
      region.free(first)
      const seen: number[] = []
      for (let i = 0; i < 40 && seen.at(-1) !== first; i++) {
        seen.push(region.alloc(100))
        region.free(seen.at(-1)!)
      }
      expect(seen.length, 'frees until it came again').to.be.within(2000 / 200, 2000 / 100 + 3)
      expect(new Set(seen).size).to.equal(seen.length)
      region.close()
      expect(scene.told).to.deep.equal([])
    })

    it(`${method}, level 2: when memory runs out the quarantine gives way`, () => {
      const scene = new Scene({ method: `debug(${method})`, quarantine: 2 ** 20, discipline: new ArrayBuffer(20_000) })
      const { region } = scene
      for (let i = 0; i < 300; i++) {
        const at = region.alloc(200)
        expect(at, `allocation ${i}`).to.be.greaterThan(0)
        expect(region.free(at)).to.equal(true)
      }
      region.check()
      region.close()
      expect(scene.told).to.deep.equal([])
    })
  }

  for (const method of ['best', 'pool', 'last']) {
    it(`${method}, level 3: no address comes twice until memory runs out, then they do`, () => {
      const scene = new Scene({ method: `debug(${method})`, level: 3, discipline: new ArrayBuffer(60_000) })
      const { region } = scene
      const seen = new Set<number>()
      let again = 0
      for (let i = 0; i < 1500; i++) {
        const at = region.alloc(100)
        expect(at, `allocation ${i}`).to.be.greaterThan(0)
        if (seen.has(at)) again ||= i
        seen.add(at)
        region.free(at)
      }
      expect(again, 'the first that came twice').to.be.within(60_000 / 250, 60_000 / 100)
      region.check()
      region.close()
      expect(scene.told).to.deep.equal([])
    })

    it(`${method}, level 4: each block ends where its page does, and the page behind is looked at`, () => {
      const scene = new Scene({ method: `debug(${method})`, level: 4 })
      const { region } = scene
      for (const size of method === 'pool' ? [1000] : [1, 8, 1000, 4096, 4097, 10_000]) {
        const blocks = [region.alloc(size), region.alloc(size)]
        for (const at of blocks) expect((8192 - ((at + size) % 4096)) % 4096, `${size} at ${at}`).to.be.below(8)
        const [, at] = blocks as [number, number]
        const end = Math.ceil((at + size) / 4096) * 4096
        scene.bytes[end + 4095]! ^= 1
        expect(() => region.check()).to.throw('overflow')
        const [{ address, offset }] = scene.taken() as [Finding]
        expect([address, offset]).to.deep.equal([at, end + 4095 - at])
        expect(region.free(at)).to.equal(true)
        expect(region.free(blocks[0]!)).to.equal(true)
      }
      region.check()
      region.close()
      expect(scene.told).to.deep.equal([])
    })
  }

  it('depth: so many calls; none at 0, where what noticed is still told', () => {
    for (const depth of [0, 1, 3, 20]) {
      const scene = new Scene({ method: 'debug(best)', depth })
      const deep = (n: number): number => (n === 0 ? make(scene.region, 30) : deep(n - 1))
      const at = deep(30)
      scene.spoil(at + 30)
      scene.region.free(at) // @depthFree
      const [{ allocated, detected }] = scene.told as [Finding]
      expect(allocated?.length ?? 0).to.equal(depth)
      if (depth > 0) expect(isAt(allocated, line('make'))).to.equal(true)
      expect(isAt(detected, line('depthFree'))).to.equal(true)
      scene.region.close()
    }
  })

  it('nth: one stack in so many is recorded', () => {
    const scene = new Scene({ method: 'debug(best)', nth: 10, leaks: true })
    for (let i = 0; i < 100; i++) make(scene.region, 20)
    scene.region.leaks()
    const known = scene.told.filter(({ allocated }) => allocated !== undefined)
    expect(known.map(({ blocks }) => blocks)).to.deep.equal([10])
    expect(scene.told.reduce((sum, { blocks }) => sum + blocks, 0)).to.equal(100)
    scene.region.close()
  })

  it('a stack tells every call, with names, lines and columns', () => {
    const scene = new Scene({ method: 'debug(best)' })
    class Store {
      fill(): number {
        return make(scene.region, 9) // @inner
      }
    }
    function outer(): number {
      return new Store().fill() // @outer
    }
    const at = outer() // @outermost
    scene.region.free(at + 1)
    const { allocated } = scene.told[0]!
    expect(
      allocated!.slice(0, 4).map(({ name, line }) => [name.split('.').at(-1), line]),
      'calls',
    ).to.deep.equal([
      ['make', line('make').line],
      ['fill', line('inner').line],
      ['outer', line('outer').line],
      [allocated![3]!.name.split('.').at(-1), line('outermost').line],
    ])
    expect(allocated!.every(({ column }) => column > 0)).to.equal(true)
    expect(String(scene.told[0])).to.match(/allocated by\n +make \(.*debug-options\.test\.ts:\d+:\d+\)/)
    scene.region.close()
  })

  // biome-ignore format: a table
  const choices: OpenOptions[] = [
    { smallest: 100 }, { largest: 99 }, { every: 3 }, { smallest: 50, largest: 200, every: 2 }, { smallest: 2 ** 31 },
  ]
  for (const method of ['best', 'pool', 'last']) {
    for (const options of choices) {
      it(`${method}: ${JSON.stringify(options)}: guarded and plain blocks side by side`, () => {
        const scene = new Scene({ method: `debug(${method})`, ...options })
        const { region } = scene
        const sizes = method === 'pool' ? [120] : [8, 60, 99, 100, 150, 201, 400]
        const live: { at: number; size: number }[] = []
        for (let i = 0; i < 70; i++) {
          const size = sizes[i % sizes.length]!
          const at = i % 5 === 0 ? region.allocZeroed(size) : region.alloc(size)
          expect(at % 8).to.equal(0)
          expect(region.sizeOf(at)).to.be.at.least(size)
          expect(region.offsetOf(at + 1)).to.equal(1)
          region.bytes(at).fill(i)
          live.push({ at, size })
        }
        const walked = new Set<number>()
        region.walk(({ at, state }) => void (state === 'busy' && walked.add(at)))
        expect([...walked].sort()).to.deep.equal(live.map(({ at }) => at).sort())
        expect(region.stat().busyBlocks).to.equal(70)
        region.check()
        const last = live.at(-1)!
        if (method !== 'pool') {
          const now = region.resize(last.at, 500, { copy: true })
          expect(now).to.be.greaterThan(0)
          expect(filled(scene.bytes, now, now + last.size, 69)).to.equal(true)
          last.at = now
        }
        for (const [i, { at, size }] of [...live].reverse().entries()) {
          expect(filled(scene.bytes, at, at + size, 69 - i), `block ${69 - i}`).to.equal(true)
          expect(region.free(at), `block ${69 - i}`).to.equal(true)
          if (i % 9 === 0) region.check()
        }
        expect(region.stat().busyBlocks).to.equal(0)
        region.compact()
        region.check()
        expect(scene.told.map(String)).to.deep.equal([])
        region.close()
      })
    }
  }

  it('smallest and largest: writes beside guarded blocks are told', () => {
    const scene = new Scene({ method: 'debug(best)', smallest: 50, largest: 200 })
    const [small, guarded, large] = [20, 100, 300].map((size) => make(scene.region, size)) as [number, number, number]
    scene.spoil(guarded + 100)
    expect(() => scene.region.check()).to.throw('overflow')
    expect(scene.taken().map(({ address }) => address)).to.deep.equal([guarded])
    for (const at of [small, guarded, large]) expect(scene.region.free(at)).to.equal(true)
    for (const at of [small, guarded, large]) expect(scene.region.free(at)).to.equal(false)
    const kinds = scene.taken().map(({ kind, address }) => [kind, address])
    expect(kinds[1]).to.deep.equal(['double-free', guarded])
    expect(kinds.map(([, at]) => at)).to.deep.equal([small, guarded, large])
    scene.region.close()
  })

  it('smallest and largest: a plain block where a guarded one was that had shrunk', () => {
    const scene = new Scene({ method: 'debug(best)', smallest: 30, largest: 300, quarantine: 0 })
    const { region } = scene
    const guarded = make(region, 300)
    expect(region.resize(guarded, 40)).to.equal(guarded)
    region.free(guarded)
    region.compact()
    const plain = make(region, 360)
    expect(plain, 'in the same place').to.equal(guarded - 48)
    expect(region.sizeOf(plain)).to.be.at.least(360)
    expect(region.free(plain)).to.equal(true)
    expect(scene.told.map(String)).to.deep.equal([])
    region.close()
  })

  it('watch: each allocation, resize and free of what holds the address', () => {
    for (const method of ['best', 'pool', 'last']) {
      const probe = open({ method: `debug(${method})`, discipline: 'memory', name: 'scene-probes' }) // as long a name
      probe.alloc(40)
      const watched = probe.alloc(40) + 5
      probe.clear()
      probe.close()
      const scene = new Scene({ method: `debug(${method})`, watch: watched })
      const { region } = scene
      region.alloc(40)
      const at = make(region, 40)
      expect(at + 5).to.equal(watched)
      const told = () => scene.taken().map(({ kind, address, offset, what }) => [kind, address, offset, what])
      const says = (what: string) => ['watch', at, 5, `the block that holds ${watched} is ${what}`]
      expect(told()).to.deep.equal([says('allocated')])
      if (method !== 'pool') {
        expect(region.resize(at, 30)).to.equal(at)
        expect(told()).to.deep.equal([says('resized from 40 to 30 bytes')])
      }
      region.free(at)
      expect(told()).to.deep.equal([says('freed')])
      region.check()
      region.close()
    }
  })

  it('abort: the first report is thrown, with the finding; then all goes on', () => {
    for (const method of ['best', 'pool', 'last']) {
      const scene = new Scene({ method: `debug(${method})`, abort: true, depth: 4 })
      const { region } = scene
      const kept = make(region, 40)
      const at = make(region, 40)
      scene.spoil(at + 40)
      const fault = expectFault('reported', ['overflow', `${at}`], () => region.free(at))
      const finding = fault.cause as Finding
      expect(finding.kind).to.equal('overflow')
      expect(finding.address).to.equal(at)
      expect(isAt(finding.allocated, line('make'))).to.equal(true)
      expect(scene.taken()).to.have.length(1)
      region.check()
      const isGone = region.sizeOf(at) < 0
      if (!isGone) expect(region.free(at)).to.equal(true)
      expectFault('reported', ['double-free'], () => region.free(at))
      expectFault('reported', ['bad-resize'], () => region.resize(kept + 4, 10))
      expect(region.stat().busyBlocks).to.equal(1)
      expect(region.sizeOf(kept)).to.equal(40)
      const other = region.alloc(40)
      expect(other).to.be.greaterThan(0)
      expect(region.free(other)).to.equal(true)
      expect(region.free(kept)).to.equal(true)
      region.check()
      expect(region.close()).to.equal(true)
      expectFault('reported', ['use-after-close'], () => region.alloc(8))
    }
  })

  it('abort at a leak: the region is closed all the same', () => {
    const scene = new Scene({ method: 'debug(best)', abort: true, leaks: true })
    make(scene.region, 40)
    mayThrowReported(() => scene.region.close())
    expect(scene.told.map(({ kind }) => kind)).to.deep.equal(['leak'])
    expect(scene.region.closed).to.equal(true)
  })

  it('abort in shared memory: the lock is free afterwards', () => {
    const scene = new Scene({ method: 'debug(best)', abort: true, discipline: new SharedArrayBuffer(2 ** 16) })
    const at = make(scene.region, 40)
    scene.spoil(at + 40)
    expectFault('reported', ['overflow'], () => scene.region.free(at))
    expect(scene.told).to.have.length(1)
    expect(new Int32Array(scene.region.buffer)[(scene.region.header + HOLDER) >>> 2]).to.equal(0)
    expect(scene.region.alloc(8)).to.be.greaterThan(0)
    scene.region.check()
    scene.region.close()
  })

  it('leaks: off, nothing is told at close or when asked', () => {
    const scene = new Scene({ method: 'debug(best)', leaks: false })
    make(scene.region, 40)
    scene.region.leaks()
    scene.region.close()
    expect(scene.told).to.deep.equal([])
  })

  it('what a region holds for those nested in it is no leak while they are open, and they tell their own', () => {
    const found = during(() => {
      const outer = open({ method: 'debug(best)', name: 'outer', discipline: 'memory' })
      const inner = open({ method: 'debug(pool)', name: 'inner', discipline: outer })
      for (let i = 0; i < 2; i++) inner.alloc(24)
      outer.leaks()
      outer.close()
      expect(inner.closed).to.equal(true)
    })
    expect(found.map(({ kind, region, method, total }) => [kind, region, method, total])).to.deep.equal([
      ['leak', 'inner', 'debug(pool)', 48],
    ])
  })

  it('several regions: each tells its own, to its own listeners', () => {
    const scenes = ['best', 'pool', 'last'].map((method) => new Scene({ method: `debug(${method})` }))
    const blocks = scenes.map(({ region }) => make(region, 40))
    for (const [i, scene] of scenes.entries()) scene.spoil(blocks[i]! + 40 + i)
    for (const [i, scene] of scenes.entries()) expect(scene.region.free(blocks[i]!)).to.equal(true)
    for (const [i, { heard }] of scenes.entries()) {
      expect(heard.map(({ kind, address, offset }) => [kind, address, offset])).to.deep.equal([
        ['overflow', blocks[i], 40 + i],
      ])
    }
    const listened = scenes[0]!.heard.length
    for (const { region } of scenes) region.close()
    expect(scenes[0]!.heard).to.have.length(listened)
  })

  it('a listener hears use after close', () => {
    const scene = new Scene({ method: 'debug(best)' })
    scene.region.close()
    scene.region.alloc(8)
    expect(scene.told.map(({ kind }) => kind)).to.deep.equal(['use-after-close'])
    expect(scene.heard.map(({ kind }) => kind)).to.deep.equal(['use-after-close'])
  })

  it('a listener may use the region, and one that throws leaves it in order', () => {
    for (const discipline of ['memory', new SharedArrayBuffer(2 ** 17)] as const) {
      const scene = new Scene({ method: 'debug(best)', discipline })
      const { region } = scene
      region.on('report', ({ finding }) => {
        const other = region.alloc(100)
        expect(region.free(other)).to.equal(true)
        region.check()
        if (finding.kind === 'double-free') throw new Error('listener')
      })
      const at = make(region, 40)
      scene.spoil(at + 40)
      expect(region.free(at)).to.equal(true)
      expect(() => region.free(at)).to.throw('listener')
      expect(scene.told).to.have.length(2)
      region.check()
      expect(region.alloc(40)).to.be.greaterThan(0)
      region.close()
    }
  })

  it('a copy of the bytes goes on with the same settings, and looks at the same guards', () => {
    for (const method of ['best', 'pool', 'last']) {
      const scene = new Scene({ method: `debug(${method})`, patterns: 'wmem', level: 3, period: 1 })
      const first = make(scene.region, 40)
      const second = make(scene.region, 40)
      const found = during(() => {
        const copy = attach(scene.region.buffer.slice(0))
        expect(copy.method).to.equal(`debug(${method})`)
        copy.check()
        new Uint8Array(copy.buffer)[second + 40] = 3
        const third = copy.alloc(40) // period=1: it is seen here
        expect(filled(new Uint8Array(copy.buffer), third, third + 40, 0xa1)).to.equal(true)
        for (const at of [third, second, first]) expect(copy.free(at)).to.equal(true)
        expect(copy.free(first)).to.equal(false)
        copy.check()
        copy.close()
      })
      expect(found.map(({ kind, address, offset }) => [kind, address, offset]).slice(0, 2), method).to.deep.equal([
        ['overflow', second, 40],
        ['double-free', first, 0],
      ])
      expect(isAt(found[0]!.allocated, line('make')), 'the same thread still knows the stack').to.equal(true)
      expect(found).to.have.length(2)
      scene.region.check()
      scene.region.close()
      expect(scene.told.filter(({ kind }) => kind !== 'overflow' && kind !== 'double-free')).to.deep.equal([])
    }
  })

  it('large alignments: payloads at multiples, guards on both sides', () => {
    for (const level of [1, 2, 3, 4]) {
      const scene = new Scene({ method: 'debug(best)', level })
      const { region } = scene
      for (const alignment of [8, 16, 64, 256, 4096, 65_536]) {
        for (const size of [0, 1, 50, 5000]) {
          const at = region.align(size, alignment)
          expect(at % alignment, `${size} at a multiple of ${alignment}`).to.equal(0)
          expect(region.sizeOf(at)).to.equal(size)
          if (level > 1) {
            for (const offset of [-1, -8, size, size + 7]) {
              scene.bytes[at + offset]! ^= 0x40
              expect(() => region.check(), `${offset}`).to.throw(VmallocError)
              const [{ address, offset: told }] = scene.taken() as [Finding]
              expect([address, told]).to.deep.equal([at, offset])
            }
          }
          expect(region.resize(at, size)).to.equal(at)
          expect(region.free(at)).to.equal(true)
          expect(region.free(at)).to.equal(false)
          expect(scene.taken().map(({ kind, address }) => [kind, address])).to.deep.equal([['double-free', at]])
        }
      }
      region.check()
      region.close()
    }
  })

  it('resize in place, up and down, keeps content and guards', () => {
    for (const method of ['best', 'last']) {
      for (const level of [1, 2, 3]) {
        const scene = new Scene({ method: `debug(${method})`, level })
        const { region } = scene
        make(region, 20)
        const at = make(region, 100)
        scene.bytes.fill(9, at, at + 100)
        for (const size of [60, 61, 0, 1, 200, 3000, 2999, 40, 4000, 8]) {
          const had = region.sizeOf(at)
          expect(region.resize(at, size), `${method}, level ${level}: ${had} to ${size}`).to.equal(at)
          expect(region.sizeOf(at)).to.equal(size)
          region.check()
          scene.bytes.fill(9, at, at + size)
          region.check()
          if (level === 1) continue
          for (const offset of [-1, size]) {
            scene.bytes[at + offset]! ^= 0x40
            expect(() => region.check(), `${size}: ${offset}`).to.throw(VmallocError)
            expect(scene.taken().map(({ address, size, offset }) => [address, size, offset])).to.deep.equal([
              [at, size, offset],
            ])
          }
        }
        expect(region.free(at)).to.equal(true)
        region.check()
        region.close()
      }
    }
  })

  it("a method of one's own, registered or not", () => {
    const best = registry.methods.get('best')!
    const mine = { ...best, name: 'mine' }
    registry.methods.register(mine)
    try {
      const scene = new Scene({ method: 'debug(mine)' })
      expect(scene.region.method).to.equal('debug(mine)')
      const at = make(scene.region, 40)
      scene.spoil(at + 41)
      scene.region.free(at)
      expect(scene.told.map(({ kind, method, offset }) => [kind, method, offset])).to.deep.equal([
        ['overflow', 'debug(mine)', 41],
      ])
      scene.region.close()
    } finally {
      registry.methods.unregister('mine')
    }
  })

  it('a method that serves nothing', () => {
    const scene = new Scene({ method: 'debug(null)' })
    expect(scene.region.alloc(8)).to.equal(0)
    expect(scene.region.free(8)).to.equal(false)
    expect(scene.told.map(({ kind }) => kind)).to.deep.equal(['bad-free'])
    scene.region.check()
    scene.region.close()
  })

  it('debug in debug: the outer one tells of the client, the inner one is silent', () => {
    let region: Region
    try {
      region = open({ method: 'debug(debug(best))', name: 'twice', discipline: 'memory' })
    } catch (error) {
      expect(error, 'a refusal is a sentence').to.be.an.instanceOf(VmallocError)
      return
    }
    const found = during(() => {
      const at = region.alloc(40)
      new Uint8Array(region.buffer)[at + 40] = 1
      expect(region.free(at)).to.equal(true)
      expect(region.free(at)).to.equal(false)
      region.check()
      region.close()
    })
    expect(found.map(({ kind }) => kind)).to.deep.equal(['overflow', 'double-free'])
  })

  it('profile around debug, debug around profile', () => {
    for (const method of ['profile(debug(best))', 'debug(profile(best))']) {
      const found = during(() => {
        const region = open({ method, name: 'both', discipline: 'memory' })
        const at = region.alloc(40)
        new Uint8Array(region.buffer)[at + 40] = 1
        expect(region.free(at)).to.equal(true)
        region.check()
        region.close()
      })
      // profile keeps words of its own behind what was asked for, so debug inside it guards those, not the client's bytes
      if (method.startsWith('debug'))
        expect(
          found.map(({ kind }) => kind),
          method,
        ).to.deep.equal(['overflow'])
      else
        expect(
          found.filter(({ kind }) => kind !== 'overflow'),
          method,
        ).to.deep.equal([])
    }
  })

  it('nested in the heap: addresses are those of the heap', () => {
    const found = during(() => {
      const region = open({ method: 'debug(best)', name: 'nested' })
      const at = region.alloc(40)
      expect(region.buffer).to.equal(heap().buffer)
      new Uint8Array(heap().buffer)[at + 40] = 1
      region.free(at)
      expect(everything.map(({ address }) => address)).to.deep.equal([at])
      region.close()
      heap().check()
    })
    expect(found).to.have.length(1)
  })

  it('the settings keep and junk, zeroed memory, values and strings go together with it', () => {
    const scene = new Scene({ method: 'debug(best)', junk: true })
    const { region } = scene
    const zeroed = region.allocZeroed(33)
    expect(filled(scene.bytes, zeroed, zeroed + 33, 0)).to.equal(true)
    const grown = region.resize(zeroed, 5000, { zero: true, copy: true })
    expect(filled(scene.bytes, grown, grown + 5000, 0)).to.equal(true)
    const text = region.string('geteilt')
    expect(region.readString(text)).to.equal('geteilt')
    for (let i = 0; i < 20; i++) expect(region.values.set(`key ${i}`, i)).to.equal(true)
    region.check()
    expect(region.free(grown)).to.equal(true)
    region.set({ keep: true })
    expect(region.free(text)).to.equal(true)
    expect(region.readString(text)).to.equal('geteilt')
    region.set({ keep: false, junk: false })
    expect(region.free(text)).to.equal(true)
    region.check()
    expect(region.values.get('key 19')).to.equal(19)
    region.clear()
    region.check()
    region.close()
    expect(scene.told.map(String)).to.deep.equal([])
  })
})

function mayThrowReported(what: () => void): void {
  try {
    what()
  } catch (error) {
    if (!(error instanceof VmallocError) || error.code !== 'reported') throw error
  }
}
