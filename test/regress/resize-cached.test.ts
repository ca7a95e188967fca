/**
 * resize-cached: what waits unmerged to the right of a block counts as room for it.
 *
 * Small freed blocks wait on lists. A resize merged those of one list only, then failed although the next one, after
 * the allocation that it tried had merged the others, found the room: the same call answered 0 first, the block then.
 */
import { expect } from 'chai'
import { open } from '../../src/index.ts'

describe('a resize beside cached blocks', () => {
  for (const [what, options] of [
    ['in place', undefined],
    ['that may move', { move: true, copy: true }],
  ] as const) {
    it(`${what} succeeds whenever compacting first would let it`, () => {
      const region = open({ discipline: new ArrayBuffer(32_768), method: 'best' })
      const at = region.alloc(400)
      const rest: number[] = []
      for (let next = region.alloc(400); next !== 0; next = region.alloc(400)) rest.push(next)
      for (const next of rest) region.free(next)
      const room = rest.at(-1)! + 400 - at
      expect(region.stat().cachedBlocks).to.be.greaterThan(0)
      const first = region.resize(at, room, options)
      if (first === 0) {
        region.compact()
        expect(region.resize(at, room, options), 'refused before compact, then').to.equal(0)
      }
      region.check()
    })
  }
})
