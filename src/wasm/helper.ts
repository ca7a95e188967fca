/**
 * helper: a WebAssembly module that makes JavaScript functions fit for a table, where only functions of WebAssembly may sit.
 *
 *   (module $vmalloc  (import "j" "0" (func (type ..)))  (export "0" (func 0))  (import "j" "1" ..)  ..)
 *
 * An import that is exported again is a function of WebAssembly (JavaScript API, "create a new Exported Function"), which
 * call_indirect enters without a frame of its own: stacks show the caller and then the JavaScript function. 9 bytes a
 * function besides its type, about 120 for eight.
 */
import { CUSTOM, EXPORT, type FuncType, IMPORT, TYPE } from './binary.ts'
import { Writer } from './writer.ts'

/** Bytes of a module that imports `j.0`, `j.1`, ... of these types and exports them as `0`, `1`, ... */
export function helper(signatures: readonly FuncType[]): Uint8Array<ArrayBuffer> {
  const types = new Map<string, number>()
  const typeOf = ({ params, results }: FuncType) => {
    const key = `${params}>${results}`
    const known = types.get(key) ?? types.size
    types.set(key, known)
    return known
  }
  const imports = new Writer().u32(signatures.length)
  const exports = new Writer().u32(signatures.length)
  signatures.forEach((signature, index) => {
    imports.name('j').name(`${index}`).byte(0).u32(typeOf(signature))
    exports.name(`${index}`).byte(0).u32(index)
  })
  return new Writer()
    .bytes(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0))
    .section(TYPE, written(types))
    .section(IMPORT, imports)
    .section(EXPORT, exports)
    .section(CUSTOM, new Writer().name('name').byte(0).sized(new Writer().name('vmalloc')))
    .finish()
}

function written(types: ReadonlyMap<string, number>): Writer {
  const out = new Writer().u32(types.size)
  for (const key of types.keys()) {
    out.byte(0x60)
    for (const list of key.split('>')) {
      const bytes = list === '' ? [] : list.split(',').map(Number)
      out.u32(bytes.length).byte(...bytes)
    }
  }
  return out
}
