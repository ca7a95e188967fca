/**
 * heaps: blocks that go together, as a program has them that ends with a call, and what it would do without.
 *
 *   sub-heap              heap.subHeap(fn): the heap is an argument
 *   sub-heap, current     subHeap(fn): the heap is current in `fn`, through awaits too
 *   region, cleared       a region of method last, and a clear: the least that a heap could cost
 *   best, one by one      blocks of best, each freed
 *   objects               an object in the place of each block, left to the collector
 */
import type { Heap } from 'vmalloc/heap'
import type { Heap as Called, Open, Session, Stretches, Subject } from '../subject.ts'

/** Sizes of small blocks, 16 to 64 bytes. */
const SIZES = [16, 24, 40, 64, 32, 16, 48, 56, 24, 64]
/** Blocks allocated before a heap ends, in it or in another one: so the caches are the same whichever has them. */
const AROUND = 10_000
const MANY = 200_000
/** Transactions of one heap. */
const SUCCESSES = 10

const sizeAt = (n: number) => SIZES[n % SIZES.length]!

function allocate(heap: { alloc(size: number): number }, blocks: number): number {
  let at = 0
  for (let n = 0; n < blocks; n++) at = heap.alloc(sizeAt(n))
  return at
}

export const subHeap: Subject = {
  name: 'sub-heap',
  kind: 'ours',
  about: 'heap.subHeap(fn)',
  does: ['enter', 'together', 'transaction', 'escape', 'leave', 'await'],
  ready: async () => {
    const { openHeap } = await import('vmalloc/heap')
    return () => {
      const heap = openHeap({ name: 'bench' })
      const stretches: Stretches = {
        together(blocks, times) {
          for (let time = 0; time < times; time++) heap.subHeap((inner) => allocate(inner, blocks))
        },
        transaction(blocks, times) {
          for (let time = 0; time < times; time += SUCCESSES) {
            heap.subHeap((outer) => {
              for (let n = 0; n < SUCCESSES; n++) outer.subHeapTxn((inner) => allocate(inner, blocks))
            })
          }
        },
        escape(blocks, times) {
          for (let time = 0; time < times; time++) {
            heap.free(heap.subHeap((inner) => inner.escape(allocate(inner, blocks))))
          }
        },
        warm() {
          for (let time = 0; time < MANY; time++) {
            const inner = heap.open({ method: 'last' })
            allocate(inner, SIZES.length)
            inner.close()
          }
        },
        leave(blocks, times) {
          let ns = 0
          for (let time = 0; time < times; time++) {
            const [other, inner] = [heap.open({ method: 'last' }), heap.open({ method: 'last' })]
            allocate(other, AROUND - blocks)
            allocate(inner, blocks)
            const before = performance.now()
            const start = performance.now()
            inner.close()
            ns += (performance.now() - start - (start - before)) * 1e6
            other.close()
          }
          return ns
        },
        await: (times) => heap.subHeap(() => awaits(times)),
      }
      return sessionOf(heap, stretches)
    }
  },
}

export const currentSubHeap: Subject = {
  name: 'sub-heap, current',
  kind: 'ours',
  about: 'subHeap(fn), which makes the heap current through awaits',
  does: ['enter', 'together', 'transaction', 'escape', 'await'],
  ready: async () => {
    const { openHeap, subHeap, subHeapTxn, switchHeap } = await import('vmalloc/heap')
    return () => {
      const heap = openHeap({ name: 'bench' })
      const stretches: Stretches = {
        together(blocks, times) {
          for (let time = 0; time < times; time++) subHeap((inner) => allocate(inner, blocks))
        },
        transaction(blocks, times) {
          for (let time = 0; time < times; time += SUCCESSES) {
            subHeap(() => {
              for (let n = 0; n < SUCCESSES; n++) subHeapTxn((inner) => allocate(inner, blocks))
            })
          }
        },
        escape(blocks, times) {
          switchHeap(heap, () => {
            for (let time = 0; time < times; time++) {
              heap.free(subHeap((inner) => inner.escape(allocate(inner, blocks))))
            }
          })
        },
        await: (times) => subHeap(() => awaits(times)),
      }
      return sessionOf(heap, stretches)
    }
  },
}

export const cleared: Subject = {
  name: 'region, cleared',
  kind: 'ours',
  about: 'a region of method last, and a clear',
  does: ['together'],
  ready: () =>
    overRegion('last', (region) => ({
      together(blocks, times) {
        for (let time = 0; time < times; time++) {
          allocate(region, blocks)
          region.clear!()
        }
      },
    })),
}

export const oneByOne: Subject = {
  name: 'best, one by one',
  kind: 'ours',
  about: 'blocks of best, each freed',
  does: ['together'],
  ready: () =>
    overRegion('best', (region) => {
      const places = new Uint32Array(SIZES.length)
      return {
        together(blocks, times) {
          for (let time = 0; time < times; time++) {
            for (let n = 0; n < blocks; n++) places[n] = region.alloc(sizeAt(n))
            for (let n = 0; n < blocks; n++) region.free(places[n]!)
          }
        },
      }
    }),
}

/** Four numbers: what a block of 32 bytes could hold. */
interface Fields {
  readonly a: number
  readonly b: number
  readonly c: number
  readonly d: number
}

export const objects: Subject = {
  name: 'objects',
  kind: 'bare',
  about: 'an object of four numbers for each block, left to the collector',
  does: ['together', 'await'],
  ready: async () => () => {
    const held: Fields[] = []
    const stretches: Stretches = {
      together(blocks, times) {
        for (let time = 0; time < times; time++) {
          for (let n = 0; n < blocks; n++) held[n] = { a: n, b: time, c: n, d: time }
          held.length = 0
        }
      },
      await: awaits,
    }
    return { heap: nothing, buffer: () => new ArrayBuffer(8), stretches, close() {} }
  },
}

async function awaits(times: number): Promise<void> {
  for (let time = 0; time < times; time++) await null
}

const refuses = () => 0
const nothing: Called = { alloc: refuses, free() {}, resize: refuses, allocZeroed: refuses, align: refuses }

function sessionOf(heap: Heap, stretches: Stretches): Session {
  return {
    heap: {
      ...nothing,
      alloc: (size) => heap.alloc(size),
      allocZeroed: (size) => heap.allocZeroed(size),
      free: (at) => heap.free(at),
    },
    buffer: () => heap.region.buffer,
    stretches,
    close: () => void heap.close(),
  }
}

async function overRegion(method: string, stretchesOf: (region: Called) => Stretches): Promise<Open> {
  const { open } = await import('vmalloc')
  return () => {
    const region = open({ method })
    return {
      heap: region,
      buffer: () => region.buffer,
      stretches: stretchesOf(region),
      close: () => void region.close(),
    }
  }
}
