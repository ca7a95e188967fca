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
 * when SIGINT, SIGTERM or SIGHUP ends the program, and on SIGUSR2, which then does not end it: region/ending.ts tells more.
 * A region under profile is kept until it is closed, or its counts would be lost.
 */
import type { Profile } from '../contract/profile.ts'
import type { Region } from '../contract/region.ts'
import { VmallocError } from '../ground/fault.ts'
import {
  complaining,
  folderNow,
  fromFolder,
  pathOf,
  toStandardError,
  whenAsked,
  whenEnding,
  writeFile,
} from '../region/ending.ts'
import { whenClosing } from '../region/hooks.ts'
import { currentOptions, type Options, writeReport } from '../region/options.ts'
import { astOf } from './ast.ts'
import { heapProfileOf } from './heapprofile.ts'
import { jsonOf } from './json.ts'
import { mergeProfiles } from './merge.ts'
import { gzip, pprofOf } from './pprof.ts'
import { tableOf } from './table.ts'

const ENDINGS = ['.pb.gz', '.pb', '.pprof', '.heapprofile', '.json', '.html', '.ast']
const NONE = 'none'
const MISSED = 'vmalloc: profile: so little was allocated that no sample fell on it; sample=0 counts every block'

interface Host {
  getBuiltinModule?(name: 'node:fs'): unknown
  getBuiltinModule?(name: 'node:module'): { createRequire(from: string): (id: string) => unknown } | undefined
}

const host = (globalThis as { process?: Host }).process

const open = new Set<Region>()
let closed: Profile[] = []
let isWatching = false
/** Something was allocated, and no sample fell on it. */
let isMissed = false
let options: Options | undefined
/** Where the program was when it first saw them. */
let folder: string | undefined

/** Called with every region that opens; keeps those whose method profiles. */
export function profileTo(region: Region, inForce: Options): void {
  if (inForce.value('profile') === NONE || region.profile() === undefined) return
  if (options !== inForce) folder = folderNow()
  options = inForce
  open.add(region)
  if (isWatching) return
  isWatching = true
  whenClosing(keep)
  whenEnding(writeAtTheEnd)
  whenAsked(() => complaining('profile', writeProfile))
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
  if (typeof file !== 'string') return undefined
  return options === undefined || file === NONE ? file : fromFolder(folder, file)
}

function save(all: readonly Profile[], file: string): void {
  if (host?.getBuiltinModule?.('node:fs') === undefined) {
    writeReport(`vmalloc: cannot write the profile ${file}: there are no files on this platform`)
    return
  }
  const ending = ENDINGS.find((known) => file.endsWith(known)) ?? ''
  const path = pathOf(file, ending)
  if (ending !== '.html') writeFile(path, encoded(all, ending))
  else {
    const page = pageOf(all)
    if (typeof page === 'string') writeFile(path, page)
    else {
      const instead = `${path.slice(0, -ending.length)}.json`
      writeFile(instead, encoded(all, '.json'))
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

function writeAtTheEnd(): void {
  if (open.size === 0 && closed.length === 0) return
  complaining('profile', () => {
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

const firstLineOf = (error: Error): string => error.message.split('\n', 1)[0]!
