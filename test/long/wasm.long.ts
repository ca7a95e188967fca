/**
 * wasm, at length: random lives of C programs under every method in every shape, with all laws held after each operation;
 * what binaryen says of every rewritten module of the packages; and the packages themselves, ten times as long. For
 * `npm run test:long`; SEED repeats a failure. The short ones are in test/wasm.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import binaryen from 'binaryen'
import { expect } from 'chai'
import { parse } from '../../src/wasm/binary.ts'
import { find } from '../../src/wasm/find.ts'
import { rewrite } from '../../src/wasm/rewrite.ts'
import { seedFrom } from '../conformance/rng.ts'
import { corpus, run, versionOf, WAYS } from '../wasm/corpus.ts'
import { dlmallocShapes, start } from '../wasm/fixtures.ts'
import { began, plainly, takenOver, under } from '../wasm/served.ts'

const seed = seedFrom(process.env.SEED)
const METHODS = ['best', 'best check=3', 'last', 'pool', 'debug', 'debug check=3', 'profile(best)', 'profile sample=0']
const LIVES = 12
const root = join(import.meta.dirname, '../..')

describe(`wasm, at length (SEED=${seed})`, () => {
  describe('random lives', () => {
    takenOver()
    for (const method of METHODS) {
      for (const shape of dlmallocShapes) {
        it(`${method}: ${shape}`, () => {
          const served = under(`method=${method}`, () => began('clean', shape))
          const program = plainly(() => start('clean', shape))
          for (let life = 0; life < LIVES; life++) {
            const args = [(seed + life) >>> 0, method.includes('check') ? 300 : 3000] as const
            const answer = under(`method=${method}`, () => served.program.call('random_life', ...args))
            expect(answer, `life ${life}`).equal(program.call('random_life', ...args))
            served.region().check()
          }
        })
      }
    }
  })

  describe('binaryen agrees', () => {
    const modules = readdirSync(join(root, 'node_modules'), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.wasm'))
      .map((file) => join(root, 'node_modules', file))
    for (const file of modules) {
      it(file.slice(root.length), () => {
        const module = parse(Uint8Array.from(readFileSync(file)))
        const finding = find(module)
        const { bytes } = rewrite(
          module,
          finding.functions.map(({ index }) => index),
          { id: 'long' },
        )
        expect(WebAssembly.validate(bytes)).equal(true)
        const read = binaryen.readBinary(bytes)
        try {
          read.setFeatures(binaryen.Features.All)
          expect(read.validate()).equal(1)
        } finally {
          read.dispose()
        }
      })
    }
  })

  describe('packages', () => {
    for (const entry of corpus) {
      if (entry.packages.some((name) => versionOf(name) === undefined)) continue
      it(entry.program, async () => {
        const options = { factor: 2, limit: 300_000 }
        const plain = await run(entry, 'plain', options)
        expect(plain.end).equal(0)
        for (const way of WAYS) {
          const { stdout, end } = await run(entry, way, options)
          expect({ way, stdout, end }).deep.equal({ way, stdout: plain.stdout, end: 0 })
        }
      })
    }
  })
})
