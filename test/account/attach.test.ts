/**
 * attach: accounts lie in the bytes; who attaches a copy of them, here or elsewhere, has them all.
 */
import { expect } from 'chai'
import { account, accounts, ordinalOf, ownerOf, report } from '../../src/account.ts'
import { attach, type OpenOptions, open, type Region } from '../../src/index.ts'
import { expectFault } from '../fixtures/faults.ts'

const KIB = 1024

/** A region with accounts of every kind, blocks of all of them, limits, and a region nested in it. */
function filled(options: OpenOptions): { region: Region; blocks: number[] } {
  const region = open({ name: 'filled', check: 3, ...options })
  const size = (i: number): number => region.unit || 10 + i * 13
  const blocks = region.method === 'pool' ? [] : [region.alloc(30), region.alloc(50)]
  const all = ['', 'a', 'a/b', 'a/b/käse', 'c', 'gone'].map((path) => account(path, region))
  all.pop()!.remove()
  for (let i = 0; i < 12; i++) blocks.push(all[i % all.length]!.alloc(size(i)))
  for (const [i, at] of blocks.entries()) region.bytes(at).fill(i + 1)
  if (region.method === 'best') {
    all[1]!.run(() => open({ discipline: region, name: 'nested', accounts: true })).alloc(100)
    region.free(blocks.splice(4, 1)[0]!)
  }
  account('a', region).limit({ hard: 9000, soft: 8000 })
  for (let i = 0; i < 20; i++) account(`many/${i}`, region)
  expectFault('no-memory', [], () => account('a/b', region).alloc(region.unit || 9000))
  return { region, blocks }
}

/** Everything that can be told of accounts, but for ids, addresses and times. */
function told(region: Region): unknown {
  const figures = report([region]).regions[0]!.accounts
  return [figures, accounts(region).map(({ path, limits }) => [path, limits]), region.stat()]
}

describe('accounts of a region that is attached', () => {
  const bases: [string, number][] = [
    ['at the same base', 0],
    ['at another base', 64],
    ['far up', 8 * KIB + 8],
  ]
  for (const [where, base] of bases) {
    for (const method of ['best', 'last', 'pool', 'debug(best)']) {
      it(`${where}: ${method}`, () => {
        const space = new ArrayBuffer(64 * KIB)
        const options = method === 'pool' ? { element: 6000, accounts: true } : {}
        const leaks = method.startsWith('debug') ? { leaks: false } : {}
        const isPool = method === 'pool'
        const { region, blocks } = filled({
          discipline: isPool ? new ArrayBuffer(128 * KIB) : space,
          method,
          ...options,
          ...leaks,
        })
        const copied = new Uint8Array(base + region.buffer.byteLength)
        copied.set(new Uint8Array(region.buffer), base)
        const copy = attach(copied.subarray(base))
        expect(told(copy)).to.deep.equal(told(region))
        for (const [i, at] of blocks.entries()) {
          const there = at + base
          expect(ownerOf(there, copy)?.path).to.equal(ownerOf(at, region)?.path)
          expect(ordinalOf(there, copy)).to.equal(ordinalOf(at, region))
          expect(copy.bytes(there)[0]).to.equal(region.bytes(at)[0])
          if (i % 2 === 0 && method !== 'last') account(ownerOf(there, copy)!.path, copy).free(there)
        }
        const nested = copy.child('nested')
        if (nested !== undefined) {
          expect(account('', nested).total).to.deep.equal(account('', region.child('nested')!).total)
          for (const { at } of nested.segments()) expect(account('a', copy).owns(at)).to.equal(true)
          expect(account('a', nested).own.blocks).to.equal(0)
        }
        copy.check()
        expectFault('no-memory', ['may have 9000'], () => account('a', copy).alloc(copy.unit || 9500))
        const at = account('c/new', copy).alloc(copy.unit || 40)
        expect(ownerOf(at, copy)?.path).to.equal('c/new')
        copy.clear()
        copy.check()
        region.check()
        expect(account('', copy).total).to.include({ bytes: 0, blocks: 0 })
      })
    }
  }

  it('goes on where the space grew since', () => {
    const region = open({ discipline: 'resizable', name: 'grown' })
    const one = account('one', region)
    const at = one.alloc(40)
    const far = one.alloc(500_000)
    region.bytes(far).fill(9)
    expect(one.own.bytes).to.equal(region.sizeOf(at) + region.sizeOf(far))
    const copy = attach(region.buffer.slice(0) as ArrayBuffer)
    expect(account('one', copy).own).to.deep.equal(one.own)
    copy.check()
  })

  it('says that bytes are damaged whose ledger is', () => {
    const region = open({ discipline: new ArrayBuffer(16 * KIB), accounts: true })
    account('one', region).alloc(40)
    const bytes = new Uint8Array(region.buffer.slice(0))
    const at = account('one', region).alloc(50)
    const again = new Uint8Array(region.buffer.slice(0))
    again[at + region.sizeOf(at)]! ^= 0xff
    attach(bytes).check()
    expectFault('damaged', ['account A4'], () => attach(again))
  })
})
