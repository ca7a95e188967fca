/**
 * One region, four workers: they attach it, allocate and free in it at the same time, and leave results where the main
 * thread finds them.
 *
 *   node --import ./scripts/ts.mjs examples/workers.ts
 *
 * What is posted is `region.share()`. Everything else lies in the shared bytes: the free lists, the lock, the values.
 */
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { attach, open } from 'vmalloc'

const WORKERS = 4
const ROUNDS = 5_000
const SQUARES = 100

if (isMainThread) await main()
else work()

async function main(): Promise<void> {
  const region = open({ discipline: 'shared', name: 'common' })
  const workers = Array.from({ length: WORKERS }, (_, id) => {
    return new Worker(new URL(import.meta.url), { workerData: { memory: region.share(), id } })
  })
  const results = await Promise.all(workers.map((worker) => new Promise<number>((done) => worker.on('message', done))))

  for (const [id, at] of results.entries()) {
    const squares = region.array(Float64Array, at, SQUARES)
    console.log(`worker ${id} left ${squares.length} squares, the last one is ${squares.at(-1)}`)
    region.free(at)
  }
  region.check()
  const { busyBlocks, extent } = region.stat()
  console.log(`rounds: ${region.values.get('rounds')}`)
  console.log(`busy blocks: ${busyBlocks}`)
  console.log(`grew: ${extent > 2 ** 16}`)
  region.close()
}

function work(): void {
  const { memory, id } = workerData as { memory: unknown; id: number }
  const region = attach(memory)

  const blocks: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const at = region.alloc(16 + ((round * 37) % 500))
    region.bytes(at).fill(id)
    blocks.push(at)
    if (blocks.length > 50) region.free(blocks.shift()!)
  }
  for (const at of blocks) {
    if (!region.bytes(at).every((byte) => byte === id)) throw new Error(`block ${at} was written by another worker`)
    region.free(at)
  }
  region.values.add('rounds', ROUNDS)

  const result = region.alloc(SQUARES * Float64Array.BYTES_PER_ELEMENT)
  const squares = region.array(Float64Array, result, SQUARES)
  for (let i = 0; i < SQUARES; i++) squares[i] = (id * SQUARES + i) ** 2
  parentPort?.postMessage(result)
}
