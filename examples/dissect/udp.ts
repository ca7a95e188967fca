/**
 * udp: datagrams between ports.
 *
 *   +0          +2        +4       +6
 *   | FROM port | TO port | LENGTH | sum | payload, LENGTH - 8 bytes ...
 *
 * Source: RFC 768.
 */
import { type Bytes, Unreadable } from './bytes.ts'
import { Conversations } from './conversations.ts'
import type { Packet } from './packet.ts'
import type { PerFile, Protocols } from './protocols.ts'

const HEADER = 8

/** Answers the conversations of each file. */
export function registerUdp(on: Protocols): PerFile<Conversations> {
  const udp = on.name('UDP')
  const conversations = on.perFile((file) => new Conversations(file.scope, on.memory))

  on.ip.set(17, (packet: Packet, bytes: Bytes) => {
    packet.note(udp)
    const { from, to } = packet
    from.port = bytes.u16(0)
    to.port = bytes.u16(2)
    const length = bytes.u16(4) || bytes.whole
    if (length < HEADER) throw new Unreadable(`UDP length ${length}, expected ${HEADER} at least`)
    if (length > bytes.whole && !packet.isFragment) throw new Unreadable(`UDP length ${length} in ${bytes.whole} bytes`)
    conversations.of(packet.file).add(packet)
    const dissector = on.udp.get(Math.min(from.port, to.port)) ?? on.udp.get(Math.max(from.port, to.port))
    if (!packet.isFragment) dissector?.(packet, bytes.from(HEADER, length - HEADER))
  })

  return conversations
}
