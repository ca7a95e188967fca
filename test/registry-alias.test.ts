/**
 * registry-alias: other names for methods, those of wmem's allocators and one's own.
 */
import { expect } from 'chai'
import { type Discipline, injectOptions, type MethodDef, open, registry } from '../src/index.ts'
import { expectFault } from './fixtures/faults.ts'

const { methods } = registry

describe('other names for methods', () => {
  let were: string
  before(() => void (were = injectOptions('format=none,profile=none,depth=0')))
  after(() => injectOptions(were))

  const opened = (method: string): string => {
    const region = open({ method })
    const { method: name } = region
    expect(region.alloc(32)).to.be.greaterThan(0)
    region.check()
    region.close()
    return name
  }

  it('are those of wmem, each exactly', () => {
    expect(methods.aliases()).to.deep.equal([
      ['simple', 'best'],
      ['block', 'best'],
      ['block_fast', 'last'],
      ['strict', 'debug'],
    ])
    for (const [name, of] of methods.aliases()) expect(methods.get(name)).to.equal(methods.get(of))
    expect(['simple', 'block', 'block_fast', 'strict'].map(opened)).to.deep.equal([
      'best',
      'best',
      'last',
      'debug(best)',
    ])
    for (const name of ['Block', 'block-fast', 'block_', 'bloc', 'strictly', 'simple2']) {
      expectFault('unknown', [`unknown method "${name}"`], () => open({ method: name }))
    }
    expectFault('unknown', ['did you mean "block_fast"?'], () => open({ method: 'block_fas' }))
    expectFault('unknown', ['did you mean "strict"?'], () => open({ method: 'stric' }))
  })

  it('are no methods of their own: not in names, not in the bytes', () => {
    expect(methods.names()).to.have.members(['best', 'last', 'pool', 'debug', 'profile', 'null'])
    expect(methods.all().map(({ name }) => name)).to.deep.equal(methods.names())
    const region = open({ method: 'block_fast', discipline: new ArrayBuffer(4096) })
    const text = new TextDecoder('latin1').decode(region.buffer)
    expect(text).to.include('last').and.not.include('block_fast')
  })

  it('wrap and are wrapped like the names that they stand for', () => {
    for (const [asked, is] of [
      ['strict(block_fast)', 'debug(last)'],
      ['strict(simple)', 'debug(best)'],
      ['profile(block)', 'profile(best)'],
      ['strict(profile(block_fast))', 'debug(profile(last))'],
      ['debug(block_fast)', 'debug(last)'],
      [' strict( block_fast ) ', 'debug(last)'],
    ] as const) {
      expect(opened(asked), asked).to.equal(is)
    }
    const before = injectOptions('p.method=strict,format=none')
    try {
      const region = open({ name: 'p', method: 'block_fast' })
      expect(region.method, 'what the program asked for').to.equal('debug(last)')
      region.close()
    } finally {
      injectOptions(before)
    }
  })

  it('serve in the options, under a name, for all, for what asks for nothing', () => {
    const before = injectOptions('')
    try {
      for (const [options, plain, named] of [
        ['method=block_fast', 'last', 'pool'],
        ['*.method=block_fast', 'last', 'last'],
        ['named.method=strict', 'best', 'debug(pool)'],
        ['*.method=block', 'best', 'best'],
        ['named.method=simple', 'best', 'best'],
      ] as const) {
        injectOptions(`${options},format=none`)
        const regions = [open(), open({ name: 'named', method: 'pool' })]
        expect(
          regions.map(({ method }) => method),
          options,
        ).to.deep.equal([plain, named])
        for (const region of regions) region.close()
      }
    } finally {
      injectOptions(before)
    }
  })

  describe('of one’s own', () => {
    const mine = (name: string): MethodDef => ({ ...methods.get('last')!, name })
    afterEach(() => {
      for (const name of ['mine', 'other', 'third']) while (methods.unregister(name)) {}
    })

    it('may come before what they stand for, and are taken out', () => {
      methods.alias('other', 'mine')
      expect(methods.get('other')).to.equal(undefined)
      expectFault('unknown', ['unknown method "other"', '"mine"', 'not registered'], () => open({ method: 'other' }))
      methods.register(mine('mine'))
      expect(opened('other')).to.equal('mine')
      expect(methods.unregister('other')).to.equal(true)
      expect(methods.unregister('other')).to.equal(false)
      expectFault('unknown', ['unknown method "other"'], () => open({ method: 'other' }))
      expect(opened('mine')).to.equal('mine')
      methods.alias('other', 'mine')
      methods.unregister('mine')
      const fault = expectFault('unknown', ['"other"', '"mine"'], () => open({ method: 'other' }))
      expect(fault.message).to.not.include('did you mean "other"')
      methods.register(mine('mine'))
      expect(opened('other')).to.equal('mine')
    })

    it('change what they stand for when they are given anew, and give way to a definition', () => {
      methods.alias('other', 'best')
      expect(opened('other')).to.equal('best')
      methods.alias('other', 'last')
      expect(opened('other')).to.equal('last')
      expect(methods.register(mine('other'))).to.equal(undefined)
      expect(methods.aliases().map(([name]) => name)).to.not.include('other')
      expect(opened('other')).to.equal('other')
      expectFault('argument', ['alias: other for best', 'other is a method itself'], () =>
        methods.alias('other', 'best'),
      )
    })

    it('are of definitions: no chains, no circles, no names that the options could not say', () => {
      methods.alias('other', 'mine')
      expectFault('argument', ['third for other', 'other is another name itself'], () =>
        methods.alias('third', 'other'),
      )
      expectFault('argument', ['mine for best', 'other'], () => methods.alias('mine', 'best'))
      expectFault('argument', ['alias: third for third'], () => methods.alias('third', 'third'))
      for (const name of ['', 'a b', 'a,b', 'a(b)', 'a=b', "a'b"]) {
        expectFault('argument', ['name', 'expected'], () => methods.alias(name, 'best'))
      }
      expect(opened('best')).to.equal('best')
    })

    it('count as a change, so that opens that are remembered look anew', () => {
      methods.alias('other', 'best')
      const ask = () => opened('other')
      expect([ask(), ask(), ask()]).to.deep.equal(['best', 'best', 'best'])
      methods.alias('other', 'last')
      expect([ask(), ask()]).to.deep.equal(['last', 'last'])
      methods.unregister('other')
      expect(ask).to.throw('unknown method "other"')
    })

    it('of disciplines too', () => {
      const { disciplines } = registry
      disciplines.alias('mine', 'memory')
      try {
        const region = open({ discipline: 'mine' })
        const { name } = region.discipline as Discipline
        expect(name).to.equal('memory')
        region.close()
      } finally {
        disciplines.unregister('mine')
      }
      expectFault('unknown', ['unknown discipline "mine"'], () => open({ discipline: 'mine' }))
    })
  })
})
