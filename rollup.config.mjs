/**
 * From sources to dist/, which mirrors them: src/a.ts becomes dist/src/a.js, and so on.
 *
 * Every source file is an entry, so every module stays a file of its own with all that it exports; only the parts of a
 * method (methods/best/*) go into its file, where their constants are the engine's constants too. What comes from npm
 * is bundled into the entry that uses it (into dist/vendor/ where several do); dist/THIRD-PARTY-LICENSES.txt holds
 * the licences. `npm run build` runs this, then tsc for the .d.ts files.
 */
import { existsSync, readdirSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { dirname, join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import commonjs from '@rollup/plugin-commonjs'
import nodeResolve from '@rollup/plugin-node-resolve'
import esbuild from 'rollup-plugin-esbuild'
import license from 'rollup-plugin-license'

const root = dirname(fileURLToPath(import.meta.url))
const folders = ['src', 'methods', 'disciplines', 'test/conformance', 'bin']

/** The .ts files under a folder, which need not exist yet, as paths from the root. */
const sources = (folder) =>
  !existsSync(join(root, folder))
    ? []
    : readdirSync(join(root, folder), { recursive: true })
        .map((file) => join(folder, file))
        .filter((file) => file.endsWith('.ts') && !file.endsWith('.d.ts'))
        .filter((file) => folder !== 'methods' || !file.slice('methods/'.length).includes(sep))
        .map((file) => file.split(sep).join('/'))

const entries = folders.flatMap(sources).map((file) => [file.slice(0, -'.ts'.length), join(root, file)])

export default {
  input: Object.fromEntries(entries),
  external: (id) => isBuiltin(id),
  preserveEntrySignatures: 'strict',
  plugins: [
    // The root's own `sideEffects` speaks of dist/, not of these sources.
    nodeResolve({ preferBuiltins: true, exportConditions: ['node'], ignoreSideEffectsForRoot: true }),
    commonjs(),
    esbuild({ target: 'es2022', tsconfig: join(root, 'tsconfig.json') }),
    license({
      cwd: root,
      thirdParty: { output: { file: join(root, 'dist/THIRD-PARTY-LICENSES.txt'), encoding: 'utf-8' } },
    }),
  ],
  output: {
    dir: join(root, 'dist'),
    format: 'es',
    sourcemap: true,
    entryFileNames: '[name].js',
    chunkFileNames: 'vendor/[name].js',
    hoistTransitiveImports: false,
    generatedCode: 'es2015',
  },
  onwarn(warning) {
    const places = (warning.ids ?? [warning.id ?? '']).map((id) => relative(root, id))
    const theirs = places.every((place) => place.startsWith('node_modules'))
    const ofTypesOnly = warning.code === 'EMPTY_BUNDLE'
    if (!theirs && !ofTypesOnly) throw new Error(warning.message)
  },
}
