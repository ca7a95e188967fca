/**
 * map: where the blocks of a region lie, as data, and the same counted in cells for those who draw it.
 *
 *   segment  at                                                             at + size
 *            | header | block  | block |gap| block: a child's segment | block .... |
 *   cells    |---------######### ....... ----@@@@@@@@@@@@@@@@@@@@@@@@@ ........... |   `unit` bytes each
 *
 * A cell shows what most bytes of blocks in it are; one without any lies in a header, a table or a gap. All is linear in
 * the blocks, and cells are as many as asked for, however large the region.
 */
import { ALIGN } from '../contract/addr.ts'
import type { MappedBlock, MappedSegment, Region, RegionMap } from '../contract/region.ts'
import { CHILD, flaw, NEXT_SIBLING, PARENT, readText, TEXTS } from './header.ts'
import { type Owner, Segments } from './segments.ts'

/** Of many segments so many are drawn, the largest ones. */
const DRAWN = 32

/** Fewer bytes are not told apart. */
const FINEST = 8

/** What the bytes of a block can be. */
export type Kind = 'busy' | 'cached' | 'free' | 'nested'

/** What a cell shows, by its sign; where two kinds have as many bytes, the one that comes first here. */
export const signs = { nested: '@', busy: '#', free: '.', cached: '+', tables: '-' } as const

const kinds: readonly Kind[] = ['nested', 'busy', 'free', 'cached']

export interface Cells {
  readonly segment: MappedSegment
  /** One sign a cell. */
  readonly signs: string
  /** By cell: the child region that lies there. */
  readonly children: ReadonlyMap<number, string>
}

/** What a picture is drawn of. */
export interface Grid {
  /** Bytes a cell. */
  readonly unit: number
  /** Segments that are drawn, in their order. */
  readonly drawn: readonly Cells[]
  /** Segments that are not, and their bytes. */
  readonly left: number
  readonly leftBytes: number
}

export type Totals = Record<Kind | 'tables', { blocks: number; bytes: number }>

/** A region's map; `store` is its own. Nobody may change the region meanwhile. */
export function mapOf(region: Owner, store: Segments): RegionMap {
  const segments = region.segments().map(({ at, size }) => ({ at, size, blocks: [] as MappedBlock[] }))
  deal(blocksOf(region, store), segments)
  return { name: region.name, method: region.method, segments }
}

/** The map of a region that is closed. */
export function emptyMap(region: Region): RegionMap {
  return { name: region.name, method: region.method, segments: [] }
}

/** In order of address, with the names of the children that lie in them. */
function blocksOf(region: Owner, store: Segments): MappedBlock[] {
  const blocks: MappedBlock[] = []
  let isInOrder = true
  region.walk((block) => {
    if (isInOrder && blocks.length > 0 && block.at < blocks[blocks.length - 1]!.at) isInOrder = false
    blocks.push(block)
  })
  if (!isInOrder) blocks.sort(byAddress)
  let i = 0
  for (const { at, name } of guestsOf(region, store)) {
    while (i < blocks.length && blocks[i]!.at + blocks[i]!.size <= at) i++
    const block = blocks[i]
    if (block === undefined || block.at > at || block.state !== 'busy') continue
    if (block.child === undefined) blocks[i] = { ...block, child: name }
  }
  return blocks
}

/** Gives each segment its blocks. */
function deal(blocks: readonly MappedBlock[], segments: readonly (MappedSegment & { blocks: MappedBlock[] })[]): void {
  const ordered = [...segments].sort(byAddress)
  let i = 0
  for (const block of blocks) {
    while (i < ordered.length && ordered[i]!.at + ordered[i]!.size <= block.at) i++
    const segment = ordered[i]
    if (segment !== undefined && block.at >= segment.at) segment.blocks.push(block)
  }
}

/**
 * Where the children's segments lie, in order of address. Names are read from headers, so a child whose method this
 * thread does not know has one too; a list that is broken ends where it is.
 */
function guestsOf(region: Owner, store: Segments): { at: number; name: string }[] {
  const guests: { at: number; name: string }[] = []
  const seen = new Set<number>()
  const isChild = (h: number) => flaw(store.words, h) === '' && store.get(h, PARENT) === store.header
  for (let h = store.get(store.header, CHILD); !seen.has(h) && isChild(h); h = store.get(h, NEXT_SIBLING)) {
    seen.add(h)
    const name = readText(store.words, h + TEXTS)
    const child = new Segments(store.space, region, store.discipline, name)
    child.bind(h, ALIGN)
    for (const { at } of child.views()) guests.push({ at, name })
  }
  return guests.sort(byAddress)
}

/** About `width * lines` cells. */
export function gridOf({ segments }: RegionMap, width: number, lines: number): Grid {
  const largest = new Set([...segments].sort((a, b) => b.size - a.size).slice(0, DRAWN))
  const bytesOf = (some: Iterable<MappedSegment>) => [...some].reduce((sum, { size }) => sum + size, 0)
  const bytes = bytesOf(largest)
  const unit = Math.max(FINEST, Math.ceil(bytes / (width * lines)))
  return {
    unit,
    drawn: segments.filter((segment) => largest.has(segment)).map((segment) => cellsOf(segment, unit)),
    left: segments.length - largest.size,
    leftBytes: bytesOf(segments) - bytes,
  }
}

function cellsOf(segment: MappedSegment, unit: number): Cells {
  const count = Math.max(1, Math.ceil(segment.size / unit))
  const sums = new Float64Array(count * kinds.length)
  const children = new Map<number, string>()
  for (const block of segment.blocks) {
    const kind = kinds.indexOf(kindOf(block))
    const end = Math.min(block.at - segment.at + block.size, segment.size)
    for (let from = block.at - segment.at; from < end; ) {
      const cell = Math.floor(from / unit)
      const to = Math.min(end, (cell + 1) * unit)
      sums[cell * kinds.length + kind]! += to - from
      if (block.child !== undefined) children.set(cell, block.child)
      from = to
    }
  }
  return { segment, signs: Array.from({ length: count }, (_, cell) => signs[mostOf(sums, cell)]).join(''), children }
}

function mostOf(sums: Float64Array, cell: number): Kind | 'tables' {
  let most: Kind | 'tables' = 'tables'
  let bytes = 0
  for (const [i, kind] of kinds.entries()) {
    const sum = sums[cell * kinds.length + i]!
    if (sum > bytes) [most, bytes] = [kind, sum]
  }
  return most
}

/** How many blocks of each kind and their bytes; `tables` is what no block has. */
export function totalsOf(segments: readonly MappedSegment[]): Totals {
  const none = () => ({ blocks: 0, bytes: 0 })
  const totals: Totals = { busy: none(), nested: none(), free: none(), cached: none(), tables: none() }
  for (const { size, blocks } of segments) {
    totals.tables.bytes += size
    for (const block of blocks) {
      const total = totals[kindOf(block)]
      total.blocks++
      total.bytes += block.size
      totals.tables.bytes -= block.size
    }
  }
  return totals
}

const kindOf = (block: MappedBlock): Kind => (block.child === undefined ? block.state : 'nested')

const byAddress = (a: { readonly at: number }, b: { readonly at: number }) => a.at - b.at
