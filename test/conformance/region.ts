/**
 * region: the life of a region, drawn at random and watched (watched.ts).
 *
 *   randomLife({ method: 'best', discipline: new ArrayBuffer(2 ** 16), steps: 10_000, seed: 1, check: 3 })
 *
 * opens a region, does that many operations, frees what is left, and closes it again. It throws at the first thing that
 * is not as it must be, with the seed, the step and the operations that led there.
 *
 * A life has moods: for a while it grows, then it shrinks, so memory is at times full and at times empty. Sizes and
 * places are drawn skewed (rng.ts) and often at the edges of what is live: the size of a block that is there, or was, a
 * byte more or less; an address beside a block, inside it, or where one has been. About one operation in ten is a
 * client's mistake.
 */
import { LIMIT } from '../../src/contract/addr.ts'
import type { MethodDef } from '../../src/contract/method.ts'
import type { Region, ResizeOptions } from '../../src/contract/region.ts'
import { type OpenOptions, open } from '../../src/region/open.ts'
import { equal, must } from './expect.ts'
import { Ledger } from './ledger.ts'
import type { Live } from './model.ts'
import { Rng } from './rng.ts'
import { type Claims, Watched } from './watched.ts'

export interface Life {
  method: string | MethodDef
  discipline: OpenOptions['discipline']
  steps: number
  seed: number
  /** The region's check level, 3 when absent. Below 3 nobody listens either, and the region takes its short ways. */
  check?: number
  /** The most blocks that are busy at once; 60 when absent. */
  live?: number
  /** The largest size of an ordinary request; 2000 when absent. */
  largest?: number
  /** More options of the region, such as `align`. */
  options?: OpenOptions
  /** Of a method that is not registered. */
  claims?: Claims
}

/** Numbers that are no size. */
export const noSizes: readonly number[] = [NaN, -1, 1.5, Infinity, -Infinity, 2 ** 32, LIMIT + 1, 2 ** 53]
/** Numbers that are no alignment. */
export const noAlignments: readonly number[] = [NaN, -8, 0, 3, 12, 1.5, Infinity, 2 ** 32]

const KEPT = 24

/** Lives once; throws at the first thing that is wrong. */
export function randomLife(life: Life): void {
  const { method, discipline, steps, seed, check = 3, live = 60 } = life
  const region = open({ ...life.options, method, discipline, check, name: 'life' })
  const one = new RandomLife(region, life)
  try {
    for (let step = 1; step <= steps; step++) {
      one.step()
      if (step % Math.max(live, 32) === 0) one.watched.verify()
    }
    one.end()
  } catch (error) {
    const sentence = error instanceof Error ? error.message : String(error)
    throw new Error(`${region.method} over ${region.discipline.name}, SEED=${seed}, ${one}: ${sentence}`, {
      cause: error,
    })
  }
}

class RandomLife {
  readonly watched: Watched
  readonly #rng: Rng
  readonly #most: number
  readonly #largest: number
  readonly #keepsAccounts: boolean
  /** The one size of a method that has but one, drawn anew after each clear. */
  #unit: number
  #grows = true
  #step = 0
  /** The last operations, for the message. */
  readonly #history: string[] = []
  /** Where blocks were that are gone, and how large. */
  readonly #gone: { at: number; size: number }[] = []

  constructor(region: Region, { seed, live = 60, largest = 2000, check = 3, claims, options }: Life) {
    this.#keepsAccounts = options?.accounts === true || options?.ordinals === true
    this.watched = new Watched(region, claims, { listens: check === 3 })
    this.#rng = new Rng(seed)
    this.#most = live
    this.#largest = largest
    this.#unit = this.#rng.size(largest)
  }

  toString(): string {
    return `step ${this.#step}, after ${this.#history.join(' ')}`
  }

  step(): void {
    this.#step++
    const rng = this.#rng
    const { live } = this.watched.model
    if (live.length === 0) this.#grows = true
    else if (live.length >= this.#most) this.#grows = false
    else if (rng.chance(1 / 100)) this.#grows = !this.#grows
    const draw = rng.below(100)
    if (draw < 10) this.#mistake()
    else if (live.length > 0 && draw < 20) this.#resize()
    else if (draw === 20 && rng.chance(1 / 2)) this.#whole()
    else if (live.length === 0 || (live.length < this.#most && rng.chance(this.#grows ? 2 / 3 : 1 / 3))) this.#alloc()
    else this.#free()
  }

  /** Frees what is left, oldest first where the method lets it, and closes the region. */
  end(): void {
    const { watched } = this
    const { region } = watched
    this.#note('end')
    watched.verify()
    watched.freeAll((live) => live[0]!)
    if (watched.claims.frees !== 'none') equal('busy blocks when all are freed', region.stat().busyBlocks, 0)
    watched.compact()
    watched.verify()
    if (watched.claims.coalesces) mustBeWhole(watched)
    mustBeOneSegment(region, this.#keepsAccounts)
    equal('close()', region.close(), true)
  }

  #note(what: string): void {
    this.#history.push(what)
    if (this.#history.length > KEPT) this.#history.shift()
  }

  // what is done

  #alloc(): void {
    const rng = this.#rng
    const size = this.#size()
    const alignment = rng.chance(1 / 16) ? 2 ** rng.below(rng.chance(1 / 8) ? 15 : 8) : 0
    const zeroed = alignment === 0 && rng.chance(1 / 8)
    this.#note(alignment !== 0 ? `align(${size},${alignment})` : zeroed ? `allocZeroed(${size})` : `alloc(${size})`)
    if (this.watched.alloc(size, { alignment, zeroed }) === undefined) this.#grows = false
  }

  #free(): void {
    const block = this.#block()
    this.#note(`free(${block.at})`)
    if (this.watched.free(block)) this.#bury(block)
  }

  #resize(): void {
    const rng = this.#rng
    const block = this.#block()
    const size = rng.chance(1 / 4) ? Math.min(LIMIT, block.size + rng.size(64)) : this.#size()
    const options: ResizeOptions = { move: rng.chance(1 / 2), copy: rng.chance(1 / 2), zero: rng.chance(1 / 4) }
    const letters = `${options.move ? 'm' : ''}${options.copy ? 'c' : ''}${options.zero ? 'z' : ''}`
    this.#note(`resize(${block.at},${size},${letters})`)
    const now = this.watched.resize(block, size, options)
    if (now !== undefined && now.at !== block.at) this.#bury(block)
  }

  /** Something that concerns the whole region. */
  #whole(): void {
    const { watched } = this
    if (this.#rng.chance(7 / 8)) {
      this.#note('compact()')
      watched.compact()
      return
    }
    this.#note('clear()')
    watched.clear()
    this.#unit = this.#rng.size(this.#largest)
  }

  #mistake(): void {
    const rng = this.#rng
    const { region } = this.watched
    const { live } = this.watched.model
    const draw = rng.below(8)
    if (draw === 0 && live.length > 0) {
      const { at } = rng.pick(live)
      this.#refused('resize', rng.pick(noSizes), (size) => region.resize(at, size, { move: true }))
    } else if (draw === 1) this.#refused('alloc', rng.pick(noSizes), (size) => region.alloc(size))
    else if (draw === 2) this.#refused('align', rng.pick(noAlignments), (to) => region.align(8, to))
    else this.#wrong(this.#wrongAddress())
  }

  /** Uses an address that is no block's as if it were one. */
  #wrong(at: number): void {
    const { region, model } = this.watched
    if (at === 0 || model.startingAt(at) !== undefined) return
    equal(`sizeOf(${at})`, region.sizeOf(at), -1)
    if (this.#rng.chance(1 / 4)) this.#refused('resize', at, () => region.resize(at, 8, { copy: true }))
    else this.#refused('free', at, () => region.free(at))
  }

  #refused(op: string, value: number, call: (value: number) => unknown): void {
    this.#note(`${op} of ${value}`)
    this.watched.refuses(op, value, () => call(value))
  }

  // what is drawn

  /** A size: that of a block which is there or was, or nearly; or any, at times far larger. */
  #size(): number {
    const rng = this.#rng
    const { claims, model, region } = this.watched
    if (claims.sizes === 'one' && !rng.chance(1 / 16)) return region.unit || this.#unit
    if (rng.chance(1 / 64)) return rng.size(64 * this.#largest)
    const known = rng.chance(1 / 2) ? model.live : this.#gone
    if (known.length === 0 || rng.chance(2 / 3)) return rng.size(this.#largest)
    const { size } = known[rng.age(known.length)]!
    return Math.max(0, size + (rng.chance(1 / 2) ? 0 : rng.pick([-8, -1, 1, 4, 8])))
  }

  /** A block to be freed or resized: mostly one that the method would free. */
  #block(): Live {
    const rng = this.#rng
    const { live } = this.watched.model
    const newest = live[live.length - 1]!
    if (this.watched.claims.frees === 'newest' && rng.chance(3 / 4)) return newest
    return live[rng.age(live.length)]!
  }

  /** An address that is most likely no block. */
  #wrongAddress(): number {
    const rng = this.#rng
    const { region, model } = this.watched
    const place = this.#gone.length > 0 && rng.chance(1 / 2) ? rng.pick(this.#gone) : undefined
    if (place !== undefined && rng.chance(3 / 4)) return place.at
    const near = place ?? (model.live.length > 0 ? rng.pick(model.live) : { at: region.header, size: 64 })
    const edge = near.at + (rng.chance(1 / 2) ? rng.below(near.size + 1) : near.size)
    return rng.pick([
      edge,
      near.at + rng.pick([-16, -8, -4, -1, 1, 4, 8, 16, 0.5]),
      near.at + rng.pick([1, -1]) * 2 ** 32,
      -near.at,
      region.header,
      region.buffer.byteLength + rng.pick([-8, 0, 8]),
      rng.pick([NaN, Infinity, 2 ** 53, 4, 8]),
    ])
  }

  #bury({ at, size }: Live): void {
    this.#gone.push({ at, size })
    if (this.#gone.length > KEPT) this.#gone.shift()
  }
}

/** After everything was freed and merged, no segment holds more than one free piece. */
export function mustBeWhole({ region }: Watched): void {
  const segments = region.segments()
  const pieces = new Map<number, number>()
  region.walk(({ at, state }) => {
    const home = segments.find((segment) => at >= segment.at && at < segment.at + segment.size)!
    pieces.set(home.at, (pieces.get(home.at) ?? 0) + 1)
    must(state === 'free', `block at ${at}: ${state}, expected free`)
    must(pieces.get(home.at) === 1, `segment at ${home.at}: holds another free piece at ${at}, expected one`)
  })
}

/**
 * After everything was freed and compacted only the first segment is left, where the method gives segments back and the
 * discipline takes them; and the piece that accounts are kept in.
 */
export function mustBeOneSegment(region: Region, keepsAccounts = false): void {
  const { discipline } = region
  if (!(discipline instanceof Ledger)) return
  const given = discipline.calls.filter((call) => call.request === 'give back')
  if (given.length === 0 || given.some((call) => call.answer === 0)) return
  equal('segments when all is freed', region.segments().length, keepsAccounts ? 2 : 1)
}
