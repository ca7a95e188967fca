/**
 * pcapng: the newer kind of capture, as Wireshark writes it. A file of blocks.
 *
 *   block     +0     +4                              LENGTH - 4
 *             | TYPE | LENGTH | body ..., padded to 4 | LENGTH |
 *
 *   section   0a0d0d0a   order 1a2b3c4d, version, length of the section
 *   interface        1   link (2 bytes), reserved (2), snaplen, options
 *   packet           6   interface, time (upper, lower 32 bits), bytes captured, bytes on the wire, packet
 *   simple           3   bytes on the wire, packet; of the first interface, and without a time
 *
 *   option    +0     +2
 *             | CODE | LENGTH | value, padded to 4 |
 *
 * LENGTH is a multiple of 4 and the same on both sides. A block in which it is not ends the reading: nobody knows where
 * the next one begins.
 *
 * A file begins with a section, and may have several, each in the byte order of the machine that captured it, and each
 * with interfaces of its own, which have their own kinds of headers and units of time. Blocks of other types are passed
 * over. A packet without a time has that of the one before.
 *
 * Source: draft-ietf-opsawg-pcapng.
 */
import { type Capture, CaptureError, type Ending, MOST, newFrame } from './frame.ts'
import type { Pieces } from './pieces.ts'

const SECTION = 0x0a0d0d0a
const INTERFACE = 1
const SIMPLE = 3
const PACKET = 6

const ORDER = 0x1a2b3c4d
const ORDER_BACKWARDS = 0x4d3c2b1a

/** Bytes that all blocks have, and those that a block of a kind has before what is of any length. */
const FRAMING = 12
const FIXED: Record<number, number> = { [SECTION]: 16, [INTERFACE]: 8, [SIMPLE]: 4, [PACKET]: 20 }
/** Blocks that are looked at are no longer than this; those passed over may be. */
const MOST_BLOCK = MOST + 65_536

const END_OF_OPTIONS = 0
const TIME_UNIT = 9
const TIME_OFFSET = 14

const NANOS = 1_000_000_000n

interface Interface {
  link: number
  snaplen: number
  /** Ticks of its clock in a second. */
  ticks: bigint
  /** Seconds that are added to its times. */
  offset: number
}

export class Pcapng implements Capture {
  readonly format = 'pcapng'
  readonly frame = newFrame()
  ending: string | undefined
  private readonly pieces: Pieces
  private little = true
  private interfaces: Interface[] = []

  /**
   * A reader of the file if that is what it is. TYPE of a section is four ends of lines, so a text may begin with it: the
   * byte order and LENGTH of the first section tell the two apart.
   */
  static begin(pieces: Pieces): Pcapng | undefined {
    if (pieces.has(4) < 4 || pieces.view.getUint32(0) !== SECTION) return undefined
    const capture = new Pcapng(pieces)
    const had = pieces.has(FRAMING)
    const wrong = had < FRAMING ? tooShort(had) : capture.wrongHead()
    if (wrong !== undefined) throw new CaptureError(pieces.path, `begins as pcapng, but ${wrong}`)
    return capture
  }

  private constructor(pieces: Pieces) {
    this.pieces = pieces
  }

  next(): boolean {
    while (this.ending === undefined && this.pieces.has(1) > 0) if (this.block()) return true
    return false
  }

  close(): void {
    this.pieces.close()
  }

  /** Goes past a block; true when it was a packet. */
  private block(): boolean {
    const had = this.pieces.has(FRAMING)
    if (had < FRAMING) return this.end('cut short', tooShort(had))
    const wrong = this.wrongHead()
    if (wrong !== undefined) return this.end('damaged', wrong)
    const type = this.word(0)
    const length = this.word(4)
    return FIXED[type] === undefined ? this.passOver(type, length) : this.look(type, length)
  }

  /** What is wrong with TYPE and LENGTH of the next block; of a section, the byte order is taken over first. */
  private wrongHead(): string | undefined {
    if (this.word(0) === SECTION) {
      const order = this.pieces.view.getUint32(this.pieces.at + 8)
      if (order !== ORDER && order !== ORDER_BACKWARDS) {
        return `a section says its byte order is ${hex(order)}, expected ${hex(ORDER)} or ${hex(ORDER_BACKWARDS)}`
      }
      this.little = order === ORDER_BACKWARDS
    }
    const type = this.word(0)
    const length = this.word(4)
    const fixed = FIXED[type]
    const least = FRAMING + (fixed ?? 0)
    if (length < least) return misses(type, length, `${least} at least`)
    if (fixed !== undefined && length > MOST_BLOCK) return misses(type, length, `${MOST_BLOCK} at most`)
    if (length % 4 !== 0) return misses(type, length, 'a multiple of 4')
    return undefined
  }

  /** A number of the next block, so many bytes from its beginning. */
  private word(offset: number): number {
    return this.pieces.view.getUint32(this.pieces.at + offset, this.little)
  }

  private passOver(type: number, length: number): false {
    const { pieces } = this
    const start = pieces.place
    pieces.skip(length - 4)
    if (pieces.has(4) < 4) return this.end('cut short', `the file ends in the ${length} bytes of ${named(type)}`, start)
    const trailing = this.word(0)
    if (trailing !== length) return this.end('damaged', differ(type, length, trailing), start)
    pieces.skip(4)
    return false
  }

  private look(type: number, length: number): boolean {
    const { pieces } = this
    const there = pieces.has(length)
    if (there < length)
      return this.end('cut short', `the file ends after ${there} of the ${length} bytes of ${named(type)}`)
    const trailing = this.word(length - 4)
    if (trailing !== length) return this.end('damaged', differ(type, length, trailing))
    const isPacket = this.understand(type, length)
    pieces.skip(length)
    return isPacket
  }

  /** Reads a block that is wholly in the window; true when it was a packet. */
  private understand(type: number, length: number): boolean {
    if (type === PACKET) return this.packet(length)
    if (type === SIMPLE) return this.simple(length)
    if (type === SECTION) this.interfaces = []
    else this.interface(length)
    return false
  }

  private interface(length: number): void {
    const { little } = this
    const { view, at } = this.pieces
    const known: Interface = {
      link: view.getUint16(at + 8, little),
      snaplen: view.getUint32(at + 12, little),
      ticks: 1_000_000n,
      offset: 0,
    }
    const end = at + length - 4
    for (let option = at + 16; option + 4 <= end; ) {
      const code = view.getUint16(option, little)
      const bytes = view.getUint16(option + 2, little)
      const value = option + 4
      if (code === END_OF_OPTIONS || value + bytes > end) break
      if (code === TIME_UNIT && bytes === 1) known.ticks = ticksOf(view.getUint8(value))
      if (code === TIME_OFFSET && bytes === 8) known.offset = Number(view.getBigInt64(value, little))
      option = value + ((bytes + 3) & ~3)
    }
    this.interfaces.push(known)
  }

  private packet(length: number): boolean {
    const { frame, little, interfaces } = this
    const { view, at } = this.pieces
    const number = view.getUint32(at + 8, little)
    const from = interfaces[number]
    if (from === undefined)
      return this.end('damaged', `a packet of interface ${number}, expected one of ${interfaces.length}`)
    const time = (BigInt(view.getUint32(at + 12, little)) << 32n) | BigInt(view.getUint32(at + 16, little))
    frame.seconds = Number(time / from.ticks) + from.offset
    frame.nanos = Number(((time % from.ticks) * NANOS) / from.ticks)
    return this.found(from, at + 28, view.getUint32(at + 20, little), view.getUint32(at + 24, little), at + length - 4)
  }

  private simple(length: number): boolean {
    const { view, at } = this.pieces
    const from = this.interfaces[0]
    if (from === undefined) return this.end('damaged', 'a packet, expected an interface before it')
    const wire = view.getUint32(at + 8, this.little)
    const held = Math.min(wire, from.snaplen === 0 ? wire : from.snaplen)
    return this.found(from, at + 12, held, wire, at + length - 4)
  }

  private found(from: Interface, start: number, held: number, wire: number, end: number): boolean {
    const { frame } = this
    if (held > end - start)
      return this.end('damaged', `a packet says it has ${held} bytes, expected ${end - start} at most`)
    frame.link = from.link
    frame.wire = Math.max(held, wire)
    frame.bytes = this.pieces.bytes.subarray(start, start + held)
    frame.number++
    return true
  }

  private end(how: Ending, why: string, place = this.pieces.place): false {
    this.ending = `${how} at byte ${place}, after packet ${this.frame.number}: ${why}`
    return false
  }
}

/** How a block is called where something is wrong with it. */
function named(type: number): string {
  return type === SECTION ? 'a section' : `a block of type ${type}`
}

function tooShort(had: number): string {
  return `a block has ${had} bytes, expected ${FRAMING} at least`
}

function misses(type: number, length: number, expected: string): string {
  return `${named(type)} says it has ${length} bytes, expected ${expected}`
}

function differ(type: number, leading: number, trailing: number): string {
  return `${named(type)} says it has ${leading} bytes where it begins and ${trailing} where it ends`
}

function hex(word: number): string {
  return word.toString(16).padStart(8, '0')
}

/** A power of ten, or of two where the upper bit is set. */
function ticksOf(unit: number): bigint {
  return (unit & 0x80) === 0 ? 10n ** BigInt(unit) : 2n ** BigInt(unit & 0x7f)
}
