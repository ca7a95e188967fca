/**
 * session: what a program of this thread is served by, decided when it is instantiated.
 *
 *   join(program, imports)      before: an imported table is grown by the slots that are needed
 *        .join(instance)        after: the level is chosen, what serves is switched on, the program gets its instance
 */
import { VmallocError } from '../ground/fault.ts'
import { currentOptions, type Options, writeReport } from '../region/options.ts'
import { asked, type Level, levelFor } from './decide.ts'
import { keepFacts } from './frames.ts'
import { newFigures } from './linear.ts'
import { enter, uniqueName } from './modules.ts'
import type { Program } from './program.ts'
import type { Finding } from './roles.ts'
import { begin, linearOf } from './serve.ts'
import type { Server } from './server.ts'

export interface Joint {
  join(instance: WebAssembly.Instance): WebAssembly.Instance
}

const told = new Set<string>()

/** Says something of a module once, where warnings go. */
function tell(sentence: string): void {
  if (told.has(sentence)) return
  told.add(sentence)
  writeReport(`vmalloc: ${sentence}`)
}

/** A module that runs as it was; said aloud where somebody asked for a method that would have served it. */
export function leftAlone(program: Program): void {
  const { label, left } = program
  if (!program.hasMemory) return // a few functions that some loader has made for itself
  const options = currentOptions()
  enter({ name: label, program, level: undefined, why: left, figures: undefined, region: () => undefined })
  if (!program.isSide && asked(options, [label]) !== undefined) tell(`module ${label} is left alone: ${left}`)
}

export function join(program: Program, imports: WebAssembly.Imports | undefined): Joint {
  const base = program.facts!.tableBase >= 0 ? program.facts!.tableBase : grownTable(program, imports)
  return {
    join(instance) {
      if (base >= 0) serve(program, instance, base)
      return withoutHidden(instance, program)
    },
  }
}

/** Grows the imported table; the first of the new slots, or -1 where it cannot grow. */
function grownTable(program: Program, imports: WebAssembly.Imports | undefined): number {
  const table = tableOf(program, imports)
  // of one that is too small the engine says so
  if (table === undefined || table.length < program.table!.min) return -1
  try {
    return table.grow(program.facts!.slots)
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    leftAlone({ ...program, left: 'its table of functions cannot grow' })
    return -1
  }
}

/** The table among the imports; where there is none the engine will say so. */
function tableOf(program: Program, imports: WebAssembly.Imports | undefined): WebAssembly.Table | undefined {
  const { table } = program
  if (table === undefined) return undefined
  const found = (imports?.[table.module] as Record<string, unknown> | undefined)?.[table.name]
  return found instanceof WebAssembly.Table ? found : undefined
}

function serve(program: Program, instance: WebAssembly.Instance, base: number): void {
  const options = currentOptions()
  keepFacts(program.facts!, program.label)
  const name = uniqueName(program.label)
  const figures = newFigures()
  const { exports } = instance
  const linear = linearOf(program, exports, { name, figures })
  if (linear === undefined) return
  const level = chosen(program.finding!, options, [name, program.label])
  const server = new WeakRef<Server>(begin(program, linear, level, exports, base))
  enter({ name, program, level, why: level.why, figures, region: () => server.deref()?.region })
  if (level.why !== '') tell(`module ${name} is observed: ${level.why}`)
  options.settle()
}

/** The level of an instance; what the options ask for and nobody can mean is told, and is as if nothing was asked for. */
function chosen(finding: Finding, options: Options, names: readonly string[]): Level {
  const method = asked(options, names)
  try {
    return levelFor(method, finding)
  } catch (error) {
    if (!(error instanceof VmallocError)) throw error
    options.refuse('method', method!, error.message, error.code)
    return levelFor(undefined, finding)
  }
}

/** The instance as the program knows it: loaders walk through the exports, and what was added would surprise them. */
function withoutHidden(instance: WebAssembly.Instance, program: Program): WebAssembly.Instance {
  const hidden = new Set(program.facts!.hidden)
  const exports = Object.create(null) as WebAssembly.Exports
  for (const [name, value] of Object.entries(instance.exports)) if (!hidden.has(name)) exports[name] = value
  Object.freeze(exports)
  return Object.create(Object.getPrototypeOf(instance) as object, {
    exports: { value: exports, enumerable: false, configurable: true },
  }) as WebAssembly.Instance
}
