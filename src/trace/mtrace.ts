/**
 * mtrace: reads what `mtrace` of the GNU C library writes about a native program, one line an operation.
 *
 *   = Start                                          tracing begins; = End where it was switched off
 *   @ ./a.out:(main+0x1c)[0x5581...] + 0x5590... 0x64        malloc, calloc, memalign: address, size
 *   @ ./a.out:(main+0x2a)[0x5581...] - 0x5590...             free
 *   @ ./a.out:(main+0x38)[0x5581...] < 0x5590...             realloc: the block that was,
 *   @ ./a.out:(main+0x38)[0x5581...] > 0x55a0... 0xc8        the block that is
 *   @ ./a.out:(main+0x44)[0x5581...] ! 0x55a0... 0x7fff...   realloc failed; the block is as it was
 *   @ ./a.out:(main+0x50)[0x5581...] + (nil) 0x7fff...       malloc failed
 *
 * Numbers are hexadecimal, with 0x or without. What stands between @ and the sign is the place of the call: a file, then
 * in parentheses a function and how far into it (version 2.36 leaves the 0x away), then the address in brackets; any of
 * the three may be missing, and so may the whole. It becomes a stack of one frame without a line:
 *
 *   ./a.out:(main+0x1c)[0x1279]   name main+0x1c   file ./a.out
 *   ./a.out:[0x1279]              name ''          file ./a.out[0x1279]
 *
 * Blocks are known by address, so each address gets an id while it lives. The free of a block from before the trace is
 * skipped, its realloc taken for an allocation. Tracing may pause, and other threads may write between a free and its
 * line: a block whose address is handed out again has gone. A program that ends without `= End` leaves the last line, or
 * the last half of a realloc, unfinished; that is left out, with a remark.
 */
import type { Frame } from '../ground/stacks.ts'
import { decode } from '../ground/text.ts'
import { countLines, NEWLINE, type Scanner } from './scan.ts'
import { Builder, OP_ALLOC, type Trace } from './trace.ts'

const AT = 64
const EQUALS = 61
const PLUS = 43
const MINUS = 45
const BEFORE = 60
const AFTER = 62
const FAILED = 33
const SPACE = 32

/** A free and an allocation in its place, at worst. */
const EVENTS_A_LINE = 2
const UNFINISHED = 'the file ends within a line, which is left out'

/** Whether the text at the cursor, past blank lines, is such a trace. */
export function isMtrace(scan: Scanner): boolean {
  return scan.byte === EQUALS || scan.byte === AT
}

export function parseMtrace(scan: Scanner, name: string): Trace {
  const build = new Builder(EVENTS_A_LINE * countLines(scan.bytes))
  const blocks = new Blocks(build)
  const stacks = new Map<string, number>()
  const end = endOfWholeLines(scan.bytes)
  if (end < scan.bytes.length) build.remark = UNFINISHED
  let isMoving = false
  let moving = 0

  for (; scan.at < end; scan.nextLine()) {
    if (scan.byte === EQUALS) {
      readMark(scan)
      continue
    }
    const place = scan.byte === AT ? readPlace(scan) : ''
    const sign = scan.byte
    if (isMoving !== (sign === AFTER)) {
      scan.fail(isMoving ? 'a line with >, the other half of the realloc before' : 'a line with < before one with >')
    }
    isMoving = sign === BEFORE
    scan.at++
    scan.blanks()
    if (place !== '' || stacks.size > 0) build.stand(place === '' ? 0 : stackOf(place))
    if (sign === PLUS) {
      const at = readAddress(scan)
      const size = readSize(scan, at === 0)
      if (at === 0) build.failures++
      else blocks.alloc(at, size)
    } else if (sign === MINUS) {
      blocks.free(readAddress(scan))
    } else if (sign === BEFORE) {
      moving = readAddress(scan)
    } else if (sign === AFTER) {
      const at = readAddress(scan)
      blocks.resize(moving, at, readSize(scan, false))
    } else if (sign === FAILED) {
      readAddress(scan)
      readSize(scan, true)
      build.failures++
    } else {
      scan.at--
      scan.fail('one of + - < > !')
    }
    if (!scan.isLineEnd()) scan.fail('the end of the line')
  }
  if (isMoving) build.remark = 'the file ends within a realloc, which is left out'
  return build.finish(name)

  function stackOf(place: string): number {
    let stack = stacks.get(place)
    if (stack === undefined) stacks.set(place, (stack = build.addStack([frameOf(place)])))
    return stack
  }
}

/** The blocks that live, by address. */
class Blocks {
  readonly #build: Builder
  readonly #ids = new Map<number, number>()

  constructor(build: Builder) {
    this.#build = build
  }

  alloc(at: number, size: number): void {
    this.#makeRoom(at)
    const id = this.#build.blocks
    this.#ids.set(at, id)
    this.#build.alloc(OP_ALLOC, id, size, 0)
  }

  free(at: number): void {
    const id = this.#ids.get(at)
    if (id === undefined) {
      this.#build.skipped++
      return
    }
    this.#ids.delete(at)
    this.#build.free(id)
  }

  resize(old: number, at: number, size: number): void {
    const id = this.#ids.get(old)
    if (id === undefined) {
      this.alloc(at, size)
      return
    }
    if (at !== old) {
      this.#makeRoom(at)
      this.#ids.delete(old)
      this.#ids.set(at, id)
    }
    this.#build.resize(id, size)
  }

  #makeRoom(at: number): void {
    if (!this.#ids.has(at)) return
    this.free(at)
    this.#build.inferred++
  }
}

/** Behind the last line that is whole; `= End` is, whatever follows it. */
function endOfWholeLines(bytes: Uint8Array): number {
  const end = bytes.lastIndexOf(NEWLINE) + 1
  return decode(bytes.subarray(end)).trim() === '= End' ? bytes.length : end
}

function readMark(scan: Scanner): void {
  scan.at++
  const word = scan.word()
  if (word !== 'Start' && word !== 'End') scan.fail('Start or End')
  scan.at += word.length
  if (!scan.isLineEnd()) scan.fail('the end of the line')
}

/** Passes `@ PLACE`: all up to the last sign between blanks, since a file's name may have both. */
function readPlace(scan: Scanner): string {
  scan.at++
  scan.blanks()
  const { bytes } = scan
  const start = scan.at
  let end = -1
  for (let at = start; at + 2 < bytes.length && bytes[at] !== NEWLINE; at++) {
    if (bytes[at] === SPACE && bytes[at + 2] === SPACE && isSign(bytes[at + 1]!)) end = at
  }
  if (end < 0) return scan.fail('a place, then one of + - < > !')
  scan.at = end + 1
  return decode(bytes.subarray(start, end))
}

function isSign(byte: number): boolean {
  return byte === PLUS || byte === MINUS || byte === BEFORE || byte === AFTER || byte === FAILED
}

/** 0 for none. */
function readAddress(scan: Scanner): number {
  if (scan.word() === '(nil)') {
    scan.at += '(nil)'.length
    return 0
  }
  const at = scan.hex()
  return at < 0 ? scan.fail('an address: at most 53 bits in hexadecimal, or (nil)') : at
}

/** What could not be had may be larger than any number here. */
function readSize(scan: Scanner, failed: boolean): number {
  scan.blanks()
  const word = scan.word()
  if (failed && /^(0x)?[\da-f]+$/i.test(word)) {
    scan.at += word.length
    return 0
  }
  const size = scan.hex()
  return size < 0 ? scan.fail('a size in hexadecimal') : size
}

function frameOf(place: string): Frame {
  const [, file = '', name = '', address = ''] = /^(.*?):?(?:\(([^()]*)\))?(\[[^[\]]*\])?$/.exec(place) ?? []
  return { name, file: name === '' ? `${file}${address}` : file, line: 0, column: 0 }
}
