/**
 * advice: which method would fit a program best, with the figures of replays that prove it.
 *
 *   best            the default, and best with its option `free`
 *   last            unless it would hold so much that the replay itself would be a burden
 *   pool            where all blocks are of one size and none is resized
 *   mixture         a pool for the commonest size, a region of method best for the rest
 *   by region       where the trace tells regions apart: the same question for each of them
 *
 * The rule. Of what served every call, that with the least product of time and memory: what takes a tenth less time and a
 * tenth more memory comes to the same. A change must be worth its while: what needs none wins when it is within 15 % of
 * the least, and so does what needs only an option over what needs a change of the program.
 *
 * Each is measured five times, in turn, and the best time counts. Times are those of this machine and this minute; the
 * figures of memory are exact.
 */
import type { Region } from '../contract/region.ts'
import { open } from '../region/open.ts'
import { type Measurement, measure } from '../trace/replay.ts'
import { Builder, OP_ALIGN, OP_CLEAR, OP_COMPACT, OP_FREE, OP_RESIZE, type Trace } from '../trace/trace.ts'
import { measureMixture } from './mixture.ts'
import { resizedBlocks, type Summary, summarize } from './summary.ts'

/** What it takes to have it. */
export type Change = 'none' | 'option' | 'program'

export interface Candidate {
  readonly title: string
  readonly change: Change
  /** The text of VMALLOC_OPTIONS, or what to change. */
  readonly how: string
  readonly failed: number
  readonly nsPerOp: number
  readonly extent: number
  readonly utilization: number
}

export interface Advice {
  readonly events: number
  readonly candidates: readonly Candidate[]
  /** The index of the recommended one. */
  readonly chosen: number
  readonly why: string
  /** What was not replayed, and why: sentences. */
  readonly notes: readonly string[]
  readonly regions: readonly RegionAdvice[]
  /** VMALLOC_OPTIONS for all that an option can do; '' when nothing is to be changed. */
  readonly options: string
}

export interface RegionAdvice {
  readonly region: string
  readonly advice: Advice
}

export interface AdviceOptions {
  readonly passes?: number
  /** Hears what is about to be replayed. */
  readonly progress?: (title: string) => void
}

/** A candidate under way. */
interface Plan {
  readonly title: string
  readonly change: Change
  readonly how: string
  readonly task: () => Measurement
}

const ENOUGH = 1.15
const ROUNDS = 5
/** Timed passes a round: as many as make so many events, within bounds. */
const PASSES = { least: 1, most: 4, events: 4e5 }
/** More memory than this, and more than so many times the peak, is not tried under last. */
const LAST = { bytes: 64 * 2 ** 20, times: 4, block: 8 }
/** Regions that are looked at alone, those with most bytes first. */
const REGIONS = 6
/** A pool is worth a replay when it serves so large a part of the allocations. */
const POOL_PART = 0.1
/** Of fewer allocations nothing is concluded from their sizes. */
const FEW = 100

export function adviceOn(trace: Trace, summary: Summary, options: AdviceOptions = {}): Advice {
  return { ...adviceOnAll(trace, summary, '', options), ...byRegion(trace, summary, options) }
}

function adviceOnAll(trace: Trace, summary: Summary, prefix: string, { passes, progress }: AdviceOptions): Advice {
  const plans: Plan[] = []
  const notes: string[] = []
  const run = (title: string, change: Change, how: string, task: () => Measurement) => {
    plans.push({ title, change, how, task })
  }
  const under = (method: string, more = {}) => {
    const openRegion = (): Region => open({ method, discipline: 'memory', ...more })
    return () => measure(trace, openRegion, { passes: passes ?? passesOf(trace) })
  }

  run('best', 'none', '', under('best'))
  run('best, merging at once', 'option', `${prefix}free`, under('best', { free: true }))

  const lastHolds = summary.last.bytes + LAST.block * summary.blocks
  if (lastHolds > LAST.bytes && lastHolds > LAST.times * summary.peak.bytes) {
    notes.push(
      `last was not replayed: it would hold about ${Math.round(lastHolds / 2 ** 20)} MiB, for few frees are of the newest block`,
    )
  } else {
    run('last', 'option', `${prefix}method=last`, under('last'))
  }

  const [common] = summary.common
  if (summary.blocks < FEW) {
    notes.push(`a pool was not replayed: ${summary.blocks} allocations do not say that there will be no other size`)
  } else if (common !== undefined && summary.distinct === 1 && isFixed(trace)) {
    const how = `${prefix}method=pool`
    run(`pool of ${common.size}`, 'option', how, under('pool', { element: Math.max(1, common.size) }))
  } else if (common !== undefined && common.size > 0 && common.fixed >= POOL_PART * summary.blocks) {
    run(
      `best, and a pool of ${common.size}`,
      'program',
      `a second region of method pool, and the blocks of ${common.size} bytes out of it`,
      () => measureMixture(trace, common.size, passes ?? passesOf(trace)),
    )
  } else if (common !== undefined) {
    notes.push('a pool was not replayed: no size that is never resized has a tenth of the allocations')
  }

  const candidates = measureAll(plans, notes, progress)
  const { chosen, why } = choose(candidates)
  const { change, how } = candidates[chosen]!
  return { events: trace.events, candidates, chosen, why, notes, regions: [], options: change === 'option' ? how : '' }
}

function passesOf({ events }: Trace): number {
  return Math.max(PASSES.least, Math.min(PASSES.most, Math.ceil(PASSES.events / (events + 1))))
}

/** All plans one after the other, ROUNDS times, so that none is measured only while the engine is still compiling. */
function measureAll(plans: readonly Plan[], notes: string[], progress: AdviceOptions['progress']): Candidate[] {
  const candidates: Candidate[] = []
  for (let round = 1; round <= ROUNDS; round++) {
    for (const [i, { title, change, how, task }] of plans.entries()) {
      progress?.(`${title} (${round} of ${ROUNDS})`)
      const { method, failed, nsPerOp: ns, extent, utilization } = task()
      const nsPerOp = Math.min(ns, candidates[i]?.nsPerOp ?? ns)
      candidates[i] = { title, change, how, failed, nsPerOp, extent, utilization }
      const asked = title.split(/[ ,]/)[0]!
      if (round > 1 || method.split('+')[0] === asked) continue
      notes.push(`${title} ran as ${method}, because VMALLOC_OPTIONS says so`)
    }
  }
  return candidates
}

/** Each region by itself; their options together are the text for the program. */
function byRegion(trace: Trace, summary: Summary, options: AdviceOptions): Partial<Advice> {
  if (trace.regions === undefined || summary.regions.length < 2) return {}
  const regions = summary.regions.slice(0, REGIONS).flatMap(({ name }): RegionAdvice[] => {
    const part = partOf(trace, name)
    if (part.events === 0) return []
    const prefix = name === '' ? '' : `${name}.`
    const progress = (title: string) => options.progress?.(`${name} ${title}`)
    return [{ region: name, advice: adviceOnAll(part, summarize(part).summary, prefix, { ...options, progress }) }]
  })
  const text = regions.map(({ advice }) => advice.options).filter((text) => text !== '')
  return { regions, options: text.join(',') }
}

/** The index of the candidate to recommend, and a sentence. The first candidate is the default. */
export function choose(candidates: readonly Candidate[]): { chosen: number; why: string } {
  const served = candidates.filter(({ failed }) => failed === 0)
  if (served.length === 0) return { chosen: 0, why: 'Nothing served every call.' }
  const costOf = ({ nsPerOp, extent }: Candidate) => nsPerOp * extent
  const least = Math.min(...served.map(costOf))
  const order: readonly Change[] = ['none', 'option', 'program']
  const best = served
    .filter((candidate) => costOf(candidate) <= ENOUGH * least)
    .sort((a, b) => order.indexOf(a.change) - order.indexOf(b.change) || costOf(a) - costOf(b))[0]!
  return { chosen: candidates.indexOf(best), why: sentence(best, candidates[0]!) }
}

function sentence(chosen: Candidate, asItIs: Candidate): string {
  if (chosen === asItIs) return 'Nothing else is better by 15 % in time and memory together.'
  if (asItIs.failed > 0) return `${asItIs.title} did not serve every call.`
  const [faster, less] = [asItIs.nsPerOp / chosen.nsPerOp, 1 - chosen.extent / asItIs.extent]
  const memory = less >= 0 ? `${(100 * less).toFixed(0)} % less` : `${(-100 * less).toFixed(0)} % more`
  return `It is ${timesAs(faster)} as ${asItIs.title} and holds ${memory} memory.`
}

function timesAs(faster: number): string {
  if (Math.abs(faster - 1) < 0.05) return 'as fast'
  return faster > 1 ? `${faster.toFixed(1)} times as fast` : `${(1 / faster).toFixed(1)} times as slow`
}

function isFixed(trace: Trace): boolean {
  return !resizedBlocks(trace).includes(1) && !trace.ops.includes(OP_ALIGN)
}

/** The events of one region; a clear takes what lives of all, so it is kept in each. */
function partOf(trace: Trace, name: string): Trace {
  const build = new Builder(trace.events)
  const ids = new Map<number, number>()
  for (let event = 0; event < trace.events; event++) {
    const op = trace.ops[event]!
    const id = trace.ids[event]!
    if (op === OP_CLEAR) {
      if (ids.size > 0) build.clear()
      ids.clear()
    } else if (op === OP_RESIZE) {
      if (ids.has(id)) build.resize(ids.get(id)!, trace.sizes[event]!)
    } else if (op === OP_FREE) {
      if (ids.has(id)) build.free(ids.get(id)!)
      ids.delete(id)
    } else if (op !== OP_COMPACT && trace.regionNames![trace.regions![event]!] === name) {
      ids.set(id, build.blocks)
      build.alloc(op, build.blocks, trace.sizes[event]!, trace.aligns[event]!)
    }
  }
  return build.finish(name)
}
