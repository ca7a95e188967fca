/**
 * profile-output: every form says what was counted, readers of other people understand it, and a file is there however
 * the program ends.
 */
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { expect } from 'chai'
import protocol from 'devtools-protocol/json/js_protocol.json' with { type: 'json' }
import { Profile as Pprof } from 'pprof-format'
import type { Profile } from '../src/contract/profile.ts'
import { injectOptions, open, profiles, type Region, writeProfile } from '../src/index.ts'
import { astOf } from '../src/profile/ast.ts'
import { type HeapNode, heapProfileOf } from '../src/profile/heapprofile.ts'
import { mergeProfiles } from '../src/profile/merge.ts'
import { gzip, pprofOf } from '../src/profile/pprof.ts'
import { tableOf } from '../src/profile/table.ts'

const program = join(import.meta.dirname, 'fixtures/profiled.ts')
const loader = join(import.meta.dirname, '../scripts/ts.mjs')
const siteLine =
  readFileSync(program, 'utf8')
    .split('\n')
    .findIndex((line) => line.includes('THE SITE')) + 1

/** Two regions, several sites each. */
function regionsWithSites(): Region[] {
  return ['packets', 'a:b'].map((name, n) => {
    const region = open({ name, method: 'profile(best)', sample: 0, discipline: 'memory' })
    const parse = (size: number) => region.alloc(size)
    const blocks = [10, 20, 30, 40].map((size) => parse(size + n))
    blocks.push(region.alloc(1000), region.alloc(2000))
    region.free(blocks[0]!)
    region.free(blocks[5]!)
    return region
  })
}

describe('the outputs of profile', () => {
  let regions: Region[]
  let both: Profile[]
  let folder: string

  before(() => {
    injectOptions('profile=/dev/null')
    folder = mkdtempSync(join(tmpdir(), 'vmalloc-profile-'))
    regions = regionsWithSites()
    both = regions.map((region) => region.profile()!)
  })
  after(() => {
    for (const region of regions) region.close()
    rmSync(folder, { recursive: true, force: true })
    injectOptions(undefined)
  })

  it('table: sites by what they allocated, with their stacks', () => {
    const text = tableOf(both)
    expect(text).contains('packets: profile(best), every block')
    expect(text).contains('allocated 6 blocks, 3 KiB; freed 2, 2 KiB; live 4, 1.1 KiB')
    const rows = text.split('\n').filter((line) => line.includes('profile-output.test.ts'))
    expect(rows[0]).match(/^ +2 KiB +1 +0 B +0 .*profile-output\.test\.ts:\d+:\d+/)
    expect(text).contains('parse (')
    expect(tableOf([])).equals('no region was under the method profile\n')
  })

  it('table: says what it leaves out', () => {
    const [one] = both as [Profile, Profile]
    const sites = Array.from({ length: 41 }, () => ({ ...one.sites[0]!, allocBytes: 1024 }))
    expect(tableOf([{ ...one, sites }])).match(/\n {2}and 1 more site, which allocated 1 KiB\n$/)
    const many = Array.from({ length: 22 }, (_, n) => {
      return { ...one, region: `r${n}`, total: { ...one.total, allocBytes: (n + 1) * 1024 } }
    })
    const text = tableOf(many)
    expect(text).match(/^r21: [\s\S]*\nand 2 more regions, which allocated 3 KiB\n$/)
    expect(text).not.match(/^r[01]: /m)
  })

  it('table: places in WebAssembly modules are bytes, as tools for them write those', () => {
    const [one] = both as [Profile, Profile]
    const frames = [{ name: 'malloc', file: 'wasm://sqlite-wasm', line: 0xbc506, column: 0 }]
    expect(tableOf([{ ...one, sites: [{ ...one.sites[0]!, frames }] }])).contains(
      'malloc (wasm://sqlite-wasm:0xbc506)\n',
    )
  })

  it('AST: the sums of a file are those of its lines', () => {
    const lines = astOf(both).trimEnd().split('\n')
    const counts = (line: string) =>
      /n_alloc=(\d+):n_free=(\d+):s_alloc=(\d+):s_free=(\d+):/.exec(line)!.slice(1).map(Number)
    const sum = (some: string[]) => some.map(counts).reduce((all, one) => all.map((n, i) => n + one[i]!), [0, 0, 0, 0])
    const { total } = both[0]!
    expect(lines[0]).match(/^ALLOCATION USAGE SUMMARY:n_alloc=12:n_free=4:/)
    expect(lines[1]).equals(
      `region=packets:n_alloc=6:n_free=2:s_alloc=${total.allocBytes}:s_free=${total.freeBytes}:` +
        `max_busy=${total.peakBytes}:extent=${both[0]!.extent}:`,
    )
    expect(lines[2]).match(/^region=a%3Ab:/)
    const file = lines.findIndex((line) => line.startsWith('file='))
    expect(lines[file]).match(/^file=.*profile-output\.test\.ts:n_alloc=12:/)
    expect(counts(lines[file]!)).deep.equals(sum(lines.slice(file + 1)))
    expect(counts(lines[0]!)).deep.equals(sum(lines.slice(1, 3)))
    for (const line of lines.slice(file + 1)) expect(line).match(/^\tline=\d+:region=[^:]+:n_alloc=/)
  })

  it('pprof: read back by another library, the same totals', () => {
    const read = Pprof.decode(gunzipSync(gzip(pprofOf(both))))
    const { strings } = read.stringTable
    const text = (index: number | bigint) => strings[Number(index)]
    const types = read.sampleType.map(({ type, unit }) => `${text(type)}/${text(unit)}`)
    expect(types).deep.equals(['alloc_objects/count', 'alloc_space/bytes', 'inuse_objects/count', 'inuse_space/bytes'])
    expect(text(read.defaultSampleType)).equals('inuse_space')
    for (const { region, total, sites } of both) {
      const samples = read.sample.filter(({ label }) =>
        label.some(({ key, str }) => text(key) === 'region' && text(str) === region),
      )
      expect(samples).lengthOf(sites.length)
      const sums = [0, 1, 2, 3].map((i) => samples.reduce((sum, { value }) => sum + Number(value[i]), 0))
      expect(sums).deep.equals([total.allocs, total.allocBytes, total.liveBlocks, total.liveBytes])
      for (const [i, { frames }] of sites.entries()) {
        const stack = samples[i]!.locationId.map((id) => {
          const line = read.location.find((location) => location.id === id)!.line[0]!
          const called = read.function.find(({ id }) => id === line.functionId)!
          return [text(called.filename), Number(line.line), text(called.name)]
        })
        expect(stack).deep.equals(frames.map(({ name, file, line }) => [file, line, name || '(anonymous)']))
      }
    }
    expect(Number(read.timeNanos) / 1e6).closeTo(both[0]!.since, 1)
    expect(Number(read.durationNanos)).greaterThan(0)
  })

  it('pprof: numbers below 0, as of blocks that another thread allocated', () => {
    const [{ sites, ...rest }] = both as [Profile]
    const read = Pprof.decode(pprofOf([{ ...rest, sites: [{ ...sites[0]!, liveBlocks: -3, liveBytes: -(2 ** 40) }] }]))
    const [, , blocks, bytes] = read.sample[0]!.value
    expect(BigInt.asIntN(64, BigInt(blocks!))).equals(-3n)
    expect(BigInt.asIntN(64, BigInt(bytes!))).equals(-(2n ** 40n))
  })

  it('heapprofile: as the protocol has it, with all that is live', () => {
    const made = JSON.parse(JSON.stringify(heapProfileOf(both)))
    conforms(made, { $ref: 'HeapProfiler.SamplingHeapProfile' }, 'HeapProfiler', 'profile')
    const nodes: HeapNode[] = []
    const visit = (node: HeapNode): void => {
      nodes.push(node)
      node.children.forEach(visit)
    }
    visit(made.head)
    const live = both.reduce((sum, { total }) => sum + total.liveBytes, 0)
    expect(nodes.reduce((sum, { selfSize }) => sum + selfSize, 0)).equals(live)
    expect(made.samples.reduce((sum: number, { size }: { size: number }) => sum + size, 0)).equals(live)
    expect(new Set(nodes.map(({ id }) => id)).size).equals(nodes.length)
    const parse = nodes.find(({ callFrame }) => callFrame.functionName === 'parse')!
    const site = both[0]!.sites.find(({ frames }) => frames[0]!.name === 'parse')!
    expect(parse.callFrame.lineNumber).equals(site.frames[0]!.line - 1)
    expect(new URL(parse.callFrame.url).pathname).equals(import.meta.filename)
  })

  it('merges regions of one name: counts are added, the peak is the highest', () => {
    const [one] = both as [Profile]
    const double = mergeProfiles([one, one])
    expect(double).lengthOf(1)
    expect(double[0]!.total.allocs).equals(2 * one.total.allocs)
    expect(double[0]!.total.liveBytes).equals(2 * one.total.liveBytes)
    expect(double[0]!.total.peakBytes).equals(one.total.peakBytes)
    expect(double[0]!.total.sizes).deep.equals(one.total.sizes.map((count) => 2 * count))
    expect(double[0]!.sites.map(({ peakBytes }) => peakBytes)).deep.equals(one.sites.map(({ peakBytes }) => peakBytes))
    expect(mergeProfiles(both)).lengthOf(2)
  })

  it('writes what the ending of a name says', () => {
    const file = (ending: string) => join(folder, `asked${ending}`)
    for (const ending of ['.pb.gz', '.pb', '.pprof', '.heapprofile', '.json', '.ast', '.txt'])
      writeProfile(file(ending))
    expect(Pprof.decode(gunzipSync(readFileSync(file('.pb.gz')))).sample.length).greaterThan(3)
    for (const ending of ['.pb', '.pprof'])
      expect(Pprof.decode(readFileSync(file(ending))).sample.length).greaterThan(3)
    expect(JSON.parse(readFileSync(file('.heapprofile'), 'utf8'))).keys('head', 'samples')
    expect(readFileSync(file('.ast'), 'utf8')).match(/^ALLOCATION USAGE SUMMARY:/)
    expect(readFileSync(file('.txt'), 'utf8')).contains('packets: profile(best)')
    const { vmalloc, version, profiles: read } = JSON.parse(readFileSync(file('.json'), 'utf8'))
    expect([vmalloc, version]).deep.equals(['profile', 1])
    expect(read.map(({ region }: Profile) => region)).includes('packets')
    expect(profiles().map(({ region }) => region)).includes('packets')
    expect(() => writeProfile(join(folder, 'no/such/folder.json'))).throws(/ENOENT/)
  })

  // programs

  interface Ran {
    code: number | null
    signal: string | null
    stderr: string
    files: Record<string, string>
  }

  /** Runs the program; `onReady` is called with each `ready` that it says. */
  async function run(way: string, options: string, onReady?: (pid: number, times: number) => void): Promise<Ran> {
    const place = mkdtempSync(join(folder, 'run-'))
    const child = spawn(process.execPath, ['--import', loader, program, way, 'asked.json'], {
      cwd: place,
      env: { ...process.env, VMALLOC_OPTIONS: `method=profile sample=0 ${options}` },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let stderr = ''
    let times = 0
    child.stderr.on('data', (text) => (stderr += text))
    child.stdout.on('data', (text: Buffer) => {
      for (const _ of String(text).matchAll(/ready/g)) onReady?.(child.pid!, ++times)
    })
    const [code, signal] = await new Promise<[number | null, string | null]>((ended) =>
      child.on('close', (code, signal) => ended([code, signal])),
    )
    const files = Object.fromEntries(readdirSync(place).map((name) => [name, readFileSync(join(place, name), 'utf8')]))
    return { code, signal, stderr, files }
  }

  const read = (text: string | undefined): Profile[] => JSON.parse(text!).profiles

  it('is there when a program ends, exits or throws', async () => {
    const codes = { end: 0, exit: 3, throw: 1 }
    await Promise.all(
      Object.entries(codes).map(async ([way, expected]) => {
        const { code, files, stderr } = await run(way, 'profile=out.json')
        expect(code, way).equals(expected)
        const [profile] = read(files['out.json'])
        expect(profile!.total, way).includes({ allocs: 10, frees: 4, liveBytes: 600 })
        expect(profile!.sites[0]!.frames[0], way).includes({ file: program, line: siteLine })
        if (way !== 'throw') expect(stderr, way).equals('')
      }),
    )
  })

  it('is a table on standard error where no file is named', async () => {
    const { code, files, stderr } = await run('end', '')
    expect([code, Object.keys(files)]).deep.equals([0, []])
    expect(stderr).match(/^thread-0: profile\(best\), every block/)
    expect(stderr).contains(`profiled.ts:${siteLine}:`)
  })

  it('is silent on standard error where nothing was counted', async () => {
    for (const options of ['', 'sample=512k']) expect((await run('empty', options)).stderr, options).equals('')
    const { stderr } = await run('end', 'sample=64m,seed=1')
    expect(stderr).match(/^vmalloc: profile: so little was allocated that no sample fell on it; sample=0 .*\n$/)
  })

  it('is not written at all where the file is none', async () => {
    const { code, files, stderr } = await run('closed', 'profile=none')
    expect([code, files, stderr]).deep.equals([0, {}, ''])
  })

  it('is a page, if that was built', async () => {
    const root = join(import.meta.dirname, '..')
    const isReadable = 'typescript' in process.features || existsSync(join(root, 'dist/src/report/page.js'))
    const isBuilt = isReadable && existsSync(join(root, 'dist/page/report.html'))
    const { code, files, stderr } = await run('end', 'profile=out.html')
    expect(code).equals(0)
    if (isBuilt) {
      expect(files['out.html']).match(/^<!doctype html>[\s\S]*"region":"thread-0"/i)
      expect([Object.keys(files), stderr]).deep.equals([['out.html'], ''])
    } else {
      expect(stderr).match(/^vmalloc: the page out\.html cannot be made \(.*\); the profile is in out\.json\n$/)
      expect(read(files['out.json'])[0]).includes({ region: 'thread-0' })
    }
  })

  it('knows regions that were closed', async () => {
    const { files } = await run('closed', 'profile=%p-%t.json')
    const [name] = Object.keys(files)
    expect(name).match(/^\d+-0\.json$/)
    const found = read(files[name!])
    expect(found.map(({ region, total }) => [region, total.allocs, total.liveBlocks])).deep.equals([
      ['thread-0', 10, 6],
      ['request', 3, 3],
    ])
  })

  it('is written when the program asks', async () => {
    const { files } = await run('asked', 'profile=end.json')
    for (const name of ['asked.json', 'end.json']) expect(read(files[name])[0]!.total.allocs, name).equals(10)
  })

  it('has a file for each worker', async () => {
    const { files, code } = await run('worker', 'profile=out.json')
    expect(code).equals(0)
    const [theirs, mine] = Object.keys(files).sort()
    const thread = /^out\.(\d+)\.json$/.exec(theirs!)?.[1]
    expect(mine).equals('out.json')
    expect(read(files[theirs!])[0]).includes({ region: `thread-${thread}` })
    expect(read(files['out.json'])[0]).includes({ region: 'thread-0' })
  })

  it('is written anew at each SIGUSR2, whose other handlers still run', async () => {
    const seen: number[] = []
    const { signal, files } = await run('signals', 'profile=out-%p.json', (pid, times) => {
      if (times > 1) {
        const [run] = readdirSync(folder).filter(
          (name) => name.startsWith('run-') && readdirSync(join(folder, name)).includes(`out-${pid}.json`),
        )
        seen.push(read(readFileSync(join(folder, run!, `out-${pid}.json`), 'utf8'))[0]!.total.allocs)
      }
      process.kill(pid, times < 4 ? 'SIGUSR2' : 'SIGKILL')
    })
    expect(signal).equals('SIGKILL')
    // ours is first on the list, so it writes before the program's handler allocates
    expect(seen).deep.equals([10, 20, 30])
    expect(read(Object.values(files)[0])[0]!.total.allocs).equals(30)
  })

  it('is there when a signal ends the program, which it still does', async () => {
    for (const wanted of ['SIGTERM', 'SIGINT'] as const) {
      const { signal, files } = await run('wait', 'profile=out.json', (pid) => process.kill(pid, wanted))
      expect(signal).equals(wanted)
      expect(read(files['out.json'])[0]!.total.allocs).equals(10)
    }
  })

  it('says what cannot be written, and lets the program end as it would', async () => {
    const { code, stderr } = await run('exit', 'profile=no/such/folder.json')
    expect(code).equals(3)
    expect(stderr).match(/^vmalloc: cannot write the profile: ENOENT/)
  })
})

/** Holds a value against a type of the protocol, all of it. */
function conforms(value: unknown, type: Schema, domain: string, path: string): void {
  if (type.$ref !== undefined) {
    const [home, id] = type.$ref.includes('.') ? type.$ref.split('.') : [domain, type.$ref]
    const types = (protocol.domains as unknown as { domain: string; types: Schema[] }[]).find(
      (one) => one.domain === home,
    )!.types
    conforms(value, types.find((one) => one.id === id)!, home!, path)
  } else if (type.type === 'array') {
    expect(value, path).an('array')
    for (const [i, item] of (value as unknown[]).entries()) conforms(item, type.items!, domain, `${path}[${i}]`)
  } else if (type.type === 'object') {
    const properties = type.properties ?? []
    expect(Object.keys(value as object), path).members(
      properties.filter(({ name, optional }) => !optional || name! in (value as object)).map(({ name }) => name),
    )
    for (const property of properties)
      if (property.name! in (value as object))
        conforms((value as Record<string, unknown>)[property.name!], property, domain, `${path}.${property.name}`)
  } else {
    expect(typeof value, path).equals(type.type === 'integer' ? 'number' : type.type)
    if (type.type === 'integer') expect(Number.isInteger(value), path).equals(true)
  }
}

interface Schema {
  readonly id?: string
  readonly name?: string
  readonly type?: string
  readonly optional?: boolean
  readonly $ref?: string
  readonly items?: Schema
  readonly properties?: readonly Schema[]
}
