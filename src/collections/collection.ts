/**
 * collection: what all that is kept in region memory has in common.
 *
 *   head   +0      +4      +8     +12      +16   +20     +24
 *          | KIND  | SHAPE | DATA | SERIAL | ERA | TOKEN | fields of the kind ...
 *
 *   KIND    four letters of the kind
 *   SHAPE   hash of the names of its codecs
 *   DATA    cell of the header of the region that the contents lie in, with that region's SERIAL and ERA
 *   TOKEN   drawn when it is made, 0 once it is destroyed: handles know another one that lies here later by it
 *
 * Nothing about a collection is kept in JavaScript: an object of these classes is a handle, and `at` its address. Another
 * thread, or another run, takes it up by that address. In shared memory each call is one turn under the space's lock;
 * `locked` makes one turn of several.
 *
 * The contents may lie in another region of the space (`data`). When that one is cleared, they are gone at once, and the
 * next call finds the collection empty. No callback is needed for that, so none can be left behind: the era that the
 * contents belong to stands in the head. When the head's own region is cleared, the collection is gone, and its handles say so.
 *
 * Source: containers that empty themselves with a shorter scope after wmem, where callbacks do it.
 */
import type { Addr, Cell } from '../contract/addr.ts'
import { isThenable } from '../ground/around.ts'
import { corrupted, VmallocError } from '../ground/fault.ts'
import type { Lock } from '../ground/lock.ts'
import { nearest } from '../ground/nearest.ts'
import { encode } from '../ground/text.ts'
import type { Words } from '../ground/words.ts'
import { Ground, type Home } from '../region/ground.ts'
import { shownBy } from '../region/picture.ts'
import { rootOf } from '../region/regions.ts'
import { type Codec, writesAtOnce } from './codec.ts'

export interface CollectionOptions {
  /** Where the contents lie: a region of the same space, the collection's own unless said. */
  data?: Home
  /** Address of a collection that is there already: taken up instead of made. */
  at?: Addr
}

const KIND = 0
const SHAPE = 1
const DATA = 2
const SERIAL = 3
const ERA = 4
const TOKEN = 5
/** The first field of a kind, in words from the head on. */
export const FIELDS = 6

/** Options that a kind has beside those of all: name, and whether it is for new ones only. */
export type OwnOptions = Readonly<Record<string, boolean>>

export abstract class Collection {
  /** Where the head lies. */
  protected readonly home: Ground
  /** Where the contents lie. */
  protected readonly data: Ground
  protected readonly words: Words
  /** The head, and in it everything by FIELDS and up. */
  protected readonly head: Cell
  /** `list`, `map`: for messages. */
  protected readonly title: string
  private readonly kind: number
  private readonly eraCell: Cell
  private readonly dataEra: Cell
  private readonly era: number
  private readonly token: number
  private readonly guard: Lock | undefined

  /**
   * `letters` are four, and stand in the bytes; `shape` names everything that the layout of the contents hangs on;
   * `fields` is how many words the kind has from FIELDS on, all 0 at first; `own` are the options that it has. The last
   * thing that a constructor does is `start`.
   */
  constructor(
    title: string,
    letters: string,
    shape: string,
    fields: number,
    home: Home,
    options: CollectionOptions,
    own: OwnOptions = {},
  ) {
    mustBeOptions(title, options, own)
    this.title = title
    this.kind = lettersOf(letters)
    this.home = new Ground(home, title)
    this.words = this.home.words
    this.guard = this.home.guard
    this.eraCell = this.home.eraCell
    this.era = this.home.era
    const held = this.home.lock()
    try {
      const hash = hashOf(shape)
      const { at } = options
      this.data =
        at === undefined ? this.dataFor(options.data) : this.dataOf(this.found(at, shape, hash, fields), options)
      this.dataEra = this.data.eraCell
      this.head = at === undefined ? this.make(hash, fields) : this.home.cellOf(at)
      this.token = this.words.i32[this.head + TOKEN]!
    } finally {
      this.leave(held)
    }
  }

  /** The address by which it can be taken up again. */
  get at(): Addr {
    return this.home.addressOf(this.head)
  }

  /** Whether it is neither destroyed nor gone with its region. */
  get alive(): boolean {
    const held = this.home.lock()
    try {
      this.home.renew()
      return this.isThere
    } finally {
      this.leave(held)
    }
  }

  /**
   * Runs `what` as one turn: no other thread comes between the calls that it makes. Throws `argument` when it answers a
   * promise, since the turn ends when it returns.
   */
  locked<T>(what: () => T): T {
    const held = this.enter()
    try {
      const result = what()
      if (!isThenable(result)) return result
      throw new VmallocError(
        'argument',
        `${this.name}: locked was given a function that answers a promise, expected one that has done all when it returns`,
      )
    } finally {
      this.leave(held)
    }
  }

  /** Throws VmallocError `corrupted` at the first law of the structure that does not hold; ends on any bytes. */
  check(): void {
    const held = this.enter()
    try {
      this.checkAll()
    } finally {
      this.leave(held)
    }
  }

  /** Takes everything out of it, and gives the memory of the contents back. */
  clear(): void {
    const held = this.enter()
    try {
      this.release()
    } finally {
      this.leave(held)
    }
  }

  /** Gives all its memory back. What is gone already stays gone, without an error. */
  destroy(): void {
    const held = this.home.lock()
    try {
      this.home.renew()
      if (!this.isThere) return
      if (this.isFilled) this.release()
      this.words.i32.fill(0, this.head, this.head + FIELDS)
      this.home.drop(this.head)
    } finally {
      this.leave(held)
    }
  }

  /** What it is, where, and in which region. */
  toString(): string {
    return `${this.name} in region ${this.home.region.name}`
  }

  toJSON(): string {
    return String(this)
  }

  [shownBy](): string {
    return `${this.name} in region ${this.home.region.name}${this.alive ? '' : ', gone'}`
  }

  [Symbol.dispose](): void {
    this.destroy()
  }

  /** Lays out a new one, once the subclass has all that `begin` needs. */
  protected start(options: CollectionOptions): void {
    if (options.at !== undefined) return
    try {
      this.begin()
    } catch (error) {
      this.words.i32.fill(0, this.head, this.head + FIELDS)
      this.home.drop(this.head)
      throw error
    }
  }

  /**
   * Lays out an empty one: at first, when all fields are 0, and again when the contents went with their region. What must
   * outlast that is left alone.
   */
  protected abstract begin(): void
  /** Frees the contents, and lays out an empty one. */
  protected abstract release(): void
  protected abstract checkAll(): void

  /** Begins a turn: finds the collection and its contents where they are, or throws `closed`. The answer is for `leave`. */
  protected enter(): boolean {
    const held = this.guard !== undefined && this.home.lock()
    const m = this.words.i32
    const head = this.head
    if (m[this.eraCell] === this.era && m[head + TOKEN] === this.token && m[this.dataEra] === m[head + ERA]) return held
    this.mend(held)
    return held
  }

  protected leave(held: boolean): void {
    if (held) this.home.unlock()
  }

  /**
   * A block for contents of so many bytes, 8 bytes aligned; throws `no-memory`. Afterwards the words may be others, and
   * the collection may be empty: a handler that was asked for memory may have cleared the contents' region to make room.
   */
  protected take(bytes: number): Cell {
    const era = this.words.i32[this.dataEra]
    let cell = 0
    try {
      cell = this.data.take(bytes, this.title)
    } finally {
      this.enterWith(cell, era)
    }
    if (this.words.i32[this.dataEra] !== era) this.mustBeLeft(cell, bytes)
    return cell
  }

  /** As `take`, but 0 when there is no memory. */
  protected tryTake(bytes: number): Cell {
    const era = this.words.i32[this.dataEra]
    const cell = this.data.cellOf(this.data.region.alloc(bytes))
    this.enterWith(cell, era)
    if (cell !== 0 && this.words.i32[this.dataEra] !== era) this.mustBeLeft(cell, bytes)
    return cell
  }

  /**
   * Writes a value into a block that is not linked yet, at this byte of it. What comes of a codec that throws, or of a value
   * that clears or changes things while it is read, comes before anything hangs on it.
   */
  protected fillNew<V>(codec: Codec<V>, cell: Cell, offset: number, value: V): void {
    const { contentsEra } = this
    const era = this.words.i32[this.dataEra]
    let isWritten = false
    try {
      codec.write(this.words, cell * 4 + offset, value)
      isWritten = true
    } finally {
      this.enterWith(cell, era)
      if (!isWritten && this.contentsEra === contentsEra) this.drop(cell)
    }
    if (this.contentsEra !== contentsEra) throw this.emptied('a value was read')
  }

  /** Writes a value over another one: wholly, or, when its codec throws, not at all. */
  protected rewrite<V>(codec: Codec<V>, at: number, value: V): void {
    if (writesAtOnce(codec)) {
      codec.write(this.words, at, value)
      return
    }
    const { contentsEra } = this
    const kept = this.words.u8.slice(at, at + codec.bytes)
    try {
      codec.write(this.words, at, value)
    } catch (error) {
      this.enter()
      if (this.contentsEra === contentsEra) this.words.u8.set(kept, at)
      throw error
    }
  }

  /** Another number once the contents are gone: blocks that were taken before, and not linked yet, are gone with them. */
  protected get contentsEra(): number {
    return this.words.i32[this.head + ERA]!
  }

  /** Gives up a block of the contents; false for what is none, which ends a loop over damaged links. */
  protected drop(cell: Cell): boolean {
    return this.data.drop(cell)
  }

  /** For `checkAll`: throws `corrupted` unless `cell` is that of a busy block of the contents with so many bytes. */
  protected mustHold(cell: Cell, bytes: number, law: string): void {
    const { region } = this.data
    const size = this.data.sizeOf(cell)
    if (size < bytes || cell === 0) {
      corrupted(
        `${this.title} ${law}`,
        this.at,
        size < 0
          ? `a link to ${this.data.addressOf(cell)}, no busy block of region ${region.name}`
          : `a block of ${size} bytes`,
        `${bytes} bytes`,
      )
    }
  }

  /** Gives up `count` blocks at most that name each other in their first words. */
  protected dropChain(first: Cell, count: number): void {
    let node = first
    for (let left = count; node !== 0 && left > 0; left--) {
      const next = this.words.i32[node]!
      this.drop(node)
      node = next
    }
  }

  /** For `checkAll`: throws `corrupted` unless the contents' region holds as much as `count` blocks of so many bytes. */
  protected mustHaveRoom(count: number, bytes: number, law: string): void {
    const { busyBytes } = this.data.region
    if (count >= 0 && count * bytes <= busyBytes) return
    corrupted(`${this.title} ${law}`, this.at, `COUNT ${count}`, `no more than ${busyBytes} bytes can hold`)
  }

  /** For messages: what it is and where. */
  protected get name(): string {
    return `${this.title} at ${this.at}`
  }

  private get isThere(): boolean {
    const m = this.words.i32
    return m[this.eraCell] === this.era && m[this.head + TOKEN] === this.token
  }

  /** Whether the contents are those of the era that the data region is in. */
  private get isFilled(): boolean {
    const m = this.words.i32
    return this.data.isOpen && m[this.dataEra] === m[this.head + ERA]
  }

  /** `enter` after a call to others; when the collection is gone, so is a block that was not linked yet. */
  private enterWith(cell: Cell, era: number | undefined): void {
    try {
      this.enter()
    } catch (error) {
      this.home.renew()
      if (cell !== 0 && this.data.isOpen && this.words.i32[this.dataEra] === era) this.drop(cell)
      throw error
    }
  }

  /**
   * For a block that was taken while the contents' region was cleared: there is one when that made room for it, and none
   * when one who heard of it did it.
   */
  private mustBeLeft(cell: Cell, bytes: number): void {
    if (this.data.sizeOf(cell) < bytes) throw this.emptied('a block was taken')
  }

  private emptied(when: string): VmallocError {
    return new VmallocError(
      'closed',
      `${this.name}: region ${this.data.region.name}, where its contents lie, was cleared while ${when}; it is empty now`,
    )
  }

  /** What `enter` does when something is not as it was. */
  private mend(held: boolean): void {
    try {
      this.home.renew()
      if (!this.isThere) throw this.gone()
      if (this.isFilled) return
      if (!this.data.isOpen) {
        throw new VmallocError(
          'closed',
          `${this.name}: region ${this.data.region.name}, where its contents lie, is closed`,
        )
      }
      this.words.i32[this.head + ERA] = this.words.i32[this.dataEra]!
      this.begin()
    } catch (error) {
      this.leave(held)
      throw error
    }
  }

  // a new one, or one that is there

  private dataFor(data: Home | undefined): Ground {
    const { home } = this
    if (data === undefined) return home
    const ground = new Ground(data, this.title)
    if (ground.header === home.header && ground.isBeside(home)) return home
    if (ground.isBeside(home)) return ground
    throw new VmallocError(
      'argument',
      `${this.title}: data in region ${ground.region.name}, which has another root than ${home.region.name}: expected one of the same space`,
    )
  }

  private make(hash: number, fields: number): Cell {
    const { home, data } = this
    const head = home.take((FIELDS + fields) * 4, this.title)
    const m = this.words.i32
    m.fill(0, head, head + FIELDS + fields)
    m[head + SHAPE] = hash
    m[head + DATA] = data.header
    m[head + SERIAL] = data.serial
    m[head + ERA] = m[data.eraCell]!
    m[head + KIND] = this.kind
    m[head + TOKEN] = Math.floor(Math.random() * 2 ** 32) | 1
    return head
  }

  /** The head at `at`, after everything about it that can be known was looked at. */
  private found(at: Addr, shape: string, hash: number, fields: number): Cell {
    const { home, kind, title } = this
    const { region } = home
    const size = region.owns(at) ? region.sizeOf(at) : -1
    if (size < (FIELDS + fields) * 4) {
      throw new VmallocError(
        'argument',
        size < 0
          ? `${title}: at ${String(at)}, expected the address of a busy block of region ${region.name}`
          : `${title}: at ${at} are ${size} bytes, expected at least ${(FIELDS + fields) * 4}`,
      )
    }
    const head = home.cellOf(at)
    const m = this.words.i32
    if (m[head + KIND] !== kind) {
      throw new VmallocError(
        'argument',
        `${title}: at ${at} is ${kindText(m[head + KIND]!)}, expected "${kindText(kind)}"`,
      )
    }
    if (m[head + SHAPE] === hash) return head
    throw new VmallocError(
      'argument',
      `${title}: at ${at} is a ${title} of other values or keys, expected one of ${shape}`,
    )
  }

  private dataOf(head: Cell, options: CollectionOptions): Ground {
    const { home } = this
    const m = this.words.i32
    const header = m[head + DATA]!
    if (header === home.header) return home
    const owner = options.data ?? rootOf(home.region).regionOf(home.addressOf(header))
    const data = owner === undefined ? undefined : new Ground(owner, this.title)
    if (data?.isBeside(home) && data.header === header && data.serial === m[head + SERIAL]) return data
    throw new VmallocError(
      options.data === undefined ? 'closed' : 'argument',
      `${this.title} at ${options.at}: its contents do not lie in ${options.data === undefined ? 'any open region any more' : `region ${data?.region.name}`}`,
    )
  }

  private gone(): VmallocError {
    const { home } = this
    const region = `region ${home.region.name}`
    const m = this.words.i32
    const why =
      m[this.eraCell] !== this.era
        ? home.isOpen
          ? `${region} was cleared since`
          : `${region} is closed`
        : 'it was destroyed'
    return new VmallocError('closed', `${this.name}: ${why}`)
  }
}

/** Throws VmallocError `argument` for options that are none, that nobody knows, or that cannot be meant beside `at`. */
export function mustBeOptions(title: string, options: CollectionOptions, own: OwnOptions): void {
  mustKnow(title, options, ['data', 'at', ...Object.keys(own)])
  if (options.at === undefined) return
  for (const name of Object.keys(own)) {
    if (!own[name] || (options as Record<string, unknown>)[name] === undefined) continue
    throw new VmallocError('argument', `${title}: ${name} beside at, expected it for a new one only`)
  }
}

/** Throws VmallocError `argument` for what is no object, or has a member that is none of `names`. */
export function mustKnow(what: string, options: object, names: readonly string[]): void {
  if (typeof options !== 'object' || options === null) {
    throw new VmallocError('argument', `${what}: ${String(options)}, expected an object with ${names.join(', ')}`)
  }
  for (const name of Object.keys(options)) {
    if (names.includes(name)) continue
    const near = nearest(name, names)
    const hint = near === undefined ? `one of ${names.join(', ')}` : `${near}, perhaps, or one of ${names.join(', ')}`
    throw new VmallocError('argument', `${what}: unknown option "${name}", expected ${hint}`)
  }
}

function lettersOf(text: string): number {
  return text.charCodeAt(0) | (text.charCodeAt(1) << 8) | (text.charCodeAt(2) << 16) | (text.charCodeAt(3) << 24)
}

/** The four letters of a kind, or the number where they are none. */
function kindText(kind: number): string {
  const letters = [0, 8, 16, 24].map((by) => (kind >>> by) & 0xff)
  return letters.every((code) => code > 32 && code < 127)
    ? String.fromCharCode(...letters)
    : `0x${(kind >>> 0).toString(16)}`
}

/** Hashes of shapes that were met: a program has few. */
const hashes = new Map<string, number>()

function hashOf(text: string): number {
  const known = hashes.get(text)
  if (known !== undefined) return known
  let hash = 0x811c9dc5
  for (const byte of encode(text)) hash = Math.imul(hash ^ byte, 0x01000193)
  hash |= 0
  hashes.set(text, hash)
  return hash
}
