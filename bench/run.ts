/**
 * run: the bench: `npm run bench -- [--filter TEXT]... [--quick] [--json]`.
 *
 *   loads.ts      what is done: recorded traces, loops;   programs/   and whole programs;   collections.ts
 *   wasm.ts       programs in WebAssembly, served and watched
 *   subjects.ts   by whom: regions of this package, allocators from npm and in WebAssembly, native ones
 *   measure.ts    rounds over children, one busy at a time
 *   tables.ts     what a person reads;   goals.ts  what is to be reached
 *
 * `--filter` keeps the loads and subjects whose `load / subject` contains one of the texts, `--quick` takes
 * small traces and short loops, three rounds each. A whole run adds its line to history.jsonl, from which
 * `npm run bench:report` writes the section of the README and its plot.
 */
import { parseArgs } from 'node:util'
import { count, say } from '../src/node/terminal.ts'
import { collections } from './collections.ts'
import { goalsOf } from './goals.ts'
import { appendHistory } from './history.ts'
import { heaps, loops, stacks, traces } from './loads.ts'
import { measure, type Plan, type Row } from './measure.ts'
import { endChildren } from './process.ts'
import type { Need, Subject } from './subject.ts'
import { subjects } from './subjects.ts'
import { goalTable, groups } from './tables.ts'
import { wasmWork } from './wasm.ts'
import { Workshop } from './workshop.ts'

const { values: options } = parseArgs({
  options: {
    filter: { type: 'string', multiple: true, default: [] },
    quick: { type: 'boolean' },
    json: { type: 'boolean' },
  },
})
const quick = options.quick === true
const plan: Plan = quick
  ? { rounds: 3, seconds: 0.5, scale: 0.05, limit: 1, enough: 1 }
  : { rounds: 7, seconds: 3, scale: 0.2, limit: 5, enough: 2 }

const wanted = options.filter
const isWanted = (load: string, subject: string) =>
  wanted.length === 0 || wanted.some((text) => `${load} / ${subject}`.includes(text))

function does(subject: Subject, need: Need): boolean {
  return subject.does.includes(need) || (need === 'replay' && subject.does.includes('replay short'))
}

function progress(what: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${what.slice(0, (process.stderr.columns || 80) - 1)}`)
}

const started = Date.now()
const missing = new Map(subjects.map((subject) => [subject.name, subject.missing?.()]))
const present = subjects.filter(({ name }) => missing.get(name) === undefined)
const shop = await Workshop.open()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(1))
process.on('exit', () => {
  endChildren()
  shop.close()
})

const work = [...traces(quick), ...stacks(quick), ...loops(quick), ...heaps(quick), ...collections(quick)].map(
  (load) => ({
    load,
    subjects: present.filter((subject) => does(subject, load.need)),
  }),
)
const loads = [...work, ...shop.programs(), ...wasmWork()]
  .map(({ load, subjects }) => ({ load, those: subjects.filter(({ name }) => isWanted(load.name, name)) }))
  .filter(({ those }) => those.length > 0)

const rows: Row[] = []
for (const [at, { load, those }] of loads.entries()) {
  const seconds = Math.round((Date.now() - started) / 1000)
  const where = `${at + 1} of ${loads.length}, ${seconds} s: ${load.name}`
  if (!process.stderr.isTTY) process.stderr.write(`bench: ${where}\n`)
  const measured = await measure(load, those, shop, plan, (what) => progress(`${where}: ${what}`))
  shop.tidy()
  rows.push(...measured)
  if (options.json) for (const row of measured) say(JSON.stringify(row))
}
progress('')

const goals = goalsOf(rows)
if (options.json) for (const goal of goals) say(JSON.stringify(goal))
else {
  say(groups(rows, missing))
  if (goals.length > 0) say(goalTable(goals))
  say(`\n${count((Date.now() - started) / 1000)} s`)
}
if (!quick && wanted.length === 0) appendHistory(rows, goals)
