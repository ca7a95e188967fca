/**
 * patch: what a program sees of WebAssembly that is taken over is what it saw before: classes, shapes of answers, errors,
 * exports, imports; for modules that are served, modules that are not, and bytes that are no module.
 */
import { expect } from 'chai'
import { modules } from '../../src/wasm/modules.ts'
import { modulesJson } from '../../src/wasm/tell.ts'
import { fixture, fixtures, importsOf, type ProgramName, tooNew } from './fixtures.ts'
import { plain, plainly, takenOver, under } from './served.ts'

type Wasm = typeof plain
type Bytes = Uint8Array<ArrayBuffer>

const wasm = { type: 'application/wasm' }
const responseOf = (bytes: BodyInit, headers: Record<string, string> = { 'content-type': wasm.type }, status = 200) =>
  new Response(bytes, { headers, status })

/** The class and the sentence of what a call throws or is rejected with; what it answers otherwise. */
async function outcomeOf(what: () => unknown): Promise<string> {
  try {
    return `answers ${Object.prototype.toString.call(await what())}`
  } catch (error) {
    return `${(error as Error).constructor.name}: ${(error as Error).message}`
  }
}

const bad = fixture('clean', 'full').slice(0, 5000)
const unlinked = fixture('odd', 'table-imported')

/** Calls that go wrong, or do not look as if they could go well. */
const calls: Record<string, (wasm: Wasm) => unknown> = {
  'Module without new': ({ Module }) => (Module as unknown as (bytes: Bytes) => unknown)(fixture('clean', 'full')),
  'Instance without new': ({ Instance }) => (Instance as unknown as () => unknown)(),
  'Module of nothing': ({ Module }) => new (Module as unknown as new () => unknown)(),
  'Module of a number': ({ Module }) => new Module(5 as unknown as Bytes),
  'Module of bytes that are none': ({ Module }) => new Module(bad),
  'Module of no bytes': ({ Module }) => new Module(new Uint8Array()),
  'Instance of nothing': ({ Instance }) => new (Instance as unknown as new () => unknown)(),
  'Instance of an object': ({ Instance }) => new Instance({} as WebAssembly.Module),
  'Instance with imports 5': ({ Module, Instance }) =>
    new Instance(new Module(fixture('clean', 'full')), 5 as unknown as WebAssembly.Imports),
  'Instance with imports null': ({ Module, Instance }) =>
    new Instance(new Module(fixture('clean', 'full')), null as unknown as WebAssembly.Imports),
  'Instance that lacks a module': ({ Module, Instance }) => new Instance(new Module(unlinked)),
  'Instance that lacks an import': ({ Module, Instance }) => new Instance(new Module(unlinked), { env: {} }),
  'Instance with a wrong import': ({ Module, Instance }) =>
    new Instance(new Module(unlinked), { env: { table: 5 as unknown as WebAssembly.Table } }),
  'Instance with a table too small': ({ Module, Instance }) =>
    new Instance(new Module(unlinked), { env: { table: new WebAssembly.Table({ element: 'anyfunc', initial: 1 }) } }),
  'compile of nothing': ({ compile }) => (compile as () => unknown)(),
  'compile of bytes that are none': ({ compile }) => compile(bad),
  'compile of a module': ({ compile, Module }) => compile(new Module(fixture('clean', 'full')) as unknown as Bytes),
  'instantiate of nothing': ({ instantiate }) => (instantiate as () => unknown)(),
  'instantiate of a string': ({ instantiate }) => instantiate('x' as unknown as Bytes),
  'instantiate of bytes that are none': ({ instantiate }) => instantiate(bad),
  'instantiate with imports 5': ({ instantiate }) =>
    instantiate(fixture('clean', 'full'), 5 as unknown as WebAssembly.Imports),
  'instantiate that lacks a module': ({ instantiate }) => instantiate(unlinked),
  'instantiate that lacks an import': ({ instantiate }) => instantiate(unlinked, { env: {} }),
  'instantiate of a module that lacks an import': ({ instantiate, Module }) =>
    instantiate(new Module(unlinked), { env: {} }),
  'compileStreaming of bytes': ({ compileStreaming }) => compileStreaming(bad as unknown as Response),
  'compileStreaming of another type': ({ compileStreaming }) =>
    compileStreaming(responseOf(fixture('clean', 'full'), { 'content-type': 'text/plain' })),
  'compileStreaming of a type with more': ({ compileStreaming }) =>
    compileStreaming(responseOf(fixture('clean', 'full'), { 'content-type': 'application/wasm; x=y' })),
  'compileStreaming of an error': ({ compileStreaming }) => compileStreaming(responseOf('', undefined, 404)),
  'compileStreaming of a promise that fails': ({ compileStreaming }) =>
    compileStreaming(Promise.reject(new RangeError('mine'))),
  'compileStreaming of bytes that are none': ({ compileStreaming }) => compileStreaming(responseOf(bad)),
  'instantiateStreaming that lacks an import': ({ instantiateStreaming }) =>
    instantiateStreaming(responseOf(unlinked), { env: {} }),
  'instantiateStreaming of a used response': async ({ instantiateStreaming }) => {
    const response = responseOf(fixture('clean', 'full'))
    await response.arrayBuffer()
    return instantiateStreaming(response)
  },
  'an import that is a getter that throws': ({ Module, Instance }) =>
    new Instance(new Module(unlinked), {
      env: {
        get table(): WebAssembly.Table {
          throw new SyntaxError('of a getter')
        },
      },
    }),
}

describe('patch: errors are the engine’s own', () => {
  takenOver()
  for (const [name, call] of Object.entries(calls)) {
    it(name, async () => {
      const before = await plainly(() => outcomeOf(() => call(plain)))
      const now = await under('method=best', () => outcomeOf(() => call(WebAssembly)))
      // where streaming compiles, the engine names what it was called by; the rest is the same
      const same = (text: string) => text.replace(/WebAssembly\.\w+\(\)/, '').replace(/ @\+\d+/, '')
      expect(same(now)).to.equal(same(before))
    })
  }
})

describe('patch: answers are of the same shape', () => {
  takenOver()
  const bytes = () => fixture('clean', 'full')

  /** What a program can see of an instance. */
  function expectSame(instance: WebAssembly.Instance, bare: WebAssembly.Instance): void {
    expect(instance).to.be.an.instanceOf(WebAssembly.Instance)
    expect(Object.prototype.toString.call(instance)).to.equal(Object.prototype.toString.call(bare))
    expect(instance.constructor).to.equal(WebAssembly.Instance)
    expect(Object.keys(instance)).to.deep.equal(Object.keys(bare))
    expect(Object.keys(instance.exports)).to.deep.equal(Object.keys(bare.exports))
    expect(Object.getPrototypeOf(instance.exports)).to.equal(Object.getPrototypeOf(bare.exports))
    expect(Object.isFrozen(instance.exports)).to.equal(true)
    expect(instance.exports).to.equal(instance.exports)
    for (const [name, value] of Object.entries(instance.exports)) {
      const other = bare.exports[name]
      expect(Object.prototype.toString.call(value), name).to.equal(Object.prototype.toString.call(other))
      if (typeof value !== 'function') continue
      expect([value.name, value.length], name).to.deep.equal([(other as () => void).name, (other as () => void).length])
    }
    expect((instance.exports as { kernel_same(n: number): number }).kernel_same(10)).to.equal(45)
  }

  for (const options of ['', 'method=best', 'method=debug noleaks', 'method=pool']) {
    it(`by every way, with ${options || 'no options'}`, async () => {
      const bare = new plain.Instance(new plain.Module(bytes()))
      await under(options, async () => {
        const made: WebAssembly.Instance[] = [new WebAssembly.Instance(new WebAssembly.Module(bytes()))]
        const both = [
          await WebAssembly.instantiate(bytes()),
          await WebAssembly.instantiateStreaming(responseOf(bytes())),
          await WebAssembly.instantiateStreaming(Promise.resolve(responseOf(bytes()))),
        ]
        for (const one of both) {
          expect(Object.keys(one).sort()).to.deep.equal(['instance', 'module'])
          expect(one.module).to.be.an.instanceOf(WebAssembly.Module)
          made.push(one.instance, new WebAssembly.Instance(one.module))
        }
        const compiled = [await WebAssembly.compile(bytes()), await WebAssembly.compileStreaming(responseOf(bytes()))]
        for (const module of compiled)
          made.push(await WebAssembly.instantiate(module), new WebAssembly.Instance(module, {}))
        for (const instance of made) expectSame(instance, bare)
        const views = modules().slice(-made.length)
        expect(
          views.every(({ left, figures }) => left === '' && figures!.allocs === 10),
          modulesJson(views),
        ).to.equal(true)
        expect(new Set(views.map(({ name }) => name)).size).to.equal(made.length)
      })
    })
  }

  it('of bytes in every kind of view', () => {
    const all = bytes()
    const wide = new Uint8Array(all.length + 20)
    wide.set(all, 8)
    const shared = new Uint8Array(new SharedArrayBuffer(all.length))
    shared.set(all)
    const sources = [
      all.buffer,
      new DataView(wide.buffer, 8, all.length),
      wide.subarray(8, 8 + all.length),
      Buffer.from(all),
    ]
    for (const source of sources)
      expectSame(new WebAssembly.Instance(new WebAssembly.Module(source)), new plain.Instance(new plain.Module(all)))
    const same = (wasm: Wasm) => outcomeOf(() => new wasm.Module(shared as unknown as Bytes))
    return Promise.all([same(WebAssembly), plainly(() => same(plain))]).then(([now, before]) =>
      expect(now).to.equal(before),
    )
  })

  it('bytes that the program changes at once are those that it gave', async () => {
    const source = bytes()
    const promise = WebAssembly.instantiate(source)
    source.fill(0)
    expectSame((await promise).instance, new plain.Instance(new plain.Module(bytes())))
    const other = fixture('odd', 'gc')
    const settled = WebAssembly.compile(fixture('odd', 'empty'))
    other.fill(0)
    expect(await settled).to.be.an.instanceOf(WebAssembly.Module)
  })

  it('classes of the program that extend these', () => {
    class MyModule extends WebAssembly.Module {
      readonly mine = 7
    }
    class MyInstance extends WebAssembly.Instance {
      #secret = 8
      get secret(): number {
        return this.#secret
      }
    }
    const module = new MyModule(bytes())
    const instance = new MyInstance(module)
    expect(module).to.be.an.instanceOf(MyModule)
    expect(module.mine).to.equal(7)
    expect(instance).to.be.an.instanceOf(MyInstance)
    expect(instance).to.be.an.instanceOf(WebAssembly.Instance)
    expect(instance.secret).to.equal(8)
    expect(Object.keys(instance.exports)).to.not.be.empty
    expect((instance.exports as { kernel_same(n: number): number }).kernel_same(10)).to.equal(45)
    expect(modules().at(-1)!.figures!.allocs).to.equal(10)
  })

  it('the functions themselves', () => {
    for (const name of Object.keys(plain) as (keyof Wasm)[]) {
      const [now, before] = [WebAssembly[name], plain[name]]
      expect([now.name, now.length], name).to.deep.equal([before.name, before.length])
      expect('prototype' in now, `${name}.prototype`).to.equal('prototype' in before)
    }
    expect(WebAssembly.Module.prototype.constructor).to.equal(WebAssembly.Module)
    expect(new plain.Module(bytes())).to.be.an.instanceOf(WebAssembly.Module)
    const now = Object.keys(WebAssembly)
    expect(now).to.deep.equal(plainly(() => Object.keys(WebAssembly)))
  })

  it('what a module says of itself', () => {
    for (const [program, shapes] of Object.entries(fixtures)) {
      for (const shape of shapes as readonly string[]) {
        const source = fixture(program as ProgramName, shape as never)
        if (tooNew.includes(shape as never) || !WebAssembly.validate(source)) continue
        const [now, before] = [new WebAssembly.Module(source), new plain.Module(source)]
        expect(WebAssembly.Module.exports(now), shape).to.deep.equal(plain.Module.exports(before))
        expect(WebAssembly.Module.imports(now), shape).to.deep.equal(plain.Module.imports(before))
        for (const custom of ['producers', 'note', 'note 1', 'end', 'dylink.0', 'none', 'target_features'])
          expect(WebAssembly.Module.customSections(now, custom), custom).to.deep.equal(
            plain.Module.customSections(before, custom),
          )
      }
    }
  })
})

describe('patch: every module answers what it answered', () => {
  takenOver()

  /** What run(20) answers, or what is wrong with the module. */
  function runOf(source: Bytes): unknown {
    const memory = new WebAssembly.Memory({ initial: 2 })
    const { env } = importsOf(() => memory)
    const table = new WebAssembly.Table({ element: 'anyfunc', initial: 8 })
    try {
      const imports = { env: { ...env, memory, table, pause: () => {}, __memory_base: 1024 } } as WebAssembly.Imports
      const { exports } = new WebAssembly.Instance(new WebAssembly.Module(source), imports)
      const { run, call } = exports as Record<string, ((...args: number[]) => number) | undefined>
      return [run?.(20), run?.(0), call?.(1, 5), call?.(0, 5), Object.keys(exports)]
    } catch (error) {
      return `${(error as Error).constructor.name}: ${(error as Error).message}`
    }
  }

  for (const shape of fixtures.odd) {
    for (const options of ['', 'method=best', 'method=debug noleaks', 'method=profile sample=0']) {
      it(`odd ${shape} with ${options || 'no options'}`, () => {
        const before = plainly(() => runOf(fixture('odd', shape)))
        const place = modules().length
        under(options, () => expect(runOf(fixture('odd', shape))).to.deep.equal(before))
        const views = modules().slice(place)
        for (const { left, why, level } of views) {
          if (left !== '') expect(left).to.match(/^\S.* \S+/)
          else if (level === 'observe' && /best|debug/.test(options)) expect(why).to.match(/ cannot serve it: \S/)
        }
        const isTold = !['empty', 'table-init'].includes(shape)
        expect(views).to.have.length(isTold ? 1 : views.length)
      })
    }
  }
})
