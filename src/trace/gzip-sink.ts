/**
 * gzip-sink: the lines of a trace packed, such that the file can be read at any moment.
 *
 *   file   | member | member | ... | member | piece | piece |
 *                                           ^ start         ^ end
 *
 *   raw    | lines of the pieces | lines kept back | free                 256 KiB
 *                                ^ synced          ^ filled
 *
 * A gzip file may have many members, each packed for itself, one behind the other. Large ones are packed well, small ones
 * badly; but lines must not wait long. So what must be in the file before `raw` is full is added as a piece, a small
 * member packed in haste. When `raw` is full, or the program may be about to end, all of it is packed again, well: that
 * member takes the place of the pieces, and the file ends with it.
 *
 *   G1  every member holds whole lines
 *   G2  members and pieces hold all lines but those between synced and filled
 *
 * Only a program that is killed between the two writes of a replacement leaves the remains of pieces behind the last
 * member. A file that cannot be written in the middle, as a pipe, has no pieces: there `sync` makes a member each time.
 */
import type { Files, TraceSink } from './file-sink.ts'

/** The part of node:zlib that traces use. */
export interface Zip {
  gzipSync(bytes: Uint8Array, options: { level: number }): Uint8Array
}

const SIZE = 1 << 18
/** On lines like these level 4 packs to 1/3.4 at 100 MB/s, level 6 to 1/3.6 at 30 MB/s. */
const WELL = { level: 4 }
const HASTILY = { level: 1 }

export class GzipSink implements TraceSink {
  readonly #files: Files
  readonly #zip: Zip
  readonly #stop: (error: unknown) => void
  readonly #canReplace: boolean
  readonly #raw = new Uint8Array(SIZE)
  #fd: number
  #filled = 0
  #synced = 0
  #start = 0
  #end = 0
  #isDirect = false

  constructor(files: Files, zip: Zip, fd: number, stop: (error: unknown) => void) {
    this.#files = files
    this.#zip = zip
    this.#fd = fd
    this.#stop = stop
    this.#canReplace = files.fstatSync(fd).isFile()
  }

  write(bytes: Uint8Array): void {
    if (this.#fd < 0) return
    if (this.#filled + bytes.length > SIZE) this.settle()
    this.#raw.set(bytes, this.#filled)
    this.#filled += bytes.length
    if (this.#isDirect) this.sync()
  }

  sync(): void {
    if (this.#canReplace) this.#addPiece()
    else this.settle()
  }

  settle(): void {
    if (this.#filled === 0) return
    const end = this.#start + this.#put(0, this.#start, WELL)
    if (end < this.#end) this.#try((fd) => this.#files.ftruncateSync(fd, end))
    this.#start = end
    this.#end = end
    this.#filled = 0
    this.#synced = 0
  }

  direct(): void {
    this.settle()
    this.#isDirect = true
  }

  #addPiece(): void {
    if (this.#synced === this.#filled) return
    this.#end += this.#put(this.#synced, this.#end, HASTILY)
    this.#synced = this.#filled
  }

  /** Packs `raw` from a place on and writes it to the file at `position`; how many bytes that took. */
  #put(from: number, position: number, how: { level: number }): number {
    const packed = this.#zip.gzipSync(this.#raw.subarray(from, this.#filled), how)
    this.#try((fd) => {
      for (let at = 0; at < packed.length; ) {
        const place = this.#canReplace ? position + at : undefined
        at += this.#files.writeSync(fd, packed, at, packed.length - at, place)
      }
    })
    return packed.length
  }

  /** After an error nothing is written any more. */
  #try(task: (fd: number) => void): void {
    if (this.#fd < 0) return
    try {
      task(this.#fd)
    } catch (error) {
      this.#fd = -1
      this.#stop(error)
    }
  }
}
