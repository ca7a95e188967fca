/**
 * debug-program: the method debug is chosen when a program starts, by VMALLOC_OPTIONS alone. The programs are in
 * test/fixtures/debug-programs; they know nothing of debug, and each runs as a process of its own.
 *
 *   standard error   '--- WHAT'   the program says what it does next
 *                    a report     as the option `format` has it; most tests read the lines of format=json
 *   standard out     the addresses that the reports must name, as JSON
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect } from 'chai'
import { transformSync } from 'esbuild'
import { findingKinds } from '../src/contract/finding.ts'
import type { Frame } from '../src/ground/stacks.ts'
import { isAt, marked } from './fixtures/debug.ts'

const root = join(import.meta.dirname, '..')
const programs = join(import.meta.dirname, 'fixtures/debug-programs')
const loader = pathToFileURL(join(root, 'scripts/ts.mjs')).href
const STEP = '--- '
const KEYS = [
  ...['kind', 'what', 'region', 'method', 'address', 'size', 'offset', 'bytes'],
  ...['allocated', 'freed', 'detected', 'blocks', 'total'],
]

/** One line of format=json. */
interface Told {
  kind: string
  what: string
  region: string
  method: string
  address: number
  size: number
  offset: number
  bytes: { at: number; hex: string } | null
  allocated: Frame[] | null
  freed: Frame[] | null
  detected: Frame[] | null
  blocks: number
  total: number
}

interface Outcome {
  status: number | null
  pid: number
  stdout: string
  stderr: string
}

interface RunOptions {
  args?: string[]
  node?: string[]
}

/** Runs a program of the folder, or one that has a path. */
function run(program: string, options: string, { args = [], node = [] }: RunOptions = {}): Outcome {
  const file = program.includes('/') ? program : join(programs, `${program}.ts`)
  const { status, pid, stdout, stderr, error } = spawnSync(
    process.execPath,
    [...node, '--import', loader, file, ...args],
    { cwd: root, env: { ...process.env, VMALLOC_OPTIONS: options }, encoding: 'utf8', timeout: 30_000 },
  )
  if (error !== undefined) throw error
  return { status, pid, stdout, stderr }
}

/** The same with format=json: what it printed, and what came on standard error: steps, and what was told between them. */
function told<T>(program: string, options: string, how: RunOptions = {}) {
  const outcome = run(program, `${options},format=json`, how)
  const lines = outcome.stderr.split('\n').filter((line) => line.startsWith(STEP) || line.startsWith('{"kind"'))
  const steps = new Map<string, Told[]>([['', []]])
  let step = ''
  for (const line of lines) {
    if (line.startsWith(STEP)) steps.set((step = line.slice(STEP.length)), steps.get(step) ?? [])
    else steps.get(step)!.push(JSON.parse(line))
  }
  const all = [...steps.values()].flat()
  for (const finding of all) expectWhole(finding)
  expect(outcome.stdout, outcome.stderr).to.match(/^[{[]/)
  return { ...outcome, printed: JSON.parse(outcome.stdout) as T, steps, all }
}

const framesIn = ({ allocated, freed, detected }: Told): Frame[] =>
  [allocated, freed, detected].flatMap((frames) => frames ?? [])

/** All keys are there, and no stack has a frame of this package. */
function expectWhole(finding: Told): void {
  expect(Object.keys(finding)).to.deep.equal(KEYS)
  expect(findingKinds).to.include(finding.kind)
  for (const { file } of framesIn(finding)) {
    for (const folder of ['src', 'methods', 'disciplines']) expect(file).to.not.include(join(root, folder))
  }
}

/** What a finding says, less its stacks and bytes. */
const gist = ({ kind, region, method, address, size, offset }: Told) => ({
  kind,
  region,
  method,
  address,
  size,
  offset,
})

/** Marks of the lines where each stack must begin. */
type Marks = { [side in 'allocated' | 'freed' | 'detected']?: string }

function expectAt(finding: Told | undefined, file: string, marks: Marks): void {
  const line = marked(file)
  expect(finding, 'a finding').to.not.equal(undefined)
  for (const side of ['allocated', 'freed', 'detected'] as const) {
    const mark = marks[side]
    const frames = finding![side]
    if (mark === undefined) expect(frames, `${side}: ${finding!.what}`).to.equal(null)
    else expect(isAt(frames ?? undefined, line(mark)), `${side}: ${JSON.stringify(frames?.[0])}`).to.equal(true)
  }
}

const fileOf = (program: string): string => join(programs, `${program}.ts`)

interface Errors {
  far: number
  twice: number
  late: number
  leaked: number
  farC: number
  twiceC: number
  lateC: number
  leakedC: number
}

/** What is told of the program `errors`, in this order. */
function expectedOf(printed: Errors): [ReturnType<typeof gist>, Marks][] {
  const own = { region: 'packets', method: 'debug(best)', offset: 0 }
  const c = { ...own, region: 'malloc' }
  const { far, twice, late, leaked, farC, twiceC, lateC, leakedC } = printed
  return [
    [
      { ...own, kind: 'overflow', address: far, size: 24, offset: 24 },
      { allocated: 'make', detected: 'drop' },
    ],
    [
      { ...own, kind: 'double-free', address: twice, size: 40 },
      { allocated: 'make', freed: 'drop', detected: 'dropAgain' },
    ],
    [
      { ...c, kind: 'overflow', address: farC, size: 33, offset: 33 },
      { allocated: 'makeC', detected: 'dropC' },
    ],
    [
      { ...c, kind: 'double-free', address: twiceC, size: 40 },
      { allocated: 'makeC', freed: 'dropC', detected: 'dropAgainC' },
    ],
    [
      { ...own, kind: 'write-after-free', address: late, size: 50, offset: 3 },
      { allocated: 'make', freed: 'drop' },
    ],
    [{ ...own, kind: 'leak', address: leaked, size: 60 }, { allocated: 'keep' }],
    [
      { ...c, kind: 'write-after-free', address: lateC, size: 50 },
      { allocated: 'makeC', freed: 'dropC' },
    ],
    [{ ...c, kind: 'leak', address: leakedC, size: 70 }, { allocated: 'keepC' }],
  ]
}

/** A line of the program `errors`, as `file:line`. */
const lineOf = (mark: string): string => `errors.ts:${marked(fileOf('errors'))(mark).line}`

function expectErrors({ printed, all }: { printed: Errors; all: Told[] }, file = fileOf('errors')): void {
  const expected = expectedOf(printed)
  expect(all.map(gist)).to.deep.equal(expected.map(([finding]) => finding))
  for (const [i, [{ kind }, marks]] of expected.entries()) {
    const atExit = kind === 'write-after-free' // the end of the program noticed it, not one of its lines
    expectAt(atExit ? { ...all[i]!, detected: null } : all[i], file, marks)
    expect(all[i]!.bytes === null, `bytes of ${kind}`).to.equal(kind === 'double-free' || kind === 'leak')
  }
}

describe('debug in a program that does not know it', function () {
  this.timeout(60_000)
  let folder: string
  before(() => void (folder = mkdtempSync(join(tmpdir(), 'vmalloc-debug-'))))
  after(() => rmSync(folder, { recursive: true, force: true }))

  describe('writes its reports', () => {
    it('not at all where nobody asked for debug', () => {
      const { status, stdout, stderr } = run('errors', '')
      expect([status, stderr]).to.deep.equal([0, ''])
      expect(JSON.parse(stdout)).to.have.property('far').greaterThan(0)
    })

    it('as text, with lines of the sources', () => {
      const { status, stdout, stderr } = run('errors', 'method=debug')
      const printed: Errors = JSON.parse(stdout)
      expect(status).to.equal(0)
      const reports = stderr.trimEnd().split(/\n(?=vmalloc: )/)
      const heads = reports.map((report) => /^vmalloc: ([a-z-]+): .+$/m.exec(report)?.[1])
      expect(heads).to.deep.equal(expectedOf(printed).map(([{ kind }]) => kind))
      const [first, second] = reports.map((report) => report.split('\n'))
      expect(first!.slice(0, 3)).to.deep.equal([
        'vmalloc: overflow: 1 byte behind the block was written, from offset 24 on',
        `  block of 24 bytes at ${printed.far}, region packets, method debug(best)`,
        '  first bad byte at offset 24:',
      ])
      const bad = first!.filter((row) => row.includes('[07]'))
      expect(bad).to.have.length(1)
      expect(bad[0]!).to.match(/^ +\d+( {2}[0-9a-f]{2} | \[07\]|( [0-9a-f]{2} )){1,16}/)
      expect(first!.join('\n')).to.match(
        new RegExp(
          `\\n  allocated by\\n    make \\(\\S*${lineOf('make')}:\\d+\\)\\n.*\\n` +
            `  found by\\n    drop \\(\\S*${lineOf('drop')}:\\d+\\)\\n`,
        ),
      )
      expect(second!.filter((row) => !row.startsWith('    ')).slice(2)).to.deep.equal([
        '  allocated by',
        '  freed by',
        '  found by',
      ])
      const frames = stderr.split('\n').filter((row) => /:\d+:\d+\)?$/.test(row))
      for (const frame of frames) expect(frame, 'of this package').to.not.match(/\/(src|methods|disciplines)\//)
    })

    it('as the lines of AST, format=ast', () => {
      const { stdout, stderr } = run('errors', 'method=debug,format=ast')
      const { far, twice, late, leaked, farC, twiceC, lateC, leakedC }: Errors = JSON.parse(stdout)
      const place = (mark: string) => lineOf(mark).replace(':', ',')
      const known = (address: number, region = 'packets') => `region=${region}:block=${address.toString(16)}`
      const by = (who: string, mark: string) => `${who} at=${place(mark)}`
      const found = (mark: string) => `detected at=${place(mark)},${mark}`
      const lines = stderr
        .trimEnd()
        .split('\n')
        .map((text) => text.replace(/detected at=node[^:]*:$/, '')) // what the end of the program noticed
      expect(lines).to.deep.equal([
        `corrupted data:${known(far)}:bad byte at=24:${by('allocated', 'make')}:${found('drop')}:`,
        `free error:${known(twice)}:already freed:${by('allocated', 'make')}:${by('freed', 'drop')}:${found('dropAgain')}:`,
        `corrupted data:${known(farC, 'malloc')}:bad byte at=33:${by('allocated', 'makeC')}:${found('dropC')}:`,
        `free error:${known(twiceC, 'malloc')}:already freed:${by('allocated', 'makeC')}:${by('freed', 'dropC')}:${found('dropAgainC')}:`,
        `corrupted data:${known(late)}:bad byte at=3:${by('allocated', 'make')}:${by('freed', 'drop')}:`,
        `leak:${known(leaked)}:size=60:blocks=1:${by('allocated', 'keep')}:`,
        `corrupted data:${known(lateC, 'malloc')}:bad byte at=0:${by('allocated', 'makeC')}:${by('freed', 'dropC')}:`,
        `leak:${known(leakedC, 'malloc')}:size=70:blocks=1:${by('allocated', 'keepC')}:`,
      ])
    })

    it('as JSON, one object a line, format=json', () => {
      const outcome = told<Errors>('errors', 'method=debug')
      expectErrors(outcome)
      expect(outcome.stderr.trimEnd().split('\n')).to.have.length(8)
      const { bytes, address, offset } = outcome.all[0]!
      expect(bytes!.hex).to.match(/^([0-9a-f]{2})+$/)
      expect(bytes!.hex.slice(2 * (address + offset - bytes!.at)).slice(0, 4)).to.equal('07ad')
    })

    it('not at all, format=none', () => {
      const { status, stderr } = run('errors', 'method=debug,format=none')
      expect([status, stderr]).to.deep.equal([0, ''])
    })

    it('at the end of a file, warn=FILE', () => {
      const file = join(folder, 'told.txt')
      writeFileSync(file, 'before\n')
      const { stdout, stderr } = run('errors', `method=debug,format=json,warn=${file}`)
      const [first, ...lines] = readFileSync(file, 'utf8').trimEnd().split('\n')
      expect([first, stderr]).to.deep.equal(['before', ''])
      expectErrors({ printed: JSON.parse(stdout), all: lines.map((line) => JSON.parse(line)) })
    })

    it('on standard error where the file of warn cannot be written', () => {
      const file = join(folder, 'no-such-folder', 'told.txt')
      expectErrors(told<Errors>('errors', `method=debug,warn=${file}`))
      expect(existsSync(file)).to.equal(false)
    })

    it('with lines of the sources where the program was compiled and made small', () => {
      const source = readFileSync(fileOf('errors'), 'utf8')
      const { code, map } = transformSync(
        source.replace('../../../src/index.ts', pathToFileURL(join(root, 'src/index.ts')).href),
        {
          loader: 'ts',
          format: 'esm',
          minify: true,
          sourcemap: true,
          sourcefile: pathToFileURL(fileOf('errors')).href,
        },
      )
      expect(code.trimEnd().split('\n').length).to.be.below(5)
      const compiled = join(folder, 'errors.mjs')
      writeFileSync(compiled, `${code}//# sourceMappingURL=errors.mjs.map\n`)
      writeFileSync(`${compiled}.map`, map)
      expectErrors(told<Errors>(compiled, 'method=debug'))
    })
  })

  describe('records stacks', () => {
    const sides = (all: Told[]) => all.map(({ allocated, freed }) => [allocated?.length ?? 0, freed?.length ?? 0])

    it('as deep as `depth` says: 0, 1', () => {
      const none = told<Errors>('errors', 'method=debug,depth=0')
      expect(none.all.map(gist)).to.deep.equal(expectedOf(none.printed).map(([finding]) => finding))
      expect(sides(none.all)).to.deep.equal(none.all.map(() => [0, 0]))
      expectAt(none.all[0], fileOf('errors'), { detected: 'drop' })

      const one = told<Errors>('errors', 'method=debug,depth=1')
      expectErrors(one)
      const lengths = one.all.flatMap(framesIn).length
      expect(lengths).to.equal(one.all.flatMap((f) => [f.allocated, f.freed, f.detected].filter(Boolean)).length)
    })

    it('of one call in so many, nth', () => {
      const { printed, all } = told<Errors>('errors', 'method=debug,nth=2')
      expect(all.map(gist)).to.deep.equal(expectedOf(printed).map(([finding]) => finding))
      // of packets: alloc free ALLOC FREE alloc free ALLOC, every second of each; of malloc the same
      const recorded = (region: string) => sides(all.filter((finding) => finding.region === region))
      const isThere = (lengths: number[][]) => lengths.map((pair) => pair.map((length) => length > 0))
      for (const region of ['packets', 'malloc']) {
        expect(isThere(recorded(region)), region).to.deep.equal([
          [false, false], // overflow: it is live when that is noticed
          [true, true],
          [false, false],
          [true, false], // the leak
        ])
      }
    })
  })

  describe('abort', () => {
    const heads = (stderr: string) => stderr.split('\n').filter((row) => row.startsWith('vmalloc: '))

    it('ends the program with the first report, and tells nothing after it', () => {
      const { status, stdout, stderr } = run('aborted', 'method=debug,abort')
      expect([status, stdout]).to.deep.equal([1, ''])
      expect(stderr).to.include('VmallocError: vmalloc: overflow: 1 byte behind the block')
      expect(stderr).to.match(/aborted\.ts:\d+/)
      expect(heads(stderr)).to.deep.equal(['vmalloc: overflow: 1 byte behind the block was written, from offset 24 on'])
    })

    it('throws each report to a program that catches it', () => {
      const { status, stdout, stderr } = run('aborted', 'method=debug,abort,format=none,noleaks', { args: ['caught'] })
      expect([status, stderr]).to.deep.equal([0, ''])
      const [caught, end] = stdout.split('\n')
      expect(JSON.parse(caught!)).to.deep.equal([
        'reported overflow vmalloc: overflow: 1 byte behind the block was written, from offset 24 on',
        'reported double-free vmalloc: double-free: free of a block that was freed before',
      ])
      expect(end).to.equal('went on')
    })

    it('makes a leak that the end shows a failure of the program', () => {
      const { status, stdout, stderr } = run('aborted', 'method=debug,abort', { args: ['caught'] })
      expect(status).to.not.equal(0)
      expect(stdout).to.include('went on')
      expect(heads(stderr).at(-1)).to.equal('vmalloc: leak: 10 bytes were never freed')
    })
  })

  describe('looks at all blocks', () => {
    /** After which of the program's calls the overflow was told. */
    function noticedAt(options: string): number {
      const { stderr } = run('calls', `method=debug,${options},format=json`)
      const lines = stderr.trimEnd().split('\n')
      const reports = lines.flatMap((line, i) => (line.startsWith('{') ? [{ line, call: lines[i - 1]! }] : []))
      expect(reports, stderr).to.have.length(1)
      expect(JSON.parse(reports[0]!.line)).to.include({ kind: 'overflow', size: 24, offset: 30 })
      return Number(/^--- (\d+) /.exec(reports[0]!.call)![1])
    }

    it('at the free of the damaged one, unless `period` or `start` says otherwise', () => {
      expect(noticedAt('period=0')).to.equal(22)
    })

    it('every `period` calls from `start` on', () => {
      expect(noticedAt('period=1'), 'the call after the mistake').to.equal(2)
      expect(noticedAt('period=7'), 'calls 1, 8, 15, 22').to.equal(8)
      expect(noticedAt('start=12'), 'every call from then on').to.equal(13)
      expect(noticedAt('start=4,period=9'), 'calls 5, 14').to.equal(5)
    })
  })

  it('watch: tells each allocation, resize and free of what holds the address', () => {
    const { at, aligned, below } = told<Record<string, number>>('watched', '*.method=debug,noleaks').printed
    const watch = (options: string) => told('watched', `*.method=debug,noleaks,${options}`).steps
    const line = marked(fileOf('watched'))
    const expectSteps = (steps: Map<string, Told[]>, block: number, offset: number, wanted: Record<string, string>) => {
      const seen = [...steps].filter(([, findings]) => findings.length > 0)
      expect(seen.map(([step]) => step)).to.deep.equal(Object.keys(wanted))
      for (const [step, findings] of seen) {
        const [mark, what] = wanted[step]!.split(': ')
        expect(
          findings.map(({ kind, address, offset }) => ({ kind, address, offset })),
          step,
        ).to.deep.equal([{ kind: 'watch', address: block, offset }])
        expect(findings[0]!.what, step).to.equal(`the block that holds ${block + offset} is ${what}`)
        expect(isAt(findings[0]!.detected ?? undefined, line(mark!)), step).to.equal(true)
      }
    }
    expectSteps(watch(`packets.watch=${at! + 2}`), at!, 2, {
      alloc: 'alloc: allocated',
      shrink: 'shrink: resized from 100 to 60 bytes',
      grow: 'grow: resized from 60 to 80 bytes',
      move: 'move: freed',
    })
    expectSteps(watch(`packets.watch=0x${(aligned! + 2999).toString(16)}`), aligned!, 2999, {
      aligned: 'align: allocated',
      free: 'free: freed',
    })
    expectSteps(watch(`stack.watch=${below! + 39}`), below!, 39, {
      'stack alloc': 'stackAlloc: allocated',
      'stack move': 'stackMove: freed',
    })
  })

  describe('tells of ends', () => {
    const ways: Record<string, number> = { end: 0, exit: 3, throw: 1 }
    const file = fileOf('endings')

    for (const [way, code] of Object.entries(ways)) {
      it(`leaks at close and at the end (${way}), calls of what is closed, frees of what is cleared`, () => {
        const { status, steps, printed } = told<{ first: number; second: number; gone: number; kept: number[] }>(
          'endings',
          '*.method=debug',
          { args: [way] },
        )
        expect(status).to.equal(code)
        const { first, second, gone, kept } = printed
        const atClose = steps.get('')!
        expect(atClose.map(({ kind, region, blocks, total }) => [kind, region, blocks, total])).to.deep.equal([
          ['leak', 'closed', 3, 300],
          ['leak', 'closed', 1, 8],
        ])
        expectAt(atClose[0], file, { allocated: 'many' })
        expectAt(atClose[1], file, { allocated: 'few' })
        expect(atClose[1]!.address).to.equal(first)

        const afterClose = steps.get('closed')!
        expect(afterClose.map(({ kind, region, address, size }) => [kind, region, address, size])).to.deep.equal([
          ['use-after-close', 'closed', first, 0],
          ['use-after-close', 'closed', 0, 33],
          ['use-after-close', 'closed', second, 0],
        ])
        for (const [i, mark] of ['freeLate', 'allocLate', 'resizeLate'].entries()) {
          expectAt(afterClose[i], file, { freed: 'close', detected: mark })
        }

        const afterClear = steps.get('used')!
        expect(afterClear.map(gist)).to.deep.equal([
          { kind: 'use-after-clear', region: 'cleared', method: 'debug(pool)', address: gone, size: 8, offset: 0 },
        ])
        expectAt(afterClear[0], file, { allocated: 'few', freed: 'clear', detected: 'freeCleared' })

        const atEnd = steps.get('cleared')!
        expect(atEnd.map(({ kind, region, address, size }) => [kind, region, address, size])).to.deep.equal([
          ['leak', 'left', kept[0], 100],
          ['leak', 'left', kept[2], 100],
          ['leak', 'left', kept[1], 8],
          ['leak', 'malloc', atEnd.at(-1)!.address, 5],
        ])
        expectAt(atEnd[2], file, { allocated: 'few' })
      })
    }

    it('noleaks: silent about leaks, and about nothing else', () => {
      const { all } = told('endings', '*.method=debug,noleaks', { args: ['end'] })
      expect(all.map(({ kind }) => kind)).to.deep.equal([...Array(3).fill('use-after-close'), 'use-after-clear'])
    })
  })

  describe('tells of a region that nobody has any more and nobody closed', () => {
    const how = { node: ['--expose-gc'] }
    const COLLECTED = ['closed', 'dropped', 'inner', 'nested', 'outer', 'silent']

    it('once, with the calls that opened it; not of one that asked for silence', () => {
      const { status, printed, all, steps } = told<string[]>('lost', 'method=debug', how)
      const perRegion: Record<string, number> = {}
      for (const { region } of all) perRegion[region] = (perRegion[region] ?? 0) + 1
      expect(perRegion).to.deep.equal({ dropped: 1, nested: 1, outer: 1, inner: 1 })
      expect([status, printed]).to.deep.equal([0, COLLECTED])
      expect(steps.get('end'), 'at the close of what they were nested in').to.deep.equal([])
      for (const finding of all) {
        expect(finding).to.include({ kind: 'leak', method: 'debug(best)', offset: 0 })
        expect(finding.allocated![0]).to.include(marked(fileOf('lost'))(finding.region))
      }
      const { what, size } = all.find(({ region }) => region === 'nested')!
      expect(what).to.match(/holds 50 bytes in 1 block\b/)
      expect(size).to.be.greaterThan(50)
    })

    it('not with noleaks', () => {
      const { printed, all } = told<string[]>('lost', 'method=debug,noleaks', how)
      expect([printed, all]).to.deep.equal([COLLECTED, []])
    })

    it('not where it is not debugged', () => {
      const { status, stderr } = run('lost', '', how)
      expect([status, stderr]).to.deep.equal([0, '--- end\n'])
    })
  })

  describe('wraps what the program chose', () => {
    const args = ['packets=pool', 'stack=last', 'plain', 'asked=debug(last)', 'counted=profile(pool)']
    const heap = { heap: 'best' }

    // biome-ignore format: a table
    const rows: [options: string, methods: Record<string, string>][] = [
      ['packets.method=debug', { packets: 'debug(pool)', stack: 'last', plain: 'best', asked: 'debug(last)', counted: 'profile(pool)', malloc: 'best' }],
      ['method=debug', { packets: 'pool', stack: 'last', plain: 'debug(best)', asked: 'debug(last)', counted: 'profile(pool)', malloc: 'debug(best)' }],
      ['*.method=debug', { packets: 'debug(pool)', stack: 'debug(last)', plain: 'debug(best)', asked: 'debug(last)', counted: 'debug(profile(pool))', malloc: 'debug(best)' }],
      ['method=debug(last),packets.method=debug(best)', { packets: 'debug(best)', stack: 'last', plain: 'debug(last)', asked: 'debug(last)', counted: 'profile(pool)', malloc: 'debug(last)' }],
      ['*.method=debug(pool),plain.method=best', { packets: 'debug(pool)', stack: 'debug(pool)', plain: 'best', asked: 'debug(pool)', counted: 'debug(pool)', malloc: 'debug(pool)' }],
    ]
    for (const [options, methods] of rows) {
      it(options, () => {
        const { printed, all } = told<Record<string, string>>('chosen', `${options},profile=${folder}/p.json`, { args })
        expect(printed).to.deep.equal({ ...methods, ...heap })
        const found = all
          .filter(({ kind }) => kind === 'overflow')
          .map(({ region, method, offset }) => [region, method, offset])
        const debugged = Object.entries(methods).filter(
          ([name, method]) => name !== 'malloc' && method.includes('debug'),
        )
        expect(found).to.deep.equal(debugged.map(([name, method]) => [name, method, 24]))
      })
    }

    it('the heap by its name alone', () => {
      const { stdout, stderr } = run('chosen', 'heap.method=debug', { args: ['plain'] })
      expect(JSON.parse(stdout)).to.deep.equal({ plain: 'best', malloc: 'best', heap: 'debug(best)' })
      expect(stderr).to.equal('')
    })

    it('and says what it does not know, once', () => {
      const options = '*.method=debug(nothing),plain.method=dbug,*.level=9,*.format=json'
      const { status, stdout, stderr } = run('chosen', options, { args: ['plain', 'stack=last'] })
      expect(status).to.equal(0)
      expect(JSON.parse(stdout)).to.deep.equal({ plain: 'best', stack: 'last', malloc: 'best', ...heap })
      const lines = stderr.trimEnd().split('\n')
      for (const part of [
        'unknown method "nothing"',
        'did you mean "debug"?',
        'level=9: expected a number from 1 to 4',
        'format',
      ]) {
        expect(
          lines.filter((text) => text.includes(part)),
          part,
        ).to.have.length(1)
      }
      expect(lines).to.have.length(4)
    })
  })

  describe('threads', () => {
    let main: Told[]
    let worker: Told[]
    let own: string
    let printed: { code: number; at: number; far: number; twice: number }
    const file = fileOf('threads')
    const short = ({ kind, region, size }: Told) => [kind, region, size]
    const isNoLeak = ({ kind }: Told) => kind !== 'leak'

    before(() => {
      const warn = join(folder, 'thread-%p-%t.jsonl')
      const { status, pid, stdout, stderr } = run('threads', `method=debug,format=json,warn=${warn}`, {
        node: ['--expose-gc'],
      })
      expect([status, stderr]).to.deep.equal([0, ''])
      printed = JSON.parse(stdout)
      expect(printed.code, 'of the worker').to.equal(0)
      const names = readdirSync(folder).filter((name) => name.startsWith(`thread-${pid}-`))
      expect(names, 'a file for each').to.have.length(2)
      const read = (isMain: boolean): Told[] => {
        const name = names.find((name) => name.endsWith('-0.jsonl') === isMain)!
        if (!isMain) own = `own-${/-(\d+)\.jsonl$/.exec(name)![1]}`
        const lines = readFileSync(join(folder, name), 'utf8').trimEnd().split('\n')
        return lines.map((line) => JSON.parse(line))
      }
      main = read(true)
      worker = read(false)
      for (const finding of [...main, ...worker]) expectWhole(finding)
    })

    it('tell of their own regions and of those they share, each what it noticed', () => {
      const { at, far, twice } = printed
      expect(worker.filter(isNoLeak).map((finding) => [...short(finding), finding.address])).to.deep.equal([
        ['overflow', own, 30, at],
        ['overflow', 'shared', 20, far],
      ])
      expect(main.filter(isNoLeak).map((finding) => [...short(finding), finding.address])).to.deep.equal([
        ['overflow', 'own-0', 30, at],
        ['double-free', 'shared', 28, twice],
      ])
      expectAt(worker[0], file, { allocated: 'makeOwn', detected: 'dropOwn' })
      expectAt(worker[1], file, { detected: 'workerDrop' }) // another thread has the stack that allocated
      expectAt(main[1], file, { allocated: 'makeTwice', detected: 'mainAgain' })
    })

    it('tell of leaks in regions of their own when they end, not in those that another one opened', () => {
      const leaks = (findings: Told[]) => findings.filter((finding) => !isNoLeak(finding))
      expect(leaks(worker).map(short)).to.deep.equal([['leak', own, 30]])
      expect(leaks(main).map(short)).to.deep.equal([['leak', 'own-0', 30]])
      expectAt(leaks(worker)[0], file, { allocated: 'makeOwn' })
      expectAt(leaks(main)[0], file, { allocated: 'makeOwn' })
    })
  })
})
