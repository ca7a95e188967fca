/**
 * debug, at length: a million operations of programs without an error, of which nothing may be told; and random harm, of
 * which every life must end. For `npm run test:long`; SEED repeats a failure.
 */
import { injectOptions } from '../../src/index.ts'
import { seedFrom } from '../conformance/index.ts'
import { randomHarm, type Where } from '../fixtures/debug-harm.ts'
import { blamelessLife, levels, patterns, setups } from '../fixtures/debug-life.ts'

const SEED = seedFrom(process.env.SEED)
const METHODS = ['best', 'pool', 'last']
const STEPS = 7_000 // for each method, level and setup: 1,008,000 in all
const LIVES = 500

describe(`debug at length, SEED=${SEED}`, () => {
  let were: string
  before(() => void (were = injectOptions('format=none')))
  after(() => injectOptions(were))

  for (const method of METHODS) {
    for (const level of levels) {
      it(`nothing is told of a program without an error: debug(${method}), level=${level}`, () => {
        for (const [i, setup] of setups.entries()) {
          const options = { level, depth: i % 2, patterns: patterns[i % 3], ...setup }
          blamelessLife({ method: `debug(${method})`, options, steps: STEPS, seed: SEED + i, live: 20 << (i % 4) })
        }
      })
    }
    for (const where of ['blocks', 'anywhere, looked at', 'anywhere'] as const satisfies readonly Where[]) {
      it(`random bytes, ${where}: debug(${method})`, () => {
        for (let life = 0; life < LIVES; life++) randomHarm(method, where, SEED + life)
      })
    }
  }
})
