/**
 * grid: a short random life of every kind of collection, under every method, on every ground.
 */
import { expect } from 'chai'
import { StringBuilder, Vector } from '../../src/collections.ts'
import { injectOptions, open, type Region } from '../../src/index.ts'
import { seedFrom } from '../conformance/index.ts'
import { kinds } from '../fixtures/collection-kinds.ts'
import { brief, expectHeapUnchanged, grounds, methods, overheard, scoped } from '../fixtures/collection-life.ts'

const SEED = seedFrom(process.env.SEED)
const STEPS = 50
const places = Object.values(grounds)

describe(`grid of collections, SEED=${SEED}`, () => {
  let were: string
  before(() => void (were = injectOptions('format=none,profile=none')))
  after(() => injectOptions(were))

  for (const kind of kinds) {
    describe(kind.name, () => {
      for (const method of methods) {
        const how =
          method !== 'pool' ? method : kind.oneSize ? 'contents in a pool' : 'contents in a pool, which refuses some'
        it(`${how}, on ${places.length} grounds`, () => {
          for (const [i, ground] of places.entries()) {
            expectHeapUnchanged(() => brief({ kind, method, ground, steps: STEPS, seed: (SEED + i) >>> 0 }))
          }
        })
      }
      for (const method of ['best', 'last', 'debug(best)', ...(kind.oneSize ? ['pool'] : [])]) {
        it(`contents in a scope of ${method} that is left and entered`, () => {
          for (const [i, ground] of places.entries()) {
            scoped({ kind, method, ground, steps: STEPS, seed: (SEED + i) >>> 0 })
          }
        })
        it(`listeners that use it, under ${method}`, () => {
          const heard = places.map((ground, i) =>
            overheard({ kind, method, ground, steps: STEPS, seed: (SEED + i) >>> 0 }),
          )
          expect(Math.max(...heard), 'deeds of listeners').to.be.greaterThan(0)
        })
      }
    })
  }

  it('a buffer that is emptied and made anew at the same address, while its growth is told, has the room that it has', () => {
    for (const make of [(home: Region) => new Vector(home, Uint8Array), (home: Region) => new StringBuilder(home)]) {
      const region = open({ discipline: 'memory', method: 'last', check: 3 })
      const it = make(region)
      const add = (count: number) => {
        if (it instanceof Vector) it.append(new Array(count).fill(1))
        else it.append('x'.repeat(count))
      }
      let heard = 0
      add(100)
      region.on('resize', () => {
        if (heard++ > 0) return
        const { address } = it
        it.clear()
        add(10)
        expect(it.address, 'address of the new buffer').to.equal(address)
        region.alloc(8)
      })
      add(400)
      expect(heard, 'times that it grew in place').to.be.greaterThan(0)
      it.check()
      expect(it.length).to.equal(410)
      add(500)
      it.check()
      expect(it.length).to.equal(910)
      it.destroy()
    }
  })

  it('a zero that is to be kept behind the last from the middle of a growth on has room', () => {
    const region = open({ discipline: 'memory', check: 3 })
    const it = new Vector(region, Float64Array)
    let heard = 0
    const listen = (): void => {
      if (heard++ > 0) return
      for (let i = 0; i < 7; i++) it.push(1)
      it.nullTerminate()
    }
    region.on('alloc', listen)
    it.push(1)
    expect(heard).to.be.greaterThan(0)
    it.check()
    expect(it.length).to.equal(8)
    it.destroy()
  })
})
