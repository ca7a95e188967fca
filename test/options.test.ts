/**
 * options: what VMALLOC_OPTIONS may hold, what it means, and what is said about the rest.
 */
import { spawnSync } from 'node:child_process'
import { expect } from 'chai'
import fc from 'fast-check'
import type { OptionRow } from '../src/contract/option.ts'
import { VmallocError } from '../src/ground/fault.ts'
import { nearest } from '../src/ground/nearest.ts'
import { formatSize, parseSize } from '../src/ground/sizes.ts'
import {
  addRows,
  currentOptions,
  expandFile,
  formatItem,
  type Item,
  injectOptions,
  knownRows,
  Options,
  optionRows,
  optionsMarkdown,
  parseItems,
  parseStrict,
  removeRows,
  usageText,
} from '../src/region/options.ts'

const SOURCE = 'vmalloc: VMALLOC_OPTIONS: '

/** Options of a text, settled, with what was reported (less the source, which every report must name). */
function read(text: string) {
  const reports: string[] = []
  const options = new Options(text, (message) => {
    expect(message.slice(0, SOURCE.length)).to.equal(SOURCE)
    reports.push(message.slice(SOURCE.length))
  })
  options.settle()
  return { options, reports }
}

const reportsOf = (text: string) => read(text).reports

/** What a text says about a key for the region `packets`; it must be free of faults. */
function packets(text: string, key: string, asked?: string | number | boolean) {
  const { options, reports } = read(text)
  expect(reports, text).to.deep.equal([])
  return options.resolve('packets', key, asked)
}

const row = (name: string, more: Partial<OptionRow> = {}): OptionRow => ({
  name,
  kind: 'number',
  scope: 'region',
  otherwise: '0',
  about: 'For a test.',
  example: `${name}=1`,
  ...more,
})

describe('options: grammar', () => {
  it('separates items by commas, blanks of any kind, or both', () => {
    for (const text of ['check=2,keep', 'check=2 keep', ',, check=2\t,\r\n keep ,', 'check=2\nkeep']) {
      expect(packets(text, 'check'), text).to.equal(2)
      expect(packets(text, 'keep'), text).to.equal(true)
    }
    expect(reportsOf('')).to.deep.equal([])
    expect(reportsOf(' ,\t, ')).to.deep.equal([])
  })

  it('takes the value behind the first equals sign', () => {
    expect(packets('method=a=b', 'method')).to.equal('a=b')
  })

  it('keeps quoted values whole', () => {
    expect(packets(`trace='a, b.txt' keep`, 'trace')).to.equal('a, b.txt')
    expect(packets(`trace="a, b's.txt",keep`, 'keep')).to.equal(true)
    expect(packets(String.raw`trace="C:\tmp\"x\" \\y",keep`, 'trace')).to.equal(String.raw`C:\tmp"x" \y`)
    expect(packets(String.raw`trace='C:\tmp\'`, 'trace')).to.equal('C:\\tmp\\')
    expect(packets(`trace=it's.txt`, 'trace'), 'a quote inside is a sign like others').to.equal("it's.txt")
  })

  it('keeps method specs and module paths whole', () => {
    for (const spec of [
      'debug(pool)',
      'profile(debug(best))',
      'both(best,last)',
      'both( best, last )',
      './my-method.mjs',
      '@scope/pkg',
      'debug(./a.b/c.mjs)',
      'C:\\methods\\mine.mjs',
      'a)b',
    ]) {
      expect(packets(`keep,packets.method=${spec},junk`, 'method')).to.equal(spec)
      expect(packets(`packets.method=${spec} junk`, 'junk')).to.equal(true)
    }
  })

  it('cuts the prefix off at the last dot before the option', () => {
    const { options, reports } = read('a.b.method=last a.b.c.nokeep "my region, x=1".method=pool \'it."s\'.check=1')
    expect(reports).to.deep.equal([])
    expect(options.resolve('a.b', 'method')).to.equal('last')
    expect(options.resolve('a.b.c', 'keep')).to.equal(false)
    expect(options.resolve('my region, x=1', 'method')).to.equal('pool')
    expect(options.resolve('it."s', 'check')).to.equal(1)
    expect(options.resolve('a', 'method')).to.equal(undefined)
  })

  it('tells every region from the one named *', () => {
    const { options } = read('"*".check=1')
    expect(options.resolve('*', 'check')).to.equal(1)
    expect(options.resolve('packets', 'check')).to.equal(undefined)
  })

  it('reports an item that cannot be parsed, and goes on where the next one can be seen', () => {
    expect(reportsOf(`=x,check=3`)).to.deep.equal(['=x: expected the name of an option'])
    expect(reportsOf(`packets.=x`)).to.deep.equal(['packets.=x: expected the name of an option'])
    expect(reportsOf(`.method=last`)).to.deep.equal(['.method=last: expected the name of a region before the dot'])
    expect(reportsOf(`"".keep`)).to.deep.equal(['"".keep: expected the name of a region before the dot'])
    expect(reportsOf(`keep trace='a, b`)).to.deep.equal([`trace='a, b: unclosed quote`])
    expect(reportsOf(String.raw`trace="a\"`)).to.deep.equal([String.raw`trace="a\": unclosed quote`])
    expect(reportsOf(`"my region.keep`)).to.deep.equal([`"my region.keep: unclosed quote`])
    expect(reportsOf(`"my region"keep,junk`)).to.deep.equal([`"my region"keep: expected a dot after the quotes`])
    expect(reportsOf(`trace="a"b`)).to.deep.equal([`trace="a"b: expected a comma or a blank after the quotes`])
    expect(reportsOf(`method=debug(pool,check=3`)).to.deep.equal([`method=debug(pool: unclosed parenthesis`])
    for (const text of ['=x,check=3', 'trace="a"b check=3', 'method=debug(pool,check=3', `check=3 trace='a`]) {
      expect(read(text).options.resolve('packets', 'check'), text).to.equal(3)
      expect(read(text).options.resolve('packets', 'method'), text).to.equal(undefined)
    }
  })

  it('reads back any list of items that was formatted', () => {
    const odd = fc.constantFrom('.', ',', ' ', '\n', '"', "'", '\\', '=', '*', '(', ')', 'a', 'no', 'ü', '💾')
    const word = fc.oneof(
      fc.array(odd).map((signs) => signs.join('')),
      fc.string({ unit: 'grapheme' }),
    )
    const name = fc.stringMatching(/^[a-z][a-z0-9_-]*$/)
    const value = fc.option(word, { nil: undefined })
    const items: fc.Arbitrary<Item> = fc.oneof(
      fc.record({ name, value }),
      fc.record({ every: fc.constant(true), name, value }),
      fc.record({ region: word.filter((text) => text !== ''), name, value }),
    )
    const separator = fc.constantFrom(',', ' ', ', ', '\n,\t', ' ,, ')
    fc.assert(
      fc.property(fc.array(fc.tuple(items, separator)), (list) => {
        const text = list.map(([item, gap]) => formatItem(item) + gap).join('')
        const parsed = parseItems(text)
        expect(parsed.faults).to.deep.equal([])
        expect(parsed.items.map(strip)).to.deep.equal(list.map(([item]) => strip(item)))
      }),
      { numRuns: 1000 },
    )
  })

  it('never throws, and accounts for every sign of any text', () => {
    const sign = fc.constantFrom(...`.,= "'\\()*nokeep=1`)
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(sign).map((signs) => signs.join('')),
        ),
        (text) => {
          const { items, faults } = parseItems(text)
          const length = [
            ...items.map((item) => item.text),
            ...faults.map((fault) => fault.replace(/: [^:]*$/, '')),
          ].join('')
          expect(length.replace(/[\s,]/g, '')).to.have.lengthOf(text.replace(/[\s,]/g, '').length)
          expect(() => read(text)).not.to.throw()
        },
      ),
      { numRuns: 1000 },
    )
  })

  const strip = ({ region, every, name, value }: Item) => ({ region, every, name, value })
})

describe('options: values', () => {
  it('reads flags', () => {
    for (const word of ['1', 'true', 'yes', 'on']) expect(packets(`keep=${word}`, 'keep')).to.equal(true)
    for (const word of ['0', 'false', 'no', 'off']) expect(packets(`keep=${word}`, 'keep')).to.equal(false)
    const allowed = 'expected no value or one of 1, true, yes, on, 0, false, no, off'
    expect(reportsOf('keep=2 junk= packets.free=maybe')).to.deep.equal([
      `keep=2: ${allowed}`,
      `junk=: ${allowed}`,
      `packets.free=maybe: ${allowed}`,
    ])
  })

  it('negates flags, and only flags', () => {
    expect(packets('nokeep', 'keep')).to.equal(false)
    expect(packets('*.nokeep', 'keep', true)).to.equal(false)
    expect(packets('packets.nokeep *.keep', 'keep')).to.equal(false)
    expect(read('nousage').options.value('usage')).to.equal(false)
    expect(reportsOf('notrace nocheck=3 nokeep=1')).to.deep.equal([
      'notrace: only flags can be negated, and trace is none',
      'nocheck=3: only flags can be negated, and check is none',
      'nokeep=1: expected no value after a negated flag',
    ])
    expect(read('nokeep=1').options.resolve('packets', 'keep')).to.equal(undefined)
  })

  it('reads an item whose own name begins with no', () => {
    addRows([row('nozzle', { kind: 'text' })], 'test')
    expect(packets('nozzle=x', 'nozzle')).to.equal('x')
    removeRows('test')
  })

  it('holds numbers to their bounds', () => {
    for (const [text, value] of [
      ['0', 0],
      ['3', 3],
      ['0x2', 2],
    ] as const) {
      expect(packets(`check=${text}`, 'check')).to.equal(value)
    }
    for (const text of ['4', '9', '-1', 'x', '', '3k', '1e0', 'NaN', 'Infinity', '0x', '+1']) {
      expect(reportsOf(`check=${text}`)).to.deep.equal([`check=${text}: expected a number from 0 to 3`])
    }
    expect(reportsOf('check')).to.deep.equal(['check: expected a number from 0 to 3'])
    expect(reportsOf('check=1.5')).to.deep.equal(['check=1.5: expected a whole number from 0 to 3'])
  })

  it('holds sizes to their bounds and align to powers of two', () => {
    for (const [text, value] of [
      ['8', 8],
      ['64', 64],
      ['0x40', 64],
      ['64k', 65536],
      ['2m', 2 ** 21],
    ] as const) {
      expect(packets(`align=${text}`, 'align')).to.equal(value)
    }
    for (const text of ['0', '4', '7', '9', '24', '4m', '2097153', '2g', '', 'big', '-8', '1.5k']) {
      expect(reportsOf(`align=${text}`)).to.deep.equal([`align=${text}: expected a power of two from 8 B to 2 MiB`])
    }
  })

  it('wants a value where there must be one', () => {
    expect(reportsOf('method trace= warn=""')).to.deep.equal([
      'method: expected a value, as in method=debug(pool)',
      'trace=: expected a value, as in trace=app-%p-%t.trace',
      `warn="": expected a value, as in warn='my warnings-%p.txt'`,
    ])
  })

  it('holds a choice to its list', () => {
    addRows([row('flavour', { kind: 'choice', choices: ['text', 'json'] })], 'test')
    expect(packets('flavour=json', 'flavour')).to.equal('json')
    expect(reportsOf('flavour=xml')).to.deep.equal(['flavour=xml: expected one of text, json'])
    removeRows('test')
  })

  it('ignores what it reported: an earlier valid item holds, else the next source', () => {
    const { options, reports } = read('check=1,check=2,check=9,*.check=x')
    expect(options.resolve('packets', 'check')).to.equal(2)
    expect(options.resolve('packets', 'check', 3)).to.equal(3)
    expect(reports).to.have.lengthOf(2)
  })

  it('refuses a prefix before what belongs to the process', () => {
    expect(reportsOf('packets.usage *.warn=x')).to.deep.equal([
      'packets.usage: expected no prefix: usage is for the whole process',
      '*.warn=x: expected no prefix: warn is for the whole process',
    ])
    const { options } = read('usage,packets.nousage,warn=w')
    expect(options.value('usage')).to.equal(true)
    expect(options.value('warn')).to.equal('w')
  })
})

describe('options: precedence', () => {
  const all = ['packets.check=3', '*.check=2', 'check=1'] as const

  it('is named, wild, asked, plain, in whatever order they are written', () => {
    const orders = fc.shuffledSubarray([...all], { minLength: 0 })
    fc.assert(
      fc.property(orders, fc.constantFrom(undefined, 0), (items, asked) => {
        const has = (item: string) => items.some((other) => other === item)
        const holds = has(all[0]) ? 3 : has(all[1]) ? 2 : (asked ?? (has(all[2]) ? 1 : undefined))
        expect(packets(items.join(), 'check', asked)).to.equal(holds)
      }),
    )
  })

  it('lets false and 0 hold like any other value', () => {
    expect(packets('packets.nokeep,*.keep', 'keep', true)).to.equal(false)
    expect(packets('*.check=0,check=3', 'check', 2)).to.equal(0)
  })

  it('shows what was said where', () => {
    expect(read(all.join()).options.lookup('packets', 'check')).to.deep.equal({ named: 3, wild: 2, plain: 1 })
    expect(read(all.join()).options.lookup('other', 'check')).to.deep.equal({ wild: 2, plain: 1 })
    expect(read('').options.lookup('packets', 'check')).to.deep.equal({})
  })

  it('reaches the heap by its own name only', () => {
    const { options } = read('check=1,*.check=2,*.keep,heap.method=last')
    expect(options.resolve('heap', 'check')).to.equal(undefined)
    expect(options.resolve('heap', 'check', 3)).to.equal(3)
    expect(options.resolve('heap', 'keep', false)).to.equal(false)
    expect(options.resolve('heap', 'method', 'best')).to.equal('last')
  })

  it('lists every name that is given to a key', () => {
    const { options } = read('method=a *.method=debug(b),packets.method=a "x y".method=./c.mjs discipline=d method')
    expect(options.names('method')).to.deep.equal(['a', 'debug(b)', './c.mjs'])
    expect(options.names('discipline')).to.deep.equal(['d'])
    expect(options.names('trace')).to.deep.equal([])
  })
})

describe('options: reports', () => {
  it('suggests the nearest known name', () => {
    expect(reportsOf('methd')).to.deep.equal(['unknown option "methd": did you mean "method"?'])
    expect(reportsOf('packets.methd=last')).to.deep.equal([
      'unknown option "packets.methd": did you mean "packets.method"?',
    ])
    expect(reportsOf('*.KEEP')).to.deep.equal(['unknown option "*.KEEP": did you mean "*.keep"?'])
    expect(reportsOf('nokepe')).to.deep.equal(['unknown option "nokepe": did you mean "nokeep"?'])
    expect(reportsOf('xyzzy=1')).to.deep.equal(['unknown option "xyzzy": "usage" lists all'])
  })

  it('says one thing once of each item, however often regions open', () => {
    const { options, reports } = read('later1=x latr2 check=9 =x later1=x')
    expect(reports).to.have.lengthOf(4)
    for (let i = 0; i < 4; i++) {
      addRows([row(`later${i}`)], `test ${i}`)
      options.settle(knownRows())
      options.resolve('packets', 'check')
      options.resolve(`region ${i}`, `later${i}`)
    }
    for (let i = 0; i < 4; i++) removeRows(`test ${i}`)
    expect(reports).to.have.lengthOf(4)
  })

  it('lets a row that comes late find its items', () => {
    const { options, reports } = read('sheets=4')
    addRows([row('sheets')], 'test')
    expect(options.resolve('packets', 'sheets')).to.equal(4)
    removeRows('test')
    expect(reports).to.have.lengthOf(1)
  })

  it('waits for rows until it is settled', () => {
    const reports: string[] = []
    const options = new Options('sheets=4,sheest=4', (message) => reports.push(message))
    expect(options.resolve('packets', 'sheets')).to.equal(undefined)
    addRows([row('sheets')], 'test')
    options.settle(knownRows())
    expect(options.resolve('packets', 'sheets')).to.equal(4)
    removeRows('test')
    expect(reports).to.deep.equal([`${SOURCE}unknown option "sheest": did you mean "sheets"?`])
  })

  it('throws the same sentences for a text of the program', () => {
    const thrown = (text: string) => {
      try {
        parseStrict(text)
      } catch (error) {
        expect(error).to.be.instanceOf(VmallocError)
        const { code, message } = error as VmallocError
        return `${code} ${message}`
      }
      return 'nothing'
    }
    expect(thrown('methd=1')).to.equal('unknown options: unknown option "methd": did you mean "method"?')
    expect(thrown('check=9')).to.equal('argument options: check=9: expected a number from 0 to 3')
    expect(thrown('trace="x')).to.equal('argument options: trace="x: unclosed quote')
    expect(thrown('check=3,keep')).to.equal('nothing')
    expect(parseStrict('check=3').resolve('', 'check')).to.equal(3)
    expect(parseStrict('depth=3', [row('depth')]).resolve('', row('depth'))).to.equal(3)
  })
})

describe('options: rows of definitions', () => {
  let before: readonly OptionRow[]
  beforeEach(() => {
    before = knownRows()
  })

  afterEach(() => {
    removeRows('method a')
    removeRows('method b')
  })

  it('may share a name of one kind, each with its own bounds', () => {
    const small = row('coarse', { max: 8 })
    const large = row('coarse', { min: 64 })
    addRows([small], 'method a')
    addRows([large], 'method b')
    const { options, reports } = read('coarse=4 x.coarse=100 y.coarse=32')
    expect(reports).to.deep.equal(['y.coarse=32: expected a number from 0 to 8'])
    expect(options.resolve('', small)).to.equal(4)
    expect(options.resolve('x', large)).to.equal(100)
    expect(options.resolve('', large)).to.equal(undefined)
    expect(reports.at(-1), 'the row in use refuses it').to.equal('coarse=4: expected a number of at least 64')
  })

  it('may not differ in kind, share a name with a negation, or have a name that cannot be written', () => {
    addRows([row('coarse'), row('swift', { kind: 'flag' })], 'method a')
    expect(() => addRows([row('coarse', { kind: 'size' })], 'method b')).to.throw(
      VmallocError,
      'method b: option "coarse" (size, region): "coarse" (number, region) is there already',
    )
    expect(() => addRows([row('noswift')], 'method b')).to.throw(
      VmallocError,
      '"swift" (flag, region) is there already',
    )
    expect(() => addRows([row('method')], 'method b')).to.throw(VmallocError)
    expect(() => addRows([row('a.b')], 'method b')).to.throw(VmallocError, 'option "a.b": expected a name of letters')
    expect(knownRows()).to.have.lengthOf(before.length + 2)
  })

  it('are replaced when their owner brings others', () => {
    addRows([row('coarse')], 'method a')
    addRows([row('coarse', { kind: 'size' })], 'method a')
    expect(
      knownRows()
        .filter(({ name }) => name === 'coarse')
        .map(({ kind }) => kind),
    ).to.deep.equal(['size'])
    removeRows('method a')
    expect(knownRows()).to.deep.equal(before)
  })

  it('each have an example that is valid', () => {
    for (const { name, example, scope } of optionRows) {
      const { options, reports } = read(example)
      const said = options.lookup(options.text.split('.')[0]!, name)
      expect(reports, example).to.deep.equal([])
      expect(Object.keys(said), `${example} speaks of ${name}`).to.have.lengthOf(1)
      if (scope === 'process') expect(options.value(name), example).not.to.equal(undefined)
    }
    expect(reportsOf(optionRows.map(({ example }) => example).join())).to.deep.equal([])
  })
})

describe('options: the process', () => {
  let before: string
  beforeEach(() => {
    before = injectOptions('')
  })
  afterEach(() => {
    injectOptions(before)
  })

  it('injects a text and returns the one that was', () => {
    const reports: string[] = []
    expect(injectOptions('check=2,methd', (message) => reports.push(message))).to.equal('')
    expect(currentOptions().resolve('packets', 'check')).to.equal(2)
    expect(currentOptions()).to.equal(currentOptions())
    currentOptions().settle()
    expect(reports).to.have.lengthOf(1)
    expect(injectOptions(undefined)).to.equal('check=2,methd')
    expect(currentOptions().text).to.equal(process.env.VMALLOC_OPTIONS ?? '')
  })

  it('prefers a global text to the environment', () => {
    const host = globalThis as { VMALLOC_OPTIONS?: unknown }
    host.VMALLOC_OPTIONS = 'check=1'
    injectOptions(undefined)
    expect(currentOptions().text).to.equal('check=1')
    host.VMALLOC_OPTIONS = 7
    injectOptions(undefined)
    expect(currentOptions().text, 'no text, so the environment').to.equal(process.env.VMALLOC_OPTIONS ?? '')
    delete host.VMALLOC_OPTIONS
  })

  const OPTIONS = new URL('../src/region/options.ts', import.meta.url).href
  const SAID = 'vmalloc: VMALLOC_OPTIONS: unknown option "methd": did you mean "method"?\n'

  /** What a process of its own writes, that settles twice and then goes on with `rest`. */
  function run(start: string, rest: string) {
    const script = `
      import { currentOptions, optionRows } from '${OPTIONS}'
      ${start}
      currentOptions().settle()
      currentOptions().settle([...optionRows])
      ${rest}`
    const { stdout, stderr } = spawnSync(
      process.execPath,
      ['--import', 'tsx', '--input-type=module', '--eval', script],
      { env: { ...process.env, VMALLOC_OPTIONS: 'packets.check=3,methd' }, encoding: 'utf8' },
    )
    return [stdout, stderr]
  }

  it('reads the environment, and reports on standard error once, before the process can end', () => {
    const show = `console.log(currentOptions().resolve('packets', 'check')); process.exit()`
    expect(run('', show)).to.deep.equal(['3\n', SAID])
  })

  it('reports by other ways where node:fs cannot be had', () => {
    expect(run('process.getBuiltinModule = undefined', '')).to.deep.equal(['', SAID])
    expect(run('process.getBuiltinModule = () => ({ writeSync() { throw Error("full") } })', '')).to.deep.equal([
      '',
      SAID,
    ])
  })

  it('lives without a process, or with one that shows nothing', () => {
    const script = `
      const { currentOptions, injectOptions } = await import('${OPTIONS}')
      globalThis.process = { get env() { throw Error('denied') } }
      currentOptions().settle()
      globalThis.VMALLOC_OPTIONS = 'methd'
      delete globalThis.process
      injectOptions(undefined)
      currentOptions().settle()`
    const args = ['--import', 'tsx', '--input-type=module', '--eval', script]
    expect(spawnSync(process.execPath, args, { encoding: 'utf8' }).stderr).to.equal(SAID)
  })

  it('expands the names of files', () => {
    expect(expandFile('a-%p.%t-%%p%x%', { pid: 12, thread: 3 })).to.equal('a-12.3-%p%x%')
  })

  it('lists every row in the help, in columns', () => {
    const lines = usageText(optionRows).split('\n')
    for (const { name, about, otherwise } of optionRows) {
      const line = lines.find((text) => text.endsWith(about))
      expect(line, name).to.match(new RegExp(`^  (\\[no\\])?${name}\\b`))
      expect(line!.indexOf(otherwise, 14), name).to.equal(lines.find((text) => text.includes('best'))!.indexOf('best'))
    }
    expect(lines.findIndex((text) => text.includes('[no]usage'))).to.be.above(
      lines.findIndex((text) => text.includes('trace=FILE')),
    )
  })

  it('makes a document with one line an option', () => {
    const choice = row('flavour', { kind: 'choice', choices: ['a', 'b'] })
    const lines = optionsMarkdown([...optionRows, choice]).split('\n')
    for (const { about, example } of optionRows) {
      expect(lines.filter((text) => text.includes(about) && text.includes(example))).to.have.lengthOf(1)
    }
    expect(lines.some((text) => text.startsWith('| `flavour=a\\|b` |'))).to.equal(true)
    for (const [, text] of optionsMarkdown().matchAll(/VMALLOC_OPTIONS='(.*)' node/g))
      expect(reportsOf(text!)).to.deep.equal([])
  })
})

describe('sizes', () => {
  it('parses what people write', () => {
    const sizes = {
      0: 0,
      4096: 4096,
      '0x1000': 4096,
      '0X1f': 31,
      '64k': 65536,
      '64K': 65536,
      '64kb': 65536,
      '64KiB': 65536,
      '1.5m': 1572864,
      '2g': 2147483648,
      '1.3k': 1331,
      '0.5k': 512,
      '007': 7,
    }
    for (const [text, bytes] of Object.entries(sizes)) expect(parseSize(text), text).to.equal(bytes)
  })

  it('refuses everything else', () => {
    for (const text of [
      '',
      ' ',
      'k',
      '1.5',
      '-1',
      '+1',
      '1e3',
      '0x',
      '0x10k',
      '1t',
      '1.m',
      '.5m',
      '64ki',
      '64 k',
      '1_0',
    ]) {
      expect(parseSize(text), text).to.equal(undefined)
    }
  })

  it('ends at the safe integers', () => {
    expect(parseSize('9007199254740991')).to.equal(Number.MAX_SAFE_INTEGER)
    expect(parseSize('9007199254740992')).to.equal(undefined)
    expect(parseSize('0x1fffffffffffff')).to.equal(Number.MAX_SAFE_INTEGER)
    expect(parseSize('0x20000000000000')).to.equal(undefined)
    expect(parseSize('8388607g')).to.equal(8388607 * 2 ** 30)
    expect(parseSize('8388608g')).to.equal(undefined)
  })

  it('formats with at most one decimal and never 1024 of a unit', () => {
    const texts = {
      0: '0 B',
      1: '1 B',
      1023: '1023 B',
      1024: '1 KiB',
      1536: '1.5 KiB',
      1048575: '1 MiB',
      1572864: '1.5 MiB',
      1047527: '1023 KiB',
      4294967296: '4 GiB',
      9007199254740991: '8 PiB',
      [-1536]: '-1.5 KiB',
    }
    for (const [bytes, text] of Object.entries(texts)) expect(formatSize(Number(bytes)), bytes).to.equal(text)
  })

  it('parses back what it formats, to within the decimal', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1024, max: 2 ** 40 - 2 ** 30 }), (bytes) => {
        expect(parseSize(formatSize(bytes).replace(' ', ''))).to.be.closeTo(bytes, bytes * 0.05)
      }),
    )
  })
})

describe('nearest', () => {
  const names = ['best', 'last', 'pool', 'debug', 'profile', 'null']

  it('finds what was meant', () => {
    const meant = {
      BEST: 'best',
      bets: 'best',
      lst: 'last',
      pol: 'pool',
      dbug: 'debug',
      debgu: 'debug',
      proifle: 'profile',
    }
    for (const [typed, name] of Object.entries(meant)) expect(nearest(typed, names), typed).to.equal(name)
  })

  it('does not guess', () => {
    for (const typed of ['', 'x', 'be', 'buddy', 'slab', 'debugger-of-all']) {
      expect(nearest(typed, names), typed).to.equal(undefined)
    }
    expect(nearest('best', [])).to.equal(undefined)
  })

  it('counts a swap as one step', () => {
    expect(nearest('abcd', ['badc'])).to.equal(undefined)
    expect(nearest('abcdef', ['badcef']), 'two swaps of six').to.equal('badcef')
    expect(nearest('abcde', ['badce']), 'two of five').to.equal('badce')
    expect(nearest('abcd', ['abdc'])).to.equal('abdc')
    expect(nearest('aa', ['ab', 'aa'])).to.equal('aa')
  })

  it('prefers the first of equals and does not depend on the direction', () => {
    expect(nearest('bast', ['last', 'best'])).to.equal('last')
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('a', 'b', 'c') }),
        fc.string({ unit: fc.constantFrom('a', 'b', 'c') }),
        (a, b) => {
          expect(nearest(a, [b]) === undefined).to.equal(nearest(b, [a]) === undefined)
        },
      ),
    )
  })
})
