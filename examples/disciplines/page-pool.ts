/**
 * page-pool: raw memory in pages, out of one buffer that many regions share, within a budget.
 *
 *   buffer   0        PAGE
 *            | unused | A | A | B | . | . | A | B | . | not yet |       A, B: pages of two regions; . a free page
 *
 * The pool is the discipline of every region that is opened over it. Each of them is a root of its own in the common
 * buffer: its header lies in the first page that it took, its segments are runs of pages anywhere, and its addresses
 * are offsets into the same buffer as everybody's. Nothing is nested, so regions can be closed in any order. Page 0,
 * whose address would be NIL, belongs to nobody.
 *
 *   new       the first run of free pages that is long enough, refused where there is none within the budget
 *   grow      the pages right behind the piece, refused where one of them is taken
 *   shrink    its last pages are free again
 *   give      all its pages are free again
 *
 * A region that runs out of memory makes the pool ask the others for the free pages at their ends (`compact`) before
 * the request fails. Which pages are taken is known to this object alone, so a pool serves one thread.
 */
import type { Discipline, DisciplineDef, DisciplineEvent, Region } from 'vmalloc'

/** The page of a WebAssembly.Memory. */
export const PAGE = 65536

const MOST = 65535

export class PagePool implements Discipline {
  readonly name = 'page-pool'
  readonly round = PAGE
  readonly #memory: WebAssembly.Memory
  readonly #taken: Uint8Array
  readonly #regions = new Set<Region>()

  /** A pool that takes at most `budget` pages from the system, and takes them as they are needed. */
  constructor(budget: number) {
    this.#memory = new WebAssembly.Memory({ initial: 1, maximum: budget + 1 })
    this.#taken = new Uint8Array(budget + 1)
    this.#taken[0] = 1
  }

  /** Pages that nobody has. */
  get left(): number {
    return this.#taken.reduce((left, taken) => left + 1 - taken, 0)
  }

  memory(_region: Region, at: number, had: number, want: number): number {
    const has = Math.ceil(had / PAGE)
    const wants = Math.ceil(want / PAGE)
    const first = had === 0 ? this.#firstRun(wants) : at / PAGE
    if (first === 0 || (wants > has && !this.#canTake(first + has, first + wants))) return 0
    this.#taken.fill(1, first + has, first + wants)
    this.#taken.fill(0, first + wants, first + has)
    return first * PAGE
  }

  buffer(): ArrayBufferLike {
    return this.#memory.buffer
  }

  exception(region: Region, event: DisciplineEvent): number {
    if (event === 'endopen') this.#regions.add(region)
    if (event === 'endclose') this.#regions.delete(region)
    return event === 'nomem' ? this.#collect(region) : 0
  }

  /** 1, which asks for pages again, when another region gave some back; otherwise -1, which lets the request fail. */
  #collect(needy: Region): number {
    let given = 0
    for (const region of this.#regions) if (region !== needy) given += region.compact()
    return given > 0 ? 1 : -1
  }

  /** The first of so many free pages in a row, or 0. */
  #firstRun(pages: number): number {
    let run = 0
    for (let page = 1; page < this.#taken.length; page++) {
      run = this.#taken[page] === 0 ? run + 1 : 0
      if (run === pages) return page - pages + 1
    }
    return 0
  }

  /** Whether the pages from `first` up to `end` are free and there; the memory grows as far as it must. */
  #canTake(first: number, end: number): boolean {
    if (end > this.#taken.length || this.#taken.subarray(first, end).includes(1)) return false
    const lacks = end - this.#memory.buffer.byteLength / PAGE
    if (lacks <= 0) return true
    try {
      this.#memory.grow(lacks)
      return true
    } catch (error) {
      if (error instanceof RangeError) return false
      throw error
    }
  }
}

let common: PagePool | undefined

/** By name: one pool for the whole program, made when the first region asks for it. */
export const pagePool: DisciplineDef = {
  name: 'page-pool',
  about: 'pages out of one pool that many regions share, within a budget',
  options: [
    {
      name: 'budget',
      kind: 'size',
      scope: 'region',
      min: PAGE,
      max: MOST * PAGE,
      otherwise: '16 MiB',
      about: 'the most bytes that all regions of the pool have together; the first region decides',
      example: 'budget=64m',
    },
  ],
  create: ({ budget }) => (common ??= new PagePool(Math.floor(Number(budget ?? 2 ** 24) / PAGE))),
}
