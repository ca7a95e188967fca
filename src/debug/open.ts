/**
 * open: where the findings of the method debug go, and the two that only the end of something shows.
 *
 *   every finding           one text to standard error or to the file of `warn`, as the option `format` says
 *   the program ends        each region that is still open says what was not freed
 *   a handle is collected   a region under debug that was never closed, and that nobody can close any more
 *                           (not where it serves a WebAssembly program: its memory is collected with it)
 *
 * Only regions that were opened here are looked after: one that was attached belongs to who opened it. A worker's regions
 * say it when the worker ends.
 */
import type { Finding } from '../contract/finding.ts'
import type { Region } from '../contract/region.ts'
import { VmallocError } from '../ground/fault.ts'
import { capture, type Site } from '../ground/stacks.ts'
import { findingOf } from '../region/finding.ts'
import { tellFound, type Values } from '../region/hooks.ts'
import { currentOptions, type Options, writeReport } from '../region/options.ts'
import { regions } from '../region/regions.ts'
import { parseMethod } from '../region/registry.ts'
import { type Format, format } from './format.ts'

const OPENED_DEPTH = 16

interface Host {
  exitCode?: number | string | undefined
  once?(event: 'exit', listener: (status: number) => void): void
}

const host = (globalThis as { process?: Host }).process

/** What is known of a region when its handle is gone. */
interface Lost {
  readonly name: string
  readonly method: string
  readonly header: number
  readonly parent: Region | undefined
  readonly opened: Site
}

let isWatching = false
let wasTold = false
const dropped = new FinalizationRegistry<Lost>(tellLost)
/** Regions that were opened here, and whether their first report is to stop the program. */
const own = new WeakMap<Region, boolean>()

/** Takes note of a region that opened; does nothing but for those under debug. */
export function debugRegion(region: Region, options: Options, values: Values | undefined): void {
  if (values === undefined || !isDebugged(region)) return
  own.set(region, values.abort === true)
  if (!isWatching) {
    isWatching = true
    host?.once?.('exit', tellLeaks)
  }
  if ((values.leaks ?? options.resolve(region.name, 'leaks')) === false) return
  const { name, method, header, parent } = region
  dropped.register(region, { name, method, header, parent, opened: capture(OPENED_DEPTH, debugRegion) }, region)
}

/** Takes note of one that closes, or that may go without it, for its memory goes with it: it cannot be lost any more. */
export function undebugRegion(region: Region): void {
  dropped.unregister(region)
}

/** Writes a finding where warnings go. */
export function writeFinding(finding: Finding): void {
  wasTold = true
  const as = (currentOptions().value('format') ?? 'text') as Format
  if (as !== 'none') writeReport(format(finding, as))
}

function isDebugged({ method }: Region): boolean {
  return parseMethod(method).includes('debug')
}

/** The program ends. Where a report has stopped it, that was the last one. */
function tellLeaks(status: number): void {
  for (const region of regions()) {
    const aborts = own.get(region)
    if (aborts === undefined || (aborts && wasTold && status !== 0)) continue
    try {
      region.leaks()
    } catch (error) {
      if (!(error instanceof VmallocError) || error.code !== 'reported') throw error
      if (host !== undefined) host.exitCode = 1 // it was told; a throw would keep others from their own end
    }
  }
}

function tellLost(lost: Lost): void {
  const child =
    lost.parent?.closed === false ? lost.parent.children().find(({ header }) => header === lost.header) : undefined
  const stat = child?.stat()
  const many = stat?.busyBlocks === 1 ? '1 block' : `${stat?.busyBlocks} blocks`
  const held = stat === undefined ? '' : `, which holds ${stat.busyBytes} bytes in ${many}`
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
