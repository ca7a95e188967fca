/**
 * packets: headers, from the inside out: `ethernet(0x0800, ipv4(17, from, to, udp(1024, 53, query)))`. What nobody looks at
 * (check sums, hardware addresses, times to live) is 0 or anything.
 */
export type Octets = readonly number[] | Uint8Array

/** An address as it lies in a packet: of 4 bytes or of 16. */
export type Address = Octets

const u16 = (n: number): number[] => [(n >> 8) & 0xff, n & 0xff]
const u32 = (n: number): number[] => [...u16(n >>> 16), ...u16(n)]

export const FIN = 1
export const SYN = 2
export const RST = 4
export const PSH = 8
export const ACK = 16

export function ethernet(type: number, payload: Octets): Uint8Array {
  return joined([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, ...u16(type)], payload)
}

/** A tag, and what it is before. */
export function vlan(tag: number, type: number, payload: Octets): Uint8Array {
  return joined([...u16(tag), ...u16(type)], payload)
}

export interface Ipv4Options {
  /** A multiple of 4 bytes. */
  options?: Octets
  /** More fragments follow. */
  more?: boolean
  /** Where in a fragmented packet it belongs, in units of 8. */
  place?: number
}

export function ipv4(
  protocol: number,
  from: Address,
  to: Address,
  payload: Octets,
  { options = [], more = false, place = 0 }: Ipv4Options = {},
): Uint8Array {
  const header = 20 + options.length
  const fragment = (more ? 0x2000 : 0) | place
  const fixed = [0x40 | (header / 4), 0, ...u16(header + payload.length), 0, 1, ...u16(fragment), 64, protocol, 0, 0]
  return joined([...fixed, ...from, ...to, ...options], payload)
}

/** `next` is the protocol, or the extension header, that the payload begins with. */
export function ipv6(next: number, from: Address, to: Address, payload: Octets): Uint8Array {
  return joined([0x60, 0, 0, 0, ...u16(payload.length), next, 64, ...from, ...to], payload)
}

/** An address of either kind decides the version. */
export function ip(protocol: number, from: Address, to: Address, payload: Octets): Uint8Array {
  return from.length === 4
    ? ethernet(0x0800, ipv4(protocol, from, to, payload))
    : ethernet(0x86dd, ipv6(protocol, from, to, payload))
}

export function udp(from: number, to: number, payload: Octets): Uint8Array {
  return joined([...u16(from), ...u16(to), ...u16(8 + payload.length), 0, 0], payload)
}

export function tcp(from: number, to: number, sequence: number, flags: number, payload: Octets = []): Uint8Array {
  return joined([...u16(from), ...u16(to), ...u32(sequence), 0, 0, 0, 0, 0x50, flags, 0xff, 0xff, 0, 0, 0, 0], payload)
}

/** A name of DNS, not compressed. */
export function dnsName(name: string): number[] {
  return [...name.split('.').flatMap((label) => [label.length, ...octets(label)]), 0]
}

export function dnsQuery(id: number, name: string, type: number): number[] {
  return [...u16(id), 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, ...dnsName(name), ...u16(type), 0, 1]
}

/** An answer with one record of the type that was asked for. */
export function dnsAnswer(id: number, name: string, type: number, data: Octets): number[] {
  const record = [0xc0, 12, ...u16(type), 0, 1, 0, 0, 1, 44, ...u16(data.length), ...data]
  return [...u16(id), 0x85, 0x80, 0, 1, 0, 1, 0, 0, 0, 0, ...dnsName(name), ...u16(type), 0, 1, ...record]
}

/** A text, a byte a character. */
export function octets(text: string): Uint8Array {
  return Uint8Array.from(text, (char) => char.charCodeAt(0))
}

export function joined(...parts: Octets[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}
