/**
 * wmem's cases of its interval tree, anew. There the searches were drawn so far from the intervals that hardly any could
 * find one; here both come from the same numbers, and how many found something is asserted.
 */
import { expect } from 'chai'
import { u32 } from '../../src/collections/codec.ts'
import { IntervalTree } from '../../src/collections/interval-tree.ts'
import { open } from '../../src/index.ts'
import { Rng, seedFrom } from '../conformance/index.ts'

const SEED = seedFrom(process.env.SEED)
const ITERATIONS = 10_000

describe(`wmem: interval tree, SEED=${SEED}`, () => {
  it('overlap: apart, touching, across each end, inside, around, the same', () => {
    const table: [a: [number, number], b: [number, number], overlap: boolean][] = [
      [[2, 4], [6, 8], false],
      [[2, 4], [5, 8], false],
      [[2, 4], [4, 8], true],
      [[2, 6], [4, 8], true],
      [[2, 10], [4, 8], true],
      [[5, 6], [4, 8], true],
      [[4, 8], [4, 8], true],
      [[4, 5], [4, 8], true],
      [[7, 8], [4, 8], true],
      [[6, 6], [4, 8], true],
      [[0, 0], [0, 0], true],
      [[0, 2 ** 53 - 1], [2 ** 40, 2 ** 41], true],
      [[2 ** 32, 2 ** 33], [0, 2 ** 32 - 1], false],
    ]
    const region = open({ discipline: 'memory' })
    for (const [a, b, overlap] of table) {
      for (const [one, other] of [
        [a, b],
        [b, a],
      ] as const) {
        const tree = new IntervalTree(region, u32)
        tree.insert(...one, 1)
        expect(tree.has(...other), `${one} and ${other}`).to.equal(overlap)
        expect([...tree.find(...other)]).to.have.length(overlap ? 1 : 0)
        tree.destroy()
      }
    }
    region.close()
  })

  it('against a plain list, after each of many insertions', () => {
    const region = open({ discipline: 'memory', method: 'best' })
    const tree = new IntervalTree(region, u32)
    const lows: number[] = []
    const highs: number[] = []
    const rng = new Rng(SEED)
    const most = 2 ** 31
    let met = 0
    for (let i = 0; i < ITERATIONS; i++) {
      const low = rng.below(most)
      const high = low + (rng.chance(1 / 100) ? rng.below(most / 20) : rng.below(100_000))
      tree.insert(low, high, i)
      lows.push(low)
      highs.push(high)
      const from = rng.below(most)
      const to = from + rng.below(500_000)
      let expected = 0
      let sum = 0
      for (let k = 0; k <= i; k++) {
        if (lows[k]! > to || highs[k]! < from) continue
        expected++
        sum += k
      }
      let before = -1n
      for (const { low, high, value } of tree.find(from, to)) {
        if (low < before) expect.fail(`${low} after ${before}`)
        if (low !== BigInt(lows[value]!) || high !== BigInt(highs[value]!)) expect.fail(`${value} has other ends`)
        before = low
        expected--
        sum -= value
      }
      if (expected !== 0 || sum !== 0) expect.fail(`step ${i}: ${from} to ${to}: ${expected} too few`)
      if (tree.has(from, to)) met++
      if ((i & (i - 1)) === 0) tree.check()
    }
    expect(met / ITERATIONS, 'searches that found something').to.be.greaterThan(1 / 4)
    tree.check()
    expect(tree.count).to.equal(ITERATIONS)
    tree.destroy()
    expect(region.stat().busyBlocks).to.equal(0)
    region.close()
  })

  it('a low end that is there already: both are kept, each with its own high end', () => {
    const region = open({ discipline: 'memory' })
    const tree = new IntervalTree(region, u32)
    tree.insert(10, 20, 1)
    tree.insert(10, 50, 2)
    tree.insert(10, 20, 3)
    const found = (at: number) => [...tree.findAt(at)].map(({ low, high, value }) => [low, high, value])
    expect(found(15)).to.deep.equal([
      [10n, 20n, 1],
      [10n, 20n, 3],
      [10n, 50n, 2],
    ])
    expect(found(40)).to.deep.equal([[10n, 50n, 2]])
    expect(tree.count).to.equal(3)
    tree.check()
    region.close()
  })
})
