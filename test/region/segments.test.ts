/**
 * segments: whose an address is, in regions of many segments: every block is found, nothing else is, whatever comes and
 * goes, and where bytes are put back to what they were.
 */
import { expect } from 'chai'
import { type Discipline, open, type Region } from '../../src/index.ts'
import { wasm } from '../../src/wasm.ts'
import { Rng, seedFrom } from '../conformance/rng.ts'

const SEED = seedFrom(process.env.SEED)
const GAP = 4096

/** Pieces at random places of a memory, with room between them that is nobody's; what is given back is not had again. */
function scattered(rng: Rng): { discipline: Discipline; memory: WebAssembly.Memory; given: number[] } {
  const memory = new WebAssembly.Memory({ initial: 1024 })
  const given: number[] = []
  let low = 64
  let high = memory.buffer.byteLength
  const malloc = (bytes: number) => {
    const length = bytes + GAP
    if (high - low < length) return 0
    if (rng.word() % 2 === 0) return (low += length) - length
    high -= length
    return high
  }
  const discipline = wasm({ memory, malloc, free: (at) => given.push(at), round: 4096 })
  return { discipline, memory, given }
}

function filled(region: Region, rng: Rng, count: number): Map<number, number> {
  const blocks = new Map<number, number>()
  for (let i = 0; i < count; i++) {
    const at = region.alloc(1 + (rng.word() % 6000))
    expect(at).to.be.above(0)
    blocks.set(at, region.sizeOf(at))
  }
  return blocks
}

describe(`segments, SEED=${SEED}`, () => {
  it('every block of many segments is freed, and nothing between them', () => {
    const rng = new Rng(SEED)
    const { discipline, given } = scattered(rng)
    const region = open({ method: 'best', discipline, name: 'many' })
    for (let round = 0; round < 3; round++) {
      const blocks = filled(region, rng, 600)
      const pieces = region.segments()
      expect(pieces.length).to.be.above(5)
      for (const { at, size } of pieces) {
        expect(region.sizeOf(at + size + GAP / 2)).to.equal(-1)
        expect(region.free(at + size + GAP / 2)).to.equal(false)
      }
      const order = [...blocks.keys()].sort(() => (rng.word() % 2) - 0.5)
      for (const at of order) {
        expect(region.sizeOf(at)).to.equal(blocks.get(at))
        expect(region.free(at)).to.equal(true)
        expect(region.free(at)).to.equal(false)
      }
      const before = given.length
      region.compact()
      expect(given.length).to.be.above(before)
      expect(order.filter((at) => region.sizeOf(at) >= 0)).to.deep.equal([])
      region.check()
    }
    region.close()
  })

  it('finds what is there when the bytes of its pieces are what they were before', () => {
    const rng = new Rng(SEED)
    const { discipline, memory } = scattered(rng)
    const region = open({ method: 'best', discipline, name: 'back' })
    const early = filled(region, rng, 300)
    const pieces = region.segments()
    const saved = new Uint8Array(memory.buffer).slice()
    const isEarly = (at: number) => pieces.some((piece) => at >= piece.at && at < piece.at + piece.size)
    const late = [...filled(region, rng, 600).keys()].filter((at) => !isEarly(at))
    expect(late.length).to.be.above(50)
    expect(late.every((at) => region.sizeOf(at) > 0)).to.equal(true)
    // the later pieces stay as they are, records and heads of blocks too; the region knows nothing of them any more
    for (const { at, size } of pieces) new Uint8Array(memory.buffer).set(saved.subarray(at, at + size), at)
    expect(late.filter((at) => region.free(at))).to.deep.equal([])
    for (const at of early.keys()) expect(region.free(at)).to.equal(true)
    region.check()
    region.close()
  })
})
