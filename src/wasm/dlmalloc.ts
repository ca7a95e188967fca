/**
 * dlmalloc: Doug Lea's malloc, which most C programs have, found by what its compiled code looks like.
 *
 *   state   +0         +4        +8      +12      +16    +20  +24  +28 ...  +40            +304           +432 ...    +472
 *           | SMALLMAP | TREEMAP | DVSIZE | TOPSIZE | LEAST | DV | TOP | ... | small bins ... | tree bins ... | figures |
 *
 *   malloc          i:i, compares its parameter with the largest small request, knows the largest of all (-64), and uses
 *                   nearly all of the state, at fixed addresses of this pattern; so the state is found too
 *   free            i:, looks 8 before its parameter, files away: uses both kinds of bins
 *   dispose_chunk   ii:, the same with a chunk and its size
 *   realloc         ii:i, calls malloc and free, and dispose_chunk or a function that does
 *   memalign        ii:i, calls malloc and dispose_chunk
 *   calloc          ii:i, multiplies, calls malloc, and looks at two bits before what it got
 *
 * Then every function that touches the state is accounted for. It has a role; or only those call it that have one
 * (`inside`); or it stores nothing there (`harmless`); or it is a caller of realloc or memalign into which optimisers
 * put their code (`inlined`): that code splits blocks where they lie and hands the rest to dispose_chunk. All others are
 * strangers. Optimisers also put other code into these functions, so what has a role must do nothing else: it sets no
 * global, stores at no fixed address outside (the number of an error is the exception), and calls nobody else.
 */
import { insideOf } from './emmalloc.ts'
import { type Flow, flow, HEADS, PLACED, placeOf } from './flow.ts'
import type { Role, Stranger } from './roles.ts'
import {
  GROWS,
  LARGEST,
  MASKS_LOW,
  MASKS_SIZE,
  MINUS,
  SETS_GLOBAL,
  SMALL_BY_8,
  SMALL_BY_16,
  type Survey,
} from './survey.ts'
import { handsOn, multipliesBoth, pads, takesOff, uses } from './usage.ts'

/** Words of the state that malloc uses; of these some may be missing. */
const WORDS = [0, 4, 8, 12, 20, 24, 40, 304, 432, 436, 448, 452]
const ENOUGH = 9
const STATE_BYTES = 472
/** Where figures begin; what is before says which memory is free. */
const FIGURES = 432
const ENOMEM = [48, 12]
/** Bytes; none of these functions is larger. */
const LARGEST_BODY = 12_000
/** Allocators that are looked for in a module. */
const MOST_FOUND = 4

/** What filing away needs and unlinking does not. */
const COUNTDOWN = [28, 32]

export interface Dlmalloc {
  readonly alignment: 8 | 16
  /** Of its state, as `flow` counts. */
  readonly state: number
  readonly roles: ReadonlyMap<number, Role>
  readonly inside: readonly number[]
  readonly inlined: readonly Stranger[]
  readonly harmless: readonly number[]
  readonly strangers: readonly Stranger[]
  /** Functions that take the size out of a head, and are none of the above. */
  readonly readers: readonly number[]
}

/** Names that say what a function is, for those that have one. */
export type NameOf = (index: number) => Role | undefined

/** Throws Unreadable. */
export function findDlmalloc(
  survey: Survey,
  nameOf: NameOf,
  namesOf: (index: number) => readonly string[],
): Dlmalloc[] {
  const found: Dlmalloc[] = []
  for (let index = survey.imported; index < survey.count && found.length < MOST_FOUND; index++) {
    if (!looksLikeMalloc(survey, index)) continue
    const state = stateIn(flow(survey.module, index))
    if (state === undefined || found.some((known) => known.state === state)) continue
    found.push(new Search(survey, index, state, nameOf, namesOf).result())
  }
  return found
}

function looksLikeMalloc(survey: Survey, index: number): boolean {
  const marks = survey.marks(index)
  const size = survey.size(index)
  const isOne = (marks & LARGEST) !== 0 && (marks & (SMALL_BY_8 | SMALL_BY_16)) !== 0
  return isOne && size > 2000 && size < LARGEST_BODY && survey.shape(index) === 'i:i' && comparesFirst(survey, index)
}

/** Its parameter as it came is compared with the largest small request. */
function comparesFirst(survey: Survey, index: number): boolean {
  return uses(survey, index, 0, (op, constant) => op >= 0x46 && op <= 0x4f && constant >= 236 && constant <= 245)
}

function stateIn(seen: Flow): number | undefined {
  const used = new Set([...seen.loads, ...seen.stores])
  const words = new Set([...used, ...seen.passed])
  let best: number | undefined
  let most = ENOUGH - 1
  for (const at of used) {
    const count = WORDS.filter((word) => words.has(at + word)).length
    if (count <= most || at % 4 !== 0) continue
    best = at
    most = count
  }
  return best
}

class Search {
  private readonly survey: Survey
  private readonly malloc: number
  private readonly state: number
  private readonly alignment: 8 | 16
  private readonly nameOf: NameOf
  private readonly namesOf: (index: number) => readonly string[]
  private readonly touching = new Map<number, Flow>()
  private readonly roles = new Map<number, Role>()
  private inside = new Set<number>()
  private readonly inlined: Stranger[] = []
  private readonly harmless: number[] = []
  private readonly strangers: Stranger[] = []
  private readonly readers: number[] = []

  constructor(
    survey: Survey,
    malloc: number,
    state: number,
    nameOf: NameOf,
    namesOf: (index: number) => readonly string[],
  ) {
    this.survey = survey
    this.malloc = malloc
    this.state = state
    this.alignment = (survey.marks(malloc) & SMALL_BY_8) !== 0 ? 8 : 16
    this.nameOf = nameOf
    this.namesOf = namesOf
  }

  result(): Dlmalloc {
    this.findTouching()
    this.roles.set(this.malloc, 'malloc')
    this.findFrees()
    this.findUsers()
    this.account()
    const { alignment, state, roles, inlined, harmless, strangers, readers } = this
    return {
      alignment,
      state,
      roles,
      inside: [...this.inside],
      inlined,
      harmless,
      strangers,
      readers,
    }
  }

  private findTouching(): void {
    const { survey, state } = this
    const from = state >= PLACED ? state - PLACED : state
    for (let index = survey.imported; index < survey.count; index++) {
      if (!survey.mentions(index, from, from + STATE_BYTES)) continue
      const seen = flow(survey.module, index, { from: state, to: state + STATE_BYTES })
      if (!this.isIn(seen.loads) && !this.isIn(seen.stores) && !seen.passed.has(state)) continue
      this.touching.set(index, survey.size(index) < LARGEST_BODY ? flow(survey.module, index) : seen)
    }
  }

  private isIn(addresses: ReadonlySet<number>, bytes = STATE_BYTES): boolean {
    for (const at of addresses) if (at >= this.state && at < this.state + bytes) return true
    return false
  }

  private uses(seen: Flow, word: number): boolean {
    return seen.loads.has(this.state + word) || seen.stores.has(this.state + word)
  }

  /** free and dispose_chunk: they need nobody. */
  private findFrees(): void {
    for (const [index, seen] of this.touching) {
      const shape = this.survey.shape(index)
      if (index === this.malloc || (shape !== 'i:' && shape !== 'ii:')) continue
      if (this.survey.size(index) >= LARGEST_BODY) continue
      const files = [4, 8, 12, 20, 24, 304].every((word) => this.uses(seen, word)) && seen.stores.has(this.state + 24)
      if (!files || !this.doesNothingElse(index, seen, [])) continue
      const counts = COUNTDOWN.some((word) => this.uses(seen, word))
      if (shape === 'i:' && counts && this.isChunked(index)) this.roles.set(index, 'free')
      if (shape === 'ii:' && !counts) this.roles.set(index, 'dispose_chunk')
    }
  }

  private of(role: Role): number[] {
    return [...this.roles].filter(([, known]) => known === role).map(([index]) => index)
  }

  private calls(index: number, role: Role): boolean {
    return this.survey.callees(index).some((callee) => this.roles.get(callee) === role)
  }

  /** realloc, memalign, calloc, malloc_usable_size: by what they call. */
  private findUsers(): void {
    const { survey } = this
    const users = new Set([...this.of('malloc'), ...this.of('dispose_chunk')].flatMap((index) => survey.callers(index)))
    const tries = this.resizers()
    for (const index of users) {
      if (this.roles.has(index)) continue
      const role = this.userRole(index, tries)
      if (role !== undefined) this.roles.set(index, role)
    }
    for (let index = survey.imported; index < survey.count; index++) {
      if (!this.roles.has(index) && this.isUsableSize(index)) this.roles.set(index, 'malloc_usable_size')
    }
  }

  /** Functions that resize where a block lies, where realloc has such a part of its own. */
  private resizers(): number[] {
    return [...this.touching]
      .filter(
        ([index, seen]) =>
          this.survey.shape(index) === 'ii:i' && this.unlinks(index, seen) && !this.calls(index, 'free'),
      )
      .map(([index]) => index)
  }

  /** Takes blocks out of bins and puts none there but by dispose_chunk. */
  private unlinks(index: number, seen: Flow): boolean {
    const isPart = [...COUNTDOWN, 432, 448].every((word) => !this.uses(seen, word))
    return isPart && this.isIn(seen.stores) && this.calls(index, 'dispose_chunk')
  }

  private userRole(index: number, tries: readonly number[]): Role | undefined {
    const { survey } = this
    const isFit = survey.shape(index) === 'ii:i' && survey.size(index) < LARGEST_BODY && this.calls(index, 'malloc')
    if (!isFit) return undefined
    const marks = survey.marks(index)
    const seen = flow(survey.module, index)
    const callees = survey.callees(index)
    const isTouching = this.touching.has(index)
    const resizes = isTouching ? this.isIn(seen.stores) : tries.some((one) => callees.includes(one))
    if (this.calls(index, 'free')) {
      const isOne = resizes && this.givesAsItGot(index) && this.doesNothingElse(index, seen, tries)
      return isOne ? 'realloc' : undefined
    }
    if (isTouching || (marks & SETS_GLOBAL) !== 0) return undefined
    if (this.calls(index, 'dispose_chunk')) {
      const isOne = (marks & LARGEST) !== 0 && pads(survey, index, 1, this.alignment)
      return isOne && this.doesNothingElse(index, seen, []) ? 'memalign' : undefined
    }
    const isCalloc = (marks & MASKS_LOW) !== 0 && multipliesBoth(survey, index) && seen.takesLow && !seen.takesSize
    return isCalloc && survey.size(index) < 400 && this.doesNothingElse(index, seen, []) ? 'calloc' : undefined
  }

  private isUsableSize(index: number): boolean {
    const { survey } = this
    if (survey.shape(index) !== 'i:i' || survey.size(index) > 100 || (survey.marks(index) & MASKS_SIZE) === 0)
      return false
    if (survey.callees(index).length > 0) return false
    const seen = flow(survey.module, index)
    return seen.takesSize && seen.stores.size === 0
  }

  /** Calls malloc with its second parameter and free with its first, and looks before the first. */
  private givesAsItGot(index: number): boolean {
    const { survey } = this
    const frees = this.of('free').every((free) => handsOn(survey, index, free, 0))
    return frees && handsOn(survey, index, this.malloc, 1) && (this.isChunked(index) || takesOff(survey, index, 0, 4))
  }

  /** The parameter is an address, and 8 before it its chunk. */
  private isChunked(index: number): boolean {
    return takesOff(this.survey, index, 0, 8)
  }

  /** Has no effect but on blocks. */
  private doesNothingElse(index: number, seen: Flow, tries: readonly number[]): boolean {
    const { survey } = this
    if ((survey.marks(index) & (SETS_GLOBAL | GROWS)) !== 0) return false
    const isOutside = ({ at, value }: { at: number; value: number | undefined }) =>
      (at < this.state || at >= this.state + STATE_BYTES) && !(value !== undefined && ENOMEM.includes(value))
    if (seen.stored.some(isOutside)) return false
    return survey.callees(index).every((callee) => {
      if (this.roles.has(callee) || tries.includes(callee) || callee === index) return true
      const shape = survey.shape(callee)
      return shape === ':' || shape === ':i' || shape === 'iii:i' || shape === 'iii:'
    })
  }

  private account(): void {
    this.inside = insideOf(this.survey, this.touching.keys(), this.roles)
    for (const [index, seen] of this.touching) {
      if (this.roles.has(index) || this.inside.has(index)) continue
      if (this.isHarmless(index, seen)) this.harmless.push(index)
      else if (this.isInlined(index, seen)) this.inlined.push({ index, why: 'realloc is inlined into it' })
      else this.strangers.push({ index, why: 'uses the state of the allocator' })
    }
    const tries = this.resizers()
    for (const index of this.others()) {
      if (this.survey.callees(index).some((callee) => tries.includes(callee) && !this.roles.has(callee))) {
        const isWhole = this.calls(index, 'malloc') && this.calls(index, 'free')
        if (isWhole) this.inlined.push({ index, why: 'realloc is inlined into it' })
        else this.strangers.push({ index, why: 'resizes blocks where they lie' })
      } else if (this.calls(index, 'dispose_chunk')) {
        this.inlined.push({ index, why: 'splits blocks' })
      } else if (this.readsSizes(index)) this.readers.push(index)
    }
  }

  /** All that neither touch the state nor have a role. */
  private others(): number[] {
    const others: number[] = []
    for (let index = this.survey.imported; index < this.survey.count; index++) {
      if (!this.roles.has(index) && !this.touching.has(index)) others.push(index)
    }
    return others
  }

  private isHarmless(index: number, seen: Flow): boolean {
    if (this.namesOf(index).some((name) => HARMLESS.test(name))) return true
    return !this.isIn(seen.stores, FIGURES) && !seen.passed.has(this.state)
  }

  private isInlined(index: number, seen: Flow): boolean {
    return this.unlinks(index, seen) && this.calls(index, 'malloc') && this.calls(index, 'free')
  }

  private readsSizes(index: number): boolean {
    const both = MASKS_SIZE | MINUS
    if ((this.survey.marks(index) & both) !== both || this.nameOf(index) !== undefined) return false
    return flow(this.survey.module, index, HEADS).takesSize
  }
}

const HARMLESS =
  /^_*(?:dl|emscripten_builtin_)?(?:mallinfo|mallopt|malloc_trim|malloc_stats|malloc_footprint\w*|malloc_max_footprint)$/

/** Where the state lies, in words. */
export function placeInWords(survey: Survey, state: number): string {
  return placeOf(survey.module) >= 0 && state >= PLACED ? `${state - PLACED} from where the module is put` : `${state}`
}
