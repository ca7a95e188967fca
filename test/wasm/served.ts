/**
 * served: programs of fixtures.ts, with WebAssembly taken over for the tests of one file and given back behind them.
 *
 *   takenOver()                     in a describe: before and after its tests
 *   under('method=best', start)     what `start` makes is served as these options say
 *   began('clean', 'full')          a program and what became of it
 *   small                           lives of clean.c that are short, with what a plain run answers
 */
import { rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before } from 'mocha'
import { injectOptions } from '../../src/index.ts'
import type { Handle } from '../../src/region/region.ts'
import { type ModuleView, modules } from '../../src/wasm/modules.ts'
import { patch } from '../../src/wasm/patch.ts'
import { type Program, type ProgramName, type Shape, start } from './fixtures.ts'

const NAMES = ['Module', 'Instance', 'compile', 'instantiate', 'compileStreaming', 'instantiateStreaming'] as const
type Taken = Partial<Record<(typeof NAMES)[number], PropertyDescriptor>>

const descriptors = (): Taken =>
  Object.fromEntries(NAMES.map((name) => [name, Object.getOwnPropertyDescriptor(WebAssembly, name)!]))

function putBack(taken: Taken): void {
  for (const name of NAMES) Object.defineProperty(WebAssembly, name, taken[name]!)
  for (const { prototype } of [WebAssembly.Module, WebAssembly.Instance] as { prototype: object }[]) {
    const value = prototype === WebAssembly.Module.prototype ? WebAssembly.Module : WebAssembly.Instance
    Object.defineProperty(prototype, 'constructor', { value, writable: true, configurable: true })
  }
}

const natives = descriptors()
/** The engine's own, as it was when this was loaded. */
export const plain = Object.fromEntries(NAMES.map((name) => [name, natives[name]!.value])) as Pick<
  typeof WebAssembly,
  (typeof NAMES)[number]
>

const QUIET = `format=none profile=none warn='${join(tmpdir(), `vmalloc-served-${process.pid}.txt`)}'`
export const warnings = join(tmpdir(), `vmalloc-served-${process.pid}.txt`)

/** WebAssembly is ours in the tests of this block. */
export function takenOver(): void {
  let were: Taken
  let options: string
  before(() => {
    were = descriptors()
    options = injectOptions(QUIET)
    patch()
  })
  after(() => {
    putBack(were)
    injectOptions(options)
    rmSync(warnings, { force: true })
  })
}

/** With these options in force, and nothing written to standard error. */
export function under<T>(options: string, what: () => T): T {
  const before = injectOptions(`${QUIET} ${options}`)
  let isLater = false
  try {
    const made = what()
    if (made instanceof Promise) {
      isLater = true
      return made.finally(() => injectOptions(before)) as T
    }
    return made
  } finally {
    if (!isLater) injectOptions(before)
  }
}

/** With the engine's own WebAssembly. */
export function plainly<T>(what: () => T): T {
  const now = descriptors()
  putBack(natives)
  try {
    return what()
  } finally {
    putBack(now)
  }
}

export interface Served {
  readonly program: Program
  /** As it is now. */
  view(): ModuleView
  /** Once the program has asked for memory. */
  region(): Handle
}

/** What became of the instance that was made last. */
export function lastServed(program: Program): Served {
  const place = modules().length - 1
  const view = () => modules()[place]!
  return { program, view, region: () => view().region as Handle }
}

export function began<P extends ProgramName>(program: P, shape: Shape<P>, imports?: WebAssembly.Imports): Served {
  return lastServed(start(program, shape, imports))
}

export const small: readonly (readonly [call: string, ...args: number[]])[] = [
  ['random_life', 1, 500],
  ['indirect_life', 3, 100],
  ['kernel_same', 200],
  ['kernel_sizes', 5, 400],
  ['deep', 20, 100],
  ['grow_myself', 1, 2],
  ['large_blocks', 1, 20],
  ['vector', 300],
]

/** What a plain run answers, in order; then calls(k) for k from 0 to 8, and failures(). */
export function answersOf(program: Program): number[] {
  const answers = small.map(([call, ...args]) => program.call(call, ...args))
  return [...answers, ...Array.from({ length: 9 }, (_, k) => program.call('calls', k)), program.call('failures')]
}

let expected: number[] | undefined
/** The same over the program's own allocator, nothing taken over. */
export const plainAnswers = (): number[] => (expected ??= plainly(() => answersOf(start('clean', 'full'))))

/** What calls(k) says of the calls of each kind. */
export function countsOf(program: Program): { allocs: number; frees: number; resizes: number } {
  const k = (kind: number) => program.call('calls', kind)
  return { allocs: k(0) + k(2) + k(4) + k(5) + k(6), frees: k(1) + k(8), resizes: k(3) }
}
