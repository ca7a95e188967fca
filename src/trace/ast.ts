/**
 * ast: reads the traces that AST vmalloc wrote, one line an operation, fields ended by colons.
 *
 *   old : new : size :         region : method : rest      of 1995: addresses 0x and hexadecimal, best last pool ...
 *   old : new : size : align : region : method : rest      from 1999; later without 0x and with one letter, b l p s d,
 *                                                          at last with 0x again and with thread and process
 *
 *   old    new
 *   0      there      allocated                    a block that was busy when tracing began is told so too, with the
 *   there  0          freed                        method `busy` or `u`
 *   there  there      resized
 *   0      0          compacted                    all other fields but region and method are 0
 *
 * Sizes are decimal. Which form it is says the fifth field of the first line: the name of a method, or a region. Blocks
 * are known by address, so each address gets an id while it lives. All regions of a file are read as one. Clearing and
 * closing a region left no line: a block whose address is handed out again is taken to have been freed just before.
 */
import { isPowerOfTwo } from '../ground/bits.ts'
import { COLON, countLines, NEWLINE, type Scanner } from './scan.ts'
import { Builder, OP_ALIGN, OP_ALLOC, type Trace } from './trace.ts'

const METHODS = ['best', 'last', 'pool', 'profile', 'debug', 'busy', 'b', 'l', 'p', 's', 'd', 'u']
const WORST_EVENTS_A_LINE = 2

export function parseAst(scan: Scanner, name: string): Trace {
  const build = new Builder(WORST_EVENTS_A_LINE * countLines(scan.bytes))
  const ids = new Map<number, number>()
  const aligned = !METHODS.includes(firstLine(scan)[4] ?? '')
  for (; !scan.done; scan.nextLine()) {
    const old = readAddress(scan)
    const now = readAddress(scan)
    const size = readNumber(scan, 'a size')
    const alignment = aligned ? readNumber(scan, 'an alignment') : 0
    if (alignment !== 0 && !isPowerOfTwo(alignment)) scan.fail('a power of two', `alignment ${alignment}`)
    const busy = readMethod(scan)
    toLineEnd(scan)

    if (now === 0 && old === 0) {
      if (size !== 0) scan.fail('an address beside it', `size ${size}`)
      build.compact()
    } else if (now === 0) {
      remove(old)
    } else if (old !== 0 && ids.has(old)) {
      const id = ids.get(old)!
      if (now !== old) {
        makeRoom(now)
        ids.delete(old)
        ids.set(now, id)
      }
      build.resize(id, size)
    } else if (!busy || !ids.has(now)) {
      makeRoom(now)
      ids.set(now, build.blocks)
      build.alloc(alignment === 0 ? OP_ALLOC : OP_ALIGN, build.blocks, size, alignment)
    }
  }
  return build.finish(name)

  function remove(at: number): void {
    const id = ids.get(at)
    if (id === undefined) {
      build.skipped++
      return
    }
    ids.delete(at)
    build.free(id)
  }

  function makeRoom(at: number): void {
    if (!ids.has(at)) return
    remove(at)
    build.inferred++
  }
}

function readAddress(scan: Scanner): number {
  const at = scan.hex()
  if (at < 0) scan.fail('an address: at most 53 bits in hexadecimal')
  passColon(scan)
  return at
}

function readNumber(scan: Scanner, what: string): number {
  const n = scan.whole()
  if (n < 0) scan.fail(`${what}, a whole number`)
  passColon(scan)
  return n
}

/** Passes region and method; whether the line tells of a block that was busy already. */
function readMethod(scan: Scanner): boolean {
  if (scan.hex() < 0) scan.fail('the address of a region')
  passColon(scan)
  const method = scan.word()
  if (!METHODS.includes(method)) scan.fail(`a method, one of ${METHODS.join(' ')}`)
  scan.at += method.length
  passColon(scan)
  return method === 'busy' || method === 'u'
}

function passColon(scan: Scanner): void {
  if (scan.byte !== COLON) scan.fail('a colon')
  scan.at++
}

function toLineEnd(scan: Scanner): void {
  const end = scan.bytes.indexOf(NEWLINE, scan.at)
  scan.at = end < 0 ? scan.bytes.length : end
}

/** The fields of the line at the cursor; the cursor stays. */
function firstLine(scan: Scanner): string[] {
  const start = scan.at
  const fields: string[] = []
  while (!scan.isLineEnd() && fields.length < 5) {
    const field = scan.word()
    fields.push(field)
    scan.at += field.length
    if (scan.byte === COLON) scan.at++
  }
  scan.at = start
  return fields
}
