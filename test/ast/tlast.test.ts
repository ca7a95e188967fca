/**
 * tlast: only the newest block can be freed or resized in place.
 *
 * The original stops there. Here an older block may move when that is asked for, and after the newest block was freed
 * the one before it is the newest.
 */
import { expect } from 'chai'
import { open } from '../../src/index.ts'

describe('ast tlast', () => {
  it('frees and resizes the newest block only', () => {
    const region = open({ discipline: 'memory', method: 'last', check: 3 })
    const [a, b, c] = [region.alloc(100), region.alloc(100), region.alloc(100)]
    const heard: number[] = []
    region.on('badaddr', ({ value }) => void heard.push(value))

    expect(region.free(a)).to.equal(false)
    expect(region.free(b)).to.equal(false)
    expect(heard).to.deep.equal([a, b])
    expect(region.resize(b, 200), 'an older block in place').to.equal(0)
    expect(region.resize(c, 5000), 'the newest').to.equal(c)
    expect(region.sizeOf(c)).to.be.at.least(5000)
    expect(region.resize(c, 10)).to.equal(c)

    expect(region.free(c)).to.equal(true)
    expect(region.free(c), 'again').to.equal(false)
    expect(region.free(b), 'the newest now').to.equal(true)
    expect(region.resize(a, 300)).to.equal(a)
    expect(region.free(a)).to.equal(true)
    expect(region.stat().busyBlocks).to.equal(0)
  })

  it('moves an older block where that is asked for, with its content', () => {
    const region = open({ discipline: 'memory', method: 'last', check: 3 })
    const old = region.alloc(64)
    region.bytes(old, 64).fill(3)
    const newest = region.alloc(64)
    const moved = region.resize(old, 1000, { copy: true })
    expect(moved).to.be.greaterThan(newest)
    expect(region.bytes(moved, 64).every((byte) => byte === 3)).to.equal(true)
    expect(region.sizeOf(old)).to.equal(-1)
    expect(region.stat()).to.include({ busyBlocks: 2 })
    expect(region.free(moved)).to.equal(true)
    expect(region.free(newest)).to.equal(true)
    expect(region.stat()).to.include({ busyBlocks: 0, busyBytes: 0 })
  })
})
