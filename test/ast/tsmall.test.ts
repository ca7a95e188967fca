/**
 * tsmall: many blocks of small sizes, freed in turn; then the structure is sound and compacts to one piece.
 *
 * As the original, for every size from 0 to 256 and in three orders.
 */
import { expect } from 'chai'
import { open } from '../../src/index.ts'

const orders: [string, (blocks: number[]) => number[]][] = [
  ['first to last', (blocks) => blocks],
  ['last to first', (blocks) => blocks.toReversed()],
  ['every other one first', (blocks) => [...blocks.filter((_, i) => i % 2 === 0), ...blocks.filter((_, i) => i % 2)]],
]

describe('ast tsmall', () => {
  for (const [what, order] of orders) {
    it(`frees small blocks ${what}`, () => {
      const region = open({ discipline: 'resizable', method: 'best' })
      const blocks: number[] = []
      for (let round = 0; round < 20; round++) {
        for (let size = 0; size <= 256; size++) {
          const at = region.alloc(size)
          expect(at % 8).to.equal(0)
          region.bytes(at, size).fill(size)
          blocks.push(at)
        }
      }
      expect(new Set(blocks).size).to.equal(blocks.length)
      region.check()
      for (const [i, at] of blocks.entries()) {
        const size = i % 257
        const bytes = region.bytes(at, size)
        expect(size === 0 || (bytes[0] === (size & 255) && bytes[size - 1] === (size & 255)), `block ${i}`).to.equal(
          true,
        )
      }
      for (const at of order(blocks)) expect(region.free(at)).to.equal(true)
      region.check()
      expect(region.stat()).to.include({ busyBlocks: 0, busyBytes: 0 })
      expect(region.compact()).to.be.greaterThan(0)
      region.check()
      expect(region.stat().freeBlocks).to.be.at.most(1)
      expect(region.stat().extent).to.be.below(4096)
    })
  }
})
