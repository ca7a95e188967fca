/**
 * debug-moments: when a write to where it must not be is noticed: the call after it that looks at the block.
 *
 *   what is written        looked at on
 *   beside a live block    its free, its resize, every `period` calls from `start` on, check, clear, close
 *   into a freed block     when it leaves the quarantine, every `period` calls, check, compact, clear, close
 *
 * The stack that noticed is that call's. What was noticed once is put right, and is not told by a later moment.
 */
import { expect } from 'chai'
import type { FindingKind } from '../src/contract/finding.ts'
import { injectOptions, type OpenOptions, type Region, VmallocError } from '../src/index.ts'
import { closeScenes, isAt, marked, Scene } from './fixtures/debug.ts'

const line = marked(import.meta.filename)

const make = (region: Region, size: number): number => region.alloc(size) // @make
const drop = (region: Region, at: number): boolean => region.free(at) // @drop

interface Moment {
  title: string
  options?: OpenOptions
  only?: readonly string[]
  /** The call is on the line `// @MARK`. */
  mark: string
  call(scene: Scene, at: number, size: number): void
}

/** Calls that concern another block; pool and last serve them too. */
function turn(region: Region, size: number): void {
  const at = region.alloc(size) // @turnAlloc
  region.free(at) // @turnFree
}

// biome-ignore format: a table
const besideLive: readonly Moment[] = [
  { title: 'free', mark: 'free', call: ({ region }, at) => {
    expect(region.free(at)).to.equal(true) // @free
  } },
  { title: 'resize to the same size', mark: 'same', call: ({ region }, at, size) => {
    expect(region.resize(at, size)).to.equal(at) // @same
  } },
  { title: 'resize to a smaller size', only: ['best', 'last'], mark: 'smaller', call: ({ region }, at, size) => {
    expect(region.resize(at, size - 9)).to.equal(at) // @smaller
  } },
  { title: 'resize that moves', only: ['best'], mark: 'larger', call: ({ region }, at) => {
    expect(region.resize(at, 70_000, { copy: true })).to.not.equal(at) // @larger
  } },
  { title: 'check', mark: 'check', call: ({ region }) => {
    expect(() => region.check(), 'check').to.throw(VmallocError, /corrupted|overflow|underflow/) // @check
  } },
  { title: 'clear', mark: 'clear', call: ({ region }) => {
    expect(region.clear()).to.equal(true) // @clear
  } },
  { title: 'close', mark: 'close', call: ({ region }) => {
    expect(region.close()).to.equal(true) // @close
  } },
  { title: 'any call, with period=1', options: { period: 1 }, mark: 'turnAlloc', call: ({ region }, _at, size) => turn(region, size) },
]

// biome-ignore format: a table
const insideFreed: readonly Moment[] = [
  { title: 'check', mark: 'checkFreed', call: ({ region }) => {
    expect(() => region.check()).to.throw(VmallocError, 'write-after-free') // @checkFreed
  } },
  { title: 'compact', mark: 'compactFreed', call: ({ region }) => {
    region.compact() // @compactFreed
  } },
  { title: 'clear', mark: 'clearFreed', call: ({ region }) => {
    expect(region.clear()).to.equal(true) // @clearFreed
  } },
  { title: 'close', mark: 'closeFreed', call: ({ region }) => {
    expect(region.close()).to.equal(true) // @closeFreed
  } },
  { title: 'the frees that push it out of the quarantine', only: ['best', 'pool'], options: { quarantine: 200 }, mark: 'turnFree', call: ({ region }, _at, size) => {
    for (let i = 0; i < 10; i++) turn(region, size)
  } },
  { title: 'any call, with period=1', options: { period: 1 }, mark: 'turnAlloc', call: ({ region }, _at, size) => turn(region, size) },
]

interface Harm {
  kind: FindingKind
  offset(size: number): number
}
const beside: readonly Harm[] = [
  { kind: 'overflow', offset: (size) => size },
  { kind: 'overflow', offset: (size) => size + 7 },
  { kind: 'underflow', offset: () => -1 },
  { kind: 'underflow', offset: () => -8 },
]
const inside: readonly Harm[] = [
  { kind: 'write-after-free', offset: () => 0 },
  { kind: 'write-after-free', offset: (size) => size - 1 },
]

for (const method of ['best', 'pool', 'last']) {
  describe(`debug(${method}) notices`, () => {
    let were: string
    before(() => void (were = injectOptions('format=none')))
    after(() => {
      closeScenes()
      injectOptions(were)
    })

    const check = (moment: Moment, { kind, offset }: Harm, isFreed: boolean) => {
      const size = 50
      const scene = new Scene({ method: `debug(${method})`, ...moment.options })
      const { region } = scene
      make(region, size)
      const at = make(region, size)
      if (method === 'best') make(region, size) // it cannot grow where it is
      if (isFreed) drop(region, at)
      scene.spoil(at + offset(size))
      expect(scene.told).to.deep.equal([])
      moment.call(scene, at, size)
      expect(scene.told.map((finding) => finding.kind)).to.deep.equal([kind])
      const [finding] = scene.told
      const { address, size: told, offset: first, allocated, freed, detected } = finding!
      expect({ address, told, first }).to.deep.equal({ address: at, told: size, first: offset(size) })
      expect(isAt(allocated, line('make')), 'allocated').to.equal(true)
      if (isFreed) expect(isAt(freed, line('drop')), 'freed').to.equal(true)
      else expect(freed).to.equal(undefined)
      expect(isAt(detected, line(moment.mark)), `detected by ${JSON.stringify(detected?.[0])}`).to.equal(true)
      if (!region.closed) {
        region.check()
        turn(region, size)
        region.compact()
        region.clear()
        region.close()
      }
      expect(scene.told, 'told once').to.have.length(1)
    }
    for (const moment of besideLive) {
      if (moment.only?.includes(method) === false) continue
      it(`writes beside a live block: ${moment.title}`, () => {
        for (const harm of beside) check(moment, harm, false)
      })
    }
    for (const moment of insideFreed) {
      if (moment.only?.includes(method) === false) continue
      it(`writes into a freed block: ${moment.title}`, () => {
        for (const harm of inside) check(moment, harm, true)
      })
    }

    it('by period: within so many calls, and not before `start`', () => {
      for (const [start, period] of [
        [0, 10],
        [100, 10],
        [57, 1],
        [40, 0],
      ] as const) {
        const scene = new Scene({ method: `debug(${method})`, start, ...(period > 0 ? { period } : {}) })
        const at = make(scene.region, 50)
        let calls = 1
        scene.spoil(at + 50)
        while (scene.told.length === 0 && calls < 200) {
          scene.region.free(scene.region.alloc(50))
          calls += 2
        }
        expect(calls, `start=${start}, period=${period}`).to.be.within(
          start,
          Math.max(start, 1) + Math.max(period, 1) + 2,
        )
        expect(scene.told.map(({ kind, address, offset }) => [kind, address, offset])).to.deep.equal([
          ['overflow', at, 50],
        ])
        scene.region.close()
      }
    })
  })
}
