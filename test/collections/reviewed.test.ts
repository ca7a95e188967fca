/**
 * reviewed: what others do while a collection is at work, and what is handed to one that cannot be meant.
 */
import { Worker } from 'node:worker_threads'
import { expect } from 'chai'
import { seedFor } from '../../src/collections/hash.ts'
import {
  address,
  type Codec,
  type CollectionOptions,
  HashMap,
  IntervalTree,
  List,
  MultiMap,
  Queue,
  Slab,
  Stack,
  StringBuilder,
  struct,
  Tree,
  text,
  u8,
  u32,
  u64,
  Vector,
} from '../../src/collections.ts'
import { injectOptions, open, type Region, VmallocError } from '../../src/index.ts'
import { expectFault } from '../fixtures/faults.ts'
import { limited } from '../fixtures/homes.ts'

type Pair = { a: bigint; b: bigint }
const honest = struct({ a: u64, b: u64 })

/** Fails half-way when it writes a value of this kind. */
const BAD = 13n
const fragile: Codec<Pair> = {
  name: 'fragile',
  bytes: 16,
  align: 8,
  check: () => {},
  read: honest.read,
  write(words, at, { a, b }) {
    u64.write(words, at, a)
    if (b === BAD) throw new TypeError('a bad value')
    u64.write(words, at + 8, b)
  },
}
const bad: Pair = { a: 7n, b: BAD }

/** Its second field is a bigint when it is read first, and a number later. */
function turncoat(): Pair {
  let reads = 0
  return {
    a: 7n,
    get b() {
      return (reads++ === 0 ? 5n : 5) as bigint
    },
  }
}

interface Subject {
  /** Adds the `i`th value, or `value` in its place. */
  add(i: number, value?: Pair): unknown
  /** Puts `value` in place of the `i`th. */
  replace?(i: number, value: Pair): unknown
  read(): unknown
  check(): void
  clear(): void
  destroy(): void
}

const good = (i: number): Pair => ({ a: BigInt(i), b: BigInt(i * 3) })

const subjects: Record<string, (home: Region, options: CollectionOptions, pair?: Codec<Pair>) => Subject> = {
  List: (home, options, pair = honest) => {
    const it = new List(home, pair, options)
    const places: number[] = []
    return Object.assign(handleOf(it), {
      add: (i: number, value = good(i)) => void (places[i] = it.append(value)),
      replace: (i: number, value: Pair) => it.set(places[i]!, value),
    })
  },
  Stack: (home, options, pair = honest) => {
    const it = new Stack(home, pair, options)
    return Object.assign(handleOf(it), { add: (i: number, value = good(i)) => it.push(value) })
  },
  Queue: (home, options, pair = honest) => {
    const it = new Queue(home, pair, options)
    return Object.assign(handleOf(it), { add: (i: number, value = good(i)) => it.push(value) })
  },
  'HashMap of numbers': (home, options, pair = honest) => {
    const it = new HashMap(home, u32, pair, options)
    const add = (i: number, value = good(i)) => it.set(i, value)
    return Object.assign(handleOf(it), { add, replace: add })
  },
  'HashMap of texts': (home, options, pair = honest) => {
    const it = new HashMap(home, text, pair, options)
    const add = (i: number, value = good(i)) => it.set(`key ${i}`, value)
    return Object.assign(handleOf(it), { add, replace: add })
  },
  MultiMap: (home, options, pair = honest) => {
    const it = new MultiMap(home, text, pair, options)
    const add = (i: number, value = good(i)) => it.set(`key ${i >> 1}`, i, value)
    return Object.assign(handleOf(it), { add, replace: add })
  },
  'Tree of numbers': (home, options, pair = honest) => {
    const it = new Tree(home, u32, pair, options)
    const add = (i: number, value = good(i)) => it.set(i, value)
    return Object.assign(handleOf(it), { add, replace: add })
  },
  'Tree of texts': (home, options, pair = honest) => {
    const it = new Tree(home, text, pair, options)
    const add = (i: number, value = good(i)) => it.set(`key ${i}`, value)
    return Object.assign(handleOf(it), { add, replace: add })
  },
  IntervalTree: (home, options, pair = honest) => {
    const it = new IntervalTree(home, pair, options)
    return Object.assign(handleOf(it), { add: (i: number, value = good(i)) => it.insert(i, i + 5, value) })
  },
}

/** Those without values of a codec. */
const plain: Record<string, (home: Region, options: CollectionOptions) => Subject> = {
  Slab: (home, options) => {
    const it = new Slab(home, { ...options, size: 24, chunk: 2 })
    return Object.assign(handleOf(it), { add: () => it.alloc() })
  },
  Vector: (home, options) => {
    const it = new Vector(home, Float64Array, options)
    return Object.assign(handleOf(it), { add: (i: number) => it.push(i) })
  },
  StringBuilder: (home, options) => {
    const it = new StringBuilder(home, options)
    return Object.assign(handleOf(it), { add: (i: number) => it.append(`some text ${i}`) })
  },
}

function handleOf(it: Iterable<unknown> & Omit<Subject, 'add' | 'replace' | 'read'>): Omit<Subject, 'add'> {
  return {
    read: () => [...it],
    check: () => it.check(),
    clear: () => it.clear(),
    destroy: () => it.destroy(),
  }
}

const newRegion = (name = 'home'): Region => open({ discipline: 'memory', name, check: 3 })

describe('collections that others meddle with', () => {
  let were: string
  before(() => void (were = injectOptions('format=none,profile=none')))
  after(() => injectOptions(were))

  describe('what lies in a nested region', () => {
    it('is taken up there, and not through another one', () => {
      const root = newRegion('root')
      const nested = open({ discipline: root, name: 'nested' })
      const list = new List(nested, u32)
      list.append(4)
      expectFault('argument', ['region root'], () => new List(root, u32, { at: list.at }))
      expectFault('argument', [], () => new List(open({ discipline: root }), u32, { at: list.at }))
      expect([...new List(nested, u32, { at: list.at })]).to.deep.equal([4])
      nested.clear()
      expect(() => list.count).to.throw(VmallocError, 'was cleared')
      root.check()
      root.close()
    })

    it('is no link of one whose contents lie around it', () => {
      const root = newRegion('root')
      const nested = open({ discipline: root, name: 'nested' })
      const list = new List(root, u32)
      const foreign = new List(nested, u32)
      list.append(1)
      foreign.append(1)
      const words = new Uint32Array(root.buffer)
      // the head's FIRST and LAST name the node of the other, whose PREV is made right
      const [mine, theirs] = [list.first / 4, foreign.first / 4]
      words[theirs + 1] = words[mine + 1]!
      for (let i = list.at / 4; i < list.at / 4 + 11; i++) if (words[i] === mine) words[i] = theirs
      expectFault('corrupted', ['list L1'], () => list.check())
      root.close()
    })
  })

  describe('a codec that throws while it writes', () => {
    for (const [name, make] of Object.entries(subjects)) {
      for (const where of ['of the same region', 'of another one'] as const) {
        it(`${name}, contents ${where}`, () => {
          const home = newRegion()
          const data = where === 'of another one' ? open({ discipline: home, check: 3 }) : undefined
          const subject = make(home, data === undefined ? {} : { data }, fragile)
          const contents = data ?? home
          for (let count = 0; count < 12; count++) {
            const before = subject.read()
            expect(() => subject.add(count, bad)).to.throw(TypeError)
            subject.check()
            expect(subject.read()).to.deep.equal(before)
            if (subject.replace !== undefined && count > 0) {
              const { replace } = subject
              expect(() => replace(count - 1, bad)).to.throw(TypeError)
              subject.check()
              expect(subject.read()).to.deep.equal(before)
            }
            const { busyBlocks } = contents.stat()
            expect(() => subject.add(count, bad)).to.throw(TypeError)
            expect(contents.stat().busyBlocks).to.equal(busyBlocks)
            subject.add(count)
          }
          subject.destroy()
          expect(contents.stat().busyBlocks).to.equal(0)
          home.close()
        })

        it(`${name}, contents ${where}: the value clears it, or destroys it, meanwhile`, () => {
          for (const what of ['clear', 'destroy'] as const) {
            const home = newRegion()
            const data = where === 'of another one' ? open({ discipline: home, check: 3 }) : undefined
            const subject = make(home, data === undefined ? {} : { data })
            for (let i = 0; i < 5; i++) subject.add(i)
            const meddler = (when: number): Pair => {
              let reads = 0
              return {
                a: 1n,
                get b() {
                  if (++reads === when) subject[what]()
                  return 2n
                },
              }
            }
            // read once where the value is copied first
            const run = (): void => {
              subject.add(5, meddler(1))
              subject.add(6, meddler(2))
            }
            if (what === 'destroy') expectFault('closed', [], run)
            else {
              run()
              subject.check()
              try {
                subject.replace?.(6, meddler(1))
              } catch (error) {
                expect((error as VmallocError).code).to.equal('argument') // a place of a list, which is gone
              }
              subject.check()
            }
            subject.destroy()
            expect((data ?? home).stat().busyBlocks).to.equal(0)
            home.close()
          }
        })
      }
    }
  })

  it('a struct whose fields change between two looks is kept as it was at first, or refused', () => {
    for (const [name, make] of Object.entries(subjects)) {
      const home = newRegion()
      const subject = make(home, {})
      subject.add(0)
      for (const run of [() => subject.add(1, turncoat()), () => subject.replace?.(0, turncoat())]) {
        const before = subject.read()
        try {
          run()
        } catch (error) {
          expect(error, name).to.be.instanceOf(TypeError)
          expect(subject.read()).to.deep.equal(before)
        }
        subject.check()
      }
      subject.destroy()
      expect(home.stat().busyBlocks).to.equal(0)
      home.close()
    }
  })

  it('a value that is put in place of another is read once, before the place is looked for', () => {
    for (const [name, make] of Object.entries(subjects)) {
      const home = newRegion()
      const subject = make(home, {})
      subject.add(0)
      let reads = 0
      const counting = {
        get a() {
          reads++
          return 1n
        },
        b: 2n,
      }
      subject.replace?.(0, counting)
      expect(reads, name).to.equal(subject.replace === undefined ? 0 : 1)
      home.close()
    }
  })

  it('a function that is to run as one turn must not answer a promise', async () => {
    const home = newRegion()
    const list = new List(home, u32)
    let late: Promise<void> | undefined
    expectFault('argument', ['answers a promise'], () => {
      list.locked(() => {
        late = Promise.resolve()
        return late
      })
    })
    await late
    expect(list.locked(() => list.append(3) > 0)).to.equal(true)
    expect([...list]).to.deep.equal([3])
    home.close()
  })

  describe('one who hears of an allocation', () => {
    for (const [name, make] of Object.entries({ ...subjects, ...plain })) {
      it(`${name}: clears the region of the contents, at the first, second ... one`, () => {
        let times = 0
        for (let when = 1; when < 12; when++) {
          const home = newRegion()
          const data = open({ discipline: home, check: 3 })
          const subject = make(home, { data })
          let heard = 0
          data.on('alloc', () => {
            if (++heard !== when) return
            times++
            data.clear()
          })
          let thrown = 0
          for (let i = 0; i < 12; i++) {
            try {
              subject.add(i)
            } catch (error) {
              expect(error).to.be.instanceOf(VmallocError)
              expect((error as VmallocError).code).to.equal('closed')
              expect(subject.read()).to.have.length(0)
              thrown++
            }
            subject.check()
          }
          expect(thrown).to.equal(heard >= when ? 1 : 0)
          subject.destroy()
          expect(data.stat().busyBlocks).to.equal(0)
          home.close()
        }
        expect(times).to.be.above(0)
      })

      it(`${name}: clears it to make room`, () => {
        const home = newRegion()
        let cleared = 0
        const ask = (): number => {
          cleared++
          data.clear()
          return 1
        }
        const data: Region = open({ discipline: limited(home, 4096, ask), check: 3 })
        const subject = make(home, { data })
        for (let i = 0; cleared < 3 && i < 3000; i++) {
          const before = cleared
          try {
            subject.add(i)
          } catch (error) {
            expect((error as VmallocError).code).to.equal('no-memory')
          }
          if (cleared !== before) subject.check()
        }
        expect(cleared).to.be.above(0)
        subject.destroy()
        expect(data.stat().busyBlocks).to.equal(0)
        home.close()
      })

      it(`${name}: destroys it`, () => {
        const home = newRegion()
        const data = open({ discipline: home, check: 3 })
        const subject = make(home, { data })
        subject.add(0)
        const wall = data.alloc(8) // so that nothing grows in place
        let isOver = false
        data.on('alloc', () => {
          if (isOver) return
          isOver = true
          subject.destroy()
        })
        const fill = (): void => {
          for (let i = 1; i < 100; i++) subject.add(i)
        }
        expectFault('closed', [], fill)
        data.free(wall)
        expect(data.stat().busyBlocks).to.equal(0)
        home.close()
      })
    }
  })
})

describe('what is handed to a collection', () => {
  let home: Region
  beforeEach(() => void (home = newRegion()))
  afterEach(() => {
    expect(home.stat().busyBlocks).to.equal(0)
    home.close()
  })

  // biome-ignore lint/suspicious/noExplicitAny: what no type lets pass
  const wrong = (value: unknown): any => value

  const takers: Record<string, (codec: Codec<number>) => unknown> = {
    list: (codec) => new List(home, codec),
    stack: (codec) => new Stack(home, codec),
    queue: (codec) => new Queue(home, codec),
    map: (codec) => new HashMap(home, text, codec),
    multimap: (codec) => new MultiMap(home, text, codec),
    tree: (codec) => new Tree(home, text, codec),
    'interval tree': (codec) => new IntervalTree(home, codec),
    'struct: field a': (codec) => struct({ a: codec }),
  }

  for (const [name, take] of Object.entries(takers)) {
    it(`${name}: refuses what is no codec`, () => {
      if (name !== 'multimap')
        expectFault('argument', [`${name}: undefined, expected a codec`], () => take(wrong(undefined)))
      expectFault('argument', [`${name}: null, expected a codec`], () => take(wrong(null)))
      expectFault('argument', [`${name}: "u32", expected a codec`], () => take(wrong('u32')))
      expectFault('argument', [name, 'with a name'], () => take(wrong({})))
      expectFault('argument', [name, 'function "write"'], () => take(wrong({ ...u32, write: 1 })))
      expectFault('argument', [name, 'align', '16', '1, 2, 4 or 8'], () => take({ ...u32, align: 16 }))
      expectFault('argument', [name, 'bytes', '1.5'], () => take({ ...u32, bytes: 1.5 }))
      expectFault('argument', [name, 'bytes', '0'], () => take({ ...u32, bytes: 0 }))
    })
  }

  it('refuses options that are none, or that nobody knows, with the nearest one', () => {
    expectFault('argument', ['slab: undefined', 'size'], () => new Slab(home, wrong(undefined)))
    expectFault('argument', ['list: null', 'data'], () => new List(home, u32, wrong(null)))
    expectFault('argument', ['map: null'], () => new HashMap(home, text, u32, wrong(null)))
    expectFault('argument', ['list', '"dat"', 'data, perhaps'], () => new List(home, u32, wrong({ dat: home })))
    expectFault('argument', ['map', '"sead"', 'seed, perhaps'], () => new HashMap(home, u32, u32, wrong({ sead: 1 })))
    expectFault('argument', ['tree', '"ignorecase"', 'ignoreCase, perhaps'], () => {
      new Tree(home, text, u32, wrong({ ignorecase: true }))
    })
    expectFault('argument', ['vector', '"seed"'], () => new Vector(home, Float64Array, wrong({ seed: 1 })))
    expectFault('argument', ['string builder', '"capacity"'], () => new StringBuilder(home, wrong({ capacity: 1 })))
  })

  it('refuses what is for new ones beside the address of one that is there', () => {
    const map = new HashMap(home, u32, u32)
    const many = new Vector(home, Float64Array)
    const builder = new StringBuilder(home)
    expectFault('argument', ['map: seed beside at'], () => new HashMap(home, u32, u32, { at: map.at, seed: 4 }))
    expectFault('argument', ['vector: capacity beside at'], () => {
      new Vector(home, Float64Array, { at: many.at, capacity: 4 })
    })
    expectFault('argument', ['string builder: size beside at'], () => {
      new StringBuilder(home, { at: builder.at, size: 4 })
    })
    expect(new HashMap(home, u32, u32, wrong({ at: map.at, seed: undefined })).size).to.equal(0)
    for (const it of [map, many, builder]) it.destroy()
  })

  it('a tree refuses a range that is none', () => {
    const tree = new Tree(home, u32, u32)
    expectFault('argument', ['tree: range: null'], () => tree.keys(wrong(null)))
    expectFault('argument', ['tree: range', '"form"', 'from, perhaps'], () => tree.entries(wrong({ form: 4 })))
    tree.destroy()
  })

  it('refuses the address where the space begins, which 0 would stand for, and nothing changes', () => {
    const base = 40
    const region = open({ discipline: new Uint8Array(new ArrayBuffer(16384), base), check: 3 })
    const list = new List(region, address)
    const places = [list.append(0), list.append(base + 8), list.append(base - 8), list.append(2 ** 32 - 1)]
    const all = [0, base + 8, base - 8, 2 ** 32 - 1]
    expect([...list]).to.deep.equal(all)
    expectFault('argument', ['address: 40'], () => list.append(base))
    for (const place of places) expectFault('argument', ['address: 40'], () => list.set(place, base))
    expect([...list]).to.deep.equal(all)
    const map = new HashMap(region, address, struct({ n: u8, at: address }))
    map.set(0, { n: 1, at: 0 })
    expectFault('argument', ['address: 40'], () => map.set(base, { n: 2, at: 0 }))
    expectFault('argument', ['address: 40'], () => map.set(0, { n: 2, at: base }))
    expectFault('argument', ['address: 40'], () => map.set(9, { n: 2, at: base }))
    expect([...map]).to.deep.equal([[0, { n: 1, at: 0 }]])
    for (const it of [list, map]) it.check()
    for (const it of [list, map]) it.destroy()
    expect(region.stat().busyBlocks).to.equal(0)
  })
})

describe('what a collection does not trust', () => {
  it('each thread has a secret of its own', async () => {
    const source = new URL('../../src/collections/hash.ts', import.meta.url)
    const ask = `import { parentPort } from 'node:worker_threads'
      const { seedFor } = await import(${JSON.stringify(source.href)})
      parentPort.postMessage([seedFor(undefined), seedFor(undefined)])`
    const url = new URL(`data:text/javascript,${encodeURIComponent(ask)}`)
    const workers = [new Worker(url), new Worker(url)]
    type Seeds = [ReturnType<typeof seedFor>, ReturnType<typeof seedFor>]
    const answers = workers.map(
      (worker) => new Promise<Seeds>((done, fail) => worker.once('message', done).once('error', fail)),
    )
    const seeds: Seeds[] = [[seedFor(undefined), seedFor(undefined)], ...(await Promise.all(answers))]
    await Promise.all(workers.map((worker) => worker.terminate()))
    for (const [one, other] of seeds) {
      expect([one.low, one.high]).to.deep.equal([other.low, other.high]) // one secret a thread
      expect(one.salt).to.not.equal(other.salt)
    }
    expect(new Set(seeds.map(([{ low }]) => low)).size).to.equal(3)
    expect(new Set(seeds.map(([{ high }]) => high)).size).to.equal(3)
    expect(new Set(seeds.flat().map(({ salt }) => salt)).size).to.equal(6)
  })

  it('a home that was cleared, while the contents lie in another region that was not', () => {
    const root = newRegion('root')
    const home = open({ discipline: root, name: 'home' })
    const data = open({ discipline: root, name: 'data' })
    for (const make of Object.values({ ...subjects, ...plain })) {
      const subject = make(home, { data })
      for (let i = 0; i < 3; i++) subject.add(i)
      home.clear()
      for (const run of [() => subject.add(3), () => subject.read(), () => subject.check(), () => subject.clear()]) {
        expectFault('closed', ['region home was cleared'], run)
      }
      data.clear()
    }
    root.close()
  })

  it('another region where that of the contents was: it has another SERIAL', () => {
    const root = newRegion('root')
    const home = open({ discipline: root, name: 'home' })
    const data = open({ discipline: root, name: 'data' })
    const list = new List(home, u32, { data })
    list.append(1)
    const { at } = list
    const words = new Uint32Array(root.buffer)
    const serial = at / 4 + 3
    words[serial]! -= 1
    expectFault('closed', ['its contents do not lie in any open region any more'], () => new List(home, u32, { at }))
    expectFault('argument', ['do not lie in region data'], () => new List(home, u32, { at, data }))
    words[serial]! += 1
    expect([...new List(home, u32, { at })]).to.deep.equal([1])
    data.close()
    expectFault('closed', ['any open region any more'], () => new List(home, u32, { at }))
    expectFault('closed', ['region data, where its contents lie, is closed'], () => list.count)
    root.close()
  })
})
