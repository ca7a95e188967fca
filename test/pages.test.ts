/**
 * pages: what `vmalloc report --html` makes, opened from disk in a headless Chromium: it draws, and it answers to mouse and
 * keys. Where no Chromium is found these tests are pending.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect } from 'chai'
import type { Page } from 'playwright-core'
import { open } from '../src/index.ts'
import { adviceOn } from '../src/report/advice.ts'
import { historyOf } from '../src/report/history.ts'
import { profilePage, tracePage } from '../src/report/page.ts'
import { profileOf } from '../src/report/sites.ts'
import { summarize } from '../src/report/summary.ts'
import type { Trace } from '../src/trace/trace.ts'
import { type Browser, findChromium, startBrowser } from './fixtures/browser.ts'
import { syntheticTrace } from './fixtures/synthetic.ts'

const chromium = findChromium()
let folder = ''
let browser: Browser

function pageOfTrace(trace: Trace): string {
  const { summary, running } = summarize(trace)
  const advice = trace.events > 10_000 ? undefined : adviceOn(trace, summary, { passes: 1 })
  const history = historyOf(trace, () => open({ method: 'best', discipline: 'memory' }))
  return tracePage({ trace, summary, running, history, advice })
}

/** Opens a page and waits until it has drawn. */
async function show(name: string, html: string) {
  const file = join(folder, `${name}.html`)
  writeFileSync(file, html)
  const opened = await browser.open(pathToFileURL(file).href)
  await opened.page.waitForSelector('html[data-ready]')
  await settle(opened.page)
  return opened
}

/** Two frames, so that what waited for the first one has been drawn. */
const settle = (page: Page) =>
  page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))))

/** How many different colours a canvas shows. */
const coloursOf = (page: Page, canvas: string) =>
  page.$eval(canvas, (element) => {
    const { width, height } = element as HTMLCanvasElement
    const { data } = (element as HTMLCanvasElement).getContext('2d')!.getImageData(0, 0, width, height)
    return new Set(new Uint32Array(data.buffer)).size
  })

const pictureOf = (page: Page, canvas: string) =>
  page.$eval(canvas, (element) => (element as HTMLCanvasElement).toDataURL())

const column = (page: Page, at: number) =>
  page.$$eval(`#sites tbody tr td:nth-child(${at})`, (cells) => cells.map((cell) => cell.textContent!.trim()))

describe(`pages${chromium === undefined ? ' (pending: no Chromium was found; CHROMIUM may name one)' : ''}`, () => {
  before(async function () {
    if (chromium === undefined) return this.skip()
    folder = mkdtempSync(join(tmpdir(), 'vmalloc-pages-'))
    browser = await startBrowser(chromium)
  })
  after(async () => {
    if (folder === '') return
    await browser.close()
    rmSync(folder, { recursive: true, force: true })
  })

  describe('of a trace with stacks, times and regions', () => {
    let page: Page
    let complaints: string[]
    before(async () => {
      ;({ page, complaints } = await show('server', pageOfTrace(syntheticTrace(8000))))
    })
    afterEach(() => expect(complaints).to.deep.equal([]))

    it('draws curves, map and flame graph', async () => {
      expect(await page.$$('#time canvas')).to.have.length(2)
      for (const canvas of ['#bytes-chart canvas', '#blocks-chart canvas', '#heap canvas', '#flame canvas']) {
        expect(await coloursOf(page, canvas), canvas).to.be.greaterThan(3)
      }
      expect(await page.$$('#histograms .bars')).to.have.length(4)
      expect(await page.title()).to.equal('server-8000 · vmalloc')
    })

    it('moves the map by the slider, by its keys, and by a press into a chart', async () => {
      const figures = () => page.$eval('#heap .head .note', (element) => element.textContent!)
      const told = () => page.$eval('output', (element) => element.value)
      const seen: string[] = []
      const note = async () => {
        await settle(page)
        seen.push(`${await told()}: ${await figures()} ${await pictureOf(page, '#heap canvas')}`)
      }
      await note()
      await page.$eval('#moment', (slider) => {
        const input = slider as HTMLInputElement
        input.value = '1000'
        input.dispatchEvent(new Event('input'))
      })
      await note()
      await page.press('#moment', 'PageUp')
      await note()
      await page.click('#bytes-chart .u-over', { position: { x: 700, y: 60 } })
      await note()
      expect(new Set(seen.map((text) => text.split('data:')[1])).size).to.equal(4)
      expect(seen[1]).to.match(/^after 1,000 of 8,000 operations · [\d.]+ ms: \d+ blocks, .* busy of .* held/)
      const moment = Number(await page.$eval('#moment', (slider) => (slider as HTMLInputElement).value))
      expect(moment).to.be.within(4500, 6500)
    })

    it('shows at each moment as many blocks as the trace has then', async () => {
      const { running } = summarize(syntheticTrace(8000))
      const wrong: string[] = []
      for (const moment of [8000, 1, 7999, 4000, 3999, 10, 6500]) {
        await page.$eval(
          '#moment',
          (slider, moment) => {
            const input = slider as HTMLInputElement
            input.value = `${moment}`
            input.dispatchEvent(new Event('input'))
          },
          moment,
        )
        await settle(page)
        const text = await page.$eval('#heap .head .note', (element) => element.textContent!)
        const blocks = running.blocks[moment - 1]!.toLocaleString('en-US')
        if (!text.startsWith(`${blocks} blocks`)) wrong.push(`${moment}: ${text}, expected ${blocks}`)
      }
      expect(wrong).to.deep.equal([])
    })

    it('tells what lies under the pointer', async () => {
      await page.hover('#heap canvas', { position: { x: 300, y: 12 } })
      await settle(page)
      expect(await page.textContent('#heap .under')).to.match(/^Address [\d,]+: .* busy\. .* at [\d,]+, from operation/)
    })

    it('counts by time when asked to', async () => {
      const before = await pictureOf(page, '#blocks-chart canvas')
      await page.click('#time button:text("by time")')
      await settle(page)
      expect(await pictureOf(page, '#blocks-chart canvas')).not.to.equal(before)
    })

    it('makes a call of the flame graph as wide as the page', async () => {
      const focus = () => page.$eval('#flame canvas', (canvas) => (canvas as HTMLElement).dataset.focus)
      const all = await pictureOf(page, '#flame canvas')
      expect(await focus()).to.equal('All')
      await page.click('#flame canvas', { position: { x: 40, y: 21 * 2.5 } })
      await settle(page)
      expect(await focus()).to.match(/^(serve|load) /)
      expect(await pictureOf(page, '#flame canvas')).not.to.equal(all)
      await page.press('#flame canvas', 'Escape')
      expect(await focus()).to.equal('All')
      await page.press('#flame canvas', 'ArrowDown')
      await page.press('#flame canvas', 'Enter')
      expect(await focus()).to.match(/^main /)
    })

    it('shows another measure, and finds names', async () => {
      const before = await pictureOf(page, '#flame canvas')
      await page.selectOption('#flame select', 'liveBlocks')
      await settle(page)
      const live = await pictureOf(page, '#flame canvas')
      expect(live).not.to.equal(before)
      await page.fill('#flame input', 'parse')
      await settle(page)
      expect(await pictureOf(page, '#flame canvas')).not.to.equal(live)
    })

    it('sorts the table of call sites', async () => {
      const blocks = async () => (await column(page, 3)).map((text) => Number(text.replaceAll(',', '')))
      await page.click('#sites th:nth-child(3) button')
      const down = await blocks()
      expect(down).to.deep.equal(down.toSorted((a, b) => b - a))
      await page.click('#sites th:nth-child(3) button')
      expect(await blocks()).to.deep.equal(down.toReversed())
      await page.click('#sites th:nth-child(1) button')
      const names = await column(page, 1)
      expect(names).to.have.length(8)
      expect(names[0]).to.match(/^body/)
    })

    it('says which method is recommended', async () => {
      expect(await page.textContent('#methods')).to.match(/ns a call.*Recommended: best/)
      expect(await page.$$('#methods tbody strong')).to.have.length(1)
    })
  })

  it('of a trace without stacks have no flame graph', async () => {
    const { times: _, stacks: __, stackTable: ___, regions: ____, ...plain } = syntheticTrace(500)
    const { page, complaints } = await show('plain', pageOfTrace(plain))
    expect(await page.$('#flame')).to.equal(null)
    expect(await coloursOf(page, '#heap canvas')).to.be.greaterThan(2)
    expect(complaints).to.deep.equal([])
  })

  it('of an empty trace say so quietly', async () => {
    const { page, complaints } = await show('empty', pageOfTrace(syntheticTrace(0)))
    expect(await page.textContent('header')).to.contain('0 operations')
    expect(complaints).to.deep.equal([])
  })

  it('keep what looks like markup as text', async () => {
    const name = '</script><script>document.title = "broken"</script><!--'
    const { page, complaints } = await show('markup', pageOfTrace({ ...syntheticTrace(100), name }))
    expect(await page.textContent('h1')).to.equal(name)
    expect(await page.title()).to.equal(`${name} · vmalloc`)
    expect(complaints).to.deep.equal([])
  })

  it('of profiles show one region or all', async () => {
    const [one, other] = [syntheticTrace(3000, 1), syntheticTrace(2000, 2)].map(
      (trace) => profileOf(trace, 'best', 1e6).profile,
    )
    const html = profilePage([
      { ...one!, region: 'packets' },
      { ...other!, region: 'names' },
    ])
    const { page, complaints } = await show('profile', html)
    expect(await page.textContent('h1')).to.equal('packets, names')
    expect(await coloursOf(page, '#flame canvas')).to.be.greaterThan(3)
    const all = await pictureOf(page, '#flame canvas')
    expect(await column(page, 1)).to.have.length(16)
    await page.selectOption('header select', '1')
    await settle(page)
    expect(await column(page, 1)).to.have.length(8)
    expect(await pictureOf(page, '#flame canvas')).not.to.equal(all)
    expect(complaints).to.deep.equal([])
  })

  it('stay smooth with a million operations', async function () {
    const began = performance.now()
    const html = pageOfTrace(syntheticTrace(1e6))
    const made = performance.now()
    const { page, complaints } = await show('million', html)
    const shown = performance.now()
    const step = await page.$eval('#moment', async (element) => {
      const slider = element as HTMLInputElement
      const costs: number[] = []
      for (let i = 1; i <= 41; i++) {
        let start = 0
        requestAnimationFrame(() => (start = performance.now()))
        slider.value = `${(i * 618_034) % 1e6}`
        slider.dispatchEvent(new Event('input'))
        await new Promise((done) => requestAnimationFrame(done))
        costs.push(performance.now() - start)
      }
      return costs.sort((a, b) => a - b)[20]!
    })
    const told = [`${(html.length / 1e6).toFixed(1)} MB`, `made in ${((made - began) / 1000).toFixed(1)} s`]
    told.push(`shown in ${((shown - made) / 1000).toFixed(1)} s`, `a step of the slider takes ${step.toFixed(1)} ms`)
    this.test!.title += ` (${told.join(', ')})`
    expect(html.length).to.be.below(15e6)
    expect(complaints).to.deep.equal([])
  })
})
