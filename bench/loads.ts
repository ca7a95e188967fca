/**
 * loads: what the subjects are given to do.
 *
 *   trace     a recorded one: every call in its order
 *   stacks    the first calls of a recorded one, made from many places of a program, more than eight calls deep    a call
 *   pair      allocate a block, free it                             64 bytes; ns a pair
 *   churn     of `live` blocks free a random one, put a new one there             a pair
 *   growth    `live` blocks grow in turn by a half, from `least` to `most` bytes   a resize
 *   fill      allocate `live` blocks, free them all at once; again and again       a block
 *   nest      open a nested region, `live` small blocks in it, close              a region
 *   together  enter a sub-heap, `live` small blocks in it, leave                  a heap; likewise
 *   transaction, escape    which succeeds; one of the blocks escapes and is freed in the heap around
 *   leave     only the leaving
 *   await     an await in a sub-heap                                              an await
 *   program   a whole program, by its variants: see programs/                     a run
 *
 * Those of collections are in collections.ts, those of programs in WebAssembly in wasm.ts.
 *
 * A loop is a few numbers, which the C program takes as well; a trace goes to the children as a dump: see dump.ts.
 */
import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { traceName, tracesIn } from '../src/node/traces.ts'
import type { Keep } from './collections.ts'
import type { Need } from './subject.ts'

export type Shape = 'pair' | 'churn' | 'growth' | 'fill' | 'nest' | Stretch
/** What is done to blocks that go together: see Stretches. */
export type Stretch = 'together' | 'transaction' | 'escape' | 'leave' | 'await'

export interface Loop {
  readonly shape: Shape
  readonly live: number
  readonly least: number
  readonly most: number
  /** 0 unless blocks are aligned. */
  readonly alignment: number
  /** Operations of a pass. */
  readonly steps: number
}

export interface Load {
  readonly name: string
  readonly need: Need
  /** What the time is divided by. */
  readonly unit: string
  /** So many events of the trace; all when absent. */
  readonly first?: number
  /** The trace's file, or a loop, or the name of a program. */
  readonly file?: string
  readonly loop?: Loop
  readonly program?: string
  /** One of wasm/, with a file or without. */
  readonly script?: string
  /** So many times the usual rounds and seconds, where much hangs on small differences. */
  readonly patience?: number
  readonly keep?: Keep
}

const SMALL_FILE = 500_000
const MILLION = 2 ** 20

/** The recorded traces: those of the repository, and those in the folder that VMALLOC_TRACES names. */
export function traces(quick: boolean): Load[] {
  const given = process.env.VMALLOC_TRACES
  const folders = [join(import.meta.dirname, '../test/traces'), ...(given ? [given, join(given, 'recorded')] : [])]
  const files = new Map<string, string>()
  for (const folder of folders.filter((folder) => existsSync(folder))) {
    for (const file of tracesIn(folder)) {
      if (!quick || statSync(file).size < SMALL_FILE) files.set(traceName(file), file)
    }
  }
  return [...files].map(([name, file]) => ({ name, file, need: 'replay', unit: 'op' }))
}

/** Traces of which the first events do for what takes microseconds: stacks. Half of their few resizes move a block. */
const WITH_STACKS = ['dot-layout', 'cc1-O2', 'python-json', 'sqlite-mixed']
const FIRST = 10_000

export function stacks(quick: boolean): Load[] {
  return traces(quick)
    .filter(({ name }) => WITH_STACKS.includes(name))
    .map(({ name, file }) => ({ name: `${name}, stacks`, need: 'stacks', unit: 'call', file, first: FIRST }))
}

export function loops(quick: boolean): Load[] {
  const few = quick ? 8 : 1
  const churn = (live: number): Load => {
    const steps = MILLION / 4 / few
    const loop: Loop = { shape: 'churn', live, least: 16, most: 1024, alignment: 0, steps }
    return { name: `random sizes, ${live.toLocaleString('en-US')} live`, need: 'any size', unit: 'pair', loop }
  }
  return [
    {
      name: 'pairs of one size',
      need: 'one size',
      unit: 'pair',
      loop: { shape: 'pair', live: 1, least: 64, most: 64, alignment: 0, steps: MILLION / few },
    },
    {
      name: 'one size, 100,000 live',
      need: 'one size',
      unit: 'pair',
      loop: { shape: 'churn', live: 1e5, least: 64, most: 64, alignment: 0, steps: MILLION / 4 / few },
    },
    ...[1e3, 1e4, 1e5, ...(quick ? [] : [1e6])].map(churn),
    {
      name: 'growth by resize',
      need: 'resize',
      unit: 'resize',
      loop: { shape: 'growth', live: 200, least: 16, most: 65_536, alignment: 0, steps: 0 },
    },
    {
      name: 'fill, then clear',
      need: 'fill',
      unit: 'block',
      loop: { shape: 'fill', live: 1e5, least: 64, most: 64, alignment: 0, steps: 1e5 },
    },
    {
      name: 'fill 500 small, clear',
      need: 'fill',
      unit: 'block',
      loop: { shape: 'fill', live: 500, least: 16, most: 16, alignment: 0, steps: MILLION / 2 / few },
    },
    {
      name: 'aligned to 64, 1,000 live',
      need: 'align',
      unit: 'pair',
      loop: { shape: 'churn', live: 1000, least: 16, most: 256, alignment: 64, steps: MILLION / 4 / few },
    },
    {
      name: 'open and close nested',
      need: 'nest',
      unit: 'region',
      loop: { shape: 'nest', live: 0, least: 16, most: 16, alignment: 0, steps: 5000 },
    },
    {
      name: 'open, 10 blocks, close',
      need: 'nest',
      unit: 'region',
      loop: { shape: 'nest', live: 10, least: 16, most: 16, alignment: 0, steps: 5000 },
    },
  ]
}

/** Heaps: blocks that go together. */
export function heaps(quick: boolean): Load[] {
  const few = quick ? 8 : 1
  const load = (name: string, need: Need, shape: Stretch, live: number, steps: number): Load => ({
    ...{ name, need, unit: shape === 'await' ? 'await' : 'heap' },
    loop: { shape, live, least: 16, most: 64, alignment: 0, steps: steps / few },
  })
  return [
    load('enter and leave a heap', 'enter', 'together', 0, MILLION / 4),
    load('10 small blocks in a heap', 'together', 'together', 10, MILLION / 8),
    load('a transaction of 10 blocks', 'transaction', 'transaction', 10, 50_000),
    load('one of 10 blocks escapes', 'escape', 'escape', 10, 20_000),
    load('leave 10 blocks', 'leave', 'leave', 10, 1600),
    load('leave 10,000 blocks', 'leave', 'leave', 10_000, 1600),
    load('await', 'await', 'await', 0, MILLION / 4),
  ]
}

/** What a heap that cannot grow is made with: twice the payload, and room to spare. */
export function roomFor(load: Load, peakLive: number): number {
  const { loop } = load
  const payload =
    loop === undefined ? peakLive : (loop.live * (loop.least + loop.most)) / (loop.shape === 'growth' ? 1 : 2)
  return Math.min(2 ** 31 - 2 ** 16, 2 ** 24 + 2 ** 16 * Math.ceil((2 * payload) / 2 ** 16))
}
