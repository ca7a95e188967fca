/**
 * policy: what the methods promise beyond the contract, seen from outside: what waits cached, when it is merged, which
 * addresses are elements.
 */
import { expect } from 'chai'
import { Words } from '../src/ground/words.ts'
import { attach, open } from '../src/index.ts'

const KIB = 1024

describe('best', () => {
  const fixed = (bytes: number) => open({ discipline: new ArrayBuffer(bytes), method: 'best', check: 3 })

  it('hands a freed block of up to 8 KiB to the next request of its size', () => {
    const region = fixed(256 * KIB)
    for (const size of [1, 16, 100, 500, 1000, 1048, 1100, 2000, 4096, 8000]) {
      const [at, beside] = [region.alloc(size), region.alloc(size)]
      region.free(at)
      expect(region.stat().cachedBlocks, `${size} bytes`).to.equal(1)
      expect(region.alloc(size), `${size} bytes`).to.equal(at)
      region.free(beside)
      region.free(at)
      region.compact()
    }
  })

  it('merges at once what is larger, and everything where the option says so', () => {
    const region = fixed(256 * KIB)
    const blocks = [20_000, 20_000, 20_000].map((size) => region.alloc(size))
    for (const at of blocks) region.free(at)
    expect(region.stat().cachedBlocks).to.equal(0)
    const plain = open({ discipline: new ArrayBuffer(64 * KIB), method: 'best', free: true, check: 3 })
    const [at] = [plain.alloc(100), plain.alloc(100)]
    plain.free(at)
    expect(plain.stat().cachedBlocks).to.equal(0)
  })

  it('caches at most 16 blocks of a size, and refuses to free any of them again', () => {
    const region = fixed(256 * KIB)
    for (const size of [24, 1000]) {
      const blocks = Array.from({ length: 40 }, () => region.alloc(size))
      for (const at of blocks) expect(region.free(at)).to.equal(true)
      // one of them may be a little larger, and is on another list
      expect(region.stat().cachedBlocks, `of ${size} bytes`).to.be.within(16, 17)
      for (const at of blocks) expect(region.free(at)).to.equal(false)
      region.compact()
    }
    const [one, other] = [region.alloc(4000), region.alloc(4000)]
    region.free(one)
    region.free(other)
    expect(region.stat().cachedBlocks, 'a slot has room for one').to.equal(1)
    expect([region.free(one), region.free(other)]).to.deep.equal([false, false])
  })

  it('has memory for a request as long as merging everything cached makes room', () => {
    const region = fixed(64 * KIB)
    const blocks: number[] = []
    for (let at = region.alloc(56); at !== 0; at = region.alloc(56)) blocks.push(at)
    for (const at of blocks) region.free(at)
    expect(region.stat().cachedBlocks).to.be.greaterThan(0)
    const most = region.stat().extent - 4 * KIB
    expect(region.alloc(most)).to.be.greaterThan(0)
  })

  it('splits a larger cached block when nothing else is free', () => {
    const region = fixed(64 * KIB)
    const large = region.alloc(900)
    while (region.alloc(56) !== 0);
    while (region.alloc(8) !== 0);
    region.free(large)
    expect(region.stat().cachedBlocks).to.equal(1)
    expect(region.alloc(56)).to.equal(large)
    expect(region.stat().cachedBlocks).to.equal(0)
  })

  it('merges what is cached before a large request, once many requests missed', () => {
    const region = open({ discipline: 'memory', method: 'best' })
    region.free(region.alloc(400_000)) // so that nothing needs to grow
    for (let n = 0; n < 1100; n++) region.alloc(200)
    const gap = Array.from({ length: 5 }, () => region.alloc(40))
    region.alloc(8)
    for (const at of gap) region.free(at)
    expect(region.stat().cachedBlocks).to.equal(5)
    region.alloc(7000)
    expect(region.stat().cachedBlocks, 'after 7,000 bytes').to.equal(5)
    region.alloc(9000)
    expect(region.stat().cachedBlocks, 'after 9,000 bytes').to.equal(0)
    region.check()
  })
})

describe('pool', () => {
  it('frees what lies on its grid and nothing between, whatever the element size', () => {
    for (let size = 8; size <= 2048; size += 8) {
      const region = open({ discipline: new ArrayBuffer(16 * KIB), method: 'pool' })
      const [first, second, third] = [region.alloc(size), region.alloc(size), region.alloc(size)]
      for (let at = first - 8; at <= third + 8; at += 8) {
        if (at === first || at === second || at === third) continue
        if (region.free(at)) expect.fail(`${at} was freed; elements of ${size} bytes at ${first}, ${second}, ${third}`)
      }
      expect(
        [third, first, second].map((at) => region.free(at)),
        `${size} bytes`,
      ).to.deep.equal([true, true, true])
      expect(region.free(second)).to.equal(false)
      region.check()
    }
  })
})

describe('last', () => {
  it('takes back block by block to an empty region, gaps of alignment included', () => {
    const region = open({ discipline: new ArrayBuffer(16 * KIB), method: 'last', check: 3 })
    const start = region.alloc(8)
    region.free(start)
    const blocks = [region.alloc(24), region.align(24, 256), region.alloc(0), region.align(8, 64), region.alloc(100)]
    for (const at of blocks.reverse()) expect(region.free(at)).to.equal(true)
    expect(region.stat().busyBytes).to.equal(0)
    expect(region.free(blocks[0]!)).to.equal(false)
    expect(region.alloc(8)).to.equal(start)
  })
})

describe('memory that others may grow', () => {
  it('is followed once the region was shared out', () => {
    const region = open({ discipline: 'memory', method: 'best' })
    const blocks: number[] = []
    for (let n = 0; n < 20_000; n++) region.free(region.alloc(64))
    const memory = region.share() as WebAssembly.Memory
    for (let n = 0; n < 3; n++) {
      memory.grow(1)
      const at = region.alloc(64)
      region.bytes(at).fill(n)
      blocks.push(at)
    }
    memory.grow(1)
    expect(blocks.map((at) => region.bytes(at)[63])).to.deep.equal([0, 1, 2])
    expect(blocks.map((at) => region.free(at))).to.deep.equal([true, true, true])
    region.check()
  })

  it('is followed in a buffer of the caller that is moved away', () => {
    const mine = new WebAssembly.Memory({ initial: 2 })
    const region = open({ discipline: mine, method: 'best' })
    const at = region.alloc(100)
    mine.grow(1)
    expect(region.resize(at, 3000, { copy: true })).to.be.greaterThan(0)
    expect(attach(mine.buffer.slice(0)).stat().busyBlocks).to.equal(1)
  })
})

describe('words', () => {
  it('zero and copy just the bytes that they are told, few or many', () => {
    for (const bytes of [0, 1, 3, 4, 5, 8, 31, 255, 256, 257, 300, 1000]) {
      const words = new Words(new ArrayBuffer(4096), 0)
      for (let i = 0; i < 4096; i++) words.u8[i] = (i % 251) + 1
      const before = words.u8.slice()
      words.copy(2048, 8, bytes)
      words.zero(1024, bytes)
      const expected = before.slice()
      expected.copyWithin(2048, 8, 8 + bytes)
      expected.fill(0, 1024, 1024 + bytes)
      expect(Buffer.compare(words.u8, expected), `${bytes} bytes`).to.equal(0)
    }
  })
})
