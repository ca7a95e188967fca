/**
 * tree: each kind of keys against a sorted array, in regions of every kind; heights; what happens to an iteration; bytes that
 * were moved or spoilt. `SEED=... npx mocha test/collections/tree.test.ts` repeats the random lives.
 */
import { expect } from 'chai'
import { type Codec, f64, i8, i32, i64, struct, u8, u16, u32, u64 } from '../../src/collections/codec.ts'
import { FIELDS } from '../../src/collections/collection.ts'
import { bytes, type KeyKind, text } from '../../src/collections/map-keys.ts'
import { Tree, vector } from '../../src/collections/tree.ts'
import { attach, injectOptions, open, type VmallocError } from '../../src/index.ts'
import { Rng, seedFrom } from '../conformance/index.ts'
import { expectFault } from '../fixtures/faults.ts'
import { cellsOf, heightOf, makeTreeHome, treeHomes, wordsOf } from '../fixtures/tree-homes.ts'

const SEED = seedFrom(process.env.SEED)

const memory = (size = 2 ** 18, method = 'best') => open({ discipline: new ArrayBuffer(size), method })
const rootOf = (tree: { at: number }) => tree.at / 4 + FIELDS

interface Kind<K> {
  key: KeyKind<K>
  ignoreCase?: boolean
  draw(rng: Rng): K
  compare(a: K, b: K): number
}

function lists(a: ArrayLike<number>, b: ArrayLike<number>): number {
  for (let i = 0; i < a.length && i < b.length; i++) if (a[i] !== b[i]) return a[i]! - b[i]!
  return a.length - b.length
}
const points = (of: string) => [...of].map((char) => char.codePointAt(0)!)
const upper = (of: string) => of.replace(/[a-z]/g, (letter) => letter.toUpperCase())
const numbers = (a: number, b: number) =>
  Number.isNaN(a) || Number.isNaN(b) ? +Number.isNaN(a) - +Number.isNaN(b) : a < b ? -1 : a > b ? 1 : 0
const bigs = (a: bigint, b: bigint) => (a < b ? -1 : a > b ? 1 : 0)
const edge = (rng: Rng, values: readonly number[]) => rng.pick(values) + rng.between(-2, 2)
const some = (rng: Rng, most: number, alphabet: readonly string[]) =>
  Array.from({ length: rng.below(most) }, () => rng.pick(alphabet)).join('')
const wideWords = (rng: Rng) =>
  (BigInt(rng.pick([0, 1, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1])) << 32n) | BigInt(edge(rng, [7, 2 ** 31, 2 ** 32 - 3]))

const number = (key: KeyKind<number>, draw: (rng: Rng) => number): Kind<number> => ({ key, draw, compare: numbers })
const kinds: Record<string, Kind<never>> = {
  u32: number(u32, (rng) => edge(rng, [2, 30, 2 ** 31, 2 ** 32 - 3])),
  u16: number(u16, (rng) => rng.below(60) * 1000),
  u8: number(u8, (rng) => rng.below(60) * 4),
  i32: number(i32, (rng) => edge(rng, [0, 20, -20, -(2 ** 31) + 2, 2 ** 31 - 3])),
  i8: number(i8, (rng) => rng.between(-20, 20)),
  u64: { key: u64, draw: wideWords, compare: bigs },
  i64: { key: i64, draw: (rng: Rng) => BigInt.asIntN(64, wideWords(rng)), compare: bigs },
  f64: number(f64, (rng) =>
    rng.pick([
      0,
      1,
      -1,
      0.5,
      -0.5,
      1e300,
      -1e300,
      5e-324,
      -5e-324,
      Infinity,
      -Infinity,
      NaN,
      rng.fraction() - 0.5,
      rng.below(20),
    ]),
  ),
  text: {
    key: text,
    draw: (rng: Rng) => some(rng, 5, ['a', 'b', 'B', '\0', 'é', '\uffff', '😀']),
    compare: (a: string, b: string) => lists(points(a), points(b)),
  },
  'text, any case': {
    key: text,
    ignoreCase: true,
    draw: (rng: Rng) => some(rng, 5, ['a', 'A', 'b', 'B', '[', 'ä', 'Ä', '{']),
    compare: (a: string, b: string) => lists(points(upper(a)), points(upper(b))),
  },
  'long texts': {
    key: text,
    draw: (rng: Rng) => 'x'.repeat(60) + some(rng, 9, ['a', 'b']),
    compare: (a: string, b: string) => lists(points(a), points(b)),
  },
  bytes: {
    key: bytes,
    draw: (rng: Rng) => Uint8Array.from({ length: rng.below(5) }, () => rng.pick([0, 1, 127, 128, 255])),
    compare: lists,
  },
  vector: {
    key: vector,
    draw: (rng: Rng) => Array.from({ length: rng.below(5) }, () => rng.pick([0, 1, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1])),
    compare: lists,
  },
} as object as Record<string, Kind<never>>

/** What a tree should be: entries sorted by keys. */
class Model<K> {
  entries: [K, number][] = []
  private readonly kind: Kind<K>

  constructor(kind: Kind<K>) {
    this.kind = kind
  }

  /** Where the first entry is whose key is not less. */
  place(key: K): number {
    const at = this.entries.findIndex(([has]) => this.kind.compare(has, key) >= 0)
    return at < 0 ? this.entries.length : at
  }

  has(key: K): boolean {
    const entry = this.entries[this.place(key)]
    return entry !== undefined && this.kind.compare(entry[0], key) === 0
  }

  get(key: K): number | undefined {
    return this.has(key) ? this.entries[this.place(key)]![1] : undefined
  }

  set(key: K, value: number): number | undefined {
    const had = this.get(key)
    const at = this.place(key)
    if (this.has(key)) this.entries[at]![1] = value
    else this.entries.splice(at, 0, [key, value])
    return had
  }

  delete(key: K): boolean {
    const had = this.has(key)
    if (had) this.entries.splice(this.place(key), 1)
    return had
  }

  le(key: K): [K, number] | undefined {
    return this.entries[this.has(key) ? this.place(key) : this.place(key) - 1]
  }

  ge(key: K): [K, number] | undefined {
    return this.entries[this.place(key)]
  }
}

/** Steps of one life, each held against the model. */
function life<K>(tree: Tree<K, number>, kind: Kind<K>, rng: Rng, steps: number): void {
  const model = new Model(kind)
  const pair = (entry: { key: K; value: number } | undefined) => entry && [entry.key, entry.value]
  for (let step = 0; step < steps; step++) {
    const key = kind.draw(rng)
    const grows = step % 200 < 120
    const choice = rng.below(grows ? 12 : 10)
    if (choice < (grows ? 6 : 2)) expect(tree.set(key, step)).to.equal(model.set(key, step))
    else if (choice < 7) expect(tree.delete(key)).to.equal(model.delete(key))
    else if (choice === 7) {
      expect(pair(tree.leEntry(key))).to.deep.equal(model.le(key))
      expect(tree.le(key)).to.equal(model.le(key)?.[1])
    } else if (choice === 8) {
      expect(pair(tree.geEntry(key))).to.deep.equal(model.ge(key))
      expect(tree.ge(key)).to.equal(model.ge(key)?.[1])
    } else if (choice === 9) {
      const at = model.place(key)
      expect([...tree.entries({ from: key })]).to.deep.equal(model.entries.slice(at))
      const until = model.has(key) ? at + 1 : at
      expect([...tree.values({ from: key, reverse: true })]).to.deep.equal(
        model.entries
          .slice(0, until)
          .reverse()
          .map(([, value]) => value),
      )
    } else {
      expect(tree.get(key)).to.equal(model.get(key))
      expect(tree.has(key)).to.equal(model.has(key))
    }
    expect(tree.count).to.equal(model.entries.length)
    tree.check()
    if (step % 20 !== 0) continue
    expect([...tree]).to.deep.equal(model.entries)
    expect([...tree.keys({ reverse: true })]).to.deep.equal(model.entries.map(([has]) => has).reverse())
    expect(pair(tree.first())).to.deep.equal(model.entries[0])
    expect(pair(tree.last())).to.deep.equal(model.entries.at(-1))
    if (rng.chance(1 / 20)) {
      tree.clear()
      model.entries = []
    }
  }
}

describe(`tree, SEED=${SEED}`, () => {
  let were: string
  before(() => void (were = injectOptions('format=none')))
  after(() => injectOptions(were))

  describe('random lives', () => {
    for (const [name, kind] of Object.entries(kinds)) {
      it(`keys ${name}`, () => {
        const region = memory()
        const tree = new Tree(region, kind.key, u32, { ignoreCase: kind.ignoreCase ?? false })
        life(tree, kind, new Rng(SEED), 600)
        tree.destroy()
        expect(region.stat().busyBlocks).to.equal(0)
      })
    }

    for (const where of Object.keys(treeHomes)) {
      for (const name of where.includes('pool') ? ['u32'] : ['u32', 'text']) {
        it(`keys ${name}: ${where}`, () => {
          const { home, options, end } = makeTreeHome(where)
          const kind = kinds[name]!
          const tree = new Tree(home, kind.key, u32, options)
          life(tree, kind, new Rng(SEED + 1), 300)
          tree.destroy()
          end()
        })
      }
    }

    it('values of every alignment', () => {
      const region = memory()
      const point = struct({ x: f64, n: u8 })
      const drawn = (rng: Rng) => ({ x: rng.fraction(), n: rng.below(256) })
      const one = <K, V>(key: KeyKind<K>, keys: K[], codec: Codec<V>, draw: (rng: Rng) => V) => {
        const rng = new Rng(SEED + 2)
        const tree = new Tree(region, key, codec)
        const values = keys.map(() => draw(rng))
        for (const [i, one] of keys.entries()) tree.set(one, values[i]!)
        tree.check()
        expect(keys.map((one) => tree.get(one))).to.deep.equal(values)
        tree.destroy()
      }
      const words = Array.from({ length: 50 }, (_, i) => i * 7)
      one(u32, words, point, drawn)
      one(u64, words.map(BigInt), point, drawn)
      one(text, words.map(String), point, drawn)
      one(text, words.map(String), u8, (rng) => rng.below(256))
      one(u32, words, u8, (rng) => rng.below(256))
      one(
        vector,
        words.map((n) => [n, n]),
        u64,
        (rng) => BigInt(rng.word()),
      )
      expect(region.stat().busyBlocks).to.equal(0)
    })
  })

  describe('keys', () => {
    it('refuses what is no key, and changes nothing', () => {
      const region = memory()
      const words = new Tree(region, u32, u32)
      for (const key of [-1, 1.5, 2 ** 32, Number.NaN, '7', 7n, undefined, null]) {
        expectFault('argument', ['u32', 'whole number from 0'], () => words.set(key as number, 1))
        expectFault('argument', ['u32'], () => words.get(key as number))
        expectFault('argument', ['u32'], () => words.delete(key as number))
        expectFault('argument', ['u32'], () => words.le(key as number))
        if (key !== undefined) expectFault('argument', ['u32'], () => words.keys({ from: key as number }))
      }
      expectFault('argument', ['u32: -1'], () => words.set(1, -1))
      expect(words.count).to.equal(0)
      const vectors = new Tree(region, vector, u32)
      for (const key of [5, 'x', [1, -1], [1.5], [2 ** 32], [undefined]]) {
        expectFault('argument', ['vector', 'array of whole numbers'], () => vectors.set(key as number[], 1))
      }
      expectFault('argument', ['7', 'text'], () => new Tree(region, text, u32).set(7 as never, 1))
      expectFault('argument', ['surrogate'], () => new Tree(region, text, u32).set('\ud800', 1))
      expectFault('argument', ['Uint8Array'], () => new Tree(region, bytes, u32).set([1] as never, 1))
      expectFault('argument', ['bigint'], () => new Tree(region, u64, u32).set(1 as never, 1))
    })

    it('refuses what is no kind of keys', () => {
      const region = memory()
      expectFault(
        'argument',
        ['"struct', 'expected one of u32, u16'],
        () => new Tree(region, struct({ a: u32 }) as never, u32),
      )
      expectFault('argument', ['undefined', 'expected one of'], () => new Tree(region, undefined as never, u32))
      expectFault('argument', ['ignoreCase', 'u32'], () => new Tree(region, u32, u32, { ignoreCase: true }))
      expect(region.stat().busyBlocks).to.equal(0)
    })

    it('f64: -0 is 0, NaN is one key and the last', () => {
      const tree = new Tree(memory(), f64, u32)
      tree.set(-0, 1)
      tree.set(NaN, 2)
      tree.set(Infinity, 3)
      expect(tree.get(0)).to.equal(1)
      expect(Object.is(tree.first()!.key, 0)).to.equal(true)
      expect(tree.set(new Float64Array(new BigInt64Array([-1n]).buffer)[0]!, 4)).to.equal(2)
      expect([...tree.keys()]).to.deep.equal([0, Infinity, NaN])
    })

    it('texts of any case keep the spelling that was first', () => {
      const tree = new Tree(memory(), text, u32, { ignoreCase: true })
      expect(tree.set('Host', 1)).to.equal(undefined)
      expect(tree.set('HOST', 2)).to.equal(1)
      expect([...tree]).to.deep.equal([['Host', 2]])
      expect(tree.delete('hOST')).to.equal(true)
      expect(tree.count).to.equal(0)
    })

    it('are copied: neither an array that was given nor one that was got is the tree’s', () => {
      const tree = new Tree(memory(), vector, u32)
      const key = [1, 2]
      tree.set(key, 1)
      key[0] = 9
      const [got] = tree.keys() as Iterable<number[]>
      got![0] = 7
      expect([...tree.keys()]).to.deep.equal([[1, 2]])
      tree.set([3], 2)
      const seen: number[][] = []
      for (const at of tree.keys() as Iterable<number[]>) {
        seen.push([...at])
        at[0] = 0
        tree.set([5, seen.length], 1)
        if (seen.length > 6) break
      }
      expect(seen).to.deep.equal([[1, 2], [3], [5, 1], [5, 2], [5, 3], [5, 4], [5, 5]])
    })
  })

  describe('balance', () => {
    const orders: Record<string, (i: number, n: number) => number> = {
      ascending: (i) => i,
      descending: (i, n) => n - i,
      alternating: (i, n) => (i % 2 === 0 ? i : 2 * n - i),
      scattered: (i) => Math.imul(i, 0x9e3779b1) >>> 0,
    }
    for (const [name, of] of Object.entries(orders)) {
      it(`${name} keys: no deeper than 2 log2(n + 1), also after most were removed`, () => {
        const region = memory(2 ** 19)
        const tree = new Tree(region, u32, u8)
        const n = 10_000
        const expectFlat = () =>
          expect(heightOf(wordsOf(region), rootOf(tree))).to.be.at.most(2 * Math.log2(tree.count + 1))
        for (let i = 0; i < n; i++) {
          tree.set(of(i, n), 1)
          if ((i & (i + 1)) === 0) expectFlat()
        }
        tree.check()
        expectFlat()
        for (let i = 0; i < n; i++) if (i % 50 !== 0) tree.delete(of(i, n))
        tree.check()
        expect(tree.count).to.equal(n / 50)
        expectFlat()
      })
    }
  })

  describe('iteration', () => {
    const filled = (n: number) => {
      const region = memory()
      const tree = new Tree(region, u32, u32)
      for (let i = 0; i < n; i++) tree.set(i * 10, i)
      return { region, tree }
    }

    it('each entry may be removed as it is given', () => {
      const { region, tree } = filled(100)
      const seen: number[] = []
      for (const key of tree.keys()) {
        seen.push(key)
        tree.delete(key)
        tree.check()
      }
      expect(seen).to.deep.equal(Array.from({ length: 100 }, (_, i) => i * 10))
      expect(tree.count).to.equal(0)
      expect(region.stat().busyBlocks).to.equal(1)
    })

    it('gives what comes behind, not what went, nothing twice', () => {
      const { tree } = filled(5)
      const seen: number[] = []
      for (const key of tree.keys()) {
        seen.push(key)
        if (key === 10) {
          tree.delete(20)
          tree.set(15, 1)
          tree.set(5, 1)
          tree.delete(10)
          tree.set(10, 1)
        }
      }
      expect(seen).to.deep.equal([0, 10, 15, 30, 40])
      const back: number[] = []
      for (const key of tree.keys({ reverse: true, from: 35 })) {
        back.push(key)
        if (key === 15) {
          tree.delete(15)
          tree.delete(10)
          tree.set(17, 1)
          tree.set(7, 1)
        }
      }
      expect(back).to.deep.equal([30, 15, 7, 5, 0])
    })

    it('ends after clear, throws closed after destroy', () => {
      const { tree } = filled(5)
      const keys = tree.keys()
      keys.next()
      tree.clear()
      expect(keys.next().done).to.equal(true)
      tree.set(1, 1)
      const more = tree.values()
      more.next()
      tree.destroy()
      expectFault('closed', ['tree'], () => more.next())
    })

    it('forEach stops at false, and says so', () => {
      const { tree } = filled(20)
      const seen: number[] = []
      const visit = (value: number, key: number) => seen.push(value, key) < 6
      expect(tree.forEach(visit)).to.equal(false)
      expect(seen).to.deep.equal([0, 0, 1, 10, 2, 20])
      let count = 0
      expect(tree.forEach(() => void count++, { from: 100 })).to.equal(true)
      expect(count).to.equal(10)
    })
  })

  describe('memory', () => {
    it('out of memory leaves all as it was', () => {
      for (const key of [u32, text] as KeyKind<never>[]) {
        const region = open({ discipline: new ArrayBuffer(4096), method: 'best', check: 3 })
        const tree = new Tree<unknown, number>(region, key as KeyKind<unknown>, u32)
        const made = (i: number) => (key.name === 'u32' ? i : `key ${i}`)
        let i = 0
        expectFault('no-memory', ['tree', 'bytes'], () => {
          for (; ; i++) tree.set(made(i), i)
        })
        expect(i).to.be.greaterThan(30)
        tree.check()
        expect(tree.count).to.equal(i)
        for (let k = 0; k < i; k++) expect(tree.get(made(k))).to.equal(k)
        expect(tree.get(made(i))).to.equal(undefined)
        expect(tree.set(made(3), 9), 'no memory is needed for a key that is there').to.equal(3)
        expect(tree.delete(made(4))).to.equal(true)
        expect(tree.set(made(4), 4)).to.equal(undefined)
        tree.destroy()
        expect(region.stat().busyBlocks).to.equal(0)
        expectFault('no-memory', ['tree'], () => {
          for (;;) new Tree(region, u32, u32)
        })
      }
    })

    it('a second handle sees the same; one of another shape is refused', () => {
      const region = memory()
      const tree = new Tree(region, text, u32, { ignoreCase: true })
      const other = new Tree(region, text, u32, { at: tree.at, ignoreCase: true })
      for (let i = 0; i < 50; i++) (i % 2 ? tree : other).set(`k${i}`, i)
      const walk = tree.keys()
      expect(walk.next().value).to.equal('k0')
      other.delete('K1')
      expect(walk.next().value).to.equal('k10')
      other.check()
      expect([...other]).to.deep.equal([...tree])
      const { at } = tree
      expectFault('argument', ['of other values or keys'], () => new Tree(region, text, u32, { at }))
      expectFault('argument', ['of other values or keys'], () => new Tree(region, u32, u32, { at }))
      expectFault('argument', ['of other values or keys'], () => new Tree(region, text, f64, { at, ignoreCase: true }))
      other.destroy()
      expectFault('closed', ['tree', 'destroyed'], () => tree.get('k2'))
    })

    it('lives on in a copy of the bytes, at another base too', () => {
      const region = memory()
      const tree = new Tree(region, vector, f64)
      const rng = new Rng(SEED)
      for (let i = 0; i < 200; i++) tree.set([rng.below(10), rng.below(10), i].slice(rng.below(2)), rng.fraction())
      const entries = [...tree]
      for (const base of [0, 4096]) {
        const moved = new Uint8Array(base + region.buffer.byteLength)
        moved.set(new Uint8Array(region.buffer), base)
        const copy = attach(base === 0 ? moved.buffer : moved.subarray(base))
        const again = new Tree(copy, vector, f64, { at: tree.at + base })
        again.check()
        expect([...again]).to.deep.equal(entries)
        for (const [key] of entries) expect(again.delete(key)).to.equal(true)
        again.destroy()
        expect(copy.stat().busyBlocks).to.equal(0)
      }
      tree.check()
      expect([...tree]).to.deep.equal(entries)
    })

    it('empties itself when the region of its contents is cleared', () => {
      const home = memory()
      const data = open({ discipline: home, method: 'best' })
      const tree = new Tree(home, text, u32, { data })
      for (let era = 0; era < 3; era++) {
        for (let i = 0; i < 100; i++) tree.set(`k${i}`, era)
        const keys = tree.keys()
        keys.next()
        data.clear()
        expect(keys.next().done).to.equal(true)
        expect(tree.count).to.equal(0)
        expect(tree.get('k1')).to.equal(undefined)
        tree.check()
      }
      tree.set('a', 1)
      data.close()
      expectFault('closed', ['tree'], () => tree.get('a'))
      tree.destroy()
      expect(home.stat().busyBlocks).to.equal(0)
    })

    it('one that hears of an allocation may change the tree meanwhile', () => {
      const region = memory()
      const tree = new Tree(region, text, u32)
      let within = false
      const listener = () => {
        if (within) return
        within = true
        tree.set('b', 7)
        tree.set('a', 8)
        if (tree.count % 2 === 0) tree.delete('c')
        within = false
      }
      region.on('alloc', listener)
      expect(tree.set('b', 1)).to.equal(7)
      tree.check()
      expect([...tree]).to.deep.equal([
        ['a', 8],
        ['b', 1],
      ])
      tree.set('c', 2)
      tree.set('bb', 3)
      tree.check()
      expect([...tree.keys()]).to.deep.equal(['a', 'b', 'bb', 'c'])
      within = true
      tree.destroy()
      expect(region.stat().busyBlocks).to.equal(0)
    })
  })

  describe('laws', () => {
    const filled = (n = 40) => {
      const region = memory(2 ** 15)
      const tree = new Tree(region, u32, u32)
      for (let i = 0; i < n; i++) tree.set(i * 3, i)
      const m = wordsOf(region)
      return { region, tree, m, root: rootOf(tree), cells: cellsOf(m, rootOf(tree)) }
    }
    type Scene = ReturnType<typeof filled>
    const isRed = (m: Int32Array, node: number) => (m[node + 2]! & 1) === 1
    const leaf = ({ m, cells }: Scene) => cells.find((node) => m[node] === 0 && m[node + 1] === 0)!
    const parent = ({ m }: Scene, node: number) => m[node + 2]! >>> 1
    const low = (m: Int32Array, root: number) => {
      let node = m[root]!
      while (m[node] !== 0) node = m[node]!
      return node
    }

    const faults: Record<string, [law: string, spoil: (scene: Scene) => void]> = {
      'a node too few': ['R1', ({ m, root }) => m[root + 1]!++],
      'a node too many': ['R1', ({ m, root }) => m[root + 1]!--],
      'a count below 0': ['R1', ({ m, root }) => (m[root + 1] = -1)],
      'no root': ['R1', ({ m, root }) => (m[root] = 0)],
      'a root with a parent': ['R1', ({ m, root, cells }) => (m[m[root]! + 2] = cells[3]! * 2)],
      'a parent that is another': ['R1', (s) => (s.m[leaf(s) + 2]! += 16)],
      'a link to no block': ['R1', (s) => (s.m[leaf(s)] = 77)],
      'a link below 0': ['R1', (s) => (s.m[leaf(s) + 1] = -8)],
      'a link beyond': ['R1', (s) => (s.m[leaf(s) + 1] = 2 ** 29)],
      'a circle': ['R1', (s) => (s.m[leaf(s)] = s.m[s.root]!)],
      'a child on both sides': ['R1', ({ m, root }) => (m[m[root]! + 1] = m[m[root]!]!)],
      'a lost child': ['R3', (s) => (s.m[parent(s, low(s.m, s.root))] = 0)],
      'a red root': ['R2', ({ m, root }) => (m[m[root]! + 2]! |= 1)],
      'red below red': [
        'R2',
        ({ m, cells }) => (m[cells.find((node) => !isRed(m, node) && isRed(m, m[node + 2]! >>> 1))! + 2]! |= 1),
      ],
      'a black node more': ['R3', ({ m, cells }) => (m[cells.find((node) => isRed(m, node))! + 2]! &= ~1)],
      'keys the same': ['T1', ({ m, root }) => (m[low(m, root) + 3] = m[parent({ m } as Scene, low(m, root)) + 3]!)],
      'keys that descend': ['T1', ({ m, root }) => (m[m[root]! + 3] = 0)],
    }
    for (const [name, [law, spoil]] of Object.entries(faults)) {
      it(`${law}: ${name}`, () => {
        const scene = filled()
        scene.tree.check()
        spoil(scene)
        expectFault('corrupted', [`tree ${law}`], () => scene.tree.check())
      })
    }

    it('R1: the only child on both sides', () => {
      const { tree, m, root } = filled(2)
      m[m[root]!] = m[m[root]! + 1]!
      expectFault('corrupted', ['tree R1', 'on both sides'], () => tree.check())
    })

    it('T2: a key longer than its block, or of a length below 0', () => {
      for (const [key, made] of [
        [text, (i: number) => `key ${i}`],
        [vector, (i: number) => [i, 1, 2]],
      ] as [KeyKind<unknown>, (i: number) => unknown][]) {
        for (const length of [-1, 1000, 2 ** 31 - 1, -(2 ** 31)]) {
          const region = memory(2 ** 15)
          const tree = new Tree(region, key, u32)
          for (let i = 0; i < 20; i++) tree.set(made(i), i)
          tree.check()
          const m = wordsOf(region)
          m[cellsOf(m, rootOf(tree))[7]! + 4] = length
          expectFault('corrupted', ['tree T2'], () => tree.check())
        }
      }
    })

    it('T1: texts whose order is spoilt', () => {
      const region = memory(2 ** 15)
      const tree = new Tree(region, text, u32)
      for (let i = 0; i < 20; i++) tree.set(`key ${i}`, i)
      const m = wordsOf(region)
      new Uint8Array(region.buffer)[(cellsOf(m, rootOf(tree))[9]! + 5) * 4] = 0x7a
      expectFault('corrupted', ['tree T1'], () => tree.check())
    })

    it('check ends on any bytes', () => {
      const rng = new Rng(SEED)
      const scene = filled(60)
      const { tree, m, root, cells } = scene
      const good = m.slice()
      let found = 0
      for (let round = 0; round < 3000; round++) {
        for (let times = rng.between(1, 6); times > 0; times--) {
          const where = rng.chance(1 / 8) ? root + rng.below(2) : rng.pick(cells) + rng.below(4)
          m[where] = rng.pick([rng.word(), rng.pick(cells), rng.pick(cells) * 2 + rng.below(2), 0, rng.below(100), -1])
        }
        try {
          tree.check()
        } catch (error) {
          expect((error as VmallocError).code).to.equal('corrupted')
          found++
        }
        m.set(good)
      }
      expect(found).to.be.greaterThan(2500)
      tree.check()
    })
  })
})
