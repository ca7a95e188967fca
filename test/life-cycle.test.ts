/**
 * life-cycle: who is called when, with what, in which scope; what is said where something cannot be; that memory goes
 * last.
 *
 * The first part is a small model of the program that the idea is from, with the names of its functions. Its routines
 * note by whom they were called, and that is compared with the backtraces that its wiki prints: in the same order,
 * from the outermost caller to the routine (the loop over the routines is left out).
 */
import { expect } from 'chai'
import { Stack } from '../src/collections/stack.ts'
import { i32 } from '../src/collections.ts'
import { heap, injectOptions, open, type Region, regions, type VmallocError } from '../src/index.ts'
import { LifeCycle, type Reason, type Session, type SessionContext } from '../src/scope.ts'
import { expectFault, expectFaultLater } from './fixtures/faults.ts'

const textsOf = (fault: VmallocError): string[] =>
  (fault.cause as AggregateError).errors.map((error) => (error instanceof Error ? error.message : String(error)))

describe('life cycle', () => {
  let were: string
  let openBefore: Set<Region>
  let busyBefore: number
  before(() => void (were = injectOptions('format=none,profile=none')))
  after(() => injectOptions(were))
  beforeEach(() => {
    busyBefore = heap().stat().busyBlocks
    openBefore = new Set(regions())
  })
  const expectNothingLeft = (): void => {
    const left = regions().filter((region) => !openBefore.has(region))
    expect(left.map(({ name }) => name)).to.deep.equal([])
    expect(heap().stat().busyBlocks).to.equal(busyBefore)
  }

  describe('the backtraces of the wiki', () => {
    /** A program that opens capture files, as far as the wiki shows it. */
    class Viewer {
      readonly lines: string[] = []
      private readonly callers: string[] = []
      private readonly life: LifeCycle<string>
      private session: Session<string> | undefined

      constructor() {
        const { life } = {
          life: new LifeCycle<string>({
            program: { name: 'epan' },
            release: () => this.enter('cf_close', 'epan_free', 'cleanup_dissection'),
          }),
        }
        this.life = life
        // the library registers first and last: what it begins before all others, it ends after them
        life.onCleanup(() => this.leave('cleanup_dissection', 'epan_free', 'cf_close'))
        life.onInit(() => this.enter('ws_epan_new', 'epan_new', 'init_dissection'))
        life.onPostSequence(() => this.enter('postseq_cleanup_all_protocols'))
        life.onRegistered(() => this.note('spx_registered'))
        life.onInit(({ scope }) => this.note('spx_init_protocol', scope.state))
        life.onCleanup(({ scope }) => this.note('spx_cleanup_protocol', scope.state))
        life.onPostSequence(({ scope }) => this.note('spx_postseq_cleanup', scope.state))
        life.onShutdown(({ scope }) => this.note('spx_shutdown', scope.state))
        life.onInit(() => this.leave('init_dissection', 'epan_new', 'ws_epan_new'))
        life.onPostSequence(() => this.leave('postseq_cleanup_all_protocols'))
        this.within('epan_init', () => life.start())
      }

      /** What came since it was asked for the last time. */
      heard(): string[] {
        expect(this.callers).to.deep.equal([])
        return this.lines.splice(0)
      }

      menuOpenFilename(name: string): void {
        this.within('menu_open_filename', () => {
          this.within('cf_open', () => void (this.session = this.life.open(() => name)))
          this.within('cf_read', () => this.session!.read(() => this.dissect()))
        })
      }

      fileReload(): void {
        this.within('file_reload_cmd_cb', () =>
          this.within('cf_reload', () => {
            this.enter('cf_open')
            this.session!.reload(
              () => this.session!.source,
              () => {
                this.leave('cf_open')
                this.enter('cf_read')
                this.dissect()
              },
            )
            this.leave('cf_read')
          }),
        )
      }

      redissectPackets(): void {
        this.within('redissect_packets', () => this.session!.redissect(() => this.dissect()))
      }

      fileClose(): void {
        this.within('file_close_cmd_cb', () => this.within('do_file_close', () => this.session!.close()))
      }

      quit(): void {
        this.within('epan_cleanup', () => this.life.end())
      }

      private dissect(): void {
        const packet = this.session!.scope.child('packet', { method: 'block_fast' })
        for (let number = 0; number < 10; number++) packet.run((scope) => void scope.alloc(60))
        packet.close()
      }

      private note(routine: string, state = 'active'): void {
        expect(state, routine).to.equal('active')
        this.lines.push([...this.callers, routine].join(' > '))
      }

      private enter(...names: string[]): void {
        this.callers.push(...names)
      }

      private leave(...names: string[]): void {
        for (const name of names) expect(this.callers.pop()).to.equal(name)
      }

      private within(name: string, what: () => void): void {
        this.enter(name)
        what()
        this.leave(name)
      }
    }

    const OPEN = [
      'menu_open_filename > cf_open > ws_epan_new > epan_new > init_dissection > spx_init_protocol',
      'menu_open_filename > cf_read > postseq_cleanup_all_protocols > spx_postseq_cleanup',
    ]
    const RELOAD = [
      'file_reload_cmd_cb > cf_reload > cf_open > cf_close > epan_free > cleanup_dissection > spx_cleanup_protocol',
      'file_reload_cmd_cb > cf_reload > cf_open > ws_epan_new > epan_new > init_dissection > spx_init_protocol',
      'file_reload_cmd_cb > cf_reload > cf_read > postseq_cleanup_all_protocols > spx_postseq_cleanup',
    ]
    const CLOSE = [
      'file_close_cmd_cb > do_file_close > cf_close > epan_free > cleanup_dissection > spx_cleanup_protocol',
    ]

    it('open, reload, close call the same in the same order, from the same places:', function () {
      const viewer = new Viewer()
      expect(viewer.heard()).to.deep.equal(['epan_init > spx_registered'])
      viewer.menuOpenFilename('smtp-ssl.pcapng')
      const opened = viewer.heard()
      viewer.fileReload()
      const reloaded = viewer.heard()
      viewer.fileClose()
      const closed = viewer.heard()
      this.test!.title += ['', ...opened, '', ...reloaded, '', ...closed].join('\n          ')
      expect([opened, reloaded, closed]).to.deep.equal([OPEN, RELOAD, CLOSE])
      viewer.quit()
      expect(viewer.heard()).to.deep.equal(['epan_cleanup > spx_shutdown'])
      expectNothingLeft()
    })

    it('twice the same file, reloaded often: the same each time; quitting closes first', () => {
      const viewer = new Viewer()
      viewer.heard()
      for (let round = 0; round < 3; round++) {
        viewer.menuOpenFilename('a')
        expect(viewer.heard()).to.deep.equal(OPEN)
        for (let again = 0; again < 3; again++) viewer.fileReload()
        expect(viewer.heard()).to.deep.equal([...RELOAD, ...RELOAD, ...RELOAD])
        if (round === 2) break
        viewer.fileClose()
        expect(viewer.heard()).to.deep.equal(CLOSE)
      }
      viewer.quit()
      expect(viewer.heard()).to.deep.equal([
        'epan_cleanup > cf_close > epan_free > cleanup_dissection > spx_cleanup_protocol',
        'epan_cleanup > spx_shutdown',
      ])
      expectNothingLeft()
    })
  })

  /** A life cycle in which everything is noted. */
  function noted(options: ConstructorParameters<typeof LifeCycle<string>>[0] = {}) {
    const log: string[] = []
    const life = new LifeCycle<string>({ release: (source) => void log.push(`release ${source}`), ...options })
    for (const name of ['a', 'b']) {
      life.onRegistered(({ reason, scope }) => void log.push(`registered ${name} ${reason} ${scope.path}`))
      life.onInit(({ reason, source }) => void log.push(`init ${name} ${source} ${reason}`))
      life.onPostSequence(({ reason, source }) => void log.push(`post ${name} ${source} ${reason}`))
      life.onCleanup(({ reason, source }) => void log.push(`cleanup ${name} ${source} ${reason}`))
      life.onShutdown(({ reason, scope }) => void log.push(`shutdown ${name} ${reason} ${scope.path}`))
    }
    return { life, log, heard: () => log.splice(0) }
  }

  it('calls what begins something in order of registration, what ends it in the reverse order', () => {
    const { life, log, heard } = noted()
    const session = life.open(() => 'one')
    expect(heard()).to.deep.equal([
      'registered a start program',
      'registered b start program',
      'init a one open',
      'init b one open',
    ])
    expect([session.state, session.source, session.scope.path]).to.deep.equal(['open', 'one', 'program/file'])
    expect(
      session.read((same) => {
        log.push('pass')
        expect(same).to.equal(session)
        return 42
      }),
    ).to.equal(42)
    expect(heard()).to.deep.equal(['pass', 'post a one read', 'post b one read'])
    session.redissect(() => log.push('pass'))
    expect(heard()).to.deep.equal([
      'cleanup b one redissect',
      'cleanup a one redissect',
      'init a one redissect',
      'init b one redissect',
      'pass',
    ])
    session.reload(
      () => 'two',
      () => log.push('pass'),
    )
    expect(heard()).to.deep.equal([
      'release one',
      'cleanup b one reload',
      'cleanup a one reload',
      'init a two reload',
      'init b two reload',
      'pass',
      'post a two reload',
      'post b two reload',
    ])
    expect([session.state, session.source]).to.deep.equal(['read', 'two'])
    session.close()
    session.close()
    expect(heard()).to.deep.equal(['release two', 'cleanup b two close', 'cleanup a two close'])
    life.open(() => 'three')
    heard()
    life.end()
    life.end()
    expect(heard()).to.deep.equal([
      'release three',
      'cleanup b three end',
      'cleanup a three end',
      'shutdown b end program',
      'shutdown a end program',
    ])
    expectNothingLeft()
  })

  it('final registration comes once, before the first open and its opener', () => {
    const { life, log, heard } = noted()
    life.start()
    expect(heard()).to.have.length(2)
    life.start()
    life.open(() => {
      log.push('opener')
      return 'x'
    })
    expect(heard()[0]).to.equal('opener')
    expectFault('scope', ['onRegistered', 'started', 'before the first open'], () => life.onRegistered(() => {}))
    life.end()
    expectFault('scope', ['onRegistered', 'ended'], () => life.onRegistered(() => {}))
    const { life: other, log: notes } = noted()
    other.open(() => {
      notes.push('opener')
      return 'x'
    })
    expect(notes.slice(0, 3)).to.deep.equal(['registered a start program', 'registered b start program', 'opener'])
    other.end()
    expectNothingLeft()
  })

  it('without a session there is registration or not, and shutdown', () => {
    const { life, heard } = noted()
    life.end()
    expect(heard()).to.deep.equal(['shutdown b end program', 'shutdown a end program'])
    expectFault('scope', ['start', 'ended'], () => life.start())
    expectFault('scope', ['ended'], () => life.open(() => expect.fail('called')))
    expectNothingLeft()
  })

  it('several sessions at once, each with its scope; the end closes the last one opened first', () => {
    const { life, heard } = noted({ session: { name: 'capture', method: 'block' } })
    const [one, two, three] = [life.open(() => '1'), life.open(() => '2'), life.open(() => '3')]
    expect(life.sessions).to.deep.equal([one, two, three])
    expect(new Set([one, two, three].map(({ scope }) => scope.region)).size).to.equal(3)
    const at = [one, two, three].map(({ scope }, i) => scope.string(`kept ${i}`))
    one.read(() => {
      two.read(() => void two.scope.alloc(100)) // a pass inside a pass, of another one
      expect([one.state, two.state]).to.deep.equal(['reading', 'read'])
    })
    heard()
    two.close()
    expect(heard()).to.deep.equal(['release 2', 'cleanup b 2 close', 'cleanup a 2 close'])
    expect(life.sessions).to.deep.equal([one, three])
    expect([one, three].map(({ scope }, i) => scope.region.readString(at[2 * i]!))).to.deep.equal(['kept 0', 'kept 2'])
    const four = life.open(() => '4')
    expect(four.scope.region.name).to.equal('capture')
    heard()
    life.end()
    expect(heard().filter((line) => line.startsWith('release'))).to.deep.equal(['release 4', 'release 3', 'release 1'])
    expect(life.sessions).to.deep.equal([])
    expect([one, two, three, four].map(({ state }) => state)).to.deep.equal(['closed', 'closed', 'closed', 'closed'])
    expectNothingLeft()
  })

  it('what lies in the scope of a session is gone with each pass, what lies in that of the program with the end', () => {
    const life = new LifeCycle<string>()
    const log = new Stack(life.scope, i32)
    let perFile: Stack<number>
    life.onInit(({ scope }) => void (perFile = new Stack(scope, i32)))
    life.onCleanup(({ scope }) => {
      expect(scope.region.stat().busyBlocks, 'memory is there still').to.be.greaterThan(1)
      log.push(perFile.count)
    })
    const session = life.open(() => 'x')
    const pass = () => {
      const packet = session.scope.child('packet')
      for (let i = 0; i < 5; i++) packet.run(() => perFile.push(i))
    }
    session.read(pass)
    const first = perFile!
    session.redissect(pass)
    expect(first.alive).to.equal(false)
    session.scope.child('left open').enter()
    session.reload(() => 'y', pass)
    const { region } = session.scope
    session.close()
    expect(region.closed || region.busyBytes === 0).to.equal(true)
    expect([...log]).to.deep.equal([5, 5, 5])
    life.end()
    expect(log.alive).to.equal(false)
    expectNothingLeft()
  })

  it('routines are taken out, also from inside one, and twice', () => {
    const life = new LifeCycle<string>()
    const log: string[] = []
    const stopA = life.onInit(() => {
      log.push('a')
      stopA()
      stopB()
      life.onInit(() => void log.push('d'))
    })
    const stopB = life.onInit(() => void log.push('b'))
    life.onInit(() => void log.push('c'))
    const session = life.open(() => 'x')
    expect(log.splice(0), 'b was taken out before its turn, d came too late').to.deep.equal(['a', 'c'])
    stopA()
    session.read(() => {})
    session.redissect(() => {})
    expect(log.splice(0)).to.deep.equal(['c', 'd'])
    for (const on of ['onRegistered', 'onInit', 'onPostSequence', 'onCleanup', 'onShutdown'] as const) {
      const fresh = new LifeCycle<string>()
      const stop = fresh[on](() => void log.push(on))
      stop()
      stop()
      const one = fresh.open(() => 'x')
      one.read(() => {})
      fresh.end()
      expect(log, on).to.deep.equal([])
      expectFault('argument', [on, 'undefined', 'a function'], () => new LifeCycle()[on](undefined as never))
    }
    life.end()
  })

  describe('openers', () => {
    it('that fail call nothing: there is no session, and an old one stays as it was', () => {
      const { life, heard } = noted()
      const thrown = new Error('no such file')
      const fail = (): string => {
        throw thrown
      }
      expect(() => life.open(fail)).to.throw(thrown)
      expect(heard()).to.deep.equal(['registered a start program', 'registered b start program'])
      expect(life.sessions).to.deep.equal([])
      const session = life.open(() => 'old')
      const at = session.scope.string('kept')
      heard()
      for (const state of ['open', 'read'] as const) {
        expect(session.state).to.equal(state)
        expect(() => session.reload(fail, () => expect.fail('called'))).to.throw(thrown)
        expect(heard()).to.deep.equal([])
        expect([session.state, session.source]).to.deep.equal([state, 'old'])
        expect(session.scope.region.readString(at)).to.equal('kept')
        if (state === 'open') session.read(() => {})
        heard()
      }
      life.end()
      expectNothingLeft()
    })

    it('may be async, as passes: routines run when they are done', async () => {
      const { life, log, heard } = noted()
      const later = <T>(value: T) => new Promise<T>((done) => setTimeout(done, 2, value))
      const opening = life.open(() => later('one'))
      expect(life.sessions).to.deep.equal([])
      heard()
      const session = await opening
      expect(heard()).to.deep.equal(['init a one open', 'init b one open'])
      const reading = session.read(async () => {
        await later(0)
        log.push('pass')
        return 7
      })
      expect(session.state).to.equal('reading')
      for (const call of [() => session.close(), () => session.redissect(() => {}), () => life.end()]) {
        expectFault('scope', ['session 1', 'it is reading', 'expected'], call)
      }
      expect(await reading).to.equal(7)
      expect(heard()).to.deep.equal(['pass', 'post a one read', 'post b one read'])
      const reloading = session.reload(
        () => later('two'),
        async () => {
          log.push('pass')
          await later(0)
          return 8
        },
      )
      expect([session.state, session.source]).to.deep.equal(['opening', 'one'])
      expect(heard()).to.deep.equal([])
      for (const call of [() => session.close(), () => life.end(), () => session.read(() => {})]) {
        expectFault('scope', ['session 1', 'it is opening'], call)
      }
      expect(await reloading).to.equal(8)
      expect(heard()).to.deep.equal([
        'release one',
        'cleanup b one reload',
        'cleanup a one reload',
        'init a two reload',
        'init b two reload',
        'pass',
        'post a two reload',
        'post b two reload',
      ])
      const failing = session.reload(
        () => Promise.reject(new Error('gone')),
        () => expect.fail('called'),
      )
      expect(await failing.catch((error: Error) => error.message)).to.equal('gone')
      expect([session.state, session.source, heard()]).to.deep.equal(['read', 'two', []])
      await session.redissect(() => later(0))
      expect(session.state).to.equal('read')
      const broken = life.open(() => Promise.reject(new Error('never')))
      expect(await broken.catch((error: Error) => error.message)).to.equal('never')
      expect(life.sessions).to.deep.equal([session])
      life.end()
      expectNothingLeft()
    })

    it('that are done after the end give their source back', async () => {
      const { life, heard } = noted()
      const opening = life.open(() => new Promise<string>((done) => setTimeout(done, 2, 'late')))
      life.end()
      heard()
      await expectFaultLater('scope', ['open', 'the life cycle has ended'], opening)
      expect(heard()).to.deep.equal(['release late'])
      expectNothingLeft()
    })

    it('two async ones at once are two sessions', async () => {
      const { life } = noted()
      const sessions = await Promise.all(
        ['a', 'b', 'c'].map((name, i) =>
          life.open(() => new Promise<string>((done) => setTimeout(done, 6 - 2 * i, name))),
        ),
      )
      expect(sessions.map(({ source }) => source)).to.deep.equal(['a', 'b', 'c'])
      expect(
        life.sessions.map(({ source }) => source),
        'as they came',
      ).to.deep.equal(['c', 'b', 'a'])
      await Promise.all(
        sessions.map((session) =>
          session.read(async () => {
            const at = session.scope.string(session.source)
            await new Promise(setImmediate)
            expect(session.scope.region.readString(at)).to.equal(session.source)
          }),
        ),
      )
      life.end()
      expectNothingLeft()
    })
  })

  describe('illegal transitions', () => {
    it('name the session, what was asked and the state', () => {
      const life = new LifeCycle<string>()
      const session = life.open(() => 'x')
      expectFault('scope', ['session 1: redissect: it is open, expected read'], () => session.redissect(() => {}))
      session.read(() => {
        for (const [name, call] of [
          ['read', () => session.read(() => {})],
          ['redissect', () => session.redissect(() => {})],
          [
            'reload',
            () =>
              session.reload(
                () => expect.fail('called'),
                () => {},
              ),
          ],
          ['close', () => session.close()],
          ['end', () => life.end()],
        ] as const) {
          expectFault('scope', [`session 1: ${name}: it is reading, expected`], call)
        }
      })
      expectFault('scope', ['session 1: read: it is read, expected open'], () => session.read(() => {}))
      session.close()
      for (const [name, call] of [
        ['read', () => session.read(() => {})],
        ['redissect', () => session.redissect(() => {})],
        [
          'reload',
          () =>
            session.reload(
              () => expect.fail('called'),
              () => {},
            ),
        ],
      ] as const) {
        expectFault('scope', [`session 1: ${name}: it is closed, expected`], call)
      }
      const second = life.open(() => 'y')
      expectFault('scope', ['session 2: redissect'], () => second.redissect(() => {}))
      life.end()
    })

    it('are refused from inside each kind of routine, with the state of the moment', () => {
      const life = new LifeCycle<string>()
      const seen = new Set<string>()
      const tryAll = (where: string) => (context: SessionContext<string>) => {
        const { session, scope } = context
        expect(scope.state, where).to.equal('active')
        seen.add(`${where} ${session.state}`)
        for (const call of [
          () => session.close(),
          () => session.read(() => {}),
          () => session.redissect(() => {}),
          ...(context.reason === 'end' ? [] : [() => life.end()]), // where it is ending already, that does nothing
        ]) {
          expectFault('scope', [session.state], call)
        }
        scope.alloc(16)
      }
      life.onInit(tryAll('init'))
      life.onPostSequence(tryAll('post'))
      life.onCleanup(tryAll('cleanup'))
      life.onShutdown(() => {
        life.end()
        expectFault('scope', ['ended'], () => life.open(() => 'late'))
      })
      const session = life.open(() => 'x')
      session.read(() => {})
      session.redissect(() => {})
      session.reload(
        () => 'y',
        () => {},
      )
      life.end()
      expect([...seen].sort()).to.deep.equal(['cleanup closing', 'init opening', 'post reading'])
      expectNothingLeft()
    })
  })

  describe('errors', () => {
    /** Three routines of each kind, of which the first and the last throw. */
    function failing(kind: 'onRegistered' | 'onInit' | 'onPostSequence' | 'onCleanup' | 'onShutdown', when?: Reason) {
      const { life, log, heard } = noted()
      const fail = (text: string) => (context: { reason: Reason }) => {
        if (when !== undefined && context.reason !== when) return
        log.push(`${text} throws`)
        throw new Error(text)
      }
      life[kind](fail('first'))
      life[kind](() => void log.push('between'))
      life[kind](fail('last'))
      return { life, log, heard }
    }

    it('of registration: all run, the first open throws, the next one works', () => {
      const { life, heard } = failing('onRegistered')
      const fault = expectFault('destructor', ['start: 2 functions threw: first'], () =>
        life.open(() => expect.fail('called')),
      )
      expect(textsOf(fault)).to.deep.equal(['first', 'last'])
      expect(heard().slice(2)).to.deep.equal(['first throws', 'between', 'last throws'])
      expect(life.open(() => 'x').state).to.equal('open')
      life.end()
      expectNothingLeft()
    })

    it('of init at open: all run, then it is cleaned up and closed; others go on', () => {
      const { life, log, heard } = failing('onInit', 'open')
      let at = 0
      life.onInit(({ scope }) => void (at = scope.string('text')))
      life.onCleanup(({ scope, session }) => {
        log.push(scope.region.readString(at))
        expect(session.state).to.equal('closing')
      })
      const fault = expectFault('destructor', ['session 1: open: 2 functions threw: first'], () => life.open(() => 'x'))
      expect(textsOf(fault)).to.deep.equal(['first', 'last'])
      expect(heard().slice(2)).to.deep.equal([
        'init a x open',
        'init b x open',
        'first throws',
        'between',
        'last throws',
        'release x',
        'text',
        'cleanup b x open',
        'cleanup a x open',
      ])
      expect(life.sessions).to.deep.equal([])
      expect(life.scope.children).to.deep.equal([])
      life.end()
      expectNothingLeft()
    })

    for (const what of ['redissect', 'reload'] as const) {
      it(`of init at ${what}: the session is closed cleanly`, () => {
        const { life, log, heard } = failing('onInit', what)
        const session = life.open(() => 'x')
        session.read(() => {})
        heard()
        const pass = () => void log.push('pass')
        const fault = expectFault('destructor', [`session 1: ${what}: 2 functions threw`], () =>
          what === 'reload' ? session.reload(() => 'y', pass) : session.redissect(pass),
        )
        expect(textsOf(fault)).to.deep.equal(['first', 'last'])
        const lines = heard()
        expect(lines).to.not.include('pass')
        expect(lines.filter((line) => line.startsWith('release'))).to.deep.equal(
          what === 'reload' ? ['release x', 'release y'] : ['release x'],
        )
        expect(session.state).to.equal('closed')
        expect(life.sessions).to.deep.equal([])
        life.end()
        expectNothingLeft()
      })
    }

    it('of post-sequence routines: all run, read throws, the session is read and goes on', () => {
      const { life, heard } = failing('onPostSequence')
      const session = life.open(() => 'x')
      heard()
      const fault = expectFault('destructor', ['session 1: read: 2 functions threw'], () => session.read(() => 7))
      expect(textsOf(fault)).to.deep.equal(['first', 'last'])
      expect(heard()).to.deep.equal(['post a x read', 'post b x read', 'first throws', 'between', 'last throws'])
      expect(session.state).to.equal('read')
      session.redissect(() => {})
      expectFault('destructor', ['session 1: reload'], () =>
        session.reload(
          () => 'y',
          () => {},
        ),
      )
      expect([session.state, session.source]).to.deep.equal(['read', 'y'])
      life.end()
      expectNothingLeft()
    })

    it('of cleanup: all run, memory goes after them, and it comes as one error with those of scopes', () => {
      const { life, log, heard } = failing('onCleanup')
      const session = life.open(() => 'x')
      const at = session.scope.string('text')
      const { region } = session.scope
      life.onCleanup(({ scope }) => void log.push(`${scope.region.readString(at)} ${scope.state}`))
      session.scope.onFree(() => {
        throw new Error('callback')
      })
      session.scope
        .child('packet')
        .enter()
        .onFree(() => {
          throw new Error('packet')
        })
      heard()
      const fault = expectFault('destructor', ['session 1: close: 5 functions threw: last'], () => session.close())
      // the packet is left, and then closed with its file
      expect(textsOf(fault)).to.deep.equal(['last', 'first', 'packet', 'packet', 'callback'])
      expect(heard()).to.deep.equal([
        'release x',
        'text active',
        'last throws',
        'between',
        'first throws',
        'cleanup b x close',
        'cleanup a x close',
      ])
      expect([session.state, region.busyBytes]).to.deep.equal(['closed', 0])
      session.close()
      life.end()
      expectNothingLeft()
    })

    for (const what of ['redissect', 'reload'] as const) {
      it(`of cleanup at ${what}: told, while the next pass is not begun; it can be asked for again`, () => {
        const { life, log, heard } = noted()
        let isBroken = true
        life.onCleanup(() => {
          if (isBroken) throw new Error('cleanup')
        })
        const session = life.open(() => 'x')
        session.read(() => {})
        const { region } = session.scope
        session.scope.alloc(100)
        heard()
        const pass = () => void log.push('pass')
        const call = () => (what === 'reload' ? session.reload(() => 'y', pass) : session.redissect(pass))
        const fault = expectFault('destructor', [`session 1: ${what}: a function threw: cleanup`], call)
        expect(textsOf(fault)).to.deep.equal(['cleanup'])
        expect(heard()).to.include(`init b ${session.source} ${what}`).and.not.include('pass')
        expect([session.scope.state, region.busyBytes]).to.deep.equal(['active', 0])
        isBroken = false
        if (what === 'reload') {
          expect([session.state, session.source]).to.deep.equal(['open', 'y'])
          session.read(pass)
          expect(heard()).to.deep.equal(['pass', 'post a y read', 'post b y read'])
        } else {
          expect(session.state).to.equal('read')
          session.redissect(pass)
          expect(heard()).to.include('pass').and.not.include('post a x read')
        }
        life.end()
        expectNothingLeft()
      })
    }

    it('of shutdown: all run, the memory of the program goes after them', () => {
      const { life, heard } = failing('onShutdown')
      const session = life.open(() => 'x')
      session.scope.onFree(() => {
        throw new Error('file')
      })
      life.scope.onFree(() => {
        throw new Error('program')
      })
      const { region } = life.scope
      const fault = expectFault('destructor', ['end: 4 functions threw: file'], () => life.end())
      expect(textsOf(fault)).to.deep.equal(['file', 'last', 'first', 'program'])
      expect(heard().slice(-5)).to.deep.equal([
        'last throws',
        'between',
        'first throws',
        'shutdown b end program',
        'shutdown a end program',
      ])
      expect(region.closed).to.equal(true)
      life.end()
      expectNothingLeft()
    })

    it('of a pass: thrown on; it can be done again, and post-sequence routines run after the first that is done', () => {
      const { life, heard } = noted()
      const session = life.open(() => 'x')
      heard()
      const thrown = new Error('bad packet')
      const fail = () => {
        throw thrown
      }
      expect(() => session.read(fail)).to.throw(thrown)
      expect([session.state, heard()]).to.deep.equal(['open', []])
      session.read(() => {})
      expect(heard()).to.deep.equal(['post a x read', 'post b x read'])
      expect(() => session.redissect(fail)).to.throw(thrown)
      heard()
      expect(session.state).to.equal('read')
      session.redissect(() => {})
      expect(heard().some((line) => line.startsWith('post'))).to.equal(false)
      expect(() => session.reload(() => 'y', fail)).to.throw(thrown)
      expect([session.state, session.source]).to.deep.equal(['open', 'y'])
      heard()
      session.read(() => {})
      expect(heard()).to.deep.equal(['post a y read', 'post b y read'])
      life.end()
      expectNothingLeft()
    })

    it('of a release: told with the others, which all run', () => {
      const life = new LifeCycle<string>({
        release: (source) => {
          throw new Error(`release ${source}`)
        },
      })
      let cleaned = 0
      life.onCleanup(() => {
        cleaned++
        throw new Error('cleanup')
      })
      const session = life.open(() => 'x')
      const fault = expectFault('destructor', ['session 1: close: 2 functions'], () => session.close())
      expect(textsOf(fault)).to.deep.equal(['release x', 'cleanup'])
      expect(cleaned).to.equal(1)
      life.end()
      expectNothingLeft()
    })

    it('an async routine is one: it would not be done before the next', () => {
      const life = new LifeCycle<string>()
      life.onInit((async () => {}) as () => void)
      let other = 0
      life.onInit(() => void other++)
      const fault = expectFault('destructor', ['session 1: open', 'onInit', 'promise'], () => life.open(() => 'x'))
      expect(textsOf(fault)).to.have.length(1)
      expect(other).to.equal(1)
      life.end()
    })

    it('no memory for the scope of a session: no session, its source released, the rest goes on', () => {
      const root = open({ discipline: new ArrayBuffer(1 << 14), name: 'root' })
      const { life, heard } = noted({ program: { name: 'program', discipline: root } })
      const first = life.open(() => 'first')
      const filler: number[] = []
      for (let at = root.alloc(512); at !== 0; at = root.alloc(512)) filler.push(at)
      for (let at = root.alloc(16); at !== 0; at = root.alloc(16)) filler.push(at)
      heard()
      for (const name of ['x', 'y']) {
        expectFault('no-memory', ['open file'], () => life.open(() => name))
        expect(heard()).to.deep.equal([`release ${name}`])
      }
      expect(life.sessions).to.deep.equal([first])
      expect(life.scope.children).to.have.length(1)
      for (const at of filler) root.free(at)
      const third = life.open(() => 'third')
      third.read(() => void third.scope.alloc(100))
      life.end()
      expect(root.stat().busyBlocks).to.equal(0)
      root.close()
    })

    it('a scope that somebody closed ends the session at the next turn, not the program', () => {
      for (const what of ['redissect', 'reload', 'close', 'end'] as const) {
        const { life, heard } = noted()
        const session = life.open(() => 'x')
        session.read(() => {})
        session.scope.close()
        heard()
        const call = () => {
          if (what === 'redissect') session.redissect(() => expect.fail('called'))
          else if (what === 'close') session.close()
          else if (what === 'end') life.end()
          else {
            session.reload(
              () => 'y',
              () => expect.fail('called'),
            )
          }
        }
        if (what === 'close' || what === 'end') call()
        else expectFault('destructor', [`session 1: ${what}`, 'scope program/file', 'ended'], call)
        expect([session.state, life.sessions], what).to.deep.equal(['closed', []])
        expect(heard().filter((line) => line.startsWith('release'))).to.include(
          what === 'reload' ? 'release y' : 'release x',
        )
        life.end()
        expectNothingLeft()
      }
    })
  })

  it('a source that comes when the scope of the program is left is given back', () => {
    const { life, heard } = noted()
    life.scope.leave()
    heard()
    expectFault('scope', ['open', 'scope program is idle'], () => life.open(() => 'x'))
    expect(heard()).to.include('release x')
    life.scope.enter()
    life.open(() => 'y')
    life.end()
    expectNothingLeft()
  })

  it('takes options for the scopes; VMALLOC_OPTIONS reaches both by name', () => {
    const before = injectOptions('file.method=strict,program.method=block_fast,format=none')
    try {
      const life = new LifeCycle()
      const session = life.open(() => 0)
      expect([life.scope.region.method, session.scope.region.method]).to.deep.equal(['last', 'debug(best)'])
      life.end()
    } finally {
      injectOptions(before)
    }
    const life = new LifeCycle({ program: { name: 'tool', discipline: 'memory' }, session: { name: 'run', check: 3 } })
    const session = life.open(() => 0)
    expect(`${session.scope}`).to.equal('scope tool/run')
    expect(session.scope.region.parent).to.equal(life.scope.region)
    life.end()
    expectNothingLeft()
  })

  it('ends with `using`, sessions too', () => {
    const log: string[] = []
    {
      using life = new LifeCycle<string>()
      life.onCleanup(({ reason }) => void log.push(`cleanup ${reason}`))
      life.onShutdown(() => void log.push('shutdown'))
      {
        using session = life.open(() => 'x')
        session.read(() => {})
      }
      life.open(() => 'y')
    }
    expect(log).to.deep.equal(['cleanup close', 'cleanup end', 'shutdown'])
    expectNothingLeft()
  })

  it('the scope of a closed session serves the next', () => {
    const life = new LifeCycle<string>()
    const headers = new Set<number>()
    for (let i = 0; i < 20; i++) {
      const session = life.open(() => `${i}`)
      headers.add(session.scope.region.header)
      session.close()
    }
    expect(headers.size).to.equal(1)
    life.end()
    expectNothingLeft()
  })
})
