/**
 * picture: a region as a text to look at and as data to read, made of what everybody can ask a region.
 */

import type { Inspection, Region, Settings } from '../contract/region.ts'
import { formatSize } from '../ground/sizes.ts'

const BUSY = 1
const CACHED = 2
const FREE = 4

/**
 * The segments in order, `width` signs a line and about `lines` lines in all: `#` mostly busy bytes, `+` mostly cached,
 * `.` mostly free, `-` tables and headers.
 */
export function mapOf(region: Region, width: number, lines: number): string {
  const segments = region.segments()
  const extent = segments.reduce((sum, s) => sum + s.size, 0)
  const unit = Math.max(8, Math.ceil(extent / (width * lines)))
  const out: string[] = []
  const blocks: { at: number; size: number; state: string }[] = []
  region.walk((block) => {
    blocks.push(block)
  })
  for (const segment of segments) {
    const cells = Math.max(1, Math.ceil(segment.size / unit))
    const sums = [BUSY, CACHED, FREE].map(() => new Float64Array(cells))
    for (const { at, size, state } of blocks) {
      if (at < segment.at || at >= segment.at + segment.size) continue
      const sum = sums[state === 'busy' ? 0 : state === 'cached' ? 1 : 2]!
      for (let from = at - segment.at, end = from + size; from < end; ) {
        const cell = Math.floor(from / unit)
        const to = Math.min(end, (cell + 1) * unit)
        sum[cell] = sum[cell]! + to - from
        from = to
      }
    }
    out.push(`${segment.at} ${formatSize(segment.size)}, ${formatSize(unit)} a sign`)
    let line = ''
    for (let i = 0; i < cells; i++) {
      const [busy, cached, free] = [sums[0]![i]!, sums[1]![i]!, sums[2]![i]!]
      const most = Math.max(busy, cached, free)
      line += most === 0 ? '-' : most === busy ? '#' : most === free ? '.' : '+'
      if (line.length === width) {
        out.push(line)
        line = ''
      }
    }
    if (line !== '') out.push(line)
  }
  return out.join('\n')
}

export function inspectionOf(region: Region, settings: Settings): Inspection {
  return {
    name: region.name,
    method: region.method,
    discipline: region.discipline.name,
    at: region.header,
    alignment: region.alignment,
    settings,
    stat: region.stat(),
    children: region.children().map((child) => child.inspect()),
    toString() {
      return textOf(this, '')
    },
  }
}

function textOf(of: Inspection, indent: string): string {
  const { stat } = of
  const lines = [
    `${indent}${of.name}  ${of.method} over ${of.discipline}, header at ${of.at}`,
    `${indent}  extent ${formatSize(stat.extent)} in ${stat.segments} segment${stat.segments === 1 ? '' : 's'}, high tide ${formatSize(stat.highTide)}`,
    `${indent}  busy ${formatSize(stat.busyBytes)} in ${stat.busyBlocks} (largest ${stat.largestBusy}), free ${formatSize(stat.freeBytes)} in ` +
      `${stat.freeBlocks} (largest ${stat.largestFree}), cached ${formatSize(stat.cachedBytes)} in ${stat.cachedBlocks}, overhead ${formatSize(stat.overhead)}`,
  ]
  return [...lines, ...of.children.map((child) => textOf(child, `${indent}  `))].join('\n')
}
