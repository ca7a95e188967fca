/**
 * thi-ng: @thi.ng/malloc, JavaScript over one ArrayBuffer that cannot grow. A free looks through all live blocks.
 *
 * Its resize is called as it is; a block that moves stays allocated, so a trace with many moves may fill it.
 */
import { EVERYTHING, type Heap, type Session, type Subject } from '../subject.ts'

const ALIGN = 8

async function ready(): Promise<(need: number) => Session> {
  const { MemPool } = await import('@thi.ng/malloc')
  return (need) => {
    const pool = new MemPool({ size: need })
    const heap: Heap = {
      alloc: (size) => pool.malloc(size),
      free: (at) => pool.free(at),
      resize: (at, size) => pool.realloc(at, size),
      allocZeroed: (size) => pool.calloc(size),
      align: (size, alignment) => pool.malloc(size + Math.max(0, alignment - ALIGN)),
      clear: () => pool.freeAll(),
    }
    return { heap, buffer: () => pool.buf, close() {} }
  }
}

export const thiNg: Subject = {
  name: '@thi.ng/malloc',
  kind: 'js',
  about: 'from npm, JavaScript over an ArrayBuffer',
  does: EVERYTHING,
  ready,
}
