/**
 * methods: the conformance suite over every method that is registered; wrappers round every other, on one ground each,
 * in turn (`npm run test:long` has them on all). What a debugging wrapper says of the mistakes that the suite makes on
 * purpose is not written.
 */
import { injectOptions } from '../src/index.ts'
import { suitesOfMethods } from './fixtures/method-suites.ts'

describe('methods', () => {
  before(() => injectOptions('format=none,profile=none'))
  after(() => injectOptions(undefined))

  suitesOfMethods({ describe, it, seed: process.env.SEED }, 'one ground each')
})
