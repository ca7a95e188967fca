/**
 * scope: pools that are entered and left, in a tree; what is said where one is used that is not entered; that nothing is
 * left of them; random trees against a model.
 */
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { build } from 'esbuild'
import { Stack } from '../src/collections/stack.ts'
import { i32 } from '../src/collections.ts'
import { heap, injectOptions, open, type Region, regions, VmallocError } from '../src/index.ts'
import { type EndEvent, openScope, type Scope } from '../src/scope.ts'
import { Dice, SEED } from './fixtures/dice.ts'
import { expectFault, expectFaultLater } from './fixtures/faults.ts'

const partsOf = (fault: unknown): unknown[] => ((fault as VmallocError).cause as AggregateError).errors
const busy = () => heap().stat().busyBlocks

describe('scope', () => {
  let were: string
  let openBefore: Set<Region>
  let busyBefore: number
  before(() => void (were = injectOptions('format=none,profile=none')))
  after(() => injectOptions(were))
  beforeEach(() => {
    heap()
    openBefore = new Set(regions())
    busyBefore = busy()
  })

  /** Names of regions that were opened since the test began. */
  const opened = (): string[] =>
    regions()
      .filter((region) => !openBefore.has(region))
      .map(({ name }) => name)

  /** All that a test opened is closed. */
  const expectNothingLeft = (): void => {
    expect(opened()).to.deep.equal([])
    expect(busy(), 'blocks of the default heap').to.equal(busyBefore)
  }

  it('is idle, entered, left, entered again, closed', () => {
    const scope = openScope('program')
    expect([scope.state, scope.bytesLive, scope.path, `${scope}`]).to.deep.equal([
      'idle',
      0,
      'program',
      'scope program',
    ])
    expect(opened(), 'no region before it is entered').to.deep.equal([])
    expect(scope.enter()).to.equal(scope)
    const { region } = scope
    expect([scope.state, region.name, region.method]).to.deep.equal(['active', 'program', 'best'])
    for (let i = 0; i < 3; i++) {
      const at = scope.alloc(100)
      expect(scope.region).to.equal(region)
      scope.leave()
      expect([scope.state, scope.bytesLive, region.closed, region.sizeOf(at)]).to.deep.equal(['idle', 0, false, -1])
      region.check()
      scope.enter()
    }
    scope.close()
    expect([scope.state, region.closed]).to.deep.equal(['ended', true])
    scope.close()
    scope.destroy()
    expectNothingLeft()
  })

  it('lies in a tree of any depth, with paths', () => {
    using program = openScope('program').enter()
    const file = program.child('file', { method: 'block' })
    const packet = file.child.bind(file)
    expectFault('scope', ['scope program/file', 'child packet', 'idle', 'enter it first'], () => packet('packet'))
    file.enter()
    const [one, other] = [packet('packet', { method: 'block_fast' }), packet('packet')]
    expect([one.path, one.parent, program.parent]).to.deep.equal(['program/file/packet', file, undefined])
    expect(file.children).to.deep.equal([one, other])
    expect(program.children).to.deep.equal([file])
    let deep: Scope = program
    for (let i = 0; i < 20; i++) deep = deep.child(`${i}`).enter()
    expect(deep.path).to.match(/^program\/0\/1\/2\/.*\/19$/)
    expect(deep.enter.bind(deep)).to.throw(VmallocError)
    for (let scope = deep; scope !== program; scope = scope.parent!) scope.leave()
    expect(one.enter().region.method).to.equal('last')
    one.leave()
    file.leave()
    file.children[0]!.close()
    expect(file.children).to.deep.equal([other])
  })

  describe('C1: entered in an active scope, left after its children', () => {
    it('refuses what breaks that, and says who stands where', () => {
      const program = openScope('program').enter()
      const file = program.child('file').enter()
      const packet = file.child('packet').enter()
      for (const call of [() => file.leave(), () => file.close(), () => file.destroy(), () => file.freeAll()]) {
        expectFault('scope', ['scope program/file', 'scope program/file/packet is active', 'leave it first'], call)
      }
      expectFault('scope', ['scope program: leave', 'scope program/file is active'], () => program.leave())
      expect([program.state, file.state, packet.state]).to.deep.equal(['active', 'active', 'active'])
      expect(packet.alloc(8), 'nothing has changed').to.be.greaterThan(0)
      packet.leave()
      file.leave()
      expectFault('scope', ['scope program/file/packet: enter', 'scope program/file is idle', 'expected active'], () =>
        packet.enter(),
      )
      program.close()
      expectFault('scope', ['packet', 'enter', 'ended', 'expected idle'], () => packet.enter())
      expectFault('scope', ['file', 'child x', 'ended', 'expected active'], () => file.child('x'))
      expectNothingLeft()
    })

    it('entered twice is an error', () => {
      const scope = openScope('file').enter()
      expectFault('scope', ['scope file: enter: it is active, expected idle'], () => scope.enter())
      expect(scope.alloc(8)).to.be.greaterThan(0)
      scope.leave()
      expectFault('scope', ['scope file: leave: it is idle, expected active: enter it first'], () => scope.leave())
      scope.close()
      expectFault('scope', ['scope file: leave: it is ended'], () => scope.leave())
      expectNothingLeft()
    })

    it('leaveInside leaves those inside, the innermost first', () => {
      const log: string[] = []
      const program = openScope('program').enter()
      const names = ['a', 'b', 'c']
      for (const name of names) {
        const file = program.child(name).enter()
        const packet = file.child('packet').enter()
        for (const scope of [file, packet]) scope.onFree(() => void log.push(scope.path))
      }
      program.children[1]!.children[0]!.leave()
      log.length = 0
      program.children[0]!.onFree(() => {
        throw new Error('no')
      })
      const errors = program.leaveInside()
      expect(log).to.deep.equal(['program/c/packet', 'program/c', 'program/b', 'program/a/packet', 'program/a'])
      expect(errors).to.have.length(1)
      expect(program.state).to.equal('active')
      program.leave()
      expect(() => program.close()).to.throw('no')
      expectNothingLeft()
    })
  })

  describe('C2: nothing is had or freed in an idle scope', () => {
    for (const [where, discipline] of [
      ['the default heap', undefined],
      ['a root of its own', 'memory'],
      ['shared memory', 'shared'],
    ] as const) {
      it(`by the scope, by its region, by a collection: ${where}`, () => {
        const program = openScope('program', discipline === undefined ? {} : { discipline }).enter()
        const file = program.child('file', { check: 3 }).enter()
        const kept = file.region
        const at = file.alloc(40)
        const stack = new Stack(file, i32)
        stack.push(7)
        file.leave()

        const idle = 'scope program/file: '
        const calls: [string, () => unknown][] = [
          ['region', () => file.region],
          ['alloc', () => file.alloc(8)],
          ['alloc', () => file.allocZeroed(8)],
          ['string', () => file.string('x')],
          ['resize', () => file.resize(at, 8)],
          ['resize', () => file.resize(0, 8)],
          ['free', () => file.free(at)],
          ['freeAll', () => file.freeAll()],
          ['compact', () => file.compact()],
          ['child x', () => file.child('x')],
          ['leave', () => file.leave()],
        ]
        for (const [name, call] of calls) {
          expectFault('scope', [`${idle}${name}: it is idle, expected active: enter it first`], call)
        }
        const handleCalls = [
          () => kept.alloc(8),
          () => kept.allocZeroed(8),
          () => kept.align(8, 64),
          () => kept.string('x'),
          () => kept.free(at),
          () => kept.retire(at),
          () => kept.resize(at, 100, { copy: true }),
          () => kept.resize(0, 100),
          () => new Stack(kept, i32),
        ]
        for (const call of handleCalls) expectFault('scope', [idle, 'its region', 'idle'], call)
        expectFault('argument', [], () => kept.bytes(at))
        expect([kept.sizeOf(at), kept.stat().busyBlocks]).to.deep.equal([-1, 0])
        expect(stack.alive).to.equal(false)
        expectFault('closed', ['stack', 'cleared'], () => stack.push(1))
        expectFault('closed', ['stack', 'cleared'], () => [...stack])
        expectFault('closed', ['stack', 'cleared'], () => stack.check())
        kept.check()
        expect(kept.stat().busyBlocks, 'nothing came of it').to.equal(0)

        file.enter()
        expect(file.region.alloc(8)).to.be.greaterThan(0)
        expect(stack.alive, 'it does not come back').to.equal(false)
        stack.destroy()
        file.region.check()
        program.leaveInside()
        program.close()
        expectFault('scope', [idle, 'region', 'ended'], () => file.region)
        expectFault('scope', [idle, 'its region', 'ended'], () => kept.alloc(8))
        expectFault('closed', ['is closed'], () => stack.push(1))
        if (discipline === undefined) expectNothingLeft()
      })
    }

    it('also where the region of an idle scope was closed with the one it lies in', () => {
      const program = openScope('program', { discipline: 'memory' }).enter()
      const file = program.child('file').enter()
      const kept = file.region
      expect(kept.parent).to.equal(program.region)
      file.leave()
      program.freeAll()
      expect(kept.closed).to.equal(true)
      const idle = 'it is idle, expected active: enter it first'
      expectFault('scope', [`scope program/file: alloc: ${idle}`], () => file.alloc(8))
      expectFault('scope', [`scope program/file: leave: ${idle}`], () => file.leave())
      expect(file.bytesLive).to.equal(0)
      file.enter()
      expect(file.alloc(8)).to.be.greaterThan(0)
      expectFault('scope', ['it is active, expected idle'], () => file.enter())
      file.region.close()
      expectFault('scope', ['scope program/file: alloc: its region was closed'], () => file.alloc(8))
      expectFault('scope', ['enter: it is active, expected idle'], () => file.enter())
      file.leave()
      expect(file.enter().alloc(8)).to.be.greaterThan(0)
      file.leave()
      program.close()
      expectNothingLeft()
    })

    it('contents of a collection that lie in a shorter scope go with it', () => {
      const program = openScope('program').enter()
      const file = program.child('file').enter()
      const stack = new Stack(program, i32, { data: file })
      for (let i = 0; i < 100; i++) stack.push(i)
      expect(program.bytesLive).to.be.below(file.bytesLive)
      file.leave()
      expectFault('scope', ['scope program/file', 'idle'], () => stack.push(1))
      expect([...stack]).to.deep.equal([])
      file.enter()
      stack.push(5)
      expect([...stack]).to.deep.equal([5])
      stack.check()
      file.close()
      expectFault('scope', ['scope program/file', 'ended'], () => stack.push(5))
      const next = program.child('file').enter()
      stack.push(6)
      expect([...stack], 'the next file of that name has its region').to.deep.equal([6])
      next.leave()
      program.close()
      expectNothingLeft()
    })
  })

  describe('run', () => {
    it('enters, calls, leaves, and answers', () => {
      const scope = openScope('s')
      let at = 0
      const answer = scope.run((inside) => {
        expect(inside).to.equal(scope)
        at = inside.alloc(8)
        return inside.state
      })
      expect([answer, scope.state]).to.deep.equal(['active', 'idle'])
      expect(scope.run(() => scope.region.sizeOf(at))).to.equal(-1)
      scope.close()
      expectFault('scope', ['ended'], () => scope.run(() => expect.fail('called')))
    })

    it('leaves when the function throws, with the same error', () => {
      const scope = openScope('s')
      const thrown = new Error('mine')
      for (const what of [thrown, 'text', undefined, null]) {
        let caught: unknown = 'nothing'
        try {
          scope.run(() => {
            throw what
          })
        } catch (error) {
          caught = error
        }
        expect(caught).to.equal(what)
        expect(scope.state).to.equal('idle')
      }
      scope.onFree(() => {
        throw new Error('callback')
      })
      const fault = expectFault('destructor', ['scope s', 'mine', 'callback'], () =>
        scope.run(() => {
          throw thrown
        }),
      )
      expect(partsOf(fault)[0]).to.equal(thrown)
      expect(partsOf(fault).map((part) => (part as Error).message)).to.deep.equal(['mine', 'callback'])
      expectFault('destructor', ['scope s: leave: a function threw: callback'], () => scope.run(() => 1))
      expect(scope.state).to.equal('idle')
      expect(() => scope.close()).to.throw('callback')
      expectNothingLeft()
    })

    it('leaves when a promise is settled, and not before', async () => {
      const scope = openScope('s')
      let go = (): void => {}
      const gate = new Promise<void>((done) => void (go = done))
      const running = scope.run(async (inside) => {
        const at = inside.alloc(8)
        await gate
        return inside.region.sizeOf(at)
      })
      expect(scope.state).to.equal('active')
      go()
      expect(await running).to.be.at.least(8)
      expect(scope.state).to.equal('idle')
      const thrown = new Error('later')
      expect(await scope.run(() => Promise.reject(thrown)).catch((error: unknown) => error)).to.equal(thrown)
      expect(scope.state).to.equal('idle')
      scope.onFree(() => {
        throw new Error('callback')
      })
      const fault = await expectFaultLater(
        'destructor',
        ['later', 'callback'],
        scope.run(() => Promise.reject(thrown)),
      )
      expect(partsOf(fault)).to.have.length(2)
      await expectFaultLater(
        'destructor',
        ['callback'],
        scope.run(async () => 1),
      )
      expect(() => scope.close()).to.throw('callback')
      expectNothingLeft()
    })

    it('leaves also after what is only like a promise, or breaks when it is looked at', async () => {
      const scope = openScope('s')
      const settled = (value: unknown, fails: boolean) => ({
        // biome-ignore lint/suspicious/noThenProperty: what is tested
        then: (done: (value: unknown) => void, fail: (error: unknown) => void) => {
          ;(fails ? fail : done)(value)
          done('a second time')
        },
      })
      expect(await scope.run(() => settled(5, false))).to.equal(5)
      expect(scope.state).to.equal('idle')
      const thrown = new Error('bad')
      const caught = async (answer: () => unknown): Promise<unknown> => {
        try {
          return await scope.run(answer)
        } catch (error) {
          return error
        }
      }
      expect(await caught(() => settled(thrown, true))).to.equal(thrown)
      expect(scope.state).to.equal('idle')
      const breaks = () => {
        throw thrown
      }
      // biome-ignore lint/suspicious/noThenProperty: what is tested
      expect(await caught(() => ({ then: breaks }))).to.equal(thrown)
      expect(scope.state).to.equal('idle')
      expect(await caught(() => Object.defineProperty({}, 'then', { get: breaks }))).to.equal(thrown)
      expect(scope.state).to.equal('idle')
      scope.close()
    })

    it('leaves scopes inside too when the function throws between their enter and leave', () => {
      const program = openScope('program')
      for (let i = 0; i < 3; i++) {
        expect(() =>
          program.run(() => {
            program.child('file').enter().child('packet').enter().alloc(8)
            throw new Error('in between')
          }),
        ).to.throw('in between')
        expect(program.state).to.equal('idle')
      }
      program.close()
      expectNothingLeft()
    })

    it('says so when the function forgot to leave one inside', () => {
      const program = openScope('program')
      let file: Scope | undefined
      expectFault('scope', ['scope program: leave', 'scope program/file is active'], () =>
        program.run(() => void (file = program.child('file').enter())),
      )
      file!.leave()
      program.close()
      expectNothingLeft()
    })

    it('several async ones at a time, each with a scope of its own', async () => {
      const program = openScope('program').enter()
      const waits = [5, 1, 3, 0, 2]
      const results = await Promise.all(
        waits.map((ms, i) =>
          program.child('request').run(async (request) => {
            const at = request.alloc(100)
            request.region.bytes(at).fill(i + 1)
            await new Promise((wake) => setTimeout(wake, ms))
            return request.region.bytes(at).every((byte) => byte === i + 1)
          }),
        ),
      )
      expect(results).to.deep.equal([true, true, true, true, true])
      expect(program.children).to.have.length(5)
      program.close()
      expectNothingLeft()
    })
  })

  describe('close', () => {
    it('closes what is inside first, the youngest first; callbacks hear destroy', () => {
      const log: string[] = []
      const program = openScope('program').enter()
      for (const name of ['a', 'b']) {
        const file = program.child(name).enter()
        for (const inner of ['x', 'y']) {
          const scope = file.child(inner)
          scope.onFree((event) => void log.push(`${scope.path} ${event}`))
        }
        file.onFree((event) => void log.push(`${file.path} ${event} ${file.bytesLive > 0}`))
        file.alloc(8)
        file.leave()
      }
      program.onFree((event) => void log.push(`${program.path} ${event}`))
      log.length = 0
      program.close()
      expect(log).to.deep.equal([
        ...['program/b/y', 'program/b/x'].map((path) => `${path} destroy`),
        'program/b destroy false',
        ...['program/a/y', 'program/a/x'].map((path) => `${path} destroy`),
        'program/a destroy false',
        'program destroy',
      ])
      expect(program.children).to.deep.equal([])
      expectNothingLeft()
    })

    it('of an active one: callbacks see its memory, which then goes', () => {
      const scope = openScope('s').enter()
      const text = scope.string('here')
      let seen = ''
      scope.onFree((event) => void (seen = `${event} ${scope.region.readString(text)} ${scope.alloc(100) > 0}`))
      scope.close()
      expect(seen).to.equal('destroy here true')
      expectNothingLeft()
    })

    it('callbacks of an idle one have no memory any more, and are told', () => {
      const scope = openScope('s')
      scope.onFree((event) => event === 'destroy' && scope.alloc(8))
      scope.run(() => {})
      const fault = expectFault('destructor', ['scope s: close', 'closed while idle'], () => scope.close())
      expect(partsOf(fault)[0]).to.include({ code: 'scope' })
      const fresh = openScope('s')
      fresh.onFree(() => void fresh.alloc(8))
      expectFault('destructor', ['scope s: alloc: it is closed while idle'], () => fresh.close())
      expectNothingLeft()
    })

    it('what all callbacks in the tree threw comes as one error', () => {
      const program = openScope('program').enter()
      const file = program.child('file').enter()
      file.child('packet').onFree(() => {
        throw new Error('packet')
      })
      for (const text of ['file 1', 'file 2']) {
        file.onFree(() => {
          throw new Error(text)
        })
      }
      file.onFree(() => {}, { once: true })
      const left = expectFault('destructor', ['scope program/file: leave: 2 functions threw'], () => file.leave())
      expect(partsOf(left).map((part) => (part as Error).message)).to.deep.equal(['file 2', 'file 1'])
      const fault = expectFault('destructor', ['scope program: close: 3 functions threw: packet'], () =>
        program.close(),
      )
      expect(partsOf(fault).map((part) => (part as Error).message)).to.deep.equal(['packet', 'file 2', 'file 1'])
      expect([program.state, file.state]).to.deep.equal(['ended', 'ended'])
      expectNothingLeft()
    })

    it('nothing comes to be in a scope that is being closed or left', () => {
      for (const what of ['close', 'leave'] as const) {
        const program = openScope('program').enter()
        const file = program.child('file').enter()
        const other = program.child('other')
        const errors: unknown[] = []
        const attempt = (call: () => unknown): void => {
          try {
            call()
          } catch (error) {
            errors.push(error)
          }
        }
        program.onFree(() => {
          attempt(() => program.child('late'))
          attempt(() => other.enter())
          attempt(() => program.leave())
          attempt(() => program.close())
          attempt(() => program.enter())
        })
        if (what === 'close') {
          file.leave()
          file.onFree(() => {
            attempt(() => program.child('born at the end of its sister').enter())
            attempt(() => file.close())
          })
        } else file.leave()
        program[what]()
        expect(errors, what).to.have.length(what === 'close' ? 7 : 5)
        for (const error of errors) {
          expect(error).to.be.an.instanceOf(VmallocError)
          expect(error).to.include({ code: 'scope' })
        }
        program.close()
        expectNothingLeft()
      }
    })

    it('a callback may close a sister, and leave or enter others', () => {
      const program = openScope('program').enter()
      const [a, b, c] = [program.child('a').enter(), program.child('b').enter(), program.child('c')]
      b.onFree(
        () => {
          a.close()
          c.run((scope) => void scope.alloc(8))
        },
        { once: true },
      )
      b.leave()
      expect([a.state, b.state, c.state]).to.deep.equal(['ended', 'idle', 'idle'])
      const fault = expectFault('scope', [], () => a.enter())
      expect(fault.message).to.include('program/a')
      b.enter()
      expect(() => a.onFree(() => {})).to.throw(VmallocError)
      b.onFree(() => program.leave(), { once: true })
      const while_ = expectFault('destructor', ['scope program/b: leave'], () => b.leave())
      expect((partsOf(while_)[0] as Error).message).to.include('scope program/b is leaving')
      program.close()
      expectNothingLeft()
    })

    it('of a region that is not let go is told', () => {
      const model = open({ discipline: 'memory', name: 'model' })
      const inner = model.discipline
      model.close()
      let vetoes = true
      const scope = openScope('s', {
        discipline: { ...inner, exception: (_region, event) => (event === 'close' && vetoes ? -1 : 0) },
      }).enter()
      const { region } = scope
      const fault = expectFault('destructor', ['scope s', 'does not close'], () => scope.close())
      expect(partsOf(fault)[0]).to.include({ code: 'vetoed' })
      expect([scope.state, region.closed]).to.deep.equal(['ended', false])
      vetoes = false
      expect(region.close()).to.equal(true)
      expectNothingLeft()
    })
  })

  describe('spares', () => {
    it('the region of a closed child serves the next of that name and those options', () => {
      const program = openScope('program').enter()
      const headers = new Set<number>()
      const handles = new Set<Region>()
      for (let i = 0; i < 100; i++) {
        const packet = program.child('packet', { method: 'block_fast' }).enter()
        headers.add(packet.region.header)
        handles.add(packet.region)
        expect(packet.region.stat().busyBlocks).to.equal(0)
        expect(packet.alloc(100)).to.be.greaterThan(0)
        packet.close()
        expectFault('scope', ['ended'], () => packet.alloc(8))
      }
      expect([headers.size, handles.size]).to.deep.equal([1, 1])
      const [region] = handles
      expectFault('scope', ['scope program/packet', 'its region', 'ended'], () => region!.alloc(8))
      expect(program.children).to.deep.equal([])
      program.close()
      expect(region!.closed).to.equal(true)
      expectNothingLeft()
    })

    it('with other options or another name it does not', () => {
      const program = openScope('program').enter()
      const first = program.child('packet', { method: 'block_fast' }).enter()
      const { region } = first
      first.close()
      const others = [
        program.child('packet', { method: 'block' }),
        program.child('packet'),
        program.child('packet', { method: 'block_fast', check: 1 }),
        program.child('parcel', { method: 'block_fast' }),
        program.child('packet', { method: 'block_fast', discipline: 'memory' }),
      ]
      for (const other of others) expect(other.enter().region).to.not.equal(region)
      expect(others[0]!.region.method).to.equal('best')
      expect(others[2]!.region.set({}).check).to.equal(1)
      expect(program.child('packet', { method: 'block_fast' }).enter().region, 'it waits still').to.equal(region)
      program.leaveInside()
      program.close()
      expectNothingLeft()
    })

    it('there is one for each name: two at once have two regions', () => {
      const program = openScope('program').enter()
      const [one, other] = [program.child('packet').enter(), program.child('packet').enter()]
      const [first, second] = [one.region, other.region]
      expect(second).to.not.equal(first)
      one.close()
      other.close()
      expect([first.closed, second.closed]).to.deep.equal([false, true])
      program.close()
      expectNothingLeft()
    })

    it('a spare that holds much gives free memory back, and so does leave with compact', () => {
      const program = openScope('program', { discipline: 'memory' }).enter()
      const file = program.child('file').enter()
      const { region } = file
      file.alloc(1_000_000)
      file.leave()
      expect(region.extent, 'after leave').to.be.above(1_000_000)
      file.enter().alloc(1_000_000)
      file.leave({ compact: true })
      expect(region.extent, 'after leave with compact').to.be.below(100_000)
      file.enter().alloc(1_000_000)
      file.close()
      expect(region.closed, 'waits').to.equal(false)
      expect(region.extent, 'of a spare').to.be.below(100_000)
      program.close()
    })

    it('a spare that went with the root it lies in is not used', () => {
      const program = openScope('program', { discipline: 'memory' }).enter()
      const packet = program.child('packet').enter()
      const { region } = packet
      packet.close()
      program.freeAll()
      expect(region.closed).to.equal(true)
      const next = program.child('packet').enter()
      expect(next.alloc(8)).to.be.greaterThan(0)
      program.region.check()
      next.leave()
      program.close()
      expectNothingLeft()
    })

    it('a collection of the child before is none of the next', () => {
      const program = openScope('program').enter()
      const first = program.child('packet').enter()
      const stack = new Stack(first, i32)
      stack.push(1)
      const { at } = stack
      first.close()
      const second = program.child('packet').enter()
      expect(second.alloc(32)).to.be.greaterThan(0)
      expectFault('closed', ['was cleared'], () => stack.peek())
      expectFault('argument', ['expected'], () => new Stack(second, i32, { at }))
      second.leave()
      program.close()
      expectNothingLeft()
    })
  })

  it('closes with `using`', () => {
    {
      using program = openScope('program').enter()
      using file = program.child('file').enter()
      using packet = file.child('packet').enter()
      packet.alloc(10)
      expect(opened()).to.deep.equal(['program', 'file', 'packet'])
    }
    expectNothingLeft()
  })

  it('a disciplines of its own per scope: several roots in one tree', () => {
    const program = openScope('program', { discipline: 'memory' }).enter()
    const file = program.child('file', { discipline: new ArrayBuffer(1 << 16) }).enter()
    const packet = file.child('packet', { discipline: new SharedArrayBuffer(1 << 16) }).enter()
    expect(new Set([program, file, packet].map(({ region }) => region.buffer)).size).to.equal(3)
    for (const scope of [program, file, packet]) expect(scope.region.parent).to.equal(undefined)
    expectFault('no-memory', ['scope program/file/packet'], () => packet.alloc(1 << 17))
    packet.leave()
    file.leave()
    program.close()
    expectNothingLeft()
  })

  it('several files at once with interleaved packets', () => {
    const program = openScope('program').enter()
    const files = ['a', 'b', 'c'].map((name, i) => {
      const file = program.child(name, { check: 3 }).enter()
      return { file, packet: file.child('packet', { method: 'block_fast' }), kept: [] as number[], stamp: i + 1 }
    })
    const dice = new Dice(SEED)
    for (let step = 0; step < 400; step++) {
      const one = files[dice.below(files.length)]!
      if (one.packet.state === 'idle') {
        one.packet.enter()
        continue
      }
      const at = one.packet.alloc(dice.between(1, 200))
      one.packet.region.bytes(at).fill(one.stamp)
      if (dice.once(3)) {
        const long = one.file.alloc(16)
        one.file.region.bytes(long).fill(one.stamp)
        one.kept.push(long)
      }
      if (dice.once(4)) {
        one.packet.leave()
        expect(one.packet.bytesLive).to.equal(0)
      }
    }
    files[1]!.file.leaveInside()
    files[1]!.file.leave()
    expect(files[1]!.file.bytesLive).to.equal(0)
    for (const { file, kept, stamp } of [files[0]!, files[2]!]) {
      expect(kept.length).to.be.greaterThan(5)
      for (const at of kept) expect(file.region.bytes(at).every((byte) => byte === stamp)).to.equal(true)
    }
    expectFault('scope', ['scope program/b/packet: enter: scope program/b is idle'], () => files[1]!.packet.enter())
    program.leaveInside()
    program.close()
    expectNothingLeft()
  })

  describe('no memory at the k-th request', () => {
    /** A tree in a small buffer whose discipline refuses from the k-th request on; how many there were. */
    const life = (refused: number): { requests: number; failed: number } => {
      const model = open({ discipline: new ArrayBuffer(1 << 15), name: 'model' })
      const inner = model.discipline
      model.close()
      let requests = 0
      let failed = 0
      let isOver = false
      const root = open({
        name: 'root',
        check: 3,
        discipline: {
          ...inner,
          memory: (region, at, had, want) => {
            if (want > had && ++requests >= refused && !isOver) return 0
            return inner.memory(region, at, had, want)
          },
        },
      })
      const attempt = (call: () => unknown): boolean => {
        try {
          call()
          return true
        } catch (error) {
          expect(error).to.be.an.instanceOf(VmallocError)
          expect((error as VmallocError).code, (error as Error).message).to.equal('no-memory')
          failed++
          return false
        }
      }
      const events: EndEvent[] = []
      const program = openScope('program', { discipline: root })
      if (attempt(() => program.enter())) {
        program.onFree((event) => {
          events.push(event)
          if (event === 'free') attempt(() => program.alloc(500))
        })
        const file = program.child('file')
        const packet = (round: number) => (file.state === 'active' ? file.child(`packet ${round}`) : undefined)
        if (!attempt(() => file.enter())) expect(file.state).to.equal('idle')
        else {
          const kept = [0, 1, 2].map(() => {
            let at = 0
            attempt(() => void (at = file.alloc(300)))
            if (at !== 0) file.region.bytes(at, 300).fill(0x77)
            return at
          })
          for (let round = 0; round < 3; round++) {
            const scope = packet(round)!
            if (!attempt(() => scope.enter())) {
              expect(scope.state).to.equal('idle')
              continue
            }
            attempt(() => scope.alloc(700))
            attempt(() => scope.resize(scope.alloc(20), 1200))
            scope.leave()
          }
          for (const at of kept) {
            if (at !== 0) expect(file.region.bytes(at, 300).every((byte) => byte === 0x77)).to.equal(true)
          }
          file.leave()
        }
        program.leave()
        if (attempt(() => program.enter())) program.leave()
        expect(events.length).to.be.at.least(1)
      }
      root.check()
      isOver = true
      program.close()
      expect(root.stat().busyBlocks, 'all went back').to.equal(0)
      expect(root.children()).to.deep.equal([])
      root.check()
      root.close()
      return { requests, failed }
    }

    it('refuses that one thing, and leaves the tree as it was', () => {
      const { requests, failed } = life(Number.POSITIVE_INFINITY)
      expect([requests > 4, failed]).to.deep.equal([true, 0])
      for (let k = 2; k <= requests; k++) expect(life(k).failed, `request ${k} of ${requests}`).to.be.greaterThan(0)
      expectNothingLeft()
    })
  })

  describe('random trees against a model', () => {
    interface Node {
      scope: Scope
      parent: Node | undefined
      children: Node[]
      state: 'idle' | 'active' | 'ended'
      live: { at: number; size: number; stamp: number }[]
      events: string[]
      expected: string[]
    }

    for (const [where, discipline] of [
      ['the default heap', undefined],
      ['a root', 'memory'],
    ] as const) {
      it(`over ${where} (SEED=${SEED})`, function () {
        this.timeout(10_000)
        const dice = new Dice(SEED)
        const node = (scope: Scope, parent: Node | undefined): Node => {
          const made: Node = { scope, parent, children: [], state: 'idle', live: [], events: [], expected: [] }
          scope.onFree((event) => void made.events.push(event))
          parent?.children.push(made)
          return made
        }
        const methods = ['block', 'block_fast', 'simple', 'strict', 'pool'] as const
        const top = node(openScope('top', discipline === undefined ? {} : { discipline, check: 1 }), undefined)
        let all = [top]
        const end = (one: Node): void => {
          for (const child of one.children) if (child.state !== 'ended') end(child)
          one.state = 'ended'
          one.live = []
          one.expected.push('destroy')
        }
        const seen: Record<string, number> = {}
        for (let step = 0; step < 1500; step++) {
          const one = all[dice.below(all.length)]!
          const what = dice.below(10)
          const isActive = one.state === 'active'
          const mayLeave = isActive && !one.children.some(({ state }) => state === 'active')
          const note = (name: string, works: boolean) => {
            seen[`${name} ${works}`] = (seen[`${name} ${works}`] ?? 0) + 1
          }
          if (what === 0) {
            const method = methods[dice.below(methods.length)]!
            const make = () =>
              one.scope.child(`s${dice.below(3)}`, { method, ...(method === 'pool' && { element: 64 }) })
            note('child', isActive)
            if (isActive && all.length < 30) all.push(node(make(), one))
            else if (!isActive) expectFault('scope', [], make)
          } else if (what <= 2) {
            const works = one.state === 'idle' && (one.parent === undefined || one.parent.state === 'active')
            note('enter', works)
            if (works) {
              one.scope.enter()
              one.state = 'active'
              expect(one.scope.bytesLive).to.equal(0)
            } else expectFault('scope', [`${one.scope}`], () => one.scope.enter())
          } else if (what === 3) {
            note('leave', mayLeave)
            if (mayLeave) {
              one.scope.leave()
              one.state = 'idle'
              one.live = []
              one.expected.push('free')
            } else expectFault('scope', [`${one.scope}`], () => one.scope.leave())
          } else if (what === 4 && dice.once(4) && one !== top) {
            const works = one.state !== 'active' || mayLeave
            note('close', works)
            if (works) {
              if (one.state !== 'ended') end(one)
              one.scope.close()
            } else expectFault('scope', [`${one.scope}`], () => one.scope.close())
          } else if (what === 5) {
            note('freeAll', mayLeave)
            if (mayLeave) {
              one.scope.freeAll()
              one.live = []
              one.expected.push('free')
            } else expectFault('scope', [`${one.scope}`], () => one.scope.freeAll())
          } else if (what === 6 && one.live.length > 0) {
            const [gone] = one.live.splice(dice.below(one.live.length), 1)
            one.scope.free(gone!.at)
            note('free', true)
          } else {
            const stamp = step & 255
            note('alloc', isActive)
            if (isActive) {
              const at = one.scope.alloc(64)
              one.scope.region.bytes(at, 64).fill(stamp)
              one.live.push({ at, size: 64, stamp })
            } else expectFault('scope', [`${one.scope}`], () => one.scope.alloc(64))
          }
          for (const { scope, state, live } of all) {
            if (scope.state !== state)
              expect.fail(`SEED=${SEED} step ${step}: ${scope} is ${scope.state}, not ${state}`)
            if (state !== 'active') continue
            for (const { at, size, stamp } of live) {
              const bytes = new Uint8Array(scope.region.buffer, at, size)
              if (bytes[0] !== stamp || bytes[size - 1] !== stamp) {
                expect.fail(`SEED=${SEED} step ${step}: ${scope} lost a block`)
              }
            }
          }
          if (step % 50 === 0) {
            for (const { scope, live, state } of all) {
              if (state !== 'active') continue
              scope.region.check()
              expect(scope.region.stat().busyBlocks).to.be.at.least(live.length)
            }
          }
          for (const gone of all) {
            if (gone.state === 'ended') expect(gone.events, `${gone.scope}`).to.deep.equal(gone.expected)
          }
          all = all.filter(({ state }) => state !== 'ended')
        }
        for (const { scope, events, expected } of all) expect(events, `${scope}`).to.deep.equal(expected)
        for (const name of ['child', 'enter', 'leave', 'freeAll', 'alloc']) {
          expect(seen[`${name} true`], `${name} that works`).to.be.greaterThan(3)
          expect(seen[`${name} false`], `${name} that does not`).to.be.greaterThan(3)
        }
        top.scope.leaveInside()
        top.scope.close()
        expectNothingLeft()
      })
    }
  })

  describe('VMALLOC_OPTIONS', function () {
    this.timeout(20_000)
    const built = mkdtempSync(join(tmpdir(), 'vmalloc-scopes-'))
    const program = join(built, 'scoped.mjs')
    before(() =>
      build({
        entryPoints: [join(import.meta.dirname, 'fixtures', 'scoped.ts')],
        bundle: true,
        platform: 'node',
        format: 'esm',
        ignoreAnnotations: true, // what has side effects is said of the built files only
        outfile: program,
        logLevel: 'error',
      }),
    )
    after(() => rmSync(built, { recursive: true }))

    const run = (options: string): Promise<{ methods: Record<string, string>; stderr: string }> =>
      new Promise((done, fail) => {
        const env = { ...process.env, VMALLOC_OPTIONS: options }
        execFile(process.execPath, [program], { env }, (error, stdout, stderr) => {
          if (error) fail(error)
          else done({ methods: JSON.parse(stdout), stderr })
        })
      })

    it('reach scopes by the name of each, or all; names are taken exactly', async () => {
      const asked = { program: 'best', file: 'best', packet: 'last', plain: 'best', named: 'debug(best)' }
      const runs = await Promise.all(
        [
          '',
          'packet.method=debug',
          '*.method=block_fast',
          '*.method=block',
          '*.method=strict',
          'packet.method=simple',
          '*.method=block_f',
        ].map(run),
      )
      const [none, packet, fast, block, strict, simple, wrong] = runs.map(({ methods }) => methods)
      expect(none).to.deep.equal(asked)
      expect(packet).to.deep.equal({ ...asked, packet: 'debug(last)' })
      const all = (method: string) => Object.fromEntries(Object.keys(asked).map((name) => [name, method]))
      expect(fast, 'block_fast is last, not block').to.deep.equal(all('last'))
      expect(block).to.deep.equal(all('best'))
      expect(strict).to.deep.equal({ ...all('debug(best)'), packet: 'debug(last)' })
      expect(simple).to.deep.equal({ ...asked, packet: 'best' })
      expect(wrong, 'a name that is none is reported and ignored').to.deep.equal(asked)
      for (const { stderr } of runs.slice(0, 6)) expect(stderr).to.not.include('VMALLOC_OPTIONS')
      expect(runs[6]!.stderr).to.include('unknown method "block_f"').and.include('block')
    })
  })
})
