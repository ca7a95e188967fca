/**
 * nested-above-2gib: regions nested where addresses have their highest bit set.
 *
 * best compared the address of its newest segment, read back as a negative number, with the true one: from 2 GiB on it
 * took a segment that had grown for a new one.
 */
import { expect } from 'chai'
import { open } from '../../src/index.ts'

describe('a region nested above 2 GiB', () => {
  for (const method of ['best', 'last', 'pool']) {
    it(`${method} grows, compacts and clears`, function () {
      const parent = open({ discipline: 'memory', name: 'parent' })
      if (parent.alloc(2 ** 31 + 2 ** 20) === 0) this.skip()
      const child = open({ discipline: parent, method, name: 'child', check: 3 })
      const size = (i: number): number => (method === 'pool' ? 64 : 8 + ((i * 37) % 900))
      for (let round = 0; round < 3; round++) {
        const blocks = Array.from({ length: 60 }, (_, i) => child.alloc(size(i)))
        for (const at of blocks) expect(at).greaterThan(2 ** 31)
        for (const [i, at] of blocks.entries()) child.bytes(at, size(i)).fill(i)
        for (const [i, at] of blocks.entries())
          expect(child.bytes(at, size(i)).every((byte) => byte === i)).equals(true)
        for (const at of blocks.reverse().slice(0, 40)) expect(child.free(at)).equals(true)
        child.compact()
        expect(child.stat().busyBlocks).equals(20)
        child.clear()
      }
      parent.check()
      parent.close()
    })
  }
})
