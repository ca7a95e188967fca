/**
 * memory: the bytes that all scopes have in common, as arrays. An address means the same in each of them.
 *
 * The arrays are other ones once the memory has grown, so they are asked for anew after whatever may allocate.
 */
import type { Region } from 'vmalloc'

export class Memory {
  private readonly region: Region
  private buffer: ArrayBufferLike
  private octets: Uint8Array
  private words: Uint32Array
  private doubles: Float64Array

  /** Of a region that lives longer than all others that lie in the same memory. */
  constructor(region: Region) {
    this.region = region
    this.buffer = region.buffer
    this.octets = new Uint8Array(this.buffer)
    this.words = new Uint32Array(this.buffer)
    this.doubles = new Float64Array(this.buffer)
  }

  get u8(): Uint8Array {
    if (this.region.buffer !== this.buffer) this.renew()
    return this.octets
  }

  /** The same as numbers of 4 bytes: index = address / 4. */
  get u32(): Uint32Array {
    if (this.region.buffer !== this.buffer) this.renew()
    return this.words
  }

  /** The same as numbers of 8 bytes: index = address / 8. */
  get f64(): Float64Array {
    if (this.region.buffer !== this.buffer) this.renew()
    return this.doubles
  }

  private renew(): void {
    this.buffer = this.region.buffer
    this.octets = new Uint8Array(this.buffer)
    this.words = new Uint32Array(this.buffer)
    this.doubles = new Float64Array(this.buffer)
  }
}

/** Fields of a record in memory, by their distance in bytes from where it begins. */
export class Fields {
  protected readonly memory: Memory
  protected readonly at: number

  constructor(memory: Memory, at: number) {
    this.memory = memory
    this.at = at
  }

  protected word(field: number): number {
    return this.memory.u32[(this.at + field) / 4]!
  }

  protected setWord(field: number, value: number): void {
    this.memory.u32[(this.at + field) / 4] = value
  }

  protected double(field: number): number {
    return this.memory.f64[(this.at + field) / 8]!
  }

  protected setDouble(field: number, value: number): void {
    this.memory.f64[(this.at + field) / 8] = value
  }
}
