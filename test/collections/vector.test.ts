/**
 * vector: against arrays, for every kind of typed array, on every kind of ground; growth of the memory under it, no
 * memory, and broken bytes.
 *
 *   SEED=... npx mocha test/collections/vector.test.ts
 */
import { expect } from 'chai'
import { u8 } from '../../src/collections/codec.ts'
import { FIELDS } from '../../src/collections/collection.ts'
import { List } from '../../src/collections/list.ts'
import { Vector } from '../../src/collections/vector.ts'
import { type ArrayType, injectOptions, type NumericArray, open, type Region, VmallocError } from '../../src/index.ts'
import { Rng, seedFrom } from '../conformance/index.ts'
import { expectFault } from '../fixtures/faults.ts'
import { copied, leave, limited, type Place, places } from '../fixtures/homes.ts'

const SEED = seedFrom(process.env.SEED)
const STEPS = 300

const kinds: readonly ArrayType<NumericArray>[] = [
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
]

type Element = number | bigint
const isBig = (type: ArrayType<NumericArray>): boolean => type.name.startsWith('Big')

/** What a typed array makes of a value. */
function converted(type: ArrayType<NumericArray>, value: Element): Element {
  const one = new type(new ArrayBuffer(8), 0, 1) as unknown as Element[]
  one[0] = value
  return one[0]
}

function draw(type: ArrayType<NumericArray>, rng: Rng): Element {
  if (isBig(type)) return (BigInt(rng.word()) << 32n) - BigInt(rng.word())
  return rng.chance(1 / 2) ? rng.between(-300, 300) : (rng.fraction() - 0.5) * 2 ** rng.below(40)
}

const bySize = (a: Element, b: Element): number => (a < b ? -1 : a > b ? 1 : 0)

function life(place: Place, type: ArrayType<NumericArray>, rng: Rng): void {
  const options = place.data === undefined ? {} : { data: place.data }
  const vector = new Vector<never>(place.home, type as never, options) as unknown as Vector<Float64Array>
  const other = new Vector<never>(place.home, type as never, { at: vector.at }) as unknown as Vector<Float64Array>
  const model: Element[] = []
  const one = (): Element => converted(type, draw(type, rng))
  const changes: ((by: Vector<Float64Array>) => void)[] = [
    (by) => {
      const value = draw(type, rng)
      by.push(value as number)
      model.push(converted(type, value))
    },
    (by) => {
      const values = Array.from({ length: rng.below(20) }, one)
      by.append(values as number[])
      model.push(...values)
    },
    (by) => {
      if (model.length > 200) return
      by.append(rng.chance(1 / 2) ? other.array : other.array.slice())
      model.push(...model)
    },
    (by) => expect(by.pop()).to.equal(model.pop()),
    (by) => {
      if (model.length === 0) return
      const [i, value] = [rng.below(model.length), one()]
      by.set(i, value as number)
      model[i] = value
    },
    (by) => {
      const [i, value] = [rng.below(model.length + 1), one()]
      by.insert(i, value as number)
      model.splice(i, 0, value)
    },
    (by) => {
      if (model.length === 0) return
      const i = rng.below(model.length)
      expect(by.remove(i)).to.equal(model.splice(i, 1)[0])
    },
    (by) => {
      model.length = rng.between(model.length >>> 1, model.length)
      by.truncate(model.length)
    },
    (by) => {
      const from = rng.below(model.length + 1)
      const [to, value] = [rng.between(from, model.length), one()]
      by.fill(value as number, from, to)
      model.fill(value, from, to)
    },
    (by) => {
      if (rng.chance(1 / 2)) {
        by.sort()
        model.sort(bySize)
      } else {
        by.sort((a, b) => bySize(b, a))
        model.sort((a, b) => bySize(b, a))
      }
    },
    (by) => by.reserve(rng.below(100)),
    (by) => {
      if (rng.below(8) > 0) return
      by.clear()
      model.length = 0
    },
  ]
  const end = rng.chance(1 / 2) ? rng.below(STEPS) : STEPS
  for (let i = 0; i < STEPS; i++) {
    const by = rng.pick([vector, other])
    rng.pick(changes)(by)
    if (i === end) by.nullTerminate()
    if (i % 7 > 0) continue
    vector.check()
    expect([...other.array]).to.deep.equal(model)
    expect([...vector]).to.deep.equal(model)
    expect(vector.length).to.equal(model.length)
    for (const i of [-1, 0, rng.below(50), -rng.below(50), 0.5])
      expect(other.tryGet(i)).to.equal(model.at(i) === undefined || i % 1 !== 0 ? undefined : model.at(i))
    for (let i = 0; i < model.length; i++) if (!Object.is(vector.get(i), model[i])) expect.fail(`element ${i}`)
  }
  vector.append(Array.from({ length: 5 }, one) as number[])
  const copy = copied(place, vector.at)
  const again = new Vector<never>(copy.home, type as never, { at: copy.at })
  again.check()
  expect([...again]).to.deep.equal([...vector])
  copy.root.close()
  vector.destroy()
}

describe(`vector, SEED=${SEED}`, () => {
  let were: string
  before(() => void (were = injectOptions('format=none,profile=none')))
  after(() => injectOptions(were))

  describe('a random life', () => {
    for (const [name, make] of Object.entries(places)) {
      it(name, () => {
        const rng = new Rng(SEED)
        for (let i = 0; i < 3; i++) {
          const place = make()
          life(place, rng.pick(kinds), rng)
          leave(place)
        }
      })
    }

    for (const type of kinds) {
      it(type.name, () => {
        const place = places.best!()
        life(place, type, new Rng(SEED))
        leave(place)
      })
    }
  })

  describe('what it refuses', () => {
    let region: Region
    let vector: Vector<Int16Array>
    beforeEach(() => {
      region = open({ discipline: 'memory' })
      vector = new Vector(region, Int16Array)
      vector.append([1, 2, 3])
    })

    it('indices outside', () => {
      const wrong = [-1, 3, 1.5, Number.NaN, 2 ** 32, 2 ** 32 + 1, Number.POSITIVE_INFINITY, '1' as unknown as number]
      for (const i of wrong) {
        expectFault('argument', [`index ${i}`, '0 to 2'], () => vector.get(i))
        expectFault('argument', [`index ${i}`, '0 to 2'], () => vector.set(i, 0))
        expectFault('argument', [`index ${i}`, '0 to 2'], () => vector.remove(i))
        if (i !== 3) expectFault('argument', [`index ${i}`, '0 to 3'], () => vector.insert(i, 0))
      }
      expectFault('argument', ['empty'], () => new Vector(region, Int8Array).get(0))
      expect([...vector]).to.deep.equal([1, 2, 3])
    })

    it('lengths and ranges outside', () => {
      for (const n of [-1, 4, 0.5, Number.NaN]) {
        expectFault('argument', [`truncate(${n})`, '0 to 3'], () => vector.truncate(n))
        expectFault('argument', [String(n), '0 to 3'], () => vector.fill(0, n, 3))
        expectFault('argument', [String(n), '0 to 3'], () => vector.fill(0, 0, n))
      }
      for (const n of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY]) {
        expectFault('argument', [`room for ${n}`], () => vector.reserve(n))
      }
      expectFault('no-memory', [], () => vector.reserve(2 ** 40))
      expect([...vector]).to.deep.equal([1, 2, 3])
    })

    it('what is no element, and changes nothing', () => {
      const big = new Vector(region, BigInt64Array)
      for (const wrong of [undefined, null, '1', 1n, {}] as unknown as number[]) {
        for (const call of [
          () => vector.push(wrong),
          () => vector.set(0, wrong),
          () => vector.insert(0, wrong),
          () => vector.fill(wrong),
          () => vector.append([5, wrong]),
        ]) {
          expectFault('argument', ['vector of Int16Array', 'expected a number'], call)
        }
      }
      expectFault('argument', ['expected a bigint'], () => big.push(1 as unknown as bigint))
      expectFault('argument', ['expected a bigint'], () => big.append(new Int8Array(1) as unknown as bigint[]))
      expectFault('argument', ['expected a number'], () => vector.append(new BigInt64Array(1) as unknown as number[]))
      for (const wrong of [undefined, null, 5, {}] as unknown as number[][]) {
        expectFault('argument', ['append', 'an array'], () => vector.append(wrong))
      }
      expect([[...vector], big.length]).to.deep.equal([[1, 2, 3], 0])
    })

    it('classes that are no typed arrays, and handles of another kind', () => {
      for (const wrong of [Array, DataView, undefined, 5, 'Int8Array']) {
        expectFault('argument', ['a typed-array class'], () => new Vector(region, wrong as never))
      }
      expectFault(
        'argument',
        ['vector of other', 'Uint16Array'],
        () => new Vector(region, Uint16Array, { at: vector.at }),
      )
      const { busyBlocks } = region.stat()
      expectFault('argument', ['room'], () => new Vector(region, Int8Array, { capacity: -1 }))
      expect(region.stat().busyBlocks).to.equal(busyBlocks)
    })
  })

  describe('room', () => {
    it('doubles, in place where it can', () => {
      const region = open({ discipline: 'memory', method: 'last' })
      const vector = new Vector(region, Float64Array)
      const rooms = new Set<number>()
      const addresses = new Set<number>()
      for (let i = 0; i < 1000; i++) {
        vector.push(i)
        rooms.add(vector.capacity)
        addresses.add(vector.address)
      }
      expect([...rooms]).to.deep.equal([8, 16, 32, 64, 128, 256, 512, 1024])
      expect(addresses.size).to.equal(1)
      region.alloc(8)
      vector.reserve(2000)
      expect(vector.capacity).to.equal(2000)
      expect(addresses.has(vector.address)).to.equal(false)
      expect([...vector]).to.deep.equal(Array.from({ length: 1000 }, (_, i) => i))
    })

    it('is where `address` and `array` say, and comes back with clear', () => {
      const region = open({ discipline: 'memory' })
      const vector = new Vector(region, Uint16Array)
      const { busyBlocks } = region.stat()
      expect([vector.address, vector.capacity, vector.array.length]).to.deep.equal([0, 0, 0])
      vector.append([1, 2, 3])
      vector.array[1] = 500
      expect([...region.array(Uint16Array, vector.address, 3)]).to.deep.equal([1, 500, 3])
      expect(vector.get(1)).to.equal(500)
      vector.clear()
      expect([vector.address, vector.capacity, vector.length]).to.deep.equal([0, 0, 0])
      expect(region.stat().busyBlocks).to.equal(busyBlocks)
    })

    it('with a zero behind the last, through all changes', () => {
      const region = open({ discipline: 'memory', junk: true })
      for (const type of kinds) {
        const zero = isBig(type) ? 0n : 0
        const one = (isBig(type) ? 1n : 1) as never
        const vector = new Vector<never>(region, type as never)
        const behind = () => region.array<never>(type as never, vector.address, vector.length + 1)[vector.length]
        vector.nullTerminate()
        expect(behind()).to.equal(zero)
        for (const change of [
          () => vector.push(one),
          () => vector.append(Array.from({ length: 50 }, () => one) as ArrayLike<never>),
          () => vector.insert(3, one),
          () => vector.remove(3),
          () => vector.truncate(20),
          () => vector.pop(),
          () => vector.fill(one),
          () => vector.nullTerminate(),
          () => vector.sort(),
          () => vector.reserve(500),
          () => {
            vector.clear()
            vector.reserve(5)
          },
        ]) {
          change()
          expect(behind()).to.equal(zero)
          vector.check()
        }
        vector.clear()
        vector.check()
        const at = vector.finalize()
        expect(region.array<never>(type as never, at, 1)[0]).to.equal(zero)
        region.free(at)
      }
      expect(region.stat().busyBlocks).to.equal(0)
    })

    it('finalize gives what fits, or nothing', () => {
      const region = open({ discipline: 'memory', check: 3 })
      const vector = new Vector(region, Float64Array, { capacity: 500 })
      vector.append([1, 2, 3])
      const at = vector.finalize()
      expect(region.sizeOf(at)).to.be.within(24, 40)
      expect([...region.array(Float64Array, at, 3)]).to.deep.equal([1, 2, 3])
      expectFault('closed', ['destroyed'], () => vector.length)
      region.free(at)
      expect(new Vector(region, Int8Array, { capacity: 5 }).finalize()).to.equal(0)
      expect(region.stat().busyBlocks).to.equal(0)
    })
  })

  describe('memory that moves under it', () => {
    it('is found again by every handle, also when others made it grow', () => {
      const region = open({ discipline: 'memory' })
      const vector = new Vector(region, Float32Array)
      const other = new Vector(region, Float32Array, { at: vector.at })
      vector.append([1, 2, 3])
      expect([vector.get(0), other.get(0)]).to.deep.equal([1, 1])
      const old = vector.array
      const before = region.buffer
      while (region.buffer === before) region.alloc(100_000)
      expect(old.length === 0 || old[0] === undefined).to.equal(true)
      expect([vector.get(0), other.get(2)]).to.deep.equal([1, 3])
      vector.set(1, 9)
      other.reserve(100_000)
      expect([vector.get(1), other.tryGet(1), [...vector]]).to.deep.equal([9, 9, [1, 9, 3]])
    })

    it('takes its own array, of a buffer that growth detaches', () => {
      const region = open({ discipline: 'memory' })
      const vector = new Vector(region, Int32Array)
      vector.append([1, 2, 3])
      let expected = [1, 2, 3]
      const before = region.buffer
      while (region.buffer === before) {
        vector.append(vector.array)
        expected = [...expected, ...expected]
      }
      expect(vector.array).to.deep.equal(Int32Array.from(expected))
    })

    it('is used by those who hear of its growth', () => {
      for (const method of ['best', 'last']) {
        const region = open({ discipline: 'memory', method, check: 3 })
        const vector = new Vector(region, Int32Array)
        let heard = 0
        const inside = () => {
          if (heard++ === 0) vector.reserve(20)
          if (heard < 40) vector.push(-1)
        }
        const ends = [region.on('alloc', inside), region.on('resize', inside), region.on('free', inside)]
        for (let i = 0; i < 200; i++) {
          vector.push(i)
          if (i % 20 === 0) region.alloc(8)
          vector.check()
        }
        for (const end of ends) end()
        expect(heard).to.be.above(10)
        expect([...vector].filter((value) => value >= 0)).to.deep.equal(Array.from({ length: 200 }, (_, i) => i))
        vector.destroy()
        expect(region.stat().busyBlocks).to.equal(10)
      }
    })

    it('is emptied by one who hears of its growth', () => {
      for (const [method, event] of [
        ['last', 'resize'],
        ['best', 'alloc'],
      ] as const) {
        const region = open({ discipline: 'memory', method })
        const vector = new Vector(region, Int32Array)
        vector.append([1, 2, 3, 4, 5, 6, 7, 8])
        if (method === 'best') region.alloc(8)
        const end = region.on(event, () => {
          if (vector.length > 0) vector.clear()
        })
        vector.push(9)
        end()
        vector.check()
        expect([...vector]).to.deep.equal([9])
      }
    })

    it('goes with its data region, and is empty', () => {
      const root = open({ discipline: 'memory', check: 3 })
      const data = open({ discipline: root, check: 3 })
      const vector = new Vector(root, Float64Array, { data })
      const plain = new Vector(root, Float64Array, { data })
      vector.nullTerminate()
      for (let round = 0; round < 3; round++) {
        for (const one of [vector, plain]) for (let i = 0; i < 100; i++) one.push(i)
        expect(vector.get(99)).to.equal(99)
        data.clear()
        expect([vector.length, vector.address, plain.length, plain.tryGet(0)]).to.deep.equal([0, 0, 0, undefined])
        vector.check()
        plain.check()
      }
      vector.push(1)
      expect(data.array(Float64Array, vector.address, 2)[1]).to.equal(0)
      vector.destroy()
      plain.destroy()
      expect([root.stat().busyBlocks > 0, data.stat().busyBlocks]).to.deep.equal([true, 0])
      data.close()
      expect(root.stat().busyBlocks).to.equal(0)
    })
  })

  it('goes on when its data region is cleared to make room for it', () => {
    for (const add of [
      (vector: Vector<Float64Array>) => vector.push(1),
      (vector: Vector<Float64Array>) => vector.insert(vector.length >>> 1, 1),
      (vector: Vector<Float64Array>) => vector.append([1, 1]),
    ]) {
      const root = open({ discipline: 'memory' })
      let cleared = 0
      const discipline = limited(root, 4096, () => {
        cleared++
        return data.clear() ? 1 : -1
      })
      const data: Region = open({ discipline, check: 3 })
      const vector = new Vector(root, Float64Array, { data })
      while (cleared === 0) add(vector)
      vector.check()
      expect(vector.length).to.be.within(1, 2)
      expect([...vector].every((value) => value === 1)).to.equal(true)
      vector.destroy()
      expect(data.stat().busyBlocks).to.equal(0)
    }
  })

  describe('changes while it is walked', () => {
    const make = () => {
      const vector = new Vector(open({ discipline: 'memory' }), Int32Array)
      vector.append([1, 2, 3, 4, 5])
      return vector
    }

    it('go by index, and it ends', () => {
      const vector = make()
      const seen: number[] = []
      for (const value of vector) {
        seen.push(value)
        vector.push(value)
        vector.reserve(vector.capacity * 2)
      }
      expect(seen).to.deep.equal([1, 2, 3, 4, 5])
      seen.length = 0
      for (const value of vector) {
        seen.push(value)
        vector.remove(0)
      }
      expect(seen).to.deep.equal([1, 3, 5, 2, 4])
      for (const _ of vector) vector.clear()
      expect(vector.length).to.equal(0)
    })

    it('by what compares them, after which the old place is another block', () => {
      const region = open({ discipline: 'memory' })
      const vector = new Vector(region, Uint8Array, { capacity: 100 })
      vector.append(Array.from({ length: 100 }, (_, i) => i))
      region.alloc(8)
      const place = vector.address
      let taken = 0
      vector.sort((a, b) => {
        if (vector.capacity === 100) {
          vector.reserve(5000)
          taken = region.alloc(100)
          region.bytes(taken, 100).fill(0xee)
        }
        return b - a
      })
      expect(taken).to.equal(place)
      expect(region.bytes(taken, 100).every((byte) => byte === 0xee)).to.equal(true)
      expect([...vector]).to.deep.equal(Array.from({ length: 100 }, (_, i) => 99 - i))
    })

    it('by what compares them: growth is none of its business, another length is told', () => {
      const vector = make()
      vector.sort((a, b) => {
        vector.reserve(vector.capacity + 1)
        return b - a
      })
      expect([...vector]).to.deep.equal([5, 4, 3, 2, 1])
      expectFault('argument', ['compare changed the length'], () =>
        vector.sort((a, b) => {
          vector.pop()
          return a - b
        }),
      )
      vector.check()
      vector.append([3, 2, 1])
      expect(() =>
        vector.sort(() => {
          throw new RangeError('mine')
        }),
      ).to.throw(RangeError)
    })
  })

  it('without memory stays as it is, and uses what there is', () => {
    const region = open({ discipline: new ArrayBuffer(4000), check: 3 })
    const vector = new Vector(region, Float64Array)
    expectFault('no-memory', ['vector', 'bytes'], () => {
      for (let i = 0; ; i++) vector.push(i)
    })
    const content = [...vector]
    expect(content.length).to.be.above(100)
    for (const call of [
      () => vector.push(1),
      () => vector.append([1, 2, 3]),
      () => vector.append(vector.array),
      () => vector.insert(0, 1),
      () => vector.nullTerminate(),
      () => vector.reserve(10_000),
    ]) {
      expectFault('no-memory', [], call)
      vector.check()
      expect([...vector]).to.deep.equal(content)
    }
    vector.set(0, 7)
    vector.pop()
    vector.push(5)
    const { busyBlocks } = region.stat()
    expectFault('no-memory', [], () => new Vector(region, Float64Array, { capacity: 10_000 }))
    expect(region.stat().busyBlocks).to.equal(busyBlocks)
    vector.destroy()
    expect(region.stat().busyBlocks).to.equal(0)
  })

  it('broken bytes are found, and check ends', () => {
    const region = open({ discipline: new ArrayBuffer(64 * 1024) })
    const vector = new Vector(region, Uint8Array)
    vector.append([1, 2, 3])
    vector.nullTerminate()
    const list = new List(region, u8)
    const m = new Int32Array(region.buffer)
    const head = vector.at / 4 + FIELDS
    const broken = (cell: number, values: number[]) => {
      const was = m[cell]!
      for (const value of values) {
        m[cell] = value
        expectFault('corrupted', ['vector V'], () => vector.check())
      }
      m[cell] = was
      vector.check()
    }
    broken(head, [0, 1, -1, head, 2 ** 31 - 1, -(2 ** 31), list.at / 4 + 1])
    broken(head + 1, [-1, 8, 9, 2, 2 ** 31 - 1])
    broken(head + 2, [0, 3, -1, 1000, 2 ** 31 - 1])
    broken(head + 3, [2, -1])
    new Uint8Array(region.buffer)[vector.address + 3] = 1
    expectFault('corrupted', ['vector V2'], () => vector.check())
    const rng = new Rng(SEED)
    let found = 0
    for (let i = 0; i < 500; i++) {
      m[head + rng.below(4)] = rng.word()
      try {
        vector.check()
      } catch (error) {
        if (!(error instanceof VmallocError) || error.code !== 'corrupted') throw error
        found++
      }
    }
    expect(found).to.be.above(400)
  })
})
