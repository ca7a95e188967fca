/**
 * disciplines: the conformance suite over every discipline that is registered, and over every kind of raw memory.
 */
import { expect } from 'chai'
import { open, registry } from '../src/index.ts'
import { disciplineSuite } from './conformance/index.ts'

const hooks = { describe, it, seed: process.env.SEED }
const KIB = 1024

for (const { name, create } of registry.disciplines.all()) {
  if (name === 'region' || name === 'wasm') continue // made over a region, below, and over a program, in test/wasm
  disciplineSuite(name, () => create({}), name === 'null' ? { ...hooks, room: 0 } : hooks)
}

describe('raw memory', () => {
  const odd = (buffer: ArrayBufferLike) => new Uint8Array(buffer, 13, buffer.byteLength - 26)
  disciplineSuite('an ArrayBuffer', () => new ArrayBuffer(256 * KIB), hooks)
  disciplineSuite('part of an ArrayBuffer, from an odd byte on', () => odd(new ArrayBuffer(256 * KIB)), hooks)
  disciplineSuite('a resizable ArrayBuffer', () => new ArrayBuffer(0, { maxByteLength: 512 * KIB }), hooks)
  disciplineSuite('a SharedArrayBuffer', () => new SharedArrayBuffer(256 * KIB), hooks)
  disciplineSuite('part of a SharedArrayBuffer', () => odd(new SharedArrayBuffer(256 * KIB)), hooks)
  disciplineSuite('a growable SharedArrayBuffer', () => new SharedArrayBuffer(64, { maxByteLength: 512 * KIB }), hooks)
  disciplineSuite('a WebAssembly.Memory', () => new WebAssembly.Memory({ initial: 0, maximum: 8 }), hooks)
  disciplineSuite(
    'a shared WebAssembly.Memory',
    () => new WebAssembly.Memory({ initial: 1, maximum: 8, shared: true }),
    hooks,
  )
})

describe('a region nested in', () => {
  for (const method of ['best', 'last']) {
    disciplineSuite(method, () => open({ discipline: new ArrayBuffer(512 * KIB), method, check: 3 }), hooks)
  }
  for (const method of ['best', 'last']) {
    it(`${method}: what it gives back, its parent has`, () => {
      const parent = open({ discipline: new ArrayBuffer(512 * KIB), method, check: 3 })
      const child = open({ discipline: parent, method: 'best', check: 3 })
      const blocks = Array.from({ length: 100 }, () => child.alloc(1000))
      for (const at of blocks) child.free(at)
      const before = parent.stat().busyBytes
      const given = child.compact()
      expect(given).to.be.greaterThan(50_000)
      expect(before - parent.stat().busyBytes).to.be.within(given - 64, given + 64)
    })
  }
  disciplineSuite(
    'pool, of elements of 16 KiB',
    () => open({ discipline: 'memory', method: 'pool', element: 16 * KIB, check: 3 }),
    { ...hooks, room: 16 * KIB },
  )
})
