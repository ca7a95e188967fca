/**
 * open: where the findings of the method debug go, and the two that only the end of something shows.
 *
 *   every finding           one text to standard error or to the file of `warn`, as the option `format` says
 *   the program ends        each region that is still open says what was not freed
 *   a handle is collected   a region under debug that was never closed, and that nobody can close any more
 *
 * A worker's regions are its own: they say it when the worker ends.
 */
import type { Finding } from '../contract/finding.ts'
import type { Region } from '../contract/region.ts'
import { capture, type Site } from '../ground/stacks.ts'
import { findingOf } from '../region/finding.ts'
import { tellFound } from '../region/hooks.ts'
import { currentOptions, type Options, writeReport } from '../region/options.ts'
import { regions } from '../region/regions.ts'
import { parseMethod } from '../region/registry.ts'
import { type Format, format } from './format.ts'

const OPENED_DEPTH = 16

interface Host {
  once?(event: 'exit', listener: () => void): void
}

/** What is known of a region when its handle is gone. */
interface Lost {
  readonly name: string
  readonly method: string
  readonly header: number
  readonly parent: Region | undefined
  readonly opened: Site
}

let isWatching = false
const dropped = new FinalizationRegistry<Lost>(tellLost)

/** Takes note of a region that opened; does nothing but for those under debug. */
export function debugRegion(region: Region, options: Options): void {
  if (!isDebugged(region)) return
  if (!isWatching) {
    isWatching = true
    ;(globalThis as { process?: Host }).process?.once?.('exit', tellLeaks)
  }
  if (options.resolve(region.name, 'leaks') === false) return
  const { name, method, header, parent } = region
  dropped.register(region, { name, method, header, parent, opened: capture(OPENED_DEPTH, debugRegion) }, region)
}

/** Takes note of one that closes. */
export function undebugRegion(region: Region): void {
  dropped.unregister(region)
}

/** Writes a finding where warnings go. */
export function writeFinding(finding: Finding): void {
  const as = (currentOptions().value('format') ?? 'text') as Format
  if (as !== 'none') writeReport(format(finding, as))
}

function isDebugged({ method }: Region): boolean {
  return parseMethod(method).includes('debug')
}

function tellLeaks(): void {
  for (const region of regions()) region.leaks()
}

function tellLost(lost: Lost): void {
  const child =
    lost.parent?.closed === false ? lost.parent.children().find(({ header }) => header === lost.header) : undefined
  const stat = child?.stat()
  const held = stat === undefined ? '' : `, which holds ${stat.busyBytes} bytes in ${stat.busyBlocks} blocks`
  const found = {
    kind: 'leak' as const,
    what: `region ${lost.name}${held}: nobody has it any more, and it was never closed`,
    at: lost.header,
    size: stat?.extent ?? 0,
    offset: 0,
    allocated: lost.opened,
    freed: 0,
    detected: 0,
    isRegion: true,
  }
  tellFound(findingOf(lost, found))
}
