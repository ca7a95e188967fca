/**
 * profile-pprof: `go tool pprof` opens a file of ours and adds up to what the regions say.
 *
 * The tool comes with Go; where there is none this test is pending.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import type { Profile } from '../src/contract/profile.ts'
import { injectOptions, open, type Region } from '../src/index.ts'
import { gzip, pprofOf } from '../src/profile/pprof.ts'

const isThere = spawnSync('go', ['tool', '-n', 'pprof'], { encoding: 'utf8' }).status === 0
const whyNot = isThere ? '' : ' (pending: go tool pprof was not found)'

/** Two regions, of which blocks of two functions are in use and others freed. */
function used(): Region[] {
  return ['packets', 'pages'].map((name, n) => {
    const region = open({ name, method: 'profile(best)', sample: 0, discipline: 'memory' })
    const parseHeader = () => region.alloc(101 + n)
    const readBody = () => region.alloc(60_000)
    const blocks = Array.from({ length: 8 }, (_, i) => (i < 6 ? parseHeader() : readBody()))
    region.free(blocks[0]!)
    region.free(blocks[7]!)
    return region
  })
}

describe(`a profile in go tool pprof${whyNot}`, () => {
  let folder = ''
  let file = ''
  let all: Profile[] = []

  before(function () {
    if (!isThere) return this.skip()
    injectOptions('profile=/dev/null')
    folder = mkdtempSync(join(tmpdir(), 'vmalloc-pprof-'))
    file = join(folder, 'app.pb.gz')
    const regions = used()
    all = regions.map((region) => region.profile()!)
    for (const [i, region] of regions.entries()) expect(all[i]!.total.liveBytes).equals(region.stat().busyBytes)
    writeFileSync(file, gzip(pprofOf(all)))
    for (const region of regions) region.close()
  })
  after(() => {
    injectOptions(undefined)
    if (folder !== '') rmSync(folder, { recursive: true })
  })

  function pprof(...words: string[]): string {
    const env = { ...process.env, HOME: folder, PPROF_TMPDIR: folder }
    const { status, stdout, stderr } = spawnSync('go', ['tool', 'pprof', ...words, file], { encoding: 'utf8', env })
    expect(status, stderr).equals(0)
    return stdout
  }

  /** By function: what is its own. */
  function top(index: string, ...words: string[]): Record<string, number> {
    const lines = pprof('-top', '-unit=B', '-nodefraction=0', `-sample_index=${index}`, ...words).split('\n')
    const rows = lines.flatMap((line) => /^ *(\d+)B? .*% {2}(\S+)$/.exec(line)?.slice(1) ?? [])
    return Object.fromEntries(rows.flatMap((n, i) => (i % 2 === 0 && Number(n) > 0 ? [[rows[i + 1], Number(n)]] : [])))
  }

  const sum = (values: Record<string, number>) => Object.values(values).reduce((a, b) => a + b, 0)

  it('has the totals of the regions in all four values', () => {
    const totals = {
      alloc_objects: 'allocs',
      alloc_space: 'allocBytes',
      inuse_objects: 'liveBlocks',
      inuse_space: 'liveBytes',
    } as const
    for (const [index, key] of Object.entries(totals)) {
      expect(sum(top(index)), index).equals(all.reduce((sum, { total }) => sum + total[key], 0))
    }
  })

  it('has the functions that allocated, and the regions as labels', () => {
    expect(top('inuse_space')).deep.equals({ parseHeader: 5 * 101 + 5 * 102, readBody: 2 * 60_000 })
    expect(top('alloc_objects', '-tagfocus=region=packets')).deep.equals({ parseHeader: 6, readBody: 2 })
  })

  it('shows what is in use, unless it is told otherwise', () => {
    expect(pprof('-top')).match(/^Type: inuse_space$/m)
  })
})
