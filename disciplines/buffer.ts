/**
 * buffer: bytes of the caller's, of a fixed length: an ArrayBuffer, or the part of one that a typed array shows.
 *
 * The region stays inside those bytes. By name it makes an ArrayBuffer of its own.
 */
import type { Discipline, DisciplineDef } from '../src/contract/discipline.ts'
import { rootDiscipline } from './root.ts'

/** A root over the bytes from `from` to `end` of a buffer. */
export function overBytes(name: string, buffer: ArrayBufferLike, from: number, end: number): Discipline {
  return rootDiscipline({ name, base: from, buffer: () => buffer, reach: (to) => to <= end, leave: () => true })
}

export const buffer: DisciplineDef = {
  name: 'buffer',
  about: 'bytes of a fixed length: an ArrayBuffer, or part of one',
  options: [
    {
      name: 'max',
      kind: 'size',
      scope: 'region',
      min: 4096,
      max: 2 ** 32,
      otherwise: '1 MiB',
      about: 'the length of the buffer it makes, in bytes',
      example: 'max=256m',
    },
  ],
  create: ({ max }) => {
    const length = Number(max ?? 2 ** 20)
    return overBytes('buffer', new ArrayBuffer(length), 0, length)
  },
  over: (given) => {
    if (given instanceof ArrayBuffer && !given.resizable) return overBytes('buffer', given, 0, given.byteLength)
    if (!ArrayBuffer.isView(given)) return undefined
    return overBytes('buffer', given.buffer, given.byteOffset, given.byteOffset + given.byteLength)
  },
}
