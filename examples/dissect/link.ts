/**
 * link: the headers that a network card sees, or what captures have in their place.
 *
 *   Ethernet      to (6), from (6), type                                     below 1501 it is a length: 802.3
 *   802.1Q        tag, type                                                  where the type was 8100, 88a8, 9100
 *   cooked        packet type, card type, address length, address (8), type  Linux, when it captures on all cards
 *   cooked 2      type, 0, card (4), card type, packet type (1), address length (1), address (8)
 *   loopback      family (4), of the machine that captured; or of the network
 *   raw           nothing: an IP header, whose first four bits are its version
 */
import type { Bytes } from './bytes.ts'
import type { Packet } from './packet.ts'
import type { Dissector, Protocols } from './protocols.ts'

const IPV4 = 0x0800
const IPV6 = 0x86dd
const LEAST_TYPE = 1536
const VLAN = [0x8100, 0x88a8, 0x9100]

/** AF_INET, and what AF_INET6 is in BSDs, macOS and Linux. */
const FAMILIES: Record<number, number> = { 2: IPV4, 24: IPV6, 28: IPV6, 30: IPV6, 10: IPV6 }

export function registerLink(on: Protocols): void {
  const ethernet = on.name('Ethernet')
  const vlan = on.name('802.1Q')
  const cooked = on.name('Linux cooked')
  const loopback = on.name('loopback')
  const other = on.name('other than IP')

  function next(type: number | undefined, packet: Packet, bytes: Bytes): void {
    const dissector = type === undefined ? undefined : on.ethertype.get(type)
    if (dissector === undefined) packet.note(other)
    else dissector(packet, bytes)
  }

  /** One whose type stands at `type` and whose header has so many bytes. */
  const headed =
    (protocol: number, type: number, header: number): Dissector =>
    (packet, bytes) => {
      packet.note(protocol)
      next(bytes.u16(type), packet, bytes.from(header))
    }

  const raw: Dissector = (packet, bytes) => {
    const version = bytes.u8(0) >> 4
    next(version === 4 ? IPV4 : version === 6 ? IPV6 : undefined, packet, bytes)
  }

  /** A family is a small number: read in the wrong order it is not. */
  const family: Dissector = (packet, bytes) => {
    packet.note(loopback)
    const word = bytes.u32(0)
    next(FAMILIES[word > 0xffff ? swapped(word) : word], packet, bytes.from(4))
  }

  const ether: Dissector = (packet, bytes) => {
    packet.note(ethernet)
    const type = bytes.u16(12)
    next(type < LEAST_TYPE ? undefined : type, packet, bytes.from(14))
  }

  on.link.set(1, ether)
  on.link.set(113, headed(cooked, 14, 16))
  on.link.set(276, headed(cooked, 0, 20))
  for (const link of [0, 108]) on.link.set(link, family)
  for (const link of [12, 14, 101, 228, 229]) on.link.set(link, raw)
  for (const type of VLAN) on.ethertype.set(type, headed(vlan, 2, 4))
}

function swapped(word: number): number {
  return ((word & 0xff) << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24)
}
