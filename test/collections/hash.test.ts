/**
 * hash: HalfSipHash-1-3 against the vectors that the Linux kernel's tests hold, tabulation against what is claimed of it.
 */
import { expect } from 'chai'
import { hashBytes, hashPair, hashWord, seedFor, tablesOf } from '../../src/collections/hash.ts'
import { expectFault } from '../fixtures/faults.ts'

/** Of the empty string, then of 0, of 0 1, of 0 1 2 ...; the key is the bytes 0 to 7. */
const VECTORS = [
  0x5814c896, 0xe7e864ca, 0xbc4b0e30, 0x01539939, 0x7e059ea6, 0x88e3d89b, 0xa0080b65, 0x9d38d9d6, 0x577999b1,
  0xc839caed, 0xe4fa32cf, 0x959246ee, 0x6b28096c, 0x66dd9cd6, 0x16658a7c, 0xd0257b04, 0x8b31d501, 0x2b1cd04b,
  0x06712339, 0x522aca67, 0x911bb605, 0x90a65f0e, 0xf826ef7b, 0x62512deb, 0x57150ad7, 0x5d473507, 0x1ec47442,
  0xab64afd3, 0x0a4100d0, 0x6d2ce652, 0x2331b6a3, 0x08d8791a, 0xbc6dda8d, 0xe0f6c934, 0xb0652033, 0x9b9851cc,
  0x7c46fb7f, 0x732ba8cb, 0xf142997a, 0xfcc9aa1b, 0x05327eb2, 0xe110131c, 0xf9e5e7c0, 0xa7d708a6, 0x11795ab1,
  0x65671619, 0x9f5fff91, 0xd89c5267, 0x007783eb, 0x95766243, 0xab639262, 0x9c7e1390, 0xc368dda6, 0x38ddc455,
  0xfa13d379, 0x979ea4e8, 0x53ecd77e, 0x2ee80657, 0x33dbb66a, 0xae3f0577, 0x88b4c4cc, 0x3e7f480b, 0x74c1ebf8,
  0x87178304,
]

describe('collections: hash', () => {
  it('is HalfSipHash-1-3', () => {
    const bytes = Uint8Array.from({ length: 64 }, (_, i) => i)
    const seen = VECTORS.map((_, length) => hashBytes(bytes, length, 0x03020100, 0x07060504) >>> 0)
    expect(seen).to.deep.equal(VECTORS)
  })

  it('reads bytes where they are, whatever was hashed before', () => {
    const bytes = Uint8Array.from({ length: 80 }, (_, i) => i - 13)
    const moved = bytes.subarray(13, 13 + 64)
    expect(hashBytes(moved, 63, 0x03020100, 0x07060504) >>> 0).to.equal(VECTORS[63])
    expect(hashBytes(bytes, 3, 1, 2)).to.not.equal(hashBytes(moved, 3, 1, 2))
    expect(hashBytes(moved, 1, 0x03020100, 0x07060504) >>> 0).to.equal(VECTORS[1])
  })

  it('tables come from the secret and nothing else', () => {
    const one = tablesOf(17, 4)
    const text = one.join()
    for (let i = 0; i < 40; i++) tablesOf(i, 1000)
    const again = tablesOf(17, 4)
    expect(again).to.not.equal(one)
    expect(again.join()).to.equal(text)
    expect(tablesOf(17, 5).join()).to.not.equal(text)
    expect(new Set(one).size, 'random words hardly repeat').to.be.above(2040)
  })

  it('every byte of a number counts, and its place', () => {
    const t = tablesOf(1, 2)
    const hashes = new Set<number>()
    for (let bit = 0; bit < 32; bit++) {
      hashes.add(hashWord(t, 1 << bit))
      hashes.add(hashPair(t, 0, 1 << bit))
      hashes.add(hashPair(t, 1 << bit, 1 << bit))
    }
    expect(hashes.size).to.equal(96)
    expect(hashPair(t, 5, 0)).to.not.equal(hashPair(t, 0, 5))
  })

  it('seeds: a salt for each table, one secret for the thread; or named', () => {
    const seeds = Array.from({ length: 200 }, () => seedFor(undefined))
    expect(new Set(seeds.map(({ salt }) => salt)).size).to.be.above(195)
    expect(new Set(seeds.map(({ low, high }) => `${low},${high}`)).size).to.equal(1)
    expect(seedFor(0x1_0000_0002)).to.deep.equal({ low: 2, high: 1, salt: 0 })
    expect(seedFor(2n ** 64n - 1n)).to.deep.equal({ low: -1, high: -1, salt: 0 })
    for (const bad of [-1, 1.5, Number.NaN, 2 ** 60, -1n, 2n ** 64n]) {
      expectFault('argument', ['seed', String(bad)], () => seedFor(bad))
    }
    expectFault('argument', ['seed', 'x'], () => seedFor('x' as never))
  })
})
