/**
 * plan: which regions the program's data are drawn from. All that differs between the variants is here.
 *
 *   data                     how they come and go                      best     cleared            mixture
 *   tables, names, terms     any size, grow, live long                 best     best               best
 *   postings                 24 bytes, by the hundred thousand         best     best               pool
 *   a document's tree        built at once, dropped at once            best     best of its own    last of its own
 *   what a request needs     gone when it is answered                  best     best, cleared      last, cleared
 *
 * Where a document has a region of its own, dropping it is one `clear`, whatever it holds. The region is kept for a
 * document to come, for opening one costs as much as several hundred allocations; `compact` gives its memory back. What a
 * change leaves behind in there is garbage until the document is dropped, or copied into a fresh region.
 *
 * The pool has a root of its own. Nested, it would lie in as many segments as it grew by, and `free` of an element
 * asks in which of them it lies.
 */
import type { Region } from 'vmalloc'
import type { Vmalloc } from '../program.ts'
import { Place, Space } from './space.ts'

export interface Policy {
  /** Method of the postings' own region; none: with everything else. */
  readonly postings?: string
  /** Method of each document's own region; none: with everything else, freed block by block. */
  readonly document?: string
  /** Method of the region that is cleared after each request; none: with everything else, freed block by block. */
  readonly request?: string
}

export class Plan {
  readonly lasting: Place
  readonly postings: Place
  readonly request: Place

  readonly #vmalloc: Vmalloc
  readonly #policy: Policy
  readonly #roots: Region[]
  readonly #documents: Place[] = []
  readonly #spare: Place[] = []

  constructor(vmalloc: Vmalloc, policy: Policy) {
    const root = vmalloc.open({ name: 'documents', method: 'best', discipline: 'memory' })
    const space = new Space(root)
    this.#vmalloc = vmalloc
    this.#policy = policy
    this.#roots = [root]
    this.lasting = new Place(space, root, true)
    this.postings = this.lasting
    if (policy.postings !== undefined) {
      const own = vmalloc.open({ name: 'postings', method: policy.postings, discipline: 'memory' })
      this.#roots.push(own)
      this.postings = new Place(new Space(own), own, true)
    }
    this.request = policy.request === undefined ? this.lasting : this.#nested('request', policy.request)
  }

  /** A place for a new document. */
  document(): Place {
    if (this.#policy.document === undefined) return this.lasting
    return this.#spare.pop() ?? this.#nested('document', this.#policy.document)
  }

  /** Nobody needs what is in a document's place; where blocks go one by one, they are gone already. */
  drop(place: Place): void {
    if (place.singly) return
    place.end()
    place.calls++
    place.region.compact()
    this.#spare.push(place)
  }

  /** Bytes held from the system; roots never shrink, so this is also the most there ever was. */
  get extent(): number {
    return this.#roots.reduce((sum, root) => sum + root.stat().extent, 0)
  }

  get calls(): number {
    const places = new Set([this.lasting, this.postings, this.request, ...this.#documents])
    return [...places].reduce((sum, { calls }) => sum + calls, 0)
  }

  /** Closes every region, and throws where a block was left in one that frees one by one. */
  close(): void {
    for (const { singly, region } of [this.request, ...this.#documents]) {
      if (!singly && !region.close()) throw new Error(`${region.name}: does not close`)
    }
    for (const root of this.#roots) {
      root.check()
      const { busyBlocks } = root.stat()
      if (busyBlocks > 0) throw new Error(`${root.name}: ${busyBlocks} blocks were not freed`)
      root.close()
    }
  }

  #nested(name: string, method: string): Place {
    const { space } = this.lasting
    const region = this.#vmalloc.open({ name, method, discipline: space.root })
    if (space.i32[0] === undefined) space.renew()
    const place = new Place(space, region, false)
    place.calls++
    if (name === 'document') this.#documents.push(place)
    return place
  }
}
