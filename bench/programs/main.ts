/**
 * main: real programs, run whole under different mixtures of methods.
 *
 *   node --import ./scripts/ts.mjs bench/programs/main.ts [--program X] [--variant X] [--scale N] [--seed N] [--runs N] [--json]
 *
 * What is measured is dist/ (`npm run build`), each variant in a process of its own: see measure.ts. `--child` makes one
 * run here and prints its outcome as JSON.
 */
import { parseArgs } from 'node:util'
import { type Column, count, percent, say, table } from '../../src/node/terminal.ts'
import { programs } from './index.ts'
import { measurePrograms, type ProgramRow } from './measure.ts'

const { values } = parseArgs({
  options: {
    program: { type: 'string' },
    variant: { type: 'string' },
    scale: { type: 'string', default: '1' },
    seed: { type: 'string', default: '1' },
    runs: { type: 'string', default: '5' },
    json: { type: 'boolean', default: false },
    child: { type: 'boolean', default: false },
  },
})
const options = { scale: Number(values.scale), seed: Number(values.seed) }

const columns: Column<ProgramRow>[] = [
  { title: 'program', cell: (row) => row.program },
  { title: 'variant', cell: (row) => row.variant },
  { title: 'ms', right: true, cell: (row) => count(row.ms) },
  { title: 'quiet ms', right: true, cell: (row) => count(row.quiet) },
  { title: 'of the first', right: true, cell: (row) => percent(row.ratio) },
  { title: 'MB held', right: true, cell: (row) => count(row.extent / 1e6, 1) },
  { title: 'calls', right: true, cell: (row) => count(row.operations) },
]

if (values.child) {
  const program = programs.find(({ name }) => name === values.program)
  const variant = program?.variants.find(({ name }) => name === values.variant)
  if (variant === undefined) throw new Error(`no variant ${values.variant} of a program ${values.program}`)
  say(JSON.stringify(variant.run(await import('vmalloc'), options)))
} else {
  const { program, variant } = values
  const rows = await measurePrograms({ ...options, program, variant, runs: Number(values.runs) })
  if (values.json) for (const row of rows) say(JSON.stringify(row))
  else say(table(columns, rows))
}
