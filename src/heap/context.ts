/**
 * context: which heap is current.
 *
 *   in a callback     the heap of the innermost `run` that the code was started in, through awaits and timers too, where
 *                     there is AsyncLocalStorage (Node, Deno, Bun); elsewhere while `run` is being called only
 *   held              by `using`: until it is let go, in the callback that it was opened in, for synchronous code only.
 *                     An async function goes on in another job, where it is current no more: nobody else may meet it
 *
 * The first `run` of a process makes its every await dearer (42 to 109 ns on Node 20): the engine keeps the context of
 * each. Heaps that are handed on as arguments need none of this.
 */
import type { Heap } from './heap.ts'

interface Storage {
  getStore(): Heap | undefined
  run<R>(heap: Heap, fn: (heap: Heap) => R, argument: Heap): R
}

interface Held {
  readonly heap: Heap
  readonly below: Held | undefined
  /** The heap of the callback around it. */
  readonly outer: Heap | undefined
}

interface Host {
  getBuiltinModule?(name: 'node:async_hooks'): { AsyncLocalStorage: new () => Storage } | undefined
}

let storage: Storage | undefined
let isLooked = false
let running: Heap | undefined
let held: Held | undefined

/** The current heap, or undefined where none is. */
export function current(): Heap | undefined {
  const outer = storage === undefined ? running : storage.getStore()
  return held !== undefined && held.outer === outer ? held.heap : outer
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
export function hold(heap: Heap): void {
  held = { heap, below: held, outer: storage === undefined ? running : storage.getStore() }
  if (held.below === undefined) void Promise.resolve().then(() => (held = undefined))
}

export function letGo(heap: Heap): void {
  const others: Held[] = []
  for (let at = held; at !== undefined; at = at.below) if (at.heap !== heap) others.push(at)
  held = others.reduceRight<Held | undefined>((below, { heap, outer }) => ({ heap, below, outer }), undefined)
}

function look(): void {
  isLooked = true
  const hooks = (globalThis as { process?: Host }).process?.getBuiltinModule?.('node:async_hooks')
  if (hooks !== undefined) storage = new hooks.AsyncLocalStorage()
}
