/**
 * frame: what readers of captures have in common.
 */

/** A packet as the file has it. One object for all of a file: it holds until the next is read. */
export interface Frame {
  /** From 1 on. */
  number: number
  /** When it was captured: whole seconds since 1970, and nanoseconds. */
  seconds: number
  nanos: number
  /** What its first header is, by the numbers of tcpdump.org/linktypes.html. */
  link: number
  /** How long it was on the wire; what was captured of it may be less. */
  wire: number
  /** What was captured: good until the next is read. */
  bytes: Uint8Array
}

export interface Capture {
  readonly frame: Frame
  /** `pcap`, `pcapng`. */
  readonly format: string
  /**
   * Reads the next packet into `frame`; false when there is none, or none can be made out. Throws CaptureError where the
   * file cannot be read.
   */
  next(): boolean
  /** Why it ended before the end of what it says it holds; undefined otherwise. */
  readonly ending: string | undefined
  close(): void
}

/** How a capture ends before its end: there is no more of it, or it makes no sense any more. */
export type Ending = 'cut short' | 'damaged'

/** A file that is no capture, or of a kind that is not known, or cannot be read. The message begins with its path. */
export class CaptureError extends Error {
  override readonly name = 'CaptureError'

  /** Of a file, and what is wrong with it: a sentence, or the error that came. */
  constructor(path: string, wrong: unknown) {
    const isError = wrong instanceof Error
    super(`${path}: ${isError ? wrong.message : wrong}`, isError ? { cause: wrong } : undefined)
  }
}

export const newFrame = (): Frame => ({ number: 0, seconds: 0, nanos: 0, link: 0, wire: 0, bytes: new Uint8Array(0) })

/** Packets are no longer than this; who says more is damaged. */
export const MOST = 262_144
