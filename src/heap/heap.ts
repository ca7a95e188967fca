/**
 * heap: blocks that live and die together.
 *
 *   globalHeap
 *     `- request            each heap has a parent, which does not end without it
 *          |- parsing       a child: ends first
 *          `- row           a block: in the heap's own region, or lent to it by the region of another heap
 *
 *   alloc      from a region of the heap's own, taken when the first block is asked for
 *   escape     a block goes to the parent, import: to this heap. It stays where it lies, and is entered as lent in the
 *              piece that it lies in; over another root it is copied, and has another address
 *   adopt      everything of another heap at once: that one ends with this one
 *   close      children, then destructors and what was adopted, newest first, then all blocks at once
 *
 *   H1  every block has one holder: who its piece says it is lent to, or else the owner of the piece
 *   H2  what a heap has borrowed is lent to it: `borrowed` and `lent` are each other's mirror
 *   H3  a piece without an owner has lent blocks; with the last of them its region goes
 *
 * A heap inside one that keeps accounts keeps them as well, in a ledger of its own region.
 *
 * The end of a heap takes as long as it has children, destructors and borrowed blocks; its own it frees at once, unless
 * some were lent. What a heap is asked for and cannot do it throws (VmallocError), as nobody looks at the answer of an
 * allocation that cannot fail.
 *
 * Sources: heaps with a parent, escape, import and transactions after librcd; destructors newest first and the order of
 * an end after APR's pools; errors that name both heaps after talloc.
 */
import { type Addr, NIL } from '../contract/addr.ts'
import type { ArrayType, NumericArray, Region, View } from '../contract/region.ts'
import { around, type Ends } from '../ground/around.ts'
import { VmallocError } from '../ground/fault.ts'
import { capture, type Frame, framesOf } from '../ground/stacks.ts'
import { writeReport } from '../region/options.ts'
import { rootOf } from '../region/regions.ts'
import { type HeapOptions, type Kind, kindOf, type Piece, pieceAround, type Tail } from './piece.ts'

/** What can change its heap: a block by its address or by a view of it, or a list of them. */
export type Movable = Addr | View<NumericArray> | readonly Movable[]

/** A heap has more bytes live than it was said that it would. */
export interface HighWater {
  readonly heap: Heap
  readonly name: string
  readonly bytesLive: number
  /** The calls that led to the allocation, innermost first. */
  readonly stack: readonly Frame[]
}

/** A function to be called at the end of a heap, or of the block at `at`; not if `isDone`. */
interface Ending {
  readonly run: () => void
  readonly at: Addr
  /** Where the block lies: over another root its address means another block. */
  readonly piece: Own | undefined
  isDone: boolean
}

/** The destructors of one block, and the heap that knows them by it. */
interface BlockEndings {
  readonly holder: Heap
  readonly endings: Ending[] | undefined
}

type Own = Piece<Heap>
type State = 'open' | 'ending' | 'ended' | 'adopted'

const NAME = 'subheap'
const STACK_DEPTH = 16
const FEW = 32

let opened = 0
const listeners = new Set<(event: HighWater) => void>()

/**
 * Calls `listener` whenever a heap has more bytes live than its `highWater`, and again at each doubling: a heap that
 * grows with time is a leak. The returned function ends it. While nobody listens, a line goes where warnings go.
 */
export function onHighWater(listener: (event: HighWater) => void): () => void {
  listeners.add(listener)
  return () => void listeners.delete(listener)
}

export class Heap {
  readonly name: string
  private readonly kind: Kind<Heap>
  private readonly number: number
  private above: Heap | undefined
  private state: State
  private source: Own | undefined //   where new blocks come from, while the heap is open
  private piece: Own | undefined //    the same, as long as the heap has it
  private mark: number
  private into: Heap | undefined //      who has adopted it
  private top: Heap | undefined //       who has what that one had by now, as far as known
  private youngest: Heap | undefined //  the newest child that is open; the others by `older`
  private older: Heap | undefined
  private younger: Heap | undefined
  private borrowed: Map<Addr, Own> | undefined
  private borrowedBytes: number
  private endings: (Ending | Heap)[] | undefined
  private byBlock: Map<Addr, Ending[]> | undefined
  private done: number //                endings that are done, and heaps that are empty
  private adoptedBytes: number //        what adopted heaps have, or had: no less than they have

  /** Use `subHeap` or `openHeap`. */
  constructor(kind: Kind<Heap>, parent: Heap | undefined) {
    const tail = parent === undefined ? 0 : parent.tail
    this.kind = tail === 0 ? kind : kind.keeping(tail)
    this.name = kind.name
    this.number = ++opened
    this.above = parent
    this.state = 'open'
    this.source = undefined
    this.piece = undefined
    this.mark = kind.highWater
    this.into = undefined
    this.top = undefined
    this.youngest = undefined
    this.older = undefined
    this.younger = undefined
    this.borrowed = undefined
    this.borrowedBytes = 0
    this.endings = undefined
    this.byBlock = undefined
    this.done = 0
    this.adoptedBytes = 0
    if (parent !== undefined) parent.enlist(this)
  }

  /** The heap that this one lies in; undefined for the global heap. */
  get parent(): Heap | undefined {
    return this.above?.now
  }

  get closed(): boolean {
    return this.state === 'ended' || this.state === 'adopted'
  }

  /** The region that new blocks come from. Throws VmallocError `closed`. */
  get region(): Region {
    return (this.source ?? this.begin('region')).region
  }

  /** Usable bytes of all blocks that belong to this heap, adopted ones included. */
  get bytesLive(): number {
    const few = this.ownBytes + this.borrowedBytes
    if (this.adoptedBytes === 0) return few
    this.adoptedBytes = 0
    for (const ending of this.endings ?? []) if (ending instanceof Heap) this.adoptedBytes += ending.bytesLive
    return few + this.adoptedBytes
  }

  /** Its name, and which of those of that name it is. */
  toString(): string {
    return `${this.name}#${this.number}`
  }

  // blocks

  /** A block of `size` bytes. Throws VmallocError: `argument`, `no-memory`, `closed`. */
  alloc(size: number): Addr {
    const { region } = this.source ?? this.begin('alloc')
    const at = region.alloc(size)
    if (at === NIL) this.lacks('alloc', size, region)
    if (region.busyBytes > this.mark) this.rise(this.alloc)
    return at
  }

  /** The same, with all its bytes 0. */
  allocZeroed(size: number): Addr {
    const { region } = this.source ?? this.begin('allocZeroed')
    const at = region.allocZeroed(size)
    if (at === NIL) this.lacks('allocZeroed', size, region)
    if (region.busyBytes > this.mark) this.rise(this.allocZeroed)
    return at
  }

  /** An array of `length` elements, all 0, that throws once its block is gone. */
  new<T extends NumericArray>(type: ArrayType<T>, length: number): View<T> {
    if (!Number.isInteger(length) || length < 0) {
      throw new VmallocError(
        'argument',
        `heap ${this}: new ${type.name} of ${length} elements: expected a whole number from 0`,
      )
    }
    const { region } = this.source ?? this.begin('new')
    const at = this.allocZeroed(length * type.BYTES_PER_ELEMENT)
    return region.view(type, at, length)
  }

  /** A text as NUL-ended UTF-8. */
  string(text: string): Addr {
    const { region } = this.source ?? this.begin('string')
    const at = region.string(text)
    if (at === NIL) this.lacks('string', text.length, region)
    if (region.busyBytes > this.mark) this.rise(this.string)
    return at
  }

  /**
   * Frees one block before the heap ends; its destructors run. 0 is no block, and no mistake. Throws VmallocError
   * `argument` for a block of another heap, naming both, and for what is no block.
   */
  free(at: Addr): void {
    if (at === NIL) return
    const piece = this.pieceOf(at, 'free')
    const { holder, endings } = this.endingsOf(at, piece)
    if (endings === undefined) this.drop(piece, at)
    else this.dropAfter(holder, endings, piece, at)
  }

  /** Whether this heap has the block that starts at `at`. */
  has(at: Addr): boolean {
    return !this.closed && this.find(at) !== undefined
  }

  // moving

  /**
   * Moves blocks to the parent. They stay where they lie, unless the parent draws on another root: then they are copied.
   * Returns the same address, the address of the copy, or a list of these. Throws VmallocError `argument`.
   */
  escape<T extends Movable>(what: T): T {
    const { parent } = this
    if (parent === undefined) {
      throw new VmallocError('argument', `escape: heap ${this} has no parent, expected a heap inside another one`)
    }
    return each(what, parent, (at) => this.move(at, parent, 'escape'))
  }

  /**
   * Takes blocks from the heaps that have them, or from the heap `from`, which has to be given when it draws on another
   * root. Returns as `escape` does.
   */
  import<T extends Movable>(what: T, from?: Heap): T {
    return each(what, this, (at) => this.take(at, from))
  }

  /** Takes everything that another heap has, whatever it is, at once; that heap can be used no more. */
  adopt(heap: Heap): void {
    this.mustLive('adopt')
    heap.mustBeOpen('adopt')
    for (let up: Heap | undefined = this; up !== undefined; up = up.parent) {
      if (up !== heap) continue
      throw new VmallocError(
        'argument',
        `adopt: heap ${this} lies in heap ${heap}, expected a heap that it does not lie in`,
      )
    }
    heap.delist()
    heap.state = 'adopted'
    heap.source = undefined
    heap.into = this
    if (heap.isEmpty) return
    ;(this.endings ??= []).push(heap)
    heap.piece?.fix()
    this.adoptedBytes += heap.bytesLive
    if (this.ownBytes + this.borrowedBytes + this.adoptedBytes > this.mark) this.rise(this.adopt)
  }

  // heaps inside

  /** A heap inside this one, which lives until it is closed, or this one is; method best unless options say otherwise. */
  open(options?: HeapOptions): Heap {
    return heapIn(this, options, NAME, 'best')
  }

  /** As the function `subHeap`, inside this heap and without making the new one current. */
  subHeap<R>(fn: (heap: Heap) => R): R
  subHeap<R>(options: HeapOptions, fn: (heap: Heap) => R): R
  subHeap<R>(first: HeapOptions | ((heap: Heap) => R), second?: (heap: Heap) => R): R {
    return this.inside(first, second, false)
  }

  /** As the function `subHeapTxn`, likewise. */
  subHeapTxn<R>(fn: (heap: Heap) => R): R
  subHeapTxn<R>(options: HeapOptions, fn: (heap: Heap) => R): R
  subHeapTxn<R>(first: HeapOptions | ((heap: Heap) => R), second?: (heap: Heap) => R): R {
    return this.inside(first, second, true)
  }

  private inside<R>(
    first: HeapOptions | ((heap: Heap) => R),
    second: ((heap: Heap) => R) | undefined,
    isTxn: boolean,
  ): R {
    if (typeof first === 'function') return live(heapIn(this, undefined, NAME, 'last'), call, first, isTxn)
    return live(heapIn(this, first, NAME, 'last'), call, second!, isTxn)
  }

  // the end

  /**
   * Calls `fn` when the heap ends, or when the block at `at` is freed, in this heap or in the one that has it then: newest
   * first. It may allocate. What it throws is thrown when all has ended.
   */
  onFree(fn: () => void): void
  onFree(at: Addr, fn: () => void): void
  onFree(...args: [() => void] | [Addr, () => void]): void {
    const [at, run] = args.length === 1 ? [NIL, args[0]] : args
    if (typeof run !== 'function') throw new VmallocError('argument', `onFree: ${String(run)}, expected a function`)
    this.mustLive('onFree')
    const piece = at === NIL ? undefined : this.pieceOf(at, 'onFree')
    this.addEnding({ run, at, piece, isDone: false })
  }

  /**
   * Ends the heap and all heaps in it, and frees what they have; false when it has ended before. Throws VmallocError
   * `destructor` when functions of `onFree` threw, after everything has ended.
   */
  close(): boolean {
    if (this.state !== 'open') return false
    if (this.above === undefined) {
      throw new VmallocError('argument', `close: heap ${this} is the global one, which does not end`)
    }
    const isPlain = this.youngest === undefined && this.endings === undefined && this.borrowed === undefined
    if (isPlain) this.finish()
    else {
      const errors: unknown[] = []
      this.end(errors)
      this.settle(errors, 'close')
    }
    return true
  }

  [Symbol.dispose](): void {
    this.close()
  }

  // inside

  /** The heap that has what this one had. */
  private get now(): Heap {
    if (this.into === undefined) return this
    let heap: Heap = this.top ?? this.into
    while (heap.into !== undefined) heap = heap.top ?? heap.into
    for (let at: Heap = this; at !== heap; ) {
      const next: Heap = at.top ?? at.into!
      at.top = heap
      at = next
    }
    return heap
  }

  /** What heaps inside keep of accounts: what its region does, or will once it is taken. */
  private get tail(): Tail {
    return this.piece === undefined ? this.kind.tail : this.piece.tail
  }

  private get ownBytes(): number {
    return this.piece === undefined ? 0 : this.piece.region.busyBytes - this.piece.lentBytes
  }

  private get isEmpty(): boolean {
    if (this.piece !== undefined || this.borrowed !== undefined || this.youngest !== undefined) return false
    return this.endings?.every(Heap.isOver) !== false
  }

  /** Whether nothing is left to be done for it. */
  private static isOver(ending: Ending | Heap): boolean {
    return ending instanceof Heap ? ending.isEmpty : ending.isDone
  }

  private begin(op: string): Own {
    this.mustLive(op)
    const piece = this.kind.take()
    piece.owner = this
    this.piece = piece
    this.source = piece
    return piece
  }

  private mustLive(op: string): void {
    if (this.state !== 'ending') this.mustBeOpen(op)
  }

  private mustBeOpen(op: string): void {
    if (this.state === 'open') return
    const why =
      this.state === 'adopted' ? `was adopted by heap ${this.now}` : this.state === 'ending' ? 'is ending' : 'has ended'
    throw new VmallocError('closed', `${op}: heap ${this} ${why}`)
  }

  private lacks(op: string, size: number, region: Region): never {
    if (!(size >= 0 && Number.isInteger(size))) {
      throw new VmallocError('argument', `${op}: ${size} bytes, expected a whole number from 0`)
    }
    const job = region.unit > 0 && size !== region.unit ? ', which serves blocks of one size' : ''
    throw new VmallocError(
      'no-memory',
      `${op}: no block of ${size} bytes in heap ${this}, method ${region.method}${job}; it has ${this.bytesLive} bytes live`,
    )
  }

  /** The piece in which a block of this heap lies; undefined when it has no such block. */
  private find(at: Addr): Own | undefined {
    const own = this.piece
    if (own !== undefined && own.region.sizeOf(at) >= 0 && own.lent?.has(at) !== true) return own
    const piece = this.borrowed?.get(at) ?? pieceAround<Heap>(own?.region ?? this.kind.space, at)
    return piece !== undefined && piece.region.sizeOf(at) >= 0 && piece.holderOf(at)?.now === this ? piece : undefined
  }

  private pieceOf(at: Addr, op: string): Own {
    this.mustLive(op)
    const found = this.find(at)
    if (found?.going?.has(at) === true) {
      throw new VmallocError(
        'argument',
        `${op}: ${at} is a block of heap ${this} that is being freed, expected another`,
      )
    }
    if (found !== undefined) return found
    const holder = this.holderAround(at)
    const what = holder === undefined ? 'no block of any heap over its memory' : `a block of heap ${holder}`
    throw new VmallocError('argument', `${op}: ${at} is ${what}, expected a block of heap ${this}`)
  }

  private take(at: Addr, from: Heap | undefined): Addr {
    this.mustLive('import')
    const holder = (from ?? this.holderAround(at))?.now
    if (holder === undefined) {
      throw new VmallocError(
        'argument',
        `import: ${at} is no block of any heap over the memory of heap ${this}, expected one`,
      )
    }
    if (holder !== this) return holder.move(at, this, 'import')
    this.pieceOf(at, 'import')
    return at
  }

  /** The heap that has the block at `at`, of all heaps over the same memory. */
  private holderAround(at: Addr): Heap | undefined {
    const piece = pieceAround<Heap>(this.piece?.region ?? this.kind.space, at)
    return piece !== undefined && piece.region.sizeOf(at) >= 0 ? piece.holderOf(at)?.now : undefined
  }

  /** The root that the blocks of this heap lie in; options may have said another than the program did. */
  private get root(): Region {
    const { region } = this.piece ?? (this.kind.isApart === false ? { region: this.kind.space } : this.begin('root'))
    return rootOf(region)
  }

  private move(at: Addr, to: Heap, op: string): Addr {
    const piece = this.pieceOf(at, op)
    const { region } = piece
    const size = region.sizeOf(at)
    if (rootOf(region) !== to.root) return this.copy(at, size, piece, to)
    const holder = piece.lent?.get(at)
    const found = this.endingsOf(at, piece)
    holder?.giveBack(at, size)
    if (piece.owner === to) piece.unlend(at, size)
    else {
      if (holder === undefined) piece.lentBytes += size
      ;(piece.lent ??= new Map()).set(at, to)
      ;(to.borrowed ??= new Map()).set(at, piece)
      to.borrowedBytes += size
    }
    this.passEndings(found, at, to, piece, at)
    piece.owner?.thin()
    holder?.thin()
    if (to.borrowedBytes > to.mark) to.rise(this.move)
    return at
  }

  /** A block goes to a heap over another root, where it gets another address: that says that it was copied. */
  private copy(at: Addr, size: number, piece: Own, to: Heap): Addr {
    const first = to.allocBeside(at, size, piece.region)
    const copy = first === at ? to.allocBeside(at, size, piece.region) : first
    if (copy !== first) to.region.retire(first)
    to.region.bytes(copy, size).set(piece.region.bytes(at, size))
    this.passEndings(this.endingsOf(at, piece), at, to, to.source!, copy)
    this.drop(piece, at)
    return copy
  }

  /** A block that is charged to the account that pays for another one. */
  private allocBeside(at: Addr, size: number, of: Region): Addr {
    const { region } = this.source ?? this.begin('alloc')
    const copy = region.allocBeside(at, size, of)
    if (copy === NIL) this.lacks('alloc', size, region)
    if (region.busyBytes > this.mark) this.rise(this.allocBeside)
    return copy
  }

  private giveBack(at: Addr, size: number): void {
    this.borrowed!.delete(at)
    this.borrowedBytes -= size
    if (this.borrowed!.size === 0) this.borrowed = undefined
  }

  /** A block of this heap is freed. */
  private drop(piece: Own, at: Addr): void {
    const { region, owner } = piece
    const size = region.sizeOf(at)
    const holder = piece.lent?.get(at)
    region.retire(at)
    if (holder !== undefined) {
      holder.giveBack(at, size)
      piece.unlend(at, size)
      holder.thin()
    }
    owner?.thin()
  }

  /** The same for a block with destructors: they run first, and may do anything but to free or to move it. */
  private dropAfter(heap: Heap, endings: Ending[], piece: Own, at: Addr): void {
    const holder = piece.holderOf(at)
    const errors: unknown[] = []
    heap.byBlock!.delete(at)
    ;(piece.going ??= new Set()).add(at)
    for (const ending of endings.reverse()) {
      runEnding(ending, errors)
      heap.tick()
    }
    piece.going?.delete(at)
    const isThere = piece.holderOf(at) === holder && piece.region.sizeOf(at) >= 0
    if (isThere) this.drop(piece, at)
    this.settle(errors, `free of the block at ${at}`)
  }

  /** A heap that was adopted gives its region back with its last own block, and is forgotten when it has nothing. */
  private thin(): void {
    const { into, piece } = this
    if (into === undefined) return
    if (piece?.isUnused === true) {
      this.piece = undefined
      piece.leave()
    }
    if (!this.isEmpty) return
    into.tick()
    into.thin()
  }

  private passEndings({ holder, endings }: BlockEndings, at: Addr, to: Heap, piece: Own, copy: Addr): void {
    if (endings === undefined) return
    holder.byBlock!.delete(at)
    for (const ending of endings) {
      ending.isDone = true
      holder.tick()
      to.addEnding({ run: ending.run, at: copy, piece, isDone: false })
    }
  }

  /** The destructors of a block, oldest first, and which heap has them: that which holds it, or one that adopted that. */
  private endingsOf(at: Addr, piece: Own): BlockEndings {
    let found: BlockEndings = { holder: this, endings: undefined }
    for (let holder = piece.holderOf(at); holder !== undefined; holder = holder.into) {
      const more = holder.byBlock?.get(at)
      if (more === undefined || more[0]!.piece !== piece) continue
      if (found.endings !== undefined) {
        found.holder.byBlock!.delete(at)
        more.unshift(...found.endings)
      }
      found = { holder, endings: more }
    }
    return found
  }

  private addEnding(ending: Ending): void {
    ;(this.endings ??= []).push(ending)
    if (ending.at === NIL) return
    this.byBlock ??= new Map()
    const others = this.byBlock.get(ending.at)
    if (others === undefined) this.byBlock.set(ending.at, [ending])
    else others.push(ending)
  }

  /** One more ending is done: once they are many they go. */
  private tick(): void {
    const { endings } = this
    if (endings === undefined || ++this.done < FEW || this.done * 2 < endings.length) return
    this.endings = endings.filter((ending) => !Heap.isOver(ending))
    this.done = 0
  }

  /** The end, with everything that may hold it up. */
  private end(errors: unknown[]): void {
    this.state = this.state === 'adopted' ? 'adopted' : 'ending'
    do {
      for (let child = this.youngest; child !== undefined; child = this.youngest) child.end(errors)
      for (let next = this.endings?.at(-1); next !== undefined; next = this.endings?.at(-1)) {
        if (next instanceof Heap) next.end(errors)
        this.forget(next)
        if (!(next instanceof Heap)) runEnding(next, errors)
      }
    } while (this.youngest !== undefined)
    if (this.borrowed !== undefined) {
      for (const [at, piece] of this.borrowed) {
        const size = piece.region.sizeOf(at)
        piece.region.retire(at)
        piece.unlend(at, size)
      }
      this.borrowed = undefined
      this.borrowedBytes = 0
    }
    this.finish()
  }

  /** An ending that is the last one, or was when it began. */
  private forget(ending: Ending | Heap): void {
    const { endings } = this
    const at = endings?.lastIndexOf(ending) ?? -1
    if (at >= 0) endings!.splice(at, 1)
    if (ending instanceof Heap || ending.at === NIL || ending.isDone) return
    const others = this.byBlock?.get(ending.at)
    if (others !== undefined && others.length > 1) others.splice(others.indexOf(ending), 1)
    else this.byBlock?.delete(ending.at)
  }

  /** The blocks of its own go. */
  private finish(): void {
    if (this.state !== 'adopted') this.delist()
    this.state = 'ended'
    const { piece } = this
    this.source = undefined
    this.piece = undefined
    if (piece !== undefined) piece.leave()
    this.above?.thin()
  }

  private settle(errors: readonly unknown[], what: string): void {
    if (errors.length === 0) return
    const many = errors.length === 1 ? 'a destructor' : `${errors.length} destructors`
    const cause = new AggregateError(errors, `${many} threw`)
    const first = errors[0] instanceof Error ? errors[0].message : String(errors[0])
    throw new VmallocError('destructor', `heap ${this}: ${what}: ${many} threw: ${first}`, { cause })
  }

  private enlist(child: Heap): void {
    this.mustLive('open a heap')
    child.older = this.youngest
    if (this.youngest !== undefined) this.youngest.younger = child
    this.youngest = child
  }

  /** Children that are not meant to end with this heap go to the heap around it. */
  protected handOn(isGuest: (child: Heap) => boolean): void {
    const { parent } = this
    if (parent === undefined || this.state !== 'open') return
    for (let child = this.youngest; child !== undefined; ) {
      const { older } = child
      if (isGuest(child)) {
        child.delist()
        child.above = parent
        parent.enlist(child)
      }
      child = older
    }
  }

  private delist(): void {
    const { older, younger } = this
    if (older !== undefined) older.younger = younger
    if (younger !== undefined) younger.older = older
    else if (this.above !== undefined && this.above.youngest === this) this.above.youngest = older
    this.older = this.younger = undefined
  }

  private rise(above: unknown): void {
    const bytesLive = this.bytesLive
    if (bytesLive <= this.mark) return
    while (this.mark < bytesLive) this.mark *= 2
    const stack = framesOf(capture(STACK_DEPTH, above)) ?? []
    const event = { heap: this, name: this.name, bytesLive, stack }
    for (const listener of listeners) listener(event)
    if (listeners.size > 0) return
    const [place] = stack
    const where = place === undefined ? '' : `, allocated by ${place.name} (${place.file}:${place.line})`
    writeReport(`vmalloc: heap ${this} has ${bytesLive} bytes live, more than its highWater${where}`)
  }
}

/** What becomes of blocks that go to a heap one by one, in the shape in which they came. */
function each<T extends Movable>(what: T, to: Heap, step: (at: Addr) => Addr): T {
  if (typeof what === 'number') return step(what) as T
  if (Array.isArray(what)) return what.map((one) => each(one as Movable, to, step)) as unknown as T
  const view = what as View<NumericArray>
  const type = view.array.constructor as unknown as ArrayType<NumericArray>
  const at = step(view.at)
  return (view.alive ? what : to.region.view(type, at, view.length)) as T
}

function runEnding(ending: Ending, errors: unknown[]): void {
  if (ending.isDone) return
  ending.isDone = true
  try {
    ending.run()
  } catch (error) {
    errors.push(error)
  }
}

/** A heap inside `parent`, of the kind that the options say. */
export function heapIn(parent: Heap | undefined, options: HeapOptions | undefined, name: string, method: string): Heap {
  return new Heap(kindOf(options, name, method), parent)
}

const call = <R>(heap: Heap, fn: (heap: Heap) => R): R => fn(heap)

/**
 * Calls `fn` with a heap that ends when `fn` has ended, or its promise is settled. A transaction that succeeds goes to
 * the heap around it instead.
 */
export function live<R>(
  heap: Heap,
  run: (heap: Heap, fn: (heap: Heap) => R) => R,
  fn: (heap: Heap) => R,
  isTxn: boolean,
): R {
  return around(heap, fn, isTxn ? ofTxn : ofHeap, run)
}

const ofHeap: Ends<Heap> = {
  done: (heap) => void heap.close(),
  failed: (heap) => void heap.close(),
  who: (heap) => `heap ${heap}`,
}

const ofTxn: Ends<Heap> = {
  ...ofHeap,
  done(heap) {
    if (!heap.closed || heap.parent!.closed) heap.parent!.adopt(heap)
    else heap.close()
  },
}
