/**
 * inspect: what would be found in a module, for those who only want to know.
 */
import { parse } from './binary.ts'
import { find, type Hints, leave } from './find.ts'
import { Unreadable } from './reader.ts'
import type { Finding } from './roles.ts'

/**
 * Which functions of a WebAssembly module are malloc, free and their kin, and which levels are possible. The bytes are
 * only read. What cannot be read has a reason in `left`. O(its code).
 */
export function inspectModule(bytes: ArrayBuffer | ArrayBufferView, hints: Hints = {}): Finding {
  const view = ArrayBuffer.isView(bytes)
    ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    : new Uint8Array(bytes)
  try {
    return find(parse(view), hints)
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error
    return leave(`it cannot be read: ${error.message}`)
  }
}
