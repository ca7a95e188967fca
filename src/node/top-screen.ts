/**
 * top-screen: the terminal while `vmalloc top` has it: a second screen, keys without echo; given back on every way out.
 *
 * Ways out: a key, the end of the program that is watched, a signal (which ends the command as it would have), an error
 * that nobody caught. Ctrl-Z gives the terminal back until the command goes on.
 */
import { emitKeypressEvents, type Key } from 'node:readline'

const ENTER = '\x1b[?1049h\x1b[?25l\x1b[?7l' // second screen, no cursor, long lines are not folded
const LEAVE = '\x1b[?7h\x1b[?25h\x1b[?1049l'
const HOME = '\x1b[H'
const REST_OF_LINE = '\x1b[K'
const REST_OF_SCREEN = '\x1b[J'
const DEADLY = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const

export class Screen {
  private readonly onKey: (key: string) => void
  private readonly onResize: () => void
  private readonly atExit = (): void => this.leave()
  private readonly atGoOn = (): void => {
    this.isEntered = false // whoever had the terminal meanwhile may have set it otherwise
    this.enter()
    this.onResize()
  }
  private readonly atKey = (_text: string | undefined, key: Key): void => {
    const name = `${key.ctrl === true ? 'ctrl-' : ''}${key.name ?? key.sequence ?? ''}`
    if (name === 'ctrl-z' && process.platform !== 'win32') this.suspend()
    else this.onKey(name)
  }
  private readonly atSignal = (signal: NodeJS.Signals): void => {
    this.close()
    process.kill(process.pid, signal)
  }
  private isEntered = false

  /** Takes the terminal. Keys come by name: q, up, pagedown, ctrl-c. */
  constructor(onKey: (key: string) => void, onResize: () => void) {
    this.onKey = onKey
    this.onResize = onResize
    process.once('exit', this.atExit)
    for (const signal of DEADLY) process.once(signal, this.atSignal)
    if (process.platform !== 'win32') process.on('SIGCONT', this.atGoOn)
    process.stdout.on('resize', this.onResize)
    if (process.stdin.isTTY) {
      emitKeypressEvents(process.stdin)
      process.stdin.on('keypress', this.atKey)
    }
    this.enter()
  }

  get columns(): number {
    return process.stdout.columns || 80
  }

  get rows(): number {
    return process.stdout.rows || 24
  }

  /** Shows these lines in place of those before. A terminal that has not taken those yet misses these. */
  draw(lines: readonly string[]): void {
    if (!this.isEntered || process.stdout.writableLength > 0) return
    process.stdout.write(HOME + lines.map((line) => line + REST_OF_LINE).join('\r\n') + REST_OF_SCREEN)
  }

  /** Gives the terminal back; what is written then stays on it. */
  close(): void {
    this.leave()
    process.removeListener('exit', this.atExit)
    for (const signal of DEADLY) process.removeListener(signal, this.atSignal)
    process.removeListener('SIGCONT', this.atGoOn)
    process.stdout.removeListener('resize', this.onResize)
    process.stdin.removeListener('keypress', this.atKey)
  }

  private enter(): void {
    if (this.isEntered) return
    this.isEntered = true
    if (process.stdin.isTTY) {
      process.stdin.setRawMode(true)
      process.stdin.resume()
    }
    process.stdout.write(ENTER)
  }

  private leave(): void {
    if (!this.isEntered) return
    this.isEntered = false
    process.stdout.write(LEAVE)
    if (!process.stdin.isTTY) return
    process.stdin.setRawMode(false)
    process.stdin.pause()
  }

  private suspend(): void {
    this.leave()
    process.kill(process.pid, 'SIGTSTP')
  }
}
