/**
 * sliver: what a segment has left when it stops being the newest may be too small for a block. When that segment became
 * the newest again and grew, the sliver lay in its middle, where `check` took it for damage; and blocks before and after
 * it never merged.
 */
import { expect } from 'chai'
import { open } from '../../src/index.ts'
import { Ledger, Pieces } from '../conformance/index.ts'

describe('a sliver at the end of a segment', () => {
  for (let size = 1000; size < 1100; size += 8) {
    it(`is no damage when the segment grows, and merges (block of ${size} bytes before it)`, () => {
      const ledger = new Ledger(new Pieces({ round: 24 }))
      const region = open({ discipline: ledger, method: 'best', check: 3 })
      const before = region.alloc(size)
      region.compact() // the wilderness goes, but for what the granule of 24 bytes keeps
      ledger.intercept = (_n, { request }) => (request === 'grow' ? 0 : undefined)
      const elsewhere = region.alloc(2000)
      region.free(elsewhere)
      region.compact()
      ledger.intercept = undefined
      const after = region.alloc(2000)
      expect(region.segments()).to.have.length(1)
      region.free(after)
      region.free(before)
      region.compact()
      const { busyBlocks, freeBlocks } = region.stat()
      expect(busyBlocks).to.equal(0)
      expect(freeBlocks, 'in one piece, or less than a block').to.be.at.most(1)
    })
  }

  it('does not keep a segment whose blocks are all free', () => {
    const ledger = new Ledger(new Pieces({ round: 24, grows: false }))
    const region = open({ discipline: ledger, method: 'best', check: 3 })
    for (let size = 1000; size < 1100; size += 8) {
      const blocks = Array.from({ length: 60 }, () => region.alloc(size))
      region.compact()
      blocks.push(...Array.from({ length: 60 }, () => region.alloc(size)))
      for (const at of blocks) region.free(at)
      region.compact()
      expect(region.segments(), `after blocks of ${size} bytes`).to.have.length(1)
    }
  })
})
