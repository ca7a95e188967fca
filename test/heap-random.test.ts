/**
 * heap-random: random lives of heaps against a model (fixtures/heap-life.ts), for each method and each kind of ground.
 * `SEED=... npx mocha test/heap-random.test.ts` repeats one; a hundred times as many: test/long/heap.long.ts. Behind them
 * stand the faults that were found so, each as the fewest calls that show it.
 */
import { expect } from 'chai'
import { currentHeap, openHeap, subHeap, switchHeap } from '../src/heap.ts'
import { injectOptions, open } from '../src/index.ts'
import { seedFrom } from './conformance/index.ts'
import { expectFault } from './fixtures/faults.ts'
import { grounds, heapLife, methods } from './fixtures/heap-life.ts'

const SEED = seedFrom(process.env.SEED)
const LIVES = 2
const STEPS = 300

describe(`random lives of heaps, SEED=${SEED}`, () => {
  let were: string
  before(() => void (were = injectOptions('format=none,profile=none')))
  after(() => injectOptions(were))

  for (const method of methods) {
    for (const [name, discipline] of Object.entries(grounds)) {
      it(`${method} over ${name}`, () => {
        for (let i = 0; i < LIVES; i++) heapLife({ method, discipline, steps: STEPS, seed: (SEED + i) >>> 0 })
      })
    }
  }
})

describe('faults of heaps, as few calls', () => {
  let were: string
  before(() => void (were = injectOptions('format=none,profile=none')))
  after(() => injectOptions(were))

  it('import refuses what is no block, even in a region of its own', () => {
    const heap = openHeap()
    const at = heap.alloc(32)
    expectFault('argument', ['is no block of any heap'], () => heap.import(at + 8))
    heap.free(at)
    expectFault('argument', ['is no block of any heap'], () => heap.import(at))
    heap.close()
  })

  it('a heap that was adopted has, frees and moves nothing', () => {
    const [store, guest] = [openHeap({ name: 'store' }), openHeap({ name: 'guest' })]
    const at = guest.alloc(16)
    store.adopt(guest)
    expect([guest.has(at), store.has(at)]).to.deep.equal([false, true])
    expectFault('closed', [`${guest}`, `${store}`], () => guest.free(at))
    expectFault('closed', [`${guest}`, `${store}`], () => guest.escape(at))
    store.close()
  })

  for (const way of ['escape', 'import'] as const) {
    it(`a transaction of which nothing is left leaves no region: ${way}`, () => {
      const ground = open({ discipline: 'memory' })
      const [store, other] = [openHeap({ discipline: ground }), openHeap({ discipline: ground })]
      const regions: number[] = []
      for (let n = 0; n < 100; n++) {
        const at = store.subHeapTxn({ discipline: ground }, (txn) => {
          const at = txn.alloc(100)
          return way === 'escape' ? txn.escape(at) : other.import(at)
        })
        ;(way === 'escape' ? store : other).free(at)
        if (n % 50 === 49) regions.push(ground.children().length)
      }
      expect(regions[1]).to.equal(regions[0])
      store.close()
      other.close()
    })
  }

  it('thousands of transactions do not look at each other', () => {
    const store = openHeap({ name: 'store' })
    let looked = 0
    for (let n = 0; n < 300; n++) {
      const txn = store.open()
      txn.alloc(8)
      const bytes = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(txn), 'bytesLive')!
      const look = () => {
        looked++
        return bytes.get!.call(txn)
      }
      Object.defineProperty(txn, 'bytesLive', { get: look })
      store.adopt(txn)
    }
    expect(looked).to.be.at.most(300)
    store.close()
  })

  it('a destructor may not free or move the block that is freed, and may close its heap', () => {
    const heap = openHeap({ method: 'debug(best)' })
    const told: string[] = []
    heap.region.on('report', ({ finding }) => told.push(finding.kind))
    heap.region.on('badaddr', ({ reason }) => told.push(reason))
    const [one, other] = [heap.alloc(40), heap.alloc(40)]
    heap.onFree(one, () => heap.free(one))
    expectFault('destructor', ['is being freed'], () => heap.free(one))
    heap.onFree(other, () => void heap.close())
    heap.free(other)
    expect(heap.closed).to.equal(true)
    expect(told).to.deep.equal([])
  })

  it('a block that a destructor frees is freed with its own destructors', () => {
    const log: string[] = []
    const [heap, guest] = [openHeap(), openHeap()]
    const at = guest.alloc(8)
    guest.onFree(at, () => log.push('block'))
    guest.onFree(() => {
      heap.free(at)
      log.push('freed')
    })
    heap.adopt(guest)
    const both = heap.alloc(8)
    heap.onFree(both, () => log.push('older'))
    heap.onFree(both, () => {
      heap.free(both)
      log.push('newer')
    })
    heap.close()
    expect(log).to.deep.equal(['older', 'newer', 'block', 'freed'])
  })

  it('a block has the destructors that it got before and after it was adopted', () => {
    const log: string[] = []
    const [heap, guest, to] = [openHeap(), openHeap(), openHeap()]
    const [freed, moved] = [guest.alloc(8), guest.alloc(8)]
    for (const at of [freed, moved]) guest.onFree(at, () => log.push('before'))
    heap.adopt(guest)
    for (const at of [freed, moved]) heap.onFree(at, () => log.push('after'))
    heap.free(freed)
    expect(log.splice(0)).to.deep.equal(['after', 'before'])
    to.import(moved)
    heap.close()
    expect(log).to.deep.equal([])
    to.close()
    expect(log).to.deep.equal(['after', 'before'])
  })

  it('a transaction in a destructor is kept until the heap has ended', () => {
    const heap = openHeap()
    const sizes: number[] = []
    heap.onFree(() => {
      const at = heap.subHeapTxn((txn) => txn.alloc(8))
      sizes.push(heap.region.busyBytes, Number(heap.has(at)))
    })
    heap.close()
    expect(sizes[1]).to.equal(1)
    expect(heap.bytesLive).to.equal(0)
  })

  it('a copy has another address, and a view of it is another view', () => {
    const far = openHeap({ discipline: new ArrayBuffer(65536) })
    const near = openHeap({ discipline: new ArrayBuffer(65536) })
    for (let n = 0; n < 5; n++) {
      const view = far.new(Int16Array, 7)
      view.array.fill(n)
      const copy = near.import(view, far)
      expect(copy.at).to.not.equal(view.at)
      expect([copy.alive, view.alive, copy.array[6]]).to.deep.equal([true, false, n])
    }
    far.close()
    near.close()
  })

  it('the end of a block over one root runs no destructors of the same address over another', () => {
    const log: string[] = []
    const heapOver = (ground: ArrayBuffer) => openHeap({ discipline: ground, method: 'last' })
    const [one, two] = [new ArrayBuffer(65536), new ArrayBuffer(65536)]
    const [inner, middle, outer] = [heapOver(one), heapOver(two), heapOver(one)]
    const at = inner.alloc(8)
    expect(middle.alloc(8)).to.equal(at)
    middle.onFree(at, () => log.push('middle'))
    middle.adopt(inner)
    outer.adopt(middle)
    outer.free(at)
    expect(log).to.deep.equal([])
    outer.close()
    expect(log).to.deep.equal(['middle'])
  })

  it('a block is found though the region that it lies in gave memory away', () => {
    const ground = open({ discipline: new ArrayBuffer(2 ** 20) })
    const discipline = ground
    const [keeper, guest] = [openHeap({ discipline }), openHeap({ discipline, method: 'last' })]
    const at = guest.alloc(16)
    guest.alloc(100_000)
    keeper.adopt(guest)
    expect(keeper.has(at)).to.equal(true)
    const other = openHeap({ discipline })
    other.import(at)
    keeper.close()
    const next = openHeap({ discipline })
    const blocks = Array.from({ length: 20 }, () => next.alloc(4000))
    for (const block of blocks) expect(other.has(block)).to.equal(false)
    const last = openHeap({ discipline })
    expect(last.import(at)).to.equal(at)
    for (const heap of [other, next, last]) heap.close()
    for (const child of ground.children()) child.close()
    expect(ground.busyBytes).to.equal(0)
  })

  it('switchHeap to the heap around a held one', () => {
    const around = openHeap()
    switchHeap(around, () => {
      using heap = subHeap()
      switchHeap(around, () => expect(currentHeap()).to.equal(around))
      expect(currentHeap()).to.equal(heap)
    })
    around.close()
  })

  it('blocks that live at the end of a heap are no leaks, however many heaps there are', () => {
    const told: string[] = []
    const heaps = Array.from({ length: 70 }, () => openHeap({ name: 'debugged', method: 'debug(best)' }))
    for (const heap of heaps) {
      heap.alloc(10)
      heap.region.on('report', ({ finding }) => told.push(finding.kind))
    }
    for (const heap of heaps) heap.close()
    expect(told).to.deep.equal([])
  })

  it('a region that was opened under other options does not wait', () => {
    const name = 'changed'
    const heap = openHeap({ name })
    heap.alloc(8)
    const now = injectOptions('format=none,changed.method=debug(best)')
    try {
      const other = openHeap({ name })
      expect(other.region.method).to.equal('debug(best)')
      heap.close()
      const next = openHeap({ name })
      expect(next.region.method).to.equal('debug(best)')
      for (const one of [other, next]) one.close()
    } finally {
      injectOptions(now)
    }
  })

  it('a block goes to where the options put the heap', () => {
    const now = injectOptions('format=none,apart.discipline=memory')
    try {
      const parent = openHeap({ name: 'apart' })
      const at = parent.subHeap({ name: 'together' }, (heap) => {
        heap.alloc(200_000)
        const text = heap.string('moved')
        return heap.escape(text)
      })
      expect(parent.region.readString(at)).to.equal('moved')
      parent.close()
    } finally {
      injectOptions(now)
    }
  })

  it('a region of a kind that is forgotten does not wait', () => {
    const ground = open({ discipline: new ArrayBuffer(2 ** 22) })
    const kept = openHeap({ name: 'kept', discipline: ground })
    kept.alloc(8)
    for (let n = 0; n < 300; n++) openHeap({ name: `heap ${n}`, discipline: ground }).close()
    kept.close()
    expect(ground.children().filter(({ name }) => name === 'kept')).to.deep.equal([])
    ground.close()
  })
})
