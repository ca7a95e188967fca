/**
 * @bokuweb/zstd-wasm: compresses and decompresses buffers from a few bytes to most of a megabyte, at several levels.
 *
 * Hard for an interposer: names are minified; few blocks, but large ones (a context of megabytes at the high levels), so
 * most come straight from the module's own allocator and the memory grows in the middle of a call.
 */
import { compress, decompress, init } from '@bokuweb/zstd-wasm'

const factor = Number(process.argv[2] ?? 1)
let seed = 1
const random = (below) => (((seed = (Math.imul(seed, 1103515245) + 12345) >>> 0) >>> 8) % below) | 0

/** Text-like bytes: runs copied from what came before, and something new now and then. */
function sample(length) {
  const data = new Uint8Array(length)
  for (let at = 0; at < length; ) {
    const run = 4 + random(40)
    const from = at > 100 && random(3) > 0 ? random(at - 50) : -1
    for (let i = 0; i < run && at < length; i++, at++) data[at] = from >= 0 ? data[from + i] : 97 + random(26)
  }
  return data
}

function sum(bytes) {
  let value = 2166136261
  for (let i = 0; i < bytes.length; i++) value = Math.imul(value ^ bytes[i], 16777619) >>> 0
  return value.toString(16)
}

await init()
for (const size of [0, 1, 100, 5000, 70_000, Math.round(600_000 * factor)]) {
  const data = sample(size)
  for (const level of [1, 3, 10, 19]) {
    const packed = compress(Buffer.from(data), level)
    const back = decompress(packed)
    console.log(size, level, packed.length, sum(packed), sum(back) === sum(data))
  }
}
let total = 0
for (let i = 0; i < 200 * factor; i++) total += compress(Buffer.from(sample(random(4000))), 1 + (i % 9)).length
console.log('many', total)
try {
  decompress(Buffer.from('this is no frame of zstd, but text'))
  console.log('accepted')
} catch (error) {
  console.log('refused:', error.message)
}
