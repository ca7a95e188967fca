/**
 * goals: what is to be reached, what was, in one run.
 *
 * Over several loads the geometric mean is held against the limit, and the worst load is told. A goal whose subjects were
 * not asked is left out; one whose subjects did not get through all that they were asked is missed.
 */
import { Figures, geometric } from './figures.ts'
import type { Row } from './measure.ts'
import { SQLITE } from './wasm.ts'

export interface Goal {
  readonly goal: string
  /** What is asked for, and what was found, in words. */
  readonly wanted: string
  readonly reached: string
  readonly met: boolean
  /** Of the tools; absent: of allocation. */
  readonly about?: 'tools'
}

const random = (live: string) => `random sizes, ${live} live`
const RANDOM = ['1,000', '10,000', '100,000', '1,000,000'].map(random)
const PAIRS = 'pairs of one size'
/** Few and small, so that it is the method's time and not that of memory that no cache holds. */
const FILL = 'fill 500 small, clear'

const times = (n: number) => `${n.toFixed(2)} times`
const ms = (n: number) => `${n.toFixed(1)} ms`
const ns = (n: number) => `${n.toFixed(n < 10 ? 1 : 0)} ns`
const part = (n: number) => n.toFixed(3)

export function goalsOf(rows: readonly Row[]): Goal[] {
  const figures = new Figures(rows)
  const makers = [againstGlibc, worstAgainstGlibc, againstCalled, spaceAgainst, pools, million, byName, ofMany]
  const ofTools = [tracing, tools].flatMap((make) => make(figures))
  return [
    ...[...makers, disciplines, nesting, heaps, served, rewriting].flatMap((make) => make(figures)),
    ...ofTools.map((goal): Goal => ({ ...goal, about: 'tools' })),
  ]
}

/** A limit on a number; nothing where there is no number. */
function atMost(goal: string, found: number | undefined, most: number, word: (n: number) => string, more = ''): Goal[] {
  if (found === undefined) return []
  return [{ goal, wanted: `at most ${word(most)}`, reached: `${word(found)}${more}`, met: found <= most }]
}

/** A limit on how a subject stands to another over those loads that both were given. */
function atMostTimes(
  figures: Figures,
  goal: string,
  [subject, other]: readonly [string, string],
  loads: readonly string[],
  most: number,
): Goal[] {
  const lost = loads.filter((load) => figures.isUnfinished(load, subject) || figures.isUnfinished(load, other))
  const { load, ratio } = worst(figures, subject, other, loads)
  const mean = geometric(figures.ratios(subject, other, loads))
  return unlessLost(atMost(goal, mean, most, times, ` (worst ${times(ratio)}, ${load})`), lost, {
    goal,
    wanted: `at most ${times(most)}`,
  })
}

/** The goals, missed where loads were lost. */
function unlessLost(goals: Goal[], lost: readonly string[], otherwise: Pick<Goal, 'goal' | 'wanted'>): Goal[] {
  if (lost.length === 0) return goals
  const those = goals.length > 0 ? goals : [{ ...otherwise, reached: 'no figure' }]
  return those.map((goal) => ({ ...goal, reached: `${goal.reached}; not finished: ${lost.join(', ')}`, met: false }))
}

function worst(
  figures: Figures,
  subject: string,
  other: string,
  loads: readonly string[],
): { load: string; ratio: number } {
  const all = loads.flatMap((load) => figures.ratios(subject, other, [load]).map((ratio) => ({ load, ratio })))
  return all.reduce((most, one) => (one.ratio > most.ratio ? one : most), { load: 'none', ratio: 0 })
}

function againstGlibc(figures: Figures): Goal[] {
  const traces = figures.loads('traces')
  const [mine, theirs] = [figures.mean('best', traces), figures.mean('glibc', traces)]
  if (mine === undefined || theirs === undefined) return []
  return atMost('best on recorded traces, against glibc', mine / theirs, 1, times, ` (${ns(mine)} to ${ns(theirs)})`)
}

function worstAgainstGlibc(figures: Figures): Goal[] {
  const { load, ratio } = worst(figures, 'best', 'glibc', figures.loads('traces'))
  return ratio === 0 ? [] : atMost('best on its worst trace, against glibc', ratio, 2, times, ` (${load})`)
}

function againstCalled(figures: Figures): Goal[] {
  const traces = figures.loads('traces')
  const called = figures.rows.filter(({ kind, unit }) => (kind === 'js' || kind === 'wasm') && unit === 'op')
  return [...new Set(called.map(({ subject }) => subject))].flatMap((subject) => {
    const { load, ratio } = worst(figures, 'best', subject, traces)
    if (ratio === 0) return []
    const did = figures.ratios('best', subject, traces).length
    return {
      goal: `best faster than ${subject} on every trace`,
      wanted: 'less than 1.00 times',
      reached: `${times(ratio)} on the worst (${load}; ${did} of ${traces.length} finished)`,
      met: ratio < 1,
    }
  })
}

function spaceAgainst(figures: Figures): Goal[] {
  const traces = figures.loads('traces')
  const mine = figures.mean('best', traces, 'utilization')
  if (mine === undefined) return []
  const least = (goal: string, wanted: number | undefined): Goal[] =>
    wanted === undefined ? [] : [{ goal, wanted: `at least ${part(wanted)}`, reached: part(mine), met: mine >= wanted }]
  return [
    ...least('utilization of best, glibc’s', figures.mean('glibc', traces, 'utilization')),
    ...least('utilization of best, dlmalloc’s', figures.mean('dlmalloc', traces, 'utilization')),
    ...least('utilization of best', 0.9),
  ]
}

function pools(figures: Figures): Goal[] {
  const bare = figures.get(PAIRS, 'bare list')
  if (bare === undefined) return []
  const to = ` (bare list: ${ns(bare)})`
  const one = (what: string, load: string, subject: string, most: number) => {
    const found = figures.get(load, subject)
    return found === undefined
      ? []
      : atMost(`${what}, against a bare list`, found / bare, most, times, `, ${ns(found)}${to}`)
  }
  return [
    ...one('pair of method pool', PAIRS, 'pool method', 2.5),
    ...one('pair of a pool region', PAIRS, 'pool', 3.5),
    ...one('alloc of method last', FILL, 'last method', 2.5),
    ...one('alloc of a last region', FILL, 'last', 3.5),
    ...atMost('pair of a pool region', figures.get(PAIRS, 'pool'), 6, ns),
    ...atMost('alloc of a last region', figures.get(FILL, 'last'), 6, ns),
  ]
}

function million(figures: Figures): Goal[] {
  const [few, many] = [figures.get(RANDOM[0]!, 'best'), figures.get(RANDOM[3]!, 'best')]
  const theirs = figures.get(RANDOM[3]!, 'glibc')
  if (few === undefined || many === undefined) return []
  const against = theirs === undefined ? undefined : many / theirs
  return [
    ...atMost('random sizes, 1,000,000 live, against glibc', against, 1, times, ` (${ns(many)} to ${ns(theirs ?? 0)})`),
    ...atMost('random sizes, 1,000,000 live, against 1,000', many / few, 12, times),
  ]
}

function byName(figures: Figures): Goal[] {
  const ratios = figures.ratios('best', 'best method', RANDOM)
  const most = Math.max(...ratios)
  return atMost('best region, against the method alone', geometric(ratios), 1.1, times, ` (worst ${times(most)})`)
}

function ofMany(figures: Figures): Goal[] {
  const [ratio] = figures.ratios('best of many', 'best', [RANDOM[0]!])
  const [pool] = figures.ratios('pool of many', 'pool', [PAIRS])
  const more = pool === undefined ? '' : ` (pool ${times(pool)})`
  return atMost('best beside regions of all methods', ratio, 1.5, times, more)
}

function disciplines(figures: Figures): Goal[] {
  const traces = figures.loads('traces')
  return [
    ...atMostTimes(figures, 'nested regions, against memory', ['best, nested', 'best'], traces, 1.1),
    ...atMostTimes(figures, 'shared with its lock, against memory', ['best, shared', 'best'], traces, 3),
  ]
}

function nesting(figures: Figures): Goal[] {
  return [
    ...atMost('open and close a nested region', figures.get('open and close nested', 'best'), 1000, ns),
    ...atMost('open, 10 small blocks, close', figures.get('open, 10 blocks, close', 'best'), 2000, ns),
  ]
}

const FORMS = { 'sub-heap': 'handed on', 'sub-heap, current': 'made current' } as const
/** Times. What 10,000 blocks drove out of the caches must be read again; were they gone through, it would be hundreds. */
const LEAVING = 3

/** The figures of librcd, in C, which sub-heaps are after. */
function heaps(figures: Figures): Goal[] {
  const leaving = (blocks: string) => figures.get(`leave ${blocks} blocks`, 'sub-heap')
  const [few, many] = [leaving('10'), leaving('10,000')]
  const ratio = few === undefined || many === undefined ? undefined : many / few
  return [
    ...Object.entries(FORMS).flatMap(([subject, form]) => [
      ...atMost(`enter and leave a heap, ${form}`, figures.get('enter and leave a heap', subject), 100, ns),
      ...atMost(`10 small blocks in a heap, ${form}`, figures.get('10 small blocks in a heap', subject), 400, ns),
    ]),
    ...atMost('leave 10,000 blocks, against 10', ratio, LEAVING, times, ` (${ns(many ?? 0)} to ${ns(few ?? 0)})`),
  ]
}

/** SQLite's package under the preload, against itself without us. */
const SERVED = { observed: 1.05, best: 1.1, 'profile, sampled': 1.1, 'debug, depth=0': 3 } as const

function served(figures: Figures): Goal[] {
  return Object.entries(SERVED).flatMap(([subject, most]) =>
    atMostTimes(figures, `SQLite in WebAssembly, ${subject}, against plain`, [subject, 'plain'], [SQLITE], most),
  )
}

/** Of modules of about 1 MB the one that takes longest. */
function rewriting(figures: Figures): Goal[] {
  const found = figures.loads('modules').flatMap((load) => {
    const time = figures.get(load, 'rewrite')
    return time === undefined ? [] : [{ load, time: time / 1e6 }]
  })
  if (found.length === 0) return []
  const slowest = found.reduce((most, one) => (one.time > most.time ? one : most))
  return atMost('rewriting a module of 1 MB', slowest.time, 50, ms, ` (${slowest.load})`)
}

const TRACED = 'best, traced'
const TRACE_NS = 200

/** Of the traces that are replayed with it: the shorter ones. */
function tracing(figures: Figures): Goal[] {
  const goal = 'an operation with trace on'
  const loads = figures.loads('traces').filter((load) => figures.row(load, TRACED) !== undefined)
  const lost = loads.filter((load) => figures.isUnfinished(load, TRACED))
  const done = loads.filter((load) => figures.get(load, TRACED) !== undefined)
  const found = done.map((load) => figures.get(load, TRACED)!)
  const most = Math.max(...found)
  const slowest = done[found.indexOf(most)]
  const plain = geometric(done.map((load) => figures.get(load, 'best')))
  const without = plain === undefined ? '' : `${ns(plain)} without; `
  const goals = atMost(goal, geometric(found), TRACE_NS, ns, ` (${without}worst ${ns(most)}, ${slowest})`)
  return unlessLost(goals, lost, { goal, wanted: `at most ${ns(TRACE_NS)}` })
}

/** What debug and profile cost, held against what such work must cost. */
function tools(figures: Figures): Goal[] {
  const [traces, stacks] = [figures.loads('traces'), figures.loads('stacks')]
  return [
    ...atMostTimes(figures, 'charging an account, against plain', ['accounts, asked', 'best'], traces, 1.3),
    ...atMostTimes(
      figures,
      'charging the region’s own, against plain',
      ['accounts, by the region', 'best'],
      traces,
      1.3,
    ),
    ...atMostTimes(figures, 'debug without stacks, fill=512, against plain', ['debug, fill=512', 'best'], traces, 4),
    ...atMostTimes(
      figures,
      'debug without stacks, against plain and touching',
      ['debug, depth=0', 'best, touched as by debug'],
      traces,
      1.5,
    ),
    ...atMostTimes(figures, 'profile, sampled, against plain', ['profile, sampled', 'best'], traces, 1.15),
    ...atMostTimes(
      figures,
      'debug with stacks, against bare captures',
      ['debug, stacks', 'captures as by debug'],
      stacks,
      1.3,
    ),
    ...atMostTimes(
      figures,
      'profile, exact, against bare captures',
      ['profile, sample=0', 'captures as by profile'],
      stacks,
      1.3,
    ),
  ]
}
