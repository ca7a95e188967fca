/**
 * protocol: what `vmalloc top` and a program that serves it say to each other: lines of JSON, each ended by a newline.
 *
 *   command   {"ask":"hello"}
 *   program   {"vmalloc":"top","version":1,"pid":4711,"thread":0,"title":"node","argv":["server.mjs"],"started":1e12}
 *   command   {"ask":"report"}                        again and again, each time when the answer has come
 *   program   {"taken":1e12,"regions":[...],"closed":[...],"rss":52428800}
 *   program   {"error":"..."}                         in place of either: why there is no answer
 *
 *   hello     `started` is in milliseconds since 1970; `argv` is what the program was called with, cut at 1000 characters
 *   report    a Report as src/account/json.ts reads it: a limit that is none is null, what is undefined is absent. `rss`
 *             are bytes of memory of the process; absent where that is not known
 *
 * The command speaks first: where a pipe can be opened by others for reading only, they hear nothing. A question is at most
 * LONGEST_ASK characters long and is the only one until it was answered; whoever asks otherwise, or what is no question, is
 * told so and sent away. A member that is not known is ignored, on both sides; what an older side would misread has another
 * version.
 *
 * Whoever can open the socket sees names of regions and accounts, their figures, and the arguments of the program; never
 * what lies in a block.
 */
import { readReport } from '../account/json.ts'
import type { Report } from '../account/report.ts'
import { VmallocError } from '../ground/fault.ts'

export const VERSION = 1
export const LONGEST_ASK = 256

export interface Hello {
  readonly vmalloc: 'top'
  readonly version: number
  readonly pid: number
  /** 0 is the main one. */
  readonly thread: number
  readonly title: string
  readonly argv: readonly string[]
  /** Milliseconds since 1970. */
  readonly started: number
}

export interface Answer {
  readonly report: Report
  /** Bytes of memory that the process occupies; undefined where that is not known. */
  readonly rss?: number
}

export interface Refusal {
  readonly error: string
}

export type Question = 'hello' | 'report'

/** The line of a question, or of an answer. */
export function lineOf(message: { ask: Question } | Hello | Answer | Refusal): string {
  return `${JSON.stringify('report' in message ? { ...message.report, rss: message.rss } : message)}\n`
}

/** What a line asks; undefined when it is no question. */
export function questionOf(line: string): Question | undefined {
  const ask = objectOf(line)?.ask
  return ask === 'hello' || ask === 'report' ? ask : undefined
}

/** An answer of the program; one that is none of the three is a refusal that says what is wrong with it. */
export function answerOf(line: string): Hello | Answer | Refusal {
  const message = objectOf(line)
  if (typeof message?.error === 'string') return { error: message.error }
  if (message?.vmalloc === 'top' && isHello(message)) return message
  try {
    const report = readReport(line)
    return typeof message?.rss === 'number' ? { report, rss: message.rss } : { report }
  } catch (error) {
    if (error instanceof VmallocError) return { error: `what it says is no answer: ${error.message}` }
    throw error
  }
}

function isHello(message: Record<string, unknown>): message is Record<string, unknown> & Hello {
  const { version, pid, thread, title, argv, started } = message
  return (
    [version, pid, thread, started].every((value) => typeof value === 'number') &&
    typeof title === 'string' &&
    Array.isArray(argv) &&
    argv.every((word) => typeof word === 'string')
  )
}

function objectOf(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined // not JSON: the caller says so
  }
}

/** Cuts text that comes in pieces into lines; keeps what has no newline yet, and no more of it than `longest` and a piece. */
export class Lines {
  private rest = ''
  private readonly longest: number

  /** In characters. */
  constructor(longest: number) {
    this.longest = longest
  }

  /** The lines that are complete with this piece, without their newlines; undefined once one is too long. */
  add(piece: string): string[] | undefined {
    const lines = piece.split('\n')
    lines[0] = this.rest + lines[0]!
    this.rest = lines.pop()!
    return this.rest.length > this.longest || lines.some((line) => line.length > this.longest) ? undefined : lines
  }
}
