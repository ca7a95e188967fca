/**
 * pcap: the older kind of capture, as tcpdump writes it.
 *
 *   file     +0      +4      +6      +8     +12    +16       +20
 *            | MAGIC | MAJOR | MINOR | zone | figs | SNAPLEN | LINK |  packets ...
 *
 *   packet   +0        +4         +8       +12
 *            | SECONDS | FRACTION | LENGTH | WIRE | LENGTH bytes ...
 *
 *   MAGIC      a1b2c3d4, FRACTION is in microseconds; a1b23c4d, in nanoseconds. As written by the machine that
 *              captured: read backwards, all numbers of the file are
 *   LINK       the kind of the first header, in its lower 16 bits
 *   LENGTH     bytes captured, WIRE bytes that there were
 *
 * Source: draft-ietf-opsawg-pcap.
 */
import { type Capture, CaptureError, type Ending, MOST, newFrame } from './frame.ts'
import type { Pieces } from './pieces.ts'

const MICRO = 0xa1b2c3d4
const NANO = 0xa1b23c4d
/** Of a variant with longer packet headers. */
const MODIFIED = 0xa1b2cd34
const FILE_HEADER = 24
const HEADER = 16

export class Pcap implements Capture {
  readonly format = 'pcap'
  readonly frame = newFrame()
  ending: string | undefined
  private readonly pieces: Pieces
  private readonly little: boolean
  /** Nanoseconds in one of FRACTION. */
  private readonly tick: number

  /** A reader of the file if that is what it is. */
  static begin(pieces: Pieces): Pcap | undefined {
    if (pieces.has(4) < 4) return undefined
    for (const little of [true, false]) {
      const magic = pieces.view.getUint32(0, little)
      if (magic === MICRO || magic === NANO) return new Pcap(pieces, little, magic === NANO ? 1 : 1000)
      if (magic === MODIFIED) {
        throw new CaptureError(pieces.path, 'a pcap file of the modified kind (a1b2cd34), expected a1b2c3d4')
      }
    }
    return undefined
  }

  private constructor(pieces: Pieces, little: boolean, tick: number) {
    const had = pieces.has(FILE_HEADER)
    if (had < FILE_HEADER) {
      throw new CaptureError(pieces.path, `a pcap header of ${had} bytes, expected ${FILE_HEADER}`)
    }
    this.pieces = pieces
    this.little = little
    this.tick = tick
    this.frame.link = pieces.view.getUint32(20, little) & 0xffff
    pieces.skip(FILE_HEADER)
  }

  next(): boolean {
    const { pieces, frame, little } = this
    const had = pieces.has(HEADER)
    if (had === 0) return false
    if (had < HEADER) return this.end('cut short', `its header has ${had} bytes of ${HEADER}`)
    const { view, at } = pieces
    const length = view.getUint32(at + 8, little)
    if (length > MOST) return this.end('damaged', `it says it has ${length} bytes, expected no more than ${MOST}`)
    frame.seconds = view.getUint32(at, little)
    frame.nanos = view.getUint32(at + 4, little) * this.tick
    frame.wire = Math.max(length, view.getUint32(at + 12, little))
    const there = pieces.has(HEADER + length) - HEADER
    if (there < length) return this.end('cut short', `the file ends after ${there} of its ${length} bytes`)
    frame.bytes = pieces.bytes.subarray(pieces.at + HEADER, pieces.at + HEADER + length)
    frame.number++
    pieces.skip(HEADER + length)
    return true
  }

  close(): void {
    this.pieces.close()
  }

  private end(how: Ending, why: string): false {
    this.ending = `${how} at byte ${this.pieces.place}, packet ${this.frame.number + 1}: ${why}`
    return false
  }
}
