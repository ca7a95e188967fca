/**
 * report: what `vmalloc report` says on the terminal and as data, and what it writes for viewers.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import { expect } from 'chai'
import { open } from '../src/index.ts'
import { readTrace } from '../src/node/traces.ts'
import { jsonOf } from '../src/profile/json.ts'
import { adviceOn, type Candidate, choose } from '../src/report/advice.ts'
import { historyOf, NEVER } from '../src/report/history.ts'
import { profileOf } from '../src/report/sites.ts'
import { type Summary, summarize } from '../src/report/summary.ts'
import { pointsOf, thin } from '../src/report/thin.ts'
import { parseTrace } from '../src/trace/format.ts'
import { replay } from '../src/trace/replay.ts'
import type { Trace } from '../src/trace/trace.ts'
import { command } from './fixtures/command.ts'
import { Dice, SEED } from './fixtures/dice.ts'
import { syntheticTrace } from './fixtures/synthetic.ts'

const root = join(import.meta.dirname, '..')
const recorded = join(root, 'test/traces')
const dot = join(recorded, 'dot-layout.rep.gz')
let folder = ''

function report(words: string[], options = '') {
  const { status, stdout, stderr } = spawnSync(process.execPath, [...command, 'report', ...words], {
    cwd: folder,
    encoding: 'utf8',
    env: { ...process.env, VMALLOC_OPTIONS: options },
    maxBuffer: 1 << 26,
  })
  return { status, stdout, stderr }
}

const traceOf = (...lines: string[]): Trace =>
  parseTrace(new TextEncoder().encode(['1', '0', '0', '0', ...lines, ''].join('\n')), 'made')

describe('summary', () => {
  const trace = traceOf('a 0 10', 'a 1 20', 'a 2 10', 'f 2', 'r 1 40', 'f 0', 'c 3 10', 'm 4 64 8', 'f 1', 'x', 'a 5 7')
  const { summary, running } = summarize(trace)

  it('counts operations, sizes and lives', () => {
    expect(summary.calls).to.deep.equal({
      allocs: 4,
      zeroed: 1,
      aligned: 1,
      resizes: 1,
      frees: 3,
      clears: 1,
      compacts: 0,
    })
    expect(summary.sizes).to.deep.include({ count: 6, least: 7, most: 20, median: 10, histogram: [0, 0, 0, 1, 4, 1] })
    expect(summary.sizes.mean).to.be.closeTo(65 / 6, 1e-9)
    // Blocks 2, 0 and 1 were freed after 1, 5 and 7 operations; the clear took 3 and 4 after 3 and 2.
    expect(summary.lifetimes).to.deep.include({ count: 5, least: 1, median: 3, most: 7, histogram: [0, 1, 2, 2] })
    expect(summary.left).to.deep.equal({ bytes: 7, blocks: 1 })
    expect(summary.lives).to.equal(undefined)
  })

  it('knows the peak, and what lived after each operation', () => {
    expect(summary.peak).to.deep.equal({ bytes: 58, blocks: 3, event: 7, ms: undefined })
    expect([...running.bytes]).to.deep.equal([10, 30, 40, 30, 50, 40, 50, 58, 18, 0, 7])
    expect([...running.blocks]).to.deep.equal([1, 2, 3, 2, 2, 1, 2, 3, 2, 0, 1])
  })

  it('tells what pool and last could serve', () => {
    expect(summary.distinct).to.equal(4)
    expect(summary.common[0]).to.deep.equal({ size: 10, allocs: 3, fixed: 3, peakBlocks: 2 })
    expect(summary.common).to.deep.include({ size: 20, allocs: 1, fixed: 0, peakBlocks: 1 })
    // Only block 2 was the newest when it was freed.
    expect(summary.lifo).to.deep.equal({ frees: 1, of: 3 })
    expect(summary.last).to.deep.include({ served: 1, of: 3 })
  })

  it(`knows what last gives back, as last does (SEED=${SEED})`, () => {
    const dice = new Dice(SEED)
    const lines: string[] = []
    const living: number[] = []
    for (let id = 0; id < 400; id++) {
      lines.push(`a ${id} ${dice.between(1, 100)}`)
      living.push(id)
      while (living.length > 0 && dice.once(2)) {
        const [gone] = living.splice(dice.once(5) ? dice.below(living.length) : -1, 1)
        lines.push(`f ${gone}`)
      }
    }
    const made = traceOf(...lines)
    const region = open({ method: 'last', discipline: 'memory' })
    const { refused } = replay(made, region)
    region.close()
    const { last } = summarize(made).summary
    expect(last.of - last.served).to.equal(refused)
  })

  it('tells regions and times apart', () => {
    const server = syntheticTrace(4000)
    const { summary } = summarize(server)
    expect(summary.regions.map(({ name }) => name).sort()).to.deep.equal(['cache', 'nodes', 'requests', 'text'])
    expect(summary.regions.reduce((sum, { events }) => sum + events, 0)).to.equal(4000)
    expect(summary.regions.find(({ name }) => name === 'nodes')).to.include({ sizes: 1 })
    expect(summary.ms).to.be.closeTo(server.times![3999]! - server.times![0]!, 1e-6)
    expect(summary.lives!.count).to.equal(summary.lifetimes.count)
  })
})

describe('history', () => {
  it('has every block where the region has it, at any moment', () => {
    const trace = syntheticTrace(3000)
    const { blocks, held, extent } = historyOf(trace, () => open({ discipline: 'memory' }))
    for (const moment of [1, 500, 1777, 3000]) {
      const region = open({ discipline: 'memory' })
      replay(trace, region, { until: moment })
      const there: string[] = []
      region.walk(({ at, size, state }) => {
        if (state === 'busy') there.push(`${at}:${size}`)
      })
      const isThen = (starts: number, ends: number) => starts <= moment && (ends > moment || ends === NEVER)
      const said = Array.from(blocks.starts, (start, i) =>
        isThen(start, blocks.ends[i]!) ? `${blocks.ats[i]}:${blocks.sizes[i]}` : '',
      )
      expect(said.filter(Boolean).sort()).to.deep.equal(there.sort())
      expect(extent[moment - 1]).to.equal(region.stat().extent)
      const heldThen = held.starts.reduce(
        (sum, start, i) => sum + (isThen(start, held.ends[i]!) ? held.sizes[i]! : 0),
        0,
      )
      expect(heldThen).to.equal(region.stat().extent)
      region.close()
    }
  })

  it('keeps a block whose free was refused', () => {
    const { refused, blocks } = historyOf(traceOf('a 0 8', 'a 1 8', 'f 0'), () => open({ method: 'last' }))
    expect(refused).to.equal(1)
    expect([...blocks.ends]).to.deep.equal([NEVER, NEVER])
  })
})

describe('thin', () => {
  it('keeps every peak of a long series', () => {
    const values = Float64Array.from({ length: 100_000 }, (_, i) => (i === 54_321 ? 999 : i === 54_322 ? -5 : i % 10))
    const [points, at] = [thin(values, 2000), pointsOf(values.length, 2000)]
    expect(points).to.have.length(2000)
    expect(at).to.have.length(2000)
    expect([points.indexOf(999), points.indexOf(-5)]).to.deep.equal([1086, 1087])
    expect(at[1086]).to.equal(54_300)
  })
  it('leaves a short one as it is', () => {
    expect([...thin(Float64Array.of(3, 1, 2), 2000)]).to.deep.equal([3, 1, 2])
    expect([...pointsOf(3, 2000)]).to.deep.equal([0, 1, 2])
  })
})

describe('profile of a trace', () => {
  it('adds up to the figures of the trace', () => {
    const trace = syntheticTrace(6000)
    const { summary } = summarize(trace)
    const { total, sites } = profileOf(trace, 'best', 0).profile
    expect(total).to.include({ allocs: summary.blocks, liveBytes: summary.left.bytes, liveBlocks: summary.left.blocks })
    expect(total).to.include({ peakBytes: summary.peak.bytes, peakBlocks: summary.peak.blocks })
    for (const key of ['allocs', 'frees', 'allocBytes', 'freeBytes', 'liveBytes', 'peakBytes', 'peakBlocks'] as const) {
      expect(
        sites.reduce((sum, site) => sum + site[key], 0),
        key,
      ).to.equal(total[key])
    }
    expect(sites.map(({ allocBytes }) => allocBytes)).to.deep.equal(
      sites.map((s) => s.allocBytes).toSorted((a, b) => b - a),
    )
    expect(sites.map(({ frames }) => frames[0]!.name).sort()).to.deep.equal([
      'body',
      'buffer',
      'entry',
      'grow',
      'header',
      'node',
      'text',
      'value',
    ])
  })
})

describe('advice', () => {
  const candidate = (change: Candidate['change'], nsPerOp: number, extent: number, failed = 0): Candidate => {
    return { title: change, change, how: '', nsPerOp, extent, failed, utilization: 0 }
  }
  it('wants a change to be worth its while', () => {
    expect(choose([candidate('none', 100, 100), candidate('option', 90, 100)]).chosen).to.equal(0)
    expect(choose([candidate('none', 100, 100), candidate('option', 50, 100)]).chosen).to.equal(1)
    expect(
      choose([candidate('none', 100, 100), candidate('option', 52, 100), candidate('program', 50, 100)]).chosen,
    ).to.equal(1)
    expect(choose([candidate('none', 100, 100), candidate('option', 50, 300)]).chosen).to.equal(0)
    expect(choose([candidate('none', 100, 100), candidate('option', 20, 20, 3)]).chosen).to.equal(0)
    expect(choose([candidate('none', 100, 100), candidate('option', 120, 50)]).why).to.equal(
      'It is 1.2 times as slow as none and holds 50 % less memory.',
    )
  })

  it('tries pool where there is one size, and a pool beside best where one is common', () => {
    const titles = (trace: Trace) =>
      adviceOn(trace, summarize(trace).summary, { passes: 1 }).candidates.map(({ title }) => title)
    const many = (size: (i: number) => number) => Array.from({ length: 120 }, (_, i) => `a ${i} ${size(i)}`)
    expect(titles(traceOf(...many(() => 24), 'f 0', 'f 1'))).to.deep.equal([
      'best',
      'best, merging at once',
      'last',
      'pool of 24',
    ])
    expect(titles(traceOf(...many((i) => (i % 3 === 2 ? 5 : 24))))).to.include('best, and a pool of 24')
    expect(titles(traceOf(...many(() => 24), 'r 0 30', ...many(() => 24).map((_, i) => `r ${i} 31`)))).to.deep.equal([
      'best',
      'best, merging at once',
      'last',
    ])
  })

  it('concludes nothing from the sizes of a few allocations', () => {
    const trace = traceOf('a 0 24', 'a 1 24', 'f 0', 'f 1')
    const { candidates, notes } = adviceOn(trace, summarize(trace).summary, { passes: 1 })
    expect(candidates.map(({ title }) => title)).to.deep.equal(['best', 'best, merging at once', 'last'])
    expect(notes).to.include('a pool was not replayed: 2 allocations do not say that there will be no other size')
  })

  it('gives each region its own', () => {
    const trace = syntheticTrace(20_000)
    const { regions, options } = adviceOn(trace, summarize(trace).summary, { passes: 1 })
    expect(regions.map(({ region }) => region).sort()).to.deep.equal(['cache', 'nodes', 'requests', 'text'])
    expect(options).to.equal(
      regions
        .map(({ advice }) => advice.options)
        .filter(Boolean)
        .join(),
    )
    const nodes = regions.find(({ region }) => region === 'nodes')!.advice.candidates
    expect(nodes.find(({ title }) => title === 'pool of 48')).to.include({ how: 'nodes.method=pool', change: 'option' })
    for (const { advice } of regions)
      for (const { failed, nsPerOp, extent } of advice.candidates) {
        expect(failed).to.equal(0)
        expect(nsPerOp).to.be.greaterThan(0)
        expect(extent).to.be.greaterThan(0)
      }
  })
})

describe('vmalloc report', () => {
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'vmalloc-report-'))
    writeFileSync(join(folder, 'small.rep'), '1\n2\n4\n300\na 0 100\na 1 200\nf 0\nf 1\n! a 5000\n')
    writeFileSync(join(folder, 'wrong.rep'), '1\n2\n4\n300\na 0 100\nf 1\n')
    writeFileSync(join(folder, 'other.json'), '{ "vmalloc": "nothing" }')
    writeFileSync(join(folder, 'cut.json'), '{ "vmalloc": "profile", "profi')
    writeFileSync(join(folder, 'app.pb.gz'), gzipSync('profile'))
    const { profile } = profileOf(syntheticTrace(2000), 'profile(best)', 123_456)
    writeFileSync(join(folder, 'app.json'), JSON.stringify(jsonOf([{ ...profile, region: 'packets' }])))
    writeFileSync(join(folder, 'packed.json.gz'), gzipSync(readFileSync(join(folder, 'app.json'))))
    const stacked = [
      '1',
      '0',
      '0',
      '0',
      'p 1 0 main (/app/a.js:3:1)',
      'p 2 1 load (/app/b.js:7:9)',
      's 2',
      'a 0 640',
      's 1',
      'a 1 16',
      'f 0',
    ]
    writeFileSync(join(folder, 'stacked.trace'), `${stacked.join('\n')}\n`)
  })
  after(() => rmSync(folder, { recursive: true }))

  it('says in text what a recorded trace did, and what would fit it', () => {
    const { status, stdout, stderr } = report([dot, '--passes', '1'])
    expect({ status, stderr }).to.deep.equal({ status: 0, stderr: '' })
    expect(stdout)
      .to.match(
        /^dot-layout {2}71,665 operations: 35,031 alloc, 8,009 alloc zeroed, 256 align, 4,624 resize, 23,745 free$/m,
      )
      .and.to.match(/^Peak +2\.2 MiB in 25,739 blocks after operation 58,430;/m)
      .and.to.match(/^Left live +1\.6 MiB in 19,551 blocks$/m)
      .and.to.match(/^ +32 B +6,360 +14\.7 % +5,899 +3,290$/m)
      .and.to.match(/^(→| ) +best +[\d.]+ +2\.5 MiB +90\.9 % +0$/m)
      .and.to.match(/^(→| ) +last +[\d.]+ +5\.8 MiB +38\.6 % +0$/m)
      .and.to.match(/^Recommended {2}best/m)
    expect(stdout.split('\n').every((line) => line.length <= 120)).to.equal(true)
  })

  it('says the same as data with --json', () => {
    const { status, stdout } = report([recorded, '--json', '--passes', '1'])
    expect(status).to.equal(0)
    const rows = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Summary & { file: string; advice: { candidates: Candidate[] } })
    expect(rows.map(({ trace }) => trace)).to.deep.equal(['dot-layout', 'ffmpeg-enc'])
    const [row] = rows
    const { summary } = summarize(readTrace(dot))
    const { advice, file, ...rest } = row!
    expect(rest).to.deep.equal(JSON.parse(JSON.stringify(summary)))
    expect(file).to.equal(dot)
    expect(advice.candidates.map(({ title }) => title)).to.include.members(['best', 'last'])
  })

  it('makes a page named after the input, or as asked', () => {
    const { status, stderr } = report(['small.rep', '--passes', '1', '--html'])
    expect(status).to.equal(0)
    expect(stderr).to.match(/^vmalloc: small\.html: [\d.]+ KiB written$/m)
    const page = readFileSync(join(folder, 'small.html'), 'utf8')
    expect(page)
      .to.match(/^<!doctype html>/)
      .and.to.contain('<title>small · vmalloc</title>')
    expect(page).not.to.match(/<(script|link|img)[^>]+(src|href)=/)
    expect(report(['app.json', '--html', 'other.html']).status).to.equal(0)
    expect(readFileSync(join(folder, 'other.html'), 'utf8')).to.contain('<title>packets · vmalloc</title>')
  })

  it('shows the method that is asked for', () => {
    report(['small.rep', '--passes', '1', '--html', 'last.html', '--method', 'last'])
    expect(readFileSync(join(folder, 'last.html'), 'utf8')).to.contain('"method":"last"')
    report(['small.rep', '--passes', '1', '--html', 'env.html'], 'method=last')
    expect(readFileSync(join(folder, 'env.html'), 'utf8')).to.contain('"method":"last"')
  })

  it('says how many frees a method refused, and not what debug found of each', () => {
    for (const method of ['last', 'debug(last)']) {
      const words = ['small.rep', '--passes', '1', '--html', 'refused.html', '--method', method]
      const { status, stdout, stderr } = report(words)
      expect(status).to.equal(0)
      expect(stdout).not.to.contain('bad-free')
      expect(stderr.trimEnd().split('\n')).to.deep.equal([
        `vmalloc: small.rep: ${method} refused 1 of 2 frees; their blocks stay in the map`,
        stderr.match(/^vmalloc: refused\.html: [\d.]+ KiB written$/m)?.[0],
        ...(method === 'last'
          ? []
          : ['vmalloc: small.rep: what the method debug found in the replays is not written: 1 bad-free']),
      ])
      expect(readFileSync(join(folder, 'refused.html'), 'utf8')).to.contain('"refused":1')
    }
  })

  it('counts what debug finds where the environment puts it into every replay', () => {
    const { status, stderr } = report(['small.rep', '--passes', '1'], '*.method=debug(last)')
    expect(status).to.equal(0)
    expect(stderr).to.match(
      /^vmalloc: small\.rep: what the method debug found in the replays is not written: \d+ bad-free\n$/,
    )
  })

  it('shows call sites, and writes them for viewers', () => {
    const { status, stdout, stderr } = report([
      'stacked.trace',
      '--passes',
      '1',
      '--pprof',
      'a.pb.gz',
      '--heapprofile',
      'a.heapprofile',
    ])
    expect(stderr).to.match(/a\.pb\.gz: .* written\n.*a\.heapprofile: .* written\n$/)
    expect(status).to.equal(0)
    expect(stdout).to.match(/^ +640 B +97\.6 % +1 +640 B +0 B +load \(b\.js:7:9\) ← main$/m)
    expect(gunzipSync(readFileSync(join(folder, 'a.pb.gz'))).includes('load')).to.equal(true)
    const { head } = JSON.parse(readFileSync(join(folder, 'a.heapprofile'), 'utf8'))
    expect(head.children[0].children[0].callFrame.functionName).to.equal('main')
  })

  it('reads profiles, packed or not', () => {
    for (const file of ['app.json', 'packed.json.gz']) {
      const { status, stdout } = report([file, '--pprof', 'p.pb'])
      expect(status).to.equal(0)
      expect(stdout).to.match(/^packets: profile\(best\)/)
      expect(readFileSync(join(folder, 'p.pb')).includes('parseValue')).to.equal(true)
    }
    const { stdout } = report(['app.json', '--json'])
    expect(JSON.parse(stdout).profiles[0].region).to.equal('packets')
  })

  it('reads what mtrace of the C library wrote', () => {
    const { status, stdout } = report([join(root, 'test/fixtures/mtraced.mtrace'), '--passes', '1'])
    expect(status).to.equal(0)
    expect(stdout)
      .to.match(/ operations: .* alloc/)
      .and.to.match(/^Recommended/m)
  })

  it('goes on after a file that fails, and exits with 1', () => {
    const { status, stdout, stderr } = report([
      'none.rep',
      'wrong.rep',
      'other.json',
      'cut.json',
      'app.pb.gz',
      'small.rep',
      '--passes',
      '1',
    ])
    expect(status).to.equal(1)
    expect(stdout).to.match(/^small {2}4 operations/)
    const [none, wrong, other, cut, packed, ...rest] = stderr.trimEnd().split('\n')
    expect(none).to.match(/^vmalloc: none\.rep: ENOENT/)
    expect(wrong).to.match(/^vmalloc: wrong\.rep, line 6: id 1, which was never allocated, expected/)
    expect(other).to.equal(
      'vmalloc: other.json: JSON that is no profile, expected { "vmalloc": "profile", "profiles": [...] } or a trace',
    )
    expect(cut).to.match(/^vmalloc: cut\.json: not JSON all through \(.*\), expected a profile or a trace$/)
    expect(packed).to.match(
      /^vmalloc: app\.pb\.gz: a profile for pprof, .* expected one of profile=FILE\.json, or a trace$/,
    )
    expect(rest).to.deep.equal([])
  })

  // biome-ignore format: a table
  const misuses: [words: string[], status: number, message: RegExp][] = [
    [[], 2, /report: no file/],
    [['--html', 'small.rep'], 2, /report: no file, expected traces or profiles before --html/],
    [['small.rep', '--html', 'app.json'], 2, /--html app\.json: expected a name that ends in \.html/],
    [['small.rep', 'app.json', '--html', 'x.html'], 2, /--html x\.html: one file for 2 reports/],
    [['small.rep', '--method', 'bets'], 2, /unknown method "bets": did you mean "best"\?/],
    [['small.rep', '--passes', '0'], 2, /--passes 0: expected a whole number from 1/],
    [['small.rep', '--pprof', 'x.pb'], 1, /small\.rep: a trace without stacks, expected one with stacks to make x\.pb/],
  ]
  for (const [words, expected, message] of misuses) {
    it(`exits with ${expected} at report ${words.join(' ')}`, () => {
      const { status, stdout, stderr } = report(words)
      expect({ status, stdout }).to.deep.equal({ status: expected, stdout: '' })
      expect(stderr)
        .to.match(message)
        .and.to.match(/^vmalloc: .*\n$/)
      expect(existsSync(join(folder, 'x.html')) || existsSync(join(folder, 'x.pb'))).to.equal(false)
    })
  }
})
