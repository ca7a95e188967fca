/**
 * trandom: half a million steps of blocks with random sizes and lifetimes, and one huge block that never stops growing.
 *
 * As the original: at each step a block is born, with a time to die; at times statistics are taken, memory is compacted
 * and the structure is checked. Ours verifies content too, and that what was counted is what the region counts.
 */
import { expect } from 'chai'
import { open, type Stat } from '../../src/index.ts'
import { Dice, SEED } from '../fixtures/dice.ts'

const STEPS = 500_000
const LONGEST = 4096
const INSPECT = 10_000

describe('ast trandom', () => {
  it(`${STEPS} steps of random sizes and lifetimes (SEED=${SEED})`, () => {
    const dice = new Dice(SEED)
    const region = open({ discipline: 'resizable', method: 'best', name: 'trandom' })
    const dying: { at: number; size: number }[][] = Array.from({ length: LONGEST }, () => [])
    let blocks = 1
    let bytes = 0
    let words = new Int32Array(region.buffer as ArrayBuffer)
    const renew = () => {
      const { buffer } = region
      if (words.byteLength !== buffer.byteLength)
        words = new Int32Array(buffer as ArrayBuffer, 0, buffer.byteLength >>> 2)
    }
    const fail = (step: number, what: string): never => {
      throw new Error(`SEED=${SEED} step ${step}: ${what}`)
    }

    let huge = region.alloc(64 * 1024)
    let hugeSize = 64 * 1024
    region.bytes(huge, hugeSize).fill(0x77)
    let most: Stat | undefined
    for (let step = 0; step < STEPS; step++) {
      for (const { at, size } of dying[step % LONGEST]!) {
        if (words[at >>> 2] !== size || words[(at + size - 4) >>> 2] !== size)
          fail(step, `block at ${at} of ${size} bytes was overwritten`)
        if (!region.free(at)) fail(step, `free of ${at}`)
        blocks--
        bytes -= size
      }
      dying[step % LONGEST]!.length = 0

      // nine blocks in ten are small; one in ten thousand is large
      const size =
        4 *
        (dice.once(10_000) ? dice.between(1000, 20_000) : dice.once(10) ? dice.between(64, 512) : dice.between(1, 64))
      const at = region.alloc(size)
      if (at === 0 || at % 8 !== 0) fail(step, `alloc of ${size} bytes answered ${at}`)
      renew()
      words[at >>> 2] = size
      words[(at + size - 4) >>> 2] = size
      blocks++
      bytes += size
      dying[(step + dice.between(1, dice.once(20) ? LONGEST - 1 : 200)) % LONGEST]!.push({ at, size })

      if (step % 1000 === 999) {
        const grown = hugeSize + 1024
        huge = region.resize(huge, grown, { copy: true })
        if (huge === 0) fail(step, `no ${grown} bytes for the block that grows`)
        region.bytes(huge + hugeSize, grown - hugeSize).fill(0x77)
        hugeSize = grown
        renew()
      }
      if (step % INSPECT === INSPECT - 1) {
        const stat = region.stat()
        if (stat.busyBlocks !== blocks) fail(step, `${stat.busyBlocks} busy blocks, expected ${blocks}`)
        if (stat.busyBytes < bytes + hugeSize)
          fail(step, `${stat.busyBytes} busy bytes, ${bytes + hugeSize} were asked for`)
        if (stat.busyBytes + stat.cachedBytes + stat.freeBytes + stat.overhead !== stat.extent)
          fail(step, 'the sum is not the extent')
        const given = region.compact()
        if (region.stat().extent !== stat.extent - given) fail(step, `compact said ${given}`)
        region.check()
        renew()
        if (most === undefined || stat.extent > most.extent) most = stat
      }
    }
    expect(region.bytes(huge, hugeSize).every((byte) => byte === 0x77)).to.equal(true)
    expect(most!.extent, 'extent over what was busy then').to.be.at.most(3 * most!.busyBytes)

    for (const list of dying) for (const { at } of list) expect(region.free(at)).to.equal(true)
    expect(region.free(huge)).to.equal(true)
    region.compact()
    region.check()
    expect(region.stat()).to.include({ busyBlocks: 0, busyBytes: 0, cachedBlocks: 0, segments: 1 })
    expect(region.stat().freeBlocks, 'one piece again').to.be.at.most(1)
    expect(region.close()).to.equal(true)
  })
})
