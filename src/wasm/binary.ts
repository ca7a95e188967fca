/**
 * binary: what a WebAssembly module is made of, and where in its bytes each part lies.
 *
 *   module    | \0asm | 1 | section | section | ...           sections 1 to 13 in their order, custom ones (0) anywhere
 *   section   | id | size | contents |
 *   code      | count | body | body | ...                     one for each function that the module defines
 *   body      | size | locals | instructions ... end |
 *
 * Functions, tables, memories, globals are numbered with those imported first, so function `f` of the module has the body
 * bodies[f - imported.functions]. Bodies are not read here but found: code.ts reads them. A module with types that this
 * program does not know is `unsupported`; the rest of its sections need not be known.
 */
import { type Body, Code, END, isValueType } from './code.ts'
import { Reader } from './reader.ts'

export const I32 = 0x7f
export const I64 = 0x7e

// sections
export const CUSTOM = 0
export const TYPE = 1
export const IMPORT = 2
export const FUNCTION = 3
export const TABLE = 4
export const MEMORY = 5
export const GLOBAL = 6
export const EXPORT = 7
export const START = 8
export const ELEMENT = 9
export const CODE = 10
export const DATA = 11
export const DATA_COUNT = 12
export const TAG = 13

export type Kind = 'function' | 'table' | 'memory' | 'global' | 'tag'
const KINDS: readonly Kind[] = ['function', 'table', 'memory', 'global', 'tag']

export interface Section {
  readonly id: number
  /** Of a custom section, else ''. */
  readonly name: string
  /** The byte of its id, the first one of its contents (behind the name of a custom section), the first one behind it. */
  readonly start: number
  readonly from: number
  readonly end: number
}

/** Value types as their bytes. */
export interface FuncType {
  readonly params: readonly number[]
  readonly results: readonly number[]
}

export interface Limits {
  readonly min: number
  readonly max: number | undefined
  readonly shared: boolean
  /** Addresses or indices have 64 bits. */
  readonly long: boolean
}

export interface Import {
  readonly module: string
  readonly name: string
  readonly kind: Kind
  /** Of a function: its type. */
  readonly type: number
}

export interface Export {
  readonly name: string
  readonly kind: Kind
  readonly index: number
}

export interface Table extends Limits {
  readonly imported: boolean
  /** The byte of the element type. */
  readonly type: number
}

export interface Memory extends Limits {
  readonly imported: boolean
}

export interface Global {
  readonly imported: boolean
  readonly type: number
  readonly mutable: boolean
  /** The first byte of what it begins with; 0 where it is imported. */
  readonly init: number
}

export interface Module {
  readonly bytes: Uint8Array
  readonly sections: readonly Section[]
  readonly types: readonly FuncType[]
  readonly imports: readonly Import[]
  /** The type of each function, imported ones first. */
  readonly functions: readonly number[]
  readonly tables: readonly Table[]
  readonly memories: readonly Memory[]
  readonly globals: readonly Global[]
  readonly exports: readonly Export[]
  readonly start: number | undefined
  readonly bodies: readonly Body[]
  /** How many functions are imported. */
  readonly imported: number
  /** What the name section calls the module, and its functions. */
  readonly name: string
  readonly names: ReadonlyMap<number, string>
}

type Draft = { -readonly [K in keyof Module]: Module[K] extends readonly (infer T)[] ? T[] : Module[K] }

/** Reads a module. Throws `Unreadable` for what is none, or none that this program knows. */
export function parse(bytes: Uint8Array): Module {
  const draft: Draft = {
    bytes,
    sections: sectionsOf(bytes),
    types: [],
    imports: [],
    functions: [],
    tables: [],
    memories: [],
    globals: [],
    exports: [],
    start: undefined,
    bodies: [],
    imported: 0,
    name: '',
    names: new Map(),
  }
  for (const section of draft.sections) {
    const reader = new Reader(bytes, section.from, section.end)
    parts[section.id]?.(draft, reader)
    const isWhole = section.id === CUSTOM || parts[section.id] === undefined || reader.done
    if (!isWhole) reader.malformed(`section ${section.id} is longer than its contents`)
    if (section.id === CUSTOM && section.name === 'name') readNames(draft, reader)
  }
  if (draft.functions.length - draft.imported !== draft.bodies.length) {
    const found = draft.functions.length - draft.imported
    new Reader(bytes).malformed(`${found} functions with ${draft.bodies.length} bodies`, bytes.length)
  }
  return draft
}

/** The type of a function. */
export function typeOf(module: Module, index: number): FuncType {
  const type = module.types[module.functions[index]!]
  return type ?? new Reader(module.bytes).malformed(`function ${index} has no type`)
}

/** The body of a function; undefined for one that is imported. */
export function bodyOf(module: Module, index: number): Body | undefined {
  return module.bodies[index - module.imported]
}

/** Contents of the custom sections of a name. */
export function customSections(module: Module, name: string): Uint8Array[] {
  return module.sections
    .filter((section) => section.id === CUSTOM && section.name === name)
    .map((section) => module.bytes.subarray(section.from, section.end))
}

/** Sections come in this order. */
export const ORDER: readonly number[] = [
  TYPE,
  IMPORT,
  FUNCTION,
  TABLE,
  MEMORY,
  TAG,
  GLOBAL,
  EXPORT,
  START,
  ELEMENT,
  DATA_COUNT,
  CODE,
  DATA,
]

function sectionsOf(bytes: Uint8Array): Section[] {
  const reader = new Reader(bytes)
  const magic = [0x00, 0x61, 0x73, 0x6d]
  if (!magic.every((byte) => reader.peek() === byte && reader.at++ >= 0)) reader.malformed('no WebAssembly module', 0)
  const version = reader.byte() | (reader.byte() << 8) | (reader.byte() << 16) | (reader.byte() << 24)
  if (version !== 1) reader.unsupported(`version ${version >>> 0}, which is not that of a module`, 4)
  const sections: Section[] = []
  let last = -1
  while (!reader.done) {
    const start = reader.at
    const id = reader.byte()
    const size = reader.u32()
    const from = reader.at
    reader.skip(size)
    const end = reader.at
    if (id === CUSTOM) {
      const contents = new Reader(bytes, from, end)
      const name = contents.name()
      sections.push({ id, name, start, from: contents.at, end })
      continue
    }
    const place = ORDER.indexOf(id)
    if (place < 0) reader.unsupported(`the unknown section ${id}`, start)
    if (place <= last) reader.malformed(`section ${id} comes too late, or twice`, start)
    last = place
    sections.push({ id, name: '', start, from, end })
  }
  return sections
}

const parts: Record<number, (draft: Draft, reader: Reader) => void> = {
  [TYPE]: (draft, reader) => each(reader, () => draft.types.push(funcType(reader))),
  [IMPORT]: (draft, reader) => each(reader, () => readImport(draft, reader)),
  [FUNCTION]: (draft, reader) => each(reader, () => draft.functions.push(reader.u32())),
  [TABLE]: (draft, reader) => each(reader, () => draft.tables.push({ ...table(reader), imported: false })),
  [MEMORY]: (draft, reader) => each(reader, () => draft.memories.push({ ...limits(reader), imported: false })),
  [GLOBAL]: (draft, reader) => each(reader, () => readGlobal(draft, reader)),
  [EXPORT]: (draft, reader) =>
    each(reader, () => draft.exports.push({ name: reader.name(), kind: kind(reader), index: reader.u32() })),
  [START]: (draft, reader) => {
    draft.start = reader.u32()
  },
  [CODE]: (draft, reader) => each(reader, () => draft.bodies.push(body(reader))),
}

function each(reader: Reader, read: () => void): void {
  for (let count = reader.u32(); count > 0; count--) read()
}

function funcType(reader: Reader): FuncType {
  const form = reader.byte()
  if (form !== 0x60) reader.unsupported(`a type of the form 0x${form.toString(16)}`, reader.at - 1)
  return { params: valueTypes(reader), results: valueTypes(reader) }
}

function valueTypes(reader: Reader): number[] {
  const types: number[] = []
  each(reader, () => types.push(valueType(reader)))
  return types
}

function valueType(reader: Reader): number {
  const type = reader.byte()
  if (!isValueType(type)) reader.unsupported(`the type 0x${type.toString(16)}`, reader.at - 1)
  return type
}

function limits(reader: Reader): Limits {
  const flags = reader.byte()
  if (flags > 7) reader.unsupported(`limits with the flags ${flags}`, reader.at - 1)
  const long = (flags & 4) !== 0
  const count = () => (long ? longCount(reader) : reader.u32())
  const min = count()
  return { min, max: (flags & 1) === 0 ? undefined : count(), shared: (flags & 2) !== 0, long }
}

function longCount(reader: Reader): number {
  const from = reader.at
  reader.skipLong()
  let value = 0
  for (let at = reader.at - 1; at >= from; at--) value = value * 128 + (reader.bytes[at]! & 127)
  return value
}

function table(reader: Reader): Limits & { type: number } {
  if (reader.peek() === 0x40) reader.unsupported('a table that is filled when it is made')
  return { type: valueType(reader), ...limits(reader) }
}

function kind(reader: Reader): Kind {
  const byte = reader.byte()
  return KINDS[byte] ?? reader.malformed(`something of the kind ${byte}`, reader.at - 1)
}

function readImport(draft: Draft, reader: Reader): void {
  const module = reader.name()
  const name = reader.name()
  const what = kind(reader)
  let type = 0
  if (what === 'function') {
    type = reader.u32()
    draft.functions.push(type)
    draft.imported++
  } else if (what === 'table') draft.tables.push({ ...table(reader), imported: true })
  else if (what === 'memory') draft.memories.push({ ...limits(reader), imported: true })
  else if (what === 'global') {
    draft.globals.push({ imported: true, type: valueType(reader), mutable: reader.byte() === 1, init: 0 })
  } else {
    reader.byte()
    type = reader.u32()
  }
  draft.imports.push({ module, name, kind: what, type })
}

function readGlobal(draft: Draft, reader: Reader): void {
  const type = valueType(reader)
  const mutable = reader.byte() === 1
  draft.globals.push({ imported: false, type, mutable, init: reader.at })
  const code = new Code(reader.bytes, { code: reader.at, end: reader.end })
  while (code.next()) {
    if (code.op !== END) continue
    reader.at = code.at
    return
  }
  reader.malformed('a constant without an end')
}

function body(reader: Reader): Body {
  const start = reader.at
  const size = reader.u32()
  const locals = reader.at
  reader.skip(size)
  const inside = new Reader(reader.bytes, locals, reader.at)
  each(inside, () => {
    inside.u32()
    valueType(inside)
  })
  return { start, locals, code: inside.at, end: reader.at }
}

/** A name section that is broken names what it named before: engines do not look at it either. */
export function readNames(draft: { name: string; names: ReadonlyMap<number, string> }, reader: Reader): void {
  const names = new Map<number, string>()
  try {
    while (!reader.done) {
      const id = reader.byte()
      const size = reader.u32()
      const part = new Reader(reader.bytes, reader.at, reader.at + size)
      reader.skip(size)
      if (id === 0) draft.name = part.name()
      else if (id === 1) each(part, () => names.set(part.u32(), part.name()))
    }
  } catch (error) {
    if (!(error instanceof Error) || error.name !== 'Unreadable') throw error
  }
  draft.names = names
}
