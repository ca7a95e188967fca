/**
 * methods, at length: the conformance suite over every method, and wrappers round every other on every ground. For
 * `npm run test:long`; SEED repeats a failure. The short one is methods.test.ts.
 */
import { injectOptions } from '../../src/index.ts'
import { suitesOfMethods } from '../fixtures/method-suites.ts'

describe('methods, wrappers on every ground', () => {
  before(() => injectOptions('format=none,profile=none'))
  after(() => injectOptions(undefined))

  suitesOfMethods({ describe, it, seed: process.env.SEED }, 'all grounds')
})
