/**
 * options: VMALLOC_OPTIONS, read once, bound late.
 *
 *   text     item item ...        separated by commas, blanks or both
 *   item     [prefix.]name        a flag that is set
 *            [prefix.]noname      a flag that is not
 *            [prefix.]name=value  up to the next separator outside parentheses, or in quotes
 *   prefix   a region's name, bare (then up to the last dot) or in quotes; `*`, bare, for every region
 *   quotes   '...' as it stands; "..." where \" and \\ stand for " and \
 *
 * Parsing knows no names. What an item means is decided by the rows of the table when somebody asks, since a method
 * that the text itself selects may bring rows of its own. Of several items that say the same thing the last valid
 * one holds. For one region and one key, the strongest first:
 *
 *   named   packets.check=3     this region
 *   wild    *.check=3           every region
 *   asked                       what the program passed to open
 *   plain   check=3             every region that did not ask
 *
 * The heap that others nest in hears only its own name: a method meant for the program's regions is not meant for it.
 *
 * Nothing throws here on account of the environment. What cannot be parsed, is unknown or has a wrong value is
 * reported once and ignored; the same sentences are thrown for a text that the program passes (`parseStrict`).
 */
import type { OptionRow, OptionValue } from '../contract/option.ts'
import { type FaultCode, VmallocError } from '../ground/fault.ts'
import { nearest } from '../ground/nearest.ts'
import { formatSize, parseSize } from '../ground/sizes.ts'

// The table

/** A row whose value may have to be a power of two. */
export interface PowerRow extends OptionRow {
  readonly power?: boolean
}

// biome-ignore format: a table
export const optionRows: readonly PowerRow[] = [
  { name: 'method', kind: 'text', scope: 'region', otherwise: 'best', example: 'method=debug(pool)',
    about: 'How memory is parcelled out: a name, one wrapped in another, a module path or a package name.' },
  { name: 'discipline', kind: 'text', scope: 'region', otherwise: 'nested in the heap', example: 'discipline=memory',
    about: 'Where raw memory comes from: a name, a module path or a package name.' },
  { name: 'check', kind: 'number', scope: 'region', min: 0, max: 3, otherwise: '0', example: 'check=3',
    about: 'What is checked after each operation: 1 the block at hand, 2 its neighbours too, 3 the whole region.' },
  { name: 'keep', kind: 'flag', scope: 'region', otherwise: 'off', example: 'packets.keep',
    about: 'Freeing a block answers true and does nothing.' },
  { name: 'junk', kind: 'flag', scope: 'region', otherwise: 'off', example: '*.junk',
    about: 'New memory is filled with 0x55, a grown part with 0x66, freed memory with 0xA5.' },
  { name: 'free', kind: 'flag', scope: 'region', otherwise: 'off', example: 'free',
    about: 'A freed block is free at once instead of waiting on a list.' },
  { name: 'align', kind: 'size', scope: 'region', min: 8, max: 2 ** 21, power: true, otherwise: '8',
    example: 'align=64', about: 'Every payload address is a multiple of this power of two.' },
  { name: 'events', kind: 'flag', scope: 'region', otherwise: 'off', example: 'packets.events',
    about: 'The handler of the discipline hears of alloc, free and resize.' },
  { name: 'accounts', kind: 'flag', scope: 'region', otherwise: 'off', example: '*.accounts',
    about: 'Accounts are kept of who allocates, from the beginning on: 4 bytes a block.' },
  { name: 'ordinals', kind: 'flag', scope: 'region', otherwise: 'off', example: 'packets.ordinals',
    about: 'The same, and each block knows which allocation of its account it was: 8 bytes a block.' },
  { name: 'trace', kind: 'file', scope: 'region', otherwise: 'none', example: 'trace=app-%p-%t.trace',
    about: 'Operations are written to this file, packed where it ends in .gz; without a prefix, those of every region ' +
      'that the program opens.' },
  { name: 'tracedepth', kind: 'number', scope: 'region', min: 0, max: 64, otherwise: '0', example: 'tracedepth=8',
    about: 'How many calls of its stack a trace tells with each operation.' },
  { name: 'tracetimes', kind: 'flag', scope: 'process', otherwise: 'off', example: 'tracetimes',
    about: 'Traces tell when each operation came, in microseconds.' },
  { name: 'tracenames', kind: 'flag', scope: 'process', otherwise: 'off', example: 'tracenames',
    about: 'Traces tell which region each operation was of, and its name.' },
  { name: 'usage', kind: 'flag', scope: 'process', otherwise: 'off', example: 'usage',
    about: 'This list is written to standard error.' },
  { name: 'report', kind: 'file', scope: 'process', otherwise: 'none', example: 'report=app-%p-%t.txt',
    about: 'Who holds the memory, by region and account, is written to this file when the program ends and on SIGUSR2: ' +
      'as JSON where it ends in .json, else to be read.' },
  { name: 'top', kind: 'flag', scope: 'process', otherwise: 'off', example: 'top',
    about: 'The command vmalloc top of the same user on the same machine can watch regions and accounts while the program runs.' },
  { name: 'modules', kind: 'file', scope: 'process', otherwise: 'none', example: 'modules=/dev/stderr',
    about: 'Which WebAssembly modules the program ran, how their malloc was found and served, and what they asked for is ' +
      'written to this file at the end: as JSON where it ends in .json, else to be read.' },
  { name: 'wasmmap', kind: 'file', scope: 'process', otherwise: 'none', example: 'wasmmap=app.json',
    about: 'A file that says which functions of WebAssembly modules are malloc, free and so on, where that cannot be found.' },
  { name: 'wasmcache', kind: 'file', scope: 'process', otherwise: 'a folder for temporary files', example: 'wasmcache=.cache/vmalloc',
    about: 'The folder in which is kept what was found in WebAssembly modules, so that it need not be looked for again.' },
  { name: 'format', kind: 'choice', scope: 'process', choices: ['text', 'ast', 'json', 'none'], otherwise: 'text', example: 'format=json',
    about: 'How reports of debug are written: to be read, as the lines of AST vmalloc, one JSON object a line, or not at all: listeners still hear them.' },
  { name: 'warn', kind: 'file', scope: 'process', otherwise: 'standard error', example: "warn='my warnings-%p.txt'",
    about: 'Where warnings go, such as those about these options; they are added at its end.' },
]

const owners = new Map<string, readonly OptionRow[]>()
let known: readonly OptionRow[] = optionRows

/** Every row: the built-in ones, then those of definitions. The same array until a definition comes or goes. */
export const knownRows = (): readonly OptionRow[] => known

/** Adds the rows of a definition, in place of those that `owner` (such as `method pool`) brought before. */
export function addRows(rows: readonly OptionRow[], owner: string): void {
  const others = rowsWithout(owner)
  for (const row of rows) {
    if (!/^[a-z][\w-]*$/i.test(row.name)) {
      throw new VmallocError('argument', `${owner}: option "${row.name}": expected a name of letters, digits, _ and -`)
    }
    const clash = others.find((other) => isClash(row, other))
    if (clash) {
      throw new VmallocError(
        'argument',
        `${owner}: option "${row.name}" (${row.kind}, ${row.scope}): ` +
          `"${clash.name}" (${clash.kind}, ${clash.scope}) is there already`,
      )
    }
  }
  owners.set(owner, rows)
  known = [...others, ...rows]
}

export function removeRows(owner: string): void {
  known = rowsWithout(owner)
  owners.delete(owner)
}

const rowsWithout = (owner: string) => [
  ...optionRows,
  ...[...owners].flatMap(([name, rows]) => (name === owner ? [] : rows)),
]

/** Two owners may share a name when it means the same kind of thing; none may be another's negation. */
const isClash = (a: OptionRow, b: OptionRow) =>
  a.name === b.name ? a.kind !== b.kind || a.scope !== b.scope : negates(a.name, b) || negates(b.name, a)

const negates = (name: string, row: OptionRow) => row.kind === 'flag' && name === `no${row.name}`

// The text

export interface Item {
  /** The name of the region in the prefix. */
  readonly region?: string
  /** The prefix is `*`. */
  readonly every?: boolean
  /** As written: a negated flag has its `no`. */
  readonly name: string
  readonly value?: string
}

interface Written extends Item {
  readonly text: string
}

interface Cut {
  readonly end: number
  readonly item?: Item
  readonly fault?: string
}

const GAP = /[\s,]*/y
const WORD = /[^\s,]*/y
const NAME = /[^\s,=]*/y

/** The items of a text, and a sentence for each one that cannot be parsed. */
export function parseItems(text: string): { items: Written[]; faults: string[] } {
  const items: Written[] = []
  const faults: string[] = []
  let at = past(GAP, text, 0)
  while (at < text.length) {
    const { end, item, fault } = cut(text, at)
    const written = text.slice(at, end)
    if (item) items.push({ ...item, text: written })
    else faults.push(`${written}: ${fault}`)
    at = past(GAP, text, end)
  }
  return { items, faults }
}

/** An item as `parseItems` reads it back. */
export function formatItem({ region, every, name, value }: Item): string {
  const bare = region === undefined || /^[^\s,="'*][^\s,=]*$/.test(region)
  const prefix = every ? '*.' : region === undefined ? '' : `${bare ? region : quote(region)}.`
  return prefix + name + (value === undefined ? '' : `=${isBare(value) ? value : quote(value)}`)
}

/** Cuts off the item that starts at `start`, which is no separator. */
function cut(text: string, start: number): Cut {
  const quoted = isQuote(text[start])
  const close = quoted ? closing(text, start) : start
  if (close < 0) return { end: text.length, fault: 'unclosed quote' }
  if (quoted && text[close] !== '.') return { end: past(WORD, text, close), fault: 'expected a dot after the quotes' }

  const at = quoted ? close + 1 : start
  const equals = past(NAME, text, at)
  const dot = quoted ? -1 : text.slice(at, equals).lastIndexOf('.')
  const name = text.slice(at + dot + 1, equals)
  const region = quoted ? unquote(text.slice(start, close)) : dot < 0 ? undefined : text.slice(at, at + dot)
  const { end, value, fault } = text[equals] === '=' ? cutValue(text, equals + 1) : { end: equals }

  if (fault) return { end, fault }
  if (region === '') return { end, fault: 'expected the name of a region before the dot' }
  if (name === '') return { end, fault: 'expected the name of an option' }
  return { end, item: region === '*' && !quoted ? { every: true, name, value } : { region, name, value } }
}

function cutValue(text: string, at: number): { end: number; value?: string; fault?: string } {
  if (!isQuote(text[at])) {
    const end = bareEnd(text, at)
    if (end < 0) return { end: past(WORD, text, at), fault: 'unclosed parenthesis' }
    return { end, value: text.slice(at, end) }
  }
  const end = closing(text, at)
  if (end < 0) return { end: text.length, fault: 'unclosed quote' }
  const rest = past(WORD, text, end)
  if (rest > end) return { end: rest, fault: 'expected a comma or a blank after the quotes' }
  return { end, value: unquote(text.slice(at, end)) }
}

/** Where a pattern that may match nothing stops. */
function past(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at
  pattern.test(text)
  return pattern.lastIndex
}

/** The first separator outside parentheses, or -1 when one of them stays open. */
function bareEnd(text: string, at: number): number {
  let depth = 0
  for (; at < text.length; at++) {
    const sign = text[at]!
    if (depth === 0 && /[\s,]/.test(sign)) break
    if (sign === '(') depth++
    else if (sign === ')' && depth > 0) depth--
  }
  return depth > 0 ? -1 : at
}

const isQuote = (sign: string | undefined) => sign === '"' || sign === "'"
const isBare = (value: string) => value !== '' && !isQuote(value[0]) && bareEnd(value, 0) === value.length

/** Right behind the quote that closes the one at `at`, or -1. */
function closing(text: string, at: number): number {
  const quote = text[at]
  for (at++; at < text.length; at++) {
    if (text[at] === quote) return at + 1
    if (text[at] === '\\' && quote === '"') at++
  }
  return -1
}

const quote = (text: string) => `"${text.replace(/["\\]/g, '\\$&')}"`
const unquote = (text: string) => (text[0] === '"' ? text.slice(1, -1).replace(/\\(["\\])/g, '$1') : text.slice(1, -1))

// The meaning

type Verdict = { value: OptionValue; fault?: undefined } | { value?: undefined; fault: string }

const YES = ['1', 'true', 'yes', 'on']
const NO = ['0', 'false', 'no', 'off']

/** What an item that speaks of this row says, or what is wrong with it. */
function judge(item: Item, row: PowerRow): Verdict {
  const { value } = item
  if (row.scope === 'process' && (item.every || item.region !== undefined)) {
    return { fault: `expected no prefix: ${row.name} is for the whole process` }
  }
  if (item.name !== row.name) {
    if (row.kind !== 'flag') return { fault: `only flags can be negated, and ${row.name} is none` }
    return value === undefined ? { value: false } : { fault: `expected no value after a negated flag` }
  }
  const typed = value === undefined ? (row.kind === 'flag' ? true : undefined) : read(value, row)
  return typed === undefined ? { fault: `expected ${expected(row, value)}` } : { value: typed }
}

function read(text: string, row: PowerRow): OptionValue | undefined {
  switch (row.kind) {
    case 'flag':
      return YES.includes(text) || (NO.includes(text) ? false : undefined)
    case 'number':
      return /^(0x[\da-f]+|\d+)$/i.test(text) ? within(Number(text), row) : undefined
    case 'size':
      return within(parseSize(text), row)
    case 'choice':
      return row.choices?.includes(text) ? text : undefined
    default:
      return text || undefined
  }
}

function within(value: number | undefined, row: PowerRow): number | undefined {
  const { min = 0, max = Number.MAX_SAFE_INTEGER, power } = row
  if (value === undefined || value < min || value > max) return undefined
  return power && 2 ** Math.round(Math.log2(value)) !== value ? undefined : value
}

function expected(row: PowerRow, value: string | undefined): string {
  const { kind, min = 0, max, power } = row
  const show = kind === 'size' ? formatSize : String
  const bounds = max === undefined ? `of at least ${show(min)}` : `from ${show(min)} to ${show(max)}`
  switch (kind) {
    case 'flag':
      return `no value or one of ${[...YES, ...NO].join(', ')}`
    case 'number':
      return `a ${value?.includes('.') ? 'whole ' : ''}number ${bounds}`
    case 'size':
      return `a ${power ? 'power of two' : 'size'} ${bounds}`
    case 'choice':
      return `one of ${row.choices?.join(', ')}`
    default:
      return `a value, as in ${row.example}`
  }
}

/** The rows that an item speaks of: by its name, otherwise as the negation of one. */
function rowsOf(item: Item, rows: readonly OptionRow[]): readonly OptionRow[] {
  const exact = rows.filter((row) => row.name === item.name)
  return exact.length > 0 ? exact : rows.filter((row) => item.name === `no${row.name}`)
}

function unknown(item: Item, rows: readonly OptionRow[]): string {
  const near = nearest(
    item.name,
    rows.flatMap(({ name, kind }) => (kind === 'flag' ? [name, `no${name}`] : name)),
  )
  const written = (name: string) => formatItem({ ...item, name, value: undefined })
  return `unknown option "${written(item.name)}": ${near ? `did you mean "${written(near)}"?` : '"usage" lists all'}`
}

// The resolver

/** Hears a sentence about an item that is ignored. */
export type Report = (message: string, code: FaultCode) => void

/** What the text says about a key, for one region. */
export interface Said {
  named?: OptionValue
  wild?: OptionValue
  plain?: OptionValue
}

export class Options {
  readonly text: string
  readonly #items: readonly Written[]
  readonly #faults: readonly string[]
  readonly #report: Report
  readonly #source: string
  readonly #reported = new Set<string>()
  #settled = false

  /** `source` begins every message. */
  constructor(text: string, report: Report, source = 'vmalloc: VMALLOC_OPTIONS') {
    const { items, faults } = parseItems(text)
    this.text = text
    this.#items = items
    this.#faults = faults
    this.#report = report
    this.#source = source
  }

  /** The valid values for a key; given a row instead, those that this row allows. */
  lookup(region: string, key: string | OptionRow): Said {
    const said: Said = {}
    if (this.#items.length === 0) return said
    const rows = typeof key === 'string' ? known.filter((row) => row.name === key) : [key]
    for (const item of this.#items) {
      if (item.region !== undefined && item.region !== region) continue
      if (!rows.some((row) => item.name === row.name || negates(item.name, row))) continue
      const value = this.#judge(item, rows)
      if (value !== undefined) said[item.every ? 'wild' : item.region === undefined ? 'plain' : 'named'] = value
    }
    return said
  }

  /** What holds for a region whose program asked for `asked`. */
  resolve(region: string, key: string | OptionRow, asked?: OptionValue): OptionValue | undefined {
    const { named, wild, plain } = this.lookup(region, key)
    return region === 'heap' ? (named ?? asked) : (named ?? wild ?? asked ?? plain)
  }

  /** What holds for the process. */
  value(key: string | OptionRow): OptionValue | undefined {
    return this.lookup('', key).plain
  }

  /** Every value that an item gives to `key`, whatever its prefix: the methods and disciplines to be loaded. */
  names(key: string): string[] {
    return [...new Set(this.#items.flatMap(({ name, value }) => (name === key && value ? value : [])))]
  }

  /**
   * Reports each item that none of these rows can use. Called at the end of every open, with every row known by then;
   * the first call does it, so the modules that the text names must be loaded before. A row that comes later still
   * finds its items.
   */
  settle(rows: readonly OptionRow[] = known): void {
    if (this.#settled) return
    this.#settled = true
    for (const fault of this.#faults) this.#complain(fault, fault, 'argument')
    for (const item of this.#items) {
      const meant = rowsOf(item, rows)
      if (meant.length > 0) this.#judge(item, meant)
      else this.#complain(item.text, unknown(item, rows), 'unknown')
    }
  }

  /** Reports once what is wrong with a value that only its user could judge: a name that no registry knows, say. */
  refuse(key: string, value: string, sentence: string, code: FaultCode): void {
    this.#complain(`${key}=${value}`, `${key}=${value}: ${sentence}`, code)
  }

  /** An item is valid when one of the rows that share its name takes it. */
  #judge(item: Written, rows: readonly OptionRow[]): OptionValue | undefined {
    const verdicts = rows.map((row) => judge(item, row))
    const taken = verdicts.find(({ fault }) => fault === undefined)
    if (!taken) this.#complain(item.text, `${item.text}: ${verdicts[0]?.fault}`, 'argument')
    return taken?.value
  }

  /** One report for one item, whatever else comes to light about it. */
  #complain(item: string, sentence: string, code: FaultCode): void {
    if (this.#reported.has(item)) return
    this.#reported.add(item)
    this.#report(`${this.#source}: ${sentence}`, code)
  }
}

/** The options of a text that the program passes: throws where the environment's would report. */
export function parseStrict(text: string, rows: readonly OptionRow[] = known): Options {
  const options = new Options(
    text,
    (message, code) => {
      throw new VmallocError(code, message)
    },
    'options',
  )
  options.settle(rows)
  return options
}

// The process

interface Files {
  writeSync(fd: number, text: string): number
  appendFileSync(path: string, text: string): void
}

interface Host {
  VMALLOC_OPTIONS?: unknown
  process?: {
    env?: Record<string, string | undefined>
    stderr?: { write?(text: string): unknown }
    pid?: number
    getBuiltinModule?(name: 'node:fs'): Files | undefined
    getBuiltinModule?(name: 'node:worker_threads'): { threadId: number } | undefined
  }
  console?: { warn(text: string): void }
}

const host = globalThis as unknown as Host
let current: Options | undefined

/** The options in force, read at the first call. */
export function currentOptions(): Options {
  return (current ??= new Options(environment(), writeReport))
}

/** Puts a text in place of the options in force, or with undefined the environment's; returns the text that was. */
export function injectOptions(text: string | undefined, report: Report = writeReport): string {
  const before = current?.text ?? environment()
  current = new Options(text ?? environment(), report)
  return before
}

/** A platform may refuse to show its environment (Deno throws). */
function environment(): string {
  if (typeof host.VMALLOC_OPTIONS === 'string') return host.VMALLOC_OPTIONS
  try {
    return host.process?.env?.VMALLOC_OPTIONS ?? ''
  } catch {
    return ''
  }
}

/**
 * Writes a warning to the file of the option `warn`, or to standard error; synchronously where that can be had, so that
 * nothing is lost when the process ends. A full pipe, or a file that cannot be written, refuses it: then by other ways.
 */
export function writeReport(message: string): void {
  const { process, console } = host
  try {
    const fs = process?.getBuiltinModule?.('node:fs')
    const file = current?.value('warn')
    if (fs && file !== undefined) return void fs.appendFileSync(expandFile(String(file), whoAmI()), `${message}\n`)
    if (fs) return void fs.writeSync(2, `${message}\n`)
  } catch {}
  if (process?.stderr?.write) process.stderr.write(`${message}\n`)
  else console?.warn(message)
}

/** The process and the thread that this is; 0 where there are none. */
export function whoAmI(): { pid: number; thread: number } {
  const { process } = host
  return { pid: process?.pid ?? 0, thread: process?.getBuiltinModule?.('node:worker_threads')?.threadId ?? 0 }
}

/** A file's name with %p replaced by the process id, %t by the number of the thread and %% by %. */
export function expandFile(name: string, { pid, thread }: { pid: number; thread: number }): string {
  const parts: Record<string, string> = { '%p': String(pid), '%t': String(thread), '%%': '%' }
  return name.replace(/%[pt%]/g, (part) => parts[part]!)
}

// Help and documents

const places = { number: 'N', size: 'SIZE', text: 'TEXT', file: 'FILE' }

function form({ name, kind, choices }: OptionRow): string {
  if (kind === 'flag') return `[no]${name}`
  return `${name}=${kind === 'choice' ? choices?.join('|') : places[kind]}`
}

const ofScope = (rows: readonly OptionRow[], scope: OptionRow['scope']) => rows.filter((row) => row.scope === scope)

/** The list that the option `usage` writes. */
export function usageText(rows: readonly OptionRow[] = known): string {
  const width = Math.max(...rows.map((row) => form(row).length))
  const gap = Math.max(...rows.map((row) => row.otherwise.length))
  const line = (row: OptionRow) => `  ${form(row).padEnd(width)}  ${row.otherwise.padEnd(gap)}  ${row.about}`
  return [
    'VMALLOC_OPTIONS holds items separated by commas or blanks. A line: option, what holds otherwise, meaning.',
    '',
    'Of a region: packets.check=3 for the one named packets, *.check=3 for all, check=3 for those that did not ask.',
    ...ofScope(rows, 'region').map(line),
    '',
    'Of the process, without a prefix:',
    ...ofScope(rows, 'process').map(line),
    '',
  ].join('\n')
}

const cell = (text: string) => text.replace(/\|/g, '\\|')

function table(rows: readonly OptionRow[]): string {
  const line = (row: OptionRow) =>
    `| \`${cell(form(row))}\` | ${cell(row.about)} | ${cell(row.otherwise)} | \`${cell(row.example)}\` |`
  return ['| Option | Meaning | Otherwise | Example |', '| --- | --- | --- | --- |', ...rows.map(line)].join('\n')
}

/** The text of docs/options.md. */
export function optionsMarkdown(rows: readonly OptionRow[] = known): string {
  return `# Options

<!-- Made from the rows in src/region/options.ts and in the definitions; do not edit. -->

\`VMALLOC_OPTIONS\` changes the regions of a program without a change to the program. It is read once, from
\`globalThis.VMALLOC_OPTIONS\` where that is a string (so in a browser), otherwise from the environment.

    VMALLOC_OPTIONS='method=debug' node server.mjs
    VMALLOC_OPTIONS='packets.method=last,packets.nokeep,trace=app-%p.trace' node server.mjs
    VMALLOC_OPTIONS='*.check=3 "my region".method=profile(debug(best))' node server.mjs
    VMALLOC_OPTIONS='method=./my-method.mjs, discipline=@scope/pkg' node server.mjs

## Grammar

- Items are separated by commas, blanks or both: \`name\`, \`name=value\`, and \`noname\` to negate a flag. A flag also
  takes ${[...YES, ...NO].map((word) => `\`${word}\``).join(', ')}.
- A prefix says which region: \`packets.method=last\`, or \`*.method=last\` for every one. The name ends at the last
  dot; in quotes it may hold anything. The negation stands behind the prefix: \`packets.nokeep\`.
- A value ends at a comma or blank outside parentheses. In quotes it may hold separators: \`'...'\` is taken as it
  stands, and in \`"..."\` a backslash stands before a quote or a backslash that is meant.
- Numbers are whole, decimal or \`0x\`. Sizes take k, m and g, powers of 1024: \`64k\`, \`1.5m\`, \`2GiB\`.
- In the name of a file \`%p\` is the process id, \`%t\` the number of the thread, \`%%\` a percent sign.
- Names are exact. When two items say the same thing the last one holds. What is unknown or wrong is reported once on
  standard error, and ignored.

## Precedence

The environment wins over the arguments of \`open\`. For each region and option, the first of these that is there holds:

1. \`packets.method=last\`: the region by name
2. \`*.method=last\`: every region
3. what the program passed to \`open\`
4. \`method=last\`: the region behind \`malloc\` and \`free\`, the memory of unmodified WebAssembly programs, and every
   region that the program opened without asking for that thing itself

The heap that others nest in is a region of its own, named \`heap\`. Only its name reaches it: \`heap.method=debug\`.

A method or a discipline may be the path of a module or the name of a package. **This runs code**, as \`NODE_OPTIONS\`
does: whoever sets the variable is trusted like whoever starts the program. In a browser only registered names serve.

## Options of a region

${table(ofScope(rows, 'region'))}

## Options of the process

These take no prefix.

${table(ofScope(rows, 'process'))}
`
}
