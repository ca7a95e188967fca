/**
 * vmalloc/collections: structures that lie in region memory, with nothing of theirs in JavaScript.
 */
import './index.ts'

export {
  address,
  bool,
  type Codec,
  f32,
  f64,
  i8,
  i16,
  i32,
  i64,
  struct,
  u8,
  u16,
  u32,
  u64,
  type ValueOf,
} from './collections/codec.ts'
export type { Collection, CollectionOptions } from './collections/collection.ts'
export type { ElementOf } from './collections/elements.ts'
export { HashMap } from './collections/hash-map.ts'
export { type End, type Interval, IntervalTree } from './collections/interval-tree.ts'
export type { KeyTableFigures, KeyTableOptions, Walk } from './collections/key-table.ts'
export { List } from './collections/list.ts'
export { bytes, type KeyKind, keys, text } from './collections/map-keys.ts'
export { MultiMap, type Numbered } from './collections/multi-map.ts'
export { Queue } from './collections/queue.ts'
export { Slab, type SlabOptions } from './collections/slab.ts'
export { Stack } from './collections/stack.ts'
export { StringBuilder, type StringBuilderOptions } from './collections/string-builder.ts'
export * as strings from './collections/strings.ts'
export {
  Tree,
  type TreeEntry,
  type TreeOptions,
  type TreeRange,
  vector,
} from './collections/tree.ts'
export { Vector, type VectorOptions } from './collections/vector.ts'
export type { Home } from './region/ground.ts'
