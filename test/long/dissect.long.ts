/**
 * examples/dissect, at length: a capture of a million packets, a file of some 200 MB, in a process of its own. For
 * `npm run test:long`.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'

const root = join(import.meta.dirname, '../..')
const PACKETS = 1_000_000

describe('examples/dissect: a million packets', () => {
  let folder: string
  before(() => void (folder = mkdtempSync(join(tmpdir(), 'million-'))))
  after(() => rmSync(folder, { recursive: true }))

  const run = (...words: string[]) => {
    const all = ['--max-old-space-size=256', '--import', './scripts/ts.mjs', ...words]
    const { status, stdout, stderr } = spawnSync(process.execPath, all, { cwd: root, maxBuffer: 2 ** 28 })
    expect(String(stderr)).to.equal('')
    expect(status).to.equal(0)
    return String(stdout)
  }

  it('take as much packet memory as a thousand', () => {
    const path = join(folder, 'million.pcap')
    run('examples/dissect/make-capture.ts', path, String(PACKETS))
    expect(statSync(path).size).to.be.above(100_000_000)
    const text = run('examples/dissect.ts', path)
    const [, first, last] = /^packet scope: bytes held ([\d,]+) after 1,000 packets, ([\d,]+) after 1,000,000$/m.exec(
      text,
    )!
    expect(last).to.equal(first)
    expect(text).to.match(/^ {2}packets +1000000$/m)
    expect(text).to.not.match(/^ {2}malformed/m)
    expect(text).to.match(/^ {2}broken off +0$/m)
  })
})
