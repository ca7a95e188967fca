/**
 * wasm-corpus: runs the corpus of WebAssembly packages plain, observed, replaced and debugged, and tells what came of it.
 *
 *   npm run wasm:corpus                          those that are development dependencies
 *   npm run wasm:corpus -- FOLDER                and those that are installed in FOLDER/node_modules
 *   npm run wasm:corpus -- --only pglite FOLDER  one of them; may be given more than once
 *
 *   --factor N     how much each program does (3)
 *   --rounds N     how often each way is run; the fastest counts (3)
 *   --markdown     the table as Markdown, as it stands in docs/wasm.md
 *
 * A row is a module. Times are those of whole processes, in units of the plain one's: they hold the start of Node, and of
 * finding and rewriting. Ends with 1 when any program printed something else than plain, or ended otherwise.
 */
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { count, table } from '../src/node/terminal.ts'
import {
  corpus,
  type Entry,
  type Module,
  type Outcome,
  root,
  run,
  versionOf,
  WAYS,
  type Way,
} from '../test/wasm/corpus.ts'

interface Result {
  readonly entry: Entry
  readonly versions: string
  readonly ends: Record<Way, Ended>
}

interface Ended extends Outcome {
  /** Of its runs, in milliseconds. */
  readonly fastest: number
  readonly equal: boolean
}

/** One line of the table. */
interface Row {
  readonly package: string
  readonly file: string
  readonly found: string
  readonly family: string
  readonly best: string
  readonly debug: string
  readonly output: string
  readonly observed: string
  readonly replaced: string
  readonly debugged: string
}

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    markdown: { type: 'boolean', default: false },
    only: { type: 'string', multiple: true, default: [] },
    factor: { type: 'string', default: '3' },
    rounds: { type: 'string', default: '3' },
  },
})
const folders = [root, ...positionals.map((folder) => resolve(folder))]
const place = { factor: Number(flags.factor), limit: 120 }

/** Where all packages of a program are installed; undefined where they are nowhere. */
function folderOf({ packages }: Entry): string | undefined {
  return folders.find((folder) => packages.every((name) => versionOf(name, folder) !== undefined))
}

/** Runs a program all ways, in turn, so that noise falls on all of them alike. */
async function resultOf(entry: Entry, folder: string): Promise<Result> {
  const runs: Record<Way, Outcome[]> = { plain: [], observed: [], replaced: [], debugged: [] }
  for (let round = 0; round < Number(flags.rounds); round++) {
    for (const way of WAYS) runs[way].push(await run(entry, way, { ...place, folder }))
  }
  const truth = runs.plain[0]!
  const ended = (way: Way): Ended => ({
    ...runs[way][0]!,
    fastest: Math.min(...runs[way].map(({ ms }) => ms)),
    equal: runs[way].every(({ stdout, end }) => stdout === truth.stdout && end === truth.end),
  })
  const versions = entry.packages.map((name) => `${name} ${versionOf(name, folder)}`).join(', ')
  const [plain, observed, replaced, debugged] = [
    ended('plain'),
    ended('observed'),
    ended('replaced'),
    ended('debugged'),
  ]
  return { entry, versions, ends: { plain, observed, replaced, debugged } }
}

// Rows

/** Modules of a few bytes only pass a function on; a second instance of a module says nothing new. */
function worthTelling(modules: readonly Module[]): Module[] {
  const sizes = new Set<number>()
  return modules.filter(({ size }) => size >= 1000 && !sizes.has(size) && sizes.add(size))
}

function rowsOf({ versions, ends }: Result): Row[] {
  const { plain, observed, replaced, debugged } = ends
  const ratio = (ended: Ended) => (ended.fastest / plain.fastest).toFixed(2)
  const wrong = [observed, replaced, debugged].filter(({ equal }) => !equal)
  const output = plain.end !== 0 ? `plain ends ${plain.end}` : wrong.length === 0 ? 'equal' : wrongWays(ends)
  const whole = { output, observed: ratio(observed), replaced: ratio(replaced), debugged: ratio(debugged) }
  const told = worthTelling(observed.modules)
  if (told.length === 0) {
    return [{ package: versions, file: '', found: '', family: '', best: '', debug: '', ...whole }]
  }
  const empty = { output: '', observed: '', replaced: '', debugged: '' }
  return told.map((module, i) => ({
    package: i === 0 ? versions : '',
    file: `${module.name} ${count(module.size / 1000)} kB`,
    found: foundBy(module),
    family: module.family,
    best: reached(replaced.modules, module),
    debug: reached(debugged.modules, module),
    ...(i === 0 ? whole : empty),
  }))
}

function wrongWays(ends: Result['ends']): string {
  const wrong = WAYS.filter((way) => !ends[way].equal)
  return `differs ${wrong.map((way) => `${way} (${ends[way].end})`).join(', ')}`
}

/** `export malloc free realloc, fingerprint calloc`. */
function foundBy({ functions, left }: Module): string {
  if (functions.length === 0) return left
  const kinds = [...new Set(functions.map(({ evidence }) => evidence))]
  const roles = (kind: string) => functions.filter(({ evidence }) => evidence === kind).map(({ role }) => role)
  return kinds.map((kind) => `${kind}: ${roles(kind).join(' ')}`).join('; ')
}

/** The level, and why it is no more. */
function reached(modules: readonly Module[], { size }: Module): string {
  const module = modules.find((one) => one.size === size)
  if (module === undefined) return 'not run'
  return [module.level === 'none' ? 'left' : module.level, module.why || module.left].filter(Boolean).join(': ')
}

// The table

const COLUMNS: readonly { title: string; key: keyof Row; right?: boolean }[] = [
  { title: 'package', key: 'package' },
  { title: 'module', key: 'file' },
  { title: 'found by', key: 'found' },
  { title: 'allocator', key: 'family' },
  { title: 'best', key: 'best' },
  { title: 'debug', key: 'debug' },
  { title: 'output', key: 'output' },
  { title: 'observed', key: 'observed', right: true },
  { title: 'replaced', key: 'replaced', right: true },
  { title: 'debugged', key: 'debugged', right: true },
]

function markdown(rows: readonly Row[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  const rule = line(COLUMNS.map(({ right }) => (right ? '--:' : '---')))
  return [
    line(COLUMNS.map(({ title }) => title)),
    rule,
    ...rows.map((row) => line(COLUMNS.map(({ key }) => row[key]))),
  ].join('\n')
}

const results: Result[] = []
for (const entry of corpus) {
  if (flags.only.length > 0 && !flags.only.includes(entry.program)) continue
  const folder = folderOf(entry)
  if (folder === undefined) {
    console.error(`${entry.program}: skipped, npm install ${entry.packages.join(' ')}`)
    continue
  }
  const result = await resultOf(entry, folder)
  console.error(`${entry.program}: ${WAYS.every((way) => result.ends[way].equal) ? 'equal' : wrongWays(result.ends)}`)
  for (const way of WAYS) if (!result.ends[way].equal) console.error(result.ends[way].stderr.slice(-1500))
  results.push(result)
}
const rows = results.flatMap(rowsOf)
console.log(
  flags.markdown
    ? markdown(rows)
    : table(
        COLUMNS.map(({ title, key, right }) => ({ title, right, cell: (row: Row) => row[key] })),
        rows,
      ),
)
const failed = results.filter(({ ends }) => ends.plain.end !== 0 || WAYS.some((way) => !ends[way].equal))
process.exitCode = failed.length > 0 ? 1 : 0
