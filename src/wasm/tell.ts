/**
 * tell: what `modules=FILE` asks for: at the end, which WebAssembly modules the program ran, how each was served, and what
 * it asked for. A text, or JSON where the name ends in .json; not where it is `none`. `vmalloc run` asks for it where nothing else is asked for.
 */
import { formatSize } from '../ground/sizes.ts'
import { complaining, pathOf, whenEnding, writeText } from '../region/ending.ts'
import { currentOptions } from '../region/options.ts'
import { type ModuleView, modules, untold } from './modules.ts'

const JSON_ENDING = '.json'

const NONE = 'none'

/** Sees to it that it is written, where somebody asks for it: who listens for the end hears signals in the program's place. */
export function tellModules(): void {
  const file = currentOptions().value('modules')
  if (typeof file === 'string' && file !== NONE) whenEnding(() => complaining('list of modules', () => write(file)))
}

function write(file: string): void {
  const all = modules()
  const isJson = file.endsWith(JSON_ENDING)
  writeText(pathOf(file, isJson ? JSON_ENDING : ''), isJson ? `${modulesJson(all)}\n` : modulesText(all))
}

/** As JSON: everything but the regions themselves. */
export function modulesJson(all: readonly ModuleView[] = modules()): string {
  return JSON.stringify(all, (key, value: unknown) => (key === 'region' ? undefined : value))
}

/** To be read. */
export function modulesText(all: readonly ModuleView[] = modules()): string {
  if (all.length === 0) return 'vmalloc: the program ran no WebAssembly module\n'
  const more = untold()
  const lines = all.map((view) => `vmalloc: ${lineOf(view)}`)
  if (more > 0) lines.push(`vmalloc: and ${more} more instances`)
  return `${lines.join('\n')}\n`
}

/** As in "sqlite-wasm: served by best". */
export function servedAs({ level, method }: Pick<ModuleView, 'level' | 'method'>): string {
  return `${level === 'observe' ? 'observed under' : 'served by'} ${method}`
}

function lineOf(view: ModuleView): string {
  const { name, left, why, figures } = view
  if (left !== '') return `${name}: left alone: ${left}`
  const { allocs = 0, frees = 0, resizes = 0, failures = 0 } = figures ?? {}
  const calls = `${count(allocs, 'allocation')}, ${count(frees, 'free')}, ${count(resizes, 'resize')}`
  const failed = failures > 0 ? `, ${failures} failed` : ''
  const held = view.isGone
    ? 'its memory is gone'
    : `${formatSize(view.busyBytes)} live, at most ${formatSize(view.highTide)}`
  return `${name}: ${servedAs(view)}: ${calls}${failed}; ${held}${why === '' ? '' : `; ${why}`}`
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`
}
