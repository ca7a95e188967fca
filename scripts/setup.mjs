/**
 * setup: makes a fresh clone ready, so that any npm script may be the first one that is run.
 *
 *   node scripts/setup.mjs          installs what package-lock.json says, unless it is installed already
 *   node scripts/setup.mjs dist     that, then builds dist/ where it is missing or older than a source
 *   node scripts/setup.mjs build    that, then builds dist/ in any case
 *
 * Runs before other scripts (pretest, prestart, ...) and as `prepare`; there npm has just installed, and only the
 * build is left to do. Quiet where there is nothing to do.
 */
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const at = (...parts) => join(root, ...parts)

/** What dist/ is made from. */
const sources = ['src', 'methods', 'disciplines', 'bin', 'test/conformance', 'package.json', 'package-lock.json']
  .concat(['rollup.config.mjs', 'tsconfig.json', 'tsconfig.build.json'])
  .map((source) => at(source))

/** Empty, dated when the last build that succeeded began. */
const stamp = at('dist/.built')

function fail(what, result) {
  process.stderr.write(`${result.stdout ?? ''}${result.stderr ?? ''}`)
  console.error(`setup: ${what} failed${result.error ? `: ${result.error.message}` : ` (exit ${result.status})`}`)
  process.exit(1)
}

/** Runs a command with its output held back; shows it only when the command fails. */
function run(what, command, args, options = {}) {
  const result = spawnSync(command, args, { cwd: root, encoding: 'utf8', maxBuffer: 1 << 26, ...options })
  if (result.status !== 0) fail(what, result)
  return result
}

/** Whether node_modules holds exactly the versions of package-lock.json; packages for other platforms may be absent. */
function installed() {
  const lists = ['package-lock.json', 'node_modules/.package-lock.json']
  if (!lists.every((list) => existsSync(at(list)))) return false
  const [wanted, found] = lists.map((list) => JSON.parse(readFileSync(at(list), 'utf8')).packages)
  const same = (path) => found[path]?.version === wanted[path]?.version
  return (
    Object.keys(wanted).every((path) => path === '' || same(path) || (wanted[path].optional && !found[path])) &&
    Object.keys(found).every(same)
  )
}

function install() {
  console.log('setup: installing the packages of package-lock.json')
  const npm = process.env.npm_execpath
  const args = ['ci', '--ignore-scripts', '--include=dev', '--include=optional', '--no-audit', '--no-fund']
  args.push('--loglevel=error')
  if (npm?.endsWith('.js')) run('npm ci', process.execPath, [npm, ...args])
  else run('npm ci', 'npm', args, { shell: process.platform === 'win32' })
}

/** The newest change under a file or folder; a folder changes when a file is taken out of it. */
function newest(path) {
  if (!existsSync(path)) return 0
  const { mtimeMs } = statSync(path)
  const below = statSync(path).isDirectory() ? readdirSync(path).map((name) => newest(join(path, name))) : []
  return Math.max(mtimeMs, ...below)
}

const stale = () => !existsSync(stamp) || Math.max(...sources.map(newest)) > statSync(stamp).mtimeMs

/** tsc leaves './x.ts' in declarations; what is there beside them is './x.js'. */
function typesNameJs(folder) {
  for (const name of readdirSync(folder, { recursive: true })) {
    const file = join(folder, name)
    if (!name.endsWith('.d.ts')) continue
    const text = readFileSync(file, 'utf8')
    const named = text.replace(/(\b(?:from|import)\s*\(?\s*)(['"])(\.[^'"]*)\.ts\2/g, '$1$2$3.js$2')
    if (named !== text) writeFileSync(file, named)
  }
}

function build() {
  const began = new Date()
  console.log('setup: building dist')
  rmSync(at('dist'), { recursive: true, force: true })
  const tool = (path) => at('node_modules', path)
  run('rollup', process.execPath, [tool('rollup/dist/bin/rollup'), '--config', at('rollup.config.mjs'), '--silent'])
  run('tsc', process.execPath, [tool('typescript/bin/tsc'), '--project', at('tsconfig.build.json')])
  typesNameJs(at('dist'))
  if (existsSync(at('dist/bin/vmalloc.js'))) chmodSync(at('dist/bin/vmalloc.js'), 0o755)
  writeFileSync(stamp, '')
  utimesSync(stamp, began, began)
}

const goal = process.argv[2]
const prepare = process.env.npm_lifecycle_event === 'prepare'

if (!prepare && !installed()) install()
if (prepare && !existsSync(at('node_modules/rollup'))) {
  console.log('setup: development packages are not installed, dist is left as it is')
} else if (goal === 'build' || (goal === 'dist' && stale())) {
  build()
}
