/**
 * twalk: every segment of a region can be seen, and where its header lies.
 *
 * The original's OPEN event may ask for the handle to be placed in the discipline's memory. Here the header always lies
 * there, in the first segment; the discipline hears its address at `endopen`, and may answer `open` with one to reopen.
 */
import { expect } from 'chai'
import type { Discipline } from '../../src/index.ts'
import { open } from '../../src/index.ts'
import { pieces } from '../fixtures/pieces.ts'

describe('ast twalk', () => {
  for (const method of ['best', 'last', 'pool']) {
    it(`sees every segment, in the order in which they came (${method})`, () => {
      const discipline = pieces({ gap: 40 })
      const region = open({ discipline, method })
      for (let i = 0; i < 100; i++) expect(region.alloc(3000)).to.be.greaterThan(0)
      expect(discipline.held.length).to.be.greaterThan(3)
      expect(region.segments()).to.deep.equal(discipline.held)

      let blocks = 0
      region.walk(({ at, size, state }) => {
        const segment = region.segmentOf(at)
        expect(segment, `${at}`).to.not.equal(undefined)
        expect(at + size).to.be.at.most(segment!.at + segment!.size)
        if (state === 'busy') blocks++
      })
      expect(blocks).to.equal(100)
      for (const { at } of discipline.held.slice(1)) expect(region.segmentOf(at - 1), 'between two').to.equal(undefined)

      expect(region.close()).to.equal(true)
      expect(discipline.held).to.deep.equal([])
    })
  }

  it('stops a walk where it is told to', () => {
    const region = open({ discipline: pieces() })
    for (let i = 0; i < 10; i++) region.alloc(600)
    let seen = 0
    region.walk(() => ++seen < 4)
    expect(seen).to.equal(4)
  })

  it('keeps the header in the discipline’s memory, and reopens it there', () => {
    const memory = pieces()
    const told: [string, unknown][] = []
    let reopen = 0
    const discipline: Discipline = {
      ...memory,
      exception(_region, event, data) {
        told.push([event, data])
        if (event === 'open' && reopen !== 0) {
          ;(data as { at: number }).at = reopen
          return 1
        }
        return event === 'close' ? 1 : 0
      },
    }
    const region = open({ discipline, name: 'walked' })
    const at = region.alloc(100)
    region.bytes(at, 100).fill(8)
    expect(told.map(([event]) => event)).to.deep.equal(['open', 'endopen'])
    expect(told[1]![1]).to.equal(region.header)
    expect(region.segments()[0]!.at).to.be.at.most(region.header)
    expect(region.segmentOf(region.header)).to.deep.equal(region.segments()[0])

    expect(region.close(), 'the discipline keeps the memory').to.equal(true)
    expect(memory.held).to.have.length(1)
    reopen = region.header
    const again = open({ discipline, name: 'walked' })
    expect(again.bytes(at, 100).every((byte) => byte === 8)).to.equal(true)
    expect(again.stat().busyBlocks).to.equal(1)
    expect(again.free(at)).to.equal(true)
  })
})
