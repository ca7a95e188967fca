/**
 * map: what somebody says of modules, in a file that wins over all that is found.
 *
 *   { "5f70bf18a0860070...": { "malloc": 150, "free": 142, "realloc": 775 } }        SHA-256 of the module; indices of functions
 *
 * A text that is no such map, an unknown role, and an index that is no function of the module or one of another type than
 * its role are told in a sentence, and count as none.
 */
import { type Module, typeOf } from './binary.ts'
import { isRole, ROLES, type Role, shapeFor, shapeOf } from './roles.ts'

export type RoleMap = Readonly<Partial<Record<Role, number>>>

/** Maps by the hashes of their modules; what is wrong is told, and left out. */
export function parseMap(text: string, tell: (sentence: string) => void): Map<string, RoleMap> {
  const maps = new Map<string, RoleMap>()
  const all = objectOf(text, tell)
  for (const [hash, roles] of Object.entries(all)) {
    if (!/^[0-9a-f]{64}$/i.test(hash)) tell(`map: ${hash}: expected the SHA-256 of a module, 64 hexadecimal digits`)
    else if (!isObject(roles)) tell(`map: ${hash}: expected roles with indices, as in { "malloc": 150 }`)
    else maps.set(hash.toLowerCase(), rolesOf(hash, roles, tell))
  }
  return maps
}

/** What of a map fits a module; what does not is told. */
export function fitting(map: RoleMap, module: Module, tell: (sentence: string) => void): RoleMap {
  const fit: Partial<Record<Role, number>> = {}
  for (const role of ROLES) {
    const index = map[role]
    if (index === undefined) continue
    const fault = faultOf(role, index, module)
    if (fault === undefined) fit[role] = index
    else tell(`map: ${role}: ${fault}`)
  }
  return fit
}

function faultOf(role: Role, index: number, module: Module): string | undefined {
  const { imported, functions } = module
  if (index < imported || index >= functions.length) {
    return `function ${index}, expected one of ${imported} to ${functions.length - 1}`
  }
  const shape = shapeOf(typeOf(module, index))
  return shape === shapeFor(role) ? undefined : `function ${index} is of the type ${shape}, expected ${shapeFor(role)}`
}

function objectOf(text: string, tell: (sentence: string) => void): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    tell(`map: no JSON: ${(error as Error).message}`)
    return {}
  }
  if (isObject(value)) return value
  tell('map: expected an object with the SHA-256 of modules')
  return {}
}

function rolesOf(hash: string, roles: Record<string, unknown>, tell: (sentence: string) => void): RoleMap {
  const found: Partial<Record<Role, number>> = {}
  for (const [role, index] of Object.entries(roles)) {
    if (!isRole(role)) tell(`map: ${hash}: ${role}: expected one of ${ROLES.join(', ')}`)
    else if (!Number.isInteger(index) || Number(index) < 0) tell(`map: ${hash}: ${role}: ${index}, expected an index`)
    else found[role] = Number(index)
  }
  return found
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
