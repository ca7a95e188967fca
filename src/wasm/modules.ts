/**
 * modules: what became of the WebAssembly modules that this thread has run: what was found, how they are served, what
 * they asked for.
 */
import type { Region } from '../contract/region.ts'
import type { Handle } from '../region/region.ts'
import type { Level } from './decide.ts'
import type { Figures } from './linear.ts'
import type { Program } from './program.ts'
import type { Role } from './roles.ts'

/** A function as it was found. */
export interface ModuleFunction {
  readonly role: Role
  readonly index: number
  readonly evidence: string
}

export interface ModuleView {
  /** What options call it, and what its region is called. */
  readonly name: string
  /** Of its file, in bytes; 0 where it came compiled. */
  readonly size: number
  /** Why it runs as it was; '' where it is served. */
  readonly left: string
  readonly family: string
  readonly functions: readonly ModuleFunction[]
  readonly level: 'none' | 'observe' | 'replace' | 'debug'
  /** The method in full; '' where it is left alone. */
  readonly method: string
  /** Why the level is less than was asked for; '' where it is not. */
  readonly why: string
  readonly figures: Readonly<Figures> | undefined
  /** Bytes of busy blocks now and at most, and of memory held; 0 where that is not known any more. */
  readonly busyBytes: number
  readonly highTide: number
  readonly extent: number
  /** Milliseconds that finding and rewriting took. */
  readonly findingTime: number
  readonly rewritingTime: number
  /** The instance was collected, or its memory put back to what it was before the region began. */
  readonly isGone: boolean
  /** Once the program has asked for memory, and as long as it lives. */
  readonly region: Region | undefined
}

/** An instance, or a module that is left alone. */
export interface Entry {
  readonly name: string
  readonly program: Program
  readonly level: Level | undefined
  readonly why: string
  readonly figures: Figures | undefined
  /** Asks for the region of whatever serves it, if it lives. */
  readonly region: () => Handle | undefined
}

const entries: Entry[] = []
const MOST = 1000
/** Instances that were not kept because there were too many. */
let more = 0
const counts = new Map<string, number>()

/** A name that no other instance has: `sqlite`, then `sqlite-2`. */
export function uniqueName(label: string): string {
  const count = (counts.get(label) ?? 0) + 1
  counts.set(label, count)
  return count === 1 ? label : `${label}-${count}`
}

export function enter(entry: Entry): void {
  if (entries.length < MOST) entries.push({ ...entry, program: { ...entry.program, bytes: undefined } })
  else more++
}

/** How many instances `modules` does not tell of. */
export const untold = (): number => more

/** Every instance of this thread, in the order in which they were made, and the modules that were left alone. */
export function modules(): ModuleView[] {
  return entries.map((entry) => {
    const { program, level, figures } = entry
    const region = entry.region()
    const isOpen = region !== undefined && !region.closed
    return {
      name: entry.name,
      size: program.size,
      left: program.left,
      family: program.finding?.family ?? 'none',
      functions: (program.finding?.functions ?? []).map(({ role, index, evidence }) => ({ role, index, evidence })),
      level: level?.level ?? 'none',
      method: level?.method ?? '',
      why: entry.why,
      figures: figures && { ...figures },
      busyBytes: isOpen ? region.busyBytes : 0,
      highTide: isOpen ? region.highTide : 0,
      extent: isOpen ? region.extent : 0,
      isGone: !isOpen && figures !== undefined && figures.allocs > figures.failures,
      findingTime: program.findingTime,
      rewritingTime: program.rewritingTime,
      region: isOpen ? region : undefined,
    }
  })
}
