/**
 * regions: every region of this thread that is open and whose handle is still held by somebody.
 */
import type { Region } from '../contract/region.ts'

const PRUNE = 1024

const open = new Set<WeakRef<Region>>()
let grown = 0

/** Enters a region; the ticket takes it out again. */
export function enlist(region: Region): WeakRef<Region> {
  const ticket = new WeakRef(region)
  open.add(ticket)
  if (++grown % PRUNE === 0) for (const other of open) if (other.deref() === undefined) open.delete(other)
  return ticket
}

export function delist(ticket: WeakRef<Region>): void {
  open.delete(ticket)
}

/** All regions that are open in this thread, in the order in which they were opened. */
export function regions(): Region[] {
  const found: Region[] = []
  for (const ticket of open) {
    const region = ticket.deref()
    if (region === undefined) open.delete(ticket)
    else found.push(region)
  }
  return found
}
