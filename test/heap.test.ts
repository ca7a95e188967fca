/**
 * heap: what each call promises, librcd's patterns, and every error. Random lives are in heap-random.test.ts, heaps in
 * async code in heap-async.test.ts.
 */
import { expect } from 'chai'
import {
  currentHeap,
  globalHeap,
  type Heap,
  type HighWater,
  onHighWater,
  openHeap,
  subHeap,
  subHeapTxn,
  switchHeap,
} from '../src/heap.ts'
import { injectOptions, open, type VmallocError } from '../src/index.ts'

/** Bytes that are live in a heap, by a call that may throw. */
function thrownBy(fn: () => unknown): VmallocError {
  try {
    fn()
  } catch (error) {
    return error as VmallocError
  }
  throw new Error('nothing was thrown')
}

const fillWith = (heap: Heap, at: number, size: number, byte: number) => heap.region.bytes(at, size).fill(byte)
const readFrom = (heap: Heap, at: number, size: number) => [...heap.region.bytes(at, size)]

describe('heap', () => {
  describe('subHeap', () => {
    it('is current in its function, inside the heap that was, and ends with it', () => {
      const seen: Heap[] = []
      const result = subHeap((outer) => {
        expect(currentHeap()).to.equal(outer)
        expect(outer.parent).to.equal(globalHeap)
        seen.push(outer)
        const inner = subHeap((heap) => {
          expect(currentHeap()).to.equal(heap)
          expect(heap.parent).to.equal(outer)
          heap.alloc(100)
          seen.push(heap)
          return heap.bytesLive
        })
        expect(currentHeap()).to.equal(outer)
        expect(inner).to.be.at.least(100)
        expect(outer.bytesLive).to.equal(0)
        return 'result'
      })
      expect(result).to.equal('result')
      expect(currentHeap()).to.equal(globalHeap)
      expect(seen.map(({ closed, bytesLive }) => [closed, bytesLive])).to.deep.equal([
        [true, 0],
        [true, 0],
      ])
    })

    it('ends when its function throws, and throws the same', () => {
      const error = new Error('mine')
      let heap: Heap | undefined
      expect(
        thrownBy(() =>
          subHeap((it) => {
            heap = it
            it.alloc(10)
            throw error
          }),
        ),
      ).to.equal(error)
      expect(heap!.closed).to.equal(true)
      expect(currentHeap()).to.equal(globalHeap)
    })

    it('ends when the promise of an async function is settled', async () => {
      let heap: Heap | undefined
      const text = await subHeap(async (it) => {
        heap = it
        const at = it.string('over an await')
        await new Promise((done) => setTimeout(done, 1))
        expect(currentHeap()).to.equal(it)
        return it.region.readString(at)
      })
      expect(text).to.equal('over an await')
      expect(heap!.closed).to.equal(true)
      const error = new Error('late')
      const failed = await subHeap(async (it) => {
        heap = it
        await null
        throw error
      }).catch((thrown: unknown) => thrown)
      expect(failed).to.equal(error)
      expect(heap!.closed).to.equal(true)
    })

    it('with using, until the end of the block', () => {
      let kept: Heap
      {
        using heap = subHeap({ name: 'block' })
        kept = heap
        expect(currentHeap()).to.equal(heap)
        heap.alloc(8)
        {
          using inner = subHeap()
          expect(inner.parent).to.equal(heap)
          expect(currentHeap()).to.equal(inner)
        }
        expect(currentHeap()).to.equal(heap)
        subHeap((inner) => {
          expect(currentHeap()).to.equal(inner)
          expect(inner.parent).to.equal(heap)
        })
      }
      expect(kept.closed).to.equal(true)
      expect(currentHeap()).to.equal(globalHeap)
    })

    it('with using in an async function is nobody else’s', async () => {
      const handler = async () => {
        using heap = subHeap()
        const at = heap.alloc(10)
        await new Promise((done) => setTimeout(done, 2))
        expect(currentHeap()).to.equal(globalHeap)
        expect(heap.has(at)).to.equal(true)
      }
      const first = handler()
      await null
      expect(currentHeap()).to.equal(globalHeap)
      await first
    })
  })

  it('switchHeap allocates elsewhere for a while', () => {
    const heap = openHeap({ name: 'elsewhere' })
    subHeap((inner) => {
      const at = switchHeap(heap, () => currentHeap().alloc(20))
      expect(currentHeap()).to.equal(inner)
      expect(heap.has(at)).to.equal(true)
      expect(inner.has(at)).to.equal(false)
    })
    expect(heap.bytesLive).to.be.at.least(20)
    heap.close()
  })

  it('gives arrays, texts and blocks of zeros', () => {
    subHeap((heap) => {
      const numbers = heap.new(Float64Array, 10)
      expect([...numbers.array]).to.deep.equal(new Array(10).fill(0))
      expect(heap.region.readString(heap.string('täxt'))).to.equal('täxt')
      const at = heap.alloc(64)
      fillWith(heap, at, 64, 7)
      heap.free(at)
      expect(readFrom(heap, heap.allocZeroed(64), 64)).to.deep.equal(new Array(64).fill(0))
      expect(heap.has(numbers.at)).to.equal(true)
      expect(heap.has(numbers.at + 8)).to.equal(false)
    })
  })

  describe('escape and import', () => {
    for (const method of ['last', 'best', 'debug(last)', 'debug(best)', 'profile(best)']) {
      it(`a block goes to the parent where it lies: ${method}`, () => {
        const parent = openHeap({ name: 'parent', method })
        const [at, list] = parent.subHeap({ method }, (heap) => {
          heap.alloc(50)
          const at = heap.alloc(40)
          fillWith(heap, at, 40, 9)
          heap.alloc(60)
          expect(heap.escape(at)).to.equal(at)
          expect(heap.has(at)).to.equal(false)
          expect(parent.has(at)).to.equal(true)
          const list = heap.escape([heap.alloc(8), heap.alloc(16)])
          return [at, list] as const
        })
        expect(readFrom(parent, at, 40)).to.deep.equal(new Array(40).fill(9))
        expect(parent.bytesLive).to.be.within(64, 100)
        for (const one of list) parent.free(one)
        parent.free(at)
        expect(parent.bytesLive).to.equal(0)
        parent.close()
      })
    }

    it('a view goes on to be one', () => {
      const outer = openHeap()
      const view = outer.subHeap((heap) => {
        const made = heap.new(Int32Array, 4)
        made.array.set([1, 2, 3, 4])
        return heap.escape(made)
      })
      expect([...view.array]).to.deep.equal([1, 2, 3, 4])
      outer.close()
      expect(() => view.array).to.throw('gone')
    })

    it('memory of an ended heap comes back with the last block that was lent', () => {
      const outer = openHeap({ name: 'keeper' })
      const blocks = Array.from({ length: 50 }, () =>
        outer.subHeap((heap) => {
          heap.alloc(500)
          return heap.escape(heap.alloc(100))
        }),
      )
      expect(outer.bytesLive).to.be.within(5000, 5500)
      const before = outer.region.parent!.stat().busyBytes
      for (const at of blocks) outer.free(at)
      expect(outer.bytesLive).to.equal(0)
      for (let i = 0; i < 50; i++) outer.subHeap((heap) => heap.alloc(500))
      expect(outer.region.parent!.stat().busyBytes).to.be.at.most(before)
      outer.close()
    })

    it('import takes a block from any heap over the same memory', () => {
      const [from, to] = [openHeap({ name: 'from' }), openHeap({ name: 'to' })]
      const at = from.alloc(30)
      expect(to.import(at)).to.equal(at)
      expect([from.has(at), to.has(at)]).to.deep.equal([false, true])
      expect(to.import(at)).to.equal(at)
      from.close()
      fillWith(to, at, 30, 3)
      expect(from.import.bind(from, at)).to.throw('has ended')
      const back = openHeap({ name: 'back' })
      back.import([at])
      to.close()
      expect(readFrom(back, at, 30)).to.deep.equal(new Array(30).fill(3))
      back.close()
    })

    it('a block comes back to the heap that it came from', () => {
      const outer = openHeap()
      const inner = outer.open()
      const at = inner.alloc(24)
      inner.escape(at)
      inner.import(at)
      expect([outer.has(at), inner.has(at)]).to.deep.equal([false, true])
      expect(outer.bytesLive).to.equal(0)
      expect(inner.bytesLive).to.be.at.least(24)
      inner.close()
      outer.close()
    })

    it('copies between roots, and says so by the address', () => {
      const far = openHeap({ name: 'far', discipline: 'memory' })
      const at = far.alloc(40)
      fillWith(far, at, 40, 5)
      const near = openHeap({ name: 'near' })
      near.alloc(1000)
      expect(() => near.import(at)).to.throw(/import: \d+ is no block/)
      const copy = near.import(at, far)
      expect(copy).to.not.equal(at)
      expect(far.has(at)).to.equal(false)
      expect(readFrom(near, copy, 40)).to.deep.equal(new Array(40).fill(5))
      const child = near.open({ name: 'far', discipline: 'memory' })
      const view = child.new(Uint8Array, 3)
      view.array.set([1, 2, 3])
      const moved = child.escape(view)
      expect(moved).to.not.equal(view)
      expect([...moved.array]).to.deep.equal([1, 2, 3])
      expect(near.has(moved.at)).to.equal(true)
      far.close()
      near.close()
    })

    it('adopt takes everything at once, and what was adopted ends with the heap', () => {
      const home = openHeap({ name: 'home' })
      const guest = openHeap({ name: 'guest' })
      const blocks = Array.from({ length: 1000 }, (_, i) => guest.alloc(8 + (i % 40)))
      const bytes = guest.bytesLive
      const log: string[] = []
      guest.onFree(() => log.push('guest'))
      guest.onFree(blocks[5]!, () => log.push('block'))
      home.onFree(() => log.push('home, later'))
      home.adopt(guest)
      expect(home.bytesLive).to.equal(bytes)
      expect(guest.closed).to.equal(true)
      expect(() => guest.alloc(8)).to.throw(/alloc: heap guest#\d+ was adopted by heap home#\d+/)
      expect(home.has(blocks[999]!)).to.equal(true)
      home.free(blocks[5]!)
      expect(log).to.deep.equal(['block'])
      home.escape(blocks[6]!)
      expect(globalHeap.has(blocks[6]!)).to.equal(true)
      globalHeap.free(blocks[6]!)
      home.close()
      expect(log).to.deep.equal(['block', 'guest', 'home, later'])
    })

    it('a heap cannot adopt what it lies in', () => {
      const outer = openHeap({ name: 'outer' })
      const inner = outer.open({ name: 'inner' })
      expect(() => inner.adopt(outer)).to.throw(/adopt: heap inner#\d+ lies in heap outer#\d+/)
      expect(() => inner.adopt(inner)).to.throw(/adopt/)
      outer.close()
    })
  })

  describe('transactions', () => {
    it('stay when they succeed, go when they fail', () => {
      const store = openHeap({ name: 'store' })
      const kept = store.subHeapTxn((heap) => heap.alloc(32))
      expect(store.has(kept)).to.equal(true)
      let lost = 0
      expect(() =>
        store.subHeapTxn((heap) => {
          lost = heap.alloc(32)
          throw new Error('no')
        }),
      ).to.throw('no')
      expect(store.has(lost)).to.equal(false)
      expect(store.bytesLive).to.equal(32)
      store.close()
    })

    it('undo only themselves when nested', () => {
      const store = openHeap({ name: 'store' })
      const kept = store.subHeapTxn((outer) => {
        const first = outer.alloc(16)
        try {
          outer.subHeapTxn((inner) => {
            inner.alloc(64)
            throw new Error('inner')
          })
        } catch {
          // the outer one goes on
        }
        const second = outer.subHeapTxn((inner) => inner.alloc(24))
        return [first, second]
      })
      expect(kept.map((at) => store.has(at))).to.deep.equal([true, true])
      expect(store.bytesLive).to.equal(40)
      expect(() =>
        store.subHeapTxn((outer) => {
          outer.subHeapTxn((inner) => inner.alloc(1000))
          throw new Error('outer')
        }),
      ).to.throw('outer')
      expect(store.bytesLive).to.equal(40)
      store.close()
    })

    it('with using, need a commit', () => {
      const store = openHeap({ name: 'store' })
      const bytes = switchHeap(store, () => {
        {
          using txn = subHeapTxn()
          txn.alloc(100)
        }
        {
          using txn = subHeapTxn()
          txn.alloc(48)
          txn.commit()
          expect(() => txn.commit()).to.throw(/adopt: heap subheap#\d+ was adopted by heap store/)
        }
        return store.bytesLive
      })
      expect(bytes).to.equal(48)
      store.close()
    })

    it('async ones too', async () => {
      const store = openHeap({ name: 'store' })
      const at = await store.subHeapTxn(async (heap) => {
        await null
        return heap.alloc(8)
      })
      expect(store.has(at)).to.equal(true)
      const failed = store.subHeapTxn(async (heap) => {
        heap.alloc(8)
        await null
        throw new Error('late')
      })
      expect(await failed.catch((error: Error) => error.message)).to.equal('late')
      expect(store.bytesLive).to.equal(8)
      store.close()
    })

    it('over a dictionary: an entry comes whole or not at all', () => {
      const store = openHeap({ name: 'dictionary' })
      const entries = new Map<string, number>()
      const replace = (key: string, value: () => string) =>
        store.subHeapTxn((heap) => {
          const name = heap.string(key)
          const at = heap.string(value())
          const old = entries.get(key)
          if (old !== undefined) store.free(old)
          entries.set(heap.region.readString(name), at)
          heap.free(name)
        })
      replace('a', () => 'one')
      replace('b', () => 'two')
      const before = store.bytesLive
      expect(() =>
        replace('c', () => {
          throw new Error('no value')
        }),
      ).to.throw('no value')
      expect(store.bytesLive).to.equal(before)
      replace('a', () => 'one!')
      expect([...entries].map(([key, at]) => [key, store.region.readString(at)])).to.deep.equal([
        ['a', 'one!'],
        ['b', 'two'],
      ])
      expect(store.bytesLive).to.equal(before)
      store.close()
    })
  })

  it('owned values: a function returns what carries its heap', () => {
    const parse = (text: string) => {
      const heap = openHeap({ name: 'parsed' })
      const words = text.split(' ').map((word) => heap.string(word))
      return { heap, words }
    }
    const parsed = parse('to be or not')
    expect(parsed.words.map((at) => parsed.heap.region.readString(at)).join(' ')).to.equal('to be or not')
    const keeper = openHeap({ name: 'keeper' })
    keeper.adopt(parsed.heap)
    expect(keeper.region.readString(parsed.words[2]!)).to.equal('or')
    keeper.close()
  })

  it('a server’s loop stays where it is', () => {
    const server = openHeap({ name: 'server' })
    const session = server.open({ name: 'session' })
    let last = 0
    const serve = (n: number) =>
      server.subHeap({ name: 'request' }, (request) => {
        for (let i = 0; i < 40; i++) request.alloc(40 + i)
        const at = request.string(`request ${String(n).padStart(5)}`)
        session.import(at)
        if (last !== 0) session.free(last)
        last = at
      })
    const extents: number[] = []
    for (let n = 1; n <= 3000; n++) {
      serve(n)
      if (n % 500 === 0) extents.push(session.region.parent!.stat().busyBytes)
    }
    expect(new Set(extents).size, extents.join(' ')).to.equal(1)
    expect(session.region.readString(last)).to.equal('request  3000')
    server.close()
  })

  describe('onFree', () => {
    it('runs newest first, children before, blocks when they are freed', () => {
      const log: string[] = []
      const note = (text: string) => () => void log.push(text)
      const heap = openHeap()
      heap.onFree(note('first'))
      const at = heap.alloc(8)
      heap.onFree(at, note('block'))
      const early = heap.alloc(8)
      heap.onFree(early, note('early'))
      heap.onFree(early, note('early, newer'))
      const child = heap.open()
      child.onFree(note('child'))
      heap.onFree(note('last'))
      heap.free(early)
      expect(log.splice(0)).to.deep.equal(['early, newer', 'early'])
      heap.close()
      expect(log).to.deep.equal(['child', 'last', 'block', 'first'])
    })

    it('goes with a block that escapes or is imported', () => {
      const log: string[] = []
      const outer = openHeap()
      const inner = outer.open()
      const [a, b] = [inner.alloc(8), inner.alloc(8)]
      inner.onFree(a, () => log.push('a'))
      inner.onFree(b, () => log.push('b'))
      inner.escape(a)
      inner.close()
      expect(log.splice(0)).to.deep.equal(['b'])
      const other = openHeap({ discipline: 'memory' })
      const copy = other.import(a, outer)
      outer.close()
      expect(log).to.deep.equal([])
      other.free(copy)
      expect(log).to.deep.equal(['a'])
      other.close()
    })

    it('may allocate, and add more', () => {
      const log: string[] = []
      const heap = openHeap()
      heap.onFree(() => {
        const at = heap.string('the end')
        log.push(heap.region.readString(at))
        heap.onFree(() => log.push('after the end'))
        heap.open().onFree(() => log.push('a heap of its own'))
      })
      heap.close()
      expect(log).to.have.members(['the end', 'after the end', 'a heap of its own'])
      expect(() => heap.alloc(8)).to.throw('has ended')
    })

    it('collects what is thrown into one error', () => {
      const heap = openHeap({ name: 'failing' })
      const [one, two] = [new Error('one'), new Error('two')]
      heap.onFree(() => {
        throw one
      })
      heap.onFree(() => {
        throw two
      })
      const error = thrownBy(() => heap.close())
      expect(error.code).to.equal('destructor')
      expect(error.message).to.match(/^heap failing#\d+: close: 2 destructors threw: two$/)
      expect((error.cause as AggregateError).errors).to.deep.equal([two, one])
      expect(heap.closed).to.equal(true)
      const mine = new Error('mine')
      const both = thrownBy(() =>
        subHeap((it) => {
          it.onFree(() => {
            throw one
          })
          throw mine
        }),
      )
      expect((both.cause as AggregateError).errors).to.deep.equal([mine, one])
      expect(both.message).to.include('mine')
    })
  })

  describe('mistakes', () => {
    it('a free through the wrong heap names both', () => {
      const [mine, yours] = [openHeap({ name: 'mine' }), openHeap({ name: 'yours' })]
      const at = yours.alloc(16)
      const error = thrownBy(() => mine.free(at))
      expect(error.code).to.equal('argument')
      expect(error.message).to.match(/^free: \d+ is a block of heap yours#\d+, expected a block of heap mine#\d+$/)
      expect(() => mine.escape(at)).to.throw(/yours#\d+/)
      expect(() => mine.free(at + 8)).to.throw('is no block of any heap')
      expect(() => mine.free(Number.NaN)).to.throw('NaN is no block of any heap')
      mine.free(0)
      yours.free(at)
      expect(() => yours.free(at)).to.throw('is no block of any heap')
      mine.close()
      yours.close()
    })

    it('a heap ends with its parent, once', () => {
      const outer = openHeap({ name: 'outer' })
      const inner = outer.open({ name: 'inner' })
      inner.alloc(10)
      expect(outer.close()).to.equal(true)
      expect(inner.closed).to.equal(true)
      expect([inner.close(), outer.close()]).to.deep.equal([false, false])
      expect(() => inner.alloc(1)).to.throw(/^alloc: heap inner#\d+ has ended$/)
      expect(() => outer.open()).to.throw(/has ended/)
      expect(() => globalHeap.close()).to.throw('does not end')
      expect(() => globalHeap.escape(1)).to.throw('has no parent')
    })

    it('sizes that are none, and memory that is not there', () => {
      const heap = openHeap({ name: 'small', discipline: new ArrayBuffer(16384) })
      for (const size of [-1, 0.5, Number.NaN, Infinity])
        expect(() => heap.alloc(size)).to.throw(`alloc: ${size} bytes, expected a whole number from 0`)
      expect(() => heap.new(Float64Array, -1)).to.throw('new Float64Array of -1 elements')
      expect(() => heap.alloc(1e6)).to.throw(
        /no block of 1000000 bytes in heap small#\d+, method best; it has 0 bytes live/,
      )
      expect(() => openHeap({ highWater: 0 })).to.throw('highWater 0')
      heap.close()
      const pool = openHeap({ name: 'pool', method: 'pool', element: 16 })
      expect(() => pool.alloc(17)).to.throw('which serves blocks of one size')
      pool.close()
    })
  })

  it('a heap that grows is told, with name and stack, at each doubling', () => {
    const events: HighWater[] = []
    const stop = onHighWater((event) => events.push(event))
    const heap = openHeap({ name: 'growing', highWater: 10_000 })
    for (let i = 0; i < 50; i++) heap.alloc(1000)
    stop()
    expect(events.map(({ name, bytesLive }) => [name, Math.floor(bytesLive / 1000)])).to.deep.equal([
      ['growing', 10],
      ['growing', 20],
      ['growing', 40],
    ])
    for (const { heap: told, stack } of events) {
      expect(told).to.equal(heap)
      expect(stack[0]!.file).to.equal(import.meta.filename)
    }
    heap.close()
  })

  describe('over any region', () => {
    it('nested in a region that the program has', () => {
      const region = open({ name: 'mine', discipline: 'memory' })
      const before = region.stat().busyBytes
      const heap = openHeap({ discipline: region })
      const at = heap.alloc(100)
      expect(region.regionOf(at)?.parent).to.equal(region)
      heap.close()
      expect(region.children().length).to.be.at.most(1)
      expect(region.stat().busyBytes - before).to.be.below(4096)
      region.close()
    })

    it('in shared and in raw memory', () => {
      for (const discipline of ['shared', new ArrayBuffer(65536), new SharedArrayBuffer(65536)] as const) {
        const heap = openHeap({ discipline })
        const kept = heap.subHeap({ discipline }, (inner) => {
          const at = inner.string('over there')
          return inner.escape(at)
        })
        expect(heap.region.readString(kept)).to.equal('over there')
        heap.close()
      }
    })

    it('by the name of the heap in VMALLOC_OPTIONS', () => {
      const were = injectOptions('request.method=debug(best),format=none')
      try {
        const name = 'request'
        subHeap({ name }, (heap) => expect(heap.region.method).to.equal('debug(best)'))
        subHeap((heap) => expect(heap.region.method).to.equal('last'))
        injectOptions('request.method=profile,profile=none')
        subHeap({ name }, (heap) => expect(heap.region.method).to.equal('profile(last)'))
      } finally {
        injectOptions(were)
      }
    })

    it('debug finds a write behind a block of a heap', () => {
      const were = injectOptions('format=none')
      try {
        const heap = openHeap({ name: 'debugged', method: 'debug(last)' })
        const kinds: string[] = []
        heap.region.on('report', ({ finding }) => kinds.push(finding.kind))
        const at = heap.alloc(10)
        heap.region.bytes(at, 11)[10] = 1
        heap.close()
        expect(kinds).to.deep.equal(['overflow'])
      } finally {
        injectOptions(were)
      }
    })
  })
})
