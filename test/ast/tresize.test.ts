/**
 * tresize: where blocks of best lie after they were resized.
 *
 * The original expects its own placement, address by address. What holds here: a block stays where it is when it
 * shrinks, when it is the last one before the wilderness, and when its right neighbour is free and large enough; and
 * otherwise does not change unless it may move.
 */
import { expect } from 'chai'
import { open } from '../../src/index.ts'

describe('ast tresize', () => {
  it('stays in place wherever there is room', () => {
    const region = open({ discipline: 'memory', method: 'best', check: 3 })
    const [a, b, c] = [region.alloc(1000), region.alloc(1000), region.alloc(1000)]
    for (const [i, at] of [a, b, c].entries()) region.bytes(at, 1000).fill(i + 1)

    expect(region.resize(c, 100_000), 'the wilderness is behind it').to.equal(c)
    expect(region.resize(c, 1000)).to.equal(c)
    expect(region.resize(b, 2000), 'c is behind it').to.equal(0)
    expect(region.resize(b, 500)).to.equal(b)
    expect(region.resize(b, 1000), 'into what it gave up').to.equal(b)
    expect(region.free(b)).to.equal(true)
    expect(region.resize(a, 1800), 'into where b was').to.equal(a)
    expect(region.sizeOf(a)).to.be.at.least(1800)
    const again = region.alloc(100)
    expect(again, 'what remains of b').to.be.within(a + 1800, c - 100)

    expect(region.bytes(a, 1000).every((byte) => byte === 1)).to.equal(true)
    expect(region.bytes(c, 1000).every((byte) => byte === 3)).to.equal(true)
  })

  it('moves only where that is asked for, and then frees the old place', () => {
    const region = open({ discipline: 'memory', method: 'best', check: 3 })
    const a = region.alloc(1000)
    const b = region.alloc(1000)
    region.bytes(a, 1000).fill(1)
    expect(region.resize(a, 3000)).to.equal(0)
    expect(region.sizeOf(a), 'unchanged').to.be.within(1000, 1016)
    const moved = region.resize(a, 3000, { move: true, copy: true })
    expect(moved).to.be.greaterThan(b)
    expect(region.bytes(moved, 1000).every((byte) => byte === 1)).to.equal(true)
    expect(region.alloc(1000), 'the old place').to.equal(a)
  })

  it('comes back to where it was', () => {
    const region = open({ discipline: 'memory', method: 'best', check: 3 })
    let at = region.alloc(64)
    region.bytes(at, 64).fill(5)
    const fence = region.alloc(64)
    for (let round = 0; round < 20; round++) {
      at = region.resize(at, 4000, { copy: true })
      at = region.resize(at, 64, { copy: true })
      expect(region.bytes(at, 64).every((byte) => byte === 5)).to.equal(true)
    }
    region.free(at)
    region.free(fence)
    region.compact()
    expect(region.stat()).to.include({ busyBlocks: 0, freeBlocks: 1 })
    expect(region.stat().extent, 'no growth by going to and fro').to.be.below(64 * 1024)
  })
})
