/** A thread that is sent a compiled module: answers what its calls answer, or what went wrong. */
import { parentPort, workerData } from 'node:worker_threads'

const { module, calls, table } = workerData
try {
  const imports =
    table === undefined ? {} : { env: { table: new WebAssembly.Table({ element: 'anyfunc', initial: table }) } }
  const { exports } = new WebAssembly.Instance(module, imports)
  exports._initialize?.()
  const isOurs = !/native code/.test(String(WebAssembly.Instance))
  parentPort.postMessage({
    answers: calls.map(([name, ...args]) => exports[name](...args) >>> 0),
    isOurs,
    keys: Object.keys(exports),
  })
} catch (error) {
  parentPort.postMessage({ error: String(error) })
}
