/**
 * profile-speedscope: speedscope's own page, from its package, opens a pprof file of ours and shows what is in it.
 *
 * Its page loads from disk a program `speedscope.loadFileFromBase64(NAME, BYTES)`, which its command writes for it.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect } from 'chai'
import { injectOptions, open } from '../src/index.ts'
import { gzip, pprofOf } from '../src/profile/pprof.ts'
import { type Browser, findChromium, startBrowser } from './fixtures/browser.ts'

const release = join(dirname(createRequire(import.meta.url).resolve('speedscope/package.json')), 'dist/release')
const chromium = findChromium()
const whyNot = chromium === undefined ? ' (pending: no Chromium was found; CHROMIUM may name one)' : ''

describe(`a profile in speedscope${whyNot}`, () => {
  let browser: Browser | undefined
  let folder = ''

  before(async function () {
    if (chromium === undefined) return this.skip()
    injectOptions('profile=/dev/null')
    folder = mkdtempSync(join(tmpdir(), 'vmalloc-speedscope-'))
    browser = await startBrowser(chromium)
  })
  after(async () => {
    injectOptions(undefined)
    await browser?.close()
    if (folder !== '') rmSync(folder, { recursive: true, force: true })
  })

  it('opens with the functions and the bytes of the region', async () => {
    const region = open({ name: 'packets', method: 'profile(best)', sample: 0, discipline: 'memory' })
    const parseHeader = () => region.alloc(3 * 1024)
    const readBody = () => region.alloc(61 * 1024)
    for (let i = 0; i < 4; i++) parseHeader()
    for (let i = 0; i < 4; i++) readBody()
    const bytes = Buffer.from(gzip(pprofOf([region.profile()!]))).toString('base64')
    expect(region.stat().busyBytes).equals(256 * 1024)
    region.close()

    const script = join(folder, 'profile.js')
    writeFileSync(script, `speedscope.loadFileFromBase64("packets.pb.gz", "${bytes}")`)
    const { page, complaints } = await browser!.open(
      `${pathToFileURL(join(release, 'index.html'))}#localProfilePath=${script}`,
    )
    await page.getByText('Sandwich').click()
    const text = () => page.evaluate(() => document.body.innerText)
    await page.getByText('readBody').first().waitFor()
    const shown = await text()
    for (const name of ['parseHeader', 'readBody', 'packets.pb.gz']) expect(shown).contains(name)
    // all and self of the two, of 256 KB that are in use
    expect(shown).match(/(244(\.00)? KB \(95%\)\s+){2}readBody/)
    expect(shown).match(/(12(\.00)? KB \(4\.7%\)\s+){2}parseHeader/)
    expect(complaints.filter((text) => !text.includes('GL Driver Message'))).deep.equals([])
  })
})
