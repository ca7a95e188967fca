/**
 * vmalloc/account: who holds the memory, by component of the program.
 */
import './index.ts'

export {
  Account,
  type AccountOptions,
  account,
  accounts,
  type Counts,
  currentAccount,
  type HardLimit,
  type Limits,
  ordinalOf,
  ownerOf,
  type SoftLimit,
  sizeOf,
} from './account/account.ts'
export {
  type AccountChange,
  type ClosedChange,
  type Difference,
  diff,
  diffText,
  type RegionChange,
} from './account/diff.ts'
export { readReport, reportJson } from './account/json.ts'
export { type Leak, leaks, leaksText } from './account/leaks.ts'
export { saveReport } from './account/open.ts'
export {
  type PrometheusClient,
  type PrometheusOptions,
  type PrometheusRegistry,
  prometheusMetrics,
} from './account/prometheus.ts'
export {
  type AccountFigures,
  type ClosedFigures,
  type RegionFigures,
  type Report,
  report,
} from './account/report.ts'
export type { TextOptions } from './account/table.ts'
export {
  type OpenTelemetryMeter,
  type OpenTelemetryMeters,
  type OpenTelemetryOptions,
  openTelemetryMetrics,
} from './account/telemetry.ts'
export { reportText } from './account/text.ts'
export { serveTop } from './top/server.ts'
