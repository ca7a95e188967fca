/**
 * grid: every method over every discipline, at every alignment, and every chain of four methods nested in one another.
 * Lives are brief; what one method or one discipline must do at length is asked in methods.test.ts and
 * disciplines.test.ts.
 */
import { expect } from 'chai'
import { attach, type OpenOptions, open, type Region, registry, VmallocError } from '../src/index.ts'
import { type Live, Rng, randomLife, seedFrom, Watched } from './conformance/index.ts'

const SEED = seedFrom(process.env.SEED)
const MIB = 2 ** 20
const ROOM = 16 * MIB
const alignments = [8, 16, 64, 4096]
const methods = registry.methods.all().filter(({ sizes, wraps }) => sizes !== 'none' && wraps !== true)

/** Roots to open a region on: the registered ones, each with 16 MiB at most, and raw memory. */
const roots: Record<string, () => OpenOptions['discipline']> = {
  'part of an ArrayBuffer': () => new Uint8Array(new ArrayBuffer(ROOM), 13, ROOM - 26),
  'a WebAssembly.Memory': () => new WebAssembly.Memory({ initial: 1, maximum: ROOM / 2 ** 16 }),
}
for (const { name, create } of registry.disciplines.all()) {
  if (!['region', 'null', 'wasm'].includes(name)) roots[name] = () => create({ max: ROOM })
}

describe(`grid, SEED=${SEED}`, () => {
  for (const [name, root] of Object.entries(roots)) {
    for (const { name: method } of methods) {
      it(`${method} over ${name}, at each alignment`, () => {
        for (const align of alignments) {
          randomLife({ method, discipline: root(), steps: 250, seed: SEED, largest: 500, options: { align } })
        }
      })
    }
    it(`null over ${name} opens, refuses and closes`, () => {
      randomLife({ method: 'null', discipline: root(), steps: 50, seed: SEED })
    })
  }

  it('nothing opens over null', () => {
    for (const method of registry.methods.names()) {
      expect(() => open({ method, discipline: 'null' })).to.throw(VmallocError, /discipline null has no \d+ bytes/)
    }
  })

  const chains = methods.flatMap((a) =>
    methods.flatMap((b) => methods.flatMap((c) => methods.map((d) => [a, b, c, d]))),
  )
  for (const [i, chain] of chains.entries()) {
    const names = chain.map(({ name }) => name)
    const [name, root] = Object.entries(roots)[i % Object.keys(roots).length]!
    const align = alignments[(i + (i >> 2)) % alignments.length]!
    it(`${names.join(' > ')} in ${name}, aligned to ${align}`, () => nest(names, root(), align, new Rng(SEED + i)))
  }
})

/** Elements of a pool that others nest in, by its depth. */
const ELEMENTS = [MIB, 2 ** 18, 2 ** 16]

/** Regions one in the other, all of them used in turns; then a copy of their bytes; then their end. */
function nest(chain: readonly string[], root: OpenOptions['discipline'], align: number, rng: Rng): void {
  const levels: Watched[] = []
  for (const [depth, method] of chain.entries()) {
    const discipline = levels.at(-1)?.region ?? root
    const element = depth < 3 && method === 'pool' ? { element: ELEMENTS[depth] } : {}
    levels.push(new Watched(open({ method, discipline, align, check: 3, name: `level ${depth}`, ...element })))
  }
  for (let round = 0; round < 80; round++) use(levels, rng.below(4), rng)
  for (const { region, model } of levels) {
    region.check()
    for (const { at } of model.live)
      expect(levels[0]!.region.regionOf(at)?.name, `owner of ${at}`).to.equal(region.name)
  }
  expect(levels.map(({ region }) => region.parent?.name)).to.deep.equal([undefined, 'level 0', 'level 1', 'level 2'])
  compareCopy(levels[0]!.region)
  if (rng.chance(1 / 2)) levels[0]!.region.close()
  else closeInwards(levels)
  expect(levels.map(({ region }) => region.closed)).to.deep.equal([true, true, true, true])
}

/** One operation at one level; a method that frees only the newest block may hold somebody's segment there. */
function use(levels: readonly Watched[], depth: number, rng: Rng): void {
  const watched = levels[depth]!
  const { model, region, claims } = watched
  const isLeaf = depth === levels.length - 1
  const big = region.unit > 4096
  if (model.live.length < (big ? 1 : 12) && rng.chance(2 / 3)) watched.alloc(region.unit || rng.size(600))
  else if (model.live.length > 0 && (isLeaf || claims.frees === 'any')) {
    const live: Live = claims.frees === 'any' ? rng.pick(model.live) : model.live.at(-1)!
    watched.free(live)
  }
  if (isLeaf || claims.frees === 'any') watched.verify()
}

/** The same bytes elsewhere are the same regions. */
function compareCopy(root: Region): void {
  const bytes = new Uint8Array(root.buffer.slice(0), root.discipline.base ?? 0)
  const copy = attach(bytes)
  const chain = (region: Region): unknown[] => [
    region.name,
    region.method,
    region.stat(),
    ...region.children().map((child) => chain(child)),
  ]
  expect(chain(copy)).to.deep.equal(chain(root))
  expect(copy.close()).to.equal(true)
}

/** Closes the innermost first; its segments are free then, where the method around it frees them. */
function closeInwards(levels: readonly Watched[]): void {
  for (const watched of [...levels].reverse()) {
    if (watched.claims.frees === 'any') watched.verify()
    watched.region.check()
    expect(watched.region.close(), `close of ${watched.region.name}`).to.equal(true)
  }
}
