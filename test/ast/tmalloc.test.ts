/**
 * tmalloc: the family that C knows: allocate, free, allocate again, and the argument errors of aligned allocation.
 *
 * posix_memalign has error numbers and wants a multiple of the size of a pointer; memalign here answers 0 for what is
 * no power of two, and takes any that is. test/malloc.test.ts holds the family to the rest of C's rules.
 */
import { expect } from 'chai'
import { free, LIMIT, malloc, mallocRegion, memalign } from '../../src/index.ts'

describe('ast tmalloc', () => {
  it('allocates, frees and allocates again', () => {
    const { busyBlocks } = mallocRegion().stat()
    const first = malloc(100)
    expect(first).to.be.greaterThan(0)
    mallocRegion().bytes(first, 100).fill(1)
    expect(free(first)).to.equal(true)
    const second = malloc(100)
    expect(second).to.be.greaterThan(0)
    expect(free(second)).to.equal(true)
    mallocRegion().check()
    expect(mallocRegion().stat().busyBlocks).to.equal(busyBlocks)
  })

  it('answers 0 for an alignment that is no power of two, or more than there is', () => {
    for (const alignment of [0, 3, 24, -8, 1.5, Number.NaN]) expect(memalign(alignment, 64), `${alignment}`).to.equal(0)
    expect(memalign(2 ** 31, LIMIT)).to.equal(0)
    expect(memalign(64, LIMIT + 1)).to.equal(0)
    for (const alignment of [1, 2, 8, 64, 4096]) {
      const at = memalign(alignment, 100)
      expect(at).to.be.greaterThan(0)
      expect(at % alignment).to.equal(0)
      expect(free(at)).to.equal(true)
    }
    mallocRegion().check()
  })
})
