/**
 * program: a compiled module that is about to be run: what was found in it, and the bytes that can be served.
 *
 * What cannot be read, has no malloc, or is of a kind that is left alone has no bytes here: it runs as it was.
 */

import type { Options } from '../region/options.ts'
import { customSections, type Module, parse } from './binary.ts'
import { type Facts, factsOf, SECTION } from './facts.ts'
import { hashOf } from './hash.ts'
import { Unreadable } from './reader.ts'
import { rewrite } from './rewrite.ts'
import type { Finding, Role } from './roles.ts'
import { searched } from './search.ts'

export interface Program {
  /** Of the file, in bytes; 0 where it came compiled. */
  readonly size: number
  /** Whether it has or imports a memory; one without has no heap. */
  readonly hasMemory: boolean
  /** Whether it is linked to another module at run time, which has the heap. */
  readonly isSide: boolean
  /** What it is called: by the package it came from, its address, or the file that loaded it. */
  readonly label: string
  readonly finding: Finding | undefined
  /** The roles of the targets, in the order of their slots. */
  readonly roles: readonly Role[]
  readonly facts: Facts | undefined
  /** Where table 0 comes from, if it is imported. */
  readonly table: ImportedTable | undefined
  /** What is run in its place. */
  readonly bytes: Uint8Array<ArrayBuffer> | undefined
  /** Why it is left alone; '' where it is not. */
  readonly left: string
  /** Milliseconds that finding and rewriting took. */
  readonly findingTime: number
  readonly rewritingTime: number
}

export interface ImportedTable {
  readonly module: string
  readonly name: string
  /** Elements that it must have. */
  readonly min: number
}

/** What a rewritten module says of itself beside its facts. */
interface Note {
  readonly label: string
  readonly size: number
  readonly roles: readonly Role[]
  readonly finding: Finding
  readonly table: ImportedTable | undefined
}

/** Numbers by the hashes of modules: one that is instantiated again is called the same in stack traces. */
const numbers = new Map<string, number>()
let numbered = 0

function numberOf(hash: string | undefined): number {
  const known = hash === undefined ? undefined : numbers.get(hash)
  if (known !== undefined) return known
  if (hash !== undefined) numbers.set(hash, numbered + 1)
  return ++numbered
}

/** Looks a module over. */
export function programOf(bytes: Uint8Array<ArrayBuffer>, label: string, options: Options): Program {
  const began = performance.now()
  let hasMemory = true
  let isSide = false
  const left = (why: string, finding?: Finding): Program => ({
    size: bytes.length,
    hasMemory,
    isSide,
    label,
    finding,
    roles: [],
    facts: undefined,
    table: undefined,
    bytes: undefined,
    left: why,
    findingTime: performance.now() - began,
    rewritingTime: 0,
  })
  try {
    const module = parse(bytes)
    if (customSections(module, SECTION).length > 0) return left('it is rewritten already')
    hasMemory = module.memories.length > 0
    isSide = isLinked(module)
    const hash = hashOf(bytes)
    const finding = searched(module, hash, options)
    if (finding.left !== '') return left(finding.left, finding)
    const roles = finding.functions.map(({ role }) => role)
    const targets = finding.functions.map(({ index }) => index)
    const between = performance.now()
    const table = tableOf(module)
    const note: Note = { label, size: bytes.length, roles, finding, table }
    const names = new Map(finding.functions.map(({ index, role }) => [index, role]))
    const id = `vm${numberOf(hash)}~${label}`
    // facts are kept as long as the thread lives, bytes are not
    const { bytes: made, ...facts } = rewrite(module, targets, { id, names, note: JSON.stringify(note) })
    return {
      size: bytes.length,
      hasMemory,
      isSide,
      label,
      finding,
      roles,
      facts,
      table,
      bytes: made,
      left: '',
      findingTime: between - began,
      rewritingTime: performance.now() - between,
    }
  } catch (error) {
    if (error instanceof Unreadable) return left(error.message)
    throw error
  }
}

/** Side modules import memory and table, and say how large a piece of both they need. */
function isLinked({ sections, memories }: Module): boolean {
  return memories[0]?.imported === true && sections.some(({ name }) => name === 'dylink.0' || name === 'dylink')
}

function tableOf({ imports, tables }: Module): ImportedTable | undefined {
  const found = imports.find(({ kind }) => kind === 'table')
  return found && { module: found.module, name: found.name, min: tables[0]!.min }
}

function readable<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch (error) {
    if (error instanceof Unreadable) return undefined
    throw error
  }
}

/**
 * The program of a module that was rewritten elsewhere, in another thread say; undefined for what was not, or by another
 * version of this package.
 */
export function programFrom(module: WebAssembly.Module): Program | undefined {
  const facts = readable(() => factsOf(module))
  if (facts === undefined) return undefined
  const { label, size, roles, finding, table } = JSON.parse(facts.note) as Note
  return {
    size,
    hasMemory: true,
    isSide: false,
    label,
    finding,
    roles,
    facts,
    table,
    bytes: undefined,
    left: '',
    findingTime: 0,
    rewritingTime: 0,
  }
}
