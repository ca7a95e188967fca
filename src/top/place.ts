/**
 * place: where a program that serves `vmalloc top` is found: a name on this machine that only its user can open.
 *
 *   Unix      $XDG_RUNTIME_DIR/vmalloc/PID-THREAD.sock      where that folder is the user's own
 *             TMPDIR/vmalloc-UID/PID-THREAD.sock            otherwise
 *   Windows   \\.\pipe\vmalloc-USER-PID-THREAD
 *
 * A folder serves when it is one (no link to one), is the user's, and nobody else may do anything there; it is made with
 * mode 0700. Above it, who may write there must not be able to put another in its place: a folder that others may write
 * belongs to the user or to root and is sticky, as /tmp is. What does not hold is said, and the folder is not used; so
 * nobody can lay out a folder for another user's programs.
 *
 * A program serves in the first of its folders. The command looks into both, as it may have been started otherwise.
 */
export interface Stats {
  readonly mode: number
  readonly uid: number
  isDirectory(): boolean
}

export interface Files {
  lstatSync(path: string, options: { throwIfNoEntry: false }): Stats | undefined
  mkdirSync(path: string, options: { mode: number }): unknown
  unlinkSync(path: string): void
}

/** What of the platform decides where it is. */
export interface Platform {
  readonly platform: string
  readonly env: Record<string, string | undefined>
  /** -1 on Windows. */
  readonly uid: number
  readonly user: string
  readonly tmpdir: string
  readonly files: Files
}

interface Host {
  readonly platform?: string
  readonly env?: Record<string, string | undefined>
  getBuiltinModule?(name: 'node:fs'): Files | undefined
  getBuiltinModule?(name: 'node:os'): { tmpdir(): string; userInfo(): { uid: number; username: string } } | undefined
}

/** What the addresses of sockets hold on every system, without the 0 at their end: macOS has the shortest. */
const LONGEST_PATH = 103
const LONGEST_NAME = '/4294967295-4294967295.sock'.length
const STICKY = 0o1000
const OTHERS = 0o077
const OTHERS_WRITE = 0o022

/** The platform that this runs on; undefined where there are no files and no users, as in a browser. */
export function platformHere(): Platform | undefined {
  const host = (globalThis as { process?: Host }).process
  const files = host?.getBuiltinModule?.('node:fs')
  const os = host?.getBuiltinModule?.('node:os')
  if (files === undefined || os === undefined) return undefined
  const { uid, username: user } = os.userInfo()
  return { platform: host?.platform ?? '', env: host?.env ?? {}, uid, user, tmpdir: os.tmpdir(), files }
}

export const isWindows = ({ platform }: Platform): boolean => platform === 'win32'

/** The folders of sockets, best first, whether they are there or not; none on Windows. */
export function foldersOf(of: Platform): string[] {
  if (isWindows(of)) return []
  const runtime = of.env.XDG_RUNTIME_DIR
  const own = runtime !== undefined && isUsable(runtime, of) ? [`${runtime.replace(/\/+$/, '')}/vmalloc`] : []
  return [...own, `${of.tmpdir.replace(/\/+$/, '')}/vmalloc-${of.uid}`]
}

function isUsable(runtime: string, { uid, files }: Platform): boolean {
  if (!runtime.startsWith('/') || runtime.length + '/vmalloc'.length + LONGEST_NAME > LONGEST_PATH) return false
  try {
    const stats = files.lstatSync(runtime, { throwIfNoEntry: false })
    return stats?.isDirectory() === true && stats.uid === uid && (stats.mode & OTHERS_WRITE) === 0
  } catch {
    return false // what cannot be looked at is as good as not there: the other folder serves
  }
}

/** What the name of a pipe of this user begins with. */
export function pipesOf({ user }: Platform): string {
  return `vmalloc-${user.replace(/[^\w.-]/g, '_')}-`
}

/** Where the socket of a thread lies; the folder is made where it is not there. Throws an Error that says why not. */
export function socketFor(of: Platform, pid: number, thread: number): string {
  if (isWindows(of)) return `\\\\.\\pipe\\${pipesOf(of)}${pid}-${thread}`
  const folder = foldersOf(of)[0]!
  const path = `${folder}/${pid}-${thread}.sock`
  if (path.length > LONGEST_PATH) {
    throw new Error(`${path}: ${path.length} characters, expected at most ${LONGEST_PATH} for a socket`)
  }
  make(folder, of)
  const fault = faultOf(folder, of)
  if (fault !== undefined) throw new Error(fault)
  return path
}

/** The process and the thread that a name of a socket or of a pipe tells of. */
export function ownerOfName(name: string, of: Platform): { pid: number; thread: number } | undefined {
  const middle = isWindows(of) ? between(name, pipesOf(of), '') : between(name, '', '.sock')
  const [, pid, thread] = /^(\d+)-(\d+)$/.exec(middle) ?? []
  return pid === undefined ? undefined : { pid: Number(pid), thread: Number(thread) }
}

function between(text: string, start: string, end: string): string {
  return text.startsWith(start) && text.endsWith(end) ? text.slice(start.length, text.length - end.length) : ''
}

function make(folder: string, { files }: Platform): void {
  if (files.lstatSync(folder, { throwIfNoEntry: false }) !== undefined) return
  try {
    files.mkdirSync(folder, { mode: 0o700 })
  } catch (error) {
    // another thread of ours, or somebody else, was first: whose it is will be seen
    if ((error as { code?: string }).code !== 'EEXIST') throw error
  }
}

/** Why a folder must not be used; undefined where it may. */
export function faultOf(folder: string, { uid, files }: Platform): string | undefined {
  const stats = files.lstatSync(folder, { throwIfNoEntry: false })
  if (stats === undefined) return `${folder} is not there`
  if (!stats.isDirectory()) return `${folder} is no folder, expected one that nobody else can open`
  if (stats.uid !== uid) return `${folder} belongs to user ${stats.uid}, expected user ${uid}`
  if ((stats.mode & OTHERS) !== 0) return `${folder} is open to others (mode ${octal(stats.mode)}), expected mode 0700`
  const above = folder.slice(0, folder.lastIndexOf('/')) || '/'
  const parent = files.lstatSync(`${above}/.`, { throwIfNoEntry: false })
  if (parent === undefined) return `${above} is not there`
  if (parent.uid !== uid && parent.uid !== 0)
    return `${above} belongs to user ${parent.uid}, expected user ${uid} or root`
  if ((parent.mode & OTHERS_WRITE) !== 0 && (parent.mode & STICKY) === 0) {
    return `${above} can be written by others (mode ${octal(parent.mode)}), expected a sticky one`
  }
  return undefined
}

const octal = (mode: number): string => `0${(mode & 0o7777).toString(8)}`
