/**
 * traces: what real programs asked of malloc, replayed under best over kinds of memory with every byte checked.
 *
 * The two traces that come with the sources run always, those in the folder that VMALLOC_TRACES names where there is
 * one, each over one kind of memory, in turn (`npm run test:long` has all over all). Utilization is the peak of bytes
 * asked for by the most bytes ever held; the bound is for the geometric mean.
 */
import { expect } from 'chai'
import { open, type Region } from '../src/index.ts'
import { traceName } from '../src/node/traces.ts'
import { allTraces, geometricMean, LEAST, OWN, read, replayed } from './fixtures/trace-runs.ts'

const folder = process.env.VMALLOC_TRACES

const places: [where: string, make: () => Region][] = [
  ['memory', () => open({ discipline: 'memory' })],
  ['shared', () => open({ discipline: 'shared' })],
  ['nested', () => open({ discipline: open({ discipline: 'memory', name: 'root' }), name: 'nested' })],
]

/** Each file over all places or, in turn, one of them: test:long plays all over all. */
function suite(files: readonly string[], on: 'all' | 'in turn'): void {
  const used = new Map<string, number[]>(places.map(([where]) => [where, []]))
  for (const [i, file] of files.entries()) {
    for (const [j, [where, make]] of places.entries()) {
      if (on === 'in turn' && i % places.length !== j) continue
      it(`${traceName(file)}, ${where}`, () => {
        used.get(where)!.push(replayed(read(file), make).utilization)
      })
    }
  }
  it(`use at least ${LEAST} of the memory that they hold`, () => {
    const means = places.map(([where]) => [where, geometricMean(used.get(where)!)] as const)
    expect([...used.values()].flat()).to.have.length(files.length * (on === 'all' ? places.length : 1))
    for (const [where, mean] of means) if (where !== 'nested') expect(mean, where).to.be.at.least(LEAST)
    expect(geometricMean([...used.values()].flat()), 'all together').to.be.at.least(LEAST)
  })
}

describe('traces that come with the sources', () => suite(allTraces(OWN), 'all'))

describe(`traces in VMALLOC_TRACES (${folder ?? 'which is not set'})`, () => {
  const files = allTraces(folder)
  if (files.length > 0) suite(files, 'in turn')
  else it('are not there: set VMALLOC_TRACES to a folder with *.rep or *.rep.gz')
})
