/** dlmalloc: Doug Lea's malloc as Emscripten brings it. */
import { compiled } from './wasm.ts'

export const dlmalloc = compiled('dlmalloc', 'of Emscripten, WebAssembly, called from JavaScript')
