/**
 * era: the number in a region's header that is another one whenever all blocks went at once, and 0 when it is closed. It
 * lies in the bytes, so every handle, thread and copy sees the same.
 */
import { Worker } from 'node:worker_threads'
import { expect } from 'chai'
import { Stack } from '../../src/collections/stack.ts'
import { i32 } from '../../src/collections.ts'
import { attach, injectOptions, open, type Region } from '../../src/index.ts'
import { Ground } from '../../src/region/ground.ts'
import { ERA, eraOf, nextEra } from '../../src/region/header.ts'
import type { EraOrder } from '../fixtures/era-hand.ts'
import { expectFault } from '../fixtures/faults.ts'

const wordAt = (region: Region, header: number) => new Int32Array(region.buffer)[(header + ERA) >>> 2]!
const era = (region: Region) => wordAt(region, region.header)

describe('era', () => {
  let were: string
  before(() => void (were = injectOptions('format=none,profile=none')))
  after(() => injectOptions(were))

  // biome-ignore format: a table
  const places: [where: string, make: (method: string) => Region][] = [
    ['a root', (method) => open({ discipline: 'memory', method })],
    ['a root on given memory', (method) => open({ discipline: new ArrayBuffer(1 << 16), method })],
    ['the default heap', (method) => open({ method })],
    ['shared memory', (method) => open({ discipline: new SharedArrayBuffer(1 << 16), method })],
    ['a region in a region', (method) => open({ discipline: open({ discipline: 'memory' }), method })],
  ]
  for (const [where, make] of places) {
    for (const method of ['best', 'last', 'pool', 'debug', 'profile']) {
      it(`is another one after each clear, and no other time: ${method} in ${where}`, () => {
        const region = make(method)
        const seen = new Set<number>()
        for (let round = 0; round < 20; round++) {
          const now = era(region)
          expect(seen.has(now), `round ${round}`).to.equal(false)
          expect(now).to.not.equal(0)
          seen.add(now)
          const at = region.alloc(32)
          region.free(region.alloc(32))
          region.resize(at, 32, { copy: true })
          region.values.set('key', round)
          region.compact()
          region.set({ check: round % 4 })
          region.check()
          expect(new Ground(region, 'test').era).to.equal(now)
          expect(era(region), 'as it was').to.equal(now)
          expect(region.clear()).to.equal(true)
        }
        region.set({ check: 0 })
        const stop = region.on('clear', () => {})
        const before = era(region)
        region.clear()
        expect(era(region), 'with a listener').to.not.equal(before)
        stop()
        region.clear()
        expect(era(region), 'without').to.not.equal(before)
        region.close()
      })
    }
  }

  it('of what is nested is 0 when it closes, alone or with those around it, however deep', () => {
    for (const end of ['itself', 'parent closes', 'parent clears', 'root closes', 'root clears'] as const) {
      const root = open({ discipline: new ArrayBuffer(1 << 16), name: 'root' })
      const space = new Int32Array(root.buffer)
      const parent = open({ discipline: root, name: 'parent' })
      const child = open({ discipline: parent, name: 'child', method: 'last' })
      const grandchild = open({ discipline: child, name: 'grandchild' })
      const headers = [child.header, grandchild.header]
      const grounds = [child, grandchild].map((region) => new Ground(region, 'test'))
      const stack = new Stack(grandchild, i32)
      stack.push(1)
      expect(headers.every((header) => space[(header + ERA) >>> 2] !== 0)).to.equal(true)
      if (end === 'itself') child.close()
      else (end.startsWith('parent') ? parent : root)[end.endsWith('closes') ? 'close' : 'clear']()
      expect(
        headers.map((header) => space[(header + ERA) >>> 2]),
        end,
      ).to.deep.equal([0, 0])
      expect(grounds.map(({ isOpen }) => isOpen)).to.deep.equal([false, false])
      expect(stack.alive).to.equal(false)
      expectFault('closed', ['stack', 'grandchild', 'closed'], () => stack.push(2))
      stack.destroy()
      if (!root.closed) root.check()
    }
  })

  it('of nested regions that nobody holds a handle to is 0 too', () => {
    const bytes = (() => {
      const root = open({ discipline: new ArrayBuffer(1 << 16), name: 'root' })
      const parent = open({ discipline: root, name: 'parent' })
      open({ discipline: parent, name: 'child' })
      return root.buffer.slice(0) as ArrayBuffer
    })()
    const root = attach(bytes)
    const space = new Int32Array(bytes)
    const found: number[] = []
    for (let i = 0; i < space.length; i++) if (space[i] === 0x4c414d56) found.push(i * 4 - 16)
    expect(found).to.have.length(3)
    expect(found.filter((header) => space[(header + ERA) >>> 2] === 0)).to.deep.equal([])
    root.clear()
    expect(found.filter((header) => space[(header + ERA) >>> 2] === 0)).to.have.length(2)
    expect(era(root)).to.not.equal(0)
  })

  it('of regions that follow one another in one place is never the same', () => {
    const root = open({ discipline: 'memory' })
    const seen = new Map<number, Set<number>>()
    for (let round = 0; round < 500; round++) {
      const region = open({ discipline: root, name: 'same' })
      const eras = seen.get(region.header) ?? new Set()
      seen.set(region.header, eras)
      for (let clears = 0; clears < 4; clears++) {
        expect(eras.has(era(region))).to.equal(false)
        eras.add(era(region))
        region.clear()
      }
      region.close()
    }
    expect(seen.size).to.be.below(5)
    const roots = Array.from({ length: 20 }, () => era(open({ discipline: new ArrayBuffer(1 << 14) })))
    expect(new Set(roots).size, 'nor that of roots').to.equal(20)
  })

  it('never becomes 0, and goes round through all odd numbers', () => {
    for (const now of [-1, 1, 2 ** 31 - 1, -(2 ** 31) + 1, 12345, -3]) {
      const next = nextEra(now)
      expect([next === now, next === 0, next & 1]).to.deep.equal([false, false, 1])
    }
    for (let serial = 0; serial < 2000; serial++) expect(eraOf(serial, serial * 8) & 1).to.equal(1)
    const region = open({ discipline: new ArrayBuffer(1 << 14) })
    const word = new Int32Array(region.buffer)
    for (const edge of [-1, 2 ** 31 - 1]) {
      word[(region.header + ERA) >>> 2] = edge
      region.check()
      region.clear()
      expect(era(region)).to.equal(nextEra(edge))
    }
  })

  it('is the same for two handles, and one sees what the other clears', () => {
    const memory = new SharedArrayBuffer(1 << 16)
    const one = open({ discipline: memory, name: 'one' })
    const twin = attach(memory, {
      discipline: { name: 'again', memory: () => 0, buffer: () => memory, share: () => ({}) },
    })
    expect(twin).to.not.equal(one)
    const stack = new Stack(one, i32)
    const other = new Stack(twin, i32, { at: stack.at })
    stack.push(1)
    other.push(2)
    expect([...stack]).to.deep.equal([2, 1])
    const before = era(one)
    twin.clear()
    expect(era(one)).to.not.equal(before)
    expect([stack.alive, other.alive]).to.deep.equal([false, false])
    expectFault('closed', ['was cleared'], () => stack.push(3))
    one.check()
    expect(one.stat().busyBlocks).to.equal(0)
  })

  it('comes along with copied bytes: what they hold is good there, whatever becomes of the original', () => {
    const region = open({ discipline: new ArrayBuffer(1 << 16), name: 'one' })
    const data = open({ discipline: region, name: 'data' })
    const stack = new Stack(region, i32, { data })
    for (const n of [1, 2, 3]) stack.push(n)
    const copy = region.buffer.slice(0)
    data.clear()
    expect([...stack]).to.deep.equal([])
    const again = attach(copy)
    const there = new Stack(again, i32, { at: stack.at })
    expect(era(again)).to.equal(era(region))
    expect([...there]).to.deep.equal([3, 2, 1])
    there.push(4)
    again.child('data')!.clear()
    expect([...there]).to.deep.equal([])
    there.push(5)
    there.check()
    again.check()
    expect([...there]).to.deep.equal([5])
    expect([...stack]).to.deep.equal([])
  })

  it('bytes that were copied before a clear and written back after it are the older era again', () => {
    const memory = new ArrayBuffer(1 << 16)
    const region = open({ discipline: memory, name: 'one' })
    const stack = new Stack(region, i32)
    stack.push(7)
    const before = memory.slice(0)
    region.clear()
    expect(stack.alive).to.equal(false)
    new Uint8Array(memory).set(new Uint8Array(before))
    expect([...stack]).to.deep.equal([7])
    region.check()
  })

  describe('in another thread', () => {
    let worker: Worker
    before(() => void (worker = new Worker(new URL('../fixtures/era-hand.ts', import.meta.url))))
    after(() => worker.terminate())
    const tell = (...order: EraOrder): Promise<{ result?: unknown; code?: string; message?: string }> =>
      new Promise((done, fail) => {
        worker.once('message', done)
        worker.once('error', fail)
        worker.postMessage(order)
      })

    it('a clear or close there is seen here, and one here is seen there', async function () {
      this.timeout(10_000)
      const root = open({ discipline: 'shared', name: 'root' })
      const file = open({ discipline: root, name: 'file' })
      const share = root.share()
      const stack = new Stack(root, i32, { data: file })
      stack.push(1)
      expect(await tell('take', share, [], stack.at)).to.deep.equal({ result: [1] })
      expect(await tell('push', share, [], 2)).to.deep.equal({ result: [2, 1] })
      expect([...stack]).to.deep.equal([2, 1])

      const before = era(file)
      expect(await tell('clear', share, ['file'], 0)).to.deep.equal({ result: true })
      expect(era(file)).to.not.equal(before)
      expect([...stack]).to.deep.equal([])
      stack.push(3)
      expect(await tell('read', share, [], 0)).to.deep.equal({ result: [3] })

      file.clear()
      expect(await tell('read', share, [], 0)).to.deep.equal({ result: [] })
      expect(await tell('push', share, [], 4)).to.deep.equal({ result: [4] })
      expect([...stack]).to.deep.equal([4])

      expect(await tell('close', share, ['file'], 0)).to.deep.equal({ result: true })
      expectFault('closed', ['file', 'closed'], () => stack.push(5))
      expect((await tell('push', share, [], 6)).code).to.equal('closed')
      root.clear()
      expectFault('closed', ['root', 'cleared'], () => stack.push(5))
      expect((await tell('read', share, [], 0)).code).to.equal('closed')
      root.check()
      root.close()
    })
  })
})
