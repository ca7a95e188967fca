/**
 * module: what is done to a module before it runs; each time in a new process, for so it is when a program starts.
 *
 *   node module.mjs SUBJECT TASK          asked as child.ts is: `warm`, `pass`; TASK as JSON: the module's file
 *   node module.mjs SUBJECT TASK once     does it once and says how long it took
 *
 * Runs in the folder of the workshop, whose node_modules has the package.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const [, , subject, told, once] = process.argv
const { file } = JSON.parse(told)
/** What is found is kept here. */
const folder = once ?? mkdtempSync(join(tmpdir(), 'vmalloc-bench-kept-'))
const say = (answer) => process.stdout.write(`${JSON.stringify(answer)}\n`)
const ours = (name) => import(join(process.cwd(), 'node_modules/vmalloc/dist/src/wasm', `${name}.js`))

function timed(what) {
  const began = performance.now()
  const result = what()
  return { ns: (performance.now() - began) * 1e6, result }
}

const compiled = (bytes) => timed(() => new WebAssembly.Module(bytes)).ns

async function step(bytes) {
  if (subject.startsWith('compile')) return compiled(bytes)
  const { parse } = await ours('binary')
  const { find } = await ours('find')
  const { rewrite } = await ours('rewrite')
  const parsed = timed(() => parse(bytes))
  if (subject === 'parse') return parsed.ns
  const found = timed(() => find(parsed.result))
  if (found.result.functions.length === 0) throw new Error('nothing is found')
  if (subject === 'find') return found.ns
  const targets = found.result.functions.map(({ index }) => index)
  const rewritten = timed(() => rewrite(parsed.result, targets, { id: 'bench' }))
  if (!WebAssembly.validate(rewritten.result.bytes)) throw new Error('what was rewritten is not valid')
  return rewritten.ns
}

/** A new process; the answer that it says. */
function anew() {
  const env = { ...process.env }
  if (subject !== 'compile, plain' && subject.startsWith('compile')) {
    env.NODE_OPTIONS = '--import=vmalloc/preload'
    env.VMALLOC_OPTIONS = `wasmcache=${folder}`
  }
  if (subject === 'compile, not kept') forget()
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    [fileURLToPath(import.meta.url), subject, told, folder],
    {
      encoding: 'utf8',
      env,
    },
  )
  return status === 0 ? JSON.parse(stdout) : { failed: -1, why: stderr.trim().split('\n').at(-1) }
}

function forget() {
  rmSync(folder, { recursive: true, force: true })
}

if (once !== undefined) {
  say({ ns: await step(new Uint8Array(readFileSync(file))), steps: 1 })
} else {
  process.on('exit', forget)
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(1))
  say({ ready: true })
  for await (const word of createInterface({ input: process.stdin })) {
    const answer = anew()
    say(word === 'warm' && answer.failed === undefined ? {} : answer)
  }
}
