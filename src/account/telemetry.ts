/**
 * telemetry: accounts and regions as metrics of OpenTelemetry, over a meter that the program hands on: nothing is imported
 * here.
 *
 *   vmalloc.account.live          By             { vmalloc.region: request, vmalloc.account: http/json }
 *   vmalloc.account.allocations   {allocation}   the same
 *   vmalloc.region.busy           By             { vmalloc.region, vmalloc.method, vmalloc.parent }
 *
 * What can be added up is an UpDownCounter, what was counted a Counter, what was highest a Gauge, all of them observed:
 * one report for each time that somebody collects. An exporter for Prometheus makes the names of prometheus.ts of these.
 *
 * The SDK goes on telling the last of what is not observed any more, so what was observed once is observed ever after: of
 * a limit that was taken away, and of what counts for it, that is 0.
 */
import { VmallocError } from '../ground/fault.ts'
import { report } from './report.ts'
import { type Labels, type Metric, metrics, Telling } from './series.ts'

/** What is needed of a meter of @opentelemetry/api. */
export interface OpenTelemetryMeter {
  createObservableCounter(name: string, options: OpenTelemetryInstrument): object
  createObservableUpDownCounter(name: string, options: OpenTelemetryInstrument): object
  createObservableGauge(name: string, options: OpenTelemetryInstrument): object
  addBatchObservableCallback(callback: (result: OpenTelemetryResult) => void, instruments: object[]): void
  removeBatchObservableCallback(callback: (result: OpenTelemetryResult) => void, instruments: object[]): void
}

/** Who has meters: `metrics` of @opentelemetry/api, or a MeterProvider. */
export interface OpenTelemetryMeters {
  getMeter(name: string): OpenTelemetryMeter
}

export interface OpenTelemetryInstrument {
  description: string
  unit: string
  /** 0 for whole numbers. */
  valueType: number
}

export interface OpenTelemetryResult {
  observe(instrument: object, value: number, attributes: Record<string, string>): void
}

export interface OpenTelemetryOptions {
  /** What names of metrics and of attributes begin with; `vmalloc.` unless said. */
  prefix?: string
}

/** ValueType.INT of the API. */
const WHOLE = 0

/**
 * Observes accounts and regions with a meter, or with one of who has meters: `openTelemetryMetrics(metrics)`. The SDK
 * must have begun by then: a meter of before observes nothing. They are of all regions of this thread, as each
 * collection finds them. The returned function ends it. Throws VmallocError `argument`.
 */
export function openTelemetryMetrics(
  from: OpenTelemetryMeter | OpenTelemetryMeters,
  { prefix = 'vmalloc.' }: OpenTelemetryOptions = {},
): () => void {
  const meter = meterOf(from)
  const telling = new Telling(true)
  const instruments = new Map(metrics.map((metric) => [metric, make(meter, metric, prefix)]))
  const observe = (result: OpenTelemetryResult): void => {
    telling.tell(report(), (metric, labels, value) =>
      result.observe(instruments.get(metric)!, value, attributesOf(labels, prefix)),
    )
  }
  const all = [...instruments.values()]
  meter.addBatchObservableCallback(observe, all)
  return () => meter.removeBatchObservableCallback(observe, all)
}

function meterOf(from: OpenTelemetryMeter | OpenTelemetryMeters): OpenTelemetryMeter {
  const { getMeter, addBatchObservableCallback } = (from ?? {}) as Partial<OpenTelemetryMeter & OpenTelemetryMeters>
  if (typeof getMeter === 'function') return (from as OpenTelemetryMeters).getMeter('vmalloc')
  if (typeof addBatchObservableCallback === 'function') return from as OpenTelemetryMeter
  throw new VmallocError(
    'argument',
    'openTelemetryMetrics: what came has no getMeter, expected metrics of @opentelemetry/api, a MeterProvider or a Meter',
  )
}

function make(meter: OpenTelemetryMeter, { of, name, unit, kind, help }: Metric, prefix: string): object {
  const options = { description: help, unit: unit === 'bytes' ? 'By' : `{${unit}}`, valueType: WHOLE }
  const path = `${prefix}${of}.${name}`
  if (kind === 'count') return meter.createObservableCounter(path, options)
  if (kind === 'high') return meter.createObservableGauge(path, options)
  return meter.createObservableUpDownCounter(path, options)
}

function attributesOf(labels: Labels, prefix: string): Record<string, string> {
  return Object.fromEntries(Object.entries(labels).map(([name, value]) => [prefix + name, value]))
}
