/**
 * writer: bytes of a WebAssembly module, written from front to back; the other side of reader.ts.
 *
 *   | written bytes | bytes of somebody else | written bytes | ...          put together once, by finish()
 *
 * Whole sections of a module are mostly taken over as they are, so `bytes` keeps them where they lie until `finish` copies
 * them to their place: the writer's own memory is that of what is new. O(1) for a number, O(n) once for n bytes.
 */
const ascii = /^[\0-\x7f]*$/
const utf8 = new TextEncoder()

export class Writer {
  private readonly parts: Uint8Array[] = []
  private pending: number[] = []
  private settled = 0

  /** Bytes so far. */
  get length(): number {
    return this.settled + this.pending.length
  }

  byte(...bytes: readonly number[]): this {
    for (const byte of bytes) this.pending.push(byte)
    return this
  }

  /** An unsigned number below 2^32, in `width` bytes or as many more as it needs. */
  u32(value: number, width = 1): this {
    let rest = value >>> 0
    for (let count = 1; rest >= 128 || count < width; count++) {
      this.pending.push((rest & 127) | 128)
      rest >>>= 7
    }
    this.pending.push(rest)
    return this
  }

  /** A signed number of 32 bits. */
  i32(value: number): this {
    let rest = value | 0
    while (rest < -64 || rest > 63) {
      this.pending.push((rest & 127) | 128)
      rest >>= 7
    }
    this.pending.push(rest & 127)
    return this
  }

  name(text: string): this {
    if (!ascii.test(text)) return this.sized(utf8.encode(text))
    this.u32(text.length)
    for (let i = 0; i < text.length; i++) this.pending.push(text.charCodeAt(i))
    return this
  }

  /** These bytes, which nobody changes before `finish`. */
  bytes(bytes: Uint8Array): this {
    this.settle()
    this.parts.push(bytes)
    this.settled += bytes.length
    return this
  }

  /** Their number, and these bytes. */
  sized(contents: Uint8Array | Writer): this {
    this.u32(contents.length)
    return this.append(contents)
  }

  append(contents: Uint8Array | Writer): this {
    if (contents instanceof Uint8Array) return this.bytes(contents)
    contents.settle()
    for (const part of contents.parts) this.bytes(part)
    return this
  }

  /** A section of a module. */
  section(id: number, contents: Uint8Array | Writer): this {
    return this.byte(id).sized(contents)
  }

  /** All of it. */
  finish(): Uint8Array<ArrayBuffer> {
    this.settle()
    const all = new Uint8Array(this.settled)
    let at = 0
    for (const part of this.parts) {
      all.set(part, at)
      at += part.length
    }
    return all
  }

  private settle(): void {
    if (this.pending.length === 0) return
    this.parts.push(Uint8Array.from(this.pending))
    this.settled += this.pending.length
    this.pending = []
  }
}

/** Bytes that an unsigned number takes. */
export function widthOf(value: number): number {
  return value < 2 ** 7 ? 1 : value < 2 ** 14 ? 2 : value < 2 ** 21 ? 3 : value < 2 ** 28 ? 4 : 5
}
