/**
 * vmalloc: memory management by regions, each a discipline joined with a method.
 *
 * The public names; importing this file registers what comes with the package.
 */
import { disciplines } from '../disciplines/index.ts'
import { aliases, methods } from '../methods/index.ts'
import { reportNoMore, reportTo } from './account/open.ts'
import { keepClosed } from './account/report.ts'
import { debugRegion, undebugRegion, writeFinding } from './debug/open.ts'
import { profileTo } from './profile/open.ts'
import { whenClosing, whenFound, whenOpened } from './region/hooks.ts'
import { registry } from './region/registry.ts'
import { tellUsage } from './region/usage.ts'
import { serveAsAsked } from './top/server.ts'
import { traceExtras, traceTo } from './trace/open.ts'

for (const method of methods) registry.methods.register(method)
for (const [name, of] of aliases) registry.methods.alias(name, of)
for (const discipline of disciplines) registry.disciplines.register(discipline)
whenOpened((region, options) => {
  const file = options.resolve(region.name, 'trace')
  if (typeof file === 'string') traceTo(file, region, traceExtras(region.name, options))
})
whenOpened(debugRegion)
whenOpened(profileTo)
whenOpened(reportTo)
whenClosing(undebugRegion)
whenClosing(keepClosed)
whenClosing(reportNoMore)
whenFound(writeFinding)
whenOpened(tellUsage)
whenOpened(serveAsAsked)

export { MemPool, type MemPoolOpts, type MemPoolStats } from './compat/mem-pool.ts'
export { type Addr, ALIGN, LIMIT, NIL } from './contract/addr.ts'
export type { DisciplineDef } from './contract/discipline.ts'
export type { Method, MethodDef, Visit } from './contract/method.ts'
export type { OptionRow, OptionValue } from './contract/option.ts'
export type {
  ArrayType,
  BlockEvent,
  Discipline,
  DisciplineEvent,
  Ear,
  Inspection,
  MapOptions,
  MappedBlock,
  MappedSegment,
  Mistake,
  NumericArray,
  Region,
  RegionEvent,
  RegionEvents,
  RegionMap,
  Request,
  ResizeOptions,
  Settings,
  Values,
  View,
} from './contract/region.ts'
export type { BlockView, SegmentView, Stat, State } from './contract/stat.ts'
export type { Segment, Store } from './contract/store.ts'
export { type FaultCode, VmallocError } from './ground/fault.ts'
export { profiles, writeProfile } from './profile/open.ts'
export { calloc, free, malloc, mallocRegion, mallocUsableSize, memalign, realloc, strdup } from './region/malloc.ts'
export { type AttachOptions, attach, heap, type OpenOptions, open } from './region/open.ts'
export { injectOptions, optionsMarkdown, usageText } from './region/options.ts'
export { regions } from './region/regions.ts'
export { registry } from './region/registry.ts'
