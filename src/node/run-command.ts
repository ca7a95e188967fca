/**
 * run: `vmalloc run [OPTIONS] PROGRAM [ARG...]`: node runs the program, unmodified, with vmalloc in it.
 *
 *   --method=debug --sample=0 --nokeep      items of VMALLOC_OPTIONS, each with two dashes before it
 *   --packets.method=last --*.check=3       of one region, of all
 *
 * They come behind what VMALLOC_OPTIONS says already, so they win. The program's WebAssembly modules have their malloc served
 * (src/preload.ts); its own regions are what they are with these options. Where nothing says what is to be written, a line
 * for each module is, to standard error, at the end.
 *
 * The exit code is the program's; where a signal ended it, this ends by the same one. SIGINT, SIGTERM and SIGHUP are passed
 * on; the second time they kill, since a program that never comes back to its event loop does not hear them.
 */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { constants } from 'node:os'
import { VmallocError } from '../ground/fault.ts'
import { formatItem, parseItems, parseStrict } from '../region/options.ts'
import { ORIGINAL, registry } from '../region/registry.ts'
import { say } from './terminal.ts'

const PASSED_ON = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
/** What is written at the end, or while the program runs. */
const OUTPUTS = ['profile', 'trace', 'report', 'modules', 'top']

const HELP = `Usage: vmalloc run [OPTIONS] PROGRAM [ARG...]

Runs a script with node. The malloc of the WebAssembly modules that it loads is watched, or served by a method.

  --method=NAME   best, last, pool, debug, profile, debug(best) or what else is registered; without it, and with
                  original, what the modules ask for is counted
  --ITEM          any other item of VMALLOC_OPTIONS: --sample=0 --profile=app.pb.gz --trace=app.trace --report=app.txt
                  vmalloc options lists them

  $ vmalloc run --method=profile app.mjs
  $ vmalloc run --method=debug app.mjs --port 8080`

/** The words behind `vmalloc run`. Throws VmallocError `argument` and `unknown`; answers the exit code. */
export async function runCommand(words: readonly string[]): Promise<number> {
  const first = words.findIndex((word) => !word.startsWith('--') || word === '--')
  const flags = first < 0 ? words : words.slice(0, first)
  const program = (first < 0 ? [] : words.slice(first)).filter((word, i) => i > 0 || word !== '--')
  if (flags.includes('--help')) {
    say(HELP)
    return 0
  }
  if (program.length === 0) throw new VmallocError('argument', 'run: no program, expected a script behind the options')
  mustBeThere(program[0]!)
  return spawned(program, withOptions(flags.map((flag) => flag.slice(2))))
}

function mustBeThere(program: string): void {
  if (existsSync(program)) return
  throw new VmallocError('argument', `run: ${program}: no such file, expected a script that node can run`)
}

/** The environment of the program. */
function withOptions(asked: readonly string[]): NodeJS.ProcessEnv {
  const items = asked.map((text) => formatted(text))
  mustBeKnown(items)
  const before = process.env.VMALLOC_OPTIONS ?? ''
  const all = [before, ...items].filter((text) => text !== '')
  if (!parseItems(all.join(' ')).items.some(({ name }) => OUTPUTS.includes(name)) && !profiles(all))
    all.push('modules=/dev/stderr')
  const node = [process.env.NODE_OPTIONS ?? '', ...preloads()].filter((text) => text !== '').join(' ')
  return { ...process.env, VMALLOC_OPTIONS: all.join(' '), NODE_OPTIONS: node }
}

/** A table of the profile is written where nothing else is said. */
function profiles(all: readonly string[]): boolean {
  return parseItems(all.join(' ')).items.some(({ name, value }) => name === 'method' && /\bprofile\b/.test(value ?? ''))
}

/** An item as the shell has left it, whose value needs no quotes any more. */
function formatted(text: string): string {
  const equals = text.indexOf('=')
  const { items } = parseItems(equals < 0 ? text : text.slice(0, equals))
  if (items.length !== 1)
    throw new VmallocError('argument', `run: --${text}: expected an option as VMALLOC_OPTIONS has it`)
  return formatItem({ ...items[0]!, value: equals < 0 ? undefined : text.slice(equals + 1) })
}

/** What is asked for by hand must be meant; what a method of a file brings is known only to the program. */
function mustBeKnown(items: readonly string[]): void {
  for (const { value } of parseItems(items.join(' ')).items.filter(({ name }) => name === 'method')) {
    const names = (value ?? '').split(/[()]/).filter((part) => part !== '' && part !== ORIGINAL)
    for (const name of names) registry.methods.find(name)
  }
  parseStrict(items.join(' '))
}

/** What the program loads first. Sources need what makes node read them before that. */
function preloads(): string[] {
  const isSource = import.meta.url.endsWith('.ts')
  const file = new URL(isSource ? '../preload.ts' : '../preload.js', import.meta.url).href
  return [...(isSource ? process.execArgv : []), `--import=${file}`]
}

function spawned(program: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  return new Promise((done, failed) => {
    const child = spawn(process.execPath, [...process.execArgv, ...program], { env, stdio: 'inherit' })
    const heard = new Set<NodeJS.Signals>()
    const passOn = (signal: NodeJS.Signals): void => {
      child.kill(heard.has(signal) ? 'SIGKILL' : signal)
      heard.add(signal)
    }
    for (const signal of PASSED_ON) process.on(signal, passOn)
    child.on('error', failed)
    child.on('exit', (code, signal) => {
      for (const each of PASSED_ON) process.removeListener(each, passOn)
      if (signal === null) return done(code ?? 0)
      process.kill(process.pid, signal)
      setTimeout(() => done(128 + constants.signals[signal]), 1000)
    })
  })
}
