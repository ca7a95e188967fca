/**
 * tstat: the figures of a region are exact, in every method.
 *
 * As the original; but bytes here are usable ones, the maxima are those of single blocks, and the sum is the extent.
 */
import { expect } from 'chai'
import { open, type Region, registry } from '../../src/index.ts'

const methods = ['best', 'pool', 'last', 'debug'].filter((name) => registry.methods.get(name) !== undefined)

function expectSum(region: Region): void {
  const { busyBytes, cachedBytes, freeBytes, overhead, extent, segments } = region.stat()
  expect(busyBytes + cachedBytes + freeBytes + overhead).to.equal(extent)
  expect(overhead).to.be.at.least(0)
  expect(segments).to.equal(region.segments().length)
  expect(region.segments().reduce((sum, { size }) => sum + size, 0)).to.equal(extent)
}

for (const method of methods) {
  describe(`ast tstat: ${method}`, () => {
    it('counts busy blocks and bytes as they come and go', () => {
      const region = open({ method })
      const sizes = method === 'pool' ? Array(50).fill(72) : Array.from({ length: 50 }, (_, i) => 8 + i * 24)
      const blocks: number[] = []
      let bytes = 0
      let largest = 0
      for (const size of sizes) {
        const at = region.alloc(size)
        blocks.push(at)
        bytes += region.sizeOf(at)
        largest = Math.max(largest, region.sizeOf(at))
        expect(region.stat()).to.include({
          busyBlocks: blocks.length,
          busyBytes: bytes,
          largestBusy: largest,
          highTide: bytes,
        })
        expectSum(region)
      }
      const tide = bytes
      while (blocks.length > 0) {
        const at = blocks.pop()!
        bytes -= region.sizeOf(at)
        expect(region.free(at)).to.equal(true)
        expect(region.stat()).to.include({ busyBlocks: blocks.length, busyBytes: bytes, highTide: tide })
        expectSum(region)
      }
      expect(region.stat()).to.include({ busyBlocks: 0, busyBytes: 0, largestBusy: 0 })
      expect(region.close()).to.equal(true)
      expect(Object.values(region.stat()).every((n) => n === 0)).to.equal(true)
    })
  })
}

describe('ast tstat', () => {
  it('counts exact bytes in a pool, and every element that was freed as free', () => {
    const region = open({ discipline: new ArrayBuffer(64 * 1024), method: 'pool' })
    const elements = Array.from({ length: 100 }, () => region.alloc(13))
    expect(region.stat()).to.include({ busyBlocks: 100, busyBytes: 1300, largestBusy: 13 })
    for (const at of elements.slice(0, 40)) region.free(at)
    expect(region.stat()).to.include({ busyBlocks: 60, busyBytes: 780, highTide: 1300 })
    expect(region.stat().freeBlocks).to.be.at.least(40)
  })

  it('tells a cached block from a busy and from a free one', () => {
    const region = open({ discipline: 'memory', method: 'best' })
    const [a] = [region.alloc(40), region.alloc(40)]
    const size = region.sizeOf(a!)
    region.free(a!)
    expect(region.stat()).to.include({ busyBlocks: 1, busyBytes: size, cachedBlocks: 1, cachedBytes: size })
    region.compact()
    expect(region.stat()).to.include({ busyBlocks: 1, busyBytes: size, cachedBlocks: 0, cachedBytes: 0 })
  })
})
