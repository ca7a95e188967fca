/**
 * file-sink: where the lines of a trace go: a file as it is. gzip-sink.ts is the other kind.
 */
import type { Sink } from './write.ts'

/** The parts of node:fs that traces use. */
export interface Files {
  openSync(path: string, flags: string): number
  writeSync(fd: number, bytes: Uint8Array | string, offset?: number, length?: number, position?: number): number
  ftruncateSync(fd: number, length: number): void
  fstatSync(fd: number): { isFile(): boolean }
}

/** A sink that may keep lines back until it is told not to. */
export interface TraceSink extends Sink {
  /** What was written so far must be in the file. */
  sync(): void
  /** The same, in the form that is to stay: the program may end now. */
  settle(): void
  /** The same, and from now on at each `write`. */
  direct(): void
}

/** Keeps nothing back. The first error is told to `stop`; nothing is written after it. */
export class FileSink implements TraceSink {
  readonly #files: Files
  readonly #stop: (error: unknown) => void
  #fd: number

  constructor(files: Files, fd: number, stop: (error: unknown) => void) {
    this.#files = files
    this.#fd = fd
    this.#stop = stop
  }

  write(bytes: Uint8Array): void {
    if (this.#fd < 0) return
    try {
      for (let at = 0; at < bytes.length; ) at += this.#files.writeSync(this.#fd, bytes, at)
    } catch (error) {
      this.#fd = -1
      this.#stop(error)
    }
  }

  sync(): void {}

  settle(): void {}

  direct(): void {}
}
