/**
 * traces: trace files, packed by gzip or not, whatever they are called.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { VmallocError } from '../ground/fault.ts'
import { parseTrace } from '../trace/format.ts'
import type { Trace } from '../trace/trace.ts'

/** A path as it is; for a folder, the traces in it. */
export function findTraces(path: string): string[] {
  if (!statSync(path).isDirectory()) return [path]
  const files = tracesIn(path)
  if (files.length === 0) throw new VmallocError('argument', `${path}: no traces, expected *.rep or *.rep.gz in it`)
  return files
}

/** The files `*.rep` and `*.rep.gz` in a folder, by name. */
export function tracesIn(folder: string): string[] {
  const files = readdirSync(folder).filter((file) => /\.rep(\.gz)?$/.test(file))
  return files.sort().map((file) => join(folder, file))
}

/** What a trace file is called without its folder and endings. */
export function traceName(path: string): string {
  return basename(path).replace(/(\.rep)?(\.gz)?$/, '')
}

/** Reads a trace file. */
export function readTrace(path: string): Trace {
  const bytes = readFileSync(path)
  const isPacked = bytes[0] === 0x1f && bytes[1] === 0x8b
  const trace = parseTrace(isPacked ? gunzipSync(bytes) : bytes, path)
  return { ...trace, name: traceName(path) }
}
