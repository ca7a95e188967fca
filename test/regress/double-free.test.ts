/**
 * double-free: a second free is refused wherever the first one left the block.
 *
 * AST vmalloc ignored it, handed the block out twice, or hung. Here a block that had merged with its left neighbour and
 * with the wilderness at once was taken for busy again: its stale head and the stale head of the wilderness agreed.
 */
import { expect } from 'chai'
import { open } from '../../src/index.ts'
import { Dice, SEED } from '../fixtures/dice.ts'

describe('a second free', () => {
  it('is refused for a block that merged to the left and into the wilderness', () => {
    const region = open({ discipline: 'memory', method: 'best' })
    const [a, b] = [region.alloc(1000), region.alloc(1000)]
    expect(region.free(a)).to.equal(true)
    expect(region.free(b)).to.equal(true)
    expect(region.free(b), 'again').to.equal(false)
    expect(region.sizeOf(b)).to.equal(-1)
    expect(region.resize(b, 10)).to.equal(0)
    region.check()
  })

  // Every order in which five neighbours can be freed, each freed again after each step.
  for (const size of [40, 600]) {
    it(`is refused in every order of five neighbours of ${size} bytes`, () => {
      for (const order of permutations([0, 1, 2, 3, 4])) {
        const region = open({ discipline: 'memory', method: 'best', check: 3, free: true })
        const blocks = order.map(() => region.alloc(size)).toSorted((x, y) => x - y)
        const gone: number[] = []
        for (const i of order) {
          expect(region.free(blocks[i]!)).to.equal(true)
          gone.push(i)
          for (const j of gone) expect(region.free(blocks[j]!), `${j} again after ${gone}`).to.equal(false)
        }
        expect(region.stat()).to.include({ busyBlocks: 0, busyBytes: 0 })
        region.close()
      }
    })
  }

  it(`is refused at once in a random life (SEED=${SEED})`, () => {
    const dice = new Dice(SEED)
    const region = open({ discipline: 'memory', method: 'best' })
    const live: number[] = []
    for (let step = 0; step < 20_000; step++) {
      if (live.length < 60 && dice.once(2))
        live.push(region.alloc(dice.once(3) ? dice.between(500, 5000) : dice.between(0, 500)))
      else if (live.length > 0) {
        const i = dice.below(live.length)
        const [at] = live.splice(i, 1) as [number]
        if (!region.free(at)) throw new Error(`SEED=${SEED} step ${step}: free of ${at} was refused`)
        if (region.free(at)) throw new Error(`SEED=${SEED} step ${step}: second free of ${at}`)
      }
    }
    region.check()
    expect(region.stat().busyBlocks).to.equal(live.length)
  })
})

function permutations(items: number[]): number[][] {
  if (items.length <= 1) return [items]
  return items.flatMap((first) => permutations(items.filter((item) => item !== first)).map((rest) => [first, ...rest]))
}
