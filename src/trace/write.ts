/**
 * write: an ear that turns the operations of one or several regions into the text that format.ts describes.
 *
 *   region.listen(new TraceWriter(sink))
 *
 * The header is `1 0 0 0`, one number a line: how much will come is not known when it is written. Ids count from 0, one
 * for each allocation, whatever its region; a table for each region finds the id of an address.
 *
 *   clear     `x` frees all blocks of the stream at once, so it is written where all of them are this region's; else
 *             one `f` for each of this region's
 *   close     the same, but nothing where no block was live
 *   resize    of a block that came before the writer did: `a`, as if it were new
 *   free      of such a block: nothing
 *   nomem     `! a SIZE`, `! m ALIGN SIZE`, `! r ID SIZE` (`! a SIZE` where the block is unknown)
 *
 * Lines gather in a buffer of 64 KiB and go to the sink whole, many at a time: no string is made, and the sink sees a
 * view of the buffer that is good during the call only. `flush` sends what is there; after `direct` every line is sent
 * at once, for the last moments of a program.
 *
 * Stacks, times and names of regions are none of this file's: whoever knows them (notes.ts) puts lines of its own between
 * by `note` and `mark`, so that a trace without them costs what it always did.
 */
import type { Addr } from '../contract/addr.ts'
import type { Ear, Region, Request } from '../contract/region.ts'
import { isWhole } from '../ground/bits.ts'
import { encode } from '../ground/text.ts'
import { AddressTable } from './address-table.ts'

const SIZE = 1 << 16
/** No line is longer: two letters, three numbers of at most 16 digits, blanks, the end. */
const LONGEST_LINE = 64
/** No line that comes by `note` is longer. */
export const MAX_NOTE = SIZE
const NEWLINE = 10
const SPACE = 32
const ZERO = 48
const MAX_INT = 0x7fffffff

const HEADER = encode('1\n0\n0\n0\n')
const letter = (text: string) => text.charCodeAt(0)
const A = letter('a')
const C = letter('c')
const F = letter('f')
const K = letter('k')
const M = letter('m')
const R = letter('r')
const X = letter('x')
const BANG = letter('!')

export interface Sink {
  /** Takes lines; the bytes change after the call. */
  write(bytes: Uint8Array): void
  /** A first line since the last `write` is about to wait in the buffer. */
  pending?(): void
}

export class TraceWriter implements Ear {
  readonly #sink: Sink
  readonly #buffer = new Uint8Array(SIZE)
  readonly #regions = new Map<Region, AddressTable>()
  #used = 0
  /** Where the buffer counts as full. */
  #full = SIZE - LONGEST_LINE
  #nextId = 0
  #live = 0
  #region: Region | undefined = undefined
  #ids = new AddressTable()

  constructor(sink: Sink) {
    this.#sink = sink
    this.#buffer.set(HEADER)
    this.#used = HEADER.length
    sink.pending?.()
  }

  alloc(region: Region, at: Addr, size: number, alignment: number, zeroed: boolean): void {
    const id = this.#add(this.#idsOf(region), at)
    if (alignment === 0) this.#line(zeroed ? C : A, id, size)
    else this.#line(M, id, alignment, size)
  }

  free(region: Region, at: Addr): void {
    const id = this.#idsOf(region).take(at)
    if (id < 0) return
    this.#live--
    this.#line(F, id)
  }

  resize(region: Region, old: Addr, at: Addr, size: number): void {
    const ids = this.#idsOf(region)
    const id = at === old ? ids.get(old) : ids.take(old)
    if (id < 0) {
      this.#line(A, this.#add(ids, at), size)
      return
    }
    if (at !== old) this.#place(ids, at, id)
    this.#line(R, id, size)
  }

  clear(region: Region): void {
    const ids = this.#idsOf(region)
    if (ids.size === this.#live) this.#line(X)
    else for (const id of ids.values().sort()) this.#line(F, id)
    this.#live -= ids.size
    ids.clear()
  }

  close(region: Region): void {
    if (this.#idsOf(region).size > 0) this.clear(region)
    this.#regions.delete(region)
    this.#region = undefined
  }

  compact(): void {
    this.#line(K)
  }

  nomem(region: Region, { op, at, size, alignment }: Request): void {
    if (!isWhole(size, Number.MAX_SAFE_INTEGER)) return
    const id = op === 'resize' ? this.#idsOf(region).get(at) : -1
    this.#begin()
    this.#put(BANG)
    this.#put(SPACE)
    if (id >= 0) this.#line(R, id, size)
    else if (op === 'align') this.#line(M, alignment, size)
    else this.#line(A, size)
  }

  /** Blocks of a region that live, as far as was told. */
  liveOf(region: Region): number {
    return this.#regions.get(region)?.size ?? 0
  }

  /** A line that was made elsewhere, with its end; at most MAX_NOTE bytes. */
  note(line: Uint8Array): void {
    if (this.#used + line.length > SIZE) this.flush()
    this.#begin()
    this.#buffer.set(line, this.#used)
    this.#used += line.length
    if (this.#used > this.#full) this.flush()
  }

  /** A line of a letter and a number. */
  mark(letter: number, n: number): void {
    this.#line(letter, n)
  }

  /** Sends what waits. */
  flush(): void {
    if (this.#used === 0) return
    const bytes = this.#buffer.subarray(0, this.#used)
    this.#used = 0
    this.#sink.write(bytes)
  }

  /** Sends what waits, and from now on every line at once. */
  direct(): void {
    this.#full = 0
    this.flush()
  }

  #idsOf(region: Region): AddressTable {
    if (region === this.#region) return this.#ids
    let ids = this.#regions.get(region)
    if (ids === undefined) this.#regions.set(region, (ids = new AddressTable()))
    this.#region = region
    this.#ids = ids
    return ids
  }

  #add(ids: AddressTable, at: Addr): number {
    const id = this.#nextId++
    this.#live++
    this.#place(ids, at, id)
    return id
  }

  /** A block that is said to lie where another one lives has taken its place. */
  #place(ids: AddressTable, at: Addr, id: number): void {
    const other = ids.set(at, id)
    if (other < 0) return
    this.#live--
    this.#line(F, other)
  }

  #begin(): void {
    if (this.#used === 0) this.#sink.pending?.()
  }

  /** A letter and as many numbers as are given. */
  #line(letter: number, first = -1, second = -1, third = -1): void {
    this.#begin()
    this.#put(letter)
    if (first >= 0) this.#number(first)
    if (second >= 0) this.#number(second)
    if (third >= 0) this.#number(third)
    this.#put(NEWLINE)
    if (this.#used > this.#full) this.flush()
  }

  /** A blank and the decimal digits of `n`. */
  #number(n: number): void {
    const buffer = this.#buffer
    const end = this.#used + 1 + digitsOf(n)
    buffer[this.#used] = SPACE
    let at = end - 1
    let rest = n
    for (; rest > MAX_INT; at--) {
      const tenth = Math.floor(rest / 10)
      buffer[at] = ZERO + (rest - 10 * tenth)
      rest = tenth
    }
    for (let small = rest | 0; at > this.#used; at--) {
      const tenth = (small / 10) | 0
      buffer[at] = ZERO + (small - 10 * tenth)
      small = tenth
    }
    this.#used = end
  }

  #put(byte: number): void {
    this.#buffer[this.#used++] = byte
  }
}

function digitsOf(n: number): number {
  let digits = 1
  let rest = n
  for (; rest >= 1000; rest /= 1000) digits += 3
  return rest >= 100 ? digits + 2 : rest >= 10 ? digits + 1 : digits
}
