/** emmalloc: Emscripten's small malloc. */
import { compiled } from './wasm.ts'

export const emmalloc = compiled('emmalloc', 'of Emscripten, WebAssembly, called from JavaScript')
