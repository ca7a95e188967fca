/**
 * dns: names that are asked for, and answers to them.
 *
 *   +0   +2      +4          +6        +8          +10          +12
 *   | id | FLAGS | QUESTIONS | ANSWERS | authority | additional | questions ..., answers ..., ...
 *
 * What a message says is made into text in the packet scope; what is kept of it goes into a table in the file scope.
 *
 * Source: RFC 1035.
 */
import { DnsReader } from './dns-reader.ts'
import { Names } from './names.ts'
import type { PerFile, Protocols } from './protocols.ts'

const PORTS = [53, 5353]
const IS_ANSWER = 0x8000
const FAILURE = 0xf
const FAILURES: Record<number, string> = { 1: 'bad question', 2: 'server failed', 3: 'no such name', 5: 'refused' }

/** Answers the names that were asked for in each file. */
export function registerDns(on: Protocols): PerFile<Names> {
  const dns = on.name('DNS')
  const perFile = on.perFile((file) => new Names(file.scope))

  for (const port of PORTS) {
    on.udp.set(port, (packet, bytes) => {
      packet.note(dns)
      const names = perFile.of(packet.file)
      const flags = bytes.u16(2)
      const questions = bytes.u16(4)
      const answers = bytes.u16(6)
      const reader = new DnsReader(packet.scope, bytes)
      for (let i = 0; i < questions; i++) {
        const question = reader.question()
        if ((flags & IS_ANSWER) === 0) names.ask(question)
        else names.answer(question, i + 1 === questions ? said(reader, answers, flags & FAILURE) : '')
      }
    })
  }
  return perFile
}

function said(reader: DnsReader, answers: number, failure: number): string {
  if (failure !== 0) return FAILURES[failure] ?? `failure ${failure}`
  const texts: string[] = []
  for (let i = 0; i < answers; i++) texts.push(reader.answer())
  return texts.join(', ')
}
