/**
 * docs: every program in the documents runs and shows what it says, every link leads somewhere, and what is made from
 * definitions is up to date. The programs see the package as a user does: by name, as it was built.
 */
import { spawn } from 'node:child_process'
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect } from 'chai'
import ts from 'typescript'
import { PAGE, PagePool } from '../examples/disciplines/page-pool.ts'
import { documents } from '../scripts/tables.ts'
import { disciplineSuite } from './conformance/index.ts'
import { declarations, prelude, programsOf } from './fixtures/snippets.ts'

const root = join(import.meta.dirname, '..')
const files = [root, join(root, 'docs')]
  .flatMap((folder) => fs.readdirSync(folder).map((name) => join(folder, name)))
  .filter((file) => file.endsWith('.md'))
const nameOf = (file: string) => file.slice(root.length + 1).replaceAll('\\', '/')
const textOf = (file: string) => fs.readFileSync(file, 'utf8').replaceAll('\r\n', '\n')

describe('documents', () => {
  for (const [name, text] of documents()) {
    it(`${name} is what \`npm run tables\` writes`, () => expect(textOf(join(root, name))).to.equal(text))
  }

  for (const file of files) {
    it(`${nameOf(file)} links to what is there`, () => {
      const lost = linksOf(textOf(file)).filter((link) => !leadsSomewhere(file, link))
      expect(lost).to.deep.equal([])
    })
  }
})

describe('docs/memory.md', () => {
  it('names the words of a header where they are', () => {
    const source = textOf(join(root, 'src/region/header.ts'))
    const fields = source
      .slice(0, source.indexOf('TEXTS'))
      .matchAll(/^export const (?!RECORD|FIXED_END)(\w+) = (\d+)$/gm)
    const rows = textOf(join(root, 'docs/memory.md')).matchAll(/^\| (\d+) to (\d+) \| (.+?) \|/gm)
    const told = [...rows].flatMap(([, from, to, words]) => {
      const names = [...words!.matchAll(/`(\w+)`/g)].map(([, name]) => name!)
      expect(Number(to) - Number(from) + 1, words).to.equal(4 * names.length)
      return names.map((name, i) => `${name} ${Number(from) + 4 * i}`)
    })
    expect(told).to.deep.equal([...fields].map(([, name, offset]) => `${name} ${offset}`))
  })
})

describe('snippets', () => {
  const documented = files.map((file) => ({ file, programs: programsOf(textOf(file), nameOf(file)) }))
  let home = ''
  const folderOf = (file: string) => join(home, nameOf(file).replaceAll(/[/.]/g, '-'))

  before(() => {
    home = fs.mkdtempSync(join(tmpdir(), 'vmalloc-docs-'))
    fs.mkdirSync(join(home, 'node_modules'))
    fs.symlinkSync(root, join(home, 'node_modules/vmalloc'), 'junction')
    fs.writeFileSync(join(home, 'package.json'), '{ "type": "module" }')
    fs.writeFileSync(join(home, 'globals.d.ts'), declarations)
    fs.writeFileSync(join(home, 'prelude.js'), prelude)
    const sources = documented.flatMap(({ file, programs }) => {
      fs.mkdirSync(folderOf(file))
      return programs.map((program) => {
        const source = join(folderOf(file), program.file)
        fs.writeFileSync(source, program.code)
        return source
      })
    })
    expect(compile([join(home, 'globals.d.ts'), ...sources])).to.deep.equal([])
    startAll()
  })

  after(async () => {
    await Promise.allSettled(ended.values())
    fs.rmSync(home, { recursive: true, force: true })
  })

  /** What becomes of each program. Two run at a time, ahead of the tests that ask. */
  const ended = new Map<string, Promise<Ended>>()
  function startAll(): void {
    const first = `${pathToFileURL(join(home, 'prelude.js'))}`
    const lanes: Promise<unknown>[] = [Promise.resolve(), Promise.resolve()]
    for (const { file, programs } of documented) {
      for (const { title, file: name, env } of programs) {
        const words = ['--import', first, name.replace(/ts$/, 'js')]
        const end = lanes.shift()!.then(() => run(words, env, folderOf(file)))
        ended.set(title, end)
        lanes.push(end)
      }
    }
  }

  for (const { title } of documented.flatMap(({ programs }) => programs)) {
    it(title, async () => {
      const { code, stdout, stderr } = await ended.get(title)!
      expect(stderr).to.equal('')
      expect(code, stdout).to.equal(0)
    })
  }
})

describe('examples', () => {
  const example = async (name: string, env = {}) => {
    const { code, stdout, stderr } = await run(
      ['--import', `${pathToFileURL(join(root, 'scripts/ts.mjs'))}`, join(root, `examples/${name}.ts`)],
      env,
    )
    expect(stderr).to.equal('')
    expect(code).to.equal(0)
    return stdout
  }

  it('page-pool: regions share a budget', async () => {
    const lines = (await example('page-pool')).split('\n')
    const left = lines.flatMap((line) => / (\d+) pages left$/.exec(line)?.[1] ?? [])
    expect(left[0]).to.equal('16')
    expect(left).to.include('0')
    expect(left.at(-1)).to.equal('16')
    expect(lines).to.include('one buffer for both: true')
    expect(lines.find((line) => line.includes('was refused'))).to.match(/ 0 pages left$/)
    expect(lines.find((line) => line.includes('compact'))).to.match(/ [1-9]\d* pages left$/)
  })

  it('nested: a session and its requests go in one call', async () => {
    const text = await example('nested')
    expect(text).to.include('request 1 is closed: its blocks are gone, the session\'s are not: "ada"')
    expect(text).to.include('open in the session: request 3, request 2')
    expect(text).to.include('owner of that block: request 3, nested in session')
    expect(text).to.include('request 3 is closed with it')
    expect(text).to.include('blocks in the heap: 0 more than before')
  })

  it('workers: four threads share a region', async () => {
    const text = await example('workers')
    expect(text).to.include('worker 3 left 100 squares, the last one is 159201')
    expect(text).to.include('rounds: 20000')
    expect(text).to.include('busy blocks: 0')
  })

  it('environment: VMALLOC_OPTIONS chooses the method', async () => {
    const extents = new Map<string, number>()
    for (const method of ['best', 'pool', 'last']) {
      const text = await example('environment', { VMALLOC_OPTIONS: `method=${method}` })
      expect(text).to.include(`method: ${method}\n`)
      extents.set(method, Number(/extent: ([\d,]+)/.exec(text)?.[1]?.replaceAll(',', '')))
    }
    expect(extents.get('pool')).to.be.below(extents.get('best')!)
    expect(extents.get('last')).to.be.above(2 * extents.get('best')!)
    const named = await example('environment', { VMALLOC_OPTIONS: 'method=last,records.method=pool' })
    expect(named).to.include('method: pool\n')
  })

  it('wasm-link: VMALLOC_OPTIONS chooses the method of a C program', async () => {
    for (const [asked, method] of Object.entries({ best: 'best', debug: 'debug(best)', last: 'last' })) {
      const text = await example('wasm-link', { VMALLOC_OPTIONS: `words.method=${asked}` })
      expect(text).to.include(`method: ${method}\n`)
      const [, words, most] = /different words: (\d+), most often: "(\w+)", \d+ times/.exec(text)!
      expect(Number(words)).to.be.above(50)
      expect(most).to.equal('word')
      expect(/blocks in the end: (\d+)/.exec(text)?.[1]).to.equal(asked === 'last' ? words : '0')
    }
  })
})

disciplineSuite('page-pool, the example', () => new PagePool(64), {
  describe,
  it,
  room: 16 * PAGE,
  seed: process.env.SEED ?? 1,
})

/** Targets of links to files and headings; those to the web are not followed. */
function linksOf(text: string): string[] {
  const prose = text.replace(/^```[\s\S]*?^```$/gm, '').replace(/`[^`\n]*`/g, '')
  const found = [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1]!)
  return found.filter((link) => !/^[a-z]+:/.test(link))
}

function leadsSomewhere(from: string, link: string): boolean {
  const [path, heading] = link.split('#') as [string, string?]
  const target = path === '' ? from : join(dirname(from), path)
  if (!fs.existsSync(target)) return false
  return heading === undefined || headingsOf(textOf(target)).includes(heading)
}

/** Headings as GitHub names them in links. */
function headingsOf(text: string): string[] {
  const headings = text.replace(/^```[\s\S]*?^```$/gm, '').matchAll(/^#+ (.+)$/gm)
  const slug = (title: string) => title.toLowerCase().replace(/[^\w\s-]/g, '')
  return [...headings].map(([, title]) => slug(title!).replaceAll(' ', '-'))
}

/** Compiles files beside themselves; what the compiler finds wrong. */
function compile(sources: string[]): string[] {
  const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile)
  const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, root)
  const program = ts.createProgram(sources, {
    ...options,
    noEmit: false,
    rootDir: undefined,
    outDir: undefined,
    declaration: false,
    types: ['node'],
    typeRoots: [join(root, 'node_modules/@types')],
  })
  const { diagnostics } = program.emit()
  return [...ts.getPreEmitDiagnostics(program), ...diagnostics].map(({ file, start, messageText }) => {
    const line = file && start !== undefined ? file.getLineAndCharacterOfPosition(start).line + 1 : 0
    return `${file?.fileName.split('/').at(-1)} line ${line}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`
  })
}

interface Ended {
  code: number | null
  stdout: string
  stderr: string
}

function run(args: string[], env: Record<string, string>, cwd = root): Promise<Ended> {
  const { VMALLOC_OPTIONS: _, ...inherited } = process.env
  const child = spawn(process.execPath, args, {
    cwd,
    env: { SEED: '1', ...inherited, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const out = { stdout: '', stderr: '' }
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out.stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (out.stderr += text))
  return new Promise((done, failed) => {
    child.on('error', failed)
    child.on('close', (code) => done({ code, ...out }))
  })
}
