/**
 * mem-pool: MemPool of @thi.ng/malloc over a region of method best: a program switches by one import line.
 *
 *   buffer   start    +32     base                      first                                    reach
 *   | others | words  | map   | header of the region ... | block | block | ... | wilderness .... | others |
 *
 *   words    | MARK | MAP bytes | REACH | FIRST | END | EXTRA |     all that a pool elsewhere must know to attach
 *   map      a bit for each 8 bytes from base on: set where a block begins
 *
 * The map is why `free` is sure: an address inside a block, one that was freed, one of another's are refused whatever the
 * bytes around them look like, and at a cost that does not depend on how many blocks live. (The region alone believes
 * its heads.) An overrun can break heads, not the map, so `stats` always has figures: what lies behind a broken head
 * counts as used.
 *
 * As there: options and their defaults, arguments and their order, results (0, undefined and false on failure), the names
 * of the types, the shape of `stats`. malloc(0) and realloc to 0 answer 0, the latter without freeing; realloc(0, n)
 * answers 0; a size that is a fraction is rounded up; a failed realloc leaves the block as it was; all state is in the
 * bytes, so the buffer can be posted, or saved and read back, and be attached with `skipInitialization`.
 *
 * Otherwise than there:
 *
 *   addresses    best fit, so blocks lie elsewhere; `top` is where the last used block ends
 *   block sizes  4 bytes of bookkeeping instead of 8, at least 16 bytes with it; sizes in `stats` include it, as there
 *   bookkeeping  about 1.2 KiB and a 64th of the range, instead of 28 bytes. A buffer that the pool makes itself is longer
 *                than `size` by that, so as much fits as there, and `total` is `size`; in bytes of the caller's (`buf`,
 *                or `size` with a smaller `end`) it comes out of the range, which must be large enough
 *   start        a multiple of 8; others are rounded up
 *   compact      accepted, without effect: free neighbours are always merged in time, and always count as one in `stats`
 *   split, minSplit   checked, without effect: what a request leaves of a free block is split off when a block fits there
 *   buf          may be a WebAssembly.Memory; the pool stays in the bytes it had and goes on when that grows. Over
 *                `memory.buffer` it cannot know where the bytes went: calls throw until `pool.buf = memory.buffer` (arrays
 *                made before are empty; free such blocks by address). At most 4 GiB; more than 2 GiB is ordinary
 *   errors       VmallocError: bad options and unknown types `argument`, bytes without a pool `damaged`. NaN and sizes
 *                that no block can have answer 0; nothing wraps
 *   release      the bytes stay as they are for pools elsewhere; calls on this one answer 0, undefined or false
 *   more         types i64, u64 and WebGL's numbers; `region`, for check, walk and traces of its blocks. Protected
 *                members other than start, end, top and align are not there
 */
import { rootDiscipline, START } from '../../disciplines/root.ts'
import { type Addr, NIL } from '../contract/addr.ts'
import type { ArrayType, Discipline, NumericArray, Region } from '../contract/region.ts'
import { isPowerOfTwo, roundDown, roundUp } from '../ground/bits.ts'
import { VmallocError } from '../ground/fault.ts'
import { MAGIC } from '../region/header.ts'
import { attach, open } from '../region/open.ts'

export interface MemPoolOpts {
  /** The memory to manage; made by the pool when absent. */
  buf: ArrayBufferLike | WebAssembly.Memory
  /** Bytes of the buffer that the pool makes; 4096 when absent. */
  size: number
  /** First byte of the pool; 0 when absent. Pools that attach must say the same. */
  start: number
  /** The byte after the pool's last; the end of the buffer when absent. */
  end: number
  /** Every address is a multiple of this power of two, from 8 on; 8 when absent. */
  align: number
  /** Without effect. */
  compact: boolean
  /** Without effect. */
  split: boolean
  /** Without effect; more than 8. */
  minSplit: number
  /** The bytes are a pool already, which is attached as it is; other options but `buf` and `start` are not looked at. */
  skipInitialization: boolean
}

export interface MemPoolStats {
  /** Free blocks between used ones. */
  free: { count: number; size: number }
  used: { count: number; size: number }
  /** Where the last used block ends: from here to the pool's end nothing is used. */
  top: number
  /** Bytes that are free, wherever they lie. */
  available: number
  total: number
}

/** The typed arrays by the names of their types, and by the numbers that WebGL has for them. */
interface Arrays {
  u8: Uint8Array<ArrayBufferLike>
  u8c: Uint8ClampedArray<ArrayBufferLike>
  i8: Int8Array<ArrayBufferLike>
  u16: Uint16Array<ArrayBufferLike>
  i16: Int16Array<ArrayBufferLike>
  u32: Uint32Array<ArrayBufferLike>
  i32: Int32Array<ArrayBufferLike>
  f32: Float32Array<ArrayBufferLike>
  f64: Float64Array<ArrayBufferLike>
  i64: BigInt64Array<ArrayBufferLike>
  u64: BigUint64Array<ArrayBufferLike>
  5120: Int8Array<ArrayBufferLike>
  5121: Uint8Array<ArrayBufferLike>
  5122: Int16Array<ArrayBufferLike>
  5123: Uint16Array<ArrayBufferLike>
  5124: Int32Array<ArrayBufferLike>
  5125: Uint32Array<ArrayBufferLike>
  5126: Float32Array<ArrayBufferLike>
}
type Type = keyof Arrays

const types: { readonly [T in Type]: ArrayType<Arrays[T]> } = {
  u8: Uint8Array,
  u8c: Uint8ClampedArray,
  i8: Int8Array,
  u16: Uint16Array,
  i16: Int16Array,
  u32: Uint32Array,
  i32: Int32Array,
  f32: Float32Array,
  f64: Float64Array,
  i64: BigInt64Array,
  u64: BigUint64Array,
  5120: Int8Array,
  5121: Uint8Array,
  5122: Int16Array,
  5123: Uint16Array,
  5124: Int32Array,
  5125: Uint32Array,
  5126: Float32Array,
}

const names = Object.keys(types).filter((name) => name > '9')

type Memory = ArrayBufferLike | WebAssembly.Memory

// the pool's words
const MARK = 0
const MAP = 1
const REACH = 2
const FIRST = 3
const END = 4
const EXTRA = 5
const MAP_AT = 8 //                where the map begins, in words
const WORDS = MAP_AT * 4
const IS_POOL = 0x4c4f4f50 //      'POOL' read as a little-endian word

const HEAD = 4 //                  bookkeeping of a block
const ROOM = 2048 //               more than the region's header takes
const MOST = 2 ** 32

/** Where the peer's first block begins: what it could not give to blocks either. */
const peerTop = (start: number, align: number): number => roundUp(start + 36, align) - 8

const bufferOf = (memory: Memory): ArrayBufferLike => ('buffer' in memory ? memory.buffer : memory)

export class MemPool {
  readonly #start: number
  #site: Site | undefined

  constructor(opts: Partial<MemPoolOpts> = {}) {
    this.#start = roundUp(Math.max(numeric('start', opts.start ?? 0), 0), 4)
    const start = roundUp(this.#start, 8)
    if (opts.skipInitialization) {
      if (!opts.buf) wrong('skipInitialization without buf', 'the buffer that another MemPool set up')
      this.#site = siteAt(memoryIn(opts.buf), start)
      this.#site.attach()
      return
    }
    const align = opts.align || 8
    if (!isPowerOfTwo(align) || align < 8) wrong(`align ${String(align)}`, 'a power of two from 8 on')
    const minSplit = opts.minSplit || 16
    if (!(minSplit > 8)) wrong(`minSplit ${String(minSplit)}`, 'more than 8')
    const end = opts.end == null ? Infinity : numeric('end', opts.end)
    const size = numeric('size', opts.size || 0x1000)
    const memory = opts.buf ? memoryIn(opts.buf) : undefined
    const limit = Math.min(end, memory === undefined ? size : bufferOf(memory).byteLength, MOST - 8)
    const capacity = limit - peerTop(this.#start, align)
    if (!(capacity > 0)) {
      wrong(
        `an address range from ${this.#start} to ${limit}`,
        `at least ${peerTop(this.#start, align) - this.#start + 1} bytes`,
      )
    }
    if (memory === undefined && end >= size) this.#site = makeSite(start, size, capacity, align)
    else this.#site = takeSite(memory ?? newBuffer(size), start, limit, align)
  }

  get buf(): ArrayBufferLike {
    return this.#site?.buffer as ArrayBufferLike
  }

  /** The bytes are in another buffer now: that of a memory which grew, or one that they were copied to. */
  set buf(memory: ArrayBufferLike | WebAssembly.Memory) {
    const next = siteAt(memoryIn(memory), roundUp(this.#start, 8))
    if (next === this.#site) return
    next.attach()
    this.#site?.leave()
    this.#site = next
  }

  get start(): number {
    return this.#start
  }

  get end(): number {
    return this.#site?.word(REACH) ?? 0
  }

  get top(): number {
    return this.stats().top
  }

  get align(): number {
    return this.#site?.region.alignment ?? 0
  }

  /** The region that the pool's blocks are in; undefined after `release`. */
  get region(): Region | undefined {
    return this.#site?.region
  }

  malloc(bytes: number): number {
    const site = this.#site
    if (site === undefined || !(bytes > 0)) return NIL
    const at = site.region.alloc(Math.ceil(bytes))
    if (at !== NIL) site.note(at)
    return at
  }

  mallocAs<T extends Type>(type: T, num: number): Arrays[T] | undefined {
    const array = types[type]
    if (array === undefined) wrong(`type ${String(type)}`, `one of ${names.join(', ')}`)
    const at = this.malloc(num * array.BYTES_PER_ELEMENT)
    return at === NIL ? undefined : new array(this.buf, at, num)
  }

  calloc(bytes: number, fill = 0): number {
    const at = this.malloc(bytes)
    if (at !== NIL) new Uint8Array(this.buf, at, Math.ceil(bytes)).fill(fill)
    return at
  }

  callocAs<T extends Type>(type: T, num: number, fill = 0): Arrays[T] | undefined {
    const array: NumericArray | undefined = this.mallocAs(type, num)
    if (array instanceof BigInt64Array || array instanceof BigUint64Array) array.fill(BigInt(fill))
    else array?.fill(fill)
    return array as Arrays[T] | undefined
  }

  realloc(ptr: number, bytes: number): number {
    const site = this.#site
    if (site === undefined || !(bytes > 0) || !site.strike(ptr)) return NIL
    const at = site.region.resize(ptr, Math.ceil(bytes), { move: true, copy: true })
    site.note(at === NIL ? ptr : at)
    return at
  }

  reallocArray<T extends NumericArray>(array: T, num: number): T | undefined {
    if (!this.#site?.knows(array.buffer)) return undefined
    const at = this.realloc(array.byteOffset, num * array.BYTES_PER_ELEMENT)
    return at === NIL ? undefined : new (array.constructor as ArrayType<T>)(this.buf, at, num)
  }

  free(ptrOrArray: number | ArrayBufferView): boolean {
    const site = this.#site
    if (site === undefined) return false
    if (typeof ptrOrArray === 'number') return site.free(ptrOrArray)
    return site.knows(ptrOrArray?.buffer) && site.free(ptrOrArray.byteOffset)
  }

  freeAll(): void {
    this.#site?.clear()
  }

  release(): boolean {
    this.#site?.leave()
    this.#site = undefined
    return true
  }

  stats(): Readonly<MemPoolStats> {
    return (
      this.#site?.stats() ?? {
        free: { count: 0, size: 0 },
        used: { count: 0, size: 0 },
        top: 0,
        available: 0,
        total: 0,
      }
    )
  }
}

/** The bytes of a pool. Pools of one thread over the same bytes share it, and one handle of their region. */
class Site {
  readonly #memory: Memory
  readonly #start: number
  /** Buffers that this memory has had: arrays over them are arrays of the pool. */
  readonly #buffers = new WeakSet<object>()
  #buffer: ArrayBufferLike | undefined
  #words = new Int32Array(0) as Int32Array<ArrayBufferLike>
  #shared = false
  #base = 0
  /** Raw memory comes in one piece: all that there is. */
  #round = 0
  #region: Region | undefined
  /** Options gave the region another discipline: its blocks are in other memory, and no map says where. */
  #elsewhere = false
  #pools = 0

  constructor(memory: Memory, start: number) {
    this.#memory = memory
    this.#start = start
  }

  get region(): Region {
    return this.#region!
  }

  get buffer(): ArrayBufferLike {
    const buffer = this.#elsewhere ? this.region.buffer : bufferOf(this.#memory)
    if (buffer !== this.#buffer) {
      this.#buffer = buffer
      this.#buffers.add(buffer)
    }
    return buffer
  }

  knows(buffer: ArrayBufferLike): boolean {
    return buffer === this.buffer || this.#buffers.has(buffer)
  }

  word(index: number): number {
    return this.#live()[index]! >>> 0
  }

  // how it begins and ends

  /** Sets up a pool in [start, reach), with `capacity` bytes for blocks and no more, or as many as there are. */
  init(reach: number, map: number, align: number, extra: number, capacity?: number): void {
    const buffer = bufferOf(this.#memory)
    const base = this.#start + WORDS + map
    if (base + START + MAGIC + 4 > reach) tooSmall(this.#start, reach)
    if (buffer.byteLength - base >= MOST) wrong(`buf of ${buffer.byteLength} bytes`, 'at most 4 GiB')
    this.#region?.close()
    this.#base = base
    new Uint8Array(buffer, this.#start, WORDS + map).fill(0)
    new Uint8Array(buffer, base + START + MAGIC, 4).fill(0)
    this.#look(buffer, map)
    const words = this.#words
    words[MAP] = map
    words[REACH] = reach
    words[EXTRA] = extra
    this.#round = capacity === undefined ? reach - base - START : 8
    const discipline = this.#discipline()
    const region = this.#opened(discipline, align, reach)
    this.#region = region
    this.#elsewhere = region.discipline !== discipline
    let first = region.header
    region.walk(({ at }) => {
      first = at
      return false
    })
    const step = region.alignment
    const room = capacity ?? roundDown(reach - 2 * step - first, step)
    if (capacity === undefined && room < 2 * step && !this.#elsewhere) tooSmall(this.#start, reach)
    if (capacity !== undefined) {
      region.compact()
      words[REACH] = Math.min(reach, first + roundUp(room, step) + 2 * step)
      this.#round = words[REACH] - base - START
    }
    words[FIRST] = first - HEAD
    words[END] = first - HEAD + room
    words[MARK] = IS_POOL
    this.#pools++
  }

  /** Takes up the pool that is there. */
  attach(): void {
    const buffer = bufferOf(this.#memory)
    const start = this.#start
    const is = start + WORDS <= buffer.byteLength ? new Uint32Array(buffer, start, MAP_AT) : []
    const base = start + WORDS + (is[MAP] ?? 0)
    if (is[MARK] !== IS_POOL || base % 8 !== 0 || base > is[REACH]! || is[REACH]! > buffer.byteLength) {
      throw new VmallocError(
        'damaged',
        `MemPool: no pool at ${start} of ${buffer.byteLength} bytes, expected one that another MemPool set up`,
      )
    }
    if (this.#region === undefined) {
      this.#base = base
      this.#round = is[REACH]! - base - START
      this.#look(buffer, is[MAP]!)
      this.#region = attach(this.#memory, { at: base + START, discipline: this.#discipline() })
    }
    this.#pools++
  }

  /** One pool less; the bytes stay as they are. */
  leave(): void {
    if (--this.#pools > 0) return
    if (bufferOf(this.#memory).byteLength > 0) this.#region?.close()
    this.#region = undefined
    sites.get(this.#memory)?.delete(this.#start)
  }

  #opened(discipline: Discipline, align: number, reach: number): Region {
    try {
      return open({ name: 'mempool', method: 'best', discipline, align })
    } catch (error) {
      if (error instanceof VmallocError && error.code === 'no-memory') return tooSmall(this.#start, reach)
      throw error
    }
  }

  #discipline(): Discipline {
    const memory = this.#memory
    const root = rootDiscipline({
      name: 'buffer',
      base: this.#base,
      buffer: () => attached(memory),
      reach: (end) => end <= this.word(REACH),
      leave: () => true,
      share: () => memory,
    })
    const rounding = () => this.#round
    return {
      ...root,
      get round() {
        return rounding()
      },
      exception: (_region, event) => (event === 'close' ? 1 : 0),
    }
  }

  #look(buffer: ArrayBufferLike, map: number): void {
    this.#words = new Int32Array(buffer, this.#start, (WORDS + map) / 4)
    this.#shared = typeof SharedArrayBuffer !== 'undefined' && buffer instanceof SharedArrayBuffer
  }

  #live(): Int32Array<ArrayBufferLike> {
    if (this.#words[0] === undefined) this.#look(attached(this.#memory), this.#base - this.#start - WORDS)
    return this.#words
  }

  // the map

  /** A block begins at `at`. */
  note(at: Addr): void {
    const words = this.#live()
    const bit = (at >>> 3) - (this.#base >>> 3)
    const i = MAP_AT + (bit >>> 5)
    if (i >= words.length) return
    if (this.#shared) Atomics.or(words, i, 1 << (bit & 31))
    else words[i] = words[i]! | (1 << (bit & 31))
  }

  /** No block begins at `at` any more; false when none did. Of several threads one alone is told true. */
  strike(at: number): boolean {
    if (this.#elsewhere) return at !== NIL
    if (at >>> 0 !== at || (at & 7) !== 0) return false
    const words = this.#live()
    const bit = (at >>> 3) - (this.#base >>> 3)
    const i = MAP_AT + (bit >>> 5)
    if (i >= words.length) return false
    const mask = 1 << (bit & 31)
    const was = this.#shared ? Atomics.and(words, i, ~mask) : words[i]!
    if ((was & mask) === 0) return false
    if (!this.#shared) words[i] = was & ~mask
    return true
  }

  #countNoted(): number {
    const words = this.#live()
    let count = 0
    for (let i = MAP_AT; i < words.length; i++) for (let bits = words[i]!; bits !== 0; bits &= bits - 1) count++
    return count
  }

  // blocks

  free(at: number): boolean {
    if (!this.strike(at)) return false
    if (this.region.free(at)) return true
    this.note(at)
    return false
  }

  clear(): void {
    this.#live().fill(0, MAP_AT)
    this.region.clear()
  }

  stats(): MemPoolStats {
    const { region } = this
    if (this.#elsewhere) return statsOf(region)
    const free = { count: 0, size: 0 }
    const used = { count: 0, size: 0 }
    let top = this.word(FIRST)
    let seen = top
    region.walk(({ at, size, state }) => {
      const before = seen
      seen = at + size
      if (state !== 'busy') return
      if (before > top) {
        free.count++
        free.size += before - top
      }
      used.count++
      used.size += seen - before
      top = seen
    })
    const [held] = region.segments()
    const extent = held === undefined ? 0 : held.at + held.size
    if (extent - seen > 4 * region.alignment) {
      used.count = Math.max(used.count, this.#countNoted())
      used.size += extent - top
      top = extent
    }
    const available = Math.max(0, this.word(END) - top) + free.size
    return { free, used, top, available, total: this.buffer.byteLength - this.word(EXTRA) }
  }
}

/** Figures of a region that is not in the pool's bytes. */
function statsOf(region: Region): MemPoolStats {
  const { busyBlocks, busyBytes, freeBlocks, freeBytes, cachedBlocks, cachedBytes, extent } = region.stat()
  const free = { count: freeBlocks + cachedBlocks, size: freeBytes + cachedBytes }
  return { free, used: { count: busyBlocks, size: busyBytes }, top: extent, available: free.size, total: extent }
}

/** The sites of this thread, by memory and start. */
const sites = new WeakMap<object, Map<number, Site>>()

function siteAt(memory: Memory, start: number): Site {
  const here = sites.get(memory) ?? new Map<number, Site>()
  const site = here.get(start) ?? new Site(memory, start)
  sites.set(memory, here.set(start, site))
  return site
}

/** A pool in a buffer of its own that has room for bookkeeping beside what `size` bytes would give. */
function makeSite(start: number, size: number, capacity: number, align: number): Site {
  const span = ROOM + roundUp(capacity, align) + 4 * align
  const map = roundUp(span / 64, 8)
  const length = start + WORDS + map + span
  if (length > MOST - 8) wrong(`size ${size}`, 'at most 4 GiB with the bookkeeping')
  const site = siteAt(newBuffer(length), start)
  site.init(length, map, align, length - size, capacity)
  return site
}

/** A pool in the caller's bytes, which it does not leave. */
function takeSite(memory: Memory, start: number, end: number, align: number): Site {
  const site = siteAt(memory, start)
  const reach = roundDown(end, 8)
  site.init(reach, roundUp(Math.max(0, reach - start) / 64, 8), align, 0)
  return site
}

/** The buffer of a memory as it is now. A buffer of the caller's that was detached cannot be found again. */
function attached(memory: Memory): ArrayBufferLike {
  const buffer = bufferOf(memory)
  if (buffer.byteLength === 0) {
    throw new VmallocError(
      'closed',
      'MemPool: its buffer was detached, as WebAssembly.Memory.grow and transfer do: give the WebAssembly.Memory as buf, or set pool.buf',
    )
  }
  return buffer
}

function newBuffer(length: number): ArrayBuffer {
  try {
    return new ArrayBuffer(length)
  } catch (error) {
    throw new VmallocError('no-memory', `MemPool: no buffer of ${length} bytes`, { cause: error })
  }
}

function memoryIn(buf: unknown): Memory {
  const kind = Object.prototype.toString.call(buf).slice(8, -1)
  if (kind === 'ArrayBuffer' || kind === 'SharedArrayBuffer' || kind === 'WebAssembly.Memory') return buf as Memory
  return wrong(`buf ${kind}`, 'an ArrayBuffer, a SharedArrayBuffer or a WebAssembly.Memory')
}

function tooSmall(start: number, end: number): never {
  return wrong(
    `an address range from ${start} to ${end}`,
    `about ${ROOM} bytes or more: bookkeeping needs most of them`,
  )
}

function numeric(option: string, value: unknown): number {
  if (typeof value !== 'number' || Number.isNaN(value)) wrong(`${option} ${String(value)}`, 'a number')
  return Math.floor(value)
}

function wrong(came: string, expected: string): never {
  throw new VmallocError('argument', `MemPool: ${came}, expected ${expected}`)
}
