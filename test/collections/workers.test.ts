/**
 * workers: one collection of each kind, in shared memory that grows, and four threads that use it at once.
 */
import { Worker } from 'node:worker_threads'
import { expect } from 'chai'
import type { Collection } from '../../src/collections/collection.ts'
import { open, type Region, VmallocError } from '../../src/index.ts'
import { type HandJob, works } from '../fixtures/collection-hand.ts'
import { expectFault } from '../fixtures/faults.ts'

const HANDS = 4
const TURNS = 2000

type Answer = { result: unknown } | { code: string; message: string }

/** What came of a job that a worker is given. */
function ask(worker: Worker, region: Region, job: Omit<HandJob, 'space'>): Promise<unknown> {
  return new Promise<unknown>((done, fail) => {
    worker.once('error', fail)
    worker.once('message', (answer: Answer) => {
      worker.off('error', fail)
      if ('result' in answer) done(answer.result)
      else fail(Object.assign(new Error(answer.message), { code: answer.code }))
    })
    worker.postMessage({ ...job, space: region.share() })
  })
}

const one = { hand: 0, hands: 1, turns: 0 }
const newGate = (): Int32Array => new Int32Array(new SharedArrayBuffer(4))

describe('collections that threads share', () => {
  let crew: Worker[]
  before(() => {
    crew = Array.from({ length: HANDS }, () => new Worker(new URL('../fixtures/collection-hand.ts', import.meta.url)))
  })
  after(() => Promise.all(crew.map((worker) => worker.terminate())))

  const grounds: Record<string, () => Region> = {
    'shared memory that grows': () =>
      open({ discipline: new WebAssembly.Memory({ initial: 1, maximum: 1024, shared: true }), name: 'shared' }),
    'a growable SharedArrayBuffer': () =>
      open({ discipline: new SharedArrayBuffer(4096, { maxByteLength: 2 ** 23 } as never), name: 'growable' }),
  }

  for (const [i, [kind, { begin, count, left, sum, read }]] of Object.entries(works).entries()) {
    const [ground, openRegion] = Object.entries(grounds)[i % 2]!

    it(`${kind}: ${HANDS} threads, ${TURNS} turns each, in ${ground}`, async () => {
      const region = openRegion()
      region.alloc(40_000) // near the end of the first page
      const it = begin(region)
      const { byteLength } = region.buffer
      const gate = newGate()
      const all = Promise.all(
        crew.map((worker, hand) =>
          ask(worker, region, { what: 'count', kind, at: it.at, hand, turns: TURNS, gate, hands: HANDS }),
        ),
      )
      // meanwhile this thread reads it all, and sees whole values or none
      let isDone = false
      const ending = all.finally(() => void (isDone = true))
      ending.catch(() => {})
      let most = 0
      while (!isDone) {
        most = Math.max(most, read(it as never))
        it.check()
        await new Promise((wake) => setTimeout(wake, 1))
      }
      await ending
      most = Math.max(most, read(it as never)) // the threads may have been through before the first look
      it.check()
      region.check()
      expect(count(it as never), 'values').to.equal(HANDS * left(TURNS))
      if (sum !== undefined) expect(sum(it as never), 'sum of the counters').to.equal(HANDS * TURNS)
      expect(region.buffer.byteLength, 'bytes of the space').to.be.greaterThan(byteLength)
      expect(most, 'values read').to.be.greaterThan(0)
      it.destroy()
      expect(region.stat().busyBlocks, 'blocks beside the one that was there').to.equal(1)
    })
  }

  it('one that another thread clears is empty, and one that it destroys is closed, here and in iterations', async () => {
    const region = open({ discipline: 'shared', name: 'shared' })
    for (const [kind, { begin, turn, count, read }] of Object.entries(works)) {
      const it = begin(region) as Collection & Iterable<unknown>
      for (let i = 0; i < 12; i++) turn(it as never, 0, i)
      const run = it[Symbol.iterator]()
      run.next()
      await ask(crew[0]!, region, { ...one, what: 'clear', kind, at: it.at, gate: newGate() })
      expect(read(it as never), `${kind}: values after clear`).to.equal(0)
      expect(run.next().done, `${kind}: an iteration after clear`).to.equal(true)
      it.check()
      const isCounter = count(it as never) < 0
      if (!isCounter) expect(count(it as never)).to.equal(0)
      const again = begin(region, it.at) as Collection & Iterable<unknown>
      const later = again[Symbol.iterator]()
      expect(await ask(crew[1]!, region, { ...one, what: 'destroy', kind, at: it.at, gate: newGate() })).to.equal(false)
      expect(it.alive, kind).to.equal(false)
      for (const call of [() => count(it as never), () => it.check(), () => later.next(), () => read(it as never)]) {
        expectFault('closed', ['destroyed'], call)
      }
      expectFault('argument', ['busy block'], () => begin(region, it.at))
    }
    expect(region.stat().busyBlocks).to.equal(0)
  })

  it('one whose user was terminated in the middle of a turn is busy, with its holder named', async () => {
    const region = open({ discipline: 'shared', name: 'shared' })
    const it = works.HashMap!.begin(region)
    const worker = crew.pop()!
    const answer = ask(worker, region, { ...one, what: 'die', kind: 'HashMap', at: it.at, gate: newGate() })
    expect(await answer).to.equal('inside')
    const { threadId } = worker
    await worker.terminate()
    const start = Date.now()
    const fault = expectFault('busy', ['5000 ms', `worker thread ${threadId}`], () => works.HashMap!.count(it as never))
    expect(fault).to.be.instanceOf(VmallocError)
    expect(Date.now() - start).to.be.within(4900, 9000)
  })
})
