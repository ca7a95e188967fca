/**
 * accounts, at length: random lives against the model, conformance lives with a tail behind each block, every value in every
 * word of a ledger, every fault at every request. For `npm run test:long`; SEED repeats a failure.
 */
import { expect } from 'chai'
import { seedFrom } from '../conformance/index.ts'
import { chargedLife } from '../fixtures/account-conformance.ts'
import { bytesOfAccounts } from '../fixtures/account-cost.ts'
import { damagedKinds, overwriteAll } from '../fixtures/account-damage.ts'
import { quietlyWithExact } from '../fixtures/account-exact.ts'
import { everyFault, faultyKinds, sources } from '../fixtures/account-fault.ts'
import { accountLife } from '../fixtures/account-life.ts'
import { grounds } from '../fixtures/grounds.ts'
import { allTraces, OWN, read } from '../fixtures/trace-runs.ts'

const SEED = seedFrom(process.env.SEED)
const LIVES = 40
const METHODS = [
  'best',
  'last',
  'pool',
  'debug(best)',
  'debug(last)',
  'profile(best)',
  'debug(profile(best))',
  'exact(best)',
]

describe('what accounts take of memory, all traces together', () => {
  it('is four bytes a block at most, eight with ordinals', () => {
    const files = [...allTraces(OWN), ...allTraces(process.env.VMALLOC_TRACES)]
    const means = (ordinals: boolean): number[] => files.map((file) => bytesOfAccounts(read(file), ordinals))
    for (const [ordinals, most] of [
      [false, 4],
      [true, 8],
    ] as const) {
      const each = means(ordinals)
      expect(each.reduce((sum, bytes) => sum + bytes, 0) / each.length, `${each}`).to.be.at.most(most)
    }
  })
})

describe(`accounts at length, SEED=${SEED}`, () => {
  quietlyWithExact()

  for (const method of METHODS) {
    for (const [name, discipline] of Object.entries(grounds)) {
      it(`${method} over ${name}: ${LIVES} lives`, () => {
        for (let i = 0; i < LIVES; i++) {
          accountLife({
            method,
            discipline: discipline(),
            steps: 400 + 20 * (i % 10),
            seed: (SEED + i) >>> 0,
            begin: method === 'pool' || i % 2 === 0 ? 'open' : 'later',
            ordinals: i % 3 === 0,
            check: i % 4 === 3 ? 0 : 3,
            listens: i % 4 !== 3,
            align: i % 5 === 4 ? 64 : 8,
            most: [3, 12, 60][i % 3]!,
          })
        }
      })

      it(`${method} over ${name}: conformance`, () => {
        for (let i = 0; i < 8; i++) {
          chargedLife({
            method,
            discipline: discipline(),
            steps: 4000,
            seed: SEED + i,
            check: i % 2 === 0 ? 3 : 0,
            align: 8 << (i % 4),
            ordinals: i % 3 === 0,
            live: 8 << (i % 4),
          })
        }
      })
    }
  }

  for (const [method, begin] of damagedKinds) {
    it(`every value in every word: ${method}, accounts from ${begin}`, () => {
      expect(overwriteAll(method, begin)).to.deep.equal({ unseen: [], endless: [] })
    })
  }

  for (const [method, begin] of faultyKinds) {
    for (const [where, source] of sources) {
      it(`every fault at every request: ${method}, accounts from ${begin}, over ${where}`, () => {
        expect(everyFault(method, begin, source, true)).to.be.greaterThan(4)
      })
    }
  }
})
