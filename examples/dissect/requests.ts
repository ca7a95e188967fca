/**
 * requests: what was asked of web servers, and what came back, in the file scope.
 *
 *   GET http://example.org/index.html  ->  | asked | answered | status of the last answer | bytes of all answers |
 */
import { f64, HashMap, struct, text, u32 } from 'vmalloc/collections'
import type { Scope } from 'vmalloc/scope'

const entry = struct({ asked: u32, answered: u32, status: u32, bytes: f64 })
const NONE = { asked: 0, answered: 0, status: 0, bytes: 0 }

/** A request as it is told. */
export interface Requested {
  request: string
  asked: number
  answered: number
  status: number
  /** Of the bodies of all answers, without the sizes of chunks. */
  bytes: number
}

export class Requests {
  private readonly table: HashMap<string, Omit<Requested, 'request'>>

  constructor(scope: Scope) {
    this.table = new HashMap(scope, text, entry)
  }

  ask(request: string): void {
    const known = this.table.get(request) ?? NONE
    this.table.set(request, { ...known, asked: known.asked + 1 })
  }

  answer(request: string, status: number): void {
    const known = this.table.get(request) ?? NONE
    this.table.set(request, { ...known, answered: known.answered + 1, status })
  }

  /** An answer had a body of so many bytes. */
  answered(request: string, bytes: number): void {
    const known = this.table.get(request) ?? NONE
    this.table.set(request, { ...known, bytes: known.bytes + bytes })
  }

  *[Symbol.iterator](): Generator<Requested> {
    for (const [request, figures] of this.table) yield { request, ...figures }
  }
}
