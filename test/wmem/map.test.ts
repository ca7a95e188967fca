/**
 * map: what wmem's own suite asks of its map, and `reserve`, of which it asks nothing.
 */
import { expect } from 'chai'
import { address, u32 } from '../../src/collections/codec.ts'
import { HashMap } from '../../src/collections/hash-map.ts'
import { text } from '../../src/collections/map-keys.ts'
import { open } from '../../src/index.ts'
import { Rng, seedFrom } from '../conformance/index.ts'

const SEED = seedFrom(process.env.SEED)
const MANY = 10_000

describe(`wmem: map, SEED=${SEED}`, () => {
  it('a value that is replaced is the answer', () => {
    const region = open({ discipline: 'memory' })
    const map = new HashMap(region, u32, u32)
    for (let i = 0; i < MANY; i++) expect(map.set(i, 777)).to.equal(undefined)
    map.check()
    for (let i = 0; i < MANY; i++) expect(map.set(i, i + 1)).to.equal(777)
    for (let i = 0; i < MANY; i++) expect(map.get(i)).to.equal(i + 1)
    expect(map.size).to.equal(MANY)
    map.check()
    map.destroy()
    expect(region.stat().busyBlocks).to.equal(0)
    region.close()
  })

  it('remove answers the value, and then nothing', () => {
    const map = new HashMap(open({ discipline: 'memory' }), u32, u32)
    for (let i = 0; i < MANY; i++) map.set(i, i * 3)
    for (let i = 0; i < MANY; i++) {
      expect(map.remove(i)).to.equal(i * 3)
      expect(map.remove(i)).to.equal(undefined)
      expect(map.delete(i)).to.equal(false)
      expect(map.has(i)).to.equal(false)
    }
    expect(map.size).to.equal(0)
    map.check()
  })

  it('looks up the stored key with its value', () => {
    const map = new HashMap(open({ discipline: 'memory' }), text, u32)
    const key = 'RANDOM_KEY'
    expect(map.getEntry(key)).to.equal(undefined)
    map.set(key, 5)
    map.set('other', 6)
    expect(map.getEntry(key)).to.deep.equal([key, 5])
    expect(map.set(key, 9)).to.equal(5)
    expect(map.getEntry(key)).to.deep.equal([key, 9])
  })

  it('is empty after the region of its contents was cleared, and can be filled again', () => {
    const long = open({ discipline: 'memory', name: 'long' })
    const short = open({ discipline: long, name: 'short' })
    const map = new HashMap(long, text, u32, { data: short })
    for (let turn = 0; turn < 3; turn++) {
      for (let i = 0; i < MANY; i++) expect(map.set(`key ${i}`, i)).to.equal(undefined)
      map.check()
      short.clear()
      expect(map.size).to.equal(0)
      for (let i = 0; i < MANY; i += 97) expect(map.get(`key ${i}`)).to.equal(undefined)
      expect([...map]).to.deep.equal([])
      map.check()
    }
    expect(long.stat().busyBlocks, 'the head, and what the nested region took').to.be.at.most(1 + short.stat().segments)
    map.destroy()
    expect(short.stat().busyBlocks).to.equal(0)
    short.close()
    expect(long.stat().busyBlocks).to.equal(0)
  })

  it('random texts as keys', () => {
    const rng = new Rng(SEED)
    const region = open({ discipline: 'memory' })
    const map = new HashMap(region, text, address)
    const model = new Map<string, number>()
    while (model.size < MANY) {
      const key = Array.from({ length: 1 + rng.below(64) }, () => String.fromCharCode(33 + rng.below(94))).join('')
      const at = region.string(key)
      const had = map.set(key, at)
      expect(had).to.equal(model.get(key))
      if (had !== undefined) region.free(had)
      model.set(key, at)
    }
    for (const [key, at] of model) {
      expect(map.get(key)).to.equal(at)
      expect(map.has(key)).to.equal(true)
      expect(map.has(`${key} `)).to.equal(false)
    }
    for (const [key, at] of map) if (region.readString(at) !== key) expect(region.readString(at)).to.equal(key)
    expect(map.size).to.equal(MANY)
    map.check()
  })

  it('forEach, find, deleteWhere, keys and size', () => {
    const map = new HashMap(open({ discipline: 'memory' }), u32, u32)
    for (let i = 0; i < MANY; i++) map.set(i, i * 2)
    const seen: number[] = []
    map.forEach((value, key, of) => {
      if (value !== key * 2 || of !== map) expect([value, of]).to.deep.equal([key * 2, map])
      seen.push(key)
    })
    expect(seen).to.deep.equal(Array.from({ length: MANY }, (_, i) => i))
    expect([...map.keys()]).to.deep.equal(seen)

    expect(map.find((value, key) => value === 4000 && key === 2000)).to.equal(4000)
    expect(map.find(() => false)).to.equal(undefined)

    expect(map.deleteWhere((_, key) => key % 2 === 1)).to.equal(MANY / 2)
    expect(map.deleteWhere((_, key) => key % 2 === 1)).to.equal(0)
    expect(map.size).to.equal(MANY / 2)
    for (let i = 0; i < MANY; i++) if (map.has(i) !== (i % 2 === 0)) expect(map.has(i)).to.equal(i % 2 === 0)
    map.check()
    expect(map.deleteWhere(() => true)).to.equal(MANY / 2)
    expect(map.size).to.equal(0)
    map.check()
  })

  it('reserve: so many keys come without any further memory', () => {
    for (const count of [0, 1, 5, 6, 1000, MANY]) {
      const region = open({ discipline: 'memory' })
      const map = new HashMap(region, u32, u32)
      map.set(7, 7)
      map.reserve(count)
      const { room } = map.inspect()
      const calls: number[] = []
      region.on('alloc', ({ size }) => void calls.push(size))
      for (let i = 7; i < 7 + count; i++) map.set(i, i)
      expect(calls).to.deep.equal([])
      expect(room).to.be.at.least(count)
      expect(room).to.be.at.most(Math.max(count, 5))
      map.check()
      for (let i = 7; i < 7 + count; i++) map.delete(i)
      for (let i = 0; i < count; i++) map.set(i + 2 ** 31, i)
      expect(calls, 'what was removed makes room').to.deep.equal([])
      map.check()
      region.close()
    }
  })
})
