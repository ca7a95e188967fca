/**
 * reviewed: what a stranger tried on `vmalloc run` and found wrong.
 *
 *   an instance that is collected   its memory goes with it, so nothing of it is lost: debug has nothing to say
 *   Error is frozen                 as hardened programs do: the program runs, and what it allocates is counted
 */
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect } from 'chai'

const root = join(import.meta.dirname, '../..')

describe('WebAssembly, reviewed', function () {
  this.timeout(20_000)
  let folder: string
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'vmalloc-reviewed-'))
  })
  after(() => rmSync(folder, { recursive: true }))

  /** What a program writes to standard output and error. */
  function ran(program: string, options: string): Promise<{ out: string; err: string }> {
    const file = join(folder, 'program.mjs')
    writeFileSync(file, program)
    const preloads = ['scripts/ts.mjs', 'src/preload.ts'].map((name) => `--import=${pathToFileURL(join(root, name))}`)
    const env = { ...process.env, NODE_OPTIONS: '', VMALLOC_OPTIONS: options }
    return new Promise((done, failed) =>
      execFile(process.execPath, ['--expose-gc', ...preloads, file], { env }, (error, out, err) =>
        error === null ? done({ out, err }) : failed(error),
      ),
    )
  }

  it('an instance that nobody has any more is no leak; what another one has not freed is', async () => {
    const program = `
      import { readFileSync } from 'node:fs'
      const bytes = readFileSync(${JSON.stringify(join(root, 'test/wasm/modules/clean.full.wasm'))})
      const begun = () => new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports
      const kept = (globalThis.kept = begun())
      kept.hold(48, 1)
      let collected = 0
      const seen = new FinalizationRegistry(() => collected++)
      for (let i = 0; i < 3; i++) {
        const one = begun()
        one.hold(40, 10)
        seen.register(one, i)
      }
      for (let i = 0; i < 20; i++) {
        await new Promise((done) => setTimeout(done, 10))
        gc()
      }
      console.log(collected > 0)`
    const { out, err } = await ran(program, 'method=debug modules=/dev/stderr')
    expect(out).to.equal('true\n')
    expect(err).to.match(/^vmalloc: program-2: .*; its memory is gone$/m)
    expect(err).to.match(/^vmalloc: leak: 48 bytes were never freed$/m)
    expect(err).not.to.match(/nobody has it any more/)
  })

  for (const method of ['best', 'debug', 'profile'])
    it(`a program that freezes Error runs under ${method}`, async () => {
      const program = `
        import { readFileSync } from 'node:fs'
        Object.freeze(Error)
        const bytes = readFileSync(${JSON.stringify(join(root, 'test/wasm/modules/clean.full.wasm'))})
        const { instance } = await WebAssembly.instantiate(bytes)
        globalThis.kept = instance
        instance.exports.hold(40, 10)
        console.log(instance.exports.drop_held())`
      const { out, err } = await ran(program, `method=${method} sample=0 profile=none modules=/dev/stderr`)
      expect(out).to.equal('10\n')
      expect(err).to.match(/^vmalloc: \w+: .* 10 allocations, 10 frees, /m)
    })
})
