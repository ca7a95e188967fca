/**
 * text: a report to be read.
 *
 *   process 4711, thread 0, 2026-01-31 12:00:00.000 UTC
 *
 *   heap: best over memory, busy 12.1 KiB, high tide 12.1 KiB, extent 64 KiB
 *     session: best over region, busy 9.1 KiB in 61 blocks, high tide 9.9 KiB, extent 12 KiB, limit 1 MiB
 *       account      live  blocks     peak  allocs  frees  failures  limit
 *       (none)      120 B       1    120 B       1      0         0
 *       parser      9 KiB      60  9.8 KiB      80     20         0  64 KiB, soft 32 KiB
 *         (own)     1 KiB      10    1 KiB      20     10         0
 *         strings   8 KiB      50  8.8 KiB      60     10         0
 *
 *   closed:
 *     region   account  allocs  frees  failures   peak
 *     request  parser      900    900         0  2 KiB
 *
 * A line of an account counts all that lies below it; what it has itself is a line of its own where something lies below.
 * The region's own account is `(none)`: its limits are the whole region's, and stand in the heading. So the lines of one
 * depth are disjoint. Regions and accounts come in the order in which they were made, nested regions below what they lie
 * in.
 */
import type { Counts, Limits } from './account.ts'
import { type AccountFigures, type ClosedFigures, mustBeReport, type RegionFigures, type Report } from './report.ts'
import {
  accountText,
  blocks,
  columns,
  count,
  INDENT,
  indented,
  linesText,
  nameText,
  type SizeText,
  sizeText,
  type TextOptions,
  timeText,
  widthOf,
} from './table.ts'

const TITLES = ['account', 'live', 'blocks', 'peak', 'allocs', 'frees', 'failures']
const CLOSED_TITLES = ['region', 'account', 'allocs', 'frees', 'failures', 'peak']

/** A report as a text that ends with a newline. Throws VmallocError `argument` for what is no report. */
export function reportText(report: Report, options: TextOptions = {}): string {
  mustBeReport('reportText', report)
  const size = sizeText(options)
  const { pid, thread, taken, regions, closed } = report
  const below = nestedIn(regions)
  const lines = [
    `process ${pid}, thread ${thread}, ${timeText(taken)}`,
    '',
    ...(regions.length === 0 ? ['no region is open', ''] : []),
    ...(below.get(undefined) ?? []).flatMap((region) => regionLines(region, below, size)),
    ...(closed.length === 0 ? [] : ['', ...closedLines(closed, size)]),
  ]
  return linesText(lines)
}

type Nested = ReadonlyMap<number | undefined, readonly RegionFigures[]>

/** Regions by the one that they lie in; undefined where that is not in the report. */
function nestedIn(regions: readonly RegionFigures[]): Nested {
  const known = new Set(regions.map(({ id }) => id))
  const below = new Map<number | undefined, RegionFigures[]>()
  for (const region of regions) {
    const parent = region.parent !== undefined && known.has(region.parent) ? region.parent : undefined
    const others = below.get(parent)
    if (others === undefined) below.set(parent, [region])
    else others.push(region)
  }
  return below
}

/** A region and those nested in it. An empty line ends a table, and what is nested in a region that has one. */
function regionLines(region: RegionFigures, below: Nested, size: SizeText): string[] {
  const { accounts } = region
  const nested = indented((below.get(region.id) ?? []).flatMap((child) => regionLines(child, below, size)))
  if (accounts === undefined) return [headingOf(region, size), ...nested]
  const gap = nested.length > 0 && nested.at(-1) !== '' ? [''] : []
  return [headingOf(region, size), ...indented(accountLines(accounts, size)), '', ...nested, ...gap]
}

function headingOf({ name, method, discipline, ...region }: RegionFigures, size: SizeText): string {
  const { accounts, busyBytes, highTide, extent, shared } = region
  const limit = accounts === undefined ? '' : limitText(accounts.limits, size)
  return [
    `${nameText(name)}: ${nameText(method)} over ${nameText(discipline)}`,
    `busy ${size(busyBytes)}${accounts === undefined ? '' : ` in ${blocks(accounts.total.blocks)}`}`,
    `high tide ${size(highTide)}`,
    `extent ${size(extent)}`,
    ...(limit === '' ? [] : [limit.startsWith('soft') ? limit : `limit ${limit}`]),
    ...(shared ? ['of all threads'] : []),
  ].join(', ')
}

function accountLines(first: AccountFigures, size: SizeText): string[] {
  const rows = [
    [accountText(''), ...countCells(first.own, size), ''],
    ...first.accounts.flatMap((account) => accountRows(account, '', size)),
  ]
  const hasLimits = rows.some((row) => row.at(-1) !== '')
  const lines = columns([TITLES, ...rows.map((row) => row.slice(0, -1))])
  const width = Math.max(...lines.map(widthOf))
  if (!hasLimits) return lines
  const last = ['limit', ...rows.map((row) => row.at(-1)!)]
  return lines.map((line, i) => `${line}${' '.repeat(width - widthOf(line))}  ${last[i]}`.trimEnd())
}

function accountRows(account: AccountFigures, indent: string, size: SizeText): string[][] {
  const { name, own, total, limits, accounts } = account
  const further = indent + INDENT
  const hasOwn = accounts.length > 0 && (own.allocs > 0 || own.failures > 0)
  return [
    [indent + accountText(name), ...countCells(total, size), limitText(limits, size)],
    ...(hasOwn ? [[`${further}(own)`, ...countCells(own, size), '']] : []),
    ...accounts.flatMap((below) => accountRows(below, further, size)),
  ]
}

function countCells(counts: Counts, size: SizeText): string[] {
  const { bytes, peak, allocs, frees, failures } = counts
  return [size(bytes), count(counts.blocks), size(peak), count(allocs), count(frees), count(failures)]
}

/** Empty where no limit stands. */
function limitText({ hard, soft }: Limits, size: SizeText): string {
  return [...(hard === Infinity ? [] : [size(hard)]), ...(soft === Infinity ? [] : [`soft ${size(soft)}`])].join(', ')
}

function closedLines(closed: readonly ClosedFigures[], size: SizeText): string[] {
  const rows = closed.map(({ region, path, allocs, frees, failures, peak }) => [
    nameText(region),
    accountText(path),
    ...[allocs, frees, failures].map(count),
    size(peak),
  ])
  return ['closed:', ...indented(columns([CLOSED_TITLES, ...rows], 2))]
}
