/**
 * environment: what VMALLOC_OPTIONS makes of programs that know nothing of it. Each runs as a process of its own.
 *
 * test/fixtures/shaped.ts opens the regions that it is told to and prints what came of them; the modules that options
 * name are in test/fixtures/modules, where the programs run. Program and sources are made one plain file first, because
 * Node then starts four times as fast, and because modules must load where nothing but Node loads them.
 */
import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { build } from 'esbuild'
import type { OpenOptions } from '../src/index.ts'
import { readTrace } from '../src/node/traces.ts'
import type { Shape } from './fixtures/shaped.ts'

const fixtures = join(import.meta.dirname, 'fixtures')
const modules = join(fixtures, 'modules')
const built = mkdtempSync(join(tmpdir(), 'vmalloc-program-'))
const program = join(built, 'shaped.mjs')
const SOURCE = 'vmalloc: VMALLOC_OPTIONS: '

interface Outcome {
  of: Record<string, Shape>
  /** Lines on standard error, less the source that each must name. */
  reports: string[]
  pid: number
}

function run(options: string, asked: OpenOptions[] = [], cwd = modules): Promise<Outcome> {
  const args = [program, ...asked.map((one) => JSON.stringify(one))]
  return new Promise((done, fail) => {
    const env = { ...process.env, VMALLOC_OPTIONS: options }
    const child = execFile(process.execPath, args, { cwd, env }, (error, stdout, stderr) => {
      if (error) fail(error)
      else {
        const lines = stderr === '' ? [] : stderr.trimEnd().split('\n')
        const reports = lines.map((line) => (line.startsWith(SOURCE) ? line.slice(SOURCE.length) : `?? ${line}`))
        done({ of: JSON.parse(stdout), reports, pid: child.pid! })
      }
    })
  })
}

const OFF = { check: 0, keep: false, junk: false, events: false }
/** One that asks for nothing, one that asks for a method, one for memory of its own. */
const PLAIN: OpenOptions = { name: 'plain' }
const PACKETS: OpenOptions = { name: 'packets', method: 'pool' }
const FRAMES: OpenOptions = { name: 'frames', discipline: 'memory', check: 1 }
const ALL = [PLAIN, PACKETS, FRAMES]

const methods = ({ of }: Outcome) => Object.fromEntries(Object.entries(of).map(([name, { method }]) => [name, method]))
const expectHeapUntouched = ({ of: { heap } }: Outcome) =>
  expect(heap).to.deep.include({
    method: 'best',
    discipline: 'memory',
    settings: OFF,
    fresh: 0,
    kept: false,
    cached: 1,
  })

describe('environment', function () {
  this.timeout(20_000)
  before(async () => {
    const entryPoints = [join(fixtures, 'shaped.ts')]
    await build({ entryPoints, bundle: true, platform: 'node', format: 'esm', outfile: program, logLevel: 'error' })
    writeFileSync(join(built, 'circle.mjs'), `import './shaped.mjs'\nexport default { name: 'circle', state: 0 }\n`)
  })
  after(() => rmSync(built, { recursive: true }))

  it('without the variable is what the program asks for', async () => {
    const outcome = await run('', ALL)
    expect(outcome.reports).to.deep.equal([])
    expect(methods(outcome)).to.deep.equal({
      plain: 'best',
      packets: 'pool',
      frames: 'best',
      malloc: 'best',
      heap: 'best',
    })
    expect(outcome.of.frames).to.deep.include({ discipline: 'memory', settings: { ...OFF, check: 1 } })
    expect(outcome.of.plain).to.include({ discipline: 'region', parent: 'heap' })
    expect(outcome.of.malloc).to.deep.include({ discipline: 'memory', settings: OFF, fresh: 0, kept: false, cached: 1 })
    expectHeapUntouched(outcome)
  })

  describe('chooses methods and disciplines', () => {
    it('method=last: for malloc and for regions that did not ask', async () => {
      const outcome = await run('method=last', ALL)
      expect(outcome.reports).to.deep.equal([])
      expect(methods(outcome)).to.deep.equal({
        plain: 'last',
        packets: 'pool',
        frames: 'last',
        malloc: 'last',
        heap: 'best',
      })
      expectHeapUntouched(outcome)
    })

    it('packets.method=last: for the region of that name, whatever it asked for', async () => {
      const outcome = await run('packets.method=last', ALL)
      expect(methods(outcome)).to.deep.equal({
        plain: 'best',
        packets: 'last',
        frames: 'best',
        malloc: 'best',
        heap: 'best',
      })
    })

    it('*.method=last: for every region but the heap', async () => {
      const outcome = await run('*.method=last', ALL)
      expect(methods(outcome)).to.deep.equal({
        plain: 'last',
        packets: 'last',
        frames: 'last',
        malloc: 'last',
        heap: 'best',
      })
      expectHeapUntouched(outcome)
    })

    it('a name wins over *, that over the arguments, those over an item without a prefix', async () => {
      const outcome = await run('method=null, *.method=last packets.method=best', [PACKETS, FRAMES])
      expect(methods(outcome)).to.include({ packets: 'best', frames: 'last', malloc: 'last' })
      const asked = await run('method=last,check=3', [PACKETS, FRAMES])
      expect(methods(asked)).to.include({ packets: 'pool', frames: 'last', malloc: 'last' })
      expect(asked.of.packets!.settings.check).to.equal(3)
      expect(asked.of.frames!.settings.check).to.equal(1)
    })

    it('heap.method reaches the heap, and nothing else does', async () => {
      const outcome = await run('heap.method=./counting.mjs heap.check=2', [PLAIN])
      expect(methods(outcome)).to.include({ heap: 'counting(best)', plain: 'best', malloc: 'best' })
      expect([outcome.of.heap!.settings.check, outcome.of.plain!.settings.check]).to.deep.equal([2, 0])
    })

    it('discipline=...: by name, for one or for all that did not ask', async () => {
      const { of, reports } = await run('discipline=shared packets.discipline=resizable', ALL)
      expect(reports).to.deep.equal([])
      expect(of.plain).to.include({ discipline: 'shared' }).and.not.have.property('parent')
      expect([of.packets!.discipline, of.frames!.discipline, of.malloc!.discipline, of.heap!.discipline]).to.deep.equal(
        ['resizable', 'memory', 'shared', 'memory'],
      )
    })

    it('discipline=region nests what the program gave a root', async () => {
      const { of } = await run('*.discipline=region', [FRAMES])
      expect([of.frames!.parent, of.malloc!.parent, of.heap!.parent]).to.deep.equal(['heap', 'heap', undefined])
    })

    it('options that a definition brings', async () => {
      const { of, reports } = await run('packets.element=600 discipline=buffer max=64k', [PACKETS, PLAIN])
      expect(reports).to.deep.equal([])
      expect(of.packets!.stride).to.equal(600)
      expect(of.plain!.discipline).to.equal('buffer')
    })
  })

  describe('sets', () => {
    it('check=3, keep, junk, free, align=64 where the program says nothing', async () => {
      const outcome = await run('check=3,keep,junk,free,align=64', ALL)
      expect(outcome.reports).to.deep.equal([])
      for (const name of ['plain', 'malloc']) {
        const shape = outcome.of[name]!
        expect(shape.settings, name).to.deep.equal({ check: 3, keep: true, junk: true, events: false })
        expect(shape, name).to.include({ fresh: 0x55, kept: true, cached: 0 })
        expect(shape.aligned, name).to.be.at.least(64)
      }
      expect(outcome.of.packets!.aligned).to.be.at.least(64)
      expect(outcome.of.frames!.settings).to.deep.equal({ check: 1, keep: true, junk: true, events: false })
      expectHeapUntouched(outcome)
    })

    it('check=3: a region that is checked whole after each operation', async () => {
      const { of } = await run('check=3', [PLAIN, FRAMES])
      expect(of.malloc!.settings).to.deep.equal({ ...OFF, check: 3 })
      expect(of.plain!.settings).to.deep.equal({ ...OFF, check: 3 })
      expect(of.frames!.settings.check, 'asked for 1').to.equal(1)
    })

    it('keep: nothing is freed', async () => {
      const outcome = await run('keep', [PLAIN, PACKETS])
      expect([outcome.of.malloc!.kept, outcome.of.plain!.kept, outcome.of.packets!.kept]).to.deep.equal([
        true,
        true,
        true,
      ])
      expectHeapUntouched(outcome)
    })

    it('junk: 0x55 in new memory, 0x66 in what has grown, 0xA5 in what was freed', async () => {
      const outcome = await run('*.junk,discipline=memory', ALL)
      for (const name of ['malloc', 'plain', 'frames']) {
        expect(outcome.of[name], name).to.include({ fresh: 0x55, grown: 0x66, freed: 0xa5 })
      }
      expect(outcome.of.packets).to.include({ fresh: 0x55, freed: 0xa5 })
      expectHeapUntouched(outcome)
    })

    it('free: nothing is cached', async () => {
      const outcome = await run('free', [PLAIN])
      expect([outcome.of.malloc!.cached, outcome.of.plain!.cached]).to.deep.equal([0, 0])
      expectHeapUntouched(outcome)
    })

    it('align=64: every payload', async () => {
      const outcome = await run('*.align=64', ALL)
      for (const name of ['malloc', 'plain', 'packets', 'frames'])
        expect(outcome.of[name]!.aligned, name).to.be.at.least(64)
    })

    it('what was set can be taken back for one region', async () => {
      const { of } = await run('*.keep *.check=3 packets.nokeep packets.check=0', ALL)
      expect(of.packets!.settings).to.deep.equal(OFF)
      expect(of.plain!.settings).to.deep.equal({ ...OFF, check: 3, keep: true })
      expect(of.packets!.kept).to.equal(false)
    })
  })

  describe('reports once what it ignores', () => {
    it('an unknown option, with the nearest one', async () => {
      const { of, reports } = await run('chek=3,nokep packets.methd=last,zzzzzzzz', ALL)
      expect(reports).to.deep.equal([
        'unknown option "chek": did you mean "check"?',
        'unknown option "nokep": did you mean "nokeep"?',
        'unknown option "packets.methd": did you mean "packets.method"?',
        'unknown option "zzzzzzzz": "usage" lists all',
      ])
      expect(of.plain!.settings).to.deep.equal(OFF)
    })

    it('an unknown method or discipline, with the nearest one', async () => {
      const outcome = await run('method=bset,*.discipline=memroy', ALL)
      expect(outcome.reports).to.deep.equal([
        'method=bset: unknown method "bset": did you mean "best"?',
        'discipline=memroy: unknown discipline "memroy": did you mean "memory"?',
      ])
      expect(methods(outcome)).to.include({ plain: 'best', packets: 'pool', malloc: 'best' })
      expect(outcome.of.plain!.parent).to.equal('heap')
    })

    it('an unknown method, and goes on with the next in order', async () => {
      const outcome = await run('packets.method=lsat,*.method=last', [PACKETS])
      expect(outcome.reports).to.deep.equal(['method=lsat: unknown method "lsat": did you mean "last"?'])
      expect(methods(outcome)).to.include({ packets: 'last' })
    })

    it('a method that does not wrap what it is given', async () => {
      const outcome = await run('method=best(pool)', [PLAIN])
      expect(outcome.reports).to.have.length(1)
      expect(outcome.reports[0]).to.include('method=best(pool)').and.include('best does not wrap')
      expect(methods(outcome)).to.include({ plain: 'best' })
    })

    it('a wrong value, with those that are allowed', async () => {
      const { of, reports } = await run(
        'check=9 align=12 keep=maybe junk=2,nomethod align method= packets.element=0',
        ALL,
      )
      expect(reports).to.have.length(8)
      const said = reports.join('\n')
      for (const part of [
        'check=9: expected a number from 0 to 3',
        'align=12: expected a power of two from 8 B to 2 MiB',
        'keep=maybe: expected no value or one of 1, true, yes, on, 0, false, no, off',
        'junk=2: expected no value or one of',
        'nomethod: only flags can be negated',
        'align: expected a power of two',
        'method=: expected a value, as in method=',
        'packets.element=0: expected a size from 1 B',
      ]) {
        expect(said).to.include(part)
      }
      expect(of.malloc!.settings).to.deep.equal(OFF)
      expect(of.malloc!.aligned).to.be.below(64)
    })

    it('text that cannot be read', async () => {
      const { of, reports } = await run(`keep, "unclosed.check=1`, [PLAIN])
      expect(reports).to.deep.equal(['"unclosed.check=1: unclosed quote'])
      expect(of.plain!.settings.keep).to.equal(true)
    })
  })

  describe('loads modules', () => {
    it('a method by path, with options of its own', async () => {
      const outcome = await run('malloc.method=./bump.mjs,gap=24,frames.method=./bump.mjs', [FRAMES, PACKETS])
      expect(outcome.reports).to.deep.equal([])
      expect(methods(outcome)).to.include({ malloc: 'bump', frames: 'bump', packets: 'pool' })
      expect(outcome.of.malloc!.stride).to.equal(632)
      expect(outcome.of.malloc!.again).to.equal('bump, the same')
    })

    it('a discipline by path, with options of its own', async () => {
      const { of, reports } = await run('discipline=./slab.mjs,slab=8k', ALL)
      expect(reports).to.deep.equal([])
      expect([of.plain!.discipline, of.packets!.discipline, of.frames!.discipline]).to.deep.equal([
        'slab',
        'slab',
        'memory',
      ])
      expect(of.malloc!.discipline).to.equal('slab')
    })

    for (const [what, prefix] of [
      ['an absolute path', ''],
      ['a URL', 'file://'],
    ]) {
      it(`by ${what}`, async () => {
        const outcome = await run(`malloc.method=${prefix}${join(modules, 'bump.mjs')}`, [], built)
        expect(outcome.reports).to.deep.equal([])
        expect(methods(outcome)).to.include({ malloc: 'bump' })
      })
    }

    it('by the name of a package', async () => {
      const folder = mkdtempSync(join(tmpdir(), 'vmalloc-package-'))
      try {
        for (const [name, file] of [
          ['vmalloc-bump', 'bump.mjs'],
          ['@scope/slab', 'slab.mjs'],
        ] as const) {
          const place = join(folder, 'node_modules', name)
          mkdirSync(place, { recursive: true })
          cpSync(join(modules, file), join(place, 'index.mjs'))
          writeFileSync(join(place, 'package.json'), JSON.stringify({ name, exports: './index.mjs' }))
        }
        const outcome = await run('malloc.method=vmalloc-bump plain.discipline=@scope/slab', [PLAIN], folder)
        expect(outcome.reports).to.deep.equal([])
        expect(methods(outcome)).to.include({ malloc: 'bump' })
        expect(outcome.of.plain!.discipline).to.equal('slab')
      } finally {
        rmSync(folder, { recursive: true })
      }
    })

    // biome-ignore format: a table
    const failures: [what: string, options: string, parts: string[]][] = [
      ['with top-level await',       'method=./waits.mjs',       ['method=./waits.mjs', 'top-level await']],
      ['that is not there',          'method=./no-such.mjs',     ['method=./no-such.mjs', 'not found from', modules]],
      ['that exports nothing of use', 'method=./nothing.mjs',    ['method=./nothing.mjs', 'exports no method definition', '{ name, state, create(store) }']],
      ['that is no discipline',      'discipline=./bump.mjs',    ['discipline=./bump.mjs', 'exports no discipline definition']],
      ['that throws',                'method=./throws.mjs',      ['method=./throws.mjs', 'not today']],
      ['in TypeScript',              'method=./typed.ts',        ['method=./typed.ts', 'TypeScript']],
      ['that imports the program',   `method=${built}/circle.mjs`, ['circle.mjs', 'imports the program']],
      ['of a package that is not there', 'method=no-such-package', ['method=no-such-package', 'unknown method']],
    ]
    for (const [what, options, parts] of failures) {
      it(`one ${what} is reported once and ignored`, async function () {
        if (what === 'in TypeScript' && 'typescript' in process.features && process.features.typescript) this.skip()
        const outcome = await run(options, ALL)
        expect(outcome.reports).to.have.length(1)
        for (const part of parts) expect(outcome.reports[0]).to.include(part)
        expect(methods(outcome)).to.include({ plain: 'best', malloc: 'best' })
      })
    }
  })

  describe('wraps methods', () => {
    it('a wrapper alone wraps what the program asked for, best when that is nothing', async () => {
      const outcome = await run('packets.method=./counting.mjs,plain.method=./counting.mjs', ALL)
      expect(outcome.reports).to.deep.equal([])
      expect(methods(outcome)).to.include({
        packets: 'counting(pool)',
        plain: 'counting(best)',
        frames: 'best',
        malloc: 'best',
      })
      const all = await run('*.method=./counting.mjs', ALL)
      expect(methods(all)).to.deep.equal({
        plain: 'counting(best)',
        packets: 'counting(pool)',
        frames: 'counting(best)',
        malloc: 'counting(best)',
        heap: 'best',
      })
      expect(all.of.packets!.stride, 'served as a pool').to.equal((await run('', ALL)).of.packets!.stride)
    })

    it('a wrapper wraps what it names', async () => {
      const outcome = await run('plain.method=./counting.mjs(pool),packets.method=./counting.mjs(last)', ALL)
      expect(methods(outcome)).to.include({ plain: 'counting(pool)', packets: 'counting(last)' })
    })

    it('wrappers nest, each with bytes of its own', async () => {
      const outcome = await run(
        'malloc.method=./tagging.mjs(./counting.mjs(last)),packets.method=./counting.mjs(./tagging.mjs),check=3',
        [PACKETS],
      )
      expect(outcome.reports).to.deep.equal([])
      expect(methods(outcome)).to.include({ malloc: 'tagging(counting(last))', packets: 'counting(tagging(pool))' })
    })

    it('attach finds the wrapper and what it wraps by the full name', async () => {
      const { of } = await run('malloc.method=./tagging.mjs(./counting.mjs),frames.method=./counting.mjs(last)', [
        FRAMES,
      ])
      expect(of.malloc!.again).to.equal('tagging(counting(best)), the same')
      expect(of.frames!.again).to.equal('counting(last), the same')
    })
  })

  it('usage: the list of options is written once', async () => {
    const { reports } = await run('usage,method=./bump.mjs', ALL)
    const text = reports.join('\n')
    for (const option of [
      'method=TEXT',
      'discipline=TEXT',
      'check=N',
      '[no]keep',
      'trace=FILE',
      'element=SIZE',
      'gap=SIZE',
    ]) {
      expect(text.split(option), option).to.have.length(2)
    }
    expect(text.match(/VMALLOC_OPTIONS holds items/g)).to.have.length(1)
  })

  describe('traces', () => {
    let folder: string
    beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'vmalloc-environment-'))))
    afterEach(() => rmSync(folder, { recursive: true }))
    const written = () =>
      readdirSync(folder)
        .filter((name) => name.endsWith('.rep'))
        .sort()
    /** Calls that shaped.ts makes in a region of best or last: allocations, and frees; resizes may fail. */
    const calls = (file: string) => readTrace(join(folder, file)).events

    it('trace=app-%p-%t.rep: all regions of a thread in one file', async () => {
      const { pid, reports } = await run('trace=app-%p-%t.rep', [PLAIN, FRAMES], folder)
      expect(reports).to.deep.equal([])
      expect(written()).to.deep.equal([`app-${pid}-0.rep`])
      expect(calls(`app-${pid}-0.rep`), 'of plain, frames and malloc').to.be.within(3 * 6, 3 * 8)
    })

    it('packets.trace=..., frames.trace=...: each in its own', async () => {
      const { pid } = await run('packets.trace=p-%p.rep frames.trace=f-%p.rep', ALL, folder)
      expect(written()).to.deep.equal([`f-${pid}.rep`, `p-${pid}.rep`])
      for (const file of written()) expect(calls(file), file).to.be.within(4, 8)
    })

    it('a file that cannot be opened costs one line', async () => {
      const { of, reports } = await run('trace=no/such/folder/x.rep', [PLAIN, FRAMES], folder)
      expect(reports).to.have.length(1)
      expect(reports[0]).to.include('cannot open the trace').and.include('x.rep')
      expect(of.plain!.method).to.equal('best')
    })
  })
})
