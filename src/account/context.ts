/**
 * context: which account is current: that of the innermost `run` that the code was started in, through awaits and timers
 * too where there is AsyncLocalStorage; elsewhere while `run` is being called only.
 */
import { type AsyncStorage, asyncStorage } from '../ground/async-storage.ts'
import { type Payer, payBy } from '../region/payer.ts'

let storage: AsyncStorage<Payer> | undefined
let isLooked = false
let running: Payer | undefined

/** The current account, or undefined where none is. */
export function currentPayer(): Payer | undefined {
  return storage === undefined ? running : storage.getStore()
}

/** Calls `fn` with an account that is current in it, and returns what it returns. */
export function run<P extends Payer, R>(account: P, fn: (account: P) => R): R {
  if (!isLooked) look()
  if (storage !== undefined) return storage.run(account, fn, account)
  const before = running
  running = account
  try {
    return fn(account)
  } finally {
    running = before
  }
}

function look(): void {
  isLooked = true
  storage = asyncStorage()
  payBy(currentPayer)
}
