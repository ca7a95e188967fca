/**
 * binary: modules are read as WebAssembly itself reads them, and what is none is said to be none.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { bodyOf, customSections, type Module, parse, typeOf } from '../../src/wasm/binary.ts'
import { Code } from '../../src/wasm/code.ts'
import { Unreadable } from '../../src/wasm/reader.ts'

const root = join(import.meta.dirname, '../..')
const folder = join(root, 'test/wasm/modules')
const packaged = [
  'sql.js/dist/sql-wasm.wasm',
  'wasmoon/dist/glue.wasm',
  'web-tree-sitter/web-tree-sitter.wasm',
  '@bokuweb/zstd-wasm/dist/esm/zstd.wasm',
  '@jitl/quickjs-wasmfile-release-asyncify/dist/emscripten-module.wasm',
].map((name) => join(root, 'node_modules', name))
const files = [...readdirSync(folder).map((name) => join(folder, name)), ...packaged].filter((name) =>
  name.endsWith('.wasm'),
)

/** Every instruction ends where the next begins, and the last one where the body ends. */
function walk(module: Module): number {
  let count = 0
  for (const body of module.bodies) {
    const code = new Code(module.bytes, body)
    while (code.next()) count++
    expect(code.at).to.equal(body.end)
    expect(code.op).to.equal(0x0b)
  }
  return count
}

describe('binary', () => {
  for (const file of files) {
    const bytes = new Uint8Array(readFileSync(file))
    const name = file.slice(root.length + 1)
    it(`reads ${name} as WebAssembly does`, function () {
      let module: Module
      try {
        module = parse(bytes)
      } catch (error) {
        if (!(error instanceof Unreadable)) throw error
        expect(error.kind, error.message).to.equal('unsupported')
        return
      }
      if (!WebAssembly.validate(bytes)) return this.skip()
      const compiled = new WebAssembly.Module(bytes)
      expect(module.exports.map(({ name, kind }) => ({ name, kind }))).to.deep.equal(
        WebAssembly.Module.exports(compiled).map(({ name, kind }) => ({ name, kind })),
      )
      expect(module.imports.map(({ module, name, kind }) => ({ module, name, kind }))).to.deep.equal(
        WebAssembly.Module.imports(compiled).map(({ module, name, kind }) => ({ module, name, kind })),
      )
      expect(module.imports.filter(({ kind }) => kind === 'function')).to.have.length(module.imported)
      for (const section of ['name', 'producers', 'dylink.0']) {
        expect(customSections(module, section)).to.have.length(
          WebAssembly.Module.customSections(compiled, section).length,
        )
      }
      module.functions.forEach((_, index) => {
        expect(typeOf(module, index).params).to.be.an('array')
        expect(bodyOf(module, index) === undefined).to.equal(index < module.imported)
      })
      if (!/unknown|odd\.gc/.test(name)) walk(module)
    })
  }

  it('names functions, and reads types', () => {
    const module = parse(new Uint8Array(readFileSync(join(folder, 'clean.full.wasm'))))
    const malloc = module.exports.find(({ name }) => name === 'malloc')!.index
    expect(module.names.get(malloc)).to.equal('malloc')
    expect(typeOf(module, malloc)).to.deep.equal({ params: [0x7f], results: [0x7f] })
  })

  it('says what is no module', () => {
    const whole = new Uint8Array(readFileSync(join(folder, 'clean.stripped.wasm')))
    const cases: [Uint8Array, RegExp][] = [
      [new Uint8Array(0), /no WebAssembly module at byte 0/],
      [new TextEncoder().encode('hello, world'), /no WebAssembly module/],
      [Uint8Array.of(0, 0x61, 0x73, 0x6d, 2, 0, 0, 0), /version 2/],
      [whole.slice(0, whole.length - 1), /too early/],
      [Uint8Array.of(...whole.subarray(0, 8), 99, 0), /unknown section 99/],
    ]
    for (const [bytes, why] of cases) expect(() => parse(bytes)).to.throw(Unreadable, why)
  })
})
