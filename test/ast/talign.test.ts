/**
 * talign: aligned blocks out of a small buffer until it is full, and out of the heap.
 *
 * The original aligns to 13 and to 4096. Here alignments are powers of two: 13 is refused with an event, 16 stands in.
 */
import { expect } from 'chai'
import { open, type Region, registry } from '../../src/index.ts'

const BUFFER = 13 * 1024
const methods = ['best', 'last', 'debug'].filter((name) => registry.methods.get(name) !== undefined)

/** Aligned blocks of `size` bytes until there are no more, each filled with its number. */
function fill(region: Region, alignment: number, size: number, most = 1000): number[] {
  const blocks: number[] = []
  while (blocks.length < most) {
    const at = region.align(size, alignment)
    if (at === 0) break
    expect(at % alignment, `${region.method}: ${at}`).to.equal(0)
    region.bytes(at, size).fill(blocks.push(at))
  }
  region.check()
  return blocks
}

function expectIntact(region: Region, blocks: readonly number[], size: number): void {
  for (const [i, at] of blocks.entries()) {
    expect(
      region.bytes(at, size).every((byte) => byte === ((i + 1) & 255)),
      `block ${i} at ${at}`,
    ).to.equal(true)
  }
}

for (const method of methods) {
  describe(`ast talign: ${method}`, () => {
    it('fills a buffer of 13 KiB with blocks at multiples of 16 and of 4096', () => {
      const region = open({ discipline: new ArrayBuffer(BUFFER), method })
      const few = fill(region, 4096, 100)
      // what debug keeps around a block leaves room for two of them
      expect(few).to.deep.equal(method === 'debug' ? [4096, 8192] : [4096, 8192, 12288])
      expectIntact(region, few, 100)
      region.clear()

      const many = fill(region, 16, 100)
      expect(many.length).to.be.at.least(30)
      expectIntact(region, many, 100)
      expect(region.stat().extent).to.be.at.most(BUFFER)
    })

    it('goes on where the blocks end when memory grows', () => {
      const region = open({ method })
      for (const alignment of [16, 4096]) {
        const blocks = fill(region, alignment, 500, 50)
        expect(blocks).to.have.length(50)
        expectIntact(region, blocks, 500)
        region.clear()
      }
      expect(region.close()).to.equal(true)
    })

    it('refuses 13, and every other number that is no power of two', () => {
      const region = open({ discipline: new ArrayBuffer(BUFFER), method })
      const heard: number[] = []
      region.on('badaddr', ({ op, value }) => void (op === 'align' && heard.push(value)))
      const wrong = [13, 0, -16, 24, 4097, 0.5, Number.NaN, Infinity]
      for (const alignment of wrong) expect(region.align(100, alignment), `${alignment}`).to.equal(0)
      expect(heard).to.deep.equal(wrong)
      expect(region.stat().busyBlocks).to.equal(0)
    })
  })
}
