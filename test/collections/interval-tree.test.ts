/**
 * interval-tree: random lives against a plain array, in regions of every kind; ends, places, what happens to a search; bytes
 * that were moved or spoilt. `SEED=... npx mocha test/collections/interval-tree.test.ts` repeats the random lives.
 */
import { expect } from 'chai'
import { f64, struct, u8, u32 } from '../../src/collections/codec.ts'
import { FIELDS } from '../../src/collections/collection.ts'
import { type End, IntervalTree } from '../../src/collections/interval-tree.ts'
import { attach, injectOptions, open, type VmallocError } from '../../src/index.ts'
import { Rng, seedFrom } from '../conformance/index.ts'
import { expectFault } from '../fixtures/faults.ts'
import { cellsOf, heightOf, makeTreeHome, treeHomes, wordsOf } from '../fixtures/tree-homes.ts'

const SEED = seedFrom(process.env.SEED)
const MOST = 2n ** 64n - 1n

const memory = (size = 2 ** 18, method = 'best') => open({ discipline: new ArrayBuffer(size), method })
const rootOf = (tree: { at: number }) => tree.at / 4 + FIELDS

interface Entry {
  low: bigint
  high: bigint
  value: number
  place: number
}

/** What a tree should be: a plain list, in order, the older first where ends are the same. */
class Model {
  entries: Entry[] = []

  insert(entry: Entry): void {
    const at = this.entries.findIndex(({ low, high }) => low > entry.low || (low === entry.low && high > entry.high))
    this.entries.splice(at < 0 ? this.entries.length : at, 0, entry)
  }

  find(low: bigint, high: bigint): Entry[] {
    return this.entries.filter((entry) => entry.low <= high && entry.high >= low)
  }

  take(at: number): Entry {
    return this.entries.splice(at, 1)[0]!
  }
}

/** How ends are drawn: each so that many intervals overlap. */
const draws: Record<string, (rng: Rng) => bigint> = {
  'few small numbers': (rng) => BigInt(rng.below(40)),
  'numbers of 16 bits': (rng) => BigInt(rng.below(2 ** 16)),
  'around 2^32': (rng) => 2n ** 32n + BigInt(rng.between(-20, 20)),
  'around 2^63': (rng) => 2n ** 63n + BigInt(rng.between(-20, 20)),
  'all 64 bits': (rng) => (BigInt(rng.word()) << 32n) | BigInt(rng.word()),
  'at both ends': (rng) => (rng.chance(1 / 2) ? BigInt(rng.below(9)) : MOST - BigInt(rng.below(9))),
}

const ordered = (a: bigint, b: bigint): [bigint, bigint] => (a <= b ? [a, b] : [b, a])

function life(
  tree: IntervalTree<number>,
  draw: (rng: Rng) => bigint,
  rng: Rng,
  steps: number,
): { asked: number; met: number } {
  const model = new Model()
  const tally = { asked: 0, met: 0 }
  for (let step = 0; step < steps; step++) {
    const [low, high] = ordered(draw(rng), draw(rng))
    const choice = rng.below(step % 200 < 120 ? 10 : 7)
    if (choice < 2 && model.entries.length > 0) {
      const gone = model.take(rng.below(model.entries.length))
      expect(tree.remove(gone.place)).to.equal(true)
    } else if (choice === 2) {
      const odd = (value: number) => value % 2 === 1
      const at = model.entries.findIndex((entry) => entry.low === low && entry.high === high && odd(entry.value))
      expect(tree.delete(low, high, odd)).to.equal(at >= 0)
      if (at >= 0) model.take(at)
    } else if (choice === 3 && model.entries.length > 0) {
      const { low, high } = rng.pick(model.entries)
      model.take(model.entries.findIndex((entry) => entry.low === low && entry.high === high))
      expect(tree.delete(low, high)).to.equal(true)
    } else {
      const narrow = rng.chance(1 / 2) ? low : high
      model.insert({ low, high: narrow, value: step, place: tree.insert(low, narrow, step) })
    }
    tree.check()
    expect(tree.count).to.equal(model.entries.length)
    const [from, to] = ordered(draw(rng), draw(rng))
    const near: [bigint, bigint] = rng.chance(1 / 2) ? [from, to] : [from, from]
    const found = model.find(...near)
    expect([...tree.find(...near)]).to.deep.equal(found)
    expect(tree.has(...near)).to.equal(found.length > 0)
    expect([...tree.findAt(to)]).to.deep.equal(model.find(to, to))
    tally.asked++
    if (found.length > 0) tally.met++
    if (step % 20 === 0) expect([...tree]).to.deep.equal(model.entries)
    if (rng.chance(1 / 300)) {
      tree.clear()
      model.entries = []
    }
  }
  return tally
}

describe(`interval tree, SEED=${SEED}`, () => {
  let were: string
  before(() => void (were = injectOptions('format=none')))
  after(() => injectOptions(were))

  describe('random lives', () => {
    for (const [name, draw] of Object.entries(draws)) {
      it(`ends: ${name}`, () => {
        const region = memory()
        const tree = new IntervalTree(region, u32)
        const { asked, met } = life(tree, draw, new Rng(SEED), 400)
        expect(met / asked, 'searches that find something').to.be.greaterThan(1 / 2)
        tree.destroy()
        expect(region.stat().busyBlocks).to.equal(0)
      })
    }

    for (const where of Object.keys(treeHomes)) {
      it(where, () => {
        const { home, options, end } = makeTreeHome(where)
        const tree = new IntervalTree(home, u32, options)
        life(tree, draws['numbers of 16 bits']!, new Rng(SEED + 1), 150)
        tree.destroy()
        end()
      })
    }
  })

  describe('intervals', () => {
    it('are closed: each of the ways in which two can lie', () => {
      const tree = new IntervalTree(memory(), u32)
      tree.insert(10, 20, 1)
      const cases: [End, End, boolean][] = [
        [0, 9, false],
        [0, 10, true],
        [0, 15, true],
        [0, 20, true],
        [0, 30, true],
        [10, 10, true],
        [10, 15, true],
        [10, 20, true],
        [12, 18, true],
        [15, 20, true],
        [15, 30, true],
        [20, 20, true],
        [20, 30, true],
        [21, 30, false],
        [0, MOST, true],
        [2 ** 32 + 10, 2 ** 32 + 20, false],
      ]
      for (const [low, high, overlaps] of cases) {
        expect([...tree.find(low, high)].length, `${low} to ${high}`).to.equal(overlaps ? 1 : 0)
        expect(tree.has(low, high), `${low} to ${high}`).to.equal(overlaps)
      }
    })

    it('the same many times: the oldest first, each removed for itself', () => {
      const region = memory()
      const tree = new IntervalTree(region, u32)
      const places = [1, 2, 3, 4, 5].map((value) => tree.insert(5, 9, value))
      tree.insert(5, 7, 6)
      tree.insert(5n, 12n, 7)
      const values = () => [...tree.find(6, 8)].map(({ value }) => value)
      expect(values()).to.deep.equal([6, 1, 2, 3, 4, 5, 7])
      expect(tree.remove(places[2]!)).to.equal(true)
      expect(tree.delete(5, 9)).to.equal(true)
      expect(tree.delete(5, 9, (value) => value === 5)).to.equal(true)
      expect(tree.delete(5, 9, (value) => value === 77)).to.equal(false)
      expect(tree.delete(5, 10)).to.equal(false)
      expect(values()).to.deep.equal([6, 2, 4, 7])
      tree.check()
      for (const { place, value } of tree) {
        expect(tree.get(place)).to.equal(value)
        expect(tree.remove(place)).to.equal(true)
      }
      expect(tree.count).to.equal(0)
      expect(region.stat().busyBlocks).to.equal(1)
    })

    it('the same many times, with numbers that come again after 2^32 insertions', () => {
      const region = memory()
      const tree = new IntervalTree(region, u32)
      const m = wordsOf(region)
      const serial = rootOf(tree) + 3
      const places: number[] = []
      for (const number of [-2, -1, -1, 0, 0, -1, -2]) {
        m[serial] = number
        places.push(tree.insert(5, 9, places.length))
        tree.check()
      }
      expect([...tree].map(({ value }) => value)).to.have.members([0, 1, 2, 3, 4, 5, 6])
      for (const place of places) {
        expect(tree.remove(place)).to.equal(true)
        tree.check()
      }
      expect(tree.count).to.equal(0)
    })

    it('a place where none is (any more) is refused', () => {
      const region = memory()
      const tree = new IntervalTree(region, u32)
      const other = new IntervalTree(region, u32)
      const place = tree.insert(1, 2, 3)
      const foreign = other.insert(1, 2, 4)
      for (let i = 0; i < 30; i++) tree.insert(i, i + 2, i)
      const block = region.alloc(100)
      for (const wrong of [
        0,
        place + 1,
        place + 0.5,
        place + 8,
        block,
        foreign,
        tree.at,
        -8,
        2 ** 33,
        0.5,
        Number.NaN,
      ]) {
        expect(tree.remove(wrong), String(wrong)).to.equal(false)
        expect(tree.get(wrong), String(wrong)).to.equal(undefined)
      }
      expect(tree.remove(place)).to.equal(true)
      expect(tree.remove(place)).to.equal(false)
      expect(tree.get(place)).to.equal(undefined)
      tree.check()
      other.check()
      expect([tree.count, other.count]).to.deep.equal([30, 1])
    })

    it('refuses ends that are none, and changes nothing', () => {
      const tree = new IntervalTree(memory(), u32)
      const none = [-1, -1n, MOST + 1n, 1.5, 2 ** 53, Number.NaN, Infinity, '5', undefined, null] as End[]
      for (const end of none) {
        expectFault('argument', ['low end', 'expected a bigint from 0 to 2^64 - 1'], () => tree.insert(end, MOST, 1))
        expectFault('argument', ['high end'], () => tree.insert(0, end, 1))
        expectFault('argument', ['end'], () => tree.find(end, MOST))
        expectFault('argument', ['end'], () => tree.findAt(end))
        expectFault('argument', ['end'], () => tree.has(end, MOST))
        expectFault('argument', ['end'], () => tree.delete(end, MOST))
      }
      expectFault('argument', ['from 6 to 5'], () => tree.insert(6, 5n, 1))
      expectFault('argument', ['from 4294967296 to 5'], () => tree.find(2 ** 32, 5))
      expectFault('argument', ['u32: -1'], () => tree.insert(1, 2, -1))
      expect(tree.count).to.equal(0)
    })

    it('ends as numbers and as bigints are the same', () => {
      const tree = new IntervalTree(memory(), u32)
      for (const end of [0, 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 52 + 7, 2 ** 53 - 1]) {
        const place = tree.insert(end, end, 1)
        expect([...tree.findAt(BigInt(end))]).to.deep.equal([{ low: BigInt(end), high: BigInt(end), value: 1, place }])
        expect(tree.delete(BigInt(end), end)).to.equal(true)
      }
      tree.insert(0, MOST, 2)
      expect([...tree].map(({ low, high }) => [low, high])).to.deep.equal([[0n, MOST]])
    })

    it('values that need 8 bytes', () => {
      const tree = new IntervalTree(memory(), struct({ x: f64, n: u8 }))
      for (let i = 0; i < 20; i++) tree.insert(i, i, { x: i / 3, n: i })
      tree.check()
      expect([...tree].map(({ value }) => value)).to.deep.equal(Array.from({ length: 20 }, (_, n) => ({ x: n / 3, n })))
    })
  })

  describe('balance', () => {
    it('sequential intervals: no deeper than 2 log2(n + 1), also after most were removed', () => {
      const region = memory(2 ** 20)
      const tree = new IntervalTree(region, u32)
      const expectFlat = () =>
        expect(heightOf(wordsOf(region), rootOf(tree))).to.be.at.most(2 * Math.log2(tree.count + 1))
      const places = Array.from({ length: 5000 }, (_, i) => tree.insert(i, i + 100, i))
      expectFlat()
      for (const [i, place] of places.entries()) if (i % 50 !== 0) tree.remove(place)
      expectFlat()
      tree.check()
      expect([...tree.find(1000, 1100)].map(({ value }) => value)).to.deep.equal([900, 950, 1000, 1050, 1100])
    })
  })

  describe('a search that meets changes', () => {
    const filled = () => {
      const region = memory()
      const tree = new IntervalTree(region, u32)
      for (let i = 0; i < 40; i++) tree.insert(i, i % 3 === 0 ? i + 20 : i + 1, i)
      return { region, tree }
    }

    it('what is given may be removed', () => {
      const { region, tree } = filled()
      const expected = [...tree.find(20, 25)].map(({ value }) => value)
      expect(expected).to.have.length.greaterThan(6)
      const seen: number[] = []
      for (const { value, place } of tree.find(20, 25)) {
        seen.push(value)
        expect(tree.remove(place)).to.equal(true)
        tree.check()
      }
      expect(seen).to.deep.equal(expected)
      expect(tree.has(20, 25)).to.equal(false)
      for (const { place } of tree) tree.remove(place)
      expect(tree.count).to.equal(0)
      expect(region.stat().busyBlocks).to.equal(1)
    })

    it('gives what comes behind, not what went, nothing twice', () => {
      const { tree } = filled()
      const seen: number[] = []
      for (const { value } of tree.find(20, 22)) {
        seen.push(value)
        if (value !== 15) continue
        tree.delete(20, 21)
        tree.insert(15, 35, 99)
        tree.insert(16, 20, 100)
        tree.insert(16, 19, 101)
        tree.insert(3, 30, 102)
      }
      expect(seen).to.deep.equal([0, 3, 6, 9, 12, 15, 99, 100, 18, 19, 21, 22])
    })

    it('ends after clear, throws closed after destroy', () => {
      const { tree } = filled()
      const search = tree.find(0, 30)
      search.next()
      tree.clear()
      expect(search.next().done).to.equal(true)
      tree.insert(1, 1, 1)
      const more = tree.find(0, 30)
      more.next()
      tree.destroy()
      expectFault('closed', ['interval tree'], () => more.next())
    })

    it('what decides in delete may change the tree', () => {
      const tree = new IntervalTree(memory(), u32)
      for (const value of [1, 2, 3]) tree.insert(4, 5, value)
      const seen: number[] = []
      expect(
        tree.delete(4, 5, (value) => {
          seen.push(value)
          if (value === 1) tree.delete(4, 5, (other) => other === 2)
          return value === 3
        }),
      ).to.equal(true)
      expect(seen).to.deep.equal([1, 3])
      expect([...tree].map(({ value }) => value)).to.deep.equal([1])
      expect(tree.delete(4, 5, () => tree.clear() === undefined)).to.equal(false)
      tree.check()
    })
  })

  describe('memory', () => {
    it('out of memory leaves all as it was', () => {
      const region = open({ discipline: new ArrayBuffer(8192), method: 'best', check: 3 })
      const tree = new IntervalTree(region, u32)
      let i = 0
      expectFault('no-memory', ['interval tree', '44 bytes'], () => {
        for (; ; i++) tree.insert(i, i + 5, i)
      })
      expect(i).to.be.greaterThan(50)
      tree.check()
      expect([...tree].map(({ value }) => value)).to.deep.equal(Array.from({ length: i }, (_, k) => k))
      expect(tree.delete(3, 8)).to.equal(true)
      tree.insert(1, 2, 3)
      tree.destroy()
      expect(region.stat().busyBlocks).to.equal(0)
    })

    it('a second handle sees the same; one of another shape is refused', () => {
      const region = memory()
      const tree = new IntervalTree(region, u32)
      const other = new IntervalTree(region, u32, { at: tree.at })
      const place = tree.insert(1, 5, 7)
      other.insert(2, 6, 8)
      expect([...tree]).to.deep.equal([...other])
      expect(other.remove(place)).to.equal(true)
      expect(tree.count).to.equal(1)
      expectFault('argument', ['of other values or keys'], () => new IntervalTree(region, f64, { at: tree.at }))
      other.destroy()
      expectFault('closed', ['interval tree', 'destroyed'], () => tree.count)
    })

    it('lives on in a copy of the bytes, at another base too', () => {
      const region = memory()
      const tree = new IntervalTree(region, u32)
      const rng = new Rng(SEED)
      for (let i = 0; i < 200; i++) tree.insert(...ordered(BigInt(rng.below(500)), BigInt(rng.below(500))), i)
      const all = () => [...tree].map(({ low, high, value }) => ({ low, high, value }))
      const entries = all()
      for (const base of [0, 4096]) {
        const moved = new Uint8Array(base + region.buffer.byteLength)
        moved.set(new Uint8Array(region.buffer), base)
        const copy = attach(base === 0 ? moved.buffer : moved.subarray(base))
        const again = new IntervalTree(copy, u32, { at: tree.at + base })
        again.check()
        expect([...again].map(({ low, high, value }) => ({ low, high, value }))).to.deep.equal(entries)
        for (const { place } of again) expect(again.remove(place)).to.equal(true)
        again.destroy()
        expect(copy.stat().busyBlocks).to.equal(0)
      }
      tree.check()
      expect(all()).to.deep.equal(entries)
    })

    it('empties itself when the region of its contents is cleared', () => {
      const home = memory()
      const data = open({ discipline: home, method: 'pool' })
      const tree = new IntervalTree(home, u32, { data })
      for (let era = 0; era < 3; era++) {
        for (let i = 0; i < 100; i++) tree.insert(i, i + 3, i)
        const search = tree.find(0, 50)
        const { place } = search.next().value!
        data.clear()
        expect(search.next().done).to.equal(true)
        expect(tree.remove(place)).to.equal(false)
        expect(tree.count).to.equal(0)
        tree.check()
      }
      data.close()
      expectFault('closed', ['interval tree'], () => tree.insert(1, 2, 3))
      tree.destroy()
      expect(home.stat().busyBlocks).to.equal(0)
    })
  })

  describe('laws', () => {
    const LOW = 4
    const MAX = 9
    const filled = (n = 40) => {
      const region = memory(2 ** 15)
      const tree = new IntervalTree(region, u32)
      for (let i = 0; i < n; i++) tree.insert(i * 10, i * 10 + 20 + (i % 7) * 10, i)
      const m = wordsOf(region)
      const root = rootOf(tree)
      const cells = cellsOf(m, root).sort((a, b) => m[a + LOW]! - m[b + LOW]!)
      return { tree, m, root, cells }
    }
    type Scene = ReturnType<typeof filled>

    const faults: Record<string, [law: string, spoil: (scene: Scene) => void]> = {
      'a node too few': ['R1', ({ m, root }) => m[root + 1]!++],
      'a parent that is another': ['R1', ({ m, cells }) => (m[cells[5]! + 2]! += 16)],
      'a link to no block': ['R1', ({ m, cells }) => (m[cells.at(-1)! + 1] = 77)],
      'a right link to no block, where there is a child': ['R1', ({ m, root }) => (m[m[root]! + 1] = 2 ** 29)],
      'a red root': ['R2', ({ m, root }) => (m[m[root]! + 2]! |= 1)],
      'a black node more': ['R3', ({ m, cells }) => (m[cells.find((node) => m[node + 2]! & 1)! + 2]! &= ~1)],
      'low ends that descend': ['T1', ({ m, cells }) => (m[cells[7]! + LOW]! -= 15)],
      'a low end above the high one': ['T2', ({ m, cells }) => (m[cells.at(-1)! + LOW]! += 1000)],
      'a low end above the high one, in the high word': ['T2', ({ m, cells }) => (m[cells.at(-1)! + LOW - 1]! += 1)],
      'a maximum too great': ['T3', ({ m, root }) => (m[m[root]! + MAX]! += 1)],
      'a maximum too small': ['T3', ({ m, root }) => (m[m[root]! + MAX]! -= 1)],
      'a maximum too great by 2^32': ['T3', ({ m, cells }) => (m[cells[3]! + MAX - 1]! += 1)],
    }
    for (const [name, [law, spoil]] of Object.entries(faults)) {
      it(`${law}: ${name}`, () => {
        const scene = filled()
        scene.tree.check()
        spoil(scene)
        expectFault('corrupted', [`interval tree ${law}`], () => scene.tree.check())
      })
    }

    it('T1: the same ends, the younger first', () => {
      const region = memory()
      const tree = new IntervalTree(region, u32)
      for (let i = 0; i < 5; i++) tree.insert(7, 9, i)
      const m = wordsOf(region)
      const [one, other] = cellsOf(m, rootOf(tree)) as [number, number]
      const number = m[one + 7]!
      m[one + 7] = m[other + 7]!
      m[other + 7] = number
      expectFault('corrupted', ['interval tree T1'], () => tree.check())
    })

    it('check ends on any bytes', () => {
      const rng = new Rng(SEED)
      const { tree, m, root, cells } = filled(60)
      const good = m.slice()
      let found = 0
      for (let round = 0; round < 3000; round++) {
        for (let times = rng.between(1, 6); times > 0; times--) {
          const where = rng.chance(1 / 8) ? root + rng.below(2) : rng.pick(cells) + rng.below(10)
          m[where] = rng.pick([rng.word(), rng.pick(cells), rng.pick(cells) * 2 + rng.below(2), 0, rng.below(100), -1])
        }
        try {
          tree.check()
        } catch (error) {
          expect((error as VmallocError).code).to.equal('corrupted')
          found++
        }
        m.set(good)
      }
      expect(found).to.be.greaterThan(2000)
      tree.check()
    })
  })
})
