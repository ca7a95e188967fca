/**
 * traces, at length: every trace over every kind of memory, with several passes over one heap, and again with large
 * alignment and with each operation checked at its neighbours. `npm run test:long`; the short one is traces.test.ts.
 */
import { expect } from 'chai'
import { open, type Region } from '../../src/index.ts'
import { traceName } from '../../src/node/traces.ts'
import { allTraces, geometricMean, LEAST, OWN, read, replayed } from '../fixtures/trace-runs.ts'

const root = (discipline = 'memory') => open({ discipline, name: 'root' })
const places: [where: string, make: () => Region][] = [
  ['memory', () => root()],
  ['shared', () => root('shared')],
  ['resizable', () => root('resizable')],
  ['a buffer', () => open({ discipline: 'buffer', max: 2 ** 28 })],
  ['the default heap', () => open()],
  ['nested', () => open({ discipline: root() })],
  ['nested in shared', () => open({ discipline: root('shared') })],
  ['nested twice', () => open({ discipline: open({ discipline: root() }) })],
  ['aligned to 64', () => open({ discipline: 'memory', align: 64 })],
  ['freed at once', () => open({ discipline: 'memory', free: true })],
  ['checked at the neighbours', () => open({ discipline: 'memory', check: 2 })],
  ['filled with junk', () => open({ discipline: 'memory', junk: true })],
]

const files = [...allTraces(OWN), ...allTraces(process.env.VMALLOC_TRACES)]
const used = new Map<string, number[]>(places.map(([where]) => [where, []]))

for (const file of files) {
  describe(`trace ${traceName(file)}`, () => {
    for (const [where, make] of places) {
      it(where, () => void used.get(where)!.push(replayed(read(file), make, 2).utilization))
    }
  })
}

// A suite of its own: tests outside of any would run before all suites.
describe('traces, all together', () => {
  for (const where of ['memory', 'shared', 'resizable']) {
    it(`use at least ${LEAST} of what they hold over ${where}`, () => {
      expect(used.get(where)).to.have.length(files.length)
      expect(geometricMean(used.get(where)!)).to.be.at.least(LEAST)
    })
  }
})
