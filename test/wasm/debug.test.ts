/**
 * debug: the mistakes of errors.c under the debug method: each is told with the block, its size, where the first wrong byte
 * lies, and the calls that made and freed the block; and nothing is told of a program without one.
 */
import { expect } from 'chai'
import type { Finding } from '../../src/contract/finding.ts'
import type { Frame } from '../../src/ground/stacks.ts'
import { bodyOf, parse } from '../../src/wasm/binary.ts'
import { expectFault } from '../fixtures/faults.ts'
import { dlmallocShapes, fixture, type Mistake, mistakes } from './fixtures.ts'
import { answersOf, began, plainAnswers, type Served, takenOver, under } from './served.ts'

/** A program of errors.c whose region is open, and what is told of it. */
function watched(shape: (typeof dlmallocShapes)[number]): Served & { told: Finding[] } {
  const served = began('errors', shape)
  served.program.call('no_error', 24)
  expect(served.view().level, served.view().why).to.equal('debug')
  const told: Finding[] = []
  served.region().on('report', ({ finding }) => told.push(finding))
  return { ...served, told }
}

const namesOf = (frames: readonly Frame[] | undefined) => (frames ?? []).map(({ name }) => name)

/** The calls stand on the stack, in that order, one right behind the other. */
function expectCalls(frames: readonly Frame[] | undefined, calls: readonly string[]): void {
  const names = namesOf(frames)
  const from = names.indexOf(calls[0]!)
  expect(names.slice(from, from + calls.length), names.join(' ')).to.deep.equal(calls)
}

/** What can be told of a free of static memory or of the stack: the region has no such address. */
const isSeen = ({ kind, isBlock }: Mistake) => kind !== 'value' && isBlock

/** So much is written behind the block that what debug keeps there, its size and stacks among it, is gone. */
const isWiped = ({ kind, count }: Mistake) => kind === 'overflow' && count >= 40

/** Blocks of one stack are told together. */
const leaked = ({ call, args }: Mistake) => (call === 'leak' ? args[1]! : call === 'leak_list' ? args[0]! - 1 : 1)

/** What is told, of the block at that address. */
function expectedOf(mistake: Mistake, block: number): Record<string, unknown> {
  const { kind, size, offset } = mistake
  if (isWiped(mistake)) return { address: block }
  if (kind === 'leak') return { kind, size, blocks: leaked(mistake) }
  // such a call is told by the address that came
  if (kind === 'bad-free' || (kind === 'bad-resize' && offset > 0))
    return { kind, size, address: block + offset, offset }
  // the head is the guard: what lies before it is the block's to the left
  return { kind, size, address: block, offset: Math.max(offset, -4) }
}

describe('debug: the mistakes of C programs', () => {
  takenOver()

  for (const shape of ['full', 'stripped'] as const) {
    for (const mistake of mistakes.filter(isSeen)) {
      const { call, args, kind, noticed, freed } = mistake
      // grown in place, it is the block that it was
      const made = call === 'leak_grown' ? ['new_buffer', call] : mistake.made
      it(`${call}(${args}) in ${shape}: ${kind} of ${mistake.size} bytes at ${mistake.offset}`, () => {
        under(`method=debug sample=0 ${kind === 'leak' ? '' : 'noleaks'}`, () => {
          const { program, region, told } = watched(shape)
          program.call(call, ...args)
          const block = program.call('last_block')
          if (noticed !== 'at once') expect(told, 'told too early').to.deep.equal([])
          if (noticed === 'at release') program.call('release_last')
          if (noticed === 'at a check') expectFault('corrupted', [kind], () => region().check())
          if (noticed === 'at the end') {
            program.call('release_neighbours')
            region().leaks()
          }
          const [finding, ...more] = told as [Finding]
          expect(more.map(String), 'told once').to.deep.equal([])
          expect(finding).to.include(expectedOf(mistake, block))
          region().close()
          if (isWiped(mistake)) return
          if (shape === 'full' && made.length > 0) expectCalls(finding.allocated, made)
          if (shape === 'full' && freed.length > 0) {
            const frames = finding.freed ?? finding.detected
            expectCalls(frames, freed[0] === 'drop_buffer' && kind === 'double-free' ? ['drop_buffer'] : freed)
          }
          for (const { file } of (finding.allocated ?? []).filter(({ file }) => file.startsWith('wasm:')))
            expect(file).to.match(/^wasm:\/\/fixtures(-\d+)?$/)
        })
      })
    }
  }

  for (const { call, args, answer } of mistakes.filter(({ kind }) => kind === 'value')) {
    it(`${call}(${args}): another answer than the plain one`, () => {
      under('method=debug noleaks', () => expect(watched('full').program.call(call, ...args)).to.not.equal(answer))
    })
  }

  for (const { call, args, traps } of mistakes.filter(({ isBlock }) => !isBlock)) {
    it(`${call}(${args}): goes to the program's own allocator, as it did`, () => {
      under('method=debug noleaks', () => {
        const { program, told, region, view } = watched('full')
        if (traps === 'call') expect(() => program.call(call, ...args)).to.throw(WebAssembly.RuntimeError)
        else program.call(call, ...args)
        expect(view().figures!.foreign).to.equal(1)
        expect(told).to.deep.equal([])
        region().check()
      })
    })
  }
})

describe('debug: stacks and programs without mistakes', () => {
  takenOver()

  it('places are bytes of the original file, inside of the function', () => {
    under('method=debug sample=0 noleaks', () => {
      const bytes = fixture('errors', 'full')
      const module = parse(bytes)
      const indices = new Map([...module.names].map(([index, name]) => [name, index]))
      const { program, told } = watched('full')
      program.call('overrun_by_one', 24)
      program.call('release_last')
      const frames = told[0]!.allocated!.filter(({ file }) => file.startsWith('wasm:'))
      expect(namesOf(frames)).to.include.members(['new_buffer', 'read_section', 'load_config', 'overrun_by_one'])
      for (const { name, line } of frames) {
        if (/malloc/.test(name)) continue
        const { start, end } = bodyOf(module, indices.get(name)!)!
        expect(line, name).to.be.within(start, end)
        // a call (0x10) is what stands there
        expect(bytes[line], `${name} at ${line}`).to.equal(0x10)
      }
    })
  })

  for (const shape of dlmallocShapes) {
    it(`${shape}: nothing is told`, () => {
      under('method=debug', () => {
        const served = began('clean', shape)
        served.program.call('random_life', 9, 3)
        const told: Finding[] = []
        served.region().on('report', ({ finding }) => told.push(finding))
        const before = Array.from({ length: 9 }, (_, k) => served.program.call('calls', k))
        const answers = answersOf(served.program)
        expect(answers.slice(0, 8)).to.deep.equal(plainAnswers().slice(0, 8))
        for (let k = 0; k < 9; k++) expect(answers[8 + k]! - before[k]!).to.equal(plainAnswers()[8 + k])
        served.region().check()
        served.region().leaks()
        expect(told.map(String)).to.deep.equal([])
      })
    })
  }
})
