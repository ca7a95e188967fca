/**
 * tools: what it costs to look at a program: the methods debug and profile round best, the option trace, and beside them
 * the least that such work could cost.
 *
 *   over all traces              over the first calls of some, since a stack takes microseconds
 *
 *   accounts, asked              an account is asked for each block, and to free it
 *   accounts, two deep           the same for one below another, so there is a sum
 *   accounts, by the region      the region is asked, which keeps accounts: its own pays
 *   debug, fill=512              best, traced with stacks
 *   debug, depth=0               debug, stacks: as it is without options
 *   best, touched as by debug    captures as by debug       one when a block is allocated, one when it is freed
 *   profile, sampled             profile, sample=0
 *                                captures as by profile     one when it is allocated
 *   over the shorter traces
 *
 *   best, traced
 *   debug, nth=100
 *   profile, sample=0,depth=0
 *
 * A bare capture is what the engine does and no more: Error.captureStackTrace with room for eight calls, and of each the
 * name of its file and its position read. Nothing is allocated beside it. A resize that moves a block is two captures for
 * debug, one in place none; half of those in the traces that are taken move, so the bare one makes one for each.
 */
import type { Heap, Need, Open, Subject } from '../subject.ts'
import { opening, sessionOf } from './ours.ts'

/** Of the stacks. */
const DEPTH = 8
const FILLS = { fresh: 0x55, freed: 0xa5 }

const base = { kind: 'tool', does: ['replay'] as readonly Need[] } as const
const short = { kind: 'tool', does: ['replay short'] as readonly Need[] } as const
const over = { discipline: 'memory' }

const accounted: Subject = {
  ...base,
  does: ['replay', 'any size'],
  name: 'accounts, asked',
  about: 'an account: its `alloc`, `resize` and `free`',
  ready: () => charging('parser'),
}

const accountedDeep: Subject = {
  ...base,
  does: ['replay', 'any size'],
  name: 'accounts, two deep',
  about: 'an account below another one, so that each block counts in a sum as well',
  ready: () => charging('parser/strings'),
}

async function charging(path: string): Promise<Open> {
  const { open } = await import('vmalloc')
  const { account } = await import('vmalloc/account')
  return () => {
    const region = open({ ...over, method: 'best', accounts: true })
    return { ...sessionOf(region), heap: account(path, region) }
  }
}

const accountedRegion: Subject = {
  ...base,
  does: ['replay', 'any size'],
  name: 'accounts, by the region',
  about: '`accounts`: every block is charged to the region’s own account',
  ready: () => opening({ ...over, method: 'best', accounts: true }),
}

const traced: Subject = {
  ...short,
  name: 'best, traced',
  about: 'trace=FILE',
  env: { VMALLOC_OPTIONS: 'trace=bench-%p.trace' },
  ready: () => opening({ ...over, method: 'best' }),
}

const debugPart: Subject = {
  ...base,
  name: 'debug, fill=512',
  about: 'method=debug,depth=0,fill=512: guards, quarantine, fills of the first 512 bytes',
  ready: () => opening({ ...over, method: 'debug(best)', leaks: false, depth: 0, fill: 512 }),
}

const debugWhole: Subject = {
  ...base,
  name: 'debug, depth=0',
  about: 'method=debug,depth=0: guards, quarantine, whole fills',
  ready: () => opening({ ...over, method: 'debug(best)', leaks: false, depth: 0 }),
}

const touched: Subject = {
  ...base,
  name: 'best, touched as by debug',
  about: 'best, and the program fills each block twice and reads it once',
  ready: async () => {
    const { open } = await import('vmalloc')
    return () => ({ ...sessionOf(open({ ...over, method: 'best' })), fills: FILLS })
  },
}

const debugSome: Subject = {
  ...short,
  name: 'debug, nth=100',
  about: 'method=debug,nth=100: one stack in a hundred',
  ready: () => opening({ ...over, method: 'debug(best)', leaks: false, depth: DEPTH, nth: 100 }),
}

const sampled: Subject = {
  ...base,
  name: 'profile, sampled',
  about: 'method=profile: a block in 512 KiB',
  ready: () => opening({ ...over, method: 'profile(best)', depth: DEPTH }),
}

const counted: Subject = {
  ...short,
  name: 'profile, sample=0,depth=0',
  about: 'method=profile,sample=0,depth=0: every block, no stacks',
  ready: () => opening({ ...over, method: 'profile(best)', sample: 0, depth: 0 }),
}

const stacks = { kind: 'tool', does: ['stacks'] as readonly Need[] } as const

const tracedStacks: Subject = {
  ...stacks,
  name: 'best, traced with stacks',
  about: `trace=FILE,tracedepth=${DEPTH}`,
  env: { VMALLOC_OPTIONS: `trace=bench-%p.trace,tracedepth=${DEPTH}` },
  ready: () => opening({ ...over, method: 'best' }),
}

const debugStacks: Subject = {
  ...stacks,
  name: 'debug, stacks',
  about: 'method=debug: with the stack of each allocation and free',
  ready: () => opening({ ...over, method: 'debug(best)', leaks: false, depth: DEPTH }),
}

const exact: Subject = {
  ...stacks,
  name: 'profile, sample=0',
  about: 'method=profile,sample=0: every block, with its stack',
  ready: () => opening({ ...over, method: 'profile(best)', sample: 0, depth: DEPTH }),
}

interface Site {
  getFileName(): string | null
  getPosition(): number
}

/** Errors as V8 makes them. */
const engine = Error as unknown as { stackTraceLimit: number; prepareStackTrace: unknown }
const holder: { stack?: unknown } = {}
/** What was read adds up here, so that it was read. */
let read = 0

function prepare(_error: unknown, sites: readonly Site[]): number {
  for (const site of sites) read = (read + (site.getFileName()?.length ?? 0) + site.getPosition()) | 0
  return sites.length
}

/** A capture, and its positions read; how many calls there were. */
function bareCapture(above: unknown): unknown {
  Error.captureStackTrace(holder, above as () => void)
  return holder.stack
}

/** Serves nothing: its addresses are numbers. */
abstract class Captures implements Heap {
  private at = 8

  abstract free(at: number): void

  alloc(_size: number): number {
    const calls = bareCapture(this.alloc)
    if (calls !== DEPTH) throw new Error(`bench: a stack of ${calls} calls, expected ${DEPTH}`)
    return this.next()
  }

  allocZeroed(_size: number): number {
    bareCapture(this.allocZeroed)
    return this.next()
  }

  align(_size: number, _alignment: number): number {
    bareCapture(this.align)
    return this.next()
  }

  resize(at: number, _size: number): number {
    bareCapture(this.resize)
    return at
  }

  private next(): number {
    return (this.at = (this.at + 8) & 0x3fffffff) | 8
  }
}

class AsDebug extends Captures {
  free(_at: number): void {
    bareCapture(this.free)
  }
}

class AsProfile extends Captures {
  free(_at: number): void {}
}

/** The engine's settings are made once, as nobody can who is a guest in a program: the least there could be. */
async function capturing(make: () => Heap): Promise<Open> {
  return () => {
    const { stackTraceLimit, prepareStackTrace } = engine
    engine.stackTraceLimit = DEPTH
    engine.prepareStackTrace = prepare
    const close = () => void Object.assign(engine, { stackTraceLimit, prepareStackTrace })
    return { heap: make(), buffer: () => new ArrayBuffer(8), close }
  }
}

const capturesOfDebug: Subject = {
  ...stacks,
  name: 'captures as by debug',
  about: 'the engine alone: a stack for each allocation and free',
  ready: () => capturing(() => new AsDebug()),
}

const capturesOfProfile: Subject = {
  ...stacks,
  name: 'captures as by profile',
  about: 'the engine alone: a stack for each allocation',
  ready: () => capturing(() => new AsProfile()),
}

export const tools: readonly Subject[] = [
  accounted,
  accountedDeep,
  accountedRegion,
  traced,
  debugPart,
  debugWhole,
  touched,
  debugSome,
  sampled,
  counted,
  tracedStacks,
  debugStacks,
  capturesOfDebug,
  exact,
  capturesOfProfile,
]
