/**
 * tsafemalloc: threads that allocate, resize and free at the same time.
 *
 * The original starts 32 threads with 5,000 steps each on one malloc. Here malloc belongs to its thread, so eight
 * threads work each behind their own; and then, what is closer to the original, all of them in one shared region.
 */
import { expect } from 'chai'
import { open } from '../../src/index.ts'
import { churnTogether, type Hand, hire } from '../fixtures/crew.ts'
import { SEED } from '../fixtures/dice.ts'

const THREADS = 8
const STEPS = 5000

describe('ast tsafemalloc', () => {
  let crew: Hand[]
  before(async () => void (crew = await hire(THREADS)))
  after(() => Promise.all(crew.map((hand) => hand.dismiss())))

  it(`${THREADS} threads call malloc, calloc, realloc and free ${STEPS} times (SEED=${SEED})`, async () => {
    const reports = await Promise.all(crew.map((hand, i) => hand.do('mallocs', SEED + i, STEPS)))
    for (const { busyBlocks, left } of reports) {
      expect(left).to.be.greaterThan(10)
      expect(busyBlocks).to.equal(left)
    }
  })

  it(`${THREADS} threads make ${STEPS} steps in one region (SEED=${SEED})`, async () => {
    const region = open({ discipline: 'shared', name: 'shared by all' })
    await Promise.all(crew.map((hand) => hand.do('attach', region.share())))
    const reports = await churnTogether(crew, { path: [], seed: SEED, steps: STEPS })
    region.check()
    const sum = (of: 'allocated' | 'freed' | 'bytes') => reports.reduce((n, report) => n + report[of], 0)
    expect(region.stat()).to.include({ busyBlocks: sum('allocated') - sum('freed'), busyBytes: sum('bytes') })
  })
})
