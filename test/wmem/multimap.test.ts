/**
 * multimap: what wmem's multimap promises; its own suite has no case for it.
 */
import { expect } from 'chai'
import { u32 } from '../../src/collections/codec.ts'
import { text } from '../../src/collections/map-keys.ts'
import { MultiMap } from '../../src/collections/multi-map.ts'
import { open } from '../../src/index.ts'

const KEYS = 100
const FRAMES = 100

describe('wmem: multimap', () => {
  const filled = () => {
    const region = open({ discipline: 'memory' })
    const map = new MultiMap(region, text, u32)
    for (let frame = 0; frame < FRAMES; frame++) {
      for (let i = 0; i < KEYS; i++) expect(map.set(`key ${i}`, frame * 10, i * 1000 + frame)).to.equal(frame > 0)
    }
    return { region, map }
  }

  it('tells whether the key was there, replaces at a number, counts', () => {
    const { region, map } = filled()
    map.check()
    expect(map.keyCount).to.equal(KEYS)
    expect(map.size).to.equal(KEYS * FRAMES)
    expect(map.count('key 5')).to.equal(FRAMES)
    expect(map.count('no key')).to.equal(0)
    expect(map.set('key 5', 50, 1)).to.equal(true)
    expect(map.count('key 5')).to.equal(FRAMES)
    expect(map.get('key 5', 50)).to.equal(1)
    expect([...map.keys()]).to.deep.equal(Array.from({ length: KEYS }, (_, i) => `key ${i}`))
    map.destroy()
    expect(region.stat().busyBlocks).to.equal(0)
  })

  it('looks up at a number, or at the one below or above', () => {
    const { map } = filled()
    expect(map.get('key 3', 20)).to.equal(3002)
    expect(map.get('key 3', 21)).to.equal(undefined)
    expect(map.get('no key', 20)).to.equal(undefined)
    expect(map.le('key 3', 29)).to.equal(3002)
    expect(map.le('key 3', 20)).to.equal(3002)
    expect(map.le('key 3', 2 ** 32 - 1)).to.equal(3099)
    expect(map.leEntry('key 3', 29)).to.deep.equal({ n: 20, value: 3002 })
    expect(map.ge('key 3', 21)).to.equal(3003)
    expect(map.geEntry('key 3', 21)).to.deep.equal({ n: 30, value: 3003 })
    expect(map.geEntry('key 3', 991)).to.equal(undefined)
    map.set('late', 2 ** 31 + 5, 1)
    expect(map.le('late', 2 ** 31 + 4)).to.equal(undefined)
    expect(map.leEntry('late', 2 ** 32 - 1)).to.deep.equal({ n: 2 ** 31 + 5, value: 1 })
    expect(map.ge('late', 0)).to.equal(1)
  })

  it('removes a number once, and the key with its last', () => {
    const { map } = filled()
    for (let frame = 0; frame < FRAMES; frame++) {
      expect(map.delete('key 7', frame * 10)).to.equal(true)
      expect(map.delete('key 7', frame * 10)).to.equal(false)
      expect(map.count('key 7')).to.equal(FRAMES - 1 - frame)
      map.check()
    }
    expect(map.has('key 7')).to.equal(false)
    expect(map.keyCount).to.equal(KEYS - 1)
    expect(map.set('key 7', 1, 1)).to.equal(false)
    expect(map.deleteKey('key 8')).to.equal(FRAMES)
    expect(map.deleteKey('key 8')).to.equal(0)
    expect(map.size).to.equal((KEYS - 2) * FRAMES + 1)
    map.check()
  })

  it('is empty after the region of its contents was cleared', () => {
    const long = open({ discipline: 'memory' })
    const short = open({ discipline: long })
    const map = new MultiMap(long, text, u32, { data: short })
    for (let turn = 0; turn < 3; turn++) {
      for (let i = 0; i < 1000; i++) map.set(`key ${i % 50}`, i, i)
      map.check()
      expect([map.size, map.keyCount]).to.deep.equal([1000, 50])
      short.clear()
      expect([map.size, map.keyCount, map.get('key 1', 1)]).to.deep.equal([0, 0, undefined])
      map.check()
    }
    map.destroy()
    short.close()
    expect(long.stat().busyBlocks).to.equal(0)
  })
})
