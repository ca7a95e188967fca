/**
 * What a review of pools, scopes and the life cycle found, each as it was shown.
 */
import { expect } from 'chai'
import { heap, injectOptions, open } from '../../src/index.ts'
import { LifeCycle, openPool, openScope } from '../../src/scope.ts'
import { expectFault } from '../fixtures/faults.ts'

describe('scopes, as reviewed', () => {
  it('a pool over a root frees and resizes no block of a region nested in it', () => {
    using pool = openPool({ name: 'p', discipline: 'memory' })
    const child = open({ discipline: pool.region, name: 'child' })
    const at = child.alloc(100)
    expectFault('argument', ['pool p: free', 'region child'], () => pool.free(at))
    expectFault('argument', ['pool p: resize', 'region child'], () => pool.resize(at, 200))
    const own = pool.alloc(100)
    expect(pool.resize(own, 2000)).to.be.above(0)
    pool.region.check()
    child.check()
  })

  it('a scope over a root neither, in any depth', () => {
    using program = openScope('p', { discipline: 'memory' }).enter()
    const file = program.child('f').enter()
    const packet = file.child('q').enter()
    const at = packet.alloc(100)
    expectFault('argument', ['scope p: free', 'region q'], () => program.free(at))
    expectFault('argument', ['scope p/f: free'], () => file.free(at))
    packet.free(at)
    packet.leave()
    file.leave()
    program.region.check()
  })

  it('children of a thousand names leave few spares', () => {
    const before = heap().busyBytes
    const program = openScope('program').enter()
    for (let i = 0; i < 1000; i++) {
      const file = program.child(`file ${i}`).enter()
      file.alloc(50_000)
      file.close()
    }
    expect(heap().busyBytes - before, 'bytes of the scope and its spares').to.be.below(600_000)
    program.close()
    expect(heap().busyBytes).to.equal(before)
  })

  it('a region with values, other settings or listeners is no spare', () => {
    using program = openScope('program').enter()
    const marks: ((scope: ReturnType<typeof openScope>) => void)[] = [
      ({ region }) => void region.values.set('k', 7),
      ({ region }) => void region.set({ junk: true }),
      ({ region }) => void region.on('alloc', () => {}),
    ]
    for (const mark of marks) {
      const first = program.child('f').enter()
      mark(first)
      const { region } = first
      first.close()
      expect(region.closed).to.equal(true)
      const second = program.child('f').enter()
      expect(second.region.values.get('k')).to.equal(undefined)
      second.close()
    }
  })

  it('what a pool that is destroyed has is no leak', () => {
    const found: string[] = []
    injectOptions('*.method=strict')
    try {
      const pool = openPool({ name: 'p' })
      expect(pool.region.method).to.equal('debug(best)')
      pool.region.on('report', ({ finding }) => void found.push(finding.kind))
      pool.alloc(11)
      pool.destroy()
    } finally {
      injectOptions('')
    }
    expect(found).to.deep.equal([])
  })

  it('five thousand scopes in one another are closed, and left', () => {
    const program = openScope('program').enter()
    let inner = program
    for (let i = 0; i < 5000; i++) inner = inner.child('s').enter()
    expect(program.leaveInside()).to.deep.equal([])
    program.close()
    expect(inner.state).to.equal('ended')
  })

  it('a source whose release answers a promise is told', () => {
    const life = new LifeCycle<number>({ release: (async () => {}) as () => void })
    const session = life.open(() => 1)
    expectFault('destructor', ['release', 'promise'], () => session.close())
    expect(session.state).to.equal('closed')
    life.end()
  })

  it('names, functions and moments that cannot be meant are refused', () => {
    for (const name of ['', 'a/b', undefined as unknown as string]) {
      expectFault('argument', ['scope: name'], () => openScope(name))
    }
    using program = openScope('program')
    expectFault('argument', ['run: 5'], () => program.run(5 as unknown as () => void))
    expect(program.state).to.equal('idle')
    const life = new LifeCycle<number>()
    expectFault('argument', ['open: undefined'], () => life.open(undefined as unknown as () => number))
    const session = life.open(() => 1)
    expectFault('argument', ['read: undefined'], () => session.read(undefined as unknown as () => void))
    session.scope.close()
    expectFault('scope', ['read', 'ended'], () => session.read(() => {}))
    life.end()
    expectFault('scope', ['onInit', 'ended'], () => life.onInit(() => {}))
  })

  it('a routine that is told of everybody cannot open a source before the others heard', () => {
    const life = new LifeCycle<number>()
    let thrown: unknown
    life.onRegistered(() => {
      try {
        life.open(() => 1)
      } catch (error) {
        thrown = error
      }
    })
    life.start()
    expect(String(thrown)).to.include('from inside a routine')
    expect(life.sessions).to.deep.equal([])
    life.end()
  })
})
