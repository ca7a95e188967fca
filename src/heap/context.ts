/**
 * context: which heap is current.
 *
 *   in a callback     the heap of the innermost `run` that the code was started in, through awaits and timers too, where
 *                     there is AsyncLocalStorage (Node, Deno, Bun); elsewhere while `run` is being called only
 *   held              by `using`: until it is let go, in the job that it was opened in. An async function goes on in
 *                     another job, where it is current no more. (While that first job lasts it cannot be told from its
 *                     callers: two async functions that one job calls see each other's.)
 *
 * What is current is kept as a chain: the heap of a `run`, and on top of it those held in it.
 *
 * Heaps that are handed on as arguments need none of this, which makes every await of the process dearer.
 */
import { type AsyncStorage, asyncStorage } from '../ground/async-storage.ts'
import type { Heap } from './heap.ts'

/** A heap that `using` made current, on top of what was. */
export class Held {
  readonly heap: Heap
  readonly below: Context | undefined
  /** It was let go, or its job has ended. */
  isOver = false

  constructor(heap: Heap, below: Context | undefined) {
    this.heap = heap
    this.below = below
  }
}

type Context = Heap | Held

let storage: AsyncStorage<Context> | undefined
let isLooked = false
let running: Context | undefined
let ofJob: Held[] = []

/** The current heap, or undefined where none is. */
export function current(): Heap | undefined {
  const top = upper()
  return top instanceof Held ? top.heap : top
}

/** Calls `fn` with a heap that is current in it, and returns what it returns. */
export function run<R>(heap: Heap, fn: (heap: Heap) => R): R {
  if (!isLooked) look()
  if (storage !== undefined) return storage.run(heap, fn, heap)
  const before = running
  running = heap
  try {
    return fn(heap)
  } finally {
    running = before
  }
}

/** A heap is current until `letGo`, or until the job ends. */
export function hold(heap: Heap): Held {
  if (!isLooked) look()
  const held = new Held(heap, upper())
  enter(held)
  if (ofJob.length === 0) void Promise.resolve().then(endJob)
  ofJob.push(held)
  return held
}

export function letGo(held: Held): void {
  held.isOver = true
  if (ofJob.at(-1) === held && ofJob.length > 1) ofJob.pop()
  enter(upper())
}

function endJob(): void {
  for (const held of ofJob) held.isOver = true
  ofJob = []
}

/** The uppermost that is not over. */
function upper(): Context | undefined {
  let top = storage === undefined ? running : storage.getStore()
  while (top instanceof Held && top.isOver) top = top.below
  return top
}

function enter(context: Context | undefined): void {
  if (storage === undefined) running = context
  else storage.enterWith(context)
}

function look(): void {
  isLooked = true
  storage = asyncStorage()
}
