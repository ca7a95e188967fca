/**
 * conversations: what two ends sent each other, in the file scope.
 *
 *   record   +0            +16          +32     +40    +48      +52     +56    +60    +62    +64
 *            | PACKETS × 2 | BYTES × 2 | START | LAST | STREAM | FIRST | SIZE | PORT | PORT | ADDRESS | ADDRESS |
 *
 *   PACKETS, BYTES   from end 0 to end 1, and back
 *   START, LAST      nanoseconds since the first packet of the file
 *   STREAM           what the protocol remembers of it: an address, 0 for nothing
 *   FIRST            which end spoke first
 *   SIZE             bytes of an address, 4 or 16
 *
 * End 0 is that with the higher port, or, of the same port, with the lower address. So packets of both directions find
 * the same record, under all that it has from SIZE on: that is the key. Two ends may begin anew on the same ports: then
 * the key finds the later conversation, and the list has both.
 */
import type { Addr } from 'vmalloc'
import { address, bytes, HashMap, List } from 'vmalloc/collections'
import type { Scope } from 'vmalloc/scope'
import { addressText } from './addresses.ts'
import type { Memory } from './memory.ts'
import type { End, Packet } from './packet.ts'

const PACKETS = 0
const BYTES = 16
const START = 32
const LAST = 40
const STREAM = 48
const FIRST = 52
const SIZE = 56
const PORTS = 60
const ADDRESSES = 64

/** A conversation as it is told, by the end that spoke first. */
export interface Told {
  ends: [string, string]
  packets: [number, number]
  bytes: [number, number]
  /** Seconds since the first packet of the file, and for how long. */
  start: number
  duration: number
}

export class Conversations {
  private readonly scope: Scope
  private readonly memory: Memory
  private readonly latest: HashMap<Uint8Array, Addr>
  private readonly all: List<Addr>
  /** The key of the packet at hand, for each size of address. */
  private readonly keys = new Map([4, 16].map((size) => [size, new Uint8Array(8 + 2 * size)]))

  constructor(scope: Scope, memory: Memory) {
    this.scope = scope
    this.memory = memory
    this.latest = new HashMap(scope, bytes, address)
    this.all = new List(scope, address)
  }

  get count(): number {
    return this.all.count
  }

  /** The conversation that a packet belongs to, 0 before there is one. */
  find(packet: Packet): Addr {
    return this.latest.get(this.keyOf(packet)) ?? 0
  }

  /** Counts a packet, in a new conversation where there is none; answers the conversation. */
  add(packet: Packet, conversation = this.find(packet)): Addr {
    const at = conversation === 0 ? this.begin(packet) : conversation
    const { f64 } = this.memory
    const side = sideOf(packet)
    f64[(at + PACKETS) / 8 + side]! += 1
    f64[(at + BYTES) / 8 + side]! += packet.wire
    f64[(at + LAST) / 8] = packet.time
    return at
  }

  /** Makes a new conversation, whether the two have spoken before or not. */
  begin(packet: Packet): Addr {
    const key = this.keyOf(packet)
    const at = this.scope.allocZeroed(SIZE + key.length)
    this.memory.u8.set(key, at + SIZE)
    this.memory.f64[(at + START) / 8] = packet.time
    this.memory.u32[(at + FIRST) / 4] = sideOf(packet)
    this.latest.set(key, at)
    this.all.append(at)
    return at
  }

  streamOf(conversation: Addr): Addr {
    return this.memory.u32[(conversation + STREAM) / 4]!
  }

  setStream(conversation: Addr, stream: Addr): void {
    this.memory.u32[(conversation + STREAM) / 4] = stream
  }

  /** The streams of all of them. */
  *streams(): Generator<Addr> {
    for (const at of this.all) yield this.streamOf(at)
  }

  /** All of them, in the order in which they began. */
  *[Symbol.iterator](): Generator<Told> {
    for (const at of this.all) yield this.told(at)
  }

  private told(at: Addr): Told {
    const { u32, f64 } = this.memory
    const first = u32[(at + FIRST) / 4]!
    const pair = (field: number): [number, number] => {
      const i = (at + field) / 8
      return [f64[i + first]!, f64[i + 1 - first]!]
    }
    const [start, last] = [secondsOf(f64[(at + START) / 8]!), secondsOf(f64[(at + LAST) / 8]!)]
    const ends: [string, string] = [this.end(at, first), this.end(at, 1 - first)]
    return { ends, packets: pair(PACKETS), bytes: pair(BYTES), start, duration: last - start }
  }

  private end(at: Addr, side: number): string {
    const { u8 } = this.memory
    const size = u8[at + SIZE]!
    const start = at + ADDRESSES + side * size
    const port = at + PORTS + side * 2
    return `${addressText(u8.subarray(start, start + size))}:${u8[port]! * 256 + u8[port + 1]!}`
  }

  private keyOf(packet: Packet): Uint8Array {
    const { from, to } = packet
    const key = this.keys.get(from.bytes)!
    const [first, second] = sideOf(packet) === 0 ? [from, to] : [to, from]
    key[0] = first.bytes
    this.write(key, 0, first)
    this.write(key, 1, second)
    return key
  }

  private write(key: Uint8Array, side: number, { at, bytes: size, port }: End): void {
    key[4 + side * 2] = port >> 8
    key[5 + side * 2] = port
    const { u8 } = this.memory
    for (let i = 0; i < size; i++) key[8 + side * size + i] = u8[at + i]!
  }
}

/** Which end of its conversation a packet comes from. */
export function sideOf({ from, to, bytes: { memory } }: Packet): number {
  if (from.port !== to.port) return from.port > to.port ? 0 : 1
  const { u8 } = memory
  for (let i = 0; i < from.bytes; i++) {
    const by = u8[from.at + i]! - u8[to.at + i]!
    if (by !== 0) return by < 0 ? 0 : 1
  }
  return 0
}

function secondsOf(nanos: number): number {
  return Math.floor(nanos / 1e9) + (nanos % 1e9) / 1e9
}
