/**
 * detached-length: memory that grows behind the library's back is noticed whatever kinds of buffer were seen before.
 *
 * V8 11.3 (Node 20), in optimised code that has met arrays over resizable buffers, answers the old length of an array
 * whose buffer was detached; the check for growth asked for the length.
 */
import { expect } from 'chai'
import { open } from '../../src/index.ts'

describe('a WebAssembly.Memory grown by the program', () => {
  it('is noticed once regions over every kind of memory have run hot', () => {
    const memories = [
      () => new ArrayBuffer(65536),
      () => new ArrayBuffer(65536, { maxByteLength: 131072 }),
      () => new WebAssembly.Memory({ initial: 1 }),
    ]
    const regions = memories.map((make) => open({ discipline: make() }))
    for (let i = 0; i < 120_000; i++) {
      const region = regions[i % regions.length]!
      region.free(region.alloc(40))
    }
    for (let round = 0; round < 20; round++) {
      const memory = new WebAssembly.Memory({ initial: 1, maximum: 4 })
      const region = open({ discipline: memory })
      const at = region.string('kept')
      for (let i = 0; i < 3000; i++) {
        const hot = regions[i % regions.length]!
        hot.free(hot.alloc(40))
      }
      memory.grow(1)
      expect(region.stat().busyBlocks).equals(1)
      expect(region.readString(at)).equals('kept')
      memory.grow(1)
      expect(region.free(at)).equals(true)
      memory.grow(1)
      expect(region.alloc(100)).greaterThan(0)
      region.check()
    }
  })
})
