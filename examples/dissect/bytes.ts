/**
 * bytes: a piece of a packet, as a dissector sees it: an address and two lengths.
 *
 *   | captured ...             | not captured ...   | nothing
 *   at                      length               whole
 *
 * Who reads behind `whole` has to do with a packet that promises more than it has, which is malformed. Who reads behind
 * `length` has to do with one of which less was captured than there was: it is cut, and nobody is to blame.
 */
import type { Memory } from './memory.ts'

/** Thrown to the one who began to dissect a packet, and to nobody beyond. */
export class Unreadable extends Error {
  override readonly name = 'Unreadable'
  readonly isCut: boolean

  constructor(what: string, isCut = false) {
    super(what)
    this.isCut = isCut
  }
}

export class Bytes {
  readonly memory: Memory
  readonly at: number
  /** How many there are. */
  readonly length: number
  /** How many there were. */
  readonly whole: number

  constructor(memory: Memory, at: number, length: number, whole = length) {
    this.memory = memory
    this.at = at
    this.length = length
    this.whole = whole
  }

  u8(place: number): number {
    this.need(place, 1)
    return this.memory.u8[this.at + place]!
  }

  /** Numbers are in the order of the network, the highest byte first. */
  u16(place: number): number {
    this.need(place, 2)
    const { u8 } = this.memory
    const at = this.at + place
    return (u8[at]! << 8) | u8[at + 1]!
  }

  u32(place: number): number {
    return this.u16(place) * 65_536 + this.u16(place + 2)
  }

  /** The address of `count` bytes that are all there. */
  addressOf(place: number, count: number): number {
    this.need(place, count)
    return this.at + place
  }

  /** What comes after `place`, `whole` bytes at most. */
  from(place: number, whole = this.whole - place): Bytes {
    if (place > this.whole) this.need(place, 0)
    const most = Math.min(whole, this.whole - place)
    return new Bytes(this.memory, this.at + place, Math.max(0, Math.min(most, this.length - place)), most)
  }

  /** So many bytes as text, a character a byte. */
  text(place: number, count: number): string {
    const at = this.addressOf(place, count)
    return String.fromCharCode(...this.memory.u8.subarray(at, at + count))
  }

  private need(place: number, count: number): void {
    if (place + count <= this.length) return
    const isCut = place + count <= this.whole
    const had = isCut ? `${this.length} captured of ${this.whole}` : `${this.whole}`
    throw new Unreadable(`${count} bytes at ${place}, expected to be among ${had}`, isCut)
  }
}
