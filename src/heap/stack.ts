/**
 * stack: the heaps of a program as it calls and returns.
 *
 *   subHeap(fn)        a heap inside the current one, current in `fn`, freed when `fn` has ended, whichever way
 *   subHeapTxn(fn)     the same, but what it has goes to the heap around it when `fn` succeeds
 *   switchHeap(h, fn)  another heap is current for a while
 *   globalHeap         the outermost one, which does not end
 *
 *   using heap = subHeap()         until the end of the block
 *   using txn = subHeapTxn()       the same; thrown away without a `txn.commit()`
 *
 * `fn` may be async: then the heap ends when its promise is settled. In library code the heap is better an argument:
 * `heap.subHeap((inner) => ...)` looks at no context and makes none.
 *
 * Source: sub_heap, switch_heap, sub_heap_txn and global_heap of librcd.
 */
import { current, type Held, hold, letGo, run } from './context.ts'
import { Heap, heapIn, live } from './heap.ts'
import { type HeapOptions, type Kind, kindOf } from './piece.ts'

const NAME = 'subheap'

/** The heap around all others: method best unless options for `global` say otherwise. */
export const globalHeap: Heap = heapIn(undefined, undefined, 'global', 'best')

/** The heap that the innermost `subHeap`, `subHeapTxn` or `switchHeap` made current, or the global one. */
export function currentHeap(): Heap {
  return current() ?? globalHeap
}

/** A heap that is current until the end of the block that `using` stands in, as far as that is synchronous. */
class HeldHeap extends Heap {
  private readonly held: Held

  constructor(kind: Kind<Heap>, parent: Heap) {
    super(kind, parent)
    this.held = hold(this)
  }

  /**
   * In a later job than it was opened in, by an async function, what others held in that job lies in it by accident and
   * goes on.
   */
  override close(): boolean {
    if (this.held.isOver) this.handOn((child) => child instanceof HeldHeap)
    this.release()
    return super.close()
  }

  protected release(): void {
    letGo(this.held)
  }
}

/** One whose blocks are thrown away unless `commit` is called. */
export class HeapTxn extends HeldHeap {
  /** Everything in it goes to the heap around it, and it ends. Throws VmallocError `closed`. */
  commit(): void {
    this.release()
    if (this.parent === undefined) this.close()
    else this.parent.adopt(this)
  }
}

/**
 * Calls `fn` with a new heap inside the current one, and ends the heap when `fn` has ended; what `fn` returns or throws
 * is returned or thrown. Without `fn` the heap is returned, for `using`. Throws VmallocError: those of `open` when a first
 * block is allocated, `destructor` when functions of `onFree` threw.
 */
export function subHeap<R>(fn: (heap: Heap) => R): R
export function subHeap<R>(options: HeapOptions, fn: (heap: Heap) => R): R
export function subHeap(options?: HeapOptions): Heap
export function subHeap<R>(first?: HeapOptions | ((heap: Heap) => R), second?: (heap: Heap) => R): R | Heap {
  const fn = typeof first === 'function' ? first : second
  const options = typeof first === 'function' ? undefined : first
  const parent = current() ?? globalHeap
  if (fn !== undefined) return live(heapIn(parent, options, NAME, 'last'), run, fn, false)
  return new HeldHeap(kindOf(options, NAME, 'last'), parent)
}

/** The same; when `fn` succeeds all that the heap has goes to the heap around it. */
export function subHeapTxn<R>(fn: (heap: Heap) => R): R
export function subHeapTxn<R>(options: HeapOptions, fn: (heap: Heap) => R): R
export function subHeapTxn(options?: HeapOptions): HeapTxn
export function subHeapTxn<R>(first?: HeapOptions | ((heap: Heap) => R), second?: (heap: Heap) => R): R | HeapTxn {
  const fn = typeof first === 'function' ? first : second
  const options = typeof first === 'function' ? undefined : first
  const parent = current() ?? globalHeap
  if (fn !== undefined) return live(heapIn(parent, options, NAME, 'last'), run, fn, true)
  return new HeapTxn(kindOf(options, NAME, 'last'), parent)
}

/** Calls `fn` with another heap current; nothing ends with it. */
export function switchHeap<R>(heap: Heap, fn: (heap: Heap) => R): R {
  return run(heap, fn)
}

/** A heap inside the current one, or inside `parent`, that is not made current and lives until it is closed. */
export function openHeap(options?: HeapOptions, parent: Heap = currentHeap()): Heap {
  return parent.open(options)
}
