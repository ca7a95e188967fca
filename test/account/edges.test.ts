/**
 * edges: what accounts must do at moments that seldom come: removed while they pay, blocks older than the ledger, a tail
 * that was overwritten, handlers that undo what is under way.
 */
import { setTimeout as later } from 'node:timers/promises'
import { expect } from 'chai'
import { account, accounts, currentAccount, ordinalOf, ownerOf } from '../../src/account.ts'
import { attach, type OpenOptions, open, type Region } from '../../src/index.ts'
import { expectFault } from '../fixtures/faults.ts'

const made = (options: OpenOptions = {}): Region =>
  open({ discipline: new ArrayBuffer(2 ** 18), name: 'edge', check: 3, ...options })

/** Totals of the region's own account and the region's statistics are the same. */
function expectTotals(region: Region): void {
  const { busyBytes, busyBlocks, highTide } = region.stat()
  expect(account('', region).total).to.include({ bytes: busyBytes, blocks: busyBlocks, peak: highTide })
  region.check()
}

describe('accounts at the edges', () => {
  it('one that is removed while it pays is made anew', () => {
    const region = made()
    const [keeper, payer] = [account('keeper', region), account('payer', region)]
    keeper.alloc(8)
    payer.run(() => {
      region.free(region.alloc(8))
      expect(payer.remove()).to.equal(true)
      const at = region.alloc(8)
      expect(ownerOf(at, region)?.path).to.equal('payer')
      region.check()
      expect(payer.owns(at), 'the handle is of the one that was removed').to.equal(false)
      expect(region.free(at)).to.equal(true)
    })
    expectTotals(region)
  })

  it('one whose slot another has now is not taken for it', () => {
    const region = made()
    const first = account('first', region)
    expect(first.remove()).to.equal(true)
    const second = account('second', region)
    const at = second.alloc(8)
    expect(first.owns(at)).to.equal(false)
    for (const call of [() => first.alloc(8), () => first.free(at), () => first.own, () => first.limit({ hard: 1 })])
      expectFault('closed', ['account first', 'removed'], call)
    expect(first.run(() => ownerOf(region.alloc(8), region)?.path)).to.equal('first')
  })

  it('what stands over one counts from the next call on, whatever a handle was told before', () => {
    const region = made({ discipline: 'memory', check: 0 }) // so that the method is asked itself
    const [inner, side] = [account('outer/inner', region), account('side', region)]
    const outer = account('outer', region)
    const use = (size: number): void => {
      for (const it of [inner, outer, side]) {
        const [plain, zeroed, aligned] = [it.alloc(size), it.allocZeroed(size), it.align(size, 64)]
        it.free(it.resize(plain, 3 * size, { copy: true }))
        it.free(it.resize(zeroed, size >> 1))
        it.free(aligned)
      }
      region.check()
    }
    use(100) // the handles know all by now

    const blocks = [inner.alloc(100), side.alloc(100)]
    expectFault('argument', ['account outer/inner'], () => side.resize(blocks[0]!, 50))
    expectFault('argument', ['account outer/inner'], () => side.resize(blocks[0]!, 5000, { copy: true }))
    expectFault('argument', ['account side'], () => outer.free(blocks[1]!))
    outer.limit({ hard: 400 })
    expectFault('no-memory', ['account outer', '400'], () => inner.alloc(400))
    expectFault('no-memory', ['account outer', '400'], () => inner.resize(blocks[0]!, 1000, { copy: true }))
    expectFault('no-memory', ['account outer', '400'], () => inner.align(400, 64))
    expectFault('no-memory', ['account outer', '400'], () => inner.allocZeroed(400))
    use(16)
    outer.limit({ hard: Infinity })
    use(200)

    const below = account('side/below', region)
    const under = below.alloc(40)
    const { allocs } = side.total
    use(100)
    expect(side.total.allocs - allocs, 'its sum counts, too').to.be.at.least(3)
    expect(side.total.bytes - side.own.bytes).to.equal(below.own.bytes)
    account('', region).limit({ hard: 1000 })
    expectFault('no-memory', ['region edge', '1000'], () => side.alloc(1000))
    account('', region).limit({ hard: Infinity })
    use(300)

    below.free(under)
    expect(below.remove()).to.equal(true)
    expectFault('closed', ['side/below', 'removed'], () => below.alloc(8))
    expectFault('closed', ['side/below', 'removed'], () => below.free(under))
    const next = account('next', region)
    const its = next.alloc(8)
    expectFault('closed', ['side/below', 'removed'], () => below.resize(its, 16))
    use(100)
    next.free(its)
    inner.free(blocks[0]!)
    side.free(blocks[1]!)
    expect(region.stat().busyBlocks).to.equal(0)
    expectTotals(region)
    region.close()
    expectFault('closed', ['account side', 'edge'], () => side.alloc(8))
    expectFault('closed', ['account side', 'edge'], () => side.free(blocks[1]!))
  })

  it('settings of the region and who listens to it hold for one that was asked before', () => {
    const region = made({ discipline: 'memory', check: 0 })
    const busy = account('busy', region)
    const use = (): number => {
      const at = busy.resize(busy.alloc(40), 200, { copy: true })
      busy.free(at)
      return at
    }
    use()
    use()

    region.set({ junk: true })
    const filled = busy.alloc(100)
    expect([...region.bytes(filled, 100)].every((byte) => byte === 0x55)).to.equal(true)
    const place = region.bytes(filled, 100)
    busy.free(filled)
    expect(
      [...place.subarray(16, 90)].every((byte) => byte === 0xa5),
      'what was freed',
    ).to.equal(true)
    region.set({ junk: false, keep: true })
    const kept = use()
    expect(busy.owns(kept), 'nothing is freed').to.equal(true)
    region.set({ keep: false })
    busy.free(kept)
    use()

    const heard: string[] = []
    const end = region.listen({ alloc: () => heard.push('alloc'), free: () => heard.push('free') })
    busy.free(busy.alloc(40))
    expect(heard).to.deep.equal(['alloc', 'free'])
    end()
    use()
    expect(heard).to.have.length(2)
    expectTotals(region)
  })

  it('a block older than the accounts is the region’s own, though its content looks like the name of one', () => {
    const region = open({ discipline: 'memory', name: 'edge' })
    const old = [region.alloc(60), region.alloc(60), region.alloc(60)]
    const part = account('part', region)
    const its = part.alloc(60)
    const name = new DataView(region.buffer).getUint32(its + part.sizeOf(its), true)
    for (const at of old) new Uint32Array(region.buffer, at, region.sizeOf(at) >>> 2).fill(name)
    expect(old.map((at) => ownerOf(at, region)?.path)).to.deep.equal(['', '', ''])
    for (const at of old) expectFault('argument', ['account part'], () => part.free(at))
    expectFault('argument', ['account part'], () => part.resize(old[0]!, 200, { copy: true }))
    expect(region.resize(old[0]!, 40)).to.equal(old[0])
    expect(old.map((at) => region.free(at))).to.deep.equal([true, true, true])
    expect(part.own).to.include({ allocs: 1, frees: 0, blocks: 1 })
    expectTotals(region)
  })

  it('listeners of one that was removed hear nothing of the next one there', () => {
    const region = made()
    const heard: string[] = []
    const first = account('first', region)
    first.on('hard', () => void heard.push('hard'))
    first.on('soft', () => void heard.push('soft'))
    first.remove()
    const second = account('second', region)
    second.limit({ hard: 100, soft: 10 })
    second.alloc(50)
    expectFault('no-memory', ['account second'], () => second.alloc(100))
    expect(heard).to.deep.equal([])
  })

  it('a removed one leaves its counts in those above', () => {
    const region = made()
    const [top, low] = [account('top', region), account('top/low', region)]
    low.free(low.alloc(100))
    const { allocs, frees, peak } = low.own
    expect(top.remove(), 'has one below it').to.equal(false)
    expect(low.remove()).to.equal(true)
    expect(top.total).to.include({ allocs, frees, peak, blocks: 0 })
    const at = top.alloc(8)
    expect(top.remove(), 'has a block').to.equal(false)
    top.free(at)
    expect(top.remove()).to.equal(true)
    expect(account('', region).total).to.include({ allocs: 2, frees: 2, blocks: 0 })
    expect(account('', region).remove(), 'the own one of the region').to.equal(false)
    expect(accounts(region).map(({ path }) => path)).to.deep.equal([''])
    expectTotals(region)
  })

  it('those below one come in the order in which they were made, many too', () => {
    const region = made({ discipline: 'resizable', check: 0 })
    const names = Array.from({ length: 120 }, (_, i) => `n${i}`)
    for (const name of names) account(name, region)
    const top = account('', region)
    expect(top.children().map(({ name }) => name)).to.deep.equal(names)
    for (const name of ['n3', 'n70', 'n110']) account(name, region).remove()
    for (const name of ['x', 'y', 'z']) account(name, region)
    const left = [...names.filter((name) => !['n3', 'n70', 'n110'].includes(name)), 'x', 'y', 'z']
    expect(top.children().map(({ name }) => name)).to.deep.equal(left)
    region.check()
  })

  it('no deeper than can be checked', () => {
    const region = made({ discipline: 'resizable', check: 0 })
    const deep = 'a/'.repeat(60)
    const low = account(`${deep}a`, region)
    low.alloc(8)
    expect(account('a', region).total.blocks).to.equal(1)
    region.check()
    expectFault('argument', ['1100 names'], () => account(`${'a/'.repeat(1099)}a`, region))
    expectFault('argument', ['names'], () => low.account(`${'a/'.repeat(1099)}a`))
    region.check()
  })

  for (const path of ['/', 'a/', '/a', 'a//b', 'x'.repeat(60), `ok/${'ä'.repeat(30)}`]) {
    it(`no path "${path}"`, () => expectFault('argument', ['path', 'expected names'], () => account(path, made())))
  }

  it('names are any text', () => {
    const region = made()
    for (const name of ['.', ' ', 'ä'.repeat(29), '🧵', '..', 'a:b', 'x'.repeat(59), '\0', '(none)'])
      expect(account(name, region).account('low').path).to.equal(`${name}/low`)
    expect(new Set(accounts(region).map(({ path }) => path)).size).to.equal(19)
    region.check()
  })

  describe('blocks that are older than the accounts', () => {
    it('are the own ones of the region, freed, resized, moved and cleared like others', () => {
      const region = made()
      const old = [20, 300, 40, 500].map((size) => region.alloc(size))
      for (const [i, at] of old.entries()) region.bytes(at).fill(i + 1)
      const sizes = old.map((at) => region.sizeOf(at))
      const top = account('', region)
      expect(top.own).to.include({ blocks: 4, allocs: 4, bytes: sizes.reduce((a, b) => a + b) })
      expect(old.map((at) => region.sizeOf(at))).to.deep.equal(sizes)
      expect(old.map((at) => ordinalOf(at, region))).to.deep.equal([0, 0, 0, 0])
      const other = account('other', region)
      expectFault('unsupported', ['there before'], () => other.adopt(old[0]!))
      expectFault('argument', ['(none)', 'account other'], () => other.free(old[0]!))
      top.adopt(old[0]!)
      expectTotals(region)
      const moved = region.resize(old[1]!, 4000, { copy: true })
      expect(region.bytes(moved, 300).every((byte) => byte === 2)).to.equal(true)
      other.adopt(moved)
      expect(ownerOf(moved, region)?.path).to.equal('other')
      top.free(old[2]!)
      const again = region.alloc(40)
      expect(ownerOf(again, region)?.path).to.equal('')
      other.adopt(again)
      expectTotals(region)
      region.clear()
      expect(top.total).to.include({ blocks: 0, bytes: 0 })
      for (let i = 0; i < 8; i++) other.alloc(8 + 30 * i)
      expectTotals(region)
    })

    it('keep to limits, and are told', () => {
      for (const align of [8, 4096]) {
        const region = made({ align })
        const at = region.alloc(10)
        const top = account('', region)
        const soft: number[] = []
        top.on('soft', ({ live }) => void soft.push(live))
        const had = top.total.bytes
        top.limit({ hard: had + 1000 })
        for (let size = had; size < had + 3000; size += 37) region.resize(at, size)
        expect(top.total.bytes).to.be.at.most(had + 1000)
        top.limit({ hard: Infinity, soft: top.total.bytes + 10 })
        region.resize(at, had + 9000, { move: true })
        expect(soft.length).to.equal(1)
        expectTotals(region)
      }
    })

    it('grow in place past a soft limit once, and again after they shrank', () => {
      const region = made()
      region.free(region.alloc(8000))
      const at = region.alloc(100)
      const top = account('', region)
      let told = 0
      top.limit({ soft: 1000 })
      top.on('soft', () => void told++)
      for (const size of [2000, 3000, 500, 2000]) expect(region.resize(at, size)).to.equal(at)
      expect(told).to.equal(2)
      expectTotals(region)
    })

    it('keep pools, whose blocks have no room, from beginning any', () => {
      const region = made({ method: 'pool' })
      region.alloc(40)
      expectFault('unsupported', ['open it with { accounts: true }'], () => account('a', region))
      expect(accounts(region)).to.deep.equal([])
      region.check()
      const kept = made({ method: 'pool', accounts: true, element: 40 })
      expect(kept.sizeOf(account('a', kept).alloc(40))).to.equal(40)
      expect(kept.unit).to.equal(40)
    })
  })

  describe('a word behind a block that was overwritten', () => {
    for (const method of ['best', 'last', 'pool']) {
      it(`is refused with a reason, and nothing moves: ${method}`, () => {
        const region = made({ method, accounts: true, check: 0 })
        const mine = account('mine', region)
        const at = mine.alloc(40)
        mine.alloc(40)
        const reasons: string[] = []
        region.on('badaddr', ({ reason }) => reasons.push(reason))
        const tail = new Uint8Array(region.buffer, at + region.sizeOf(at), 4)
        const was = tail.slice()
        tail.fill(0xff)
        const before = region.stat()
        expect(region.free(at)).to.equal(false)
        expect(region.resize(at, 40, { copy: true })).to.equal(0)
        expect(region.resize(at, 4000, { copy: true })).to.equal(0)
        expect(region.resize(at, 4000)).to.equal(0)
        expectFault('argument', ['free'], () => mine.free(at))
        expectFault('argument', ['resize'], () => mine.resize(at, 50))
        expect(reasons.length).to.be.at.least(4)
        for (const reason of reasons.filter((one) => !one.includes('serves'))) expect(reason).to.match(/overwritten/)
        expect(ownerOf(at, region)).to.equal(undefined)
        expect(mine.owns(at)).to.equal(false)
        expect(region.stat()).to.deep.equal(before)
        expectFault('corrupted', ['account A4'], () => region.check())
        tail.set(was)
        expectTotals(region)
        if (method !== 'last') mine.free(at)
        expect(region.clear()).to.equal(true)
        expectTotals(region)
      })
    }
  })

  it('the words behind a block are never taken for the head of another', () => {
    for (const ordinals of [false, true]) {
      const region = made({ accounts: true, ordinals, check: 0 })
      const blocks: number[] = []
      for (let i = 0; i < 3000; i++) blocks.push(account(`n${i % 20}`, region).alloc((i * 13) % 70))
      const known = new Set(blocks)
      for (const [i, at] of blocks.entries()) {
        const end = at + region.sizeOf(at)
        for (let near = end - 8; near <= end + 8; near += 4) {
          if (known.has(near)) continue
          expect(region.sizeOf(near), `${near - end} from the end of block ${i}`).to.equal(-1)
          expect(region.free(near)).to.equal(false)
        }
      }
      region.check()
    }
  })

  describe('handlers', () => {
    it('that ask again themselves are not asked without end', () => {
      const region = made()
      const one = account('one', region)
      one.limit({ hard: 100 })
      let asked = 0
      one.on('hard', () => {
        asked++
        expectFault('no-memory', [], () => one.alloc(200))
      })
      expectFault('no-memory', ['account one'], () => one.alloc(200))
      expect(asked).to.be.at.most(64)
      expect(one.own.blocks).to.equal(0)
    })

    it('that remove the account end the request', () => {
      const region = made()
      const one = account('one', region)
      one.limit({ hard: 100 })
      const at = one.alloc(50)
      one.on('hard', () => {
        one.free(at)
        return one.remove()
      })
      expectFault('closed', ['removed'], () => one.alloc(60))
      expectTotals(region)
      expect(region.stat().busyBlocks).to.equal(0)
    })

    it('that close the region end the request', () => {
      const region = made()
      const one = account('one', region)
      one.limit({ hard: 100 })
      one.on('hard', () => region.close())
      expectFault('closed', ['closed'], () => one.alloc(200))
    })

    it('that throw are heard, and the next request is as any', () => {
      const region = made()
      const one = account('one', region)
      one.limit({ hard: 100 })
      const end = one.on('hard', () => {
        throw new Error('mine')
      })
      expect(() => one.alloc(200)).to.throw('mine')
      end()
      expectFault('no-memory', [], () => one.alloc(200))
      one.alloc(60)
      expectTotals(region)
    })

    it('of a limit are not asked where it is memory that lacks', () => {
      const nomem: number[] = []
      const region = made()
      region.on('nomem', ({ size }) => nomem.push(size))
      const one = account('one', region)
      let asked = 0
      one.limit({ hard: 1000 })
      one.on('hard', () => void asked++)
      const at = one.alloc(500)
      expectFault('no-memory', ['may have 1000'], () => one.alloc(2000))
      one.limit({ hard: 2 ** 30 })
      expect(asked).to.equal(1)
      expect(region.resize(at, 2 ** 20, { copy: true })).to.equal(0)
      expectFault('no-memory', ['has none'], () => one.resize(at, 2 ** 20, { copy: true }))
      expect(asked, 'nobody asked').to.equal(1)
      expect(nomem).to.deep.equal([2000, 2 ** 20, 2 ** 20])
      expect(one.own.failures).to.equal(3)
    })
  })

  describe('run', () => {
    it('charges what async code allocates, in flows that cross', async () => {
      const region = made()
      const flows = ['a', 'b', 'c', 'd'].map((name) => account(`flow/${name}`, region))
      const sizes = await Promise.all(
        flows.map((flow, i) =>
          flow.run(async (current) => {
            expect(current).to.equal(flow)
            let bytes = 0
            for (let n = 0; n < 10; n++) {
              const at = region.alloc(8 + i * 16)
              bytes += region.sizeOf(at)
              expect(ownerOf(at, region)?.path).to.equal(flow.path)
              expect(currentAccount()).to.equal(flow)
              await later((n * 7 + i) % 3)
              if (n % 3 === 2) {
                bytes -= region.sizeOf(at)
                region.free(at)
              }
              queueMicrotask(() => expect(currentAccount()).to.equal(flow))
            }
            return bytes
          }),
        ),
      )
      expect(flows.map(({ own }) => own.bytes)).to.deep.equal(sizes)
      expect(account('flow', region).own.blocks).to.equal(0)
      expect(account('', region).own.blocks).to.equal(0)
      expect(currentAccount()).to.equal(undefined)
      expectTotals(region)
    })

    it('names a component, in every region that keeps accounts, and in none that does not', () => {
      const [one, two, plain] = [made(), made({ accounts: true }), made()]
      account('job', one).run(() => {
        for (const region of [one, two, plain]) region.alloc(8)
      })
      expect(accounts(two).map(({ path }) => path)).to.deep.equal(['', 'job'])
      expect(account('job', two).own.blocks).to.equal(1)
      expect(accounts(plain)).to.deep.equal([])
    })

    it('is over when it throws', () => {
      const region = made()
      const job = account('job', region)
      expect(() =>
        job.run(() => {
          throw new Error('mine')
        }),
      ).to.throw('mine')
      expect(ownerOf(region.alloc(8), region)?.path).to.equal('')
    })
  })

  describe('regions in a region', () => {
    it('are charged to whoever opened them, later segments too', () => {
      const region = made({ discipline: new ArrayBuffer(2 ** 21) })
      const [opener, user] = [account('opener', region), account('user', region)]
      for (const method of ['best', 'last', 'pool']) {
        const before = [opener.own.blocks, user.own.blocks]
        const between: number[] = []
        const child = opener.run(() => open({ discipline: region, method, name: `in-${method}` }))
        const blocks = Array.from({ length: 60 }, (_, i) => {
          if (i % 10 === 0) between.push(user.alloc(3000))
          return user.run(() => child.alloc(1000))
        })
        for (const { at } of child.segments()) expect(opener.owns(at), `segment at ${at}`).to.equal(true)
        expect(child.segments().length).to.be.greaterThan(1)
        expect(user.own.blocks).to.equal(between.length)
        for (const at of between) user.free(at)
        expect(ownerOf(blocks[50]!, region)?.path, 'it keeps no accounts').to.equal('opener')
        if (method !== 'pool') expect(ownerOf(account('x', child).alloc(8), region)?.path).to.equal('x')
        expectTotals(region)
        user.run(() => child.close())
        expect([opener.own.blocks, user.own.blocks]).to.deep.equal(before)
        expectTotals(region)
      }
    })

    it('keep accounts of their own', () => {
      const region = made({ accounts: true })
      const child = open({ discipline: region, accounts: true, name: 'child' })
      const job = account('job', region)
      job.run(() => child.alloc(100))
      expect(account('job', child).own.blocks).to.equal(1)
      expect(job.own.blocks).to.equal(0)
      expectTotals(child)
      expectTotals(region)
      const copy = attach(region.buffer.slice(0) as ArrayBuffer)
      expect(account('job', copy.child('child')!).own.blocks).to.equal(1)
      expectTotals(copy.child('child')!)
    })
  })
})
