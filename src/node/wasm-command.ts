/**
 * wasm-command: `vmalloc wasm`: which functions of WebAssembly modules are malloc and its kin, and what can be done with them.
 *
 *   vmalloc wasm FILE.wasm ...     a table a file
 *     --glue FILE.js               the JavaScript that belongs to the modules
 *     --map FILE                   what somebody says of them (src/wasm/map.ts)
 *     --json                       one object a file
 *
 * A file that cannot be read, or is no module, is told on standard error and makes the exit code 1; the others are shown.
 */
import { readFileSync } from 'node:fs'
import { type Module, parse } from '../wasm/binary.ts'
import { find } from '../wasm/find.ts'
import { hashOf } from '../wasm/hash.ts'
import { fitting, parseMap, type RoleMap } from '../wasm/map.ts'
import { Unreadable } from '../wasm/reader.ts'
import type { Finding, Found } from '../wasm/roles.ts'
import { count, paint, remark, say, table } from './terminal.ts'

export interface WasmOptions {
  readonly map?: string
  readonly glue?: string
  readonly json?: boolean
}

interface Report extends Finding {
  readonly file: string
  readonly bytes: number
  readonly hash: string
  readonly module: { functions: number; imports: number; exports: number; memory: string }
  readonly sizes: readonly number[]
}

const LEVELS = ['observe', 'replace', 'debug'] as const

/** Returns the exit code. */
export function wasmCommand(files: readonly string[], options: WasmOptions): number {
  const glue = options.glue === undefined ? undefined : textOf(options.glue)
  const mapText = options.map === undefined ? undefined : textOf(options.map)
  if ((options.glue !== undefined && glue === undefined) || (options.map !== undefined && mapText === undefined))
    return 1
  const maps = mapText === undefined ? new Map<string, RoleMap>() : parseMap(mapText, remark)
  let isFailed = false
  let isFirst = true
  for (const file of files) {
    const report = reportOn(file, maps, glue)
    if (report === undefined) {
      isFailed = true
      continue
    }
    if (options.json) say(JSON.stringify(jsonOf(report)))
    else show(report, isFirst)
    isFirst = false
  }
  return isFailed ? 1 : 0
}

function reportOn(file: string, maps: ReadonlyMap<string, RoleMap>, glue: string | undefined): Report | undefined {
  const bytes = bytesOf(file)
  if (bytes === undefined) return undefined
  try {
    const module = parse(bytes)
    const hash = hashOf(bytes)!
    const map = maps.get(hash)
    const finding = find(module, {
      map: map && fitting(map, module, (sentence) => remark(`${file}: ${sentence}`)),
      glue,
    })
    const imports = module.imports.length
    const counts = { functions: module.functions.length, imports, exports: module.exports.length }
    const sizes = finding.functions.map(({ index }) => sizeOf(module, index))
    return { ...finding, file, bytes: bytes.length, hash, module: { ...counts, memory: memoryOf(module) }, sizes }
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error
    remark(`${file}: ${error.message}`)
    return undefined
  }
}

function bytesOf(file: string): Uint8Array | undefined {
  try {
    return new Uint8Array(readFileSync(file))
  } catch (error) {
    remark(`${file}: cannot be read: ${(error as Error).message}`)
    return undefined
  }
}

function textOf(file: string): string | undefined {
  const bytes = bytesOf(file)
  return bytes === undefined ? undefined : new TextDecoder().decode(bytes)
}

function sizeOf({ bodies, imported }: Module, index: number): number {
  const body = bodies[index - imported]!
  return body.end - body.locals
}

function memoryOf({ memories }: Module): string {
  const [memory] = memories
  if (memory === undefined) return 'none'
  const origin = memory.imported ? 'imported' : 'its own'
  const most = memory.max === undefined ? '' : ` to ${count(memory.max)}`
  return `${origin}, ${count(memory.min)}${most} pages${memory.shared ? ', shared' : ''}${memory.long ? ', of 64 bits' : ''}`
}

function show(report: Report, isFirst: boolean): void {
  const { file, bytes, module, family, alignment, functions, sizes, strangers, levels, left } = report
  if (!isFirst) say('')
  say(paint('bold', file))
  say(
    `${count(bytes)} bytes, ${count(module.functions)} functions, ${count(module.imports)} imports, ${count(module.exports)} exports; memory: ${module.memory}`,
  )
  if (left !== '') {
    say(`left alone: ${left}`)
    return
  }
  say(`allocator: ${family === 'other' ? 'another' : family}, addresses are multiples of ${alignment}`)
  say('')
  say(
    table<Found>(
      [
        { title: 'role', cell: ({ role }) => role },
        { title: 'function', right: true, cell: ({ index }) => String(index) },
        { title: 'bytes', right: true, cell: (found) => count(sizes[functions.indexOf(found)]!) },
        { title: 'leading to it', cell: ({ entries }) => entries.join(' ') },
        { title: 'by', cell: ({ evidence }) => evidence },
        { title: 'sure', cell: ({ sure }) => (sure ? 'yes' : 'no') },
        { title: 'because', cell: ({ why }) => why },
      ],
      functions,
    ),
  )
  for (const { index, why } of strangers) say(`function ${index}: ${why}`)
  say('')
  for (const level of LEVELS) say(`${level.padEnd(8)} ${levels[level] === '' ? 'possible' : `no: ${levels[level]}`}`)
}

function jsonOf({ sizes, functions, ...report }: Report): object {
  return { ...report, functions: functions.map((found, place) => ({ ...found, bytes: sizes[place] })) }
}
