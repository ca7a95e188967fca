/**
 * nearest: the known name that somebody probably meant.
 *
 * Distance counts letters inserted, dropped, replaced, or swapped with their neighbour, each swap on its own (optimal
 * string alignment), whatever the case. A name more than about a third of its length away is no suggestion but a guess.
 */
export function nearest(name: string, names: Iterable<string>): string | undefined {
  let best: string | undefined
  let least = Infinity
  for (const candidate of names) {
    const away = distance(name.toLowerCase(), candidate.toLowerCase())
    if (away < least && isNear(away, Math.max(name.length, candidate.length))) [best, least] = [candidate, away]
  }
  return best
}

const isNear = (away: number, length: number) => 3 * away <= length + 1

/** Three rows of the usual table: `row[j]` is the distance from the first i letters of `a` to the first j of `b`. */
function distance(a: string, b: string): number {
  let before: number[] = []
  let above: number[] = []
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    ;[before, above, row] = [above, row, [i]]
    for (let j = 1; j <= b.length; j++) {
      const replace = above[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      row[j] = Math.min(replace, above[j]! + 1, row[j - 1]! + 1, swapped ? before[j - 2]! + 1 : Infinity)
    }
  }
  return row[b.length]!
}
