/**
 * report: writes the section "Speed" of the README and docs/speed.svg from the newest line of history.jsonl.
 *
 *   npm run bench:report
 *
 * Between <!-- speed --> and <!-- /speed -->: what was measured, a table, the plot, what is lost to whom, and what the
 * tools cost. Every goal that was missed is there; of the tools also those that were met.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Comparison, comparisons, type Figure, Figures, geometric } from './figures.ts'
import type { Goal } from './goals.ts'
import { newestRun, type Run, rowsOf } from './history.ts'
import { plot } from './plot.ts'
import { subjects } from './subjects.ts'

const root = join(import.meta.dirname, '..')
const [OPEN, CLOSE] = ['<!-- speed -->', '<!-- /speed -->']
const SHOWN = subjects.filter(({ kind, name }) => !/bare|tool/.test(kind) && !/of many$|^pool|^last/.test(name))
const TOOLS = subjects.filter(({ kind }) => kind === 'tool')

/** The README with the section of that run in it. */
export function withSpeed(readme: string, run: Run): string {
  const [from, to] = [readme.indexOf(OPEN), readme.indexOf(CLOSE)]
  if (from < 0 || to < from) throw new Error(`report: no ${OPEN} ... ${CLOSE} in the README`)
  return `${readme.slice(0, from + OPEN.length)}\n\n${section(run)}\n\n${readme.slice(to)}`
}

export function speedPlot(run: Run): string {
  const figures = figuresOf(run)
  const traces = figures.loads('traces')
  const lines = SHOWN.map(({ name, kind }) => ({
    name,
    isOurs: kind === 'ours',
    isNative: kind === 'native',
    times: traces.flatMap((load) => figures.get(load, name) ?? []),
    mean: figures.mean(name, traces),
    space: figures.mean(name, traces, 'utilization'),
    of: traces.length,
  }))
  return plot(lines.filter(({ times }) => times.length > 0))
}

const figuresOf = (run: Run) => new Figures(rowsOf(run, kindOf))
const kindOf = (name: string) => subjects.find((subject) => subject.name === name)?.kind ?? 'native'

function section(run: Run): string {
  const figures = figuresOf(run)
  const traces = figures.loads('traces')
  const about = `${numberOf(traces.length)} recorded traces of real programs, replayed call by call: ns an operation, the geometric mean.
*Warm* is a heap that has been through the trace before, *fresh* a new one; *used* is a warm heap whose payloads are all
written and read. *Space* is the peak of live bytes divided by the bytes held for them. *Random* replaces one of so many
blocks of 16 to 1,024 bytes at random: ns a pair of free and alloc. C programs call the native allocators, JavaScript
the others.`
  const how = wrapped(
    `${run.date}, Node ${run.node.slice(1)}, a virtual machine with ${run.machine.split(',')[0]}. For all figures, on your machine: \`npm run bench\`; what is measured, and how: [bench](bench/README.md).`,
  )
  const picture = `![ns an operation of each trace, and the space used, for each allocator](docs/speed.svg)`
  const first = [about, tableOf(figures, traces), picture, losses(run, figures, traces)]
  const parts = [
    ...first,
    ...tools(run, figures),
    ...heaps(figures),
    ...collections(figures),
    ...programs(figures),
    how,
  ]
  return parts.join('\n\n')
}

/** What choosing regions does to whole programs. */
function programs(figures: Figures): string[] {
  return figures.loads('programs').map((load) => {
    const rows = figures.rows.filter((row) => row.load === load && row.ns !== undefined)
    const said = rows.map(({ subject, ns = 0, extent = 0 }) => {
      return `${subject} ${(ns / 1e6).toFixed(0)} ms in ${(extent / 1e6).toFixed(1)} MB`
    })
    return wrapped(
      `A whole program (${load.replace('program ', '')}), the same work with its data in regions of different kinds: ${said.join('; ')}.`,
    )
  })
}

/** What heaps take, and what a program would do without them. */
function heaps(figures: Figures): string[] {
  const loads = figures.loads('heaps')
  if (loads.length === 0) return []
  const names = figures.subjects(loads)
  const about = wrapped(
    'Heaps, ns: *sub-heap* is handed on as an argument, *sub-heap, current* follows async code; beside them ten blocks' +
      ' without a heap.',
  )
  const rows = loads.map((load) => [load, ...names.map((name) => ns(figures.get(load, name)))])
  return [about, markdown(['', ...names], rows)]
}

/** Of loads of several sizes only this one: the others are in docs/collections.md. */
const SIZE = /^(map|tree) of (?!100,000 )/

/** Collections against JavaScript's own and what npm has. */
function collections(figures: Figures): string[] {
  const loads = figures.loads('collections').filter((load) => !SIZE.test(load) || load.endsWith(': bytes'))
  if (loads.length === 0) return []
  const about = wrapped(
    'Collections, in a region of method best unless said: ns an entry, value, interval, pool or turn, bytes an entry;' +
      ' in parentheses how many times another one’s figure ours is. The [page about them](docs/collections.md#what-it-costs) says what was compared.',
  )
  const found = comparisons(figures, loads)
  const rows = loads.flatMap((load) => {
    const those = found.filter((one) => one.load === load)
    return [...new Set(those.map(({ mine }) => mine))].map((mine) => {
      const mineOnly = those.filter((one) => one.mine === mine)
      return [`${load}: ${mine}`, ns(mineOnly[0]!.ours), mineOnly.map(against).join('; ') || '–']
    })
  })
  return [about, markdown(['', 'ours', 'others'], rows, ['others'])]
}

/** Somebody else's figure, and how many times it ours is. */
function against({ theirs, ours, other }: Comparison): string {
  if (ours === undefined || other === undefined) return theirs
  return `${theirs} ${ns(other)} (${(ours / other).toFixed(ours < other / 100 ? 4 : 2)})`
}

/** What debug, profile and trace add to a call, and how that stands to the goals. */
function tools({ goals }: Run, figures: Figures): string[] {
  const rows = (['traces', 'stacks'] as const).flatMap((sort) =>
    TOOLS.flatMap(({ name, about }) => {
      const loads = figures.loads(sort).filter((load) => figures.get(load, name) !== undefined)
      const found = geometric(loads.map((load) => figures.get(load, name)))
      if (found === undefined) return []
      const ratio = geometric(figures.ratios(name, 'best', loads))
      return [[`**${name}** ${codeIn(about)}`, `${loads.length}`, ns(found), ratio === undefined ? '–' : ns(ratio)]]
    }),
  )
  if (rows.length === 0) return []
  const about = wrapped(
    'What the tools cost: ns an operation of so many traces, and how many times that is what plain best takes for them.' +
      ' With stacks, which are the dearest, only the first 10,000 calls of a few traces are made.',
  )
  const head = ['', 'traces', 'ns', 'times best']
  const those = goals.filter(isOfTools)
  return [about, markdown(head, rows), ...(those.length > 0 ? [goalsTable(those)] : [])]
}

const isOfTools = ({ about }: Goal) => about === 'tools'

/** Options as code: up to a colon, or all of it. */
const codeIn = (about: string) => about.replace(/^(method=|trace=)[^: ]*/, (options) => `\`${options}\``)

const RANDOM = ['random sizes, 1,000 live', 'random sizes, 1,000,000 live']

function tableOf(figures: Figures, traces: readonly string[]): string {
  const head = ['', 'warm', 'fresh', 'used', 'space', 'random, 10³', 'random, 10⁶']
  const rows = SHOWN.filter(({ name }) => traces.some((load) => figures.row(load, name))).map(({ name, about }) => {
    const mean = (figure: Figure) => figures.mean(name, traces, figure)
    const did = traces.filter((load) => figures.get(load, name) !== undefined).length
    const note = did === traces.length ? '' : `; finished ${did} of ${traces.length} traces`
    return [
      `**${name}** ${about}${note}`,
      ...(['ns', 'fresh', 'touched'] as const).map((figure) => ns(mean(figure))),
      mean('utilization')?.toFixed(2) ?? '–',
      ...RANDOM.map((load) => ns(figures.get(load, name))),
    ]
  })
  return markdown(head, rows)
}

/** A table whose first column is text, and those called so; the others are figures. */
function markdown(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  texts: readonly string[] = [],
): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  return [
    line(head),
    line(head.map((title, at) => (at === 0 || texts.includes(title) ? '---' : '--:'))),
    ...rows.map(line),
  ].join('\n')
}

const ns = (n: number | undefined) =>
  n === undefined ? '–' : n.toLocaleString('en-US', { maximumFractionDigits: n < 10 ? 1 : 0 })

/** Who is faster or denser than best, and which goals are not reached. */
function losses(run: Run, figures: Figures, traces: readonly string[]): string {
  const peers = SHOWN.filter(({ kind }) => kind !== 'ours')
  const slower = peers.flatMap(({ name }) => {
    const ratios = figures.ratios('best', name, traces)
    const lost = ratios.filter((ratio) => ratio > 1).length
    return lost === 0
      ? []
      : `${name} (on ${lost} of ${ratios.length} traces, ${Math.max(...ratios).toFixed(1)} times at worst)`
  })
  const mine = figures.mean('best', traces, 'utilization') ?? 0
  const denser = peers.flatMap(({ name }) => {
    const theirs = figures.mean(name, traces, 'utilization')
    return theirs === undefined || theirs <= mine ? [] : `${name} (${theirs.toFixed(3)} to ${mine.toFixed(3)})`
  })
  const missed = run.goals.filter(({ met }) => !met)
  const below = missed.filter(isOfTools).length
  const shown = missed.filter((goal) => !isOfTools(goal))
  const sentences = [
    slower.length === 0
      ? 'No allocator here was faster than best on any trace.'
      : `Faster than best: ${slower.join(', ')}.`,
    denser.length === 0 ? 'None used less space on the whole.' : `In less space: ${denser.join(', ')}.`,
    missed.length === 0
      ? `All ${run.goals.length} goals of the bench are reached.`
      : `Of the ${run.goals.length} goals of the bench ${missed.length} are not reached${below > 0 ? `, ${below} of them of the tools (below)` : ''}${shown.length > 0 ? ':' : '.'}`,
  ]
  const parts = [wrapped(sentences.join(' '))]
  if (shown.length > 0) parts.push(goalsTable(shown))
  return parts.join('\n\n')
}

function goalsTable(goals: readonly Goal[]): string {
  const rows = goals.map(({ goal, wanted, reached, met }) => [goal, wanted, reached, met ? 'yes' : '**no**'])
  return [['Goal', 'Wanted', 'Found', 'Met'], ['---', '---', '---', '---'], ...rows]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n')
}

function numberOf(n: number): string {
  return (
    ['No', 'One', 'Two', 'Three', 'Four', 'Five', 'Six', 'Seven', 'Eight', 'Nine', 'Ten', 'Eleven', 'Twelve'][n] ??
    `${n}`
  )
}

/** Lines of at most 120 signs. */
function wrapped(text: string): string {
  const lines = ['']
  for (const word of text.split(' ')) {
    const line = lines.at(-1)!
    if (line.length + word.length + 1 > 120) lines.push(word)
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`
  }
  return lines.join('\n')
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const run = newestRun()
  const readme = join(root, 'README.md')
  writeFileSync(readme, withSpeed(readFileSync(readme, 'utf8'), run))
  writeFileSync(join(root, 'docs/speed.svg'), speedPlot(run))
}
