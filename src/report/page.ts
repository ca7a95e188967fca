/**
 * page: reports as one HTML file that opens from disk.
 *
 *   dist/page/report.html      the page without figures, made by the build: markup, style, programs (src/page)
 *   <!-- report -->            the place in it where the figures go: see data.ts
 *
 * A profile's page is asked for by src/profile when a program ends, from the core: so this is synchronous, and reaches
 * Node by `process.getBuiltinModule`.
 */
import type { Profile } from '../contract/profile.ts'
import { VmallocError } from '../ground/fault.ts'
import type { Frame } from '../ground/stacks.ts'
import type { Trace } from '../trace/trace.ts'
import type { Advice } from './advice.ts'
import type { ColumnHead, ColumnName, Curves, PackedFrame, PackedProfile, PageData } from './data.ts'
import type { History } from './history.ts'
import { hasStacks, profileOf } from './sites.ts'
import type { Running, Summary } from './summary.ts'
import { pointsOf, thin } from './thin.ts'

const PLACE = '<!-- report -->'
const TEMPLATE = 'dist/page/report.html'
/** Points of a curve. */
const POINTS = 2000

export interface TraceReport {
  readonly trace: Trace
  readonly summary: Summary
  readonly running: Running
  readonly history: History
  readonly advice: Advice | undefined
}

type Columns = [name: ColumnName, values: Uint32Array, ascends: boolean][]

/** The page of one or several profiles, as text. */
export function profilePage(profiles: readonly Profile[]): string {
  const title = profiles.map(({ region }) => region || 'unnamed').join(', ')
  return pageOf(title, undefined, profiles, [])
}

/** The page of a trace, as text. */
export function tracePage({ trace, summary, running, history, advice }: TraceReport): string {
  const mostHeld = history.extent.reduce((most, extent) => Math.max(most, extent), 0)
  const { profile, siteOf } = profileOf(trace, history.method, mostHeld)
  const isSited = hasStacks(trace)
  const { method, discipline, failed, refused } = history
  const curves = curvesOf(trace, running, history)
  const part = { summary, curves, method, discipline, failed, refused, mostHeld, advice }
  const columns: Columns = []
  for (const kind of ['blocks', 'held'] as const) {
    const { starts, ends, ats, sizes } = history[kind]
    columns.push([`${kind}.starts`, starts, true], [`${kind}.ends`, ends, false])
    columns.push([`${kind}.ats`, ats, false], [`${kind}.sizes`, sizes, false])
  }
  if (isSited) columns.push(['blocks.sites', history.blocks.starts.map((start) => siteOf[start - 1]!), false])
  return pageOf(trace.name, part, [isSited ? profile : { ...profile, sites: [] }], columns)
}

function pageOf(title: string, trace: PageData['trace'], profiles: readonly Profile[], columns: Columns): string {
  const frames = new FrameTable()
  const packed = profiles.map((profile): PackedProfile => {
    const sites = profile.sites.map((site) => ({ ...site, frames: site.frames.map((frame) => frames.add(frame)) }))
    return { ...profile, sites }
  })
  const heads = columns.map(([name, { length }, ascends]): ColumnHead => ({ name, length, ascends }))
  const data: PageData = { title, version: versionOf(), trace, profiles: packed, ...frames.tables, columns: heads }
  const script = (id: string, type: string, text: string) => `<script id="${id}" type="${type}">${text}</script>`
  const figures = [
    script('report', 'application/json', JSON.stringify(data).replaceAll('<', '\\u003c')),
    script('columns', 'text/plain', packColumns(columns)),
  ]
  const [before, behind, ...more] = template().split(PLACE)
  if (behind === undefined || more.length > 0) {
    throw new VmallocError('unsupported', `${TEMPLATE}: expected the line ${PLACE} once: npm run build makes it anew`)
  }
  const named = before!.replace('<title></title>', () => `<title>${escapeText(title)} · vmalloc</title>`)
  return `${named}${figures.join('\n')}${behind}`
}

function curvesOf(trace: Trace, running: Running, history: History): Curves {
  const events = pointsOf(trace.events, POINTS)
  const points = (values: Float64Array) => Array.from(thin(values, POINTS))
  return {
    events: Array.from(events, (event) => event + 1),
    ms: trace.times && Array.from(events, (event) => Number(trace.times![event]!.toFixed(3))),
    live: points(running.bytes),
    blocks: points(running.blocks),
    extent: points(history.extent),
  }
}

/** Frames, each once; their names and files, each once. */
class FrameTable {
  readonly tables: { names: string[]; files: string[]; frames: PackedFrame[] } = { names: [], files: [], frames: [] }
  readonly #names = new Map<string, number>()
  readonly #files = new Map<string, number>()
  readonly #frames = new Map<string, number>()

  add({ name, file, line, column }: Frame): number {
    const { names, files, frames } = this.tables
    const packed: PackedFrame = [numberOf(this.#names, names, name), numberOf(this.#files, files, file), line, column]
    return numberOf(this.#frames, frames, packed, packed.join())
  }
}

function numberOf<T>(numbers: Map<string, number>, list: T[], item: T, key = String(item)): number {
  let number = numbers.get(key)
  if (number === undefined) numbers.set(key, (number = list.push(item) - 1))
  return number
}

/** Columns in planes, deflated, in base64. */
function packColumns(columns: Columns): string {
  const total = columns.reduce((sum, [, { length }]) => sum + 4 * length, 0)
  const bytes = new Uint8Array(total)
  let to = 0
  for (const [, values, ascends] of columns) {
    const { length } = values
    let before = 0
    for (let i = 0; i < length; i++) {
      const value = ascends ? values[i]! - before : values[i]!
      before = values[i]!
      for (let plane = 0; plane < 4; plane++) bytes[to + plane * length + i] = value >>> (8 * plane)
    }
    to += 4 * length
  }
  return total === 0 ? '' : builtin('node:zlib').deflateSync(bytes).toString('base64')
}

let text: string | undefined

function template(): string {
  if (text !== undefined) return text
  const path = builtin('node:path').join(root(), TEMPLATE)
  if (!builtin('node:fs').existsSync(path)) {
    throw new VmallocError('unsupported', `${path} is not there, expected the page that npm run build makes`)
  }
  return (text = builtin('node:fs').readFileSync(path, 'utf8'))
}

function versionOf(): string {
  const file = builtin('node:path').join(root(), 'package.json')
  return JSON.parse(builtin('node:fs').readFileSync(file, 'utf8')).version
}

/** The folder of this package, from sources and from dist alike. */
function root(): string {
  const require = builtin('node:module').createRequire(import.meta.url)
  return builtin('node:path').dirname(require.resolve('vmalloc/package.json'))
}

interface Builtins {
  'node:fs': typeof import('node:fs')
  'node:path': typeof import('node:path')
  'node:zlib': typeof import('node:zlib')
  'node:module': typeof import('node:module')
}

function builtin<N extends keyof Builtins>(name: N): Builtins[N] {
  const host = (globalThis as { process?: { getBuiltinModule?(name: string): unknown } }).process
  const found = host?.getBuiltinModule?.(name)
  if (found === undefined)
    throw new VmallocError('unsupported', 'an HTML page needs Node: there are no files on this platform')
  return found as Builtins[N]
}

function escapeText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
}
