/**
 * traces: trace files, packed by gzip or not, whatever they are called.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { VmallocError } from '../ground/fault.ts'
import { parseTrace } from '../trace/format.ts'
import type { Trace } from '../trace/trace.ts'

/** A path as it is; for a folder, the files `*.rep` and `*.rep.gz` in it, by name. */
export function findTraces(path: string): string[] {
  if (!statSync(path).isDirectory()) return [path]
  const files = readdirSync(path).filter((file) => /\.rep(\.gz)?$/.test(file))
  if (files.length === 0) throw new VmallocError('argument', `${path}: no traces, expected *.rep or *.rep.gz in it`)
  return files.sort().map((file) => join(path, file))
}

/** A trace file, named without its folder and endings. */
export function readTrace(path: string): Trace {
  const bytes = readFileSync(path)
  const isPacked = bytes[0] === 0x1f && bytes[1] === 0x8b
  const trace = parseTrace(isPacked ? gunzipSync(bytes) : bytes, path)
  return { ...trace, name: basename(path).replace(/(\.rep)?(\.gz)?$/, '') }
}
