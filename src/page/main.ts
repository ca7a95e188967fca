/**
 * main: builds the page from its figures: of a trace, or of profiles.
 */
import { formatSize } from '../ground/sizes.ts'
import type { Advice } from '../report/advice.ts'
import type { PackedProfile, PageData, TracePart } from '../report/data.ts'
import { count, formatTime, percent, short } from '../report/words.ts'
import { bars } from './bars.ts'
import { type Axis, between, Charts } from './charts.ts'
import { make, note, onFrame, section } from './dom.ts'
import { CELLS_A_LINE, HeapMap, MOST_LINES } from './heap-map.ts'
import { HeapState } from './heap-state.ts'
import { Frames, flameSection, sitesSection } from './profile-part.ts'
import { type Columns, readColumns, readData } from './read.ts'
import { type Column, sortable } from './rows.ts'

const page = document.getElementById('page')!

async function show(): Promise<void> {
  const data = readData()
  const columns = await readColumns(data)
  const frames = new Frames(data)
  page.replaceChildren()
  if (data.trace === undefined) showProfiles(data, frames)
  else showTrace(data, data.trace, columns, frames)
  page.append(make('footer', {}, `Made by vmalloc ${data.version}. Charts by uPlot (MIT).`))
  document.documentElement.dataset.ready = 'true'
}

function showTrace(data: PageData, trace: TracePart, columns: Columns, frames: Frames): void {
  const { summary, method, discipline } = trace
  const span = summary.ms === undefined ? '' : ` in ${formatTime(summary.ms * 1000)}`
  const failed = trace.failed > 0 ? `, which did not serve ${count(trace.failed)} of them` : ''
  const refused = trace.refused > 0 ? `, and refused ${count(trace.refused)} frees` : ''
  page.append(
    make(
      'header',
      {},
      make('h1', {}, data.title),
      note(
        `${count(summary.events)} operations${span}, replayed under ${method} over ${discipline}${failed}${refused}`,
      ),
    ),
    tiles([
      ['Allocated', formatSize(summary.bytes), `${count(summary.blocks)} blocks of ${count(summary.distinct)} sizes`],
      ['Peak live', formatSize(summary.peak.bytes), `${count(summary.peak.blocks)} blocks`],
      [
        'Held for it',
        formatSize(trace.mostHeld),
        `${percent(trace.mostHeld > 0 ? summary.peak.bytes / trace.mostHeld : 0)} of it live at the peak`,
      ],
      ['Left live', formatSize(summary.left.bytes), `${count(summary.left.blocks)} blocks`],
      ['Median block', formatSize(summary.sizes.median), `99 % up to ${formatSize(summary.sizes.p99)}`],
      [
        'Median life',
        lifeOf(summary.lives?.median, summary.lifetimes.median),
        `99 % up to ${lifeOf(summary.lives?.p99, summary.lifetimes.p99)}`,
      ],
    ]),
  )
  if (summary.events > 0) showTime(trace, columns, frames, data)
  const histograms = [
    bars('Sizes of allocations', summary.sizes.histogram, 'blocks', formatSize),
    bars(
      'Bytes by size of the block',
      summary.sizeBytes.map((bytes) => bytes / 1024),
      'KiB',
      formatSize,
    ),
    bars('Lifetimes, in operations', summary.lifetimes.histogram, 'blocks', short),
  ]
  if (summary.lives !== undefined)
    histograms.push(bars('Lifetimes, in time', summary.lives.histogram, 'blocks', formatTime))
  page.append(
    make(
      'section',
      { id: 'histograms' },
      make('div', { class: histograms.length === 4 ? 'columns pairs' : 'columns' }, ...histograms),
    ),
  )
  if (trace.advice !== undefined) page.append(adviceSection(trace.advice))
  showSites(data.profiles, frames)
}

const lifeOf = (us: number | undefined, events: number) =>
  us === undefined ? `${count(Math.round(events))} operations` : formatTime(us)

/** The curves, the slider, and the map of the heap that follows it. */
function showTime({ summary, curves }: TracePart, columns: Columns, frames: Frames, data: PageData): void {
  const { events, peak } = summary
  const state = new HeapState(columns, events, CELLS_A_LINE, MOST_LINES)
  const map = new HeapMap(state, (piece) => tellPiece(piece))
  const { starts, ends } = state.blocks.table
  const sites = columns.get('blocks.sites')
  const tellPiece = (piece: number) => {
    const end = ends[piece]! > events ? 'to the end' : `to ${count(ends[piece]!)}`
    const site = sites === undefined ? undefined : data.profiles[0]?.sites[sites[piece]!]
    const [innermost] = site?.frames ?? []
    return `from operation ${count(starts[piece]!)} ${end}${innermost === undefined ? '' : `, ${frames.title(innermost)}`}`
  }
  const output = make('output', { for: 'moment' })
  const slider = make('input', {
    type: 'range',
    id: 'moment',
    min: 0,
    max: events,
    step: 1,
    value: 0,
    'aria-label': 'Moment of the trace, in operations',
    input: () => follow(),
  })
  const charts = new Charts(curves, (moment) => go(moment))
  const follow = onFrame(() => showMoment(Number(slider.value)))
  const showMoment = (moment: number) => {
    const ms = curves.ms === undefined ? '' : ` · ${formatTime(1000 * between(curves.events, curves.ms, moment))}`
    output.value = `after ${count(moment)} of ${count(events)} operations${ms}`
    slider.setAttribute('aria-valuetext', output.value)
    charts.mark(moment)
    map.seek(moment)
  }
  const go = (moment: number) => {
    slider.value = `${Math.min(events, Math.max(0, moment))}`
    follow()
  }
  const step = (title: string, moment: () => number) =>
    make('button', { type: 'button', click: () => go(moment()) }, title)
  const bar = make(
    'div',
    { class: 'slider' },
    slider,
    output,
    step('−1', () => Number(slider.value) - 1),
    step('+1', () => Number(slider.value) + 1),
    step('Peak', () => peak.event + 1),
    step('End', () => events),
  )
  const choice = curves.ms === undefined ? undefined : axisChoice(charts)
  const colours = [legendOf('map-busy', 'busy'), legendOf('map-free', 'free'), legendOf('map-none', 'not held')]
  page.append(
    section('time', 'Over the length of the trace', [note(''), charts.legend, choice], charts.element),
    bar,
    section('heap', 'The heap at that moment', [map.figures, ...colours], map.element),
  )
  slider.value = `${peak.event + 1}`
  showMoment(peak.event + 1)
}

function axisChoice(charts: Charts): HTMLElement {
  const choices: [Axis, string][] = [
    ['events', 'by operations'],
    ['ms', 'by time'],
  ]
  const buttons = choices.map(([axis, title]) =>
    make(
      'button',
      { type: 'button', 'aria-pressed': `${axis === 'events'}`, click: (event) => press(axis, event) },
      title,
    ),
  )
  const press = (axis: Axis, event: Event) => {
    charts.setAxis(axis)
    for (const button of buttons) button.setAttribute('aria-pressed', `${button === event.currentTarget}`)
  }
  return make('span', { class: 'choice', role: 'group', 'aria-label': 'What the axis counts' }, ...buttons)
}

function legendOf(name: string, title: string): HTMLElement {
  return make('span', { class: 'legend' }, make('i', { style: `background: var(--${name})` }), title)
}

function showProfiles({ title, profiles }: PageData, frames: Frames): void {
  let shown = profiles
  const head = make('div')
  const histograms = make('section', { id: 'histograms' })
  const sites = make('div')
  const flame = flameSection(() => shown, frames)
  const renew = () => {
    const total = totalOf(shown)
    head.replaceChildren(tiles(tilesOf(total, shown)))
    histograms.replaceChildren(
      make(
        'div',
        { class: 'columns' },
        bars('Sizes of allocations', total.sizes, 'blocks', formatSize),
        bars('Lifetimes of freed blocks', total.lifetimes, 'blocks', formatTime),
      ),
    )
    sites.replaceChildren(sitesSection(shown, frames))
    flame.renew()
  }
  const select = make(
    'select',
    {
      'aria-label': 'Region',
      change: () => {
        shown = select.value === '' ? profiles : [profiles[Number(select.value)]!]
        renew()
      },
    },
    make('option', { value: '' }, `All ${profiles.length} regions`),
    ...profiles.map(({ region, method }, i) => make('option', { value: i }, `${region || '(unnamed)'}, ${method}`)),
  )
  const header = make('header', {}, make('h1', {}, title), note(profiles.map(mannerOf).filter(isFirst).join('; ')))
  if (profiles.length > 1) header.append(select)
  page.append(header, head, flame.element, histograms, sites)
  renew()
}

const isFirst = (text: string, at: number, all: readonly string[]) => all.indexOf(text) === at

function mannerOf({ mode, interval, method, since, taken }: PackedProfile): string {
  const manner = mode === 'exact' ? 'every allocation counted' : `estimates, one sample in ${formatSize(interval)}`
  return `Under ${method}, ${manner}, over ${formatTime((taken - since) * 1000)}`
}

/** The figures of profiles taken together. Peaks of regions need not have been at one time. */
function totalOf(profiles: readonly PackedProfile[]) {
  const totals = profiles.map(({ total }) => total)
  const sum = (value: (tally: (typeof totals)[number]) => number) =>
    totals.reduce((all, tally) => all + value(tally), 0)
  const frees = sum((tally) => tally.frees)
  return {
    allocs: sum((tally) => tally.allocs),
    allocBytes: sum((tally) => tally.allocBytes),
    frees,
    liveBlocks: sum((tally) => tally.liveBlocks),
    liveBytes: sum((tally) => tally.liveBytes),
    peakBlocks: sum((tally) => tally.peakBlocks),
    peakBytes: sum((tally) => tally.peakBytes),
    largest: Math.max(0, ...totals.map((tally) => tally.largest)),
    lifetime: frees > 0 ? sum((tally) => tally.lifetime * tally.frees) / frees : 0,
    sizes: added(totals.map((tally) => tally.sizes)),
    lifetimes: added(totals.map((tally) => tally.lifetimes)),
  }
}

function added(histograms: readonly (readonly number[])[]): number[] {
  const length = Math.max(0, ...histograms.map((histogram) => histogram.length))
  return Array.from({ length }, (_, i) => histograms.reduce((sum, histogram) => sum + (histogram[i] ?? 0), 0))
}

function tilesOf(total: ReturnType<typeof totalOf>, profiles: readonly PackedProfile[]): Tile[] {
  const extent = profiles.reduce((sum, profile) => sum + profile.extent, 0)
  const whole = (n: number) => count(Math.round(n))
  return [
    ['Allocated', formatSize(total.allocBytes), `${whole(total.allocs)} blocks`],
    ['Peak live', formatSize(total.peakBytes), `${whole(total.peakBlocks)} blocks`],
    ['Live at the end', formatSize(total.liveBytes), `${whole(total.liveBlocks)} blocks`],
    ['Held', formatSize(extent), 'from the discipline'],
    [
      'Largest block',
      formatSize(total.largest),
      `mean ${formatSize(total.allocs > 0 ? total.allocBytes / total.allocs : 0)}`,
    ],
    [
      'Mean life',
      total.lifetime > 0 ? formatTime(total.lifetime * 1000) : '–',
      `of ${whole(total.frees)} freed blocks`,
    ],
  ]
}

function showSites(profiles: readonly PackedProfile[], frames: Frames): void {
  if (profiles.every(({ sites }) => sites.length === 0)) return
  page.append(flameSection(() => profiles, frames).element, sitesSection(profiles, frames))
}

type Tile = readonly [title: string, value: string, small: string]

function tiles(list: readonly Tile[]): HTMLElement {
  const items = list.map(([title, value, small]) =>
    make('div', {}, make('dt', {}, title), make('dd', {}, value, make('small', {}, small))),
  )
  return make('dl', { class: 'tiles' }, ...items)
}

function adviceSection(advice: Advice): HTMLElement {
  const { candidates, chosen, why, notes } = advice
  type Row = (typeof candidates)[number]
  const columns: Column<Row>[] = [
    {
      title: 'Method',
      value: ({ title }) => title,
      cell: (row) => (row === candidates[chosen] ? make('strong', {}, row.title) : row.title),
    },
    { title: 'ns a call', value: ({ nsPerOp }) => nsPerOp, cell: ({ nsPerOp }) => count(nsPerOp, 1) },
    { title: 'Held at most', value: ({ extent }) => extent, cell: ({ extent }) => formatSize(extent) },
    {
      title: 'Utilization',
      value: ({ utilization, failed }) => (failed > 0 ? -1 : utilization),
      cell: ({ utilization, failed }) => (failed > 0 ? '–' : percent(utilization)),
    },
    { title: 'Failed', value: ({ failed }) => failed, cell: ({ failed }) => count(failed) },
  ]
  const { title, change, how } = candidates[chosen]!
  const what = change === 'none' ? ' Nothing to change.' : change === 'option' ? ' ' : ` In the program: ${how}.`
  const advised = make('p', {}, make('strong', {}, `Recommended: ${title}. `), why, what)
  const options = change === 'option' ? `VMALLOC_OPTIONS=${how}` : ''
  if (options !== '') advised.append(make('code', {}, options))
  if (advice.regions.length > 0 && advice.options !== '') {
    advised.append(' Region by region: ', make('code', {}, `VMALLOC_OPTIONS=${advice.options}`))
  }
  const hint = note('This trace replayed under each; times are those of the machine that made the page.')
  return section('methods', 'Methods', [hint], sortable(columns, candidates, 1), advised, ...notes.map(note))
}

show().catch((error: unknown) => {
  page.replaceChildren(make('p', {}, `This page cannot be shown: ${error instanceof Error ? error.message : error}`))
  throw error
})
