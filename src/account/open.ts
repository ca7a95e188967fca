/**
 * open: the file of the option `report=FILE`: who holds the memory, at the end and whenever somebody asks.
 *
 *   the thread ends                          the report, and what was not freed
 *   SIGUSR2, to the main thread; saveReport()     the report as it is now
 *
 * A name that ends in .json has JSON written (reportJson), every other a text; /dev/stdout and /dev/stderr are the streams.
 * Each writing replaces the file. A worker has a file of its own: where the name has no %t its number is put before the
 * ending. It is written once a region was opened in that thread, and lies where the name led then, whatever folder the
 * program is in later; region/ending.ts says when a thread ends.
 *
 * While the option stands, a nested region that nobody holds any more and nobody closed is held by its parent, for its
 * memory is not free either: that is what a report of leaks is to tell. A region with a memory of its own is not held:
 * its memory goes with it.
 */
import type { Region } from '../contract/region.ts'
import {
  complaining,
  folderNow,
  fromFolder,
  pathOf,
  toStandardError,
  whenAsked,
  whenEnding,
  writeText,
} from '../region/ending.ts'
import { currentOptions, type Options, writeReport } from '../region/options.ts'
import { reportJson } from './json.ts'
import { notFreedText } from './leaks.ts'
import { report } from './report.ts'
import { reportText } from './text.ts'

const JSON_ENDING = '.json'

let seen: Options | undefined
/** Where the program was when it saw them. */
let folder: string | undefined
let isAsked = false
let isWatching = false
/** By the region that they lie in. */
const nested = new WeakMap<Region, Set<Region>>()

/** Called with every region that opens. */
export function reportTo(region: Region, options: Options): void {
  if (options !== seen) lookAt(options)
  if (isAsked) hold(region)
}

function lookAt(options: Options): void {
  seen = options
  folder = folderNow()
  isAsked = options.value('report') !== undefined
  if (!isAsked || isWatching) return
  isWatching = true
  whenEnding(() => writeAsked(true))
  whenAsked(() => writeAsked(false))
}

function hold(region: Region): void {
  const { parent } = region
  if (parent === undefined) return
  const others = nested.get(parent)
  if (others === undefined) nested.set(parent, new Set([region]))
  else others.add(region)
}

/** Called with every region that is about to close. */
export function reportNoMore(region: Region): void {
  const { parent } = region
  if (isWatching && parent !== undefined) nested.get(parent)?.delete(region)
}

/**
 * Writes the report of this thread's regions now, to a file, or where the option `report` says; where it says nothing, to
 * standard error. What the file system says against it is thrown.
 */
export function saveReport(file: string | undefined = fileOfOptions()): void {
  if (file === undefined) toStandardError(reportText(report()))
  else write(file, false)
}

function writeAsked(isEnd: boolean): void {
  const file = fileOfOptions()
  if (file !== undefined) complaining('report', () => write(file, isEnd))
}

function fileOfOptions(): string | undefined {
  const options = currentOptions()
  const file = options.value('report') as string | undefined
  return file === undefined || options !== seen ? file : fromFolder(folder, file)
}

function write(file: string, isEnd: boolean): void {
  const now = report()
  const isJson = file.endsWith(JSON_ENDING)
  const text = isJson ? `${reportJson(now)}\n` : reportText(now) + (isEnd ? `\n${notFreedText(now)}` : '')
  if (!writeText(pathOf(file, endingOf(file)), text))
    writeReport(`vmalloc: cannot write the report ${file}: there are no files on this platform`)
}

/** From the last dot of the name on. */
function endingOf(name: string): string {
  return /(?<=[^/\\])\.[^./\\]*$/.exec(name)?.[0] ?? ''
}
