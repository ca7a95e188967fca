/**
 * tables: a run as a person reads it.
 */
import { type Column, count, table } from '../src/node/terminal.ts'
import { type Figure, Figures, geometric } from './figures.ts'
import type { Goal } from './goals.ts'
import type { Row } from './measure.ts'

const MEAN = 'geometric mean'
/** Those that only stand for a part of ours have a table of their own. */
const isPart = (subject: string) => /method$|of many$|^bare|^empty/.test(subject)

export function groups(rows: readonly Row[], missing: ReadonlyMap<string, string | undefined>): string {
  const figures = new Figures(rows)
  const [traces, loops] = [figures.loads('traces'), figures.loads('loops')]
  const parts = [
    grid(figures, traces, 'ns', 'Recorded traces, ns an operation, warm heap'),
    grid(figures, traces, 'fresh', 'The same over a fresh heap'),
    grid(figures, traces, 'touched', 'The same with every payload byte written and read'),
    grid(figures, traces, 'utilization', 'Utilization: peak of live bytes / bytes held'),
    grid(figures, loops, 'ns', 'Loops, ns a pair, resize, block or region'),
    grid(figures, loops, 'ns', 'Parts of ours, and the least there could be', true),
    programs(figures),
    notes(rows, missing),
  ]
  return parts.filter((part) => part !== '').join('\n\n')
}

type Line = readonly string[]

function grid(figures: Figures, loads: readonly string[], figure: Figure, title: string, ofParts = false): string {
  const isShown = (subject: string) => isPart(subject) === ofParts || (figure === 'ns' && subject === 'empty loop')
  const has = (subject: string) => loads.some((load) => figures.row(load, subject) !== undefined)
  const subjects = figures.subjects(loads).filter((subject) => isShown(subject) && has(subject))
  if (subjects.length === 0) return ''
  const lines: Line[] = loads
    .filter((load) => subjects.some((subject) => figures.row(load, subject)))
    .map((load) => [load, ...subjects.map((subject) => cell(figures, load, subject, figure))])
  if (figure !== 'ns' || figures.loads('traces').includes(loads[0]!)) {
    lines.push(...means(figures, loads, subjects, figure))
  } else lines.push(...growth(figures, subjects))
  const columns: Column<Line>[] = ['', ...subjects].map((title, at) => ({
    title,
    right: at > 0,
    cell: (line) => line[at] ?? '',
  }))
  return `${title}\n\n${table(columns, lines)}`
}

const shown = (n: number, figure: Figure) => (figure === 'utilization' ? n.toFixed(3) : count(n, n < 100 ? 1 : 0))

function cell(figures: Figures, load: string, subject: string, figure: Figure): string {
  const row = figures.row(load, subject)
  if (row === undefined) return ''
  const n = row[figure]
  return n === undefined ? (row.note?.match(/stopped|failed/)?.[0] ?? '') : shown(n, figure)
}

function means(figures: Figures, loads: readonly string[], subjects: readonly string[], figure: Figure): Line[] {
  const mean = subjects.map((subject) => figures.mean(subject, loads, figure))
  const against = (other: string): Line[] => {
    if (!subjects.includes(other)) return []
    const ratio = (subject: string) => geometric(figures.ratios(subject, other, loads, figure))?.toFixed(2) ?? ''
    return [[`against ${other}`, ...subjects.map(ratio)]]
  }
  return [
    [MEAN, ...mean.map((n) => (n === undefined ? '' : shown(n, figure)))],
    ...against('glibc'),
    ...against('dlmalloc'),
  ]
}

/** How the cost of random sizes grows from the fewest to the most blocks. */
function growth(figures: Figures, subjects: readonly string[]): Line[] {
  const random = figures.loads('loops').filter((load) => load.startsWith('random'))
  if (random.length < 2) return []
  const ratio = (subject: string) => {
    const [few, many] = [figures.get(random[0]!, subject), figures.get(random.at(-1)!, subject)]
    return few === undefined || many === undefined ? '' : `x ${(many / few).toFixed(1)}`
  }
  return [['random: most against fewest', ...subjects.map(ratio)]]
}

/** Each variant of a program: its time, and what it held. */
function programs(figures: Figures): string {
  const those = figures.loads('programs')
  if (those.length === 0) return ''
  const rows = figures.rows.filter(({ load }) => those.includes(load))
  const first = (row: Row) => rows.find(({ load }) => load === row.load)?.ns ?? 0
  const columns: Column<Row>[] = [
    { title: '', cell: ({ load, subject }) => `${load}: ${subject}` },
    { title: 'ms a run', right: true, cell: ({ ns, note }) => (ns === undefined ? (note ?? '') : count(ns / 1e6, 1)) },
    { title: 'against the first', right: true, cell: (row) => ((row.ns ?? 0) / first(row)).toFixed(2) },
    { title: 'MB held', right: true, cell: ({ extent = 0 }) => count(extent / 1e6, 1) },
  ]
  return `Programs\n\n${table(columns, rows)}`
}

function notes(rows: readonly Row[], missing: ReadonlyMap<string, string | undefined>): string {
  const absent = [...missing].flatMap(([name, why]) => (why === undefined ? [] : `${name}: ${why}`))
  const noted = rows.flatMap(({ load, subject, note }) => (note === undefined ? [] : `${subject}, ${load}: ${note}`))
  return [...absent, ...noted].join('\n')
}

export function goalTable(goals: readonly Goal[]): string {
  const columns: Column<Goal>[] = [
    { title: 'goal', cell: ({ goal }) => goal },
    { title: 'wanted', cell: ({ wanted }) => wanted },
    { title: 'found', cell: ({ reached }) => reached },
    { title: '', cell: ({ met }) => (met ? 'yes' : 'no') },
  ]
  return `\nGoals\n\n${table(columns, goals)}`
}
