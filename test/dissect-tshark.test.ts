/**
 * dissect-tshark: the figures of examples/dissect beside those of tshark, where that is installed. Otherwise these tests
 * are pending, and the stored tables of dissect.test.ts, which were compared in this way, stand for them.
 *
 * Two settings are not tshark's own: fragments are not put together, and segments that come in another order are.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import type { Conversations, Told } from '../examples/dissect/conversations.ts'
import { Dissection, type OpenFile } from '../examples/dissect/dissection.ts'
import { ACK, FIN } from '../examples/dissect/make/packets.ts'
import { PcapWriter } from '../examples/dissect/make/pcap-writer.ts'
import { diceOf, names, web } from '../examples/dissect/make/talk.ts'

const SETTINGS = ['-o', 'ip.defragment:FALSE', '-o', 'tcp.reassemble_out_of_order:TRUE']
const FIELDS = ['tcp.stream', 'udp.stream', 'frame.len', 'http.request.method', 'http.request.full_uri']
FIELDS.push('http.response.code', 'http.chunk_size', 'dns.flags.response', 'dns.qry.name')

const captures = join(import.meta.dirname, 'fixtures/captures')
const isInstalled = spawnSync('tshark', ['--version']).status === 0

describe(`examples/dissect as tshark says it${isInstalled ? '' : ' (which is not installed)'}`, function () {
  this.timeout(120_000)
  let folder: string
  before(function () {
    if (!isInstalled) this.skip()
    folder = mkdtempSync(join(tmpdir(), 'tshark-'))
  })
  after(() => {
    if (isInstalled) rmSync(folder, { recursive: true })
  })

  const sources: [name: string, path: () => string][] = [
    ['loopback.pcap', () => join(captures, 'loopback.pcap')],
    ['loopback.pcapng', () => join(captures, 'loopback.pcapng')],
    ['a made one, in which segments come twice and in another order', () => wholeTalks(join(folder, 'made.pcap'), 150)],
  ]
  for (const [name, path] of sources) {
    describe(name, () => {
      let dissection: Dissection
      let file: OpenFile
      let fields: Map<string, string[]>
      before(async () => {
        dissection = new Dissection()
        file = dissection.open(path())
        await file.read()
        fields = fieldsOf(file.path)
      })
      after(() => dissection?.end())

      /** All values of a field; a packet may have several. */
      const all = (field: string) => fields.get(field)!.flatMap((value) => (value === '' ? [] : value.split(',')))

      it('conversations', () => {
        const { tcp, udp } = file.findings
        const text = tshark(file.path, '-q', '-z', 'conv,udp', '-z', 'conv,tcp')
        const theirs = [...text.matchAll(LINE)].map(([, ...words]) => words.join(' '))
        const ours = [...toldAs(tcp.conversations), ...toldAs(udp)]
        expect(ours.length).to.be.above(10)
        expect(ours.sort()).to.deep.equal(theirs.sort())
      })

      it('bytes of each conversation', () => {
        const { tcp, udp } = file.findings
        for (const [kind, talks] of [
          ['tcp', tcp.conversations],
          ['udp', udp],
        ] as const) {
          const sums = new Map<string, number>()
          for (const [i, stream] of fields.get(`${kind}.stream`)!.entries()) {
            if (stream !== '') sums.set(stream, (sums.get(stream) ?? 0) + Number(fields.get('frame.len')![i]))
          }
          expect([...talks].map(({ bytes }) => sum(bytes))).to.deep.equal([...sums.values()])
        }
      })

      it('requests and answers of HTTP', () => {
        const { counts, requests } = file.findings.http
        expect(counts.get(0)).to.equal(all('http.request.method').length)
        expect(counts.get(1)).to.equal(all('http.response.code').length)
        expect(counts.get(2)).to.equal(all('http.chunk_size').length)
        const asked = [...requests].flatMap(({ request, asked }) => Array<string>(asked).fill(request.split(' ')[1]!))
        expect(asked.sort()).to.deep.equal(all('http.request.full_uri').sort())
      })

      it('names that are asked for and answered', () => {
        for (const [which, flag] of [
          ['asked', /^(0|False)$/],
          ['answered', /^(1|True)$/],
        ] as const) {
          const ours = [...file.findings.names].flatMap((one) =>
            Array<string>(one[which]).fill(one.question.split(' ')[1]!),
          )
          const theirs = fields.get('dns.qry.name')!.filter((_, i) => flag.test(fields.get('dns.flags.response')![i]!))
          expect(ours.length).to.be.above(10)
          expect(ours.sort()).to.deep.equal(theirs.sort())
        }
      })
    })
  }
})

/** A capture of so many conversations of the web, each to its end, with a question of DNS after each. */
function wholeTalks(path: string, count: number): string {
  const dice = diceOf(7)
  const [pages, questions] = [web(1, dice), names(2, dice)]
  const file = new PcapWriter(path)
  let nanos = 1_700_000_000_000_000_000n
  const add = (packet: Uint8Array) => file.add((nanos += 1_234_567n), packet)
  for (let left = count * 2; left > 0; ) {
    const packet = pages.next().value
    add(packet)
    if (flagsOf(packet) !== (FIN | ACK)) continue
    left--
    if (left % 2 === 0) add(questions.next().value)
  }
  file.close()
  return path
}

/** The flags of a TCP segment over Ethernet and IP without options. */
function flagsOf(packet: Uint8Array): number {
  return packet[14 + (packet[14]! >> 4 === 4 ? 20 : 40) + 13]!
}

/** What tshark says of each packet, by the names of the fields. */
function fieldsOf(path: string): Map<string, string[]> {
  const text = tshark(path, '-T', 'fields', ...FIELDS.flatMap((field) => ['-e', field]))
  const rows = text
    .replace(/\n$/, '')
    .split('\n')
    .map((line) => line.split('\t'))
  return new Map(FIELDS.map((field, i) => [field, rows.map((row) => row[i] ?? '')]))
}

function tshark(path: string, ...words: string[]): string {
  const { stdout, stderr, status } = spawnSync('tshark', [...SETTINGS, '-r', path, ...words], { maxBuffer: 2 ** 26 })
  expect(status, String(stderr)).to.equal(0)
  return String(stdout)
}

/** A line of its table of conversations. */
const LINE = /^(\S+)\s+<-> (\S+)\s+(\d+) (\d+ \w+)\s+(\d+) (\d+ \w+)\s+(\d+) (\d+ \w+)\s+([\d.]+)\s+([\d.]+)\s*$/gm

function toldAs(talks: Conversations): string[] {
  return [...talks].map(({ ends, packets, bytes, start, duration }: Told) => {
    const figures = [packets[1], size(bytes[1]), packets[0], size(bytes[0]), sum(packets), size(sum(bytes))]
    return [...ends, ...figures, start.toFixed(9), duration.toFixed(4)].join(' ')
  })
}

/** As it rounds them. */
function size(bytes: number): string {
  if (bytes < 10_000) return `${bytes} bytes`
  return bytes < 10_000_000 ? `${Math.floor(bytes / 1000)} kB` : `${Math.floor(bytes / 1e6)} MB`
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((a, b) => a + b, 0)
}
