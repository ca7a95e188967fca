/**
 * open: how a region begins: names are looked up, the discipline is asked, the header is written; or, for bytes that are
 * a region already, the header is read.
 *
 *   what is asked for        where it is looked up                                  what comes of it
 *   options of the region    environment (name, *), arguments, environment (plain)  method, discipline, settings
 *   discipline               object, region, raw memory, name, module               a Discipline; its space
 *   method                   definition, name, wrapper(name), module                a MethodDef, with what it wraps inside
 *
 * Names, options and texts are resolved once: what an open asked for is remembered with the plan and the header that came
 * of it, and a nested region that is opened just so again is written from there. Another text of options, or a definition
 * that comes or goes, ends all plans.
 *
 * A region opened without a discipline is nested in the default heap, a region named `heap` that is opened at first use.
 */

import { ALIGN } from '../contract/addr.ts'
import type { Method, MethodDef } from '../contract/method.ts'
import type { OptionRow, OptionValue } from '../contract/option.ts'
import type { Discipline, Region, Settings } from '../contract/region.ts'
import { isPowerOfTwo, isWhole, roundUp } from '../ground/bits.ts'
import { VmallocError } from '../ground/fault.ts'
import { nearest } from '../ground/nearest.ts'
import * as H from './header.ts'
import { tellOpened } from './hooks.ts'
import { Ledger } from './ledger.ts'
import { currentOptions, type Options } from './options.ts'
import { Handle, type Kind } from './region.ts'
import { ORIGINAL, parseMethod, registry } from './registry.ts'
import type { Segments } from './segments.ts'
import { Space } from './space.ts'
import { TABLE } from './values.ts'

export interface OpenOptions extends Partial<Settings> {
  /** A name, `wrapper(name)`, a module, or a definition; best when absent. */
  method?: string | MethodDef
  /** A name, a module, a discipline, a region to nest in, or raw memory; nested in the default heap when absent. */
  discipline?:
    | string
    | Discipline
    | Region
    | ArrayBufferLike
    | ArrayBufferView
    | WebAssembly.Memory
    | WebAssembly.Instance
  /** For options, messages and `child(name)`; at most 255 bytes. */
  name?: string
  /** Every payload address is a multiple of this power of two, from 8 on. */
  align?: number
  /** Keeps accounts from the beginning: 4 bytes a block. */
  accounts?: boolean
  /** With accounts, keeps of each block which allocation of its account it was: 4 bytes more. */
  ordinals?: boolean
  /** Options that a definition brings, such as `element` of pool. */
  [option: string]: unknown
}

export interface AttachOptions {
  /** Address of the region's header; where a root that comes with the package puts it when absent. */
  at?: number
  /** The discipline to go on with; made over the memory when absent. */
  discipline?: Discipline
}

/** The least extent of a region: what its first segment has beside the header. */
const FIRST_EXTENT = 1024
const MOST_ALIGN = 2 ** 21
const HEAP = 'heap'
const OWN = ['name', 'method', 'discipline', 'align', 'check', 'keep', 'junk', 'events', 'accounts', 'ordinals']

let defaultHeap: Region | undefined

/** The region that others nest in: method best over memory unless options for `heap` say otherwise; never closed. */
export function heap(): Region {
  defaultHeap ??= begin({ name: HEAP, method: 'best', discipline: 'memory' }, true)
  return defaultHeap
}

/** Opens a region. Throws VmallocError: `argument`, `unknown`, `vetoed`, `no-memory`. */
export function open(asked: OpenOptions = {}): Region {
  return begin(asked, false)
}

/** Opens a region with a root of its own unless options say otherwise; for those that stand for a whole program. */
export function openRoot(name: string): Region {
  return begin({ name }, false, () => registry.disciplines.find('memory').create({}))
}

/**
 * Opens a region over a program that knows nothing of it, whose method and discipline are decided: the environment has no
 * say in these any more, only in the settings.
 */
export function openDecided(
  asked: OpenOptions & Required<Pick<OpenOptions, 'name' | 'method' | 'discipline'>>,
): Region {
  return begin(asked, false, undefined, true)
}

function begin(
  asked: OpenOptions,
  permanent: boolean,
  otherwise?: () => Discipline,
  isDecided: boolean = false,
): Region {
  const options = currentOptions()
  const isNested =
    otherwise === undefined && !permanent && (asked.discipline === undefined || asked.discipline instanceof Handle)
  const known = isNested ? recalled(asked, options) : undefined
  if (known !== undefined) return launch(known, over(asked.discipline ?? heap())!, options, undefined)
  const choice = new Choice(options, asked.name ?? 'region', asked, isDecided)
  const plan = choice.plan(permanent)
  const region = launch(plan, choice.discipline(otherwise ?? (() => over(heap())!)), options, choice)
  if (isNested && plan.image !== undefined) remember(asked, options, plan)
  return region
}

/** Asks the discipline, and opens. A plan that is new learns its last points from the choice that made it. */
function launch(plan: Plan, discipline: Discipline, options: Options, choice: Choice | undefined): Region {
  const space = spaceOf(discipline)
  const handle = new Handle(space, discipline, plan)
  const place = { at: 0 }
  const answer = discipline.exception?.(handle, 'open', place) ?? 0
  if (answer < 0) throw new VmallocError('vetoed', `open ${plan.name}: discipline ${discipline.name} says no`)
  if (answer > 0) {
    const region = revive(space, discipline, place.at - space.base)
    discipline.exception?.(region, 'endopen', region.header)
    return region
  }
  if (choice !== undefined) {
    plan.align = choice.align()
    plan.settings = H.packSettings(choice.settings())
    plan.tail = choice.tail()
    plan.mustKeep = choice.asksForAccounts
  }
  create(handle, plan, discipline)
  if (plan.tail > 0 && handle.charges === undefined) lackLedger(handle, plan, options)
  options.settle()
  tellOpened(handle, options, plan.values)
  discipline.exception?.(handle, 'endopen', handle.header)
  return handle
}

/** There is no memory to keep accounts in: an error where the program asked for them. */
function lackLedger(handle: Handle, plan: Plan, options: Options): void {
  const sentence = `open ${plan.name}: discipline ${handle.discipline.name} has no memory to keep accounts in`
  if (!plan.mustKeep) {
    options.refuse(plan.tail === 8 ? 'ordinals' : 'accounts', plan.name, sentence, 'no-memory')
    return
  }
  handle.close()
  throw new VmallocError('no-memory', sentence)
}

/**
 * Reopens a region that is there already: in memory another thread shares, in a copy of its bytes, in bytes read back.
 * Takes the whole root space; nested regions are reached through `children`. Throws VmallocError `damaged` when the bytes
 * are no region, or not an intact one.
 */
export function attach(source: unknown, { at, discipline: given }: AttachOptions = {}): Region {
  const discipline = given ?? over(source)
  if (discipline === undefined) {
    throw new VmallocError(
      'argument',
      `attach: ${describe(source)}, expected an ArrayBuffer, a SharedArrayBuffer, a typed array over one, or a WebAssembly.Memory`,
    )
  }
  const header = at === undefined ? 8 : at - (discipline.base ?? 0)
  for (const space of spacesOver(discipline)) {
    const known = space.handleAt(header)
    if (known !== undefined && !known.closed) return known
  }
  return revive(spaceOf(discipline), discipline, header)
}

/** Every choice that an open makes, each between what the program asks for and what the environment says. */
class Choice {
  readonly #options: Options
  readonly #name: string
  readonly #asked: OpenOptions
  readonly #isDecided: boolean
  #rows: readonly OptionRow[] = []

  constructor(options: Options, name: string, asked: OpenOptions, isDecided: boolean) {
    this.#options = options
    this.#name = name
    this.#asked = asked
    this.#isDecided = isDecided
    this.#mustBeKnown()
    for (const key of ['method', 'discipline'] as const) for (const text of options.names(key)) this.#load(key, text)
  }

  /** The method's definition, its full name, and how it is made; alignment and settings are chosen later. */
  plan(permanent: boolean): Plan {
    const asked = this.#asked.method ?? 'best'
    if (typeof asked !== 'string' && !registry.methods.isDefinition(asked)) {
      throw new VmallocError(
        'argument',
        `open ${this.#name}: method ${describe(asked)}, expected a name or a definition { name, state, create(store) }`,
      )
    }
    const program = typeof asked === 'string' ? methodChain(parseMethod(asked)) : [asked]
    const chain = this.#fromEnvironment('method', (spec) => {
      const names = parseMethod(spec)
      return complete(methodChain(names), program)
    })
    const all = chain ?? complete(program, [registry.methods.find('best')])
    this.#rows = all.flatMap((definition) => definition.options ?? [])
    const values = this.#values(this.#rows)
    return {
      name: this.#name,
      method: titleOf(all),
      definition: joined(all),
      permanent,
      childAt,
      chain: all,
      values,
      align: ALIGN,
      settings: 0,
      tail: 0,
      mustKeep: false,
      image: undefined,
    }
  }

  discipline(otherwise: () => Discipline): Discipline {
    const asked = this.#asked.discipline
    const named = this.#fromEnvironment('discipline', (name) => this.#disciplineNamed(name))
    if (named !== undefined) return named
    if (asked === undefined) return otherwise()
    if (typeof asked === 'string') return this.#disciplineNamed(asked)
    const made = over(asked)
    if (made === undefined) {
      throw new VmallocError(
        'argument',
        `open ${this.#name}: discipline ${describe(asked)}, expected a name, a discipline { name, memory, buffer }, a region, ` +
          'an ArrayBuffer, a SharedArrayBuffer, a typed array, a WebAssembly.Memory, or a WebAssembly.Instance',
      )
    }
    return made
  }

  align(): number {
    // a program that knows nothing of its region was compiled for the alignment that is asked for it
    const decided = this.#isDecided ? this.#asked.align : undefined
    const align = decided ?? this.#value('align') ?? ALIGN
    if (typeof align !== 'number' || !isPowerOfTwo(align) || align < ALIGN || align > MOST_ALIGN) {
      throw new VmallocError(
        'argument',
        `open ${this.#name}: align ${align}, expected a power of two from ${ALIGN} to ${MOST_ALIGN}`,
      )
    }
    return align
  }

  settings(): Settings {
    const check = this.#value('check') ?? 0
    if (!isWhole(check, 3)) {
      throw new VmallocError('argument', `open ${this.#name}: check ${check}, expected 0, 1, 2 or 3`)
    }
    return { check, keep: this.#flag('keep'), junk: this.#flag('junk'), events: this.#flag('events') }
  }

  /** Bytes at the end of each block that accounts take; 0 where none are kept. */
  tail(): Plan['tail'] {
    if (this.#isDecided && this.#asked.accounts === false) return 0
    if (this.#flag('ordinals')) return 8
    return this.#flag('accounts') ? 4 : 0
  }

  get asksForAccounts(): boolean {
    return this.#asked.accounts === true || this.#asked.ordinals === true
  }

  #flag(key: 'keep' | 'junk' | 'events' | 'accounts' | 'ordinals'): boolean {
    const value = this.#value(key) ?? false
    if (typeof value === 'boolean') return value
    throw new VmallocError('argument', `open ${this.#name}: ${key} ${String(value)}, expected true or false`)
  }

  #mustBeKnown(): void {
    const { name } = this.#asked
    if (name !== undefined && typeof name !== 'string')
      throw new VmallocError('argument', `open: name ${String(name)}, expected a text`)
    for (const key of Object.keys(this.#asked)) {
      if (OWN.includes(key)) continue
      const rows = [...registry.methods.all(), ...registry.disciplines.all()].flatMap(
        (definition) => definition.options ?? [],
      )
      const names = [...OWN, ...new Set(rows.map((row) => row.name))]
      if (names.includes(key)) continue
      const near = nearest(key, names)
      throw new VmallocError(
        'unknown',
        `open ${this.#name}: unknown option "${key}": ${near === undefined ? `expected one of ${names.join(', ')}` : `did you mean "${near}"?`}`,
      )
    }
  }

  #disciplineNamed(name: string): Discipline {
    const definition = registry.disciplines.find(name)
    if (definition.name === 'region') return over(heap())!
    return definition.create(this.#values(definition.options ?? []))
  }

  #values(rows: readonly OptionRow[]): Record<string, OptionValue> {
    const values: Record<string, OptionValue> = {}
    for (const row of rows) {
      const value = this.#options.resolve(this.#name, row, this.#askedFor(row))
      if (value !== undefined) values[row.name] = value
    }
    return values
  }

  /** What the program asked for by that option, if it may. */
  #askedFor(row: OptionRow): OptionValue | undefined {
    const asked = this.#asked[row.name] as OptionValue | undefined
    if (asked === undefined) return undefined
    const fits =
      row.kind === 'flag'
        ? typeof asked === 'boolean'
        : row.kind === 'number' || row.kind === 'size'
          ? typeof asked === 'number'
          : typeof asked === 'string'
    const inside =
      typeof asked !== 'number' ||
      (asked >= (row.min ?? 0) && asked <= (row.max ?? Infinity) && Number.isInteger(asked))
    if (fits && inside && (row.choices === undefined || row.choices.includes(String(asked)))) return asked
    throw new VmallocError('argument', `open ${this.#name}: ${row.name} ${String(asked)}, expected ${expected(row)}`)
  }

  #value(key: 'align' | 'check' | 'keep' | 'junk' | 'events' | 'accounts' | 'ordinals'): OptionValue | undefined {
    return this.#options.resolve(this.#name, key, this.#asked[key] as OptionValue | undefined)
  }

  /** What the environment says of a key, tried strongest first; a text that cannot be meant is reported and ignored. */
  #fromEnvironment<T>(key: 'method' | 'discipline', use: (text: string) => T): T | undefined {
    if (this.#isDecided) return undefined
    const { named, wild, plain } = this.#options.lookup(this.#name, key)
    const asked = this.#asked[key] !== undefined
    const texts = this.#name === HEAP ? [named] : [named, wild, asked ? undefined : plain]
    for (const text of texts) {
      if (text === undefined) continue
      if (key === 'method' && text === ORIGINAL) return undefined
      try {
        return use(String(text))
      } catch (error) {
        if (!(error instanceof VmallocError)) throw error
        this.#options.refuse(key, String(text), error.message, error.code)
      }
    }
    return undefined
  }

  /** A module that the environment names brings rows of its own, which must be known before unknown names are reported. */
  #load(key: 'method' | 'discipline', text: string): void {
    try {
      if (key === 'method') for (const name of parseMethod(text)) name !== ORIGINAL && registry.methods.find(name)
      else registry.disciplines.find(text)
    } catch (error) {
      if (!(error instanceof VmallocError)) throw error
      this.#options.refuse(key, text, error.message, error.code)
    }
  }
}

// plans

/** What an open resolves to, but for the discipline; the same as long as nothing is registered and the options stay. */
interface Plan extends Kind {
  readonly chain: readonly MethodDef[]
  readonly values: Record<string, OptionValue>
  align: number
  /** Packed. */
  settings: number
  /** Bytes at the end of each block for the name of its account; 0 where none are kept. */
  tail: 0 | 4 | 8
  /** Whether it was the program that asked for accounts. */
  mustKeep: boolean
  /** The header of the last region that was opened so. */
  image: Image | undefined
}

/** A plan, and what was asked for when it was made: all keys but `discipline`, in order. */
interface Memory {
  readonly name: string | undefined
  readonly method: unknown
  readonly keys: readonly string[]
  readonly asked: readonly unknown[]
  readonly plan: Plan
}

/** Plans of nested regions, those that are asked for often first. */
const memories: Memory[] = []
const MOST_MEMORIES = 16
let rememberedOptions: Options | undefined
let rememberedChanges = -1

/** The plan of an open that asked for just the same. */
function recalled(asked: OpenOptions, options: Options): Plan | undefined {
  if (options !== rememberedOptions || registry.changes !== rememberedChanges) return undefined
  for (let i = 0; i < memories.length; i++) {
    const memory = memories[i]!
    if (memory.name !== asked.name || memory.method !== asked.method || !isSame(memory, asked)) continue
    if (i > 0) {
      memories[i] = memories[i - 1]!
      memories[i - 1] = memory
    }
    return memory.plan
  }
  return undefined
}

function isSame({ keys, asked: before }: Memory, asked: OpenOptions): boolean {
  let i = 0
  for (const key in asked) {
    if (key === 'discipline') continue
    if (keys[i] !== key || before[i] !== asked[key]) return false
    i++
  }
  return i === keys.length
}

/** Keeps a plan, unless it hangs on more than names and numbers, or the environment has a say about its parts. */
function remember(asked: OpenOptions, options: Options, plan: Plan): void {
  const keys = Object.keys(asked).filter((key) => key !== 'discipline')
  const values = keys.map((key) => asked[key])
  if (values.some((value) => typeof value === 'object' || typeof value === 'function')) return
  if (Object.getPrototypeOf(asked) !== Object.prototype) return
  if (options.names('method').length > 0 || options.names('discipline').length > 0) return
  if (options !== rememberedOptions || registry.changes !== rememberedChanges) memories.length = 0
  rememberedOptions = options
  rememberedChanges = registry.changes
  if (memories.length === MOST_MEMORIES) memories.pop()
  memories.push({ name: asked.name, method: asked.method, keys, asked: values, plan })
}

function expected(row: OptionRow): string {
  if (row.choices !== undefined) return `one of ${row.choices.join(', ')}`
  if (row.kind === 'flag') return 'true or false'
  if (row.kind === 'text' || row.kind === 'file') return 'a text'
  return `a whole number from ${row.min ?? 0}${row.max === undefined ? '' : ` to ${row.max}`}`
}

// methods made of methods

function methodChain(names: string[]): MethodDef[] {
  return names.map((name, i) => {
    const definition = registry.methods.find(name)
    if (i < names.length - 1 && definition.wraps !== true) {
      throw new VmallocError('argument', `method ${names.join('(')}: ${name} does not wrap another method`)
    }
    return definition
  })
}

/** A wrapper that stands alone wraps what the program asked for. */
function complete(chain: MethodDef[], program: MethodDef[]): MethodDef[] {
  const inner = chain[chain.length - 1]!
  if (inner.wraps !== true) return chain
  const rest = program.filter((definition) => !chain.includes(definition))
  return complete([...chain, ...(rest.length > 0 ? rest : [registry.methods.find('best')])], [])
}

function stateOf(chain: readonly MethodDef[]): number {
  return chain.reduce((sum, definition) => sum + definition.state, 0)
}

/** What wrapper and wrapped claim together: the inner one's claims, the outer one's name, both states. */
function joined(chain: readonly MethodDef[]): MethodDef {
  const fillsFreed = chain.some((definition) => definition.fillsFreed === true)
  const heads = chain.every((definition) => definition.heads === true)
  return { ...chain[chain.length - 1]!, name: chain[0]!.name, state: stateOf(chain), fillsFreed, heads }
}

function titleOf(chain: readonly MethodDef[]): string {
  return chain.map((definition) => definition.name).join('(') + ')'.repeat(chain.length - 1)
}

/**
 * Makes the innermost method, and each wrapper around it.
 *
 *   states   | best ......... | profile ... | debug ... |       the first 8 bytes of one with `gross` that does not lend its tally count what is taken inside
 */
function build(chain: readonly MethodDef[], handle: Handle, asked: Record<string, OptionValue>, tail: number): Method {
  const { store } = handle
  const settings = tail === 0 ? asked : withTails(chain, asked, tail)
  if (chain.length === 1) return chain[0]!.create(store, settings, undefined)
  const states = chain.map((_, i) => store.state + stateOf(chain.slice(i + 1)))
  let method: Method | undefined
  for (let i = chain.length - 1; i >= 0; i--) {
    const wrappers = chain.slice(0, i)
    const counter = wrappers.findLastIndex(({ gross, lends }) => gross !== undefined && lends !== true)
    const own = store.at(states[i]!, counter < 0 ? store.tally : states[counter]!, hasHeads(store, chain, i))
    const isOverHeads = wrappers.map((_, j) => hasHeads(store, chain, j))
    method = chain[i]!.create(
      own,
      inside(wrappers, chain[i]!, settings, store.align, isOverHeads),
      method,
      chain.at(-1),
    )
  }
  return method!
}

/** What Store.heads is for a method of a chain. */
function hasHeads(store: Segments, chain: readonly MethodDef[], i: number): boolean {
  return store.heads && chain.slice(i + 1).every((wrapped) => wrapped.heads === true)
}

/** The settings of methods whose payloads have a tail that their client does not see. */
function withTails(
  chain: readonly MethodDef[],
  settings: Record<string, OptionValue>,
  tail: number,
): Record<string, OptionValue> {
  const all = { ...settings }
  const payloads = new Set(chain.flatMap(({ options = [] }) => options.filter((row) => row.isPayload === true)))
  for (const { name } of payloads) if (typeof all[name] === 'number' && all[name] !== 0) all[name] += tail
  return all
}

/** The settings of a method inside wrappers: sizes of payloads are those of the blocks that they will ask for. */
function inside(
  wrappers: readonly MethodDef[],
  definition: MethodDef,
  settings: Record<string, OptionValue>,
  align: number,
  isOverHeads: readonly boolean[],
): Record<string, OptionValue> {
  const own = { ...settings }
  for (const { name, isPayload } of definition.options ?? []) {
    const size = own[name]
    if (isPayload !== true || typeof size !== 'number' || size === 0) continue
    own[name] = wrappers.reduce((sum, { gross }, j) => gross?.(sum, settings, align, isOverHeads[j]!) ?? sum, size)
  }
  return own
}

// disciplines

function isDiscipline(value: unknown): value is Discipline {
  const d = value as Partial<Discipline> | null
  return (
    typeof d === 'object' &&
    d !== null &&
    typeof d.name === 'string' &&
    typeof d.memory === 'function' &&
    typeof d.buffer === 'function'
  )
}

/** The discipline over what the caller has, or undefined where no definition understands it. */
function over(given: unknown): Discipline | undefined {
  if (isDiscipline(given)) return given
  for (const definition of registry.disciplines.each()) {
    const made = definition.over?.(given)
    if (made !== undefined) return made
  }
  return undefined
}

function describe(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value)
  return value.constructor?.name ?? 'an object'
}

/** The spaces that this thread has over a memory. */
const spaces = new WeakMap<object, Space[]>()

function spacesOver(discipline: Discipline): Space[] {
  const memory = (discipline.share?.() ?? discipline.buffer()) as object
  return (spaces.get(memory) ?? []).filter((space) => space.base === (discipline.base ?? 0))
}

/** The space of a discipline: its parent's, or a new one for a root. */
function spaceOf(discipline: Discipline): Space {
  const { parent } = discipline
  if (parent !== undefined) {
    const space = parent instanceof Handle && parent.store.header !== 0 ? parent.store.space : undefined
    if (space === undefined || parent.closed)
      throw new VmallocError('closed', `discipline ${discipline.name}: parent region ${parent.name} is closed`)
    return space
  }
  const space = new Space(discipline)
  const memory = (discipline.share?.() ?? discipline.buffer()) as object
  spaces.set(memory, [...(spaces.get(memory) ?? []).filter((other) => other.handleAt(other.root) !== undefined), space])
  return space
}

/** Makes a handle of a child whose header lies at an address. */
function childAt(parent: Handle, header: number): Region {
  return revive(parent.store.space, over(parent)!, header)
}

// headers

/** A header up to its values, as it lies in the first region opened by a plan, and how long its parts are. */
interface Image {
  readonly discipline: string
  readonly words: Int32Array
  /** Where the state begins, from the header on. */
  readonly state: number
  readonly length: number
}

/** All that is the same in every header of a plan; places, links and sums are written in `create`. */
function imageOf(plan: Plan, discipline: string): Image {
  const texts = [
    H.headerText(plan.name, 'a name'),
    H.headerText(plan.method, 'a method'),
    H.headerText(discipline, 'the name of a discipline'),
  ]
  const values = roundUp(
    texts.reduce((at, text) => at + H.textSize(text), H.TEXTS),
    ALIGN,
  )
  const state = values + TABLE
  const length = roundUp(state + plan.definition.state, ALIGN)
  const words = new Int32Array(values >>> 2)
  const put = (field: number, value: number): void => void (words[field >>> 2] = value)
  put(H.MAGIC, H.IS_REGION)
  put(H.VERSION, H.THIS_VERSION)
  put(H.LENGTH, length)
  put(H.STATE_SIZE, plan.definition.state)
  put(H.SETTINGS, plan.settings)
  let at = H.TEXTS
  for (const [i, field] of [H.NAME, H.METHOD, H.DISCIPLINE].entries()) {
    put(field, at)
    H.writeText(new Uint8Array(words.buffer), at, texts[i]!)
    at += H.textSize(texts[i]!)
  }
  return { discipline, words, state, length }
}

/** Asks for the first segment and writes the header into it. */
function create(handle: Handle, plan: Plan, discipline: Discipline): void {
  if (plan.image === undefined || plan.image.discipline !== discipline.name) plan.image = imageOf(plan, discipline.name)
  const image = plan.image
  const { parent } = discipline
  if (parent === undefined) write(handle, plan, image, undefined)
  else (parent as Handle).within(() => write(handle, plan, image, parent as Handle))
}

/** Writes the header of a region into its first segment; under the parent's lock where there is one. */
function write(handle: Handle, plan: Plan, image: Image, parent: Handle | undefined): void {
  const { store } = handle
  const { space } = store
  const { length } = image
  const first =
    store.open(length + 2 * plan.align + (plan.definition.sizes === 'none' ? 0 : FIRST_EXTENT)) ??
    store.open(length + 2 * plan.align + ALIGN)
  if (first === undefined) {
    throw new VmallocError(
      'no-memory',
      `open ${plan.name}: discipline ${image.discipline} has no ${length + ALIGN} bytes for a first segment`,
    )
  }
  const h = roundUp(first.raw, ALIGN)
  const { words } = space
  if (parent === undefined && H.flaw(words, h) === '') {
    throw new VmallocError(
      'argument',
      `open ${plan.name}: region ${H.readText(words, h + store.get(h, H.NAME))} is there already, at ${h + space.base}: attach it, close it, or clear the bytes`,
    )
  }
  const m = words.i32
  const base = h >>> 2
  const known = image.words.length
  for (let i = 0; i < known; i++) m[base + i] = image.words[i]!
  words.u8.fill(0, h + known * 4, h + length)
  m[base + (H.RAW >>> 2)] = first.raw
  m[base + (H.SIZE >>> 2)] = first.size
  m[base + (H.NEXT >>> 2)] = H.mixOf(h)
  m[base + (H.MARK >>> 2)] = H.markOf(h, first.raw)
  m[base + (H.SELF >>> 2)] = h
  m[base + (H.ROOT >>> 2)] = parent === undefined ? h : space.root
  m[base + (H.PARENT >>> 2)] = parent === undefined ? 0 : parent.store.header
  m[base + (H.STATE >>> 2)] = h + image.state
  m[base + (H.VALUES >>> 2)] = h + known * 4
  m[base + (H.SERIAL >>> 2)] = parent === undefined ? 0 : nextSerial(store)
  m[base + (H.ERA >>> 2)] = parent === undefined ? firstEra() : H.eraOf(store.get(space.root, H.SERIALS), h)
  m[base + (H.LAST >>> 2)] = h
  m[base + (H.EXTENT >>> 2)] = first.size
  const alignment = store.discipline.heads === true ? plan.align | H.HEADS : plan.align
  m[base + (H.ALIGNMENT >>> 2)] = alignment
  m[base + (H.SUM >>> 2)] = H.sumOf(words, h)
  if (parent === undefined) space.rootAt(h, plan.name)
  else parent.adopt(h)
  store.bind(h, alignment)
  handle.lieAt(h)
  const takeUp = (tail: number): void => {
    const policy = build(plan.chain, handle, plan.values, tail)
    policy.start()
    handle.bind(policy)
  }
  let hasLedger = false
  try {
    hasLedger = plan.tail > 0 && Ledger.begin(store, plan.tail, [])
  } catch (error) {
    takeUp(0)
    handle.close()
    throw error
  }
  takeUp(hasLedger ? plan.tail : 0)
}

/** A root may lie where another one was, of whose era nothing is known. */
function firstEra(): number {
  return H.eraOf(Math.floor(Math.random() * 2 ** 32), 0)
}

/** A number that no other region of this root has. */
function nextSerial(store: Segments): number {
  const serial = store.get(store.space.root, H.SERIALS) + 1
  store.put(store.space.root, H.SERIALS, serial)
  return serial
}

/** Makes a handle over a header that is there, after everything about it was checked. */
function revive(space: Space, discipline: Discipline, header: number): Region {
  space.renew()
  damagedIf(H.fixedFlaw(space.words, header))
  const { words } = space
  const field = (offset: number): number => words.i32[(header + offset) >>> 2]! >>> 0
  const name = H.readText(words, header + field(H.NAME))
  const title = H.readText(words, header + field(H.METHOD))
  if (discipline.parent === undefined) space.rootAt(header, name)
  const taken = space.lock?.take() === true
  try {
    space.renew()
    damagedIf(H.flaw(words, header))
    if (discipline.parent === undefined && field(H.PARENT) !== 0) {
      throw new VmallocError(
        'argument',
        `attach: region ${name} is nested in the one at ${field(H.PARENT) + space.base}: attach the root and ask it for child("${name}")`,
      )
    }
    if (!space.shared && discipline.parent === undefined)
      words.i32.fill(0, (header + H.HOLDER) >>> 2, ((header + H.WAITERS) >>> 2) + 1)
    const chain = methodChain(parseMethod(title))
    const state = stateOf(chain)
    if (state !== field(H.STATE_SIZE)) {
      throw new VmallocError(
        'damaged',
        `attach ${name}: method ${title} keeps ${state} bytes of state here, ${field(H.STATE_SIZE)} there: another version`,
      )
    }
    const kind: Kind = { name, method: title, definition: joined(chain), permanent: false, childAt }
    const region = new Handle(space, discipline, kind)
    region.store.bind(header, field(H.ALIGNMENT))
    region.lieAt(header)
    region.bind(build(chain, region, {}, 0))
    try {
      region.check()
    } catch (error) {
      region.abandon()
      if (!(error instanceof VmallocError) || error.code !== 'corrupted') throw error
      throw new VmallocError('damaged', `attach ${name}: ${error.message}`, { cause: error })
    }
    tellOpened(region, currentOptions(), undefined)
    return region
  } finally {
    if (taken) space.lock?.give()
  }
}

function damagedIf(why: string): void {
  if (why !== '') throw new VmallocError('damaged', `attach: ${why}`)
}
