/**
 * A dissector of captured packets. Who talked to whom, which names were asked for, which pages were fetched.
 *
 *   node --import ./scripts/ts.mjs examples/dissect.ts FILE...             pcap or pcapng, several at once
 *   node --import ./scripts/ts.mjs examples/dissect.ts --reload FILE...    reads each a second time, from the beginning
 *
 *   node --import ./scripts/ts.mjs examples/dissect/make-capture.ts /tmp/million.pcap 1000000
 *
 * What is known of a packet goes with the packet, what is known of a file with the file: each has a scope, and nothing is
 * freed one by one. So reading a million packets takes as much packet memory as reading a thousand, and that is told.
 *
 *   dissect/dissection.ts     the scopes, and how files are read: begin here
 *   dissect/protocols.ts      how protocols register, and what they keep of each file
 *   dissect/frames.ts link.ts ip.ts udp.ts tcp.ts dns.ts http.ts       one protocol each, from below
 *   dissect/flow.ts http-side.ts dns-reader.ts                         what these need to do it
 *   dissect/conversations.ts names.ts requests.ts counts.ts            what is kept, in file scope
 *   dissect/bytes.ts memory.ts packet.ts                               what is dissected, in packet scope
 *   dissect/capture/          the files
 *   dissect/report.ts         what is printed
 *   dissect/telling.ts        a file from beginning to end, whatever goes wrong with it
 */
import { Dissection } from './dissect/dissection.ts'
import { tell } from './dissect/telling.ts'

const USAGE = `usage: dissect [--reload] FILE...

  FILE       a capture: pcap or pcapng
  --reload   reads each file a second time, from the beginning
  --help     tells this

Exit code: 0, 1 when something is wrong with a file (the others are told, and what came before), 2 for wrong use.`

process.exitCode = await main(process.argv.slice(2))

async function main(words: string[]): Promise<number> {
  const flags = words.filter((word) => word.startsWith('--'))
  const paths = words.filter((word) => !word.startsWith('--'))
  if (flags.includes('--help')) {
    console.log(USAGE)
    return 0
  }
  const unknown = flags.find((flag) => flag !== '--reload')
  if (unknown !== undefined) return misused(`${unknown}: no such flag`)
  return paths.length === 0 ? misused('no file is named') : run(paths, flags.includes('--reload'))
}

function misused(how: string): number {
  console.error(`dissect: ${how}\n\n${USAGE}`)
  return 2
}

async function run(paths: string[], isReload: boolean): Promise<number> {
  using dissection = new Dissection()
  const told = await Promise.all(paths.map((path) => tell(dissection, path, isReload)))
  for (const { report, fault } of told) {
    if (report !== undefined) console.log(report)
    if (fault !== undefined) console.error(fault)
  }
  return told.some(({ fault }) => fault !== undefined) ? 1 : 0
}
