/**
 * onnxruntime-web, by hand (`npm install onnxruntime-web`): runs a small network, given as bytes, many times over.
 *
 * Hard for an interposer: a memory that is shared between threads, and a module of 14 MB: it must be seen, named, and left
 * as it is.
 */
const ort = await import('onnxruntime-web').catch((error) => {
  if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error
  console.log('skipped: npm install onnxruntime-web')
  process.exit(0)
})

const factor = Number(process.argv[2] ?? 1)

// An ONNX model is a protocol buffer: fields of a number, a kind (0 a number, 2 bytes) and a value. All here are short.
const text = (words) => [...new TextEncoder().encode(words)]
const number = (field, value) => [field << 3, value]
const field = (at, bytes) => [(at << 3) | 2, bytes.length, ...bytes]
const shape = (...sizes) =>
  field(
    2,
    sizes.flatMap((size) => field(1, number(1, size))),
  )
const tensor = (name, ...sizes) => [
  ...field(1, text(name)),
  ...field(2, field(1, [...number(1, 1), ...shape(...sizes)])),
]
const node = (kind, inputs, output) => [
  ...inputs.flatMap((name) => field(1, text(name))),
  ...field(2, text(output)),
  ...field(4, text(kind)),
]

// y = relu(a x b), where a is 8 by 16 and b is 16 by 4
const graph = [
  ...field(1, node('MatMul', ['a', 'b'], 'c')),
  ...field(1, node('Relu', ['c'], 'y')),
  ...field(2, text('g')),
  ...field(11, tensor('a', 8, 16)),
  ...field(11, tensor('b', 16, 4)),
  ...field(12, tensor('y', 8, 4)),
]
const length = [(graph.length & 127) | 128, graph.length >> 7]
const model = [...number(1, 8), (7 << 3) | 2, ...length, ...graph, ...field(8, number(2, 13))]

ort.env.wasm.numThreads = 1
const session = await ort.InferenceSession.create(Uint8Array.from(model), { executionProviders: ['wasm'] })
console.log(session.inputNames, session.outputNames)
let total = 0
for (let i = 0; i < 300 * factor; i++) {
  const values = (count, step) => Float32Array.from({ length: count }, (_, j) => ((i + j * step) % 23) - 11)
  const a = new ort.Tensor('float32', values(128, 7), [8, 16])
  const b = new ort.Tensor('float32', values(64, 5), [16, 4])
  const { y } = await session.run({ a, b })
  total += y.data.reduce((sum, value) => sum + value, 0)
}
console.log('total', total)
await session.release()
