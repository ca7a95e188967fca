/**
 * finding: what a method found out, with names, frames and bytes in the place of numbers; and as a text.
 *
 *   vmalloc: overflow: 4 bytes behind the block were written
 *     block of 24 bytes at 4144, region packets, method debug(best)
 *     first bad byte at offset 24:
 *       4160  00 00 00 00 00 00 00 00 [78 56 34 12] ad ad ad ad
 *     allocated by
 *       parse (/app/parser.ts:12:20)
 *     found by
 *       finish (/app/parser.ts:40:3)
 */
import type { Excerpt, Finding, FindingKind, Found } from '../contract/finding.ts'
import type { Region } from '../contract/region.ts'
import { type Frame, framesOf, frameText, isForeign, type Site } from '../ground/stacks.ts'

const ROW = 16

const endings: Partial<Record<FindingKind, string>> = {
  'use-after-close': 'closed by',
  'use-after-clear': 'cleared by',
}
const BLOCKLESS: readonly FindingKind[] = ['bad-free', 'bad-resize', 'use-after-close']

type Named = Pick<Region, 'name' | 'method'>

/** A finding of a region's method; `bias` is added to addresses. */
export function findingOf(region: Named, found: Found, bias = 0): Finding {
  return new Told(region, found, bias)
}

class Told implements Finding {
  readonly kind: FindingKind
  readonly what: string
  readonly region: string
  readonly method: string
  readonly address: number
  readonly size: number
  readonly offset: number
  readonly bytes: Excerpt | undefined
  readonly allocated: readonly Frame[] | undefined
  readonly freed: readonly Frame[] | undefined
  readonly detected: readonly Frame[] | undefined
  readonly blocks: number
  readonly total: number
  readonly #sites: readonly [string, Site, readonly Frame[] | undefined][]

  constructor(region: Named, found: Found, bias: number) {
    this.kind = found.kind
    this.what = found.what
    this.region = region.name
    this.method = region.method
    this.address = found.at + (Number.isFinite(found.at) && found.at !== 0 ? bias : 0)
    this.size = found.size
    this.offset = found.offset
    this.bytes = found.bytes === undefined ? undefined : hexOf(found.bytes, bias)
    this.allocated = framesOf(found.allocated)
    this.freed = framesOf(found.freed)
    this.detected = ofProgram(framesOf(found.detected))
    this.blocks = found.blocks ?? 1
    this.total = found.total ?? found.size
    this.#sites = [
      [found.isRegion === true ? 'opened by' : 'allocated by', found.allocated, this.allocated],
      [endings[found.kind] ?? 'freed by', found.freed, this.freed],
      ['found by', found.detected, this.detected],
    ]
  }

  toString(): string {
    const lines = [
      `vmalloc: ${this.kind}: ${this.what}`,
      `  ${this.#subject()}, region ${this.region}, method ${this.method}`,
    ]
    if (this.bytes !== undefined) {
      lines.push(`  first bad byte at offset ${this.offset}:`, ...pictureOf(this.bytes, this.address + this.offset))
    }
    for (const [title, site, frames] of this.#sites) {
      if (frames !== undefined) lines.push(`  ${title}`, ...frames.map((frame) => `    ${frameText(frame)}`))
      else if (isForeign(site)) lines.push(`  ${title} another thread, or an earlier run of the program`)
    }
    return lines.join('\n')
  }

  toJSON(): object {
    const { kind, what, region, method, address, size, offset, bytes, allocated, freed, detected, blocks, total } = this
    const told = { kind, what, region, method, address, size, offset, bytes, allocated, freed, detected, blocks, total }
    return Object.fromEntries(Object.entries(told).map(([key, value]) => [key, value ?? null]))
  }

  #subject(): string {
    if (this.blocks > 1) return `${this.blocks} blocks of ${this.total} bytes together, the first at ${this.address}`
    if (BLOCKLESS.includes(this.kind)) return `address ${this.address}`
    return `block of ${this.size} bytes at ${this.address}`
  }
}

/** A stack with a call of the program in it: the runtime's own, as when a program ends, say nothing. */
function ofProgram(frames: readonly Frame[] | undefined): readonly Frame[] | undefined {
  return frames?.some(({ file }) => !file.startsWith('node:')) ? frames : undefined
}

function hexOf({ at, data }: NonNullable<Found['bytes']>, bias: number): Excerpt {
  return { at: at + bias, hex: Array.from(data, (byte) => byte.toString(16).padStart(2, '0')).join('') }
}

/** Rows of 16 bytes; the one that is bad stands in brackets. */
function pictureOf({ at, hex }: Excerpt, bad: number): string[] {
  const bytes = hex.match(/../g) ?? []
  const rows: string[] = []
  for (let row = 0; row < bytes.length; row += ROW) {
    const signs = bytes.slice(row, row + ROW).map((byte, i) => (at + row + i === bad ? `[${byte}]` : ` ${byte} `))
    rows.push(`    ${String(at + row).padStart(10)} ${signs.join('')}`.trimEnd())
  }
  return rows
}
