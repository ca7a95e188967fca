/**
 * places: in which region of a space an address lies, of those that heaps draw from.
 *
 *   growing   regions of heaps that allocate: looked at anew where an address is not found
 *   fixed     regions that get no more segments: looked at once, when something is asked for the first time afterwards
 *   spans     their segments as they were seen last, in order of address
 *
 *            | span | span |      | span |  ...        the last that begins before an address is the one
 *
 * What is found is told only if that region has a block there, so a span may be out of date: it goes when it is met, or
 * when half of all are those of closed regions.
 */
import type { Addr } from '../contract/addr.ts'
import type { Region } from '../contract/region.ts'

interface Holder {
  readonly region: Region
}

interface Span<P> {
  readonly start: number
  readonly end: number
  readonly piece: P
}

const FEW = 64

export class Places<P extends Holder> {
  /** With the extent that each had when it was looked at. */
  private readonly growing = new Map<P, number>()
  private fixed: P[] = []
  private spans: Span<P>[] = []
  private gone = 0

  /** A region that can get more segments. */
  add(piece: P): void {
    this.growing.set(piece, 0)
  }

  /** It gets no more of them. */
  fix(piece: P): void {
    if (this.growing.delete(piece)) this.fixed.push(piece)
  }

  /** A region that is about to be closed. */
  remove(piece: P): void {
    this.growing.delete(piece)
    if (++this.gone < FEW || this.gone * 2 < this.spans.length) return
    this.spans = this.spans.filter(({ piece }) => !piece.region.closed)
    this.gone = 0
  }

  /** Whose region has a block at an address. */
  find(at: Addr): P | undefined {
    const known = this.known(at)
    if (known !== undefined) return known
    this.look(false)
    return this.known(at) ?? this.knownAfterAll(at)
  }

  private known(at: Addr): P | undefined {
    const span = this.spans[this.after(at) - 1]
    return span !== undefined && at < span.end && span.piece.region.sizeOf(at) >= 0 ? span.piece : undefined
  }

  /** Regions that gave segments away and got others have the extent that they had. */
  private knownAfterAll(at: Addr): P | undefined {
    this.look(true)
    return this.known(at)
  }

  private look(atAll: boolean): void {
    for (const [piece, extent] of this.growing) {
      if (piece.region.extent === extent && !atAll) continue
      this.growing.set(piece, piece.region.extent)
      this.enter(piece)
    }
    for (const piece of this.fixed) this.enter(piece)
    this.fixed = []
  }

  /** Its segments take the place of what was seen there before; what that had around them may still be true. */
  private enter(piece: P): void {
    for (const { at: start, size } of piece.region.segments()) {
      const end = start + size
      const from = this.after(start)
      const before = this.spans[from - 1]
      const first = before !== undefined && before.end > start ? from - 1 : from
      let next = from
      while (next < this.spans.length && this.spans[next]!.start < end) next++
      const others = this.spans.slice(first, next).filter((span) => span.piece !== piece)
      const left = others.filter((span) => span.start < start).map((span) => ({ ...span, end: start }))
      const right = others.filter((span) => span.end > end).map((span) => ({ ...span, start: end }))
      this.spans.splice(first, next - first, ...left, { start, end, piece }, ...right)
    }
  }

  /** How many spans begin at or before an address. */
  private after(at: number): number {
    let [low, high] = [0, this.spans.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.spans[middle]!.start <= at) low = middle + 1
      else high = middle
    }
    return low
  }
}
