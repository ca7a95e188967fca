/**
 * heaps: accounts of heaps, pools and scopes; what escapes keeps its payer, what ends owes nothing.
 */
import { expect } from 'chai'
import { account, accounts, ownerOf } from '../../src/account.ts'
import { currentHeap, openHeap, subHeap, subHeapTxn } from '../../src/heap.ts'
import { open, type Region } from '../../src/index.ts'
import { openPool, openScope } from '../../src/scope.ts'

const made = (name: string): Region => open({ discipline: new ArrayBuffer(2 ** 20), name, accounts: true, check: 3 })

function expectTotals(region: Region): void {
  const { busyBytes, busyBlocks, highTide } = region.stat()
  expect(account('', region).total).to.include({ bytes: busyBytes, blocks: busyBlocks, peak: highTide })
  region.check()
}

describe('accounts of heaps, pools and scopes', () => {
  for (const method of ['last', 'best', 'debug(best)']) {
    it(`what escapes to a heap over the same root keeps its payer: ${method}`, () => {
      const ground = made('ground')
      const opener = account('opener', ground)
      const outer = opener.run(() => openHeap({ discipline: ground, method, accounts: true, name: 'outer' }))
      let at = 0
      const part = account('part', outer)
      outer.subHeap({ discipline: ground, method, accounts: true, name: 'inner' }, (inner) => {
        const mine = account('part/low', inner)
        at = mine.run(() => inner.alloc(100))
        inner.region.bytes(at, 100).fill(7)
        mine.run(() => inner.alloc(200))
        expect(mine.own.blocks).to.equal(2)
        expect(inner.escape(at)).to.equal(at)
        expect(ownerOf(at, ground)?.path).to.equal('part/low')
        expectTotals(ground)
      })
      expect(ownerOf(at, ground)?.path, 'after the heap has ended').to.equal('part/low')
      expect(part.own.blocks).to.equal(0)
      expect(ground.bytes(at, 100).every((byte) => byte === 7)).to.equal(true)
      outer.free(at)
      expect(ownerOf(at, ground)).to.equal(undefined)
      outer.close()
      for (const child of ground.children()) child.close()
      expect(opener.own.blocks).to.equal(0)
      expectTotals(ground)
    })

    it(`what escapes over another root is charged to the same component there: ${method}`, () => {
      const [here, there] = [made('here'), made('there')]
      const outer = openHeap({ discipline: there, method, accounts: true, name: 'outer' })
      let at = 0
      outer.subHeap({ discipline: here, method, accounts: true, name: 'inner' }, (inner) => {
        const from = account('parser/strings', inner).run(() => inner.alloc(64))
        inner.region.bytes(from, 64).fill(9)
        at = inner.escape(from)
        expect(account('parser/strings', inner).own.blocks).to.equal(0)
      })
      expect(ownerOf(at, there)?.path).to.equal('parser/strings')
      expect(there.bytes(at, 64).every((byte) => byte === 9)).to.equal(true)
      expectTotals(outer.region)
      outer.close()
      for (const region of [here, there]) {
        for (const child of region.children()) child.close()
        expect(region.stat().busyBlocks).to.equal(0)
        expectTotals(region)
      }
    })
  }

  it('a heap that ends owes nothing, and the next one finds its region empty', () => {
    const ground = made('ground')
    const options = { discipline: ground, accounts: true, name: 'request' }
    const outer = openHeap({ discipline: ground, name: 'outer' })
    for (let round = 0; round < 5; round++) {
      outer.subHeap(options, (heap) => {
        const one = account('one', heap)
        expect(one.own.blocks, `round ${round}`).to.equal(0)
        one.run(() => heap.string('text'))
        expect(one.own.blocks).to.equal(1)
        expect(currentHeap()).to.equal(currentHeap())
        expectTotals(heap.region)
      })
      expectTotals(ground)
    }
    outer.close()
  })

  it('a transaction that fails drops its charges, one that succeeds keeps them', () => {
    const ground = made('ground')
    subHeap({ discipline: ground, accounts: true, name: 'outer' }, (outer) => {
      const options = { discipline: ground, accounts: true, name: 'txn' }
      let at = 0
      expect(() =>
        subHeapTxn(options, (txn) => {
          account('work', txn).run(() => txn.alloc(50))
          throw new Error('mine')
        }),
      ).to.throw('mine')
      subHeapTxn(options, (txn) => {
        at = account('work', txn).run(() => txn.alloc(50))
      })
      expect(ownerOf(at, ground)?.path).to.equal('work')
      expect(outer.has(at)).to.equal(true)
    })
    for (const child of ground.children()) child.close()
    expect(ground.stat().busyBlocks).to.equal(0)
    expectTotals(ground)
  })

  it('a pool of blocks that is cleared and used again', () => {
    const pool = openPool({ discipline: new ArrayBuffer(2 ** 18), accounts: true, name: 'pool', check: 3 })
    const one = account('one', pool)
    one.limit({ hard: 10_000, soft: 500 })
    let told = 0
    one.on('soft', () => void told++)
    for (let round = 1; round <= 4; round++) {
      for (let i = 0; i < 10; i++) one.run(() => pool.alloc(90))
      expect(one.own).to.include({ blocks: 10, allocs: 10 * round, frees: 10 * (round - 1) })
      expectTotals(pool.region)
      pool.freeAll()
      expect(one.own).to.include({ blocks: 0, bytes: 0, frees: 10 * round })
      expect(told).to.equal(round)
      expectTotals(pool.region)
    }
    const at = one.alloc(10)
    pool.free(at)
    expectTotals(pool.region)
    pool.destroy()
    expect(() => one.alloc(8)).to.throw('closed')
  })

  it('scopes in one another', () => {
    const program = openScope('program', { discipline: new ArrayBuffer(2 ** 20), accounts: true })
    program.enter()
    const file = program.child('file', { accounts: true })
    for (let round = 1; round <= 3; round++) {
      file.enter()
      const one = account('dissector', file)
      expect(one.own.blocks, `round ${round}`).to.equal(0)
      one.run(() => file.alloc(500))
      expect(one.own.blocks).to.equal(1)
      expectTotals(file.region)
      file.leave()
    }
    program.leave()
  })

  it('views and texts are charged like any block', () => {
    const region = made('region')
    const one = account('one', region)
    const view = one.new(Float64Array, 10)
    view.array[3] = 1.5
    const text = one.string('grün')
    expect(region.readString(text)).to.equal('grün')
    expect([...view.array]).to.deep.equal([0, 0, 0, 1.5, 0, 0, 0, 0, 0, 0])
    expect(one.own.blocks).to.equal(2)
    one.free(view.at)
    expect(() => view.array).to.throw('gone')
    expect(accounts(region).length).to.equal(2)
    expectTotals(region)
  })
})
