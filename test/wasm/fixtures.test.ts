/**
 * The fixtures themselves, without vmalloc: they are all there, valid, and do what they say. What fails here is a module
 * or its description, not the library.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import binaryen from 'binaryen'
import { expect } from 'chai'
import {
  dlmallocShapes,
  fixture,
  fixtures,
  importsOf,
  kin,
  lives,
  type Mistake,
  mistakes,
  type Program,
  type ProgramName,
  type Shape,
  start,
  tooNew,
} from './fixtures.ts'

const folder = join(import.meta.dirname, 'modules')
const all = Object.entries(fixtures).flatMap(([program, shapes]) => shapes.map((shape) => `${program}.${shape}`))
const bytesOf = (name: string): Uint8Array<ArrayBuffer> => {
  const [program, shape] = name.split('.') as [ProgramName, never]
  return fixture(program, shape)
}
const never = ['odd.unknown-opcode']
const notHere = (name: string): boolean => never.includes(name) || tooNew.some((shape) => name === `odd.${shape}`)

describe('wasm fixtures', () => {
  it('are all listed, and small', () => {
    expect(readdirSync(folder).sort()).to.deep.equal(all.map((name) => `${name}.wasm`).sort())
    for (const name of all) expect(bytesOf(name).length, name).to.be.below(60_000)
  })

  it('are valid, but for those that are listed as too new', () => {
    expect(all.filter((name) => !WebAssembly.validate(bytesOf(name)) && !notHere(name))).to.deep.equal([])
    for (const name of never) expect(WebAssembly.validate(bytesOf(name)), name).to.equal(false)
  })

  it('are valid for binaryen, which knows the new ones too', () => {
    // It has no mercy with names that are no good, and does not know what nobody knows.
    for (const name of all.filter((name) => !never.includes(name) && name !== 'odd.bad-names')) {
      const module = binaryen.readBinary(bytesOf(name))
      module.setFeatures(binaryen.Features.All)
      expect(module.validate(), name).to.equal(1)
      module.dispose()
    }
  })

  it('are what odd.mjs makes', () => {
    const made = mkdtempSync(join(tmpdir(), 'vmalloc-odd-'))
    try {
      const { status, stderr } = spawnSync(process.execPath, [join(import.meta.dirname, 'c/odd.mjs'), made], {
        encoding: 'utf8',
        timeout: 60_000,
      })
      expect(status, stderr).to.equal(0)
      const odd = all.filter((name) => /^odd|hand$/.test(name)).map((name) => `${name}.wasm`)
      expect(readdirSync(made).sort()).to.deep.equal(odd.sort())
      const differs = odd.filter((name) => !readFileSync(join(made, name)).equals(readFileSync(join(folder, name))))
      expect(differs, 'other bytes: run node test/wasm/c/odd.mjs').to.deep.equal([])
    } finally {
      rmSync(made, { recursive: true })
    }
  })

  it('import nothing, but for those that say so', () => {
    const importing = all.filter((name) => !notHere(name)).filter((name) => importsIn(name).length > 0)
    expect(importing).to.deep.equal([
      'imports.imported',
      'imports.exported',
      'side.clang',
      'side.hand',
      'odd.asyncify',
      'odd.reexport',
      'odd.table-imported',
    ])
  })

  it('export what their shape says', () => {
    const found = (program: 'errors' | 'clean', shape: Shape<'errors'>): string[] => {
      const names = WebAssembly.Module.exports(new WebAssembly.Module(fixture(program, shape))).map(({ name }) => name)
      return kin.filter((name) => names.includes(name))
    }
    for (const program of ['errors', 'clean'] as const) {
      for (const shape of ['full', 'exports', 'own'] as const) expect(found(program, shape)).to.deep.equal([...kin])
      for (const shape of ['stripped', 'inlined'] as const) expect(found(program, shape)).to.deep.equal([])
      expect(found(program, 'onlymallocfree')).to.deep.equal(['malloc', 'free'])
    }
  })

  it('have names in the shapes that say so', () => {
    const named = all.filter((name) => !notHere(name) && sections(name, 'name') > 0)
    const shapes = /\.(full|own|limited|imported|clang|bad-names)$/
    expect(named).to.deep.equal(all.filter((name) => shapes.test(name)))
    expect(all.filter((name) => !notHere(name) && sections(name, 'dylink.0') > 0)).to.deep.equal([
      'side.clang',
      'side.hand',
    ])
  })

  it('have realloc in the middle of the program where it is inlined', () => {
    expect(reallocInProgram('stripped')).to.equal(0)
    expect(reallocInProgram('inlined')).to.be.above(0)
  })
})

describe('wasm fixtures: clean', () => {
  for (const shape of fixtures.clean) {
    it(`${shape} gives the sums that are written down`, () => {
      const program = start('clean', shape)
      for (const { call, args, answer } of lives) {
        if (shape === 'limited' && /grow|large/.test(call)) continue
        expect(program.call(call, ...args), call).to.equal(answer)
      }
      expect(program.call('failures')).to.equal(0)
      expect(program.call('weakest_alignment')).to.be.at.least(8)
    })
  }

  it('tells how often it called what', () => {
    const program = start('clean', 'full')
    program.call('random_life', 1, 5000)
    const before = kinds.map((kind) => program.call('calls', kind))
    for (const count of before) expect(count).to.be.above(0)
    program.call('kernel_same', 1000)
    program.call('vector', 100)
    const after = kinds.map((kind) => program.call('calls', kind))
    expect(after.map((count, kind) => count - before[kind]!)).to.deep.equal([1000, 1001, 0, 7, 0, 0, 0, 0, 0])
  })

  it('holds blocks until they are dropped', () => {
    const program = start('clean', 'full')
    const last = program.call('hold', 100, 10)
    let count = 0
    for (let at = last; at !== 0; at = program.word(at)) count++
    expect(count).to.equal(10)
    expect(program.call('drop_held')).to.equal(10)
  })

  it('meets the end of memory where that is limited', () => {
    const program = start('clean', 'limited')
    expect(program.call('hold', 1000, 5000)).to.be.above(0)
    expect(program.call('failures')).to.equal(1)
    expect(program.call('drop_held')).to.be.within(800, 1040)
    expect(program.call('random_life', 1, 5000)).to.equal(896178220)
    expect(program.memory.buffer.byteLength).to.be.at.most(2 ** 20)
  })

  for (const shape of fixtures.pair) {
    it(`pair, ${shape}, keeps texts in order`, () => {
      const program = start('pair', shape)
      const different = program.call('pair_insert', 7, 2000)
      expect(different).to.be.within(1000, 2000)
      expect(program.call('pair_drop')).to.equal(different)
      expect(program.call('pair_drop')).to.equal(0)
    })
  }
})

describe('wasm fixtures: errors', () => {
  it('has a description of each function that errs', () => {
    const helpers = /^(memory|_initialize|last_.*|release_.*|free_address|no_error)$/
    const names = WebAssembly.Module.exports(new WebAssembly.Module(fixture('errors', 'stripped')))
      .map(({ name }) => name)
      .filter((name) => !helpers.test(name))
    expect([...new Set(mistakes.map(({ call }) => call))].sort()).to.deep.equal(names.sort())
  })

  for (const shape of dlmallocShapes) {
    it(`${shape} does without checks what is written down`, () => {
      for (const mistake of mistakes) compare(start('errors', shape), mistake)
    })
  }

  it('own says the same of its blocks', () => {
    for (const mistake of mistakes) {
      const program = start('errors', 'own')
      if (mistake.traps === undefined) program.call(mistake.call, ...mistake.args)
      if (mistake.traps === undefined) describes(program, mistake)
    }
  })

  it('gives back all that it takes where it does not err', () => {
    const program = start('errors', 'full')
    expect(program.call('no_error', 40)).to.equal(40)
    const first = program.call('malloc', 40)
    program.call('free', first)
    program.call('no_error', 40)
    expect(program.call('malloc', 40)).to.equal(first)
  })
})

describe('wasm fixtures: imports', () => {
  for (const shape of fixtures.imports) {
    it(`${shape} runs over an allocator that it is given`, () => {
      const { program, calls } = linked(shape)
      for (const { call, args, answer } of lives) {
        expect(program.call(call, ...args), call).to.equal(answer)
      }
      program.call('memalign_life', 64, 100)
      expect(program.call('failures')).to.equal(0)
      expect([...calls.keys()].sort()).to.deep.equal([...kin, 'memalign'].sort())
      // strdup, in libc, is a call of malloc more
      expect(calls.get('malloc')).to.equal(program.call('calls', 0) + program.call('calls', 6))
      expect(calls.get('calloc')).to.equal(program.call('calls', 2))
      expect(calls.get('realloc')).to.equal(program.call('calls', 3))
      expect(calls.get('free')).to.equal(program.call('calls', 1) + program.call('calls', 8))
    })
  }

  it('makes and frees blocks through the functions that are written down', () => {
    for (const { call, args, made, freed } of mistakes) {
      const { program, stacks } = linked('imported', true)
      program.call(call, ...args)
      const found = [...stacks]
      const has = (names: readonly string[]): boolean => found.some((stack) => stack.startsWith(names.join(' ')))
      expect(has(made), `${call}: made by ${made} in ${found.join('; ')}`).to.equal(true)
      expect(has(freed), `${call}: freed by ${freed} in ${found.join('; ')}`).to.equal(true)
    }
  })
})

describe('wasm fixtures: odd', () => {
  const running = fixtures.odd.filter((shape) => !['no-code', 'empty', 'unknown-opcode', 'table-init'].includes(shape))
  for (const shape of running) {
    const isHere = WebAssembly.validate(fixture('odd', shape))
    it(`${shape} ${isHere ? 'runs' : 'is too new for this Node'}`, () => {
      if (isHere) expect(odd(shape).call('run', 10)).to.equal(45)
      else expect(tooNew).to.include(shape)
    })
  }

  it('table-init has an element that its table began with', () => {
    if (!WebAssembly.validate(fixture('odd', 'table-init'))) return expect(tooNew).to.include('table-init')
    const program = start('odd', 'table-init')
    expect([0, 1, 2, 3].map((i) => program.call('call', i, 5))).to.deep.equal([10, 15, 10, 10])
  })

  it('start has allocated when it is there', () => {
    const program = start('odd', 'start')
    expect(program.call('first_word')).to.equal(77)
    expect(program.call('freed')).to.equal(1)
    expect(program.call('malloc', 1)).to.be.above(program.call('first') + 150)
  })

  it('tables has one of things of JavaScript', () => {
    const { keep, kept } = start('odd', 'tables').instance.exports as Record<string, (it: unknown) => unknown>
    const thing = {}
    expect(kept!(keep!(thing))).to.equal(thing)
  })

  it('asyncify goes on where it was left', () => {
    let pauses = 0
    const program: Program = start('odd', 'asyncify', { env: { pause: () => pause() } })
    const [record, room, end] = [16, 24, 1000]
    const pause = (): void => {
      if (program.call('asyncify_get_state') === 2) return void program.call('asyncify_stop_rewind')
      pauses++
      new Uint32Array(program.memory.buffer, record, 2).set([room, end])
      program.call('asyncify_start_unwind', record)
    }
    let answer = program.call('run', 10)
    while (program.call('asyncify_get_state') === 1) {
      program.call('asyncify_stop_unwind')
      program.call('asyncify_start_rewind', record)
      answer = program.call('run', 10)
    }
    expect(answer).to.equal(45)
    expect(pauses).to.equal(10)
  })

  it('side modules call the malloc of a main one', () => {
    for (const [shape, call, sum] of [
      ['clang', 'side_life', 45],
      ['hand', 'run', 45],
    ] as const) {
      const main = start('clean', 'full')
      const { malloc, free, memory } = main.instance.exports
      const program = start('side', shape, {
        env: {
          memory: memory!,
          malloc: malloc!,
          free: free!,
          __memory_base: main.call('malloc', 64),
          __table_base: 0,
          __indirect_function_table: new WebAssembly.Table({ element: 'anyfunc', initial: 1 }),
        },
      })
      expect(shape === 'clang' ? program.call(call, 24, 10) : program.call(call, 10), shape).to.equal(sum)
    }
  })
})

const kinds = [0, 1, 2, 3, 4, 5, 6, 7, 8]

const importsIn = (name: string) => WebAssembly.Module.imports(new WebAssembly.Module(bytesOf(name)))
const sections = (name: string, section: string): number =>
  WebAssembly.Module.customSections(new WebAssembly.Module(bytesOf(name)), section).length

/**
 * How many functions both count failures(), as those of clean.c do, and mask heads with -8 and compare sizes with -64, as
 * realloc of dlmalloc does.
 */
function reallocInProgram(shape: Shape<'clean'>): number {
  const module = binaryen.readBinary(fixture('clean', shape))
  const texts = module.emitText().split(/^ \(func /m)
  const name = /"failures" \(func (\$\w+)/.exec(texts[0]!)![1]!
  const failures = texts.find((text) => text.startsWith(`${name} `))!
  const tally = /offset=\d+/.exec(failures)?.[0] ?? /\(i32\.const \d+\)/.exec(failures)![0]
  module.dispose()
  return texts.filter((text) => ['(i32.const -8)', '(i32.const -64)', tally].every((part) => text.includes(part)))
    .length
}

function compare(program: Program, mistake: Mistake): void {
  const { call, args, answer, traps } = mistake
  if (traps === 'call') {
    expect(() => program.call(call, ...args), call).to.throw(WebAssembly.RuntimeError)
  } else {
    const got = program.call(call, ...args)
    if (answer !== undefined) expect(got, call).to.equal(answer)
  }
  describes(program, mistake)
  if (mistake.noticed !== 'at release') return
  if (traps === 'release') expect(() => program.call('release_last'), call).to.throw(WebAssembly.RuntimeError)
  else program.call('release_last')
}

/** What the program says of its block is what the description does, down to the bytes. */
function describes(program: Program, { call, kind, size, offset, count }: Mistake): void {
  const at = program.call('last_block')
  expect(at, call).to.be.above(0)
  expect(program.call('last_size'), `${call}: size`).to.equal(size)
  if (kind === 'leak') return
  expect((program.call('last_place') - at) | 0, `${call}: offset`).to.equal(offset)
  const isWrong = (byte: number): boolean => byte === (call === 'missing_nul' ? 0 : 7)
  if (count === 0 || call === 'overrun_loop') return
  expect(program.bytes(at + offset, count).every(isWrong), `${call}: ${count} bytes`).to.equal(true)
}

/** One of the imports' shapes over a plain allocator, which keeps the stacks of its calls if asked to, innermost first. */
function linked(shape: Shape<'imports'>, isNoting = false) {
  const memory = new WebAssembly.Memory({ initial: 4 })
  const stacks = new Set<string>()
  const { env, calls } = importsOf(
    () => program.memory,
    () => program.global('__heap_base'),
  )
  const noted = Object.entries(env).map(([name, it]) => {
    const note = (...values: number[]): number => {
      if (isNoting) stacks.add(stackNow())
      return it(...values)
    }
    return [name, note]
  })
  const program: Program = start('imports', shape, { env: { ...Object.fromEntries(noted), memory } })
  return { program, calls, stacks }
}

/** Names of the functions of a module that are running. */
const stackNow = (): string =>
  new Error()
    .stack!.split('\n')
    .filter((line) => line.includes('wasm://'))
    .map((line) => line.trim().split(' ')[1]!.replace(/^.*\./, ''))
    .join(' ')

const odd = (shape: Shape<'odd'>): Program => {
  const memory = new WebAssembly.Memory({ initial: 2 })
  const { env } = importsOf(() => memory)
  const table = new WebAssembly.Table({ element: 'anyfunc', initial: 8 })
  return start('odd', shape, { env: { ...env, memory, table, pause: () => {} } })
}
