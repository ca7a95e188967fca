/**
 * rewrite: makes functions of a compiled module replaceable from outside, and leaves every number in it as it was.
 *
 *   before    | imports | .. malloc .. free .. |
 *   after     | imports | .. MALLOC .. FREE .. | malloc | free |       globals .. + slot     table 0 + 2
 *
 *   MALLOC    global.get slot
 *             if  parameters  slot + (k - 1)  call_indirect table 0  return  end     k = 0 for the first target, 1, ...
 *             parameters  call copy
 *
 * Functions are numbered with the imports first, so a module that imported one function more would have all others
 * renumbered: in calls, tables, exports, names, in sections that nobody here knows. Instead the body of a target is copied
 * to the end as a new function, and its own place gets a dispatcher, which exports, tables and calls reach as ever. `slot` is 0
 * at first: whatever runs before somebody outside is ready, a start function too, runs on the copies. Then the outside puts
 * functions into the reserved slots of the table (helper.ts) and sets `slot` to the first one + 1; 0 switches off again.
 * Inside of the copies, calls among targets go to the copies: the original realloc uses the original malloc.
 *
 *   L1  every section stands where it stood; all but function, table, global, export, code and name are the same bytes
 *   L2  those have more at their end than before, and else: raised limits of table 0, and dispatchers instead of targets
 *   L3  a module that was valid stays valid
 *
 * O(n) for n bytes, of which only the bodies of targets are decoded; the others are copied. A call through an idle dispatcher
 * costs a few nanoseconds, and nothing where the engine inlines it.
 */
import {
  bodyOf,
  CODE,
  CUSTOM,
  customSections,
  EXPORT,
  FUNCTION,
  GLOBAL,
  I32,
  type Module,
  ORDER,
  TABLE,
  typeOf,
} from './binary.ts'
import {
  type Body,
  CALL,
  CALL_INDIRECT,
  Code,
  END,
  GLOBAL_GET,
  I32_ADD,
  I32_CONST,
  IF,
  LOCAL_GET,
  REF_FUNC,
  RETURN,
  RETURN_CALL,
} from './code.ts'
import {
  copyName,
  type Facts,
  factsFrom,
  HIDDEN_MEMORY,
  HIDDEN_SLOT,
  HIDDEN_TABLE,
  type Layout,
  type Move,
  PREFIX,
  SECTION,
  writeFacts,
} from './facts.ts'
import { functionNames, nameSection } from './name-section.ts'
import { Reader, Unreadable } from './reader.ts'
import { Writer, widthOf } from './writer.ts'

export interface RewriteOptions {
  /** What stack traces call the module: `at id.malloc (wasm://wasm/id-0123abcd:wasm-function[7]:0x1f3)`. */
  readonly id: string
  /** Names for functions that the name section does not name; they go before those of exports and imports. */
  readonly names?: ReadonlyMap<number, string>
  /** Anything that `factsOf` is to give back. */
  readonly note?: string
}

export interface Rewritten extends Facts {
  readonly bytes: Uint8Array<ArrayBuffer>
}

/** Of a module: magic and version. */
const HEADER = 8

// the type of a block without results, the type of tables of functions, flags
const VOID = 0x40
const FUNCREF = 0x70
const HAS_MAX = 1
const MUTABLE = 1

// kinds of exports
const A_FUNCTION = 0
const A_TABLE = 1
const A_MEMORY = 2
const A_GLOBAL = 3

/** What engines accept. */
const MOST_FUNCTIONS = 1_000_000
const MOST_ELEMENTS = 10_000_000

/**
 * The module with these of its functions replaceable; with none of them it only gets names and facts. Throws `Unreadable` of
 * the kind `unsupported`, with the reason, where that cannot be done: the module is to stay as it is.
 */
export function rewrite(module: Module, targets: readonly number[], options: RewriteOptions): Rewritten {
  refuse(module, targets)
  const made = targets.map((index, slot) => madeOf(module, targets, index, slot))
  const names = functionNames(module, options.names)
  for (const { index, copy } of made) names.set(copy, `${names.get(index) ?? `wasm-function[${index}]`}.original`)
  const out = new Writer().bytes(module.bytes.subarray(0, HEADER))
  const codeEnd = writeSections(out, module, changedSections(module, made), nameSection(module, options.id, names))
  const layout = layoutOf(module, made, options, codeEnd)
  writeFacts(out, layout)
  return { ...factsFrom(layout, () => names), bytes: out.finish() }
}

function refuse(module: Module, targets: readonly number[]): void {
  const no = (why: string) => {
    throw new Unreadable('unsupported', why, 0)
  }
  if (customSections(module, SECTION).length > 0) no('a module that is rewritten already')
  if (module.exports.some(({ name }) => name.startsWith(PREFIX))) no(`an export whose name begins with ${PREFIX}`)
  if (module.memories.some(({ long }) => long)) no('a memory with addresses of 64 bits')
  if (module.tables.some(({ long }) => long)) no('a table with indices of 64 bits')
  if (new Set(targets).size < targets.length) no('a target that is named twice')
  for (const index of targets) {
    if (index < module.imported) no(`the target ${index}, which is imported`)
    if (bodyOf(module, index) === undefined) no(`the target ${index}, with ${module.functions.length} functions`)
    typeOf(module, index)
  }
  if (module.functions.length + targets.length > MOST_FUNCTIONS) no(`more than ${MOST_FUNCTIONS} functions`)
  const table = module.tables[0]
  if (table === undefined) return
  if (table.type !== FUNCREF) no(`a first table that has no functions but the type 0x${table.type.toString(16)}`)
  if (table.min + targets.length > MOST_ELEMENTS) no(`a table with more than ${MOST_ELEMENTS} elements`)
}

// what becomes of a target: its new bodies, with their sizes before them

interface Made {
  readonly index: number
  readonly type: number
  readonly body: Body
  readonly dispatcher: Writer
  /** The function that is its copy. */
  readonly copy: number
  readonly copied: Writer
  readonly moves: readonly Move[]
}

function madeOf(module: Module, targets: readonly number[], index: number, slot: number): Made {
  const copy = module.functions.length + slot
  const type = module.functions[index]!
  const body = bodyOf(module, index)!
  return {
    index,
    type,
    body,
    copy,
    dispatcher: dispatcher(module, index, slot, copy),
    ...copied(module, targets, body),
  }
}

function dispatcher(module: Module, index: number, slot: number, copy: number): Writer {
  const { params } = typeOf(module, index)
  const slotGlobal = module.globals.length
  const parameters = (out: Writer) => {
    for (const local of params.keys()) out.byte(LOCAL_GET).u32(local)
  }
  const out = new Writer().u32(0)
  out.byte(GLOBAL_GET).u32(slotGlobal).byte(IF, VOID)
  parameters(out)
  out
    .byte(GLOBAL_GET)
    .u32(slotGlobal)
    .byte(I32_CONST)
    .i32(slot - 1)
    .byte(I32_ADD)
  out.byte(CALL_INDIRECT).u32(module.functions[index]!).u32(0).byte(RETURN, END)
  parameters(out)
  out.byte(CALL).u32(copy).byte(END)
  return new Writer().sized(out)
}

/** A body in which calls of targets have become calls of their copies; only where numbers get longer does anything move. */
function copied(module: Module, targets: readonly number[], body: Body): Pick<Made, 'copied' | 'moves'> {
  const { bytes } = module
  const inside = new Writer()
  const moves: Move[] = [{ now: 0, before: body.locals - body.start }]
  let from = body.locals
  const code = new Code(bytes, body)
  while (code.next()) {
    if (code.op !== CALL && code.op !== RETURN_CALL && code.op !== REF_FUNC) continue
    const slot = targets.indexOf(code.a)
    if (slot < 0) continue
    const copy = module.functions.length + slot
    const width = code.at - code.operand
    inside.bytes(bytes.subarray(from, code.operand)).u32(copy, width)
    from = code.at
    if (widthOf(copy) > width) moves.push({ now: inside.length, before: from - body.start })
  }
  inside.bytes(bytes.subarray(from, body.end))
  const size = widthOf(inside.length)
  return {
    copied: new Writer().sized(inside),
    moves: moves.map(({ now, before }) => ({ now: now + size, before })),
  }
}

function layoutOf(module: Module, made: readonly Made[], options: RewriteOptions, codeEnd: number): Layout {
  const table = module.tables[0]
  const first = module.bodies[0]?.start ?? 0
  const grown = made.map(({ body, dispatcher, copied }) => dispatcher.length + copied.length - (body.end - body.start))
  return {
    id: options.id,
    note: options.note ?? '',
    tableBase: table === undefined ? 0 : table.imported ? -1 : table.min,
    memory: module.memories.length > 0,
    imported: module.imported,
    first,
    firstNow: grown.reduce((at, more) => at - more, codeEnd - ((module.bodies.at(-1)?.end ?? 0) - first)),
    sizes: module.bodies.map(({ start, end }) => end - start),
    targets: made.map(({ index, body, dispatcher, copied, moves }) => ({
      index,
      code: body.code - body.start,
      dispatcher: dispatcher.length,
      copy: copied.length,
      moves,
    })),
  }
}

// sections: contents of those that change

function changedSections(module: Module, made: readonly Made[]): Map<number, Writer> {
  const changed = new Map<number, Writer>()
  if (made.length === 0) return changed
  const types = new Writer()
  for (const { type } of made) types.u32(type)
  changed.set(FUNCTION, extended(module, FUNCTION, made.length, types))
  if (module.tables[0]?.imported !== true) changed.set(TABLE, raisedTable(module, made.length))
  changed.set(GLOBAL, extended(module, GLOBAL, 1, new Writer().byte(I32, MUTABLE, I32_CONST).i32(0).byte(END)))
  changed.set(EXPORT, withHiddenExports(module, made))
  return changed.set(CODE, newCode(module, made))
}

/** A section's entries, as they are, and more behind them. */
function extended(module: Module, id: number, count: number, more: Writer): Writer {
  const { reader, end } = entries(module, id)
  const out = new Writer().u32(reader.u32() + count)
  return out.bytes(module.bytes.subarray(reader.at, end)).append(more)
}

/** At the beginning of a section's contents; where it is missing, of an empty list. */
function entries(module: Module, id: number): { reader: Reader; end: number } {
  const section = module.sections.find((section) => section.id === id)
  if (section === undefined) return { reader: new Reader(Uint8Array.of(0)), end: 0 }
  return { reader: new Reader(module.bytes, section.from, section.end), end: section.end }
}

/** Table 0, which the module defines or has not, with room for some more. */
function raisedTable(module: Module, count: number): Writer {
  const table = module.tables[0]
  if (table === undefined) return new Writer().u32(1).byte(FUNCREF, HAS_MAX).u32(count).u32(count)
  const { reader, end } = entries(module, TABLE)
  const out = new Writer().u32(reader.u32()).byte(reader.byte(), reader.byte())
  out.u32(reader.u32() + count)
  if (table.max !== undefined) out.u32(Math.min(reader.u32() + count, 2 ** 32 - 1))
  return out.bytes(module.bytes.subarray(reader.at, end))
}

function withHiddenExports(module: Module, made: readonly Made[]): Writer {
  const more = new Writer()
  for (const [slot, { copy }] of made.entries()) more.name(copyName(slot)).byte(A_FUNCTION).u32(copy)
  more.name(HIDDEN_SLOT).byte(A_GLOBAL).u32(module.globals.length)
  more.name(HIDDEN_TABLE).byte(A_TABLE).u32(0)
  const hasMemory = module.memories.length > 0
  if (hasMemory) more.name(HIDDEN_MEMORY).byte(A_MEMORY).u32(0)
  return extended(module, EXPORT, made.length + (hasMemory ? 3 : 2), more)
}

/** All bodies with dispatchers in the place of targets, and the copies. */
function newCode(module: Module, made: readonly Made[]): Writer {
  const { bytes, bodies } = module
  const out = new Writer().u32(bodies.length + made.length)
  let from = bodies[0]!.start
  for (const { body, dispatcher } of [...made].sort((a, b) => a.index - b.index)) {
    out.bytes(bytes.subarray(from, body.start)).append(dispatcher)
    from = body.end
  }
  out.bytes(bytes.subarray(from, bodies.at(-1)!.end))
  for (const { copied } of made) out.append(copied)
  return out
}

// the module, put together

/** Writes all sections, the changed ones instead of or between those that are there; where the code section ends now. */
function writeSections(out: Writer, module: Module, changed: Map<number, Writer>, names: Writer): number {
  let codeEnd = 0
  let named = false
  for (const { id, name, start, end } of module.sections) {
    if (id === CUSTOM && name === 'name') {
      if (!named) out.section(CUSTOM, names)
      named = true
      continue
    }
    if (id !== CUSTOM) writeMissing(out, changed, ORDER.indexOf(id))
    const contents = changed.get(id)
    changed.delete(id)
    if (contents === undefined) out.bytes(module.bytes.subarray(start, end))
    else out.section(id, contents)
    if (id === CODE) codeEnd = out.length
  }
  if (!named) out.section(CUSTOM, names)
  return codeEnd
}

/** Those that the module has not, and that have to stand before a section of this place in the order. */
function writeMissing(out: Writer, changed: Map<number, Writer>, place: number): void {
  for (const id of ORDER.slice(0, place)) {
    const contents = changed.get(id)
    if (contents !== undefined) out.section(id, contents)
    changed.delete(id)
  }
}
