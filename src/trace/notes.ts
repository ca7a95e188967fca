/**
 * notes: when, whence and where, beside what a TraceWriter writes.
 *
 *   region.listen(new Notes(writer, { times: true, names: true }).ear({ depth: 8 }))
 *
 * All regions of a stream share its Notes; each listens through an ear of its own, which writes what changed since the
 * last operation and then lets the writer tell the operation. format.ts describes the lines.
 *
 *   t N        at most one before an operation, where a microsecond has gone by
 *   n N NAME   before the first g N
 *   g N        where the operation before was another region's
 *   p N BY ..  calls that the stream has not seen, the outermost first: stacks share their outer calls, as a tree does
 *   s N        where the operation before had another stack
 *
 *   regions    packets ──> numbers 1, 4        a region takes a free number of its name, or a new one; its close frees it
 *              records ──> number 2            from number 65536 on: 0, no name
 *
 *   calls      by ──> place ──> number         the same place, called by the same call, is the same call
 *   sites      site ──> number                 what `capture` answers, so that frames are looked at once
 *
 * A failure and the freeing of many are told like an operation. A region that closes with nothing alive tells nothing.
 */
import type { Addr } from '../contract/addr.ts'
import type { Ear, Region, Request } from '../contract/region.ts'
import { capture, framesOf, type Site } from '../ground/stacks.ts'
import { encode } from '../ground/text.ts'
import { escapeLine, writeFrame } from './frame-text.ts'
import type { TraceWriter } from './write.ts'

const G = 'g'.charCodeAt(0)
const S = 's'.charCodeAt(0)
const T = 't'.charCodeAt(0)

const MOST_REGIONS = 0xffff
/** Longer names and places are cut: a line must fit into a buffer, and nobody reads it. */
const LONGEST_TEXT = 4000

export interface NotesOptions {
  /** Whether times are written. */
  times?: boolean
  /** Whether regions and their names are written. */
  names?: boolean
  /** Milliseconds, from any beginning. */
  now?: () => number
}

export class Notes {
  readonly #writer: TraceWriter
  readonly #names: boolean
  readonly #now: (() => number) | undefined
  readonly #start: number
  /** Microseconds since the start that were told. */
  #told = 0
  #region: Region | undefined = undefined
  #number = 0
  #lastNumber = 0
  readonly #numbers = new Map<Region, number>()
  readonly #free = new Map<string, number[]>()
  #stack = 0
  #lastCall = 0
  readonly #sites = new Map<Site, number>([[0, 0]])
  readonly #calls = new Map<number, Map<string, number>>()

  constructor(writer: TraceWriter, { times = false, names = false, now = () => performance.now() }: NotesOptions = {}) {
    this.#writer = writer
    this.#names = names
    this.#now = times ? now : undefined
    this.#start = times ? now() : 0
  }

  /** Hears one region; `depth`: how many calls of a stack are told. */
  ear({ depth = 0 }: { depth?: number } = {}): Ear {
    return new NotesEar(this, this.#writer, depth)
  }

  /** Tells what changed before an operation of `region` that `site` asked for. */
  tell(region: Region, site: Site): void {
    if (this.#now !== undefined) this.#tellTime(this.#now())
    if (this.#names && region !== this.#region) this.#tellRegion(region)
    const stack = this.#sites.get(site) ?? this.#addSite(site)
    if (stack === this.#stack) return
    this.#stack = stack
    this.#writer.mark(S, stack)
  }

  /** A region is closed: its number may be another's of its name. */
  leave(region: Region): void {
    const number = this.#numbers.get(region)
    if (number === undefined) return
    this.#numbers.delete(region)
    if (region === this.#region) this.#region = undefined
    if (number === 0) return
    const free = this.#free.get(region.name)
    if (free === undefined) this.#free.set(region.name, [number])
    else free.push(number)
  }

  #tellTime(now: number): void {
    const since = Math.floor((now - this.#start) * 1000)
    if (since <= this.#told) return
    this.#writer.mark(T, since - this.#told)
    this.#told = since
  }

  #tellRegion(region: Region): void {
    const number = this.#numbers.get(region) ?? this.#addRegion(region)
    this.#region = region
    if (number === this.#number) return
    this.#number = number
    this.#writer.mark(G, number)
  }

  #addRegion(region: Region): number {
    const number = this.#free.get(region.name)?.pop() ?? this.#nameRegion(region.name)
    this.#numbers.set(region, number)
    return number
  }

  #nameRegion(name: string): number {
    if (this.#lastNumber === MOST_REGIONS) return 0
    this.#note(`n ${++this.#lastNumber} ${escapeLine(name.slice(0, LONGEST_TEXT))}`)
    return this.#lastNumber
  }

  #addSite(site: Site): number {
    const frames = framesOf(site) ?? []
    let call = 0
    for (let i = frames.length - 1; i >= 0; i--) call = this.#callOf(call, frames[i]!)
    this.#sites.set(site, call)
    return call
  }

  #callOf(by: number, { name, file, line, column }: Parameters<typeof writeFrame>[0]): number {
    const place = writeFrame({ name: name.slice(0, LONGEST_TEXT), file: file.slice(0, LONGEST_TEXT), line, column })
    let calls = this.#calls.get(by)
    if (calls === undefined) this.#calls.set(by, (calls = new Map()))
    let call = calls.get(place)
    if (call === undefined) {
      call = ++this.#lastCall
      calls.set(place, call)
      this.#note(`p ${call} ${by} ${place}`)
    }
    return call
  }

  #note(line: string): void {
    this.#writer.note(encode(`${line}\n`))
  }
}

class NotesEar implements Ear {
  readonly #notes: Notes
  readonly #writer: TraceWriter
  readonly #depth: number

  constructor(notes: Notes, writer: TraceWriter, depth: number) {
    this.#notes = notes
    this.#writer = writer
    this.#depth = depth
  }

  alloc(region: Region, at: Addr, size: number, alignment: number, zeroed: boolean): void {
    this.#notes.tell(region, capture(this.#depth, this.alloc))
    this.#writer.alloc(region, at, size, alignment, zeroed)
  }

  free(region: Region, at: Addr): void {
    this.#notes.tell(region, capture(this.#depth, this.free))
    this.#writer.free(region, at)
  }

  resize(region: Region, old: Addr, at: Addr, size: number): void {
    this.#notes.tell(region, capture(this.#depth, this.resize))
    this.#writer.resize(region, old, at, size)
  }

  clear(region: Region): void {
    this.#notes.tell(region, capture(this.#depth, this.clear))
    this.#writer.clear(region)
  }

  compact(region: Region): void {
    this.#notes.tell(region, capture(this.#depth, this.compact))
    this.#writer.compact()
  }

  nomem(region: Region, request: Request): void {
    this.#notes.tell(region, capture(this.#depth, this.nomem))
    this.#writer.nomem(region, request)
  }

  close(region: Region): void {
    if (this.#writer.liveOf(region) > 0) this.#notes.tell(region, capture(this.#depth, this.close))
    this.#writer.close(region)
    this.#notes.leave(region)
  }
}
