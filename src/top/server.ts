/**
 * server: the program's side of `vmalloc top`: a socket on which this thread tells who holds its memory.
 *
 *   VMALLOC_OPTIONS=top     from the first region that a thread opens, as long as the thread runs
 *   serveTop()              until what it returns is called
 *
 * Each thread has a socket of its own, since each has regions of its own. protocol.ts has what is said, place.ts where the
 * socket lies and who can open it: the user's own processes on this machine.
 *
 * It must cost the program nothing, and a client must not be able to do it harm:
 *
 *   S1  socket and clients are no reason for the program to go on: it ends when its own work is done
 *   S2  what goes wrong is written once as a warning, and never thrown
 *   S3  a client has one question open; one that asks more, or rubbish, is sent away. So for each client no more is kept
 *       than one line and one report
 *   S4  reports are made PACE milliseconds apart; who asks sooner waits. At most CLIENTS are served at once
 *   S5  a client that does not take its answer for STALL milliseconds, or asks nothing for IDLE, is sent away. (Until then
 *       what is not sent does keep a program that would end.)
 *   S6  the socket is taken away when the thread ends by itself. One that a killed process left is taken away by whoever
 *       meets it next: the server whose name it has, or the command. That a signal such as SIGTERM ends the process is not
 *       heard here: whoever listens for it stops it from ending a program at once, even one that is busy for long, and
 *       changes what the program's own listeners count. A program that calls process.exit for it leaves nothing
 */
import { report } from '../account/report.ts'
import { VmallocError } from '../ground/fault.ts'
import { type Options, whoAmI, writeReport } from '../region/options.ts'
import { isWindows, type Platform, platformHere, socketFor } from './place.ts'
import { type Answer, type Hello, Lines, LONGEST_ASK, lineOf, type Question, questionOf, VERSION } from './protocol.ts'

const PACE = 20
const CLIENTS = 8
const STALL = 2_000
const IDLE = 600_000
const LONGEST_ARGV = 1_000

interface Socket {
  setEncoding(encoding: 'utf8'): void
  setTimeout(ms: number, then?: () => void): void
  on(event: 'data', listener: (text: string) => void): void
  on(event: 'error' | 'close' | 'end', listener: () => void): void
  write(text: string, then?: () => void): boolean
  end(text: string): void
  destroy(): void
  unref(): void
  readonly destroyed: boolean
}

interface Server {
  maxConnections: number
  readonly listening: boolean
  on(event: 'error', listener: (error: Error & { code?: string }) => void): void
  listen(options: { path: string; exclusive: boolean }): void
  close(): void
  unref(): void
}

interface Net {
  createServer(options: { allowHalfOpen: boolean }, hear: (socket: Socket) => void): Server
  connect(path: string): Socket & { on(event: 'connect', listener: () => void): void } & {
    on(event: 'error', listener: (error: Error & { code?: string }) => void): void
  }
}

interface Host {
  readonly title?: string
  readonly argv?: readonly string[]
  uptime?(): number
  memoryUsage?: { rss?(): number }
  getBuiltinModule?(name: 'node:net'): Net | undefined
  on?(event: 'exit', listener: () => void): void
  removeListener?(event: 'exit', listener: () => void): void
}

interface Timer {
  unref?(): void
}

const host = (globalThis as { process?: Host }).process

let serving: TopServer | undefined
let holders = 0
let isWarned = false
let seen: Options | undefined

/**
 * Lets `vmalloc top` show the regions and accounts of this thread, on a socket that only this user can open: see
 * src/top/server.ts. Returns a function that ends it; where it was called more than once, the last of them does. What goes
 * wrong later, as a folder that somebody else owns, is a warning and no error. Whoever can open the socket sees names,
 * figures, and the program's arguments, but no contents. Throws VmallocError `unsupported` where there are no local
 * sockets, as in a browser.
 */
export function serveTop(): () => void {
  const net = host?.getBuiltinModule?.('node:net')
  const platform = platformHere()
  if (net === undefined || platform === undefined) {
    throw new VmallocError('unsupported', 'serveTop: there are no local sockets on this platform')
  }
  serving ??= new TopServer(net, platform)
  holders++
  let isEnded = false
  return () => {
    if (isEnded) return
    isEnded = true
    if (--holders > 0) return
    serving?.close()
    serving = undefined
  }
}

/** Called with every region that opens: serves from then on where VMALLOC_OPTIONS says so. */
export function serveAsAsked(_region: unknown, options: Options): void {
  if (options === seen) return
  seen = options
  if (options.value('top') !== true) return
  try {
    serveTop()
  } catch (error) {
    warn(error)
  }
}

function warn(error: unknown): void {
  if (isWarned) return
  isWarned = true
  writeReport(`vmalloc: top is not served: ${error instanceof Error ? error.message : String(error)}`)
}

class TopServer {
  private readonly net: Net
  private readonly platform: Platform
  private readonly clients = new Set<Socket>()
  private readonly atExit = (): void => {
    if (this.server?.listening) this.remove()
  }
  private server: Server | undefined
  private path = ''
  private madeAt = -Infinity
  private isCleared = false

  constructor(net: Net, platform: Platform) {
    this.net = net
    this.platform = platform
    try {
      const { pid, thread } = whoAmI()
      this.path = socketFor(platform, pid, thread)
      this.listen()
      host?.on?.('exit', this.atExit)
    } catch (error) {
      warn(error)
    }
  }

  close(): void {
    for (const client of this.clients) client.destroy()
    this.server?.close() // which takes the socket away
    this.server = undefined
    host?.removeListener?.('exit', this.atExit)
  }

  private listen(): void {
    const server = this.net.createServer({ allowHalfOpen: false }, (socket) => this.hear(socket))
    this.server = server
    server.maxConnections = CLIENTS
    server.on('error', (error) => {
      if (this.server !== server) return
      if (error.code === 'EADDRINUSE' && !this.isCleared) this.clear(error)
      else warn(error)
    })
    server.listen({ path: this.path, exclusive: true }) // exclusive: in a cluster each process has its own, too
    server.unref()
  }

  /** Somebody has our name: if nobody answers there, it is left from a process that is gone. */
  private clear(error: Error): void {
    this.isCleared = true
    const probe = this.net.connect(this.path)
    probe.unref()
    probe.on('connect', () => {
      probe.destroy()
      warn(error)
    })
    probe.on('error', ({ code }) => {
      if (this.server === undefined) return
      if (code !== 'ECONNREFUSED') return warn(error)
      this.remove()
      this.listen()
    })
  }

  private remove(): void {
    if (isWindows(this.platform)) return
    try {
      this.platform.files.unlinkSync(this.path)
    } catch (error) {
      if ((error as { code?: string }).code !== 'ENOENT') warn(error)
    }
  }

  private hear(socket: Socket): void {
    const lines = new Lines(LONGEST_ASK)
    let isAnswering = false
    let isAway = false
    const away = (error: string): void => {
      isAway = true
      socket.setTimeout(STALL)
      socket.end(lineOf({ error }))
    }
    const answer = (question: Question): void => {
      if (isAway || socket.destroyed) return
      const stalled = setTimeout(() => socket.destroy(), STALL) as Timer
      stalled.unref?.()
      socket.write(this.answerTo(question), () => {
        isAnswering = false
        clearTimeout(stalled as number)
      })
    }
    this.clients.add(socket)
    socket.unref()
    socket.setEncoding('utf8')
    socket.setTimeout(IDLE, () => socket.destroy())
    socket.on('error', () => socket.destroy())
    socket.on('close', () => this.clients.delete(socket))
    socket.on('data', (text) => {
      if (isAway) return socket.destroy()
      const asked = lines.add(text)
      if (asked?.length === 0) return
      const question = asked?.length === 1 ? questionOf(asked[0]!) : undefined
      if (question === undefined)
        return away('expected {"ask":"hello"} or {"ask":"report"}, each after the last answer')
      if (isAnswering) return away('expected no question before the last one is answered')
      isAnswering = true
      if (question === 'hello') answer(question)
      else this.inTurn(() => answer(question))
    })
  }

  /** Calls `task` as soon as reports may be made again. */
  private inTurn(task: () => void): void {
    const wait = this.madeAt + PACE - performance.now()
    this.madeAt = performance.now() + Math.max(wait, 0)
    if (wait <= 0) task()
    else (setTimeout(task, wait) as Timer).unref?.()
  }

  private answerTo(question: Question): string {
    try {
      return lineOf(question === 'hello' ? hello() : reportNow())
    } catch (error) {
      return lineOf({ error: error instanceof Error ? error.message : String(error) })
    }
  }
}

function hello(): Hello {
  return {
    vmalloc: 'top',
    version: VERSION,
    ...whoAmI(),
    title: host?.title ?? '',
    argv: short(host?.argv?.slice(1) ?? []),
    started: Math.round(Date.now() - 1000 * (host?.uptime?.() ?? 0)),
  }
}

function reportNow(): Answer {
  return { report: report(), rss: host?.memoryUsage?.rss?.() }
}

/** So many of the words as have LONGEST_ARGV characters together. */
function short(words: readonly string[]): string[] {
  const found: string[] = []
  let room = LONGEST_ARGV
  for (const word of words) {
    if (room <= 0) break
    found.push(word.slice(0, room))
    room -= word.length
  }
  return found
}
