/**
 * compact: vectors, string builders and slabs give back what they do not need, and keep what they have.
 */
import { expect } from 'chai'
import { Slab } from '../../src/collections/slab.ts'
import { StringBuilder } from '../../src/collections/string-builder.ts'
import { Vector } from '../../src/collections/vector.ts'
import { open } from '../../src/index.ts'
import { leave, type Place, places } from '../fixtures/homes.ts'

const contentsOf = ({ home, data }: Place) => data ?? home
const optionsOf = ({ data }: Place) => (data === undefined ? {} : { data })

/** Runs `compact`, and expects that the region has as many bytes back as it says. */
function given(place: Place, it: { compact(): number; check(): void }): number {
  const before = contentsOf(place).busyBytes
  const bytes = it.compact()
  it.check()
  expect(before - contentsOf(place).busyBytes).to.equal(bytes)
  return bytes
}

describe('compact', () => {
  for (const [name, make] of Object.entries(places)) {
    it(`a vector in ${name}`, () => {
      const place = make()
      const vector = new Vector(place.home, Uint32Array, { capacity: 1000, ...optionsOf(place) })
      const behind = contentsOf(place).alloc(8)
      vector.append([1, 2, 3])
      expect(given(place, vector)).to.be.within(3900, 4000)
      expect([...vector]).to.deep.equal([1, 2, 3])
      expect(vector.capacity).to.equal(3)
      expect(given(place, vector)).to.equal(0)
      vector.push(4)
      expect([...vector]).to.deep.equal([1, 2, 3, 4])
      vector.truncate(0)
      expect(given(place, vector)).to.be.above(0)
      expect(vector.address).to.equal(0)
      expect(given(place, vector)).to.equal(0)
      vector.destroy()
      contentsOf(place).free(behind)
      leave(place)
    })

    it(`a string builder in ${name}`, () => {
      const place = make()
      const builder = new StringBuilder(place.home, { size: 4000, ...optionsOf(place) })
      const behind = contentsOf(place).alloc(8)
      builder.append('naïve')
      expect(given(place, builder)).to.be.within(3900, 4000)
      expect(builder.toString()).to.equal('naïve')
      expect(given(place, builder)).to.equal(0)
      expect(builder.append('!').toString()).to.equal('naïve!')
      builder.truncate(0)
      expect(given(place, builder)).to.be.above(0)
      expect(builder.append('again').toString()).to.equal('again')
      builder.destroy()
      contentsOf(place).free(behind)
      leave(place)
    })

    it(`a slab in ${name}`, () => {
      const place = make()
      const slab = new Slab(place.home, { size: 40, chunk: 4, passThrough: false, ...optionsOf(place) })
      const objects = Array.from({ length: 40 }, () => slab.alloc())
      const kept = objects.filter((_, i) => i % 12 === 1)
      for (const object of objects) if (!kept.includes(object)) slab.free(object)
      expect(given(place, slab)).to.be.at.least(6 * 4 * 40)
      expect([...slab].sort((a, b) => a - b)).to.deep.equal([...kept].sort((a, b) => a - b))
      expect(given(place, slab)).to.equal(0)
      const before = contentsOf(place).busyBytes
      for (let i = 0; i < 4 * 3; i++) slab.alloc()
      expect(contentsOf(place).busyBytes, 'free objects of the chunks that are left come first').to.equal(before)
      slab.check()
      for (const object of [...slab]) slab.free(object)
      expect(given(place, slab)).to.be.above(0)
      expect(slab.count).to.equal(0)
      slab.free(slab.alloc())
      slab.destroy()
      leave(place)
    })
  }

  it('a slab of blocks has nothing to give', () => {
    const region = open({ check: 3 })
    const slab = new Slab(region, { size: 40, passThrough: true })
    const [one, two] = [slab.alloc(), slab.alloc()]
    slab.free(one)
    expect(slab.compact()).to.equal(0)
    slab.check()
    expect([...slab]).to.deep.equal([two])
    region.close()
  })

  it('keeps the zero element of a vector', () => {
    const region = open({ check: 3 })
    const vector = new Vector(region, Uint16Array, { capacity: 100 })
    vector.nullTerminate()
    vector.append([7, 8])
    expect(vector.compact()).to.be.above(0)
    vector.check()
    expect(vector.capacity).to.equal(3)
    expect([...region.array(Uint16Array, vector.address, 3)]).to.deep.equal([7, 8, 0])
    vector.truncate(0)
    vector.compact()
    vector.check()
    expect(region.array(Uint16Array, vector.address, 1)[0]).to.equal(0)
    region.close()
  })

  it('changes nothing where it takes a copy and there is no memory for it', () => {
    const region = open({ discipline: new ArrayBuffer(16_384), method: 'last', check: 3 })
    const vector = new Vector(region, Uint32Array, { capacity: 500 })
    const builder = new StringBuilder(region, { size: 1000 })
    vector.append([1, 2, 3])
    builder.append('abc')
    for (const size of [512, 64, 8]) while (region.alloc(size) !== 0);
    expect(given({ home: region, root: region, base: 0 }, vector)).to.equal(0)
    expect(given({ home: region, root: region, base: 0 }, builder)).to.equal(0)
    expect(vector.capacity).to.equal(500)
    expect([...vector]).to.deep.equal([1, 2, 3])
    expect(builder.toString()).to.equal('abc')
    region.close()
  })
})
