import { expect } from 'chai'
import { open } from '../../src/index.ts'

// A segment that is given back may take the buffer's end with it, and then views of the old length are of no use.
describe('a segment at the end of a buffer that shrinks', () => {
  for (const method of ['best', 'last', 'pool']) {
    it(`can be given back: ${method}`, () => {
      const region = open({ name: 'shrinking', method, discipline: 'resizable', check: 3 })
      for (const key of 'abcdef') region.values.set(key, 1) // a piece of its own, so the first segment cannot grow
      for (let round = 0; round < 3; round++) {
        const before = region.extent
        const blocks = Array.from({ length: 400 }, () => region.alloc(40))
        expect(blocks).to.not.include(0)
        expect(region.segments().length, 'segments').to.be.above(2)
        for (const at of blocks.reverse()) expect(region.free(at)).to.equal(true)
        const full = region.extent
        expect(region.compact(), 'given back').to.equal(full - region.extent)
        expect(region.extent).to.be.at.most(Math.max(before, 4096))
        expect(region.values.get('f')).to.equal(1)
      }
      region.close()
    })
  }
})
