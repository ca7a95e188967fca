/**
 * packet: what is known of the packet that is being dissected. Its bytes lie in the packet scope, and so does all that a
 * dissector makes of them; an address of it must not outlive the packet.
 */
import type { Scope, Session } from 'vmalloc/scope'
import type { Bytes } from './bytes.ts'
import type { Capture, Frame } from './capture/frame.ts'

/** One end of what a packet belongs to; its address lies in the packet. */
export interface End {
  at: number
  /** 4 bytes, or 16; 0 before the network layer was seen. */
  bytes: number
  port: number
}

/** An open capture, which has the file scope and all that is kept in it. */
export type File = Session<Capture>

export class Packet {
  readonly file: File
  /** The packet scope. */
  readonly scope: Scope
  readonly number: number
  /** Nanoseconds since the first packet of the file. */
  readonly time: number
  /** Bytes that there were on the wire. */
  readonly wire: number
  readonly bytes: Bytes
  readonly from: End = { at: 0, bytes: 0, port: 0 }
  readonly to: End = { at: 0, bytes: 0, port: 0 }
  /** It is the first fragment of something longer: nobody is to blame for what is missing. */
  isFragment = false
  /** A bit for each protocol that was seen in it, by their numbers. */
  seen = 0

  constructor(file: File, scope: Scope, { number, wire }: Frame, time: number, bytes: Bytes) {
    this.file = file
    this.scope = scope
    this.number = number
    this.time = time
    this.wire = wire
    this.bytes = bytes
  }

  /** Notes that a protocol, or something remarkable, was seen. */
  note(protocol: number): void {
    this.seen |= 1 << protocol
  }
}
