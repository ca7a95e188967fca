/**
 * flow: what one end says to the other over TCP, put together in the file scope from segments that come in any order.
 *
 *   flow     +0      +4      +8       +16   +24    +28       FLOW = 32
 *            | PHASE | FIRST | OFFSET | END | TREE | HELD |
 *
 *   sequence    FIRST              FIRST + OFFSET
 *               | handed on ...... | gap | held ... | gap | held ... |
 *   offset      0                  OFFSET                            END
 *
 *   FIRST    sequence number of the first byte
 *   OFFSET   how many bytes were handed on or given up: a double, that goes on where sequence numbers begin again at 0
 *   END      the offset at which it ends; -1 as long as nobody said
 *   TREE     segments that came before their turn, by their offsets: the address of a tree, 0 before there is one
 *   HELD     bytes that they have
 *
 *   held     +0       +4      +8
 *            | LENGTH | WHOLE | LENGTH bytes ...               WHOLE of them there were, LENGTH were captured
 *
 * A segment that comes in turn is handed on as it lies in its packet; one that comes early is copied. Of bytes that come
 * twice those stand that were handed on first. What does not come is waited for until MOST_HELD bytes or MOST_EARLY
 * segments are held; then it is given up.
 */
import type { Addr } from 'vmalloc'
import { address, f64, Tree } from 'vmalloc/collections'
import type { Scope } from 'vmalloc/scope'
import { Bytes } from './bytes.ts'
import type { Counts } from './counts.ts'
import { Fields, type Memory } from './memory.ts'

export const FLOW = 32

const PHASE = 0
const FIRST = 4
const OFFSET = 8
const END = 16
const TREE = 24
const HELD = 28

/** Nothing was seen yet; it goes on; nothing more will come. */
const SILENT = 0
const OPEN = 1
const ENDED = 2

const LENGTH = 0
const WHOLE = 4
const DATA = 8

export const MOST_HELD = 2 ** 20
const MOST_EARLY = 1024

/** What is counted of all flows of a file. */
export const HANDED = 0
export const EARLY = 1
export const AGAIN = 2
export const LOST = 3
export const flowCounts = ['bytes in order', 'segments early', 'segments again', 'bytes lost']

/** Is told what was said, in order. */
export interface Receiver {
  data(bytes: Bytes): void
  /** So many bytes were not captured. */
  lost(count: number): void
  /** No more will come. */
  end(): void
}

/** Part of a stream as it came. */
export interface Segment {
  sequence: number
  isSyn: boolean
  isFin: boolean
  bytes: Bytes
}

export class Flow extends Fields {
  private readonly scope: Scope
  private readonly counts: Counts

  /** The flow at an address: FLOW bytes that were zero at first. */
  constructor(scope: Scope, memory: Memory, counts: Counts, at: Addr) {
    super(memory, at)
    this.scope = scope
    this.counts = counts
  }

  /** Puts a segment where it belongs, and hands on what it completes. */
  add({ sequence, isSyn, isFin, bytes }: Segment, to: Receiver): void {
    const from = isSyn ? (sequence + 1) >>> 0 : sequence
    if (this.word(PHASE) === SILENT) this.begin(from)
    if (this.word(PHASE) === ENDED) return
    const start = this.offsetOf(from)
    if (isFin && this.double(END) < 0) this.setDouble(END, start + bytes.whole)
    if (bytes.whole > 0) this.place(start, bytes, to)
    if (this.double(END) >= 0 && this.double(OFFSET) >= this.double(END)) this.end(to)
  }

  /** Whether it began with another number than a SYN says. */
  isOther(sequence: number): boolean {
    return this.word(PHASE) !== SILENT && this.word(FIRST) !== (sequence + 1) >>> 0
  }

  /** Nothing more will come, for all that is missing. */
  end(to: Receiver): void {
    if (this.word(PHASE) !== OPEN) return
    this.drop()
    this.setWord(PHASE, ENDED)
    to.end()
  }

  /** Frees what it holds. */
  drop(): void {
    const tree = this.tree()
    if (tree === undefined) return
    for (const block of tree.values()) this.scope.free(block)
    tree.destroy()
    this.setWord(TREE, 0)
    this.setWord(HELD, 0)
  }

  private begin(first: number): void {
    this.setWord(PHASE, OPEN)
    this.setWord(FIRST, first)
    this.setDouble(END, -1)
  }

  private place(start: number, bytes: Bytes, to: Receiver): void {
    const offset = this.double(OFFSET)
    if (start < offset) this.counts.add(AGAIN)
    if (start > offset) this.hold(start, bytes)
    else if (start + bytes.whole > offset) this.handOn(bytes.from(offset - start), to)
    if (this.word(TREE) !== 0) this.drain(to)
  }

  private handOn(bytes: Bytes, to: Receiver): void {
    this.setDouble(OFFSET, this.double(OFFSET) + bytes.whole)
    this.counts.add(HANDED, bytes.length)
    if (bytes.length > 0) to.data(bytes)
    if (bytes.length < bytes.whole) this.giveUp(bytes.whole - bytes.length, to)
  }

  private giveUp(count: number, to: Receiver): void {
    this.counts.add(LOST, count)
    to.lost(count)
  }

  /** Keeps a copy of a segment; of two that begin alike the longer one. */
  private hold(start: number, bytes: Bytes): void {
    const tree = this.tree() ?? this.makeTree()
    const known = tree.get(start)
    if (known !== undefined) {
      this.counts.add(AGAIN)
      if (this.memory.u32[(known + WHOLE) / 4]! >= bytes.whole) return
      this.release(tree, start, known)
    } else this.counts.add(EARLY)
    const block = this.scope.alloc(DATA + bytes.length)
    const { u8, u32 } = this.memory
    u32[(block + LENGTH) / 4] = bytes.length
    u32[(block + WHOLE) / 4] = bytes.whole
    u8.copyWithin(block + DATA, bytes.at, bytes.at + bytes.length)
    tree.set(start, block)
    this.setWord(HELD, this.word(HELD) + bytes.length)
  }

  /** Hands on what is in turn now, and what comes after gaps that are given up. */
  private drain(to: Receiver): void {
    const tree = this.tree()!
    for (let first = tree.first(); first !== undefined; first = tree.first()) {
      const { key, value: block } = first
      if (key > this.double(OFFSET)) {
        if (this.word(HELD) <= MOST_HELD && tree.count <= MOST_EARLY) return
        const gap = key - this.double(OFFSET)
        this.setDouble(OFFSET, key)
        this.giveUp(gap, to)
      }
      const passed = this.double(OFFSET) - key
      const { u32 } = this.memory
      const bytes = new Bytes(this.memory, block + DATA, u32[(block + LENGTH) / 4]!, u32[(block + WHOLE) / 4]!)
      if (passed < bytes.whole) this.handOn(bytes.from(passed), to)
      this.release(tree, key, block)
    }
    this.drop()
  }

  private release(tree: Tree<number, Addr>, start: number, block: Addr): void {
    this.setWord(HELD, this.word(HELD) - this.memory.u32[(block + LENGTH) / 4]!)
    tree.delete(start)
    this.scope.free(block)
  }

  private tree(): Tree<number, Addr> | undefined {
    const at = this.word(TREE)
    return at === 0 ? undefined : new Tree(this.scope, f64, address, { at })
  }

  private makeTree(): Tree<number, Addr> {
    const tree = new Tree(this.scope, f64, address)
    this.setWord(TREE, tree.at)
    return tree
  }

  /** The offset of a sequence number: of all that it could be the one next to what was handed on. */
  private offsetOf(sequence: number): number {
    const offset = this.double(OFFSET)
    return offset + ((sequence - this.word(FIRST) - offset) | 0)
  }
}
