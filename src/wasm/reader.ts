/**
 * reader: the bytes of a WebAssembly module, read from front to back: fixed bytes and LEB128 numbers.
 *
 * Whatever the bytes are, nothing is read outside of them and nothing loops: what cannot be read is an `Unreadable` that
 * says where. `malformed` bytes are no module, or a broken one; `unsupported` ones may be a module that is newer than
 * this program. Both mean the same to those who would change it: it stays as it is.
 */
export class Unreadable extends Error {
  readonly kind: 'malformed' | 'unsupported'
  /** Of the byte in the module. */
  readonly offset: number

  constructor(kind: 'malformed' | 'unsupported', what: string, offset: number) {
    super(`${what} at byte ${offset}`)
    this.name = 'Unreadable'
    this.kind = kind
    this.offset = offset
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true })

export class Reader {
  readonly bytes: Uint8Array
  /** The next byte. */
  at: number
  /** Nothing is read from here on. */
  end: number

  constructor(bytes: Uint8Array, from = 0, end = bytes.length) {
    this.bytes = bytes
    this.at = from
    this.end = end
  }

  get done(): boolean {
    return this.at >= this.end
  }

  malformed(what: string, at = this.at): never {
    throw new Unreadable('malformed', what, at)
  }

  unsupported(what: string, at = this.at): never {
    throw new Unreadable('unsupported', what, at)
  }

  byte(): number {
    if (this.at >= this.end) this.malformed('the end came too early')
    return this.bytes[this.at++]!
  }

  peek(): number {
    return this.at < this.end ? this.bytes[this.at]! : -1
  }

  /** An unsigned number below 2^32. */
  u32(): number {
    const from = this.at
    let value = 0
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.byte()
      if (shift === 28 && byte > 15) break
      value |= (byte & 127) << shift
      if (byte < 128) return value >>> 0
    }
    this.malformed('a number of more than 32 bits', from)
  }

  /** A signed number of 32 bits. */
  i32(): number {
    const from = this.at
    let value = 0
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.byte()
      value |= (byte & 127) << shift
      if (byte >= 128) continue
      return shift < 28 && (byte & 64) !== 0 ? value | (-1 << (shift + 7)) : value
    }
    this.malformed('a number of more than 32 bits', from)
  }

  /** A number of up to 64 bits, signed or not, of which nobody asks what it is. */
  skipLong(): void {
    const from = this.at
    for (let count = 0; count < 10; count++) if (this.byte() < 128) return
    this.malformed('a number of more than 64 bits', from)
  }

  skip(count: number): void {
    if (count > this.end - this.at) this.malformed('the end came too early')
    this.at += count
  }

  name(): string {
    const length = this.u32()
    const from = this.at
    this.skip(length)
    try {
      return utf8.decode(this.bytes.subarray(from, this.at))
    } catch {
      this.malformed('a name that is no UTF-8', from)
    }
  }
}
