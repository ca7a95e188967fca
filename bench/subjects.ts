/**
 * The table of subjects: ours, what they are held against, and the least that could be.
 */
import { list, nothing } from './peers/bare.ts'
import { codemix } from './peers/codemix.ts'
import { keepers } from './peers/collections.ts'
import { dlmalloc } from './peers/dlmalloc.ts'
import { emmalloc } from './peers/emmalloc.ts'
import { glibc } from './peers/glibc.ts'
import * as heaps from './peers/heaps.ts'
import { jemalloc } from './peers/jemalloc.ts'
import { mimalloc } from './peers/mimalloc.ts'
import * as ours from './peers/ours.ts'
import { tcmalloc } from './peers/tcmalloc.ts'
import { thiNg } from './peers/thi-ng.ts'
import { tlsf } from './peers/tlsf.ts'
import { tools } from './peers/tools.ts'
import type { Subject } from './subject.ts'

export const subjects: readonly Subject[] = [
  ours.best,
  ours.shared,
  ours.nested,
  ...tools,
  ours.pool,
  ours.last,
  ours.bestOfMany,
  ours.poolOfMany,
  ours.bestMethod,
  ours.poolMethod,
  ours.lastMethod,
  heaps.subHeap,
  heaps.currentSubHeap,
  heaps.cleared,
  heaps.oneByOne,
  heaps.objects,
  glibc,
  mimalloc,
  jemalloc,
  tcmalloc,
  dlmalloc,
  emmalloc,
  tlsf,
  codemix,
  thiNg,
  list,
  nothing,
  ...keepers,
]
