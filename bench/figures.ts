/**
 * figures: rows looked up and put together.
 */
import type { Row } from './measure.ts'

export type Figure = 'ns' | 'fresh' | 'touched' | 'utilization' | 'bytes'

type Sort = 'traces' | 'stacks' | 'loops' | 'heaps' | 'collections' | 'programs' | 'served' | 'modules'
/** By unit. */
const sorts: Readonly<Record<string, Sort>> = {
  op: 'traces',
  call: 'stacks',
  heap: 'heaps',
  await: 'heaps',
  entry: 'collections',
  value: 'collections',
  interval: 'collections',
  pool: 'collections',
  turn: 'collections',
  byte: 'collections',
  run: 'programs',
  script: 'served',
  module: 'modules',
}

export const isOfCollections = (unit: string): boolean => sorts[unit] === 'collections'

export class Figures {
  readonly rows: readonly Row[]
  readonly #byPlace = new Map<string, Row>()

  constructor(rows: readonly Row[]) {
    this.rows = rows
    for (const row of rows) this.#byPlace.set(`${row.load}/${row.subject}`, row)
  }

  row(load: string, subject: string): Row | undefined {
    return this.#byPlace.get(`${load}/${subject}`)
  }

  get(load: string, subject: string, figure: Figure = 'ns'): number | undefined {
    return this.row(load, subject)?.[figure]
  }

  /** Whether the subject was asked and failed or was stopped, be it after some passes. */
  isUnfinished(load: string, subject: string): boolean {
    const row = this.row(load, subject)
    return row !== undefined && (row.ns === undefined || row.note?.startsWith('pass') === true)
  }

  /** The recorded traces, their beginnings with stacks, the loops, those of heaps, of collections, the programs, or what is done in WebAssembly. */
  loads(kind: Sort): string[] {
    const those = this.rows.filter(({ unit }) => (sorts[unit] ?? 'loops') === kind)
    return [...new Set(those.map(({ load }) => load))]
  }

  subjects(loads: readonly string[]): string[] {
    return [...new Set(this.rows.filter(({ load }) => loads.includes(load)).map(({ subject }) => subject))]
  }

  /** Geometric mean of a figure over loads; undefined unless the subject did them all. */
  mean(subject: string, loads: readonly string[], figure: Figure = 'ns'): number | undefined {
    return geometric(loads.map((load) => this.get(load, subject, figure)))
  }

  /** How a subject stands to another over those of the loads that both did. */
  ratios(subject: string, other: string, loads: readonly string[], figure: Figure = 'ns'): number[] {
    return loads.flatMap((load) => {
      const [mine, theirs] = [this.get(load, subject, figure), this.get(load, other, figure)]
      return mine === undefined || theirs === undefined ? [] : [mine / theirs]
    })
  }
}

/** What is compared in a load of collections: one of ours, one of the others, and how the first stands to the second. */
export interface Comparison {
  readonly load: string
  readonly mine: string
  readonly theirs: string
  /** ns, or bytes. */
  readonly ours: number | undefined
  readonly other: number | undefined
}

/** Each of ours against each of the others; one of ours that has nobody to be compared with stands alone. */
export function comparisons({ rows }: Figures, loads: readonly string[]): Comparison[] {
  return loads.flatMap((load) => {
    const those = rows.filter((row) => row.load === load)
    const others = those.filter(({ kind }) => kind !== 'ours')
    const numberOf = (row: Row | undefined) => row?.ns ?? row?.bytes
    return those
      .filter(({ kind }) => kind === 'ours')
      .flatMap((mine) =>
        (others.length > 0 ? others : [undefined]).map((other) => ({
          ...{ load, mine: mine.subject, theirs: other?.subject ?? '' },
          ...{ ours: numberOf(mine), other: numberOf(other) },
        })),
      )
  })
}

/** The geometric mean, if there are numbers and none is missing. */
export function geometric(numbers: readonly (number | undefined)[]): number | undefined {
  if (numbers.length === 0 || numbers.includes(undefined)) return undefined
  return Math.exp((numbers as number[]).reduce((sum, n) => sum + Math.log(n), 0) / numbers.length)
}
