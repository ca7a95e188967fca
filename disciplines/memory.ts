/**
 * memory: a WebAssembly.Memory of its own, which grows by pages of 64 KiB and never shrinks.
 *
 * Growth replaces the buffer and costs nothing else: no byte moves. A process holds about 13,000 such memories, so a
 * program with many regions nests them. A memory given by the caller is handed over whole, from byte 8 on.
 */
import type { Discipline, DisciplineDef } from '../src/contract/discipline.ts'
import { rootDiscipline } from './root.ts'

const PAGE = 65536
const MOST = 65536

function overMemory(memory: WebAssembly.Memory, sole: boolean): Discipline {
  return rootDiscipline({
    name: 'memory',
    sole,
    buffer: () => memory.buffer,
    reach: (end) => growTo(memory, end),
    share: () => memory,
  })
}

/** Grows a memory until it holds byte `end - 1`; false when it may not. */
export function growTo(memory: WebAssembly.Memory, end: number): boolean {
  const lacks = Math.ceil((end - memory.buffer.byteLength) / PAGE)
  if (lacks <= 0) return true
  if (memory.buffer.byteLength / PAGE + lacks > MOST) return false
  try {
    memory.grow(lacks)
    return true
  } catch (error) {
    if (error instanceof RangeError) return false
    throw error
  }
}

export const memory: DisciplineDef = {
  name: 'memory',
  about: 'a root that grows: a WebAssembly.Memory',
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
  create: ({ max }) => {
    const maximum = Math.floor(Number(max ?? MOST * PAGE) / PAGE)
    return overMemory(new WebAssembly.Memory({ initial: 1, maximum }), true)
  },
  over: (given) =>
    given instanceof WebAssembly.Memory && given.buffer instanceof ArrayBuffer ? overMemory(given, false) : undefined,
}
