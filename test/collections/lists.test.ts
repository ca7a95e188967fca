/**
 * lists: list, stack, queue and slab against arrays, on every kind of ground; changes while they are walked, no memory,
 * and broken bytes.
 *
 *   SEED=... npx mocha test/collections/lists.test.ts
 */
import { expect } from 'chai'
import { type Codec, f64, i32, struct, u8 } from '../../src/collections/codec.ts'
import { FIELDS } from '../../src/collections/collection.ts'
import { List } from '../../src/collections/list.ts'
import { Queue } from '../../src/collections/queue.ts'
import { Slab } from '../../src/collections/slab.ts'
import { Stack } from '../../src/collections/stack.ts'
import { injectOptions, open, type Region, VmallocError } from '../../src/index.ts'
import { Rng, seedFrom } from '../conformance/index.ts'
import { expectFault } from '../fixtures/faults.ts'
import { copied, leave, limited, type Place, placesOfOneSize } from '../fixtures/homes.ts'

const SEED = seedFrom(process.env.SEED)
const STEPS = 250

const where = ({ data }: Place) => (data === undefined ? {} : { data })

/** One random change of a collection and of its model; `check` sees to it that both are the same. */
interface Life {
  step(rng: Rng): void
  check(): void
  readonly at: number
  destroy(): void
  /** The content as another handle, over other bytes, has it. */
  again(place: Place & { at: number }): unknown
  expected(): unknown
}

function listLife(place: Place): Life {
  const list = new List(place.home, i32, where(place))
  const other = new List(place.home, i32, { at: list.at })
  const model: { value: number; at: number }[] = []
  const up = (a: number, b: number): number => (a >> 4) - (b >> 4)
  let isSorted = true
  const changes: ((rng: Rng, by: List<number>, value: number) => void)[] = [
    (_rng, by, value) => {
      model.push({ value, at: by.append(value) })
      isSorted = false
    },
    (_rng, by, value) => {
      model.unshift({ value, at: by.prepend(value) })
      isSorted = false
    },
    (rng, by, value) => {
      if (model.length === 0) return
      const i = rng.below(model.length)
      const isBefore = rng.chance(1 / 2)
      const at = isBefore ? by.insertBefore(model[i]!.at, value) : by.insertAfter(model[i]!.at, value)
      model.splice(isBefore ? i : i + 1, 0, { value, at })
      isSorted = false
    },
    (rng, by, value) => {
      if (!isSorted) return
      const at = rng.chance(1 / 2) ? by.insertSorted(value, up) : by.appendSorted(value, up)
      const i = model.findIndex((has) => up(has.value, value) > 0)
      model.splice(i < 0 ? model.length : i, 0, { value, at })
    },
    (rng, by) => {
      if (model.length === 0) return
      const [gone] = model.splice(rng.below(model.length), 1)
      expect(by.remove(gone!.at)).to.equal(gone!.value)
      expectFault('argument', [String(gone!.at), 'place'], () => by.valueAt(gone!.at))
    },
    (rng, by) => {
      const i = model.findIndex(({ value }) => value % 7 === rng.below(7))
      const value = i < 0 ? -1 : model[i]!.value
      const first = model.findIndex((has) => has.value === value)
      expect(by.removeValue(value)).to.equal(first >= 0)
      if (first >= 0) model.splice(first, 1)
    },
    (_rng, by) => expect(by.pop()).to.equal(model.pop()?.value),
    (_rng, by) => expect(by.shift()).to.equal(model.shift()?.value),
    (rng, by, value) => {
      if (model.length === 0) return
      const i = rng.below(model.length)
      by.set(model[i]!.at, value)
      model[i]!.value = value
      isSorted = false
    },
    (rng, by) => {
      if (rng.below(12) > 0) return
      by.clear()
      for (const { at } of model) expect(by.isPlace(at)).to.equal(false)
      model.length = 0
      isSorted = true
    },
  ]
  return {
    at: list.at,
    step(rng) {
      rng.pick(changes)(rng, rng.pick([list, other]), rng.below(400))
    },
    check() {
      list.check()
      const values = model.map(({ value }) => value)
      expect([...list]).to.deep.equal(values)
      expect([...other.reversed()]).to.deep.equal([...values].reverse())
      expect([...list.places()]).to.deep.equal(model.map(({ at }) => at))
      expect(list.count).to.equal(model.length)
      expect([list.first, list.last]).to.deep.equal([model[0]?.at ?? 0, model.at(-1)?.at ?? 0])
    },
    destroy: () => list.destroy(),
    again: ({ home, at }) => [...new List(home, i32, { at })],
    expected: () => model.map(({ value }) => value),
  }
}

function chainLife<C extends Stack<number> | Queue<number>>(
  place: Place,
  make: (home: Region, options: { at?: number; data?: Region }) => C,
  add: (model: number[], value: number) => void,
): Life {
  const chain = make(place.home, where(place))
  const other = make(place.home, { at: chain.at })
  const model: number[] = [] // in the order in which they are popped
  return {
    at: chain.at,
    step(rng) {
      const by = rng.pick([chain, other])
      if (rng.chance(0.55)) {
        const value = rng.fraction()
        by.push(value)
        add(model, value)
      } else if (rng.below(30) === 0) {
        by.clear()
        model.length = 0
      } else expect(by.pop()).to.equal(model.shift())
    },
    check() {
      chain.check()
      expect([...other]).to.deep.equal(model)
      expect([chain.count, chain.peek()]).to.deep.equal([model.length, model[0]])
    },
    destroy: () => other.destroy(),
    again: ({ home, at }) => [...make(home, { at })],
    expected: () => model,
  }
}

function slabLife(place: Place): Life {
  const options = { size: 12, chunk: 5 }
  const slab = new Slab(place.home, { ...options, ...where(place) })
  const other = new Slab(place.home, { size: 12, at: slab.at })
  const store = place.data ?? place.home
  const model = new Map<number, number>()
  let freed = 0
  return {
    at: slab.at,
    step(rng) {
      const by = rng.pick([slab, other])
      if (rng.below(40) === 0) {
        by.clear()
        model.clear()
      } else if (rng.chance(0.6) || model.size === 0) {
        const at = by.alloc()
        expect(model.has(at)).to.equal(false)
        store.bytes(at, 12).fill(at)
        model.set(at, at & 255)
      } else {
        freed = rng.pick([...model.keys()])
        by.free(freed)
        model.delete(freed)
        const inside = [...model.keys()].map((at) => at + 4)
        for (const wrong of [freed, freed + 4, freed + 0.5, 8, Number.NaN, ...inside.slice(0, 3)]) {
          if (!model.has(wrong))
            expectFault('argument', [String(wrong), 'expected one in use'], () => other.free(wrong))
        }
      }
    },
    check() {
      slab.check()
      expect(slab.count).to.equal(model.size)
      expect([...slab]).to.deep.equal([...model.keys()].sort((a, b) => a - b))
      for (const [at, fill] of model) {
        expect(other.has(at)).to.equal(true)
        expect(store.bytes(at, 12).every((byte) => byte === fill)).to.equal(true)
      }
    },
    destroy: () => slab.destroy(),
    again(copy) {
      const found = new Slab(copy.home, { size: 12, at: copy.at })
      found.check()
      return [...found].map((at) => at - copy.base)
    },
    expected: () => [...slab].map((at) => at - place.base),
  }
}

const lives: Readonly<Record<string, (place: Place) => Life>> = {
  list: listLife,
  stack: (place) =>
    chainLife(
      place,
      (home, options) => new Stack(home, f64, options),
      (m, value) => m.unshift(value),
    ),
  queue: (place) =>
    chainLife(
      place,
      (home, options) => new Queue(home, f64, options),
      (m, value) => m.push(value),
    ),
  slab: slabLife,
}

describe(`lists, SEED=${SEED}`, () => {
  let were: string
  before(() => void (were = injectOptions('format=none,profile=none')))
  after(() => injectOptions(were))

  for (const [kind, begin] of Object.entries(lives)) {
    describe(`${kind}: a random life`, () => {
      for (const [name, make] of Object.entries(placesOfOneSize)) {
        it(name, () => {
          const rng = new Rng(SEED)
          const place = make()
          const life = begin(place)
          for (let i = 0; i < STEPS; i++) {
            life.step(rng)
            if (i % 5 === 0) life.check()
          }
          life.check()
          for (let i = 0; i < 20; i++) if (JSON.stringify(life.expected()) === '[]') life.step(rng)
          const copy = copied(place, life.at)
          expect(life.again(copy)).to.deep.equal(life.expected())
          copy.root.close()
          life.destroy()
          leave(place)
        })
      }
    })
  }

  describe('what values there are', () => {
    const point = struct({ x: f64, kind: u8 })
    it('structs, small and large, in all of them', () => {
      const region = open({ discipline: 'memory', check: 3 })
      const [a, b] = [
        { x: 1.5, kind: 7 },
        { x: -0.25, kind: 255 },
      ]
      const list = new List(region, point)
      const place = list.append(b)
      list.insertBefore(place, a)
      expect([...list]).to.deep.equal([a, b])
      expect(list.remove(place)).to.deep.equal(b)
      const stack = new Stack(region, point)
      const queue = new Queue(region, u8)
      stack.push(a)
      stack.push(b)
      queue.push(1)
      queue.push(255)
      expect([stack.pop(), stack.pop(), queue.pop(), queue.pop()]).to.deep.equal([b, a, 1, 255])
      for (const collection of [list, stack, queue]) collection.destroy()
      expect(region.stat().busyBlocks).to.equal(0)
    })

    it('values that the codec refuses change nothing', () => {
      const region = open({ discipline: 'memory' })
      const list = new List(region, u8)
      const place = list.append(1)
      const before = region.stat().busyBlocks
      const calls = [
        () => list.append(256),
        () => list.prepend(-1),
        () => list.insertAfter(place, 0.5),
        () => list.insertBefore(place, Number.NaN),
        () => list.insertSorted(300, () => 0),
        () => list.appendSorted(300, () => 0),
        () => list.set(place, '1' as unknown as number),
        () => new Stack(region, u8).push(256),
        () => new Queue(region, u8).push(256),
      ]
      for (const call of calls) expectFault('argument', ['a whole number from 0 to 255'], call)
      expect([...list]).to.deep.equal([1])
      expect(region.stat().busyBlocks).to.equal(before + 2)
    })

    it('NaN is found, as by Array.includes', () => {
      const list = new List(open({ discipline: 'memory' }), f64)
      list.append(1)
      const place = list.append(Number.NaN)
      expect([list.placeOf(Number.NaN), list.includes(1), list.includes(2)]).to.deep.equal([place, true, false])
      expect([list.removeValue(Number.NaN), list.count]).to.deep.equal([true, 1])
    })

    it('a slab refuses sizes that it cannot have, and a handle of another size', () => {
      const region = open({ discipline: 'memory' })
      for (const size of [0, -1, 1.5, Number.NaN])
        expectFault('argument', ['size', String(size)], () => new Slab(region, { size }))
      expectFault('argument', ['chunk 0'], () => new Slab(region, { size: 8, chunk: 0 }))
      const slab = new Slab(region, { size: 8 })
      expectFault('argument', ['slab of other', '16'], () => new Slab(region, { size: 16, at: slab.at }))
      expectFault('argument', ['"LIST"'], () => new List(region, u8, { at: slab.at }))
    })
  })

  describe('places of a list', () => {
    for (const method of ['best', 'last']) {
      it(`are refused when they are another list's, gone, or nonsense: ${method}`, () => {
        const region = open({ discipline: 'memory', method })
        const [one, two] = [new List(region, i32), new List(region, i32)]
        const [a, b, c] = [1, 2, 3].map((value) => one.append(value)) as [number, number, number]
        const theirs = [1, 2, 3].map((value) => two.append(value))
        const block = region.alloc(64)
        new Int32Array(region.buffer).fill(0, block / 4, block / 4 + 16)
        one.remove(b)
        for (const wrong of [...theirs, b, 0, -8, 0.5, Number.NaN, a + 4, a + 8, 2 ** 32 + a, block, 2 ** 31, `${a}`]) {
          expectFault('argument', [String(wrong), 'expected a place of this list'], () => one.next(wrong as number))
        }
        expect([...one.places()]).to.deep.equal([a, c])
        one.clear()
        expect([one.isPlace(a), one.isPlace(c), two.isPlace(a)]).to.deep.equal([false, false, false])
      })
    }

    it('from before the data region was cleared are refused', () => {
      const root = open({ discipline: 'memory' })
      const data = open({ discipline: root, method: 'last' })
      const list = new List(root, i32, { data })
      const old = [1, 2, 3].map((value) => list.append(value))
      data.clear()
      for (const at of old) expect(list.isPlace(at)).to.equal(false)
      expect([...list]).to.deep.equal([])
    })
  })

  describe('the contents go with their region', () => {
    it('and the collections are empty and of use again', () => {
      const root = open({ discipline: 'memory', check: 3 })
      const data = open({ discipline: root, name: 'data', check: 3 })
      const list = new List(root, i32, { data })
      const stack = new Stack(root, i32, { data })
      const queue = new Queue(root, i32, { data })
      const slab = new Slab(root, { size: 100, data })
      for (let round = 0; round < 3; round++) {
        for (let i = 0; i < 30; i++) {
          list.append(i)
          stack.push(i)
          queue.push(i)
          slab.alloc()
        }
        expect([list.count, stack.count, queue.count, slab.count]).to.deep.equal([30, 30, 30, 30])
        data.clear()
        expect([list.count, stack.count, queue.count, slab.count]).to.deep.equal([0, 0, 0, 0])
        for (const one of [list, stack, queue, slab]) one.check()
        expect([[...list], stack.pop(), queue.peek(), [...slab]]).to.deep.equal([[], undefined, undefined, []])
      }
      slab.alloc()
      data.clear()
      for (const one of [list, stack, queue, slab]) one.destroy()
      data.close()
      expect(root.stat().busyBlocks).to.equal(0)
    })

    it('also when that happens to make room for a new value', () => {
      for (const make of [
        (home: Region, data: Region) => new List(home, i32, { data }),
        (home: Region, data: Region) => new Queue(home, i32, { data }),
        (home: Region, data: Region) => new Stack(home, i32, { data }),
      ]) {
        const root = open({ discipline: 'memory' })
        let cleared = 0
        const data: Region = open({
          discipline: limited(root, 4096, () => {
            cleared++
            return data.clear() ? 1 : -1
          }),
          check: 3,
        })
        const some = make(root, data)
        let count = 0
        for (let i = 0; cleared < 2; i++) {
          const before = cleared
          if (some instanceof List) some.append(i)
          else some.push(i)
          count = cleared > before ? 1 : count + 1
          expect(some.count).to.equal(count)
        }
        some.check()
        expect([...some].length).to.equal(1)
        some.destroy()
        expect(data.stat().busyBlocks).to.equal(0)
      }
    })
  })

  describe('no memory', () => {
    const small = () => open({ discipline: new ArrayBuffer(5000), check: 3 })

    it('leaves lists, stacks and queues as they are', () => {
      for (const make of [
        (region: Region) => new List(region, i32),
        (region: Region) => new Stack(region, i32),
        (region: Region) => new Queue(region, i32),
      ]) {
        const region = small()
        const some = make(region)
        const add = (value: number) => (some instanceof List ? some.append(value) : some.push(value))
        let count = 0
        expectFault('no-memory', ['bytes'], () => {
          for (;;) {
            add(count)
            count++
          }
        })
        const content = [...some]
        expect([content.length, some.count]).to.deep.equal([count, count])
        if (some instanceof List) {
          const { first } = some
          for (const call of [
            () => some.prepend(0),
            () => some.insertAfter(first, 0),
            () => some.insertBefore(first, 0),
            () => some.insertSorted(5, (a, b) => a - b),
            () => some.appendSorted(5, (a, b) => a - b),
          ]) {
            expectFault('no-memory', [], call)
          }
        }
        some.check()
        expect([...some]).to.deep.equal(content)
        some.pop()
        add(7)
        expect(some.count).to.equal(count)
        some.destroy()
        expect(region.stat().busyBlocks).to.equal(0)
      }
    })

    it('leaves a slab as it is, whether a chunk or the table has none', () => {
      for (const size of [8, 40, 200]) {
        for (const passThrough of [false, true]) {
          const region = small()
          const slab = new Slab(region, { size, chunk: 1, passThrough })
          const objects: number[] = []
          expectFault('no-memory', [], () => {
            for (;;) objects.push(slab.alloc())
          })
          const { busyBlocks } = region.stat()
          expectFault('no-memory', [], () => slab.alloc())
          expect(region.stat().busyBlocks).to.equal(busyBlocks)
          slab.check()
          expect([...slab]).to.deep.equal([...objects].sort((a, b) => a - b))
          for (const at of objects) slab.free(at)
          slab.alloc()
          slab.destroy()
          expect(region.stat().busyBlocks).to.equal(0)
        }
      }
    })

    it('in a constructor leaves nothing', () => {
      const region = small()
      while (region.alloc(8) !== 0);
      const { busyBlocks } = region.stat()
      expectFault('no-memory', ['list'], () => new List(region, i32))
      expectFault('no-memory', ['slab'], () => new Slab(region, { size: 8 }))
      expect(region.stat().busyBlocks).to.equal(busyBlocks)
    })
  })

  describe('changes during an iteration', () => {
    const listOf = (values: number[]) => {
      const list = new List(open({ discipline: 'memory' }), i32)
      for (const value of values) list.append(value)
      return list
    }
    const chainOf = <C extends Stack<number> | Queue<number>>(chain: C, values: number[]) => {
      for (const value of values) chain.push(value)
      return chain
    }
    const memory = () => open({ discipline: 'memory' })

    it('list: the current one may be removed, forward and backward', () => {
      const list = listOf([1, 2, 3, 4, 5])
      const seen: number[] = []
      for (const place of list.places()) {
        const value = list.valueAt(place)
        seen.push(value)
        if (value % 2 === 1) list.remove(place)
      }
      expect([seen, [...list]]).to.deep.equal([
        [1, 2, 3, 4, 5],
        [2, 4],
      ])
      for (const value of list.reversed()) list.removeValue(value)
      expect(list.count).to.equal(0)
    })

    it('list: the next one may be removed, and both', () => {
      const list = listOf([1, 2, 3, 4, 5, 6])
      const seen: number[] = []
      list.forEach((value, place) => {
        seen.push(value)
        if (value === 1) list.remove(list.next(place))
        if (value === 4) for (const gone of [4, 5]) list.removeValue(gone)
      })
      expect([seen, [...list]]).to.deep.equal([
        [1, 3, 4, 6],
        [1, 3, 6],
      ])
    })

    it('list: one that grows or turns round while it is walked ends', () => {
      const list = listOf([1, 2, 3])
      const seen: number[] = []
      for (const value of list) {
        seen.push(value)
        list.append(value * 10)
      }
      expect(seen).to.deep.equal([1, 2, 3])
      seen.length = 0
      for (const value of list) {
        seen.push(value)
        list.append(list.shift()!)
      }
      expect(seen).to.deep.equal([1, 2, 3, 10, 20, 30])
      for (const _ of list) list.clear()
      expect(list.count).to.equal(0)
    })

    it('list: a comparison that takes away what it compared is told', () => {
      const list = listOf([1, 2, 3])
      expectFault('argument', ['place of this list'], () =>
        list.insertSorted(2, (a, b) => {
          if (a === 3) list.removeValue(3)
          return a - b
        }),
      )
      list.check()
      expect([...list]).to.deep.equal([1, 2])
      expect(
        list.find((value) => {
          list.removeValue(value)
          return false
        }),
      ).to.equal(0)
      expect(list.count).to.equal(0)
    })

    it('stack: goes down, whatever is pushed and popped above', () => {
      const stack = chainOf(new Stack(memory(), i32), [1, 2, 3, 4, 5])
      const seen: number[] = []
      for (const value of stack) {
        seen.push(value)
        stack.push(10 * value)
        if (value === 4) for (let i = 0; i < 5; i++) stack.pop()
      }
      expect(seen).to.deep.equal([5, 4, 2, 1])
      for (const value of stack) expect(stack.pop()).to.equal(value)
      expect(stack.count).to.equal(0)
    })

    it('queue: goes over what was there and still is', () => {
      const queue = chainOf(new Queue(memory(), i32), [1, 2, 3, 4, 5, 6])
      const seen: number[] = []
      for (const value of queue) {
        seen.push(value)
        queue.push(10 * value)
        if (value === 2) for (let i = 0; i < 4; i++) queue.pop()
      }
      expect([seen, [...queue]]).to.deep.equal([
        [1, 2, 5, 6],
        [5, 6, 10, 20, 50, 60],
      ])
      seen.length = 0
      for (const value of queue) {
        seen.push(value)
        queue.push(queue.pop()!)
      }
      expect(seen).to.deep.equal([5, 6, 10, 20, 50, 60])
      for (const _ of queue) queue.clear()
      expect(queue.count).to.equal(0)
    })

    it('stack and queue: cleared and filled again, they give nothing that is gone', () => {
      const queue = chainOf(new Queue(memory(), i32), [1, 2, 3])
      const stack = chainOf(new Stack(memory(), i32), [1, 2, 3])
      const seen: number[] = []
      for (const chain of [queue, stack]) {
        for (const value of chain) {
          seen.push(value)
          chain.clear()
          chain.push(10 * value)
        }
      }
      expect(seen).to.deep.equal([1, 3, 30])
    })

    it('slab: objects may be freed and allocated', () => {
      const slab = new Slab(memory(), { size: 8, chunk: 3 })
      const objects = Array.from({ length: 9 }, () => slab.alloc()).sort((a, b) => a - b)
      const seen: number[] = []
      for (const at of slab) {
        seen.push(at)
        slab.free(at)
        if (at === objects[2]) slab.free(objects[3]!)
      }
      expect(seen).to.deep.equal(objects.filter((_, i) => i !== 3))
      slab.alloc()
      let steps = 0
      for (const _ of slab) {
        steps++
        slab.alloc()
      }
      expect(steps).to.equal(1)
    })

    it('random ones: every value given is one that was there, and it ends', () => {
      const rng = new Rng(SEED)
      for (let round = 0; round < 60; round++) {
        const region = memory()
        const all = [new List(region, i32), new Stack(region, i32), new Queue(region, i32)]
        for (const some of all) {
          const add = (value: number) => (some instanceof List ? some.append(value) : some.push(value))
          const known = new Set<number>()
          let fresh = 0
          const addOne = () => {
            known.add(fresh)
            add(fresh++)
          }
          for (let i = 0; i < 20; i++) addOne()
          let steps = 0
          for (const value of some) {
            steps++
            if (!known.has(value)) expect.fail(`${value} was never there`)
            for (let i = rng.below(4); i > 0; i--) {
              if (rng.chance(1 / 2)) addOne()
              else if (some instanceof List && some.count > 0) {
                const places = [...some.places()]
                some.remove(rng.pick(places))
              } else some.pop()
            }
          }
          expect(steps).to.be.within(1, 20)
          some.check()
          some.destroy()
        }
        expect(region.stat().busyBlocks).to.equal(0)
        region.close()
      }
    })
  })

  describe('broken bytes', () => {
    const point: Codec<number> = i32
    const kinds: [
      string,
      (region: Region) => { at: number; check(): void; places: number[]; words: number; head: number },
    ][] = [
      [
        'list',
        (region) => {
          const list = new List(region, point)
          const places = [1, 2, 3, 4].map((value) => list.append(value))
          return { at: list.at, check: () => list.check(), places, words: 2, head: 4 }
        },
      ],
      [
        'stack',
        (region) => {
          const stack = new Stack(region, point)
          const places = blocksMade(region, () => [1, 2, 3, 4].forEach((value) => void stack.push(value)))
          return { at: stack.at, check: () => stack.check(), places, words: 1, head: 2 }
        },
      ],
      [
        'queue',
        (region) => {
          const queue = new Queue(region, point)
          const places = blocksMade(region, () => [1, 2, 3, 4].forEach((value) => void queue.push(value)))
          return { at: queue.at, check: () => queue.check(), places, words: 1, head: 4 }
        },
      ],
      [
        'slab',
        (region) => {
          const slab = new Slab(region, { size: 8, chunk: 4 })
          const objects = Array.from({ length: 8 }, () => slab.alloc())
          const places = objects.slice(0, 4)
          for (const at of places) slab.free(at)
          return { at: slab.at, check: () => slab.check(), places, words: 2, head: 7 }
        },
      ],
    ]
    for (const [kind, make] of kinds) {
      it(`${kind}: every link and every field is held against the others`, () => {
        const region = open({ discipline: new ArrayBuffer(64 * 1024) })
        const { at, check, places, words, head } = make(region)
        check()
        const m = new Int32Array(region.buffer)
        const cells = places.flatMap((place) => Array.from({ length: words }, (_, i) => place / 4 + i))
        for (let i = 0; i < head; i++) cells.push(at / 4 + FIELDS + i)
        for (const cell of cells) {
          const was = m[cell]!
          for (const wrong of [
            0,
            1,
            -1,
            5,
            cell,
            places[0]! / 4,
            places[2]! / 4,
            2 ** 31 - 1,
            -(2 ** 31),
            123456,
            was ^ 2,
          ]) {
            if (wrong === was || (kind === 'queue' && cell === at / 4 + FIELDS + 2)) continue // GONE may be any number
            m[cell] = wrong
            const isRoom = kind === 'slab' && cell === at / 4 + FIELDS + 3 && wrong >= 2 && wrong <= 16
            if (isRoom) check()
            else expectFault('corrupted', [kind], check)
            m[cell] = was
          }
        }
        check()
      })

      it(`${kind}: check ends on any bytes`, () => {
        const rng = new Rng(SEED)
        const region = open({ discipline: new ArrayBuffer(64 * 1024) })
        const { at, check, places } = make(region)
        const m = new Int32Array(region.buffer)
        const lowest = Math.min(at, ...places) / 4
        const was = m.slice(lowest, lowest + 200)
        let found = 0
        for (let round = 0; round < 300; round++) {
          for (let i = rng.between(1, 4); i > 0; i--) {
            const place = rng.chance(1 / 2) ? at / 4 + FIELDS + rng.below(7) : rng.pick(places) / 4 + rng.below(2)
            m[place] = rng.chance(1 / 2) ? rng.word() : rng.pick(places) / 4
          }
          try {
            check()
          } catch (error) {
            if (!(error instanceof VmallocError) || error.code !== 'corrupted') throw error
            found++
          }
          m.set(was, lowest)
        }
        expect(found).to.be.above(100)
        check()
      })
    }

    it('a slab notices a table out of order, and a free list that leads to an object in use', () => {
      const region = open({ discipline: new ArrayBuffer(64 * 1024) })
      const slab = new Slab(region, { size: 8, chunk: 2 })
      const objects = Array.from({ length: 8 }, () => slab.alloc())
      const m = new Int32Array(region.buffer)
      const table = m[slab.at / 4 + FIELDS + 2]!
      const [one, two] = [m[table]!, m[table + 1]!]
      m[table] = two
      m[table + 1] = one
      expectFault('corrupted', ['slab S1', 'order of address'], () => slab.check())
      m[table] = one
      m[table + 1] = two
      slab.free(objects[0]!)
      m[objects[0]! / 4] = objects[3]! / 4
      m[objects[3]! / 4 + 1] = 1
      m[objects[3]! / 4] = 0
      expect(slab.alloc()).to.equal(objects[0])
      expectFault('corrupted', ['slab S3'], () => slab.alloc())
      expect(slab.count).to.equal(8)
      m[slab.at / 4 + FIELDS] = 0
      slab.free(objects[0]!)
      slab.free(objects[1]!)
      slab.check()
      m[objects[1]! / 4] = objects[3]! / 4
      expectFault('corrupted', ['slab S3', 'not in use'], () => slab.check())
    })

    it('a region hears of what a slab that passes through is given to free', () => {
      const region = open({ discipline: 'memory' })
      const slab = new Slab(region, { size: 24, passThrough: true })
      const heard: number[] = []
      region.on('badaddr', ({ value }) => heard.push(value))
      const at = slab.alloc()
      slab.free(at)
      expectFault('argument', [String(at), 'no object of it'], () => slab.free(at))
      const other = region.alloc(24)
      expectFault('argument', [String(other)], () => slab.free(other))
      expect([heard, region.sizeOf(other)]).to.deep.equal([[at], 28])
    })

    it('a slab notices that a free object was written to', () => {
      const region = open({ discipline: 'memory' })
      const slab = new Slab(region, { size: 24 })
      const at = slab.alloc()
      slab.free(at)
      region.bytes(at, 8).fill(0xa5)
      expectFault('corrupted', ['slab S3', String(at)], () => slab.alloc())
      expectFault('corrupted', ['slab S3'], () => slab.check())
    })
  })
})

/** The addresses of the blocks that `what` allocates. */
function blocksMade(region: Region, what: () => void): number[] {
  const made: number[] = []
  const end = region.on('alloc', ({ at }) => made.push(at))
  what()
  end()
  return made
}
