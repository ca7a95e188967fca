/**
 * collections, at length: a hundred times as many lives as test/collections/grid.test.ts. For `npm run test:long`; SEED
 * repeats a failure.
 */
import { injectOptions } from '../../src/index.ts'
import { seedFrom } from '../conformance/index.ts'
import { kinds } from '../fixtures/collection-kinds.ts'
import { brief, expectHeapUnchanged, grounds, methods, overheard, scoped } from '../fixtures/collection-life.ts'

const SEED = seedFrom(process.env.SEED)
const LIVES = 30
const places = Object.entries(grounds)

describe(`lives of collections at length, SEED=${SEED}`, () => {
  let were: string
  before(() => void (were = injectOptions('format=none,profile=none')))
  after(() => injectOptions(were))

  for (const kind of kinds) {
    for (const method of methods) {
      const canHold = method !== 'pool' || kind.oneSize
      for (const [name, ground] of places) {
        it(`${kind.name}, ${method}, ${name}: ${LIVES} lives`, () => {
          for (let i = 0; i < LIVES; i++) {
            const options = { kind, method, ground, steps: 40 + 20 * (i % 5), seed: (SEED + i) >>> 0 }
            expectHeapUnchanged(() => brief(options))
            if (!canHold) continue
            scoped(options)
            overheard(options)
          }
        })
      }
    }
  }
})
