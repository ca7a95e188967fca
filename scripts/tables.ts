/**
 * tables: what documents say of methods, disciplines and options, made from their definitions.
 *
 *   npm run tables            writes it
 *
 *   README.md                 between <!-- methods --> and <!-- /methods -->, and the same for disciplines
 *   docs/choosing.md          between <!-- sheets --> and <!-- /sheets -->
 *   docs/options.md           all of it
 *
 * A test holds the files true to this. What a definition does not say is tried: which memory a discipline stands for,
 * by handing it some of each kind; what a block costs, by allocating two.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Words } from '../src/ground/words.ts'
import {
  type DisciplineDef,
  injectOptions,
  type MethodDef,
  type OptionRow,
  open,
  optionsMarkdown,
  type Region,
  registry,
  type Store,
} from '../src/index.ts'
import { knownRows } from '../src/region/options.ts'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')

/** The documents that hold something made here: their text as it must be. */
export function documents(): Map<string, string> {
  const read = (file: string) => readFileSync(join(root, file), 'utf8')
  const readme = filled(filled(read('README.md'), 'methods', methodTable()), 'disciplines', disciplineTable())
  return new Map([
    ['README.md', readme],
    ['docs/choosing.md', filled(read('docs/choosing.md'), 'sheets', sheets())],
    ['docs/options.md', optionsMarkdown(mergedRows())],
  ])
}

/** A text with what stands between the two markers replaced. */
function filled(text: string, marker: string, content: string): string {
  const [open, close] = [`<!-- ${marker} -->`, `<!-- /${marker} -->`]
  const [from, to] = [text.indexOf(open), text.indexOf(close)]
  if (from < 0 || to < from) throw new Error(`no ${open} ... ${close} in the text`)
  return `${text.slice(0, from + open.length)}\n\n${content}\n\n${text.slice(to)}`
}

// Tables

const cell = (text: string) => text.replaceAll('|', '\\|')

function table(head: string[], rows: string[][], right: number[] = []): string {
  const line = (cells: string[]) => `| ${cells.map(cell).join(' | ')} |`
  const rule = head.map((_, column) => (right.includes(column) ? '--:' : '---'))
  return [line(head), line(rule), ...rows.map(line)].join('\n')
}

function methodTable(): string {
  const rows = registry.methods.all().map((method) => {
    const { name, about, frees, sizes, overhead } = method
    return [`\`${name}\``, about, freesOf[frees], sizesOf[sizes], String(overhead), optionsOf(method.options)]
  })
  return table(['Method', 'What it does', 'Frees', 'Sizes', 'Bytes a block', 'Options'], rows, [4])
}

function disciplineTable(): string {
  const rows = registry.disciplines.all().map((discipline) => {
    const { name, about, options } = discipline
    return [`\`${name}\``, about, standsFor(discipline).join(', '), optionsOf(options)]
  })
  return table(['Discipline', 'Where memory comes from', 'What `open` takes for it', 'Options'], rows)
}

const freesOf = { any: 'any block', newest: 'the newest', none: 'nothing' }
const sizesOf = { any: 'any', one: 'one', none: 'none' }

const optionsOf = (rows: readonly OptionRow[] = []) => rows.map(({ name }) => `\`${name}\``).join(', ')

/** The kinds of memory that `open({ discipline: memory })` turns into this discipline. */
function standsFor(discipline: DisciplineDef): string[] {
  const growing = { maxByteLength: 2 ** 17 }
  const kinds: [string, unknown][] = [
    ['ArrayBuffer', new ArrayBuffer(2 ** 16)],
    ['typed array', new Uint8Array(2 ** 16)],
    ['resizable ArrayBuffer', new ArrayBuffer(2 ** 16, growing)],
    ['SharedArrayBuffer', new SharedArrayBuffer(2 ** 16)],
    ['growable SharedArrayBuffer', new SharedArrayBuffer(2 ** 16, growing)],
    ['WebAssembly.Memory', new WebAssembly.Memory({ initial: 1 })],
    ['shared WebAssembly.Memory', new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true })],
    ['WebAssembly.Instance', instance()],
    ['region', open({ discipline: new ArrayBuffer(2 ** 16) })],
  ]
  return kinds.filter(([, memory]) => discipline.over?.(memory) !== undefined).map(([kind]) => kind)
}

/** An instance of the smallest module that exports a memory. */
function instance(): WebAssembly.Instance {
  const head = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]
  const oneMemory = [5, 3, 1, 0, 1]
  const exported = [7, 5, 1, 1, 0x6d, 2, 0]
  return new WebAssembly.Instance(new WebAssembly.Module(new Uint8Array([...head, ...oneMemory, ...exported])))
}

// Property sheets

const SIZES = [1, 16, 100, 1000]

function sheets(): string {
  return registry.methods.all().map(sheet).join('\n\n')
}

function sheet(method: MethodDef): string {
  const has = offers(method)
  const rows = [
    ['What it does', method.about],
    ['Sizes that live together', sizesOf[method.sizes]],
    ['Blocks that can be freed one at a time', freesOf[method.frees]],
    ['Freed neighbours become one block', yes(method.coalesces)],
    ['Bookkeeping of a block', `${method.overhead} bytes before rounding`],
    ...SIZES.map((size) => [`Blocks of ${size}`, costOf(method, size)]),
    ['`align`: a block at a wider alignment', has.align],
    ['`resize`: in place', has.resize],
    ['`compact`: gives free memory back', has.compact],
    ['`offsetOf`: the block around an address', has.offsetOf === 'no' ? 'by a walk' : 'at once'],
    ['State in the header', `${method.state} bytes`],
    ['Wraps another method', yes(method.wraps === true)],
    ['Options of its own', optionsOf(method.options) || 'none'],
  ]
  return `### ${method.name}\n\n${table(['', ''], rows)}`
}

const yes = (is: boolean) => (is ? 'yes' : 'no')

type Optional = 'align' | 'resize' | 'compact' | 'offsetOf'

/** Which optional functions a method has, and whether the newest block of a new region sees them work. */
function offers(method: MethodDef): Record<Optional, string> {
  const store = { words: new Words(new ArrayBuffer(2 ** 16), 0), align: 8, bias: 0, state: 8, name: '' } as Store
  const inner = method.wraps ? registry.methods.find('best').create(store, {}) : undefined
  const object = method.create(store, {}, inner)
  const region = regionOf(method)
  const at = region.alloc(40)
  const works = { resize: region.resize(at, 80) !== 0, align: region.align(40, 64) !== 0 }
  region.clear()
  region.close()
  const word = (name: Optional, does: boolean) =>
    object[name] === undefined ? 'no' : at !== 0 && does ? 'yes' : 'some'
  return {
    align: word('align', works.align),
    resize: word('resize', works.resize),
    compact: word('compact', true),
    offsetOf: word('offsetOf', true),
  }
}

/** What two blocks of a size take in a new region: usable bytes, and from one to the next. */
function costOf(method: MethodDef, size: number): string {
  const region = regionOf(method)
  const [first, second] = [region.alloc(size), region.alloc(size)]
  const usable = region.sizeOf(first)
  region.clear()
  region.close()
  return first === 0 ? 'none' : `${usable} usable, ${second - first} from one to the next`
}

/** A region to try a method in, of which nobody wants a profile. */
function regionOf(method: MethodDef): Region {
  const before = injectOptions('profile=none')
  try {
    return open({ method, discipline: new ArrayBuffer(2 ** 20) })
  } finally {
    injectOptions(before)
  }
}

// Options

/** The rows of the table; what several definitions bring in the same words is one row. */
function mergedRows(): OptionRow[] {
  const definitions = [...registry.methods.all(), ...registry.disciplines.all()]
  const brought = definitions.flatMap(({ name, options = [] }) => options.map((row) => ({ row, owner: name })))
  const own = knownRows().filter((row) => !brought.some((other) => other.row === row))
  const others = brought.filter(({ row }) => !own.some(({ name }) => name === row.name))
  return [
    ...own,
    ...others.flatMap(({ row }) => {
      const same = others.filter((other) => other.row.name === row.name && other.row.about === row.about)
      if (same[0]?.row !== row) return []
      return { ...row, about: `With ${same.map(({ owner }) => owner).join(', ')}: ${row.about}.` }
    }),
  ]
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const [file, text] of documents()) writeFileSync(join(root, file), text)
}
