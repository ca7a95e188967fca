/**
 * method: what every method must do, as a suite for any test runner.
 *
 *   import { describe, it } from 'node:test'
 *   import { methodSuite } from 'vmalloc/conformance'
 *   import { buddy } from './buddy.ts'
 *
 *   methodSuite(buddy, { describe, it, seed: process.env.SEED })
 *   methodSuite(guard, { describe, it, inner: buddy })        // a wrapper, round that method
 *
 * The method lives on grounds of every kind that the contract allows: one piece that grows where it is, many pieces,
 * pieces at odd addresses in a buffer that keeps becoming another, a large alignment. At each step the region checks
 * itself at level 3 and a model (model.ts) holds its answers against what they must be.
 *
 * What the definition claims (`frees`, `sizes`, `coalesces`) and which optional members its object has decide what is
 * asked; nothing else leaves a question out. Where a member is absent the refusal that stands for it is asked for.
 */
import { LIMIT } from '../../src/contract/addr.ts'
import type { Method, MethodDef } from '../../src/contract/method.ts'
import type { Region, ResizeOptions } from '../../src/contract/region.ts'
import type { BlockView } from '../../src/contract/stat.ts'
import { attach, type OpenOptions, open } from '../../src/region/open.ts'
import { registry } from '../../src/region/registry.ts'
import { equal, must, type Runner, throws } from './expect.ts'
import { Ledger } from './ledger.ts'
import type { Live } from './model.ts'
import { Pieces, type PiecesOptions } from './pieces.ts'
import { mustBeOneSegment, mustBeWhole, noAlignments, noSizes, randomLife } from './region.ts'
import { Rng, seedFrom } from './rng.ts'
import { type Claims, Watched } from './watched.ts'

export interface MethodHooks extends Runner {
  /** What the method wraps, where it wraps another: then that one's claims hold. */
  inner?: MethodDef
  /** More options of every region that is opened, such as `element`. */
  options?: OpenOptions
  /** What `seedFrom` understands; drawn when absent. */
  seed?: string | number | undefined
}

const grounds: Readonly<Record<string, PiecesOptions & { align?: number }>> = {
  'one piece that grows': {},
  'many pieces': { grows: false, round: 24 },
  'odd addresses in a buffer that moves': { skew: 3, round: 1, moves: true },
  'an alignment of 64': { grows: false, skew: 4, align: 64 },
}

/** Asks everything of a method. */
export function methodSuite(definition: MethodDef, hooks: MethodHooks): void {
  const { describe, inner } = hooks
  must((definition.wraps === true) === (inner !== undefined), `method ${definition.name}: a wrapper needs \`inner\``)
  const title = inner === undefined ? definition.name : `${definition.name}(${inner.name})`
  const seed = seedFrom(hooks.seed)
  describe(`method ${title}${suffix(hooks.options)}, SEED=${seed}`, () => {
    for (const [name, ground] of Object.entries(grounds)) {
      describe(`over ${name}`, () => questions(new Subject(definition, title, hooks, ground, seed), hooks))
    }
  })
}

const suffix = (options: OpenOptions | undefined) => (options === undefined ? '' : ` ${JSON.stringify(options)}`)

/** The method that is asked, and how to open a region under it. */
class Subject {
  readonly definition: MethodDef
  readonly title: string
  readonly claims: Claims
  readonly seed: number
  readonly #inner: MethodDef | undefined
  readonly #options: OpenOptions
  readonly #ground: PiecesOptions

  constructor(
    definition: MethodDef,
    title: string,
    { inner, options }: MethodHooks,
    ground: PiecesOptions & { align?: number },
    seed: number,
  ) {
    const { frees, sizes, coalesces } = inner ?? definition
    this.definition = definition
    this.title = title
    this.claims = { frees, sizes, coalesces, overhead: definition.overhead + (inner?.overhead ?? 0) }
    this.seed = seed
    this.#inner = inner
    this.#options = { ...(ground.align === undefined ? {} : { align: ground.align }), ...options }
    this.#ground = ground
  }

  /** Opens a region over `bytes`, lets it be used, and looks afterwards whether all is in order and given back. */
  with(use: (trial: Trial) => void, { bytes = 2 ** 18 } = {}): void {
    const pieces = new Pieces({ bytes, ...this.#ground })
    const ledger = new Ledger(pieces)
    let method: Method | undefined
    const spied: MethodDef = {
      ...this.definition,
      create: (...given) => {
        method = this.definition.create(...given)
        return method
      },
    }
    const region = this.known(
      () => open({ ...this.#options, method: this.title, discipline: ledger, check: 3, name: 'trial' }),
      spied,
    )
    const watched = new Watched(region, this.claims)
    use({ region, watched, pieces, ledger, method: method!, rng: new Rng(this.seed), claims: this.claims })
    if (!region.closed) {
      watched.verify()
      equal('close()', region.close(), true)
    }
    equal('bytes held after close', ledger.held, 0)
    equal('a byte outside all pieces that was written to', pieces.hurt(), -1)
  }

  /** A region over a copy of another's bytes, as it would be opened in another program. */
  copyOf({ region, pieces }: Trial): { region: Region; ledger: Ledger } {
    const bytes = pieces.buffer().slice(0)
    const ledger = new Ledger(new Pieces({ ...this.#ground, over: bytes, held: pieces.held }), pieces.held)
    return { region: this.known(() => attach(bytes, { discipline: ledger, at: region.header })), ledger }
  }

  live(steps: number, check: number): void {
    const pieces = new Pieces({ bytes: 2 ** 16, ...this.#ground })
    const ledger = new Ledger(pieces)
    const { title: method, seed, claims } = this
    this.known(() => randomLife({ method, discipline: ledger, steps, seed, check, claims, options: this.#options }))
    equal('bytes held at the end of a life', ledger.held, 0)
    equal('a byte outside all pieces that was written to', pieces.hurt(), -1)
  }

  /** Does something while the method's name means this definition, registered or not. */
  known<T>(act: () => T, outer: MethodDef = this.definition): T {
    const mine = [outer, ...(this.#inner === undefined ? [] : [this.#inner])]
    const before = mine.map((definition) => registry.methods.register(definition))
    try {
      return act()
    } finally {
      for (const [i, { name }] of mine.entries()) {
        registry.methods.unregister(name)
        if (before[i] !== undefined) registry.methods.register(before[i])
      }
    }
  }
}

/** A region under way. */
interface Trial {
  region: Region
  watched: Watched
  pieces: Pieces
  ledger: Ledger
  method: Method
  rng: Rng
  claims: Claims
}

function questions(subject: Subject, { it }: Runner): void {
  const { claims } = subject
  const asks = (title: string, use: (trial: Trial) => void, bytes?: number) =>
    it(title, () => subject.with(use, bytes === undefined ? {} : { bytes }))

  asks('answers 0 to what is no size', refusesSizes)
  asks('answers 0 to what is no alignment', refusesAlignments)
  asks('answers 0 to sizes beyond all memory', refusesTooMuch)
  asks('refuses to free what is no block', refusesForeign)
  asks('answers free(0) with true and does nothing', freesNothing)
  asks('clears', clears)
  asks('compacts', compacts)
  asks('tells every byte of a small heap', tellsEveryByte, 2 ** 13)
  asks('goes on in a copy of its bytes as it would have here', (trial) => goesOnInCopy(subject, trial))
  asks('answers 0, false and -1 once it is closed', isClosed)
  it('lives at random, checked at each step', () => subject.live(2000, 3))
  it('lives at random, by its short ways', () => subject.live(2000, 0))
  if (claims.sizes === 'none') {
    asks('serves nothing', servesNothing)
    return
  }
  asks('hands out blocks that are aligned, apart, and inside its segments', handsOut)
  asks('gives a request of 0 bytes a block of its own', servesZero)
  asks('serves what is aligned more, or says why not', aligns)
  asks('clears all usable bytes of a zeroed block', zeroes)
  asks('goes on after memory has run out', runsOut, 2 ** 14)
  asks('is not bound by a size that it could not serve', forgetsRefused, 2 ** 14)
  asks('resizes in place, content and address kept', resizesInPlace)
  asks('moves a block when told, with its content when told', moves)
  asks('keeps a block that cannot be resized', keepsUnmoved, 2 ** 14)
  asks('stops a walk that has seen enough', stopsWalk)
  if (claims.frees === 'none') return
  asks('frees in every order that it claims', freesInOrder)
  asks('refuses to free a block twice', refusesTwice)
  asks('is not misled by a payload that looks like a free block', isNotMisled)
  const enough = subject.definition.wraps === true ? 0.9 : 1 // wrappers may put more around some blocks than others
  asks('serves again what was freed', (trial) => servesAgain(trial, enough), 2 ** 14)
}

// what they share

/** A size that the method serves: any, or its one. */
function sizeOf({ claims, region, rng }: Trial, most = 300): number {
  return claims.sizes === 'one' ? region.unit || 40 : rng.size(most)
}

function allocate(trial: Trial, count: number, most?: number): Live[] {
  const blocks: Live[] = []
  for (let i = 0; i < count; i++) {
    const live = trial.watched.alloc(sizeOf(trial, most))
    if (trial.claims.sizes !== 'none') must(live !== undefined, `alloc: answered 0 with memory for it`)
    if (live !== undefined) blocks.push(live)
  }
  return blocks
}

/** A heap with holes, as far as the method frees: busy blocks, and free or cached ones between them. */
function makeHoles(trial: Trial, count: number, most?: number): void {
  for (const [i, live] of allocate(trial, count, most).entries()) if (i % 3 !== 0) trial.watched.free(live)
  allocate(trial, count >> 2, most)
}

/** Frees one block that the method frees now. */
function freeOne({ watched, rng }: Trial): void {
  const { live } = watched.model
  watched.free(watched.claims.frees === 'newest' ? live[live.length - 1]! : rng.pick(live))
}

const blocksOf = (region: Region): BlockView[] => {
  const blocks: BlockView[] = []
  region.walk((block) => {
    blocks.push(block)
  })
  return blocks
}

// what is asked of every method

function refusesSizes(trial: Trial): void {
  const { region, watched } = trial
  const [live] = allocate(trial, 1)
  const requests = trial.ledger.calls.length
  for (const size of noSizes) {
    watched.refuses('alloc', size, () => region.alloc(size))
    watched.refuses('alloc', size, () => region.allocZeroed(size))
    watched.refuses('align', size, () => region.align(size, 16))
    if (live === undefined) continue
    watched.refuses('resize', size, () => region.resize(live.at, size))
    watched.refuses('resize', size, () => region.resize(live.at, size, { copy: true }))
  }
  equal('requests to the discipline', trial.ledger.calls.length, requests)
}

function refusesAlignments({ region, watched }: Trial): void {
  for (const alignment of noAlignments) watched.refuses('align', alignment, () => region.align(8, alignment))
}

function refusesTooMuch(trial: Trial): void {
  const { watched } = trial
  makeHoles(trial, 10)
  for (const size of [LIMIT, LIMIT - 1, LIMIT - 7, 2 ** 31, 2 ** 31 - 1, 2 ** 31 + 8, 2 ** 24]) {
    equal(`alloc(${size})`, watched.alloc(size), undefined)
    equal(`allocZeroed(${size})`, watched.alloc(size, { zeroed: true }), undefined)
    equal(`align(${size}, 4096)`, watched.alloc(size, { alignment: 4096 }), undefined)
    for (const live of watched.model.live.slice(0, 2)) {
      equal(`resize to ${size}`, watched.resize(live, size), undefined)
      equal(`resize to ${size}`, watched.resize(live, size, { copy: true }), undefined)
    }
  }
  for (const alignment of [2 ** 31, 2 ** 30]) equal('align', watched.alloc(sizeOf(trial), { alignment }), undefined)
  watched.verify()
  allocate(trial, 10)
}

function refusesForeign(trial: Trial): void {
  const { region, watched } = trial
  makeHoles(trial, 12)
  const near = watched.model.live.flatMap(({ at, size }) => [at - 8, at - 4, at - 1, at + 1, at + 4, at + 8, at + size])
  const far = [region.header, 1, 4, 8, region.buffer.byteLength, region.buffer.byteLength - 8, 2 ** 31, 2 ** 32 - 8]
  const odd = [NaN, Infinity, -Infinity, -1, -8, 0.5, 2 ** 32, 2 ** 53]
  const shifted = watched.model.live.flatMap(({ at }) => [at + 0.5, -at, at + 2 ** 32, at - 2 ** 32])
  for (const at of [...near, ...far, ...odd, ...shifted]) {
    if (watched.model.startingAt(at) !== undefined) continue
    watched.refuses('free', at, () => region.free(at))
    watched.refuses('resize', at, () => region.resize(at, 8))
    watched.refuses('resize', at, () => region.resize(at, 8, { copy: true, zero: true }))
    equal(`sizeOf(${at})`, region.sizeOf(at), -1)
  }
}

function freesNothing(trial: Trial): void {
  const { region } = trial
  makeHoles(trial, 10)
  const before = region.stat()
  let events = 0
  region.on('badaddr', () => events++)
  equal('free(0)', region.free(0), true)
  equal('events of free(0)', events, 0)
  equal('stat() after free(0)', region.stat(), before)
}

function clears(trial: Trial): void {
  const { region, watched, ledger, claims } = trial
  for (let round = 0; round < 3; round++) {
    makeHoles(trial, 100)
    const gone = [...watched.model.live]
    const { extent, highTide } = region.stat()
    watched.clear()
    watched.verify()
    const after = region.stat()
    equal('what is busy or cached after clear', after.busyBytes + after.busyBlocks + after.cachedBytes, 0)
    equal('extent after clear', after.extent, extent)
    equal('high tide after clear', after.highTide, highTide)
    for (const { at } of gone) {
      equal(`sizeOf(${at}) after clear`, region.sizeOf(at), -1)
      watched.refuses('free', at, () => region.free(at))
    }
    if (claims.coalesces) mustBeWhole(watched)
  }
  const requests = ledger.calls.length
  makeHoles(trial, 20)
  equal('requests to the discipline for what there is room for', ledger.calls.length, requests)
}

function compacts(trial: Trial): void {
  const { region, watched, ledger, method, claims } = trial
  const first = region.stat().extent
  allocate(trial, 500)
  makeHoles(trial, 100)
  watched.compact()
  watched.verify()
  watched.freeAll((live) => trial.rng.pick(live))
  const held = ledger.held
  const given = watched.compact()
  equal('bytes that the discipline was given back', held - ledger.held, given)
  watched.verify()
  if (claims.frees === 'none' || method.compact === undefined) return
  mustBeOneSegment(region)
  must(region.stat().extent <= first, `extent ${region.stat().extent} when all is freed, expected at most ${first}`)
  if (claims.coalesces) mustBeWhole(watched)
  equal('compact() again', watched.compact(), 0)
  allocate(trial, 100)
}

/** Every address there is, asked what it is. */
function tellsEveryByte(trial: Trial): void {
  const { region, watched } = trial
  makeHoles(trial, 16, 64)
  const { model } = watched
  for (let at = 0; at < region.buffer.byteLength; at++) {
    const owner = model.ownerOf(at)
    equal(`sizeOf(${at})`, region.sizeOf(at), model.startingAt(at)?.size ?? -1)
    equal(`offsetOf(${at})`, region.offsetOf(at), owner === undefined ? -1 : at - owner.at)
    if (at !== 0 && model.startingAt(at) === undefined) watched.refuses('free', at, () => region.free(at))
  }
  for (const at of [NaN, -1, 0.5, Infinity, 2 ** 32, region.buffer.byteLength]) {
    equal(`sizeOf(${at})`, region.sizeOf(at), -1)
    equal(`offsetOf(${at})`, region.offsetOf(at), -1)
  }
}

/** The same requests, here and in a copy of the bytes, neither of which gets more memory. */
function goesOnInCopy(subject: Subject, trial: Trial): void {
  const { region, watched, ledger, rng } = trial
  makeHoles(trial, 200)
  region.values.set('answer', 42)
  const copy = subject.copyOf(trial)
  const twin = copy.region
  const what = (of: Region) => [
    of.name,
    of.method,
    of.alignment,
    of.unit,
    of.header,
    of.set({}),
    of.values.get('answer'),
  ]
  equal('the copy', what(twin), what(region))
  equal('stat() of the copy', twin.stat(), region.stat())
  equal('blocks of the copy', blocksOf(twin), blocksOf(region))
  ledger.intercept = copy.ledger.intercept = () => 0
  const busy = watched.model.live.map(({ at }) => at)
  for (let step = 0; step < 200; step++) {
    const at = busy.length > 0 ? busy[rng.age(busy.length)]! : 0
    const size = sizeOf(trial)
    const draw = rng.below(10)
    const options: ResizeOptions = { copy: draw === 0, zero: rng.chance(1 / 2) }
    const alignment = 2 ** rng.below(9)
    const act = (of: Region): [string, number | boolean] => {
      if (draw < 2) return [`resize(${at}, ${size})`, of.resize(at, size, options)]
      if (draw < 5) return [`free(${at})`, of.free(at)]
      if (draw === 5) return [`align(${size}, ${alignment})`, of.align(size, alignment)]
      return [`alloc(${size})`, of.alloc(size)]
    }
    const [call, answer] = act(region)
    equal(`${call} in a copy, step ${step}`, act(twin)[1], answer)
    if (answer === 0 || answer === false) continue
    if (draw < 5 && at !== 0) busy.splice(busy.indexOf(at), 1)
    if (typeof answer === 'number') busy.push(answer)
  }
  twin.check()
  equal('stat() of the copy', twin.stat(), region.stat())
  ledger.intercept = copy.ledger.intercept = undefined
  if (!subject.definition.wraps) mustBeSameBytes(region, twin) // wrappers may keep stacks and times
  equal('close() of the copy', twin.close(), true)
  equal('bytes held by the copy after close', copy.ledger.held, 0)
  watched.restart()
}

function mustBeSameBytes(region: Region, twin: Region): void {
  const [here, there] = [new Uint8Array(region.buffer), new Uint8Array(twin.buffer)]
  equal(
    'first byte in which the copy differs',
    here.findIndex((byte, i) => byte !== there[i]),
    -1,
  )
}

function isClosed(trial: Trial): void {
  const { region, ledger } = trial
  const [live] = allocate(trial, 20)
  const at = live?.at ?? region.header
  const view = live === undefined ? undefined : region.view(Uint8Array, at)
  equal('close()', region.close(), true)
  equal('pieces not given back', ledger.pieces, [])
  const requests = ledger.calls.length
  equal('alloc', region.alloc(8), 0)
  equal('allocZeroed', region.allocZeroed(8), 0)
  equal('align', region.align(8, 64), 0)
  equal('resize', region.resize(at, 8, { copy: true }), 0)
  equal('free', region.free(at), false)
  equal('sizeOf', region.sizeOf(at), -1)
  equal('offsetOf', region.offsetOf(at), -1)
  equal('blocks', blocksOf(region), [])
  equal('segments', region.segments(), [])
  equal('clear', region.clear(), false)
  equal('close', region.close(), false)
  for (const [name, use] of Object.entries({
    buffer: () => region.buffer,
    bytes: () => region.bytes(at),
    array: () => region.array(Float64Array, at),
    view: () => region.view(Uint8Array, at),
    'a view': () => (view === undefined ? region.buffer : view.array),
  })) {
    throws(`${name} of a closed region`, 'closed', use)
  }
  equal('requests to the discipline after close', ledger.calls.length, requests)
}

function servesNothing({ watched }: Trial): void {
  for (const size of [0, 1, 8, 1000]) {
    equal(`alloc(${size})`, watched.alloc(size), undefined)
    equal(`allocZeroed(${size})`, watched.alloc(size, { zeroed: true }), undefined)
    equal(`align(${size}, 64)`, watched.alloc(size, { alignment: 64 }), undefined)
  }
}

// what is asked of a method that serves

function handsOut(trial: Trial): void {
  const { region, watched } = trial
  for (let i = 0; i < 50; i++) {
    allocate(trial, 8)
    watched.verify()
  }
  const { busyBlocks, busyBytes, highTide } = region.stat()
  equal('busy blocks', busyBlocks, 400)
  equal('high tide', highTide, busyBytes)
}

function servesZero(trial: Trial): void {
  const { watched, claims } = trial
  const places = new Set<number>()
  for (let i = 0; i < 20; i++) {
    const live = watched.alloc(0)
    must(live !== undefined, 'alloc(0): answered 0')
    places.add(live.at)
  }
  equal('places of 20 blocks of 0 bytes', places.size, 20)
  watched.verify()
  if (claims.frees !== 'none') watched.freeAll()
}

/** A method of any size serves every alignment; others may refuse, and without the member every one is refused. */
function aligns(trial: Trial): void {
  const { watched, region, method, claims } = trial
  for (let alignment = 1; alignment <= 8192; alignment *= 2) {
    for (let i = 0; i < 4; i++) {
      const size = sizeOf(trial)
      const can = alignment <= region.alignment || method.align !== undefined
      const live = can ? watched.alloc(size, { alignment }) : undefined
      if (!can) watched.refuses('align', alignment, () => region.align(size, alignment))
      else if (claims.sizes === 'any') must(live !== undefined, `align(${size}, ${alignment}): answered 0`)
    }
    watched.verify()
  }
}

function zeroes(trial: Trial): void {
  const { watched, claims } = trial
  allocate(trial, 100)
  watched.freeAll()
  for (let i = 0; i < 100; i++) watched.alloc(sizeOf(trial), { zeroed: true })
  equal('zeroed blocks', watched.model.live.length, claims.frees === 'none' ? 200 : 100)
}

function runsOut(trial: Trial): void {
  const { watched, claims, rng } = trial
  for (let round = 0; round < 4; round++) {
    let count = 0
    while (watched.alloc(sizeOf(trial)) !== undefined) must(++count < 2 ** 14, 'alloc: memory of 16 KiB never ends')
    watched.verify()
    if (claims.frees === 'none') return
    for (let i = 0; i < 4; i++) freeOne(trial)
    watched.verify()
    if (round === 1) watched.freeAll((live) => rng.pick(live))
    if (round === 2) watched.clear()
    allocate(trial, 1, 8)
  }
}

/** A region's first request fails for want of memory; what follows is served as if it had not been. */
function forgetsRefused(trial: Trial): void {
  const { region, watched, claims } = trial
  if (region.unit !== 0) return
  equal('alloc(1 MiB) of 16 KiB', watched.alloc(2 ** 20), undefined)
  equal('align(1 MiB, 64) of 16 KiB', watched.alloc(2 ** 20, { alignment: 64 }), undefined)
  equal('unit', region.unit, 0)
  allocate(trial, 3)
  if (claims.frees !== 'none') watched.freeAll()
}

function resizesInPlace(trial: Trial): void {
  const { region, watched, method, claims } = trial
  makeHoles(trial, 20)
  for (let i = 0; i < 100; i++) {
    const live = trial.rng.chance(1 / 2)
      ? watched.model.live[watched.model.live.length - 1]!
      : trial.rng.pick(watched.model.live)
    const size = sizeOf(trial)
    const now = watched.resize(live, size, { zero: true })
    if (method.resize === undefined) equal('resize in place of a method without', now, undefined)
    else if (claims.frees === 'any' && claims.sizes === 'any' && size <= live.size) {
      must(now !== undefined, `resize from ${live.size} to ${size} bytes: answered 0`)
    }
  }
  watched.verify()
  const fresh = region.resize(0, sizeOf(trial))
  must(fresh !== 0, 'resize(0, size): answered 0, expected what alloc answers')
  watched.restart()
}

function moves(trial: Trial): void {
  const { watched, rng, claims } = trial
  makeHoles(trial, 20)
  let moved = 0
  for (let i = 0; i < 200; i++) {
    const live = rng.pick(watched.model.live)
    const options: ResizeOptions = { move: rng.chance(1 / 2), copy: rng.chance(1 / 2), zero: rng.chance(1 / 2) }
    const now = watched.resize(live, sizeOf(trial), options)
    if (now !== undefined && now.at !== live.at) moved++
  }
  watched.verify()
  if (claims.sizes === 'any') must(moved > 0, 'resize with move: no block ever moved')
}

/** Memory is full: no block can become larger, each is what it was. */
function keepsUnmoved(trial: Trial): void {
  const { watched } = trial
  while (watched.alloc(sizeOf(trial)) !== undefined);
  const before = watched.model.live.map(({ at, size }) => [at, size])
  for (const live of [...watched.model.live]) {
    equal('resize beyond all memory', watched.resize(live, 2 ** 20), undefined)
    equal('resize beyond all memory', watched.resize(live, 2 ** 20, { copy: true, zero: true }), undefined)
  }
  equal(
    'blocks',
    watched.model.live.map(({ at, size }) => [at, size]),
    before,
  )
}

function stopsWalk(trial: Trial): void {
  makeHoles(trial, 20)
  const all = blocksOf(trial.region).length
  for (let most = 1; most <= all; most++) {
    let seen = 0
    trial.region.walk(() => ++seen < most)
    equal(`blocks seen by a walk that stops at ${most}`, seen, most)
  }
}

// what is asked of a method that frees

function freesInOrder(trial: Trial): void {
  const { watched, claims, rng } = trial
  const orders: ((live: readonly Live[]) => Live)[] = [
    (live) => live[live.length - 1]!,
    (live) => live[0]!,
    (live) => live[live.length >> 1]!,
    (live) => rng.pick(live),
  ]
  for (const next of orders) {
    allocate(trial, 60, 1000)
    if (claims.frees === 'newest') for (const live of watched.model.live.slice(0, -1)) watched.free(live)
    watched.freeAll(next)
    watched.verify()
    watched.compact()
    watched.verify()
    if (claims.coalesces) mustBeWhole(watched)
  }
}

function refusesTwice(trial: Trial): void {
  const { region, watched } = trial
  const gone: number[] = []
  const refuse = () => {
    for (const at of gone) {
      if (watched.model.startingAt(at) !== undefined) continue
      watched.refuses('free', at, () => region.free(at))
      watched.refuses('resize', at, () => region.resize(at, 8, { move: true }))
    }
  }
  for (let round = 0; round < 3; round++) {
    allocate(trial, 30, 1000)
    while (watched.model.live.length > 4) {
      const before = [...watched.model.live]
      freeOne(trial)
      gone.push(...before.filter((live) => watched.model.startingAt(live.at) === undefined).map(({ at }) => at))
      refuse()
    }
    watched.compact()
    refuse()
  }
}

/** A client may write what it likes; at worst just what the method itself wrote when the block was free. */
function isNotMisled(trial: Trial): void {
  const { region, watched } = trial
  const blocks = allocate(trial, 40)
  const free = new Map<number, Uint8Array>()
  while (watched.model.live.length > 20) freeOne(trial)
  for (const { at, size } of blocks)
    if (watched.model.startingAt(at) === undefined) free.set(at, watched.bytes.slice(at, at + size))
  const again = allocate(trial, 30)
  for (const { at, size } of again) {
    const looks = free.get(at) ?? [...free.values()][0]!
    watched.bytes.set(looks.subarray(0, Math.min(size, looks.length)), at)
  }
  region.check()
  for (const live of [...watched.model.live].reverse()) {
    equal(`sizeOf(${live.at})`, region.sizeOf(live.at), live.size)
    equal(`offsetOf(${live.at})`, region.offsetOf(live.at), live.size > 0 ? 0 : -1)
    equal(`free(${live.at})`, region.free(live.at), true)
    watched.model.gave(live)
    region.check()
  }
  equal('busy blocks', region.stat().busyBlocks, 0)
}

/** At least as many blocks fit as before, or that part of them, in the memory of those that were freed. */
function servesAgain(trial: Trial, part: number): void {
  const { watched } = trial
  const size = sizeOf(trial, 100)
  const fill = () => {
    let count = 0
    while (watched.alloc(size) !== undefined) count++
    return count
  }
  const first = fill()
  for (let round = 0; round < 3; round++) {
    watched.freeAll((live) => trial.rng.pick(live))
    const again = fill()
    must(again >= part * first, `${again} blocks of ${size} bytes fit again, expected ${first} or more`)
  }
}
