/**
 * measure: a load under its subjects: all their children are open at once and asked in turn, a pass each.
 *
 *   ready  ready  ready  |  pass pass pass | pass pass pass | ...      warm heaps
 *   A      B      C      |  A    B    C    | A    B    C    |
 *
 * So noise falls on all alike, and only one process is busy at a time. The same rounds again for fresh heaps and for
 * payloads that are written and read. A figure is the median of its rounds. Children whose payloads together would not
 * fit into memory are taken in groups.
 */
import { freemem } from 'node:os'
import type { Answer, Task } from './child.ts'
import type { Load } from './loads.ts'
import { Child } from './process.ts'
import type { Kind, Subject } from './subject.ts'
import type { Workshop } from './workshop.ts'

export interface Row {
  readonly load: string
  readonly subject: string
  readonly kind: Kind
  /** ns a unit: over a warm heap, a fresh one, and with payloads written and read. */
  readonly unit: string
  readonly ns?: number
  readonly fresh?: number
  readonly touched?: number
  /** The fastest and the slowest round of `ns`. */
  readonly range?: readonly [number, number]
  readonly rounds?: number
  readonly peakLive?: number
  readonly extent?: number
  readonly utilization?: number
  /** Bytes an entry. */
  readonly bytes?: number
  /** Why a figure is missing. */
  readonly note?: string
}

export interface Plan {
  /** So many at least, and up to four times as many of short passes: until this number of seconds has gone. */
  readonly rounds: number
  readonly seconds: number
  /** Seconds that one subject may take for a first pass. */
  readonly limit: number
  /** How large the input of programs is; 1 is full size. */
  readonly scale: number
  /** Seconds after which a subject has enough rounds. */
  readonly enough: number
}

/** Events. Tracing writes some ten megabytes a pass, and a bench has an end: some subjects do only shorter traces. */
const SHORT = 500_000

/** A goal hangs on the median of every tool: rounds that it gets however slow it is, in so many times the seconds. */
const TOOL = { rounds: 5, patience: 8 }

/** Programs run for a second or so; a few rounds they shall have. */
const PROGRAM_ENOUGH = 15
/** Collections have many words: less for each. */
const WORD_ENOUGH = 0.3
const KEPT = { rounds: 3, patience: 6 }

/** `pass`, `fresh`, `touch`, or what a load of collections has. */
type Word = string

class Player {
  readonly subject: Subject
  readonly #shop: Workshop
  readonly #task: Task
  readonly #child: Child
  readonly times: Partial<Record<Word, number[]>> = {}
  note: string | undefined
  #spent = 0

  constructor(subject: Subject, shop: Workshop, task: Task) {
    this.subject = subject
    this.#shop = shop
    this.#task = task
    this.#child = this.#spawn()
  }

  async warm(): Promise<void> {
    this.#take(await this.#child.ready())
    if (this.note === undefined) this.#take(await this.#child.ask('warm'))
  }

  /** One round, unless it failed before or has taken long enough. */
  async play(word: Word, enough: number): Promise<void> {
    const { rounds, patience } =
      this.subject.kind === 'tool' ? TOOL : this.#task.keep ? KEPT : { rounds: 1, patience: 3 }
    const times = (this.times[word] ??= [])
    const isEnough = this.#spent > enough && (times.length >= rounds || this.#spent > patience * enough)
    if (this.note !== undefined || isEnough) return
    const before = Date.now()
    const answer = await (word === 'fresh' ? this.#anew('fresh') : this.#child.ask(word))
    this.#spent += (Date.now() - before) / 1000
    if (answer.ns !== undefined) times.push(answer.ns / answer.steps!)
    else this.#take(answer, `${word}: `)
  }

  async space(): Promise<number | undefined> {
    if (this.note !== undefined) return undefined
    const answer = await this.#anew('space')
    this.#take(answer, 'space: ')
    return this.subject.env?.LD_PRELOAD === undefined ? answer.extent : answer.resident
  }

  /** Bytes an entry. */
  async weigh(): Promise<number | undefined> {
    if (this.note !== undefined) return undefined
    const answer = await this.#child.ask('bytes')
    this.#take(answer, 'bytes: ')
    return answer.bytes
  }

  close(): void {
    this.#child.close()
  }

  /** A native allocator is fresh in a new process only. */
  async #anew(word: string): Promise<Answer> {
    if (this.subject.kind !== 'native') return this.#child.ask(word)
    const child = this.#spawn()
    await child.ready()
    const answer = await child.ask(word)
    child.close()
    return answer
  }

  #spawn(): Child {
    const { kind, name, env } = this.subject
    const [command, args] = this.#shop.command(kind, name, this.#task)
    return new Child(command, args, env ?? {}, this.#shop.folder)
  }

  /** In a touched pass a failure may be that a block's bytes were not as they were written. */
  #take({ failed, stopped, why }: Answer, word = ''): void {
    if (stopped !== undefined) this.note = `${word}stopped after ${stopped} s`
    else if (failed !== undefined) this.note = `${word}failed${why === undefined ? ` at event ${failed}` : `: ${why}`}`
  }
}

/** The rows of a load, in the order of the subjects. `tell` hears what is being done. */
export async function measure(
  load: Load,
  given: readonly Subject[],
  shop: Workshop,
  plan: Plan,
  tell: (what: string) => void,
): Promise<Row[]> {
  const task = shop.taskOf(load, plan)
  const subjects = given.filter(({ does }) => does.includes(load.need) || task.events < SHORT)
  const rows: Row[] = []
  for (const group of groupsOf(subjects, task.need)) {
    rows.push(...(await measureGroup(load, task, group, shop, plan, tell)))
  }
  return rows
}

async function measureGroup(
  load: Load,
  task: Task & { peakLive: number },
  subjects: readonly Subject[],
  shop: Workshop,
  plan: Plan,
  tell: (what: string) => void,
): Promise<Row[]> {
  const players: Player[] = []
  for (const subject of subjects) {
    tell(`${subject.name} warms up`)
    const player = new Player(subject, shop, task)
    players.push(player)
    await player.warm()
  }
  const { keep } = load
  const words: readonly Word[] = keep?.words ?? (load.need === 'replay' ? ['pass', 'fresh', 'touch'] : ['pass'])
  const seconds = keep === undefined ? plan.seconds * (load.patience ?? 1) : 0
  const isLong = load.program !== undefined || load.script !== undefined
  const enough = isLong ? PROGRAM_ENOUGH : keep === undefined ? plan.enough : WORD_ENOUGH
  for (const word of words) {
    const those = players.filter(({ subject }) => word === 'pass' || keep !== undefined || hasMore(subject))
    const start = Date.now()
    const isShort = () => Date.now() - start < seconds * 1000
    const most = 4 * plan.rounds * (load.patience ?? 1)
    for (let round = 0; round < plan.rounds || (round < most && isShort()); round++) {
      tell(`${word} ${round + 1}`)
      for (const player of those) await player.play(word, enough * (words.indexOf(word) + 1))
    }
  }
  const rows: Row[] = []
  for (const player of players) {
    if (keep !== undefined) {
      rows.push(...words.map((word, at) => ({ ...rowOfWord(load, word, player), ...(at === 0 && noteOf(player)) })))
      if (keep.weighs) rows.push(rowOfBytes(load, player, await player.weigh()))
      player.close()
      continue
    }
    const hasSpace = (load.need === 'replay' || load.need === 'program') && hasMore(player.subject)
    rows.push(rowOf(load, task, player, hasSpace ? await player.space() : undefined))
    player.close()
  }
  return rows
}

/** Whether more than the time of a pass is asked of it. */
function hasMore({ kind }: Subject): boolean {
  return kind !== 'bare' && kind !== 'tool'
}

function rowOf(load: Load, { peakLive }: { peakLive: number }, player: Player, extent: number | undefined): Row {
  const { subject, times, note } = player
  const { pass = [], fresh = [], touch = [] } = times
  return {
    ...{ load: load.name, subject: subject.name, kind: subject.kind, unit: load.unit },
    ...(note !== undefined && { note }),
    ...timesOf(pass),
    ...(fresh.length > 0 && { fresh: median(fresh) }),
    ...(touch.length > 0 && { touched: median(touch) }),
    ...(peakLive > 0 && { peakLive }),
    ...(extent && { extent, utilization: peakLive / extent }),
  }
}

/** A load of collections has a row for each of its words. */
function rowOfWord(load: Load, word: Word, { subject, times }: Player): Row {
  return {
    ...{ load: `${load.name}: ${word}`, subject: subject.name, kind: subject.kind, unit: load.unit },
    ...timesOf(times[word] ?? []),
  }
}

const noteOf = ({ note }: Player): Pick<Row, 'note'> => (note === undefined ? {} : { note })

function rowOfBytes(load: Load, { subject }: Player, bytes: number | undefined): Row {
  return {
    ...{ load: `${load.name}: bytes`, subject: subject.name, kind: subject.kind, unit: 'byte' },
    ...(bytes !== undefined && { bytes }),
  }
}

function timesOf(times: readonly number[]): Pick<Row, 'ns' | 'range' | 'rounds'> {
  if (times.length === 0) return {}
  const sorted = [...times].sort((a, b) => a - b)
  return { ns: median(times), range: [sorted[0]!, sorted.at(-1)!], rounds: sorted.length }
}

/** As many at once as fit into three quarters of the memory that is free; `need` is twice the payload. */
function groupsOf(subjects: readonly Subject[], need: number): Subject[][] {
  const most = Math.max(1, Math.floor((0.75 * freemem()) / (0.75 * need + 2 ** 26)))
  const groups: Subject[][] = []
  for (let at = 0; at < subjects.length; at += most) groups.push(subjects.slice(at, at + most))
  return groups
}

export function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}
