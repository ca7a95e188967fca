/**
 * serve: joins an instance of a rewritten module with what serves its malloc.
 *
 *   instantiate            the module's start function and all before `begin` run on its own malloc
 *   begin                  the hooks, as functions of WebAssembly, go into the reserved slots of table 0; `slot` is set
 *   first call             the region opens
 */
import { type FuncType, I32 } from './binary.ts'
import type { Level } from './decide.ts'
import { copyName, HIDDEN_MEMORY, HIDDEN_SLOT, HIDDEN_TABLE } from './facts.ts'
import { helper } from './helper.ts'
import type { Linear } from './linear.ts'
import { Observer } from './observe.ts'
import type { Call, Hooks, Originals } from './originals.ts'
import type { Program } from './program.ts'
import { Replacer } from './replace.ts'
import { type Role, shapeFor } from './roles.ts'
import type { Server } from './server.ts'

/** The functions of an instance by role; undefined where malloc or free is not among them. */
function originalsOf(program: Program, exports: WebAssembly.Exports): Originals | undefined {
  const found: Partial<Record<Role, Call>> = {}
  for (const [slot, role] of program.roles.entries()) found[role] ??= exports[copyName(slot)] as Call
  return found.malloc !== undefined && found.free !== undefined ? (found as Originals) : undefined
}

/** What of an instance serves and is served; undefined where it has not all that is needed. */
export function linearOf(
  program: Program,
  exports: WebAssembly.Exports,
  known: Pick<Linear, 'name' | 'figures'>,
): Linear | undefined {
  const originals = originalsOf(program, exports)
  const memory = exports[HIDDEN_MEMORY] as WebAssembly.Memory | undefined
  if (originals === undefined || memory === undefined) return undefined
  return { ...known, memory, originals, alignment: program.finding!.alignment }
}

/** Makes what serves an instance, and switches it on. `base` is the first slot that is reserved for it. */
export function begin(
  program: Program,
  linear: Linear,
  level: Level,
  exports: WebAssembly.Exports,
  base: number,
): Server {
  const { serving } = level
  const server =
    serving === undefined ? new Observer(linear, level.method.startsWith('profile')) : new Replacer(linear, serving)
  const table = exports[HIDDEN_TABLE] as WebAssembly.Table
  const functions = asFunctions(program.roles, server.hooks, exports)
  for (const [slot, one] of functions.entries()) table.set(base + slot, one)
  ;(exports[HIDDEN_SLOT] as WebAssembly.Global).value = base + 1
  return server
}

/** Hooks as functions that a table may hold; the module's own where there is no hook. */
function asFunctions(roles: readonly Role[], hooks: Hooks, exports: WebAssembly.Exports): CallableFunction[] {
  const signatures = roles.map(typeFor)
  const module = new Native.Module(helper(signatures))
  const imports = Object.fromEntries(roles.map((role, slot) => [slot, hooks[role] ?? exports[copyName(slot)]]))
  const made = new Native.Instance(module, { j: imports as WebAssembly.ModuleImports })
  return roles.map((_, slot) => made.exports[slot] as CallableFunction)
}

function typeFor(role: Role): FuncType {
  const [params = '', results = ''] = shapeFor(role).split(':')
  return { params: Array<number>(params.length).fill(I32), results: Array<number>(results.length).fill(I32) }
}

/** An engine may be told to do without. */
const engine = (globalThis as { WebAssembly?: typeof WebAssembly }).WebAssembly ?? ({} as typeof WebAssembly)

/** WebAssembly as it was when this was loaded. */
export const Native = {
  Module: engine.Module,
  Instance: engine.Instance,
  compile: engine.compile,
  instantiate: engine.instantiate,
  compileStreaming: engine.compileStreaming as typeof engine.compileStreaming | undefined,
  instantiateStreaming: engine.instantiateStreaming as typeof engine.instantiateStreaming | undefined,
}
