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
 */
import { Dissection, type OpenFile } from './dissect/dissection.ts'
import { report } from './dissect/report.ts'

const words = process.argv.slice(2)
const isReload = words.includes('--reload')
const paths = words.filter((word) => word !== '--reload')

if (paths.length === 0) {
  console.error('usage: dissect [--reload] FILE...')
  process.exitCode = 2
} else process.exitCode = await run(paths)

async function run(paths: string[]): Promise<number> {
  using dissection = new Dissection()
  const files = paths.map((path) => opened(dissection, path)).filter((file) => file !== undefined)
  const extents = await Promise.all(files.map(read))
  for (const [i, file] of files.entries()) {
    if (isReload) await file.reload()
    console.log(report(file))
    console.log(`${extents[i]}\n`)
  }
  return files.length === paths.length ? 0 : 1
}

function opened(dissection: Dissection, path: string): OpenFile | undefined {
  try {
    return dissection.open(path)
  } catch (error) {
    console.error(error instanceof Error ? error.message : error)
    return undefined
  }
}

/** Reads a file, and tells how much memory the packet scope held after the first turn and at the end. */
async function read(file: OpenFile): Promise<string> {
  let first = 0
  const { frames } = file.findings
  await file.read(() => void (first ||= frames.extent))
  const { count, extent } = file.findings.frames
  const after = first === 0 ? '' : `${first.toLocaleString('en-US')} after 1,000 packets, `
  return `packet scope: bytes held ${after}${extent.toLocaleString('en-US')} after ${count.toLocaleString('en-US')}`
}
