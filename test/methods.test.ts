/**
 * methods: the conformance suite over every method that is registered; wrappers round every other. What a debugging
 * wrapper says of the mistakes that the suite makes on purpose is not written.
 */
import { injectOptions, registry } from '../src/index.ts'
import { methodSuite } from './conformance/index.ts'

const hooks = { describe, it, seed: process.env.SEED }
const methods = registry.methods.all()

describe('methods', () => {
  before(() => injectOptions('format=none,profile=none'))
  after(() => injectOptions(undefined))

  for (const method of methods) {
    if (method.wraps !== true) methodSuite(method, hooks)
    else
      for (const inner of methods)
        if (inner.wraps !== true) methodSuite(method, { ...hooks, inner, options: { depth: 0 } })
  }

  methodSuite(registry.methods.get('best')!, { ...hooks, options: { free: true } })
  methodSuite(registry.methods.get('pool')!, { ...hooks, options: { element: 44 } })
  methodSuite(registry.methods.get('debug')!, {
    ...hooks,
    inner: registry.methods.get('pool')!,
    options: { element: 44, depth: 0 },
  })
})
