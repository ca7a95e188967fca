/**
 * wasm: allocators compiled to WebAssembly, called from JavaScript through their exports.
 *
 * `wasm/build.sh` makes the bytes. The two of Emscripten tell how much they took (`top`); TLSF takes pages. It has no
 * aligned allocation: a program asks for more and uses an aligned part of it.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { EVERYTHING, type Heap, type Session, type Subject } from '../subject.ts'

interface Exports extends Record<string, unknown> {
  memory: WebAssembly.Memory
  malloc(size: number): number
  free(at: number): void
  resize(at: number, size: number): number
  zeroed(size: number): number
  aligned?(size: number, alignment: number): number
  top?(): number
  _initialize?(): void
}

const TLSF_ALIGN = 16

const imports = { env: { emscripten_notify_memory_growth() {}, abort() {} } }

async function ready(file: string): Promise<() => Session> {
  const folder = process.env.VMALLOC_BENCH ?? join(import.meta.dirname, '..')
  const module = new WebAssembly.Module(readFileSync(join(folder, 'peers/wasm', file)))
  return () => {
    const exports = new WebAssembly.Instance(module, imports).exports as Exports
    exports._initialize?.()
    const { malloc, memory } = exports
    const heap: Heap = {
      alloc: malloc,
      free: exports.free,
      resize: exports.resize,
      allocZeroed: exports.zeroed,
      align: exports.aligned ?? ((size, alignment) => malloc(size + Math.max(0, alignment - TLSF_ALIGN))),
    }
    const base = exports.top?.() ?? 0
    return {
      heap,
      buffer: () => memory.buffer,
      extent: () => (exports.top?.() ?? memory.buffer.byteLength) - base,
      close() {},
    }
  }
}

/** An allocator whose bytes are `wasm/NAME.wasm`. */
export const compiled = (name: string, about: string): Subject => ({
  name,
  kind: 'wasm',
  about,
  does: EVERYTHING,
  ready: () => ready(`${name}.wasm`),
})
