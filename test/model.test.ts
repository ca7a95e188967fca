/**
 * model: sequences of operations made by fast-check, which shrinks one that fails to the few operations that matter.
 *
 * The model is a list of live blocks, each with its content; the region is checked after every operation.
 */
import { expect } from 'chai'
import fc from 'fast-check'
import { open, type Region } from '../src/index.ts'

interface Block {
  at: number
  size: number
  mark: number
}
interface World {
  region: Region
  /** Zero, or the one size of a pool. */
  unit: number
  newestOnly: boolean
}
type Live = Block[]
type Step = fc.Command<Live, World>

function fill({ region }: World, block: Block): void {
  region.bytes(block.at, block.size).fill(block.mark)
}

function verify({ region }: World, live: Live): void {
  for (const { at, size, mark } of live) {
    if (!region.bytes(at, size).every((byte) => byte === mark)) throw new Error(`content of ${at} changed`)
  }
  const stat = region.stat()
  expect(stat.busyBlocks).equals(live.length)
  expect(stat.busyBytes + stat.cachedBytes + stat.freeBytes + stat.overhead).equals(stat.extent)
}

function alloc(size: number, kind: 'plain' | 'zeroed' | 'aligned', power: number): Step {
  return {
    check: () => true,
    run(live, world) {
      const { region, unit } = world
      const bytes = unit || size
      const alignment = 2 ** power
      const at =
        kind === 'plain'
          ? region.alloc(bytes)
          : kind === 'zeroed'
            ? region.allocZeroed(bytes)
            : region.align(bytes, alignment)
      if (at === 0) return
      expect(at % (kind === 'aligned' ? Math.max(alignment, 8) : 8)).equals(0)
      if (kind === 'zeroed') expect(region.bytes(at).every((byte) => byte === 0)).equals(true)
      const block = { at, size: bytes, mark: (live.length * 31 + 7) & 255 }
      for (const other of live) expect(at + bytes <= other.at || other.at + other.size <= at, 'apart').equals(true)
      live.push(block)
      fill(world, block)
      verify(world, live)
    },
    toString: () => `${kind}(${size}${kind === 'aligned' ? `, ${2 ** power}` : ''})`,
  }
}

function free(which: number): Step {
  return {
    check: (live) => live.length > 0,
    run(live, world) {
      const i = which % live.length
      const { at } = live[i]!
      const freed = world.region.free(at)
      if (!world.newestOnly) expect(freed).equals(true)
      if (!freed) return
      live.splice(i, 1)
      expect(world.region.free(at), 'a second free').equals(false)
      verify(world, live)
    },
    toString: () => `free(#${which})`,
  }
}

function resize(which: number, size: number, copy: boolean): Step {
  return {
    check: (live) => live.length > 0,
    run(live, world) {
      const block = live[which % live.length]!
      const bytes = world.unit || size
      const at = world.region.resize(block.at, bytes, copy ? { copy: true } : {})
      if (at === 0) return verify(world, live)
      const kept = Math.min(block.size, bytes)
      expect(world.region.bytes(at, kept).every((byte) => byte === block.mark)).equals(true)
      if (at !== block.at) expect(copy, 'moved only when told').equals(true)
      Object.assign(block, { at, size: bytes })
      fill(world, block)
      verify(world, live)
    },
    toString: () => `resize(#${which}, ${size}${copy ? ', copy' : ''})`,
  }
}

function whole(what: 'compact' | 'clear'): Step {
  return {
    check: () => true,
    run(live, world) {
      if (what === 'clear') live.length = 0
      world.region[what]()
      verify(world, live)
    },
    toString: () => what,
  }
}

const size = fc.oneof({ weight: 4, arbitrary: fc.nat(300) }, { weight: 1, arbitrary: fc.nat(6000) })
const steps = [
  fc
    .tuple(size, fc.constantFrom('plain' as const, 'plain' as const, 'zeroed' as const, 'aligned' as const), fc.nat(9))
    .map((t) => alloc(...t)),
  fc.nat(50).map(free),
  fc.nat(50).map(free),
  fc.tuple(fc.nat(50), size, fc.boolean()).map((t) => resize(...t)),
  fc.constantFrom('compact' as const, 'compact' as const, 'clear' as const).map(whole),
]

describe('sequences that shrink', () => {
  for (const method of ['best', 'last', 'pool'] as const) {
    for (const where of ['a buffer', 'a nested region'] as const) {
      it(`${method} over ${where}`, () => {
        fc.assert(
          fc.property(
            fc.commands(steps, { maxCommands: 120, size: 'max' }),
            fc.constantFrom(0, 24, 100),
            (commands, element) => {
              fc.modelRun(() => {
                const unit = method === 'pool' ? element || 40 : 0
                const buffer = new ArrayBuffer(64 * 1024)
                const discipline = where === 'a buffer' ? buffer : open({ discipline: buffer, method: 'best' })
                const region = open({ method, discipline, check: 3 })
                return { model: [], real: { region, unit, newestOnly: method === 'last' } }
              }, commands)
            },
          ),
          { numRuns: 150 },
        )
      })
    }
  }
})
