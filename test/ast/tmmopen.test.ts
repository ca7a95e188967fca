/**
 * tmmopen: two openers of one region, shared or kept in a file, each of which uses its own heap as well.
 *
 * The original runs a second process on System V shared memory and on a mapped file. Here another thread attaches the
 * shared memory, and a process of its own reads the file that the region's bytes were written to; it changes them,
 * writes them back, and the first one goes on with that.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { attach, heap, open } from '../../src/index.ts'
import { type Hand, hire } from '../fixtures/crew.ts'

const root = join(import.meta.dirname, '../..')

describe('ast tmmopen', () => {
  it('a region in shared memory is open in two threads, beside their heaps', async () => {
    const [hand] = (await hire(1)) as [Hand]
    try {
      const mine = heap().alloc(100)
      const region = open({ discipline: 'shared', name: 'mapped' })
      const at = region.string('from the first')
      region.values.set('place', at)
      await hand.do('mallocs', 1, 100)
      expect(await hand.do('attach', region.share())).to.equal('mapped')
      expect(await hand.do('readString', [], at)).to.equal('from the first')
      const there = await hand.do('string', [], 'from the second')
      expect(region.readString(there)).to.equal('from the second')
      expect(await hand.do('free', [], at)).to.equal(true)
      expect(region.sizeOf(at)).to.equal(-1)
      expect(region.stat().busyBlocks).to.equal(1)
      region.check()
      expect(heap().free(mine)).to.equal(true)
    } finally {
      await hand.dismiss()
    }
  })

  it('a region kept in a file is open in two processes, one after the other', () => {
    const folder = mkdtempSync(join(tmpdir(), 'vmalloc-tmmopen-'))
    try {
      const file = join(folder, 'region.bin')
      const region = open({ discipline: new ArrayBuffer(65_536), name: 'filed' })
      const nested = open({ discipline: region, name: 'nested', method: 'pool' })
      nested.alloc(32)
      region.values.set('text', region.string('written by the first'))
      writeFileSync(file, new Uint8Array(region.buffer as ArrayBuffer))

      const child = spawnSync(
        process.execPath,
        ['--import', './scripts/ts.mjs', join(root, 'test/fixtures/reopen.ts'), file],
        { cwd: root, encoding: 'utf8', env: { ...process.env, VMALLOC_OPTIONS: '' } },
      )
      expect(child.stderr).to.equal('')
      expect(child.stdout).to.equal('filed: written by the first, 1 in nested\n')

      const again = attach(new Uint8Array(readFileSync(file)))
      expect(again.readString(again.values.get('text')!)).to.equal('written by the second')
      expect(again.child('nested')!.stat().busyBlocks).to.equal(2)
      again.check()
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})
