/**
 * vmalloc/wasm: WebAssembly programs whose memory a region of ours serves: those that import malloc (`imports`, and the
 * discipline `wasm`), and those that bring their own, which `patch` takes over as `vmalloc/preload` does.
 */
import './index.ts'

export { type WasmSource, wasm } from '../disciplines/wasm.ts'
export type { Hints } from './wasm/find.ts'
export { imports, type MallocImports } from './wasm/imports.ts'
export { inspectModule } from './wasm/inspect.ts'
export { type ModuleFunction, type ModuleView, modules } from './wasm/modules.ts'
export { patch } from './wasm/patch.ts'
export type { Finding, Found, Role } from './wasm/roles.ts'
export { modulesJson, modulesText } from './wasm/tell.ts'
