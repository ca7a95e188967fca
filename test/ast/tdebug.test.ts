/**
 * tdebug: a region of method debug, six mistakes, and a line of warning for each.
 *
 * The original catches what is written to the descriptor of warnings and counts the kinds of message. Here the lines of
 * format=ast are read from the file of `warn`, each by its fields, and the program's mistakes are refusals that it can
 * see as well. What the original leaves out is asked for, too: that a second look says nothing new, that the mistakes of
 * one block do not harm another, and that a program without a mistake is told nothing.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { injectOptions, open, type Region } from '../../src/index.ts'
import { marked } from '../fixtures/debug.ts'

const line = marked(import.meta.filename)
const place = (mark: string, isNamed = false): string => `tdebug.test.ts,${line(mark).line}${isNamed ? `,${mark}` : ''}`

const make = (region: Region, size: number): number => region.alloc(size) // @make
const drop = (region: Region, at: number): boolean => region.free(at) // @drop
const dropAgain = (region: Region, at: number): boolean => region.free(at) // @dropAgain
const change = (region: Region, at: number, size: number): number => region.resize(at, size, { copy: true }) // @change
const write = (region: Region, at: number): void => void (new Uint8Array(region.buffer)[at] = 0)

describe('ast tdebug', () => {
  let folder: string
  let file: string
  let region: Region
  let seen: number
  before(() => void (folder = mkdtempSync(join(tmpdir(), 'vmalloc-tdebug-'))))
  after(() => rmSync(folder, { recursive: true }))
  beforeEach(() => {
    seen = 0
    file = join(folder, `${Date.now()}-${Math.random()}`)
    injectOptions(`format=ast,warn=${file}`)
    region = open({ name: 'tdebug', method: 'debug', discipline: 'memory' })
  })
  afterEach(() => {
    region.close()
    injectOptions(undefined)
  })

  /** The lines that were written since the last call. */
  function warnings(): string[] {
    const all = existsSync(file) ? readFileSync(file, 'utf8').split('\n').slice(0, -1) : []
    const fresh = all.slice(seen)
    seen = all.length
    return fresh
  }
  const warning = (kind: string, at: number, ...rest: string[]): string[] => [
    `${[kind, 'region=tdebug', `block=${at.toString(16)}`, ...rest].join(':')}:`,
  ]
  const allocated = (): string => `allocated at=${place('make')}`
  const freed = (): string => `freed at=${place('drop')}`
  const detected = (mark: string): string => `detected at=${place(mark, true)}`

  it('says nothing of a program without a mistake', () => {
    const blocks = [0, 1, 3, 100, 5000].map((size) => make(region, size))
    for (const [i, at] of blocks.entries()) blocks[i] = change(region, at, 64)
    for (const at of blocks) expect(drop(region, at)).to.equal(true)
    region.check()
    expect(warnings()).to.deep.equal([])
  })

  for (const [title, away] of [
    ['inside a block', 8],
    ['before one', -8],
    ['of no block at all', 1 << 20],
  ] as const) {
    it(`free and resize of an address ${title}`, () => {
      const at = make(region, 100)
      const known = title === 'of no block at all' ? [] : [allocated()]
      expect(drop(region, at + away)).to.equal(false)
      expect(warnings()).to.deep.equal(
        warning('free error', at + away, 'unallocated block', ...known, detected('drop')),
      )
      expect(change(region, at + away, 200)).to.equal(0)
      expect(warnings()).to.deep.equal(
        warning('resize error', at + away, 'unallocated block', ...known, detected('change')),
      )
      expect(region.sizeOf(at)).to.equal(100)
      expect(drop(region, at)).to.equal(true)
      region.check()
      expect(warnings()).to.deep.equal([])
    })
  }

  it('a second free, and a resize of what is freed', () => {
    const other = make(region, 100)
    const at = make(region, 100)
    expect(drop(region, at)).to.equal(true)
    expect(dropAgain(region, at)).to.equal(false)
    expect(warnings()).to.deep.equal(
      warning('free error', at, 'already freed', allocated(), freed(), detected('dropAgain')),
    )
    expect(change(region, at, 200)).to.equal(0)
    expect(warnings()).to.deep.equal(
      warning('resize error', at, 'unallocated block', allocated(), freed(), detected('change')),
    )
    expect(region.sizeOf(other)).to.equal(100)
    expect(drop(region, other)).to.equal(true)
    region.check()
    expect(warnings()).to.deep.equal([])
  })

  it('a byte that is written 3 before a block, or 7 behind its end', () => {
    for (const [offset, size] of [
      [-3, 100],
      [106, 100],
      [36, 29],
    ] as const) {
      const other = make(region, size)
      const at = make(region, size)
      write(region, at + offset)
      expect(drop(region, at)).to.equal(true)
      expect(warnings()).to.deep.equal(
        warning('corrupted data', at, `bad byte at=${offset}`, allocated(), detected('drop')),
      )
      region.check()
      expect(drop(region, other)).to.equal(true)
      expect(warnings(), 'told once').to.deep.equal([])
    }
  })

  it('a resize notices it too, and the block lives on', () => {
    const at = make(region, 100)
    region.bytes(at, 100).fill(9)
    write(region, at + 100)
    const moved = change(region, at, 3000)
    expect(moved).to.be.greaterThan(0)
    expect(warnings()).to.deep.equal(warning('corrupted data', at, 'bad byte at=100', allocated(), detected('change')))
    expect(region.bytes(moved, 100).every((byte) => byte === 9)).to.equal(true)
    expect(drop(region, moved)).to.equal(true)
    expect(warnings()).to.deep.equal([])
  })
})
