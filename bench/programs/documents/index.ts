/**
 * documents: a server that keeps JSON documents, with an index over their words: see store.ts and plan.ts.
 */
import type { Outcome, Program, RunOptions, Variant, Vmalloc } from '../program.ts'
import { feed, type Request } from './feed.ts'
import { checksumOf } from './model.ts'
import { Plan, type Policy } from './plan.ts'
import { Store } from './store.ts'

const START = 0x811c9dc5 | 0

/** A lap is so many requests. */
const LAP = 250

function serve(store: Store, requests: readonly Request[], laps: number[]): number {
  let checksum = START
  let begin = performance.now()
  for (const [n, request] of requests.entries()) {
    if (n % LAP === 0 && n > 0) {
      const now = performance.now()
      laps.push(now - begin)
      begin = now
    }
    if (request.kind === 'put') store.put(request.number, request.bytes)
    else if (request.kind === 'patch') store.patch(request.number, request.bytes)
    else if (request.kind === 'get') store.get(request.number)
    else if (request.kind === 'query') store.query(...request.words)
    else store.sum()
    checksum = store.answered(checksum)
  }
  laps.push(performance.now() - begin)
  return checksum >>> 0
}

function run(vmalloc: Vmalloc, policy: Policy, { scale = 1, seed = 1 }: RunOptions): Outcome {
  const requests = feed(seed, scale)
  const laps: number[] = []
  const plan = new Plan(vmalloc, policy)
  const store = new Store(plan)
  const checksum = serve(store, requests, laps)
  const ms = laps.reduce((sum, lap) => sum + lap, 0)
  const { extent, calls } = plan
  store.close()
  plan.close()
  return { ms, laps, checksum, extent, operations: calls }
}

const variant = (name: string, about: string, policy: Policy): Variant => ({
  name,
  about,
  run: (vmalloc, options = {}) => run(vmalloc, policy, options),
})

export const documents: Program = {
  name: 'documents',
  about: 'a server of JSON documents: parse, index, change, find, sum, write',
  variants: [
    variant('best', 'everything in one region, freed block by block', {}),
    variant('cleared', 'best throughout; each document and the request at hand in a region that is cleared', {
      document: 'best',
      request: 'best',
    }),
    variant('mixture', 'the same regions with last instead, and pool for postings', {
      document: 'last',
      request: 'last',
      postings: 'pool',
    }),
  ],
  expected: ({ scale = 1, seed = 1 } = {}) => checksumOf(feed(seed, scale), START),
}
