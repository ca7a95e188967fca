/**
 * stacks: calls as numbers, and the frames behind them in the lines of the sources.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect } from 'chai'
import { transformSync } from 'esbuild'
import { capture, DEEPEST, framesOf, frameText, isForeign } from '../src/ground/stacks.ts'
import { open, type Region } from '../src/index.ts'

const here = import.meta.filename

function inner(depth: number) {
  return capture(depth)
}
const outer = (depth: number) => inner(depth)

describe('stacks', () => {
  it('are the same number from the same calls, and another from others', () => {
    const sites = [1, 2, 3].map(() => outer(8))
    expect(new Set(sites).size).to.equal(1)
    expect(outer(8)).not.to.equal(sites[0])
    expect(outer(8)).to.be.within(1, 2 ** 32 - 1)
  })

  it('name functions, files and lines of the sources, innermost first, as deep as was asked', () => {
    const line = lineOf(new Error())
    const frames = framesOf(outer(2))!
    expect(frames.map(({ name, file }) => [name, file])).to.deep.equal([
      ['inner', here],
      ['outer', here],
    ])
    expect(framesOf(outer(3))![2]!.line).to.equal(line + 6)
    expect(framesOf(outer(1))).to.have.length(1)
  })

  it('tell functions of the engine apart, which lie in no file', () => {
    const sites: number[] = []
    const keep = () => void sites.push(capture(2))
    ;[1].forEach(keep)
    ;[1].map(keep)
    new Map([[1, 1]]).forEach(keep)
    expect(sites.map((site) => framesOf(site)?.[1]?.name)).to.deep.equal(['Array.forEach', 'Array.map', 'Map.forEach'])
  })

  it('go no deeper than DEEPEST', () => {
    const dive = (n: number): number => (n === 0 ? capture(10_000) : dive(n - 1))
    expect(framesOf(dive(200))).to.have.length(DEEPEST)
  })

  it('are none at depth 0, and of numbers that are nobody’s', () => {
    expect(outer(0)).to.equal(0)
    expect(framesOf(0)).to.equal(undefined)
    expect(isForeign(0)).to.equal(false)
    const site = outer(4)
    const other = (site ^ 0x80000000) >>> 0
    expect([isForeign(site), isForeign(other), framesOf(other)]).to.deep.equal([false, true, undefined])
  })

  it('leave out what a function above called, and frames of the package', () => {
    const wrapped = () => capture(8, wrapped)
    expect(framesOf(wrapped())![0]).to.include({ name: '', file: here })
    const region: Region = open({ method: 'debug', depth: 3, leaks: false })
    const found: string[] = []
    region.on('report', ({ finding }) => found.push(...(finding.detected ?? []).map(({ file }) => file)))
    region.free(12)
    region.close()
    expect(found[0]).to.equal(here)
    expect(found.filter((file) => /\/(src|methods|disciplines)\//.test(file))).to.deep.equal([])
  })

  it('leave Error as it was', () => {
    const prepare = (error: Error) => `mine: ${error.message}`
    const { stackTraceLimit } = Error
    Error.prepareStackTrace = prepare
    try {
      expect(outer(4)).to.be.above(0)
      expect(Error.prepareStackTrace).to.equal(prepare)
      expect(Error.stackTraceLimit).to.equal(stackTraceLimit)
      expect(new Error('x').stack).to.equal('mine: x')
    } finally {
      Reflect.deleteProperty(Error, 'prepareStackTrace')
    }
  })

  it('follow source maps, beside a file and in it', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'vmalloc-stacks-'))
    const source = 'export const call = (f: () => unknown): unknown => {\n  // a line\n\n  return f()\n}\n'
    try {
      for (const sourcemap of ['external', 'inline'] as const) {
        const { code, map } = transformSync(source, { loader: 'ts', minify: true, sourcemap, sourcefile: 'call.ts' })
        const file = join(folder, `${sourcemap}.mjs`)
        writeFileSync(`${file}.map`, map)
        writeFileSync(file, sourcemap === 'inline' ? code : `${code}\n//# sourceMappingURL=external.mjs.map\n`)
        const { call } = (await import(pathToFileURL(file).href)) as { call(f: () => number): number }
        const frames = framesOf(call(() => capture(4)))!
        const mapped = frames.find((frame) => frame.file.endsWith('call.ts'))
        expect(mapped, `${sourcemap}: ${frames.map(frameText).join(' < ')}`).to.include({
          file: join(folder, 'call.ts'),
          line: 4,
          column: 10,
        })
      }
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  it('are texts as engines write them', () => {
    expect(frameText({ name: 'f', file: 'a.ts', line: 3, column: 4 })).to.equal('f (a.ts:3:4)')
    expect(frameText({ name: '', file: 'a.ts', line: 3, column: 0 })).to.equal('a.ts:3')
    expect(frameText({ name: 'main', file: './a.out', line: 0, column: 0 })).to.equal('main (./a.out)')
  })
})

/** The line of the source where an error was made. */
function lineOf(error: Error): number {
  return Number(/stacks\.test\.ts:(\d+)/.exec(error.stack!)![1])
}
