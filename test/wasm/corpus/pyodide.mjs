/**
 * pyodide, by hand (`npm install pyodide`): loads Python and runs dictionaries, lists, classes, generators and text in it.
 *
 * Hard for an interposer: millions of calls already while it loads; everything is exported, the emscripten_builtin_*
 * names are aliases of the same functions; calloc serves a third of the objects; the runtime can put a snapshot of its
 * memory back; beside it stand two tiny modules with types of the GC proposal, which must be left alone.
 */
const { loadPyodide } = await import('pyodide').catch((error) => {
  if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error
  console.log('skipped: npm install pyodide')
  process.exit(0)
})

const factor = Number(process.argv[2] ?? 1)
const pyodide = await loadPyodide()
pyodide.globals.set('size', Math.round(20_000 * factor))
pyodide.globals.set('log', (...words) => console.log(...words))
const result = await pyodide.runPythonAsync(`
import gc, hashlib, json, re
class Node:
    def __init__(self, key, up):
        self.key, self.up, self.down = key, up, []
        if up: up.down.append(self)

words = {f"key {i * 7919 % size}": [i, str(i) * (i % 5), (i, {i})] for i in range(size)}
log('words', len(words), sum(len(value[1]) for value in words.values()))
for key in list(words)[::3]: del words[key]
root = Node(0, None)
nodes = [root]
for i in range(1, size // 2): nodes.append(Node(i, nodes[i * 31 % len(nodes)]))
log('nodes', max(len(node.down) for node in nodes))
del nodes, root
log('collected', gc.collect() > 0)
text = json.dumps([{"name": key, "value": value[:2]} for key, value in words.items()])
log('text', len(text), hashlib.sha256(text.encode()).hexdigest()[:16])
log('digits', len(re.sub(r"\\d+", lambda m: hex(int(m.group()[:9])), text)))
log('again', len(json.loads(text)), sum(x * x for x in range(size)))
b = bytearray()
for i in range(size): b += i.to_bytes(4, 'little')
hashlib.md5(b).hexdigest()
`)
console.log('result', result)
try {
  pyodide.runPython('[1, 2, 3][5]')
} catch (error) {
  console.log('refused:', error.message.trim().split('\n').at(-1))
}
const list = pyodide.runPython('[[i, {"n": i}] for i in range(2000)]')
console.log('proxy', list.length, list.toJs({ create_proxies: false })[1999][0])
list.destroy()
