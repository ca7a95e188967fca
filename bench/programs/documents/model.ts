/**
 * model: the same requests answered with plain objects, to compare with. It looks through everything and keeps no index.
 */
import type { Request } from './feed.ts'

type Json = null | boolean | number | string | Json[] | { [key: string]: Json }
type Members = { [key: string]: Json }

export function checksumOf(requests: readonly Request[], start: number): number {
  const model = new Model()
  const encoder = new TextEncoder()
  let checksum = start
  for (const request of requests) {
    for (const byte of encoder.encode(model.answer(request))) checksum = Math.imul(checksum ^ byte, 0x01000193)
  }
  return checksum >>> 0
}

class Model {
  readonly #documents: Json[] = []
  readonly #versions: number[] = []
  readonly #decoder = new TextDecoder()

  answer(request: Request): string {
    switch (request.kind) {
      case 'put': {
        const { number } = request
        const document = JSON.parse(this.#decoder.decode(request.bytes)) as Json
        this.#documents[number] = document
        return JSON.stringify({ number, values: valuesOf(document), version: this.#nextVersion(number) })
      }
      case 'patch': {
        const { number } = request
        this.#documents[number] = merged(this.#documents[number]!, JSON.parse(this.#decoder.decode(request.bytes)))
        return JSON.stringify({ number, version: this.#nextVersion(number) })
      }
      case 'get':
        return JSON.stringify(this.#documents[request.number])
      case 'query':
        return this.#query(request.words.map((word) => this.#decoder.decode(word).toLowerCase()))
      case 'sum':
        return this.#sum()
    }
  }

  #nextVersion(number: number): number {
    return (this.#versions[number] = (this.#versions[number] ?? 0) + 1)
  }

  #query(wanted: string[]): string {
    const hits = this.#documents.flatMap((document, number) => {
      const words = textsOf(document).flatMap((text) => text.toLowerCase().match(/[a-z0-9]{3,}/g) ?? [])
      const [one = 0, other = 0] = wanted.map((word) => words.filter((found) => found === word).length)
      return one > 0 && other > 0 ? [{ number, times: one + other, title: (document as Members).title! }] : []
    })
    hits.sort((a, b) => b.times - a.times || a.number - b.number)
    return JSON.stringify({ found: hits.length, first: hits.slice(0, 10) })
  }

  #sum(): string {
    const sums: Record<string, number> = {}
    for (const document of this.#documents) {
      const { customer, items } = document as { customer: string; items: { price: number; count: number }[] }
      for (const { price, count } of items) sums[customer] = (sums[customer] ?? 0) + price * count
    }
    for (const customer of Object.keys(sums)) sums[customer] = Math.round(sums[customer]! * 100) / 100
    return JSON.stringify(sums)
  }
}

const isObject = (value: Json | undefined): value is Members =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function merged(target: Json | undefined, patch: Json): Json {
  if (!isObject(patch)) return patch
  const result = isObject(target) ? target : {}
  for (const [key, change] of Object.entries(patch)) {
    if (change === null) delete result[key]
    else result[key] = merged(result[key], change)
  }
  return result
}

function valuesOf(value: Json): number {
  if (typeof value !== 'object' || value === null) return 1
  return Object.values(value).reduce((sum: number, member) => sum + valuesOf(member), 1)
}

/** The texts of members named title or text, at any depth. */
function textsOf(value: Json): string[] {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, member]) =>
    typeof member !== 'string' ? textsOf(member) : key === 'title' || key === 'text' ? [member] : [],
  )
}
