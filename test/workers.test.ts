/**
 * workers: threads that share a region: nothing lost, nothing counted twice, nobody waits for ever.
 */
import { expect } from 'chai'
import { attach, type Discipline, open, type Region, registry } from '../src/index.ts'
import { HOLDER, KEEP, SETTINGS, WAITERS } from '../src/region/header.ts'
import { churnTogether, type Hand, hire } from './fixtures/crew.ts'
import { SEED } from './fixtures/dice.ts'
import { expectFault } from './fixtures/faults.ts'
import type { ChurnReport } from './fixtures/hand.ts'

const STEPS = 20_000
const UNIT = 72

describe('workers', () => {
  let crew: Hand[]
  before(async () => void (crew = await hire(4)))
  after(() => Promise.all(crew.map((hand) => hand.dismiss())))

  const share = (root: Region, hands = crew) => Promise.all(hands.map((hand) => hand.do('attach', root.share())))
  const growing = () => open({ discipline: 'shared', name: 'root' })

  /** What the workers left is what the region holds: count, bytes, content; and all of it can be freed. */
  function expectExact(region: Region, reports: readonly ChurnReport[]): void {
    region.check()
    const left = reports.flatMap((report) => report.left)
    const { busyBlocks, busyBytes, cachedBytes, freeBytes, overhead, extent } = region.stat()
    expect(busyBlocks, 'busy blocks').to.equal(left.length)
    expect(busyBytes, 'busy bytes').to.equal(reports.reduce((sum, { bytes }) => sum + bytes, 0))
    expect(busyBytes + cachedBytes + freeBytes + overhead).to.equal(extent)
    expect(new Set(left.map(({ at }) => at)).size, 'no block twice').to.equal(left.length)
    for (const { at, size, stamp } of left) {
      expect(
        region.bytes(at, size).every((byte) => byte === stamp),
        `block at ${at}`,
      ).to.equal(true)
      expect(region.free(at)).to.equal(true)
    }
    region.check()
    expect(region.stat()).to.include({ busyBlocks: 0, busyBytes: 0 })
  }

  // biome-ignore format: a table
  const places: [where: string, path: string[], make: (method: string) => { root: Region; region: Region }][] = [
    ['a shared root that grows', [], (method) => {
      const root = open({ discipline: 'shared', name: 'root', method })
      return { root, region: root }
    }],
    ['a fixed SharedArrayBuffer', [], (method) => {
      const root = open({ discipline: new SharedArrayBuffer(600_000), name: 'root', method })
      return { root, region: root }
    }],
    ['a growable SharedArrayBuffer', [], (method) => {
      const root = open({ discipline: new SharedArrayBuffer(0, { maxByteLength: 2 ** 24 } as never), name: 'root', method })
      return { root, region: root }
    }],
    ['a region nested in a shared root', ['between', 'nested'], (method) => {
      const root = growing()
      const between = open({ discipline: root, name: 'between' })
      return { root, region: open({ discipline: between, name: 'nested', method }) }
    }],
  ]
  for (const [where, path, make] of places) {
    for (const method of ['best', 'pool']) {
      for (const count of [2, 4]) {
        it(`${count} allocate, resize and free in ${where}, ${method} (SEED=${SEED})`, async () => {
          const { root, region } = make(method)
          const hands = crew.slice(0, count)
          await share(root, hands)
          const unit = method === 'pool' ? UNIT : undefined
          const reports = await churnTogether(hands, { path, seed: SEED, steps: STEPS, unit })
          const sum = (of: 'allocated' | 'freed' | 'resized' | 'moved') =>
            reports.reduce((n, report) => n + report[of], 0)
          expect(sum('allocated') - sum('freed')).to.equal(region.stat().busyBlocks)
          expect(Math.min(...reports.map(({ freed }) => freed))).to.be.greaterThan(STEPS / 10)
          if (unit === undefined) expect(sum('moved')).to.be.greaterThan(100)
          expectExact(region, reports)
          expect(root.close()).to.equal(true)
        })
      }
    }
  }

  it(`four work each in a region of its own, nested in one root (SEED=${SEED})`, async () => {
    const root = growing()
    await share(root)
    const names = ['a', 'b', 'c', 'd']
    await Promise.all(crew.map((hand, i) => hand.do('open', [], names[i]!, 'best')))
    expect(
      root
        .children()
        .map(({ name }) => name)
        .sort(),
    ).to.deep.equal(names)
    const gate = new SharedArrayBuffer(4)
    const reports = await Promise.all(
      crew.map((hand, number) =>
        hand.do('churn', { path: [names[number]!], seed: SEED, steps: STEPS, number, crew: 4, gate }),
      ),
    )
    root.check()
    for (const [i, name] of names.entries()) expectExact(root.child(name)!, [reports[i]!])
    expect(root.close()).to.equal(true)
  })

  it(`four open and close regions in one root while others allocate in it (SEED=${SEED})`, async () => {
    const root = growing()
    await share(root)
    const gate = new SharedArrayBuffer(4)
    const [reports] = await Promise.all([
      Promise.all(
        crew
          .slice(0, 2)
          .map((hand, number) => hand.do('churn', { path: [], seed: SEED, steps: STEPS, number, crew: 4, gate })),
      ),
      Promise.all(crew.slice(2).map((hand, i) => hand.do('openAndClose', `${i}`, 300, 4, gate))),
    ])
    root.check()
    const children = root.children()
    expect(children).to.have.length(200)
    for (const child of children) {
      expect(child.stat().busyBlocks).to.equal(1)
      child.check()
      expect(child.close()).to.equal(true)
    }
    expectExact(root, reports)
  })

  it('a region that one made is reached by name in another', async () => {
    const root = growing()
    const [first, second] = [crew[0]!, crew[1]!]
    await share(root, [first, second])
    const header = await first.do('open', [], 'packets', 'pool')
    await first.do('open', [], 'frames', 'best')
    await first.do('open', ['frames'], 'bits', 'last')
    expect(await second.do('names', [])).to.deep.equal(['frames', 'packets'])
    expect(await second.do('names', ['frames'])).to.deep.equal(['bits'])
    expect(await second.do('alloc', ['frames', 'bits'], 10)).to.be.greaterThan(0)
    expect(await second.do('close', ['frames'])).to.equal(true)
    const at = await first.do('alloc', ['packets'], 500, 3)
    expect(await second.do('isFilled', ['packets'], { at, size: 500, stamp: 3 })).to.equal(true)

    const here = root.child('packets')!
    expect(here).to.include({ header, method: 'pool', unit: 500 })
    const mine = here.alloc(500)
    here.bytes(mine, 500).fill(9)
    expect(await second.do('isFilled', ['packets'], { at: mine, size: 500, stamp: 9 })).to.equal(true)
    expect(await second.do('free', ['packets'], mine)).to.equal(true)
    expect(here.sizeOf(mine)).to.equal(-1)
    expect(here.free(at)).to.equal(true)
    expect(here.stat().busyBlocks).to.equal(0)
    expect(await first.do('close', ['packets'])).to.equal(true)
    expect(here.alloc(500), 'closed elsewhere').to.equal(0)
    expect(here.closed).to.equal(true)
    expect(root.children()).to.deep.equal([])
  })

  it('a handle to a region that another thread closed never touches the one that took its place', async () => {
    const root = growing()
    const [hand] = crew as [Hand]
    await share(root, [hand])
    const old = open({ discipline: root, name: 'old', method: 'pool' })
    old.alloc(40)
    await hand.do('keep', ['old'])
    const { header } = old
    old.close()
    const young = open({ discipline: root, name: 'new', method: 'pool' })
    expect(young.header, 'the same place').to.equal(header)
    young.alloc(64)
    expect(await hand.do('tryKept', ['old'], 100)).to.deep.equal({ at: 0, closed: true, name: 'old' })
    young.check()
    expect(young.stat().busyBlocks).to.equal(1)
    expect(await hand.do('names', [])).to.deep.equal(['new'])
  })

  it('text and content go from thread to thread', async () => {
    const root = growing()
    await share(root, crew.slice(0, 2))
    const at = await crew[0]!.do('string', [], 'geteilt über Fäden 🧵')
    expect(root.readString(at)).to.equal('geteilt über Fäden 🧵')
    expect(await crew[1]!.do('readString', [], at)).to.equal('geteilt über Fäden 🧵')
  })

  for (const [what, discipline] of [
    ['a shared root', 'shared'],
    ['a growable SharedArrayBuffer', () => new SharedArrayBuffer(0, { maxByteLength: 2 ** 24 } as never)],
  ] as const) {
    it(`growth by one is seen by the others (${what})`, async () => {
      const root = open({ discipline: typeof discipline === 'string' ? discipline : discipline(), name: 'root' })
      const [first, second] = [crew[0]!, crew[1]!]
      await share(root, [first, second])
      const before = root.buffer.byteLength
      const view = root.view(Int32Array, root.allocZeroed(400))
      await second.do('alloc', [], 8)

      const far = await first.do('alloc', [], 3_000_000, 5)
      expect(far).to.be.greaterThan(0)
      expect(root.sizeOf(far), 'asked by address').to.be.at.least(3_000_000)
      expect(root.buffer.byteLength).to.be.greaterThan(before + 2_900_000)
      expect(root.bytes(far, 3_000_000).every((byte) => byte === 5)).to.equal(true)
      expect(view.array[99]).to.equal(0)
      view.array[99] = 12
      expect(view.array.buffer).to.equal(root.buffer)
      expect(await second.do('isFilled', [], { at: far, size: 3_000_000, stamp: 5 })).to.equal(true)

      const farther = root.alloc(2_000_000)
      root.bytes(farther, 2_000_000).fill(6)
      expect(await second.do('isFilled', [], { at: farther, size: 2_000_000, stamp: 6 })).to.equal(true)
      expect(await second.do('free', [], far)).to.equal(true)
      expect(await first.do('free', [], farther)).to.equal(true)
      root.check()
    })
  }

  it('a thread may attach while another one grows the memory', async () => {
    const root = growing()
    const [hand] = crew as [Hand]
    await share(root, [hand])
    const attaching = hand.do('attachOften', 1500)
    let done = false
    void attaching.then(
      () => void (done = true),
      () => void (done = true),
    )
    let at = root.alloc(65_536)
    for (let size = 2 * 65_536; !done && size < 2 ** 29; size += 65_536) {
      at = root.resize(at, size)
      expect(at).to.be.greaterThan(0)
      for (let i = 0; i < 20; i++) root.free(root.alloc(10_000))
      if (size % 2 ** 21 === 0) await new Promise(setImmediate)
    }
    expect(await attaching).to.equal(1500)
    root.close()
  })

  it('values.add from all of them sums exactly', async () => {
    const root = growing()
    const nested = open({ discipline: root, name: 'nested' })
    await share(root)
    const keys = ['requests', 'bytes', 'errors', 'ein Schlüssel']
    await Promise.all(crew.map((hand, i) => hand.do('count', [], keys, 4000, i + 1)))
    for (const key of keys) expect(root.values.get(key), key).to.equal(1000 * (1 + 2 + 3 + 4))
    // more keys than the header holds, made by all at the same time
    const many = Array.from({ length: 50 }, (_, i) => `key ${i}`)
    await Promise.all(crew.map((hand) => hand.do('count', ['nested'], many, 5000, 1)))
    for (const key of many) expect(nested.values.get(key), key).to.equal(4 * 100)
    root.check()
    nested.check()
    root.close()
  })

  describe('the lock', () => {
    const words = (root: Region) => new Int32Array(root.buffer)
    const held = (root: Region) => Atomics.load(words(root), (root.header + HOLDER) >>> 2)
    const hold = (root: Region, agent: number) => Atomics.store(words(root), (root.header + HOLDER) >>> 2, agent)
    const release = (root: Region) => {
      hold(root, 0)
      Atomics.notify(words(root), (root.header + HOLDER) >>> 2)
    }

    it('is given back by a call that throws', () => {
      const last = registry.methods.get('last')!
      const method = {
        ...last,
        create: (...given: Parameters<typeof last.create>) => {
          const fail = () => {
            expect(held(region.parent!), 'inside').to.equal(1)
            throw new Error('broken')
          }
          return Object.assign(last.create(...given), { alloc: fail, free: fail, resize: fail })
        },
      }
      const root = growing()
      const region = open({ discipline: root, method })
      for (const call of [() => region.alloc(8), () => region.free(8), () => region.resize(root.alloc(8), 16)]) {
        expect(call).to.throw('broken')
        expect(held(root)).to.equal(0)
      }
      root.check()
    })

    it('is where settings of another thread come in', () => {
      const root = growing()
      const put = (bits: number) => Atomics.store(words(root), (root.header + SETTINGS) >>> 2, bits)
      const at = root.alloc(40)
      put(KEEP)
      expect(root.free(at)).to.equal(true)
      expect(root.sizeOf(at)).to.be.at.least(40)
      put(0)
      expect(root.free(at)).to.equal(true)
      expect(root.sizeOf(at)).to.equal(-1)
    })

    it('that is held for a while is waited for', async () => {
      const root = growing()
      const [hand] = crew as [Hand]
      await share(root, [hand])
      expect(await hand.do('time', [], 100), 'nobody holds it').to.be.below(250)
      hold(root, 1)
      const waiting = hand.do('time', [], 100)
      await new Promise((wake) => setTimeout(wake, 300))
      expect(Atomics.load(words(root), (root.header + WAITERS) >>> 2), 'one sleeps').to.equal(1)
      release(root)
      expect(await waiting).to.be.within(250, 4000)
      expect(Atomics.load(words(root), (root.header + WAITERS) >>> 2)).to.equal(0)
      expect(held(root)).to.equal(0)
      root.check()
    })

    it('that is never given back ends the wait with an error that names the holder', async () => {
      const root = growing()
      const nested = open({ discipline: root, name: 'nested' })
      const at = nested.alloc(100)
      const another = growing()
      const [hand, other] = crew as [Hand, Hand]
      await share(root, [hand])
      await share(another, [other])
      await hand.do('names', ['nested'])
      hold(root, 77 + 1)
      hold(another, 1)
      const elsewhere = other.do('alloc', [], 10).then(
        () => expect.fail('no error'),
        (error: Error) => error,
      )
      const there = hand.do('alloc', ['nested'], 10).then(
        () => expect.fail('no error'),
        (error: Error) => error,
      )
      const start = Date.now()
      const here = expectFault('busy', ['root', '5000 ms', 'worker thread 77'], () => nested.free(at))
      expect(Date.now() - start).to.be.within(4900, 7000)
      expect((await there).message).to.equal(here.message)
      expect(await there).to.include({ code: 'busy' })
      expect((await elsewhere).message).to.include('the main thread')

      release(root)
      expect(Atomics.load(words(root), (root.header + WAITERS) >>> 2)).to.equal(0)
      expect(nested.free(at), 'nothing had changed').to.equal(true)
      expect(await hand.do('alloc', ['nested'], 10)).to.be.greaterThan(0)
      root.check()
      nested.check()
    })

    it('is free while handlers and listeners run, of a region and of those it is nested in', () => {
      const heard = new Map<string, number>()
      const memory = new SharedArrayBuffer(0, { maxByteLength: 2 ** 18 } as never)
      const attached = open({ discipline: memory, name: 'model' })
      const { discipline: inner } = attached
      attached.close()
      let root: Region | undefined
      const note = (who: string, event: string) => {
        const name = `${who} ${event}`
        if (root !== undefined && !root.closed && held(root) !== 0)
          throw new Error(`${name}: the lock is held by ${held(root)}`)
        heard.set(name, (heard.get(name) ?? 0) + 1)
      }
      const discipline: Discipline = {
        ...inner,
        exception: (region, event) => note(`handler of ${region.name}`, event),
      }
      root = open({ discipline, name: 'root', events: true })
      const child = open({
        name: 'child',
        events: true,
        discipline: {
          ...open({ discipline: root, name: 'another' }).discipline,
          exception: (region, event) => note(`handler of ${region.name}`, event),
        },
      })
      const all = ['alloc', 'free', 'resize', 'clear', 'compact', 'close', 'nomem', 'badaddr'] as const
      for (const region of [root, child]) for (const event of all) region.on(event, () => note(region.name, event))

      for (const region of [child, root]) {
        const at = region.alloc(100)
        const zeroed = region.allocZeroed(20_000)
        const aligned = region.align(100, 512)
        const moved = region.resize(at, 9000, { copy: true })
        region.free(zeroed)
        region.free(1)
        region.alloc(2 ** 20)
        region.resize(moved, 2 ** 20, { move: true })
        region.free(aligned)
        region.discipline = { ...region.discipline }
        for (let i = 0; i < 6; i++) region.values.set(`key ${i}`, i)
        region.compact()
        region.clear()
        region.close()
      }
      const expected = [
        ...['endopen', 'alloc', 'free', 'resize', 'nomem', 'badaddr', 'discipline', 'close', 'endclose'].flatMap(
          (event) => [`handler of root ${event}`, `handler of child ${event}`],
        ),
        ...all.flatMap((event) => [`root ${event}`, `child ${event}`]),
      ]
      expect([...heard.keys()]).to.include.members(expected)
    })

    it('can be taken by another thread while a listener runs', async () => {
      for (const event of ['alloc', 'resize', 'nomem'] as const) {
        const root = open({ discipline: new SharedArrayBuffer(65_536), name: 'root' })
        const child = open({ discipline: root, name: 'child' })
        const [hand] = crew as [Hand]
        await share(root, [hand])
        if (event === 'alloc') root.alloc(10) // so that the child cannot grow in place
        const told = new SharedArrayBuffer(8)
        const word = new Int32Array(told)
        await hand.do('allocWhenTold', [], 100, told)
        let there = 0
        const stop = (event === 'nomem' ? child : root).on(event, () => {
          stop()
          Atomics.store(word, 0, 1)
          Atomics.notify(word, 0)
          Atomics.wait(word, 1, 0, 4000)
          there = Atomics.load(word, 1)
        })
        child.alloc(event === 'nomem' ? 10 ** 6 : 5000)
        expect(there, event).to.be.greaterThan(0)
        expect(root.sizeOf(there)).to.be.at.least(100)
        root.check()
        child.check()
      }
    })
  })

  it('attach in the thread that opened answers the same region', () => {
    const root = growing()
    expect(attach(root.share())).to.equal(root)
  })
})
