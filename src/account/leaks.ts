/**
 * leaks: what was not freed, by who pays for it.
 *
 * Memory lent to a nested region is of the account that paid for it, as long as that region is open. A region that keeps
 * no accounts does not know who holds its blocks, and so has no line here; its busy bytes stand in the report.
 */
import { VmallocError } from '../ground/fault.ts'
import { type AccountFigures, flat, mustBeReport, type Report, report, shown } from './report.ts'
import {
  accountText,
  blocks,
  columns,
  count,
  indented,
  linesText,
  nameText,
  sizeText,
  type TextOptions,
} from './table.ts'

/** What an account of a region has live itself, without those below it. */
export interface Leak {
  /** The region's name, and its `id` in the report. */
  readonly region: string
  readonly id: number
  readonly path: string
  readonly bytes: number
  readonly blocks: number
}

/**
 * All accounts that have live blocks of their own, most bytes first. Of this thread, now, unless a report is given. Throws
 * VmallocError `argument` for what is no report.
 */
export function leaks(of: Report = report()): Leak[] {
  mustBeReport('leaks', of)
  const found = of.regions.flatMap(({ name, id, accounts }) => {
    const live: AccountFigures[] = accounts === undefined ? [] : flat(accounts).filter(({ own }) => own.blocks > 0)
    return live.map(({ path, own }) => ({ region: name, id, path, bytes: own.bytes, blocks: own.blocks }))
  })
  return found.sort((a, b) => b.bytes - a.bytes || b.blocks - a.blocks)
}

/** The same as a text that ends with a newline. Throws VmallocError `argument` for what is no list. */
export function leaksText(found: readonly Leak[], options: TextOptions = {}): string {
  if (!Array.isArray(found)) {
    throw new VmallocError('argument', `leaksText: ${shown(found)}, expected a list, as leaks() gives it`)
  }
  if (found.length === 0) return 'not freed: nothing that an account pays for\n'
  const size = sizeText(options)
  const sum = (field: 'bytes' | 'blocks'): number => found.reduce((total, leak) => total + leak[field], 0)
  const rows = found.map((leak) => [
    nameText(leak.region),
    accountText(leak.path),
    size(leak.bytes),
    count(leak.blocks),
  ])
  const lines = columns([['region', 'account', 'live', 'blocks'], ...rows], 2)
  return linesText([`not freed: ${size(sum('bytes'))} in ${blocks(sum('blocks'))}`, ...indented(lines)])
}

/** What a report says of leaks at the end of a program; where nobody kept accounts, that they were not kept. */
export function notFreedText(of: Report): string {
  const isKept = of.closed.length > 0 || of.regions.some(({ accounts }) => accounts !== undefined)
  if (isKept || of.regions.every(({ busyBytes }) => busyBytes === 0)) return leaksText(leaks(of))
  return 'not freed: no accounts were kept, so who holds what is not known; VMALLOC_OPTIONS=*.accounts keeps them\n'
}
