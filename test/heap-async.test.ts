/**
 * heap-async: heaps of thousands of requests at once. Requests wait at random, open heaps in heaps, switch, and fail late;
 * none may ever see another one's heap, and what they wrote must stay. What needs no AsyncLocalStorage is also run in a
 * process that has none.
 */

import { execFileSync } from 'node:child_process'
import { pathToFileURL } from 'node:url'
import { expect } from 'chai'
import { currentHeap, globalHeap, type Heap, openHeap, subHeap, subHeapTxn, switchHeap } from '../src/heap.ts'
import { VmallocError } from '../src/index.ts'
import { Rng, seedFrom } from './conformance/index.ts'

const SEED = seedFrom(process.env.SEED)
const REQUESTS = 10_000

const wait = (ms: number) => new Promise<void>((done) => setTimeout(done, ms))
const turn = () => new Promise<void>((done) => setImmediate(done))

/** A pause of some kind: a job, some jobs, a turn of the loop, a timer. */
async function pause(rng: Rng): Promise<void> {
  const draw = rng.below(10)
  if (draw < 5) await null
  else if (draw < 7) for (let n = rng.below(5); n > 0; n--) await undefined
  else if (draw < 9) await turn()
  else await wait(rng.below(4))
}

/** A block and what must stand in it. */
class Note {
  readonly at: number
  private readonly heap: Heap
  private readonly size: number
  private readonly tag: number

  constructor(heap: Heap, size: number, tag: number) {
    this.heap = heap
    this.size = size
    this.tag = tag & 255
    this.at = heap.alloc(size)
    heap.region.bytes(this.at, size).fill(this.tag)
  }

  verify(holder: Heap): void {
    if (!holder.has(this.at)) throw new Error(`heap ${holder} has no block at ${this.at}`)
    const bytes = (this.heap.closed ? holder : this.heap).region.bytes(this.at, this.size)
    if (bytes.some((byte) => byte !== this.tag)) throw new Error(`the block at ${this.at} was written by somebody else`)
  }
}

class Late extends Error {}

/** How a request opens heaps: by what is current, or by the heap that it was given. */
interface Manner {
  sub<R>(heap: Heap, fn: (heap: Heap) => Promise<R>): Promise<R>
  txn<R>(heap: Heap, fn: (heap: Heap) => Promise<R>): Promise<R>
  other<R>(heap: Heap, fn: (heap: Heap) => Promise<R>): Promise<R>
  look(expected: Heap): void
}

const byContext: Manner = {
  sub: (_heap, fn) => subHeap(fn),
  txn: (_heap, fn) => subHeapTxn(fn),
  other: (heap, fn) => switchHeap(heap, fn),
  look(expected) {
    if (currentHeap() !== expected) throw new Error(`current is ${currentHeap()}, expected ${expected}`)
  },
}

const byArgument: Manner = {
  sub: (heap, fn) => heap.subHeap(fn),
  txn: (heap, fn) => heap.subHeapTxn(fn),
  other: (heap, fn) => fn(heap),
  look() {},
}

/** Work in a heap, with heaps in it; returns a block that it leaves to the heap around. */
async function work(manner: Manner, rng: Rng, heap: Heap, depth: number): Promise<Note> {
  const notes: Note[] = []
  for (let step = 1 + rng.below(3); step > 0; step--) {
    manner.look(heap)
    notes.push(new Note(heap, 1 + rng.size(200), rng.below(256)))
    await pause(rng)
    manner.look(heap)
    for (const note of notes) note.verify(heap)
    const draw = rng.below(8)
    if (depth < 2 && draw < 2) notes.push(await manner.sub(heap, (inner) => work(manner, rng, inner, depth + 1)))
    else if (depth < 2 && draw === 2) notes.push(await manner.txn(heap, (inner) => work(manner, rng, inner, depth + 1)))
    else if (draw === 3) await fails(manner, rng, heap)
    else if (draw === 4) {
      const elsewhere = heap.open()
      await manner.other(elsewhere, async () => {
        manner.look(elsewhere)
        const note = new Note(elsewhere, 20, 7)
        await pause(rng)
        manner.look(elsewhere)
        note.verify(elsewhere)
      })
      elsewhere.close()
    } else if (draw === 5) heap.free(notes.pop()!.at)
  }
  manner.look(heap)
  const left = new Note(heap, 16, rng.below(256))
  await pause(rng)
  heap.escape(left.at)
  return left
}

/** A transaction that fails late leaves nothing. */
async function fails(manner: Manner, rng: Rng, heap: Heap): Promise<void> {
  const before = heap.bytesLive
  try {
    await manner.txn(heap, async (txn) => {
      new Note(txn, 50, 1)
      await pause(rng)
      await manner.txn(txn, async (inner) => void new Note(inner, 60, 2))
      await pause(rng)
      throw new Late()
    })
  } catch (error) {
    if (!(error instanceof Late)) throw error
  }
  if (heap.bytesLive !== before) throw new Error(`${heap.bytesLive} bytes live in ${heap}, expected ${before}`)
}

async function codeOf(call: () => unknown): Promise<string> {
  try {
    await call()
  } catch (error) {
    return error instanceof VmallocError ? error.code : String(error)
  }
  return 'nothing thrown'
}

/** Runs a program in a process of its own, and returns what it printed. */
function runAlone(program: string): string {
  const heap = JSON.stringify(new URL('../src/heap.ts', import.meta.url).href)
  const text = `const heaps = await import(${heap});\n${program}`
  const loader = pathToFileURL(new URL('../scripts/ts.mjs', import.meta.url).pathname).href
  const args = ['--import', loader, '--input-type=module', '--eval', text]
  return execFileSync(process.execPath, args, { encoding: 'utf8', timeout: 30_000 }).trim()
}

describe(`heaps in async code, SEED=${SEED}`, () => {
  for (const [name, manner] of [
    ['the current heap', byContext],
    ['heaps as arguments', byArgument],
  ] as const) {
    it(`${REQUESTS} requests at once keep apart: ${name}`, async () => {
      const server = openHeap({ name: 'server' })
      const before = server.bytesLive
      let atOnce = 0
      let most = 0
      await switchHeap(server, async () => {
        const requests: Promise<void>[] = []
        for (let n = 0; n < REQUESTS; n++) {
          const rng = new Rng(SEED + n)
          requests.push(
            manner.sub(server, async (heap) => {
              if (heap.parent !== server) throw new Error(`${heap} lies in ${heap.parent}, expected ${server}`)
              most = Math.max(most, ++atOnce)
              const left = await work(manner, rng, heap, 0)
              left.verify(server)
              server.free(left.at)
              atOnce--
            }),
          )
        }
        await Promise.all(requests)
      })
      expect([most, atOnce]).to.deep.equal([REQUESTS, 0])
      expect(server.bytesLive).to.equal(before)
      server.close()
    })
  }

  it('what an async function throws is thrown, and its heap has ended', async () => {
    const heaps: Heap[] = []
    const failing = async (heap: Heap) => {
      heaps.push(heap)
      heap.alloc(100)
      await turn()
      throw new Late('mine')
    }
    for (const call of [() => subHeap(failing), () => subHeapTxn(failing), () => globalHeap.subHeap(failing)]) {
      expect(await codeOf(call)).to.equal('Error: mine')
    }
    expect(heaps.map(({ closed }) => closed)).to.deep.equal([true, true, true])
    expect(currentHeap()).to.equal(globalHeap)
  })

  it('work that goes on after its heap has ended is refused', async () => {
    const codes: string[] = []
    let later: Promise<void> | undefined
    await subHeap(async (heap) => {
      later = (async () => {
        await wait(2)
        expect(currentHeap()).to.equal(heap)
        for (const call of [
          () => heap.alloc(8),
          () => heap.string('text'),
          () => subHeap(() => 0),
          () => heap.open(),
        ]) {
          codes.push(await codeOf(call))
        }
      })()
    })
    await later
    expect(codes).to.deep.equal(['closed', 'closed', 'closed', 'closed'])
  })

  it('a transaction whose parent has ended does not succeed', async () => {
    const parent = openHeap({ name: 'parent' })
    const txn = parent.subHeapTxn(async (heap) => {
      heap.alloc(8)
      await wait(1)
    })
    parent.close()
    expect(await codeOf(() => txn)).to.equal('closed')
  })

  it('a parent that ends takes the heaps of its requests along', async () => {
    const server = openHeap({ name: 'server' })
    const requests = Array.from({ length: 100 }, () =>
      codeOf(() =>
        server.subHeap(async (heap) => {
          heap.alloc(8)
          await wait(1)
          heap.alloc(8)
        }),
      ),
    )
    server.close()
    expect(new Set(await Promise.all(requests))).to.deep.equal(new Set(['closed']))
    expect(server.bytesLive).to.equal(0)
  })

  describe('using in async functions', () => {
    before(() => subHeap(() => {})) // the first of a process: jobs that wait by then are not told apart

    it('is not seen by the next job', async () => {
      const seen: Heap[] = []
      const first = async () => {
        await null
        using heap = subHeap()
        expect(currentHeap()).to.equal(heap)
        await wait(1)
        expect(currentHeap()).to.equal(globalHeap)
      }
      const second = async () => {
        await null
        seen.push(currentHeap())
        await null
        seen.push(currentHeap())
      }
      await Promise.all([first(), second(), first(), second()])
      expect(new Set(seen)).to.deep.equal(new Set([globalHeap]))
    })

    it('handlers that one job starts end without each other', async () => {
      const handler = async (ms: number) => {
        using heap = subHeap()
        const note = new Note(heap, 100, ms)
        for (const pause of [ms, 1]) {
          await wait(pause)
          note.verify(heap)
          new Note(heap, 1000, 255)
        }
        return heap
      }
      const heaps = await Promise.all([1, 6, 3, 5, 2, 4].map(handler))
      expect(heaps.map(({ closed, bytesLive }) => [closed, bytesLive])).to.deep.equal(heaps.map(() => [true, 0]))
    })

    it('a transaction that is committed in a later job is kept', async () => {
      const store = openHeap()
      const at = await switchHeap(store, async () => {
        using txn = subHeapTxn()
        const at = txn.alloc(40)
        await wait(1)
        txn.commit()
        return at
      })
      expect(store.has(at)).to.equal(true)
      store.close()
    })

    it('what was closed is not current in the job that goes on', async () => {
      const server = openHeap()
      await switchHeap(server, async () => {
        for (let n = 0; n < 3; n++) {
          using heap = subHeap()
          expect(heap.parent).to.equal(server)
          await null
          expect(currentHeap()).to.equal(server)
        }
        {
          using heap = subHeap()
          switchHeap(server, () => expect(currentHeap()).to.equal(server))
          expect(currentHeap()).to.equal(heap)
        }
        expect(currentHeap()).to.equal(server)
      })
      server.close()
    })
  })

  it('without AsyncLocalStorage the current heap is that of the synchronous call', () => {
    const printed = runAlone(
      `
      delete process.getBuiltinModule
      process.getBuiltinModule = undefined
      const { currentHeap, globalHeap, subHeap, subHeapTxn, switchHeap, openHeap } = heaps
      const log = []
      const name = () => currentHeap().name
      subHeap({ name: 'a' }, (a) => {
        log.push(name())
        { const b = subHeap({ name: 'b' }); log.push(name(), b.parent.name); subHeapTxn({ name: 'c' }, () => log.push(name())); log.push(name()); b.close() }
        switchHeap(globalHeap, () => log.push(name()))
        log.push(name())
        try { subHeap(() => { throw new Error('x') }) } catch {}
        log.push(name())
      })
      log.push(name())
      await subHeap({ name: 'd' }, async (d) => {
        log.push(name())
        await null
        log.push(name())
        log.push(d.region.readString(d.string('intact')))
        await d.subHeap(async (e) => { await null; e.alloc(8) })
      })
      const e = subHeap({ name: 'e' })
      log.push(name())
      await null
      log.push(name())
      console.log(log.join(' '))`,
    )
    expect(printed).to.equal('a b a c b global a a global d global intact e global')
  })

  it('heaps as arguments start no AsyncLocalStorage', () => {
    const printed = runAlone(`
      const hooks = process.getBuiltinModule('node:async_hooks')
      let made = 0
      const { getBuiltinModule } = process
      process.getBuiltinModule = (name) => (name === 'node:async_hooks' && made++, getBuiltinModule(name))
      const heap = heaps.openHeap()
      const at = await heap.subHeap(async (inner) => { await null; return inner.escape(inner.alloc(8)) })
      await heap.subHeapTxn(async (txn) => { await null; txn.alloc(8) })
      heap.free(at)
      console.log(made, heaps.subHeap(() => made))`)
    expect(printed).to.equal('0 1')
  })
})
