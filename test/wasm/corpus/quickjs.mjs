/**
 * quickjs-emscripten, the plain (synchronous) variant: objects, strings, closures, cycles and a memory limit inside a
 * JavaScript engine inside wasm; several contexts and runtimes, made and disposed.
 *
 * Hard for an interposer: names are minified, so malloc must be known by its shape; quickjs asks malloc_usable_size for
 * its limits and its figures; disposing a runtime frees a whole graph of blocks and asserts that none was forgotten.
 */
import { getQuickJS } from 'quickjs-emscripten'

const factor = Number(process.argv[2] ?? 1)
const source = `
  let seed = 7
  const random = (below) => (seed = (seed * 16807) % 2147483647) % below
  class Node { constructor(key, next) { this.key = key; this.next = next; this.tags = [key, String(key)] } }
  let sum = 0
  for (let round = 0; round < 5; round++) {
    const nodes = []
    for (let i = 0; i < SIZE; i++) {
      const node = new Node(random(1000), nodes[random(nodes.length || 1)])
      if (i % 3 === 0) node.self = node
      nodes.push(node)
    }
    const groups = new Map()
    for (const node of nodes) {
      if (!groups.has(node.key)) groups.set(node.key, [])
      groups.get(node.key).push(node)
    }
    const text = [...groups].map(([key, list]) => key + ':' + list.length).sort().join(',')
    sum = (sum * 31 + text.length + nodes.reduce((n, node) => n + node.key, 0)) % 1000003
    JSON.parse(JSON.stringify(nodes.map((node) => ({ key: node.key, tags: node.tags })))).forEach((o) => (sum += o.tags.length))
    sum += 'abc'.repeat(random(500)).replace(/b/g, (m, at) => at).length
  }
  sum
`

const QuickJS = await getQuickJS()
for (let round = 0; round < 2; round++) {
  const vm = QuickJS.newContext()
  vm.newNumber(Math.round(900 * factor)).consume((size) => vm.setProp(vm.global, 'SIZE', size))
  let calls = 0
  const log = vm.newFunction('log', (...handles) => {
    calls++
    if (calls % 100 === 1) console.log('log', ...handles.map((handle) => vm.dump(handle)))
  })
  log.consume((handle) => vm.setProp(vm.global, 'log', handle))
  vm.unwrapResult(vm.evalCode(source)).consume((sum) => console.log('sum', vm.getNumber(sum)))
  vm.unwrapResult(vm.evalCode('for (let i = 0; i < 500; i++) log({ i, list: new Array(i % 7).fill(i) })')).dispose()
  const failed = vm.evalCode('null.nothing')
  console.log('error', vm.dump(failed.error).message)
  failed.dispose()
  vm.dispose()

  const runtime = QuickJS.newRuntime()
  runtime.setMemoryLimit(1 << 20)
  runtime.setModuleLoader((name) => `export default '${name}'.toUpperCase()`)
  const small = runtime.newContext()
  small.unwrapResult(small.evalCode("import a from 'first'; globalThis.a = a", 'main.js', { type: 'module' })).dispose()
  console.log(
    'module',
    small.getProp(small.global, 'a').consume((value) => small.getString(value)),
  )
  const tooMuch = small.evalCode('const all = []; for (;;) all.push([all.length, 2, 3])')
  console.log('limit', tooMuch.error ? small.dump(tooMuch.error).message : 'not reached')
  tooMuch.dispose()
  small.dispose()
  runtime.dispose()
}
console.log('again', QuickJS.evalCode('[1, 2, 3].map((x) => x * 2).join()'))
