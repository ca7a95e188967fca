/**
 * code: the instructions of a function, one after the other.
 *
 *   const code = new Code(module.bytes, body)
 *   while (code.next()) if (code.op === CALL) ... code.a      // the function that is called
 *
 * `op` is the opcode: one byte, or the prefix and the number behind it (0xfc00 + n, 0xfd00 + n, 0xfe00 + n). `a` and `b` are
 * what stands behind it: a constant, an index, the offset of a load; 64-bit constants are not read. The instruction lies
 * at `start`, what stands behind the opcode at `operand`, the next one at `at`. All of WebAssembly 2.0 is known, with
 * threads, tail calls, exceptions (both kinds), several memories and large ones; garbage-collected types are not, and
 * an opcode that nobody knows is `unsupported`.
 */
import { Reader } from './reader.ts'

/** Of a function that the module defines; all of them byte offsets. */
export interface Body {
  /** Its size. */
  readonly start: number
  /** Its locals. */
  readonly locals: number
  /** Its first instruction. */
  readonly code: number
  /** Behind its last instruction, which is END. */
  readonly end: number
}

export const UNREACHABLE = 0x00
export const BLOCK = 0x02
export const LOOP = 0x03
export const IF = 0x04
export const ELSE = 0x05
export const END = 0x0b
export const RETURN = 0x0f
export const CALL = 0x10
export const CALL_INDIRECT = 0x11
export const RETURN_CALL = 0x12
export const LOCAL_GET = 0x20
export const LOCAL_SET = 0x21
export const LOCAL_TEE = 0x22
export const GLOBAL_GET = 0x23
export const GLOBAL_SET = 0x24
export const I32_LOAD = 0x28
export const I32_LOAD8_S = 0x2c
export const I32_LOAD8_U = 0x2d
export const I32_STORE = 0x36
export const I64_STORE32 = 0x3e
export const MEMORY_SIZE = 0x3f
export const MEMORY_GROW = 0x40
export const I32_CONST = 0x41
export const I32_ADD = 0x6a
export const I32_SUB = 0x6b
export const I32_AND = 0x71
export const REF_FUNC = 0xd2

// what stands behind an opcode
const NONE = 0
const INDEX = 1 //     an index
const TWO = 2 //       two indices
const BLOCK_TYPE = 3
const MEMORY = 4 //    alignment, and a memory where bit 6 of it is set, and an offset
const CONST = 5 //     i32
const OTHER = 6 //     see `special`
const UNKNOWN = 7

const kinds = new Uint8Array(256).fill(UNKNOWN)
function set(kind: number, ...ranges: [number, number][]): void {
  for (const [from, to] of ranges) kinds.fill(kind, from, to + 1)
}
set(
  NONE,
  [0x00, 0x01],
  [0x05, 0x05],
  [0x0a, 0x0b],
  [0x0f, 0x0f],
  [0x19, 0x19],
  [0x1a, 0x1b],
  [0x45, 0xc4],
  [0xd1, 0xd1],
)
set(
  INDEX,
  [0x07, 0x09],
  [0x0c, 0x0d],
  [0x10, 0x10],
  [0x12, 0x12],
  [0x18, 0x18],
  [0x20, 0x26],
  [0x3f, 0x40],
  [0xd2, 0xd2],
)
set(TWO, [0x11, 0x11], [0x13, 0x13])
set(BLOCK_TYPE, [0x02, 0x04], [0x06, 0x06])
set(MEMORY, [0x28, 0x3e])
set(CONST, [0x41, 0x41])
set(OTHER, [0x0e, 0x0e], [0x1c, 0x1c], [0x1f, 0x1f], [0x42, 0x44], [0xd0, 0xd0], [0xfc, 0xfe])

export class Code extends Reader {
  op = 0
  /** The first operand, and the second. */
  a = 0
  b = 0
  /** Of the opcode's first byte. */
  start = 0
  /** Of the first byte behind the opcode. */
  operand = 0

  /** Instructions of a body, or of a constant expression that begins there. */
  constructor(bytes: Uint8Array, body: Pick<Body, 'code' | 'end'>) {
    super(bytes, body.code, body.end)
  }

  /** Reads an instruction; false at the end. */
  next(): boolean {
    if (this.at >= this.end) return false
    this.start = this.at
    const op = this.bytes[this.at++]!
    this.op = op
    this.operand = this.at
    switch (kinds[op]) {
      case NONE:
        break
      case INDEX:
        this.a = this.u32()
        break
      case TWO:
        this.a = this.u32()
        this.b = this.u32()
        break
      case CONST:
        this.a = this.i32()
        break
      case BLOCK_TYPE:
        this.blockType()
        break
      case MEMORY:
        this.memoryArgument()
        break
      case OTHER:
        this.special(op)
        break
      default:
        this.unsupported(`the unknown opcode 0x${op.toString(16)}`, this.start)
    }
    return true
  }

  private memoryArgument(): void {
    const alignment = this.u32()
    if ((alignment & 0x40) !== 0) this.u32()
    if (alignment >= 0x80) this.malformed('an alignment that cannot be', this.operand)
    this.b = alignment & 0x3f
    const from = this.at
    this.skipLong()
    if (this.at - from > 5) {
      this.a = 2 ** 32
      return
    }
    const to = this.at
    this.at = from
    this.a = this.longOffset(to)
  }

  /** An offset, which a large memory may have beyond 2^32. */
  private longOffset(to: number): number {
    let value = 0
    for (let scale = 1; this.at < to; scale *= 128) value += (this.byte() & 127) * scale
    return value
  }

  private blockType(): void {
    const byte = this.peek()
    if (byte === 0x40 || isValueType(byte)) this.at++
    else if (byte === 0x63 || byte === 0x64) this.unsupported('a typed reference')
    else this.skipLong()
  }

  private special(op: number): void {
    switch (op) {
      case 0x0e:
        this.skipIndices()
        this.u32()
        break
      case 0x1c:
        for (let count = this.u32(); count > 0; count--) this.valueType()
        break
      case 0x1f:
        this.blockType()
        for (let count = this.u32(); count > 0; count--) {
          const kind = this.byte()
          if (kind > 3) this.malformed('a catch that cannot be')
          if (kind < 2) this.u32()
          this.u32()
        }
        break
      case 0x42:
        this.skipLong()
        break
      case 0x43:
        this.skip(4)
        break
      case 0x44:
        this.skip(8)
        break
      case 0xd0:
        this.heapType()
        break
      default:
        this.prefixed(op)
    }
  }

  private skipIndices(): void {
    for (let count = this.u32(); count > 0; count--) this.u32()
  }

  private valueType(): void {
    const type = this.byte()
    if (!isValueType(type)) this.unsupported(`the type 0x${type.toString(16)}`, this.at - 1)
  }

  private heapType(): void {
    const type = this.byte()
    if (type !== 0x70 && type !== 0x6f && type !== 0x69 && type !== 0x74) {
      this.unsupported(`references of the type 0x${type.toString(16)}`, this.at - 1)
    }
  }

  private prefixed(prefix: number): void {
    const number = this.u32()
    this.op = (prefix << 8) + number
    this.operand = this.at
    if (prefix === 0xfc) this.bulk(number)
    else if (prefix === 0xfd) this.vector(number)
    else this.atomic(number)
  }

  private bulk(number: number): void {
    if (number < 8) return
    if (number === 8 || number === 10 || number === 12 || number === 14) {
      this.a = this.u32()
      this.b = this.u32()
    } else if (number <= 17) this.a = this.u32()
    else this.unsupported(`the unknown opcode 0xfc ${number}`, this.start)
  }

  private vector(number: number): void {
    if (number <= 11 || number === 92 || number === 93) this.memoryArgument()
    else if (number >= 84 && number <= 91) {
      this.memoryArgument()
      this.byte()
    } else if (number === 12 || number === 13) this.skip(16)
    else if (number >= 21 && number <= 34) this.byte()
    else if (number > 0x113) this.unsupported(`the unknown opcode 0xfd ${number}`, this.start)
  }

  private atomic(number: number): void {
    if (number === 3) this.byte()
    else if (number <= 2 || (number >= 0x10 && number <= 0x4e)) this.memoryArgument()
    else this.unsupported(`the unknown opcode 0xfe ${number}`, this.start)
  }
}

/** i32, i64, f32, f64, v128, funcref, externref, exnref. */
export function isValueType(byte: number): boolean {
  return (byte >= 0x7b && byte <= 0x7f) || byte === 0x70 || byte === 0x6f || byte === 0x69
}
