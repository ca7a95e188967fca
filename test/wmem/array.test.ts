/**
 * The case of wmem's suite for its array, anew.
 */
import { expect } from 'chai'
import { Vector } from '../../src/collections/vector.ts'
import { open, type Region } from '../../src/index.ts'
import { expectFault } from '../fixtures/faults.ts'

const MANY = 10_000

describe('wmem: array', () => {
  let region: Region
  beforeEach(() => void (region = open({ discipline: 'memory' })))
  afterEach(() => {
    expect(region.stat().busyBlocks).to.equal(0)
    region.close()
  })

  it('appends ten thousand, reads each, and one past the end', () => {
    const array = new Vector(region, Uint32Array)
    for (let i = 0; i < MANY; i++) {
      array.push(i)
      if (array.get(i) !== i || array.tryGet(i) !== i || array.tryGet(i + 1) !== undefined) expect.fail(`element ${i}`)
    }
    expectFault('argument', [String(MANY), `0 to ${MANY - 1}`], () => array.get(MANY))
    array.check()
    for (let i = 0; i < MANY; i++) if (array.get(i) !== i) expect.fail(`element ${i} after all`)
    expect(array.length).to.equal(MANY)
    array.destroy()
  })

  it('appends eight at a time to one that has room for 73 and a zero behind the last', () => {
    const array = new Vector(region, Uint8Array, { capacity: 73 })
    expect(array.capacity).to.equal(73)
    array.nullTerminate()
    expect(region.bytes(array.address)[0]).to.equal(0)
    const eight = [...'ABCDEFGH'].map((letter) => letter.charCodeAt(0))
    const rounds = MANY / 8
    for (let i = 0; i < rounds; i++) {
      array.append(eight)
      const raw = region.bytes(array.address)
      if (raw[array.length] !== 0 || raw[array.length - 1] !== 72) expect.fail(`round ${i}`)
    }
    expect(array.length).to.equal(MANY)
    expect(region.readString(array.address)).to.equal('ABCDEFGH'.repeat(rounds))
    array.sort()
    expect(region.readString(array.address)).to.equal([...'ABCDEFGH'].map((letter) => letter.repeat(rounds)).join(''))
    for (let i = 0; i < MANY; i++) if (array.get(i) !== 65 + Math.floor(i / rounds)) expect.fail(`position ${i}`)
    array.push(90)
    expect(region.bytes(array.address)[MANY + 1]).to.equal(0)
    array.check()
    array.destroy()
  })

  it('is filled with zeros', () => {
    const array = new Vector(region, Int32Array)
    for (let i = 1; i <= 100; i++) array.push(i)
    array.zero()
    expect([...array]).to.deep.equal(new Array(100).fill(0))
    array.destroy()
  })

  it('leaves its elements when it ends', () => {
    const array = new Vector(region, Uint8Array, { capacity: 1000 })
    array.nullTerminate()
    array.append([...'text'].map((letter) => letter.charCodeAt(0)))
    const at = array.finalize()
    expect(array.alive).to.equal(false)
    expect(region.readString(at)).to.equal('text')
    expect(region.sizeOf(at)).to.be.within(5, 16)
    expect(region.stat().busyBlocks).to.equal(1)
    region.free(at)
  })
})
