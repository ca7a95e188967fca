/**
 * flame-tree: call sites as a tree of calls, the outermost at the root, and where each call is drawn.
 *
 *   |              all 100              |    depth 0
 *   |      main 80         |  loop 20   |    depth 1        a call is as wide as what was allocated below it
 *   |  parse 50  | write 30|  tick 20   |    depth 2        the widest first
 *
 * Calls of one function by the same callers are one here, whatever their lines; the table of call sites tells them apart.
 */
import type { PackedProfile, PackedSite } from '../report/data.ts'

/** What a flame graph can show. */
export const MEASURES = [
  ['allocBytes', 'Bytes allocated'],
  ['allocs', 'Blocks allocated'],
  ['peakBytes', 'Bytes live at the peak'],
  ['peakBlocks', 'Blocks live at the peak'],
  ['liveBytes', 'Bytes live at the end'],
  ['liveBlocks', 'Blocks live at the end'],
] as const

export type Measure = (typeof MEASURES)[number][0]

export interface Call {
  /** The number of its function; -1 at the root, -2 where there is no stack. */
  readonly name: number
  readonly above: Call | undefined
  readonly depth: number
  value: number
  /** What was allocated here and not further down. */
  own: number
  below: Call[]
  /** Where it begins, in units of `value`, from the beginning of the root. */
  at: number
}

export const ROOT = -1
export const UNKNOWN = -2

/** `functionOf` gives frames of one function the same number. */
export function treeOf(
  profiles: readonly PackedProfile[],
  measure: Measure,
  functionOf: (frame: number) => number,
): Call {
  const root = callOf(ROOT, undefined)
  for (const { sites } of profiles) for (const site of sites) addSite(root, site, site[measure], functionOf)
  place(root, 0)
  return root
}

function addSite(root: Call, { frames }: PackedSite, value: number, functionOf: (frame: number) => number): void {
  if (!(value > 0)) return
  let call = root
  call.value += value
  const path = frames.length === 0 ? [UNKNOWN] : frames.map(functionOf).reverse()
  for (const name of path) {
    let next = call.below.find((below) => below.name === name)
    if (next === undefined) call.below.push((next = callOf(name, call)))
    next.value += value
    call = next
  }
  call.own += value
}

function callOf(name: number, above: Call | undefined): Call {
  return { name, above, depth: above === undefined ? 0 : above.depth + 1, value: 0, own: 0, below: [], at: 0 }
}

function place(call: Call, at: number): void {
  call.at = at
  call.below.sort((a, b) => b.value - a.value || a.name - b.name)
  for (const below of call.below) {
    place(below, at)
    at += below.value
  }
}

/** How many calls lie on top of each other. */
export function depthOf(call: Call): number {
  return call.below.reduce((most, below) => Math.max(most, depthOf(below)), call.depth + 1)
}

export function pathTo(call: Call): Call[] {
  return call.above === undefined ? [call] : [...pathTo(call.above), call]
}
