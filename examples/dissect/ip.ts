/**
 * ip: IPv4 and IPv6.
 *
 *   IPv4   +0                 +2       +4   +6                +8    +9         +10   +12    +16  +20
 *          | version, HEADER | LENGTH | id | flags, FRAGMENT | ttl | PROTOCOL | sum | FROM | TO | options ...
 *
 *   IPv6   +0              +4       +6     +7     +8          +24
 *          | version, flow | LENGTH | NEXT | hops | FROM (16) | TO (16) | headers ..., each | NEXT | length in 8 - 1 |
 *
 *   HEADER     in units of 4 bytes. LENGTH of IPv4 counts its header, that of IPv6 does not; 0 is a length unknown to the
 *              machine that captured what its network card was to cut into packets
 *   FRAGMENT   where in a longer packet this belongs, in units of 8. Fragments are noted, not put together: the first one
 *              is dissected as far as it goes, the others not at all
 *
 * Source: RFC 791, RFC 8200.
 */
import { type Bytes, Unreadable } from './bytes.ts'
import type { Packet } from './packet.ts'
import type { Protocols } from './protocols.ts'

const MORE = 0x2000
const PLACE = 0x1fff

const HOPS = 0
const ROUTING = 43
const FRAGMENT = 44
const AUTHENTICATION = 51
const OPTIONS = 60
const MOBILITY = 135
const FIXED = 40

export function registerIp(on: Protocols): void {
  const ipv4 = on.name('IPv4')
  const ipv6 = on.name('IPv6')
  const fragment = on.name('fragment')
  const options = on.name('IP options')
  const unknown = on.name('unknown over IP')
  const short = on.name('shorter than its IP length')

  on.ethertype.set(0x0800, (packet, bytes) => {
    packet.note(ipv4)
    const header = (bytes.u8(0) & 0xf) * 4
    const length = bytes.u16(2) || bytes.whole
    const place = bytes.u16(6)
    const protocol = bytes.u8(9)
    if (bytes.u8(0) >> 4 !== 4 || header < 20 || length < header) {
      throw new Unreadable(`IPv4 version ${bytes.u8(0) >> 4}, header of ${header} bytes in ${length}`)
    }
    ends(packet, bytes, 12, 4)
    if (header > 20) packet.note(options)
    const payload = bodyOf(packet, bytes, header, length - header)
    if ((place & (MORE | PLACE)) !== 0) packet.note(fragment)
    packet.isFragment = (place & MORE) !== 0
    if ((place & PLACE) === 0) next(protocol, packet, payload)
  })

  on.ethertype.set(0x86dd, (packet, bytes) => {
    packet.note(ipv6)
    if (bytes.u8(0) >> 4 !== 6) throw new Unreadable(`IPv6 version ${bytes.u8(0) >> 4}`)
    ends(packet, bytes, 8, 16)
    const length = bytes.u16(4) || bytes.whole - FIXED
    extensions(bytes.u8(6), packet, bodyOf(packet, bytes, FIXED, length))
  })

  /** Goes past the headers that may come before that of a protocol. */
  function extensions(protocol: number, packet: Packet, bytes: Bytes): void {
    for (;;) {
      if (protocol === FRAGMENT) {
        const place = bytes.u16(2)
        if (place > 7 || (place & 1) !== 0) packet.note(fragment)
        if (place > 7) return
        packet.isFragment = (place & 1) !== 0
      }
      const size = extensionSize(protocol, bytes)
      if (size === 0) break
      packet.note(options)
      protocol = bytes.u8(0)
      bytes = bytes.from(size)
    }
    next(protocol, packet, bytes)
  }

  function next(protocol: number, packet: Packet, bytes: Bytes): void {
    const dissector = on.ip.get(protocol)
    if (dissector === undefined) packet.note(unknown)
    else dissector(packet, bytes)
  }

  /** What comes after the header: as much as it says, or less, if there is less. */
  function bodyOf(packet: Packet, bytes: Bytes, header: number, length: number): Bytes {
    if (header + length > bytes.whole) packet.note(short)
    return bytes.from(header, length)
  }
}

/** Where the addresses are. */
function ends({ from, to }: Packet, bytes: Bytes, place: number, size: number): void {
  from.at = bytes.addressOf(place, size * 2)
  to.at = from.at + size
  from.bytes = to.bytes = size
}

/** Bytes of an extension header; 0 for what is none. */
function extensionSize(protocol: number, bytes: Bytes): number {
  switch (protocol) {
    case HOPS:
    case ROUTING:
    case OPTIONS:
    case MOBILITY:
      return bytes.u8(1) * 8 + 8
    case AUTHENTICATION:
      return bytes.u8(1) * 4 + 8
    case FRAGMENT:
      return 8
    default:
      return 0
  }
}
