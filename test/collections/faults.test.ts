/**
 * faults: collections where memory is refused at every request in turn, and where their bytes are damaged.
 */
import { Worker } from 'node:worker_threads'
import { expect } from 'chai'
import { StringBuilder } from '../../src/collections.ts'
import { injectOptions, open, type Region, VmallocError } from '../../src/index.ts'
import { Rng, seedFrom } from '../conformance/index.ts'
import type { DamageJob, DamageReport } from '../fixtures/collection-damage.ts'
import { type Deed, type Kind, kinds, type Life, perform } from '../fixtures/collection-kinds.ts'
import { limited } from '../fixtures/homes.ts'

const SEED = seedFrom(process.env.SEED)
const STEPS = 40

/** Makes a region refuse some of the requests that come through its handle: `refuses` is asked with 1, 2, and so on. */
function refusing<T>(regions: readonly Region[], refuses: (n: number) => boolean, what: () => T): { asked: number } {
  let asked = 0
  for (const region of regions) {
    const { alloc, resize } = region
    region.alloc = (size) => (refuses(++asked) ? 0 : alloc.call(region, size))
    region.resize = (at, size, options) => (refuses(++asked) ? 0 : resize.call(region, at, size, options))
  }
  try {
    what()
  } finally {
    for (const region of regions) {
      const own = region as Partial<Region>
      delete own.alloc
      delete own.resize
    }
  }
  return { asked }
}

function fullLife(kind: Kind, rng: Rng, home: Region, data?: Region): Life {
  const life = kind.begin(home, data === undefined ? {} : { data })
  for (let i = 0; i < STEPS; i++) perform(life, life.draw(rng))
  return life
}

describe(`faults of collections, SEED=${SEED}`, () => {
  let were: string
  before(() => void (were = injectOptions('format=none,profile=none')))
  after(() => injectOptions(were))

  describe('no memory at the k-th request, for every k', () => {
    for (const kind of kinds) {
      for (const [how, after] of [
        ['only', (k: number) => (n: number) => n === k],
        ['and from there on', (k: number) => (n: number) => n >= k],
      ] as const) {
        it(`${kind.name}: ${how}`, () => {
          const rng = new Rng(SEED)
          const home = open({ discipline: 'memory', check: 3 })
          const data = open({ discipline: home, check: 3 })
          data.free(data.alloc(1 << 16)) // so that it takes no more blocks of the other
          const life = fullLife(kind, rng, home, data)
          let refusals = 0
          const exhaust = (deed: Deed): void => {
            for (let k = 1; ; k++) {
              const before = home.stat().busyBlocks + data.stat().busyBlocks
              let came = ''
              const { asked } = refusing([home, data], after(k), () => void (came = perform(life, deed)))
              life.compare(`${deed.name}, request ${k} refused: ${came}`)
              if (asked >= k) refusals++
              if (asked < k) return
              if (came !== 'no-memory') continue
              expect(asked, 'requests').to.be.at.least(k)
              const grown = home.stat().busyBlocks + data.stat().busyBlocks - before
              // a table that was made larger for what then found no room stays: it is the collection's
              expect(grown, `blocks that ${deed.name} left`).to.be.at.most(kind.name === 'Slab' ? 1 : 0)
            }
          }
          for (let i = 0; i < 3; i++) for (const deed of life.all(rng)) exhaust(deed)
          for (let i = 0; i < 20; i++) exhaust(life.all(rng)[0]!)
          expect(refusals, 'refusals').to.be.greaterThan(0)
          life.it.destroy()
          expect(data.stat().busyBlocks, 'blocks of contents').to.equal(0)
          data.close()
          expect(home.stat().busyBlocks, 'blocks').to.equal(0)
          home.close()
        })
      }

      it(`${kind.name}: when it is made`, () => {
        const home = open({ discipline: 'memory' })
        const data = open({ discipline: home })
        for (let k = 1; ; k++) {
          let made: Life | undefined
          let fault: unknown
          refusing(
            [home, data],
            (n) => n === k,
            () => {
              try {
                made = kind.begin(home, { data })
              } catch (error) {
                fault = error
              }
            },
          )
          if (made !== undefined) {
            made.compare('new')
            made.it.destroy()
            break
          }
          expect(fault).to.be.instanceOf(VmallocError)
          expect((fault as VmallocError).code).to.equal('no-memory')
          expect([home.stat().busyBlocks, data.stat().busyBlocks], `after request ${k}`).to.deep.equal([1, 0])
        }
        expect([home.stat().busyBlocks, data.stat().busyBlocks]).to.deep.equal([1, 0])
      })
    }
  })

  describe('little memory', () => {
    for (const kind of kinds) {
      it(`${kind.name}: until there is none, again and again`, () => {
        const rng = new Rng(SEED)
        const home = open({ discipline: new ArrayBuffer(4096), check: 3 })
        const hole = home.alloc(320)
        for (let size = 2048; size >= 8; size /= 2) while (home.alloc(size) !== 0);
        home.free(hole)
        const { busyBlocks } = home.stat()
        const life = kind.begin(home)
        let refused = 0
        for (let i = 0; i < 900 && refused < 30; i++) {
          const deed = i % 30 === 0 ? life.draw(rng) : life.all(rng)[0]!
          const came = perform(life, deed)
          if (came === 'no-memory') refused++
          if (i % 10 === 0 || came === 'no-memory') life.compare(`after ${deed.name}: ${came}`)
        }
        expect(refused, 'refusals').to.be.greaterThan(0)
        life.it.destroy()
        expect(home.stat().busyBlocks).to.equal(busyBlocks)
      })
    }
  })

  describe('a handler that clears the contents when there is no memory', () => {
    for (const kind of kinds) {
      it(kind.name, () => {
        const rng = new Rng(SEED)
        const home = open({ discipline: 'memory', check: 3 })
        let cleared = 0
        let life: Life | undefined
        const ask = (): number => {
          if (!data.clear()) return 0
          cleared++
          life?.empty()
          return 1
        }
        const data: Region = open({ discipline: limited(home, 2100, ask), name: 'data', check: 3 })
        life = kind.begin(home, { data })
        for (let i = 0; i < 1500 && cleared < 5; i++) {
          const deed = i % 30 === 0 ? life.draw(rng) : life.all(rng)[0]!
          if (deed.delicate) continue
          const before = cleared
          const came = perform(life, deed)
          if (i % 20 === 0 || cleared !== before) life.compare(`after ${deed.name}: ${came}, cleared ${cleared} times`)
        }
        expect(cleared, 'times that it was cleared').to.be.greaterThan(0)
        life.it.destroy()
        expect(data.stat().busyBlocks, 'blocks of contents').to.equal(0)
        data.close()
        expect(home.stat().busyBlocks).to.equal(0)
      })
    }
  })

  it('text that makes a handler clear the contents is there afterwards, alone', () => {
    const home = open({ discipline: 'memory', check: 3 })
    let cleared = 0
    const ask = (): number => {
      if (cleared > 0) return 0
      cleared++
      return data.clear() ? 1 : 0
    }
    const data: Region = open({ discipline: limited(home, 4096, ask), name: 'data', check: 3 })
    const builder = new StringBuilder(home, { data })
    let text = ''
    for (let i = 0; cleared === 0; i++) {
      text = String(i).repeat(100)
      builder.append(text)
    }
    expect(builder.toString()).to.equal(text)
    builder.check()
    expect(data.stat().busyBlocks, 'blocks').to.equal(1)
    builder.destroy()
    data.close()
  })

  describe('damaged bytes: each call works or throws VmallocError, ends, and writes nothing before the space', () => {
    const CASES = 60
    const PATIENCE = 15_000

    it(`${kinds.length} kinds, ${CASES} damages each`, async () => {
      const seen = new Int32Array(new SharedArrayBuffer(12))
      const job: DamageJob = { seed: SEED, cases: CASES, seen }
      const worker = new Worker(new URL('../fixtures/collection-damage.ts', import.meta.url), { workerData: job })
      const report = await new Promise<DamageReport>((done, fail) => {
        worker.once('message', done).once('error', fail)
        let was = ''
        const watch = setInterval(() => {
          const now = seen.join()
          if (now === was && seen[0] !== 0) {
            fail(new Error(`${kinds[seen[0]! - 1]!.name}: case ${seen[1]}, call ${seen[2]} does not end`))
          }
          was = now
        }, PATIENCE)
        worker.once('exit', () => clearInterval(watch))
      }).finally(() => worker.terminate())
      expect(report.wrong).to.deep.equal([])
      expect(report.corrupted, 'damages that check saw').to.be.greaterThan((kinds.length * CASES) / 4)
      expect(report.worked, 'calls that worked all the same').to.be.greaterThan(kinds.length * CASES)
    })
  })
})
