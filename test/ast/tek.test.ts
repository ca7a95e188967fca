/**
 * tek: a region of the method last that is extended again and again with blocks far larger than a segment.
 *
 * The original repeats some 590 calls recorded from ksh, which once lost a segment pointer. Ours makes as many calls of
 * the same shape from a seed: many small blocks, now and then a huge one, over a discipline that never extends in place.
 */
import { expect } from 'chai'
import { open } from '../../src/index.ts'
import { Dice, SEED } from '../fixtures/dice.ts'
import { pieces } from '../fixtures/pieces.ts'

const CALLS = 590

describe('ast tek', () => {
  for (const grows of [false, true]) {
    it(`extends a region with huge blocks ${grows ? 'in place' : 'by new segments'} (SEED=${SEED})`, () => {
      const dice = new Dice(SEED)
      const region = open({ discipline: pieces({ room: 16 << 20, gap: 24, grows }), method: 'last', check: 3 })
      const blocks: { at: number; size: number; stamp: number }[] = []
      const isIntact = ({ at, size, stamp }: (typeof blocks)[number]) =>
        region.bytes(at, size).every((byte) => byte === stamp)

      for (let call = 0; call < CALLS; call++) {
        const why = `SEED=${SEED} call ${call}`
        const newest = blocks.at(-1)
        if (newest !== undefined && dice.once(4)) {
          expect(isIntact(newest), why).to.equal(true)
          expect(region.free(newest.at), why).to.equal(true)
          blocks.pop()
        } else if (newest !== undefined && dice.once(6)) {
          const size = dice.between(1, 3 * newest.size)
          if (region.resize(newest.at, size) === 0) continue
          newest.size = Math.min(newest.size, size)
          expect(isIntact(newest), why).to.equal(true)
        } else {
          const size = dice.once(12) ? dice.between(20_000, 200_000) : dice.between(1, 500)
          const at = region.alloc(size)
          expect(at, why).to.be.greaterThan(0)
          expect(region.segmentOf(at), why).to.not.equal(undefined)
          region.bytes(at, size).fill(call & 255)
          blocks.push({ at, size, stamp: call & 255 })
        }
      }
      expect(region.stat().segments).to.satisfy((n: number) => (grows ? n === 1 : n > 1))
      expect(blocks.filter((block) => !isIntact(block))).to.deep.equal([])
      expect(region.stat().busyBlocks).to.equal(blocks.length)
      while (blocks.length > 0) expect(region.free(blocks.pop()!.at)).to.equal(true)
      expect(region.stat().busyBytes).to.equal(0)
    })
  }
})
