/**
 * checked: one pass of a trace in which the client knows every byte that it wrote.
 *
 * Each block is filled, to its usable size, with words that only its id and their place explain:
 *
 *   block 3 at 4096      | w | w + 1 | w + 2 | ... | first bytes of w + n |        w = 4 * the golden ratio, mod 2^32
 *
 *   verified  all of a block: at its free, before and after a resize (the part that is kept), at a clear, at the end
 *             that a block is inside the space, aligned, and as large as was asked
 *             that a zeroed block is zero
 *             region.check() about a hundred times, and at the end
 *
 * So a block that overlaps another, was moved without its content, or was touched by the method is found when it is
 * next looked at. VmallocError `corrupted` names the event (counted from 0) and the block.
 */
import type { Addr } from '../contract/addr.ts'
import type { Region } from '../contract/region.ts'
import { VmallocError } from '../ground/fault.ts'
import { OP_ALIGN, OP_CLEAR, OP_COMPACT, OP_FREE, OP_RESIZE, OP_ZEROED, type Trace } from './trace.ts'

const GOLDEN = 0x9e3779b1
const CHECKS = 100
const REALLOC = { move: true, copy: true }

/** As `replay`, but throws at the first byte that is not what it must be. `every`: events between two `region.check()`. */
export function replayChecked(
  trace: Trace,
  region: Region,
  { every = Math.ceil(trace.events / CHECKS) }: { every?: number } = {},
): { addresses: Uint32Array; failed: number; refused: number } {
  const client = new Client(region, trace)
  for (let event = 0; event < trace.events; event++) {
    client.play(event)
    if ((event + 1) % every === 0) client.checkRegion()
  }
  client.verifyAll()
  client.checkRegion()
  return client
}

class Client {
  readonly addresses: Uint32Array
  failed = 0
  refused = 0
  readonly #trace: Trace
  readonly #region: Region
  /** Usable bytes of each live block, by id. */
  readonly #live = new Map<number, number>()
  #event = 0
  #words = new Int32Array(0)
  #bytes = new Uint8Array(0)

  constructor(region: Region, trace: Trace) {
    this.addresses = new Uint32Array(trace.blocks)
    this.#region = region
    this.#trace = trace
  }

  play(event: number): void {
    this.#event = event
    const id = this.#trace.ids[event]!
    const size = this.#trace.sizes[event]!
    switch (this.#trace.ops[event]) {
      case OP_ALIGN:
        this.#settle(id, this.#region.align(size, this.#trace.aligns[event]!), size)
        break
      case OP_ZEROED: {
        const at = this.#region.allocZeroed(size)
        if (at !== 0) this.#verifyZero(id, at, this.#usable(id, at, size))
        this.#settle(id, at, size)
        break
      }
      case OP_RESIZE:
        this.#resize(id, size)
        break
      case OP_FREE:
        this.#free(id)
        break
      case OP_CLEAR:
        this.verifyAll()
        this.#live.clear()
        this.#region.clear()
        break
      case OP_COMPACT:
        this.#region.compact()
        break
      default:
        this.#settle(id, this.#region.alloc(size), size)
    }
  }

  verifyAll(): void {
    for (const [id, usable] of this.#live) this.#verify(id, usable)
  }

  checkRegion(): void {
    try {
      this.#region.check()
    } catch (error) {
      throw this.#fault(`check: ${error instanceof Error ? error.message : error}`, error)
    }
  }

  /** A new block, or none. */
  #settle(id: number, at: Addr, size: number): void {
    this.addresses[id] = at
    if (at === 0) this.failed++
    else this.#take(id, at, size)
  }

  #resize(id: number, size: number): void {
    const had = this.#live.get(id)
    if (had === undefined) return
    this.#verify(id, had)
    const at = this.#region.resize(this.addresses[id]!, size, REALLOC)
    if (at === 0) {
      this.failed++
      this.#verify(id, had)
      return
    }
    this.addresses[id] = at
    this.#usable(id, at, size)
    this.#verify(id, Math.min(had, size))
    this.#take(id, at, size)
  }

  #free(id: number): void {
    const had = this.#live.get(id)
    if (had === undefined) return
    this.#verify(id, had)
    this.#live.delete(id)
    if (!this.#region.free(this.addresses[id]!)) this.refused++
  }

  /** A block is ours: fills it. */
  #take(id: number, at: Addr, size: number): void {
    const usable = this.#usable(id, at, size)
    this.#live.set(id, usable)
    const words = this.#words
    const first = at / 4
    const whole = usable >>> 2
    const pattern = Math.imul(id + 1, GOLDEN)
    for (let i = 0; i < whole; i++) words[first + i] = pattern + i
    for (let byte = 4 * whole; byte < usable; byte++) this.#bytes[at + byte] = (pattern + whole) >>> (8 * (byte & 3))
  }

  /** Usable bytes of a block that must be inside the space, aligned, and large enough. */
  #usable(id: number, at: Addr, size: number): number {
    this.#renew()
    const alignment = Math.max(this.#region.alignment, this.#trace.aligns[this.#event]!)
    if (at % alignment !== 0) throw this.#fault(`block ${id} at ${at}, expected a multiple of ${alignment}`)
    const usable = this.#region.sizeOf(at)
    if (usable < size) throw this.#fault(`block ${id} at ${at}: ${usable} usable bytes, expected at least ${size}`)
    const end = this.#bytes.length
    if (at + usable > end) throw this.#fault(`block ${id} at ${at}: ends at ${at + usable}, expected at most ${end}`)
    return usable
  }

  /** The first `length` bytes of a block are what it was filled with. */
  #verify(id: number, length: number): void {
    this.#renew()
    const words = this.#words
    const at = this.addresses[id]!
    const first = at / 4
    const whole = length >>> 2
    const pattern = Math.imul(id + 1, GOLDEN)
    for (let i = 0; i < whole; i++) {
      if (words[first + i] !== ((pattern + i) | 0)) this.#throwAt(id, at, 4 * i, words[first + i]!, (pattern + i) | 0)
    }
    for (let byte = 4 * whole; byte < length; byte++) {
      const expected = ((pattern + whole) >>> (8 * (byte & 3))) & 255
      if (this.#bytes[at + byte] !== expected) this.#throwAt(id, at, byte, this.#bytes[at + byte]!, expected)
    }
  }

  #verifyZero(id: number, at: Addr, usable: number): void {
    const end = at + usable
    for (let byte = at; byte < end; byte++) {
      if (this.#bytes[byte] !== 0) this.#throwAt(id, at, byte - at, this.#bytes[byte]!, 0)
    }
  }

  #throwAt(id: number, at: Addr, offset: number, seen: number, expected: number): never {
    const hex = (n: number) => `0x${(n >>> 0).toString(16)}`
    throw this.#fault(`block ${id} at ${at}: ${hex(seen)} at offset ${offset}, expected ${hex(expected)}`)
  }

  #fault(what: string, cause?: unknown): VmallocError {
    return new VmallocError('corrupted', `${this.#trace.name}, event ${this.#event}: ${what}`, { cause })
  }

  /** Memory may have grown; views of a fixed length show it, even over a buffer that grows itself. */
  #renew(): void {
    const { buffer } = this.#region
    if (buffer === this.#bytes.buffer && buffer.byteLength === this.#bytes.length) return
    this.#bytes = new Uint8Array(buffer as ArrayBuffer, 0, buffer.byteLength)
    this.#words = new Int32Array(buffer as ArrayBuffer, 0, buffer.byteLength >>> 2)
  }
}
