/**
 * ledger: a discipline around another that writes down every request and its answer, and holds both sides to the
 * contract: a region asks for whole multiples of `round` and names pieces it was given; what it is given lies inside
 * the buffer, apart from all other pieces, and a piece that changes its length stays where it is.
 *
 * It can also stand in the way: `intercept` sees each request before the discipline does, and may answer, or throw, in
 * its stead.
 */
import type { Discipline, DisciplineEvent, Region } from '../../src/contract/region.ts'
import { must } from './expect.ts'
import type { Piece } from './pieces.ts'

export interface Call {
  readonly request: 'new' | 'grow' | 'shrink' | 'give back'
  readonly at: number
  readonly had: number
  readonly want: number
  /** The address, or 0 when it was refused. */
  readonly answer: number
}

export class Ledger implements Discipline {
  readonly name: string
  readonly inner: Discipline
  readonly calls: Call[] = []
  /** Events of the handler, in order; those it forwards it answers as the inner discipline does. */
  readonly events: { event: DisciplineEvent; data: unknown }[] = []
  readonly share?: () => unknown
  /** Sees request number `n`, from 1 on; undefined lets it through. */
  intercept: ((n: number, call: Omit<Call, 'answer'>) => unknown) | undefined
  /** Answers events instead of the inner discipline. */
  handler: Discipline['exception']

  readonly #pieces = new Map<number, number>()

  constructor(inner: Discipline, held: readonly Piece[] = []) {
    this.inner = inner
    this.name = inner.name
    this.handler = inner.exception?.bind(inner)
    if (inner.share !== undefined) this.share = () => inner.share?.()
    for (const { at, size } of held) this.#pieces.set(at, size)
  }

  get round(): number {
    return this.inner.round ?? 8
  }

  get base(): number {
    return this.inner.base ?? 0
  }

  get parent(): Region | undefined {
    return this.inner.parent
  }

  buffer(): ArrayBufferLike {
    return this.inner.buffer()
  }

  exception(region: Region, event: DisciplineEvent, data: unknown): number | void {
    this.events.push({ event, data })
    return this.handler?.(region, event, data)
  }

  memory(region: Region, at: number, had: number, want: number): number {
    const request = had === 0 ? 'new' : want > had ? 'grow' : want > 0 ? 'shrink' : 'give back'
    const what = `${this.name}: ${request} (at ${at}, had ${had}, want ${want})`
    const { round } = this
    must(Number.isInteger(want) && want >= 0 && want % round === 0, `${what}: expected a multiple of ${round}`)
    if (had === 0) must(at === 0 && want > 0, `${what}: expected address 0 and a size`)
    else must(this.#pieces.get(at) === had && want !== had, `${what}: of the pieces ${this.#text()}`)
    const call = { request, at, had, want } as const
    const n = this.calls.push({ ...call, answer: 0 }) // what a request that throws has answered
    const instead = this.intercept?.(n, call)
    const answer = instead === undefined ? this.inner.memory(region, at, had, want) : (instead as number)
    this.calls[n - 1] = { ...call, answer }
    if (instead === undefined && answer !== 0) this.#granted(call, answer, what)
    return answer
  }

  /** Bytes held now. */
  get held(): number {
    let sum = 0
    for (const size of this.#pieces.values()) sum += size
    return sum
  }

  /** Pieces held now. */
  get pieces(): Piece[] {
    return [...this.#pieces].map(([at, size]) => ({ at, size }))
  }

  /** How many requests of a kind were granted. */
  granted(request: Call['request']): number {
    return this.calls.filter((call) => call.request === request && call.answer !== 0).length
  }

  #granted({ at, had, want }: Omit<Call, 'answer'>, answer: number, what: string): void {
    if (had !== 0) must(answer === at, `${what}: answered ${answer}, expected ${at}, or 0 to refuse`)
    else must(Number.isInteger(answer) && answer > this.base, `${what}: answered ${answer}, expected an address`)
    this.#pieces.delete(at)
    if (want === 0) return
    const room = this.buffer().byteLength
    must(answer + want <= room, `${what}: answered ${answer}, but the buffer has ${room} bytes`)
    for (const [start, size] of this.#pieces) {
      must(
        answer >= start + size || answer + want <= start,
        `${what}: answered ${answer}, inside [${start}, ${start + size})`,
      )
    }
    this.#pieces.set(answer, want)
  }

  #text(): string {
    return this.pieces.map(({ at, size }) => `[${at}, ${at + size})`).join(' ') || 'none'
  }
}
