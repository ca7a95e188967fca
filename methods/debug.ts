/**
 * debug: a method round another one that finds out what a program does wrong with its blocks.
 *
 *   what is asked of the wrapped method, and what lies in it
 *
 *            | header | payload | guard | tail |          debug/layout.ts has the words
 *
 *   life     alloc    payload filled with the pattern of new memory, guards before and behind it
 *            free     guards looked at, payload filled with the pattern of freed memory, quarantine
 *            later    pattern and guards looked at again, and only then the block goes back to the wrapped method
 *
 *   quarantine   OLDEST -> block -> block -> NEWEST       HELD bytes in all; beyond the limit the oldest leave
 *
 *   level 1  fills; guards are not looked at, freed blocks go back at once
 *         2  guards and quarantine
 *         3  the quarantine gives nothing back until memory runs out
 *         4  that, and each block has pages of its own: its payload ends where its last page does, and a page of
 *            guard bytes follows
 *
 *   D1  a block of the wrapped method is busy, freed (in the quarantine), or, where only some are guarded, plain
 *   D2  guards hold their pattern; freed payloads hold theirs, as far as `fill` says
 *   D3  HELD is the sum of the spans in the quarantine
 *
 * What is damaged is reported once and put right, as far as can be seen what it was; so all operations go on. A method
 * that frees the newest block only (last) has its freed blocks back before the next allocation.
 *
 * alloc, free: those of the wrapped method, and the bytes of a payload written once or twice, read once; O(1) beside.
 * Overhead 60 bytes a block, and the quarantine. Where compiled code looks at the word before a payload (Store.heads) all of
 * it lies behind the payload, 48 bytes, and that word is the left guard: see debug/behind.ts.
 *
 * Sources: guard bytes and reports after AST vmalloc's Vmdebug, levels after librcd, quarantine after AddressSanitizer,
 * fills as in all three and in wmem's strict allocator.
 */
import { type Addr, LIMIT, NIL } from '../src/contract/addr.ts'
import type { Late, Method, MethodDef, Profiled, Visit } from '../src/contract/method.ts'
import type { OptionValue } from '../src/contract/option.ts'
import { type Store, tookInto } from '../src/contract/store.ts'
import { isWhole as isWholeNumber, roundDown, roundUp } from '../src/ground/bits.ts'
import { VmallocError } from '../src/ground/fault.ts'
import { capture, type Site } from '../src/ground/stacks.ts'
import type { Words } from '../src/ground/words.ts'
import { BlocksBehind, guardOf } from './debug/behind.ts'
import type { Block } from './debug/block.ts'
import { Blocks } from './debug/blocks.ts'
import { fill } from './debug/bytes.ts'
import { Heads } from './debug/heads.ts'
import { Inspector } from './debug/inspector.ts'
import * as L from './debug/layout.ts'
import { explain, type Op } from './debug/mistakes.ts'
import { Notes } from './debug/notes.ts'
import { Quarantine } from './debug/quarantine.ts'
import { keepSettings, keptSettings, rows, type Settings, settingsFrom } from './debug/settings.ts'
import { State } from './debug/state.ts'

const FILLS = 1
const GUARDS = 2
const PAGES = 4
const MOST_TOLD = 4096
/** Larger blocks take the long way, where sums are not whole numbers of 32 bits. */
const SHORT = 2 ** 30

/** Bytes to ask of the wrapped method for a payload of `size`. */
function grossOf(level: number, align: number, size: number, alignment: number, heads: boolean): number {
  if (heads) return roundUp(size, 4) + guardOf(level) + L.BEHIND
  if (level >= PAGES) return roundUp(roundUp(L.HEADER, align) + size + Math.max(alignment, align), L.PAGE) + 2 * L.PAGE
  return roundUp(L.HEADER, align) + (alignment > align ? alignment : 0) + roundUp(size, 4) + L.GUARD + L.TAIL
}

class Debug implements Method {
  resize?: (at: Addr, size: number) => boolean
  align?: (size: number, alignment: number) => Addr
  offsetOf?: (at: Addr) => number
  moved?: (at: Addr) => void
  unit?: () => number
  profile?: (fresh: boolean) => Profiled

  private readonly store: Store
  private readonly words: Words
  private readonly inner: Method
  private readonly settings: Settings
  private readonly blocks: Blocks
  private readonly heads: Heads | undefined
  private readonly notes: Notes
  private readonly inspector: Inspector
  private readonly state: State
  private readonly quarantine: Quarantine
  private readonly s: number //        first word of the state
  private readonly tally: number //    word of busy bytes
  private readonly element: number //  the size of payloads that a method of one size was opened for
  // what the settings say, at hand
  private readonly level: number
  private readonly quick: number //    sizes that take the short way to a block, at most
  private readonly around: number //   bytes around a payload on that way
  private readonly most: number //     bytes in the quarantine
  private readonly isWatching: boolean
  private readonly isTicking: boolean
  private readonly isMixed: boolean
  private readonly isStack: boolean
  private readonly isUniform: boolean

  constructor(
    store: Store,
    options: Readonly<Record<string, OptionValue>>,
    inner: Method,
    claims: Pick<MethodDef, 'frees'> | undefined,
  ) {
    this.store = store
    this.words = store.words
    this.inner = inner
    this.s = store.state >>> 2
    this.tally = store.tally >>> 2
    const settings = keptSettings(this.words.i32, this.s) ?? settingsFrom(options)
    this.settings = settings
    this.notes = new Notes(store, settings)
    if (store.heads) {
      const blocks = new BlocksBehind(store, inner, claims, settings)
      this.blocks = blocks
      this.heads = new Heads(store, inner, blocks, this.notes)
    } else {
      this.blocks = new Blocks(store, inner, claims, settings)
      this.heads = undefined
    }
    const { heads } = this
    this.inspector = new Inspector(this.blocks, this.notes, settings.level, heads)
    const gross = (size: number): number => this.grossFor(size, 0)
    this.state = new State(store, settings, this.blocks, this.notes, inner, gross)
    const isMingled = this.blocks.isStack && settings.level > GUARDS
    this.quarantine = new Quarantine(
      this.s,
      this.blocks,
      this.notes,
      this.inspector,
      this.state,
      inner,
      isMingled,
      heads,
    )
    this.element = typeof options.element === 'number' ? options.element : 0
    this.level = settings.level
    this.most = settings.level <= FILLS ? 0 : settings.level === GUARDS ? settings.quarantine : Infinity
    const isShort = settings.level < PAGES && !this.blocks.isMixed && !this.blocks.isUniform && !this.blocks.isStack
    this.quick = isShort ? SHORT : -1
    this.around = this.blocks.lead + this.blocks.after
    this.isWatching = settings.watch > 0
    this.isTicking = settings.period > 0
    this.isMixed = this.blocks.isMixed
    this.isStack = this.blocks.isStack
    this.isUniform = this.blocks.isUniform
    if (inner.resize !== undefined) this.resize = this.resizeInPlace
    if (inner.align !== undefined && !this.isUniform) this.align = this.allocAligned
    if (inner.offsetOf !== undefined) this.offsetOf = this.offsetIn
    if (inner.moved !== undefined) this.moved = this.movedAway
    if (inner.unit !== undefined) this.unit = this.unitOf
    if (inner.profile !== undefined) this.profile = (fresh) => inner.profile!(fresh)
  }

  start(): void {
    keepSettings(this.words.i32, this.s, this.settings)
    this.words.i32[this.s + L.UNIT] = this.isUniform ? this.element : 0
    this.inner.start()
  }

  // a block's life

  alloc(asked: number): Addr {
    if (asked <= this.quick && asked >>> 0 === asked) {
      const p = this.inner.alloc(this.around + ((asked + 3) & -4))
      if (p !== NIL) return this.finish(p, p + this.blocks.lead, asked, this.notes.site(this.alloc))
    }
    return this.allocSlowly(asked)
  }

  private allocSlowly(asked: number): Addr {
    if (!isWholeNumber(asked, LIMIT)) return NIL
    if (this.isMixed && !this.isChosen(asked)) return this.allocPlain(asked)
    if (this.isUniform && !this.accepts(asked)) return NIL
    const size = this.isUniform ? this.sizeFor(asked) : asked
    const gross = this.grossFor(size, 0)
    const p = this.obtain(gross, 0)
    if (p === NIL) return NIL
    return this.finish(p, this.placeOf(p, gross, size, this.store.align), size, this.notes.site(this.alloc))
  }

  free(at: Addr): boolean {
    if (!this.blocks.isSound(at)) {
      if (!this.blocks.isLive(at) && !this.heal(at, this.free)) return this.isMixed && this.freePlain(at)
      if (this.isStack && !this.isTop(at)) return false
      if (!this.blocks.isGuarded(at)) this.inspector.mend(this.blocks.at(at), this.free)
    } else if (this.isStack && !this.isTop(at)) return false
    if (this.isWatching) this.look(at, this.get(at, L.SIZE), 'freed', this.free)
    this.bury(at, this.blocks.headerOf(at))
    if (this.isTicking) this.tick()
    if (this.notes.count > 0) this.notes.tell()
    return true
  }

  sizeOf(at: Addr): number {
    if (this.blocks.isLive(at)) return this.words.i32[this.blocks.headerOf(at) + L.SIZE]! >>> 0
    return this.isMixed && this.blocks.isPlain(at) ? this.inner.sizeOf(at) : -1
  }

  serves(size: number): boolean {
    if (this.isUniform && !this.accepts(size)) return false
    const gross = this.grossFor(this.isUniform ? this.sizeFor(size) : size, 0)
    return this.inner.serves?.(Math.min(gross, LIMIT)) ?? true
  }

  clear(): void {
    const m = this.words.i32
    const site = this.notes.freed(this.clear)
    for (const block of this.blocks.all()) {
      this.inspector.mend(block, this.clear)
      if (block.condition === 'live') {
        if (this.isWatching) this.look(block.at, block.size, 'cleared', this.clear)
        this.mark(block.at, site, 'cleared')
      } else this.inspector.lookInside(block, this.clear)
      m[L.tailWord(block.p, block.span)] = 0
    }
    this.inner.clear()
    this.state.isBroken = false
    this.quarantine.empty()
    m[this.s + L.INNER] = 0
    m[this.s + L.TOP] = NIL
    if ((this.inner.unit?.() ?? 0) === 0) m[this.s + L.UNIT] = 0
    this.notes.tell()
  }

  compact(): void {
    this.sweep(this.compact)
    if (this.level <= GUARDS) this.quarantine.release(0)
    this.inner.compact?.()
    this.notes.tell()
  }

  walk(visit: Visit): void {
    this.inner.walk((p, span, state) => {
      if (state !== 'busy') return visit(p, span, state)
      const block = this.blocks.inside(p, span)
      if (block === undefined) return visit(p, span, 'busy')
      return block.condition === 'live' ? visit(block.at, block.size, 'busy') : true
    })
  }

  check(level: number, at: Addr = NIL): void {
    if (level >= 3) {
      this.checkAll()
      return
    }
    const isLive = at !== NIL && (this.blocks.isLive(at) || (this.heads !== undefined && this.heal(at, this.check)))
    if (isLive) {
      this.inspector.mend(this.blocks.at(at), this.check)
      this.tellAndThrow()
    }
    this.inner.check(level, isLive ? at - this.leadOf(at) : at)
  }

  // what only debug does

  mistaken(op: Op, at: Addr, owner?: string): void {
    if (this.notes.isNews(`${op} ${at}`)) {
      this.notes.push(explain(op, at, owner, this.blocks, this.store, this.notes.detected(this.mistaken)))
    }
    this.notes.tell()
  }

  overrun(at: Addr, place: Addr, count: number): void {
    if (this.blocks.isLive(at)) this.inspector.overrun(this.blocks.at(at), place, count, this.overrun)
    this.notes.tell()
  }

  closing(): Late {
    const closed = this.settings.depth > 0 ? capture(this.settings.depth, this.closing) : 0
    const told = new Set<string>()
    const { notes } = this
    const { bias } = this.store
    const late: Late = (op, value) => {
      const isAddress = op === 'free' || op === 'resize'
      if (told.size >= MOST_TOLD || told.has(`${op} ${value}`)) return
      told.add(`${op} ${value}`)
      const what = isAddress
        ? `${op} of ${value} after the region was closed`
        : `${op} of ${value} bytes from a closed region`
      const [at, size] = isAddress ? [value - bias, 0] : [NIL, value]
      const detected = notes.detected(late)
      notes.report({ kind: 'use-after-close', what, at, size, offset: 0, allocated: 0, freed: closed, detected })
    }
    return late
  }

  leaks(held: ReadonlySet<Addr>): void {
    this.sweep(this.leaks)
    this.notes.tell()
    if (this.settings.leaks === 0) return
    const bySite = new Map<Site, Block[]>()
    for (const block of this.blocks.all()) {
      if (block.condition !== 'live' || held.has(block.at)) continue
      const blocks = bySite.get(block.site)
      if (blocks === undefined) bySite.set(block.site, [block])
      else blocks.push(block)
    }
    const ofClient = (block: Block): number => block.size - this.store.tailOf(block.at)
    const groups = [...bySite.values()].map((blocks) => ({
      blocks,
      total: blocks.reduce((sum, block) => sum + ofClient(block), 0),
    }))
    for (const { blocks, total } of groups.sort((a, b) => b.total - a.total)) {
      const { at, site } = blocks[0]!
      const size = blocks.length === 1 ? blocks[0]!.size : ofClient(blocks[0]!)
      const many = blocks.length === 1 ? '' : ` in ${blocks.length} blocks`
      const what = `${total} bytes${many} were never freed`
      const none = { offset: 0, freed: 0, detected: 0 }
      this.notes.push({ kind: 'leak', what, at, size, allocated: site, ...none, blocks: blocks.length, total })
    }
    this.notes.tell()
  }

  // optional members, there when the wrapped method has them

  private allocAligned(size: number, alignment: number): Addr {
    const { align } = this.store
    if (alignment <= align) return this.alloc(size)
    if (!isWholeNumber(size, LIMIT) || alignment > LIMIT) return NIL
    if (this.isMixed && !this.isChosen(size)) return this.tookPlain(this.inner.align!(size, alignment))
    const gross = this.grossFor(size, alignment)
    const p = this.obtain(gross, this.heads === undefined ? 0 : alignment)
    if (p === NIL) return NIL
    return this.finish(p, this.placeOf(p, gross, size, alignment), size, this.notes.site(this.allocAligned))
  }

  private resizeInPlace(at: Addr, size: number): boolean {
    if (!isWholeNumber(size, LIMIT)) return false
    if (!this.blocks.isLive(at) && !this.heal(at, this.resizeInPlace)) return this.isMixed && this.resizePlain(at, size)
    if (!this.blocks.isGuarded(at)) this.inspector.mend(this.blocks.at(at), this.resizeInPlace)
    const block = this.blocks.at(at)
    const had = block.size
    const isDone = size === had || (!this.isUniform && this.level < PAGES && this.makeRoom(block, size))
    if (isDone) this.reshape(block, this.get(at, L.NEXT), size)
    if (this.isTicking) this.tick()
    this.notes.tell()
    return isDone
  }

  private offsetIn(at: Addr): number {
    const inside = this.inner.offsetOf!(at)
    if (inside < 0) return -1
    const block = this.blocks.inside(at - inside, this.inner.sizeOf(at - inside))
    if (block === undefined) return inside
    const offset = at - block.at
    return block.condition === 'live' && offset >= 0 && offset < block.size ? offset : -1
  }

  private movedAway(at: Addr): void {
    if (!this.blocks.isLive(at)) {
      if (this.isMixed) this.inner.moved!(at)
      return
    }
    const size = this.get(at, L.SIZE)
    this.store.gave(size)
    const p = at - this.leadOf(at)
    if (this.isWatching) this.look(at, size, 'freed', this.movedAway)
    this.mark(at, this.notes.freed(this.movedAway), 'freed')
    this.inner.moved!(p)
    this.notes.tell()
  }

  private unitOf(): number {
    return this.words.i32[this.s + L.UNIT]! >>> 0
  }

  // allocation

  /** Bytes to ask of the wrapped method. */
  private grossFor(size: number, alignment: number): number {
    return grossOf(this.level, this.store.align, size, alignment, this.heads !== undefined)
  }

  /** A block of the wrapped method; blocks leave the quarantine for it when there is no other memory. */
  private obtain(gross: number, alignment: number): Addr {
    if (!(gross <= LIMIT)) return NIL
    const { quarantine } = this
    if (this.isStack && this.level <= GUARDS) quarantine.release(0)
    let p = this.ask(gross, alignment)
    for (let held = quarantine.held; p === NIL && held > 0; held = quarantine.held) {
      quarantine.release(held > L.PAGE ? Math.floor(held / 2) : 0)
      if (quarantine.held >= held) break
      p = this.ask(gross, alignment)
    }
    return p
  }

  /** One request; `alignment` is 0 where the payload can begin behind where the block does. */
  private ask(gross: number, alignment: number): Addr {
    return alignment === 0 ? this.inner.alloc(gross) : this.inner.align!(gross, alignment)
  }

  /** Where in a wrapped block a payload lies. */
  private placeOf(p: Addr, gross: number, size: number, alignment: number): Addr {
    const { bias, align } = this.store
    const { lead } = this.blocks
    if (this.heads !== undefined) return p
    if (this.level < PAGES) return alignment <= align ? p + lead : roundUp(p + lead + bias, alignment) - bias
    const end = roundDown(p + gross + bias, L.PAGE) - L.PAGE
    return roundDown(end - size, alignment) - bias
  }

  /** Makes a wrapped block a guarded one; NIL where it is none, for what the wrapped method keeps was overwritten. */
  private finish(p: Addr, at: Addr, size: number, site: Site): Addr {
    const { words, s, blocks } = this
    const m = words.i32
    const { fresh } = blocks.patterns
    const span = blocks.spanOf(p, 0)
    if (span < at - p + size + blocks.after) {
      this.state.isSoundBelow(this.finish)
      this.notes.tell()
      return NIL
    }
    blocks.dress(p, span, at, size, this.isStack ? m[s + L.TOP]! : 0, site)
    if (this.isStack) m[s + L.TOP] = at
    if (this.isUniform) m[s + L.UNIT] = size
    this.notes.renew(at)
    fill(words, at, at + blocks.filled(size), fresh)
    tookInto(m, this.tally, size)
    if (this.isWatching) this.look(at, size, 'allocated', this.finish)
    if (this.isTicking) this.tick()
    if (this.notes.count > 0) this.notes.tell()
    return at
  }

  /** Whether a method of one size may be asked for this one. */
  private accepts(size: number): boolean {
    const unit = this.unitOf()
    return unit === 0 || size === unit || size === 0
  }

  /** What it is asked for: an element, when that is asked for nothing. */
  private sizeFor(size: number): number {
    return size === 0 ? this.unitOf() || this.store.align : size
  }

  // changing size in place

  /** Whether the wrapped block can be made to hold `size` bytes of payload where it is. */
  private makeRoom({ p, span, at }: Block, size: number): boolean {
    const gross = this.blocks.spanFor(at - p, size)
    if (gross > LIMIT) return false
    const isKnown = this.blocks.isKnownBelow(p, span)
    const isShorter = gross <= span
    if (isShorter && (this.level > GUARDS || !isKnown)) return true
    if (!isKnown) return false
    if (!isShorter && this.isStack && this.level <= GUARDS) this.quarantine.release(0)
    if (this.heads !== undefined && !this.heads.isInOrder(p, span)) this.heads.mend(this.makeRoom)
    const kept = this.blocks.disown(p, span)
    if (this.inner.resize!(p, gross) || isShorter) return true
    this.words.i32[L.tailWord(p, span)] = kept
    return false
  }

  /** Writes what a block is now around it; `next` is what it had there. */
  private reshape({ p, span, at, size: had, site }: Block, next: number, size: number): void {
    const { words, blocks } = this
    const now = Math.max(blocks.spanOf(p, span), blocks.spanFor(at - p, size))
    blocks.dress(p, now, at, size, next, site)
    if (size > had) {
      fill(words, at + had, at + had + blocks.filled(size - had), blocks.patterns.grown)
      tookInto(words.i32, this.tally, size - had)
    } else this.store.gave(had - size)
    if (!this.isWatching) return
    const tail = this.store.tailOf(at)
    this.look(at, Math.max(size, had), `resized from ${had - tail} to ${size - tail} bytes`, this.reshape)
  }

  // freeing

  /** Takes a live block out of use. */
  private bury(at: Addr, h: number): void {
    const m = this.words.i32
    m[this.tally] = m[this.tally]! - m[h + L.SIZE]!
    if (this.isStack) m[this.s + L.TOP] = this.below(at)
    this.mark(at, this.notes.freed(this.free), 'freed')
    this.quarantine.add(at, m[h + L.SPAN]!)
    if (m[this.s + L.HELD]! >>> 0 > this.most) this.quarantine.release(this.most)
  }

  /** Fills a payload and writes that it is busy no more. */
  private mark(at: Addr, site: Site, condition: 'freed' | 'cleared'): void {
    const m = this.words.i32
    const h = this.blocks.headerOf(at)
    const size = m[h + L.SIZE]!
    fill(this.words, at, at + this.blocks.filled(size >= 0 ? size : size >>> 0), this.blocks.patterns.freed)
    m[h + L.FREED] = site
    m[h + L.SEAL] = L.freedSeal(m, h, at, this.blocks.key, condition)
  }

  /** The newest block that is live once `at` is not: those that were moved away are passed. */
  private below(at: Addr): Addr {
    let next = this.get(at, L.NEXT)
    for (let left = this.words.length / L.HEADER; left > 0; left--) {
      if (next === NIL || this.blocks.isLive(next)) return next
      next = this.blocks.isFreed(next) ? this.get(next, L.NEXT) : NIL
    }
    return NIL
  }

  /** Over a method that frees the newest only: whether a live block is that; when nobody knows any more, it is found again. */
  private isTop(at: Addr): boolean {
    const top = this.words.i32[this.s + L.TOP]! >>> 0
    if (at === top) return true
    if (this.blocks.isLive(top)) return false
    this.sweep(this.free)
    return at === this.words.i32[this.s + L.TOP]! >>> 0
  }

  /** Whether a live block starts at `at` whose seal was damaged: it is put right then. */
  private heal(at: Addr, above: unknown): boolean {
    if (this.heads?.mend(above) === true && this.blocks.isLive(at)) return true
    const block = this.blocks.damagedAt(at)
    if (block === undefined) return false
    this.inspector.mend(block, above)
    return this.blocks.isLive(at)
  }

  // blocks that are not guarded

  /** Whether this allocation is one of those that are guarded. */
  private isChosen(size: number): boolean {
    const { smallest, largest, every } = this.settings
    if (size < smallest || size > largest) return false
    const m = this.words.i32
    const turn = m[this.s + L.TURN]! + 1
    m[this.s + L.TURN] = turn >= every ? 0 : turn
    return turn >= every
  }

  private allocPlain(size: number): Addr {
    const p = this.inner.alloc(size)
    if (p !== NIL || this.quarantine.held === 0) return this.tookPlain(p)
    this.quarantine.release(0)
    return this.tookPlain(this.inner.alloc(size))
  }

  private tookPlain(p: Addr): Addr {
    if (p !== NIL) {
      this.blocks.forget(p)
      this.store.took(this.inner.sizeOf(p))
    }
    this.notes.tell()
    return p
  }

  private freePlain(at: Addr): boolean {
    if (!this.blocks.isPlain(at)) return false
    const size = this.inner.sizeOf(at)
    if (!this.inner.free(at)) return false
    this.store.gave(size)
    return true
  }

  private resizePlain(at: Addr, size: number): boolean {
    if (!this.blocks.isPlain(at)) return false
    const had = this.inner.sizeOf(at)
    if (!this.inner.resize!(at, size)) return false
    // what a guarded block left may lie where this one ends now
    if (!this.blocks.isPlain(at)) this.blocks.forget(at)
    const has = this.inner.sizeOf(at)
    if (has > had) this.store.took(has - had)
    else this.store.gave(had - has)
    return true
  }

  // looking

  private tick(): void {
    const m = this.words.i32
    const calls = m[this.s + L.CALLS]! >>> 0
    m[this.s + L.CALLS] = calls + 1
    const { start, period } = this.settings
    if (calls >= start && (calls - start) % period === 0) this.sweep(this.tick)
  }

  /** Everything there is: blocks, the wrapped method, the list of freed blocks, the state. */
  private sweep(above: unknown): void {
    const isFreedDamaged = this.inspector.sweep(above)
    if (!this.state.isSoundBelow(above)) return
    this.state.mend(above)
    if (!this.quarantine.isWhole()) this.quarantine.rebuild(!isFreedDamaged)
  }

  private look(at: Addr, size: number, what: string, above: unknown): void {
    const { watch } = this.settings
    const offset = watch - this.store.bias - at
    if (offset < 0 || offset >= Math.max(size, 1)) return
    this.notes.add('watch', `the block that holds ${watch} is ${what}`, this.blocks.at(at), offset, above)
  }

  private checkAll(): void {
    this.sweep(this.check)
    this.tellAndThrow()
    this.inner.check(3) // damage that was told before is damage still
  }

  private tellAndThrow(): void {
    const { first, count } = this.notes
    this.notes.tell()
    if (first === undefined) return
    const more = count === 1 ? '' : `, and ${count - 1} more`
    const sentence = `${this.store.name}: debug: ${first.kind}: block at ${first.at}: ${first.what}${more}`
    throw new VmallocError('corrupted', sentence, { place: first.at })
  }

  private get(at: Addr, field: number): number {
    return this.words.i32[this.blocks.headerOf(at) + field]! >>> 0
  }

  /** From the wrapped block to the payload of a live one. */
  private leadOf(at: Addr): number {
    return this.blocks.leadAt(this.blocks.headerOf(at)) >>> 0
  }
}

export const debug: MethodDef = {
  name: 'debug',
  about: 'finds overruns, use after free, double and bad frees, and leaks, around any method',
  state: L.STATE,
  frees: 'any',
  sizes: 'any',
  coalesces: true,
  overhead: L.HEADER + L.GUARD + L.TAIL,
  options: rows,
  wraps: true,
  fillsFreed: true,
  heads: true,
  gross: (size, settings, align, heads) => grossOf(settingsFrom(settings).level, align, size, 0, heads),
  create: (store, settings, inner, claims) => new Debug(store, settings, inner!, claims),
}
