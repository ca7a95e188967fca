/**
 * replace: programs whose heap is a region's, under every method: the same answers, figures that are exact, heads that
 * compiled code can read, ends of memory, sizes that are none, blocks from before.
 */
import { expect } from 'chai'
import { best } from '../../methods/best.ts'
import { registry } from '../../src/index.ts'
import { currentOptions } from '../../src/region/options.ts'
import { parse } from '../../src/wasm/binary.ts'
import { find } from '../../src/wasm/find.ts'
import { programOf } from '../../src/wasm/program.ts'
import { join } from '../../src/wasm/session.ts'
import { dlmallocShapes, fixture, fixtures, lives, Program, start } from './fixtures.ts'
import {
  answersOf,
  began,
  countsOf,
  lastServed,
  plain,
  plainAnswers,
  type Served,
  small,
  takenOver,
  under,
} from './served.ts'

const METHODS = ['best', 'last', 'pool', 'mine', 'debug(best)', 'profile(best)', 'debug(profile(best))'] as const
const HUGE = [0xffffffff, 0x80000000, 0x7fffffff, 0xfffffff0]

/** Nothing is wrong with the region, and it has no block of the program's. */
function expectEmpty({ region }: Served): void {
  region().check()
  expect(region().stat().busyBlocks).to.equal(0)
  expect(region().busyBytes).to.equal(0)
}

describe('replace: programs under every method', () => {
  takenOver()
  before(() => void registry.methods.register({ ...best, name: 'mine', about: 'a method of somebody else' }))
  after(() => void registry.methods.unregister('mine'))

  for (const shape of fixtures.clean) {
    if (shape === 'limited') continue
    for (const method of METHODS) {
      it(`${shape} under ${method}: the same answers`, () => {
        const served = under(`method=${method} noleaks`, () => {
          const it = began('clean', shape)
          expect(answersOf(it.program)).to.deep.equal(plainAnswers())
          return it
        })
        const { level, why, figures } = served.view()
        const title = method.startsWith('mine') ? 'mine' : method
        if (level === 'observe') expect(why).to.match(/^method .* cannot serve it: \S.* \S/)
        else expect(served.view().method).to.equal(title)
        expect(level === 'observe', why).to.equal(isObserved(shape, method))
        if (shape !== 'inlined') expect(figures).to.include(countsOf(served.program))
        expect(figures).to.include({ failures: 0 })
        expectEmpty(served)
      })
    }
  }

  /** By what the finder says of the module, and by the method. */
  function isObserved(shape: (typeof fixtures.clean)[number], method: string): boolean {
    const { levels, strangers } = find(parse(fixture('clean', shape)))
    if (levels.replace !== '') return true
    if (method.includes('(')) return levels.debug !== ''
    return ['last', 'pool'].includes(method) && strangers.length > 0
  }

  it('whole lives under best', () => {
    const served = under('method=best', () => {
      const it = began('clean', 'stripped')
      for (const { call, args, answer } of lives) expect(it.program.call(call, ...args), call).to.equal(answer)
      return it
    })
    expect(served.program.call('failures')).to.equal(0)
    expect(served.view().figures).to.include(countsOf(served.program))
    expectEmpty(served)
  })

  for (const shape of ['full', 'inlined'] as const) {
    for (const option of ['accounts', 'ordinals', 'junk', 'free', 'keep', 'align=64', 'align=8', 'check=1']) {
      for (const method of ['best', 'debug(best)', 'last']) {
        it(`${shape} under ${method} with ${option}: the same answers`, () => {
          under(`method=${method} *.${option} noleaks`, () => {
            const { program, region, view } = began('clean', shape)
            expect(answersOf(program)).to.deep.equal(plainAnswers())
            region().check()
            if (option !== 'keep') expect(region().stat().busyBlocks).to.equal(0)
            expect(view().figures).to.include({ failures: 0 })
            expect(program.call('weakest_alignment')).to.be.at.least(16)
          })
        })
      }
    }
  }

  for (const shape of dlmallocShapes) {
    it(`${shape} under best, all of it checked after each call`, () => {
      under('method=best check=3', () => {
        const { program } = began('clean', shape)
        for (const [call, ...args] of [
          ['random_life', 7, 200],
          ['deep', 10, 50],
          ['vector', 100],
        ] as const)
          program.call(call as string, ...(args as number[]))
        expect(program.call('failures')).to.equal(0)
      })
    })
  }
})

describe('replace: blocks', () => {
  takenOver()

  for (const method of ['best', 'last', 'pool', 'debug(best)']) {
    it(`${method}: heads as dlmalloc has them`, () => {
      under(`method=${method} noleaks`, () => {
        const { program, region } = began('clean', 'full')
        for (const size of [4, 12, 13, 24, 100, 1000, 5000]) {
          let at = program.call('hold', size, 5)
          for (let i = 0; i < 5; i++, at = program.word(at)) {
            const head = program.word(at - 4)
            expect(head & 3, `head of ${at}`).to.equal(3)
            expect((head & ~7) % 8).to.equal(0)
            expect(head & ~7).to.be.within(size + 4, size + 160)
            expect(at % 16, 'alignment').to.equal(0)
          }
        }
        expect(program.call('drop_held')).to.equal(35)
        region().check()
        expect(region().stat().busyBlocks).to.equal(0)
      })
    })
  }

  for (const method of ['original', 'best', 'last', 'pool', 'debug(best)']) {
    it(`${method}: sizes that are none`, () => {
      under(`method=${method} noleaks`, () => {
        const { program } = began('clean', 'full')
        const kept = program.call('malloc', 100)
        program.bytes(kept, 100).fill(7)
        for (const size of HUGE) {
          expect(program.call('malloc', size), `malloc(${size})`).to.equal(0)
          expect(program.call('realloc', kept, size), `realloc(p, ${size})`).to.equal(0)
          expect(program.call('realloc', 0, size), `realloc(0, ${size})`).to.equal(0)
          expect(program.call('calloc', 1, size), `calloc(1, ${size})`).to.equal(0)
          expect(program.call('aligned_alloc', 64, size), `aligned_alloc(64, ${size})`).to.equal(0)
        }
        expect(program.call('calloc', 65536, 65536)).to.equal(0)
        expect(program.call('calloc', 65537, 65537)).to.equal(0)
        expect(program.call('calloc', 0x80000001, 2)).to.equal(0)
        expect([...program.bytes(kept, 100)].every((byte) => byte === 7)).to.equal(true)
        const out = program.call('malloc', 4)
        expect(program.call('posix_memalign', out, 3, 10)).to.equal(28)
        expect(program.call('posix_memalign', out, 64, 0xfffffff0)).to.equal(48)
        expect(program.call('posix_memalign', out, 4096, 10)).to.equal(0)
        expect(program.word(out) % 4096).to.equal(0)
        program.call('free', program.word(out))
        const more = program.call('realloc', kept, 5000)
        expect([...program.bytes(more, 100)].every((byte) => byte === 7)).to.equal(true)
        const none = program.call('realloc', more, 0)
        expect(none).to.not.equal(0)
        program.call('free', none)
        const begun = program.call('realloc', 0, 10)
        expect(begun % 16).to.equal(0)
        program.call('free', begun)
        program.call('free', out)
        program.call('free', 0)
        for (const empty of [program.call('malloc', 0), program.call('calloc', 0, 8)]) {
          expect(empty).to.not.equal(0)
          program.call('free', empty)
        }
        expect(program.call('random_life', 1, 500)).to.equal(plainAnswers()[0])
        expect(program.call('failures')).to.equal(0)
      })
    })

    it(`${method}: memory that is out`, () => {
      under(`method=${method} noleaks`, () => {
        const { program, region } = began('clean', 'limited')
        expect(program.call('hold', 1000, 5000)).to.not.equal(0)
        expect(program.call('failures')).to.be.above(0)
        expect(program.call('malloc', 100000)).to.equal(0)
        region().check()
        const count = program.call('drop_held')
        expect(count).to.be.within(100, 1048)
        region().check()
        expect(region().stat().busyBlocks).to.equal(0)
        const failures = program.call('failures')
        expect(program.call('vector', 300)).to.equal(plainAnswers()[small.length - 1])
        expect(program.call('deep', 20, 100)).to.equal(plainAnswers()[4])
        expect(program.call('failures')).to.equal(failures)
      })
    })
  }

  for (const method of ['best', 'last', 'debug(best)']) {
    it(`${method}: blocks from before are freed and grown`, () => {
      under(`method=${method} noleaks`, () => {
        const looked = programOf(fixture('clean', 'full'), 'before', currentOptions())
        const module = new plain.Module(looked.bytes!)
        const instance = new plain.Instance(module)
        const calls = instance.exports as Record<string, (...args: number[]) => number>
        calls._initialize!()
        calls.hold!(40, 10)
        const grown = calls.malloc!(64)
        new Uint8Array((instance.exports.memory as WebAssembly.Memory).buffer, grown, 64).fill(9)
        join(looked, {}).join(instance)
        const program = Object.assign(Object.create(Program.prototype), { module, instance }) as Program
        const served = lastServed(program)
        program.call('hold', 40, 10)
        const more = program.call('realloc', grown, 10000)
        expect([...program.bytes(more, 64)].every((byte) => byte === 9)).to.equal(true)
        program.call('free', more)
        expect(program.call('drop_held')).to.equal(20)
        expect(served.view().figures!.foreign).to.be.within(11, 12)
        expect(program.call('random_life', 1, 500)).to.equal(plainAnswers()[0])
        served.region().check()
        expect(served.region().stat().busyBlocks).to.equal(0)
      })
    })
  }

  it('a block that a start function made before is freed later', () => {
    under('method=best', () => {
      const { program, view } = began('odd', 'start')
      expect(program.call('first_word')).to.equal(77)
      expect(program.call('run', 10)).to.equal(45)
      program.call('free', program.call('first'))
      expect(program.call('freed')).to.equal(12)
      expect(view().figures).to.include({ allocs: 10, frees: 11, foreign: 1 })
    })
  })

  it('start(): the fixtures say the same without us', () => expect(start('clean', 'full').call('failures')).to.equal(0))
})
