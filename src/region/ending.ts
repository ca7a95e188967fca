/**
 * ending: what is written when a thread ends, or when somebody outside asks for it, and to which file.
 *
 *   whenEnding(task)   exit, process.exit, an uncaught error        in every thread
 *                      SIGINT, SIGTERM, SIGHUP                       in the main thread: the program still ends by them
 *   whenAsked(task)    SIGUSR2, which then does not end the program  in the main thread
 *
 * Signals are not heard in workers, and a worker that is cut off by terminate() writes nothing. Handlers of the program's
 * own run as they would: ours for the three that end it takes itself off the list, and raises the signal again when nobody
 * else is left. No listener here keeps a program alive. There is one of ours for each signal, however many tasks there are;
 * these run in the order in which they came.
 */
import { expandFile, whoAmI, writeReport } from './options.ts'

const DEADLY = ['SIGINT', 'SIGTERM', 'SIGHUP']
const ASKS = 'SIGUSR2'
const STDOUT = 1
const STDERR = 2

interface Files {
  writeFileSync(path: string, data: string | Uint8Array): void
  writeSync(fd: number, bytes: Uint8Array, offset: number): number
}

interface Paths {
  resolve(folder: string, path: string): string
}

interface Stream {
  write(text: string): unknown
}

interface Host {
  readonly pid: number
  readonly platform: string
  cwd?(): string
  readonly stdout?: Stream
  readonly stderr?: Stream
  getBuiltinModule?(name: 'node:fs'): Files | undefined
  getBuiltinModule?(name: 'node:path'): Paths | undefined
  getBuiltinModule?(name: 'node:worker_threads'): { isMainThread: boolean } | undefined
  once(event: 'exit', listener: () => void): void
  on(signal: string, listener: (signal: string) => void): void
  prependListener(signal: string, listener: (signal: string) => void): void
  removeListener(signal: string, listener: (signal: string) => void): void
  listenerCount(signal: string): number
  nextTick(task: () => void): void
  kill(pid: number, signal: string): void
}

const host = (globalThis as { process?: Host }).process

const endings: (() => void)[] = []
const answers: (() => void)[] = []

/** Calls `task`, which must not throw, when this thread ends; where a program outlives a deadly signal, at that too. */
export function whenEnding(task: () => void): void {
  if (endings.push(task) > 1 || typeof host?.once !== 'function') return
  host.once('exit', end)
  if (!hearsSignals()) return
  const onDeadly = (signal: string): void => {
    end()
    host.removeListener(signal, onDeadly)
    if (host.listenerCount(signal) > 0) host.nextTick(() => host.prependListener(signal, onDeadly))
    else host.kill(host.pid, signal)
  }
  for (const signal of DEADLY) host.prependListener(signal, onDeadly)
}

/** Calls `task`, which must not throw, each time that the program is asked from outside. */
export function whenAsked(task: () => void): void {
  if (answers.push(task) > 1 || typeof host?.once !== 'function') return
  if (hearsSignals() && host.platform !== 'win32') host.on(ASKS, answer)
}

function end(): void {
  for (const task of endings) task()
}

function answer(): void {
  for (const task of answers) task()
}

function hearsSignals(): boolean {
  return host?.getBuiltinModule?.('node:worker_threads')?.isMainThread === true
}

/** Writes a file, and so replaces it. False on a platform that has none; what the file system says against it is thrown. */
export function writeFile(path: string, data: string | Uint8Array): boolean {
  const files = host?.getBuiltinModule?.('node:fs')
  files?.writeFileSync(path, data)
  return files !== undefined
}

/** The same, but to the standard streams under their names too, whatever these are: a socket cannot be opened by a name. */
export function writeText(path: string, text: string): boolean {
  if (path === '/dev/stdout') toStream(STDOUT, text)
  else if (path === '/dev/stderr') toStream(STDERR, text)
  else return writeFile(path, text)
  return true
}

/** At once, where that can be had. */
export function toStandardError(text: string): void {
  toStream(STDERR, text)
}

function toStream(fd: number, text: string): void {
  const files = host?.getBuiltinModule?.('node:fs')
  const bytes = new TextEncoder().encode(text)
  let sent = 0
  try {
    while (files !== undefined && sent < bytes.length) sent += files.writeSync(fd, bytes, sent)
  } catch {
    // a pipe that is full for the moment: the stream waits for it
  }
  if (sent === bytes.length) return
  const rest = new TextDecoder().decode(bytes.subarray(sent))
  const stream = fd === STDOUT ? host?.stdout : host?.stderr
  if (stream === undefined) console.warn(rest)
  else stream.write(rest)
}

/**
 * The name of a file in this thread: %p and %t are filled in. A worker's has its number before the ending, where the
 * name has no %t (`app.2.json`), for each thread has its own.
 */
export function pathOf(file: string, ending: string): string {
  const { pid, thread } = whoAmI()
  const name = expandFile(file, { pid, thread })
  if (thread === 0 || name.startsWith('/dev/') || name !== expandFile(file, { pid, thread: 0 })) return name
  return `${name.slice(0, name.length - ending.length)}.${thread}${ending}`
}

/** The folder that the program is in; undefined where there is none, or it was taken away. */
export function folderNow(): string | undefined {
  try {
    return host?.cwd?.()
  } catch {
    return undefined // taken away: who wants a file there will be told
  }
}

/**
 * The file of an option as it was meant in the folder where the option was read, though the program may have gone to
 * another since; %p and %t stay in it.
 */
export function fromFolder(folder: string | undefined, file: string): string {
  const paths = host?.getBuiltinModule?.('node:path')
  if (folder === undefined || paths === undefined || folder === folderNow()) return file
  return paths.resolve(folder.replaceAll('%', '%%'), file)
}

/** Calls `task`, and warns where it throws: a program must not fail for what is written about it. */
export function complaining(what: string, task: () => void): void {
  try {
    task()
  } catch (error) {
    writeReport(`vmalloc: cannot write the ${what}: ${error instanceof Error ? error.message : String(error)}`)
  }
}
