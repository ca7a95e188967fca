/**
 * segments: the Store of one region: its chain of segments, and the four requests to its discipline.
 *
 *   alloc -> method -> grow -> discipline.memory(grow in place) -> refused? -> discipline.memory(new)
 *
 * How much is asked for: what is needed, or a share of what the region has (a 256th in a root, a 16th in a nested
 * region, whose memory rarely grows in place; an 8th for a new segment of a root), whichever is more; where that is
 * refused, just what is needed. Bytes held beyond what clients use stay within that share.
 *
 * Whose an address is: the first segments are looked at, of more than two a list in order of address is searched by halves,
 * O(log segments). The list is not in the bytes; it is made again when extent or last segment are not what they were, be it
 * that another thread or whoever put bytes back to what they were has changed them, and what it names must still be there.
 */

import { type Addr, ALIGN, LIMIT } from '../contract/addr.ts'
import type { Found } from '../contract/finding.ts'
import type { Discipline, Region } from '../contract/region.ts'
import type { SegmentView } from '../contract/stat.ts'
import { type Segment, type Store, tookInto } from '../contract/store.ts'
import { isWhole, roundDown, roundUp } from '../ground/bits.ts'
import { corrupted, VmallocError } from '../ground/fault.ts'
import type { Words } from '../ground/words.ts'
import {
  BUSY,
  EXTENT,
  HEADS,
  LAST,
  LEDGER,
  LENGTH,
  MARK,
  MORE_VALUES,
  markOf,
  mixOf,
  NEXT,
  RAW,
  RECORD,
  SIZE,
  STATE,
  TIDE,
} from './header.ts'
import type { Space } from './space.ts'

const ROOT_STEP = 16 * 1024
const ROOT_SHARE = 256
const NESTED_STEP = 4 * 1024
const NESTED_SHARE = 16
const PIECE_SHARE = 8
/** So many segments are looked at before the list. */
const FEW = 2
const nothing: readonly Segment[] = []

/** Kinds of extra pieces, by the field of the header that has the first. */
export type Extra = typeof MORE_VALUES | typeof LEDGER

/** Whose segments these are. */
export interface Owner extends Region {
  /** Tells what the method found out. */
  reported(found: Found): void
}

export class Segments implements Store {
  readonly words: Words
  readonly space: Space
  readonly bias: number
  readonly name: string
  discipline: Discipline
  align = ALIGN
  heads = false
  state = 0
  tally = 0
  /** Address of the region's header; 0 before it has one. */
  header = 0
  /** While true nothing new is asked of the discipline. */
  frozen = false
  /** Who keeps the ends of payloads, where accounts are kept. */
  tails: { tailOf(at: Addr): number } | undefined = undefined

  private readonly region: Owner
  /** Segments in order of address, as they were when these were extent and last segment. */
  private list = nothing
  private listExtent = 0
  private listLast = 0
  /** The one of the list that was found last: who frees a block asks more than once. */
  private near: Segment = 0

  constructor(space: Space, region: Owner, discipline: Discipline, name: string) {
    this.space = space
    this.words = space.words
    this.bias = space.base
    this.name = name
    this.discipline = discipline
    this.region = region
  }

  /** Binds the store to a header that is there, with what its ALIGNMENT says. */
  bind(header: number, alignment: number): void {
    this.header = header
    this.align = alignment & ~HEADS
    this.heads = (alignment & HEADS) !== 0
    this.state = this.get(header, STATE)
    this.tally = header + BUSY
  }

  get(at: number, field: number): number {
    return this.words.i32[(at + field) >>> 2]! >>> 0
  }

  put(at: number, field: number, value: number): void {
    this.words.i32[(at + field) >>> 2] = value
  }

  get first(): Segment {
    return this.header
  }

  /** The first of the extra pieces of a kind, or 0. */
  firstExtra(chain: Extra): Segment {
    const first = this.get(this.header, chain)
    return first !== 0 && this.isRecord(first) ? first : 0
  }

  get last(): Segment {
    return this.get(this.header, LAST)
  }

  /** The record after this one; 0 at the end, and where the link is damaged. */
  next(segment: Segment): Segment {
    const to = this.linked(segment)
    return to !== 0 && this.isRecord(to) ? to : 0
  }

  base(segment: Segment): number {
    return segment + (segment === this.header ? this.get(segment, LENGTH) : RECORD)
  }

  limit(segment: Segment): number {
    return roundDown(this.get(segment, RAW) + this.get(segment, SIZE), ALIGN)
  }

  find(at: number): Segment {
    let left = FEW
    for (let s: Segment = this.header; s !== 0; s = this.next(s)) {
      if (left-- === 0) return this.findInList(at)
      if (at >= this.base(s) && at < this.limit(s)) return s
    }
    return 0
  }

  private findInList(at: number): Segment {
    if (this.listExtent !== this.get(this.header, EXTENT) || this.listLast !== this.last) this.makeList()
    if (this.isIn(this.near, at)) return this.near
    const { list } = this
    let from = 0
    let end = list.length
    while (end - from > 1) {
      const middle = (from + end) >>> 1
      if (list[middle]! <= at) from = middle
      else end = middle
    }
    const s = list[from] ?? 0
    if (!this.isIn(s, at)) return 0
    this.near = s
    return s
  }

  private isIn(s: Segment, at: number): boolean {
    return s !== 0 && at >= this.base(s) && this.isRecord(s) && at < this.limit(s)
  }

  private makeList(): void {
    const list: Segment[] = []
    for (let s: Segment = this.header; s !== 0; s = this.next(s)) list.push(s)
    this.list = list.sort((a, b) => a - b)
    this.near = 0
    this.listExtent = this.get(this.header, EXTENT)
    this.listLast = this.last
  }

  took(bytes: number): void {
    tookInto(this.words.i32, this.tally >>> 2, bytes)
  }

  gave(bytes: number): void {
    const i = this.tally >>> 2
    this.words.i32[i] = this.words.i32[i]! - bytes
  }

  /** The first piece of a region that has none: at least `need` bytes from an address that is a multiple of 8. */
  open(need: number): { raw: number; size: number } | undefined {
    const size = this.rounded(need)
    const raw = this.ask('new', 0, 0, size)
    return raw === 0 ? undefined : { raw, size }
  }

  grow(need: number, fresh: number): boolean {
    const last = this.last
    if (this.frozen || !this.isRecord(last)) return false
    const raw = this.get(last, RAW)
    const had = this.get(last, SIZE)
    const step = this.step()
    const slack = raw + had - this.limit(last)
    for (const more of need < step ? [step, need] : [need]) {
      const want = this.rounded(had + more - slack)
      if (want <= LIMIT && this.ask('grow', raw, had, want) !== 0) {
        this.put(last, SIZE, want)
        this.extent(want - had)
        return true
      }
    }
    if (fresh === 0) return false
    const piece = this.discipline.parent === undefined ? this.pieceStep(step) : step
    for (const more of fresh < piece ? [piece, fresh] : [fresh]) {
      const want = this.rounded(more + RECORD + 2 * ALIGN)
      const at = want <= LIMIT ? this.ask('new', 0, 0, want) : 0
      if (at !== 0) {
        this.append(LAST, at, want)
        return true
      }
    }
    return false
  }

  trim(segment: Segment, keep: number): boolean {
    if (!this.isRecord(segment)) return false
    const raw = this.get(segment, RAW)
    const had = this.get(segment, SIZE)
    const want = this.rounded(keep - raw)
    if (want >= had || want <= 0) return false
    if (this.ask('shrink', raw, had, want) === 0) return false
    this.put(segment, SIZE, want)
    this.extent(want - had)
    return true
  }

  release(segment: Segment): boolean {
    if (segment === this.header) return false
    const before = this.before(segment)
    if (before === 0) return false
    const after = this.next(segment)
    const raw = this.get(segment, RAW)
    const size = this.get(segment, SIZE)
    const kept = this.words.u8.slice(segment, segment + RECORD)
    this.link(before, after)
    let gone = false
    try {
      gone = this.ask('give back', raw, size, 0) !== 0
      if (gone && this.discipline.parent === undefined) this.space.renew()
    } finally {
      if (!gone) {
        this.words.u8.set(kept, segment)
        this.link(before, segment)
        this.setNext(segment, after)
        if (after === 0) this.put(this.header, LAST, segment)
      }
    }
    if (!gone) return false
    this.extent(-size)
    return true
  }

  /**
   * Gives everything back, the piece with the header last; nothing of the region can be used afterwards. A discipline that
   * throws is asked to take the others all the same; then the first thing that it threw is thrown.
   */
  giveAll(): void {
    const only =
      this.get(this.header, NEXT) === mixOf(this.header) >>> 0 &&
      this.get(this.header, MORE_VALUES) === 0 &&
      this.get(this.header, LEDGER) === 0
    if (only) {
      this.ask('give back', this.get(this.header, RAW), this.get(this.header, SIZE), 0)
      return
    }
    const pieces: { raw: number; size: number }[] = []
    for (const s of this.all()) pieces.push({ raw: this.get(s, RAW), size: this.get(s, SIZE) })
    const faults: unknown[] = []
    for (const { raw, size } of pieces.reverse()) {
      try {
        this.ask('give back', raw, size, 0)
      } catch (error) {
        faults.push(error)
      }
    }
    if (faults.length > 0) throw faults[0]
  }

  /**
   * A piece of its own that the method does not see, with `bytes` behind its record; the record's address, or 0. The
   * first of the pieces with accounts stays the first, others become it.
   */
  extra(bytes: number, chain: Extra): number {
    const want = this.rounded(bytes + RECORD + ALIGN)
    const raw = this.frozen ? 0 : this.ask('new', 0, 0, want)
    return raw === 0 ? 0 : this.append(chain, raw, want)
  }

  tailOf(at: Addr): number {
    return this.tails === undefined ? 0 : this.tails.tailOf(at)
  }

  report(found: Found): void {
    const tail = found.isRegion === true || (found.blocks ?? 1) > 1 ? 0 : this.tailOf(found.at)
    this.region.reported(found.size < tail ? found : { ...found, size: found.size - tail })
  }

  /**
   * The same store for a method whose state lies elsewhere in the header, and what it takes and gives, too; `heads` is
   * whether all that it wraps has them.
   */
  at(state: number, tally: number, heads: boolean): Store {
    return new Elsewhere(this, state, tally, heads)
  }

  views(): SegmentView[] {
    return this.all().map((s) => ({ at: this.get(s, RAW) + this.bias, size: this.get(s, SIZE) }))
  }

  /** Holds the chain against its laws; throws at the first that fails. Ends, and reads nothing outside, whatever the bytes. */
  check(): void {
    const seen: { raw: number; end: number }[] = []
    const last = this.checkChain(this.header, seen)
    this.checkChain(this.get(this.header, MORE_VALUES), seen)
    this.checkChain(this.get(this.header, LEDGER), seen)
    const extent = seen.reduce((sum, { raw, end }) => sum + end - raw, 0)
    if (last !== this.last) corrupted(`${this.name}: last segment`, this.header, this.last, last)
    if (extent !== this.get(this.header, EXTENT)) {
      corrupted(`${this.name}: extent`, this.header, this.get(this.header, EXTENT), extent)
    }
    if (this.get(this.header, TIDE) < this.get(this.header, BUSY)) {
      corrupted(
        `${this.name}: high tide`,
        this.header,
        this.get(this.header, TIDE),
        `at least ${this.get(this.header, BUSY)}`,
      )
    }
  }

  private rounded(bytes: number): number {
    return roundUp(bytes, Math.max(this.discipline.round ?? ALIGN, 1))
  }

  /** In a root a new segment is asked for where the last one cannot grow: then few large ones are found sooner than many. */
  private pieceStep(step: number): number {
    return Math.max(step, Math.ceil(this.get(this.header, EXTENT) / PIECE_SHARE))
  }

  private step(): number {
    const extent = this.get(this.header, EXTENT)
    return this.discipline.parent === undefined
      ? Math.max(ROOT_STEP, Math.ceil(extent / ROOT_SHARE))
      : Math.max(NESTED_STEP, Math.ceil(extent / NESTED_SHARE))
  }

  private extent(change: number): void {
    this.put(this.header, EXTENT, this.get(this.header, EXTENT) + change)
  }

  /** Every piece, those of the method first. */
  private all(): Segment[] {
    const found: Segment[] = []
    if (this.header === 0) return found
    for (let s: Segment = this.header; s !== 0; s = this.next(s)) found.push(s)
    for (const chain of [MORE_VALUES, LEDGER] as const)
      for (let s = this.firstExtra(chain); s !== 0; s = this.next(s)) found.push(s)
    return found
  }

  /** Writes the record of a piece and chains it: at the end of the segments (LAST), or with the extra pieces of a kind. */
  private append(chain: typeof LAST | Extra, raw: number, size: number): Segment {
    const record = roundUp(raw, ALIGN)
    const before = chain === LAST ? this.last : chain === LEDGER ? this.firstExtra(LEDGER) : 0
    this.put(record, RAW, raw)
    this.put(record, SIZE, size)
    this.setNext(record, chain === LAST ? 0 : before === 0 ? this.get(this.header, chain) : this.linked(before))
    this.put(record, MARK, markOf(record, raw))
    if (before !== 0) this.setNext(before, record)
    if (before === 0 || chain === LAST) this.put(this.header, chain, record)
    this.extent(size)
    return record
  }

  /** Holds one chain against its laws, adds its pieces to `seen`; the last record, or 0. */
  private checkChain(from: Segment, seen: { raw: number; end: number }[]): Segment {
    const length = this.words.length
    let last = 0
    for (let s = from; s !== 0; s = this.linked(s)) {
      if (s % ALIGN !== 0 || s + RECORD > length)
        corrupted(`${this.name}: segment chain`, last, s, 'the address of a record')
      const raw = this.get(s, RAW)
      const end = raw + this.get(s, SIZE)
      if (this.words.i32[(s + MARK) >>> 2] !== markOf(s, raw)) {
        corrupted(`${this.name}: segment mark`, s, `begins at ${raw}`, 'the mark that goes with it')
      }
      if (raw > s || end > length || this.base(s) > end) {
        corrupted(`${this.name}: segment bounds`, s, `[${raw}, ${end})`, `a piece inside [0, ${length})`)
      }
      for (const other of seen) {
        if (raw < other.end && other.raw < end) {
          corrupted(`${this.name}: segments overlap`, s, `[${raw}, ${end})`, `apart from [${other.raw}, ${other.end})`)
        }
      }
      seen.push({ raw, end })
      last = s
    }
    return last
  }

  private linked(segment: Segment): Segment {
    return (this.get(segment, NEXT) ^ mixOf(segment)) >>> 0
  }

  private setNext(segment: Segment, to: Segment): void {
    this.put(segment, NEXT, to ^ mixOf(segment))
  }

  private isRecord(at: number): boolean {
    return (
      at % ALIGN === 0 && at + RECORD <= this.words.length && this.get(at, MARK) === markOf(at, this.get(at, RAW)) >>> 0
    )
  }

  /** The record before one; 0 where that is not in the chain. */
  private before(segment: Segment): Segment {
    let s = this.header
    while (s !== 0 && this.next(s) !== segment) s = this.next(s)
    return s
  }

  private link(before: Segment, after: Segment): void {
    this.list = nothing
    this.near = 0
    this.listExtent = 0 // which no region has
    this.setNext(before, after)
    if (after === 0) this.put(this.header, LAST, before)
  }

  /** One request; addresses are the library's. The answer of a discipline is not believed unseen. */
  private ask(request: string, at: number, had: number, want: number): number {
    const { discipline, space, bias } = this
    const asked = had === 0 ? 0 : at + bias
    space.inside++
    let answer: number
    try {
      answer = discipline.memory(this.region, asked, had, want)
    } finally {
      space.inside--
    }
    if (answer === 0) return 0
    if (!isWhole(answer, 2 ** 32) || (had !== 0 && answer !== asked) || answer <= bias) {
      throw new VmallocError(
        'argument',
        `discipline ${discipline.name}: ${request} (had ${had}, want ${want}) answered ${String(answer)}, expected ` +
          `${had === 0 ? `an address from ${bias + 1} on` : String(asked)}, or 0 to refuse`,
      )
    }
    if (want === 0) return answer
    // where a parent gave it, the parent looked at the buffer, unless memory grew without it
    const isKnown = discipline.parent !== undefined && !space.shared && !this.words.gone
    if (!isKnown || answer - bias + want > this.words.length) space.renew()
    if (answer - bias + want > this.words.length) {
      throw new VmallocError(
        'argument',
        `discipline ${discipline.name}: ${request} answered ${answer} for ${want} bytes, its buffer ends at ${this.words.length + bias}`,
      )
    }
    return answer - bias
  }
}

class Elsewhere implements Store {
  readonly state: number
  readonly tally: number
  readonly heads: boolean
  private readonly store: Segments

  constructor(store: Segments, state: number, tally: number, heads: boolean) {
    this.state = state
    this.tally = tally
    this.heads = heads && store.heads
    this.store = store
  }

  get words(): Words {
    return this.store.words
  }
  get align(): number {
    return this.store.align
  }
  get bias(): number {
    return this.store.bias
  }
  get name(): string {
    return this.store.name
  }
  get first(): Segment {
    return this.store.first
  }
  get last(): Segment {
    return this.store.last
  }
  next(segment: Segment): Segment {
    return this.store.next(segment)
  }
  base(segment: Segment): number {
    return this.store.base(segment)
  }
  limit(segment: Segment): number {
    return this.store.limit(segment)
  }
  find(at: number): Segment {
    return this.store.find(at)
  }
  grow(need: number, fresh: number): boolean {
    return this.store.grow(need, fresh)
  }
  trim(segment: Segment, keep: number): boolean {
    return this.store.trim(segment, keep)
  }
  release(segment: Segment): boolean {
    return this.store.release(segment)
  }
  took(bytes: number): void {
    tookInto(this.store.words.i32, this.tally >>> 2, bytes)
  }
  gave(bytes: number): void {
    const i = this.tally >>> 2
    const m = this.store.words.i32
    m[i] = m[i]! - bytes
  }
  tailOf(at: Addr): number {
    return this.store.tailOf(at)
  }
  report(found: Found): void {
    this.store.report(found)
  }
}
