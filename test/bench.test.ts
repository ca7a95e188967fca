/**
 * bench: what it prints has the fields that are read elsewhere, no peer is measured while broken, and the report is the
 * same whenever it is made.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { injectOptions } from 'vmalloc'
import { bytesOf, collections, type Keep, passesOf } from '../bench/collections.ts'
import { columnsOf, dumpOf, firstOf } from '../bench/dump.ts'
import { comparisons, Figures } from '../bench/figures.ts'
import { goalsOf } from '../bench/goals.ts'
import { type Run, rowsOf, runOf } from '../bench/history.ts'
import type { Row } from '../bench/measure.ts'
import { Contents, chancesOf, replayFromMany, touchAsDebug } from '../bench/player.ts'
import { speedPlot, withSpeed } from '../bench/report.ts'
import { type Need, REALLOC } from '../bench/subject.ts'
import { subjects } from '../bench/subjects.ts'
import { parseTrace } from '../src/trace/format.ts'

const root = join(import.meta.dirname, '..')

/** Those whose addresses are only numbers. */
const servesNothing = (name: string) => /^(empty loop|objects|captures.*)$/.test(name)

/** Those that keep values, and serve no blocks. */
const keepers = subjects.filter(({ does }) => loadsOf(does).length > 0).map(({ name }) => name)

/** Small loads of collections, of those that a subject does. */
function loadsOf(does: readonly Need[]): Keep[] {
  const loads = collections(true).filter(({ need }) => does.includes(need))
  return loads.map(({ keep }) => ({ ...keep!, count: Math.min(keep!.count, 1000) }))
}

const TINY = '1\n3\n9\n4096\na 0 100\nc 1 1000\nr 0 2000\nm 2 64 64\nf 1\na 3 8\nx\na 4 16\nf 4\n'

describe('bench', () => {
  // profiles are written when the program ends
  before(() => injectOptions('profile=/dev/null'))
  after(() => injectOptions(undefined))

  it('prints a line for each load and subject', () => {
    const folder = mkdtempSync(join(tmpdir(), 'bench-test-'))
    writeFileSync(join(folder, 'tiny.rep'), TINY)
    try {
      const { stdout, stderr, status } = spawnSync(
        process.execPath,
        [
          '--import',
          './scripts/ts.mjs',
          'bench/run.ts',
          '--quick',
          '--json',
          '--filter',
          'tiny / best',
          '--filter',
          'tiny / dl',
        ],
        { cwd: root, encoding: 'utf8', env: { ...process.env, VMALLOC_TRACES: folder } },
      )
      expect(status, stderr).to.equal(0)
      const lines = stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as Row & { goal?: string })
      const rows = lines.filter(({ goal }) => goal === undefined)
      expect(rows.map(({ subject }) => subject)).to.have.members([
        'best',
        'best, shared',
        'best, nested',
        'best, traced',
        'best, touched as by debug',
        'dlmalloc',
      ])
      for (const row of rows) {
        expect(row).to.include({ load: 'tiny', unit: 'op', peakLive: 3064 })
        for (const figure of ['ns', 'fresh', 'touched', 'extent', 'utilization'] as const) {
          if (row.kind === 'tool' && figure !== 'ns') expect(row, row.subject).not.to.have.property(figure)
          else expect(row[figure], `${row.subject}: ${figure}`).to.be.above(0)
        }
      }
      expect(lines.some(({ goal }) => goal?.startsWith('nested regions'))).to.equal(true)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  it('measures what stacks cost against bare captures, and the same of all tools', () => {
    const names = subjects.filter(({ kind }) => kind === 'tool').map(({ name }) => name)
    const rows = ['best', ...names].flatMap((subject, n): Row[] => [
      { load: 'one', subject, kind: 'tool', unit: 'op', ns: 100 + n },
      { load: 'one, stacks', subject, kind: 'tool', unit: 'call', ns: 100 + n },
    ])
    const goals = goalsOf(rows).filter(({ about }) => about === 'tools')
    expect(goals.map(({ goal, wanted }) => `${goal}: ${wanted}`)).to.deep.equal([
      'an operation with trace on: at most 200 ns',
      'charging an account, against plain: at most 1.30 times',
      'charging the region’s own, against plain: at most 1.30 times',
      'debug without stacks, fill=512, against plain: at most 4.00 times',
      'debug without stacks, against plain and touching: at most 1.50 times',
      'profile, sampled, against plain: at most 1.15 times',
      'debug with stacks, against bare captures: at most 1.30 times',
      'profile, exact, against bare captures: at most 1.30 times',
    ])
    expect(goals.every(({ met }) => met)).to.equal(true)
  })

  it('holds the mean of all loads against a limit, and tells the worst', () => {
    const of = (load: string, ns: number): Row[] => [
      { load, subject: 'best', kind: 'ours', unit: 'op', ns: 10 },
      { load, subject: 'debug, fill=512', kind: 'tool', unit: 'op', ns },
    ]
    const goal = (second: number) =>
      goalsOf([...of('one', 20), ...of('two', second)]).find(({ goal }) => /512/.test(goal))
    expect(goal(80)).to.include({ met: true, reached: '4.00 times (worst 8.00 times, two)' })
    expect(goal(81)).to.include({ met: false, reached: '4.02 times (worst 8.10 times, two)' })
  })

  it('misses a goal whose subject did not finish', () => {
    const best: Row = { load: 'one', subject: 'best', kind: 'ours', unit: 'op', ns: 100 }
    const goal = (...more: Partial<Row>[]) => {
      const tool: Row = { load: 'one', subject: 'profile, sampled', kind: 'tool', unit: 'op' }
      const rows = more.map((row): Row => ({ ...tool, ...row }))
      return goalsOf([best, { ...best, load: 'two' }, ...rows]).find(({ goal }) => goal.startsWith('profile'))
    }
    expect(goal({ ns: 101 })).to.include({ met: true, reached: '1.01 times (worst 1.01 times, one)' })
    expect(goal({ ns: 101 }, { load: 'two', note: 'stopped after 5 s' })).to.include({
      met: false,
      reached: '1.01 times (worst 1.01 times, one); not finished: two',
    })
    expect(goal({ ns: 101, note: 'pass: failed at event 7' })).to.include({ met: false })
    expect(goal({ note: 'failed: dead' })).to.include({ met: false, reached: 'no figure; not finished: one' })
    expect(goal()).to.equal(undefined)
  })

  it('has stacks of eight calls where it measures captures', async () => {
    const trace = columnsOf(dumpOf(parseTrace(new TextEncoder().encode(TINY), 'tiny')))
    for (const name of ['captures as by debug', 'captures as by profile']) {
      const session = (await subjects.find((subject) => subject.name === name)!.ready!())(0)
      const play = () => replayFromMany(session.heap, trace, new Uint32Array(trace.blocks), 0, trace.events)
      const here = async () => session.heap.alloc(8)
      try {
        expect(await here().catch((error: Error) => error.message)).to.match(/a stack of \d calls, expected 8/)
        expect([0].map(() => [0].map(play))).to.deep.equal([[trace.events]])
      } finally {
        session.close()
      }
    }
  })

  it('touches as debug does: what is live holds the pattern of new memory', async () => {
    const session = (await subjects.find(({ name }) => name === 'best, touched as by debug')!.ready!())(0)
    const trace = columnsOf(dumpOf(parseTrace(new TextEncoder().encode(TINY), 'tiny')))
    const contents = new Contents(session, trace.blocks)
    const places = new Uint32Array(trace.blocks)
    // the first four events make three blocks, of 2000 (resized), 1000 and 64 bytes; the fifth frees the second
    expect(touchAsDebug(session.heap, trace, places, contents, session.fills!, 0, 4)).to.equal(4)
    const second = places[1]!
    expect([0, 1, 2].every((id) => contents.holds(places[id]!, [2000, 1000, 64][id]!, session.fills!.fresh))).to.equal(
      true,
    )
    expect(touchAsDebug(session.heap, trace, places, contents, session.fills!, 4, 5)).to.equal(5)
    expect(contents.holds(second + 100, 800, session.fills!.freed)).to.equal(true)
    session.close()
  })

  it('cuts a trace', () => {
    const trace = firstOf(parseTrace(new TextEncoder().encode(TINY), 'tiny'), 5)
    expect([...trace.ops].join(' ')).to.equal('0 1 3 2 4')
    expect([...trace.left]).to.have.members([0, 2])
    expect(columnsOf(dumpOf(trace)).left).to.deep.equal(trace.left)
  })

  it('dumps a trace with its clears as frees', () => {
    const trace = columnsOf(dumpOf(parseTrace(new TextEncoder().encode(TINY), 'tiny')))
    expect([...trace.ops].join(' ')).to.equal('0 1 3 2 4 0 4 4 4 0 4')
    expect([...trace.ids].slice(5).join(' ')).to.equal('3 0 2 3 4 4')
    expect(trace).to.include({ events: 11, blocks: 5, peakLive: 3064 })
  })

  for (const { name, kind, does, missing, ready } of subjects) {
    if (ready === undefined || servesNothing(name) || keepers.includes(name) || missing?.() !== undefined) continue
    it(`${name} hands out blocks that do not overlap`, async () => {
      const session = (await ready())(2 ** 24)
      const { heap } = session
      const anySize = ['any size', 'replay', 'replay short', 'stacks'].some((need) => does.includes(need as Need))
      const freesAny = anySize || does.includes('one size')
      const { slots, sizes } = chancesOf(100, anySize ? 1 : 64, anySize ? 2000 : 64, 4096)
      const places = new Map<number, number>()
      const contents = new Contents(session, freesAny ? 100 : 4096)
      const isWhole = (slot: number, at: number, length: number) =>
        expect(contents.read(slot, at, length), `${kind} ${name}: block ${slot} at ${at}`).to.equal(true)
      for (let step = 0; step < 4096; step++) {
        const slot = freesAny ? slots[step]! : step
        const size = sizes[step]!
        const old = places.get(slot)
        let at = 0
        if (old !== undefined) isWhole(slot, old, contents.lengths[slot]!)
        if (old !== undefined && does.includes('resize') && step % 3 === 0) {
          at = heap.resize(old, size, REALLOC)
          isWhole(slot, at, Math.min(size, contents.lengths[slot]!))
        } else {
          if (old !== undefined) heap.free(old)
          if (does.includes('align') && step % 5 === 0) at = heap.align(size, 256)
          else at = does.includes('resize') && step % 5 === 1 ? heap.allocZeroed(size) : heap.alloc(size)
        }
        expect(at).to.be.above(0)
        places.set(slot, at)
        contents.write(slot, at, size)
      }
      for (const [slot, at] of places) isWhole(slot, at, contents.lengths[slot]!)
      session.close()
    })
  }

  describe('collections', () => {
    for (const { name, does, ready } of subjects.filter(({ name }) => keepers.includes(name))) {
      it(`${name} answers what it must`, async () => {
        const open = await ready!()
        for (const keep of loadsOf(does)) {
          const passes = passesOf(keep, open(0).keeps!)
          for (const word of [...keep.words, ...keep.words]) {
            const { ns, steps } = passes[word]!()
            expect(ns, `${keep.sort}: ${word}`).to.be.above(0)
            expect(steps, `${keep.sort}: ${word}`).to.be.above(0)
          }
        }
      })
    }

    it('has no figure for a wrong answer', () => {
      const [keep] = loadsOf(['map'])
      const wrong = new Map<number, number>()
      wrong.get = (key) => Map.prototype.get.call(wrong, key) ?? 1
      const passes = passesOf(keep!, { keyed: () => ({ make: () => wrong, clear() {} }) })
      expect(passes.hit!().steps).to.be.above(0)
      expect(() => passes.miss!()).to.throw(/^miss comes to \d+, expected 0$/)
    })

    it('weighs an entry of a map', async () => {
      const [keep] = loadsOf(['map'])
      const session = (await subjects.find(({ name }) => name === 'HashMap')!.ready!())(0)
      expect(bytesOf(keep!, session.keeps!)).to.be.within(12, 40)
    })

    it('keeps figures in history, and compares ours with the others', () => {
      const row = (load: string, subject: string, kind: Row['kind'], figures: Partial<Row>): Row => ({
        ...{ load, subject, kind, unit: load.endsWith('bytes') ? 'byte' : 'entry' },
        ...figures,
      })
      const rows = [
        row('map: hit', 'HashMap', 'ours', { ns: 50 }),
        row('map: hit', 'Map', 'js', { ns: 20 }),
        row('map: bytes', 'HashMap', 'ours', { bytes: 16 }),
        row('map: bytes', 'Map', 'js', { bytes: 32 }),
        row('pool: freeAll', 'pool, block', 'ours', { ns: 7 }),
      ]
      const kindOf = (name: string) => rows.find(({ subject }) => subject === name)!.kind
      const again = new Figures(rowsOf(runOf(rows, []), kindOf))
      expect(comparisons(again, again.loads('collections'))).to.have.deep.members([
        { load: 'map: hit', mine: 'HashMap', theirs: 'Map', ours: 50, other: 20 },
        { load: 'map: bytes', mine: 'HashMap', theirs: 'Map', ours: 16, other: 32 },
        { load: 'pool: freeAll', mine: 'pool, block', theirs: '', ours: 7, other: undefined },
      ])
    })
  })

  describe('report', () => {
    const row = (load: string, subject: string, ns: number, unit = 'op'): Row => ({
      ...{ load, subject, unit, kind: 'ours', ns, fresh: 2 * ns, touched: 3 * ns, utilization: 0.5 + 1 / ns },
    })
    const rows = [
      row('one', 'best', 10),
      row('two', 'best', 40),
      row('one', 'glibc', 30),
      row('two', 'glibc', 30),
      row('one', 'tlsf', 50),
      row('random sizes, 1,000 live', 'best', 33, 'pair'),
    ]
    const run: Run = {
      ...runOf(rows, goalsOf(rows)),
      date: '2000-01-02',
      node: 'v1.2.3',
      machine: '2 cores, some, where',
    }
    const readme = 'before\n<!-- speed -->\nold\n<!-- /speed -->\nafter\n'

    it('keeps figures in history', () => {
      expect(rowsOf(run, () => 'ours').map(({ load, subject, ns }) => [load, subject, ns])).to.have.deep.members(
        rows.map(({ load, subject, ns }) => [load, subject, ns]),
      )
    })

    it('is the same twice', () => {
      const written = withSpeed(readme, run)
      expect(withSpeed(written, run)).to.equal(written)
      expect(written).to.match(/^before\n<!-- speed -->\n\nTwo recorded traces[\s\S]*<!-- \/speed -->\nafter\n$/)
      expect(speedPlot(run))
        .to.equal(speedPlot(run))
        .and.to.match(/^<svg [\s\S]*<\/svg>\n$/)
    })

    it('shows what tools cost, and which of their goals are met', () => {
      const tool = (subject: string, ns: number): Row => ({ load: 'one', subject, kind: 'tool', unit: 'op', ns })
      const more = [tool('profile, sampled', 11), tool('debug, fill=512', 45)]
      const all = [...rows, ...more]
      const written = withSpeed(readme, { ...run, ...runOf(all, goalsOf(all)) }).replaceAll('\n', ' ')
      expect(written).to.include('| **profile, sampled** `method=profile`: a block in 512 KiB | 1 | 11 | 1.1 |')
      expect(written).to.match(
        /\| profile, sampled, against plain \| at most 1\.15 times \| 1\.10 times [^|]*\| yes \|/,
      )
      expect(written).to.match(/\| debug [^|]*\| at most 4\.00 times \| 4\.50 times [^|]*\| \*\*no\*\* \|/)
      expect(written.match(/\| debug without stacks, fill=512/g)).to.have.length(1)
      expect(written).to.match(/ goals of the bench \d+ are not reached, 1 of them of the tools \(below\)/)
    })

    it('shows collections beside others', () => {
      const more = [
        { ...row('map of 100,000 u32: hit', 'HashMap', 50, 'entry'), kind: 'ours' as const },
        { ...row('map of 100,000 u32: hit', 'Map', 20, 'entry'), kind: 'js' as const },
        { ...row('map of 1,000 u32: hit', 'HashMap', 10, 'entry'), kind: 'ours' as const },
      ]
      const all = [...rows, ...more]
      const written = withSpeed(readme, { ...run, ...runOf(all, goalsOf(all)) })
      expect(written).to.include('| map of 100,000 u32: hit: HashMap | 50 | Map 20 (2.50) |')
      expect(written).not.to.include('map of 1,000 u32')
    })

    it('shows losses', () => {
      const written = withSpeed(readme, run).replaceAll('\n', ' ')
      expect(written).to.include('| **best** method best over discipline memory | 20 | 40 | 60 | 0.56 | 33 | – |')
      expect(written).to.include('glibc (on 1 of 2 traces, 1.3 times at worst)')
      expect(written).to.include(
        'tlsf** of AssemblyScript, WebAssembly, called from JavaScript; finished 1 of 2 traces | – |',
      )
    })
  })
})
