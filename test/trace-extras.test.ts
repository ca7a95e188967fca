/**
 * trace-extras: a trace that tells when, whence and where is read back as it was, a packed one can be read however the
 * program ends, what mtrace wrote is understood; and a trace without any of it is byte for byte what it always was.
 */
import { spawn, spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import {
  closeSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import * as zlib from 'node:zlib'
import { expect } from 'chai'
import fc from 'fast-check'
import type { Region } from '../src/contract/region.ts'
import { VmallocError } from '../src/ground/fault.ts'
import { type Frame, frameText } from '../src/ground/stacks.ts'
import { open } from '../src/index.ts'
import { readTrace } from '../src/node/traces.ts'
import { Options } from '../src/region/options.ts'
import { parseTrace } from '../src/trace/format.ts'
import { readFrame, writeFrame } from '../src/trace/frame-text.ts'
import { GzipSink } from '../src/trace/gzip-sink.ts'
import { Notes, type NotesOptions } from '../src/trace/notes.ts'
import { traceExtras } from '../src/trace/open.ts'
import { replay } from '../src/trace/replay.ts'
import { OP_ALLOC, OP_FREE, OP_RESIZE, OP_ZEROED, type Trace } from '../src/trace/trace.ts'
import { TraceWriter } from '../src/trace/write.ts'
import { command } from './fixtures/command.ts'

const SEED = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31))
const fixtures = join(import.meta.dirname, 'fixtures')

const parse = (text: string) => parseTrace(new TextEncoder().encode(text), 'some.rep')

/** Writer and notes whose lines are kept as text. */
function recorder(options: NotesOptions = {}) {
  let text = ''
  const writer = new TraceWriter({ write: (bytes) => void (text += new TextDecoder().decode(bytes)) })
  const notes = new Notes(writer, options)
  const read = () => {
    writer.flush()
    return text
  }
  return { writer, notes, text: read, lines: () => read().split('\n').slice(4, -1), trace: () => parse(read()) }
}

const regionOf = (name: string) => ({ name }) as Region

/** The frames of an event, as text without folders. */
function stackOf(trace: Trace, event: number): string[] {
  const frames = trace.stackTable![trace.stacks![event]!]!
  return frames.map((frame) => frameText({ ...frame, file: basename(frame.file), line: 0, column: 0 }))
}

/** The line of the program that an event's innermost frame names. */
function sourceOf(trace: Trace, event: number): string {
  const { file, line } = trace.stackTable![trace.stacks![event]!]![0]!
  return readFileSync(file, 'utf8').split('\n')[line - 1]!.trim()
}

const namesOf = ({ regions, regionNames }: Trace) => Array.from(regions!, (region) => regionNames![region])

function faultOf(task: () => unknown): string {
  try {
    task()
  } catch (error) {
    expect(error).to.be.instanceOf(VmallocError).with.property('code', 'argument')
    return (error as Error).message
  }
  throw new Error('expected a fault')
}

describe('a trace without extras', () => {
  it('is byte for byte what it was', () => {
    const { writer, text } = recorder()
    const [one, other] = ['one', 'other'].map((name) => open({ name, discipline: 'memory', method: 'best' }))
    one!.listen(writer)
    other!.listen(writer)
    const at = one!.alloc(72)
    const kept = other!.allocZeroed(136)
    const aligned = one!.align(4096, 64)
    const moved = one!.resize(at, 144, { move: true })
    one!.free(aligned)
    one!.compact()
    one!.clear()
    other!.resize(kept, 10)
    other!.free(kept)
    one!.alloc(0)
    one!.close()
    other!.close()
    expect(moved).to.be.greaterThan(0)
    expect(text()).to.equal('1\n0\n0\n0\na 0 72\nc 1 136\nm 2 64 4096\nr 0 144\nf 2\nk\nf 0\nr 1 10\nf 1\na 3 0\nx\n')
  })

  it('has every line of a recorded trace when that is replayed', () => {
    const file = join(import.meta.dirname, 'traces/dot-layout.rep.gz')
    const recorded = zlib.gunzipSync(readFileSync(file)).toString()
    const { writer, text } = recorder()
    const region = open({ name: 'replayed', discipline: 'memory', method: 'best' })
    region.listen(writer)
    const trace = readTrace(file)
    replay(trace, region)
    expect(text().split('\n').slice(4).join('\n') === recorded.split('\n').slice(4).join('\n')).to.equal(true)
    expect(trace).to.not.have.any.keys('times', 'stacks', 'stackTable', 'regions', 'regionNames', 'remark')
  })

  it('is what options that ask for nothing give', () => {
    const extras = (text: string, region = 'packets') => traceExtras(region, new Options(text, () => {}))
    expect(extras('trace=a.rep')).to.equal(undefined)
    expect(extras('trace=a.rep,tracedepth=0,notracetimes')).to.equal(undefined)
    expect(extras('tracetimes')).to.deep.equal({ depth: 0, times: true, names: false })
    expect(extras('packets.tracedepth=3')).to.deep.equal({ depth: 3, times: false, names: false })
    expect(extras('packets.tracedepth=3,tracenames', 'records')).to.deep.equal({ depth: 0, times: false, names: true })
  })
})

describe('trace notes', () => {
  it('tell time, region and stack where they change, in lines that a person can read', () => {
    let clock = 5
    const { notes, lines } = recorder({ times: true, names: true, now: () => clock })
    const [packets, records] = [regionOf('packets'), regionOf('two\nlines \\ ')]
    const [ear, other] = [notes.ear(), notes.ear()]
    ear.alloc!(packets, 64, 1, 0, false)
    clock = 5.0009
    ear.alloc!(packets, 128, 2, 0, false)
    clock = 6.5001
    other.alloc!(records, 64, 3, 0, true)
    ear.free!(packets, 64)
    clock = 6.5021
    ear.nomem!(packets, { op: 'alloc', at: 0, size: 5000, alignment: 0 })
    expect(lines()).to.deep.equal([
      ...['n 1 packets', 'g 1', 'a 0 1', 'a 1 2', 't 1500', 'n 2 two\\nlines \\\\ ', 'g 2', 'c 2 3', 'g 1', 'f 0'],
      ...['t 2', '! a 5000'],
    ])
  })

  it('give the number of a region that closed to the next of its name', () => {
    const { notes, lines, trace } = recorder({ names: true })
    const open = (name: string) => ({ region: regionOf(name), ear: notes.ear() })
    const life = ({ region, ear }: ReturnType<typeof open>, size: number) => {
      ear.alloc!(region, 64, size, 0, false)
      ear.close!(region)
    }
    life(open('request'), 1)
    life(open('request'), 2)
    const [one, two] = [open('request'), open('request')]
    one.ear.alloc!(one.region, 64, 3, 0, false)
    two.ear.alloc!(two.region, 64, 4, 0, false)
    one.ear.close!(one.region)
    life(open('reply'), 5)
    expect(lines()).to.deep.equal([
      ...['n 1 request', 'g 1', 'a 0 1', 'x', 'a 1 2', 'x', 'a 2 3', 'n 2 request', 'g 2', 'a 3 4', 'g 1', 'f 2'],
      ...['n 3 reply', 'g 3', 'a 4 5', 'f 4'],
    ])
    expect([...trace().regions!]).to.deep.equal([1, 1, 1, 1, 1, 2, 1, 3, 3])
    expect(trace().regionNames).to.deep.equal(['', 'request', 'request', 'reply'])
  })

  it('have no name for regions from the 65536th on', () => {
    const { notes, trace } = recorder({ names: true })
    const ear = notes.ear()
    for (let i = 1; i <= 65537; i++) ear.alloc!(regionOf(`r${i}`), 64, i, 0, false)
    const names = namesOf(trace())
    expect(names).to.have.length(65537)
    expect(names.slice(65533)).to.deep.equal(['r65534', 'r65535', '', ''])
  })

  it(`are read back as they were told (SEED=${SEED})`, () => {
    const name = fc.oneof(fc.constantFrom('packets', 'records', ''), fc.string({ unit: 'grapheme', maxLength: 6 }))
    const step = fc.record({
      what: fc.constantFrom('alloc', 'alloc', 'free', 'resize', 'close'),
      region: fc.nat(3),
      name,
      wait: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 5_000_000 })),
    })
    const body = (steps: { what: string; region: number; name: string; wait: number }[]) => {
      let microseconds = 0
      let isRunning = false
      // Half a microsecond more, so that no quotient falls short.
      const now = () => (isRunning ? (microseconds + 0.5) / 1000 : 0)
      const { notes, trace } = recorder({ times: true, names: true, now })
      const regions = ['a', 'b', 'b', ''].map(regionOf)
      const live = [0, 0, 0, 0]
      const expected: [time: number, name: string][] = []
      const ear = notes.ear()
      isRunning = true
      for (const { what, region: which, name, wait } of steps) {
        microseconds += wait
        const region = regions[which]!
        const told = () => expected.push([microseconds / 1000, region.name])
        if (what === 'alloc') {
          ear.alloc!(region, 64 * ++live[which]!, 5, 0, false)
          told()
        } else if (what === 'close') {
          const all = live.reduce((sum, n) => sum + n, 0) === live[which]
          ear.close!(region)
          for (let i = all ? Math.min(1, live[which]!) : live[which]!; i > 0; i--) told()
          live[which] = 0
          regions[which] = regionOf(name)
        } else if (live[which]! > 0) {
          if (what === 'free') ear.free!(region, 64 * live[which]!--)
          else ear.resize!(region, 64, 64, 9)
          told()
        }
      }
      const { times, events, ...rest } = trace()
      const columns = events === 0 ? [] : namesOf({ times, events, ...rest } as Trace)
      if (events !== expected.length) throw new Error(`${events} events, not ${expected.length}`)
      expected.forEach(([time, name], event) => {
        const seen = times?.[event] ?? 0
        if (seen !== time) throw new Error(`event ${event}: at ${seen}, not ${time}`)
        if (columns[event] !== name) {
          throw new Error(`event ${event}: ${columns[event]}, not ${name}`)
        }
      })
    }
    fc.assert(fc.property(fc.array(step, { maxLength: 60, size: 'max' }), body), { seed: SEED, numRuns: 200 })
  })

  it('tell the stack of each operation, each call once', () => {
    const { notes, lines, trace } = recorder()
    const region = open({ name: 'packets', discipline: 'memory', method: 'best' })
    region.listen(notes.ear({ depth: 2 }))
    const inner = (size: number) => region.alloc(size)
    function outer(size: number) {
      return inner(size) // the call of inner
    }
    const first = outer(1)
    for (let i = 2; i < 6; i++) outer(i)
    region.free(first) // the free
    region.clear()
    const read = trace()
    expect(Array.from(read.ops)).to.deep.equal([0, 0, 0, 0, 0, OP_FREE, 5])
    expect(stackOf(read, 0)).to.deep.equal(['inner (trace-extras.test.ts)', 'outer (trace-extras.test.ts)'])
    expect(sourceOf(read, 0)).to.equal('const inner = (size: number) => region.alloc(size)')
    expect(read.stackTable![1]![1]!.line).to.equal(read.stackTable![1]![0]!.line + 2)
    expect([...read.stacks!]).to.deep.equal([1, 1, 1, 1, 1, 2, 3])
    expect(sourceOf(read, 5)).to.equal('region.free(first) // the free')
    expect(sourceOf(read, 6)).to.equal('region.clear()')
    expect(read.stackTable![0]).to.deep.equal([])
    expect(lines().filter((line) => line.startsWith('s'))).to.have.length(3)
    const calls = lines().filter((line) => line.startsWith('p'))
    expect(new Set(calls).size).to.equal(calls.length)
    expect(calls[0]).to.match(/^p 1 0 outer \(.*trace-extras\.test\.ts:\d+:\d+\)$/)
    expect(calls[1]).to.match(/^p 2 1 inner \(.*trace-extras\.test\.ts:\d+:\d+\)$/)
    region.close()
  })

  it('tell the depth that each region asks for', () => {
    const { notes, trace } = recorder({ names: true })
    for (const depth of [0, 1, 3]) {
      const region = open({ name: `depth ${depth}`, discipline: 'memory', method: 'best' })
      region.listen(notes.ear({ depth }))
      region.alloc(8)
      region.close()
    }
    const { stacks, stackTable } = trace()
    expect(Array.from(stacks!, (stack) => stackTable![stack]!.length)).to.deep.equal([0, 0, 1, 1, 3, 3])
  })

  it('find the client behind regions in regions, and no frame of this package', () => {
    const { notes, trace } = recorder()
    const parent = open({ name: 'parent', discipline: 'memory', method: 'best' })
    const child = open({ name: 'child', discipline: parent, method: 'best', check: 3 })
    child.listen(notes.ear({ depth: 1 }))
    parent.listen(notes.ear({ depth: 1 }))
    const at = child.resize(child.string('x'.repeat(3_000_000)), 6_000_000, { move: true, copy: true })
    child.free(at)
    const read = trace()
    expect(read.events).to.be.greaterThan(3)
    for (let event = 0; event < read.events; event++) {
      expect(stackOf(read, event).join()).to.contain('trace-extras.test.ts')
    }
    parent.close()
  })

  it('write frames that are read back', () => {
    const text = fc.array(fc.constantFrom(...'ab ():10\\/.', '\n', '\r', '\u2028', 'ü'), { maxLength: 8 })
    const part = text.map((signs) => signs.join(''))
    const frame = fc
      .record({ name: part, file: part, line: fc.nat(12), column: fc.nat(12) })
      .map((frame): Frame => (frame.line > 0 ? frame : { ...frame, column: 0 }))
    const body = (frame: Frame) => {
      const trace = parse(`1 0 0 0\np 1 0 ${writeFrame(frame)}\ns 1\na 0 1\n`)
      expect(trace.stackTable![1]).to.deep.equal([frame])
    }
    fc.assert(fc.property(frame, body), { seed: SEED, numRuns: 1000 })
    expect(writeFrame({ name: 'parse', file: '/a/b.js', line: 10, column: 5 })).to.equal('parse (/a/b.js:10:5)')
    expect(readFrame('/a/b.js:10')).to.deep.equal({ name: '', file: '/a/b.js', line: 10, column: 0 })
  })

  it('are cut where a name is longer than anybody reads', () => {
    const { notes, trace } = recorder({ names: true })
    notes.ear().alloc!(regionOf('\n'.repeat(100_000)), 64, 1, 0, false)
    expect(trace().regionNames).to.deep.equal(['', '\n'.repeat(4000)])
  })
})

describe('trace format with notes', () => {
  it('reads every letter', () => {
    const trace = parse(
      '1 0 0 0\nn 2 packets\nn 9 \ng 2\na 0 1\nt 1500\np 5 0 main (a.js:1)\np 2 5 f (b c.js:2:3)\ns 2\nc 1 2\nt 1\n' +
        't 2\ng 9\nr 0 3\ns 0\nf 1\ng 0\ns 5\nk\n',
    )
    expect([...trace.times!]).to.deep.equal([0, 1.5, 1.503, 1.503, 1.503])
    expect([...trace.regions!]).to.deep.equal([1, 1, 2, 2, 0])
    expect(trace.regionNames).to.deep.equal(['', 'packets', ''])
    expect([...trace.stacks!]).to.deep.equal([0, 1, 1, 0, 2])
    const main = { name: 'main', file: 'a.js', line: 1, column: 0 }
    expect(trace.stackTable).to.deep.equal([[], [{ name: 'f', file: 'b c.js', line: 2, column: 3 }, main], [main]])
    expect(trace.times).to.be.instanceOf(Float64Array).with.length(5)
    expect(trace.stacks).to.be.instanceOf(Int32Array)
    expect(trace.regions).to.be.instanceOf(Uint16Array)
  })

  it('reads CRLF lines, and adds up times without error', () => {
    const trace = parse(`1 0 0 0\r\nn 1 packets\r\ng 1\r\n${'t 100\r\n'.repeat(99999)}a 0 1\r\n`)
    expect(trace.regionNames).to.deep.equal(['', 'packets'])
    expect(trace.times![0]).to.equal(9999.9)
  })

  // biome-ignore format: a table
  const faults: [text: string, line: number, came: string, expected: string][] = [
    ['q 1\n', 2, "'q'", 'or with t, n, g, p or s'],
    ['t\n', 2, 'the end of the line', 'microseconds'],
    ['t -1\n', 2, "'-1'", 'microseconds'],
    ['t 1 2\n', 2, "'2'", 'the end of the line'],
    ['a 0 1\ns 7\n', 3, 'call 7', 'one that a p line told of'],
    ['s x\n', 2, "'x'", 'the number of a call'],
    ['g 1\n', 2, 'region 1', 'one that an n line named'],
    ['g\n', 2, 'the end of the line', 'the number of a region'],
    ['n 1 a\nn 1 a\n', 3, 'region 1, which was told of before', 'each once'],
    ['n 0 a\n', 2, 'region 0', 'the number of a region, from 1 to 65535'],
    ['n 65536 a\n', 2, 'region 65536', 'from 1 to 65535'],
    ['n packets\n', 2, "'packets'", 'the number of a region'],
    ['p 1 0\n', 2, 'the end of the line', 'a place, as in parse (file.js:10:5)'],
    ['p 1 main (a.js:1)\n', 2, "'main'", 'the number of a call, from 0'],
    ['p 1 2 main (a.js:1)\n', 2, 'call 2', 'one that a p line told of'],
    ['p 1 1 main (a.js:1)\n', 2, 'call 1', 'one that a p line told of'],
    ['p 0 0 main (a.js:1)\n', 2, 'call 0', 'from 1'],
    ['p 1 0 a\np 1 0 b\n', 3, 'call 1, which was told of before', 'each once'],
  ]
  for (const [text, line, came, expected] of faults) {
    it(`refuses ${JSON.stringify(text)}`, () => {
      const message = faultOf(() => parse(`1 0 0 0\n${text}`))
      expect(message).to.contain(`some.rep, line ${line}: `).and.to.contain(came).and.to.contain(expected)
    })
  }
})

describe('packed trace', () => {
  let folder = ''
  before(() => void (folder = mkdtempSync(join(tmpdir(), 'vmalloc-extras-'))))
  after(() => rmSync(folder, { recursive: true }))

  const never = (error: unknown) => {
    throw error
  }

  /** A sink over a file, and what it was given. */
  function packer(name: string, files = fs) {
    const path = join(folder, name)
    const fd = openSync(path, 'w')
    const sink = new GzipSink(files as never, zlib, fd, never)
    let given = '1\n0\n0\n0\n'
    let next = 0
    const write = (lines: number) => {
      let text = next === 0 ? given : ''
      for (let i = 0; i < lines; i++) text += `a ${next++} ${(next * 7919) % 5000}\n`
      sink.write(Buffer.from(text))
      given = next === lines ? text : given + text
    }
    const unpacked = () => (statSync(path).size === 0 ? '' : zlib.gunzipSync(readFileSync(path)).toString())
    return { path, fd, sink, write, given: () => given, unpacked, size: () => statSync(path).size }
  }

  it('has all lines after each sync, and takes the pieces together', () => {
    const { fd, sink, write, given, unpacked, size } = packer('pieces.gz')
    for (let i = 0; i < 100; i++) {
      write(20)
      if (i % 3 === 0) continue
      sink.sync()
      sink.sync()
      expect(unpacked() === given()).to.equal(true)
    }
    const inPieces = size()
    sink.settle()
    expect(unpacked() === given()).to.equal(true)
    expect(size()).to.be.lessThan(0.95 * inPieces)
    sink.settle()
    write(5)
    sink.direct()
    write(1)
    expect(unpacked() === given(), 'when all is direct').to.equal(true)
    closeSync(fd)
  })

  it('keeps back at most 256 KiB, and packs well', () => {
    const { fd, sink, write, given, unpacked, size } = packer('large.gz')
    for (let i = 0; i < 200; i++) {
      write(500)
      if (i % 7 === 0) sink.sync()
      if (i % 50 === 1) expect(given().length - unpacked().length).to.be.within(0, 1 << 18)
    }
    sink.settle()
    expect(unpacked() === given()).to.equal(true)
    expect(size() / zlib.gzipSync(given(), { level: 4 }).length).to.be.lessThan(1.02)
    closeSync(fd)
  })

  it('has no pieces where a file cannot be written in the middle', () => {
    const positions = new Set<unknown>()
    const writeSync = (fd: number, bytes: Uint8Array, at: number, length: number, position?: number) => {
      positions.add(position)
      return fs.writeSync(fd, bytes, at, Math.min(length, 100))
    }
    const ftruncateSync = () => never(new Error('a pipe'))
    const { fd, sink, write, given, unpacked } = packer('pipe.gz', {
      ...fs,
      fstatSync: () => ({ isFile: () => false }),
      ftruncateSync,
      writeSync,
    } as never)
    for (let i = 0; i < 5; i++) {
      write(100)
      sink.sync()
      expect(unpacked() === given()).to.equal(true)
    }
    sink.settle()
    expect([...positions]).to.deep.equal([undefined])
    closeSync(fd)
  })

  it('tells the first error and writes no more', () => {
    const errors: unknown[] = []
    const full = new Error('no space')
    const files = { ...fs, writeSync: () => never(full), fstatSync: () => ({ isFile: () => true }) }
    const sink = new GzipSink(files as never, zlib, 99, (error) => errors.push(error))
    for (let i = 0; i < 5; i++) {
      sink.write(Buffer.from('a 0 1\n'))
      sink.sync()
    }
    sink.settle()
    expect(errors).to.deep.equal([full])
  })

  describe('that is damaged', () => {
    /** A file of three members. */
    function members() {
      const { path, fd, sink, write, given } = packer('damaged.gz')
      const ends: number[] = []
      for (const lines of [1000, 2000, 3000]) {
        write(lines)
        sink.settle()
        ends.push(statSync(path).size)
      }
      closeSync(fd)
      return { path, ends, given: given() }
    }

    it('is whole when it is', () => {
      const trace = readTrace(members().path)
      expect(trace).to.include({ name: 'damaged', events: 6000 }).and.not.have.property('remark')
    })

    it('gives what there is of a member cut off, to the last whole line', () => {
      const { path, ends, given } = members()
      const lines = given.split('\n').slice(4)
      truncateSync(path, Math.floor((ends[1]! + ends[2]!) / 2))
      const trace = readTrace(path)
      expect(trace.events).to.be.within(3500, 5500)
      expect(trace.remark).to.equal('it is cut off; the lines before are read')
      const last = trace.events - 1
      expect(`a ${trace.ids[last]} ${trace.sizes[last]}`).to.equal(lines[last])
      truncateSync(path, ends[1]! + 5)
      expect(readTrace(path)).to.include({ events: 3000, remark: trace.remark })
      truncateSync(path, 5)
      expect(() => readTrace(path)).to.throw('unexpected end of file')
    })

    it('gives the lines before remains of pieces that were replaced', () => {
      const { path, ends } = members()
      const bytes = readFileSync(path)
      const rest = bytes.subarray(ends[1]! + 70)
      writeFileSync(path, Buffer.concat([bytes.subarray(0, ends[1]), rest]))
      const trace = readTrace(path)
      expect(trace.events).to.equal(3000)
      expect(trace.remark).to.match(/^it is damaged at byte \d+; the lines before are read$/)
    })

    it('gives the members before one whose bytes changed', () => {
      const { path, ends } = members()
      const bytes = readFileSync(path)
      bytes.fill(0xff, ends[0]! + 40, ends[0]! + 80)
      writeFileSync(path, bytes)
      expect(readTrace(path).events).to.be.within(1000, 3000)
    })
  })

  interface End {
    code: number | null
    signal: string | null
    errors: string
  }

  /** Runs a fixture; once it says `ready` and some time has gone by, the signal is sent. */
  async function run(program: string, words: string[], options = '', signal?: NodeJS.Signals, wait = 0): Promise<End> {
    const child = spawn(process.execPath, ['--import', 'tsx', join(fixtures, program), ...words], {
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 20_000,
      killSignal: 'SIGKILL',
      env: { ...process.env, VMALLOC_OPTIONS: options },
    })
    let errors = ''
    child.stderr.on('data', (text) => void (errors += text))
    child.stdout.on('data', () => setTimeout(() => child.kill(signal), wait))
    const [code, ended] = await new Promise<[number | null, string | null]>((done) =>
      child.on('close', (code, signal) => done([code, signal])),
    )
    return { code, signal: ended, errors }
  }

  /** What trace-noted.ts does. */
  function expectNoted(trace: Trace, late = 0): void {
    const [packets, records] = ['packets', 'my "records"\n']
    const calls: [op: number, size: number, region: string, stack: string][] = [
      [OP_ALLOC, 100, packets, 'parse main'],
      [OP_ZEROED, 200, records, 'Store.keep main'],
      [OP_ALLOC, 1, packets, 'parse main'],
      [OP_ALLOC, 2, packets, 'parse main'],
      [OP_ALLOC, 3, packets, 'parse main'],
      [OP_FREE, 0, packets, 'main'],
      [OP_ALLOC, 7, records, 'main'],
    ]
    expect(trace.events).to.equal(calls.length + late)
    calls.forEach(([op, size, region, stack], event) => {
      const frames = trace.stackTable![trace.stacks![event]!]!.slice(0, stack.split(' ').length)
      expect([trace.ops[event], trace.sizes[event], namesOf(trace)[event]]).to.deep.equal([op, size, region])
      expect(frames.map(({ name }) => name).join(' ')).to.equal(stack)
      for (const { file, line } of frames) {
        expect(file).to.equal(join(fixtures, 'trace-noted.ts'))
        expect(readFileSync(file, 'utf8').split('\n')[line - 1]).to.match(/alloc|parse|keep|free/)
      }
    })
    const times = [...trace.times!]
    expect(times.every((time, event) => event === 0 || time >= times[event - 1]!)).to.equal(true)
    expect(times[0]).to.be.at.least(0)
    expect(times.at(-1)).to.be.within(times[0]! + 0.001, 20_000)
  }

  // biome-ignore format: a table
  const ends: [what: string, way: string, code: number | null, signal: NodeJS.Signals | null, late: number][] = [
    ['a program that comes to its end', 'end',       0,    null,      0],
    ['process.exit',                    'exit',      3,    null,      0],
    ['operations after the last flush', 'exit-late', 3,    null,      1],
    ['an error that nobody catches',    'throw',     1,    null,      0],
    ['SIGTERM',                         'wait',      null, 'SIGTERM', 0],
    ['SIGKILL, after a while',          'wait',      null, 'SIGKILL', 0],
  ]
  for (const [what, way, code, signal, late] of ends) {
    it(`tells all after ${what}`, async () => {
      const path = join(folder, `${way}-${signal}.trace.gz`)
      const options = `trace=${path},tracedepth=5,tracetimes,tracenames`
      const end = await run('trace-noted.ts', [way], options, signal ?? undefined, signal === 'SIGKILL' ? 700 : 0)
      expect({ ...end, errors: '' }).to.deep.equal({ code, signal, errors: '' }, end.errors)
      expect(end.errors === '', end.errors).to.equal(way !== 'throw')
      const trace = readTrace(path)
      expect(trace.remark).to.equal(undefined)
      expectNoted(trace, late)
    })
  }

  it('is one for each worker, complete when one is terminated', async () => {
    const path = join(folder, 'cut.trace.gz')
    expect(await run('traced.ts', ['worker-cut', path])).to.deep.equal({ code: 0, signal: null, errors: '' })
    const files = readdirSync(folder).filter((name) => name.startsWith('cut.'))
    expect(files).to.have.length(2)
    const [own, worker] = files.sort((a, b) => b.length - a.length)
    expect(own).to.match(/^cut\.trace\.\d+\.gz$/)
    expect(worker).to.equal('cut.trace.gz')
    expect(readTrace(join(folder, own!)).events).to.equal(100)
    expect(readTrace(join(folder, worker!)).events).to.equal(0)
  })

  it('can be unpacked by others, and be told of by one option alone', async () => {
    const path = join(folder, 'plain.trace.gz')
    expect(await run('trace-noted.ts', ['end'], `packets.trace=${path}`)).to.include({ code: 0, errors: '' })
    const text = zlib.gunzipSync(readFileSync(path)).toString()
    expect(text).to.equal('1\n0\n0\n0\na 0 100\na 1 1\na 2 2\na 3 3\nf 0\n')
  })

  it('is what replay takes, as is what mtrace wrote', async () => {
    const path = join(folder, 'replayed.trace.gz')
    await run('trace-noted.ts', ['end'], `trace=${path},tracedepth=5,tracetimes,tracenames`)
    const cut = join(folder, 'cut-off.gz')
    writeFileSync(cut, zlib.gzipSync('1 0 0 0\na 0 1\nf 0\n').subarray(0, -4))
    const files = [path, join(fixtures, 'mtraced.mtrace'), cut]
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [...command, 'replay', ...files, '--json', '--passes', '1', '--check'],
      { encoding: 'utf8', env: { ...process.env, VMALLOC_OPTIONS: '' } },
    )
    const rows = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
    expect(rows.map(({ trace, events, failed }) => [trace, events, failed])).to.deep.equal([
      ['replayed.trace', 7, 0],
      ['mtraced.mtrace', 45, 0],
      ['cut-off', 2, 0],
    ])
    expect(status).to.equal(0)
    expect(stderr).to.contain(`${cut}: it is cut off; the lines before are read`)
  })
})

describe('mtrace of the GNU C library', () => {
  it('is read as it wrote of mtraced.c', () => {
    const trace = readTrace(join(fixtures, 'mtraced.mtrace'))
    // 16 for the list, 6 of grow, calloc, posix_memalign, malloc(0); two failures; 16 + 5 gone of the list and others.
    expect(trace)
      .to.include({ events: 45, blocks: 20, failures: 2, skipped: 1, inferred: 0 })
      .and.not.have.property('remark')
    expect([...trace.left].map((id) => trace.sizes[trace.ids.indexOf(id)])).to.deep.equal([100])
    const count = (op: number) => trace.ops.filter((other) => other === op).length
    expect([OP_ALLOC, OP_RESIZE, OP_FREE].map(count)).to.deep.equal([20, 6, 19])
    expect(trace.peakLive).to.equal(8 * 16 + 8 + 8 + 1 + 45 + 8 + 8 + 1 + 45 + 16384 + 100 + 1000)
    const sites = Array.from(trace.stacks!, (stack) => frameText(trace.stackTable![stack]![0]!))
    expect(sites.slice(0, 2)).to.deep.equal(['main+81 (./mtraced)', '__strdup+1a (/lib/x86_64-linux-gnu/libc.so.6)'])
    expect(sites.filter((site) => site.startsWith('grow+'))).to.have.length(6)
    expect(sites.filter((site) => site.startsWith('drop+'))).to.have.length(16)
    expect(trace.stackTable!.every((frames, stack) => frames.length === Math.min(1, stack))).to.equal(true)
  })

  const eventsOf = ({ ops, ids, sizes }: Trace) => Array.from(ops, (op, event) => [op, ids[event], sizes[event]])

  it('reads every line and every form of a place', () => {
    const trace = parse(
      '= Start\n@ ./a.out:(main+0x1c)[0x4005d8] + 0x10 0x64\n@ ./a.out:[0x4005d8] + 0x20 0\n@ [0x7f00] - 0x10\n' +
        '@ /opt/my prog - x:(f+1)[0x1] < 0x20\n@ /opt/my prog - x:(f+1)[0x1] > 0x30 0xc8\n- 0x30\n' +
        '@ ./a.out:(main+1c)[0x4005d8] + (nil) 0xffffffffffffffff\n@ ./a.out:(m+2)[0x9] ! 0x30 0xffffffffffffffff\n' +
        '= End\n= Start\n@ ./a.out:(main+0x1c)[0x4005d8] + 0x40 0x1\n',
    )
    expect(eventsOf(trace)).to.deep.equal([
      [OP_ALLOC, 0, 100],
      [OP_ALLOC, 1, 0],
      [OP_FREE, 0, 0],
      [OP_RESIZE, 1, 200],
      [OP_FREE, 1, 0],
      [OP_ALLOC, 2, 1],
    ])
    const sites = Array.from(trace.stacks!, (stack) => trace.stackTable![stack]!.map(frameText).join())
    expect(sites).to.deep.equal([
      ...['main+0x1c (./a.out)', './a.out[0x4005d8]', '[0x7f00]', 'f+1 (/opt/my prog - x)', '', 'main+0x1c (./a.out)'],
    ])
    expect(trace).to.include({ failures: 2, skipped: 0, inferred: 0 })
  })

  it('reads lines without places, and has no stacks then', () => {
    const trace = parse('= Start\n+ 0x10 0x64\n- 0x10\n')
    expect(trace).to.include({ events: 2, blocks: 1 }).and.not.have.any.keys('stacks', 'stackTable')
  })

  it('skips frees of blocks from before, and takes their resizing for an allocation', () => {
    const trace = parse('= Start\n- 0x10\n< 0x20\n> 0x30 0x5\n- 0x20\n- 0x30\n')
    expect(eventsOf(trace)).to.deep.equal([
      [OP_ALLOC, 0, 5],
      [OP_FREE, 0, 0],
    ])
    expect(trace.skipped).to.equal(2)
  })

  it('infers that a block has gone when its address comes again', () => {
    const trace = parse('= Start\n+ 0x10 0x1\n+ 0x20 0x2\n+ 0x10 0x3\n< 0x10\n> 0x20 0x4\n')
    expect(eventsOf(trace)).to.deep.equal([
      [OP_ALLOC, 0, 1],
      [OP_ALLOC, 1, 2],
      [OP_FREE, 0, 0],
      [OP_ALLOC, 2, 3],
      [OP_FREE, 1, 0],
      [OP_RESIZE, 2, 4],
    ])
    expect(trace.inferred).to.equal(2)
  })

  it('leaves out what a program that was killed left unfinished', () => {
    const line = parse('= Start\n+ 0x10 0x1\n@ ./a.out:(main+1')
    expect(line).to.include({ events: 1, remark: 'the file ends within a line, which is left out' })
    expect(parse('= Start\n+ 0x10 0x1\n+ 0x20 0x6')).to.include({ events: 1 }).and.to.have.property('remark')
    const half = parse('= Start\n+ 0x10 0x1\n< 0x10\n')
    expect(half).to.include({ events: 1, remark: 'the file ends within a realloc, which is left out' })
    expect(parse('= Start\n+ 0x10 0x1\n= End')).to.include({ events: 1 }).and.not.have.property('remark')
  })

  // biome-ignore format: a table
  const faults: [text: string, line: number, came: string, expected: string][] = [
    ['= Begin\n', 1, "'Begin'", 'Start or End'],
    ['= Start\nhello\n', 2, "'hello'", 'one of + - < > !'],
    ['= Start\n@ ./a.out:(main+1)[0x1]\n', 2, "'./a.out'", 'a place, then one of + - < > !'],
    ['= Start\n+ zz 0x1\n', 2, "'zz'", 'an address'],
    ['= Start\n+ 0x10\n', 2, 'the end of the line', 'a size'],
    ['= Start\n+ 0x10 0xffffffffffffffff\n', 2, "'0xffffffffffffffff'", 'a size'],
    ['= Start\n- 0x10 0x1\n', 2, "'0x1'", 'the end of the line'],
    ['= Start\n\n< 0x10\n- 0x10\n', 4, "'-'", 'a line with >, the other half of the realloc before'],
    ['= Start\n> 0x10 0x5\n', 2, "'>'", 'a line with < before one with >'],
  ]
  for (const [text, line, came, expected] of faults) {
    it(`refuses ${JSON.stringify(text)}`, () => {
      const message = faultOf(() => parse(text))
      expect(message).to.contain(`some.rep, line ${line}: ${came}`).and.to.contain(expected)
    })
  }
})
