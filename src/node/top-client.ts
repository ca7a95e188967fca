/**
 * top-client: the command's side of the protocol in src/top/protocol.ts: which programs serve, and what one thread says.
 *
 * A socket at which nobody answers was left by a process that was killed; it is taken away. A program that does not answer
 * in time is no reason to wait for the others.
 */
import { lstatSync, readdirSync, unlinkSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { faultOf, foldersOf, isWindows, ownerOfName, type Platform, platformHere } from '../top/place.ts'
import { type Answer, answerOf, type Hello, Lines, lineOf, type Question, VERSION } from '../top/protocol.ts'

const LONGEST_ANSWER = 2 ** 28
const PIPES = '\\\\.\\pipe\\'
/** A socket that is younger may belong to a program that has not begun to listen. */
const YOUNG_MS = 1_000

/** Where a thread serves. */
export interface Place {
  readonly pid: number
  readonly thread: number
  readonly path: string
}

/** Why a thread does not tell: `gone`, nobody is there any more; `late`, no answer came in time; `strange`, no sense in it. */
export class TopError extends Error {
  readonly why: 'gone' | 'late' | 'strange'

  constructor(why: 'gone' | 'late' | 'strange', message: string) {
    super(message)
    this.name = 'TopError'
    this.why = why
  }
}

/** The sockets that there are, by process and thread; `remark` hears of folders that must not be used. */
export function places(remark: (sentence: string) => void): Place[] {
  const platform = platformHere()!
  const found = isWindows(platform)
    ? pipes(platform)
    : foldersOf(platform).flatMap((of) => sockets(of, platform, remark))
  return found.sort((a, b) => a.pid - b.pid || a.thread - b.thread)
}

function pipes(platform: Platform): Place[] {
  return readdirSync(PIPES).flatMap((name) => placeOf(name, PIPES + name, platform))
}

function sockets(folder: string, platform: Platform, remark: (sentence: string) => void): Place[] {
  if (lstatSync(folder, { throwIfNoEntry: false }) === undefined) return []
  const fault = faultOf(folder, platform)
  if (fault === undefined) return readdirSync(folder).flatMap((name) => placeOf(name, `${folder}/${name}`, platform))
  remark(fault)
  return []
}

function placeOf(name: string, path: string, platform: Platform): Place[] {
  const owner = ownerOfName(name, platform)
  return owner === undefined ? [] : [{ ...owner, path }]
}

/** A thread of a program that serves; talk to it with one question at a time. */
export class Teller {
  readonly place: Place
  readonly hello: Hello
  private readonly line: Line

  private constructor(place: Place, hello: Hello, line: Line) {
    this.place = place
    this.hello = hello
    this.line = line
  }

  /** Throws TopError; takes the socket away where nobody serves it any more. */
  static async reach(place: Place, patience: number): Promise<Teller> {
    const line = new Line(place, patience)
    try {
      await line.opened
      const hello = await line.ask('hello', patience)
      if (!('vmalloc' in hello)) throw new TopError('strange', `${nameOf(place)}: no greeting of \`vmalloc top\``)
      if (hello.version !== VERSION) {
        const asked = `speaks version ${hello.version}, expected ${VERSION}: use the command of its own vmalloc`
        throw new TopError('strange', `${nameOf(place)} ${asked}`)
      }
      return new Teller(place, hello, line)
    } catch (error) {
      line.close()
      throw error
    }
  }

  /** Throws TopError where none comes within so many milliseconds. */
  async report(patience: number): Promise<Answer> {
    const answer = await this.line.ask('report', patience)
    if (!('report' in answer)) throw new TopError('strange', `${nameOf(this.place)}: no report`)
    return answer
  }

  /** Whether the program has hung up. */
  get isGone(): boolean {
    return this.line.isGone
  }

  close(): void {
    this.line.close()
  }
}

export const nameOf = ({ pid, thread }: { pid: number; thread: number }): string =>
  thread === 0 ? `program ${pid}` : `thread ${thread} of program ${pid}`

/** A connection. An answer that comes too late for the question that asked for it is the next one's. */
class Line {
  readonly opened: Promise<void>
  isGone = false
  private readonly place: Place
  private readonly socket: Socket
  private readonly lines = new Lines(LONGEST_ANSWER)
  private readonly said: string[] = []
  private isAsked = false
  private wake: (() => void) | undefined
  private fault: TopError | undefined

  constructor(place: Place, patience: number) {
    this.place = place
    this.socket = connect(place.path)
    this.socket.setEncoding('utf8')
    this.socket.on('data', (text: string) => this.hear(text))
    this.socket.on('connect', () => this.wake?.())
    this.socket.on('close', () => this.hangUp())
    this.socket.on('error', (error: NodeJS.ErrnoException) => this.fail(error))
    this.opened = this.until(() => !this.socket.connecting, patience)
  }

  async ask(question: Question, patience: number): Promise<Hello | Answer> {
    if (!this.isAsked) this.socket.write(lineOf({ ask: question }))
    this.isAsked = true
    await this.until(() => this.said.length > 0, patience)
    this.isAsked = false
    const answer = answerOf(this.said.shift()!)
    if ('error' in answer) throw new TopError('strange', `${nameOf(this.place)}: ${answer.error}`)
    return answer
  }

  close(): void {
    this.socket.destroy()
  }

  private async until(isDone: () => boolean, patience: number): Promise<void> {
    const end = performance.now() + patience
    while (!isDone() || this.fault !== undefined) {
      if (this.fault !== undefined) throw this.fault
      const wait = end - performance.now()
      if (wait <= 0) throw new TopError('late', `${nameOf(this.place)} does not answer: it may be busy`)
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, wait)
        this.wake = () => {
          clearTimeout(timer)
          resolve()
        }
        if (this.fault !== undefined) this.wake()
      })
    }
  }

  private hear(text: string): void {
    const lines = this.lines.add(text)
    if (lines !== undefined) this.said.push(...lines)
    else this.fault = new TopError('strange', `${nameOf(this.place)} says more than ${LONGEST_ANSWER} characters`)
    this.wake?.()
  }

  private hangUp(): void {
    this.isGone = true
    if (this.said.length === 0)
      this.fault ??= new TopError('gone', `${nameOf(this.place)} has ended, or serves no more`)
    this.wake?.()
  }

  private fail(error: NodeJS.ErrnoException): void {
    if (error.code === 'ECONNREFUSED') sweep(this.place)
    const isGone = ['ECONNREFUSED', 'ENOENT', 'ECONNRESET', 'EPIPE'].includes(error.code ?? '')
    this.fault ??= new TopError(isGone ? 'gone' : 'strange', `${nameOf(this.place)}: ${error.message}`)
    this.wake?.()
  }
}

/** Takes away the socket of a process that was killed. */
function sweep({ path }: Place): void {
  const stats = lstatSync(path, { throwIfNoEntry: false })
  if (stats?.isSocket() !== true || Date.now() - stats.mtimeMs < YOUNG_MS) return
  try {
    unlinkSync(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error // another command was first
  }
}
