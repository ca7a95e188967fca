/**
 * allocator: wmem's tests of its allocators, over pools of the methods that carry their names.
 *
 *   simple, block -> best     strict -> debug(best)     block_fast -> last
 *
 * Where the original only writes, contents are compared: every block carries a stretch of one text of noise, another one
 * for each allocation, so that a block that is shifted, short or mixed up with another is seen. The long driver checks
 * the block at hand and its neighbours in each step, the whole region after every 64th, and where blocks pile up
 * (block_fast) after every 4096th.
 */
import { expect } from 'chai'
import { injectOptions } from '../../src/index.ts'
import { type EndEvent, openPool, type Pool } from '../../src/scope.ts'
import { Dice, SEED } from '../fixtures/dice.ts'

const KIB = 1024
const MIB = 1024 * KIB
const SLOTS = 1024
const STEPS = 65_536
const ALIGN = 8

const kinds = {
  block: { method: 'best', most: 64 * KIB, checkEvery: 64 },
  // never gives back what is freed before the end, so that many steps of large blocks would not fit
  block_fast: { method: 'last', most: KIB, checkEvery: 4096 },
  simple: { method: 'best', most: 64 * KIB, checkEvery: 64 },
  strict: { method: 'debug(best)', most: 64 * KIB, checkEvery: 64 },
} as const
type Kind = keyof typeof kinds

/** What blocks are filled with. */
const noise = new Uint8Array(64 * KIB + 4 * KIB)
const text = new Dice(7)
for (let i = 0; i < noise.length; i++) noise[i] = text.below(256)

const bytesOf = (pool: Pool, at: number, length: number) => new Uint8Array(pool.region.buffer, at, length)
const stamp = (pool: Pool, at: number, length: number, from: number) =>
  bytesOf(pool, at, length).set(noise.subarray(from, from + length))
const isStamped = (pool: Pool, at: number, length: number, from: number) =>
  Buffer.compare(bytesOf(pool, at, length), noise.subarray(from, from + length)) === 0
const isZero = (pool: Pool, at: number, length: number) =>
  Buffer.compare(bytesOf(pool, at, length), zeros.subarray(0, length)) === 0
const zeros = new Uint8Array(64 * KIB)

function mustHold(holds: boolean, what: string): void {
  if (!holds) expect.fail(what)
}

/** A new block is aligned, large enough and all 0. */
function born(pool: Pool, size: number): number {
  const at = pool.allocZeroed(size)
  mustHold(at % ALIGN === 0, `a block of ${size} bytes at ${at}`)
  mustHold(pool.region.sizeOf(at) >= size, `${pool.region.sizeOf(at)} bytes, asked for ${size}`)
  mustHold(isZero(pool, at, size), `a new block of ${size} bytes at ${at} is not 0`)
  return at
}

function moved(pool: Pool, at: number, had: number, size: number, from: number): number {
  const to = pool.resize(at, size)
  mustHold(to % ALIGN === 0, `a block of ${size} bytes at ${to}`)
  mustHold(pool.region.sizeOf(to) >= size, `${pool.region.sizeOf(to)} bytes, asked for ${size}`)
  mustHold(isStamped(pool, to, Math.min(had, size), from), `from ${had} to ${size} bytes: content lost`)
  return to
}

function expectEmpty(pool: Pool): void {
  pool.region.check()
  expect(pool.region.stat()).to.include({ busyBlocks: 0, busyBytes: 0 })
  expect(pool.bytesLive).to.equal(0)
}

/** Blocks of one size made, made four times as large from the last to the first, and freed from the first on. */
function sizes(pool: Pool, size: number): void {
  const blocks: number[] = []
  for (let i = 0; i < SLOTS; i++) {
    blocks.push(born(pool, size))
    stamp(pool, blocks[i]!, size, i)
  }
  expect(new Set(blocks).size).to.equal(SLOTS)
  for (let i = SLOTS - 1; i >= 0; i--) {
    blocks[i] = moved(pool, blocks[i]!, size, 4 * size, i)
    stamp(pool, blocks[i]!, 4 * size, i)
  }
  pool.region.check()
  for (const [i, at] of blocks.entries()) {
    mustHold(isStamped(pool, at, 4 * size, i), `block ${i} of ${4 * size} bytes was written by another one`)
    pool.free(at)
  }
  expectEmpty(pool)
  pool.freeAll()
  pool.compact()
  expectEmpty(pool)
}

/** What is never freed alone goes with all; and the place is used again. */
function together(pool: Pool): void {
  let first: number[] = []
  for (let round = 0; round < 3; round++) {
    const blocks = Array.from({ length: SLOTS }, () => born(pool, 8 * 4))
    for (const [i, at] of blocks.entries()) stamp(pool, at, 32, i + round)
    pool.region.check()
    expect(pool.region.stat().busyBlocks).to.equal(SLOTS)
    for (const [i, at] of blocks.entries()) mustHold(isStamped(pool, at, 32, i + round), `block ${i}`)
    const { extent } = pool.region
    pool.freeAll()
    expectEmpty(pool)
    expect(pool.region.extent, 'memory stays').to.equal(extent)
    if (round === 0) first = blocks
    else if (pool.region.method === 'last') expect(blocks, 'the same places again').to.deep.equal(first)
  }
}

/** One of many slots, again and again: filled, resized or emptied. */
function random(pool: Pool, steps: number, most: number, checkEvery: number, seed: number): void {
  pool.region.set({ check: 2 })
  const dice = new Dice(seed)
  const at = new Array<number>(SLOTS).fill(0)
  const size = new Array<number>(SLOTS).fill(0)
  const from = new Array<number>(SLOTS).fill(0)
  for (let step = 1; step <= steps; step++) {
    const i = dice.below(SLOTS)
    if (at[i] === 0) {
      size[i] = dice.between(0, most)
      at[i] = born(pool, size[i])
    } else if (dice.once(2)) {
      const wanted = dice.between(0, most)
      at[i] = moved(pool, at[i]!, size[i]!, wanted, from[i]!)
      size[i] = wanted
    } else {
      mustHold(isStamped(pool, at[i]!, size[i]!, from[i]!), `SEED=${seed} step ${step}: slot ${i} was overwritten`)
      pool.free(at[i]!)
      at[i] = 0
      continue
    }
    from[i] = dice.below(4 * KIB)
    stamp(pool, at[i]!, size[i]!, from[i]!)
    if (step % checkEvery === 0) pool.region.check()
  }
  let live = 0
  for (let i = 0; i < SLOTS; i++) {
    if (at[i] === 0) continue
    live++
    mustHold(isStamped(pool, at[i]!, size[i]!, from[i]!), `SEED=${seed}: slot ${i} was overwritten`)
  }
  pool.region.check()
  expect(live).to.be.greaterThan(SLOTS / 3)
  if (pool.region.method !== 'last') expect(pool.region.stat().busyBlocks).to.equal(live)
}

/** Every 4 KiB of a large block says where it is. */
function mark(pool: Pool, at: number, size: number, of: number): void {
  const words = new Int32Array(pool.region.buffer, at, size / 4)
  for (let i = 0; i < words.length; i += KIB) words[i] = i ^ of
  words[words.length - 1] = of
}
function mustBeMarked(pool: Pool, at: number, size: number, of: number): void {
  const words = new Int32Array(pool.region.buffer, at, size / 4)
  for (let i = 0; i < words.length; i += KIB) {
    if (words[i] !== (i ^ of)) expect.fail(`${i * 4} of ${size} bytes: ${words[i]! ^ of}, expected ${i}`)
  }
}

/** Blocks larger than what a method has at a time. */
function jumbos(pool: Pool): void {
  const before = pool.region.extent
  let at = pool.alloc(4 * MIB)
  mark(pool, at, 4 * MIB, 1)
  mustBeMarked(pool, at, 4 * MIB, 1)
  pool.region.check()
  pool.free(at)
  pool.compact()
  pool.region.check()
  if (pool.region.method !== 'debug(best)') expect(pool.region.extent).to.be.below(before + MIB)

  at = pool.alloc(4 * MIB)
  mark(pool, at, 4 * MIB, 2)
  pool.region.check()
  mustBeMarked(pool, at, 4 * MIB, 2)
  pool.free(at)

  let ten = pool.alloc(10 * MIB)
  let thirteen = pool.alloc(13 * MIB)
  mark(pool, ten, 10 * MIB, 10)
  mark(pool, thirteen, 13 * MIB, 13)
  pool.region.check()
  const small = pool.resize(thirteen, 10 * MIB)
  mustBeMarked(pool, small, 10 * MIB, 13)
  thirteen = pool.resize(ten, 13 * MIB)
  mustBeMarked(pool, thirteen, 10 * MIB, 10)
  ten = small
  mark(pool, ten, 10 * MIB, 100)
  mark(pool, thirteen, 13 * MIB, 130)
  pool.region.check()
  pool.compact()
  pool.region.check()
  mustBeMarked(pool, ten, 10 * MIB, 100)
  mustBeMarked(pool, thirteen, 13 * MIB, 130)
  pool.free(ten)
  pool.region.check()
  mustBeMarked(pool, thirteen, 13 * MIB, 130)
  pool.free(thirteen)
  pool.freeAll()
  expectEmpty(pool)
  const { extent } = pool.region
  expect(extent).to.be.greaterThan(12 * MIB)
  expect(pool.compact()).to.be.greaterThan(12 * MIB)
  expect(pool.region.extent).to.be.below(MIB)
  pool.region.check()
}

describe('wmem: allocators', function () {
  this.timeout(20_000)
  let were: string
  // a stack for each of many thousand blocks would take most of the time
  before(() => void (were = injectOptions('format=none,depth=0')))
  after(() => injectOptions(were))

  for (const kind of Object.keys(kinds) as Kind[]) {
    const { method, most, checkEvery } = kinds[kind]
    describe(`allocator/${kind}`, () => {
      const inPool = (what: (pool: Pool) => void, discipline = 'memory'): void => {
        const pool = openPool({ method: kind, name: kind, discipline })
        expect(pool.region.method).to.equal(method)
        what(pool)
        pool.destroy()
        expect(pool.state).to.equal('ended')
      }

      for (const size of [8, 64, 512]) {
        it(`${SLOTS} blocks of ${size} bytes: made, resized backwards, freed forwards`, () =>
          inPool((pool) => sizes(pool, size)))
      }

      it('blocks that go with all', () => inPool(together))

      it(`${STEPS} random steps with up to ${most} bytes; destroyed with what is left (SEED=${SEED})`, () =>
        inPool((pool) => random(pool, STEPS, most, checkEvery, SEED)))

      if (kind === 'block_fast') {
        it(`4096 random steps with up to ${64 * KIB} bytes (SEED=${SEED})`, () =>
          inPool((pool) => random(pool, 4096, 64 * KIB, checkEvery, SEED)))
      }

      for (const discipline of ['resizable', 'region']) {
        it(`jumbos, in memory that also shrinks (${discipline})`, () => inPool(jumbos, discipline))
      }
    })
  }

  it('allocator/callbacks: as often as the original counts', () => {
    const pool = openPool({ method: 'block' })
    let calls = 0
    let expected: EndEvent = 'free'
    const seen: string[] = []
    const register = (name: string, once: boolean) =>
      pool.onFree(
        (event) => {
          expect(event).to.equal(expected)
          expect(pool.bytesLive, 'the memory is there still').to.be.greaterThan(0)
          calls++
          seen.push(name)
        },
        { once },
      )
    const freed = (): number => {
      calls = 0
      seen.length = 0
      pool.alloc(16)
      pool.freeAll()
      expect(pool.bytesLive).to.equal(0)
      return calls
    }

    register('a', true)
    register('b', false)
    const dropped = register('c', false)
    register('d', true)
    register('e', true)
    expect(freed()).to.equal(5)
    expect(seen).to.deep.equal(['e', 'd', 'c', 'b', 'a'])
    expect(freed()).to.equal(2)
    expect(freed()).to.equal(2)
    expect(seen).to.deep.equal(['c', 'b'])

    dropped()
    expect(freed()).to.equal(1)
    expect(seen).to.deep.equal(['b'])

    const stale = register('f', true)
    register('g', false)
    expect(freed()).to.equal(3)
    stale()
    expect(freed()).to.equal(2)
    expect(seen).to.deep.equal(['g', 'b'])

    register('h', true)
    expected = 'destroy'
    calls = 0
    seen.length = 0
    pool.alloc(16)
    pool.destroy()
    expect(calls).to.equal(3)
    expect(seen).to.deep.equal(['h', 'g', 'b'])
  })

  describe('utils/misc', () => {
    for (const kind of Object.keys(kinds) as Kind[]) {
      it(`${kind}: copies of 0, 1, 5 and 10 bytes are blocks of their own`, () => {
        const pool = openPool({ method: kind })
        for (const length of [0, 1, 5, 10]) {
          const source = noise.slice(0, length)
          const at = pool.alloc(length)
          const other = pool.alloc(length)
          expect(at, `${length} bytes`).to.not.equal(0)
          expect(other).to.not.equal(at)
          pool.region.bytes(at, length).set(source)
          pool.region.bytes(other, length).fill(0x11)
          source.fill(0x22)
          expect([...pool.region.bytes(at, length)]).to.deep.equal([...noise.subarray(0, length)])
          pool.region.check()
          pool.free(at)
        }
        pool.free(0)
        pool.destroy()
      })
    }
  })
})
