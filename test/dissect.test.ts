/**
 * dissect: the example as a whole: its tables against stored ones, several files at once, reloading, and how much memory
 * a packet takes.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { expect } from 'chai'
import { heap, VmallocError } from 'vmalloc'
import { openCapture } from '../examples/dissect/capture/capture.ts'
import { CaptureError } from '../examples/dissect/capture/frame.ts'
import { Dissection, type OpenFile } from '../examples/dissect/dissection.ts'
import { madePackets, makeCapture } from '../examples/dissect/make-capture.ts'
import { report } from '../examples/dissect/report.ts'
import { tell } from '../examples/dissect/telling.ts'
import { captureOf, checkAll, seenIn } from './fixtures/dissecting.ts'

const root = join(import.meta.dirname, '..')
const captures = join(import.meta.dirname, 'fixtures/captures')
const loopback = join(captures, 'loopback.pcap')
const cooked = join(captures, 'loopback.pcapng')

describe('examples/dissect', () => {
  let folder: string
  let busy: number
  before(() => void (folder = mkdtempSync(join(tmpdir(), 'dissect-'))))
  after(() => rmSync(folder, { recursive: true }))
  beforeEach(() => void (busy = heap().stat().busyBlocks))
  afterEach(() => expect(heap().stat().busyBlocks, 'blocks left behind').to.equal(busy))

  const made = (name: string, packets: number, seed: number) => {
    const path = join(folder, name)
    makeCapture(path, packets, seed)
    return path
  }

  for (const path of [loopback, cooked]) {
    it(`${basename(path)}: the stored table`, async () => {
      expect(`${await reportOf(path)}\n`).to.equal(readFileSync(`${path}.txt`, 'utf8'))
    })
  }

  describe('several files', () => {
    it('read at once, each has what it has alone', async () => {
      const paths = [loopback, cooked, made('first.pcap', 2500, 1), made('second.pcap', 3500, 2)]
      const alone: string[] = []
      for (const path of paths) alone.push(await reportOf(path))
      using dissection = new Dissection()
      const files = paths.map((path) => dissection.open(path))
      const turns: number[] = []
      await Promise.all(files.map((file, i) => file.read(() => void turns.push(i))))
      expect(turns.slice(0, 4), 'they take turns').to.deep.equal([2, 3, 2, 3])
      expect(files.map(report)).to.deep.equal(alone)
      checkAll(dissection)
    })

    it('one is closed while the other is read', async () => {
      using dissection = new Dissection()
      const [one, other] = [dissection.open(loopback), dissection.open(made('third.pcap', 5000, 3))]
      await one.read()
      let turns = 0
      await other.read(() => {
        if (++turns === 2) one.close()
      })
      expect(other.findings.frames.count).to.equal(5000)
      expect(one.session.state).to.equal('closed')
      checkAll(dissection)
    })

    it('a file that is none does no harm to the others', async () => {
      using dissection = new Dissection()
      const file = dissection.open(loopback)
      expect(() => dissection.open(join(captures, 'README.md'))).to.throw('expected a capture')
      await file.read()
      expect(`${report(file)}\n`).to.equal(readFileSync(`${loopback}.txt`, 'utf8'))
    })
  })

  describe('reload', () => {
    it('says the same, in the same memory, again and again', async () => {
      using dissection = new Dissection()
      const file = dissection.open(loopback)
      await file.read()
      const first = report(file)
      const { region } = file.session.scope
      const { busyBlocks } = region.stat()
      const extents = new Set<number>()
      for (let i = 0; i < 10; i++) {
        await file.reload()
        expect(report(file)).to.equal(first)
        expect(file.session.scope.region.stat()).to.include({ busyBlocks })
        extents.add(file.session.scope.region.extent)
      }
      expect([...extents], 'bytes held').to.have.length(1)
      checkAll(dissection)
    })

    it('says what the file has by now', async () => {
      const path = join(folder, 'growing.pcap')
      makeCapture(path, 500, 4)
      using dissection = new Dissection()
      const file = dissection.open(path)
      await file.read()
      expect(file.findings.frames.count).to.equal(500)
      makeCapture(path, 1500, 5)
      await file.reload()
      expect(file.findings.frames.count).to.equal(1500)
      expect(report(file)).to.equal(await reportOf(path))
    })

    it('of a file that is gone leaves what was found', async () => {
      const path = join(folder, 'going.pcap')
      copyFileSync(loopback, path)
      using dissection = new Dissection()
      const file = dissection.open(path)
      await file.read()
      const first = report(file)
      unlinkSync(path)
      const error: unknown = await file.reload().catch((thrown: unknown) => thrown)
      expect(String(error)).to.include('ENOENT')
      expect(report(file)).to.equal(first)
    })
  })

  describe('what goes wrong with a file', () => {
    /** Opens a capture that says of its packet of that number that it cannot be read. */
    const failing = (number: number, error: Error) => () => {
      const capture = openCapture(loopback)
      const next = () => {
        if (capture.frame.number + 1 === number) throw error
        return capture.next()
      }
      return { frame: capture.frame, format: 'pcap', ending: undefined, next, close: () => capture.close() }
    }
    const stored = readFileSync(`${loopback}.txt`, 'utf8')
    const [told, broken] = [new CaptureError('bad.pcap', new Error('EIO: i/o error, read')), new Error('a bug')]

    it('while it is read is told of it, and the others are told', async () => {
      using dissection = new Dissection()
      const tellings = await Promise.all([
        tell(dissection, 'bad.pcap', false, failing(100, told)),
        tell(dissection, loopback, true),
        tell(dissection, 'worse.pcap', false, failing(1, new VmallocError('no-memory', 'no more bytes'))),
        tell(dissection, 'bug.pcap', false, failing(200, broken)),
      ])
      expect(tellings[0]).to.deep.equal({ fault: 'bad.pcap: EIO: i/o error, read' })
      expect(tellings[1]!.report?.startsWith(stored)).to.equal(true)
      expect(tellings[1]!.fault).to.equal(undefined)
      expect(tellings[2]).to.deep.equal({ fault: 'worse.pcap: no more bytes' })
      expect(tellings[3]!.fault).to.match(/^bug\.pcap: Error: a bug\n {4}at .*dissect\.test\.ts/)
      expect(dissection.life.sessions, 'files left open').to.deep.equal([])
      checkAll(dissection)
    })

    it('while it is reloaded too: when it is opened, and when it is read', async () => {
      using dissection = new Dissection()
      const openers = [() => openCapture(join(folder, 'gone')), failing(100, told)]
      const tellings = await Promise.all(
        openers.map((second, i) => {
          let opened = 0
          return tell(dissection, `${i}`, true, () => (opened++ === 0 ? openCapture(loopback) : second()))
        }),
      )
      const alone = await tell(dissection, loopback, true)
      expect(tellings[0]!.fault).to.match(/gone: ENOENT/)
      expect(tellings[1]).to.deep.equal({ fault: 'bad.pcap: EIO: i/o error, read' })
      expect(alone.report?.startsWith(stored)).to.equal(true)
      expect(dissection.life.sessions, 'files left open').to.deep.equal([])
    })

    it('behind what could be read: that is told, and the fault', async () => {
      const path = join(folder, 'behind.pcap')
      copyFileSync(loopback, path)
      truncateSync(path, 50_000)
      using dissection = new Dissection()
      const { report, fault } = await tell(dissection, path, false)
      expect(report).to.match(/^ {2}packets +\d+$/m)
      expect(fault?.startsWith(`${path}: cut short at byte `), fault).to.equal(true)
    })
  })

  describe('memory', () => {
    it('of the packet scope is the same after 100,000 packets as after 5,000', async function () {
      this.timeout(180_000)
      using dissection = new Dissection()
      const file = dissection.open('made', () => captureOf(packets(100_000)))
      const extents: number[] = []
      await file.read(() => void extents.push(file.findings.frames.extent))
      expect(extents).to.have.length(100)
      expect([...new Set(extents.slice(4))], extents.join()).to.have.length(1)
      expect(extents.at(-1)).to.be.below(20_000)
      expect(file.findings.frames.scope.bytesLive).to.equal(0)
      expect(seenIn(file.findings)).to.not.have.any.keys('malformed', 'cut short when captured')
    })

    it('what waits for a gap goes when the file has been read', async () => {
      const late = [...packets(3000)].filter(({ bytes }, i) => bytes.length < 200 || i % 5 > 0)
      const held = async (look: (file: OpenFile) => void) => {
        using dissection = new Dissection()
        const file = dissection.open('made', () => captureOf(late))
        await file.read(() => look(file))
        return file.session.scope.bytesLive
      }
      let most = 0
      const left = await held((file) => void (most = file.session.scope.bytesLive))
      expect(left).to.be.below(most * 0.7)
    })

    it('files are read in pieces', () => {
      const capture = openCapture(made('pieces.pcap', 2000, 6))
      let window = 0
      while (capture.next()) window = Math.max(window, capture.frame.bytes.buffer.byteLength)
      capture.close()
      expect(window).to.equal(65_536)
    })
  })

  describe('program', function () {
    this.timeout(60_000)

    it('prints the tables of all files', async () => {
      const { code, stdout, stderr } = await run([loopback, cooked])
      expect(stderr).to.equal('')
      expect(code).to.equal(0)
      for (const path of [loopback, cooked]) expect(stdout).to.include(readFileSync(`${path}.txt`, 'utf8'))
      expect(stdout.match(/^packet scope: bytes held [\d,]+ after 212$/gm)).to.have.length(2)
    })

    it('finds no mistake of its own with method debug, also when it reloads', async () => {
      const { code, stdout, stderr } = await run(['--reload', loopback], { VMALLOC_OPTIONS: '*.method=debug' })
      expect(stderr).to.equal('')
      expect(code).to.equal(0)
      expect(stdout).to.include(readFileSync(`${loopback}.txt`, 'utf8'))
    })

    it('tells how much the packet scope held', async () => {
      const { stdout } = await run([made('many.pcap', 5000, 9)])
      const [, first, last] = /^packet scope: bytes held ([\d,]+) after 1,000 packets, ([\d,]+) after 5,000$/m.exec(
        stdout,
      )!
      expect(first).to.equal(last)
    })

    it('says what is wrong with a file, and goes on with the others', async () => {
      const cut = join(folder, 'cut.pcap')
      copyFileSync(loopback, cut)
      truncateSync(cut, 50_000)
      const { code, stdout, stderr } = await run([join(captures, 'README.md'), cut])
      expect(code).to.equal(1)
      expect(stderr).to.match(/README\.md: begins with 23 20 43 61, expected a capture: pcap or pcapng/)
      expect(stdout).to.match(
        /^cut\.pcap: pcap, cut short at byte \d+, packet \d+: the file ends after \d+ of its \d+ bytes$/m,
      )
    })

    it('a file that is cut short is told, and told of: exit code 1', async () => {
      const cut = join(folder, 'short.pcap')
      copyFileSync(loopback, cut)
      truncateSync(cut, 50_000)
      const { code, stdout, stderr } = await run([cut])
      expect(code).to.equal(1)
      expect(stdout)
        .to.match(/^short\.pcap: pcap, cut short at byte \d+/)
        .and.match(/^ {2}packets +\d+$/m)
      expect(stderr.startsWith(`${cut}: cut short at byte `), stderr).to.equal(true)
    })

    it('names each file that it cannot read, and tells the one that it can', async () => {
      const short = join(folder, 'header.pcap')
      copyFileSync(loopback, short)
      truncateSync(short, 10)
      const text = join(folder, 'text')
      writeFileSync(text, '\n\r\r\nhello')
      const nowhere = join(folder, 'nowhere')
      const { code, stdout, stderr } = await run(['--reload', folder, short, loopback, text, nowhere])
      expect(code).to.equal(1)
      expect(stdout.startsWith(readFileSync(`${loopback}.txt`, 'utf8'))).to.equal(true)
      expect(stderr.trimEnd().split('\n')).to.deep.equal([
        `${folder}: EISDIR: illegal operation on a directory, read`,
        `${short}: a pcap header of 10 bytes, expected 24`,
        `${text}: begins as pcapng, but a block has 9 bytes, expected 12 at least`,
        `${nowhere}: ENOENT: no such file or directory, open '${nowhere}'`,
      ])
    })

    it('says how it is used when it is asked', async () => {
      const { code, stdout, stderr } = await run(['--help'])
      expect([code, stderr]).to.deep.equal([0, ''])
      expect(stdout).to.match(/^usage: dissect \[--reload\] FILE\.\.\.\n/)
    })

    it('a flag is no capture to make', async () => {
      const { code, stderr } = await runOf('examples/dissect/make-capture.ts', ['--help'])
      expect(existsSync(join(root, '--help'))).to.equal(false)
      expect([code, stderr]).to.deep.equal([2, 'usage: make-capture FILE [PACKETS] [SEED]\n'])
    })

    for (const [title, words, message] of [
      ['without a file', [], 'no file is named'],
      ['for a flag that is none, whatever files there are', ['--relaod', loopback], '--relaod: no such flag'],
    ] as const) {
      it(`says how it is used ${title}`, async () => {
        const { code, stdout, stderr } = await run([...words])
        expect([code, stdout]).to.deep.equal([2, ''])
        expect(stderr.startsWith(`dissect: ${message}\n\nusage: dissect [--reload] FILE...\n`), stderr).to.equal(true)
      })
    }
  })
})

function* packets(count: number) {
  for (const { nanos, packet } of madePackets(count)) {
    yield { bytes: packet, micros: Number((nanos - 1_700_000_000_000_000_000n) / 1000n) }
  }
}

async function reportOf(path: string): Promise<string> {
  using dissection = new Dissection()
  const file = dissection.open(path)
  await file.read()
  checkAll(dissection)
  return report(file)
}

// the program

interface Ran {
  code: number | null
  stdout: string
  stderr: string
}

function run(words: string[], env: Record<string, string> = {}): Promise<Ran> {
  return runOf('examples/dissect.ts', words, env)
}

async function runOf(program: string, words: string[], env: Record<string, string> = {}): Promise<Ran> {
  const child = spawn(process.execPath, ['--import', './scripts/ts.mjs', program, ...words], {
    cwd: root,
    env: { ...process.env, ...env },
  })
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
  return { code, stdout, stderr }
}
