/**
 * source-map: the place in the sources that a place in a compiled file came from.
 *
 * Under Node (and what is like it) the maps that the runtime knows are asked, then the file itself: its last comment
 * `//# sourceMappingURL=` names a map beside it, or holds it. Elsewhere, and where there is no map, a frame stays as it is.
 */
interface Mapped {
  readonly originalSource?: string
  readonly originalLine?: number
  readonly originalColumn?: number
  readonly name?: string
}

interface Map_ {
  /** Line and column from 0. */
  findEntry(line: number, column: number): Mapped
}

interface ModuleApi {
  findSourceMap?(path: string): Map_ | undefined
  SourceMap?: new (payload: unknown) => Map_
}

interface Files {
  readFileSync(path: string, encoding: 'utf8'): string
}

interface Host {
  process?: {
    getBuiltinModule?(name: 'node:module'): ModuleApi | undefined
    getBuiltinModule?(name: 'node:fs'): Files | undefined
  }
}

interface Place {
  readonly name: string
  readonly file: string
  readonly line: number
  readonly column: number
}

const COMMENT = /\/\/[#@] sourceMappingURL=([^\s'"]+)[ \t]*$/gm
const INLINE = /^data:application\/json[^,]*?(;base64)?,(.*)$/

/** By file: its map, and where relative names in it count from. */
const maps = new Map<string, Map_ | undefined>()

/** The frame in the sources, or the same frame. Never throws: a map that cannot be read is as none. */
export function originalOf<F extends Place>(frame: F): F {
  const { process } = globalThis as Host
  const api = process?.getBuiltinModule?.('node:module')
  const fs = process?.getBuiltinModule?.('node:fs')
  if (api === undefined || fs === undefined || frame.line === 0 || !isFile(frame.file)) return frame
  try {
    const map = mapOf(frame.file, api, fs)
    const entry = map?.findEntry(frame.line - 1, Math.max(0, frame.column - 1))
    if (entry?.originalSource === undefined || entry.originalLine === undefined) return frame
    const file = resolved(entry.originalSource, frame.file)
    return { ...frame, file, line: entry.originalLine + 1, column: (entry.originalColumn ?? 0) + 1 }
  } catch {
    return frame // a report without a map is better than none
  }
}

const isFile = (file: string) => file.startsWith('/') || /^[A-Za-z]:\\/.test(file)

function mapOf(file: string, api: ModuleApi, fs: Files): Map_ | undefined {
  if (maps.has(file)) return maps.get(file)
  maps.set(file, undefined)
  const known = api.findSourceMap?.(file)
  const map = known ?? read(file, api, fs)
  maps.set(file, map)
  return map
}

function read(file: string, api: ModuleApi, fs: Files): Map_ | undefined {
  if (api.SourceMap === undefined) return undefined
  let named: string | undefined
  for (const match of fs.readFileSync(file, 'utf8').matchAll(COMMENT)) named = match[1]
  if (named === undefined) return undefined
  const inline = INLINE.exec(named)
  const text =
    inline === null
      ? fs.readFileSync(resolved(decodeURIComponent(named), file), 'utf8')
      : inline[1] === undefined
        ? decodeURIComponent(inline[2]!)
        : new TextDecoder().decode(Uint8Array.from(atob(inline[2]!), (sign) => sign.charCodeAt(0)))
  return new api.SourceMap(JSON.parse(text))
}

/** A name in a map, which counts from the folder of the file, as a path. */
function resolved(name: string, file: string): string {
  if (name.startsWith('file://')) return decodeURIComponent(new URL(name).pathname)
  if (isFile(name) || /^[\w-]+:/.test(name)) return name
  return decodeURIComponent(new URL(name, `file://${encodeURI(file)}`).pathname)
}
