/**
 * pitfalls: what programs do with their modules and memory that an allocator outside of them must live with: memory that is
 * put back to what it was, images moved to another instance, growth from all sides, tables, side modules, threads, stacks
 * that are unwound, bytes that are damaged. Whatever it is, the program answers what it answers plain.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { expect } from 'chai'
import { type ModuleView, modules } from '../../src/wasm/modules.ts'
import { Native } from '../../src/wasm/serve.ts'
import { Rng, seedFrom } from '../conformance/index.ts'
import { fixture, fixtures, importsOf, type Program, type ProgramName, start } from './fixtures.ts'
import { began, plain, plainAnswers, plainly, takenOver, under, warnings } from './served.ts'

const SEED = seedFrom(process.env.SEED)
const METHODS = ['original', 'profile', 'best', 'last', 'pool', 'debug(best)']
const root = join(import.meta.dirname, '../..')

const copyOf = ({ memory }: Program) => new Uint8Array(memory.buffer).slice()
const putBack = ({ memory }: Program, saved: Uint8Array) => new Uint8Array(memory.buffer).set(saved)
/** What was grown since is cleared: as a program does that puts all of its memory back. */
function putAllBack(program: Program, saved: Uint8Array): void {
  putBack(program, saved)
  new Uint8Array(program.memory.buffer).fill(0, saved.length)
}

const holds = (program: Program, count: number) => {
  let at = program.call('hold', 32, 0)
  let seen = 0
  for (; at !== 0 && seen <= count; at = program.word(at)) seen++
  expect(seen, 'blocks that are held').to.equal(count)
}

/** The program works as it should. */
function expectWell(program: Program): void {
  const failures = program.call('failures')
  expect(program.call('random_life', 1, 500)).to.equal(plainAnswers()[0])
  expect(program.call('large_blocks', 1, 20)).to.equal(plainAnswers()[6])
  expect(program.call('vector', 300)).to.equal(plainAnswers()[7])
  expect(program.call('failures')).to.equal(failures)
}

describe('pitfalls: memory that goes back to what it was', () => {
  takenOver()

  for (const method of METHODS) {
    for (const put of [putBack, putAllBack]) {
      it(`${method}: from before the region began, ${put.name}`, () => {
        under(`method=${method} noleaks`, () => {
          const { program, region } = began('clean', 'full')
          const saved = copyOf(program)
          program.call('hold', 40, 50)
          expectWell(program)
          put(program, saved)
          holds(program, 0)
          program.call('hold', 24, 20)
          expectWell(program)
          expect(program.call('drop_held')).to.equal(20)
          expectWell(program)
          region().check()
          put(program, saved)
          program.call('free', 0)
          expectWell(program)
        })
      })

      it(`${method}: from when it had blocks, ${put.name}`, () => {
        under(`method=${method} noleaks`, () => {
          const { program, region } = began('clean', 'full')
          program.call('hold', 40, 100)
          const saved = copyOf(program)
          program.call('hold', 5000, 200)
          program.call('hold', 100000, 10)
          put(program, saved)
          holds(program, 100)
          expectWell(program)
          expect(program.call('drop_held')).to.equal(100)
          region().check()
          put(program, saved)
          expect(program.call('drop_held')).to.equal(100)
          expectWell(program)
          region().check()
          if (!/original|profile/.test(method)) expect(region().stat().busyBlocks).to.equal(0)
        })
      })

      it(`${method}: from when it had more, ${put.name}`, () => {
        under(`method=${method} noleaks`, () => {
          const { program, region } = began('clean', 'full')
          program.call('hold', 40, 10)
          program.call('hold', 5000, 200)
          program.call('hold', 100000, 10)
          const saved = copyOf(program)
          expect(program.call('drop_held')).to.equal(220)
          expectWell(program)
          region().compact()
          put(program, saved)
          holds(program, 220)
          program.call('hold', 64, 5)
          region().check()
          expect(program.call('drop_held')).to.equal(225)
          expectWell(program)
          region().check()
        })
      })
    }

    it(`${method}: an image that is moved to another instance`, () => {
      under(`method=${method} noleaks`, () => {
        const first = began('clean', 'full').program
        first.call('hold', 40, 100)
        first.call('hold', 5000, 100)
        const image = copyOf(first)
        for (const isUsed of [false, true]) {
          const { program } = began('clean', 'full')
          if (isUsed) program.call('hold', 64, 3)
          const lack = image.length - program.memory.buffer.byteLength
          if (lack > 0) program.memory.grow(lack / 65536)
          putBack(program, image)
          if (method === 'last' || method === 'pool') continue
          expectWell(program)
          expect(program.call('drop_held')).to.equal(200)
          expectWell(program)
        }
      })
    })
  }
})

describe('pitfalls: growth, tables, stacks', () => {
  takenOver()

  for (const method of METHODS) {
    it(`${method}: memory that JavaScript grows`, () => {
      under(`method=${method} noleaks`, () => {
        const { program, region } = began('clean', 'full')
        program.memory.grow(1)
        for (let i = 0; i < 4; i++) {
          program.call('hold', 1000, 20)
          const pages = program.memory.grow(3)
          const at = pages * 65536
          program.bytes(at, 3 * 65536).fill(0xee)
          expect(program.call('drop_held')).to.equal(20)
          expectWell(program)
          expect(
            program.bytes(at, 3 * 65536).every((byte) => byte === 0xee),
            'pages of JavaScript',
          ).to.equal(true)
        }
        region().check()
      })
    })
  }

  it('an imported table that cannot grow: left alone, with a word, and told of', () => {
    under('method=best', () => {
      const table = new WebAssembly.Table({ element: 'anyfunc', initial: 8, maximum: 8 })
      const { program, view } = began('odd', 'table-imported', { env: { table: table as never } })
      expect(program.call('run', 10)).to.equal(45)
      expect(table.length).to.equal(8)
      expect(view()).to.include({ level: 'none', left: 'its table of functions cannot grow' })
      expect(readFileSync(warnings, 'utf8')).to.match(
        /module fixtures is left alone: its table of functions cannot grow/,
      )
    })
  })

  it('an imported table is grown once for each instance, and the program’s elements stay', () => {
    under('method=profile', () => {
      const table = new WebAssembly.Table({ element: 'anyfunc', initial: 8 })
      const programs = [1, 2, 3].map(() => began('odd', 'table-imported', { env: { table: table as never } }))
      for (const { program } of programs) expect(program.call('run', 10)).to.equal(45)
      expect(table.length).to.equal(8 + 3 * 2)
      const own = table.grow(1)
      table.set(own, programs[0]!.program.instance.exports.run as CallableFunction)
      for (const { program } of programs) expect(program.call('run', 10)).to.equal(45)
      // a table's elements 2 and 3 are those of the last: its functions are called, and counted there
      expect(programs.map(({ view }) => view().figures!.frees)).to.deep.equal([40, 40, 40])
      expect(programs.map(({ view }) => view().figures!.allocs)).to.deep.equal([20, 20, 80])
    })
  })

  it('a table that is too small stays so', () => {
    const table = new WebAssembly.Table({ element: 'anyfunc', initial: 7 })
    expect(() => start('odd', 'table-imported', { env: { table: table as never } })).to.throw(WebAssembly.LinkError)
    expect(table.length).to.equal(7)
  })

  for (const method of ['original', 'profile', 'best']) {
    it(`${method}: a stack that is unwound in the middle of a life`, () => {
      under(`method=${method}`, () => {
        let pauses = 0
        let isUnwound = false
        const { program, view } = began('odd', 'asyncify', {
          env: {
            pause: () => {
              isUnwound = !isUnwound
              if (isUnwound) pauses++
              program.call(isUnwound ? 'asyncify_start_unwind' : 'asyncify_stop_rewind', 512)
            },
          },
        })
        new Uint32Array(program.memory.buffer, 512, 2).set([520, 1000])
        let answer = program.call('run', 5)
        while (isUnwound) {
          program.call('asyncify_stop_unwind')
          program.call('asyncify_start_rewind', 512)
          answer = program.call('run', 5)
        }
        expect(answer).to.equal(10)
        expect(pauses).to.equal(5)
        expect(view().figures).to.include({ allocs: 5, frees: 5, foreign: 0 })
      })
    })
  }

  for (const method of METHODS) {
    it(`${method}: a side module whose malloc is the main one's`, () => {
      under(`method=${method} noleaks`, () => {
        const main = began('clean', 'full')
        const { malloc, free, memory } = main.program.instance.exports
        const env = { malloc, free, memory, __memory_base: main.program.call('malloc', 64) }
        const side = start('side', 'hand', { env } as WebAssembly.Imports)
        expect(modules().at(-1)!.left).to.match(/imports malloc/)
        expect(side.call('run', 100)).to.equal(4950)
        expectWell(main.program)
        expect(side.call('run', 100)).to.equal(4950)
        expect(main.view().figures!.allocs).to.be.above(201)
        main.region().check()
      })
    })
  }

  it('a trap in the middle of a life leaves all others as they were', () => {
    under('method=best', () => {
      const { program, region } = began('errors', 'full')
      program.call('no_error', 24)
      expect(() => program.call('free_stack')).to.throw(WebAssembly.RuntimeError)
      expect(program.call('no_error', 24)).to.equal(24)
      region().check()
    })
  })
})

describe('pitfalls: what goes on to the engine, and what is kept', () => {
  takenOver()

  it('options of compilation, which newer engines have', async () => {
    const seen: Record<string, unknown[]> = {}
    const were = { ...Native }
    const spy = (name: 'Module') =>
      new Proxy(were[name], {
        construct(target, all: unknown[], made) {
          seen[name] = all.slice(1)
          return Reflect.construct(target, all, made) as object
        },
      })
    try {
      Native.Module = spy('Module')
      const options = { builtins: ['js-string'] }
      const { Module } = WebAssembly as unknown as { Module: new (...all: unknown[]) => WebAssembly.Module }
      expect(new Module(fixture('clean', 'full'), options)).to.be.an.instanceOf(WebAssembly.Module)
      expect(seen.Module).to.deep.equal([options])
    } finally {
      Object.assign(Native, were)
    }
  })
})

describe('pitfalls: names and notes of others', () => {
  takenOver()

  it('a module with a section of our name that nobody here can read', () => {
    const text = [7, ...Buffer.from('vmalloc')]
    for (const contents of [[], [9], [1], [1, 200], [1, 1, 65, 2, 123, 125, 0, 1]]) {
      const section = [0, text.length + contents.length, ...text, ...contents]
      const bytes = Uint8Array.from([...fixture('odd', 'no-table'), ...section])
      for (const made of [new WebAssembly.Module(bytes), plainly(() => new plain.Module(bytes))]) {
        const instance = new WebAssembly.Instance(made)
        expect((instance.exports as { run(n: number): number }).run(10)).to.equal(45)
        expect(WebAssembly.Module.exports(made)).to.deep.equal(plain.Module.exports(made))
      }
    }
  })

  it('bytes in an address do not name a module; the address of a file does', async () => {
    const data = `data:application/wasm;base64,${Buffer.from(fixture('clean', 'full')).toString('base64')}`
    await WebAssembly.instantiateStreaming(fetch(data))
    expect(modules().at(-1)!.name).to.match(/^pitfalls(-\d+)?$/)
    const response = new Response(fixture('clean', 'full'), { headers: { 'content-type': 'application/wasm' } })
    Object.defineProperty(response, 'url', { value: 'https://example.org/some/where.wasm?v=1' })
    await WebAssembly.instantiateStreaming(response)
    expect(modules().at(-1)!.name).to.match(/^where(-\d+)?$/)
  })

  it('a method of a file', () => {
    const file = join(root, 'test/fixtures/modules/bump.mjs')
    const { program, view } = under(`method=${file}`, () => {
      const served = began('clean', 'full')
      // it does not align, so what the program says of that does not count
      expect(served.program.call('random_life', 1, 500)).to.equal(plainAnswers()[0])
      expect(served.program.call('vector', 300)).to.equal(plainAnswers()[7])
      return served
    })
    expect(program.call('calls', 3)).to.be.above(10)
    expect(view()).to.include({ level: 'replace', method: 'bump', why: '' })
  })
})

describe('pitfalls: threads', () => {
  takenOver()
  const folder = mkdtempSync(join(tmpdir(), 'vmalloc-pitfalls-'))
  after(() => rmSync(folder, { recursive: true }))

  /** What threads told of their modules, in the files of that name. */
  function toldIn(name: string): string[][] {
    const files = readdirSync(folder).filter((file) => file.startsWith(name) && file.endsWith('.json'))
    return files.map((file) =>
      (JSON.parse(readFileSync(join(folder, file), 'utf8')) as ModuleView[]).map(
        ({ name, level, method }) => `${name} ${level} ${method}`,
      ),
    )
  }

  /** What a thread answers that is sent a module. */
  function answerOf(module: WebAssembly.Module, calls: unknown[], preload: boolean, table?: number): Promise<unknown> {
    const execArgv = preload
      ? [`--import=${join(root, 'scripts/ts.mjs')}`, `--import=${join(root, 'src/preload.ts')}`]
      : []
    const worker = new Worker(join(import.meta.dirname, 'pitfall-worker.mjs'), {
      workerData: { module, calls, table },
      execArgv,
      env: {
        ...process.env,
        NODE_OPTIONS: '',
        VMALLOC_OPTIONS: `method=best modules='${join(folder, 'thread.json')}'`,
      },
    })
    return new Promise((done, failed) => {
      let answer: unknown
      worker.on('message', (message) => (answer = message))
      worker.on('error', failed)
      worker.on('exit', () => done(answer))
    })
  }

  for (const preload of [false, true]) {
    it(`a rewritten module that is sent to a thread ${preload ? 'with' : 'without'} the preload`, async function () {
      this.timeout(60_000)
      const { program } = under('method=best', () => began('clean', 'full'))
      const calls = [
        ['random_life', 1, 500],
        ['vector', 300],
      ]
      const answers = [plainAnswers()[0], plainAnswers()[7]]
      const answer = (await answerOf(program.module, calls, preload)) as { keys: string[] }
      expect(answer).to.include({ isOurs: preload })
      expect(answer).to.deep.include({ answers })
      if (!preload) return
      expect(answer.keys).to.deep.equal(Object.keys(program.instance.exports))
      expect(toldIn('thread')).to.deep.equal([['fixtures replace best']])
    })
  }

  it('one with an imported table', async () => {
    const table = new WebAssembly.Table({ element: 'anyfunc', initial: 8 })
    const { program } = began('odd', 'table-imported', { env: { table: table as never } })
    expect(await answerOf(program.module, [['run', 10]], false, 8)).to.deep.include({ answers: [45] })
  })

  it('NODE_OPTIONS=--import reaches threads of the program', function () {
    this.timeout(60_000)
    const file = join(folder, 'main.mjs')
    writeFileSync(
      file,
      `import { readFileSync } from 'node:fs'
      import { isMainThread, Worker } from 'node:worker_threads'
      const bytes = readFileSync(${JSON.stringify(join(import.meta.dirname, 'modules/clean.full.wasm'))})
      const { instance } = await WebAssembly.instantiate(bytes)
      console.log(isMainThread, instance.exports.vector(300) >>> 0)
      if (isMainThread) new Worker(new URL(import.meta.url))`,
    )
    const node = [`--import=${join(root, 'scripts/ts.mjs')}`, `--import=${join(root, 'src/preload.ts')}`]
    const env = {
      ...process.env,
      NODE_OPTIONS: node.join(' '),
      VMALLOC_OPTIONS: `method=best modules='${join(folder, 'all-%t.json')}'`,
    }
    const printed = execFileSync(process.execPath, [file], { env, encoding: 'utf8' })
    expect(printed).to.equal(`true ${plainAnswers()[7]}\nfalse ${plainAnswers()[7]}\n`)
    expect(toldIn('all')).to.deep.equal([['main replace best'], ['main replace best']])
  })
})

describe(`pitfalls: damaged modules, SEED=${SEED}`, () => {
  takenOver()

  const HEAD = 8
  const CODE = 10

  /** Where the code section lies. */
  function codeOf(bytes: Uint8Array): [from: number, to: number] {
    for (let at = HEAD; at < bytes.length; ) {
      let [size, end] = [0, at + 1]
      for (let shift = 0; ; shift += 7) {
        size |= (bytes[end]! & 127) << shift
        if (bytes[end++]! < 128) break
      }
      if (bytes[at] === CODE) return [at, end + size]
      at = end + size
    }
    return [bytes.length, bytes.length]
  }

  /** Bytes with some of them changed, cut out or put in; whether the code is as it was. */
  function damaged(bytes: Uint8Array<ArrayBuffer>, rng: Rng): { bytes: Uint8Array<ArrayBuffer>; isCallable: boolean } {
    const [from, to] = codeOf(bytes)
    const changed = [...bytes]
    let isCallable = true
    for (let i = rng.between(1, 3); i > 0; i--) {
      const inside = rng.chance(1 / 3)
      const at = inside ? rng.between(from, to) : rng.pick([rng.below(from), rng.between(to, bytes.length)])
      if (at >= from && at < to) isCallable = false
      const way = rng.below(20)
      if (way === 0) changed.splice(at, rng.between(1, 4))
      else if (way === 1) changed.splice(at, 0, rng.below(256))
      else if (way === 2) changed.length = at
      else if (at < changed.length)
        changed[at] = rng.chance(1 / 2) ? rng.below(256) : changed[at]! ^ (1 << rng.below(8))
    }
    return { bytes: Uint8Array.from(changed), isCallable }
  }

  /** What becomes of a module; calls only where its code is as it was, for else it may never end. */
  function outcomeOf(bytes: Uint8Array<ArrayBuffer>, isCallable: boolean): unknown {
    const memory = new WebAssembly.Memory({ initial: 2 })
    const { env } = importsOf(() => memory)
    const table = new WebAssembly.Table({ element: 'anyfunc', initial: 8 })
    try {
      const module = new WebAssembly.Module(bytes)
      const seen = [WebAssembly.Module.exports(module), WebAssembly.Module.imports(module)]
      const instance = new WebAssembly.Instance(module, {
        env: { ...env, memory, table, pause: () => {}, __memory_base: 1024 },
      } as never)
      if (!isCallable) return [seen, Object.keys(instance.exports)]
      const { run, no_error, kernel_same } = instance.exports as Record<string, (n: number) => number>
      return [seen, Object.keys(instance.exports), run?.(10), no_error?.(24), kernel_same?.(10)]
    } catch (error) {
      return `${(error as Error).constructor.name}: ${(error as Error).message}`
    }
  }

  const small = [
    ...fixtures.odd.map((shape) => ['odd', shape] as const),
    ['side', 'hand'] as const,
    ['pair', 'stripped'] as const,
    ['errors', 'stripped'] as const,
    ['clean', 'full'] as const,
  ]

  for (const options of ['', 'method=best', 'method=debug noleaks']) {
    it(`with ${options || 'no options'}`, () => {
      const rng = new Rng((SEED + options.length) >>> 0)
      let well = 0
      for (let i = 0; i < 80; i++) {
        const [program, shape] = rng.pick(small)
        const { bytes, isCallable } = damaged(fixture(program as ProgramName, shape as never), rng)
        const before = plainly(() => outcomeOf(bytes, isCallable))
        if (typeof before !== 'string') well++
        const now = under(options, () => outcomeOf(bytes, isCallable))
        // an index behind the last one may be that of what was added: the engine alone would have refused it
        if (typeof now !== 'string' && /^CompileError.*\b(index|out of bounds)\b/.test(String(before))) continue
        expect(now, `${program} ${shape}, damage ${i}`).to.deep.equal(before)
      }
      expect(well).to.be.above(0)
    })
  }

  it('every length of a module that is cut off', () => {
    const whole = fixture('odd', 'tables')
    for (let length = 0; length < whole.length; length += 7) {
      const bytes = whole.slice(0, length)
      expect(outcomeOf(bytes, false)).to.deep.equal(plainly(() => outcomeOf(bytes, false)))
    }
  })
})
