/**
 * dissect-capture: the readers of examples/dissect, over files that are made here byte for byte, and over the real ones.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { openCapture } from '../examples/dissect/capture/capture.ts'
import { CaptureError } from '../examples/dissect/capture/frame.ts'
import { Pieces } from '../examples/dissect/capture/pieces.ts'
import { joined, octets } from '../examples/dissect/make/packets.ts'
import { PcapWriter } from '../examples/dissect/make/pcap-writer.ts'
import { Dice, SEED } from './fixtures/dice.ts'
import { Block, Numbers, type Option } from './fixtures/pcapng.ts'

const captures = join(import.meta.dirname, 'fixtures/captures')

interface Read {
  number: number
  time: string
  link: number
  wire: number
  text: string
}

describe('examples/dissect: captures', () => {
  let folder: string
  before(() => void (folder = mkdtempSync(join(tmpdir(), 'captures-'))))
  after(() => rmSync(folder, { recursive: true }))

  const path = () => join(folder, 'capture')

  /** A file that has these bytes cannot be opened; the message names it. */
  function refused(bytes: Uint8Array, message: string): void {
    writeFileSync(path(), bytes)
    expect(() => openCapture(path()))
      .to.throw(CaptureError, message)
      .with.property('message')
      .that.satisfies((text: string) => text.startsWith(`${path()}: `))
  }

  /** All packets of a file that has these bytes, and how it ended. */
  function readOf(bytes: Uint8Array): { packets: Read[]; ending: string | undefined } {
    writeFileSync(path(), bytes)
    return readAll(path())
  }

  describe('pcap', () => {
    for (const little of [true, false]) {
      for (const nanos of [true, false]) {
        it(`${little ? 'little' : 'big'} endian, ${nanos ? 'nanoseconds' : 'microseconds'}`, () => {
          const file = new PcapWriter(path(), { little, nanos, link: 101, snaplen: 4 })
          file.add(1_700_000_000_123_456_789n, octets('abc'))
          file.add(4_000_000_001_000_000_000n, octets('abcdef'))
          file.add(5n, octets(''))
          file.close()
          const time = nanos ? '1700000000.123456789' : '1700000000.123456000'
          expect(readAll(path())).to.deep.equal({
            packets: [
              { number: 1, time, link: 101, wire: 3, text: 'abc' },
              { number: 2, time: '4000000001.000000000', link: 101, wire: 6, text: 'abcd' },
              { number: 3, time: nanos ? '0.000000005' : '0.000000000', link: 101, wire: 0, text: '' },
            ],
            ending: undefined,
          })
        })
      }
    }

    it('says so when it is cut, at whatever byte, and reads what is before', () => {
      const file = new PcapWriter(path())
      for (const text of ['one', 'second', 'the third']) file.add(0n, octets(text))
      file.close()
      const bytes = readFileSync(path())
      const ends = [24, 24 + 19, 24 + 19 + 22, bytes.length]
      for (let length = 24; length <= bytes.length; length++) {
        const { packets, ending } = readOf(bytes.subarray(0, length))
        const whole = ends.filter((end) => end <= length).length - 1
        expect(packets.length, `${length} bytes`).to.equal(whole)
        if (ends.includes(length)) expect(ending).to.equal(undefined)
        else expect(ending).to.match(new RegExp(`^cut short at byte ${ends[whole]}, packet ${whole + 1}: `))
      }
      expect(readOf(bytes.subarray(0, 24 + 17)).ending).to.equal(
        'cut short at byte 24, packet 1: the file ends after 1 of its 3 bytes',
      )
    })

    it('a packet that says it is larger than can be ends it', () => {
      const file = new PcapWriter(path())
      for (const text of ['one', 'two']) file.add(0n, octets(text))
      file.close()
      const bytes = readFileSync(path())
      bytes.writeUInt32LE(0xffff_ffff, 24 + 19 + 8)
      const { packets, ending } = readOf(bytes)
      expect(packets.map(({ text }) => text)).to.deep.equal(['one'])
      expect(ending).to.equal(
        'damaged at byte 43, packet 2: it says it has 4294967295 bytes, expected no more than 262144',
      )
    })

    it('what is none is refused, with what it begins with', () => {
      refused(octets(''), 'begins with nothing')
      refused(octets('ab'), 'begins with 61 62, expected a capture')
      refused(octets('GIF89a, and so on and so on'), 'begins with 47 49 46 38')
      refused(octets('\xd4\xc3\xb2\xa1\x02\x00'), 'a pcap header of 6 bytes, expected 24')
      refused(joined(octets('\x34\xcd\xb2\xa1'), new Uint8Array(40)), 'modified')
    })

    it('what cannot be opened or read is named', () => {
      const nowhere = join(folder, 'nowhere')
      expect(() => openCapture(nowhere)).to.throw(CaptureError, `${nowhere}: ENOENT`)
      expect(() => openCapture(folder)).to.throw(CaptureError, `${folder}: EISDIR`)
    })
  })

  describe('pcapng', () => {
    for (const little of [true, false]) {
      const n = new Numbers(little)
      it(`${little ? 'little' : 'big'} endian: packets, options, and what is passed over`, () => {
        const { packets, ending } = readOf(
          joined(
            n.section([[4, octets('a program')]]),
            n.interface(1, 0),
            new Block(n, 0x0bad, new Uint8Array(300_000)).bytes,
            n.packet(0, 1_700_000_000_123_456n, octets('abcde')),
            new Block(n, 0x0bad, new Uint8Array(0)).bytes,
            n.packet(0, 1_700_000_001_000_000n, octets('ab'), 1500),
          ),
        )
        expect(ending).to.equal(undefined)
        expect(packets).to.deep.equal([
          { number: 1, time: '1700000000.123456000', link: 1, wire: 5, text: 'abcde' },
          { number: 2, time: '1700000001.000000000', link: 1, wire: 1500, text: 'ab' },
        ])
      })
    }

    const n = new Numbers(true)
    const unit = (value: number): Option => [9, [value]]
    const cases: [title: string, options: Option[], ticks: bigint, time: string][] = [
      ['microseconds where nothing is said', [], 3_000_001n, '3.000001000'],
      ['nanoseconds', [unit(9)], 1_700_000_000_123_456_789n, '1700000000.123456789'],
      ['whole seconds', [unit(0)], 7n, '7.000000000'],
      ['picoseconds', [unit(12)], 5_000_000_000_999n, '5.000000000'],
      ['powers of two', [unit(0x80 | 10)], 1024n * 5n + 512n, '5.500000000'],
      ['an offset', [[14, [0, 225, 245, 5, 0, 0, 0, 0]]], 1_000_000n, '100000001.000000000'],
      ['an offset below 0', [[14, [255, 255, 255, 255, 255, 255, 255, 255]]], 5_000_000n, '4.000000000'],
      ['nothing after the end of options', [[1, [65]], unit(3), [0, []], unit(9)], 4500n, '4.500000000'],
    ]
    for (const [title, options, ticks, time] of cases) {
      it(`times: ${title}`, () => {
        const file = joined(n.section(), n.interface(1, 0, options), n.packet(0, ticks, octets('a')))
        expect(readOf(file).packets).to.deep.equal([{ number: 1, time, link: 1, wire: 1, text: 'a' }])
      })
    }

    it('simple packets: as long as the interface keeps of them, and at the time of the one before', () => {
      const file = joined(
        n.section(),
        n.interface(101, 4),
        n.interface(1, 0),
        n.simple(3, octets('abc')),
        n.packet(1, 2_000_000n, octets('xyz')),
        n.simple(9, octets('abcd')),
      )
      expect(readOf(file).packets).to.deep.equal([
        { number: 1, time: '0.000000000', link: 101, wire: 3, text: 'abc' },
        { number: 2, time: '2.000000000', link: 1, wire: 3, text: 'xyz' },
        { number: 3, time: '2.000000000', link: 101, wire: 9, text: 'abcd' },
      ])
    })

    it('several sections, each with its byte order and its interfaces', () => {
      const big = new Numbers(false)
      const file = joined(
        ...[n.section(), n.interface(1, 0), n.interface(113, 0), n.packet(1, 1_000_000n, octets('one'))],
        ...[big.section(), big.interface(101, 0, [unit(9)]), big.packet(0, 2_000_000_000n, octets('two'))],
        ...[n.section(), n.interface(0, 0), n.packet(0, 3_000_000n, octets('three'))],
      )
      expect(readOf(file).packets.map(({ time, link, text }) => [time, link, text])).to.deep.equal([
        ['1.000000000', 113, 'one'],
        ['2.000000000', 101, 'two'],
        ['3.000000000', 0, 'three'],
      ])
      const none = joined(n.section(), n.interface(1, 0), n.section(), n.packet(0, 0n, octets('a')))
      expect(readOf(none)).to.deep.equal({
        packets: [],
        ending: 'damaged at byte 76, after packet 0: a packet of interface 0, expected one of 0',
      })
    })

    it('says so when it is cut, at whatever byte, and reads what is before', () => {
      const packets = ['one', 'two'].map((text) => n.packet(0, 0n, octets(text)))
      const blocks = [n.section(), n.interface(1, 0), ...packets, new Block(n, 0x0bad, octets('passed over')).bytes]
      const bytes = joined(...blocks)
      const ends = blocks.map((_, i) => joined(...blocks.slice(0, i + 1)).length)
      for (let length = 4; length < 12; length++) {
        refused(bytes.subarray(0, length), `begins as pcapng, but a block has ${length} bytes, expected 12 at least`)
      }
      for (let length = 12; length <= bytes.length; length++) {
        const { packets, ending } = readOf(bytes.subarray(0, length))
        expect(packets.length, `${length} bytes`).to.equal([2, 3].filter((i) => ends[i]! <= length).length)
        if (ends.includes(length)) expect(ending).to.equal(undefined)
        else expect(ending, `${length} bytes`).to.match(/^cut short at byte \d+, after packet \d: /)
      }
    })

    it('what makes no sense ends it', () => {
      const section = n.section()
      const order = section.slice()
      order[8] = 0
      const short = section.slice()
      short[4] = 24
      const packet = n.packet(0, 0n, octets('abcd'))
      const long = packet.slice()
      long[20] = 200
      const ended = (message: string, ...blocks: Uint8Array[]) =>
        expect(readOf(joined(...blocks)).ending)
          .to.match(/^damaged at byte \d+, after packet 0: /)
          .and.include(message)
      ended('a section says its byte order is 003c2b1a, expected 1a2b3c4d or 4d3c2b1a', section, order)
      ended('a section says it has 24 bytes, expected 28 at least', section, short)
      ended('says it has 200 bytes, expected 4 at most', section, n.interface(1, 0), long)
      ended('says it has 8 bytes, expected 12 at least', section, n.words(99, 8, 8))
      ended('says it has 16 bytes, expected 20 at least', section, n.words(1, 16, 0, 16))
      ended('expected 327680 at most', section, n.interface(1, 0), n.words(6, 0x7fff_fff0, 0, 0))
      ended('expected an interface before it', section, n.simple(3, octets('abc')))
    })
  })

  describe('what only begins as pcapng', () => {
    const n = new Numbers(true)
    const section = n.section()
    const changed = (at: number, ...bytes: number[]) => {
      const other = section.slice()
      other.set(bytes, at)
      return other
    }

    it('is refused: a text', () => {
      refused(octets('\n\r\r\nhello'), 'begins as pcapng, but a block has 9 bytes, expected 12 at least')
      refused(octets('\n\r\r\nhello, hello, hello'), 'a section says its byte order is 6f2c2068, expected 1a2b3c4d')
    })

    it('is refused: a first section in another order, or of a length that cannot be', () => {
      refused(changed(8, 0), 'a section says its byte order is 003c2b1a')
      refused(changed(4, 24), 'a section says it has 24 bytes, expected 28 at least')
      refused(changed(4, 30), 'a section says it has 30 bytes, expected a multiple of 4')
      refused(changed(4, 0, 0, 0, 1), 'a section says it has 16777216 bytes, expected 327680 at most')
    })

    it('is not refused: one whose first section is damaged behind', () => {
      expect(readOf(changed(24, 32))).to.deep.equal({
        packets: [],
        ending:
          'damaged at byte 0, after packet 0: a section says it has 28 bytes where it begins and 32 where it ends',
      })
    })
  })

  for (const little of [true, false]) {
    describe(`lengths in pcapng, ${little ? 'little' : 'big'} endian`, () => {
      const n = new Numbers(little)
      const packet = (text: string) => n.packet(0, 0n, octets(text))
      const other = new Block(n, 0x0bad, octets('passed over')).bytes
      const large = new Block(n, 0x0bad, new Uint8Array(300_000)).bytes
      const before = [n.section(), n.interface(1, 0), packet('one')]
      const place = joined(...before).length

      /** A block that says it has so many bytes more, at one of its sides. */
      const more = (block: Uint8Array, by: number, side: 'leading' | 'trailing') => {
        const changed = block.slice()
        changed.set(n.words(block.length + by), side === 'leading' ? 4 : block.length - 4)
        return changed
      }

      const blocks: [name: string, type: number, block: Uint8Array][] = [
        ['a packet', 6, packet('two')],
        ['a simple packet', 3, n.simple(3, octets('two'))],
        ['an interface', 1, n.interface(1, 0)],
        ['one that is passed over', 0x0bad, other],
        ['a long one that is passed over', 0x0bad, large],
      ]
      for (const [name, type, block] of blocks) {
        const { length } = block
        const at = `damaged at byte ${place}, after packet 1: a block of type ${type} says it has`
        const endsAs = (block: Uint8Array, message: string) => {
          const { packets, ending } = readOf(joined(...before, block, packet('three')))
          expect(packets.map(({ text }) => text)).to.deep.equal(['one'])
          expect(ending).to.equal(`${at} ${message}`)
        }

        it(`${name}: another one where it ends`, () => {
          endsAs(more(block, 4, 'trailing'), `${length} bytes where it begins and ${length + 4} where it ends`)
          endsAs(more(block, -1, 'trailing'), `${length} bytes where it begins and ${length - 1} where it ends`)
        })

        it(`${name}: no multiple of 4`, () => {
          for (const by of [1, 2, 3])
            endsAs(more(block, by, 'leading'), `${length + by} bytes, expected a multiple of 4`)
        })
      }
    })
  }

  describe('the captures of this repository', () => {
    it('have the same packets, under headers of two kinds', () => {
      const ethernet = readAll(join(captures, 'loopback.pcap'))
      const cooked = readAll(join(captures, 'loopback.pcapng'))
      expect([ethernet.ending, cooked.ending]).to.deep.equal([undefined, undefined])
      expect(ethernet.packets.length).to.equal(212)
      const bare = (packets: Read[], header: number) => packets.map(({ text }) => text.slice(header))
      expect(bare(cooked.packets, 16)).to.deep.equal(bare(ethernet.packets, 14))
      const micros = ({ time }: Read) => Number(time.slice(-9)) / 1000
      for (const [i, packet] of cooked.packets.entries()) {
        expect(micros(packet), packet.time).to.be.closeTo(micros(ethernet.packets[i]!), 2)
      }
    })

    it('are small and tell nothing of the machine', () => {
      for (const name of ['loopback.pcap', 'loopback.pcapng']) {
        const bytes = readFileSync(join(captures, name))
        expect(bytes.length).to.be.below(200_000)
        expect(bytes.toString('latin1')).to.not.match(/\/(home|root|work|tmp|usr)\/|User-Agent|Linux/)
      }
    })
  })

  it(`pieces: what they show is what the file has, SEED=${SEED}`, () => {
    const dice = new Dice(SEED)
    const bytes = Uint8Array.from({ length: 500_000 }, () => dice.below(256))
    writeFileSync(path(), bytes)
    const pieces = new Pieces(path())
    while (pieces.place < bytes.length) {
      const { place } = pieces
      const want = dice.once(10) ? dice.below(150_000) : dice.below(2000)
      const there = pieces.has(want)
      expect(there).to.equal(Math.min(want, bytes.length - place))
      const shown = pieces.bytes.subarray(pieces.at, pieces.at + there)
      expect(Buffer.compare(shown, bytes.subarray(place, place + there)), `at ${place}`).to.equal(0)
      pieces.skip(dice.once(10) ? dice.below(80_000) : dice.below(want + 10))
    }
    expect(pieces.has(1)).to.equal(0)
    pieces.close()
  })
})

function readAll(path: string): { packets: Read[]; ending: string | undefined } {
  const capture = openCapture(path)
  const packets: Read[] = []
  while (capture.next()) {
    const { number, seconds, nanos, link, wire, bytes } = capture.frame
    const text = Buffer.from(bytes).toString('latin1')
    packets.push({ number, time: `${seconds}.${String(nanos).padStart(9, '0')}`, link, wire, text })
  }
  capture.close()
  return { packets, ending: capture.ending }
}
