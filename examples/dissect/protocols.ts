/**
 * protocols: who dissects what, and what each keeps.
 *
 *   link        number of the capture's link type       ethernet, cooked, raw, loopback
 *   ethertype   number in an Ethernet header            VLAN, IPv4, IPv6
 *   ip          number of the protocol over IP          UDP, TCP
 *   udp, tcp    port                                    DNS; HTTP
 *
 * A protocol registers what it dissects, and, with the life cycle, what it does when a file is opened, read and closed.
 * It never keeps anything in variables of its own: several files are open at once. What it has to remember of a file it
 * makes in the file's scope, by `perFile`.
 */
import type { LifeCycle } from 'vmalloc/scope'
import type { Bytes } from './bytes.ts'
import type { Capture } from './capture/frame.ts'
import type { Memory } from './memory.ts'
import type { File, Packet } from './packet.ts'

/** Looks at the bytes of its protocol and hands on the rest. Throws Unreadable. */
export type Dissector = (packet: Packet, bytes: Bytes) => void

/** Something that each open file has one of. */
export interface PerFile<T> {
  of(file: File): T
}

/** Dissects what two ends say to each other, in order and without gaps. `side` is 0 for what the higher port says. */
export interface StreamDissector {
  /** Address, in the file scope, of what it remembers of a new stream. */
  begin(packet: Packet): number
  data(packet: Packet, state: number, side: number, bytes: Bytes): void
  /** So many bytes are missing: they were not captured. */
  lost(packet: Packet, state: number, side: number, count: number): void
  /** No more will come. */
  end(packet: Packet, state: number, side: number): void
}

export class Protocols {
  readonly life: LifeCycle<Capture>
  readonly memory: Memory
  readonly link = new Map<number, Dissector>()
  readonly ethertype = new Map<number, Dissector>()
  readonly ip = new Map<number, Dissector>()
  readonly udp = new Map<number, Dissector>()
  readonly tcp = new Map<number, StreamDissector>()
  /** Of all protocols, by their numbers. */
  readonly names: string[] = []

  constructor(life: LifeCycle<Capture>, memory: Memory) {
    this.life = life
    this.memory = memory
  }

  /** A number for a protocol, or for what else may be noted of a packet. */
  name(name: string): number {
    return this.names.push(name) - 1
  }

  /**
   * Has `make` called for each file before it is read, when the file's scope was entered, and `end` before that is left.
   * Of what is made in the file's scope nothing needs an end: it goes with the scope.
   */
  perFile<T>(make: (file: File) => T, end: (made: T) => void = () => {}): PerFile<T> {
    const made = new Map<File, T>()
    this.life.onInit(({ session }) => void made.set(session, make(session)))
    this.life.onCleanup(({ session }) => {
      const one = made.get(session)
      made.delete(session)
      if (one !== undefined) end(one)
    })
    return { of: (file) => made.get(file)! }
  }
}
