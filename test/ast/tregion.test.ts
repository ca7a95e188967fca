/**
 * tregion: which region owns an address.
 *
 * The original asks a function of the process; here each region answers for itself and for those nested in it, so the
 * heap, in which the others lie, can be asked about all of them.
 */
import { expect } from 'chai'
import { heap, open } from '../../src/index.ts'

describe('ast tregion', () => {
  for (const method of ['best', 'last', 'pool']) {
    it(`tells blocks of the heap from those of a region in it (${method})`, () => {
      const region = open({ method, name: `tregion ${method}` })
      const mine = [10, 20, 30].map(() => region.alloc(100))
      const its = [10, 20, 30].map((size) => heap().alloc(size))
      try {
        for (const at of mine) {
          expect(heap().regionOf(at)).to.equal(region)
          expect(region.regionOf(at)).to.equal(region)
        }
        for (const at of its) {
          expect(heap().regionOf(at)).to.equal(heap())
          expect(region.regionOf(at)).to.equal(undefined)
        }
        expect(heap().regionOf(0)).to.equal(undefined)
        expect(heap().regionOf(2 ** 40)).to.equal(undefined)
      } finally {
        for (const at of its) heap().free(at)
        region.close()
      }
      expect(heap().regionOf(mine[0]!), 'after close').to.equal(heap())
    })
  }
})
