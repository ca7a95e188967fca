/**
 * diff: what changed between two reports of one thread.
 *
 *   regions    by id     open before and after, or opened, or closed between the two
 *     accounts by path   by their own figures, without those below, so that what grew stands in one line
 *   closed     by names  what regions did between the two that are closed at the second
 *
 * Only what changed is there, and what grew most comes first.
 *
 * The laws of each line: bytes and blocks are what is live at the second moment less what was at the first, and blocks are
 * allocs - frees. What is gone, a region that closed or an account that was removed, freed what it had; whatever else
 * it did between the two moments stands in `closed` for a region, summed over all regions of its name, and is not known
 * of an account. An account whose counts went back was removed and made again: it began anew.
 */
import { VmallocError } from '../ground/fault.ts'
import type { Counts } from './account.ts'
import { keyOf, type Line, OTHERS } from './names.ts'
import { type ClosedFigures, flat, mustBeReport, type RegionFigures, type Report, shown } from './report.ts'
import {
  accountText,
  columns,
  indented,
  linesText,
  nameText,
  type SizeText,
  signed,
  sizeText,
  type TextOptions,
  timeText,
} from './table.ts'

/** What is at the second moment less what was at the first; `peak` alone is as it is at the second, or was if it is gone. */
export interface AccountChange extends Counts {
  readonly path: string
  /** Whether the account was there only at the second moment, or only at the first. */
  readonly change: 'new' | 'gone' | 'changed'
}

export interface RegionChange {
  readonly id: number
  readonly name: string
  /** Whether the region was open only at the second moment, or only at the first. */
  readonly change: 'opened' | 'closed' | 'changed'
  /** How much there is more. */
  readonly busyBytes: number
  readonly extent: number
  /** As it is at the second moment, or was at the first if the region has closed. */
  readonly highTide: number
  readonly accounts: readonly AccountChange[]
}

/** What accounts of one path did between the two moments in regions of one name that were closed by the second. */
export interface ClosedChange {
  readonly region: string
  readonly path: string
  readonly allocs: number
  readonly frees: number
  readonly failures: number
  /** The highest that it ever was in one of them. */
  readonly peak: number
}

export interface Difference {
  readonly pid: number
  readonly thread: number
  /** When the two were taken, in milliseconds since 1970. */
  readonly from: number
  readonly to: number
  readonly regions: readonly RegionChange[]
  readonly closed: readonly ClosedChange[]
}

/**
 * What changed between two reports, which may be read from JSON. Throws VmallocError `argument` for what is no report, for
 * those of two processes, runs or threads, and where the first was taken after the second.
 */
export function diff(before: Report, after: Report): Difference {
  mustBeReport('diff: the first report', before)
  mustBeReport('diff: the second report', after)
  mustCompare(before, after)
  const was = byKey(before.regions, ({ id }) => id)
  const is = byKey(after.regions, ({ id }) => id)
  const regions = [
    ...after.regions.map((region) => regionChange(was.get(region.id), region)),
    ...before.regions.filter(({ id }) => !is.has(id)).map((region) => regionChange(region, undefined)),
  ]
  return {
    pid: after.pid,
    thread: after.thread,
    from: before.taken,
    to: after.taken,
    regions: regions.filter(isChanged).sort((a, b) => b.busyBytes - a.busyBytes),
    closed: closedChanges(before, after, is),
  }
}

function mustCompare(before: Report, after: Report): void {
  const whose = [
    ['process', before.pid, after.pid],
    ['thread', before.thread, after.thread],
    ['the run that began at', timeText(before.started), timeText(after.started)],
  ] as const
  for (const [what, one, other] of whose) {
    if (one === other) continue
    throw new VmallocError(
      'argument',
      `diff: reports of ${what} ${one} and of ${what} ${other}, expected two of one thread`,
    )
  }
  if (before.taken <= after.taken) return
  throw new VmallocError(
    'argument',
    `diff: the first report is of ${timeText(before.taken)}, the second of ${timeText(after.taken)}, expected the earlier one first`,
  )
}

function byKey<K, T>(all: readonly T[], key: (one: T) => K): Map<K, T> {
  return new Map(all.map((one) => [key(one), one]))
}

// regions

function regionChange(before: RegionFigures | undefined, after: RegionFigures | undefined): RegionChange {
  const { id, name, highTide } = (after ?? before)!
  return {
    id,
    name,
    change: before === undefined ? 'opened' : after === undefined ? 'closed' : 'changed',
    busyBytes: (after?.busyBytes ?? 0) - (before?.busyBytes ?? 0),
    extent: (after?.extent ?? 0) - (before?.extent ?? 0),
    highTide,
    accounts: accountChanges(ownCounts(before), ownCounts(after)),
  }
}

function isChanged({ change, busyBytes, extent, accounts }: RegionChange): boolean {
  return change !== 'changed' || busyBytes !== 0 || extent !== 0 || accounts.length > 0
}

// accounts

const NOTHING: Counts = { bytes: 0, blocks: 0, peak: 0, allocs: 0, frees: 0, failures: 0 }

/** What each account of a region has and did itself, by path. */
function ownCounts(region: RegionFigures | undefined): Map<string, Counts> {
  return new Map(region?.accounts === undefined ? [] : flat(region.accounts).map(({ path, own }) => [path, own]))
}

function accountChanges(before: ReadonlyMap<string, Counts>, after: ReadonlyMap<string, Counts>): AccountChange[] {
  const changes: AccountChange[] = []
  for (const [path, counts] of after) {
    const had = before.get(path)
    changes.push({ path, change: had === undefined ? 'new' : 'changed', ...less(counts, had ?? NOTHING) })
  }
  for (const [path, had] of before)
    if (!after.has(path)) changes.push({ path, change: 'gone', ...less(NOTHING, had), peak: had.peak })
  return changes.filter(isWorthALine).sort((a, b) => b.bytes - a.bytes || b.blocks - a.blocks)
}

/** Whether an account came, went or did something. A region's own comes and goes with it, or with the first that is named. */
function isWorthALine({ path, change, bytes, allocs, frees, failures }: AccountChange): boolean {
  return (change !== 'changed' && path !== '') || bytes !== 0 || allocs !== 0 || frees !== 0 || failures !== 0
}

/** What counts came to; those that went back began at 0, and what was live before was freed. */
function less(now: Counts, had: Counts): Counts {
  const { bytes, blocks, peak } = now
  const isAnew = now.allocs < had.allocs || now.frees < had.frees || now.failures < had.failures
  const from = isAnew ? { allocs: 0, frees: -had.blocks, failures: 0 } : had
  return {
    bytes: bytes - had.bytes,
    blocks: blocks - had.blocks,
    peak,
    allocs: now.allocs - from.allocs,
    frees: now.frees - from.frees,
    failures: now.failures - from.failures,
  }
}

// regions that are closed

/**
 * What closed regions counted in all, less what it was at the first moment, and less what those counted then which
 * have closed since. What these had live is told where they are named.
 */
function closedChanges(before: Report, after: Report, is: ReadonlyMap<number, RegionFigures>): ClosedChange[] {
  const known = byKey(before.closed, keyOf)
  const lines = new Set(after.closed.map(keyOf))
  for (const region of before.regions) {
    if (is.has(region.id)) continue
    for (const [path, { allocs, failures, peak }] of ownCounts(region)) {
      const key = keyIn(lines, { region: region.name, path })
      const figures = { region: region.name, path, allocs, frees: allocs, failures, peak }
      known.set(key, sum(known.get(key), figures))
    }
  }
  return after.closed
    .map((figures) => closedChange(known.get(keyOf(figures)), figures))
    .filter(({ allocs, failures }) => allocs !== 0 || failures !== 0)
    .sort((a, b) => b.allocs - a.allocs)
}

/** The line in which what has closed is counted: its own, or one of others. */
function keyIn(lines: ReadonlySet<string>, line: Line): string {
  const { region, path } = line
  const keys = [line, { region: OTHERS, path }, { region, path: OTHERS }, { region: OTHERS, path: OTHERS }].map(keyOf)
  return keys.find((key) => lines.has(key)) ?? keys[0]!
}

function sum(one: ClosedFigures | undefined, { allocs, frees, failures, ...other }: ClosedFigures): ClosedFigures {
  if (one === undefined) return { ...other, allocs, frees, failures }
  return { ...one, allocs: one.allocs + allocs, frees: one.frees + frees, failures: one.failures + failures }
}

/** No less than nothing: what was removed before its region closed is not among what was kept. */
function closedChange(had: ClosedFigures | undefined, { region, path, ...now }: ClosedFigures): ClosedChange {
  return {
    region,
    path,
    allocs: Math.max(0, now.allocs - (had?.allocs ?? 0)),
    frees: Math.max(0, now.frees - (had?.frees ?? 0)),
    failures: Math.max(0, now.failures - (had?.failures ?? 0)),
    peak: now.peak,
  }
}

// the text

const TITLES = ['account', 'live', 'blocks', 'allocs', 'frees', 'failures', 'peak']
const CLOSED_TITLES = ['region', 'account', 'allocs', 'frees', 'failures', 'peak']

/** What changed as a text that ends with a newline. Throws VmallocError `argument` for what is no difference. */
export function diffText(difference: Difference, options: TextOptions = {}): string {
  const { pid, thread, from, to, regions, closed } = difference ?? {}
  if (!Array.isArray(regions) || !Array.isArray(closed) || typeof from !== 'number' || typeof to !== 'number') {
    throw new VmallocError('argument', `diffText: ${shown(difference)}, expected what diff() gives`)
  }
  const size = sizeText(options)
  const lines = [
    `process ${pid}, thread ${thread}, from ${timeText(from)} to ${timeText(to)}`,
    '',
    ...(regions.length + closed.length === 0 ? ['nothing changed', ''] : []),
    ...regions.flatMap((region) => regionLines(region, size)),
    ...(closed.length === 0 ? [] : ['closed meanwhile:', ...closedLines(closed, size), '']),
  ]
  return linesText(lines)
}

function regionLines({ name, change, busyBytes, extent, highTide, accounts }: RegionChange, size: SizeText): string[] {
  const heading = [
    `${nameText(name)}: ${change === 'changed' ? '' : `${change}, `}busy ${signed(busyBytes, size)}`,
    `extent ${signed(extent, size)}`,
    `high tide ${size(highTide)}`,
  ].join(', ')
  if (accounts.length === 0) return [heading, '']
  const rows = accounts.map(({ path, change, bytes, blocks, allocs, frees, failures, peak }) => [
    accountText(path),
    signed(bytes, size),
    ...[blocks, allocs, frees, failures].map((n) => signed(n)),
    size(peak),
    change === 'changed' ? '' : change,
  ])
  return [heading, ...indented(columns([[...TITLES, ''], ...rows])), '']
}

function closedLines(closed: readonly ClosedChange[], size: SizeText): string[] {
  const rows = closed.map(({ region, path, allocs, frees, failures, peak }) => [
    nameText(region),
    accountText(path),
    ...[allocs, frees, failures].map((n) => signed(n)),
    size(peak),
  ])
  return indented(columns([CLOSED_TITLES, ...rows], 2))
}
