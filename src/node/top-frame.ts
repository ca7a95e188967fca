/**
 * top-frame: what `vmalloc top` shows, made from what the threads of a program said last and the time before. No terminal
 * is needed for it.
 *
 *   vmalloc top  server.mjs --port 80  pid 4711  up 1:02:03  rss 85.2M  2 threads
 *   busy 12.3M of 16.0M [##########----]  3 regions  5 accounts  every 1 s
 *
 *   NAME                          LIVE BLOCKS   PEAK ALLOC/S FREE/S FAILED FULL
 *   packets (best in heap)       10.1M    812  12.0M    1520   1498      0 [########--]  84% of 12.0M
 *   |- parser                     8.0M    700   9.1M    1400   1390      0 [#########-]  94% of 8.5M
 *   |  `- strings                 1.1M    420   1.2M     900    900      0
 *   `- (none)                     2.1M    112   2.9M     120    108      0
 *   q quit  s sort: bytes  c accounts  p pause  arrows scroll                          1-4 of 9
 *
 *   LIVE      bytes of a region's busy blocks; of an account's with all below it. `(none)` is what nobody paid for
 *   ALLOC/S   from two reports; where there is one only, ALLOCS and FREES since the beginning stand instead
 *   FULL      of an account's limit, the soft one where there is no hard one; of a region's, else of what it holds
 *   THR       the thread, where there are several
 *
 * Nested regions lie in blocks of their parents: the sum counts what they hold there once. A shared region is the same in
 * all threads, so of those with one name and method the sum counts the first.
 *
 * Names get what figures leave them. Where that is too little, figures go, those first that say least.
 */
import type { AccountFigures, RegionFigures, Report } from '../account/report.ts'
import { bar, countCell, cut, left, right, sizeCell, spanCell, visible, widthOf } from './top-text.ts'

export const SORTS = ['bytes', 'peak', 'allocs', 'name'] as const
export type Sort = (typeof SORTS)[number]

export interface ThreadState {
  readonly thread: number
  readonly report: Report
  /** The one before. */
  readonly before?: Report
  /** Why `report` is not of now. */
  readonly trouble?: string
}

export interface View {
  readonly sort: Sort
  /** Rows of the table that are above the screen. */
  readonly scroll: number
  readonly isCollapsed: boolean
  readonly isPaused: boolean
  /** The most rows of the table. */
  readonly most?: number
}

export interface TopState {
  readonly pid: number
  readonly name: string
  /** Milliseconds since 1970. */
  readonly started: number
  /** Bytes. */
  readonly rss?: number
  readonly threads: readonly ThreadState[]
  readonly view: View
  /** Seconds from one report to the next; undefined where there is one only, and so neither keys nor rates. */
  readonly interval?: number
}

export type LineStyle = 'title' | 'head' | 'region' | 'full' | 'plain'

export interface Line {
  readonly text: string
  readonly style: LineStyle
}

interface Row {
  readonly thread: number | undefined
  readonly name: string
  readonly live: number
  readonly blocks: number | undefined
  readonly peak: number
  readonly allocs: number | undefined
  readonly frees: number | undefined
  readonly allocRate: number | undefined
  readonly freeRate: number | undefined
  readonly failures: number | undefined
  readonly full: Fullness | undefined
  readonly isRegion: boolean
}

interface Fullness {
  readonly part: number
  readonly of: number
  readonly isSoft: boolean
}

interface Column {
  readonly title: string
  readonly width: number
  readonly cell: (row: Row) => string
}

const NONE = '(none)'
const PROGRAM_MOST = 36
const NAME_LEAST = 14
const NAME_ENOUGH = 22
const BAR_LEAST = 6
const BAR_MOST = 24
const FULL_WIDTH = '100% soft 1023K'.length
const ALMOST = 0.9

/** The lines of a screen: no more than `rows`, none wider than `columns`. */
export function frame(state: TopState, columns: number, rows: number): string[] {
  return layout(state, columns, rows).map(({ text }) => text)
}

/** The same with what each line is. */
export function layout(state: TopState, columns: number, rows: number): Line[] {
  const table = rowsOf(state)
  const isLive = state.interval !== undefined
  const body = roomFor(state, rows)
  const from = Math.min(state.view.scroll, Math.max(table.length - body, 0))
  const shown = table.slice(from, from + body)
  const shape = columnsFor(state, table, columns)
  const head: Line[] = [
    { text: programLine(state), style: 'title' },
    { text: sumLine(state, columns), style: 'plain' },
    { text: '', style: 'plain' },
    { text: titlesOf(shape), style: 'head' },
  ]
  const lines: Line[] = [
    ...head.slice(0, 1),
    ...(rows >= 5 ? head.slice(1, 2) : []),
    ...(rows >= 8 ? head.slice(2, 3) : []),
    ...(rows >= 3 ? head.slice(3) : []),
    ...shown.map((row): Line => ({ text: lineOfRow(row, shape), style: styleOf(row) })),
  ]
  if (table.length === 0 && body > 0) lines.push({ text: 'no region is open', style: 'plain' })
  if (isLive && rows >= 5) {
    while (lines.length < rows - 1) lines.push({ text: '', style: 'plain' })
    lines.push({ text: keysLine(state, from, shown.length, table.length, columns), style: 'head' })
  }
  return lines.slice(0, Math.max(rows, 0)).map(({ text, style }) => ({ text: cut(text, columns).trimEnd(), style }))
}

/** Rows of the table that a screen of so many rows has room for. */
function roomFor({ interval, view }: TopState, rows: number): number {
  const around = rows < 3 ? 1 : rows < 5 ? 2 : rows < 8 ? 3 : 4
  const room = Math.max(rows - around - (interval !== undefined && rows >= 5 ? 1 : 0), 0)
  return Math.min(room, view.most ?? Infinity)
}

// Keys

const END = Number.MAX_SAFE_INTEGER

/** What a key changes, on a screen of so many rows; undefined when it ends the program. */
export function pressed(state: TopState, key: string, rows: number): View | undefined {
  const { view } = state
  const room = roomFor(state, rows)
  const last = Math.max(rowsOf(state).length - room, 0)
  const scrolled = (by: number) => ({ ...view, scroll: Math.max(Math.min(Math.min(view.scroll, last) + by, last), 0) })
  switch (key) {
    case 'q':
    case 'ctrl-c':
      return undefined
    case 's':
      return { ...view, sort: SORTS[(SORTS.indexOf(view.sort) + 1) % SORTS.length]! }
    case 'c':
      return { ...view, isCollapsed: !view.isCollapsed, scroll: 0 }
    case 'p':
      return { ...view, isPaused: !view.isPaused }
    case 'down':
    case 'j':
      return scrolled(1)
    case 'up':
    case 'k':
      return scrolled(-1)
    case 'pagedown':
      return scrolled(Math.max(room, 1))
    case 'pageup':
      return scrolled(-Math.max(room, 1))
    case 'home':
      return scrolled(-END)
    case 'end':
      return scrolled(END)
    default:
      return view
  }
}

// Around the table

function programLine({ pid, name, started, rss, threads }: TopState): string {
  const taken = Math.max(started, ...threads.map(({ report }) => report.taken))
  return [
    'vmalloc top',
    cut(visible(name), PROGRAM_MOST),
    `pid ${pid}`,
    `up ${spanCell((taken - started) / 1000)}`,
    ...(rss === undefined ? [] : [`rss ${sizeCell(rss)}`]),
    ...(threads.length > 1 ? [`${threads.length} threads`] : []),
  ].join('  ')
}

function sumLine(state: TopState, columns: number): string {
  const { busy, extent, regions, accounts } = sumOf(state.threads)
  const parts = [
    `busy ${sizeCell(busy)} of ${sizeCell(extent)}`,
    counted(regions, 'region'),
    counted(accounts, 'account'),
    ...(state.interval === undefined ? [] : [state.view.isPaused ? 'PAUSED' : `every ${state.interval} s`]),
    ...new Set(state.threads.flatMap(({ trouble }) => (trouble === undefined ? [] : visible(trouble)))),
  ]
  const rest = columns - widthOf(parts.join('  '))
  if (extent > 0 && rest > BAR_LEAST) parts[0] += ` ${bar(busy / extent, Math.min(rest - 1, BAR_MOST))}`
  return parts.join('  ')
}

const counted = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`

/** Bytes that are busy in all regions, bytes that these hold, and how many regions and accounts there are. */
export function sumOf(threads: readonly ThreadState[]): {
  busy: number
  extent: number
  regions: number
  accounts: number
} {
  const sum = { busy: 0, extent: 0, regions: 0, accounts: 0 }
  const shared = new Map<string, number>()
  for (const { thread, report } of threads) {
    for (const region of report.regions) {
      const key = `${region.method}\n${region.name}`
      if (region.shared && (shared.get(key) ?? thread) !== thread) continue
      if (region.shared) shared.set(key, thread)
      const isNested = region.parent !== undefined
      sum.busy += region.busyBytes - (isNested ? region.extent : 0)
      sum.extent += isNested ? 0 : region.extent
      sum.regions++
      if (region.accounts !== undefined) sum.accounts += below(region.accounts)
    }
  }
  return { ...sum, busy: Math.max(sum.busy, 0) }
}

const below = (account: AccountFigures): number => account.accounts.reduce((sum, child) => sum + 1 + below(child), 0)

function keysLine({ view }: TopState, from: number, shown: number, all: number, columns: number): string {
  const keys = `q quit  s sort: ${view.sort}  c accounts  p ${view.isPaused ? 'go on' : 'pause'}  arrows scroll`
  const where = shown < all ? `${from + Math.min(shown, 1)}-${from + shown} of ${all}` : ''
  const room = columns - where.length - 2
  return where === '' || room < 0 ? keys : `${left(keys, room)}  ${where}`
}

// The table

function rowsOf({ threads, view }: TopState): Row[] {
  const hasThreads = threads.length > 1
  const rows = threads.flatMap(({ thread, report, before }) => {
    const since = before !== undefined && before.started === report.started ? before : undefined
    const seconds = since === undefined ? 0 : (report.taken - since.taken) / 1000
    const olds = new Map(since?.regions.map((region) => [region.id, region]))
    const names = new Map(report.regions.map(({ id, name }) => [id, name]))
    return report.regions.map((region) => {
      const old = olds.get(region.id)
      const parent = region.parent === undefined ? undefined : (names.get(region.parent) ?? 'another region')
      const row = regionRow(region, parent, old, seconds, hasThreads ? thread : undefined)
      const account = region.accounts
      const rows =
        account === undefined || view.isCollapsed ? [] : accountRows(account, old?.accounts, seconds, view.sort, '')
      return { row, rows }
    })
  })
  return rows.sort((a, b) => order(view.sort)(a.row, b.row)).flatMap(({ row, rows }) => [row, ...rows])
}

function order(sort: Sort): (a: Row, b: Row) => number {
  const keys = keysOf(sort)
  return (a, b) => {
    for (const key of keys) if (key(a) !== key(b)) return key(b) - key(a)
    return a.name < b.name ? -1 : a.name > b.name ? 1 : (a.thread ?? 0) - (b.thread ?? 0)
  }
}

/** By what rows are put in order, the largest first, before their names. */
function keysOf(sort: Sort): ((row: Row) => number)[] {
  if (sort === 'bytes') return [(row) => row.live]
  if (sort === 'peak') return [(row) => row.peak]
  return sort === 'allocs' ? [(row) => row.allocRate ?? 0, (row) => row.allocs ?? 0] : []
}

function regionRow(
  region: RegionFigures,
  parent: string | undefined,
  before: RegionFigures | undefined,
  seconds: number,
  thread: number | undefined,
): Row {
  const { accounts, busyBytes: live, highTide: peak, extent } = region
  const limit = accounts === undefined ? undefined : fullness(live, accounts)
  const inExtent = extent > 0 ? { part: live / extent, of: extent, isSoft: false } : undefined
  const how = parent === undefined ? `over ${region.discipline}` : `in ${parent}`
  return {
    ...figures(accounts?.total, before?.accounts?.total, seconds),
    thread,
    name: visible(`${region.name} (${region.method} ${how})`),
    live,
    peak,
    full: limit ?? inExtent,
    isRegion: true,
  }
}

type Counts = AccountFigures['own']

function figures(now: Counts | undefined, before: Counts | undefined, seconds: number) {
  const rate = (key: 'allocs' | 'frees') =>
    now === undefined || before === undefined || seconds <= 0
      ? undefined
      : Math.max(now[key] - before[key], 0) / seconds
  return {
    blocks: now?.blocks,
    allocs: now?.allocs,
    frees: now?.frees,
    failures: now?.failures,
    allocRate: rate('allocs'),
    freeRate: rate('frees'),
  }
}

function fullness(live: number, { limits }: AccountFigures): Fullness | undefined {
  const isSoft = limits.hard === Infinity
  const of = isSoft ? limits.soft : limits.hard
  return of === Infinity ? undefined : { part: of === 0 ? 1 : live / of, of, isSoft }
}

/** The accounts below one, as a tree; with what is its own where that is the region's. */
function accountRows(
  of: AccountFigures,
  before: AccountFigures | undefined,
  seconds: number,
  sort: Sort,
  indent: string,
): Row[] {
  const olds = new Map(before?.accounts.map((account) => [account.path, account]))
  const entries = of.accounts.map((account) => {
    const old = olds.get(account.path)
    return { account, old, row: accountRow(account, account.total, old?.total, seconds) }
  })
  const { own } = of
  if (of.path === '' && entries.length > 0 && (own.allocs > 0 || own.failures > 0 || own.bytes > 0)) {
    const none = { ...of, name: NONE, limits: { hard: Infinity, soft: Infinity }, accounts: [] }
    entries.push({ account: none, old: undefined, row: accountRow(none, own, before?.own, seconds) })
  }
  entries.sort((a, b) => order(sort)(a.row, b.row))
  return entries.flatMap(({ account, old, row }, i) => {
    const isLast = i === entries.length - 1
    const next = `${indent}${isLast ? '   ' : '|  '}`
    return [
      { ...row, name: `${indent}${isLast ? '`- ' : '|- '}${row.name}` },
      ...accountRows(account, old, seconds, sort, next),
    ]
  })
}

function accountRow(account: AccountFigures, now: Counts, before: Counts | undefined, seconds: number): Row {
  return {
    ...figures(now, before, seconds),
    thread: undefined,
    name: visible(account.name),
    live: now.bytes,
    peak: now.peak,
    full: fullness(now.bytes, account),
    isRegion: false,
  }
}

// Its columns

interface Shape {
  readonly columns: readonly Column[]
  readonly name: number
  readonly full: number
  readonly bar: number
  readonly hasThreads: boolean
  readonly gap: string
}

const optional = (value: number | undefined, cell: (value: number) => string, none = ''): string =>
  value === undefined ? none : cell(value)

const rates: Column[] = [
  {
    title: 'ALLOC/S',
    width: 7,
    cell: (row) => optional(row.allocRate, countCell, row.allocs === undefined ? '' : '-'),
  },
  { title: 'FREE/S', width: 6, cell: (row) => optional(row.freeRate, countCell, row.frees === undefined ? '' : '-') },
]
const sums: Column[] = [
  { title: 'ALLOCS', width: 7, cell: (row) => optional(row.allocs, countCell) },
  { title: 'FREES', width: 6, cell: (row) => optional(row.frees, countCell) },
]

/** As they stand; the place in `DROPPED` says which goes first. */
function allColumns(isLive: boolean): Column[] {
  return [
    { title: 'LIVE', width: 6, cell: (row) => sizeCell(row.live) },
    { title: 'BLOCKS', width: 6, cell: (row) => optional(row.blocks, countCell) },
    { title: 'PEAK', width: 6, cell: (row) => sizeCell(row.peak) },
    ...(isLive ? rates : sums),
    { title: 'FAILED', width: 6, cell: (row) => optional(row.failures, countCell) },
  ]
}

const DROPPED = ['FAILED', 'FREE/S', 'FREES', 'BLOCKS', 'PEAK', 'FULL', 'ALLOC/S', 'ALLOCS']

function columnsFor(state: TopState, table: readonly Row[], columns: number): Shape {
  const gap = columns >= 100 ? '  ' : ' '
  const hasThreads = state.threads.length > 1
  let kept = allColumns(state.interval !== undefined)
  let full = FULL_WIDTH
  const roomOf = () => {
    const fixed = kept.reduce((sum, { width }) => sum + gap.length + width, 0)
    return columns - fixed - (full > 0 ? gap.length + full : 0) - (hasThreads ? 3 + gap.length : 0)
  }
  for (const title of DROPPED) {
    if (roomOf() >= NAME_LEAST) break
    if (title === 'FULL') full = 0
    else kept = kept.filter((column) => column.title !== title)
  }
  const room = Math.max(roomOf(), 1)
  const wanted = table.reduce((most, row) => Math.max(most, widthOf(row.name)), NAME_LEAST)
  const name = Math.min(wanted, full === 0 ? room : Math.max(room - BAR_LEAST - 1, Math.min(room, NAME_ENOUGH)))
  const spare = full === 0 ? 0 : room - name - 1
  return { columns: kept, name, full, bar: spare < BAR_LEAST ? 0 : Math.min(spare, BAR_MOST), hasThreads, gap }
}

function titlesOf(shape: Shape): string {
  const cells = shape.columns.map(({ title, width }) => right(title, width))
  const thread = shape.hasThreads ? ['THR'] : []
  return [...thread, left('NAME', shape.name), ...cells, ...(shape.full > 0 ? ['FULL'] : [])].join(shape.gap)
}

function lineOfRow(row: Row, shape: Shape): string {
  const cells = shape.columns.map(({ width, cell }) => right(cell(row), width))
  const thread = shape.hasThreads ? [right(optional(row.thread, String), 3)] : []
  const full = row.full === undefined || shape.full === 0 ? [] : [fullCell(row.full, shape.bar)]
  return [...thread, left(row.name, shape.name), ...cells, ...full].join(shape.gap)
}

function fullCell({ part, of, isSoft }: Fullness, width: number): string {
  const share = right(`${Math.min(Math.round(100 * part), 999)}%`, 4)
  return `${width > 0 ? `${bar(part, width)} ` : ''}${share} ${isSoft ? 'soft' : 'of'} ${sizeCell(of)}`
}

function styleOf({ isRegion, full }: Row): LineStyle {
  if (!isRegion && full !== undefined && full.part >= ALMOST) return 'full'
  return isRegion ? 'region' : 'plain'
}
