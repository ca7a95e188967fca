/**
 * picture: a region to look at, drawn of its map and its figures.
 *
 *   map       a text for a terminal, an SVG picture, or the data that both are drawn of
 *   inspect   figures and settings as data, with a text
 *   shown     what `console.log(region)` writes, in the manner of Node's util.inspect
 *
 *   text      8 16 KiB, 32 B a sign                                   a segment: address, size
 *             ------####################...................           `#` busy, `+` cached, `.` free,
 *             @@@@@@@@@@.....................................         `@` a nested region, `-` tables and gaps
 *
 *   SVG       title; by segment a label and lines of rectangles, whose x and width are bytes: a line's transform scales
 *             them; a legend with bytes and blocks. Colours follow prefers-color-scheme.
 */
import type { Inspection, MapOptions, Region, RegionMap, Settings } from '../contract/region.ts'
import type { Stat } from '../contract/stat.ts'
import { isWhole } from '../ground/bits.ts'
import { VmallocError } from '../ground/fault.ts'
import { nearest } from '../ground/nearest.ts'
import { formatSize } from '../ground/sizes.ts'
import { type Cells, type Grid, gridOf, type Kind, signs, totalsOf } from './map.ts'

/** The most signs a line, and lines. */
const MOST = 1000

const forms = ['text', 'svg', 'data'] as const
type Form = (typeof forms)[number]

/** How large a picture is unless told, in cells. */
const usual: Record<Form, { width: number; lines: number }> = {
  text: { width: 64, lines: 8 },
  svg: { width: 128, lines: 16 },
  data: { width: 1, lines: 1 },
}

/** What `region.map(options)` answers, made of the region's map when the options make sense. */
export function drawn(options: MapOptions, map: () => RegionMap): string | RegionMap {
  const form = formOf(options.as ?? 'text')
  const width = wholeOf('width', options.width ?? usual[form].width)
  const lines = wholeOf('lines', options.lines ?? usual[form].lines)
  if (form === 'data') return map()
  return form === 'svg' ? svgOf(map(), width, lines) : textOf(map(), width, lines)
}

function formOf(as: unknown): Form {
  const form = forms.find((known) => known === as)
  if (form !== undefined) return form
  const near = nearest(String(as), forms)
  const hint = near === undefined ? `expected ${forms.join(', ')}` : `did you mean "${near}"?`
  throw new VmallocError('unknown', `map: unknown as "${String(as)}": ${hint}`)
}

function wholeOf(name: string, value: number): number {
  if (isWhole(value, MOST) && value > 0) return value
  throw new VmallocError('argument', `map: ${name} ${String(value)}, expected a whole number from 1 to ${MOST}`)
}

// the text

function textOf(map: RegionMap, width: number, lines: number): string {
  const { unit, drawn, left, leftBytes } = gridOf(map, width, lines)
  const out = drawn.flatMap(({ segment, signs }) => [
    `${segment.at} ${formatSize(segment.size)}, ${formatSize(unit)} a sign`,
    ...linesOf(signs, width),
  ])
  if (left > 0) out.push(`and ${left} smaller, ${formatSize(leftBytes)}`)
  return out.join('\n')
}

function linesOf(signs: string, width: number): string[] {
  return Array.from({ length: Math.ceil(signs.length / width) }, (_, i) => signs.slice(i * width, (i + 1) * width))
}

// the SVG, in pixels

const WIDE = 768
const MARGIN = 16
const HEAD = 44
const LABEL = 20
const LINE = 12
const LINE_STEP = 14
const AFTER = 10
const ENTRY = 256
const ENTRY_STEP = 22

/** By kind: what the legend calls it, its colour on light and on dark ground. */
const tones: Record<Kind | 'tables', readonly [string, string, string]> = {
  busy: ['busy', '#2f74d0', '#4c8fe8'],
  nested: ['nested region', '#6b3fa0', '#b08be6'],
  cached: ['cached', '#e39b13', '#d99a2b'],
  free: ['free', '#d5dce5', '#39424e'],
  tables: ['tables and gaps', '#87919d', '#717b88'],
}

const names = Object.keys(tones) as (keyof typeof tones)[]

const styles = [
  '.vmalloc-map{font:12px system-ui,sans-serif}',
  '.vmalloc-map .ground{fill:#ffffff}.vmalloc-map text{fill:#1f2328}.vmalloc-map .name{font-size:16px;font-weight:600}',
  ...names.map((kind) => `.vmalloc-map .${kind}{fill:${tones[kind][1]}}`),
  '@media (prefers-color-scheme:dark){.vmalloc-map .ground{fill:#161b22}.vmalloc-map text{fill:#e6edf3}',
  ...names.map((kind) => `.vmalloc-map .${kind}{fill:${tones[kind][2]}}`),
  '}',
].join('')

function svgOf(map: RegionMap, width: number, lines: number): string {
  const grid = gridOf(map, width, lines)
  const extent = map.segments.reduce((sum, { size }) => sum + size, 0)
  const what = `${formatSize(extent)} in ${count(map.segments.length, 'segment')}`
  const body: string[] = []
  let y = HEAD
  for (const cells of grid.drawn) {
    body.push(segmentOf(cells, y, grid, width))
    y += heightOf(cells, width)
  }
  if (grid.left > 0) {
    body.push(label(MARGIN, y + 14, `and ${grid.left} smaller, ${formatSize(grid.leftBytes)}`))
    y += LABEL + AFTER
  }
  const legend = legendOf(map, y)
  const height = y + Math.ceil(legend.length / 3) * ENTRY_STEP + MARGIN
  const wide = WIDE + 2 * MARGIN
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" class="vmalloc-map" role="img" width="${wide}" height="${height}" viewBox="0 0 ${wide} ${height}">`,
    `<title>${escaped(`Map of region ${map.name}`)}</title>`,
    `<desc>${escaped(`${map.method}, ${what}`)}</desc>`,
    `<style>${styles}</style>`,
    `<rect class="ground" width="${wide}" height="${height}"/>`,
    `<text class="name" x="${MARGIN}" y="28">${escaped(map.name)}<tspan font-size="12" font-weight="400" dx="10">${escaped(
      map.segments.length === 0 ? `${map.method}, no memory` : `${map.method}, ${what}`,
    )}</tspan></text>`,
    ...body,
    ...legend,
    '</svg>',
    '',
  ].join('\n')
}

const heightOf = ({ signs }: Cells, width: number) => LABEL + Math.ceil(signs.length / width) * LINE_STEP + AFTER

/** One segment from `y` on: a title for whoever points at it, a label, lines of rectangles. */
function segmentOf(cells: Cells, y: number, { unit }: Grid, width: number): string {
  const { segment } = cells
  const totals = totalsOf([segment])
  const parts = names.flatMap((kind) => (totals[kind].bytes === 0 ? [] : amountOf(kind, totals)))
  const scale = Number((WIDE / (unit * width)).toPrecision(9))
  const rows = linesOf(cells.signs, width).map((row, i) => {
    const at = y + LABEL + i * LINE_STEP
    return `<g class="row" transform="translate(${MARGIN} ${at}) scale(${scale} 1)">${rectsOf(cells, row, i * width, unit)}</g>`
  })
  return [
    '<g class="segment">',
    `<title>${escaped(`Segment at ${segment.at}, ${formatSize(segment.size)}: ${parts.join(', ')}`)}</title>`,
    label(MARGIN, y + 14, `at ${segment.at}: ${formatSize(segment.size)}`),
    ...rows,
    '</g>',
  ].join('\n')
}

/** A line of cells, alike neighbours as one rectangle; the last cell of a segment ends where the segment does. */
function rectsOf({ segment, children }: Cells, row: string, first: number, unit: number): string {
  let rects = ''
  for (let from = 0, to = 0; from < row.length; from = to) {
    const child = children.get(first + from)
    const isAlike = (i: number) =>
      row[i] === row[from] && (row[i] !== signs.nested || children.get(first + i) === child)
    for (to = from + 1; to < row.length && isAlike(to); ) to++
    const end = Math.min((first + to) * unit, segment.size) - first * unit
    const shape = `class="${kindOf(row[from]!)}" x="${from * unit}" width="${end - from * unit}" height="${LINE}"`
    const title =
      row[from] === signs.nested && child !== undefined ? `<title>${escaped(`Region ${child}`)}</title>` : ''
    rects += title === '' ? `<rect ${shape}/>` : `<rect ${shape}>${title}</rect>`
  }
  return rects
}

function legendOf({ segments }: RegionMap, y: number): string[] {
  const totals = totalsOf(segments)
  const present = names.filter((kind) => kind !== 'nested' || totals.nested.blocks > 0)
  return present.map((kind, i) => {
    const [x, top] = [MARGIN + (i % 3) * ENTRY, y + Math.floor(i / 3) * ENTRY_STEP]
    return `<g class="legend"><rect class="${kind}" x="${x}" y="${top}" width="12" height="12"/>${label(x + 18, top + 10, amountOf(kind, totals))}</g>`
  })
}

function amountOf(kind: Kind | 'tables', totals: ReturnType<typeof totalsOf>): string {
  const { blocks, bytes } = totals[kind]
  return `${tones[kind][0]} ${formatSize(bytes)}${kind === 'tables' ? '' : ` in ${count(blocks, 'block')}`}`
}

const label = (x: number, y: number, text: string) => `<text x="${x}" y="${y}">${escaped(text)}</text>`

const kindOf = (sign: string) => names.find((kind) => signs[kind] === sign)!

const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }

/** A text as XML can hold it: what is no XML character becomes the one that stands for those. */
function escaped(text: string): string {
  return text
    .replace(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, '\ufffd')
    .replace(/[&<>"]/g, (sign) => entities[sign]!)
}

// figures

/** What `inspect` answers; a class, so that its text is nothing that a copy or a listing of its members shows. */
class RegionInspection implements Inspection {
  readonly name: string
  readonly method: string
  readonly discipline: string
  readonly closed: boolean
  readonly at: number
  readonly alignment: number
  readonly settings: Settings
  readonly stat: Stat
  readonly children: readonly Inspection[]

  constructor(region: Region, settings: Settings) {
    this.name = region.name
    this.method = region.method
    this.discipline = region.discipline.name
    this.closed = region.closed
    this.at = region.header
    this.alignment = region.alignment
    this.settings = settings
    this.stat = region.stat()
    this.children = region.children().map((child) => child.inspect())
  }

  toString(): string {
    return figuresOf(this, '')
  }
}

export function inspectionOf(region: Region, settings: Settings): Inspection {
  return new RegionInspection(region, settings)
}

function figuresOf(of: Inspection, indent: string): string {
  const { stat } = of
  if (of.closed) return `${indent}${of.name}  ${of.method} over ${of.discipline}, closed`
  const lines = [
    `${indent}${of.name}  ${of.method} over ${of.discipline}, header at ${of.at}`,
    `${indent}  extent ${formatSize(stat.extent)} in ${count(stat.segments, 'segment')}, high tide ${formatSize(stat.highTide)}`,
    `${indent}  busy ${formatSize(stat.busyBytes)} in ${stat.busyBlocks} (largest ${stat.largestBusy}), free ${formatSize(stat.freeBytes)} in ` +
      `${stat.freeBlocks} (largest ${stat.largestFree}), cached ${formatSize(stat.cachedBytes)} in ${stat.cachedBlocks}, overhead ${formatSize(stat.overhead)}`,
  ]
  return [...lines, ...of.children.map((child) => figuresOf(child, `${indent}  `))].join('\n')
}

// util.inspect

/** The member that util.inspect, console.log and their like in other runtimes ask. */
export const shownBy: unique symbol = Symbol.for('nodejs.util.inspect.custom')

/** What they hand over, as far as it is used here. */
export interface ShowOptions {
  readonly stylize?: (text: string, style: never) => string
  readonly maxArrayLength?: number | null
}

type Paint = (text: string, style: string) => string

const BAR = 64
const CHILDREN = 100

const paints: Record<string, string> = {
  '@': 'special',
  '#': 'number',
  '+': 'string',
  '.': 'undefined',
  '-': 'undefined',
}

/**
 * A region as util.inspect shows it, children to the depth asked for. A region that cannot be read is shown with the
 * reason, since who looks at it is likely to look for just that.
 */
export function shown(region: Region, depth: number | null | undefined, options: ShowOptions = {}): string {
  const paint = (options.stylize ?? ((text: string) => text)) as Paint
  const most = options.maxArrayLength === null ? Infinity : (options.maxArrayLength ?? CHILDREN)
  return shownTo(region, depth ?? Infinity, most, paint)
}

function shownTo(region: Region, depth: number, most: number, paint: Paint): string {
  if (depth < 0) return paint(`[Region ${region.name}]`, 'special')
  const name = `Region ${paint(region.name, 'special')}`
  if (region.closed) return `${name} (closed)`
  const head = `${name} (${region.method} over ${region.discipline.name})`
  try {
    const lines = [...statLines(region.stat(), paint), barOf(region, paint), ...childLines(region, depth, most, paint)]
    return `${head} {\n${lines.join('\n').replace(/^/gm, '  ')}\n}`
  } catch (error) {
    if (!(error instanceof VmallocError)) throw error
    return `${head} { ${paint(`${error.code}: ${error.message}`, 'regexp')} }`
  }
}

function statLines(stat: Stat, paint: Paint): string[] {
  const size = (bytes: number) => paint(formatSize(bytes), 'number')
  const cached = stat.cachedBlocks === 0 ? '' : `cached ${size(stat.cachedBytes)} in ${stat.cachedBlocks}, `
  return [
    `extent ${size(stat.extent)} in ${count(stat.segments, 'segment')}, high tide ${size(stat.highTide)}`,
    `busy ${size(stat.busyBytes)} in ${stat.busyBlocks}, free ${size(stat.freeBytes)} in ${stat.freeBlocks}, ${cached}overhead ${size(stat.overhead)}`,
  ]
}

/** The map as one line, segments apart. */
function barOf(region: Region, paint: Paint): string {
  const { drawn, left } = gridOf(region.map({ as: 'data' }), BAR, 1)
  const bars = drawn.map(({ signs }) => signs.replace(/(.)\1*/g, (run, sign: string) => paint(run, paints[sign]!)))
  return `[${[...bars, ...(left > 0 ? [`${left} more`] : [])].join('|')}]`
}

function childLines(region: Region, depth: number, most: number, paint: Paint): string[] {
  const children = region.children()
  const lines = children.slice(0, most).map((child) => shownTo(child, depth - 1, most, paint))
  const more = children.length - lines.length
  return more === 0 ? lines : [...lines, `... ${more} more region${more === 1 ? '' : 's'}`]
}

const count = (n: number, what: string) => `${n} ${what}${n === 1 ? '' : 's'}`
