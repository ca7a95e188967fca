/**
 * format: reads a trace from its text.
 *
 *   1                   four numbers; the second is the number of blocks, the third that of operations, 0 where the
 *   3                   writer could not know. What the first and the last mean differs (a heap size, a weight, the
 *   8                   peak of live bytes), so they are read and not believed
 *   8232
 *   a 0 72              allocate block 0, 72 bytes
 *   c 1 136             the same, zeroed
 *   m 2 64 4096         the same at a multiple of 64
 *   r 0 144             resize block 0
 *   f 1                 free block 1
 *   x                   free all blocks at once
 *   k                   compact
 *   ! a 5000            an allocation that failed: counted, not replayed; so are `! c`, `! m` and `! r`
 *
 * These are the letters of the malloc lab of Carnegie Mellon University (a r f) and of this project. Ids are numbers
 * from 0, each allocated once. Lines may end with CRLF, blank lines count for nothing, `f -1` frees nothing.
 *
 * When, whence and where. Such lines stand before the operations that they speak of, and hold until the next of their
 * kind; a trace need not have them.
 *
 *   t 1234              1234 microseconds after the last t, the first one after the beginning of the trace
 *   n 1 packets         region 1 is called packets, up to the end of the line; numbers from 1 to 65535, each once. Of
 *                       regions that are open together each has a number; one that closed leaves its number to the next
 *                       region of its name
 *   g 1                 what follows is of region 1; g 0: of one without a name
 *   p 3 0 main (/app/file.js:30:1)     call 3 is that place in the program, called by nobody that is known
 *   p 7 3 parse (/app/file.js:10:5)    call 7 is that place, called by call 3; numbers from 1, each once
 *   s 7                 what follows was done by call 7, so its stack is 7, 3; s 0: by nobody that is known
 *
 * Names and places may have \\ for a backslash, \n for the end of a line and \r for a carriage return; frame-text.ts
 * tells how places are written.
 *
 * A text whose first line has colons is a trace of AST vmalloc: see ast.ts; one that begins with = or @ is what mtrace of
 * the GNU C library wrote: see mtrace.ts.
 */
import { isPowerOfTwo } from '../ground/bits.ts'
import type { Frame } from '../ground/stacks.ts'
import { parseAst } from './ast.ts'
import { readFrame, unescapeLine } from './frame-text.ts'
import { isMtrace, parseMtrace } from './mtrace.ts'
import { COLON, countLines, NEWLINE, Scanner } from './scan.ts'
import { Builder, OP_ALIGN, OP_ALLOC, OP_ZEROED, type Trace } from './trace.ts'

const A = 97
const C = 99
const F = 102
const G = 103
const K = 107
const M = 109
const N = 110
const P = 112
const R = 114
const S = 115
const T = 116
const X = 120
const BANG = 33

const HEADER = 'a number: the file begins with four'
const LETTER = 'a line that begins with a, c, m, r, f, x, k or !, or with t, n, g, p or s'
const ID = 'the id of a block, a number from 0'
const SIZE = 'a size, a whole number of bytes'
const ALIGNMENT = 'an alignment, a power of two'
const MICROSECONDS = 'microseconds, a whole number'
const REGION = 'the number of a region, from 1 to 65535'
const CALL = 'the number of a call, from 1'
const PLACE = 'a place, as in parse (file.js:10:5)'
const MOST_REGIONS = 0xffff

/** Reads a trace; `name` is what errors call it. Throws VmallocError `argument` with the line. */
export function parseTrace(bytes: Uint8Array, name: string): Trace {
  const scan = new Scanner(bytes, name)
  scan.nextLine()
  if (isMtrace(scan)) return parseMtrace(scan, name)
  if (firstLineHas(scan, COLON)) return parseAst(scan, name)
  const build = new Builder(countLines(bytes))
  const notes: Notes = { calls: new Map(), regions: new Map() }
  readHeader(scan, build)
  for (scan.nextLine(); !scan.done; scan.nextLine()) {
    if (!readOperation(scan, build) && !readNote(scan, build, notes)) scan.fail(LETTER)
    if (!scan.isLineEnd()) scan.fail('the end of the line')
  }
  return build.finish(name)
}

function readHeader(scan: Scanner, build: Builder): void {
  const numbers = [0, 0, 0, 0].map(() => {
    scan.nextLine()
    const word = scan.word()
    if (word === '' || !(Number(word) >= 0)) scan.fail(HEADER)
    scan.at += word.length
    return Number(word)
  })
  if (!scan.isLineEnd()) scan.fail('the end of the header')
  const [, blocks = 0, events = 0] = numbers
  if (events > 0) build.declared = { blocks, events }
}

/** Reads an operation; false, and the cursor stays, where the line is none. */
function readOperation(scan: Scanner, build: Builder): boolean {
  const letter = scan.byte
  scan.at++
  switch (letter) {
    case A:
      build.alloc(OP_ALLOC, readNewId(scan, build), readSize(scan), 0)
      break
    case C:
      build.alloc(OP_ZEROED, readNewId(scan, build), readSize(scan), 0)
      break
    case M: {
      const id = readNewId(scan, build)
      const alignment = scan.whole()
      if (!isPowerOfTwo(alignment)) scan.fail(ALIGNMENT, alignment < 0 ? undefined : `${alignment}`)
      build.alloc(OP_ALIGN, id, readSize(scan), alignment)
      break
    }
    case R: {
      const id = readLiveId(scan, build)
      build.resize(id, readSize(scan))
      break
    }
    case F:
      if (isFreeOfNothing(scan)) build.skipped++
      else build.free(readLiveId(scan, build))
      break
    case X:
      build.clear()
      break
    case K:
      build.compact()
      break
    case BANG:
      readFailure(scan)
      build.failures++
      break
    default:
      scan.at--
      return false
  }
  return true
}

/** A call as a `p` line tells of it. */
interface Call {
  readonly frame: Frame
  readonly by: Call | undefined
  /** Its stack, once an `s` line speaks of it. */
  stack: number
}

/** What `p` and `n` lines told, by the number there; regions as the Builder counts them. */
interface Notes {
  readonly calls: Map<number, Call>
  readonly regions: Map<number, number>
}

/** Reads a line that is about the operations to come; false, and the cursor stays, where the line is none. */
function readNote(scan: Scanner, build: Builder, notes: Notes): boolean {
  const letter = scan.byte
  scan.at++
  switch (letter) {
    case T: {
      const microseconds = scan.whole()
      if (microseconds < 0) scan.fail(MICROSECONDS)
      build.wait(microseconds)
      break
    }
    case S: {
      const call = readCall(scan, notes)
      if (call?.stack === 0) call.stack = build.addStack(framesOf(call))
      build.stand(call?.stack ?? 0)
      break
    }
    case G: {
      const number = scan.whole()
      if (number < 0) scan.fail(REGION)
      const region = number === 0 ? 0 : notes.regions.get(number)
      if (region === undefined) return scan.fail('one that an n line named', `region ${number}`)
      build.enter(region)
      break
    }
    case P: {
      const number = readNewNumber(scan, notes.calls, CALL, 'call')
      const by = readCall(scan, notes)
      const place = scan.rest()
      if (place === '') scan.fail(PLACE)
      notes.calls.set(number, { frame: readFrame(place), by, stack: 0 })
      break
    }
    case N: {
      const number = readNewNumber(scan, notes.regions, REGION, 'region')
      if (number > MOST_REGIONS) scan.fail(REGION, `region ${number}`)
      notes.regions.set(number, build.addRegion(unescapeLine(scan.rest())))
      break
    }
    default:
      scan.at--
      return false
  }
  return true
}

/** The call of a number that a `p` line told of before; undefined for 0. */
function readCall(scan: Scanner, { calls }: Notes): Call | undefined {
  const number = scan.whole()
  if (number < 0) scan.fail('the number of a call, from 0')
  return calls.get(number) ?? (number === 0 ? undefined : scan.fail('one that a p line told of', `call ${number}`))
}

function readNewNumber(scan: Scanner, known: Map<number, unknown>, expected: string, what: string): number {
  const number = scan.whole()
  if (number < 1) scan.fail(expected, number === 0 ? `${what} 0` : undefined)
  if (known.has(number)) scan.fail('each once', `${what} ${number}, which was told of before`)
  return number
}

function framesOf(call: Call): Frame[] {
  const frames: Frame[] = []
  for (let at: Call | undefined = call; at !== undefined; at = at.by) frames.push(at.frame)
  return frames
}

function readNewId(scan: Scanner, build: Builder): number {
  const id = scan.whole()
  if (id < 0) scan.fail(ID)
  if (id >= scan.bytes.length) scan.fail(`one below ${scan.bytes.length}: ids count from 0`, `id ${id}`)
  if (build.isKnown(id)) scan.fail('one that was not', `id ${id}, which was allocated before`)
  return id
}

function readLiveId(scan: Scanner, build: Builder): number {
  const id = scan.whole()
  if (id < 0) scan.fail(ID)
  if (build.isLive(id)) return id
  const past = build.isKnown(id) ? 'which was freed before' : 'which was never allocated'
  return scan.fail('a block that is live', `id ${id}, ${past}`)
}

function readSize(scan: Scanner): number {
  const size = scan.whole()
  return size < 0 ? scan.fail(SIZE) : size
}

function isFreeOfNothing(scan: Scanner): boolean {
  scan.blanks()
  if (scan.byte !== 45 || scan.word() !== '-1') return false
  scan.at += 2
  return true
}

/** The rest of a failure: the letter of the call and one or two numbers. */
function readFailure(scan: Scanner): void {
  scan.blanks()
  const letter = scan.byte
  if (letter !== A && letter !== C && letter !== M && letter !== R) scan.fail('a, c, m or r: the call that failed')
  scan.at++
  if (letter === M && scan.whole() < 0) scan.fail(ALIGNMENT)
  if (letter === R && scan.whole() < 0) scan.fail(ID)
  readSize(scan)
}

function firstLineHas(scan: Scanner, byte: number): boolean {
  const end = scan.bytes.indexOf(NEWLINE, scan.at)
  const found = scan.bytes.indexOf(byte, scan.at)
  return found >= 0 && (end < 0 || found < end)
}
