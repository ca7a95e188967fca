/**
 * hash: SHA-256 of a module's bytes in hexadecimal, by which maps and kept findings know it; Node alone has it at once.
 */
interface Host {
  getBuiltinModule?(name: 'node:crypto'): Crypto | undefined
}

interface Crypto {
  createHash(algorithm: 'sha256'): { update(bytes: Uint8Array): { digest(encoding: 'hex'): string } }
}

/** Undefined where there is no such function, as in a browser. */
export function hashOf(bytes: Uint8Array): string | undefined {
  const host = (globalThis as { process?: Host }).process
  return host?.getBuiltinModule?.('node:crypto')?.createHash('sha256').update(bytes).digest('hex')
}
