/**
 * pieces: a file, seen through a window that moves forward. However long the file is, the window is all of it that is
 * in memory.
 *
 *   file     | behind ...      | window                      | ahead ...
 *                              0        at             end
 *                              | used   | to be read    |
 *
 * `has(n)` brings `n` bytes into the window, from `at` on; `skip(n)` goes past them, in constant time even where they
 * are many more than the window holds. What the system says against opening or reading comes as CaptureError.
 */
import { closeSync, openSync, readSync } from 'node:fs'
import { CaptureError } from './frame.ts'

const WINDOW = 64 * 1024

export class Pieces {
  readonly path: string
  /** The window; another one after `has` of more than it held. */
  bytes = new Uint8Array(WINDOW)
  /** The same for numbers. */
  view = new DataView(this.bytes.buffer)
  /** Where in the window the next byte is. */
  at = 0
  private end = 0
  /** Where in the file the window begins. */
  private base = 0
  private readonly file: number

  constructor(path: string) {
    this.path = path
    this.file = this.asked(() => openSync(path, 'r'))
  }

  /** Where in the file the next byte is. */
  get place(): number {
    return this.base + this.at
  }

  /** How many bytes of the next `n` there are: less than `n` at the end of the file. */
  has(n: number): number {
    if (this.end - this.at < n) this.fill(n)
    return Math.min(n, this.end - this.at)
  }

  /** Goes past `n` bytes, whether there or not. */
  skip(n: number): void {
    if (n <= this.end - this.at) this.at += n
    else {
      this.base = this.place + n
      this.at = this.end = 0
    }
  }

  close(): void {
    closeSync(this.file)
  }

  private fill(n: number): void {
    const left = this.bytes.subarray(this.at, this.end)
    if (n > this.bytes.length) {
      this.bytes = new Uint8Array(n)
      this.view = new DataView(this.bytes.buffer)
    }
    this.bytes.set(left)
    this.base += this.at
    this.at = 0
    this.end = left.length
    while (this.end < n) {
      const got = this.asked(() => this.more())
      if (got === 0) return
      this.end += got
    }
  }

  private more(): number {
    return readSync(this.file, this.bytes, this.end, this.bytes.length - this.end, this.base + this.end)
  }

  private asked<T>(system: () => T): T {
    try {
      return system()
    } catch (error) {
      throw new CaptureError(this.path, error)
    }
  }
}
