/**
 * A text that begins with U+FEFF lost it when it was read: the decoder took it for a byte-order mark.
 */
import { expect } from 'chai'
import { open } from '../../src/index.ts'

describe('a text that begins with U+FEFF', () => {
  it('is read as it was written', () => {
    using region = open({ discipline: 'memory', name: 'feff' })
    expect(region.readString(region.string('\ufeffa'))).to.equal('\ufeffa')
  })
})
