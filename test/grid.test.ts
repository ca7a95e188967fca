/**
 * grid: every method over every discipline, in every alignment, and nested in every other method, four deep.
 *
 * Each cell is a short life at full check level. A method that serves nothing is a cell too: it must open, refuse and
 * close.
 */
import { expect } from 'chai'
import { type MethodDef, open, type Region, registry } from '../src/index.ts'
import { type Life, randomLife, seedFrom } from './conformance/index.ts'

const seed = seedFrom(process.env.SEED)
const KIB = 1024
const STEPS = 120

const methods = registry.methods.all().filter((method) => method.wraps !== true)
const living = methods.filter((method) => method.sizes !== 'none')
const disciplines = registry.disciplines.names().filter((name) => name !== 'null')

function brief(method: MethodDef, discipline: Life['discipline'], align?: number): void {
  if (method.sizes !== 'none') {
    randomLife({
      method: method.name,
      discipline,
      steps: STEPS,
      seed,
      live: 16,
      largest: 400,
      options: align ? { align } : {},
    })
    return
  }
  const region = open({ method: method.name, discipline, check: 3, ...(align ? { align } : {}) })
  expect([region.alloc(0), region.alloc(8), region.free(64), region.stat().busyBlocks]).deep.equals([0, 0, false, 0])
  expect(region.close()).equals(true)
}

/** A region whose blocks can be another's segments: elements of a pool are as large as these. */
function parentOf(method: MethodDef, discipline: Life['discipline'], element: number): Region {
  return open({ method: method.name, discipline, check: 3, ...(method.sizes === 'one' ? { element } : {}) })
}

describe(`grid, SEED=${seed}`, () => {
  for (const method of methods) {
    for (const discipline of disciplines) {
      for (const align of [8, 16, 64, 4096]) {
        it(`${method.name} over ${discipline}, aligned to ${align}`, () => brief(method, discipline, align))
      }
    }
    it(`${method.name} over null does not open`, () => {
      expect(() => open({ method: method.name, discipline: 'null' })).throws(/discipline null has no \d+ bytes/)
    })
  }

  for (const outer of living) {
    for (const inner of living) {
      for (const method of living) {
        it(`${method.name} in ${inner.name} in ${outer.name} in best`, () => {
          const root = open({ discipline: new ArrayBuffer(1024 * KIB), method: 'best', check: 3 })
          const second = parentOf(outer, root, 96 * KIB)
          const third = parentOf(inner, second, 24 * KIB)
          for (let i = 0; i < 2; i++) brief(method, third)
          third.check()
          expect(third.children()).deep.equals([])
          expect(third.close()).equals(true)
          second.check()
          expect(second.close()).equals(true)
          root.check()
          root.compact()
          expect(root.stat().busyBlocks).equals(0)
        })
      }
    }
  }
})
