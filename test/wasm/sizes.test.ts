/**
 * Sizes: the size of each block by address, against a Map.
 */
import { expect } from 'chai'
import { Sizes } from '../../src/wasm/sizes.ts'
import { Rng, seedFrom } from '../conformance/rng.ts'

const SEED = seedFrom(process.env.SEED)
const PAGE = 16 * 1024

function walked(sizes: Sizes, most = Infinity): [number, number][] {
  const all: [number, number][] = []
  sizes.walk((at, size) => {
    all.push([at, size])
    return all.length < most
  })
  return all
}

describe(`sizes of blocks by address, SEED=${SEED}`, () => {
  it('answers as a Map does, and walks in order', () => {
    const rng = new Rng(SEED)
    const sizes = new Sizes()
    const map = new Map<number, number>()
    // few pages, among them the first and the last of 4 GiB, and the places where they meet
    const pages = [0, PAGE, 2 * PAGE, 77 * PAGE, 2 ** 31, 2 ** 32 - PAGE]
    for (let step = 0; step < 20_000; step++) {
      const word = rng.word()
      const at = pages[word % pages.length]! + 8 * ((word >>> 8) % 40) + (word % 7 === 0 ? (word >>> 16) % 8 : 0)
      const edge = (word >>> 20) % 3 === 0 ? at : at + PAGE - 320
      if (edge === 0) continue
      const expected = map.get(edge) ?? -1
      if (word >>> 31 === 0) {
        const size = word % 11 === 0 ? 2 ** 31 - 1 : (word >>> 4) % 1000
        expect(sizes.set(edge, size)).to.equal(expected)
        map.set(edge, size)
      } else {
        expect(sizes.get(edge)).to.equal(expected)
        expect(sizes.take(edge)).to.equal(expected)
        map.delete(edge)
      }
    }
    const all = [...map].sort(([a], [b]) => a - b)
    expect(all.some(([at]) => at % 8 !== 0)).to.equal(true)
    expect(walked(sizes)).to.deep.equal(all)
    expect(walked(sizes, 5)).to.deep.equal(all.slice(0, 5))
    sizes.clear()
    expect(walked(sizes)).to.deep.equal([])
    expect(all.every(([at]) => sizes.get(at) === -1)).to.equal(true)
  })
})
