/**
 * inxalloc: the example program of INxalloc, written anew. One component, number 666, allocates blocks of 32, 64 and 128
 * bytes; a report; two blocks are asked whose they are; two are freed through the component and the third carefree, without
 * naming it, with a report after each.
 *
 * What INxalloc keeps of a component is its size, num_alloc and num_free; of a block its component, size and ordinal.
 */
import { expect } from 'chai'
import { type Account, account, ordinalOf, ownerOf, sizeOf } from '../../src/account.ts'
import { open, type Region } from '../../src/index.ts'
import { expectFault } from '../fixtures/faults.ts'

interface Component {
  id: string
  size: number
  num_alloc: number
  num_free: number
}

describe('the example of INxalloc', () => {
  for (const method of ['best', 'debug(best)', 'last']) {
    it(`tells at each moment what component 666 holds: ${method}`, () => {
      const region = open({ discipline: new ArrayBuffer(2 ** 16), name: 'process', method, check: 3 })
      const component = account('666', region, { ordinals: true })
      const live = new Set<number>()
      const reports: Component[] = []
      const report = (): void => {
        const { bytes, allocs, frees, blocks } = component.own
        expect(bytes, 'the sum of what is live').to.equal([...live].reduce((sum, at) => sum + region.sizeOf(at), 0))
        expect(blocks).to.equal(live.size)
        expect(allocs - frees).to.equal(live.size)
        reports.push({ id: component.name, size: bytes, num_alloc: allocs, num_free: frees })
      }

      const blocks = [32, 64, 128].map((size) => component.alloc(size))
      for (const at of blocks) live.add(at)
      const [first, second, third] = blocks as [number, number, number]
      report()
      expect([first, second].map((at) => ownerOf(at, region)?.path)).to.deep.equal(['666', '666'])
      expect(blocks.map((at) => ordinalOf(at, region))).to.deep.equal([1, 2, 3])
      for (const [i, size] of [32, 64, 128].entries()) expect(sizeOf(blocks[i]!, region)).to.be.within(size, size + 15)

      component.free(third)
      live.delete(third)
      report()
      component.free(second)
      live.delete(second)
      report()
      expect(region.free(first)).to.equal(true)
      live.delete(first)
      report()
      expect(reports.map(({ num_alloc, num_free }) => [num_alloc, num_free])).to.deep.equal([
        [3, 0],
        [3, 1],
        [3, 2],
        [3, 3],
      ])
      expect(reports[0]!.size).to.be.within(224, 224 + 3 * 15)
      expect(reports[3]).to.deep.equal({ id: '666', size: 0, num_alloc: 3, num_free: 3 })
      expect(ownerOf(first, region)).to.equal(undefined)
    })
  }

  it('frees nothing for a component that it is not of, and names the one that it is of', () => {
    const region = open({ discipline: new ArrayBuffer(2 ** 16), name: 'process', check: 3 })
    const [mine, yours] = [account('666', region), account('667', region)]
    const at = mine.alloc(32)
    const before = [mine.own, yours.own, region.stat()]
    expectFault('argument', ['free', `block at ${at}`, 'account 666', 'account 667'], () => yours.free(at))
    expect([mine.own, yours.own, region.stat()]).to.deep.equal(before)
    expect(ownerOf(at, region)?.path).to.equal('666')
    mine.free(at)
    expectFault('argument', ['no busy block'], () => mine.free(at))
    mine.free(0)
    expect(mine.own).to.include({ blocks: 0, allocs: 1, frees: 1 })
  })

  it('numbers the blocks of each component from 1, each number once and upwards', () => {
    const region = open({ discipline: new ArrayBuffer(2 ** 18), name: 'process', ordinals: true })
    const components = ['a', 'b', 'c'].map((name) => account(name, region))
    const seen = new Map<Account, number[]>(components.map((component) => [component, []]))
    const live: number[] = []
    for (let i = 0; i < 300; i++) {
      const component = components[(i * 7) % 3]!
      const at =
        i % 4 === 3
          ? component.resize(ofComponent(component, live, region), 3000 + i, { copy: true })
          : component.alloc(8 + (i % 50))
      seen.get(component)!.push(component.ordinalOf(at))
      live.push(at)
      if (i % 5 === 4) region.free(live.shift()!)
    }
    for (const numbers of seen.values()) {
      const own = numbers.filter((number, i) => i === 0 || number !== numbers[i - 1])
      expect(own, 'upwards').to.deep.equal([...own].sort((a, b) => a - b))
      expect(new Set(own).size, 'each once').to.equal(own.length)
      expect(own[0]).to.equal(1)
    }
    region.check()
  })
})

/** The newest block of a component, taken off the list. */
function ofComponent(component: Account, live: number[], region: Region): number {
  const i = live.findLastIndex((at) => ownerOf(at, region)?.path === component.path)
  return live.splice(i, 1)[0]!
}
