/**
 * demo-trace: a recorded trace under several methods.
 *
 * The trace is what Graphviz asked of malloc. First comes what each method made of it; then, where it is shown alone, pool,
 * which serves one size and fails here, with the one size that Graphviz asked for most; then live bytes over time; then the
 * region's map at the moment when most bytes were live.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { VmallocError } from '../ground/fault.ts'
import { formatSize } from '../ground/sizes.ts'
import { registry } from '../region/registry.ts'
import { type Measurement, replay, sampleLive } from '../trace/replay.ts'
import { Builder, OP_FREE, OP_RESIZE, type Trace } from '../trace/trace.ts'
import { picture } from './picture.ts'
import { isChosen, openEntry } from './plan.ts'
import { measureEntry, utilizationOf } from './replay-command.ts'
import { type Column, count, paint, say, table } from './terminal.ts'
import { readTrace } from './traces.ts'

const TRACE = 'test/traces/dot-layout.rep.gz'
const DISCIPLINE = 'memory'
const PASSES = 5
const COLUMNS = 60
const PLOT_LINES = 8
const MAP_LINES = 12

const columns: Column<Measurement>[] = [
  { title: 'method', cell: (row) => row.method },
  { title: 'ns a call', right: true, cell: (row) => count(row.nsPerOp) },
  { title: 'memory held', right: true, cell: (row) => formatSize(row.extent) },
  { title: 'utilization', right: true, cell: utilizationOf },
  { title: 'failed', right: true, cell: (row) => count(row.failed) },
  { title: '', cell: claimsOf },
]

/** What several methods make of it, or the one of VMALLOC_OPTIONS. */
export function compareMethods(root: string): Trace {
  const trace = readTrace(traceFile(root))
  say(
    `${paint('bold', 'A recorded program')}, ${isChosen('method') ? 'the method of VMALLOC_OPTIONS' : 'several methods'}`,
  )
  say(
    `Graphviz lays out a graph of 350 nodes: ${count(trace.events)} calls, at most ${formatSize(trace.peakLive)} live.`,
  )
  say('')
  showMeasurements(trace, isChosen('method') ? [undefined] : ['best', 'last', 'pool'])
  return trace
}

/** The same, with a size that pool can serve, a curve and a map. */
export function showTrace(root: string): void {
  const trace = compareMethods(root)
  if (!isChosen('method')) {
    const size = commonestSize(trace)
    const part = onlySize(trace, size)
    say('')
    say(`Only its ${count(part.blocks)} blocks of ${size} bytes, the commonest size, ${count(part.events)} calls:`)
    say('')
    showMeasurements(part, ['best', 'pool'])
  }
  say('')
  say(paint('bold', 'Bytes live, call by call'))
  say(paint('cyan', picture(sampleLive(trace, COLUMNS), { height: PLOT_LINES, top: formatSize(trace.peakLive) })))
  say('')
  showMap(trace, isChosen('method') ? undefined : 'best')
}

function showMeasurements(trace: Trace, methods: readonly (string | undefined)[]): void {
  say(
    table(
      columns,
      methods.map((method) => measureEntry(trace, { method, discipline: DISCIPLINE }, { passes: PASSES })),
    ),
  )
}

/** The region when most bytes were live. */
function showMap(trace: Trace, method: string | undefined): void {
  const region = openEntry({ method, discipline: DISCIPLINE })
  replay(trace, region, { until: trace.peakAt + 1 })
  const { busyBlocks, freeBlocks, cachedBlocks } = region.stat()
  const blocks = `${count(busyBlocks)} busy #, ${count(freeBlocks)} free ., ${count(cachedBlocks)} cached +`
  say(`${paint('bold', `${region.method} at that peak`)}: ${blocks}`)
  say(region.map({ width: COLUMNS, lines: MAP_LINES }).trimEnd())
  region.close()
}

function claimsOf({ method }: Measurement): string {
  const definition = registry.methods.get(method)
  if (definition?.sizes === 'one') return 'serves one size only, the first it is asked for'
  return definition?.frees === 'newest' ? 'frees only the newest block' : ''
}

function commonestSize(trace: Trace): number {
  const times = new Map<number, number>()
  for (let event = 0; event < trace.events; event++) {
    const size = trace.sizes[event]!
    if (trace.ops[event]! < OP_RESIZE) times.set(size, (times.get(size) ?? 0) + 1)
  }
  return [...times].reduce((most, next) => (next[1] > most[1] ? next : most))[0]
}

/** The events of those blocks that were allocated with `size` bytes and never resized. */
function onlySize(trace: Trace, size: number): Trace {
  const resized = new Set<number>()
  for (let event = 0; event < trace.events; event++) {
    if (trace.ops[event] === OP_RESIZE) resized.add(trace.ids[event]!)
  }
  const build = new Builder(trace.events)
  const ids = new Map<number, number>()
  for (let event = 0; event < trace.events; event++) {
    const op = trace.ops[event]!
    const id = trace.ids[event]!
    if (op < OP_RESIZE && trace.sizes[event] === size && !resized.has(id)) {
      ids.set(id, build.blocks)
      build.alloc(op, build.blocks, size, trace.aligns[event]!)
    } else if (op === OP_FREE && ids.has(id)) {
      build.free(ids.get(id)!)
    }
  }
  return build.finish(`${trace.name}, ${size} bytes`)
}

function traceFile(root: string): string {
  const file = join(root, TRACE)
  if (existsSync(file)) return file
  throw new VmallocError('unsupported', `the trace of the demo, ${TRACE}, is not installed beside the command`)
}
