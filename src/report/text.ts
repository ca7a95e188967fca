/**
 * text: a summary and an advice as lines for a terminal.
 */

import type { Profile } from '../contract/profile.ts'
import { formatSize } from '../ground/sizes.ts'
import { type Frame, frameText } from '../ground/stacks.ts'
import type { Advice, Candidate } from './advice.ts'
import type { Distribution, Summary } from './summary.ts'
import { count, formatTime, percent } from './words.ts'

/** How lines and tables look is the terminal's matter. */
export interface Pen {
  bold(text: string): string
  dim(text: string): string
  table(titles: readonly Title[], rows: readonly (readonly string[])[]): string
}

export interface Title {
  readonly title: string
  readonly right?: boolean
}

const BAR = 32
const SITES = 12
const CALLERS = 2
const left = (title: string): Title => ({ title })
const right = (title: string): Title => ({ title, right: true })

export function summaryText(summary: Summary, pen: Pen): string {
  const { calls, peak, left: rest, lifo, last, ms } = summary
  const words: [number, string][] = [
    [calls.allocs, 'alloc'],
    [calls.zeroed, 'alloc zeroed'],
    [calls.aligned, 'align'],
    [calls.resizes, 'resize'],
    [calls.frees, 'free'],
    [calls.clears, 'clear'],
    [calls.compacts, 'compact'],
  ]
  const told = words.filter(([n]) => n > 0).map(([n, word]) => `${count(n)} ${word}`)
  const span = ms === undefined ? '' : ` in ${formatTime(ms * 1000)}`
  const at = peak.ms === undefined ? '' : `, ${formatTime(peak.ms * 1000)} after the start`
  const lines = [
    `${pen.bold(summary.trace)}  ${count(summary.events)} operations${span}: ${told.join(', ')}`,
    ...asides(summary),
    '',
    `Allocated  ${formatSize(summary.bytes)} in ${count(summary.blocks)} blocks of ${count(summary.distinct)} sizes`,
    `Peak       ${formatSize(peak.bytes)} in ${count(peak.blocks)} blocks after operation ${count(peak.event + 1)}${at}; at most ${count(summary.mostBlocks)} blocks`,
    `Left live  ${formatSize(rest.bytes)} in ${count(rest.blocks)} blocks`,
    '',
    ...distributionText('Sizes of allocations', summary.sizes, formatSize, pen),
    '',
    ...distributionText('Lifetimes, in operations', summary.lifetimes, (n) => count(Math.round(n)), pen),
  ]
  if (summary.lives !== undefined) lines.push('', ...distributionText('Lifetimes', summary.lives, formatTime, pen))
  lines.push('', ...poolText(summary, pen))
  lines.push(
    '',
    `${pen.bold('What last could serve')}  ${share(lifo.frees, lifo.of)} frees are of the newest living block;`,
    `last would give back ${share(last.served, last.of)}, and hold ${formatSize(last.bytes)} and headers.`,
  )
  if (summary.regions.length > 1) lines.push('', ...regionsText(summary, pen))
  return lines.join('\n')
}

const share = (n: number, of: number) => `${count(n)} of ${count(of)} (${percent(of === 0 ? 0 : n / of)})`

function asides({ failures, skipped, inferred }: Summary): string[] {
  const told: [number, string][] = [
    [failures, 'calls that failed when it was recorded are left out'],
    [skipped, 'frees of nothing, or of blocks from before the trace, are left out'],
    [inferred, 'frees that no line tells of are inferred'],
  ]
  return told.filter(([n]) => n > 0).map(([n, what]) => `${count(n)} ${what}`)
}

function distributionText(title: string, of: Distribution, format: (n: number) => string, pen: Pen): string[] {
  if (of.count === 0) return [`${pen.bold(title)}  none`]
  const marks: [string, number][] = [
    ['least', of.least],
    ['median', of.median],
    ['90 %', of.p90],
    ['99 %', of.p99],
    ['most', of.most],
    ['mean', of.mean],
  ]
  const head = `${pen.bold(title)}  ${marks.map(([word, value]) => `${word} ${format(value)}`).join(', ')}`
  const most = Math.max(...of.histogram)
  const from = of.histogram.findIndex((n) => n > 0)
  const rows = of.histogram.slice(from).map((n, i) => {
    const bucket = from + i
    const range = bucket === 0 ? format(0) : `${format(2 ** (bucket - 1))}`
    return [range, bar(n / most), count(n), percent(n / of.count)]
  })
  return [head, pen.table([right('from'), left(''), right('blocks'), right('')], rows)]
}

function bar(part: number): string {
  const eighths = Math.round(part * BAR * 8)
  const rest = eighths % 8
  return '█'.repeat(eighths >> 3) + (rest > 0 ? ' ▏▎▍▌▋▊▉'[rest]! : part > 0 && eighths === 0 ? '▏' : '')
}

function poolText({ common, blocks }: Summary, pen: Pen): string[] {
  const rows = common.map(({ size, allocs, fixed, peakBlocks }) => {
    return [formatSize(size), count(allocs), percent(allocs / blocks), count(fixed), count(peakBlocks)]
  })
  const titles = [right('size'), right('allocations'), right(''), right('never resized'), right('most live')]
  return [
    `${pen.bold('What a pool could serve')}  the commonest sizes; a pool serves one, of blocks that are never resized`,
  ].concat(pen.table(titles, rows))
}

function regionsText({ regions }: Summary, pen: Pen): string[] {
  const rows = regions.map(({ name, events, allocs, bytes, peakBytes, sizes }) => {
    return [name || '(unnamed)', count(events), count(allocs), formatSize(bytes), formatSize(peakBytes), count(sizes)]
  })
  const titles = [
    left('region'),
    right('operations'),
    right('allocations'),
    right('allocated'),
    right('peak'),
    right('sizes'),
  ]
  return [pen.bold('Regions'), pen.table(titles, rows)]
}

/** The call sites with most bytes allocated. */
export function sitesText({ sites, total }: Profile, pen: Pen): string {
  const rows = sites.slice(0, SITES).map((site) => {
    return [
      formatSize(site.allocBytes),
      percent(total.allocBytes === 0 ? 0 : site.allocBytes / total.allocBytes),
      count(site.allocs),
      formatSize(site.peakBytes),
      formatSize(site.liveBytes),
      stackText(site.frames),
    ]
  })
  const titles = [
    right('allocated'),
    right(''),
    right('blocks'),
    right('at peak'),
    right('left live'),
    left('call site'),
  ]
  const more = sites.length > SITES ? `\n${pen.dim(`and ${count(sites.length - SITES)} more`)}` : ''
  return `${pen.bold('Call sites')}\n${pen.table(titles, rows)}${more}`
}

/** The innermost call with its place, and who called it. */
function stackText([frame, ...callers]: readonly Frame[]): string {
  if (frame === undefined) return '(no stack)'
  const place = frameText({ ...frame, file: frame.file.split(/[\\/]/).at(-1)! })
  const names = callers.slice(0, CALLERS).map(({ name }) => name || '(top level)')
  return [place, ...names].join(' ← ')
}

export function adviceText(advice: Advice, pen: Pen): string {
  const lines = [`${pen.bold('Methods')}  this trace replayed under each`, candidatesText(advice, pen)]
  lines.push(...advice.notes.map((note) => pen.dim(`(${note})`)))
  lines.push('', recommendation(advice, pen))
  for (const { region, advice: part } of advice.regions) {
    const { title } = part.candidates[part.chosen]!
    lines.push(
      '',
      `${pen.bold(`Region ${region || '(unnamed)'} alone`)}  ${title}. ${part.why}`,
      candidatesText(part, pen),
    )
  }
  if (advice.regions.length > 0) {
    lines.push(
      '',
      advice.options === '' ? 'No region wants an option.' : `All together: VMALLOC_OPTIONS=${advice.options}`,
    )
  }
  return lines.join('\n')
}

function recommendation(advice: Advice, pen: Pen): string {
  const { title, change, how } = advice.candidates[advice.chosen]!
  const first = `${pen.bold('Recommended')}  ${title}. ${advice.why}`
  if (change === 'none') return `${first} Nothing to change.`
  return change === 'option' ? `${first}\n    VMALLOC_OPTIONS=${how}` : `${first}\n    In the program: ${how}.`
}

function candidatesText({ candidates, chosen }: Advice, pen: Pen): string {
  const rows = candidates.map((candidate, i) => [i === chosen ? '→' : '', candidate.title, ...figures(candidate)])
  const titles = [left(''), left('method'), right('ns/op'), right('extent'), right('utilization'), right('failed')]
  return pen.table(titles, rows)
}

function figures({ nsPerOp, extent, utilization, failed }: Candidate): string[] {
  return [count(nsPerOp, 1), formatSize(extent), failed > 0 ? '-' : percent(utilization), count(failed)]
}
