/**
 * tap: hears what a region asks of its discipline and is granted.
 */
import type { Discipline, Region } from '../contract/region.ts'
import { VmallocError } from '../ground/fault.ts'

/** A granted request: the address of the piece, and its bytes before and after. */
export type Granted = (at: number, had: number, want: number) => void

/**
 * Stands between a region and its discipline until the returned function is called. A discipline may refuse that another
 * takes its place: then nothing is heard.
 */
export function tap(region: Region, heard: Granted): () => void {
  const inner = region.discipline
  put(region, {
    name: inner.name,
    round: inner.round,
    parent: inner.parent,
    base: inner.base,
    buffer: () => inner.buffer(),
    exception: (asking, event, data) => inner.exception?.(asking, event, data),
    share: inner.share && (() => inner.share!()),
    memory: (asking, at, had, want) => {
      const answer = inner.memory(asking, at, had, want)
      if (answer !== 0) heard(answer, had, want)
      return answer
    },
  })
  return () => put(region, inner)
}

function put(region: Region, discipline: Discipline): void {
  try {
    region.discipline = discipline
  } catch (error) {
    if (!(error instanceof VmallocError) || error.code !== 'vetoed') throw error
  }
}
