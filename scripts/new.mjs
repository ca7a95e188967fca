/**
 * new: writes the skeleton of a method or a discipline, and its line in the table.
 *
 *   npm run new method buddy            methods/buddy.ts,    and a line in methods/index.ts
 *   npm run new discipline two-files    disciplines/two-files.ts, and a line in disciplines/index.ts
 *
 * The skeleton does what the null one does: it never has memory. It passes types and lint as it is, and the tests
 * that run over the table include it from then on.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')

function stop(message) {
  console.error(`new: ${message}`)
  process.exit(1)
}

const method = ({ name, id, type }) => `/**
 * ${name}: WHAT IT DOES, IN ONE SENTENCE THAT COULD STAND IN A TEXTBOOK.
 *
 *   extent   base                          limit
 *            | block | block | ...  free ... |          DRAW IT
 *
 *   state    +0
 *            | FIRST |                        in the region's own bytes
 *
 *   block    +0     +4
 *            | SIZE | payload, SIZE bytes ... |
 *
 *   L1  THE LAWS THAT CHECK HOLDS IT TO, NUMBERED
 *
 *   alloc O(?)   free O(?)   overhead ? bytes a block
 */
import { type Addr, NIL } from '../src/contract/addr.ts'
import type { Method, MethodDef } from '../src/contract/method.ts'
import type { Store } from '../src/contract/store.ts'

class ${type} implements Method {
  readonly store: Store

  constructor(store: Store) {
    this.store = store
  }

  /** Lays out the first extent; all state is zero. */
  start(): void {}

  alloc(_size: number): Addr {
    return NIL
  }

  free(_at: Addr): boolean {
    return false
  }

  sizeOf(_at: Addr): number {
    return -1
  }

  walk(): void {}

  check(): void {}

  clear(): void {}
}

export const ${id}: MethodDef = {
  name: '${name}',
  about: 'what it does, in one line',
  state: 0,
  frees: 'none',
  sizes: 'none',
  coalesces: false,
  overhead: 0,
  create: (store) => new ${type}(store),
}
`

const discipline = ({ name, id, type }) => `/**
 * ${name}: WHERE ITS RAW MEMORY COMES FROM, IN ONE SENTENCE.
 *
 *   new      WHAT EACH REQUEST DOES, AND WHEN IT IS REFUSED
 *   grow     refused
 *   shrink   refused
 *   give     refused
 */
import type { Discipline, DisciplineDef } from '../src/contract/discipline.ts'
import type { Region } from '../src/contract/region.ts'

class ${type} implements Discipline {
  readonly name = '${name}'
  readonly #buffer = new ArrayBuffer(0)

  memory(_region: Region, _at: number, _had: number, _want: number): number {
    return 0
  }

  buffer(): ArrayBufferLike {
    return this.#buffer
  }
}

export const ${id}: DisciplineDef = {
  name: '${name}',
  about: 'where its memory comes from, in one line',
  create: () => new ${type}(),
}
`

const kinds = { method: [method, 'methods'], discipline: [discipline, 'disciplines'] }
const reserved = new Set(
  'break case catch class const continue debugger default delete do else enum export extends false finally for function if implements import in instanceof interface let new null package private protected public return static super switch this throw true try typeof var void while with yield await async arguments eval undefined'.split(
    ' ',
  ),
)

/** The table with an import of `id` and `id` as its last entry. */
function withLine(text, file, id, name, folder) {
  const array = new RegExp(`(export const ${folder}\\b[^=]*=\\s*(?:Object\\.freeze\\(\\s*)?\\[)([^\\]]*)\\]`)
  if (!array.test(text)) stop(`${file} has no array literal \`export const ${folder} = [...]\``)
  const row = `import { ${id} } from './${name}.ts'\n`
  const imports = [...text.matchAll(/^import\b[^'"]*['"]([^'"]+)['"];?[ \t]*\r?\n/gm)]
  const end = (found) => found.index + found[0].length
  const header = /^(?:#!.*\n)?(?:\s*(?:\/\*[\s\S]*?\*\/|\/\/.*)[ \t]*\r?\n)*/.exec(text)[0].length
  const place = imports.length > 0 ? end(imports.at(-1)) : header
  const imported = text.slice(0, place) + row + text.slice(place)
  return imported.replace(array, (_, open, rows) => {
    const several = rows.includes('\n')
    const kept = rows.trimEnd()
    const comma = kept.trim() === '' || kept.endsWith(',') ? '' : ','
    return several ? `${open}${kept}${comma}\n  ${id},\n]` : `${open}${`${kept}${comma} ${id}`.trim()}]`
  })
}

const [kind, name] = process.argv.slice(2)
if (!(kind in kinds) || name === undefined) stop('use: npm run new method NAME, or npm run new discipline NAME')
if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(name)) stop(`name ${name}: expected kebab-case, as in two-level`)

const [skeleton, folder] = kinds[kind]
const camel = name.replace(/-(.)/g, (_, letter) => letter.toUpperCase())
const index = join(root, folder, 'index.ts')
if (!existsSync(index)) stop(`${folder}/index.ts is not there`)
const table = readFileSync(index, 'utf8')
const taken = (word) => new RegExp(`\\b${word}\\b`).test(table.replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, ''))
const suffix = kind[0].toUpperCase() + kind.slice(1)
const id = reserved.has(camel) || taken(camel) ? `${camel}${suffix}` : camel
const pascal = camel[0].toUpperCase() + camel.slice(1)
const type = pascal in globalThis || pascal === suffix ? `${pascal}${suffix}` : pascal
const file = join(root, folder, `${name}.ts`)
if (existsSync(file) || existsSync(join(root, folder, name)) || table.includes(`'./${name}`)) {
  stop(`${folder} has a ${name} already`)
}

const line = withLine(table, `${folder}/index.ts`, id, name, folder)
writeFileSync(file, skeleton({ name, id, type }))
writeFileSync(index, line)
const biome = join(root, 'node_modules/@biomejs/biome/bin/biome')
if (existsSync(biome)) spawnSync(process.execPath, [biome, 'check', '--write', file, index], { cwd: root })
console.log(
  `wrote ${folder}/${name}.ts and its line in ${folder}/index.ts; ${folder === 'methods' ? 'docs/writing-a-method.md' : 'docs/writing-a-discipline.md'} tells how to go on`,
)
