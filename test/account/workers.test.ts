/**
 * workers: the figures of a shared region are those of all threads together, exactly, whoever began its accounts.
 */
import { setTimeout as later } from 'node:timers/promises'
import { expect } from 'chai'
import { account, accounts, type Counts, ownerOf } from '../../src/account.ts'
import { open, type Region, VmallocError } from '../../src/index.ts'
import { HOLDER } from '../../src/region/header.ts'
import { seedFrom } from '../conformance/index.ts'
import { type ChargeReport, type ChargingHand, hireCharging, PATHS } from '../fixtures/account-hand.ts'
import { expectFaultLater } from '../fixtures/faults.ts'

const SEED = seedFrom(process.env.SEED)
const STEPS = 2000

/** What may say that something is corrupted, and nothing else. */
function allowed<T>(what: () => T): T | undefined {
  try {
    return what()
  } catch (error) {
    expect(error).to.be.an.instanceOf(VmallocError)
    expect((error as VmallocError).code, String(error)).to.equal('corrupted')
    return undefined
  }
}

describe(`accounts of all workers, SEED=${SEED}`, () => {
  let crew: ChargingHand[]
  before(async () => void (crew = await hireCharging(3)))
  after(() => Promise.all(crew.map((hand) => hand.dismiss())))

  const share = (root: Region) => Promise.all(crew.map((hand) => hand.do('attach', root.share())))
  const growing = () => open({ discipline: 'shared', name: 'root' })
  const charging = (path: string[], unit?: number) => {
    const gate = new SharedArrayBuffer(4)
    const job = { path, seed: SEED % 2 ** 30, steps: STEPS, crew: crew.length, gate, ...(unit ? { unit } : {}) }
    return Promise.all(crew.map((hand, number) => hand.do('charge', { ...job, number })))
  }

  /** The sums of what the workers say are the counts of the accounts. */
  function expectSums(region: Region, reports: readonly ChargeReport[]): void {
    region.check()
    const { busyBytes, busyBlocks, highTide } = region.stat()
    expect(account('', region).total).to.include({ bytes: busyBytes, blocks: busyBlocks, peak: highTide })
    const sum = (path: string, of: 'bytes' | 'blocks' | 'allocs' | 'frees' | 'most') =>
      reports.reduce((n, report) => n + (report[path]?.[of] ?? 0), 0)
    const mine = crew.map((_, i) => `mine-${i}`)
    for (const path of [...PATHS, ...mine]) {
      const { bytes, blocks, allocs, frees, peak } = account(path, region).own
      expect({ bytes, blocks, allocs, frees }, path).to.deep.equal({
        bytes: sum(path, 'bytes'),
        blocks: sum(path, 'blocks'),
        allocs: sum(path, 'allocs'),
        frees: sum(path, 'frees'),
      })
      expect(peak, `peak of ${path}`).to.be.at.least(Math.max(...reports.map((report) => report[path]?.most ?? 0)))
    }
    const all = account('all', region).total
    const field = (of: keyof Counts) => PATHS.slice(0, 3).reduce((n, path) => n + account(path, region).own[of], 0)
    expect(all).to.include({
      bytes: field('bytes'),
      blocks: field('blocks'),
      allocs: field('allocs'),
      frees: field('frees'),
    })
    expect(all.peak).to.be.within(account('all/ours', region).total.peak, field('peak'))
    for (const one of accounts(region)) one.walk(({ at }) => void region.free(at))
    expect(region.stat()).to.include({ busyBlocks: 0, busyBytes: 0 })
    region.check()
  }

  const places: [string, string[], () => { root: Region; region: Region }][] = [
    [
      'a shared root that grows, with ordinals',
      [],
      () => {
        const root = open({ discipline: 'shared', name: 'root', ordinals: true })
        return { root, region: root }
      },
    ],
    [
      'a SharedArrayBuffer',
      [],
      () => {
        const root = open({ discipline: new SharedArrayBuffer(2 ** 20), name: 'root' })
        return { root, region: root }
      },
    ],
    [
      'a region nested in a shared root',
      ['nested'],
      () => {
        const root = growing()
        account('around', root)
        return { root, region: open({ discipline: root, name: 'nested' }) }
      },
    ],
  ]
  for (const [where, path, make] of places) {
    it(`three charge the same accounts at once, in ${where}`, async () => {
      const { root, region } = make()
      await share(root)
      expectSums(region, await charging(path))
      root.check()
      expect(root.close()).to.equal(true)
    })
  }

  it('three charge a pool', async () => {
    const root = open({ discipline: 'shared', name: 'root', method: 'pool', element: 72, accounts: true })
    await share(root)
    expectSums(root, await charging([], 72))
  })

  it('what one began is seen by the others, who have handles already', async () => {
    const root = growing()
    await share(root)
    const [first, second] = crew as [ChargingHand, ChargingHand]
    await second.do('keep')
    const old = root.alloc(100)
    expect(await first.do('begin', [], 'parser/strings')).to.equal('parser/strings')
    const at = await first.do('alloc', [], 'parser/strings', 50)
    expect(
      accounts(root).map(({ path }) => path),
      'here',
    ).to.deep.equal(['', 'parser', 'parser/strings'])
    expect(await second.do('pathsByKept'), 'there').to.deep.equal(['', 'parser', 'parser/strings'])
    expect(await second.do('ownerByKept', at)).to.equal('parser/strings')
    const mine = await second.do('allocByKept', 64)
    expect(ownerOf(mine, root)?.path).to.equal('')
    root.check()
    expect(await second.do('freeByKept', old), 'older than the accounts').to.equal(true)
    expect(root.free(at)).to.equal(true)
    expect(await second.do('freeByKept', mine)).to.equal(true)
    expect(account('parser', root).total).to.include({ blocks: 0, allocs: 1, frees: 1 })
    expect(account('', root).total).to.include({ blocks: 0, allocs: 3, frees: 3 })
    root.check()
  })

  it('allocates and frees by handles that have not looked since accounts began', async () => {
    for (const ask of [
      'alloc',
      'free',
      'resize',
      'zeroed',
      'align',
      'sizeOf',
      'stat',
      'walk',
      'check',
      'clear',
    ] as const) {
      const root = growing()
      await share(root)
      const at = root.alloc(100)
      root.bytes(at).fill(7)
      await crew[0]!.do('begin', [], 'begun')
      const far = await crew[0]!.do('alloc', [], 'begun', 60)
      if (ask === 'alloc') expect(ownerOf(root.alloc(40), root)?.path).to.equal('')
      else if (ask === 'free') expect(root.free(far)).to.equal(true)
      else if (ask === 'resize') expect(ownerOf(root.resize(far, 5000, { copy: true }), root)?.path).to.equal('begun')
      else if (ask === 'zeroed') root.bytes(root.allocZeroed(40)).fill(255)
      else if (ask === 'align') root.bytes(root.align(40, 256)).fill(255)
      else if (ask === 'sizeOf') root.bytes(far, root.sizeOf(far)).fill(255)
      else if (ask === 'stat') expect(root.stat().busyBytes).to.equal(account('', root).total.bytes)
      else if (ask === 'walk')
        root.walk(({ at, size, state }) => void (state === 'busy' && root.bytes(at, size).fill(255)))
      else if (ask === 'clear') expect(root.clear()).to.equal(true)
      root.check()
      const { busyBytes, busyBlocks, highTide } = root.stat()
      expect(account('', root).total, ask).to.include({ bytes: busyBytes, blocks: busyBlocks, peak: highTide })
      root.close()
    }
  })

  it('asks the parent of a nested region whose accounts another thread began', async () => {
    const root = growing()
    const child = open({ discipline: root, name: 'child' })
    const at = child.alloc(64)
    await share(root)
    await crew[0]!.do('begin', [], 'whoever')
    expect(ownerOf(at, child)?.path, 'of the memory that it lies in').to.equal('')
    await crew[0]!.do('begin', ['child'], 'inner')
    expect(ownerOf(at, root)?.region.name).to.equal('child')
    child.check()
    root.check()
  })

  it('without a region, accounts are of the one behind malloc, which each thread has for itself', async () => {
    const { before, owners, blocks, left, sizes } = await crew[0]!.do('mallocs')
    expect(owners).to.deep.equal(['', 'parser', 'parser', 'parser'])
    expect(blocks).to.equal(3)
    expect(left).to.equal(before - 1)
    for (const [i, size] of [50, 60, 5000].entries()) expect(sizes[i]).to.be.within(size, size + 16)
  })

  it('limits hold for all together', async () => {
    const root = open({ discipline: 'shared', name: 'root', accounts: true })
    await share(root)
    const all = account('all', root)
    all.limit({ hard: 1000 })
    const at = await crew[0]!.do('alloc', [], 'all/a', 600)
    await expectFaultLater('no-memory', ['account all/b', 'may have 1000'], crew[1]!.do('alloc', [], 'all/b', 600))
    await crew[1]!.do('limit', [], 'all', 5000)
    expect(all.limits.hard).to.equal(5000)
    expect(all.alloc(600)).to.be.greaterThan(0)
    expect(await crew[2]!.do('counts', [], 'all')).to.deep.equal({
      own: all.own,
      total: all.total,
      ordinals: [0],
    })
    expect(all.total.failures).to.equal(1)
    expect(account('all/b', root).own.failures).to.equal(1)
    await expectFaultLater('argument', ['account all/a', 'account other'], crew[0]!.do('free', [], 'other', at))
    root.check()
  })

  it('a worker that is cut off leaves a ledger that is sound, or named as damaged; nothing hangs', async () => {
    for (const [round, hand] of (await hireCharging(3)).entries()) {
      const root = growing()
      await hand.do('attach', root.share())
      await hand.do('chargeForEver', [], (SEED + round) % 2 ** 30)
      await later(10 + round * 7)
      await hand.dismiss()
      Atomics.store(new Int32Array(root.buffer), (root.header + HOLDER) >>> 2, 0) // nobody waits for the dead
      const sound = allowed(() => {
        root.check()
        return true
      })
      const blocks: number[] = []
      allowed(() => root.walk(({ at, state }) => void (state === 'busy' && blocks.push(at))))
      for (const at of blocks) allowed(() => ownerOf(at, root))
      for (const at of blocks) allowed(() => root.free(at))
      allowed(() => root.alloc(100))
      allowed(() => accounts(root).map(({ total }) => total))
      if (sound) root.check()
    }
  }).timeout(60_000)
})
