/**
 * names: which names of closed regions and of their accounts have a line of their own, so that lines do not grow without end
 * where a program makes up names.
 *
 *   region "request-1", account "http"        the first NAMES regions, and the first LINES accounts in them
 *   region "(others)",  account "http"        accounts of all further regions
 *   region "request-1", account "(others)"    all further accounts of a region
 *
 * Who has a line keeps it, so no total falls. What counters are told of while it is open may take as many lines again: a
 * region that stays is not crowded out by a thousand short ones that closed before anybody asked. What found no room
 * even so is with the others ever after, open or closed. So nothing is ever counted in two lines, and lines add up.
 *
 * At most 2 LINES + 2 NAMES + 2 lines. What is called `(others)` itself is counted with the others.
 */
const NAMES = 1_000
const LINES = 4_000

/** The name for all who have no line of their own. */
export const OTHERS = '(others)'

/** The names of a line. */
export interface Line {
  readonly region: string
  readonly path: string
}

export class Names {
  private readonly most: number
  private readonly mostLines: number
  private readonly regions = new Set<string>()
  private readonly lines = new Set<string>()

  constructor(most = NAMES, mostLines = LINES) {
    this.most = most
    this.mostLines = mostLines
  }

  /** The line of an account in regions of a name, which are open, or have closed. */
  lineOf(region: string, path: string, isOpen: boolean): Line {
    const share = isOpen ? 2 : 1
    const name = hasRoom(this.regions, region, share * this.most) ? region : OTHERS
    const line = { region: name, path }
    return hasRoom(this.lines, keyOf(line), share * this.mostLines) ? line : { region: name, path: OTHERS }
  }
}

export const keyOf = ({ region, path }: Line): string => JSON.stringify([region, path])

/** Whether one is in a set, or is now. */
function hasRoom(set: Set<string>, one: string, most: number): boolean {
  return set.has(one) || (set.size < most && set.add(one).has(one))
}
