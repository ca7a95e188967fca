/**
 * bare: the least that an allocator could cost: an intrusive list in a typed array, and a loop that asks nobody.
 */
import type { Session, Subject } from '../subject.ts'

const WORDS = 1 << 20
const STRIDE = 64

class List {
  readonly words = new Int32Array(WORDS * (STRIDE >>> 2))
  head = 0

  constructor() {
    for (let at = WORDS * STRIDE - STRIDE; at > 0; at -= STRIDE) this.free(at)
  }

  alloc(_size: number): number {
    const at = this.head
    this.head = this.words[at >>> 2]!
    return at
  }

  free(at: number): void {
    this.words[at >>> 2] = this.head
    this.head = at
  }

  resize(): number {
    return 0
  }

  allocZeroed(): number {
    return 0
  }

  align(): number {
    return 0
  }
}

export const list: Subject = {
  name: 'bare list',
  kind: 'bare',
  about: 'pop and push of a list in a typed array',
  does: ['one size'],
  ready: async () => () => {
    const heap = new List()
    return { heap, buffer: () => heap.words.buffer, close() {} }
  },
}

/** Answers each request with the next number. */
class Nothing {
  at = 0

  alloc(_size: number): number {
    return (this.at = (this.at + 8) & 0x3fffffff) | 8
  }

  allocZeroed(size: number): number {
    return this.alloc(size)
  }

  align(size: number, _alignment: number): number {
    return this.alloc(size)
  }

  resize(at: number, _size: number): number {
    return at
  }

  free(_at: number): void {}
}

export const nothing: Subject = {
  name: 'empty loop',
  kind: 'bare',
  about: 'the loop itself: no allocator',
  does: ['replay', 'any size', 'one size', 'resize', 'align', 'fill'],
  ready: async () => (): Session => ({ heap: new Nothing(), buffer: () => new ArrayBuffer(8), close() {} }),
}
