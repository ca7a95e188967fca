/**
 * cli: the command `vmalloc`: what can be asked of it, and its exit codes.
 *
 *   0   done
 *   1   something failed: a file that cannot be read, a damaged region
 *   2   asked in a way that cannot be meant
 */
import { createRequire } from 'node:module'
import { type CAC, cac } from 'cac'
import { VmallocError } from '../ground/fault.ts'
import { usageText } from '../region/options.ts'
import { registry } from '../region/registry.ts'
import { demo } from './demo.ts'
import { type ReplayOptions, replayCommand } from './replay-command.ts'
import { type ReportOptions, reportCommand } from './report-command.ts'
import { runCommand } from './run-command.ts'
import { remark, say, table } from './terminal.ts'
import { sortOf, type TopOptions, topCommand } from './top-command.ts'
import { wasmCommand } from './wasm-command.ts'

const DONE = 0
const FAILED = 1
const MISUSED = 2

/** Runs the command with the words behind its name; returns the exit code. */
export async function main(words: readonly string[]): Promise<number> {
  process.stdout.on('error', stopQuietly)
  const cli = commands()
  try {
    if (words[0] === 'run') return await runCommand(words.slice(1))
    cli.parse(['node', 'vmalloc', ...words], { run: false })
    if (cli.options.help || cli.options.version) return DONE
    if (cli.matchedCommand === undefined) return noCommand(cli)
    return (await cli.runMatchedCommand()) ?? DONE
  } catch (error) {
    if (!(error instanceof Error) || !isMisuse(error)) throw error
    remark(error.message)
    return error instanceof VmallocError && error.code === 'unsupported' ? FAILED : MISUSED
  }
}

function commands(): CAC {
  const cli = cac('vmalloc')
  cli
    .command('replay [...files]', 'Measure traces (*.rep, packed by gzip or not, or folders of them) under methods')
    .option(
      '--method <names>',
      'Methods to measure, as in best,last,debug(pool) (default: that of VMALLOC_OPTIONS, or best)',
    )
    .option('--discipline <names>', 'Where memory comes from (default: memory)')
    .option('--passes <n>', 'Timed passes; the median counts (default: 5, more of a short trace)')
    .option('--check', 'Verify the content of every block in the warm-up pass')
    .option('--json', 'One object a line instead of a table')
    .example('  $ vmalloc replay test/traces --method best,last,pool')
    .action((files: unknown[], options: Record<string, unknown>) => {
      if (files.length === 0) throw new VmallocError('argument', 'replay: no file, expected traces or folders of them')
      return replayCommand(files.map(String), replayOptions(options))
    })
  cli
    .command('report [...files]', 'What traces and profiles say: figures, and the method that would fit best')
    .option('--html [file]', 'A page to open in a browser (default: named after the input, in this folder)')
    .option('--pprof <file>', 'A profile for pprof and speedscope; of a trace, one with stacks')
    .option('--heapprofile <file>', 'The same for the DevTools of Chrome')
    .option('--method <name>', 'The method that the page shows (default: that of VMALLOC_OPTIONS, or best)')
    .option('--discipline <name>', 'Where its memory comes from (default: memory)')
    .option('--passes <n>', 'Timed passes of each replay (default: up to 4, in each of 5 rounds)')
    .option('--json', 'One object a file instead of text')
    .example('  $ vmalloc report app.trace --html')
    .action((files: unknown[], options: Record<string, unknown>) => {
      if (files.length === 0)
        throw new VmallocError('argument', 'report: no file, expected traces or profiles before --html')
      return reportCommand(files.map(String), reportOptions(options))
    })
  cli
    .command('top [pid]', 'Who holds the memory of a running program that was started with VMALLOC_OPTIONS=top')
    .option('--once', 'One look as text, as it also is where there is no terminal')
    .option('--json', 'One look as an array of reports, one a thread')
    .option('--interval <seconds>', 'From one look to the next (default: 1)')
    .option('--sort <key>', 'bytes, peak, allocs or name, the first first (default: bytes)')
    .option('--rows <n>', 'The most lines of regions and accounts')
    .example('  $ vmalloc top 4711 --sort allocs')
    .action((pid: unknown, options: Record<string, unknown>) =>
      topCommand(pid === undefined ? undefined : String(pid), topOptions(options)),
    )
  cli
    .command(
      'run [...words]',
      'Run a script whose WebAssembly modules have their malloc watched or served: vmalloc run --help',
    )
    .example('  $ vmalloc run --method=debug app.mjs')
    .action((words: unknown[]) => runCommand(words.map(String)))
  cli
    .command(
      'wasm [...files]',
      'Which functions of WebAssembly modules are malloc and its kin, and what can be done with them',
    )
    .option('--map <file>', 'A file that says which they are, and wins')
    .option('--glue <file>', 'The JavaScript that belongs to the modules')
    .option('--json', 'One object a file instead of tables')
    .example('  $ vmalloc wasm node_modules/sql.js/dist/sql-wasm.wasm')
    .action((files: unknown[], { map, glue, json }: Record<string, unknown>) => {
      if (files.length === 0) throw new VmallocError('argument', 'wasm: no file, expected WebAssembly modules')
      const path = (value: unknown) => (value === undefined ? undefined : String(value))
      return wasmCommand(files.map(String), { map: path(map), glue: path(glue), json: json === true })
    })
  cli.command('demo', 'SQLite at work under a method, and a recorded trace under several').action(() => demo())
  cli.command('methods', 'Methods and disciplines that can be asked for by name').action(listDefinitions)
  cli.command('options', 'What VMALLOC_OPTIONS understands').action(() => say(usageText().trimEnd()))
  cli.help()
  cli.version(createRequire(import.meta.url)('vmalloc/package.json').version)
  return cli
}

function passesOf({ passes }: Record<string, unknown>): number | undefined {
  if (passes === undefined || (typeof passes === 'number' && Number.isInteger(passes) && passes >= 1)) return passes
  throw new VmallocError('argument', `--passes ${passes}: expected a whole number from 1`)
}

function reportOptions(options: Record<string, unknown>): ReportOptions {
  const text = (value: unknown) => (value === undefined ? undefined : value === true ? '' : String(value))
  return {
    html: text(options.html),
    pprof: text(options.pprof),
    heapprofile: text(options.heapprofile),
    method: text(options.method),
    discipline: text(options.discipline),
    passes: passesOf(options),
    json: options.json === true,
  }
}

function topOptions({ once, json, interval = 1, sort = 'bytes', rows }: Record<string, unknown>): TopOptions {
  if (typeof interval !== 'number' || !(interval >= 0.1 && interval <= 3600)) {
    throw new VmallocError('argument', `--interval ${interval}: expected seconds from 0.1 to 3600`)
  }
  if (rows !== undefined && !(Number.isInteger(rows) && Number(rows) >= 1)) {
    throw new VmallocError('argument', `--rows ${rows}: expected a whole number from 1`)
  }
  return { once: once === true, json: json === true, interval, sort: sortOf(sort), rows: rows as number | undefined }
}

function replayOptions(options: Record<string, unknown>): ReplayOptions {
  const passes = passesOf(options)
  const names = (value: unknown) => (value === undefined ? undefined : [value].flat().join(','))
  return {
    method: names(options.method),
    discipline: names(options.discipline),
    passes,
    check: options.check === true,
    json: options.json === true,
  }
}

function listDefinitions(): void {
  const { methods, disciplines } = registry
  say(
    table(
      [
        { title: 'method', cell: ({ name }) => name },
        { title: 'frees', cell: ({ frees }) => frees },
        { title: 'sizes', cell: ({ sizes }) => sizes },
        { title: 'bytes a block', right: true, cell: ({ overhead }) => String(overhead) },
        { title: 'what', cell: ({ about }) => about },
      ],
      methods.all(),
    ),
  )
  say('')
  say(
    `other names: ${methods
      .aliases()
      .map(([name, of]) => `${name} for ${of}`)
      .join(', ')}`,
  )
  say('')
  say(
    table(
      [
        { title: 'discipline', cell: ({ name }) => name },
        { title: 'what', cell: ({ about }) => about },
      ],
      disciplines.all(),
    ),
  )
}

function noCommand(cli: CAC): number {
  const [name] = cli.args
  if (name === undefined) cli.outputHelp()
  else remark(`unknown command ${name}: expected one of ${cli.commands.map((command) => command.name).join(', ')}`)
  return name === undefined ? DONE : MISUSED
}

function isMisuse(error: Error): boolean {
  return error instanceof VmallocError || error.name === 'CACError'
}

/** Whoever read our output has enough, as `head` does. */
function stopQuietly(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error
  process.exit(DONE)
}
