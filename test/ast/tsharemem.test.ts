/**
 * tsharemem: the count of busy blocks in a shared region is exact, whoever allocated and freed them.
 *
 * The original forks 64 processes; here eight threads share the region, over memory that grows and over a fixed buffer
 * that is nearly full. Blocks that one thread left are freed by another.
 */
import { expect } from 'chai'
import { open } from '../../src/index.ts'
import { churnTogether, type Hand, hire } from '../fixtures/crew.ts'
import { SEED } from '../fixtures/dice.ts'

const THREADS = 8
const STEPS = 4000

describe('ast tsharemem', () => {
  let crew: Hand[]
  before(async () => void (crew = await hire(THREADS)))
  after(() => Promise.all(crew.map((hand) => hand.dismiss())))

  for (const [what, make] of [
    ['memory that grows', () => 'shared'],
    ['a buffer that is nearly full', () => new SharedArrayBuffer(300_000)],
  ] as const) {
    it(`${THREADS} threads in ${what} (SEED=${SEED})`, async () => {
      const region = open({ discipline: make(), name: 'counted' })
      await Promise.all(crew.map((hand) => hand.do('attach', region.share())))
      let busy = 0
      for (let round = 0; round < 3; round++) {
        const reports = await churnTogether(crew, { path: [], seed: SEED + round, steps: STEPS })
        busy += reports.reduce((n, { allocated, freed }) => n + allocated - freed, 0)
        expect(region.stat().busyBlocks, `round ${round}`).to.equal(busy)
        region.check()
        const answers = await Promise.all(
          reports.flatMap(({ left }, i) =>
            left.map(async (block) => {
              const other = crew[(i + 1) % THREADS]!
              return (await other.do('isFilled', [], block)) && (await other.do('free', [], block.at))
            }),
          ),
        )
        expect(answers.every(Boolean)).to.equal(true)
        busy -= answers.length
        expect(region.stat()).to.include({ busyBlocks: 0, busyBytes: 0 })
      }
      region.check()
    })
  }
})
