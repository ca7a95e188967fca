/**
 * names: what was asked of name servers, in the file scope.
 *
 *   A www.example.org  ->  | asked | answered | the last answer: address of a text |
 */
import type { Addr } from 'vmalloc'
import { address, HashMap, struct, text, u32 } from 'vmalloc/collections'
import type { Scope } from 'vmalloc/scope'

const entry = struct({ asked: u32, answered: u32, said: address })

/** A question as it is told. */
export interface Asked {
  question: string
  asked: number
  answered: number
  said: string
}

export class Names {
  private readonly scope: Scope
  private readonly table: HashMap<string, { asked: number; answered: number; said: Addr }>

  constructor(scope: Scope) {
    this.scope = scope
    this.table = new HashMap(scope, text, entry)
  }

  ask(question: string): void {
    const known = this.find(question)
    this.table.set(question, { ...known, asked: known.asked + 1 })
  }

  answer(question: string, said: string): void {
    const known = this.find(question)
    this.scope.free(known.said)
    this.table.set(question, { ...known, answered: known.answered + 1, said: this.scope.string(said) })
  }

  *[Symbol.iterator](): Generator<Asked> {
    for (const [question, { asked, answered, said }] of this.table) {
      yield { question, asked, answered, said: said === 0 ? '' : this.scope.region.readString(said) }
    }
  }

  private find(question: string) {
    return this.table.get(question) ?? { asked: 0, answered: 0, said: 0 }
  }
}
