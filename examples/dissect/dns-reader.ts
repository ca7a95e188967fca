/**
 * dns-reader: questions and answers of a message of DNS, one after the other.
 *
 *   question   | NAME | TYPE | class |
 *   answer     | NAME | TYPE | class | seconds to live (4) | LENGTH | data, LENGTH bytes ... |
 *
 *   name       | length | letters ... | length | letters ... | 0 |
 *              | length | letters ... | 11, PLACE in 14 bits |          the rest is what stands at PLACE of the message
 *
 * PLACE must be before where the name, or what led to it, began. So each jump leads further back, and none in a circle.
 *
 * Source: RFC 1035, RFC 3596 (AAAA), RFC 2782 (SRV).
 */
import { StringBuilder } from 'vmalloc/collections'
import type { Scope } from 'vmalloc/scope'
import { addressText } from './addresses.ts'
import { type Bytes, Unreadable } from './bytes.ts'

const HEADER = 12
const MOST_NAME = 255

const A = 1
const NS = 2
const CNAME = 5
const SOA = 6
const PTR = 12
const MX = 15
const TXT = 16
const AAAA = 28
const SRV = 33
const TYPES: Record<number, string> = {
  ...{ [A]: 'A', [NS]: 'NS', [CNAME]: 'CNAME', [SOA]: 'SOA', [PTR]: 'PTR', [MX]: 'MX', [TXT]: 'TXT' },
  ...{ [AAAA]: 'AAAA', [SRV]: 'SRV', 41: 'OPT', 64: 'SVCB', 65: 'HTTPS', 255: 'ANY' },
}

export class DnsReader {
  private readonly scope: Scope
  private readonly bytes: Bytes
  private place = HEADER

  /** Texts are built in the scope, the packet's. */
  constructor(scope: Scope, bytes: Bytes) {
    this.scope = scope
    this.bytes = bytes
  }

  /** The next question: `A www.example.org`. */
  question(): string {
    const name = this.name()
    const type = this.bytes.u16(this.place)
    this.bytes.addressOf(this.place, 4)
    this.place += 4
    return `${typeText(type)} ${name}`
  }

  /** The data of the next answer: `192.0.2.1`, `CNAME web.example.org`. */
  answer(): string {
    this.name()
    const { bytes, place } = this
    const type = bytes.u16(place)
    const length = bytes.u16(place + 8)
    const data = place + 10
    bytes.addressOf(data, length)
    this.place = data
    const text = this.data(type, length)
    this.place = data + length
    return text
  }

  private data(type: number, length: number): string {
    const { bytes, place } = this
    switch (type) {
      case A:
        return this.address(4, length)
      case AAAA:
        return this.address(16, length)
      case NS:
      case CNAME:
      case PTR:
      case SOA:
        return `${typeText(type)} ${this.name()}`
      case MX:
        this.place += 2
        return `MX ${bytes.u16(place)} ${this.name()}`
      case SRV:
        this.place += 6
        return `SRV ${this.name()}:${bytes.u16(place + 4)}`
      case TXT:
        return `TXT ${this.texts(length)}`
      default:
        return `${typeText(type)} of ${length} bytes`
    }
  }

  private address(size: number, length: number): string {
    if (length !== size) throw new Unreadable(`an address of ${length} bytes, expected ${size}`)
    const at = this.bytes.addressOf(this.place, size)
    return addressText(this.bytes.memory.u8.subarray(at, at + size))
  }

  /** Texts, each with its length before it. */
  private texts(length: number): string {
    using text = new StringBuilder(this.scope)
    const end = this.place + length
    while (this.place < end) {
      const size = this.bytes.u8(this.place)
      if (this.place + 1 + size > end) throw new Unreadable(`a text of ${size} bytes, longer than its record`)
      if (text.length > 0) text.append(' ')
      this.letters(text, this.place + 1, size, 32)
      this.place += 1 + size
    }
    return text.toString()
  }

  /** The name at `place`, which is then behind it. */
  private name(): string {
    const { bytes } = this
    using text = new StringBuilder(this.scope)
    let at = this.place
    let before = at
    let size = 0
    let hasJumped = false
    for (;;) {
      const length = bytes.u8(at)
      if ((length & 0xc0) === 0xc0) {
        const to = bytes.u16(at) & 0x3fff
        if (to >= before) throw new Unreadable(`a name at ${before} goes on at ${to}, expected a place before it`)
        if (!hasJumped) this.place = at + 2
        hasJumped = true
        at = before = to
      } else {
        if (length > 63) throw new Unreadable(`a label of kind ${length >> 6}, expected 0 or 3`)
        size += length + 1
        if (size > MOST_NAME) throw new Unreadable(`a name of more than ${MOST_NAME} bytes`)
        at += 1
        if (length === 0) break
        if (text.length > 0) text.append('.')
        this.letters(text, at, length, 33)
        at += length
      }
    }
    if (!hasJumped) this.place = at
    return text.length === 0 ? '<root>' : text.toString()
  }

  /** Adds bytes as they are, and what is below `least`, or no ASCII, as \xHH. */
  private letters(text: StringBuilder, place: number, count: number, least: number): void {
    for (let i = place; i < place + count; i++) {
      const byte = this.bytes.u8(i)
      if (byte >= least && byte < 127) text.appendCodePoint(byte)
      else text.appendHex(byte)
    }
  }
}

function typeText(type: number): string {
  return TYPES[type] ?? `type ${type}`
}
