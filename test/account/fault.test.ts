/**
 * fault: the k-th request to the discipline is refused, answered with nonsense, or throws, one of these for every k, while
 * accounts are kept (all of them for every k: `npm run test:long`); and memory that has run out.
 */
import { expect } from 'chai'
import { account } from '../../src/account.ts'
import { open } from '../../src/index.ts'
import { everyFault, faultyKinds, mayFail, sources } from '../fixtures/account-fault.ts'

const KIB = 1024

describe('a discipline that fails while accounts are kept', () => {
  for (const [method, begin] of faultyKinds) {
    for (const [where, source] of sources) {
      it(`loses nothing, for every k: ${method}, accounts from ${begin}, over ${where}`, () => {
        expect(everyFault(method, begin, source, false)).to.be.greaterThan(4)
      })
    }
  }

  it('has nothing left: accounts of a region that is full', () => {
    for (const method of ['best', 'last', 'pool']) {
      const region = open({ method, discipline: new ArrayBuffer(8 * KIB), accounts: true, check: 3, name: 'full' })
      const one = account('one', region)
      let blocks = 0
      while (mayFail(() => one.alloc(40)) !== undefined) blocks++
      expect(one.own).to.include({ blocks, failures: 1 })
      let made = 0
      while (mayFail(() => account(`more${made}`, region)) !== undefined) made++
      expect(made).to.be.within(1, 10)
      expect(
        mayFail(() => one.account('low')),
        method,
      ).to.equal(undefined)
      expect(one.run(() => region.alloc(40))).to.equal(0)
      expect(account('', region).total).to.include({ blocks, failures: 2 })
      region.check()
      const plain = open({ method, discipline: new ArrayBuffer(8 * KIB), check: 3, name: 'full' })
      if (method === 'pool') continue
      while (plain.alloc(40) !== 0);
      const before = plain.stat()
      expect(
        mayFail(() => account('late', plain)),
        'no memory for a ledger',
      ).to.equal(undefined)
      expect(plain.stat()).to.deep.equal(before)
      plain.check()
    }
  })
})
