/**
 * random: more than a million operations drawn at random, the region's own check at level 3 after each, and a model that
 * knows every answer. Heaps are kept small, for it is at the edges, not in the middle, that things go wrong.
 *
 * A failure names its seed and the last operations: `SEED=... npx mocha test/random.test.ts` repeats it. Ten times as
 * much, and larger heaps: `npm run test:long`.
 */
import { randomLife, seedFrom } from './conformance/index.ts'
import { grounds } from './fixtures/grounds.ts'

const SEED = seedFrom(process.env.SEED)
const METHODS = ['best', 'last', 'pool']
const STEPS = 44_000 // for each method and each of eight grounds: 1,056,000 in all
const LIVES = 8

describe(`random lives, SEED=${SEED}`, () => {
  for (const method of METHODS) {
    for (const [name, discipline] of Object.entries(grounds)) {
      it(`${method} over ${name}: ${STEPS} operations`, () => {
        for (let i = 0; i < LIVES; i++) {
          const options = { align: i === 0 ? 64 : 8, ...(method === 'best' ? { free: i === 1 } : {}) }
          const live = i === 2 ? 8 : 60
          randomLife({ method, discipline: discipline(), steps: STEPS / LIVES, seed: SEED + i, live, options })
        }
      })
      it(`${method} over ${name}, by its short ways`, () => {
        for (let check = 0; check < 3; check++) {
          randomLife({ method, discipline: discipline(), steps: 2000, seed: SEED, check, live: 100 })
        }
      })
    }
  }
})
