/**
 * native: allocators of C programs, measured by native/replay.c.
 *
 * The program is built when a C compiler is here; mimalloc, jemalloc and tcmalloc are used where the loader knows them.
 */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { EVERYTHING, type Subject } from '../subject.ts'

const COMPILERS = ['cc', 'gcc', 'clang']

/** The C compiler, if there is one. */
export function compiler(): string | undefined {
  return COMPILERS.find((name) => spawnSync(name, ['--version']).status === 0)
}

/** An allocator that a C program calls. */
export const native = (name: string, about: string): Subject => ({ name, kind: 'native', about, does: EVERYTHING })

/** Why C programs cannot be measured here, if they cannot. */
export function missingForC(): string | undefined {
  if (process.platform !== 'linux') return 'not Linux'
  return compiler() === undefined ? 'no C compiler' : undefined
}

/** The libraries that the loader knows, by name. */
let known: Map<string, string> | undefined

function librariesKnown(): Map<string, string> {
  if (known !== undefined) return known
  known = new Map()
  const tool = ['/sbin/ldconfig', '/usr/sbin/ldconfig'].find((path) => existsSync(path)) ?? 'ldconfig'
  const { stdout } = spawnSync(tool, ['-p'], { encoding: 'utf8' })
  for (const [, name, path] of (stdout ?? '').matchAll(/^\s*(\S+) .*=> (\S+)$/gm)) {
    if (!known.has(name!)) known.set(name!, path!)
  }
  return known
}

/** Where a library lies, if it is installed; `.so` may be followed by a version. */
export function libraryOf(name: string): string | undefined {
  const found = [...librariesKnown()].find(([file]) => file.startsWith(`${name}.so`))
  return found?.[1]
}

/** An allocator that the loader puts in the place of the C library's. */
export function preloaded(name: string, ...libraries: string[]): Subject {
  const path = () => libraries.map(libraryOf).find((found) => found !== undefined)
  return {
    ...native(name, 'in place of the C library’s, called from C'),
    missing: () => missingForC() ?? (path() === undefined ? 'not installed' : undefined),
    get env() {
      return { LD_PRELOAD: path() ?? '' }
    },
  }
}
