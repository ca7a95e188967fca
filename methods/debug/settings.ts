/**
 * settings: what debug looks for, as options and as words in its state, where a handle made by `attach` finds them.
 */
import { LIMIT } from '../../src/contract/addr.ts'
import type { OptionRow, OptionValue } from '../../src/contract/option.ts'
import { DEEPEST } from '../../src/ground/stacks.ts'
import { type Memory, SETTINGS } from './layout.ts'

// biome-ignore format: a table
export const rows: readonly OptionRow[] = [
  { name: 'level', kind: 'number', scope: 'region', min: 1, max: 4, otherwise: '2', example: 'method=debug,level=3',
    about: 'How much debug does: 1 fills memory, 2 guards and quarantines blocks, 3 hands no address out again until memory runs out, 4 gives each block pages of its own, its payload at their end.' },
  { name: 'depth', kind: 'number', scope: 'region', min: 0, max: DEEPEST, otherwise: '8', example: 'depth=16',
    about: 'Calls that debug and profile record of a stack; 0 records none.' },
  { name: 'nth', kind: 'number', scope: 'region', min: 1, otherwise: '1', example: 'nth=100',
    about: 'debug records the stack of one in so many allocations, and of one in so many frees.' },
  { name: 'fill', kind: 'size', scope: 'region', otherwise: 'all', example: 'fill=512',
    about: 'Bytes of each payload that debug fills when it is allocated and freed.' },
  { name: 'patterns', kind: 'choice', scope: 'region', choices: ['ast', 'librcd', 'wmem'], otherwise: 'ast', example: 'patterns=wmem',
    about: 'What debug fills with: new, grown and freed memory, guards: ast 55 66 a5 ad, librcd a0 a0 fe ad, wmem a1 a1 1a 9e.' },
  { name: 'quarantine', kind: 'size', scope: 'region', otherwise: '256k', example: 'quarantine=16m',
    about: 'Bytes of freed blocks that debug keeps from being used again.' },
  { name: 'start', kind: 'number', scope: 'region', otherwise: '0', example: 'start=10000,period=100',
    about: 'After so many calls debug begins to check all blocks, every `period` calls (1 unless said).' },
  { name: 'period', kind: 'number', scope: 'region', otherwise: '0, never', example: 'period=1000',
    about: 'Every so many calls debug checks all blocks.' },
  { name: 'watch', kind: 'number', scope: 'region', otherwise: 'none', example: 'watch=0x10a8',
    about: 'debug reports each allocation, resize and free of a block that holds this address.' },
  { name: 'smallest', kind: 'size', scope: 'region', otherwise: '0', example: 'smallest=4k',
    about: 'debug guards no smaller blocks.' },
  { name: 'largest', kind: 'size', scope: 'region', otherwise: 'any', example: 'largest=64',
    about: 'debug guards no larger blocks.' },
  { name: 'every', kind: 'number', scope: 'region', min: 1, otherwise: '1', example: 'every=16',
    about: 'debug guards one block in so many.' },
  { name: 'leaks', kind: 'flag', scope: 'region', otherwise: 'on', example: 'noleaks',
    about: 'debug reports what was not freed when the region closes or the program ends.' },
  { name: 'abort', kind: 'flag', scope: 'region', otherwise: 'off', example: 'abort',
    about: 'debug throws its first report.' },
  { name: 'debugger', kind: 'flag', scope: 'region', otherwise: 'off', example: 'debugger',
    about: 'debug stops in a debugger that is attached, before it reports.' },
]

export interface Patterns {
  readonly fresh: number
  readonly grown: number
  readonly freed: number
  readonly guard: number
}

const patterns: readonly Patterns[] = [
  { fresh: 0x55, grown: 0x66, freed: 0xa5, guard: 0xad },
  { fresh: 0xa0, grown: 0xa0, freed: 0xfe, guard: 0xad },
  { fresh: 0xa1, grown: 0xa1, freed: 0x1a, guard: 0x9e },
]
const patternNames: readonly OptionValue[] = ['ast', 'librcd', 'wmem']

/** In the order of their words. */
export interface Settings {
  readonly level: number
  readonly depth: number
  readonly nth: number
  readonly fill: number
  /** Index into the sets of patterns. */
  readonly patterns: number
  readonly quarantine: number
  readonly start: number
  readonly period: number
  readonly watch: number
  readonly smallest: number
  readonly largest: number
  readonly every: number
  readonly leaks: number
  readonly abort: number
  readonly debugger: number
}

const MOST = 0xffffffff
const standard: Settings = {
  level: 2,
  depth: 8,
  nth: 1,
  fill: LIMIT,
  patterns: 0,
  quarantine: 256 * 1024,
  start: 0,
  period: 0,
  watch: 0,
  smallest: 0,
  largest: LIMIT,
  every: 1,
  leaks: 1,
  abort: 0,
  debugger: 0,
}
const names = Object.keys(standard) as (keyof Settings)[]

/** Whether only some blocks are guarded. */
export const isSelective = ({ smallest, largest, every }: Settings): boolean =>
  smallest > 0 || largest < LIMIT || every > 1

export const patternsOf = (settings: Settings): Patterns => patterns[settings.patterns] ?? patterns[0]!

/** What the options say, each in a word. */
export function settingsFrom(options: Readonly<Record<string, OptionValue>>): Settings {
  const settings: Record<string, number> = { ...standard }
  for (const name of names) {
    const value = options[name]
    if (value === undefined) continue
    settings[name] = name === 'patterns' ? Math.max(0, patternNames.indexOf(value)) : Math.min(Number(value), MOST)
  }
  if (settings.start! > 0 && options.period === undefined) settings.period = 1
  return settings as unknown as Settings
}

/** Writes settings behind the word `s` of a state, and a hash behind them. */
export function keepSettings(m: Memory, s: number, settings: Settings): void {
  for (const [i, name] of names.entries()) m[s + SETTINGS + i] = settings[name]
  m[s + SETTINGS + names.length] = hashOf(m, s)
}

/** What was kept, or undefined where nothing was, or it was overwritten. */
export function keptSettings(m: Memory, s: number): Settings | undefined {
  if (m[s + SETTINGS + names.length] !== hashOf(m, s)) return undefined
  return Object.fromEntries(names.map((name, i) => [name, m[s + SETTINGS + i]! >>> 0])) as unknown as Settings
}

function hashOf(m: Memory, s: number): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < names.length; i++) hash = Math.imul(hash ^ m[s + SETTINGS + i]!, 0x01000193) ^ (hash >>> 15)
  return hash | 1
}
