/**
 * dev: runs the tests, and again after every change. `npm run dev -- test/floors.test.ts` takes mocha's arguments.
 *
 * Each run is a process of its own, because `mocha --watch` cannot load an ES module a second time. Changes are looked
 * for, not waited for: on Linux, Node 20 loses a watched file once an editor has replaced it.
 */
import { spawn } from 'node:child_process'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const mocha = join(root, 'node_modules/mocha/bin/mocha.js')
const folders = ['src', 'methods', 'disciplines', 'bin', 'test', 'examples']
const pause = 400 // ms

/** Names and times of all sources: differs after every change. */
const state = () =>
  folders
    .filter((folder) => existsSync(join(root, folder)))
    .flatMap((folder) => readdirSync(join(root, folder), { recursive: true }).map((name) => join(root, folder, name)))
    .filter((file) => file.endsWith('.ts'))
    .map((file) => `${file} ${statSync(file, { throwIfNoEntry: false })?.mtimeMs}`)
    .join('\n')

let running
let seen = ''

setInterval(() => {
  const now = state()
  if (now === seen) return
  seen = now
  running?.removeAllListeners('exit').kill()
  console.log(`\n${new Date().toLocaleTimeString()}`)
  running = spawn(process.execPath, [mocha, ...process.argv.slice(2)], { cwd: root, stdio: 'inherit' })
  running.on('exit', () => console.log('waiting for changes'))
}, pause)
