/**
 * demo: `vmalloc demo`, what `npm start` runs: SQLite's own WebAssembly under the method of VMALLOC_OPTIONS (demo-sqlite.ts),
 * then a recorded trace under several methods (demo-trace.ts).
 *
 * Where SQLite is not installed, the trace is shown with more of it.
 */

import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import { canRunSqlite, showSqlite } from './demo-sqlite.ts'
import { compareMethods, showTrace } from './demo-trace.ts'
import { isChosen } from './plan.ts'
import { paint, say } from './terminal.ts'

/** `root` is the folder of the package. */
export async function demo(root = packageFolder()): Promise<void> {
  if (canRunSqlite(root)) {
    await showSqlite(root)
    say('')
    compareMethods(root)
  } else {
    say('SQLite is not installed here: in a checkout of the sources this shows it at work under a method.')
    say('')
    showTrace(root)
  }
  if (isChosen('method')) return
  say('')
  say(`Another method, the same program:  ${paint('bold', 'VMALLOC_OPTIONS=method=best npm start')}`)
}

const packageFolder = () => dirname(createRequire(import.meta.url).resolve('vmalloc/package.json'))
