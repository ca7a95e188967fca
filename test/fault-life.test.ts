/**
 * fault-life: a whole life, held against a model at each step, in which one request to the discipline, each in its turn,
 * or all that one operation makes, or all from then on, are refused, answered with nonsense, or end in an exception.
 *
 * What must be: an operation answers 0, or throws what the discipline threw, or says what it answered; it has changed
 * nothing, the region is sound, and the same operation succeeds as soon as the discipline serves again. In the end every
 * piece is given back, but for one that the discipline itself refused to take.
 */
import { expect } from 'chai'
import { type Discipline, open, type Region, VmallocError } from '../src/index.ts'
import { type Call, disciplineOver, Ledger, Pieces, Rng, Watched } from './conformance/index.ts'

const KIB = 1024

/** What happens instead of the answer to request `n` of operation `operation`; undefined lets it through. */
type Trouble = (n: number, operation: number, call: Omit<Call, 'answer'>) => unknown

/** Where a region lives, and the ledger that stands in the way: right below it, or below the region it is nested in. */
interface Stage {
  readonly discipline: Discipline
  readonly ledger: Ledger
  readonly parent?: Region
}

class Life {
  readonly ledger: Ledger
  readonly #stage: Stage
  readonly #rng = new Rng(1)
  readonly #method: string
  #operation = 0
  #watched: Watched | undefined
  /** Whether memory may be refused for good: then operations need not succeed. */
  readonly #forGood: boolean

  constructor(method: string, stage: Stage, trouble: Trouble | undefined, forGood = false) {
    this.#method = method
    this.#stage = stage
    this.#forGood = forGood
    this.ledger = stage.ledger
    const before = this.ledger.calls.length
    if (trouble !== undefined) this.ledger.intercept = (n, call) => trouble(n - before, this.#operation, call)
  }

  /** Lives; the number of requests that were made. */
  live(): number {
    const before = this.ledger.calls.length
    const { parent } = this.#stage
    const region = this.#try(() => this.#open())
    if (region !== undefined) this.#use(region)
    else if (parent === undefined) expect(this.ledger.pieces, 'held when nothing could be opened').to.deep.equal([])
    parent?.check()
    expect(parent?.stat().busyBlocks ?? 0, 'blocks of the parent that are left').to.equal(0)
    return this.ledger.calls.length - before
  }

  #use(region: Region): void {
    const watched = new Watched(region)
    this.#watched = watched
    const size = (most: number) => region.unit || this.#rng.size(most)
    const any = watched.claims.sizes === 'any'
    for (let i = 0; i < 24; i++) this.#try(() => watched.alloc(size(3000)))
    if (any) for (let i = 0; i < 3; i++) this.#try(() => watched.alloc(size(300), { alignment: 1024 }))
    for (let i = 0; i < 12; i++) this.#free(i)
    this.#compact()
    for (let i = 0; i < 6; i++) this.#resize(i, size(9000))
    for (const key of ['a', 'b', 'c', 'd', 'e', 'f']) this.#try(() => region.values.set(key, 1) || undefined)
    this.#try(() => watched.alloc(region.unit || 20_000, { zeroed: true }))
    while (watched.model.live.length > 2) this.#free(0)
    this.#compact()
    this.#try(() => watched.alloc(size(3000)))
    this.#close(region)
  }

  #open(): Region | undefined {
    const element = this.#method === 'pool' ? { element: 700 } : {}
    try {
      return open({ method: this.#method, discipline: this.#stage.discipline, name: 'faulty', check: 3, ...element })
    } catch (error) {
      if (error instanceof VmallocError && error.code === 'no-memory') return undefined
      throw error
    }
  }

  #free(i: number): void {
    const { model, claims } = this.#watched!
    const live = model.live[claims.frees === 'any' ? i % model.live.length : model.live.length - 1]
    if (live !== undefined) this.#watched!.free(live)
  }

  #resize(i: number, size: number): void {
    const { model } = this.#watched!
    this.#try(() => {
      const live = model.live[i % model.live.length]
      return live === undefined ? true : this.#watched!.resize(live, size, { copy: true })
    })
  }

  #compact(): void {
    this.#try(() => this.#watched!.compact() >= 0 || undefined)
  }

  /** Closes; every piece was offered to the discipline, whatever became of the one before. */
  #close(region: Region): void {
    const { ledger } = this
    this.#operation++
    const before = ledger.calls.length
    try {
      expect(region.close()).to.equal(true)
    } catch (error) {
      this.#mustBeOurs(error)
    }
    expect(region.closed).to.equal(true)
    if (this.#stage.parent !== undefined) return
    const asked = ledger.calls.slice(before)
    expect(asked.every(({ request }) => request === 'give back')).to.equal(true)
    const never = ledger.pieces.filter((piece) => !asked.some(({ at }) => at === piece.at))
    expect(never, 'pieces that the discipline was never asked to take').to.deep.equal([])
  }

  /** Does something that may fail; if it did, all is as before, and it succeeds the second time. */
  #try<T>(act: () => T | undefined): T | undefined {
    this.#operation++
    let result: T | undefined
    try {
      result = act()
    } catch (error) {
      this.#mustBeOurs(error)
    }
    if (result !== undefined) return result
    this.#watched?.verify()
    this.#operation++
    if (this.#forGood) return undefined
    result = act()
    expect(result, 'the second time').to.not.equal(undefined)
    return result
  }

  #mustBeOurs(error: unknown): void {
    if (error === onPurpose) return
    if (error instanceof VmallocError && error.code === 'argument' && error.message.includes(' answered ')) return
    throw error
  }
}

const onPurpose = new Error('thrown on purpose')
const nonsense: readonly unknown[] = [NaN, -8, 1.5, Infinity, 2 ** 33, 2 ** 53, '64', null, {}, true]

const over = (inner: Discipline): Stage => {
  const ledger = new Ledger(inner)
  return { discipline: ledger, ledger }
}

const nestedIn = (method: string, inner: Discipline): Stage => {
  const ledger = new Ledger(inner)
  const parent = open({ discipline: ledger, method, check: 3 })
  return { discipline: disciplineOver(parent), ledger, parent }
}

const stages: Readonly<Record<string, () => Stage>> = {
  'many pieces': () => over(new Pieces({ bytes: 256 * KIB, grows: false, skew: 3, round: 24 })),
  'one piece that grows': () => over(disciplineOver(new ArrayBuffer(256 * KIB))),
  'a buffer that moves': () => over(new Pieces({ bytes: 256 * KIB, moves: true })),
  'a nested region': () => over(disciplineOver(open({ discipline: new ArrayBuffer(512 * KIB), check: 3 }))),
  'a region whose parent is refused': () => nestedIn('best', new Pieces({ bytes: 512 * KIB, grows: false })),
}

describe('a life in which the discipline fails', () => {
  const troubles: Readonly<Record<string, (k: number) => Trouble>> = {
    'refuses request k': (k) => (n) => (n === k ? 0 : undefined),
    'refuses all that one operation asks for': (k) => {
      let hit = 0
      return (n, operation) => {
        if (n >= k && hit === 0) hit = operation
        return operation === hit ? 0 : undefined
      }
    },
    'throws at request k': (k) => (n) => {
      if (n === k) throw onPurpose
      return undefined
    },
    'answers request k with nonsense': (k) => (n) => (n === k ? nonsense[k % nonsense.length] : undefined),
    'answers request k with an address outside the buffer': (k) => (n, _operation, call) =>
      n === k ? (call.had === 0 ? 2 ** 30 : call.at + 8) : undefined,
  }
  for (const method of ['best', 'last', 'pool']) {
    for (const [where, stage] of Object.entries(stages)) {
      for (const [what, trouble] of Object.entries(troubles)) {
        it(`${what}, for every k: ${method} over ${where}`, () => {
          const requests = new Life(method, stage(), undefined).live()
          expect(requests).to.be.greaterThan(4)
          for (let k = 1; k <= requests; k++) {
            const there = stage()
            try {
              new Life(method, there, trouble(k)).live()
            } catch (error) {
              throw new Error(`k = ${k}: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
            }
            const { inner } = there.ledger
            if (inner instanceof Pieces) expect(inner.hurt(), `k = ${k}: byte outside all pieces`).to.equal(-1)
          }
        })
      }
      it(`refuses everything from request k on, for every k: ${method} over ${where}`, () => {
        const requests = new Life(method, stage(), undefined).live()
        for (let k = 1; k <= requests; k++) new Life(method, stage(), (n) => (n >= k ? 0 : undefined), true).live()
      })
    }
  }
})
