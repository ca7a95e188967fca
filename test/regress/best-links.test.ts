/**
 * best-links: a client that writes to blocks it has freed overwrites the links that best keeps there. Nothing may then be
 * written where they lead, and nothing that is busy may be handed out; `check` says what is wrong.
 */
import { expect } from 'chai'
import { open } from '../../src/index.ts'

/** A region in which every other block is free, the busy ones full of 7. */
function scene(size: number, isCaching: boolean) {
  const region = open({ method: 'best', discipline: new ArrayBuffer(65536), free: !isCaching })
  const blocks = Array.from({ length: 12 }, () => region.alloc(size))
  const busy = blocks.filter((_, i) => i % 2 === 1)
  const free = blocks.filter((_, i) => i % 2 === 0)
  for (const at of busy) region.bytes(at, size).fill(7)
  for (const at of free) region.free(at)
  const words = new Uint32Array(region.buffer)
  return { region, busy, free, words, size }
}

function expectIntact({ region, busy, size }: ReturnType<typeof scene>, except?: number): void {
  for (const at of busy) {
    if (at !== except) expect([...region.bytes(at, size)], `block at ${at}`).to.deep.equal(new Array(size).fill(7))
  }
}

describe('overwritten links of best', () => {
  for (const [kind, size, fields] of [
    ['a list', 40, 2],
    ['a tree', 600, 5],
  ] as const) {
    it(`${kind}: a block that merges is not unlinked through them`, () => {
      for (let field = 0; field < fields; field++) {
        for (const which of [1, 2, 3]) {
          const all = scene(size, false)
          const { region, busy, free, words } = all
          words[free[which]! / 4 + field] = (busy[5]! + 16) / 4
          // words 2 and 3 of a block that is in a ring, and not itself in the tree, mean nothing
          if (field < 2 || field === 4) expect(() => region.check()).to.throw('best L4')
          expect(region.free(busy[which]!)).to.equal(true)
          expectIntact(all, busy[which])
          region.close()
        }
      }
    })

    it(`${kind}: what is handed out is free`, () => {
      for (let field = 0; field < fields; field++) {
        const all = scene(size, false)
        const { region, busy, free, words } = all
        for (const at of free) words[at / 4 + field] = (busy[4]! + 16) / 4
        const given = Array.from({ length: 20 }, () => region.alloc(size)).filter((at) => at !== 0)
        for (const at of given) region.bytes(at, size).fill(9)
        expectIntact(all)
        region.close()
      }
    })
  }

  for (const size of [40, 3000]) {
    it(`a cached block of ${size} bytes leads nowhere`, () => {
      for (let field = 0; field < 2; field++) {
        const all = scene(size, true)
        const { region, busy, free, words } = all
        for (const at of free) words[at / 4 + field] = (busy[4]! + 16) / 4
        const given = Array.from({ length: 8 }, () => region.alloc(size)).filter((at) => at !== 0)
        for (const at of given) region.bytes(at, size).fill(9)
        region.compact()
        expectIntact(all)
        region.close()
      }
    })
  }
})
