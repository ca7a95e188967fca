/**
 * traces: trace files, packed by gzip or not, whatever they are called.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { VmallocError } from '../ground/fault.ts'
import { parseTrace } from '../trace/format.ts'
import type { Trace } from '../trace/trace.ts'
import { gunzip, isPacked, type Unpacked } from './gunzip.ts'

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

/** Reads a trace file of any kind that parseTrace knows. */
export function readTrace(path: string): Trace {
  const bytes = readFileSync(path)
  const unpacked: Unpacked = isPacked(bytes) ? gunzip(bytes) : { bytes }
  const trace = parseTrace(unpacked.bytes, path)
  const remark = unpacked.remark ?? trace.remark
  return { ...trace, name: traceName(path), ...(remark !== undefined && { remark }) }
}
