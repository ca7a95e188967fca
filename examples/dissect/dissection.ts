/**
 * dissection: all of it, put together.
 *
 *   program   |==================================================|   the life cycle, from the first file to the last
 *   file          |=================|  |=================|           one capture; entered anew when it is reloaded
 *                     |===============================|              another one, at the same time
 *   packet          || || || || || ||     || || || || ||             one packet
 *
 * A file is read in turns of TURN packets, so that several are read at once.
 */
import { LifeCycle } from 'vmalloc/scope'
import { openCapture } from './capture/capture.ts'
import type { Capture } from './capture/frame.ts'
import type { Conversations } from './conversations.ts'
import { registerDns } from './dns.ts'
import { type Frames, registerFrames } from './frames.ts'
import { type Http, registerHttp } from './http.ts'
import { registerIp } from './ip.ts'
import { registerLink } from './link.ts'
import { Memory } from './memory.ts'
import type { Names } from './names.ts'
import type { File } from './packet.ts'
import { Protocols } from './protocols.ts'
import { registerTcp, type Tcp } from './tcp.ts'
import { registerUdp } from './udp.ts'

const TURN = 1000

/** What is known of an open file; good until it is closed or reloaded. */
export interface Findings {
  /** Of all protocols, by their numbers. */
  protocols: readonly string[]
  frames: Frames
  tcp: Tcp
  udp: Conversations
  names: Names
  http: Http
}

/** A capture that is open. */
export class OpenFile {
  readonly path: string
  readonly session: File
  private readonly dissection: Dissection
  private readonly opener: () => Capture

  /** Use `dissection.open`. */
  constructor(dissection: Dissection, path: string, opener: () => Capture) {
    this.dissection = dissection
    this.path = path
    this.opener = opener
    this.session = dissection.life.open(opener)
  }

  get findings(): Findings {
    return this.dissection.findings(this.session)
  }

  /** Reads the file to its end. `watch` is called after each turn. */
  async read(watch = () => {}): Promise<void> {
    await this.session.read(() => this.pass(watch))
  }

  /** Forgets all that was found, and reads the file as it is now. */
  async reload(): Promise<void> {
    await this.session.reload(this.opener, () => this.pass(() => {}))
  }

  close(): void {
    this.session.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }

  private async pass(watch: () => void): Promise<void> {
    const { dissection, session } = this
    const { source } = session
    while (source.next()) {
      dissection.dissect(session, source)
      if (source.frame.number % TURN !== 0) continue
      watch()
      await new Promise(setImmediate)
    }
  }
}

export class Dissection {
  readonly life = new LifeCycle<Capture>({ release: (capture) => capture.close() })
  readonly dissect: (file: File, capture: Capture) => void
  readonly findings: (file: File) => Findings

  constructor() {
    const on = new Protocols(this.life, new Memory(this.life.scope.region))
    const { frames, dissect } = registerFrames(on)
    registerLink(on)
    registerIp(on)
    const udp = registerUdp(on)
    const tcp = registerTcp(on)
    const names = registerDns(on)
    const http = registerHttp(on)
    this.dissect = (file, { frame }) => dissect(file, frame)
    this.findings = (file) => ({
      protocols: on.names,
      ...{ frames: frames.of(file), udp: udp.of(file), tcp: tcp.of(file), names: names.of(file), http: http.of(file) },
    })
  }

  /** Opens a capture. Throws what the opener does. */
  open(path: string, opener = () => openCapture(path)): OpenFile {
    return new OpenFile(this, path, opener)
  }

  /** Closes all files. */
  end(): void {
    this.life.end()
  }

  [Symbol.dispose](): void {
    this.end()
  }
}
