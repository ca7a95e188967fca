/**
 * find: which functions of a module are malloc, free and their kin, and what may be done with it.
 *
 *   map         somebody said so                          best
 *   export      the module exports it by that name
 *   name        the name section has it
 *   glue        the JavaScript beside it says so
 *   fingerprint its code looks like it                    last, but the only one that sees what has no name
 *
 * Whatever says it, thunks are followed, a function must have the type of its role, and code of a known allocator goes
 * before names: an exported `malloc` may be a wrapper with work of its own, and the function that it calls is then the one.
 * Nothing is promised that is not seen: the higher levels need every function that touches the allocator's state to be
 * accounted for (dlmalloc.ts, emmalloc.ts), and levels.ts says what that allows.
 */
import { type Module, typeOf } from './binary.ts'
import { type Dlmalloc, findDlmalloc } from './dlmalloc.ts'
import { type Emmalloc, findEmmalloc } from './emmalloc.ts'
import { rolesInGlue } from './glue.ts'
import { levelsOf, noLevels, reasonToLeave } from './levels.ts'
import { Unreadable } from './reader.ts'
import {
  type Evidence,
  type Family,
  type Finding,
  type Found,
  ROLES,
  type Role,
  roleOfName,
  type Stranger,
  shapeFor,
  shapeOf,
} from './roles.ts'
import { findRust } from './rust.ts'
import { type Survey, survey } from './survey.ts'
import { behind, thunksTo } from './thunks.ts'

/** Counts what finding has become better at: what an older one found is found again. */
export const FINDER = 1

export interface Hints {
  /** Indices of functions, which win over all that is found. */
  readonly map?: Readonly<Partial<Record<Role, number>>>
  /** The JavaScript beside the module. */
  readonly glue?: string
}

interface Candidate {
  readonly role: Role
  readonly index: number
  readonly evidence: Evidence
  readonly by: string
}

const ORDER: readonly Evidence[] = ['map', 'export', 'name', 'glue', 'fingerprint']

/** Looks at a module. What cannot be read, or is not for us, is `left`; nothing is thrown. O(its code). */
export function find(module: Module, hints: Hints = {}): Finding {
  const left = reasonToLeave(module)
  if (left !== '') return leave(left)
  try {
    return search(module, hints)
  } catch (error) {
    if (error instanceof Unreadable) return leave(`it cannot be read: ${error.message}`)
    throw error
  }
}

/** What is said of a module that nothing can be done with. */
export function leave(left: string): Finding {
  return { family: 'none', alignment: 8, functions: [], strangers: [], levels: noLevels(left), left }
}

function search(module: Module, hints: Hints): Finding {
  const seen = survey(module)
  const named = candidates(module, hints)
  const whole = choose(
    findDlmalloc(
      seen,
      (index) => roleNamed(named, index),
      (index) => namesOf(module, index),
    ),
    named,
  )
  if (whole !== undefined) return dlmallocFinding(seen, named, whole)
  return otherFinding(seen, named)
}

function namesOf(module: Module, index: number): string[] {
  const names = module.exports.filter((one) => one.kind === 'function' && one.index === index).map(({ name }) => name)
  const own = module.names.get(index)
  return own === undefined ? names : [...names, own]
}

function roleNamed(named: readonly Candidate[], index: number): Role | undefined {
  return named.find((one) => one.index === index)?.role
}

/** All that names, maps and glue say, behind thunks; of functions with the type of their role. */
function candidates(module: Module, { map, glue }: Hints): Candidate[] {
  const found: Candidate[] = []
  const add = (role: Role, index: number, evidence: Evidence, by: string) => {
    if (index >= module.functions.length || shapeOf(typeOf(module, index)) !== shapeFor(role)) return
    const target = behind(module, index)
    if (target >= module.imported) found.push({ role, index: target, evidence, by })
  }
  for (const role of ROLES) if (map?.[role] !== undefined) add(role, map[role], 'map', 'the map says so')
  const exported = new Map<string, number>()
  for (const { kind, name, index } of module.exports) {
    if (kind !== 'function') continue
    exported.set(name, index)
    const role = roleOfName(name)
    if (role !== undefined) add(role, index, 'export', `exported as ${name}`)
  }
  for (const [index, name] of module.names) {
    const role = roleOfName(name)
    if (role !== undefined) add(role, index, 'name', `named ${name}`)
  }
  if (glue === undefined) return found
  for (const [role, names] of rolesInGlue(glue)) {
    const name = names.find((name) => exported.has(name))
    if (name !== undefined) add(role, exported.get(name)!, 'glue', `its glue calls the export ${name} so`)
  }
  return found
}

/** Of several the one that something else speaks for; none where that is not clear. */
function choose(found: readonly Dlmalloc[], named: readonly Candidate[]): Dlmalloc | undefined {
  if (found.length < 2) return found[0]
  const confirmed = found.filter(({ roles }) => named.some(({ role, index }) => roles.get(index) === role))
  const complete = found.filter(({ roles }) => [...roles.values()].includes('free'))
  return confirmed.length === 1
    ? confirmed[0]
    : confirmed.length === 0 && complete.length === 1
      ? complete[0]
      : undefined
}

function dlmallocFinding(seen: Survey, named: readonly Candidate[], whole: Dlmalloc): Finding {
  const roles = new Map(whole.roles)
  const denied = overruled(whole, named)
  for (const { index } of denied) roles.delete(index)
  // what only calls the allocator, or has code of others in it, may have a name and no fingerprint
  for (const one of named) if (!roles.has(one.index) && isBelieved(whole, one)) roles.set(one.index, one.role)
  const strangers = [...whole.strangers, ...denied].filter(({ index }) => !roles.has(index))
  const inlined = whole.inlined.filter(({ index }) => !roles.has(index))
  const readers = whole.readers.filter((index) => !roles.has(index))
  const functions = foundOf(seen, roles, named, 'its code is that of dlmalloc', whole.roles)
  const levels = levelsOf({ family: 'dlmalloc', functions, strangers, inlined, readers, isProven: true })
  return {
    family: 'dlmalloc',
    alignment: whole.alignment,
    functions,
    strangers: [...strangers, ...inlined],
    levels,
    left: '',
  }
}

/** Functions whose role the map gives to others. */
function overruled(whole: Dlmalloc, named: readonly Candidate[]): Stranger[] {
  const said = named.filter(({ evidence }) => evidence === 'map')
  return [...whole.roles]
    .filter(([index, role]) => said.some((one) => one.role === role) && !said.some((one) => one.index === index))
    .map(([index, role]) => ({ index, why: `looks like ${role}, and the map names another` }))
}

/** A malloc or free that does not touch the state itself is a wrapper; what only those with a role call is none of them. */
function isBelieved(whole: Dlmalloc, { role, index, evidence }: Candidate): boolean {
  if (evidence === 'map') return true
  if (role === 'malloc' || role === 'free') return whole.strangers.some((stranger) => stranger.index === index)
  return !whole.inside.includes(index) && !whole.harmless.includes(index)
}

function otherFinding(seen: Survey, named: readonly Candidate[]): Finding {
  const roles = new Map<number, Role>()
  for (const { role, index } of named) if (!roles.has(index)) roles.set(index, role)
  const held = [...roles.values()]
  if (!held.includes('malloc') || !held.includes('free')) {
    const rust = findRust(seen)
    if (rust === undefined) return leave('no malloc and free are found in it')
    const functions = foundOf(seen, rust, named, "its code is that of Rust's allocator")
    return finding(
      'dlmalloc-rs',
      functions.map((found) => ({ ...found, sure: false })),
      [],
      false,
      8,
    )
  }
  const free = [...roles].find(([, role]) => role === 'free')![0]
  const small: Emmalloc | undefined = findEmmalloc(seen, free, roles)
  const functions = foundOf(seen, roles, named, 'it has the name')
  const isProven = small?.state !== undefined
  return finding(small === undefined ? 'other' : 'emmalloc', functions, small?.strangers ?? [], isProven, 8)
}

function finding(
  family: Family,
  functions: readonly Found[],
  strangers: readonly Stranger[],
  isProven: boolean,
  alignment: 8 | 16,
): Finding {
  const levels = levelsOf({ family, functions, strangers, inlined: [], readers: [], isProven })
  return { family, alignment, functions, strangers, levels, left: '' }
}

function foundOf(
  seen: Survey,
  roles: ReadonlyMap<number, Role>,
  named: readonly Candidate[],
  print: string,
  printed: ReadonlyMap<number, Role> = new Map(),
): Found[] {
  const entries = thunksTo(seen.module, new Set(roles.keys()))
  const all = [...roles].map(([index, role]): Found => {
    const says = named.filter((one) => one.index === index && one.role === role)
    const best = says.toSorted((a, b) => ORDER.indexOf(a.evidence) - ORDER.indexOf(b.evidence))[0]
    const evidence = best?.evidence ?? 'fingerprint'
    const by = best === undefined ? print : best.by
    const isSure = says.length > 1 || printed.has(index)
    return { role, index, entries: entries.get(index) ?? [], evidence, sure: isSure || evidence !== 'glue', why: by }
  })
  return all.toSorted((a, b) => ROLES.indexOf(a.role) - ROLES.indexOf(b.role) || a.index - b.index)
}
