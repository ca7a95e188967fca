/**
 * ast: the report of AST's method profile, for the programs that read it. Fields end with a colon:
 *
 *   ALLOCATION USAGE SUMMARY:n_alloc=7:n_free=5:s_alloc=700:s_free=500:
 *   region=packets:n_alloc=7:n_free=5:s_alloc=700:s_free=500:max_busy=300:extent=4096:
 *   file=/app/parser.ts:n_alloc=7:n_free=5:s_alloc=700:s_free=500:
 *   <tab>line=12:region=packets:n_alloc=5:n_free=5:s_alloc=500:s_free=500:
 *   <tab>line=30:region=packets:n_alloc=2:n_free=0:s_alloc=200:s_free=0:
 *
 * Files are sorted by name, `<>` (unknown) first. A file's sums are those of its lines: AST repeated the first line's
 * n_alloc for every line. A region is its name where AST had its address; a colon in a name is written %3A.
 */
import type { Profile, Tally } from '../contract/profile.ts'

type Counts = Pick<Tally, 'allocs' | 'frees' | 'allocBytes' | 'freeBytes'>

interface Line {
  readonly line: number
  readonly region: string
  counts: Counts
}

const nothing: Counts = { allocs: 0, frees: 0, allocBytes: 0, freeBytes: 0 }

export function astOf(profiles: readonly Profile[]): string {
  const totals = profiles.map(({ total }) => total).reduce<Counts>(sum, nothing)
  const files = new Map<string, Map<string, Line>>()
  for (const { region, sites } of profiles) {
    for (const site of sites) {
      const { file = '', line = 0 } = site.frames[0] ?? {}
      const name = file === '' ? '<>' : field(file)
      const lines = files.get(name) ?? new Map<string, Line>()
      files.set(name, lines)
      const key = `${line} ${region}`
      const known = lines.get(key) ?? { line, region: field(region), counts: nothing }
      known.counts = sum(known.counts, site)
      lines.set(key, known)
    }
  }
  return [
    `ALLOCATION USAGE SUMMARY:${text(totals)}`,
    ...profiles.map(
      ({ region, total, extent }) =>
        `region=${field(region)}:${text(total)}max_busy=${total.peakBytes}:extent=${extent}:`,
    ),
    ...[...files.entries()].sort(byName).flatMap(([name, lines]) => {
      const all = [...lines.values()].sort((a, b) => a.line - b.line || (a.region < b.region ? -1 : 1))
      const own = all.map(({ counts }) => counts).reduce<Counts>(sum, nothing)
      return [
        `file=${name}:${text(own)}`,
        ...all.map(({ line, region, counts }) => `\tline=${line}:region=${region}:${text(counts)}`),
      ]
    }),
    '',
  ].join('\n')
}

const field = (name: string): string => name.replaceAll(':', '%3A').replaceAll('\n', ' ')

function byName([a]: [string, unknown], [b]: [string, unknown]): number {
  if (a === b) return 0
  return a === '<>' || (b !== '<>' && a < b) ? -1 : 1
}

const sum = (a: Counts, b: Counts): Counts => ({
  allocs: a.allocs + b.allocs,
  frees: a.frees + b.frees,
  allocBytes: a.allocBytes + b.allocBytes,
  freeBytes: a.freeBytes + b.freeBytes,
})

const text = ({ allocs, frees, allocBytes, freeBytes }: Counts): string =>
  `n_alloc=${allocs}:n_free=${frees}:s_alloc=${allocBytes}:s_free=${freeBytes}:`
