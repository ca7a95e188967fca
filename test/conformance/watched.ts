/**
 * watched: a region and its model, side by side. Every operation goes to both, and the region's answer is held against
 * what the model knows it should be; `verify` compares all that can be seen of the two.
 *
 *   operation       must be granted                    may be refused when            must be refused
 *   alloc, align    never for certain: memory may end  no free block would serve      a size or an alignment that is none
 *   free            what the method frees              -                              everything else
 *   resize          as alloc                           not in place, or as alloc      as alloc; what is no block
 *
 * A refusal is an answer (0 or false), one event that says what was wrong (`badaddr`, or `nomem`), and no change.
 */
import type { MethodDef } from '../../src/contract/method.ts'
import type { Ear, Region, ResizeOptions } from '../../src/contract/region.ts'
import type { BlockView, SegmentView, Stat } from '../../src/contract/stat.ts'
import { parseMethod, registry } from '../../src/region/registry.ts'
import { equal, fail, must } from './expect.ts'
import { type Live, Model, mustBePainted, mustBeZero, paint } from './model.ts'

/** What a method promises. */
export type Claims = Pick<MethodDef, 'frees' | 'sizes' | 'coalesces' | 'overhead'>

/** The claims of a method by its full name: those of the innermost, and what all of them together add to a block. */
export function claimsOf(title: string): Claims {
  const chain = parseMethod(title).map((name) => registry.methods.find(name))
  const { frees, sizes, coalesces } = chain[chain.length - 1]!
  return { frees, sizes, coalesces, overhead: chain.reduce((sum, { overhead }) => sum + overhead, 0) }
}

export interface Ask {
  alignment?: number
  zeroed?: boolean
}

/** A refusal heard: the event, what was called, and the value complained of. */
interface Refusal {
  event: 'badaddr' | 'nomem'
  op: string
  value: number
}

export class Watched {
  readonly region: Region
  readonly model = new Model()
  readonly claims: Claims
  readonly #heard: Refusal[] = []
  /** Whether refusals are heard: a region that somebody listens to never takes its short way. */
  readonly #listens: boolean
  #segments: readonly SegmentView[]
  #bytes = new Uint8Array(0) as Uint8Array<ArrayBufferLike>
  /** Blocks of this region that are segments of another. */
  #lends = false

  /** A region without busy blocks. */
  constructor(region: Region, claims: Claims = claimsOf(region.method), { listens = true } = {}) {
    this.region = region
    this.claims = claims
    this.#segments = region.segments()
    this.#listens = listens
    this.model.highTide = region.stat().highTide
    const ear: Ear = {
      badaddr: (_region, { op, value }) => this.#heard.push({ event: 'badaddr', op, value }),
      nomem: (_region, { op, size }) => this.#heard.push({ event: 'nomem', op, value: size }),
    }
    if (listens) region.listen(ear)
  }

  // a block's life

  /** Allocates, paints and records a block; undefined when that was refused, rightly. */
  alloc(size: number, { alignment = 0, zeroed = false }: Ask = {}): Live | undefined {
    const { region } = this
    const op = alignment === 0 ? 'alloc' : 'align'
    this.#heard.length = 0
    const at = zeroed ? region.allocZeroed(size) : alignment === 0 ? region.alloc(size) : region.align(size, alignment)
    if (at === 0) {
      this.#mayRefuse(op, size, alignment)
      return undefined
    }
    must(this.serves(size), `${op}(${size}): answered ${at}, expected 0 from a method of ${this.claims.sizes} size`)
    const live = this.#record(at, size, Math.max(alignment, region.alignment))
    if (zeroed) mustBeZero(this.bytes, at, at + live.size)
    paint(this.bytes, live)
    return live
  }

  /** Frees a block if the method frees it; true when it is gone. */
  free(live: Live): boolean {
    const { region, model } = this
    mustBePainted(this.bytes, live, live.at, live.size)
    if (!this.frees(live)) {
      this.refuses('free', live.at, () => region.free(live.at))
      return false
    }
    equal(`free(${live.at})`, region.free(live.at), true)
    model.gave(live)
    equal(`sizeOf(${live.at}) once it is free`, region.sizeOf(live.at), -1)
    return true
  }

  /** Changes a block's size; the block as it is now, or undefined when that was refused, rightly. */
  resize(live: Live, size: number, options?: ResizeOptions): Live | undefined {
    const { region, model } = this
    const { move, copy, zero } = options ?? {}
    const mayMove = move === true || copy === true
    this.#heard.length = 0
    const at = region.resize(live.at, size, options)
    if (at === 0) {
      if (mayMove) this.#mayRefuse('resize', size, 0)
      else if (this.#listens) equal('events of a resize in place that was refused', this.#heard, [])
      equal(`sizeOf(${live.at}) after a resize that was refused`, region.sizeOf(live.at), live.size)
      mustBePainted(this.bytes, live, live.at, live.size)
      return undefined
    }
    const what = `resize(${live.at}, ${size})`
    must(at === live.at || mayMove, `${what}: answered ${at}, expected the same address`)
    const now = this.#record(at, size, region.alignment, at === live.at ? live : undefined)
    if (at !== live.at) model.gave(live)
    const { bytes } = this
    if (at === live.at || copy === true) {
      const kept = Math.min(live.size, at === live.at ? now.size : size)
      mustBePainted(bytes, live, at, kept)
      if (zero === true) mustBeZero(bytes, at + live.size, at + now.size)
    }
    paint(bytes, now)
    return now
  }

  clear(): void {
    equal('clear()', this.region.clear(), true)
    this.model.clear()
    this.#lends = false
  }

  /** Begins anew, after operations that the model knows nothing of. */
  restart(): void {
    this.region.clear()
    this.model.clear()
    this.model.highTide = this.region.stat().highTide
  }

  /** Bytes given back. */
  compact(): number {
    const before = this.region.stat().extent
    const given = this.region.compact()
    equal('compact()', given, before - this.region.stat().extent)
    must(given >= 0, `compact(): ${given}, expected at least 0`)
    return given
  }

  /** Frees all that the method frees, in the order that `next` chooses; a method of the newest is left no choice. */
  freeAll(next = (live: readonly Live[]) => live[live.length - 1]!): void {
    const { live } = this.model
    if (this.claims.frees === 'none') return
    while (live.length > 0) this.free(this.claims.frees === 'newest' ? live[live.length - 1]! : next(live))
  }

  // what is refused

  /** Calls what must be refused as a client's mistake: one `badaddr`, answer 0 or false, and nothing changes. */
  refuses(op: string, value: number, call: () => unknown): void {
    const before = this.region.stat()
    this.#heard.length = 0
    const answer = call()
    must(answer === 0 || answer === false, `${op} of ${value}: answered ${String(answer)}, expected a refusal`)
    if (this.#listens) equal(`events of ${op} of ${value}`, this.#heard, [{ event: 'badaddr', op, value }])
    equal(`stat() after ${op} of ${value} was refused`, this.region.stat(), before)
  }

  /** Whether the method could ever serve that size. */
  serves(size: number): boolean {
    const { sizes } = this.claims
    if (sizes === 'none') return false
    const unit = sizes === 'one' ? this.region.unit : 0
    return unit === 0 || size === unit || size === 0
  }

  /** Whether the method frees that block now. */
  frees(live: Live): boolean {
    return this.claims.frees === 'any' || (this.claims.frees === 'newest' && this.model.isNewest(live))
  }

  // what can be seen

  get bytes(): Uint8Array<ArrayBufferLike> {
    const { buffer } = this.region
    if (this.#bytes.buffer !== buffer || this.#bytes.length !== buffer.byteLength) this.#bytes = new Uint8Array(buffer)
    return this.#bytes
  }

  /** Compares walk, stat, sizes and contents with the model, and lets the region check itself. */
  verify(): void {
    const { region, model } = this
    region.check()
    for (const live of model.live) {
      equal(`sizeOf(${live.at})`, region.sizeOf(live.at), live.size)
      mustBePainted(this.bytes, live, live.at, live.size)
    }
    this.#verifyStat(this.#verifyWalk())
  }

  // parts

  /** Enters a block that became busy, or one that changed its size where it was. */
  #record(at: number, asked: number, alignment: number, was?: Live): Live {
    const { region, model } = this
    const size = region.sizeOf(at)
    if (!(size >= asked)) fail(`block at ${at}: ${size} usable bytes, asked for ${asked}`)
    if (this.claims.sizes === 'one') equal('unit', region.unit, size)
    const segments = this.#segmentsAround(at, size)
    return was === undefined ? model.took(at, size, alignment, segments) : model.changed(was, size, alignment, segments)
  }

  /** The segments, looked up again when the block is in none of those known. */
  #segmentsAround(at: number, size: number): readonly SegmentView[] {
    if (!this.#segments.some((known) => at >= known.at && at + size <= known.at + known.size)) {
      this.#segments = this.region.segments()
    }
    return this.#segments
  }

  /** A request was answered with 0: either the method never serves it, or there is no memory for it. */
  #mayRefuse(op: string, size: number, alignment: number): void {
    const serves = this.serves(size)
    const asIs = serves && alignment <= this.region.alignment // a wider alignment may be a job that the method does not do
    if (this.#listens) this.#oneRefusal(op, asIs ? ['nomem'] : ['badaddr', 'nomem'], [size, alignment])
    if (!asIs) return
    const enough = Math.max(size, this.region.unit) + this.claims.overhead + 2 * this.region.alignment
    this.region.walk(({ at, size, state }) => {
      if (state !== 'busy' && size >= enough)
        fail(`${op}: no memory for ${enough}, but ${size} bytes at ${at} are ${state}`)
    })
  }

  /** Exactly one refusal was heard, one of those events, about one of those values. */
  #oneRefusal(op: string, events: readonly string[], values: readonly number[]): void {
    const [refusal] = this.#heard
    const fits = refusal?.op === op && events.includes(refusal.event) && values.includes(refusal.value)
    must(
      fits && this.#heard.length === 1,
      `${op} of ${values.join(', ')} answered 0 with events ${JSON.stringify(this.#heard)}, expected one ${events.join(' or ')}`,
    )
  }

  /** Holds the walk against the model: each busy block once, nothing overlaps, in order within each segment. */
  #verifyWalk(): BlockView[] {
    const { model } = this
    const seen: BlockView[] = []
    this.region.walk((block) => {
      seen.push(block)
    })
    const segments = (this.#segments = this.region.segments())
    const lent = new Set(this.region.children().flatMap((child) => child.segments().map(({ at }) => at)))
    this.#lends ||= lent.size > 0
    let busy = 0
    let before: BlockView | undefined
    for (const block of seen) {
      const { at, size, state } = block
      const home = segments.find((segment) => at >= segment.at && at < segment.at + segment.size)
      must(home !== undefined, `walk: ${state} block at ${at}, outside every segment`)
      must(
        size >= 0 && at + size <= home.at + home.size,
        `walk: ${state} block [${at}, ${at + size}) leaves its segment`,
      )
      const follows =
        before !== undefined && before.at >= home.at && before.at < home.at + home.size ? before : undefined
      must(
        follows === undefined || follows.at + follows.size <= at,
        `walk: ${state} block at ${at} after [${follows?.at}, ${Number(follows?.at) + Number(follows?.size)})`,
      )
      before = block
      if (state !== 'busy' || lent.has(at)) continue
      equal(`walk: size of the busy block at ${at}`, size, model.startingAt(at)?.size)
      busy++
    }
    equal('walk: busy blocks', busy, model.live.length)
    return seen
  }

  #verifyStat(seen: readonly BlockView[]): void {
    const stat = this.region.stat()
    const sum = (state: string) => seen.reduce((all, block) => all + (block.state === state ? block.size : 0), 0)
    const count = (state: string) => seen.filter((block) => block.state === state).length
    const largest = (state: string) =>
      seen.reduce((most, block) => (block.state === state ? Math.max(most, block.size) : most), 0)
    const extent = this.#segments.reduce((all, segment) => all + segment.size, 0)
    const expected: Stat = {
      busyBlocks: count('busy'),
      busyBytes: sum('busy'),
      freeBlocks: count('free'),
      freeBytes: sum('free'),
      largestBusy: largest('busy'),
      largestFree: largest('free'),
      cachedBlocks: count('cached'),
      cachedBytes: sum('cached'),
      segments: this.#segments.length,
      extent,
      highTide: this.#lends ? stat.highTide : this.model.highTide,
      overhead: extent - sum('busy') - sum('free') - sum('cached'),
    }
    equal('stat()', stat, expected)
    must(stat.overhead >= 0, `stat(): overhead ${stat.overhead}`)
  }
}
