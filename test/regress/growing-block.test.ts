/**
 * growing-block: a block that grows by small steps must not cost many times its size (att/ast #1401, ksh93/ksh #95).
 *
 * AST vmalloc held 12.8 GB for a block grown by 10,000 bytes at a time to 40,960,000: each move left a hole that was
 * never given back. Here the extent stays under three times the live bytes, at every step, whatever lies in the way.
 */
import { expect } from 'chai'
import { open, type Region } from '../../src/index.ts'

const STEP = 10_000
const END = 40_960_000
const SMALL = 24
const SHARE = 3

// biome-ignore format: a table
const places: [where: string, make: () => { region: Region; root: Region }][] = [
  ['memory',             () => alone(open({ discipline: 'memory' }))],
  ['shared',             () => alone(open({ discipline: 'shared' }))],
  ['resizable',          () => alone(open({ discipline: 'resizable' }))],
  ['nested in memory',   () => inside(open({ discipline: 'memory', name: 'root' }))],
  ['nested in shared',   () => inside(open({ discipline: 'shared', name: 'root' }))],
  ['nested in resizable', () => inside(open({ discipline: 'resizable', name: 'root' }))],
  ['nested twice',       () => inside(open({ discipline: open({ discipline: 'memory' }), name: 'between' }))],
]

function alone(region: Region): { region: Region; root: Region } {
  return { region, root: region }
}

function inside(parent: Region): { region: Region; root: Region } {
  return { region: open({ discipline: parent, name: 'nested' }), root: parent.parent ?? parent }
}

/** What word `i` of the block must be, whatever happened to it. */
const wordAt = (i: number) => Math.imul(i + 1, 0x9e3779b1)

/** The block's words from byte `from` up to byte `to`. */
const words = (region: Region, at: number, from: number, to: number) =>
  region.array(Int32Array, at + from, (to - from) / 4)

/** Grows a block to the end, an obstacle behind it after every `every`th growth; the largest extents met. */
function grow({ region, root }: { region: Region; root: Region }, every: number): { at: number; worst: number } {
  let at = region.alloc(STEP)
  let live = STEP
  let worst = 0
  const fill = (from: number, to: number) => {
    const part = words(region, at, from, to)
    for (let i = 0; i < part.length; i++) part[i] = wordAt(from / 4 + i)
  }
  fill(0, STEP)
  for (let size = 2 * STEP, growth = 1; size <= END; size += STEP, growth++) {
    at = region.resize(at, size, { move: true, copy: true })
    if (at === 0) throw new Error(`no ${size} bytes after ${growth} growths`)
    fill(size - STEP, size)
    live += STEP
    if (growth % every === 0) {
      region.bytes(region.alloc(SMALL), SMALL).fill(growth)
      live += SMALL
    }
    if (growth > 10) worst = Math.max(worst, root.stat().extent / live)
  }
  return { at, worst }
}

for (const [where, make] of places) {
  describe(`a growing block, ${where}`, () => {
    for (const [what, every] of [
      ['that grows alone', Infinity],
      ['with a small block allocated after each 100th growth', 100],
    ] as const) {
      it(`${what} keeps the extent under ${SHARE} times the live bytes`, () => {
        const { region, root } = make()
        const { at, worst } = grow({ region, root }, every)
        expect(worst).to.be.below(SHARE)

        const content = words(region, at, 0, END)
        for (let i = 0; i < content.length; i++) {
          if (content[i] !== wordAt(i)) throw new Error(`word ${i} is ${content[i]}, expected ${wordAt(i)}`)
        }
        region.check()
        root.check()
        expect(region.stat().busyBlocks).to.equal(1 + (every === Infinity ? 0 : Math.floor((END / STEP - 1) / every)))
        expect(root.close()).to.equal(true)
      })
    }
  })
}
