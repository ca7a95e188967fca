/**
 * report-command: `vmalloc report`: what a trace or a profile says, on the terminal, as data, as a page, or for a viewer.
 *
 * A file is a profile when it begins as src/profile writes one, with `{`; all else is read as a trace. Replays are silent:
 * what a debugging method finds in them is counted, and the sum is said on standard error, as is how many frees were
 * refused.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { basename } from 'node:path'
import type { Profile } from '../contract/profile.ts'
import type { Region } from '../contract/region.ts'
import { VmallocError } from '../ground/fault.ts'
import { formatSize } from '../ground/sizes.ts'
import { heapProfileOf } from '../profile/heapprofile.ts'
import { gzip, pprofOf } from '../profile/pprof.ts'
import { tableOf } from '../profile/table.ts'
import { type Advice, adviceOn } from '../report/advice.ts'
import { type History, historyOf } from '../report/history.ts'
import { profilePage, tracePage } from '../report/page.ts'
import { findingsOf, findingsText } from '../report/quiet.ts'
import { hasStacks, profileOf } from '../report/sites.ts'
import { type Summary, summarize } from '../report/summary.ts'
import { adviceText, type Pen, sitesText, summaryText } from '../report/text.ts'
import type { Trace } from '../trace/trace.ts'
import { gunzip, isPacked } from './gunzip.ts'
import { type Entry, isChosen, openEntry } from './plan.ts'
import { count, paint, remark, say, table } from './terminal.ts'
import { findTraces, readTrace } from './traces.ts'

export interface ReportOptions {
  /** A file; '' for one named after the input. */
  readonly html?: string
  readonly pprof?: string
  readonly heapprofile?: string
  readonly method?: string
  readonly discipline?: string
  readonly passes?: number
  readonly json?: boolean
}

const pen: Pen = {
  bold: (text) => paint('bold', text),
  dim: (text) => paint('dim', text),
  table: (titles, rows) =>
    table(
      titles.map(({ title, right }, i) => ({ title, right, cell: (row: readonly string[]) => row[i] ?? '' })),
      rows,
    ),
}

/** Returns the exit code: 1 when a file could not be read or written. */
export function reportCommand(paths: readonly string[], options: ReportOptions): number {
  const entry = entryOf(options)
  const files = paths.flatMap((path) => attempt(path, () => findTraces(path)) ?? [])
  checkHtml(options.html)
  const isOne = files.length <= 1
  for (const key of ['html', 'pprof', 'heapprofile'] as const) {
    if (!isOne && options[key]) {
      throw new VmallocError(
        'argument',
        `--${key} ${options[key]}: one file for ${files.length} reports, expected one input`,
      )
    }
  }
  let done = 0
  for (const file of files) {
    if (done > 0 && !options.json) say('')
    if (attempt(file, () => report(file, entry, options)) !== undefined) done++
  }
  return done === files.length && done > 0 ? 0 : 1
}

/** `--html app.trace` is a slip that would write over a trace. */
function checkHtml(path: string | undefined): void {
  if (!path || /\.html?$/i.test(path)) return
  throw new VmallocError('argument', `--html ${path}: expected a name that ends in .html`)
}

function attempt<T>(path: string, task: () => T): T | undefined {
  try {
    return task()
  } catch (error) {
    const isMeant = error instanceof VmallocError || (error instanceof Error && 'syscall' in error)
    if (!isMeant) throw error
    remark('syscall' in error ? `${path}: ${error.message}` : error.message)
    return undefined
  }
}

function entryOf({ method, discipline }: ReportOptions): Entry {
  const entry = { method, discipline: discipline ?? (isChosen('discipline') ? undefined : 'memory') }
  openEntry(entry).close()
  return entry
}

function report(file: string, entry: Entry, options: ReportOptions): true {
  const profiles = readProfiles(file)
  if (profiles !== undefined) {
    reportProfiles(file, profiles, options)
    return true
  }
  const trace = readTrace(file)
  const found = findingsText(findingsOf(() => reportTrace(file, trace, entry, options)))
  if (found !== '') remark(`${file}: what the method debug found in the replays is not written: ${found}`)
  return true
}

/** The profiles in a file; undefined when it is something else. */
function readProfiles(file: string): Profile[] | undefined {
  if (/\.(pb|pb\.gz|pprof)$/i.test(file)) {
    throw new VmallocError(
      'argument',
      `${file}: a profile for pprof, which \`go tool pprof\` and speedscope open: expected one of profile=FILE.json, or a trace`,
    )
  }
  const read = readFileSync(file)
  const bytes = Buffer.from(isPacked(read) ? gunzip(read).bytes : read)
  const start = bytes.subarray(0, 256).toString('latin1').trimStart()
  if (!start.startsWith('{')) return undefined
  const found = parsed(file, bytes.toString('utf8'))
  if (found?.vmalloc !== 'profile' || !Array.isArray(found.profiles)) {
    const saying = '{ "vmalloc": "profile", "profiles": [...] }'
    throw new VmallocError('argument', `${file}: JSON that is no profile, expected ${saying} or a trace`)
  }
  return found.profiles
}

function parsed(file: string, text: string): { vmalloc?: unknown; profiles?: unknown } | undefined {
  try {
    return JSON.parse(text)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new VmallocError('argument', `${file}: not JSON all through (${reason}), expected a profile or a trace`)
  }
}

function reportProfiles(file: string, profiles: readonly Profile[], options: ReportOptions): void {
  if (options.json) say(JSON.stringify({ file, profiles }))
  else say(tableOf(profiles).trimEnd())
  write(file, options, profiles, () => profilePage(profiles))
}

function reportTrace(file: string, trace: Trace, entry: Entry, options: ReportOptions): void {
  if (trace.remark !== undefined) remark(`${file}: ${trace.remark}`)
  const isSited = hasStacks(trace)
  const viewer = options.pprof ?? options.heapprofile
  if (viewer !== undefined && !isSited) {
    throw new VmallocError(
      'argument',
      `${file}: a trace without stacks, expected one with stacks to make ${viewer} of it`,
    )
  }
  const { summary, running } = summarize(trace)
  const advice = adviceOn(trace, summary, { passes: options.passes, progress: progressOn(trace) })
  progressOn(trace)('')
  const { profile } = isSited ? profileOf(trace, '', 0) : { profile: undefined }
  if (options.json) say(JSON.stringify(dataOf(file, summary, advice, profile)))
  else sayAll([summaryText(summary, pen), profile && sitesText(profile, pen), adviceText(advice, pen)])
  write(file, options, profile === undefined ? [] : [profile], () => {
    const history = historyOf(trace, (): Region => openEntry(entry))
    tellRefused(file, history, summary)
    return tracePage({ trace, summary, running, history, advice })
  })
}

/** Frees that the method of the page does not serve: the map shows their blocks to the end. */
function tellRefused(file: string, { method, refused }: History, { calls }: Summary): void {
  if (refused === 0) return
  remark(`${file}: ${method} refused ${count(refused)} of ${count(calls.frees)} frees; their blocks stay in the map`)
}

function dataOf(file: string, summary: Summary, advice: Advice, profile: Profile | undefined): object {
  return { file, ...summary, sites: profile?.sites, advice }
}

function sayAll(parts: readonly (string | undefined)[]): void {
  say(parts.filter((part) => part !== undefined).join('\n\n'))
}

function write(file: string, options: ReportOptions, profiles: readonly Profile[], page: () => string): void {
  const { html, pprof, heapprofile } = options
  if (html !== undefined) save(html || pageName(file), page())
  if (pprof !== undefined) save(pprof, pprof.endsWith('.gz') ? gzip(pprofOf(profiles)) : pprofOf(profiles))
  if (heapprofile !== undefined) save(heapprofile, JSON.stringify(heapProfileOf(profiles)))
}

function save(path: string, content: string | Uint8Array): void {
  writeFileSync(path, content)
  remark(`${path}: ${formatSize(content.length)} written`)
}

/** app.trace.gz has its page in app.html, in the folder where the command runs. */
function pageName(file: string): string {
  return `${basename(file)
    .replace(/(\.gz)$/, '')
    .replace(/\.[^.]*$/, '')}.html`
}

/** A line on standard error that says what is being replayed, when somebody can see it. */
function progressOn(trace: Trace): (title: string) => void {
  if (!process.stderr.isTTY) return () => {}
  return (title) => process.stderr.write(`\r\u001b[K${title === '' ? '' : `${trace.name}: ${title}`}`)
}
