/**
 * @hpcc-js/wasm-graphviz: lays graphs out with three engines, and builds and changes one by hand. (A fourth, fdp, gives
 * another picture whenever something was laid out before it: where its blocks lie decides, under any malloc.)
 *
 * Hard for an interposer: the module is C and C++ and stands inside the .js file, packed; names are minified; tens of
 * thousands of blocks come from memalign, strdup and other ways past the hooked malloc and are freed through the hooked
 * free; calloc is not hooked; strings come back through embind; a graph that cannot be laid out throws through wasm.
 */
import { Graphviz } from '@hpcc-js/wasm-graphviz'

const factor = Number(process.argv[2] ?? 1)
let seed = 1
const random = (below) => (((seed = (Math.imul(seed, 1103515245) + 12345) >>> 0) >>> 8) % below) | 0

function hash(text) {
  let sum = 2166136261
  for (let i = 0; i < text.length; i++) sum = Math.imul(sum ^ text.charCodeAt(i), 16777619) >>> 0
  return sum.toString(16)
}

function source(nodes, edges) {
  const lines = Array.from({ length: nodes }, (_, i) => `  n${i} [label="node ${i}\\n${'m'.repeat(i % 9)}" shape=box]`)
  for (let i = 0; i < edges; i++) lines.push(`  n${random(nodes)} -> n${random(nodes)} [label="e${i}"]`)
  const html = '  t [shape=none label=<<table><tr><td port="a">left</td><td><b>right</b></td></tr></table>>]'
  const cluster = '  subgraph cluster_a { label="cluster"; n0; n1; n2 }'
  return `digraph g {\n${[...lines, html, cluster, '  n1 -> t:a'].join('\n')}\n}`
}

const graphviz = await Graphviz.load()
console.log('graphviz', graphviz.version())
for (const engine of ['dot', 'circo', 'twopi']) {
  for (let round = 0; round < 2; round++) {
    const svg = graphviz.layout(source(Math.round(14 * factor) + round, Math.round(17 * factor)), 'svg', engine)
    console.log(engine, svg.length, hash(svg))
  }
}
console.log('json', hash(graphviz.dot(source(12, 14), 'json')))
try {
  graphviz.dot('digraph { a -> ')
} catch (error) {
  console.log('refused:', error.message.split('\n')[0])
}

const graph = graphviz.createGraph('G')
for (let i = 0; i < 40; i++) graph.addNode(`p${i}`).setNodeAttr(`p${i}`, 'shape', i % 2 ? 'ellipse' : 'diamond')
for (let i = 0; i < 60; i++) graph.addEdge(`p${random(40)}`, `p${random(40)}`)
console.log('built', hash(graph.layout('svg', 'dot')))
for (let i = 0; i < 40; i += 3) graph.removeNode(`p${i}`)
console.log('changed', hash(graph.layout('svg', 'dot')), graph.write().length)
graph.delete()
