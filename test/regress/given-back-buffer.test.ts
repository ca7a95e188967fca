/**
 * given-back-buffer: a discipline whose buffer became another when it was given memory back (the contract says that
 * `buffer()` is read again after every request that was granted) left the region with views of the old one.
 */
import { expect } from 'chai'
import { open } from '../../src/index.ts'
import { Ledger, Pieces } from '../conformance/index.ts'

describe('a buffer that becomes another', () => {
  for (const method of ['best', 'last', 'pool']) {
    it(`is looked up again when memory was given back (${method})`, () => {
      const ledger = new Ledger(new Pieces({ grows: false, moves: true }))
      const region = open({ discipline: ledger, method, check: 3 })
      const blocks = Array.from({ length: 100 }, () => region.alloc(1000))
      for (const at of blocks.reverse()) expect(region.free(at)).to.equal(true)
      region.compact()
      expect(ledger.granted('give back')).to.be.greaterThan(0)
      expect(region.segments()).to.have.length(1)
      expect(region.alloc(1000)).to.not.equal(0)
    })
  }
})
