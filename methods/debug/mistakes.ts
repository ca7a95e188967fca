/**
 * mistakes: why an address can be neither freed nor resized.
 */
import type { Addr } from '../../src/contract/addr.ts'
import type { Found } from '../../src/contract/finding.ts'
import type { Store } from '../../src/contract/store.ts'
import { isWhole } from '../../src/ground/bits.ts'
import type { Site } from '../../src/ground/stacks.ts'
import type { Block } from './block.ts'
import type { Blocks } from './blocks.ts'

export type Op = 'free' | 'resize'

/** What is to be told of a call that was refused; `owner` is another region that has the address. */
export function explain(
  op: Op,
  at: Addr,
  owner: string | undefined,
  blocks: Blocks,
  store: Store,
  detected: Site,
): Found {
  const kind = op === 'free' ? 'bad-free' : 'bad-resize'
  const base: Found = { kind, what: '', at, size: 0, offset: 0, allocated: 0, freed: 0, detected }
  const call = `${op} of ${at + store.bias}${owner === undefined ? '' : `, an address of region ${owner}`}`
  if (!isWhole(at, 2 ** 32 - 1)) return { ...base, what: `${call}, which is no address` }
  const block = blocks.around(at) ?? blocks.remainsAt(at)
  if (block !== undefined) return { ...base, ...relation(op, call, at - block.at, block, store) }
  if (owner !== undefined) return { ...base, what: call }
  const isAligned = (at + store.bias) % store.align === 0
  const why = isAligned ? 'no block of this region' : `no multiple of ${store.align}, as every block's address is`
  return { ...base, what: `${call}, ${why}` }
}

/** How an address stands to the block that it lies in or beside. */
function relation(op: Op, call: string, offset: number, block: Block, store: Store): Partial<Found> {
  const { site: allocated, freed, condition } = block
  const size = block.size - store.tailOf(block.at)
  const known = { size: block.size, allocated, freed }
  const name = `the block of ${size} bytes at ${block.at + store.bias}`
  if (offset === 0) {
    if (condition === 'cleared') {
      return { ...known, kind: 'use-after-clear', what: `${op} of a block that a clear had freed` }
    }
    if (condition === 'live') return { ...known, what: `${op} of ${name}, which is not the newest` }
    if (op === 'resize') return { ...known, what: 'resize of a block that was freed before' }
    return { ...known, kind: 'double-free', what: 'free of a block that was freed before' }
  }
  const away =
    offset < 0 ? `${-offset} bytes before` : offset < size ? `${offset} bytes inside` : `${offset - size} bytes behind`
  const state = condition === 'live' ? '' : ', which is freed'
  return { ...known, offset, what: `${call}, ${away} ${name}${state}` }
}
