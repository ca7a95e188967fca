/**
 * What a collection looks like when it is printed: one line, not the arrays over all of the memory.
 */
import { inspect } from 'node:util'
import { expect } from 'chai'
import { List, StringBuilder, u32 } from '../../src/collections.ts'
import { open } from '../../src/index.ts'
import { openPool } from '../../src/scope.ts'

describe('a collection that is shown', () => {
  it('says what it is, where, and whether it is there', () => {
    using region = open({ discipline: 'memory', name: 'shown' })
    const list = new List(region, u32)
    const line = `list at ${list.at} in region shown`
    expect([inspect(list), String(list), JSON.stringify({ list })]).to.deep.equal([line, line, `{"list":"${line}"}`])
    list.destroy()
    expect(inspect({ list })).to.equal(`{ list: ${line}, gone }`)
  })

  it('a builder is its text as a string, and a builder when it is shown', () => {
    using region = open({ discipline: 'memory', name: 'shown' })
    const builder = new StringBuilder(region)
    builder.append('text')
    expect(String(builder)).to.equal('text')
    expect(inspect(builder)).to.equal(`string builder at ${builder.at} in region shown`)
  })

  it('and a pool says how much it has', () => {
    using pool = openPool({ name: 'p' })
    pool.alloc(100)
    expect(inspect(pool)).to.equal(`pool p: active, ${pool.bytesLive} bytes`)
  })
})
