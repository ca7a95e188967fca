/**
 * null: serves nothing. The smallest method there is; read it first.
 *
 * A region over it has a header, values and children's places, and no blocks: useful to switch an allocator off, and to
 * see what a program does when there is no memory.
 */
import type { Method, MethodDef } from '../src/contract/method.ts'

const method: Method = {
  start() {},
  alloc: () => 0,
  free: () => false,
  sizeOf: () => -1,
  walk() {},
  check() {},
  clear() {},
}

export const none: MethodDef = {
  name: 'null',
  about: 'serves nothing',
  state: 0,
  frees: 'none',
  sizes: 'none',
  coalesces: false,
  overhead: 0,
  create: () => method,
}
