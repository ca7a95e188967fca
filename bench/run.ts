/**
 * run: the bench: `npm run bench -- [--filter TEXT] [--quick] [--json]`.
 *
 *   load                   under                                        where it comes from
 *   recorded traces        best over memory, shared, a nested region    test/traces, $VMALLOC_TRACES, its recorded/
 *   pairs of alloc, free   best, pool and last over memory              made here
 *
 * A load is a trace, and every figure is that of `vmalloc replay`. For each method and discipline the last lines give
 * the geometric means over the recorded traces. `--filter` keeps the lines that contain the text, `--quick` makes one
 * timed pass over the small traces only.
 */
import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { open } from '../src/index.ts'
import { type Column, count, percent, say, table } from '../src/node/terminal.ts'
import { readTrace, traceName, tracesIn } from '../src/node/traces.ts'
import { type Measurement, measure } from '../src/trace/replay.ts'
import { Builder, OP_ALLOC, type Trace } from '../src/trace/trace.ts'

const PAIRS = 200_000
const PAIR_SIZES = [16, 64, 1024]
const SMALL_FILE = 500_000
const MEAN = 'geometric mean'

interface Load {
  readonly name: string
  readonly load: () => Trace
  readonly under: readonly { method: string; discipline: string }[]
  readonly isRecorded: boolean
}

const { values: options } = parseArgs({
  options: { filter: { type: 'string', default: '' }, quick: { type: 'boolean' }, json: { type: 'boolean' } },
})

const columns: Column<Measurement>[] = [
  { title: 'load', cell: (row) => row.trace },
  { title: 'method', cell: (row) => row.method },
  { title: 'discipline', cell: (row) => row.discipline },
  { title: 'events', right: true, cell: (row) => (row.events > 0 ? count(row.events) : '') },
  { title: 'ns/op', right: true, cell: (row) => count(row.nsPerOp, 1) },
  { title: 'utilization', right: true, cell: (row) => percent(row.utilization) },
]

function recordedLoads(): Load[] {
  const given = process.env.VMALLOC_TRACES
  const folders = [join(import.meta.dirname, '../test/traces'), ...(given ? [given, join(given, 'recorded')] : [])]
  const files = new Map<string, string>()
  for (const folder of folders.filter((folder) => existsSync(folder))) {
    for (const file of tracesIn(folder)) {
      if (!options.quick || statSync(file).size < SMALL_FILE) files.set(traceName(file), file)
    }
  }
  const under = ['memory', 'shared', 'region'].map((discipline) => ({ method: 'best', discipline }))
  return [...files].map(([name, file]) => ({ name, load: () => readTrace(file), under, isRecorded: true }))
}

function pairLoads(): Load[] {
  const under = ['best', 'pool', 'last'].map((method) => ({ method, discipline: 'memory' }))
  return PAIR_SIZES.map((size) => {
    const name = `pairs of ${size}`
    return { name, load: () => pairsOf(name, size), under, isRecorded: false }
  })
}

function pairsOf(name: string, size: number): Trace {
  const build = new Builder(2 * PAIRS)
  for (let id = 0; id < PAIRS; id++) {
    build.alloc(OP_ALLOC, id, size, 0)
    build.free(id)
  }
  return build.finish(name)
}

function run(load: Load): Measurement[] {
  const wanted = load.under.filter(({ method, discipline }) =>
    `${load.name} ${method} ${discipline}`.includes(options.filter),
  )
  if (wanted.length === 0) return []
  const trace = load.load()
  return wanted.map((entry) =>
    measure(trace, () => open({ ...entry, name: 'bench' }), { passes: options.quick ? 1 : 5 }),
  )
}

/** One line for each method and discipline that ran more than one of the rows. */
function meansOf(rows: readonly Measurement[]): Measurement[] {
  const key = ({ method, discipline }: Measurement) => `${method} ${discipline}`
  return [...new Set(rows.map(key))].flatMap((wanted) => {
    const group = rows.filter((row) => key(row) === wanted)
    if (group.length < 2) return []
    const mean = (key: 'nsPerOp' | 'utilization') =>
      Math.exp(group.reduce((sum, row) => sum + Math.log(row[key]), 0) / group.length)
    const none = { events: 0, peakLive: 0, extent: 0 }
    return [{ ...group[0]!, ...none, trace: MEAN, nsPerOp: mean('nsPerOp'), utilization: mean('utilization') }]
  })
}

const loads = [...recordedLoads(), ...pairLoads()]
const results = loads.map((load) => ({ load, rows: run(load) }))
const recorded = results.filter(({ load }) => load.isRecorded).flatMap(({ rows }) => rows)
const all = [...results.flatMap(({ rows }) => rows), ...meansOf(recorded)]
if (options.json) for (const row of all) say(JSON.stringify(row))
else say(table(columns, all))
