/**
 * reopened: collections that are taken up from a copy of a root's bytes, here or in another process, at another base; and
 * what is told of those that cannot be.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { expect } from 'chai'
import { address, HashMap, List, MultiMap, u32 } from '../../src/collections.ts'
import { attach, injectOptions, open, type Region, VmallocError } from '../../src/index.ts'
import { Rng, seedFrom } from '../conformance/index.ts'
import { type Kind, kinds, type Life, perform } from '../fixtures/collection-kinds.ts'
import { expectFault } from '../fixtures/faults.ts'

const SEED = seedFrom(process.env.SEED)
const KIB = 1024
const STEPS = 50

function live(life: Life, rng: Rng): void {
  for (let i = 0; i < STEPS; i++) perform(life, life.draw(rng))
  life.compare('after a while')
}

/** Where heads and contents lie in a root: in itself or in regions nested in it. */
const homes: Readonly<Record<string, (root: Region) => { home: Region; data?: Region }>> = {
  'in a root': (root) => ({ home: root }),
  'in a nested region': (root) => ({
    home: root.child('nested') ?? open({ discipline: root, name: 'nested', check: 3 }),
  }),
  'contents in another region': (root) => ({
    home: root,
    data: root.child('contents') ?? open({ discipline: root, name: 'contents', method: 'last', check: 3 }),
  }),
}

/** The bytes of a root from its base on, elsewhere. */
const copies: Readonly<
  Record<string, (root: Region, base: number) => { bytes: Uint8Array<ArrayBuffer>; base: number }>
> = {
  'at base 0': (root, base) => ({ bytes: new Uint8Array((root.buffer as ArrayBuffer).slice(base)), base: 0 }),
  'at base 4104': (root, base) => {
    const bytes = new Uint8Array(root.buffer, base)
    const room = new Uint8Array(new ArrayBuffer(bytes.length + 4104), 4104)
    room.set(bytes)
    return { bytes: room, base: 4104 }
  },
  'by structuredClone': (root, base) => ({
    bytes: new Uint8Array(structuredClone(root.buffer) as ArrayBuffer, base),
    base,
  }),
}

function moved(kind: Kind, life: Life, from: Region, base: number, where: string, how: string): void {
  const copy = copies[how]!(from, base)
  const root = attach(copy.bytes)
  const by = copy.base - base
  const { home } = homes[where]!(root)
  const again = kind.begin(home, { at: life.it.at + by })
  again.inherit(life)
  again.move(by)
  again.compare('in a copy')
  expect(again.it.at).to.equal(life.it.at + by)
  live(again, new Rng(SEED + 1))
  again.it.destroy()
  root.check()
}

describe(`collections from copied bytes, SEED=${SEED}`, () => {
  let were: string
  before(() => void (were = injectOptions('format=none,profile=none')))
  after(() => injectOptions(were))

  for (const kind of kinds) {
    it(`${kind.name}: ${Object.keys(homes).join(', ')}; ${Object.keys(copies).join(', ')}`, () => {
      for (const where of Object.keys(homes)) {
        const base = 72
        const root = open({ discipline: new Uint8Array(new ArrayBuffer(96 * KIB), base), check: 3 })
        const life = kind.begin(...pair(homes[where]!(root)))
        live(life, new Rng(SEED))
        for (const how of Object.keys(copies)) moved(kind, life, root, base, where, how)
        live(life, new Rng(SEED + 2)) // the copies had no part in it
        life.it.destroy()
      }
    })
  }

  it('all kinds in one file, by another process', () => {
    const rng = new Rng(SEED)
    const bytes = new Uint8Array(512 * KIB)
    const root = open({ discipline: bytes, name: 'root' })
    const nested = open({ discipline: root, name: 'nested' })
    const data = open({ discipline: root, name: 'data' })
    const lives = kinds.map((kind, i) => {
      const life = kind.begin(i % 2 === 0 ? root : nested, i % 3 === 0 ? { data } : {})
      live(life, rng)
      root.values.set(`kind ${i}`, life.it.at)
      return life
    })
    const folder = mkdtempSync(join(tmpdir(), 'vmalloc-'))
    try {
      const base = 1000
      const file = join(folder, 'root')
      writeFileSync(file, bytes)
      const [program, ts] = ['../fixtures/collection-reopen.ts', '../../scripts/ts.mjs'].map(
        (path) => new URL(path, import.meta.url),
      )
      const said = execFileSync(process.execPath, ['--import', ts!.href, program!.pathname, file, String(base)], {
        encoding: 'utf8',
      })
      const { told, left } = JSON.parse(said) as { told: string[]; left: number[] }
      for (const [i, life] of lives.entries()) {
        life.move(base)
        const should = inspect(life.model(), { depth: 9, maxArrayLength: 999, breakLength: Infinity })
        expect(told[i], kinds[i]!.name).to.equal(should)
      }
      expect(left, 'blocks left').to.deep.equal([0, 0])
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  it('values and keys that are addresses move with the base, those below it and 0 stay what they are', () => {
    const base = 8192
    const root = open({ discipline: new Uint8Array(new ArrayBuffer(64 * KIB), base) })
    const list = new List(root, address)
    const map = new HashMap(root, address, address)
    for (const value of [0, 8, base - 8, base + 8, 60_000, 2 ** 32 - 8]) {
      list.append(value)
      map.set(value, value)
    }
    const all = [0, 8, base - 8, base + 8, 60_000, 2 ** 32 - 8]
    expect([...list]).to.deep.equal(all)
    expect([...map.keys()]).to.deep.equal(all)
    expect(map.get(8)).to.equal(8)
    const again = attach(new Uint8Array((root.buffer as ArrayBuffer).slice(base)))
    const inside = [base + 8, 60_000]
    expect(
      [...new List(again, address, { at: list.at - base })].filter((at) => inside.includes(at + base)),
    ).to.have.length(2)
    const copied = new HashMap(again, address, address, { at: map.at - base })
    for (const at of inside) expect(copied.get(at - base)).to.equal(at - base)
  })

  describe('what cannot be taken up', () => {
    for (const kind of kinds) {
      it(kind.name, () => {
        const root = open({ discipline: 'memory', name: 'root' })
        const nested = open({ discipline: root, name: 'nested' })
        const data = open({ discipline: root, name: 'contents' })
        const other = open({ discipline: 'memory', name: 'another' })
        const life = kind.begin(root, { data })
        live(life, new Rng(SEED))
        const { at } = life.it
        const foreign = life.it instanceof HashMap ? new MultiMap(root, u32) : new HashMap(root, u32, u32)

        expectFault('argument', [], () => kind.mistaken(root, { at }))
        expectFault('argument', ['expected "'], () => kind.begin(root, { at: foreign.at }))
        expectFault('argument', ['busy block'], () => kind.begin(root, { at: at + 8 }))
        expectFault('argument', ['busy block'], () => kind.begin(root, { at: 0 }))
        expectFault('argument', ['busy block'], () => kind.begin(nested, { at }))
        expectFault('argument', [], () => kind.begin(root, { at: root.alloc(8) }))
        expectFault('argument', ['contents'], () => kind.begin(root, { at, data: nested }))
        expectFault('argument', ['another root'], () => kind.begin(root, { data: other }))
        life.compare('after all that')
        kind.begin(root, { at, data }).it.check()

        data.close()
        expectFault('closed', ['contents'], () => life.content())
        expectFault('closed', ['contents'], () => kind.begin(root, { at }))
        life.it.destroy()
        expectFault('closed', ['destroyed'], () => life.content())
        expectFault('argument', ['busy block'], () => kind.begin(root, { at }))

        const short = kind.begin(nested)
        nested.clear()
        expectFault('closed', ['cleared'], () => short.content())
        expect(short.it.alive).to.equal(false)
        nested.close()
        expectFault('closed', ['closed'], () => kind.begin(nested))
        expect(() => short.it.check()).to.throw(VmallocError)
      })
    }
  })
})

const pair = ({ home, data }: { home: Region; data?: Region }): [Region, { data?: Region }] => [
  home,
  data === undefined ? {} : { data },
]
