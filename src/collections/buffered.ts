/**
 * buffered: what collections have in common that lie in one block, which grows.
 *
 *   head     BUFFER | LENGTH | CAPACITY
 *
 *   buffer                    LENGTH       CAPACITY
 *            | elements ..... | end | .... |            `unit` bytes an element; none before it is needed
 *
 *   end      elements kept behind the last: the NUL of a text, the zero of a vector that C code reads
 *
 * The buffer changes its size in place where the region can, else by a copy to another block. Whoever listens to the
 * region may use the collection meanwhile, even make it grow: what the head says holds all the time, and is asked for
 * again after each call into the region.
 */
import { type Cell, NIL } from '../contract/addr.ts'
import { Collection, FIELDS } from './collection.ts'

export const BUFFER = FIELDS
export const LENGTH = FIELDS + 1
export const CAPACITY = FIELDS + 2
/** The first field of a kind. */
export const MORE = FIELDS + 3

export abstract class Buffered extends Collection {
  /** Bytes of an element. */
  protected abstract readonly unit: number

  /**
   * Gives back the room that the content does not need, in place where the region can, else by a copy; where there is no
   * memory for that, nothing changes. Answers the bytes that the region has back. O(n).
   */
  compact(): number {
    const held = this.enter()
    try {
      this.checkAll()
      const m = this.words.i32
      const { head } = this
      const buffer = m[head + BUFFER]!
      if (buffer === 0) return 0
      const had = this.data.sizeOf(buffer)
      if (this.needsNothing) {
        this.release()
        return had
      }
      const count = this.used
      if (count === m[head + CAPACITY]! >>> 0) return 0
      if (!this.shrink(buffer, count)) return this.moveInto(count)
      return this.words.i32[head + BUFFER] === buffer ? had - this.data.sizeOf(buffer) : 0
    } finally {
      this.leave(held)
    }
  }

  /** For constructors: runs what may find no memory, after which nothing is to be left. */
  protected orDestroy(what: () => void): void {
    try {
      what()
    } catch (error) {
      this.destroy()
      throw error
    }
  }

  /** How many elements are kept behind the last. */
  protected abstract get ends(): number
  /** Writes them. */
  protected abstract end(): void
  /** Whether it can do without a buffer. */
  protected abstract get needsNothing(): boolean

  /** Elements of the buffer that are in use. */
  private get used(): number {
    return (this.words.i32[this.head + LENGTH]! >>> 0) + this.ends
  }

  protected release(): void {
    const buffer = this.words.i32[this.head + BUFFER]!
    this.begin()
    if (buffer !== 0) this.drop(buffer)
  }

  /** Makes the buffer so large at least, with its content; false for no memory. */
  protected resizeTo(capacity: number): boolean {
    const { head, data, words } = this
    const { region } = data
    const bytes = capacity * this.unit
    const before = words.i32[head + BUFFER]!
    if (before !== 0 && region.resize(data.addressOf(before), bytes) !== NIL) {
      this.enter()
      const m = words.i32
      const isBefore = m[head + BUFFER] === before && region.sizeOf(data.addressOf(before)) >= bytes
      if (isBefore && m[head + CAPACITY]! >>> 0 < capacity) m[head + CAPACITY] = capacity
      return true
    }
    const cell = this.tryTake(bytes)
    if (cell === 0) return false
    if (words.i32[head + CAPACITY]! >>> 0 >= capacity) this.drop(cell)
    else this.moveTo(cell, capacity)
    return true
  }

  /** Makes the buffer smaller where it is, or answers false. Who hears of it finds a room that is there. */
  private shrink(buffer: Cell, capacity: number): boolean {
    const { head, data, words } = this
    const was = words.i32[head + CAPACITY]!
    words.i32[head + CAPACITY] = capacity
    const isDone = data.region.resize(data.addressOf(buffer), capacity * this.unit) !== NIL
    if (isDone) this.enter()
    else words.i32[head + CAPACITY] = was
    return isDone
  }

  /** Copies the content to a smaller block, if there is one for so many elements. Answers the bytes that are won. */
  private moveInto(capacity: number): number {
    const { head, data, words } = this
    const cell = this.tryTake(capacity * this.unit)
    if (cell === 0) return 0
    const old = words.i32[head + BUFFER]!
    const won = old === 0 ? 0 : data.sizeOf(old) - data.sizeOf(cell)
    if (this.used > capacity || won <= 0) {
      this.drop(cell)
      return 0
    }
    this.moveTo(cell, capacity)
    return won
  }

  /** The content lies in this block from now on; the old one goes. */
  private moveTo(cell: Cell, capacity: number): void {
    const { head, words } = this
    const m = words.i32
    const old = m[head + BUFFER]!
    if (old !== 0) words.copy(cell * 4, old * 4, this.used * this.unit)
    m[head + BUFFER] = cell
    m[head + CAPACITY] = capacity
    if (old !== 0) this.drop(old)
    else this.end()
  }
}
