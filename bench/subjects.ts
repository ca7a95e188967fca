/**
 * The table of subjects: ours, what they are held against, and the least that could be.
 */
import { list, nothing } from './peers/bare.ts'
import { codemix } from './peers/codemix.ts'
import { glibc, jemalloc, mimalloc, tcmalloc } from './peers/native.ts'
import * as ours from './peers/ours.ts'
import { thiNg } from './peers/thi-ng.ts'
import { dlmalloc, emmalloc, tlsf } from './peers/wasm.ts'
import type { Subject } from './subject.ts'

export const subjects: readonly Subject[] = [
  ours.best,
  ours.shared,
  ours.nested,
  ours.traced,
  ours.pool,
  ours.last,
  ours.bestOfMany,
  ours.poolOfMany,
  ours.bestMethod,
  ours.poolMethod,
  ours.lastMethod,
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
]
