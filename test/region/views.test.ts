/**
 * views: arrays over a block that outlive growth and do not outlive the block.
 */
import { expect } from 'chai'
import { open, type Region, type View } from '../../src/index.ts'
import { expectFault } from '../fixtures/faults.ts'

/** A block of 64 doubles in a region, its view, and what it must show. */
function viewed(region: Region): { at: number; view: View<Float64Array<ArrayBufferLike>> } {
  const at = region.alloc(512)
  const view = region.view(Float64Array, at, 64)
  for (let i = 0; i < 64; i++) view.array[i] = i / 7
  return { at, view }
}

const isIntact = (view: View<Float64Array<ArrayBufferLike>>) => view.array.every((n, i) => n === i / 7)

function expectDead(view: View<Float64Array<ArrayBufferLike>>): void {
  expect(view.alive).to.equal(false)
  expectFault('closed', ['view', 'Float64Array', String(view.at), view.region.name, 'gone'], () => view.array)
}

describe('region views', () => {
  it('show a block, as long as it is unless told otherwise', () => {
    const region = open({ discipline: 'memory' })
    const at = region.alloc(100)
    const view = region.view(Int32Array, at)
    expect(view).to.include({ region, at, alive: true, length: Math.floor(region.sizeOf(at) / 4) })
    expect(view.array).to.be.an.instanceOf(Int32Array).and.to.have.length(view.length)
    expect(region.view(BigUint64Array, at, 2).array).to.have.length(2)
    view.array[3] = -5
    expect(region.array(Int32Array, at, 4)[3]).to.equal(-5)
    expect(view.array, 'made once').to.equal(view.array)
  })

  for (const discipline of ['memory', 'shared', 'resizable']) {
    it(`renew themselves when memory grows (${discipline})`, () => {
      const region = open({ discipline })
      const { view } = viewed(region)
      const before = view.array
      for (let size = 10_000; size < 3e6; size *= 2) {
        expect(region.alloc(size)).to.be.greaterThan(0)
        expect(isIntact(view), `after ${size}`).to.equal(true)
        expect(view.array.length).to.equal(64)
        expect(view.array.buffer).to.equal(region.buffer)
      }
      if (discipline === 'memory') expect(before, 'a plain array goes empty').to.have.length(0)
      region.close()
    })
  }

  it('of a nested region renew themselves when any region of the root grows it', () => {
    const root = open({ discipline: 'memory' })
    const [a, b] = [open({ discipline: root }), open({ discipline: root })]
    const { view } = viewed(a)
    b.alloc(1_000_000)
    expect(isIntact(view)).to.equal(true)
    root.alloc(1_000_000)
    expect(isIntact(view)).to.equal(true)
  })

  it('end with a free, and do not come back with the next block there', () => {
    const region = open({ discipline: 'memory' })
    const { at, view } = viewed(region)
    const other = region.view(Uint8Array, at, 4)
    expect(region.free(at)).to.equal(true)
    expectDead(view)
    expect(other.alive, 'every view of the block').to.equal(false)
    expect(region.alloc(512), 'the same place again').to.equal(at)
    expectDead(view)
    expect(region.view(Float64Array, at, 64).alive).to.equal(true)
  })

  it('outlive the free of other blocks', () => {
    const region = open({ discipline: 'memory' })
    const { view } = viewed(region)
    region.free(region.alloc(512))
    expect(isIntact(view)).to.equal(true)
  })

  it('end when their block moves, not when it grows where it is', () => {
    const region = open({ discipline: 'memory' })
    const { at, view } = viewed(region)
    expect(region.resize(at, 1000)).to.equal(at)
    expect(isIntact(view)).to.equal(true)
    region.alloc(8)
    const moved = region.resize(at, 5000, { copy: true })
    expect(moved).to.not.equal(at)
    expectDead(view)
    expect(region.view(Float64Array, moved, 64).array[63]).to.equal(63 / 7)
    expect(region.alloc(1000), 'another block in the old place').to.equal(at)
    expectDead(view)
  })

  it('end when their block becomes shorter than they are', () => {
    const region = open({ discipline: 'memory' })
    const { at, view } = viewed(region)
    const short = region.view(Float64Array, at, 4)
    expect(region.resize(at, 100)).to.equal(at)
    expectDead(view)
    expect(short.array[3]).to.equal(3 / 7)
  })

  it('end with a clear and with a close, of their region or the one it is nested in', () => {
    for (const end of [
      (_root: Region, region: Region) => region.clear(),
      (_root: Region, region: Region) => region.close(),
      (root: Region) => root.clear(),
      (root: Region) => root.close(),
    ]) {
      const root = open({ discipline: 'memory', name: 'root' })
      const region = open({ discipline: root, name: 'viewed' })
      const { view } = viewed(region)
      expect(end(root, region)).to.equal(true)
      expectDead(view)
    }
  })

  it('are refused where there is no block, or not enough of one', () => {
    const region = open({ discipline: 'memory', name: 'viewed' })
    const at = region.alloc(64)
    const size = region.sizeOf(at)
    expectFault('argument', ['view', 'NIL'], () => region.view(Int32Array, 0))
    expectFault('argument', ['view', `${at + 8}`, 'viewed'], () => region.view(Int32Array, at + 8, 1))
    expectFault('argument', ['view', '9', 'Float64Array', `${size} bytes`], () => region.view(Float64Array, at, 9))
    for (const length of [-1, 0.5, Number.NaN, 2 ** 40]) {
      expectFault('argument', ['Int32Array', String(length)], () => region.view(Int32Array, at, length))
    }
    region.free(at)
    expectFault('argument', ['view', String(at)], () => region.view(Int32Array, at))
  })
})
