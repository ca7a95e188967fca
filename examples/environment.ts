/**
 * A program that names no method: `VMALLOC_OPTIONS` chooses it.
 *
 *   node --import ./scripts/ts.mjs examples/environment.ts
 *   VMALLOC_OPTIONS=method=pool node --import ./scripts/ts.mjs examples/environment.ts
 *   VMALLOC_OPTIONS=records.method=last node --import ./scripts/ts.mjs examples/environment.ts
 *
 * It keeps 10,000 records of 48 bytes and replaces one of them 20,000 times. best reuses what was freed, and puts a
 * head of 4 bytes before each block; pool reuses it too and needs no heads, for it serves one size only; last frees
 * nothing but the newest block, so it holds three times as much: it is for programs that drop everything at once.
 */
import { open } from 'vmalloc'

const region = open({ name: 'records', discipline: 'memory' })

const records = Array.from({ length: 10_000 }, () => region.alloc(48))
for (let i = 0; i < 20_000; i++) {
  const victim = (i * 7_919) % records.length
  region.free(records[victim]!)
  records[victim] = region.alloc(48)
}

console.log(`method: ${region.method}`)
console.log(`extent: ${region.stat().extent.toLocaleString('en-US')} bytes for 10,000 records of 48`)
