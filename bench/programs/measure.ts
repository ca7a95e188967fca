/**
 * measure: the variants of the programs, each run in a process of its own, in turn.
 *
 *   round 1   best cleared mixture      a process each, so that no variant runs code
 *   round 2   mixture cleared best      that another one has warmed up or spoilt
 *   ...
 *
 * Two figures for time. `ms` is the median of the runs. `quiet` is the sum, over the laps of a program, of the fastest
 * run of each lap: on a machine that others use too, something disturbs every run, but hardly the same lap each time.
 */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { type Outcome, type Program, programs, type Variant } from './index.ts'

export interface MeasureOptions {
  /** Only programs of this name. */
  readonly program?: string
  /** Only variants of this name. */
  readonly variant?: string
  readonly scale?: number
  readonly seed?: number
  readonly runs?: number
}

export interface ProgramRow {
  readonly program: string
  readonly variant: string
  /** Median of the runs. */
  readonly ms: number
  readonly quiet: number
  /** `quiet` as a share of that of the first variant. */
  readonly ratio: number
  readonly extent: number
  readonly operations: number
  readonly checksum: number
}

const MAIN = join(import.meta.dirname, 'main.ts')
const LOADER = join(import.meta.dirname, '../../scripts/ts.mjs')

/** Throws when variants of a program disagree. */
export async function measurePrograms(options: MeasureOptions = {}): Promise<ProgramRow[]> {
  const wanted = programs.filter(({ name }) => name === (options.program ?? name))
  return wanted.flatMap((program) => measureProgram(program, options))
}

function measureProgram(program: Program, { variant: only, runs = 5, scale = 1, seed = 1 }: MeasureOptions) {
  const variants = program.variants.filter(({ name }) => name === (only ?? name))
  const outcomes = new Map<Variant, Outcome[]>(variants.map((variant) => [variant, []]))
  for (let round = 0; round < runs; round++) {
    for (const variant of round % 2 === 0 ? variants : variants.toReversed()) {
      outcomes.get(variant)!.push(runAlone(program.name, variant.name, scale, seed))
    }
  }
  const rows = [...outcomes].map(([{ name }, of]) => rowOf(program.name, name, of))
  for (const row of rows) {
    if (row.checksum === rows[0]!.checksum) continue
    throw new Error(`${program.name}: ${row.variant} answers ${row.checksum}, ${rows[0]!.variant} ${rows[0]!.checksum}`)
  }
  return rows.map((row) => ({ ...row, ratio: row.quiet / rows[0]!.quiet }))
}

/** One run in a process of its own. */
function runAlone(program: string, variant: string, scale: number, seed: number): Outcome {
  const args = ['--import', `file://${LOADER}`, MAIN, '--child', '--program', program, '--variant', variant]
  args.push('--scale', String(scale), '--seed', String(seed))
  return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' })) as Outcome
}

function rowOf(program: string, variant: string, outcomes: readonly Outcome[]): ProgramRow {
  const times = outcomes.map(({ ms }) => ms).sort((a, b) => a - b)
  const { laps, extent, operations, checksum } = outcomes[0]!
  const quiet = laps.reduce((sum, _, lap) => sum + Math.min(...outcomes.map((outcome) => outcome.laps[lap]!)), 0)
  const ms = times[times.length >> 1]!
  return { program, variant, ms, quiet, ratio: 1, extent, operations, checksum }
}
