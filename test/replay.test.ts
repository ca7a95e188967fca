/**
 * replay: the calls of a trace are made as they stand, figures are those of the trace and of the memory held, and a
 * checked pass finds every kind of broken region.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { expect } from 'chai'
import sinon from 'sinon'
import type { Region } from '../src/contract/region.ts'
import { VmallocError } from '../src/ground/fault.ts'
import { open } from '../src/index.ts'
import { replayChecked } from '../src/trace/checked.ts'
import { parseTrace } from '../src/trace/format.ts'
import { freeLeft, measure, replay, sampleLive } from '../src/trace/replay.ts'
import type { Trace } from '../src/trace/trace.ts'
import { TraceWriter } from '../src/trace/write.ts'

const traceOf = (...lines: string[]): Trace =>
  parseTrace(new TextEncoder().encode(`1 0 0 0\n${lines.join('\n')}\n`), 'some.rep')

/** A region that hands out memory in order and never takes any back; `flaws` break it. */
class Toy {
  readonly name = 'toy'
  readonly method = 'toy'
  readonly alignment = 8
  readonly buffer = new ArrayBuffer(1 << 16)
  protected top = 64
  readonly #sizes = new Map<number, number>()

  alloc(size: number): number {
    return this.align(size, 8)
  }

  allocZeroed(size: number): number {
    const at = this.alloc(size)
    new Uint8Array(this.buffer).fill(0, at, at + size)
    return at
  }

  align(size: number, alignment: number): number {
    const at = Math.ceil(this.top / alignment) * alignment
    this.top = at + Math.ceil(size / 8) * 8 + 8
    this.#sizes.set(at, size)
    return at
  }

  resize(at: number, size: number): number {
    const to = this.alloc(size)
    new Uint8Array(this.buffer).copyWithin(to, at, at + Math.min(size, this.sizeOf(at)))
    return to
  }

  free(_at: number): boolean {
    return true
  }

  sizeOf(at: number): number {
    return this.#sizes.get(at) ?? -1
  }

  clear(): boolean {
    return true
  }

  compact(): number {
    return 0
  }

  check(): void {}
}

const asRegion = (toy: Toy) => toy as unknown as Region

describe('replay', () => {
  it('makes the calls of a trace, in order, with their numbers', () => {
    const toy = new Toy()
    const calls: unknown[][] = []
    for (const name of ['alloc', 'allocZeroed', 'align', 'resize', 'free', 'clear', 'compact'] as const) {
      const fake = (...given: unknown[]) => {
        calls.push([name, ...given])
        return 64 * calls.length
      }
      sinon.replace(toy, name, fake as never)
    }
    const move = { move: true, copy: true }
    const trace = traceOf('a 0 10', 'c 1 20', 'm 2 64 30', 'r 0 0', 'f 0', 'k', 'x', 'a 3 0')
    replay(trace, asRegion(toy))
    expect(calls).to.deep.equal([
      ['alloc', 10],
      ['allocZeroed', 20],
      ['align', 30, 64],
      ['resize', 64, 0, move],
      ['free', 256],
      ['compact'],
      ['clear'],
      ['alloc', 0],
    ])
  })

  it('counts what fails; a block never had is left alone, one not resized lives on', () => {
    const toy = new Toy()
    sinon.stub(toy, 'alloc').callsFake((size) => (size > 100 ? 0 : 64))
    sinon.stub(toy, 'resize').returns(0)
    const free = sinon.stub(toy, 'free').returns(false)
    const pass = replay(traceOf('a 0 1000', 'r 0 2000', 'f 0', 'a 1 10', 'r 1 20', 'f 1'), asRegion(toy))
    expect(pass).to.include({ failed: 2, refused: 1 })
    expect(free.args).to.deep.equal([[64]])
  })

  it('stops where it is told, and frees what is left', () => {
    const region = open({ discipline: 'memory', method: 'best', name: 'replayed' })
    const trace = traceOf('a 0 10', 'a 1 20', 'a 2 30', 'f 1')
    replay(trace, region, { until: 2 })
    expect(region.stat().busyBlocks).to.equal(2)
    region.clear()
    freeLeft(trace, region, replay(trace, region))
    expect(region.stat().busyBlocks).to.equal(0)
    region.close()
  })
})

describe('a replay that is traced', () => {
  const file = join(import.meta.dirname, 'traces/dot-layout.rep.gz')
  const trace = parseTrace(gunzipSync(readFileSync(file)), file)
  for (const check of [0, 1]) {
    it(`gives the trace again, ${check === 0 ? 'the short way' : 'and checks each operation'}`, () => {
      const pieces: Uint8Array[] = []
      const writer = new TraceWriter({ write: (bytes) => void pieces.push(bytes.slice()) })
      const region = open({ discipline: 'memory', method: 'best', name: 'traced', check })
      region.listen(writer)
      replay(trace, region)
      writer.flush()
      region.close()
      const again = parseTrace(Buffer.concat(pieces), 'again')
      expect(again).to.include({ events: trace.events, blocks: trace.blocks, peakLive: trace.peakLive, skipped: 0 })
      for (const column of ['ops', 'ids', 'sizes', 'aligns', 'left'] as const) {
        expect(Buffer.compare(bytesOf(again[column]), bytesOf(trace[column])), column).to.equal(0)
      }
    })
  }
  const bytesOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView) => Buffer.from(buffer, byteOffset, byteLength)
})

describe('measure', () => {
  const grow = traceOf('a 0 300000', 'a 1 8', 'r 0 500000', 'f 0', 'a 2 100', 'f 1')

  it('gives the figures that replay --json prints', () => {
    const row = measure(grow, () => open({ discipline: 'memory', method: 'best', name: 'measured' }))
    expect(row).to.have.all.keys(
      ...['trace', 'method', 'discipline', 'events', 'failed', 'nsPerOp', 'peakLive', 'extent', 'utilization'],
    )
    expect(row).to.include({ trace: 'some.rep', method: 'best', discipline: 'memory', events: 6, failed: 0 })
    expect(row.peakLive).to.equal(500008)
    expect(row.extent).to.be.greaterThan(500008)
    expect(row.utilization).to.equal(row.peakLive / row.extent)
    expect(row.nsPerOp).to.be.greaterThan(0)
  })

  it('makes one pass to warm up and as many as it is told, over one heap, and closes it', () => {
    const region = open({ discipline: 'memory', method: 'best', name: 'measured' })
    const alloc = sinon.spy(region, 'alloc')
    const free = sinon.spy(region, 'free')
    const progress = sinon.spy()
    measure(grow, () => region, { passes: 3, progress })
    expect(alloc.callCount).to.equal(4 * 3)
    expect(free.callCount).to.equal(4 * 3)
    expect(progress.args).to.deep.equal([1, 2, 3, 4].map((done) => [done, 4]))
    expect(region.closed).to.equal(true)
  })

  it('closes the region when a pass throws', () => {
    const region = open({ discipline: 'memory', method: 'best', name: 'measured' })
    sinon.stub(region, 'alloc').throws(new Error('on purpose'))
    expect(() => measure(grow, () => region)).to.throw('on purpose')
    expect(region.closed).to.equal(true)
  })

  it('knows the largest extent though it shrank since', () => {
    const held: number[] = []
    const trace = traceOf('a 0 3000000', 'f 0', 'k', 'a 1 1000', 'f 1', 'k')
    const openResizable = () => open({ discipline: 'resizable', method: 'best', name: 'measured' })
    const row = measure(trace, () => {
      const region = openResizable()
      region.on('compact', () => held.push(region.stat().extent))
      return region
    })
    expect(row.extent).to.be.greaterThan(3000000)
    expect(Math.max(...held)).to.be.lessThan(1000000)
  })

  it('gives what can be had where the discipline does not give way', () => {
    const region = open({ discipline: 'memory', method: 'best', name: 'measured' })
    const { discipline } = region
    const set = sinon.stub().throws(new VmallocError('vetoed', 'on purpose'))
    Object.defineProperty(region, 'discipline', { get: () => discipline, set })
    expect(measure(grow, () => region).extent).to.be.greaterThan(500008)
    expect(set.callCount).to.equal(2)
  })

  it('counts as failed what a method does not serve', () => {
    const trace = traceOf('a 0 100', 'a 1 8', 'a 2 5000', 'a 3 100', 'f 0', 'f 2', 'f 3')
    const failed = (method: string) => measure(trace, () => open({ discipline: 'memory', method, name: 'm' })).failed
    expect(failed('best')).to.equal(0)
    expect(failed('pool')).to.be.within(1, 2)
    expect(failed('null')).to.equal(4)
  })

  it('does not count frees that a method never promised', () => {
    const trace = traceOf('a 0 100', 'a 1 8', 'f 0', 'f 1')
    expect(measure(trace, () => open({ discipline: 'memory', method: 'last', name: 'm' })).failed).to.equal(0)
  })

  it('counts frees that are refused by a method that frees any block', () => {
    const region = open({ discipline: 'memory', method: 'best', name: 'measured' })
    sinon.stub(region, 'free').returns(false)
    expect(measure(grow, () => region, { passes: 1 }).failed).to.equal(2)
  })
})

describe('sampleLive', () => {
  it('tells of blocks above 4 GiB, of which traces may speak', () => {
    const trace = traceOf('a 0 6000000000', 'a 1 8', 'f 0', 'r 1 16')
    expect([...sampleLive(trace, 4)]).to.deep.equal([6000000000, 6000000008, 8, 16])
    expect(trace.peakLive).to.equal(6000000008)
  })

  it('gives the largest sum in each part', () => {
    const trace = traceOf('a 0 10', 'a 1 20', 'f 0', 'r 1 100', 'x', 'k', 'a 2 5', 'f 2')
    expect([...sampleLive(trace, 4)]).to.deep.equal([30, 100, 0, 5])
    expect([...sampleLive(trace, 8)]).to.deep.equal([10, 30, 20, 100, 0, 0, 5, 0])
  })
  it('agrees with the peak', () => {
    const trace = traceOf('a 0 10', 'a 1 20', 'f 0', 'a 2 15', 'r 2 3', 'f 2')
    expect(Math.max(...sampleLive(trace, 2))).to.equal(trace.peakLive)
  })
})

describe('checked replay', () => {
  const life = traceOf('a 0 40', 'c 1 50', 'm 2 64 100', 'r 0 200', 'a 3 7', 'f 1', 'r 2 30', 'f 0', 'k', 'f 3')

  it('finds nothing wrong with a region that is right', () => {
    expect(replayChecked(life, asRegion(new Toy()))).to.include({ failed: 0, refused: 0 })
  })

  it('asks the region to check itself about a hundred times', () => {
    const toy = new Toy()
    const check = sinon.spy(toy, 'check')
    replayChecked(traceOf(...Array.from({ length: 1000 }, (_, id) => `a ${id} 0`)), asRegion(toy))
    expect(check.callCount).to.equal(101)
    replayChecked(life, asRegion(toy), { every: 5 })
    expect(check.callCount).to.equal(101 + 3)
  })

  const broken: Record<string, [flaw: new () => Toy, trace: Trace, message: RegExp]> = {
    'hands out the same block twice': [
      class extends Toy {
        override alloc(size: number): number {
          this.top = 64
          return super.alloc(size)
        }
      },
      traceOf('a 0 40', 'a 1 40', 'f 0'),
      /event 2: block 0 at 64: 0x[0-9a-f]+ at offset 0, expected/,
    ],
    'overlaps by the last byte': [
      class extends Toy {
        override alloc(size: number): number {
          const at = super.alloc(size)
          this.top = at + 32
          return at
        }
      },
      traceOf('a 0 33', 'a 1 40', 'f 1', 'f 0'),
      /event 3: block 0 .* at offset 32,/,
    ],
    'moves a block without its content': [
      class extends Toy {
        override resize(_at: number, size: number): number {
          return this.alloc(size)
        }
      },
      traceOf('a 0 40', 'a 1 8', 'r 0 80'),
      /event 2: block 0 .* at offset 0,/,
    ],
    'loses the last byte of what is kept': [
      class extends Toy {
        override resize(at: number, size: number): number {
          const to = super.resize(at, size)
          new Uint8Array(this.buffer)[to + Math.min(size, this.sizeOf(at)) - 1]! ^= 1
          return to
        }
      },
      traceOf('a 0 40', 'r 0 31'),
      /event 1: block 0 .* at offset 30,/,
    ],
    'does not clear': [
      class extends Toy {
        override allocZeroed(size: number): number {
          const at = super.allocZeroed(size)
          new Uint8Array(this.buffer)[at + size - 1] = 3
          return at
        }
      },
      traceOf('c 0 40'),
      /event 0: block 0 .*0x3 at offset 39, expected 0x0/,
    ],
    'does not align': [
      class extends Toy {
        override align(size: number, alignment: number): number {
          return super.align(size, Math.min(alignment, 32))
        }
      },
      traceOf('a 0 20', 'm 1 64 20', 'm 2 64 20'),
      /block 1 at \d+, expected a multiple of 64/,
    ],
    'gives too little': [
      class extends Toy {
        override sizeOf(at: number): number {
          return super.sizeOf(at) - 1
        }
      },
      traceOf('a 0 20'),
      /block 0 at 64: 19 usable bytes, expected at least 20/,
    ],
    'reaches over the end': [
      class extends Toy {
        override alloc(size: number): number {
          this.top = (1 << 16) - 16
          return super.alloc(size)
        }
      },
      traceOf('a 0 20'),
      /block 0 at 65520: ends at 65540, expected at most 65536/,
    ],
    'writes into a live block': [
      class extends Toy {
        override compact(): number {
          new Uint8Array(this.buffer)[70]! ^= 128
          return 0
        }
      },
      traceOf('a 0 20', 'k'),
      /event 1: block 0 at 64: .* at offset 4,/,
    ],
    'writes into a live block, then clears': [
      class extends Toy {
        override free(): boolean {
          new Uint8Array(this.buffer)[70]! ^= 128
          return true
        }
      },
      traceOf('a 0 20', 'a 1 20', 'f 1', 'x'),
      /event 3: block 0 at 64: .* at offset 4,/,
    ],
    'says itself that it is damaged': [
      class extends Toy {
        override check(): void {
          throw new VmallocError('corrupted', 'toy L1: at 64: 5, expected 6')
        }
      },
      traceOf('a 0 20'),
      /some\.rep, event 0: check: toy L1: at 64: 5, expected 6/,
    ],
  }
  for (const [what, [Flaw, trace, message]] of Object.entries(broken)) {
    it(`finds a region that ${what}`, () => {
      expect(() => replayChecked(trace, asRegion(new Flaw())))
        .to.throw(VmallocError, message)
        .with.property('code', 'corrupted')
    })
  }

  it('is the warm-up pass of measure where that is asked for', () => {
    const region = open({ discipline: 'memory', method: 'best', name: 'measured' })
    const { alloc } = region
    sinon.replace(region, 'alloc', (size) => alloc.call(region, size >>> 1))
    const trace = traceOf('a 0 100', 'f 0')
    expect(() => measure(trace, () => region, { check: true })).to.throw(VmallocError, /usable bytes/)
  })

  const growing = traceOf(...Array.from({ length: 200 }, (_, id) => `a ${id} 5000`), 'x', 'k', 'c 200 100', 'k')
  const places = ['memory', 'shared', 'resizable', 'region']
  for (const [discipline, method] of places.flatMap((place) => ['best', 'last'].map((name) => [place, name]))) {
    it(`finds nothing wrong with ${method} over ${discipline}`, () => {
      const region = open({ discipline, method, name: 'checked' })
      expect(replayChecked(life, region)).to.include({ failed: 0 })
      region.clear()
      expect(replayChecked(growing, region)).to.include({ failed: 0 })
      region.close()
    })
  }
})
