/**
 * series: what accounts and regions have, as metrics with labels, for those who collect such things.
 *
 *   account   labels region, account            live, peak, limits in bytes; blocks; allocations, frees, failures
 *   region    labels region, method, parent     busy, extent, high tide in bytes
 *
 * Figures of an account are of its own blocks, without the accounts below it, so that adding over a label is right: over
 * `account` it gives the busy bytes of the region. Limits alone are of an account and all below it, and `limited` is
 * what they are compared with. A nested region lies in a block of its parent, which counts it too; regions whose parent
 * is NONE have all the memory there is.
 *
 * Regions that have all labels in common (those of requests, say) are one series:
 *
 *   now     what there is, added up; 0 when the last of them is gone
 *   bound   the same of those that have any; nothing where none has, or 0 where one had, for who asks for that
 *   high    the highest of one of them, of those that are gone too
 *   count   added up with what was counted in those that are gone: never less than it was, even where an account was
 *           removed or a region was collected with nobody closing it
 *
 * A series is kept as long as metrics are registered: names are meant to be of kinds, not of single requests. Where there
 * are more of them than names.ts has room for, or than 1,000 series of regions, further ones are told together, as
 * `(others)`, and never go back into series of their own, so that counters add up. Telling costs one report,
 * O(regions + accounts + series).
 *
 * Labels of who has no name are `(none)`. What is really called so, a region or an account at the top, has a backslash
 * before that, `\(none)`, and what is called that has two: so no two share a series.
 */
import type { Counts, Limits } from './account.ts'
import { OTHERS } from './names.ts'
import { flat, names, type RegionFigures, type Report } from './report.ts'

/** The label of who has no name: the region's own account, and the parent of a root. An empty label would be none at all. */
export const NONE = '(none)'

/** Series of regions before others are told together. */
const MOST_REGIONS = 1_000

export type Labels = Readonly<Record<string, string>>

export interface Metric<F = never> {
  readonly of: 'account' | 'region'
  readonly name: string
  /** `bytes`, or what is counted. */
  readonly unit: string
  readonly kind: 'now' | 'bound' | 'high' | 'count'
  readonly help: string
  /** Undefined for nothing to be told. */
  readonly value: (figures: F) => number | undefined
}

/** Of an account in regions that are open, or of what closed ones had counted. */
interface OfAccount {
  readonly own: Counts
  readonly total?: Counts
  readonly limits?: Limits
}

const SUMMED = 'regions of one name are added up'
const OWN = `of the account itself, without those below it: adding over accounts gives the region; ${SUMMED}`
const WITH = `of the account and all below it, so not to be added over accounts; ${SUMMED}`
const ALONE = 'of the account itself, in one region'
const EVER = 'of the account itself, in all regions of the name, closed ones too'
const INSIDE = `${SUMMED}; a nested region lies in a block of its parent, which counts it too`

const ofAccounts = table<OfAccount>('account', [
  ['live', 'bytes', 'now', `Usable bytes of live blocks, ${OWN}.`, ({ own }) => own.bytes],
  ['live_blocks', 'block', 'now', `Live blocks, ${OWN}.`, ({ own }) => own.blocks],
  ['peak', 'bytes', 'high', `The highest that live bytes were, ${ALONE}.`, ({ own }) => own.peak],
  ['allocations', 'allocation', 'count', `Blocks that were allocated, ${EVER}.`, ({ own }) => own.allocs],
  ['frees', 'free', 'count', `Blocks that were freed or went with their region, ${EVER}.`, ({ own }) => own.frees],
  ['failures', 'failure', 'count', `Requests without memory, or past a limit, ${EVER}.`, ({ own }) => own.failures],
  ['hard_limit', 'bytes', 'bound', `Bytes that may be live, ${WITH}.`, ({ limits }) => finite(limits?.hard)],
  ['soft_limit', 'bytes', 'bound', `Live bytes above which it is told, ${WITH}.`, ({ limits }) => finite(limits?.soft)],
  ['limited', 'bytes', 'bound', `Live bytes that count for limits, ${WITH}.`, underLimit],
])

const ofRegions = table<RegionFigures>('region', [
  ['busy', 'bytes', 'now', `Usable bytes of busy blocks; ${INSIDE}.`, (region) => region.busyBytes],
  ['extent', 'bytes', 'now', `Bytes held from the discipline; ${INSIDE}.`, (region) => region.extent],
  ['high_tide', 'bytes', 'high', 'The highest that busy bytes were, in one region.', (region) => region.highTide],
])

/** The names of labels, in the order in which they are told. */
export const labelNames = { account: ['region', 'account'], region: ['region', 'method', 'parent'] } as const

/** Everything that is measured. */
export const metrics: readonly Metric[] = [...ofAccounts, ...ofRegions]

/** All series of one who collects metrics, which remembers what it told. */
export class Telling {
  private readonly accounts: Family<OfAccount>
  private readonly regions: Family<RegionFigures>

  /** With `isLasting` everything that was told once is told again ever after. */
  constructor(isLasting: boolean) {
    this.accounts = new Family(ofAccounts, isLasting, Infinity)
    this.regions = new Family(ofRegions, isLasting, MOST_REGIONS)
  }

  /** Calls `tell` with the value of each series at the moment of a report. */
  tell({ regions, closed }: Report, tell: (metric: Metric, labels: Labels, value: number) => void): void {
    this.accounts.begin()
    this.regions.begin()
    const nameOf = new Map(regions.map(({ id, name }) => [id, name]))
    for (const figures of regions) {
      const { name, method, parent, accounts } = figures
      const above = parent === undefined ? '' : (nameOf.get(parent) ?? '')
      this.regions.add({ region: labelOf(name), method, parent: labelOf(above) }, figures)
      if (accounts === undefined) continue
      for (const one of flat(accounts)) this.accounts.add(accountLabels(names.lineOf(name, one.path, true)), one)
    }
    for (const line of closed) {
      const { peak, allocs, frees, failures } = line
      this.accounts.add(accountLabels(line), { own: { bytes: 0, blocks: 0, peak, allocs, frees, failures } })
    }
    this.accounts.tell(tell)
    this.regions.tell(tell)
  }
}

function accountLabels({ region, path }: { region: string; path: string }): Labels {
  return { region: labelOf(region), account: labelOf(path) }
}

function labelOf(name: string): string {
  if (name === '') return NONE
  return /^\\*\(none\)$/.test(name) ? `\\${name}` : name
}

/** One set of labels, with a figure for each metric. */
interface Series {
  readonly labels: Labels
  /** What this report says, as far as it was read. */
  readonly said: (number | undefined)[]
  /** What was said last time, and how much of what was counted had been lost by then. */
  readonly before: (number | undefined)[]
  readonly lost: number[]
}

class Family<F> {
  private readonly metrics: readonly Metric<F>[]
  private readonly isLasting: boolean
  private readonly most: number
  private readonly series = new Map<string, Series>()

  /** Of more labels than `most`, those that have a region or a parent in them are told with the others. */
  constructor(metrics: readonly Metric<F>[], isLasting: boolean, most: number) {
    this.metrics = metrics
    this.isLasting = isLasting
    this.most = most
  }

  begin(): void {
    for (const { said } of this.series.values()) said.fill(undefined)
  }

  add(labels: Labels, figures: F): void {
    const { said } = this.of(labels)
    for (const [i, { kind, value }] of this.metrics.entries()) {
      const more = value(figures)
      const had = said[i]
      if (more === undefined || had === undefined) said[i] = more ?? had
      else said[i] = kind === 'high' ? Math.max(had, more) : had + more
    }
  }

  tell(tell: (metric: Metric, labels: Labels, value: number) => void): void {
    for (const series of this.series.values()) {
      for (const [i, metric] of this.metrics.entries()) {
        const value = settle(series, i, metric.kind, this.isLasting)
        if (value !== undefined) tell(metric, series.labels, value)
      }
    }
  }

  private of(labels: Labels): Series {
    const found = this.series.get(keyOf(labels))
    if (found !== undefined) return found
    if (this.series.size < this.most) return this.begun(labels)
    const others = { ...labels, region: OTHERS, parent: OTHERS }
    return this.series.get(keyOf(others)) ?? this.begun(others)
  }

  private begun(labels: Labels): Series {
    const { length } = this.metrics
    const series = { labels, said: new Array(length), before: new Array(length), lost: new Array(length).fill(0) }
    this.series.set(keyOf(labels), series)
    return series
  }
}

const keyOf = (labels: Labels): string => JSON.stringify(Object.values(labels))

/** What is told of metric `i` of a series, now that the report was read. */
function settle(
  { said, before, lost }: Series,
  i: number,
  kind: Metric['kind'],
  isLasting: boolean,
): number | undefined {
  const had = before[i]
  const now = said[i]
  if (kind === 'bound' && now === undefined) return isLasting && had !== undefined ? 0 : undefined
  if (kind === 'high') return (before[i] = Math.max(had ?? 0, now ?? 0))
  if (kind === 'count') lost[i]! += Math.max(0, (had ?? 0) - (now ?? 0))
  before[i] = now ?? 0
  return before[i]! + lost[i]!
}

function finite(limit = Infinity): number | undefined {
  return limit === Infinity ? undefined : limit
}

function underLimit({ limits, total }: OfAccount): number | undefined {
  const isLimited = finite(limits?.hard) !== undefined || finite(limits?.soft) !== undefined
  return isLimited ? total?.bytes : undefined
}

type Row<F> = readonly [
  name: string,
  unit: string,
  kind: Metric['kind'],
  help: string,
  value: (figures: F) => number | undefined,
]

function table<F>(of: Metric['of'], rows: readonly Row<F>[]): readonly Metric<F>[] {
  return rows.map(([name, unit, kind, help, value]) => ({ of, name, unit, kind, help, value }))
}
