/**
 * vmalloc/heap: temporary heaps that end with a call, a request or a transaction.
 */
import './index.ts'

export { Heap, type HighWater, type Movable, onHighWater } from './heap/heap.ts'
export type { HeapOptions } from './heap/piece.ts'
export { currentHeap, globalHeap, HeapTxn, openHeap, subHeap, subHeapTxn, switchHeap } from './heap/stack.ts'
