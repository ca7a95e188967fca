/**
 * heaps, at length: a hundred times as many lives as test/heap-random.test.ts. For `npm run test:long`; SEED repeats a
 * failure.
 */
import { injectOptions } from '../../src/index.ts'
import { seedFrom } from '../conformance/index.ts'
import { grounds, heapLife, methods } from '../fixtures/heap-life.ts'

const SEED = seedFrom(process.env.SEED)
const LIVES = 200

describe(`random lives of heaps at length, SEED=${SEED}`, () => {
  let were: string
  before(() => void (were = injectOptions('format=none,profile=none')))
  after(() => injectOptions(were))

  for (const method of methods) {
    for (const [name, discipline] of Object.entries(grounds)) {
      it(`${method} over ${name}: ${LIVES} lives`, () => {
        for (let i = 0; i < LIVES; i++) {
          heapLife({ method, discipline, steps: 200 + 50 * (i % 5), seed: (SEED + i) >>> 0 })
        }
      })
    }
  }
})
