/**
 * child: one subject under one load, in a process of its own, so that no other one's types, garbage or memory touch it.
 *
 *   child.mjs SUBJECT LOAD      LOAD as JSON: a dump's file and the room a heap may need, or a loop
 *
 * Its parent asks in words, a line each, and gets a line of JSON: {"ready":true} first, then
 *
 *   warm    takes the load through until code is compiled and the heap is as it will be    {}
 *   pass    once over that heap                                                           {"ns":...,"steps":...}
 *   fresh   once over a new heap                                                          the same
 *   touch   once over the warm heap, each payload byte written and read                   the same
 *   space   once over a new heap                                                          {"extent":...}
 *
 *   and of a load of collections its own words, and
 *
 *   bytes   bytes an entry                                                                {"bytes":...}
 *
 * or {"failed":STEP} where an allocation was not served, {"stopped":SECONDS} where it took too long.
 */
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { bytesOf, type Keep, type Keeps, type Passes, passesOf } from './collections.ts'
import { columnsOf, OP_FREE } from './dump.ts'
import type { Loop, Stretch } from './loads.ts'
import * as player from './player.ts'
import type { Fills, Heap, Open, Other, Session, Stretches } from './subject.ts'
import { subjects } from './subjects.ts'

export interface Task {
  /** A dump. */
  readonly file?: string
  /** Its calls are made from many places. */
  readonly fromMany?: boolean
  readonly loop?: Loop
  /** The name of a program, and how large its input is. */
  readonly program?: string
  /** One of wasm/, which is a program of its own. */
  readonly script?: string
  readonly scale?: number
  readonly keep?: Keep
  /** Bytes for heaps that cannot grow. */
  readonly need: number
  /** Seconds after which a first pass is given up. */
  readonly limit: number
}

export interface Answer {
  readonly ns?: number
  readonly steps?: number
  readonly extent?: number
  readonly resident?: number
  readonly bytes?: number
  readonly failed?: number
  readonly why?: string
  readonly stopped?: number
}

interface Work {
  warm(): Answer | Promise<Answer>
  pass(): Answer | Promise<Answer>
  fresh?(): Answer
  touch?(): Answer
  space?(): Answer
  readonly passes?: Passes
  bytes?(): Answer
}

type Word = 'warm' | 'pass' | 'fresh' | 'touch' | 'space' | 'bytes'

const LEAST_STRETCH = 64
const STRETCH_NS = 5e6
/** Warming up: so many passes at least, and so many ns, for the engine compiles beside the program. */
const WARM_PASSES = 3
const WARM_NS = 3e8
/** One pass over this heats up enough. */
const SLOW_NS = 1e9
/** The same for each word of a collection, as there are many. */
const KEEP_PASSES = 2
const KEEP_NS = 6e7
const KEEP_SLOW_NS = 3e8
/** Before a pass shorter than this one goes untimed, for others have used the caches meanwhile. */
const SHORT_NS = 2e7

const collect = (globalThis as { gc?: () => void }).gc ?? (() => {})
const now = () => performance.now() * 1e6

/** Nanoseconds of `what`, which returns how many steps it made. */
function timed(what: () => number): { ns: number; steps: number } {
  const start = now()
  const steps = what()
  return { ns: now() - start, steps }
}

/** Makes passes until the code is compiled. */
function warmed(pass: () => Answer): Answer {
  const start = now()
  for (let n = 0; n < WARM_PASSES || now() - start < WARM_NS; n++) {
    const answer = pass()
    if (answer.failed !== undefined) return answer
    if (answer.ns! > SLOW_NS) break
  }
  return {}
}

/** Takes `play` from step 0 to `steps` in stretches of some ms, until it fails or time is up. */
function inStretches(steps: number, limit: number, play: (from: number, until: number) => number): Answer {
  const start = now()
  let before = start
  let stretch = LEAST_STRETCH
  for (let from = 0; from < steps; ) {
    const until = Math.min(from + stretch, steps)
    const reached = play(from, until)
    if (reached < until) return { failed: reached }
    const after = now()
    if (after - start > limit * 1e9 && until < steps) return { stopped: limit, ns: after - start, steps: until }
    if (after - before < STRETCH_NS) stretch *= 2
    before = after
    from = until
  }
  return { ns: now() - start, steps }
}

class Replay implements Work {
  readonly #open: Open
  readonly #task: Task
  readonly #trace
  readonly #places
  readonly #session: Session
  #contents: player.Contents | undefined
  readonly #fills: Fills | undefined

  constructor(open: Open, task: Task) {
    const file = readFileSync(task.file!)
    this.#trace = columnsOf(new Uint8Array(file.buffer.slice(file.byteOffset, file.byteOffset + file.byteLength)))
    this.#places = new Uint32Array(this.#trace.blocks)
    this.#open = open
    this.#task = task
    this.#session = open(task.need)
    this.#fills = this.#session.fills
    if (this.#fills !== undefined) this.#contents = new player.Contents(this.#session, this.#trace.blocks)
  }

  warm(): Answer {
    const { heap } = this.#session
    const trace = this.#trace
    const first = inStretches(trace.events, this.#task.limit, (from, until) => this.#play(heap, from, until))
    if (first.failed !== undefined || first.stopped !== undefined) return first
    player.freeLeft(heap, trace, this.#places)
    return first.ns! < SLOW_NS ? warmed(() => this.pass()) : {}
  }

  pass(): Answer {
    return this.#over(this.#session.heap)
  }

  fresh(): Answer {
    const session = this.#open(this.#task.need)
    const answer = this.#over(session.heap)
    session.close()
    collect()
    return answer
  }

  touch(): Answer {
    const { heap } = this.#session
    if (this.#contents === undefined) {
      this.#contents = new player.Contents(this.#session, this.#trace.blocks)
      const answer = warmed(() => this.touch())
      if (answer.failed !== undefined) return answer
    }
    const contents = this.#contents
    return this.#timed((from, until) => player.use(heap, this.#trace, this.#places, contents, from, until), heap)
  }

  /** Bytes held at most: by what the subject says, or to the end of the highest block. */
  space(): Answer {
    const session = this.#open(this.#task.need)
    const trace = this.#trace
    let extent = 0
    for (let event = 0; event < trace.events; event++) {
      const reached = player.replay(session.heap, trace, this.#places, event, event + 1)
      if (reached === event) return { failed: event }
      if (trace.ops[event] === OP_FREE) continue
      const end = session.extent === undefined ? this.#places[trace.ids[event]!]! + trace.sizes[event]! : 0
      if (end > extent) extent = end
      if (event === trace.peakAt) extent = Math.max(extent, session.extent?.() ?? 0)
    }
    extent = Math.max(extent, session.extent?.() ?? 0)
    session.close()
    return { extent }
  }

  #over(heap: Heap): Answer {
    return this.#timed((from, until) => this.#play(heap, from, until), heap)
  }

  #play(heap: Heap, from: number, until: number): number {
    const trace = this.#trace
    const places = this.#places
    if (this.#task.fromMany) return player.replayFromMany(heap, trace, places, from, until)
    if (this.#fills === undefined) return player.replay(heap, trace, places, from, until)
    return player.touchAsDebug(heap, trace, places, this.#contents!, this.#fills, from, until)
  }

  #timed(play: (from: number, until: number) => number, heap: Heap): Answer {
    const { events } = this.#trace
    let reached = 0
    const answer = timed(() => (reached = play(0, events)))
    if (reached < events) return { failed: reached }
    player.freeLeft(heap, this.#trace, this.#places)
    return answer
  }
}

/** Times a pass may last, in seconds: slow subjects do fewer steps. */
const LOOP_PASS = 1.5
const CHANCES = 2 ** 20
const OTHERS_STEPS = 20_000

class Loops implements Work {
  readonly #loop: Loop
  readonly #task: Task
  readonly #session: Session
  readonly #places
  readonly #chances
  #at = 0

  constructor(open: Open, task: Task) {
    const loop = (this.#loop = task.loop!)
    this.#task = task
    this.#session = open(task.need)
    this.#places = new Uint32Array(loop.live)
    this.#chances =
      loop.shape === 'churn'
        ? player.chancesOf(loop.live, loop.least, loop.most, CHANCES)
        : { slots: none, sizes: none }
  }

  warm(): Answer {
    for (const other of this.#session.others ?? []) this.#useOther(other)
    const { shape, live, alignment } = this.#loop
    const { heap } = this.#session
    if (shape === 'churn') {
      const { sizes } = this.#chances
      for (let slot = 0; slot < live; slot++) {
        const size = sizes[slot & (CHANCES - 1)]!
        const at = alignment > 0 ? heap.align(size, alignment) : heap.alloc(size)
        if (at === 0) return { failed: slot }
        this.#places[slot] = at
      }
      // three times over each block, as far as time allows
      const first = inStretches(Math.max(3 * live, 2 ** 18), this.#task.limit, this.#play)
      for (const other of this.#session.others ?? []) this.#useOther(other)
      if (first.failed !== undefined) return first
    }
    return warmed(() => this.pass())
  }

  pass(): Answer {
    const { shape, live, least, most, steps } = this.#loop
    const { heap } = this.#session
    const places = this.#places
    switch (shape) {
      case 'pair':
      case 'churn': {
        const { stopped: _, ...answer } = inStretches(steps, LOOP_PASS, this.#play)
        return answer
      }
      case 'growth': {
        const answer = timed(() => player.grow(heap, places, least, most))
        return answer.steps < 0 ? { failed: -1 - answer.steps } : answer
      }
      case 'fill': {
        const start = now()
        let done = 0
        for (; done < steps && now() - start < LOOP_PASS * 1e9; done += live) {
          const reached = player.fill(heap, places, least, 0, live)
          if (reached < live) return { failed: reached }
          player.empty(heap, places)
        }
        return { ns: now() - start, steps: done }
      }
      case 'nest': {
        const { nest } = this.#session
        return timed(() => {
          for (let step = 0; step < steps; step++) nest!(live)
          return steps
        })
      }
      default:
        throw new Error(`shape ${shape}, expected a loop over one heap`)
    }
  }

  readonly #play = (from: number, until: number): number => {
    const { shape, least, alignment } = this.#loop
    const { heap } = this.#session
    if (shape === 'pair') return player.pair(heap, least, from, until)
    const start = this.#at
    this.#at = (start + until - from) & (CHANCES - 1)
    const end = start + until - from
    const reached =
      alignment > 0
        ? player.churnAligned(heap, this.#places, this.#chances, alignment, start, end)
        : player.churn(heap, this.#places, this.#chances, start, end)
    return reached === end ? until : from + reached - start
  }

  /** The same loops, over a heap of another method. */
  #useOther({ heap, size, newest }: Other): void {
    const { least, most, live } = this.#loop
    const few = newest ? 1 : Math.min(live, 1000)
    const chances = player.chancesOf(few, size || least, size || most, 1024)
    const places = new Uint32Array(few)
    if (this.#loop.shape === 'pair') player.pair(heap, size || least, 0, OTHERS_STEPS)
    player.churn(heap, places, chances, 0, OTHERS_STEPS)
    for (const at of places) heap.free(at)
  }
}

const none = new Int32Array(0)

class Together implements Work {
  readonly #loop: Loop
  readonly #stretches: Stretches

  constructor(open: Open, task: Task) {
    this.#loop = task.loop!
    this.#stretches = open(task.need).stretches!
  }

  async warm(): Promise<Answer> {
    this.#stretches.warm?.()
    const start = now()
    for (let n = 0; n < WARM_PASSES || now() - start < WARM_NS; n++) await this.pass()
    return {}
  }

  async pass(): Promise<Answer> {
    const { shape, live, steps } = this.#loop
    const start = now()
    const told = await this.#stretches[shape as Stretch]!(
      ...((shape === 'await' ? [steps] : [live, steps]) as [number, number]),
    )
    return { ns: told ?? now() - start, steps }
  }
}

/** Collections: words of their own, each warmed up. */
class Keeping implements Work {
  readonly passes: Passes
  readonly #keep: Keep
  readonly #keeps: Keeps

  constructor(open: Open, task: Task) {
    this.#keep = task.keep!
    this.#keeps = open(task.need).keeps!
    this.passes = passesOf(this.#keep, this.#keeps)
  }

  warm(): Answer {
    for (const word of this.#keep.words) {
      const start = now()
      for (let n = 0; n < KEEP_PASSES || now() - start < KEEP_NS; n++) {
        const pass = this.passes[word]
        if (pass === undefined || pass().ns > KEEP_SLOW_NS) break
      }
    }
    return {}
  }

  pass(): Answer {
    throw new Error('a load of collections has words of its own')
  }

  bytes(): Answer {
    return { bytes: bytesOf(this.#keep, this.#keeps) }
  }
}

const isStretch = ({ shape }: Loop): boolean => /^(together|transaction|escape|leave|await)$/.test(shape)

function workOf(open: Open, task: Task): Work {
  if (task.keep !== undefined) return new Keeping(open, task)
  if (task.loop === undefined) return new Replay(open, task)
  return isStretch(task.loop) ? new Together(open, task) : new Loops(open, task)
}

function say(answer: object): void {
  process.stdout.write(`${JSON.stringify(answer)}\n`)
}

/** What a word asks for. */
async function answerTo(word: string, work: Work): Promise<Answer> {
  const own = work.passes?.[word]
  const ask = own ?? (() => work[word as Word]!())
  const answer = await ask()
  const isPass = word === 'pass' || word === 'touch' || own !== undefined
  return isPass && answer.ns !== undefined && answer.ns < SHORT_NS ? ask() : answer
}

async function main(name: string, task: Task): Promise<void> {
  const subject = subjects.find((subject) => subject.name === name)
  const open = await subject!.ready!()
  const work = workOf(open, task)
  say({ ready: true })
  for await (const word of createInterface({ input: process.stdin })) {
    try {
      say(await answerTo(word, work))
    } catch (error) {
      say({ failed: -1, why: error instanceof Error ? error.message : String(error) })
    }
  }
}

main(process.argv[2]!, JSON.parse(process.argv[3]!) as Task)
