/**
 * odd: modules that are not what C compilers make every day, from text, by binaryen or byte by byte.
 *
 *   node test/wasm/c/odd.mjs [FOLDER]     writes them to FOLDER, test/wasm/modules when none is named
 *
 * Unless its line below says otherwise a module has an allocator (HEAP: it only ever moves on, `free` counts) and
 *
 *   run(n)   n blocks of 16 + i bytes, i written into each and read back, each freed; answers the sum 0 + 1 + ... n - 1
 *
 * done in the module's own odd way.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import binaryen from 'binaryen'

/** malloc and free under whatever names; payloads at multiples of 8 from 1024 on, no end is looked for. */
const heap = (malloc = 'malloc', free = 'free') => `
  (global $top (mut i32) (i32.const 1024))
  (global $freed (mut i32) (i32.const 0))
  (func $malloc (export "${malloc}") (param $n i32) (result i32)
    (local $at i32)
    (local.set $at (i32.add (global.get $top) (i32.const 8)))
    (global.set $top
      (i32.and (i32.add (i32.add (local.get $at) (local.get $n)) (i32.const 7)) (i32.const -8)))
    (i32.store (i32.sub (local.get $at) (i32.const 8)) (local.get $n))
    (local.get $at))
  (func $free (export "${free}") (param $at i32)
    (if (local.get $at) (then (global.set $freed (i32.add (global.get $freed) (i32.const 1))))))
  (func (export "freed") (result i32) (global.get $freed))`

/** run(n), with `use` in its loop: the block $at, its number $i. */
const run = (use, { locals = '', name = 'run' } = {}) => `
  (func $run (export "${name}") (param $n i32) (result i32)
    (local $i i32) (local $at i32) (local $sum i32) ${locals}
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $i) (local.get $n)))
        (local.set $at (call $malloc (i32.add (local.get $i) (i32.const 16))))
        ${use}
        (call $free (local.get $at))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br $next)))
    (local.get $sum))`

const memory = '(memory $memory (export "memory") 2)'
const write = '(i32.store (local.get $at) (local.get $i))'
const add = (value) => `(local.set $sum (i32.add (local.get $sum) ${value}))`
const read = add('(i32.load (local.get $at))')
const plain = `${memory} ${heap()} ${run(`${write} ${read}`)}`

const texts = {
  // memory of other kinds
  atomics: `(memory $memory (export "memory") 2 4 shared) ${heap()}
    ${run(`(i32.atomic.store (local.get $at) (local.get $i))
      (drop (i32.atomic.rmw.add (local.get $at) (i32.const 1)))
      ${add('(i32.sub (i32.atomic.load (local.get $at)) (i32.const 1))')}`)}`,
  // addresses of 64 bits: malloc is i64 -> i64, run i32 -> i32
  memory64: `(memory $memory (export "memory") i64 2)
    (global $top (mut i64) (i64.const 1024))
    (func $malloc (export "malloc") (param $n i64) (result i64)
      (local $at i64)
      (local.set $at (global.get $top))
      (global.set $top (i64.and (i64.add (i64.add (local.get $at) (local.get $n)) (i64.const 15)) (i64.const -8)))
      (local.get $at))
    (func $free (export "free") (param $at i64))
    (func (export "run") (param $n i32) (result i32)
      (local $i i32) (local $at i64) (local $sum i32)
      (block $done
        (loop $next
          (br_if $done (i32.ge_u (local.get $i) (local.get $n)))
          (local.set $at (call $malloc (i64.extend_i32_u (i32.add (local.get $i) (i32.const 16)))))
          (i32.store (local.get $at) (local.get $i))
          ${read}
          (call $free (local.get $at))
          (local.set $i (i32.add (local.get $i) (i32.const 1)))
          (br $next)))
      (local.get $sum))`,
  'multi-memory': `${memory} (memory $other (export "other") 1) ${heap()}
    ${run(`${write}
      (i32.store $other (i32.const 16) (i32.load $memory (local.get $at)))
      ${add('(i32.load $other (i32.const 16))')}`)}`,
  // exported as \`heap\`, malloc as \`a\`, free as \`b\`
  'other-names': `(memory $memory (export "heap") 2) ${heap('a', 'b')} ${run(`${write} ${read}`)}`,

  // instructions
  gc: `(type $pair (struct (field $left i32) (field $right (mut i32)))) ${memory} ${heap()}
    ${run(
      `(local.set $pair (struct.new $pair (local.get $at) (local.get $i)))
      (i32.store (struct.get $pair $left (local.get $pair)) (struct.get $pair $right (local.get $pair)))
      ${read}`,
      { locals: '(local $pair (ref null $pair))' },
    )}`,
  'exceptions-legacy': `(tag $thrown (param i32)) ${memory} ${heap()}
    (func $throws (param $at i32) (throw $thrown (i32.load (local.get $at))))
    ${run(
      `${write}
      (try (do (call $throws (local.get $at))) (catch $thrown (local.set $value (pop i32))))
      ${add('(local.get $value)')}`,
      { locals: '(local $value i32)' },
    )}`,
  exceptions: `(tag $thrown (param i32)) ${memory} ${heap()}
    (func $throws (param $at i32) (throw $thrown (i32.load (local.get $at))))
    ${run(
      `${write}
      (local.set $value
        (block $caught (result i32)
          (try_table (catch $thrown $caught) (call $throws (local.get $at)))
          (i32.const 0)))
      ${add('(local.get $value)')}`,
      { locals: '(local $value i32)' },
    )}`,
  simd: `${memory} ${heap()}
    ${run(`(v128.store (local.get $at) (i32x4.splat (local.get $i)))
      ${add('(i32x4.extract_lane 2 (i32x4.add (v128.load (local.get $at)) (v128.const i32x4 0 0 0 0)))')}`)}`,
  // malloc itself ends in a tail call
  'tail-calls': `${memory} ${heap('inner_malloc')}
    (func $outer (export "malloc") (param $n i32) (result i32) (return_call $malloc (local.get $n)))
    ${run(`${write} ${read} (local.set $sum (call $same (local.get $sum)))`)}
    (func $same (param $n i32) (result i32) (return_call $pass (local.get $n)))
    (func $pass (param $n i32) (result i32) (local.get $n))`,
  // blocks with parameters, functions with several results, passive data
  'bulk-and-multivalue': `(type $word (func (param i32) (result i32))) ${memory}
    (data $letters "abcdefghijklmnop") ${heap()}
    (func $both (param $at i32) (param $i i32) (result i32 i32) (local.get $at) (local.get $i))
    ${run(`(memory.init $letters (local.get $at) (i32.const 0) (i32.const 16))
      (memory.copy (i32.add (local.get $at) (i32.const 8)) (local.get $at) (i32.const 4))
      (memory.fill (local.get $at) (i32.const 0) (i32.const 8))
      (call $both (local.get $at) (local.get $i))
      (i32.store)
      ${read}`)}`,

  // tables
  tables: `${memory} ${heap()}
    (table $calls 2 2 funcref) (elem (table $calls) (i32.const 0) func $malloc $double)
    (table $things (export "things") 1 externref)
    (type $word (func (param i32) (result i32)))
    (func $double (param $n i32) (result i32) (i32.shl (local.get $n) (i32.const 1)))
    (func (export "keep") (param $thing externref) (result i32)
      (table.grow $things (local.get $thing) (i32.const 1)))
    (func (export "kept") (param $i i32) (result externref) (table.get $things (local.get $i)))
    ${run(`(call $free (local.get $at))
      (local.set $at (call_indirect $calls (type $word) (i32.const 24) (i32.const 0)))
      ${write}
      ${add('(i32.shr_u (call_indirect $calls (type $word) (i32.load (local.get $at)) (i32.const 1)) (i32.const 1))')}`)}`,
  // the table is imported, and malloc and free lie in it
  'table-imported': `(import "env" "table" (table $calls 8 funcref)) ${memory} ${heap()}
    (elem (table $calls) (i32.const 2) func $malloc $free)
    (type $word (func (param i32) (result i32)))
    ${run(`(call $free (local.get $at))
      (local.set $at (call_indirect $calls (type $word) (i32.const 24) (i32.const 2)))
      ${write} ${read}`)}`,
  // no table at all
  'no-table': plain,

  // beginnings
  start: `${memory} ${heap()} ${run(`${write} ${read}`)}
    (global $first (mut i32) (i32.const 0))
    (func $begin
      (global.set $first (call $malloc (i32.const 100)))
      (i32.store (global.get $first) (i32.const 77))
      (call $free (call $malloc (i32.const 50))))
    (func (export "first") (result i32) (global.get $first))
    (func (export "first_word") (result i32) (i32.load (global.get $first)))
    (start $begin)`,

  // exports that are called malloc, and are not what C means by it
  'other-malloc': `${memory} ${heap('alloc', 'dealloc')} ${run(`${write} ${read}`)}
    (func (export "malloc") (param $n i32) (param $align i32) (result i32) (call $malloc (local.get $n)))
    (func (export "free") (param $at i32) (param $n i32) (param $align i32) (call $free (local.get $at)))`,
  // malloc and free are imported and exported again
  reexport: `(import "env" "malloc" (func $malloc (param i32) (result i32)))
    (import "env" "free" (func $free (param i32)))
    (import "env" "memory" (memory $memory 2))
    (export "malloc" (func $malloc)) (export "free" (func $free)) ${run(`${write} ${read}`)}`,

  // no code
  'no-code': memory,
  empty: '',
}

/** run() as in the others, but env.pause is called between write and read, and may unwind and rewind the stack. */
const pausing = `(import "env" "pause" (func $pause)) ${memory} ${heap()} ${run(`${write} (call $pause) ${read}`)}`

function assemble(text, passes = []) {
  const module = binaryen.parseText(`(module ${text})`)
  module.setFeatures(featuresOf(text))
  if (!module.validate()) throw new Error(`not valid: ${text}`)
  module.runPasses(passes)
  const bytes = module.emitBinary()
  module.dispose()
  return bytes
}

/** All that binaryen knows would change how plain modules are written; so a module gets what its text needs. */
function featuresOf(text) {
  const f = binaryen.Features
  const needs = [
    [/./, f.MutableGlobals | f.BulkMemory | f.BulkMemoryOpt | f.SignExt | f.Multivalue],
    [/externref|\(table .*\(table /s, f.ReferenceTypes],
    [/atomic|shared/, f.Atomics],
    [/memory i64|"memory"\) i64/, f.Memory64],
    [/struct/, f.GC | f.ReferenceTypes],
    [/\(tag/, f.ExceptionHandling | f.ReferenceTypes],
    [/v128/, f.SIMD128],
    [/return_call/, f.TailCall],
    [/\$other \(export "other"/, f.MultiMemory],
  ]
  return needs.reduce((sum, [pattern, features]) => (pattern.test(text) ? sum | features : sum), f.MVP)
}

// bytes

const unsigned = (n) => (n < 128 ? [n] : [(n & 127) | 128, ...unsigned(n >>> 7)])
const label = (string) => [...unsigned(string.length), ...Buffer.from(string)]
const section = (id, bytes) => [id, ...unsigned(bytes.length), ...bytes]
const custom = (name, bytes = []) => section(0, [...label(name), ...bytes])
const HEAD = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]

/** Sections of a module, each with its head. */
function* sectionsOf(bytes) {
  for (let at = 8; at < bytes.length; ) {
    let size = 0
    let end = at + 1
    for (let shift = 0; ; shift += 7) {
      size |= (bytes[end] & 127) << shift
      if (bytes[end++] < 128) break
    }
    end += size
    yield [...bytes.subarray(at, end)]
    at = end
  }
}

/** In run, after the write: three instructions that do nothing, of which the middle one becomes one that nobody knows. */
function unknownOpcode() {
  const bytes = Buffer.from(assemble(`${memory} ${heap()} ${run(`${write} (nop) (nop) (nop) ${read}`)}`))
  const at = bytes.indexOf(Buffer.from([1, 1, 1]))
  if (at < 0 || bytes.indexOf(Buffer.from([1, 1, 1]), at + 1) >= 0) throw new Error('three nops are not there once')
  bytes[at + 1] = 0xe9
  return bytes
}

/** Custom sections before, between and behind all others: one empty, two of one name. */
function customs() {
  const sections = [...sectionsOf(assemble(plain))].filter(([id]) => id !== 0)
  const between = sections.flatMap((bytes, i) => [...custom(`note ${i}`, [i, i, i]), ...bytes])
  return [...HEAD, ...custom('note'), ...between, ...custom('note', [1]), ...custom('end')]
}

/** A name section that says it is longer than it is. */
const badNames = () => [...assemble(plain), ...custom('name', [1, 99, 3])]

/** Each size of a section takes five bytes, as linkers write it when they do not know it beforehand. */
function padded() {
  const wide = (n) => [(n & 127) | 128, ((n >>> 7) & 127) | 128, ((n >>> 14) & 127) | 128, ((n >>> 21) & 127) | 128, 0]
  return [
    ...HEAD,
    ...[...sectionsOf(assemble(plain))].flatMap((bytes) => {
      let body = 2
      while (bytes[body - 1] >= 128) body++
      return [bytes[0], ...wide(bytes.length - body), ...bytes.slice(body)]
    }),
  ]
}

/**
 * Two functions i32 -> i32, twice and thrice; a table of four elements whose own initial value is twice (the form with
 * 40 00), and an element segment that puts thrice at 1. call(i, n) calls element i.
 */
function tableInit() {
  const word = [0x60, 1, 0x7f, 1, 0x7f]
  const calls = [0x60, 2, 0x7f, 0x7f, 1, 0x7f]
  const body = (bytes) => [...unsigned(bytes.length + 2), 0, ...bytes, 0x0b]
  return [
    ...HEAD,
    ...section(1, [2, ...word, ...calls]),
    ...section(3, [3, 0, 0, 1]),
    ...section(4, [1, 0x40, 0, 0x70, 0, 4, 0xd2, 0, 0x0b]),
    ...section(7, [1, ...label('call'), 0, 2]),
    ...section(9, [1, 0, 0x41, 1, 0x0b, 1, 1]),
    ...section(10, [
      3,
      ...body([0x20, 0, 0x41, 2, 0x6c]),
      ...body([0x20, 0, 0x41, 3, 0x6c]),
      ...body([0x20, 1, 0x20, 0, 0x11, 0, 0]),
    ]),
  ]
}

/** A side module by hand: a dylink.0 section (8 bytes of memory aligned to 4, no table), and run over imported malloc. */
function side() {
  const module = assemble(`
    (import "env" "memory" (memory $memory 1))
    (import "env" "__memory_base" (global $base i32))
    (import "env" "malloc" (func $malloc (param i32) (result i32)))
    (import "env" "free" (func $free (param i32)))
    (data (global.get $base) "side")
    ${run(`${write} ${read}`)}`)
  return [...HEAD, ...custom('dylink.0', [1, 4, 8, 2, 0, 0]), ...module.subarray(8)]
}

/** All these modules by name. */
export function oddModules() {
  const modules = Object.entries(texts).map(([name, text]) => [`odd.${name}`, assemble(text)])
  return Object.fromEntries([
    ...modules,
    ['odd.asyncify', assemble(pausing, ['asyncify'])],
    ['odd.unknown-opcode', unknownOpcode()],
    ['odd.customs', customs()],
    ['odd.padded', padded()],
    ['odd.table-init', tableInit()],
    ['odd.bad-names', badNames()],
    ['side.hand', side()],
  ])
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const folder = process.argv[2] ?? join(dirname(fileURLToPath(import.meta.url)), '../modules')
  mkdirSync(folder, { recursive: true })
  for (const [name, bytes] of Object.entries(oddModules()))
    writeFileSync(join(folder, `${name}.wasm`), Uint8Array.from(bytes))
}
