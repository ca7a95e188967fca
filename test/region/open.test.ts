/**
 * open and attach: what may be asked for, what is said about the rest, and when memory that holds a region may be used.
 */
import { expect } from 'chai'
import sinon from 'sinon'
import {
  attach,
  type Discipline,
  type FaultCode,
  injectOptions,
  type MethodDef,
  type OpenOptions,
  open,
  registry,
} from '../../src/index.ts'
import { expectFault } from '../fixtures/faults.ts'
import { pieces } from '../fixtures/pieces.ts'

const any = (options: Record<string, unknown>) => options as OpenOptions

describe('open', () => {
  it('without anything is best, named region, nested in the heap', () => {
    const region = open()
    expect(region).to.include({ name: 'region', method: 'best', alignment: 8, closed: false, unit: 0 })
    expect(region.discipline.name).to.equal('region')
    expect(region.parent?.name).to.equal('heap')
    expect(region.set({})).to.deep.equal({ check: 0, keep: false, junk: false, events: false })
  })

  it('takes names, definitions, regions and raw memory', () => {
    const method = registry.methods.get('last')!
    expect(open({ method }).method).to.equal('last')
    expect(open({ method: 'pool', element: 24 }).unit).to.equal(24)
    for (const [discipline, name] of [
      ['memory', 'memory'],
      ['resizable', 'resizable'],
      ['shared', 'shared'],
      ['buffer', 'buffer'],
      [new ArrayBuffer(8192), 'buffer'],
      [new Uint16Array(8192), 'buffer'],
      [new DataView(new ArrayBuffer(8192)), 'buffer'],
      [new ArrayBuffer(0, { maxByteLength: 65536 } as never), 'resizable'],
      [new SharedArrayBuffer(8192), 'shared'],
      [new SharedArrayBuffer(0, { maxByteLength: 65536 } as never), 'shared'],
      [new WebAssembly.Memory({ initial: 1 }), 'memory'],
      [new WebAssembly.Memory({ initial: 1, maximum: 2, shared: true }), 'shared'],
      [open(), 'region'],
      [pieces(), 'pieces'],
    ] as [OpenOptions['discipline'], string][]) {
      const region = open({ discipline })
      expect(region.discipline.name).to.equal(name)
      const at = region.alloc(100)
      expect(region.bytes(at, 100).fill(1).length).to.equal(100)
      region.check()
    }
  })

  it('keeps to the part of a buffer that a typed array shows, wherever it begins', () => {
    for (const offset of [0, 1, 3, 8, 13, 1000]) {
      const whole = new Uint8Array(20_000).fill(0xee)
      const region = open({ discipline: whole.subarray(offset, offset + 16_000), align: 64 })
      const blocks: number[] = []
      for (let at = region.alloc(300); at !== 0; at = region.alloc(300)) blocks.push(at)
      expect(blocks.length).to.be.greaterThan(35)
      for (const at of blocks) {
        expect(at % 64, 'counted from the first byte of the buffer').to.equal(0)
        region.bytes(at, 300).fill(0x11)
      }
      region.check()
      expect(
        whole.subarray(0, offset).every((byte) => byte === 0xee),
        'before',
      ).to.equal(true)
      expect(
        whole.subarray(offset + 16_000).every((byte) => byte === 0xee),
        'behind',
      ).to.equal(true)
      region.close()
    }
  })

  it('aligns every payload to what is asked for', () => {
    for (const align of [8, 16, 64, 4096]) {
      for (const method of ['best', 'last', 'pool']) {
        const region = open({ align, method, discipline: 'memory' })
        for (let i = 0; i < 20; i++) expect(region.alloc(50) % align, `${method} ${align}`).to.equal(0)
        expect(region.alignment).to.equal(align)
        region.check()
      }
    }
  })

  it('tells the discipline, which may veto', () => {
    const exception = sinon.stub()
    const discipline: Discipline = { ...pieces(), exception }
    exception.returns(0)
    const region = open({ discipline, name: 'told' })
    expect(exception.args.map(([of, event, data]) => [of, event, data])).to.deep.equal([
      [region, 'open', { at: 0 }],
      [region, 'endopen', region.header],
    ])
    exception.returns(-1)
    const { held } = pieces()
    expectFault('vetoed', ['told', 'pieces'], () => open({ discipline: { ...pieces(), exception }, name: 'told' }))
    expect(held).to.deep.equal([])
  })

  // biome-ignore format: a table
  const wrong: [what: string, asked: Record<string, unknown>, code: FaultCode, parts: (string | RegExp)[]][] = [
    ['a method that is no name',        { method: 5 },                         'argument', ['method', '5']],
    ['a method that is no definition',  { method: {} },                        'argument', ['method', 'Object']],
    ['a method nobody knows',           { method: 'bset' },                    'unknown',  ['bset', 'did you mean "best"']],
    ['a method like no other',          { method: 'zzzzzz' },                  'unknown',  ['zzzzzz', 'best', 'last', 'pool']],
    ['an empty method',                 { method: '' },                        'argument', ['method', '""', 'expected a name']],
    ['an open parenthesis',             { method: 'best(' },                   'argument', ['best(', 'closing']],
    ['a closed parenthesis',            { method: 'best)' },                   'argument', ['best)', 'name']],
    ['a method that wraps nothing',     { method: 'best(pool)' },              'argument', ['best', 'wrap']],
    ['an unknown method in a wrapper',  { method: 'best(pol)' },               'argument', ['best']],
    ['a path that is not there',        { method: './no/such.mjs' },           'argument', ['./no/such.mjs', 'not found']],
    ['a package that is not there',     { method: 'no-such-package-anywhere' }, 'unknown', ['no-such-package-anywhere']],
    ['a discipline nobody knows',       { discipline: 'memroy' },              'unknown',  ['memroy', 'did you mean "memory"']],
    ['an empty discipline',             { discipline: '' },                    'unknown',  ['""', 'memory']],
    ['a number for a discipline',       { discipline: 5 },                     'argument', ['discipline', '5', 'ArrayBuffer']],
    ['null for a discipline',           { discipline: null },                  'argument', ['discipline', 'null', 'ArrayBuffer']],
    ['an object for a discipline',      { discipline: {} },                    'argument', ['discipline', 'Object', '{ name, memory, buffer }']],
    ['half a discipline',               { discipline: { name: 'x', buffer: () => new ArrayBuffer(8) } }, 'argument', ['{ name, memory, buffer }']],
    ['a name that is no text',          { name: 5 },                           'argument', ['name', '5']],
    ['a name that is too long',         { name: 'é'.repeat(128) },             'argument', ['name', '256', '255']],
    ['align that is no power of two',   { align: 12 },                         'argument', ['align', '12', 'power of two']],
    ['align below 8',                   { align: 4 },                          'argument', ['align', '4', '8']],
    ['align that is too large',         { align: 2 ** 22 },                    'argument', ['align', `${2 ** 22}`, `${2 ** 21}`]],
    ['align that is a text',            { align: '64' },                       'argument', ['align', '64', 'power of two']],
    ['align that is NaN',               { align: Number.NaN },                 'argument', ['align', 'NaN']],
    ['check that is out of bounds',     { check: 4 },                          'argument', ['check', '4', '0, 1, 2 or 3']],
    ['check that is a fraction',        { check: 1.5 },                        'argument', ['check', '1.5']],
    ['check that is a text',            { check: '2' },                        'argument', ['check', '2']],
    ['keep that is no flag',            { keep: 'yes' },                       'argument', ['keep', 'yes', 'true or false']],
    ['junk that is no flag',            { junk: 1 },                           'argument', ['junk', '1', 'true or false']],
    ['events that is no flag',          { events: 'on' },                      'argument', ['events', 'on', 'true or false']],
    ['an element of no bytes',          { method: 'pool', element: 0 },        'argument', ['element', '0', '1']],
    ['a fraction of an element',        { method: 'pool', element: 1.5 },      'argument', ['element', '1.5']],
    ['a text for an element',           { method: 'pool', element: '24' },     'argument', ['element', '24', 'number']],
    ['a number for free',               { free: 1 },                           'argument', ['free', '1', 'true or false']],
    ['a root that is too small',        { discipline: 'memory', max: 100 },    'argument', ['max', '100', '65536']],
    ['an option misspelt',              { metod: 'best' },                     'unknown',  ['metod', 'did you mean "method"']],
    ['an option of a method misspelt',  { method: 'pool', elemnt: 24 },        'unknown',  ['elemnt', 'did you mean "element"']],
    ['too few bytes for a header',      { discipline: new ArrayBuffer(64) },   'no-memory', ['buffer', 'bytes']],
    ['no memory at all',                { discipline: 'null' },                'no-memory', ['null', 'bytes']],
  ]
  for (const [what, asked, code, parts] of wrong) {
    it(`refuses ${what}`, () => {
      const fault = expectFault(code, parts, () => open(any({ name: 'refused', ...asked })))
      if (typeof asked.name === 'undefined' && !/^(unknown )?(method|discipline|module)/.test(fault.message)) {
        expect(fault.message, 'the region by name').to.include('refused')
      }
    })
  }

  it('lets an option of a method pass that is not the one in use', () => {
    expect(open({ method: 'best', element: 24 }).method).to.equal('best')
  })

  it('again, as before, minds what was registered or set in the meantime', () => {
    const root = open({ discipline: 'memory', name: 'root' })
    const last = registry.methods.get('last')!
    const opened = (more: OpenOptions = {}) => {
      const region = open({ discipline: root, method: 'passing', name: 'again', ...more })
      const { align: alignment, check } = { align: region.alignment, check: region.set({}).check }
      const frees = region.free(region.alloc(8)) // `last` frees the newest block, `null` has none
      expect(region.close()).to.equal(true)
      return [alignment, check, frees]
    }
    expectFault('unknown', ['passing'], () => opened())
    registry.methods.register({ ...last, name: 'passing' })
    try {
      for (let i = 0; i < 3; i++) {
        expect(opened()).to.deep.equal([8, 0, true])
        expect(opened({ align: 64 })).to.deep.equal([64, 0, true])
        expect(opened({ check: 3, align: 16 })).to.deep.equal([16, 3, true])
      }
      const before = injectOptions('again.check=2')
      for (let i = 0; i < 3; i++) expect(opened()).to.deep.equal([8, 2, true])
      injectOptions('again.method=best check=1')
      for (let i = 0; i < 3; i++) {
        expect(opened()).to.deep.equal([8, 1, true])
        expect(open({ discipline: root, method: 'passing', name: 'again' }).method).to.equal('best')
      }
      injectOptions(before)
      expect(opened()).to.deep.equal([8, 0, true])
      registry.methods.register({ ...registry.methods.get('null')!, name: 'passing' })
      for (let i = 0; i < 3; i++) expect(opened()).to.deep.equal([8, 0, true])
      expectFault('unknown', ['depht'], () => opened(any({ depht: 1 })))
    } finally {
      registry.methods.unregister('passing')
    }
    expectFault('unknown', ['passing'], () => opened())
    root.check()
  })

  it('leaves nothing behind when it fails', () => {
    const parent = open({ discipline: new ArrayBuffer(4096), check: 3 })
    while (parent.alloc(256) !== 0);
    const before = parent.stat()
    expectFault('no-memory', ['region'], () => open({ discipline: parent }))
    expect(parent.stat()).to.deep.equal(before)
    expect(parent.children()).to.deep.equal([])
  })
})

describe('memory that holds a region', () => {
  // biome-ignore format: a table
  const memories: [what: string, make: () => ArrayBufferLike | WebAssembly.Memory | Uint8Array, bytes: (of: never) => ArrayBufferLike][] = [
    ['an ArrayBuffer',          () => new ArrayBuffer(16_384),                                            (of) => of],
    ['a typed array',           () => new Uint8Array(new ArrayBuffer(17_000), 100, 16_384),               (of: Uint8Array) => of.buffer],
    ['a resizable ArrayBuffer', () => new ArrayBuffer(0, { maxByteLength: 16_384 } as never),             (of) => of],
    ['a SharedArrayBuffer',     () => new SharedArrayBuffer(16_384),                                      (of) => of],
    ['a WebAssembly.Memory',    () => new WebAssembly.Memory({ initial: 1 }),                             (of: WebAssembly.Memory) => of.buffer],
    ['a shared one',            () => new WebAssembly.Memory({ initial: 1, maximum: 3, shared: true }),   (of: WebAssembly.Memory) => of.buffer],
  ]
  for (const [what, make, bytes] of memories) {
    it(`is not opened over, but attached (${what})`, () => {
      const memory = make()
      const region = open({ discipline: memory, name: 'first' })
      const at = region.string('still there')
      expectFault('argument', ['second', 'first', 'is there already', 'attach'], () =>
        open({ discipline: memory, name: 'second' }),
      )
      expect(region.readString(at)).to.equal('still there')
      region.check()
      const again = attach(memory)
      expect(again.name).to.equal('first')
      expect(again.readString(at)).to.equal('still there')
    })

    it(`may be opened over once that region is closed, or wiped out (${what})`, () => {
      const memory = make()
      open({ discipline: memory, name: 'first' }).close()
      const second = open({ discipline: memory, name: 'second' })
      expect(second.name).to.equal('second')
      expect(second.alloc(10)).to.be.greaterThan(0)
      new Uint8Array(bytes(memory as never)).fill(0)
      expect(open({ discipline: memory, name: 'third' }).name).to.equal('third')
    })
  }
})

describe('attach', () => {
  it('goes on where a copy of the bytes left off', () => {
    const region = open({ discipline: 'memory', name: 'saved', align: 16 })
    const at = region.string('kept')
    const free = region.alloc(300)
    region.free(free)
    const copy = attach((region.buffer as ArrayBuffer).slice(0))
    expect(copy).to.include({ name: 'saved', method: 'best', header: region.header, alignment: 16 })
    expect(copy.stat()).to.deep.equal(region.stat())
    expect(copy.readString(at)).to.equal('kept')
    expect(copy.alloc(300), 'as the original would').to.equal(free)
    expect(region.sizeOf(free), 'which knows nothing of it').to.equal(-1)
    expect(copy.free(at)).to.equal(true)
    copy.check()
  })

  it('answers the region that is open already', () => {
    const memory = new ArrayBuffer(8192)
    const region = open({ discipline: memory })
    expect(attach(memory)).to.equal(region)
    region.close()
    expectFault('damaged', ['no region at 8', 'closed'], () => attach(memory))
  })

  it('finds a region in part of a buffer', () => {
    const bytes = new Uint8Array(20_000)
    const region = open({ discipline: bytes.subarray(4096, 16_384) })
    const at = region.string('inside')
    const moved = new Uint8Array(30_000)
    moved.set(bytes.subarray(4096, 16_384), 8192)
    const again = attach(moved.subarray(8192, 8192 + 12_288))
    expect(again.readString(at - 4096 + 8192)).to.equal('inside')
    again.check()
  })

  for (const wrong of [undefined, null, 5, 'bytes', {}, [], () => {}]) {
    it(`refuses ${typeof wrong === 'function' ? 'a function' : JSON.stringify(wrong)}`, () => {
      expectFault('argument', ['attach', 'ArrayBuffer', 'WebAssembly.Memory'], () => attach(wrong))
    })
  }

  it('refuses bytes that are no region, or not all of one', () => {
    const whole = open({ discipline: new ArrayBuffer(16_384) }).buffer as ArrayBuffer
    expectFault('damaged', ['no region at 8'], () => attach(new ArrayBuffer(16_384)))
    expectFault('damaged', ['too few'], () => attach(new ArrayBuffer(100)))
    expectFault('damaged', ['cut off'], () => attach(whole.slice(0, 1200)))
    expectFault('damaged', [/no region at 8|magic/], () => attach(whole.slice(8)))
    const other = new Uint8Array(whole.slice(0))
    other[100] = other[100]! ^ 1
    expectFault('damaged', ['region'], () => attach(other))
  })

  it('does not make a root of a region that is nested in another', () => {
    const root = open({ discipline: 'memory', name: 'root' })
    const child = open({ discipline: root, name: 'child' })
    const neighbour = root.string('must not be overwritten')
    const copy = (root.buffer as ArrayBuffer).slice(0)
    let found: ReturnType<typeof attach> | undefined
    try {
      found = attach(copy, { at: child.header })
    } catch (error) {
      expect((error as Error).message).to.match(/root|nested|child/)
      return
    }
    for (let i = 0; i < 100; i++) found.bytes(found.alloc(500), 500).fill(0xff)
    expect(attach(copy).readString(neighbour)).to.equal('must not be overwritten')
  })

  it('needs the method that made the region', () => {
    const mine: MethodDef = { ...registry.methods.get('last')!, name: 'mine' }
    registry.methods.register(mine)
    const region = open({ discipline: 'memory', method: 'mine' })
    const bytes = (region.buffer as ArrayBuffer).slice(0)
    expect(attach(bytes.slice(0)).method).to.equal('mine')
    registry.methods.unregister('mine')
    expectFault('unknown', ['mine'], () => attach(bytes.slice(0)))
    registry.methods.register({ ...mine, state: mine.state + 8 })
    expectFault('damaged', ['mine', `${mine.state + 8}`, `${mine.state}`, 'another version'], () =>
      attach(bytes.slice(0)),
    )
    registry.methods.unregister('mine')
  })
})
