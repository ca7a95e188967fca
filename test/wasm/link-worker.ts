/**
 * A thread that lives in a region in a shared memory of WebAssembly, by the functions a module would import: it leaves
 * blocks full of its number, and says which.
 */
import { parentPort, workerData } from 'node:worker_threads'
import { attach } from '../../src/index.ts'
import { imports, wasm } from '../../src/wasm.ts'
import { Dice } from '../fixtures/dice.ts'

const {
  memory,
  at: header,
  seed,
  number,
} = workerData as {
  memory: WebAssembly.Memory
  at: number
  seed: number
  number: number
}
const { realloc, free } = imports(attach(memory, { at: header, discipline: wasm({ memory }) }))
const dice = new Dice(seed + number)
const live: { at: number; size: number }[] = []

for (let step = 0; step < 3000; step++) {
  const i = dice.below(64)
  const size = dice.between(1, dice.once(50) ? 60_000 : 500)
  const old = live[i]
  if (old !== undefined && dice.once(3)) {
    free(old.at | 0)
    live.splice(i, 1)
    continue
  }
  const at = realloc((old?.at ?? 0) | 0, size) >>> 0
  if (at === 0) throw new Error(`no memory for ${size} bytes`)
  new Uint8Array(memory.buffer, at, size).fill(number)
  if (old === undefined) live.push({ at, size })
  else live[i] = { at, size }
}
parentPort!.postMessage(live)
