/** tlsf: the heap of AssemblyScript. */
import { compiled } from './wasm.ts'

export const tlsf = compiled('tlsf', 'of AssemblyScript, WebAssembly, called from JavaScript')
