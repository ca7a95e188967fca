/**
 * command: `vmalloc wasm`: tables, JSON, maps and glue, and what it says of files that it cannot show.
 */
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import sinon from 'sinon'
import { main } from '../../src/node/cli.ts'

const root = join(import.meta.dirname, '../..')
const fixture = (name: string) => join(root, `test/wasm/modules/${name}.wasm`)
const sqlJs = join(root, 'node_modules/sql.js/dist/sql-wasm.wasm')

async function run(...words: string[]): Promise<{ code: number; out: string; err: string }> {
  const out: string[] = []
  const err: string[] = []
  const stdout = sinon.stub(process.stdout, 'write').callsFake((text) => out.push(String(text)) > 0)
  const stderr = sinon.stub(process.stderr, 'write').callsFake((text) => err.push(String(text)) > 0)
  try {
    const code = await main(['wasm', ...words])
    return { code, out: plain(out.join('')), err: err.join('') }
  } finally {
    stdout.restore()
    stderr.restore()
  }
}

const plain = (text: string) => text.replaceAll(new RegExp(`${String.fromCharCode(27)}\\[\\d+m`, 'g'), '')

describe('vmalloc wasm', () => {
  let folder: string
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'vmalloc-wasm-'))
  })
  after(() => rmSync(folder, { recursive: true }))

  it('shows functions, allocator and levels', async () => {
    const { code, out, err } = await run(sqlJs)
    expect([code, err]).to.deep.equal([0, ''])
    expect(out).to.match(
      /^.*sql-wasm\.wasm\n688,197 bytes, 2,008 functions, 40 imports, 56 exports; memory: its own, 338 to 32,768 pages\n/,
    )
    expect(out).to.match(/allocator: dlmalloc, addresses are multiples of 8\n/)
    expect(out).to.match(/^role +function +bytes +leading to it +by +sure +because$/m)
    expect(out).to.match(/^malloc +244 +5,192 +fingerprint +yes +its code is that of dlmalloc$/m)
    expect(out).to.match(/^observe {2}possible$/m)
    expect(out).to.match(/^replace {2}possible$/m)
    expect(out).to.match(/^debug {4}no: function 1827: realloc is inlined into it$/m)
  })

  it('shows several, and says which are left alone', async () => {
    const { code, out } = await run(fixture('side.clang'), fixture('clean.full'))
    expect(code).to.equal(0)
    expect(out).to.match(/side\.clang\.wasm\n.*\nleft alone: it imports malloc[^\n]*\n\n.*clean\.full\.wasm\n/)
    expect(out).to.match(/^malloc +28 +7,046 +27 +export +yes +exported as malloc$/m)
  })

  it('says the same as JSON, an object a file', async () => {
    const { code, out } = await run('--json', fixture('clean.stripped'), fixture('clean.own'))
    const [stripped, own, ...rest] = out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect([code, rest.length]).to.deep.equal([0, 0])
    const hash = createHash('sha256')
      .update(readFileSync(fixture('clean.stripped')))
      .digest('hex')
    expect(stripped).to.include({ family: 'dlmalloc', alignment: 16, left: '', hash })
    expect(stripped.functions[0]).to.deep.equal({
      role: 'malloc',
      index: 28,
      entries: [27],
      evidence: 'fingerprint',
      sure: true,
      why: 'its code is that of dlmalloc',
      bytes: 7046,
    })
    expect(stripped.levels).to.deep.equal({ observe: '', replace: '', debug: '' })
    expect(own.levels.replace).to.equal('its allocator is none that this program knows')
    expect(own.module).to.deep.equal({ functions: 42, imports: 0, exports: 22, memory: 'its own, 2 pages' })
  })

  it('lets a map win, and says what does not fit', async () => {
    const hash = createHash('sha256')
      .update(readFileSync(fixture('clean.own')))
      .digest('hex')
    const map = join(folder, 'map.json')
    writeFileSync(map, JSON.stringify({ [hash]: { malloc: 27, free: 27 } }))
    const { code, out, err } = await run('--map', map, fixture('clean.own'))
    expect(code).to.equal(0)
    expect(out).to.match(/^malloc +27 .* map +yes +the map says so$/m)
    expect(out).to.match(/^free +31 .* export/m)
    expect(err).to.match(/map: free: function 27 is of the type i:i, expected i:/)
  })

  it('reads glue', async () => {
    const { out } = await run('--glue', join(root, 'node_modules/sql.js/dist/sql-wasm.js'), sqlJs)
    expect(out).to.match(/^malloc +244 +5,192 +glue +yes/m)
  })

  it('tells what it cannot show, and shows the rest', async () => {
    const text = join(folder, 'text.wasm')
    writeFileSync(text, 'no module at all')
    const { code, out, err } = await run(text, join(folder, 'absent.wasm'), fixture('clean.stripped'))
    expect(code).to.equal(1)
    expect(err).to.match(/text\.wasm: no WebAssembly module at byte 0\n/)
    expect(err).to.match(/absent\.wasm: cannot be read: ENOENT/)
    expect(out).to.match(/^malloc +28/m)
    expect((await run()).code).to.equal(2)
    expect((await run('--map', join(folder, 'absent.json'), text)).code).to.equal(1)
  })
})
