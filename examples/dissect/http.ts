/**
 * http: requests and answers of HTTP/1, in the streams of TCP.
 *
 *   state   +0     +SIDE  +2 SIDE
 *           | side | side | WAITING |      in the file scope
 *
 *   WAITING   requests without an answer so far: address of a Queue of texts
 *
 * What a side says is taken apart by http-side.ts, as far as it has come.
 *
 * Source: RFC 9112.
 */
import { address, Queue } from 'vmalloc/collections'
import type { Scope } from 'vmalloc/scope'
import { Counts } from './counts.ts'
import { HttpSide, httpCounts, SIDE } from './http-side.ts'
import type { Memory } from './memory.ts'
import type { PerFile, Protocols } from './protocols.ts'
import { Requests } from './requests.ts'

const PORTS = [80, 8080, 8000, 3128]

const WAITING = 2 * SIDE
const STATE = WAITING + 8

/** What HTTP keeps of a file. */
export class Http {
  readonly requests: Requests
  readonly counts: Counts
  private readonly scope: Scope
  private readonly memory: Memory

  constructor(scope: Scope, memory: Memory) {
    this.scope = scope
    this.memory = memory
    this.requests = new Requests(scope)
    this.counts = new Counts(scope, memory, httpCounts.length)
  }

  /** Address of what is remembered of a new stream. */
  begin(): number {
    const state = this.scope.allocZeroed(STATE)
    const waiting = new Queue(this.scope, address)
    this.memory.u32[(state + WAITING) / 4] = waiting.at
    return state
  }

  side(state: number, side: number): HttpSide {
    const { scope, memory, requests, counts } = this
    const waiting = memory.u32[(state + WAITING) / 4]!
    return new HttpSide({ scope, memory, requests, counts, waiting }, state + side * SIDE, state + (1 - side) * SIDE)
  }
}

/** Answers what is kept of each file. */
export function registerHttp(on: Protocols): PerFile<Http> {
  const http = on.name('HTTP')
  const perFile = on.perFile((file) => new Http(file.scope, on.memory))

  for (const port of PORTS) {
    on.tcp.set(port, {
      begin: ({ file }) => perFile.of(file).begin(),
      data(packet, state, side, bytes) {
        if (perFile.of(packet.file).side(state, side).data(bytes)) packet.note(http)
      },
      lost: ({ file }, state, side, count) => perFile.of(file).side(state, side).lost(count),
      end: ({ file }, state, side) => perFile.of(file).side(state, side).end(),
    })
  }
  return perFile
}
