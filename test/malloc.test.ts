/**
 * malloc: the family keeps C's rules, over a region of its own.
 */
import { expect } from 'chai'
import * as index from '../src/index.ts'
import {
  ALIGN,
  calloc,
  free,
  heap,
  LIMIT,
  malloc,
  mallocRegion,
  mallocUsableSize,
  memalign,
  NIL,
  type Region,
  realloc,
  strdup,
} from '../src/index.ts'

const bytesOf = (at: number, length?: number) => [...mallocRegion().bytes(at, length)]
const isFilled = (at: number, length: number, value: number) =>
  mallocRegion()
    .bytes(at, length)
    .every((byte) => byte === value)

describe('malloc', () => {
  let region: Region
  beforeEach(() => {
    mallocRegion().close()
    region = mallocRegion()
  })
  afterEach(() => region.check())

  it('is a region of its own named malloc, best over memory, not in the heap', () => {
    expect(region.name).to.equal('malloc')
    expect(region.method).to.equal('best')
    expect(region.discipline.name).to.equal('memory')
    expect(region.parent).to.equal(undefined)
    expect(mallocRegion()).to.equal(region)
    expect(heap().child('malloc')).to.equal(undefined)
    expect(index.regions()).to.include(region)
  })

  it('is opened at the first call, and anew after a close', () => {
    const at = malloc(100)
    expect(region.close()).to.equal(true)
    expect(free(at), 'a block of the region that was closed').to.equal(false)
    region = mallocRegion()
    expect(malloc(100)).to.be.greaterThan(0)
    expect(region.stat().busyBlocks).to.equal(1)
  })

  it('allocates blocks that are aligned, apart, and hold what is written', () => {
    const blocks = Array.from({ length: 100 }, (_, i) => malloc(i))
    for (const [i, at] of blocks.entries()) {
      expect(at % ALIGN).to.equal(0)
      expect(mallocUsableSize(at)).to.be.at.least(i)
      region.bytes(at).fill(i)
    }
    for (const [i, at] of blocks.entries()) expect(isFilled(at, mallocUsableSize(at), i), `block ${i}`).to.equal(true)
    for (const at of blocks) expect(free(at)).to.equal(true)
    expect(region.stat()).to.include({ busyBlocks: 0, busyBytes: 0 })
  })

  it('malloc(0) is a block, each time another', () => {
    const [a, b] = [malloc(0), malloc(0)]
    expect(a).to.be.greaterThan(0)
    expect(b).to.not.equal(a)
    expect(free(a)).to.equal(true)
    expect(free(b)).to.equal(true)
  })

  it('answers 0 for what no block can have', () => {
    for (const size of [-1, LIMIT + 1, 2 ** 53, Infinity, Number.NaN, 1.5])
      expect(malloc(size), `${size}`).to.equal(NIL)
    expect(region.stat().busyBlocks).to.equal(0)
  })

  it('free(0) does nothing, free of what is no block answers false', () => {
    const at = malloc(64)
    expect(free(NIL)).to.equal(true)
    for (const wrong of [at + 8, at - 8, 4, -8, 2 ** 40, Number.NaN]) expect(free(wrong), `${wrong}`).to.equal(false)
    expect(free(at)).to.equal(true)
    expect(free(at), 'again').to.equal(false)
  })

  describe('calloc', () => {
    it('clears all usable bytes, also where something was before', () => {
      const used = malloc(1000)
      region.bytes(used).fill(0xff)
      free(used)
      region.compact()
      const at = calloc(37, 27)
      expect(mallocUsableSize(at)).to.be.at.least(999)
      expect(isFilled(at, mallocUsableSize(at), 0)).to.equal(true)
    })

    it('of no elements, or of elements of no size, is a block', () => {
      for (const at of [calloc(0, 8), calloc(8, 0), calloc(0, LIMIT + 1)]) {
        expect(at).to.be.greaterThan(0)
        expect(free(at)).to.equal(true)
      }
    })

    it('answers 0 where the product is too large, or wraps in 32 or 64 bits', () => {
      const { busyBlocks } = region.stat()
      // biome-ignore format: pairs
      const wrong = [[2 ** 16, 2 ** 16], [2 ** 31, 2], [2 ** 16 + 1, 2 ** 16], [2 ** 32, 2 ** 32], [2 ** 52, 2 ** 52],
                     [3, 0x55555556], [LIMIT, 2], [Infinity, 1], [Infinity, 0], [Number.NaN, 8], [-1, 8], [-2, -4], [8, -1]]
      for (const [count, size] of wrong) expect(calloc(count!, size!), `${count} * ${size}`).to.equal(NIL)
      expect(region.stat().busyBlocks).to.equal(busyBlocks)
    })

    it('answers 0 for a part of an element', () => {
      expect(calloc(0.5, 16)).to.equal(NIL)
      expect(calloc(16, 0.5)).to.equal(NIL)
    })
  })

  describe('realloc', () => {
    it('of 0 allocates', () => {
      const at = realloc(NIL, 100)
      expect(mallocUsableSize(at)).to.be.at.least(100)
      expect(free(at)).to.equal(true)
    })

    it('to 0 frees and answers 0', () => {
      const at = malloc(100)
      expect(realloc(at, 0)).to.equal(NIL)
      expect(mallocUsableSize(at)).to.equal(0)
      expect(free(at)).to.equal(false)
    })

    it('of 0 to 0 is a block', () => {
      expect(realloc(NIL, 0)).to.be.greaterThan(0)
    })

    it('keeps the content as far as both sizes go, whether it moves or not', () => {
      let at = malloc(16)
      region.bytes(at, 16).fill(0xab)
      let kept = 16
      for (const size of [16, 100, 40, 5000, 100_000, 99_000, 3, 70_000]) {
        malloc(24)
        at = realloc(at, size)
        kept = Math.min(kept, size)
        expect(mallocUsableSize(at)).to.be.at.least(size)
        expect(isFilled(at, kept, 0xab), `to ${size}`).to.equal(true)
      }
    })

    it('that fails leaves the block as it was', () => {
      const at = malloc(100)
      region.bytes(at, 100).fill(9)
      for (const size of [LIMIT + 1, -1, 0.5, Number.NaN]) expect(realloc(at, size), `${size}`).to.equal(NIL)
      expect(mallocUsableSize(at)).to.be.at.least(100)
      expect(isFilled(at, 100, 9)).to.equal(true)
      expect(free(at)).to.equal(true)
    })

    it('of what is no block answers 0 and allocates nothing', () => {
      const at = malloc(64)
      const gone = malloc(64)
      free(gone)
      const { busyBlocks } = region.stat()
      for (const wrong of [at + 8, gone, 2 ** 33, -8]) {
        expect(realloc(wrong, 100), `${wrong}`).to.equal(NIL)
        expect(realloc(wrong, 0), `${wrong} to 0`).to.equal(NIL)
      }
      expect(region.stat().busyBlocks).to.equal(busyBlocks)
    })
  })

  describe('memalign', () => {
    it('aligns to any power of two', () => {
      for (let alignment = 1; alignment <= 2 ** 20; alignment *= 2) {
        const at = memalign(alignment, 100)
        expect(at).to.be.greaterThan(0)
        expect(at % Math.max(alignment, ALIGN)).to.equal(0)
        expect(mallocUsableSize(at)).to.be.at.least(100)
      }
    })

    it('gives blocks that realloc and free take', () => {
      const at = memalign(4096, 50)
      region.bytes(at, 50).fill(4)
      const more = realloc(at, 9000)
      expect(isFilled(more, 50, 4)).to.equal(true)
      expect(free(more)).to.equal(true)
    })

    it('answers 0 for other alignments and sizes', () => {
      for (const alignment of [0, -8, 3, 48, 0.5, Number.NaN, Infinity, 2 ** 32]) {
        expect(memalign(alignment, 64), `${alignment}`).to.equal(NIL)
      }
      for (const size of [-1, 1.5, LIMIT + 1, Number.NaN]) expect(memalign(64, size), `${size}`).to.equal(NIL)
    })
  })

  it('mallocUsableSize is what can be used, 0 for what is no block', () => {
    const at = malloc(100)
    expect(mallocUsableSize(at)).to.equal(region.sizeOf(at))
    for (const wrong of [NIL, at + 8, -1, 2 ** 33, Number.NaN]) expect(mallocUsableSize(wrong), `${wrong}`).to.equal(0)
    free(at)
    expect(mallocUsableSize(at)).to.equal(0)
  })

  it('strdup copies a text as NUL-ended UTF-8', () => {
    const at = strdup('Straße €')
    expect(bytesOf(at, 12)).to.deep.equal([...new TextEncoder().encode('Straße €'), 0])
    expect(region.readString(at)).to.equal('Straße €')
    expect(bytesOf(strdup(''), 1)).to.deep.equal([0])
    expect(free(at)).to.equal(true)
  })

  it('makes the mistakes of clients heard', () => {
    const heard: string[] = []
    region.on('badaddr', ({ op, value }) => void heard.push(`${op} ${value}`))
    free(12)
    malloc(-1)
    memalign(3, 8)
    realloc(4, 100)
    expect(heard).to.deep.equal(['free 12', 'alloc -1', 'align 3', 'resize 4'])
  })
})
