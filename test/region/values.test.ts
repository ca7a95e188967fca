/**
 * values: numbers by key in a region's bytes.
 */
import { expect } from 'chai'
import { attach, open, type Region } from '../../src/index.ts'
import { expectFault } from '../fixtures/faults.ts'
import { pieces } from '../fixtures/pieces.ts'

const copyOf = (region: Region) => attach((region.buffer as ArrayBuffer).slice(0))
const expectSum = (region: Region) => {
  const { busyBytes, cachedBytes, freeBytes, overhead, extent } = region.stat()
  expect(busyBytes + cachedBytes + freeBytes + overhead).to.equal(extent)
  expect(region.segments().reduce((sum, { size }) => sum + size, 0)).to.equal(extent)
  region.check()
}

describe('region values', () => {
  it('are undefined until they are set; add begins at 0 and returns the sum', () => {
    const { values } = open()
    expect(values.get('requests')).to.equal(undefined)
    expect(values.set('requests', 5)).to.equal(true)
    expect(values.get('requests')).to.equal(5)
    expect(values.add('requests', -7)).to.equal(-2)
    expect(values.add('bytes', 0.5)).to.equal(0.5)
    expect([values.get('requests'), values.get('bytes')]).to.deep.equal([-2, 0.5])
    expect(values.get('request')).to.equal(undefined)
    expect(values.get('requestss')).to.equal(undefined)
  })

  it('hold any number', () => {
    const { values } = open()
    for (const value of [0, -0, 2 ** 53, -1e308, 5e-324, Infinity, Number.NaN]) {
      expect(values.set('n', value)).to.equal(true)
      expect(Object.is(values.get('n'), value), `${value}`).to.equal(true)
    }
  })

  it('have keys of 1 to 31 bytes of UTF-8', () => {
    const { values } = open()
    for (const key of ['k', 'x'.repeat(31), `${'é'.repeat(15)}!`, '🔑'.repeat(7), '\0', 'ein Schlüssel']) {
      expect(values.set(key, key.length), key).to.equal(true)
      expect(values.get(key)).to.equal(key.length)
    }
    for (const [key, bytes] of [
      ['', 0],
      ['x'.repeat(32), 32],
      ['é'.repeat(16), 32],
      ['🔑'.repeat(8), 32],
    ] as const) {
      for (const use of [() => values.get(key), () => values.set(key, 1), () => values.add(key, 1)]) {
        expectFault('argument', [`${bytes} bytes`, '1 to 31'], use)
      }
    }
  })

  it('of nested regions are their own', () => {
    const region = open({ discipline: 'memory' })
    const child = open({ discipline: region })
    region.values.set('n', 1)
    child.values.set('n', 2)
    expect([region.values.get('n'), child.values.get('n')]).to.deep.equal([1, 2])
  })

  for (const [where, make] of [
    ['the default heap', () => open()],
    ['memory', () => open({ discipline: 'memory' })],
    ['shared', () => open({ discipline: 'shared' })],
    ['resizable', () => open({ discipline: 'resizable' })],
    ['pieces anywhere', () => open({ discipline: pieces({ gap: 24 }) })],
    ['a pool', () => open({ discipline: 'memory', method: 'pool', element: 48 })],
  ] as const) {
    it(`may be many (${where})`, () => {
      const region = make()
      const at = region.alloc(48)
      region.bytes(at, 48).fill(7)
      for (let i = 0; i < 200; i++) {
        expect(region.values.set(`counter ${i}`, i), `key ${i + 1} of 200`).to.equal(true)
        if (i % 40 === 0) expectSum(region)
      }
      for (let i = 0; i < 200; i++) expect(region.values.add(`counter ${i}`, 1)).to.equal(i + 1)
      expect(region.bytes(at, 48).every((byte) => byte === 7)).to.equal(true)
      expectSum(region)
      expect(region.close()).to.equal(true)
    })
  }

  it('outlive clear and compact, and go along to where the bytes are attached', () => {
    const region = open({ discipline: 'memory' })
    for (let i = 0; i < 4; i++) region.values.set(`key ${i}`, i / 3)
    region.alloc(100_000)
    region.clear()
    region.compact()
    const copy = copyOf(region)
    for (let i = 0; i < 4; i++) expect(copy.values.get(`key ${i}`)).to.equal(i / 3)
    expect(copy.values.set('key 0', 9)).to.equal(true)
    expect(region.values.get('key 0'), 'the original keeps its own').to.equal(0)
  })

  it('of a nested region outlive it in a copy too, however many', () => {
    const root = open({ discipline: 'memory' })
    const region = open({ discipline: root, name: 'counted' })
    for (let i = 0; i < 100; i++) expect(region.values.set(`key ${i}`, i * i)).to.equal(true)
    const copy = copyOf(root).child('counted')!
    for (let i = 0; i < 100; i++) expect(copy.values.get(`key ${i}`)).to.equal(i * i)
  })

  it('answer false and undefined when there is no memory for a new key; old ones go on', () => {
    const region = open({ discipline: new ArrayBuffer(4096) })
    while (region.alloc(8) !== 0);
    let keys = 0
    while (keys < 1000 && region.values.set(`key ${keys}`, keys)) keys++
    expect(keys).to.be.within(4, 999)
    expect(region.values.set('one more', 1)).to.equal(false)
    expect(region.values.add('one more', 1)).to.equal(undefined)
    expect(region.values.get('one more')).to.equal(undefined)
    expect(region.values.set('key 0', 77)).to.equal(true)
    expect(region.values.add('key 1', 1)).to.equal(2)
    region.check()
  })

  it('of a closed region are no more', () => {
    const { values, close } = { ...closable() }
    close()
    for (const use of [() => values.get('n'), () => values.set('n', 1), () => values.add('n', 1)]) {
      expectFault('closed', ['counted'], use)
    }
  })
})

function closable() {
  const region = open({ name: 'counted' })
  region.values.set('n', 1)
  return { values: region.values, close: () => region.close() }
}
