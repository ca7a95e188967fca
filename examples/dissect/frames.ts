/**
 * frames: packets as the file has them. Each is copied into the packet scope and handed to whoever dissects its first
 * header; when that is done the scope is left, and all that was made of the packet is gone.
 */
import type { Scope } from 'vmalloc/scope'
import { Bytes, Unreadable } from './bytes.ts'
import type { Frame } from './capture/frame.ts'
import { Counts } from './counts.ts'
import type { Memory } from './memory.ts'
import { type File, Packet } from './packet.ts'
import type { PerFile, Protocols } from './protocols.ts'

const MOST_PROTOCOLS = 32

/** What is known of the frames of a file. */
export class Frames {
  /** The packet scope of the file. */
  readonly scope: Scope
  /** In how many packets each protocol was seen, by its number. */
  readonly seen: Counts
  count = 0
  private held = 0
  private start = { seconds: 0, nanos: 0 }
  private readonly file: File
  private readonly on: Protocols

  constructor(file: File, on: Protocols) {
    this.file = file
    this.on = on
    this.scope = file.scope.child('packet', { method: 'last' })
    this.seen = new Counts(file.scope, on.memory, MOST_PROTOCOLS)
  }

  /** Bytes that the packet scope held for the last packet. */
  get extent(): number {
    return this.held
  }

  /** Dissects a frame. Whatever is wrong with it, it is counted and no more. */
  add(frame: Frame, dissect: (packet: Packet) => void): void {
    this.count++
    if (frame.number === 1) this.start = { seconds: frame.seconds, nanos: frame.nanos }
    this.scope.run((scope) => {
      const packet = new Packet(this.file, scope, frame, this.timeOf(frame), copied(scope, this.on.memory, frame))
      dissect(packet)
      this.held = scope.region.extent
      for (let i = 0; i < MOST_PROTOCOLS; i++) if ((packet.seen & (1 << i)) !== 0) this.seen.add(i)
    })
  }

  private timeOf({ seconds, nanos }: Frame): number {
    return (seconds - this.start.seconds) * 1e9 + nanos - this.start.nanos
  }
}

/** Answers the frames of each file, and what to do with one. */
export function registerFrames(on: Protocols): { frames: PerFile<Frames>; dissect(file: File, frame: Frame): void } {
  const malformed = on.name('malformed')
  const cut = on.name('cut short when captured')
  const unknown = on.name('unknown link type')
  const frames = on.perFile(
    (file) => new Frames(file, on),
    ({ scope }) => scope.close(),
  )

  function dissect(packet: Packet, link: number): void {
    try {
      const dissector = on.link.get(link)
      if (dissector === undefined) packet.note(unknown)
      else dissector(packet, packet.bytes)
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error
      packet.note(error.isCut ? cut : malformed)
    }
  }

  return {
    frames,
    dissect: (file, frame) => frames.of(file).add(frame, (packet) => dissect(packet, frame.link)),
  }
}

function copied(scope: Scope, memory: Memory, { bytes, wire }: Frame): Bytes {
  const at = scope.alloc(bytes.length)
  memory.u8.set(bytes, at)
  return new Bytes(memory, at, bytes.length, wire)
}
