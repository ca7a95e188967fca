/**
 * pcap-writer: packets into a file of pcap, a piece at a time. The layout is told in capture/pcap.ts.
 */
import { closeSync, openSync, writeSync } from 'node:fs'

const PIECE = 2 ** 18
const FILE_HEADER = 24
const HEADER = 16

export interface PcapOptions {
  /** Kind of the first header: Ethernet unless said. */
  link?: number
  /** Bytes that are kept of a packet. */
  snaplen?: number
  little?: boolean
  /** Times in nanoseconds, not in microseconds. */
  nanos?: boolean
}

export class PcapWriter {
  private readonly file: number
  private readonly bytes = new Uint8Array(PIECE + 2 ** 17)
  private readonly view = new DataView(this.bytes.buffer)
  private readonly snaplen: number
  private readonly little: boolean
  private readonly tick: number
  private at = FILE_HEADER

  constructor(path: string, { link = 1, snaplen = 65_535, little = true, nanos = false }: PcapOptions = {}) {
    this.file = openSync(path, 'w')
    this.snaplen = snaplen
    this.little = little
    this.tick = nanos ? 1 : 1000
    this.view.setUint32(0, nanos ? 0xa1b23c4d : 0xa1b2c3d4, little)
    this.view.setUint16(4, 2, little)
    this.view.setUint16(6, 4, little)
    this.view.setUint32(16, snaplen, little)
    this.view.setUint32(20, link, little)
  }

  /** Adds a packet that was captured so many nanoseconds after 1970; a whole number. */
  add(nanos: bigint, packet: Uint8Array): void {
    const { view, little } = this
    const kept = packet.subarray(0, this.snaplen)
    const header = [nanos / 1_000_000_000n, (nanos % 1_000_000_000n) / BigInt(this.tick), kept.length, packet.length]
    for (const [i, word] of header.entries()) view.setUint32(this.at + i * 4, Number(word), little)
    this.bytes.set(kept, this.at + HEADER)
    this.at += HEADER + kept.length
    if (this.at >= PIECE) this.flush()
  }

  close(): void {
    this.flush()
    closeSync(this.file)
  }

  private flush(): void {
    writeSync(this.file, this.bytes, 0, this.at)
    this.at = 0
  }
}
