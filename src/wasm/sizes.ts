/**
 * Sizes: how long each block of a program is, by its address; asked and told at every call.
 *
 *   pages    | 16 KiB of addresses | none | 16 KiB | ...          made when the first block begins there
 *   page     |  0  | ~24 |  0  |  0  | ~0  | ...                  a cell for each 8 bytes; 0: no block begins there
 *   odd      addresses that are no multiples of 8, which few allocators give
 *
 * No cell depends on another one, so there is nothing to search or to move: half of what a hash table takes when blocks
 * come and go at random. What is walked is in order. A page takes half of the memory that it tells of, and stays.
 *
 *   set, get, take O(1)    walk O(memory that blocks were in)
 */
const PAGE_BITS = 14
const INSIDE = (1 << PAGE_BITS) - 1
const CELLS = 1 << (PAGE_BITS - 3)

export class Sizes {
  private readonly pages: (Int32Array | undefined)[] = []
  private readonly odd = new Map<number, number>()

  /** Puts a size, 0 to 2^31 - 1, at an address; the size that was there, or -1. */
  set(at: number, size: number): number {
    if ((at & 7) !== 0) return this.setOdd(at, size)
    const page = this.pages[at >>> PAGE_BITS] ?? this.newPage(at >>> PAGE_BITS)
    const cell = (at & INSIDE) >>> 3
    const old = page[cell]!
    page[cell] = ~size
    return ~old
  }

  /** The size at an address; -1 when there is none. */
  get(at: number): number {
    if ((at & 7) !== 0) return this.odd.get(at) ?? -1
    const page = this.pages[at >>> PAGE_BITS]
    return page === undefined ? -1 : ~page[(at & INSIDE) >>> 3]!
  }

  /** Takes the size at an address away and returns it; -1 when there was none. */
  take(at: number): number {
    if ((at & 7) !== 0) return this.takeOdd(at)
    const page = this.pages[at >>> PAGE_BITS]
    if (page === undefined) return -1
    const cell = (at & INSIDE) >>> 3
    const old = page[cell]!
    page[cell] = 0
    return ~old
  }

  /** All addresses with their sizes, in order of address, until `visit` answers false. */
  walk(visit: (at: number, size: number) => boolean | void): void {
    const odd = [...this.odd].sort(([a], [b]) => b - a)
    const visitOdd = (below: number): boolean => {
      while (odd.length > 0 && odd.at(-1)![0] < below) if (visit(...odd.pop()!) === false) return false
      return true
    }
    for (let page = 0; page < this.pages.length; page++) {
      const cells = this.pages[page]
      if (cells === undefined) continue
      for (let cell = 0; cell < CELLS; cell++) {
        if (cells[cell] === 0) continue
        const at = page * (INSIDE + 1) + cell * 8
        if (!visitOdd(at) || visit(at, ~cells[cell]!) === false) return
      }
    }
    visitOdd(Infinity)
  }

  clear(): void {
    this.pages.length = 0
    this.odd.clear()
  }

  private newPage(number: number): Int32Array {
    while (this.pages.length < number) this.pages.push(undefined)
    const page = new Int32Array(CELLS)
    this.pages[number] = page
    return page
  }

  private setOdd(at: number, size: number): number {
    const old = this.odd.get(at) ?? -1
    this.odd.set(at, size)
    return old
  }

  private takeOdd(at: number): number {
    const old = this.odd.get(at) ?? -1
    this.odd.delete(at)
    return old
  }
}
