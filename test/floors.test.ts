/**
 * floors: each file imports from its own floor or a lower one, without circles, and the core imports nothing from
 * outside. Type imports count. docs/architecture.md draws the house.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { expect } from 'chai'
import ts from 'typescript'

const floors: RegExp[] = [
  /^src\/ground\//,
  /^src\/contract\//,
  /^(methods|disciplines)\//,
  /^src\/region\//,
  /^(src\/(trace|report|profile|debug|page|compat|node|heap|scope|collections|account|top|wasm)|test\/conformance)\//,
  /^src\/index\.ts$/,
  /^src\/(heap|scope|collections|account|wasm|preload)\.ts$/,
  /^bin\//,
]
const core =
  /^(src\/(ground|contract|region|compat|heap|scope|collections|account|top|wasm|preload|index\.ts)|methods|disciplines)\b/

const root = join(import.meta.dirname, '..')
const files = ['src', 'methods', 'disciplines', 'bin', 'test/conformance']
  .filter((folder) => existsSync(join(root, folder)))
  .flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true }).map((name) =>
      posix.join(folder, `${name}`.replaceAll('\\', '/')),
    ),
  )
  .filter((file) => file.endsWith('.ts'))
const imports = new Map(
  files.map((file) => {
    const names = ts.preProcessFile(readFileSync(join(root, file), 'utf8')).importedFiles.map((found) => found.fileName)
    return [file, names.map((name) => (name.startsWith('.') ? posix.join(posix.dirname(file), name) : name))]
  }),
)

const floor = (file: string) => floors.findIndex((place) => place.test(file))
/** On floor 2 only neighbours see each other: the disciplines, and what makes up one method. */
const house = (file: string) => file.match(/^methods\/[^/.]+|^disciplines/)?.[0]
const neighbours = (file: string, to: string) =>
  house(file) === house(to) || /^methods\/index\.ts methods\//.test(`${file} ${to}`)

const inside = (to: string) => floor(to) >= 0
const offences = (wrong: (file: string, to: string) => boolean) =>
  files.flatMap((file) =>
    imports
      .get(file)!
      .filter((to) => wrong(file, to))
      .map((to) => `${file} -> ${to}`),
  )

function reaches(from: string, goal: string, seen = new Set<string>()): boolean {
  const next = (imports.get(from) ?? []).filter((file) => !seen.has(file) && seen.add(file))
  return next.some((file) => file === goal || reaches(file, goal, seen))
}

describe('floors', () => {
  it('has a floor for every file', () => expect(files.filter((file) => !inside(file))).to.deep.equal([]))
  it('looks down, or at neighbours', () =>
    expect(
      offences(
        (file, to) => floor(to) > floor(file) || (floor(file) === 2 && floor(to) === 2 && !neighbours(file, to)),
      ),
    ).to.deep.equal([]))
  it('has no circles', () => expect(offences((file, to) => reaches(to, file) || to === file)).to.deep.equal([]))
  it('needs nothing from outside in the core', () =>
    expect(offences((file, to) => core.test(file) && !inside(to))).to.deep.equal([]))
})
