/**
 * vmalloc/wasm: WebAssembly programs whose memory a region of ours serves.
 */
import './index.ts'

export { type WasmSource, wasm } from '../disciplines/wasm.ts'
export { imports, type MallocImports } from './wasm/imports.ts'
