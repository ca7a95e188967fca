/**
 * tables: a run as a person reads it.
 */
import { type Column, count, table } from '../src/node/terminal.ts'
import { type Comparison, comparisons, type Figure, Figures, geometric } from './figures.ts'
import type { Goal } from './goals.ts'
import type { Row } from './measure.ts'

const MEAN = 'geometric mean'
/** Those that only stand for a part of ours have a table of their own. */
const isPart = ({ subject }: Row) => /method$|of many$|^bare|^empty/.test(subject)
const isTool = ({ kind }: Row) => kind === 'tool'
const isWhole = (row: Row) => !isPart(row) && !isTool(row)
const isEmpty = ({ subject }: Row) => subject === 'empty loop'
const isPlain = ({ subject }: Row) => subject === 'best'

export function groups(rows: readonly Row[], missing: ReadonlyMap<string, string | undefined>): string {
  const figures = new Figures(rows)
  const [traces, stacks, loops] = [figures.loads('traces'), figures.loads('stacks'), figures.loads('loops')]
  const heaps = figures.loads('heaps')
  const parts = [
    grid(figures, traces, 'ns', 'Recorded traces, ns an operation, warm heap', (row) => isWhole(row) || isEmpty(row)),
    grid(figures, traces, 'fresh', 'The same over a fresh heap', isWhole),
    grid(figures, traces, 'touched', 'The same with every payload byte written and read', isWhole),
    grid(figures, traces, 'utilization', 'Utilization: peak of live bytes / bytes held', isWhole),
    tools(figures, traces, 'What the tools cost: recorded traces, ns an operation, warm heap'),
    tools(figures, stacks, 'What stacks cost: the first calls of traces, ns a call'),
    grid(figures, loops, 'ns', 'Loops, ns a pair, resize, block or region', (row) => isWhole(row) || isEmpty(row)),
    grid(figures, loops, 'ns', 'Parts of ours, and the least there could be', isPart),
    grid(figures, heaps, 'ns', 'Heaps, ns a heap or an await', () => true),
    collections(figures),
    programs(figures),
    served(figures),
    modules(figures),
    notes(rows, missing),
  ]
  return parts.filter((part) => part !== '').join('\n\n')
}

type Line = readonly string[]

/** Tools beside the plain method. */
function tools(figures: Figures, loads: readonly string[], title: string): string {
  if (!figures.rows.some((row) => isTool(row) && loads.includes(row.load))) return ''
  return grid(figures, loads, 'ns', title, (row) => isTool(row) || isPlain(row), ['best'])
}

const PEERS = ['glibc', 'dlmalloc']

function grid(
  figures: Figures,
  loads: readonly string[],
  figure: Figure,
  title: string,
  isShown: (row: Row) => boolean,
  others: readonly string[] = PEERS,
): string {
  const rows = figures.rows.filter((row) => loads.includes(row.load) && isShown(row))
  const subjects = [...new Set(rows.map(({ subject }) => subject))]
  if (subjects.length === 0) return ''
  const lines: Line[] = loads
    .filter((load) => subjects.some((subject) => figures.row(load, subject)))
    .map((load) => [load, ...subjects.map((subject) => cell(figures, load, subject, figure))])
  if (figures.loads('loops').includes(loads[0]!)) lines.push(...growth(figures, subjects))
  else if (!figures.loads('heaps').includes(loads[0]!)) lines.push(...means(figures, loads, subjects, figure, others))
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

function means(
  figures: Figures,
  loads: readonly string[],
  subjects: readonly string[],
  figure: Figure,
  others: readonly string[],
): Line[] {
  const mean = subjects.map((subject) => figures.mean(subject, loads, figure))
  const against = (other: string): Line[] => {
    if (!subjects.includes(other)) return []
    const ratio = (subject: string) => geometric(figures.ratios(subject, other, loads, figure))?.toFixed(2) ?? ''
    return [[`against ${other}`, ...subjects.map(ratio)]]
  }
  return [[MEAN, ...mean.map((n) => (n === undefined ? '' : shown(n, figure)))], ...others.flatMap(against)]
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

/** Ours against each of the others. */
function collections(figures: Figures): string {
  const rows = comparisons(figures, figures.loads('collections'))
  if (rows.length === 0) return ''
  const number = (n: number | undefined) => (n === undefined ? '' : shown(n, 'ns'))
  const columns: Column<Comparison>[] = [
    { title: '', cell: ({ load }) => load },
    { title: 'ours', cell: ({ mine }) => mine },
    { title: '', right: true, cell: ({ ours }) => number(ours) },
    { title: 'theirs', cell: ({ theirs }) => theirs },
    { title: '', right: true, cell: ({ other }) => number(other) },
    {
      title: 'ratio',
      right: true,
      cell: ({ ours, other }) => (ours && other ? (ours / other).toFixed(ours < other / 100 ? 4 : 2) : ''),
    },
  ]
  return `Collections, ns an entry, value, interval, pool or turn; bytes an entry\n\n${table(columns, rows)}`
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

/** A program in WebAssembly under each method, against the one without us. */
function served(figures: Figures): string {
  const rows = figures.loads('served').flatMap((load) => figures.rows.filter((row) => row.load === load))
  if (rows.length === 0) return ''
  const columns: Column<Row>[] = [
    { title: '', cell: ({ load, subject }) => `${load}: ${subject}` },
    { title: 'ms', right: true, cell: ({ ns, note }) => (ns === undefined ? (note ?? '') : count(ns / 1e6, 1)) },
    { title: 'fastest', right: true, cell: ({ range }) => (range === undefined ? '' : count(range[0] / 1e6, 1)) },
    { title: 'against plain', right: true, cell: (row) => againstPlain(figures, row)?.toFixed(3) ?? '' },
  ]
  return `Programs in WebAssembly, served and watched\n\n${table(columns, rows)}`
}

function againstPlain(figures: Figures, { load, subject }: Row): number | undefined {
  return figures.ratios(subject, 'plain', [load])[0]
}

/** What is done to modules before they run, ms. */
function modules(figures: Figures): string {
  const loads = figures.loads('modules')
  const subjects = figures.subjects(loads)
  if (subjects.length === 0) return ''
  const ms = (n: number | undefined) => (n === undefined ? '' : count(n / 1e6, 1))
  const columns: Column<string>[] = [
    { title: '', cell: (load) => load },
    ...subjects.map(
      (subject): Column<string> => ({ title: subject, right: true, cell: (load) => ms(figures.get(load, subject)) }),
    ),
  ]
  return `Modules, ms, in a new process each time\n\n${table(columns, loads)}`
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
    { title: 'met', cell: ({ met }) => (met ? 'yes' : 'no') },
  ]
  return `\nGoals\n\n${table(columns, goals)}`
}
