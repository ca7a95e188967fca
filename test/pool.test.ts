/**
 * pool: blocks that are freed together, the functions that hear of it, and what is said where something cannot be.
 */
import { expect } from 'chai'
import { Stack } from '../src/collections/stack.ts'
import { i32 } from '../src/collections.ts'
import {
  type Discipline,
  injectOptions,
  open,
  type Region,
  regions,
  registry,
  type VmallocError,
} from '../src/index.ts'
import { type EndEvent, openPool, type Pool } from '../src/scope.ts'
import { expectFault } from './fixtures/faults.ts'

const partsOf = (fault: VmallocError): unknown[] => (fault.cause as AggregateError).errors

describe('pool', () => {
  let were: string
  before(() => void (were = injectOptions('format=none,profile=none')))
  after(() => injectOptions(were))

  /** Each way to have a pool. */
  // biome-ignore format: a table
  const places: [where: string, make: () => Pool][] = [
    ['best in the default heap', () => openPool()],
    ['last', () => openPool({ method: 'last', name: 'p' })],
    ['pool of one size', () => openPool({ method: 'pool', element: 64, name: 'p' })],
    ['debug', () => openPool({ method: 'debug', name: 'p', depth: 0 })],
    ['profile(last)', () => openPool({ method: 'profile(last)', name: 'p' })],
    ['shared memory', () => openPool({ discipline: new SharedArrayBuffer(1 << 18), name: 'p' })],
    ['a fixed buffer', () => openPool({ discipline: new ArrayBuffer(1 << 18), name: 'p' })],
    ['part of a buffer', () => openPool({ discipline: new Uint8Array(new ArrayBuffer(1 << 18), 4096), name: 'p' })],
    ['a region in a region', () => openPool({ discipline: open({ discipline: open({ discipline: 'memory' }) }), name: 'p' })],
  ]
  for (const [where, make] of places) {
    it(`allocates, frees all, is used again and destroyed: ${where}`, () => {
      const pool = make()
      const { region } = pool
      region.set({ check: 3 })
      for (let round = 0; round < 3; round++) {
        const blocks = Array.from({ length: 50 }, (_, i) => {
          const at = i % 2 === 0 ? pool.alloc(64) : pool.allocZeroed(64)
          if (i % 2 === 1) expect(region.bytes(at, 64).every((byte) => byte === 0)).to.equal(true)
          region.bytes(at, 64).fill(i)
          return at
        })
        for (const [i, at] of blocks.entries()) {
          expect(
            region.bytes(at, 64).every((byte) => byte === i),
            `block ${i}`,
          ).to.equal(true)
        }
        expect(pool.bytesLive).to.be.at.least(50 * 64)
        pool.free(blocks[7]!)
        pool.free(blocks[49]!)
        pool.free(0)
        region.check()
        pool.freeAll()
        expect(pool.bytesLive).to.equal(0)
        expect(region.stat().busyBlocks).to.equal(0)
        region.check()
      }
      expect(pool.state).to.equal('active')
      pool.alloc(64)
      pool.destroy()
      expect(pool.state).to.equal('ended')
      expect(region.closed).to.equal(true)
      expect(pool.bytesLive).to.equal(0)
      pool.destroy()
    })
  }

  it('opens as asked: name, method, options; without any it is a best region named pool', () => {
    const plain = openPool()
    expect([plain.name, plain.region.name, plain.region.method]).to.deep.equal(['pool', 'pool', 'best'])
    expect(`${plain}`).to.equal('pool pool')
    const named = openPool({ name: 'names', method: 'pool', element: 24 })
    expect([named.name, named.region.name, named.region.unit]).to.deep.equal(['names', 'names', 24])
    plain.destroy()
    named.destroy()
    const before = regions().length
    expectFault('unknown', ['"blok"', 'block'], () => openPool({ method: 'blok' }))
    expectFault('no-memory', [], () => openPool({ discipline: new ArrayBuffer(64) }))
    expect(regions().length).to.equal(before)
  })

  it('ends with `using`', () => {
    const before = regions().length
    let kept: Region
    {
      using pool = openPool()
      kept = pool.region
      pool.alloc(100)
    }
    expect(kept.closed).to.equal(true)
    expect(regions().length).to.equal(before)
  })

  it('freeAll takes as long for a hundred blocks as for a hundred thousand', () => {
    const time = (blocks: number): number => {
      let best = Number.POSITIVE_INFINITY
      for (let round = 0; round < 5; round++) {
        const pool = openPool({ discipline: 'memory' })
        for (let i = 0; i < blocks; i++) pool.alloc(24)
        const start = performance.now()
        pool.freeAll()
        best = Math.min(best, performance.now() - start)
        pool.destroy()
      }
      return best
    }
    const few = time(100)
    expect(time(100_000)).to.be.below(few * 50 + 0.5) // a thousand times as many
  })

  it('resize keeps content, allocates from 0, and shrinks', () => {
    const pool = openPool()
    const at = pool.resize(0, 16)
    pool.region.bytes(at, 16).set([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16])
    pool.alloc(16)
    const to = pool.resize(at, 5000)
    expect([...pool.region.bytes(to, 16)]).to.deep.equal([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16])
    const small = pool.resize(to, 4)
    expect([...pool.region.bytes(small, 4)]).to.deep.equal([1, 2, 3, 4])
    expect(pool.region.readString(pool.string('grün'))).to.equal('grün')
    pool.destroy()
  })

  it('is where collections live, and they are gone when all is freed', () => {
    const pool = openPool({ check: 3 })
    const stack = new Stack(pool, i32)
    for (let i = 0; i < 10; i++) stack.push(i)
    expect([...stack]).to.deep.equal([9, 8, 7, 6, 5, 4, 3, 2, 1, 0])
    pool.freeAll()
    expect(stack.alive).to.equal(false)
    expectFault('closed', ['stack', 'was cleared'], () => stack.push(1))
    stack.destroy()
    pool.destroy()
    expectFault('closed', ['is closed'], () => stack.push(1))
    expectFault('scope', ['pool pool', 'destroyed'], () => new Stack(pool, i32))
  })

  describe('callbacks', () => {
    let pool: Pool
    let log: string[]
    beforeEach(() => {
      pool = openPool({ name: 'p' })
      log = []
    })
    const note = (name: string) => (event: EndEvent) => void log.push(`${name} ${event}`)
    const heard = (): string[] => log.splice(0)

    it('run newest first, once or each time, and all of them when the pool is destroyed', () => {
      pool.onFree(note('a'))
      pool.onFree(note('b'), { once: true })
      pool.onFree(note('c'))
      pool.freeAll()
      expect(heard()).to.deep.equal(['c free', 'b free', 'a free'])
      pool.onFree(note('d'), { once: true })
      pool.freeAll()
      expect(heard()).to.deep.equal(['d free', 'c free', 'a free'])
      pool.onFree(note('e'), { once: true })
      pool.destroy()
      expect(heard()).to.deep.equal(['e destroy', 'c destroy', 'a destroy'])
      pool.destroy()
      expect(heard()).to.deep.equal([])
      expectFault('scope', ['pool p', 'onFree', 'it was destroyed'], () => pool.onFree(note('f')))
    })

    it('run while the blocks are there, for single frees not at all', () => {
      const at = pool.string('still here')
      pool.onFree(() => void log.push(pool.region.readString(at), `${pool.state} ${pool.bytesLive > 0}`))
      pool.free(pool.alloc(8))
      pool.resize(pool.alloc(8), 1000)
      pool.compact()
      expect(heard()).to.deep.equal([])
      pool.freeAll()
      expect(heard()).to.deep.equal(['still here', 'leaving true'])
      expect(pool.region.sizeOf(at)).to.equal(-1)
    })

    it('may take themselves out, and be taken out twice', () => {
      const stop = pool.onFree((event) => {
        note('self')(event)
        stop()
      })
      const other = pool.onFree(note('other'))
      pool.freeAll()
      stop()
      stop()
      expect(heard()).to.deep.equal(['other free', 'self free'])
      other()
      other()
      pool.freeAll()
      expect(heard()).to.deep.equal([])
      const late = pool.onFree(note('late'))
      pool.destroy()
      expect(heard()).to.deep.equal(['late destroy'])
      late()
    })

    it('one function registered twice is called twice, and taken out one by one', () => {
      const twice = note('same')
      const first = pool.onFree(twice)
      pool.onFree(twice)
      pool.freeAll()
      expect(heard()).to.have.length(2)
      first()
      first()
      pool.freeAll()
      expect(heard()).to.have.length(1)
    })

    it('that take others out keep those that have not run yet from running, at once', () => {
      const old = pool.onFree(note('old'))
      pool.onFree(note('middle'))
      let newest: () => void
      pool.onFree((event) => {
        note('remover')(event)
        old()
        newest() // has run
      })
      newest = pool.onFree(note('newest'))
      pool.freeAll()
      expect(heard()).to.deep.equal(['newest free', 'remover free', 'middle free'])
      pool.freeAll()
      expect(heard()).to.deep.equal(['remover free', 'middle free'])
    })

    it('that register others: those wait for the next round, at the end they run in the same', () => {
      let number = 0
      pool.onFree(
        (event) => {
          note('first')(event)
          pool.onFree(
            (event) => {
              note(`child ${++number}`)(event)
              if (number < 3) pool.onFree(note(`grandchild ${number}`), { once: true })
            },
            { once: true },
          )
        },
        { once: true },
      )
      pool.freeAll()
      expect(heard()).to.deep.equal(['first free'])
      pool.freeAll()
      expect(heard()).to.deep.equal(['child 1 free'])
      pool.onFree((event) => {
        note('second')(event)
        pool.onFree(note('at the end'))
      })
      pool.destroy()
      expect(heard()).to.deep.equal(['second destroy', 'grandchild 1 destroy', 'at the end destroy'])
    })

    it('that register others for ever end, with an error', () => {
      let calls = 0
      const again = (): void => {
        calls++
        pool.onFree(again)
      }
      pool.onFree(again)
      const { region } = pool
      const fault = expectFault('destructor', ['pool p', 'rounds'], () => pool.destroy())
      expect(partsOf(fault)).to.have.length(1)
      expect(calls).to.be.within(2, 1000)
      expect([pool.state, region.closed]).to.deep.equal(['ended', true])
    })

    it('may allocate, free and resize in the pool: it goes with the rest', () => {
      pool.region.set({ check: 3 })
      const at = pool.string('old')
      let stack: Stack<number> | undefined
      pool.onFree(
        () => {
          pool.free(at)
          const other = pool.resize(pool.allocZeroed(100), 3000)
          expect(pool.region.sizeOf(other)).to.be.at.least(3000)
          stack = new Stack(pool, i32)
          for (let i = 0; i < 100; i++) stack.push(i)
          expect(stack.pop()).to.equal(99)
          pool.compact()
        },
        { once: true },
      )
      pool.freeAll()
      expect(pool.region.stat().busyBlocks).to.equal(0)
      expect(stack!.alive).to.equal(false)
      pool.destroy()
      expect(stack!.alive).to.equal(false)
    })

    it('cannot free all or destroy: the error says so, and nothing else stops', () => {
      for (const event of ['free', 'destroy'] as const) {
        const pool = openPool({ name: 'p' })
        pool.onFree(note('older'))
        pool.onFree(() => pool.freeAll())
        pool.onFree(() => pool.destroy())
        pool.onFree(note('newer'))
        const at = pool.alloc(8)
        const { region } = pool
        const what = event === 'free' ? 'freeAll' : 'destroy'
        const fault = expectFault('destructor', [`pool p: ${what}: 2 functions threw`], () => pool[what]())
        expect(heard()).to.deep.equal([`newer ${event}`, `older ${event}`])
        const parts = partsOf(fault) as VmallocError[]
        expect(parts.map(({ code }) => code)).to.deep.equal(['scope', 'scope'])
        expect(parts[0]!.message).to.equal('pool p: destroy: it is being freed: expected after the callbacks')
        expect(parts[1]!.message).to.equal('pool p: freeAll: it is being freed: expected after the callbacks')
        expect(region.sizeOf(at)).to.equal(-1)
        expect([pool.state, region.closed]).to.deep.equal(event === 'free' ? ['active', false] : ['ended', true])
      }
    })

    it('that throw: all run, the memory is freed, and one error has what each threw', () => {
      const thrown = [new Error('first'), 'a text', undefined, new TypeError('last')]
      for (const what of ['freeAll', 'destroy'] as const) {
        const pool = openPool({ name: 'p' })
        const { region } = pool
        pool.onFree(note('oldest'))
        for (const one of [...thrown].reverse()) {
          pool.onFree(() => {
            throw one
          })
        }
        pool.alloc(100)
        const fault = expectFault('destructor', [`pool p: ${what}: 4 functions threw: first`], () => pool[what]())
        expect(partsOf(fault)).to.deep.equal(thrown)
        expect(fault.cause).to.be.an.instanceOf(AggregateError)
        expect(heard()).to.deep.equal([`oldest ${what === 'freeAll' ? 'free' : 'destroy'}`])
        expect(region.busyBytes).to.equal(0)
        expect(region.closed).to.equal(what === 'destroy')
        if (what === 'freeAll') expect(pool.alloc(8)).to.be.greaterThan(0)
      }
    })

    it('that throw are called again next time, unless they were to run once', () => {
      let calls = 0
      const fail = (): void => {
        calls++
        throw new Error('no')
      }
      pool.onFree(fail)
      pool.onFree(fail, { once: true })
      expectFault('destructor', ['2 functions'], () => pool.freeAll())
      expectFault('destructor', ['a function threw: no'], () => pool.freeAll())
      expect(calls).to.equal(3)
    })

    it('must be done when they return: the promise of an async one is an error', () => {
      pool.onFree(note('older'))
      pool.onFree((async () => {}) as () => void)
      const fault = expectFault('destructor', ['promise'], () => pool.freeAll())
      expect(partsOf(fault)).to.have.length(1)
      expect(heard()).to.deep.equal(['older free'])
    })

    it('must be functions', () => {
      expectFault('argument', ['onFree', 'undefined', 'a function'], () => pool.onFree(undefined as never))
      expectFault('argument', ['onFree', '7', 'a function'], () => pool.onFree(7 as never))
    })

    it('of another pool may be destroyed by one', () => {
      const other = openPool({ name: 'other' })
      other.onFree(note('other'))
      pool.onFree(() => other.destroy())
      pool.freeAll()
      expect(heard()).to.deep.equal(['other destroy'])
      expect(other.state).to.equal('ended')
    })

    it('many that run once are taken out in reasonable time', () => {
      for (let i = 0; i < 20_000; i++) pool.onFree(() => {}, { once: true })
      const start = performance.now()
      pool.freeAll()
      expect(performance.now() - start).to.be.below(400)
    })
  })

  describe('errors', () => {
    it('of sizes name what came', () => {
      const pool = openPool({ name: 'p', discipline: new ArrayBuffer(4096) })
      for (const size of [-1, 1.5, Number.NaN, 2 ** 32, '8' as unknown as number]) {
        expectFault('argument', ['pool p', 'alloc', String(size), 'whole number'], () => pool.alloc(size))
        expectFault('argument', ['pool p', String(size)], () => pool.allocZeroed(size))
        const at = pool.alloc(8)
        expectFault('argument', ['pool p', String(size)], () => pool.resize(at, size))
        pool.free(at)
      }
      const at = pool.alloc(100)
      pool.region.bytes(at).fill(9)
      expectFault('no-memory', ['pool p', 'region p', '5000 bytes'], () => pool.alloc(5000))
      expectFault('no-memory', ['pool p', '5000 bytes'], () => pool.allocZeroed(5000))
      expectFault('no-memory', ['pool p', '5000 bytes'], () => pool.resize(at, 5000))
      expectFault('no-memory', ['pool p'], () => pool.resize(0, 5000))
      expectFault('no-memory', ['pool p', '6001 bytes'], () => pool.string('ä'.repeat(3000)))
      expect(pool.region.bytes(at).every((byte) => byte === 9)).to.equal(true)
      pool.region.check()
    })

    for (const [method, options] of [
      ['best', {}],
      ['pool', { element: 40 }],
      ['debug', { depth: 0 }],
    ] as const) {
      it(`of addresses name whose they are: ${method}`, () => {
        const mine = openPool({ name: 'mine', method, ...options })
        const theirs = openPool({ name: 'theirs', method, ...options })
        const [at, other] = [mine.alloc(40), theirs.alloc(40)]
        for (const call of [(at: number) => mine.free(at), (at: number) => mine.resize(at, 48)]) {
          const op = call.toString().includes('free') ? 'free' : 'resize'
          expectFault('argument', [`pool mine: ${op} of ${other}: a block of region theirs`], () => call(other))
          const none = [`pool mine: ${op} of `, 'no busy block, expected a busy block of this pool']
          expectFault('argument', none, () => call(1))
          expectFault('argument', none, () => call(2 ** 40))
          expectFault('argument', none, () => call(-8))
          expectFault('argument', none, () => call(Number.NaN))
          expectFault('argument', none, () => call('8' as never))
          if (method !== 'best') expectFault('argument', none, () => call(at + 8))
        }
        expect(theirs.region.sizeOf(other), 'untouched').to.be.at.least(40)
        mine.free(at)
        expectFault('argument', [`free of ${at}`, 'no busy block'], () => mine.free(at))
        expectFault('argument', [`resize of ${at}`], () => mine.resize(at, 48))
        mine.region.check()
        mine.destroy()
        expectFault('scope', ['mine', 'free', 'destroyed'], () => mine.free(at))
        theirs.destroy()
      })
    }

    it('of addresses in shared memory name whose they are', () => {
      const root = open({ discipline: new SharedArrayBuffer(1 << 18), name: 'root' })
      const mine = openPool({ name: 'mine', discipline: root })
      const theirs = openPool({ name: 'theirs', discipline: root })
      const at = mine.alloc(40)
      expectFault('argument', ['a block of region theirs'], () => mine.free(theirs.alloc(40)))
      expectFault('argument', ['a block of region root'], () => mine.free(root.alloc(40)))
      mine.free(at)
      expectFault('argument', ['no busy block'], () => mine.free(at))
      root.close()
    })

    it('last frees in any order; a second free is told', () => {
      const pool = openPool({ method: 'block_fast', name: 'p', check: 3 })
      const blocks = [pool.alloc(16), pool.alloc(16), pool.alloc(16)]
      pool.free(blocks[0]!)
      expectFault('argument', ['free of', 'no busy block'], () => pool.free(blocks[0]!))
      pool.free(blocks[2]!)
      pool.free(blocks[1]!)
      expect(pool.region.stat().busyBlocks).to.equal(0)
      pool.destroy()
    })

    it('of a method that does not serve a size name the sizes that it does', () => {
      const pool = openPool({ method: 'pool', element: 64, name: 'p' })
      expectFault('argument', ['pool p', '100 bytes', 'pool serves 64'], () => pool.alloc(100))
      expectFault('argument', ['pool p', '100 bytes', 'pool serves 64'], () => pool.resize(pool.alloc(64), 100))
      pool.destroy()
    })

    it('of use after the end, and after the region was closed by somebody, say which', () => {
      const calls: [string, (pool: Pool) => unknown][] = [
        ['region', (pool) => pool.region],
        ['alloc', (pool) => pool.alloc(8)],
        ['alloc', (pool) => pool.allocZeroed(8)],
        ['string', (pool) => pool.string('x')],
        ['resize', (pool) => pool.resize(8, 8)],
        ['free', (pool) => pool.free(8)],
        ['freeAll', (pool) => pool.freeAll()],
        ['compact', (pool) => pool.compact()],
      ]
      const ended = openPool({ name: 'p' })
      ended.destroy()
      const root = open({ discipline: 'memory' })
      const orphan = openPool({ name: 'p', discipline: root })
      root.close()
      for (const [name, call] of calls) {
        expectFault('scope', ['pool p: ', name, 'it was destroyed'], () => call(ended))
        expectFault('scope', ['pool p: ', name, 'its region was closed'], () => call(orphan))
      }
      expect(orphan.bytesLive).to.equal(0)
      let event: EndEvent | undefined
      orphan.onFree((which) => void (event = which))
      orphan.destroy()
      expect([event, orphan.state]).to.deep.equal(['destroy', 'ended'])
    })

    it('of a discipline that does not let a region go are told, with what callbacks threw', () => {
      const model = open({ discipline: 'memory', name: 'model' })
      const inner = model.discipline
      model.close()
      let vetoes = true
      const discipline: Discipline = {
        ...inner,
        exception: (_region, event) => (event === 'close' && vetoes ? -1 : 0),
      }
      const pool = openPool({ name: 'p', discipline })
      const { region } = pool
      pool.onFree(() => {
        throw new Error('callback')
      })
      const fault = expectFault('destructor', ['pool p: destroy', '2 functions'], () => pool.destroy())
      expect(partsOf(fault).map((part) => (part as Error).message)[1]).to.match(
        /pool p.*does not close|vetoed|not give/,
      )
      expect(region.closed).to.equal(false)
      vetoes = false
      expect(region.close()).to.equal(true)
    })

    it('of a nested region that does not close are told, with what callbacks threw', () => {
      const pool = openPool({ name: 'p', discipline: 'memory' })
      let vetoes = true
      const { discipline } = open({ discipline: pool.region, name: 'model' })
      const child = open({
        name: 'child',
        discipline: { ...discipline, exception: (_region, event) => (event === 'close' && vetoes ? -1 : 0) },
      })
      pool.onFree(
        () => {
          throw new Error('callback')
        },
        { once: true },
      )
      const fault = expectFault('destructor', ['pool p: freeAll'], () => pool.freeAll())
      expect(partsOf(fault)).to.have.length(2)
      expect(child.closed).to.equal(false)
      expect(pool.state).to.equal('active')
      vetoes = false
      pool.freeAll()
      expect(child.closed).to.equal(true)
      pool.destroy()
    })

    it('of damage found at the end leave no pool half ended', () => {
      const pool = openPool({ name: 'p', discipline: 'memory' })
      const { region } = pool
      open({ discipline: region, name: 'child' })
      const words = new Int32Array(region.buffer)
      words[(region.header + 76) >>> 2]! += 1 // one child more than there is
      pool.onFree(() => {
        throw new Error('callback')
      })
      const fault = expectFault('destructor', ['pool p: destroy'], () => pool.destroy())
      expect(partsOf(fault)).to.have.length(2)
      expect((partsOf(fault)[1] as VmallocError).code).to.equal('corrupted')
      expect(pool.state).to.equal('ended')
      pool.destroy()
    })
  })

  it('a region of a pool is one like others: listeners, children, regionOf', () => {
    const pool = openPool({ name: 'p' })
    const heard: string[] = []
    pool.region.on('alloc', ({ size }) => heard.push(`alloc ${size}`))
    pool.region.on('free', () => heard.push('free'))
    pool.region.on('clear', () => heard.push('clear'))
    const child = open({ discipline: pool.region, name: 'child' })
    const at = child.alloc(8)
    expect(pool.region.regionOf(at)).to.equal(child)
    heard.length = 0
    pool.free(pool.alloc(8))
    pool.freeAll()
    expect(heard, 'with the memory of the child').to.deep.equal(['alloc 8', 'free', 'free', 'clear'])
    expect(child.closed).to.equal(true)
    pool.destroy()
  })

  it('VMALLOC_OPTIONS shapes it like any region', () => {
    const before = injectOptions('*.method=block_fast,names.method=strict,format=none')
    try {
      const [one, names] = [openPool({ method: 'pool', element: 8 }), openPool({ name: 'names', method: 'last' })]
      expect([one.region.method, names.region.method]).to.deep.equal(['last', 'debug(last)'])
      one.destroy()
      names.destroy()
    } finally {
      injectOptions(before)
    }
    expect(registry.methods.names()).to.not.include('block_fast')
  })
})
