/**
 * mem-pool: MemPool beside that of @thi.ng/malloc.
 *
 * One random life is led in both pools at once, and whatever both promise must agree. Each fault of the peer is a test
 * that ours passes; what the peer answers there stands in a comment, or in the test where it is cheap to ask.
 */
import { Worker } from 'node:worker_threads'
import { type IMemPool, MemPool as Peer, type MemPoolOpts as PeerOpts } from '@thi.ng/malloc'
import { expect } from 'chai'
import { LIMIT, MemPool, VmallocError } from '../src/index.ts'
import { injectOptions } from '../src/region/options.ts'

const SEED = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31)) || 1

function dice(seed: number): (n: number) => number {
  let x = seed >>> 0 || 1
  return (n) => {
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    return (x >>> 0) % n
  }
}

const kinds = ['u8', 'u8c', 'i8', 'u16', 'i16', 'u32', 'i32', 'f32', 'f64'] as const

type Held = Exclude<ReturnType<MemPool['mallocAs']>, undefined | BigInt64Array | BigUint64Array>

/** A block in both pools: by address, or by arrays. */
interface Pair {
  peer: number
  ours: number
  peerArray?: Held
  ourArray?: Held
  bytes: number
}

const failure = (what: () => unknown): VmallocError => {
  try {
    what()
  } catch (error) {
    if (error instanceof VmallocError) return error
    throw error
  }
  throw new Error('expected a VmallocError')
}

/** Both pools through one random life. */
class Twins {
  readonly peer: Peer
  readonly ours: MemPool
  readonly pairs: Pair[] = []
  /** Blocks that the peer lost by moving them. */
  lost = 0
  readonly #roll: (n: number) => number

  constructor(opts: Partial<PeerOpts>, seed: number) {
    this.peer = new Peer({ ...opts, ...(opts.buf && { buf: opts.buf.slice(0) }) })
    this.ours = new MemPool(opts)
    this.#roll = dice(seed)
  }

  step(): void {
    const roll = this.#roll
    const what = roll(100)
    const pair = this.pairs[roll(this.pairs.length || 1)]
    const size = roll(8) === 0 ? roll(2000) : roll(100)
    if (what < 12) this.#add(this.peer.malloc(size), this.ours.malloc(size), size)
    else if (what < 20) this.#cleared(size, roll(256))
    else if (what < 40) this.#typed(kinds[roll(kinds.length)]!, roll(60), what < 30 ? undefined : roll(100))
    else if (what < 60) this.#resize(pair, size)
    else if (what < 62) this.#nonsense(pair)
    else if (what === 62 && roll(10) === 0) this.#freeAll()
    else this.#free(pair)
    if (this.pairs.length > 60) this.#free(this.pairs[roll(60)])
  }

  compare(): void {
    const was = this.peer.stats()
    const is = this.ours.stats()
    expect(is).to.have.all.keys(Object.keys(was))
    expect(is.used.count, 'used').to.equal(was.used.count - this.lost)
    expect(is.used.count, 'pairs').to.equal(this.pairs.length)
    expect(is.total, 'total').to.equal(was.total)
    for (const pair of this.pairs) {
      const seen = new Uint8Array(this.ours.buf, pair.ours, pair.bytes)
      const meant = new Uint8Array(this.peer.buf, pair.peer, pair.bytes)
      expect(Buffer.compare(seen, meant), `${pair.bytes} bytes at ${pair.ours}`).to.equal(0)
      expect(pair.ours % this.ours.align).to.equal(0)
    }
  }

  #add(peer: number, ours: number, bytes: number): void {
    expect(ours > 0, `malloc ${bytes}`).to.equal(peer > 0)
    if (ours === 0) return
    const pair = { peer, ours, bytes }
    this.#write(pair)
    this.pairs.push(pair)
  }

  #write({ peer, ours, bytes }: Pair): void {
    for (let i = 0; i < bytes; i++) {
      new Uint8Array(this.peer.buf)[peer + i] = new Uint8Array(this.ours.buf)[ours + i] = this.#roll(256)
    }
  }

  #cleared(bytes: number, fill: number): void {
    const [peer, ours] =
      fill === 0
        ? [this.peer.calloc(bytes), this.ours.calloc(bytes)]
        : [this.peer.calloc(bytes, fill), this.ours.calloc(bytes, fill)]
    expect(ours > 0, `calloc ${bytes}`).to.equal(peer > 0)
    if (ours > 0) this.pairs.push({ peer, ours, bytes })
  }

  #typed(kind: (typeof kinds)[number], count: number, fill: number | undefined): void {
    const [peer, ours] =
      fill === undefined
        ? [this.peer.mallocAs(kind, count), this.ours.mallocAs(kind, count)]
        : [this.peer.callocAs(kind, count, fill), this.ours.callocAs(kind, count, fill)]
    expect(ours === undefined, `${kind} ${count}`).to.equal(peer === undefined)
    if (ours === undefined || peer === undefined) return
    expect(ours.constructor).to.equal(peer.constructor)
    expect(ours.length).to.equal(peer.length)
    expect(ours.buffer).to.equal(this.ours.buf)
    if (fill === undefined) for (let i = 0; i < count; i++) peer[i] = ours[i] = this.#roll(1000)
    this.pairs.push({
      peer: peer.byteOffset,
      ours: ours.byteOffset,
      peerArray: peer,
      ourArray: ours,
      bytes: ours.byteLength,
    })
  }

  #resize(pair: Pair | undefined, size: number): void {
    if (pair === undefined || this.#breaksPeer(pair, size)) return
    const before = pair.peer
    const kept = pair.bytes
    if (pair.ourArray !== undefined) {
      const { BYTES_PER_ELEMENT: unit, length } = pair.ourArray
      const count = Math.floor(size / unit)
      const peer = this.peer.reallocArray(pair.peerArray!, count)
      const ours = this.ours.reallocArray(pair.ourArray, count)
      expect(ours === undefined, `reallocArray ${count}`).to.equal(peer === undefined)
      if (ours === undefined || peer === undefined) return
      expect(ours.constructor).to.equal(pair.ourArray.constructor)
      expect(ours.length).to.equal(count)
      Object.assign(pair, { peer: peer.byteOffset, ours: ours.byteOffset, peerArray: peer, ourArray: ours })
      pair.bytes = ours.byteLength
      for (let i = length; i < count; i++) peer[i] = ours[i] = 1
    } else {
      const peer = this.peer.realloc(pair.peer, size)
      const ours = this.ours.realloc(pair.ours, size)
      expect(ours > 0, `realloc ${pair.bytes} to ${size}`).to.equal(peer > 0)
      if (ours === 0) return
      Object.assign(pair, { peer, ours, bytes: size })
    }
    if (pair.peer !== before) this.lost++
    const old = Math.min(kept, pair.bytes)
    const seen = Buffer.from(this.ours.buf, pair.ours, old)
    expect(seen.equals(Buffer.from(this.peer.buf, pair.peer, old)), 'content after realloc').to.equal(true)
    this.#write(pair)
  }

  /** The peer moves its top into the block that lies highest when that shrinks by less than minSplit. */
  #breaksPeer({ peer }: Pair, size: number): boolean {
    const { blockSize } = this.peer as unknown as { blockSize(block: number): number }
    return blockSize.call(this.peer, peer - 8) >= size + 8 && this.pairs.every((other) => other.peer <= peer)
  }

  #nonsense(pair: Pair | undefined): void {
    const both = (ask: (pool: IMemPool, at: number) => unknown): void => {
      const meant = ask(this.peer, pair?.peer ?? 0)
      expect(ask(this.ours, pair?.ours ?? 0), `${ask}`).to.deep.equal(meant)
    }
    both((pool) => pool.malloc(0))
    both((pool) => pool.malloc(-8))
    both((pool) => pool.malloc(1 << 28))
    both((pool) => pool.mallocAs('f64', 0))
    both((pool) => pool.callocAs('f64', -1))
    both((pool) => pool.free(0))
    both((pool) => pool.free(Number.NaN))
    both((pool) => pool.free(3.5))
    both((pool) => pool.free(-8))
    both((pool) => pool.free(2 ** 31))
    both((pool) => pool.free(new Uint8Array(8)))
    both((pool) => pool.realloc(0, 8))
    both((pool) => pool.realloc(24, 8))
    both((pool) => pool.reallocArray(new Uint8Array(8), 9))
    both((pool, at) => pool.realloc(at, 0))
    both((pool, at) => pool.realloc(at, -1))
    both((pool, at) => pool.realloc(at, 1 << 28))
    both((pool, at) => pool.free(at + 8))
    both((pool, at) => pool.free(at + 1))
  }

  #free(pair: Pair | undefined): void {
    if (pair === undefined) return
    this.pairs.splice(this.pairs.indexOf(pair), 1)
    for (const right of [true, false]) {
      expect(this.peer.free(pair.peerArray ?? pair.peer)).to.equal(right)
      expect(this.ours.free(pair.ourArray ?? pair.ours)).to.equal(right)
    }
  }

  #freeAll(): void {
    expect(this.peer.freeAll()).to.equal(undefined)
    expect(this.ours.freeAll()).to.equal(undefined)
    this.pairs.length = this.lost = 0
  }
}

describe(`MemPool beside @thi.ng/malloc (SEED=${SEED})`, () => {
  const lives: [string, Partial<PeerOpts>][] = [
    ['its defaults', { size: 1 << 20 }],
    ['align 16', { size: 1 << 20, align: 16 }],
    ['align 256', { size: 1 << 20, align: 256 }],
    ['neither compact nor split', { size: 1 << 21, compact: false, split: false }],
    ['a large minSplit, from byte 100 on', { size: 1 << 20, minSplit: 64, start: 100 }],
    ['a buffer of the caller, in part', { buf: new ArrayBuffer(1 << 20), start: 4096, end: 1000_000 }],
    ['a shared buffer', { buf: new SharedArrayBuffer(1 << 20) }],
  ]
  for (const [title, opts] of lives) {
    it(`leads the same life with ${title}`, () => {
      const twins = new Twins(opts, SEED)
      for (let i = 0; i < 3000; i++) {
        try {
          twins.step()
          if (i % 20 === 0) {
            twins.compare()
            twins.ours.region?.check()
          }
        } catch (error) {
          throw new Error(`SEED=${SEED} step ${i}: ${(error as Error).message}`, { cause: error })
        }
      }
      twins.compare()
      expect(twins.peer.release()).to.equal(twins.ours.release())
      expect(twins.ours.buf).to.equal(twins.peer.buf)
    })
  }

  it('has room for whatever the peer has room for', () => {
    for (const align of [8, 16, 64, 1024] as const) {
      for (const size of [256, 400, 1000, 4096, 70_000]) {
        if (size < 2 * align) continue
        const [was, is] = [new Peer({ size, align }), new MemPool({ size, align })]
        const { top: _, ...rest } = was.stats()
        expect(is.stats(), `size ${size} align ${align}`).to.deep.include(rest)
        expect(is.malloc(size + 2 * align)).to.equal(0)
        for (const bytes of [1, 8, 12, 24, 60, 100, 1000, rest.available - 8]) {
          const fits = (pool: Peer | MemPool) => {
            let count = 0
            while (count < 10_000 && pool.malloc(bytes) !== 0) count++
            pool.freeAll()
            return count
          }
          expect(fits(is), `blocks of ${bytes} in ${size}, align ${align}`).to.be.at.least(fits(was))
        }
      }
    }
  })

  it('keeps what is used and what is available together, and used blocks apart', () => {
    const roll = dice(SEED)
    for (const opts of [
      { size: 20_000 },
      { buf: new ArrayBuffer(20_000), start: 16 },
      { buf: new ArrayBuffer(20_000), align: 64 },
    ]) {
      const pool = new MemPool(opts)
      const whole = pool.stats().available
      for (let i = 0; i < 50; i++) pool.malloc(pool.align === 8 ? 20 : 60)
      expect(pool.stats().used.size, 'bytes of 50 blocks').to.equal(50 * (pool.align === 8 ? 24 : 64))
      pool.freeAll()
      const live: number[] = []
      for (let i = 0; i < 2000; i++) {
        if (roll(2) === 0) live.push(pool.malloc(1 + roll(400)))
        else pool.free(live.splice(roll(live.length || 1), 1)[0] ?? 0)
        const { used, free, available, top } = pool.stats()
        expect(used.count, `SEED=${SEED}`).to.equal(live.filter((at) => at !== 0).length)
        expect(Math.abs(used.size + available - whole)).to.be.at.most(2 * pool.align)
        expect(free.size).to.be.at.most(available)
        expect(free.count > 0).to.equal(free.size > 0)
        expect(top).to.be.at.most(pool.end)
      }
      for (const at of live) pool.free(at)
      const { free, used, available } = pool.stats()
      expect({ free, used, available }).to.deep.equal({
        free: { count: 0, size: 0 },
        used: { count: 0, size: 0 },
        available: whole,
      })
      expect(pool.malloc(whole - 8)).to.be.above(0)
    }
  })

  it('does what the README of the peer shows', () => {
    const told = (make: (opts: Partial<PeerOpts>) => IMemPool) => {
      make({ size: 0x1000, compact: true, split: true, minSplit: 16 })
      const pool = make({ size: 0x1000, start: 8 })
      let ptr = pool.malloc(16)
      let vec = pool.mallocAs('f64', 4)
      const { used, free, total } = pool.stats()
      const content = [...vec!]
      ptr = pool.realloc(ptr, 32)
      vec = pool.reallocArray(vec!, 5)
      const freed = [pool.free(ptr), pool.free(vec!), pool.free(vec!)]
      return { moved: ptr > 0, content, grown: vec!.length, used: used.count, free, total, freed }
    }
    const meant = told((opts) => new Peer(opts))
    expect(told((opts) => new MemPool(opts))).to.deep.equal(meant)
    expect(meant.freed).to.deep.equal([true, true, false])
  })

  it('fits the types of the peer', () => {
    const pool: IMemPool = new MemPool({ size: 0x1000 } satisfies Partial<PeerOpts>)
    const array: Float32Array | undefined = pool.mallocAs('f32', 3)
    const same: Float32Array | undefined = pool.reallocArray(array!, 4)
    expect(same).to.be.instanceOf(Float32Array)
    expect(new MemPool().buf.byteLength).to.be.at.least(0x1000)
    expect(new MemPool().stats().total).to.equal(new Peer().stats().total)
  })

  it('takes fractions, fills, and has 64-bit types', () => {
    const pool = new MemPool()
    expect(pool.region?.sizeOf(pool.malloc(12.5))).to.be.at.least(13)
    expect([...pool.callocAs('i64', 2, -1)!]).to.deep.equal([-1n, -1n])
    expect([...pool.callocAs('u64', 2)!]).to.deep.equal([0n, 0n])
    const at = pool.calloc(3, 7)
    expect([...new Uint8Array(pool.buf, at, 3)]).to.deep.equal([7, 7, 7])
  })
})

describe('MemPool without the faults of the peer', () => {
  it('frees the old block when realloc moves', () => {
    for (const [Pool, left] of [
      [Peer, 1],
      [MemPool, 0],
    ] as const) {
      const pool = new Pool({ size: 0x1000 })
      const a = pool.malloc(16)
      const b = pool.malloc(16)
      const c = pool.realloc(a, 500)
      expect(c).to.not.be.oneOf([0, a])
      expect([pool.free(b), pool.free(c)]).to.deep.equal([true, true])
      expect(pool.stats().used.count, Pool === Peer ? 'the peer leaks' : 'ours').to.equal(left)
    }
  })

  it('keeps blocks apart when the highest one shrinks a little', () => {
    for (const [Pool, overlap] of [
      [Peer, true],
      [MemPool, false],
    ] as const) {
      const pool = new Pool({ size: 0x1000 })
      const a = pool.malloc(32)
      expect(pool.realloc(a, 24)).to.equal(a)
      const b = pool.calloc(16, 1)
      expect(pool.free(a)).to.equal(true)
      const c = pool.calloc(32, 0xff)
      expect(c < b && c + 32 > b - (Pool === Peer ? 8 : 4), 'head of b overwritten').to.equal(overlap)
      if (Pool === MemPool) expect([pool.free(b), pool.free(c), pool.stats().used.count]).to.deep.equal([true, true, 0])
    }
  })

  it('leaves the block as it was when realloc fails', () => {
    const pool = new MemPool()
    const array = pool.callocAs('u8', 100, 5)!
    for (const size of [1e6, 2 ** 31, 2 ** 32, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(pool.realloc(array.byteOffset, size), `${size}`).to.equal(0)
      expect(pool.reallocArray(array, size), `${size}`).to.equal(undefined)
    }
    expect([...new Set(array)]).to.deep.equal([5])
    expect(pool.free(array)).to.equal(true)
  })

  // the peer answers 40 to each, and then hands out the same block twice
  it('refuses sizes that no block can have', () => {
    const pool = new MemPool({ size: 0x1000 })
    for (const size of [2 ** 31, 2 ** 32, 2 ** 32 - 8, LIMIT, LIMIT + 1, Number.NaN, Number.POSITIVE_INFINITY, 1e300]) {
      expect(pool.malloc(size), `${size}`).to.equal(0)
      expect(pool.calloc(size), `${size}`).to.equal(0)
      expect(pool.mallocAs('f64', size), `${size}`).to.equal(undefined)
      expect(pool.callocAs('u8', size), `${size}`).to.equal(undefined)
    }
    expect(pool.stats().used.count).to.equal(0)
    expect(pool.malloc(16)).to.not.equal(pool.malloc(16))
  })

  // the peer throws for such a start, and loses blocks of a pool that reaches there
  it('works beyond 2 GiB', function () {
    let buf: ArrayBuffer
    try {
      buf = new ArrayBuffer(2 ** 31 + 2 ** 20)
    } catch {
      return this.skip()
    }
    for (const start of [2 ** 31, 2 ** 31 - 4096]) {
      const pool = new MemPool({ buf, start })
      const arrays = Array.from({ length: 200 }, (_, i) => pool.callocAs('u32', 100, i)!)
      expect(arrays.at(-1)!.byteOffset).to.be.above(2 ** 31)
      expect(arrays.every((array, i) => array.every((value) => value === i))).to.equal(true)
      expect(pool.stats().used.count).to.equal(200)
      const moved = pool.reallocArray(arrays[0]!, 1000)!
      expect(moved[99]).to.equal(0)
      expect(pool.free(moved) && arrays.slice(1).every((array) => pool.free(array))).to.equal(true)
      expect(pool.stats().used).to.deep.equal({ count: 0, size: 0 })
      pool.region?.check()
    }
  })

  it('reaches from 0 to beyond 2 GiB', function () {
    let buf: ArrayBuffer
    try {
      buf = new ArrayBuffer(2 ** 31 + 2 ** 26)
    } catch {
      return this.skip()
    }
    const pool = new MemPool({ buf })
    const low = pool.malloc(2 ** 31)
    const high = pool.mallocAs('u8', 100)!
    expect(low).to.be.above(0)
    expect(high.byteOffset).to.be.above(2 ** 31)
    expect(pool.stats().used.count).to.equal(2)
    expect([pool.free(high), pool.free(high), pool.free(low)]).to.deep.equal([true, false, true])
    expect(pool.stats().available).to.be.above(2 ** 31)
  })

  // the peer answers 0 ever after
  it('goes on when the WebAssembly.Memory that it was given grows', () => {
    for (const shared of [false, true]) {
      const memory = new WebAssembly.Memory({ initial: 1, maximum: 4, shared })
      const pool = new MemPool({ buf: memory, start: 1024 })
      const array = pool.callocAs('u16', 10, 7)!
      const at = array.byteOffset
      const before = pool.stats()
      memory.grow(1)
      expect(pool.stats()).to.deep.equal({ ...before, total: 2 * 65536 })
      expect(pool.buf).to.equal(memory.buffer)
      expect([...new Set(new Uint16Array(pool.buf, at, 10))]).to.deep.equal([7])
      expect(pool.free(array), 'an array over shared memory stays good, another is empty').to.equal(shared)
      expect(pool.free(at)).to.equal(!shared)
      memory.grow(1)
      const again = pool.mallocAs('f32', 5)!
      expect(again.buffer).to.equal(memory.buffer)
      expect(again.byteOffset).to.be.below(65536)
      expect(pool.malloc(65536), 'what grew is not the pool’s').to.equal(0)
      pool.region?.check()
    }
  })

  it('says so when its buffer went away, and goes on over the new one', () => {
    const memory = new WebAssembly.Memory({ initial: 1 })
    const pool = new MemPool({ buf: memory.buffer })
    const at = pool.calloc(100, 9)
    memory.grow(1)
    for (const call of [() => pool.malloc(8), () => pool.free(at), () => pool.realloc(at, 9), () => pool.stats()]) {
      expect(failure(call).message).to.contain('detached')
    }
    expect(pool.buf).to.not.equal(memory.buffer)
    pool.buf = memory.buffer
    expect(pool.buf).to.equal(memory.buffer)
    expect(new Uint8Array(pool.buf, at, 100).every((byte) => byte === 9)).to.equal(true)
    expect([pool.free(at), pool.free(at)]).to.deep.equal([true, false])
    expect(pool.malloc(8)).to.be.above(0)
    expect(failure(() => (pool.buf = new ArrayBuffer(65536))).code).to.equal('damaged')
  })

  // the peer says { size: null } as JSON
  it('has figures after an overrun', () => {
    const patterns = [0, 0xff, 0x13, 0x55, 1]
    for (const pattern of patterns) {
      for (const bytes of [1, 4, 8, 100]) {
        const pool = new MemPool({ size: 0x1000 })
        const blocks = Array.from({ length: 8 }, () => pool.calloc(60))
        pool.free(blocks[6]!)
        const whole = pool.stats()
        new Uint8Array(pool.buf).fill(pattern, blocks[2]! + 60, blocks[2]! + 60 + bytes)
        const { free, used, top, available, total } = pool.stats()
        for (const figure of [free.count, free.size, used.count, used.size, top, available, total]) {
          expect(Number.isInteger(figure) && figure >= 0, `${JSON.stringify(pool.stats())}`).to.equal(true)
        }
        expect(available).to.be.at.most(whole.available + 3 * 64)
        expect(Math.abs(used.size + available - whole.used.size - whole.available)).to.be.at.most(4 * pool.align)
        if (bytes === 8 && pattern !== 0x13) {
          expect(used.count).to.equal(7)
          expect([pool.free(blocks[3]!), pool.free(blocks[3]!)]).to.deep.equal([false, false])
          expect(pool.stats().used.count).to.equal(7)
        }
        if (bytes === 8) expect(failure(() => pool.region!.check()).code).to.equal('corrupted')
      }
    }
  })

  it('refuses addresses inside a block, though its content looks like blocks', () => {
    for (const word of [0x13, 0x1b, 0x23, 0x0b, 0x17]) {
      const pool = new MemPool({ size: 0x4000 })
      const first = pool.callocAs('u32', 100, word)!
      const second = pool.callocAs('u32', 100, word)!
      for (let at = 0; at < pool.buf.byteLength + 64; at++) {
        if (at === first.byteOffset || at === second.byteOffset) continue
        if (pool.free(at) || pool.realloc(at, 8) !== 0) expect.fail(`${at} of content ${word}`)
      }
      expect(pool.free(first.subarray(4))).to.equal(false)
      expect(pool.stats().used.count).to.equal(2)
      expect([pool.free(first), pool.free(first), pool.free(second), pool.free(second.byteOffset)]).to.deep.equal([
        true,
        false,
        true,
        false,
      ])
    }
  })

  it('refuses a block that was freed, also by freeAll, and also when its memory is used again', () => {
    const pool = new MemPool({ size: 1 << 16 })
    const whole = pool.malloc(12_000)
    const before = pool.malloc(8)
    pool.free(whole)
    const around = pool.callocAs('u32', 120, 0x13)!
    const inside = pool.malloc(40)
    expect(around.byteOffset).to.equal(whole)
    expect(pool.free(inside)).to.equal(true)
    expect(pool.free(inside)).to.equal(false)
    expect(pool.realloc(inside, 80)).to.equal(0)
    pool.freeAll()
    expect([pool.free(before), pool.free(around)]).to.deep.equal([false, false])
    expect(pool.stats().used.count).to.equal(0)
  })

  // the peer takes a minute for the first of these
  it('frees as fast among 100,000 blocks as among few', function () {
    this.timeout(20_000)
    const pool = new MemPool({ size: 32 << 20 })
    const live = Array.from({ length: 100_000 }, (_, i) => pool.malloc(16 + (i % 200)))
    const roll = dice(SEED)
    const since = performance.now()
    for (let i = 0; i < 200_000; i++) {
      const k = roll(live.length)
      pool.free(live[k]!)
      live[k] = pool.malloc(16 + roll(200))
    }
    expect(performance.now() - since, 'ms for 200,000 pairs').to.be.below(5000)
    expect(live.every((at) => pool.free(at))).to.equal(true)
    expect(pool.stats().used.count).to.equal(0)
  })
})

describe('MemPool over bytes that others know', () => {
  it('stays in the bytes that it was given', () => {
    const buf = new ArrayBuffer(20_000)
    const bytes = new Uint8Array(buf).fill(0xee)
    const pool = new MemPool({ buf, start: 4004, end: 15_001 })
    const got: number[] = []
    for (let at = pool.calloc(30); at !== 0; at = pool.calloc(30)) got.push(at)
    expect(got.length).to.be.above(200)
    pool.freeAll()
    expect(pool.malloc(pool.stats().available - 8)).to.be.above(0)
    expect(bytes.subarray(0, 4004).every((byte) => byte === 0xee)).to.equal(true)
    expect(bytes.subarray(15_001).every((byte) => byte === 0xee)).to.equal(true)
    expect([pool.start, pool.end, pool.align, pool.top > 4004]).to.deep.equal([4004, 15_000, 8, true])
    expect(new MemPool({ size: 10_000, end: 6000 }).buf.byteLength).to.equal(10_000)
    const two = [new MemPool({ buf, start: 0, end: 4000 }), new MemPool({ buf, start: 16_000 })]
    expect(two.map((other) => other.malloc(8) > 0)).to.deep.equal([true, true])
    expect(pool.stats().used.count).to.equal(1)
    expect(pool.free(two[0]!.malloc(8))).to.equal(false)
  })

  it('wastes nothing in a small buffer', () => {
    for (const size of [2000, 4096, 5000]) {
      const pool = new MemPool({ buf: new ArrayBuffer(size) })
      const { available } = pool.stats()
      let count = 0
      while (pool.malloc(20) !== 0) count++
      expect(count, `blocks of 24 bytes in ${available}`).to.be.at.least(Math.floor(available / 24))
    }
  })

  it('attaches what another pool set up, and copies of it', () => {
    for (const buf of [new ArrayBuffer(8192), new SharedArrayBuffer(8192)]) {
      const pool = new MemPool({ buf, start: 8, align: 32, end: 8000 })
      const array = pool.callocAs('f64', 5, 1.5)!
      const other = new MemPool({ buf, start: 8, skipInitialization: true })
      expect(other.stats()).to.deep.equal(pool.stats())
      expect([other.align, other.end]).to.deep.equal([32, pool.end])
      const copy = new MemPool({ buf: buf.slice(0), start: 8, skipInitialization: true })
      expect([...new Float64Array(copy.buf, array.byteOffset, 5)]).to.deep.equal([1.5, 1.5, 1.5, 1.5, 1.5])
      expect([other.free(array), pool.free(array), copy.free(array), copy.free(array.byteOffset)]).to.deep.equal([
        true,
        false,
        false,
        true,
      ])
      pool.release()
      const at = other.malloc(50)
      expect(at % 32).to.equal(0)
      other.release()
      const later = new MemPool({ buf, start: 8, skipInitialization: true })
      expect([later.stats().used.count, later.free(at)]).to.deep.equal([1, true])
      expect(later.malloc(7000)).to.equal(0)
      later.region?.check()
    }
  })

  it('begins anew over bytes that are a pool, whoever else has them open', () => {
    const buf = new ArrayBuffer(8192)
    const old = new MemPool({ buf })
    const at = old.malloc(100)
    const region = old.region
    const next = new MemPool({ buf, align: 64 })
    expect(region?.closed).to.equal(true)
    expect([old.free(at), next.stats().used.count, old.stats().used.count]).to.deep.equal([false, 0, 0])
    const both = [old.malloc(10), next.malloc(10)]
    expect(both.map((place) => place % 64)).to.deep.equal([0, 0])
    expect([next.free(both[0]!), old.free(both[1]!)]).to.deep.equal([true, true])
    old.release()
    expect(next.malloc(10)).to.be.above(0)
  })

  it('answers nothing after release', () => {
    const pool = new MemPool()
    const array = pool.mallocAs('u8', 9)!
    expect([pool.release(), pool.release()]).to.deep.equal([true, true])
    expect([pool.malloc(8), pool.calloc(8), pool.realloc(array.byteOffset, 8)]).to.deep.equal([0, 0, 0])
    expect([pool.mallocAs('u8', 8), pool.reallocArray(array, 8), pool.region]).to.deep.equal([
      undefined,
      undefined,
      undefined,
    ])
    expect([pool.free(array), pool.free(array.byteOffset), pool.freeAll()]).to.deep.equal([false, false, undefined])
    expect(pool.stats().used).to.deep.equal({ count: 0, size: 0 })
  })

  it('is shared by threads', async () => {
    const buf = new SharedArrayBuffer(1 << 20)
    const pool = new MemPool({ buf, start: 64 })
    const gate = new Int32Array(new SharedArrayBuffer(4))
    const work = async (seed: number): Promise<unknown> => {
      const worker = new Worker(
        `const { parentPort, workerData: { buf, gate, seed, module, tsx } } = require('node:worker_threads')
         import(tsx).then(({ register }) => { register(); return import(module) }).then(({ MemPool }) => {
           const pool = new MemPool({ buf, start: 64, skipInitialization: true })
           const live = []
           let x = seed, bad = 0
           const roll = (n) => (x = (x * 48271) % 2147483647) % n
           const drop = (array) => {
             if (!array.every((value) => value === array[0] && value >> 16 === seed)) bad++
             if (!pool.free(array)) bad++
             return array.byteOffset
           }
           for (let i = 0; i < 5000; i++) {
             if (live.length < 50 || roll(2)) live.push(pool.callocAs('u32', 1 + roll(60), (seed << 16) | roll(65536)))
             else drop(live.splice(roll(live.length), 1)[0])
             if (live.length > 100) drop(live.shift())
             if (roll(9) === 0) {
               const last = live.pop(), fill = last[0]
               live.push(pool.reallocArray(last, 80).fill(fill))
             }
           }
           live.forEach(drop)
           const end = Date.now() + 5000
           for (Atomics.add(gate, 0, 1); Atomics.load(gate, 0) < 3 && Date.now() < end; );
           for (let i = 0; i < 20000; i++) if (!pool.free(pool.malloc(8))) bad++
           parentPort.postMessage(bad)
         })`,
        {
          eval: true,
          workerData: {
            buf,
            gate,
            seed,
            tsx: import.meta.resolve('tsx/esm/api'),
            module: new URL('../src/index.ts', import.meta.url).href,
          },
        },
      )
      return new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject))
    }
    expect(await Promise.all([work(11), work(22), work(33)])).to.deep.equal([0, 0, 0])
    expect(pool.stats().used.count).to.equal(0)
    pool.region?.check()
  })
})

describe('MemPool and what it is told', () => {
  const wrong: [string, Record<string, unknown>, RegExp][] = [
    ['align', { align: 4 }, /align 4, expected a power of two from 8/],
    ['align', { align: 24 }, /align 24, expected a power of two/],
    ['minSplit', { minSplit: 8 }, /minSplit 8, expected more than 8/],
    ['an empty range', { size: 0x100, start: 0, end: 0 }, /range from 0 to 0, expected at least/],
    ['a range beyond the end', { size: 0x100, start: 0x100, end: 0x200 }, /range from 256 to 256, expected/],
    ['a range backwards', { size: 0x100, start: 0x80, end: 0 }, /range from 128 to 0, expected/],
    ['a small buffer', { buf: new ArrayBuffer(128) }, /range from 0 to 128, expected about 2048/],
    ['a small buffer', { buf: new ArrayBuffer(1200) }, /range from 0 to 1200, expected about 2048/],
    ['a small size', { size: 16 }, /range from 0 to 16, expected at least/],
    ['a negative size', { size: -1 }, /range/],
    ['a size', { size: 'large' }, /size large, expected a number/],
    ['a size', { size: 2 ** 33 }, /size 8589934592, expected at most 4 GiB/],
    ['start', { start: Number.NaN }, /start NaN, expected a number/],
    ['end', { end: '9' }, /end 9, expected a number/],
    ['buf', { buf: new Uint8Array(4096) }, /buf Uint8Array, expected an ArrayBuffer, a SharedArrayBuffer or/],
    ['skipInitialization', { skipInitialization: true }, /without buf, expected the buffer/],
  ]
  for (const [title, opts, sentence] of wrong) {
    it(`refuses ${title}: ${sentence.source}`, () => {
      const error = failure(() => new MemPool(opts))
      expect(error.message).to.match(sentence)
      expect(error.code).to.equal('argument')
    })
  }

  it('takes what the peer takes', () => {
    for (const opts of [
      {},
      { size: 0, align: 0 as 8, minSplit: 0 },
      { start: -5 },
      { start: 5.5 },
      { size: 4096.7 },
      { size: 60 },
      { size: 0x100, end: 0x1000 },
      { minSplit: 9 },
    ]) {
      const [was, is] = [new Peer(opts), new MemPool(opts)]
      expect(is.malloc(8) > 0, JSON.stringify(opts)).to.equal(was.malloc(8) > 0)
    }
  })

  it('refuses bytes without a pool, or with a broken one, and types that there are not', () => {
    const used = new ArrayBuffer(8192)
    const peer = new Peer({ buf: used })
    peer.malloc(8)
    const pool = new MemPool({ buf: new ArrayBuffer(8192) })
    pool.malloc(100)
    const broken = pool.buf.slice(0)
    new Uint8Array(broken, pool.region!.header, 64).fill(1)
    const cut = [pool.buf.slice(0, 8000), new MemPool().buf.slice(0, 3000)]
    for (const buf of [used, new ArrayBuffer(8192), new ArrayBuffer(8), broken, ...cut]) {
      expect(failure(() => new MemPool({ buf, skipInitialization: true })).code).to.equal('damaged')
    }
    const unknown = failure(() => pool.mallocAs('f16' as 'f32', 8))
    expect(unknown.message).to.match(/type f16, expected one of u8, u8c/)
  })

  it('obeys VMALLOC_OPTIONS', () => {
    for (const options of [
      'mempool.check=3',
      '*.discipline=memory',
      '*.discipline=region',
      'mempool.align=64',
      'mempool.junk',
    ]) {
      const before = injectOptions(options)
      try {
        const pool = new MemPool({ buf: new ArrayBuffer(65536), start: 40_000 })
        const arrays = Array.from({ length: 20 }, (_, i) => pool.callocAs('u8', 50, i)!)
        expect(
          arrays.every((array, i) => array.every((value) => value === i)),
          options,
        ).to.equal(true)
        expect(pool.stats().used.count, options).to.equal(20)
        if (options.includes('discipline')) expect(pool.stats().total).to.equal(pool.region?.stat().extent)
        expect(
          arrays.every((array) => pool.free(array) && !pool.free(array)),
          options,
        ).to.equal(true)
        expect(pool.stats().used, options).to.deep.equal({ count: 0, size: 0 })
      } finally {
        injectOptions(before)
      }
    }
  })
})
