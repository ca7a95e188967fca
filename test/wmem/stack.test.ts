/**
 * The case of wmem's suite for its stack, anew.
 */
import { expect } from 'chai'
import { i32 } from '../../src/collections/codec.ts'
import { Stack } from '../../src/collections/stack.ts'
import { open } from '../../src/index.ts'

const MANY = 10_000

describe('wmem: stack', () => {
  it('pushes ten thousand, with count and peek after each, and pops them in turn', () => {
    const region = open({ discipline: 'memory' })
    const stack = new Stack(region, i32)
    for (let i = 0; i < MANY; i++) {
      stack.push(i)
      if (stack.peek() !== i || stack.count !== i + 1) expect.fail(`push ${i}: ${stack.peek()}, ${stack.count}`)
    }
    stack.check()
    for (let i = MANY - 1; i >= 0; i--) {
      if (stack.peek() !== i || stack.pop() !== i || stack.count !== i) expect.fail(`pop ${i}`)
    }
    expect([stack.count, stack.peek(), stack.pop(), stack.count]).to.deep.equal([0, undefined, undefined, 0])
    stack.destroy()
    expect(region.stat().busyBlocks).to.equal(0)
    region.close()
  })
})
