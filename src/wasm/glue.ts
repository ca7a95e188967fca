/**
 * glue: which export is which function, as the JavaScript that belongs to a module says.
 *
 *   _malloc = wasmExports["Ia"]        Module._malloc = c.Ia        var _free = k._free = a => (_free = asm["Ja"])(a)
 *
 * Minifiers rename exports and leave the other side of the assignment. Glue names what JavaScript calls, so free and malloc
 * mostly and realloc hardly ever; and what is read here is text that may mean something else, so it is only a hint.
 */
import { ROLES, type Role } from './roles.ts'

const NAMES = ROLES.slice(0, -1).join('|')
const ASSIGNMENT = new RegExp(`\\b_(${NAMES})(?:["']\\])?\\s*=(?!=)([^;,\\n]{1,200})`, 'g')
const MEMBER = /(?:\.([\w$]+)|\[["']([\w$]+)["']\])/g

/** Roles, and names of exports that may have them; the likeliest first. */
export function rolesInGlue(glue: string): Map<Role, string[]> {
  const found = new Map<Role, string[]>()
  for (const [, role, right] of glue.matchAll(ASSIGNMENT)) {
    const names = [...right!.matchAll(MEMBER)].map(([, dotted, quoted]) => (dotted ?? quoted)!).reverse()
    const known = found.get(role as Role) ?? []
    found.set(role as Role, [...new Set([...known, ...names])])
  }
  return found
}
