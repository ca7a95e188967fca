/**
 * page: what the tests of browser.test.ts do inside of a page.
 *
 *   begin(options)     the page is taken over, under these options; not called where it is to stay as it is
 *   every other one    does something by whatever WebAssembly the page has then, and answers what can be compared
 */

const lives = [
  ['random_life', 1, 500],
  ['indirect_life', 3, 100],
  ['kernel_sizes', 5, 400],
  ['deep', 20, 100],
  ['grow_myself', 1, 2],
  ['large_blocks', 1, 20],
  ['vector', 300],
]

const streamed = (name) => fetch(`/modules/${name}.wasm`)
const fetched = async (name) => (await streamed(name)).arrayBuffer()

/** Every way to an instance. */
const ways = {
  instantiateStreaming: async (name) => WebAssembly.instantiateStreaming(streamed(name), {}),
  compileStreaming: async (name) => instanceOf(await WebAssembly.compileStreaming(await streamed(name))),
  instantiate: async (name) => WebAssembly.instantiate(await fetched(name), {}),
  'instantiate a view': async (name) => WebAssembly.instantiate(new Uint8Array(await fetched(name))),
  compile: async (name) => {
    const module = await WebAssembly.compile(await fetched(name))
    return { module, instance: await WebAssembly.instantiate(module) }
  },
  'new Module': async (name) => instanceOf(new WebAssembly.Module(await fetched(name))),
}

function instanceOf(module) {
  return { module, instance: new WebAssembly.Instance(module, {}) }
}

const call = ({ exports }, name, ...values) => exports[name](...values) >>> 0

export async function begin(options) {
  if (options !== undefined) globalThis.VMALLOC_OPTIONS = options
  await import('vmalloc/preload')
}

/** The same program by every way: what it looks like, and what it answers. */
export async function live(name) {
  const seen = {}
  for (const [way, start] of Object.entries(ways)) {
    const { module, instance } = await start(name)
    call(instance, '_initialize')
    seen[way] = {
      answers: lives.map(([what, ...values]) => call(instance, what, ...values)),
      failures: call(instance, 'failures'),
      exports: Object.keys(instance.exports),
      described: WebAssembly.Module.exports(module).map((one) => one.name),
      classes: [module instanceof WebAssembly.Module, instance instanceof WebAssembly.Instance, String(instance)],
    }
  }
  return seen
}

/** Of the numbers below 10; three times 15 by way of a table where there is no run. */
const sumOf = (instance) => ('run' in instance.exports ? call(instance, 'run', 10) : call(instance, 'call', 1, 15))

/** Modules that are new, by two ways. */
export async function run(names) {
  const seen = {}
  for (const name of names) {
    const one = await ways.instantiateStreaming(name)
    const other = await ways['new Module'](name)
    seen[name] = [one, other].map(({ instance }) => [sumOf(instance), Object.keys(instance.exports)])
  }
  return seen
}

/** What goes wrong, in the engine's words. */
export async function fail() {
  const clean = await fetched('clean.full')
  const as = (bytes, type) => new Response(bytes, type === undefined ? {} : { headers: { 'content-type': type } })
  const locked = as(clean, 'application/wasm')
  locked.body.getReader()
  const used = as(clean, 'application/wasm')
  await used.arrayBuffer()
  const cases = {
    'another type': () => as(clean, 'application/octet-stream'),
    'a type with a parameter': () => as(clean, 'application/wasm; charset=utf-8'),
    'no type': () => as(clean),
    'not found': () => fetch('/nothing.wasm'),
    'no module': () => as('no module at all', 'application/wasm'),
    'half a module': () => as(clean.slice(0, 5000), 'application/wasm'),
    'a body that ends too soon': () => fetch('/broken.wasm'),
    'a body that fails': () =>
      as(new ReadableStream({ pull: (it) => it.error(new RangeError('gone')) }), 'application/wasm'),
    'a body that is being read': () => locked,
    'a body that was read': () => used,
    'a promise that fails': () => Promise.reject(new SyntaxError('never mind')),
    'no response': () => 42,
    nothing: () => undefined,
  }
  const others = {
    'a number': (way) => WebAssembly[way](42),
    'no bytes': (way) => WebAssembly[way](new ArrayBuffer(0)),
    'half the bytes': (way) => WebAssembly[way](clean.slice(0, 5000)),
  }
  const said = {}
  const note = async (title, what) => {
    try {
      await what()
      said[title] = 'no error'
    } catch (error) {
      said[title] = `${error.name}: ${error.message}`
    }
  }
  for (const way of ['instantiateStreaming', 'compileStreaming']) {
    for (const [title, make] of Object.entries(cases)) {
      await note(`${way}: ${title}`, () => WebAssembly[way](make()))
    }
  }
  for (const way of ['instantiate', 'compile']) {
    for (const [title, what] of Object.entries(others)) await note(`${way}: ${title}`, () => what(way))
  }
  await note('Module: a number', () => new WebAssembly.Module(42))
  await note('Module: half the bytes', () => new WebAssembly.Module(clean.slice(0, 5000)))
  await note('Module: no new', () => WebAssembly.Module(clean))
  await note('Instance: a number', () => new WebAssembly.Instance(42))
  await note('instantiate: imports that are none', () => WebAssembly.instantiate(clean, 42))
  await note('instantiate: an import that is missing', async () =>
    WebAssembly.instantiate(await fetched('imports.exported'), {}),
  )
  return said
}

/** What a response is told of that was compiled. */
export async function spend() {
  const response = await streamed('clean.full')
  await WebAssembly.instantiateStreaming(response)
  return { used: response.bodyUsed, locked: response.body.locked }
}

/** The engine is told to do without, as some are for safety. */
export async function doWithout() {
  delete globalThis.WebAssembly
  await import('vmalloc/preload')
  return typeof WebAssembly
}

/** An error of errors.c, which is noticed at once, or when the block is freed. */
export async function err(what, ...values) {
  const { instance } = await ways.instantiateStreaming('errors.full')
  call(instance, '_initialize')
  call(instance, what, ...values)
  if (what !== 'leak') call(instance, 'release_last')
}

/** Strings of JavaScript as builtins of a module: an option of those who compile. */
export async function builtins(bytes) {
  const source = Uint8Array.from(bytes)
  const options = { builtins: ['js-string'] }
  const type = { headers: { 'content-type': 'application/wasm' } }
  const made = [
    (await WebAssembly.instantiate(source, {}, options)).instance,
    new WebAssembly.Instance(await WebAssembly.compile(source, options)),
    new WebAssembly.Instance(new WebAssembly.Module(source, options)),
    (await WebAssembly.instantiateStreaming(new Response(source, type), {}, options)).instance,
    new WebAssembly.Instance(await WebAssembly.compileStreaming(new Response(source, type), options)),
  ]
  return made.map(({ exports }) => [exports.size('four'), call({ exports }, 'run', 10)])
}

/** SQLite's own package, as it comes. */
export async function sqlite() {
  const { default: begin } = await import('/packages/@sqlite.org/sqlite-wasm/dist/index.mjs')
  const sqlite3 = await begin({ print() {}, printErr() {} })
  const db = new sqlite3.oo1.DB(':memory:')
  db.exec('create table item (id integer primary key, name text)')
  const insert = db.prepare('insert into item (name) values (?)')
  for (let i = 0; i < 300; i++) insert.bind([`item ${i} ${'x'.repeat(i)}`]).stepReset()
  insert.finalize()
  const found = db.selectArray('select count(*), total(length(name)), max(name) from item where id % 3 = 1')
  const file = sqlite3.capi.sqlite3_js_db_export(db).length
  db.close()
  return { found, file }
}

/** A module that the page has compiled, in a worker; the worker may be taken over from there, or stay as it is. */
export async function inWorker(preload) {
  const module = await WebAssembly.compileStreaming(streamed('clean.full'))
  const worker = new Worker(`/worker.mjs?${preload ?? ''}`, { type: 'module' })
  try {
    return await new Promise((resolve, reject) => {
      worker.onmessage = ({ data }) => resolve(data)
      worker.onerror = ({ message }) => reject(new Error(message))
      worker.postMessage(module)
    })
  } finally {
    worker.terminate()
  }
}

/** In the worker. */
export async function workIn(module) {
  const instance = await WebAssembly.instantiate(module)
  call(instance, '_initialize')
  return lives.map(([what, ...values]) => call(instance, what, ...values))
}

/** What became of the modules of the page. */
export async function served() {
  const { modules } = await import('vmalloc/wasm')
  return modules().map(({ region, ...view }) => view)
}

/** The same, told. */
export async function told() {
  const { modulesJson, modulesText } = await import('vmalloc/wasm')
  return { text: modulesText(), json: JSON.parse(modulesJson()) }
}

/** What is found in a module, and in the beginning of it. */
export async function inspected(name) {
  const { inspectModule } = await import('vmalloc/wasm')
  const bytes = await fetched(name)
  return [inspectModule(bytes), inspectModule(new Uint8Array(bytes, 0, 100))]
}

/** Who allocated what, by call site: the names of the calls. */
export async function profiled() {
  const { profiles } = await import('vmalloc')
  return profiles().map(({ region, sites }) => ({
    region,
    sites: sites.map(({ frames, allocs, liveBytes }) => ({ allocs, liveBytes, names: frames.map(({ name }) => name) })),
  }))
}
