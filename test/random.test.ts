/**
 * random: lives of at least a million operations in all, checked in full after each, against a shadow model.
 *
 * SEED=n repeats a failure; the title names the seed.
 */
import { open } from '../src/index.ts'
import { type Life, randomLife, seedFrom } from './conformance/index.ts'

const seed = seedFrom(process.env.SEED)
const KIB = 1024

type Where = () => Life['discipline']
const places: [string, Where][] = [
  ['buffer', () => new ArrayBuffer(256 * KIB)],
  ['memory', () => 'memory'],
  ['resizable', () => 'resizable'],
  ['shared', () => 'shared'],
  ['a nested region', () => open({ discipline: open({ discipline: 'memory', method: 'best' }), method: 'best' })],
]
const STEPS = 70_000

describe(`random lives, SEED=${seed}`, () => {
  for (const method of ['best', 'last', 'pool']) {
    for (const [i, [place, where]] of places.entries()) {
      it(`${STEPS} operations on ${method} over ${place}, everything checked after each`, function () {
        this.timeout(120_000)
        randomLife({ method, discipline: where(), steps: STEPS, seed: seed + i, live: 48, largest: 900 })
      })
    }
  }
})
