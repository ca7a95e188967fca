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
export type { CollectionOptions } from './collections/collection.ts'
export type { Home } from './region/ground.ts'
