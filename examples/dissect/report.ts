/**
 * report: what was found in a file, as text. The tables of conversations have the figures of `tshark -q -z conv,tcp` and
 * `conv,udp`, in their order: the most packets first.
 */
import type { Conversations, Told } from './conversations.ts'
import type { OpenFile } from './dissection.ts'
import { flowCounts } from './flow.ts'
import { httpCounts } from './http-side.ts'

const SHORT = 20

export function report(file: OpenFile): string {
  const { tcp, udp, http } = file.findings
  const { format, ending } = file.session.source
  const name = file.path.split(/[\\/]/).at(-1)
  return [
    `${name}: ${format}${ending === undefined ? '' : `, ${ending}`}`,
    '',
    ...protocols(file),
    ...table('TCP', tcp.conversations),
    ...table('UDP', udp),
    ...counted('Streams', flowCounts, (i) => tcp.counts.get(i)),
    ...dns(file),
    ...web(file),
    ...counted('HTTP', httpCounts, (i) => http.counts.get(i)),
  ].join('\n')
}

function protocols({ findings: { frames, protocols } }: OpenFile): string[] {
  const lines = protocols.map((name, i) => [name, frames.seen.get(i)] as const).filter(([, count]) => count > 0)
  return [row('packets', frames.count), ...lines.map(([name, count]) => row(name, count)), '']
}

/** The conversations, as lines of a table. */
export function table(protocol: string, conversations: Conversations): string[] {
  const told = [...conversations].sort((a, b) => packetsOf(b) - packetsOf(a))
  const left = Math.max(20, ...told.map(({ ends }) => ends[0].length))
  const right = Math.max(20, ...told.map(({ ends }) => ends[1].length))
  const heads = `${'<- packets, bytes'.padStart(20)}${'-> packets, bytes'.padStart(20)}${'all'.padStart(20)}`
  return [
    `${`${protocol} conversations: ${told.length}`.padEnd(left + right + 5)}${heads}${'start'.padStart(17)}${'duration'.padStart(12)}`,
    ...told.map((one) => `${one.ends[0].padEnd(left)} <-> ${one.ends[1].padEnd(right)}${figures(one)}`),
    '',
  ]
}

function figures({ packets, bytes, start, duration }: Told): string {
  const pair = (count: number, size: number): string => `${String(count).padStart(8)}${String(size).padStart(12)}`
  return [
    pair(packets[1], bytes[1]),
    pair(packets[0], bytes[0]),
    pair(packets[0] + packets[1], bytes[0] + bytes[1]),
    start.toFixed(9).padStart(17),
    duration.toFixed(4).padStart(12),
  ].join('')
}

function packetsOf({ packets }: Told): number {
  return packets[0] + packets[1]
}

function dns({ findings: { names } }: OpenFile): string[] {
  const told = [...names].sort((a, b) => b.asked - a.asked || (a.question < b.question ? -1 : 1))
  const lines = told.map(({ question, asked, answered, said }) => `${counts(asked, answered)}${question}  ${said}`)
  return list('Names', 'asked answered', lines)
}

function web({ findings: { http } }: OpenFile): string[] {
  const told = [...http.requests].sort((a, b) => b.asked - a.asked || (a.request < b.request ? -1 : 1))
  const lines = told.map(
    ({ request, asked, answered, status, bytes }) =>
      `${counts(asked, answered)}${request === '' ? '(not captured)' : request}  ${status === 0 ? '' : `${status}, ${bytes} bytes`}`,
  )
  return list('Requests', 'asked answered', lines)
}

function counts(asked: number, answered: number): string {
  return `${String(asked).padStart(7)}${String(answered).padStart(9)}  `
}

function list(title: string, heads: string, lines: string[]): string[] {
  if (lines.length === 0) return []
  const more = lines.length > SHORT ? [`  and ${lines.length - SHORT} more`] : []
  return [
    `${title}: ${lines.length}`,
    `  ${heads}`,
    ...lines.slice(0, SHORT).map((line) => line.trimEnd()),
    ...more,
    '',
  ]
}

function counted(title: string, names: readonly string[], get: (i: number) => number): string[] {
  return [title, ...names.map((name, i) => row(name, get(i))), '']
}

function row(name: string, count: number): string {
  return `  ${name.padEnd(26)}${String(count).padStart(12)}`
}
