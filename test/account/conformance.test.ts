/**
 * conformance: a region that keeps accounts is as any other to its clients: the lives of the conformance suite and every
 * method of the suite, with a tail behind each block. Known and harmless: the piece of the ledger stays when all is freed.
 */
import { injectOptions } from '../../src/index.ts'
import { claimsOf, Pieces, randomLife, seedFrom } from '../conformance/index.ts'
import { chargedLife } from '../fixtures/account-conformance.ts'
import { quietlyWithExact } from '../fixtures/account-exact.ts'
import { grounds } from '../fixtures/grounds.ts'

const SEED = seedFrom(process.env.SEED)
const METHODS = ['best', 'last', 'pool', 'debug(best)', 'exact(best)']

describe(`conformance of regions with accounts, SEED=${SEED}`, () => {
  quietlyWithExact()

  for (const method of METHODS) {
    for (const [i, [name, discipline]] of Object.entries(grounds).entries()) {
      it(`${method} over ${name}`, () => {
        chargedLife({ method, discipline: discipline(), steps: 250, seed: SEED + i, align: i === 0 ? 64 : 8 })
        chargedLife({ method, discipline: discipline(), steps: 250, seed: SEED + i, check: 0, ordinals: i % 2 === 0 })
      })
    }
  }

  it('accounts that the environment asks for are kept', () => {
    const before = injectOptions('*.accounts,format=none,profile=none')
    try {
      for (const method of ['best', 'last', 'pool']) {
        const claims = { ...claimsOf(method), overhead: claimsOf(method).overhead + 8 }
        randomLife({ method, discipline: new ArrayBuffer(40_000), steps: 300, seed: SEED, claims })
        randomLife({ method, discipline: new Pieces({ grows: false }), steps: 300, seed: SEED, claims })
      }
    } finally {
      injectOptions(before)
    }
  })
})
