/**
 * observe: programs whose own malloc serves and is watched: the same answers, figures that are exact, traces that can be
 * read and played again, profiles whose places are those of the original file, and what lists regions lists them.
 */

import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { report } from '../../src/account/report.ts'
import { open } from '../../src/index.ts'
import { parseTrace } from '../../src/trace/format.ts'
import { freeLeft, replay } from '../../src/trace/replay.ts'
import { OP_FREE, OP_RESIZE, type Trace } from '../../src/trace/trace.ts'
import { bodyOf, parse } from '../../src/wasm/binary.ts'
import { fixture, fixtures, lives } from './fixtures.ts'
import { answersOf, began, countsOf, plainAnswers, takenOver, under } from './served.ts'

/** Reads a trace as soon as it has so many events: it is written now and then. */
async function traceAt(file: string, events: number): Promise<Trace> {
  for (let tries = 0; tries < 100; tries++) {
    await new Promise((go) => setTimeout(go, 50))
    const bytes = readFileSync(file)
    if (bytes.length === 0) continue
    const trace = parseTrace(bytes, file)
    if (trace.events >= events) return trace
  }
  return expect.fail(`no ${events} events in ${file}`)
}

describe('observe: programs under their own malloc', () => {
  takenOver()

  for (const shape of fixtures.clean) {
    if (shape === 'limited') continue
    for (const options of [
      '',
      'method=profile',
      'method=profile sample=0',
      '*.accounts',
      'check=3',
      'junk keep',
      '*.align=64',
    ]) {
      it(`${shape} with ${options || 'no options'}: the same answers, exact figures`, () => {
        under(options, () => {
          const { program, view, region } = began('clean', shape)
          expect(answersOf(program)).to.deep.equal(plainAnswers())
          expect(view()).to.include({ level: 'observe', why: '', left: '' })
          expect(view().method).to.equal(options.includes('profile') ? 'profile(original)' : 'original')
          if (shape !== 'inlined') expect(view().figures).to.include(countsOf(program))
          expect(view().figures).to.include({ failures: 0, foreign: 0 })
          region().check()
          expect(region().stat().busyBlocks).to.equal(0)
          expect(region().busyBytes).to.equal(0)
          expect(region().map()).to.match(/\S/)
          expect(region().map({ as: 'data' }).name).to.equal(view().name)
        })
      })
    }
  }

  it('whole lives', () => {
    under('method=profile', () => {
      const { program, view } = began('clean', 'stripped')
      for (const { call, args, answer } of lives) expect(program.call(call, ...args), call).to.equal(answer)
      expect(program.call('failures')).to.equal(0)
      expect(view().figures).to.include(countsOf(program))
    })
  })

  it('blocks, sizes, map and report are those of the program', () => {
    under('', () => {
      const { program, view, region } = began('clean', 'full')
      // the very first block may lie before the header
      program.call('malloc', 8)
      region().clear()
      const places: number[] = []
      for (let at = program.call('hold', 100, 10), i = 0; i < 10; i++, at = program.word(at)) places.push(at)
      const blocks: { at: number; size: number }[] = []
      region().walk(({ at, size }) => void blocks.push({ at, size }))
      expect(blocks).to.deep.equal(places.toSorted((a, b) => a - b).map((at) => ({ at, size: 100 })))
      expect(region().busyBytes).to.equal(1000)
      expect(region().highTide).to.equal(1000)
      const drawn = region()
        .map({ as: 'data' })
        .segments.flatMap(({ blocks }) => blocks)
      expect(drawn.filter(({ state }) => state === 'busy')).to.have.length(10)
      const row = report().regions.find(({ name }) => name === view().name)!
      expect(row).to.include({ method: 'original', busyBytes: 1000, highTide: 1000 })
      expect(row.extent).to.be.above(1000)
      expect(program.call('drop_held')).to.equal(10)
      expect(report().regions.find(({ name }) => name === view().name)).to.include({ busyBytes: 0, highTide: 1000 })
    })
  })

  it('requests that fail are counted, and the program goes on', () => {
    under('method=profile', () => {
      const { program, view, region } = began('clean', 'limited')
      program.call('hold', 1000, 5000)
      const failures = program.call('failures')
      expect(failures).to.equal(1)
      expect(view().figures).to.include({ failures: 1 })
      const count = program.call('drop_held')
      expect(view().figures).to.include({ allocs: count + 1, frees: count })
      expect(region().stat().busyBlocks).to.equal(0)
    })
  })
})

describe('observe: traces and profiles', () => {
  takenOver()
  let folder: string
  before(() => void (folder = mkdtempSync(join(tmpdir(), 'vmalloc-observe-'))))
  after(() => rmSync(folder, { recursive: true }))

  for (const method of ['original', 'profile', 'best']) {
    it(`${method}: a trace that can be read and played again`, async () => {
      const file = join(folder, `${method}.trace`)
      const { program, counts } = under(`method=${method} trace='${file}'`, () => {
        const { program } = began('clean', 'full')
        program.call('random_life', 1, 300)
        const before = countsOf(program)
        program.call('hold', 64, 7)
        return { program, counts: { ...before, allocs: before.allocs + 7 } }
      })
      const trace = await traceAt(file, counts.allocs + counts.frees)
      const count = (op: number) => trace.ops.filter((one) => one === op).length
      expect(trace.left).to.have.length(7)
      expect(trace.inferred).to.equal(0)
      expect(count(OP_FREE)).to.equal(counts.frees - program.call('calls', 8))
      // realloc of nothing is an allocation
      expect(trace.blocks - counts.allocs).to.equal(counts.resizes - count(OP_RESIZE))
      const region = open({ discipline: 'memory', method: 'best', name: `again-${method}` })
      const pass = replay(trace, region)
      expect(region.stat().busyBlocks).to.equal(7)
      freeLeft(trace, region, pass)
      expect(region.stat().busyBlocks).to.equal(0)
      region.close()
    })
  }

  it('a profile by call site: names, and bytes of the original file', () => {
    under('method=profile sample=0 depth=8', () => {
      const bytes = fixture('clean', 'full')
      const module = parse(bytes)
      const indices = new Map([...module.names].map(([index, name]) => [name, index]))
      const { program, region } = began('clean', 'full')
      program.call('hold', 48, 20)
      program.call('deep', 9, 100)
      const profile = region().profile()!
      expect(profile).to.include({ mode: 'exact', method: 'profile(original)' })
      expect(profile.total).to.include({ allocs: 30, frees: 10, liveBlocks: 20, liveBytes: 960, allocBytes: 1960 })
      const held = profile.sites.find(({ frames }) => frames.some(({ name }) => name === 'hold'))!
      expect(held).to.include({ allocs: 20, liveBlocks: 20 })
      const inside = held.frames.filter(({ file }) => file.startsWith('wasm:'))
      expect(inside.map(({ name }) => name)).to.include.members(['take', 'hold'])
      for (const { name, file, line } of inside.filter(({ name }) => !/malloc/.test(name))) {
        expect(file).to.equal('wasm://fixtures')
        const { start, end } = bodyOf(module, indices.get(name)!)!
        expect(line, name).to.be.within(start, end - 1)
        expect(bytes[line], `${name} at ${line}: a call`).to.equal(0x10)
      }
    })
  })

  it('a stripped module: numbers for names, the same bytes', () => {
    under('method=profile sample=0', () => {
      const bytes = fixture('clean', 'stripped')
      const module = parse(bytes)
      const { program, region } = began('clean', 'stripped')
      program.call('hold', 48, 3)
      const [site] = region().profile()!.sites
      const inside = site!.frames.filter(({ file }) => file.startsWith('wasm:'))
      expect(inside.length).to.be.at.least(2)
      for (const { name, line } of inside) {
        const body = module.bodies.findIndex(({ start, end }) => line >= start && line < end)
        expect(body, `${name} at ${line}`).to.be.at.least(0)
        const number = /^wasm-function\[(\d+)\]$/.exec(name)?.[1]
        if (number !== undefined) expect(body + module.imported).to.equal(Number(number))
      }
      expect(inside.map(({ name }) => name)).to.include('hold')
    })
  })

  it('an instance whose region was closed by somebody goes on', () => {
    under('', () => {
      const { program, region } = began('clean', 'full')
      program.call('hold', 24, 3)
      region().close()
      expect(program.call('drop_held')).to.equal(3)
      expect(program.call('random_life', 1, 500)).to.equal(plainAnswers()[0])
    })
  })
})
