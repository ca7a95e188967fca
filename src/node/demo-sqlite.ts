/**
 * demo-sqlite: a plain program with SQLite in it, run here and now, its malloc watched or served as VMALLOC_OPTIONS says;
 * profile where that says nothing.
 *
 *   examples/sqlite/notes.mjs -> @sqlite.org/sqlite-wasm -> malloc (dispatcher) -> the method
 *
 * First what the program says of its work, then what became of the module, who asked for its memory, the heap as it was
 * at that of those lines when it was fullest, and the files of the profile. The package is a development
 * dependency: who has only installed vmalloc has neither it nor the program.
 */
import { existsSync, mkdtempSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Profile, SiteTally } from '../contract/profile.ts'
import type { Region } from '../contract/region.ts'
import { formatSize } from '../ground/sizes.ts'
import type { Frame } from '../ground/stacks.ts'
import { gzip, pprofOf } from '../profile/pprof.ts'
import { injectOptions, Options } from '../region/options.ts'
import { profilePage } from '../report/page.ts'
import { asked } from '../wasm/decide.ts'
import { type ModuleView, modules } from '../wasm/modules.ts'
import { patch } from '../wasm/patch.ts'
import { servedAs } from '../wasm/tell.ts'
import { count, paint, say, table } from './terminal.ts'

const PROGRAM = 'examples/sqlite/notes.mjs'
const PACKAGE = '@sqlite.org/sqlite-wasm'
const REGION = 'sqlite-wasm'
/** Where nobody asked for a method; some two thousand samples are taken, with their stacks down to the program. */
const OTHERWISE = [`${REGION}.method=profile`, `${REGION}.sample=16384`, `${REGION}.depth=32`]
const ROWS = 8
const CALLS = 5
const WIDTH = 88
const MAP_LINES = 10

/** A region when most bytes of it were busy. */
interface Moment {
  readonly busyBytes: number
  readonly busyBlocks: number
  readonly freeBytes: number
  readonly extent: number
  readonly map: string
  readonly after: string
}

interface Line {
  readonly who: string
  bytes: number
  blocks: number
  peak: number
}

/** Whether the program and its package are there, below `root`. */
export function canRunSqlite(root: string): boolean {
  return existsSync(join(root, PROGRAM)) && isInstalled(join(root, PROGRAM))
}

function isInstalled(from: string): boolean {
  try {
    createRequire(from).resolve(`${PACKAGE}/package.json`)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_PACKAGE_PATH_NOT_EXPORTED') return true
    if ((error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND') return false
    throw error
  }
}

/** Whether VMALLOC_OPTIONS says how it is served. Puts in force what it says, and what is to hold where it does not. */
function takeOptions(): boolean {
  const text = injectOptions('')
  const isAsked = asked(new Options(text, () => {}), [REGION]) !== undefined
  // no table on standard error at the end: what was counted is shown here
  injectOptions(['profile=none', text, ...(isAsked ? [] : OTHERWISE)].filter((part) => part !== '').join(' '))
  return isAsked
}

export async function showSqlite(root: string): Promise<void> {
  const isAsked = takeOptions()
  patch()
  const { notes } = (await import(pathToFileURL(join(root, PROGRAM)).href)) as {
    notes(say: (line: string) => void): Promise<void>
  }
  const under = isAsked ? 'the method of VMALLOC_OPTIONS' : 'the method profile'
  say(`${paint('bold', 'vmalloc')}  SQLite's own WebAssembly, as npm has it, under ${under}`)
  say('')
  let fullest: Moment | undefined
  let module: ModuleView | undefined
  const began = performance.now()
  await notes((line) => {
    say(`  ${line}`)
    module = modules().find(({ name }) => name === REGION)
    const { region } = module ?? {}
    if (region !== undefined && region.busyBytes > (fullest?.busyBytes ?? 0)) fullest = momentOf(region, line)
  })
  const seconds = (performance.now() - began) / 1000
  say('')
  showModule(module!, seconds)
  const profile = module!.region?.profile()
  if (profile !== undefined) showProfile(profile)
  if (fullest !== undefined) showMoment(fullest)
  if (profile !== undefined) writeProfile(profile)
}

function showModule(view: ModuleView, seconds: number): void {
  const { name, left, why, functions, figures, highTide } = view
  if (left !== '') {
    say(`${paint('bold', name)} is left alone: ${left}`)
    return
  }
  const found = functions.map(({ role, index }) => `${role} ${index}`).join(', ')
  const time = `${count(view.findingTime)} ms to find them, ${count(view.rewritingTime)} ms to rewrite the module`
  say(`${paint('bold', name)}  ${servedAs(view)}${why === '' ? '' : `: ${why}`}`)
  say(`  ${found}`)
  say(`  ${time}; then ${count(seconds, 1)} s`)
  const { allocs = 0, frees = 0, resizes = 0 } = figures ?? {}
  const calls = `${count(allocs)} allocations, ${count(frees)} frees, ${count(resizes)} resizes`
  say(`  ${calls}; at most ${formatSize(highTide)} live`)
}

function momentOf(region: Region, after: string): Moment {
  const { busyBytes, busyBlocks, freeBytes, extent } = region.stat()
  return { busyBytes, busyBlocks, freeBytes, extent, map: region.map({ width: WIDTH, lines: MAP_LINES }), after }
}

function showMoment({ busyBytes, busyBlocks, freeBytes, extent, map, after }: Moment): void {
  say('')
  const free = freeBytes > 0 ? `, free . ${formatSize(freeBytes)}` : ''
  const figures = `${count(busyBlocks)} blocks #, ${formatSize(busyBytes)}${free}, in ${formatSize(extent)} of memory`
  say(`${paint('bold', `Its heap, after "${after.split(/[:;,]/)[0]}"`)}  ${figures}`)
  say('')
  say(map.replace(/(\n-+)+\n*$/, '$1'))
}

// who allocated what

function showProfile({ sites, interval, total }: Profile): void {
  const lines = linesOf(sites)
  const shown = lines.slice(0, ROWS)
  const how = interval === 0 ? 'every block' : `from samples, one in ${formatSize(interval)}`
  say('')
  say(`${paint('bold', 'Who allocated what')}  ${formatSize(total.allocBytes)} in all, ${how}`)
  say('')
  say(
    table<Line>(
      [
        { title: 'allocated', right: true, cell: ({ bytes }) => formatSize(bytes) },
        { title: 'blocks', right: true, cell: ({ blocks }) => count(blocks) },
        { title: 'at peak', right: true, cell: ({ peak }) => formatSize(peak) },
        { title: 'by', cell: ({ who }) => who },
      ],
      shown,
    ),
  )
  if (lines.length > shown.length) say(`and ${count(lines.length - shown.length)} more`)
}

/** The sites, those together that the program reached by the same calls; most bytes first. */
function linesOf(sites: readonly SiteTally[]): Line[] {
  const lines = new Map<string, Line>()
  for (const { frames, allocBytes, allocs, peakBytes } of sites) {
    const who = whoOf(frames)
    const line = lines.get(who) ?? { who, bytes: 0, blocks: 0, peak: 0 }
    line.bytes += allocBytes
    line.blocks += allocs
    line.peak += peakBytes
    lines.set(who, line)
  }
  return [...lines.values()].sort((a, b) => b.bytes - a.bytes)
}

/** From the function of the module that was called, which has a name, to that of the program. */
function whoOf(frames: readonly Frame[]): string {
  const entry = frames.findLastIndex(({ file }) => file.startsWith('wasm://'))
  const end = frames.findIndex(({ file }) => file.endsWith(PROGRAM))
  const calls = frames
    .slice(Math.max(entry, 0), end < 0 ? undefined : end + 1)
    .map(({ name }) => name.replace(/^.*\.(?=\w+\.)/, ''))
  const known = calls.filter((name, i) => name !== '' && name !== calls[i - 1])
  return known.length > CALLS ? [...known.slice(0, CALLS - 1), known.at(-1)].join(' < ') : known.join(' < ')
}

function writeProfile(profile: Profile): void {
  const folder = mkdtempSync(join(tmpdir(), 'vmalloc-demo-'))
  const page = join(folder, 'sqlite.html')
  const pprof = join(folder, 'sqlite.pb.gz')
  writeFileSync(page, profilePage([profile]))
  writeFileSync(pprof, gzip(pprofOf([profile])))
  say('')
  say(`The same as a page   ${paint('bold', page)}`)
  say(`and for pprof        ${paint('bold', pprof)}`)
}
