/**
 * history: one line a whole run, in history.jsonl, oldest first.
 *
 *   {"date", "commit", "node", "machine", "traces": {LOAD: {SUBJECT: [ns, fresh, touched, utilization]}},
 *    "stacks": {LOAD: {SUBJECT: ns}}, "loops": {LOAD: {SUBJECT: ns}}, "heaps", "collections", "bytes": the same,
 *    "programs": {PROGRAM: {VARIANT: [ns, extent]}}, "goals": [...]}
 *
 * Lines from before there were tools have no stacks, those from before heaps no heaps, and so on. null stands where there is no figure: the subject was stopped, or failed.
 */
import { spawnSync } from 'node:child_process'
import { appendFileSync, readFileSync } from 'node:fs'
import { arch, cpus, platform } from 'node:os'
import { join } from 'node:path'
import { isOfCollections } from './figures.ts'
import type { Goal } from './goals.ts'
import type { Row } from './measure.ts'

type Cell = number | null

export interface Run {
  readonly date: string
  /** With `+` where the sources were changed since. */
  readonly commit: string
  readonly node: string
  readonly machine: string
  readonly traces: Readonly<Record<string, Readonly<Record<string, readonly [Cell, Cell, Cell, Cell]>>>>
  readonly stacks?: Readonly<Record<string, Readonly<Record<string, Cell>>>>
  readonly loops: Readonly<Record<string, Readonly<Record<string, Cell>>>>
  readonly heaps?: Readonly<Record<string, Readonly<Record<string, Cell>>>>
  readonly collections?: Readonly<Record<string, Readonly<Record<string, Cell>>>>
  readonly bytes?: Readonly<Record<string, Readonly<Record<string, Cell>>>>
  readonly programs: Readonly<Record<string, Readonly<Record<string, readonly [Cell, Cell]>>>>
  readonly served?: Readonly<Record<string, Readonly<Record<string, Cell>>>>
  readonly modules?: Readonly<Record<string, Readonly<Record<string, Cell>>>>
  readonly goals: readonly Goal[]
}

const FILE = join(import.meta.dirname, 'history.jsonl')

export function appendHistory(rows: readonly Row[], goals: readonly Goal[]): void {
  appendFileSync(FILE, `${JSON.stringify(runOf(rows, goals))}\n`)
}

export function newestRun(): Run {
  const lines = readFileSync(FILE, 'utf8').trim().split('\n')
  return JSON.parse(lines.at(-1)!) as Run
}

export function runOf(rows: readonly Row[], goals: readonly Goal[]): Run {
  const date = new Date().toISOString().slice(0, 10)
  const run = { date, commit: commit(), node: process.version, machine: machine() }
  const traces: Record<string, Record<string, [Cell, Cell, Cell, Cell]>> = {}
  const stacks: Record<string, Record<string, Cell>> = {}
  const loops: Record<string, Record<string, Cell>> = {}
  const heaps: Record<string, Record<string, Cell>> = {}
  const collections: Record<string, Record<string, Cell>> = {}
  const weights: Record<string, Record<string, Cell>> = {}
  const programs: Record<string, Record<string, [Cell, Cell]>> = {}
  const served: Record<string, Record<string, Cell>> = {}
  const modules: Record<string, Record<string, Cell>> = {}
  for (const { load, subject, unit, ns, fresh, touched, utilization, extent, bytes } of rows) {
    const cell = rounded
    if (unit === 'op') (traces[load] ??= {})[subject] = [cell(ns), cell(fresh), cell(touched), cell(utilization)]
    else if (unit === 'call') (stacks[load] ??= {})[subject] = cell(ns)
    else if (unit === 'heap' || unit === 'await') (heaps[load] ??= {})[subject] = cell(ns)
    else if (unit === 'byte') (weights[load] ??= {})[subject] = cell(bytes)
    else if (isOfCollections(unit)) (collections[load] ??= {})[subject] = cell(ns)
    else if (unit === 'run') (programs[load] ??= {})[subject] = [cell(ns), cell(extent)]
    else if (unit === 'script') (served[load] ??= {})[subject] = cell(ns)
    else if (unit === 'module') (modules[load] ??= {})[subject] = cell(ns)
    else (loops[load] ??= {})[subject] = cell(ns)
  }
  return { ...run, traces, stacks, loops, heaps, collections, bytes: weights, programs, served, modules, goals }
}

/** The rows again, as far as they are kept. */
export function rowsOf(run: Run, kindOf: (subject: string) => Row['kind']): Row[] {
  const { traces, stacks = {}, loops, heaps = {}, collections = {}, bytes: weights = {}, programs } = run
  const { served = {}, modules = {} } = run
  const row = (load: string, subject: string, unit: string, figures: Record<string, Cell>): Row => ({
    ...{ load, subject, unit, kind: kindOf(subject) },
    ...Object.fromEntries(Object.entries(figures).filter(([, n]) => n !== null)),
  })
  return [
    ...each(traces, (load, subject, [ns, fresh, touched, utilization]) =>
      row(load, subject, 'op', { ns, fresh, touched, utilization }),
    ),
    ...each(stacks, (load, subject, ns) => row(load, subject, 'call', { ns })),
    ...each(loops, (load, subject, ns) => row(load, subject, 'step', { ns })),
    ...each(heaps, (load, subject, ns) => row(load, subject, 'heap', { ns })),
    ...each(collections, (load, subject, ns) => row(load, subject, 'entry', { ns })),
    ...each(weights, (load, subject, bytes) => row(load, subject, 'byte', { bytes })),
    ...each(programs, (load, subject, [ns, extent]) => row(load, subject, 'run', { ns, extent })),
    ...each(served, (load, subject, ns) => row(load, subject, 'script', { ns })),
    ...each(modules, (load, subject, ns) => row(load, subject, 'module', { ns })),
  ]
}

type Nested<T> = Readonly<Record<string, Readonly<Record<string, T>>>>

function each<T>(cells: Nested<T>, make: (load: string, subject: string, cell: T) => Row): Row[] {
  return Object.entries(cells).flatMap(([load, subjects]) =>
    Object.entries(subjects).map(([subject, cell]) => make(load, subject, cell)),
  )
}

const rounded = (n: number | undefined): Cell => (n === undefined ? null : Number(n.toPrecision(4)))

function commit(): string {
  const git = (...args: string[]) =>
    spawnSync('git', args, { cwd: import.meta.dirname, encoding: 'utf8' }).stdout?.trim() ?? ''
  const isChanged = git('status', '--porcelain', '--', '../src', '../methods', '../disciplines') !== ''
  return `${git('rev-parse', '--short', 'HEAD')}${isChanged ? '+' : ''}`
}

function machine(): string {
  return `${cpus().length} cores, ${cpus()[0]?.model.trim() ?? 'processor unknown'}, ${platform()} ${arch()}`
}
