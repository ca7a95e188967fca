/**
 * wasm: what it costs to serve the malloc of a WebAssembly program, or to watch it.
 *
 *   wasm SQLite      wasm/sqlite.mjs, an ordinary program, without us and under the preload with one method each; a pass
 *   wasm NAME        wasm/module.mjs, a module of about 1 MB out of a package: what is done before it runs, each time in a new
 *                    process, where no code is compiled yet                                                        a module
 *
 * The options are in the environment of the process, as for any program.
 */
import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Load } from './loads.ts'
import type { Subject } from './subject.ts'

export const SQLITE = 'wasm SQLite'

const packages = join(import.meta.dirname, '../node_modules')

const MODULES: Readonly<Record<string, string>> = {
  'quickjs, asyncify': '@jitl/quickjs-wasmfile-release-asyncify/dist/emscripten-module.wasm',
  'sqlite-wasm': '@sqlite.org/sqlite-wasm/dist/sqlite3.wasm',
  'sql.js': 'sql.js/dist/sql-wasm.wasm',
}

/** Beside `plain`, by the method that is asked for. */
const SERVED: Readonly<Record<string, readonly [options: string, about: string]>> = {
  observed: ['', 'its own malloc, watched and counted'],
  best: ['method=best', 'blocks of a region in its memory'],
  'profile, sampled': ['method=profile profile=none', 'its own malloc, a stack for a block in 512 KiB'],
  'debug, depth=0': ['method=debug depth=0', 'guards, fills and quarantine'],
  'debug, stacks': ['method=debug', 'the same with a stack for each malloc and free'],
}

const STEPS: Readonly<Record<string, string>> = {
  parse: 'its sections are read',
  find: 'its malloc, free and so on are found',
  rewrite: 'it is rewritten for what was found',
  'compile, plain': 'new WebAssembly.Module without us',
  'compile, not kept': 'the same under the preload, when the module was never seen',
  'compile, kept': 'the same when what was found was kept',
}

/** Loads with those that do them. */
export function wasmWork(): { load: Load; subjects: readonly Subject[] }[] {
  const of = (name: string, about: string): Subject => ({ name, kind: 'tool', about, does: ['script'] })
  const sqlite: Load = { name: SQLITE, need: 'script', unit: 'script', script: 'sqlite.mjs', patience: 10 }
  const served = Object.entries(SERVED).map(
    ([name, [options, about]]): Subject => ({
      ...of(name, about),
      env: { NODE_OPTIONS: '--import=vmalloc/preload', VMALLOC_OPTIONS: options },
    }),
  )
  const steps = Object.entries(STEPS).map(([name, about]) => of(name, about))
  return [
    { load: sqlite, subjects: [of('plain', 'without us'), ...served] },
    ...Object.entries(MODULES).flatMap(([name, file]) => {
      const path = join(packages, file)
      if (!existsSync(path)) return []
      const size = `${(statSync(path).size / 1e6).toFixed(2)} MB`
      const load: Load = {
        ...{ name: `wasm ${name}, ${size}`, need: 'script', unit: 'module' },
        ...{ script: 'module.mjs', file: path },
      }
      return [{ load, subjects: steps }]
    }),
  ]
}
