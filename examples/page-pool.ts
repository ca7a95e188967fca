/**
 * Several regions out of one pool of pages, within a budget: what happens as they are opened, filled, refused, closed.
 *
 *   node --import ./scripts/ts.mjs examples/page-pool.ts
 */
import { open, type Region } from 'vmalloc'
import { PAGE, PagePool } from './disciplines/page-pool.ts'

const pool = new PagePool(16)

function tell(what: string): void {
  console.log(`${what.padEnd(56)} ${String(pool.left).padStart(2)} pages left`)
}

/** Allocates blocks until there is no memory; the blocks. */
function fill(region: Region, size: number): number[] {
  const blocks: number[] = []
  for (let at = region.alloc(size); at !== 0; at = region.alloc(size)) blocks.push(at)
  return blocks
}

function pagesOf(region: Region): string {
  const runs = region.segments().map(({ at, size }) => `${at / PAGE}-${(at + size) / PAGE - 1}`)
  return `pages ${runs.join(', ')}`
}

tell('a pool')

const packets = open({ discipline: pool, name: 'packets' })
const names = open({ discipline: pool, name: 'names' })
tell('packets and names are open, a page each')

packets.alloc(3 * PAGE)
tell(`packets has a block of three pages: ${pagesOf(packets)}`)
names.alloc(PAGE)
tell(`names has a block of one page: ${pagesOf(names)}`)
packets.alloc(2 * PAGE)
tell(`packets has a block of two pages: ${pagesOf(packets)}`)

const same = packets.buffer === names.buffer
console.log(`one buffer for both: ${same}`)

const blocks = fill(names, 10_000)
tell(`names took ${blocks.length} blocks of 10,000 bytes, then was refused`)

for (const at of blocks) names.free(at)
tell('names freed them all, and keeps its pages')

packets.alloc(PAGE)
tell('packets wants a page more, so the pool made names compact')

packets.check()
names.check()
packets.close()
tell('packets is closed')
names.close()
tell('names is closed')
