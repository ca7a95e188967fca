/**
 * search: what is found in a module, as options say: with the map of `wasmmap`, and kept where `wasmcache` says.
 */
import type { Options } from '../region/options.ts'
import type { Hints } from './find.ts'
import type { Finding } from './roles.ts'

export type Search = (bytes: Uint8Array, look: (hints: Hints) => Finding) => Finding

export function searcher(_options: Options): Search {
  return (_bytes, look) => look({})
}
