/**
 * facts: what a rewritten module says of itself, so that one that came by postMessage or out of a cache can be used too.
 *
 *   vmalloc   | 1 | id | note | table + 1 | memory | imported | first | firstNow | bodies: sizes | targets |
 *   target    | index | code | dispatcher: size | copy: size | moves: (now, before) ... |
 *
 * The custom section `vmalloc`: numbers as LEB128, lists with their length before them. `first` is where the first body began
 * in the original, `firstNow` where it begins now; as bodies lie one behind the other their sizes tell the rest. A target's
 * own place is taken by its dispatcher, its body was copied behind all others; a copy's calls may have become longer,
 * which `moves` lists: from byte `now` of the copy on it says what the original says from byte `before` of the body on.
 *
 * About 2 bytes a function. Finding a place costs O(log functions), the first time O(functions).
 */
import { CUSTOM, customSections, parse, readNames } from './binary.ts'
import { Reader } from './reader.ts'
import { Writer } from './writer.ts'

/** What was added can be told by the beginning of its name. */
export const PREFIX = 'vmalloc:'
export const SECTION = 'vmalloc'
const VERSION = 1

export interface Facts {
  /** What stack traces call the module. */
  readonly id: string
  /** What the one who rewrote it had to say of it. */
  readonly note: string
  /** The functions that can be served from outside, in the order of their slots and of the exports `vmalloc:copy:0`, ... */
  readonly targets: readonly number[]
  /** How many slots of table 0 are reserved: one a target. */
  readonly slots: number
  /** The first of them; -1 where the table is imported: it is grown by `slots` just before the module is instantiated. */
  readonly tableBase: number
  /** The exports that were added. */
  readonly hidden: readonly string[]
  /** What stands at a byte of the rewritten module, which is what stack traces name; undefined outside of functions. */
  place(offset: number): Place | undefined
}

export interface Place {
  /** The function, as the original numbers it. */
  readonly index: number
  /** Its name, `wasm-function[index]` where it has none. */
  readonly name: string
  /** Of the same byte in the original. */
  readonly offset: number
  /** Of a target: the copy of its body, or the few instructions in its place, for which `offset` is where its body begins. */
  readonly part: 'body' | 'dispatcher' | 'copy'
}

/** As the section has it. Sizes and offsets count a body's own size field in. */
export interface Layout {
  readonly id: string
  readonly note: string
  readonly tableBase: number
  readonly memory: boolean
  readonly imported: number
  readonly first: number
  readonly firstNow: number
  /** In the original. */
  readonly sizes: readonly number[]
  readonly targets: readonly TargetLayout[]
}

export interface TargetLayout {
  readonly index: number
  /** From the beginning of the body to its first instruction. */
  readonly code: number
  readonly dispatcher: number
  readonly copy: number
  readonly moves: readonly Move[]
}

export interface Move {
  readonly now: number
  readonly before: number
}

/** What a module says of itself; undefined where it was not rewritten. */
export function factsOf(source: WebAssembly.Module | Uint8Array): Facts | undefined {
  const sections = (name: string) => WebAssembly.Module.customSections(source as WebAssembly.Module, name)
  const found =
    source instanceof Uint8Array ? ofBytes(source) : [sections(SECTION), sections('name')].map((list) => bytesOf(list))
  const [facts, names] = found
  if (facts === undefined) return undefined
  return factsFrom(readLayout(new Reader(facts)), () => {
    const draft = { name: '', names: new Map<number, string>() as ReadonlyMap<number, string> }
    if (names !== undefined) readNames(draft, new Reader(names))
    return draft.names
  })
}

export const copyName = (slot: number) => `${PREFIX}copy:${slot}`
export const HIDDEN_SLOT = `${PREFIX}slot`
export const HIDDEN_MEMORY = `${PREFIX}memory`
export const HIDDEN_TABLE = `${PREFIX}table`

/** Facts of a layout; the names are asked for once, when the first place is. */
export function factsFrom(layout: Layout, names: () => ReadonlyMap<number, string>): Facts {
  let places: Places | undefined
  const { id, note, tableBase } = layout
  const targets = layout.targets.map(({ index }) => index)
  return {
    id,
    note,
    tableBase,
    targets,
    slots: targets.length,
    hidden: hiddenExports(layout),
    place(offset) {
      places ??= new Places(layout, names())
      return places.at(offset)
    },
  }
}

/** In the order in which they are exported. */
function hiddenExports({ targets, memory }: Layout): string[] {
  if (targets.length === 0) return []
  return [...targets.map((_, slot) => copyName(slot)), HIDDEN_SLOT, HIDDEN_TABLE, ...(memory ? [HIDDEN_MEMORY] : [])]
}

class Places {
  private readonly layout: Layout
  private readonly names: ReadonlyMap<number, string>
  private readonly targets = new Map<number, TargetLayout>()
  /** Where each body begins, and the last one ends: in the original, and now with the copies behind. */
  private readonly before: Float64Array
  private readonly now: Float64Array

  constructor(layout: Layout, names: ReadonlyMap<number, string>) {
    const { sizes, targets, first, firstNow, imported } = layout
    this.layout = layout
    this.names = names
    for (const target of targets) this.targets.set(target.index - imported, target)
    const sizesNow = sizes.map((size, body) => this.targets.get(body)?.dispatcher ?? size)
    this.before = starts(first, sizes)
    this.now = starts(firstNow, [...sizesNow, ...targets.map(({ copy }) => copy)])
  }

  at(offset: number): Place | undefined {
    const { now, before } = this
    if (!(offset >= now[0]! && offset < now.at(-1)!)) return undefined
    const body = lastAtMost(now, offset)
    const inside = offset - now[body]!
    const { sizes, targets, imported } = this.layout
    if (body >= sizes.length) {
      const { index, moves } = targets[body - sizes.length]!
      return this.made(index, before[index - imported]! + original(moves, inside), 'copy')
    }
    const target = this.targets.get(body)
    if (target === undefined) return this.made(body + imported, before[body]! + inside, 'body')
    return this.made(target.index, before[body]! + target.code, 'dispatcher')
  }

  private made(index: number, offset: number, part: Place['part']): Place {
    return { index, name: this.names.get(index) ?? `wasm-function[${index}]`, offset, part }
  }
}

function original(moves: readonly Move[], inside: number): number {
  const move = moves.findLast(({ now }) => now <= inside)
  return move === undefined ? 0 : inside - move.now + move.before
}

function starts(first: number, sizes: readonly number[]): Float64Array {
  const list = new Float64Array(sizes.length + 1)
  list[0] = first
  for (let i = 0; i < sizes.length; i++) list[i + 1] = list[i]! + sizes[i]!
  return list
}

function lastAtMost(sorted: Float64Array, value: number): number {
  let low = 0
  let high = sorted.length
  while (high - low > 1) {
    const middle = (low + high) >>> 1
    if (sorted[middle]! <= value) low = middle
    else high = middle
  }
  return low
}

function bytesOf(list: readonly ArrayBuffer[]): Uint8Array | undefined {
  return list[0] && new Uint8Array(list[0])
}

function ofBytes(bytes: Uint8Array): (Uint8Array | undefined)[] {
  const module = parse(bytes)
  return [SECTION, 'name'].map((name) => customSections(module, name)[0])
}

/** The section, whole. */
export function writeFacts(out: Writer, layout: Layout): void {
  const contents = new Writer().name(SECTION).byte(VERSION).name(layout.id).name(layout.note)
  contents
    .u32(layout.tableBase + 1)
    .byte(layout.memory ? 1 : 0)
    .u32(layout.imported)
  contents.u32(layout.first).u32(layout.firstNow).u32(layout.sizes.length)
  for (const size of layout.sizes) contents.u32(size)
  contents.u32(layout.targets.length)
  for (const { index, code, dispatcher, copy, moves } of layout.targets) {
    contents.u32(index).u32(code).u32(dispatcher).u32(copy).u32(moves.length)
    for (const { now, before } of moves) contents.u32(now).u32(before)
  }
  out.section(CUSTOM, contents)
}

function readLayout(reader: Reader): Layout {
  const version = reader.byte()
  if (version !== VERSION) reader.unsupported(`a section vmalloc of version ${version}, expected ${VERSION}`, 0)
  return {
    id: reader.name(),
    note: reader.name(),
    tableBase: reader.u32() - 1,
    memory: reader.byte() === 1,
    imported: reader.u32(),
    first: reader.u32(),
    firstNow: reader.u32(),
    sizes: list(reader, () => reader.u32()),
    targets: list(reader, () => ({
      index: reader.u32(),
      code: reader.u32(),
      dispatcher: reader.u32(),
      copy: reader.u32(),
      moves: list(reader, () => ({ now: reader.u32(), before: reader.u32() })),
    })),
  }
}

function list<T>(reader: Reader, read: () => T): T[] {
  const items: T[] = []
  for (let count = reader.u32(); count > 0; count--) items.push(read())
  return items
}
