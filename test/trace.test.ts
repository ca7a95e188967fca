/**
 * trace: what is written can be read, what cannot be meant is refused with its line, and a trace file is complete
 * however the program ends.
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import fc from 'fast-check'
import type { Region } from '../src/contract/region.ts'
import { VmallocError } from '../src/ground/fault.ts'
import { AddressTable } from '../src/trace/address-table.ts'
import { parseTrace } from '../src/trace/format.ts'
import {
  OP_ALIGN,
  OP_ALLOC,
  OP_CLEAR,
  OP_COMPACT,
  OP_FREE,
  OP_RESIZE,
  OP_ZEROED,
  type Trace,
} from '../src/trace/trace.ts'
import { TraceWriter } from '../src/trace/write.ts'

const SEED = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31))
const CALLS = 100

type Event = [op: number, id: number, size: number, alignment: number]

const parse = (text: string) => parseTrace(new TextEncoder().encode(text), 'some.rep')
const eventsOf = ({ ops, ids, sizes, aligns }: Trace): Event[] =>
  Array.from(ops, (op, i) => [op, ids[i]!, sizes[i]!, aligns[i]!])

function faultOf(task: () => unknown): string {
  try {
    task()
  } catch (error) {
    expect(error).to.be.instanceOf(VmallocError).with.property('code', 'argument')
    return (error as Error).message
  }
  throw new Error('expected a fault')
}

/** A writer whose lines are kept as text. */
function recorder() {
  let text = ''
  const writer = new TraceWriter({ write: (bytes) => void (text += new TextDecoder().decode(bytes)) })
  const lines = () => {
    writer.flush()
    return text.split('\n').slice(4, -1)
  }
  const trace = () => {
    writer.flush()
    return parse(text)
  }
  return { writer, lines, trace }
}

const regionOf = (name: string) => ({ name }) as Region

describe('trace format', () => {
  it('reads every letter', () => {
    const trace = parse('1\n4\n8\n5304\na 0 72\nc 1 136\nm 2 64 4096\nr 0 1000\nf 1\nk\nx\na 3 0\n')
    expect(eventsOf(trace)).to.deep.equal([
      [OP_ALLOC, 0, 72, 0],
      [OP_ZEROED, 1, 136, 0],
      [OP_ALIGN, 2, 4096, 64],
      [OP_RESIZE, 0, 1000, 0],
      [OP_FREE, 1, 0, 0],
      [OP_COMPACT, 0, 0, 0],
      [OP_CLEAR, 0, 0, 0],
      [OP_ALLOC, 3, 0, 0],
    ])
    expect(trace).to.include({ name: 'some.rep', events: 8, blocks: 4, peakLive: 5232, peakAt: 3 })
    expect([...trace.left]).to.deep.equal([3])
    expect(trace.declared).to.deep.equal({ blocks: 4, events: 8 })
  })

  const headers = {
    'of this project': '1\n2\n3\n30\n',
    'of the old lab: heap size first, weight last': '20000\n2\n3\n1\n',
    'of the newer lab: weight first': '3\n2\n3\n0\n',
    'with a fraction for a weight': '0.5\n2\n3\n1\n',
    'with CRLF': '1\r\n2\r\n3\r\n30\r\n',
    'with blank lines and blanks': '\n 1 \n\n2\t\n3\n\n30\n\n',
    'on one line': '1 2 3 30\n',
  }
  for (const [shape, header] of Object.entries(headers)) {
    it(`reads a header ${shape}`, () => {
      const trace = parse(`${header}a 0 10\na 1 20\nf 0\n`)
      expect(trace).to.include({ events: 3, blocks: 2, peakLive: 30 })
      expect(trace.declared).to.deep.equal({ blocks: 2, events: 3 })
    })
  }

  it('counts itself where the header says nothing', () => {
    const trace = parse('1\n0\n0\n0\na 0 10\na 1 20\nf 0\n')
    expect(trace).to.include({ events: 3, blocks: 2, peakLive: 30, declared: undefined })
  })

  it('reads CRLF lines, blank lines at the end, and a last line without its end', () => {
    expect(parse('1\r\n0\r\n0\r\n0\r\na 0 10\r\nf 0\r\n\r\n\r\n')).to.include({ events: 2, blocks: 1 })
    expect(parse('1\n0\n0\n0\na 0 10\nf 0')).to.include({ events: 2, blocks: 1 })
    expect(parse('1\n0\n0\n0\n')).to.include({ events: 0, blocks: 0, peakLive: 0, peakAt: -1 })
  })

  it('reads sizes beyond 32 bits', () => {
    expect(parse('1 0 0 0\na 0 36000000000\na 1 36000000000\n').peakLive).to.equal(72e9)
  })

  it('counts failures and frees of nothing, and leaves them out', () => {
    const trace = parse('1 0 0 0\n! a 5000\n! c 5000\n! m 64 5000\na 0 8\n! r 0 5000\nf -1\n')
    expect(trace).to.include({ events: 1, failures: 4, skipped: 1 })
  })

  it('gets sums right across resizes and clears', () => {
    const trace = parse('1 0 0 0\na 0 100\nr 0 10\na 1 50\nx\na 2 70\nf 2\na 3 80\n')
    expect(trace).to.include({ peakLive: 100, peakAt: 0 })
    expect([...trace.left]).to.deep.equal([3])
  })

  // biome-ignore format: a table
  const faults: [text: string, line: number, came: string, expected: string][] = [
    ['', 1, 'the end of the file', 'four'],
    ['1\n2\n', 3, 'the end of the file', 'four'],
    ['1\n2\na 0 1\n', 3, "'a'", 'four'],
    ['1 2 3 -4\n', 1, "'-4'", 'four'],
    ['1 2 3 4 5\n', 1, "'5'", 'the end of the header'],
    ['1 0 0 0\nq 0 1\n', 2, "'q'", 'a line that begins with a, c, m, r, f, x, k or !'],
    ['1 0 0 0\n\n\na zero 1\n', 4, "'zero'", 'the id of a block'],
    ['1 0 0 0\na -1 1\n', 2, "'-1'", 'the id of a block'],
    ['1 0 0 0\na 0\n', 2, 'the end of the line', 'a size'],
    ['1 0 0 0\na 0 12.5\n', 2, "'12.5'", 'a size'],
    ['1 0 0 0\na 0 1e3\n', 2, "'1e3'", 'a size'],
    ['1 0 0 0\na 0 99999999999999999999\n', 2, "'99999999999999999999'", 'a size'],
    ['1 0 0 0\na 0 1 2\n', 2, "'2'", 'the end of the line'],
    ['1 0 0 0\nm 0 24 1\n', 2, '24', 'a power of two'],
    ['1 0 0 0\nm 0 0 1\n', 2, '0', 'a power of two'],
    ['1 0 0 0\na 0 1\na 0 1\n', 3, 'id 0, which was allocated before', 'one that was not'],
    ['1 0 0 0\na 0 1\nf 0\na 0 1\n', 4, 'id 0, which was allocated before', 'one that was not'],
    ['1 0 0 0\na 0 1\nf 0\nf 0\n', 4, 'id 0, which was freed before', 'a block that is live'],
    ['1 0 0 0\na 0 1\nx\nr 0 8\n', 4, 'id 0, which was freed before', 'a block that is live'],
    ['1 0 0 0\nf 3\n', 2, 'id 3, which was never allocated', 'a block that is live'],
    ['1 0 0 0\na 3 1\nf 2\n', 3, 'id 2, which was never allocated', 'a block that is live'],
    ['1 0 0 0\na 4000000000 1\n', 2, 'id 4000000000', 'ids count from 0'],
    ['1 0 0 0\n! q 5\n', 2, "'q'", 'the call that failed'],
    ['1 0 0 0\n! a\n', 2, 'the end of the line', 'a size'],
    ['1 0 0 0\nx 1\n', 2, "'1'", 'the end of the line'],
  ]
  for (const [text, line, came, expected] of faults) {
    it(`refuses ${JSON.stringify(text)}`, () => {
      const message = faultOf(() => parse(text))
      expect(message).to.match(/^some\.rep, line /)
      expect(message).to.contain(`line ${line}: `).and.to.contain(came).and.to.contain(expected)
    })
  }
})

describe('traces of AST vmalloc', () => {
  const events: Event[] = [
    [OP_ALLOC, 0, 40, 0],
    [OP_ALIGN, 1, 100, 64],
    [OP_RESIZE, 0, 80, 0],
    [OP_RESIZE, 0, 96, 0],
    [OP_COMPACT, 0, 0, 0],
    [OP_FREE, 1, 0, 0],
  ]
  const forms = {
    'of 1999: methods in words, with an alignment': [
      '0x0:0x1000:40:0:0xff00:best:main.c,12:',
      '0x0:0x2000:100:64:0xff00:best:',
      '0x1000:0x1000:80:0:0xff00:best:',
      '0x1000:0x3000:96:0:0xee00:last:',
      '0x0:0x0:0:0:0xff00:best:',
      '0x2000:0x0:128:0:0xff00:best:',
    ],
    'of G11: hexadecimal without 0x, letters': [
      '0:1000:40:0:7f00ff00:b:file=main.c,line=12,func=main:',
      '0:2000:100:64:7f00ff00:b:',
      '1000:1000:80:0:7f00ff00:b:',
      '1000:3000:96:0:7f00ee00:l:',
      '0:0:0:0:7f00ff00:b:',
      '2000:0:128:0:7f00ff00:b:',
    ],
    'of G13: 0x, thread and process': [
      '0x0:0x1000:40:0:0x7f00ff00:b:file=main.c,line=12:tid=1,pid=2:',
      '0x0:0x2000:100:64:0x7f00ff00:d:tid=1,pid=2:',
      '0x1000:0x1000:80:0:0x7f00ff00:b:tid=1,pid=2:',
      '0x1000:0x3000:96:0:0x7f00ff00:s:tid=1,pid=2:',
      '0x0:0x0:0:0:0x7f00ff00:b:tid=1,pid=2:',
      '0x2000:0x0:128:0:0x7f00ff00:p:tid=1,pid=2:',
    ],
  }
  for (const [form, lines] of Object.entries(forms)) {
    it(`reads the form ${form}`, () => {
      const trace = parse(`${lines.join('\n')}\n`)
      expect(eventsOf(trace)).to.deep.equal(events)
      expect(trace).to.include({ blocks: 2, peakLive: 196, skipped: 0, inferred: 0 })
      expect([...trace.left]).to.deep.equal([0])
    })
  }

  it('reads the form of 1995: no alignment', () => {
    const trace = parse(
      '0x0:0x1000:40:0xff00:best:main.c,12:\n0x1000:0x2000:50:0xff00:best:\n0x2000:0x0:64:0xff00:best:\n',
    )
    expect(eventsOf(trace)).to.deep.equal([
      [OP_ALLOC, 0, 40, 0],
      [OP_RESIZE, 0, 50, 0],
      [OP_FREE, 0, 0, 0],
    ])
  })

  it('gives an address that is used again a new id', () => {
    const trace = parse('0:1000:40:0:ff00:b:\n1000:0:40:0:ff00:b:\n0:1000:48:0:ff00:b:\n')
    expect([...trace.ids]).to.deep.equal([0, 0, 1])
  })

  it('skips the free of an address never seen', () => {
    expect(parse('9000:0:40:0:ff00:b:\n0:1000:48:0:ff00:b:\n')).to.include({ events: 1, skipped: 1 })
  })

  it('takes the resize of an address never seen for an allocation', () => {
    expect(eventsOf(parse('9000:9900:40:0:ff00:b:\n'))).to.deep.equal([[OP_ALLOC, 0, 40, 0]])
  })

  it('infers that a block has gone when its address comes again', () => {
    const trace = parse('0:1000:40:0:ff00:b:\n0:2000:8:0:ff00:b:\n0:1000:48:0:ff00:b:\n1000:2000:56:0:ff00:b:\n')
    expect(eventsOf(trace)).to.deep.equal([
      [OP_ALLOC, 0, 40, 0],
      [OP_ALLOC, 1, 8, 0],
      [OP_FREE, 0, 0, 0],
      [OP_ALLOC, 2, 48, 0],
      [OP_FREE, 1, 0, 0],
      [OP_RESIZE, 2, 56, 0],
    ])
    expect(trace).to.include({ inferred: 2, skipped: 0 })
  })

  it('takes blocks that were busy before for new ones, but once', () => {
    expect(parse('0:1000:40:0:ff00:u:\n0:1000:40:0:ff00:u:\n')).to.include({ events: 1, inferred: 0 })
  })

  it('refuses what cannot be meant', () => {
    expect(faultOf(() => parse('0:zz:40:0:ff00:b:\n'))).to.contain("line 1: 'zz', expected an address")
    expect(faultOf(() => parse('0:10:4x:0:ff00:b:\n'))).to.contain("'4x', expected a size")
    expect(faultOf(() => parse('0:10:40:24:ff00:b:\n'))).to.contain('alignment 24, expected a power of two')
    expect(faultOf(() => parse('0:10:40:0:ff00:b:\n0:20:40:0:ff00:z:\n'))).to.contain("line 2: 'z', expected a method")
    expect(faultOf(() => parse('0:10:40:0:ff00:b:\n0:20:40\n'))).to.contain(
      'line 2: the end of the line, expected a colon',
    )
  })
})

describe('address table', () => {
  it('is a map', () => {
    const address = fc.oneof(fc.integer({ min: 1, max: 500 }), fc.integer({ min: 0xfffffe00, max: 0xffffffff }))
    const step = fc.tuple(fc.constantFrom('set', 'set', 'take', 'get'), address)
    const body = (steps: [string, number][]) => {
      const table = new AddressTable()
      const model = new Map<number, number>()
      steps.forEach(([what, at], i) => {
        const before = model.get(at) ?? -1
        if (what === 'set') model.set(at, i)
        if (what === 'take') model.delete(at)
        const answer = what === 'set' ? table.set(at, i) : what === 'take' ? table.take(at) : table.get(at)
        if (answer !== before || table.size !== model.size) throw new Error(`${what} ${at}: ${answer}, not ${before}`)
      })
      for (const [at, value] of model) if (table.get(at) !== value) throw new Error(`${at}: ${table.get(at)}`)
      expect([...table.values()].sort((a, b) => a - b)).to.deep.equal([...model.values()].sort((a, b) => a - b))
    }
    fc.assert(fc.property(fc.array(step, { maxLength: 2000, size: 'max' }), body), { seed: SEED, numRuns: 100 })
  })
})

describe('trace writer', () => {
  /** A draw of a life of two regions, and the events that it makes. */
  interface Step {
    what: 'alloc' | 'zeroed' | 'align' | 'free' | 'resize' | 'move' | 'clear' | 'close' | 'compact' | 'nomem'
    region: 0 | 1
    size: number
    pick: number
  }
  const size = fc.oneof(
    fc.nat(300),
    fc
      .integer({ min: 0, max: 16 })
      .chain((n) => fc.integer({ min: -1, max: 1 }).map((d) => Math.max(0, 10 ** Math.min(n, 15) + d))),
    fc.constantFrom(0x7fffffff, 0x80000000, 2 ** 32, Number.MAX_SAFE_INTEGER),
  )
  const often = ['alloc', 'zeroed', 'align', 'free', 'resize', 'move'] as const
  const seldom = ['clear', 'close', 'compact', 'nomem'] as const
  const what = fc.oneof(
    { weight: 9, arbitrary: fc.constantFrom(...often) },
    { weight: 1, arbitrary: fc.constantFrom(...seldom) },
  )
  const step: fc.Arbitrary<Step> = fc.record({ what, region: fc.constantFrom(0, 1), size, pick: fc.nat() })

  function live(steps: Step[]) {
    const { writer, trace } = recorder()
    const regions = [regionOf('a'), regionOf('b')]
    const blocks = [new Map<number, number>(), new Map<number, number>()]
    const expected: Event[] = []
    let nextId = 0
    let failures = 0
    const freeAddress = (held: Map<number, number>) => {
      let at = 64
      while (held.has(at)) at += 64
      return at
    }
    for (const { what, region, size, pick } of steps) {
      const held = blocks[region]!
      const at = [...held.keys()][pick % Math.max(1, held.size)]
      const add = (op: number, alignment = 0) => {
        const fresh = freeAddress(held)
        writer.alloc(regions[region]!, fresh, size, alignment, op === OP_ZEROED)
        expected.push([op, nextId, size, alignment])
        held.set(fresh, nextId++)
      }
      if (what === 'alloc') add(OP_ALLOC)
      else if (what === 'zeroed') add(OP_ZEROED)
      else if (what === 'align') add(OP_ALIGN, 2 ** (pick % 32))
      else if (what === 'compact') {
        writer.compact()
        expected.push([OP_COMPACT, 0, 0, 0])
      } else if (what === 'nomem') {
        const op = (['alloc', 'align', 'resize'] as const)[pick % 3]!
        writer.nomem(regions[region]!, { op, at: at ?? 8, size, alignment: 64 })
        failures++
      } else if (what === 'clear' || what === 'close') {
        writer[what](regions[region]!)
        if (held.size === blocks[0]!.size + blocks[1]!.size) {
          if (what === 'clear' || held.size > 0) expected.push([OP_CLEAR, 0, 0, 0])
        } else {
          for (const id of [...held.values()].sort((a, b) => a - b)) expected.push([OP_FREE, id, 0, 0])
        }
        held.clear()
      } else if (at !== undefined) {
        const id = held.get(at)!
        if (what === 'free') {
          writer.free(regions[region]!, at)
          expected.push([OP_FREE, id, 0, 0])
          held.delete(at)
        } else {
          const to = what === 'move' ? freeAddress(held) : at
          writer.resize(regions[region]!, at, to, size)
          expected.push([OP_RESIZE, id, size, 0])
          held.delete(at)
          held.set(to, id)
        }
      }
    }
    return { trace: trace(), expected, failures }
  }

  it(`is read back as it was written (SEED=${SEED})`, () => {
    const body = (steps: Step[]) => {
      const { trace, expected, failures } = live(steps)
      expect(eventsOf(trace)).to.deep.equal(expected)
      expect(trace).to.include({ failures, skipped: 0 })
    }
    fc.assert(fc.property(fc.array(step, { maxLength: 120, size: 'max' }), body), { seed: SEED, numRuns: 200 })
  })

  it('writes a header that promises nothing', () => {
    let text = ''
    new TraceWriter({ write: (bytes) => void (text += new TextDecoder().decode(bytes)) }).flush()
    expect(text).to.equal('1\n0\n0\n0\n')
  })

  it('writes x where a cleared region holds all blocks, else a free for each of its own', () => {
    const { writer, lines } = recorder()
    const [a, b] = [regionOf('a'), regionOf('b')]
    writer.alloc(a, 64, 1, 0, false)
    writer.clear(a)
    writer.alloc(a, 64, 2, 0, false)
    writer.alloc(b, 64, 3, 0, false)
    writer.clear(a)
    writer.clear(b)
    expect(lines()).to.deep.equal(['a 0 1', 'x', 'a 1 2', 'a 2 3', 'f 1', 'x'])
  })

  it('writes the close of a region like a clear, but nothing where no block was live', () => {
    const { writer, lines } = recorder()
    const [a, b] = [regionOf('a'), regionOf('b')]
    writer.close(b)
    writer.alloc(a, 64, 2, 0, false)
    writer.alloc(b, 64, 3, 0, false)
    writer.close(a)
    writer.close(b)
    expect(lines()).to.deep.equal(['a 0 2', 'a 1 3', 'f 0', 'x'])
  })

  it('takes the resize of a block from before for an allocation and skips its free', () => {
    const { writer, lines } = recorder()
    const a = regionOf('a')
    writer.free(a, 640)
    writer.resize(a, 64, 128, 20)
    writer.free(a, 128)
    expect(lines()).to.deep.equal(['a 0 20', 'f 0'])
  })

  it('writes failures', () => {
    const { writer, lines } = recorder()
    const a = regionOf('a')
    writer.alloc(a, 64, 1, 0, false)
    writer.nomem(a, { op: 'alloc', at: 0, size: 5000, alignment: 0 })
    writer.nomem(a, { op: 'align', at: 0, size: 5000, alignment: 64 })
    writer.nomem(a, { op: 'resize', at: 64, size: 5000, alignment: 0 })
    writer.nomem(a, { op: 'resize', at: 128, size: 5000, alignment: 0 })
    expect(lines()).to.deep.equal(['a 0 1', '! a 5000', '! m 64 5000', '! r 0 5000', '! a 5000'])
  })

  it('sends whole lines, in pieces of at most 64 KiB, and says when a first one waits', () => {
    const pieces: string[] = []
    let pending = 0
    const writer = new TraceWriter({
      write: (bytes) => void pieces.push(new TextDecoder().decode(bytes)),
      pending: () => void pending++,
    })
    expect(pending).to.equal(1)
    for (let i = 1; i <= 20000; i++) writer.alloc(regionOf('a'), 64 * i, i, 0, false)
    expect(pieces.length).to.be.greaterThan(2)
    expect(pending).to.equal(pieces.length + 1)
    for (const piece of pieces) expect(piece.length <= 65536 && piece.endsWith('\n')).to.equal(true)
    writer.flush()
    writer.flush()
    expect(parse(pieces.join('')).events).to.equal(20000)
  })

  it('sends each line at once when told to', () => {
    const pieces: string[] = []
    const writer = new TraceWriter({ write: (bytes) => void pieces.push(new TextDecoder().decode(bytes)) })
    writer.direct()
    writer.alloc(regionOf('a'), 64, 7, 0, false)
    expect(pieces).to.deep.equal(['1\n0\n0\n0\n', 'a 0 7\n'])
  })
})

describe('trace file', () => {
  let folder = ''
  before(() => void (folder = mkdtempSync(join(tmpdir(), 'vmalloc-trace-'))))
  after(() => rmSync(folder, { recursive: true }))

  interface End {
    code: number | null
    signal: string | null
    errors: string
    /** Events in each file whose name begins with that of the way. */
    events: number[]
  }

  /** Runs test/fixtures/traced.ts; each time it says `ready`, the next signal is sent. */
  async function run(way: string, signals: NodeJS.Signals[] = [], file = `${way}-${signals.length}.rep`): Promise<End> {
    const program = join(import.meta.dirname, 'fixtures/traced.ts')
    const child = spawn(process.execPath, ['--import', 'tsx', program, way, join(folder, file)], {
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 20_000,
      killSignal: 'SIGKILL',
      env: { ...process.env, VMALLOC_OPTIONS: way === 'by-option' ? `trace=${join(folder, file)}` : '' },
    })
    let errors = ''
    child.stderr.on('data', (text) => void (errors += text))
    child.stdout.on('data', (text) => {
      for (const _ of String(text).matchAll(/ready/g)) child.kill(signals.shift())
    })
    const [code, signal] = await new Promise<[number | null, string | null]>((done) =>
      child.on('close', (code, signal) => done([code, signal])),
    )
    const files = readdirSync(folder).filter((name) => name.startsWith(file.replace(/%.*/, '')))
    const events = files.sort().map((name) => parseTrace(readFileSync(join(folder, name)), name).events)
    return { code, signal, errors, events }
  }

  // biome-ignore format: a table
  const ends: [what: string, way: string, signals: NodeJS.Signals[], code: number | null, signal: string | null, events: number[]][] = [
    ['a program that comes to its end',       'end',      [],          0,    null,      [CALLS]],
    ['process.exit',                          'exit',     [],          3,    null,      [CALLS]],
    ['operations after the last flush',       'exit-late', [],         3,    null,      [CALLS]],
    ['an error that nobody catches',          'throw',    [],          1,    null,      [CALLS]],
    ['SIGINT',                                'wait',     ['SIGINT'],  null, 'SIGINT',  [CALLS]],
    ['SIGTERM',                               'own-none', ['SIGTERM'], null, 'SIGTERM', [CALLS]],
    ['SIGTERM with a handler of its own',     'own-handler', ['SIGTERM'], 7, null,      [2 * CALLS]],
    ['SIGTERM, heard once and then not',      'own-once', ['SIGTERM', 'SIGTERM'], null, 'SIGTERM', [2 * CALLS]],
    ['SIGTERM where a library counts listeners', 'counts-listeners', ['SIGTERM'], null, 'SIGTERM', [CALLS]],
    ['a worker that comes to its end',        'worker',   [],          0,    null,      [CALLS, CALLS]],
    ['process.exit in a worker',              'worker-exit', [],       0,    null,      [0, CALLS]],
    ['a worker that is terminated',           'worker-cut', [],        0,    null,      [0, CALLS]],
    ['a worker that the main thread leaves',  'worker-left', [],       0,    null,      [0, CALLS]],
  ]
  for (const [what, way, signals, code, signal, events] of ends) {
    it(`is complete after ${what}`, async () => {
      const end = await run(way, [...signals])
      expect({ ...end, errors: '' }).to.deep.equal({ code, signal, errors: '', events }, end.errors)
    })
  }

  it('is asked for by an option', async () => {
    expect(await run('by-option')).to.deep.equal({ code: 0, signal: null, errors: '', events: [CALLS] })
  })

  it('is one for each thread where its name has %t', async () => {
    const { code, events } = await run('worker', [], 'each-%t.rep')
    expect({ code, events }).to.deep.equal({ code: 0, events: [CALLS, CALLS] })
    expect(readdirSync(folder).filter((name) => /^each-\d+\.rep$/.test(name))).to.have.length(2)
  })

  it('that cannot be opened costs one line on standard error', async () => {
    const end = await run('end', [], 'no/such/folder.rep')
    expect(end).to.include({ code: 0, signal: null })
    expect(end.errors).to.match(/^vmalloc: cannot open the trace .*folder\.rep: ENOENT.*\n$/)
  })
})
