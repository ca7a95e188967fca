/**
 * bench of programs in WebAssembly: the program and the modules give figures, goals hold them against plain, history keeps them.
 */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect } from 'chai'
import { Figures } from '../bench/figures.ts'
import { goalsOf } from '../bench/goals.ts'
import { rowsOf, runOf } from '../bench/history.ts'
import type { Row } from '../bench/measure.ts'
import { groups } from '../bench/tables.ts'
import { SQLITE, wasmWork } from '../bench/wasm.ts'

const root = join(import.meta.dirname, '..')

const served = (subject: string, ns: number): Row => ({ load: SQLITE, subject, kind: 'tool', unit: 'script', ns })
const rewritten = (load: string, ms: number): Row => ({
  ...{ load, subject: 'rewrite', kind: 'tool', unit: 'module', ns: ms * 1e6 },
})
const rows = [
  served('plain', 100),
  served('observed', 105),
  served('best', 111),
  served('profile, sampled', 109),
  served('debug, depth=0', 300),
  served('debug, stacks', 2000),
  rewritten('wasm one, 1.00 MB', 20),
  rewritten('wasm two, 1.10 MB', 49),
]

describe('bench of WebAssembly', () => {
  it('measures the program and a module, each in processes of its own', function () {
    this.timeout(90_000)
    const filters = [
      'SQLite / plain',
      'SQLite / observed',
      'sql.js, 0.69 MB / rewrite',
      'sql.js, 0.69 MB / compile, kept',
    ]
    const args = ['--import', './scripts/ts.mjs', 'bench/run.ts', '--quick', '--json']
    const { stdout, stderr, status } = spawnSync(
      process.execPath,
      [...args, ...filters.flatMap((filter) => ['--filter', `wasm ${filter}`])],
      { cwd: root, encoding: 'utf8' },
    )
    expect(status, stderr).to.equal(0)
    const lines = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Row & { goal?: string })
    const found = lines.filter(({ goal }) => goal === undefined)
    expect(found.map(({ load, subject }) => `${load} / ${subject}`)).to.deep.equal(
      filters.map((name) => `wasm ${name}`),
    )
    for (const row of found) {
      expect(row.note, row.subject).to.equal(undefined)
      expect(row.ns, row.subject).to.be.above(1000)
      expect(row.rounds, row.subject).to.be.at.least(3)
    }
    expect(lines.map(({ goal }) => goal).filter((goal) => goal !== undefined)).to.deep.equal([
      'SQLite in WebAssembly, observed, against plain',
      'rewriting a module of 1 MB',
    ])
  })

  it('has a subject for each method that there is a goal for, under the options that ask for it', () => {
    const { subjects } = wasmWork().find(({ load }) => load.name === SQLITE)!
    const optionsOf = (name: string) => subjects.find((subject) => subject.name === name)?.env
    const preload = { NODE_OPTIONS: '--import=vmalloc/preload' }
    expect(optionsOf('plain')).to.equal(undefined)
    expect(optionsOf('observed')).to.deep.equal({ ...preload, VMALLOC_OPTIONS: '' })
    expect(optionsOf('best')).to.deep.equal({ ...preload, VMALLOC_OPTIONS: 'method=best' })
    expect(subjects.map(({ name }) => name)).to.deep.equal(rows.slice(0, 6).map(({ subject }) => subject))
  })

  it('holds each method against plain, and the slowest module against 50 ms', () => {
    const goals = goalsOf(rows).map(({ goal, wanted, met }) => `${goal}: ${wanted}, ${met}`)
    expect(goals).to.deep.equal([
      'SQLite in WebAssembly, observed, against plain: at most 1.05 times, true',
      'SQLite in WebAssembly, best, against plain: at most 1.10 times, false',
      'SQLite in WebAssembly, profile, sampled, against plain: at most 1.10 times, true',
      'SQLite in WebAssembly, debug, depth=0, against plain: at most 3.00 times, true',
      'rewriting a module of 1 MB: at most 50.0 ms, true',
    ])
    const slow = goalsOf([...rows, rewritten('wasm three, 0.90 MB', 51)]).find(({ goal }) =>
      goal.startsWith('rewriting'),
    )
    expect(slow).to.include({ met: false, reached: '51.0 ms (wasm three, 0.90 MB)' })
  })

  it('shows them, and keeps them in history', () => {
    const text = groups(rows, new Map())
    expect(text).to.match(/^wasm SQLite: debug, stacks +0\.0 +20\.000$/m)
    expect(text).to.match(/^wasm two, 1\.10 MB +49\.0$/m)
    const again = new Figures(rowsOf(runOf(rows, []), () => 'tool'))
    expect(again.loads('served')).to.deep.equal([SQLITE])
    expect(again.ratios('best', 'plain', [SQLITE])).to.deep.equal([1.11])
    expect(again.loads('modules')).to.deep.equal(['wasm one, 1.00 MB', 'wasm two, 1.10 MB'])
    expect(again.get('wasm two, 1.10 MB', 'rewrite')).to.equal(49e6)
  })
})
