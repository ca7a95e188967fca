/**
 * bench-programs: the real programs of the bench answer as plain objects do, whatever their data are drawn from.
 */
import { expect } from 'chai'
import { programs } from '../bench/programs/index.ts'
import * as vmalloc from '../src/index.ts'

const SCALE = 0.02

for (const program of programs) {
  describe(`bench program ${program.name}`, () => {
    for (const seed of [1, 2, 3, 4]) {
      let expected: number
      before(() => {
        expected = program.expected({ scale: SCALE, seed })
      })
      for (const variant of program.variants) {
        it(`${variant.name} answers what plain objects answer and frees every block, seed ${seed}`, () => {
          const before = new Set(vmalloc.regions())
          const outcome = variant.run(vmalloc, { scale: SCALE, seed })
          expect(outcome.checksum).to.equal(expected)
          expect(outcome.extent).to.be.greaterThan(0)
          expect(outcome.operations).to.be.greaterThan(0)
          expect(vmalloc.regions().filter((region) => !before.has(region))).to.deep.equal([])
        })
      }
    }
  })
}
