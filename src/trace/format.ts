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
 * from 0, each allocated once. Lines may end with CRLF, blank lines count for nothing, `f -1` frees nothing. A text
 * whose first line has colons is a trace of AST vmalloc: see ast.ts.
 */
import { isPowerOfTwo } from '../ground/bits.ts'
import { parseAst } from './ast.ts'
import { COLON, countLines, NEWLINE, Scanner } from './scan.ts'
import { Builder, OP_ALIGN, OP_ALLOC, OP_ZEROED, type Trace } from './trace.ts'

const A = 97
const C = 99
const F = 102
const K = 107
const M = 109
const R = 114
const X = 120
const BANG = 33

const HEADER = 'a number: the file begins with four'
const LETTER = 'a line that begins with a, c, m, r, f, x, k or !'
const ID = 'the id of a block, a number from 0'
const SIZE = 'a size, a whole number of bytes'
const ALIGNMENT = 'an alignment, a power of two'

/** Reads a trace; `name` is what errors call it. Throws VmallocError `argument` with the line. */
export function parseTrace(bytes: Uint8Array, name: string): Trace {
  const scan = new Scanner(bytes, name)
  scan.nextLine()
  if (firstLineHas(scan, COLON)) return parseAst(scan, name)
  const build = new Builder(countLines(bytes))
  readHeader(scan, build)
  for (scan.nextLine(); !scan.done; scan.nextLine()) {
    readOperation(scan, build)
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

function readOperation(scan: Scanner, build: Builder): void {
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
      scan.fail(LETTER)
  }
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
