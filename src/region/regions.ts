/**
 * regions: every region of this thread that is open and whose handle is still held by somebody.
 *
 *   enlist    a handle joins the young ones, a list by its own links: held until the current job is done
 *   settle    when the job is done, or somebody asks: who is still open gets a WeakRef, here and in its space
 *
 * A WeakRef holds its object until the job is done, too, and costs more than all else that a handle is made of. So a
 * region that is opened and closed in one job has none.
 */
import type { Region } from '../contract/region.ts'

/** A region's handle, as those see it who keep account of them. */
export interface Held extends Region {
  older: Held | undefined
  newer: Held | undefined
  /** Once it is settled. */
  ticket: WeakRef<Held> | undefined
  /** Says to its space where it is found. */
  settled(ticket: WeakRef<Held>): void
  /** Looks anew whether the short way is open. */
  tune(): void
}

const PRUNE = 1024

const open = new Set<WeakRef<Held>>()
let oldest: Held | undefined
let newest: Held | undefined
let isAwaited = false
let grown = 0

/** Enters a region. */
export function enlist(handle: Held): void {
  handle.older = newest
  if (newest === undefined) oldest = handle
  else newest.newer = handle
  newest = handle
  if (isAwaited) return
  isAwaited = true
  void Promise.resolve().then(() => {
    isAwaited = false
    settle()
  })
}

/** Takes a region out. */
export function delist(handle: Held): void {
  if (handle.ticket !== undefined) {
    open.delete(handle.ticket)
    return
  }
  const { older, newer } = handle
  if (older !== undefined) older.newer = newer
  else if (oldest === handle) oldest = newer
  if (newer !== undefined) newer.older = older
  else if (newest === handle) newest = older
  handle.older = handle.newer = undefined
}

/** No handle is held any more for being young. */
export function settle(): void {
  while (oldest !== undefined) {
    const handle = oldest
    delist(handle)
    const ticket = new WeakRef(handle)
    handle.ticket = ticket
    handle.settled(ticket)
    open.add(ticket)
    if (++grown % PRUNE === 0) for (const other of open) if (other.deref() === undefined) open.delete(other)
  }
}

/** All regions that are open in this thread, in the order in which they were opened. */
export function regions(): Region[] {
  settle()
  const found: Region[] = []
  for (const ticket of open) {
    const region = ticket.deref()
    if (region === undefined) open.delete(ticket)
    else found.push(region)
  }
  return found
}

/** The region that all others of a space lie in: addresses mean the same in all of them. */
export function rootOf(region: Region): Region {
  let root = region
  while (root.parent !== undefined) root = root.parent
  return root
}
