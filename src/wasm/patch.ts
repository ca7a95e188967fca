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

const instantiateNatively = Native.instantiate as (source: unknown, imports: Imports) => Promise<unknown>

/** By compiled module; undefined for one that runs as it was. */
const programs = new WeakMap<WebAssembly.Module, Program | undefined>()

/** Takes over the WebAssembly of this realm; the second time it does nothing. */
export function patch(): void {
  if (WebAssembly.Module !== Native.Module) return
  const { Module, Instance } = Native
  put('Module', takenOver(Module, newModule, { exports: shownExports }))
  put('Instance', takenOver(Instance, newInstance, {}))
  put('compile', compile)
  put('instantiate', instantiate)
  if (Native.compileStreaming !== undefined) put('compileStreaming', compileStreaming)
  if (Native.instantiateStreaming !== undefined) put('instantiateStreaming', instantiateStreaming)
  nameFrames()
}

function put(name: string, value: unknown): void {
  Object.defineProperty(WebAssembly, name, { value, writable: true, configurable: true, enumerable: false })
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
  Object.defineProperty(taken, 'name', { value: original.name, configurable: true })
  for (const key of Reflect.ownKeys(original)) {
    if (key === 'length' || key === 'name' || key === 'prototype') continue
    Object.defineProperty(taken, key, Object.getOwnPropertyDescriptor(original, key)!)
  }
  for (const [key, value] of Object.entries(functions))
    Object.defineProperty(taken, key, { value, writable: true, configurable: true })
  Object.defineProperty(taken, 'prototype', { value: original.prototype, writable: false })
  Object.defineProperty(original.prototype, 'constructor', { value: taken, writable: true, configurable: true })
  return taken
}

// modules

function newModule([source]: [Source, ...unknown[]], target: typeof WebAssembly.Module): WebAssembly.Module {
  const make = (bytes: Source) => Reflect.construct(Native.Module, [bytes], target) as WebAssembly.Module
  const program = lookAt(source)
  if (program?.bytes !== undefined) {
    try {
      return remembered(make(program.bytes), program)
    } catch (error) {
      doubt(program, error)
    }
  }
  return remembered(make(source), undefined)
}

async function compile(source: Source): Promise<WebAssembly.Module> {
  const program = lookAt(source)
  if (program?.bytes !== undefined) {
    try {
      return remembered(await Native.compile.call(WebAssembly, program.bytes), program)
    } catch (error) {
      doubt(program, error)
    }
  }
  return remembered(await Native.compile.call(WebAssembly, source), undefined)
}

async function compileStreaming(source: Response | PromiseLike<Response>): Promise<WebAssembly.Module> {
  const response = await source
  if (!isStream(response)) return Native.compileStreaming!.call(WebAssembly, response)
  const bytes = await response.arrayBuffer()
  const program = lookAt(bytes, response.url)
  if (program?.bytes === undefined) return remembered(await Native.compile.call(WebAssembly, bytes), undefined)
  return compiledFrom(program, bytes)
}

async function compiledFrom(program: Program, bytes: ArrayBuffer): Promise<WebAssembly.Module> {
  try {
    return remembered(await Native.compile.call(WebAssembly, program.bytes!), program)
  } catch (error) {
    doubt(program, error)
    return remembered(await Native.compile.call(WebAssembly, bytes), undefined)
  }
}

/** A response that engines compile; of another one they say what is wrong with it. */
function isStream(response: unknown): response is Response {
  if (!(response instanceof Response) || !response.ok || response.bodyUsed) return false
  return /^application\/wasm\s*$/i.test(response.headers.get('content-type') ?? '')
}

function remembered(module: WebAssembly.Module, program: Program | undefined): WebAssembly.Module {
  programs.set(module, program)
  return module
}

/** The program of bytes that are about to be compiled; undefined for what is none of ours to look at. */
function lookAt(source: unknown, url = ''): Program | undefined {
  const bytes = bytesOf(source)
  if (bytes === undefined) return undefined
  const caller = callerOf()
  if (caller.startsWith('node:')) return undefined
  const program = programOf(bytes, labelOf(url === '' ? caller : url), currentOptions())
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
): Promise<WebAssembly.Instance | Both> {
  if (source instanceof Native.Module) {
    const joint = jointFor(source, imports)
    const instance = (await instantiateNatively.call(WebAssembly, source, imports)) as WebAssembly.Instance
    return joint === undefined ? instance : joint.join(instance)
  }
  const program = lookAt(source)
  const asItWas = async () => {
    const made = (await instantiateNatively.call(WebAssembly, source, imports)) as Both
    programs.set(made.module, undefined)
    return made
  }
  return program?.bytes === undefined ? asItWas() : instantiated(program, imports, asItWas)
}

async function instantiateStreaming(
  source: Response | PromiseLike<Response>,
  imports?: WebAssembly.Imports,
): Promise<Both> {
  const response = await source
  if (!isStream(response)) return Native.instantiateStreaming!.call(WebAssembly, response, imports)
  const bytes = await response.arrayBuffer()
  const asItWas = async () => (await instantiateNatively.call(WebAssembly, bytes, imports)) as Both
  const program = lookAt(bytes, response.url)
  return program?.bytes === undefined ? asItWas() : instantiated(program, imports, asItWas)
}

async function instantiated(program: Program, imports: Imports, asItWas: () => Promise<Both>): Promise<Both> {
  const joint = join(program, imports)
  try {
    const { module, instance } = (await instantiateNatively.call(WebAssembly, program.bytes!, imports)) as Both
    return { module: remembered(module, program), instance: joint.join(instance) }
  } catch (error) {
    doubt(program, error)
    return asItWas()
  }
}

function jointFor(module: WebAssembly.Module, imports: Imports): Joint | undefined {
  const program = programOfModule(module)
  return program === undefined ? undefined : join(program, imports)
}
