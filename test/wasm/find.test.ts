/**
 * find: malloc and its kin in every module that is installed, in the fixtures, and in what is left of modules after chance
 * went over them.
 *
 *   SEED=12345 npx mocha test/wasm/find.test.ts
 */
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { parseStrict } from '../../src/region/options.ts'
import { parse } from '../../src/wasm/binary.ts'
import { FindingCache } from '../../src/wasm/cache.ts'
import { find } from '../../src/wasm/find.ts'
import { rolesInGlue } from '../../src/wasm/glue.ts'
import { hashOf } from '../../src/wasm/hash.ts'
import { fitting, parseMap } from '../../src/wasm/map.ts'
import { Unreadable } from '../../src/wasm/reader.ts'
import type { Finding, Role } from '../../src/wasm/roles.ts'
import { searched } from '../../src/wasm/search.ts'
import { behind } from '../../src/wasm/thunks.ts'
import { Rng } from '../conformance/rng.ts'

const root = join(import.meta.dirname, '../..')
const bytesOf = (path: string) => new Uint8Array(readFileSync(join(root, path)))
const foundIn = (bytes: Uint8Array, hints = {}) => find(parse(bytes), hints)
const fixture = (name: string) => bytesOf(`test/wasm/modules/${name}.wasm`)

/** Roles and indices, as `malloc 28, free 30`; of several functions the first. */
const rolesOf = ({ functions }: Finding) => functions.map(({ role, index }) => `${role} ${index}`).join(', ')
const indexOf = ({ functions }: Finding, role: Role) => functions.find((found) => found.role === role)?.index

function levelOf({ levels }: Finding): string {
  return levels.debug === '' ? 'debug' : levels.replace === '' ? 'replace' : levels.observe === '' ? 'observe' : 'none'
}

/** Where a module lies, its family, the level, and functions by the role that they must have. */
const packages: readonly [path: string, family: string, level: string, roles: Partial<Record<Role, number | true>>][] =
  [
    [
      '@sqlite.org/sqlite-wasm/dist/sqlite3.wasm',
      'dlmalloc',
      'debug',
      { malloc: true, free: true, realloc: true, memalign: true, dispose_chunk: true },
    ],
    [
      'sql.js/dist/sql-wasm.wasm',
      'dlmalloc',
      'replace',
      { malloc: 244, free: 243, memalign: 1265, dispose_chunk: 643 },
    ],
    [
      'sql.js/dist/sql-wasm-debug.wasm',
      'dlmalloc',
      'debug',
      { malloc: true, free: true, realloc: true, calloc: true, memalign: true, dispose_chunk: true },
    ],
    [
      'web-tree-sitter/web-tree-sitter.wasm',
      'dlmalloc',
      'debug',
      { malloc: true, free: true, realloc: true, calloc: true, dispose_chunk: true },
    ],
    [
      'web-tree-sitter/debug/web-tree-sitter.wasm',
      'other',
      'observe',
      { malloc: true, free: true, realloc: true, calloc: true },
    ],
    [
      '@jitl/quickjs-wasmfile-release-sync/dist/emscripten-module.wasm',
      'dlmalloc',
      'debug',
      { malloc: 150, free: 142, realloc: 775, dispose_chunk: 772 },
    ],
    [
      '@jitl/quickjs-wasmfile-release-asyncify/dist/emscripten-module.wasm',
      'dlmalloc',
      'debug',
      { malloc: 151, free: 143, realloc: 775, dispose_chunk: 772 },
    ],
    [
      '@jitl/quickjs-wasmfile-debug-sync/dist/emscripten-module.wasm',
      'dlmalloc',
      'debug',
      { malloc: true, free: true, calloc: true, memalign: true, dispose_chunk: true },
    ],
    [
      '@jitl/quickjs-wasmfile-debug-asyncify/dist/emscripten-module.wasm',
      'dlmalloc',
      'debug',
      { malloc: true, free: true, realloc: true, dispose_chunk: true },
    ],
    ['wasmoon/dist/glue.wasm', 'emmalloc', 'debug', { malloc: 657, free: 660, realloc: 661 }],
    ['@bokuweb/zstd-wasm/dist/esm/zstd.wasm', 'dlmalloc', 'debug', { malloc: 111, free: 24 }],
    [
      'vscode-oniguruma/release/onig.wasm',
      'dlmalloc',
      'debug',
      { malloc: 218, free: 219, realloc: 220, calloc: 222, dispose_chunk: 221 },
    ],
  ]

describe('find: modules of packages', () => {
  for (const [path, family, level, roles] of packages) {
    it(`${path}: ${family}, ${level}`, () => {
      const finding = foundIn(bytesOf(`node_modules/${path}`))
      expect([finding.family, levelOf(finding), finding.left]).to.deep.equal([family, level, ''])
      for (const [role, index] of Object.entries(roles) as [Role, number | true][]) {
        const found = indexOf(finding, role)
        if (index === true) expect(found, role).to.be.a('number')
        else expect(found, role).to.equal(index)
      }
      if (family === 'dlmalloc') expect(finding.alignment).to.equal(8)
    })
  }

  it('leaves side modules to their main module', () => {
    const grammar = (name: string) => foundIn(bytesOf(`node_modules/tree-sitter-${name}/tree-sitter-${name}.wasm`))
    expect(grammar('python').left).to.equal('it imports malloc: it is served where its main module is')
    expect(grammar('javascript').left).to.equal('no malloc and free are found in it')
    for (const name of ['python', 'javascript']) {
      expect(levelOf(grammar(name))).to.equal('none')
      expect(grammar(name).functions).to.deep.equal([])
    }
  })

  it('watches Rust', () => {
    const folder = join(root, 'node_modules/speedscope/dist/release')
    const file = readdirSync(folder).find((name) => /^jfrview.*\.wasm$/.test(name))!
    const finding = foundIn(new Uint8Array(readFileSync(join(folder, file))))
    expect([finding.family, levelOf(finding)]).to.deep.equal(['dlmalloc-rs', 'observe'])
    expect(finding.functions.map(({ role, sure }) => `${role} ${sure}`)).to.deep.equal(['malloc false', 'free false'])
  })

  it('agrees with glue, by export', () => {
    const cases = [
      ['sql.js/dist/sql-wasm.wasm', 'sql.js/dist/sql-wasm.js'],
      ['@bokuweb/zstd-wasm/dist/esm/zstd.wasm', '@bokuweb/zstd-wasm/dist/esm/zstd.js'],
    ]
    for (const [file, script] of cases) {
      const glue = readFileSync(join(root, 'node_modules', script!), 'utf8')
      const finding = foundIn(bytesOf(`node_modules/${file}`), { glue })
      for (const role of ['malloc', 'free']) {
        const of = finding.functions.filter((found) => found.role === role)
        expect(
          of.map(({ evidence }) => evidence),
          `${file} ${role}`,
        ).to.deep.equal(['glue'])
        expect(of[0]!.sure).to.equal(true)
      }
    }
  })

  it('follows thunks, and names those that lead', () => {
    const module = parse(bytesOf('node_modules/wasmoon/dist/glue.wasm'))
    const exported = module.exports.find(({ name }) => name === 'malloc')!.index
    const malloc = find(module).functions.find(({ role }) => role === 'malloc')!
    expect(malloc.index).to.equal(behind(module, exported)).and.not.equal(exported)
    expect(malloc.entries).to.include(exported)
  })
})

describe('find: fixtures', () => {
  const all = 'malloc 28, free 30, realloc 32, calloc 31, memalign 35, malloc_usable_size 37, dispose_chunk 33'

  it('finds the same functions whatever names are left', () => {
    const inside = (finding: Finding) =>
      rolesOf({ ...finding, functions: finding.functions.filter(({ role }) => !/aligned_alloc|posix/.test(role)) })
    for (const shape of ['full', 'exports', 'onlymallocfree', 'stripped', 'limited']) {
      const finding = foundIn(fixture(`clean.${shape}`))
      expect(inside(finding), shape).to.equal(all)
      expect([finding.family, finding.alignment, levelOf(finding)], shape).to.deep.equal(['dlmalloc', 16, 'debug'])
      expect(finding.strangers, shape).to.deep.equal([])
    }
    const errors = ['full', 'exports', 'onlymallocfree', 'stripped'].map((shape) => foundIn(fixture(`errors.${shape}`)))
    for (const role of ['malloc', 'free', 'realloc', 'calloc', 'memalign', 'dispose_chunk'] as Role[]) {
      expect(new Set(errors.map((finding) => indexOf(finding, role))).size, role).to.equal(1)
    }
  })

  it('says by what', () => {
    const evidence = (shape: string, role: Role) =>
      foundIn(fixture(`clean.${shape}`)).functions.find((found) => found.role === role)?.evidence
    expect(evidence('full', 'malloc')).to.equal('export')
    expect(evidence('full', 'dispose_chunk')).to.equal('name')
    expect(evidence('stripped', 'malloc')).to.equal('fingerprint')
  })

  it('sees realloc in its caller, and lets it split blocks where dispose_chunk is known', () => {
    const finding = foundIn(fixture('clean.inlined'))
    expect(levelOf(finding)).to.equal('replace')
    expect(indexOf(finding, 'realloc')).to.equal(undefined)
    expect(indexOf(finding, 'dispose_chunk')).to.be.a('number')
    expect(finding.strangers).to.deep.equal([{ index: 6, why: 'realloc is inlined into it' }])
    expect(finding.levels.debug).to.equal('function 6: realloc is inlined into it')
  })

  it('takes a realloc that has nothing else in it for realloc', () => {
    const finding = foundIn(fixture('errors.inlined'))
    expect(indexOf(finding, 'realloc')).to.equal(18)
    expect(levelOf(finding)).to.equal('debug')
  })

  it('only watches an allocator that it does not know', () => {
    const finding = foundIn(fixture('clean.own'))
    expect([finding.family, levelOf(finding)]).to.deep.equal(['other', 'observe'])
    expect(finding.levels.replace).to.equal('its allocator is none that this program knows')
  })

  const left: [string, RegExp][] = [
    ['imports.imported', /imports malloc/],
    ['side.clang', /imports malloc/],
    ['odd.atomics', /shared/],
    ['odd.memory64', /64 bits/],
    ['odd.multi-memory', /2 memories/],
    ['odd.empty', /no memory/],
    ['odd.unknown-opcode', /cannot be read: the unknown opcode/],
    ['odd.other-malloc', /no malloc and free/],
  ]
  for (const [name, why] of left) {
    it(`leaves ${name} alone`, () => {
      const finding = foundIn(fixture(name))
      expect(finding.left).to.match(why)
      expect(levelOf(finding)).to.equal('none')
    })
  }

  it('believes a map', () => {
    const bytes = fixture('clean.own')
    const finding = foundIn(bytes, { map: { malloc: 31, free: 31 } })
    // 31 is free: it has not the type of malloc, so the map is not followed there
    expect(indexOf(finding, 'malloc')).to.equal(27)
    expect(finding.functions.find(({ role }) => role === 'free')!.evidence).to.equal('map')
  })
})

describe('find: strangers', () => {
  /** The bytes `from` become `to` in a function, everywhere. */
  function patch(bytes: Uint8Array, index: number, from: readonly number[], to: readonly number[]): Uint8Array {
    const module = parse(bytes)
    const body = module.bodies[index - module.imported]!
    const copy = bytes.slice()
    let count = 0
    for (let at = body.code; at <= body.end - from.length; at++) {
      if (!from.every((byte, i) => copy[at + i] === byte)) continue
      copy.set(to, at)
      count++
    }
    expect(count).to.be.greaterThan(0)
    return copy
  }

  const chunkOf0 = [0x20, 0, 0x41, 0x78] //      local.get 0  i32.const -8
  const beside = [0x20, 0, 0x41, 0x77] //        local.get 0  i32.const -9
  const setTop = [0x36, 2, 0xc0, 0xc3] //        i32.store 8640, in the state; linkers write it in five bytes
  const setOther = [0x36, 2, 0xc0, 0xe3] //      i32.store 12736, outside

  it('promises nothing when free is not to be recognised', () => {
    const finding = foundIn(patch(fixture('clean.stripped'), 30, chunkOf0, beside))
    expect(indexOf(finding, 'free')).to.equal(undefined)
    expect(finding.levels.observe).to.equal('no free is found in it')
    expect(finding.strangers.map(({ index }) => index)).to.include(30)
  })

  it('believes the name of one that uses the state', () => {
    const finding = foundIn(patch(fixture('clean.full'), 30, chunkOf0, beside))
    expect(finding.functions.find(({ role }) => role === 'free')).to.include({ index: 30, evidence: 'export' })
  })

  it('replaces nothing when a function uses the state and nobody knows what for', () => {
    const finding = foundIn(patch(fixture('clean.stripped'), 33, setTop, setOther))
    expect(levelOf(finding)).to.equal('observe')
    expect(indexOf(finding, 'dispose_chunk')).to.equal(undefined)
    expect(finding.levels.replace).to.match(/^function \d+ uses the state of the allocator$/)
  })

  it('takes a realloc with other work in it for a caller', () => {
    const finding = foundIn(patch(fixture('clean.stripped'), 32, setTop, setOther))
    expect(levelOf(finding)).to.equal('replace')
    expect(finding.levels.debug).to.equal('function 32: realloc is inlined into it')
  })

  it('lets a map overrule fingerprints, and then promises less', () => {
    const finding = foundIn(fixture('clean.stripped'), { map: { free: 29 } })
    expect(levelOf(finding)).to.equal('debug') // 29 leads to 30
    const other = parse(fixture('clean.stripped')).functions.findIndex(
      (type, index) => type === parse(fixture('clean.stripped')).functions[30] && index !== 29 && index !== 30,
    )
    const wrong = foundIn(fixture('clean.stripped'), { map: { free: other } })
    expect(wrong.functions.filter(({ role }) => role === 'free').map(({ index }) => index)).to.deep.equal([other])
    expect(wrong.levels.replace).to.equal('function 30 looks like free, and the map names another')
  })
})

describe('find: glue', () => {
  it('reads assignments', () => {
    const roles = (text: string) => [...rolesInGlue(text)].map(([role, names]) => `${role}=${names[0]}`)
    expect(roles('_malloc=c.Ia,_free=c["Ja"];')).to.deep.equal(['malloc=Ia', 'free=Ja'])
    expect(roles('var _free = Module["_free"] = wasmExports["t"];')).to.deep.equal(['free=t'])
    expect(roles('_malloc=a=>(_malloc=wasmExports["x"])(a)')).to.deep.equal(['malloc=x'])
    expect(roles('if (_malloc == 3) _mallocate = k.z')).to.deep.equal([])
  })
})

describe('find: maps', () => {
  const hash = 'a'.repeat(64)
  function read(text: string): { maps: ReturnType<typeof parseMap>; told: string[] } {
    const told: string[] = []
    return { maps: parseMap(text, (sentence) => told.push(sentence)), told }
  }

  it('are read', () => {
    const { maps, told } = read(`{"${hash}":{"malloc":28,"free":30}}`)
    expect(told).to.deep.equal([])
    expect(maps.get(hash)).to.deep.equal({ malloc: 28, free: 30 })
  })

  it('say what is wrong with them', () => {
    expect(read('{').told[0]).to.match(/^map: no JSON/)
    expect(read('[]').told).to.deep.equal(['map: expected an object with the SHA-256 of modules'])
    expect(read('{"x":{}}').told[0]).to.match(/expected the SHA-256/)
    expect(read(`{"${hash}":{"mallok":1}}`).told[0]).to.match(/mallok: expected one of malloc/)
    expect(read(`{"${hash}":{"malloc":-1}}`).told[0]).to.match(/malloc: -1, expected an index/)
  })

  it('must fit the module', () => {
    const told: string[] = []
    const module = parse(fixture('clean.own'))
    const fit = fitting({ malloc: 27, free: 27, realloc: 99999 }, module, (sentence) => told.push(sentence))
    expect(fit).to.deep.equal({ malloc: 27 })
    expect(told).to.deep.equal([
      'map: free: function 27 is of the type i:i, expected i:',
      `map: realloc: function 99999, expected one of 0 to ${module.functions.length - 1}`,
    ])
  })
})

describe('find: cache', () => {
  let folder: string
  const bytes = fixture('clean.stripped')
  const hash = hashOf(bytes)!
  const finding = foundIn(bytes)
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'vmalloc-cache-'))
  })
  after(() => rmSync(folder, { recursive: true }))

  it('gives back what it was given', () => {
    const cache = FindingCache.open(join(folder, 'new'))!
    expect(cache.read(hash)).to.equal(undefined)
    expect(cache.write(hash, finding)).to.equal(true)
    expect(cache.read(hash)).to.deep.equal(finding)
    expect(readdirSync(join(folder, 'new'))).to.deep.equal([`wasm-${hash}.json`])
    if (process.platform !== 'win32') expect(statSync(join(folder, 'new')).mode & 0o777).to.equal(0o700)
  })

  it('takes a broken file, and one of another finder, for none', () => {
    const cache = FindingCache.open(folder)!
    const path = join(folder, `wasm-${hash}.json`)
    const whole = { finder: 1, finding }
    const broken = [
      '',
      '{',
      'null',
      '[]',
      JSON.stringify({ ...whole, finder: 0 }),
      JSON.stringify({ ...whole, finding: {} }),
    ]
    for (const text of [...broken, JSON.stringify({ ...whole, finding: { ...finding, functions: [{ role: 'x' }] } })]) {
      writeFileSync(path, text)
      expect(cache.read(hash), text).to.equal(undefined)
    }
  })

  it('follows no link, and writes where nobody else may', function () {
    if (process.platform === 'win32') this.skip()
    symlinkSync(folder, join(folder, 'link'))
    expect(FindingCache.open(join(folder, 'link'))).to.equal(undefined)
    mkdirSync(join(folder, 'open'))
    chmodSync(join(folder, 'open'), 0o777)
    expect(FindingCache.open(join(folder, 'open'))).to.equal(undefined)
    writeFileSync(join(folder, 'file'), '')
    expect(FindingCache.open(join(folder, 'file'))).to.equal(undefined)
  })
})

describe('find: as options say', () => {
  let folder: string
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'vmalloc-search-'))
  })
  after(() => rmSync(folder, { recursive: true }))

  const look = (options: string, bytes: Uint8Array) => searched(parse(bytes), hashOf(bytes), parseStrict(options))

  it('looks once, and then reads what was kept', () => {
    const bytes = bytesOf('node_modules/@bokuweb/zstd-wasm/dist/esm/zstd.wasm')
    const path = join(folder, `wasm-${hashOf(bytes)}.json`)
    const first = look(`wasmcache=${folder}`, bytes)
    expect(first).to.deep.equal(foundIn(bytes))
    writeFileSync(path, readFileSync(path, 'utf8').replace('"alignment":8', '"alignment":16'))
    expect(look(`wasmcache=${folder}`, bytes)).to.deep.equal({ ...first, alignment: 16 })
  })

  it('looks with a map, which nothing that was kept overrules', () => {
    const bytes = fixture('clean.own')
    const path = join(folder, 'map.json')
    writeFileSync(path, JSON.stringify({ [hashOf(bytes)!]: { malloc: 27 } }))
    const evidence = (options: string) => look(options, bytes).functions.find(({ role }) => role === 'malloc')?.evidence
    expect(evidence(`wasmcache=${folder}`)).to.equal('export')
    expect(evidence(`wasmcache=${folder},wasmmap=${path}`)).to.equal('map')
  })
})

describe('find: broken modules', () => {
  const seed = Number(process.env.SEED ?? (Math.random() * 2 ** 32) >>> 0)
  const names = [
    'clean.stripped',
    'clean.inlined',
    'errors.full',
    'pair.full',
    'odd.tables',
    'side.hand',
    'odd.exceptions',
  ]

  function look(bytes: Uint8Array): string {
    try {
      return find(parse(bytes)).family
    } catch (error) {
      if (error instanceof Unreadable) return 'unreadable'
      throw error
    }
  }

  it(`are told or left, SEED=${seed}`, function () {
    this.timeout(30_000)
    const rng = new Rng(seed)
    const originals = names.map(fixture)
    const seen = new Map<string, number>()
    for (let round = 0; round < 2000; round++) {
      const original = originals[rng.word() % originals.length]!
      const bytes = original.slice(0, rng.word() % 4 === 0 ? rng.word() % original.length : original.length)
      // mostly in the first bytes, where sections and types are
      for (let i = rng.word() % 6; i >= 0; i--) {
        const reach = rng.word() % 2 === 0 ? Math.min(bytes.length, 400) : bytes.length
        if (reach > 0) bytes[rng.word() % reach] = rng.word() & 255
      }
      const answer = look(bytes)
      seen.set(answer, (seen.get(answer) ?? 0) + 1)
    }
    expect([...seen.keys()], `SEED=${seed}`)
      .to.include('unreadable')
      .and.include('dlmalloc')
  })
})
