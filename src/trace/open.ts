/**
 * open: traces to files, what the option `trace=FILE` asks for.
 *
 *   traceTo('app-%p-%t.trace', region)
 *   traceTo('app.trace.gz', region, { depth: 8, times: true, names: true })
 *
 * All regions of a thread that trace to one file share its writer. Where the name has no %t, the file of a worker gets
 * the number of its thread at the end (`app.trace.2`, `app.trace.2.gz`), because two writers in one file would destroy
 * it. A file whose name ends in .gz is packed.
 *
 * The options `tracedepth`, `tracetimes` and `tracenames` ask for what notes.ts writes. Where none of them is given, or
 * every depth is 0, the writer listens by itself. So all regions of a file either have notes or not; times and names are
 * as the first region says, the depth is each region's own.
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
 * of a second, in each case at most 64 KiB, or 320 KiB of what is packed (gzip-sink.ts tells why). What is in the file
 * always ends with a whole line.
 *
 * Signals. A program without a handler must still die by the signal, one with a handler must not notice ours. Ours runs
 * first, takes itself off the list (some libraries count the list to learn whether they decide) and sends what waits.
 * When no other handler is left it raises the signal again, which now has its usual effect; otherwise the others run
 * and ours goes back to its place afterwards. Two things do change: the list of listeners is longer by one between
 * signals; and because a listener runs in the event loop, a traced program that never returns to it is not ended by
 * these signals any more, though it is by SIGQUIT and SIGKILL. No listener and no timer here keeps a program alive.
 */
import type { Region } from '../contract/region.ts'
import { expandFile, type Options } from '../region/options.ts'
import { FileSink, type Files, type TraceSink } from './file-sink.ts'
import { GzipSink, type Zip } from './gzip-sink.ts'
import { Notes } from './notes.ts'
import { TraceWriter } from './write.ts'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP']
const INTERVAL_MS = 200

interface Host {
  readonly pid: number
  getBuiltinModule?(name: 'node:fs'): Files | undefined
  getBuiltinModule?(name: 'node:zlib'): Zip | undefined
  getBuiltinModule?(name: 'node:path'): { resolve(path: string): string } | undefined
  getBuiltinModule?(name: 'node:worker_threads'): { isMainThread: boolean; threadId: number } | undefined
  once(event: 'exit', listener: () => void): void
  prependListener(signal: string, listener: (signal: string) => void): void
  removeListener(signal: string, listener: (signal: string) => void): void
  listenerCount(signal: string): number
  nextTick(task: () => void): void
  kill(pid: number, signal: string): void
}

/** What a trace may tell beside the calls. */
export interface TraceExtras {
  /** Calls of a stack that are written with each operation; 0 for none. */
  readonly depth?: number
  /** Whether it is written when an operation came. */
  readonly times?: boolean
  /** Whether regions and their names are written. */
  readonly names?: boolean
}

/** What the options ask for; undefined where no region of this process is to have any of it. */
export function traceExtras(region: string, options: Options): TraceExtras | undefined {
  const times = options.value('tracetimes') === true
  const names = options.value('tracenames') === true
  if (!times && !names && options.names('tracedepth').every((depth) => Number(depth) === 0)) return undefined
  const depth = options.resolve(region, 'tracedepth')
  return { depth: typeof depth === 'number' ? depth : 0, times, names }
}

/** A file that is written to. */
interface Stream {
  readonly writer: TraceWriter
  readonly sink: TraceSink
  readonly notes: Notes | undefined
}

/** By path; undefined where the file could not be opened. */
const streams = new Map<string, Stream | undefined>()

/** Writes the operations of a region to a file from now on; the returned function ends it. Never throws. */
export function traceTo(file: string, region: Region, extras?: TraceExtras): () => void {
  const host = (globalThis as { process?: Host }).process
  const files = host?.getBuiltinModule?.('node:fs')
  if (!host || !files) {
    console.warn(`vmalloc: cannot trace to ${file}: there are no files on this platform`)
    return () => {}
  }
  const path = pathOf(file, host)
  if (!streams.has(path)) streams.set(path, openStream(path, host, files, extras))
  const stream = streams.get(path)
  return stream === undefined ? () => {} : region.listen(stream.notes?.ear(extras) ?? stream.writer)
}

function pathOf(file: string, host: Host): string {
  const thread = host.getBuiltinModule?.('node:worker_threads')?.threadId ?? 0
  const name = expandFile(file, { pid: host.pid, thread })
  const isShared = thread > 0 && name === expandFile(file, { pid: host.pid, thread: 0 })
  const own = isShared ? name.replace(/(\.gz)?$/, `.${thread}$1`) : name
  return host.getBuiltinModule!('node:path')!.resolve(own)
}

function openStream(path: string, host: Host, files: Files, extras: TraceExtras | undefined): Stream | undefined {
  const schedule = isMainThread(host) ? later : thisTurn
  const zip = path.endsWith('.gz') ? host.getBuiltinModule?.('node:zlib') : undefined
  const stop = (error: unknown) => complain(files, `the trace ${path} ends here: ${messageOf(error)}`)
  try {
    const fd = files.openSync(path, 'w')
    const sink = zip === undefined ? new FileSink(files, fd, stop) : new GzipSink(files, zip, fd, stop)
    if ([...streams.values()].every((stream) => stream === undefined)) watchForTheEnd(host)
    const writer: TraceWriter = new TraceWriter({
      write: (bytes) => sink.write(bytes),
      pending: () =>
        schedule(() => {
          writer.flush()
          sink.sync()
        }),
    })
    return { writer, sink, notes: extras && new Notes(writer, extras) }
  } catch (error) {
    complain(files, `cannot open the trace ${path}: ${messageOf(error)}`)
    return undefined
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
  host.once('exit', () =>
    forEachStream(({ writer, sink }) => {
      writer.direct()
      sink.direct()
    }),
  )
  if (!isMainThread(host)) return
  const onSignal = (signal: string) => {
    forEachStream(({ writer, sink }) => {
      writer.flush()
      sink.settle()
    })
    host.removeListener(signal, onSignal)
    if (host.listenerCount(signal) > 0) host.nextTick(() => host.prependListener(signal, onSignal))
    else host.kill(host.pid, signal)
  }
  for (const signal of SIGNALS) host.prependListener(signal, onSignal)
}

function forEachStream(visit: (stream: Stream) => void): void {
  for (const stream of streams.values()) if (stream !== undefined) visit(stream)
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
