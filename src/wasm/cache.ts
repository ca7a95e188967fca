/**
 * cache: what was found in modules, kept in files, so that each is searched once.
 *
 *   TMPDIR/vmalloc-UID/wasm-SHA256.json      { "finder": 1, "finding": { ... } }
 *
 * The folder must be the user's own and no link, in a place where nobody else can put another; by default nobody else may
 * look into it either (mode 0700), and it is the one of the sockets of `vmalloc top`. One that was named may be readable by
 * others, not writable. Where that does not hold, or where there are no files, nothing is kept. A file that is broken,
 * or that an older finder wrote, is as none; a file is written under another name and then renamed, so none is half there.
 */
import { faultOf, foldersOf, isWindows, type Platform, platformHere } from '../top/place.ts'
import { FINDER } from './find.ts'
import { type Finding, isRole } from './roles.ts'

interface Files {
  readFileSync(path: string, encoding: 'utf8'): string
  writeFileSync(path: string, text: string, options: { flag: string; mode: number }): void
  renameSync(from: string, to: string): void
  rmSync(path: string, options: { force: boolean }): void
  mkdirSync(path: string, options: { recursive?: boolean; mode: number }): unknown
  lstatSync(
    path: string,
    options: { throwIfNoEntry: false },
  ): { mode: number; uid: number; isDirectory(): boolean } | undefined
}

interface Host {
  readonly pid: number
  getBuiltinModule?(name: 'node:fs'): Files | undefined
}

const OTHERS_WRITE = 0o022
const LONGEST = 1 << 20

export class FindingCache {
  private readonly folder: string
  private readonly files: Files
  private readonly pid: number

  private constructor(folder: string, files: Files, pid: number) {
    this.folder = folder
    this.files = files
    this.pid = pid
  }

  /** In the folder, or in the one that is the user's; undefined where there are no files, or where it must not be used. */
  static open(folder?: string): FindingCache | undefined {
    const host = (globalThis as { process?: Host }).process
    const files = host?.getBuiltinModule?.('node:fs')
    const platform = platformHere()
    if (host === undefined || files === undefined || platform === undefined) return undefined
    const place = folder ?? defaultFolder(platform)
    if (place === undefined) return undefined
    const cache = new FindingCache(place, files, host.pid)
    return cache.prepare(platform, folder === undefined) ? cache : undefined
  }

  /** What was kept of the module with the hash. */
  read(hash: string): Finding | undefined {
    const text = attempt(() => this.files.readFileSync(this.path(hash), 'utf8'))
    if (text === undefined || text.length > LONGEST) return undefined
    const kept = attempt(() => JSON.parse(text) as { finder?: unknown; finding?: unknown } | null)
    return kept?.finder === FINDER && isFinding(kept.finding) ? kept.finding : undefined
  }

  /** False where it cannot be written. */
  write(hash: string, finding: Finding): boolean {
    const path = this.path(hash)
    const draft = `${path}.${this.pid}.${Math.random().toString(36).slice(2)}`
    const text = `${JSON.stringify({ finder: FINDER, finding })}\n`
    const isWritten = attempt(() => {
      this.files.writeFileSync(draft, text, { flag: 'wx', mode: 0o600 })
      this.files.renameSync(draft, path)
      return true
    })
    if (isWritten === undefined) attempt(() => this.files.rmSync(draft, { force: true }))
    return isWritten === true
  }

  private path(hash: string): string {
    return `${this.folder}/wasm-${hash}.json`
  }

  private prepare(platform: Platform, isDefault: boolean): boolean {
    attempt(() => this.files.mkdirSync(this.folder, { recursive: !isDefault, mode: 0o700 }))
    return attempt(() => (isDefault ? faultOf(this.folder, platform) === undefined : this.isSafe(platform))) === true
  }

  private isSafe(platform: Platform): boolean {
    const stats = this.files.lstatSync(this.folder, { throwIfNoEntry: false })
    if (stats?.isDirectory() !== true) return false
    return isWindows(platform) || (stats.uid === platform.uid && (stats.mode & OTHERS_WRITE) === 0)
  }
}

function defaultFolder(platform: Platform): string | undefined {
  return foldersOf({ ...platform, env: {} })[0]
}

/** Files that are not there, or that somebody else took away, mean that nothing is kept: no error of the program's. */
function attempt<T>(what: () => T): T | undefined {
  try {
    return what()
  } catch {
    return undefined
  }
}

const FAMILIES = ['dlmalloc', 'emmalloc', 'dlmalloc-rs', 'other', 'none']

/** A file may have any contents. */
function isFinding(value: unknown): value is Finding {
  const finding = value as Partial<Finding> | null | undefined
  const { levels } = finding ?? {}
  return (
    typeof finding === 'object' &&
    finding !== null &&
    FAMILIES.includes(finding.family!) &&
    (finding.alignment === 8 || finding.alignment === 16) &&
    typeof finding.left === 'string' &&
    [levels?.observe, levels?.replace, levels?.debug].every((level) => typeof level === 'string') &&
    isListOf(
      finding.functions,
      (found) => isRole(String(found?.role)) && isIndex(found?.index) && isListOf(found?.entries, isIndex),
    ) &&
    (finding.left !== '' ||
      ['malloc', 'free'].every((role) => finding.functions!.some((found) => found.role === role))) &&
    isListOf(finding.strangers, (stranger) => isIndex(stranger?.index) && typeof stranger?.why === 'string')
  )
}

function isListOf<T>(list: readonly T[] | undefined, test: (one: T) => boolean): boolean {
  return Array.isArray(list) && list.every(test)
}

function isIndex(value: unknown): boolean {
  return Number.isInteger(value) && Number(value) >= 0
}
