/**
 * table: profiles as a text to read, the sites that allocated most first.
 *
 *   packets: profile(best), every block, 12.0 s
 *     allocated 1,204 blocks, 96.1 KiB; freed 1,200, 95.8 KiB; live 4, 320 B
 *     at the peak 310 blocks, 25.1 KiB live, of an extent of 32 KiB; largest 4 KiB, mean life 1.2 ms
 *
 *     allocated  blocks   live  blocks  at peak  blocks  largest  mean life
 *      90.2 KiB   1,100  320 B       4   24 KiB     300    4 KiB     1.1 ms  parse (/app/parser.ts:12:20)
 *                                                                              load (/app/main.ts:3:1)
 *
 * What is left out, since nobody reads a table of thousands of lines, is said at the end; the other forms have all.
 */
import type { Profile, SiteTally } from '../contract/profile.ts'
import { formatSize } from '../ground/sizes.ts'
import { frameText } from '../ground/stacks.ts'
import { framesOrNone } from './names.ts'

/** Regions that are listed, sites of a region, and calls of a site. */
const MOST_REGIONS = 20
const MOST_SITES = 40
const MOST_CALLS = 5

const TITLES = ['allocated', 'blocks', 'live', 'blocks', 'at peak', 'blocks', 'largest', 'mean life']

export function tableOf(profiles: readonly Profile[]): string {
  if (profiles.length === 0) return 'no region was under the method profile\n'
  if (profiles.length <= MOST_REGIONS) return profiles.map(regionText).join('\n')
  const sorted = [...profiles].sort((a, b) => b.total.allocBytes - a.total.allocBytes)
  const rest = sorted.splice(MOST_REGIONS)
  const bytes = rest.reduce((sum, { total }) => sum + total.allocBytes, 0)
  return `${sorted.map(regionText).join('\n')}\nand ${count(rest.length)} more regions, which allocated ${formatSize(bytes)}\n`
}

function regionText(profile: Profile): string {
  const { region, method, interval, since, taken, extent, total, sites } = profile
  const mode = interval === 0 ? 'every block' : `estimates from samples every ${formatSize(interval)}`
  const listed = sites.slice(0, MOST_SITES)
  const rest = sites.length - listed.length
  const restBytes = sites.slice(MOST_SITES).reduce((sum, site) => sum + site.allocBytes, 0)
  return [
    `${region}: ${method}, ${mode}, ${formatTime(taken - since)}`,
    `  allocated ${blocks(total.allocs)}, ${formatSize(total.allocBytes)}; freed ${count(total.frees)}, ` +
      `${formatSize(total.freeBytes)}; live ${count(total.liveBlocks)}, ${formatSize(total.liveBytes)}`,
    `  at the peak ${blocks(total.peakBlocks)}, ${formatSize(total.peakBytes)} live, of an extent of ${formatSize(extent)}; ` +
      `largest ${formatSize(total.largest)}, mean life ${formatTime(total.lifetime)}`,
    '',
    ...(listed.length > 0
      ? sitesText(listed)
      : [`  ${interval === 0 ? 'nothing was allocated' : 'no sample fell on what was allocated, if anything was'}`]),
    ...(rest > 0
      ? [`  and ${count(rest)} more ${rest === 1 ? 'site' : 'sites'}, which allocated ${formatSize(restBytes)}`]
      : []),
    '',
  ].join('\n')
}

function sitesText(sites: readonly SiteTally[]): string[] {
  const rows = [TITLES, ...sites.map(cells)]
  const widths = TITLES.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)))
  const lines = rows.map((row) => `  ${row.map((cell, i) => cell.padStart(widths[i]!)).join('  ')}`)
  const indent = ' '.repeat(lines[0]!.length + 4)
  return [
    lines[0]!,
    ...sites.flatMap((site, i) => {
      const [inner, ...outer] = framesOrNone(site.frames)
      return [
        `${lines[i + 1]}  ${frameText(inner!)}`,
        ...outer.slice(0, MOST_CALLS - 1).map((frame) => `${indent}${frameText(frame)}`),
      ]
    }),
  ]
}

function cells(site: SiteTally): string[] {
  return [
    formatSize(site.allocBytes),
    count(site.allocs),
    formatSize(site.liveBytes),
    count(site.liveBlocks),
    formatSize(site.peakBytes),
    count(site.peakBlocks),
    formatSize(site.largest),
    site.frees > 0 ? formatTime(site.lifetime) : '-',
  ]
}

const count = (n: number): string => n.toLocaleString('en-US')
const blocks = (n: number): string => `${count(n)} ${n === 1 ? 'block' : 'blocks'}`

function formatTime(ms: number): string {
  if (ms < 1) return `${(ms * 1000).toFixed(0)} us`
  if (ms < 1000) return `${ms.toFixed(1)} ms`
  return ms < 120_000 ? `${(ms / 1000).toFixed(1)} s` : `${(ms / 60_000).toFixed(1)} min`
}
