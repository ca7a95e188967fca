/**
 * codemix: `malloc` from npm, JavaScript over one ArrayBuffer that cannot grow: a skip list of free blocks.
 *
 * It throws where there is no memory and below 16 bytes, and has no calloc, realloc or alignment: what a program would
 * write stands here.
 */
import { EVERYTHING, type Session, type Subject } from '../subject.ts'

declare class Allocator {
  constructor(buffer: ArrayBuffer)
  alloc(size: number): number
  free(at: number): number
  sizeOf(at: number): number
}

const LEAST = 16

async function ready(): Promise<(need: number) => Session> {
  const module = (await import('malloc')) as unknown as { default: unknown }
  const exported = module.default as { default?: unknown }
  const Base = (exported.default ?? exported) as typeof Allocator
  class Heap extends Base {
    readonly bytes: Uint8Array

    constructor(buffer: ArrayBuffer) {
      super(buffer)
      this.bytes = new Uint8Array(buffer)
    }

    override alloc(size: number): number {
      return super.alloc(size < LEAST ? LEAST : size)
    }

    allocZeroed(size: number): number {
      const at = this.alloc(size)
      this.bytes.fill(0, at, at + size)
      return at
    }

    align(size: number, alignment: number): number {
      return this.alloc(size + Math.max(0, alignment - 8))
    }

    resize(at: number, size: number): number {
      const had = this.sizeOf(at)
      if (size <= had) return at
      const to = this.alloc(size)
      this.bytes.copyWithin(to, at, at + had)
      this.free(at)
      return to
    }
  }
  return (need) => {
    const buffer = new ArrayBuffer(need)
    const heap = new Heap(buffer)
    return { heap, buffer: () => buffer, close() {} }
  }
}

export const codemix: Subject = {
  name: 'malloc (npm)',
  kind: 'js',
  about: 'of codemix, JavaScript over an ArrayBuffer',
  does: EVERYTHING,
  ready,
}
