/**
 * dissect: the example as a whole: its tables against stored ones, several files at once, reloading, and how much memory
 * a packet takes.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdtempSync, readFileSync, rmSync, truncateSync, unlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { expect } from 'chai'
import { heap } from 'vmalloc'
import { openCapture } from '../examples/dissect/capture/capture.ts'
import { Dissection, type OpenFile } from '../examples/dissect/dissection.ts'
import { madePackets, makeCapture } from '../examples/dissect/make-capture.ts'
import { report } from '../examples/dissect/report.ts'
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

    it('without a file says how it is used', async () => {
      const { code, stderr } = await run([])
      expect(code).to.equal(2)
      expect(stderr).to.equal('usage: dissect [--reload] FILE...\n')
    })
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

async function run(words: string[], env: Record<string, string> = {}): Promise<Ran> {
  const child = spawn(process.execPath, ['--import', './scripts/ts.mjs', 'examples/dissect.ts', ...words], {
    cwd: root,
    env: { ...process.env, ...env },
  })
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
  return { code, stdout, stderr }
}
