/**
 * patch: every way in which a program can make a WebAssembly instance, taken over.
 *
 *   Module  compile  compileStreaming              bytes are rewritten before they are compiled
 *   Instance  instantiate  instantiateStreaming    what serves is joined to the instance before the program gets it
 *
 * A program sees what it saw before: the same classes, answers of the same shape, the same exports and errors. The instance
 * that it gets has the exports of the original, since loaders walk through them. What was rewritten and does not compile is
 * compiled as it was; when anything is in doubt the module runs as it was.
 *
 * Modules of the runtime itself are left alone. Not seen are those that are imported as ES modules, and those in another
 * realm (vm contexts, frames), which has a WebAssembly of its own.
 */
import { currentOptions } from '../region/options.ts'
import { nameFrames } from './frames.ts'
import { callerOf, labelOf } from './label.ts'
import { type Program, programFrom, programOf } from './program.ts'
import { Native } from './serve.ts'
import { type Joint, join, leftAlone } from './session.ts'

type Imports = WebAssembly.Imports | undefined
type Source = BufferSource
type Both = WebAssembly.WebAssemblyInstantiatedSource

/** What may follow in a call: with which builtins a module is compiled, say. */
type More = readonly unknown[]
type Natively<T> = (...all: unknown[]) => Promise<T>

const compileNatively = Native.compile as Natively<WebAssembly.Module>
const instantiateNatively = Native.instantiate as Natively<unknown>
const compileStreamNatively = Native.compileStreaming as Natively<WebAssembly.Module>
const instantiateStreamNatively = Native.instantiateStreaming as Natively<unknown>

/** By compiled module; undefined for one that runs as it was. */
const programs = new WeakMap<WebAssembly.Module, Program | undefined>()

/** Takes over the WebAssembly of this realm; the second time it does nothing. */
export function patch(): void {
  if (typeof WebAssembly === 'undefined' || WebAssembly.Module !== Native.Module) return
  const { Module, Instance } = Native
  put('Module', takenOver(Module, newModule, { exports: shownExports }))
  put('Instance', takenOver(Instance, newInstance, {}))
  put('compile', compile)
  put('instantiate', instantiate)
  if (Native.compileStreaming !== undefined) put('compileStreaming', compileStreaming)
  if (Native.instantiateStreaming !== undefined) put('instantiateStreaming', instantiateStreaming)
  nameFrames()
}

function put(name: keyof typeof Native, value: unknown): void {
  Object.defineProperty(value, 'length', { value: Native[name]!.length, configurable: true })
  Object.defineProperty(WebAssembly, name, { value })
}

/** A class in the place of the engine's: of the same name and prototype, with its static functions or these. */
function takenOver<C extends new (...args: never[]) => object>(
  original: C,
  make: (args: ConstructorParameters<C>, target: C) => object,
  functions: object,
): C {
  // a call without `new` gets the engine's own error
  const bare = original as unknown as (...all: unknown[]) => object
  const taken: C = function (this: unknown, ...args: ConstructorParameters<C>): object {
    if (new.target === undefined) return bare(...args)
    return make(args, (new.target as unknown) === taken ? original : (new.target as unknown as C))
  } as unknown as C
  for (const key of Reflect.ownKeys(original)) {
    if (key === 'prototype') continue
    Object.defineProperty(taken, key, Object.getOwnPropertyDescriptor(original, key)!)
  }
  for (const [key, value] of Object.entries(functions))
    Object.defineProperty(taken, key, { value, writable: true, configurable: true })
  Object.defineProperty(taken, 'prototype', { value: original.prototype, writable: false })
  Object.defineProperty(original.prototype, 'constructor', { value: taken, writable: true, configurable: true })
  return taken
}

// modules

function newModule([source, ...more]: [Source, ...unknown[]], target: typeof WebAssembly.Module): WebAssembly.Module {
  const make = (bytes: Source) => Reflect.construct(Native.Module, [bytes, ...more], target) as WebAssembly.Module
  const program = lookAt(source)
  if (program?.bytes !== undefined) {
    try {
      return remembered(make(program.bytes), program)
    } catch (error) {
      if (!(error instanceof RangeError)) doubt(program, error) // browsers compile but so many bytes at once
    }
  }
  return remembered(make(source), undefined)
}

async function compile(source: Source, ...more: More): Promise<WebAssembly.Module> {
  return compiled(lookAt(source), more, () => compileNatively(source, ...more))
}

async function compileStreaming(source: Response | PromiseLike<Response>, ...more: More): Promise<WebAssembly.Module> {
  const caller = callerOf()
  const { program, copy } = await receive(await source, caller)
  return compiled(program, more, () => compileStreamNatively(copy, ...more)).finally(() => forget(copy))
}

async function compiled(
  program: Program | undefined,
  more: More,
  asItWas: () => Promise<WebAssembly.Module>,
): Promise<WebAssembly.Module> {
  if (program?.bytes !== undefined) {
    try {
      return remembered(await compileNatively(program.bytes, ...more), program)
    } catch (error) {
      doubt(program, error)
    }
  }
  return remembered(await asItWas(), undefined)
}

interface Received {
  /** Undefined where there is none to look at. */
  readonly program?: Program | undefined
  /** For the engine, where it compiles the original or says what is wrong with it; of the same address. */
  readonly copy: Response
}

/** Reads a response that engines compile; another one is theirs. */
async function receive(response: Response, caller: string): Promise<Received> {
  if (!isStream(response)) return { copy: response }
  const copy = response.clone()
  const bytes = await response.arrayBuffer().catch(() => undefined) // so does the copy fail, and the engine says how
  return { program: bytes && lookAt(bytes, caller, response.url), copy }
}

/** What the engine was not given would be kept for nobody. */
function forget(copy: unknown): void {
  if (isStream(copy)) void copy.body?.cancel()
}

/** A response that engines compile; of another one they say what is wrong with it. */
function isStream(response: unknown): response is Response {
  if (!(response instanceof Response) || !response.ok || response.bodyUsed || response.body?.locked) return false
  return /^application\/wasm\s*$/i.test(response.headers.get('content-type') ?? '')
}

function remembered(module: WebAssembly.Module, program: Program | undefined): WebAssembly.Module {
  programs.set(module, program)
  return module
}

/** The program of bytes that are about to be compiled; undefined for what is none of ours to look at. */
function lookAt(source: unknown, caller = callerOf(), url = ''): Program | undefined {
  const bytes = bytesOf(source)
  if (bytes === undefined) return undefined
  if (caller.startsWith('node:')) return undefined
  // addresses that hold the bytes themselves, or say nothing, name nothing
  const place = /^(|data:.*|blob:.*)$/s.test(url) ? caller : url
  const program = programOf(bytes, labelOf(place), currentOptions())
  if (program.bytes === undefined) leftAlone(program)
  return program
}

/** A copy, for the program may change its own. */
function bytesOf(source: unknown): Uint8Array<ArrayBuffer> | undefined {
  if (source instanceof ArrayBuffer) return new Uint8Array(source.slice(0))
  if (typeof SharedArrayBuffer !== 'undefined' && source instanceof SharedArrayBuffer)
    return new Uint8Array(source).slice()
  if (!ArrayBuffer.isView(source)) return undefined
  return new Uint8Array(source.buffer, source.byteOffset, source.byteLength).slice()
}

/** Bytes that were rewritten and do not compile: the original is asked, which may not compile either. */
function doubt(program: Program, error: unknown): void {
  if (!(error instanceof WebAssembly.CompileError)) throw error
  leftAlone({ ...program, bytes: undefined, left: `its rewritten bytes do not compile (${error.message})` })
}

function shownExports(module: WebAssembly.Module): WebAssembly.ModuleExportDescriptor[] {
  const all = Native.Module.exports(module)
  const hidden = programOfModule(module)?.facts?.hidden
  return hidden === undefined ? all : all.filter(({ name }) => !hidden.includes(name))
}

function programOfModule(module: WebAssembly.Module): Program | undefined {
  if (!programs.has(module)) programs.set(module, programFrom(module))
  return programs.get(module)
}

// instances

function newInstance([module, imports]: [WebAssembly.Module, Imports?], target: typeof WebAssembly.Instance): object {
  const make = () => Reflect.construct(Native.Instance, [module, imports], target) as WebAssembly.Instance
  const joint = module instanceof Native.Module ? jointFor(module, imports) : undefined
  return joint === undefined ? make() : joint.join(make())
}

async function instantiate(
  source: Source | WebAssembly.Module,
  imports?: WebAssembly.Imports,
  ...more: More
): Promise<WebAssembly.Instance | Both> {
  if (source instanceof Native.Module) {
    const joint = jointFor(source, imports)
    const instance = (await instantiateNatively(source, imports, ...more)) as WebAssembly.Instance
    return joint === undefined ? instance : joint.join(instance)
  }
  return instantiated(lookAt(source), imports, more, () => instantiateNatively(source, imports, ...more))
}

async function instantiateStreaming(
  source: Response | PromiseLike<Response>,
  imports?: WebAssembly.Imports,
  ...more: More
): Promise<Both> {
  const caller = callerOf()
  const { program, copy } = await receive(await source, caller)
  const asItWas = () => instantiateStreamNatively(copy, imports, ...more)
  return instantiated(program, imports, more, asItWas).finally(() => forget(copy))
}

async function instantiated(
  program: Program | undefined,
  imports: Imports,
  more: More,
  asItWas: () => Promise<unknown>,
): Promise<Both> {
  if (program?.bytes !== undefined) {
    const joint = join(program, imports)
    try {
      const { module, instance } = (await instantiateNatively(program.bytes, imports, ...more)) as Both
      return { module: remembered(module, program), instance: joint.join(instance) }
    } catch (error) {
      doubt(program, error)
    }
  }
  const made = (await asItWas()) as Both
  programs.set(made.module, undefined)
  return made
}

function jointFor(module: WebAssembly.Module, imports: Imports): Joint | undefined {
  const program = programOfModule(module)
  return program === undefined ? undefined : join(program, imports)
}
