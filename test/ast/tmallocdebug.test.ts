/**
 * tmallocdebug: the mistakes of tdebug through malloc and free, under a debug that VMALLOC_OPTIONS chose.
 *
 * The program is test/fixtures/debug-programs/malloc-errors.ts, a process of its own, since a process reads the variable
 * once. As in the original it is run with the options that mean debug; and then without, where it must be told nothing.
 */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect } from 'chai'
import { marked } from '../fixtures/debug.ts'

const program = join(import.meta.dirname, '../fixtures/debug-programs/malloc-errors.ts')
const loader = pathToFileURL(join(import.meta.dirname, '../../scripts/ts.mjs')).href
const line = marked(program)

interface Blocks {
  bogus: number
  twice: number
  before: number
  behind: number
}

function run(options: string): { blocks: Blocks; lines: string[] } {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--import', loader, program], {
    env: { ...process.env, VMALLOC_OPTIONS: options },
    encoding: 'utf8',
    timeout: 30_000,
  })
  expect(status, stderr).to.equal(0)
  return { blocks: JSON.parse(stdout), lines: stderr.split('\n').slice(0, -1) }
}

describe('ast tmallocdebug', function () {
  this.timeout(60_000)

  /** All that is told of the program. */
  function expected({ bogus, twice, before, behind }: Blocks): string[] {
    const text = (kind: string, at: number, detail: string, marks: Record<string, string>) => {
      const places = Object.entries(marks).map(([who, mark]) => `${who} at=malloc-errors.ts,${line(mark).line}`)
      return `${[kind, 'region=malloc', `block=${at.toString(16)}`, detail, ...places].join(':')}:`
    }
    // biome-ignore format: a table
    return [
      text('free error', bogus + 8, 'unallocated block', { allocated: 'bogus', detected: 'bogusFree' }),
      text('resize error', bogus + 16, 'unallocated block', { allocated: 'bogus', detected: 'bogusResize' }),
      text('free error', twice, 'already freed', { allocated: 'twice', freed: 'freed', detected: 'freedAgain' }),
      text('resize error', twice, 'unallocated block', { allocated: 'twice', freed: 'freed', detected: 'resizedFreed' }),
      text('corrupted data', before, 'bad byte at=-3', { allocated: 'before', detected: 'foundBefore' }),
      text('corrupted data', behind, 'bad byte at=106', { allocated: 'behind', detected: 'foundBehind' }),
    ]
  }

  for (const options of [
    'method=debug',
    '*.method=debug(best)',
    'malloc.method=debug,malloc.period=1',
    'method=debug,level=3',
  ]) {
    it(`${options}: a line for each`, () => {
      const { blocks, lines } = run(`${options},format=ast`)
      expect(lines).to.deep.equal(expected(blocks))
    })
  }

  it('without debug nothing is told', () => {
    expect(run('format=ast').lines).to.deep.equal([])
  })
})
