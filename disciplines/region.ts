/**
 * region: raw memory out of a parent region, in the parent's address space.
 *
 *   parent   | block | block: a child's segment | block | block: the child's next segment | ...
 *
 * Each of the child's segments is one block of the parent: new is its alloc, growing and shrinking its resize in place,
 * giving back its free. A parent that serves one size only (pool) gives segments of just that size; one that frees
 * only the newest block (last) refuses to take older segments back, and keeps them until it is cleared or closed.
 */
import type { Discipline, DisciplineDef } from '../src/contract/discipline.ts'
import type { Region } from '../src/contract/region.ts'

/** By parent: a discipline that keeps nothing serves all its children. */
const made = new WeakMap<Region, Discipline>()

/** The discipline that nests regions in `parent`. */
export function nested(parent: Region): Discipline {
  let discipline = made.get(parent)
  if (discipline === undefined) made.set(parent, (discipline = make(parent)))
  return discipline
}

function make(parent: Region): Discipline {
  return {
    name: 'region',
    parent,
    get round() {
      return parent.unit || 8
    },
    memory(region, at, had, want) {
      // whoever pays for its first segment, which begins with its header, pays for the others
      if (had === 0) return parent.allocBeside(region.header, want)
      if (want > 0) return parent.resize(at, want)
      return parent.free(at) ? at : 0
    },
    buffer: () => parent.buffer,
    exception(_region, event, data) {
      return event === 'nomem' ? parent.discipline.exception?.(parent, event, data) : 0
    },
  }
}

function isRegion(given: unknown): given is Region {
  return typeof given === 'object' && given !== null && 'alloc' in given && 'discipline' in given && 'regionOf' in given
}

export const region: DisciplineDef = {
  name: 'region',
  about: 'raw memory out of a parent region; by name, out of the default heap',
  create: () => {
    throw new Error('the region discipline is made over a region')
  },
  over: (given) => (isRegion(given) ? nested(given) : undefined),
}
