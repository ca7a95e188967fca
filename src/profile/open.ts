/**
 * open: what becomes of profiles: the regions under the method profile, those that were closed meanwhile, and the file
 * of the option `profile=FILE`.
 *
 *   region opens --> profileTo --> kept while it is open
 *   region closes ---------------> its profile, taken before its memory goes, is merged with those of its name
 *   SIGUSR2, the end of the program, writeProfile() --> all of them, to the file or to standard error
 *
 * The ending of the file's name decides the form: .pb.gz (pprof, compressed), .pb or .pprof, .heapprofile, .json, .html,
 * .ast; else, and on standard error, the table. Each writing replaces the file. A worker has a profile of its own, for
 * regions count in each thread; where the name has no %t its number is put before the ending (`app.2.pb.gz`). Regions that
 * open while the name is `none` are not kept here: only the program asks them. On standard error a region of which nothing
 * was counted is not worth a table when the program ends.
 *
 * It is written when a thread ends by itself, by process.exit, or by an error that nobody caught, and in the main thread
 * when SIGINT, SIGTERM or SIGHUP ends the program, and on SIGUSR2, which then does not end it. (Signals are not heard in
 * workers, and a worker that is cut off by terminate() writes nothing.) Handlers of the program's own run as they would:
 * ours for the three that end it takes itself off the list, and raises the signal again when nobody else is left. No
 * listener here keeps a program alive. A region under profile is kept until it is closed, or its counts would be lost.
 */
import type { Profile } from '../contract/profile.ts'
import type { Region } from '../contract/region.ts'
import { VmallocError } from '../ground/fault.ts'
import { whenClosing } from '../region/hooks.ts'
import { currentOptions, expandFile, type Options, writeReport } from '../region/options.ts'
import { astOf } from './ast.ts'
import { heapProfileOf } from './heapprofile.ts'
import { jsonOf } from './json.ts'
import { mergeProfiles } from './merge.ts'
import { gzip, pprofOf } from './pprof.ts'
import { tableOf } from './table.ts'

const ENDINGS = ['.pb.gz', '.pb', '.pprof', '.heapprofile', '.json', '.html', '.ast']
const DEADLY = ['SIGINT', 'SIGTERM', 'SIGHUP']
const ASKS = 'SIGUSR2'
const NONE = 'none'
const MISSED = 'vmalloc: profile: so little was allocated that no sample fell on it; sample=0 counts every block'
const STDERR = 2

interface Files {
  writeFileSync(path: string, data: string | Uint8Array): void
  writeSync(fd: number, bytes: Uint8Array, offset: number): number
}

interface Host {
  readonly pid: number
  readonly platform: string
  readonly stderr?: { write(text: string): unknown }
  getBuiltinModule?(name: 'node:fs'): Files | undefined
  getBuiltinModule?(name: 'node:worker_threads'): { isMainThread: boolean; threadId: number } | undefined
  getBuiltinModule?(name: 'node:module'): { createRequire(from: string): (id: string) => unknown } | undefined
  once(event: 'exit', listener: () => void): void
  on(signal: string, listener: (signal: string) => void): void
  prependListener(signal: string, listener: (signal: string) => void): void
  removeListener(signal: string, listener: (signal: string) => void): void
  listenerCount(signal: string): number
  nextTick(task: () => void): void
  kill(pid: number, signal: string): void
}

const host = (globalThis as { process?: Host }).process

const open = new Set<Region>()
let closed: Profile[] = []
let isWatching = false
/** Something was allocated, and no sample fell on it. */
let isMissed = false
let options: Options | undefined

/** Called with every region that opens; keeps those whose method profiles. */
export function profileTo(region: Region, inForce: Options): void {
  if (inForce.value('profile') === NONE || region.profile() === undefined) return
  options = inForce
  open.add(region)
  if (isWatching) return
  isWatching = true
  whenClosing(keep)
  watchForTheEnd()
}

function keep(region: Region): void {
  if (!open.delete(region)) return
  closed = mergeProfiles([...closed, ...taken(region)])
}

/** What a region counted; nothing where another thread has closed it. */
function taken(region: Region): Profile[] {
  try {
    const profile = region.profile()
    if (profile === undefined) return []
    if (!isMissed && profile.interval > 0 && !isCounted(profile)) isMissed = region.stat().highTide > 0
    return [profile]
  } catch (error) {
    if (error instanceof VmallocError && error.code === 'closed') return []
    throw error
  }
}

/** What was counted so far in all regions of this thread under the method profile, those closed meanwhile included. */
export function profiles(): Profile[] {
  return mergeProfiles([...closed, ...[...open].flatMap(taken)])
}

/**
 * Writes the profile of all regions of this thread now, to a file, or where the option `profile` says. What the file
 * system says against it is thrown.
 */
export function writeProfile(file: string | undefined = fileOfOptions()): void {
  write(profiles(), file)
}

function write(all: readonly Profile[], file: string | undefined): void {
  if (file === undefined) toStandardError(tableOf(all))
  else if (file !== NONE) save(all, file)
}

function fileOfOptions(): string | undefined {
  const file = (options ?? currentOptions()).value('profile')
  return typeof file === 'string' ? file : undefined
}

function save(all: readonly Profile[], file: string): void {
  const files = host?.getBuiltinModule?.('node:fs')
  if (files === undefined) {
    writeReport(`vmalloc: cannot write the profile ${file}: there are no files on this platform`)
    return
  }
  const ending = ENDINGS.find((known) => file.endsWith(known)) ?? ''
  const path = pathOf(file, ending)
  if (ending !== '.html') files.writeFileSync(path, encoded(all, ending))
  else {
    const page = pageOf(all)
    if (typeof page === 'string') files.writeFileSync(path, page)
    else {
      const instead = `${path.slice(0, -ending.length)}.json`
      files.writeFileSync(instead, encoded(all, '.json'))
      writeReport(`vmalloc: the page ${path} cannot be made (${firstLineOf(page)}); the profile is in ${instead}`)
    }
  }
}

function encoded(all: readonly Profile[], ending: string): string | Uint8Array {
  switch (ending) {
    case '.pb.gz':
      return gzip(pprofOf(all))
    case '.pb':
    case '.pprof':
      return pprofOf(all)
    case '.heapprofile':
      return JSON.stringify(heapProfileOf(all))
    case '.json':
      return `${JSON.stringify(jsonOf(all))}\n`
    case '.ast':
      return astOf(all)
    default:
      return tableOf(all)
  }
}

/** The name of the file in this thread. */
function pathOf(file: string, ending: string): string {
  const pid = host?.pid ?? 0
  const thread = host?.getBuiltinModule?.('node:worker_threads')?.threadId ?? 0
  const name = expandFile(file, { pid, thread })
  if (thread === 0 || name.startsWith('/dev/') || name !== expandFile(file, { pid, thread: 0 })) return name
  return `${name.slice(0, name.length - ending.length)}.${thread}${ending}`
}

interface PageModule {
  profilePage(profiles: readonly Profile[]): string
}

/** The page, or why there is none. Its module is loaded here, as one that programs without a report do not need. */
function pageOf(all: readonly Profile[]): string | Error {
  const load = host?.getBuiltinModule?.('node:module')?.createRequire(import.meta.url)
  if (load === undefined) return new Error('modules cannot be loaded here')
  try {
    return pageModule(load).profilePage(all)
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error))
  }
}

/** Where this is a source, `require` may not read sources (not under Node 20): then the built module does as well. */
function pageModule(load: (id: string) => unknown): PageModule {
  if (!import.meta.url.endsWith('.ts')) return load('../report/page.js') as PageModule
  try {
    return load('../report/page.ts') as PageModule
  } catch {
    return load('../../dist/src/report/page.js') as PageModule
  }
}

function toStandardError(text: string): void {
  const files = host?.getBuiltinModule?.('node:fs')
  const bytes = new TextEncoder().encode(text)
  let sent = 0
  try {
    while (files !== undefined && sent < bytes.length) sent += files.writeSync(STDERR, bytes, sent)
  } catch {
    // a pipe that is full for the moment: the stream waits for it
  }
  if (sent === bytes.length) return
  const rest = new TextDecoder().decode(bytes.subarray(sent))
  if (host?.stderr === undefined) console.warn(rest)
  else host.stderr.write(rest)
}

function watchForTheEnd(): void {
  if (typeof host?.once !== 'function') return
  const { once, on, prependListener } = host
  once.call(host, 'exit', writeAtTheEnd)
  if (host.getBuiltinModule?.('node:worker_threads')?.isMainThread !== true) return
  const onDeadly = (signal: string): void => {
    writeAtTheEnd()
    host.removeListener(signal, onDeadly)
    if (host.listenerCount(signal) > 0) host.nextTick(() => host.prependListener(signal, onDeadly))
    else host.kill(host.pid, signal)
  }
  for (const signal of DEADLY) prependListener.call(host, signal, onDeadly)
  if (host.platform !== 'win32') on.call(host, ASKS, () => complaining(writeProfile))
}

function writeAtTheEnd(): void {
  if (open.size === 0 && closed.length === 0) return
  complaining(() => {
    const file = fileOfOptions()
    const all = profiles()
    const worth = file === undefined ? all.filter(isCounted) : all
    if (worth.length > 0) write(worth, file)
    else if (isMissed) writeReport(MISSED)
  })
}

/** Whether anything was allocated, or was there already. */
function isCounted({ total }: Profile): boolean {
  return total.allocs > 0 || total.frees > 0 || total.liveBlocks !== 0
}

function complaining(task: () => void): void {
  try {
    task()
  } catch (error) {
    writeReport(`vmalloc: cannot write the profile: ${messageOf(error)}`)
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
const firstLineOf = (error: Error): string => error.message.split('\n', 1)[0]!
