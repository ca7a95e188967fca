/**
 * debug-random: programs without an error, drawn at random, of which nothing may be told. The lives are those of
 * conformance/region.ts but without its mistakes; `SEED=... npx mocha test/debug-random.test.ts` repeats one. A million
 * operations: test/long/debug.long.ts.
 */
import { injectOptions } from '../src/index.ts'
import { seedFrom } from './conformance/index.ts'
import { blamelessLife, levels, patterns, setups } from './fixtures/debug-life.ts'

const SEED = seedFrom(process.env.SEED)
const STEPS = 350

describe(`nothing is told of a program without an error, SEED=${SEED}`, () => {
  let were: string
  before(() => void (were = injectOptions('format=none')))
  after(() => injectOptions(were))

  for (const method of ['best', 'pool', 'last']) {
    for (const level of levels) {
      it(`debug(${method}), level=${level}`, () => {
        for (const [i, setup] of setups.entries()) {
          const options = { level, depth: i % 2, patterns: patterns[i % 3], ...setup }
          blamelessLife({ method: `debug(${method})`, options, steps: STEPS, seed: SEED + i })
        }
      })
    }
  }
})
