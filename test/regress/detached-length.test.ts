/**
 * detached-length: memory that grows behind the library's back is noticed whatever kinds of buffer were seen before.
 *
 * V8 11.3 (Node 20), in optimised code that has met arrays over resizable buffers, answers the old length of an array
 * whose buffer was detached; the check for growth asked for the length.
 */
import { expect } from 'chai'
import { Words } from '../../src/ground/words.ts'

const isGone = (words: Words): boolean => words.gone

describe('a WebAssembly.Memory grown by the program', () => {
  it('is noticed once views of every kind of memory have run hot', () => {
    const kinds = [new ArrayBuffer(1024), new ArrayBuffer(1024, { maxByteLength: 4096 })].map((b) => new Words(b, 0))
    let gone = 0
    for (let i = 0; i < 1_000_000; i++) gone += isGone(kinds[i % kinds.length]!) ? 1 : 0
    expect(gone).equals(0)
    for (let round = 0; round < 50; round++) {
      const memory = new WebAssembly.Memory({ initial: 1 })
      const words = new Words(memory.buffer, 0)
      for (let i = 0; i < 10_000; i++) gone += isGone(kinds[i % kinds.length]!) ? 1 : 0
      expect(isGone(words)).equals(false)
      memory.grow(1)
      expect(isGone(words), `round ${round}`).equals(true)
    }
  })
})
