/**
 * top-command: `vmalloc top`: who holds the memory of a program that runs, again and again, like top.
 *
 *   vmalloc top            the only program that serves, or a list to choose from
 *   vmalloc top PID        that one, all its threads
 *     --once               as text, once; so too where there is no terminal to draw on
 *     --json               an array of reports, one a thread
 *
 * Programs serve with VMALLOC_OPTIONS=top or serveTop(). A thread that does not answer shows what it said last, and for how
 * long it has been silent; where it never said anything, that it does not answer. New threads join while they are watched.
 */
import { basename } from 'node:path'
import { VmallocError } from '../ground/fault.ts'
import { nearest } from '../ground/nearest.ts'
import type { Hello } from '../top/protocol.ts'
import { count, paint, remark, say, table } from './terminal.ts'
import { type Place, places, Teller, TopError } from './top-client.ts'
import {
  frame,
  type Line,
  layout,
  pressed,
  SORTS,
  type Sort,
  sumOf,
  type ThreadState,
  type TopState,
  type View,
} from './top-frame.ts'
import { Screen } from './top-screen.ts'
import { sizeCell, spanCell, visible } from './top-text.ts'

export interface TopOptions {
  readonly once?: boolean
  readonly json?: boolean
  /** Seconds. */
  readonly interval: number
  readonly sort: Sort
  readonly rows?: number
}

const PATIENCE_MS = 2_000
const MOMENT_MS = 50
const WIDTH = 120
const HOW = 'start it with VMALLOC_OPTIONS=top, or let it call serveTop() of vmalloc/account'

/** Returns the exit code: 1 where there is no such program, or it does not answer. */
export async function topCommand(asked: string | undefined, options: TopOptions): Promise<number> {
  const pid = asked === undefined ? undefined : pidOf(asked)
  let isTold = false
  const tell = (sentence: string): void => {
    isTold = true
    remark(sentence)
  }
  const tellers = await reach(
    places(remark).filter((place) => pid === undefined || place.pid === pid),
    tell,
  )
  const pids = [...new Set(tellers.map(({ place }) => place.pid))]
  try {
    if (pids.length === 0) {
      if (!isTold) remark(pid === undefined ? `no program serves top: ${HOW}` : absent(pid))
      return 1
    }
    if (pids.length > 1) return await list(tellers, options)
    const watched = await watchedOf(tellers, tell)
    if (watched.length === 0) {
      if (!isTold) remark(`program ${pids[0]} has ended, or serves top no more`)
      return 1
    }
    if (options.json) say(jsonOf(watched.map(({ state }) => state.report)))
    else if (options.once || !process.stdout.isTTY) sayOnce(watched, options)
    else {
      const last = await live(pids[0]!, watched, options)
      if (last !== '') say(last)
    }
    return 0
  } finally {
    for (const teller of tellers) teller.close()
  }
}

/** Throws VmallocError `argument`. */
export function sortOf(word: unknown): Sort {
  const sort = SORTS.find((known) => known === word)
  if (sort !== undefined) return sort
  const near = nearest(String(word), SORTS)
  throw new VmallocError(
    'argument',
    `--sort ${word}: ${near ? `did you mean ${near}?` : `expected one of ${SORTS.join(', ')}`}`,
  )
}

function pidOf(word: string): number {
  const pid = /^\d+$/.test(word) ? Number(word) : 0
  if (pid >= 1 && Number.isSafeInteger(pid)) return pid
  throw new VmallocError('argument', `top ${word}: expected the number of a process, as vmalloc top lists them`)
}

function absent(pid: number): string {
  return isAlive(pid) ? `program ${pid} does not serve top: ${HOW}` : `no program ${pid} runs`
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** A program that hung up may be about to end. */
async function endsSoon(pid: number): Promise<boolean> {
  for (let waited = 0; isAlive(pid) && waited < PATIENCE_MS; waited += MOMENT_MS) {
    await new Promise((resolve) => setTimeout(resolve, MOMENT_MS))
  }
  return !isAlive(pid)
}

// Threads

/** Those that answer; of others, why they do not is said, but for those that are gone. */
async function reach(all: readonly Place[], tell = remark): Promise<Teller[]> {
  const answers = await Promise.all(all.map((place) => attempt(() => Teller.reach(place, PATIENCE_MS), tell)))
  return answers.filter((teller) => teller !== undefined)
}

async function attempt<T>(task: () => Promise<T>, tell: (sentence: string) => void): Promise<T | undefined> {
  try {
    return await task()
  } catch (error) {
    if (!(error instanceof TopError)) throw error
    if (error.why !== 'gone') tell(error.message)
    return undefined
  }
}

/** A thread, with what it said last. */
interface Watched {
  readonly teller: Teller
  state: ThreadState
  rss: number | undefined
  /** When it said it. */
  heard: number
}

async function watchedOf(tellers: readonly Teller[], tell = remark): Promise<Watched[]> {
  const found = await Promise.all(
    tellers.map((teller) =>
      attempt(async (): Promise<Watched> => {
        const { report, rss } = await teller.report(PATIENCE_MS)
        return { teller, state: { thread: report.thread, report }, rss, heard: performance.now() }
      }, tell),
    ),
  )
  return found.filter((watched) => watched !== undefined)
}

function stateOf(watched: readonly Watched[], view: View, interval: number | undefined): TopState {
  const { pid, started } = watched[0]!.teller.hello
  const newest = watched.reduce((a, b) => (b.state.report.taken > a.state.report.taken ? b : a))
  const threads = watched.map(({ state }) => state)
  return { pid, name: programOf(watched[0]!.teller.hello), started, rss: newest.rss, threads, view, interval }
}

/** The script and its arguments; where there are none, the title of the process. */
function programOf({ argv, title }: Hello): string {
  return argv.length === 0 ? title : [basename(argv[0]!), ...argv.slice(1)].join(' ')
}

// The list

async function list(tellers: readonly Teller[], { json, once }: TopOptions): Promise<number> {
  const watched = await watchedOf(tellers)
  const byPid = [...new Set(watched.map(({ teller }) => teller.place.pid))].map((pid) =>
    watched.filter(({ teller }) => teller.place.pid === pid),
  )
  const busy = (threads: Watched[]) => sumOf(threads.map(({ state }) => state)).busy
  const isChoice = json === true || once === true
  const text = table(
    [
      { title: 'pid', right: true, cell: (threads) => String(threads[0]!.teller.place.pid) },
      { title: 'threads', right: true, cell: (threads) => count(threads.length) },
      {
        title: 'busy',
        right: true,
        cell: (threads) => sizeCell(busy(threads)),
      },
      { title: 'program', cell: (threads) => visible(programOf(threads[0]!.teller.hello)) },
    ],
    byPid,
  )
  if (isChoice) process.stderr.write(`${text}\n`)
  else say(text)
  remark(`${byPid.length} programs serve top: choose one with vmalloc top PID`)
  return isChoice ? 2 : 0
}

// Once

function sayOnce(watched: readonly Watched[], options: TopOptions): void {
  const state = stateOf(watched, viewOf(options), undefined)
  say(frame(state, process.stdout.columns ?? WIDTH, Infinity).join('\n'))
}

function viewOf({ sort, rows }: TopOptions): View {
  return { sort, scroll: 0, isCollapsed: false, isPaused: false, most: rows }
}

/** As JSON has it, where Infinity is null; control characters are escaped, so that none steers a terminal. */
function jsonOf(reports: readonly object[]): string {
  return JSON.stringify(reports).replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (sign) =>
    [...Array(sign.length).keys()].map((i) => `\\u${sign.charCodeAt(i).toString(16).padStart(4, '0')}`).join(''),
  )
}

// Live

/** Draws until somebody ends it, or the program ends; returns the sentence for after, '' for none. */
async function live(pid: number, first: readonly Watched[], options: TopOptions): Promise<string> {
  let watched = first
  let view = viewOf(options)
  let note = ''
  let isOver = false
  let timer: NodeJS.Timeout | undefined
  let end = (_sentence: string): void => {}
  const ended = new Promise<string>((resolve) => (end = resolve))
  const state = () => stateOf(watched, view, options.interval)
  const draw = (): void => screen.draw(layout(state(), screen.columns, screen.rows).map(painted))
  const press = (key: string): void => {
    const next = pressed(state(), key, screen.rows)
    if (next === undefined) end(note)
    else {
      view = next
      draw()
    }
  }
  const step = async (): Promise<void> => {
    const now = await askedAgain(pid, watched, options.interval, view.isPaused, (sentence) => (note = sentence))
    if (isOver) return hangUp(now)
    if (now.length === 0) return end(`program ${pid} ${(await endsSoon(pid)) ? 'has ended' : 'serves top no more'}`)
    watched = now
    draw()
    again()
  }
  const again = (): void => {
    timer = setTimeout(() => step().catch((error: Error) => end(`top: ${error.message}`)), options.interval * 1000)
  }
  const screen = new Screen(press, draw)
  try {
    draw()
    again()
    return await ended
  } finally {
    isOver = true
    clearTimeout(timer)
    hangUp(watched)
    screen.close()
  }
}

function hangUp(watched: readonly Watched[]): void {
  for (const { teller } of watched) teller.close()
}

/** What the threads say now, those that came meanwhile too. One that is silent says what it said before. */
async function askedAgain(
  pid: number,
  watched: readonly Watched[],
  interval: number,
  isPaused: boolean,
  tell: (sentence: string) => void,
): Promise<Watched[]> {
  const known = new Set(watched.filter(({ teller }) => !teller.isGone).map(({ teller }) => teller.place.path))
  const more = places(() => {}).filter((place) => place.pid === pid && !known.has(place.path))
  const [old, young] = await Promise.all([
    Promise.all(watched.map((one) => (isPaused ? stillThere(one) : heardAgain(one, 1000 * interval)))),
    reach(more, tell).then((tellers) => watchedOf(tellers, tell)),
  ])
  const all = [...old.filter((one) => one !== undefined), ...young]
  return all.sort((a, b) => a.state.thread - b.state.thread)
}

const stillThere = (one: Watched): Watched | undefined => (one.teller.isGone ? undefined : one)

async function heardAgain(one: Watched, patience: number): Promise<Watched | undefined> {
  try {
    const { report, rss } = await one.teller.report(Math.max(patience, 100))
    const before = one.state.report
    return { ...one, state: { thread: report.thread, report, before }, rss, heard: performance.now() }
  } catch (error) {
    if (!(error instanceof TopError)) throw error
    if (error.why === 'gone') return undefined
    const silence = `NO ANSWER for ${spanCell((performance.now() - one.heard) / 1000)}`
    return { ...one, state: { ...one.state, trouble: error.why === 'late' ? silence : error.message } }
  }
}

function painted({ text, style }: Line): string {
  if (style === 'title' || style === 'region') return paint('bold', text)
  if (style === 'head') return paint('dim', text)
  return style === 'full' ? paint('yellow', text) : text
}
