/**
 * make-capture: a capture of so many packets, as it might be: forty machines talk at once.
 *
 *   node --import ./scripts/ts.mjs examples/dissect/make-capture.ts FILE [PACKETS] [SEED]
 */
import { PcapWriter } from './make/pcap-writer.ts'
import { type Dice, diceOf, names, plain, web } from './make/talk.ts'

const TALKS = 40
const START = 1_700_000_000_000_000_000n

/** Writes a file of pcap; the same one for the same seed. */
export function makeCapture(path: string, packets: number, seed = 1): void {
  const file = new PcapWriter(path)
  for (const { nanos, packet } of madePackets(packets, seed)) file.add(nanos, packet)
  file.close()
}

/** So many packets and when they came, in nanoseconds since 1970. */
export function* madePackets(count: number, seed = 1): Generator<{ nanos: bigint; packet: Uint8Array }> {
  const dice = diceOf(seed)
  const talks = Array.from({ length: TALKS }, (_, i) => talk(i, dice))
  let nanos = START
  for (let left = count; left > 0; left--) {
    nanos += 1000n * BigInt(1 + dice(100))
    yield { nanos, packet: talks[dice(TALKS)]!.next().value }
  }
}

function talk(client: number, dice: Dice): Generator<Uint8Array> {
  if (client % 10 === 0) return plain(client, dice)
  return client % 4 === 0 ? names(client, dice) : web(client, dice)
}

if (process.argv[1] === import.meta.filename) {
  const [, , path, packets = '1000000', seed = '1'] = process.argv
  if (path === undefined || path.startsWith('--')) {
    console.error('usage: make-capture FILE [PACKETS] [SEED]')
    process.exitCode = 2
  } else makeCapture(path, Number(packets), Number(seed))
}
