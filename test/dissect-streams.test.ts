/**
 * dissect-streams: TCP put together from segments in any order, against the bytes that were cut up; and HTTP out of that.
 */
import { expect } from 'chai'
import { openScope, type Scope } from 'vmalloc/scope'
import { Bytes } from '../examples/dissect/bytes.ts'
import { Counts } from '../examples/dissect/counts.ts'
import {
  AGAIN,
  EARLY,
  FLOW,
  Flow,
  flowCounts,
  HANDED,
  LOST,
  MOST_HELD,
  type Receiver,
} from '../examples/dissect/flow.ts'
import { ACK, FIN, ip, octets, RST, SYN, tcp } from '../examples/dissect/make/packets.ts'
import { Memory } from '../examples/dissect/memory.ts'
import { Dice, SEED } from './fixtures/dice.ts'
import { dissected, seenIn } from './fixtures/dissecting.ts'

/** In what is asked: what comes after it is said when the answer has come. */
const THEN = '\x1e'

describe('examples/dissect: streams', () => {
  describe('flow', () => {
    let bench: Bench
    beforeEach(() => void (bench = new Bench()))
    afterEach(() => bench.close())

    it('in order, with SYN and FIN', () => {
      bench.add(100, '', 'S')
      bench.add(101, 'abc')
      bench.add(104, 'def', 'F')
      expect(bench.heard).to.equal('abcdef.')
    })

    it('from the middle on, where the beginning was not captured', () => {
      bench.add(5000, 'abc')
      bench.add(5003, 'd')
      expect(bench.heard).to.equal('abcd')
    })

    it('early ones wait, the end too', () => {
      bench.add(0, '', 'S')
      bench.add(7, 'gh', 'F')
      bench.add(4, 'de')
      expect(bench.heard).to.equal('')
      bench.add(1, 'abc')
      expect(bench.heard).to.equal('abcde')
      bench.add(6, 'f')
      expect(bench.heard).to.equal('abcdefgh.')
      expect(bench.counts(EARLY)).to.equal(2)
    })

    it('of what comes twice, what was handed on first stands', () => {
      bench.add(1, 'abcd')
      bench.add(1, 'XXXX')
      bench.add(3, 'XXef')
      bench.add(0, 'XXXXX')
      bench.add(9, 'ij')
      bench.add(8, 'XX')
      bench.add(9, 'i')
      bench.add(9, 'ijk')
      bench.add(7, 'g')
      expect(bench.heard).to.equal('abcdefgXXjk')
      expect(bench.counts(AGAIN)).to.equal(5)
    })

    it('goes on where sequence numbers begin again at 0', () => {
      bench.add(0xffff_fffd, '', 'S')
      bench.add(1, 'de')
      bench.add(0xffff_fffe, 'ab')
      bench.add(0, 'c')
      bench.add(3, '', 'F')
      expect(bench.heard).to.equal('abcde.')
    })

    it('a SYN may say something', () => {
      bench.add(9, 'abc', 'S')
      bench.add(13, 'd')
      expect(bench.heard).to.equal('abcd')
    })

    it('a segment of which not all was captured', () => {
      bench.add(1, 'abc', '', 10)
      bench.add(11, 'de')
      bench.add(20, 'x', '', 5)
      bench.add(13, 'fghijkl')
      expect(bench.heard).to.equal('abc[7]defghijklx[4]')
      expect([bench.counts(HANDED), bench.counts(LOST)]).to.deep.equal([13, 11])
    })

    it('a gap is given up when too much waits behind it', () => {
      const piece = 'x'.repeat(10_000)
      bench.add(0, '', 'S')
      const pieces = Math.ceil(MOST_HELD / piece.length)
      for (let i = 0; i < pieces - 1; i++) bench.add(101 + i * piece.length, piece)
      expect(bench.heard).to.equal('')
      const full = bench.busyBytes
      for (let i = pieces - 1; i < pieces * 3; i++) bench.add(101 + i * piece.length, piece)
      expect(bench.heard).to.equal(`[100]${piece.repeat(pieces * 3)}`)
      expect(bench.busyBytes).to.be.below(full / 10)
    })

    it('many tiny ones are given up too', () => {
      for (let i = 0; i < 3000; i++) bench.add(10 + 2 * i, i === 0 ? 'a' : 'b')
      expect(bench.heard).to.match(/^a\[1\]b\[1\]b\[1\]/)
    })

    it('what was reset says no more, and holds nothing', () => {
      bench.add(1, 'abc')
      bench.add(10, 'later')
      bench.flow.end(bench)
      bench.add(4, 'def')
      bench.flow.end(bench)
      expect(bench.heard).to.equal('abc.')
      expect(bench.busyBytes).to.equal(bench.least)
    })

    it(`any order, any cuts, some twice: what was said, SEED=${SEED}`, () => {
      const dice = new Dice(SEED)
      for (let round = 0; round < 60; round++) {
        bench.close()
        bench = new Bench()
        const said = Array.from({ length: 1 + dice.below(3000) }, () => String.fromCharCode(97 + dice.below(26))).join(
          '',
        )
        const first = dice.once(2) ? dice.below(2 ** 32) : 2 ** 32 - 1 - dice.below(said.length)
        const segments = cut(said, dice).concat(dice.once(2) ? cut(said, dice) : [])
        const near = 1 + dice.below(60)
        bench.add(first, '', 'S')
        while (segments.length > 0) {
          const [segment] = segments.splice(dice.below(Math.min(near, segments.length)), 1)
          const { at, text } = segment!
          bench.add((first + 1 + at) % 2 ** 32, text, at + text.length === said.length ? 'F' : '')
          if (dice.once(6)) segments.splice(dice.below(segments.length + 1), 0, segment!)
          if (bench.heard === `${said}.`) break
        }
        expect(bench.heard, `round ${round}`).to.equal(`${said}.`)
        expect(bench.busyBytes).to.equal(bench.least)
      }
    })
  })

  describe('conversations', () => {
    const [one, two] = [
      [10, 0, 0, 1],
      [10, 0, 0, 2],
    ]
    const there = (sequence: number, flags: number, text = '') =>
      ip(6, one, two, tcp(2000, 80, sequence, flags, octets(text)))
    const back = (sequence: number, flags: number, text = '') =>
      ip(6, two, one, tcp(80, 2000, sequence, flags, octets(text)))
    const talks = (packets: Uint8Array[]) =>
      dissected(packets, ({ tcp }) => [...tcp.conversations].map(({ packets }) => packets.join()))

    it('a SYN of another number begins another one on the same ports', async () => {
      const first = [there(100, SYN), back(500, SYN | ACK), there(101, FIN | ACK), back(501, FIN | ACK)]
      const second = [there(9000, SYN), back(7000, SYN | ACK), there(9001, ACK)]
      expect(await talks([...first, ...second])).to.deep.equal(['2,2', '2,1'])
    })

    it('the same SYN again does not, nor does the other end’s', async () => {
      expect(await talks([there(100, SYN), there(100, SYN), back(500, SYN | ACK), back(999, SYN | ACK)])).to.deep.equal(
        ['2,2'],
      )
    })

    it('after a reset a new one can begin', async () => {
      const request = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'
      const packets = [there(100, SYN), there(101, ACK, request), back(5, RST | ACK), there(101, ACK, request)]
      packets.push(there(777, SYN), there(778, ACK, request))
      await dissected(packets, ({ tcp, http }) => {
        expect([...tcp.conversations].map(({ packets }) => packets.join())).to.deep.equal(['3,1', '2,0'])
        expect([...http.requests].map(({ asked }) => asked)).to.deep.equal([2])
      })
    })
  })

  describe('HTTP', () => {
    const get = (path: string, method = 'GET') => `${method} ${path} HTTP/1.1\r\nHost: a.test\r\n\r\n`
    const ok = (body: string, head = `Content-Length: ${body.length}`) => `HTTP/1.1 200 OK\r\n${head}\r\n\r\n${body}`
    const chunked = (...parts: string[]) =>
      ok(
        parts.map((part) => `${part.length.toString(16)};x=y\r\n${part}\r\n`).join(''),
        'Transfer-Encoding: gzip, chunked',
      ).concat('0\r\n\r\n')

    const cases: [title: string, asked: string, answered: string, found: string[]][] = [
      ['a length', get('/a'), ok('12345'), ['GET http://a.test/a 1 1 200 5']],
      ['no body', get('/a'), ok(''), ['GET http://a.test/a 1 1 200 0']],
      ['chunks', get('/a'), chunked('abc', 'defghijklmnopqrst', 'u'), ['GET http://a.test/a 1 1 200 21']],
      [
        'trailers',
        get('/a') + get('/b'),
        `${chunked('abc').slice(0, -2)}Expires: never\r\nX: y\r\n\r\n${ok('1')}`,
        ['GET http://a.test/a 1 1 200 3', 'GET http://a.test/b 1 1 200 1'],
      ],
      ['to the end of the stream', get('/a'), ok('all of this', 'Server: x'), ['GET http://a.test/a 1 1 200 11']],
      [
        'HEAD, 204 and 304 have no body, whatever they say',
        get('/a', 'HEAD') + get('/b') + get('/c') + get('/d'),
        `${ok('', 'Content-Length: 500')}HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n${ok('x')}`,
        [
          'HEAD http://a.test/a 1 1 200 0',
          'GET http://a.test/b 1 1 304 0',
          'GET http://a.test/c 1 1 204 0',
          'GET http://a.test/d 1 1 200 1',
        ],
      ],
      [
        'what comes before an answer is none',
        get('/a') + get('/b'),
        `HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n${ok('abc')}${ok('d')}`,
        ['GET http://a.test/a 1 1 200 3', 'GET http://a.test/b 1 1 200 1'],
      ],
      [
        'bodies of requests',
        `POST /a HTTP/1.1\r\nhost:  b.test \r\nContent-length: 4\r\n\r\nGET POST /c HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n\r\n${get('/d')}`,
        ok('x') + ok('xy') + ok('xyz'),
        ['POST http://b.test/a 1 1 200 1', 'POST http:///c 1 1 200 2', 'GET http://a.test/d 1 1 200 3'],
      ],
      [
        'another protocol',
        `${get('/a')}${THEN}\x01\x02\x03${get('/b')}`,
        `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n\x81\x05hello\r\nHTTP/1.1 200 OK\r\n\r\n`,
        ['GET http://a.test/a 1 1 101 0'],
      ],
      [
        'a tunnel',
        `CONNECT b.test:443 HTTP/1.1\r\nHost: b.test\r\n\r\n${THEN}\x16\x03\x01\n`,
        'HTTP/1.1 200 OK\r\n\r\n\x16\x03\x03\n\n',
        ['CONNECT b.test:443 1 1 200 0'],
      ],
      [
        'lines that end with LF alone',
        get('/a').replaceAll('\r', ''),
        ok('abc').replaceAll('\r', ''),
        ['GET http://a.test/a 1 1 200 3'],
      ],
      ['a proxy', get('http://c.test/x'), ok('1'), ['GET http://c.test/x 1 1 200 1']],
      ['an answer that nobody asked for', '', ok('abc'), [' 0 1 200 3']],
      ['the same again', get('/a') + get('/a'), ok('1') + ok('22'), ['GET http://a.test/a 2 2 200 3']],
    ]
    for (const [title, asked, answered, found] of cases) {
      it(`${title}, SEED=${SEED}`, async () => {
        const dice = new Dice(SEED)
        for (const most of [1_000_000, 1, 2, 3, 7, 30]) {
          await dissected(
            spoken(asked, answered, () => (most === 1 ? 1 : 1 + dice.below(most))),
            ({ http }) => {
              const told = [...http.requests].map(
                (one) => `${one.request} ${one.asked} ${one.answered} ${one.status} ${one.bytes}`,
              )
              expect(told, `in pieces of ${most} at most`).to.have.members(found)
              expect(http.counts.get(4)).to.equal(0)
            },
          )
        }
      })
    }

    it('what is no HTTP is left alone, until it is', async () => {
      await dissected(spoken(`${'\x00'.repeat(100)}\n\x01\n`, 'SSH-2.0-x\r\n'), ({ http, tcp }) => {
        expect([...http.requests]).to.deep.equal([])
        expect(http.counts.get(4)).to.equal(2)
        expect(tcp.counts.get(HANDED)).to.equal(114)
      })
      await dissected(spoken('', 'HTTP/1.1 000 None\r\n\r\n'), ({ http }) => {
        expect([...http.requests]).to.deep.equal([])
        expect(http.counts.get(4)).to.equal(1)
      })
      for (const wrong of ['Content-Length: -1', 'Content-Length: 1 2', 'no colon', ': nothing before it']) {
        await dissected(spoken(get('/a'), ok('abc', wrong)), ({ http }) => {
          expect([...http.requests].map(({ asked, answered }) => [asked, answered])).to.deep.equal([[1, 0]])
          expect(http.counts.get(4)).to.equal(1)
        })
      }
      for (const wrong of ['zz\r\nabc', '2\r\nabc\r\n0\r\n\r\n']) {
        await dissected(spoken(get('/a'), ok(wrong, 'Transfer-Encoding: chunked')), ({ http }) =>
          expect(http.counts.get(4), wrong).to.equal(1),
        )
      }
    })

    it('a line without an end is given up', async () => {
      await dissected(spoken(`GET /${'a'.repeat(200_000)}`, ''), ({ http }, { session }) => {
        expect(http.counts.get(4)).to.equal(1)
        expect(session.scope.region.busyBytes).to.be.below(20_000)
      })
    })

    it('bytes that were not captured: in a body they count, elsewhere it begins anew', async () => {
      const whole = spoken(get('/a'), ok('x'.repeat(4000)), () => 1000)
      const cutShort = whole.map((bytes) => ({ bytes: bytes.subarray(0, 500), wire: bytes.length }))
      await dissected(cutShort, ({ http, tcp }) => {
        expect([...http.requests].map(({ answered, bytes }) => [answered, bytes])).to.deep.equal([[1, 4000]])
        expect(tcp.counts.get(LOST)).to.be.above(1000)
      })
      const pieces = [...spoken(get('/a') + get('/b'), ok('abc') + ok('de'), () => 10)]
      const headless = pieces.map((bytes) => ({
        bytes: bytes.subarray(0, Math.max(54, bytes.length - 5)),
        wire: bytes.length,
      }))
      await dissected(headless, ({ http }, file) => {
        expect(http.counts.get(4)).to.equal(2)
        expect([...http.requests]).to.deep.equal([])
        expect(seenIn(file.findings).malformed).to.equal(undefined)
      })
    })

    it('leaves nothing behind in the file scope but what it says', async () => {
      const busy = (times: number) =>
        dissected(
          spoken(get('/a').repeat(times), chunked('abc').repeat(times), () => 13),
          ({ http }, { session }) => {
            expect([...http.requests].map(({ answered }) => answered)).to.deep.equal([times])
            return session.scope.region.stat().busyBlocks
          },
        )
      expect(await busy(200)).to.equal(await busy(2))
    })

    it(`any bytes at all, SEED=${SEED}`, async () => {
      const dice = new Dice(SEED)
      const parts = [
        'GET /a HTTP/1.1\r\n',
        'HTTP/1.1 200 OK\r\n',
        'Host: a\r\n',
        '\r\n',
        '\n',
        '5\r\n',
        '0\r\n',
        'abcde',
        '\x00',
      ]
      parts.push(
        'Transfer-Encoding: chunked\r\n',
        'Content-Length: 5\r\n',
        'HEAD / HTTP/1.0\r\n',
        'HTTP/1.1 101 \r\n',
        '\xff\xc0',
      )
      const text = () =>
        (dice.once(2) ? get('/b') : '') +
        Array.from({ length: dice.below(30) }, () => parts[dice.below(parts.length)]!).join('')
      const packets = Array.from({ length: 150 }, (_, i) =>
        spoken(text(), text(), () => 1 + dice.below(40), 10_000 + i),
      ).flat()
      await dissected(packets, ({ frames, http }) => {
        expect(frames.count).to.equal(packets.length)
        expect(http.counts.get(4)).to.be.above(10)
        expect(http.counts.get(0)).to.be.above(10)
      })
    })
  })
})

/** A flow, and what one hears of it: what is lost in brackets, the end as a dot. */
class Bench implements Receiver {
  heard = ''
  readonly flow: Flow
  /** Bytes that are busy before anything was said. */
  readonly least: number
  private readonly scope: Scope
  private readonly counted: Counts
  private readonly memory: Memory

  constructor() {
    this.scope = openScope('flows', { check: 2 }).enter()
    this.memory = new Memory(this.scope.region)
    this.counted = new Counts(this.scope, this.memory, flowCounts.length)
    this.flow = new Flow(this.scope, this.memory, this.counted, this.scope.allocZeroed(FLOW))
    this.least = this.busyBytes
  }

  get busyBytes(): number {
    return this.scope.region.busyBytes
  }

  counts(which: number): number {
    return this.counted.get(which)
  }

  /** S and F are flags; of `whole` bytes `text` was captured. */
  add(sequence: number, text: string, flags = '', whole = text.length): void {
    const at = this.scope.alloc(Math.max(1, text.length))
    this.memory.u8.set(octets(text), at)
    const bytes = new Bytes(this.memory, at, text.length, whole)
    const [isSyn, isFin] = ['S', 'F'].map((flag) => flags.includes(flag)) as [boolean, boolean]
    this.flow.add({ sequence, isSyn, isFin, bytes }, this)
    this.memory.u8.fill(0x2a, at, at + text.length)
    this.scope.free(at)
  }

  data({ memory, at, length }: Bytes): void {
    this.heard += Buffer.from(memory.u8.subarray(at, at + length)).toString('latin1')
  }

  lost(count: number): void {
    this.heard += `[${count}]`
  }

  end(): void {
    this.heard += '.'
  }

  close(): void {
    this.scope.region.check()
    this.scope.close()
  }
}

/** A text in pieces that overlap here and there. */
function cut(text: string, dice: Dice): { at: number; text: string }[] {
  const pieces: { at: number; text: string }[] = []
  for (let at = 0; at < text.length; ) {
    const size = 1 + dice.below(40)
    const from = Math.max(0, at - dice.below(10))
    pieces.push({ at: from, text: text.slice(from, at + size) })
    at += size
  }
  return pieces
}

/** A conversation on port 80 in which this is asked and that is answered, in pieces of such sizes. */
function spoken(asked: string, answered: string, size = () => 1400, port = 3000): Uint8Array[] {
  const ends = [
    [10, 0, 0, 1],
    [10, 0, 0, 2],
  ] as const
  const ports = [port, 80]
  const packets: Uint8Array[] = []
  const sequences: [number, number] = [0xffff_fff0, 77]
  const say = (side: 0 | 1, flags: number, text = '') => {
    packets.push(
      ip(
        6,
        ends[side],
        ends[side === 0 ? 1 : 0],
        tcp(ports[side]!, ports[1 - side]!, sequences[side], flags, octets(text)),
      ),
    )
    const counts = (flags & (SYN | FIN)) === 0 ? 0 : 1
    sequences[side] = (sequences[side] + text.length + counts) >>> 0
  }
  const pieces = (side: 0 | 1, text: string) => {
    for (let at = 0; at < text.length; ) {
      const bytes = size()
      say(side, ACK, text.slice(at, at + bytes))
      at += bytes
    }
  }
  say(0, SYN)
  say(1, SYN | ACK)
  const [answers, questions] = [answered, asked].map((text) => text.split(THEN))
  for (const [i, question] of questions!.entries()) {
    pieces(0, question)
    pieces(1, answers![i] ?? '')
  }
  say(0, FIN | ACK)
  say(1, FIN | ACK)
  return packets
}
