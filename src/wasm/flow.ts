/**
 * flow: which fixed addresses a function loads from, stores to and hands on, as far as that can be read off its code.
 *
 *   i32.const 0          i32.const 79492      local.get i  i32.const 2  i32.shl      global.get 1     the module's place
 *   i32.load 79480       <any value>          i32.const 79784  i32.add              i32.const 15172  i32.add
 *                        i32.store            i32.load                              i32.load 16
 *   79480                79492                79784 and what follows               15188 from that place
 *
 * The code is gone through with a stack whose entries are the constants that may stand there, and locals likewise: where
 * paths meet, what any of them may have. It is gone through again for what loops bring back, three times at the most. In
 * modules that may be put anywhere, addresses count from their place (PLACED is added to them).
 *
 * A word at p - 4, for a p that is not known, is taken for the head of a block. At most 16 constants a local are kept.
 */
import { bodyOf, type Module, typeOf } from './binary.ts'
import {
  BLOCK,
  CALL,
  CALL_INDIRECT,
  Code,
  ELSE,
  END,
  GLOBAL_GET,
  GLOBAL_SET,
  I32_ADD,
  I32_AND,
  I32_CONST,
  I32_STORE,
  I32_SUB,
  I64_STORE32,
  IF,
  LOCAL_GET,
  LOCAL_SET,
  LOCAL_TEE,
  LOOP,
  MEMORY_GROW,
  MEMORY_SIZE,
  REF_FUNC,
  RETURN,
  RETURN_CALL,
  UNREACHABLE,
} from './code.ts'
import { Reader } from './reader.ts'
import { LOWEST } from './survey.ts'

/** Added to addresses that count from where the module was put. */
export const PLACED = 2 ** 33

export interface Flow {
  readonly loads: ReadonlySet<number>
  readonly stores: ReadonlySet<number>
  /** Addresses that calls are given. */
  readonly passed: ReadonlySet<number>
  /** Stores to fixed addresses, with the constant that is stored, where it is one. */
  readonly stored: readonly { readonly at: number; readonly value: number | undefined }[]
  /** Takes the size out of a head; its two lowest bits. */
  readonly takesSize: boolean
  readonly takesLow: boolean
  /** Stores of something else than 32 bits. */
  readonly hasOddStores: boolean
}

type Value = readonly number[]
const UNKNOWN: Value = []
const HEAD = -(2 ** 40) //        the head of a block
const BEFORE_4 = -(2 ** 41) //    4 before something: where its head is
const BEFORE_8 = -(2 ** 42) //    8 before something: where its chunk begins
const isKnown = (one: number) => one > HEAD
const MOST = 16
const PASSES = 3

/** Addresses that matter: locals are followed with those alone, which is much quicker in large functions. */
export interface Range {
  readonly from: number
  readonly to: number
}

const ALL: Range = { from: LOWEST, to: Infinity }
/** Only heads of blocks matter. */
export const HEADS: Range = { from: 0, to: 0 }

/** Throws Unreadable. */
export function flow(module: Module, index: number, range = ALL): Flow {
  const walk = new Walk(module, index, placeOf(module), range)
  for (let passes = 0; passes < PASSES; passes++) if (!walk.run()) break
  return walk
}

/** The global that says where the module was put; -1 where none does. */
export function placeOf(module: Module): number {
  const globals = module.imports.filter(({ kind }) => kind === 'global')
  return globals.findIndex(({ name }) => name === '__memory_base')
}

type Locals = Map<number, Value>

interface Frame {
  readonly op: number
  readonly height: number
  readonly results: number
  /** Of a loop: where its code begins. */
  readonly start: number
  /** What locals were where it begins; undefined where that is never reached. */
  readonly entry: Locals | undefined
  /** What they are where it is left. */
  exit: Locals | undefined
  hasElse: boolean
}

class Walk implements Flow {
  loads = new Set<number>()
  stores = new Set<number>()
  passed = new Set<number>()
  stored: { at: number; value: number | undefined }[] = []
  takesSize = false
  takesLow = false
  hasOddStores = false
  private readonly module: Module
  private readonly index: number
  private readonly place: number
  private readonly range: Range
  private readonly loops = new Map<number, Locals>()
  private isGrown = false
  private locals: Locals | undefined = new Map()
  private stack: Value[] = []
  private frames: Frame[] = []

  constructor(module: Module, index: number, place: number, range: Range) {
    this.module = module
    this.index = index
    this.place = place
    this.range = range
  }

  /** True where another run sees more. */
  run(): boolean {
    const body = bodyOf(this.module, this.index)
    if (body === undefined) return false
    this.stored = []
    this.isGrown = false
    this.locals = new Map()
    this.stack = []
    this.frames = [this.frame(END, 0, 0, 0)]
    const code = new Code(this.module.bytes, body)
    while (code.next()) this.step(code)
    return this.isGrown
  }

  private frame(op: number, height: number, results: number, start: number): Frame {
    const entry = this.locals === undefined ? undefined : new Map(this.locals)
    return { op, height, results, start, entry, exit: undefined, hasElse: false }
  }

  private step(code: Code): void {
    const op = code.op
    if (op >= 0x28 && op < I32_STORE) this.load(code)
    else if (op >= I32_STORE && op <= I64_STORE32) this.store(code)
    else if (op >= 0x45 && op <= 0xc4) this.compute(op)
    else if (op > 0xff) this.prefixed(op)
    else this.plain(code)
  }

  private plain(code: Code): void {
    switch (code.op) {
      case I32_CONST:
        this.push([code.a])
        break
      case LOCAL_GET:
        this.push(this.locals?.get(code.a) ?? UNKNOWN)
        break
      case LOCAL_SET:
        this.keep(code.a, this.pop())
        break
      case LOCAL_TEE: {
        const value = this.pop()
        this.keep(code.a, value)
        this.push(value)
        break
      }
      case GLOBAL_GET:
        this.push(code.a === this.place ? [PLACED] : UNKNOWN)
        break
      case 0x0d:
        this.pop()
        this.branch(code.a)
        break
      case GLOBAL_SET:
      case 0x1a:
        this.pop()
        break
      case MEMORY_GROW:
        this.pop()
        this.push(UNKNOWN)
        break
      case MEMORY_SIZE:
      case REF_FUNC:
      case 0x42:
      case 0x43:
      case 0x44:
      case 0xd0:
        this.push(UNKNOWN)
        break
      case 0x1b:
      case 0x1c:
        this.select()
        break
      case CALL:
      case RETURN_CALL:
        this.call(typeOf(this.module, code.a))
        break
      case CALL_INDIRECT:
      case 0x13:
        this.pop()
        this.call(this.module.types[code.a] ?? code.malformed(`type ${code.a}, and there is none`, code.start))
        break
      case BLOCK:
      case LOOP:
      case IF:
      case 0x06:
      case 0x1f:
        this.enter(code)
        break
      case ELSE:
      case 0x07:
      case 0x19:
        this.alternate()
        break
      case END:
        this.leave()
        break
      case 0x0c:
        this.branch(code.a)
        this.die()
        break
      case 0x0e:
        this.branchAny(code)
        this.die()
        break
      case RETURN:
      case UNREACHABLE:
        this.die()
        break
      default:
        this.cut(this.frames.at(-1)?.height ?? 0) // what throws, or handles tables
    }
  }

  private branch(depth: number): void {
    const frame = this.frames[this.frames.length - 1 - depth]
    if (frame === undefined || this.locals === undefined) return
    if (frame.op !== LOOP) frame.exit = this.join(frame.exit, this.locals)
    else {
      const known = this.loops.get(frame.start)
      const size = sizeOf(known)
      const joined = this.join(known, this.locals)
      this.loops.set(frame.start, joined)
      if (sizeOf(joined) > size) this.isGrown = true
    }
  }

  private branchAny(code: Code): void {
    const labels = new Reader(code.bytes, code.operand, code.end)
    this.pop()
    const depths = new Set<number>()
    for (let count = labels.u32() + 1; count > 0; count--) depths.add(labels.u32())
    for (const depth of depths) this.branch(depth)
  }

  private die(): void {
    this.cut(this.frames.at(-1)?.height ?? 0)
    this.locals = undefined
  }

  /** The other way: else, catch. */
  private alternate(): void {
    const frame = this.frames.at(-1)
    if (frame === undefined) return
    this.cut(frame.height)
    if (this.locals !== undefined) frame.exit = this.join(frame.exit, this.locals)
    frame.hasElse = true
    this.locals = frame.entry === undefined ? undefined : new Map(frame.entry)
  }

  private join(one: Locals | undefined, other: Locals): Locals {
    if (one === undefined) return new Map(other)
    for (const [local, value] of other) one.set(local, union(one.get(local) ?? UNKNOWN, value))
    return one
  }

  private push(value: Value): void {
    this.stack.push(value)
  }

  private pop(): Value {
    const height = this.frames.at(-1)?.height ?? 0
    return this.stack.length > height ? this.stack.pop()! : UNKNOWN
  }

  private cut(height: number): void {
    if (this.stack.length > height) this.stack.length = height
  }

  /** Small numbers need not be kept: only addresses matter, and what is near a block. */
  private keep(local: number, value: Value): void {
    if (this.locals === undefined) return
    if (value.some((one) => this.matters(one))) {
      this.locals.set(
        local,
        value.filter((one) => this.matters(one)),
      )
    } else if (this.locals.size > 0) this.locals.delete(local)
  }

  private matters(one: number): boolean {
    return !isKnown(one) || one === PLACED || (one >= this.range.from && one < this.range.to)
  }

  private select(): void {
    this.pop()
    const other = this.pop()
    this.push(union(this.pop(), other))
  }

  private call(type: { params: readonly number[]; results: readonly number[] }): void {
    for (let i = 0; i < type.params.length; i++) for (const one of this.pop()) this.passed.add(one)
    for (let i = 0; i < type.results.length; i++) this.push(UNKNOWN)
  }

  private enter(code: Code): void {
    if (code.op === IF) this.pop()
    const [params, results] = this.blockType(code)
    const height = Math.max(this.stack.length - params, this.frames.at(-1)?.height ?? 0)
    const returning = code.op === LOOP ? this.loops.get(code.start) : undefined
    if (returning !== undefined && this.locals !== undefined) this.join(this.locals, returning)
    this.frames.push(this.frame(code.op, height, results, code.start))
  }

  private blockType(code: Code): [number, number] {
    const byte = code.bytes[code.operand]!
    if (byte === 0x40) return [0, 0]
    if (byte >= 0x40 && byte < 0x80) return [0, 1]
    const type = this.module.types[new Reader(code.bytes, code.operand, code.end).u32()]
    return type === undefined ? [0, 0] : [type.params.length, type.results.length]
  }

  private leave(): void {
    const frame = this.frames.pop()
    if (frame === undefined) return
    const top = this.stack.length > frame.height ? this.stack.at(-1)! : UNKNOWN
    this.cut(frame.height)
    for (let i = 0; i < frame.results; i++) this.push(frame.results === 1 ? top : UNKNOWN)
    const isSkipped = frame.op === IF && !frame.hasElse
    for (const exit of [frame.exit, isSkipped ? frame.entry : undefined]) {
      if (exit !== undefined) this.locals = this.join(this.locals, exit)
    }
  }

  private load(code: Code): void {
    const from = this.pop()
    const at = this.addresses(from, code.a)
    for (const one of at) this.loads.add(one)
    const isHead = (code.a === 0 && from.includes(BEFORE_4)) || (code.a === 4 && from.includes(BEFORE_8))
    this.push(isHead ? [HEAD] : UNKNOWN)
  }

  private store(code: Code): void {
    if (code.op !== I32_STORE) this.hasOddStores = true
    const value = this.pop()
    for (const at of this.addresses(this.pop(), code.a)) {
      this.stores.add(at)
      this.stored.push({ at, value: value.length === 1 ? value[0] : undefined })
    }
  }

  private addresses(base: Value, offset: number): number[] {
    const known = base.filter((one) => one >= 0).map((one) => one + offset)
    const fixed = this.place < 0 ? known : known.filter((one) => one >= PLACED)
    const isArray = this.place < 0 && known.length === 0 && offset >= LOWEST
    return isArray ? [offset] : fixed.filter((one) => one >= LOWEST)
  }

  private compute(op: number): void {
    if (isUnary(op)) {
      this.pop()
      this.push(UNKNOWN)
      return
    }
    const right = this.pop()
    const left = this.pop()
    if (op === I32_ADD) this.push(sum(left, right))
    else if (op === I32_SUB) this.push(difference(left, right))
    else if (op === I32_AND) {
      this.mask(left, right)
      this.push(UNKNOWN)
    } else this.push(UNKNOWN)
  }

  private mask(left: Value, right: Value): void {
    if (!left.includes(HEAD)) return
    if (isOnly(right, -8)) this.takesSize = true
    else if (isOnly(right, 3)) this.takesLow = true
  }

  private prefixed(op: number): void {
    if (op >= 0xfc00 && op <= 0xfc07) this.push(this.pop())
    else if (op === 0xfc08 || op === 0xfc0a || op === 0xfc0b) for (let i = 0; i < 3; i++) this.pop()
    else if (op !== 0xfc09) {
      this.hasOddStores = true
      this.cut(this.frames.at(-1)?.height ?? 0) // vectors and atomics: their addresses are not followed
    }
  }
}

function isOnly(value: Value, number: number): boolean {
  return value.length === 1 && value[0] === number
}

function union(left: Value, right: Value): Value {
  return left.length === 0 ? right : right.length === 0 ? left : [...new Set([...left, ...right])].slice(0, MOST)
}

function sizeOf(locals: Locals | undefined): number {
  let size = 0
  for (const value of locals?.values() ?? []) size += value.length
  return size
}

/** Of something unknown and an address: behind that address. */
function sum(left: Value, right: Value): Value {
  const ones = left.filter(isKnown)
  const others = right.filter(isKnown)
  if (ones.length > 0 && others.length > 0)
    return ones.flatMap((one) => others.map((other) => plus(one, other))).slice(0, MOST)
  const known = ones.length === 0 ? others : ones
  return isOnly(known, -4) ? [BEFORE_4] : isOnly(known, -8) ? [BEFORE_8] : known.filter((one) => one >= LOWEST)
}

function difference(left: Value, right: Value): Value {
  const known = left.filter(isKnown)
  if (known.length > 0)
    return right.length === 1 && isKnown(right[0]!) ? known.map((one) => plus(one, -right[0]!)) : UNKNOWN
  return isOnly(right, 4) ? [BEFORE_4] : isOnly(right, 8) ? [BEFORE_8] : UNKNOWN
}

function plus(one: number, other: number): number {
  const total = one + other
  return total >= PLACED ? total : total | 0
}

/** Takes one and gives one; all other computing takes two. */
function isUnary(op: number): boolean {
  return (
    op === 0x45 ||
    op === 0x50 ||
    (op >= 0x67 && op <= 0x69) ||
    (op >= 0x79 && op <= 0x7b) ||
    (op >= 0x8b && op <= 0x91) ||
    (op >= 0x99 && op <= 0x9f) ||
    op >= 0xa7
  )
}
