/**
 * wmem's cases of its tree, anew: what each of them means, held against what JavaScript's own arrays and maps say.
 */
import { expect } from 'chai'
import { address, u32 } from '../../src/collections/codec.ts'
import { text } from '../../src/collections/map-keys.ts'
import { Tree, vector } from '../../src/collections/tree.ts'
import { open, type Region } from '../../src/index.ts'
import { Rng, seedFrom } from '../conformance/index.ts'

const SEED = seedFrom(process.env.SEED)
const ITERATIONS = 10_000

const ground = () => open({ discipline: 'memory', method: 'best' })

/** Closes a region after all in it was given back. */
function end(region: Region, ...trees: Tree<never, never>[]): void {
  for (const tree of trees) tree.destroy()
  expect(region.stat().busyBlocks).to.equal(0)
  region.close()
}

const lexical = (a: readonly number[], b: readonly number[]) => {
  const at = a.findIndex((word, i) => word !== b[i])
  return at < 0 ? a.length - b.length : at >= b.length ? 1 : a[at]! - b[at]!
}

describe(`wmem: tree, SEED=${SEED}`, () => {
  it('keys in sequence: each is there once set, none before; le and ge find them and their neighbours', () => {
    const region = ground()
    const tree = new Tree(region, u32, u32)
    expect(tree.count).to.equal(0)
    for (let i = 0; i < ITERATIONS; i++) {
      if (tree.has(i) || tree.get(i) !== undefined) expect.fail(`${i} is there before it is set`)
      if (i > 0 && tree.le(i) !== i - 1) expect.fail(`le ${i} is ${tree.le(i)}, expected ${i - 1}`)
      if (tree.ge(i) !== undefined) expect.fail(`ge ${i} is ${tree.ge(i)}, expected nothing`)
      if (tree.set(i, i) !== undefined || tree.get(i) !== i || !tree.has(i)) expect.fail(`${i} is not there`)
      if (tree.le(i) !== i || tree.ge(i) !== i) expect.fail(`le and ge do not find ${i}`)
      if (tree.count !== i + 1) expect.fail(`${tree.count} entries, expected ${i + 1}`)
      if ((i & (i - 1)) === 0) tree.check()
    }
    tree.check()
    end(region, tree as never)
  })

  it('random keys: insert, replace, look up, remove for good', () => {
    const region = ground()
    const tree = new Tree(region, u32, u32)
    const map = new Map<number, number>()
    const rng = new Rng(SEED)
    for (let i = 0; i < ITERATIONS; i++) {
      const key = rng.chance(1 / 2) ? rng.word() : rng.below(2000)
      if (tree.set(key, i) !== map.get(key)) expect.fail(`set ${key} does not answer what it replaced`)
      map.set(key, i)
      if (i % 3 !== 0) continue
      const gone = rng.below(2000)
      if (tree.delete(gone) !== map.delete(gone) || tree.has(gone)) expect.fail(`delete ${gone}`)
    }
    tree.check()
    expect(tree.count).to.equal(map.size)
    expect([...tree]).to.deep.equal([...map].sort(([a], [b]) => a - b))
    for (const key of map.keys()) expect(tree.delete(key)).to.equal(true)
    expect(tree.count).to.equal(0)
    expect(tree.first()).to.equal(undefined)
    expect(region.stat().busyBlocks, 'nothing is left of what was removed').to.equal(1)
    end(region, tree as never)
  })

  it('less or equal, greater or equal, with the key that was found', () => {
    const region = ground()
    const tree = new Tree(region, u32, u32)
    const rng = new Rng(SEED)
    expect(tree.leEntry(5)).to.equal(undefined)
    expect(tree.geEntry(5)).to.equal(undefined)
    const keys = [...new Set(Array.from({ length: 1000 }, () => rng.below(100_000) * 3))]
    for (const key of keys) tree.set(key, key + 1)
    keys.sort((a, b) => a - b)
    for (let i = 0; i < ITERATIONS; i++) {
      const key = rng.below(301_000)
      const below = keys.findLast((has) => has <= key)
      const above = keys.find((has) => has >= key)
      expect(tree.leEntry(key)).to.deep.equal(below === undefined ? undefined : { key: below, value: below + 1 })
      expect(tree.geEntry(key)).to.deep.equal(above === undefined ? undefined : { key: above, value: above + 1 })
    }
    for (const [i, key] of keys.entries()) {
      if (i % 2 === 0) tree.delete(key)
      if (i % 2 === 0 && i > 0) expect(tree.le(key), 'a removed key is not found by le').to.equal(keys[i - 1]! + 1)
    }
    end(region, tree as never)
  })

  it('empties itself with the region of its contents, and is filled again', () => {
    const region = ground()
    const data = open({ discipline: region, method: 'best' })
    const tree = new Tree(region, u32, u32, { data })
    for (let i = 0; i < ITERATIONS; i++) tree.set(i, i)
    expect(tree.count).to.equal(ITERATIONS)
    data.clear()
    expect(tree.count).to.equal(0)
    expect(tree.get(7)).to.equal(undefined)
    for (let i = 0; i < ITERATIONS; i++) {
      if (tree.has(i)) expect.fail(`${i} outlasted the region`)
      tree.set(i, i)
    }
    tree.check()
    data.close()
    end(region, tree as never)
  })

  it('vectors of 1 to 7 parts, each of 1 to 3 words: of many lengths in one tree', () => {
    const region = ground()
    const tree = new Tree(region, vector, u32)
    const map = new Map<string, [number[], number]>()
    const rng = new Rng(SEED)
    const draw = () => {
      const parts = Array.from({ length: rng.between(1, 7) }, () =>
        Array.from({ length: rng.between(1, 3) }, () => rng.below(3)),
      )
      return parts.flat()
    }
    for (let i = 0; i < ITERATIONS / 4; i++) {
      const key = draw()
      expect(tree.set(key, i)).to.equal(map.get(String(key))?.[1])
      map.set(String(key), [key, i])
      const gone = draw()
      expect(tree.delete(gone)).to.equal(map.delete(String(gone)))
    }
    tree.check()
    const entries = [...map.values()].sort(([a], [b]) => lexical(a, b))
    expect([...tree]).to.deep.equal(entries)
    for (let i = 0; i < 500; i++) {
      const key = draw()
      const at = entries.findLastIndex(([has]) => lexical(has, key) <= 0)
      const found = tree.leEntry(key)
      expect(found && [found.key, found.value]).to.deep.equal(entries[at])
      expect(tree.ge(key)).to.equal(entries.find(([has]) => lexical(has, key) >= 0)?.[1])
    }
    end(region, tree as never)
  })

  it('vectors: less or equal in their last word', () => {
    const region = ground()
    const tree = new Tree(region, vector, u32)
    for (let i = 0; i < 1000; i++) tree.set([7, i % 10, i * 10], i)
    for (let i = 0; i < 1000; i++) {
      for (const by of [0, 1, 99]) expect(tree.le([7, i % 10, i * 10 + by])).to.equal(i)
    }
    expect(tree.le([7])).to.equal(undefined)
    expect(tree.le([7, 5])).to.equal(994)
    end(region, tree as never)
  })

  it('texts: case matters', () => {
    const region = ground()
    const tree = new Tree(region, text, address)
    const texts = Array.from({ length: ITERATIONS / 2 }, (_, i) => `Key ${i}`)
    for (const key of texts) tree.set(key, region.string(key))
    for (const key of texts) {
      if (region.readString(tree.get(key)!) !== key) expect.fail(`the value of ${key} is another`)
      if (tree.has(key.toLowerCase()) || tree.has(key.toUpperCase())) expect.fail(`${key} is found in another case`)
    }
    tree.check()
    for (const key of texts) {
      region.free(tree.get(key)!)
      if (!tree.delete(key) || tree.has(key)) expect.fail(`${key} is not removed`)
    }
    end(region, tree as never)
  })

  it('texts: case does not matter', () => {
    const region = ground()
    const tree = new Tree(region, text, u32, { ignoreCase: true })
    for (let i = 0; i < ITERATIONS / 2; i++) {
      if (tree.set(`Key ${i}`, i) !== undefined) expect.fail(`Key ${i} is there already`)
      if (tree.get(`KEY ${i}`) !== i || tree.get(`key ${i}`) !== i) expect.fail(`Key ${i} is not found in another case`)
    }
    expect(tree.set('kEY 5', 50)).to.equal(5)
    expect(tree.count).to.equal(ITERATIONS / 2)
    tree.check()
    for (let i = 0; i < ITERATIONS / 2; i++) {
      if (!tree.delete(`kEy ${i}`) || tree.has(`Key ${i}`)) expect.fail(`Key ${i} is not removed`)
    }
    end(region, tree as never)
  })

  it('a visit of all in order; a visit that stops after ten', () => {
    const region = ground()
    const tree = new Tree(region, u32, u32)
    const rng = new Rng(SEED)
    while (tree.count < ITERATIONS) tree.set(rng.word(), 1)
    let before = -1
    let seen = 0
    const all = (value: number, key: number): void => {
      if (key <= before || value !== 1) expect.fail(`${key} after ${before}`)
      before = key
      seen++
    }
    expect(tree.forEach(all)).to.equal(true)
    expect(seen).to.equal(ITERATIONS)
    seen = 0
    const ten = (): boolean => ++seen < 10
    expect(tree.forEach(ten)).to.equal(false)
    expect(seen).to.equal(10)
    end(region, tree as never)
  })
})
