/**
 * prometheus: accounts and regions as metrics of prom-client, which the program hands on: nothing is imported here.
 *
 *   vmalloc_account_live_bytes{region="request",account="http/json"} 480
 *   vmalloc_account_allocations_total{region="request",account="http/json"} 60211
 *   vmalloc_region_busy_bytes{region="request",method="last",parent="heap"} 1032
 *
 * Figures are taken when somebody scrapes, and at no other time: the first metric that is asked fills all of them from
 * one report, which holds until the current job is done. So the figures of one scrape are of one moment, and add up.
 *
 * A counter of prom-client can be raised and reset, not set. Values are totals already, so each time it is reset and
 * raised once; that totals do not fall is for series.ts to see to.
 */
import { VmallocError } from '../ground/fault.ts'
import { report } from './report.ts'
import { type Labels, labelNames, type Metric, metrics, Telling } from './series.ts'

/** What is needed of prom-client. */
export interface PrometheusClient {
  readonly Counter: new (configuration: PrometheusConfiguration) => PrometheusCounter
  readonly Gauge: new (configuration: PrometheusConfiguration) => PrometheusGauge
  /** The registry that holds when none is named. */
  readonly register: PrometheusRegistry
}

export interface PrometheusConfiguration {
  name: string
  help: string
  labelNames: string[]
  /** How the processes of a cluster are taken together. */
  aggregator: 'sum' | 'max'
  /** Registries; which of its own types they have is for prom-client to know. */
  registers: never[]
  collect: () => void
}

export interface PrometheusCounter {
  reset(): void
  inc(labels: Labels, value: number): void
}

export interface PrometheusGauge {
  reset(): void
  set(labels: Labels, value: number): void
}

export interface PrometheusRegistry {
  getSingleMetric(name: string): unknown
  removeSingleMetric(name: string): void
}

export interface PrometheusOptions {
  /** Where the metrics are registered; the client's own registry unless said. */
  register?: PrometheusRegistry
  /** What their names begin with; `vmalloc_` unless said. */
  prefix?: string
}

type Registered = { readonly reset: () => void; readonly put: (labels: Labels, value: number) => void }

/**
 * Registers the metrics of accounts and regions with prom-client, given as its module: `prometheusMetrics(client)`. They
 * are of all regions of this thread, as each scrape finds them. The returned function takes them out again. Throws
 * VmallocError `argument`; what prom-client throws, where names are taken or not allowed, with nothing registered.
 */
export function prometheusMetrics(client: PrometheusClient, options: PrometheusOptions = {}): () => void {
  if (typeof client?.Gauge !== 'function' || typeof client.Counter !== 'function') {
    throw new VmallocError('argument', 'prometheusMetrics: what came has no Gauge and Counter, expected prom-client')
  }
  const { register = client.register, prefix = 'vmalloc_' } = options
  const telling = new Telling(false)
  const registered = new Map<Metric, Registered>()
  const undo: (() => void)[] = []
  let isFresh = false
  const collect = (): void => {
    if (isFresh) return
    const moment = report()
    for (const { reset } of registered.values()) reset()
    telling.tell(moment, (metric, labels, value) => registered.get(metric)!.put(labels, value))
    isFresh = true
    void Promise.resolve().then(() => (isFresh = false))
  }
  const stop = (): void => {
    for (const step of undo.splice(0)) step()
  }
  try {
    for (const metric of metrics) {
      const name = nameOf(metric, prefix)
      const made = make(client, metric, name, register, collect)
      registered.set(metric, made.registered)
      undo.push(() => {
        if (register.getSingleMetric(name) === made.metric) register.removeSingleMetric(name)
      })
    }
  } catch (error) {
    stop()
    throw error
  }
  return stop
}

function make(
  client: PrometheusClient,
  { kind, help, of }: Metric,
  name: string,
  register: PrometheusRegistry,
  collect: () => void,
): { metric: unknown; registered: Registered } {
  const configuration: PrometheusConfiguration = {
    name,
    help,
    labelNames: [...labelNames[of]],
    aggregator: kind === 'high' ? 'max' : 'sum',
    registers: [register] as never[],
    collect,
  }
  if (kind === 'count') {
    const metric = new client.Counter(configuration)
    return { metric, registered: { reset: () => metric.reset(), put: (labels, value) => metric.inc(labels, value) } }
  }
  const metric = new client.Gauge(configuration)
  return { metric, registered: { reset: () => metric.reset(), put: (labels, value) => metric.set(labels, value) } }
}

function nameOf({ of, name, unit, kind }: Metric, prefix: string): string {
  return `${prefix}${of}_${name}${unit === 'bytes' ? '_bytes' : ''}${kind === 'count' ? '_total' : ''}`
}
