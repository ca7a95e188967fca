/**
 * dissect-protocols: odd packets of each protocol of examples/dissect, and all that can be wrong with them.
 */
import { join } from 'node:path'
import { expect } from 'chai'
import { addressText } from '../examples/dissect/addresses.ts'
import { openCapture } from '../examples/dissect/capture/capture.ts'
import type { Findings } from '../examples/dissect/dissection.ts'
import {
  ACK,
  dnsAnswer,
  dnsName,
  dnsQuery,
  ethernet,
  ipv4,
  ipv6,
  joined,
  type Octets,
  SYN,
  tcp,
  udp,
  vlan,
} from '../examples/dissect/make/packets.ts'
import { Dice, SEED } from './fixtures/dice.ts'
import { dissected, type Made, seenIn } from './fixtures/dissecting.ts'

const UDP = 17
const TCP = 6
const one = [192, 0, 2, 1]
const two = [192, 0, 2, 2]
const six = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]
const seven = [...six.slice(0, 15), 7]

const datagram = udp(1000, 2000, [1, 2, 3])
const over4 = ipv4(UDP, one, two, datagram)
const over6 = ipv6(UDP, six, seven, datagram)

interface Saw {
  seen: Record<string, number>
  talks: string[]
}

const saw = (findings: Findings): Saw => ({
  seen: seenIn(findings),
  talks: [...findings.udp, ...findings.tcp.conversations].map(
    ({ ends, packets, bytes }) => `${ends[0]} ${packets}, ${bytes} ${ends[1]}`,
  ),
})

/** What one packet is seen as, and what conversations it makes. */
const seeing = (packet: Made | Uint8Array) => dissected([packet], saw)

describe('examples/dissect: protocols', () => {
  describe('link', () => {
    const ways: [title: string, link: number, bytes: Uint8Array, seen: string[]][] = [
      ['Ethernet', 1, ethernet(0x0800, over4), ['Ethernet', 'IPv4']],
      ['Ethernet, IPv6', 1, ethernet(0x86dd, over6), ['Ethernet', 'IPv6']],
      ['a tag', 1, ethernet(0x8100, vlan(5, 0x0800, over4)), ['Ethernet', '802.1Q', 'IPv4']],
      ['two tags', 1, ethernet(0x88a8, vlan(5, 0x8100, vlan(6, 0x86dd, over6))), ['Ethernet', '802.1Q', 'IPv6']],
      ['cooked', 113, joined(new Uint8Array(14), [8, 0], over4), ['Linux cooked', 'IPv4']],
      ['cooked 2', 276, joined([0x86, 0xdd], new Uint8Array(18), over6), ['Linux cooked', 'IPv6']],
      ['raw IPv4', 101, over4, ['IPv4']],
      ['raw IPv6', 12, over6, ['IPv6']],
      ['what says it is IPv4', 228, over4, ['IPv4']],
      ['what says it is IPv6', 229, over6, ['IPv6']],
      ['loopback, little endian', 0, joined([2, 0, 0, 0], over4), ['loopback', 'IPv4']],
      ['loopback, big endian', 0, joined([0, 0, 0, 2], over4), ['loopback', 'IPv4']],
      ['loopback of the network', 108, joined([0, 0, 0, 24], over6), ['loopback', 'IPv6']],
      ...[10, 24, 28, 30].map((family): [string, number, Uint8Array, string[]] => [
        `loopback, IPv6 as ${family}`,
        0,
        joined([family, 0, 0, 0], over6),
        ['loopback', 'IPv6'],
      ]),
    ]
    for (const [title, link, bytes, names] of ways) {
      it(title, async () => {
        const { seen, talks } = await seeing({ bytes, link })
        expect(Object.keys(seen)).to.have.members([...names, 'UDP'])
        const ends = names.includes('IPv4')
          ? ['192.0.2.1:1000', '192.0.2.2:2000']
          : ['2001:db8::1:1000', '2001:db8::7:2000']
        expect(talks).to.deep.equal([`${ends[0]} 1,0, ${bytes.length},0 ${ends[1]}`])
      })
    }

    const others: [title: string, link: number, bytes: Uint8Array, seen: string[]][] = [
      ['ARP', 1, ethernet(0x0806, new Uint8Array(28)), ['Ethernet', 'other than IP']],
      ['802.3, which has a length for a type', 1, ethernet(1500, over4), ['Ethernet', 'other than IP']],
      ['raw, of version 5', 101, joined([0x55], over4), ['other than IP']],
      ['a family that is none of IP', 0, joined([7, 0, 0, 0], over4), ['loopback', 'other than IP']],
      ['a link type that nobody knows', 4711, over4, ['unknown link type']],
      ['nothing', 1, new Uint8Array(0), ['Ethernet', 'malformed']],
    ]
    for (const [title, link, bytes, names] of others) {
      it(title, async () => expect(Object.keys((await seeing({ bytes, link })).seen)).to.have.members(names))
    }
  })

  describe('IP', () => {
    const seen4 = async (bytes: Uint8Array, wire?: number) =>
      Object.keys((await seeing(wire === undefined ? { bytes, link: 101 } : { bytes, link: 101, wire })).seen)
    const changed = (bytes: Uint8Array, at: number, ...to: number[]) => {
      const other = bytes.slice()
      other.set(to, at)
      return other
    }

    it('options are noted, and passed over', async () => {
      const bytes = ipv4(UDP, one, two, datagram, { options: [7, 7, 4, 0, 0, 0, 0, 0] })
      const { seen, talks } = await seeing({ bytes, link: 101 })
      expect(seen).to.deep.equal({ IPv4: 1, 'IP options': 1, UDP: 1 })
      expect(talks).to.have.length(1)
    })

    it('what pads a frame is no payload', async () => {
      const padded = joined(ethernet(0x0800, ipv4(TCP, one, two, tcp(1000, 80, 5, ACK))), new Uint8Array(6))
      await dissected([padded], ({ tcp }) => expect(tcp.counts.get(0)).to.equal(0))
    })

    it('fragments are noted; the first is dissected as far as it goes', async () => {
      const long = udp(1000, 2000, new Uint8Array(100))
      const parts = [
        ipv4(UDP, one, two, long.subarray(0, 56), { more: true }),
        ipv4(UDP, one, two, long.subarray(56, 80), { more: true, place: 7 }),
        ipv4(UDP, one, two, long.subarray(80), { place: 10 }),
      ].map((bytes) => ({ bytes, link: 101 }))
      expect(await dissected(parts, saw)).to.deep.equal({
        seen: { IPv4: 3, fragment: 3, UDP: 1 },
        talks: ['192.0.2.1:1000 1,0, 76,0 192.0.2.2:2000'],
      })
    })

    it('IPv6 goes through its extension headers', async () => {
      const header = (next: number, length: number, bytes: number) => [next, length, ...new Uint8Array(bytes - 2)]
      const chain = joined(
        header(43, 0, 8),
        header(60, 1, 16),
        header(51, 0, 8),
        header(135, 4, 24),
        header(UDP, 0, 8),
        datagram,
      )
      const { seen, talks } = await seeing({ bytes: ipv6(0, six, seven, chain), link: 101 })
      expect(seen).to.deep.equal({ IPv6: 1, 'IP options': 1, UDP: 1 })
      expect(talks).to.have.length(1)
    })

    it('IPv6 fragments', async () => {
      const fragment = (next: number, place: number, more: number) => [
        next,
        0,
        place >> 5,
        ((place & 31) << 3) | more,
        0,
        0,
        0,
        1,
      ]
      const long = udp(1000, 2000, new Uint8Array(100))
      const parts = [
        ipv6(44, six, seven, joined(fragment(UDP, 0, 1), long.subarray(0, 80))),
        ipv6(44, six, seven, joined(fragment(UDP, 10, 0), long.subarray(80))),
      ].map((bytes) => ({ bytes, link: 101 }))
      const { seen, talks } = await dissected(parts, saw)
      expect(seen).to.include({ IPv6: 2, fragment: 2, UDP: 1 })
      expect(talks).to.have.length(1)
      const whole = ipv6(44, six, seven, joined(fragment(UDP, 0, 0), datagram))
      expect(await seen4(whole)).to.have.members(['IPv6', 'IP options', 'UDP'])
    })

    it('a length of 0 is all that there is, as a network card gets it', async () => {
      expect(await seen4(changed(over4, 2, 0, 0))).to.have.members(['IPv4', 'UDP'])
      expect(await seen4(changed(over6, 4, 0, 0))).to.have.members(['IPv6', 'UDP'])
    })

    it('what makes no sense is malformed', async () => {
      expect(await seen4(changed(over4, 0, 0x44))).to.have.members(['IPv4', 'malformed'])
      expect(await seen4(changed(over4, 0, 0x4f))).to.have.members(['IPv4', 'malformed'])
      expect(await seen4(changed(over4, 2, 0, 19))).to.have.members(['IPv4', 'malformed'])
      expect(await seen4(ethernet(0x0800, over6).subarray(14))).to.have.members(['IPv6', 'UDP'])
      const wrong = Object.keys((await seeing(ethernet(0x0800, over6))).seen)
      expect(wrong).to.have.members(['Ethernet', 'IPv4', 'malformed'])
    })

    it('a header that promises more than there is is noted', async () => {
      expect(await seen4(changed(over4, 2, 1, 0))).to.have.members(['IPv4', 'UDP', 'shorter than its IP length'])
    })

    it('a protocol that nobody knows', async () => {
      expect(await seen4(ipv4(1, one, two, [8, 0, 0, 0]))).to.have.members(['IPv4', 'unknown over IP'])
      expect(await seen4(ipv6(59, six, seven, []))).to.have.members(['IPv6', 'unknown over IP'])
    })
  })

  describe('UDP and TCP', () => {
    const seen = async (protocol: number, payload: Octets) =>
      Object.keys((await seeing({ bytes: ipv4(protocol, one, two, payload), link: 101 })).seen)

    it('lengths that cannot be', async () => {
      const short = datagram.slice()
      short[5] = 7
      const long = datagram.slice()
      long[5] = 12
      expect(await seen(UDP, short)).to.include('malformed')
      expect(await seen(UDP, long)).to.include('malformed')
      expect(await seen(UDP, datagram.subarray(0, 7))).to.include('malformed')
      const header = tcp(1, 2, 3, SYN)
      header[12] = 0x40
      expect(await seen(TCP, header)).to.include('malformed')
      header[12] = 0xf0
      expect(await seen(TCP, header)).to.include('malformed')
    })

    it('both directions are one conversation, told by who spoke first', async () => {
      const there = { bytes: ipv4(UDP, one, two, udp(1000, 2000, [])), link: 101 }
      const back = { bytes: ipv4(UDP, two, one, udp(2000, 1000, [1])), link: 101 }
      expect((await dissected([there, back, there], saw)).talks).to.deep.equal([
        '192.0.2.1:1000 2,1, 56,29 192.0.2.2:2000',
      ])
      expect((await dissected([back, there, there], saw)).talks).to.deep.equal([
        '192.0.2.2:2000 1,2, 29,56 192.0.2.1:1000',
      ])
    })

    it('addresses and ports each make it another one', async () => {
      const packets = [
        ...[
          ipv4(UDP, one, two, udp(7, 7, [])),
          ipv4(UDP, two, one, udp(7, 7, [1])),
          ipv4(UDP, one, one, udp(7, 7, [])),
        ],
        ...[
          ipv4(UDP, one, two, udp(7, 8, [])),
          ipv4(UDP, one, two, udp(8, 7, [])),
          ipv6(UDP, six, seven, udp(7, 7, [])),
        ],
      ].map((bytes) => ({ bytes, link: 101 }))
      expect((await dissected(packets, saw)).talks).to.deep.equal([
        '192.0.2.1:7 1,1, 28,29 192.0.2.2:7',
        '192.0.2.1:7 1,0, 28,0 192.0.2.1:7',
        '192.0.2.1:7 1,0, 28,0 192.0.2.2:8',
        '192.0.2.1:8 1,0, 28,0 192.0.2.2:7',
        '2001:db8::1:7 1,0, 48,0 2001:db8::7:7',
      ])
    })

    it('times are those since the first packet', async () => {
      const bytes = ipv4(UDP, one, two, datagram)
      const packets = [
        { bytes: ipv4(1, one, two, []), link: 101, micros: 999_999 },
        { bytes, link: 101, micros: 1_000_001 },
        { bytes, link: 101, micros: 3_500_002 },
      ]
      await dissected(packets, ({ udp }) => {
        const [talk] = [...udp]
        expect(talk!.start).to.be.closeTo(0.000002, 1e-12)
        expect(talk!.duration).to.be.closeTo(2.500001, 1e-12)
      })
    })
  })

  describe('DNS', () => {
    const asking = (message: Octets, isAnswer = false) =>
      dissected(
        [{ bytes: ipv4(UDP, one, two, isAnswer ? udp(53, 999, message) : udp(999, 53, message)), link: 101 }],
        (findings) => ({
          seen: Object.keys(seenIn(findings)),
          names: [...findings.names].map(
            ({ question, asked, answered, said }) => `${question} ${asked} ${answered} ${said}`,
          ),
        }),
      )
    const names = async (message: Octets, isAnswer = false) => {
      const { seen, names } = await asking(message, isAnswer)
      expect(seen).to.not.include('malformed')
      return names
    }
    const header = (questions: number, answers: number, flags = 0) => [
      0,
      1,
      flags,
      0,
      0,
      questions,
      0,
      answers,
      0,
      0,
      0,
      0,
    ]
    const isMalformed = async (message: Octets, isAnswer = false) =>
      expect((await asking(message, isAnswer)).seen).to.include('malformed')

    it('questions of each kind', async () => {
      const types = {
        1: 'A',
        2: 'NS',
        5: 'CNAME',
        6: 'SOA',
        12: 'PTR',
        15: 'MX',
        16: 'TXT',
        28: 'AAAA',
        33: 'SRV',
        999: 'type 999',
      }
      for (const [type, name] of Object.entries(types)) {
        expect(await names(dnsQuery(1, 'a.test', Number(type)))).to.deep.equal([`${name} a.test 1 0 `])
      }
    })

    const answers: [type: number, data: number[], said: string][] = [
      [1, [192, 0, 2, 9], '192.0.2.9'],
      [28, six, '2001:db8::1'],
      [5, dnsName('b.test'), 'CNAME b.test'],
      [2, [1, 0x6e, 0xc0, 12], 'NS n.a.test'],
      [12, [0xc0, 12], 'PTR a.test'],
      [15, [1, 2, ...dnsName('mail.test')], 'MX 258 mail.test'],
      [33, [0, 0, 0, 0, 0x1f, 0x90, ...dnsName('s.test')], 'SRV s.test:8080'],
      [16, [3, 97, 32, 98, 0, 2, 1, 255], 'TXT a b  \\x01\\xff'],
      [6, [...dnsName('ns.test'), ...dnsName('root.test'), ...new Uint8Array(20)], 'SOA ns.test'],
      [2, [0], 'NS <root>'],
      [999, [1, 2, 3], 'type 999 of 3 bytes'],
    ]
    for (const [type, data, said] of answers) {
      it(`says ${said}`, async () => {
        const [found] = await names(dnsAnswer(7, 'a.test', type, data), true)
        expect(found!.split(' ').slice(-said.split(' ').length).join(' ')).to.equal(said)
        expect(found).to.match(/ a\.test 0 1 /)
      })
    }

    it('several answers, and failures', async () => {
      const name = [...dnsName('a.test'), 0, 1, 0, 1]
      const record = (n: number) => [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 10, 0, 0, n]
      expect(await names([...header(1, 2, 0x80), ...name, ...record(1), ...record(2)], true)).to.deep.equal([
        'A a.test 0 1 10.0.0.1, 10.0.0.2',
      ])
      const failed = (code: number) => [0, 1, 0x80, code, 0, 1, 0, 0, 0, 0, 0, 0, ...name]
      expect(await names(failed(3), true)).to.deep.equal(['A a.test 0 1 no such name'])
      expect(await names(failed(9), true)).to.deep.equal(['A a.test 0 1 failure 9'])
    })

    it('the last answer stands, and the one before is freed', async () => {
      const answer = (n: number) => ({
        bytes: ipv4(UDP, one, two, udp(53, 999, dnsAnswer(7, 'a.test', 1, [10, 0, 0, n]))),
        link: 101,
      })
      const busy = (count: number) =>
        dissected(
          Array.from({ length: count }, (_, i) => answer(i)),
          ({ names }, { session }) => ({
            said: [...names].map(({ answered, said }) => `${answered} ${said}`),
            blocks: session.scope.region.stat().busyBlocks,
          }),
        )
      const [few, many] = [await busy(2), await busy(200)]
      expect(many.said).to.deep.equal(['200 10.0.0.199'])
      expect(many.blocks).to.equal(few.blocks)
    })

    it('a name of 255 bytes, and none above', async () => {
      const label = (n: number) => [n, ...new Uint8Array(n).fill(97)]
      const long = [...label(63), ...label(63), ...label(63), ...label(61), 0]
      expect(await names([...header(1, 0), ...long, 0, 1, 0, 1])).to.have.length(1)
      await isMalformed([...header(1, 0), ...label(63), ...label(63), ...label(63), ...label(63), 0, 0, 1, 0, 1])
    })

    it('pointers that go round, ahead, or out are refused', async () => {
      const end = [0, 1, 0, 1]
      await isMalformed([...header(1, 0), 0xc0, 12, ...end])
      await isMalformed([...header(1, 0), 1, 97, 0xc0, 12, ...end])
      await isMalformed([...header(1, 0), 0xc0, 20, ...end, 1, 97, 0])
      await isMalformed([...header(1, 0), 0xff, 0xff, ...end])
      await isMalformed([...header(2, 0), 0xc0, 18, ...end, 0xc0, 12, ...end])
      await isMalformed([...header(1, 0), 0x80, 1, 97, 0, ...end])
    })

    it('a long way back is no circle', async () => {
      const first = [...dnsName('a.test'), 0, 1, 0, 1]
      const start = 12 + first.length + 11
      const places = Array.from({ length: 200 }, (_, i) => (i === 0 ? 12 : start + 2 * (i - 1)))
      const pointers = [...places, start + 2 * 199].map((place) => [0xc0 | (place >> 8), place & 0xff])
      const chain = [0, 3, 231, 0, 1, 0, 0, 0, 0, 1, 144, ...pointers.slice(0, -1).flat()]
      const last = [...pointers.at(-1)!, 0, 5, 0, 1, 0, 0, 0, 0, 0, 2, ...pointers.at(-1)!]
      expect(await names([...header(1, 2, 0x80), ...first, ...chain, ...last], true)).to.deep.equal([
        'A a.test 0 1 type 999 of 400 bytes, CNAME a.test',
      ])
    })

    it('records that say they are longer, or of another length than they can be', async () => {
      await isMalformed([...header(1, 0), ...dnsName('a'), 0, 1])
      await isMalformed(dnsAnswer(7, 'a', 1, [1, 2, 3]), true)
      await isMalformed(dnsAnswer(7, 'a', 28, [1, 2, 3, 4]), true)
      await isMalformed(dnsAnswer(7, 'a', 16, [9, 97]), true)
      await isMalformed([...header(1, 9, 0x80), ...dnsName('a'), 0, 1, 0, 1], true)
      await isMalformed([...header(200, 0)])
    })
  })

  describe('addresses', () => {
    const written: [groups: number[], text: string][] = [
      [[0, 0, 0, 0, 0, 0, 0, 0], '::'],
      [[0, 0, 0, 0, 0, 0, 0, 1], '::1'],
      [[1, 0, 0, 0, 0, 0, 0, 0], '1::'],
      [[0x2001, 0xdb8, 0, 0, 1, 0, 0, 1], '2001:db8::1:0:0:1'],
      [[0x2001, 0xdb8, 0, 1, 1, 1, 1, 1], '2001:db8:0:1:1:1:1:1'],
      [[0x2001, 0, 0, 1, 0, 0, 0, 1], '2001:0:0:1::1'],
      [[1, 2, 3, 4, 5, 6, 7, 0xabcd], '1:2:3:4:5:6:7:abcd'],
    ]
    for (const [groups, text] of written) {
      it(text, () =>
        expect(addressText(Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 0xff])))).to.equal(text),
      )
    }
  })

  describe('what is broken is counted, and nothing worse', () => {
    const capture = openCapture(join(import.meta.dirname, 'fixtures/captures/loopback.pcap'))
    const packets: Uint8Array[] = []
    while (capture.next()) packets.push(capture.frame.bytes.slice())
    capture.close()
    const short = packets.filter(({ length }, i) => length < 300 && i % 3 === 0)

    it('every packet of the real capture, cut at every byte by the one who captured', async () => {
      const cuts = short.flatMap((bytes) =>
        Array.from({ length: bytes.length }, (_, i) => ({ bytes: bytes.subarray(0, i), wire: bytes.length })),
      )
      await dissected(cuts, (findings) => {
        const seen = seenIn(findings)
        expect(seen.malformed).to.equal(undefined)
        // Headers of 14 bytes, 20 or 40, and 8 or 20 can be cut anywhere.
        expect(seen['cut short when captured']).to.be.above(short.length * 42)
        expect(findings.frames.count).to.equal(cuts.length)
      })
    })

    it('every packet of the real capture, cut at every byte by the one who sent it', async () => {
      const cuts = short.flatMap((bytes) => Array.from({ length: bytes.length }, (_, i) => bytes.subarray(0, i)))
      await dissected(cuts, (findings) => {
        const seen = seenIn(findings)
        expect(seen['cut short when captured']).to.equal(undefined)
        expect(seen.malformed).to.be.above(short.length * 42)
        expect(seen.malformed! + seen['shorter than its IP length']!).to.be.at.least(cuts.length)
      })
    })

    it(`bytes of random packets changed, SEED=${SEED}`, async () => {
      const dice = new Dice(SEED)
      const wrong = Array.from({ length: 8000 }, () => {
        const bytes = short[dice.below(short.length)]!.slice()
        for (let left = 1 + dice.below(4); left > 0; left--) bytes[dice.below(bytes.length)] = dice.below(256)
        return bytes
      })
      await dissected(wrong, (findings) => {
        expect(findings.frames.count).to.equal(wrong.length)
        expect(seenIn(findings).malformed).to.be.above(100)
      })
    })

    it(`random bytes under every link type, SEED=${SEED}`, async () => {
      const dice = new Dice(SEED)
      const links = [0, 1, 12, 101, 108, 113, 228, 229, 276]
      const heads = [[0x45, 0, 0], [0x60, 0, 0], []]
      const wrong = Array.from({ length: 8000 }, () => ({
        bytes: joined(
          heads[dice.below(3)]!,
          Uint8Array.from({ length: dice.below(120) }, () => dice.below(256)),
        ),
        link: links[dice.below(links.length)]!,
      }))
      await dissected(wrong, ({ frames }) => expect(frames.count).to.equal(wrong.length))
    })

    it(`random messages of DNS, SEED=${SEED}`, async () => {
      const dice = new Dice(SEED)
      const byte = () => [0xc0, 12, 0, 1, 3, 97, dice.below(256)][dice.below(7)]!
      const wrong = Array.from({ length: 4000 }, () => {
        const body = Array.from({ length: dice.below(80) }, byte)
        const head = [0, 1, dice.below(2) * 0x80, 0, 0, dice.below(4), 0, dice.below(4), 0, 0, 0, 0]
        return { bytes: ipv4(UDP, one, two, udp(999, 53, [...head, ...body])), link: 101 }
      })
      await dissected(wrong, (findings) => expect(seenIn(findings)).to.include({ DNS: wrong.length }))
    })
  })
})
