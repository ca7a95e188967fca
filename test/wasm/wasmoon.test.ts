/**
 * wasmoon: a use after free in a package as it is, which the fills of debug make visible. (docs/wasm.md shows it.)
 *
 * With its own malloc, or another without fills, the freed state of Lua still holds what it held, and nobody notices. Filled
 * with a pattern it has no addresses any more, and the first that is loaded from it leads out of the memory.
 */
import { spawnSync } from 'node:child_process'
import { devNull } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { command } from '../fixtures/command.ts'

const program = join(import.meta.dirname, 'corpus/wasmoon-close.mjs')

function run(words: readonly string[], options = '') {
  const env = { ...process.env, NODE_OPTIONS: '', VMALLOC_OPTIONS: options }
  const { status, stdout, stderr } = spawnSync(process.execPath, words, { encoding: 'utf8', env, timeout: 50_000 })
  return { status, stdout, stderr }
}

const under = (method: string, ...words: string[]) =>
  run([...command, 'run', `--method=${method}`, program, ...words], `noleaks modules=${devNull}`)

describe('wasmoon 1.16.0 closes an engine', () => {
  const whole = { status: 0, stdout: 'lua lua lua \nthe end\n', stderr: '' }

  it('and nobody notices', () => expect(run([program])).to.deep.equal(whole))

  it('nor under best, which leaves freed bytes as they were', () => expect(under('best')).to.deep.equal(whole))

  it('and uses its freed state, which debug has filled', () => {
    const { status, stdout, stderr } = under('debug')
    expect({ status, stdout }).to.deep.equal({ status: 1, stdout: 'lua lua lua \n' })
    expect(stderr).to.match(/RuntimeError: memory access out of bounds\n +at \S*lua_rawgeti .*\n +at \S*luaL_unref /)
    expect(stderr).to.match(/at FunctionTypeExtension\.close .*\n +at Global\.close /)
  })

  it('of which nothing is seen where the engine stays open', () =>
    expect(under('debug', '--open')).to.deep.equal(whole))
})
