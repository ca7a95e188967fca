/**
 * label: what a module is called that comes as bytes: by the package whose code instantiates it, else by the file.
 *
 *   .../node_modules/@sqlite.org/sqlite-wasm/dist/sqlite3-node.mjs   sqlite-wasm
 *   .../app/decode.mjs                                               decode
 *   https://example.org/zstd.wasm                                    zstd
 */

/** Of an address or a path. */
export function labelOf(place: string): string {
  const path = place.replace(/[?#].*$/, '').replaceAll('\\', '/')
  const packages = [...path.matchAll(/\/node_modules\/(?:\.pnpm\/[^/]+\/node_modules\/)?(?:@[^/]+\/)?([^/@]+)\//g)]
  const inside = packages.at(-1)?.[1]
  const file = path.slice(path.lastIndexOf('/') + 1).replace(/(\.[\w]+)+$/, '')
  const label = (inside ?? file).replace(/[^\w.-]+/g, '-')
  return label === '' ? 'module' : label.slice(0, 60)
}

const DEPTH = 24
/** This package's own files; bundled into something else it is one of that file's, which is then not looked at. */
const here = ownFiles(String(import.meta.url))

function ownFiles(url: string): string {
  return url.replace(/(\/src\/wasm\/)label\.[jt]s(\?.*)?$/, '$1').replace(/^file:\/\//, '')
}

interface V8 {
  stackTraceLimit: number
  prepareStackTrace: unknown
}

interface CallSite {
  getFileName(): string | null | undefined
  getScriptNameOrSourceURL(): string | null | undefined
}

/**
 * The first file on the stack that is not this package's, as the engine calls it; '' where there is none. Where a program
 * has frozen Error the stack is a text, as long as it was.
 */
export function callerOf(): string {
  const { stackTraceLimit, prepareStackTrace } = Error as unknown as V8
  try {
    Reflect.set(Error, 'stackTraceLimit', DEPTH)
    Reflect.set(Error, 'prepareStackTrace', (_error: unknown, sites: CallSite[]) => sites)
    const sites = new Error().stack as unknown
    const files = Array.isArray(sites) ? (sites as CallSite[]).map(fileOf) : writtenFiles(String(sites))
    return files.find((file) => file !== '' && !file.includes(here) && !file.startsWith('wasm:')) ?? ''
  } finally {
    Reflect.set(Error, 'stackTraceLimit', stackTraceLimit)
    Reflect.set(Error, 'prepareStackTrace', prepareStackTrace)
  }
}

const fileOf = (site: CallSite) => site.getFileName() ?? site.getScriptNameOrSourceURL() ?? ''

/** Of a stack that is a text, as engines other than V8 have it: `name@file:1:2`. */
function writtenFiles(stack: string): string[] {
  return stack.split('\n').map((line) => /@?((?:https?|file|blob):.*?)(?::\d+){0,2}$/.exec(line)?.[1] ?? '')
}
