/**
 * nested: regions in regions: who is whose, who owns an address, who ends with whom.
 */
import { expect } from 'chai'
import { attach, type Discipline, heap, open, type Region } from '../../src/index.ts'
import { expectFault } from '../fixtures/faults.ts'
import { pieces } from '../fixtures/pieces.ts'

/** root -> (a -> (c), b), each with a block of its own. */
function family() {
  const root = open({ discipline: 'memory', name: 'root' })
  const a = open({ discipline: root, name: 'a' })
  const b = open({ discipline: root, name: 'b', method: 'last' })
  const c = open({ discipline: a, name: 'c', method: 'pool' })
  const blocks = new Map([root, a, b, c].map((region) => [region, region.alloc(100)]))
  return { root, a, b, c, blocks }
}

const names = (regions: readonly Region[]) => regions.map(({ name }) => name).sort()

describe('nested regions', () => {
  it('know their parent, their children, and each other by name', () => {
    const { root, a, b, c } = family()
    expect([root.parent, a.parent, b.parent, c.parent]).to.deep.equal([undefined, root, root, a])
    expect(root.children()).to.have.members([a, b])
    expect(a.children()).to.deep.equal([c])
    expect(c.children()).to.deep.equal([])
    expect(root.child('b')).to.equal(b)
    expect(root.child('c'), 'a grandchild').to.equal(undefined)
    expect(root.child('a')?.child('c')).to.equal(c)
    expect(open().parent, 'without a discipline').to.equal(heap())
    expect(open({ discipline: 'region' }).parent).to.equal(heap())
  })

  it('share the space of their root', () => {
    const { root, c, blocks } = family()
    expect(c.buffer).to.equal(root.buffer)
    const at = blocks.get(c)!
    c.bytes(at, 4).set([1, 2, 3, 4])
    expect([...root.bytes(at, 4)]).to.deep.equal([1, 2, 3, 4])
    expect(c.share()).to.equal(root.share())
  })

  it('have their segments in blocks of their parent', () => {
    const { root, a, c } = family()
    for (let i = 0; i < 100; i++) c.alloc(100)
    for (const [child, parent] of [
      [a, root],
      [c, a],
    ] as const) {
      for (const { at, size } of child.segments()) {
        expect(parent.sizeOf(at), `${child.name} in ${parent.name}`).to.be.at.least(size)
        expect(parent.regionOf(at)).to.equal(child === c ? c : a)
      }
    }
  })

  it('regionOf names the innermost region that has an address, segmentOf its own piece', () => {
    const { root, a, b, c, blocks } = family()
    for (const [region, at] of blocks) {
      expect(root.regionOf(at), region.name).to.equal(region)
      expect(region.regionOf(at)).to.equal(region)
      expect(root.regionOf(region.header), `header of ${region.name}`).to.equal(region)
      const segment = region.segmentOf(at)!
      expect(region.segments()).to.deep.include(segment)
      expect(at).to.be.within(segment.at, segment.at + segment.size - 1)
      expect(region.segmentOf(segment.at)).to.deep.equal(segment)
      expect(region.segmentOf(segment.at + segment.size)).to.equal(undefined)
    }
    expect(a.regionOf(blocks.get(c)!)).to.equal(c)
    expect(a.regionOf(blocks.get(b)!)).to.equal(undefined)
    expect(b.segmentOf(blocks.get(root)!)).to.equal(undefined)
    for (const at of [0, 4, -1, 2 ** 35, Number.NaN]) {
      expect(root.regionOf(at), `${at}`).to.equal(undefined)
      expect(root.segmentOf(at), `${at}`).to.equal(undefined)
    }
  })

  it('are found again in a copy of the root’s bytes', () => {
    const { root, c, blocks } = family()
    c.bytes(blocks.get(c)!, 100).fill(42)
    const copy = attach((root.buffer as ArrayBuffer).slice(0))
    expect(names(copy.children())).to.deep.equal(['a', 'b'])
    const there = copy.child('a')!.child('c')!
    expect(there).to.include({ name: 'c', method: 'pool', header: c.header, unit: 100 })
    expect(there.bytes(blocks.get(c)!, 100).every((byte) => byte === 42)).to.equal(true)
    expect(there.free(blocks.get(c)!)).to.equal(true)
    expect(there.parent?.parent).to.equal(copy)
    expect(copy.child('a')!.child('c'), 'one handle for one region').to.equal(there)
    copy.check()
    expect(c.stat().busyBlocks, 'the original is another').to.equal(1)
  })

  it('close and clear with their parent', () => {
    for (const end of ['close', 'clear'] as const) {
      const { root, a, b, c } = family()
      expect(root[end]()).to.equal(true)
      expect([a.closed, b.closed, c.closed]).to.deep.equal([true, true, true])
      expect(root.children()).to.deep.equal([])
      if (end === 'clear') expect(root.stat()).to.include({ busyBlocks: 0, busyBytes: 0 })
    }
  })

  it('give their memory back to their parent, in any order', () => {
    const { root, a, b, c } = family()
    const { busyBlocks } = root.stat()
    expect(c.close()).to.equal(true)
    expect(a.children()).to.deep.equal([])
    expect(b.close()).to.equal(true)
    expect(root.stat().busyBlocks).to.equal(busyBlocks - b.segments().length - 1)
    expect(a.close()).to.equal(true)
    expect(root.stat().busyBlocks, 'its own block').to.equal(1)
    root.check()
  })

  it('leave their siblings in a chain that is sound, whichever goes', () => {
    const root = open({ discipline: 'memory' })
    const children = Array.from({ length: 6 }, (_, i) => open({ discipline: root, name: `${i}` }))
    for (const i of [0, 5, 2, 3]) {
      children[i]!.close()
      root.check()
    }
    expect(names(root.children())).to.deep.equal(['1', '4'])
    open({ discipline: root, name: 'new' })
    expect(names(root.children())).to.deep.equal(['1', '4', 'new'])
  })

  it('may refuse to close; then the parent stays open, and is not cleared', () => {
    const root = open({ discipline: 'memory', name: 'root' })
    let answer = -1
    const nested: Discipline = {
      ...open({ discipline: root, name: 'model' }).discipline,
      exception: (_region, event) => (event === 'close' ? answer : 0),
    }
    const stubborn = open({ discipline: nested, name: 'stubborn' })
    const at = stubborn.alloc(50)
    expect(root.close()).to.equal(false)
    expect(root.clear()).to.equal(false)
    expect([root.closed, stubborn.closed]).to.deep.equal([false, false])
    expect(root.alloc(10)).to.be.greaterThan(0)
    expect(stubborn.free(at)).to.equal(true)
    root.check()
    answer = 0
    expect(root.close()).to.equal(true)
    expect(stubborn.closed).to.equal(true)
  })

  it('grow where their parent has room, and fail as it fails', () => {
    const root = open({ discipline: new ArrayBuffer(64 * 1024), name: 'root', check: 3 })
    const child = open({ discipline: root, name: 'child', check: 3 })
    const blocks: number[] = []
    for (let at = child.alloc(1000); at !== 0; at = child.alloc(1000)) blocks.push(at)
    expect(blocks.length).to.be.within(45, 64)
    expect(root.alloc(2000)).to.equal(0)
    for (const at of blocks) expect(child.free(at)).to.equal(true)
    expect(child.compact()).to.be.greaterThan(0)
    expect(root.alloc(40_000)).to.be.greaterThan(0)
  })

  it('ask the handler of their root when there is no memory', () => {
    const asked: [string, unknown][] = []
    let reserve = 0
    const root: Region = open({
      name: 'root',
      discipline: {
        ...pieces({ room: 32 * 1024 }),
        exception(region, event, data) {
          if (event !== 'nomem' || reserve === 0) return 0
          asked.push([region.name, data])
          root.free(reserve)
          reserve = 0
          return 1
        },
      },
    })
    const child = open({ discipline: root, name: 'child' })
    const most = root.alloc(12_000)
    while (root.alloc(600) !== 0);
    reserve = most
    expect(child.alloc(9000)).to.be.greaterThan(0)
    expect(asked).to.deep.equal([['root', 9000]])
    expect(child.alloc(9000), 'no reserve any more').to.equal(0)
  })

  it('in a closed region cannot be opened', () => {
    const root = open({ discipline: 'memory', name: 'root' })
    root.close()
    expectFault('closed', ['root'], () => open({ discipline: root }))
  })

  it('by the ten thousand cost their own bytes only, and give them all back', () => {
    const N = 10_000
    heap().compact()
    const before = heap().stat()
    let extent = 0
    for (let round = 0; round < 2; round++) {
      const regions: Region[] = []
      for (let i = 0; i < N; i++) {
        const region = open({ name: `region ${i}`, method: i % 3 === 0 ? 'pool' : 'best' })
        const at = region.alloc(40)
        region.bytes(at, 40).fill(i)
        regions.push(region)
      }
      expect(heap().children().length).to.be.at.least(N)
      expect((heap().stat().busyBytes - before.busyBytes) / N, 'bytes a region').to.be.below(4096)
      for (const [i, region] of regions.entries()) {
        let sound = 0
        region.walk(({ at, state }) => {
          if (state === 'busy') sound += region.bytes(at, 40).every((byte) => byte === (i & 255)) ? 1 : -1
        })
        expect(sound, `region ${i}`).to.equal(1)
      }
      heap().check()
      // the odd ones first, so that the chain is cut everywhere
      for (const odd of [1, 0])
        for (const [i, region] of regions.entries()) if (i % 2 === odd) expect(region.close()).to.equal(true)
      heap().compact()
      heap().check()
      const { busyBlocks, busyBytes } = heap().stat()
      expect({ busyBlocks, busyBytes }).to.deep.equal({ busyBlocks: before.busyBlocks, busyBytes: before.busyBytes })
      if (round === 1) expect(heap().stat().extent, 'the second time is free').to.equal(extent)
      ;({ extent } = heap().stat())
    }
  })
})

describe('nested regions and those who listen', () => {
  // A parent's listener runs while its child asks for memory or gives it back; what it does must not disturb the child.
  for (const discipline of ['memory', 'shared']) {
    for (const event of ['alloc', 'resize', 'free'] as const) {
      it(`a listener of the parent may use the child that asks (${discipline}, ${event})`, () => {
        const parent = open({ discipline, name: 'parent' })
        const child = open({ discipline: parent, name: 'child' })
        const blocks: number[] = []
        let depth = 0
        let heard = 0
        parent.on(event, () => {
          heard++
          if (depth++ === 0) blocks.push(child.alloc(3000))
          depth--
        })
        for (let i = 0; i < 100; i++) {
          blocks.push(child.alloc(700 + i * 13))
          parent.alloc(i % 3 === 0 ? 40 : 0)
          child.check()
          if (i % 10 === 9) {
            for (const at of blocks.splice(0, blocks.length - 3)) expect(child.free(at)).to.equal(true)
            child.compact()
            child.check()
          }
          parent.check()
        }
        expect(heard).to.be.greaterThan(0)
        expect(blocks).to.not.include(0)
        expect(new Set(blocks).size).to.equal(blocks.length)
        expect(child.stat().busyBlocks).to.equal(blocks.length)
        parent.close()
      })
    }
  }
})
