/**
 * resizable: a resizable ArrayBuffer, which grows, and gives memory back to the system when the region compacts.
 *
 * Address space for its largest size is reserved when it is made, resident memory is taken as it grows.
 */
import type { Discipline, DisciplineDef } from '../src/contract/discipline.ts'
import { VmallocError } from '../src/ground/fault.ts'
import { rootDiscipline } from './root.ts'

const MOST = 2 ** 32

function overResizable(buffer: ArrayBuffer): Discipline {
  const resize = (end: number): boolean => {
    buffer.resize(end)
    return true
  }
  return rootDiscipline({
    name: 'resizable',
    buffer: () => buffer,
    reach: (end) => end <= buffer.byteLength || (end <= buffer.maxByteLength && resize(end)),
    leave: (end) => resize(end),
  })
}

function reserve(max: number): ArrayBuffer {
  if (!('resizable' in ArrayBuffer.prototype)) {
    throw new VmallocError(
      'unsupported',
      'discipline resizable: this platform has no resizable ArrayBuffer; use memory',
    )
  }
  for (let size = max; size >= 2 ** 20; size /= 2) {
    try {
      return new ArrayBuffer(0, { maxByteLength: Math.floor(size) })
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
    }
  }
  throw new VmallocError('no-memory', `discipline resizable: no address space for ${max} bytes`)
}

export const resizable: DisciplineDef = {
  name: 'resizable',
  about: 'a root that grows and gives memory back: a resizable ArrayBuffer',
  options: [
    {
      name: 'max',
      kind: 'size',
      scope: 'region',
      min: 65536,
      max: MOST,
      otherwise: '4 GiB, or what the platform has',
      about: 'the most bytes that a root may grow to',
      example: 'max=256m',
    },
  ],
  create: ({ max }) => overResizable(reserve(Number(max ?? MOST))),
  over: (given) => (given instanceof ArrayBuffer && given.resizable ? overResizable(given) : undefined),
}
