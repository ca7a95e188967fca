/**
 * picture: a region's map as data, text and SVG, and what util.inspect shows of it. That `inspect` and `map` answer for
 * closed regions, and that both end whatever the bytes are, is in region.test.ts and damage-open.test.ts.
 */
import { inspect } from 'node:util'
import { expect } from 'chai'
import { type MapOptions, open, type Region, type RegionMap } from '../../src/index.ts'
import { gridOf } from '../../src/region/map.ts'
import { expectFault } from '../fixtures/faults.ts'
import { pieces } from '../fixtures/pieces.ts'

/** Two busy blocks of 8 KiB with a free one between, in 64 KiB from address 8 on, whose first 2 KiB or so are tables. */
function small(): Region {
  const region = open({ name: 'small', method: 'best', discipline: pieces({ room: 65536 + 8, round: 65536 }) })
  const [, gone] = [region.alloc(8188), region.alloc(8188), region.alloc(8188)]
  region.free(gone)
  region.compact()
  return region
}

const extentOf = (region: Region) => region.stat().extent

/** Data must be in order, without overlaps, and add up to what the region's figures say. */
function expectSound(region: Region): RegionMap {
  const map = region.map({ as: 'data' })
  expect(map).to.include({ name: region.name, method: region.method })
  expect(map.segments.map(({ at, size }) => ({ at, size }))).to.deep.equal(region.segments())
  const bytes = { busy: 0, cached: 0, free: 0, gaps: 0 }
  for (const { at, size, blocks } of map.segments) {
    let end = at
    for (const block of blocks) {
      expect(block.at).to.be.at.least(end)
      bytes.gaps += block.at - end
      bytes[block.state] += block.size
      end = block.at + block.size
    }
    expect(end).to.be.at.most(at + size)
    bytes.gaps += at + size - end
  }
  const { busyBytes, cachedBytes, freeBytes, overhead, extent } = region.stat()
  expect(bytes).to.deep.equal({ busy: busyBytes, cached: cachedBytes, free: freeBytes, gaps: overhead })
  expect(bytes.busy + bytes.cached + bytes.free + bytes.gaps).to.equal(extent)
  return map
}

interface Element {
  readonly name: string
  readonly attributes: Record<string, string>
  readonly inside: Element[]
  text: string
}

/** A reader of the XML that needs no more: elements, attributes, text, the five entities; throws at anything else. */
function parsed(xml: string): Element {
  const root: Element = { name: '', attributes: {}, inside: [], text: '' }
  const open = [root]
  const TOKEN = /<\/([\w:]+)>|<([\w:]+)((?:\s+[\w:-]+="[^"<]*")*)\s*(\/?)>|([^<]+)/y
  const plain = (text: string) => {
    expect(text.replace(/&(amp|lt|gt|quot|apos);/g, ''), 'an entity').to.not.include('&')
    const signs: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }
    return text.replace(/&(\w+);/g, (_, name: string) => signs[name]!)
  }
  while (TOKEN.lastIndex < xml.length) {
    const from = TOKEN.lastIndex
    const [, closing, name, attributes, empty, text] =
      TOKEN.exec(xml) ?? expect.fail(`no XML: ${xml.slice(from, from + 40)}`)
    const top = open.at(-1)!
    if (text !== undefined) top.text += plain(text)
    else if (closing !== undefined) expect(open.pop()!.name).to.equal(closing)
    else {
      const pairs = [...attributes!.matchAll(/([\w:-]+)="([^"]*)"/g)].map(([, key, value]) => [key!, plain(value!)])
      expect(new Set(pairs.map(([key]) => key)).size, 'attributes twice').to.equal(pairs.length)
      const element = { name: name!, attributes: Object.fromEntries(pairs), inside: [], text: '' }
      top.inside.push(element)
      if (empty === '') open.push(element)
    }
  }
  expect(open).to.have.length(1)
  expect(root.inside.map((element) => element.name)).to.deep.equal(['svg'])
  return root.inside[0]!
}

const all = (of: Element): Element[] => [of, ...of.inside.flatMap(all)]
const named = (of: Element, name: string) => all(of).filter((element) => element.name === name)
const classed = (of: Element, name: string) => all(of).filter((element) => element.attributes.class === name)

/** Bytes by class of the rectangles of a picture's lines, each of which must begin where the one before ends. */
function bytesDrawn(svg: Element): Record<string, number> {
  const bytes: Record<string, number> = {}
  for (const row of classed(svg, 'row')) {
    let end = 0
    for (const { attributes } of named(row, 'rect')) {
      expect(Number(attributes.x)).to.equal(end)
      expect(Number(attributes.width)).to.be.greaterThan(0)
      end += Number(attributes.width)
      bytes[attributes.class!] = (bytes[attributes.class!] ?? 0) + Number(attributes.width)
    }
  }
  return bytes
}

const sum = (numbers: Iterable<number>) => [...numbers].reduce((total, n) => total + n, 0)

describe('region.map', () => {
  it('draws a small region, exactly', () => {
    const region = small()
    expect(region.map({ width: 32, lines: 2 })).to.equal(
      ['8 64 KiB, 1 KiB a sign', '-#########........########......', '................................'].join('\n'),
    )
    expect(region.map({ as: 'text', width: 32, lines: 2 })).to.equal(region.map({ width: 32, lines: 2 }))
  })

  it('as data has segments with their blocks in order of address', () => {
    const region = small()
    const { segments, ...rest } = expectSound(region)
    expect(rest).to.deep.equal({ name: 'small', method: 'best' })
    const walked: unknown[] = []
    region.walk((block) => {
      walked.push(block)
    })
    expect(segments).to.deep.equal([{ at: 8, size: 65536, blocks: walked }])
    expect(segments[0]!.blocks.map(({ state }) => state)).to.deep.equal(['busy', 'free', 'busy', 'free'])
  })

  it('adds up with cached blocks, in several segments, after growth and compaction, for each method', () => {
    for (const method of ['best', 'last', 'pool']) {
      for (const discipline of [pieces({ gap: 100 }), pieces({ grows: true, shrinks: true }), 'memory', 'shared']) {
        const region = open({ method, discipline })
        const size = method === 'pool' ? 48 : 600
        const blocks = Array.from({ length: 100 }, () => region.alloc(size))
        expectSound(region)
        for (const at of blocks.slice(50).reverse()) region.free(at)
        expectSound(region)
        for (let i = 0; i < 1000; i++) region.alloc(size)
        expectSound(region)
        region.clear()
        region.compact()
        expectSound(region)
        region.close()
      }
    }
  })

  it('adds up where newer segments lie at lower addresses', () => {
    const buffer = new ArrayBuffer(1 << 18)
    let top = buffer.byteLength
    const memory = (_: Region, at: number, had: number, want: number) =>
      had === 0 ? (top -= want + 8) : want === 0 ? at : 0
    const region = open({ discipline: { name: 'downward', round: 8, buffer: () => buffer, memory } })
    while (region.stat().segments < 3) region.alloc(5000)
    const { segments } = expectSound(region)
    expect(segments[2]!.at).to.be.below(segments[0]!.at)
    expect(segments[2]!.blocks).to.not.deep.equal([])
    expect(sum(Object.values(bytesDrawn(parsed(region.map({ as: 'svg' })))))).to.equal(extentOf(region))
  })

  it('draws nothing of a damaged block beyond its segment', () => {
    const blocks = [{ at: 24, size: 1000, state: 'busy', child: 'x' }] as const
    const [cells] = gridOf({ name: '', method: '', segments: [{ at: 8, size: 64, blocks }] }, 8, 1).drawn
    expect(cells!.signs).to.equal('--@@@@@@')
    expect([...cells!.children.keys()]).to.deep.equal([2, 3, 4, 5, 6, 7])
  })

  it('names the child regions that lie in blocks', () => {
    const region = open({ name: 'outer', discipline: 'memory' })
    region.alloc(1000)
    const inner = open({ name: 'inner', discipline: region })
    const deep = open({ name: 'deep', discipline: inner, method: 'last' })
    const other = open({ name: 'other', discipline: region, method: 'last' })
    while (other.stat().segments < 3) region.alloc(other.alloc(4000) === 0 ? -1 : 8)
    const childrenOf = (of: Region) =>
      expectSound(of).segments.flatMap(({ blocks }) => blocks.flatMap(({ at, child }) => (child ? [[child, at]] : [])))
    const places = (of: Region) => of.segments().map(({ at }) => [of.name, at])
    expect(childrenOf(region)).to.deep.equal(
      [...places(inner), ...places(other)].sort((a, b) => Number(a[1]) - Number(b[1])),
    )
    expect(childrenOf(inner)).to.deep.equal(places(deep))
    expect(childrenOf(deep)).to.deep.equal([])
    expect(region.map()).to.include('@')
    other.close()
    inner.close()
    expect(childrenOf(region)).to.deep.equal([])
    expect(region.map()).to.not.include('@')
  })

  it('as SVG is well-formed, has titles and a legend, and its rectangles add up to the extent', () => {
    const region = small()
    const svg = parsed(region.map({ as: 'svg' }))
    expect(svg.attributes).to.include({ xmlns: 'http://www.w3.org/2000/svg', role: 'img' })
    expect(svg.attributes.viewBox).to.equal(`0 0 ${svg.attributes.width} ${svg.attributes.height}`)
    expect(svg.inside[0]).to.include({ name: 'title', text: 'Map of region small' })
    expect(named(svg, 'style')[0]!.text).to.include('prefers-color-scheme:dark')
    expect(classed(svg, 'segment').map((segment) => segment.inside[0]!.text)).to.deep.equal([
      'Segment at 8, 64 KiB: busy 16 KiB in 2 blocks, free 46.3 KiB in 2 blocks, tables and gaps 1.7 KiB',
    ])
    expect(classed(svg, 'legend').flatMap((entry) => named(entry, 'text').map(({ text }) => text))).to.deep.equal([
      'busy 16 KiB in 2 blocks',
      'cached 0 B in 0 blocks',
      'free 46.3 KiB in 2 blocks',
      'tables and gaps 1.7 KiB',
    ])
    const { busy, free, tables } = bytesDrawn(svg) as { busy: number; free: number; tables: number }
    expect(busy + free + tables).to.equal(extentOf(region))
    expect(busy, 'to within a cell of 32 bytes at each end').to.be.closeTo(2 * 8188, 2 * 2 * 32)
    expect(JSON.stringify(svg)).to.not.match(/href|url\(|import/)
  })

  it('as SVG keeps rectangles within the picture and adds up, whatever the segments and the size', () => {
    const region = open({ name: 'a<b> & "c"\u0001', discipline: pieces({ gap: 100 }) })
    const child = open({ name: '<&>', discipline: region })
    while (region.stat().segments < 5) region.alloc(3000)
    expect(child.closed).to.equal(false)
    for (const size of [{}, { width: 7, lines: 3 }, { width: 1, lines: 1 }, { width: 1000, lines: 1000 }]) {
      const svg = parsed(region.map({ as: 'svg', ...size }))
      expect(sum(Object.values(bytesDrawn(svg)))).to.equal(extentOf(region))
      expect(svg.inside[0]!.text).to.equal('Map of region a<b> & "c"\ufffd')
      expect(classed(svg, 'segment')).to.have.length(5)
      for (const row of classed(svg, 'row')) {
        const [, x, y, scale] = /^translate\((\S+) (\S+)\) scale\((\S+) 1\)$/.exec(row.attributes.transform!)!
        const wide = sum(named(row, 'rect').map(({ attributes }) => Number(attributes.width))) * Number(scale)
        expect(Number(x) + wide).to.be.at.most(Number(svg.attributes.width))
        expect(Number(y) + 12).to.be.at.most(Number(svg.attributes.height))
      }
    }
    const svg = parsed(region.map({ as: 'svg' }))
    expect(named(svg, 'title').map(({ text }) => text)).to.include('Region <&>')
    expect(bytesDrawn(svg).nested).to.be.closeTo(child.stat().extent, 200)
  })

  it('draws the largest 32 of many segments, and counts the others', () => {
    const region = open({ discipline: pieces({ gap: 8 }) })
    while (region.stat().segments < 40) region.alloc(3000)
    expect(expectSound(region).segments).to.have.length(40)
    const sizes = region.segments().map(({ size }) => size)
    const left = sum(sizes.sort((a, b) => a - b).slice(0, 8))
    const lines = region.map().split('\n')
    expect(lines.filter((line) => line.endsWith('a sign'))).to.have.length(32)
    expect(lines.at(-1)).to.match(/^and 8 smaller, \d/)
    const svg = parsed(region.map({ as: 'svg' }))
    expect(classed(svg, 'segment')).to.have.length(32)
    expect(sum(Object.values(bytesDrawn(svg)))).to.equal(extentOf(region) - left)
    expect(inspect(region)).to.match(/\|8 more\]/)
  })

  it('of many blocks is no larger than of few', () => {
    const region = open({ discipline: 'memory' })
    for (let i = 0; i < 200_000; i++) region.alloc(8 + ((i * 37) % 90))
    expect(sum(region.map({ as: 'data' }).segments.map(({ blocks }) => blocks.length))).to.be.at.least(200_000)
    expect(region.map()).to.have.length.below(64 * 8 + 8 + 50)
    expect(region.map({ as: 'svg' })).to.have.length.below(200_000)
  })

  it('of a closed region is empty', () => {
    const region = small()
    region.close()
    expect(region.map({ as: 'data' })).to.deep.equal({ name: 'small', method: 'best', segments: [] })
    expect(region.map()).to.equal('')
    const svg = parsed(region.map({ as: 'svg' }))
    expect(bytesDrawn(svg)).to.deep.equal({})
    expect(named(svg, 'text')[0]!.inside[0]!.text).to.equal('best, no memory')
  })

  it('refuses forms and sizes that are none', () => {
    const region = small()
    const wrong = (options: unknown) => () => region.map(options as MapOptions)
    expectFault('unknown', ['map: unknown as "svgg": did you mean "svg"?'], wrong({ as: 'svgg' }))
    expectFault('unknown', ['map: unknown as "png": expected text, svg, data'], wrong({ as: 'png' }))
    for (const width of [0, -1, 1.5, NaN, 1001, '64']) {
      expectFault('argument', [`map: width ${width}, expected a whole number from 1 to 1000`], wrong({ width }))
      expectFault('argument', [`map: lines ${width}, expected`], wrong({ as: 'svg', lines: width }))
    }
  })

  it('has results whose types follow `as`', () => {
    const region = small()
    const text: string = region.map({ as: 'svg' })
    const data: RegionMap = region.map({ as: 'data' })
    const both: string | RegionMap = region.map({ as: 'data' } as MapOptions)
    expect([typeof text, typeof data, typeof both]).to.deep.equal(['string', 'object', 'object'])
  })
})

describe('util.inspect', () => {
  const own = [
    'Region small (best over pieces) {',
    '  extent 64 KiB in 1 segment, high tide 24 KiB',
    '  busy 16 KiB in 2, free 46.3 KiB in 2, overhead 1.7 KiB',
    '  [-#########........########......................................]',
    '}',
  ]

  it('shows a region, exactly', () => {
    const region = small()
    expect(inspect(region).split('\n')).to.deep.equal(own)
    expect(inspect({ it: [region] }).split('\n')).to.deep.equal([
      '{',
      '  it: [',
      ...own.map((line) => `    ${line}`),
      '  ]',
      '}',
    ])
  })

  it('colours it when asked', () => {
    const region = small()
    const coloured = inspect(region, { colors: true })
    expect(coloured).to.include('Region \u001b[36msmall\u001b[39m').and.include('\u001b[33m########\u001b[39m')
    // biome-ignore lint/suspicious/noControlCharactersInRegex: what colours begin with
    expect(coloured.replace(/\u001b\[\d+m/g, '')).to.equal(inspect(region))
  })

  it('shows children to the depth asked for', () => {
    const region = open({ name: 'a', discipline: 'memory' })
    const b = open({ name: 'b', discipline: region })
    open({ name: 'd', discipline: open({ name: 'c', discipline: b }) })
    const seen = (depth: number | null) => inspect(region, { depth }).match(/\[?Region \w+\]?/g)
    expect(seen(0)).to.deep.equal(['Region a', '[Region b]'])
    expect(seen(1)).to.deep.equal(['Region a', 'Region b', '[Region c]'])
    expect(seen(2)).to.deep.equal(['Region a', 'Region b', 'Region c', '[Region d]'])
    expect(seen(null)).to.deep.equal(['Region a', 'Region b', 'Region c', 'Region d'])
    expect(inspect({ x: { region } }, { depth: 0 })).to.equal('{ x: [Object] }')
    expect(inspect({ region }, { depth: 0 })).to.equal('{ region: [Region a] }')
    const [head, figures] = inspect(region).split('\n    Region c')[0]!.split('\n  Region b')
    expect(head).to.match(/^Region a \(best over memory\) \{\n {2}extent /)
    expect(figures).to.match(/^ \(best over region\) \{\n {4}extent /)
  })

  it('counts children beyond maxArrayLength', () => {
    const region = open({ name: 'many', discipline: 'memory' })
    for (let i = 0; i < 5; i++) open({ name: `n${i}`, discipline: region, method: 'last' })
    expect(inspect(region, { maxArrayLength: 4, depth: 0 })).to.match(
      /(\n {2}\[Region n\d\]){4}\n {2}\.\.\. 1 more region\n\}$/,
    )
    expect(inspect(region, { maxArrayLength: null, depth: 0 }).match(/\[Region n/g)).to.have.length(5)
  })

  it('shows that a region is closed', () => {
    const region = small()
    region.close()
    expect(inspect(region)).to.equal('Region small (closed)')
    expect(inspect([region])).to.equal('[ Region small (closed) ]')
    expect(String(region.inspect())).to.equal('small  best over pieces, closed')
    expect(region.inspect().closed).to.equal(true)
  })

  it('shows why a region cannot be read', () => {
    const region = open({ name: 'broken', discipline: pieces() })
    const child = open({ name: 'child', discipline: region })
    new Uint8Array(region.buffer).fill(0xff, child.header, child.header + 16)
    expect(inspect(region)).to.match(
      /^Region broken \(best over pieces\) \{ corrupted: broken: children: at \d+: .+ \}$/,
    )
    expect(
      sum(expectSound(region).segments.flatMap(({ blocks }) => blocks.map(({ child }) => (child ? 1 : 0)))),
    ).to.equal(0)
  })

  it('shows an inspection as plain data, which can be copied', () => {
    const region = small()
    open({ name: 'child', discipline: region, method: 'last' })
    const report = region.inspect()
    const text = inspect(report)
    expect(text).to.include("name: 'small'").and.include('busyBytes:').and.include("name: 'child'")
    expect(text).to.not.include('toString')
    expect(structuredClone(report)).to.deep.include({ name: 'small', closed: false, stat: region.stat() })
    expect(String(report)).to.match(/^small {2}best over pieces, header at \d+\n/)
  })
})
