/**
 * registry: names to methods and disciplines, asked when a region opens.
 *
 *   best                  a name
 *   block                 another name for one of those: where it is asked for, the one that it stands for is found
 *   debug(pool)           a wrapper and what it wraps; alone it wraps what the program asked for
 *   original              in options: what the program asked for, whatever others say; a WebAssembly program's own malloc
 *   ./mine.mjs  @me/pkg   a module path (from the working directory) or a package name: loaded at once and registered. It
 *                         exports a definition as `default`, `method` or `discipline`, or as its only export. This runs
 *                         its code.
 */

import type { DisciplineDef } from '../contract/discipline.ts'
import type { MethodDef } from '../contract/method.ts'
import type { OptionRow } from '../contract/option.ts'
import { VmallocError } from '../ground/fault.ts'
import { nearest } from '../ground/nearest.ts'
import { addRows, removeRows } from './options.ts'

/** What a region or a WebAssembly program has when no option says anything: a name for options that make an exception. */
export const ORIGINAL = 'original'

let changes = 0

interface Definition {
  readonly name: string
  readonly options?: readonly OptionRow[]
}

export class Shelf<D extends Definition> {
  readonly #kind: string
  readonly #definitions = new Map<string, D>()
  readonly #aliases = new Map<string, string>()
  readonly #isDefinition: (value: unknown) => value is D

  constructor(kind: string, isDefinition: (value: unknown) => value is D) {
    this.#kind = kind
    this.#isDefinition = isDefinition
  }

  /** Whether a value could be registered here. */
  isDefinition(value: unknown): value is D {
    return this.#isDefinition(value)
  }

  /** Adds a definition, or puts it in the place of the one of that name; returns that one. */
  register(definition: D): D | undefined {
    if (!this.#isDefinition(definition)) {
      throw new VmallocError('argument', `register: not a ${this.#kind} definition: expected ${wanted(this.#kind)}`)
    }
    this.#mustBeName(definition.name)
    const before = this.#definitions.get(definition.name)
    removeRows(`${this.#kind} ${definition.name}`)
    addRows(definition.options ?? [], `${this.#kind} ${definition.name}`)
    this.#definitions.set(definition.name, definition)
    this.#aliases.delete(definition.name)
    changes++
    return before
  }

  /** Another name for a definition, which may come later; a definition registered under that name takes its place. */
  alias(name: string, of: string): void {
    this.#mustBeName(name)
    const why = this.#against(name, of)
    if (why !== '') throw new VmallocError('argument', `alias: ${name} for ${of}: ${why}`)
    this.#aliases.set(name, of)
    changes++
  }

  /** Takes a definition, or another name for one, out; regions that are open keep theirs. */
  unregister(name: string): boolean {
    changes++
    if (this.#aliases.delete(name)) return true
    removeRows(`${this.#kind} ${name}`)
    return this.#definitions.delete(name)
  }

  /** The definition of a name, also of another name for it. */
  get(name: string): D | undefined {
    return this.#definitions.get(name) ?? this.#definitions.get(this.#aliases.get(name) ?? '')
  }

  /** The names of definitions, without other names for them. */
  names(): string[] {
    return [...this.#definitions.keys()]
  }

  /** Other names, each with what it stands for. */
  aliases(): [name: string, of: string][] {
    return [...this.#aliases]
  }

  all(): D[] {
    return [...this.#definitions.values()]
  }

  /** The same, without a list being made. */
  each(): Iterable<D> {
    return this.#definitions.values()
  }

  /** The definition of a name or a module; throws VmallocError `unknown` with the nearest name. */
  find(name: string): D {
    const found = this.get(name)
    if (found === undefined && this.#aliases.has(name)) throw this.#unknown(name)
    return found ?? this.#load(name)
  }

  /** Why one name cannot stand for the other, or ''. */
  #against(name: string, of: string): string {
    if (this.#definitions.has(name)) return `${name} is a ${this.#kind} itself`
    if (name === of) return 'expected two names'
    if (this.#aliases.has(of)) return `${of} is another name itself`
    return [...this.#aliases.values()].includes(name) ? `${name} has another name itself` : ''
  }

  #mustBeName(name: string): void {
    if (/^[^\s,()='"]+$/.test(name)) return
    throw new VmallocError(
      'argument',
      `register: ${this.#kind} name "${name}", expected no blanks, commas, quotes, = or parentheses`,
    )
  }

  #load(name: string): D {
    const isPath = /^[./\\]|^[A-Za-z]:|^file:/.test(name)
    if (!isPath && !/^(@[\w.-]+\/)?[\w.-]+(\/[\w./-]+)?$/.test(name)) throw this.#unknown(name)
    const exported = loadModule(name, isPath)
    if (exported === undefined) throw this.#unknown(name)
    const module = exported as Record<string, unknown>
    const candidates = [module.default, module[this.#kind], ...Object.values(module), module]
    const definition = candidates.find(this.#isDefinition)
    if (definition === undefined) {
      throw new VmallocError(
        'argument',
        `${this.#kind} ${name}: the module exports no ${this.#kind} definition: expected ${wanted(this.#kind)}`,
      )
    }
    if (this.#definitions.get(definition.name) !== definition) this.register(definition)
    return definition
  }

  #unknown(name: string): VmallocError {
    const of = this.#aliases.get(name)
    if (of !== undefined) {
      return new VmallocError(
        'unknown',
        `unknown ${this.#kind} "${name}": it stands for "${of}", which is not registered`,
      )
    }
    const names = [...this.names(), ...this.#aliases.keys()].filter((one) => this.get(one) !== undefined)
    const near = nearest(name, names)
    const known = names.join(', ')
    return new VmallocError(
      'unknown',
      `unknown ${this.#kind} "${name}": ${near === undefined ? `expected one of ${known}` : `did you mean "${near}"?`}`,
    )
  }
}

function wanted(kind: string): string {
  return kind === 'method' ? '{ name, state, create(store) }' : '{ name, create(settings) } or { name, memory, buffer }'
}

function isMethod(value: unknown): value is MethodDef {
  const def = value as Partial<MethodDef> | undefined
  return (
    typeof def === 'object' &&
    def !== null &&
    typeof def.name === 'string' &&
    typeof def.state === 'number' &&
    typeof def.create === 'function'
  )
}

function isDisciplineDef(value: unknown): value is DisciplineDef {
  const def = value as Partial<DisciplineDef> | undefined
  return (
    typeof def === 'object' &&
    def !== null &&
    typeof def.name === 'string' &&
    typeof def.create === 'function' &&
    !('state' in def)
  )
}

export const registry = {
  /** How often something came or went. */
  get changes(): number {
    return changes
  },
  methods: new Shelf<MethodDef>('method', isMethod),
  disciplines: new Shelf<DisciplineDef>('discipline', isDisciplineDef),
}

/** A method's name and those it wraps, outermost first: `debug(profile(best))` is debug, profile, best. */
export function parseMethod(spec: string): string[] {
  const names: string[] = []
  let rest = spec.trim()
  for (;;) {
    const open = rest.indexOf('(')
    if (open < 0) break
    if (!rest.endsWith(')'))
      throw new VmallocError(
        'argument',
        `method "${spec}": expected a name, or name(inner) with its closing parenthesis`,
      )
    names.push(rest.slice(0, open).trim())
    rest = rest.slice(open + 1, -1).trim()
  }
  if (rest !== '') names.push(rest)
  if (names.length === 0 || names.some((name) => name === '' || name.includes(')'))) {
    throw new VmallocError('argument', `method "${spec}": expected a name, or name(inner)`)
  }
  return names
}

// modules

interface ModuleApi {
  createRequire(from: string): ((id: string) => unknown) & { resolve(id: string): string }
}
interface Host {
  process?: { cwd(): string; getBuiltinModule?(name: string): unknown }
}

/** What a module exports, loaded synchronously; undefined where there is no such package. */
function loadModule(name: string, isPath: boolean): unknown {
  const { process } = globalThis as Host
  const api = process?.getBuiltinModule?.('node:module') as ModuleApi | undefined
  if (process === undefined || api === undefined) {
    if (!isPath) return undefined
    throw new VmallocError(
      'unsupported',
      `module ${name}: cannot be loaded by path here; register its definition instead`,
    )
  }
  const load = api.createRequire(`${process.cwd()}/`)
  const urls = process.getBuiltinModule?.('node:url') as { fileURLToPath(url: string): string } | undefined
  let place: string
  try {
    place = load.resolve(name.startsWith('file:') && urls !== undefined ? urls.fileURLToPath(name) : name)
  } catch (error) {
    if (!isPath) return undefined
    throw new VmallocError('argument', `module ${name}: not found from ${process.cwd()}`, { cause: error })
  }
  try {
    return load(place)
  } catch (error) {
    throw new VmallocError('argument', `module ${name}: ${reason(error, place)}`, { cause: error })
  }
}

function reason(error: unknown, place: string): string {
  const code = (error as { code?: string }).code
  if (code === 'ERR_REQUIRE_ASYNC_MODULE')
    return 'it uses top-level await, so it cannot be loaded while a region opens; register its definition instead'
  if (code === 'ERR_REQUIRE_CYCLE_MODULE')
    return 'it imports the program that is just being loaded; register its definition instead'
  if (/\.[cm]?ts$/.test(place)) return 'TypeScript that this runtime does not load; compile it first'
  return error instanceof Error ? error.message : String(error)
}
