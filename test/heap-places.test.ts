/**
 * heap-places: the heap of a block is found among thousands of regions, whatever became of these.
 */
import { expect } from 'chai'
import { Places } from '../src/heap/places.ts'
import { openHeap } from '../src/heap.ts'
import { open, type Region } from '../src/index.ts'

interface Piece {
  readonly region: Region
}

describe('places of heaps', () => {
  it('finds the region of a block while regions grow, are fixed, cleared and closed', () => {
    const root = open({ name: 'root', discipline: 'memory' })
    const places = new Places<Piece>()
    const blocks = new Map<number, Piece>()
    const pieces: Piece[] = []
    for (let i = 0; i < 200; i++) {
      const piece = { region: open({ discipline: root, method: 'last' }) }
      pieces.push(piece)
      places.add(piece)
      for (let n = 0; n <= i % 40; n++) blocks.set(piece.region.alloc(16 + ((n * 200) % 900)), piece)
      if (i % 3 === 0) places.fix(piece)
      const old = pieces[i - 100]
      if (old === undefined || i % 4 === 0) continue
      for (const [at, piece] of blocks) if (piece === old) blocks.delete(at)
      if (i % 4 === 1) expect(old.region.clear()).to.equal(true)
      else {
        old.region.close()
        places.remove(old)
      }
      for (const [at, piece] of blocks) expect(places.find(at) === piece, `block at ${at}`).to.equal(true)
    }
    for (const [at, piece] of blocks) expect(places.find(at) === piece, `block at ${at}`).to.equal(true)
    for (const at of blocks.keys()) expect(places.find(at + 4)).to.equal(undefined)
    expect(places.find(0)).to.equal(undefined)
    expect(places.find(2 ** 31)).to.equal(undefined)
    root.close()
  })

  it('thousands of transactions: each block is found and freed, and all memory comes back', () => {
    const root = open({ name: 'root', discipline: 'memory' })
    const store = openHeap({ name: 'store', discipline: root })
    const blocks = Array.from({ length: 3000 }, (_, i) =>
      store.subHeapTxn({ discipline: root }, (txn) => txn.alloc(8 + (i % 50))),
    )
    expect(new Set(blocks).size).to.equal(3000)
    for (const at of blocks) store.free(at)
    expect(store.bytesLive).to.equal(0)
    store.close()
    expect(root.children().length).to.be.at.most(65)
    root.close()
  })

  it('runs all destructors of a block, newest first, whichever heap was told of them', () => {
    const log: string[] = []
    const outer = openHeap({ name: 'outer' })
    const inner = outer.open({ name: 'inner' })
    const [a, b] = [inner.alloc(40), inner.alloc(40)]
    for (const at of [a, b]) inner.onFree(at, () => log.push('before'))
    outer.adopt(inner)
    for (const at of [a, b]) outer.onFree(at, () => log.push('after'))
    outer.free(a)
    expect(log.splice(0)).to.deep.equal(['after', 'before'])
    outer.close()
    expect(log).to.deep.equal(['after', 'before'])
  })

  it('counts a block that comes back to a heap that was adopted meanwhile', () => {
    const outer = openHeap({ name: 'outer' })
    const [inner, other] = [outer.open({ name: 'inner' }), outer.open({ name: 'other' })]
    const at = inner.alloc(100)
    other.import(at)
    outer.adopt(inner)
    expect(outer.bytesLive).to.equal(0)
    outer.import(at)
    expect(outer.has(at)).to.equal(true)
    expect(outer.bytesLive).to.be.at.least(100)
    outer.close()
  })
})
