/**
 * random, at length: ten million operations with the region's own check after each, and two million in large heaps. For
 * `npm run test:long`; SEED repeats a failure.
 */
import { randomLife, seedFrom } from '../conformance/index.ts'
import { grounds } from '../fixtures/grounds.ts'

const SEED = seedFrom(process.env.SEED)
const METHODS = ['best', 'last', 'pool']
const STEPS = 416_000 // for each method and each of eight grounds: 9,984,000 in all
const LIVES = 64

describe(`random lives at length, SEED=${SEED}`, () => {
  for (const method of METHODS) {
    for (const [name, discipline] of Object.entries(grounds)) {
      it(`${method} over ${name}: ${STEPS} operations`, () => {
        for (let i = 0; i < LIVES; i++) {
          const options = { align: 8 << (i % 4), ...(method === 'best' ? { free: i % 8 === 1 } : {}) }
          const live = 4 << (i % 6)
          randomLife({ method, discipline: discipline(), steps: STEPS / LIVES, seed: SEED + i, live, options })
        }
      })
    }
    it(`${method} with thousands of live blocks`, () => {
      for (const [i, largest] of [64, 300, 2000, 20_000].entries()) {
        const seed = SEED + i
        randomLife({ method, discipline: 'resizable', steps: 170_000, seed, check: 0, live: 1000 << i, largest })
      }
    })
  }
})
