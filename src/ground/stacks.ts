/**
 * stacks: where in the program a call came from, as a number.
 *
 *   site   | owner, 12 bits | number, 20 bits |      0: no stack
 *
 *   number   counts the different stacks that this thread has seen, from 1; the frames are kept here, once for each
 *   owner    drawn when the thread starts: a number that another thread, or an earlier run, left in a region's bytes is
 *            known as theirs, and has no frames here
 *
 * A stack is a path in a tree whose branches are places: calls from the same place share a branch, so a capture that was
 * seen before makes nothing new. Frames of this package are left out. Only file and offset of a frame are asked for; its
 * line, its column and what a source map says of them are looked up when somebody reads the stack.
 *
 * Where the engine has no structured stacks (all but V8) the text of the stack is its identity and is read line by line.
 */
import { originalOf } from './source-map.ts'

/** The number of a stack; 0 is none. */
export type Site = number

/**
 * One call on a stack. Lines and columns count from 1; 0 where unknown. In a module of WebAssembly, whose file begins with
 * wasm://, `line` is the byte in its file, from 0.
 */
export interface Frame {
  /** The function, or '' for one without a name and at the top level of a module. */
  readonly name: string
  /** A path, or an address such as https://... or wasm://... */
  readonly file: string
  readonly line: number
  readonly column: number
}

const NUMBER_BITS = 20
const MOST = (1 << NUMBER_BITS) - 1
const owner = 1 + Math.floor(Math.random() * 0xfff)

/** No stack is deeper. */
export const DEEPEST = 64

/** Calls of this package between a client and a capture, at most: regions nest. */
const MOST_OURS = 96
/** For so many a stack is captured deeper from the start. */
const USUALLY_OURS = 6

/** A node of the tree: a stack, the outermost calls nearest to the root. */
interface Node {
  readonly above: Node | undefined
  readonly place: Place | undefined
  readonly below: Map<Place, Node>
  /** Its number once it was captured as a whole. */
  number: number
}

/** A place in the program: a call in a script. */
interface Place {
  readonly frame: Frame
  readonly position: number
  isMapped: boolean
  mapped: Frame
}

const root: Node = { above: undefined, place: undefined, below: new Map(), number: 0 }
const numbered: Node[] = [root]

/** A file that calls came from. */
interface Script {
  readonly isOwn: boolean
  /** By position. */
  readonly places: Map<number | string, Place>
}

const scripts = new Map<string, Script>()
let lastFile: string | undefined
let lastScript: Script | undefined

interface CallSite {
  getFileName(): string | null | undefined
  getScriptNameOrSourceURL(): string | null | undefined
  getFunctionName(): string | null
  getTypeName(): string | null
  getMethodName(): string | null
  getLineNumber(): number | null
  getColumnNumber(): number | null
  getPosition(): number
  isConstructor(): boolean
  isAsync?(): boolean
}

interface V8 {
  stackTraceLimit: number
  prepareStackTrace: unknown
  captureStackTrace?(target: object, above?: unknown): void
}

const engine = Error as unknown as V8
const isStructured = typeof engine.captureStackTrace === 'function' && 'stackTraceLimit' in Error

/** Files that begin so are this package's; none where it is bundled into something else and cannot be told apart. */
const own: readonly string[] = ownFolders(import.meta.url)

function ownFolders(url: string): readonly string[] {
  const found = /^(.*\/)src\/ground\/stacks\.[jt]s(\?.*)?$/.exec(url)
  if (found === null) return []
  return ['src/', 'methods/', 'disciplines/'].flatMap((folder) => {
    const address = `${found[1]}${folder}`
    return [address, pathOf(address)]
  })
}

function pathOf(url: string): string {
  if (!url.startsWith('file://')) return url
  const path = decodeURIComponent(url.slice('file://'.length))
  return /^\/[A-Za-z]:/.test(path) ? path.slice(1).replaceAll('/', '\\') : path
}

/** Who reads frames of files that are no scripts. */
interface FrameReader {
  readonly files: RegExp
  readonly read: (found: RegExpExecArray, frame: Frame, position: number) => Frame
}

const readers: FrameReader[] = []

/**
 * Frames whose file matches are read by another from now on, once somebody asks for them. `position` counts bytes from 0
 * in a module of WebAssembly, else characters.
 */
export function readFramesOf(files: RegExp, read: FrameReader['read']): void {
  readers.push({ files, read })
}

/** Functions of this package that a module of WebAssembly is given come by one of this name. */
const HELPER = 'wasm://wasm/vmalloc-'

function scriptOf(file: string): Script {
  if (file === lastFile) return lastScript!
  let script = scripts.get(file)
  if (script === undefined) {
    script = { isOwn: file.startsWith(HELPER) || own.some((folder) => file.startsWith(folder)), places: new Map() }
    scripts.set(file, script)
  }
  lastFile = file
  lastScript = script
  return script
}

/** What `prepare` found, while a capture is under way. */
let found: Node = root
let wanted = 0
/** Calls of this package took the room of the client's. */
let isCut = false
/** How many of them a capture makes room for: as many as were seen, within reason. */
let room = 1

/** Reads a stack where the engine hands it over. */
function prepare(_error: unknown, sites: readonly CallSite[]): string {
  const kept: Place[] = []
  let ours = 0
  for (let i = 0; i < sites.length && kept.length < wanted; i++) {
    const site = sites[i]!
    const file = site.getFileName() ?? site.getScriptNameOrSourceURL() ?? ''
    const script = scriptOf(file)
    if (script.isOwn) ours++
    else kept.push(placeOf(script, file, site))
  }
  let node = root
  for (let i = kept.length - 1; i >= 0; i--) node = branch(node, kept[i]!)
  found = node
  isCut = kept.length < wanted && sites.length === engine.stackTraceLimit
  if (ours > room) room = Math.min(ours, USUALLY_OURS)
  return ''
}

function placeOf({ places }: Script, file: string, site: CallSite): Place {
  const position = site.getPosition()
  // functions of the engine lie in no file, all at the same place
  const key = file === '' ? `${position} ${site.getTypeName()} ${site.getFunctionName()}` : position
  let place = places.get(key)
  if (place === undefined) {
    const frame = frameOf(file, site)
    place = { frame, position, isMapped: false, mapped: frame }
    places.set(key, place)
  }
  return place
}

function frameOf(file: string, site: CallSite): Frame {
  const bare = site.getFunctionName() ?? ''
  const type = bare === '' || bare.includes('.') ? null : site.getTypeName()
  const isMethod = type !== null && type !== 'Object' && type !== 'global' && site.getMethodName() !== null
  const name = `${site.isConstructor() ? 'new ' : ''}${isMethod ? `${type}.` : ''}${bare}`
  return { name, file: pathOf(file), line: site.getLineNumber() ?? 0, column: site.getColumnNumber() ?? 0 }
}

function branch(node: Node, place: Place): Node {
  let next = node.below.get(place)
  if (next === undefined) {
    next = { above: node, place, below: new Map(), number: 0 }
    node.below.set(place, next)
  }
  return next
}

/**
 * The stack of the caller, at most `depth` calls of it (to DEEPEST), as a number; 0 when `depth` is 0, when there are no
 * calls but this package's, or when a million different stacks were seen. `above`, a function that is being called, and
 * what it called are not looked at: that saves time.
 */
export function capture(depth: number, above?: unknown): Site {
  if (!(depth > 0)) return 0
  // a program that has frozen Error, at whatever time, keeps the engine's from it, too
  const node = isStructured && Object.isExtensible(Error) ? structured(depth, above) : written(depth)
  if (node === root) return 0
  if (node.number === 0) {
    if (numbered.length > MOST) return 0
    node.number = numbered.length
    numbered.push(node)
  }
  return ((owner << NUMBER_BITS) | node.number) >>> 0
}

const holder: { stack?: string } = {}

function structured(depth: number, above: unknown): Node {
  const { stackTraceLimit, prepareStackTrace } = engine
  found = root
  isCut = false
  wanted = depth < DEEPEST ? depth : DEEPEST
  engine.stackTraceLimit = wanted + room
  engine.prepareStackTrace = prepare
  try {
    engine.captureStackTrace!(holder, above ?? capture)
    void holder.stack
    if (isCut) {
      engine.stackTraceLimit = wanted + MOST_OURS
      engine.captureStackTrace!(holder, above ?? capture)
      void holder.stack
    }
  } finally {
    engine.prepareStackTrace = prepareStackTrace
    engine.stackTraceLimit = stackTraceLimit
  }
  return found
}

/** The same from a stack that is a text, as Firefox (`name@file:1:2`) and Safari write it. */
function written(depth: number): Node {
  const lines = (new Error().stack ?? '').split('\n')
  const kept: Place[] = []
  for (const line of lines) {
    const [, name = '', file = '', row = '0', column = '0'] = /^(?:(.*?)@)?(.*?):(\d+):(\d+)$/.exec(line) ?? []
    const { isOwn, places } = scriptOf(file)
    if (file === '' || isOwn) continue
    const position = Number(row) * 2 ** 20 + Number(column)
    let place = places.get(position)
    if (place === undefined) {
      const frame = { name, file, line: Number(row), column: Number(column) }
      places.set(position, (place = { frame, position, isMapped: false, mapped: frame }))
    }
    kept.push(place)
    if (kept.length === depth) break
  }
  return kept.reduceRight(branch, root)
}

/** The frames of a stack, innermost first, without those of the runtime that called the outermost; undefined for 0, and for the number of another thread or an earlier run. */
export function framesOf(site: Site): readonly Frame[] | undefined {
  const node = site >>> NUMBER_BITS === owner ? numbered[site & MOST] : undefined
  if (node === undefined || node === root) return undefined
  const frames: Frame[] = []
  for (let at: Node | undefined = node; at?.place !== undefined; at = at.above) frames.push(readable(at.place))
  let end = frames.length
  while (end > 1 && frames[end - 1]!.file.startsWith('node:internal/')) end--
  return frames.slice(0, end)
}

/** The numbers of all stacks that were captured. */
export function* everySite(): Generator<Site> {
  for (let number = 1; number < numbered.length; number++) yield ((owner << NUMBER_BITS) | number) >>> 0
}

/** Whether a number is that of a stack which only another thread or an earlier run can read. */
export function isForeign(site: Site): boolean {
  return site !== 0 && site >>> NUMBER_BITS !== owner
}

function readable(place: Place): Frame {
  if (!place.isMapped) {
    place.isMapped = true
    place.mapped = readBy(readers, place) ?? originalOf(place.frame)
  }
  return place.mapped
}

function readBy(all: readonly FrameReader[], { frame, position }: Place): Frame | undefined {
  for (const { files, read } of all) {
    const found = files.exec(frame.file)
    if (found !== null) return read(found, frame, position)
  }
  return undefined
}

/** A frame as engines write it: `name (file:line:column)`. */
export function frameText({ name, file, line, column }: Frame): string {
  if (file.startsWith('wasm://')) return `${name} (${file}:0x${line.toString(16)})`
  const place = line > 0 ? `${file}:${line}${column > 0 ? `:${column}` : ''}` : file
  return name === '' ? place : place === '' ? name : `${name} (${place})`
}
