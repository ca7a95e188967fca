/**
 * name-section: what stack traces call a module and its functions.
 *
 *   name     | 0 size module | 1 size functions | 2 size locals | ...        engines show 0 and 1
 *
 * Few published modules have one. But of a stripped module it is known as what it exports and imports its functions, and
 * that is enough to make stacks readable at their ends, where the program meets the module and the module its allocator.
 */
import { CUSTOM, type Module } from './binary.ts'
import { Reader, Unreadable } from './reader.ts'
import { Writer } from './writer.ts'

/**
 * The names of a module's functions: from its name section, then as `given`, as exported (first come), as imported.
 * Those that nobody names are missing.
 */
export function functionNames(module: Module, given?: ReadonlyMap<number, string>): Map<number, string> {
  const names = new Map<number, string>()
  let index = 0
  for (const { kind, name } of module.imports) if (kind === 'function') names.set(index++, name)
  for (let at = module.exports.length - 1; at >= 0; at--) {
    const { kind, name, index } = module.exports[at]!
    if (kind === 'function') names.set(index, name)
  }
  for (const [index, name] of given ?? []) names.set(index, name)
  for (const [index, name] of module.names) if (index < module.functions.length) names.set(index, name)
  return names
}

/** Contents of a name section (its own name too) with these names, and with all else that the module's has. */
export function nameSection(module: Module, id: string, names: ReadonlyMap<number, string>): Writer {
  const functions = new Writer().u32(names.size)
  for (const index of [...names.keys()].sort((a, b) => a - b)) functions.u32(index).name(names.get(index)!)
  const out = new Writer().name('name')
  out.byte(0).sized(new Writer().name(id))
  out.byte(1).sized(functions)
  for (const part of otherParts(module)) out.append(part)
  return out
}

/** What stands behind the names of functions, as far as it can be read. */
function otherParts(module: Module): Uint8Array[] {
  const parts: Uint8Array[] = []
  const section = module.sections.find(({ id, name }) => id === CUSTOM && name === 'name')
  if (section === undefined) return parts
  const reader = new Reader(module.bytes, section.from, section.end)
  try {
    while (!reader.done) {
      const start = reader.at
      const kind = reader.byte()
      reader.skip(reader.u32())
      if (kind > 1) parts.push(module.bytes.subarray(start, reader.at))
    }
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error
  }
  return parts
}
