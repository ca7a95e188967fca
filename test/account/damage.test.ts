/**
 * damage: every word of a ledger, and every word behind a block, is overwritten, with one value of nine each (all of
 * them: `npm run test:long`).
 */
import { expect } from 'chai'
import { VmallocError } from '../../src/index.ts'
import { LEDGER } from '../../src/region/header.ts'
import { bounded, damagedKinds, overwriteAll, Specimen } from '../fixtures/account-damage.ts'

describe('a ledger that was written to', () => {
  for (const [method, begin] of damagedKinds) {
    it(`is named by check, and nothing hangs: ${method}, accounts from ${begin}`, () => {
      expect(overwriteAll(method, begin, 1)).to.deep.equal({ unseen: [], endless: [] })
    })
  }

  it('is not taken for one where the header names something else', () => {
    const { region, view, whole } = new Specimen('best', 'open')
    const place = region.header + LEDGER
    const was = view.getUint32(place, true)
    for (const value of [0, 8, was + 8, 0xffffffff, 0x12345678]) {
      const before = whole.slice()
      view.setUint32(place, value, true)
      expect(() => bounded(() => region.check()), String(value)).to.throw(
        VmallocError,
        /corrupted|account|extent|segment/,
      )
      whole.set(before)
    }
    region.check()
  })
})
