/**
 * process: a child that is asked in words and answers in lines of JSON: child.ts or native/replay.c.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Answer } from './child.ts'

/** Those that run. */
const children = new Set<ChildProcess>()

/** Ends all, for the end of the bench. */
export function endChildren(): void {
  for (const child of children) child.kill('SIGKILL')
}

export class Child {
  readonly #process: ChildProcess
  readonly #lines: AsyncIterator<string>
  #noise = ''

  constructor(command: string, args: readonly string[], env: Readonly<Record<string, string>>, folder: string) {
    const { VMALLOC_OPTIONS: _, NODE_OPTIONS: __, ...own } = process.env
    this.#process = spawn(command, args, {
      cwd: folder,
      env: { ...own, VMALLOC_BENCH: import.meta.dirname, ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    children.add(this.#process)
    this.#process.on('exit', () => children.delete(this.#process))
    this.#process.stdin!.on('error', () => {})
    this.#process.on('error', (error) => (this.#noise += error.message))
    this.#process.stderr!.on('data', (data) => (this.#noise = `${this.#noise}${data}`.slice(-2000)))
    this.#lines = createInterface({ input: this.#process.stdout! })[Symbol.asyncIterator]()
  }

  /** Resolves when the child is ready to be asked. */
  async ready(): Promise<Answer> {
    return this.#answer()
  }

  async ask(word: string): Promise<Answer> {
    this.#process.stdin!.write(`${word}\n`)
    return this.#answer()
  }

  close(): void {
    this.#process.stdin!.end()
    this.#process.kill()
  }

  /** A child that died has failed: its last words say why. */
  async #answer(): Promise<Answer> {
    const { value, done } = await this.#lines.next()
    if (!done) return JSON.parse(value) as Answer
    return { failed: -1, why: this.#noise.trim().split('\n').at(-1) || 'the process ended' }
  }
}
