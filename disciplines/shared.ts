/**
 * shared: memory that other threads can attach: a shared WebAssembly.Memory that grows, or a SharedArrayBuffer of the
 * caller's, fixed or growable.
 *
 * What is posted to a worker is `region.share()`: the WebAssembly.Memory, since a posted buffer would not see growth.
 */
import type { Discipline, DisciplineDef } from '../src/contract/discipline.ts'
import { VmallocError } from '../src/ground/fault.ts'
import { growTo } from './memory.ts'
import { rootDiscipline } from './root.ts'

const PAGE = 65536
const MOST = 65536

function overShared(memory: WebAssembly.Memory): Discipline {
  return rootDiscipline({
    name: 'shared',
    buffer: () => memory.buffer,
    reach: (end) => growTo(memory, end),
    share: () => memory,
  })
}

function overBuffer(buffer: SharedArrayBuffer): Discipline {
  const reach = (end: number): boolean => {
    if (end <= buffer.byteLength) return true
    if (!buffer.growable || end > buffer.maxByteLength) return false
    buffer.grow(end)
    return true
  }
  return rootDiscipline({ name: 'shared', buffer: () => buffer, reach, leave: () => !buffer.growable })
}

/** A shared memory; its largest size is reserved as address space at once, so less is tried where that is refused. */
function reserve(max: number): WebAssembly.Memory {
  if (typeof SharedArrayBuffer === 'undefined') {
    throw new VmallocError(
      'unsupported',
      'discipline shared: no SharedArrayBuffer here; a page must be cross-origin isolated',
    )
  }
  for (let maximum = max; maximum >= 16; maximum >>>= 1) {
    try {
      return new WebAssembly.Memory({ initial: 1, maximum, shared: true })
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
    }
  }
  throw new VmallocError('no-memory', `discipline shared: no address space for ${max * PAGE} bytes`)
}

export const shared: DisciplineDef = {
  name: 'shared',
  about: 'a root that all threads can attach: shared memory, fixed or growing',
  options: [
    {
      name: 'max',
      kind: 'size',
      scope: 'region',
      min: PAGE,
      max: MOST * PAGE,
      otherwise: '4 GiB, or what the platform has',
      about: 'the most bytes that a root may grow to',
      example: 'max=256m',
    },
  ],
  create: ({ max }) => overShared(reserve(Math.floor(Number(max ?? MOST * PAGE) / PAGE))),
  over: (given) => {
    if (typeof SharedArrayBuffer === 'undefined') return undefined
    if (given instanceof SharedArrayBuffer) return overBuffer(given)
    if (given instanceof WebAssembly.Memory && given.buffer instanceof SharedArrayBuffer) return overShared(given)
    return undefined
  },
}
