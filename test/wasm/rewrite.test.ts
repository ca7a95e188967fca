/**
 * rewrite: modules with replaceable functions. Laws L1 to L3 of src/wasm/rewrite.ts over every module of the packages that
 * are installed; small programs run with their dispatchers idle and active; places against the stacks of the engine;
 * modules with broken bytes (SEED repeats). Binaryen is the second opinion.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { MessageChannel, receiveMessageOnPort } from 'node:worker_threads'
import binaryen from 'binaryen'
import { expect } from 'chai'
import { CODE, CUSTOM, EXPORT, FUNCTION, GLOBAL, type Module, parse, TABLE } from '../../src/wasm/binary.ts'
import { Code, REF_FUNC } from '../../src/wasm/code.ts'
import { type Facts, factsOf } from '../../src/wasm/facts.ts'
import { helper } from '../../src/wasm/helper.ts'
import { Unreadable } from '../../src/wasm/reader.ts'
import { type Rewritten, rewrite } from '../../src/wasm/rewrite.ts'
import { Writer } from '../../src/wasm/writer.ts'
import { Rng, seedFrom } from '../conformance/rng.ts'

const root = join(import.meta.dirname, '../..')

// ------------------------------------------------------------------------------------------------ small programs

function assemble(text: string): Uint8Array<ArrayBuffer> {
  const module = binaryen.parseText(`(module ${text})`)
  try {
    module.setFeatures(binaryen.Features.All)
    return new Uint8Array(module.emitBinary())
  } finally {
    module.dispose()
  }
}

type Numbers = number | bigint
type Call = (...values: Numbers[]) => Numbers | undefined

/** A rewritten module, running. */
interface Running {
  readonly exports: Record<string, Call>
  readonly all: WebAssembly.Exports
  readonly rewritten: Rewritten
  readonly base: number
  /** Puts functions into the reserved slots and switches them on. */
  serve(...functions: Call[]): void
  toggle(on: boolean): void
  copy(slot: number): Call
}

function targetsOf(module: Module, names: readonly string[]): number[] {
  return names.map((name) => module.exports.find((found) => found.name === name)!.index)
}

function run(text: string, targets: readonly string[], imports: WebAssembly.Imports = {}): Running {
  const module = parse(assemble(text))
  const indices = targetsOf(module, targets)
  const rewritten = rewrite(module, indices, { id: 'small' })
  const imported = module.tables[0]?.imported === true ? (imports.js!.table as WebAssembly.Table) : undefined
  const base = imported === undefined ? rewritten.tableBase : imported.grow(rewritten.slots)
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(rewritten.bytes), imports)
  const slot = exports['vmalloc:slot'] as WebAssembly.Global
  const table = exports['vmalloc:table'] as WebAssembly.Table
  const toggle = (on: boolean) => {
    slot.value = on ? base + 1 : 0
  }
  return {
    exports: exports as Record<string, Call>,
    all: exports,
    rewritten,
    base,
    toggle,
    copy: (k) => exports[`vmalloc:copy:${k}`] as Call,
    serve(...functions) {
      const types = indices.map((index) => module.types[module.functions[index]!]!)
      const made = new WebAssembly.Instance(new WebAssembly.Module(helper(types)), { j: { ...functions } })
      for (const k of functions.keys()) table.set(base + k, made.exports[`${k}`])
      toggle(true)
    },
  }
}

const arithmetic = `
  (func $add (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
  (func $mixed (export "mixed") (param i32 i64 f64) (result f64)
    (f64.add (local.get 2) (f64.convert_i32_s (i32.add (local.get 0) (i32.wrap_i64 (local.get 1))))))
  (func $nothing (export "nothing"))
  (func $inner (export "inner") (param i32) (result i32) (call $add (local.get 0) (i32.const 1)))`

// ------------------------------------------------------------------------------------------------ whole modules

interface Sample {
  readonly name: string
  readonly bytes: Uint8Array<ArrayBuffer>
}

/** Modules that lie in the packages, each once; those too that are written into a script or come packed. */
function packages(): Sample[] {
  const seen = new Set<string>()
  const folders = ['node_modules', 'test/wasm/modules'].map((folder) => join(root, folder))
  return folders
    .flatMap((folder) => filesOf(folder))
    .filter((file) => file.endsWith('.wasm'))
    .map((file) => ({ name: file.slice(root.length + 1), bytes: new Uint8Array(readFileSync(file)) }))
    .filter(({ bytes }) => {
      const key = `${bytes.length} ${bytes.subarray(-64)}`
      return !seen.has(key) && seen.add(key)
    })
}

function filesOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true }).map((file) => join(folder, `${file}`))
}

/** The module that a package makes when it is loaded. */
async function made(load: () => Promise<unknown>): Promise<Uint8Array<ArrayBuffer>> {
  const real = WebAssembly.instantiate
  let bytes: Uint8Array<ArrayBuffer> | undefined
  const spy = (source: BufferSource | WebAssembly.Module, imports?: WebAssembly.Imports) => {
    if (ArrayBuffer.isView(source)) bytes = new Uint8Array(source.buffer, source.byteOffset, source.byteLength).slice()
    else if (source instanceof ArrayBuffer) bytes = new Uint8Array(source).slice()
    return real(source as BufferSource, imports)
  }
  WebAssembly.instantiate = spy as typeof WebAssembly.instantiate
  try {
    await load()
  } finally {
    WebAssembly.instantiate = real
  }
  expect(bytes, 'bytes of a module').not.equal(undefined)
  return bytes!
}

/** The allocator where it is exported, and some functions from all over the module. */
function someTargets(module: Module): number[] {
  const named = module.exports.filter(({ kind, name }) => kind === 'function' && /^(malloc|free|realloc)$/.test(name))
  const count = module.bodies.length
  const spread = [count - 1, 0, count >> 1, 5].filter((body) => body >= 0 && body < count)
  const all = [...named.map(({ index }) => index), ...spread.map((body) => body + module.imported)]
  return [...new Set(all)].filter((index) => index >= module.imported)
}

const same = (one: Uint8Array, other: Uint8Array) => Buffer.compare(one, other) === 0

/** L1, L2. */
function checkLaws(before: Module, after: Module, targets: readonly number[]): void {
  const changes = targets.length === 0 ? [] : [FUNCTION, TABLE, GLOBAL, EXPORT, CODE]
  const kept = (module: Module) =>
    module.sections.filter(
      ({ id, name }) => !changes.includes(id) && !(id === CUSTOM && (name === 'name' || name === 'vmalloc')),
    )
  const whole = (module: Module) => kept(module).map(({ start, end }) => module.bytes.subarray(start, end))
  const mine = whole(after)
  expect(kept(after).map(({ id, name }) => `${id} ${name}`)).to.deep.equal(
    kept(before).map(({ id, name }) => `${id} ${name}`),
  )
  for (const [i, bytes] of whole(before).entries()) if (!same(bytes, mine[i]!)) expect.fail(`L1: section ${i} differs`)
  const order = (module: Module) => module.sections.map(({ id, name }) => `${id} ${name}`)
  expect(order(after).filter((name) => order(before).includes(name))).to.deep.equal(order(before))

  const count = before.functions.length
  expect(after.functions.slice(0, count)).to.deep.equal(before.functions)
  expect(after.functions.slice(count)).to.deep.equal(targets.map((index) => before.functions[index]))
  expect(after.globals.length - before.globals.length).equal(targets.length > 0 ? 1 : 0)
  expect(after.exports.slice(0, before.exports.length)).to.deep.equal(before.exports)
  expect(after.start).equal(before.start)
  for (const [i, { start, end }] of before.bodies.entries()) {
    if (targets.includes(i + before.imported)) continue
    const now = after.bodies[i]!
    const isSame = same(before.bytes.subarray(start, end), after.bytes.subarray(now.start, now.end))
    if (!isSame) expect.fail(`L2: body ${i} differs`)
  }
}

function checkPlaces(before: Module, after: Module, facts: Facts): void {
  for (const [i, now] of after.bodies.entries()) {
    const copied = facts.targets[i - before.bodies.length]
    const index = copied ?? i + before.imported
    const place = facts.place(now.code)
    const expected = before.bodies[index - before.imported]!.code
    if (place?.index !== index || place.offset !== expected) {
      expect.fail(`body ${i} at ${now.code}: ${JSON.stringify(place)}, expected function ${index} at ${expected}`)
    }
  }
  for (const [slot, index] of facts.targets.entries()) checkCopy(before, after, facts, index, slot)
  expect(facts.place(after.bodies[0]!.start - 1)).equal(undefined)
  expect(facts.place(after.bodies.at(-1)!.end)).equal(undefined)
}

/** Each instruction of a copy stands for one of the original. */
function checkCopy(before: Module, after: Module, facts: Facts, index: number, slot: number): void {
  const code = new Code(before.bytes, before.bodies[index - before.imported]!)
  const copy = new Code(after.bytes, after.bodies[before.bodies.length + slot]!)
  while (code.next()) {
    copy.next()
    const place = facts.place(copy.start)!
    if (copy.op !== code.op || place.index !== index || place.offset !== code.start || place.part !== 'copy') {
      expect.fail(`copy ${slot} at ${copy.start}: ${JSON.stringify(place)}, expected ${code.start}`)
    }
  }
  expect(copy.next()).equal(false)
}

function checkModule({ bytes }: Sample, asked?: readonly number[]): void {
  const before = parse(bytes)
  const targets = asked ?? someTargets(before)
  const rewritten = rewrite(before, targets, { id: 'whole' })
  const after = parse(rewritten.bytes)
  checkLaws(before, after, targets)
  expect(WebAssembly.validate(rewritten.bytes), 'valid').equal(true)
  if (before.bodies.length > 0) checkPlaces(before, after, rewritten)
  const again = factsOf(rewritten.bytes)!
  if (before.bodies.length > 0) checkPlaces(before, after, again)
  expect(data(again)).to.deep.equal(data(rewritten))
  expect(rewritten.hidden).to.deep.equal(after.exports.slice(before.exports.length).map(({ name }) => name))
  expect(() => rewrite(after, [], { id: 'again' })).throws(Unreadable, 'rewritten already')
}

const data = ({ id, note, targets, slots, tableBase, hidden }: Facts) => ({
  id,
  note,
  targets,
  slots,
  tableBase,
  hidden,
})

/** Reads it and looks for faults of its own kind. */
function binaryenAgrees(bytes: Uint8Array): boolean {
  const module = binaryen.readBinary(bytes)
  try {
    module.setFeatures(binaryen.Features.All)
    return module.validate() === 1
  } finally {
    module.dispose()
  }
}

describe('wasm: rewrite: modules of packages', () => {
  const samples = packages().filter(({ bytes }) => WebAssembly.validate(bytes))
  it('has some', () => expect(samples.length).greaterThan(10))

  for (const sample of samples) {
    const { name, bytes } = sample
    if (isReadable(bytes)) it(`keeps what it does not change: ${name}`, () => checkModule(sample))
  }
  it('adds names and facts alone when there is no target', () => {
    for (const sample of samples) if (isReadable(sample.bytes)) checkModule(sample, [])
  })
  it('writes what binaryen reads', () => {
    const small = samples.filter(({ name, bytes }) => name.startsWith('node_modules') && bytes.length < 260_000)
    expect(small.length).greaterThan(2)
    for (const { name, bytes } of small) {
      const module = parse(bytes)
      expect(binaryenAgrees(rewrite(module, someTargets(module), { id: 'b' }).bytes), name).equal(true)
    }
  })
  it('takes modules out of scripts', async () => {
    const bytes = await made(async () => (await import('libsodium-wrappers')).default.ready)
    checkModule({ name: 'libsodium', bytes })
    const { Graphviz } = await import('@hpcc-js/wasm-graphviz')
    checkModule({ name: 'graphviz', bytes: await made(() => Graphviz.load()) })
  })
})

function isReadable(bytes: Uint8Array): boolean {
  try {
    rewrite(parse(bytes), [], { id: 'x' })
    return true
  } catch (error) {
    if (error instanceof Unreadable) return false
    throw error
  }
}

// ------------------------------------------------------------------------------------------------ running

describe('wasm: rewrite: programs', () => {
  it('is the original while the slot is 0', () => {
    const { exports, copy } = run(arithmetic, ['add', 'mixed', 'nothing'])
    expect(exports.add!(2, 3)).equal(5)
    expect(exports.mixed!(1, 2n, 0.5)).equal(3.5)
    expect(exports.nothing!()).equal(undefined)
    expect(exports.inner!(7)).equal(8)
    expect(copy(0)(2, 3)).equal(5)
  })

  it('calls functions of JavaScript with the arguments, each its own', () => {
    const { exports, serve, copy } = run(arithmetic, ['add', 'mixed', 'nothing'])
    const seen: unknown[] = []
    serve(
      (...values) => seen.push('add', ...values) + 100,
      (...values) => seen.push('mixed', ...values) + 0.25,
      (...values) => void seen.push('nothing', ...values),
    )
    expect(exports.add!(-1, 3)).equal(103)
    expect(exports.mixed!(1, 2n ** 63n - 1n, 0.5)).equal(7.25)
    expect(exports.nothing!()).equal(undefined)
    expect(seen).to.deep.equal(['add', -1, 3, 'mixed', 1, 2n ** 63n - 1n, 0.5, 'nothing'])
    expect(exports.inner!(7), 'a call inside the module').equal(100 + seen.length)
    expect(copy(0)(2, 3), 'the copy is the original still').equal(5)
  })

  it('is switched on and off at any time', () => {
    const { exports, serve, toggle } = run(arithmetic, ['add'])
    serve(() => 1000)
    expect(exports.inner!(1)).equal(1000)
    toggle(false)
    expect(exports.inner!(1)).equal(2)
    toggle(true)
    expect(exports.inner!(1)).equal(1000)
  })

  it('passes several results', () => {
    const text = '(func (export "both") (param i32 i64) (result i64 i32) (local.get 1) (local.get 0))'
    const { exports, serve } = run(text, ['both'])
    expect(exports.both!(1, 2n)).to.deep.equal([2n, 1])
    serve((one, two) => [(two as bigint) * 2n, (one as number) * 2] as never)
    expect(exports.both!(1, 2n)).to.deep.equal([4n, 2])
  })

  it('keeps calls among targets inside of the copies: call, return_call, ref.func', () => {
    const { exports, serve, copy } = run(
      `(type $one (func (param i32) (result i32)))
       (table (export "table") 1 4 funcref)
       (func $inc (export "inc") (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))
       (func $twice (export "twice") (param i32) (result i32) (call $inc (call $inc (local.get 0))))
       (func $tail (export "tail") (param i32) (result i32) (return_call $twice (local.get 0)))
       (func $late (export "late") (param i32) (result i32)
         (table.set 0 (i32.const 0) (ref.func $inc))
         (call_indirect (type $one) (local.get 0) (i32.const 0)))`,
      ['inc', 'twice', 'tail', 'late'],
    )
    const calls: string[] = []
    const original =
      (k: number, name: string): Call =>
      (value) => {
        calls.push(name)
        return copy(k)(value!)
      }
    serve(original(0, 'inc'), original(1, 'twice'), original(2, 'tail'), original(3, 'late'))
    expect([exports.twice!(1), exports.tail!(1), exports.late!(1), exports.inc!(1)]).to.deep.equal([3, 3, 2, 2])
    expect(calls).to.deep.equal(['twice', 'tail', 'late', 'inc'])
  })

  it('runs start functions on the copies', () => {
    const { exports, serve } = run(
      `(global $seen (mut i32) (i32.const 0))
       (func $give (export "give") (result i32) (i32.const 42))
       (func $start (global.set $seen (call $give)))
       (func (export "seen") (result i32) (global.get $seen))
       (start $start)`,
      ['give'],
    )
    expect(exports.seen!()).equal(42)
    serve(() => 1)
    expect([exports.give!(), exports.seen!()]).to.deep.equal([1, 42])
  })

  it('makes a start function itself replaceable', () => {
    const { exports, serve } = run(
      `(global $count (mut i32) (i32.const 0))
       (func $start (export "start") (global.set $count (i32.add (global.get $count) (i32.const 1))))
       (func (export "count") (result i32) (global.get $count))
       (start $start)`,
      ['start'],
    )
    expect(exports.count!()).equal(1)
    serve(() => undefined)
    exports.start!()
    expect(exports.count!()).equal(1)
  })

  const through = `
    (type $one (func (param i32) (result i32)))
    (func $double (export "double") (param i32) (result i32) (i32.mul (local.get 0) (i32.const 2)))
    (func $half (param i32) (result i32) (i32.div_s (local.get 0) (i32.const 2)))
    (func (export "through") (param i32 i32) (result i32) (call_indirect (type $one) (local.get 0) (local.get 1)))
    (func (export "grow") (param i32) (result i32) (table.grow 0 (ref.func $double) (local.get 0)))
    (elem (i32.const 1) $double $half)`

  it('is reached through the elements of a table, which may be full', () => {
    const { exports, base, rewritten, all, serve } = run(`(table (export "table") 3 3 funcref) ${through}`, ['double'])
    expect([base, rewritten.tableBase]).to.deep.equal([3, 3])
    expect((all.table as WebAssembly.Table).length).equal(4)
    expect(exports.through!(10, 1)).equal(20)
    serve((value) => (value as number) + 1)
    expect([exports.through!(10, 1), exports.through!(10, 2)]).to.deep.equal([11, 5])
    expect(parse(rewritten.bytes).tables[0]).includes({ min: 4, max: 4 })
  })

  it('leaves a table without bounds without bounds, and lets the program grow it', () => {
    const { exports, rewritten, serve } = run(`(table 3 funcref) ${through}`, ['double'])
    expect(parse(rewritten.bytes).tables[0]!.max).equal(undefined)
    serve((value) => (value as number) + 1)
    expect(exports.grow!(1000)).equal(4)
    expect([exports.through!(10, 1), exports.double!(10)]).to.deep.equal([11, 11])
  })

  it('lets the program grow as far as it said', () => {
    const { exports } = run(`(table 3 5 funcref) ${through}`, ['double'])
    expect([exports.grow!(3), exports.grow!(2), exports.grow!(1)]).to.deep.equal([-1, 4, -1])
  })

  it('uses an imported table, behind what is in it', () => {
    const table = new WebAssembly.Table({ element: 'anyfunc', initial: 7 })
    const { exports, base, rewritten, serve } = run(`(import "js" "table" (table 3 funcref)) ${through}`, ['double'], {
      js: { table },
    })
    expect([rewritten.tableBase, base, table.length]).to.deep.equal([-1, 7, 8])
    expect(exports.through!(10, 1)).equal(20)
    serve((value) => (value as number) + 1)
    expect([exports.through!(10, 1), exports.double!(1)]).to.deep.equal([11, 2])
  })

  it('serves instances of one module apart', () => {
    const module = parse(assemble(arithmetic))
    const { bytes } = rewrite(module, targetsOf(module, ['add']), { id: 'two' })
    const compiled = new WebAssembly.Module(bytes)
    const [one, other] = [new WebAssembly.Instance(compiled), new WebAssembly.Instance(compiled)]
    const type = { params: [0x7f, 0x7f], results: [0x7f] }
    const made = new WebAssembly.Instance(new WebAssembly.Module(helper([type])), { j: { 0: () => 9 } })
    ;(one.exports['vmalloc:table'] as WebAssembly.Table).set(0, made.exports['0'])
    ;(one.exports['vmalloc:slot'] as WebAssembly.Global).value = 1
    expect([one, other].map(({ exports }) => (exports.add as Call)(2, 2))).to.deep.equal([9, 4])
  })

  it('shows the memory, where there is one', () => {
    const { all, rewritten } = run(`(memory 2) ${arithmetic}`, ['add'])
    expect((all['vmalloc:memory'] as WebAssembly.Memory).buffer.byteLength).equal(2 * 65536)
    expect(rewritten.hidden).to.deep.equal(['vmalloc:copy:0', 'vmalloc:slot', 'vmalloc:table', 'vmalloc:memory'])
    expect(run(arithmetic, ['add']).rewritten.hidden).not.includes('vmalloc:memory')
  })
})

// ------------------------------------------------------------------------------------------------ stacks and names

/** More than 128 functions: calls of the copies need longer numbers than calls of the first functions. */
const traced = `
  (import "js" "trace" (func $trace (param i32) (result i32)))
  (func $inner (export "inner") (param i32) (result i32)
    (drop (i32.const 1234567)) (i32.add (call $trace (local.get 0)) (i32.const 1)))
  (func $outer (export "outer") (param i32) (result i32)
    (drop (i32.const 7)) (drop (call $inner (local.get 0))) (drop (call $inner (local.get 0)))
    (i32.add (i32.const 1) (call $trace (i32.const 1))))
  (func $caller (export "caller") (param i32) (result i32) (i32.add (call $outer (local.get 0)) (i32.const 3)))
  ${Array.from({ length: 140 }, (_, i) => `(func (export "f${i}") (result i32) (i32.const ${i * 1000}))`).join('')}
  (func $last (export "last") (param i32) (result i32) (i32.add (i32.const 5) (call $caller (local.get 0))))`

type Frame = readonly [index: number, offset: number]

function framesOf(stack: string): Frame[] {
  return [...stack.matchAll(/wasm-function\[(\d+)\]:0x([0-9a-f]+)/g)].map((m) => [
    Number(m[1]),
    Number.parseInt(m[2]!, 16),
  ])
}

function stacksOf(bytes: Uint8Array<ArrayBuffer>): string[] {
  const stacks: string[] = []
  const trace = (value: number) => stacks.push(new Error('trace').stack!) + value
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), { js: { trace } })
  ;(exports.last as Call)(1)
  return stacks
}

describe('wasm: rewrite: places', () => {
  const original = assemble(traced)
  const module = parse(original)

  it('are what the engine says of the original, through dispatchers and copies', () => {
    const rewritten = rewrite(module, targetsOf(module, ['outer', 'inner', 'caller']), { id: 'traced' })
    const expected = stacksOf(original).map(framesOf)
    const stacks = stacksOf(rewritten.bytes)
    const parts = new Set<string>()
    const found = stacks.map((stack) =>
      framesOf(stack)
        .map(([, offset]) => rewritten.place(offset)!)
        .filter(({ part }) => parts.add(part) && part !== 'dispatcher')
        .map(({ index, offset }) => [index, offset]),
    )
    expect(expected.map((frames) => frames.length)).to.deep.equal([4, 4, 3])
    expect(found).to.deep.equal(expected)
    expect([...parts].sort()).to.deep.equal(['body', 'copy', 'dispatcher'])
    expect(stacks[0]).matches(/at traced\.inner\.original \(wasm:\/\/wasm\/traced-[0-9a-f]{8}:wasm-function\[14\d\]:0x/)
    expect(stacks[0]).matches(/at traced\.last \(wasm:\/\/wasm\/traced-/)
  })

  it('are found behind numbers that are longer than they must be, as linkers leave them', () => {
    const code = new Writer()
      .u32(2)
      .sized(new Writer().byte(0, 0x10).u32(1, 5).byte(0x01, 0x0b))
      .sized(new Writer().byte(0, 0x0b))
    const bytes = new Writer()
      .bytes(assemble(''))
      .section(1, new Writer().byte(1, 0x60, 0, 0))
      .section(FUNCTION, new Writer().byte(2, 0, 0))
      .section(CODE, code)
      .finish()
    checkModule({ name: 'padded', bytes }, [1, 0])
  })

  it('say the function that the engine says', () => {
    const rewritten = rewrite(module, targetsOf(module, ['f3', 'f100']), { id: 'traced' })
    const frames = stacksOf(rewritten.bytes).flatMap(framesOf)
    expect(frames.length).greaterThan(5)
    for (const [index, offset] of frames) expect(rewritten.place(offset)).includes({ index, part: 'body' })
  })

  it('name functions as the module does', () => {
    const bytes = assemble('(func (export "shown") (export "second")) (func $hidden)')
    const stripped = parse(bytes)
    const { place } = rewrite(stripped, [0], { id: 'n' })
    const after = parse(rewrite(stripped, [0], { id: 'n' }).bytes)
    expect(after.name).equal('n')
    expect([...after.names]).to.deep.equal([
      [0, 'shown'],
      [2, 'shown.original'],
    ])
    expect(after.bodies.map(({ code }) => place(code)!.name)).to.deep.equal(['shown', 'wasm-function[1]', 'shown'])
    const given = rewrite(stripped, [1], { id: 'n', names: new Map([[1, 'malloc']]) })
    expect([...parse(given.bytes).names.values()]).to.deep.equal(['shown', 'malloc', 'malloc.original'])
  })

  it('keep the rest of a name section, once, at its place', () => {
    const part = (id: number, contents: Writer) => new Writer().byte(id).sized(contents)
    const locals = part(2, new Writer().byte(1, 0, 1, 0).name('size'))
    const section = new Writer().name('name')
    section
      .append(part(0, new Writer().name('old')))
      .append(part(1, new Writer().byte(1, 0).name('böse')))
      .append(locals)
    const bytes = new Writer()
      .bytes(assemble('(func (export "f") (param i32)) (func (export "g"))'))
      .section(CUSTOM, section)
      .section(CUSTOM, new Writer().name('after').byte(1, 2, 3))
      .section(CUSTOM, new Writer().name('name').byte(9, 9, 9))
      .finish()
    const after = parse(rewrite(parse(bytes), [0], { id: 'new' }).bytes)
    const custom = after.sections.filter(({ id }) => id === CUSTOM)
    expect(custom.map(({ name }) => name)).to.deep.equal(['name', 'after', 'vmalloc'])
    expect(after.name).equal('new')
    const kept = after.bytes.subarray(custom[0]!.end - locals.length, custom[0]!.end)
    expect([...kept]).to.deep.equal([...locals.finish()])
  })
})

// ------------------------------------------------------------------------------------------------ facts

describe('wasm: rewrite: facts', () => {
  const module = parse(assemble(traced))
  const options = { id: 'carried', note: '{"malloc":0}' }
  const rewritten = rewrite(module, targetsOf(module, ['outer', 'inner']), options)

  it('travel with a module', () => {
    const { port1, port2 } = new MessageChannel()
    port1.postMessage(new WebAssembly.Module(rewritten.bytes))
    const { message } = receiveMessageOnPort(port2) as { message: WebAssembly.Module }
    port1.close()
    const facts = factsOf(message)!
    expect(data(facts)).to.deep.equal(data(rewritten))
    expect(data(facts)).includes({ ...options, slots: 2, tableBase: 0 })
    for (let at = 0; at < rewritten.bytes.length; at++) expect(facts.place(at)).to.deep.equal(rewritten.place(at))
  })

  it('are missing where nothing was rewritten', () => {
    expect(factsOf(module.bytes)).equal(undefined)
    expect(factsOf(new WebAssembly.Module(assemble(traced)))).equal(undefined)
  })

  it('of another version, or of somebody else, are refused', () => {
    const foreign = (contents: number[]) =>
      new Writer()
        .bytes(assemble(''))
        .section(CUSTOM, new Writer().name('vmalloc').byte(...contents))
        .finish()
    expect(() => factsOf(foreign([2]))).throws(Unreadable, 'version 2, expected 1')
    expect(() => factsOf(foreign([1, 5]))).throws(Unreadable)
    expect(() => rewrite(parse(foreign([])), [], { id: 'x' })).throws(Unreadable, 'rewritten already')
  })
})

// ------------------------------------------------------------------------------------------------ refusals

describe('wasm: rewrite: refusals', () => {
  const one = '(func (export "f"))'
  const refused = (text: string, targets: number[], why: string) => () => {
    const attempt = () => rewrite(parse(assemble(text)), targets, { id: 'x' })
    expect(attempt).throws(Unreadable, why).with.property('kind', 'unsupported')
  }
  it('a first table without functions', refused(`(table 1 externref) ${one}`, [0], 'type 0x6f'))
  it('large memories', refused(`(memory i64 1) ${one}`, [0], '64 bits'))
  it('large tables', refused(`(table i64 1 funcref) ${one}`, [0], '64 bits'))
  it('an imported target', refused(`(import "a" "b" (func)) ${one}`, [0], 'imported'))
  it('a target that is not there', refused(one, [1], 'the target 1, with 1 functions'))
  it('a target named twice', refused(`${one} (func)`, [0, 0], 'twice'))
  it('a table that engines would not make', refused(`(table 10000000 funcref) ${one}`, [0], '10000000 elements'))
  it('an export with our prefix', refused('(func (export "vmalloc:slot"))', [0], 'vmalloc:'))

  it('but no table that may grow without end', () => {
    const { bytes } = rewrite(parse(assemble(`(table 1 0xfffffffe funcref) ${one} (func)`)), [0, 1], { id: 'x' })
    expect(parse(bytes).tables[0]).includes({ min: 3, max: 2 ** 32 - 1 })
    expect(WebAssembly.validate(bytes)).equal(true)
  })
})

// ------------------------------------------------------------------------------------------------ helper and writer

describe('wasm: helper', () => {
  const I = 0x7f
  const one = { params: [I], results: [I] }
  const allocator = [
    one,
    { params: [I], results: [] },
    ...Array.from({ length: 4 }, () => ({ params: [I, I], results: [I] })),
    { params: [I, I, I], results: [I] },
    { params: [I], results: [I, I] },
  ]

  it('is small', () => {
    expect(WebAssembly.validate(helper(allocator))).equal(true)
    expect(helper(allocator).length).below(200)
    expect(parse(helper(allocator)).name).equal('vmalloc')
    expect(helper([]).length).below(60)
  })

  it('has each function under its own number, with its own type', () => {
    const functions = allocator.map(({ results }, i) => (...values: number[]) => {
      const value = i * 100 + values.length
      return results.length > 1 ? [value, i] : value
    })
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(helper(allocator)), { j: { ...functions } })
    const answers = allocator.map((_, i) => (exports[i] as Call)(1, 2, 3, 4))
    expect(answers).to.deep.equal([1, undefined, 202, 302, 402, 502, 603, [701, 7]])
  })
})

describe('wasm: writer', () => {
  it('writes numbers that the reader reads', () => {
    const edges = [0, 1, 63, 64, 127, 128, 8191, 8192, 16383, 16384, 2 ** 21, 2 ** 28 - 1, 2 ** 28, 2 ** 31 - 1]
    for (const edge of edges) {
      for (const value of [edge, 0 - edge, ~edge]) {
        const bytes = new Writer().byte(0x41).i32(value).finish()
        const code = new Code(bytes, { code: 0, end: bytes.length })
        expect([code.next(), code.a, code.next()], `${value}`).to.deep.equal([true, value, false])
      }
      for (const value of [edge, 2 ** 32 - 1 - edge]) {
        for (const width of [1, 2, 5]) {
          const bytes = new Writer().byte(REF_FUNC).u32(value, width).finish()
          const code = new Code(bytes, { code: 0, end: bytes.length })
          expect([code.next(), code.a, code.next()], `${value}`).to.deep.equal([true, value, false])
          expect(bytes.length - 1).least(width)
        }
      }
    }
  })
  it('counts what it has', () => {
    const inner = new Writer().byte(1, 2).bytes(Uint8Array.of(3)).name('é')
    const writer = new Writer().byte(9).sized(inner).append(inner)
    expect(writer.length).equal(14)
    expect([...writer.finish()]).to.deep.equal([9, 6, 1, 2, 3, 2, 195, 169, 1, 2, 3, 2, 195, 169])
  })
})

// ------------------------------------------------------------------------------------------------ broken bytes

const seed = seedFrom(process.env.SEED)

describe(`wasm: rewrite: broken bytes (SEED=${seed})`, () => {
  const rng = new Rng(seed)
  const below = (count: number) => Math.floor(rng.fraction() * count)
  const bases = [
    assemble(`(import "a" "b" (func (param f32) (result i32)))
      (memory 1 2) (table (export "t") 3 9 funcref) (global (mut i64) (i64.const 5)) (data (i32.const 8) "abc")
      (elem (i32.const 0) 1 2) (start 3) ${arithmetic}`),
    assemble(traced),
    new Uint8Array(readFileSync(join(root, 'node_modules/wasmoon/dist/glue.wasm'))).slice(),
  ]

  function broken(base: Uint8Array): Uint8Array<ArrayBuffer> {
    if (below(8) === 0) return base.slice(0, below(base.length))
    const bytes = base.slice()
    for (let count = 1 + below(3); count > 0; count--) {
      const at = below(2) === 0 ? below(bytes.length) : below(Math.min(bytes.length, 400))
      bytes[at] = below(2) === 0 ? below(256) : bytes[at]! ^ (1 << below(8))
    }
    return bytes
  }

  it('are an error, or a module that is valid if it was', () => {
    let valid = 0
    for (let turn = 0; turn < 2000; turn++) {
      const bytes = broken(bases[turn % 20 === 0 ? 2 : turn % 2]!)
      try {
        const module = parse(bytes)
        const targets = [0, 1, 2].map((i) => i + module.imported)
        const rewritten = rewrite(module, targets, { id: 'f' })
        if (!WebAssembly.validate(bytes)) continue
        valid++
        if (!WebAssembly.validate(rewritten.bytes)) expect.fail(`SEED=${seed} turn ${turn}: valid before, not after`)
        checkPlaces(module, parse(rewritten.bytes), factsOf(rewritten.bytes)!)
      } catch (error) {
        if (!(error instanceof Unreadable)) throw new Error(`SEED=${seed} turn ${turn}`, { cause: error })
      }
    }
    expect(valid).greaterThan(100)
  })

  it('of facts are an error or other facts', () => {
    const module = parse(bases[1]!)
    const { bytes } = rewrite(module, [5, 9], { id: 'f' })
    const section = parse(bytes).sections.at(-1)!
    for (let turn = 0; turn < 300; turn++) {
      const other = bytes.slice()
      other[section.from + below(section.end - section.from)] = below(256)
      try {
        factsOf(other)!.place(below(bytes.length))
      } catch (error) {
        if (!(error instanceof Unreadable)) throw new Error(`SEED=${seed} turn ${turn}`, { cause: error })
      }
    }
  })
})
