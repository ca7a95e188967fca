/**
 * From sources to dist/, which mirrors them: src/a.ts becomes dist/src/a.js, and so on.
 *
 * Every source file is an entry, so every module stays a file of its own with all that it exports; only the parts of a
 * method (methods/best/*) go into its file, where their constants are the engine's constants too, and copies of the
 * `leaves` below into all that import them. What comes from npm
 * is bundled into the entry that uses it (into dist/vendor/ where several do); dist/THIRD-PARTY-LICENSES.txt holds
 * the licences. `npm run build` runs this, then tsc for the .d.ts files.
 *
 * The second build makes dist/page/report.html, the page of `vmalloc report` without its figures: src/page/report.html
 * with style and program in it, minified, and the licences of what is in the program. It appends these to the file of
 * licences, so it comes second.
 */
import { appendFileSync, existsSync, readdirSync, readFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { dirname, join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import commonjs from '@rollup/plugin-commonjs'
import nodeResolve from '@rollup/plugin-node-resolve'
import { transform } from 'esbuild'
import esbuild from 'rollup-plugin-esbuild'
import license from 'rollup-plugin-license'

const root = dirname(fileURLToPath(import.meta.url))
const page = join('src', 'page')
const licences = join(root, 'dist/THIRD-PARTY-LICENSES.txt')
const folders = ['src', 'methods', 'disciplines', 'test/conformance', 'bin']

/** The .ts files under a folder, which need not exist yet, as paths from the root. */
const sources = (folder) =>
  !existsSync(join(root, folder))
    ? []
    : readdirSync(join(root, folder), { recursive: true })
        .map((file) => join(folder, file))
        .filter((file) => file.endsWith('.ts') && !file.endsWith('.d.ts'))
        .filter((file) => !file.startsWith(join(page, sep)))
        .filter((file) => folder !== 'methods' || !file.slice('methods/'.length).includes(sep))
        .map((file) => file.split(sep).join('/'))

const entries = folders.flatMap(sources).map((file) => [file.slice(0, -'.ts'.length), join(root, file)])

function onwarn(warning) {
  const places = (warning.ids ?? [warning.id ?? '']).map((id) => relative(root, id))
  const theirs = places.every((place) => place.startsWith('node_modules'))
  const ofTypesOnly = warning.code === 'EMPTY_BUNDLE'
  if (!theirs && !ofTypesOnly) throw new Error(warning.message)
}

/** Modules of constants and small functions, without any state. */
const leaves = [
  'src/contract/addr',
  'src/contract/charge',
  'src/contract/store',
  'src/ground/bits',
  'src/region/header',
]
const leafFiles = new Set(leaves.map((leaf) => join(root, `${leaf}.ts`)))
const COPY = '.copy-of.'

/**
 * Whoever imports a leaf has a copy of it: what is imported is a variable to the engine, which it reads and looks at
 * whenever it is used; what is a module's own and not exported is a constant.
 */
const copies = {
  name: 'copies',
  resolveId(source, importer) {
    if (importer === undefined || !source.startsWith('.')) return null
    const [from, copier] = importer.split(COPY)
    const file = join(dirname(from), source)
    const path = relative(root, from).split(sep).join('/')
    const owner = copier ?? path.replace(/^(methods\/\w+)\/.*$/, '$1.ts').replaceAll('/', '+')
    if (leafFiles.has(file)) return `${file}${COPY}${owner}`
    return copier === undefined ? null : file
  },
  load: (id) => (id.includes(COPY) ? readFileSync(id.split(COPY)[0], 'utf8') : null),
}

const modules = {
  input: Object.fromEntries(entries),
  external: (id) => isBuiltin(id),
  preserveEntrySignatures: 'strict',
  plugins: [
    copies,
    // The root's own `sideEffects` speaks of dist/, not of these sources.
    nodeResolve({ preferBuiltins: true, exportConditions: ['node'], ignoreSideEffectsForRoot: true }),
    commonjs(),
    esbuild({ target: 'es2022', tsconfig: join(root, 'tsconfig.json') }),
    license({
      cwd: root,
      thirdParty: { output: { file: licences, encoding: 'utf-8' } },
    }),
  ],
  output: {
    dir: join(root, 'dist'),
    format: 'es',
    sourcemap: true,
    sourcemapPathTransform: (path) => path.split(COPY)[0],
    entryFileNames: '[name].js',
    chunkFileNames: 'vendor/[name].js',
    hoistTransitiveImports: false,
    generatedCode: 'es2015',
  },
  onwarn,
}

/** Packages in the page, as rollup-plugin-license found them. */
let inPage = []

const titleOf = ({ name, version, license: kind }) => `${name} ${version} (${kind})`

/** Puts style and program into the page, which takes the program's place in the output. */
const asPage = {
  name: 'as-page',
  async generateBundle(_, bundle) {
    const [file] = Object.keys(bundle)
    const script = bundle[file].code.replaceAll('</script', '<\\/script')
    const sheets = [join(root, 'node_modules/uplot/dist/uPlot.min.css'), join(root, page, 'style.css')]
    const style = sheets.map((sheet) => readFileSync(sheet, 'utf8')).join('\n')
    const { code } = await transform(style, { loader: 'css', minify: true })
    const notices = inPage.map((found) => `${titleOf(found)}\n\n${found.licenseText.trim()}`.replaceAll('--', '- -'))
    const source = readFileSync(join(root, page, 'report.html'), 'utf8')
      .replace('<!-- style -->', () => `<style>${code.trim()}</style>`)
      .replace('<!-- script -->', () => `<!--\n${notices.join('\n\n')}\n-->\n<script>${script.trim()}</script>`)
    delete bundle[file]
    this.emitFile({ type: 'asset', fileName: 'report.html', source })
    const texts = inPage.map((found) => `\n\n---\n\nIn dist/page/report.html:\n${found.text()}`)
    if (existsSync(licences)) appendFileSync(licences, texts.join(''))
  },
}

const reportPage = {
  input: join(root, page, 'main.ts'),
  plugins: [
    nodeResolve({ browser: true, ignoreSideEffectsForRoot: true }),
    commonjs(),
    esbuild({ target: 'es2023', tsconfig: join(root, 'tsconfig.json'), minify: true }),
    license({ cwd: root, thirdParty: (found) => (inPage = found) }),
    asPage,
  ],
  output: { dir: join(root, 'dist/page'), format: 'iife' },
  onwarn,
}

export default [modules, reportPage]
