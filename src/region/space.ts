/**
 * space: what a root and all regions nested in it have in common: one buffer, one lock, one set of handles.
 *
 *   buffer   0 ......... base | header of the root ... segments ... children inside blocks ... |
 *                        ^ addresses inside the library count from here; clients' addresses count from 0
 *
 * A thread has one Space for a buffer, however often it is attached, so growth through one handle renews the views of
 * all. Between threads the lock in the root's header orders everything; who enters looks whether another thread grew
 * the memory in the meantime.
 */
import type { Discipline } from '../contract/region.ts'
import { Lock } from '../ground/lock.ts'
import { Words } from '../ground/words.ts'
import { HOLDER, LAST, RAW, RECORD, SIZE } from './header.ts'
import { type Held, settle } from './regions.ts'

export class Space {
  readonly words: Words
  readonly base: number
  /** Whether other threads can reach this memory. */
  readonly shared: boolean
  /** The discipline of the root: it knows the buffer. */
  source: Discipline
  /** Whether nobody but the discipline can put another buffer in the place of this one. */
  isSole: boolean
  /** Address of the root's header, once there is one. */
  root = 0
  /** The lock of a shared space, once there is a header to hold it. */
  lock: Lock | undefined = undefined
  /** How many calls to a discipline's memory function this thread is inside: then handlers wait. */
  inside = 0

  private readonly handles = new Map<number, WeakRef<Held>>()
  private ears = 0
  private pending: (() => void)[] = []

  constructor(source: Discipline) {
    this.source = source
    this.base = source.base ?? 0
    this.isSole = source.sole === true
    const buffer = source.buffer()
    this.words = new Words(buffer, this.base)
    this.shared = typeof SharedArrayBuffer !== 'undefined' && buffer instanceof SharedArrayBuffer
  }

  /** Says where the root's header is. */
  rootAt(header: number, name: string): void {
    this.root = header
    if (this.shared) this.lock = new Lock(this.words, header + HOLDER, `region ${name}`)
  }

  /** The buffer as it is now; views are renewed when it has become another. */
  renew(): void {
    const buffer = this.source.buffer()
    if (buffer !== this.words.u8.buffer || buffer.byteLength - this.base !== this.words.length) {
      this.words.adopt(buffer, this.base)
    }
  }

  /** Renews the views when memory grew behind this thread's back. */
  freshen(): void {
    if (this.words.gone || (this.shared && this.root !== 0 && this.outgrown)) this.renew()
  }

  /** Whether the root holds memory that the views do not show; asked under the lock. */
  get outgrown(): boolean {
    const { i32: m, length } = this.words
    const last = m[(this.root + LAST) >>> 2]! >>> 0
    return last + RECORD > length || (m[(last + RAW) >>> 2]! >>> 0) + (m[(last + SIZE) >>> 2]! >>> 0) > length
  }

  /** The memory is given to others, who may grow it. */
  open(): void {
    if (!this.isSole) return
    this.isSole = false
    this.tune()
  }

  /** Does `what` now, or, inside a discipline's memory function, once the operation that asked for memory is done. */
  tell(what: () => void): void {
    if (this.inside > 0) this.pending.push(what)
    else what()
  }

  /** Does `what` once the operation under way is done. */
  defer(what: () => void): void {
    this.pending.push(what)
  }

  /** Does what was put off. */
  flush(): void {
    while (this.pending.length > 0 && this.inside === 0) {
      const pending = this.pending
      this.pending = []
      for (const what of pending) what()
    }
  }

  /**
   * Says that a region is listened to, or is not any more. While one is, no region of the space takes the short way: its
   * growth may be an event of its parent's, which is told when the operation is done.
   */
  listen(change: 1 | -1 | 0): void {
    const before = this.ears > 0
    this.ears += change
    if (before !== this.ears > 0) this.tune()
  }

  private tune(): void {
    settle()
    for (const ticket of this.handles.values()) ticket.deref()?.tune()
  }

  get listened(): boolean {
    return this.ears > 0
  }

  handleAt(header: number): Held | undefined {
    settle()
    return this.handles.get(header)?.deref()
  }

  keepHandle(header: number, ticket: WeakRef<Held>): void {
    this.handles.set(header, ticket)
  }

  dropHandle(header: number, ticket: WeakRef<Held>): void {
    if (this.handles.get(header) === ticket) this.handles.delete(header)
  }
}
