/**
 * profile-part: what a page shows of call sites: flame graphs, and a table of all.
 */
import { formatSize } from '../ground/sizes.ts'
import type { PackedProfile, PackedSite, PageData } from '../report/data.ts'
import { count, formatTime } from '../report/words.ts'
import { make, note, section } from './dom.ts'
import { Flame, type Names } from './flame.ts'
import { MEASURES, type Measure, treeOf } from './flame-tree.ts'
import { type Column, sortable } from './rows.ts'

/** Callers that are told beside a call site before it is opened. */
const CALLERS = 2

/** Frames of a page in words. */
export class Frames {
  readonly #data: PageData
  /** What all files have in front. */
  readonly #common: string
  /** By frame: the first one of the same function. */
  readonly #functions: readonly number[]

  constructor(data: PageData) {
    this.#data = data
    this.#common = commonFolder(data.files)
    const first = new Map<string, number>()
    this.#functions = data.frames.map(([name, file], frame) => {
      const key = `${name} ${file}`
      if (!first.has(key)) first.set(key, frame)
      return first.get(key)!
    })
  }

  name(frame: number): string {
    return this.#data.names[this.#data.frames[frame]![0]]! || '(top level)'
  }

  file(frame: number): string {
    return this.#data.files[this.#data.frames[frame]![1]]!
  }

  function(frame: number): number {
    return this.#functions[frame]!
  }

  /** The file, without what all have in front. */
  shortFile(frame: number): string {
    return this.file(frame).slice(this.#common.length)
  }

  place(frame: number): string {
    const [, , line, column] = this.#data.frames[frame]!
    const file = this.shortFile(frame)
    if (file.startsWith('wasm://')) return `${file}:0x${line.toString(16)}`
    return line > 0 ? `${file}:${line}${column > 0 ? `:${column}` : ''}` : file
  }

  title(frame: number): string {
    return `${this.name(frame)}  ${this.place(frame)}`
  }
}

function commonFolder(files: readonly string[]): string {
  const paths = files.filter((file) => /^(\/|[A-Za-z]:\\|file:)/.test(file))
  if (paths.length === 0) return ''
  let common = paths[0]!.slice(0, 1 + Math.max(paths[0]!.lastIndexOf('/'), paths[0]!.lastIndexOf('\\')))
  while (!paths.every((path) => path.startsWith(common))) {
    common = common.slice(
      0,
      1 + Math.max(common.lastIndexOf('/', common.length - 2), common.lastIndexOf('\\', common.length - 2)),
    )
  }
  return paths.length === files.length ? common : ''
}

export function flameSection(
  profiles: () => readonly PackedProfile[],
  frames: Frames,
): { element: HTMLElement; renew(): void } {
  let measure: Measure = 'allocBytes'
  const names: Names = {
    label: (frame) => frames.name(frame),
    family: (frame) => frames.file(frame),
    title: (frame) => `${frames.name(frame)}  ${frames.shortFile(frame)}`,
    value: (value) => (/Bytes$/.test(measure) ? formatSize(value) : `${count(Math.round(value))} blocks`),
  }
  const tree = () => treeOf(profiles(), measure, (frame) => frames.function(frame))
  const flame = new Flame(tree(), names)
  const renew = () => flame.show(tree())
  const select = make(
    'select',
    {
      'aria-label': 'What the flame graph shows',
      change: () => {
        measure = select.value as Measure
        renew()
      },
    },
    ...MEASURES.map(([key, title]) => make('option', { value: key }, title)),
  )
  const search = make('input', {
    type: 'search',
    placeholder: 'Find a function or file',
    'aria-label': 'Find a function or file',
    input: () => flame.seek(search.value),
  })
  const hint = note('As wide as what was allocated below; press a call to make it as wide as the page.')
  return { element: section('flame', 'Flame graph', [hint, select, search], flame.element), renew }
}

export function sitesSection(profiles: readonly PackedProfile[], frames: Frames): HTMLElement {
  const rows = profiles.flatMap(({ sites, region }) => sites.map((site) => ({ site, region })))
  type Row = (typeof rows)[number]
  const bytes = (title: string, key: 'allocBytes' | 'liveBytes' | 'peakBytes' | 'largest'): Column<Row> => ({
    title,
    value: ({ site }) => site[key],
    cell: ({ site }) => formatSize(site[key]),
  })
  const blocks = (title: string, key: 'allocs' | 'liveBlocks'): Column<Row> => ({
    title,
    value: ({ site }) => site[key],
    cell: ({ site }) => count(Math.round(site[key])),
  })
  const columns: Column<Row>[] = [
    { title: 'Call site', value: ({ site }) => placeOf(site, frames), cell: ({ site }) => stackOf(site, frames) },
    bytes('Allocated', 'allocBytes'),
    blocks('Blocks', 'allocs'),
    bytes('At the peak', 'peakBytes'),
    bytes('Live', 'liveBytes'),
    blocks('Live blocks', 'liveBlocks'),
    bytes('Largest', 'largest'),
    {
      title: 'Mean life',
      value: ({ site }) => site.lifetime,
      cell: ({ site }) => (site.lifetime > 0 ? formatTime(site.lifetime * 1000) : '–'),
    },
  ]
  if (profiles.length > 1) columns.splice(1, 0, { title: 'Region', value: ({ region }) => region || '(unnamed)' })
  const total = profiles.reduce((sum, { sites }) => sum + sites.length, 0)
  const hint = note(`${count(total)} sites; press a head to sort, a site to see the calls above it.`)
  const table = sortable(columns, rows, profiles.length > 1 ? 2 : 1)
  return section('sites', 'Call sites', [hint], table)
}

function placeOf({ frames: [innermost] }: PackedSite, frames: Frames): string {
  return innermost === undefined ? '(no stack)' : frames.title(innermost)
}

function stackOf(site: PackedSite, frames: Frames): Node | string {
  const [innermost, ...above] = site.frames
  if (innermost === undefined) return '(no stack)'
  const place = make('span', { class: 'place' }, ` ${frames.place(innermost)}`)
  const callers = above.slice(0, CALLERS).map((frame) => ` ← ${frames.name(frame)}`)
  const summary = make('summary', {}, frames.name(innermost), place, ...callers)
  const calls = above.map((frame) =>
    make('li', {}, frames.name(frame), make('span', { class: 'place' }, ` ${frames.place(frame)}`)),
  )
  return make('details', {}, summary, make('ol', {}, ...calls))
}
