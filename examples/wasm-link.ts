/**
 * A C program that imports malloc and free (wasm-link/words.c), served by a region in its own memory: `VMALLOC_OPTIONS`
 * chooses the method.
 *
 *   node --import ./scripts/ts.mjs examples/wasm-link.ts
 *   VMALLOC_OPTIONS=method=debug node --import ./scripts/ts.mjs examples/wasm-link.ts
 */
import { readFileSync } from 'node:fs'
import { open } from 'vmalloc'
import { imports } from 'vmalloc/wasm'

const module = new WebAssembly.Module(readFileSync(new URL('wasm-link/words.wasm', import.meta.url)))
const instance = new WebAssembly.Instance(module, { env: imports(() => region) })
const region = open({ name: 'words', discipline: instance }) // behind the data of the program, in its own memory

const { count_words, most_often, forget } = instance.exports as Record<string, (at?: number) => number>

const text = region.string(readFileSync(new URL('wasm-link/words.c', import.meta.url), 'utf8'))
const words = count_words!(text) // a region's address is the program's pointer
const often = most_often!()
const [times] = region.array(Uint32Array, often - 4, 1)

console.log(`method: ${region.method}`)
console.log(`different words: ${words}, most often: "${region.readString(often)}", ${times} times`)
region.free(text)
console.log(`blocks of the program: ${region.stat().busyBlocks}`)
forget!()
console.log(`blocks in the end: ${region.stat().busyBlocks}`)
region.close()
