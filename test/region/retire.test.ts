/**
 * retire: a block that is given up for good, whether its method can free it now or not; and the two figures that need no
 * walk.
 */
import { expect } from 'chai'
import { injectOptions, open } from '../../src/index.ts'

describe('retire', () => {
  let were: string
  before(() => void (were = injectOptions('format=none,profile=none')))
  after(() => injectOptions(were))

  for (const method of ['best', 'pool', 'last', 'debug(last)', 'profile(last)', 'debug(best)']) {
    it(`in any order: ${method}`, () => {
      const region = open({ discipline: 'memory', method, leaks: false })
      const mistakes: number[] = []
      const freed: number[] = []
      region.on('badaddr', ({ value }) => mistakes.push(value))
      region.on('free', ({ at }) => freed.push(at))
      const blocks = Array.from({ length: 6 }, () => region.alloc(40))
      const view = region.view(Uint8Array, blocks[1]!, 4)
      const each = region.busyBytes / 6
      for (const [i, at] of [blocks[1]!, blocks[4]!, blocks[0]!].entries()) {
        expect(region.retire(at)).to.equal(true)
        expect(region.sizeOf(at)).to.equal(-1)
        expect(region.busyBytes).to.equal((5 - i) * each)
        region.check()
      }
      expect(view.alive).to.equal(false)
      expect(freed).to.deep.equal([blocks[1], blocks[4], blocks[0]])
      expect(mistakes).to.deep.equal([])
      expect(region.retire(blocks[1]!)).to.equal(false)
      expect(region.retire(blocks[2]! + 4)).to.equal(false)
      expect(region.retire(0)).to.equal(true)
      expect(mistakes).to.deep.equal([blocks[1], blocks[2]! + 4])
      for (const at of [blocks[2]!, blocks[3]!, blocks[5]!]) region.retire(at)
      const { busyBytes, extent } = region.stat()
      expect([region.busyBytes, region.extent]).to.deep.equal([busyBytes, extent])
      expect(busyBytes).to.equal(0)
      region.close()
      expect([region.busyBytes, region.extent, region.retire(blocks[0]!)]).to.deep.equal([0, 0, false])
    })
  }

  it('last has the memory back when what lies after it is gone, too', () => {
    const region = open({ discipline: 'memory', method: 'last' })
    const [first, second, third] = [1, 2, 3].map(() => region.alloc(100)) as [number, number, number]
    region.retire(first)
    region.retire(second)
    expect(region.alloc(100)).to.be.above(third)
    region.clear()
    const blocks = [1, 2, 3].map(() => region.alloc(100))
    region.retire(blocks[1]!)
    region.free(blocks[2]!)
    expect(region.alloc(100)).to.equal(blocks[1])
    region.close()
  })
})
