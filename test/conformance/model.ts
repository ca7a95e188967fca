/**
 * model: a shadow of a region, in which each byte names its owner.
 *
 *   space    | ........ | payload, 24 bytes | .... | payload, 100 bytes | ..... |
 *   owners   | 0 0 0 .. | 7 7 7 ........... | 0 .. | 3 3 3 ............ | 0 ... |      the number of a block, or 0
 *   bytes    | whatever | PATTERN from 7 on | what | PATTERN from 3 on  | ever  |
 *
 * A block that becomes busy must be aligned, large enough, inside a segment, and nobody's until now: then its bytes are
 * painted with a pattern of its own. They are looked at when it goes, moves or changes size, so a write of anybody
 * else's is noticed. All of it is typed arrays and plain ifs: millions of operations pass through here.
 *
 * In the pattern no four bytes can pass for the bookkeeping of a heap: every byte has its highest bit set, so every word
 * is beyond all addresses, and its lowest bit clear.
 */
import type { SegmentView } from '../../src/contract/stat.ts'
import { fail } from './expect.ts'

/** A block that is busy. */
export interface Live {
  readonly at: number
  /** Usable bytes. */
  readonly size: number
  readonly owner: number
}

/** What is known of a region's blocks, oldest first. */
export class Model {
  readonly live: Live[] = []
  busyBytes = 0
  highTide = 0

  readonly #starts = new Map<number, Live>()
  #owners = new Uint32Array(2 ** 16)
  /** Blocks by owner; a number that is not used any more is used again. */
  readonly #blocks: Live[] = []
  readonly #unused: number[] = []

  /** A block of `size` usable bytes became busy at `at`. */
  took(at: number, size: number, alignment: number, segments: readonly SegmentView[]): Live {
    const end = at + size
    if (at % alignment !== 0) fail(`address ${at}: expected a multiple of ${alignment}`)
    if (!segments.some((segment) => at >= segment.at && end <= segment.at + segment.size)) {
      fail(`block [${at}, ${end}): expected inside a segment`)
    }
    if (this.#starts.has(at)) fail(`block at ${at}: is busy already`)
    this.#reach(end)
    const owners = this.#owners
    for (let i = at; i < end; i++) {
      if (owners[i] !== 0) fail(`block [${at}, ${end}): overlaps the busy block at ${this.ownerOf(i)?.at}`)
    }
    const owner = this.#unused.pop() ?? this.#starts.size + 1
    const live: Live = { at, size, owner }
    this.#blocks[owner] = live
    owners.fill(owner, at, end)
    this.#starts.set(at, live)
    this.live.push(live)
    this.busyBytes += size
    this.highTide = Math.max(this.highTide, this.busyBytes)
    return live
  }

  /** A block has another size now, where it was. */
  changed(live: Live, size: number, alignment: number, segments: readonly SegmentView[]): Live {
    const age = this.live.lastIndexOf(live)
    this.gave(live)
    const now = this.took(live.at, size, alignment, segments)
    this.live.splice(age, 0, this.live.pop()!)
    return now
  }

  /** A block is busy no more. */
  gave(live: Live): void {
    this.live.splice(this.live.lastIndexOf(live), 1)
    this.#starts.delete(live.at)
    this.#owners.fill(0, live.at, live.at + live.size)
    this.#unused.push(live.owner)
    this.busyBytes -= live.size
  }

  /** No block is busy any more. */
  clear(): void {
    while (this.live.length > 0) this.gave(this.live[this.live.length - 1]!)
  }

  /** The busy block that starts at an address. */
  startingAt(at: number): Live | undefined {
    return this.#starts.get(at)
  }

  /** The busy block that holds an address. */
  ownerOf(at: number): Live | undefined {
    const owner = this.#owners[at] ?? 0
    return owner === 0 ? undefined : this.#blocks[owner]
  }

  isNewest(live: Live): boolean {
    return live === this.live[this.live.length - 1]
  }

  #reach(end: number): void {
    if (end <= this.#owners.length) return
    const more = new Uint32Array(Math.max(end, 2 * this.#owners.length))
    more.set(this.#owners)
    this.#owners = more
  }
}

const TURN = 2 ** 16
const PATTERN = new Uint8Array(TURN)
for (let i = 0, word = 1; i < TURN; i++) {
  word = (Math.imul(word, 0x915f77f5) + 1) >>> 0
  PATTERN[i] = 0x80 | ((word >>> 24) & 0x7e)
}

/** Where in the pattern the byte `i` of an owner's block is. */
const turned = (owner: number, i: number) => (owner * 0x9e37 + i) % TURN

/** Gives a block its pattern. */
export function paint(bytes: Uint8Array, { at, size, owner }: Live): void {
  for (let done = 0; done < size; ) {
    const from = turned(owner, done)
    const part = PATTERN.subarray(from, from + size - done)
    bytes.set(part, at + done)
    done += part.length
  }
}

/** Holds `length` bytes at `at` against the first ones of a block's pattern. */
export function mustBePainted(bytes: Uint8Array, { owner }: Live, at: number, length: number): void {
  let turn = turned(owner, 0)
  for (let i = at; i < at + length; i++) {
    if (bytes[i] !== PATTERN[turn]) fail(`block at ${at}: byte ${i - at} is ${bytes[i]}, expected ${PATTERN[turn]}`)
    turn = turn + 1 === TURN ? 0 : turn + 1
  }
}

/** Holds the bytes from `at` to `end` against 0. */
export function mustBeZero(bytes: Uint8Array, at: number, end: number): void {
  for (let i = at; i < end; i++) if (bytes[i] !== 0) fail(`byte ${i}: is ${bytes[i]}, expected 0`)
}
