/**
 * account-report: who holds the memory, as text, as JSON and back, as the difference of two moments, as what was not
 * freed; and in the file of `report=FILE`, however the program ends.
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { widthOf } from '../src/account/table.ts'
import {
  account,
  diff,
  diffText,
  leaks,
  leaksText,
  type Report,
  readReport,
  report,
  reportJson,
  reportText,
  saveReport,
} from '../src/account.ts'
import { injectOptions, open, type Region, VmallocError } from '../src/index.ts'
import { expectFault } from './fixtures/faults.ts'

const TAKEN = Date.UTC(2026, 0, 31, 12)

/** The same each time: of one process and moment, and without what headers and the room of nested regions come to. */
function steady(found: Report): Report {
  const regions = found.regions.map((region) => ({
    ...region,
    extent: 16_384,
    ...(region.accounts === undefined && { busyBytes: 2000, highTide: 4096 }),
  }))
  return { ...found, regions, pid: 4711, thread: 0, taken: TAKEN, closed: [] }
}

const CLOSED = [
  { region: 'request', path: '', allocs: 3, frees: 3, failures: 0, peak: 40 },
  { region: 'request', path: 'body', allocs: 1200, frees: 1200, failures: 1, peak: 2048 },
]

/** A text that is indented where it is written. */
function lines({ raw: [text] }: TemplateStringsArray): string {
  const indent = /^\n( *)/.exec(text!)![1]!
  return text!.slice(1).replaceAll(`\n${indent}`, '\n').slice(indent.length).trimEnd().concat('\n')
}

describe('reports of accounts', () => {
  const opened: Region[] = []

  /** A region of fixed size, so that its figures are always the same; last gives to the multiple of 8. */
  function region(name: string, options: object = {}): Region {
    const made = open({ name, method: 'last', discipline: new ArrayBuffer(2 ** 16), ...options })
    opened.push(made)
    return made
  }

  /** Regions with all that a report can tell of one. */
  function program(): Region[] {
    const server = region('server')
    const parser = account('parser', server)
    const strings = parser.account('strings')
    server.alloc(100)
    parser.alloc(1000)
    strings.free(strings.alloc(3000))
    strings.alloc(2000)
    const cache = account('cache', server)
    cache.limit({ hard: 4096, soft: 1024 })
    expect(() => cache.alloc(5000)).throws(VmallocError)
    account('', server).limit({ hard: 60_000 })
    const session = region('session')
    const request = region('a\nb', { discipline: session })
    account('', request).limit({ soft: 30_000 })
    request.alloc(16)
    const plain = region('plain', { discipline: session })
    return [server, session, request, plain, region('deep', { discipline: plain })]
  }

  afterEach(() => {
    for (const one of opened.splice(0)) one.close()
  })

  describe('text', () => {
    it('is a tree of regions and their accounts', () => {
      expect(reportText({ ...steady(report(program())), closed: CLOSED })).equals(lines`
        process 4711, thread 0, 2026-01-31 12:00:00.000 UTC

        server: last over buffer, busy 3 KiB in 3 blocks, high tide 4 KiB, extent 16 KiB, limit 58.6 KiB
          account       live  blocks     peak  allocs  frees  failures  limit
          (none)       100 B       1    100 B       1      0         0
          parser     2.9 KiB       2  3.9 KiB       3      1         0
            (own)     1004 B       1   1004 B       1      0         0
            strings    2 KiB       1  2.9 KiB       2      1         0
          cache          0 B       0      0 B       0      0         1  4 KiB, soft 1 KiB

        session: last over buffer, busy 2 KiB, high tide 4 KiB, extent 16 KiB
          a\u000ab: last over region, busy 20 B in 1 block, high tide 20 B, extent 16 KiB, soft 29.3 KiB
            account  live  blocks  peak  allocs  frees  failures
            (none)   20 B       1  20 B       1      0         0

          plain: last over region, busy 2 KiB, high tide 4 KiB, extent 16 KiB
            deep: last over region, busy 2 KiB, high tide 4 KiB, extent 16 KiB

        closed:
          region   account  allocs  frees  failures   peak
          request  (none)        3      3         0   40 B
          request  body      1,200  1,200         1  2 KiB
      `)
    })

    it('tells bytes to the last one where it is asked to', () => {
      expect(reportText(steady(report(program().slice(0, 1))), { exact: true })).equals(lines`
        process 4711, thread 0, 2026-01-31 12:00:00.000 UTC

        server: last over buffer, busy 3,108 B in 3 blocks, high tide 4,108 B, extent 16,384 B, limit 60,000 B
          account       live  blocks     peak  allocs  frees  failures  limit
          (none)       100 B       1    100 B       1      0         0
          parser     3,008 B       2  4,008 B       3      1         0
            (own)    1,004 B       1  1,004 B       1      0         0
            strings  2,004 B       1  3,004 B       2      1         0
          cache          0 B       0      0 B       0      0         1  4,096 B, soft 1,024 B
      `)
    })

    it('has one line for a region without accounts, or for none', () => {
      expect(reportText(steady(report([region('one')])))).equals(lines`
        process 4711, thread 0, 2026-01-31 12:00:00.000 UTC

        one: last over buffer, busy 2 KiB, high tide 4 KiB, extent 16 KiB
      `)
      expect(reportText(steady(report([])))).equals(lines`
        process 4711, thread 0, 2026-01-31 12:00:00.000 UTC

        no region is open
      `)
    })

    it('keeps columns below each other under names of wide characters', () => {
      const wide = region('wide')
      for (const name of ['缓存', 'e\u0301', '👩‍👩‍👧', '👍🏽', '🇩🇪', 'ﾊ', '한글', 'plain']) account(name, wide)
      account('缓存', wide).limit({ hard: 64 })
      const rows = reportText({ ...report(wide), closed: [] })
        .split('\n')
        .slice(3)
      expect(rows).deep.equals([
        '  account  live  blocks  peak  allocs  frees  failures  limit',
        '  (none)    0 B       0   0 B       0      0         0',
        '  缓存      0 B       0   0 B       0      0         0  64 B',
        '  e\u0301         0 B       0   0 B       0      0         0',
        '  👩‍👩‍👧        0 B       0   0 B       0      0         0',
        '  👍🏽        0 B       0   0 B       0      0         0',
        '  🇩🇪        0 B       0   0 B       0      0         0',
        '  ﾊ         0 B       0   0 B       0      0         0',
        '  한글      0 B       0   0 B       0      0         0',
        '  plain     0 B       0   0 B       0      0         0',
        '',
      ])
      expect(['', 'abc', 'ﾊ', '，', '𠀀', '…', 'é'].map(widthOf)).deep.equals([0, 3, 1, 2, 2, 1, 1])
    })

    it('puts a region whose parent is not in the report at the top', () => {
      const outer = region('outer')
      const text = reportText(report([region('inner', { discipline: outer })]))
      expect(text).match(/^inner: last over region/m)
    })
  })

  describe('JSON', () => {
    it('reads back what was written, also by JSON.stringify', () => {
      const made = { ...report(program()), closed: CLOSED }
      expect(readReport(reportJson(made))).deep.equals(made)
      expect(readReport(JSON.stringify(made))).deep.equals(made)
      expect(JSON.parse(reportJson(made))).includes({ vmalloc: 'report', version: 1, pid: process.pid })
      expect(reportText(readReport(reportJson(made)))).equals(reportText(made))
    })

    it('says where something else stands than was expected', () => {
      const made = reportJson({ ...report(program()), closed: CLOSED })
      const faults: [text: string, sentence: RegExp][] = [
        ['{', /^readReport: expected JSON: /],
        ['[]', /^readReport: the text: \[\], expected an object$/],
        [
          '{"vmalloc":"profile","version":1}',
          /^readReport: the text: "profile, version 1", expected a report, version 1$/,
        ],
        [made.replace('"version":1', '"version":2'), /"report, version 2"/],
        [made.replace(/"taken":\d+/, '"taken":null'), /^readReport: taken: null, expected a number$/],
        [made.replace('"regions":[', '"regions":7,"other":['), /^readReport: regions: 7, expected a list$/],
        [made.replace('"name":"session"', '"name":1'), /^readReport: regions\[1\]\.name: 1, expected a text$/],
        [made.replace('"shared":false', '"shared":0'), /^readReport: regions\[0\]\.shared: 0, expected true or false$/],
        [
          made.replace(/"own":\{/, '"own":{"bytes":"x"},"was":{'),
          /regions\[0\]\.accounts\.own\.bytes: "x", expected a/,
        ],
        [made.replace('"hard":4096', '"hard":"4k"'), /accounts\.accounts\[1\]\.limits\.hard: "4k", expected a number$/],
        [made.replace('"closed":[{', '"closed":[null,{'), /^readReport: closed\[0\]: null, expected an object$/],
      ]
      for (const [text, sentence] of faults) {
        expect(() => readReport(text), text.slice(0, 80))
          .throws(VmallocError, sentence)
          .with.property('code', 'argument')
      }
    })
  })

  describe('diff', () => {
    it('is empty where nothing changed', () => {
      const regions = program()
      const difference = diff(report(regions), report(regions))
      expect([difference.regions, difference.closed]).deep.equals([[], []])
      expect(diffText({ ...difference, pid: 1, thread: 2, from: TAKEN, to: TAKEN + 1500 })).equals(
        'process 1, thread 2, from 2026-01-31 12:00:00.000 UTC to 2026-01-31 12:00:01.500 UTC\n\nnothing changed\n',
      )
    })

    it('tells what grew most first, and accounts that are new, gone or made again', () => {
      const one = region('one', { method: 'best' })
      const [a, b, idle] = ['a', 'b', 'idle'].map((path) => account(path, one))
      const [gone, again] = ['gone', 'again'].map((path) => account(path, one))
      const kept = [a!.alloc(96), b!.alloc(800)]
      idle!.alloc(8)
      for (const who of [gone!, again!]) for (let i = 0; i < 3; i++) who.free(who.alloc(40))
      const two = region('two')
      region('quiet', { accounts: true }).alloc(8)
      const before = readReport(reportJson(report()))

      two.alloc(5000)
      a!.account('below').alloc(400)
      b!.alloc(80)
      one.free(kept[0]!)
      gone!.remove()
      again!.remove()
      account('again', one).alloc(16)
      expect(() => b!.alloc(2 ** 20)).throws(VmallocError)
      const { regions } = diff(before, readReport(reportJson(report())))
      expect(regions.map(({ name, change, busyBytes, highTide }) => [name, change, busyBytes, highTide])).deep.equals([
        ['two', 'changed', 5000, 5000],
        ['one', 'changed', 400 + 80 - 96 + 16, one.stat().highTide],
      ])
      expect(regions.map(({ accounts }) => accounts)).deep.equals([
        [],
        [
          { path: 'a/below', change: 'new', bytes: 400, blocks: 1, allocs: 1, frees: 0, failures: 0, peak: 400 },
          { path: 'b', change: 'changed', bytes: 80, blocks: 1, allocs: 1, frees: 0, failures: 1, peak: 880 },
          { path: 'again', change: 'changed', bytes: 16, blocks: 1, allocs: 1, frees: 0, failures: 0, peak: 16 },
          { path: 'gone', change: 'gone', bytes: 0, blocks: 0, allocs: 0, frees: 0, failures: 0, peak: 40 },
          { path: 'a', change: 'changed', bytes: -96, blocks: -1, allocs: 0, frees: 1, failures: 0, peak: 96 },
        ],
      ])
    })

    it('names regions that came and went, and sums up what those did that came and went between', () => {
      const stays = region('stays')
      account('old', stays)
      const went = region('request')
      account('body', went).alloc(92)
      const before = steady(report())
      const known = report().closed
      account('body', went).alloc(52)
      went.close()
      for (let i = 0; i < 2; i++) {
        const brief = region('request')
        const body = account('body', brief)
        body.free(body.alloc(240))
        body.alloc(12)
        brief.close()
      }
      stays.alloc(100)
      account('late', stays).alloc(2044)
      account('late', region('came')).alloc(20)
      const after = { ...steady(report()), taken: TAKEN + 60_000, closed: report().closed }
      expect(diffText(diff({ ...before, closed: known }, after))).equals(lines`
        process 4711, thread 0, from 2026-01-31 12:00:00.000 UTC to 2026-01-31 12:01:00.000 UTC

        stays: busy +2.1 KiB, extent 0 B, high tide 2.1 KiB
          account    live  blocks  allocs  frees  failures   peak
          late     +2 KiB      +1      +1      0         0  2 KiB  new
          (none)   +100 B      +1      +1      0         0  100 B

        came: opened, busy +20 B, extent +16 KiB, high tide 20 B
          account   live  blocks  allocs  frees  failures  peak
          late     +20 B      +1      +1      0         0  20 B  new

        request: closed, busy -92 B, extent -16 KiB, high tide 92 B
          account   live  blocks  allocs  frees  failures  peak
          body     -92 B      -1       0     +1         0  92 B  gone

        closed meanwhile:
          region   account  allocs  frees  failures   peak
          request  body         +5     +5         0  244 B
      `)
    })

    it('has nothing that is not in the reports: bytes add up, and blocks are allocs less frees', () => {
      const regions = program()
      const brief = region('brief', { accounts: true })
      brief.alloc(100)
      const before = report()
      for (let i = 0; i < 50; i++) {
        const who = account(['parser', 'cache', 'new/one'][i % 3]!, regions[0]!)
        const at = who.alloc(8 * (i % 7))
        if (i % 2 === 0) regions[0]!.resize(at, 64, { move: true })
        else who.free(at)
      }
      brief.close()
      const after = report()
      const changes = diff(before, after).regions
      expect(changes.map(({ name }) => name)).members(['server', 'brief'])
      for (const { name, busyBytes, accounts } of changes) {
        expect(
          accounts.reduce((sum, { bytes }) => sum + bytes, 0),
          name,
        ).equals(busyBytes)
        for (const { path, blocks, allocs, frees } of accounts) expect(allocs - frees, path).equals(blocks)
      }
    })

    it('refuses reports of two processes, threads or runs, and the later one first', () => {
      const one = report([])
      const refused: [other: Partial<Report>, sentence: RegExp][] = [
        [{ pid: 1 }, /^diff: reports of process \d+ and of process 1, expected two of one thread$/],
        [{ thread: 9 }, /^diff: reports of thread 0 and of thread 9, expected two of one thread$/],
        [
          { started: 5 },
          /^diff: reports of the run that began at .* and of the run that began at 1970-01-01 .*, expected/,
        ],
        [
          { taken: 0 },
          /^diff: the first report is of .*, the second of 1970-01-01 00:00:00.000 UTC, expected the earlier/,
        ],
      ]
      for (const [other, sentence] of refused) {
        expect(() => diff(one, { ...one, ...other }))
          .throws(VmallocError, sentence)
          .with.property('code', 'argument')
      }
    })
  })

  describe('leaks', () => {
    it('are accounts with live blocks of their own, most bytes first', () => {
      const regions = program()
      const found = leaks(report(regions))
      const [server, request] = report(regions).regions.filter(({ accounts }) => accounts !== undefined)
      expect(found).deep.equals([
        { region: 'server', id: server!.id, path: 'parser/strings', bytes: 2004, blocks: 1 },
        { region: 'server', id: server!.id, path: 'parser', bytes: 1004, blocks: 1 },
        { region: 'server', id: server!.id, path: '', bytes: 100, blocks: 1 },
        { region: 'a\nb', id: request!.id, path: '', bytes: 20, blocks: 1 },
      ])
      expect(leaksText(found, { exact: true })).equals(lines`
        not freed: 3,128 B in 4 blocks
          region    account            live  blocks
          server    parser/strings  2,004 B       1
          server    parser          1,004 B       1
          server    (none)            100 B       1
          a\u000ab  (none)             20 B       1
      `)
      expect(leaksText(found)).match(/^not freed: 3.1 KiB in 4 blocks\n/)
      expect(leaks().map(({ path }) => path)).includes.members(found.map(({ path }) => path))
      expect(leaksText([])).equals('not freed: nothing that an account pays for\n')
    })
  })

  describe('arguments', () => {
    it('may be one region or what has one, some of them, and closed ones', () => {
      const [one, two] = [region('one'), region('two')]
      const namesOf = ({ regions }: Report) => regions.map(({ name }) => name)
      expect(namesOf(report(one))).deep.equals(['one'])
      expect(namesOf(report({ region: two }))).deep.equals(['two'])
      expect(namesOf(report([two, { region: one }]))).deep.equals(['two', 'one'])
      one.close()
      expect(namesOf(report(one))).deep.equals([])
      expect(namesOf(report([one, two]))).deep.equals(['two'])
    })

    it('are refused, and named, where they are none', () => {
      const good = report([])
      const calls: [call: (value: never) => unknown, came: unknown, sentence: string][] = [
        [report, 7, 'report: 7, expected a region, what has one, or a list of them'],
        [report, null, 'report: null, expected a region'],
        [report, {}, 'report: an object without a region, expected a region'],
        [report, [undefined], 'report: undefined, expected a region'],
        [reportText, undefined, 'reportText: undefined, expected a report, as report() or readReport() gives it'],
        [reportJson, '{}', 'reportJson: a text of 2 characters, expected a report'],
        [leaks, {}, 'leaks: an object of another kind, expected a report'],
        [leaksText, good, 'leaksText: an object of another kind, expected a list, as leaks() gives it'],
        [leaksText, undefined, 'leaksText: undefined, expected a list'],
        [(before) => diff(before, good), [], 'diff: the first report: a list of 0, expected a report'],
        [(after) => diff(good, after), undefined, 'diff: the second report: undefined, expected a report'],
        [diffText, undefined, 'diffText: undefined, expected what diff() gives'],
        [diffText, good, 'diffText: an object of another kind, expected what diff() gives'],
      ]
      for (const [call, came, sentence] of calls) expectFault('argument', [sentence], () => call(came as never))
    })
  })
})

describe('report=FILE', () => {
  const loader = join(import.meta.dirname, '../scripts/ts.mjs')
  let folder: string

  before(() => void (folder = mkdtempSync(join(tmpdir(), 'vmalloc-report-'))))
  after(() => rmSync(folder, { recursive: true, force: true }))

  interface Ran {
    code: number | null
    signal: string | null
    stdout: string
    stderr: string
    files: Record<string, string>
  }

  /** Runs a fixture in a folder of its own; `onReady` is called with each `ready` that it says. */
  async function run(
    [program, ...words]: [string, ...string[]],
    options: string,
    onReady?: (pid: number, times: number, place: string) => void,
  ): Promise<Ran> {
    const place = mkdtempSync(join(folder, 'run-%t-'))
    const fixture = join(import.meta.dirname, 'fixtures', program)
    const child = spawn(process.execPath, ['--expose-gc', '--import', loader, fixture, ...words], {
      cwd: place,
      env: { ...process.env, VMALLOC_OPTIONS: options },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 50_000,
      killSignal: 'SIGKILL',
    })
    let [stdout, stderr, times] = ['', '', 0]
    child.stderr.on('data', (text) => (stderr += text))
    child.stdout.on('data', (text: Buffer) => {
      stdout += text
      for (const _ of String(text).matchAll(/ready/g)) onReady?.(child.pid!, ++times, place)
    })
    const [code, signal] = await new Promise<[number | null, string | null]>((ended) =>
      child.on('close', (code, signal) => ended([code, signal])),
    )
    const files = Object.fromEntries(readdirSync(place).map((name) => [name, readFileSync(join(place, name), 'utf8')]))
    return { code, signal, stdout, stderr, files }
  }

  /** A report without the numbers that are other ones each time, and what is in regions that keep no accounts. */
  function still(text: string | undefined): string {
    return String(text)
      .replace(/process \d+, thread (\d+), .* UTC/g, 'process, thread $1')
      .replace(/busy [\d.]+ \w+, high tide [\d.]+ \w+/g, 'busy, high tide')
      .replace(/extent [\d.]+ \w+/g, 'extent')
  }

  /** What fixtures/profiled.ts leaves behind, as a program that knows nothing of accounts. */
  const LEFT = lines`
    process, thread 0

    thread-0: best over memory, busy 624 B in 6 blocks, high tide 1 KiB, extent
      account   live  blocks   peak  allocs  frees  failures
      (none)   624 B       6  1 KiB      10      4         0

    not freed: 624 B in 6 blocks
      region    account   live  blocks
      thread-0  (none)   624 B       6
  `

  it('tells what was not freed, in regions that nobody holds too', async () => {
    const { code, files, stderr } = await run(['accounted.ts'], 'report=out.txt')
    expect([code, stderr]).deep.equals([0, ''])
    const now = lines`
      process, thread 0

      parser: best over buffer, busy 512 B in 3 blocks, high tide 608 B, extent
        account   live  blocks   peak  allocs  frees  failures
        (none)     0 B       0    0 B       0      0         0
        tree     504 B       2  608 B       3      1         0
        strings    8 B       1    8 B       1      0         0

      server: best over buffer, busy, high tide, extent
        request: last over region, busy 60 B in 1 block, high tide 60 B, extent
          account  live  blocks  peak  allocs  frees  failures
          (none)    0 B       0   0 B       0      0         0
          body     60 B       1  60 B       1      0         0

      closed:
        region   account  allocs  frees  failures  peak
        request  body          3      3         0  44 B
    `
    const left = lines`
      not freed: 572 B in 4 blocks
        region   account   live  blocks
        parser   tree     504 B       2
        request  body      60 B       1
        parser   strings    8 B       1
    `
    expect(still(files['asked.txt'])).equals(now)
    expect(still(files['out.txt'])).equals(`${now}\n${left}`)
  })

  it('is JSON, or goes to a standard stream, as the name says; also by an error that nobody caught', async () => {
    const [json, errors, output] = await Promise.all([
      run(['profiled.ts', 'closed'], 'report=out-%p.json,*.accounts'),
      run(['profiled.ts', 'end'], 'report=/dev/stderr,*.accounts'),
      run(['profiled.ts', 'throw'], 'report=/dev/stdout'),
    ])
    const [name] = Object.keys(json!.files)
    const read = readReport(json!.files[name!]!)
    expect(name).equals(`out-${read.pid}.json`)
    expect([read.thread, read.regions]).deep.equals([0, []])
    expect(read.closed.map(({ region, allocs }) => [region, allocs])).deep.equals([
      ['thread-0', 10],
      ['request', 3],
    ])
    expect([still(errors!.stderr), errors!.files]).deep.equals([LEFT, {}])
    expect([output!.code, output!.files]).deep.equals([1, {}])
    expect(output!.stdout).match(
      /^process \d+, thread 0, .* UTC\n\nthread-0: best over memory, busy 600 B, .*\n\nnot freed: no accounts were kept, .*VMALLOC_OPTIONS=\*\.accounts keeps them\n$/,
    )
  })

  it('has a file for each worker', async () => {
    const [plain, numbered] = await Promise.all([
      run(['profiled.ts', 'worker'], 'report=out.d.txt'),
      run(['profiled.ts', 'worker'], 'report=%t-out,*.accounts'),
    ])
    const [theirs, mine] = Object.keys(plain!.files).sort()
    const thread = /^out\.d\.(\d+)\.txt$/.exec(theirs!)?.[1]
    expect(plain!.files[theirs!]).contains(`thread ${thread},`).and.contains(`thread-${thread}: `)
    expect([mine, plain!.files[mine!]!.includes('thread-0: ')]).deep.equals(['out.d.txt', true])
    const names = Object.keys(numbered!.files).sort()
    expect(names[0]).equals('0-out')
    expect(names[1]).match(/^[1-9]\d*-out$/)
    expect(still(numbered!.files['0-out'])).equals(LEFT)
  })

  it('is written anew at each SIGUSR2, and the program runs on', async () => {
    const seen: string[] = []
    const { signal, files } = await run(
      ['profiled.ts', 'signals'],
      'report=out.txt,*.accounts',
      (pid, times, place) => {
        if (times > 1) seen.push(readFileSync(join(place, 'out.txt'), 'utf8'))
        process.kill(pid, times < 3 ? 'SIGUSR2' : 'SIGKILL')
      },
    )
    expect(signal).equals('SIGKILL')
    expect(seen.map((text) => /\(none\)\s+(.*?) {2}/.exec(still(text))?.[1])).deep.equals(['624 B', '1.2 KiB'])
    expect(seen[1]).equals(files['out.txt'])
    for (const text of seen) expect(text).not.contains('not freed')
  })

  it('is there when a signal ends the program, which it still does, and beside a profile', async () => {
    const { signal, files } = await run(
      ['profiled.ts', 'wait'],
      'report=out.txt,*.accounts,method=profile,profile=out.json,sample=0',
      (pid) => process.kill(pid, 'SIGTERM'),
    )
    expect(signal).equals('SIGTERM')
    expect(files['out.txt']).contains('thread-0: profile(best) over memory, busy 600 B in 6 blocks,')
    expect(files['out.txt']).contains('not freed: 600 B in 6 blocks\n')
    expect(JSON.parse(files['out.json']!).profiles[0].total.allocs).equals(10)
  })

  it('lies in the folder where the program began, wherever it has gone, as a profile does', async () => {
    const options = 'report=out-%t.txt,*.accounts,method=profile,profile=out.json,sample=0'
    const { code, stderr, files } = await run(['profiled.ts', 'moved'], options)
    expect([code, stderr]).deep.equals([0, ''])
    expect(Object.keys(files).sort()).deep.equals(['out-0.txt', 'out.json'])
    expect(files['out-0.txt']).contains('not freed: 600 B in 6 blocks\n')
  })

  it('says what cannot be written, and lets the program end as it would', async () => {
    const { code, stderr } = await run(['profiled.ts', 'exit'], 'report=no/such/folder.txt')
    expect(code).equals(3)
    expect(stderr).match(/^vmalloc: cannot write the report: ENOENT[^\n]*\n$/)
  })

  it('is written when the program asks, to a file that it names', () => {
    injectOptions(`report=${join(folder, 'of-options.json')}`)
    try {
      saveReport(join(folder, 'asked.json'))
      saveReport()
      for (const name of ['asked.json', 'of-options.json'])
        expect(readReport(readFileSync(join(folder, name), 'utf8')).pid, name).equals(process.pid)
      expect(() => saveReport(join(folder, 'no/such/folder.txt'))).throws(/ENOENT/)
    } finally {
      injectOptions(undefined)
    }
  })
})
