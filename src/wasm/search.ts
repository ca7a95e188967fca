/**
 * search: what is found in a module, as options say: with the map of `wasmmap`, and kept where `wasmcache` says. Without
 * files (in a browser) every module is searched.
 */
import { type Options, writeReport } from '../region/options.ts'
import type { Module } from './binary.ts'
import { FindingCache } from './cache.ts'
import { find, type Hints } from './find.ts'
import { fitting, parseMap, type RoleMap } from './map.ts'
import type { Finding } from './roles.ts'

interface Files {
  readFileSync(path: string, encoding: 'utf8'): string
}

/** What options have led to, by the options that said it. */
interface Aids {
  readonly options: Options
  readonly maps: ReadonlyMap<string, RoleMap>
  readonly cache: FindingCache | undefined
}

/** Of fewer bytes a module is searched sooner than a file is read. */
const SMALL = 64 * 1024

let aids: Aids | undefined

/** Finds the functions of a module, which is known by the hash of its bytes where there is one. */
export function searched(module: Module, hash: string | undefined, options: Options): Finding {
  if (aids?.options !== options) aids = aidsFor(options)
  const { maps, cache } = aids
  const isKept = cache !== undefined && module.bytes.length >= SMALL
  if (hash === undefined) return find(module)
  const map = maps.get(hash)
  if (map !== undefined) return find(module, { map: fitting(map, module, tell) } satisfies Hints)
  const kept = isKept ? cache.read(hash) : undefined
  if (kept !== undefined) return kept
  const finding = find(module)
  if (isKept) cache.write(hash, finding)
  return finding
}

function aidsFor(options: Options): Aids {
  const folder = options.value('wasmcache')
  const cache = FindingCache.open(typeof folder === 'string' ? folder : undefined)
  return { options, maps: mapsFrom(options.value('wasmmap')), cache }
}

function mapsFrom(file: unknown): ReadonlyMap<string, RoleMap> {
  if (typeof file !== 'string') return new Map()
  const host = (globalThis as { process?: { getBuiltinModule?(name: 'node:fs'): Files | undefined } }).process
  const files = host?.getBuiltinModule?.('node:fs')
  try {
    if (files === undefined) throw new Error('there are no files on this platform')
    return parseMap(files.readFileSync(file, 'utf8'), tell)
  } catch (error) {
    tell(`cannot read the map ${file}: ${error instanceof Error ? error.message : String(error)}`)
    return new Map()
  }
}

function tell(sentence: string): void {
  writeReport(`vmalloc: ${sentence}`)
}
