/**
 * data: what a page is given: figures as JSON, and columns of numbers packed beside them.
 *
 *   <script id="report" type="application/json">  PageData              '<' written as \u003c
 *   <script id="columns" type="text/plain">       base64 of a deflated sequence of columns, in the order of `columns`
 *
 *   a column of n numbers below 2^32, in planes, because bytes of one weight are alike and pack well
 *
 *               | lowest bytes: n | next: n | next: n | highest bytes: n |
 *
 * Columns that ascend are written as differences: the first number, then what each adds to the one before.
 */
import type { SiteTally, Tally } from '../contract/profile.ts'
import type { Advice } from './advice.ts'
import type { Summary } from './summary.ts'

/** Where a column begins is the sum of those before it. */
export interface ColumnHead {
  readonly name: string
  readonly length: number
  readonly ascends: boolean
}

/** A frame by its numbers in `files` and `names`. */
export type PackedFrame = readonly [name: number, file: number, line: number, column: number]

export interface PackedSite extends Omit<SiteTally, 'frames'> {
  /** Numbers in `frames`, innermost first. */
  readonly frames: readonly number[]
}

export interface PackedProfile {
  readonly region: string
  readonly method: string
  readonly mode: 'exact' | 'sampled'
  readonly interval: number
  readonly since: number
  readonly taken: number
  readonly extent: number
  readonly total: Tally
  readonly sites: readonly PackedSite[]
}

/** Points of the curves over time; all lists are equally long. */
export interface Curves {
  /** How many events were done. */
  readonly events: readonly number[]
  /** Milliseconds since the start, where the trace has times. */
  readonly ms: readonly number[] | undefined
  /** Bytes asked for that are live, blocks that are. */
  readonly live: readonly number[]
  readonly blocks: readonly number[]
  /** Bytes held from the discipline. */
  readonly extent: readonly number[]
}

export interface TracePart {
  readonly summary: Summary
  readonly curves: Curves
  /** The replay behind the map and the extent. */
  readonly method: string
  readonly discipline: string
  readonly failed: number
  readonly refused: number
  readonly mostHeld: number
  readonly advice: Advice | undefined
}

export interface PageData {
  readonly title: string
  readonly version: string
  readonly trace: TracePart | undefined
  /** Of a trace: one, which has sites only where the trace has stacks. */
  readonly profiles: readonly PackedProfile[]
  readonly names: readonly string[]
  readonly files: readonly string[]
  readonly frames: readonly PackedFrame[]
  readonly columns: readonly ColumnHead[]
}

/** The columns of a page by name: of the pieces of history.ts, and the site of each block of these. */
export type ColumnName =
  | 'blocks.starts'
  | 'blocks.ends'
  | 'blocks.ats'
  | 'blocks.sizes'
  | 'blocks.sites'
  | 'held.starts'
  | 'held.ends'
  | 'held.ats'
  | 'held.sizes'
