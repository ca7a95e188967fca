import { expect } from 'chai'
import { type Account, account, ownerOf } from '../../src/account.ts'
import type { Finding } from '../../src/contract/finding.ts'
import { injectOptions, open, type Region } from '../../src/index.ts'

/** Accounts end each block with a word of theirs; under debug nobody must notice that but by figures that are right. */
describe('accounts of a region that debugs', () => {
  const heard: Finding[] = []
  let region: Region
  let parser: Account
  let strings: Account

  beforeEach(() => {
    injectOptions('format=none')
    region = open({ name: 'packets', method: 'debug(best)' })
    parser = account('parser', region)
    strings = parser.account('strings')
    heard.length = 0
    region.on('report', ({ finding }) => heard.push(finding))
  })
  afterEach(() => {
    region.close()
    injectOptions(undefined)
  })

  const told = () => heard.map(({ kind, what, size, offset, address }) => ({ kind, what, size, offset, address }))

  for (const size of [24, 13, 1]) {
    for (const count of [1, 2, 4, 7, 12]) {
      it(`tell of ${count} bytes behind a block of ${size} once, with the size that was asked for`, () => {
        const at = strings.alloc(size)
        expect(region.sizeOf(at)).to.equal(size)
        region.bytes(at, size + count).fill(0x7a, size)
        expect(region.free(at)).to.equal(true)
        const many = count === 1 ? '1 byte behind the block was' : `${count} bytes behind the block were`
        expect(told()).to.deep.equal([
          { kind: 'overflow', what: `${many} written, from offset ${size} on`, size, offset: size, address: at },
        ])
        expect(heard[0]!.allocated, 'stack of the allocation').to.not.equal(undefined)
        expect(strings.own).to.include({ blocks: 0, bytes: 0, frees: 1 })
        expect(parser.total).to.include({ blocks: 0, bytes: 0, frees: 1 })
        region.check()
      })
    }
  }

  it('find the owner of a block that does not name it any more', () => {
    const [one, two] = [parser.alloc(40), strings.alloc(40)]
    region.bytes(two, 44).fill(0, 40)
    region.check()
    expect(told()).to.have.length(1)
    expect(String(ownerOf(two, region))).to.equal('parser/strings of packets')
    strings.free(two)
    parser.free(one)
    expect(region.stat().busyBlocks).to.equal(0)
  })

  it('say the client’s sizes of blocks freed twice, of addresses inside, and of leaks', () => {
    const at = parser.alloc(24)
    parser.free(at)
    expect(region.free(at)).to.equal(false)
    const other = parser.alloc(30)
    expect(region.free(other + 8)).to.equal(false)
    const what = heard.map(({ kind, size, what }) => [kind, size, what.replace(/\d{3,}/g, 'N')])
    expect(what).to.deep.equal([
      ['double-free', 24, 'free of a block that was freed before'],
      ['bad-free', 30, 'free of N, 8 bytes inside the block of 30 bytes at N'],
    ])
    heard.length = 0
    region.leaks()
    expect(told().map(({ kind, size, what }) => [kind, size, what])).to.deep.equal([
      ['leak', 30, '30 bytes were never freed'],
    ])
    parser.free(other)
  })

  it('refuse a block that is another account’s, and tell debug of what is no block', () => {
    const at = parser.alloc(24)
    expect(() => strings.free(at)).to.throw('charged to account parser of packets')
    expect(heard).to.have.length(0)
    parser.free(at)
    expect(() => parser.free(at)).to.throw('no busy block')
    expect(heard.map(({ kind }) => kind)).to.deep.equal(['double-free'])
  })
})
