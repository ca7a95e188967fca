/**
 * limits: a hard limit is passed by nobody, not by one byte, in the account or below it; what was refused has changed
 * nothing. A soft one is told once, until less was live again.
 */
import { expect } from 'chai'
import { type Account, account } from '../../src/account.ts'
import { type OpenOptions, open, type Region } from '../../src/index.ts'
import { Rng, seedFrom } from '../conformance/index.ts'
import { quietlyWithExact } from '../fixtures/account-exact.ts'
import { expectFault } from '../fixtures/faults.ts'

const SEED = seedFrom(process.env.SEED)
const methods = ['best', 'last', 'pool', 'debug(best)', 'debug(last)', 'profile(best)', 'exact(best)']

const made = (options: OpenOptions = {}): Region =>
  open({
    discipline: new ArrayBuffer(2 ** 18),
    name: 'limited',
    check: 3,
    accounts: true,
    ...options,
    ...(String(options.method).startsWith('debug') ? { leaks: false } : {}),
  })

/** Everything that a refusal must leave as it was; free memory may be in other pieces. */
const stateOf = (region: Region, all: readonly Account[]) => ({
  stat: (({ busyBytes, busyBlocks, highTide }) => ({ busyBytes, busyBlocks, highTide }))(region.stat()),
  counts: all.map(({ own, total }) => [own, total].map(({ failures: _failures, ...counts }) => counts)),
})

describe(`limits of accounts, SEED=${SEED}`, () => {
  quietlyWithExact()

  for (const method of methods) {
    const isPool = method === 'pool'

    it(`allow what just fits, and not a byte more: ${method}`, () => {
      const region = made({ method })
      const [top, low] = [account('top', region), account('top/low', region)]
      const size = region.sizeOf(low.alloc(100))
      low.alloc(size)
      const { bytes } = top.total
      for (const limited of [low, top, account('', region)]) {
        const all = [account('', region), top, low]
        limited.limit({ hard: bytes + size - 1 })
        const before = stateOf(region, all)
        const { failures } = low.own
        const what = limited.path === '' ? `region ${region.name}` : `account ${limited.path}`
        const why = `${what} has ${bytes} bytes live and may have ${bytes + size - 1}`
        expectFault('no-memory', ['alloc', 'account top/low', why], () => low.alloc(size))
        expectFault('no-memory', [why], () => low.allocZeroed(size))
        if (!isPool) expectFault('no-memory', [why, 'multiple of 64'], () => low.align(size, 64))
        expect(low.run(() => region.alloc(size))).to.equal(0)
        expect(low.run(() => region.allocZeroed(size))).to.equal(0)
        expect(stateOf(region, all)).to.deep.equal(before)
        expect(low.own.failures - failures).to.equal(isPool ? 4 : 5)
        limited.limit({ hard: bytes + size })
        const at = low.alloc(size)
        expect(limited.total.bytes).to.equal(limited.limits.hard)
        if (!isPool) expectFault('no-memory', [], () => low.alloc(1))
        expectFault('no-memory', [], () => low.alloc(size))
        if (method.includes('last')) region.free(at)
        else low.free(at)
        limited.limit({ hard: Infinity })
      }
      region.check()
    })

    it(`hold in a life of small steps: ${method}`, () => {
      const rng = new Rng(SEED)
      const region = made({ method, check: 1 })
      const all = ['', 'a', 'a/b', 'a/b/c', 'd'].map((path) => account(path, region))
      const [root, a, b, c, d] = all as [Account, Account, Account, Account, Account]
      const limits = new Map([
        [root, 9000],
        [a, 5000],
        [b, 3001],
        [c, 1003],
        [d, 2500],
      ])
      for (const [one, hard] of limits) one.limit({ hard })
      let live: { at: number; of: Account }[] = []
      const size = (): number => (isPool ? 120 : rng.size(300))
      let refused = 0
      const attempt = (what: () => number): number => {
        const before = stateOf(region, all)
        let at = 0
        try {
          at = what()
        } catch (error) {
          if ((error as { code?: string }).code !== 'no-memory') throw error
        }
        if (at === 0) {
          refused++
          expect(stateOf(region, all)).to.deep.equal(before)
        }
        return at
      }
      for (let step = 0; step < 600; step++) {
        const of = rng.pick(all)
        const block = live[rng.below(live.length)]
        const draw = rng.below(10)
        if (block === undefined || draw < 5) {
          const way = rng.below(3)
          const at = attempt(() =>
            way === 0
              ? of.alloc(size())
              : way === 1 && !isPool
                ? of.align(size(), 128)
                : of.run(() => region.alloc(size())),
          )
          if (at !== 0) live.push({ at, of })
        } else if (draw < 7) {
          const to = attempt(() => region.resize(block.at, isPool ? 120 : rng.size(1200), { copy: rng.chance(1 / 2) }))
          if (to !== 0) block.at = to
        } else if (draw < 8) {
          const owner = block.of
          attempt(() => {
            of.adopt(block.at)
            block.of = of
            return 1
          })
          if (block.of !== owner) expect(block.of.owns(block.at)).to.equal(true)
        } else if (region.free(block.at)) live = live.filter((one) => one !== block)
        for (const [one, hard] of limits) expect(one.total.bytes, `${one}`).to.be.at.most(hard)
        for (const [one, hard] of limits) expect(one.total.peak, `peak of ${one}`).to.be.at.most(hard)
      }
      expect(refused).to.be.greaterThan(10)
      expect(root.total.peak).to.equal(region.stat().highTide)
      region.check()
    })
  }

  it('below what is live leave it live, and let it shrink and be handed on', () => {
    const region = made()
    const [top, one, two] = ['top', 'top/one', 'top/two'].map((path) => account(path, region)) as [
      Account,
      Account,
      Account,
    ]
    const at = one.alloc(1000)
    const { bytes } = top.total
    expect(top.limit({ hard: 100 })).to.deep.equal({ hard: Infinity, soft: Infinity })
    expect(top.total.bytes).to.equal(bytes)
    two.adopt(at)
    expect(two.owns(at)).to.equal(true)
    expect(region.resize(at, 500)).to.equal(at)
    expectFault('no-memory', [], () => two.alloc(1))
    expect(top.limit({ hard: Infinity }).hard).to.equal(100)
    two.alloc(1)
  })

  it('are whole numbers of bytes, or Infinity', () => {
    const one = account('one', made())
    for (const value of [-1, 1.5, NaN, 2 ** 32 - 1, 2 ** 53, '5'])
      expectFault('argument', ['limit: hard', String(value)], () => one.limit({ hard: value as number }))
    expectFault('argument', ['expected hard or soft'], () => one.limit({ most: 5 } as never))
    expect(one.limits).to.deep.equal({ hard: Infinity, soft: Infinity })
    one.limit({ hard: 2 ** 32 - 2, soft: 0 })
    expect(one.limits).to.deep.equal({ hard: 2 ** 32 - 2, soft: 0 })
    expect(one.limit({ soft: undefined as never })).to.deep.equal({ hard: 2 ** 32 - 2, soft: 0 })
    one.limit({ hard: 0 })
    expectFault('no-memory', ['may have 0'], () => one.alloc(1))
  })

  it('ask a handler at most 64 times, and each failure counts once', () => {
    const region = made()
    const one = account('one', region)
    one.limit({ hard: 100 })
    const asked: unknown[] = []
    const end = one.on('hard', (event) => {
      asked.push(event)
      return true
    })
    expectFault('no-memory', [], () => one.alloc(200))
    expect(asked.length).to.equal(64)
    expect(asked[0]).to.deep.equal({
      account: one,
      live: 0,
      limit: 100,
      request: { op: 'alloc', at: 0, size: 200, alignment: 0 },
    })
    expect(one.own.failures).to.equal(1)
    end()
    expectFault('no-memory', [], () => one.alloc(200))
    expect(asked.length).to.equal(64)
    expect(one.own.failures).to.equal(2)
    const refusals: number[] = []
    region.on('nomem', ({ size }) => void refusals.push(size))
    expect(one.run(() => region.alloc(300))).to.equal(0)
    expect(refusals).to.deep.equal([300])
  })

  it('are kept with the help of a handler that frees', () => {
    const region = made()
    const cache = account('cache', region)
    cache.limit({ hard: 2000 })
    const kept: number[] = []
    let helped = 0
    cache.on('hard', ({ account: of, request }) => {
      expect(of.path).to.equal('cache')
      expect(request.size).to.be.within(100, 150)
      helped++
      const oldest = kept.shift()
      if (oldest !== undefined) cache.free(oldest)
      return oldest !== undefined
    })
    for (let i = 0; i < 200; i++)
      kept.push(i % 2 === 0 ? cache.alloc(100 + (i % 50)) : cache.run(() => region.align(100 + (i % 50), 64)))
    expect(kept.every((at) => at > 0)).to.equal(true)
    expect(helped).to.be.greaterThan(150)
    expect(cache.own).to.include({ failures: 0, blocks: kept.length })
    const last = kept.pop()!
    const moved = cache.resize(last, 150, { copy: true })
    expect(cache.owns(moved)).to.equal(true)
    region.check()
  })

  it('that are soft are told once, until less was live again', () => {
    const region = made()
    const [top, one, two] = ['top', 'top/one', 'top/two'].map((path) => account(path, region)) as [
      Account,
      Account,
      Account,
    ]
    const told: string[] = []
    top.limit({ soft: 1000 })
    one.limit({ soft: 500 })
    top.on('soft', ({ account: of, live, limit }) => void told.push(`${of.path} ${live > limit} ${limit}`))
    one.on('soft', ({ live }) => {
      told.push(`one ${live}`)
      region.check()
    })
    const first = one.alloc(400)
    const second = two.alloc(500)
    expect(told).to.deep.equal([])
    const third = one.alloc(200)
    expect(told.length, 'both').to.equal(2)
    one.alloc(300)
    two.adopt(third)
    one.adopt(third)
    expect(region.resize(second, 600)).to.equal(second)
    expect(told.length, 'nothing new').to.equal(2)
    two.adopt(third)
    two.adopt(first)
    one.adopt(first)
    expect(told.length, 'one was below again').to.equal(3)
    region.free(second)
    two.free(third)
    two.alloc(600)
    expect(told.filter((text) => text.startsWith('top'))).to.deep.equal(['top true 1000', 'top true 1000'])
    top.limit({ soft: 100 })
    two.alloc(8)
    expect(told.filter((text) => text.startsWith('top')).length, 'a new limit that is passed already').to.equal(3)
    two.alloc(8)
    expect(told.filter((text) => text.startsWith('top')).length, 'told once').to.equal(3)
    region.clear()
    two.alloc(200)
    expect(told.filter((text) => text.startsWith('top')).length).to.equal(4)
  })
})
