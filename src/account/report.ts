/**
 * report: who holds the memory, as data: every region of this thread that is open, and the accounts of each.
 *
 *   Report
 *     regions   RegionFigures, in the order in which they were opened; a nested one after the one that it lies in
 *                 accounts   AccountFigures of the region's own account, with those below it; undefined where none are kept
 *     closed    what accounts of regions that were closed had counted, by name of the region and path; of more names than
 *               names.ts has room for, as `(others)`
 *
 * Asking costs as much as there are regions and accounts, whatever they hold.
 */
import type { Region } from '../contract/region.ts'
import { VmallocError } from '../ground/fault.ts'
import type { Charges } from '../region/charges.ts'
import type { Home } from '../region/ground.ts'
import { whoAmI } from '../region/options.ts'
import { Handle } from '../region/region.ts'
import { regions } from '../region/regions.ts'
import type { Counts, Limits } from './account.ts'
import { keyOf, Names } from './names.ts'

export interface AccountFigures {
  /** Names from the top with `/` between; empty for the region's own. */
  readonly path: string
  readonly name: string
  /** Of its own blocks. */
  readonly own: Counts
  /** With all accounts below it; of the region's own, what the region has: busy bytes, busy blocks, high tide. */
  readonly total: Counts
  readonly limits: Limits
  readonly accounts: readonly AccountFigures[]
}

export interface RegionFigures {
  /** Another one for each region that this thread opened or attached. */
  readonly id: number
  readonly name: string
  readonly method: string
  readonly discipline: string
  /** `id` of the region that it is nested in. */
  readonly parent: number | undefined
  /** Whether other threads can reach its memory: then its figures are of all of them together. */
  readonly shared: boolean
  /** Usable bytes of busy blocks, and the highest that they were. */
  readonly busyBytes: number
  readonly highTide: number
  /** Bytes held from the discipline. */
  readonly extent: number
  readonly accounts: AccountFigures | undefined
}

/**
 * What the accounts of one path had counted in regions of one name, until these were closed. Where there were many names
 * (1,000 of regions, 4,000 of accounts in them), further ones are counted together, under the name `(others)`.
 */
export interface ClosedFigures {
  readonly region: string
  readonly path: string
  readonly allocs: number
  readonly frees: number
  readonly failures: number
  /** The highest of them. */
  readonly peak: number
}

export interface Report {
  /** Milliseconds since 1970. */
  readonly taken: number
  /** When the thread began, in the same; with `pid` and `thread` it says whether two reports are of the same regions. */
  readonly started: number
  readonly pid: number
  /** 0 in the main thread. */
  readonly thread: number
  readonly regions: readonly RegionFigures[]
  readonly closed: readonly ClosedFigures[]
}

const ids = new WeakMap<Region, number>()
let opened = 0
const closed = new Map<string, ClosedFigures>()

/** Which of them have lines of their own, here and in metrics. */
export const names = new Names()

/**
 * Who holds the memory now: of this thread's regions; or of one that is given, or some, or of what has one: a heap, a
 * pool, a scope. Those that are closed are left out. Throws VmallocError `argument`.
 */
export function report(of: Home | readonly Home[] = regions()): Report {
  const { pid, thread } = whoAmI()
  const asked = Array.isArray(of) ? of : [of]
  return {
    taken: Date.now(),
    started: performance.timeOrigin,
    pid,
    thread,
    regions: asked.map(regionOf).flatMap(figuresOf),
    closed: [...closed.values()],
  }
}

function regionOf(home: unknown): Handle {
  const region = home instanceof Handle ? home : (home as { region?: unknown } | null | undefined)?.region
  if (region instanceof Handle) return region
  const came = typeof home === 'object' && home !== null ? 'an object without a region' : String(home)
  throw new VmallocError('argument', `report: ${came}, expected a region, what has one, or a list of them`)
}

/** Throws VmallocError `argument` for what is no report at all; `what` begins its sentence. */
export function mustBeReport(what: string, value: unknown): void {
  const { taken, started, pid, thread, regions, closed } = (value ?? {}) as Partial<Report>
  const hasNumbers = [taken, started, pid, thread].every((number) => typeof number === 'number')
  if (hasNumbers && Array.isArray(regions) && Array.isArray(closed)) return
  throw new VmallocError(
    'argument',
    `${what}: ${shown(value)}, expected a report, as report() or readReport() gives it`,
  )
}

/** What came, in few words. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return `a text of ${value.length} characters`
  if (typeof value !== 'object' || value === null) return String(value)
  return Array.isArray(value) ? `a list of ${value.length}` : 'an object of another kind'
}

/** Nothing where it is closed, be it by another thread. */
function figuresOf(handle: Handle): RegionFigures[] {
  if (handle.closed) return []
  try {
    return [handle.within(() => figures(handle))]
  } catch (error) {
    if (error instanceof VmallocError && error.code === 'closed') return []
    throw error
  }
}

function figures(handle: Handle): RegionFigures {
  const { charges, parent } = handle
  return {
    id: idOf(handle),
    name: handle.name,
    method: handle.method,
    discipline: handle.discipline.name,
    parent: parent === undefined ? undefined : idOf(parent),
    shared: handle.isShared,
    busyBytes: handle.busyBytes,
    highTide: handle.highTide,
    extent: handle.extent,
    accounts: charges === undefined ? talliedFigures(handle) : accountFigures(charges),
  }
}

/** Of a WebAssembly program that is watched: one account, the module's. */
function talliedFigures({ tallied }: Handle): AccountFigures | undefined {
  if (tallied === undefined) return undefined
  const counts = tallied()
  const limits = { hard: Infinity, soft: Infinity }
  return { path: '', name: '', own: counts, total: counts, limits, accounts: [] }
}

/** Of the region's own account, with all others below it. */
function accountFigures(charges: Charges): AccountFigures {
  const { ledger } = charges
  const below = new Map<number, number[]>()
  for (const slot of ledger.accounts()) {
    if (slot === ledger.first) continue
    const parent = ledger.parent(slot)
    const others = below.get(parent)
    if (others === undefined) below.set(parent, [slot])
    else others.push(slot)
  }
  return figuresFrom(charges, ledger.first, below)
}

function figuresFrom(charges: Charges, slot: number, below: ReadonlyMap<number, readonly number[]>): AccountFigures {
  const { ledger } = charges
  const path = ledger.path(slot)
  return {
    path: path.join('/'),
    name: path.at(-1) ?? '',
    own: ledger.own(slot),
    total: charges.total(slot),
    limits: ledger.limits(slot),
    accounts: (below.get(slot) ?? []).map((other) => figuresFrom(charges, other, below)),
  }
}

function idOf(region: Region): number {
  let id = ids.get(region)
  if (id === undefined) ids.set(region, (id = ++opened))
  return id
}

/** Every account of a tree, an account before those below it. */
export function flat(figures: AccountFigures): AccountFigures[] {
  return [figures, ...figures.accounts.flatMap(flat)]
}

/** Called with every region that is about to close: counters do not go back then. */
export function keepClosed(region: Region): void {
  const handle = region as Handle
  const { charges } = handle
  if (charges === undefined || handle.closed) return
  for (const { path, own } of flat(handle.within(() => accountFigures(charges)))) {
    if (own.allocs === 0 && own.failures === 0) continue
    const line = names.lineOf(region.name, path, false)
    const key = keyOf(line)
    const before = closed.get(key)
    closed.set(key, {
      ...line,
      allocs: own.allocs + (before?.allocs ?? 0),
      frees: own.allocs + (before?.frees ?? 0), // what was live went with the region
      failures: own.failures + (before?.failures ?? 0),
      peak: Math.max(own.peak, before?.peak ?? 0),
    })
  }
}
