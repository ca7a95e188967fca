/**
 * tcompact: where the discipline has given all that it has, memory comes from merging what was freed.
 *
 * As the original, which also frees every block, allocates as much again, and resizes in place. Small freed blocks wait
 * unmerged here, so what a resize in place can reach is merged first (test/regress/resize-cached.test.ts).
 */
import { expect } from 'chai'
import { open } from '../../src/index.ts'
import { pieces } from '../fixtures/pieces.ts'

const ROOM = 64 * 1024

describe('ast tcompact', () => {
  it('serves all memory again in other sizes after everything was freed, without growth', () => {
    const discipline = pieces({ room: ROOM, round: ROOM / 2 })
    const region = open({ discipline, method: 'best', check: 3 })
    const size = 200
    const blocks: number[] = []
    for (let at = region.alloc(size); at !== 0; at = region.alloc(size)) blocks.push(at)
    expect(blocks.length).to.be.greaterThan(100)
    const { extent } = region.stat()

    for (const at of blocks) expect(region.free(at)).to.equal(true)
    expect(region.stat().cachedBlocks, 'some wait unmerged').to.be.greaterThan(0)
    const whole = blocks.at(-1)! + size - blocks[0]!
    const large = region.alloc(whole)
    expect(large, 'one block where many were').to.equal(blocks[0])
    expect(region.stat().extent).to.equal(extent)
    region.free(large)

    region.compact()
    for (let i = 0; i < blocks.length; i++) expect(region.alloc(size), `block ${i}`).to.be.greaterThan(0)
    expect(region.stat().busyBlocks).to.equal(blocks.length)
    expect(region.stat().extent).to.equal(extent)
  })

  it('resizes in place into what its neighbours left', () => {
    const region = open({ discipline: pieces({ room: ROOM, round: ROOM / 2 }), method: 'best', check: 3 })
    const [first, ...others] = Array.from({ length: 50 }, () => region.alloc(400))
    region.bytes(first!, 400).fill(7)
    for (const at of others) region.free(at)
    region.compact()
    for (const size of [1000, 5000, 15_000, 200, 18_000]) {
      expect(region.resize(first!, size), `${size} bytes`).to.equal(first)
      expect(region.sizeOf(first!)).to.be.at.least(size)
    }
    expect(region.bytes(first!, 200).every((byte) => byte === 7)).to.equal(true)
    expect(region.resize(first!, ROOM), 'more than there is').to.equal(0)
    expect(region.sizeOf(first!)).to.be.at.least(18_000)
  })

  it('gives back segments that are wholly free, and only those', () => {
    const discipline = pieces({ room: 1 << 20, gap: 64 })
    const region = open({ discipline, method: 'best', check: 3 })
    const blocks = Array.from({ length: 40 }, () => region.alloc(10_000))
    const kept = blocks[20]!
    region.bytes(kept, 10_000).fill(9)
    const before = region.segments()
    expect(before.length).to.be.greaterThan(5)
    for (const at of blocks) if (at !== kept) region.free(at)

    const { extent } = region.stat()
    const given = region.compact()
    expect(given).to.be.greaterThan(0)
    expect(region.stat().extent).to.equal(extent - given)
    expect(region.segments()).to.deep.equal(discipline.held)
    expect(region.segments()).to.have.length(2)
    expect(region.segmentOf(kept)).to.not.equal(undefined)
    expect(region.bytes(kept, 10_000).every((byte) => byte === 9)).to.equal(true)
  })
})
