/**
 * accounts of modules: reports tell of a program that is watched what it holds and what it asked for, and of one that is
 * served who holds it, where the program's host charges accounts.
 */
import { expect } from 'chai'
import { account, leaks, report, reportText } from '../../src/account.ts'
import { began, takenOver, under } from './served.ts'

describe('accounts of WebAssembly modules', () => {
  takenOver()

  it('tells of a watched module what it holds', () => {
    const served = under('', () => began('clean', 'full'))
    served.program.call('random_life', 7, 400)
    served.program.call('hold', 100, 5)
    const region = served.region()
    const [figures] = report(region).regions
    const { total } = figures!.accounts!
    const { allocs, resizes } = served.view().figures!
    expect(total).to.include({
      bytes: region.busyBytes,
      blocks: region.stat().busyBlocks,
      peak: region.stat().highTide,
    })
    expect(total.blocks).to.equal(5)
    expect(total.allocs).to.equal(allocs + resizes)
    expect(total.frees).to.equal(total.allocs - 5)
    expect(leaks(report(region)).map(({ blocks, bytes }) => ({ blocks, bytes }))).to.deep.equal([
      { blocks: 5, bytes: 500 },
    ])
    expect(reportText(report(region))).to.match(/original over wasm[\s\S]*500 B/)
    served.program.call('drop_held')
    expect(report(region).regions[0]!.accounts!.total).to.include({ bytes: 0, blocks: 0 })
  })

  it('charges who runs a module that is served', () => {
    const served = under('method=best accounts', () => began('clean', 'full'))
    under('method=best accounts', () => account('parser').run(() => served.program.call('hold', 100, 3)))
    const region = served.region()
    const [parser] = report(region).regions[0]!.accounts!.accounts
    expect(parser).to.deep.include({ path: 'parser' })
    expect(parser!.total).to.include({ blocks: 3, allocs: 3, frees: 0 })
    served.program.call('drop_held')
    expect(report(region).regions[0]!.accounts!.accounts[0]!.total).to.include({ blocks: 0, bytes: 0, frees: 3 })
    region.check()
  })
})
