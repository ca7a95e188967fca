/**
 * Words: the one owner of the typed arrays over a root's space.
 *
 * Everybody who reads or writes region memory goes through the fields of this class and never keeps a typed array
 * across a call that may grow: growth leaves old views empty (WebAssembly.Memory) or short (shared memory). `adopt`
 * replaces them. Views have a fixed length, because length-tracking ones cost 1.5 to 9 times as much.
 */

/** Up to so many bytes a loop is faster than a call. */
const FEW = 256

export class Words {
  /** The space as words; index = byte offset / 4. */
  i32!: Int32Array<ArrayBufferLike>
  /** The space as bytes, for filling and copying. */
  u8!: Uint8Array<ArrayBufferLike>
  /** The space as doubles; index = byte offset / 8. */
  f64!: Float64Array<ArrayBufferLike>
  /** Length in bytes. */
  length!: number

  constructor(buffer: ArrayBufferLike, base: number) {
    this.adopt(buffer, base)
  }

  /**
   * Whether the memory went away under the views, as it does when a WebAssembly.Memory grows. An element is asked for, not
   * the length: V8 11.3 answers the old length of a detached array once it has optimised code that also saw arrays over
   * resizable buffers.
   */
  get gone(): boolean {
    return this.i32[0] === undefined
  }

  /** Looks at `buffer` from byte `base` (a multiple of 8) on. */
  adopt(buffer: ArrayBufferLike, base: number): void {
    const bytes = Math.max(0, buffer.byteLength - base)
    this.i32 = new Int32Array(buffer, base, Math.floor(bytes / 4))
    this.u8 = new Uint8Array(buffer, base, bytes)
    this.f64 = new Float64Array(buffer, base, Math.floor(bytes / 8))
    this.length = bytes
  }

  /** Clears `bytes` from byte `at` on, a multiple of 4; few of them without a call into the engine. */
  zero(at: number, bytes: number): void {
    if (bytes > FEW) {
      this.u8.fill(0, at, at + bytes)
      return
    }
    const m = this.i32
    const end = (at + bytes) >>> 2
    for (let i = at >>> 2; i < end; i++) m[i] = 0
    for (let i = at + (bytes & ~3); i < at + bytes; i++) this.u8[i] = 0
  }

  /** Copies `bytes` between places that do not overlap and are multiples of 4. */
  copy(to: number, from: number, bytes: number): void {
    if (bytes > FEW) {
      this.u8.copyWithin(to, from, from + bytes)
      return
    }
    const m = this.i32
    const words = bytes >>> 2
    const source = from >>> 2
    const target = to >>> 2
    for (let i = 0; i < words; i++) m[target + i] = m[source + i]!
    for (let i = bytes & ~3; i < bytes; i++) this.u8[to + i] = this.u8[from + i]!
  }
}
