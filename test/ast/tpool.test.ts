/**
 * tpool: elements of one size: the first request says which.
 *
 * The original's vmalloc(0) fails in a pool; here alloc(0) is an element.
 */
import { expect } from 'chai'
import { open } from '../../src/index.ts'

const SIZE = 15

describe('ast tpool', () => {
  it('serves one size, keeps it, and knows busy elements from free ones', () => {
    const region = open({ method: 'pool', check: 3 })
    const elements = Array.from({ length: 10 }, () => region.alloc(SIZE))
    expect(new Set(elements).size).to.equal(10)
    expect(region.unit).to.equal(SIZE)
    const heard: number[] = []
    region.on('badaddr', ({ value }) => void heard.push(value))

    expect(region.alloc(SIZE + 1)).to.equal(0)
    expect(region.alloc(SIZE - 1)).to.equal(0)
    expect(region.resize(elements[0]!, 2 * SIZE), 'in place').to.equal(0)
    expect(region.resize(elements[0]!, 2 * SIZE, { move: true, copy: true }), 'moved').to.equal(0)
    expect(heard).to.deep.equal([SIZE + 1, SIZE - 1, 2 * SIZE])
    expect(region.resize(elements[0]!, SIZE), 'the same size').to.equal(elements[0])

    const [gone, ...busy] = elements
    expect(region.free(gone!)).to.equal(true)
    expect(region.sizeOf(gone!)).to.equal(-1)
    for (const at of busy) expect(region.sizeOf(at)).to.equal(SIZE)
    expect(region.alloc(0), 'an element, the one freed last').to.equal(gone)
    expect(region.sizeOf(gone!)).to.equal(SIZE)
  })

  it('forgets the size when it is cleared', () => {
    const region = open({ method: 'pool', check: 3 })
    region.alloc(SIZE)
    expect(region.clear()).to.equal(true)
    expect(region.unit).to.equal(0)
    const at = region.alloc(100)
    expect(region.sizeOf(at)).to.equal(100)
  })
})
