/**
 * link: programs that import malloc, served by a region in their own memory; and the discipline `wasm` by itself.
 *
 * The programs are those of c/clean.c and c/errors.c: what the first ones answer must be what they answer over the malloc
 * of their C library (clean.exports.wasm), whatever method serves them (imports.exported.wasm, imports.imported.wasm).
 */
import { readFileSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import { expect } from 'chai'
import type { Finding } from '../../src/contract/finding.ts'
import {
  attach,
  type Discipline,
  injectOptions,
  type Mistake,
  type OpenOptions,
  open,
  type Region,
} from '../../src/index.ts'
import { imports, type WasmSource, wasm } from '../../src/wasm.ts'
import { disciplineSuite, randomLife } from '../conformance/index.ts'
import { SEED } from '../fixtures/dice.ts'
import { expectFault } from '../fixtures/faults.ts'

const hooks = { describe, it, seed: process.env.SEED }
const PAGE = 65536
const EINVAL = 28
const ENOMEM = 48

const compile = (name: string) => new WebAssembly.Module(readFileSync(new URL(`modules/${name}.wasm`, import.meta.url)))
const plain = compile('clean.exports')
const linked = compile('imports.exported')
const placed = compile('imports.imported')

/** A program's functions; addresses as they come, signed. */
type Program = Record<string, (...numbers: number[]) => number>
const functionsOf = (instance: WebAssembly.Instance) => instance.exports as unknown as Program
const memoryOf = (instance: WebAssembly.Instance) => instance.exports.memory as WebAssembly.Memory
const baseOf = (instance: WebAssembly.Instance) => (instance.exports.__heap_base as WebAssembly.Global).value as number

/** The program over the malloc of its C library. */
function runPlain(): Program {
  const program = functionsOf(new WebAssembly.Instance(plain))
  program._initialize!()
  return program
}

interface Linked {
  readonly program: Program
  readonly region: Region
  readonly instance: WebAssembly.Instance
}

/** The program over a region in its own memory. */
function link(options: OpenOptions = {}): Linked {
  const instance = new WebAssembly.Instance(linked, { env: imports(() => region) })
  const region = open({ name: 'program', discipline: instance, ...options })
  const program = functionsOf(instance)
  program._initialize!()
  return { program, region, instance }
}

/** The same, with a memory of `pages` at most. */
function linkWithin(pages: number, options: OpenOptions = {}): Linked & { memory: WebAssembly.Memory } {
  const memory = new WebAssembly.Memory({ initial: 2, maximum: pages })
  const instance = new WebAssembly.Instance(placed, { env: { memory, ...imports(() => region) } })
  const region = open({ name: 'program', discipline: wasm({ memory, base: baseOf(instance) }), ...options })
  const program = functionsOf(instance)
  program._initialize!()
  return { program, region, instance, memory }
}

/** Closes a region that must be whole and empty. */
function endsEmpty(region: Region): void {
  region.check()
  expect(region.stat()).to.include({ busyBlocks: 0, busyBytes: 0 })
  expect(region.close()).to.equal(true)
}

describe('discipline wasm', () => {
  const over = (source: Partial<WasmSource> = {}) => wasm({ memory: new WebAssembly.Memory({ initial: 1 }), ...source })
  const chunks = (round?: number) => {
    const instance = new WebAssembly.Instance(plain)
    const { malloc, free } = functionsOf(instance)
    return wasm({ memory: memoryOf(instance), malloc: malloc!, free: free as never, ...(round ? { round } : {}) })
  }
  /** After each new piece the program takes a page, which it paints; `look` says whether the paint is still there. */
  const besideProgram = (): Discipline & { look(): void } => {
    const memory = new WebAssembly.Memory({ initial: 1 })
    const inner = wasm({ memory, base: 4321 })
    const pages: number[] = []
    return {
      ...inner,
      name: 'wasm',
      heads: true,
      buffer: () => inner.buffer(),
      share: () => memory,
      memory(region, at, had, want) {
        const answer = inner.memory(region, at, had, want)
        if (answer === 0 || had > 0) return answer
        pages.push(memory.grow(1))
        new Uint8Array(memory.buffer, pages.at(-1)! * PAGE, PAGE).fill(0xc3)
        return answer
      },
      look() {
        const isPainted = (page: number) =>
          new Uint32Array(memory.buffer, page * PAGE, PAGE / 4).every((w) => w === 0xc3c3c3c3)
        expect(
          pages.filter((page) => !isPainted(page)),
          'pages of the program that were written',
        ).to.deep.equal([])
      },
    }
  }

  disciplineSuite('wasm, from the first byte on', () => over({ base: 0 }), hooks)
  disciplineSuite('wasm, behind the memory as it was', () => over(), hooks)
  disciplineSuite('wasm, of an instance', () => new WebAssembly.Instance(linked, { env: imports(none) }), hooks)
  disciplineSuite('wasm, by pieces of 4 KiB', () => over({ base: 5000, round: 4096 }), hooks)
  disciplineSuite('wasm, of a program that grows too', besideProgram, hooks)
  disciplineSuite(
    'wasm, shared',
    () => over({ memory: new WebAssembly.Memory({ initial: 1, maximum: 64, shared: true }), base: 999 }),
    hooks,
  )
  disciplineSuite('wasm, by malloc', () => chunks(), { ...hooks, room: 2 ** 18 })
  disciplineSuite('wasm, by malloc, in small pieces', () => chunks(8), hooks)

  it(`leaves what the program grew alone, SEED=${SEED}`, () => {
    for (const method of ['best', 'last']) {
      const discipline = besideProgram()
      randomLife({ method, discipline, steps: 800, seed: SEED, largest: 30_000, check: 3 })
      discipline.look()
    }
  })

  it('gives what lies behind the data of the program first, without growing', () => {
    const { region, instance } = link()
    const memory = memoryOf(instance)
    const before = memory.buffer.byteLength
    expect(region.header).to.be.within(baseOf(instance), baseOf(instance) + 8)
    expect(region.alloc(1000)).to.be.within(region.header, before)
    expect(memory.buffer.byteLength).to.equal(before)
    expect(region.extent).to.be.below(before - baseOf(instance))
    expect(region.alloc(before)).to.be.above(0)
    expect(memory.buffer.byteLength).to.be.above(before)
    expect(region.segments()).to.have.lengthOf(1)
    region.close()
  })

  it('serves one region at a time, and the next one when that is closed', () => {
    const discipline = over()
    const first = open({ discipline })
    expectFault('no-memory', ['discipline wasm'], () => open({ discipline }))
    first.close()
    const second = open({ discipline })
    expect(second.alloc(100)).to.be.above(0)
    second.close()
  })

  it('grows by what is lacking and no more, behind what the program grew', () => {
    const memory = new WebAssembly.Memory({ initial: 1 })
    const region = open({ discipline: wasm({ memory, base: 0 }), check: 3 })
    const theirs = memory.grow(1) * PAGE
    const [piece] = region.segments()
    expect(region.discipline.memory(region, piece!.at, piece!.size, 3 * PAGE), 'into the page of the program').to.equal(
      0,
    )
    expect(memory.buffer.byteLength).to.equal(2 * PAGE)
    const at = region.alloc(PAGE)
    expect(at).to.be.above(theirs + PAGE)
    expect(memory.buffer.byteLength).to.equal(4 * PAGE)
    expect(region.resize(at, 2 * PAGE)).to.equal(at)
    expect(memory.buffer.byteLength).to.equal(5 * PAGE)
    region.close()
  })

  it('keeps the length of a piece, which the memory keeps too', () => {
    const region = open({ discipline: over() })
    const extents = [10, 1000].map((count) => {
      const blocks = Array.from({ length: count }, () => region.alloc(1000))
      for (const at of blocks) region.free(at)
      return region.extent
    })
    expect(extents[1]).to.be.above(extents[0]!)
    expect(region.compact()).to.equal(0)
    expect(region.extent).to.equal(extents[1])
    region.close()
  })

  it('takes room again that was given back', () => {
    const memory = new WebAssembly.Memory({ initial: 0, maximum: 3 })
    for (let round = 0; round < 10; round++) {
      const region = open({ discipline: wasm({ memory, base: 0 }) })
      expect(region.alloc(2.5 * PAGE), `round ${round}`).to.be.above(0)
      region.close()
    }
    const discipline = wasm({ memory, base: 0 })
    for (let round = 0; round < 10; round++) {
      const region = open({ discipline })
      expect(region.alloc(2.5 * PAGE), `round ${round}, of one discipline`).to.be.above(0)
      region.close()
    }
  })

  it('goes on with a region that was there before, and with nothing else', () => {
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 16 })
    const source = { memory, base: 1000 }
    const region = open({ discipline: wasm(source), check: 3 })
    const kept = region.string('kept')
    const { header } = region
    const copy = new WebAssembly.Memory({ initial: memory.buffer.byteLength / PAGE, maximum: 16 })
    new Uint8Array(copy.buffer).set(new Uint8Array(memory.buffer))
    const theirs = copy.grow(1) * PAGE
    new Uint8Array(copy.buffer, theirs).fill(0xc3)
    const again = attach(copy, { at: header, discipline: wasm({ memory: copy, base: 1000 }) })
    expect(again.readString(kept)).to.equal('kept')
    for (let i = 0; i < 40; i++)
      expect(again.alloc(10_000)).to.satisfy((at: number) => at + 10_000 <= theirs || at >= theirs + PAGE)
    expect(new Uint8Array(copy.buffer, theirs, PAGE).every((byte) => byte === 0xc3)).to.equal(true)
    again.check()
    expect(again.close()).to.equal(true)
    expect(attach(memory, { at: header })).to.equal(region)
    region.close()
  })

  it('never grows the memory of a program that has malloc', () => {
    const instance = new WebAssembly.Instance(plain)
    const memory = memoryOf(instance)
    const { malloc, free } = functionsOf(instance)
    const held = new Map<number, number>()
    memory.grow = () => expect.fail('grown from outside')
    const discipline = wasm({
      memory,
      malloc: (bytes) => {
        const at = malloc!(bytes)
        held.set(at >>> 0, bytes)
        return at
      },
      free: (at) => {
        expect(held.delete(at), `free(${at})`).to.equal(true)
        free!(at)
      },
    })
    const regions = ['best', 'best', 'last'].map((method) => open({ method, discipline, check: 3 }))
    const blocks = regions.flatMap((region) =>
      [5000, 200_000, 70_000].map((size) => ({ region, at: region.alloc(size) })),
    )
    for (const { region, at } of blocks) region.bytes(at).fill(0xee)
    const expected = runPlain().random_life!(5, 2000)
    expect(functionsOf(instance).random_life!(5, 2000)).to.equal(expected)
    expect([...held.values()].every((bytes) => bytes % PAGE === 0)).to.equal(true)
    expect(held.size).to.be.above(3)
    for (const { region, at } of blocks) expect(region.bytes(at).every((byte) => byte === 0xee)).to.equal(true)
    for (const region of regions) expect(region.close()).to.equal(true)
    expect(held.size).to.equal(0)
  })

  it('takes addresses above 2 GiB as they come from the program, signed', () => {
    const memory = new WebAssembly.Memory({ initial: 2 ** 15 + 4 })
    const freed: number[] = []
    let next = 2 ** 31
    const malloc = (bytes: number) => {
      next += bytes
      return (next - bytes) | 0
    }
    const region = open({ discipline: wasm({ memory, malloc, free: (at) => void freed.push(at) }) })
    expect(region.header).to.be.within(2 ** 31, 2 ** 31 + 8)
    const family = imports(region)
    const at = family.malloc(100)
    expect(at).to.be.above(2 ** 31)
    new Uint8Array(memory.buffer, at, 100).fill(7)
    const to = family.realloc(at | 0, 50_000)
    expect(new Uint8Array(memory.buffer, to, 100).every((byte) => byte === 7)).to.equal(true)
    expect(family.malloc_usable_size(to | 0)).to.be.at.least(50_000)
    family.free(to | 0)
    endsEmpty(region)
    expect(freed).to.deep.equal([2 ** 31])
  })

  it('takes no memory for an answer', () => {
    const memory = new WebAssembly.Memory({ initial: 1 })
    const discipline = wasm({ memory, malloc: () => 0, free: () => expect.fail('nothing was held') })
    expectFault('no-memory', ['discipline wasm'], () => open({ discipline }))
  })

  it('says what it cannot be made of', () => {
    const memory = new WebAssembly.Memory({ initial: 1 })
    const [malloc, free] = [() => 0, () => {}]
    // biome-ignore format: a table
    const wrong: [source: unknown, ...parts: string[]][] = [
      [{},                              'memory undefined', 'WebAssembly.Memory'],
      [{ memory: new ArrayBuffer(8) },  'memory ArrayBuffer'],
      [{ memory, base: -1 },            'base -1', '65536'],
      [{ memory, base: 65537 },         'base 65537', '65536'],
      [{ memory, base: '8' },           'base 8'],
      [{ memory, malloc },              'malloc without free'],
      [{ memory, free },                'free without malloc'],
      [{ memory, malloc, free: 3 },     'free 3', 'a function'],
      [{ memory, malloc, free, base: 8 }, 'base and malloc'],
      [{ memory, round: 0 },            'round 0', 'a multiple of 8'],
      [{ memory, round: 12 },           'round 12'],
    ]
    for (const [source, ...parts] of wrong) {
      expectFault('argument', ['discipline wasm', ...parts], () => wasm(source as WasmSource))
    }
    expectFault('argument', ['discipline wasm', 'a name'], () => open({ discipline: 'wasm' }))
    const blind = new WebAssembly.Instance(placed, {
      env: { memory: new WebAssembly.Memory({ initial: 2 }), ...imports(none) },
    })
    expectFault('argument', ['discipline wasm', '0 memories', 'wasm({ memory })'], () => open({ discipline: blind }))
    expectFault('argument', ['imports', 'undefined', 'a region'], () => imports(undefined as never))
    expectFault('argument', ['imports', 'Memory', 'a region'], () => imports(memory as never))
  })

  it(`is one memory for all threads where it is shared, SEED=${SEED}`, async () => {
    const memory = new WebAssembly.Memory({ initial: 3, maximum: 512, shared: true })
    const region = open({ discipline: wasm({ memory }), name: 'shared' })
    const data = { memory, at: region.header, seed: SEED, source: new URL('link-worker.ts', import.meta.url).href }
    const worker = (number: number) =>
      new Promise<{ at: number; size: number }[]>((resolve, reject) => {
        const thread = new Worker(new URL('link-worker.ts', import.meta.url), { workerData: { ...data, number } })
        thread.once('message', resolve).once('error', reject)
      })
    const left = (await Promise.all([worker(1), worker(2)])).flatMap((blocks, i) =>
      blocks.map((block) => ({ ...block, mark: i + 1 })),
    )
    region.check()
    expect(region.stat().busyBlocks).to.equal(left.length)
    for (const { at, size, mark } of left) {
      expect(
        region.bytes(at, size).every((byte) => byte === mark),
        `block at ${at}`,
      ).to.equal(true)
      expect(region.free(at)).to.equal(true)
    }
    endsEmpty(region)
  })
})

const none = (): Region => expect.fail('asked for a region')

describe('imports', () => {
  // biome-ignore format: a table
  const kinds: [what: string, options: OpenOptions][] = [
    ['best',                       { method: 'best' }],
    ['best, with accounts',        { method: 'best', accounts: true, ordinals: true }],
    ['best, with junk',            { method: 'best', junk: true }],
    ['best, at 64',                { method: 'best', align: 64 }],
    ['debug(best)',                { method: 'debug(best)' }],
    ['debug(best), with accounts', { method: 'debug(best)', accounts: true }],
    ['profile(best)',              { method: 'profile(best)' }],
    ['debug(profile(best))',       { method: 'debug(profile(best))' }],
  ]

  let before: string | undefined
  beforeEach(() => void (before = injectOptions('profile=none,format=none')))
  afterEach(() => void injectOptions(before))

  for (const [what, options] of kinds) {
    describe(`served by ${what}, SEED=${SEED}`, () => {
      it('a program lives as over the malloc of its C library', () => {
        const [control, { program, region, instance }] = [runPlain(), link(options)]
        const length = memoryOf(instance).buffer.byteLength
        // biome-ignore format: a table
        const lives: [name: string, ...numbers: number[]][] = [
          ['random_life', SEED, 2000], ['grow_myself', SEED, 10], ['large_blocks', SEED, 20], ['vector', 5000],
          ['deep', 50, 300], ['indirect_life', SEED, 500], ['random_life', SEED + 1, 1000],
        ]
        for (const [name, ...numbers] of lives) {
          expect(program[name]!(...numbers), name).to.equal(control[name]!(...numbers))
          region.check()
          expect(region.stat().busyBlocks, `blocks after ${name}`).to.equal(0)
        }
        expect(program.memalign_life!(256, 300)).to.equal(program.memalign_life!(16, 300))
        expect(program.failures!(), 'failures').to.equal(0)
        for (let kind = 0; kind <= 8; kind++) expect(program.calls!(kind), `calls ${kind}`).to.be.above(0)
        expect(memoryOf(instance).buffer.byteLength).to.be.above(length + 10 * PAGE)
        expect(region.segments().length, 'memory of the program between its pieces').to.be.above(1)
        endsEmpty(region)
      })

      it('is checked after each call', () => {
        const [control, { program, region }] = [runPlain(), link({ ...options, check: 3 })]
        expect(program.random_life!(SEED, 150)).to.equal(control.random_life!(SEED, 150))
        expect(program.grow_myself!(SEED, 1)).to.equal(control.grow_myself!(SEED, 1))
        expect(program.failures!()).to.equal(0)
        endsEmpty(region)
      })

      it('gets 0 when the memory may not grow, and goes on', () => {
        const { program, region, memory } = linkWithin(20, options)
        let lacks = 0
        region.on('nomem', () => lacks++)
        program.hold!(1000, 1_000_000)
        expect(memory.buffer.byteLength).to.equal(20 * PAGE)
        expect(lacks).to.equal(1)
        expect(program.failures!()).to.equal(1)
        region.check()
        const { busyBlocks, busyBytes } = region.stat()
        expect(busyBytes).to.be.within(1000 * busyBlocks, 20 * PAGE)
        expect(program.drop_held!()).to.equal(busyBlocks)
        expect(program.random_life!(SEED, 100)).to.equal(runPlain().random_life!(SEED, 100))
        expect(program.failures!()).to.equal(1)
        endsEmpty(region)
      })
    })
  }

  describe('of what a program should not do', () => {
    // biome-ignore format: a table
    const frees: [name: string, ...numbers: number[]][] = [
      ['double_free', 40], ['double_free', 3000], ['free_inside', 100, 16], ['free_inside', 100, 4], ['free_static'],
      ['free_stack'], ['realloc_freed', 64, 128], ['realloc_inside', 64, 16, 128], ['realloc_static', 100],
    ]
    for (const method of ['best', 'profile(best)', 'debug(best)']) {
      it(`${method}: each free and realloc is an event, and the program goes on`, () => {
        const { program, region } = link({ method })
        const mistakes: Mistake[] = []
        region.on('badaddr', ({ op, value, reason }) => mistakes.push({ op, value, reason }))
        for (const [name, ...numbers] of frees) {
          program[name]!(...numbers)
          const op = name.startsWith('realloc') ? 'resize' : 'free'
          const wrong = (name === 'realloc_freed' ? program.last_block!() : program.last_place!()) >>> 0
          expect(
            mistakes.map(({ op, value }) => [op, value]),
            name,
          ).to.deep.equal([[op, wrong]])
          mistakes.length = 0
          program.release_neighbours!()
          expect(program.no_error!(100)).to.equal(100)
        }
        program.release_neighbours!()
        region.check()
        region.close()
      })
    }

    // biome-ignore format: a table
    const errors: [kind: Finding['kind'], name: string, ...numbers: number[]][] = [
      ['overflow',         'overrun_by_one', 40],   ['overflow',    'overrun_by_four', 41], ['overflow', 'missing_nul', 33],
      ['overflow',         'overrun_calloc', 7, 9], ['overflow',    'overrun_realloc', 40, 99],
      ['overflow',         'overrun_aligned', 64, 48], ['overflow', 'overrun_posix', 32, 45],
      ['overflow',         'overrun_strdup', 20],   ['double-free', 'double_free', 40],
      ['bad-free',         'free_inside', 100, 16], ['bad-free',    'free_static'],         ['bad-resize', 'realloc_freed', 64, 128],
    ]
    for (const [kind, name, ...numbers] of errors) {
      it(`debug(best): ${name}(${numbers}) is reported, with its block`, () => {
        const { program, region } = link({ method: 'debug(best)' })
        const found: Finding[] = []
        region.on('report', ({ finding }) => found.push(finding))
        program[name]!(...numbers)
        const [block, place] = [program.last_block!() >>> 0, program.last_place!() >>> 0]
        if (kind === 'overflow') program.release_last!()
        expect(
          found.map((finding) => finding.kind),
          name,
        ).to.deep.equal([kind])
        expect(found[0]!.address, 'block').to.equal(kind === 'bad-free' ? place : block)
        if (kind === 'overflow') expect(found[0]).to.include({ size: program.last_size!(), offset: place - block })
        expect(`${found[0]}`).to.match(/wasm:/)
        program.release_neighbours!()
        region.close()
      })
    }
  })
})

describe('imports, one by one', () => {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 32 })
  const region = open({ discipline: wasm({ memory }), check: 3, name: 'family' })
  const family = imports(region)
  const bytes = (at: number, length: number) => new Uint8Array(memory.buffer, at, length)
  const word = (at: number) => new DataView(memory.buffer).getUint32(at, true)
  const mistakes: Mistake[] = []
  let lacks = 0
  region.on('badaddr', ({ op, value, reason }) => mistakes.push({ op, value, reason }))
  region.on('nomem', () => lacks++)

  afterEach(() => {
    region.check()
    expect(region.stat().busyBlocks, 'blocks left').to.equal(0)
    expect(mistakes.splice(0), 'mistakes left').to.deep.equal([])
    lacks = 0
  })

  const hasMistaken = (op: Mistake['op'], value: number) => {
    expect(mistakes.splice(0).map((one) => [one.op, one.value])).to.deep.equal([[op, value]])
  }

  it('malloc: a block, one of its own for 0, 0 for what cannot be', () => {
    const [a, b, c] = [family.malloc(100), family.malloc(0), family.malloc(0)]
    expect(new Set([a, b, c, 0]).size).to.equal(4)
    expect(region.sizeOf(a)).to.be.at.least(100)
    for (const at of [a, b, c]) family.free(at)
    expect(family.malloc(-1)).to.equal(0)
    hasMistaken('alloc', 2 ** 32 - 1)
    expect(family.malloc(2 ** 30)).to.equal(0)
    expect(lacks).to.equal(1)
  })

  it('free: nothing for 0, an event for what is no block', () => {
    family.free(0)
    const at = family.malloc(10)
    family.free(at)
    family.free(at)
    hasMistaken('free', at)
    family.free(-8)
    hasMistaken('free', 2 ** 32 - 8)
  })

  it('calloc: cleared, also what was used before; a product beyond 32 bits is refused', () => {
    const used = family.malloc(1000)
    bytes(used, 1000).fill(0xff)
    family.free(used)
    const at = family.calloc(10, 100)
    expect(at).to.equal(used)
    expect(bytes(at, 1000).every((byte) => byte === 0)).to.equal(true)
    family.free(at)
    for (const [count, size] of [
      [0x10000, 0x10000],
      [-1, -1],
      [0x10001, 0x10000],
      [2, 0x80000001 | 0],
    ] as const) {
      expect(family.calloc(count, size), `calloc(${count}, ${size})`).to.equal(0)
      hasMistaken('alloc', (count >>> 0) * (size >>> 0))
    }
    const empty = family.calloc(0, 8)
    expect(empty).to.be.above(0)
    family.free(empty)
  })

  it('realloc: allocates for 0, frees for size 0, keeps the content, and the block when there is no memory', () => {
    const own = family.realloc(0, 0)
    expect(own).to.be.above(0)
    family.free(own)
    let at = family.realloc(0, 10)
    bytes(at, 10).set([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    const beside = family.malloc(10)
    for (const size of [100, 20_000, 11]) {
      at = family.realloc(at, size)
      expect([...bytes(at, 10)], `content at ${size}`).to.deep.equal([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    }
    expect(family.realloc(at, 2 ** 30)).to.equal(0)
    expect(lacks).to.equal(1)
    expect(family.realloc(at, -1)).to.equal(0)
    hasMistaken('resize', 2 ** 32 - 1)
    expect([...bytes(at, 10)]).to.deep.equal([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    expect(family.realloc(at, 0)).to.equal(0)
    expect(region.sizeOf(at)).to.equal(-1)
    expect(family.realloc(at, 0)).to.equal(0)
    hasMistaken('free', at)
    expect(family.realloc(at, 50)).to.equal(0)
    hasMistaken('resize', at)
    family.free(beside)
  })

  it('memalign and aligned_alloc: at every power of two; 0 and an event for others', () => {
    for (const align of [family.memalign, family.aligned_alloc]) {
      for (let alignment = 1; alignment <= 2 ** 16; alignment *= 2) {
        const at = align(alignment, 33)
        expect(at % alignment, `${alignment}`).to.equal(0)
        expect(at).to.be.above(0)
        family.free(at)
      }
      for (const alignment of [0, 3, 24, -1, -8]) {
        expect(align(alignment, 33), `${alignment}`).to.equal(0)
        hasMistaken('align', alignment >>> 0)
      }
    }
  })

  it('posix_memalign: the address in *out, or the number of what is wrong, and *out as it was', () => {
    const out = family.malloc(8)
    bytes(out, 8).fill(0xaa)
    for (const alignment of [4, 8, 256, 4096]) {
      expect(family.posix_memalign(out, alignment, 100), `${alignment}`).to.equal(0)
      expect(word(out) % alignment).to.equal(0)
      expect(region.sizeOf(word(out))).to.be.at.least(100)
      family.free(word(out))
    }
    bytes(out, 8).fill(0xaa)
    for (const alignment of [0, 1, 2, 12, -4]) {
      expect(family.posix_memalign(out, alignment, 100), `${alignment}`).to.equal(EINVAL)
    }
    expect(family.posix_memalign(out, 8, 2 ** 30)).to.equal(ENOMEM)
    expect(family.posix_memalign(memory.buffer.byteLength - 3, 8, 8)).to.equal(EINVAL)
    expect(family.posix_memalign(-4, 8, 8)).to.equal(EINVAL)
    expect([...bytes(out, 8)].every((byte) => byte === 0xaa)).to.equal(true)
    family.free(out)
  })

  it('malloc_usable_size: what the block can hold; 0 for what is none', () => {
    const at = family.malloc(13)
    expect(family.malloc_usable_size(at)).to.equal(region.sizeOf(at))
    expect(family.malloc_usable_size(0)).to.equal(0)
    expect(family.malloc_usable_size(at + 4)).to.equal(0)
    family.free(at)
    expect(family.malloc_usable_size(-8)).to.equal(0)
  })

  it('answers 0 once the region is closed', () => {
    const closed = open({ discipline: wasm({ memory: new WebAssembly.Memory({ initial: 1 }) }) })
    const { malloc, free, calloc, realloc, memalign, posix_memalign, malloc_usable_size } = imports(closed)
    const at = malloc(100)
    closed.close()
    expect([
      malloc(8),
      calloc(1, 8),
      realloc(at, 8),
      realloc(0, 8),
      memalign(8, 8),
      malloc_usable_size(at),
    ]).to.deep.equal([0, 0, 0, 0, 0, 0])
    expect(posix_memalign(64, 8, 8)).to.equal(ENOMEM)
    free(at)
  })

  it('asks a function for the region at the first call, and no more once it has one', () => {
    const small = new WebAssembly.Memory({ initial: 1, maximum: 1 })
    let asked = 0
    const late = imports(() => {
      asked++
      return open({ discipline: wasm({ memory: small, base: asked < 3 ? PAGE : 0 }) })
    })
    expect(asked).to.equal(0)
    late.free(0)
    expect(asked).to.equal(0)
    expect(late.malloc(10), 'no memory for the region').to.equal(0)
    expect(late.posix_memalign(8, 8, 8), 'nor now').to.equal(ENOMEM)
    expect(asked).to.equal(2)
    const at = late.malloc(10)
    expect(at).to.be.above(0)
    late.free(at)
    expect(asked).to.equal(3)
    const failing = imports(() => {
      throw new TypeError('mine')
    })
    expect(() => failing.malloc(1)).to.throw(TypeError, 'mine')
    expectFault('argument', ['imports', '7', 'a region'], () => imports(() => 7 as never).malloc(1))
  })
})
