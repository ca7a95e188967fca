/**
 * replay-command: `vmalloc replay`: measures traces under methods, as a table or as one JSON object a line.
 */
import { SingleBar } from 'cli-progress'
import { findingsOf, findingsText } from '../report/quiet.ts'
import { type Measurement, measure, passesFor } from '../trace/replay.ts'
import type { Trace } from '../trace/trace.ts'
import { type Entry, openEntry, plan } from './plan.ts'
import { type Column, count, percent, remark, say, table } from './terminal.ts'
import { findTraces, readTrace } from './traces.ts'

export interface ReplayOptions {
  method?: string
  discipline?: string
  passes?: number
  check?: boolean
  json?: boolean
}

const columns: Column<Measurement>[] = [
  { title: 'trace', cell: (row) => row.trace },
  { title: 'method', cell: (row) => row.method },
  { title: 'discipline', cell: (row) => row.discipline },
  { title: 'events', right: true, cell: (row) => count(row.events) },
  { title: 'failed', right: true, cell: (row) => count(row.failed) },
  { title: 'ns/op', right: true, cell: (row) => count(row.nsPerOp, 1) },
  { title: 'peak live', right: true, cell: (row) => count(row.peakLive) },
  { title: 'extent', right: true, cell: (row) => count(row.extent) },
  { title: 'utilization', right: true, cell: utilizationOf },
]

/** Returns the exit code: 1 when a file could not be read or replayed. */
export function replayCommand(paths: readonly string[], options: ReplayOptions): number {
  const entries = plan(options.method, options.discipline)
  const rows: Measurement[] = []
  let failures = 0
  const attempt = <T>(path: string, task: () => T): T | undefined => {
    try {
      return task()
    } catch (error) {
      failures++
      remark(isSystemError(error) ? `${path}: ${error.message}` : messageOf(error))
      return undefined
    }
  }

  for (const path of paths) {
    for (const file of attempt(path, () => findTraces(path)) ?? []) {
      const trace = attempt(file, () => readTrace(file))
      if (trace === undefined) continue
      remarkOn(trace, file)
      for (const entry of entries) {
        let row: Measurement | undefined
        const found = findingsOf(() => (row = attempt(file, () => measureEntry(trace, entry, options))))
        if (found.size > 0) remark(`${file}: what ${entry.method} found is not written: ${findingsText(found)}`)
        if (row === undefined) continue
        if (options.json) say(JSON.stringify(rounded(row)))
        else rows.push(row)
      }
    }
  }
  if (rows.length > 0) say(table(columns, rows))
  return failures > 0 ? 1 : 0
}

/** Measures one entry; a bar on standard error moves meanwhile when somebody can see it. */
export function measureEntry(
  trace: Trace,
  entry: Entry,
  { passes = passesFor(trace), check }: { passes?: number; check?: boolean },
): Measurement {
  const bar = startBar(`${trace.name} ${entry.method ?? ''}`, passes + 1)
  try {
    const row = measure(trace, () => openEntry(entry), { passes, check, progress: (done) => bar?.update(done) })
    return { ...row, method: nameOf(entry.method, row.method) }
  } finally {
    bar?.stop()
  }
}

/** What was needed of what was held; where calls failed the figure would compare what was not served. */
export function utilizationOf(row: Measurement): string {
  return row.failed > 0 ? '-' : percent(row.utilization)
}

/** `debug` stays `debug` though the region calls itself debug(best); a module path becomes the method's name. */
function nameOf(asked: string | undefined, actual: string): string {
  return asked !== undefined && actual.startsWith(`${asked}(`) ? asked : actual
}

function rounded(row: Measurement): Measurement {
  return { ...row, nsPerOp: Number(row.nsPerOp.toFixed(2)), utilization: Number(row.utilization.toFixed(4)) }
}

function remarkOn(trace: Trace, file: string): void {
  const { declared, events, skipped, failures } = trace
  if (trace.remark !== undefined) remark(`${file}: ${trace.remark}`)
  if (declared !== undefined && declared.events !== events) {
    remark(`${file}: the header tells of ${count(declared.events)} events, ${count(events)} are there`)
  }
  if (skipped > 0) remark(`${file}: ${count(skipped)} frees of blocks from before the trace are left out`)
  if (failures > 0) remark(`${file}: ${count(failures)} calls that failed when it was recorded are left out`)
}

function startBar(what: string, total: number): SingleBar | undefined {
  if (!process.stderr.isTTY) return undefined
  const format = `{bar} {percentage} % ${what}`
  const bar = new SingleBar({ format, stream: process.stderr, clearOnComplete: true, hideCursor: true, barsize: 30 })
  bar.start(total, 0)
  return bar
}

function isSystemError(error: unknown): error is Error & { syscall: string } {
  return error instanceof Error && 'syscall' in error
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
