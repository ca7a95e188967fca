/**
 * multimap: random lives against a Map of Maps, in regions of every kind; what happens to walks; memory that runs out; bytes
 * that were moved or spoilt. `SEED=... npx mocha test/collections/multimap.test.ts` repeats the random lives.
 */
import { expect } from 'chai'
import { f64, struct, u8, u32 } from '../../src/collections/codec.ts'
import { type KeyKind, keys, text } from '../../src/collections/map-keys.ts'
import { MultiMap } from '../../src/collections/multi-map.ts'
import { injectOptions, open, VmallocError } from '../../src/index.ts'
import { Rng, seedFrom } from '../conformance/index.ts'
import { expectFault } from '../fixtures/faults.ts'
import { copied, leave, places } from '../fixtures/homes.ts'

const SEED = seedFrom(process.env.SEED)

const draws: { [name: string]: (n: number) => unknown } = {
  u32: (n) => n * 2 ** 26,
  u64: (n) => BigInt(n) << 40n,
  f64: (n) => (n === 0 ? Number.NaN : n / 3),
  text: (n) => (n % 2 === 0 ? `key ${n}` : `${'x'.repeat(100)}${n}`),
}
const numbers = [0, 1, 7, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1]

/** One random life, held against a Map of Maps. */
function life<K>(map: MultiMap<K>, draw: (n: number) => K, rng: Rng, steps: number): void {
  const model = new Map<K, Map<number, number>>()
  for (let step = 0; step < steps; step++) {
    const key = draw(rng.below(12))
    const n = rng.chance(0.2) ? rng.pick(numbers) : rng.below(40)
    const had = model.get(key)
    const choice = rng.below(100)
    if (choice < 50) {
      expect(map.set(key, n, step)).to.equal(had !== undefined)
      model.set(key, (had ?? new Map()).set(n, step))
    } else if (choice < 80) {
      expect(map.delete(key, n)).to.equal(had?.delete(n) ?? false)
      if (had?.size === 0) model.delete(key)
    } else if (choice < 83) {
      expect(map.deleteKey(key)).to.equal(had?.size ?? 0)
      model.delete(key)
    } else if (choice === 83 && rng.chance(1 / 4)) {
      map.clear()
      model.clear()
    } else {
      const all = [...(had ?? [])].sort(([a], [b]) => a - b)
      const [below, above] = [all.filter(([of]) => of <= n).at(-1), all.find(([of]) => of >= n)]
      expect(map.get(key, n)).to.equal(had?.get(n))
      expect(map.le(key, n)).to.equal(below?.[1])
      expect(map.leEntry(key, n)).to.deep.equal(below && { n: below[0], value: below[1] })
      expect(map.ge(key, n)).to.equal(above?.[1])
      expect(map.geEntry(key, n)).to.deep.equal(above && { n: above[0], value: above[1] })
      expect(map.count(key)).to.equal(all.length)
      expect([...map.of(key)]).to.deep.equal(all)
    }
    map.check()
    expect(map.keyCount).to.equal(model.size)
    if (step % 16 !== 0) continue
    const whole = [...model].flatMap(([key, of]) =>
      [...of].sort(([a], [b]) => a - b).map(([n, value]) => [key, n, value]),
    )
    expect([...map]).to.deep.equal(whole)
    expect(map.size).to.equal(whole.length)
  }
}

describe(`multimap, SEED=${SEED}`, () => {
  let were: string
  before(() => void (were = injectOptions('format=none')))
  after(() => injectOptions(were))

  for (const [name, make] of Object.entries(places)) {
    for (const of of name === 'best' ? Object.keys(draws) : ['u32', 'text']) {
      it(`random life, keys ${of}: ${name}`, () => {
        const place = make()
        const kind = keys[of as keyof typeof keys] as KeyKind<unknown>
        const map = new MultiMap(place.home, kind, u32, { data: place.data ?? place.home })
        life(map, draws[of]!, new Rng(SEED), 350)
        map.destroy()
        leave(place)
      })
    }
  }

  it('values of other codecs; u32 when none is named', () => {
    const region = open({ discipline: 'memory' })
    const plain = new MultiMap(region, text)
    plain.set('a', 1, 2 ** 32 - 1)
    expect(plain.get('a', 1)).to.equal(2 ** 32 - 1)
    expectFault('argument', ['u32: -1'], () => plain.set('a', 1, -1))
    const rich = new MultiMap(region, f64, struct({ n: u8, x: f64 }))
    for (let i = 0; i < 50; i++) rich.set(i / 2, i, { n: i, x: i / 3 })
    for (let i = 0; i < 50; i++) expect(rich.le(i / 2, i + 1)).to.deep.equal({ n: i, x: i / 3 })
    rich.check()
    expectFault('argument', ['multimap of'], () => new MultiMap(region, f64, u32, { at: rich.at }))
  })

  it('refuses what is no number, and changes nothing', () => {
    const map = new MultiMap(open({ discipline: 'memory' }), u32)
    for (const n of [-1, 1.5, 2 ** 32, Number.NaN, '1', 1n, undefined]) {
      for (const call of ['get', 'le', 'ge', 'leEntry', 'geEntry', 'delete'] as const) {
        expectFault('argument', ['multimap: number', String(n)], () => map[call](1, n as never))
      }
      expectFault('argument', ['multimap: number'], () => map.set(1, n as never, 1))
    }
    expectFault('argument', ['u32'], () => map.set(-1, 1, 1))
    expect([map.size, map.keyCount]).to.deep.equal([0, 0])
    map.check()
  })

  it('walks: what changes meanwhile is met if it lies ahead, nothing twice, nothing that is gone', () => {
    const map = new MultiMap(open({ discipline: 'memory' }), u32)
    for (let n = 0; n < 10; n++) map.set(1, n * 10, n)
    const seen: number[] = []
    for (const [n] of map.of(1)) {
      seen.push(n)
      map.delete(1, n)
      map.delete(1, 50)
      map.set(1, 25, 0)
      if (n === 90) map.set(1, 2 ** 32 - 1, 0)
      map.check()
    }
    expect(seen).to.deep.equal([0, 10, 20, 25, 30, 40, 60, 70, 80, 90, 2 ** 32 - 1])
    expect([...map]).to.deep.equal([[1, 25, 0]])

    const met: number[] = []
    for (const [key] of map) {
      met.push(key)
      if (key < 20) for (let i = 0; i < 9; i++) map.set(key + 1, i, i)
      map.deleteKey(key)
    }
    expect(met).to.deep.equal(Array.from({ length: 20 }, (_, i) => i + 1))
    expect(map.size).to.equal(0)
  })

  it('sorted: keys in their own order', () => {
    const map = new MultiMap(open({ discipline: 'memory' }), text)
    for (const [i, key] of ['b', 'a', 'c'].entries()) for (const n of [5, 3]) map.set(key, n, i)
    expect([...map.sorted()].map(([key, n]) => `${key}${n}`)).to.deep.equal(['a3', 'a5', 'b3', 'b5', 'c3', 'c5'])
  })

  it('a second handle, and a copy of the bytes that begins elsewhere', () => {
    const place = places['best in a region']!()
    const map = new MultiMap(place.home, text)
    for (let i = 0; i < 400; i++) map.set(`key ${i % 20}`, i * 3, i)
    const two = new MultiMap(place.home, text, u32, { at: map.at })
    expect(two.deleteKey('key 3')).to.equal(20)
    expect([...map]).to.deep.equal([...two])
    const moved = copied(place, map.at)
    const again = new MultiMap(moved.home, text, u32, { at: moved.at })
    again.check()
    expect([...again]).to.deep.equal([...map])
    again.destroy()
    expect(moved.home.stat().busyBlocks).to.equal(0)
    map.destroy()
    leave(place)
  })

  it('when there is no more memory, all is as it was', () => {
    for (const size of [4096, 6000, 9000]) {
      const region = open({ discipline: new ArrayBuffer(size), check: 3 })
      const map = new MultiMap(region, text)
      const model: unknown[] = []
      let count = 0
      const key = () => `key ${Math.floor(count / 3)}`
      expectFault('no-memory', ['multimap'], () => {
        for (;;) {
          expect(map.set(key(), count, count)).to.equal(count % 3 > 0)
          model.push([key(), count, count])
          count++
        }
      })
      map.check()
      expect([...map]).to.deep.equal(model)
      expect(map.size).to.equal(count)
      expect(map.delete('key 0', 0)).to.equal(true)
      expect(map.set('key 0', 5, 5), 'what was removed makes room').to.equal(true)
      map.check()
      map.destroy()
      expect(region.stat().busyBlocks).to.equal(0)
    }
  })

  it('listeners to allocations may use it', () => {
    const region = open({ discipline: 'memory' })
    const map = new MultiMap(region, text)
    let depth = 0
    let next = 0
    region.on('alloc', () => {
      if (depth > 0) return
      depth++
      map.set(`key ${next % 7}`, next % 50, next)
      next++
      depth--
    })
    for (let i = 0; i < 300; i++) {
      map.set(`key ${i % 30}`, i % 50, 7777)
      expect(map.get(`key ${i % 30}`, i % 50)).to.equal(7777)
      map.check()
    }
    expect(next).to.be.above(100)
    map.destroy()
    expect(region.stat().busyBlocks).to.equal(0)
  })

  it('bytes that were spoilt are found, or do no harm', () => {
    const rng = new Rng(SEED)
    const region = open({ discipline: new ArrayBuffer(1 << 14) })
    const map = new MultiMap(region, u32)
    for (let i = 0; i < 120; i++) map.set(i % 11, i, 5)
    const whole = [...map.keys()]
    const cells: number[] = []
    region.walk(({ at, size, state }) => {
      if (state !== 'busy') return
      for (let cell = at / 4; cell < (at + size) / 4; cell++) if (at !== map.at || cell > at / 4 + 4) cells.push(cell)
    })
    const m = new Int32Array(region.buffer)
    const before = m.slice()
    let found = 0
    for (let turn = 0; turn < 1500; turn++) {
      const cell = rng.pick(cells)
      const was = m[cell]!
      m[cell] = was ^ rng.pick([1 << rng.below(32), rng.word(), was, -1 ^ was, was ^ rng.pick(cells)])
      try {
        const seen = new MultiMap(region, u32, u32, { at: map.at })
        seen.check()
        expect([...seen.keys()]).to.deep.equal(whole)
        for (const key of whole) {
          const all = [...seen.of(key)].map(([n]) => n)
          expect(all).to.deep.equal([...all].sort((a, b) => a - b))
          expect(all.length).to.equal(seen.count(key)).and.to.be.above(9)
        }
      } catch (error) {
        if (!(error instanceof VmallocError && error.code === 'corrupted')) throw error
        found++
      }
      m.set(before)
    }
    expect(found).to.be.above(700)
    map.check()
    const size = m.indexOf(120, map.at / 4)
    m[size]!++
    expect(map.size).to.equal(121)
    expectFault('corrupted', ['multimap M1', '120 values'], () => map.check())
  })
})
