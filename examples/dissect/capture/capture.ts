/**
 * capture: a file of packets, read one by one from the first to the last.
 *
 * What is no capture at all is refused when it is opened: its first bytes say so, and where its kind has a header, that
 * has to make sense. One that breaks off or makes no sense any more is read so far: then `ending` says in a sentence what
 * is wrong and where, and the packets before it stand.
 */
import { type Capture, CaptureError } from './frame.ts'
import { Pcap } from './pcap.ts'
import { Pcapng } from './pcapng.ts'
import { Pieces } from './pieces.ts'

/** Begins to read a file. Throws CaptureError for what is no capture, and for what cannot be read. */
export function openCapture(path: string): Capture {
  const pieces = new Pieces(path)
  try {
    const capture = Pcap.begin(pieces) ?? Pcapng.begin(pieces)
    if (capture !== undefined) return capture
    throw new CaptureError(path, `begins with ${firstBytes(pieces)}, expected a capture: pcap or pcapng`)
  } catch (error) {
    pieces.close()
    throw error
  }
}

function firstBytes(pieces: Pieces): string {
  const count = pieces.has(4)
  if (count === 0) return 'nothing'
  return [...pieces.bytes.subarray(0, count)].map((byte) => byte.toString(16).padStart(2, '0')).join(' ')
}
