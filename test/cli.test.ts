/**
 * cli: what the command prints, on which stream, and with which exit code.
 */
import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { expect } from 'chai'
import { command } from './fixtures/command.ts'

const root = join(import.meta.dirname, '..')
const recorded = join(root, 'test/traces')

const FIELDS = [
  'trace',
  'method',
  'discipline',
  'events',
  'failed',
  'nsPerOp',
  'peakLive',
  'extent',
  'utilization',
] as const
type Row = Record<(typeof FIELDS)[number], string | number>

let folder = ''

function vmalloc(words: string[], options = '') {
  const { status, stdout, stderr } = spawnSync(process.execPath, [...command, ...words], {
    cwd: folder,
    encoding: 'utf8',
    env: { ...process.env, VMALLOC_OPTIONS: options },
  })
  const rows = () =>
    stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Row)
  return { status, stdout, stderr, rows }
}

/** Paths that a text names, one at the end of a line. */
const filesIn = (text: string) => [...text.matchAll(/^.* (\S*vmalloc-demo-\S+)$/gm)].map(([, file]) => file!)

describe('command', () => {
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'vmalloc-cli-'))
    writeFileSync(join(folder, 'small.rep'), '1\n2\n4\n300\na 0 100\na 1 200\nf 0\nf 1\n')
    writeFileSync(join(folder, 'cut.rep'), '1\n2\n4\n300\na 0 100\na 1 200\nf 0\n! a 5000\n')
    writeFileSync(join(folder, 'wrong.rep'), '1\n2\n4\n300\na 0 100\nf 1\n')
    mkdirSync(join(folder, 'empty'))
    mkdirSync(join(folder, 'both'))
    copyFileSync(join(recorded, 'dot-layout.rep.gz'), join(folder, 'both/dot.rep.gz'))
    copyFileSync(join(folder, 'small.rep'), join(folder, 'both/a.rep'))
    writeFileSync(join(folder, 'both/notes.txt'), 'no trace')
  })
  after(() => rmSync(folder, { recursive: true }))

  describe('replay', () => {
    it('counts what debug finds instead of writing it', () => {
      const { status, stderr } = vmalloc(['replay', 'small.rep', '--json', '--passes', '1', '--method', 'debug(last)'])
      expect(status).to.equal(0)
      expect(stderr).to.match(/^vmalloc: small\.rep: what debug\(last\) found is not written: \d+ bad-free\n$/)
    })

    it('prints one object a line for each trace, discipline and method', () => {
      const { status, stderr, rows } = vmalloc(
        ['replay', 'small.rep', join(recorded, 'dot-layout.rep.gz'), '--json', '--passes', '1'].concat(
          ...['--method', 'best,last', '--discipline', 'memory,shared'],
        ),
      )
      expect({ status, stderr }).to.deep.equal({ status: 0, stderr: '' })
      expect(rows().map(({ trace, discipline, method }) => `${trace} ${discipline} ${method}`)).to.deep.equal(
        ['small', 'dot-layout'].flatMap((trace) =>
          ['memory', 'shared'].flatMap((place) => ['best', 'last'].map((method) => `${trace} ${place} ${method}`)),
        ),
      )
      for (const row of rows()) expect(Object.keys(row)).to.deep.equal([...FIELDS])
      const dot = rows()[4]!
      expect(dot).to.include({ events: 71665, failed: 0, peakLive: 2359216 })
      expect(dot.extent).to.be.greaterThan(2359216)
      expect(dot.utilization).to.be.closeTo(2359216 / Number(dot.extent), 0.0001)
      expect(dot.nsPerOp).to.be.within(1, 100_000)
    })

    it('prints a table without --json, numbers at the right', () => {
      const { status, stdout } = vmalloc(['replay', 'both', '--passes', '1', '--method', 'best,null'])
      expect(status).to.equal(0)
      const lines = stdout.trimEnd().split('\n')
      expect(lines).to.have.length(5)
      expect(lines[0]).to.match(/^trace +method +discipline +events +failed +ns\/op +peak live +extent +utilization$/)
      const end = lines[0]!.indexOf('events') + 'events'.length
      expect(lines.slice(1).map((line) => line.slice(0, end).trimEnd().length)).to.deep.equal([end, end, end, end])
      expect(lines[1]).to.match(/^a +best +memory +4 +0 /)
      expect(lines[4]).to.match(/^dot +null +memory +71,665 +43,296 .* -$/)
    })

    it('verifies contents with --check', () => {
      const { status, rows } = vmalloc(['replay', 'both/dot.rep.gz', '--check', '--json', '--passes', '1'])
      expect(status).to.equal(0)
      expect(rows()[0]).to.include({ method: 'best', failed: 0 })
    })

    it('goes on after a file that fails, and exits with 1', () => {
      const { status, stderr, rows } = vmalloc(['replay', 'none.rep', 'wrong.rep', 'empty', 'small.rep', '--json'])
      expect(status).to.equal(1)
      expect(rows().map(({ trace }) => trace)).to.deep.equal(['small'])
      const [none, wrong, empty, ...rest] = stderr.trimEnd().split('\n')
      expect(none).to.match(/^vmalloc: none\.rep: ENOENT/)
      expect(wrong).to.match(
        /^vmalloc: wrong\.rep, line 6: id 1, which was never allocated, expected a block that is live$/,
      )
      expect(empty).to.match(/^vmalloc: empty: no traces, expected \*\.rep/)
      expect(rest).to.deep.equal([])
    })

    it('remarks on standard error what the header says otherwise, and what is left out', () => {
      const { status, stderr, rows } = vmalloc(['replay', 'cut.rep', '--json'])
      expect(status).to.equal(0)
      expect(rows()).to.have.length(1)
      expect(stderr).to.match(/cut\.rep: the header tells of 4 events, 3 are there\n.*cut\.rep: 1 calls? that failed/)
    })

    // biome-ignore format: a table
    const misuses: [words: string[], message: RegExp][] = [
      [['replay', 'small.rep', '--method', 'best,bets'], /unknown method "bets": did you mean "best"\?/],
      [['replay', 'small.rep', '--method', 'best,'], /method "": expected a name/],
      [['replay', 'small.rep', '--discipline', 'memroy'], /unknown discipline "memroy": did you mean "memory"\?/],
      [['replay'], /no file/],
      [['replay', 'small.rep', '--passes', '0'], /--passes 0: expected a whole number from 1/],
      [['replay', 'small.rep', '--passes', 'many'], /--passes many: expected/],
      [['replay', 'small.rep', '--jsno'], /--jsno/],
      [['replay', 'small.rep', '--method'], /--method <names>. value is missing/],
      [['relpay'], /unknown command relpay: expected one of replay, report, top, run, wasm, demo, methods, options/],
    ]
    for (const [words, message] of misuses) {
      it(`exits with 2 at vmalloc ${words.join(' ')}`, () => {
        const { status, stdout, stderr } = vmalloc(words)
        expect({ status, stdout }).to.deep.equal({ status: 2, stdout: '' })
        expect(stderr)
          .to.match(message)
          .and.to.match(/^vmalloc: .*\n$/)
      })
    }

    it('takes the method of VMALLOC_OPTIONS where the command line names none', () => {
      const methods = (options: string, ...words: string[]) =>
        vmalloc(['replay', 'small.rep', '--json', ...words], options)
          .rows()
          .map(({ method }) => method)
      expect(methods('')).to.deep.equal(['best'])
      expect(methods('method=last')).to.deep.equal(['last'])
      expect(methods('method=last', '--method', 'best')).to.deep.equal(['best'])
    })

    it('bows to what VMALLOC_OPTIONS says of its region, and says so', () => {
      for (const options of ['replay.method=last', '*.method=last']) {
        const { status, stderr, rows } = vmalloc(['replay', 'small.rep', '--json', '--method', 'best,pool'], options)
        expect(status).to.equal(0)
        expect(rows().map(({ method }) => method)).to.deep.equal(['last'])
        expect(stderr).to.equal('vmalloc: VMALLOC_OPTIONS makes the region named replay last over memory\n')
      }
    })

    it('goes on under its own list where VMALLOC_OPTIONS names what nobody knows', () => {
      const { status, stderr, rows } = vmalloc(
        ['replay', 'small.rep', '--json', '--method', 'best,last'],
        '*.method=bets',
      )
      expect(status).to.equal(0)
      expect(rows().map(({ method }) => method)).to.deep.equal(['best', 'last'])
      expect(stderr).to.contain('bets')
    })

    it('takes a method from a module', () => {
      writeFileSync(
        join(folder, 'mine.mjs'),
        `export const method = {
           name: 'mine', about: 'gives nothing', state: 0, frees: 'any', sizes: 'any', coalesces: false, overhead: 0,
           create: () => ({ alloc: () => 0, free: () => false, sizeOf: () => -1, walk() {}, check() {}, clear() {}, start() {} }),
         }`,
      )
      const { status, stderr, rows } = vmalloc(['replay', 'small.rep', '--json', '--method', './mine.mjs'])
      expect({ status, stderr }).to.deep.equal({ status: 0, stderr: '' })
      expect(rows()[0]).to.include({ method: 'mine', failed: 2 })
    })
  })

  describe('demo', () => {
    it('runs SQLite under profile: the program, who allocated what, the heap, files; then several methods', () => {
      const { status, stdout, stderr } = vmalloc(['demo'])
      try {
        expect({ status, stderr }).to.deep.equal({ status: 0, stderr: '' })
        expect(stdout.split('\n').length).to.be.at.most(61)
        expect(stdout)
          .to.match(/^ {2}10,000 notes written/m)
          .and.to.match(/integrity: ok$/m)
        expect(stdout).to.match(/^sqlite-wasm +observed under profile\(original\)$/m)
        const [, allocs, frees] = /^ +([\d,]+) allocations, ([\d,]+) frees/m.exec(stdout)!
        expect(Number(allocs!.replaceAll(',', ''))).to.be.above(100_000)
        expect(Number(allocs!.replaceAll(',', '')) - Number(frees!.replaceAll(',', ''))).to.equal(2)
        expect(stdout).to.match(/^ +[\d.]+ [KM]iB +[\d,]+ +[\d.]+ [KM]?i?B +sqlite3_step < .* < fill$/m)
        expect(stdout).to.match(/^[#-]{40,}$/m)
        expect(stdout)
          .to.match(/^best .*%/m)
          .and.to.match(/^last .*frees only the newest block$/m)
        expect(stdout).to.match(/^pool +\d+ .* - +43,\d+ +serves one size only/m)
        expect(stdout).not.to.contain('\u001b')
        for (const line of stdout.split('\n')) expect(line.length, line).to.be.at.most(100)
        const [page, pprof] = filesIn(stdout)
        expect(readFileSync(page!, 'utf8')).to.contain('<html').and.to.contain('sqlite3_step')
        expect(gunzipSync(readFileSync(pprof!)).toString('latin1')).to.contain('sqlite3_step')
      } finally {
        for (const file of filesIn(stdout)) rmSync(join(file, '..'), { recursive: true, force: true })
      }
    })

    it('serves SQLite by the method of VMALLOC_OPTIONS', () => {
      const { status, stdout, stderr } = vmalloc(['demo'], 'method=best')
      expect({ status, stderr }).to.deep.equal({ status: 0, stderr: '' })
      expect(stdout).to.match(/^sqlite-wasm +served by best$/m)
      expect(stdout)
        .to.match(/integrity: ok$/m)
        .and.to.match(/^[#.]{10,}$/m)
      expect(stdout).to.match(/^best .*%/m)
      expect(stdout).not.to.match(/^last/m)
      expect(filesIn(stdout)).to.deep.equal([])
    })

    it('shows a recorded program, with a curve and a map, where SQLite is not installed', () => {
      const home = join(folder, 'alone')
      mkdirSync(join(home, 'test/traces'), { recursive: true })
      copyFileSync(join(recorded, 'dot-layout.rep.gz'), join(home, 'test/traces/dot-layout.rep.gz'))
      const script = `import { demo } from ${JSON.stringify(import.meta.resolve('../src/node/demo.ts'))}
        await demo(${JSON.stringify(home)})`
      const words = ['--import', import.meta.resolve('tsx'), '--import', import.meta.resolve('../src/index.ts')]
      const { status, stdout, stderr } = spawnSync(process.execPath, [...words, '--input-type=module', '-e', script], {
        encoding: 'utf8',
        env: { ...process.env, VMALLOC_OPTIONS: '' },
      })
      expect({ status, stderr }).to.deep.equal({ status: 0, stderr: '' })
      expect(stdout)
        .to.match(/[▁▂▃▄▅▆▇█]{40}/)
        .and.to.match(/[#+.]{40}/)
    })
  })

  it('methods lists what is registered', () => {
    const { status, stdout } = vmalloc(['methods'])
    expect(status).to.equal(0)
    expect(stdout)
      .to.match(/^best +any +any +\d+ +\S/m)
      .and.to.match(/^last +newest/m)
      .and.to.match(/^memory +\S/m)
  })

  it('options lists what VMALLOC_OPTIONS understands', () => {
    const { status, stdout } = vmalloc(['options'])
    expect(status).to.equal(0)
    expect(stdout)
      .to.match(/^ +method=[A-Z]+ /m)
      .and.to.match(/^ +check=[A-Z]+ /m)
  })

  it('tells its version and how it is used', () => {
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
    expect(vmalloc(['--version']))
      .to.include({ status: 0 })
      .and.to.have.property('stdout')
      .that.contains(version)
    for (const words of [['--help'], []]) {
      const { status, stdout } = vmalloc(words)
      expect(status).to.equal(0)
      for (const command of ['replay', 'demo', 'methods', 'options'])
        expect(stdout).to.match(new RegExp(`^ +${command} `, 'm'))
    }
    const help = vmalloc(['replay', '--help']).stdout
    for (const option of ['method', 'discipline', 'passes', 'check', 'json']) expect(help).to.contain(`--${option}`)
  })
})
