/**
 * open: traces to files, what the option `trace=FILE` asks for.
 *
 *   traceTo('app-%p-%t.trace', region)
 *
 * All regions of a thread that trace to one file share its writer. Where the name has no %t, the file of a worker gets
 * the number of its thread at the end (`app.trace.2`), because two writers in one file would destroy it.
 *
 * When what is written reaches the file. Lines wait in a buffer of 64 KiB; they are sent
 *
 *   when it is full
 *   when the thread ends: by itself, by process.exit, by an error that nobody caught
 *   when SIGINT, SIGTERM or SIGHUP ends the program
 *   in the main thread, a fifth of a second after the first line that waits
 *   in a worker, at the end of each turn of its event loop, since terminate() and the end of the program cut it off
 *
 * So a worker that is cut off loses the lines of its last turn, and SIGKILL, abort or a crash those of the last fifth
 * of a second, in each case at most 64 KiB. What is in the file always ends with a whole line.
 *
 * Signals. A program without a handler must still die by the signal, one with a handler must not notice ours. Ours runs
 * first, takes itself off the list (some libraries count the list to learn whether they decide) and sends what waits.
 * When no other handler is left it raises the signal again, which now has its usual effect; otherwise the others run
 * and ours goes back to its place afterwards. Two things do change: the list of listeners is longer by one between
 * signals; and because a listener runs in the event loop, a traced program that never returns to it is not ended by
 * these signals any more, though it is by SIGQUIT and SIGKILL. No listener and no timer here keeps a program alive.
 */
import type { Region } from '../contract/region.ts'
import { expandFile } from '../region/options.ts'
import { type Sink, TraceWriter } from './write.ts'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP']
const INTERVAL_MS = 200

interface Files {
  openSync(path: string, flags: string): number
  writeSync(fd: number, bytes: Uint8Array | string, offset?: number): number
}

interface Host {
  readonly pid: number
  getBuiltinModule?(name: 'node:fs'): Files | undefined
  getBuiltinModule?(name: 'node:path'): { resolve(path: string): string } | undefined
  getBuiltinModule?(name: 'node:worker_threads'): { isMainThread: boolean; threadId: number } | undefined
  once(event: 'exit', listener: () => void): void
  prependListener(signal: string, listener: (signal: string) => void): void
  removeListener(signal: string, listener: (signal: string) => void): void
  listenerCount(signal: string): number
  nextTick(task: () => void): void
  kill(pid: number, signal: string): void
}

/** By path: its writer, or undefined where the file could not be opened. */
const writers = new Map<string, TraceWriter | undefined>()

/** Writes the operations of a region to a file from now on; the returned function ends it. Never throws. */
export function traceTo(file: string, region: Region): () => void {
  const host = (globalThis as { process?: Host }).process
  const files = host?.getBuiltinModule?.('node:fs')
  if (!host || !files) {
    console.warn(`vmalloc: cannot trace to ${file}: there are no files on this platform`)
    return () => {}
  }
  const path = pathOf(file, host)
  if (!writers.has(path)) writers.set(path, openWriter(path, host, files))
  const writer = writers.get(path)
  return writer === undefined ? () => {} : region.listen(writer)
}

function pathOf(file: string, host: Host): string {
  const thread = host.getBuiltinModule?.('node:worker_threads')?.threadId ?? 0
  const name = expandFile(file, { pid: host.pid, thread })
  const isShared = thread > 0 && name === expandFile(file, { pid: host.pid, thread: 0 })
  return host.getBuiltinModule!('node:path')!.resolve(isShared ? `${name}.${thread}` : name)
}

function openWriter(path: string, host: Host, files: Files): TraceWriter | undefined {
  try {
    const sink = new FileSink(files, path, isMainThread(host) ? later : thisTurn)
    if ([...writers.values()].every((writer) => writer === undefined)) watchForTheEnd(host)
    const writer = new TraceWriter(sink)
    sink.flush = () => writer.flush()
    return writer
  } catch (error) {
    complain(files, `cannot open the trace ${path}: ${messageOf(error)}`)
    return undefined
  }
}

class FileSink implements Sink {
  /** Empties the writer's buffer. */
  flush = () => {}
  readonly #files: Files
  readonly #path: string
  readonly #schedule: (task: () => void) => void
  #fd: number

  constructor(files: Files, path: string, schedule: (task: () => void) => void) {
    this.#files = files
    this.#path = path
    this.#schedule = schedule
    this.#fd = files.openSync(path, 'w')
  }

  write(bytes: Uint8Array): void {
    if (this.#fd < 0) return
    try {
      for (let at = 0; at < bytes.length; ) at += this.#files.writeSync(this.#fd, bytes, at)
    } catch (error) {
      this.#fd = -1
      complain(this.#files, `the trace ${this.#path} ends here: ${messageOf(error)}`)
    }
  }

  pending(): void {
    this.#schedule(() => this.flush())
  }
}

const later = (task: () => void) => {
  const timer: unknown = setTimeout(task, INTERVAL_MS)
  ;(timer as { unref?(): void }).unref?.()
}

const thisTurn = (task: () => void) => {
  setImmediate(task)
}

function watchForTheEnd(host: Host): void {
  host.once('exit', () => forEachWriter((writer) => writer.direct()))
  if (!isMainThread(host)) return
  const onSignal = (signal: string) => {
    forEachWriter((writer) => writer.flush())
    host.removeListener(signal, onSignal)
    if (host.listenerCount(signal) > 0) host.nextTick(() => host.prependListener(signal, onSignal))
    else host.kill(host.pid, signal)
  }
  for (const signal of SIGNALS) host.prependListener(signal, onSignal)
}

function forEachWriter(visit: (writer: TraceWriter) => void): void {
  for (const writer of writers.values()) if (writer !== undefined) visit(writer)
}

function isMainThread(host: Host): boolean {
  return host.getBuiltinModule?.('node:worker_threads')?.isMainThread ?? true
}

function complain(files: Files, sentence: string): void {
  try {
    files.writeSync(2, `vmalloc: ${sentence}\n`)
  } catch {}
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
