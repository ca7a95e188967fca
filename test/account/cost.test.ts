/**
 * cost: what an account takes of memory at each block that real programs had live at their peak: four bytes, eight with
 * ordinals, and less where the method's rounding leaves room. The traces that come with the sources; `npm run test:long` has
 * those in VMALLOC_TRACES, too.
 */
import { expect } from 'chai'
import { traceName } from '../../src/node/traces.ts'
import { bytesOfAccounts } from '../fixtures/account-cost.ts'
import { allTraces, OWN, read } from '../fixtures/trace-runs.ts'

describe('what accounts take of memory', () => {
  for (const file of allTraces(OWN)) {
    it(`${traceName(file)}: four bytes a block at most, eight with ordinals`, () => {
      expect(bytesOfAccounts(read(file), false), 'accounts').to.be.at.most(4)
      expect(bytesOfAccounts(read(file), true), 'with ordinals').to.be.at.most(8)
    })
  }
})
