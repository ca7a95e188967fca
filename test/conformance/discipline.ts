/**
 * discipline: what every source of raw memory must do, as a suite for any test runner.
 *
 *   import { describe, it } from 'node:test'
 *   import 'vmalloc'
 *   import { disciplineSuite } from 'vmalloc/conformance'
 *   import { mapped } from './mapped.ts'
 *
 *   disciplineSuite('mapped', () => mapped('/dev/shm/test', 2 ** 20), { describe, it, seed: process.env.SEED })
 *
 * `make` gives a new one each time: a discipline, or whatever else `open` takes as one, such as an ArrayBuffer or a
 * region. First the four requests are made by hand; each answer must be as the contract has it (src/contract/discipline.ts),
 * and no request, granted or refused, may touch what is held. Then every method that is registered lives on it.
 */
import type { Discipline, Region } from '../../src/contract/region.ts'
import { roundUp } from '../../src/ground/bits.ts'
import { type OpenOptions, open } from '../../src/region/open.ts'
import { registry } from '../../src/region/registry.ts'
import { equal, fail, must, type Runner, throws } from './expect.ts'
import { Ledger } from './ledger.ts'
import { type Live, mustBePainted, paint } from './model.ts'
import { Pieces } from './pieces.ts'
import { randomLife } from './region.ts'
import { Rng, seedFrom } from './rng.ts'
import { Watched } from './watched.ts'

export interface DisciplineHooks extends Runner {
  /** What `seedFrom` understands; drawn when absent. */
  seed?: string | number | undefined
  /** Bytes that it can surely give: 64 KiB when absent, 0 for one that refuses everything. */
  room?: number
}

type Source = Exclude<OpenOptions['discipline'], string | undefined>

/** More than any space can hold. */
const FAR_TOO_MUCH = 2 ** 40
const ROOM = 2 ** 16

/** Asks everything of a discipline. */
export function disciplineSuite(name: string, make: () => Source, hooks: DisciplineHooks): void {
  const { describe, it, room = ROOM } = hooks
  const seed = seedFrom(hooks.seed)
  const asks = (title: string, use: (ledger: Ledger, rng: Rng) => void) =>
    it(title, () => use(new Ledger(disciplineOver(make())), new Rng(seed)))

  describe(`discipline ${name}, SEED=${seed}`, () => {
    asks('says what it is', introducesItself)
    asks('refuses what is beyond all memory, and nothing changes', refusesTooMuch)
    if (room === 0) {
      asks('refuses every request', refusesAll)
      return
    }
    asks('gives a new piece inside its buffer', givesNew)
    asks('grows a piece where it is, with its content', grows)
    asks('shrinks a piece and spares what is held', shrinks)
    asks('takes a piece back, and has it to give again', takesBack)
    asks('keeps pieces apart through requests at random', (ledger, rng) => answersAtRandom(ledger, rng, room))
    asks('is asked for whole granules and given everything back', servesRegion)
    asks('serves a region again after another was closed', servesTwice)
    for (const { name: method, sizes, wraps } of registry.methods.all()) {
      if (sizes === 'none' || wraps === true) continue
      for (const check of [3, 0]) {
        it(`lets ${method} live, at check level ${check}`, () => {
          randomLife({ method, discipline: make(), steps: 1000, seed, check, largest: room >>> 6 })
        })
      }
    }
  })
}

/** The discipline over whatever `open` takes as one. */
export function disciplineOver(given: Source): Discipline {
  if ('memory' in given && typeof given.memory === 'function') return given as Discipline
  for (const definition of registry.disciplines.all()) {
    const made = definition.over?.(given)
    if (made !== undefined) return made
  }
  fail("conformance: no discipline is registered for that; import 'vmalloc' first")
}

/** Somebody in whose name requests are made by hand: a region that says it holds what the ledger knows of. */
function somebody(ledger: Ledger): Region {
  const region = open({ discipline: new Pieces(), method: registry.methods.all()[0]!, name: 'somebody' })
  return new Proxy(region, {
    get(target, key) {
      if (key === 'segments') return () => ledger.pieces
      const value: unknown = Reflect.get(target, key, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

const wholeGranules = (ledger: Ledger, bytes: number) => roundUp(Math.max(bytes, 1), ledger.round)

/** A piece that was asked for by hand; its bytes are painted as those of a block are. */
type Held = Live

function bytesOf(ledger: Ledger): Uint8Array {
  return new Uint8Array(ledger.buffer())
}

function newPiece(ledger: Ledger, region: Region, bytes: number, owner = 1): Held | undefined {
  const size = wholeGranules(ledger, bytes)
  const at = ledger.memory(region, 0, 0, size)
  if (at === 0) return undefined
  const piece = { at, size, owner }
  paint(bytesOf(ledger), piece)
  return piece
}

/** The piece with another size, or as it was when that is refused; what it keeps of its bytes is looked at. */
function change(ledger: Ledger, region: Region, piece: Held, want: number): Held {
  const answer = ledger.memory(region, piece.at, piece.size, want)
  mustBePainted(bytesOf(ledger), piece, piece.at, answer === 0 ? piece.size : Math.min(piece.size, want))
  if (answer === 0) return piece
  const now = { ...piece, size: want }
  paint(bytesOf(ledger), now)
  return now
}

// by hand

function introducesItself(ledger: Ledger): void {
  const { inner } = ledger
  must(typeof inner.name === 'string' && inner.name !== '', `name: ${String(inner.name)}, expected a text`)
  const { round = 8, base = 0 } = inner
  must(Number.isInteger(round) && round > 0, `round: ${round}, expected a whole number from 1 on`)
  must(Number.isInteger(base) && base >= 0 && base % 8 === 0, `base: ${base}, expected a multiple of 8`)
  const buffer = inner.buffer()
  const isBuffer =
    buffer instanceof ArrayBuffer || Object.prototype.toString.call(buffer) === '[object SharedArrayBuffer]'
  must(isBuffer, `buffer(): ${String(buffer)}, expected an ArrayBuffer or a SharedArrayBuffer`)
}

function refusesTooMuch(ledger: Ledger): void {
  const region = somebody(ledger)
  const want = wholeGranules(ledger, FAR_TOO_MUCH)
  const { byteLength } = ledger.buffer()
  equal('new, of 1 TiB', ledger.memory(region, 0, 0, want), 0)
  equal('length of the buffer after a refusal', ledger.buffer().byteLength, byteLength)
  const piece = newPiece(ledger, region, 1024)
  if (piece === undefined) return
  equal('grow, to 1 TiB', change(ledger, region, piece, wholeGranules(ledger, FAR_TOO_MUCH)), piece)
}

function refusesAll(ledger: Ledger): void {
  for (const bytes of [1, 8, 1024, 2 ** 20])
    equal(`new, of ${bytes}`, newPiece(ledger, somebody(ledger), bytes), undefined)
  for (const { name: method } of registry.methods.all()) {
    throws(`open with method ${method}`, 'no-memory', () => open({ discipline: ledger, method }))
  }
}

function givesNew(ledger: Ledger): void {
  const piece = newPiece(ledger, somebody(ledger), 4096)
  must(piece !== undefined, 'new, of 4096 bytes: refused')
  mustBePainted(bytesOf(ledger), piece, piece.at, piece.size)
}

function grows(ledger: Ledger): void {
  const region = somebody(ledger)
  let piece = newPiece(ledger, region, 1024)
  must(piece !== undefined, 'new, of 1024 bytes: refused')
  for (let bytes = 2048; bytes <= ROOM / 2; bytes *= 2) {
    piece = change(ledger, region, piece, Math.max(wholeGranules(ledger, bytes), piece.size + ledger.round))
  }
}

function shrinks(ledger: Ledger): void {
  const region = somebody(ledger)
  let piece = newPiece(ledger, region, 16384)
  must(piece !== undefined, 'new, of 16384 bytes: refused')
  for (let bytes = 8192; bytes >= 512; bytes /= 2) {
    const want = wholeGranules(ledger, bytes)
    if (want < piece.size) piece = change(ledger, region, piece, want)
  }
}

function takesBack(ledger: Ledger): void {
  const region = somebody(ledger)
  for (let round = 0; round < 3; round++) {
    const piece = newPiece(ledger, region, 4096)
    must(piece !== undefined, `new, of 4096 bytes, for time ${round + 1}: refused`)
    const answer = ledger.memory(region, piece.at, piece.size, 0)
    must(answer === piece.at, `give back: answered ${answer}, expected ${piece.at}, for nothing else is held`)
  }
}

function answersAtRandom(ledger: Ledger, rng: Rng, room: number): void {
  const region = somebody(ledger)
  const held: Held[] = []
  for (let step = 0; step < 500; step++) {
    const { byteLength } = ledger.buffer()
    const before = ledger.calls.length
    const i = rng.below(held.length)
    const piece = held[i]
    const draw = rng.below(4)
    if (piece === undefined || draw === 0) {
      const fresh = newPiece(ledger, region, rng.size(room >>> 4), step + 1)
      if (fresh !== undefined) held.push(fresh)
    } else if (draw === 1) held[i] = change(ledger, region, piece, piece.size + wholeGranules(ledger, rng.size(4096)))
    else if (draw === 2) {
      const want = wholeGranules(ledger, rng.below(piece.size))
      if (want < piece.size) held[i] = change(ledger, region, piece, want)
    } else if (ledger.memory(region, piece.at, piece.size, 0) !== 0) held.splice(i, 1)
    const call = ledger.calls[before]
    if (call?.answer === 0)
      equal(`length of the buffer after a refused ${call.request}`, ledger.buffer().byteLength, byteLength)
    for (const other of held) mustBePainted(bytesOf(ledger), other, other.at, other.size)
  }
}

// with regions

function servesRegion(ledger: Ledger): void {
  const region = open({ discipline: ledger, method: 'best', check: 3 })
  const watched = new Watched(region)
  let live: Live | undefined
  do live = watched.alloc(500)
  while (live !== undefined && watched.model.live.length < 200)
  must(watched.model.live.length > 0, 'alloc(500): answered 0, the first time')
  watched.verify()
  watched.freeAll((all) => all[0]!)
  const held = ledger.held
  const given = watched.compact()
  equal('bytes given back', held - ledger.held, given)
  watched.verify()
  equal('close()', region.close(), true)
  const refused = ledger.calls.some(({ request, answer }) => request === 'give back' && answer === 0)
  if (!refused) equal('pieces held after close', ledger.pieces, [])
}

function servesTwice(ledger: Ledger): void {
  for (let round = 0; round < 3; round++) {
    const region = open({ discipline: ledger, method: 'best', check: 3 })
    must(region.alloc(100) !== 0, `alloc(100) in region ${round + 1}: answered 0`)
    equal('close()', region.close(), true)
  }
}
