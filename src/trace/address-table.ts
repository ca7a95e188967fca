/**
 * AddressTable: numbers by address, for what must be found at each allocation. It costs a fifth of a Map there.
 *
 *   slot      0      1      2      3      4      5      6      7
 *   keys    |  0   | 4096 |  0   |  72  | 4160 |  88  |  0   |  0   |      0: empty; no address is 0
 *   values  |      |  12  |      |  3   |  15  |  4   |      |      |
 *
 *   home(key)  the upper bits of key times the golden ratio
 *
 *   L1  between home(key) and the slot where key lies no slot is empty; so a search ends at the first empty one
 *   L2  at most half of the slots are used
 *
 * A removed entry leaves no mark: entries behind it that L1 allows move up. Addresses are below 2^32 and kept as the
 * 32-bit integers of the same bits.
 */
const GOLDEN = 0x9e3779b1
const FIRST_BITS = 8

export class AddressTable {
  #bits = FIRST_BITS
  #keys = new Int32Array(1 << FIRST_BITS)
  #values = new Int32Array(1 << FIRST_BITS)
  #size = 0

  get size(): number {
    return this.#size
  }

  /** The number at an address; -1 when there is none. */
  get(at: number): number {
    const slot = this.#find(at | 0)
    return this.#keys[slot] === 0 ? -1 : this.#values[slot]!
  }

  /** Puts a number of at least 0 at an address; the number that was there, or -1. */
  set(at: number, value: number): number {
    const slot = this.#find(at | 0)
    if (this.#keys[slot] !== 0) {
      const old = this.#values[slot]!
      this.#values[slot] = value
      return old
    }
    this.#keys[slot] = at | 0
    this.#values[slot] = value
    if (++this.#size * 2 > this.#keys.length) this.#grow()
    return -1
  }

  /** Takes the number at an address away and returns it; -1 when there was none. */
  take(at: number): number {
    const keys = this.#keys
    const values = this.#values
    const mask = keys.length - 1
    let hole = this.#find(at | 0)
    if (keys[hole] === 0) return -1
    const value = values[hole]!
    for (let slot = (hole + 1) & mask; keys[slot] !== 0; slot = (slot + 1) & mask) {
      const home = this.#home(keys[slot]!)
      if (((slot - home) & mask) < ((slot - hole) & mask)) continue
      keys[hole] = keys[slot]!
      values[hole] = values[slot]!
      hole = slot
    }
    keys[hole] = 0
    this.#size--
    return value
  }

  /** All numbers, in no order. */
  values(): Int32Array {
    return this.#values.filter((_, slot) => this.#keys[slot] !== 0)
  }

  clear(): void {
    this.#keys.fill(0)
    this.#size = 0
  }

  /** The slot of a key, or the empty one where it would lie. */
  #find(key: number): number {
    const keys = this.#keys
    const mask = keys.length - 1
    let slot = this.#home(key)
    while (keys[slot] !== 0 && keys[slot] !== key) slot = (slot + 1) & mask
    return slot
  }

  #home(key: number): number {
    return Math.imul(key, GOLDEN) >>> (32 - this.#bits)
  }

  #grow(): void {
    const keys = this.#keys
    const values = this.#values
    this.#bits++
    this.#keys = new Int32Array(2 * keys.length)
    this.#values = new Int32Array(2 * keys.length)
    for (let from = 0; from < keys.length; from++) {
      if (keys[from] === 0) continue
      const slot = this.#find(keys[from]!)
      this.#keys[slot] = keys[from]!
      this.#values[slot] = values[from]!
    }
  }
}
