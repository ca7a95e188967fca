/**
 * methods: the conformance suite over every method that is registered; wrappers round every other.
 */
import { registry } from '../src/index.ts'
import { methodSuite } from './conformance/index.ts'

const hooks = { describe, it, seed: process.env.SEED }
const methods = registry.methods.all()

for (const method of methods) {
  if (method.wraps !== true) methodSuite(method, hooks)
  else for (const inner of methods) if (inner.wraps !== true) methodSuite(method, { ...hooks, inner })
}

methodSuite(registry.methods.get('best')!, { ...hooks, options: { free: true } })
methodSuite(registry.methods.get('pool')!, { ...hooks, options: { element: 44 } })
