/**
 * debug: memory errors of every kind, by the method that is wrapped, and what is reported of each.
 *
 *   a row       what the program does wrong, ending with the call that notices
 *   expected    kind, address, size, offset of the first bad byte; who allocated, who freed, who noticed
 *
 * Each row is told once, whatever is called afterwards; and everything can be called afterwards. When an error is
 * noticed otherwise is in debug-moments.test.ts, options are in debug-options.test.ts.
 */
import { expect } from 'chai'
import type { Finding, FindingKind } from '../src/contract/finding.ts'
import { injectOptions, type OpenOptions, open, type Region } from '../src/index.ts'
import { closeScenes, isAt, marked, mayBeCorrupted, Scene, useAll } from './fixtures/debug.ts'

const line = marked(import.meta.filename)

// the calls of a program, one on each line

const make = (region: Region, size: number): number => region.alloc(size) // @make
const makeOther = (region: Region, size: number): number => region.alloc(size) // @makeOther
const drop = (region: Region, at: number): boolean => region.free(at) // @drop
const dropAgain = (region: Region, at: number): boolean => region.free(at) // @dropAgain
const change = (region: Region, at: number, size: number): number => region.resize(at, size) // @change
const move = (region: Region, at: number, size: number): number => region.resize(at, size, { copy: true }) // @move
const clear = (region: Region): boolean => region.clear() // @clear
const close = (region: Region): boolean => region.close() // @close
const look = (region: Region): void => region.check() // @look
const nest = (region: Region): Region => open({ name: 'child', discipline: region, method: 'best' }) // @nest
const listLeaks = (region: Region): void => region.leaks() // @listLeaks

type Mark =
  | 'make'
  | 'makeOther'
  | 'drop'
  | 'dropAgain'
  | 'change'
  | 'move'
  | 'clear'
  | 'close'
  | 'look'
  | 'listLeaks'
  | 'nest'

interface Expected {
  kind: FindingKind
  address: number
  size: number
  offset?: number
  allocated?: Mark
  freed?: Mark
  /** Absent for a leak, which nobody notices but the end. */
  detected?: Mark
  /** Bytes are shown. */
  shows?: boolean
  what?: RegExp
}

interface Wrapped {
  method: string
  /** A size that it serves. */
  size: number
  over?: string
  options(): OpenOptions
}

// biome-ignore format: a table
const wrapped: readonly Wrapped[] = [
  { method: 'best', size: 24, options: () => ({}) },
  { method: 'best', size: 37, over: 'part of a buffer', options: () => ({ discipline: new Uint8Array(new ArrayBuffer(2 ** 17), 40) }) },
  { method: 'best', size: 101, over: 'blocks at multiples of 64', options: () => ({ align: 64 }) },
  { method: 'pool', size: 24, options: () => ({}) },
  { method: 'pool', size: 41, over: 'shared memory', options: () => ({ discipline: new SharedArrayBuffer(2 ** 17) }) },
  { method: 'last', size: 24, options: () => ({}) },
  { method: 'last', size: 90, over: 'a region', options: () => ({ discipline: open({ discipline: 'memory' }) }) },
]

interface Row {
  title: string
  options?: OpenOptions
  /** Methods that it is for. */
  only?: readonly string[]
  /** More may be found of it, as other things are damaged too. */
  isWide?: boolean
  does(scene: Scene, size: number): Expected[]
}

function expectFinding(finding: Finding | undefined, expected: Expected, { region }: Scene, shot: Uint8Array): void {
  expect(finding, `a finding ${expected.kind}`).to.not.equal(undefined)
  const { kind, address, size, offset, bytes, what } = finding!
  expect({ kind, size, offset, region: finding!.region, method: finding!.method }, what).to.deep.equal({
    kind: expected.kind,
    size: expected.size,
    offset: expected.offset ?? 0,
    region: region.name,
    method: region.method,
  })
  expect(Object.is(address, expected.address), `address ${address}, expected ${expected.address}`).to.equal(true)
  if (expected.what !== undefined) expect(what).to.match(expected.what)
  for (const side of ['allocated', 'freed', 'detected'] as const) {
    const mark = expected[side]
    const frames = finding![side]
    if (mark === undefined) expect(frames, `${side}: ${what}`).to.equal(undefined)
    else {
      expect(isAt(frames, line(mark)), `${side}: ${JSON.stringify(frames?.[0])}, expected @${mark}`).to.equal(true)
      expect(frames!.length, side).to.be.within(2, 16)
      for (const { file } of frames!) expect(file, side).to.not.match(/vmalloc.(src|methods)|\/(src|methods)\//)
    }
  }
  if (expected.shows === true) {
    expect(bytes, 'bytes').to.not.equal(undefined)
    const { at, hex } = bytes!
    const bad = address + offset
    expect(at <= bad && bad < at + hex.length / 2, `${bad} in the bytes from ${at} on`).to.equal(true)
    expect(hex, 'bytes').to.equal(Buffer.from(shot.slice(at, at + hex.length / 2)).toString('hex'))
  }
}

const rows: readonly Row[] = [
  ...[1, 7].map(
    (count): Row => ({
      title: `overflow by ${count}`,
      does: (scene, size) => {
        make(scene.region, size)
        const at = make(scene.region, size)
        scene.spoil(at + size, count)
        drop(scene.region, at)
        const what = new RegExp(`^${count} bytes? behind`)
        return [
          { kind: 'overflow', address: at, size, offset: size, allocated: 'make', detected: 'drop', shows: true, what },
        ]
      },
    }),
  ),
  {
    title: 'overflow by 4096, over forty neighbours',
    isWide: true,
    does: (scene, size) => {
      make(scene.region, size)
      const at = make(scene.region, size)
      const others = Array.from({ length: 40 }, () => make(scene.region, size))
      if (scene.region.method === 'debug(last)') for (const other of others.reverse()) drop(scene.region, other)
      scene.spoil(at + size, 4096)
      drop(scene.region, at)
      return [{ kind: 'overflow', address: at, size, offset: size, allocated: 'make', detected: 'drop', shows: true }]
    },
  },
  {
    title: 'overflow by 4096, on a page of its own',
    options: { level: 4, discipline: 'memory' },
    does: (scene, size) => {
      const at = make(scene.region, size)
      const end = Math.ceil((at + size) / 4096) * 4096
      expect(end - at - size, 'flush to the end of its page').to.be.below(scene.region.alignment)
      scene.spoil(at + size, 4096)
      drop(scene.region, at)
      return [{ kind: 'overflow', address: at, size, offset: size, allocated: 'make', detected: 'drop', shows: true }]
    },
  },
  ...[1, 8].map(
    (count): Row => ({
      title: `underflow by ${count}`,
      does: (scene, size) => {
        make(scene.region, size)
        const at = make(scene.region, size)
        scene.spoil(at - count, count)
        drop(scene.region, at)
        const offset = -count
        return [{ kind: 'underflow', address: at, size, offset, allocated: 'make', detected: 'drop', shows: true }]
      },
    }),
  ),
  {
    title: 'overflow and underflow of one block',
    does: (scene, size) => {
      const at = make(scene.region, size)
      scene.spoil(at - 2, 2)
      scene.spoil(at + size, 3)
      drop(scene.region, at)
      const common = { address: at, size, allocated: 'make', detected: 'drop', shows: true } as const
      const under = scene.told.some(({ kind }) => kind === 'underflow')
      return [under ? { kind: 'underflow', offset: -2, ...common } : { kind: 'overflow', offset: size, ...common }]
    },
  },
  {
    title: 'write after free',
    does: (scene, size) => {
      const at = make(scene.region, size)
      drop(scene.region, at)
      scene.spoil(at + 3, 2)
      expect(() => look(scene.region)).to.throw('write-after-free')
      const known = { allocated: 'make', freed: 'drop', detected: 'look' } as const
      return [{ kind: 'write-after-free', address: at, size, offset: 3, shows: true, ...known, what: /^2 bytes/ }]
    },
  },
  {
    title: 'write behind a freed block',
    does: (scene, size) => {
      const at = make(scene.region, size)
      drop(scene.region, at)
      scene.spoil(at + size, 1)
      expect(() => look(scene.region)).to.throw('write-after-free')
      const known = { allocated: 'make', freed: 'drop', detected: 'look' } as const
      return [{ kind: 'write-after-free', address: at, size, offset: size, shows: true, ...known }]
    },
  },
  {
    title: 'double free at once',
    does: (scene, size) => {
      const at = make(scene.region, size)
      expect(drop(scene.region, at)).to.equal(true)
      expect(dropAgain(scene.region, at)).to.equal(false)
      return [{ kind: 'double-free', address: at, size, allocated: 'make', freed: 'drop', detected: 'dropAgain' }]
    },
  },
  {
    title: 'double free after other calls',
    does: (scene, size) => {
      const others = [makeOther(scene.region, size), makeOther(scene.region, size)]
      const at = make(scene.region, size)
      drop(scene.region, at)
      scene.region.sizeOf(at)
      for (const other of others.reverse()) scene.region.free(other)
      if (!scene.region.method.includes('last')) scene.region.free(makeOther(scene.region, size))
      dropAgain(scene.region, at)
      return [{ kind: 'double-free', address: at, size, allocated: 'make', freed: 'drop', detected: 'dropAgain' }]
    },
  },
  {
    title: 'double free after its memory went back',
    options: { quarantine: 0 },
    does: (scene, size) => {
      const at = make(scene.region, size)
      drop(scene.region, at)
      dropAgain(scene.region, at)
      return [{ kind: 'double-free', address: at, size, allocated: 'make', freed: 'drop', detected: 'dropAgain' }]
    },
  },
  {
    title: 'double free after reuse, where no address is used again',
    options: { level: 3 },
    does: (scene, size) => {
      const at = make(scene.region, size)
      drop(scene.region, at)
      for (let i = 0; i < 100; i++) {
        const other = makeOther(scene.region, size)
        expect(other, 'an address that was used').to.not.equal(at)
        scene.region.free(other)
      }
      dropAgain(scene.region, at)
      return [{ kind: 'double-free', address: at, size, allocated: 'make', freed: 'drop', detected: 'dropAgain' }]
    },
  },
  ...[1, 4, 8].flatMap((inside): Row[] => [
    {
      title: `free of an address ${inside} inside`,
      does: (scene, size) => {
        const at = make(scene.region, size)
        expect(drop(scene.region, at + inside)).to.equal(false)
        const what = new RegExp(`free of ${at + inside}, ${inside} bytes inside the block of ${size} bytes at ${at}`)
        const known = { allocated: 'make', detected: 'drop', what } as const
        return [{ kind: 'bad-free', address: at + inside, size, offset: inside, ...known }]
      },
    },
    {
      title: `resize of an address ${inside} inside`,
      does: (scene, size) => {
        const at = make(scene.region, size)
        expect(change(scene.region, at + inside, size)).to.equal(0)
        return [
          { kind: 'bad-resize', address: at + inside, size, offset: inside, allocated: 'make', detected: 'change' },
        ]
      },
    },
  ]),
  {
    title: 'free of an address inside a freed block',
    does: (scene, size) => {
      const at = make(scene.region, size)
      drop(scene.region, at)
      dropAgain(scene.region, at + 8)
      const known = { allocated: 'make', freed: 'drop', detected: 'dropAgain' } as const
      return [{ kind: 'bad-free', address: at + 8, size, offset: 8, ...known, what: /freed/ }]
    },
  },
  {
    title: 'free and resize of an address of another region',
    only: ['last'],
    options: {},
    does: (scene, size) => {
      const parent = scene.region.parent
      if (parent === undefined) return []
      const other = open({ name: 'other', discipline: parent, method: 'best' })
      const at = other.alloc(size)
      drop(scene.region, at)
      change(scene.region, at, size)
      other.close()
      const what = /an address of region other/
      return [
        { kind: 'bad-free', address: at, size: 0, detected: 'drop', what },
        { kind: 'bad-resize', address: at, size: 0, detected: 'change', what },
      ]
    },
  },
  {
    title: 'free of an address of a region nested in it',
    does: (scene, size) => {
      if (scene.region.method.includes('pool')) return [] // too small an element to nest a region in
      const child = nest(scene.region)
      const at = child.alloc(size)
      drop(scene.region, at)
      const { offset, size: around } = scene.told[0]!
      child.close()
      const what = /region child/
      return [{ kind: 'bad-free', address: at, size: around, offset, detected: 'drop', what, allocated: 'nest' }]
    },
  },
  {
    title: 'free of what is no address at all',
    does: (scene, size) => {
      make(scene.region, size)
      const wrong = [-8, -1, 12.5, 0.5, Number.NaN, Infinity, -Infinity, 2 ** 32, 2 ** 53, -0.25]
      for (const at of wrong) expect(drop(scene.region, at), `${at}`).to.equal(false)
      return wrong.map((address) => ({ kind: 'bad-free', address, size: 0, detected: 'drop' }))
    },
  },
  {
    title: 'resize of what is no address at all',
    does: (scene, size) => {
      make(scene.region, size)
      const wrong = [-8, 12.5, Number.NaN, Infinity, 2 ** 32]
      for (const at of wrong) expect(change(scene.region, at, size), `${at}`).to.equal(0)
      return wrong.map((address) => ({ kind: 'bad-resize', address, size: 0, detected: 'change' }))
    },
  },
  {
    title: 'free of addresses where no block is',
    does: (scene, size) => {
      make(scene.region, size)
      const { header } = scene.region
      const wrong = [header, header + 3, scene.region.buffer.byteLength + 8, 2 ** 32 - 8]
      for (const at of wrong) expect(drop(scene.region, at), `${at}`).to.equal(false)
      return wrong.map((address) => ({ kind: 'bad-free', address, size: 0, detected: 'drop' }))
    },
  },
  {
    title: 'free of 0, which is no error',
    does: (scene) => {
      expect(drop(scene.region, 0)).to.equal(true)
      return []
    },
  },
  {
    title: 'resize of a freed block',
    does: (scene, size) => {
      const at = make(scene.region, size)
      drop(scene.region, at)
      expect(change(scene.region, at, size)).to.equal(0)
      return [{ kind: 'bad-resize', address: at, size, allocated: 'make', freed: 'drop', detected: 'change' }]
    },
  },
  {
    title: 'a moving resize of a freed block',
    does: (scene, size) => {
      const at = make(scene.region, size)
      drop(scene.region, at)
      expect(move(scene.region, at, size)).to.equal(0)
      return [{ kind: 'bad-resize', address: at, size, allocated: 'make', freed: 'drop', detected: 'move' }]
    },
  },
  {
    title: 'use of a block that was moved away',
    only: ['best'],
    does: (scene, size) => {
      const at = make(scene.region, size)
      makeOther(scene.region, size)
      const now = move(scene.region, at, 10 * size)
      expect(now).to.not.equal(at)
      dropAgain(scene.region, at)
      scene.spoil(at)
      expect(() => look(scene.region)).to.throw('write-after-free')
      const known = { size, allocated: 'make', freed: 'move' } as const
      return [
        { kind: 'double-free', address: at, detected: 'dropAgain', ...known },
        { kind: 'write-after-free', address: at, detected: 'look', shows: true, ...known },
      ]
    },
  },
  {
    title: 'use after close',
    does: (scene, size) => {
      const at = make(scene.region, size)
      close(scene.region)
      expect(drop(scene.region, at)).to.equal(false)
      expect(make(scene.region, size)).to.equal(0)
      expect(change(scene.region, at, size)).to.equal(0)
      const known = { kind: 'use-after-close', freed: 'close' } as const
      return [
        { ...known, address: at, size: 0, detected: 'drop' },
        { ...known, address: 0, size, detected: 'make' },
        { ...known, address: at, size: 0, detected: 'change' },
      ]
    },
  },
  {
    title: 'use after clear',
    does: (scene, size) => {
      const at = make(scene.region, size)
      clear(scene.region)
      expect(drop(scene.region, at)).to.equal(false)
      expect(change(scene.region, at, size)).to.equal(0)
      const known = { kind: 'use-after-clear', address: at, size, allocated: 'make', freed: 'clear' } as const
      return [
        { ...known, detected: 'drop' },
        { ...known, detected: 'change' },
      ]
    },
  },
  {
    title: 'a leak at close',
    options: { leaks: true },
    does: (scene, size) => {
      const at = make(scene.region, size)
      close(scene.region)
      return [{ kind: 'leak', address: at, size, allocated: 'make' }]
    },
  },
  {
    title: 'leaks when asked, those of one stack together',
    options: { leaks: true },
    does: (scene, size) => {
      const lone = makeOther(scene.region, size)
      const many = [1, 2, 3].map(() => make(scene.region, size))
      listLeaks(scene.region)
      const leaks = scene.told.filter(({ kind }) => kind === 'leak')
      expect(leaks.map(({ blocks, total }) => [blocks, total])).to.deep.equal([
        [3, 3 * size],
        [1, size],
      ])
      for (const at of many.reverse()) drop(scene.region, at)
      drop(scene.region, lone)
      return [
        { kind: 'leak', address: Math.min(...many), size, allocated: 'make' },
        { kind: 'leak', address: lone, size, allocated: 'makeOther' },
      ]
    },
  },
]

for (const { method, size, over, options } of wrapped) {
  describe(`debug(${method}), blocks of ${size} bytes${over === undefined ? '' : `, ${over}`}`, () => {
    let were: string
    before(() => void (were = injectOptions('format=none')))
    after(() => {
      closeScenes()
      injectOptions(were)
    })

    for (const row of rows) {
      if (row.only?.includes(method) === false) continue
      it(row.title, () => {
        const scene = new Scene({ ...options(), method: `debug(${method})`, ...row.options })
        const expected = row.does(scene, size)
        const { shot } = scene
        const found = scene.taken()
        for (const [i, one] of expected.entries()) expectFinding(found[i], one, scene, shot)
        if (row.isWide !== true) expect(found.map(String)).to.have.length(expected.length)
        if (!scene.region.closed)
          expect(scene.heard.map(String), 'what listeners heard').to.deep.equal(found.map(String))
        expectSilence(scene, expected, size, row.isWide === true)
      })
    }
  })
}

/** Whatever is called now, nothing is told again of blocks that were told of; and everything can be called. */
function expectSilence(scene: Scene, expected: readonly Expected[], size: number, isWide: boolean): void {
  const { region } = scene
  if (region.closed) return
  if (isWide) mayBeCorrupted(() => region.check())
  else region.check()
  const sizes = region.method.includes('pool') ? [size] : undefined
  useAll(region, sizes)
  for (const { address } of expected) if (region.sizeOf(address) >= 0) region.free(address)
  region.compact()
  mayBeCorrupted(() => region.check())
  region.clear()
  useAll(region, sizes)
  expect(region.close()).to.equal(true)
  const again = scene.taken().filter(({ kind }) => kind !== 'leak')
  if (isWide) {
    const keys = again.map(({ kind, address }) => `${kind} ${address}`)
    expect(new Set(keys).size, again.map(({ what }) => what).join('\n')).to.equal(keys.length)
    expect(
      again.filter(({ address, kind }) => address === expected[0]!.address && kind === expected[0]!.kind),
      'told again',
    ).to.deep.equal([])
  } else expect(again.map(String).join('\n'), 'told again').to.equal('')
}

describe('debug, regions beside each other', () => {
  let were: string
  before(() => void (were = injectOptions('format=none')))
  after(() => injectOptions(were))

  for (const method of ['best', 'pool', 'last']) {
    it(`another one's block is another one's: debug(${method})`, () => {
      const root = open({ discipline: 'memory' })
      const [mine, yours] = ['mine', 'yours'].map((name) =>
        open({ name, discipline: root, method: `debug(${method})`, leaks: false }),
      ) as [Region, Region]
      const told: string[] = []
      mine.on('report', ({ finding }) => told.push(`${finding.kind} ${finding.what}`))
      mine.alloc(24)
      const at = [24, 24, 24].map((size) => yours.alloc(size))[2]!
      const freed = yours.alloc(24)
      yours.free(freed)
      expect([mine.sizeOf(at), mine.free(at), mine.resize(at, 24), mine.offsetOf(at + 1)]).to.deep.equal([
        -1,
        false,
        0,
        -1,
      ])
      expect(mine.free(freed)).to.equal(false)
      expect(told).to.deep.equal([
        `bad-free free of ${at}, an address of region yours`,
        `bad-resize resize of ${at}, an address of region yours`,
        `bad-free free of ${freed}, an address of region yours`,
      ])
      expect([yours.sizeOf(at), mine.stat().busyBytes, yours.stat().busyBytes]).to.deep.equal([24, 24, 72])
      expect(yours.free(at)).to.equal(true)
      for (const region of [mine, yours]) region.check()
      root.close()
    })
  }
})
