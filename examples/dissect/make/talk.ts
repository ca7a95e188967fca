/**
 * talk: what machines might say to each other: each kind of talk yields packets, one after the other, and goes on with
 * the next conversation of its kind for ever. What happens is decided by dice, so the same dice give the same talk.
 *
 *   web     SYN, SYN, ACK; some requests, and answers in segments, some of them lost, twice or in the wrong order; FIN
 *   names   a question and its answer
 *   plain   datagrams to a port that nobody dissects
 */
import { ACK, type Address, dnsAnswer, dnsQuery, FIN, ip, octets, PSH, SYN, tcp, udp } from './packets.ts'

/** A whole number from 0 to `n` - 1. */
export type Dice = (n: number) => number

/** The same numbers for the same seed: mulberry32. */
export function diceOf(seed: number): Dice {
  let state = seed | 0
  return (n) => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * n)
  }
}

const SEGMENT = 536
const UDP = 17
const TCP = 6

/** A machine by its number, of both families by turns. */
function machine(n: number, isSix: boolean): Address {
  return isSix ? [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, n >> 8, n & 0xff] : [10, 0, n >> 8, n & 0xff]
}

export function* web(client: number, dice: Dice): Generator<Uint8Array> {
  for (let port = 32_768 + dice(1000); ; port = 32_768 + ((port + 1) % 28_000)) {
    const isSix = dice(4) === 0
    const [from, to] = [machine(client, isSix), machine(1000 + dice(20), isSix)]
    const side = (sequence: number, isClient: boolean) => new Speaker(from, to, port, sequence, isClient)
    const asking = side(dice(2 ** 32), true)
    const answering = side(dice(2 ** 32), false)
    yield asking.say(SYN)
    yield answering.say(SYN | ACK)
    yield asking.say(ACK)
    for (let left = 1 + dice(4); left > 0; left--) {
      yield asking.say(PSH | ACK, octets(requestBy(dice)))
      yield* disturbed(answering.segments(octets(answerBy(dice))), dice)
      yield asking.say(ACK)
    }
    yield asking.say(FIN | ACK)
    yield answering.say(FIN | ACK)
    yield asking.say(ACK)
  }
}

export function* names(client: number, dice: Dice): Generator<Uint8Array> {
  for (let id = dice(65_536); ; id = (id + 1) % 65_536) {
    const isSix = dice(4) === 0
    const [from, to] = [machine(client, isSix), machine(53, isSix)]
    const port = 1024 + dice(30_000)
    const name = `host-${dice(500)}.example.test`
    yield ip(UDP, from, to, udp(port, 53, dnsQuery(id, name, isSix ? 28 : 1)))
    const data = machine(1000 + dice(20), isSix)
    if (dice(50) > 0) yield ip(UDP, to, from, udp(53, port, dnsAnswer(id, name, isSix ? 28 : 1, data)))
  }
}

export function* plain(client: number, dice: Dice): Generator<Uint8Array> {
  for (;;) yield ip(UDP, machine(client, false), machine(7, false), udp(5000, 9999, new Uint8Array(dice(400))))
}

/** One side of a connection, which counts what it has said. */
class Speaker {
  private readonly ends: [from: Address, to: Address, fromPort: number, toPort: number]
  private sequence: number

  constructor(client: Address, server: Address, port: number, sequence: number, isClient: boolean) {
    this.ends = isClient ? [client, server, port, 80] : [server, client, 80, port]
    this.sequence = sequence
  }

  say(flags: number, payload: Uint8Array = new Uint8Array(0)): Uint8Array {
    const [from, to, fromPort, toPort] = this.ends
    const packet = ip(TCP, from, to, tcp(fromPort, toPort, this.sequence, flags, payload))
    const counts = payload.length + ((flags & (SYN | FIN)) === 0 ? 0 : 1)
    this.sequence = (this.sequence + counts) >>> 0
    return packet
  }

  segments(bytes: Uint8Array): Uint8Array[] {
    const packets: Uint8Array[] = []
    for (let at = 0; at < bytes.length; at += SEGMENT) packets.push(this.say(ACK, bytes.subarray(at, at + SEGMENT)))
    return packets
  }
}

/** Some packets come twice, and some later than the next one; a lost one is sent again. */
function disturbed(packets: Uint8Array[], dice: Dice): Uint8Array[] {
  const seen: Uint8Array[] = []
  for (const packet of packets) {
    if (dice(40) === 0) seen.push(packet)
    if (seen.length > 0 && dice(30) === 0) seen.splice(seen.length - 1, 0, packet)
    else seen.push(packet)
  }
  return seen
}

function requestBy(dice: Dice): string {
  return `GET /page/${dice(300)} HTTP/1.1\r\nHost: www.example.test\r\nAccept: */*\r\n\r\n`
}

function answerBy(dice: Dice): string {
  const body = 'x'.repeat(dice(dice(4) === 0 ? 6000 : 600))
  if (dice(3) > 0) return `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`
  const chunks = body.match(/.{1,400}/g) ?? []
  const text = chunks.map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`).join('')
  return `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${text}0\r\n\r\n`
}
