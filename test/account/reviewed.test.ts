/**
 * reviewed: what somebody found who tried each sentence about accounts.
 */
import { inspect } from 'node:util'
import { expect } from 'chai'
import { account, ownerOf } from '../../src/account.ts'
import { List, u32 } from '../../src/collections.ts'
import { attach, injectOptions, open } from '../../src/index.ts'
import { openPool } from '../../src/scope.ts'
import { expectFault } from '../fixtures/faults.ts'

describe('accounts, reviewed', () => {
  for (const method of ['debug(pool)', 'profile(pool)', 'debug(profile(pool))']) {
    it(`${method} with an element makes room for the tail`, () => {
      const before = injectOptions('format=none,profile=none')
      for (const ordinals of [false, true]) {
        const region = open({ method, element: 16, accounts: true, ordinals, check: 3 })
        const at = region.alloc(16)
        expect(region.sizeOf(at)).to.equal(16)
        expect(region.alloc(24)).to.equal(0)
        region.check()
        expect(region.free(at)).to.equal(true)
        region.close()
      }
      injectOptions(before)
    })
  }

  it('what is no size gets no block, with accounts as without', () => {
    for (const accounts of [false, true]) {
      const region = open({ accounts })
      region.alloc(8)
      for (const size of [null, true, '5', undefined, 1.5, -1, NaN, 2 ** 32]) {
        expect(region.alloc(size as number), `alloc(${String(size)})`).to.equal(0)
        expect(region.resize(region.alloc(8), size as number), `resize to ${String(size)}`).to.equal(0)
        if (accounts) expectFault('argument', [], () => account('a', region).alloc(size as number))
      }
      region.close()
    }
  })

  it('a soft limit that is passed when it is set is told when more is had', () => {
    const region = open({ name: 'soft' })
    const one = account('one', region)
    const told: number[] = []
    one.alloc(500)
    one.limit({ soft: 100 })
    one.on('soft', ({ live }) => told.push(live))
    one.alloc(500)
    one.alloc(500)
    expect(told).to.deep.equal([one.own.bytes - region.sizeOf(one.alloc(500))])
  })

  it('nobody who listens loses the event to somebody who does not', () => {
    const region = open({ name: 'soft' })
    const one = account('one', region)
    one.limit({ soft: 100 })
    one.alloc(500) // nobody listens yet
    let told = 0
    one.on('soft', () => told++)
    one.alloc(500)
    expect(told).to.equal(1)
  })

  it('a soft limit is told of a block that moves when the old one is gone', () => {
    const region = open({ name: 'soft', discipline: 'memory', check: 3 })
    const one = account('one', region)
    const at = one.alloc(1000)
    one.alloc(8)
    one.limit({ soft: 1500 })
    const told: number[] = []
    one.on('soft', ({ live }) => {
      told.push(live)
      region.check()
    })
    const to = one.resize(at, 1400, { copy: true })
    expect(to).to.not.equal(at)
    expect(told).to.deep.equal([])
    one.alloc(8)
    one.resize(to, 3000, { copy: true })
    expect(told).to.deep.equal([one.own.bytes])
  })

  it('an account that a handler takes away pays no more, whoever has its place', () => {
    const region = open({ name: 'hard' })
    const one = account('one', region)
    const at = one.alloc(40)
    one.limit({ hard: 60 })
    one.on('hard', () => {
      region.free(at)
      one.remove()
      account('other', region)
      return true
    })
    expectFault('closed', ['it was removed'], () => one.alloc(50))
    expect(account('other', region).own).to.include({ blocks: 0, allocs: 0 })
    region.check()
  })

  it('a request whose handler throws has failed, too', () => {
    const region = open({ name: 'hard' })
    const one = account('one', region)
    one.limit({ hard: 100 })
    one.on('hard', () => {
      throw new Error('broken')
    })
    expect(() => one.alloc(500)).to.throw('broken')
    expect(one.own.failures).to.equal(1)
  })

  it('memory that no block needs is found for the ledger', () => {
    const region = open({ name: 'tight', discipline: new ArrayBuffer(60_000), check: 3 })
    const blocks: number[] = []
    for (let at = region.alloc(1000); at !== 0; at = region.alloc(1000)) blocks.push(at)
    for (const at of blocks.reverse()) region.free(at)
    for (let i = 0; i < 40; i++) account(`a${i}`, region).alloc(10)
    expect(account('', region).total.blocks).to.equal(40)
    region.check()
  })

  it('errors say where a block is, and what was called', () => {
    const region = open({ name: 'outer' })
    const one = account('one', region)
    const inner = one.run(() => open({ name: 'inner', discipline: region }))
    const at = inner.alloc(24)
    expect(ownerOf(at, region)?.path).to.equal('one')
    expectFault('argument', ['is a block of region inner', 'account one of outer'], () => one.free(at))
    expect(inner.sizeOf(at), 'still there').to.be.above(23)
    const own = one.alloc(24)
    region.bytes(own, 28).fill(0, region.sizeOf(own))
    expectFault('argument', ['free', 'written over'], () => one.free(own))
    expectFault('argument', ['adopt', 'written over'], () => one.adopt(own))
    region.close()
    expectFault('closed', ['free: account one', 'region outer is closed'], () => one.free(own))
    expectFault('closed', ['account: account one'], () => one.account('below'))
  })

  it('a limit is named by whoever meets it', () => {
    const region = open({ name: 'limited', accounts: true })
    account('one', region).limit({ hard: 100 })
    account('one', region).run(() => {
      const list = new List(region, u32)
      const fill = (): void => {
        for (let i = 0; i < 100; i++) list.append(i)
      }
      expectFault('no-memory', ['account one has', 'bytes live and may have 100'], fill)
    })
    const pool = openPool({ name: 'lines' })
    account('', pool).limit({ hard: 100 })
    expectFault('no-memory', ['region lines has 0 bytes live and may have 100'], () => pool.alloc(200))
    pool.destroy()
  })

  it('options that are none are refused, and ordinals that come too late', () => {
    const region = open({ name: 'plain' })
    expectFault('unknown', ['ordinal"', 'ordinals'], () => account('a', region, { ordinal: true } as object))
    account('a', region)
    expectFault('argument', ['open it with { ordinals: true }'], () => account('a', region, { ordinals: true }))
  })

  it('console.log and JSON show an account, not what it is made of', () => {
    const region = open({ name: 'shown' })
    const one = account('one', region)
    one.alloc(24)
    expect(inspect(one)).to.match(/^account one of shown: \d+ bytes in 1 blocks, at most \d+$/)
    expect(JSON.parse(JSON.stringify(one))).to.deep.equal({
      path: 'one',
      region: 'shown',
      own: { ...one.own },
      total: { ...one.total },
    })
  })

  describe('an account that was asked before', () => {
    const asked = () => {
      const region = open({ name: 'asked', discipline: 'memory' })
      const part = account('part', region)
      for (let i = 0; i < 3; i++) part.free(part.alloc(10))
      return { region, part }
    }

    it('keeps to a limit that was set by another handle to the same bytes, and is gone when that removed it', () => {
      const { region, part } = asked()
      const other = account('part', attach(region.buffer))
      other.limit({ hard: 100 })
      expectFault('no-memory', ['account part', '100'], () => part.alloc(5000))
      other.limit({ hard: Infinity })
      part.free(part.alloc(5000))
      const below = account('part/below', attach(region.buffer))
      const at = part.alloc(40)
      expect(account('part', region).total.bytes, 'in the sum').to.equal(region.sizeOf(at))
      part.free(at)
      expect([below.remove(), other.remove()]).to.deep.equal([true, true])
      for (const call of [
        () => part.alloc(50),
        () => part.align(50, 64),
        () => part.allocZeroed(50),
        () => part.free(at),
      ])
        expectFault('closed', ['account part', 'removed'], call)
      region.check()
    })

    it('is what the bytes say when somebody puts them back', () => {
      const { region, part } = asked()
      const saved = new Uint8Array(region.buffer).slice()
      const late = account('late', region)
      late.free(late.alloc(100))
      part.limit({ hard: 100 })
      const limited = new Uint8Array(region.buffer).slice()
      part.limit({ hard: Infinity })
      part.free(part.alloc(5000))
      new Uint8Array(region.buffer).set(limited)
      expectFault('no-memory', ['account part', '100'], () => part.alloc(5000))
      new Uint8Array(region.buffer).set(saved)
      expectFault('closed', ['account late', 'removed'], () => late.alloc(100))
      part.free(part.alloc(5000))
      region.check()
    })

    it('counts in a sum that came while memory grew', () => {
      for (const alignment of [8, 64]) {
        const { region, part } = asked()
        const { discipline } = region
        let isDue = true
        region.discipline = {
          ...discipline,
          memory: (...request) => {
            if (isDue) {
              isDue = false
              account('part/new', region)
            }
            return discipline.memory(...request)
          },
        }
        const at = part.align(500_000, alignment)
        expect(isDue).to.equal(false)
        region.check()
        expect(part.total.bytes).to.equal(region.sizeOf(at))
      }
    })
  })
})
