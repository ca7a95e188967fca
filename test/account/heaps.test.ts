/**
 * heaps: accounts of heaps, pools and scopes; what escapes keeps its payer, what ends owes nothing.
 */
import { expect } from 'chai'
import { flat } from '../../src/account/report.ts'
import { account, accounts, ordinalOf, ownerOf, report } from '../../src/account.ts'
import { currentHeap, type Heap, openHeap, subHeap, subHeapTxn, switchHeap } from '../../src/heap.ts'
import { injectOptions, open, type Region } from '../../src/index.ts'
import type { Handle } from '../../src/region/region.ts'
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

describe('accounts of heaps inside', () => {
  const keeps = (heap: Heap): boolean => (heap.region as Handle).charges !== undefined

  afterEach(() => void injectOptions(undefined))

  for (const options of [{ accounts: true }, { ordinals: true }])
    it(`what runs for a component is charged to it in every heap below: ${Object.keys(options).join()}`, () => {
      const server = openHeap({ name: 'server', ...options })
      const parser = account('parser', server)
      const paths: (string | undefined)[] = []
      const note = (heap: Heap): void => {
        const at = heap.alloc(20)
        paths.push(ownerOf(at, heap)?.path)
        expect(ordinalOf(at, heap) > 0).to.equal('ordinals' in options)
      }
      parser.run(() => {
        server.subHeap((inner) => {
          inner.subHeapTxn({ name: 'deep', method: 'best' }, note)
          note(inner.open())
          note(inner)
        })
        switchHeap(server, () => {
          subHeap(() => subHeap({ name: 'low' }, note))
          subHeapTxn(note)
          using held = subHeap()
          note(held)
          note(openHeap({ name: 'mine' }))
        })
      })
      expect(paths).to.deep.equal(Array(7).fill('parser'))
      server.close()
    })

  it('a heap that has no region yet hands it on, and one whose region got accounts later', () => {
    const asked = openHeap({ accounts: true, name: 'asked' })
    asked.subHeap((between) => between.subHeap((heap) => expect(keeps(heap)).to.equal(true)))
    const later = openHeap({ name: 'later' })
    later.subHeap((heap) => expect(keeps(heap)).to.equal(false))
    account('part', later, { ordinals: true })
    later.subHeap((between) =>
      between.subHeap((heap) => {
        const at = account('part', heap).alloc(9)
        expect(ordinalOf(at, heap)).to.equal(1)
      }),
    )
    for (const heap of [asked, later]) heap.close()
  })

  it('options of a heap say otherwise, for it and those inside', () => {
    const outer = openHeap({ ordinals: true, name: 'outer' })
    const without = outer.open({ accounts: false, name: 'without' })
    expect(keeps(without)).to.equal(false)
    without.subHeap((heap) => expect(keeps(heap)).to.equal(false))
    without.subHeap({ accounts: true }, (heap) => expect(keeps(heap)).to.equal(true))
    outer.subHeap({ ordinals: false }, (heap) => {
      expect(ordinalOf(heap.alloc(8), heap)).to.equal(0)
      expect(keeps(heap)).to.equal(true)
    })
    outer.close()
  })

  it('the environment has the last word, by the name of the heap or of one around it', () => {
    injectOptions('named.accounts,not.noaccounts,not.noordinals')
    const named = openHeap({ name: 'named' })
    named.subHeap({ name: 'not' }, (heap) => expect(keeps(heap)).to.equal(false))
    named.subHeap((heap) => expect(keeps(heap)).to.equal(true))
    openHeap({ name: 'plain' }).subHeap((heap) => expect(keeps(heap)).to.equal(false))
    openHeap({ name: 'plain', ordinals: true }).subHeap({ name: 'not' }, (heap) => expect(keeps(heap)).to.equal(false))
    injectOptions('')
    openHeap({ name: 'named' }).subHeap((heap) => expect(keeps(heap)).to.equal(false))
  })

  it('a region that keeps accounts is not given to a heap that keeps none', () => {
    const plain = openHeap({ name: 'plain' })
    const keeping = openHeap({ name: 'keeping', accounts: true })
    for (let round = 0; round < 3; round++) {
      keeping.subHeap({ name: 'request' }, (heap) => expect(keeps(heap)).to.equal(true))
      plain.subHeap({ name: 'request' }, (heap) => {
        expect(keeps(heap), `round ${round}`).to.equal(false)
        account('part', heap).alloc(10)
      })
    }
    for (const heap of [plain, keeping]) heap.close()
  })

  it('a region that waits, and is taken by the next heap, owes nothing', () => {
    const outer = openHeap({ name: 'outer', accounts: true })
    let region: Region | undefined
    for (let round = 0; round < 3; round++) {
      outer.subHeap({ name: 'inner' }, (heap) => {
        region ??= heap.region
        expect(heap.region).to.equal(region)
        expect(account('part', heap).own.blocks, `round ${round}`).to.equal(0)
        account('part', heap).run(() => heap.string('text'))
        expectTotals(heap.region)
      })
    }
    outer.close()
  })

  it('limits and who listens to them end with their heap', () => {
    const outer = openHeap({ name: 'outer', accounts: true })
    outer.subHeap({ name: 'inner' }, (heap) => {
      const part = account('part', heap)
      part.limit({ hard: 100, soft: 10 })
      expect(() => part.alloc(200)).to.throw('100')
    })
    outer.subHeap({ name: 'inner' }, (heap) => {
      const part = account('part', heap)
      expect(part.limits).to.deep.equal({ hard: Infinity, soft: Infinity })
      part.alloc(200)
    })
    outer.close()
  })

  it('the figures of a component are the sum over regions of its path', () => {
    const ground = open({ discipline: new ArrayBuffer(2 ** 20), name: 'ground', check: 3 })
    const outer = openHeap({ discipline: ground, accounts: true, name: 'outer' })
    const part = account('part', outer)
    const sum = (): [bytes: number, blocks: number] => {
      const all = report(ground.children()).regions.flatMap(({ accounts }) =>
        accounts === undefined ? [] : flat(accounts),
      )
      const own = all.filter(({ path }) => path === 'part').map(({ own }) => own)
      return [own.reduce((all, { bytes }) => all + bytes, 0), own.reduce((all, { blocks }) => all + blocks, 0)]
    }
    const had = (...blocks: number[]): [bytes: number, blocks: number] => [
      blocks.reduce((all, at) => all + ground.regionOf(at)!.sizeOf(at), 0),
      blocks.length,
    ]
    const [first, moved] = part.run(() => {
      const first = outer.alloc(104)
      const moved = outer.subHeap({ discipline: ground, name: 'inner' }, (inner) => {
        const moved = inner.alloc(104)
        const other = inner.alloc(208)
        expect(sum()).to.deep.equal(had(first, moved, other))
        expect(inner.escape(moved)).to.equal(moved)
        expect(sum()).to.deep.equal(had(first, moved, other))
        return moved
      })
      return [first, moved]
    }) as [number, number]
    expect(ownerOf(moved, ground)?.path).to.equal('part')
    expect(part.own.blocks).to.equal(1)
    expect(sum(), 'the heap has ended').to.deep.equal(had(first, moved))
    outer.free(moved)
    expect(sum()).to.deep.equal(had(first))
    outer.close()
    expect(sum()).to.deep.equal([0, 0])
    for (const child of ground.children()) child.close()
    expect(ground.stat().busyBlocks).to.equal(0)
    ground.check()
  })

  it('a block that is imported over roots is charged to the account of that path there', () => {
    const [here, there] = [made('here'), made('there')]
    const outer = openHeap({ discipline: there, accounts: true, name: 'outer' })
    const session = outer.open({ discipline: there, name: 'session' })
    outer.subHeap({ discipline: here, name: 'request' }, (request) => {
      const from = account('parser', request).run(() => request.alloc(64))
      const at = session.import(from, request)
      expect(account('parser', request).own.blocks).to.equal(0)
      expect(account('parser', session).own).to.include({ bytes: session.region.sizeOf(at), blocks: 1 })
      expect(ownerOf(at, there)?.path).to.equal('parser')
      expectTotals(session.region)
    })
    outer.close()
  })
})
