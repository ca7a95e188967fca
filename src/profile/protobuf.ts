/**
 * protobuf: writes messages of Google's Protocol Buffers, as far as pprof needs them.
 *
 *   message   | key | value | key | value | ...       key = field number * 8 + wire type
 *   varint    wire type 0: seven bits a byte, lowest first, bit 7 set in all but the last; -1 is 2^64 - 1
 *   bytes     wire type 2: the length as a varint, then so many bytes: texts, messages, packed numbers
 */
const VARINT = 0
const BYTES = 2

const encoder = new TextEncoder()

export class Message {
  #bytes = new Uint8Array(64)
  #length = 0

  /** A whole number; left out where it is 0, which is what a reader then takes. */
  number(field: number, value: number | bigint): this {
    if (value === 0 || value === 0n) return this
    this.#varint(field * 8 + VARINT)
    this.#varint(value)
    return this
  }

  text(field: number, value: string): this {
    return this.bytes(field, encoder.encode(value))
  }

  message(field: number, value: Message): this {
    return this.bytes(field, value.finish())
  }

  packed(field: number, values: readonly (number | bigint)[]): this {
    const packed = new Message()
    for (const value of values) packed.#varint(value)
    return this.bytes(field, packed.finish())
  }

  bytes(field: number, value: Uint8Array): this {
    this.#varint(field * 8 + BYTES)
    this.#varint(value.length)
    this.#room(value.length)
    this.#bytes.set(value, this.#length)
    this.#length += value.length
    return this
  }

  finish(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#length)
  }

  #varint(value: number | bigint): void {
    this.#room(10)
    let rest = BigInt.asUintN(64, BigInt(value))
    for (; rest > 0x7fn; rest >>= 7n) this.#bytes[this.#length++] = Number(rest & 0x7fn) | 0x80
    this.#bytes[this.#length++] = Number(rest)
  }

  #room(more: number): void {
    if (this.#length + more <= this.#bytes.length) return
    const wider = new Uint8Array(2 * (this.#length + more))
    wider.set(this.#bytes)
    this.#bytes = wider
  }
}
