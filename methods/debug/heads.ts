/**
 * heads: the word before each payload, where that is the wrapped method's and also debug's left guard.
 *
 *   | HEAD | payload ... | words | HEAD | payload ... | words | HEAD | free ... | tail | HEAD |
 *     '--- bytes to the next one ---^
 *
 * Each guarded block says by its own words how long it is (see behind.ts); what HEAD must be then the wrapped method knows.
 * One that is otherwise was overwritten: that is told with the block behind it, and HEAD is written anew, before the
 * wrapped method goes by it. The end of a free left neighbour, of which HEAD tells, is put right likewise.
 *
 * A walk from head to head goes astray at a wrong one, so each is tried before the walk comes by; and again from the start
 * where the walk was there already. What is neither a head nor has words in order ends it: the rest is told as damage of
 * the wrapped method.
 *
 * mend costs O(blocks), and a look at free memory; isInOrder O(1).
 */
import { type Addr, NIL } from '../../src/contract/addr.ts'
import type { Method } from '../../src/contract/method.ts'
import type { State } from '../../src/contract/stat.ts'
import type { Store } from '../../src/contract/store.ts'
import { roundUp } from '../../src/ground/bits.ts'
import { type BlocksBehind, differing } from './behind.ts'
import { differsAt } from './bytes.ts'
import type { Notes } from './notes.ts'

/** A walk begins anew at most so often. */
const MOST_WALKS = 4096

export class Heads {
  private readonly store: Store
  private readonly inner: Method
  private readonly blocks: BlocksBehind
  private readonly notes: Notes

  constructor(store: Store, inner: Method, blocks: BlocksBehind, notes: Notes) {
    this.store = store
    this.inner = inner
    this.blocks = blocks
    this.notes = notes
  }

  /** Whether the wrapped method can take a block back, as far as its head and the next one say. */
  isInOrder(p: Addr, span: number): boolean {
    return this.blocks.isHeadWhole(p, span) && this.isHead(p + span + 4)
  }

  /** All heads, where that of a block is wrong. */
  mendAt({ p, span }: { readonly p: Addr; readonly span: number }, above: unknown): void {
    if (!this.blocks.isHeadWhole(p, span)) this.mend(above)
  }

  /** Tells of each head that was overwritten, and puts it right; whether there was one. */
  mend(above: unknown): boolean {
    const { count } = this.notes
    for (let left = MOST_WALKS; left > 0 && !this.walk(above); left--);
    return this.notes.count > count
  }

  /** One walk; false where it went astray at a head that is right now. */
  private walk(above: unknown): boolean {
    const { store, inner } = this
    for (let segment = store.first; segment !== 0; segment = store.next(segment)) {
      this.find(roundUp(store.base(segment) + 4 + store.bias, store.align) - store.bias, NIL, above)
    }
    let isRight = true
    let before = NIL // the block before, where that may be free
    let end = NIL
    inner.walk((p, usable, state) => {
      const left = p === end ? before : NIL
      const span = this.spanOf(p, usable, state)
      const isGuarded = span >= 0
      if (isGuarded && !this.blocks.isHeadWhole(p, span)) this.write(p, span, left, above)
      if (isGuarded && span !== usable) {
        isRight = false
        return false
      }
      before = isGuarded ? NIL : p
      end = p + usable + 4
      this.find(end, before, above)
      return true
    })
    return isRight
  }

  /** Bytes of the guarded block at p, by its own words; -1 where there is none. */
  private spanOf(p: Addr, usable: number, state: State): number {
    if (this.blocks.isOwn(p, usable)) return usable
    const isWide = (state === 'busy' && !this.blocks.isMixed) || !this.isHead(p)
    return this.blocks.spanFrom(p, isWide ? this.limitAt(p) : p + usable)
  }

  /** The block at p, before which there is no head: it gets one where its words are in order. */
  private find(p: Addr, left: Addr, above: unknown): void {
    if (this.isHead(p)) return
    const span = this.blocks.spanFrom(p, this.limitAt(p))
    if (span >= 0) this.write(p, span, left, above)
  }

  /** Whether the word before p can be a head: its size leads to another one, or it stands at the end of a segment. */
  private isHead(p: Addr): boolean {
    const m = this.blocks.words.i32
    const c = p >>> 2
    const head = m[c - 1]!
    const bytes = head & -8
    if ((head & 3) !== 3) return false
    return bytes === 0 ? this.limitAt(p - 4) - p < this.store.align : (m[c + (bytes >>> 2) - 1]! & 3) === 3
  }

  private limitAt(p: Addr): Addr {
    const segment = this.store.find(p)
    return segment === 0 ? 0 : this.store.limit(segment)
  }

  /** Writes the head of a block, and tells what was there otherwise. */
  private write(p: Addr, span: number, left: Addr, above: unknown): void {
    const { words } = this.blocks
    const m = words.i32
    const c = p >>> 2
    const had = [m[c - 2]!, m[c - 1]!] as const
    if (this.inner.mendHead === undefined) m[c - 1] = ((span + 4) | 3) + (had[1] & 4)
    else this.inner.mendHead(p, span, left)
    const has = [m[c - 2]!, m[c - 1]!] as const
    m[c - 2] = had[0]
    m[c - 1] = had[1]
    const inTail = differsAt(words.u8, p - 8, has[0])
    const place = inTail >= 0 ? inTail : differsAt(words.u8, p - 4, has[1])
    const block = this.blocks.inside(p, span)
    if (place >= 0 && block !== undefined) {
      const count = differing(had[0], has[0]) + differing(had[1], has[1])
      const kind = block.condition === 'live' ? 'underflow' : 'write-after-free'
      this.notes.harm({ kind, place, count }, block, above)
    }
    m[c - 2] = has[0]
    m[c - 1] = has[1]
  }
}
