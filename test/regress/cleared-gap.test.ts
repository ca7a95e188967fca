/**
 * cleared-gap: the gap before an aligned block, cut from memory that was cleared, held the heads of blocks from before;
 * they could be freed a second time.
 */
import { expect } from 'chai'
import { open } from '../../src/index.ts'

describe('blocks from before a clear', () => {
  it('are none in the gap before an aligned block', () => {
    const region = open({ discipline: 'memory', method: 'best', check: 3 })
    const old = Array.from({ length: 20 }, () => region.alloc(100))
    region.clear()
    const aligned = region.align(16, 1024)
    for (const at of old) {
      if (at === aligned) continue
      expect(region.sizeOf(at), `sizeOf(${at})`).to.equal(-1)
      expect(region.free(at), `free(${at})`).to.equal(false)
    }
  })
})
