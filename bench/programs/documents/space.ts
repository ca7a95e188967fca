/**
 * space: the words of one address space, and places in it to draw blocks from.
 *
 *   Space    typed arrays over region.buffer, renewed when memory grew
 *   Place    a region to take blocks from, and the way in which they go: one by one, or all at once
 *
 * Any call that allocates may grow memory and leave typed arrays empty. So arrays are read from the Space again after
 * each take, and a take asks once whether they are still there. What reads and writes in between uses them as they are.
 * Addresses are taken for signed words, so a space may have 2 GiB.
 */
import type { Region } from 'vmalloc'

export class Space {
  i32!: Int32Array<ArrayBufferLike>
  u8!: Uint8Array<ArrayBufferLike>
  f64!: Float64Array<ArrayBufferLike>
  readonly root: Region

  constructor(root: Region) {
    this.root = root
    this.renew()
  }

  renew(): void {
    const { buffer } = this.root
    this.i32 = new Int32Array(buffer)
    this.u8 = new Uint8Array(buffer)
    this.f64 = new Float64Array(buffer)
  }
}

const COPY = { copy: true }

export class Place {
  readonly space: Space
  readonly region: Region
  /** Whether each block is given back by itself; otherwise `end` frees them all. */
  readonly singly: boolean
  /** Bytes taken since the place was new or ended. */
  taken = 0
  calls = 0

  constructor(space: Space, region: Region, singly: boolean) {
    this.space = space
    this.region = region
    this.singly = singly
  }

  take(size: number): number {
    this.calls++
    this.taken += size
    const at = this.region.alloc(size)
    if (at === 0) throw new Error(`${this.region.name}: no memory for ${size} bytes`)
    if (this.space.i32[0] === undefined) this.space.renew()
    return at
  }

  /** Makes a block larger; it may move. */
  widen(at: number, size: number): number {
    this.calls++
    this.taken += size
    const to = this.region.resize(at, size, COPY)
    if (to === 0) throw new Error(`${this.region.name}: no memory for ${size} bytes`)
    if (this.space.i32[0] === undefined) this.space.renew()
    return to
  }

  give(at: number): void {
    if (!this.singly) return
    this.calls++
    if (!this.region.free(at)) throw new Error(`${this.region.name}: ${at} is no block`)
  }

  /** The end of a request, or of a document: everything goes, where it did not go one by one. */
  end(): void {
    if (this.singly) return
    this.calls++
    this.taken = 0
    this.region.clear()
  }
}
