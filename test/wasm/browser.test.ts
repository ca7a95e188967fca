/**
 * browser: `import 'vmalloc/preload'` in a page of a headless Chromium, with the package bundled and, where it is built,
 * module by module. page.mjs is what the page does; a page that does not import it says what is right. Where no Chromium
 * is found these tests are pending.
 */
import { existsSync, readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { basename, extname, join, normalize } from 'node:path'
import binaryen from 'binaryen'
import { expect } from 'chai'
import { build } from 'esbuild'
import type { Page } from 'playwright-core'
import type { ModuleView } from '../../src/wasm/modules.ts'
import type { Finding } from '../../src/wasm/roles.ts'
import { type Browser, findChromium, startBrowser } from '../fixtures/browser.ts'
import { tooNew } from './fixtures.ts'

const root = join(import.meta.dirname, '../..')
const isBuilt = existsSync(join(root, 'dist/src/preload.js'))
const chromium = findChromium()
const LEVELS = {
  '': 'observe',
  'method=profile': 'observe',
  'method=best': 'replace',
  'method=debug': 'debug',
} as const
const WAYS = 6

const TYPES: Record<string, string> = {
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.wasm': 'application/wasm',
  '.html': 'text/html',
}

/** Where addresses lead. */
const places: readonly (readonly [prefix: string, folder: string])[] = [
  ['/modules/', 'test/wasm/modules'],
  ['/packages/', 'node_modules'],
  ['/dist/', 'dist'],
]

/** A worker has no map of names, and imports by address. */
const WORKER = `
const preload = location.search.slice(1)
const ready = preload === '' ? Promise.resolve() : import(preload)
addEventListener('message', async ({ data }) => {
  await ready
  const { workIn } = await import('/page.mjs')
  postMessage(await workIn(data))
})
`

/** A page whose names of modules lead to the bundle, or to what is built. */
const html = (at: string) => `<!doctype html><link rel="icon" href="data:,"><script type="importmap">
{ "imports": { "vmalloc": "${at}/index.js", "vmalloc/preload": "${at}/preload.js", "vmalloc/wasm": "${at}/wasm.js" } }
</script>`

async function bundled(): Promise<Map<string, string>> {
  const entryPoints = ['index', 'preload', 'wasm'].map((name) => join(root, `src/${name}.ts`))
  const { outputFiles } = await build({
    entryPoints,
    outdir: '/',
    bundle: true,
    splitting: true,
    write: false,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    // what has side effects is said of dist/
    ignoreAnnotations: true,
  })
  return new Map(outputFiles.map(({ path, text }) => [`/${basename(path)}`, text]))
}

let server: Server
let address = ''
let browser: Browser

function serve(texts: ReadonlyMap<string, string>): Promise<Server> {
  const made = createServer(({ url = '' }, response) => {
    const path = decodeURIComponent(new URL(url, 'http://localhost').pathname)
    if (path === '/broken.wasm') {
      response.writeHead(200, { 'content-type': 'application/wasm', 'content-length': 10_000 })
      response.write(readFileSync(join(root, 'test/wasm/modules/clean.full.wasm')).subarray(0, 5000))
      setTimeout(() => response.destroy(), 20)
      return
    }
    const body = texts.get(path) ?? fileAt(path)
    response.writeHead(body === undefined ? 404 : 200, { 'content-type': TYPES[extname(path)] ?? 'text/plain' })
    response.end(body)
  })
  return new Promise((resolve) => made.listen(0, '127.0.0.1', () => resolve(made)))
}

function fileAt(path: string): Buffer | undefined {
  if (path === '/page.mjs') return readFileSync(join(import.meta.dirname, 'page.mjs'))
  const [prefix, folder] = places.find(([prefix]) => path.startsWith(prefix)) ?? []
  if (prefix === undefined) return undefined
  const file = join(root, folder!, normalize(path.slice(prefix.length)))
  return existsSync(file) ? readFileSync(file) : undefined
}

interface Opened {
  /** What a function of page.mjs answers. */
  ask<T>(name: string, ...values: unknown[]): Promise<T>
  readonly complaints: readonly string[]
}

/** A page, taken over under these options, or left as it is. */
async function open(options?: string, where = 'bundle'): Promise<Opened> {
  const { page, complaints } = await browser.open(`${address}/${where}.html`)
  const opened = { ask: asker(page), complaints }
  if (options !== undefined) await opened.ask('begin', options)
  return Object.defineProperty(opened, 'complaints', { get: () => complaints.filter((text) => !isRequest(text)) })
}

const isRequest = (text: string) => text.startsWith(`asked for ${address}/`)

function asker(page: Page): Opened['ask'] {
  return <T>(name: string, ...values: unknown[]) =>
    page.evaluate(async ([path, name, values]) => (await import(path))[name](...values), [
      '/page.mjs',
      name,
      values,
    ] as const) as Promise<T>
}

describe(`browser${chromium === undefined ? ' (pending: no Chromium was found; CHROMIUM may name one)' : ''}`, () => {
  let plain: Opened
  before(async function () {
    if (chromium === undefined) return this.skip()
    const texts = await bundled()
    texts.set('/bundle.html', html('')).set('/dist.html', html('/dist/src')).set('/worker.mjs', WORKER)
    server = await serve(texts)
    address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    browser = await startBrowser(chromium)
    plain = await open()
  })
  after(async () => {
    await browser?.close()
    server?.close()
  })

  for (const [options, level] of Object.entries(LEVELS)) {
    for (const where of options === 'method=best' ? ['bundle', 'dist'] : ['bundle']) {
      const isThere = where === 'bundle' || isBuilt
      it(`a program by every way, ${options || 'no options'}, from the ${where}${isThere ? '' : ' (pending: not built)'}`, async function () {
        if (!isThere) this.skip()
        const page = await open(options, where)
        expect(await page.ask('live', 'clean.full')).to.deep.equal(await plain.ask('live', 'clean.full'))
        const served = await page.ask<ModuleView[]>('served')
        expect(served.map((view) => view.level)).to.deep.equal(Array(WAYS).fill(level))
        for (const { figures, why, highTide } of served) {
          expect(figures).to.include({ failures: 0, foreign: 0 })
          expect([figures!.allocs > 500, highTide > 0, why]).to.deep.equal([true, true, ''])
        }
        expect(page.complaints).to.deep.equal([])
      })
    }
  }

  it('modules are called by their address, or by who made them', async () => {
    const page = await open('page.method=best')
    await page.ask('live', 'clean.full')
    const served = await page.ask<ModuleView[]>('served')
    expect(served.map(({ name }) => name)).to.deep.equal(['clean', 'clean-2', 'page', 'page-2', 'page-3', 'page-4'])
    expect(served.map(({ method }) => method)).to.deep.equal(['original', 'original', ...Array(4).fill('best')])
    const { text, json } = await page.ask<{ text: string; json: ModuleView[] }>('told')
    expect(text).to.match(/^vmalloc: clean: observed under original: \d+ allocations, /)
    expect(json).to.deep.equal(served)
  })

  it('errors are the engine’s own', async () => {
    const failed = async (page: Opened) => {
      const said = Object.entries(await page.ask<Record<string, string>>('fail'))
      // what became of the connection is told by those who copy a body in words of their own
      return said.map(([what, error]) => `${what}: ${error.replace(/(Network error): [\w ]+$/, '$1')}`)
    }
    const before = await failed(plain)
    expect(before.filter((said) => !/: [A-Z]\w+Error: \S/.test(said))).to.deep.equal([])
    for (const options of ['', 'method=best']) {
      const page = await open(options)
      expect(await failed(page), options).to.deep.equal(before)
      expect(await page.ask('spend'), options).to.deep.equal(await plain.ask('spend'))
    }
  })

  it('modules that only new engines know run as they did', async () => {
    const names = [...tooNew, 'simd', 'tail-calls', 'atomics'].map((shape) => `odd.${shape}`)
    const before = await plain.ask<Record<string, [number, string[]][]>>('run', names)
    expect(Object.values(before).flatMap((ways) => ways.map(([sum]) => sum))).to.deep.equal(
      names.flatMap(() => [45, 45]),
    )
    for (const options of Object.keys(LEVELS)) {
      const page = await open(options)
      expect(await page.ask('run', names), options).to.deep.equal(before)
      const served = await page.ask<ModuleView[]>('served')
      const left = served.filter(({ level }) => level === 'none')
      expect(served).to.have.length(names.length * 2)
      expect(left.map((view) => view.left)).to.satisfy((whys: string[]) => whys.every((why) => why !== ''))
      // said once where a method was asked for
      const isAsked = options.startsWith('method=')
      expect(page.complaints.filter((text) => text.includes('left alone')).length > 0, options).to.equal(isAsked)
    }
  })

  it('builtins and whatever else engines are told go to them', async () => {
    const bytes = [...withBuiltins()]
    const before = await plain.ask('builtins', bytes)
    expect(before).to.deep.equal(Array(5).fill([4, 45]))
    const page = await open('method=best')
    expect(await page.ask('builtins', bytes)).to.deep.equal(before)
    expect((await page.ask<ModuleView[]>('served')).every(({ level }) => level !== 'none')).to.equal(true)
  })

  // bundled, calls of this package cannot be told from others, and take the first places on a stack
  for (const [where, ours] of [
    ['bundle', 3],
    ['dist', 0],
  ] as const) {
    const isThere = where === 'bundle' || isBuilt
    it(`misuse is told on the console, with names and places in the module, from the ${where}${isThere ? '' : ' (pending: not built)'}`, async function () {
      if (!isThere) this.skip()
      const page = await open(`method=debug sample=0 depth=${10 + ours}`, where)
      await page.ask('err', 'overrun_by_one', 24)
      expect(page.complaints).to.have.length(1)
      const [overrun] = page.complaints as [string]
      expect(overrun).to.match(
        /^vmalloc: overflow: 1 byte behind the block was written, from offset 24 on\n {2}block of 24 /,
      )
      const names = [...overrun.matchAll(/^ {4}(\w+) \(wasm:\/\/errors:0x[0-9a-f]+\)$/gm)].map(([, name]) => name)
      expect(names).to.include.members(['new_buffer', 'read_section', 'load_config', 'overrun_by_one', 'release_last'])
      expect(overrun).to.match(/err \(http:.*\/page\.mjs:\d+:\d+\)/)
      const first = overrun.slice(overrun.indexOf('allocated by')).split('\n')[1 + ours]
      expect(first).to.match(/^ {4}dlmalloc \(wasm:/)
      await page.ask('err', 'double_free', 40)
      expect(page.complaints).to.have.length(2)
      expect(page.complaints[1]).to.match(/^vmalloc: double-free/)
      expect(page.complaints[1]).to.match(/close_again \(wasm:/)
    })
  }

  it('a profile has the names of calls in the module', async () => {
    const page = await open('method=profile sample=0')
    await page.ask('err', 'leak', 40, 3)
    const [profile] = await page.ask<{ region: string; sites: { names: string[]; liveBytes: number }[] }[]>('profiled')
    expect(profile!.region).to.equal('errors')
    const site = profile!.sites.find(({ liveBytes }) => liveBytes === 120)
    expect(site?.names.slice(0, 7)).to.deep.equal([
      'dlmalloc',
      'malloc',
      'new_buffer',
      'forget_section',
      'leak',
      'call',
      'err',
    ])
  })

  it('what is found can be asked', async () => {
    const page = await open('')
    const [whole, half] = await page.ask<Finding[]>('inspected', 'clean.stripped')
    expect(whole).to.include({ family: 'dlmalloc', left: '' })
    expect(whole!.functions.map(({ role }) => role)).to.include.members(['malloc', 'free', 'realloc'])
    expect(whole!.levels).to.deep.equal({ observe: '', replace: '', debug: '' })
    expect(half!.left).to.match(/^it cannot be read: .* at byte \d+$/)
    expect(await page.ask('served')).to.deep.equal([])
  })

  it('a module goes to a worker that is taken over, and to one that is not', async () => {
    const before = await plain.ask('inWorker')
    const page = await open('method=best')
    expect(await page.ask('inWorker')).to.deep.equal(before)
    expect(await page.ask('inWorker', '/preload.js')).to.deep.equal(before)
    expect(page.complaints).to.deep.equal([])
  })

  it('a page whose engine does without WebAssembly is left alone', async () => {
    const page = await open()
    expect(await page.ask('doWithout')).to.equal('undefined')
    expect(page.complaints).to.deep.equal([])
  })

  for (const [options, level] of Object.entries(LEVELS)) {
    it(`SQLite as it comes, ${options || 'no options'}`, async () => {
      const page = await open(`${options} noleaks`)
      expect(await page.ask('sqlite')).to.deep.equal(await plain.ask('sqlite'))
      const [sqlite] = await page.ask<ModuleView[]>('served')
      expect(sqlite).to.include({ name: 'sqlite3', level, why: '' })
      expect(sqlite!.figures!.allocs).to.be.above(100)
      expect(page.complaints.filter((text) => text.includes('vmalloc'))).to.deep.equal([])
    })
  }
})

/** A module with an allocator that asks the engine for the length of a string. */
function withBuiltins(): Uint8Array {
  const module = binaryen.parseText(`(module
    (import "wasm:js-string" "length" (func $length (param externref) (result i32)))
    (memory (export "memory") 2)
    (global $top (mut i32) (i32.const 1024))
    (func $malloc (export "malloc") (param $n i32) (result i32) (local $at i32)
      (local.set $at (global.get $top))
      (global.set $top (i32.add (local.get $at) (i32.and (i32.add (local.get $n) (i32.const 15)) (i32.const -8))))
      (local.get $at))
    (func $free (export "free") (param $at i32))
    (func (export "size") (param $text externref) (result i32)
      (call $free (call $malloc (i32.const 8)))
      (call $length (local.get $text)))
    (func (export "run") (param $n i32) (result i32) (call $free (call $malloc (local.get $n))) (i32.const 45)))`)
  try {
    module.setFeatures(binaryen.Features.All)
    return module.emitBinary()
  } finally {
    module.dispose()
  }
}
