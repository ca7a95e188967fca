/**
 * watch: who listens to the limits of accounts, in this thread.
 */
import type { Request } from '../contract/region.ts'
import type { Charges } from '../region/charges.ts'

/** More bytes are live in an account, and all below it, than its soft limit says. */
export interface SoftLimitOf<A> {
  readonly account: A
  readonly live: number
  readonly limit: number
}

/** A request would have gone past the hard limit of an account. */
export interface HardLimitOf<A> {
  readonly account: A
  readonly live: number
  readonly limit: number
  /** What was asked for, by this account or one below it. */
  readonly request: Request
}

type Event = 'soft' | 'hard'
type Listener = (event: object) => boolean | void

interface Watched {
  readonly account: unknown
  readonly token: number
  readonly soft: Set<Listener>
  readonly hard: Set<Listener>
}

const watched = new WeakMap<Charges, Map<number, Watched>>()

/** Calls `listener` at each event of an account, until the returned function is called. */
export function watch(charges: Charges, slot: number, account: unknown, event: Event, listener: Listener): () => void {
  let slots = watched.get(charges)
  if (slots === undefined) watched.set(charges, (slots = listenTo(charges)))
  const token = charges.ledger.token(slot)
  let entry = slots.get(slot)
  if (entry === undefined || entry.token !== token)
    slots.set(slot, (entry = { account, token, soft: new Set(), hard: new Set() }))
  entry[event].add(listener)
  return () => void entry[event].delete(listener)
}

function listenTo(charges: Charges): Map<number, Watched> {
  const slots = new Map<number, Watched>()
  /** A slot may be another account's by now. */
  const watchedAt = (slot: number): Watched | undefined => {
    const entry = slots.get(slot)
    return entry === undefined || charges.isOf(slot, entry.token) ? entry : undefined
  }
  charges.isHeard = (slot) => (watchedAt(slot)?.soft.size ?? 0) > 0
  charges.onSoft = (slot, live, limit) => {
    const entry = watchedAt(slot)
    for (const listener of entry?.soft ?? []) listener({ account: entry!.account, live, limit })
  }
  charges.onHard = (slot, request) => {
    const entry = watchedAt(slot)
    if (entry === undefined) return false
    const { bytes: live } = charges.total(slot)
    const event = { account: entry.account, live, limit: charges.ledger.limits(slot).hard, request }
    let again = false
    for (const listener of entry.hard) again = listener(event) === true || again
    return again
  }
  return slots
}
