/**
 * tcp: segments of streams.
 *
 *   +0          +2        +4    +8    +12     +13     +14      +16   +18      +20     HEADER × 4
 *   | FROM port | TO port | SEQ | ack | HEADER | FLAGS | window | sum | urgent | options | payload ...
 *
 *   stream   +0     +32    +64
 *            | flow | flow | STATE |      in the file scope: what each end says, as flow.ts puts it together, and what the
 *                                         dissector of the port remembers, 0 where there is none
 *
 * Two ends that begin anew on the same ports, with a SYN of another number, begin another conversation.
 *
 * Source: RFC 9293.
 */
import type { Addr } from 'vmalloc'
import type { Scope } from 'vmalloc/scope'
import { type Bytes, Unreadable } from './bytes.ts'
import { Conversations, sideOf } from './conversations.ts'
import { Counts } from './counts.ts'
import { FLOW, Flow, flowCounts, type Receiver, type Segment } from './flow.ts'
import type { Memory } from './memory.ts'
import type { Packet } from './packet.ts'
import type { PerFile, Protocols, StreamDissector } from './protocols.ts'

const LEAST_HEADER = 20
const FIN = 1
const SYN = 2
const RST = 4
const ACK = 16

const STATE = 2 * FLOW
const STREAM = STATE + 8

/** What TCP keeps of a file. */
export class Tcp {
  readonly conversations: Conversations
  readonly counts: Counts
  private readonly scope: Scope
  private readonly memory: Memory

  constructor(scope: Scope, memory: Memory) {
    this.scope = scope
    this.memory = memory
    this.conversations = new Conversations(scope, memory)
    this.counts = new Counts(scope, memory, flowCounts.length)
  }

  /** The stream of a packet's conversation, counted. `isFirst` says that its sequence number may begin a new one. */
  streamOf(packet: Packet, sequence: number, isFirst: boolean): Addr {
    const { conversations } = this
    let conversation = conversations.find(packet)
    if (conversation !== 0 && isFirst) {
      const flow = this.flow(conversations.streamOf(conversation), sideOf(packet))
      if (flow.isOther(sequence)) conversation = 0
    }
    if (conversation === 0) {
      conversation = conversations.begin(packet)
      conversations.setStream(conversation, this.scope.allocZeroed(STREAM))
    }
    conversations.add(packet, conversation)
    return conversations.streamOf(conversation)
  }

  flow(stream: Addr, side: number): Flow {
    return new Flow(this.scope, this.memory, this.counts, stream + side * FLOW)
  }

  /** What a dissector remembers of a stream: made with the first segment that it is to see. */
  stateOf(stream: Addr, packet: Packet, dissector: StreamDissector): Addr {
    const field = (stream + STATE) / 4
    if (this.memory.u32[field] === 0) {
      const state = dissector.begin(packet)
      this.memory.u32[field] = state
    }
    return this.memory.u32[field]!
  }

  /** When a file has been read: frees what waits for something that will not come any more. */
  settle(): void {
    for (const stream of this.conversations.streams()) for (const side of [0, 1]) this.flow(stream, side).drop()
  }
}

/** Answers what is kept of each file. */
export function registerTcp(on: Protocols): PerFile<Tcp> {
  const tcp = on.name('TCP')
  const perFile = on.perFile((file) => new Tcp(file.scope, on.memory))
  on.life.onPostSequence(({ session }) => perFile.of(session).settle())

  on.ip.set(6, (packet, bytes) => {
    packet.note(tcp)
    const { from, to } = packet
    from.port = bytes.u16(0)
    to.port = bytes.u16(2)
    const flags = bytes.u8(13)
    const segment = segmentOf(bytes, flags)
    const file = perFile.of(packet.file)
    const stream = file.streamOf(packet, segment.sequence, (flags & (SYN | ACK)) === SYN)
    const dissector = on.tcp.get(Math.min(from.port, to.port)) ?? on.tcp.get(Math.max(from.port, to.port))
    const hearing = (side: number) => receiver(file, stream, side, packet, dissector)
    const side = sideOf(packet)
    file.flow(stream, side).add(segment, hearing(side))
    if ((flags & RST) !== 0) for (const side of [0, 1]) file.flow(stream, side).end(hearing(side))
  })

  return perFile
}

function segmentOf(bytes: Bytes, flags: number): Segment {
  const header = (bytes.u8(12) >> 4) * 4
  bytes.addressOf(0, LEAST_HEADER)
  if (header < LEAST_HEADER || header > bytes.whole) {
    throw new Unreadable(`TCP header of ${header} bytes in ${bytes.whole}, expected ${LEAST_HEADER} at least`)
  }
  return {
    sequence: bytes.u32(4),
    isSyn: (flags & SYN) !== 0,
    isFin: (flags & FIN) !== 0,
    bytes: bytes.from(header),
  }
}

const nobody: Receiver = { data: () => {}, lost: () => {}, end: () => {} }

/** Hands on to a dissector what one side says. */
function receiver(
  file: Tcp,
  stream: Addr,
  side: number,
  packet: Packet,
  dissector: StreamDissector | undefined,
): Receiver {
  if (dissector === undefined) return nobody
  const state = () => file.stateOf(stream, packet, dissector)
  return {
    data: (bytes) => dissector.data(packet, state(), side, bytes),
    lost: (count) => dissector.lost(packet, state(), side, count),
    end: () => dissector.end(packet, state(), side),
  }
}
