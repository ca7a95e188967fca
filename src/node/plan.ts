/**
 * plan: under which methods and disciplines traces are replayed.
 *
 * The region of a replay is named `replay`, so `VMALLOC_OPTIONS=replay.check=2` speaks to it alone. What the environment
 * says of that region, or of every region, wins over the command line, as it does over every program: entries of the
 * lists that come to the same then are one, and the plan says so. What it says without a prefix holds where the command
 * line is silent.
 */
import type { Region } from '../contract/region.ts'
import { open } from '../region/open.ts'
import { currentOptions } from '../region/options.ts'
import { remark } from './terminal.ts'

const REGION = 'replay'

/** What is asked of `open`; the environment decides what is absent. */
export interface Entry {
  readonly method?: string
  readonly discipline?: string
}

export function openEntry({ method, discipline }: Entry): Region {
  return open({ name: REGION, method, discipline })
}

/** Whether the environment speaks of a method or a discipline, so that a default would be in its way. */
export function isChosen(key: 'method' | 'discipline'): boolean {
  const { named, wild, plain } = currentOptions().lookup(REGION, key)
  return (named ?? wild ?? plain) !== undefined
}

/** The entries of two lists, as the command line has them. Each is opened once, to see that it can be. */
export function plan(methods: string | undefined, disciplines: string | undefined): Entry[] {
  const entries = listOf(disciplines, isChosen('discipline') ? undefined : 'memory').flatMap((discipline) =>
    listOf(methods, undefined).map((method): Entry => ({ method, discipline })),
  )
  const actual = entries.map(actualOf)
  if (!isForced('method') && !isForced('discipline')) return entries
  for (const title of new Set(actual)) remark(`VMALLOC_OPTIONS makes the region named ${REGION} ${title}`)
  return entries.filter((_, i) => actual.indexOf(actual[i]!) === i)
}

/** What `open` makes of an entry. */
function actualOf(entry: Entry): string {
  const region = openEntry(entry)
  const title = `${region.method} over ${region.discipline.name}`
  region.close()
  return title
}

function isForced(key: 'method' | 'discipline'): boolean {
  const { named, wild } = currentOptions().lookup(REGION, key)
  return (named ?? wild) !== undefined
}

function listOf(names: string | undefined, otherwise: string | undefined): (string | undefined)[] {
  return names === undefined ? [otherwise] : names.split(',').map((name) => name.trim())
}
