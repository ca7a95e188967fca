/**
 * The case of wmem's suite for its queue, anew.
 */
import { expect } from 'chai'
import { i32 } from '../../src/collections/codec.ts'
import { Queue } from '../../src/collections/queue.ts'
import { open } from '../../src/index.ts'

const MANY = 10_000

describe('wmem: queue', () => {
  it('pushes ten thousand, with count and peek after each, and pops them in turn', () => {
    const region = open({ discipline: 'memory' })
    const queue = new Queue(region, i32)
    for (let i = 0; i < MANY; i++) {
      queue.push(i)
      if (queue.peek() !== 0 || queue.count !== i + 1) expect.fail(`push ${i}: ${queue.peek()}, ${queue.count}`)
    }
    queue.check()
    for (let i = 0; i < MANY; i++) {
      if (queue.peek() !== i || queue.pop() !== i || queue.count !== MANY - 1 - i) expect.fail(`pop ${i}`)
    }
    expect([queue.count, queue.peek(), queue.pop(), queue.count]).to.deep.equal([0, undefined, undefined, 0])
    queue.destroy()
    expect(region.stat().busyBlocks).to.equal(0)
    region.close()
  })
})
