/**
 * survey: what is to be known of every function of a module, learnt in one walk over its code.
 *
 *   function   size, shape, marks        what kinds of instructions it has that allocators have too
 *              callees, callers          direct ones; `open` are those that anybody may call: exported, in a table, the start
 *              numbers                   its constants and its offsets of loads and stores from 512 on: what may be an address
 *
 * The walk costs some 100 MB of code a second, and as many bytes again as the module has at the most.
 */
import { bodyOf, ELEMENT, type FuncType, GLOBAL, type Module, typeOf } from './binary.ts'
import {
  CALL,
  Code,
  GLOBAL_SET,
  I32_ADD,
  I32_AND,
  I32_CONST,
  I32_SUB,
  MEMORY_GROW,
  REF_FUNC,
  RETURN_CALL,
} from './code.ts'
import { Reader } from './reader.ts'
import { shapeOf } from './roles.ts'

/** A constant -64 or -65: no request may be as large. */
export const LARGEST = 1
/** 244 or 245: the largest small request where addresses are multiples of 8; 236 or 237 where they are of 16. */
export const SMALL_BY_8 = 2
export const SMALL_BY_16 = 4
/** Takes 4 or 8 off. */
export const MINUS = 8
/** Takes the size out of a head, and the two lowest bits. */
export const MASKS_SIZE = 32
export const MASKS_LOW = 64
export const GROWS = 128
export const SETS_GLOBAL = 256
/** 71 and 110, which emmalloc's buckets are numbered with. */
export const IS_71 = 512
export const IS_110 = 1024

/** Nothing lies below: address 0 and its neighbours stay free. */
export const LOWEST = 512

export interface Survey {
  readonly module: Module
  readonly imported: number
  /** Functions, imported ones too. */
  readonly count: number
  shape(index: number): string
  /** Bytes; 0 for an imported one. */
  size(index: number): number
  marks(index: number): number
  /** Each once. */
  callees(index: number): readonly number[]
  callers(index: number): readonly number[]
  /** Has a number from `from` up to `to`. */
  mentions(index: number, from: number, to: number): boolean
  /** May be called by others than its callers. */
  isOpen(index: number): boolean
}

/** Throws Unreadable. */
export function survey(module: Module): Survey {
  for (const type of module.types) checkType(module, type)
  const count = module.functions.length
  const shapes = module.types.map(shapeOf)
  const marks = new Uint16Array(count)
  const callees: number[][] = []
  const numbers = new Numbers()
  const starts = new Int32Array(count + 1)
  const open = openFunctions(module)
  for (let index = 0; index < count; index++) {
    typeOf(module, index)
    starts[index] = numbers.length
    callees.push(index < module.imported ? [] : read(module, index, marks, numbers, open))
  }
  starts[count] = numbers.length
  const callers: number[][] = callees.map(() => [])
  callees.forEach((targets, index) => {
    for (const target of targets) callers[target]!.push(index)
  })
  return {
    module,
    imported: module.imported,
    count,
    shape: (index) => shapes[module.functions[index]!]!,
    size: (index) => sizeOf(module, index),
    marks: (index) => marks[index]!,
    callees: (index) => callees[index]!,
    callers: (index) => callers[index]!,
    mentions: (index, from, to) => numbers.hasBetween(starts[index]!, starts[index + 1]!, from, to),
    isOpen: (index) => open.has(index),
  }
}

/** Engines have this bound, too. */
const MOST_VALUES = 1000

function checkType({ bytes }: Module, { params, results }: FuncType): void {
  const most = Math.max(params.length, results.length)
  if (most > MOST_VALUES) new Reader(bytes).malformed(`a type of ${most} values`)
}

function sizeOf(module: Module, index: number): number {
  const body = bodyOf(module, index)
  return body === undefined ? 0 : body.end - body.locals
}

function read(module: Module, index: number, marks: Uint16Array, numbers: Numbers, open: Set<number>): number[] {
  const code = new Code(module.bytes, bodyOf(module, index)!)
  const called = new Set<number>()
  let mark = 0
  let constant = 0 // the constant right before, else 0
  while (code.next()) {
    const op = code.op
    if (op === I32_CONST) {
      constant = code.a
      mark |= markOf(constant)
      if (constant >>> 0 >= LOWEST) numbers.push(constant)
      continue
    }
    if (op >= 0x28 && op <= 0x3e) {
      if (code.a >= LOWEST) numbers.push(code.a)
    } else if (op === CALL || op === RETURN_CALL) {
      if (code.a >= module.functions.length)
        code.malformed(`function ${code.a} is called, and there is none`, code.start)
      called.add(code.a)
    } else if (op === I32_ADD || op === I32_SUB || op === I32_AND) mark |= markOfPair(op, constant)
    else if (op === MEMORY_GROW) mark |= GROWS
    else if (op === GLOBAL_SET) mark |= SETS_GLOBAL
    else if (op === REF_FUNC) open.add(code.a)
    constant = 0
  }
  marks[index] = mark
  return [...called]
}

function markOf(constant: number): number {
  switch (constant) {
    case -64:
    case -65:
      return LARGEST
    case 244:
    case 245:
      return SMALL_BY_8
    case 236:
    case 237:
      return SMALL_BY_16
    case 71:
      return IS_71
    case 110:
      return IS_110
    default:
      return 0
  }
}

function markOfPair(op: number, constant: number): number {
  if (op === I32_AND) return constant === -8 ? MASKS_SIZE : constant === 3 ? MASKS_LOW : 0
  const less = op === I32_SUB ? constant : -constant
  return less === 4 || less === 8 ? MINUS : 0
}

/** Exported, the start, named by an element or by a global; those that code names come as code is read. */
function openFunctions(module: Module): Set<number> {
  const open = new Set<number>()
  for (const { kind, index } of module.exports) if (kind === 'function') open.add(index)
  if (module.start !== undefined) open.add(module.start)
  for (const section of module.sections) {
    if (section.id === ELEMENT) readElements(new Reader(module.bytes, section.from, section.end), open)
  }
  const globals = module.sections.find((section) => section.id === GLOBAL)
  for (const { imported, init } of module.globals) {
    if (!imported && globals !== undefined) readExpression(new Reader(module.bytes, init, globals.end), open)
  }
  return open
}

function readElements(reader: Reader, open: Set<number>): void {
  for (let count = reader.u32(); count > 0; count--) {
    const flags = reader.u32()
    if (flags > 7) reader.unsupported(`an element with the flags ${flags}`)
    const isActive = (flags & 1) === 0
    const isNamed = (flags & 2) !== 0
    const isExpressions = (flags & 4) !== 0
    if (isActive && isNamed) reader.u32()
    if (isActive) readExpression(reader, open)
    if (!isActive || isNamed) reader.byte()
    for (let length = reader.u32(); length > 0; length--) {
      if (isExpressions) readExpression(reader, open)
      else open.add(reader.u32())
    }
  }
}

function readExpression(reader: Reader, open: Set<number>): void {
  const code = new Code(reader.bytes, { code: reader.at, end: reader.end })
  while (code.next()) {
    if (code.op === REF_FUNC) open.add(code.a)
    if (code.op !== 0x0b) continue
    reader.at = code.at
    return
  }
  reader.malformed('a constant without an end')
}

/** Numbers of 32 bits, one after the other. */
class Numbers {
  private all = new Uint32Array(1 << 12)
  length = 0

  push(number: number): void {
    if (this.length === this.all.length) {
      const more = new Uint32Array(this.length * 2)
      more.set(this.all)
      this.all = more
    }
    this.all[this.length++] = number
  }

  hasBetween(start: number, end: number, from: number, to: number): boolean {
    for (let i = start; i < end; i++) {
      const number = this.all[i]!
      if (number >= from && number < to) return true
    }
    return false
  }
}
