/**
 * view: a typed array over a block that outlives growth and does not outlive the block.
 *
 * Plain arrays (`bytes`, `array`) go empty or stale when memory grows. A view makes its array anew whenever the buffer
 * became another, and throws once its block is freed, moved, cleared, closed, or shrunk below the view. In shared
 * memory a block that another thread frees is noticed as long as it has not been handed out again.
 */

import type { Addr } from '../contract/addr.ts'
import type { ArrayType, NumericArray, Region, View } from '../contract/region.ts'
import { VmallocError } from '../ground/fault.ts'

/** Whether a block is still the one it was: one token for all views of a block. */
export interface Life {
  alive: boolean
}

export class BlockArray<T extends NumericArray> implements View<T> {
  readonly region: Region
  readonly at: Addr
  readonly length: number
  readonly #type: ArrayType<T>
  readonly #life: Life
  #array: T | undefined

  constructor(region: Region, type: ArrayType<T>, at: Addr, length: number, life: Life) {
    this.region = region
    this.at = at
    this.length = length
    this.#type = type
    this.#life = life
  }

  get alive(): boolean {
    return (
      this.#life.alive &&
      !this.region.closed &&
      this.region.sizeOf(this.at) >= this.length * this.#type.BYTES_PER_ELEMENT
    )
  }

  get array(): T {
    if (!this.alive) {
      throw new VmallocError(
        'closed',
        `view of ${this.length} ${this.#type.name} elements at ${this.at}: its block in region ${this.region.name} is gone`,
      )
    }
    const buffer = this.region.buffer
    const has = this.#array
    if (has !== undefined && has.buffer === buffer && has.length === this.length) return has
    this.#array = new this.#type(buffer, this.at, this.length)
    return this.#array
  }
}

/** A typed array over `length` elements at `at`; throws when it would leave the space or is misaligned. */
export function arrayAt<T extends NumericArray>(
  buffer: ArrayBufferLike,
  type: ArrayType<T>,
  at: number,
  length: number,
): T {
  const unit = type.BYTES_PER_ELEMENT
  const end = at + length * unit
  if (!(at > 0) || !Number.isInteger(at) || !Number.isInteger(length) || length < 0 || end > buffer.byteLength) {
    throw new VmallocError(
      'argument',
      at === 0
        ? `${type.name} at 0: NIL, the answer of an allocation that failed`
        : `${type.name} of ${length} elements at ${at}: expected an address and a length inside the ${buffer.byteLength} bytes of the space`,
    )
  }
  if (at % unit !== 0) {
    throw new VmallocError('argument', `${type.name} at ${at}: expected a multiple of ${unit}`)
  }
  return new type(buffer, at, length)
}
