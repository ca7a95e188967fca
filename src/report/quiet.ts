/**
 * quiet: replays under a method that debugs, whose findings are counted by kind instead of written.
 *
 * A trace was made under some method and is replayed under another one. What debug(last) then finds, that a block was
 * freed which is not the newest, is a figure of the replay and no mistake of anybody; there may be as many as frees.
 */
import type { FindingKind } from '../contract/finding.ts'
import { foundBy } from '../region/hooks.ts'
import { count } from './words.ts'

export type Findings = ReadonlyMap<FindingKind, number>

/** Calls `task`; what methods found meanwhile, which nobody else hears. */
export function findingsOf(task: () => unknown): Findings {
  const findings = new Map<FindingKind, number>()
  foundBy(
    ({ kind }) => findings.set(kind, (findings.get(kind) ?? 0) + 1),
    () => void task(),
  )
  return findings
}

/** How many of each kind, the most first; '' for none. */
export function findingsText(findings: Findings): string {
  const kinds = [...findings].sort(([, a], [, b]) => b - a)
  return kinds.map(([kind, n]) => `${count(n)} ${kind}`).join(', ')
}
