/**
 * corpus: real packages with WebAssembly in them, and how the small programs in ./corpus that use them are run.
 *
 *   plain      node program.mjs                            what it prints is the truth
 *   observed   vmalloc run --method=profile program.mjs    its own malloc serves and is watched
 *   replaced   vmalloc run --method=best program.mjs       a region in its memory serves
 *   debugged   vmalloc run --method=debug program.mjs      the same with guards and fills
 *
 * Each run is a process of its own, and no package is changed. Where a program prints anything else than plain, or ends in
 * another way, something of ours is wrong. Packages marked `byHand` are no dependencies: `npm run wasm:corpus -- FOLDER`
 * uses those that are installed in FOLDER/node_modules.
 */
import { spawn } from 'node:child_process'
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ModuleView } from '../../src/wasm/modules.ts'
import { command } from '../fixtures/command.ts'

export const root = join(import.meta.dirname, '../..')
const programs = join(import.meta.dirname, 'corpus')

export interface Entry {
  /** Of its file in ./corpus. */
  readonly program: string
  readonly packages: readonly string[]
  /** Why it is here: what is harder in it than in others. */
  readonly hard: string
  /** How far its modules are served under debug, where that is not `debug`. */
  readonly debug?: 'observe' | 'none'
  readonly byHand?: true
}

export const corpus: readonly Entry[] = [
  {
    program: 'sqlite-wasm',
    packages: ['@sqlite.org/sqlite-wasm'],
    hard: 'imported memory, memalign beside malloc',
  },
  {
    program: 'tree-sitter',
    packages: ['web-tree-sitter', 'tree-sitter-python', 'tree-sitter-javascript'],
    hard: 'dynamic linking: relative addresses, two side modules',
  },
  { program: 'quickjs', packages: ['quickjs-emscripten'], hard: 'stripped, asks for usable sizes, limits its memory' },
  {
    program: 'quickjs-asyncify',
    packages: ['quickjs-emscripten'],
    hard: 'unwinds and rewinds its stack, two instances',
  },
  { program: 'sql-js', packages: ['sql.js'], hard: 'realloc inlined into its caller', debug: 'observe' },
  {
    program: 'wasmoon',
    packages: ['wasmoon'],
    hard: 'thunks over emmalloc',
  },
  { program: 'libsodium', packages: ['libsodium-wrappers'], hard: 'stripped, inside a .js file, large blocks' },
  { program: 'zstd', packages: ['@bokuweb/zstd-wasm'], hard: 'stripped, few blocks of megabytes' },
  { program: 'oniguruma', packages: ['vscode-oniguruma'], hard: 'calloc reads the heads of blocks' },
  { program: 'graphviz', packages: ['@hpcc-js/wasm-graphviz'], hard: 'C++, blocks from elsewhere are freed' },
  { program: 'pyodide', packages: ['pyodide'], hard: '9.6 MB, millions of calls, 300 small modules', byHand: true },
  { program: 'pglite', packages: ['@electric-sql/pglite'], hard: 'puts its memory back to what it was', byHand: true },
  { program: 'node-sqlite3-wasm', packages: ['node-sqlite3-wasm'], hard: 'realloc inlined', byHand: true },
  { program: 'manifold', packages: ['manifold-3d'], hard: 'C++, hundreds of callers of malloc', byHand: true },
  { program: 'draco', packages: ['draco3d'], hard: 'two modules with memories of their own', byHand: true },
  {
    program: 'onnxruntime',
    packages: ['onnxruntime-web'],
    hard: '14 MB, shared memory: to be left alone',
    byHand: true,
  },
]

export const WAYS = ['plain', 'observed', 'replaced', 'debugged'] as const
export type Way = (typeof WAYS)[number]

/** What is silenced is what would tell of a program without a fault. Stacks cost more than all else. */
const OPTIONS: Record<Exclude<Way, 'plain'>, { method: string; options: string }> = {
  observed: { method: 'profile', options: 'profile=none' },
  replaced: { method: 'best', options: '' },
  debugged: { method: 'debug', options: 'noleaks depth=0' },
}

export interface Place {
  /** Holds the node_modules with the package; the project itself when not given. */
  readonly folder?: string
  /** How much the program does, in units of some tenths of a second. */
  readonly factor: number
  /** Seconds that it may take. */
  readonly limit: number
}

export interface Outcome {
  readonly stdout: string
  readonly stderr: string
  /** The exit code, or the signal that ended it. */
  readonly end: number | string
  readonly ms: number
  /** What became of its modules; none of a plain run, nor of one that did not come to its end. */
  readonly modules: readonly Module[]
}

/** As the option `modules` tells it. */
export type Module = Omit<ModuleView, 'region'>

/** What is in the package's package.json; undefined where it is not installed. */
export function versionOf(name: string, folder = root): string | undefined {
  const file = join(folder, 'node_modules', name, 'package.json')
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version : undefined
}

/** Runs a program in one of the four ways. */
export async function run(entry: Entry, way: Way, { folder = root, factor, limit }: Place): Promise<Outcome> {
  const scratch = mkdtempSync(join(tmpdir(), 'vmalloc-corpus-'))
  const words = [programAt(entry.program, folder, scratch), String(factor)]
  const env: NodeJS.ProcessEnv = { ...process.env, NODE_OPTIONS: '', VMALLOC_OPTIONS: '' }
  const told = join(scratch, 'modules.json')
  if (way !== 'plain') {
    words.unshift(...command, 'run', `--method=${OPTIONS[way].method}`)
    env.VMALLOC_OPTIONS = `modules='${told}' ${OPTIONS[way].options}`
  }
  try {
    const outcome = await finished(words, env, limit)
    return { ...outcome, modules: existsSync(told) ? (JSON.parse(readFileSync(told, 'utf8')) as Module[]) : [] }
  } finally {
    rmSync(scratch, { recursive: true })
  }
}

/** A program resolves its imports from where it lies: for another folder it is copied to where that one's packages show. */
function programAt(program: string, folder: string, scratch: string): string {
  const own = join(programs, `${program}.mjs`)
  if (folder === root) return own
  const copy = join(scratch, `${program}.mjs`)
  symlinkSync(join(folder, 'node_modules'), join(scratch, 'node_modules'), 'junction')
  copyFileSync(own, copy)
  return copy
}

/** Ends the process and those that it started when the time is up. */
function finished(words: readonly string[], env: NodeJS.ProcessEnv, limit: number): Promise<Omit<Outcome, 'modules'>> {
  return new Promise((resolve, reject) => {
    const from = performance.now()
    const group = process.platform !== 'win32'
    const child = spawn(process.execPath, words, { env, cwd: root, stdio: ['ignore', 'pipe', 'pipe'], detached: group })
    const timer = setTimeout(() => (group ? process.kill(-child.pid!, 'SIGKILL') : child.kill('SIGKILL')), limit * 1000)
    const texts = { stdout: '', stderr: '' }
    for (const stream of ['stdout', 'stderr'] as const) {
      child[stream].setEncoding('utf8').on('data', (text: string) => {
        texts[stream] += text
      })
    }
    child.on('error', reject)
    child.on('close', (code, signal) => {
      clearTimeout(timer)
      resolve({ ...texts, end: code ?? signal!, ms: performance.now() - from })
    })
  })
}

/** Runs jobs two at a time, in order; the answers are there as soon as each is done. */
export function inPairs<T>(jobs: readonly (() => Promise<T>)[]): Promise<T>[] {
  let free = 2
  const waiting: (() => void)[] = []
  return jobs.map(async (job) => {
    if (free > 0) free--
    else await new Promise<void>((go) => waiting.push(go))
    try {
      return await job()
    } finally {
      const next = waiting.shift()
      if (next) next()
      else free++
    }
  })
}
