/**
 * feed: the requests, made from a seed: orders as a shop would store them, most of them small, a few large.
 *
 *   first    each number is put once
 *   then     30 % put, 25 % patch, 30 % get, 14.5 % query, 0.5 % sum; some numbers are asked for more often than others
 */
const DOCUMENTS = 1000
const REQUESTS = 14_000
const TEXTS = 300
const VOCABULARY = 6000
const CUSTOMERS = 300

export type Request =
  | { readonly kind: 'put' | 'patch'; readonly number: number; readonly bytes: Uint8Array }
  | { readonly kind: 'get'; readonly number: number }
  | { readonly kind: 'query'; readonly words: readonly [Uint8Array, Uint8Array] }
  | { readonly kind: 'sum' }

const encoder = new TextEncoder()

export function feed(seed: number, scale: number): Request[] {
  const maker = new Maker(seed)
  const documents = Math.max(3, Math.round(DOCUMENTS * scale))
  const texts = Array.from({ length: Math.max(3, Math.round(TEXTS * scale)) }, () => maker.order())
  const patches = texts.map(() => maker.change())
  const requests: Request[] = []
  for (let number = 0; number < documents; number++) {
    requests.push({ kind: 'put', number, bytes: maker.pick(texts) })
  }
  for (let n = 0; n < REQUESTS * scale; n++) {
    const number = Math.floor(documents * maker.skewed())
    const dice = maker.upTo(1000)
    if (dice < 300) requests.push({ kind: 'put', number, bytes: maker.pick(texts) })
    else if (dice < 550) requests.push({ kind: 'patch', number, bytes: maker.pick(patches) })
    else if (dice < 850) requests.push({ kind: 'get', number })
    else if (dice < 995) requests.push({ kind: 'query', words: [maker.wanted(), maker.wanted()] })
    else requests.push({ kind: 'sum' })
  }
  return requests
}

const SYLLABLES = 'ba ce do fi gu ha je ko li mu na pe qui ro si tu va we xo yu zen lor min tas'.split(' ')
const RARE = ['é', 'ß', '–', '“', '日本', '🙂', '"', '\\', '\n', '\t', '\u0001', '/']

/** Draws all there is to draw. */
class Maker {
  readonly #words: string[]
  readonly #customers: string[]
  #state: number

  constructor(seed: number) {
    this.#state = (Math.imul(seed, 0x9e3779b1) ^ 0x5bd1e995) >>> 0 || 1
    this.#words = Array.from({ length: VOCABULARY }, () => this.#word())
    this.#customers = Array.from({ length: CUSTOMERS }, () => `${this.#capital()} ${this.#capital()}`)
  }

  /** From 0 up to, but not including, `n`: xorshift. */
  upTo(n: number): number {
    let x = this.#state
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    this.#state = x >>> 0
    return Math.floor((this.#state / 2 ** 32) * n)
  }

  /** Below 1, small more often than large. */
  skewed(): number {
    return (this.upTo(1e6) / 1e6) ** 2
  }

  pick<T>(list: readonly T[]): T {
    return list[this.upTo(list.length)]!
  }

  /** A word that is not rare, as a query has it. */
  wanted(): Uint8Array {
    return encoder.encode(this.#words[this.upTo(VOCABULARY / 4)]!.toUpperCase())
  }

  /** The text of a document. */
  order(): Uint8Array {
    const order = {
      type: 'order',
      title: this.#sentence(3 + this.upTo(6)),
      customer: this.pick(this.#customers),
      placed: 1_600_000_000 + this.upTo(1e8),
      status: this.pick(['new', 'paid', 'shipped', 'returned']),
      address: { street: `${this.#capital()} ${1 + this.upTo(200)}`, town: this.#capital(), zip: this.#digits(5) },
      flags: { gift: this.upTo(2) === 0, urgent: this.upTo(9) === 0, invoice: null },
      ratio: this.upTo(1e6) / 1e7,
      items: Array.from({ length: 1 + this.#size(250) }, () => this.#item()),
      text: this.#sentence(5 + this.#size(150)),
      history: Array.from({ length: this.#size(60) }, () => ({
        at: 1_600_000_000 + this.upTo(1e8),
        by: this.#word(),
        text: this.#sentence(2 + this.#size(30)),
      })),
    }
    return this.#bytes(order)
  }

  /** The text of some changes. */
  change(): Uint8Array {
    const change: Record<string, unknown> = { status: this.pick(['paid', 'shipped', 'returned', 'lost']) }
    if (this.upTo(2) === 0) change.flags = { urgent: null, [`seen by ${this.#word()}`]: true }
    if (this.upTo(3) === 0) change.text = this.#sentence(5 + this.#size(150))
    if (this.upTo(4) === 0) change.address = { street: `${this.#capital()} ${1 + this.upTo(200)}`, floor: this.upTo(9) }
    if (this.upTo(6) === 0) change.items = Array.from({ length: 1 + this.#size(60) }, () => this.#item())
    if (this.upTo(9) === 0) change.note = { by: this.#word(), text: this.#sentence(4) }
    if (this.upTo(9) === 0) change.history = null
    return this.#bytes(change)
  }

  #item(): object {
    const item: Record<string, unknown> = {
      sku: `${this.#word()}-${this.#digits(4)}`,
      name: this.#sentence(2 + this.upTo(3)),
      price: this.upTo(20_000) / 100,
      count: 1 + this.upTo(9),
    }
    if (this.upTo(3) === 0) item.options = { colour: this.#word(), size: this.upTo(60), engraved: this.upTo(2) === 0 }
    if (this.upTo(5) === 0) item.tags = Array.from({ length: 1 + this.upTo(4) }, () => this.#word())
    return item
  }

  /** Up to `most`, mostly much less. */
  #size(most: number): number {
    return Math.floor(most * (this.upTo(1e6) / 1e6) ** 3)
  }

  #sentence(count: number): string {
    const words = Array.from({ length: count }, () => this.#words[Math.floor(VOCABULARY * this.skewed() ** 1.5)]!)
    if (this.upTo(4) === 0) words.push(this.pick(RARE))
    return words.join(' ')
  }

  #word(): string {
    return Array.from({ length: 2 + this.upTo(3) }, () => this.pick(SYLLABLES)).join('')
  }

  #capital(): string {
    const word = this.#word()
    return word[0]!.toUpperCase() + word.slice(1)
  }

  #digits(count: number): string {
    return Array.from({ length: count }, () => this.upTo(10)).join('')
  }

  /** JSON; now and then with white space, and with escapes where none are needed. */
  #bytes(value: object): Uint8Array {
    let text = JSON.stringify(value, undefined, this.upTo(4) === 0 ? 2 : 0)
    if (this.upTo(4) === 0)
      text = text.replace(/[^\0-\x7f]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)
    return encoder.encode(text)
  }
}
