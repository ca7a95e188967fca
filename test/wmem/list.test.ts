/**
 * The cases of wmem's suite for its list, anew.
 */
import { expect } from 'chai'
import { address, i32 } from '../../src/collections/codec.ts'
import { List } from '../../src/collections/list.ts'
import { open, type Region } from '../../src/index.ts'

const MANY = 10_000

describe('wmem: list', () => {
  let region: Region
  let list: List<number>
  beforeEach(() => {
    region = open({ discipline: 'memory' })
    list = new List(region, i32)
  })
  afterEach(() => {
    list.check()
    list.destroy()
    expect(region.stat().busyBlocks).to.equal(0)
    region.close()
  })

  it('prepends ten thousand, with count and first after each', () => {
    for (let i = 0; i < MANY; i++) {
      const place = list.prepend(i)
      if (list.count !== i + 1 || list.first !== place || list.valueAt(place) !== i) expect.fail(`prepend ${i}`)
    }
    let i = MANY
    for (let place = list.first; place !== 0; place = list.next(place)) {
      if (list.valueAt(place) !== --i) expect.fail(`forward: ${list.valueAt(place)} instead of ${i}`)
    }
    expect(i).to.equal(0)
    for (let place = list.last; place !== 0; place = list.previous(place)) {
      if (list.valueAt(place) !== i++) expect.fail(`backward: ${list.valueAt(place)} instead of ${i - 1}`)
    }
    expect(i).to.equal(MANY)
  })

  it('appends ten thousand, with count and last after each', () => {
    for (let i = 0; i < MANY; i++) {
      const place = list.append(i)
      if (list.count !== i + 1 || list.last !== place || list.valueAt(place) !== i) expect.fail(`append ${i}`)
    }
    let i = 0
    for (const value of list) if (value !== i++) expect.fail(`forward: ${value} instead of ${i - 1}`)
    expect(i).to.equal(MANY)
    for (const value of list.reversed()) if (value !== --i) expect.fail(`backward: ${value} instead of ${i}`)
    expect(i).to.equal(0)
  })

  it('finds, and removes from the middle outwards', () => {
    for (let i = 0; i < MANY; i++) list.append(i)
    expect(list.valueAt(list.placeOf(5000))).to.equal(5000)
    expect(list.placeOf(MANY)).to.equal(0)
    expect(list.valueAt(list.find((value) => value * value > 90_000))).to.equal(301)
    const places = [...list.places()]
    const model = Array.from({ length: MANY }, (_, i) => i)
    for (let i = 0; i < 300; i++) {
      const at = model.length >>> 1
      const value = model.splice(at, 1)[0]!
      if (i % 2 === 0) expect(list.removeValue(value)).to.equal(true)
      else expect(list.remove(places[value]!)).to.equal(value)
      expect(list.placeOf(value)).to.equal(0)
    }
    expect(list.removeValue(5000)).to.equal(false)
    expect([...list]).to.deep.equal(model)
    list.check()
    for (let left = list.count; left > 0; left--) list.remove(left % 2 === 0 ? list.first : list.last)
    expect([list.count, list.first, list.last]).to.deep.equal([0, 0, 0])
  })

  it('lives without a heap of its own, in the one that all share', () => {
    const alone = new List(open({ name: 'alone' }), i32)
    for (let i = 0; i < MANY; i++) alone.append(i)
    let i = 0
    for (const value of alone) if (value !== i++) expect.fail(`${value} instead of ${i - 1}`)
    alone.destroy()
    expect(alone.alive).to.equal(false)
  })

  it('visits each', () => {
    for (let i = 0; i < MANY; i++) list.append(i)
    let sum = 0
    list.forEach((value, place) => {
      sum += value
      list.set(place, 1)
    })
    expect(sum).to.equal((MANY * (MANY - 1)) / 2)
    sum = 0
    list.forEach((value) => void (sum += value))
    expect(sum).to.equal(MANY)
  })

  for (const way of ['insertSorted', 'appendSorted'] as const) {
    it(`${way}: numbers, some of them the same`, () => {
      const model: number[] = []
      for (const value of [10, 1, 5, 5, 3, 10, 1, 0, -7, 99, 5]) {
        list[way](value, (a, b) => a - b)
        model.push(value)
        model.sort((a, b) => a - b)
        expect([...list]).to.deep.equal(model)
        list.check()
      }
    })

    it(`${way}: strings, in order of arrival where they are the same`, () => {
      const texts = new List(region, address)
      const arrived = ['abc', 'b', 'abc', 'a', '', 'abc', 'zz', 'b'].map((text) => region.string(text))
      const text = (at: number): string => region.readString(at)
      const compare = (a: number, b: number): number => (text(a) < text(b) ? -1 : text(a) > text(b) ? 1 : 0)
      for (const at of arrived) texts[way](at, compare)
      expect([...texts]).to.deep.equal([...arrived].sort(compare))
      expect([...texts].map(text)).to.deep.equal(['', 'a', 'abc', 'abc', 'abc', 'b', 'b', 'zz'])
      texts.destroy()
      for (const at of arrived) region.free(at)
    })
  }
})
