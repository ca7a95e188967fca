/**
 * decide: how far a program is served, by the method that is asked for and by what was found in its module.
 *
 *   observe    its own malloc serves, and is watched: no method, or profile alone
 *   replace    a region serves: best, last, pool and whatever else
 *   debug      a region serves that keeps guards and words of its own in blocks: debug, and profile round a method
 *
 * Nobody gets more than was asked for, and a level that the module is not proven for falls to observe, with a sentence.
 */
import type { MethodDef } from '../contract/method.ts'
import { VmallocError } from '../ground/fault.ts'
import type { Options } from '../region/options.ts'
import { ORIGINAL, parseMethod, registry } from '../region/registry.ts'
import type { Serving } from './replace.ts'
import type { Finding } from './roles.ts'

export interface Level {
  readonly level: 'observe' | 'replace' | 'debug'
  /** The method in full; of a program that is observed, `original` or `profile(original)`. */
  readonly method: string
  readonly serving: Serving | undefined
  /** Why it is less than was asked for; '' where it is not. */
  readonly why: string
}

const PROFILED = `profile(${ORIGINAL})`

/** What the options ask for a module of that name: by its name, by `*`, for all that did not ask. */
export function asked(options: Options, names: readonly string[]): string | undefined {
  for (const name of names) {
    const { named } = options.lookup(name, 'method')
    if (named !== undefined) return String(named)
  }
  const { wild, plain } = options.lookup(names[0] ?? '', 'method')
  const method = wild ?? plain
  return method === undefined ? undefined : String(method)
}

export function levelFor(method: string | undefined, finding: Finding): Level {
  if (method === undefined || method === ORIGINAL) return observed(ORIGINAL)
  const names = parseMethod(method)
  if (names.at(-1) === ORIGINAL) names.pop()
  const chain = names.map((name) => registry.methods.find(name))
  const profiles = chain.some(({ name }) => name === 'profile')
  const watched = profiles ? PROFILED : ORIGINAL
  if (chain.length === 0 || (chain.length === 1 && chain[0]!.name === 'profile')) return observed(watched)
  if (chain.at(-1)!.wraps === true) chain.push(registry.methods.find('best'))
  const title = chain.map(({ name }) => name).join('(') + ')'.repeat(chain.length - 1)
  const inner = chain.at(-1)!
  const level = chain.length > 1 ? 'debug' : 'replace'
  // code that resizes blocks by itself needs a method that can part them
  const needed = inner.heads === true ? level : 'debug'
  const why = level === 'debug' && inner.heads !== true ? headless(inner) : finding.levels[needed]
  if (why !== '') return { ...observed(watched), why: `method ${title} cannot serve it: ${why}` }
  return { level, method: title, serving: servingOf(title, inner, finding), why: '' }
}

const observed = (method: string): Level => ({ level: 'observe', method, serving: undefined, why: '' })

const headless = ({ name }: MethodDef) => `blocks of ${name} have no heads that its compiled code could look at`

function servingOf(method: string, inner: MethodDef, { levels }: Finding): Serving {
  if (inner.sizes === 'none') {
    throw new VmallocError('argument', `method ${inner.name} serves no program: it has no blocks`)
  }
  return { method, heads: inner.heads === true, freesAny: inner.frees === 'any', tails: levels.debug === '' }
}
