/**
 * agent: who this thread is, as a number other threads can read in a lock word.
 *
 * Under Node, Bun and Deno it is the worker's thread number plus 1, so that a message can name the worker; in a browser
 * a random number with bit 30 set. Never 0.
 */
const RANDOM = 0x40000000

interface Builtin {
  process?: { getBuiltinModule?: (name: string) => { threadId?: number } | undefined }
}

function identify(): number {
  const threads = (globalThis as Builtin).process?.getBuiltinModule?.('node:worker_threads')
  if (threads?.threadId !== undefined) return threads.threadId + 1
  return RANDOM | Math.floor(Math.random() * RANDOM)
}

export const agent: number = identify()

/** The name of an agent, for messages. */
export function agentName(id: number): string {
  if ((id & RANDOM) !== 0) return `agent ${id.toString(16)}`
  return id === 1 ? 'the main thread' : `worker thread ${id - 1}`
}
