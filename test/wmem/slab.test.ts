/**
 * A slab as wmem had one at first, which its suite never tested.
 */
import { expect } from 'chai'
import { Slab } from '../../src/collections/slab.ts'
import { open } from '../../src/index.ts'

const MANY = 10_000

describe('wmem: slab', () => {
  it('hands out ten thousand objects that do not touch, eight a chunk, and the last freed first', () => {
    const region = open({ discipline: 'memory' })
    const slab = new Slab(region, { size: 20 })
    const before = region.stat().busyBlocks
    const objects = Array.from({ length: MANY }, () => slab.alloc())
    expect(new Set(objects).size).to.equal(MANY)
    const sorted = [...objects].sort((a, b) => a - b)
    for (let i = 1; i < MANY; i++)
      if (sorted[i]! - sorted[i - 1]! < 20) expect.fail(`${sorted[i - 1]} and ${sorted[i]}`)
    objects.forEach((at, i) => void region.bytes(at, 20).fill(i))
    objects.forEach((at, i) => {
      if (!region.bytes(at, 20).every((byte) => byte === (i & 255))) expect.fail(`object ${i}`)
    })
    slab.check()
    expect(slab.count).to.equal(MANY)
    expect(region.stat().busyBlocks - before).to.equal(MANY / 8 + 1)
    for (const at of objects) slab.free(at)
    slab.check()
    expect(slab.count).to.equal(0)
    expect(Array.from({ length: MANY }, () => slab.alloc())).to.deep.equal([...objects].reverse())
    expect(region.stat().busyBlocks - before).to.equal(MANY / 8 + 1)
    slab.destroy()
    expect(region.stat().busyBlocks).to.equal(0)
    region.close()
  })

  it('passes through to the region under a debugging method, or when asked to', () => {
    for (const [method, passThrough] of [
      ['debug(best)', undefined],
      ['best', true],
    ] as const) {
      const region = open({ discipline: 'memory', method })
      const slab = new Slab(region, passThrough === undefined ? { size: 20 } : { size: 20, passThrough })
      const objects = [slab.alloc(), slab.alloc(), slab.alloc()]
      for (const at of objects) expect(region.sizeOf(at)).to.be.at.least(20)
      expect([...slab]).to.deep.equal([...objects].sort((a, b) => a - b))
      slab.free(objects[1]!)
      expect(region.sizeOf(objects[1]!)).to.equal(-1)
      slab.check()
      slab.destroy()
      expect(region.stat().busyBlocks).to.equal(0)
      region.close()
    }
  })
})
