/**
 * life: random lives over accounts, against a model, totals compared after each step. SEED repeats a failure; ten times
 * as much: `npm run test:long`.
 */
import { seedFrom } from '../conformance/index.ts'
import { quietlyWithExact } from '../fixtures/account-exact.ts'
import { accountLife } from '../fixtures/account-life.ts'
import { grounds } from '../fixtures/grounds.ts'

const SEED = seedFrom(process.env.SEED)
const methods = [
  'best',
  'last',
  'pool',
  'debug(best)',
  'debug(last)',
  'profile(best)',
  'debug(profile(best))',
  'exact(best)',
]

describe(`random lives of accounts, SEED=${SEED}`, () => {
  quietlyWithExact()

  for (const method of methods) {
    for (const [i, [name, discipline]] of Object.entries(grounds).entries()) {
      it(`${method} over ${name}`, () => {
        const seed = (SEED + i) >>> 0
        accountLife({
          method,
          discipline: discipline(),
          steps: 150,
          seed,
          begin: 'open',
          ordinals: i % 2 === 0,
          check: 3,
        })
        accountLife({
          method,
          discipline: discipline(),
          steps: 250,
          seed,
          begin: 'open',
          check: 0,
          listens: false,
          most: 48,
        })
        if (method === 'best') {
          const calm = { calm: true, most: 5, check: 0, listens: false, steps: 600 }
          accountLife({ method, discipline: discipline(), seed, begin: 'open', ...calm })
          accountLife({ method, discipline: discipline(), seed, begin: 'later', ...calm })
        }
        if (method === 'pool') return
        accountLife({
          method,
          discipline: discipline(),
          steps: 150,
          seed,
          begin: 'later',
          ordinals: i % 2 === 1,
          check: 3,
        })
        accountLife({
          method,
          discipline: discipline(),
          steps: 250,
          seed,
          begin: 'later',
          check: 0,
          listens: false,
          align: 64,
        })
      })
    }
  }
})
